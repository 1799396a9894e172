//! Bitwise operations that one machine instruction does: what it computes, and what only looks like it.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Bit manipulation")
struct BitManipulationTests {
    struct Form: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var operation: MachineOperation
        var apply: @Sendable (UInt64, UInt64) -> UInt64
        /// Of x in local 0 and y in local 1.
        var emit: @Sendable (CodeBuilder, Bool) -> Void
    }

    private static func constant(_ code: CodeBuilder, _ is64: Bool, _ value: Int64) {
        if is64 { code.i64Const(value) } else { code.i32Const(Int32(truncatingIfNeeded: value)) }
    }

    static let forms = [
        Form(testDescription: "x & ~y", operation: .andNot, apply: { $0 & ~$1 }) { code, is64 in
            code.localGet(0).localGet(1)
            constant(code, is64, -1)
            code.op(is64 ? .i64Xor : .i32Xor).op(is64 ? .i64And : .i32And)
        },
        Form(testDescription: "~y & x", operation: .andNot, apply: { $0 & ~$1 }) { code, is64 in
            code.localGet(1)
            constant(code, is64, -1)
            code.op(is64 ? .i64Xor : .i32Xor).localGet(0).op(is64 ? .i64And : .i32And)
        },
        Form(testDescription: "x & (x - 1)", operation: .clearLowestBit, apply: { x, _ in x & (x &- 1) }) {
            code, is64 in
            code.localGet(0).localGet(0)
            constant(code, is64, 1)
            code.op(is64 ? .i64Sub : .i32Sub).op(is64 ? .i64And : .i32And)
        },
        Form(testDescription: "(x + -1) & x", operation: .clearLowestBit, apply: { x, _ in x & (x &- 1) }) {
            code, is64 in
            code.localGet(0)
            constant(code, is64, -1)
            code.op(is64 ? .i64Add : .i32Add).localGet(0).op(is64 ? .i64And : .i32And)
        },
        Form(testDescription: "x & (0 - x)", operation: .isolateLowestBit, apply: { x, _ in x & (0 &- x) }) {
            code, is64 in
            code.localGet(0)
            constant(code, is64, 0)
            code.localGet(0).op(is64 ? .i64Sub : .i32Sub).op(is64 ? .i64And : .i32And)
        },
    ]

    private static let operands: [UInt64] = [
        0, 1, 2, 3, 0x80, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x8000_0000_0000_0000, .max,
        0x0123_4567_89AB_CDEF,
    ]

    private func module(_ is64: Bool, _ emit: (CodeBuilder) -> Void) -> [UInt8] {
        let type: ValueType = is64 ? .i64 : .i32
        var builder = WasmBuilder()
        builder.function("run", [type, type], [type], emit)
        return builder.build()
    }

    private func selected(_ bytes: [UInt8], _ settings: CodeSettings = .init()) throws -> [MachineOperation] {
        try SelectedFunction(of: bytes, settings).operations.filter {
            [.andNot, .clearLowestBit, .isolateLowestBit].contains($0)
        }
    }

    @Test("is one instruction, and computes what it should", arguments: forms, [false, true])
    func computes(_ form: Form, is64: Bool) throws {
        let bytes = module(is64) { form.emit($0, is64) }
        #expect(try selected(bytes) == [form.operation])
        let mask: UInt64 = is64 ? .max : 0xFFFF_FFFF
        for settings in [CodeSettings(), CodeSettings(instructionSet: .baseline)] {
            let harness = try NativeHarness(bytes, settings: settings)
            for x in Self.operands {
                for y in Self.operands {
                    let expected = form.apply(x & mask, y & mask) & mask
                    #expect(harness.call("run", [x & mask, y & mask]) == [expected], "\(x), \(y)")
                }
            }
        }
    }

    @Test("is in no code without BMI")
    func baseline() throws {
        for form in Self.forms {
            let bytes = module(true) { form.emit($0, true) }
            #expect(try selected(bytes, CodeSettings(instructionSet: .baseline)) == [])
        }
    }

    @Test("is not made of what only looks like it")
    func lookalikes() throws {
        let others: [(CodeBuilder) -> Void] = [
            { $0.localGet(0).localGet(1).i32Const(1).i32Sub().i32And() },
            { $0.localGet(0).localGet(0).i32Const(2).i32Sub().i32And() },
            { $0.localGet(0).i32Const(0).localGet(1).i32Sub().i32And() },
            { $0.localGet(0).i32Const(1).localGet(0).i32Sub().i32And() },
            { $0.localGet(0).localGet(1).i32Const(-2).i32Xor().i32And() },
            { $0.localGet(0).localGet(1).i32Const(-1).i32Xor().i32Or() },
            { $0.i32Const(7).localGet(1).i32Const(-1).i32Xor().i32And() },
            // What is inside is wanted elsewhere.
            { $0.localGet(0).localGet(1).i32Const(-1).i32Xor().localTee(1).i32And().localGet(1).i32Mul() },
        ]
        for (index, emit) in others.enumerated() { #expect(try selected(module(false, emit)) == [], "\(index)") }
    }
}
