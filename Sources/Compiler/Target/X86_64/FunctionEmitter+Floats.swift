//! Emission of float operations and conversions, and of the rare paths of all sequences.

extension FunctionEmitter {
    mutating func emitFloat(_ machine: MachineInstruction, _ index: UInt32) {
        let floatWidth = FloatWidth(machine.width)
        switch machine.operation {
        case .loadFloatConstant:
            let destination = register(index, 0)
            if machine.immediate == 0 {
                assembler.vzero(destination)
            } else {
                assembler.vmovs(floatWidth, destination, constant(machine.immediate, floatWidth))
            }
        case .floatBinary:
            let operation = VScalar(rawValue: machine.detail)!
            if isSlot(index, 1) {
                assembler.vscalar(operation, floatWidth, register(index, 2), register(index, 0), slot(index, 1))
            } else {
                assembler.vscalar(operation, floatWidth, register(index, 2), register(index, 0), register(index, 1))
            }
        case .floatBinaryConstant:
            assembler.vscalar(
                VScalar(rawValue: machine.detail)!, floatWidth, register(index, 1), register(index, 0),
                constant(machine.immediate, floatWidth))
        case .floatBinaryMemory:
            let memory = emitAddress(machine, index, operand: 1)
            let destination = register(index, machine.memory.usesRegister ? 2 : 1)
            mayTrap(.memoryOutOfBounds, source: machine.source)
            assert(assembler.usesVEX || destination == register(index, 0))
            assembler.vscalar(
                VScalar(rawValue: machine.detail)!, floatWidth, destination, register(index, 0), memory)
        case .floatMinimumMaximum:
            let done = assembler.newLabel()
            assembler.vucomis(floatWidth, register(index, 0), register(index, 1))
            assembler.jcc(.parity, detour(.minimumMaximumUnordered, index, back: done))
            assembler.jcc(.equal, detour(.minimumMaximumEqual, index, back: done))
            assembler.vscalar(
                VScalar(rawValue: machine.detail)!, floatWidth, register(index, 2), register(index, 0),
                register(index, 1))
            assembler.bind(done)
        case .floatCopySign:
            let sign = signMask(floatWidth)
            assembler.vlogic(
                .and, floatWidth, X86_64.floatScratch, register(index, 1),
                .label(assembler.constant128(sign, sign)))
            assembler.vlogic(
                .and, floatWidth, register(index, 2), register(index, 0),
                .label(assembler.constant128(~sign, ~sign)))
            assembler.vlogic(.or, floatWidth, register(index, 2), register(index, 2), X86_64.floatScratch)
        case .floatSquareRoot:
            let destination = register(index, 1)
            if isSlot(index, 0) {
                assembler.vscalar(.sqrt, floatWidth, destination, destination, slot(index, 0))
            } else {
                assembler.vscalar(.sqrt, floatWidth, destination, register(index, 0), register(index, 0))
            }
        case .floatRound:
            let destination = register(index, 1)
            if isSlot(index, 0) {
                assembler.vrounds(floatWidth, destination, destination, slot(index, 0), mode: machine.detail)
            } else {
                assembler.vrounds(
                    floatWidth, destination, register(index, 0), register(index, 0), mode: machine.detail)
            }
        case .floatNegate:
            let sign = signMask(floatWidth)
            assembler.vlogic(
                .xor, floatWidth, register(index, 1), register(index, 0), .label(assembler.constant128(sign, sign)))
        case .floatAbsolute:
            let sign = signMask(floatWidth)
            assembler.vlogic(
                .and, floatWidth, register(index, 1), register(index, 0),
                .label(assembler.constant128(~sign, ~sign)))
        case .promote:
            let destination = register(index, 1)
            if isSlot(index, 0) {
                assembler.vcvtss2sd(destination, destination, slot(index, 0))
            } else {
                assembler.vcvtss2sd(destination, register(index, 0), register(index, 0))
            }
        case .demote:
            let destination = register(index, 1)
            if isSlot(index, 0) {
                assembler.vcvtsd2ss(destination, destination, slot(index, 0))
            } else {
                assembler.vcvtsd2ss(destination, register(index, 0), register(index, 0))
            }
        case .convertFromInteger:
            // The conversion leaves the upper part of its destination: zeroing it first breaks the dependence on it.
            let destination = register(index, 1)
            let target = FloatWidth(rawValue: machine.detail)!
            assembler.vzero(destination)
            if isSlot(index, 0) {
                assembler.vcvtsi2s(target, machine.width, destination, destination, slot(index, 0))
            } else {
                assembler.vcvtsi2s(target, machine.width, destination, destination, register(index, 0))
            }
        case .convertFromUnsigned64:
            let done = assembler.newLabel()
            let source = register(index, 0)
            let destination = register(index, 2)
            let target = FloatWidth(rawValue: machine.detail)!
            assembler.test(.w64, source, source)
            assembler.jcc(.sign, detour(.convertFromUnsigned64, index, back: done))
            assembler.vzero(destination)
            assembler.vcvtsi2s(target, .w64, destination, destination, source)
            assembler.bind(done)
        case .truncateToInteger: emitTruncate(machine, index)
        case .moveToFloat:
            if isSlot(index, 0) {
                assembler.vmovs(floatWidth, register(index, 1), slot(index, 0))
            } else {
                assembler.vmovToXMM(machine.width, register(index, 1), register(index, 0))
            }
        case .moveFromFloat:
            if isSlot(index, 0) {
                assembler.mov(machine.width, register(index, 1), slot(index, 0))
            } else {
                assembler.vmovFromXMM(machine.width, register(index, 1), register(index, 0))
            }
        default: emitVector(machine, index)
        }
    }

    private func signMask(_ width: FloatWidth) -> UInt64 {
        width == .f64 ? 0x8000_0000_0000_0000 : 0x8000_0000_8000_0000
    }

    private mutating func constant(_ bits: Int64, _ width: FloatWidth) -> Memory {
        width == .f64
            ? .label(assembler.constant64(UInt64(bitPattern: bits)))
            : .label(assembler.constant32(UInt32(truncatingIfNeeded: bits)))
    }

    private mutating func constant(_ value: Double, _ width: FloatWidth) -> Memory {
        width == .f64
            ? .label(assembler.constant64(value.bitPattern))
            : .label(assembler.constant32(Float(value).bitPattern))
    }

    // MARK: Truncation

    private func isUnsigned(_ machine: MachineInstruction) -> Bool { machine.detail & 2 != 0 }
    private func isSaturating(_ machine: MachineInstruction) -> Bool { machine.detail & 4 != 0 }

    /// The hardware answers 0x80…0 for whatever it cannot convert; the paths that look into why are out of line.
    private mutating func emitTruncate(_ machine: MachineInstruction, _ index: UInt32) {
        let source = register(index, 0)
        let destination = register(index, 1)
        let from = FloatWidth(rawValue: machine.detail & 1)!
        let done = assembler.newLabel()
        if !isUnsigned(machine) {
            assembler.vcvtts2si(from, machine.width, destination, source)
            // Subtracting 1 overflows for 0x80…0 alone.
            assembler.alu(.cmp, machine.width, destination, imm: 1)
            assembler.jcc(.overflow, detour(.truncate, index, back: done))
        } else if machine.width == .w32 {
            assembler.vcvtts2si(from, .w64, destination, source)
            assembler.mov(.w64, X86_64.scratch, destination)
            assembler.shift(.shr, .w64, X86_64.scratch, imm: 32)
            assembler.jcc(.notEqual, detour(.truncate, index, back: done))
        } else {
            assembler.vmovs(from, X86_64.floatScratch, constant(0x1p63, from))
            assembler.vucomis(from, source, X86_64.floatScratch)
            assembler.jcc(.aboveOrEqual, detour(.truncateUnsigned64Big, index, back: done))
            assembler.vcvtts2si(from, .w64, destination, source)
            assembler.test(.w64, destination, destination)
            assembler.jcc(.sign, detour(.truncateUnsigned64Bad, index, back: done))
        }
        assembler.bind(done)
    }

    /// `truncate`: the result was 0x80…0, or for u32 not below 2^32.
    private mutating func emitTruncateDetour(_ item: OutOfLine) {
        let machine = instructions[Int(item.instruction)]
        let source = register(item.instruction, 0)
        let destination = register(item.instruction, 1)
        let from = FloatWidth(rawValue: machine.detail & 1)!
        if isSaturating(machine) {
            assembler.vzero(X86_64.floatScratch)
            assembler.vucomis(from, source, X86_64.floatScratch)
            if isUnsigned(machine) {
                assembler.movImmediate(destination, 0)
                // Below or equal holds for NaN too.
                assembler.jcc(.belowOrEqual, item.back)
                assembler.movImmediate(destination, 0xFFFF_FFFF)
                assembler.jmp(item.back)
                return
            }
            let isNumber = assembler.newLabel()
            assembler.jcc(.notParity, isNumber)
            assembler.movImmediate(destination, 0)
            assembler.jmp(item.back)
            assembler.bind(isNumber)
            assembler.jcc(.belowOrEqual, item.back)
            assembler.movImmediate(destination, machine.width == .w64 ? UInt64(Int64.max) : UInt64(Int32.max))
            assembler.jmp(item.back)
            return
        }
        assembler.vucomis(from, source, source)
        trap(.invalidConversionToInteger, if: .parity, source: item.source)
        if isUnsigned(machine) {
            mayTrap(.integerOverflow, source: item.source)
            assembler.ud2()
            return
        }
        // The smallest integer itself is fine, and so is what truncates to it.
        if machine.width == .w32 && from == .f64 {
            assembler.vucomis(from, source, constant(-2_147_483_649.0, from))
            trap(.integerOverflow, if: .belowOrEqual, source: item.source)
        } else {
            assembler.vucomis(from, source, constant(machine.width == .w64 ? -0x1p63 : -0x1p31, from))
            trap(.integerOverflow, if: .below, source: item.source)
        }
        assembler.vzero(X86_64.floatScratch)
        assembler.vucomis(from, source, X86_64.floatScratch)
        trap(.integerOverflow, if: .above, source: item.source)
        assembler.jmp(item.back)
    }

    // MARK: Rare paths

    mutating func emitDetour(_ item: OutOfLine) {
        let index = item.instruction
        let machine = instructions[Int(index)]
        let floatWidth = FloatWidth(machine.width)
        switch item.kind {
        case .trap: break
        case .nextSlice: emitNextSlice(item)
        case .minimumMaximumUnordered:
            // One is NaN: so is the sum, and quiet.
            assembler.vscalar(.add, floatWidth, register(index, 2), register(index, 0), register(index, 1))
            assembler.jmp(item.back)
        case .minimumMaximumEqual:
            // Equal, so at most the signs of zeros differ.
            let isMinimum = VScalar(rawValue: machine.detail)! == .min
            assembler.vlogic(
                isMinimum ? .or : .and, floatWidth, register(index, 2), register(index, 0), register(index, 1))
            assembler.jmp(item.back)
        case .remainderByMinusOne:
            assembler.zero(X86_64.rdx)
            assembler.jmp(item.back)
        case .convertFromUnsigned64:
            // Halve, keeping the lowest bit for rounding, convert, double.
            let source = register(index, 0)
            let temporary = register(index, 1)
            let destination = register(index, 2)
            let target = FloatWidth(rawValue: machine.detail)!
            assembler.mov(.w64, X86_64.scratch, source)
            assembler.mov(.w64, temporary, source)
            assembler.shift(.shr, .w64, X86_64.scratch, imm: 1)
            assembler.alu(.and, .w32, temporary, imm: 1)
            assembler.alu(.or, .w64, X86_64.scratch, temporary)
            assembler.vzero(destination)
            assembler.vcvtsi2s(target, .w64, destination, destination, X86_64.scratch)
            assembler.vscalar(.add, target, destination, destination, destination)
            assembler.jmp(item.back)
        case .truncate: emitTruncateDetour(item)
        case .truncateUnsigned64Big:
            // At least 2^63, which is in the float scratch register.
            let from = FloatWidth(rawValue: machine.detail & 1)!
            let destination = register(index, 1)
            if assembler.usesVEX {
                assembler.vscalar(.sub, from, X86_64.floatScratch, register(index, 0), X86_64.floatScratch)
            } else {
                assembler.vscalar(.sub, from, X86_64.floatScratch, register(index, 0), constant(0x1p63, from))
            }
            assembler.vcvtts2si(from, .w64, destination, X86_64.floatScratch)
            assembler.test(.w64, destination, destination)
            if isSaturating(machine) {
                let fits = assembler.newLabel()
                assembler.jcc(.notSign, fits)
                assembler.movImmediate(destination, .max)
                assembler.jmp(item.back)
                assembler.bind(fits)
            } else {
                trap(.integerOverflow, if: .sign, source: item.source)
            }
            assembler.movImmediate(X86_64.scratch, 1 << 63)
            assembler.alu(.xor, .w64, destination, X86_64.scratch)
            assembler.jmp(item.back)
        case .truncateUnsigned64Bad:
            // -1 or less, or NaN.
            if isSaturating(machine) {
                assembler.zero(register(index, 1))
                assembler.jmp(item.back)
            } else {
                let from = FloatWidth(rawValue: machine.detail & 1)!
                assembler.vucomis(from, register(index, 0), register(index, 0))
                trap(.invalidConversionToInteger, if: .parity, source: item.source)
                mayTrap(.integerOverflow, source: item.source)
                assembler.ud2()
            }
        }
    }
}
