//! The loop forest: for each block its innermost loop, for each loop the one around it.
//!
//! A back edge is one that goes to a block of the same or a smaller number. From the tails of a header's back edges the
//! walk goes backwards until it meets the header; inner loops, found first because headers are visited from the last to
//! the first, are stepped over as one node by a union-find. Loops need not be contiguous in block order.

extension RegisterAllocator {
    mutating func findLoops(_ input: borrowing AllocationInput) {
        let count = blocks.count
        let blocks = blocks.base
        sets.removeAll()
        for index in 0..<count { sets.append(UInt32(truncatingIfNeeded: index)) }
        marks.reset(to: Self.none, count: count)
        worklist.removeAll()

        var index = count
        while index > 0 {
            index &-= 1
            let header = UInt32(truncatingIfNeeded: index)
            let block = input.blocks[index]
            var isHeader = false
            for entry in 0..<block.predecessorCount {
                let predecessor = input.predecessors[block.firstPredecessor &+ entry]
                if predecessor >= header {
                    isHeader = true
                    enqueue(find(predecessor), header: header)
                }
            }
            guard isHeader else { continue }
            while !worklist.isEmpty {
                let member = worklist.popLast()
                if blocks[Int(member)].loop == member {
                    blocks[Int(member)].outerLoop = header
                } else {
                    blocks[Int(member)].loop = header
                }
                sets[member] = header
                let memberBlock = input.blocks[member]
                for entry in 0..<memberBlock.predecessorCount {
                    enqueue(find(input.predecessors[memberBlock.firstPredecessor &+ entry]), header: header)
                }
            }
            blocks[index].loop = header
        }

        for index in 0..<count {
            let loop = blocks[index].loop
            if loop == UInt32(truncatingIfNeeded: index) {
                let outer = blocks[index].outerLoop
                blocks[index].depth = outer == Self.none ? 1 : blocks[Int(outer)].depth &+ 1
            } else if loop != Self.none {
                blocks[index].depth = blocks[Int(loop)].depth
            }
            if loop != Self.none { blocks[Int(loop)].loopEnd = input.blocks[index].endInstruction }
            // Loops run eight times, cold blocks hardly ever.
            let depth = min(blocks[index].depth, 6)
            blocks[index].weight = input.blocks[index].isCold ? 1 / 64 : Float(UInt32(1) &<< (3 &* depth))
        }
        index = count
        while index > 0 {
            index &-= 1
            let outer = Int(truncatingIfNeeded: blocks[index].outerLoop)
            if blocks[index].outerLoop != Self.none {
                blocks[outer].loopEnd = max(blocks[outer].loopEnd, blocks[index].loopEnd)
            }
        }
    }

    @inline(__always)
    private mutating func enqueue(_ member: UInt32, header: UInt32) {
        if member > header, marks[member] != header {
            marks[member] = header
            worklist.append(member)
        }
    }

    @inline(__always)
    private func find(_ block: UInt32) -> UInt32 {
        let sets = sets.base
        var block = Int(block)
        while Int(sets[block]) != block {
            sets[block] = sets[Int(sets[block])]
            block = Int(sets[block])
        }
        return UInt32(truncatingIfNeeded: block)
    }
}
