//! Liveness with next-use distances, by one backward pass over the forward edges.
//!
//! A value that lives into a loop's header lives everywhere in the loop. So back edges need no iteration: the pass
//! ignores them, and the walk later adds to each block the set of its innermost loop, which is its header's set with
//! that of the loop around it ("fast liveness" by the loop forest). Sets are unordered lists; stamps replace searching.
//!
//! On the way the pass collects what costs nothing here: for each operand the next use in its block, instructions with
//! fixed registers, hints, which values outlive a call, and how many registers a loop's own values need.

extension RegisterAllocator {
    /// Returns false, leaving the sets incomplete, when they grow out of proportion.
    mutating func findLiveness(_ input: borrowing AllocationInput) -> Bool {
        let proportional = 64 &* (input.virtualRegisterCount &+ blocks.count)
        let limit = liveSetLimit ?? max(1 << 16, min(1 << 22, proportional))
        let states = states.base
        let blocks = blocks.base
        var total = 0
        var index = input.blocks.count
        while index > 0 {
            index &-= 1
            let block = input.blocks[index]
            let end = block.endInstruction
            let epoch = UInt32(truncatingIfNeeded: index &+ 1)
            let loop = blocks[index].loop
            // What is defined from here on is defined inside the loop. Nothing is counted outside loops.
            let inside = loop == Self.none || block.isCold ? Self.none : input.blocks[loop].firstInstruction
            var pressure: (UInt32, UInt32) = (0, 0)
            worklist.removeAll()

            for entry in 0..<block.successorCount {
                let successor = input.successors[block.firstSuccessor &+ entry]
                guard Int(successor) > index else { continue }
                let base = end &+ 1 &+ penalty(from: index, to: Int(successor), input)
                let first = Int(blocks[Int(successor)].firstLive)
                let last = first &+ Int(blocks[Int(successor)].liveCount)
                var cursor = first
                while cursor < last {
                    let entry = live.base[cursor]
                    cursor &+= 1
                    let state = states + Int(entry.virtualRegister)
                    let use = min(base &+ entry.distance, Self.farthest)
                    if state.pointee.stamp == epoch {
                        state.pointee.nextUse = min(state.pointee.nextUse, use)
                        continue
                    }
                    state.pointee.stamp = epoch
                    state.pointee.nextUse = use
                    state.pointee.lastUse = end
                    state.pointee.callMark = 0
                    worklist.append(entry.virtualRegister)
                    if state.pointee.definition >= inside {
                        if state.pointee.registerClass == 0 { pressure.0 &+= 1 } else { pressure.1 &+= 1 }
                    }
                }
            }
            let calls = scanBackward(index, input, inside: inside, pressure: &pressure)

            blocks[index].firstLive = UInt32(truncatingIfNeeded: live.count)
            let outer = blocks[index].outerLoop
            let isHeader = loop == UInt32(truncatingIfNeeded: index)
            let insideOuter = isHeader && outer != Self.none ? input.blocks[outer].firstInstruction : Self.none
            var outerPressure: (UInt32, UInt32) = (0, 0)
            if calls > 0, !block.isCold, loop != Self.none { blocks[Int(loop)].loopHasCall = true }
            let crossesAll = isHeader && blocks[index].loopHasCall
            var cursor = 0
            while cursor < worklist.count {
                let register = worklist.base[cursor]
                cursor &+= 1
                let state = states + Int(register)
                guard state.pointee.stamp == epoch else { continue }
                live.append(
                    LiveEntry(
                        virtualRegister: register, distance: state.pointee.nextUse &- block.firstInstruction))
                if (state.pointee.callMark != calls && !block.isCold) || crossesAll {
                    state.pointee.flags |= VirtualRegisterState.crossesCall
                }
                if state.pointee.definition >= insideOuter {
                    if state.pointee.registerClass == 0 { outerPressure.0 &+= 1 } else { outerPressure.1 &+= 1 }
                }
            }
            let liveCount = live.count &- Int(blocks[index].firstLive)
            blocks[index].liveCount = UInt32(truncatingIfNeeded: liveCount)
            if isHeader, outer != Self.none {
                let target = blocks + Int(outer)
                if blocks[index].loopHasCall { target.pointee.loopHasCall = true }
                target.pointee.pressure.0 =
                    max(target.pointee.pressure.0, blocks[index].pressure.0 &+ outerPressure.0)
                target.pointee.pressure.1 =
                    max(target.pointee.pressure.1, blocks[index].pressure.1 &+ outerPressure.1)
            }
            total &+= liveCount
            if total >= limit { return false }
        }
        return loopSetsFit(limit: limit &- total)
    }

    /// For the mode without sets: the same knowledge within blocks, and which values leave theirs.
    mutating func findLocalUses(_ input: borrowing AllocationInput) {
        events.removeAll()
        let states = states.base
        for index in 0..<self.states.count { states[index].stamp = 0 }
        var index = input.blocks.count
        while index > 0 {
            index &-= 1
            worklist.removeAll()
            var pressure: (UInt32, UInt32) = (0, 0)
            _ = scanBackward(index, input, inside: Self.none, pressure: &pressure)
            let epoch = UInt32(truncatingIfNeeded: index &+ 1)
            for cursor in 0..<worklist.count {
                let state = states + Int(worklist[cursor])
                if state.pointee.stamp == epoch { state.pointee.flags |= VirtualRegisterState.leavesBlock }
            }
        }
    }

    /// Walks a block backwards from what `worklist` says is live at its end, leaving there what is live at its start
    /// (with a current stamp). Returns the number of calls.
    private mutating func scanBackward(
        _ index: Int, _ input: borrowing AllocationInput, inside: UInt32, pressure: inout (UInt32, UInt32)
    ) -> UInt32 {
        let block = input.blocks[index]
        let end = block.endInstruction
        let epoch = UInt32(truncatingIfNeeded: index &+ 1)
        let states = states.base
        let operands = input.operands.base
        let nextUses = nextUses.base
        var highest = pressure
        var calls: UInt32 = 0

        if block.argumentCount > 0 {
            let target = input.successors[block.firstSuccessor]
            let successor = input.blocks[target]
            // What a parameter that is never read is given is not a use.
            let knowsReads = !isLocal && Int(target) > index
            for entry in 0..<block.argumentCount {
                if knowsReads, parameterNextUses[successor.firstParameter &+ entry] == Self.dead { continue }
                let argument = input.virtualRegisterLists[block.firstArgument &+ entry]
                let state = states + Int(argument)
                state.pointee.parameter = input.virtualRegisterLists[successor.firstParameter &+ entry]
                if state.pointee.stamp != epoch {
                    state.pointee.stamp = epoch
                    state.pointee.lastUse = end
                    state.pointee.callMark = 0
                    worklist.append(argument)
                    if state.pointee.definition >= inside {
                        if state.pointee.registerClass == 0 { pressure.0 &+= 1 } else { pressure.1 &+= 1 }
                    }
                }
                state.pointee.nextUse = end
            }
        }

        var position = end
        while position > block.firstInstruction {
            position &-= 1
            let start = Int(input.operandStart[position])
            var operand = Int(input.operandStart[position &+ 1])
            let clobbers = input.clobbers[position]
            highest.0 = max(highest.0, pressure.0)
            highest.1 = max(highest.1, pressure.1)
            var fixedUses: UInt32 = 0
            var fixedAll = clobbers
            var isCounted = clobbers == 0
            while operand > start {
                operand &-= 1
                let mention = operands[operand]
                let state = states + Int(mention.virtualRegister)
                let isLive = state.pointee.stamp == epoch
                if mention.isDefinition {
                    if isLive {
                        nextUses[operand] = state.pointee.nextUse <= end ? state.pointee.nextUse : Self.dead
                        state.pointee.stamp = 0
                        if state.pointee.callMark != calls, !block.isCold {
                            state.pointee.flags |= VirtualRegisterState.crossesCall
                        }
                        if state.pointee.definition >= inside {
                            if state.pointee.registerClass == 0 { pressure.0 &-= 1 } else { pressure.1 &-= 1 }
                        }
                    } else {
                        nextUses[operand] = Self.dead
                        state.pointee.lastUse = position
                    }
                    if mention.constraint == .fixed { fixedAll |= 1 &<< UInt32(mention.detail) }
                    continue
                }
                if !isCounted {
                    isCounted = true
                    calls &+= 1
                }
                if isLive {
                    nextUses[operand] = state.pointee.nextUse <= end ? state.pointee.nextUse : Self.dead
                } else {
                    nextUses[operand] = Self.dead
                    state.pointee.stamp = epoch
                    state.pointee.lastUse = position
                    state.pointee.callMark = calls
                    worklist.append(mention.virtualRegister)
                    if state.pointee.definition >= inside {
                        if state.pointee.registerClass == 0 { pressure.0 &+= 1 } else { pressure.1 &+= 1 }
                    }
                }
                state.pointee.nextUse = position
                if mention.constraint == .fixed {
                    fixedUses |= 1 &<< UInt32(mention.detail)
                    state.pointee.fixedHint = mention.detail
                    state.pointee.fixedHintPosition = position
                }
            }
            if !isCounted { calls &+= 1 }
            fixedAll |= fixedUses
            if fixedAll != 0 { events.append(FixedEvent(position: position, uses: fixedUses, all: fixedAll)) }
        }
        highest.0 = max(highest.0, pressure.0)
        highest.1 = max(highest.1, pressure.1)

        for entry in 0..<block.parameterCount {
            let list = Int(block.firstParameter &+ entry)
            let state = states + Int(input.virtualRegisterLists[list])
            guard state.pointee.stamp == epoch else { continue }
            // Beyond the block the exact distance is looked up later, but the parameter is not dead.
            parameterNextUses[list] = state.pointee.nextUse
            state.pointee.stamp = 0
            if state.pointee.callMark != calls, !block.isCold {
                state.pointee.flags |= VirtualRegisterState.crossesCall
            }
        }
        if inside != Self.none {
            let loop = Int(blocks[index].loop)
            blocks.base[loop].pressure.0 = max(blocks.base[loop].pressure.0, highest.0)
            blocks.base[loop].pressure.1 = max(blocks.base[loop].pressure.1, highest.1)
        }
        return calls
    }

    /// The distance an edge adds.
    func penalty(from source: Int, to target: Int, _ input: borrowing AllocationInput) -> UInt32 {
        let from = blocks.base[source]
        let to = blocks.base[target]
        var result: UInt32 = 0
        if from.loop != to.loop, from.loop != Self.none, experiment.has(.loopAwareSpilling) {
            // Levels left, taken from depths: exact for nested loops, at least one for a jump from loop to loop.
            if to.depth < from.depth {
                result = Self.loopExitPenalty &* min(from.depth &- to.depth, 4)
            } else if to.outerLoop != from.loop {
                result = Self.loopExitPenalty
            }
        }
        if input.blocks[target].isCold, !input.blocks[source].isCold, experiment.has(.coldAwareSpilling) {
            result &+= Self.coldPenalty
        }
        return result
    }

    /// Whether walking each block's loop set stays within the limit. A loop's set has at most the values that live into
    /// its header and those of the loops around it.
    private func loopSetsFit(limit: Int) -> Bool {
        var remaining = limit
        for index in 0..<blocks.count {
            var loop = blocks[index].loop
            while loop != Self.none {
                remaining &-= Int(blocks[loop].liveCount) &+ 1
                if remaining < 0 { return false }
                loop = blocks[loop].outerLoop
            }
        }
        return true
    }
}
