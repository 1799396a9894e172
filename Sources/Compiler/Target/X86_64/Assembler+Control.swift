//! Jumps, calls, traps and padding.

extension Assembler {
    // MARK: Jumps

    mutating func jmp(_ target: Label) {
        var out = begin()
        if let distance = shortDistance(to: target) {
            out.byte(0xEB)
            out.byte(UInt8(bitPattern: distance))
        } else {
            out.byte(0xE9)
            relative32(&out, target)
        }
        end(out)
    }

    mutating func jcc(_ cc: Condition, _ target: Label) {
        var out = begin()
        if let distance = shortDistance(to: target) {
            out.byte(0x70 | cc.rawValue)
            out.byte(UInt8(bitPattern: distance))
        } else {
            out.byte(0x0F)
            out.byte(0x80 | cc.rawValue)
            relative32(&out, target)
        }
        end(out)
    }

    mutating func jmp(_ r: UInt8) { emit(.plain(0xFF), .w32, reg: 4, rm: r) }
    mutating func jmp(_ m: Memory) { emit(.plain(0xFF), .w32, reg: 4, rm: m) }

    /// The operand of a two-byte jump from here, if the target is bound and near enough.
    @inline(__always)
    private func shortDistance(to target: Label) -> Int8? {
        guard isBound(target) else { return nil }
        return Int8(exactly: Int64(offset(of: target)) &- Int64(position) &- 2)
    }

    @inline(__always)
    private mutating func relative32(_ out: inout Cursor, _ target: Label) {
        let position = offset(of: out)
        out.int32(0)
        addReference(at: position, anchor: position &+ 4, to: target)
    }

    // MARK: Calls

    mutating func call(_ target: Label) {
        var out = begin()
        out.byte(0xE8)
        relative32(&out, target)
        end(out)
    }

    mutating func call(_ r: UInt8) { emit(.plain(0xFF), .w32, reg: 2, rm: r) }
    mutating func call(_ m: Memory) { emit(.plain(0xFF), .w32, reg: 2, rm: m) }

    mutating func ret() { emit8(0xC3) }

    /// Stack pointer = frame pointer, then pops the frame pointer.
    mutating func leave() { emit8(0xC9) }

    /// Returns and removes `bytes` of arguments from the stack.
    mutating func ret(popping bytes: UInt16) {
        var out = begin()
        out.byte(0xC2)
        out.byte(UInt8(truncatingIfNeeded: bytes))
        out.byte(UInt8(truncatingIfNeeded: bytes >> 8))
        end(out)
    }

    // MARK: Other functions

    mutating func callExternal(symbol: UInt32) {
        var out = begin()
        out.byte(0xE8)
        external32(&out, symbol)
        end(out)
    }

    mutating func jmpExternal(symbol: UInt32) {
        var out = begin()
        out.byte(0xE9)
        external32(&out, symbol)
        end(out)
    }

    /// The address of a symbol.
    mutating func leaExternal(_ dst: UInt8, symbol: UInt32) {
        assert(dst < 16)
        var out = begin()
        out.byte(0x48 | (dst >> 3) << 2)
        out.byte(0x8D)
        out.byte((dst & 7) << 3 | 5)
        external32(&out, symbol)
        end(out)
    }

    @inline(__always)
    private mutating func external32(_ out: inout Cursor, _ symbol: UInt32) {
        addExternalReference(at: offset(of: out), to: symbol)
        out.int32(0)
    }

    // MARK: Traps and padding

    mutating func ud2() {
        var out = begin()
        out.byte(0x0F)
        out.byte(0x0B)
        end(out)
    }

    mutating func int3() { emit8(0xCC) }

    /// `count` bytes that do nothing, in as few instructions as possible.
    mutating func nop(_ count: Int = 1) {
        var remaining = count
        while remaining > 0 {
            let length = min(remaining, 9)
            var out = begin()
            // The recommended sequences (Intel SDM, NOP): prefixes and address forms of `nop r/m`.
            switch length {
            case 1: out.byte(0x90)
            case 2: out.bytes(0x66, 0x90)
            case 3: out.bytes(0x0F, 0x1F, 0x00)
            case 4: out.bytes(0x0F, 0x1F, 0x40, 0x00)
            case 5: out.bytes(0x0F, 0x1F, 0x44, 0x00, 0x00)
            case 6: out.bytes(0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00)
            case 7:
                out.bytes(0x0F, 0x1F, 0x80)
                out.int32(0)
            case 8:
                out.bytes(0x0F, 0x1F, 0x84, 0x00)
                out.int32(0)
            default:
                out.bytes(0x66, 0x0F, 0x1F, 0x84, 0x00)
                out.int32(0)
            }
            end(out)
            remaining -= length
        }
    }
}

extension Cursor {
    fileprivate mutating func bytes(
        _ first: UInt8, _ second: UInt8, _ third: UInt8? = nil, _ fourth: UInt8? = nil, _ fifth: UInt8? = nil,
        _ sixth: UInt8? = nil,
    ) {
        byte(first)
        byte(second)
        if let third { byte(third) }
        if let fourth { byte(fourth) }
        if let fifth { byte(fifth) }
        if let sixth { byte(sixth) }
    }
}
