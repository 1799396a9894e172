//! Metered code takes what the operators executed cost, however it is compiled. What they cost is counted by the interpreter
//! that runs the bytes, which knows nothing of pieces and slices.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Fuel: random programs")
struct FuelCountTests {
    private static let settings: [CodeSettings] =
        [
            CodeSettings(metersFuel: true), CodeSettings(instructionSet: .baseline, metersFuel: true),
            CodeSettings(boundsChecks: .explicit, metersFuel: true),
            CodeSettings(metersFuel: true, experiment: CompilerExperiment(optimizations: [])),
            CodeSettings(
                instructionSet: .baseline, metersFuel: true, experiment: CompilerExperiment(optimizations: [])),
        ]
        + (1...3).map { CodeSettings(metersFuel: true, experiment: CompilerExperiment(chaosSeed: $0)) }
        + CompilerExperiment.Optimizations.named.map {
            CodeSettings(
                metersFuel: true,
                experiment: CompilerExperiment(
                    optimizations: CompilerExperiment.Optimizations.all.subtracting($0.optimization)))
        }

    @Test("What is gone is what the operators cost, and results are the same", arguments: settings)
    func count(_ settings: CodeSettings) throws {
        let count = UInt64(TestData.integer(fromEnvironment: "MAYFLY_RANDOM_PROGRAMS") ?? 8)
        for seed in 40_000_000..<40_000_000 + count {
            let program = ModuleGenerator.module(seed: seed, options: .init(work: 3000))
            let harness = try NativeHarness(program.bytes, settings: settings)
            let plain = try NativeHarness(program.bytes)
            let interpreter = StackInterpreter(
                state: InterpreterState(ModuleContext(harness.module), steps: 10_000_000))
            copySegments(of: harness.module, to: interpreter.state)
            var random = SeededGenerator(seed: seed)
            for (number, function) in program.functions.enumerated() {
                let arguments = function.type.parameters.map { ModuleGenerator.interestingBits($0, &random) }
                let before = interpreter.consumedFuel
                _ = try interpreter.call(UInt32(number), arguments)
                let cost = Int64(interpreter.consumedFuel - before)
                let given = Int64(random.next() >> 2)
                harness.fuel = given + cost
                let results = harness.call(function.name, arguments)
                #expect(harness.fuel == given, "seed \(seed), \(function.name) of \(arguments), which costs \(cost)")
                #expect(results == plain.call(function.name, arguments), "seed \(seed), \(function.name)")
            }
        }
    }

    /// Translated code, before selection has seen it.
    @Test("What is paid does not depend on what is folded")
    func interpreted() throws {
        for seed: UInt64 in 41_000_000..<41_000_010 {
            let program = ModuleGenerator.module(seed: seed, options: .init(work: 1000))
            let module = try TranslatedModule(program.bytes, settings: CodeSettings(metersFuel: true))
            let states = (0..<2).map { _ in InterpreterState(module.context, steps: 10_000_000) }
            for state in states { copySegments(of: module.context.module, to: state) }
            let bytes = StackInterpreter(state: states[0])
            let translated = IRInterpreter(state: states[1])
            translated.functions = seed % 2 == 0 ? module.translated : module.optimized
            var random = SeededGenerator(seed: seed)
            for (number, function) in program.functions.enumerated() {
                let arguments = function.type.parameters.map { ModuleGenerator.interestingBits($0, &random) }
                let (before, left) = (bytes.consumedFuel, states[1].fuel)
                _ = try bytes.call(UInt32(number), arguments)
                _ = try translated.call(UInt32(number), arguments)
                #expect(left - states[1].fuel == Int64(bytes.consumedFuel - before), "seed \(seed), \(function.name)")
            }
        }
    }

    /// Only what the builder writes as data; an interpreter's state starts without.
    private func copySegments(of module: DecodedModule, to state: InterpreterState) {
        for segment in module.data {
            guard case .active(_, let offset) = segment.mode, case .i32(let start)? = offset.instructions.first
            else { continue }
            let bytes = module.bytes[segment.range]
            state.memory.replaceSubrange(Int(start)..<Int(start) + bytes.count, with: bytes)
        }
    }
}
