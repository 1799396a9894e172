//! Emission of operations inside blocks: integers and memory.

extension FunctionEmitter {
    mutating func emit(_ machine: MachineInstruction, _ index: UInt32) {
        let width = machine.width
        switch machine.operation {
        case .entry: break
        case .loadFuel, .checkFuel, .settleFuel: emitFuel(machine, index)
        case .copy:
            let from = allocation(index, 0).register
            let to = allocation(index, 1).register
            guard from != to else { break }
            if from.isFloat {
                assembler.vmovaps(to.hardware, from.hardware)
            } else {
                assembler.mov(.w64, to.hardware, from.hardware)
            }
        case .loadImmediate:
            assembler.movImmediate(register(index, 0), UInt64(bitPattern: machine.immediate))
        case .alu: emitALU(machine, index)
        case .aluImmediate: emitALUImmediate(machine, index)
        case .aluMemory:
            let memory = emitAddress(machine, index, operand: 1)
            mayTrap(.memoryOutOfBounds, source: machine.source)
            assembler.alu(ALU(rawValue: machine.detail)!, width, register(index, 0), memory)
        case .aluStore:
            let memory = emitAddress(machine, index, operand: 0)
            mayTrap(.memoryOutOfBounds, source: machine.source)
            let source = register(index, machine.memory.usesRegister ? 1 : 0)
            assembler.alu(ALU(rawValue: machine.detail)!, width, memory, source)
        case .aluStoreImmediate:
            let memory = emitAddress(machine, index, operand: 0)
            mayTrap(.memoryOutOfBounds, source: machine.source)
            assembler.alu(
                ALU(rawValue: machine.detail)!, width, memory, imm: Int32(truncatingIfNeeded: machine.immediate))
        case .multiply:
            let destination = register(index, 2)
            let first = register(index, 0)
            if isSlot(index, 1) {
                copy(destination, first)
                assembler.imul(width, destination, slot(index, 1))
            } else if destination == register(index, 1) {
                assembler.imul(width, destination, first)
            } else {
                copy(destination, first)
                assembler.imul(width, destination, register(index, 1))
            }
        case .multiplyImmediate:
            let immediate = Int32(truncatingIfNeeded: machine.immediate)
            if isSlot(index, 0) {
                assembler.imul(width, register(index, 1), slot(index, 0), imm: immediate)
            } else {
                assembler.imul(width, register(index, 1), register(index, 0), imm: immediate)
            }
        case .multiplyMemory:
            let memory = emitAddress(machine, index, operand: 1)
            mayTrap(.memoryOutOfBounds, source: machine.source)
            assembler.imul(width, register(index, 0), memory)
        case .lea:
            assembler.lea(
                width, register(index, 2),
                .indexed(register(index, 0), register(index, 1), scale: machine.detail, machine.displacement))
        case .leaScaled: emitLEAScaled(machine, index)
        case .shiftImmediate:
            let amount = UInt8(truncatingIfNeeded: machine.immediate)
            let destination = register(index, 1)
            if amount == 0 {
                assembler.mov(width, destination, register(index, 0))
            } else {
                copy(destination, register(index, 0))
                assembler.shift(Shift(rawValue: machine.detail)!, width, destination, imm: amount)
            }
        case .shiftVariable: emitShiftVariable(machine, index)
        case .rotateImmediate:
            let amount = UInt8(truncatingIfNeeded: machine.immediate)
            if !assembler.usesVEX {
                rotateWithoutBMI(machine, index)
            } else if isSlot(index, 0) {
                assembler.rorx(width, register(index, 1), slot(index, 0), imm: amount)
            } else {
                assembler.rorx(width, register(index, 1), register(index, 0), imm: amount)
            }
        case .shiftByCL:
            assembler.shiftByCL(Shift(rawValue: machine.detail)!, width, register(index, 0))
        case .andNot:
            if isSlot(index, 1) {
                assembler.andn(width, register(index, 2), register(index, 0), slot(index, 1))
            } else {
                assembler.andn(width, register(index, 2), register(index, 0), register(index, 1))
            }
        case .clearLowestBit:
            if isSlot(index, 0) {
                assembler.blsr(width, register(index, 1), slot(index, 0))
            } else {
                assembler.blsr(width, register(index, 1), register(index, 0))
            }
        case .isolateLowestBit:
            if isSlot(index, 0) {
                assembler.blsi(width, register(index, 1), slot(index, 0))
            } else {
                assembler.blsi(width, register(index, 1), register(index, 0))
            }
        case .negate:
            copy(register(index, 1), register(index, 0))
            assembler.neg(width, register(index, 1))
        case .countLeadingZeros:
            if !assembler.usesVEX {
                countZerosWithoutBMI(machine, index)
            } else if isSlot(index, 0) {
                assembler.lzcnt(width, register(index, 1), slot(index, 0))
            } else {
                assembler.lzcnt(width, register(index, 1), register(index, 0))
            }
        case .countTrailingZeros:
            if !assembler.usesVEX {
                countZerosWithoutBMI(machine, index)
            } else if isSlot(index, 0) {
                assembler.tzcnt(width, register(index, 1), slot(index, 0))
            } else {
                assembler.tzcnt(width, register(index, 1), register(index, 0))
            }
        case .populationCount:
            if !assembler.usesVEX {
                countOnesWithoutPOPCNT(machine, index)
            } else if isSlot(index, 0) {
                assembler.popcnt(width, register(index, 1), slot(index, 0))
            } else {
                assembler.popcnt(width, register(index, 1), register(index, 0))
            }
        case .signExtend:
            let from = Width(rawValue: machine.detail)!
            if isSlot(index, 0) {
                assembler.movsx(from: from, to: width, register(index, 1), slot(index, 0))
            } else {
                assembler.movsx(from: from, to: width, register(index, 1), register(index, 0))
            }
        case .zeroExtend: emitZeroExtend(machine, index)
        case .divide: emitDivide(machine, index)
        case .setCondition: emitSetCondition(machine, index)
        case .selectInteger: emitSelectInteger(machine, index)
        case .selectFloat: emitSelectFloat(machine, index)
        case .load: emitLoad(machine, index)
        case .store: emitStore(machine, index)
        case .storeImmediate: emitStoreImmediate(machine, index)
        case .tableGet, .tableSet: emitTableAccess(machine, index)
        case .functionReference:
            let destination = register(index, 0)
            assembler.mov(.w64, destination, .base(X86_64.context, Int32(VMContextLayout.functionRecords)))
            // At most 2^20 functions, so the displacement fits.
            assembler.alu(
                .add, .w64, destination,
                imm: Int32(truncatingIfNeeded: machine.immediate &* Int64(FunctionRecord.size)))
        case .call:
            assembler.callExternal(symbol: UInt32(truncatingIfNeeded: machine.immediate))
            didCall(source: machine.source)
        case .callIndirect: emitCallIndirect(machine, index)
        case .callRuntime: emitCallRuntime(machine)
        case .adjustStack:
            assembler.alu(
                machine.displacement < 0 ? .sub : .add, .w64, X86_64.rsp, imm: abs(machine.displacement))
        case .outgoingStore:
            store(machine, .base(X86_64.rsp, machine.displacement), allocation(index, 0).register)
        case .outgoingLoad:
            load(machine, allocation(index, 0).register, .base(X86_64.rsp, machine.displacement))
        case .incomingLoad:
            load(machine, allocation(index, 0).register, incoming(machine.displacement))
        case .incomingStore:
            store(machine, incoming(machine.displacement), allocation(index, 0).register)
        case .jump, .branch, .branchTable, .return, .tailCall, .tailCallIndirect, .trap:
            preconditionFailure("a terminator inside a block")
        default:
            emitFloat(machine, index)
        }
    }

    @inline(__always)
    mutating func copy(_ destination: UInt8, _ source: UInt8) {
        if destination != source { assembler.mov(.w64, destination, source) }
    }

    // MARK: Integers

    private mutating func emitALU(_ machine: MachineInstruction, _ index: UInt32) {
        let operation = ALU(rawValue: machine.detail)!
        let first = register(index, 0)
        let destination = register(index, 2)
        if isSlot(index, 1) {
            copy(destination, first)
            assembler.alu(operation, machine.width, destination, slot(index, 1))
            noteZeroFlag(destination, machine.width)
            return
        }
        let second = register(index, 1)
        if destination == first {
            assembler.alu(operation, machine.width, destination, second)
        } else if destination == second {
            if operation == .sub {
                assembler.neg(machine.width, destination)
                assembler.alu(.add, machine.width, destination, first)
            } else {
                assembler.alu(operation, machine.width, destination, first)
            }
        } else if operation == .add {
            assembler.lea(machine.width, destination, .indexed(first, second))
            return
        } else {
            copy(destination, first)
            assembler.alu(operation, machine.width, destination, second)
        }
        noteZeroFlag(destination, machine.width)
    }

    private mutating func emitALUImmediate(_ machine: MachineInstruction, _ index: UInt32) {
        let operation = ALU(rawValue: machine.detail)!
        let first = register(index, 0)
        let destination = register(index, 1)
        let immediate = Int32(truncatingIfNeeded: machine.immediate)
        if operation == .add && destination != first {
            assembler.lea(machine.width, destination, .base(first, immediate))
        } else if operation == .and && immediate == 0xFF {
            assembler.movzx(from: .w8, destination, first)
        } else if operation == .and && immediate == 0xFFFF {
            assembler.movzx(from: .w16, destination, first)
        } else {
            copy(destination, first)
            assembler.alu(operation, machine.width, destination, imm: immediate)
            noteZeroFlag(destination, machine.width)
        }
    }

    private mutating func emitLEAScaled(_ machine: MachineInstruction, _ index: UInt32) {
        let source = register(index, 0)
        let destination = register(index, 1)
        if machine.displacement == 0 && destination == source {
            assembler.shift(.shl, machine.width, destination, imm: machine.detail)
        } else if machine.detail == 1 {
            assembler.lea(machine.width, destination, .indexed(source, source, machine.displacement))
        } else {
            assembler.lea(
                machine.width, destination,
                .scaled(index: source, scale: machine.detail, disp: machine.displacement))
        }
    }

    private mutating func emitShiftVariable(_ machine: MachineInstruction, _ index: UInt32) {
        let count = register(index, 1)
        let destination = register(index, 2)
        let width = machine.width
        if isSlot(index, 0) {
            let source = slot(index, 0)
            switch Shift(rawValue: machine.detail)! {
            case .shl: assembler.shlx(width, destination, source, count)
            case .sar: assembler.sarx(width, destination, source, count)
            default: assembler.shrx(width, destination, source, count)
            }
        } else {
            let source = register(index, 0)
            switch Shift(rawValue: machine.detail)! {
            case .shl: assembler.shlx(width, destination, source, count)
            case .sar: assembler.sarx(width, destination, source, count)
            default: assembler.shrx(width, destination, source, count)
            }
        }
    }

    private mutating func emitZeroExtend(_ machine: MachineInstruction, _ index: UInt32) {
        let from = Width(rawValue: machine.detail)!
        let destination = register(index, 1)
        if isSlot(index, 0) {
            if from == .w32 {
                assembler.mov(.w32, destination, slot(index, 0))
            } else {
                assembler.movzx(from: from, destination, slot(index, 0))
            }
        } else if from == .w32 {
            assembler.mov(.w32, destination, register(index, 0))
        } else {
            assembler.movzx(from: from, destination, register(index, 0))
        }
    }

    private mutating func emitDivide(_ machine: MachineInstruction, _ index: UInt32) {
        let width = machine.width
        let isSigned = machine.detail & 1 != 0
        let isRemainder = machine.detail & 2 != 0
        let isNonzero = machine.detail & 4 != 0
        let isNotMinusOne = machine.detail & 8 != 0
        let divisor = register(index, 1)
        if !isNonzero {
            assembler.test(width, divisor, divisor)
            trap(.integerDivideByZero, if: .equal, source: machine.source)
        }
        if !isSigned {
            assembler.zero(X86_64.rdx)
            assembler.div(width, divisor)
            return
        }
        let done = assembler.newLabel()
        if isRemainder && !isNotMinusOne {
            // The smallest integer has no negation, so the quotient would overflow where the remainder is 0.
            assembler.alu(.cmp, width, divisor, imm: -1)
            assembler.jcc(.equal, detour(.remainderByMinusOne, index, back: done))
        }
        if width == .w64 { assembler.cqo() } else { assembler.cdq() }
        if !isRemainder && !isNotMinusOne { mayTrap(.integerOverflow, source: machine.source) }
        assembler.idiv(width, divisor)
        assembler.bind(done)
    }

    // MARK: Memory

    /// The memory operand of an access; for a checked one, code that computes and checks it.
    mutating func emitAddress(_ machine: MachineInstruction, _ index: UInt32, operand: Int) -> Memory {
        let scratch = X86_64.scratch
        switch machine.memory {
        case .heap:
            return .indexed(emitBase(machine), register(index, operand), machine.displacement)
        case .heapConstant:
            return .base(emitBase(machine), machine.displacement)
        case .heapChecked:
            return emitCheckedAddress(machine, register(index, operand))
        case .heapConstantChecked:
            // The address is below 2^31 by much more than an access.
            let end = machine.displacement &+ Int32(machine.accessBytes)
            assembler.alu(.cmp, .w64, length(machine), imm: end)
            trap(.memoryOutOfBounds, if: .below, source: machine.source)
            return .base(emitBase(machine), machine.displacement)
        case .context:
            return .base(X86_64.context, machine.displacement)
        case .contextIndirect:
            assembler.mov(.w64, scratch, .base(X86_64.context, machine.displacement))
            return .base(scratch, 0)
        case .none:
            preconditionFailure("no address")
        }
    }

    /// The register with the address of byte 0 of the access's memory.
    private mutating func emitBase(_ machine: MachineInstruction) -> UInt8 {
        if machine.memoryIndex == 0 { return X86_64.memoryBase }
        assembler.mov(.w64, X86_64.scratch, base(machine))
        return X86_64.scratch
    }

    private func base(_ machine: MachineInstruction) -> Memory {
        .base(X86_64.context, Int32(layout.memoryBase(Int(machine.memoryIndex))))
    }

    private func length(_ machine: MachineInstruction) -> Memory {
        .base(X86_64.context, Int32(layout.memoryLength(Int(machine.memoryIndex))))
    }

    /// Compares the end of an access with the memory's length.
    private mutating func emitCheckedAddress(_ machine: MachineInstruction, _ address: UInt8) -> Memory {
        let scratch = X86_64.scratch
        let bytes = Int32(machine.accessBytes)
        // Offset and size, below 2^32 + 16.
        let extent = UInt64(UInt32(bitPattern: machine.displacement)) + UInt64(machine.accessBytes)
        let is64 = module.memory(UInt32(machine.memoryIndex)).is64
        if extent <= UInt64(Int32.max), !is64 {
            assembler.lea(.w64, scratch, .base(address, Int32(extent)))
        } else if extent <= UInt64(Int32.max) {
            assembler.mov(.w64, scratch, address)
            assembler.alu(.add, .w64, scratch, imm: Int32(extent))
        } else {
            assembler.movImmediate(scratch, extent)
            assembler.alu(.add, .w64, scratch, address)
        }
        // The sum with an index of 32 bits has at most 33.
        if is64 { trap(.memoryOutOfBounds, if: .below, source: machine.source) }
        assembler.alu(.cmp, .w64, scratch, length(machine))
        trap(.memoryOutOfBounds, if: .above, source: machine.source)
        if machine.memoryIndex == 0 {
            // Not by way of the sum, if it can be said in the instruction: then the access need not wait for it.
            if extent <= UInt64(Int32.max) { return .indexed(X86_64.memoryBase, address, machine.displacement) }
            return .indexed(X86_64.memoryBase, scratch, -bytes)
        }
        assembler.alu(.add, .w64, scratch, base(machine))
        return .base(scratch, -bytes)
    }

    private mutating func emitLoad(_ machine: MachineInstruction, _ index: UInt32) {
        let memory = emitAddress(machine, index, operand: 0)
        if machine.memory.isHeap { mayTrap(.memoryOutOfBounds, source: machine.source) }
        load(machine, allocation(index, machine.memory.usesRegister ? 1 : 0).register, memory)
    }

    private mutating func load(_ machine: MachineInstruction, _ destination: PhysicalRegister, _ memory: Memory) {
        let register = destination.hardware
        let access = MemoryAccess(rawValue: machine.detail)!
        switch access {
        case .unsigned8: assembler.movzx(from: .w8, register, memory)
        case .unsigned16: assembler.movzx(from: .w16, register, memory)
        case .unsigned32: assembler.mov(.w32, register, memory)
        case .signed8: assembler.movsx(from: .w8, to: machine.width, register, memory)
        case .signed16: assembler.movsx(from: .w16, to: machine.width, register, memory)
        case .signed32:
            if machine.width == .w64 {
                assembler.movsx(from: .w32, to: .w64, register, memory)
            } else {
                assembler.mov(.w32, register, memory)
            }
        case .bits64: assembler.mov(.w64, register, memory)
        case .float32: assembler.vmovs(.f32, register, memory)
        case .float64: assembler.vmovs(.f64, register, memory)
        case .vector128: assembler.vmovups(register, memory)
        case .splat8 where !assembler.usesVEX, .splat16 where !assembler.usesVEX, .splat32 where !assembler.usesVEX:
            splatWithoutAVX(access, register, memory)
        case .splat8: assembler.vpacked(.pbroadcastb, register, memory)
        case .splat16: assembler.vpacked(.pbroadcastw, register, memory)
        case .splat32: assembler.vpacked(.broadcastss, register, memory)
        case .splat64: assembler.vpacked(.movddup, register, memory)
        case .extendSigned8: assembler.vpacked(.pmovsxbw, register, memory)
        case .extendUnsigned8: assembler.vpacked(.pmovzxbw, register, memory)
        case .extendSigned16: assembler.vpacked(.pmovsxwd, register, memory)
        case .extendUnsigned16: assembler.vpacked(.pmovzxwd, register, memory)
        case .extendSigned32: assembler.vpacked(.pmovsxdq, register, memory)
        case .extendUnsigned32: assembler.vpacked(.pmovzxdq, register, memory)
        case .zero32: assembler.vmovs(.f32, register, memory)
        case .zero64: assembler.vmovs(.f64, register, memory)
        }
    }

    private mutating func emitStore(_ machine: MachineInstruction, _ index: UInt32) {
        let memory = emitAddress(machine, index, operand: 0)
        if machine.memory.isHeap { mayTrap(.memoryOutOfBounds, source: machine.source) }
        store(machine, memory, allocation(index, machine.memory.usesRegister ? 1 : 0).register)
    }

    private mutating func store(_ machine: MachineInstruction, _ memory: Memory, _ source: PhysicalRegister) {
        let register = source.hardware
        switch MemoryAccess(rawValue: machine.detail)! {
        case .unsigned8, .signed8: assembler.mov(.w8, memory, register)
        case .unsigned16, .signed16: assembler.mov(.w16, memory, register)
        case .unsigned32, .signed32: assembler.mov(.w32, memory, register)
        case .bits64: assembler.mov(.w64, memory, register)
        case .float32: assembler.vmovs(.f32, memory, register)
        case .float64: assembler.vmovs(.f64, memory, register)
        case .vector128: assembler.vmovups(memory, register)
        default: preconditionFailure("an access that only loads")
        }
    }

    private mutating func emitStoreImmediate(_ machine: MachineInstruction, _ index: UInt32) {
        let memory = emitAddress(machine, index, operand: 0)
        if machine.memory.isHeap { mayTrap(.memoryOutOfBounds, source: machine.source) }
        let immediate = Int32(truncatingIfNeeded: machine.immediate)
        switch MemoryAccess(rawValue: machine.detail)!.bytes {
        case 1: assembler.mov(.w8, memory, imm: Int32(Int8(truncatingIfNeeded: immediate)))
        case 2: assembler.mov(.w16, memory, imm: Int32(Int16(truncatingIfNeeded: immediate)))
        case 4: assembler.mov(.w32, memory, imm: immediate)
        default: assembler.mov(.w64, memory, imm: immediate)
        }
    }

    private mutating func emitTableAccess(_ machine: MachineInstruction, _ index: UInt32) {
        let table = Int(machine.immediate)
        let element = register(index, 0)
        assembler.alu(.cmp, .w64, element, .base(X86_64.context, Int32(layout.tableLength(table))))
        trap(.tableOutOfBounds, if: .aboveOrEqual, source: machine.source)
        assembler.mov(.w64, X86_64.scratch, .base(X86_64.context, Int32(layout.tableBase(table))))
        let memory = Memory.indexed(X86_64.scratch, element, scale: 3)
        if machine.operation == .tableGet {
            assembler.mov(.w64, register(index, 1), memory)
        } else {
            assembler.mov(.w64, memory, register(index, 1))
        }
    }
}
