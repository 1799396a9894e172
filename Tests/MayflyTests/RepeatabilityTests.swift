//! A random program does exactly the same each time: in a slot used for the first time, in one that the same or another
//! module left behind, and as a module that was saved and loaded.

import Mayfly
import TestSupport
import Testing

@Suite("Random programs repeat")
struct RepeatabilityTests {
    /// All that can be seen of an instance after calling every function of it once or twice.
    struct Outcome: Equatable {
        /// Result bits, or the trap.
        var calls: [[UInt64]] = []
        var traps: [TrapCode?] = []
        var globals: [UInt64] = []
        var memory: [UInt8] = []
    }

    private static func bits(_ value: Value) -> UInt64 {
        switch value {
        case .i32(let value): UInt64(UInt32(bitPattern: value))
        case .i64(let value): UInt64(bitPattern: value)
        case .f32(let value): UInt64(value.bitPattern)
        case .f64(let value): value.bitPattern
        case .v128, .funcref, .externref: 0
        }
    }

    private static func value(_ bits: UInt64, _ type: ValueType) -> Value {
        switch type {
        case .i32: .i32(Int32(truncatingIfNeeded: bits))
        case .i64: .i64(Int64(bitPattern: bits))
        case .f32: .f32(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        default: .f64(Double(bitPattern: bits))
        }
    }

    private static func outcome(_ program: GeneratedModule, _ template: Template<Void>, seed: UInt64) throws -> Outcome
    {
        try template.withInstance { (instance) throws in
            var outcome = Outcome()
            var random = SeededGenerator(seed: seed)
            for function in program.functions + program.functions {
                let arguments = function.type.parameters.map {
                    value(ModuleGenerator.interestingBits($0, &random), $0)
                }
                do {
                    outcome.calls.append(try instance.call(function.name, arguments: arguments).map(bits))
                    outcome.traps.append(nil)
                } catch let trap as Trap {
                    outcome.traps.append(trap.code)
                }
            }
            for index in program.globals.indices { outcome.globals.append(bits(try instance.global("g\(index)"))) }
            outcome.memory = try instance.readBytes(at: 0, count: instance.memorySize)
            return outcome
        }
    }

    @Test func everyRunIsTheSame() throws {
        // One slot, so that every instance gets what the last one left.
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        var earlier: (program: GeneratedModule, template: Template<Void>, outcome: Outcome, seed: UInt64)?
        var completed = 0
        for seed in 0..<UInt64(20) {
            let program = ModuleGenerator.module(
                seed: seed, options: .init(canTrap: true, callsRuntime: true, work: 5000))
            let module = try engine.compile(program.bytes)
            let template = try module.template()
            let first = try Self.outcome(program, template, seed: seed)
            completed += first.calls.count
            #expect(first.traps.allSatisfy { $0 != .unexpectedFault }, "seed \(seed)")
            #expect(try Self.outcome(program, template, seed: seed) == first, "seed \(seed), slot used again")
            let loaded = try engine.load(compiled: module.serialized()).template()
            #expect(try Self.outcome(program, loaded, seed: seed) == first, "seed \(seed), saved and loaded")
            if let earlier {
                #expect(
                    try Self.outcome(earlier.program, earlier.template, seed: earlier.seed) == earlier.outcome,
                    "seed \(earlier.seed) in the slot of seed \(seed)")
            }
            earlier = (program, template, first, seed)
        }
        // Programs that only trap would show little.
        #expect(completed > 40)
    }
}
