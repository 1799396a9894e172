//! Vector instructions that the machine does not have, as sequences of those it has.
//!
//! Each says what makes it exact where that is not obvious. The last step recorded is the result.

import WasmModule

extension InstructionSelector {
    // MARK: One operand

    mutating func sequence(_ opcode: VectorOpcode, _ a: VectorSource) {
        switch opcode {
        case .v128Not: _ = packed(.pxor, a, V128(repeating: UInt64.max))
        case .i64x2Abs:
            let sign = module.usesVEX ? packed(.pcmpgtq, constant(V128()), a) : wideSign(a)
            _ = packed(.psubq, packed(.pxor, a, sign), sign)
        case .i8x16Neg: _ = packed(.psubb, constant(V128()), a)
        case .i16x8Neg: _ = packed(.psubw, constant(V128()), a)
        case .i32x4Neg: _ = packed(.psubd, constant(V128()), a)
        case .i64x2Neg: _ = packed(.psubq, constant(V128()), a)
        case .i8x16Popcnt:
            // Counts of the halves of each byte, from a table of 16.
            let low = V128(repeating: UInt8(0x0F))
            let table = constant(V128(low: 0x0302_0201_0201_0100, high: 0x0403_0302_0302_0201))
            let lowCount = packed(.pshufb, table, packed(.pand, a, low))
            let high = packed(.pand, shifted(.psrlw, a, by: 4), low)
            _ = packed(.paddb, lowCount, packed(.pshufb, table, high))
        case .f32x4Abs: _ = packed(.andps, a, V128(repeating: UInt32(0x7FFF_FFFF)))
        case .f32x4Neg: _ = packed(.xorps, a, V128(repeating: UInt32(0x8000_0000)))
        case .f64x2Abs: _ = packed(.andpd, a, V128(repeating: UInt64(0x7FFF_FFFF_FFFF_FFFF)))
        case .f64x2Neg: _ = packed(.xorpd, a, V128(repeating: UInt64(0x8000_0000_0000_0000)))
        // Rounding modes with the inexact exception suppressed.
        case .f32x4Nearest: _ = packed(.roundps, a, 8)
        case .f32x4Floor: _ = packed(.roundps, a, 9)
        case .f32x4Ceil: _ = packed(.roundps, a, 10)
        case .f32x4Trunc: _ = packed(.roundps, a, 11)
        case .f64x2Nearest: _ = packed(.roundpd, a, 8)
        case .f64x2Floor: _ = packed(.roundpd, a, 9)
        case .f64x2Ceil: _ = packed(.roundpd, a, 10)
        case .f64x2Trunc: _ = packed(.roundpd, a, 11)
        case .i16x8ExtaddPairwiseI8x16S: _ = packed(.pmaddubsw, constant(V128(repeating: UInt8(1))), a)
        case .i16x8ExtaddPairwiseI8x16U: _ = packed(.pmaddubsw, a, V128(repeating: UInt8(1)))
        case .i32x4ExtaddPairwiseI16x8S: _ = packed(.pmaddwd, a, V128(repeating: UInt16(1)))
        case .i32x4ExtaddPairwiseI16x8U:
            // As signed, each of the two is 2¹⁵ too small.
            let signed = packed(.pxor, a, V128(repeating: UInt16(0x8000)))
            let sums = packed(.pmaddwd, signed, V128(repeating: UInt16(1)))
            _ = packed(.paddd, sums, V128(repeating: UInt32(0x1_0000)))
        case .i16x8ExtendHighI8x16S, .i16x8ExtendHighI8x16U, .i32x4ExtendHighI16x8S, .i32x4ExtendHighI16x8U,
            .i64x2ExtendHighI32x4S, .i64x2ExtendHighI32x4U:
            _ = highExtended(opcode, a)
        case .i32x4TruncSatF32x4S: truncate(a)
        case .i32x4TruncSatF32x4U: truncateUnsigned(a)
        case .i32x4TruncSatF64x2SZero:
            // Minimum gives its second operand if there is a NaN: the limit, which then is 0.
            let isNumber = packed(.cmppd, a, a, 0)
            let limit = packed(.andpd, isNumber, V128(repeating: (2_147_483_647.0).bitPattern))
            _ = packed(.cvttpd2dq, packed(.minpd, a, limit))
        case .i32x4TruncSatF64x2UZero:
            let positive = packed(.maxpd, a, V128())
            let limited = packed(.minpd, positive, V128(repeating: (4_294_967_295.0).bitPattern))
            // In a number of 2⁵² and more the low bits are the integer.
            let placed = packed(.addpd, packed(.roundpd, limited, 11), V128(repeating: (0x1p52).bitPattern))
            _ = packed(.shufps, placed, V128(), 0x88)
        case .f32x4ConvertI32x4U:
            // 2²³ + the low half and 2³⁹ + the high half are exact, and so is the high half less 2²³: only the sum rounds.
            let low = packed(.pblendw, a, V128(repeating: UInt32(0x4B00_0000)), 0xAA)
            let high = packed(.pblendw, shifted(.psrld, a, by: 16), V128(repeating: UInt32(0x5300_0000)), 0xAA)
            let difference = packed(.subps, high, V128(repeating: UInt32(0x5300_0080)))
            _ = packed(.addps, difference, low)
        case .f64x2ConvertLowI32x4U:
            // 2⁵² + the integer, by placing its bits.
            let placed = packed(.punpckldq, a, V128(repeating: UInt32(0x4330_0000)))
            _ = packed(.subpd, placed, V128(repeating: (0x1p52).bitPattern))
        default: preconditionFailure("operation not in the accepted language")
        }
    }

    private mutating func highExtended(_ opcode: VectorOpcode, _ a: VectorSource) -> VectorSource {
        switch opcode {
        case .i16x8ExtendHighI8x16S: packed(.pmovsxbw, packed(.pshufd, a, 0xEE))
        case .i16x8ExtendHighI8x16U: packed(.punpckhbw, a, V128())
        case .i32x4ExtendHighI16x8S: packed(.pmovsxwd, packed(.pshufd, a, 0xEE))
        case .i32x4ExtendHighI16x8U: packed(.punpckhwd, a, V128())
        case .i64x2ExtendHighI32x4S: packed(.pmovsxdq, packed(.pshufd, a, 0xEE))
        default: packed(.punpckhdq, a, V128())
        }
    }

    /// f32 to i32, saturating. The machine says 80000000 to whatever does not fit.
    private mutating func truncate(_ a: VectorSource) {
        let number = packed(.andps, a, packed(.cmpps, a, a, 0))
        let isTooLarge = packed(.cmpps, number, V128(repeating: Float(0x1p31).bitPattern), 0x0D)
        _ = packed(.pxor, packed(.cvttps2dq, number), isTooLarge)
    }

    /// f32 to unsigned i32, saturating: the sum of what is below 2³¹, or 80000000, and of what is above it, from 0 to 7FFFFFFF.
    private mutating func truncateUnsigned(_ a: VectorSource) {
        let limit = V128(repeating: Float(0x1p31).bitPattern)
        // Maximum gives its second operand if there is a NaN.
        let positive = packed(.maxps, a, V128())
        let rest = packed(.subps, positive, limit)
        let isTooLarge = packed(.cmpps, rest, limit, 0x0D)
        let above = packed(.pmaxsd, packed(.pxor, packed(.cvttps2dq, rest), isTooLarge), V128())
        _ = packed(.paddd, packed(.cvttps2dq, positive), above)
    }

    // MARK: Two operands

    mutating func sequence(_ opcode: VectorOpcode, _ a: VectorSource, _ b: VectorSource) {
        switch opcode {
        case .i8x16Swizzle:
            // Indices from 16 on become negative, which yields zero.
            _ = packed(.pshufb, a, isBelow16(b) ? b : packed(.paddusb, b, V128(repeating: UInt8(0x70))))
        case .i8x16Ne: negated(packed(.pcmpeqb, a, b))
        case .i16x8Ne: negated(packed(.pcmpeqw, a, b))
        case .i32x4Ne: negated(packed(.pcmpeqd, a, b))
        case .i64x2Ne: negated(packed(.pcmpeqq, a, b))
        case .i8x16GeS: _ = packed(.pcmpeqb, packed(.pmaxsb, a, b), a)
        case .i8x16GeU: _ = packed(.pcmpeqb, packed(.pmaxub, a, b), a)
        case .i8x16GtU: negated(packed(.pcmpeqb, packed(.pminub, a, b), a))
        case .i16x8GeS: _ = packed(.pcmpeqw, packed(.pmaxsw, a, b), a)
        case .i16x8GeU: _ = packed(.pcmpeqw, packed(.pmaxuw, a, b), a)
        case .i16x8GtU: negated(packed(.pcmpeqw, packed(.pminuw, a, b), a))
        case .i32x4GeS: _ = packed(.pcmpeqd, packed(.pmaxsd, a, b), a)
        case .i32x4GeU: _ = packed(.pcmpeqd, packed(.pmaxud, a, b), a)
        case .i32x4GtU: negated(packed(.pcmpeqd, packed(.pminud, a, b), a))
        case .i64x2GeS: negated(packed(.pcmpgtq, b, a))
        case .i64x2Mul:
            // The product of the low halves, and the sum of the mixed ones shifted up.
            let low = packed(.pmuludq, a, b)
            let first = packed(.pmuludq, shifted(.psrlq, a, by: 32), b)
            let second = packed(.pmuludq, shifted(.psrlq, b, by: 32), a)
            _ = packed(.paddq, low, shifted(.psllq, packed(.paddq, first, second), by: 32))
        case .i16x8Q15mulrSatS:
            // Only 8000 · 8000 overflows, and nothing else yields 8000.
            let product = packed(.pmulhrsw, a, b)
            _ = packed(.pxor, product, packed(.pcmpeqw, product, V128(repeating: UInt16(0x8000))))
        case .i16x8ExtmulLowI8x16S: _ = packed(.pmullw, packed(.pmovsxbw, a), packed(.pmovsxbw, b))
        case .i16x8ExtmulLowI8x16U: _ = packed(.pmullw, packed(.pmovzxbw, a), packed(.pmovzxbw, b))
        case .i16x8ExtmulHighI8x16S:
            let left = highExtended(.i16x8ExtendHighI8x16S, a)
            _ = packed(.pmullw, left, highExtended(.i16x8ExtendHighI8x16S, b))
        case .i16x8ExtmulHighI8x16U:
            let left = highExtended(.i16x8ExtendHighI8x16U, a)
            _ = packed(.pmullw, left, highExtended(.i16x8ExtendHighI8x16U, b))
        case .i32x4ExtmulLowI16x8S: _ = packed(.punpcklwd, packed(.pmullw, a, b), packed(.pmulhw, a, b))
        case .i32x4ExtmulHighI16x8S: _ = packed(.punpckhwd, packed(.pmullw, a, b), packed(.pmulhw, a, b))
        case .i32x4ExtmulLowI16x8U: _ = packed(.punpcklwd, packed(.pmullw, a, b), packed(.pmulhuw, a, b))
        case .i32x4ExtmulHighI16x8U: _ = packed(.punpckhwd, packed(.pmullw, a, b), packed(.pmulhuw, a, b))
        // Lanes 0 and 1, or 2 and 3, into the even places.
        case .i64x2ExtmulLowI32x4S: _ = packed(.pmuldq, packed(.pshufd, a, 0x50), packed(.pshufd, b, 0x50))
        case .i64x2ExtmulHighI32x4S: _ = packed(.pmuldq, packed(.pshufd, a, 0xFA), packed(.pshufd, b, 0xFA))
        case .i64x2ExtmulLowI32x4U: _ = packed(.pmuludq, packed(.pshufd, a, 0x50), packed(.pshufd, b, 0x50))
        case .i64x2ExtmulHighI32x4U: _ = packed(.pmuludq, packed(.pshufd, a, 0xFA), packed(.pshufd, b, 0xFA))
        case .f32x4Min: minimum(a, b, .minps, .orps)
        case .f64x2Min: minimum(a, b, .minpd, .orpd)
        case .f32x4Max: maximum(a, b, .maxps, .xorps, .orps, .subps)
        case .f64x2Max: maximum(a, b, .maxpd, .xorpd, .orpd, .subpd)
        default: preconditionFailure("operation not in the accepted language")
        }
    }

    /// Whether each byte is known to be below 16: half of a byte, taken by a mask or a shift.
    private func isBelow16(_ source: VectorSource) -> Bool {
        let instruction = ir[Int(source.id)]
        guard !source.isStep, instruction.operation == .vectorBinary else { return false }
        switch instruction.vectorOpcode {
        case .v128And:
            guard let mask = constantVector(instruction.a) ?? constantVector(instruction.b) else { return false }
            return (mask.low | mask.high) & 0xF0F0_F0F0_F0F0_F0F0 == 0
        case .i8x16ShrU: return integerConstant(instruction.b).map { $0 & 7 >= 4 } ?? false
        default: return false
        }
    }

    private mutating func negated(_ a: VectorSource) { _ = packed(.pxor, a, V128(repeating: UInt64.max)) }

    /// The machine's minimum gives its second operand for NaNs and for two zeros. Both ways round, joined by "or", there is
    /// the NaN, and the zero with the sign.
    private mutating func minimum(_ a: VectorSource, _ b: VectorSource, _ operation: VPacked, _ or: VPacked) {
        let merged = packed(or, packed(operation, a, b), packed(operation, b, a))
        let isNaN = packed(or == .orps ? .cmpps : .cmppd, merged, merged, 3)
        quieten(packed(or, merged, isNaN), isNaN, or)
    }

    /// As `minimum`. Where the two ways differ there is a NaN, or the difference is a sign: less that, the zero is positive.
    private mutating func maximum(
        _ a: VectorSource, _ b: VectorSource, _ operation: VPacked, _ xor: VPacked, _ or: VPacked, _ subtract: VPacked
    ) {
        let first = packed(operation, a, b)
        let difference = packed(xor, first, packed(operation, b, a))
        let merged = packed(subtract, packed(or, first, difference), difference)
        let isNaN = packed(or == .orps ? .cmpps : .cmppd, merged, merged, 3)
        quieten(merged, isNaN, or)
    }

    /// Clears what is below the quiet bit of NaNs.
    private mutating func quieten(_ a: VectorSource, _ isNaN: VectorSource, _ or: VPacked) {
        if or == .orps {
            _ = packed(.andnps, shifted(.psrld, isNaN, by: 10), a)
        } else {
            _ = packed(.andnpd, shifted(.psrlq, isNaN, by: 13), a)
        }
    }

    // MARK: Shifts

    mutating func shiftSequence(_ opcode: VectorOpcode, _ a: VectorSource, count: UInt32) {
        let width = opcode.shiftWidth ?? 8
        if let constant = integerConstant(count) {
            shift(opcode, a, by: UInt8(truncatingIfNeeded: UInt64(bitPattern: constant) & (width - 1)))
            return
        }
        var mask = MachineInstruction(operation: .aluImmediate, width: .w32, detail: ALU.and.rawValue)
        mask.immediate = Int64(width) - 1
        var masked = step(mask, .value(count), result: .integer)
        if opcode == .i8x16ShrS {
            var add = MachineInstruction(operation: .aluImmediate, width: .w32, detail: ALU.add.rawValue)
            add.immediate = 8
            masked = step(add, masked, result: .integer)
        }
        let amount = moved(masked, .w32)
        switch opcode {
        case .i16x8Shl: _ = packed(.psllw, a, amount)
        case .i16x8ShrS: _ = packed(.psraw, a, amount)
        case .i16x8ShrU: _ = packed(.psrlw, a, amount)
        case .i32x4Shl: _ = packed(.pslld, a, amount)
        case .i32x4ShrS: _ = packed(.psrad, a, amount)
        case .i32x4ShrU: _ = packed(.psrld, a, amount)
        case .i64x2Shl: _ = packed(.psllq, a, amount)
        case .i64x2ShrU: _ = packed(.psrlq, a, amount)
        case .i64x2ShrS:
            // Where the sign has come to lie, flipped and subtracted, it fills what is above.
            let sign = packed(.psrlq, constant(V128(repeating: UInt64(1) << 63)), amount)
            _ = packed(.psubq, packed(.pxor, packed(.psrlq, a, amount), sign), sign)
        case .i8x16Shl:
            // What crosses from one byte to the next is masked.
            let kept = packed(.psllw, constant(V128(repeating: UInt64.max)), amount)
            _ = packed(.pand, packed(.psllw, a, amount), packed(.pbroadcastb, kept))
        case .i8x16ShrU:
            let kept = packed(.psrlw, constant(V128(repeating: UInt16(0x00FF))), amount)
            _ = packed(.pand, packed(.psrlw, a, amount), packed(.pbroadcastb, kept))
        default:
            // Each byte in the upper half of a wider lane, and 8 further down.
            let low = packed(.psraw, packed(.punpcklbw, a, a), amount)
            _ = packed(.packsswb, low, packed(.psraw, packed(.punpckhbw, a, a), amount))
        }
    }

    /// By a constant from 1 to the width less 1.
    private mutating func shift(_ opcode: VectorOpcode, _ a: VectorSource, by count: UInt8) {
        switch opcode {
        case .i16x8Shl: _ = shifted(.psllw, a, by: count)
        case .i16x8ShrS: _ = shifted(.psraw, a, by: count)
        case .i16x8ShrU: _ = shifted(.psrlw, a, by: count)
        case .i32x4Shl: _ = shifted(.pslld, a, by: count)
        case .i32x4ShrS: _ = shifted(.psrad, a, by: count)
        case .i32x4ShrU: _ = shifted(.psrld, a, by: count)
        case .i64x2Shl: _ = shifted(.psllq, a, by: count)
        case .i64x2ShrU: _ = shifted(.psrlq, a, by: count)
        case .i64x2ShrS:
            let sign = V128(repeating: UInt64(1) << (63 - UInt64(count)))
            _ = packed(.psubq, packed(.pxor, shifted(.psrlq, a, by: count), sign), sign)
        case .i8x16Shl:
            if count == 1 {
                _ = packed(.paddb, a, a)
            } else {
                _ = packed(.pand, shifted(.psllw, a, by: count), V128(repeating: UInt8(0xFF) << count))
            }
        case .i8x16ShrU: _ = packed(.pand, shifted(.psrlw, a, by: count), V128(repeating: UInt8(0xFF) >> count))
        default:
            let kept = packed(.pand, shifted(.psrlw, a, by: count), V128(repeating: UInt8(0xFF) >> count))
            let sign = V128(repeating: UInt8(0x80) >> count)
            _ = packed(.psubb, packed(.pxor, kept, sign), sign)
        }
    }
}
