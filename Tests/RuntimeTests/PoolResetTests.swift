//! After every release the whole slot equals its image, whatever was done in it.

import CPlatform
import Compiler
import Glibc
import Testing

@testable import Runtime

@Suite struct PoolResetTests {
    @Test(arguments: PoolPolicies.all, 0..<3 as Range<UInt64>)
    func nothingIsLeftOfARunWhateverItWrote(_ policies: PoolPolicies, seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pool = try makePool(policies)
        let image = try makeImage(
            pages: 20, maximumPages: 60,
            segments: [segment(5000, Array(repeating: 3, count: 50_000)), segment(900_000, [8])],
            tables: [
                Table(elements: (0..<700).map { UInt64($0) }), Table(elements: [7], isImmutable: true),
                Table(elements: [0, 0, 0], maximum: 100),
            ], globals: 40)
        for _ in 0..<8 {
            let slot = try pool.acquire(image)
            #expect(pool.residue(in: slot) == nil, "seed \(seed)")
            let use = slot.noting { slot in
                slot.vandalize(image, using: &random)
                if Bool.random(using: &random) {
                    #expect(pool.grow(slot, by: UInt64.random(in: 1...20, using: &random)) == 20)
                    slot.vandalize(image, using: &random)
                }
                if Bool.random(using: &random) {
                    #expect(pool.growTable(slot, table: 2, by: 50, fill: 77) == 3)
                    slot.vandalize(image, using: &random)
                }
            }
            pool.release(slot, after: Bool.random(using: &random) ? use : .unknown)
            #expect(pool.residue(in: slot) == nil, "seed \(seed)")
        }
        #expect(pool.statistics.failedResets == 0)
        #expect(pool.statistics.remaps == 0)
    }

    @Test(arguments: PoolPolicies.all, 0..<2 as Range<UInt64>)
    func slotsThatChangeImageKeepNothingOfTheFormerOne(_ policies: PoolPolicies, seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pool = try makePool(policies)
        let images = try ImageZoo(for: policies).all
        for _ in 0..<12 {
            let image = images.randomElement(using: &random)!
            let slot = try pool.acquire(image)
            #expect(pool.residue(in: slot) == nil, "seed \(seed)")
            let wasEntered = Bool.random(using: &random)
            var use = SlotUse()
            if wasEntered {
                use = slot.noting { slot in
                    _ = pool.grow(slot, by: UInt64.random(in: 0...50, using: &random))
                    for table in 0..<image.layout.tableCount {
                        _ = pool.growTable(slot, table: table, by: 90, fill: random.next())
                    }
                    slot.vandalize(image, using: &random)
                }
            }
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil, "seed \(seed)")
        }
        #expect(pool.statistics.failedResets == 0)
        #expect(pool.statistics.retired == 0)
    }

    @Test(arguments: PoolPolicies.all)
    func everyImageFollowsEveryOtherInASlot(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let images = try ImageZoo(for: policies).all
        var random = SplitMix64(seed: 7)
        for former in images {
            for image in images where image !== former {
                for tenant in [former, image] {
                    let slot = try pool.acquire(tenant)
                    pool.release(
                        slot,
                        after: slot.noting { slot in
                            slot.vandalize(tenant, using: &random)
                            _ = pool.grow(slot, by: 3)
                            slot.vandalize(tenant, using: &random)
                        })
                }
                let slot = try pool.acquire(image)
                #expect(
                    pool.residue(in: slot) == nil,
                    "\(index(of: image, in: images)) after \(index(of: former, in: images))")
                pool.release(slot, after: SlotUse())
            }
        }
        #expect(pool.statistics.failedResets == 0)
    }

    private func index(of image: InstanceImage, in images: [InstanceImage]) -> Int {
        images.firstIndex { $0 === image }!
    }

    @Test(arguments: PoolPolicies.all)
    func whatTheKernelWroteIsResetToo(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 4, segments: [segment(0, Array(repeating: 1, count: 50_000))])
        // A page of the image, one of none, one that nobody has touched; then those that are there from the time before.
        for round in 0..<6 {
            let offsets = [8192, 70_000, (40 + round) * 4096]
            for isNoted in [true, false] {
                let slot = try pool.acquire(image)
                let use = slot.noting { slot in
                    for offset in offsets { #expect(isWritable(slot.memoryBase + offset, value: 0xEE)) }
                }
                pool.release(slot, after: isNoted ? use : .unknown)
                #expect(pool.residue(in: slot) == nil, "round \(round)")
            }
        }
    }

    @Test(arguments: PoolPolicies.all)
    func aRunThatGrewAndOneThatDidNotFollowEachOther(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(
            pages: 2, maximumPages: 64, segments: [segment(100, [1, 2])], tables: [Table(elements: [5], maximum: 2000)])
        for (round, growth) in [0, 60, 1, 0, 62, 3, 0, 0, 62].enumerated() {
            let slot = try pool.acquire(image)
            let use = slot.noting { slot in
                #expect(slot.memoryLength == 2 * wasmPage)
                if growth > 0 {
                    #expect(pool.grow(slot, by: UInt64(growth)) == 2)
                    #expect(pool.growTable(slot, table: 0, by: UInt64(growth * 30), fill: 3) == 1)
                }
                for page in 0..<slot.memoryLength / 4096 {
                    if page > 0 { #expect(slot.byte(page * 4096 + 7) == 0) }
                    slot.setByte(page * 4096 + 7, 0xEE)
                }
            }
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil, "round \(round)")
        }
        #expect(pool.statistics.failedResets == 0)
    }

    @Test(arguments: PoolPolicies.all)
    func aMemoryThatGrewUntilItWasRefusedIsReset(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, maximumMemoryBytes: 40 << 20)
        let image = try makeImage(pages: 1, segments: [segment(3, [3])])
        for round in 0..<3 {
            let slot = try pool.acquire(image)
            let use = slot.noting { slot in
                var pages = 1
                while pool.grow(slot, by: 7) != nil {
                    pages += 7
                    slot.setByte(pages * wasmPage - 1, 0xEE)
                }
                let (most, left) = policies.isDense ? (253, 3) : (638, 2)
                #expect(pages == most)
                #expect(pool.grow(slot, by: UInt64(left + 1)) == nil)
                #expect(pool.grow(slot, by: UInt64(left)) == UInt64(most))
                if !policies.isDense { #expect(!isReadable(slot.memoryBase + 40 << 20)) }
            }
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil, "round \(round)")
        }
    }

    @Test(arguments: PoolPolicies.all)
    func residueNoticesWhatAResetWouldMiss(_ policies: PoolPolicies) throws {
        // Where pages are kept, one that the pool does not know is the first thing to be noticed.
        let memory =
            policies.reset == .discard
            ? "memory" : "the page at memory offset 0 is the slot's own, and the pool does not"
        // Each change is one that `wasEntered: false` wrongly denies.
        let changes: [(String, (Slot, InstanceImage, Pool) -> Void)] = [
            (memory, { slot, _, _ in slot.setByte(123, 1) }),
            (
                "context",
                { slot, image, _ in
                    slot.context.storeBytes(of: 7, toByteOffset: image.layout.global(1), as: UInt64.self)
                }
            ),
            (
                "context",
                { slot, _, _ in slot.context.storeBytes(of: 7, toByteOffset: VMContextLayout.request, as: UInt64.self) }
            ),
            ("tables", { slot, image, _ in slot.table(0, of: image)[1] = 5 }),
            ("tables", { slot, image, _ in slot.table(0, of: image).baseAddress![50] = 5 }),
            (
                "guard below",
                { slot, _, pool in mprotect(pool.records[Int(slot.index)].stackBase - 4096, 4096, PROT_READ) }
            ),
        ]
        let ofDense: [(String, (Slot, InstanceImage, Pool) -> Void)] = [
            // MADV_GUARD_REMOVE
            ("the guard at", { slot, _, pool in madvise(pool.records[Int(slot.index)].stackBase - 4096, 4096, 103) }),
            ("memory:", { slot, _, _ in mprotect(slot.memoryBase + wasmPage, 4096, PROT_NONE) }),
            ("a page is left at memory offset 131072", { slot, _, _ in slot.setByte(2 * wasmPage, 1) }),
            ("a page is left at memory offset 16773120", { slot, _, _ in slot.setByte(16 << 20 - 1, 1) }),
        ]
        let ofGuarded: [(String, (Slot, InstanceImage, Pool) -> Void)] = [
            ("memory beyond", { slot, _, _ in mprotect(slot.memoryBase + wasmPage, 4096, PROT_READ | PROT_WRITE) }),
            ("guard in front", { slot, _, _ in mprotect(slot.memoryBase - 4096, 4096, PROT_READ | PROT_WRITE) }),
            (
                "a page is left at memory offset 131072",
                { slot, _, _ in
                    mprotect(slot.memoryBase + 2 * wasmPage, 4096, PROT_READ | PROT_WRITE)
                    slot.setByte(2 * wasmPage, 1)
                    mprotect(slot.memoryBase + 2 * wasmPage, 4096, PROT_NONE)
                }
            ),
        ]
        for (name, change) in changes + (policies.isDense ? ofDense : ofGuarded) {
            if name == "the guard at", !KernelFeatures.current.marksGuards { continue }
            let pool = try makePool(policies)
            let image = try makeImage(maximumPages: 1, tables: [Table(elements: [1, 2], maximum: 100)])
            let slot = try pool.acquire(image)
            change(slot, image, pool)
            pool.release(slot, wasEntered: false)
            let residue = pool.residue(in: slot)
            #expect(residue?.hasPrefix(name) == true, "\(residue ?? "nothing") for a change of \(name)")
        }
    }

    @Test(arguments: PoolPolicies.resets)
    func headerFieldsOfTheUserSurviveUntilTheImageChanges(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let (image, other) = (try makeImage(), try makeImage(pages: 2))
        let fields = [
            VMContextLayout.functionRecords, VMContextLayout.hostDispatch, VMContextLayout.runtimeDispatch,
            VMContextLayout.hostData, VMContextLayout.exitStub, VMContextLayout.reserved,
        ]
        var slot = try pool.acquire(image)
        for field in fields { slot.context.storeBytes(of: UInt64(field + 1), toByteOffset: field, as: UInt64.self) }
        pool.release(slot, wasEntered: true)
        #expect(pool.residue(in: slot) == nil)
        slot = try pool.acquire(image)
        #expect(!slot.isFresh)
        for field in fields { #expect(slot.contextWord(field) == UInt64(field + 1)) }
        slot.context.storeBytes(of: 0xBAD, toByteOffset: VMContextLayout.exitStub, as: UInt64.self)
        pool.release(slot, wasEntered: true)
        #expect(pool.residue(in: slot)?.contains("exit stub") == true)
        slot = try pool.acquire(other)
        #expect(slot.isFresh)
        for field in fields { #expect(slot.contextWord(field) == 0) }
        pool.release(slot, wasEntered: false)
    }

    @Test(arguments: PoolPolicies.all)
    func anUntouchedSlotCostsNoSystemCall(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let image = try makeImage(
            pages: 17, segments: [segment(100, [1, 2, 3])], tables: [Table(elements: [1, 2, 3])])
        pool.release(try pool.acquire(image), after: SlotUse())
        let before = callCounts()
        let readings = mayfly_test_reading_count()
        for _ in 0..<100 { pool.release(try pool.acquire(image), after: SlotUse()) }
        #expect(callCounts() == before)
        #expect(mayfly_test_reading_count() == readings)
    }

    @Test(arguments: [(PoolPolicies.discarding, MAYFLY_CALL_MADVISE), (.scanning, MAYFLY_CALL_SCAN)])
    func aResetWithoutGrowthIsOneSystemCall(_ policies: PoolPolicies, kind: Int) throws {
        guard PoolPolicies.all.contains(policies) else { return }
        let pool = try makePool(policies)
        let image = try makeImage(
            pages: 17, segments: [segment(100, [1, 2, 3])], tables: [Table(elements: [1, 2, 3])])
        for _ in 0..<3 {
            let slot = try pool.acquire(image)
            let before = callCounts()
            slot.setByte(5, 5)
            slot.setByte(90_000, 5)
            pool.release(slot, wasEntered: true)
            var expected = before
            expected[kind] += 1
            #expect(callCounts() == expected)
        }
    }

    @Test(arguments: PoolPolicies.resets)
    func deepStacksDoNotStayResident(_ policies: PoolPolicies) throws {
        let pool = try Pool(PoolConfiguration(slotCount: 1, resetPolicy: policies.reset, idleTime: nil))
        let image = try makeImage()
        let slot = try pool.acquire(image)
        let depth = slot.stackTop - slot.stackLimit
        // The pool does not look every time.
        for round in 0..<8 {
            let again = try round == 0 ? slot : pool.acquire(image)
            memset(again.stackLimit, 0xEE, depth)
            pool.release(again, wasEntered: true)
        }
        var resident = [UInt8](repeating: 0, count: depth / 4096)
        #expect(mincore(slot.stackTop - depth / 4096 * 4096, depth / 4096 * 4096, &resident) == 0)
        #expect(resident.count { $0 & 1 != 0 } <= 17)
    }

    private func callCounts() -> [UInt64] { (0..<Int32(MAYFLY_CALL_KINDS)).map { mayfly_test_call_count($0) } }
}
