//! Labels, jumps and the end of a function.
//!
//! Most jumps go forward and not far. When one is written its distance is unknown, so it gets four bytes for it; when
//! its label is bound the distance is known, and if one byte is enough the jump is marked. `finish` then closes the
//! gaps in one walk and fills in all references. Why marking at that moment is sound: a distance counted in the draft
//! can only shrink, because closing gaps removes bytes. The exception is padding, which may grow when code before it
//! moves; a jump across padding is therefore never short. Padding still never ends later than in the draft, because
//! rounding up is monotone; so code only ever moves down. In the draft padding is never empty, or positions before and
//! behind it could not be told apart.
//!
//! Whoever remembers positions in a draft takes them through `adjust` after `finish`.

struct LabelState: BitwiseCopyable {
    /// Draft coordinates while its function is a draft.
    var offset = Assembler.none
    /// The last jump that awaits this label, in `Draft.jumps`.
    var lastJump = Assembler.none
}

/// What is to be done at the end of the function in progress. All vectors are in ascending order of position.
struct Draft: ~Copyable {
    struct Jump: BitwiseCopyable {
        var position: UInt32
        var label: Label
        /// The next older jump that awaits the same label.
        var next: UInt32
        /// Bytes in the draft: 2, 5 or 6.
        var length: UInt8
        var isShort: Bool
        /// The opcode of the short form.
        var opcode: UInt8
    }

    /// A 4-byte field that holds an addend and gets the distance to the label added.
    struct Fixup: BitwiseCopyable {
        var position: UInt32
        var target: Label
        /// The distance is counted from this label; `none` if from the end of the field.
        var anchor: UInt32
    }

    struct Padding: BitwiseCopyable {
        var position: UInt32
        var length: UInt32
        var boundary: UInt32
        var isTraps: Bool
    }

    /// From this draft position on, code has moved down by `distance`.
    struct Move: BitwiseCopyable {
        var position: UInt32
        var distance: UInt32
    }

    var jumps = Vector<Jump>()
    var fixups = Vector<Fixup>()
    var paddings = Vector<Padding>()
    /// Labels bound in the draft.
    var bound = Vector<Label>()
    /// Of the draft finished last.
    var moves = Vector<Move>()
    /// Where the draft starts.
    var start: UInt32 = 0
    /// The draft's part of the external references starts here.
    var firstExternal = 0
    /// No jump across this position may be short. The end of the last padding.
    var barrier: UInt32 = 0
    /// Long jumps that are to become short, and paddings that are longer than needed.
    var gaps = 0

    var isEmpty: Bool { jumps.isEmpty && fixups.isEmpty }

    mutating func restart(at position: UInt32, firstExternal: Int) {
        jumps.removeAll()
        fixups.removeAll()
        paddings.removeAll()
        bound.removeAll()
        moves.removeAll()
        start = position
        self.firstExternal = firstExternal
        barrier = 0
        gaps = 0
    }
}

extension Assembler {
    // MARK: Labels

    mutating func newLabel() -> Label {
        labels.append(LabelState())
        return Label(id: UInt32(truncatingIfNeeded: labels.count &- 1))
    }

    /// Makes `extra` labels with consecutive ids and returns the first.
    mutating func newLabels(_ extra: Int) -> Label {
        let first = Label(id: UInt32(truncatingIfNeeded: labels.count))
        labels.append(repeating: LabelState(), count: extra)
        return first
    }

    @inline(__always)
    func isBound(_ label: Label) -> Bool { labels[label.id].offset != Self.none }

    /// Where a bound label is.
    @inline(__always)
    func offset(of label: Label) -> UInt32 {
        assert(isBound(label))
        return labels[label.id].offset
    }

    /// Places a label here.
    mutating func bind(_ label: Label) {
        assert(!isBound(label))
        var index = labels[label.id].lastJump
        while index != Self.none {
            let jump = draft.jumps[index]
            let distance = position &- jump.position &- UInt32(jump.length)
            // Older jumps are further away, so the first that is too far is the last to look at.
            if distance > 127 || jump.position < draft.barrier || !experiment.has(.shortJumps) { break }
            if !chaos.strikes(oneIn: 2) {
                draft.jumps[index].isShort = true
                draft.gaps &+= 1
            }
            index = jump.next
        }
        labels[label.id] = LabelState(offset: position)
        draft.bound.append(label)
    }

    // MARK: References

    mutating func jmp(_ target: Label) { jump(target, short: 0xEB, long: 0xE9, isEscaped: false) }

    mutating func jcc(_ cc: Condition, _ target: Label) {
        jump(target, short: 0x70 | cc.rawValue, long: 0x80 | cc.rawValue, isEscaped: true)
    }

    @inline(__always)
    private mutating func jump(_ target: Label, short: UInt8, long: UInt8, isEscaped: Bool) {
        var out = begin()
        let position = position
        let state = labels[target.id]
        var jump = Draft.Jump(
            position: position, label: target, next: state.lastJump, length: isEscaped ? 6 : 5, isShort: false,
            opcode: short)
        if state.offset != Self.none && position &+ 2 &- state.offset <= 128 && state.offset >= draft.barrier
            && experiment.has(.shortJumps) && !chaos.strikes(oneIn: 2)
        {
            jump.length = 2
            jump.isShort = true
            out.byte(short)
            out.byte(0)
        } else {
            if isEscaped { out.byte(0x0F) }
            out.byte(long)
            out.int32(0)
            if state.offset == Self.none { labels[target.id].lastJump = UInt32(truncatingIfNeeded: draft.jumps.count) }
        }
        draft.jumps.append(jump)
        end(out)
    }

    /// Notes that the 4-byte field at `position` holds an addend to the distance from its end to the label.
    @inline(__always)
    mutating func addReference(at position: UInt32, to target: Label) {
        draft.fixups.append(Draft.Fixup(position: position, target: target, anchor: Self.none))
    }

    /// An entry of a jump table: the distance from `relativeTo` to `target`, in 4 bytes.
    mutating func emitLabelOffset32(target: Label, relativeTo: Label) {
        draft.fixups.append(Draft.Fixup(position: position, target: target, anchor: relativeTo.id))
        emit32(0)
    }

    // MARK: Padding

    /// Pads to a multiple of `boundary`, a power of two, with instructions that do nothing.
    mutating func align(to boundary: Int) { pad(to: boundary, traps: false) }

    /// Pads to a multiple of `boundary`, a power of two, with `int3`: for places that are never reached.
    mutating func alignWithTraps(to boundary: Int) { pad(to: boundary, traps: true) }

    private mutating func pad(to boundary: Int, traps: Bool) {
        assert(boundary > 0 && boundary & (boundary - 1) == 0)
        guard boundary > 1 else { return }
        var length = (0 &- count) & (boundary - 1)
        if length == 0 {
            length = boundary
            draft.gaps &+= 1
        }
        draft.paddings.append(
            Draft.Padding(
                position: position, length: UInt32(truncatingIfNeeded: length),
                boundary: UInt32(truncatingIfNeeded: boundary), isTraps: traps))
        var out = begin(room: length)
        out.fill(length, traps: traps)
        end(out)
        draft.barrier = position
    }

    /// Pads what is in its final place.
    mutating func padFinally(to boundary: Int) {
        let length = (0 &- count) & (boundary - 1)
        var out = begin(room: length)
        out.fill(length, traps: true)
        end(out)
    }

    // MARK: The end of a function

    /// Nothing is left to be done by `finish`.
    var isComplete: Bool { draft.isEmpty && constants.isEmpty }

    /// Makes the draft final: shortens jumps, places the constants here and fills in all references to labels.
    ///
    /// To be called where nothing falls through. If `isTooLarge`, before or after, the code is worthless.
    mutating func finish() {
        if isTooLarge {
            constants.removeAll()
            draft.restart(at: position, firstExternal: externalFixups.count)
            return
        }
        draft.moves.removeAll()
        if draft.gaps > 0 { closeGaps() }
        placeConstants()
        fillIn()
        draft.jumps.removeAll()
        draft.fixups.removeAll()
        draft.paddings.removeAll()
        draft.bound.removeAll()
        draft.start = position
        draft.firstExternal = externalFixups.count
        draft.barrier = 0
        draft.gaps = 0
    }

    /// Moves code down over the ends of jumps that become short and of padding, and all positions with it.
    private mutating func closeGaps() {
        var source = Int(draft.start)
        var destination = source
        let end = count
        var nextPadding = 0

        for index in 0..<draft.jumps.count {
            let jump = draft.jumps[index]
            guard jump.isShort && jump.length != 2 else { continue }
            while nextPadding < draft.paddings.count && draft.paddings[nextPadding].position <= jump.position {
                move(&source, &destination, over: draft.paddings[nextPadding])
                nextPadding += 1
            }
            move(&source, &destination, to: Int(jump.position))
            code[destination] = jump.opcode
            code[destination + 1] = 0
            source += Int(jump.length)
            destination += 2
            noteMove(source, destination)
        }
        while nextPadding < draft.paddings.count {
            move(&source, &destination, over: draft.paddings[nextPadding])
            nextPadding += 1
        }
        move(&source, &destination, to: end)
        truncate(to: destination)

        var mover = PositionMover()
        for index in 0..<draft.jumps.count {
            draft.jumps[index].position = mover.final(draft.jumps[index].position, draft.moves)
        }
        mover = PositionMover()
        for index in 0..<draft.fixups.count {
            draft.fixups[index].position = mover.final(draft.fixups[index].position, draft.moves)
        }
        mover = PositionMover()
        for index in draft.firstExternal..<externalFixups.count {
            externalFixups[index].position = mover.final(externalFixups[index].position, draft.moves)
        }
        mover = PositionMover()
        for index in 0..<draft.bound.count {
            let id = draft.bound[index].id
            labels[id].offset = mover.final(labels[id].offset, draft.moves)
        }
    }

    private func move(_ source: inout Int, _ destination: inout Int, to end: Int) {
        let length = end - source
        (code + destination).update(from: code + source, count: length)
        source += length
        destination += length
    }

    private mutating func move(_ source: inout Int, _ destination: inout Int, over padding: Draft.Padding) {
        move(&source, &destination, to: Int(padding.position))
        let length = (0 &- destination) & Int(padding.boundary &- 1)
        var out = Cursor(next: code + destination)
        out.fill(length, traps: padding.isTraps)
        source += Int(padding.length)
        destination += length
        assert(destination <= source)
        noteMove(source, destination)
    }

    private mutating func noteMove(_ source: Int, _ destination: Int) {
        draft.moves.append(
            Draft.Move(
                position: UInt32(truncatingIfNeeded: source),
                distance: UInt32(truncatingIfNeeded: source - destination)))
    }

    private func fillIn() {
        for index in 0..<draft.jumps.count {
            let jump = draft.jumps[index]
            let target = offset(of: jump.label)
            if jump.isShort {
                let distance = Int32(bitPattern: target &- jump.position &- 2)
                assert(isInt8(distance))
                code[Int(jump.position) + 1] = UInt8(truncatingIfNeeded: distance)
            } else {
                let end = jump.position &+ UInt32(jump.length)
                addDistance(at: end &- 4, from: end, to: target)
            }
        }
        for index in 0..<draft.fixups.count {
            let fixup = draft.fixups[index]
            let anchor = fixup.anchor == Self.none ? fixup.position &+ 4 : offset(of: Label(id: fixup.anchor))
            addDistance(at: fixup.position, from: anchor, to: offset(of: fixup.target))
        }
    }

    // MARK: Positions that others remember

    /// Turns positions noted in the draft finished last, in ascending order, into final ones. Before anything else is
    /// finished.
    func adjust(_ positions: borrowing Vector<UInt32>) {
        guard !draft.moves.isEmpty else { return }
        var mover = PositionMover()
        for index in 0..<positions.count { positions[index] = mover.final(positions[index], draft.moves) }
    }

    /// The final position of a single one.
    func adjusted(_ position: UInt32) -> UInt32 {
        var low = 0
        var high = draft.moves.count
        while low < high {
            let middle = (low + high) / 2
            if draft.moves[middle].position <= position { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? position : position &- draft.moves[low - 1].distance
    }
}

/// Takes ascending positions through the moves of a draft.
private struct PositionMover {
    var next = 0
    var distance: UInt32 = 0

    @inline(__always)
    mutating func final(_ position: UInt32, _ moves: borrowing Vector<Draft.Move>) -> UInt32 {
        while next < moves.count && moves[next].position <= position {
            distance = moves[next].distance
            next &+= 1
        }
        return position &- distance
    }
}
