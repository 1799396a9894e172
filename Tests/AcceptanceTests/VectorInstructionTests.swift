//! Every vector instruction that touches no memory, lane by lane against a plain reference, on limits of all lane widths, special
//! floats and random bits. Each operand in turn comes from memory, where the instruction may take the load in, and is a
//! constant, for which there are shorter sequences.

import Mayfly
import TestSupport
import Testing
import WasmModule

@Suite struct VectorInstructionTests {
    /// Where an operand comes from.
    private enum Source {
        /// The parameter of the same number.
        case parameter
        /// The address 32 × its number.
        case memory
        case constant(V128)
        /// The first operand once more.
        case first
    }

    /// A function with one instruction.
    private struct Form {
        var name: String
        var sources: [Source]
        var lane: UInt8
    }

    static let opcodes = VectorOpcode.allCases.filter {
        let immediates = VectorSignature($0).immediates
        return (immediates == .none || immediates == .lane)
    }

    @Test func allInstructionsAreTested() {
        // 256 less 22 of memory, the constant and the shuffle, and 20 relaxed ones.
        #expect(VectorOpcode.allCases.filter { $0.rawValue < 0x100 }.count == 236)
        #expect(VectorOpcode.allCases.count == 256)
        #expect(Self.opcodes.count == 256 - 24)
    }

    @Test(arguments: opcodes, instructionSets)
    func everyLaneIsRight(_ opcode: VectorOpcode, _ instructionSet: CodeSettings.InstructionSet) throws {
        let signature = VectorSignature(opcode)
        var random = SeededGenerator(seed: UInt64(opcode.rawValue))
        let forms = Self.forms(signature, &random)
        let types = (0..<Int(signature.operandCount)).map { signature.operand($0) }
        let result = signature.result!
        let template = try sharedEngine(instructionSet).compile { module in
            module.memory(1, export: "memory")
            for form in forms {
                module.function(form.name, types, [result]) { code in
                    for (index, source) in form.sources.enumerated() {
                        Self.emit(source, UInt32(index), types[index], code)
                    }
                    code.op(opcode)
                    if signature.immediates == .lane { code.raw(form.lane) }
                }
            }
        }.template()
        var comparison = Comparison()
        try template.withInstance { (instance) throws in
            for _ in 0..<120 {
                let operands = types.map { VectorReference.interesting($0, &random) }
                for (index, operand) in operands.enumerated() {
                    try instance.writeBytes(operand.lanes(of: UInt8.self), at: UInt32(32 * index))
                }
                for form in forms {
                    let taken = form.sources.enumerated().map { index, source in
                        switch source {
                        case .constant(let vector): vector
                        case .first: operands[0]
                        case .parameter, .memory: operands[index]
                        }
                    }
                    let expected = VectorReference.apply(opcode, taken, lane: Int(form.lane))
                    let arguments = zip(types, operands).map { Value($0, vector: $1) }
                    let actual = try instance.call(form.name, arguments: arguments)[0].vector
                    let isRight = VectorReference.matches(opcode, expected, actual)
                    comparison.expect(
                        isRight ? expected : actual, expected, "\(opcode) \(form.name) of \(taken)")
                }
            }
        }
        comparison.report(atLeast: 120)
    }

    private static func forms(_ signature: VectorSignature, _ random: inout SeededGenerator) -> [Form] {
        let plain = [Source](repeating: .parameter, count: Int(signature.operandCount))
        let lanes: Range<UInt8> = signature.immediates == .lane ? 0..<UInt8(signature.laneLimit) : 0..<1
        var forms: [Form] = []
        for lane in lanes {
            forms.append(Form(name: "lane \(lane)", sources: plain, lane: lane))
            for operand in plain.indices {
                var sources = plain
                sources[operand] = .memory
                forms.append(Form(name: "lane \(lane), \(operand) in memory", sources: sources, lane: lane))
            }
        }
        let isShift = plain.count == 2 && signature.operand(1) == .i32 && signature.immediates == .none
        for operand in plain.indices {
            for number in 0..<(isShift && operand == 1 ? 70 : 5) {
                var vector = VectorReference.interesting(signature.operand(operand), &random)
                if number == 3 { vector = VectorReference.apply(.v128Xor, [vector, vector]) }
                if number == 4 { vector = Self.allOnes(signature.operand(operand)) }
                if isShift && operand == 1 { vector = V128(low: UInt64(number)) }
                var sources = plain
                sources[operand] = .constant(vector)
                forms.append(Form(name: "\(operand) constant \(number)", sources: sources, lane: lanes.upperBound - 1))
            }
        }
        if plain.count == 2, signature.operand(0) == signature.operand(1) {
            forms.append(Form(name: "twice the same", sources: [.parameter, .first], lane: 0))
        }
        return forms
    }

    private static func allOnes(_ type: ValueType) -> V128 {
        switch type {
        case .v128: V128(low: .max, high: .max)
        case .i32, .f32: V128(low: 0xFFFF_FFFF)
        default: V128(low: .max)
        }
    }

    private static func emit(_ source: Source, _ index: UInt32, _ type: ValueType, _ code: CodeBuilder) {
        switch source {
        case .parameter: code.localGet(index)
        case .first: code.localGet(0)
        case .constant(let vector):
            if type == .v128 { code.v128Const(vector) } else { code.const(type, bits: vector.low) }
        case .memory:
            code.i32Const(0)
            switch type {
            case .v128: code.op(.v128Load, offset: 32 * index)
            case .i32: code.i32Load(offset: 32 * index)
            case .i64: code.i64Load(offset: 32 * index)
            case .f32: code.f32Load(offset: 32 * index)
            default: code.f64Load(offset: 32 * index)
            }
        }
    }

    // MARK: Pairs

    /// An instruction whose sequence is shorter if its operand, the result of another one, has a limited range.
    private struct Pair {
        var inner: VectorOpcode
        /// Of the inner one: a vector, or the count of a shift; none for an instruction with one operand.
        var constant: V128?
        var outer: VectorOpcode
    }

    @Test func shorterSequencesForLimitedOperandsAreRight() throws {
        var pairs: [Pair] = []
        for mask in [0x0F, 0x07, 0x1F, 0x10, 0x8F, 0xFF, 0] as [UInt64] {
            let lanes = mask &* 0x0101_0101_0101_0101
            pairs.append(Pair(inner: .v128And, constant: V128(low: lanes, high: lanes), outer: .i8x16Swizzle))
        }
        // One lane that is not below 16.
        let uneven = V128(low: 0x0F0F_0F0F_0F0F_0F0F, high: 0x1F0F_0F0F_0F0F_0F0F)
        pairs.append(Pair(inner: .v128And, constant: uneven, outer: .i8x16Swizzle))
        pairs.append(Pair(inner: .v128Or, constant: V128(), outer: .i8x16Swizzle))
        for count in 0..<20 as Range<UInt64> {
            for inner in [VectorOpcode.i8x16ShrU, .i8x16ShrS, .i8x16Shl, .i16x8ShrU] {
                pairs.append(Pair(inner: inner, constant: V128(low: count), outer: .i8x16Swizzle))
            }
            for inner in [VectorOpcode.i16x8ShrU, .i16x8ShrS, .i16x8Shl, .i8x16ShrU] {
                pairs.append(Pair(inner: inner, constant: V128(low: count), outer: .i32x4ExtaddPairwiseI16x8U))
            }
        }
        for inner in [
            VectorOpcode.i16x8ExtaddPairwiseI8x16U, .i16x8ExtaddPairwiseI8x16S, .i16x8ExtendLowI8x16U,
            .i16x8ExtendHighI8x16U, .i16x8ExtendLowI8x16S, .i16x8ExtendHighI8x16S, .i16x8Abs, .i16x8Neg, .i8x16Popcnt,
        ] {
            pairs.append(Pair(inner: inner, constant: nil, outer: .i32x4ExtaddPairwiseI16x8U))
        }
        let template = try sharedEngine.get().compile { module in
            for (number, pair) in pairs.enumerated() {
                module.function("\(number)", [.v128, .v128], [.v128]) { code in
                    if pair.outer == .i8x16Swizzle { code.localGet(0) }
                    code.localGet(1)
                    if let constant = pair.constant {
                        if VectorSignature(pair.inner).operand(1) == .v128 {
                            code.v128Const(constant)
                        } else {
                            code.i32Const(Int32(constant.low))
                        }
                    }
                    code.op(pair.inner).op(pair.outer)
                }
            }
        }.template()
        var random = SeededGenerator(seed: 16)
        var comparison = Comparison()
        try template.withInstance { (instance) throws in
            for _ in 0..<60 {
                let table = VectorReference.interesting(.v128, &random)
                let operand = VectorReference.interesting(.v128, &random)
                for (number, pair) in pairs.enumerated() {
                    let inner = VectorReference.apply(pair.inner, [operand] + (pair.constant.map { [$0] } ?? []))
                    let outer = pair.outer == .i8x16Swizzle ? [table, inner] : [inner]
                    comparison.expect(
                        try instance.call("\(number)", arguments: [.v128(table), .v128(operand)])[0].vector,
                        VectorReference.apply(pair.outer, outer), "\(pair) of \(operand), \(table)")
                }
            }
        }
        comparison.report(atLeast: 60 * pairs.count)
    }

    // MARK: Conditions

    /// Questions about lanes as conditions of branches and selections, where no boolean is made.
    @Test(
        arguments: [VectorOpcode.v128AnyTrue, .i8x16AllTrue, .i16x8AllTrue, .i32x4AllTrue, .i64x2AllTrue],
        instructionSets)
    func conditions(_ opcode: VectorOpcode, _ instructionSet: CodeSettings.InstructionSet) throws {
        let template = try sharedEngine(instructionSet).compile { module in
            module.function("if", [.v128], [.i32]) { code in
                code.localGet(0).op(opcode).if(.value(.i32)) {
                    $0.i32Const(10)
                } else: {
                    $0.i32Const(20)
                }
            }
            module.function("if not", [.v128], [.i32]) { code in
                code.localGet(0).op(opcode).i32Eqz().if(.value(.i32)) {
                    $0.i32Const(20)
                } else: {
                    $0.i32Const(10)
                }
            }
            module.function("select", [.v128], [.i32]) { code in
                code.i32Const(10).i32Const(20).localGet(0).op(opcode).select()
            }
            // The condition of a selection of vectors.
            module.function("select vectors", [.v128], [.i32]) { code in
                code.v128Const(V128(low: 10)).v128Const(V128(low: 20)).localGet(0).op(opcode).select()
                code.op(.i32x4ExtractLane, lane: 0)
            }
            module.function("constant", [.v128], [.i32]) { code in
                code.v128Const(V128(low: 5)).op(opcode).if(.value(.i32)) {
                    $0.i32Const(10)
                } else: {
                    $0.i32Const(20)
                }
            }
        }.template()
        var random = SeededGenerator(seed: 1)
        var comparison = Comparison()
        try template.withInstance { (instance) throws in
            for number in 0..<200 {
                var vector = VectorReference.interesting(&random)
                if number == 0 { vector = V128() }
                func answer(_ vector: V128) -> Value {
                    .i32(VectorReference.apply(opcode, [vector]).low != 0 ? 10 : 20)
                }
                for name in ["if", "if not", "select", "select vectors"] {
                    comparison.expect(
                        try instance.call(name, arguments: [.v128(vector)]), [answer(vector)], "\(name) \(vector)")
                }
                comparison.expect(
                    try instance.call("constant", arguments: [.v128(vector)]), [answer(V128(low: 5))], "constant")
            }
        }
        comparison.report(atLeast: 1000)
    }
}
