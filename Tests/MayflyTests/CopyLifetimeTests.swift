//! Copies that outlive what they came from, and stores whose instances share a bit of everything.

import Glibc
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Copies and what they came from")
struct CopyLifetimeTests {
    final class Holder { var template: Template<Void>?; var point: Checkpoint?; var store: StoreSnapshot<Int>? }

    @Test("Copies outlive templates and engines", arguments: CopyPolicies.all)
    func copiesOutliveTemplatesAndEngines(_ policies: CopyPolicies) throws {
        let holder = Holder()
        do {
            let engine = try policies.engine()
            let template = try StatefulGuest.template(engine)
            let guest = try template.instantiate()
            for page in Int32(0)..<30 { try guest.call("put", page * 4096, 7) }
            holder.point = try guest.checkpoint()
            holder.template = try template.snapshot(of: guest)
            let fork = try guest.fork()
            _ = consume guest
            try fork.call("put", 5000, 9)
            try fork.rollBack(to: holder.point!)
            try fork.expect("get", 5000, is: 0)
            try fork.expect("get", 8192, is: 7)
        }
        try holder.template!.withInstance { try $0.expect("get", 8192, is: 7) }
        let point = holder.point!
        let snapshot = holder.template!
        try snapshot.withInstance { guest in
            do {
                try guest.rollBack(to: point)
                Issue.record("a foreign checkpoint")
            } catch CopyError.foreignCheckpoint {}
        }
        holder.template = nil
        #expect(holder.point!.memoryBytes > 0)
        holder.point = nil
    }

    @Test("A store's snapshot has every kind of import and reference, also of an instance that failed to start")
    func storesWithEverything() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 30, spareSlots: 0, stackBytes: 256 << 10)))
        var imports = Imports<Int>()
        imports.define("host", "n") { Int32($0.state) }
        let a = """
            (module (import "host" "n" (func $n (result i32)))
              (export "n" (func $n))
              (memory (export "m64") i64 1 9)
              (func $ten (result i32) (i32.const 10))
              (global (export "f") funcref (ref.func $ten))
              (global (export "g") (mut v128) (v128.const i64x2 3 4))
              (table (export "t") 3 9 funcref)
              (table $e (export "e") 2 5 externref)
              (elem (table 0) (i32.const 0) func $n $ten)
              (func (export "sete") (param externref) (table.set $e (i32.const 1) (local.get 0)))
              (func (export "gete") (result externref) (table.get $e (i32.const 1)))
              (func (export "put") (param i64 i32) (i32.store8 (local.get 0) (local.get 1)))
              (func (export "get") (param i64) (result i32) (i32.load8_u (local.get 0)))
              (func (export "grow") (result i64) (memory.grow (i64.const 2))))
            """
        let b = """
            (module (import "a" "n" (func $n (result i32)))
              (import "a" "f" (global $f funcref)) (import "a" "g" (global $g (mut v128)))
              (import "a" "t" (table $t 3 funcref)) (import "a" "m64" (memory i64 1))
              (memory $own 1 3)
              (export "t2" (table $t)) (export "g2" (global $g)) (export "f2" (global $f)) (export "n2" (func $n))
              (table $mine 2 funcref)
              (global $keep (mut funcref) (global.get $f))
              (elem $p func $n $me)
              (func $me (result i32) (i32.const 77))
              (func (export "own") (result i32) (i32.load8_u $own (i32.const 3)))
              (func (export "setown") (i32.store8 $own (i32.const 3) (i32.const 4)) (table.set $mine (i32.const 1) (global.get $f))
                 (table.set $t (i32.const 2) (ref.func $me)) (global.set $g (v128.const i64x2 30 40)))
              (func (export "callmine") (result i32) (call_indirect $mine (result i32) (i32.const 1)))
              (func (export "initp") (table.init $mine $p (i32.const 0) (i32.const 0) (i32.const 2)))
              (func (export "callp") (result i32) (i32.add (call_indirect $mine (result i32) (i32.const 0)) (call_indirect $mine (result i32) (i32.const 1))))
              (func (export "callkeep") (result i32) (table.set $mine (i32.const 0) (global.get $keep)) (call_indirect $mine (result i32) (i32.const 0)))
              (func (export "callt") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
              (func (export "v") (result i64) (i64x2.extract_lane 1 (global.get $g)))
              (func (export "get64") (param i64) (result i32) (i32.load8_u (local.get 0))))
            """
        // Its second segment does not fit: it lives on half made, with a function of its in the table.
        let c = """
            (module (import "b" "t2" (table $t 3 funcref)) (import "b" "g2" (global $g (mut v128))) (import "b" "f2" (global funcref))
              (import "b" "n2" (func $n (result i32)))
              (func $half (result i32) (i32.add (call $n) (i32.const 1000)))
              (elem (table $t) (i32.const 0) func $half)
              (elem (table $t) (i32.const 9999) func $half))
            """
        var snapshots: [StoreSnapshot<Int>] = []
        do {
            var store = Store(engine, state: 1)
            let one = try store.instantiate(engine.compile(text: a), imports: imports, as: "a")
            let two = try store.instantiate(engine.compile(text: b), imports: imports, as: "b")
            #expect(throws: Trap.self) { try store.instantiate(engine.compile(text: c), imports: imports, as: "c") }
            let twin = try store.instantiate(engine.compile(text: b), imports: imports, as: "twin")
            try two.call("setown")
            try one.call("put", Int64(70_000 - 65_536), Int32(5))
            let former: Int64 = try one.call("grow")
            #expect(former == 1)
            try one.call("put", Int64(150_000), Int32(6))
            try one.call("sete", ExternReference?.some(ExternReference(handle: 4)))
            _ = twin
            snapshots.append(try store.snapshot())
            try one.call("put", Int64(150_000), Int32(60))
        }
        #expect(engine.liveSlots == 0)
        for round in 0..<6 {
            let store = try Store(snapshots[round % snapshots.count], state: 2 + round)
            let one = store.instance(named: "a")!
            let two = store.instance(named: "b")!
            let twin = store.instance(named: "twin")!
            if case .some = store.instance(named: "c") { Issue.record("c") }
            try two.expect("callt", 0, is: Int32(1002 + round))
            try two.expect("callt", 1, is: 10)
            try twin.expect("callt", 2, is: 77)
            try two.expect("callmine", is: 10)
            try two.expect("callkeep", is: 10)
            try two.expect("own", is: 4)
            try twin.expect("own", is: 0)
            try two.call("initp")
            try two.expect("callp", is: Int32(77 + 2 + round))
            #expect(try two.call("v") as Int64 == 40)
            #expect(try twin.call("v") as Int64 == 40)
            #expect(try twin.call("get64", Int64(150_000)) as Int32 == 6)
            #expect(try one.call("get", Int64(150_000)) as Int32 == 6)
            #expect(try one.call("gete") as ExternReference? == ExternReference(handle: 4))
            #expect(throws: Trap.self) { _ = try twin.call("get64", Int64(3 * 65536)) as Int32 }
            try two.call("setown")
            let next = try store.snapshot()
            #expect(try one.call("grow") as Int64 == 3)
            #expect(try twin.call("get64", Int64(4 * 65536)) as Int32 == 0)
            snapshots.append(next)
        }
        #expect(engine.liveSlots == 0)
        // Members whose slots run out half-way.
        let small = try Store(snapshots[0], state: 0)
        var others: [StoreBox] = []
        while let store = try? Store(snapshots[0], state: 0) { others.append(StoreBox(store)) }
        try small.instance(named: "b")!.expect("callt", 0, is: 1000)
        others = []
        _ = consume small
        #expect(engine.liveSlots == 0)
    }

    final class StoreBox { let store: Store<Int>; init(_ store: consuming Store<Int>) { self.store = store } }
}
