//! A thousand guests at once that wait, loop, call back, are cancelled and come too late: none is stuck, and nothing of
//! them is left.

import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Many asynchronous calls", .serialized) struct ConcurrencyTests {
    /// The host's state of one guest, counted.
    private final class Token: Sendable {
        static let living = Atomic(0)
        let seed: Int32
        init(seed: Int32) {
            self.seed = seed
            Self.living.wrappingAdd(1, ordering: .relaxed)
        }
        deinit { Self.living.wrappingSubtract(1, ordering: .relaxed) }
    }

    private struct Failure: Error {}

    private static func module() -> [UInt8] {
        var module = WasmBuilder()
        let wait = module.importFunction("host", "wait", [.i32], [.i32])
        module.memory(2, export: "memory")
        // Leaves marks all over memory, and finds them again after each wait.
        module.function("work", [.i32, .i32], [.i32], locals: [.i32]) { code in
            code.loop { body in
                body.localGet(1).i32Const(512).i32Mul().localGet(0).localGet(1).i32Add().i32Store()
                body.localGet(2)
                body.localGet(0).localGet(1).i32Add().call(wait)
                body.localGet(1).i32Const(512).i32Mul().i32Load().i32Sub()
                body.i32Add().localSet(2)
                body.localGet(1).i32Const(1).i32Sub().localTee(1).brIf(0)
            }
            code.localGet(2)
        }
        // A sum that takes a while, in registers only: x = x · 5 + i.
        module.function("compute", [.i32, .i32], [.i32]) { code in
            code.loop { body in
                body.localGet(0).i32Const(5).i32Mul().localGet(1).i32Add().localSet(0)
                body.localGet(1).i32Const(1).i32Sub().localTee(1).brIf(0)
            }
            code.localGet(0)
        }
        module.function("spin", [], []) { code in code.loop { $0.br(0) } }
        module.function("dirty", [], [.i32]) { $0.i32Const(512).i32Load() }
        return module.build()
    }

    /// Under `CI` a minute, as long as the claim says; elsewhere some seconds, or what `MAYFLY_STRESS_SECONDS` says.
    private static var duration: Duration {
        let environment = ProcessInfo.processInfo.environment
        if let seconds = environment["MAYFLY_STRESS_SECONDS"].flatMap(Int.init) { return .seconds(seconds) }
        return .seconds(environment["CI"] == "true" ? 60 : 5)
    }

    private static func template(_ engine: Engine) throws -> Template<Token> {
        var imports = Imports<Token>()
        imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
            switch (UInt32(bitPattern: value) &* 0x9E37_79B1 ^ UInt32(bitPattern: caller.state.seed)) >> 8 % 16 {
            case 0: try await Task.sleep(for: .microseconds(Int(value & 0xFFF)))
            case 1:
                let inner: Int32 = try await caller.call("compute", 1, 1000)
                if inner != Self.computed(1, 1000) { throw Failure() }
            case 2...5: break
            default: await Task.yield()
            }
            return value
        }
        return try engine.compile(module()).template(imports: imports)
    }

    private static func computed(_ start: Int32, _ rounds: Int32) -> Int32 {
        var value = start
        for round in (1...rounds).reversed() { value = value &* 5 &+ round }
        return value
    }

    @Test("a thousand at once, some cancelled, some too late", .timeLimit(.minutes(60)))
    func manyCalls() async throws {
        let engine = try Engine(
            .init(
                pool: PoolConfiguration(slotCount: 600, exhaustionWait: .seconds(36_000)),
                timeSlice: .microseconds(500)))
        let template = try Self.template(engine)
        let end = ContinuousClock.now + Self.duration
        let counts = Counts()
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    var generator = SeededGenerator(seed: seed &+ UInt64(number))
                    while ContinuousClock.now < end {
                        await Self.request(template, &generator, counts)
                    }
                }
            }
        }
        print(counts.text)
        #expect(counts[.wrong] == 0)
        #expect(counts[.done] > 200)
        #expect(counts[.cancelled] > 50)
        #expect(counts[.stopped] > 50)
        #expect(Token.living.load(ordering: .relaxed) == 0)
        #expect(engine.poolStatistics.live == 0)
        // Other suites' guests may have turns at this moment, but none keeps one.
        let patience = ContinuousClock.now + .seconds(1800)
        while Turns.shared.freeTurns < Turns.shared.count, ContinuousClock.now < patience {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(Turns.shared.freeTurns == Turns.shared.count)
    }

    private enum Outcome { case done, cancelled, stopped, wrong }

    private final class Counts: Sendable {
        private let counts = Mutex<[Outcome: Int]>([:])
        func add(_ outcome: Outcome) { counts.withLock { $0[outcome, default: 0] += 1 } }
        subscript(_ outcome: Outcome) -> Int { counts.withLock { $0[outcome, default: 0] } }
        var text: String { "\(counts.withLock { $0 })" }
    }

    private static func request(
        _ template: Template<Token>, _ generator: inout SeededGenerator, _ counts: Counts
    ) async {
        let kind = Int.random(in: 0..<10, using: &generator)
        let isCancelled = Int.random(in: 0..<4, using: &generator) == 0
        let hasDeadline = kind == 0 || Int.random(in: 0..<3, using: &generator) == 0
        let argument = Int32.random(in: 1...100_000, using: &generator)
        let rounds = Int32.random(in: 1...100, using: &generator)
        let time = Duration.microseconds(Int.random(in: 10...20_000, using: &generator))
        let task = Task {
            let deadline = hasDeadline ? ContinuousClock.now + time : nil
            return try await template.withInstance(state: Token(seed: argument), deadline: deadline) { instance in
                let dirty: Int32 = try await instance.call("dirty")
                guard dirty == 0 else { return false }
                switch kind {
                case 0:
                    try await instance.call("spin")
                    return false
                case 1...3:
                    let result: Int32 = try await instance.call("compute", argument, rounds * 3000)
                    return result == computed(argument, rounds * 3000)
                default:
                    let result: Int32 = try await instance.call("work", argument, rounds)
                    return result == 0
                }
            }
        }
        if isCancelled {
            try? await Task.sleep(for: time / 2)
            task.cancel()
        }
        do {
            let isRight = try await task.value
            counts.add(isRight ? .done : .wrong)
        } catch is CancellationError {
            counts.add(isCancelled ? .cancelled : .wrong)
        } catch let trap as Trap where trap.code == .interrupted {
            counts.add(hasDeadline ? .stopped : .wrong)
        } catch {
            print(error)
            counts.add(.wrong)
        }
    }

    @Test("more tasks than slots wait for each other, and no thread does")
    func fullPool() async throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2, exhaustionWait: .seconds(36_000))))
        let template = try Self.template(engine)
        try await withThrowingTaskGroup(of: Int32.self) { group in
            for number in 0..<200 {
                group.addTask {
                    try await template.withInstance(state: Token(seed: 0)) { instance in
                        try await Task.sleep(for: .milliseconds(1))
                        return try await instance.call("work", Int32(number), 3)
                    }
                }
            }
            for try await result in group { #expect(result == 0) }
        }
        #expect(engine.poolStatistics.live == 0)
        // Full for longer than a task waits.
        let impatient = try Engine(.init(pool: PoolConfiguration(slotCount: 1, exhaustionWait: .milliseconds(20))))
        let other = try Self.template(impatient)
        let only = try await other.instantiate(state: Token(seed: 0))
        await #expect(throws: PoolError.exhausted(slots: 1)) {
            try await other.withInstance(state: Token(seed: 0)) { _ in await Task.yield() }
        }
        let waiting = Task { try await other.withInstance(state: Token(seed: 0)) { _ in await Task.yield() } }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let dirty: Int32 = try await only.call("dirty")
        #expect(dirty == 0)
    }
}
