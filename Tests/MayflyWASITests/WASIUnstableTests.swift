//! `wasi_unstable`, for programs from before `wasi_snapshot_preview1`: the same functions, some with other layouts.

import Foundation
import Mayfly
import TestSupport
import Testing

@testable import MayflyWASI

@Suite("WASI: wasi_unstable")
struct WASIUnstableTests {
    private func call(_ guest: TestGuest, _ name: String, _ arguments: UInt64...) -> Errno {
        guard let function = WASIFunction.unstable.first(where: { $0.name == name }) else { return .nosys }
        return function.call(
            guest.wasi, guest.memory, arguments + [UInt64](repeating: 0, count: 10 - arguments.count))
    }

    @Test("it has all functions but sock_accept, with the same types")
    func functions() {
        #expect(WASIFunction.unstable.map(\.name) == WASIFunction.all.map(\.name).filter { $0 != "sock_accept" })
        for function in WASIFunction.unstable {
            #expect(WASIFunction.all.first { $0.name == function.name }?.parameters == function.parameters)
        }
    }

    @Test("seeking counts from here, the end, the start: 0, 1, 2")
    func whence() throws {
        let directory = try TestDirectory()
        try directory.write("0123456789", to: "file")
        let guest = try directory.guest()
        let (_, file) = guest.open("file")
        let result = guest.allocate(8)
        func seek(_ offset: Int64, _ whence: UInt64) -> (Errno, UInt64) {
            let error = call(guest, "fd_seek", file, UInt64(bitPattern: offset), whence, UInt64(result))
            return (error, guest.load(UInt64.self, at: result))
        }
        #expect(seek(4, 2) == (.success, 4))
        #expect(seek(1, 0) == (.success, 5))
        #expect(seek(-2, 1) == (.success, 8))
        #expect(seek(0, 3).0 == .inval)
        #expect(seek(0, 1 << 32 - 1).0 == .inval)
    }

    @Test("file status has 32 bits of link count and is 8 bytes shorter")
    func status() throws {
        let directory = try TestDirectory()
        try directory.write("12345", to: "file")
        let guest = try directory.guest()
        #expect(guest.onPaths("path_link", "file", "other") == .success)
        let path = guest.place("file")
        let result = guest.allocate(64)
        guest.store(UInt64.max, at: result + 56)
        #expect(call(guest, "path_filestat_get", 3, 0, path.address, path.count, UInt64(result)) == .success)
        #expect(guest.load(UInt8.self, at: result + 16) == FileType.regularFile.rawValue)
        #expect(guest.load(UInt32.self, at: result + 20) == 2)
        #expect(guest.load(UInt64.self, at: result + 24) == 5)
        #expect(guest.load(UInt64.self, at: result + 40) > 1_700_000_000_000_000_000)
        #expect(guest.load(UInt64.self, at: result + 56) == .max)
        let (_, file) = guest.open("file")
        let whole = guest.bytes(at: result, count: 56)
        #expect(call(guest, "fd_filestat_get", file, UInt64(result)) == .success)
        #expect(guest.bytes(at: result, count: 56) == whole)
        #expect(call(guest, "fd_filestat_get", file, UInt64(TestGuest.memorySize) - 56) == .success)
        #expect(call(guest, "fd_filestat_get", file, UInt64(TestGuest.memorySize) - 55) == .fault)
    }

    @Test("clock subscriptions have an identifier before the clock")
    func poll() {
        var configuration = WASI.Configuration()
        configuration.clocks = .fixed(realtime: 0)
        configuration.standardInput = .bytes([1, 2])
        let guest = TestGuest(configuration)
        let records = guest.allocate(112)
        for word in 0..<UInt32(14) { guest.store(UInt64(0), at: records + word * 8) }
        guest.store(UInt64(5), at: records)
        guest.store(UInt64.max, at: records + 16)  // the identifier
        guest.store(UInt32(1), at: records + 24)
        guest.store(UInt64(77), at: records + 32)
        guest.store(UInt64(6), at: records + 56)
        guest.store(UInt8(1), at: records + 56 + 8)
        let events = guest.allocate(64)
        let result = guest.allocate(4)
        // The bytes are there, so the clock does not move.
        #expect(call(guest, "poll_oneoff", UInt64(records), UInt64(events), 2, UInt64(result)) == .success)
        #expect(guest.load(UInt32.self, at: result) == 1)
        #expect(guest.load(UInt64.self, at: events) == 6)
        #expect(guest.load(UInt64.self, at: events + 16) == 2)
        #expect(call(guest, "poll_oneoff", UInt64(records), UInt64(events), 1, UInt64(result)) == .success)
        #expect(guest.load(UInt64.self, at: events) == 5)
        #expect(guest.wasi.waitedTime == 77)
    }

    @Test("a program that imports it runs")
    func program() throws {
        var module = WasmBuilder()
        let write = module.importFunction("wasi_unstable", "fd_write", [.i32, .i32, .i32, .i32], [.i32])
        let exit = module.importFunction("wasi_unstable", "proc_exit", [.i32])
        module.memory(1, export: "memory")
        module.data(at: 0, [16, 0, 0, 0, 3, 0, 0, 0] + Array(repeating: 0, count: 8) + Array("old".utf8))
        module.function("_start") { code in
            code.i32Const(1).i32Const(0).i32Const(1).i32Const(8).call(write).drop()
            code.i32Const(7).call(exit)
        }
        var imports = Imports<WASI>()
        imports.defineWASI()
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let template = try engine.compile(module.build()).template(imports: imports)
        var configuration = WASI.Configuration()
        configuration.standardOutput = .capture
        let wasi = WASI(configuration)
        let code = try template.withInstance(state: wasi) { try WASI.run($0) }
        #expect(code == 7)
        #expect(wasi.takeStandardOutput() == Array("old".utf8))
    }
}
