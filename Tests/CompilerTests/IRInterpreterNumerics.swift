//! What the operations of the IR compute, on 64-bit cells: the reference for tests. Written from the specification and
//! independent of the folding in `IRBuilder`.

@testable import Compiler

/// Why an interpreted function stopped.
enum InterpreterTrap: Error, Equatable {
    case trap(TrapCode)
    /// The step budget is used up.
    case outOfSteps
}

enum Numerics {
    /// The value of a pure or trapping numeric operation. An i32 or f32 cell has its upper half clear.
    ///
    /// - Parameter operandType: the type of the first operand.
    static func apply(
        _ operation: Operation, _ type: IRType, operandType: IRType, flags: UInt8, _ a: UInt64, _ b: UInt64, _ c: UInt64
    ) throws(InterpreterTrap) -> UInt64 {
        switch operation {
        case .select: return UInt32(truncatingIfNeeded: a) != 0 ? b : c
        case .integerCompare: return compare(IntegerCondition(rawValue: flags)!, operandType, a, b) ? 1 : 0
        case .floatCompare:
            let condition = FloatCondition(rawValue: flags)!
            return operandType == .f32
                ? compare(condition, f32(a), f32(b)) ? 1 : 0 : compare(condition, f64(a), f64(b)) ? 1 : 0
        case .wrap: return a & 0xFFFF_FFFF
        case .zeroExtend: return a
        case .signExtend: return UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: a)))
        case .promote: return Double(f32(a)).bitPattern
        case .demote: return UInt64(Float(f64(a)).bitPattern)
        case .reinterpret: return a
        case .convertSigned:
            let value = operandType == .i32 ? Int64(Int32(truncatingIfNeeded: a)) : Int64(bitPattern: a)
            return type == .f32 ? UInt64(Float(value).bitPattern) : Double(value).bitPattern
        case .convertUnsigned: return type == .f32 ? UInt64(Float(a).bitPattern) : Double(a).bitPattern
        case .truncateSigned, .truncateUnsigned, .truncateSaturatingSigned, .truncateSaturatingUnsigned:
            return try truncate(operation, type, operandType == .f32 ? Double(f32(a)) : f64(a))
        default:
            switch type {
            case .f32: return UInt64(float(operation, f32(a), f32(b)).bitPattern)
            case .f64: return float(operation, f64(a), f64(b)).bitPattern
            case .i32:
                return UInt64(
                    try integer(operation, UInt32(truncatingIfNeeded: a), UInt32(truncatingIfNeeded: b), Int32.self))
            default: return try integer(operation, a, b, Int64.self)
            }
        }
    }

    private static func f32(_ bits: UInt64) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: bits)) }
    private static func f64(_ bits: UInt64) -> Double { Double(bitPattern: bits) }

    private static func integer<U: FixedWidthInteger & UnsignedInteger, S: FixedWidthInteger & SignedInteger>(
        _ operation: Operation, _ a: U, _ b: U, _: S.Type
    ) throws(InterpreterTrap) -> U {
        let count = b % U(U.bitWidth)
        let signedA = S(truncatingIfNeeded: a)
        let signedB = S(truncatingIfNeeded: b)
        switch operation {
        case .add: return a &+ b
        case .subtract: return a &- b
        case .multiply: return a &* b
        case .and: return a & b
        case .or: return a | b
        case .xor: return a ^ b
        case .shiftLeft: return a << count
        case .shiftRightUnsigned: return a >> count
        case .shiftRightSigned: return U(truncatingIfNeeded: signedA >> S(count))
        case .rotateLeft: return count == 0 ? a : a << count | a >> (U(U.bitWidth) - count)
        case .rotateRight: return count == 0 ? a : a >> count | a << (U(U.bitWidth) - count)
        case .divideUnsigned:
            if b == 0 { throw .trap(.integerDivideByZero) }
            return a / b
        case .remainderUnsigned:
            if b == 0 { throw .trap(.integerDivideByZero) }
            return a % b
        case .divideSigned:
            if b == 0 { throw .trap(.integerDivideByZero) }
            let (quotient, overflow) = signedA.dividedReportingOverflow(by: signedB)
            if overflow { throw .trap(.integerOverflow) }
            return U(truncatingIfNeeded: quotient)
        case .remainderSigned:
            if b == 0 { throw .trap(.integerDivideByZero) }
            return signedB == -1 ? 0 : U(truncatingIfNeeded: signedA % signedB)
        case .countLeadingZeros: return U(a.leadingZeroBitCount)
        case .countTrailingZeros: return U(a.trailingZeroBitCount)
        case .populationCount: return U(a.nonzeroBitCount)
        case .signExtend8: return U(truncatingIfNeeded: Int8(truncatingIfNeeded: a))
        case .signExtend16: return U(truncatingIfNeeded: Int16(truncatingIfNeeded: a))
        case .signExtend32: return U(truncatingIfNeeded: Int32(truncatingIfNeeded: a))
        default: preconditionFailure("\(operation) is not an integer operation")
        }
    }

    private static func float<F: BinaryFloatingPoint>(_ operation: Operation, _ a: F, _ b: F) -> F {
        switch operation {
        case .floatAdd: return a + b
        case .floatSubtract: return a - b
        case .floatMultiply: return a * b
        case .floatDivide: return a / b
        case .floatMinimum:
            if a.isNaN || b.isNaN { return .nan }
            return a == b ? (a.sign == .minus ? a : b) : Swift.min(a, b)
        case .floatMaximum:
            if a.isNaN || b.isNaN { return .nan }
            return a == b ? (a.sign == .plus ? a : b) : Swift.max(a, b)
        case .floatCopySign: return F(signOf: b, magnitudeOf: a)
        case .floatNegate: return -a
        case .floatAbsolute:
            return F(
                sign: .plus, exponentBitPattern: a.exponentBitPattern, significandBitPattern: a.significandBitPattern)
        case .floatSquareRoot: return a.squareRoot()
        case .floatCeil: return a.rounded(.up)
        case .floatFloor: return a.rounded(.down)
        case .floatTruncate: return a.rounded(.towardZero)
        case .floatNearest: return a.rounded(.toNearestOrEven)
        default: preconditionFailure("\(operation) is not a float operation")
        }
    }

    private static func truncate(_ operation: Operation, _ type: IRType, _ value: Double) throws(InterpreterTrap)
        -> UInt64
    {
        let isSigned = operation == .truncateSigned || operation == .truncateSaturatingSigned
        let saturates = operation == .truncateSaturatingSigned || operation == .truncateSaturatingUnsigned
        if value.isNaN {
            if saturates { return 0 }
            throw .trap(.invalidConversionToInteger)
        }
        let whole = value.rounded(.towardZero)
        // Bounds are powers of two: exact.
        let bits = type == .i32 ? 32 : 64
        let upper =
            isSigned
            ? Double(sign: .plus, exponent: bits - 1, significand: 1)
            : Double(sign: .plus, exponent: bits, significand: 1)
        let lower = isSigned ? -upper : 0
        let mask: UInt64 = type == .i32 ? 0xFFFF_FFFF : .max
        if whole >= upper {
            guard saturates else { throw .trap(.integerOverflow) }
            return isSigned ? mask >> 1 : mask
        }
        if whole < lower {
            guard saturates else { throw .trap(.integerOverflow) }
            return isSigned ? (mask >> 1) + 1 : 0
        }
        return isSigned ? UInt64(bitPattern: Int64(whole)) & mask : UInt64(whole)
    }

    private static func compare(_ condition: IntegerCondition, _ type: IRType, _ a: UInt64, _ b: UInt64) -> Bool {
        let left = type == .i32 ? Int64(Int32(truncatingIfNeeded: a)) : Int64(bitPattern: a)
        let right = type == .i32 ? Int64(Int32(truncatingIfNeeded: b)) : Int64(bitPattern: b)
        switch condition {
        case .equal: return a == b
        case .notEqual: return a != b
        case .lessSigned: return left < right
        case .greaterOrEqualSigned: return left >= right
        case .lessOrEqualSigned: return left <= right
        case .greaterSigned: return left > right
        case .lessUnsigned: return a < b
        case .greaterOrEqualUnsigned: return a >= b
        case .lessOrEqualUnsigned: return a <= b
        case .greaterUnsigned: return a > b
        }
    }

    private static func compare<F: BinaryFloatingPoint>(_ condition: FloatCondition, _ a: F, _ b: F) -> Bool {
        switch condition {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .greater: a > b
        case .lessOrEqual: a <= b
        case .greaterOrEqual: a >= b
        }
    }
}
