//! Selection of memory accesses and of the module's state: globals, tables, function references.
//!
//! Address folding is a security boundary. An access to memory 0 at a 32-bit index plus a constant offset is encoded as
//! r14 + register + displacement without any check: the register is zero-extended (an invariant of the IR), the
//! displacement is below `foldableOffsetLimit`, so the highest byte touched lies below 4 GiB + 2 GiB, inside the slot's memory
//! and the guard behind it. Larger offsets are added and checked explicitly.

extension InstructionSelector {
    /// Constant offsets below this fold into an address unchecked. The guard behind a memory covers 2 GiB; 64 KiB of it
    /// are left for the width of the access.
    static var foldableOffsetLimit: UInt64 { 0x7FFF_0000 }

    /// Adds the register operand of a load's or store's address, if it has one, and makes `machine` use the address.
    mutating func selectAddress(of access: UInt32, into machine: inout MachineInstruction) {
        let instruction = ir[Int(access)]
        let isStore = instruction.operation == .store
        selectAddress(
            instruction.a, offset: isStore ? instruction.c : instruction.b, into: &machine)
    }

    mutating func selectAddress(
        _ index: UInt32, offset: UInt32, into machine: inout MachineInstruction
    ) {
        if let constant = integerConstant(index) {
            let address = UInt64(UInt32(truncatingIfNeeded: constant)) + UInt64(offset)
            if address < Self.foldableOffsetLimit {
                machine.memory = .heapConstant
                machine.displacement = Int32(address)
                return
            }
        }
        use(index, .register)
        machine.memory = UInt64(offset) < Self.foldableOffsetLimit ? .heap : .heapChecked
        machine.displacement = Int32(bitPattern: offset)
    }

    mutating func selectLoad(_ value: UInt32, _ instruction: IRInstruction) {
        var machine = MachineInstruction(operation: .load, width: instruction.type.is64 ? .w64 : .w32)
        machine.detail = instruction.flags
        selectAddress(instruction.a, offset: instruction.b, into: &machine)
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
        if selectLaneStore(instruction) { return }
        let isInteger = ir[Int(instruction.b)].type.registerClass == .integer
        if isInteger, let constant = immediate(instruction.b) {
            machine.operation = .storeImmediate
            machine.immediate = constant
            selectAddress(instruction.a, offset: instruction.c, into: &machine)
        } else {
            selectAddress(instruction.a, offset: instruction.c, into: &machine)
            use(instruction.b, .register)
        }
        finish(machine)
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
            finish(contextAccess(.load, .unsigned32, .w32, layout.tableLength(Int(instruction.a))))
        case .globalGet:
            define(value: value)
            let type = instruction.type
            finish(
                contextAccess(.load, .full(type), type.is64 ? .w64 : .w32, layout.global(Int(instruction.a))))
        case .globalSet:
            let type = ir[Int(instruction.a)].type
            use(instruction.a, .register)
            finish(
                contextAccess(.store, .full(type), type.is64 ? .w64 : .w32, layout.global(Int(instruction.b))))
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
