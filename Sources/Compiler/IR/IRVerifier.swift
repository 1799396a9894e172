//! Checks every invariant of `IRFunction`: its structure here, the fields and types of instructions in
//! `IRVerifier+Types`. Runs after each pass in debug builds and in tests; independent of the code it checks.

struct IRVerifier {
    /// What is wrong with a function; empty if nothing is.
    static func violations(_ function: borrowing IRFunction, in context: ModuleContext) -> [String] {
        var verifier = IRVerifier(context: context)
        verifier.checkBlocks(function)
        // The rest indexes by what the first part has checked.
        guard verifier.violations.isEmpty else { return verifier.violations }
        verifier.checkInstructions(function)
        guard verifier.violations.isEmpty else { return verifier.violations }
        verifier.checkEdges(function)
        guard verifier.violations.isEmpty else { return verifier.violations }
        verifier.checkDominance(function)
        verifier.checkUseCounts(function)
        return verifier.violations
    }

    /// The violations and the function's text, or nil.
    static func report(_ function: borrowing IRFunction, in context: ModuleContext) -> String? {
        let violations = violations(function, in: context)
        if violations.isEmpty { return nil }
        return violations.joined(separator: "\n") + "\n" + IRPrinter.text(function)
    }

    /// Stops a debug build on a violation. Does nothing in release builds.
    @inline(__always)
    static func assertValid(_ function: borrowing IRFunction, in context: ModuleContext) {
        #if DEBUG
            if let report = report(function, in: context) { assertionFailure(report) }
        #endif
    }

    let context: ModuleContext
    var violations: [String] = []
    /// The block of each instruction.
    var blockOf: [UInt32] = []
    var predecessors: [[UInt32]] = []

    private init(context: ModuleContext) { self.context = context }

    mutating func require(_ condition: Bool, _ message: @autoclosure () -> String) {
        // One mistake often shows in every instruction.
        if !condition && violations.count < 20 { violations.append(message()) }
    }

    // MARK: Blocks

    private mutating func checkBlocks(_ function: borrowing IRFunction) {
        let count = UInt32(function.instructions.count)
        require(
            function.sourceOffsets.count == Int(count),
            "\(function.sourceOffsets.count) source offsets for \(count) instructions")
        require(!function.blocks.isEmpty, "no blocks")
        require(Int(function.functionIndex) < context.functionCount, "function index \(function.functionIndex)")
        require(Int(function.typeIndex) < context.typeCount, "type index \(function.typeIndex)")
        var next: UInt32 = 0
        blockOf = Array(repeating: 0, count: Int(count))
        for index in 0..<function.blocks.count {
            let block = function.blocks[index]
            require(block.first == next, "block\(index) begins at \(block.first), not at \(next)")
            require(block.end > block.first && block.end <= count, "block\(index) ends at \(block.end) of \(count)")
            guard violations.isEmpty else { return }
            next = block.end
            require(block.parameterCount < block.end - block.first, "block\(index) has only parameters")
            guard violations.isEmpty else { return }
            for id in block.first..<block.end {
                blockOf[Int(id)] = UInt32(index)
                let instruction = function.instructions[id]
                let isParameter = id - block.first < block.parameterCount
                if isParameter {
                    require(
                        instruction.operation == .parameter && instruction.a == UInt32(index)
                            && instruction.b == id - block.first
                            || instruction.operation == .nop && index > 0,
                        "v\(id) is not parameter \(id - block.first) of block\(index)")
                } else {
                    require(instruction.operation != .parameter, "v\(id): a parameter inside block\(index)")
                }
                require(
                    instruction.operation.isTerminator == (id == block.end - 1),
                    "v\(id): \(instruction.operation) at \(id - block.first) of \(block.end - block.first) in block\(index)"
                )
            }
        }
        require(next == count, "the last block ends at \(next), not at \(count)")
        guard violations.isEmpty else { return }
        let parameters = context.parameters(ofType: function.typeIndex)
        require(Int(function.blocks[0].parameterCount) == parameters.count, "wrong number of function parameters")
        for index in 0..<min(parameters.count, Int(function.blocks[0].parameterCount)) {
            require(function.instructions[index].type == parameters[index], "type of function parameter \(index)")
        }
    }

    // MARK: Edges

    private mutating func checkEdges(_ function: borrowing IRFunction) {
        let edgeCount = function.edges.count
        var uses = Array(repeating: 0, count: edgeCount)
        predecessors = Array(repeating: [], count: function.blocks.count)
        var hasEarlierPredecessor = Array(repeating: false, count: function.blocks.count)
        var isEntered = Array(repeating: false, count: function.blocks.count)
        for block in 0..<UInt32(function.blocks.count) {
            var edges: [UInt32] = []
            function.forEachEdge(of: function.terminator(of: block)) { edges.append($0) }
            for index in edges {
                guard index < edgeCount else {
                    require(false, "block\(block) leaves over edge \(index) of \(edgeCount)")
                    return
                }
                uses[Int(index)] += 1
                let edge = function.edges[index]
                guard edge.target < function.blocks.count, edge.target > 0,
                    UInt64(edge.firstArgument) + UInt64(edge.argumentCount) <= UInt64(function.lists.count)
                else {
                    require(false, "edge \(index) from block\(block) to block\(edge.target)")
                    return
                }
                let target = function.blocks[edge.target]
                predecessors[Int(edge.target)].append(block)
                if block < edge.target {
                    hasEarlierPredecessor[Int(edge.target)] = true
                } else {
                    require(target.isLoopHeader, "back edge from block\(block) to block\(edge.target), no loop header")
                    isEntered[Int(edge.target)] = true
                }
                require(
                    edge.argumentCount == target.parameterCount,
                    "\(edge.argumentCount) arguments from block\(block) to block\(edge.target), not \(target.parameterCount)"
                )
                guard edge.argumentCount == target.parameterCount else { return }
                for position in 0..<edge.argumentCount {
                    let parameter = function.instructions[target.first + position]
                    if parameter.operation == .nop { continue }
                    let argument = function.lists[edge.firstArgument + position]
                    guard argument < function.instructions.count else {
                        require(false, "argument \(position) from block\(block) to block\(edge.target) is v\(argument)")
                        return
                    }
                    require(
                        function.instructions[argument].type == parameter.type,
                        "argument \(position) from block\(block) to block\(edge.target): \(function.instructions[argument].type) v\(argument) for \(parameter.type)"
                    )
                }
            }
        }
        for edge in 0..<edgeCount { require(uses[edge] == 1, "edge \(edge) is used \(uses[edge]) times") }
        for block in 0..<function.blocks.count {
            if block > 0 {
                require(hasEarlierPredecessor[block], "block\(block) has no predecessor before it")
            }
            require(
                function.blocks[block].isLoopHeader == isEntered[block], "block\(block): isLoopHeader is wrong")
        }
    }

    // MARK: Dominance

    private mutating func checkDominance(_ function: borrowing IRFunction) {
        let count = function.blocks.count
        var dominator = Array(repeating: 0, count: count)
        var depth = Array(repeating: 0, count: count)
        // Blocks are in reverse postorder, and back edges do not matter for dominance in a reducible graph. It is
        // reducible if the headers dominate the sources of their back edges, which is checked below.
        for block in 1..<max(count, 1) {
            var common: Int?
            for predecessor in predecessors[block] where predecessor < block {
                guard var left = common else {
                    common = Int(predecessor)
                    continue
                }
                var right = Int(predecessor)
                while left != right {
                    if left > right { left = dominator[left] } else { right = dominator[right] }
                }
                common = left
            }
            dominator[block] = common ?? 0
            depth[block] = depth[dominator[block]] + 1
        }
        // Intervals of a walk over the dominator tree: a block dominates those whose interval lies in its own.
        var size = Array(repeating: 1, count: count)
        for block in (1..<max(count, 1)).reversed() { size[dominator[block]] += size[block] }
        var position = Array(repeating: 0, count: count)
        var nextChild = Array(repeating: 1, count: count)
        for block in 1..<max(count, 1) {
            let parent = dominator[block]
            position[block] = position[parent] + nextChild[parent]
            nextChild[parent] += size[block]
        }
        func dominates(_ a: UInt32, _ b: UInt32) -> Bool {
            position[Int(b)] >= position[Int(a)] && position[Int(b)] < position[Int(a)] + size[Int(a)]
        }
        for block in 0..<UInt32(count) {
            for predecessor in predecessors[Int(block)] where predecessor >= block {
                require(
                    dominates(block, predecessor),
                    "back edge from block\(predecessor), which block\(block) does not dominate")
            }
            let record = function.blocks[block]
            for id in record.first..<record.end {
                var operands: [UInt32] = []
                function.forEachOperand(of: function.instructions[id]) { operands.append($0) }
                for operand in operands {
                    require(
                        operand < id && dominates(blockOf[Int(operand)], block),
                        "v\(operand) does not dominate its use in v\(id)")
                }
            }
            function.forEachEdge(of: function.terminator(of: block)) { index in
                let edge = function.edges[index]
                let target = function.blocks[edge.target]
                for position in 0..<edge.argumentCount
                where function.instructions[target.first + position].operation != .nop {
                    let argument = function.lists[edge.firstArgument + position]
                    require(
                        dominates(blockOf[Int(argument)], block),
                        "argument v\(argument) does not dominate the edge from block\(block) to block\(edge.target)")
                }
            }
        }
    }

    // MARK: Uses

    private mutating func checkUseCounts(_ function: borrowing IRFunction) {
        if function.useCounts.isEmpty { return }
        guard function.useCounts.count == function.instructions.count else {
            require(false, "\(function.useCounts.count) use counts for \(function.instructions.count) instructions")
            return
        }
        var counts = Array(repeating: 0, count: function.instructions.count)
        for block in 0..<UInt32(function.blocks.count) {
            let record = function.blocks[block]
            for id in record.first..<record.end {
                function.forEachOperand(of: function.instructions[id]) { counts[Int($0)] += 1 }
            }
            function.forEachEdge(of: function.terminator(of: block)) { index in
                let edge = function.edges[index]
                let target = function.blocks[edge.target]
                for position in 0..<edge.argumentCount
                where function.instructions[target.first + position].operation != .nop {
                    counts[Int(function.lists[edge.firstArgument + position])] += 1
                }
            }
        }
        for id in 0..<counts.count {
            require(
                Int(function.useCounts[id]) == min(counts[id], 255),
                "v\(id) has \(counts[id]) uses, counted \(function.useCounts[id])")
        }
    }
}
