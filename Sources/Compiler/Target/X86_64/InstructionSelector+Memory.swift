//! Selection of memory accesses and of the module's state: globals, tables, function references.
//!
//! Address folding is a security boundary. An access to a memory at a 32-bit index plus a constant offset is encoded as
//! base + register + displacement without any check: the register is zero-extended (an invariant of the IR), the
//! displacement is below `foldableOffsetLimit`, so the highest byte touched lies below 4 GiB + 2 GiB, inside the memory's
//! reservation and the guard behind it, which every memory has whose addresses are i32. Larger offsets, indices of 64 bits,
//! and all accesses of code that is made with explicit checks, are compared with the memory's length.

extension InstructionSelector {
    /// Constant offsets below this fold into an address unchecked. The guard behind a memory covers 2 GiB; 64 KiB of it
    /// are left for the width of the access.
    static var foldableOffsetLimit: UInt64 { 0x7FFF_0000 }

    /// Adds the register operand of a load's or store's address, if it has one, and makes `machine` use the address.
    mutating func selectAddress(of access: UInt32, into machine: inout MachineInstruction) {
        selectAddress(of: ir[Int(access)], into: &machine)
    }

    mutating func selectAddress(of access: IRInstruction, into machine: inout MachineInstruction) {
        let isStore = access.operation == .store
        let index = access.a
        let offset = UInt64(isStore ? access.c : access.b)
        let memory = isStore ? access.d : access.c
        machine.memoryIndex = UInt8(truncatingIfNeeded: memory)
        machine.accessBytes = UInt8(truncatingIfNeeded: access.memoryAccess.bytes)
        machine.displacement = Int32(truncatingIfNeeded: Int64(bitPattern: offset))
        let isChecked = module.settings.boundsChecks == .explicit || module.memory(memory).is64
        if let constant = integerConstant(index) {
            let (address, overflow) = UInt64(bitPattern: constant).addingReportingOverflow(offset)
            if !overflow && address < Self.foldableOffsetLimit {
                // What the memory begins with it always has.
                let minimum = min(module.memory(memory).minimum, 1 << 16) << 16
                let isThere = address + UInt64(machine.accessBytes) <= minimum
                machine.memory = isChecked && !isThere ? .heapConstantChecked : .heapConstant
                machine.displacement = Int32(address)
                return
            }
        }
        use(index, .register)
        machine.memory = !isChecked && offset < Self.foldableOffsetLimit ? .heap : .heapChecked
    }

    mutating func selectLoad(_ value: UInt32, _ instruction: IRInstruction) {
        var machine = MachineInstruction(operation: .load, width: instruction.type.is64 ? .w64 : .w32)
        machine.detail = instruction.flags
        selectAddress(of: instruction, into: &machine)
        if isUsed(value) {
            define(value: value)
        } else {
            // Nobody wants the value, but the access may trap.
            define(temporary(instruction.type.registerClass), .register)
        }
        finish(machine)
    }

    mutating func selectStore(_ instruction: IRInstruction) {
        var machine = MachineInstruction(operation: .store)
        machine.detail = instruction.flags
        if selectLaneStore(instruction) || selectReadModifyWrite(instruction) { return }
        let isInteger = ir[Int(instruction.b)].type.registerClass == .integer
        if isInteger, let constant = immediate(instruction.b) {
            machine.operation = .storeImmediate
            machine.immediate = constant
            selectAddress(of: instruction, into: &machine)
        } else {
            selectAddress(of: instruction, into: &machine)
            use(instruction.b, .register)
        }
        finish(machine)
    }

    /// A store of an operation's result to where one of its operands was loaded from, as one instruction.
    private mutating func selectReadModifyWrite(_ store: IRInstruction) -> Bool {
        let result = ir[Int(store.b)]
        let alu: ALU
        switch result.operation {
        case .add: alu = .add
        case .subtract: alu = .sub
        case .and: alu = .and
        case .or: alu = .or
        case .xor: alu = .xor
        default: return false
        }
        guard isSingleUseHere(store.b), experiment.has(.readModifyWrite) else { return false }
        let load: UInt32
        let other: UInt32
        if isLoad(result.a, whatIsStoredBy: store) {
            (load, other) = (result.a, result.b)
        } else if alu != .sub, isLoad(result.b, whatIsStoredBy: store) {
            (load, other) = (result.b, result.a)
        } else {
            return false
        }
        let width: Width =
            switch store.memoryAccess.bytes {
            case 1: .w8
            case 2: .w16
            case 4: .w32
            default: .w64
            }
        var machine = MachineInstruction(operation: .aluStore, width: width, detail: alu.rawValue)
        selectAddress(of: store, into: &machine)
        if let constant = immediate(other) {
            machine.operation = .aluStoreImmediate
            machine.immediate =
                switch width {
                case .w8: Int64(Int8(truncatingIfNeeded: constant))
                case .w16: Int64(Int16(truncatingIfNeeded: constant))
                default: constant
                }
        } else {
            use(other, .register)
        }
        takeIn(store.b)
        takeIn(load)
        finish(machine)
        return true
    }

    /// Whether `value` is a load, for nobody else, of exactly the bytes that `store` overwrites, and nothing with an effect lies
    /// between the two. Of a load that extends, only the bytes that are stored again count.
    private func isLoad(_ value: UInt32, whatIsStoredBy store: IRInstruction) -> Bool {
        let load = ir[Int(value)]
        return load.operation == .load && load.a == store.a && load.b == store.c && load.c == store.d
            && load.memoryAccess.bytes == store.memoryAccess.bytes && load.type.registerClass == .integer
            && isSingleUseHere(value) && colors[value] == currentColor
    }

    mutating func selectModuleState(_ value: UInt32, _ instruction: IRInstruction) {
        switch instruction.operation {
        case .memorySize:
            // Length in bytes → pages of 64 KiB.
            let bytes = temporary(.integer)
            operands.append(Operand(virtualRegister: bytes, constraint: .register, role: .use))
            define(value: value)
            var shift = MachineInstruction(operation: .shiftImmediate, width: .w64, detail: Shift.shr.rawValue)
            shift.immediate = 16
            finish(shift)
            define(bytes, .register)
            finish(contextAccess(.load, .bits64, .w64, layout.memoryLength(Int(instruction.a))))
        case .tableSize:
            define(value: value)
            finish(
                contextAccess(
                    .load, .full(instruction.type), instruction.type.is64 ? .w64 : .w32,
                    layout.tableLength(Int(instruction.a))))
        case .globalGet:
            define(value: value)
            finish(globalAccess(.load, instruction.a, instruction.type))
        case .globalSet:
            use(instruction.a, .register)
            finish(globalAccess(.store, instruction.b, ir[Int(instruction.a)].type))
        case .tableGet:
            use(instruction.a, .register)
            define(isUsed(value) ? register(of: value) : temporary(.integer), .register)
            var machine = MachineInstruction(operation: .tableGet)
            machine.immediate = Int64(instruction.b)
            finish(machine)
        case .tableSet:
            use(instruction.a, .register)
            use(instruction.b, .register)
            var machine = MachineInstruction(operation: .tableSet)
            machine.immediate = Int64(instruction.c)
            finish(machine)
        case .functionReference:
            define(value: value)
            var machine = MachineInstruction(operation: .functionReference)
            machine.immediate = Int64(instruction.a)
            finish(machine)
        default: preconditionFailure("not an operation on module state")
        }
    }

    /// The value of a mutable global that is imported lies with the instance that defines it; the context has its address.
    private func globalAccess(_ operation: MachineOperation, _ global: UInt32, _ type: IRType) -> MachineInstruction {
        var machine = contextAccess(
            operation, .full(type), type.is64 ? .w64 : .w32, layout.global(Int(global)))
        if module.isImported(global: global) && module.isMutable(global: global) { machine.memory = .contextIndirect }
        return machine
    }

    private func contextAccess(
        _ operation: MachineOperation, _ access: MemoryAccess, _ width: Width, _ offset: Int
    ) -> MachineInstruction {
        var machine = MachineInstruction(operation: operation, width: width, detail: access.rawValue)
        machine.memory = .context
        machine.displacement = Int32(offset)
        return machine
    }
}

extension MemoryAccess {
    /// The access that moves a whole value of a type.
    static func full(_ type: IRType) -> MemoryAccess {
        switch type {
        case .i32: .unsigned32
        case .f32: .float32
        case .f64: .float64
        case .v128: .vector128
        default: .bits64
        }
    }
}
