//! Slots beyond those that may be live: they keep templates ready, and let no more instances live.

import CPlatform
import Runtime
import Synchronization
import Testing

@Suite struct PoolSpareTests {
    @Test(arguments: PoolPolicies.resets)
    func templatesThatTakeTurnsStayReady(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2, spareSlots: 6)
        let images = try (0..<8).map { try makeImage(pages: $0 + 1, segments: [segment($0, [UInt8($0 + 1)])]) }
        for round in 0..<5 {
            for (number, image) in images.enumerated() {
                try pool.run(image) { slot in
                    #expect(slot.byte(number) == UInt8(number + 1))
                    slot.setByte(number, 0xEE)
                }
            }
            #expect(pool.statistics.remaps == 0, "round \(round)")
        }
        #expect(pool.statistics.affine == 32)
        #expect(pool.statistics.slots == 8 && pool.statistics.capacity == 2 && pool.slotCount == 2)
    }

    @Test(arguments: PoolPolicies.resets)
    func noMoreInstancesLiveThanMay(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3, spareSlots: 5)
        let images = try (0..<8).map { try makeImage(pages: $0 + 1) }
        // All eight slots are warm, for eight images.
        for image in images { try pool.run(image) { $0.setByte(0, 1) } }
        #expect(pool.statistics.warm == 8)
        let live = try images.prefix(3).map { try pool.acquire($0) }
        for image in images { #expect(throws: PoolError.exhausted(slots: 3)) { try pool.acquire(image) } }
        #expect(pool.statistics.live == 3)
        pool.release(live[1], wasEntered: true)
        let next = try pool.acquire(images[7])
        #expect(throws: PoolError.exhausted(slots: 3)) { try pool.acquire(images[1]) }
        for slot in [live[0], live[2], next] { pool.release(slot, wasEntered: true) }
        for slot in live { #expect(pool.residue(in: slot) == nil) }
    }

    @Test func aFailedAcquisitionGivesItsRightBack() throws {
        let pool = try makePool(slots: 1, spareSlots: 1, tableElements: 10)
        let tooLarge = try makeImage(tables: [Table(elements: Array(repeating: 1, count: 11))])
        let image = try makeImage()
        for _ in 0..<3 {
            #expect(throws: PoolError.self) { try pool.acquire(tooLarge) }
            fail(MAYFLY_CALL_MPROTECT, times: 1)
            #expect(throws: PoolError.self) { try pool.acquire(try makeImage(pages: 3)) }
            fail(MAYFLY_CALL_MPROTECT, times: 0)
        }
        // A reset that fails takes the slot, not the right.
        for _ in 0..<2 {
            let slot = try pool.acquire(image)
            fail(MAYFLY_CALL_MADVISE, times: 1)
            pool.release(slot, wasEntered: true)
            fail(MAYFLY_CALL_MADVISE, times: 0)
        }
        #expect(pool.statistics.failedResets == 2)
        pool.release(try pool.acquire(image), wasEntered: false)
        #expect(pool.statistics.live == 0)
    }

    @Test(arguments: PoolPolicies.resets)
    func manyThreadsNeverHaveMoreThanMay(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3, spareSlots: 9, exhaustionWait: .seconds(20))
        let images = try (0..<6).map { try makeImage(pages: $0 % 3 + 1, segments: [segment(9, [UInt8($0 + 1)])]) }
        let live = Atomic<Int>(0)
        let excess = Tally()
        let failures = Tally()
        let runs = Tally()
        withThreads(8) { thread in
            var random = SplitMix64(seed: UInt64(thread))
            for _ in 0..<150 {
                let number = Int.random(in: 0..<6, using: &random)
                do {
                    let slot = try pool.acquire(images[number])
                    if live.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue > 3 { excess.add() }
                    if slot.byte(9) != UInt8(number + 1) { failures.add() }
                    var use = SlotUse()
                    use.note()
                    slot.setByte(9, 0xEE)
                    live.wrappingSubtract(1, ordering: .sequentiallyConsistent)
                    pool.release(slot, after: use)
                    runs.add()
                } catch {
                    failures.add()
                }
            }
        }
        #expect(excess.value == 0)
        #expect(failures.value == 0)
        #expect(runs.value == 1200)
        #expect(pool.statistics.live == 0)
        #expect(pool.statistics.acquisitions == 1200)
    }
}
