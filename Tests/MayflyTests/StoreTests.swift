//! A store keeps the host's state over instances that keep nothing.

import Mayfly
import TestSupport
import Testing

@Suite("Store")
struct StoreTests {
    private struct Session {
        var visits: [Int32] = []
    }

    /// A guest that counts its calls in a global and reports the count to the host, then traps if told to.
    private static func template(_ engine: Engine) throws -> Template<Session> {
        var builder = WasmBuilder()
        builder.importFunction("host", "visit", [.i32], [])
        builder.global(.i32, mutable: true) { $0.i32Const(0) }
        builder.function("serve", [.i32], [.i32]) {
            $0.globalGet(0).i32Const(1).i32Add().globalSet(0)
            $0.globalGet(0).call(0)
            $0.localGet(0).if { $0.unreachable() }
            $0.globalGet(0)
        }
        var imports = Imports<Session>()
        imports.define("host", "visit") { (caller, count: Int32) in
            caller.state.visits.append(count)
        }
        return try engine.compile(builder.build()).template(imports: imports)
    }

    @Test("State passes from one instance to the next; the guest's own does not")
    func stateStays() throws {
        let engine = try Engine()
        let template = try Self.template(engine)
        var store = Store(engine, state: Session())
        for _ in 0..<3 {
            let count: Int32 = try store.withInstance(of: template) { instance in
                try instance.call("serve", Int32(0))
            }
            #expect(count == 1)
        }
        #expect(store.state.visits == [1, 1, 1])
        store.state.visits = []
        let twice: Int32 = try store.withInstance(of: template) { instance in
            let _: Int32 = try instance.call("serve", Int32(0))
            return try instance.call("serve", Int32(0))
        }
        #expect(twice == 2)
        #expect(store.state.visits == [1, 2])
    }

    @Test("What was changed before a trap stays changed, and the store goes on")
    func trap() throws {
        let engine = try Engine()
        let template = try Self.template(engine)
        var store = Store(engine, state: Session())
        var caught: TrapCode?
        do {
            let _: Int32 = try store.withInstance(of: template) { instance in
                try instance.call("serve", Int32(1))
            }
        } catch let trap as Trap {
            caught = trap.code
        }
        #expect(caught == .unreachable)
        #expect(store.state.visits == [1])
        let count: Int32 = try store.withInstance(of: template) { instance in
            try instance.call("serve", Int32(0))
        }
        #expect(count == 1)
        #expect(store.state.visits == [1, 1])
    }

    @Test("A full pool leaves the state where it was")
    func fullPool() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let template = try Self.template(engine)
        var store = Store(engine, state: Session(visits: [7]))
        let holder = try template.instantiate(state: Session())
        var isRefused = false
        do {
            let _: Int32 = try store.withInstance(of: template) { instance in
                try instance.call("serve", Int32(0))
            }
        } catch is PoolError {
            isRefused = true
        }
        #expect(isRefused)
        #expect(store.state.visits == [7])
        _ = holder.memorySize
    }
}
