//! Random programs do the same when their bytes are interpreted, when they are translated, and after dead code
//! elimination: results, traps, memory, globals, tables and the calls they make.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Translation: random programs")
struct TranslationRandomTests {
    @Test("Translated programs do what their code says", arguments: 0..<8)
    func agreement(batch: Int) throws {
        let count = TestData.integer(fromEnvironment: "MAYFLY_RANDOM_PROGRAMS") ?? 40
        var finished = 0
        for index in 0..<count {
            let seed = UInt64(batch * 1_000_000 + index)
            var program = RandomProgram(seed: seed)
            let bytes = program.module(functionCount: 5)
            let module: TranslatedModule
            do {
                module = try TranslatedModule(bytes)
            } catch {
                Issue.record("seed \(seed): \(error)")
                continue
            }
            var random = SeededGenerator(seed: seed)
            for function in 1..<UInt32(module.context.functionCount) {
                let arguments = module.context.parameters(ofType: module.context.type(ofFunction: function)).map {
                    type in
                    switch type {
                    case .i32: cell(random.pick([0, 1, -1, 100, .min, Int32(truncatingIfNeeded: random.next())]))
                    case .f32: UInt64(random.pick([Float(0), -1, 1e10, .infinity]).bitPattern)
                    case .f64: random.pick([Double(0), -1, 1e20, 0.5]).bitPattern
                    default: random.pick([0, 1, .max, 1 << 32, random.next()])
                    }
                }
                let expected = Self.outcome(module.context, function, arguments)
                if case .failure(.outOfSteps) = expected.result { continue }
                if case .success = expected.result { finished += 1 }
                let translated = module.outcome(of: module.translated, function, arguments)
                let optimized = module.outcome(of: module.optimized, function, arguments)
                if translated != expected || optimized != expected {
                    Issue.record(
                        """
                        seed \(seed), function \(function) of \(arguments): \(expected.result), translated \
                        \(translated.result), optimized \(optimized.result)
                        \(module.texts[Int(function) - 1])
                        """)
                }
            }
        }
        // Programs that mostly trap early would test little.
        #expect(finished > count)
    }

    static func outcome(
        _ context: ModuleContext, _ function: UInt32, _ arguments: [UInt64]
    ) -> TranslatedModule.Outcome {
        let state = InterpreterState(context, steps: 200_000)
        let interpreter = StackInterpreter(state: state)
        let result = Result { () throws(InterpreterTrap) in try interpreter.call(function, arguments) }
        return TranslatedModule.Outcome(
            result: result, memory: state.memory, globals: state.globals, tables: state.tables,
            importCalls: state.importCalls)
    }
}
