//! One instruction: places for its operands, and the moves before it.
//!
//! Everything that is moved is moved before the instruction, in order, so each step works on the state the one before
//! left. `reads` are registers that some operand reads: no later move may overwrite them, though their values may get a
//! new home. Order: fixed uses; late uses; other uses; tied uses, which are overwritten; uses that may be in memory;
//! then what dies is freed, registers the instruction destroys are emptied, and definitions take what is free.

/// What an instruction demands, and what has been promised so far.
struct InstructionState: BitwiseCopyable {
    var position: UInt32
    var clobbers: UInt32 = 0
    /// Written before uses are read.
    var earlyFixed: UInt32 = 0
    /// Written after uses have been read, with the registers of fixed operands that a definition is tied to.
    var lateFixed: UInt32 = 0
    var fixedUses: UInt32 = 0
    /// Registers operands read.
    var reads: UInt32 = 0
    /// Registers that must last until after definitions are written.
    var lateReads: UInt32 = 0
    var hasFixedUses = false
    var hasLateUses = false
    var hasTies = false
    var hasMemoryUses = false
    /// Registers that operands read and the instruction overwrites at the end.
    var tiedReads: UInt32 = 0
    /// Definitions without a fixed register: those written early, and all, per class.
    var earlyDefinitions = (0, 0)
    var definitions = (0, 0)

    var destroyed: UInt32 { clobbers | earlyFixed | lateFixed }
}

extension RegisterAllocator {
    mutating func allocateInstruction(
        _ position: UInt32, _ input: borrowing AllocationInput, _ output: inout AllocationOutput
    ) {
        let start = Int(input.operandStart[position])
        let end = Int(input.operandStart[position &+ 1])
        while eventCursor >= 0, events.base[eventCursor].position <= position { eventCursor &-= 1 }
        if start == end, input.clobbers[position] == 0 { return }
        let operands = input.operands.base
        let allocations = output.allocations.base

        var instruction = InstructionState(position: position)
        instruction.clobbers = input.clobbers[position]
        var useEnd = start
        var isSimple = instruction.clobbers == 0
        for index in start..<end {
            let operand = operands[index]
            switch operand.role {
            case .use: useEnd = index &+ 1
            case .lateUse:
                useEnd = index &+ 1
                instruction.hasLateUses = true
                isSimple = false
            case .def: break
            case .earlyDef: isSimple = false
            }
            switch operand.constraint {
            case .any: if !operand.isDefinition { instruction.hasMemoryUses = true }
            case .register: break
            case .fixed:
                isSimple = false
                let mask = bit(operand.detail)
                switch operand.role {
                case .use, .lateUse:
                    instruction.fixedUses |= mask
                    instruction.hasFixedUses = true
                case .def: instruction.lateFixed |= mask
                case .earlyDef: instruction.earlyFixed |= mask
                }
            case .reuse:
                isSimple = false
                instruction.hasTies = true
                ties[Int(operand.detail)] = operand.role == .def ? 1 : 2
                let tied = operands[start &+ Int(operand.detail)]
                if tied.constraint == .fixed { instruction.lateFixed |= bit(tied.detail) }
            }
        }

        // Three operands always find registers, in whatever order they are placed.
        if useEnd &- start > 3 { isSimple = false }
        if isSimple {
            placeSimpleUses(start, useEnd, operands, allocations, &instruction)
        } else {
            if instruction.hasFixedUses { placeFixedUses(start, useEnd, operands, allocations, &instruction) }
            if instruction.hasLateUses { placeUses(.late, start, useEnd, operands, allocations, &instruction) }
            placeUses(.early, start, useEnd, operands, allocations, &instruction)
            if instruction.hasTies { placeUses(.tied, start, useEnd, operands, allocations, &instruction) }
            if instruction.hasMemoryUses {
                countDefinitions(useEnd, end, operands, &instruction)
                if instruction.hasLateUses {
                    placeMemoryUses(late: true, start, useEnd, operands, allocations, &instruction)
                }
                placeMemoryUses(late: false, start, useEnd, operands, allocations, &instruction)
            }
        }
        finishUses(start, useEnd, operands, allocations, position)
        if isSimple {
            if useEnd < end { placeDefinitions(start, useEnd, end, operands, allocations, &instruction, input) }
            return
        }
        if instruction.destroyed & occupied != 0 { rescueDestroyed(&instruction) }
        if useEnd < end { placeDefinitions(start, useEnd, end, operands, allocations, &instruction, input) }
        if instruction.hasTies {
            for index in useEnd..<end where operands[index].constraint == .reuse {
                ties[Int(operands[index].detail)] = 0
            }
        }
    }

    // MARK: - Uses

    /// All operands are plain uses, in registers or reloaded.
    @inline(__always)
    private mutating func placeSimpleUses(
        _ start: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>,
        _ allocations: UnsafeMutablePointer<Allocation>, _ instruction: inout InstructionState
    ) {
        var isMissing = false
        for index in start..<end {
            let register = states.base[Int(operands[index].virtualRegister)].register
            if register == Self.noRegister {
                isMissing = true
                continue
            }
            instruction.reads |= bit(register)
            allocations[index] = place(register)
        }
        guard isMissing else { return }
        for index in start..<end where allocations[index] == .none {
            reloadUse(index, operands[index], allocations, hard: 0, soft: 0, &instruction)
        }
    }

    /// The next use of an operand's value behind the instruction, `dead` if none.
    @inline(__always)
    private func useAfter(
        _ index: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>, _ position: UInt32
    ) -> UInt32 {
        let value = operands[index].virtualRegister
        var use = nextUses[index]
        if use == position {
            // Mentioned again in this instruction: the last mention knows.
            for later in index &+ 1..<end where operands[later].virtualRegister == value { use = nextUses[later] }
        }
        return use == Self.dead ? useBeyondBlock(value) : use
    }

    @inline(__always)
    func useBeyondBlock(_ value: UInt32) -> UInt32 {
        let state = states.base + Int(value)
        if isLocal {
            return state.pointee.has(VirtualRegisterState.leavesBlock) ? Self.farthest : Self.dead
        }
        return state.pointee.exitStamp == exitEpoch ? state.pointee.exitUse : Self.dead
    }

    /// Places uses in particular registers: as long as it goes, those whose register is free, so that a chain of
    /// arguments shifts without detours.
    private mutating func placeFixedUses(
        _ start: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>,
        _ allocations: UnsafeMutablePointer<Allocation>, _ instruction: inout InstructionState
    ) {
        // First those already in place, lest they be moved away.
        var isDone = true
        for index in start..<end where operands[index].constraint == .fixed {
            let operand = operands[index]
            if states[operand.virtualRegister].register == operand.detail {
                noteFixed(index, operand, allocations, &instruction)
            } else {
                isDone = false
            }
        }
        while !isDone {
            isDone = true
            var hasProgress = false
            var blocked = -1
            for index in start..<end where operands[index].constraint == .fixed && allocations[index] == .none {
                let operand = operands[index]
                if occupied & bit(operand.detail) != 0, states[operand.virtualRegister].register != operand.detail {
                    if blocked < 0 { blocked = index }
                    isDone = false
                    continue
                }
                hasProgress = true
                fillFixed(index, end, operands, allocations, &instruction)
            }
            if !hasProgress, blocked >= 0 {
                rescue(
                    operands[blocked].detail,
                    forbidden: instruction.reads | instruction.fixedUses | instruction.destroyed,
                    lenient: instruction.reads | instruction.fixedUses | instruction.earlyFixed,
                    at: instruction.position)
            }
        }
    }

    @inline(__always)
    private func noteFixed(
        _ index: Int, _ operand: Operand, _ allocations: UnsafeMutablePointer<Allocation>,
        _ instruction: inout InstructionState
    ) {
        let mask = bit(operand.detail)
        instruction.reads |= mask
        if operand.role == .lateUse { instruction.lateReads |= mask }
        allocations[index] = place(operand.detail)
    }

    /// Brings a value into its fixed register, which is not another value's home.
    private mutating func fillFixed(
        _ index: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>,
        _ allocations: UnsafeMutablePointer<Allocation>, _ instruction: inout InstructionState
    ) {
        let operand = operands[index]
        let value = operand.virtualRegister
        let home = states[value].register
        let target = operand.detail
        // A copy of the same value may be there for another mention.
        if home != target, instruction.reads & bit(target) == 0 {
            noteWrite(target)
            if home == Self.noRegister {
                move(.slot(value), to: place(target), at: instruction.position, value)
                adopt(value, in: target)
            } else {
                move(place(home), to: place(target), at: instruction.position, value)
                let isStillRead = instruction.reads & bit(home) != 0
                if !isStillRead, useAfter(index, end, operands, instruction.position) == Self.dead,
                    nextUses[index] == Self.dead
                {
                    let wasValid = valid & bit(home) != 0
                    vacate(home)
                    occupy(target, value)
                    if wasValid { valid |= bit(target) }
                }
            }
        }
        noteFixed(index, operand, allocations, &instruction)
    }

    /// A value has just been reloaded from its slot.
    @inline(__always)
    private mutating func adopt(_ value: UInt32, in register: UInt8) {
        occupy(register, value)
        valid |= bit(register)
    }

    private enum UseKind { case late, early, tied }

    /// Places the uses of one kind that need a register: first those that are in a good one, then the others.
    private mutating func placeUses(
        _ kind: UseKind, _ start: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>,
        _ allocations: UnsafeMutablePointer<Allocation>, _ instruction: inout InstructionState
    ) {
        var isMissing = true
        var round = 0
        while isMissing, round < 2 {
            isMissing = false
            for index in start..<end where allocations[index] == .none {
                let operand = operands[index]
                let tie = instruction.hasTies && index &- start < 256 ? ties[index &- start] : 0
                switch kind {
                case .late: guard operand.constraint == .register, operand.role == .lateUse else { continue }
                case .early: guard operand.constraint == .register, operand.role == .use, tie == 0 else { continue }
                case .tied:
                    guard operand.constraint != .fixed, tie != 0 else { continue }
                    let hard =
                        instruction.earlyFixed | instruction.lateFixed
                        | (tie == 2 ? instruction.reads : instruction.lateReads)
                    placeTied(index, start, end, operands, allocations, hard: hard, &instruction)
                    continue
                }
                var hard = instruction.earlyFixed
                if kind == .late { hard |= instruction.lateFixed | instruction.clobbers }
                let home = states[operand.virtualRegister].register
                if home != Self.noRegister, bit(home) & hard == 0 {
                    note(index, home, operand, allocations, &instruction)
                } else if round == 0 {
                    isMissing = true
                } else {
                    reloadUse(
                        index, operand, allocations, hard: hard, soft: avoidedByUse(index, operand, instruction),
                        &instruction)
                }
            }
            round &+= 1
        }
    }

    /// Registers in which a value that lives on would not stay.
    @inline(__always)
    private func avoidedByUse(_ index: Int, _ operand: Operand, _ instruction: InstructionState) -> UInt32 {
        nextUses[index] == Self.dead && useBeyondBlock(operand.virtualRegister) == Self.dead
            ? 0 : instruction.destroyed
    }

    private func countDefinitions(
        _ start: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>, _ instruction: inout InstructionState
    ) {
        for index in start..<end {
            let operand = operands[index]
            guard operand.constraint == .register || operand.constraint == .any else { continue }
            let isEarly = operand.role == .earlyDef ? 1 : 0
            if states[operand.virtualRegister].registerClass == 0 {
                instruction.definitions.0 &+= 1
                instruction.earlyDefinitions.0 &+= isEarly
            } else {
                instruction.definitions.1 &+= 1
                instruction.earlyDefinitions.1 &+= isEarly
            }
        }
    }

    /// Places the uses that may be in memory. They take a register only as long as the definitions find theirs: there
    /// may be any number of them.
    private mutating func placeMemoryUses(
        late: Bool, _ start: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>,
        _ allocations: UnsafeMutablePointer<Allocation>, _ instruction: inout InstructionState
    ) {
        for index in start..<end where allocations[index] == .none {
            let operand = operands[index]
            guard (operand.role == .lateUse) == late else { continue }
            var hard = instruction.earlyFixed
            if late { hard |= instruction.lateFixed | instruction.clobbers | instruction.tiedReads }
            let state = states[operand.virtualRegister]
            let isInteger = state.registerClass == 0
            let needed =
                late
                ? (isInteger ? instruction.definitions.0 : instruction.definitions.1)
                : (isInteger ? instruction.earlyDefinitions.0 : instruction.earlyDefinitions.1)
            let taken = instruction.reads | instruction.earlyFixed | instruction.lateFixed
            let home = state.register
            if home != Self.noRegister, bit(home) & hard == 0,
                instruction.reads & bit(home) != 0
                    || (classMask(state.registerClass) & ~taken & ~bit(home)).nonzeroBitCount >= needed
            {
                note(index, home, operand, allocations, &instruction)
            } else if (classMask(state.registerClass) & ~taken & ~hard).nonzeroBitCount > needed {
                reloadUse(
                    index, operand, allocations, hard: hard, soft: avoidedByUse(index, operand, instruction),
                    &instruction)
            } else {
                if home != Self.noRegister { evict(home, at: instruction.position) }
                useSlot(index, operand.virtualRegister, allocations)
            }
        }
    }

    @inline(__always)
    private mutating func useSlot(_ index: Int, _ value: UInt32, _ allocations: UnsafeMutablePointer<Allocation>) {
        needSlot(value)
        allocations[index] = .slot(value)
        slotOperands.append(UInt32(truncatingIfNeeded: index))
    }

    @inline(__always)
    private func note(
        _ index: Int, _ register: UInt8, _ operand: Operand, _ allocations: UnsafeMutablePointer<Allocation>,
        _ instruction: inout InstructionState
    ) {
        instruction.reads |= bit(register)
        if operand.role == .lateUse { instruction.lateReads |= bit(register) }
        allocations[index] = place(register)
    }

    /// Places a use whose value is in no register, or in one that the operand must not have.
    private mutating func reloadUse(
        _ index: Int, _ operand: Operand, _ allocations: UnsafeMutablePointer<Allocation>, hard: UInt32, soft: UInt32,
        _ instruction: inout InstructionState
    ) {
        let value = operand.virtualRegister
        let home = states[value].register
        if home != Self.noRegister, bit(home) & hard == 0 {
            // An earlier mention has brought it in.
            note(index, home, operand, allocations, &instruction)
            return
        }
        let forbidden = hard | instruction.reads
        let next = nextUses[index]
        if operand.constraint == .any, home == Self.noRegister {
            // Memory is as good, unless a later use profits and a register is free anyway.
            let free = classMask(states[value].registerClass) & ~occupied & ~forbidden & ~soft
            let isUsedSoon = next != Self.dead && next != instruction.position && next < currentEnd
            let isUsedInLoop = !isCold && useBeyondBlock(value) < currentEnd &+ Self.loopExitPenalty
            if free == 0 || !(isUsedSoon || isUsedInLoop) {
                useSlot(index, value, allocations)
                return
            }
        }
        let until = next == Self.dead ? instruction.position : next
        let register = obtain(
            value, forbidden: forbidden, avoided: soft | instruction.fixedUses, at: instruction.position, until: until)
        noteWrite(register)
        // Making room may have given up this very value.
        let current = states[value].register
        if current == Self.noRegister {
            move(.slot(value), to: place(register), at: instruction.position, value)
            adopt(value, in: register)
        } else {
            let wasValid = valid & bit(current) != 0
            move(place(current), to: place(register), at: instruction.position, value)
            vacate(current)
            occupy(register, value)
            if wasValid { valid |= bit(register) }
        }
        note(index, register, operand, allocations, &instruction)
    }

    /// Places a use that a definition overwrites: if the value lives on, the operand gets a copy of its own.
    private mutating func placeTied(
        _ index: Int, _ start: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>,
        _ allocations: UnsafeMutablePointer<Allocation>, hard: UInt32, _ instruction: inout InstructionState
    ) {
        let operand = operands[index]
        let value = operand.virtualRegister
        let position = instruction.position
        var home = states[value].register
        if home == Self.noRegister {
            let register = obtain(
                value, forbidden: hard | instruction.reads, avoided: instruction.destroyed | instruction.fixedUses,
                at: position, until: position)
            noteWrite(register)
            move(.slot(value), to: place(register), at: position, value)
            adopt(value, in: register)
            home = register
        }
        let livesOn = useAfter(index, end, operands, position) != Self.dead
        if !livesOn, bit(home) & hard == 0 {
            note(index, home, operand, allocations, &instruction)
            instruction.tiedReads |= bit(home)
            return
        }
        // The copy goes where the definition, of which the tied operand decides the place, would like to be.
        var definition = end
        while operands[definition].constraint != .reuse || Int(operands[definition].detail) != index &- start {
            definition &+= 1
        }
        let result = operands[definition].virtualRegister
        let all = classMask(states[value].registerClass)
        var free = all & ~occupied & ~hard & ~instruction.reads
        let avoided = instruction.clobbers | instruction.fixedUses
        if free & ~avoided != 0 { free &= ~avoided }
        if free != 0 {
            let register = chooseRegister(result, from: free, after: position, until: states[result].lastUse, mild: 0)
            noteWrite(register)
            move(place(home), to: place(register), at: position, value)
            note(index, register, operand, allocations, &instruction)
            instruction.tiedReads |= bit(register)
            return
        }
        // No room for both: something goes, perhaps the value's own home.
        var choice = all & occupied & ~hard & ~instruction.reads
        if choice == 0 { choice = all & ~hard & ~instruction.reads }
        precondition(choice != 0, "an instruction needs more registers than there are")
        let register = furthest(choice)
        evict(register, at: position)
        if register != home {
            noteWrite(register)
            move(place(home), to: place(register), at: position, value)
        }
        note(index, register, operand, allocations, &instruction)
        instruction.tiedReads |= bit(register)
    }
    /// Moves next uses behind the instruction and frees what dies here. Registers stay reserved by `reads`.
    @inline(__always)
    private mutating func finishUses(
        _ start: Int, _ end: Int, _ operands: UnsafeMutablePointer<Operand>,
        _ allocations: UnsafeMutablePointer<Allocation>, _ position: UInt32
    ) {
        var hasDead = false
        for index in start..<end {
            let value = operands[index].virtualRegister
            let state = states.base + Int(value)
            var use = nextUses.base[index]
            if use == Self.dead {
                use = useBeyondBlock(value)
                if use == Self.dead { hasDead = true }
            }
            state.pointee.nextUse = use
            state.pointee.lastPosition = max(state.pointee.lastPosition, position)
        }
        guard hasDead else { return }
        for index in start..<end {
            let state = states.base + Int(operands[index].virtualRegister)
            if state.pointee.nextUse == Self.dead, state.pointee.register != Self.noRegister {
                vacate(state.pointee.register)
            }
        }
    }
}
