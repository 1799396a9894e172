//! Packed instructions without an immediate: lanes of integers and floats in 128 bits. Names and operands are those of the VEX
//! encoding.
//!
//! The many instructions of one shape share a method and differ in the value of an enumeration, whose cases are the
//! mnemonics without the leading `v`. The raw value is the encoding, in hexadecimal digits `FPOO`:
//! - `OO` is the opcode.
//! - `P` is the map times 4 plus the prefix: 4 0F, 5 66.0F, 6 F3.0F, 7 F2.0F, 9 66.0F38, D 66.0F3A.
//! - `F` are flags: 1 is W, 2 says that the sources may change places.
//!
//! Lanes are b 8, w 16, d 32 and q 64 bits of integer, ps 32 and pd 64 bits of float. Memory operands have 16 bytes
//! unless said otherwise and need no alignment under VEX.

/// Operations on two vectors.
enum VPacked: UInt16, CaseIterable {
    // Sums and differences, modulo the lane.
    case paddb = 0x25FC, paddw = 0x25FD, paddd = 0x25FE, paddq = 0x25D4
    case psubb = 0x5F8, psubw = 0x5F9, psubd = 0x5FA, psubq = 0x5FB
    // The same saturating, signed (s) and unsigned (us).
    case paddsb = 0x25EC, paddsw = 0x25ED, paddusb = 0x25DC, paddusw = 0x25DD
    case psubsb = 0x5E8, psubsw = 0x5E9, psubusb = 0x5D8, psubusw = 0x5D9
    /// (a + b + 1) / 2, unsigned.
    case pavgb = 0x25E0, pavgw = 0x25E3

    // Signed (s) and unsigned (u) minimum and maximum.
    case pminsb = 0x2938, pminsw = 0x25EA, pminsd = 0x2939
    case pminub = 0x25DA, pminuw = 0x293A, pminud = 0x293B
    case pmaxsb = 0x293C, pmaxsw = 0x25EE, pmaxsd = 0x293D
    case pmaxub = 0x25DE, pmaxuw = 0x293E, pmaxud = 0x293F

    /// The low half of the product.
    case pmullw = 0x25D5, pmulld = 0x2940
    /// The high half of the signed (h) and unsigned (hu) product.
    case pmulhw = 0x25E5, pmulhuw = 0x25E4
    /// (a · b + 2¹⁴) / 2¹⁵, signed; only 8000 · 8000 overflows, and gives 8000.
    case pmulhrsw = 0x290B
    /// The full product of the even d lanes, signed (dq) and unsigned (udq), into q lanes.
    case pmuldq = 0x2928, pmuludq = 0x25F4
    /// The sum of the products of neighbouring signed w lanes, into d lanes.
    case pmaddwd = 0x25F5
    /// The saturated sum of the products of neighbouring b lanes, unsigned of `a`, signed of `b`, into w lanes.
    case pmaddubsw = 0x904
    /// For each half, the sum of the differences of its bytes without their signs, into a q lane.
    case psadbw = 0x25F6
    /// Sums of neighbouring lanes: those of `a` in the low half, those of `b` in the high half.
    case phaddw = 0x901, phaddd = 0x902
    /// For each lane: −a, 0 or a, as b is negative, zero or positive.
    case psignb = 0x908, psignw = 0x909, psignd = 0x90A

    // All ones where a = b or a > b, signed; else zeros.
    case pcmpeqb = 0x2574, pcmpeqw = 0x2575, pcmpeqd = 0x2576, pcmpeqq = 0x2929
    case pcmpgtb = 0x564, pcmpgtw = 0x565, pcmpgtd = 0x566, pcmpgtq = 0x937

    case pand = 0x25DB
    /// ~a & b.
    case pandn = 0x5DF
    case por = 0x25EB, pxor = 0x25EF

    /// Signed lanes to lanes of half the width, with signed (ss) and unsigned (us) saturation; `a` in the low half.
    case packsswb = 0x563, packssdw = 0x56B, packuswb = 0x567, packusdw = 0x92B
    // The lanes of the low or high halves, alternating, starting with `a`.
    case punpcklbw = 0x560, punpcklwd = 0x561, punpckldq = 0x562, punpcklqdq = 0x56C
    case punpckhbw = 0x568, punpckhwd = 0x569, punpckhdq = 0x56A, punpckhqdq = 0x56D
    /// Byte of `a` at the index in the low 4 bits of b; zero where the byte of `b` is negative.
    case pshufb = 0x900

    // All lanes shifted by the low 64 bits of `b`; counts from the lane's width on leave nothing but the sign (ra).
    case psllw = 0x5F1, pslld = 0x5F2, psllq = 0x5F3
    case psrlw = 0x5D1, psrld = 0x5D2, psrlq = 0x5D3
    case psraw = 0x5E1, psrad = 0x5E2
    // Each lane shifted by that of `b`; counts as above.
    case psllvd = 0x947, psllvq = 0x1947
    case psrlvd = 0x945, psrlvq = 0x1945
    case psravd = 0x946

    // Of two NaNs, add, sub, mul and div give that of `a`. min and max give `b` if one is a NaN or both are zero.
    case addps = 0x458, addpd = 0x558, subps = 0x45C, subpd = 0x55C
    case mulps = 0x459, mulpd = 0x559, divps = 0x45E, divpd = 0x55E
    case minps = 0x45D, minpd = 0x55D, maxps = 0x45F, maxpd = 0x55F

    // As `pand` and so on, for values that other instructions on floats make or use.
    case andps = 0x2454, andpd = 0x2554
    case andnps = 0x455, andnpd = 0x555
    case orps = 0x2456, orpd = 0x2556
    case xorps = 0x2457, xorpd = 0x2557

    case unpcklps = 0x414, unpcklpd = 0x514
    case unpckhps = 0x415, unpckhpd = 0x515
    /// The low half of `a`, the low half of `b` above it. In memory: `vmovhps`.
    case movlhps = 0x416
    /// The high half of `b`, the high half of `a` above it. In memory it would be another operation: `vmovlps`.
    case movhlps = 0x412

    /// Whether a op b = b op a, bit for bit.
    @inline(__always) var isCommutative: Bool { rawValue & 0x2000 != 0 }
}

/// Operations on one vector.
enum VPackedUnary: UInt16, CaseIterable {
    /// The absolute value, modulo the lane.
    case pabsb = 0x91C, pabsw = 0x91D, pabsd = 0x91E

    // The lowest lanes, sign-extended (s) or zero-extended (z). In memory: only as many bytes as are used.
    case pmovsxbw = 0x920, pmovsxbd = 0x921, pmovsxbq = 0x922, pmovsxwd = 0x923, pmovsxwq = 0x924, pmovsxdq = 0x925
    case pmovzxbw = 0x930, pmovzxbd = 0x931, pmovzxbq = 0x932, pmovzxwd = 0x933, pmovzxwq = 0x934, pmovzxdq = 0x935

    // The lowest lane in all lanes. In memory: one lane.
    case pbroadcastb = 0x978, pbroadcastw = 0x979, pbroadcastd = 0x958, pbroadcastq = 0x959
    case broadcastss = 0x918
    /// Of a pd lane. In memory: 8 bytes.
    case movddup = 0x712

    case sqrtps = 0x451, sqrtpd = 0x551

    /// Signed d lanes to ps.
    case cvtdq2ps = 0x45B
    /// Floats to signed d lanes, rounded (t: toward zero); 80000000 if it does not fit. Of pd, into the low half,
    /// zeros above.
    case cvtps2dq = 0x55B, cvttps2dq = 0x65B, cvtpd2dq = 0x7E6, cvttpd2dq = 0x5E6
    /// The two low signed d lanes to pd. In memory: 8 bytes.
    case cvtdq2pd = 0x6E6
    /// The two low ps lanes to pd. In memory: 8 bytes.
    case cvtps2pd = 0x45A
    /// Into the low half, zeros above.
    case cvtpd2ps = 0x55A
}

/// A product added to the third operand, rounded once. The raw value is the opcode.
///
/// The digits say which operands are multiplied, 1 being the destination, and which is added, the last.
enum VFusedMultiplyAdd: UInt8, CaseIterable {
    /// dst · b + a.
    case fmadd132 = 0x98
    /// a · dst + b.
    case fmadd213 = 0xA8
    /// a · b + dst.
    case fmadd231 = 0xB8
    /// −(dst · b) + a.
    case fnmadd132 = 0x9C
    /// −(a · dst) + b.
    case fnmadd213 = 0xAC
    /// −(a · b) + dst.
    case fnmadd231 = 0xBC
}

extension VEXOpcode {
    /// From a raw value as described above.
    @inline(__always)
    init(packed bits: UInt16) {
        self.init(
            Prefix(rawValue: UInt8(truncatingIfNeeded: bits >> 8) & 3).unsafelyUnwrapped,
            Map(rawValue: UInt8(truncatingIfNeeded: bits >> 10) & 3).unsafelyUnwrapped,
            UInt8(truncatingIfNeeded: bits), wide: bits & 0x1000 != 0)
    }
}

extension Assembler {
    mutating func vpacked(_ op: VPacked, _ dst: UInt8, _ a: UInt8, _ b: UInt8) {
        let opcode = VEXOpcode(packed: op.rawValue)
        // Only in this map is there a shorter prefix to gain.
        let swaps = b >= 8 && a < 8 && op.isCommutative && opcode.map == .m0F
        assert(usesVEX || op.isLegacy)
        emit(opcode, reg: dst, second: swaps ? b : a, rm: swaps ? a : b, commutes: op.isCommutative)
    }

    /// Reads 16 bytes. Not for `movlhps` and `movhlps`.
    mutating func vpacked(_ op: VPacked, _ dst: UInt8, _ a: UInt8, _ b: Memory) {
        assert(op != .movlhps && op != .movhlps && mayReadVector(b) && (usesVEX || op.isLegacy))
        emit(VEXOpcode(packed: op.rawValue), reg: dst, second: a, rm: b)
    }

    mutating func vpacked(_ op: VPackedUnary, _ dst: UInt8, _ src: UInt8) {
        assert(usesVEX || op.isLegacy)
        emit(VEXOpcode(packed: op.rawValue), reg: dst, rm: src)
    }

    /// Reads 16 bytes, or as many as the operation says.
    mutating func vpacked(_ op: VPackedUnary, _ dst: UInt8, _ src: Memory) {
        assert(usesVEX || op.isLegacy && (!op.readsVector || src.isLabel))
        emit(VEXOpcode(packed: op.rawValue), reg: dst, rm: src)
    }

    /// All lanes, of which the destination is also a source. VEX only.
    mutating func vfma(_ op: VFusedMultiplyAdd, _ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: UInt8) {
        emitVEX(VEXOpcode(.p66, .m0F38, op.rawValue, wide: fw == .f64), reg: dst, second: a, rm: b)
    }

    /// Reads 16 bytes.
    mutating func vfma(_ op: VFusedMultiplyAdd, _ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: Memory) {
        emitVEX(VEXOpcode(.p66, .m0F38, op.rawValue, wide: fw == .f64), reg: dst, second: a, rm: b)
    }

    /// Sets zero if a & b is zero, carry if ~a & b is.
    mutating func vptest(_ a: UInt8, _ b: UInt8) { emit(VEXOpcode(.p66, .m0F38, 0x17), reg: a, rm: b) }

    /// Reads 16 bytes.
    mutating func vptest(_ a: UInt8, _ b: Memory) {
        assert(mayReadVector(b))
        emit(VEXOpcode(.p66, .m0F38, 0x17), reg: a, rm: b)
    }
}
