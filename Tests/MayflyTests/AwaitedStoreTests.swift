//! Stores whose guests are awaited: state, start functions and linked instances; and what a store refuses.

import Mayfly
import Testing

@Suite("Awaiting in a store") struct AwaitedStoreTests {
    private struct Session: Sendable { var visits: [Int32] = [] }

    private static func imports() -> Imports<Session> {
        var imports = Imports<Session>()
        imports.define("host", "visit") { (caller, number: Int32) -> Int32 in
            await Task.yield()
            caller.state.visits.append(number)
            return Int32(caller.state.visits.count)
        }
        return imports
    }

    private static let visitor = """
        (module
          (import "host" "visit" (func $visit (param i32) (result i32)))
          (func (export "visit") (param i32) (result i32) (call $visit (local.get 0))))
        """
    private static let starting = """
        (module
          (import "host" "visit" (func $visit (param i32) (result i32)))
          (global $count (export "count") (mut i32) (i32.const 0))
          (func $start (global.set $count (call $visit (i32.const 7))))
          (start $start))
        """

    @Test("the state passes through instances that are awaited, and comes back when one fails")
    func state() async throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let template = try engine.compile(text: Self.visitor).template(imports: Self.imports())
        var store = Store(engine, state: Session())
        for number: Int32 in 1...3 {
            let count: Int32 = try await store.withInstance(of: template) { try await $0.call("visit", number) }
            #expect(count == number)
        }
        struct Failure: Error {}
        await #expect(throws: Failure.self) {
            try await store.withInstance(of: template) { instance in
                let _: Int32 = try await instance.call("visit", 4)
                throw Failure()
            }
        }
        let visits = store.state.visits
        #expect(visits == [1, 2, 3, 4])
    }

    @Test("a start function awaits, in an instance of a template and in a linked one")
    func startFunctions() async throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2)))
        let module = try engine.compile(text: Self.starting)
        let template = try module.template(imports: Self.imports())
        let instance = try await template.instantiate(state: Session())
        let count = try instance.global("count")
        #expect(count == .i32(1))
        #expect(throws: CallError.needsAsynchronousCall(module: "host", name: "visit")) {
            _ = try template.withInstance(state: Session()) { _ in }
        }
        var store = Store(engine, state: Session(visits: [1, 2]))
        let linked = try await store.instantiate(module, imports: Self.imports(), as: "started")
        let linkedCount = try linked.global("count")
        #expect(linkedCount == .i32(3))
    }

    @Test("a linked instance awaits for another one that calls it")
    func linkedInstances() async throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2)))
        var store = Store(engine, state: Session())
        try await store.instantiate(engine.compile(text: Self.visitor), imports: Self.imports(), as: "visitor")
        let caller = try await store.instantiate(
            engine.compile(
                text: """
                    (module
                      (import "visitor" "visit" (func $visit (param i32) (result i32)))
                      (func (export "twice") (param i32) (result i32)
                        (i32.mul (call $visit (local.get 0)) (i32.add (i32.const 10) (call $visit (local.get 0))))))
                    """))
        let product: Int32 = try await caller.call("twice", 5)
        #expect(product == 12)
        let visits = store.state.visits
        #expect(visits == [5, 5])
    }

    @Test("what belongs elsewhere is refused with a typed error")
    func foreigners() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2)))
        let other = try Engine(.init(pool: PoolConfiguration(slotCount: 2)))
        let module = try other.compile(text: "(module)")
        let template = try module.template()
        var store = Store(engine)
        #expect(throws: LinkError.foreignModule) { _ = try store.instantiate(module) }
        #expect(throws: LinkError.foreignModule) { try store.withInstance(of: template) { _ in } }
        let stranger = try template.instantiate()
        #expect(throws: LinkError.foreignInstance) { try store.register(stranger, as: "stranger") }
        var otherStore = Store(other)
        let linked = try otherStore.instantiate(module)
        #expect(throws: LinkError.foreignInstance) { try store.register(linked, as: "linked") }
        try otherStore.register(linked, as: "linked")
        let isThere = otherStore.instance(named: "linked") != nil
        #expect(isThere)
    }

    @Test("growth is decided by somebody who takes their time, or not at all where nobody may wait")
    func awaitedGrowth() async throws {
        struct Refusal: Error {}
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let template = try engine.compile(
            text: """
                (module
                  (memory 1 10)
                  (table $t 1 20 funcref)
                  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
                  (func (export "growTable") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
                  (func (export "size") (result i32) (memory.size)))
                """
        ).template()
        let limits = ResourceLimits(
            memoryBytes: 6 << 16,
            onGrowthAwaited: { request in
                await Task.yield()
                if request.kind == .table, request.desired > 10 { throw Refusal() }
                return request.desired > 4 << 16 ? .refuse : .allow
            })
        try await template.withInstance(limits: limits) { instance in
            // Allowed; refused by the closure; by the limit; by the module; nothing to decide.
            var results: [Int32] = []
            for pages: Int32 in [2, 3, 4, 9, 0] { results.append(try await instance.call("grow", pages)) }
            #expect(results == [1, -1, -1, -1, 3])
            results = []
            for elements: Int32 in [4, 5] { results.append(try await instance.call("growTable", elements)) }
            #expect(results == [1, 5])
            await #expect(throws: Refusal.self) { let _: Int32 = try await instance.call("growTable", 6) }
            let size: Int32 = try await instance.call("size")
            #expect(size == 3)
        }
        #expect(throws: CallError.needsAsynchronousCall(module: "", name: "memory.grow")) {
            try template.withInstance(limits: limits) { instance in
                // Nothing is asked, so nothing is awaited.
                #expect(try instance.call("grow", 0) as Int32 == 1)
                #expect(try instance.call("grow", 20) as Int32 == -1)
                let _: Int32 = try instance.call("grow", 1)
            }
        }
    }

    @Test("fuel lasts over what is awaited, and runs out in it")
    func awaitedFuel() async throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        var imports = Imports<Void>()
        imports.define("host", "wait") { caller in
            await Task.yield()
            // What the guest has left is exact while it waits, and can be refilled.
            if caller.fuel == 1 { try caller.addFuel(100) }
        }
        let template = try engine.compile(
            text: """
                (module
                  (import "host" "wait" (func $wait))
                  (func (export "wait") (call $wait) (call $wait) (call $wait)))
                """, metersFuel: true
        ).template(imports: imports)
        try await template.withInstance(fuel: 2) { instance in
            try await instance.call("wait")
            let left = instance.fuel
            #expect(left == 99)
        }
        await #expect(throws: Trap.self) {
            try await template.withInstance(fuel: 0) { try await $0.call("wait") }
        }
    }
}
