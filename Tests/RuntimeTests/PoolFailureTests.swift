//! System calls that fail: a slot is never handed out again with something left in it, and errors say what happened.

import CPlatform
import Compiler
import Glibc
import Runtime
import Testing

@Suite struct PoolFailureTests {
    /// The call that a reset cannot do without.
    private func resetCall(_ policies: PoolPolicies) -> Int {
        policies.reset == .discard ? MAYFLY_CALL_MADVISE : MAYFLY_CALL_SCAN
    }

    @Test(arguments: PoolPolicies.all)
    func aFailedResetRetiresTheSlotAndIsCounted(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(
            pages: 4, segments: [segment(0, [1, 2])], tables: [Table(elements: [1, 2, 3], maximum: 100)])
        let slot = try pool.acquire(image)
        var random = SplitMix64(seed: 1)
        #expect(pool.grow(slot, by: 3) == 4)
        slot.vandalize(image, using: &random)
        fail(resetCall(policies), times: 1, error: EINVAL)
        pool.release(slot, wasEntered: true)
        #expect(pool.statistics.failedResets == 1 && pool.statistics.retired == 1)
        // Nothing of it is left, and nobody gets it again, but another slot in its place.
        if policies.isDense {
            #expect(slot.byte(0) == 0 && slot.byte(7 * wasmPage - 1) == 0)
        } else {
            #expect(!isReadable(slot.memoryBase) && !isReadable(slot.memoryBase + 4 * wasmPage))
        }
        #expect(pool.statistics.capacity == 1 && pool.statistics.blank == 1)
        for _ in 0..<3 {
            let next = try pool.acquire(image)
            #expect(next.index != slot.index && next.memoryBase != slot.memoryBase)
            #expect(pool.residue(in: next) == nil)
            #expect(throws: PoolError.exhausted(slots: 1)) { try pool.acquire(image) }
            pool.release(next, wasEntered: true)
        }
        #expect(pool.statistics.retired == 1)
    }

    @Test(arguments: PoolPolicies.resets)
    func whenResetsGoOnFailingThePoolShrinksUntilItSaysSo(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3, exhaustionWait: .seconds(1000))
        let image = try makeImage()
        var used: Set<UInt32> = []
        for round in 1...6 {
            let slot = try pool.acquire(image)
            #expect(used.insert(slot.index).inserted)
            slot.setByte(0, 0xEE)
            fail(resetCall(policies), times: 1, error: EINVAL)
            pool.release(slot, wasEntered: true)
            #expect(pool.statistics.retired == round && pool.statistics.capacity == min(3, 6 - round))
        }
        // No slot will ever come, so nobody waits for one.
        #expect(throws: PoolError.exhausted(slots: 0)) { try pool.acquire(image) }
    }

    @Test func whereNoAddressSpaceIsLeftARetiredSlotIsNotReplaced() throws {
        let pool = try makePool(.scanning, slots: 2)
        let image = try makeImage()
        let slot = try pool.acquire(image)
        slot.setByte(0, 0xEE)
        fail(resetCall(.scanning), times: 1, error: EINVAL)
        pool.release(slot, wasEntered: true)
        let other = try pool.acquire(image)
        fail(MAYFLY_CALL_MMAP, times: 100, error: ENOMEM)
        #expect(throws: PoolError.exhausted(slots: 1)) { try pool.acquire(image) }
        fail(MAYFLY_CALL_MMAP, times: 0)
        pool.release(other, wasEntered: true)
        #expect(pool.slotCount == 1 && pool.statistics.warm == 1)
    }

    @Test(arguments: PoolPolicies.all)
    func aRetiredSlotThatCannotBeUnmappedStaysRetired(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let image = try makeImage()
        let slot = try pool.acquire(image)
        slot.setByte(0, 0xEE)
        fail(resetCall(policies), times: 1, error: EINVAL)
        let isDiscarded = policies.isDense && policies.reset == .discard
        fail(policies.isDense ? MAYFLY_CALL_MADVISE : MAYFLY_CALL_MMAP, times: isDiscarded ? 2 : 1, error: EINVAL)
        pool.release(slot, wasEntered: true)
        #expect(pool.statistics.retired == 1)
        #expect(pool.statistics.failedResets == 1)
        for _ in 0..<3 {
            let next = try pool.acquire(image)
            #expect(next.index != slot.index)
            #expect(next.byte(0) == 0)
            pool.release(next, wasEntered: true)
        }
        #expect(pool.statistics.capacity == 2)
    }

    @Test(arguments: PoolPolicies.growths)
    func aFailedGrowthChangesNothing(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 1)
        let slot = try pool.acquire(image)
        let isFile = policies.growth != .protect
        fail(isFile ? MAYFLY_CALL_TRUNCATE : MAYFLY_CALL_MPROTECT, times: 1, error: ENOMEM)
        #expect(pool.grow(slot, by: 1) == nil)
        #expect(slot.memoryLength == wasmPage)
        #expect(!isReadable(slot.memoryBase + wasmPage))
        #expect(pool.statistics.growths == 0 && pool.statistics.failedGrowths == 1)
        pool.release(slot, after: SlotUse())
        // Of permissions the kernel may have changed a part all the same: that slot is not trusted again. A file's size
        // changes or does not.
        #expect(pool.statistics.blank == (isFile ? 0 : 1))
        #expect(pool.residue(in: try pool.acquire(image)) == nil)
    }

    @Test(arguments: PoolPolicies.guarded)
    func aGrowthThatFailedHalfWayLeavesNothing(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 1, segments: [segment(0, [1])])
        for round in 0..<3 {
            let slot = try pool.acquire(image)
            let use = slot.noting { slot in
                #expect(pool.grow(slot, by: 2) == 1)
                slot.setByte(3 * wasmPage - 1, 0xEE)
                fail(policies.growth == .protect ? MAYFLY_CALL_MPROTECT : MAYFLY_CALL_TRUNCATE, times: 1)
                #expect(pool.grow(slot, by: 4) == nil)
                // What the kernel did of a call that it says failed.
                if policies.growth == .protect {
                    mprotect(slot.memoryBase + 3 * wasmPage, 8192, PROT_READ | PROT_WRITE)
                    slot.setByte(3 * wasmPage + 4096, 0xEE)
                }
            }
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil, "round \(round)")
        }
        #expect(pool.statistics.failedGrowths == 3)
        #expect(pool.statistics.failedResets == 0)
    }

    @Test func imagesReportFailuresWhenTheyAreMadeAndKeepNoFile() throws {
        let pool = try makePool()
        let bytes = uniqueBytes(8)
        let image = try makeImage(segments: [segment(0, bytes)])
        for (kind, name) in [
            (MAYFLY_CALL_MEMFD, "memfd_create"), (MAYFLY_CALL_PWRITE, "pwrite"), (MAYFLY_CALL_SEAL, "fcntl"),
        ] {
            fail(kind, times: 1, error: EMFILE)
            let error = #expect(throws: PoolError.self) { try pool.acquire(image) }
            let text = try #require(error).description
            #expect(text.hasPrefix(name))
            #expect(text.contains("ulimit -n"))
            #expect(pool.statistics.blank == 1)
        }
        // The next one tries again.
        let slot = try pool.acquire(image)
        #expect(slot.byte(0) == bytes[0])
        pool.release(slot, after: SlotUse())
        // Without data there is no file to fail.
        fail(MAYFLY_CALL_MEMFD, times: 1, error: EMFILE)
        _ = try pool.acquire(try makeImage(pages: 100, segments: [segment(0, [0, 0, 0])]))
        fail(MAYFLY_CALL_MEMFD, times: 0)
    }

    @Test func dataOnFewPagesNeedsNoFileWherePagesAreKept() throws {
        for policies in PoolPolicies.keeping where policies.growth == .protect && !policies.isDense {
            let pool = try makePool(policies)
            fail(MAYFLY_CALL_MEMFD, times: 1, error: EMFILE)
            #expect(try pool.acquire(try makeImage(segments: [segment(0, [1])])).byte(0) == 1)
            fail(MAYFLY_CALL_MEMFD, times: 0)
        }
    }

    @Test func addressSpaceIsReservedInSmallerPiecesIfItMustBe() throws {
        fail(MAYFLY_CALL_MMAP, times: 3, error: ENOMEM)
        let pool = try makePool(slots: 70)
        let image = try makeImage()
        let slots = try (0..<70).map { _ in try pool.acquire(image) }
        #expect(pool.slotCount == 70)
        #expect(throws: PoolError.exhausted(slots: 70)) { try pool.acquire(image) }
        // None of them overlap.
        let bases = slots.map { Int(bitPattern: $0.memoryBase) }.sorted()
        for (lower, upper) in zip(bases, bases.dropFirst()) { #expect(upper - lower >= 6 << 30) }
        for slot in slots { pool.release(slot, wasEntered: true) }
        #expect(pool.residue(in: slots[0]) == nil && pool.residue(in: slots[69]) == nil)
    }

    @Test func aPoolThatDoesNotFitTurnsOutSmaller() throws {
        let pool = try makePool(slots: 100)
        let image = try makeImage()
        let slots = try (0..<64).map { _ in try pool.acquire(image) }
        #expect(pool.slotCount == 100)
        // The pool has reserved address space for 64; for the next it asks, in smaller and smaller pieces.
        fail(MAYFLY_CALL_MMAP, times: 100, error: ENOMEM)
        #expect(throws: PoolError.exhausted(slots: 64)) { try pool.acquire(image) }
        fail(MAYFLY_CALL_MMAP, times: 0)
        #expect(pool.slotCount == 64)
        pool.release(slots[5], wasEntered: true)
        #expect(try pool.acquire(image).index == slots[5].index)
        #expect(pool.statistics.blank == 0)
        // Once there is room again, the pool grows.
        #expect(waitUntil { (try? pool.acquire(image)) != nil })
        #expect(pool.slotCount == 100)
    }

    @Test func aPoolLeavesHalfOfALimitedAddressSpaceToOthers() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit()
            limit.rlim_cur = 100 << 30
            limit.rlim_max = 100 << 30
            #expect(setrlimit(__rlimit_resource_t(9), &limit) == 0)
            let pool = try makePool(slots: 100)
            let image = try makeImage()
            var count = 0
            while (try? pool.acquire(image)) != nil { count += 1 }
            #expect(count > 2 && count <= 8)
            #expect(pool.slotCount == count)
        }
    }

    @Test func notEvenOneSlotIsAnError() {
        fail(MAYFLY_CALL_MMAP, times: 100, error: ENOMEM)
        let error = #expect(throws: PoolError.self) { try makePool(slots: 100) }
        fail(MAYFLY_CALL_MMAP, times: 0)
        #expect(error?.description.hasPrefix("mmap") == true)
    }

    @Test func errorsSayWhatToDo() {
        #expect(PoolError.exhausted(slots: 5).description.contains("slotCount"))
        #expect(PoolError.memoryTooLarge(requested: 7, limit: 5).description.contains("maximumMemoryBytes"))
        #expect(PoolError.contextTooLarge(requested: 7, limit: 5).description.contains("contextBytes"))
        #expect(PoolError.tableTooLarge(requested: 7, limit: 5).description.contains("tableElements"))
        let error = PoolError.systemCall(name: "mmap", errno: ENOMEM, purpose: "reserving")
        #expect(error.description.contains("Cannot allocate memory"))
        #expect(error.description.contains("max_map_count"))
    }
}
