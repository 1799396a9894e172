//! Random programs do the same as machine code and when their bytes are interpreted: results, memory and globals. The
//! programs have what selection and register allocation find hard: many live values of all types across loops, branches
//! and calls with more arguments than registers.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Native execution: random programs")
struct NativeRandomTests {
    private static let settings = [
        CodeSettings(), CodeSettings(boundsChecks: .explicit), CodeSettings(instructionSet: .baseline),
        CodeSettings(boundsChecks: .explicit, instructionSet: .baseline),
    ]

    @Test("So does what is made without an optimization", arguments: CompilerExperiment.Optimizations.named.indices)
    func withoutOptimization(_ index: Int) throws {
        let rest = CompilerExperiment.Optimizations.all.subtracting(
            CompilerExperiment.Optimizations.named[index].optimization)
        try check(0..<2) { _ in CodeSettings(experiment: CompilerExperiment(optimizations: rest)) }
    }

    @Test("So does what is made without any")
    func withoutOptimizations() throws {
        for instructionSet in CodeSettings.InstructionSet.allCases {
            try check(0..<4) { _ in
                CodeSettings(instructionSet: instructionSet, experiment: CompilerExperiment(optimizations: []))
            }
        }
    }

    @Test("So does what is made with decisions taken at random", arguments: 0..<6)
    func chaos(batch: UInt64) throws {
        let count = UInt64(TestData.integer(fromEnvironment: "MAYFLY_RANDOM_PROGRAMS") ?? 8)
        let first = 7_000_000 + batch * 1_000_000
        try check(first..<first + count) { seed in
            CodeSettings(
                boundsChecks: batch % 2 == 0 ? .guardPages : .explicit,
                instructionSet: batch % 3 == 0 ? .baseline : .v3, experiment: CompilerExperiment(chaosSeed: seed))
        }
    }

    @Test("Machine code does what the code says", arguments: 0..<3, settings)
    func agreement(batch: Int, settings: CodeSettings) throws {
        let count = UInt64(TestData.integer(fromEnvironment: "MAYFLY_RANDOM_PROGRAMS") ?? 8)
        let first = UInt64(batch) * 1_000_000
        try check(first..<first + count) { _ in settings }
    }

    private func check(_ seeds: Range<UInt64>, _ settings: (UInt64) -> CodeSettings) throws {
        for seed in seeds {
            let program = ModuleGenerator.module(seed: seed, options: .init(work: 3000))
            let harness = try NativeHarness(program.bytes, settings: settings(seed))
            let context = ModuleContext(harness.module)
            let state = InterpreterState(context, steps: 10_000_000)
            // Only what the builder writes as data; the interpreter's state starts without.
            for segment in harness.module.data {
                guard case .active(_, let offset) = segment.mode, case .i32(let start)? = offset.instructions.first
                else { continue }
                let bytes = harness.module.bytes[segment.range]
                state.memory.replaceSubrange(Int(start)..<Int(start) + bytes.count, with: bytes)
            }
            let interpreter = StackInterpreter(state: state)
            var random = SeededGenerator(seed: seed)
            for (number, function) in program.functions.enumerated() {
                for _ in 0..<2 {
                    let arguments = function.type.parameters.map { ModuleGenerator.interestingBits($0, &random) }
                    let expected = try interpreter.call(UInt32(number), arguments)
                    let actual = harness.call(function.name, arguments)
                    let difference =
                        Self.difference("result", function.type.results, expected, actual)
                        ?? Self.difference("global", program.globals, state.globals, harness.globals)
                        ?? Self.difference(state.memory, harness)
                    if let difference {
                        Issue.record("seed \(seed), \(function.name) of \(arguments): \(difference)")
                        return
                    }
                }
            }
        }
    }

    /// What differs between cells, where all NaNs of a type are the same.
    private static func difference(
        _ what: String, _ types: [ValueType], _ expected: [UInt64], _ actual: [UInt64]
    ) -> String? {
        for (index, type) in types.enumerated() {
            let areNaN =
                switch type {
                case .f32:
                    Float(bitPattern: UInt32(truncatingIfNeeded: expected[index])).isNaN
                        && Float(bitPattern: UInt32(truncatingIfNeeded: actual[index])).isNaN
                case .f64: Double(bitPattern: expected[index]).isNaN && Double(bitPattern: actual[index]).isNaN
                default: false
                }
            if !areNaN && expected[index] != actual[index] {
                return "\(what) \(index) is \(actual[index]) instead of \(expected[index])"
            }
        }
        return nil
    }

    private static func difference(_ expected: [UInt8], _ harness: NativeHarness) -> String? {
        let actual = UnsafeRawBufferPointer(start: harness.memory, count: expected.count)
        guard let address = expected.indices.first(where: { expected[$0] != actual[$0] }) else { return nil }
        return "memory at \(address) is \(actual[address]) instead of \(expected[address])"
    }
}
