//! Builds a function block by block and simplifies on the way: an instruction that is asked for is folded, or found
//! among the equal ones that dominate the current place, before it is appended.
//!
//! Requires that blocks are begun in reverse postorder, each with a dominator that has been begun before. The builder
//! keeps the path of dominators from the entry to the current block; the value table holds exactly what the blocks of that path
//! defined. A block that has left the path never returns to it, so where a join's dominator has left, the nearest
//! ancestor still on the path takes its place: correct, only less precise.

import WasmModule

struct IRBuilder: ~Copyable {
    var function = IRFunction()
    /// Where in the module's binary the operator being translated stands.
    var sourceOffset: UInt32 = 0
    /// What is not to be done to the function at hand, if anything.
    var experiment = FunctionExperiment()

    private var numbering = ValueNumbering()
    /// Blocks from the entry to the current block, each dominating the next.
    private var path = Vector<UInt32>(capacity: 64)
    private var dominance = Vector<Dominance>(capacity: 64)

    struct Dominance: BitwiseCopyable {
        /// A dominator; after the block has left the path, some dominator nearer to the entry.
        var parent: UInt32
        /// Index in `path`, or `offPath`.
        var depth: UInt32
        /// The extent of the value table at the block's end.
        var mark: UInt32
    }
    private static let offPath = UInt32.max

    init() {}

    mutating func begin(function functionIndex: UInt32, type: UInt32) {
        function.removeAll()
        function.functionIndex = functionIndex
        function.typeIndex = type
        numbering.forget(to: 0)
        path.removeAll()
        dominance.removeAll()
        sourceOffset = 0
    }

    // MARK: Blocks

    var currentBlock: UInt32 { @inline(__always) get { UInt32(truncatingIfNeeded: function.blocks.count &- 1) } }
    /// The index that the next block will have.
    var nextBlock: UInt32 { @inline(__always) get { UInt32(truncatingIfNeeded: function.blocks.count) } }

    mutating func beginEntryBlock() {
        function.blocks.append(IRBlock())
        path.append(0)
        dominance.append(Dominance(parent: 0, depth: 0, mark: 0))
    }

    /// Begins a block.
    ///
    /// - Parameter dominator: a block that dominates it; if it has left the path an ancestor is taken.
    mutating func beginBlock(dominatedBy dominator: UInt32) {
        let parent = onPath(dominator)
        let depth = dominance[parent].depth
        while path.count > Int(depth) + 1 { dominance[path.popLast()].depth = Self.offPath }
        numbering.forget(to: dominance[parent].mark)
        path.append(nextBlock)
        dominance.append(Dominance(parent: parent, depth: depth + 1, mark: 0))
        let first = UInt32(truncatingIfNeeded: function.instructions.count)
        function.blocks.append(IRBlock(first: first, end: first))
    }

    /// The nearest dominator of a block that is on the path; shortens what it walked.
    private mutating func onPath(_ block: UInt32) -> UInt32 {
        var found = block
        while dominance[found].depth == Self.offPath { found = dominance[found].parent }
        var walked = block
        while dominance[walked].depth == Self.offPath {
            let next = dominance[walked].parent
            dominance[walked].parent = found
            walked = next
        }
        return found
    }

    /// Ends the current block with a terminator.
    mutating func terminate(_ terminator: IRInstruction) {
        assert(terminator.operation.isTerminator)
        append(terminator)
        let block = currentBlock
        function.blocks[block].end = UInt32(truncatingIfNeeded: function.instructions.count)
        dominance[block].mark = numbering.mark
    }

    /// Takes back the jump over `edge` if it was the last thing done, so that its target may continue the block.
    mutating func reopenBlock(endingIn edge: UInt32) -> Bool {
        let last = function.instructions.last
        guard last.operation == .jump, last.a == edge, Int(edge) == function.edges.count - 1,
            Int(function.blocks.last.end) == function.instructions.count
        else { return false }
        function.instructions.popLast()
        function.sourceOffsets.popLast()
        function.edges.popLast()
        return true
    }

    /// Appends a parameter to the current block, which has only parameters so far.
    @discardableResult
    mutating func parameter(_ type: IRType) -> UInt32 {
        let block = currentBlock
        let index = function.blocks[block].parameterCount
        function.blocks[block].parameterCount = index &+ 1
        return append(IRInstruction(operation: .parameter, type: type, a: block, b: index))
    }

    /// An edge; its arguments are the last `argumentCount` entries of the lists.
    mutating func edge(to target: UInt32, argumentCount: UInt32 = 0) -> UInt32 {
        let first = UInt32(truncatingIfNeeded: function.lists.count) &- argumentCount
        function.edges.append(IREdge(target: target, firstArgument: first, argumentCount: argumentCount))
        return UInt32(truncatingIfNeeded: function.edges.count &- 1)
    }

    // MARK: Instructions

    /// Appends as is.
    @discardableResult @inline(__always)
    mutating func append(_ instruction: IRInstruction) -> UInt32 {
        let id = UInt32(truncatingIfNeeded: function.instructions.count)
        function.instructions.append(instruction)
        function.sourceOffsets.append(sourceOffset)
        return id
    }

    /// An instruction whose value depends on its fields alone. Trapping ones are included: where an equal instruction
    /// dominates, it has not trapped.
    @inline(__always)
    mutating func value(_ instruction: IRInstruction) -> UInt32 {
        guard experiment.has(.valueNumbering) else { return append(instruction) }
        let next = UInt32(truncatingIfNeeded: function.instructions.count)
        if let equal = numbering.find(instruction, in: function.instructions.base, orEnter: next) { return equal }
        function.instructions.append(instruction)
        function.sourceOffsets.append(sourceOffset)
        return next
    }

    @inline(__always)
    mutating func value(
        _ operation: Operation, _ type: IRType, _ a: UInt32 = 0, _ b: UInt32 = 0, _ c: UInt32 = 0, flags: UInt8 = 0
    ) -> UInt32 {
        value(IRInstruction(operation: operation, type: type, flags: flags, a: a, b: b, c: c))
    }

    /// An integer or reference constant. Bits beyond an i32 are dropped.
    @inline(__always)
    mutating func constant(_ type: IRType, _ bits: UInt64) -> UInt32 {
        value(
            .integerConstant, type, UInt32(truncatingIfNeeded: bits),
            type == .i32 ? 0 : UInt32(truncatingIfNeeded: bits &>> 32))
    }

    @inline(__always)
    mutating func floatConstant(_ type: IRType, _ bits: UInt64) -> UInt32 {
        value(.floatConstant, type, UInt32(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits &>> 32))
    }

    // MARK: State

    /// A read of a global; those that never change are merged.
    mutating func globalGet(_ index: UInt32, _ type: IRType, isMutable: Bool) -> UInt32 {
        let read = IRInstruction(operation: .globalGet, type: type, a: index)
        return isMutable ? append(read) : value(read)
    }

    mutating func globalSet(_ index: UInt32, _ newValue: UInt32) {
        append(IRInstruction(operation: .globalSet, type: .none, a: newValue, b: index))
    }

    // MARK: Looking at operands

    @inline(__always)
    func instruction(_ value: UInt32) -> IRInstruction { function.instructions[value] }

    @inline(__always)
    func type(of value: UInt32) -> IRType { function.instructions[value].type }

    /// The bits of an integer constant.
    @inline(__always)
    func constantBits(_ value: UInt32) -> UInt64? {
        let instruction = function.instructions[value]
        return instruction.operation == .integerConstant ? instruction.constantBits : nil
    }
}

// MARK: Memory

extension IRBuilder {
    /// Where the next list begins.
    var listEnd: UInt32 { @inline(__always) get { UInt32(truncatingIfNeeded: function.lists.count) } }

    /// A load. The offset is below 2^32.
    @inline(__always)
    mutating func load(_ access: MemoryAccess, _ type: IRType, _ address: UInt32, _ argument: MemoryArgument) -> UInt32
    {
        append(
            IRInstruction(
                operation: .load, type: type, flags: access.rawValue, a: address,
                b: UInt32(truncatingIfNeeded: argument.offset), c: argument.memory))
    }

    /// A store. The offset is below 2^32. What only changes bits that are not stored is taken off the value.
    mutating func store(_ access: MemoryAccess, _ address: UInt32, _ newValue: UInt32, _ argument: MemoryArgument) {
        var stored = newValue
        if access.rawValue < MemoryAccess.bits64.rawValue, experiment.has(.folding) {
            let bits = UInt64(access.bytes) * 8
            let low: UInt64 = (1 &<< bits) - 1
            // Bounded, because every store of a long chain would walk all of it.
            strip: for _ in 0..<4 {
                let x = instruction(stored)
                switch x.operation {
                case .and:
                    guard let mask = constantBits(x.b), mask & low == low else { break strip }
                case .signExtend8: guard bits == 8 else { break strip }
                case .signExtend16: guard bits <= 16 else { break strip }
                case .signExtend32, .signExtend, .zeroExtend, .wrap: break
                default: break strip
                }
                stored = x.a
            }
        }
        append(
            IRInstruction(
                operation: .store, type: .none, flags: access.rawValue, a: address, b: stored,
                c: UInt32(truncatingIfNeeded: argument.offset), d: argument.memory))
    }
}
