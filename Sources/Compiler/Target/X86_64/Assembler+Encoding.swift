//! How an instruction becomes bytes: legacy and VEX prefixes, ModRM, SIB and displacement. Vector instructions are given as
//! VEX has them, with up to three operands; where there is no VEX, `Assembler+Legacy` makes them of legacy instructions.
//!
//! The source is the Intel SDM, volume 2, chapter 2.
//!
//! Callers say what differs between instructions (opcode, operands), everything irregular is here:
//! - rsp and r12 as base need a SIB byte; rbp and r13 as base need a displacement; rsp cannot be an index.
//! - spl, bpl, sil and dil exist only under a REX prefix; without one the numbers mean ah–bh.
//! - A label operand is relative to the end of the instruction, hence `trailing`, the bytes of immediate after it.
//! - Two-byte VEX has only the R bit and implies map 0F and W0.

/// An opcode of the legacy encoding.
struct LegacyOpcode: BitwiseCopyable {
    var byte: UInt8
    /// F2 or F3, or 0. (66 follows from the width.)
    var prefix: UInt8
    /// Preceded by 0F.
    var isEscaped: Bool

    @inline(__always)
    static func plain(_ byte: UInt8) -> LegacyOpcode { LegacyOpcode(byte: byte, prefix: 0, isEscaped: false) }

    @inline(__always)
    static func escaped(_ byte: UInt8, prefix: UInt8 = 0) -> LegacyOpcode {
        LegacyOpcode(byte: byte, prefix: prefix, isEscaped: true)
    }
}

/// An opcode of the VEX encoding, 128-bit or scalar. Instructions that are older than VEX have the same prefix, map and opcode
/// in the legacy encoding.
struct VEXOpcode: BitwiseCopyable {
    /// The implied legacy prefix.
    enum Prefix: UInt8 { case none = 0, p66, pF3, pF2 }
    /// The implied escape bytes.
    enum Map: UInt8 { case m0F = 1, m0F38, m0F3A }

    var prefix: Prefix
    var map: Map
    var byte: UInt8
    var isWide: Bool

    @inline(__always)
    init(_ prefix: Prefix, _ map: Map, _ byte: UInt8, wide: Bool = false) {
        self.prefix = prefix
        self.map = map
        self.byte = byte
        isWide = wide
    }
}

extension Assembler {
    // MARK: Legacy

    /// `reg` is the register or opcode extension of ModRM, `rm` the register that could have been memory.
    @inline(__always)
    mutating func emit(_ opcode: LegacyOpcode, _ width: Width, reg: UInt8, rm: UInt8, forceREX: Bool = false) {
        assert(reg < 16 && rm < 16)
        var out = begin()
        prefixes(&out, opcode, width, rex: (reg >> 3) << 2 | rm >> 3, forceREX: forceREX)
        out.byte(0xC0 | (reg & 7) << 3 | rm & 7)
        end(out)
    }

    @inline(__always)
    mutating func emit(
        _ opcode: LegacyOpcode, _ width: Width, reg: UInt8, rm: Memory, trailing: Int32 = 0, forceREX: Bool = false,
    ) {
        assert(reg < 16)
        var out = begin()
        prefixes(&out, opcode, width, rex: (reg >> 3) << 2 | extensionBits(rm), forceREX: forceREX)
        modRM(&out, reg, rm, trailing: trailing)
        end(out)
    }

    /// The register is in the low bits of the opcode.
    @inline(__always)
    mutating func emit(_ opcode: LegacyOpcode, _ width: Width, embedded register: UInt8) {
        assert(register < 16)
        var out = begin()
        var opcode = opcode
        opcode.byte |= register & 7
        prefixes(&out, opcode, width, rex: register >> 3, forceREX: false)
        end(out)
    }

    @inline(__always)
    private func prefixes(_ out: inout Cursor, _ opcode: LegacyOpcode, _ width: Width, rex: UInt8, forceREX: Bool) {
        if width == .w16 { out.byte(0x66) }
        if opcode.prefix != 0 { out.byte(opcode.prefix) }
        let rex = width == .w64 ? rex | 8 : rex
        if rex != 0 || forceREX { out.byte(0x40 | rex) }
        if opcode.isEscaped { out.byte(0x0F) }
        out.byte(opcode.byte)
    }

    /// Whether this register as an operand of this width exists only under REX.
    @inline(__always)
    func needsREX(_ width: Width, _ register: UInt8) -> Bool { width == .w8 && register >= 4 && register < 8 }

    // MARK: Vector instructions, in either encoding

    @inline(__always)
    mutating func emit(_ opcode: VEXOpcode, reg: UInt8, rm: UInt8) {
        if usesVEX { emitVEX(opcode, reg: reg, rm: rm) } else { emitLegacy(opcode, reg: reg, rm: rm) }
    }

    @inline(__always)
    mutating func emit(_ opcode: VEXOpcode, reg: UInt8, rm: Memory, trailing: Int32 = 0) {
        if usesVEX {
            emitVEX(opcode, reg: reg, rm: rm, trailing: trailing)
        } else {
            emitLegacy(opcode, reg: reg, rm: rm, trailing: trailing)
        }
    }

    /// - Parameter commutes: Whether the sources may change places.
    @inline(__always)
    mutating func emit(_ opcode: VEXOpcode, reg: UInt8, second: UInt8, rm: UInt8, commutes: Bool = false) {
        if usesVEX {
            emitVEX(opcode, reg: reg, second: second, rm: rm)
        } else {
            emitLegacy(opcode, reg: reg, second: second, rm: rm, commutes: commutes)
        }
    }

    /// With an integer register as the last operand.
    @inline(__always)
    mutating func emit(_ opcode: VEXOpcode, reg: UInt8, second: UInt8, integer: UInt8) {
        if usesVEX {
            emitVEX(opcode, reg: reg, second: second, rm: integer)
        } else {
            emitLegacy(opcode, reg: reg, second: second, integer: integer)
        }
    }

    @inline(__always)
    mutating func emit(_ opcode: VEXOpcode, reg: UInt8, second: UInt8, rm: Memory, trailing: Int32 = 0) {
        if usesVEX {
            emitVEX(opcode, reg: reg, second: second, rm: rm, trailing: trailing)
        } else {
            emitLegacy(opcode, reg: reg, second: second, rm: rm, trailing: trailing)
        }
    }

    // MARK: VEX

    @inline(__always)
    mutating func emitVEX(_ opcode: VEXOpcode, reg: UInt8, second: UInt8 = 0, rm: UInt8) {
        assert(usesVEX && reg < 16 && second < 16 && rm < 16)
        var out = begin()
        vex(&out, opcode, reg: reg, second: second, extensionBits: rm >> 3)
        out.byte(0xC0 | (reg & 7) << 3 | rm & 7)
        end(out)
    }

    @inline(__always)
    mutating func emitVEX(_ opcode: VEXOpcode, reg: UInt8, second: UInt8 = 0, rm: Memory, trailing: Int32 = 0) {
        assert(usesVEX && reg < 16 && second < 16)
        var out = begin()
        vex(&out, opcode, reg: reg, second: second, extensionBits: extensionBits(rm))
        modRM(&out, reg, rm, trailing: trailing)
        end(out)
    }

    /// `extensionBits`: X in bit 1, B in bit 0. They, R and `second` are stored inverted.
    @inline(__always)
    private func vex(_ out: inout Cursor, _ opcode: VEXOpcode, reg: UInt8, second: UInt8, extensionBits: UInt8) {
        let notR: UInt8 = reg < 8 ? 0x80 : 0
        let last = (~second & 15) << 3 | opcode.prefix.rawValue
        if extensionBits == 0 && opcode.map == .m0F && !opcode.isWide {
            out.byte(0xC5)
            out.byte(notR | last)
        } else {
            out.byte(0xC4)
            out.byte(notR | (~extensionBits & 3) << 5 | opcode.map.rawValue)
            out.byte((opcode.isWide ? 0x80 : 0) | last)
        }
        out.byte(opcode.byte)
    }

    // MARK: Memory operands

    /// The X and B bits of a memory operand, in bits 1 and 0.
    @inline(__always)
    func extensionBits(_ memory: Memory) -> UInt8 {
        // `Memory.none` is 0xFF, of which bit 3 is not to count: only bit 4 tells it from a register.
        let base = memory.base >> 3 & ~(memory.base >> 4) & 1
        let index = memory.index >> 3 & ~(memory.index >> 4) & 1
        return index << 1 | base
    }

    @inline(__always)
    mutating func modRM(_ out: inout Cursor, _ reg: UInt8, _ memory: Memory, trailing: Int32) {
        let reg = (reg & 7) << 3
        let displacement = memory.displacement
        if memory.isLabel {
            out.byte(reg | 5)
            let position = offset(of: out)
            out.int32(displacement &- trailing)
            addReference(at: position, to: memory.label)
            return
        }
        if memory.base == Memory.none {
            out.byte(reg | 4)
            out.byte(memory.scale << 6 | (memory.index & 7) << 3 | 5)
            out.int32(displacement)
            return
        }
        let base = memory.base & 7
        let mode: UInt8 = displacement == 0 && base != 5 ? 0x00 : isInt8(displacement) ? 0x40 : 0x80
        if memory.index != Memory.none {
            out.byte(mode | reg | 4)
            out.byte(memory.scale << 6 | (memory.index & 7) << 3 | base)
        } else if base == 4 {
            out.byte(mode | reg | 4)
            out.byte(0x24)
        } else {
            out.byte(mode | reg | base)
        }
        if mode == 0x40 {
            out.byte(UInt8(truncatingIfNeeded: displacement))
        } else if mode == 0x80 {
            out.int32(displacement)
        }
    }
}
