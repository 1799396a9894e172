//! Under `track` the kernel is asked for pages only if the thread had a page fault, and slots wait for that question: when
//! it is spared, and everything that must not let it be spared.
//!
//! Anything may cause a fault now and then, so what is spared is counted over many runs.

import CPlatform
import Glibc
import Runtime
import Testing

@Suite(.enabled(if: tracks, "the kernel has no PAGEMAP_SCAN or counts no faults per thread"))
struct PoolTrackingTests {
    private let data = [UInt8](repeating: 0x55, count: 24 * 4096)

    /// Runs that write to the same page until slots wait for the question. False if that never comes.
    private func runUntilSlotsWait(_ pool: Pool, _ image: InstanceImage) throws -> Bool {
        for _ in 0..<5000 {
            let before = pool.statistics.deferredResets
            try pool.run(image) { $0.setByte(3, 0xEE) }
            if pool.statistics.deferredResets > before { return true }
        }
        return false
    }

    @Test(arguments: PoolPolicies.trackings)
    func runsThatWriteToKnownPagesAreResetWithoutASearch(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        // More pages than a slot may have that waits.
        let image = try makeImage(pages: 4, segments: [segment(4096, data)])
        for round in 0..<200 {
            if round == 20 { #expect(pool.statistics.scans < 10) }
            try pool.run(image) { slot in
                for page in 0..<30 {
                    if slot.byte(page * 4096 + 9) != (1..<25 ~= page ? 0x55 : 0) {
                        Issue.record("page \(page), round \(round)")
                    }
                    slot.setByte(page * 4096 + 9, 0xEE)
                }
            }
        }
        let statistics = pool.statistics
        #expect(statistics.scans < 60)
        #expect(statistics.deferredResets == 0)
        #expect(statistics.repairedPages >= 200 * 30)
        #expect(statistics.discards < 10)
    }

    @Test(arguments: PoolPolicies.trackings)
    func aPageThatIsNewIsFound(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 4, segments: [segment(4096, data)])
        for page in [0, 1, 63, 24, 25, 40, 2] {
            let scans = pool.statistics.scans
            let slot = try pool.acquire(image)
            pool.release(slot, after: slot.noting { $0.setByte(page * 4096 + 4095, 0xEE) })
            #expect(pool.statistics.scans == scans + 1)
            #expect(pool.residue(in: slot) == nil, "page \(page)")
        }
    }

    @Test(arguments: PoolPolicies.trackings)
    func slotsOfQuietRunsWaitAndShareOneQuestion(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 64)
        let image = try makeImage(segments: [segment(0, [1, 2, 3])])
        var before = pool.statistics
        var readings: UInt64 = 0
        // Each further slot that the pool takes, so that there are more to ask about at once, is a time of faults.
        for _ in 0..<20 where pool.statistics.deferredResets - before.deferredResets < 300 {
            before = pool.statistics
            readings = mayfly_test_reading_count()
            for _ in 0..<400 {
                try pool.run(image) { slot in
                    #expect(slot.byte(3) == 0 && slot.byte(1) == 2)
                    slot.setByte(3, 0xEE)
                }
            }
        }
        let after = pool.statistics
        #expect(after.deferredResets - before.deferredResets >= 300)
        #expect(mayfly_test_reading_count() - readings < 200)
        #expect(after.scans - before.scans < 100)
        #expect(after.pending <= 8)
    }

    /// A slot that waits and whose run made a page its own.
    private func waitingSlot(_ pool: Pool, _ image: InstanceImage, from first: Int = 1) throws -> Slot {
        for page in first..<150 {
            try #require(try runUntilSlotsWait(pool, image))
            let before = pool.statistics.deferredResets
            let slot = try pool.acquire(image)
            pool.release(slot, after: slot.noting { $0.setByte(page * 4096, 0xEE) })
            if pool.statistics.deferredResets > before { return slot }
        }
        Issue.record("no slot was made to wait")
        throw PoolError.exhausted(slots: 0)
    }

    @Test(arguments: PoolPolicies.trackings)
    func aSlotThatWaitsIsSearchedIfItsRunHadAFault(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 10, segments: [segment(0, [1])])
        for round in 1...4 {
            // A page that no earlier run has touched.
            let slot = try waitingSlot(pool, image, from: round * 20)
            let scans = pool.statistics.scans
            let next = try pool.acquire(image)
            #expect(next.index == slot.index && !next.isFresh)
            #expect(pool.statistics.scans == scans + 1)
            #expect(pool.residue(in: next) == nil)
            pool.release(next, after: SlotUse())
        }
    }

    @Test(arguments: PoolPolicies.trackings)
    func everyTenantFindsItsImageWhereverTheOthersHadFaults(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 16)
        let image = try makeImage(pages: 4, segments: [segment(0, [1])])
        var random = SplitMix64(seed: 11)
        var wrong = 0
        for _ in 0..<6000 {
            try pool.run(image) { slot in
                for page in 1..<12 where slot.byte(page * 4096) != 0 { wrong += 1 }
                slot.setByte(3, 0xEE)
                // Seldom enough for slots to wait.
                if Int.random(in: 0..<300, using: &random) == 0 {
                    slot.setByte(Int.random(in: 1..<12, using: &random) * 4096, 0xEE)
                }
            }
        }
        #expect(wrong == 0)
        #expect(pool.statistics.deferredResets > 0)
    }

    @Test(arguments: PoolPolicies.trackings)
    func aSlotThatWaitsGoesToAnotherThreadClean(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 1)
        let image = try makeImage(pages: 10, segments: [segment(0, [1])])
        for round in 1...3 {
            let slot = try waitingSlot(pool, image, from: round * 20)
            let scans = pool.statistics.scans
            onAnotherThread {
                guard let next = try? pool.acquire(image) else {
                    Issue.record("no slot")
                    return
                }
                #expect(next.index == slot.index)
                #expect(pool.residue(in: next) == nil)
                pool.release(next, after: SlotUse())
            }
            #expect(pool.statistics.scans == scans + 1)
        }
    }

    @Test(arguments: PoolPolicies.trackings)
    func aSlotThatWaitsGoesToAnotherImageClean(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 1)
        let image = try makeImage(pages: 10, segments: [segment(0, [1])])
        let others = [
            try makeImage(pages: 12), try makeImage(pages: 1, segments: [segment(0, [9])]),
            try makeImage(pages: 10, segments: [segment(4096, data)]), try makeImage(pages: nil),
        ]
        for other in others {
            let slot = try waitingSlot(pool, image)
            let next = try pool.acquire(other)
            #expect(next.index == slot.index && next.isFresh)
            #expect(pool.residue(in: next) == nil)
            pool.release(next, after: SlotUse())
        }
    }

    @Test(arguments: PoolPolicies.trackings)
    func aSlotThatWaitsIsTrimmedClean(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 4)
        let image = try makeImage(pages: 10, segments: [segment(0, [1])])
        let slot = try waitingSlot(pool, image)
        pool.trim()
        #expect(pool.statistics.pending == 0)
        #expect(pool.statistics.residentBytes == 0)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test(arguments: PoolPolicies.trackings)
    func aSlotThatWaitsBecomesBlankWithItsImage(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 4)
        var image: InstanceImage? = try makeImage(pages: 10, segments: [segment(0, [1])])
        let slot = try waitingSlot(pool, image!)
        image = nil
        #expect(pool.statistics.blank == 4)
        #expect(pool.statistics.pending == 0)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test func aSlotThatWaitsAndCannotBeSearchedIsRetired() throws {
        let pool = try makePool(.tracking, slots: 1)
        let image = try makeImage(pages: 10, segments: [segment(0, [1])])
        let slot = try waitingSlot(pool, image)
        let failures = pool.statistics.failedResets
        fail(MAYFLY_CALL_SCAN, times: 1, error: EINVAL)
        let next = try pool.acquire(image)
        fail(MAYFLY_CALL_SCAN, times: 0)
        #expect(next.index != slot.index && next.isFresh)
        #expect(pool.residue(in: next) == nil)
        #expect(pool.statistics.failedResets == failures + 1 && pool.statistics.retired == 1)
        pool.release(next, after: SlotUse())
    }

    @Test func aSlotThatWaitsAndCannotBeSearchedWhileTrimmingCountsOnce() throws {
        let pool = try makePool(.tracking, slots: 1)
        let image = try makeImage(pages: 10, segments: [segment(0, [1])])
        let slot = try waitingSlot(pool, image)
        let failures = pool.statistics.failedResets
        fail(MAYFLY_CALL_SCAN, times: 1, error: EINVAL)
        pool.trim()
        fail(MAYFLY_CALL_SCAN, times: 0)
        #expect(pool.statistics.retired == 1)
        #expect(pool.statistics.failedResets == failures + 1)
        #expect(!isReadable(slot.memoryBase))
    }

    @Test func aPoolThatCannotSpreadUsesTheSlotThatWaits() throws {
        let pool = try makePool(.tracking, slots: 8)
        let image = try makeImage(segments: [segment(0, [1])])
        for kind in [MAYFLY_CALL_MPROTECT, MAYFLY_CALL_MMAP] {
            try #require(try runUntilSlotsWait(pool, image))
            fail(kind, times: 100_000, error: ENOMEM)
            for _ in 0..<300 {
                let slot = try #require(try? pool.acquire(image), "a free slot, and no way to get another")
                #expect(slot.byte(0) == 1 && slot.byte(3) == 0)
                pool.release(slot, after: slot.noting { $0.setByte(3, 0xEE) })
            }
            fail(kind, times: 0)
        }
        #expect(pool.statistics.retired == 0 || pool.statistics.warm > 0)
    }

    // MARK: What must not be spared

    @Test(arguments: PoolPolicies.trackings)
    func aUseNotedByTwoThreadsIsSearched(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 4, segments: [segment(4096, data)])
        for page in [0, 2, 30] {
            for _ in 0..<3 { try pool.run(image) { $0.setByte(4097, 1) } }
            let scans = pool.statistics.scans
            let slot = try pool.acquire(image)
            nonisolated(unsafe) var use = slot.noting { $0.setByte(4097, 1) }
            // The fault is the other thread's.
            onAnotherThread {
                use.note()
                slot.setByte(page * 4096, 0xEE)
            }
            use.note()
            pool.release(slot, after: use)
            #expect(pool.statistics.scans == scans + 1)
            #expect(pool.residue(in: slot) == nil)
        }
    }

    @Test(arguments: PoolPolicies.trackings)
    func aRunOfAnotherThreadThanTheReleasingOneIsSearched(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let image = try makeImage(pages: 4, segments: [segment(4096, data)])
        for page in [0, 2, 30] {
            for _ in 0..<100 { try pool.run(image) { $0.setByte(4097, 1) } }
            let before = pool.statistics
            let slot = try pool.acquire(image)
            nonisolated(unsafe) var use = SlotUse()
            onAnotherThread { use = slot.noting { $0.setByte(page * 4096, 0xEE) } }
            pool.release(slot, after: use)
            #expect(pool.statistics.scans == before.scans + 1)
            #expect(pool.statistics.deferredResets == before.deferredResets)
            #expect(pool.residue(in: slot) == nil)
        }
    }

    @Test(arguments: PoolPolicies.trackings)
    func aSlotWhoseAddressesEscapedIsSearched(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 4, segments: [segment(0, [1])])
        for page in [1, 2, 3] {
            try #require(try runUntilSlotsWait(pool, image))
            let scans = pool.statistics.scans
            let slot = try pool.acquire(image)
            var use = slot.noting { $0.setByte(3, 1) }
            use.noteEscape()
            onAnotherThread { slot.setByte(page * 4096, 0xEE) }
            pool.release(slot, after: use)
            #expect(pool.statistics.scans > scans)
            #expect(pool.residue(in: slot) == nil)
        }
    }

    @Test(arguments: PoolPolicies.trackings)
    func aFaultCounterThatCannotBeReadMeansASearch(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 4, segments: [segment(4096, data)])
        for _ in 0..<20 { try pool.run(image) { slot in for page in 0..<12 { slot.setByte(page * 4096, 1) } } }
        for page in [20, 40] {
            // Before the run: what was known is lost. After it: nothing can be said.
            let slot = try pool.acquire(image)
            mayfly_test_fail_readings(1)
            let scans = pool.statistics.scans
            pool.release(slot, after: slot.noting { $0.setByte(page * 4096, 0xEE) })
            #expect(pool.statistics.scans == scans + 1)
            #expect(pool.residue(in: slot) == nil)
            let next = try pool.acquire(image)
            pool.release(next, after: next.noting { $0.setByte((page + 1) * 4096, 0xEE) })
            #expect(pool.statistics.scans == scans + 2)
            #expect(pool.residue(in: next) == nil)
        }
    }

    @Test(arguments: PoolPolicies.trackings)
    func aFaultCounterThatCannotBeReadMeansASearchOfSlotsThatWait(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 1)
        let image = try makeImage(pages: 10, segments: [segment(0, [1])])
        let slot = try waitingSlot(pool, image)
        mayfly_test_fail_readings(1)
        let scans = pool.statistics.scans
        let next = try pool.acquire(image)
        #expect(next.index == slot.index)
        #expect(pool.statistics.scans == scans + 1)
        #expect(pool.residue(in: next) == nil)
        pool.release(next, after: SlotUse())
    }

    @Test(arguments: PoolPolicies.trackings)
    func aFaultOfTheHostDuringARunOnlyCostsASearch(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 4, segments: [segment(4096, data)])
        for _ in 0..<10 { try pool.run(image) { $0.setByte(1, 1) } }
        let scans = pool.statistics.scans
        let slot = try pool.acquire(image)
        pool.release(
            slot,
            after: slot.noting { slot in
                let page = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
                page.storeBytes(of: 1, as: UInt8.self)
                munmap(page, 4096)
            })
        #expect(pool.statistics.scans == scans + 1)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test(arguments: PoolPolicies.trackings)
    func growthIsResetWhetherItsRunHadFaultsOrNot(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let image = try makeImage(pages: 1, segments: [segment(0, [1])])
        for round in 0..<5 {
            try #require(try runUntilSlotsWait(pool, image))
            let before = pool.statistics.deferredResets
            let slot = try pool.acquire(image)
            let use = slot.noting { slot in
                #expect(pool.grow(slot, by: 2) == 1)
                slot.setByte(2 * wasmPage, 0xEE)
                #expect(slot.byte(2 * wasmPage + 1) == 0)
            }
            pool.release(slot, after: use)
            #expect(pool.statistics.deferredResets == before)
            #expect(pool.residue(in: slot) == nil, "round \(round)")
        }
    }

    @Test func pagesThatRunsHaveStoppedChangingAreGivenBack() throws {
        let pool = try makePool(.tracking)
        let image = try makeImage(pages: 8, segments: [segment(4096, data)])
        try pool.run(image) { slot in for page in 0..<100 { slot.setByte(page * 4096, 0xEE) } }
        #expect(pool.statistics.residentBytes == 100 * 4096)
        for _ in 0..<400 { try pool.run(image) { slot in for page in 0..<10 { slot.setByte(page * 4096 + 1, 0xEE) } } }
        #expect(pool.statistics.residentBytes == 10 * 4096)
        #expect(pool.residue(in: try pool.acquire(image)) == nil)
    }
}
