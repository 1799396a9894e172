//! Guests that are suspended in the middle, go on elsewhere, and are stopped while nobody runs them.

import Synchronization
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Asynchronous calls") struct AsynchronousCallTests {
    /// `host.wait (i32) -> i32` is awaited; `host.plain` is not.
    private static func module() -> [UInt8] {
        var module = WasmBuilder()
        let wait = module.importFunction("host", "wait", [.i32], [.i32])
        let plain = module.importFunction("host", "plain", [.i32], [.i32])
        module.memory(1, export: "memory")
        // A sum over what is awaited, with values in registers and on the stack of several frames.
        let inner = module.function("inner", [.i32], [.i32]) { code in
            code.localGet(0).localGet(0).call(wait).i32Add()
        }
        module.function("run", [.i32], [.i32], locals: [.i32]) { code in
            code.loop { body in
                body.localGet(1).localGet(0).call(inner).i32Add().localSet(1)
                body.localGet(0).i32Const(1).i32Sub().localTee(0).brIf(0)
            }
            code.localGet(1)
        }
        module.function("plain", [.i32], [.i32]) { $0.localGet(0).call(plain) }
        module.function("double", [.i32], [.i32]) { $0.localGet(0).i32Const(2).i32Mul() }
        module.function("spin", [], []) { code in code.loop { $0.br(0) } }
        return module.build()
    }

    private static func template(
        _ define: (inout Imports<Void>) -> Void
    ) throws -> Template<Void> {
        var imports = Imports<Void>()
        imports.define("host", "plain") { (_, value: Int32) in value }
        define(&imports)
        return try Engine(.init(pool: PoolConfiguration(slotCount: 100))).compile(module()).template(imports: imports)
    }

    @Test("a guest goes on where it was when what it awaited is there")
    func suspends() async throws {
        let template = try Self.template { imports in
            imports.define("host", "wait") { (_, value: Int32) in
                await Task.yield()
                return value * 10
            }
        }
        // The sum of 11 n.
        let sum: Int32 = try await template.withInstance { try await $0.call("run", 4) }
        #expect(sum == 110)
    }

    @Test("what a host function throws after it waited comes out of the call")
    func throwsLater() async throws {
        struct Failure: Error {}
        let template = try Self.template { imports in
            imports.define("host", "wait") { (_, value: Int32) -> Int32 in
                await Task.yield()
                throw Failure()
            }
        }
        await #expect(throws: Failure.self) {
            try await template.withInstance { instance in
                let _: Int32 = try await instance.call("run", 4)
            }
        }
    }

    @Test("a guest that awaits is not called without await")
    func needsAsynchronousCall() throws {
        let template = try Self.template { imports in
            imports.define("host", "wait") { (_, value: Int32) in
                await Task.yield()
                return value
            }
        }
        #expect(throws: CallError.needsAsynchronousCall(module: "host", name: "wait")) {
            try template.withInstance { instance in
                let doubled: Int32 = try instance.call("double", 4)
                #expect(doubled == 8)
                let _: Int32 = try instance.call("run", 4)
            }
        }
    }

    @Test("host functions that wait call the guest, which waits in turn")
    func reentrancy() async throws {
        let template = try Self.template { imports in
            imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
                if value <= 1 { return 1 }
                await Task.yield()
                let inner: Int32 = try await caller.call("run", value - 1)
                await Task.yield()
                return try await caller.call("double", inner)
            }
        }
        func run(_ n: Int32) -> Int32 {
            n == 0 ? 0 : run(n - 1) + n + (n <= 1 ? 1 : 2 * run(n - 1))
        }
        let sum: Int32 = try await template.withInstance { try await $0.call("run", 5) }
        #expect(sum == run(5))
    }

    @Test("a synchronous host function between the guest and what awaits is an error, not a suspended thread")
    func noSuspensionOverHostFrames() async throws {
        let template = try Self.template { imports in
            imports.define("host", "wait") { (_, value: Int32) in
                await Task.yield()
                return value
            }
            imports.define("host", "plain") { (caller, value: Int32) -> Int32 in try caller.call("run", value) }
        }
        await #expect(throws: CallError.needsAsynchronousCall(module: "host", name: "wait")) {
            try await template.withInstance { instance in
                let _: Int32 = try await instance.call("plain", 4)
            }
        }
    }

    @Test("cancelling the task stops a guest that waits, and one that loops")
    func cancellation() async throws {
        let template = try Self.template { imports in
            imports.define("host", "wait") { (_, value: Int32) in
                try await Task.sleep(for: .seconds(1000))
                return value
            }
        }
        for name in ["run", "spin"] {
            let task = Task {
                try await template.withInstance { instance in
                    do {
                        if name == "run" {
                            let _: Int32 = try await instance.call("run", 1)
                        } else {
                            try await instance.call("spin")
                        }
                    } catch {
                        let isStopped = instance.isStopped
                        #expect(isStopped)
                        throw error
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(20))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test("a deadline stops a guest that waits, one that loops, and one called by what it waits for")
    func deadlines() async throws {
        let template = try Self.template { imports in
            imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
                switch value {
                case 1: try await Task.sleep(for: .seconds(1000))
                case 2: try await caller.call("spin")
                default:
                    // Without await.
                    func spin(_ caller: borrowing Caller<Void>) throws { try caller.call("spin") }
                    try spin(caller)
                }
                return value
            }
        }
        for value: Int32 in 0...3 {
            // Long enough for the guest to have begun, on a machine with much else to do.
            var patience = Duration.milliseconds(50)
            var trap: Trap?
            repeat {
                let start = ContinuousClock.now
                let deadline = start + patience
                trap = await #expect(throws: Trap.self) {
                    try await template.withInstance(deadline: deadline) { instance in
                        if value == 0 {
                            try await instance.call("spin")
                        } else {
                            let _: Int32 = try await instance.call("run", value)
                        }
                    }
                }
                #expect(trap?.code == .interrupted)
                #expect(ContinuousClock.now >= deadline)
                patience *= 2
            } while trap?.backtrace.isEmpty == true && patience < .seconds(10)
            #expect(trap?.backtrace.isEmpty == false)
        }
    }

    @Test("guests that loop share the threads with others")
    func fairness() async throws {
        let template = try Self.template { imports in
            imports.define("host", "wait") { (_, value: Int32) in value }
        }
        let spinning = (0..<8).map { _ in
            Task {
                try await template.withInstance { try await $0.call("spin") }
            }
        }
        for _ in 0..<20 {
            let sum: Int32 = try await template.withInstance { try await $0.call("run", 100) }
            #expect(sum == 10100)
        }
        for task in spinning { task.cancel() }
        for task in spinning { await #expect(throws: CancellationError.self) { try await task.value } }
    }
}
