//! Entering code, host calls, traps and backtraces, on code that no compiler wrote.

import Foundation
import Glibc
import Runtime
import Testing

@testable import Mayfly

private struct HostFailure: Error, Equatable { var number: Int32 }

private let smallPool = PoolConfiguration(slotCount: 16, stackBytes: 256 << 10)

/// An instance's state: what the host function was called with.
private struct Calls {
    var arguments: [[Int32]] = []
}

@Suite struct MachineCodeTests {
    private let engine: Engine
    private let template: Template<Calls>

    init() throws {
        engine = try Engine(.init(pool: smallPool))
        let module = try HandAssembledModule.load(engine)
        var imports = Imports<Calls>()
        imports.define("env", "host") { (caller, a: Int32, b: Int32) -> Int32 in
            caller.state.arguments.append([a, b])
            switch a {
            case -1: throw HostFailure(number: b)
            case -2: try caller.call("unreachable")
            case -3: return try caller.call("host", b > 0 ? -3 : 0, b - 1)
            case -4: return try caller.call("host", -4, b)
            default: break
            }
            return a &* b
        }
        template = try module.template(imports: imports)
    }

    private func withInstance<R>(_ body: (borrowing Instance<Calls>) throws -> R) throws -> R {
        try template.withInstance(state: Calls(), body)
    }

    private func trap(_ body: (borrowing Instance<Calls>) throws -> Void) throws -> Trap? {
        try withInstance { (instance) throws in
            do {
                try body(instance)
                return nil
            } catch let trap as Trap {
                return trap
            }
        }
    }

    @Test func aFunctionGetsItsArgumentsAndReturnsItsResult() throws {
        let sum: Int32 = try withInstance { try $0.call("add", 40, 2) }
        #expect(sum == 42)
        let unsigned: UInt32 = try withInstance { try $0.call("add", UInt32.max, UInt32(3)) }
        #expect(unsigned == 2)
        let add = try template.function("add", as: ((Int32, Int32) -> Int32).self)
        #expect(try withInstance { try $0.call(add, -5, 3) } == -2)
        #expect(try withInstance { try $0.call("add", arguments: [.i32(1), .i32(2)]) } == [.i32(3)])
    }

    @Test func aHostFunctionReachesTheStateOfItsInstance() throws {
        try withInstance { (instance) throws in
            let product: Int32 = try instance.call("host", 6, 7)
            #expect(product == 42)
            #expect(instance.state.arguments == [[6, 7]])
        }
    }

    @Test func anErrorOfAHostFunctionComesOutUnchanged() throws {
        try withInstance { (instance) throws in
            #expect(throws: HostFailure(number: 9)) { try instance.call("host", -1, 9) as Int32 }
            let product: Int32 = try instance.call("host", 2, 3)
            #expect(product == 6, "the instance can still be called")
        }
    }

    @Test func entriesNest() throws {
        try withInstance { (instance) throws in
            let result: Int32 = try instance.call("host", -3, 5)
            #expect(result == 0)
            #expect(instance.state.arguments.count == 7)
        }
    }

    @Test func nestingIsBounded() throws {
        try withInstance { (instance) throws in
            let trap = #expect(throws: Trap.self) { try instance.call("host", -4, 0) as Int32 }
            #expect(trap?.code == .callStackExhausted)
            #expect(instance.state.arguments.count == 50)
            let sum: Int32 = try instance.call("add", 1, 2)
            #expect(sum == 3)
        }
    }

    @Test func aTrapInANestedEntryEndsTheOuterOneToo() throws {
        let trap = try trap { _ = try $0.call("host", -2, 0) as Int32 }
        #expect(trap?.code == .unreachable)
        #expect(trap?.backtrace.first?.functionName == "the_unreachable")
    }

    @Test func aLoadBeyondTheMemoryTraps() throws {
        let value: Int32 = try withInstance { try $0.call("load", 65532) }
        #expect(value == 0)
        let trap = try trap { _ = try $0.call("load", 65536) as Int32 }
        #expect(trap?.code == .memoryOutOfBounds)
        #expect(trap?.backtrace == [.init(functionIndex: 2, functionName: "the_load", offset: 0x100)])
        #expect(try self.trap { _ = try $0.call("load", -1) as Int32 }?.code == .memoryOutOfBounds)
    }

    @Test func aDivisionFaultTraps() throws {
        let quotient: Int32 = try withInstance { try $0.call("divide", 84, 2) }
        #expect(quotient == 42)
        #expect(try trap { _ = try $0.call("divide", 1, 0) as Int32 }?.code == .integerDivideByZero)
    }

    @Test func aBacktraceNamesTheCallers() throws {
        let trap = try #require(try trap { try $0.call("outer") })
        #expect(trap.code == .unreachable)
        #expect(trap.backtrace.map(\.functionName) == ["the_unreachable", "the_middle", "the_outer"])
        #expect(trap.backtrace.map(\.functionIndex) == [4, 11, 10])
        #expect(trap.backtrace.map(\.offset) == [0x200, 0x600, 0x500])
        #expect(
            trap.description == """
                wasm trap: unreachable
                  0: the_unreachable (function 4) at 0x200
                  1: the_middle (function 11) at 0x600
                  2: the_outer (function 10) at 0x500
                """)
    }

    @Test func endlessRecursionTraps() throws {
        let trap = try #require(try trap { try $0.call("recurse") })
        #expect(trap.code == .callStackExhausted)
        #expect(trap.backtrace.count == Trap.maximumFrames)
        #expect(trap.backtrace.allSatisfy { $0.functionName == "the_recurse" })
        // 16 bytes a frame; what is missing is the reserve.
        #expect(trap.omittedFrames > 10_000 && trap.omittedFrames < 16_384)
    }

    @Test func aFaultInTheStackGuardIsAStackOverflow() throws {
        #expect(try trap { try $0.call("overrun") }?.code == .callStackExhausted)
    }

    @Test func aFaultWhereNothingMayFaultIsNotAGuestsTrap() throws {
        // Marked as a memory access, but not an access to the memory.
        #expect(try trap { _ = try $0.call("wild") as Int32 }?.code == .unexpectedFault)
        #expect(try trap { try $0.call("unmarked") }?.code == .unexpectedFault)
    }

    @Test func memoryGrowsWithinItsMaximum() throws {
        try withInstance { (instance) throws in
            #expect(instance.memorySize == 65536)
            let (first, second, third): (Int32, Int32, Int32) = (
                try instance.call("grow", 2), try instance.call("grow", 1), try instance.call("grow", -1)
            )
            #expect(first == 1 && second == -1 && third == -1)
            #expect(instance.memorySize == 3 * 65536)
            let value: Int32 = try instance.call("load", 3 * 65536 - 4)
            #expect(value == 0)
        }
        try withInstance { #expect($0.memorySize == 65536, "the next instance starts afresh") }
    }

    @Test func aTrapInARuntimeFunctionHasABacktrace() throws {
        try withInstance { (instance) throws in
            try instance.call("fill", 65530, 6)
            #expect(try instance.readBytes(at: 65528, count: 8) == [0, 0, 7, 7, 7, 7, 7, 7])
        }
        let trap = try #require(try trap { try $0.call("fill", 65530, 7) })
        #expect(trap.code == .memoryOutOfBounds)
        #expect(trap.backtrace == [.init(functionIndex: 9, functionName: "the_fill", offset: 0x400)])
    }

    @Test func tenThousandTrapsInARow() throws {
        try withInstance { (instance) throws in
            for round in 0..<10_000 {
                do {
                    switch round % 4 {
                    case 0: _ = try instance.call("load", -8) as Int32
                    case 1: _ = try instance.call("divide", 1, 0) as Int32
                    case 2: try instance.call("unreachable")
                    default: try instance.call("fill", 65530, 7)
                    }
                    Issue.record("no trap")
                } catch is Trap {}
            }
        }
    }

    @Test func threadsTrapAtTheSameTime() throws {
        // Threads of their own bring no alternate signal stack.
        let template = template
        let failures = ManagedCounter()
        let threads = (0..<8).map { _ in
            Thread {
                for _ in 0..<200 {
                    do {
                        try template.withInstance(state: Calls()) { (instance) throws in
                            try instance.call("recurse")
                        }
                        failures.increment()
                    } catch let trap as Trap {
                        if trap.code != .callStackExhausted { failures.increment() }
                    } catch {
                        failures.increment()
                    }
                }
                failures.finish()
            }
        }
        for thread in threads { thread.start() }
        failures.waitUntilFinished(threads.count)
        #expect(failures.count == 0)
        #expect(engine.poolStatistics.live == 0)
    }

    @Test func templatesAreMadeAndDroppedWhileOthersTrap() throws {
        let template = template
        let failures = ManagedCounter()
        let engine = engine
        let trapping = Thread {
            for _ in 0..<5_000 {
                do {
                    try template.withInstance(state: Calls()) { _ = try $0.call("load", -8) as Int32 }
                    failures.increment()
                } catch is Trap {
                } catch {
                    failures.increment()
                }
            }
            failures.finish()
        }
        trapping.start()
        for _ in 0..<100 {
            var imports = Imports<Void>()
            imports.define("env", "host") { (_, a: Int32, _: Int32) in a }
            let other = try HandAssembledModule.load(engine).template(imports: imports)
            #expect(throws: Trap.self) { try other.withInstance { try $0.call("unreachable") } }
        }
        failures.waitUntilFinished(1)
        #expect(failures.count == 0)
    }
}

/// Counts failures on several threads and waits for their ends.
final class ManagedCounter: @unchecked Sendable {
    private let condition = NSCondition()
    private var failures = 0
    private var finished = 0

    var count: Int { condition.withLock { failures } }
    func increment() { condition.withLock { failures += 1 } }
    func finish() {
        condition.withLock {
            finished += 1
            condition.broadcast()
        }
    }
    func waitUntilFinished(_ number: Int) {
        condition.lock()
        while finished < number { condition.wait() }
        condition.unlock()
    }
}
