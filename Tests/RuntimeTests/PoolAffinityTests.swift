//! Which slot is handed out, and what becomes of slots whose image goes away.

import Glibc
import Testing

@testable import Runtime

@Suite struct PoolAffinityTests {
    @Test(arguments: PoolPolicies.resets)
    func theMostRecentSlotOfTheSameImageComesFirst(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 4)
        let image = try makeImage()
        let slots = try (0..<3).map { _ in try pool.acquire(image) }
        for slot in slots { pool.release(slot, wasEntered: false) }
        #expect(try pool.acquire(image).index == slots[2].index)
        #expect(try pool.acquire(image).index == slots[1].index)
        #expect(pool.statistics.affine == 2)
    }

    @Test func unusedSlotsComeBeforeThoseOfOtherImages() throws {
        let pool = try makePool(slots: 3)
        let images = try (1...3).map { try makeImage(pages: $0) }
        let slots = try images.map { image in
            let slot = try pool.acquire(image)
            pool.release(slot, after: SlotUse())
            return slot.index
        }
        #expect(Set(slots).count == 3)
        #expect(pool.statistics.remaps == 0)
        for (image, slot) in zip(images, slots) { #expect(try pool.acquire(image).index == slot) }
    }

    @Test func theImageNotAskedForTheLongestLosesItsSlot() throws {
        let pool = try makePool(slots: 3)
        var images = try (1...8).map { try makeImage(pages: $0) }
        func use(_ image: InstanceImage) throws -> Slot {
            let slot = try pool.acquire(image)
            pool.release(slot, after: SlotUse())
            return slot
        }
        // The first three take the pool, the next three each take a slot from another.
        for image in images[0..<3] { _ = try use(image) }
        let slots = try images[3..<6].map { try use($0).index }
        #expect(Set(slots).count == 3)
        #expect(pool.statistics.remaps == 3)
        #expect(try use(images[6]).index == slots[0])
        // Asked for once more, the oldest of the rest outlives the other.
        #expect(try !use(images[4]).isFresh)
        #expect(try use(images[7]).index == slots[2])
        #expect(try !use(images[4]).isFresh)
        #expect(pool.statistics.remaps == 5)
        images.removeAll()
        #expect(pool.statistics.blank == 3)
    }

    @Test(arguments: PoolPolicies.resets)
    func aFullPoolSaysSoAndRecovers(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let (image, other) = (try makeImage(), try makeImage(pages: 2))
        let slots = try (0..<2).map { _ in try pool.acquire(image) }
        #expect(throws: PoolError.exhausted(slots: 2)) { try pool.acquire(image) }
        #expect(throws: PoolError.exhausted(slots: 2)) { try pool.acquire(other) }
        pool.release(slots[1], wasEntered: false)
        pool.release(try pool.acquire(other), wasEntered: true)
        pool.release(slots[0], wasEntered: false)
        #expect(pool.statistics.live == 0)
        #expect(pool.statistics.warm == 2)
    }

    @Test(arguments: PoolPolicies.all)
    func slotsOfAnImageThatGoesAwayBecomeBlank(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3)
        var image: InstanceImage? = try makeImage(pages: 2, segments: [segment(0, [1, 2, 3])])
        let slots = try (0..<3).map { _ in try pool.acquire(image!) }
        pool.release(slots[0], wasEntered: true)
        pool.release(slots[1], wasEntered: false)
        #expect(pool.statistics.warm == 2)
        image = nil
        #expect(pool.statistics.blank == 2)
        #expect(pool.statistics.live == 1)
        #expect(pool.residue(in: slots[0]) == nil)
        if policies.isDense {
            #expect(slots[1].byte(0) == 0)
        } else {
            #expect(!isReadable(slots[1].memoryBase))
        }
        // The live one keeps what it needs, and follows.
        slots[2].setByte(1, 0xEE)
        pool.release(slots[2], wasEntered: true)
        #expect(pool.statistics.blank == 3)
        #expect(pool.residue(in: slots[2]) == nil)
        #expect(pool.statistics.retired == 0)
    }

    @Test(arguments: PoolPolicies.all)
    func anImageWorksInSeveralPoolsAndOutlivesThem(_ policies: PoolPolicies) throws {
        let image = try makeImage(segments: [segment(0, [5])])
        for _ in 0..<3 {
            let pools = [try makePool(policies), try makePool(policies)]
            for pool in pools {
                for _ in 0..<2 {
                    let slot = try pool.acquire(image)
                    #expect(slot.byte(0) == 5)
                    pool.release(slot, wasEntered: true)
                    #expect(pool.residue(in: slot) == nil)
                }
                #expect(pool.statistics.affine == 1)
            }
        }
    }

    @Test(arguments: PoolPolicies.all)
    func manyShortLivedImagesLeaveNothingBehind(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let before = openImageFiles()
        for round in 0..<50 {
            let image = try makeImage(segments: [segment(round, [UInt8(round + 1)])])
            let slot = try pool.acquire(image)
            #expect(slot.byte(round) == UInt8(round + 1))
            pool.release(slot, wasEntered: round % 2 == 0)
        }
        // Other tests run beside this one; fifty leaked files would stand out.
        #expect(openImageFiles() < before + 40)
        #expect(pool.statistics.blank == 2)
    }

    @Test func aPoolThatGoesWithLiveSlotsTakesTheirImagesAlong() throws {
        weak var core: ImageCore?
        do {
            let pool = try makePool(slots: 2)
            var image: InstanceImage? = try makeImage(segments: [segment(0, [1])])
            core = image?.core
            _ = try pool.acquire(image!)
            image = nil
            #expect(core != nil)
        }
        #expect(core == nil)
    }

    private func openImageFiles() -> Int {
        var count = 0
        for descriptor in 0..<1024 as Range<Int32> {
            var name = [CChar](repeating: 0, count: 64)
            if readlink("/proc/self/fd/\(descriptor)", &name, 63) > 0,
                String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self).contains("mayfly-image")
            {
                count += 1
            }
        }
        return count
    }
}
