//! Emission of vector operations.

import WasmModule

extension FunctionEmitter {
    mutating func emitVector(_ machine: MachineInstruction, _ index: UInt32) {
        let operation = UInt16(truncatingIfNeeded: machine.immediate)
        switch machine.operation {
        case .loadVectorConstant:
            emitConstant(vectorConstants[Int(machine.immediate)], register(index, 0))
        case .vectorMove:
            if register(index, 0) != register(index, 1) {
                assembler.vmovaps(register(index, 1), register(index, 0))
            }
        case .vectorUnary:
            let unary = VPackedUnary(rawValue: operation).unsafelyUnwrapped
            if isSlot(index, 0) {
                assembler.vpacked(unary, register(index, 1), vectorSlot(index, 0))
            } else {
                assembler.vpacked(unary, register(index, 1), register(index, 0))
            }
        case .vectorUnaryMemory:
            let memory = emitAccess(machine, index, operand: 0)
            assembler.vpacked(VPackedUnary(rawValue: operation).unsafelyUnwrapped, result(index), memory)
        case .vectorBinary:
            let binary = VPacked(rawValue: operation).unsafelyUnwrapped
            if isSlot(index, 1) {
                assembler.vpacked(binary, register(index, 2), register(index, 0), vectorSlot(index, 1))
            } else {
                assembler.vpacked(binary, register(index, 2), register(index, 0), register(index, 1))
            }
        case .vectorBinaryConstant:
            let binary = VPacked(rawValue: operation).unsafelyUnwrapped
            let vector = vectorConstants[Int(machine.immediate >> 32)]
            if Self.isUniform(vector) {
                emitConstant(vector, X86_64.floatScratch)
                assembler.vpacked(binary, register(index, 1), register(index, 0), X86_64.floatScratch)
            } else {
                assembler.vpacked(binary, register(index, 1), register(index, 0), constant(vector))
            }
        case .vectorBinaryMemory:
            let memory = emitAccess(machine, index, operand: 1)
            assembler.vpacked(
                VPacked(rawValue: operation).unsafelyUnwrapped, result(index), register(index, 0), memory)
        case .vectorUnaryImmediate:
            let unary = VPackedUnaryImmediate(rawValue: operation).unsafelyUnwrapped
            if isSlot(index, 0) {
                assembler.vpacked(unary, register(index, 1), vectorSlot(index, 0), imm: machine.detail)
            } else {
                assembler.vpacked(unary, register(index, 1), register(index, 0), imm: machine.detail)
            }
        case .vectorBinaryImmediate:
            let binary = VPackedImmediate(rawValue: operation).unsafelyUnwrapped
            if isSlot(index, 1) {
                assembler.vpacked(
                    binary, register(index, 2), register(index, 0), vectorSlot(index, 1), imm: machine.detail)
            } else {
                assembler.vpacked(
                    binary, register(index, 2), register(index, 0), register(index, 1), imm: machine.detail)
            }
        case .vectorBinaryImmediateConstant:
            let binary = VPackedImmediate(rawValue: operation).unsafelyUnwrapped
            let vector = vectorConstants[Int(machine.immediate >> 32)]
            if Self.isUniform(vector) {
                emitConstant(vector, X86_64.floatScratch)
                assembler.vpacked(
                    binary, register(index, 1), register(index, 0), X86_64.floatScratch, imm: machine.detail)
            } else {
                assembler.vpacked(
                    binary, register(index, 1), register(index, 0), constant(vector), imm: machine.detail)
            }
        case .vectorBinaryImmediateMemory:
            let memory = emitAccess(machine, index, operand: 1)
            assembler.vpacked(
                VPackedImmediate(rawValue: operation).unsafelyUnwrapped, result(index), register(index, 0), memory,
                imm: machine.detail)
        case .vectorShiftImmediate:
            assembler.vshift(
                VShiftImmediate(rawValue: operation).unsafelyUnwrapped, register(index, 1), register(index, 0),
                count: machine.detail)
        case .vectorBlend:
            assembler.vpblendvb(
                register(index, 3), register(index, 0), register(index, 1), mask: register(index, 2))
        case .vectorFused:
            let fused = VFusedMultiplyAdd(rawValue: UInt8(truncatingIfNeeded: operation)).unsafelyUnwrapped
            let floatWidth = FloatWidth(machine.width)
            if isSlot(index, 2) {
                assembler.vfma(fused, floatWidth, register(index, 0), register(index, 1), vectorSlot(index, 2))
            } else {
                assembler.vfma(fused, floatWidth, register(index, 0), register(index, 1), register(index, 2))
            }
        case .vectorInsert:
            assembler.vpinsr(
                machine.width, register(index, 2), register(index, 0), register(index, 1), lane: machine.detail)
        case .vectorInsertMemory:
            let memory = emitAccess(machine, index, operand: 1)
            assert(assembler.usesVEX || result(index) == register(index, 0))
            assembler.vpinsr(machine.width, result(index), register(index, 0), memory, lane: machine.detail)
        case .vectorExtract:
            if machine.detail == 0 && (machine.width == .w32 || machine.width == .w64) {
                assembler.vmovFromXMM(machine.width, register(index, 1), register(index, 0))
            } else {
                assembler.vpextr(machine.width, register(index, 1), register(index, 0), lane: machine.detail)
            }
        case .vectorExtractStore:
            let memory = emitAccess(machine, index, operand: 0)
            let source = result(index)
            if machine.detail == 0 && (machine.width == .w32 || machine.width == .w64) {
                assembler.vmovFromXMM(machine.width, memory, source)
            } else {
                assembler.vpextr(machine.width, memory, source, lane: machine.detail)
            }
        case .vectorMask:
            switch machine.detail {
            case 0: assembler.vpmovmskb(register(index, 1), register(index, 0))
            case 1: assembler.vmovmskp(.f32, register(index, 1), register(index, 0))
            default: assembler.vmovmskp(.f64, register(index, 1), register(index, 0))
            }
        default: preconditionFailure("not an operation inside a block")
        }
    }

    /// The register of the last operand.
    private func result(_ index: UInt32) -> UInt8 { register(index, operandCount(index) - 1) }

    /// The address of an access to the heap, whose fault at the next instruction is a trap.
    private mutating func emitAccess(_ machine: MachineInstruction, _ index: UInt32, operand: Int) -> Memory {
        let memory = emitAddress(machine, index, operand: operand)
        mayTrap(.memoryOutOfBounds, source: machine.source)
        return memory
    }

    // MARK: Constants

    /// Whether all bits are equal: then making the constant is cheaper than loading it.
    private static func isUniform(_ vector: V128) -> Bool {
        vector.low == vector.high && (vector.low == 0 || vector.low == .max)
    }

    private mutating func constant(_ vector: V128) -> Memory {
        .label(assembler.constant128(vector.low, vector.high))
    }

    private mutating func emitConstant(_ vector: V128, _ destination: UInt8) {
        if Self.isUniform(vector) {
            if vector.low == 0 {
                assembler.vzero(destination)
            } else {
                assembler.vpacked(.pcmpeqd, destination, destination, destination)
            }
        } else if vector.high == 0 {
            assembler.vmovs(.f64, destination, .label(assembler.constant64(vector.low)))
        } else if vector.low == vector.high {
            assembler.vpacked(.movddup, destination, .label(assembler.constant64(vector.low)))
        } else {
            assembler.vmovups(destination, constant(vector))
        }
    }
}
