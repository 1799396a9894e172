//! Guests that are stopped at a time, whatever they are doing.

import Foundation
import Mayfly
import Synchronization
import TestSupport
import Testing

@Suite("Deadlines", .serialized) struct DeadlineTests {
    /// What a guest does for ever, or for a long time.
    enum Occupation: String, CaseIterable {
        /// A loop without a call.
        case loop
        /// Functions that call each other.
        case calls
        /// Recursion that returns before the stack is exhausted, again and again.
        case recursion
        /// Bytes filled, as many as there are; the memory has 1 GiB.
        case fill
        /// Bytes copied to where they overlap.
        case copy
        /// A host function that does nothing.
        case host
        /// A host function that takes 2 ms.
        case slowHost
        /// The memory's size asked for by a call of the runtime.
        case grow
    }

    private static let engine = Result {
        try Engine(.init(pool: PoolConfiguration(slotCount: 4)))
    }

    private static let template: Result<Template<Void>, any Error> = Result {
        var module = WasmBuilder()
        let quick = module.importFunction("host", "quick")
        let slow = module.importFunction("host", "slow")
        let nested = module.importFunction("host", "nested")
        module.memory(1, max: 16_384, export: "memory")
        module.function("grow1GiB") { $0.i32Const(16_383).memoryGrow().drop() }
        module.function("loop") { $0.loop { $0.br(0) } }
        let leaf = module.function(nil, [.i32], [.i32]) { $0.localGet(0).i32Const(1).i32Add() }
        let deep = module.function(nil, [.i32], [.i32], locals: []) { code in
            code.localGet(0).i32Eqz().if { $0.i32Const(0).return() }
            code.localGet(0).i32Const(1).i32Sub().call(leaf + 1)
        }
        module.function("calls") { code in code.loop { $0.i32Const(0).call(leaf).drop().br(0) } }
        module.function("recursion") { code in code.loop { $0.i32Const(1000).call(deep).drop().br(0) } }
        module.function("fill") { code in
            code.loop { $0.i32Const(0).i32Const(7).i32Const(1 << 30).memoryFill().br(0) }
        }
        module.function("copy") { code in
            code.loop { $0.i32Const(1).i32Const(0).i32Const((1 << 30) - 1).memoryCopy().br(0) }
        }
        module.function("host") { code in code.loop { $0.call(quick).br(0) } }
        module.function("slowHost") { code in code.loop { $0.call(slow).br(0) } }
        module.function("grow") { code in code.loop { $0.i32Const(0).memoryGrow().drop().br(0) } }
        module.function("nested") { code in code.call(nested) }
        module.function("answer", [], [.i32]) { $0.i32Const(42) }
        var imports = Imports<Void>()
        imports.define("host", "quick") { _ in }
        imports.define("host", "slow") { _ in _ = usleep(2000) }
        imports.define("host", "nested") { caller in
            // A host function that takes every error for its own.
            try? caller.call("loop")
            try? caller.call("loop")
        }
        return try engine.get().compile(module.build()).template(imports: imports)
    }

    // What is no value that can be copied has no place in an expectation.
    private func expectStopped(_ instance: borrowing Instance<Void>, _ expected: Bool) {
        let isStopped = instance.isStopped
        #expect(isStopped == expected)
    }

    private func remainingTime(_ instance: borrowing Instance<Void>) -> Duration? {
        instance.deadline.map { $0 - .now }
    }

    private func expectInterrupted(_ function: String, _ instance: borrowing Instance<Void>) -> Trap? {
        do {
            try instance.call(function)
            Issue.record("\(function) returned")
        } catch let trap as Trap {
            #expect(trap.code == .interrupted)
            return trap
        } catch {
            Issue.record("\(function): \(error)")
        }
        return nil
    }

    @Test("a guest is stopped soon after its deadline, and its slot is as good as any", arguments: Occupation.allCases)
    func stops(_ occupation: Occupation) throws {
        let template = try Self.template.get()
        for round in 0..<5 {
            let instance = try template.instantiate()
            if [.fill, .copy].contains(occupation) { try instance.call("grow1GiB") }
            let deadline = ContinuousClock.now + .milliseconds(5)
            let trap = instance.withDeadline(deadline) { expectInterrupted(occupation.rawValue, $0) }
            // Loose: the machine has other things to do.
            #expect(ContinuousClock.now - deadline < .milliseconds(500), "round \(round)")
            #expect(ContinuousClock.now >= deadline)
            #expect(trap?.backtrace.isEmpty == false)
            expectStopped(instance, true)
            #expect(throws: CallError.stoppedInstance) { try instance.call("loop") }
            #expect(throws: CopyError.stoppedInstance) { _ = try instance.checkpoint() }
            #expect(throws: CopyError.stoppedInstance) { _ = try instance.fork() }
        }
        // No slot is lost, and none remembers.
        for _ in 0..<8 {
            try template.withInstance { instance in
                expectStopped(instance, false)
                let answer: Int32 = try instance.call("answer")
                #expect(answer == 42)
            }
        }
    }

    @Test("a guest that is faster than its deadline knows nothing of it")
    func faster() throws {
        let template = try Self.template.get()
        try template.withInstance { instance in
            instance.deadline = .now + .seconds(3600)
            for _ in 0..<1000 {
                let answer: Int32 = try instance.call("answer")
                #expect(answer == 42)
            }
            expectStopped(instance, false)
            let remaining = remainingTime(instance) ?? .zero
            #expect(remaining > .seconds(3500) && remaining <= .seconds(3600))
            instance.deadline = nil
            let time = remainingTime(instance)
            #expect(time == nil)
        }
    }

    @Test("deadlines that pass while a call returns stop it or do not, and nothing in between")
    func justInTime() throws {
        let template = try Self.template.get()
        var stopped = 0
        for round in 0..<3000 {
            try template.withInstance { instance in
                instance.deadline = .now + .microseconds(round % 30)
                do {
                    let answer: Int32 = try instance.call("answer")
                    #expect(answer == 42)
                    expectStopped(instance, false)
                    instance.deadline = nil
                    let again: Int32 = try instance.call("answer")
                    #expect(again == 42)
                } catch let trap as Trap {
                    #expect(trap.code == .interrupted)
                    stopped += 1
                }
            }
        }
        #expect(stopped > 0)
    }

    @Test("after its deadline a call runs nothing, and the instance is whole")
    func tooLate() throws {
        try Self.template.get().withInstance { instance in
            instance.deadline = .now - .seconds(1)
            _ = expectInterrupted("loop", instance)
            expectStopped(instance, false)
            instance.deadline = nil
            let answer: Int32 = try instance.call("answer")
            #expect(answer == 42)
        }
    }

    @Test("the earlier of two deadlines counts, and the outer one is there again afterwards")
    func nestedScopes() throws {
        try Self.template.get().withInstance { instance in
            let outer = ContinuousClock.now + .seconds(3600)
            instance.deadline = outer
            instance.withDeadline(.now + .seconds(7200)) { inner in
                let time = remainingTime(inner)
                #expect(time.map { $0 <= .seconds(3600) } == true)
            }
            instance.withDeadline(.now + .milliseconds(5)) { _ = expectInterrupted("loop", $0) }
            let time = remainingTime(instance)
            #expect(time.map { $0 > .seconds(3000) } == true)
        }
    }

    @Test("a host function that swallows the error does not save its guest")
    func swallowed() throws {
        try Self.template.get().withInstance { instance in
            instance.deadline = .now + .milliseconds(5)
            _ = expectInterrupted("nested", instance)
            expectStopped(instance, true)
        }
    }

    @Test("a guest that ends in another way after its deadline was not stopped")
    func endedOtherwise() throws {
        struct Failure: Error {}
        var module = WasmBuilder()
        let fail = module.importFunction("host", "fail")
        module.function("fail") { $0.call(fail) }
        module.function("answer", [], [.i32]) { $0.i32Const(42) }
        var imports = Imports<Void>()
        imports.define("host", "fail") { _ -> Void in
            usleep(10_000)
            throw Failure()
        }
        try Self.engine.get().compile(module.build()).template(imports: imports).withInstance { instance in
            instance.deadline = .now + .milliseconds(2)
            #expect(throws: Failure.self) { try instance.call("fail") }
            expectStopped(instance, false)
            instance.deadline = nil
            let answer: Int32 = try instance.call("answer")
            #expect(answer == 42)
        }
    }

    @Test("an instance that was stopped can be rolled back, and runs again")
    func rollBack() throws {
        try Self.template.get().withInstance { instance in
            let point = try instance.checkpoint()
            for _ in 0..<3 {
                instance.withDeadline(.now + .milliseconds(2)) { _ = expectInterrupted("loop", $0) }
                try instance.rollBack(to: point)
                expectStopped(instance, false)
                let answer: Int32 = try instance.call("answer")
                #expect(answer == 42)
            }
        }
    }

    @Test("of linked instances each has its own deadline, which stops what it calls of the others")
    func linked() throws {
        let engine = try Self.engine.get()
        let provider = try engine.compile(
            text: #"(module (func (export "loop") (loop (br 0))) (func (export "nothing")))"#)
        let user = try engine.compile(
            text: """
                (module (import "provider" "loop" (func $loop)) (import "provider" "nothing" (func $nothing))
                  (func (export "loop") (call $loop)) (func (export "nothing") (call $nothing)))
                """)
        func expectLoopInterrupted(_ instance: borrowing Instance<Void>) {
            do {
                try instance.call("loop")
                Issue.record("it returned")
            } catch let trap as Trap {
                #expect(trap.code == .interrupted)
                #expect(trap.backtrace.count == 2)
            } catch {
                Issue.record("\(error)")
            }
        }
        for _ in 0..<3 {
            var store = Store(engine)
            let first = try store.instantiate(provider, as: "provider")
            let second = try store.instantiate(user)
            first.deadline = .now - .seconds(1)
            // Its own has passed, the other's has not.
            try second.call("nothing")
            second.deadline = .now + .milliseconds(3)
            expectLoopInterrupted(second)
            // They run on one stack: what was stopped was both.
            first.deadline = nil
            #expect(throws: CallError.stoppedInstance) { try first.call("nothing") }
            #expect(throws: CopyError.stoppedInstance) { _ = try store.snapshot() }
        }
    }

    @Test("a start function that does not end is stopped too")
    func start() throws {
        var module = WasmBuilder()
        let loop = module.function(nil) { $0.loop { $0.br(0) } }
        module.start(loop)
        let template = try Self.engine.get().compile(module.build()).template()
        for _ in 0..<10 {
            do {
                try template.withInstance(state: (), deadline: .now + .milliseconds(3)) { _ in }
                Issue.record("it returned")
            } catch let trap as Trap {
                #expect(trap.code == .interrupted)
            }
        }
    }

    @Test("threads that block signals, as those of Dispatch do, are reached, and block them again afterwards")
    func blockedSignals() throws {
        let template = try Self.template.get()
        let done = DispatchSemaphore(value: 0)
        Thread {
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_SETMASK, &all, nil)
            do {
                try template.withInstance { instance in
                    instance.withDeadline(.now + .milliseconds(5)) { _ = expectInterrupted("loop", $0) }
                }
            } catch {
                Issue.record("\(error)")
            }
            var now = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &now)
            #expect(sigismember(&now, SIGURG) == 1)
            done.signal()
        }.start()
        done.wait()
    }

    @Test("guests on several threads are stopped each at its own time")
    func threads() throws {
        let template = try Self.template.get()
        let done = DispatchSemaphore(value: 0)
        for thread in 0..<4 {
            Thread {
                for round in 0..<20 {
                    do {
                        try template.withInstance { instance in
                            let deadline = ContinuousClock.now + .milliseconds(1 + (thread * 7 + round * 3) % 11)
                            let function = Occupation.allCases[(thread + round) % 3].rawValue
                            instance.withDeadline(deadline) { _ = expectInterrupted(function, $0) }
                            #expect(ContinuousClock.now >= deadline)
                        }
                    } catch {
                        Issue.record("\(error)")
                    }
                }
                done.signal()
            }.start()
        }
        for _ in 0..<4 { done.wait() }
    }

    @Test("a handler that somebody puts in place of ours keeps no guest running, and hears what is not for a guest")
    func replacedHandler() throws {
        let template = try Self.template.get()
        var foreign = sigaction()
        foreign.__sigaction_handler.sa_handler = { _ in foreignRings.add(1, ordering: .relaxed) }
        for _ in 0..<3 {
            #expect(sigaction(SIGURG, &foreign, nil) == 0)
            try template.withInstance { instance in
                instance.withDeadline(.now + .milliseconds(2)) { _ = expectInterrupted("loop", $0) }
            }
            let before = foreignRings.load(ordering: .relaxed)
            // To this thread: it handles the signal before it goes on.
            var bell = sigset_t()
            sigemptyset(&bell)
            sigaddset(&bell, SIGURG)
            var previous = sigset_t()
            pthread_sigmask(SIG_UNBLOCK, &bell, &previous)
            raise(SIGURG)
            pthread_sigmask(SIG_SETMASK, &previous, nil)
            #expect(foreignRings.load(ordering: .relaxed) == before + 1)
        }
    }

    @Test("the signal by itself means nothing")
    func foreignBells() throws {
        let template = try Self.template.get()
        let stop = DispatchSemaphore(value: 0)
        let started = DispatchSemaphore(value: 0)
        let done = DispatchSemaphore(value: 0)
        let target = ThreadBox()
        Thread {
            var bell = sigset_t()
            sigemptyset(&bell)
            sigaddset(&bell, SIGURG)
            pthread_sigmask(SIG_UNBLOCK, &bell, nil)
            target.thread = pthread_self()
            started.signal()
            do {
                try template.withInstance { instance in
                    while stop.wait(timeout: .now()) == .timedOut {
                        let answer: Int32 = try instance.call("answer")
                        #expect(answer == 42)
                    }
                }
            } catch {
                Issue.record("\(error)")
            }
            done.signal()
        }.start()
        started.wait()
        for _ in 0..<2000 { pthread_kill(target.thread, SIGURG) }
        stop.signal()
        done.wait()
    }
}

/// Signals that a handler of somebody else's has seen.
private let foreignRings = Atomic(0)

/// Handed from thread to thread by a semaphore.
private final class ThreadBox: @unchecked Sendable { var thread = pthread_self() }
