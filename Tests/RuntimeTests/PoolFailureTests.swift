//! System calls that fail: a slot is never handed out again with something left in it, and errors say what happened.

import CPlatform
import Compiler
import Glibc
import Runtime
import Testing

@Suite struct PoolFailureTests {
    @Test func aFailedDiscardReplacesTheMappings() throws {
        let pool = try makePool()
        let image = try makeImage(
            pages: 4, segments: [segment(0, [1, 2])], tables: [Table(elements: [1, 2, 3], maximum: 100)])
        let slot = try pool.acquire(image)
        var random = SplitMix64(seed: 1)
        #expect(pool.grow(slot, memory: 0, by: 3) == 4)
        slot.vandalize(image, using: &random)
        fail(MAYFLY_CALL_MADVISE, times: 1, error: EINVAL)
        pool.release(slot, wasEntered: true)
        #expect(pool.statistics.failedResets == 1)
        #expect(pool.statistics.blank == 1)
        #expect(pool.residue(in: slot) == nil)
        let next = try pool.acquire(image)
        #expect(next.isFresh)
        #expect(pool.residue(in: next) == nil)
        #expect(next.byte(0) == 1 && next.byte(3 * wasmPage) == 0)
    }

    @Test func everySingleFailureOfAResetLeavesACleanSlot() throws {
        for kind in [MAYFLY_CALL_MADVISE, MAYFLY_CALL_MPROTECT] {
            for after in 0..<4 {
                for times in [1, 2, 100] {
                    let pool = try makePool(slots: 1, tableElements: 100_000)
                    let image = try makeImage(
                        pages: 4, segments: [segment(0, [1, 2])],
                        tables: [Table(elements: Array(repeating: 7, count: 20_000))])
                    let slot = try pool.acquire(image)
                    var random = SplitMix64(seed: UInt64(after))
                    #expect(pool.grow(slot, memory: 0, by: 3) == 4)
                    #expect(pool.growTable(slot, table: 0, by: 30_000, fill: 7) == 20_000)
                    slot.vandalize(image, using: &random)
                    fail(kind, after: after, times: times, error: ENOMEM)
                    pool.release(slot, wasEntered: true)
                    fail(kind, times: 0)
                    #expect(pool.residue(in: slot) == nil, "\(kind) after \(after), \(times) times")
                    #expect(pool.statistics.retired == 0)
                    let next = try pool.acquire(image)
                    #expect(pool.residue(in: next) == nil, "\(kind) after \(after), \(times) times")
                }
            }
        }
    }

    @Test func aSlotThatCannotBeCleanedIsRetired() throws {
        let pool = try makePool(slots: 2)
        let image = try makeImage()
        let slot = try pool.acquire(image)
        slot.setByte(0, 0xEE)
        fail(MAYFLY_CALL_MADVISE, times: 1, error: EINVAL)
        fail(MAYFLY_CALL_MMAP, times: 1, error: ENOMEM)
        pool.release(slot, wasEntered: true)
        #expect(pool.statistics.retired == 1)
        #expect(pool.statistics.failedResets == 1)
        for _ in 0..<3 {
            let next = try pool.acquire(image)
            #expect(next.index != slot.index)
            #expect(next.byte(0) == 0)
            #expect(throws: PoolError.exhausted(slots: 2)) { try pool.acquire(image) }
            pool.release(next, wasEntered: true)
        }
    }

    @Test func aFailedBindingThrowsAndLeavesAUsableSlot() throws {
        for kind in [MAYFLY_CALL_MMAP, MAYFLY_CALL_MPROTECT] {
            for after in 0..<4 {
                let pool = try makePool()
                let (former, image) = (
                    try makeImage(pages: 9, segments: [segment(70_000, [3])], tables: [Table(elements: [1, 2])]),
                    try makeImage(pages: 4, segments: [segment(0, [1, 2])])
                )
                for warm in [false, true] {
                    if warm {
                        let slot = try pool.acquire(former)
                        var random = SplitMix64(seed: 3)
                        slot.vandalize(former, using: &random)
                        pool.release(slot, wasEntered: true)
                    }
                    fail(kind, after: after, times: 1, error: ENOMEM)
                    let slot = try? pool.acquire(image)
                    fail(kind, times: 0)
                    if let slot {
                        #expect(pool.residue(in: slot) == nil)
                        pool.release(slot, wasEntered: true)
                    }
                    #expect(pool.statistics.live == 0)
                    let next = try pool.acquire(image)
                    #expect(pool.residue(in: next) == nil, "\(kind) after \(after), warm \(warm)")
                    #expect(next.byte(0) == 1 && next.byte(70_000) == 0)
                    pool.release(next, wasEntered: true)
                }
            }
        }
    }

    @Test func aFailedGrowthChangesNothing() throws {
        let pool = try makePool()
        let image = try makeImage(pages: 1)
        let slot = try pool.acquire(image)
        fail(MAYFLY_CALL_MPROTECT, times: 1, error: ENOMEM)
        #expect(pool.grow(slot, memory: 0, by: 1) == nil)
        #expect(slot.memoryLength == wasmPage)
        #expect(!isReadable(slot.memoryBase + wasmPage))
        // The kernel may have opened a part of it all the same: the slot is not trusted again.
        pool.release(slot, wasEntered: false)
        #expect(pool.statistics.blank == 1)
        #expect(pool.residue(in: try pool.acquire(image)) == nil)
    }

    @Test func imagesReportFailuresAndKeepNoFile() throws {
        for (kind, name) in [
            (MAYFLY_CALL_MEMFD, "memfd_create"), (MAYFLY_CALL_PWRITE, "pwrite"), (MAYFLY_CALL_SEAL, "fcntl"),
        ] {
            fail(kind, times: 1, error: EMFILE)
            let error = #expect(throws: PoolError.self) { try makeImage(segments: [segment(0, [1])]) }
            let text = try #require(error).description
            #expect(text.hasPrefix(name))
            #expect(text.contains("ulimit -n"))
        }
        // Without data there is no file to fail.
        fail(MAYFLY_CALL_MEMFD, times: 1, error: EMFILE)
        _ = try makeImage(pages: 100, segments: [segment(0, [0, 0, 0])])
        fail(MAYFLY_CALL_MEMFD, times: 0)
    }

    @Test func aPoolThatDoesNotFitGetsFewerSlots() throws {
        fail(MAYFLY_CALL_MMAP, times: 3, error: ENOMEM)
        let pool = try makePool(slots: 100)
        #expect(pool.slotCount < 100 && pool.slotCount > 50)
        let slot = try pool.acquire(try makeImage())
        #expect(pool.residue(in: slot) == nil)
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
