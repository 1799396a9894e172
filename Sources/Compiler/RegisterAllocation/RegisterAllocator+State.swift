//! The register state of the walk: taking, giving up and choosing registers.

extension RegisterAllocator {
    @inline(__always)
    func isIn(_ mask: UInt32, _ register: UInt8) -> Bool {
        register < 32 && mask &>> UInt32(register) & 1 != 0
    }

    @inline(__always)
    func lowest(_ mask: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: mask.trailingZeroBitCount) }

    @inline(__always)
    func highest(_ mask: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: 31 &- mask.leadingZeroBitCount) }

    @inline(__always)
    func bit(_ register: UInt8) -> UInt32 { 1 &<< UInt32(register) }

    /// Notes that the register's old contents are lost.
    @inline(__always)
    mutating func noteWrite(_ register: UInt8) { calleeSavedUsed |= bit(register) & file.calleeSaved }

    /// Makes `register` the home of `value`, which has none.
    @inline(__always)
    mutating func occupy(_ register: UInt8, _ value: UInt32) {
        occupants[Int(register)] = value
        occupied |= bit(register)
        valid &= ~bit(register)
        states[value].register = register
        noteWrite(register)
    }

    /// The home is no more: the value is dead or elsewhere.
    @inline(__always)
    mutating func vacate(_ register: UInt8) {
        states[occupants[Int(register)]].register = Self.noRegister
        occupied &= ~bit(register)
        valid &= ~bit(register)
    }

    @inline(__always)
    mutating func needSlot(_ value: UInt32) {
        let state = states.base + Int(value)
        if !state.pointee.has(VirtualRegisterState.hasSlot) {
            state.pointee.flags |= VirtualRegisterState.hasSlot
            slotOwners.append(value)
        }
    }

    @inline(__always)
    mutating func move(
        _ from: Allocation, to: Allocation, at position: UInt32, _ value: UInt32, isEviction: Bool = false
    ) {
        moves.append(
            PendingMove(
                position: position, from: from, to: to, registerClass: states[value].registerClass,
                isEviction: isEviction))
    }

    @inline(__always)
    func place(_ register: UInt8) -> Allocation { Allocation(bits: UInt32(register)) }

    /// Gives up a register before `position`: from here on the value is in its slot.
    mutating func evict(_ register: UInt8, at position: UInt32) {
        let value = occupants[Int(register)]
        needSlot(value)
        if valid & bit(register) == 0 {
            states[value].evictionCost += weight
            move(place(register), to: .slot(value), at: position, value, isEviction: true)
        }
        vacate(register)
    }

    /// Of `registers`, all occupied, the one whose value is needed last; among equals one whose slot is written
    /// already.
    @inline(__always)
    mutating func furthest(_ registers: UInt32) -> UInt8 {
        var registers = registers
        if chaos.strikes(oneIn: 4) { registers = chaos.subset(of: registers, atLeast: 1) }
        var best = Self.noRegister
        var bestUse: UInt32 = 0
        while registers != 0 {
            let register = registers.trailingZeroBitCount
            registers &= registers &- 1
            let state = states.base + Int(occupants.base[register])
            let saved: UInt32 = state.pointee.has(VirtualRegisterState.hasSlot) ? 1 : 0
            let use = min(state.pointee.nextUse, Self.farthest) &<< 1 | saved
            if best == Self.noRegister || use > bestUse {
                best = UInt8(truncatingIfNeeded: register)
                bestUse = use
            }
        }
        return best
    }

    /// A register for `value`, if need be another value's: never one of `forbidden`, one of `avoided` only if there is
    /// no other way. The register is free when this returns.
    mutating func obtain(
        _ value: UInt32, forbidden: UInt32, avoided: UInt32, at position: UInt32, until end: UInt32, mild: UInt32 = 0
    ) -> UInt8 {
        let all = classMask(states[value].registerClass) & ~forbidden
        var free = all & ~occupied
        if free & ~avoided != 0 { free &= ~avoided }
        if free != 0 { return chooseRegister(value, from: free, after: position, until: end, mild: mild) }
        precondition(all != 0, "an instruction needs more registers than there are")
        let choice = all & ~avoided
        let victim = furthest(choice != 0 ? choice : all)
        evict(victim, at: position)
        return victim
    }

    /// The best of `candidates`, which are free: a register that is hinted at, else one that no instruction before
    /// `end` demands, callee-saved only if it is worth it.
    mutating func chooseRegister(
        _ value: UInt32, from candidates: UInt32, after position: UInt32, until end: UInt32, mild: UInt32
    ) -> UInt8 {
        if candidates & (candidates &- 1) == 0 { return lowest(candidates) }
        if chaos.strikes(oneIn: 4) { return lowest(chaos.subset(of: candidates, atLeast: 1)) }
        let state = states.base + Int(value)
        var conflicts: UInt32 = 0
        var conflictsBeforeHint: UInt32 = 0
        let hintPosition = state.pointee.fixedHintPosition
        var cursor = eventCursor
        // A few events tell enough, and keep the pass linear.
        var budget = 8
        while cursor >= 0, budget > 0 {
            let event = events.base[cursor]
            if event.position > end { break }
            if event.position < hintPosition { conflictsBeforeHint |= event.all }
            conflicts |= event.position == end ? event.uses : event.all
            cursor &-= 1
            budget &-= 1
        }
        let crosses = state.pointee.has(VirtualRegisterState.crossesCall)
        let usable = crosses && candidates & file.calleeSaved != 0 && !isCold ? file.calleeSaved : UInt32.max

        if !experiment.has(.registerHints) { return lowest(candidates & usable) }
        if hintPosition > position, hintPosition <= currentEnd, state.pointee.fixedHint < 32 {
            let hint = bit(state.pointee.fixedHint)
            if hint & candidates & usable & ~conflictsBeforeHint != 0 { return state.pointee.fixedHint }
        }
        var parameter = state.pointee.parameter
        var hops = 3
        while parameter != Self.none, hops > 0 {
            let preferred = states.base[Int(parameter)].preferred
            if preferred != Self.noRegister {
                if bit(preferred) & candidates & usable & ~conflicts != 0 { return preferred }
                break
            }
            parameter = states.base[Int(parameter)].parameter
            hops &-= 1
        }
        if mild & candidates & usable & ~conflicts != 0 { return lowest(mild & candidates & usable & ~conflicts) }

        let good = candidates & ~conflicts
        if usable != UInt32.max {
            let saved = candidates & usable
            return lowest(saved & calleeSavedUsed != 0 ? saved & calleeSavedUsed : saved)
        }
        let plain = good & ~file.calleeSaved
        // Low registers are those that instructions demand: leave them to short-lived values.
        if plain != 0 { return end >= currentEnd ? highest(plain) : lowest(plain) }
        if good & calleeSavedUsed != 0 { return lowest(good & calleeSavedUsed) }
        let conflicting = candidates & ~file.calleeSaved
        if conflicting != 0 { return highest(conflicting) }
        return lowest(candidates & calleeSavedUsed != 0 ? candidates & calleeSavedUsed : candidates)
    }

    /// Tells a value's siblings, which go to the same parameter, where it is.
    @inline(__always)
    mutating func prefer(_ register: UInt8, for value: UInt32) {
        let parameter = states[value].parameter
        if parameter != Self.none, states[parameter].preferred == Self.noRegister {
            states[parameter].preferred = register
        }
    }
    /// Sorts keys upwards. Most lists are a handful, which insertion sorts fastest.
    static func sort(_ keys: borrowing Vector<UInt64>) {
        let base = keys.base
        let count = keys.count
        if count > 24 {
            var buffer = keys.mutableBuffer
            buffer.sort()
            return
        }
        var index = 1
        while index < count {
            let key = base[index]
            var hole = index
            while hole > 0, base[hole &- 1] > key {
                base[hole] = base[hole &- 1]
                hole &-= 1
            }
            base[hole] = key
            index &+= 1
        }
    }
}
