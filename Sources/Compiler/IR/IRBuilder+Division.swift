//! Division by constants without dividing.
//!
//! A division takes 10 to 40 cycles, a multiplication 3. For 32-bit operands the reciprocal fits a 64-bit multiplication, so
//! no high halves are needed. The multipliers are those of Granlund and Montgomery, "Division by Invariant Integers using
//! Multiplication" (1994), theorems 4.2 and 5.1. None of this is asked for divisors 0, 1 and -1, so nothing can trap.

extension IRBuilder {
    /// n / d of unsigned 32-bit integers, for d ≥ 3 that is no power of two.
    mutating func quotientUnsigned(_ n: UInt32, by divisor: UInt32) -> UInt32 {
        let d = UInt64(divisor)
        let wide = convert(.zeroExtend, .i64, n)
        // The least shift at which a multiplier is exact enough, if it has 32 bits.
        let limit = UInt64(32 - (divisor - 1).leadingZeroBitCount)
        for shift in 0..<limit {
            let power: UInt64 = 1 &<< (32 &+ shift)
            let multiplier = power / d &+ 1
            if multiplier &* d &- power <= 1 &<< shift && multiplier <= UInt64(UInt32.max) {
                let product = binary(.multiply, .i64, wide, constant(.i64, multiplier))
                return convert(
                    .wrap, .i32, binary(.shiftRightUnsigned, .i64, product, constant(.i64, 32 &+ shift)))
            }
        }
        // One with 33 bits, the top one of which is added by hand; no sum exceeds 64 bits.
        let low = UInt64(truncatingIfNeeded: ((UInt128(1) &<< UInt128(32 + limit)) / UInt128(d) &+ 1)) & 0xFFFF_FFFF
        let high = binary(
            .shiftRightUnsigned, .i64, binary(.multiply, .i64, wide, constant(.i64, low)), constant(.i64, 32))
        let rest = binary(.shiftRightUnsigned, .i64, binary(.subtract, .i64, wide, high), constant(.i64, 1))
        let sum = binary(.add, .i64, rest, high)
        return convert(.wrap, .i32, binary(.shiftRightUnsigned, .i64, sum, constant(.i64, limit &- 1)))
    }

    /// n / d of signed 32-bit integers, rounded towards zero, for |d| ≥ 3 that is no power of two.
    mutating func quotientSigned(_ n: UInt32, by divisor: Int32) -> UInt32 {
        let d = divisor.magnitude
        let shift = UInt64(32 - (d - 1).leadingZeroBitCount) &+ 31
        let multiplier = (UInt64(1) &<< shift) / UInt64(d) &+ 1
        let product = binary(.multiply, .i64, convert(.signExtend, .i64, n), constant(.i64, multiplier))
        let floor = convert(.wrap, .i32, binary(.shiftRightSigned, .i64, product, constant(.i64, shift)))
        let sign = binary(.shiftRightSigned, .i32, n, constant(.i32, 31))
        return divisor < 0 ? binary(.subtract, .i32, sign, floor) : binary(.subtract, .i32, floor, sign)
    }

    /// n / 2^k of signed integers, rounded towards zero, for 1 ≤ k < width.
    mutating func quotientSigned(_ n: UInt32, _ type: IRType, byPowerOfTwo k: UInt64) -> UInt32 {
        let width: UInt64 = type == .i64 ? 64 : 32
        let sign = binary(.shiftRightSigned, type, n, constant(type, width &- 1))
        let bias = binary(.shiftRightUnsigned, type, sign, constant(type, width &- k))
        return binary(.shiftRightSigned, type, binary(.add, type, n, bias), constant(type, k))
    }

    /// n - quotient × d.
    mutating func remainder(_ n: UInt32, _ type: IRType, quotient: UInt32, divisor: UInt64) -> UInt32 {
        binary(.subtract, type, n, binary(.multiply, type, quotient, constant(type, divisor)))
    }

    /// The quotient of a division by the constant `k`, if there is a way around dividing.
    mutating func quotient(_ type: IRType, _ n: UInt32, by k: UInt64, isSigned: Bool) -> UInt32? {
        guard experiment.has(.divisionByConstants) else { return nil }
        if isSigned {
            let d = type == .i64 ? Int64(bitPattern: k) : Int64(Int32(truncatingIfNeeded: k))
            guard d > 1 || d < -1 else { return nil }
            if d > 0 && d.nonzeroBitCount == 1 {
                return quotientSigned(n, type, byPowerOfTwo: UInt64(d.trailingZeroBitCount))
            }
            guard type == .i32, d.magnitude.nonzeroBitCount > 1 else { return nil }
            return quotientSigned(n, by: Int32(truncatingIfNeeded: d))
        }
        guard type == .i32, k > 2, k.nonzeroBitCount > 1 else { return nil }
        return quotientUnsigned(n, by: UInt32(truncatingIfNeeded: k))
    }
}
