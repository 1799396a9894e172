//! Random programs of vectors do as machine code what the plain reference says: results, globals and memory. All checks are
//! on, the one of register allocation included.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Native execution: random vector programs")
struct VectorRandomTests {
    @Test("Machine code does what the reference says", arguments: 0..<4, CodeSettings.InstructionSet.allCases)
    func agreement(batch: Int, instructionSet: CodeSettings.InstructionSet) throws {
        let count = TestData.integer(fromEnvironment: "MAYFLY_RANDOM_PROGRAMS") ?? 12
        for index in 0..<count {
            let seed = UInt64(batch * 1_000_000 + index)
            let program = VectorProgram(seed: seed)
            let harness = try NativeHarness(program.bytes, settings: CodeSettings(instructionSet: instructionSet))
            var state = program.initialState
            for (index, global) in program.globals.enumerated() { harness.setGlobal(index, global.initial) }
            var random = SeededGenerator(seed: seed)
            for (number, function) in program.functions.enumerated() {
                for _ in 0..<3 {
                    let arguments = function.parameters.map { VectorReference.interesting($0, &random) }
                    let expected = program.call(number, arguments, &state)
                    let actual = harness.call(
                        "f\(number)", zip(function.parameters, arguments).flatMap(Self.cells))
                    let expectedCells = zip(function.resultTypes, expected).flatMap(Self.cells)
                    let memory = Array(UnsafeRawBufferPointer(start: harness.memory, count: state.memory.count))
                    guard actual == expectedCells, memory == state.memory, harness.globalVectors == state.globals else {
                        Issue.record(
                            "seed \(seed), f\(number) of \(arguments): \(actual) instead of \(expectedCells), memory \(memory == state.memory ? "right" : "wrong"), globals \(harness.globalVectors) instead of \(state.globals)"
                        )
                        return
                    }
                }
            }
        }
    }

    private static func cells(_ type: ValueType, _ value: V128) -> [UInt64] {
        type == .v128 ? [value.low, value.high] : [value.low]
    }

    /// More vectors alive than there are registers, across a loop and a call.
    @Test("Vectors are spilled whole", arguments: CodeSettings.InstructionSet.allCases)
    func spills(instructionSet: CodeSettings.InstructionSet) throws {
        let count = 40
        var builder = WasmBuilder()
        let callee = builder.function("callee", [.v128], [.v128]) { $0.localGet(0).localGet(0).op(.i8x16Add) }
        builder.function("run", [.v128, .i32], [.v128], locals: [ValueType](repeating: .v128, count: count)) { body in
            for index in 0..<UInt32(count) {
                body.localGet(0).i32Const(Int32(index)).op(.i16x8Splat).op(.i16x8Add).localSet(index + 2)
            }
            body.loop(.empty) { body in
                for index in 0..<UInt32(count) {
                    body.localGet(index + 2).localGet((index + 1) % UInt32(count) + 2).op(.v128Xor).localSet(index + 2)
                }
                body.localGet(7).call(callee).localSet(7)
                body.localGet(1).i32Const(1).i32Sub().localTee(1).brIf(0)
            }
            body.localGet(2)
            for index in 1..<UInt32(count) { body.localGet(index + 2).op(.i64x2Sub) }
        }
        let harness = try NativeHarness(builder.build(), settings: CodeSettings(instructionSet: instructionSet))
        let argument = V128(low: 0x0123_4567_89AB_CDEF, high: 0xFEDC_BA98_7654_3210)
        var vectors = (0..<count).map { index in
            VectorReference.apply(
                .i16x8Add, [argument, VectorReference.apply(.i16x8Splat, [V128(low: UInt64(index))])])
        }
        for _ in 0..<7 {
            for index in 0..<count {
                vectors[index] = VectorReference.apply(.v128Xor, [vectors[index], vectors[(index + 1) % count]])
            }
            vectors[5] = VectorReference.apply(.i8x16Add, [vectors[5], vectors[5]])
        }
        let expected = vectors.dropFirst().reduce(vectors[0]) { VectorReference.apply(.i64x2Sub, [$0, $1]) }
        #expect(harness.call("run", [argument.low, argument.high, 7]) == [expected.low, expected.high])
    }

    /// Equal instructions become one, and shuffles that choose one operand as it is become none.
    @Test("Vectors are numbered and folded like other values")
    func folding() throws {
        var builder = WasmBuilder()
        builder.function("same", [.v128, .v128], [.v128, .v128]) {
            $0.localGet(0).localGet(1).op(.i8x16Add).localGet(0).localGet(1).op(.i8x16Add)
        }
        builder.function("mirrored", [.v128, .v128], [.v128, .v128]) {
            $0.localGet(0).localGet(1).op(.i32x4LtS).localGet(1).localGet(0).op(.i32x4GtS)
        }
        builder.function("identity", [.v128, .v128], [.v128]) {
            $0.localGet(0).localGet(1).i8x16Shuffle([UInt8](16..<32))
        }
        builder.function("unused", [.v128, .v128], []) { $0.localGet(0).localGet(1).op(.f64x2Div).drop() }
        builder.function("splat", [], [.v128]) { $0.i32Const(0x1234_5678).op(.i8x16Splat) }
        let context = ModuleContext(try DecodedModule(decoding: builder.build()))
        var translator = FunctionTranslator()
        var elimination = DeadCodeElimination()
        func texts(_ body: Int) throws -> String {
            var function = IRFunction()
            try translator.translate(body: body, of: context, into: &function)
            elimination.run(on: &function, in: context)
            return IRPrinter.text(function)
        }
        #expect(try texts(0).contains("v2 = i8x16Add v0, v1\n    return v2, v2"))
        #expect(try texts(1).contains("v2 = i32x4GtS v1, v0\n    return v2, v2"))
        #expect(try texts(2).contains("return v1"))
        #expect(try !texts(3).contains("f64x2Div"))
        #expect(try texts(4).contains("constant.v128 0x78787878787878787878787878787878"))
    }
}
