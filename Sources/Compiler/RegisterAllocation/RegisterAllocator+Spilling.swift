//! What the walk left open: where values are stored, which slot is whose, and the moves in their final order.
//!
//! A spilled value is stored either once after its definition or at every place that gives up its register, whichever
//! is expected to execute less. The second keeps stores out of a loop when the value is given up only behind it, or on
//! a cold path only.
//!
//! Slots are shared by values whose live ranges, taken as intervals in block order, do not touch. Every block in which a
//! value is live comes at or after its definition and at or before the last block found live, so intervals cover
//! live ranges, loops included. A parameter's slot is written at the ends of the predecessors: its interval covers them.

extension RegisterAllocator {
    mutating func finish(_ input: borrowing AllocationInput, _ output: inout AllocationOutput) {
        output.slotCount = assignSlots(input)
        let temporarySlot = (output.slotCount &+ 1) & ~1
        if usesTemporarySlot {
            output.slotCount = temporarySlot &+ 2
            slotIndices[states.count] = temporarySlot
        }
        for index in 0..<slotOperands.count {
            let operand = Int(slotOperands[index])
            output.allocations[operand] = .slot(slotIndices[output.allocations[operand].slot])
        }
        output.calleeSavedUsed = calleeSavedUsed
        mergeMoves(input, &output)
    }

    private enum StorePlace { case never, definition, evictions }

    @inline(__always)
    private func storePlace(of value: UInt32) -> StorePlace {
        let state = states.base + Int(value)
        if value >= states.count || state.pointee.has(VirtualRegisterState.arrivesInSlot) { return .never }
        if isLocal { return .definition }
        return state.pointee.evictionCost <= blocks.base[Int(state.pointee.definitionBlock)].weight
            ? .evictions : .definition
    }

    private mutating func mergeMoves(_ input: borrowing AllocationInput, _ output: inout AllocationOutput) {
        // Stores after definitions, by position.
        candidates.removeAll()
        for index in 0..<slotOwners.count {
            let value = slotOwners[index]
            guard storePlace(of: value) == .definition else { continue }
            let state = states[value]
            let position = state.has(VirtualRegisterState.isParameter) ? state.definition : state.definition &+ 1
            candidates.append(UInt64(position) &<< 32 | UInt64(value))
        }
        Self.sort(candidates)

        var store = 0
        var cursor = 0
        for index in 0..<blocks.count {
            let end = input.blocks[index].endInstruction
            while true {
                let storePosition =
                    store < candidates.count ? UInt32(truncatingIfNeeded: candidates.base[store] &>> 32) : Self.none
                let movePosition = cursor < moves.count ? moves.base[cursor].position : Self.none
                if min(storePosition, movePosition) >= end { break }
                if storePosition <= movePosition {
                    let value = UInt32(truncatingIfNeeded: candidates.base[store])
                    store &+= 1
                    let state = states[value]
                    output.moves.append(AllocationMove(
                        position: storePosition, from: place(state.definitionRegister),
                        to: .slot(slotIndices[value]), registerClass: Self.registerClass(state.registerClass)))
                } else {
                    append(moves.base[cursor], &output)
                    cursor &+= 1
                }
            }
            var edge = Int(blocks[index].firstEdgeMove)
            let last = edge &+ Int(blocks[index].edgeMoveCount)
            while edge < last {
                append(edgeMoves.base[edge], &output)
                edge &+= 1
            }
        }
    }

    @inline(__always)
    private static func registerClass(_ raw: UInt8) -> RegisterClass {
        raw == 0 ? .integer : raw == 1 ? .float : .vector
    }

    @inline(__always)
    private mutating func append(_ move: PendingMove, _ output: inout AllocationOutput) {
        if move.isEviction, storePlace(of: move.to.slot) != .evictions { return }
        var from = move.from
        var to = move.to
        if from.isSlot { from = .slot(slotIndices.base[Int(from.slot)]) }
        if to.isSlot { to = .slot(slotIndices.base[Int(to.slot)]) }
        output.moves.append(AllocationMove(
            position: move.position, from: from, to: to, registerClass: Self.registerClass(move.registerClass)))
    }

    // MARK: - Slots

    /// Gives each owner a slot; returns how many there are.
    private mutating func assignSlots(_ input: borrowing AllocationInput) -> UInt32 {
        var count: UInt32 = 0
        intervalStarts.removeAll()
        intervalEnds.removeAll()
        for index in 0..<slotOwners.count {
            let value = slotOwners[index]
            let state = states[value]
            var first = state.definition
            var last = max(state.lastPosition, first)
            if isLocal {
                first = 0
                last = Self.none &- 1
            } else if state.has(VirtualRegisterState.arrivesInSlot) {
                let block = input.blocks[state.definitionBlock]
                for entry in 0..<block.predecessorCount {
                    let end = input.blocks[input.predecessors[block.firstPredecessor &+ entry]].endInstruction
                    first = min(first, end &- 1)
                    last = max(last, end)
                }
            }
            intervalStarts.append(UInt64(first) &<< 32 | UInt64(value))
            intervalEnds.append(UInt64(last) &<< 32 | UInt64(value))
        }
        Self.sort(intervalStarts)
        Self.sort(intervalEnds)
        freeSlots.removeAll()
        freeVectorSlots.removeAll()
        var ended = 0
        for index in 0..<intervalStarts.count {
            let first = intervalStarts[index] &>> 32
            while intervalEnds[ended] &>> 32 < first {
                let value = UInt32(truncatingIfNeeded: intervalEnds[ended])
                ended &+= 1
                if states[value].registerClass == RegisterClass.vector.rawValue {
                    freeVectorSlots.append(slotIndices[value])
                } else {
                    freeSlots.append(slotIndices[value])
                }
            }
            let value = UInt32(truncatingIfNeeded: intervalStarts[index])
            if states[value].registerClass == RegisterClass.vector.rawValue {
                if !freeVectorSlots.isEmpty {
                    slotIndices[value] = freeVectorSlots.popLast()
                    continue
                }
                if count & 1 != 0 {
                    freeSlots.append(count)
                    count &+= 1
                }
                slotIndices[value] = count
                count &+= 2
            } else if !freeSlots.isEmpty {
                slotIndices[value] = freeSlots.popLast()
            } else {
                slotIndices[value] = count
                count &+= 1
            }
        }
        return count
    }
}
