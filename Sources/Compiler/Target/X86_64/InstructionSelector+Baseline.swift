//! Selection for processors that have SSE4.1 and none of what came later: what differs for vectors.
//!
//! The sequences are the same as for the others, in which one step becomes several where its instruction is missing. Operands of
//! 16 bytes come from registers, because in memory they would have to be aligned, and results take their first source's
//! place, because the legacy encoding knows no other. The allocator is told so, unless the sources may change places:
//! then the assembler can go by where they happen to be.

import WasmModule

extension InstructionSelector {
    // MARK: Two operands

    mutating func baselinePacked(_ operation: VPacked, _ a: VectorSource, _ b: VectorSource) -> VectorSource {
        if operation == .pcmpgtq { return wideGreater(a, b) }
        if !b.isStep, let vector = constantVector(b.id) { return baselinePacked(operation, a, vector) }
        var (a, b) = (a, b)
        if operation.isCommutative, isWantedLater(a), !isWantedLater(b) { swap(&a, &b) }
        return append(
            VectorStep(
                machine: MachineInstruction(operation: .vectorBinary, immediate: Int64(operation.rawValue)),
                first: a, second: b, sourceCount: 2, reusesFirst: !operation.isCommutative))
    }

    mutating func baselinePacked(_ operation: VPacked, _ a: VectorSource, _ b: V128) -> VectorSource {
        if operation == .pcmpgtq { return wideGreater(a, constant(b)) }
        return append(
            VectorStep(
                machine: MachineInstruction(
                    operation: .vectorBinaryConstant, immediate: Int64(operation.rawValue) | place(b) << 32),
                first: a, sourceCount: 1, reusesFirst: true))
    }

    /// Whether instructions that have been selected already, later ones, read it.
    private func isWantedLater(_ source: VectorSource) -> Bool { !source.isStep && isUsed(source.id) }

    /// a > b, of signed q lanes. Where the upper halves are equal, those of the lower ones decide: the difference borrows.
    private mutating func wideGreater(_ a: VectorSource, _ b: VectorSource) -> VectorSource {
        let difference = packed(.psubq, b, a)
        let decided = packed(.pand, packed(.pcmpeqd, a, b), difference)
        return packed(.pshufd, packed(.por, packed(.pcmpgtd, a, b), decided), 0xF5)
    }

    /// All bits of a q lane like its sign.
    mutating func wideSign(_ a: VectorSource) -> VectorSource {
        packed(.pshufd, shifted(.psrad, a, by: 31), 0xF5)
    }

    mutating func baselinePacked(
        _ operation: VPackedImmediate, _ a: VectorSource, _ b: VectorSource, _ detail: UInt8
    ) -> VectorSource {
        if !operation.isLegacy(detail) {
            if operation == .pblendd { return packed(.pblendw, a, b, Self.doubled(detail)) }
            return packed(operation, b, a, Self.mirrored(detail))
        }
        if !b.isStep, let vector = constantVector(b.id) { return packed(operation, a, vector, detail) }
        return step(
            MachineInstruction(
                operation: .vectorBinaryImmediate, detail: detail, immediate: Int64(operation.rawValue)), a, b)
    }

    mutating func baselinePacked(
        _ operation: VPackedImmediate, _ a: VectorSource, _ b: V128, _ detail: UInt8
    ) -> VectorSource {
        if !operation.isLegacy(detail) {
            if operation == .pblendd { return packed(.pblendw, a, b, Self.doubled(detail)) }
            return packed(operation, constant(b), a, Self.mirrored(detail))
        }
        return append(
            VectorStep(
                machine: MachineInstruction(
                    operation: .vectorBinaryImmediateConstant, detail: detail,
                    immediate: Int64(operation.rawValue) | place(b) << 32),
                first: a, sourceCount: 1, reusesFirst: true))
    }

    /// Bits for d lanes as bits for w lanes.
    private static func doubled(_ choice: UInt8) -> UInt8 {
        (0..<4).reduce(0) { choice & 1 << $1 == 0 ? $0 : $0 | 3 << (2 * $1) }
    }

    /// The predicate that says of b and a what this one, greater (or equal), says of a and b.
    private static func mirrored(_ predicate: UInt8) -> UInt8 {
        assert(predicate == 0x0D || predicate == 0x0E)
        return predicate == 0x0E ? 1 : 2
    }

    // MARK: One operand

    mutating func baselinePacked(_ operation: VPackedUnary, _ a: VectorSource) -> VectorSource {
        switch operation {
        case .pbroadcastb: packed(.pshufb, a, V128())
        case .pbroadcastw: packed(.pshufd, packed(.pshuflw, a, 0), 0)
        case .pbroadcastd, .broadcastss: packed(.pshufd, a, 0)
        case .pbroadcastq: packed(.pshufd, a, 0x44)
        default: step(MachineInstruction(operation: .vectorUnary, immediate: Int64(operation.rawValue)), a)
        }
    }

    // MARK: Fused multiplication and addition

    /// A call of the runtime with three vectors, backwards. Its result has the place of the first.
    mutating func selectFused(_ value: UInt32, _ function: RuntimeFunction, _ instruction: IRInstruction) {
        hasCalls = true
        let bytes: Int32 = 3 * 16
        adjustStack(bytes)
        define(value: value)
        finish(stackAccess(.outgoingLoad, .v128, 0))
        var machine = MachineInstruction(operation: .callRuntime)
        machine.immediate = Int64(function.rawValue)
        finish(machine, clobbers: X86_64.callClobbers)
        for (position, operand) in [instruction.a, instruction.b, instruction.c].enumerated() {
            use(operand, .register)
            finish(stackAccess(.outgoingStore, .v128, Int32(position * 16)))
        }
        adjustStack(-bytes)
    }
}

extension VectorOpcode {
    /// Of an instruction that multiplies and adds with one rounding, what computes it without FMA.
    var fusedFunction: RuntimeFunction? {
        switch self {
        case .f32x4RelaxedMadd: .multiplyAddF32x4
        case .f32x4RelaxedNmadd: .negatedMultiplyAddF32x4
        case .f64x2RelaxedMadd: .multiplyAddF64x2
        case .f64x2RelaxedNmadd: .negatedMultiplyAddF64x2
        default: nil
        }
    }
}
