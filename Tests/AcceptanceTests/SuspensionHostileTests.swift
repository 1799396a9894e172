//! Hostile guests and unlucky hosts around suspended guests: stops at every moment, calls from an actor, copies and
//! rolling back in the middle, awaited imports of every shape.

import Synchronization
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

/// `host.wait` is awaited, `host.plain` is not; `fill` grows its frame over what lies above a suspended stack.
private let guest = """
    (module
      (import "host" "wait" (func $wait (param i32) (result i32)))
      (import "host" "plain" (func $plain (param i32) (result i32)))
      (memory (export "memory") 1 100)
      (table $t 1 1000 funcref)
      (func (export "wait") (param i32) (result i32) (call $wait (local.get 0)))
      (func (export "plain") (param i32) (result i32) (call $plain (local.get 0)))
      (func (export "waitDeep") (param i32) (result i32)
        (i32.add (call $wait (local.get 0)) (call $deep (i32.const 5000))))
      (func (export "tail") (param i32) (result i32) (return_call $wait (local.get 0)))
      (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
      (func (export "spin") (loop $l (br $l)))
      (func (export "waits") (loop $l (drop (call $wait (i32.const 1))) (br $l)))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "growTable") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
      (func (export "fillTable") (table.fill $t (i32.const 0) (ref.null func) (i32.const 1)))
      (func (export "count") (param $n i32) (result i32) (local $i i32)
        (loop $l
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $i))
      (func $deep (export "deep") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
          (else (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))))))
    """

private let sharedHostileEngine = Result {
    try Engine(.init(pool: PoolConfiguration(slotCount: 200), timeSlice: .milliseconds(1)))
}

private func template(
    _ engine: Engine? = nil, metersFuel: Bool? = nil, _ define: (inout Imports<Void>) -> Void = { _ in }
) throws -> Template<Void> {
    var imports = Imports<Void>()
    imports.define("host", "wait") { (_, value: Int32) -> Int32 in
        await Task.yield()
        return value
    }
    imports.define("host", "plain") { (_, value: Int32) in value }
    define(&imports)
    let engine = try engine ?? sharedHostileEngine.get()
    return try engine.compile(text: guest, metersFuel: metersFuel).template(imports: imports)
}

// Without await.

private func fillTable(_ instance: borrowing Instance<Void>) throws {
    try instance.call("fillTable")
    let doubled: Int32 = try instance.call("double", 4)
    #expect(doubled == 8)
}

private func deep(_ caller: borrowing Caller<Void>, _ value: Int32) throws -> Int32 { try caller.call("deep", value) }

private func fuelAfterCount(_ template: Template<Void>) throws -> UInt64? {
    try template.withInstance(fuel: 1 << 40) { instance in
        let _: Int32 = try instance.call("count", 20_000_000)
        return instance.fuel
    }
}

/// Other tests run meanwhile, and have turns too: that none is free for long says that one was lost.
private func expectAllTurnsBack() async {
    let patience = ContinuousClock.now + .seconds(1800)
    while Turns.shared.freeTurns < Turns.shared.count, ContinuousClock.now < patience {
        try? await Task.sleep(for: .milliseconds(1))
    }
    #expect(Turns.shared.freeTurns == Turns.shared.count)
}

/// Uses its instance as actors do: another message may come while one is awaited.
private actor Owner {
    private let instance: Instance<Void>
    init(_ instance: consuming Instance<Void>) { self.instance = instance }

    func waitDeep(_ value: Int32) async throws -> Int32 { try await instance.call("waitDeep", value) }
    func deep(_ value: Int32) throws -> Int32 { try instance.call("deep", value) }
    func count(_ value: Int32) async throws -> Int32 { try await instance.call("count", value) }
}

@Suite("Suspended guests, hostile and unlucky") struct SuspensionHostileTests {
    // MARK: Stops

    @Test("a guest that was stopped while it began to await has nothing left over after it was rolled back")
    func staleAwait() async throws {
        let template = try template { imports in
            imports.define("host", "wait") { (_, value: Int32) async -> Int32 in value }
        }
        for round in 0..<400 {
            let task = Task {
                try await template.withInstance { instance in
                    let checkpoint = try instance.checkpoint()
                    await #expect(throws: CancellationError.self) { try await instance.call("waits") }
                    guard instance.isStopped else { return }
                    try instance.rollBack(to: checkpoint)
                    try fillTable(instance)
                }
            }
            try await Task.sleep(for: .microseconds(100 + round * 37 % 400))
            task.cancel()
            try await task.value
        }
    }

    @Test("stops at every moment leave neither turns nor slots behind, and nobody hangs")
    func cancelledAtAnyMoment() async throws {
        // Its own, whose slots nobody else has.
        let engine = try Engine(.init(pool: .init(slotCount: 200), timeSlice: .milliseconds(1)))
        let template = try template(engine) { imports in
            imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
                try await Task.sleep(for: .microseconds(50))
                try await caller.call("waits")
                return value
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let name = ["waits", "spin"][number % 2]
                    let deadline = number % 3 == 0 ? ContinuousClock.now + .milliseconds(number % 17) : nil
                    let task = Task {
                        try await template.withInstance(deadline: deadline) { try await $0.call(name) }
                    }
                    try? await Task.sleep(for: .microseconds(number * 131 % 20_000))
                    task.cancel()
                    _ = await task.result
                }
            }
        }
        await expectAllTurnsBack()
        let live = template.module.engine.core.pool.statistics.live
        #expect(live == 0)
    }

    // MARK: Actors

    @Test("a host function that is awaited runs on the actor that owns the guest", arguments: [false, true])
    func hostFunctionsOnActor(_ hasDeadline: Bool) async throws {
        let place = Mutex<Owner?>(nil)
        let template = try template { imports in
            imports.define("host", "wait") { (_, value: Int32) -> Int32 in
                // Or the process ends: what the actor protects would be used beside it.
                place.withLock { $0 }?.preconditionIsolated()
                await Task.yield()
                place.withLock { $0 }?.preconditionIsolated()
                return value
            }
        }
        let deadline = hasDeadline ? ContinuousClock.now + .seconds(100_000) : nil
        let owner = Owner(try await template.instantiate(deadline: deadline))
        place.withLock { $0 = owner }
        let result = try await owner.waitDeep(1)
        #expect(result > 0)
    }

    @Test("a message to the actor that owns a guest does not run on a guest that waits", arguments: [false, true])
    func reentrantActor(_ hasDeadline: Bool) async throws {
        let gates = [AsyncStream<Void>.makeStream(), AsyncStream<Void>.makeStream()]
        let template = try template { imports in
            imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
                for await _ in gates[Int(value) - 1].stream { break }
                // The one who is awaited may.
                let inner: Int32 = try await caller.call("double", value)
                return try inner + deep(caller, 3)
            }
        }
        let deadline = hasDeadline ? ContinuousClock.now + .seconds(100_000) : nil
        let owner = Owner(try await template.instantiate(deadline: deadline))
        let first = Task { try await owner.waitDeep(1) }
        try await Task.sleep(for: .milliseconds(50))
        // Would begin below the first one's stack, and be there when that goes on.
        let second = Task { try await owner.waitDeep(2) }
        try await Task.sleep(for: .milliseconds(50))
        await #expect(throws: CallError.callInProgress) { try await owner.deep(10) }
        gates[0].continuation.yield()
        let result = try await first.value
        #expect(result == 2 + 3 + 5000)
        gates[1].continuation.yield()
        await #expect(throws: CallError.callInProgress) { try await second.value }
        let after = try await owner.deep(10)
        #expect(after == 10)
    }

    @Test("a message to the actor that owns a guest does not run on a guest that lets others run")
    func reentrantActorDuringYield() async throws {
        let template = try template(try Engine(.init(pool: .init(slotCount: 4), timeSlice: .microseconds(100))))
        let owner = Owner(try await template.instantiate())
        let first = Task { try await owner.count(200_000_000) }
        var refused = 0
        for _ in 0..<200 {
            try await Task.sleep(for: .microseconds(300))
            do {
                let result = try await owner.deep(10)
                #expect(result == 10)
            } catch CallError.callInProgress { refused += 1 }
        }
        let result = try await first.value
        #expect(result == 200_000_000)
        #expect(refused > 0)
    }

    @Test("a guest that is made to let others run very often computes what it should", arguments: [false, true])
    func manySlices(_ isActor: Bool) async throws {
        let template = try template(try Engine(.init(pool: .init(slotCount: 4), timeSlice: .microseconds(100))))
        let count: Int32 = 200_000_000
        let result =
            if isActor { try await Owner(try await template.instantiate()).count(count) } else {
                try await template.withInstance { instance -> Int32 in try await instance.call("count", count) }
            }
        #expect(result == count)
    }

    // MARK: Limits

    @Test("bytes that the host may copy count for each awaited call anew, as for others")
    func copiedBytes() async throws {
        let template = try template { imports in
            imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
                await Task.yield()
                return Int32(try caller.readBytes(at: 0, count: Int(value)).count)
            }
        }
        try await template.withInstance(limits: ResourceLimits(copiedBytes: 100)) { instance in
            for _ in 0..<3 {
                let count: Int32 = try await instance.call("wait", 80)
                #expect(count == 80)
            }
            await #expect(throws: MemoryAccessError.self) {
                let _: Int32 = try await instance.call("wait", 101)
            }
        }
    }

    @Test("a guest that nests awaited calls ends at the 51st, and can be called again")
    func nesting() async throws {
        let deepest = Atomic(0)
        let template = try template { imports in
            imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
                deepest.store(max(deepest.load(ordering: .relaxed), Int(value)), ordering: .relaxed)
                return try await caller.call("wait", value + 1)
            }
        }
        try await template.withInstance { instance in
            let trap = await #expect(throws: Trap.self) { let _: Int32 = try await instance.call("wait", 1) }
            #expect(trap?.code == .callStackExhausted)
            let doubled: Int32 = try await instance.call("double", 4)
            #expect(doubled == 8)
        }
        #expect(deepest.load(ordering: .relaxed) == 50)
    }

    @Test("a guest that recurs between awaited calls ends at the limit of its stack, and can be called again")
    func nestedStacks() async throws {
        let template = try template { imports in
            imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
                await Task.yield()
                let depth: Int32 = try await caller.call("deep", value)
                return try depth + deep(caller, value)
            }
        }
        for stack in [0, 4096, 64 << 10] {
            try await template.withInstance(limits: ResourceLimits(stackBytes: stack)) { instance in
                let trap = await #expect(throws: Trap.self) { let _: Int32 = try await instance.call("wait", 100_000) }
                #expect(trap?.code == .callStackExhausted)
                let doubled: Int32 = try await instance.call("double", 4)
                #expect(doubled == 8)
            }
        }
    }

    @Test("a deadline in the past runs nothing, and leaves the instance as it is")
    func pastDeadline() async throws {
        let template = try template()
        try await template.withInstance { instance in
            for deadline in [ContinuousClock.now - .seconds(1), .now - .seconds(1 << 40)] {
                await #expect(throws: Trap.self) {
                    try await instance.withDeadline(deadline) { let _: Int32 = try await $0.call("wait", 1) }
                }
            }
            let value: Int32 = try await instance.withDeadline(.now + .seconds(1 << 40)) {
                try await $0.call("wait", 7)
            }
            #expect(value == 7)
        }
    }

    @Test(
        "time slices of any length let a guest go on",
        arguments: [
            Duration.zero, .nanoseconds(1), .microseconds(1), .seconds(Int64.max), .seconds(-1),
        ])
    func timeSlices(_ slice: Duration) async throws {
        let engine = try Engine(.init(pool: .init(slotCount: 4), timeSlice: slice))
        let template = try template(engine)
        let counts = try await withThrowingTaskGroup(of: Int32.self) { group in
            for _ in 0..<3 {
                group.addTask { try await template.withInstance { try await $0.call("count", 20_000_000) } }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts == [20_000_000, 20_000_000, 20_000_000])
        await expectAllTurnsBack()
    }

    @Test("a guest takes as much fuel when it lets others run as when it does not", arguments: [1, 50, 1000])
    func fuelAndSlices(_ microseconds: Int) async throws {
        let engine = try Engine(.init(pool: .init(slotCount: 4), timeSlice: .microseconds(microseconds)))
        let template = try template(engine, metersFuel: true)
        let whole = try fuelAfterCount(template)
        let sliced = try await template.withInstance(fuel: 1 << 40) { instance in
            let _: Int32 = try await instance.call("count", 20_000_000)
            return instance.fuel
        }
        #expect(whole == sliced)
    }

    @Test("fuel that ends in a nested awaited call ends that one alone, if the host wants it so")
    func nestedFuel() async throws {
        let template = try template(metersFuel: true) { imports in
            imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
                await #expect(throws: Trap.self) { let _: Int32 = try await caller.call("count", 1_000_000) }
                #expect(caller.fuel == 0)
                try caller.addFuel(1000)
                return value
            }
        }
        try await template.withInstance(fuel: 10_000) { instance in
            let value: Int32 = try await instance.call("wait", 3)
            #expect(value == 3)
            let left = instance.fuel ?? 0
            #expect(left > 900 && left <= 1000)
        }
    }
}
