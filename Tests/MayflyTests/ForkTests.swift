//! Forks and roll-backs of instances.

import CPlatform
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Forks")
struct ForkTests {
    private func change(_ guest: borrowing Instance<Void>) throws {
        try guest.call("put", 5, 55)
        try guest.call("put", 65535, 99)
        _ = try guest.call("grow", 30) as Int32
        try guest.call("put", 32 * 65536 - 1, 77)
        try guest.call("fill", 10 * 65536, 6, 30 * 4096)
        _ = try guest.call("grow2", 2) as Int32
        try guest.call("put2", 509 * 300, 9)
        try guest.call("setg", Int64(123_456_789_000))
        try guest.call("setf")
        _ = try guest.call("growt", 5) as Int32
        try guest.call("sett", 7)
        try guest.call("dropt")
        try guest.call("setx", ExternReference?.some(ExternReference(handle: 17)))
    }

    @Test("A fork has all that its parent has, and neither sees the other's writes", arguments: CopyPolicies.all)
    func everything(_ policies: CopyPolicies) throws {
        let engine = try policies.engine(slots: 12)
        let template = try StatefulGuest.template(engine)
        let expected = try template.withInstance { guest in
            try change(guest)
            return try GuestState(consuming: guest)
        }
        var slots: [Slot] = []
        do {
            let parent = try template.instantiate()
            try change(parent)
            let child = try parent.fork()
            slots = parent.slotsHeld + child.slotsHeld
            try parent.call("put", 5, 1)
            try parent.call("put", 31 * 65536, 1)
            try parent.call("put2", 509 * 300, 1)
            try parent.call("setg", Int64(1))
            try parent.call("sett", 6)
            // Looking changes the child, and must not change the parent.
            #expect(try GuestState(consuming: child) == expected)
            try child.call("put", 12345, 2)
            try parent.expect("get", 12345, is: 0)
            try parent.expect("get", 5, is: 1)
            #expect(try parent.call("getg") as Int64 == 1)
        }
        #expect(engine.residue(slots).isEmpty)
    }

    @Test("Forks of forks, which outlive those they came from", arguments: CopyPolicies.all)
    func generations(_ policies: CopyPolicies) throws {
        let engine = try policies.engine(slots: 40)
        var random = SeededGenerator(seed: 5)
        func descend(_ parent: borrowing Instance<Void>, _ level: Int32) throws -> Instance<Void> {
            // Before: the parent's too. After: the child's alone.
            try parent.call("put", 4096 * level, level)
            let child = try parent.fork()
            try parent.call("put", 4096 * level, 100)
            try parent.call("put", 900_000, 100)
            return child
        }
        var youngest: Instance<Void>
        do {
            let template = try StatefulGuest.template(engine)
            youngest = try template.instantiate()
            _ = try youngest.call("grow", 20) as Int32
        }
        for level in Int32(1)...30 {
            youngest = try descend(youngest, level)
            if Bool.random(using: &random) { engine.trim() }
            for earlier in 1...level { try youngest.expect("get", 4096 * earlier, is: earlier) }
            try youngest.expect("get", 900_000, is: 0)
        }
        let slots = youngest.slotsHeld
        _ = consume youngest
        #expect(engine.liveSlots == 0)
        #expect(engine.residue(slots).isEmpty)
    }

    @Test("A fork made inside a host call has the memory of that moment, and nobody runs in it")
    func insideCalls() throws {
        final class Keeper: @unchecked Sendable { var forks: [Box] = [] }
        final class Box {
            let instance: Instance<Int>; init(_ instance: consuming Instance<Int>) { self.instance = instance }
        }
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 8, stackBytes: 256 << 10)))
        let keeper = Keeper()
        let imports = StatefulGuest.imports(Int.self) { caller, value in
            keeper.forks.append(Box(try caller.fork(state: Int(value) + 1)))
            return value
        }
        let template = try engine.compile(text: StatefulGuest.text).template(imports: imports)
        let parent = try template.instantiate(state: 0)
        try parent.expect("pause", 3, is: 6)
        try parent.expect("pause", 9, is: 18)
        try parent.call("put", 77, 50)
        _ = consume parent
        #expect(keeper.forks.map { $0.instance.state } == [4, 10])
        try keeper.forks[0].instance.expect("get", 77, is: 3)
        try keeper.forks[1].instance.expect("get", 77, is: 9)
        // A fork can be forked from its own calls in turn.
        try keeper.forks[0].instance.expect("pause", 20, is: 40)
        #expect(keeper.forks.count == 3)
        try keeper.forks[2].instance.expect("get", 77, is: 20)
        keeper.forks = []
        #expect(engine.liveSlots == 0)
    }

    @Test("A guest that is forked and called by each host call of its forks runs out of stack, and not the process")
    func recursion() throws {
        final class Outcome: @unchecked Sendable { var depth = 0; var trap: TrapCode? }
        let outcome = Outcome()
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 400, stackBytes: 256 << 10)))
        let imports = StatefulGuest.imports { caller, value in
            outcome.depth = max(outcome.depth, Int(value))
            // As much as a host function may use.
            return try withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { room in
                room[0] = 1
                return try caller.fork().call("pause", value + 1)
            }
        }
        let template = try engine.compile(text: StatefulGuest.text).template(imports: imports)
        let thread = Thread {
            do {
                try template.withInstance { guest in _ = try guest.call("pause", 1) as Int32 }
            } catch { outcome.trap = (error as? Trap)?.code }
        }
        thread.stackSize = 512 << 10
        thread.start()
        while !thread.isFinished { usleep(1000) }
        #expect(outcome.trap == .callStackExhausted)
        #expect(outcome.depth > 2 && outcome.depth < 12)
        #expect(engine.liveSlots == 0)
    }

    @Test("A fork costs in proportion to the pages written to")
    func cost() throws {
        let engine = try Engine(
            .init(pool: PoolConfiguration(slotCount: 8, maximumMemoryBytes: 1 << 30, stackBytes: 256 << 10)))
        let template = try StatefulGuest.template(engine)
        let parent = try template.instantiate()
        _ = try parent.call("grow", 254) as Int32
        for page in Int32(0)..<64 { try parent.call("put", page * 4096 * 50, 1) }
        let child = try parent.fork()
        #expect(child.memorySize == 16 << 20)
        let before = engine.poolStatistics.repairedPages
        _ = consume child
        #expect(engine.poolStatistics.repairedPages - before <= 64 + 8)
    }

    @Test("No fork without a free slot; with one again, it works")
    func exhaustion() throws {
        let engine = try Engine(
            .init(
                pool: PoolConfiguration(
                    slotCount: 3, spareSlots: 0, stackBytes: 256 << 10, exhaustionWait: .zero)))
        let template = try StatefulGuest.template(engine)
        // Two memories each.
        let parent = try template.instantiate()
        try change(parent)
        #expect(throws: PoolError.exhausted(slots: 3)) { _ = try parent.fork() }
        #expect(engine.liveSlots == 2)
        try parent.expect("get", 5, is: 55)
    }

    @Test("A call that fails leaves the parent as it was, and no slot behind", arguments: CopyPolicies.all)
    func failures(_ policies: CopyPolicies) throws {
        let engine = try policies.engine(slots: 4)
        let template = try StatefulGuest.template(engine)
        let parent = try template.instantiate()
        try change(parent)
        var refusals = 0
        for kind in 0..<Int32(MAYFLY_CALL_KINDS) {
            for after in 0..<Int32(4) {
                mayfly_test_fail_next(kind, after, 1, ENOMEM)
                do {
                    let child = try parent.fork()
                    try child.expect("get", 5, is: 55)
                } catch is PoolError { refusals += 1 }
                mayfly_test_fail_next(kind, 0, 0, 0)
                try parent.expect("get", 5, is: 55)
                try parent.expect("get", 32 * 65536 - 1, is: 77)
            }
        }
        #expect(refusals > 0)
        #expect(engine.liveSlots == 2, "the parent's two memories")
    }
}

@Suite("Rolling back")
struct RollBackTests {
    @Test("An instance goes back to a checkpoint, whatever happened since", arguments: CopyPolicies.all)
    func everything(_ policies: CopyPolicies) throws {
        let engine = try policies.engine()
        let template = try StatefulGuest.template(engine)
        func prepare(_ guest: borrowing Instance<Void>) throws {
            try guest.call("put", 5, 55)
            _ = try guest.call("grow", 10) as Int32
            try guest.call("put", 12 * 65536 - 1, 77)
            try guest.call("put2", 509, 8)
            try guest.call("setg", Int64(44))
            _ = try guest.call("growt", 2) as Int32
            try guest.call("sett", 5)
        }
        let expected = try template.withInstance { guest in
            try prepare(guest)
            return try GuestState(consuming: guest)
        }
        var slots: [Slot] = []
        try template.withInstance { guest in
            slots = guest.slotsHeld
            try prepare(guest)
            let point = try guest.checkpoint()
            for round in 0..<4 {
                try guest.call("put", 5, 1)
                try guest.call("put", 70_000, 1)
                try guest.call("fill", 0, 200, 65536 * 2)
                if round % 2 == 1 {
                    _ = try guest.call("grow", 100) as Int32
                    try guest.call("put", 100 * 65536, 9)
                    _ = try guest.call("grow2", 3) as Int32
                    try guest.call("put2", 65536 * 2, 9)
                }
                try guest.call("setf")
                _ = try guest.call("growt", 20) as Int32
                try guest.call("dropm")
                try guest.call("dropt")
                #expect(throws: Trap.self) { try guest.call("spin", 0) }
                try guest.rollBack(to: point)
                #expect(guest.memorySize == 12 * 65536)
                // What is beyond the end is gone, and zero when it comes again.
                #expect(throws: Trap.self) { try guest.call("get", 100 * 65536) as Int32 }
                let former: Int32 = try guest.call("grow", 100)
                #expect(former == 12)
                try guest.expect("get", 100 * 65536, is: 0)
                try guest.rollBack(to: point)
                #expect(try GuestState(consuming: guest) == expected)
            }
        }
        #expect(engine.residue(slots).isEmpty)
    }

    @Test("Checkpoints can be gone back and forth between, and used by other instances", arguments: CopyPolicies.all)
    func several(_ policies: CopyPolicies) throws {
        let engine = try policies.engine()
        let template = try StatefulGuest.template(engine)
        var points: [Checkpoint] = []
        try template.withInstance { guest in
            for step in Int32(0)..<8 {
                points.append(try guest.checkpoint())
                try guest.call("put", step * 5000, step + 1)
                _ = try guest.call("grow", 3) as Int32
                try guest.call("put", guest.memoryEnd - 1, 1)
            }
            var random = SeededGenerator(seed: 9)
            for _ in 0..<60 {
                let step = Int32.random(in: 0..<8, using: &random)
                try guest.rollBack(to: points[Int(step)])
                try Self.expect(guest, at: step)
                try guest.call("put", 33_333, 1)
            }
        }
        try template.withInstance { guest in
            try guest.rollBack(to: points[5])
            try Self.expect(guest, at: 5)
        }
    }

    private static func expect(_ guest: borrowing Instance<Void>, at step: Int32) throws {
        #expect(guest.memorySize == (2 + 3 * Int(step)) * 65536)
        for earlier in Int32(0)..<8 {
            try guest.expect("get", earlier * 5000, is: (earlier < step ? earlier + 1 : 0))
        }
        try guest.expect("get", 33_333, is: 0)
        if step > 0 { try guest.expect("get", guest.memoryEnd - 1, is: 1) }
    }

    @Test("Not while a call goes on")
    func insideCalls() throws {
        final class Keeper: @unchecked Sendable { var point: Checkpoint?; var message = "" }
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4, stackBytes: 256 << 10)))
        let keeper = Keeper()
        let imports = StatefulGuest.imports { caller, value in
            keeper.point = try caller.checkpoint()
            do {
                try caller.store.restore(keeper.point!.state)
            } catch let error as CopyError { keeper.message = error.description }
            return value
        }
        let template = try engine.compile(text: StatefulGuest.text).template(imports: imports)
        try template.withInstance { guest in
            try guest.expect("pause", 4, is: 8)
            #expect(keeper.message == "a call into the instance has not returned")
            try guest.call("put", 77, 9)
            try guest.rollBack(to: try #require(keeper.point))
            try guest.expect("get", 77, is: 4)
            guest.withMemory { _ in
                #expect(throws: CopyError.memoryInUse) { try guest.rollBack(to: keeper.point!) }
                #expect(throws: CopyError.memoryInUse) { _ = try guest.fork() }
                #expect(throws: CopyError.memoryInUse) { _ = try template.snapshot(of: guest) }
            }
        }
    }

    @Test(
        "A call that fails leaves an instance that can be rolled back again, and a clean slot",
        arguments: CopyPolicies.all)
    func failures(_ policies: CopyPolicies) throws {
        let engine = try policies.engine(slots: 4)
        let template = try StatefulGuest.template(engine)
        var refusals = 0
        for kind in 0..<Int32(MAYFLY_CALL_KINDS) {
            for (after, times) in [(Int32(0), Int32(1)), (1, 1), (2, 1), (0, 2), (1, 2), (0, 5)] {
                var slots: [Slot] = []
                try template.withInstance { guest in
                    slots = guest.slotsHeld
                    try guest.call("put", 5, 55)
                    let point = try guest.checkpoint()
                    _ = try guest.call("grow", 20) as Int32
                    try guest.call("put", 20 * 65536, 9)
                    try guest.call("put", 5, 56)
                    mayfly_test_fail_next(kind, after, times, ENOMEM)
                    do {
                        try guest.rollBack(to: point)
                    } catch is PoolError { refusals += 1 }
                    mayfly_test_fail_next(kind, 0, 0, 0)
                    // Where the kernel refused twice in a row, the instance stays refused.
                    if (try? guest.rollBack(to: point)) != nil {
                        #expect(guest.memorySize == 2 * 65536)
                        try guest.expect("get", 5, is: 55)
                    }
                }
                #expect(engine.residue(slots).isEmpty)
            }
        }
        #expect(refusals > 0)
        #expect(engine.liveSlots == 0)
    }
}

extension Instance {
    fileprivate var memoryEnd: Int32 { Int32(memorySize) }
}

@Suite("Copies on several threads")
struct CopyThreadTests {
    private final class Box: @unchecked Sendable {
        let instance: Instance<Void>
        init(_ instance: consuming Instance<Void>) { self.instance = instance }
    }

    /// Runs closures on threads of their own and waits for all.
    private func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let threads = (0..<count).map { index in
            Thread { body(index) }
        }
        for thread in threads { thread.start() }
        for thread in threads { while !thread.isFinished { usleep(200) } }
    }

    @Test("Threads take snapshots, fork and roll back beside each other", arguments: CopyPolicies.all)
    func besideEachOther(_ policies: CopyPolicies) throws {
        let engine = try policies.engine(slots: 40)
        let template = try StatefulGuest.template(engine)
        let shared = try template.snapshot { guest in
            for page in Int32(0)..<20 { try guest.call("put", page * 4096, page + 1) }
        }
        let failures = Failures()
        concurrently(4) { thread in
            failures.catching {
                let mark = Int32(thread + 100)
                for round in Int32(0)..<20 {
                    try shared.withInstance { guest in
                        try guest.call("put", 4096 * (round % 20), mark)
                        let point = try guest.checkpoint()
                        let fork = try guest.fork()
                        try fork.call("put", 4096 * 30, mark)
                        try guest.call("put", 4096 * 31, mark)
                        let second = try shared.snapshot(of: fork)
                        try guest.rollBack(to: point)
                        try second.withInstance { copy in
                            for page in Int32(0)..<32 {
                                let expected = page == round % 20 || page == 30 ? mark : page < 20 ? page + 1 : 0
                                let found: Int32 = try copy.call("get", page * 4096)
                                if found != expected { throw Difference(page: page, found: found) }
                            }
                        }
                        let left: Int32 = try guest.call("get", 4096 * 31)
                        if left != 0 { throw Difference(page: 31, found: left) }
                    }
                }
            }
        }
        #expect(failures.all.isEmpty)
        #expect(engine.liveSlots == 0)
    }

    @Test("A fork goes to another thread while its parent goes on", arguments: CopyPolicies.all)
    func handedOver(_ policies: CopyPolicies) throws {
        let engine = try policies.engine(slots: 12)
        let template = try StatefulGuest.template(engine)
        let failures = Failures()
        for round in Int32(0)..<10 {
            let parent = Box(try template.instantiate())
            try parent.instance.call("put", 9, 50)
            let child = Box(try parent.instance.fork())
            let slots = parent.instance.slotsHeld + child.instance.slotsHeld
            concurrently(2) { thread in
                failures.catching {
                    let (own, other) = thread == 0 ? (parent, Int32(2)) : (child, Int32(1))
                    for page in Int32(0)..<30 { try own.instance.call("put", page * 4096 + 9, Int32(thread) + 1) }
                    // A fork of its own, made here.
                    let further = try own.instance.fork()
                    for page in Int32(0)..<30 {
                        let found: Int32 = try further.call("get", page * 4096 + 9)
                        if found == other || found != Int32(thread) + 1 { throw Difference(page: page, found: found) }
                    }
                }
            }
            _ = (consume parent, consume child)
            // Threads let go of what they worked on a moment after they have finished.
            for _ in 0..<5000 where engine.liveSlots > 0 { usleep(1000) }
            #expect(engine.liveSlots == 0)
            #expect(engine.residue(slots).isEmpty, "round \(round)")
        }
        #expect(failures.all.isEmpty)
    }

    private struct Difference: Error {
        var page: Int32
        var found: Int32
    }

    private final class Failures: @unchecked Sendable {
        private let lock = NSLock()
        private(set) var all: [String] = []

        func catching(_ body: () throws -> Void) {
            do { try body() } catch { lock.withLock { all.append("\(error)") } }
        }
    }
}
