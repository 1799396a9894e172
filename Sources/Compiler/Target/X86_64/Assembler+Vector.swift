//! Scalar floating-point instructions, logic and moves, with 128 bits. Those on lanes are in `Assembler+Packed` and its
//! neighbours. Their names and operands are those of the VEX encoding.
//!
//! The scalar forms with three operands take the upper bits of the result from the first source. A destination that is
//! written in part would depend on its old value, so callers choose as first source a register that is ready.
//! Sources are swapped for a shorter prefix only where the result is the same bit for bit: not for add and mul, which
//! return the first of two NaNs, nor for min and max.

enum FloatWidth: UInt8 {
    case f32, f64

    @inline(__always) var scalar: VEXOpcode.Prefix { self == .f32 ? .pF3 : .pF2 }
    @inline(__always) var packed: VEXOpcode.Prefix { self == .f32 ? .none : .p66 }
}

/// Scalar arithmetic. The raw value is the opcode.
enum VScalar: UInt8 {
    case sqrt = 0x51
    case add = 0x58, mul = 0x59
    case sub = 0x5C, min = 0x5D, div = 0x5E, max = 0x5F
}

/// Bitwise logic over 128 bits. The raw value is the opcode.
enum VLogic: UInt8 {
    case and = 0x54
    /// ~a & b.
    case andNot = 0x55
    case or = 0x56, xor = 0x57
}

extension Assembler {
    // MARK: Arithmetic

    mutating func vscalar(_ op: VScalar, _ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: UInt8) {
        emit(VEXOpcode(fw.scalar, .m0F, op.rawValue), reg: dst, second: a, rm: b)
    }

    mutating func vscalar(_ op: VScalar, _ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: Memory) {
        emit(VEXOpcode(fw.scalar, .m0F, op.rawValue), reg: dst, second: a, rm: b)
    }

    mutating func vlogic(_ op: VLogic, _ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: UInt8) {
        let swaps = b >= 8 && a < 8 && op != .andNot
        emit(
            VEXOpcode(fw.packed, .m0F, op.rawValue), reg: dst, second: swaps ? b : a, rm: swaps ? a : b,
            commutes: op != .andNot)
    }

    /// Reads 16 bytes.
    mutating func vlogic(_ op: VLogic, _ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: Memory) {
        assert(mayReadVector(b))
        emit(VEXOpcode(fw.packed, .m0F, op.rawValue), reg: dst, second: a, rm: b)
    }

    /// Sets all 128 bits to zero.
    mutating func vzero(_ dst: UInt8) { vlogic(.xor, .f32, dst, dst, dst) }

    /// Rounds to an integral value. Modes: 0 nearest-even, 1 down, 2 up, 3 toward zero; plus 8: no inexact flag.
    mutating func vrounds(_ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: UInt8, mode: UInt8) {
        emit(VEXOpcode(.p66, .m0F3A, fw == .f32 ? 0x0A : 0x0B), reg: dst, second: a, rm: b)
        trailing8(mode)
    }

    mutating func vrounds(_ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: Memory, mode: UInt8) {
        emit(VEXOpcode(.p66, .m0F3A, fw == .f32 ? 0x0A : 0x0B), reg: dst, second: a, rm: b, trailing: 1)
        trailing8(mode)
    }

    // MARK: Comparison and selection

    /// Sets the flags as an unsigned comparison of integers would; unordered sets zero, parity and carry.
    mutating func vucomis(_ fw: FloatWidth, _ a: UInt8, _ b: UInt8) {
        emit(VEXOpcode(fw.packed, .m0F, 0x2E), reg: a, rm: b)
    }

    mutating func vucomis(_ fw: FloatWidth, _ a: UInt8, _ b: Memory) {
        emit(VEXOpcode(fw.packed, .m0F, 0x2E), reg: a, rm: b)
    }

    /// All ones or zeros. Predicates: 0 equal, 1 less, 2 less or equal, 3 unordered, 4–7 their negations, up to 31 with VEX.
    mutating func vcmps(_ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: UInt8, predicate: UInt8) {
        assert(usesVEX || predicate < 8)
        emit(VEXOpcode(fw.scalar, .m0F, 0xC2), reg: dst, second: a, rm: b)
        trailing8(predicate)
    }

    mutating func vcmps(_ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: Memory, predicate: UInt8) {
        assert(usesVEX || predicate < 8)
        emit(VEXOpcode(fw.scalar, .m0F, 0xC2), reg: dst, second: a, rm: b, trailing: 1)
        trailing8(predicate)
    }

    /// For each lane: b where the lane's sign bit in `mask` is set, else a. VEX only.
    mutating func vblendv(_ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: UInt8, mask: UInt8) {
        assert(mask < 16)
        emitVEX(VEXOpcode(.p66, .m0F3A, fw == .f32 ? 0x4A : 0x4B), reg: dst, second: a, rm: b)
        trailing8(mask << 4)
    }

    mutating func vblendv(_ fw: FloatWidth, _ dst: UInt8, _ a: UInt8, _ b: Memory, mask: UInt8) {
        assert(mask < 16)
        emitVEX(VEXOpcode(.p66, .m0F3A, fw == .f32 ? 0x4A : 0x4B), reg: dst, second: a, rm: b, trailing: 1)
        trailing8(mask << 4)
    }

    // MARK: Moves

    /// Loads a scalar and clears the upper bits.
    mutating func vmovs(_ fw: FloatWidth, _ dst: UInt8, _ src: Memory) {
        emit(VEXOpcode(fw.scalar, .m0F, 0x10), reg: dst, rm: src)
    }

    mutating func vmovs(_ fw: FloatWidth, _ dst: Memory, _ src: UInt8) {
        emit(VEXOpcode(fw.scalar, .m0F, 0x11), reg: src, rm: dst)
    }

    /// All 128 bits.
    mutating func vmovaps(_ dst: UInt8, _ src: UInt8) {
        // Of the two directions of the opcode, one may have the shorter VEX prefix.
        if src >= 8 && dst < 8 && usesVEX {
            emit(VEXOpcode(.none, .m0F, 0x29), reg: src, rm: dst)
        } else {
            emit(VEXOpcode(.none, .m0F, 0x28), reg: dst, rm: src)
        }
    }

    /// Faults unless the address is divisible by 16.
    mutating func vmovaps(_ dst: UInt8, _ src: Memory) { emit(VEXOpcode(.none, .m0F, 0x28), reg: dst, rm: src) }
    mutating func vmovaps(_ dst: Memory, _ src: UInt8) { emit(VEXOpcode(.none, .m0F, 0x29), reg: src, rm: dst) }

    mutating func vmovups(_ dst: UInt8, _ src: Memory) { emit(VEXOpcode(.none, .m0F, 0x10), reg: dst, rm: src) }
    mutating func vmovups(_ dst: Memory, _ src: UInt8) { emit(VEXOpcode(.none, .m0F, 0x11), reg: src, rm: dst) }

    /// The bits of an integer register; the upper bits are cleared.
    mutating func vmovToXMM(_ w: Width, _ dst: UInt8, _ src: UInt8) {
        assert(w == .w32 || w == .w64)
        emit(VEXOpcode(.p66, .m0F, 0x6E, wide: w == .w64), reg: dst, rm: src)
    }

    /// The low bits, into an integer register.
    mutating func vmovFromXMM(_ w: Width, _ dst: UInt8, _ src: UInt8) {
        assert(w == .w32 || w == .w64)
        emit(VEXOpcode(.p66, .m0F, 0x7E, wide: w == .w64), reg: src, rm: dst)
    }

    // MARK: Conversion

    /// Signed integer to float; the upper bits are those of `a`.
    mutating func vcvtsi2s(_ fw: FloatWidth, _ w: Width, _ dst: UInt8, _ a: UInt8, _ b: UInt8) {
        assert(w == .w32 || w == .w64)
        emit(VEXOpcode(fw.scalar, .m0F, 0x2A, wide: w == .w64), reg: dst, second: a, integer: b)
    }

    mutating func vcvtsi2s(_ fw: FloatWidth, _ w: Width, _ dst: UInt8, _ a: UInt8, _ b: Memory) {
        assert(w == .w32 || w == .w64)
        emit(VEXOpcode(fw.scalar, .m0F, 0x2A, wide: w == .w64), reg: dst, second: a, rm: b)
    }

    /// Float to signed integer, toward zero; 80…0 if it does not fit.
    mutating func vcvtts2si(_ fw: FloatWidth, _ w: Width, _ dst: UInt8, _ src: UInt8) {
        assert(w == .w32 || w == .w64)
        emit(VEXOpcode(fw.scalar, .m0F, 0x2C, wide: w == .w64), reg: dst, rm: src)
    }

    mutating func vcvtts2si(_ fw: FloatWidth, _ w: Width, _ dst: UInt8, _ src: Memory) {
        assert(w == .w32 || w == .w64)
        emit(VEXOpcode(fw.scalar, .m0F, 0x2C, wide: w == .w64), reg: dst, rm: src)
    }

    mutating func vcvtss2sd(_ dst: UInt8, _ a: UInt8, _ b: UInt8) {
        emit(VEXOpcode(.pF3, .m0F, 0x5A), reg: dst, second: a, rm: b)
    }

    mutating func vcvtss2sd(_ dst: UInt8, _ a: UInt8, _ b: Memory) {
        emit(VEXOpcode(.pF3, .m0F, 0x5A), reg: dst, second: a, rm: b)
    }

    mutating func vcvtsd2ss(_ dst: UInt8, _ a: UInt8, _ b: UInt8) {
        emit(VEXOpcode(.pF2, .m0F, 0x5A), reg: dst, second: a, rm: b)
    }

    mutating func vcvtsd2ss(_ dst: UInt8, _ a: UInt8, _ b: Memory) {
        emit(VEXOpcode(.pF2, .m0F, 0x5A), reg: dst, second: a, rm: b)
    }

    // MARK: Control registers

    mutating func ldmxcsr(_ m: Memory) { emit(.escaped(0xAE), .w32, reg: 2, rm: m) }
    mutating func stmxcsr(_ m: Memory) { emit(.escaped(0xAE), .w32, reg: 3, rm: m) }
    /// The x87 control word, 2 bytes.
    mutating func fldcw(_ m: Memory) { emit(.plain(0xD9), .w32, reg: 5, rm: m) }
    mutating func fnstcw(_ m: Memory) { emit(.plain(0xD9), .w32, reg: 7, rm: m) }

    /// Clears the upper halves of the 256-bit registers, so that code without VEX does not pay for them.
    mutating func vzeroupper() {
        var out = begin()
        out.byte(0xC5)
        out.byte(0xF8)
        out.byte(0x77)
        end(out)
    }
}
