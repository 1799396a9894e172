//! Shapes that make careless algorithms quadratic: they are translated, or refused with a typed error, and compiled rightly. That
//! twice the size costs about twice the time is for `mayfly-bench hostile` to say.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Translation: hostile shapes")
struct TranslationHostileTests {
    @Test("Translated or refused", arguments: HostileShape.all)
    func translates(shape: HostileShape) throws {
        let module = try DecodedModule(decoding: shape.module(size: 500))
        try module.validateBodies()
        let context = ModuleContext(module)
        var translator = FunctionTranslator()
        var elimination = DeadCodeElimination()
        var function = IRFunction()
        do throws(TranslationError) { try translator.translate(body: 0, of: context, into: &function) } catch { return }
        elimination.run(on: &function, in: context)
        #expect(IRVerifier.violations(function, in: context) == [])
    }

    @Test("Compiled with all checks on, as usual and with decisions at random", arguments: HostileShape.all)
    func compiles(shape: HostileShape) throws {
        let module = try DecodedModule(decoding: shape.module(size: 200))
        for seed: UInt64? in [nil, 1, 2] {
            let settings = CodeSettings(experiment: CompilerExperiment(chaosSeed: seed))
            let code = try ModuleCompiler.compile(module, settings: settings, threads: 1, isChecking: true)
            #expect(code.functionOffsets.count == 1)
        }
    }

    @Test("A branch table's repeated edges are looked at once per target, and all counted as uses")
    func repeatedEdges() throws {
        var builder = WasmBuilder()
        builder.function("f", [.i32, .i32], []) { code in
            code.block().loop().localGet(1).i32Const(1).i32Add().localSet(1)
            code.localGet(0).brTable((0..<1000).map { UInt32($0 % 2) }, default: 0).end().end()
        }
        let module = try DecodedModule(decoding: builder.build())
        try module.validateBodies()
        let context = ModuleContext(module)
        var translator = FunctionTranslator()
        var elimination = DeadCodeElimination()
        var function = IRFunction()
        try translator.translate(body: 0, of: context, into: &function)
        elimination.run(on: &function, in: context)
        #expect(function.edges.count > 1000)
        // Into the loop: from the entry and from the table. To the end: from the table.
        #expect(elimination.incoming.count <= 4)
        #expect(IRVerifier.violations(function, in: context) == [])
    }

    @Test("A few bytes cannot ask for millions of instructions")
    func instructionsInProportion() throws {
        func translate(calls: Int) throws {
            var builder = WasmBuilder()
            let types = [ValueType](repeating: .i32, count: 1000)
            builder.function("f", types, types) { code in
                for local in 0..<1000 { code.localGet(UInt32(local)) }
                for _ in 0..<calls { code.call(0) }
            }
            let module = try DecodedModule(decoding: builder.build())
            try module.validateBodies()
            var translator = FunctionTranslator()
            var function = IRFunction()
            try translator.translate(body: 0, of: ModuleContext(module), into: &function)
        }
        try translate(calls: 10)
        #expect(throws: TranslationError.functionTooComplex(function: 0)) { try translate(calls: 300) }
    }
}
