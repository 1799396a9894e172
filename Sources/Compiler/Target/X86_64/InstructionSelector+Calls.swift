//! Selection of calls, returns and the function's entry: where the calling convention meets virtual registers.

extension InstructionSelector {
    // MARK: Calls

    mutating func selectCall(_ value: UInt32, _ instruction: IRInstruction) {
        hasCalls = true
        switch instruction.operation {
        case .call:
            var machine = MachineInstruction(operation: .call)
            machine.immediate = Int64(instruction.a)
            selectCall(
                value, machine, type: instruction.d, arguments: instruction.b, count: instruction.c, index: nil)
        case .callIndirect:
            var machine = MachineInstruction(operation: .callIndirect)
            let table = lists[Int(instruction.a) + 1]
            machine.immediate = Int64(instruction.d) | Int64(table) << 32
            selectCall(
                value, machine, type: instruction.d, arguments: instruction.a &+ 2, count: instruction.b,
                index: lists[Int(instruction.a)])
        default:
            selectRuntimeCall(value, instruction)
        }
    }

    /// Backwards: pop the result area, load results from it, call, store arguments, make room.
    private mutating func selectCall(
        _ value: UInt32, _ machine: MachineInstruction, type: UInt32, arguments: UInt32, count: UInt32,
        index: UInt32?
    ) {
        let results = module.results(ofType: type)
        var resultPlaces = ArgumentAssigner()
        for result in results { _ = resultPlaces.next(result) }
        let resultBytes = resultPlaces.areaBytes
        let argumentBytes = argumentAreaBytes(ofType: type)

        adjustStack(resultBytes)
        if resultBytes > 0 {
            resultPlaces = ArgumentAssigner()
            for (position, type) in results.enumerated() {
                let result = value &+ UInt32(position)
                guard case .stack(let offset) = resultPlaces.next(type), isUsed(result) else { continue }
                define(value: result)
                finish(stackAccess(.outgoingLoad, type, offset))
            }
        }

        if let index { use(index, .register) }
        var clobbers = X86_64.callClobbers
        useArguments(ofType: type, arguments)
        if index != nil { define(temporary(.integer), .register, role: .earlyDef) }
        resultPlaces = ArgumentAssigner()
        for (position, type) in results.enumerated() {
            let result = value &+ UInt32(position)
            guard case .register(let place) = resultPlaces.next(type), isUsed(result) else { continue }
            define(register(of: result), .fixed, detail: place.number)
            clobbers &= ~place.mask
        }
        finish(machine, clobbers: clobbers)

        if argumentBytes > 0 { storeArguments(ofType: type, arguments) }
        adjustStack(-(resultBytes + argumentBytes))
    }

    /// The arguments that are passed in registers, as operands of the call.
    private mutating func useArguments(ofType type: UInt32, _ arguments: UInt32) {
        var places = ArgumentAssigner()
        for (position, type) in module.parameters(ofType: type).enumerated() {
            guard case .register(let register) = places.next(type) else { continue }
            use(lists[Int(arguments) + position], fixed: register.number)
        }
    }

    /// Stores the other arguments to the area at the stack pointer.
    private mutating func storeArguments(ofType type: UInt32, _ arguments: UInt32) {
        var places = ArgumentAssigner()
        for (position, type) in module.parameters(ofType: type).enumerated() {
            guard case .stack(let offset) = places.next(type) else { continue }
            use(lists[Int(arguments) + position], .register)
            finish(stackAccess(.outgoingStore, type, offset))
        }
    }

    /// A call that replaces the frame. Stack arguments are stored as for any call; emission moves them up to where the
    /// caller's are.
    mutating func selectTailCall(_ instruction: IRInstruction) {
        let type = instruction.d
        let isIndirect = instruction.operation == .tailCallIndirect
        var machine = MachineInstruction(operation: isIndirect ? .tailCallIndirect : .tailCall)
        machine.displacement = argumentAreaBytes(ofType: type)
        var arguments = instruction.b
        if isIndirect {
            machine.immediate = Int64(type) | Int64(lists[Int(instruction.a) + 1]) << 32
            use(lists[Int(instruction.a)], .register)
            arguments = instruction.a &+ 2
        } else {
            machine.immediate = Int64(instruction.a)
        }
        useArguments(ofType: type, arguments)
        if isIndirect { define(temporary(.integer), .register, role: .earlyDef) }
        let bytes = machine.displacement
        finish(machine)
        storeArguments(ofType: type, arguments)
        adjustStack(-bytes)
    }

    private mutating func selectRuntimeCall(_ value: UInt32, _ instruction: IRInstruction) {
        let cellBytes = (Int32(max(instruction.c, 1)) * 8 + 15) & ~15
        adjustStack(cellBytes)
        if isUsed(value) {
            define(value: value)
            finish(stackAccess(.outgoingLoad, instruction.type, 0))
        }
        var machine = MachineInstruction(operation: .callRuntime)
        machine.immediate = Int64(instruction.a)
        finish(machine, clobbers: X86_64.callClobbers)
        for position in 0..<Int(instruction.c) {
            // Whole cells: an i32's upper half is clear in its register.
            use(lists[Int(instruction.b) + position], .register)
            finish(stackAccess(.outgoingStore, .i64, Int32(position * 8)))
        }
        adjustStack(-cellBytes)
    }

    mutating func adjustStack(_ bytes: Int32) {
        guard bytes != 0 else { return }
        var machine = MachineInstruction(operation: .adjustStack)
        machine.displacement = bytes
        outgoingBytes = max(outgoingBytes, -bytes)
        finish(machine)
    }

    func stackAccess(_ operation: MachineOperation, _ type: IRType, _ offset: Int32) -> MachineInstruction {
        var machine = MachineInstruction(operation: operation, width: type.is64 ? .w64 : .w32)
        machine.detail = MemoryAccess.full(type).rawValue
        machine.displacement = offset
        return machine
    }

    // MARK: The function's own arguments and results

    mutating func selectEntry(_ block: IRBlock) {
        let parameters = module.parameters(ofType: functionType)
        var places = ArgumentAssigner()
        for (index, type) in parameters.enumerated() {
            let value = block.first &+ UInt32(index)
            guard case .stack(let offset) = places.next(type), isUsed(value) else { continue }
            define(value: value)
            finish(stackAccess(.incomingLoad, type, offset))
        }
        places = ArgumentAssigner()
        for (index, type) in parameters.enumerated() {
            let value = block.first &+ UInt32(index)
            guard case .register(let place) = places.next(type), isUsed(value) else { continue }
            define(register(of: value), .fixed, detail: place.number)
        }
        finish(MachineInstruction(operation: .entry))
    }

    mutating func selectReturn(_ instruction: IRInstruction) {
        let results = module.results(ofType: functionType)
        var places = ArgumentAssigner()
        for (index, type) in results.enumerated() {
            guard case .register(let place) = places.next(type) else { continue }
            use(lists[Int(instruction.a) + index], fixed: place.number)
        }
        finish(MachineInstruction(operation: .return))
        guard places.areaBytes > 0 else { return }
        places = ArgumentAssigner()
        for (index, type) in results.enumerated() {
            guard case .stack(let offset) = places.next(type) else { continue }
            // The results' area lies above the arguments'.
            use(lists[Int(instruction.a) + index], .register)
            finish(stackAccess(.incomingStore, type, incomingArgumentBytes + offset))
        }
    }
}
