//! Which instances live in dense slots, and that they behave like all others.

import Compiler
import Foundation
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Dense instances")
struct DenseTests {
    private static func engine(
        dense: DenseClass? = DenseClass(slotCount: 64), slots: Int = 8, cache: CompilationCache? = nil,
        code: CodeSettings = .init(), _ change: (inout PoolConfiguration) -> Void = { _ in }
    ) throws -> Engine {
        var pool = PoolConfiguration(slotCount: slots, spareSlots: 0, maximumMemoryBytes: 64 << 20, dense: dense)
        change(&pool)
        return try Engine(.init(pool: pool, code: code, cache: cache))
    }

    /// A counter at address 16 and what is needed to grow; the memory's limits are given.
    private static func counter(_ limits: String) -> String {
        """
        (module (memory (export "m") \(limits)) (data (i32.const 16) "\\05")
          (func (export "count") (result i32)
            (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1))) (i32.load (i32.const 16)))
          (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
          (func (export "size") (result i32) (memory.size))
          (func (export "put") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
          (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0))))
        """
    }

    /// Whether an instance of a template lives in a dense slot.
    private static func isDense<State>(_ template: Template<State>) -> Bool {
        template.core.pool === template.module.engine.core.densePool
    }

    @Test("A module whose declared maximum fits lives in dense slots, others do not")
    func byDeclaration() throws {
        let engine = try Self.engine()
        for (limits, expected) in [("1 16", true), ("1 17", false), ("1", false), ("16 16", true)] {
            let module = try engine.compile(text: Self.counter(limits))
            #expect(module.core.hasBoundsChecks == expected, "\(limits)")
            #expect(Self.isDense(try module.template()) == expected, "\(limits)")
        }
        // Without a memory there is nothing to compare, and nothing to be kept apart by guards.
        #expect(Self.isDense(try engine.compile(text: "(module (func (export \"f\")))").template()))
        let template = try engine.compile(text: Self.counter("1 2")).template()
        for _ in 0..<2 { try template.withInstance { _ in } }
        let statistics = try #require(engine.densePoolStatistics)
        #expect(statistics.acquisitions == 2 && statistics.slots == 64 && statistics.capacity == 64)
        #expect(engine.poolStatistics.acquisitions == 0 && engine.poolStatistics.slots == 8)
        #expect(try Self.engine(dense: nil).densePoolStatistics == nil)
    }

    @Test("The ordinary pool's limit counts as a declared maximum")
    func byThePoolsLimit() throws {
        let engine = try Self.engine { $0.maximumMemoryBytes = 3 << 16 + 77 }
        let template = try engine.compile(text: Self.counter("1")).template()
        #expect(Self.isDense(template))
        try template.withInstance { guest in
            try guest.expect("grow", 2, is: 1)
            try guest.expect("grow", 1, is: -1)
        }
    }

    @Test("A memory limit makes instances dense, with code of their own that is made once")
    func byLimit() throws {
        let engine = try Self.engine()
        let module = try engine.compile(text: Self.counter("1"))
        #expect(!module.core.hasBoundsChecks)
        let ordinary = try module.template()
        let dense = try module.template(memoryLimit: 5 << 16 + 100)
        let again = try module.template(memoryLimit: 2 << 16)
        #expect(!Self.isDense(ordinary) && Self.isDense(dense) && Self.isDense(again))
        #expect(dense.core.module === again.core.module && dense.core.module !== module.core)
        #expect(dense.core.module.hasBoundsChecks)
        for _ in 0..<3 {
            try dense.withInstance { guest in
                try guest.expect("count", is: 6)
                try guest.expect("grow", 5, is: -1)
                try guest.expect("grow", 4, is: 1)
                try guest.expect("grow", 1, is: -1)
                try guest.call("put", 5 << 16 - 1, 7)
                let trap = #expect(throws: Trap.self) { try guest.call("put", 5 << 16, 7) }
                #expect(trap?.code == .memoryOutOfBounds && trap?.backtrace.count == 1)
                try guest.expect("get", 5 << 16 - 1, is: 7)
            }
        }
        // A limit that is too large for them leaves instances where they were, and still holds.
        let large = try module.template(memoryLimit: 20 << 16)
        #expect(!Self.isDense(large) && large.core.module === module.core)
        try large.withInstance { guest in
            try guest.expect("grow", 20, is: -1)
            try guest.expect("grow", 19, is: 1)
        }
        // A function is good for templates with the same code.
        let count = try dense.function("count", as: (() -> Int32).self)
        #expect(try again.withInstance { try $0.call(count) } == 6)
        #expect(throws: CallError.foreignFunctionReference) { try ordinary.withInstance { try $0.call(count) } }
    }

    @Test("Without dense slots a memory limit is only that")
    func onlyALimit() throws {
        let engine = try Self.engine(dense: nil)
        let module = try engine.compile(text: Self.counter("1 4"))
        for (limit, most) in [(1, 1), (2, 2), (4, 4), (9, 4)] {
            try module.template(memoryLimit: UInt64(limit << 16)).withInstance { guest in
                try guest.expect("grow", Int32(most), is: -1)
                try guest.expect("grow", Int32(most - 1), is: 1)
                try guest.expect("size", is: Int32(most))
            }
        }
        for engine in [engine, try Self.engine()] {
            let module = try engine.compile(text: Self.counter("3 4"))
            #expect(throws: LinkError.pool(.memoryTooLarge(requested: 3 << 16, limit: 2 << 16 + 1))) {
                try module.template(memoryLimit: 2 << 16 + 1)
            }
        }
    }

    @Test("Modules that need more than a dense slot has are ordinary, as is what they are linked with")
    func otherReasons() throws {
        let engine = try Self.engine()
        func check(_ text: String, _ isChecked: Bool, _ expected: Bool) throws {
            let module = try engine.compile(text: text)
            let isDense = Self.isDense(try module.template())
            #expect(module.core.hasBoundsChecks == isChecked && isDense == expected, "\(text)")
        }
        let set = "(func (param i32) (table.set (local.get 0) (ref.null func)))"
        try check("(module (table 1024 funcref) \(set))", true, true)
        try check("(module (table 1025 funcref) \(set))", false, false)
        // Nobody writes it: it is not in the slot.
        try check("(module (table 100000 funcref))", true, true)
        try check("(module (table (export \"t\") 1025 funcref))", false, false)
        let globals = String(repeating: "(global (mut i32) (i32.const 1))", count: 300)
        try check("(module \(globals))", false, false)
        try check("(module (memory 1 2) (memory 1 20))", false, false)
        try check("(module (memory i64 1 16))", true, true)
        try check("(module (memory i64 1 0x1000000000000))", false, false)

        let importer = try engine.compile(
            text:
                "(module (import \"a\" \"m\" (memory 1)) (func (export \"get\") (param i32) (result i32) (i32.load8_u (local.get 0))))"
        )
        #expect(!importer.core.hasBoundsChecks)
        var store = Store(engine)
        let exporter = try store.instantiate(try engine.compile(text: Self.counter("1 2")), as: "a")
        let user = try store.instantiate(importer)
        try exporter.call("put", 9, 33)
        #expect(try user.call("get", 9) as Int32 == 33)
        #expect(engine.poolStatistics.live == 2 && engine.densePoolStatistics?.live == 0)
        #expect(throws: Trap.self) { try user.call("get", 65536) as Int32 }
        // In a store without being linked they are dense.
        let template = try engine.compile(text: Self.counter("1 2")).template()
        try store.withInstance(of: template) { guest in
            try guest.expect("count", is: 6)
            #expect(engine.densePoolStatistics?.live == 1)
        }
    }

    @Test("Further memories have dense slots too")
    func furtherMemories() throws {
        let engine = try Self.engine()
        let template = try engine.compile(
            text: """
                (module (memory $a 1 3) (memory $b 1 2) (memory $c i64 1 2) (data (memory $b) (i32.const 9) "x")
                  (func (export "grow") (result i32 i32 i64)
                    (memory.grow $a (i32.const 1)) (memory.grow $b (i32.const 2)) (memory.grow $c (i64.const 1)))
                  (func (export "b") (param i32) (result i32) (i32.load8_u $b (local.get 0)))
                  (func (export "c") (param i64 i32) (i32.store8 $c (local.get 0) (local.get 1)))
                  (func (export "move") (param i32) (memory.copy $a $b (local.get 0) (i32.const 0) (i32.const 100))))
                """
        ).template()
        #expect(Self.isDense(template))
        var slots: [Slot] = []
        for _ in 0..<3 {
            try template.withInstance { guest in
                #expect(engine.densePoolStatistics?.live == 3)
                slots = guest.slotsHeld
                try guest.expect("b", 9, is: 0x78)
                #expect(try guest.call("grow", arguments: []) == [.i32(1), .i32(-1), .i64(1)])
                try guest.call("c", Int64(2 << 16 - 1), Int32(5))
                for address: Int64 in [2 << 16, -1, .min, .max, 1 << 32] {
                    let trap = #expect(throws: Trap.self) { try guest.call("c", address, Int32(5)) }
                    #expect(trap?.code == .memoryOutOfBounds)
                }
                try guest.call("move", 2 << 16 - 100)
                #expect(throws: Trap.self) { try guest.call("move", 2 << 16 - 99) }
                #expect(throws: Trap.self) { try guest.call("b", 1 << 16) as Int32 }
            }
            for slot in slots { #expect(engine.core.densePool?.residue(in: slot) == nil) }
        }
    }

    @Test("Templates may go before their instances")
    func templatesGo() throws {
        let engine = try Self.engine(dense: DenseClass(slotCount: 4))
        for round in 0..<20 {
            var guest: Instance<Void>? = try engine.compile(text: Self.counter("1 \(round % 5 + 1)"))
                .template(memoryLimit: 1 << 20).instantiate()
            let first: Int32 = try guest!.call("count")
            #expect(first == 6)
            #expect(engine.densePoolStatistics?.live == 1)
            guest = nil
            #expect(engine.densePoolStatistics?.live == 0)
        }
        engine.trim()
        #expect(engine.densePoolStatistics?.residentBytes == 0)
    }

    @Test("Code for dense slots is kept in the cache like any other")
    func cached() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("mayfly-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let cache = CompilationCache(directory: directory.path)
        // A module that no other test compiles.
        let text = Self.counter("1") + "(; \(UUID().uuidString) ;)"
        for round in 0..<2 {
            let engine = try Self.engine(cache: cache)
            let bounded = try engine.compile(text: Self.counter("1 6"))
            #expect(Self.isDense(try bounded.template()))
            let module = try engine.compile(text: text)
            let template = try module.template(memoryLimit: 1 << 18)
            #expect(Self.isDense(template))
            #expect(try template.withInstance { try $0.call("count") } as Int32 == 6)
            let statistics = engine.cacheStatistics
            #expect(statistics.hits == (round == 0 ? 0 : 3) && statistics.misses == (round == 0 ? 3 : 0))
        }
    }

    @Test("Artifacts live where their code allows")
    func artifacts() throws {
        let text = Self.counter("1 4")
        let guarded = try Self.engine(dense: nil).compile(text: text).serialized()
        let checked = try Self.engine().compile(text: text).serialized()
        let engine = try Self.engine()
        let (first, second) = (try engine.load(compiled: guarded), try engine.load(compiled: checked))
        let (isFirstDense, isSecondDense) = (Self.isDense(try first.template()), Self.isDense(try second.template()))
        #expect(!isFirstDense && isSecondDense)
        #expect(Self.isDense(try first.template(memoryLimit: 1 << 18)))
        let ordinary = try Self.engine(dense: nil)
        for artifact in [guarded, checked] {
            let template = try ordinary.load(compiled: artifact).template(memoryLimit: 1 << 18)
            #expect(try template.withInstance { try $0.call("count") } as Int32 == 6)
            #expect(throws: Trap.self) { try template.withInstance { try $0.call("get", 65536) } as Int32 }
        }
    }

    @Test("Snapshots, forks and roll-backs stay in dense slots")
    func copies() throws {
        for policies in CopyPolicies.all where policies.growth == .protect {
            let engine = try Self.engine {
                $0.resetPolicy = policies.reset
                $0.idleTime = nil
            }
            let text = Self.counter("2 16").replacingOccurrences(
                of: "(data", with: "(data (i32.const 65530) \"\(String(repeating: "0123456789", count: 3000))\") (data")
            let template = try engine.compile(text: text).template()
            let warm = try template.snapshot { guest in
                for _ in 0..<10 { _ = try guest.call("count") as Int32 }
                try guest.expect("grow", 8, is: 2)
                try guest.call("put", 10 << 16 - 1, 9)
                try guest.call("put", 70000, 1)
            }
            #expect(Self.isDense(warm))
            var slots: [Slot] = []
            for round in 0..<4 {
                try warm.withInstance { guest in
                    slots.append(guest.store.slot)
                    try guest.expect("count", is: 16)
                    try guest.expect("get", 10 << 16 - 1, is: 9)
                    try guest.expect("get", 70000, is: 1)
                    try guest.expect("get", 70001, is: Int32(UInt8(ascii: "1")))
                    let point = try guest.checkpoint()
                    try guest.call("put", 70001, 2)
                    try guest.call("put", 80001, 3)
                    try guest.expect("grow", 2, is: 10)
                    try guest.call("put", 12 << 16 - 1, 4)
                    let fork = try guest.fork()
                    slots.append(fork.store.slot)
                    try guest.rollBack(to: point)
                    try guest.expect("size", is: 10)
                    try guest.expect("get", 70001, is: Int32(UInt8(ascii: "1")))
                    try guest.expect("count", is: 17)
                    #expect(throws: Trap.self) { try guest.call("get", 10 << 16) as Int32 }
                    try guest.expect("grow", 2, is: 10)
                    try guest.expect("get", 12 << 16 - 1, is: 0)
                    try fork.expect("get", 70001, is: 2)
                    try fork.expect("get", 12 << 16 - 1, is: 4)
                    try fork.expect("count", is: 17)
                }
                for slot in slots {
                    #expect(engine.core.densePool?.residue(in: slot) == nil, "\(policies.reset), round \(round)")
                }
            }
            #expect(engine.poolStatistics.acquisitions == 0)
        }
    }

    @Test("Thousands of instances live at once in a process that has no mappings to spare")
    func thousands() throws {
        guard KernelFeatures.current.marksGuards else { try Test.cancel("this kernel has no guard markers") }
        let count = 4000
        let engine = try Self.engine(dense: DenseClass(slotCount: count))
        let template = try engine.compile(text: Self.counter("1 16")).template()
        var guests: [Held] = []
        let before = Self.mappings()
        for index in 0..<count {
            let guest = Held(try template.instantiate())
            try guest.instance.call("put", 40_000, Int32(index & 255))
            guests.append(guest)
        }
        #expect(Self.mappings() - before < 300)
        for (index, guest) in guests.enumerated() {
            let value: Int32 = try guest.instance.call("get", 40_000)
            let calls: Int32 = try guest.instance.call("count")
            if value != Int32(index & 255) || calls != 6 { Issue.record("instance \(index)") }
        }
        #expect(throws: PoolError.exhausted(slots: count)) { try template.withInstance { _ in } }
    }

    /// For a list of instances.
    private final class Held {
        let instance: Instance<Void>
        init(_ instance: consuming Instance<Void>) { self.instance = instance }
    }

    private static func mappings() -> Int {
        (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8))?.utf8.count { $0 == 10 } ?? 0
    }
}
