//! The moves of one edge: from where the predecessor left values to where the block expects them.
//!
//! They are collected during the walk and ordered when slots are known, because values may come to share a slot. All of
//! them happen at once, so they are ordered: a move whose target nobody still reads goes first; when only cycles are
//! left, each is opened with a scratch register, or with a spill slot if it passes through slots, because then the
//! scratch register is busy carrying values from slot to slot.

/// One of several moves that happen at once. A place is a register, or 32 plus the virtual register whose slot it is;
/// while moves are being ordered, 32 plus the slot.
struct ParallelMove: BitwiseCopyable {
    var from: UInt32
    var to: UInt32
    var registerClass: UInt8
}

/// An argument and its parameter, both in slots, of which neither is live where the other is defined: on a back edge only if
/// the parameter's last use turns out to come before the argument.
struct SlotAffinity: BitwiseCopyable {
    var parameter: UInt32
    var argument: UInt32
    var isBackEdge: Bool
}

extension RegisterAllocator {
    /// Collects the moves of an edge. Only for predecessors with one successor: others need none.
    mutating func resolveEdge(
        from predecessor: Int, to successor: Int, isBackEdge: Bool, _ input: borrowing AllocationInput
    ) {
        let source = input.blocks[predecessor]
        let target = input.blocks[successor]
        let position = source.endInstruction &- 1
        let stamp = UInt32(truncatingIfNeeded: predecessor &+ 1)
        blocks[predecessor].firstEdgeMove = UInt32(truncatingIfNeeded: edgeMoves.count)
        blocks[predecessor].firstParallelMove = UInt32(truncatingIfNeeded: parallelMoves.count)
        stampEdge(predecessor)

        // Values expected in registers.
        var expected = blocks[successor].entryRegisters
        var cursor = Int(blocks[successor].firstEntryValue)
        while expected != 0 {
            let register = UInt32(truncatingIfNeeded: expected.trailingZeroBitCount)
            expected &= expected &- 1
            let value = stateValues[cursor]
            cursor &+= 1
            let state = states[value]
            if state.has(VirtualRegisterState.isParameter), state.definition == target.firstInstruction { continue }
            let from = placeAtEnd(value, stamp: stamp)
            if from != register {
                parallelMoves.append(ParallelMove(from: from, to: register, registerClass: state.registerClass))
            }
        }
        // Values given up on the edge.
        if !isLocal { evictOnEdge(from: predecessor, to: successor, isBackEdge: isBackEdge, at: position) }
        // Arguments.
        for entry in 0..<min(source.argumentCount, target.parameterCount) {
            let argument = input.virtualRegisterLists[source.firstArgument &+ entry]
            states[argument].lastPosition = max(states[argument].lastPosition, source.endInstruction)
            let parameter = input.virtualRegisterLists[target.firstParameter &+ entry]
            let state = states[parameter]
            let to: UInt32
            if state.definitionRegister != Self.noRegister {
                to = UInt32(state.definitionRegister)
            } else if state.has(VirtualRegisterState.arrivesInSlot) {
                to = parameter &+ 32
            } else {
                continue  // Nobody reads it.
            }
            let from = placeAtEnd(argument, stamp: stamp)
            if from != to {
                parallelMoves.append(ParallelMove(from: from, to: to, registerClass: state.registerClass))
                // The parameter is live only behind this edge, so if the argument is not, they never are both. What comes
                // back to a loop's header from inside the loop is not live there, for it does not dominate it.
                if from >= 32, to >= 32, !isLocal,
                    isBackEdge
                        ? states[argument].definition >= target.firstInstruction && argument != parameter
                        : states[argument].entryStamp != UInt32(truncatingIfNeeded: successor &+ 1)
                {
                    affinities.append(
                        SlotAffinity(parameter: parameter, argument: argument, isBackEdge: isBackEdge))
                }
            }
        }
        blocks[predecessor].edgeMoveCount =
            UInt32(truncatingIfNeeded: edgeMoves.count) &- blocks[predecessor].firstEdgeMove
        blocks[predecessor].parallelMoveCount =
            UInt32(truncatingIfNeeded: parallelMoves.count) &- blocks[predecessor].firstParallelMove
    }

    @inline(__always)
    private mutating func placeAtEnd(_ value: UInt32, stamp: UInt32) -> UInt32 {
        if votes[value].edgeStamp == stamp { return UInt32(votes[value].edgeRegister) }
        needSlot(value)
        return value &+ 32
    }

    private mutating func evictOnEdge(from predecessor: Int, to successor: Int, isBackEdge: Bool, at position: UInt32) {
        let weight = min(blocks[predecessor].weight, blocks[successor].weight)
        let epoch = UInt32(truncatingIfNeeded: (isBackEdge ? predecessor : successor) &+ 1)
        let entryRegisters = blocks[successor].entryRegisters
        // A value that starts in a register at the successor has been stamped by this.
        let mark = Self.none &- UInt32(truncatingIfNeeded: predecessor)
        var cursor = Int(blocks[successor].firstEntryValue)
        for _ in 0..<entryRegisters.nonzeroBitCount {
            states[stateValues[cursor]].callMark = mark
            cursor &+= 1
        }
        var registers = blocks[predecessor].exitRegisters
        cursor = Int(blocks[predecessor].firstExitValue)
        while registers != 0 {
            let register = lowest(registers)
            registers &= registers &- 1
            let value = stateValues[cursor]
            cursor &+= 1
            let state = states[value]
            let isLive = (isBackEdge ? state.exitStamp : state.entryStamp) == epoch
            guard isLive, state.callMark != mark else { continue }
            needSlot(value)
            if blocks[predecessor].exitValid & bit(register) == 0 {
                states[value].evictionCost += weight
                edgeMoves.append(
                    PendingMove(
                        position: position, from: place(register), to: .slot(value), registerClass: state.registerClass,
                        isEviction: true))
            }
        }
    }

    // MARK: - Ordering

    /// Emits the moves of the edge out of `predecessor`, in an order in which one after the other does what all at once
    /// would.
    mutating func orderMoves(from predecessor: Int, at position: UInt32, _ output: inout AllocationOutput) {
        let first = Int(blocks[predecessor].firstParallelMove)
        let end = first &+ Int(blocks[predecessor].parallelMoveCount)
        guard first < end else { return }
        let moves = parallelMoves.base
        let readers = readers.base
        let writers = writers.base
        for index in first..<end {
            let from = finalPlace(moves[index].from)
            let to = finalPlace(moves[index].to)
            moves[index].from = from
            moves[index].to = to
            // Values that share a slot need no move.
            if from == to { continue }
            readers[Int(from)] &+= 1
            writers[Int(to)] = UInt32(truncatingIfNeeded: index &+ 1)
        }
        worklist.removeAll()
        for index in first..<end where moves[index].from != moves[index].to && readers[Int(moves[index].to)] == 0 {
            worklist.append(UInt32(truncatingIfNeeded: index))
        }
        while !worklist.isEmpty {
            let move = moves[Int(worklist.popLast())]
            emit(move.from, to: move.to, move.registerClass, at: position, &output)
            writers[Int(move.to)] = 0
            readers[Int(move.from)] &-= 1
            if readers[Int(move.from)] == 0, writers[Int(move.from)] != 0 {
                worklist.append(writers[Int(move.from)] &- 1)
            }
        }
        for index in first..<end where writers[Int(moves[index].to)] == UInt32(truncatingIfNeeded: index &+ 1) {
            breakCycle(at: index, position, &output)
        }
    }

    @inline(__always)
    private func finalPlace(_ place: UInt32) -> UInt32 {
        place < 32 ? place : slotIndices.base[Int(place &- 32)] &+ 32
    }

    /// Emits a cycle, of which each place is read once and written once.
    private mutating func breakCycle(at start: Int, _ position: UInt32, _ output: inout AllocationOutput) {
        let opened = parallelMoves[start].to
        var touchesSlot = false
        var readerClass = parallelMoves[start].registerClass
        var place = opened
        repeat {
            let move = parallelMoves[writers[Int(place)] &- 1]
            if place >= 32 { touchesSlot = true }
            if move.from == opened { readerClass = move.registerClass }
            place = move.from
        } while place != opened

        let temporary: UInt32
        if touchesSlot {
            usesTemporarySlot = true
            temporary = temporarySlot &+ 32
        } else {
            temporary = UInt32((readerClass == 0 ? file.integerScratch : file.floatScratch).number)
        }
        emit(opened, to: temporary, readerClass, at: position, &output)
        place = opened
        while true {
            let move = parallelMoves[writers[Int(place)] &- 1]
            writers[Int(place)] = 0
            readers[Int(move.from)] = 0
            if move.from == opened {
                emit(temporary, to: place, move.registerClass, at: position, &output)
                return
            }
            emit(move.from, to: place, move.registerClass, at: position, &output)
            place = move.from
        }
    }

    private mutating func emit(
        _ from: UInt32, to: UInt32, _ registerClass: UInt8, at position: UInt32, _ output: inout AllocationOutput
    ) {
        let source = from < 32 ? Allocation(bits: from) : .slot(from &- 32)
        let target = to < 32 ? Allocation(bits: to) : .slot(to &- 32)
        let moveClass = Self.registerClass(registerClass)
        guard from >= 32, to >= 32 else {
            output.moves.append(
                AllocationMove(
                    position: position, from: source, to: target, registerClass: moveClass))
            return
        }
        let scratch = Allocation.register(registerClass == 0 ? file.integerScratch : file.floatScratch)
        output.moves.append(AllocationMove(position: position, from: source, to: scratch, registerClass: moveClass))
        output.moves.append(AllocationMove(position: position, from: scratch, to: target, registerClass: moveClass))
    }
}
