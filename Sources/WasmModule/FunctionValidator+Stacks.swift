//! The validator's operand stack and control stack.
//!
//! Invariants between instructions: `operandBase <= floor <= operandTop <= operandEnd`; `floor` and `isUnreachable`
//! mirror the innermost frame.

/// A `block`, `loop`, `if` or `else` that is not closed yet. The outermost frame is the function body.
struct ControlFrame: BitwiseCopyable {
    enum Kind: UInt8 { case block, loop, `if`, `else` }

    /// Types of the parameters, results.
    var start: TypeList
    var end: TypeList
    /// Operands on the stack below this frame.
    var height: UInt32
    /// Number of the `br_table` that last checked a branch to this frame.
    var checkedBy: UInt32
    var kind: Kind
    var isUnreachable: Bool

    /// What a branch to this frame carries.
    var label: TypeList { kind == .loop ? start : end }
}

// Methods on the way of every instruction are `mutating` even where they change nothing: the compiler passes the
// validator by address to those, and may copy all of it for the others.
extension FunctionValidator {
    // MARK: Operands

    @inline(__always)
    mutating func push(_ type: UInt32) throws(WasmError) {
        if operandTop == operandEnd { try growOperands(by: 1) }
        operandTop.pointee = type
        operandTop += 1
    }

    @inline(__always)
    mutating func push(_ list: TypeList) throws(WasmError) {
        let count = Int(list.count)
        if operandEnd - operandTop < count { try growOperands(by: count) }
        let types = flat.arena + Int(list.offset)
        for index in 0..<count { operandTop[index] = types[index] }
        operandTop += count
    }

    @inline(never)
    private mutating func growOperands(by count: Int) throws(WasmError) {
        let depth = operandTop - operandBase
        let limit = module.limits.operandDepth
        guard depth + count <= limit else {
            throw WasmError(.limitExceeded, at: offset, "operand stack too deep: the limit is \(limit) values")
        }
        let height = floor - operandBase
        var capacity = operandEnd - operandBase
        Self.reserve(&operandBase, &capacity, depth + count, keeping: depth)
        operandTop = operandBase + depth
        operandEnd = operandBase + min(capacity, limit)
        floor = operandBase + height
    }

    /// Pops an operand of a known type.
    @inline(__always)
    mutating func pop(_ type: UInt32) throws(WasmError) {
        if operandTop != floor && operandTop[-1] == type { operandTop -= 1 } else { try popSlowly(type) }
    }

    @inline(never)
    private mutating func popSlowly(_ type: UInt32) throws(WasmError) {
        if operandTop == floor {
            if isUnreachable { return }
            throw mismatch("expected \(ValueType(bits: type)) but nothing is on the stack")
        }
        guard operandTop[-1] == Self.unknown else {
            throw mismatch("expected \(ValueType(bits: type)), found \(ValueType(bits: operandTop[-1]))")
        }
        operandTop -= 1
    }

    /// Pops an operand of any type and returns its type, which may be `unknown`.
    mutating func popAny() throws(WasmError) -> UInt32 {
        if operandTop == floor {
            if isUnreachable { return Self.unknown }
            throw mismatch("expected a value but nothing is on the stack")
        }
        operandTop -= 1
        return operandTop.pointee
    }

    /// Checks that the operands of `list` could be popped, and returns how many of them really are on the stack: in
    /// unreachable code the others are implied.
    @inline(__always)
    mutating func check(_ list: TypeList) throws(WasmError) -> Int {
        let count = Int(list.count)
        let present = min(count, operandTop - floor)
        if present < count && !isUnreachable { throw tooFewOperands(list) }
        let expected = flat.arena + Int(list.offset) + (count - present)
        let actual = operandTop - present
        // No early exit, so that the loop is vectorised: one-byte branches may carry a thousand values.
        var differences: UInt32 = 0
        for index in 0..<present {
            let type = actual[index]
            differences |= type == Self.unknown ? 0 : type ^ expected[index]
        }
        if differences != 0 { throw wrongOperand(list, present: present) }
        return present
    }

    @inline(__always)
    mutating func pop(_ list: TypeList) throws(WasmError) {
        operandTop -= try check(list)
    }

    @inline(never)
    private func tooFewOperands(_ list: TypeList) -> WasmError {
        mismatch("expected \(list.count) values but only \(operandTop - floor) are on the stack")
    }

    @inline(never)
    private func wrongOperand(_ list: TypeList, present: Int) -> WasmError {
        let expected = flat.arena + Int(list.offset) + (Int(list.count) - present)
        let actual = operandTop - present
        for index in (0..<present).reversed() where actual[index] != Self.unknown && actual[index] != expected[index] {
            return mismatch("expected \(ValueType(bits: expected[index])), found \(ValueType(bits: actual[index]))")
        }
        return mismatch("wrong operands")
    }

    /// Whether two lists have the same types.
    mutating func equal(_ left: TypeList, _ right: TypeList) -> Bool {
        guard left.count == right.count else { return false }
        if left.offset == right.offset { return true }
        for index in 0..<Int(left.count)
        where flat.arena[Int(left.offset) + index] != flat.arena[Int(right.offset) + index] {
            return false
        }
        return true
    }

    // MARK: Control

    mutating func pushFrame(_ kind: ControlFrame.Kind, start: TypeList, end: TypeList) throws(WasmError) {
        if frameCount == frameCapacity {
            let limit = module.limits.controlDepth
            Self.reserve(&frames, &frameCapacity, min(limit, frameCount * 2), keeping: frameCount)
        }
        guard frameCount < min(module.limits.controlDepth, frameCapacity) else {
            throw WasmError(
                .limitExceeded, at: offset, "nesting too deep: the limit is \(module.limits.controlDepth) blocks")
        }
        floor = operandTop
        isUnreachable = false
        frames[frameCount] = ControlFrame(
            start: start, end: end, height: UInt32(operandTop - operandBase), checkedBy: 0, kind: kind,
            isUnreachable: false)
        frameCount += 1
        try push(start)
    }

    /// Closes the innermost frame: its results, and nothing else, must be on the stack, and they are popped.
    mutating func popFrame() throws(WasmError) -> ControlFrame {
        let frame = frames[frameCount - 1]
        try pop(frame.end)
        guard operandTop == floor else {
            throw mismatch("\(operandTop - floor) values too many on the stack at the end of the block")
        }
        frameCount -= 1
        if frameCount > 0 {
            floor = operandBase + Int(frames[frameCount - 1].height)
            isUnreachable = frames[frameCount - 1].isUnreachable
        }
        return frame
    }

    /// What follows in this frame cannot be reached: its operands are whatever is asked for.
    mutating func setUnreachable() {
        operandTop = floor
        isUnreachable = true
        frames[frameCount - 1].isUnreachable = true
    }

    /// The frame a label refers to: 0 is the innermost.
    @inline(__always)
    mutating func frame(_ label: UInt32) throws(WasmError) -> UnsafeMutablePointer<ControlFrame> {
        guard label < frameCount else { throw unknown("label", label) }
        return frames + (frameCount - 1 - Int(label))
    }
}
