//! Fuel: what is counted, where a guest ends that has not enough, and whose the fuel is.

import Compiler
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Fuel")
struct FuelTests {
    private static func engine(_ pool: PoolConfiguration = PoolConfiguration(slotCount: 4)) throws -> Engine {
        try Engine(.init(pool: pool))
    }

    private static func template(_ text: String, on engine: Engine? = nil) throws -> Template<Void> {
        try (engine ?? Self.engine()).compile(text: text, metersFuel: true).template()
    }

    private static func isOutOfFuel(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return false
        } catch { return (error as? Trap)?.code == .outOfFuel }
    }

    // MARK: Counting

    /// Functions of an i32, whose cost is counted by hand.
    private static let counted = """
        (module
          (memory 1)
          (table 16 funcref)
          (elem declare func $leaf)
          (elem (i32.const 0) $leaf)
          (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
          (func (export "identity") (param i32) (result i32) local.get 0)
          (func (export "branches") (param i32) (result i32)
            local.get 0
            if (result i32)
              i32.const 1
            else
              i32.const 2 i32.const 3 i32.add
            end)
          (func (export "loop") (param i32) (result i32) (local i32)
            loop
              local.get 1 local.get 0 i32.add local.set 1
              local.get 0 i32.const 1 i32.sub local.tee 0
              br_if 0
            end
            local.get 1)
          (func (export "exits") (param i32) (result i32)
            block
              block
                block
                  local.get 0 br_table 0 1 2
                end
                i32.const 10 return
              end
              i32.const 20 drop nop
            end
            i32.const 30)
          (func (export "calls") (param i32) (result i32)
            local.get 0 call $leaf
            i32.const 0 call_indirect (param i32) (result i32)
            call $leaf)
          (func (export "tail") (param i32) (result i32) local.get 0 return_call $leaf)
          (func (export "folded") (param i32) (result i32)
            i32.const 0 if unreachable end
            i32.const 1 i32.const 2 i32.mul drop
            block i32.const 1 br_if 0 i32.const 9 drop end
            local.get 0)
          (func (export "fill") (param i32) (result i32)
            i32.const 0 i32.const 7 local.get 0 memory.fill i32.const 0)
          (func (export "copy") (param i32) (result i32)
            i32.const 1 i32.const 0 local.get 0 memory.copy i32.const 0)
          (func (export "tables") (param i32) (result i32)
            i32.const 0 ref.null func local.get 0 table.fill i32.const 0))
        """

    @Test(
        "A run takes what its instructions cost, counted by hand",
        arguments: [
            ("identity", 7, 1), ("branches", 1, 3), ("branches", 0, 5), ("loop", 1, 10), ("loop", 5, 46),
            // More than a slice, and on its edges.
            ("loop", 100_000, 900_001), ("loop", 1820, 16_381), ("loop", 1821, 16_390), ("loop", 3640, 32_761),
            ("exits", 0, 3), ("exits", 1, 4), ("exits", 2, 3),
            // Twice through call, and once through call_indirect, with its index.
            ("calls", 1, 14), ("tail", 1, 5), ("folded", 3, 8),
            ("fill", 0, 5), ("fill", 63, 5), ("fill", 64, 6), ("fill", 65_536, 5 + 1024), ("copy", 6400, 5 + 100),
            ("tables", 7, 5), ("tables", 16, 5 + 2),
        ] as [(String, Int32, UInt64)])
    func byHand(_ function: String, _ argument: Int32, _ cost: UInt64) throws {
        let template = try Self.template(Self.counted)
        let plain = try Self.engine().compile(text: Self.counted).template()
        let result: Int32 = try plain.withInstance { try $0.call(function, argument) }
        for rest: UInt64 in [0, 1, 1000, 1 << 40] {
            try template.withInstance(fuel: cost + rest) { (instance) throws in
                #expect(try instance.call(function, argument) as Int32 == result)
                #expect(instance.fuel == rest)
            }
        }
        if cost > 0 {
            try template.withInstance(fuel: cost - 1) { (instance) throws in
                #expect(Self.isOutOfFuel { _ = try instance.call(function, argument) as Int32 })
                #expect(instance.fuel == 0)
            }
        }
    }

    @Test("The same is gone under every policy, in slots of each kind, with each instruction set, again and again")
    func determinism() throws {
        var dense = PoolConfiguration(slotCount: 4)
        dense.dense = DenseClass(slotCount: 4)
        var pools = [dense]
        for reset in KernelFeatures.current.resetPolicies {
            var pool = PoolConfiguration(slotCount: 4)
            pool.resetPolicy = reset
            pools.append(pool)
        }
        for pool in pools {
            for instructionSet in CodeSettings.InstructionSet.allCases {
                let engine = try Engine(
                    .init(pool: pool, code: CodeSettings(instructionSet: instructionSet, metersFuel: true)))
                let template = try engine.compile(text: Self.counted).template()
                for _ in 0..<3 {
                    try template.withInstance(fuel: 1_000_000) { (instance) throws in
                        _ = try instance.call("loop", 1234) as Int32
                        _ = try instance.call("fill", 12_345) as Int32
                        #expect(instance.fuel == 1_000_000 - 11_107 - 5 - 192)
                    }
                }
            }
        }
    }

    /// What a guest does that its host can see, with too little, in all amounts.
    @Test(
        "With less than all, a guest does a part of what it would do, the longer the more, and never more than it paid for"
    )
    func everyAmount() throws {
        let text = """
            (module
              (import "host" "note" (func $note (param i32)))
              (func $twice (param i32) (local.get 0) (call $note) (i32.add (local.get 0) (i32.const 1)) (call $note))
              (func (export "run") (local i32)
                loop
                  (call $twice (local.get 0))
                  (if (i32.and (local.get 0) (i32.const 4)) (then (call $note (i32.const -1))))
                  (local.tee 0 (i32.add (local.get 0) (i32.const 2)))
                  (br_if 0 (i32.lt_u (i32.const 10)))
                end))
            """
        final class Notes { var values: [(value: Int32, left: UInt64)] = [] }
        var imports = Imports<Notes>()
        imports.define("host", "note") { (caller, value: Int32) in
            caller.state.values.append((value, caller.fuel ?? .max))
        }
        let template = try Self.engine().compile(text: text, metersFuel: true).template(imports: imports)
        func run(_ fuel: UInt64) throws -> (notes: Notes, isComplete: Bool, left: UInt64) {
            let notes = Notes()
            return try template.withInstance(state: notes, fuel: fuel) { (instance) throws in
                let isStopped = Self.isOutOfFuel { try instance.call("run") }
                return (notes, !isStopped, instance.fuel ?? .max)
            }
        }
        let all = try run(1_000_000)
        #expect(all.isComplete)
        let cost = 1_000_000 - all.left
        for fuel in 0...cost + 2 {
            let run = try run(fuel)
            #expect(run.isComplete == (fuel >= cost), "\(fuel) of \(cost)")
            #expect(run.left == (fuel >= cost ? fuel - cost : 0))
            // Exactly those calls that the fuel sufficed for, and each has found what it should.
            let reached = all.notes.values.filter { 1_000_000 - $0.left <= fuel }
            #expect(run.notes.values.map(\.value) == reached.map(\.value), "\(fuel) of \(cost)")
            #expect(run.notes.values.map { fuel - $0.left } == reached.map { 1_000_000 - $0.left })
        }
    }

    // MARK: Running out

    private static let endless = """
        (module
          (memory (export "memory") 1)
          (func $f (export "loop") (local i32)
            (loop
              (i32.store (i32.const 0) (local.tee 0 (i32.add (local.get 0) (i32.const 1))))
              (br 0)))
          (func $recursion (export "recursion") (param i32) (call $recursion (i32.const 0)))
          (func (export "fill") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br 0)))
          (func (export "nothing") (loop (br 0)))
          (func (export "small") (result i32) (i32.const 1))
          (func (export "outOfBounds") (param i32)
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (drop (i32.load (i32.const 65536))))
          (func (export "unreachable") (param i32)
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            unreachable))
        """

    @Test("Nothing runs for ever", arguments: ["loop", "fill", "nothing"])
    func endless(_ function: String) throws {
        try Self.template(Self.endless).withInstance(fuel: 1_000_000) { (instance) throws in
            let trap = try #require(throws: Trap.self) { try instance.call(function) }
            #expect(trap.code == .outOfFuel)
            #expect(trap.backtrace.count == 1 && trap.backtrace[0].offset != nil)
            #expect(instance.fuel == 0)
        }
    }

    @Test("A guest that ran out can be called again with more, and has what it wrote")
    func refilledBetweenCalls() throws {
        try Self.template(Self.endless).withInstance(fuel: 10_000) { (instance) throws in
            #expect(Self.isOutOfFuel { try instance.call("loop") })
            let rounds = try instance.read(UInt32.self, at: 0)
            #expect(rounds > 1000 && rounds < 10_000)
            // Without more it does nothing.
            #expect(Self.isOutOfFuel { _ = try instance.call("small") as Int32 })
            try instance.addFuel(1)
            #expect(try instance.call("small") as Int32 == 1)
            #expect(instance.fuel == 0)
            try instance.setFuel(.max)
            #expect(instance.fuel == UInt64(Int64.max))
            try instance.addFuel(.max)
            #expect(instance.fuel == UInt64(Int64.max))
            #expect(try instance.call("small") as Int32 == 1)
            #expect(instance.fuel == UInt64(Int64.max) - 1)
        }
    }

    @Test("An instance that was given none does nothing")
    func none() throws {
        try Self.template(Self.endless).withInstance { (instance) throws in
            #expect(instance.fuel == 0)
            #expect(Self.isOutOfFuel { _ = try instance.call("small") as Int32 })
        }
        let start = "(module (func $start (loop (br 0))) (start $start))"
        #expect(Self.isOutOfFuel { try Self.template(start).withInstance { _ in } })
        #expect(Self.isOutOfFuel { try Self.template(start).withInstance(fuel: 10_000) { _ in } })
    }

    @Test("After another trap what is gone is known but for a slice, in the host's favour")
    func otherTraps() throws {
        let template = try Self.template(Self.endless)
        try template.withInstance(fuel: 10_000_000) { (instance) throws in
            let trap = try #require(throws: Trap.self) { try instance.call("outOfBounds", 100_000) }
            #expect(trap.code == .memoryOutOfBounds)
            let gone = 10_000_000 - Int64(instance.fuel ?? 0)
            #expect(gone >= 500_000 && gone <= 500_010 + VMContextLayout.fuelSlice)
            try instance.setFuel(10_000_000)
            #expect(throws: Trap.self) { try instance.call("unreachable", 100_000) }
            #expect(instance.fuel == 10_000_000 - 500_000)
            try instance.setFuel(10_000_000)
            let exhausted = try #require(throws: Trap.self) { try instance.call("recursion", 0) }
            #expect(exhausted.code == .callStackExhausted)
        }
        // The same every time.
        let left = try (0..<3).map { _ in
            try template.withInstance(fuel: 1_000_000) { (instance) throws in
                #expect(throws: Trap.self) { try instance.call("outOfBounds", 1000) }
                return instance.fuel
            }
        }
        #expect(Set(left).count == 1)
    }

    @Test("A deadline ends a guest that has fuel left, from its start function on")
    func deadline() throws {
        let template = try Self.template(Self.endless)
        let instance = try template.instantiate(fuel: .max, deadline: .now + .milliseconds(20))
        let trap = try #require(throws: Trap.self) { try instance.call("nothing") }
        #expect(trap.code == .interrupted)
        let left = instance.fuel ?? .max
        #expect(left < UInt64(Int64.max))
    }

    // MARK: Host functions

    private static let client = """
        (module
          (import "host" "more" (func $more))
          (import "host" "work" (func $work (param i64)))
          (func (export "refilled") (param i32)
            (loop (call $more) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
          (func (export "work") (param i64) (call $work (local.get 0)))
          (func (export "nested") (call $work (i64.const -1)))
          (func (export "three") i32.const 1 drop i32.const 2 drop i32.const 3 drop))
        """

    private static func clientTemplate() throws -> Template<Void> {
        var imports = Imports<Void>()
        imports.define("host", "more") { caller in try caller.setFuel(100) }
        imports.define("host", "work") { (caller, units: Int64) in
            if units >= 0 { return try caller.consumeFuel(UInt64(units)) }
            let before = caller.fuel ?? 0
            try caller.call("three")
            #expect(caller.fuel == before - 3)
            try caller.addFuel(1000)
        }
        return try engine().compile(text: client, metersFuel: true).template(imports: imports)
    }

    @Test("A host function can refill")
    func refilled() throws {
        try Self.clientTemplate().withInstance(fuel: 10) { (instance) throws in
            try instance.call("refilled", 100_000)
            #expect(instance.fuel == 100 - 5)
        }
    }

    @Test("A host function can charge for what it does, and its call of the guest is charged")
    func charging() throws {
        try Self.clientTemplate().withInstance(fuel: 100) { (instance) throws in
            try instance.call("work", Int64(90))
            #expect(instance.fuel == 8)
            let trap = try #require(throws: Trap.self) { try instance.call("work", Int64(7)) }
            #expect(trap.code == .outOfFuel && trap.backtrace.count == 1)
            #expect(instance.fuel == 0)
            try instance.setFuel(100_000)
            try instance.call("nested")
            #expect(instance.fuel == 100_000 - 2 - 3 + 1000)
        }
    }

    // MARK: Whose it is

    @Test("Code without metering has no fuel, and says so")
    func unmetered() throws {
        let module = try Self.engine().compile(text: Self.endless)
        #expect(!module.metersFuel)
        let template = try module.template()
        try template.withInstance { (instance) throws in
            #expect(instance.fuel == nil)
            #expect(throws: FuelError.unmetered) { try instance.setFuel(1) }
            #expect(throws: FuelError.unmetered) { try instance.addFuel(1) }
            #expect(try instance.call("small") as Int32 == 1)
        }
        #expect(throws: FuelError.unmetered) { try template.withInstance(fuel: 1) { _ in } }
    }

    @Test("No fuel passes from one tenant to the next, whether the first one ran or not")
    func tenants() throws {
        let engine = try Self.engine(PoolConfiguration(slotCount: 1, spareSlots: 0))
        let template = try Self.template(Self.endless, on: engine)
        for round in 0..<20 {
            let slot = try template.withInstance { (instance) throws in
                #expect(instance.fuel == 0)
                try instance.setFuel(1 << 40)
                if round % 3 == 1 { _ = try instance.call("small") as Int32 }
                if round % 3 == 2 { #expect(throws: Trap.self) { try instance.call("outOfBounds", 100_000) } }
                return instance.store.slot
            }
            #expect(engine.residue([slot]).isEmpty)
            let left = try template.withInstance { $0.fuel }
            #expect(left == 0)
        }
    }

    @Test("Copies have none, and rolling back gives none back")
    func copies() throws {
        let template = try Self.template(Self.endless)
        let instance = try template.instantiate(fuel: 1000)
        let checkpoint = try instance.checkpoint()
        let fork = try instance.fork()
        #expect(fork.fuel == 0)
        #expect(instance.fuel == 1000)
        try fork.setFuel(50)
        #expect(instance.fuel == 1000)
        #expect(try instance.call("small") as Int32 == 1)
        try instance.rollBack(to: checkpoint)
        #expect(instance.fuel == 999)
        let warm = try template.snapshot(of: instance)
        let left = try warm.withInstance { $0.fuel }
        #expect(left == 0)
        let result: Int32 = try warm.withInstance(fuel: 5) { try $0.call("small") }
        #expect(result == 1)
    }

    @Test("Linked instances share one amount, and those without metering take none of it")
    func linked() throws {
        let engine = try Self.engine(PoolConfiguration(slotCount: 8))
        let library = """
            (module (func (export "three") (result i32) i32.const 1 drop i32.const 2 drop i32.const 3)
              (func $start) (start $start))
            """
        let program = """
            (module (import "lib" "three" (func $three (result i32)))
              (func (export "run") (result i32) call $three)
              (func (export "for ever") (result i32) (loop (drop (call $three)) (br 0)) unreachable))
            """
        for (metersLibrary, cost) in [(true, UInt64(4)), (false, 1)] {
            var store = Store(engine)
            let first = try engine.compile(text: library, metersFuel: metersLibrary)
            let second = try engine.compile(text: program, metersFuel: true)
            let lib = try store.instantiate(first, as: "lib", fuel: metersLibrary ? 10 : nil)
            let app = try store.instantiate(second)
            #expect(app.fuel == (metersLibrary ? 10 : 0))
            try app.setFuel(1000)
            #expect(lib.fuel == (metersLibrary ? 1000 : nil))
            #expect(try app.call("run") as Int32 == 3)
            #expect(app.fuel == 1000 - cost)
            let trap = try #require(throws: Trap.self) { try app.call("for ever") as Int32 }
            #expect(trap.code == .outOfFuel)
            #expect(app.fuel == 0)
            if metersLibrary {
                #expect(Self.isOutOfFuel { _ = try lib.call("three") as Int32 })
            } else {
                #expect(try lib.call("three") as Int32 == 3)
                #expect(throws: FuelError.unmetered) { try store.instantiate(first, fuel: 1) }
            }
        }
    }

    // MARK: Code

    @Test("Metered code is other code, as an artifact too")
    func artifacts() throws {
        let engine = try Self.engine()
        let metered = try engine.compile(text: Self.endless, metersFuel: true)
        let plain = try engine.compile(text: Self.endless)
        #expect(metered.serialized() != plain.serialized())
        #expect(plain.serialized() == (try engine.compile(text: Self.endless, metersFuel: false).serialized()))
        for module in [metered, plain] {
            let loaded = try engine.load(compiled: module.serialized())
            #expect(loaded.metersFuel == module.metersFuel && loaded.serialized() == module.serialized())
        }
        try engine.load(compiled: metered.serialized()).template().withInstance(fuel: 1000) { (instance) throws in
            #expect(Self.isOutOfFuel { try instance.call("loop") })
        }
    }

    @Test("An engine can meter all code, and a module differ from it")
    func configuration() throws {
        let engine = try Engine(
            .init(pool: PoolConfiguration(slotCount: 4), code: CodeSettings(metersFuel: true)))
        #expect(try engine.compile(text: Self.endless).metersFuel)
        #expect(try !engine.compile(text: Self.endless, metersFuel: false).metersFuel)
    }

    @Test("A module that goes to dense slots later is metered there too")
    func denseLater() throws {
        var pool = PoolConfiguration(slotCount: 4)
        pool.dense = DenseClass(slotCount: 4)
        let engine = try Engine(.init(pool: pool))
        let module = try engine.compile(
            text: "(module (memory 1) (func (export \"f\") (loop (br 0))))", metersFuel: true)
        try module.template(memoryLimit: 1 << 16).withInstance(fuel: 1000) { (instance) throws in
            #expect(Self.isOutOfFuel { try instance.call("f") })
        }
    }
}
