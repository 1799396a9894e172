//! Dense slots: where they lie, what they cost of the process, and that nothing of one reaches another.

import CPlatform
import Compiler
import Glibc
import Testing

@testable import Runtime

@Suite struct PoolDenseTests {
    private func calls() -> [UInt64] {
        (0..<Int32(MAYFLY_CALL_KINDS)).map { mayfly_test_call_count($0) }
    }

    /// Lines of /proc/self/maps.
    private func mappings() throws -> Int {
        let file = try #require(fopen("/proc/self/maps", "r"))
        defer { fclose(file) }
        var count = 0
        while true {
            let byte = getc(file)
            if byte < 0 { return count }
            if byte == 10 { count += 1 }
        }
    }

    private func makeDense(_ dense: DenseClass, _ policies: PoolPolicies, marksGuards: Bool = true) throws -> Pool {
        try Pool(
            dense,
            PoolConfiguration(resetPolicy: policies.reset, idleTime: nil, exhaustionWait: .zero),
            marksGuards: marksGuards)
    }

    @Test(arguments: PoolPolicies.dense)
    func memoriesLieSideBySideAndNothingElseIsInReachOfThem(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3, maximumMemoryBytes: 3 << 16)
        let image = try makeImage(pages: 1)
        let slots = try (0..<3).map { _ in try pool.acquire(image) }.sorted { $0.memoryBase < $1.memoryBase }
        for (one, next) in zip(slots, slots.dropFirst()) { #expect(next.memoryBase - one.memoryBase == 3 << 16) }
        let (first, last) = (slots[0].memoryBase, slots[2].memoryBase)
        // All of it, whatever the memory's length.
        #expect(isWritable(first) && isWritable(last + (3 << 16) - 1))
        // What an unchecked index and a folded offset could reach: all the memories, and nothing else.
        let reach = 1 << 32 - 1 + (2 << 30 - 65_536) + 16
        for offset in [3 << 16, 1 << 31, 1 << 32, 5 << 30, reach] { #expect(!isReadable(last + offset)) }
        for offset in [-1, -4096, -65_536, -(1 << 31)] { #expect(!isReadable(first + offset)) }
        for slot in slots {
            for address in [slot.context, slot.stackLimit] {
                let distance = address - first
                #expect(distance < -(2 << 30) || distance > 2 << 16 + reach)
            }
        }
    }

    @Test(arguments: [true, false])
    func stacksEndInGuardsThatNothingTakesAway(marksGuards: Bool) throws {
        for policies in PoolPolicies.dense {
            let pool = try makeDense(
                DenseClass(maximumMemoryBytes: 1 << 16, slotCount: 3, contextBytes: 8 << 10), policies,
                marksGuards: marksGuards)
            let image = try makeImage()
            var random = SplitMix64(seed: 3)
            for _ in 0..<40 {
                let slots = try (0..<3).map { _ in try pool.acquire(image) }
                for slot in slots {
                    let base = pool.records[Int(slot.index)].stackBase
                    #expect(isWritable(base) && !isReadable(base - 1) && !isReadable(base - 4096))
                    // Behind the tables: the next slot's guard, or the last one.
                    let end = base + (128 << 10) + (8 << 10) + 8192
                    #expect(isWritable(end - 1) && !isReadable(end) && !isReadable(end + 4095))
                    memset(base, 0xEE, 100 << 10)
                }
                // Discards of whole stacks among other things.
                for slot in slots {
                    slot.vandalize(image, using: &random)
                    pool.release(slot, wasEntered: true)
                }
                pool.trim()
            }
            var discarded: InstanceImage? = try makeImage(pages: 1)
            let slot = try pool.acquire(discarded!)
            pool.release(slot, wasEntered: true)
            discarded = nil
            #expect(!isReadable(pool.records[Int(slot.index)].stackBase - 1))
            #expect(pool.statistics.retired == 0)
        }
    }

    @Test func anInstanceThatIsCalledNeedsOnePageForStackAndContext() throws {
        let pool = try makePool(PoolPolicies.dense[0], slots: 1)
        let slot = try pool.acquire(try makeImage())
        let page = { (address: UnsafeRawPointer) in UInt(bitPattern: address) / 4096 }
        #expect(page(slot.context) == page(slot.initialStackPointer))
        #expect(slot.stackTop == slot.context && UInt(bitPattern: slot.stackTop) % 64 == 0)
        pool.release(slot, after: SlotUse())
    }

    @Test(arguments: PoolPolicies.dense)
    func bindingGrowingAndResettingMapNothing(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let images = [
            try makeImage(pages: 4, segments: [segment(5000, uniqueBytes(3))]),
            try makeImage(pages: 20, segments: [segment(4096, uniqueBytes(24 * 4096))]),
            try makeImage(pages: 0), try makeImage(pages: nil),
        ]
        // Files of images are mapped for reading, once.
        for image in images { pool.release(try pool.acquire(image), after: SlotUse()) }
        let before = calls()
        for round in 0..<40 {
            let slot = try pool.acquire(images[round % images.count])
            let use = slot.noting { slot in
                if slot.memoryLength > 0 { slot.setByte(slot.memoryLength - 1, 1) }
                let between = calls()
                for pages in 1...4 where pool.grow(slot, by: UInt64(pages)) != nil {
                    slot.setByte(slot.memoryLength - 1, 1)
                }
                #expect(calls() == between)
            }
            pool.release(slot, after: use)
        }
        let after = calls()
        for kind in [MAYFLY_CALL_MMAP, MAYFLY_CALL_MPROTECT, MAYFLY_CALL_MEMFD, MAYFLY_CALL_TRUNCATE] {
            #expect(after[kind] == before[kind])
        }
    }

    @Test(arguments: PoolPolicies.dense)
    func anImageCostsOnlyThePagesThatHaveData(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        // Two pages at the ends, a run with a page of zeroes in it, and a segment of zeroes.
        var block = [UInt8](repeating: 7, count: 5 * 4096)
        block.replaceSubrange(2 * 4096..<3 * 4096, with: repeatElement(0, count: 4096))
        let image = try makeImage(
            pages: 200,
            segments: [
                segment(100, [1, 2, 3]), segment(40 * 4096, block),
                segment(90 * 4096, [UInt8](repeating: 0, count: 9000)),
                segment(200 * wasmPage - 1, [9]),
            ])
        let slot = try pool.acquire(image)
        #expect(slot.byte(100) == 1 && slot.byte(44 * 4096) == 7 && slot.byte(42 * 4096) == 0)
        #expect(slot.byte(200 * wasmPage - 1) == 9)
        if policies.reset != .discard { #expect(pool.statistics.residentBytes == 6 * 4096) }
        pool.release(slot, after: slot.noting { $0.setByte(70 * 4096, 1) })
        #expect(pool.residue(in: slot) == nil)
        // Given back, they come again.
        pool.trim()
        #expect(pool.statistics.residentBytes == 0)
        #expect(pool.residue(in: slot) == nil)
        let again = try pool.acquire(image)
        #expect(again.byte(100) == 1 && again.byte(44 * 4096) == 7 && again.byte(200 * wasmPage - 1) == 9)
        #expect(pool.residue(in: again) == nil)
    }

    @Test(arguments: PoolPolicies.dense)
    func tenThousandLiveInstancesTakeFewMappings(_ policies: PoolPolicies) throws {
        guard KernelFeatures.current.marksGuards else { try Test.cancel("this kernel has no guard markers") }
        let count = 10_000
        let before = try mappings()
        let pool = try makeDense(DenseClass(slotCount: count), policies)
        let image = try makeImage(pages: 2, segments: [segment(100, [1])])
        var slots: [Slot] = []
        for index in 0..<count {
            let slot = try pool.acquire(image)
            slot.memoryBase.storeBytes(of: UInt64(index), toByteOffset: 70_000, as: UInt64.self)
            slots.append(slot)
        }
        #expect(throws: PoolError.exhausted(slots: count)) { try pool.acquire(image) }
        // A few of each chunk of 1024; other tests run beside this one.
        #expect(try mappings() - before < 500)
        for (index, slot) in slots.enumerated() {
            let value = slot.memoryBase.load(fromByteOffset: 70_000, as: UInt64.self)
            if value != UInt64(index) || slot.byte(100) != 1 { Issue.record("slot \(index) has \(value)") }
        }
        for slot in slots { pool.release(slot, wasEntered: true) }
        #expect(pool.statistics.live == 0 && pool.statistics.warm == count && pool.statistics.retired == 0)
        for index in stride(from: 0, to: count, by: 997) { #expect(pool.residue(in: slots[index]) == nil) }
    }

    @Test func withoutGuardMarkersThereAreFewerSlots() throws {
        let pool = try makeDense(DenseClass(slotCount: 20_000, spareSlots: 50), .discarding, marksGuards: false)
        #expect(pool.slotCount == 8192 && pool.statistics.slots == 8192)
    }

    @Test(arguments: [MAYFLY_CALL_MMAP, MAYFLY_CALL_MPROTECT, MAYFLY_CALL_MADVISE])
    func aChunkThatCannotBeOpenedLeavesNothingBehind(kind: Int) throws {
        let before = try mappings()
        for after in 0..<6 {
            // Fails until the chunk is a single slot, and that too.
            fail(kind, after: after, times: 1000)
            let pool = try? makeDense(DenseClass(slotCount: 64), .discarding)
            fail(kind, times: 0)
            guard let pool else { continue }
            let slot = try pool.acquire(try makeImage())
            pool.release(slot, wasEntered: true)
            #expect(pool.residue(in: slot) == nil)
        }
        #expect(try mappings() - before < 100)
    }

    @Test(arguments: PoolPolicies.dense)
    func aSlabThatWasLockedFromTheBeginningHasCleanSlots(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            // What the kernel offers is found out once, without locked memory.
            _ = KernelFeatures.current
            guard mlockall(MCL_FUTURE) == 0 else { return }
            // Markers cannot be set in locked memory.
            let pool = try Pool(
                DenseClass(maximumMemoryBytes: 4 << 16, slotCount: 2),
                PoolConfiguration(resetPolicy: policies.reset, idleTime: nil, exhaustionWait: .zero), marksGuards: false
            )
            let image = try makeImage(pages: 1, segments: [segment(4096, [1, 2])])
            for round in 0..<6 {
                let slot = try pool.acquire(image)
                #expect(slot.byte(4096) == 1 && slot.byte(100) == 0, "round \(round)")
                let use = slot.noting { slot in
                    // All pages are there: nothing of this is a fault.
                    slot.setByte(100, 0xEE)
                    #expect(pool.grow(slot, by: 3) == 1)
                    slot.setByte(3 * wasmPage, 0xEE)
                }
                pool.release(slot, after: use)
                #expect(pool.residue(in: slot) == nil, "round \(round)")
            }
        }
    }

    @Test func classesThatCannotWorkAreRefused() {
        func refuses(_ change: (inout DenseClass) -> Void) -> Bool {
            var dense = DenseClass(slotCount: 4)
            change(&dense)
            return (try? makeDense(dense, .discarding)) == nil
        }
        #expect(!refuses { _ in })
        #expect(refuses { $0.maximumMemoryBytes = 0 })
        #expect(refuses { $0.maximumMemoryBytes = 65_535 })
        #expect(refuses { $0.maximumMemoryBytes = 100_000 })
        #expect(refuses { $0.maximumMemoryBytes = 16 << 20 + 65_536 })
        #expect(!refuses { $0.maximumMemoryBytes = 16 << 20 })
        #expect(refuses { $0.slotCount = 0 })
        #expect(refuses { $0.spareSlots = -1 })
        #expect(refuses { $0.stackBytes = 4096 })
        #expect(refuses { $0.contextBytes = 100 })
        #expect(refuses { $0.tableElements = -1 })
        #expect(!refuses { $0.tableElements = 0 })
    }
}
