//! What an embedder fixes for guests: time, chance, and how much they may put out.

import Foundation
import Mayfly
import TestSupport
import Testing

@testable import MayflyWASI

@Suite("WASI: time and chance fixed, output limited")
struct WASIDeterminismTests {
    private func time(_ guest: TestGuest, _ clock: UInt64) -> UInt64 {
        let result = guest.allocate(8)
        #expect(guest.call("clock_time_get", clock, 0, UInt64(result)) == .success)
        return guest.load(UInt64.self, at: result)
    }

    /// Waits for a clock, and maybe for something to read.
    private func wait(_ guest: TestGuest, clock: UInt32, _ timeout: UInt64, absolute: Bool = false, read: UInt32? = nil)
        -> [UInt8]
    {
        let record = guest.allocate(96)
        for word in 0..<UInt32(12) { guest.store(UInt64(0), at: record + word * 8) }
        guest.store(clock, at: record + 16)
        guest.store(timeout, at: record + 24)
        guest.store(UInt16(absolute ? 1 : 0), at: record + 40)
        if let read {
            guest.store(UInt8(1), at: record + 48 + 8)
            guest.store(read, at: record + 48 + 16)
        }
        let events = guest.allocate(64)
        let result = guest.allocate(4)
        #expect(
            guest.call("poll_oneoff", UInt64(record), UInt64(events), read == nil ? 1 : 2, UInt64(result)) == .success)
        return (0..<guest.load(UInt32.self, at: result)).map { guest.load(UInt8.self, at: events + $0 * 32 + 10) }
    }

    @Test("fixed clocks say the same to every guest, and stand still while it runs")
    func fixedClocks() {
        var configuration = WASI.Configuration()
        configuration.clocks = .fixed(realtime: 1_700_000_000_000_000_000, monotonic: 5_000)
        for _ in 0..<2 {
            let guest = TestGuest(configuration)
            #expect(time(guest, 0) == 1_700_000_000_000_000_000)
            #expect(time(guest, 1) == 5_000)
            usleep(2000)
            #expect(time(guest, 0) == 1_700_000_000_000_000_000)
            #expect(time(guest, 2) == 0 && time(guest, 3) == 0)
            let result = guest.allocate(8)
            #expect(guest.call("clock_time_get", 4, 0, UInt64(result)) == .inval)
            #expect(guest.call("clock_res_get", 1, UInt64(result)) == .success)
            #expect(guest.load(UInt64.self, at: result) == 1)
        }
    }

    @Test("waiting for a fixed clock takes no time and moves it exactly so far")
    func fixedWaits() {
        let pipe = PipePair()
        var configuration = WASI.Configuration()
        configuration.clocks = .fixed(realtime: 1_000_000, monotonic: 100)
        configuration.standardInput = .descriptor(pipe.reader)
        let guest = TestGuest(configuration)
        let start = Date()
        #expect(wait(guest, clock: 1, 3_600_000_000_000) == [0])
        #expect(time(guest, 1) == 100 + 3_600_000_000_000)
        #expect(time(guest, 0) == 1_000_000 + 3_600_000_000_000)
        #expect(wait(guest, clock: 0, 1_000_000 + 3_600_000_000_007, absolute: true) == [0])
        #expect(time(guest, 1) == 107 + 3_600_000_000_000)
        // A moment that is over.
        #expect(wait(guest, clock: 0, 5, absolute: true) == [0])
        #expect(time(guest, 1) == 107 + 3_600_000_000_000)
        // Nothing to read: the time passes. Something: it does not.
        #expect(wait(guest, clock: 1, 13, read: 0) == [0])
        #expect(time(guest, 1) == 120 + 3_600_000_000_000)
        #expect(Glibc.write(pipe.writer, "x", 1) == 1)
        #expect(wait(guest, clock: 1, 13, read: 0) == [1])
        #expect(time(guest, 1) == 120 + 3_600_000_000_000)
        #expect(Date().timeIntervalSince(start) < 60)
    }

    @Test("random numbers from a seed are the same for every guest, and others from another seed")
    func seeded() {
        func bytes(_ seed: UInt64, _ counts: [Int]) -> [UInt8] {
            var configuration = WASI.Configuration()
            configuration.randomness = .seeded(seed)
            let guest = TestGuest(configuration)
            return counts.flatMap { count in
                let buffer = guest.allocate(count)
                #expect(guest.call("random_get", UInt64(buffer), UInt64(count)) == .success)
                return guest.bytes(at: buffer, count: count)
            }
        }
        #expect(bytes(1, [64, 13]) == bytes(1, [64, 13]))
        #expect(bytes(1, [64]) != bytes(2, [64]))
        #expect(Set(bytes(7, [4096])).count == 256)
        // A second call goes on in the sequence.
        let two = bytes(1, [64, 64])
        #expect(two.prefix(64) != two.suffix(64))
        // SplitMix64 from 1234567, a published value of it.
        #expect(
            bytes(1_234_567, [8]) == withUnsafeBytes(of: UInt64(6_457_827_717_110_365_317).littleEndian, Array.init))
    }

    @Test("output is limited in all, over streams and files")
    func outputLimit() throws {
        let directory = try TestDirectory()
        var configuration = WASI.Configuration()
        configuration.standardOutput = .capture
        configuration.maximumOutputByteCount = 10
        try directory.write("", to: "file")
        try configuration.preopen(directory.inside.path, as: "/")
        let guest = TestGuest(configuration)
        let (_, file) = guest.open("file", .create, rights: TestGuest.readWrite)
        #expect(guest.open("new", .create).0 == .nospc, "a file takes room, if it is empty too")
        #expect(guest.status("new").0 == .noent)
        #expect(guest.write(1, "1234") == (.success, 4))
        #expect(guest.write(file, "abc") == (.success, 3))
        #expect(guest.call("fd_allocate", file, 0, 4) == .nospc)
        #expect(guest.write(2, "xyzw") == (.success, 3), "also what vanishes, and as much as is left")
        #expect(guest.write(1, "5").0 == .nospc)
        #expect(guest.write(file, "d").0 == .nospc)
        #expect(guest.write(1, "") == (.success, 0))
        #expect(guest.wasi.takeStandardOutput() == Array("1234".utf8))
        #expect(guest.contents("file") == (.success, "abc"))
        // What fails has cost nothing, and each context has its own.
        let other = TestGuest(configuration)
        #expect(other.write(77, "x").0 == .badf)
        #expect(other.write(1, "0123456789a") == (.success, 10))
    }

    @Test("a configuration that is changed makes other contexts, and leaves its copies alone")
    func blueprints() {
        var configuration = WASI.Configuration()
        configuration.arguments = ["one"]
        let first = configuration.blueprint
        #expect(configuration.blueprint === first)
        var copy = configuration
        #expect(copy.blueprint === first)
        copy.arguments.append("two")
        #expect(copy.blueprint !== first)
        #expect(configuration.blueprint === first)
        #expect(copy.blueprint.arguments.offsets.count == 2 && first.arguments.offsets.count == 1)
    }

    @Test("whatever of a configuration is changed, contexts made from then on know it")
    func everyProperty() throws {
        let changes: [(inout WASI.Configuration) throws -> Void] = [
            { $0.arguments = ["x"] }, { $0.environment["x"] = "y" }, { $0.standardInput = .bytes([1]) },
            { $0.standardOutput = .capture }, { $0.standardError = .capture }, { $0.clocks = .fixed(realtime: 1) },
            { $0.randomness = .seeded(1) }, { $0.maximumDescriptorCount = 9 }, { $0.maximumOutputByteCount = 9 },
            { try $0.preopen("/", as: "/", access: .readOnly) }, { $0.preopen(WASI.FileTree(), as: "/tree") },
            { $0.preopen(socket: 0) }, { $0.pathResolution = .walk },
        ]
        var configuration = WASI.Configuration()
        for change in changes {
            let before = configuration.blueprint
            try change(&configuration)
            #expect(configuration.blueprint !== before)
        }
        // One for each property: those of the configuration, but for what keeps the blueprints.
        let properties = Set(Mirror(reflecting: configuration).children.compactMap(\.label)).subtracting(["cache"])
        #expect(properties.count == changes.count - 1, "two of them change what is preopened: \(properties.sorted())")
    }

    @Test("a guest that raises a signal ends as a program does, one that is ignored goes on")
    func raising() throws {
        var module = WasmBuilder()
        let raise = module.importFunction("wasi_snapshot_preview1", "proc_raise", [.i32], [.i32])
        module.function("raise", [.i32], [.i32]) { $0.localGet(0).call(raise) }
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        var imports = Imports<WASI>()
        imports.defineWASI()
        let template = try engine.compile(module.build()).template(imports: imports)
        try template.withInstance(state: WASI()) { instance in
            let ignored: Int32 = try instance.call("raise", 16 as Int32)
            #expect(ignored == 0)
            let stopped: Int32 = try instance.call("raise", 18 as Int32)
            #expect(stopped == Int32(Errno.notsup.rawValue))
            #expect(throws: WASIExit(code: 134)) { let _: Int32 = try instance.call("raise", 6 as Int32) }
        }
    }
}
