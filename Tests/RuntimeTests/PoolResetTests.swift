//! After every release the whole slot equals its image, whatever was done in it.

import CPlatform
import Compiler
import Glibc
import Runtime
import Testing

@Suite struct PoolResetTests {
    @Test(arguments: 0..<12 as Range<UInt64>)
    func nothingIsLeftOfARunWhateverItWrote(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pool = try makePool()
        let image = try makeImage(
            pages: 20, maximumPages: 60,
            segments: [segment(5000, Array(repeating: 3, count: 20_000)), segment(900_000, [8])],
            tables: [
                Table(elements: (0..<700).map { UInt64($0) }), Table(elements: [7], isImmutable: true),
                Table(elements: [0, 0, 0], maximum: 100),
            ], globals: 40)
        for _ in 0..<8 {
            let slot = try pool.acquire(image)
            #expect(pool.residue(in: slot) == nil, "seed \(seed)")
            slot.vandalize(image, using: &random)
            if Bool.random(using: &random) {
                #expect(pool.grow(slot, memory: 0, by: UInt64.random(in: 1...20, using: &random)) == 20)
                slot.vandalize(image, using: &random)
            }
            if Bool.random(using: &random) {
                #expect(pool.growTable(slot, table: 2, by: 50, fill: 77) == 3)
                slot.vandalize(image, using: &random)
            }
            pool.release(slot, wasEntered: true)
            #expect(pool.residue(in: slot) == nil, "seed \(seed)")
        }
        #expect(pool.statistics.failedResets == 0)
        #expect(pool.statistics.remaps == 0)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func slotsThatChangeImageKeepNothingOfTheFormerOne(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pool = try makePool()
        let data = [UInt8](repeating: 0x55, count: 100_000)
        let sparse = (0..<6).map { segment($0 * (20 << 20) + 4094, [1, 2, 3, 4]) }
        let images = [
            try makeImage(
                pages: 4, segments: [segment(0, data)], tables: [Table(elements: Array(repeating: 9, count: 900))]),
            try makeImage(pages: 4, globals: 0),
            try makeImage(pages: 40, segments: [segment(wasmPage * 30, data)], globals: 200),
            try makeImage(pages: 1, segments: [segment(10, [1])]),
            try makeImage(pages: 0),
            try makeImage(pages: nil, tables: [Table(elements: Array(repeating: 4, count: 4000))]),
            try makeImage(pages: 2048, segments: sparse),
        ]
        for _ in 0..<16 {
            let image = images.randomElement(using: &random)!
            let slot = try pool.acquire(image)
            #expect(pool.residue(in: slot) == nil, "seed \(seed)")
            let wasEntered = Bool.random(using: &random)
            if wasEntered {
                _ = pool.grow(slot, memory: 0, by: UInt64.random(in: 0...50, using: &random))
                for table in 0..<image.layout.tableCount {
                    _ = pool.growTable(slot, table: table, by: 90, fill: random.next())
                }
                slot.vandalize(image, using: &random)
            }
            pool.release(slot, wasEntered: wasEntered)
            #expect(pool.residue(in: slot) == nil, "seed \(seed)")
        }
    }

    @Test func kernelWritesAreResetToo() throws {
        let pool = try makePool()
        let image = try makeImage(pages: 2, segments: [segment(0, [1])])
        let slot = try pool.acquire(image)
        #expect(isWritable(slot.memoryBase, value: 0xEE))
        #expect(isWritable(slot.memoryBase + 70_000, value: 0xEE))
        pool.release(slot, wasEntered: true)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test func residueNoticesWhatAResetWouldMiss() throws {
        // Each change is one that `wasEntered: false` wrongly denies.
        let changes: [(String, (Slot, InstanceImage, Pool) -> Void)] = [
            ("memory", { slot, _, _ in slot.setByte(123, 1) }),
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
            ("guard below", { slot, _, _ in mprotect(slot.stackTop - (256 << 10) - 4096, 4096, PROT_READ) }),
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
        for (name, change) in changes {
            let pool = try makePool()
            let image = try makeImage(tables: [Table(elements: [1, 2], maximum: 100)])
            let slot = try pool.acquire(image)
            change(slot, image, pool)
            pool.release(slot, wasEntered: false)
            let residue = pool.residue(in: slot)
            #expect(residue?.hasPrefix(name) == true, "\(residue ?? "nothing") for a change of \(name)")
        }
    }

    @Test func headerFieldsOfTheUserSurviveUntilTheImageChanges() throws {
        let pool = try makePool()
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

    @Test func anUntouchedSlotCostsNoSystemCall() throws {
        let pool = try makePool(slots: 2)
        let image = try makeImage(
            pages: 17, segments: [segment(100, [1, 2, 3])], tables: [Table(elements: [1, 2, 3])])
        pool.release(try pool.acquire(image), wasEntered: false)
        let before = callCounts()
        for _ in 0..<100 { pool.release(try pool.acquire(image), wasEntered: false) }
        #expect(callCounts() == before)
    }

    @Test func aResetWithoutGrowthIsOneSystemCall() throws {
        let pool = try makePool()
        let image = try makeImage(
            pages: 17, segments: [segment(100, [1, 2, 3])], tables: [Table(elements: [1, 2, 3])])
        let slot = try pool.acquire(image)
        let before = callCounts()
        slot.setByte(5, 5)
        pool.release(slot, wasEntered: true)
        var expected = before
        expected[Int(MAYFLY_CALL_MADVISE)] += 1
        #expect(callCounts() == expected)
    }

    @Test func deepStacksDoNotStayResident() throws {
        let pool = try Pool(PoolConfiguration(slotCount: 1))
        let image = try makeImage()
        let slot = try pool.acquire(image)
        let depth = slot.stackTop - slot.stackLimit
        memset(slot.stackLimit, 0xEE, depth)
        pool.release(slot, wasEntered: true)
        var resident = [UInt8](repeating: 0, count: depth / 4096)
        #expect(mincore(slot.stackTop - depth / 4096 * 4096, depth / 4096 * 4096, &resident) == 0)
        #expect(resident.count { $0 & 1 != 0 } <= 17)
    }

    private func callCounts() -> [UInt64] { (0..<Int32(MAYFLY_CALL_KINDS)).map { mayfly_test_call_count($0) } }
}
