//! Which slot is handed out, and what becomes of slots whose image goes away.

import Glibc
import Runtime
import Synchronization
import Testing

@Suite struct PoolAffinityTests {
    @Test func theMostRecentSlotOfTheSameImageComesFirst() throws {
        let pool = try makePool(slots: 4)
        let image = try makeImage()
        let slots = try (0..<3).map { _ in try pool.acquire(image) }
        for slot in slots { pool.release(slot, wasEntered: false) }
        #expect(try pool.acquire(image).index == slots[2].index)
        #expect(try pool.acquire(image).index == slots[1].index)
        #expect(pool.statistics.affine == 2)
    }

    @Test func unusedSlotsComeBeforeThoseOfOtherImagesAndTheOldestOfThoseIsTaken() throws {
        let pool = try makePool(slots: 3)
        let (first, second, third) = (try makeImage(), try makeImage(pages: 2), try makeImage(pages: 3))
        let a = try pool.acquire(first)
        let b = try pool.acquire(second)
        pool.release(b, wasEntered: false)
        pool.release(a, wasEntered: false)
        let c = try pool.acquire(third)
        #expect(Set([a.index, b.index, c.index]).count == 3)
        #expect(pool.statistics.remaps == 0)
        // All have been used: b was released before a.
        let d = try pool.acquire(third)
        #expect(d.index == b.index)
        #expect(d.isFresh)
        #expect(pool.statistics.remaps == 1)
        #expect(try pool.acquire(first).index == a.index)
    }

    @Test func aFullPoolSaysSoAndRecovers() throws {
        let pool = try makePool(slots: 2)
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

    @Test func slotsOfAnImageThatGoesAwayBecomeBlank() throws {
        let pool = try makePool(slots: 3)
        var image: InstanceImage? = try makeImage(pages: 2, segments: [segment(0, [1, 2, 3])])
        let slots = try (0..<3).map { _ in try pool.acquire(image!) }
        pool.release(slots[0], wasEntered: true)
        pool.release(slots[1], wasEntered: false)
        #expect(pool.statistics.warm == 2)
        image = nil
        #expect(pool.statistics.blank == 2)
        #expect(pool.statistics.live == 1)
        #expect(pool.residue(in: slots[0]) == nil)
        #expect(!isReadable(slots[1].memoryBase))
        // The live one keeps what it needs, and follows.
        slots[2].setByte(1, 0xEE)
        pool.release(slots[2], wasEntered: true)
        #expect(pool.statistics.blank == 3)
        #expect(pool.residue(in: slots[2]) == nil)
        #expect(pool.statistics.retired == 0)
    }

    @Test func anImageWorksInSeveralPoolsAndOutlivesThem() throws {
        let image = try makeImage(segments: [segment(0, [5])])
        for _ in 0..<3 {
            let pools = [try makePool(), try makePool()]
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

    @Test func manyShortLivedImagesLeaveNothingBehind() throws {
        let pool = try makePool(slots: 2)
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

    @Test func eightThreadsAcquireAndReleaseWithoutMixingSlotsUp() throws {
        let pool = try makePool(slots: 6)
        let images = [
            try makeImage(pages: 1, segments: [segment(64, [1])]),
            try makeImage(pages: 2, segments: [segment(64, [2])], tables: [Table(elements: [1, 2])]),
            try makeImage(pages: 3), try makeImage(pages: nil),
        ]
        let problems = Atomic<Int>(0)
        let rounds = Atomic<Int>(0)
        let refusals = Atomic<Int>(0)
        withThreads(8) { thread in
            var random = SplitMix64(seed: UInt64(thread))
            for _ in 0..<400 {
                let image = images.randomElement(using: &random)!
                guard let slot = try? pool.acquire(image) else {
                    refusals.wrappingAdd(1, ordering: .relaxed)
                    continue
                }
                rounds.wrappingAdd(1, ordering: .relaxed)
                let length = slot.memoryLength
                if length > 0 {
                    if slot.byte(0) != 0 || slot.byte(length - 1) != 0 { problems.wrappingAdd(1, ordering: .relaxed) }
                    let mark = UInt8.random(in: 1...255, using: &random)
                    slot.setByte(0, mark)
                    slot.setByte(length - 1, mark)
                    if Bool.random(using: &random) { _ = pool.grow(slot, memory: 0, by: 1) }
                    if slot.byte(0) != mark { problems.wrappingAdd(1, ordering: .relaxed) }
                }
                pool.release(slot, wasEntered: true)
            }
        }
        #expect(problems.load(ordering: .relaxed) == 0)
        #expect(rounds.load(ordering: .relaxed) + refusals.load(ordering: .relaxed) == 3200)
        let statistics = pool.statistics
        #expect(statistics.live == 0)
        #expect(statistics.warm + statistics.blank == 6)
        #expect(statistics.acquisitions == UInt64(rounds.load(ordering: .relaxed)))
        for _ in 0..<6 {
            let slot = try pool.acquire(images[0])
            #expect(pool.residue(in: slot) == nil)
        }
    }

    @Test func imagesComeAndGoOnManyThreads() throws {
        let pool = try makePool(slots: 4)
        withThreads(4) { thread in
            for round in 0..<60 {
                guard let image = try? makeImage(segments: [segment(thread, [UInt8(round + 1)])]) else { continue }
                guard let slot = try? pool.acquire(image) else { continue }
                #expect(slot.byte(thread) == UInt8(round + 1))
                pool.release(slot, wasEntered: true)
            }
        }
        #expect(pool.statistics.blank == 4)
        #expect(pool.statistics.retired == 0)
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
