//! Translation of vector instructions: by the shape of their operands, and with fewer of them than the specification has.
//!
//! Accesses to single lanes become a scalar access and an extraction or replacement, which selection joins again. Of the
//! comparisons and of what else comes in mirrored pairs, one remains. The relaxed instructions become those whose results
//! they allow and that cost least here, so that they are as deterministic as all others.

import WasmModule

extension FunctionTranslator {
    mutating func vector(_ reader: inout OperatorReader) {
        guard let signature = reader.readVectorSignature(vectors) else { return }
        let opcode = signature.opcode
        switch signature.immediates {
        case .constant: push(builder.vectorConstant(reader.readV128()))
        case .shuffle:
            let lanes = reader.readV128()
            let right = pop()
            stack.last = builder.vectorShuffle(stack.last, right, lanes: lanes)
        case .memory:
            let argument = reader.readMemoryArgument()
            guard reaches(argument) else { return trap(.memoryOutOfBounds) }
            if opcode == .v128Store {
                let value = pop()
                builder.store(.vector128, pop(), value, argument)
            } else {
                stack.last = builder.load(Self.access(opcode), .v128, stack.last, argument)
            }
        case .memoryAndLane:
            let argument = reader.readMemoryArgument()
            let lane = UInt32(reader.readLane())
            guard reaches(argument) else { return trap(.memoryOutOfBounds) }
            let value = pop()
            if signature.result == nil {
                let scalar = Self.laneStore(opcode)
                let extracted = builder.vectorUnary(scalar.extraction, scalar.type, value, lane: lane)
                builder.store(scalar.access, pop(), extracted, argument)
            } else {
                let scalar = Self.laneLoad(opcode)
                let loaded = builder.load(scalar.access, scalar.type, stack.last, argument)
                stack.last = builder.vectorBinary(scalar.replacement, value, loaded, lane: lane)
            }
        case .lane:
            let lane = UInt32(reader.readLane())
            if signature.operandCount == 1 {
                stack.last = builder.vectorUnary(opcode, signature.irResult, stack.last, lane: lane)
            } else {
                let scalar = pop()
                stack.last = builder.vectorBinary(opcode, stack.last, scalar, lane: lane)
            }
        case .none:
            switch signature.operandCount {
            case 1: stack.last = builder.vectorUnary(opcode, signature.irResult, stack.last)
            case 2:
                let right = pop()
                stack.last = builder.vectorBinary(opcode, stack.last, right)
            default:
                let third = pop()
                let second = pop()
                stack.last = builder.vectorTernary(opcode, stack.last, second, third)
            }
        }
    }

    private static func access(_ opcode: VectorOpcode) -> MemoryAccess {
        switch opcode {
        case .v128Load8x8S: .extendSigned8
        case .v128Load8x8U: .extendUnsigned8
        case .v128Load16x4S: .extendSigned16
        case .v128Load16x4U: .extendUnsigned16
        case .v128Load32x2S: .extendSigned32
        case .v128Load32x2U: .extendUnsigned32
        case .v128Load8Splat: .splat8
        case .v128Load16Splat: .splat16
        case .v128Load32Splat: .splat32
        case .v128Load64Splat: .splat64
        case .v128Load32Zero: .zero32
        case .v128Load64Zero: .zero64
        default: .vector128
        }
    }

    private static func laneLoad(
        _ opcode: VectorOpcode
    ) -> (access: MemoryAccess, type: IRType, replacement: VectorOpcode) {
        switch opcode {
        case .v128Load8Lane: (.unsigned8, .i32, .i8x16ReplaceLane)
        case .v128Load16Lane: (.unsigned16, .i32, .i16x8ReplaceLane)
        case .v128Load32Lane: (.unsigned32, .i32, .i32x4ReplaceLane)
        default: (.bits64, .i64, .i64x2ReplaceLane)
        }
    }

    private static func laneStore(
        _ opcode: VectorOpcode
    ) -> (access: MemoryAccess, type: IRType, extraction: VectorOpcode) {
        switch opcode {
        case .v128Store8Lane: (.unsigned8, .i32, .i8x16ExtractLaneU)
        case .v128Store16Lane: (.unsigned16, .i32, .i16x8ExtractLaneU)
        case .v128Store32Lane: (.unsigned32, .i32, .i32x4ExtractLane)
        default: (.bits64, .i64, .i64x2ExtractLane)
        }
    }
}

extension VectorSignature {
    /// The result's type; `none` for a store.
    @inline(__always) var irResult: IRType { result.map { IRType($0) } ?? .none }
}
