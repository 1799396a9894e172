//! From a module builder to translated functions, verified after every pass.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

/// A validated module whose functions have all been translated.
struct TranslatedModule {
    let context: ModuleContext
    /// After translation, by body index.
    private(set) var translated: [IRInterpreter.Function] = []
    /// After dead code elimination.
    private(set) var optimized: [IRInterpreter.Function] = []
    /// The text of each function after dead code elimination.
    private(set) var texts: [String] = []

    init(_ bytes: [UInt8], settings: CodeSettings = .init()) throws {
        let module = try DecodedModule(decoding: bytes)
        try module.validateBodies()
        context = ModuleContext(module, settings: settings)
        var translator = FunctionTranslator()
        var elimination = DeadCodeElimination()
        var function = IRFunction()
        for body in 0..<context.bodyCount {
            try translator.translate(body: body, of: context, into: &function)
            if let report = IRVerifier.report(function, in: context) { throw Malformed(description: report) }
            translated.append(IRInterpreter.Function(function))
            elimination.run(on: &function, in: context)
            if let report = IRVerifier.report(function, in: context) { throw Malformed(description: report) }
            optimized.append(IRInterpreter.Function(function))
            texts.append(IRPrinter.text(function))
        }
    }

    init(_ build: (inout WasmBuilder) -> Void) throws {
        var builder = WasmBuilder()
        build(&builder)
        try self.init(builder.build())
    }

    struct Malformed: Error, CustomStringConvertible { var description: String }

    /// Calls a function before and after dead code elimination, each on a state of its own, and demands that both agree.
    func call(
        _ function: UInt32, _ arguments: UInt64..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [UInt64] {
        let before = outcome(of: translated, function, arguments)
        let after = outcome(of: optimized, function, arguments)
        #expect(before == after, sourceLocation: sourceLocation)
        return try after.result.get()
    }

    struct Outcome: Equatable {
        var result: Result<[UInt64], InterpreterTrap>
        var memory: [UInt8]
        var globals: [UInt64]
        var tables: [[UInt64]]
        var importCalls: [[UInt64]]
    }

    func outcome(
        of functions: [IRInterpreter.Function], _ function: UInt32, _ arguments: [UInt64]
    ) -> Outcome {
        let state = InterpreterState(context)
        let interpreter = IRInterpreter(state: state)
        interpreter.functions = functions
        let result = Result { () throws(InterpreterTrap) in try interpreter.call(function, arguments) }
        return Outcome(
            result: result, memory: state.memory, globals: state.globals, tables: state.tables,
            importCalls: state.importCalls)
    }
}

/// The two's complement cell of a signed 32-bit number.
func cell(_ value: Int32) -> UInt64 { UInt64(UInt32(bitPattern: value)) }
