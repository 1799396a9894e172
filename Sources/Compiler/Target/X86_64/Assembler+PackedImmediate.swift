//! Packed instructions with an immediate: shifts by a constant, shuffles, blends, comparison and rounding of floats.
//!
//! Names, lanes and the raw values of the enumerations are as in `Assembler+Packed`.

/// Shifts of all lanes by a constant. The raw value is the opcode, its extension in the low digit.
///
/// Counts from the lane's width on leave nothing but the sign (ra).
enum VShiftImmediate: UInt16, CaseIterable {
    case psllw = 0x716, pslld = 0x726, psllq = 0x736
    case psrlw = 0x712, psrld = 0x722, psrlq = 0x732
    case psraw = 0x714, psrad = 0x724
    /// The whole vector, by bytes.
    case pslldq = 0x737, psrldq = 0x733
}

/// Operations on two vectors and an immediate.
enum VPackedImmediate: UInt16, CaseIterable {
    /// Two lanes of `a`, two of `b` above them. The lanes are at the indices in the pairs of bits of the immediate.
    case shufps = 0x4C6
    /// A lane of `a`, one of `b` above it. The lanes are at the indices in the two lowest bits of the immediate.
    case shufpd = 0x5C6
    /// 16 bytes of `b` with `a` above it, from the byte at the immediate on; zeros above `a`.
    case palignr = 0xD0F
    // For each lane: `b` where the bit of the immediate is set, else `a`.
    case pblendw = 0xD0E, pblendd = 0xD02
    case blendps = 0xD0C, blendpd = 0xD0D
    /// All ones or zeros. Predicates: 0 equal, 1 less, 2 less or equal, 3 unordered, 4–7 their negations, up to 31 with VEX.
    case cmpps = 0x4C2, cmppd = 0x5C2
    /// A lane of `b`, its index in bits 6 and 7, replaces that of `a` at the index in bits 4 and 5; then lanes with
    /// a bit set in bits 0–3 are cleared. In memory: the 4 bytes of that lane, bits 6 and 7 are ignored.
    case insertps = 0xD21
}

/// Operations on one vector and an immediate.
enum VPackedUnaryImmediate: UInt16, CaseIterable {
    // The lanes at the indices in the pairs of bits of the immediate; of all d lanes, or of w lanes of one half.
    case pshufd = 0x570, pshuflw = 0x770, pshufhw = 0x670
    /// Rounds to integral values. Modes: 0 nearest-even, 1 down, 2 up, 3 toward zero; plus 8: no inexact flag.
    case roundps = 0xD08, roundpd = 0xD09
}

extension Assembler {
    mutating func vshift(_ op: VShiftImmediate, _ dst: UInt8, _ src: UInt8, count: UInt8) {
        let opcode = VEXOpcode(.p66, .m0F, UInt8(truncatingIfNeeded: op.rawValue >> 4))
        let digit = UInt8(truncatingIfNeeded: op.rawValue) & 7
        if usesVEX {
            emitVEX(opcode, reg: digit, second: dst, rm: src)
        } else {
            if dst != src { vmovaps(dst, src) }
            emitLegacy(opcode, reg: digit, rm: dst)
        }
        trailing8(count)
    }

    mutating func vpacked(_ op: VPackedImmediate, _ dst: UInt8, _ a: UInt8, _ b: UInt8, imm: UInt8) {
        assert(usesVEX || op.isLegacy(imm))
        emit(VEXOpcode(packed: op.rawValue), reg: dst, second: a, rm: b)
        trailing8(imm)
    }

    /// Reads 16 bytes, 4 for `insertps`.
    mutating func vpacked(_ op: VPackedImmediate, _ dst: UInt8, _ a: UInt8, _ b: Memory, imm: UInt8) {
        assert(usesVEX || op.isLegacy(imm) && (op == .insertps || b.isLabel))
        emit(VEXOpcode(packed: op.rawValue), reg: dst, second: a, rm: b, trailing: 1)
        trailing8(imm)
    }

    mutating func vpacked(_ op: VPackedUnaryImmediate, _ dst: UInt8, _ src: UInt8, imm: UInt8) {
        emit(VEXOpcode(packed: op.rawValue), reg: dst, rm: src)
        trailing8(imm)
    }

    /// Reads 16 bytes.
    mutating func vpacked(_ op: VPackedUnaryImmediate, _ dst: UInt8, _ src: Memory, imm: UInt8) {
        assert(mayReadVector(src))
        emit(VEXOpcode(packed: op.rawValue), reg: dst, rm: src, trailing: 1)
        trailing8(imm)
    }

    /// For each byte: b where the byte's sign bit in `mask` is set, else a. VEX only.
    mutating func vpblendvb(_ dst: UInt8, _ a: UInt8, _ b: UInt8, mask: UInt8) {
        assert(mask < 16)
        emitVEX(VEXOpcode(.p66, .m0F3A, 0x4C), reg: dst, second: a, rm: b)
        trailing8(mask << 4)
    }

    /// Reads 16 bytes.
    mutating func vpblendvb(_ dst: UInt8, _ a: UInt8, _ b: Memory, mask: UInt8) {
        assert(mask < 16)
        emitVEX(VEXOpcode(.p66, .m0F3A, 0x4C), reg: dst, second: a, rm: b, trailing: 1)
        trailing8(mask << 4)
    }
}
