//! Snapshots of stores: linked instances begin again where they were, linked with each other and with nobody else.

import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Snapshots of stores")
struct StoreSnapshotTests {
    private static let library = """
        (module
          (import "host" "number" (func $number (result i32)))
          (memory (export "memory") 1 10)
          (table (export "table") 4 16 funcref)
          (global $count (export "count") (mut i32) (i32.const 0))
          (global (export "handler") (mut funcref) (ref.null func))
          (data "abc")
          (func $bump (export "bump") (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
          (func (export "host") (result i32) (call $number))
          (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
          (func (export "init") (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)))
          (func (export "drop") (data.drop 0))
          (elem (i32.const 0) func $bump))
        """
    private static let program = """
        (module
          (import "lib" "bump" (func $bump (result i32)))
          (import "lib" "memory" (memory 1))
          (import "lib" "table" (table $t 1 funcref))
          (import "lib" "count" (global $count (mut i32)))
          (import "lib" "handler" (global $handler (mut funcref)))
          (memory $own 1)
          (global $mine (mut i32) (i32.const 0))
          (func $local (result i32) (global.set $mine (i32.add (global.get $mine) (i32.const 10))) (global.get $mine))
          (func (export "prepare")
            (i32.store8 (i32.const 100) (i32.const 7))
            (i32.store8 $own (i32.const 100) (i32.const 8))
            (global.set $handler (ref.func $local))
            (table.set $t (i32.const 1) (ref.func $local))
            (table.set $t (i32.const 2) (ref.func $bump))
            (drop (memory.grow 0 (i32.const 2)))
            (drop (table.grow $t (ref.func $local) (i32.const 3)))
            (drop (call $bump)))
          (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
          (func (export "handle") (result i32)
            (table.set $t (i32.const 3) (global.get $handler)) (call_indirect $t (result i32) (i32.const 3)))
          (func (export "count") (result i32) (global.get $count))
          (func (export "own") (result i32) (i32.load8_u $own (i32.const 100)))
          (func (export "sizes") (result i32) (i32.add (memory.size 0) (i32.mul (table.size $t) (i32.const 100))))
          (elem declare func $local $bump))
        """

    private func warm(_ engine: Engine, refresh: Bool = false) throws -> StoreSnapshot<Int> {
        var imports = Imports<Int>()
        imports.define("host", "number") { Int32($0.state) }
        if refresh { imports.refreshCopies { try $0.writeBytes([99], at: 50) } }
        var store = Store(engine, state: 1)
        let library = try store.instantiate(engine.compile(text: Self.library), imports: imports, as: "lib")
        let program = try store.instantiate(engine.compile(text: Self.program), as: "program")
        try program.call("prepare")
        try library.call("drop")
        let snapshot = try store.snapshot()
        // What the original does from now on is its own.
        let count: Int32 = try library.call("bump")
        #expect(count == 2)
        try library.writeBytes([1], at: 100)
        return snapshot
    }

    private struct NoGuest: Error {}

    private func guest(_ name: String, of store: borrowing Store<Int>) throws -> Instance<Int> {
        guard let instance = store.instance(named: name) else { throw NoGuest() }
        return instance
    }

    private func engine(_ checks: CodeSettings.BoundsChecks = .guardPages) throws -> Engine {
        try Engine(
            .init(
                pool: PoolConfiguration(slotCount: 12, spareSlots: 0, stackBytes: 256 << 10),
                code: CodeSettings(boundsChecks: checks)))
    }

    @Test(
        "Imports and function references lead to the new store's instances",
        arguments: CodeSettings.BoundsChecks.allCases)
    func links(_ checks: CodeSettings.BoundsChecks) throws {
        let engine = try engine(checks)
        let snapshot = try warm(engine)
        for state in [5, 6] {
            let store = try Store(snapshot, state: state)
            let library = try guest("lib", of: store)
            let program = try guest("program", of: store)
            try library.expect("get", 100, is: 7)
            try program.expect("own", is: 8)
            try program.expect("sizes", is: 703)
            try program.expect("count", is: 1)
            try program.expect("call", 0, is: 2)  // bump, of the library's table
            try program.expect("call", 2, is: 3)  // bump, by the import
            try program.expect("count", is: 3)
            try library.expect("bump", is: 4)
            try program.expect("call", 1, is: 10)  // the program's own
            try program.expect("call", 6, is: 20)
            try program.expect("handle", is: 30)
            try library.expect("host", is: Int32(state))
            #expect(throws: Trap.self) { try library.call("init") }
        }
        #expect(engine.liveSlots == 0)
    }

    @Test("Stores of one snapshot share nothing, and snapshots of them stack")
    func isolation() throws {
        let engine = try engine()
        let snapshot = try warm(engine)
        let one = try Store(snapshot, state: 1)
        let other = try Store(snapshot, state: 2)
        let program = try guest("program", of: one)
        try program.expect("call", 0, is: 2)
        try program.expect("call", 1, is: 10)
        let second = try one.snapshot()
        try guest("program", of: other).expect("count", is: 1)
        try guest("program", of: other).expect("call", 1, is: 10)
        let third = try Store(second, state: 3)
        try guest("program", of: third).expect("call", 0, is: 3)
        try guest("program", of: third).expect("call", 1, is: 20)
        try program.expect("call", 0, is: 3)
    }

    @Test("New modules can be linked with instances of a snapshot")
    func linkingFurther() throws {
        let engine = try engine()
        var store = try Store(warm(engine), state: 1)
        let late = try store.instantiate(
            engine.compile(
                text: """
                    (module (import "lib" "bump" (func $bump (result i32))) (func (export "twice") (result i32)
                      (i32.add (call $bump) (call $bump))))
                    """))
        try late.expect("twice", is: 5)
        try guest("program", of: store).expect("count", is: 3)
    }

    @Test("Refreshers run on each, and the slots are as they were when all is over")
    func refreshing() throws {
        let engine = try engine()
        var slots: [Slot] = []
        do {
            let snapshot = try warm(engine, refresh: true)
            let store = try Store(snapshot, state: 1)
            let library = try guest("lib", of: store)
            try library.expect("get", 50, is: 99)
            slots = library.slotsHeld + (try guest("program", of: store)).slotsHeld
        }
        #expect(engine.residue(slots).isEmpty)
        let empty = try Store(Store(engine, state: 4).snapshot(), state: 5)
        #expect(empty.state == 5)
        #expect(throws: NoGuest.self) { _ = try guest("lib", of: empty) }
    }
}
