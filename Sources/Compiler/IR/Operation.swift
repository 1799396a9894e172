//! The operations of the intermediate representation.
//!
//! The IR is SSA with block parameters. A value is named by the instruction that defines it. Integers are i32 or i64;
//! booleans are i32 0 or 1; references are `ref`, 64 bits wide (a function reference is the address of a function record or 0,
//! an extern reference a host handle or 0). There are no implicit widenings.
//!
//! How the fields `a b c d` of an instruction are used is said per case; "value" is an instruction id, "edge" an index into
//! `IRFunction.edges`, "list" a start index into `IRFunction.lists` followed by a count in the next field.

enum IRType: UInt8 {
    case none = 0
    case i32, i64, f32, f64, v128, ref

    @inline(__always) var registerClass: RegisterClass {
        switch self {
        case .f32, .f64: .float
        case .v128: .vector
        default: .integer
        }
    }
    @inline(__always) var is64: Bool { self == .i64 || self == .f64 || self == .ref }
}

enum Operation: UInt8 {
    /// A removed instruction.
    case nop = 0

    // MARK: Values without operands

    /// Block parameter. a: block, b: index among the block's parameters. Always first in its block.
    case parameter
    /// Integer or reference constant. a: low 32 bits, b: high 32 bits. For i32 the high bits are 0.
    case integerConstant
    /// Float constant by bit pattern. a: low, b: high 32 bits.
    case floatConstant
    /// Result `b` (≥ 1) of the multi-result instruction `a`; result 0 is the instruction itself. Follows it directly.
    case result
    /// Address of the record of function `a` (ref).
    case functionReference

    // MARK: Integers. a, b: values. Type: that of the operands.

    case add, subtract, multiply, and, or, xor
    case shiftLeft, shiftRightSigned, shiftRightUnsigned, rotateLeft, rotateRight
    /// Trap: integer divide by zero; signed division also integer overflow.
    case divideSigned, divideUnsigned, remainderSigned, remainderUnsigned
    /// a: value.
    case countLeadingZeros, countTrailingZeros, populationCount
    /// Sign extension of the low 8, 16 or 32 bits of a, within a's type.
    case signExtend8, signExtend16, signExtend32
    /// i32 result; a, b of equal integer or reference type. flags: `IntegerCondition`.
    case integerCompare

    // MARK: Floats. a, b: values of the instruction's type.

    case floatAdd, floatSubtract, floatMultiply, floatDivide, floatMinimum, floatMaximum, floatCopySign
    case floatNegate, floatAbsolute, floatSquareRoot, floatCeil, floatFloor, floatTruncate, floatNearest
    /// i32 result; a, b floats of equal type. flags: `FloatCondition`.
    case floatCompare

    // MARK: Conversions. a: value; type: the result's.

    /// i64 → i32.
    case wrap
    /// i32 → i64.
    case zeroExtend, signExtend
    /// Float → integer. Trap: invalid conversion to integer (NaN) or integer overflow.
    case truncateSigned, truncateUnsigned
    /// Float → integer, saturating.
    case truncateSaturatingSigned, truncateSaturatingUnsigned
    /// Integer → float.
    case convertSigned, convertUnsigned
    /// f32 → f64, f64 → f32.
    case promote, demote
    /// Same bits, other class: i32 ↔ f32, i64 ↔ f64.
    case reinterpret

    // MARK: Vectors. d: `VectorOpcode`; shapes of operands and result are those of its `VectorSignature`.

    /// a, b, c, d: the 16 bytes, lowest first.
    case vectorConstant
    /// a: v128, or the scalar of a splat; c: lane.
    case vectorUnary
    /// a: v128; b: v128, the scalar of a lane, or the i32 count of a shift; c: lane.
    case vectorBinary
    /// a, b, c: v128. Of a shuffle, c is a `vectorConstant` of lane indices below 32.
    case vectorTernary

    /// a: i32 condition, b: value if nonzero, c: value if zero.
    case select
    /// a: what is left of a slice of fuel, b: units to take from it. What is left then, whatever it is. See below.
    case payFuel

    // MARK: Memory

    /// a: address value (of the memory's address type), b: constant offset, c: memory index. flags: `MemoryAccess`. Trap: out of bounds.
    case load
    /// a: address value, b: value, c: constant offset, d: memory index. flags: `MemoryAccess`. Trap: out of bounds.
    case store
    /// Size in pages, of the memory's address type. a: memory index.
    case memorySize

    // MARK: Module state

    /// a: global index.
    case globalGet
    /// a: value, b: global index.
    case globalSet
    /// Number of elements, of the table's index type. a: table index.
    case tableSize
    /// a: element index (of the table's index type), b: table index. Trap: table access out of bounds.
    case tableGet
    /// a: element index (of the table's index type), b: value, c: table index. Trap: table access out of bounds.
    case tableSet

    // MARK: Fuel. What is left of a slice is an i64; negative, it asks for the next slice.

    /// What is left, from the context.
    case fuel
    /// a: what is left, b: units to take from it. What is left then, which is not negative. Trap: out of fuel.
    case checkFuel
    /// The same, put into the context too.
    case settleFuel

    // MARK: Calls. Result 0 is the instruction; further results are `result` instructions directly after it.

    /// a: function index, b: list of arguments, c: count, d: type index.
    case call
    /// a: list of [element index value, table index, arguments…], b: count of arguments, d: type index.
    /// Trap: undefined element, uninitialized element, indirect call type mismatch.
    case callIndirect
    /// Call of a runtime function. a: `RuntimeFunction`, b: list of arguments, c: count.
    case callRuntime

    // MARK: Terminators

    /// a: edge.
    case jump
    /// a: i32 condition value, b: edge if nonzero, c: edge if zero.
    case branch
    /// a: i32 index value, b: first edge, c: number of edges ≥ 1; the last one is the default.
    case branchTable
    /// a: list, b: count.
    case `return`
    /// flags: `TrapCode`.
    case trap
    /// As `call`, replacing the frame.
    case tailCall
    /// As `callIndirect`, replacing the frame.
    case tailCallIndirect
    /// A call with handlers. a: function index, b: list of arguments, c: count,
    /// d: list of [type index, normal edge, handler count, (tag index, edge)…].
    case tryCall
    /// As `tryCall` with a list of [element index value, table index, arguments…] at b.
    case tryCallIndirect
    /// a: tag index, b: list of payload values, c: count.
    case `throw`

    @inline(__always) var isTerminator: Bool { rawValue >= Operation.jump.rawValue }

    /// Neither reads nor writes state and cannot trap: may be removed when unused, merged and moved freely.
    @inline(__always) var isPure: Bool {
        switch self {
        case .divideSigned, .divideUnsigned, .remainderSigned, .remainderUnsigned, .truncateSigned, .truncateUnsigned:
            false
        default:
            rawValue >= Operation.parameter.rawValue && rawValue <= Operation.payFuel.rawValue
        }
    }

    /// May be removed when its value is unused: pure, or only reads state without a trap.
    @inline(__always) var isRemovable: Bool {
        isPure || self == .memorySize || self == .globalGet || self == .tableSize || self == .fuel
    }
}

/// Conditions of `integerCompare`. Raw values are such that the lowest bit negates.
enum IntegerCondition: UInt8 {
    case equal = 0, notEqual
    case lessSigned, greaterOrEqualSigned
    case lessOrEqualSigned, greaterSigned
    case lessUnsigned, greaterOrEqualUnsigned
    case lessOrEqualUnsigned, greaterUnsigned

    var negated: IntegerCondition { IntegerCondition(rawValue: rawValue ^ 1)! }
    /// The condition that holds for (b, a) when this one holds for (a, b).
    var swapped: IntegerCondition {
        switch self {
        case .equal, .notEqual: self
        case .lessSigned: .greaterSigned
        case .greaterSigned: .lessSigned
        case .lessOrEqualSigned: .greaterOrEqualSigned
        case .greaterOrEqualSigned: .lessOrEqualSigned
        case .lessUnsigned: .greaterUnsigned
        case .greaterUnsigned: .lessUnsigned
        case .lessOrEqualUnsigned: .greaterOrEqualUnsigned
        case .greaterOrEqualUnsigned: .lessOrEqualUnsigned
        }
    }
}

/// Conditions of `floatCompare`; all but `notEqual` are false when an operand is NaN.
enum FloatCondition: UInt8 {
    case equal = 0, notEqual, less, greater, lessOrEqual, greaterOrEqual
}

/// What a load or store moves: width, and for loads the extension. The result type says to which width it extends.
enum MemoryAccess: UInt8 {
    case unsigned8 = 0, signed8, unsigned16, signed16, unsigned32, signed32, bits64
    case float32, float64, vector128
    // Loads only: into all lanes of a v128; 8 bytes extended to lanes of twice the width; into the lowest lane, zeros above.
    case splat8, splat16, splat32, splat64
    case extendSigned8, extendUnsigned8, extendSigned16, extendUnsigned16, extendSigned32, extendUnsigned32
    case zero32, zero64

    @inline(__always) var bytes: UInt32 {
        switch self {
        case .unsigned8, .signed8, .splat8: 1
        case .unsigned16, .signed16, .splat16: 2
        case .unsigned32, .signed32, .float32, .splat32, .zero32: 4
        case .bits64, .float64, .splat64, .zero64, .extendSigned8, .extendUnsigned8, .extendSigned16, .extendUnsigned16,
            .extendSigned32, .extendUnsigned32:
            8
        case .vector128: 16
        }
    }
}
