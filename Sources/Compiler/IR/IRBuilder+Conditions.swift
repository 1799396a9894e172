//! Comparisons, selection by a condition, and the conditions of branches.

extension IRBuilder {
    /// An integer comparison; `type` is that of the operands.
    mutating func compare(_ condition: IntegerCondition, _ type: IRType, _ a: UInt32, _ b: UInt32) -> UInt32 {
        guard experiment.has(.folding) else { return value(.integerCompare, .i32, a, b, flags: condition.rawValue) }
        if a == b {
            switch condition {
            case .equal, .greaterOrEqualSigned, .lessOrEqualSigned, .greaterOrEqualUnsigned, .lessOrEqualUnsigned:
                return constant(.i32, 1)
            default: return constant(.i32, 0)
            }
        }
        if let right = constantBits(b) {
            if let left = constantBits(a) {
                return constant(.i32, Self.holds(condition, type, left, right) ? 1 : 0)
            }
            return compare(condition, type, a, b, constant: right)
        }
        if let left = constantBits(a) { return compare(condition.swapped, type, b, a, constant: left) }
        if (condition == .equal || condition == .notEqual) && a > b {
            return value(.integerCompare, .i32, b, a, flags: condition.rawValue)
        }
        return value(.integerCompare, .i32, a, b, flags: condition.rawValue)
    }

    /// As `compare`, where `b` is a constant and `a` is not.
    private mutating func compare(
        _ condition: IntegerCondition, _ type: IRType, _ a: UInt32, _ b: UInt32, constant k: UInt64
    ) -> UInt32 {
        let x = instruction(a)
        switch condition {
        case .equal, .notEqual:
            // A boolean compared with a constant.
            if x.operation == .integerCompare || x.operation == .floatCompare {
                if k > 1 { return constant(.i32, condition == .equal ? 0 : 1) }
                return (k == 1) == (condition == .equal)
                    ? a : inverted(a) ?? value(.integerCompare, .i32, a, b, flags: condition.rawValue)
            }
            // A sum is left alone: a loop's counter is compared after its increment, and both would be alive at once.
            switch x.operation {
            case .zeroExtend:
                if k > 0xFFFF_FFFF { return constant(.i32, condition == .equal ? 0 : 1) }
                return compare(condition, .i32, x.a, constant(.i32, k))
            case .signExtend:
                if Self.signExtended(k, from: 32) != k { return constant(.i32, condition == .equal ? 0 : 1) }
                return compare(condition, .i32, x.a, constant(.i32, k))
            default: break
            }
        case .lessUnsigned:
            if k == 0 { return constant(.i32, 0) }
            if k == 1 { return compare(.equal, type, a, constant(type, 0)) }
        case .greaterOrEqualUnsigned:
            if k == 0 { return constant(.i32, 1) }
            if k == 1 { return compare(.notEqual, type, a, constant(type, 0)) }
        case .greaterUnsigned:
            if k == 0 { return compare(.notEqual, type, a, b) }
            if k == Self.mask(type) { return constant(.i32, 0) }
        case .lessOrEqualUnsigned:
            if k == 0 { return compare(.equal, type, a, b) }
            if k == Self.mask(type) { return constant(.i32, 1) }
        default: break
        }
        return value(.integerCompare, .i32, a, b, flags: condition.rawValue)
    }

    /// The opposite of a comparison, if one instruction can say it: of floats only equality, because of NaN.
    private mutating func inverted(_ comparison: UInt32) -> UInt32? {
        let x = instruction(comparison)
        if x.operation == .integerCompare {
            return value(.integerCompare, .i32, x.a, x.b, flags: x.integerCondition.negated.rawValue)
        }
        switch x.floatCondition {
        case .equal: return value(.floatCompare, .i32, x.a, x.b, flags: FloatCondition.notEqual.rawValue)
        case .notEqual: return value(.floatCompare, .i32, x.a, x.b, flags: FloatCondition.equal.rawValue)
        default: return nil
        }
    }

    /// Whether `a` (an integer or a reference) is zero.
    mutating func isZero(_ a: UInt32) -> UInt32 {
        let type = type(of: a)
        return compare(.equal, type, a, constant(type, 0))
    }

    /// Takes comparisons of an i32 with zero off a condition, as branches and selections test for zero themselves.
    func withoutZeroTest(_ condition: UInt32) -> (condition: UInt32, isInverted: Bool) {
        var condition = condition
        var isInverted = false
        while true {
            let x = instruction(condition)
            guard x.operation == .integerCompare, x.flags <= IntegerCondition.notEqual.rawValue,
                type(of: x.a) == .i32, constantBits(x.b) == 0
            else { return (condition, isInverted) }
            if x.integerCondition == .equal { isInverted.toggle() }
            condition = x.a
        }
    }

    /// `a` if the condition is nonzero, else `b`.
    mutating func select(_ condition: UInt32, _ a: UInt32, _ b: UInt32) -> UInt32 {
        guard experiment.has(.folding) else { return value(.select, type(of: a), condition, a, b) }
        if a == b { return a }
        if let bits = constantBits(condition) { return bits != 0 ? a : b }
        let test = withoutZeroTest(condition)
        let (ifNonzero, ifZero) = test.isInverted ? (b, a) : (a, b)
        let type = type(of: a)
        if type == .i32, let one = constantBits(ifNonzero), let other = constantBits(ifZero) {
            if one == 1 && other == 0 { return compare(.notEqual, .i32, test.condition, ifZero) }
            if one == 0 && other == 1 { return compare(.equal, .i32, test.condition, ifNonzero) }
        }
        return value(.select, type, test.condition, ifNonzero, ifZero)
    }

    private static func holds(_ condition: IntegerCondition, _ type: IRType, _ a: UInt64, _ b: UInt64) -> Bool {
        let left = type == .i32 ? Int64(Int32(truncatingIfNeeded: a)) : Int64(bitPattern: a)
        let right = type == .i32 ? Int64(Int32(truncatingIfNeeded: b)) : Int64(bitPattern: b)
        return switch condition {
        case .equal: a == b
        case .notEqual: a != b
        case .lessSigned: left < right
        case .greaterOrEqualSigned: left >= right
        case .lessOrEqualSigned: left <= right
        case .greaterSigned: left > right
        case .lessUnsigned: a < b
        case .greaterOrEqualUnsigned: a >= b
        case .lessOrEqualUnsigned: a <= b
        case .greaterUnsigned: a > b
        }
    }
}
