//! Shapes that make careless algorithms quadratic: they are translated, or refused with a typed error, and twice the
//! size costs about twice the time.

import Foundation
import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Translation: hostile shapes")
struct TranslationHostileTests {
    struct Shape: CustomTestStringConvertible, Sendable {
        let name: String
        /// The body of a function (i32, i32) → () with `locals` more i32 locals, for a size.
        let locals: @Sendable (Int) -> Int
        let code: @Sendable (CodeBuilder, Int) -> Void

        init(
            _ name: String, locals: @escaping @Sendable (Int) -> Int = { _ in 0 },
            _ code: @escaping @Sendable (CodeBuilder, Int) -> Void
        ) {
            self.name = name
            self.locals = locals
            self.code = code
        }
        var testDescription: String { name }
    }

    static let shapes: [Shape] = [
        Shape("nested blocks, each left from the innermost") { code, size in
            for _ in 0..<size { code.block() }
            for depth in 0..<size { code.localGet(0).brIf(UInt32(depth)) }
            for _ in 0..<size { code.end() }
        },
        Shape("nested loops, each continued from the innermost") { code, size in
            for _ in 0..<size { code.loop() }
            for depth in 0..<size {
                code.localGet(0).brIf(UInt32(depth)).localGet(0).brIf(UInt32(size - 1 - depth))
            }
            for _ in 0..<size { code.end() }
        },
        Shape("one local through nested loops") { code, size in
            for _ in 0..<size { code.loop() }
            code.localGet(0).i32Const(1).i32Add().localSet(0)
            for _ in 0..<size { code.localGet(0).brIf(0).end() }
        },
        Shape("a local that never changes through nested loops") { code, size in
            for _ in 0..<size { code.loop() }
            code.localGet(0).localSet(0)
            for _ in 0..<size { code.localGet(1).brIf(0).end() }
        },
        Shape("many locals through many branches", locals: { $0 }) { code, size in
            code.block()
            for local in 0..<size { code.localGet(1).localSet(UInt32(2 + local)) }
            for local in 0..<size { code.localGet(0).localSet(UInt32(2 + local)).localGet(0).brIf(0) }
            code.end()
        },
        Shape("many locals through nested ifs", locals: { $0 }) { code, size in
            for local in 0..<size { code.localGet(0).if().localGet(1).localSet(UInt32(2 + local)) }
            for _ in 0..<size { code.end() }
        },
        Shape("a long chain of extensions, stored at every link") { code, size in
            for _ in 0..<size {
                code.localGet(0).i32Const(0xFFF).i32And().i32Extend16S().localTee(0).localGet(0).i32Store8()
            }
        },
        Shape("a long chain of masks and shifts") { code, size in
            for index in 0..<size {
                code.localGet(0).i32Const(3).i32Shl().localGet(1).i32Xor().i32Const(Int32(index | 0xFFFF)).i32And()
                    .i32Const(2).i32ShrU().localSet(0)
            }
        },
        Shape("wide branch tables") { code, size in
            for _ in 0..<100 { code.block() }
            code.localGet(0).brTable((0..<size).map { UInt32($0 % 100) }, default: 0)
            for _ in 0..<100 { code.end() }
        },
        Shape("a wide branch table to a loop of many locals", locals: { $0 }) { code, size in
            code.block().loop()
            for local in 0..<size { code.localGet(UInt32(2 + local)).localSet(UInt32(2 + local)) }
            code.localGet(0).brTable((0..<size).map { UInt32($0 % 2) }, default: 0).end().end()
        },
        Shape("constants pushed and added up") { code, size in
            for index in 0..<size { code.i32Const(Int32(index &* 7919)) }
            for _ in 1..<size { code.localGet(0).i32Add().i32Add() }
            code.drop()
        },
        Shape("joins after arms that leave") { code, size in
            for _ in 0..<size {
                code.block().localGet(0).if().localGet(1).brIf(1).else().localGet(1).i32Eqz().brIf(1).end().end()
            }
        },
    ]

    /// Processor time to translate a shape in nanoseconds; nil if it was refused.
    static func time(_ shape: Shape, size: Int) throws -> Double? {
        var builder = WasmBuilder()
        builder.memory(1)
        builder.function("f", [.i32, .i32], [], locals: Array(repeating: .i32, count: shape.locals(size))) {
            shape.code($0, size)
        }
        let module = try DecodedModule(decoding: builder.build())
        try module.validateBodies()
        let context = ModuleContext(module)
        var translator = FunctionTranslator()
        var elimination = DeadCodeElimination()
        var function = IRFunction()
        var best = Double.infinity
        for _ in 0..<3 {
            let start = TranslationCorpusTests.processorTime()
            do throws(TranslationError) {
                try translator.translate(body: 0, of: context, into: &function)
            } catch {
                return nil
            }
            elimination.run(on: &function, in: context)
            best = min(best, TranslationCorpusTests.processorTime() - start)
        }
        #expect(IRVerifier.violations(function, in: context) == [])
        return best
    }

    @Test("Translated or refused", arguments: shapes)
    func translates(shape: Shape) throws {
        _ = try Self.time(shape, size: 500)
    }

    @Test(
        "Twice the size, about twice the time",
        .enabled(if: ProcessInfo.processInfo.environment["MAYFLY_MEASURE"] != nil, "set MAYFLY_MEASURE to measure"),
        arguments: shapes)
    func linear(shape: Shape) throws {
        let sizes = [4_000, 8_000, 16_000, 32_000]
        let times = try sizes.map { try Self.time(shape, size: $0) }
        print(shape.name, times.map { $0.map { "\(($0 / 1e5).rounded() / 10) ms" } ?? "refused" })
        // Shapes of many locals are quadratic in their edge arguments, up to the limit on these.
        for (smaller, larger) in zip(times, times.dropFirst()) {
            if let smaller, let larger, shape.locals(1) == 0 { #expect(larger < 6 * smaller + 1e6) }
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
