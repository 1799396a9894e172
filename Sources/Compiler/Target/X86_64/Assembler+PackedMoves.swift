//! Moves of vectors, of their halves and of single lanes, between registers and memory.
//!
//! Stores and loads here need no alignment. Where the instruction set has two opcodes for the directions of a move
//! between registers, the one with the shorter prefix is taken.

extension Assembler {
    // MARK: Vectors

    /// All 128 bits, for values that other instructions on integers make or use.
    mutating func vmovdqa(_ dst: UInt8, _ src: UInt8) {
        if src >= 8 && dst < 8 && usesVEX {
            emit(VEXOpcode(.p66, .m0F, 0x7F), reg: src, rm: dst)
        } else {
            emit(VEXOpcode(.p66, .m0F, 0x6F), reg: dst, rm: src)
        }
    }

    mutating func vmovdqu(_ dst: UInt8, _ src: Memory) { emit(VEXOpcode(.pF3, .m0F, 0x6F), reg: dst, rm: src) }
    mutating func vmovdqu(_ dst: Memory, _ src: UInt8) { emit(VEXOpcode(.pF3, .m0F, 0x7F), reg: src, rm: dst) }

    // MARK: Halves

    /// The low 64 bits; the upper bits are cleared.
    mutating func vmovq(_ dst: UInt8, _ src: UInt8) {
        if src >= 8 && dst < 8 && usesVEX {
            emit(VEXOpcode(.p66, .m0F, 0xD6), reg: src, rm: dst)
        } else {
            emit(VEXOpcode(.pF3, .m0F, 0x7E), reg: dst, rm: src)
        }
    }

    /// 8 bytes into the low half, above it the high half of `a`.
    mutating func vmovlps(_ dst: UInt8, _ a: UInt8, _ b: Memory) {
        emit(VEXOpcode(.none, .m0F, 0x12), reg: dst, second: a, rm: b)
    }

    /// The low half of `a`, above it 8 bytes.
    mutating func vmovhps(_ dst: UInt8, _ a: UInt8, _ b: Memory) {
        emit(VEXOpcode(.none, .m0F, 0x16), reg: dst, second: a, rm: b)
    }

    /// Stores the low half.
    mutating func vmovlps(_ dst: Memory, _ src: UInt8) { emit(VEXOpcode(.none, .m0F, 0x13), reg: src, rm: dst) }

    /// Stores the high half.
    mutating func vmovhps(_ dst: Memory, _ src: UInt8) { emit(VEXOpcode(.none, .m0F, 0x17), reg: src, rm: dst) }

    // MARK: Lanes

    /// Loads 4 or 8 bytes; the upper bits are cleared. As `vmovs`, for integers.
    mutating func vmovToXMM(_ w: Width, _ dst: UInt8, _ src: Memory) {
        assert(w == .w32 || w == .w64)
        if w == .w64 {
            emit(VEXOpcode(.pF3, .m0F, 0x7E), reg: dst, rm: src)
        } else {
            emit(VEXOpcode(.p66, .m0F, 0x6E), reg: dst, rm: src)
        }
    }

    /// Stores the low 4 or 8 bytes.
    mutating func vmovFromXMM(_ w: Width, _ dst: Memory, _ src: UInt8) {
        assert(w == .w32 || w == .w64)
        emit(VEXOpcode(.p66, .m0F, w == .w64 ? 0xD6 : 0x7E), reg: src, rm: dst)
    }

    /// The low lane of `b`, the upper bits are those of `a`.
    mutating func vmovs(_ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: UInt8) {
        if usesVEX && b >= 8 && dst < 8 {
            emitVEX(VEXOpcode(fw.scalar, .m0F, 0x11), reg: b, second: a, rm: dst)
        } else {
            emit(VEXOpcode(fw.scalar, .m0F, 0x10), reg: dst, second: a, rm: b)
        }
    }

    /// `a` with one lane replaced by the low bits of the integer register `b`.
    mutating func vpinsr(_ w: Width, _ dst: UInt8, _ a: UInt8, _ b: UInt8, lane: UInt8) {
        assert(lane < 16 &>> w.rawValue)
        emit(insertion(w), reg: dst, second: a, integer: b)
        trailing8(lane)
    }

    /// `a` with one lane replaced by one read from memory, of its size.
    mutating func vpinsr(_ w: Width, _ dst: UInt8, _ a: UInt8, _ b: Memory, lane: UInt8) {
        assert(lane < 16 &>> w.rawValue)
        emit(insertion(w), reg: dst, second: a, rm: b, trailing: 1)
        trailing8(lane)
    }

    /// A lane, zero-extended into an integer register.
    mutating func vpextr(_ w: Width, _ dst: UInt8, _ src: UInt8, lane: UInt8) {
        assert(lane < 16 &>> w.rawValue)
        if w == .w16 {
            // Older and shorter, and the operands are the other way round.
            emit(VEXOpcode(.p66, .m0F, 0xC5), reg: dst, rm: src)
        } else {
            emit(extraction(w), reg: src, rm: dst)
        }
        trailing8(lane)
    }

    /// Stores a lane.
    mutating func vpextr(_ w: Width, _ dst: Memory, _ src: UInt8, lane: UInt8) {
        assert(lane < 16 &>> w.rawValue)
        emit(extraction(w), reg: src, rm: dst, trailing: 1)
        trailing8(lane)
    }

    // MARK: Signs

    /// The sign bits of all bytes, into the low 16 bits of an integer register, zeros above.
    mutating func vpmovmskb(_ dst: UInt8, _ src: UInt8) { emit(VEXOpcode(.p66, .m0F, 0xD7), reg: dst, rm: src) }

    /// The sign bits of all lanes, into the low 4 or 2 bits of an integer register, zeros above.
    mutating func vmovmskp(_ fw: FloatWidth, _ dst: UInt8, _ src: UInt8) {
        emit(VEXOpcode(fw.packed, .m0F, 0x50), reg: dst, rm: src)
    }

    // MARK: Opcodes

    @inline(__always)
    private func insertion(_ w: Width) -> VEXOpcode {
        switch w {
        case .w8: VEXOpcode(.p66, .m0F3A, 0x20)
        case .w16: VEXOpcode(.p66, .m0F, 0xC4)
        case .w32: VEXOpcode(.p66, .m0F3A, 0x22)
        case .w64: VEXOpcode(.p66, .m0F3A, 0x22, wide: true)
        }
    }

    @inline(__always)
    private func extraction(_ w: Width) -> VEXOpcode {
        switch w {
        case .w8: VEXOpcode(.p66, .m0F3A, 0x14)
        case .w16: VEXOpcode(.p66, .m0F3A, 0x15)
        case .w32: VEXOpcode(.p66, .m0F3A, 0x16)
        case .w64: VEXOpcode(.p66, .m0F3A, 0x16, wide: true)
        }
    }
}
