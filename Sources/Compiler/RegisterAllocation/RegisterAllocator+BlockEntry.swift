//! Which values are in registers when a block starts, and in which.
//!
//! A block with one predecessor starts as that one ended. At a join, what the more frequent predecessors have in
//! registers stays there, nearest use first. At a loop header, predecessors say little, the loop says more: what it
//! uses comes into registers, reloaded on the way in if need be, and what merely lives through it stays in a register
//! only if the loop's own pressure leaves one.

/// What the predecessors of a join say about a value.
struct Vote: BitwiseCopyable {
    var stamp: UInt32 = 0
    /// Weight of the predecessors that have it in a register.
    var weight: Float = 0
    /// Weight of the heaviest of them, and its register.
    var best: Float = 0
    var register: UInt8 = RegisterAllocator.noRegister
    /// Some predecessor has it in a register and not surely in its slot.
    var isUnsaved = false
    /// Scratch of one edge: the register at the predecessor's end, if the stamp is that edge's.
    var edgeRegister: UInt8 = RegisterAllocator.noRegister
    var edgeStamp: UInt32 = 0
}

extension RegisterAllocator {
    mutating func enterBlock(_ index: Int, _ input: borrowing AllocationInput) {
        let block = input.blocks[index]
        currentBlock = index
        entryPosition = block.firstInstruction
        currentEnd = block.endInstruction
        weight = blocks[index].weight
        isCold = block.isCold
        exitEpoch = UInt32(truncatingIfNeeded: index &+ 1)
        while eventCursor >= 0, events[eventCursor].position < block.firstInstruction { eventCursor &-= 1 }

        var registers = occupied
        while registers != 0 {
            let register = registers.trailingZeroBitCount
            registers &= registers &- 1
            states[occupants[register]].register = Self.noRegister
        }
        occupied = 0
        valid = 0

        if isLocal {
            for entry in 0..<block.parameterCount {
                let parameter = input.virtualRegisterLists[block.firstParameter &+ entry]
                needSlot(parameter)
                states[parameter].flags |= VirtualRegisterState.arrivesInSlot
            }
        } else {
            stampExit(index, input)
            stampEntry(index, input)
            if block.predecessorCount == 1, block.parameterCount == 0 {
                let predecessor = Int(input.predecessors[block.firstPredecessor])
                if predecessor < index { continueState(of: predecessor) }
            } else if block.predecessorCount > 0 {
                join(index, input)
            }
        }

        blocks[index].entryRegisters = occupied
        blocks[index].firstEntryValue = UInt32(truncatingIfNeeded: stateValues.count)
        appendState()
        if block.predecessorCount > 1 || block.parameterCount > 0 {
            for entry in 0..<block.predecessorCount {
                let predecessor = Int(input.predecessors[block.firstPredecessor &+ entry])
                if predecessor < index { resolveEdge(from: predecessor, to: index, isBackEdge: false, input) }
            }
        }
    }

    mutating func leaveBlock(_ index: Int, _ input: borrowing AllocationInput) {
        blocks[index].exitRegisters = occupied
        blocks[index].exitValid = valid
        blocks[index].firstExitValue = UInt32(truncatingIfNeeded: stateValues.count)
        appendState()
        let block = input.blocks[index]
        if block.successorCount == 1 {
            let successor = Int(input.successors[block.firstSuccessor])
            if successor <= index { resolveEdge(from: index, to: successor, isBackEdge: true, input) }
        }
    }

    private mutating func appendState() {
        var registers = occupied
        while registers != 0 {
            stateValues.append(occupants[registers.trailingZeroBitCount])
            registers &= registers &- 1
        }
    }

    /// Marks what is live at the block's end, with distances.
    private mutating func stampExit(_ index: Int, _ input: borrowing AllocationInput) {
        let block = input.blocks[index]
        let states = states.base
        let epoch = exitEpoch
        let end = block.endInstruction
        for entry in 0..<block.successorCount {
            let successor = input.successors[block.firstSuccessor &+ entry]
            guard Int(successor) > index else { continue }
            let base = end &+ 1 &+ penalty(from: index, to: Int(successor), input)
            var cursor = Int(blocks[successor].firstLive)
            let last = cursor &+ Int(blocks[successor].liveCount)
            while cursor < last {
                let entry = live.base[cursor]
                cursor &+= 1
                let state = states + Int(entry.virtualRegister)
                let use = min(base &+ entry.distance, Self.farthest)
                if state.pointee.exitStamp == epoch {
                    state.pointee.exitUse = min(state.pointee.exitUse, use)
                } else {
                    state.pointee.exitStamp = epoch
                    state.pointee.exitUse = use
                    state.pointee.lastPosition = end
                }
            }
        }
        let loop = blocks[index].loop
        guard loop != Self.none else { return }
        if Int(loop) == index { buildLoopSet(index, input) }
        let base = blocks[loop].loopEnd &+ 1
        var cursor = Int(blocks[loop].firstLoopLive)
        let last = cursor &+ Int(blocks[loop].loopLiveCount)
        while cursor < last {
            let entry = loopLive.base[cursor]
            cursor &+= 1
            let state = states + Int(entry.virtualRegister)
            let use = min(base &+ entry.distance, Self.farthest)
            if state.pointee.exitStamp == epoch {
                state.pointee.exitUse = min(state.pointee.exitUse, use)
            } else {
                state.pointee.exitStamp = epoch
                state.pointee.exitUse = use
                state.pointee.lastPosition = end
            }
        }
    }

    /// What is live throughout the loop of header `index`: its own set and that of the loop around it.
    private mutating func buildLoopSet(_ index: Int, _ input: borrowing AllocationInput) {
        let states = states.base
        let first = loopLive.count
        // The entry stamp of this block is free until `stampEntry`.
        let epoch = UInt32(truncatingIfNeeded: index &+ 1)
        var cursor = Int(blocks[index].firstLive)
        let last = cursor &+ Int(blocks[index].liveCount)
        while cursor < last {
            let entry = live.base[cursor]
            cursor &+= 1
            states[Int(entry.virtualRegister)].entryStamp = epoch
            loopLive.append(entry)
        }
        let outer = blocks[index].outerLoop
        if outer != Self.none {
            let base = blocks[outer].loopEnd &- input.blocks[index].firstInstruction &+ Self.loopExitPenalty
            cursor = Int(blocks[outer].firstLoopLive)
            let last = cursor &+ Int(blocks[outer].loopLiveCount)
            while cursor < last {
                let entry = loopLive[cursor]
                cursor &+= 1
                if states[Int(entry.virtualRegister)].entryStamp == epoch { continue }
                loopLive.append(
                    LiveEntry(
                        virtualRegister: entry.virtualRegister, distance: min(base &+ entry.distance, Self.farthest)))
            }
        }
        blocks[index].firstLoopLive = UInt32(truncatingIfNeeded: first)
        blocks[index].loopLiveCount = UInt32(truncatingIfNeeded: loopLive.count &- first)
    }

    /// Marks what is live at the block's start and sets its next use.
    private mutating func stampEntry(_ index: Int, _ input: borrowing AllocationInput) {
        let first = input.blocks[index].firstInstruction
        let states = states.base
        let epoch = UInt32(truncatingIfNeeded: index &+ 1)
        let loop = blocks[index].loop
        if Int(truncatingIfNeeded: loop) != index {
            var cursor = Int(blocks[index].firstLive)
            let last = cursor &+ Int(blocks[index].liveCount)
            while cursor < last {
                let entry = live.base[cursor]
                cursor &+= 1
                let state = states + Int(entry.virtualRegister)
                state.pointee.entryStamp = epoch
                state.pointee.nextUse = first &+ entry.distance
            }
        }
        guard loop != Self.none else { return }
        let base = Int(loop) == index ? first : blocks[loop].loopEnd &+ 1
        var cursor = Int(blocks[loop].firstLoopLive)
        let last = cursor &+ Int(blocks[loop].loopLiveCount)
        while cursor < last {
            let entry = loopLive.base[cursor]
            cursor &+= 1
            let state = states + Int(entry.virtualRegister)
            let use = min(base &+ entry.distance, Self.farthest)
            if state.pointee.entryStamp == epoch, Int(loop) != index {
                state.pointee.nextUse = min(state.pointee.nextUse, use)
            } else {
                state.pointee.entryStamp = epoch
                state.pointee.nextUse = use
            }
        }
    }

    private mutating func continueState(of predecessor: Int) {
        var registers = blocks[predecessor].exitRegisters
        var cursor = Int(blocks[predecessor].firstExitValue)
        while registers != 0 {
            let register = registers.trailingZeroBitCount
            registers &= registers &- 1
            let value = stateValues[cursor]
            cursor &+= 1
            if states[value].entryStamp == exitEpoch {
                occupy(UInt8(truncatingIfNeeded: register), value)
            }
        }
        valid = blocks[predecessor].exitValid & occupied
    }

    // MARK: - Joins

    private mutating func join(_ index: Int, _ input: borrowing AllocationInput) {
        let block = input.blocks[index]
        let epoch = exitEpoch
        let isHeader = Int(truncatingIfNeeded: blocks[index].loop) == index
        let first = block.firstInstruction
        candidates.removeAll()

        var total: Float = 0
        var heaviest = -1
        for entry in 0..<block.predecessorCount {
            let predecessor = Int(input.predecessors[block.firstPredecessor &+ entry])
            guard predecessor < index else { continue }
            let weight = blocks[predecessor].weight
            total += weight
            if heaviest < 0 || weight > blocks[heaviest].weight { heaviest = predecessor }
            vote(predecessor, weight: weight)
        }
        if isHeader {
            // What the loop uses, in a register now or not.
            var cursor = Int(blocks[index].firstLoopLive)
            let last = cursor &+ Int(blocks[index].loopLiveCount)
            while cursor < last {
                let entry = loopLive[cursor]
                cursor &+= 1
                if entry.distance < Self.loopExitPenalty, votes[entry.virtualRegister].stamp != epoch {
                    votes[entry.virtualRegister] = Vote(stamp: epoch)
                    addCandidate(entry.virtualRegister, distance: entry.distance)
                }
            }
        }
        for entry in 0..<block.parameterCount {
            let list = Int(block.firstParameter &+ entry)
            let parameter = input.virtualRegisterLists[list]
            let use = parameterNextUses[list]
            if use == Self.dead { continue }
            let isBeyond = use > block.endInstruction
            states[parameter].nextUse = isBeyond ? states[parameter].exitUse : use
            votes[parameter] = Vote(stamp: epoch)
            addCandidate(parameter, distance: states[parameter].nextUse &- first)
        }
        Self.sort(candidates)
        chooseCandidates(index, total: total, isHeader: isHeader, first: first)
        if heaviest >= 0, block.parameterCount > 0 { hintParameters(index, from: heaviest, input) }
        assignEntryRegisters(index, isHeader: isHeader, input)
    }

    @inline(__always)
    private mutating func addCandidate(_ register: UInt32, distance: UInt32) {
        let registerClass: UInt64 = states[register].registerClass == 0 ? 0 : 1
        candidates.append(registerClass &<< 63 | UInt64(distance) &<< 32 | UInt64(register))
    }

    private mutating func vote(_ predecessor: Int, weight: Float) {
        let epoch = exitEpoch
        var registers = blocks[predecessor].exitRegisters
        let exitValid = blocks[predecessor].exitValid
        var cursor = Int(blocks[predecessor].firstExitValue)
        while registers != 0 {
            let register = registers.trailingZeroBitCount
            registers &= registers &- 1
            let value = stateValues[cursor]
            cursor &+= 1
            guard states[value].entryStamp == epoch else { continue }
            let vote = votes.base + Int(value)
            if vote.pointee.stamp != epoch {
                vote.pointee = Vote(stamp: epoch)
                addCandidate(value, distance: states[value].nextUse &- entryPosition)
            }
            vote.pointee.weight += weight
            if weight > vote.pointee.best {
                vote.pointee.best = weight
                vote.pointee.register = UInt8(truncatingIfNeeded: register)
            }
            if exitValid &>> UInt32(register) & 1 == 0 { vote.pointee.isUnsaved = true }
        }
    }

    /// Leaves in `worklist` the values that start in registers, nearest use first within a class.
    private mutating func chooseCandidates(_ index: Int, total: Float, isHeader: Bool, first: UInt32) {
        worklist.removeAll()
        let pressure = blocks[index].pressure
        var counts = (0, 0)
        var limits = (integerMask.nonzeroBitCount, floatMask.nonzeroBitCount)
        // With all registers taken, the loop's first own value would have to evict one that the back edge must reload.
        if isHeader { limits = (limits.0 - 1, limits.1 - 1) }
        // Values of the loop's own are counted in its pressure, parameters among them.
        var usedInLoop = (0, 0)
        if isHeader {
            for cursor in 0..<candidates.count {
                let key = candidates[cursor]
                let state = states[UInt32(truncatingIfNeeded: key)]
                let isParameter = state.has(VirtualRegisterState.isParameter) && state.definition == first
                if !isParameter, UInt32(truncatingIfNeeded: key &>> 32) & 0x7FFF_FFFF < Self.loopExitPenalty {
                    if key &>> 63 == 0 { usedInLoop.0 += 1 } else { usedInLoop.1 += 1 }
                }
            }
        }
        var spare = (
            limits.0 - usedInLoop.0 - Int(pressure.0),
            limits.1 - usedInLoop.1 - Int(pressure.1)
        )
        for cursor in 0..<candidates.count {
            let key = candidates[cursor]
            let value = UInt32(truncatingIfNeeded: key)
            let distance = UInt32(truncatingIfNeeded: key &>> 32) & 0x7FFF_FFFF
            let isInteger = key &>> 63 == 0
            if isInteger ? counts.0 >= limits.0 : counts.1 >= limits.1 { continue }
            let state = states[value]
            let isParameter = state.has(VirtualRegisterState.isParameter) && state.definition == first
            let isNear = distance < Self.loopExitPenalty
            if !isParameter {
                let isMostlyHere = votes[value].weight * 2 >= total
                if isHeader {
                    if !isNear {
                        guard isMostlyHere, isInteger ? spare.0 > 0 : spare.1 > 0 else { continue }
                        if isInteger { spare.0 -= 1 } else { spare.1 -= 1 }
                    }
                } else if !isMostlyHere {
                    // A reload at the use costs no more than one on each edge, and perhaps never happens.
                    continue
                }
            } else if isHeader, !isNear {
                // Only used after the loop: worth a register if there is one to spare.
                guard isInteger ? counts.0 < limits.0 - 1 : counts.1 < limits.1 - 1 else { continue }
            }
            if isInteger { counts.0 += 1 } else { counts.1 += 1 }
            worklist.append(value)
        }
    }

    /// A parameter likes the register its argument leaves.
    private mutating func hintParameters(_ index: Int, from predecessor: Int, _ input: borrowing AllocationInput) {
        let block = input.blocks[index]
        let source = input.blocks[predecessor]
        stampEdge(predecessor)
        let stamp = UInt32(truncatingIfNeeded: predecessor &+ 1)
        for entry in 0..<min(block.parameterCount, source.argumentCount) {
            let argument = input.virtualRegisterLists[source.firstArgument &+ entry]
            guard votes[argument].edgeStamp == stamp, states[argument].entryStamp != exitEpoch else { continue }
            let parameter = input.virtualRegisterLists[block.firstParameter &+ entry]
            votes[parameter].register = votes[argument].edgeRegister
        }
    }

    private mutating func assignEntryRegisters(_ index: Int, isHeader: Bool, _ input: borrowing AllocationInput) {
        let hasCall = isHeader && blocks[index].loopHasCall
        let first = entryPosition
        // First those whose wish can be granted, values before parameters; a granted one is struck from the list.
        for round in 0..<3 {
            for cursor in 0..<worklist.count {
                let value = worklist[cursor]
                if value == Self.none { continue }
                let state = states[value]
                let isParameter = state.has(VirtualRegisterState.isParameter) && state.definition == first
                var free = classMask(state.registerClass) & ~occupied
                let prefersSaved = (hasCall || isParameter) && state.has(VirtualRegisterState.crossesCall)
                var register = Self.noRegister
                if round < 2 {
                    if isParameter != (round == 1) { continue }
                    if prefersSaved { free &= file.calleeSaved }
                    if isIn(free, votes[value].register) {
                        register = votes[value].register
                    } else if isIn(free, state.preferred) {
                        register = state.preferred
                    } else {
                        continue
                    }
                } else {
                    let saved = free & file.calleeSaved
                    if prefersSaved, saved != 0 {
                        let used = saved & calleeSavedUsed
                        register = lowest(used != 0 ? used : saved)
                    } else if isIn(free, votes[value].register) {
                        register = votes[value].register
                    } else {
                        register = chooseRegister(
                            value, from: free, after: first, until: isParameter ? state.lastUse : state.nextUse,
                            mild: 0)
                    }
                }
                occupy(register, value)
                worklist[cursor] = Self.none
                if isParameter {
                    states[value].definitionRegister = register
                    prefer(register, for: value)
                    states[value].preferred = register
                } else if !isHeader, !votes[value].isUnsaved {
                    valid |= 1 &<< UInt32(register)
                }
            }
        }
        let block = input.blocks[index]
        for entry in 0..<block.parameterCount {
            let list = Int(block.firstParameter &+ entry)
            let parameter = input.virtualRegisterLists[list]
            if parameterNextUses[list] != Self.dead, states[parameter].register == Self.noRegister {
                needSlot(parameter)
                states[parameter].flags |= VirtualRegisterState.arrivesInSlot
            }
        }
    }

    /// Where the values of a predecessor's end are, readable through `votes`.
    mutating func stampEdge(_ predecessor: Int) {
        let stamp = UInt32(truncatingIfNeeded: predecessor &+ 1)
        var registers = blocks[predecessor].exitRegisters
        var cursor = Int(blocks[predecessor].firstExitValue)
        while registers != 0 {
            let vote = votes.base + Int(stateValues[cursor])
            vote.pointee.edgeStamp = stamp
            vote.pointee.edgeRegister = UInt8(truncatingIfNeeded: registers.trailingZeroBitCount)
            registers &= registers &- 1
            cursor &+= 1
        }
    }
}
