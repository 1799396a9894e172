//! Jumps through registers and memory, calls, traps and padding. Jumps to labels are in `Assembler+Labels`.

extension Assembler {
    // MARK: Jumps

    mutating func jmp(_ r: UInt8) { emit(.plain(0xFF), .w32, reg: 4, rm: r) }
    mutating func jmp(_ m: Memory) { emit(.plain(0xFF), .w32, reg: 4, rm: m) }

    // MARK: Calls

    mutating func call(_ target: Label) {
        var out = begin()
        out.byte(0xE8)
        addReference(at: offset(of: out), to: target)
        out.int32(0)
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

    /// Eight bytes that do nothing but be there, with four that the caller chooses.
    mutating func mark(_ number: UInt32) {
        var out = begin()
        for byte in Self.markPrefix { out.byte(byte) }
        out.int32(Int32(bitPattern: number))
        end(out)
    }

    /// `nop [rax + rax + displacement32]`. Padding has displacement 0.
    private static var markPrefix: [UInt8] { [0x0F, 0x1F, 0x84, 0x00] }
    /// The first four bytes of a mark.
    static var markStart: Int32 { 0x0084_1F0F }

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
        var out = begin(room: count)
        out.fill(count, traps: false)
        end(out)
    }
}

extension Cursor {
    /// Writes `count` bytes of `nop` or `int3`.
    mutating func fill(_ count: Int, traps: Bool) {
        if traps {
            for _ in 0..<count { byte(0xCC) }
            return
        }
        // The recommended sequences (Intel SDM, NOP): `nop r/m` with prefixes and longer and longer addresses.
        var remaining = count
        while remaining > 0 {
            let length = min(remaining, 9)
            switch length {
            case 1: byte(0x90)
            case 2: bytes(0x66, 0x90)
            case 3: bytes(0x0F, 0x1F, 0x00)
            case 4: bytes(0x0F, 0x1F, 0x40, 0x00)
            case 5: bytes(0x0F, 0x1F, 0x44, 0x00, 0x00)
            case 6: bytes(0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00)
            case 7:
                bytes(0x0F, 0x1F, 0x80)
                int32(0)
            case 8:
                bytes(0x0F, 0x1F, 0x84, 0x00)
                int32(0)
            default:
                bytes(0x66, 0x0F, 0x1F, 0x84, 0x00)
                int32(0)
            }
            remaining -= length
        }
    }

    private mutating func bytes(
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
