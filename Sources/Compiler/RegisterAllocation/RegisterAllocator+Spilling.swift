//! What the walk left open: where values are stored, which slot is whose, and the moves in their final order.
//!
//! A spilled value is stored either once after its definition or at every place that gives up its register, whichever
//! is expected to execute less. The second keeps stores out of a loop when the value is given up only behind it, or on
//! a cold path only.
//!
//! Slots are shared by values whose live ranges, taken as intervals in block order, do not touch. Every block in which
//! a value is live comes at or after its definition and at or before the last block found live, so intervals cover live
//! ranges, loops included. A parameter's slot is written at the ends of the predecessors: its interval covers them. A
//! parameter and an argument that both are in slots share one if they can, so that passing it costs nothing.

/// A value with a slot, and the group of values that share it.
struct SlotOwner: BitwiseCopyable {
    var value: UInt32
    /// The live interval.
    var first: UInt32
    var last: UInt32
    /// Owners of a group name the same leader, which knows the group, and form a ring.
    var leader: UInt32
    var next: UInt32
    var groupFirst: UInt32
    var groupLast: UInt32
    var count: UInt32 = 1
    var slot: UInt32 = 0
}

extension RegisterAllocator {
    mutating func finish(_ input: borrowing AllocationInput, _ output: inout AllocationOutput) {
        output.slotCount = assignSlots(input)
        temporarySlot = (output.slotCount &+ 1) & ~1
        readers.reset(to: 0, count: Int(temporarySlot) &+ 34)
        writers.reset(to: 0, count: Int(temporarySlot) &+ 34)
        for index in 0..<slotOperands.count {
            let operand = Int(slotOperands[index])
            output.allocations[operand] = .slot(slotIndices[output.allocations[operand].slot])
        }
        output.calleeSavedUsed = calleeSavedUsed
        mergeMoves(input, &output)
        if usesTemporarySlot { output.slotCount = temporarySlot &+ 2 }
    }

    private enum StorePlace { case never, definition, evictions }

    @inline(__always)
    private func storePlace(of value: UInt32) -> StorePlace {
        let state = states.base + Int(value)
        if state.pointee.has(VirtualRegisterState.arrivesInSlot) { return .never }
        if isLocal { return .definition }
        if !experiment.has(.storeOnce) { return .evictions }
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
                    output.moves.append(
                        AllocationMove(
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
            orderMoves(from: index, at: end &- 1, &output)
        }
    }

    @inline(__always)
    static func registerClass(_ raw: UInt8) -> RegisterClass {
        raw == 0 ? .integer : raw == 1 ? .float : .vector
    }

    @inline(__always)
    private mutating func append(_ move: PendingMove, _ output: inout AllocationOutput) {
        if move.isEviction, storePlace(of: move.to.slot) != .evictions { return }
        var from = move.from
        var to = move.to
        if from.isSlot { from = .slot(slotIndices.base[Int(from.slot)]) }
        if to.isSlot { to = .slot(slotIndices.base[Int(to.slot)]) }
        output.moves.append(
            AllocationMove(
                position: move.position, from: from, to: to, registerClass: Self.registerClass(move.registerClass)))
    }

    // MARK: - Slots

    /// Gives each owner a slot; returns how many there are.
    private mutating func assignSlots(_ input: borrowing AllocationInput) -> UInt32 {
        findOwners(input)
        for index in 0..<affinities.count {
            let affinity = affinities[index]
            let parameter = slotIndices[affinity.parameter]
            let argument = slotIndices[affinity.argument]
            guard parameter != Self.none, argument != Self.none else { continue }
            // The parameter's interval goes on to the back edge, where it is written. If it is the argument that is there
            // already, what counts is where the parameter was read last.
            if affinity.isBackEdge, owners[argument].first <= states[affinity.parameter].lastPosition { continue }
            join(parameter, argument)
        }
        intervalStarts.removeAll()
        intervalEnds.removeAll()
        for index in 0..<owners.count where Int(owners[index].leader) == index {
            intervalStarts.append(UInt64(owners[index].groupFirst) &<< 32 | UInt64(index))
            intervalEnds.append(UInt64(owners[index].groupLast) &<< 32 | UInt64(index))
        }
        Self.sort(intervalStarts)
        Self.sort(intervalEnds)
        let count = sweep()
        for index in 0..<owners.count { slotIndices[owners[index].value] = owners[owners[index].leader].slot }
        return count
    }

    /// Fills `owners` with live intervals; until slots are known, `slotIndices` says which owner a value is.
    private mutating func findOwners(_ input: borrowing AllocationInput) {
        owners.removeAll()
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
            let number = UInt32(truncatingIfNeeded: index)
            slotIndices[value] = number
            owners.append(
                SlotOwner(
                    value: value, first: first, last: last, leader: number, next: number, groupFirst: first,
                    groupLast: last))
        }
    }

    /// Lets the groups of two owners, which may share a slot, share one if all their other members may, too. Groups
    /// stay small, so that this takes constant time.
    private mutating func join(_ first: UInt32, _ second: UInt32) {
        let owners = owners.base
        let a = Int(owners[Int(first)].leader)
        let b = Int(owners[Int(second)].leader)
        guard a != b, owners[a].count &+ owners[b].count <= 16 else { return }
        var left = a
        repeat {
            var right = b
            repeat {
                let isPair = left == Int(first) && right == Int(second)
                if !isPair, owners[left].last >= owners[right].first, owners[right].last >= owners[left].first {
                    return
                }
                right = Int(owners[right].next)
            } while right != b
            left = Int(owners[left].next)
        } while left != a

        var member = b
        repeat {
            owners[member].leader = UInt32(truncatingIfNeeded: a)
            member = Int(owners[member].next)
        } while member != b
        swap(&owners[a].next, &owners[b].next)
        owners[a].count &+= owners[b].count
        owners[a].groupFirst = min(owners[a].groupFirst, owners[b].groupFirst)
        owners[a].groupLast = max(owners[a].groupLast, owners[b].groupLast)
    }

    /// Hands out slots in the order in which intervals start; returns how many there are.
    private mutating func sweep() -> UInt32 {
        var count: UInt32 = 0
        freeSlots.removeAll()
        freeVectorSlots.removeAll()
        var ended = 0
        for index in 0..<intervalStarts.count {
            let first = intervalStarts[index] &>> 32
            while intervalEnds[ended] &>> 32 < first {
                let owner = owners[UInt32(truncatingIfNeeded: intervalEnds[ended])]
                ended &+= 1
                if states[owner.value].registerClass == RegisterClass.vector.rawValue {
                    freeVectorSlots.append(owner.slot)
                } else {
                    freeSlots.append(owner.slot)
                }
            }
            let owner = Int(UInt32(truncatingIfNeeded: intervalStarts[index]))
            let slot: UInt32
            if states[owners[owner].value].registerClass == RegisterClass.vector.rawValue {
                if !freeVectorSlots.isEmpty {
                    slot = freeVectorSlots.popLast()
                } else {
                    if count & 1 != 0 {
                        freeSlots.append(count)
                        count &+= 1
                    }
                    slot = count
                    count &+= 2
                }
            } else if !freeSlots.isEmpty {
                slot = freeSlots.popLast()
            } else {
                slot = count
                count &+= 1
            }
            owners[owner].slot = slot
        }
        return count
    }
}
