//! The second half of an instruction: values are rescued from registers it destroys, and its results get registers.

extension RegisterAllocator {
    // MARK: - Rescues

    mutating func rescueDestroyed(_ instruction: inout InstructionState) {
        let forbidden = instruction.reads | instruction.destroyed | instruction.fixedUses
        var registers = instruction.destroyed & occupied
        while registers != 0 {
            let register = lowest(registers)
            registers &= registers &- 1
            rescue(register, forbidden: forbidden, lenient: forbidden, at: instruction.position)
        }
    }

    /// Empties a register: its value goes to another one if that pays, else to its slot. A value that the instruction
    /// itself reads may go where only `lenient` forbids.
    mutating func rescue(_ register: UInt8, forbidden: UInt32, lenient: UInt32, at position: UInt32) {
        let value = occupants[Int(register)]
        let use = states[value].nextUse
        let isFar = use >= currentEnd &+ Self.loopExitPenalty
        if isFar, valid & bit(register) != 0 {
            evict(register, at: position)
            return
        }
        let all = classMask(states[value].registerClass)
        var free = all & ~occupied & ~forbidden
        // A first use of a callee-saved register costs every call of the function.
        if isCold || use >= Self.coldPenalty { free &= ~(file.calleeSaved & ~calleeSavedUsed) }
        if free == 0, use == position { free = all & ~occupied & ~lenient }
        if free == 0, !isCold || use == position {
            let others = all & occupied & ~forbidden & ~bit(register)
            if others != 0 {
                let victim = furthest(others)
                let victimUse = states[occupants[Int(victim)]].nextUse
                let gain: UInt32 = use == position ? 1 : Self.loopExitPenalty / 2
                if victimUse >= use &+ gain {
                    evict(victim, at: position)
                    free = bit(victim)
                }
            }
        }
        if free == 0 {
            evict(register, at: position)
            return
        }
        let target = chooseRegister(value, from: free, after: position, until: use, mild: 0)
        let wasValid = valid & bit(register) != 0
        move(place(register), to: place(target), at: position, value)
        vacate(register)
        occupy(target, value)
        if wasValid { valid |= bit(target) }
    }

    // MARK: - Definitions

    mutating func placeDefinitions(
        _ start: Int, _ useEnd: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>,
        _ allocations: UnsafeMutablePointer<Allocation>, _ instruction: inout InstructionState,
        _ input: borrowing AllocationInput
    ) {
        let position = instruction.position
        var written: UInt32 = 0
        var hasPlain = false
        for index in useEnd..<end {
            let operand = operands[index]
            switch operand.constraint {
            case .fixed:
                written |= bit(operand.detail)
                define(index, operand, in: operand.detail, allocations, position)
            case .reuse:
                let register = allocations[start &+ Int(operand.detail)].register.number
                written |= bit(register)
                define(index, operand, in: register, allocations, position)
            case .any, .register: hasPlain = true
            }
        }
        if hasPlain {
            // The register that the first use leaves saves a move to the instructions of two-operand machines.
            var mild: UInt32 = 0
            if start < useEnd, allocations[start].isRegister {
                let register = allocations[start].register.number
                mild = bit(register)
            }
            for round in 0..<2 {
                let isEarly = round == 0
                for index in useEnd..<end {
                    let operand = operands[index]
                    guard operand.constraint == .any || operand.constraint == .register,
                        (operand.role == .earlyDef) == isEarly
                    else { continue }
                    let forbidden = written | (isEarly ? instruction.reads : instruction.lateReads)
                    let register = obtain(
                        operand.virtualRegister, forbidden: forbidden, avoided: instruction.clobbers, at: position,
                        until: states[operand.virtualRegister].lastUse, mild: mild)
                    written |= bit(register)
                    define(index, operand, in: register, allocations, position)
                }
            }
        }
        for index in useEnd..<end {
            let state = states.base + Int(operands[index].virtualRegister)
            if state.pointee.nextUse == Self.dead { vacate(state.pointee.register) }
        }
    }

    @inline(__always)
    private mutating func define(
        _ index: Int, _ operand: Operand, in register: UInt8, _ allocations: UnsafeMutablePointer<Allocation>,
        _ position: UInt32
    ) {
        let value = operand.virtualRegister
        occupy(register, value)
        allocations[index] = place(register)
        let use = nextUses[index]
        let state = states.base + Int(value)
        state.pointee.nextUse = use == Self.dead ? useBeyondBlock(value) : use
        state.pointee.definitionRegister = register
        state.pointee.lastPosition = max(state.pointee.lastPosition, position)
        prefer(register, for: value)
        if isLocal, state.pointee.has(VirtualRegisterState.leavesBlock) { needSlot(value) }
    }
}
