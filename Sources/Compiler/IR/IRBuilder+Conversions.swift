//! Conversions between types, and the float operations that can be simplified without rounding or touching NaNs.

extension IRBuilder {
    /// A conversion to `type`.
    mutating func convert(_ operation: Operation, _ type: IRType, _ a: UInt32) -> UInt32 {
        guard experiment.has(.folding) else { return value(operation, type, a) }
        let x = instruction(a)
        switch operation {
        case .wrap:
            if x.operation == .integerConstant { return constant(.i32, x.constantBits) }
            if x.operation == .zeroExtend || x.operation == .signExtend { return x.a }
        case .zeroExtend:
            if x.operation == .integerConstant { return constant(.i64, x.constantBits) }
            // Back to the i64 it was taken from, if nothing was lost.
            if x.operation == .wrap && significantBits(x.a) <= 32 { return x.a }
        case .signExtend:
            if x.operation == .integerConstant { return constant(.i64, Self.signExtended(x.constantBits, from: 32)) }
            if significantBits(a) < 32 { return convert(.zeroExtend, .i64, a) }
            if x.operation == .wrap { return unary(.signExtend32, .i64, x.a) }
        case .reinterpret:
            if x.operation == .integerConstant { return floatConstant(type, x.constantBits) }
            if x.operation == .floatConstant { return constant(type, x.constantBits) }
            if x.operation == .reinterpret { return x.a }
        default: break
        }
        return value(operation, type, a)
    }

    /// A unary float operation.
    mutating func floatUnary(_ operation: Operation, _ type: IRType, _ a: UInt32) -> UInt32 {
        guard experiment.has(.folding) else { return value(operation, type, a) }
        let x = instruction(a)
        let sign: UInt64 = type == .f32 ? 1 &<< 31 : 1 &<< 63
        switch operation {
        case .floatNegate:
            if x.operation == .floatConstant { return floatConstant(type, x.constantBits ^ sign) }
            if x.operation == .floatNegate { return x.a }
        case .floatAbsolute:
            if x.operation == .floatConstant { return floatConstant(type, x.constantBits & ~sign) }
            if x.operation == .floatAbsolute { return a }
            if x.operation == .floatNegate { return floatUnary(.floatAbsolute, type, x.a) }
        default: break
        }
        return value(operation, type, a)
    }
}
