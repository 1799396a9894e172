//! One engine, several templates, eight threads: each stamps, calls and traps as it likes, and every result is its own.

import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Mayfly

/// What the threads found wrong.
private final class Findings: Sendable {
    private let list = Mutex<[String]>([])
    private let counter = Atomic(0)

    var all: [String] { list.withLock { $0 } }
    var checks: Int { counter.load(ordering: .relaxed) }

    func expect<Element: Equatable>(_ found: Element, _ expected: Element, _ what: @autoclosure () -> String) {
        counter.add(1, ordering: .relaxed)
        if found != expected { add("\(what()): \(found), expected \(expected)") }
    }

    func add(_ text: String) { list.withLock { if $0.count < 20 { $0.append(text) } } }
}

/// Runs `body` on so many threads at once and waits for all.
private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        Thread {
            body(index)
            group.leave()
        }.start()
    }
    group.wait()
}

@Suite struct ThreadTests {
    private static let threads = 8
    private static let rounds = 3000

    /// The guests of these tests.
    private struct Templates: Sendable {
        let operations: Template<Void>
        let recursion: Template<Void>
        let echo: Template<Int64>
        let javaScript: JavaScript?

        init(_ engine: Engine) throws {
            operations = try engine.compile { OperationModule.define(&$0) }.template()
            recursion = try engine.compile(Recursion.all[0].define).template()
            // Asks the host for its state, grows, and leaves the number all over its memory.
            var imports = Imports<Int64>()
            imports.define("env", "state") { caller in caller.state }
            echo = try engine.compile { module in
                let state = module.importFunction("env", "state", [], [.i64])
                module.memory(1, max: 16)
                module.global(.i64, mutable: true) { $0.i64Const(5) }
                module.function("echo", [.i64], [.i64]) { code in
                    // What is there before must be the image's: 5 + 0 + 0.
                    code.globalGet(0).i32Const(8).i64Load().i64Add()
                    code.i32Const(3).memoryGrow().i32Const(16).i32Shl().i64Load().i64Add()
                    code.i32Const(8).localGet(0).i64Store()
                    code.i32Const(0x10000).localGet(0).i64Store()
                    code.localGet(0).globalSet(0)
                    code.i64Const(1_000_000).i64Mul().call(state).i64Add().globalGet(0).i64Add()
                }
            }.template(imports: imports)
            javaScript = TestData.shouldRun("corpus/qjs.wasm") ? try JavaScript(engine) : nil
        }
    }

    @Test func everyThreadGetsItsOwnResults() throws {
        let engine = try Engine(.init(pool: .init(slotCount: 16)))
        let templates = try Templates(engine)
        let findings = Findings()
        onThreads(Self.threads) { thread in
            var random = SeededGenerator.forCase(thread, seed: 99)
            do {
                for round in 0..<Self.rounds {
                    let what = "thread \(thread), round \(round)"
                    switch random.below(100) {
                    case 0..<30:
                        let trap = random.pick(Operation.traps)
                        try templates.operations.withInstance { (instance) throws in
                            findings.expect(try instance.call("sum") as Int64, 0, "\(what): the memory's sum")
                            try instance.call("soil", Int32(random.below(255) + 1))
                            findings.expect(
                                try instance.outcome(trap.export, trap.operands), .trap(trap.code),
                                "\(what): \(trap.export)")
                        }
                    case 30..<50:
                        let (a, b) = (Int64(truncatingIfNeeded: random.next()), Int64(random.below(1000) + 1))
                        let quotient: Int64 = try templates.operations.withInstance { try $0.call("i64DivS", a, b) }
                        findings.expect(quotient, a / b, what)
                    case 50..<60:
                        let depth = Int64(random.below(5000))
                        try templates.recursion.withInstance { (instance) throws in
                            findings.expect(try instance.outcome("run", [.i64(-1)]), .trap(.callStackExhausted), what)
                            findings.expect(try instance.outcome("run", [.i64(depth)]), .results([.i64(depth)]), what)
                        }
                    case 60..<98:
                        let (state, argument) = (Int64(random.below(1000)), Int64(random.below(1000)))
                        let result: Int64 = try templates.echo.withInstance(state: state) {
                            try $0.call("echo", argument)
                        }
                        findings.expect(result, 5_000_000 + state + argument, what)
                    default:
                        // Without the corpus one kind of guest is missing, and the others are tested.
                        guard let javaScript = templates.javaScript else { continue }
                        let number = random.below(1000)
                        findings.expect(
                            try javaScript.evaluate(JavaScript.script(number)), JavaScript.printed(number), what)
                    }
                }
            } catch {
                findings.add("thread \(thread): \(error)")
            }
        }
        #expect(findings.all.isEmpty, "\(findings.all.joined(separator: "\n"))")
        #expect(findings.checks > Self.threads * Self.rounds)
        #expect(engine.poolStatistics.live == 0)
        #expect(engine.poolStatistics.retired == 0)
    }

    /// Threads that come and go leave no slot behind with them.
    @Test func shortLivedThreadsLoseNoSlots() throws {
        let engine = try Engine(.init(pool: .init(slotCount: 8)))
        let templates = try Templates(engine)
        let findings = Findings()
        for round in 0..<50 {
            onThreads(Self.threads) { thread in
                do {
                    let number = Int64(8 * round + thread)
                    let result: Int64 = try templates.echo.withInstance(state: number) { try $0.call("echo", number) }
                    findings.expect(result, 5_000_000 + 2 * number, "thread \(thread), round \(round)")
                    let outcome = try templates.operations.withInstance { try $0.outcome("unreachable", []) }
                    findings.expect(outcome, .trap(.unreachable), "thread \(thread), round \(round)")
                } catch {
                    findings.add("thread \(thread), round \(round): \(error)")
                }
            }
        }
        #expect(findings.all.isEmpty, "\(findings.all.joined(separator: "\n"))")
        #expect(findings.checks == 2 * 50 * Self.threads)
        #expect(engine.poolStatistics.live == 0)
    }
}
