//! Calls back from host functions: how deep the guest may choose to go, and what the host must not hold meanwhile.

import Foundation
import Glibc
import Mayfly
import TestSupport
import Testing

@Suite struct NestingTests {
    /// A guest that calls `env.again` from its function "again".
    private func template(_ again: @escaping @Sendable (borrowing Caller<Int>) throws -> Void) throws -> Template<Int> {
        try makeTemplate { module in
            let callee = module.importFunction("env", "again", [], [])
            module.function("again", [], []) { $0.call(callee) }
        } imports: { imports in
            imports.define("env", "again", type: FunctionType()) { caller, _ in try again(caller) }
        }
    }

    /// Runs on a thread with a stack of this size.
    private func onThread(stackBytes: Int, _ body: @escaping @Sendable () throws -> Void) -> ManagedCounter {
        let counter = ManagedCounter()
        let thread = Thread {
            do { try body() } catch {
                Issue.record(error)
                counter.increment()
            }
            counter.finish()
        }
        thread.stackSize = stackBytes
        thread.start()
        counter.waitUntilFinished(1)
        return counter
    }

    @Test(arguments: [(stackBytes: 512 << 10, depths: 9...12), (stackBytes: 4 << 20, depths: 50...50)])
    func hostFunctionsWithLargeFramesEndInATrapAndNotInAFault(stackBytes: Int, depths: ClosedRange<Int>) throws {
        let template = try template { caller in
            caller.state += 1
            try below(bytes: 32 << 10) { try caller.call("again") }
        }
        let failures = onThread(stackBytes: stackBytes) {
            try template.withInstance(state: 0) { (instance) throws in
                for _ in 0..<3 {
                    instance.state = 0
                    let trap = #expect(throws: Trap.self) { try instance.call("again") }
                    #expect(trap?.code == .callStackExhausted)
                    let depth = instance.state
                    #expect(depths.contains(depth))
                }
            }
        }
        #expect(failures.count == 0)
    }

    @Test func aHostFunctionCallsBackWithACopyOfTheState() throws {
        let template = try template { caller in
            var copy = caller.state
            copy += 1
            caller.state = copy
            if copy < 5 { try caller.call("again") }
            // The right side is evaluated before the access begins.
            caller.state += try { () throws -> Int in caller.state }()
        }
        try template.withInstance(state: 0) { (instance) throws in
            try instance.call("again")
            #expect(instance.state == 5 << 5)
        }
    }

    @Test func aChangeOfTheStateThatIsHeldDuringACallBackStopsTheProcess() async {
        await #expect(processExitsWith: .signal(SIGABRT)) {
            let template = try makeTemplate { module in
                let callee = module.importFunction("env", "again", [], [])
                module.function("again", [], []) { $0.call(callee) }
            } imports: { imports in
                imports.define("env", "again", type: FunctionType()) { caller, _ in
                    try change(&caller.state) { try caller.call("again") }
                }
            }
            try template.withInstance(state: 0) { try $0.call("again") }
        }
    }
}

private func change(_ state: inout Int, _ body: () throws -> Void) throws {
    state += 1
    if state < 5 { try body() }
}

/// Calls `body` with at least so many bytes of frames above it, whatever the compiler makes of one.
private func below(bytes: Int, _ body: () throws -> Void) throws {
    try descend(to: address() - UInt(bytes), body)
}

@inline(never)
private func descend(to target: UInt, _ body: () throws -> Void) throws {
    if address() > target { try descend(to: target, body) } else { try body() }
    // Keeps the frame: what comes after the call is no tail.
    _ = address()
}

/// An address in the caller's part of the stack, or just below.
@inline(never)
private func address() -> UInt {
    var here: UInt8 = 0
    return withUnsafeMutablePointer(to: &here) { UInt(bitPattern: $0) }
}
