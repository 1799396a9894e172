//! Structured control: frames, branches, joins.
//!
//! An edge to the end of a frame carries the current values of the locals assigned in the frame and the frame's results.
//! Its target is not known yet, so the edges of a frame are chained through their target fields. At the frame's end, the
//! arguments on which all edges agree are dropped, in place, and become the values after the end.

import WasmModule

extension FunctionTranslator {
    struct Arity {
        var parameters: UInt32
        var results: UInt32
    }

    @inline(__always)
    func type(of block: BlockType, _ context: ModuleContext) -> Arity {
        switch block {
        case .empty: Arity(parameters: 0, results: 0)
        case .value: Arity(parameters: 0, results: 1)
        case .function(let index):
            Arity(
                parameters: UInt32(context.parameterCount(ofType: index)),
                results: UInt32(context.resultCount(ofType: index)))
        }
    }

    // MARK: Opening

    private mutating func makeFrame(_ kind: ControlFrame.Kind, _ type: Arity) -> ControlFrame {
        let construct = assigned.constructs[nextConstruct]
        nextConstruct &+= 1
        var frame = ControlFrame(kind: kind, labelArity: type.results, resultCount: type.results)
        frame.parameterCount = type.parameters
        frame.height = UInt32(truncatingIfNeeded: stack.count) &- type.parameters
        frame.firstSaved = UInt32(truncatingIfNeeded: saved.count)
        frame.firstAssigned = construct.first
        frame.assignedCount = construct.count
        notePiece(in: &frame, of: construct, kind: kind)
        return frame
    }

    mutating func openBlock(_ type: Arity) {
        let frame = makeFrame(.block, type)
        frames.append(frame)
    }

    mutating func openLoop(_ type: Arity) throws(LimitExceeded) {
        guard assigned.constructs[nextConstruct].isTarget else { return openBlock(type) }
        var frame = makeFrame(.loop, type)
        frame.labelArity = type.parameters
        frame.header = builder.nextBlock
        let predecessor = builder.currentBlock
        let count = Int(frame.assignedCount + frame.parameterCount)
        try reserve(instructions: count)
        let edge = try makeEdge(to: frame.header, of: frame)
        builder.terminate(IRInstruction(operation: .jump, type: .none, a: edge))
        builder.beginBlock(dominatedBy: predecessor)
        for index in frame.firstAssigned..<frame.firstAssigned + frame.assignedCount {
            let local = assigned.locals[index]
            locals[local] = builder.parameter(builder.type(of: locals[local]))
        }
        for position in Int(frame.height)..<stack.count {
            stack[position] = builder.parameter(builder.type(of: stack[position]))
        }
        frames.append(frame)
        beginPiece(.checkFuel)
    }

    /// - Parameter isLikely: whether the first arm is; nil if nobody knows.
    mutating func openIf(_ type: Arity, _ isLikely: Bool?) throws(LimitExceeded) {
        let condition = pop()
        var frame = makeFrame(.then, type)
        frame.ifBlock = builder.currentBlock
        if saved.count + Int(frame.parameterCount + frame.assignedCount) > limits.assignedLocals {
            throw LimitExceeded()
        }
        saved.append(contentsOf: stack.top(Int(frame.parameterCount)))
        for index in frame.firstAssigned..<frame.firstAssigned + frame.assignedCount {
            saved.append(locals[assigned.locals[index]])
        }
        if let bits = builder.constantBits(condition) {
            if bits == 0 {
                frame.elseEntry = .continuation
                isReachable = false
            } else {
                beginPiece()
            }
            frames.append(frame)
            return
        }
        let test = builder.withoutZeroTest(condition)
        let thenEdge = builder.edge(to: builder.nextBlock)
        frame.elseEdge = builder.edge(to: ControlFrame.noEdge)
        markUnlikely(taken: thenEdge, other: frame.elseEdge, isLikely)
        frame.elseEntry = .edge
        terminateWithBranch(test.condition, test.isInverted, taken: thenEdge, other: frame.elseEdge)
        builder.beginBlock(dominatedBy: frame.ifBlock)
        frames.append(frame)
        beginPiece()
    }

    private mutating func terminateWithBranch(_ condition: UInt32, _ isInverted: Bool, taken: UInt32, other: UInt32) {
        builder.terminate(
            IRInstruction(
                operation: .branch, type: .none, a: condition, b: isInverted ? other : taken,
                c: isInverted ? taken : other))
    }

    private mutating func markUnlikely(taken: UInt32, other: UInt32, _ isLikely: Bool?) {
        guard let isLikely else { return }
        builder.function.edges[isLikely ? other : taken].isUnlikely = true
    }

    // MARK: Branches

    @inline(__always)
    private func frameIndex(_ label: UInt32) -> Int { frames.count &- 1 &- Int(label) }

    /// An edge with the arguments for a frame's label, from the current locals and the top of the stack.
    private mutating func makeEdge(to target: UInt32, of frame: ControlFrame) throws(LimitExceeded) -> UInt32 {
        let arity = Int(frame.labelArity)
        let count = Int(frame.assignedCount) + arity
        try reserve(lists: count)
        builder.function.lists.reserve(builder.function.lists.count + count)
        var index = frame.firstAssigned
        let end = frame.firstAssigned &+ frame.assignedCount
        while index < end {
            builder.function.lists.append(locals[assigned.locals[index]])
            index &+= 1
        }
        builder.function.lists.append(contentsOf: stack.top(arity))
        return builder.edge(to: target, argumentCount: UInt32(truncatingIfNeeded: count))
    }

    /// Makes an edge from the current block to the label of a frame.
    private mutating func makeEdge(toFrame index: Int) throws(LimitExceeded) -> UInt32 {
        let frame = frames[index]
        if frame.kind == .loop { return try makeEdge(to: frame.header, of: frame) }
        let edge = try makeEdge(to: frame.pendingEdge, of: frame)
        frames[index].pendingEdge = edge
        frames[index].pendingCount &+= 1
        if frame.pendingCount == 0 { frames[index].firstPredecessor = builder.currentBlock }
        return edge
    }

    mutating func branch(to label: UInt32) throws(LimitExceeded) {
        let index = frameIndex(label)
        if index == 0 { return try returnResults() }
        let edge = try makeEdge(toFrame: index)
        builder.terminate(IRInstruction(operation: .jump, type: .none, a: edge))
        isReachable = false
    }

    mutating func returnResults() throws(LimitExceeded) {
        let count = Int(frames[0].resultCount)
        try reserve(lists: count)
        settleFuel()
        let first = builder.listEnd
        builder.function.lists.append(contentsOf: stack.top(count))
        builder.terminate(
            IRInstruction(operation: .return, type: .none, a: first, b: UInt32(truncatingIfNeeded: count)))
        isReachable = false
    }

    mutating func branchIf(to label: UInt32, _ isLikely: Bool?) throws(LimitExceeded) {
        let condition = pop()
        if let bits = builder.constantBits(condition) {
            if bits != 0 { try branch(to: label) } else { beginPiece() }
            return
        }
        let test = builder.withoutZeroTest(condition)
        let block = builder.currentBlock
        let taken = try makeEdge(toFrame: frameIndex(label))
        let other = builder.edge(to: builder.nextBlock)
        markUnlikely(taken: taken, other: other, isLikely)
        terminateWithBranch(test.condition, test.isInverted, taken: taken, other: other)
        builder.beginBlock(dominatedBy: block)
        beginPiece()
    }

    mutating func branchTable(_ reader: inout OperatorReader) throws(LimitExceeded) {
        let index = pop()
        let count = Int(reader.readU32())
        if let bits = builder.constantBits(index) {
            var chosen: UInt32 = 0
            for position in 0...count {
                let label = reader.readU32()
                if position == count || position == Int(bits) {
                    chosen = label
                    for _ in position..<count { _ = reader.readU32() }
                    break
                }
            }
            return try branch(to: chosen)
        }
        // All targets alike?
        var lookahead = reader
        let first = lookahead.readU32()
        var isUniform = true
        for _ in 0..<count where lookahead.readU32() != first { isUniform = false }
        if isUniform {
            reader = lookahead
            return try branch(to: first)
        }
        let firstEdge = UInt32(truncatingIfNeeded: builder.function.edges.count)
        while tableEdges.count < frames.count { tableEdges.append(ControlFrame.noEdge) }
        var cursor = reader
        for _ in 0...count {
            let frame = frameIndex(cursor.readU32())
            let original = tableEdges[frame]
            if original == ControlFrame.noEdge {
                let edge = try makeEdge(toFrame: frame)
                tableEdges[frame] = edge
            } else {
                repeatedEdges.append(RepeatedEdge(edge: builder.edge(to: 0), original: original))
            }
        }
        for _ in 0...count { tableEdges[frameIndex(reader.readU32())] = ControlFrame.noEdge }
        if count == 1 {
            builder.terminate(
                IRInstruction(operation: .branch, type: .none, a: index, b: firstEdge + 1, c: firstEdge))
        } else {
            builder.terminate(
                IRInstruction(
                    operation: .branchTable, type: .none, a: index, b: firstEdge,
                    c: UInt32(truncatingIfNeeded: count + 1)))
        }
        isReachable = false
    }

    // MARK: Closing

    mutating func beginElse() throws(LimitExceeded) {
        let index = frames.count - 1
        if isReachable {
            let edge = try makeEdge(toFrame: index)
            builder.terminate(IRInstruction(operation: .jump, type: .none, a: edge))
            isReachable = false
        }
        let frame = frames[index]
        frames[index].kind = .block
        frames[index].elseEntry = .none
        switch frame.elseEntry {
        case .none: return
        case .edge:
            builder.function.edges[frame.elseEdge].target = builder.nextBlock
            builder.beginBlock(dominatedBy: frame.ifBlock)
        case .continuation: break
        }
        restore(frame)
        beginPiece()
    }

    /// Goes on with the values at an `if`.
    private mutating func restore(_ frame: ControlFrame) {
        isReachable = true
        stack.truncate(to: Int(frame.height))
        var index = Int(frame.firstSaved)
        for _ in 0..<frame.parameterCount {
            push(saved[index])
            index += 1
        }
        for position in frame.firstAssigned..<frame.firstAssigned + frame.assignedCount {
            locals[assigned.locals[position]] = saved[index]
            index += 1
        }
    }

    mutating func closeFrame() throws(LimitExceeded) {
        let index = frames.count - 1
        if frames[index].kind == .then {
            try closeWithoutElse(index)
        }
        if frames[index].pendingCount > 0 {
            if isReachable {
                let edge = try makeEdge(toFrame: index)
                builder.terminate(IRInstruction(operation: .jump, type: .none, a: edge))
            }
            join(frames[index])
        }
        if index == 0 && isReachable { try returnResults() }
        let closed = frames.popLast()
        endPiece(of: closed)
        saved.truncate(to: Int(closed.firstSaved))
    }

    /// The missing second arm: an edge from the `if` to the end, with the values there.
    private mutating func closeWithoutElse(_ index: Int) throws(LimitExceeded) {
        let frame = frames[index]
        switch frame.elseEntry {
        case .none: break
        case .continuation: restore(frame)
        case .edge:
            let count = frame.assignedCount + frame.parameterCount
            try reserve(lists: Int(count))
            let first = builder.listEnd
            let values = Int(frame.firstSaved)
            for position in 0..<Int(frame.assignedCount) {
                builder.function.lists.append(saved[values + Int(frame.parameterCount) + position])
            }
            for position in 0..<Int(frame.parameterCount) { builder.function.lists.append(saved[values + position]) }
            if isReachable {
                let edge = try makeEdge(toFrame: index)
                builder.terminate(IRInstruction(operation: .jump, type: .none, a: edge))
                isReachable = false
            }
            builder.function.edges[frame.elseEdge].target = frames[index].pendingEdge
            builder.function.edges[frame.elseEdge].firstArgument = first
            builder.function.edges[frame.elseEdge].argumentCount = count
            frames[index].pendingEdge = frame.elseEdge
            frames[index].pendingCount += 1
            frames[index].firstPredecessor = frame.ifBlock
        }
    }

    /// Begins the block at a frame's end, which its pending edges lead to; the current block has been ended.
    private mutating func join(_ frame: ControlFrame) {
        let first = builder.function.edges[frame.pendingEdge]
        let slots = Int(first.argumentCount)
        joined.removeAll()
        joined.append(
            contentsOf: UnsafeBufferPointer(
                start: builder.function.lists.base + Int(first.firstArgument), count: slots))
        if frame.pendingCount == 1 {
            builder.function.edges[frame.pendingEdge].argumentCount = 0
            if !builder.reopenBlock(endingIn: frame.pendingEdge) {
                builder.function.edges[frame.pendingEdge].target = builder.nextBlock
                builder.beginBlock(dominatedBy: frame.firstPredecessor)
            }
        } else {
            markDisagreement(of: first.target)
            let block = builder.nextBlock
            builder.beginBlock(dominatedBy: frame.firstPredecessor)
            let firstParameter = UInt32(truncatingIfNeeded: builder.function.instructions.count)
            for slot in 0..<slots where joined[slot] == Self.disagreement {
                let argument = builder.function.lists[first.firstArgument + UInt32(slot)]
                joined[slot] = builder.parameter(builder.type(of: argument))
            }
            resolve(frame.pendingEdge, to: block, firstParameter: firstParameter)
        }
        isReachable = true
        stack.truncate(to: Int(frame.height))
        var slot = 0
        for position in frame.firstAssigned..<frame.firstAssigned + frame.assignedCount {
            locals[assigned.locals[position]] = joined[slot]
            slot += 1
        }
        while slot < slots {
            push(joined[slot])
            slot += 1
        }
    }

    private static var disagreement: UInt32 { .max }

    /// Compares the arguments of the edges chained from `edge` with `joined`, slot by slot.
    private func markDisagreement(of edge: UInt32) {
        var edge = edge
        let count = joined.count
        while edge != ControlFrame.noEdge {
            let record = builder.function.edges[edge]
            let arguments = builder.function.lists.base + Int(record.firstArgument)
            for slot in 0..<count where arguments[slot] != joined[slot] { joined[slot] = Self.disagreement }
            edge = record.target
        }
    }

    /// Directs the edges chained from `edge` to a block and keeps only the arguments for its parameters, which are the
    /// values of `joined` from `firstParameter` on.
    private mutating func resolve(_ edge: UInt32, to block: UInt32, firstParameter: UInt32) {
        var edge = edge
        let count = joined.count
        while edge != ControlFrame.noEdge {
            var record = builder.function.edges[edge]
            let next = record.target
            let arguments = builder.function.lists.base + Int(record.firstArgument)
            var kept = 0
            for slot in 0..<count where joined[slot] >= firstParameter {
                arguments[kept] = arguments[slot]
                kept &+= 1
            }
            record.target = block
            record.argumentCount = UInt32(truncatingIfNeeded: kept)
            builder.function.edges[edge] = record
            edge = next
        }
    }
}
