//! Emission for processors without AVX, BMI, LZCNT and POPCNT: sequences in place of instructions that only these have.
//!
//! What vector sequences need is chosen by selection (`InstructionSelector+Baseline`), legacy encodings are the assembler's.

extension FunctionEmitter {
    mutating func rotateWithoutBMI(_ machine: MachineInstruction, _ index: UInt32) {
        let destination = register(index, 1)
        if isSlot(index, 0) {
            assembler.mov(machine.width, destination, slot(index, 0))
        } else if register(index, 0) != destination {
            assembler.mov(machine.width, destination, register(index, 0))
        }
        assembler.shift(.ror, machine.width, destination, imm: UInt8(truncatingIfNeeded: machine.immediate))
    }

    /// Leading or trailing zeros. `bsr` and `bsf` say by the zero flag that there is no bit to find.
    mutating func countZerosWithoutBMI(_ machine: MachineInstruction, _ index: UInt32) {
        let width = machine.width
        let bits: UInt64 = width == .w64 ? 64 : 32
        let destination = register(index, 1)
        let isLeading = machine.operation == .countLeadingZeros
        // An index becomes a count of leading zeros by inverting its bits; this one becomes the width.
        assembler.movImmediate(X86_64.scratch, isLeading ? 2 * bits - 1 : bits)
        switch (isLeading, isSlot(index, 0)) {
        case (true, true): assembler.bsr(width, destination, slot(index, 0))
        case (true, false): assembler.bsr(width, destination, register(index, 0))
        case (false, true): assembler.bsf(width, destination, slot(index, 0))
        case (false, false): assembler.bsf(width, destination, register(index, 0))
        }
        assembler.cmov(.equal, width, destination, X86_64.scratch)
        if isLeading { assembler.alu(.xor, width, destination, imm: Int32(bits) - 1) }
    }

    /// Sums of bits in pairs, fours and bytes, and of the bytes by a multiplication.
    mutating func countOnesWithoutPOPCNT(_ machine: MachineInstruction, _ index: UInt32) {
        let width = machine.width
        let destination = register(index, 1)
        if isSlot(index, 0) {
            assembler.mov(width, destination, slot(index, 0))
        } else if register(index, 0) != destination {
            assembler.mov(width, destination, register(index, 0))
        }
        assembler.mov(width, X86_64.scratch, destination)
        assembler.shift(.shr, width, X86_64.scratch, imm: 1)
        mask(width, X86_64.scratch, 0x5555_5555)
        assembler.alu(.sub, width, destination, X86_64.scratch)
        assembler.mov(width, X86_64.scratch, destination)
        assembler.shift(.shr, width, X86_64.scratch, imm: 2)
        mask(width, X86_64.scratch, 0x3333_3333)
        mask(width, destination, 0x3333_3333)
        assembler.alu(.add, width, destination, X86_64.scratch)
        assembler.mov(width, X86_64.scratch, destination)
        assembler.shift(.shr, width, X86_64.scratch, imm: 4)
        assembler.alu(.add, width, destination, X86_64.scratch)
        mask(width, destination, 0x0F0F_0F0F)
        if width == .w64 {
            assembler.imul(.w64, destination, .label(assembler.constant64(0x0101_0101_0101_0101)))
        } else {
            assembler.imul(.w32, destination, destination, imm: 0x0101_0101)
        }
        assembler.shift(.shr, width, destination, imm: width == .w64 ? 56 : 24)
    }

    /// And with the pattern, repeated to 64 bits.
    private mutating func mask(_ width: Width, _ register: UInt8, _ pattern: UInt32) {
        if width == .w64 {
            let both = UInt64(pattern) << 32 | UInt64(pattern)
            assembler.alu(.and, .w64, register, .label(assembler.constant64(both)))
        } else {
            assembler.alu(.and, .w32, register, imm: Int32(pattern))
        }
    }

    /// One lane from memory into all. The access comes first, at the trap site, and may use the scratch register as its address.
    mutating func splatWithoutAVX(_ access: MemoryAccess, _ register: UInt8, _ memory: Memory) {
        switch access {
        case .splat8:
            assembler.movzx(from: .w8, X86_64.scratch, memory)
            assembler.vmovToXMM(.w32, register, X86_64.scratch)
            assembler.vzero(X86_64.floatScratch)
            assembler.vpacked(.pshufb, register, register, X86_64.floatScratch)
        case .splat16:
            assembler.movzx(from: .w16, X86_64.scratch, memory)
            assembler.vmovToXMM(.w32, register, X86_64.scratch)
            assembler.vpacked(.pshuflw, register, register, imm: 0)
            assembler.vpacked(.pshufd, register, register, imm: 0)
        default:
            assembler.vmovToXMM(.w32, register, memory)
            assembler.vpacked(.pshufd, register, register, imm: 0)
        }
    }
}
