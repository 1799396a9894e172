//! Code with AVX and code without it give the same results, bit for bit: which NaN comes out, and what is rounded once.

import TestSupport
import Testing
import WasmModule

@testable import Mayfly

@Suite struct InstructionSetTests {
    /// Where the operands are: in parameters, one of them in memory, or one of them a constant.
    private enum Form: CaseIterable {
        case parameters, firstInMemory, lastInMemory, firstConstant, lastConstant
    }

    private static let parts = 8

    /// Modules of an eighth of the instructions each, so that they run in parallel.
    @Test(arguments: 0..<parts) func resultsAreTheSameBits(_ part: Int) throws {
        let all = ComputingInstruction.all
        let instructions = all.indices.filter { $0 % Self.parts == part }.map { all[$0] }
        #expect(all.count > 130 + 236)
        var builder = WasmBuilder()
        builder.memory(1, export: "memory")
        for instruction in instructions {
            for form in Form.allCases { Self.define(instruction, form, in: &builder) }
        }
        let bytes = builder.build()
        let templates = try instructionSets.map { try sharedEngine($0).compile(bytes).template() }
        var random = SeededGenerator(seed: UInt64(part))
        var comparison = Comparison()
        for instruction in instructions {
            for _ in 0..<40 {
                let types = instruction.parameters
                let operands = types.enumerated().map { Self.operand($1, isFirst: $0 == 0, instruction, &random) }
                for form in Form.allCases {
                    let name = "\(instruction.name) \(form)"
                    let results = try templates.map { template in
                        try template.withInstance { (instance) throws in
                            for (index, operand) in operands.enumerated() {
                                try instance.writeBytes(operand.lanes(of: UInt8.self), at: UInt32(32 * index))
                            }
                            let outcome = try instance.outcome(name, zip(types, operands).map(Value.init(_:vector:)))
                            return (Self.bits(outcome), try instance.readBytes(at: 0, count: 128))
                        }
                    }
                    comparison.expect(results[1].0, results[0].0, "\(name) of \(operands)")
                    comparison.expect(results[1].1, results[0].1, "memory after \(name) of \(operands)")
                }
            }
        }
        comparison.report(atLeast: instructions.count * 40 * 2)
    }

    private static func define(_ instruction: ComputingInstruction, _ form: Form, in builder: inout WasmBuilder) {
        let types = instruction.parameters
        builder.function("\(instruction.name) \(form)", types, instruction.result.map { [$0] } ?? []) { code in
            for (index, type) in types.enumerated() {
                switch form {
                case .firstInMemory where index == 0, .lastInMemory where index == types.count - 1:
                    load(type, from: UInt32(32 * index), code)
                case .firstConstant where index == 0, .lastConstant where index == types.count - 1:
                    // Small, so that it can be an address.
                    if type == .v128 { code.v128Const(V128(low: 3, high: .max)) } else { code.const(type, bits: 3) }
                default: code.localGet(UInt32(index))
                }
            }
            instruction.emit(code)
        }
    }

    private static func load(_ type: ValueType, from address: UInt32, _ code: CodeBuilder) {
        code.i32Const(0)
        switch type {
        case .v128: code.op(.v128Load, offset: address)
        case .i32: code.i32Load(offset: address)
        case .i64: code.i64Load(offset: address)
        case .f32: code.f32Load(offset: address)
        default: code.f64Load(offset: address)
        }
    }

    /// Mostly NaNs, infinities and limits; an i32 that comes first may be an address.
    private static func operand(
        _ type: ValueType, isFirst: Bool, _ instruction: ComputingInstruction, _ random: inout SeededGenerator
    ) -> V128 {
        let isAddress = isFirst && type == .i32 && (instruction.parameters.last == .v128 || instruction.result == .v128)
        if isAddress, random.below(8) > 0 { return V128(low: UInt64(random.below(64))) }
        var value = VectorReference.interesting(type, &random)
        if random.below(3) == 0 {
            // A quiet or signalling NaN with a payload in one of the places.
            let isWide = type == .f64 || type == .i64 || random.below(2) == 0
            if isWide {
                value.low = 0x7FF0_0000_0000_0000 | random.next() & 0x800F_FFFF_FFFF_FFFF
            } else {
                value.low = 0x7F80_0000_7F80_0000 | random.next() & 0x807F_FFFF_807F_FFFF
            }
        }
        switch type {
        case .i32, .f32: return V128(low: value.low & 0xFFFF_FFFF)
        case .v128: return value
        default: return V128(low: value.low)
        }
    }

    private static func bits(_ outcome: Outcome) -> String {
        switch outcome {
        case .results(let values): "\(values.map(\.vector))"
        case .trap(let code): "\(code)"
        }
    }
}
