//! The types and immediates of the vector instructions, as a table: what the validator checks, and what a compiler needs
//! to walk them without a case for each.

/// What follows the opcode of a vector instruction.
@frozen
public enum VectorImmediates: UInt8, Sendable, BitwiseCopyable {
    case none
    /// Alignment and offset.
    case memory
    /// Alignment and offset, then a lane index.
    case memoryAndLane
    /// A lane index.
    case lane
    /// The 16 bytes of a constant.
    case constant
    /// 16 lane indices below 32.
    case shuffle
}

/// The types of one vector instruction.
@frozen
public struct VectorSignature: Sendable, BitwiseCopyable {
    public let opcode: VectorOpcode
    public let immediates: VectorImmediates
    /// How many operands it takes.
    public let operandCount: UInt8
    /// Type bytes of the operands in the order of the specification (the last is on top); 0 beyond their number.
    let operands: (UInt8, UInt8, UInt8)
    /// The result's type byte; 0 for a store.
    let resultByte: UInt8
    /// Binary logarithm of the bytes that it reads or writes in memory, which is its natural alignment.
    let accessExponent: UInt8
    /// How many lanes a lane index chooses from.
    let laneCount: UInt8

    /// `nil` for a store.
    @inlinable public var result: ValueType? {
        resultBits == 0 ? nil : ValueType(bits: resultBits)
    }
    @usableFromInline var resultBits: UInt32 { UInt32(resultByte) }

    /// The type of an operand, by its position in the order of the specification.
    public func operand(_ index: Int) -> ValueType {
        switch index {
        case 0: ValueType(bits: UInt32(operands.0))
        case 1: ValueType(bits: UInt32(operands.1))
        default: ValueType(bits: UInt32(operands.2))
        }
    }

    /// Lane indices are below this.
    public var laneLimit: UInt32 { UInt32(laneCount) }

    /// Bytes of memory that the instruction reads or writes; meaningless for others.
    public var accessBytes: UInt32 { 1 &<< UInt32(accessExponent) }

    private init(
        _ opcode: VectorOpcode, _ operands: [ValueType], _ result: ValueType?,
        _ immediates: VectorImmediates = .none, accessBytes: Int = 1, laneCount: UInt8 = 0
    ) {
        func byte(_ index: Int) -> UInt8 {
            index < operands.count ? UInt8(truncatingIfNeeded: operands[index].bits) : 0
        }
        self.opcode = opcode
        self.immediates = immediates
        operandCount = UInt8(operands.count)
        self.operands = (byte(0), byte(1), byte(2))
        resultByte = UInt8(truncatingIfNeeded: result?.bits ?? 0)
        accessExponent = UInt8(accessBytes.trailingZeroBitCount)
        self.laneCount = laneCount
    }

    /// The number of entries of `makeTable`: one more than the highest opcode.
    public static let tableCount = 0x114

    /// A table indexed by the number behind the prefix, which the caller owns. What is no instruction has no entry.
    public static func makeTable() -> UnsafeMutablePointer<VectorSignature?> {
        let table = UnsafeMutablePointer<VectorSignature?>.allocate(capacity: tableCount)
        table.initialize(repeating: nil, count: tableCount)
        for opcode in VectorOpcode.allCases { table[Int(opcode.rawValue)] = VectorSignature(opcode) }
        return table
    }

    /// The signature of an instruction. Not for every instruction of a body: see `makeTable`.
    public init(_ opcode: VectorOpcode) {
        func load(_ bytes: Int) -> VectorSignature { Self(opcode, [.i32], .v128, .memory, accessBytes: bytes) }
        func loadLane(_ bytes: Int) -> VectorSignature {
            Self(opcode, [.i32, .v128], .v128, .memoryAndLane, accessBytes: bytes, laneCount: UInt8(16 / bytes))
        }
        func storeLane(_ bytes: Int) -> VectorSignature {
            Self(opcode, [.i32, .v128], nil, .memoryAndLane, accessBytes: bytes, laneCount: UInt8(16 / bytes))
        }
        func splat(_ lane: ValueType) -> VectorSignature { Self(opcode, [lane], .v128) }
        func extract(_ lane: ValueType, of count: UInt8) -> VectorSignature {
            Self(opcode, [.v128], lane, .lane, laneCount: count)
        }
        func replace(_ lane: ValueType, of count: UInt8) -> VectorSignature {
            Self(opcode, [.v128, lane], .v128, .lane, laneCount: count)
        }
        let unary = Self(opcode, [.v128], .v128)
        let shift = Self(opcode, [.v128, .i32], .v128)
        let ternary = Self(opcode, [.v128, .v128, .v128], .v128)
        let test = Self(opcode, [.v128], .i32)
        self =
            switch opcode {
            case .v128Load: load(16)
            case .v128Load8x8S, .v128Load8x8U, .v128Load16x4S, .v128Load16x4U, .v128Load32x2S, .v128Load32x2U: load(8)
            case .v128Load8Splat: load(1)
            case .v128Load16Splat: load(2)
            case .v128Load32Splat, .v128Load32Zero: load(4)
            case .v128Load64Splat, .v128Load64Zero: load(8)
            case .v128Store: Self(opcode, [.i32, .v128], nil, .memory, accessBytes: 16)
            case .v128Load8Lane: loadLane(1)
            case .v128Load16Lane: loadLane(2)
            case .v128Load32Lane: loadLane(4)
            case .v128Load64Lane: loadLane(8)
            case .v128Store8Lane: storeLane(1)
            case .v128Store16Lane: storeLane(2)
            case .v128Store32Lane: storeLane(4)
            case .v128Store64Lane: storeLane(8)
            case .v128Const: Self(opcode, [], .v128, .constant)
            case .i8x16Shuffle: Self(opcode, [.v128, .v128], .v128, .shuffle, laneCount: 32)
            case .i8x16Splat, .i16x8Splat, .i32x4Splat: splat(.i32)
            case .i64x2Splat: splat(.i64)
            case .f32x4Splat: splat(.f32)
            case .f64x2Splat: splat(.f64)
            case .i8x16ExtractLaneS, .i8x16ExtractLaneU: extract(.i32, of: 16)
            case .i16x8ExtractLaneS, .i16x8ExtractLaneU: extract(.i32, of: 8)
            case .i32x4ExtractLane: extract(.i32, of: 4)
            case .i64x2ExtractLane: extract(.i64, of: 2)
            case .f32x4ExtractLane: extract(.f32, of: 4)
            case .f64x2ExtractLane: extract(.f64, of: 2)
            case .i8x16ReplaceLane: replace(.i32, of: 16)
            case .i16x8ReplaceLane: replace(.i32, of: 8)
            case .i32x4ReplaceLane: replace(.i32, of: 4)
            case .i64x2ReplaceLane: replace(.i64, of: 2)
            case .f32x4ReplaceLane: replace(.f32, of: 4)
            case .f64x2ReplaceLane: replace(.f64, of: 2)
            case .v128Not,
                .f32x4DemoteF64x2Zero, .f64x2PromoteLowF32x4,
                .i8x16Abs, .i8x16Neg, .i8x16Popcnt, .i16x8Abs, .i16x8Neg, .i32x4Abs, .i32x4Neg, .i64x2Abs, .i64x2Neg,
                .f32x4Ceil, .f32x4Floor, .f32x4Trunc, .f32x4Nearest, .f32x4Abs, .f32x4Neg, .f32x4Sqrt,
                .f64x2Ceil, .f64x2Floor, .f64x2Trunc, .f64x2Nearest, .f64x2Abs, .f64x2Neg, .f64x2Sqrt,
                .i16x8ExtaddPairwiseI8x16S, .i16x8ExtaddPairwiseI8x16U, .i32x4ExtaddPairwiseI16x8S,
                .i32x4ExtaddPairwiseI16x8U,
                .i16x8ExtendLowI8x16S, .i16x8ExtendHighI8x16S, .i16x8ExtendLowI8x16U, .i16x8ExtendHighI8x16U,
                .i32x4ExtendLowI16x8S, .i32x4ExtendHighI16x8S, .i32x4ExtendLowI16x8U, .i32x4ExtendHighI16x8U,
                .i64x2ExtendLowI32x4S, .i64x2ExtendHighI32x4S, .i64x2ExtendLowI32x4U, .i64x2ExtendHighI32x4U,
                .i32x4TruncSatF32x4S, .i32x4TruncSatF32x4U, .f32x4ConvertI32x4S, .f32x4ConvertI32x4U,
                .i32x4TruncSatF64x2SZero, .i32x4TruncSatF64x2UZero, .f64x2ConvertLowI32x4S, .f64x2ConvertLowI32x4U,
                .i32x4RelaxedTruncF32x4S, .i32x4RelaxedTruncF32x4U, .i32x4RelaxedTruncF64x2SZero,
                .i32x4RelaxedTruncF64x2UZero:
                unary
            case .v128AnyTrue, .i8x16AllTrue, .i8x16Bitmask, .i16x8AllTrue, .i16x8Bitmask, .i32x4AllTrue,
                .i32x4Bitmask, .i64x2AllTrue, .i64x2Bitmask:
                test
            case .i8x16Shl, .i8x16ShrS, .i8x16ShrU, .i16x8Shl, .i16x8ShrS, .i16x8ShrU, .i32x4Shl, .i32x4ShrS,
                .i32x4ShrU, .i64x2Shl, .i64x2ShrS, .i64x2ShrU:
                shift
            case .v128Bitselect, .f32x4RelaxedMadd, .f32x4RelaxedNmadd, .f64x2RelaxedMadd, .f64x2RelaxedNmadd,
                .i8x16RelaxedLaneselect, .i16x8RelaxedLaneselect, .i32x4RelaxedLaneselect, .i64x2RelaxedLaneselect,
                .i32x4RelaxedDotI8x16I7x16AddS:
                ternary
            default: Self(opcode, [.v128, .v128], .v128)
            }
    }
}
