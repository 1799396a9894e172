//! Vector instructions: one form for what can be said in several ways, and the few foldings that are worth it.
//!
//! Float lanes are not computed here. A splat of a constant, a shuffle of constants and an identity are folded, since
//! compilers leave them behind.

import WasmModule

extension IRBuilder {
    mutating func vectorConstant(_ vector: V128) -> UInt32 {
        value(
            IRInstruction(
                operation: .vectorConstant, type: .v128,
                a: UInt32(truncatingIfNeeded: vector.low), b: UInt32(truncatingIfNeeded: vector.low &>> 32),
                c: UInt32(truncatingIfNeeded: vector.high), d: UInt32(truncatingIfNeeded: vector.high &>> 32)))
    }

    /// The bits of a vector constant.
    func constantVector(_ value: UInt32) -> V128? {
        let x = instruction(value)
        return x.operation == .vectorConstant ? x.vector : nil
    }

    /// `type` is the result's.
    mutating func vectorUnary(_ opcode: VectorOpcode, _ type: IRType, _ a: UInt32, lane: UInt32 = 0) -> UInt32 {
        let x = instruction(a)
        switch opcode {
        case .i8x16Splat, .i16x8Splat, .i32x4Splat, .i64x2Splat, .f32x4Splat, .f64x2Splat:
            if x.isConstant { return vectorConstant(Self.splat(opcode, x.constantBits)) }
        case .v128Not:
            if x.operation == .vectorUnary && x.vectorOpcode == .v128Not { return x.a }
        case .i32x4ExtaddPairwiseI16x8U:
            // The machine adds signed pairs.
            if hasPositiveWords(x) { return vectorUnary(.i32x4ExtaddPairwiseI16x8S, type, a) }
        default: break
        }
        return value(
            IRInstruction(
                operation: .vectorUnary, type: type, a: a, c: lane, d: UInt32(opcode.withoutRelaxation.rawValue)))
    }

    private static func splat(_ opcode: VectorOpcode, _ bits: UInt64) -> V128 {
        let half: UInt64 =
            switch opcode {
            case .i8x16Splat: (bits & 0xFF) &* 0x0101_0101_0101_0101
            case .i16x8Splat: (bits & 0xFFFF) &* 0x0001_0001_0001_0001
            case .i32x4Splat, .f32x4Splat: (bits & 0xFFFF_FFFF) &* 0x0000_0001_0000_0001
            default: bits
            }
        return V128(low: half, high: half)
    }

    mutating func vectorBinary(_ opcode: VectorOpcode, _ a: UInt32, _ b: UInt32, lane: UInt32 = 0) -> UInt32 {
        let opcode = opcode.withoutRelaxation
        if let width = opcode.shiftWidth, let count = constantBits(b), count & (width - 1) == 0 { return a }
        if opcode == .i8x16Swizzle, let lanes = constantVector(b) {
            // Index 16 is a lane of the zeros.
            var chosen = lanes
            for index in 0..<16 where chosen[UInt8.self, index] >= 16 { chosen[UInt8.self, index] = 16 }
            return vectorShuffle(a, vectorConstant(V128()), lanes: chosen)
        }
        if let product = extendedProduct(opcode, a, b) { return product }
        if let mirrored = opcode.mirrored {
            return value(
                IRInstruction(operation: .vectorBinary, type: .v128, a: b, b: a, d: UInt32(mirrored.rawValue)))
        }
        return value(
            IRInstruction(operation: .vectorBinary, type: .v128, a: a, b: b, c: lane, d: UInt32(opcode.rawValue)))
    }

    /// Whether all 16-bit lanes are known to be the same as signed and as unsigned numbers.
    private func hasPositiveWords(_ x: IRInstruction) -> Bool {
        guard x.operation == .vectorUnary || x.operation == .vectorBinary else { return false }
        switch x.vectorOpcode {
        case .i16x8ExtaddPairwiseI8x16U, .i16x8ExtendLowI8x16U, .i16x8ExtendHighI8x16U: return true
        // By a constant that is no multiple of 16: others are folded.
        case .i16x8ShrU: return constantBits(x.b) != nil
        default: return false
        }
    }

    /// A product of bytes of which one is constant, as a product of words: then it is extended here, not in the program.
    private mutating func extendedProduct(_ opcode: VectorOpcode, _ a: UInt32, _ b: UInt32) -> UInt32? {
        let (extend, isHigh, isSigned): (VectorOpcode, Bool, Bool)
        switch opcode {
        case .i16x8ExtmulLowI8x16S: (extend, isHigh, isSigned) = (.i16x8ExtendLowI8x16S, false, true)
        case .i16x8ExtmulHighI8x16S: (extend, isHigh, isSigned) = (.i16x8ExtendHighI8x16S, true, true)
        case .i16x8ExtmulLowI8x16U: (extend, isHigh, isSigned) = (.i16x8ExtendLowI8x16U, false, false)
        case .i16x8ExtmulHighI8x16U: (extend, isHigh, isSigned) = (.i16x8ExtendHighI8x16U, true, false)
        default: return nil
        }
        let (factor, other) = constantVector(b) != nil ? (b, a) : (a, b)
        guard let bytes = constantVector(factor) else { return nil }
        var words = V128()
        for index in 0..<8 {
            let byte = bytes[UInt8.self, isHigh ? index + 8 : index]
            words[UInt16.self, index] =
                isSigned ? UInt16(bitPattern: Int16(Int8(bitPattern: byte))) : UInt16(byte)
        }
        return vectorBinary(.i16x8Mul, vectorUnary(extend, .v128, other), vectorConstant(words))
    }

    mutating func vectorTernary(_ opcode: VectorOpcode, _ a: UInt32, _ b: UInt32, _ c: UInt32) -> UInt32 {
        if opcode == .v128Bitselect && a == b { return a }
        return value(
            IRInstruction(
                operation: .vectorTernary, type: .v128, a: a, b: b, c: c,
                d: UInt32(opcode.withoutRelaxation.rawValue)))
    }

    /// - Parameter lanes: 16 indices below 32. In the instruction they name lanes of `a` first and, where one operand is
    ///   enough, no others.
    mutating func vectorShuffle(_ a: UInt32, _ b: UInt32, lanes: V128) -> UInt32 {
        var (a, b, lanes) = (a, b, lanes)
        let indices = lanes.lanes(of: UInt8.self)
        if a == b || indices.allSatisfy({ $0 < 16 }) {
            b = a
            for index in 0..<16 { lanes[UInt8.self, index] = indices[index] & 15 }
        } else if indices.allSatisfy({ $0 >= 16 }) {
            a = b
            for index in 0..<16 { lanes[UInt8.self, index] = indices[index] & 15 }
        } else if indices[0] >= 16 {
            swap(&a, &b)
            for index in 0..<16 { lanes[UInt8.self, index] = indices[index] ^ 16 }
        }
        if let left = constantVector(a), let right = constantVector(b) {
            var result = V128()
            for index in 0..<16 {
                let lane = Int(lanes[UInt8.self, index])
                result[UInt8.self, index] = lane < 16 ? left[UInt8.self, lane] : right[UInt8.self, lane - 16]
            }
            return vectorConstant(result)
        }
        if lanes == V128(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908) { return a }
        let constant = vectorConstant(lanes)
        return value(
            IRInstruction(
                operation: .vectorTernary, type: .v128, a: a, b: b, c: constant,
                d: UInt32(VectorOpcode.i8x16Shuffle.rawValue)))
    }
}

extension VectorOpcode {
    /// The instruction that a relaxed one becomes; all others stay.
    var withoutRelaxation: VectorOpcode {
        switch self {
        case .i8x16RelaxedSwizzle: .i8x16Swizzle
        case .i32x4RelaxedTruncF32x4S: .i32x4TruncSatF32x4S
        case .i32x4RelaxedTruncF32x4U: .i32x4TruncSatF32x4U
        case .i32x4RelaxedTruncF64x2SZero: .i32x4TruncSatF64x2SZero
        case .i32x4RelaxedTruncF64x2UZero: .i32x4TruncSatF64x2UZero
        case .i8x16RelaxedLaneselect, .i16x8RelaxedLaneselect, .i32x4RelaxedLaneselect, .i64x2RelaxedLaneselect:
            .v128Bitselect
        // One of the operands where one is NaN, and either of two zeros.
        case .f32x4RelaxedMin: .f32x4Pmin
        case .f32x4RelaxedMax: .f32x4Pmax
        case .f64x2RelaxedMin: .f64x2Pmin
        case .f64x2RelaxedMax: .f64x2Pmax
        default: self
        }
    }

    /// The instruction that yields the same when the operands change places, if that one is preferred.
    var mirrored: VectorOpcode? {
        switch self {
        case .i8x16LtS: .i8x16GtS
        case .i8x16LtU: .i8x16GtU
        case .i8x16LeS: .i8x16GeS
        case .i8x16LeU: .i8x16GeU
        case .i16x8LtS: .i16x8GtS
        case .i16x8LtU: .i16x8GtU
        case .i16x8LeS: .i16x8GeS
        case .i16x8LeU: .i16x8GeU
        case .i32x4LtS: .i32x4GtS
        case .i32x4LtU: .i32x4GtU
        case .i32x4LeS: .i32x4GeS
        case .i32x4LeU: .i32x4GeU
        case .i64x2LtS: .i64x2GtS
        case .i64x2LeS: .i64x2GeS
        default: nil
        }
    }

    /// If the result is an integer with zeros above, how many bits it has.
    var resultBits: UInt32? {
        switch self {
        case .v128AnyTrue, .i8x16AllTrue, .i16x8AllTrue, .i32x4AllTrue, .i64x2AllTrue: 1
        case .i64x2Bitmask: 2
        case .i32x4Bitmask: 4
        case .i16x8Bitmask, .i8x16ExtractLaneU: 8
        case .i8x16Bitmask, .i16x8ExtractLaneU: 16
        default: nil
        }
    }

    /// Bits of a lane, of which the count of a shift is taken modulo; nil if it is no shift.
    var shiftWidth: UInt64? {
        switch self {
        case .i8x16Shl, .i8x16ShrS, .i8x16ShrU: 8
        case .i16x8Shl, .i16x8ShrS, .i16x8ShrU: 16
        case .i32x4Shl, .i32x4ShrS, .i32x4ShrU: 32
        case .i64x2Shl, .i64x2ShrS, .i64x2ShrU: 64
        default: nil
        }
    }
}
