//! Guests that wait in a system call are stopped at their deadline like those that run.

import Foundation
import Mayfly
import TestSupport
import Testing

@testable import MayflyWASI

@Suite("WASI: deadlines", .serialized)
struct WASIDeadlineTests {
    private static let wasi = "wasi_snapshot_preview1"

    /// A module that waits in a function of its own for everything there is to wait for.
    private static let template: Result<Template<WASI>, any Error> = Result {
        var module = WasmBuilder()
        let read = module.importFunction(wasi, "fd_read", [.i32, .i32, .i32, .i32], [.i32])
        let poll = module.importFunction(wasi, "poll_oneoff", [.i32, .i32, .i32, .i32], [.i32])
        let open = module.importFunction(
            wasi, "path_open", [.i32, .i32, .i32, .i32, .i32, .i64, .i64, .i32, .i32], [.i32])
        let accept = module.importFunction(wasi, "sock_accept", [.i32, .i32, .i32], [.i32])
        let random = module.importFunction(wasi, "random_get", [.i32, .i32], [.i32])
        module.memory(1024, export: "memory")
        // A vector of 100 bytes at 0; the name of a FIFO at 64; from 256 on a subscription to a clock, far away.
        module.data(at: 0, [128, 0, 0, 0, 100, 0, 0, 0])
        module.data(at: 64, Array("fifo".utf8))
        module.data(at: 256 + 16, [1])
        module.data(at: 256 + 24, Array(repeating: 0xFF, count: 7))
        module.function("read") { $0.i32Const(0).i32Const(0).i32Const(1).i32Const(16).call(read).drop() }
        module.function("poll") { $0.i32Const(256).i32Const(512).i32Const(1).i32Const(16).call(poll).drop() }
        module.function("open") { code in
            code.i32Const(3).i32Const(0).i32Const(64).i32Const(4).i32Const(0).i64Const(2).i64Const(0).i32Const(0)
            code.i32Const(16).call(open).drop()
        }
        module.function("accept") { $0.i32Const(4).i32Const(0).i32Const(16).call(accept).drop() }
        module.function("random") { code in
            code.loop { $0.i32Const(0).i32Const(60 << 20).call(random).drop().br(0) }
        }
        var imports = Imports<WASI>()
        imports.defineWASI()
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2)))
        return try engine.compile(module.build()).template(imports: imports)
    }

    @Test("whatever it waits for", arguments: ["read", "poll", "open", "accept", "random"])
    func waiting(_ function: String) throws {
        let directory = try TestDirectory()
        #expect(mkfifo(directory.path("fifo"), 0o600) == 0)
        let pipe = PipePair()
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // An address that the kernel chooses.
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, 2) }
        }
        #expect(bound == 0 && listen(listener, 1) == 0)
        var configuration = try directory.configuration()
        configuration.standardInput = .descriptor(pipe.reader)
        configuration.preopen(socket: listener)

        for _ in 0..<3 {
            let deadline = ContinuousClock.now + .milliseconds(10)
            do {
                try Self.template.get().withInstance(state: WASI(configuration), deadline: deadline) { instance in
                    try instance.call(function)
                }
                Issue.record("\(function) returned")
            } catch let trap as Trap {
                #expect(trap.code == .interrupted)
            }
            #expect(ContinuousClock.now >= deadline)
            // Loose: the machine has other things to do.
            #expect(ContinuousClock.now - deadline < .milliseconds(500))
        }
    }
}
