//! Removes instructions and block parameters whose values nothing needs, and counts the uses of the others.
//!
//! Requires a function as the translator leaves it (every block reachable). First, parameters that receive one and
//! the same value on every edge, themselves aside, are replaced by that value; a loop leaves many of them, for locals that are
//! assigned only on the way out. Then one pass backwards over all instructions marks what is needed. Blocks are in
//! reverse postorder, so the pass meets uses before definitions; only arguments of back edges can be found needed after
//! their definition was passed, and these go through a worklist. What remains unmarked becomes `nop`.

struct DeadCodeElimination: ~Copyable {
    /// Edges into block `i` are `incoming[incomingStart[i] ..< incomingStart[i + 1]]`. Edges of a branch table that repeat
    /// one another are one entry here, as every parameter of the target looks at every entry.
    private var incomingStart = Vector<UInt32>(capacity: 64)
    private(set) var incoming = Vector<IncomingEdge>(capacity: 64)
    /// For each block, 1 + the first argument of the last edge to it.
    private var lastArguments = Vector<UInt32>(capacity: 64)
    /// For each value, what stands for it; itself if it was not replaced. Empty if nothing was.
    private var replacements = Vector<UInt32>(capacity: 1024)
    private var worklist = Vector<UInt32>(capacity: 64)

    struct IncomingEdge: BitwiseCopyable {
        var firstArgument: UInt32
        /// How many edges have these arguments; saturating.
        var multiplicity: UInt8
    }

    /// Rounds of looking for redundant parameters; one replacement can make another parameter redundant.
    private static let rounds = 4

    init() {}

    /// Requires a function as the translator leaves it.
    mutating func run(on function: inout IRFunction, in context: ModuleContext) {
        collectIncomingEdges(of: function)
        replacements.removeAll()
        replaceRedundantParameters(in: function)
        function.useCounts.reset(to: 0, count: function.instructions.count)
        if replacements.isEmpty {
            mark(&function, replacing: false)
        } else {
            mark(&function, replacing: true)
        }
        IRVerifier.assertValid(function, in: context)
    }

    private mutating func collectIncomingEdges(of function: borrowing IRFunction) {
        let blockCount = function.blocks.count
        let edgeCount = function.edges.count
        incomingStart.reset(to: 0, count: blockCount + 1)
        lastArguments.reset(to: 0, count: blockCount)
        for index in 0..<edgeCount {
            let edge = function.edges[index]
            if !repeatsLast(edge) { incomingStart[Int(edge.target)] &+= 1 }
        }
        var sum: UInt32 = 0
        for block in 0...blockCount {
            sum &+= incomingStart[block]
            incomingStart[block] = sum
        }
        incoming.reset(to: IncomingEdge(firstArgument: 0, multiplicity: 0), count: Int(sum))
        lastArguments.reset(to: 0, count: blockCount)
        var index = edgeCount
        while index > 0 {
            index &-= 1
            let edge = function.edges[index]
            let target = Int(edge.target)
            if !repeatsLast(edge) {
                incomingStart[target] &-= 1
                incoming[incomingStart[target]] = IncomingEdge(firstArgument: edge.firstArgument, multiplicity: 0)
            }
            let place = incomingStart[target]
            if incoming[place].multiplicity != .max { incoming[place].multiplicity &+= 1 }
        }
    }

    /// Whether an edge has the very arguments of the edge to the same block that was asked about before. (Edges without
    /// arguments may seem to, and nothing looks at them.)
    @inline(__always)
    private func repeatsLast(_ edge: IREdge) -> Bool {
        let last = lastArguments[edge.target]
        lastArguments[edge.target] = edge.firstArgument &+ 1
        return last == edge.firstArgument &+ 1
    }

    // MARK: Redundant parameters

    @inline(__always)
    private func resolve(_ value: UInt32) -> UInt32 {
        var value = value
        while true {
            let next = replacements[value]
            if next == value { return value }
            // Shorten the way for those who come after.
            let following = replacements[next]
            replacements[value] = following
            value = following
        }
    }

    private mutating func replaceRedundantParameters(in function: borrowing IRFunction) {
        for round in 0..<Self.rounds {
            var isChanged = false
            // From inner loops to outer ones, then along the flow.
            let last = function.blocks.count - 1
            var index = 0
            while index < last {
                index += 1
                let block = round & 1 == 0 ? last + 1 - index : index
                let record = function.blocks[block]
                for position in 0..<record.parameterCount {
                    let parameter = record.first &+ position
                    if !replacements.isEmpty && replacements[parameter] != parameter { continue }
                    guard let value = onlyValue(of: parameter, position, block, function) else { continue }
                    if replacements.isEmpty {
                        replacements.reserve(function.instructions.count)
                        for id in 0..<function.instructions.count {
                            replacements.append(UInt32(truncatingIfNeeded: id))
                        }
                    }
                    replacements[parameter] = value
                    isChanged = true
                }
            }
            if !isChanged { return }
        }
    }

    /// The one value that a parameter receives, apart from itself.
    @inline(__always)
    private func onlyValue(
        of parameter: UInt32, _ position: UInt32, _ block: Int, _ function: borrowing IRFunction
    ) -> UInt32? {
        let hasReplacements = !replacements.isEmpty
        var only: UInt32?
        var index = incomingStart[block]
        let end = incomingStart[block &+ 1]
        while index < end {
            let argument = function.lists[incoming[index].firstArgument &+ position]
            let value = hasReplacements ? resolve(argument) : argument
            if value != parameter {
                if let only, only != value { return nil }
                only = value
            }
            index &+= 1
        }
        return only
    }

    // MARK: Marking

    @inline(__always)
    private mutating func mark(_ function: inout IRFunction, replacing: Bool) {
        var position = UInt32(truncatingIfNeeded: function.instructions.count)
        while position > 0 {
            position &-= 1
            let instruction = function.instructions[position]
            if function.useCounts[position] == 0 {
                if instruction.operation == .nop || isRemovable(instruction, in: function, replacing) { continue }
            }
            use(operandsOf: position, instruction, &function, replacing: replacing, passed: position)
            while !worklist.isEmpty {
                let id = worklist.popLast()
                use(operandsOf: id, function.instructions[id], &function, replacing: replacing, passed: position)
            }
        }
        // Backwards again: whether an instruction is removable may depend on its operands.
        let entryParameters = function.blocks[0].parameterCount
        var id = UInt32(truncatingIfNeeded: function.instructions.count)
        while id > entryParameters {
            id &-= 1
            if function.useCounts[id] == 0 && isRemovable(function.instructions[id], in: function, replacing) {
                function.instructions[id] = IRInstruction(operation: .nop, type: .none)
            }
        }
    }

    /// Counts the uses that a needed instruction makes; for a parameter, of the arguments on all edges to it.
    @inline(__always)
    private mutating func use(
        operandsOf id: UInt32, _ instruction: IRInstruction, _ function: inout IRFunction, replacing: Bool,
        passed: UInt32
    ) {
        let fields = instruction.operation.valueFieldCount
        if fields > 0 {
            let a = replacing ? resolve(instruction.a) : instruction.a
            use(a, &function, replacing, passed)
            if replacing { function.instructions[id].a = a }
            if fields > 1 {
                let b = replacing ? resolve(instruction.b) : instruction.b
                use(b, &function, replacing, passed)
                if replacing { function.instructions[id].b = b }
                if fields > 2 {
                    let c = replacing ? resolve(instruction.c) : instruction.c
                    use(c, &function, replacing, passed)
                    if replacing { function.instructions[id].c = c }
                }
            }
            return
        }
        if instruction.operation == .parameter {
            let block = Int(instruction.a)
            if block == 0 { return }
            var index = incomingStart[block]
            let end = incomingStart[block &+ 1]
            while index < end {
                let edge = incoming[index]
                use(
                    listEntry: edge.firstArgument &+ instruction.b, times: edge.multiplicity, &function, replacing,
                    passed)
                index &+= 1
            }
            return
        }
        let list = instruction.list
        var index: UInt32 = 0
        while index < list.count {
            if !(list.isIndirect && index == 1) {
                use(listEntry: list.first &+ index, times: 1, &function, replacing, passed)
            }
            index &+= 1
        }
    }

    @inline(__always)
    private mutating func use(
        listEntry index: UInt32, times: UInt8, _ function: inout IRFunction, _ replacing: Bool, _ passed: UInt32
    ) {
        var value = function.lists[index]
        if replacing {
            value = resolve(value)
            function.lists[index] = value
        }
        use(value, times: times, &function, replacing, passed)
    }

    @inline(__always)
    private mutating func use(
        _ value: UInt32, times: UInt8 = 1, _ function: inout IRFunction, _ replacing: Bool, _ passed: UInt32
    ) {
        let count = function.useCounts[value]
        function.useCounts[value] = count > .max &- times ? .max : count &+ times
        // Those that were kept whatever their uses have been seen to.
        if count == 0 && value > passed && isRemovable(function.instructions[value], in: function, replacing) {
            worklist.append(value)
        }
    }

    /// Whether nothing is lost without the instruction if its value is unused.
    @inline(__always)
    private func isRemovable(
        _ instruction: IRInstruction, in function: borrowing IRFunction, _ replacing: Bool
    ) -> Bool {
        switch instruction.operation {
        case .divideUnsigned, .remainderUnsigned, .divideSigned, .remainderSigned:
            let divisor = function.instructions[replacing ? resolve(instruction.b) : instruction.b]
            guard divisor.operation == .integerConstant, divisor.constantBits != 0 else { return false }
            return instruction.operation != .divideSigned || divisor.constantBits != IRBuilder.mask(instruction.type)
        default:
            return instruction.operation.isRemovable
        }
    }
}
