//! Integer instructions.
//!
//! Destination first. Where an operand may be a register or memory, the methods are overloaded. 8- and 16-bit widths
//! are accepted where the instruction has them; a 32-bit result clears the upper half of its register.

/// Two-operand arithmetic. The raw value is the opcode's row and the extension in ModRM.
enum ALU: UInt8 {
    case add = 0, or, adc, sbb, and, sub, xor, cmp
}

/// Shifts and rotates. The raw value is the extension in ModRM.
enum Shift: UInt8 {
    case rol = 0, ror = 1, shl = 4, shr = 5, sar = 7
}

extension Assembler {
    // MARK: Arithmetic and logic

    mutating func alu(_ op: ALU, _ w: Width, _ dst: UInt8, _ src: UInt8) {
        emit(
            .plain(op.rawValue << 3 | (w == .w8 ? 0 : 1)), w, reg: src, rm: dst,
            forceREX: needsREX(w, src) || needsREX(w, dst))
    }

    mutating func alu(_ op: ALU, _ w: Width, _ dst: UInt8, _ src: Memory) {
        emit(.plain(op.rawValue << 3 | (w == .w8 ? 2 : 3)), w, reg: dst, rm: src, forceREX: needsREX(w, dst))
    }

    mutating func alu(_ op: ALU, _ w: Width, _ dst: Memory, _ src: UInt8) {
        emit(.plain(op.rawValue << 3 | (w == .w8 ? 0 : 1)), w, reg: src, rm: dst, forceREX: needsREX(w, src))
    }

    mutating func alu(_ op: ALU, _ w: Width, _ dst: UInt8, imm: Int32) {
        assertFits(imm, w)
        if w == .w8 {
            if dst == 0 {
                emit(.plain(op.rawValue << 3 | 4), w, embedded: 0)
            } else {
                emit(.plain(0x80), w, reg: op.rawValue, rm: dst, forceREX: needsREX(w, dst))
            }
            trailing(.w8, imm)
        } else if isInt8(imm) {
            emit(.plain(0x83), w, reg: op.rawValue, rm: dst)
            trailing(.w8, imm)
        } else {
            if dst == 0 {
                emit(.plain(op.rawValue << 3 | 5), w, embedded: 0)
            } else {
                emit(.plain(0x81), w, reg: op.rawValue, rm: dst)
            }
            trailing(w, imm)
        }
    }

    mutating func alu(_ op: ALU, _ w: Width, _ dst: Memory, imm: Int32) {
        assertFits(imm, w)
        if w == .w8 || isInt8(imm) {
            emit(.plain(w == .w8 ? 0x80 : 0x83), w, reg: op.rawValue, rm: dst, trailing: 1)
            trailing(.w8, imm)
        } else {
            emit(.plain(0x81), w, reg: op.rawValue, rm: dst, trailing: min(w.bytes, 4))
            trailing(w, imm)
        }
    }

    mutating func test(_ w: Width, _ a: UInt8, _ b: UInt8) {
        emit(.plain(w == .w8 ? 0x84 : 0x85), w, reg: b, rm: a, forceREX: needsREX(w, a) || needsREX(w, b))
    }

    mutating func test(_ w: Width, _ a: Memory, _ b: UInt8) {
        emit(.plain(w == .w8 ? 0x84 : 0x85), w, reg: b, rm: a, forceREX: needsREX(w, b))
    }

    mutating func test(_ w: Width, _ a: UInt8, imm: Int32) {
        assertFits(imm, w)
        if a == 0 {
            emit(.plain(w == .w8 ? 0xA8 : 0xA9), w, embedded: 0)
        } else {
            emit(.plain(w == .w8 ? 0xF6 : 0xF7), w, reg: 0, rm: a, forceREX: needsREX(w, a))
        }
        trailing(w, imm)
    }

    mutating func test(_ w: Width, _ a: Memory, imm: Int32) {
        assertFits(imm, w)
        emit(.plain(w == .w8 ? 0xF6 : 0xF7), w, reg: 0, rm: a, trailing: min(w.bytes, 4))
        trailing(w, imm)
    }

    mutating func neg(_ w: Width, _ r: UInt8) { group3(3, w, r) }
    mutating func not(_ w: Width, _ r: UInt8) { group3(2, w, r) }
    /// rdx:rax = rax × operand, unsigned.
    mutating func mul(_ w: Width, _ r: UInt8) { group3(4, w, r) }
    mutating func mul(_ w: Width, _ m: Memory) { group3(4, w, m) }
    /// rdx:rax = rax × operand, signed.
    mutating func imul(_ w: Width, _ r: UInt8) { group3(5, w, r) }
    mutating func imul(_ w: Width, _ m: Memory) { group3(5, w, m) }
    /// rax, rdx = quotient and remainder of rdx:rax, unsigned. Faults on zero and overflow.
    mutating func div(_ w: Width, _ r: UInt8) { group3(6, w, r) }
    mutating func div(_ w: Width, _ m: Memory) { group3(6, w, m) }
    /// rax, rdx = quotient and remainder of rdx:rax, signed. Faults on zero and overflow.
    mutating func idiv(_ w: Width, _ r: UInt8) { group3(7, w, r) }
    mutating func idiv(_ w: Width, _ m: Memory) { group3(7, w, m) }

    private mutating func group3(_ operation: UInt8, _ w: Width, _ r: UInt8) {
        emit(.plain(w == .w8 ? 0xF6 : 0xF7), w, reg: operation, rm: r, forceREX: needsREX(w, r))
    }

    private mutating func group3(_ operation: UInt8, _ w: Width, _ m: Memory) {
        emit(.plain(w == .w8 ? 0xF6 : 0xF7), w, reg: operation, rm: m)
    }

    /// dst = dst × src, truncated. Not for 8 bits.
    mutating func imul(_ w: Width, _ dst: UInt8, _ src: UInt8) {
        assert(w != .w8)
        emit(.escaped(0xAF), w, reg: dst, rm: src)
    }

    mutating func imul(_ w: Width, _ dst: UInt8, _ src: Memory) {
        assert(w != .w8)
        emit(.escaped(0xAF), w, reg: dst, rm: src)
    }

    /// dst = src × imm, truncated. Not for 8 bits.
    mutating func imul(_ w: Width, _ dst: UInt8, _ src: UInt8, imm: Int32) {
        assert(w != .w8)
        assertFits(imm, w)
        let isShort = isInt8(imm)
        emit(.plain(isShort ? 0x6B : 0x69), w, reg: dst, rm: src)
        trailing(isShort ? .w8 : w, imm)
    }

    mutating func imul(_ w: Width, _ dst: UInt8, _ src: Memory, imm: Int32) {
        assert(w != .w8)
        assertFits(imm, w)
        let isShort = isInt8(imm)
        emit(.plain(isShort ? 0x6B : 0x69), w, reg: dst, rm: src, trailing: isShort ? 1 : min(w.bytes, 4))
        trailing(isShort ? .w8 : w, imm)
    }

    /// edx:eax = sign extension of eax.
    mutating func cdq() { emit8(0x99) }

    /// rdx:rax = sign extension of rax.
    mutating func cqo() { emit(.plain(0x99), .w64, embedded: 0) }

    // MARK: Moves

    /// A 32-bit move clears the upper half. Not for 8 or 16 bits.
    mutating func mov(_ w: Width, _ dst: UInt8, _ src: UInt8) {
        assert(w == .w32 || w == .w64)
        emit(.plain(0x89), w, reg: src, rm: dst)
    }

    /// A load. Not for 8 or 16 bits: see `movzx` and `movsx`.
    mutating func mov(_ w: Width, _ dst: UInt8, _ src: Memory) {
        assert(w == .w32 || w == .w64)
        emit(.plain(0x8B), w, reg: dst, rm: src)
    }

    /// A store.
    mutating func mov(_ w: Width, _ dst: Memory, _ src: UInt8) {
        emit(.plain(w == .w8 ? 0x88 : 0x89), w, reg: src, rm: dst, forceREX: needsREX(w, src))
    }

    /// A store; 64 bits are the sign extension of `imm`.
    mutating func mov(_ w: Width, _ dst: Memory, imm: Int32) {
        assertFits(imm, w)
        emit(.plain(w == .w8 ? 0xC6 : 0xC7), w, reg: 0, rm: dst, trailing: min(w.bytes, 4))
        trailing(w, imm)
    }

    /// Sets all 64 bits in the shortest way that leaves the flags alone.
    mutating func movImmediate(_ dst: UInt8, _ value: UInt64) {
        if value <= UInt64(UInt32.max) {
            emit(.plain(0xB8), .w32, embedded: dst)
            trailing(.w32, Int32(truncatingIfNeeded: value))
        } else if Int64(bitPattern: value) == Int64(Int32(truncatingIfNeeded: value)) {
            emit(.plain(0xC7), .w64, reg: 0, rm: dst)
            trailing(.w32, Int32(truncatingIfNeeded: value))
        } else {
            emit(.plain(0xB8), .w64, embedded: dst)
            trailing(.w32, Int32(truncatingIfNeeded: value))
            trailing(.w32, Int32(truncatingIfNeeded: value >> 32))
        }
    }

    /// Sets all 64 bits to zero and changes the flags.
    mutating func zero(_ dst: UInt8) { alu(.xor, .w32, dst, dst) }

    /// Zero extension of 8, 16 or 32 bits to 64.
    mutating func movzx(from: Width, _ dst: UInt8, _ src: UInt8) {
        assert(from != .w64)
        if from == .w32 {
            mov(.w32, dst, src)
        } else {
            emit(.escaped(from == .w8 ? 0xB6 : 0xB7), .w32, reg: dst, rm: src, forceREX: needsREX(from, src))
        }
    }

    mutating func movzx(from: Width, _ dst: UInt8, _ src: Memory) {
        assert(from != .w64)
        if from == .w32 {
            mov(.w32, dst, src)
        } else {
            emit(.escaped(from == .w8 ? 0xB6 : 0xB7), .w32, reg: dst, rm: src)
        }
    }

    /// Sign extension of 8, 16 or 32 bits to 32 or 64; 32 to 32 bits is a plain move.
    mutating func movsx(from: Width, to: Width, _ dst: UInt8, _ src: UInt8) {
        assert(from <= to && from != .w64 && to >= .w32)
        if from == .w32 {
            if to == .w32 { mov(.w32, dst, src) } else { emit(.plain(0x63), to, reg: dst, rm: src) }
        } else {
            emit(.escaped(from == .w8 ? 0xBE : 0xBF), to, reg: dst, rm: src, forceREX: needsREX(from, src))
        }
    }

    mutating func movsx(from: Width, to: Width, _ dst: UInt8, _ src: Memory) {
        assert(from <= to && from != .w64 && to >= .w32)
        if from == .w32 {
            if to == .w32 { mov(.w32, dst, src) } else { emit(.plain(0x63), to, reg: dst, rm: src) }
        } else {
            emit(.escaped(from == .w8 ? 0xBE : 0xBF), to, reg: dst, rm: src)
        }
    }

    mutating func lea(_ w: Width, _ dst: UInt8, _ src: Memory) {
        assert(w == .w32 || w == .w64)
        emit(.plain(0x8D), w, reg: dst, rm: src)
    }

    /// 32 bits clear the upper half even if the condition is false.
    mutating func cmov(_ cc: Condition, _ w: Width, _ dst: UInt8, _ src: UInt8) {
        assert(w != .w8)
        emit(.escaped(0x40 | cc.rawValue), w, reg: dst, rm: src)
    }

    /// Reads memory, and may fault, even if the condition is false.
    mutating func cmov(_ cc: Condition, _ w: Width, _ dst: UInt8, _ src: Memory) {
        assert(w != .w8)
        emit(.escaped(0x40 | cc.rawValue), w, reg: dst, rm: src)
    }

    /// Sets the low 8 bits and keeps the others.
    mutating func setcc(_ cc: Condition, _ dst: UInt8) {
        emit(.escaped(0x90 | cc.rawValue), .w32, reg: 0, rm: dst, forceREX: needsREX(.w8, dst))
    }

    mutating func setcc(_ cc: Condition, _ dst: Memory) { emit(.escaped(0x90 | cc.rawValue), .w32, reg: 0, rm: dst) }

    // MARK: Shifts

    mutating func shift(_ op: Shift, _ w: Width, _ r: UInt8, imm: UInt8) {
        if imm == 1 {
            emit(.plain(w == .w8 ? 0xD0 : 0xD1), w, reg: op.rawValue, rm: r, forceREX: needsREX(w, r))
        } else {
            emit(.plain(w == .w8 ? 0xC0 : 0xC1), w, reg: op.rawValue, rm: r, forceREX: needsREX(w, r))
            trailing8(imm)
        }
    }

    mutating func shift(_ op: Shift, _ w: Width, _ m: Memory, imm: UInt8) {
        if imm == 1 {
            emit(.plain(w == .w8 ? 0xD0 : 0xD1), w, reg: op.rawValue, rm: m)
        } else {
            emit(.plain(w == .w8 ? 0xC0 : 0xC1), w, reg: op.rawValue, rm: m, trailing: 1)
            trailing8(imm)
        }
    }

    mutating func shiftByCL(_ op: Shift, _ w: Width, _ r: UInt8) {
        emit(.plain(w == .w8 ? 0xD2 : 0xD3), w, reg: op.rawValue, rm: r, forceREX: needsREX(w, r))
    }

    mutating func shiftByCL(_ op: Shift, _ w: Width, _ m: Memory) {
        emit(.plain(w == .w8 ? 0xD2 : 0xD3), w, reg: op.rawValue, rm: m)
    }

    // The BMI2 forms take the count from any register and leave the flags alone. These, down to the counts of bits, are not
    // there without VEX.

    mutating func shlx(_ w: Width, _ dst: UInt8, _ src: UInt8, _ count: UInt8) { bmi(.p66, 0xF7, w, dst, count, src) }
    mutating func shlx(_ w: Width, _ dst: UInt8, _ src: Memory, _ count: UInt8) { bmi(.p66, 0xF7, w, dst, count, src) }
    mutating func sarx(_ w: Width, _ dst: UInt8, _ src: UInt8, _ count: UInt8) { bmi(.pF3, 0xF7, w, dst, count, src) }
    mutating func sarx(_ w: Width, _ dst: UInt8, _ src: Memory, _ count: UInt8) { bmi(.pF3, 0xF7, w, dst, count, src) }
    mutating func shrx(_ w: Width, _ dst: UInt8, _ src: UInt8, _ count: UInt8) { bmi(.pF2, 0xF7, w, dst, count, src) }
    mutating func shrx(_ w: Width, _ dst: UInt8, _ src: Memory, _ count: UInt8) { bmi(.pF2, 0xF7, w, dst, count, src) }

    mutating func rorx(_ w: Width, _ dst: UInt8, _ src: UInt8, imm: UInt8) {
        assert(w == .w32 || w == .w64)
        emitVEX(VEXOpcode(.pF2, .m0F3A, 0xF0, wide: w == .w64), reg: dst, rm: src)
        trailing8(imm)
    }

    mutating func rorx(_ w: Width, _ dst: UInt8, _ src: Memory, imm: UInt8) {
        assert(w == .w32 || w == .w64)
        emitVEX(VEXOpcode(.pF2, .m0F3A, 0xF0, wide: w == .w64), reg: dst, rm: src, trailing: 1)
        trailing8(imm)
    }

    // MARK: Bits

    /// dst = ~a & b.
    mutating func andn(_ w: Width, _ dst: UInt8, _ a: UInt8, _ b: UInt8) { bmi(.none, 0xF2, w, dst, a, b) }
    mutating func andn(_ w: Width, _ dst: UInt8, _ a: UInt8, _ b: Memory) { bmi(.none, 0xF2, w, dst, a, b) }
    /// dst = src & (src - 1).
    mutating func blsr(_ w: Width, _ dst: UInt8, _ src: UInt8) { bmi(.none, 0xF3, w, 1, dst, src) }
    mutating func blsr(_ w: Width, _ dst: UInt8, _ src: Memory) { bmi(.none, 0xF3, w, 1, dst, src) }
    /// dst = src & -src.
    mutating func blsi(_ w: Width, _ dst: UInt8, _ src: UInt8) { bmi(.none, 0xF3, w, 3, dst, src) }
    mutating func blsi(_ w: Width, _ dst: UInt8, _ src: Memory) { bmi(.none, 0xF3, w, 3, dst, src) }

    private mutating func bmi(
        _ prefix: VEXOpcode.Prefix, _ byte: UInt8, _ w: Width, _ reg: UInt8, _ second: UInt8, _ rm: UInt8,
    ) {
        assert(w == .w32 || w == .w64)
        emitVEX(VEXOpcode(prefix, .m0F38, byte, wide: w == .w64), reg: reg, second: second, rm: rm)
    }

    private mutating func bmi(
        _ prefix: VEXOpcode.Prefix, _ byte: UInt8, _ w: Width, _ reg: UInt8, _ second: UInt8, _ rm: Memory,
    ) {
        assert(w == .w32 || w == .w64)
        emitVEX(VEXOpcode(prefix, .m0F38, byte, wide: w == .w64), reg: reg, second: second, rm: rm)
    }

    mutating func lzcnt(_ w: Width, _ dst: UInt8, _ src: UInt8) { count(0xBD, w, dst, src) }
    mutating func lzcnt(_ w: Width, _ dst: UInt8, _ src: Memory) { count(0xBD, w, dst, src) }
    mutating func tzcnt(_ w: Width, _ dst: UInt8, _ src: UInt8) { count(0xBC, w, dst, src) }
    mutating func tzcnt(_ w: Width, _ dst: UInt8, _ src: Memory) { count(0xBC, w, dst, src) }
    mutating func popcnt(_ w: Width, _ dst: UInt8, _ src: UInt8) { count(0xB8, w, dst, src) }
    mutating func popcnt(_ w: Width, _ dst: UInt8, _ src: Memory) { count(0xB8, w, dst, src) }

    private mutating func count(_ byte: UInt8, _ w: Width, _ dst: UInt8, _ src: UInt8) {
        assert(w != .w8 && usesVEX)
        emit(.escaped(byte, prefix: 0xF3), w, reg: dst, rm: src)
    }

    private mutating func count(_ byte: UInt8, _ w: Width, _ dst: UInt8, _ src: Memory) {
        assert(w != .w8 && usesVEX)
        emit(.escaped(byte, prefix: 0xF3), w, reg: dst, rm: src)
    }

    /// The index of the highest bit (`bsr`) or the lowest (`bsf`). Zero sets the zero flag and leaves `dst` undefined.
    mutating func bsr(_ w: Width, _ dst: UInt8, _ src: UInt8) {
        assert(w != .w8)
        emit(.escaped(0xBD), w, reg: dst, rm: src)
    }

    mutating func bsr(_ w: Width, _ dst: UInt8, _ src: Memory) {
        assert(w != .w8)
        emit(.escaped(0xBD), w, reg: dst, rm: src)
    }

    mutating func bsf(_ w: Width, _ dst: UInt8, _ src: UInt8) {
        assert(w != .w8)
        emit(.escaped(0xBC), w, reg: dst, rm: src)
    }

    mutating func bsf(_ w: Width, _ dst: UInt8, _ src: Memory) {
        assert(w != .w8)
        emit(.escaped(0xBC), w, reg: dst, rm: src)
    }

    // MARK: Stack

    mutating func push(_ r: UInt8) { emit(.plain(0x50), .w32, embedded: r) }
    mutating func push(_ m: Memory) { emit(.plain(0xFF), .w32, reg: 6, rm: m) }
    mutating func pop(_ r: UInt8) { emit(.plain(0x58), .w32, embedded: r) }
    mutating func pop(_ m: Memory) { emit(.plain(0x8F), .w32, reg: 0, rm: m) }
    mutating func pushFlags() { emit8(0x9C) }
    mutating func popFlags() { emit8(0x9D) }

    // MARK: Immediates

    @inline(__always)
    func isInt8(_ value: Int32) -> Bool { Int32(Int8(truncatingIfNeeded: value)) == value }

    /// Narrow immediates may be given signed or unsigned.
    @inline(__always)
    private func assertFits(_ value: Int32, _ w: Width) {
        assert(w != .w8 || value >= -0x80 && value <= 0xFF)
        assert(w != .w16 || value >= -0x8000 && value <= 0xFFFF)
    }
}

extension Width: Comparable {
    @inline(__always)
    static func < (a: Width, b: Width) -> Bool { a.rawValue < b.rawValue }
}
