//! How good and how fast the register allocator is on random programs. Prints numbers, run by
//! `MAYFLY_STATISTICS=1 swift test -c release -Xswiftc -enable-testing --filter RegisterAllocationStatistics`.

import Foundation
import Testing

@testable import Compiler

@Suite struct RegisterAllocationStatistics {
    /// Nanoseconds this thread has run.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["MAYFLY_STATISTICS"] != nil))
    func randomPrograms() {
        let settings = [
            ("typical", RegisterFile.x86, true), ("hard", .x86, false), ("hard, five registers", .tiny, false),
        ]
        for (name, file, isTypical) in settings {
            var allocator = RegisterAllocator()
            var output = AllocationOutput()
            var instructions = 0
            var operands = 0
            var blocks = 0
            var kinds = (copies: 0, reloads: 0, stores: 0)
            var inLoops = (instructions: 0, copies: 0, reloads: 0, stores: 0)
            // Each instruction counted as often as its loop depth says it runs.
            var weighted = (instructions: 0.0, moves: 0.0, memory: 0.0)
            var time = 0.0
            for seed in 0..<(isTypical ? 300 : 1000) as Range<UInt64> {
                let input = ProgramGenerator.program(seed: seed, file: file, isTypical: isTypical).input()
                for round in 0..<3 {
                    let start = Self.processorTime()
                    allocator.allocate(input, registers: file, into: &output)
                    if round > 0 { time += Self.processorTime() - start }
                }
                instructions += input.instructionCount
                operands += input.operands.count
                blocks += input.blocks.count
                var cursor = 0
                for index in 0..<input.blocks.count {
                    let block = input.blocks[index]
                    let isInLoop = allocator.blocks[index].depth > 0 && !block.isCold
                    let weight = Double(allocator.blocks[index].weight)
                    let count = Int(block.endInstruction - block.firstInstruction)
                    if isInLoop { inLoops.instructions += count }
                    weighted.instructions += weight * Double(count)
                    while cursor < output.moves.count, output.moves[cursor].position < block.endInstruction {
                        let move = output.moves[cursor]
                        cursor += 1
                        weighted.moves += weight
                        if move.from.isSlot || move.to.isSlot { weighted.memory += weight }
                        if move.from.isSlot {
                            kinds.reloads += 1
                            if isInLoop { inLoops.reloads += 1 }
                        } else if move.to.isSlot {
                            kinds.stores += 1
                            if isInLoop { inLoops.stores += 1 }
                        } else {
                            kinds.copies += 1
                            if isInLoop { inLoops.copies += 1 }
                        }
                    }
                }
            }
            func rate(_ count: Int, _ total: Int) -> String {
                String(format: "%.1f", 1000 * Double(count) / Double(total))
            }
            let nanoseconds = time / Double(2 * instructions)
            print("\(name): \(instructions) instructions, \(operands) operands, \(blocks) blocks")
            print(
                "  per 1000: copies \(rate(kinds.copies, instructions)) reloads \(rate(kinds.reloads, instructions))",
                "stores \(rate(kinds.stores, instructions))")
            print(
                "  in loops, per 1000: copies \(rate(inLoops.copies, inLoops.instructions))",
                "reloads \(rate(inLoops.reloads, inLoops.instructions))",
                "stores \(rate(inLoops.stores, inLoops.instructions))")
            print(
                "  weighted: moves", String(format: "%.4f", weighted.moves / weighted.instructions),
                "memory", String(format: "%.4f", weighted.memory / weighted.instructions), "per instruction")
            print("  \(String(format: "%.0f", nanoseconds)) ns per instruction")
        }
    }
}
