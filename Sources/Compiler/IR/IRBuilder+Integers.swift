//! Integer arithmetic: folding of constants, identities, and one canonical form for each way to write the same thing
//! (constants on the right, subtraction of a constant as addition, multiplication by a power of two as a shift).
//!
//! Nothing here removes a trap: a division by zero, or an overflowing one, stays a division.

extension IRBuilder {
    @inline(__always) static func mask(_ type: IRType) -> UInt64 { type == .i32 ? 0xFFFF_FFFF : .max }
    @inline(__always) static func bits(_ type: IRType) -> UInt64 { type == .i32 ? 32 : 64 }

    /// A binary integer operation.
    mutating func binary(_ operation: Operation, _ type: IRType, _ a: UInt32, _ b: UInt32) -> UInt32 {
        guard experiment.has(.folding) else { return value(operation, type, a, b) }
        var left = a
        var right = b
        if operation.isCommutative {
            let leftIsConstant = instruction(left).operation == .integerConstant
            let rightIsConstant = instruction(right).operation == .integerConstant
            if leftIsConstant == rightIsConstant ? left > right : leftIsConstant { swap(&left, &right) }
        }
        if let constant = constantBits(right) {
            return binary(operation, type, left, right, constant: constant)
        }
        if left == right {
            switch operation {
            case .subtract, .xor: return constant(type, 0)
            case .and, .or: return left
            default: break
            }
        }
        switch operation {
        case .shiftLeft, .shiftRightSigned, .shiftRightUnsigned, .rotateLeft, .rotateRight:
            // The count is taken modulo the width anyway.
            let count = instruction(right)
            if count.operation == .and, let mask = constantBits(count.b),
                mask & (Self.bits(type) - 1) == Self.bits(type) - 1
            {
                return binary(operation, type, left, count.a)
            }
            if let bits = constantBits(left) {
                if bits == 0 { return left }
                if bits == Self.mask(type) && operation != .shiftLeft && operation != .shiftRightUnsigned {
                    return left
                }
            }
        case .add:
            // x + (0 - y)
            let negated = instruction(right)
            if negated.operation == .subtract, constantBits(negated.a) == 0 {
                return binary(.subtract, type, left, negated.b)
            }
        default: break
        }
        return value(operation, type, left, right)
    }

    /// As `binary`, where `right` is an integer constant.
    private mutating func binary(
        _ operation: Operation, _ type: IRType, _ left: UInt32, _ right: UInt32, constant k: UInt64
    ) -> UInt32 {
        let x = instruction(left)
        let mask = Self.mask(type)
        if x.operation == .integerConstant, let folded = Self.evaluate(operation, type, x.constantBits, k) {
            return constant(type, folded)
        }
        // The constant of an inner operation of the same kind: (y op inner) op k.
        let inner: UInt64? = x.operation == operation ? constantBits(x.b) : nil
        switch operation {
        case .add:
            if k == 0 { return left }
            // Otherwise the inner sum most likely stays in use, as a frame address does for all that is reached from it; then
            // the rewriting saves nothing and keeps its operand alive beside it.
            if isFresh(left) {
                if let inner { return binary(.add, type, x.a, constant(type, inner &+ k)) }
                if x.operation == .subtract, let minuend = constantBits(x.a) {
                    return binary(.subtract, type, constant(type, minuend &+ k), x.b)
                }
            }
        case .subtract:
            return binary(.add, type, left, constant(type, 0 &- k))
        case .multiply:
            if k == 0 { return right }
            if k == 1 { return left }
            if k == mask { return binary(.subtract, type, constant(type, 0), left) }
            if k.nonzeroBitCount == 1 {
                return binary(.shiftLeft, type, left, constant(type, UInt64(k.trailingZeroBitCount)))
            }
            if let inner { return binary(.multiply, type, x.a, constant(type, inner &* k)) }
        case .and:
            if k == 0 { return right }
            if k == mask { return left }
            if let inner { return binary(.and, type, x.a, constant(type, inner & k)) }
            if type == .i64 && k <= 0xFFFF_FFFF {
                // The low half is what `wrap` takes; as a mask it would not even fit an immediate.
                if x.operation == .zeroExtend, case let low = instruction(x.a), low.operation == .wrap {
                    return binary(.and, type, low.a, right)
                }
                if k == 0xFFFF_FFFF { return convert(.zeroExtend, .i64, convert(.wrap, .i32, left)) }
            }
            let width = significantBits(left)
            // Typed, for `==` would compare with a 32-bit integer, in which the shift wraps.
            let ones: UInt64 = (1 &<< UInt64(width)) &- 1
            if width < 64 && k & ones == ones { return left }
        case .or:
            if k == 0 { return left }
            if k == mask { return right }
            if let inner { return binary(.or, type, x.a, constant(type, inner | k)) }
        case .xor:
            if k == 0 { return left }
            if let inner { return binary(.xor, type, x.a, constant(type, inner ^ k)) }
            if k == 1 && (x.operation == .integerCompare || x.operation == .floatCompare) { return isZero(left) }
        case .shiftLeft, .shiftRightSigned, .shiftRightUnsigned, .rotateLeft, .rotateRight:
            return shift(operation, type, left, right, by: k)
        case .divideUnsigned:
            if k == 1 { return left }
            if k.nonzeroBitCount == 1 {
                return binary(.shiftRightUnsigned, type, left, constant(type, UInt64(k.trailingZeroBitCount)))
            }
            if let quotient = quotient(type, left, by: k, isSigned: false) { return quotient }
        case .divideSigned:
            if k == 1 { return left }
            if let quotient = quotient(type, left, by: k, isSigned: true) { return quotient }
        case .remainderUnsigned:
            if k.nonzeroBitCount == 1 { return binary(.and, type, left, constant(type, k &- 1)) }
            if let quotient = quotient(type, left, by: k, isSigned: false) {
                return remainder(left, type, quotient: quotient, divisor: k)
            }
        case .remainderSigned:
            // The remainder by -1 is 0 without a trap, even where the quotient overflows.
            if k == 1 || k == mask { return constant(type, 0) }
            if let quotient = quotient(type, left, by: k, isSigned: true) {
                return remainder(left, type, quotient: quotient, divisor: k)
            }
        default: break
        }
        return value(operation, type, left, right)
    }

    /// Whether a value was computed last, constants aside.
    private func isFresh(_ value: UInt32) -> Bool {
        var last = function.instructions.count &- 1
        for _ in 0..<4 where function.instructions[last].operation == .integerConstant { last &-= 1 }
        return last == Int(value)
    }

    /// A shift or rotation by a constant.
    private mutating func shift(
        _ operation: Operation, _ type: IRType, _ left: UInt32, _ right: UInt32, by k: UInt64
    ) -> UInt32 {
        let width = Self.bits(type)
        let mask = Self.mask(type)
        let count = k & (width - 1)
        if count == 0 { return left }
        let x = instruction(left)
        if let bits = constantBits(x.operation.valueFieldCount == 2 ? x.b : left), x.operation != .integerConstant {
            let inner = bits & (width - 1)
            switch (x.operation, operation) {
            case (.shiftLeft, .shiftLeft), (.shiftRightUnsigned, .shiftRightUnsigned):
                let sum = inner + count
                return sum >= width ? constant(type, 0) : binary(operation, type, x.a, constant(type, sum))
            case (.shiftRightSigned, .shiftRightSigned):
                return binary(operation, type, x.a, constant(type, min(inner + count, width - 1)))
            case (.rotateLeft, .rotateLeft), (.rotateRight, .rotateRight):
                return binary(operation, type, x.a, constant(type, (inner + count) & (width - 1)))
            case (.shiftLeft, .shiftRightUnsigned) where inner == count:
                return binary(.and, type, x.a, constant(type, mask &>> count))
            case (.shiftRightUnsigned, .shiftLeft) where inner == count:
                return binary(.and, type, x.a, constant(type, (mask &<< count) & mask))
            case (.shiftLeft, .shiftRightSigned) where inner == count:
                switch width - count {
                case 8: return signExtendLow(.signExtend8, type, x.a)
                case 16: return signExtendLow(.signExtend16, type, x.a)
                case 32: return signExtendLow(.signExtend32, type, x.a)
                default: break
                }
            default: break
            }
        }
        if operation == .shiftRightUnsigned && UInt64(significantBits(left)) <= count { return constant(type, 0) }
        return value(operation, type, left, k == count ? right : constant(type, count))
    }

    /// `countLeadingZeros`, `countTrailingZeros`, `populationCount`, `signExtend8`, `signExtend16`, `signExtend32`.
    mutating func unary(_ operation: Operation, _ type: IRType, _ a: UInt32) -> UInt32 {
        guard experiment.has(.folding) else { return value(operation, type, a) }
        switch operation {
        case .signExtend8, .signExtend16, .signExtend32: return signExtendLow(operation, type, a)
        default: break
        }
        if let bits = constantBits(a) {
            let result =
                switch operation {
                case .countLeadingZeros:
                    type == .i32 ? UInt32(truncatingIfNeeded: bits).leadingZeroBitCount : bits.leadingZeroBitCount
                case .countTrailingZeros:
                    type == .i32 ? UInt32(truncatingIfNeeded: bits).trailingZeroBitCount : bits.trailingZeroBitCount
                default: bits.nonzeroBitCount
                }
            return constant(type, UInt64(result))
        }
        return value(operation, type, a)
    }

    private mutating func signExtendLow(_ operation: Operation, _ type: IRType, _ a: UInt32) -> UInt32 {
        let width: UInt64 = operation == .signExtend8 ? 8 : operation == .signExtend16 ? 16 : 32
        let x = instruction(a)
        if x.operation == .integerConstant { return constant(type, Self.signExtended(x.constantBits, from: width)) }
        if UInt64(significantBits(a)) < width { return a }
        switch x.operation {
        case .signExtend8: return a
        case .signExtend16: if width >= 16 { return a }
        case .signExtend32, .signExtend: if width == 32 { return a }
        case .zeroExtend: if width == 32 { return convert(.signExtend, .i64, x.a) }
        case .load:
            switch x.memoryAccess {
            case .signed8: return a
            case .signed16: if width >= 16 { return a }
            case .signed32: if width == 32 { return a }
            default: break
            }
        case .and:
            // Only the low bits matter.
            if let kept = constantBits(x.b), kept & ((1 &<< width) - 1) == (1 &<< width) - 1 {
                return signExtendLow(operation, type, x.a)
            }
        default: break
        }
        if x.operation == .signExtend32 || x.operation == .signExtend16 {
            // A narrower extension; the wider ones were taken care of.
            return signExtendLow(operation, type, x.a)
        }
        return value(operation, type, a)
    }

    @inline(__always) static func signExtended(_ bits: UInt64, from width: UInt64) -> UInt64 {
        UInt64(bitPattern: Int64(bitPattern: bits &<< (64 &- width)) &>> Int64(64 &- width))
    }

    /// An upper bound of the bits a value of integer type needs: it is less than 2 to this power.
    func significantBits(_ value: UInt32, depth: Int = 0) -> UInt32 {
        let x = instruction(value)
        let width: UInt32 = x.type == .i32 ? 32 : 64
        switch x.operation {
        case .integerConstant: return UInt32(64 - x.constantBits.leadingZeroBitCount)
        case .integerCompare, .floatCompare: return 1
        case .vectorUnary: return x.vectorOpcode.resultBits ?? width
        case .countLeadingZeros, .countTrailingZeros, .populationCount: return 7
        case .load:
            switch x.memoryAccess {
            case .unsigned8: return 8
            case .unsigned16: return 16
            case .unsigned32: return 32
            default: return width
            }
        case .and:
            if let mask = constantBits(x.b) {
                let own = UInt32(64 - mask.leadingZeroBitCount)
                return own <= 8 || depth >= 3 ? own : min(own, significantBits(x.a, depth: depth + 1))
            }
            if depth >= 3 { return width }
            return min(significantBits(x.a, depth: depth + 1), significantBits(x.b, depth: depth + 1))
        case .or, .xor:
            if depth >= 3 { return width }
            return max(significantBits(x.a, depth: depth + 1), significantBits(x.b, depth: depth + 1))
        case .shiftRightUnsigned:
            guard let count = constantBits(x.b) else { return width }
            let shift = UInt32(truncatingIfNeeded: count) & (width - 1)
            let operand = depth >= 3 ? width : significantBits(x.a, depth: depth + 1)
            return operand > shift ? operand - shift : 0
        case .shiftLeft:
            guard depth < 3, let count = constantBits(x.b) else { return width }
            return min(width, significantBits(x.a, depth: depth + 1) + UInt32(truncatingIfNeeded: count) & (width - 1))
        case .zeroExtend: return depth >= 3 ? 32 : min(32, significantBits(x.a, depth: depth + 1))
        case .wrap: return depth >= 3 ? 32 : min(32, significantBits(x.a, depth: depth + 1))
        case .select:
            if depth >= 3 { return width }
            return max(significantBits(x.b, depth: depth + 1), significantBits(x.c, depth: depth + 1))
        default: return width
        }
    }

    /// The result of an operation on constants; nil if it traps.
    private static func evaluate(_ operation: Operation, _ type: IRType, _ a: UInt64, _ b: UInt64) -> UInt64? {
        if type == .i32 {
            return evaluate(operation, UInt32(truncatingIfNeeded: a), UInt32(truncatingIfNeeded: b), Int32.self)
                .map { UInt64($0) }
        }
        return evaluate(operation, a, b, Int64.self)
    }

    @inline(__always)
    private static func evaluate<U: FixedWidthInteger & UnsignedInteger, S: FixedWidthInteger & SignedInteger>(
        _ operation: Operation, _ a: U, _ b: U, _: S.Type
    ) -> U? {
        let signedA = S(truncatingIfNeeded: a)
        let signedB = S(truncatingIfNeeded: b)
        let count = b & U(U.bitWidth - 1)
        switch operation {
        case .add: return a &+ b
        case .subtract: return a &- b
        case .multiply: return a &* b
        case .and: return a & b
        case .or: return a | b
        case .xor: return a ^ b
        case .shiftLeft: return a &<< count
        case .shiftRightUnsigned: return a &>> count
        case .shiftRightSigned: return U(truncatingIfNeeded: signedA &>> S(truncatingIfNeeded: count))
        case .rotateLeft: return a &<< count | a &>> (0 &- count)
        case .rotateRight: return a &>> count | a &<< (0 &- count)
        case .divideUnsigned: return b == 0 ? nil : a / b
        case .remainderUnsigned: return b == 0 ? nil : a % b
        case .divideSigned:
            if b == 0 || (signedB == -1 && signedA == S.min) { return nil }
            return U(truncatingIfNeeded: signedA / signedB)
        case .remainderSigned:
            if b == 0 { return nil }
            return signedB == -1 ? 0 : U(truncatingIfNeeded: signedA % signedB)
        default: return nil
        }
    }
}

extension Operation {
    @inline(__always) fileprivate var isCommutative: Bool {
        switch self {
        case .add, .multiply, .and, .or, .xor: true
        default: false
        }
    }
}
