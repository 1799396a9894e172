//! Selection of vector instructions: those that the machine has as such, and lanes. What takes a sequence is in
//! `InstructionSelector+VectorSequences`, shuffles are in `InstructionSelector+Shuffles`.

import WasmModule

extension InstructionSelector {
    mutating func selectVector(_ value: UInt32, _ instruction: IRInstruction) {
        switch instruction.operation {
        case .vectorUnary: selectVectorUnary(value, instruction)
        case .vectorBinary: selectVectorBinary(value, instruction)
        default: selectVectorTernary(value, instruction)
        }
    }

    // MARK: One operand

    private mutating func selectVectorUnary(_ value: UInt32, _ instruction: IRInstruction) {
        let a = VectorSource.value(instruction.a)
        let opcode = instruction.vectorOpcode
        switch opcode {
        case .i8x16Splat: selectSplat(value, instruction.a, .splat8, .pbroadcastb)
        case .i16x8Splat: selectSplat(value, instruction.a, .splat16, .pbroadcastw)
        case .i32x4Splat: selectSplat(value, instruction.a, .splat32, .pbroadcastd)
        case .i64x2Splat: selectSplat(value, instruction.a, .splat64, .pbroadcastq)
        case .f32x4Splat: selectSplat(value, instruction.a, .splat32, .broadcastss)
        case .f64x2Splat: selectSplat(value, instruction.a, .splat64, .movddup)
        case .i8x16ExtractLaneS, .i8x16ExtractLaneU, .i16x8ExtractLaneS, .i16x8ExtractLaneU, .i32x4ExtractLane,
            .i64x2ExtractLane:
            selectExtraction(value, instruction)
        case .f32x4ExtractLane, .f64x2ExtractLane: selectFloatExtraction(value, instruction)
        case .v128AnyTrue, .i8x16AllTrue, .i16x8AllTrue, .i32x4AllTrue, .i64x2AllTrue:
            var machine = MachineInstruction(operation: .setCondition)
            selectVectorTest(value, into: &machine)
            define(value: value)
            finish(machine)
        case .i8x16Bitmask: selectBitmask(value, a, detail: 0)
        case .i16x8Bitmask: selectBitmask(value, packed(.packsswb, a, V128()), detail: 0)
        case .i32x4Bitmask: selectBitmask(value, a, detail: 1)
        case .i64x2Bitmask: selectBitmask(value, a, detail: 2)
        default:
            if let operation = Self.directUnary(opcode) {
                if Self.readsWhole(operation), isFoldableLoad(instruction.a) {
                    _ = step(
                        MachineInstruction(operation: .vectorUnaryMemory, immediate: Int64(operation.rawValue)),
                        load: instruction.a)
                } else {
                    _ = packed(operation, a)
                }
            } else {
                sequence(opcode, a)
            }
            finishSequence(value)
        }
    }

    private static func directUnary(_ opcode: VectorOpcode) -> VPackedUnary? {
        switch opcode {
        case .i8x16Abs: .pabsb
        case .i16x8Abs: .pabsw
        case .i32x4Abs: .pabsd
        case .i16x8ExtendLowI8x16S: .pmovsxbw
        case .i16x8ExtendLowI8x16U: .pmovzxbw
        case .i32x4ExtendLowI16x8S: .pmovsxwd
        case .i32x4ExtendLowI16x8U: .pmovzxwd
        case .i64x2ExtendLowI32x4S: .pmovsxdq
        case .i64x2ExtendLowI32x4U: .pmovzxdq
        case .f32x4Sqrt: .sqrtps
        case .f64x2Sqrt: .sqrtpd
        case .f32x4ConvertI32x4S: .cvtdq2ps
        case .f64x2ConvertLowI32x4S: .cvtdq2pd
        case .f32x4DemoteF64x2Zero: .cvtpd2ps
        case .f64x2PromoteLowF32x4: .cvtps2pd
        default: nil
        }
    }

    /// Whether the operation with a memory operand reads all 16 bytes. A load that would read fewer might miss its trap.
    private static func readsWhole(_ operation: VPackedUnary) -> Bool {
        switch operation {
        case .pabsb, .pabsw, .pabsd, .sqrtps, .sqrtpd, .cvtdq2ps, .cvtpd2ps: true
        default: false
        }
    }

    private mutating func selectSplat(
        _ value: UInt32, _ operand: UInt32, _ access: MemoryAccess, _ operation: VPackedUnary
    ) {
        if isFoldableLane(operand, bytes: access.bytes) {
            _ = step(MachineInstruction(operation: .load, detail: access.rawValue), load: operand)
        } else {
            var lane = VectorSource.value(operand)
            if ir[Int(operand)].type.registerClass == .integer {
                lane = moved(lane, ir[Int(operand)].type == .i64 ? .w64 : .w32)
            }
            if module.usesVEX {
                _ = step(MachineInstruction(operation: .vectorUnary, immediate: Int64(operation.rawValue)), lane)
            } else {
                _ = packed(operation, lane)
            }
        }
        finishSequence(value)
    }

    /// The bits of an integer as the lowest lane of a vector, with zeros above.
    mutating func moved(_ integer: VectorSource, _ width: Width) -> VectorSource {
        step(MachineInstruction(operation: .moveToFloat, width: width), integer, mayBeSlot: true)
    }

    // MARK: Lanes out

    private mutating func selectExtraction(_ value: UInt32, _ instruction: IRInstruction) {
        let opcode = instruction.vectorOpcode
        let width = opcode.laneWidth
        let isSigned = opcode == .i8x16ExtractLaneS || opcode == .i16x8ExtractLaneS
        var machine = MachineInstruction(operation: .vectorExtract, width: width)
        machine.detail = UInt8(instruction.c)
        if isSigned {
            let lane = temporary(.integer)
            operands.append(Operand(virtualRegister: lane, constraint: .register, role: .use))
            define(value: value)
            finish(MachineInstruction(operation: .signExtend, width: .w32, detail: width.rawValue))
            use(instruction.a, .register)
            define(lane, .register)
        } else {
            use(instruction.a, .register)
            define(value: value)
        }
        finish(machine)
    }

    private mutating func selectFloatExtraction(_ value: UInt32, _ instruction: IRInstruction) {
        let lane = UInt8(instruction.c)
        let a = VectorSource.value(instruction.a)
        if lane == 0 {
            _ = step(MachineInstruction(operation: .vectorMove), a)
        } else if instruction.vectorOpcode == .f32x4ExtractLane {
            _ = packed(.pshufd, a, lane)
        } else {
            _ = packed(.pshufd, a, 0xEE)
        }
        finishSequence(value)
    }

    private mutating func selectBitmask(_ value: UInt32, _ source: VectorSource, detail: UInt8) {
        _ = step(MachineInstruction(operation: .vectorMask, detail: detail), source)
        finishSequence(value)
    }

    /// Adds the operand of a test for lanes, and makes `machine` test it.
    mutating func selectVectorTest(_ value: UInt32, into machine: inout MachineInstruction) {
        let instruction = ir[Int(value)]
        machine.comparison = .vector
        if instruction.vectorOpcode == .v128AnyTrue {
            machine.condition = Condition.notEqual.rawValue
            use(instruction.a, .register)
        } else {
            // All are true if none equals zero.
            machine.condition = Condition.equal.rawValue
            operands.append(
                Operand(virtualRegister: zeroLanes(of: value), constraint: .register, role: .use))
        }
    }

    /// Stores a lane instead of extracting it, if `value` is one that only this store wants.
    mutating func selectLaneStore(_ store: IRInstruction) -> Bool {
        let extraction = ir[Int(store.b)]
        guard extraction.operation == .vectorUnary, isSingleUseHere(store.b),
            let width = extraction.vectorOpcode.extractedWidth, width.bytes == store.memoryAccess.bytes
        else { return false }
        var machine = MachineInstruction(operation: .vectorExtractStore, width: width)
        machine.detail = UInt8(extraction.c)
        selectAddress(of: store, into: &machine)
        use(extraction.a, .register)
        takeIn(store.b)
        finish(machine)
        return true
    }

    // MARK: Lanes in

    private mutating func selectReplacement(_ value: UInt32, _ instruction: IRInstruction) {
        let opcode = instruction.vectorOpcode
        let lane = UInt8(instruction.c)
        let a = VectorSource.value(instruction.a)
        let b = VectorSource.value(instruction.b)
        let width = opcode.laneWidth
        let isMemory = isFoldableLane(instruction.b, bytes: UInt32(width.bytes))
        switch opcode {
        case .f32x4ReplaceLane where !isMemory: _ = float(.insertps, a, b, lane << 4)
        case .f64x2ReplaceLane where !isMemory:
            // The low half of the scalar, beside the half of the vector that stays.
            if lane == 0 {
                _ = float(.blendpd, a, b, 1)
            } else {
                _ = step(
                    MachineInstruction(operation: .vectorBinary, immediate: Int64(VPacked.unpcklpd.rawValue)), a, b)
            }
        default:
            var machine = MachineInstruction(operation: .vectorInsert, width: width)
            machine.detail = lane
            if isMemory {
                machine.operation = .vectorInsertMemory
                _ = step(machine, a, load: instruction.b)
            } else {
                _ = step(machine, a, b)
            }
        }
        finishSequence(value)
    }

    /// With a scalar as second operand, which must be in a register: its spill slot has no 16 bytes.
    private mutating func float(
        _ operation: VPackedImmediate, _ a: VectorSource, _ b: VectorSource, _ detail: UInt8
    ) -> VectorSource {
        step(
            MachineInstruction(
                operation: .vectorBinaryImmediate, detail: detail, immediate: Int64(operation.rawValue)), a, b)
    }

    // MARK: Two operands

    private mutating func selectVectorBinary(_ value: UInt32, _ instruction: IRInstruction) {
        let opcode = instruction.vectorOpcode
        switch opcode {
        case .i8x16ReplaceLane, .i16x8ReplaceLane, .i32x4ReplaceLane, .i64x2ReplaceLane, .f32x4ReplaceLane,
            .f64x2ReplaceLane:
            selectReplacement(value, instruction)
            return
        case .i8x16Shl, .i8x16ShrS, .i8x16ShrU, .i16x8Shl, .i16x8ShrS, .i16x8ShrU, .i32x4Shl, .i32x4ShrS, .i32x4ShrU,
            .i64x2Shl, .i64x2ShrS, .i64x2ShrU:
            shiftSequence(opcode, .value(instruction.a), count: instruction.b)
        case .f32x4Eq, .f32x4Ne, .f32x4Lt, .f32x4Gt, .f32x4Le, .f32x4Ge:
            foldable(.cmpps, instruction.a, instruction.b, opcode.floatPredicate)
        case .f64x2Eq, .f64x2Ne, .f64x2Lt, .f64x2Gt, .f64x2Le, .f64x2Ge:
            foldable(.cmppd, instruction.a, instruction.b, opcode.floatPredicate)
        default:
            if let (operation, isSwapped) = Self.directBinary(opcode) {
                foldable(
                    operation, isSwapped ? instruction.b : instruction.a, isSwapped ? instruction.a : instruction.b)
            } else {
                sequence(opcode, .value(instruction.a), .value(instruction.b))
            }
        }
        finishSequence(value)
    }

    /// Whether `value` is a load which an instruction with another source may take in: one at a constant address.
    ///
    /// With a base, an index and another source Intel's processors take the instruction apart again, at a higher price
    /// than that of a load and an instruction.
    func isFoldableOperand(_ value: UInt32) -> Bool {
        isFoldableLoad(value) && integerConstant(ir[Int(value)].a) != nil
    }

    /// The same, whether the instruction set has operands in memory for it or not.
    private func isFullOperand(_ value: UInt32) -> Bool {
        isFullLoad(value) && integerConstant(ir[Int(value)].a) != nil
    }

    /// One instruction with a load or a constant as its second operand, if there is one.
    mutating func foldable(_ operation: VPacked, _ a: UInt32, _ b: UInt32) {
        var (a, b) = (a, b)
        // Which of two NaNs comes out must not depend on the instruction set.
        if operation.isCommutative || operation.isSum, constantVector(b) == nil, !isFullOperand(b),
            constantVector(a) != nil || isFullOperand(a)
        {
            swap(&a, &b)
        }
        if isFoldableOperand(b) {
            _ = step(
                MachineInstruction(operation: .vectorBinaryMemory, immediate: Int64(operation.rawValue)),
                .value(a), load: b)
        } else {
            _ = packed(operation, .value(a), .value(b))
        }
    }

    private mutating func foldable(_ operation: VPackedImmediate, _ a: UInt32, _ b: UInt32, _ detail: UInt8) {
        if isFoldableOperand(b) {
            _ = step(
                MachineInstruction(
                    operation: .vectorBinaryImmediateMemory, detail: detail, immediate: Int64(operation.rawValue)),
                .value(a), load: b)
        } else {
            _ = packed(operation, .value(a), .value(b), detail)
        }
    }

    /// The machine's instruction, and whether its operands are the other way round.
    private static func directBinary(_ opcode: VectorOpcode) -> (VPacked, isSwapped: Bool)? {
        switch opcode {
        case .i8x16Add: (.paddb, false)
        case .i8x16AddSatS: (.paddsb, false)
        case .i8x16AddSatU: (.paddusb, false)
        case .i8x16Sub: (.psubb, false)
        case .i8x16SubSatS: (.psubsb, false)
        case .i8x16SubSatU: (.psubusb, false)
        case .i8x16MinS: (.pminsb, false)
        case .i8x16MinU: (.pminub, false)
        case .i8x16MaxS: (.pmaxsb, false)
        case .i8x16MaxU: (.pmaxub, false)
        case .i8x16AvgrU: (.pavgb, false)
        case .i8x16Eq: (.pcmpeqb, false)
        case .i8x16GtS: (.pcmpgtb, false)
        case .i8x16NarrowI16x8S: (.packsswb, false)
        case .i8x16NarrowI16x8U: (.packuswb, false)
        case .i16x8Add: (.paddw, false)
        case .i16x8AddSatS: (.paddsw, false)
        case .i16x8AddSatU: (.paddusw, false)
        case .i16x8Sub: (.psubw, false)
        case .i16x8SubSatS: (.psubsw, false)
        case .i16x8SubSatU: (.psubusw, false)
        case .i16x8Mul: (.pmullw, false)
        case .i16x8MinS: (.pminsw, false)
        case .i16x8MinU: (.pminuw, false)
        case .i16x8MaxS: (.pmaxsw, false)
        case .i16x8MaxU: (.pmaxuw, false)
        case .i16x8AvgrU: (.pavgw, false)
        case .i16x8Eq: (.pcmpeqw, false)
        case .i16x8GtS: (.pcmpgtw, false)
        case .i16x8NarrowI32x4S: (.packssdw, false)
        case .i16x8NarrowI32x4U: (.packusdw, false)
        case .i16x8RelaxedQ15mulrS: (.pmulhrsw, false)
        case .i32x4Add: (.paddd, false)
        case .i32x4Sub: (.psubd, false)
        case .i32x4Mul: (.pmulld, false)
        case .i32x4MinS: (.pminsd, false)
        case .i32x4MinU: (.pminud, false)
        case .i32x4MaxS: (.pmaxsd, false)
        case .i32x4MaxU: (.pmaxud, false)
        case .i32x4Eq: (.pcmpeqd, false)
        case .i32x4GtS: (.pcmpgtd, false)
        case .i32x4DotI16x8S: (.pmaddwd, false)
        case .i64x2Add: (.paddq, false)
        case .i64x2Sub: (.psubq, false)
        case .i64x2Eq: (.pcmpeqq, false)
        case .i64x2GtS: (.pcmpgtq, false)
        case .v128And: (.pand, false)
        case .v128Or: (.por, false)
        case .v128Xor: (.pxor, false)
        case .v128Andnot: (.pandn, true)
        case .f32x4Add: (.addps, false)
        case .f32x4Sub: (.subps, false)
        case .f32x4Mul: (.mulps, false)
        case .f32x4Div: (.divps, false)
        case .f64x2Add: (.addpd, false)
        case .f64x2Sub: (.subpd, false)
        case .f64x2Mul: (.mulpd, false)
        case .f64x2Div: (.divpd, false)
        // b < a ? b : a, and a < b ? b : a.
        case .f32x4Pmin: (.minps, true)
        case .f32x4Pmax: (.maxps, true)
        case .f64x2Pmin: (.minpd, true)
        case .f64x2Pmax: (.maxpd, true)
        // Unsigned times signed.
        case .i16x8RelaxedDotI8x16I7x16S: (.pmaddubsw, true)
        default: nil
        }
    }

    // MARK: Three operands

    private mutating func selectVectorTernary(_ value: UInt32, _ instruction: IRInstruction) {
        let a = VectorSource.value(instruction.a)
        let b = VectorSource.value(instruction.b)
        let c = VectorSource.value(instruction.c)
        if !module.usesVEX, let function = instruction.vectorOpcode.fusedFunction {
            selectFused(value, function, instruction)
            return
        }
        switch instruction.vectorOpcode {
        case .i8x16Shuffle: shuffleSequence(instruction.a, instruction.b, ir[Int(instruction.c)].vector)
        case .v128Bitselect:
            let chosen = packed(.pand, a, c)
            if let mask = constantVector(instruction.c) {
                _ = packed(.por, chosen, packed(.pand, b, V128(low: ~mask.low, high: ~mask.high)))
            } else {
                _ = packed(.por, chosen, packed(.pandn, c, b))
            }
        case .f32x4RelaxedMadd: _ = fused(.fmadd231, .w32, a, b, c)
        case .f32x4RelaxedNmadd: _ = fused(.fnmadd231, .w32, a, b, c)
        case .f64x2RelaxedMadd: _ = fused(.fmadd231, .w64, a, b, c)
        case .f64x2RelaxedNmadd: _ = fused(.fnmadd231, .w64, a, b, c)
        case .i32x4RelaxedDotI8x16I7x16AddS:
            let pairs = packed(.pmaddubsw, b, a)
            let sums = packed(.pmaddwd, pairs, V128(repeating: UInt16(1)))
            _ = packed(.paddd, sums, c)
        default: preconditionFailure("operation not in the accepted language")
        }
        finishSequence(value)
    }
}

extension VPacked {
    /// Commutative but for which NaN comes out, which WebAssembly leaves open.
    fileprivate var isSum: Bool { self == .addps || self == .addpd || self == .mulps || self == .mulpd }
}

extension V128 {
    /// The same in all lanes.
    init(repeating lane: UInt8) { self.init(repeating: UInt64(lane) &* 0x0101_0101_0101_0101) }
    init(repeating lane: UInt16) { self.init(repeating: UInt64(lane) &* 0x0001_0001_0001_0001) }
    init(repeating lane: UInt32) { self.init(repeating: UInt64(lane) &* 0x0000_0001_0000_0001) }
    init(repeating lane: UInt64) { self.init(low: lane, high: lane) }
}

extension VectorOpcode {
    /// Of an instruction on one lane, how wide that is.
    fileprivate var laneWidth: Width {
        switch self {
        case .i8x16ExtractLaneS, .i8x16ExtractLaneU, .i8x16ReplaceLane: .w8
        case .i16x8ExtractLaneS, .i16x8ExtractLaneU, .i16x8ReplaceLane: .w16
        case .i64x2ExtractLane, .i64x2ReplaceLane, .f64x2ExtractLane, .f64x2ReplaceLane: .w64
        default: .w32
        }
    }

    /// Whether it asks about all lanes at once.
    var isTest: Bool {
        switch self {
        case .v128AnyTrue, .i8x16AllTrue, .i16x8AllTrue, .i32x4AllTrue, .i64x2AllTrue: true
        default: false
        }
    }

    /// For "all true", the comparison of its lanes with zero.
    var zeroLaneTest: VPacked {
        switch self {
        case .i8x16AllTrue: .pcmpeqb
        case .i16x8AllTrue: .pcmpeqw
        case .i32x4AllTrue: .pcmpeqd
        default: .pcmpeqq
        }
    }

    /// Of an instruction that extracts a lane, how wide that is.
    fileprivate var extractedWidth: Width? {
        switch self {
        case .i8x16ExtractLaneS, .i8x16ExtractLaneU, .i16x8ExtractLaneS, .i16x8ExtractLaneU, .i32x4ExtractLane,
            .i64x2ExtractLane, .f32x4ExtractLane, .f64x2ExtractLane:
            laneWidth
        default: nil
        }
    }

    /// The predicate of `cmpps` and `cmppd`: all but not-equal are false when an operand is NaN.
    fileprivate var floatPredicate: UInt8 {
        switch self {
        case .f32x4Eq, .f64x2Eq: 0
        case .f32x4Ne, .f64x2Ne: 4
        case .f32x4Lt, .f64x2Lt: 1
        case .f32x4Le, .f64x2Le: 2
        case .f32x4Gt, .f64x2Gt: 0x0E
        default: 0x0D
        }
    }
}
