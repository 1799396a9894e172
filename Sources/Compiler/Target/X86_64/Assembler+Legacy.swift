//! Vector instructions without VEX: the same opcodes behind legacy prefixes, as far as SSE4.1 has them.
//!
//! A legacy instruction's destination is its first source. Where the caller wants another, moves come before the instruction,
//! so that an immediate can still be appended to it. What follows for callers:
//! - A destination that is the second source of an operation that does not commute costs two moves and overwrites the
//!   scratch register, which then must not be the first source.
//! - With memory the move to the destination would be where a fault is expected. Whoever notes a trap site gives a first source
//!   that is the destination.
//! - Operands of 16 bytes in memory must be aligned. Of what code reads, only its own constants are, which are addressed by
//!   labels; all else is loaded by a move. Methods assert it.
//! - A scalar instruction leaves the upper lanes of its destination, where VEX takes those of the first source: the same, since
//!   one becomes the other. Loads clear them in both encodings.

extension Assembler {
    @inline(never)
    mutating func emitLegacy(_ opcode: VEXOpcode, reg: UInt8, rm: UInt8) {
        assert(!usesVEX && reg < 16 && rm < 16)
        var out = begin()
        legacy(&out, opcode, rex: (reg >> 3) << 2 | rm >> 3)
        out.byte(0xC0 | (reg & 7) << 3 | rm & 7)
        end(out)
    }

    @inline(never)
    mutating func emitLegacy(_ opcode: VEXOpcode, reg: UInt8, rm: Memory, trailing: Int32) {
        assert(!usesVEX && reg < 16)
        var out = begin()
        legacy(&out, opcode, rex: (reg >> 3) << 2 | extensionBits(rm))
        modRM(&out, reg, rm, trailing: trailing)
        end(out)
    }

    @inline(never)
    mutating func emitLegacy(_ opcode: VEXOpcode, reg: UInt8, second: UInt8, rm: UInt8, commutes: Bool) {
        var source = rm
        if reg == rm && reg != second {
            source = commutes ? second : X86_64.floatScratch
            if !commutes {
                assert(reg != source && second != source)
                vmovaps(source, rm)
                vmovaps(reg, second)
            }
        } else if reg != second {
            vmovaps(reg, second)
        }
        emitLegacy(opcode, reg: reg, rm: source)
    }

    @inline(never)
    mutating func emitLegacy(_ opcode: VEXOpcode, reg: UInt8, second: UInt8, integer: UInt8) {
        if reg != second { vmovaps(reg, second) }
        emitLegacy(opcode, reg: reg, rm: integer)
    }

    @inline(never)
    mutating func emitLegacy(_ opcode: VEXOpcode, reg: UInt8, second: UInt8, rm: Memory, trailing: Int32) {
        if reg != second { vmovaps(reg, second) }
        emitLegacy(opcode, reg: reg, rm: rm, trailing: trailing)
    }

    @inline(__always)
    private func legacy(_ out: inout Cursor, _ opcode: VEXOpcode, rex: UInt8) {
        switch opcode.prefix {
        case .none: break
        case .p66: out.byte(0x66)
        case .pF3: out.byte(0xF3)
        case .pF2: out.byte(0xF2)
        }
        let rex = opcode.isWide ? rex | 8 : rex
        if rex != 0 { out.byte(0x40 | rex) }
        out.byte(0x0F)
        switch opcode.map {
        case .m0F: break
        case .m0F38: out.byte(0x38)
        case .m0F3A: out.byte(0x3A)
        }
        out.byte(opcode.byte)
    }

    /// Whether an instruction may read 16 bytes there.
    @inline(__always)
    func mayReadVector(_ memory: Memory) -> Bool { usesVEX || memory.isLabel }
}

extension VPacked {
    /// Whether SSE4.1 has it.
    var isLegacy: Bool {
        switch self {
        case .pcmpgtq, .psllvd, .psllvq, .psrlvd, .psrlvq, .psravd: false
        default: true
        }
    }
}

extension VPackedUnary {
    /// Whether SSE4.1 has it.
    var isLegacy: Bool {
        switch self {
        case .pbroadcastb, .pbroadcastw, .pbroadcastd, .pbroadcastq, .broadcastss: false
        default: true
        }
    }

    /// Whether it reads all of a vector in memory.
    var readsVector: Bool {
        switch self {
        case .pabsb, .pabsw, .pabsd, .sqrtps, .sqrtpd, .cvtdq2ps, .cvtps2dq, .cvttps2dq, .cvtpd2dq, .cvttpd2dq,
            .cvtpd2ps:
            true
        default: false
        }
    }
}

extension VPackedImmediate {
    /// Whether SSE4.1 has it with this immediate.
    func isLegacy(_ immediate: UInt8) -> Bool {
        switch self {
        case .pblendd: false
        case .cmpps, .cmppd: immediate < 8
        default: true
        }
    }
}
