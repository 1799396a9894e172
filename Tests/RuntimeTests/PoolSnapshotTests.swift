//! Images made from live slots: whatever the pattern of what changed, they hold exactly what the slot held, in few mappings.

import CPlatform
import Glibc
import Testing

@testable import Runtime

@Suite struct PoolSnapshotTests {
    @Test(arguments: PoolPolicies.resets)
    func anImageOfASlotHoldsWhatTheSlotHeld(_ policies: PoolPolicies) throws {
        let seed: UInt64 = 20_261_128
        print("images of slots: \(policies), seed \(seed)")
        var random = SplitMix64(seed: seed)
        for round in 0..<40 {
            let pool = try makePool(policies, slots: 3, maximumMemoryBytes: 32 << 20)
            let pages = 16 * Int.random(in: 1...16, using: &random)
            var image = try makeImage(pages: pages, segments: randomSegments(pages * 16, using: &random))
            // A snapshot of a snapshot of …
            for level in 0..<5 {
                let slot = try pool.acquire(image)
                var use = slot.noting { dirty($0, pages * 16, using: &random) }
                let next = try pool.image(of: slot, after: &use)
                let copy = try pool.acquire(next)
                let isEqual = memcmp(slot.memoryBase, copy.memoryBase, pages << 16) == 0
                #expect(isEqual, "seed \(seed), round \(round), level \(level)")
                let memory = try #require(next.core.memory).get(policies.reset == .discard ? .mapped : .fewPagesCopied)
                #expect(memory.runs.count <= 8, "seed \(seed), round \(round), level \(level)")
                #expect(zip(memory.runs, memory.runs.dropFirst()).allSatisfy { $0.end <= $1.memoryOffset })
                let copyUse = copy.noting { $0.vandalize(next, using: &random) }
                pool.release(copy, after: copyUse)
                #expect(pool.residue(in: copy) == nil)
                pool.release(slot, after: use)
                #expect(pool.residue(in: slot) == nil)
                image = next
            }
        }
    }

    private func randomSegments(_ pages: Int, using random: inout SplitMix64) -> [Segment] {
        (0..<Int.random(in: 0...4, using: &random)).map { _ in
            let first = Int.random(in: 0..<pages, using: &random)
            let count = min(Int.random(in: 1...2000, using: &random), pages - first)
            var bytes = uniqueBytes(count * 4096 - 5, UInt8.random(in: 1...255, using: &random))
            for page in 0..<count { bytes[page * 4096] = UInt8(truncatingIfNeeded: page) | 1 }
            return segment(first * 4096, bytes)
        }
    }

    /// Writes to one piece, to scattered pages, or both; sometimes zeroes, sometimes what is there already.
    private func dirty(_ slot: Slot, _ pages: Int, using random: inout SplitMix64) {
        let value = [0, 0xAB, 0xCD].randomElement(using: &random)!
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let first = Int.random(in: 0..<pages, using: &random)
            let count = min(
                Int.random(in: 1...[5, 50, 1000].randomElement(using: &random)!, using: &random), pages - first)
            memset(slot.memoryBase + first * 4096, Int32(value), count * 4096)
        }
        let scattered = [0, 3, 100, 400].randomElement(using: &random)!
        for _ in 0..<scattered {
            let offset = Int.random(in: 0..<pages * 4096, using: &random)
            slot.setByte(offset, Bool.random(using: &random) ? 0x77 : slot.byte(offset))
        }
    }

    @Test func changesNearEachOtherShareAPieceOfTheFile() throws {
        typealias Plan = MemoryImage.LayerPlan
        let file = try ImageFile(bytes: 4096 * 4000) { _ in }
        let base = [MemoryImage.Run(memoryOffset: 0, fileOffset: 0, bytes: 4096 * 4000, file: file)]
        // Few enough to be copied into each slot.
        #expect(Plan([3..<5, 700..<702], over: base, copiesFewPages: true).copied == [3..<5, 700..<702])
        // A gap of zeroes is a hole; one of a file's pages is bridged if it is short.
        #expect(Plan([10..<30, 500..<600], over: [], copiesFewPages: true).spans == [10..<600])
        #expect(Plan([10..<30, 34..<60], over: base, copiesFewPages: true).spans == [10..<60])
        #expect(Plan([10..<30, 134..<160], over: base, copiesFewPages: true).spans == [10..<30, 134..<160])
        // What lies alone beside large pieces is copied; many such are not, where slots keep nothing.
        let lonely = (0..<100).map { 2000 + $0 * 20..<2001 + $0 * 20 }
        let plan = Plan([10..<300] + lonely, over: base, copiesFewPages: true)
        #expect(plan.spans.contains(10..<300) && plan.spans.count + plan.copied.count == 101)
        let discarding = Plan([10..<300] + lonely, over: base, copiesFewPages: false)
        #expect(discarding.copied.isEmpty && discarding.spans.count <= 4)
    }
}
