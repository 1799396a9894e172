//! What instances of one template, and templates that are alike, have in common: pages that are made ready together, images
//! that exist once, and slots that keep their images although others are live.

import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Runtime

@Suite struct PoolSharingTests {
    // MARK: Pages that instances are known to write to

    @Test(
        .enabled(if: KernelFeatures.current.populates, "the kernel has no MADV_POPULATE_WRITE"),
        arguments: PoolPolicies.keeping)
    func aNewSlotHasThePagesThatInstancesWriteTo(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3)
        let image = try makeImage(
            pages: 8, maximumPages: 40,
            segments: [segment(4096, Array(repeating: 5, count: 30 * 4096)), segment(400_000, [6])])
        func dirty(_ slot: Slot) { for page in 5..<60 { slot.setByte(page * 4096 + 3, 0xEE) } }
        let slot = try pool.acquire(image)
        pool.release(slot, after: slot.noting(dirty))
        #expect(pool.residue(in: slot) == nil)
        let first = try pool.acquire(image)
        let resident = pool.statistics.residentBytes
        // The second one begins with them, equal to the image.
        let second = try pool.acquire(image)
        #expect(second.isFresh)
        #expect(pool.statistics.residentBytes == 2 * resident)
        #expect(pool.residue(in: second) == nil)
        let use = second.noting { slot in
            dirty(slot)
            if pool.grow(slot, by: 2) != nil { slot.setByte(8 * wasmPage, 0xEE) }
        }
        pool.release(second, after: use)
        pool.release(first, after: first.noting { $0.setByte(100 * 4096, 0xEE) })
        for slot in [first, second] { #expect(pool.residue(in: slot) == nil) }
        // Untouched, a slot made ready so goes to another image clean.
        let third = try pool.acquire(image)
        let others = try (0..<2).map { _ in try pool.acquire(image) }
        for slot in others + [third] { pool.release(slot, after: SlotUse()) }
        let other = try makeImage(pages: 9, segments: [segment(70_000, [9])])
        for slot in try (0..<3).map({ _ in try pool.acquire(other) }) { #expect(pool.residue(in: slot) == nil) }
    }

    @Test(arguments: PoolPolicies.keeping)
    func pagesThatCannotBeMadeReadyAreLeftToFaults(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let image = try makeImage(pages: 8, segments: [segment(4096, Array(repeating: 5, count: 30 * 4096))])
        func dirty(_ slot: Slot) { for page in 5..<60 { slot.setByte(page * 4096 + 3, 0xEE) } }
        for after in 0..<3 {
            let held = try pool.acquire(image)
            let use = held.noting(dirty)
            fail(MAYFLY_CALL_MADVISE, after: after, times: 1)
            let slot = try pool.acquire(image)
            fail(MAYFLY_CALL_MADVISE, times: 0)
            // As if the kernel had done a part of it.
            for page in 20..<25 { _ = mayfly_populate(slot.memoryBase + page * 4096, 4096) }
            pool.release(slot, after: slot.noting(dirty))
            #expect(pool.residue(in: slot) == nil, "after \(after)")
            pool.release(held, after: use)
            #expect(pool.residue(in: held) == nil, "after \(after)")
        }
    }

    // MARK: Images that are alike

    @Test func imagesOfTheSameDataShareAFileAndOthersDoNot() throws {
        let pool = try makePool(slots: 4)
        let bytes = uniqueBytes(8) + (8..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 77) }
        var almost = bytes
        almost[25_000] ^= 1
        let images = try [(bytes, 4096), (bytes, 4096), (almost, 4096), (bytes, 4097)].map { bytes, offset in
            try makeImage(pages: 2, segments: [segment(offset, bytes)])
        }
        let created = mayfly_test_call_count(Int32(MAYFLY_CALL_MEMFD))
        let slots = try images.map { try pool.acquire($0) }
        #expect(mayfly_test_call_count(Int32(MAYFLY_CALL_MEMFD)) == created + 3)
        #expect(slots.map { $0.byte(4096 + 25_000) } == [bytes[25_000], bytes[25_000], almost[25_000], bytes[24_999]])
        slots[0].setByte(5000, 0xEE)
        #expect(slots[1].byte(5000) == bytes[5000 - 4096])
        for slot in slots { pool.release(slot, after: .unknown) }
        for slot in slots { #expect(pool.residue(in: slot) == nil) }
    }

    @Test func aSharedImageIsMadeAnewAfterAllHaveLetGoOfIt() throws {
        let bytes = uniqueBytes(50_000)
        for _ in 0..<3 {
            let pool = try makePool(slots: 2)
            let created = mayfly_test_call_count(Int32(MAYFLY_CALL_MEMFD))
            for _ in 0..<2 {
                let image = try makeImage(pages: 2, segments: [segment(0, bytes)])
                let slot = try pool.acquire(image)
                #expect(slot.byte(49_999) == bytes[49_999])
                pool.release(slot, after: .unknown)
            }
            #expect(mayfly_test_call_count(Int32(MAYFLY_CALL_MEMFD)) == created + 2)
        }
    }

    @Test func manyThreadsMakeAndDropImagesThatAreAlike() throws {
        let pool = try makePool(PoolPolicies.resets.last!, slots: 8, exhaustionWait: .seconds(20))
        let problems = Tally()
        withThreads(8) { thread in
            for round in 0..<120 {
                let value = UInt8(round / 10 + 1)
                guard
                    let image = try? makeImage(
                        pages: 2, segments: [segment(4096, Array(repeating: value, count: 40_000 + thread % 2))]),
                    let slot = try? pool.acquire(image)
                else {
                    problems.add()
                    continue
                }
                if slot.byte(4096) != value || slot.byte(44_095) != value || slot.byte(0) != 0 { problems.add() }
                pool.release(
                    slot,
                    after: slot.noting { slot in
                        for offset in [0, 4096, 44_095] { slot.setByte(offset, 0xEE) }
                    })
            }
        }
        #expect(problems.value == 0)
        #expect(waitUntil { pool.statistics.blank == pool.statistics.slots })
    }

    // MARK: Slots to spare

    private func makeSparePool(live: Int, spare: Int, wait: Duration = .zero) throws -> Pool {
        try Pool(
            PoolConfiguration(
                slotCount: live, spareSlots: spare, stackBytes: 256 << 10, contextBytes: 64 << 10, tableElements: 4096,
                idleTime: nil, exhaustionWait: wait))
    }

    @Test func moreTemplatesThanLiveInstancesKeepTheirSlots() throws {
        let pool = try makeSparePool(live: 2, spare: 4)
        let images = try (1...6).map { try makeImage(pages: $0) }
        for round in 0..<3 {
            for image in images {
                let slot = try pool.acquire(image)
                #expect(slot.isFresh == (round == 0))
                pool.release(slot, after: slot.noting { $0.setByte(0, 1) })
            }
        }
        #expect(pool.statistics.remaps == 0)
        #expect(pool.slotCount == 2)
    }

    @Test func noMoreInstancesLiveThanAreAllowedHoweverManySlotsAreFree() throws {
        let pool = try makeSparePool(live: 3, spare: 5)
        let images = try (1...4).map { try makeImage(pages: $0) }
        for image in images { try pool.run(image) { _ in } }
        let slots = try images[0..<3].map { try pool.acquire($0) }
        for image in images { #expect(throws: PoolError.exhausted(slots: 3)) { try pool.acquire(image) } }
        pool.release(slots[1], after: .unknown)
        #expect(try !pool.acquire(images[3]).isFresh)
        #expect(throws: PoolError.exhausted(slots: 3)) { try pool.acquire(images[1]) }
    }

    @Test func whatAnAcquisitionThatFailsTookIsGivenBack() throws {
        let pool = try makeSparePool(live: 2, spare: 20)
        let (image, tooLarge) = (try makeImage(pages: 2), try makeImage(globals: 5000))
        for _ in 0..<5 {
            #expect(throws: PoolError.self) { try pool.acquire(tooLarge) }
            for kind in [MAYFLY_CALL_MMAP, MAYFLY_CALL_MPROTECT] {
                let other = try makeImage(pages: 3, segments: [segment(0, Array(repeating: 1, count: 50_000))])
                fail(kind, times: 1)
                #expect(throws: PoolError.self) { try pool.acquire(other) }
                fail(kind, times: 0)
            }
            let slots = try (0..<2).map { _ in try pool.acquire(image) }
            #expect(throws: PoolError.exhausted(slots: 2)) { try pool.acquire(image) }
            // One whose reset fails is no longer live either.
            fail(pool.statistics.resetPolicy == .discard ? MAYFLY_CALL_MADVISE : MAYFLY_CALL_SCAN, times: 1)
            for slot in slots { pool.release(slot, after: .unknown) }
            fail(MAYFLY_CALL_SCAN, times: 0)
            fail(MAYFLY_CALL_MADVISE, times: 0)
        }
        #expect(pool.statistics.live == 0)
    }

    @Test func neverMoreThanAllowedAreLiveOnManyThreads() throws {
        let pool = try makeSparePool(live: 3, spare: 3, wait: .seconds(20))
        let images = try (1...8).map { try makeImage(pages: $0 % 3 + 1, segments: [segment($0, [UInt8($0)])]) }
        let live = Atomic<Int>(0)
        let problems = Tally()
        withThreads(8) { thread in
            for round in 0..<400 {
                let number = (thread * 3 + round) % 8
                guard let slot = try? pool.acquire(images[number]) else {
                    problems.add()
                    continue
                }
                if live.wrappingAdd(1, ordering: .relaxed).newValue > 3 { problems.add() }
                if slot.byte(number + 1) != UInt8(number + 1) || slot.byte(100) != 0 { problems.add() }
                let use = slot.noting { $0.setByte(100, 1) }
                live.wrappingSubtract(1, ordering: .relaxed)
                pool.release(slot, after: use)
            }
        }
        #expect(problems.value == 0)
        #expect(pool.statistics.live == 0 && pool.statistics.waiting == 0)
        // All may live again.
        let slots = try (0..<3).map { try pool.acquire(images[$0]) }
        for slot in slots { pool.release(slot, after: SlotUse()) }
    }
}
