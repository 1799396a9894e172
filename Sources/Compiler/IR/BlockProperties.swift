//! Marks loop headers, loops, their depths, and cold blocks, from the finished control flow graph.
//!
//! A block belongs to a loop if the loop's header can be reached from it without leaving the loop: what stands in a `loop`
//! of the source but always leaves it does not. Since blocks are in reverse postorder and the graph is reducible, one
//! pass backwards finds for each block the innermost loop, and the nesting of loops along the way.

struct BlockProperties: ~Copyable {
    /// For each block, 1 + the header of the innermost loop it is in; 0 for none. A loop is named like this below.
    private var innermost = Vector<UInt32>(capacity: 64)
    /// For each loop header, the loop around its loop.
    private var around = Vector<UInt32>(capacity: 64)
    /// For each block, 1 if an edge leads to it that is not unlikely. Filled where there are hints only.
    private var isLikely = Vector<UInt8>(capacity: 64)

    /// Loops nested deeper than this in one another may get a depth too low, to keep the time linear.
    private static let nestingLimit = 64

    init() {}

    /// - Parameters:
    ///   - hasHints: whether edges may be unlikely.
    ///   - chaos: makes further blocks cold.
    mutating func annotate(_ function: inout IRFunction, hasHints: Bool = false, _ chaos: Chaos = Chaos()) {
        var chaos = chaos
        if hasHints { findLikely(function) }
        let count = function.blocks.count
        innermost.reset(to: 0, count: count)
        around.reset(to: 0, count: count)
        var block = UInt32(truncatingIfNeeded: count)
        while block > 0 {
            block &-= 1
            let terminator = function.terminator(of: block)
            switch terminator.operation {
            case .jump:
                function.blocks[block].isCold = visit(terminator.a, from: block, &function)
            case .branch:
                let first = visit(terminator.b, from: block, &function)
                let second = visit(terminator.c, from: block, &function)
                function.blocks[block].isCold = first && second
            case .branchTable:
                var isCold = true
                for edge in terminator.b..<terminator.b + terminator.c {
                    if !visit(edge, from: block, &function) { isCold = false }
                }
                function.blocks[block].isCold = isCold
            case .tryCall, .tryCallIndirect:
                let list = terminator.d
                function.blocks[block].isCold = visit(function.lists[list + 1], from: block, &function)
                for handler in 0..<function.lists[list + 2] {
                    _ = visit(function.lists[list + 4 + 2 * handler], from: block, &function)
                }
            case .trap, .throw:
                function.blocks[block].isCold = true
            default:
                function.blocks[block].isCold = false
            }
            if hasHints && block > 0 && isLikely[block] == 0 { function.blocks[block].isCold = true }
            if chaos.strikes(oneIn: 8) { function.blocks[block].isCold = true }
        }
        // Headers before their loops' other blocks, outer loops before inner ones.
        for block in 0..<UInt32(truncatingIfNeeded: count) {
            let loop = innermost[block]
            function.blocks[block].loop = loop
            if loop == 0 {
                function.blocks[block].loopDepth = 0
            } else if loop == block + 1 {
                let outer = around[block]
                let depth = outer == 0 ? 0 : function.blocks[outer - 1].loopDepth
                function.blocks[block].loopDepth = depth == .max ? .max : depth + 1
            } else {
                function.blocks[block].loopDepth = function.blocks[loop - 1].loopDepth
            }
        }
    }

    /// Blocks that are reached over unlikely edges only stay unmarked.
    private mutating func findLikely(_ function: borrowing IRFunction) {
        isLikely.reset(to: 0, count: function.blocks.count)
        for index in 0..<function.edges.count where !function.edges[index].isUnlikely {
            let target = function.edges[index].target
            if Int(target) < function.blocks.count { isLikely[target] = 1 }
        }
    }

    /// Takes what a successor says about a block. Returns whether the successor is cold.
    @inline(__always)
    private mutating func visit(_ edge: UInt32, from block: UInt32, _ function: inout IRFunction) -> Bool {
        let target = function.edges[edge].target
        if target <= block {
            function.blocks[target].isLoopHeader = true
            enter(block, into: target &+ 1)
            // A loop runs as often as it likes, whatever comes after it.
            return false
        }
        let loop = innermost[target]
        let reached = loop == target &+ 1 ? around[target] : loop
        if reached != 0 { enter(block, into: reached) }
        return function.blocks[target].isCold
    }

    /// Notes that a block is in a loop.
    private mutating func enter(_ block: UInt32, into loop: UInt32) {
        let current = innermost[block]
        if current == loop { return }
        if current == 0 {
            innermost[block] = loop
            return
        }
        // Of two loops around a block, the one with the later header is within the other.
        var inner = max(current, loop)
        var outer = min(current, loop)
        innermost[block] = inner
        for _ in 0..<Self.nestingLimit {
            let next = around[inner &- 1]
            if next == outer { return }
            if next == 0 {
                around[inner &- 1] = outer
                return
            }
            if next < outer {
                around[inner &- 1] = outer
                inner = outer
                outer = next
            } else {
                inner = next
            }
        }
    }
}
