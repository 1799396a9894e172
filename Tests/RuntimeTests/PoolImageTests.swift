//! An acquired slot shows exactly what the image describes.

import CPlatform
import Compiler
import Glibc
import Runtime
import Testing

@Suite struct PoolImageTests {
    @Test(arguments: PoolPolicies.resets)
    func segmentsAppearAtTheirOffsetsAndTheRestIsZero(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 3, segments: [segment(1000, [1, 2, 3]), segment(2 * wasmPage + 7, [9])])
        let slot = try pool.acquire(image)
        #expect(slot.memoryLength == 3 * wasmPage)
        let expected: [Int: UInt8] = [1000: 1, 1001: 2, 1002: 3, 2 * wasmPage + 7: 9]
        for offset in 0..<3 * wasmPage where slot.byte(offset) != expected[offset] ?? 0 {
            Issue.record("byte \(offset) is \(slot.byte(offset))")
        }
        #expect(pool.residue(in: slot) == nil)
        pool.release(slot, wasEntered: false)
    }

    @Test(arguments: PoolPolicies.resets)
    func laterSegmentsWinWhereTheyOverlap(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(
            segments: [segment(0, [1, 1, 1, 1, 1, 1]), segment(2, [0, 2, 0]), segment(3, [3])])
        let slot = try pool.acquire(image)
        #expect((0..<7).map(slot.byte) == [1, 1, 0, 3, 0, 1, 0])
        pool.release(slot, wasEntered: false)
    }

    @Test(arguments: PoolPolicies.resets)
    func theContextIsReadyForTheGuest(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let elements: [UInt64] = [5, 0, 7]
        let image = try makeImage(pages: 2, tables: [Table(elements: elements)], globals: 3)
        let slot = try pool.acquire(image)
        let layout = image.layout
        #expect(slot.isFresh)
        #expect(slot.contextWord(VMContextLayout.memoryBase) == UInt64(UInt(bitPattern: slot.memoryBase)))
        #expect(slot.contextWord(VMContextLayout.memoryLength) == UInt64(2 * wasmPage))
        #expect(slot.contextWord(VMContextLayout.stackLimit) == UInt64(UInt(bitPattern: slot.stackLimit)))
        let stackPointer = slot.contextWord(VMContextLayout.guestStackPointer)
        #expect(stackPointer == UInt64(UInt(bitPattern: slot.initialStackPointer)))
        #expect(stackPointer % 16 == 0)
        #expect(slot.context.load(fromByteOffset: layout.signature(1), as: UInt32.self) == 101)
        #expect(slot.contextWord(layout.global(2)) == 0x0303_0303_0303_0303)
        #expect(Array(slot.table(0, of: image)) == elements)
        pool.release(slot, wasEntered: false)
    }

    @Test func aGuestHasTheReserveBelowItsStackLimit() throws {
        let pool = try makePool()
        let slot = try pool.acquire(try makeImage())
        let reserve = Int(mayfly_minimum_signal_stack()) + (16 << 10)
        #expect(isWritable(slot.stackLimit - reserve))
        #expect(slot.stackTop - slot.stackLimit + reserve <= 256 << 10)
        pool.release(slot, wasEntered: true)
    }

    @Test(arguments: PoolPolicies.all)
    func aMemoryOfNoPagesAndAModuleWithoutMemoryWork(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        for image in [try makeImage(pages: 0), try makeImage(pages: nil)] {
            let slot = try pool.acquire(image)
            #expect(slot.memoryLength == 0)
            if !policies.isDense { #expect(!isReadable(slot.memoryBase)) }
            pool.release(slot, wasEntered: true)
            #expect(pool.residue(in: slot) == nil)
        }
    }

    @Test(arguments: PoolPolicies.resets)
    func immutableTablesAreSharedAndMutableOnesAreNot(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let image = try makeImage(tables: [Table(elements: [1, 2], isImmutable: true), Table(elements: [3, 4])])
        let (first, second) = (try pool.acquire(image), try pool.acquire(image))
        #expect(first.table(0, of: image).baseAddress == second.table(0, of: image).baseAddress)
        #expect(first.table(1, of: image).baseAddress != second.table(1, of: image).baseAddress)
        first.table(1, of: image)[0] = 99
        #expect(Array(second.table(1, of: image)) == [3, 4])
        #expect(Array(second.table(0, of: image)) == [1, 2])
        pool.release(first, wasEntered: true)
        pool.release(second, wasEntered: true)
        #expect(pool.residue(in: first) == nil)
    }

    @Test(arguments: PoolPolicies.guardedResets)
    func scatteredSegmentsAreThereInEveryStamping(_ policies: PoolPolicies) throws {
        // 64 bytes, each 16 MiB from the next: more places than an image maps.
        let segments = (0..<64).map { segment($0 << 24 + 5, [UInt8($0 + 1)]) }
        let image = try makeImage(pages: 16384, segments: segments)
        let pool = try makePool(policies)
        for _ in 0..<3 {
            let slot = try pool.acquire(image)
            for index in 0..<64 { #expect(slot.byte(index << 24 + 5) == UInt8(index + 1)) }
            #expect(slot.byte(6) == 0)
            for index in 0..<64 { slot.setByte(index << 24 + 5, 0xEE) }
            slot.setByte(1 << 25, 0xEE)
            pool.release(slot, wasEntered: true)
        }
    }

    @Test(arguments: PoolPolicies.guardedResets, [(68, 64), (69, 0)])
    func aStampingCopiesToNoMoreThan64Pages(_ policies: PoolPolicies, _ expectation: (segments: Int, pages: Int)) throws
    {
        let (count, pages) = expectation
        // Four of the places are mapped, and the rest are copied as long as they are few.
        let segments = (0..<count).map { segment($0 << 24 + 5, [UInt8($0 + 1)]) }
        let image = try makeImage(pages: 32768, segments: segments)
        let pool = try makePool(policies)
        for round in 0..<2 {
            let slot = try pool.acquire(image)
            if let found = privatePages(of: slot, below: slot.memoryLength) {
                // Where pages are kept, those that the run below writes to are there the second time.
                #expect(found == (round > 0 && policies.reset != .discard ? count : pages))
            }
            for index in 0..<count where slot.byte(index << 24 + 5) != UInt8(index + 1) {
                Issue.record("byte \(index) is missing")
            }
            for index in 0..<count { slot.setByte(index << 24 + 5, 0xEE) }
            pool.release(slot, wasEntered: true)
        }
    }

    @Test(arguments: PoolPolicies.guardedResets)
    func tenThousandScatteredSegmentsCostAStampingNoCopies(_ policies: PoolPolicies) throws {
        let (count, distance) = (10_000, 12_289)
        // Some overlap their predecessor's second byte: the later one wins in a file with holes too.
        var segments = (0..<count).map { segment($0 * distance, [UInt8($0 & 127 + 1), 7]) }
        segments.append(segment(distance + 1, [0, 9]))
        let image = try makeImage(pages: 1876, segments: segments)
        let pool = try makePool(policies)
        for round in 0..<3 {
            let slot = try pool.acquire(image)
            // Behind the run, pages that the comparison below only read count as the slot's own.
            if let found = privatePages(of: slot, below: (count - 1) * distance) {
                // Where pages are kept, those that the run below writes to are there from the second time on.
                #expect(found == (round > 0 && policies.reset != .discard ? count - 1 : 0), "round \(round)")
            }
            var wrong = 0
            for index in 0..<count {
                let second: UInt8 = index == 1 ? 0 : 7
                if slot.byte(index * distance) != UInt8(index & 127 + 1) || slot.byte(index * distance + 1) != second
                    || slot.byte(index * distance + 3) != 0
                {
                    wrong += 1
                }
            }
            #expect(wrong == 0)
            #expect(slot.byte(distance + 2) == 9)
            for index in 0..<count { slot.setByte(index * distance + 1, 0xEE) }
            slot.setByte(1876 * wasmPage - 1, 0xEE)
            pool.release(slot, wasEntered: true)
            if round == 2 { #expect(pool.residue(in: slot) == nil) }
        }
    }

    /// Pages of the slot's memory, up to an offset, that are its own; nil if the kernel does not say.
    private func privatePages(of slot: Slot, below offset: Int) -> Int? {
        var count = 0
        let end = UnsafeRawPointer(slot.memoryBase) + offset
        var next = UnsafeRawPointer(slot.memoryBase)
        while next < end {
            var found: UnsafeRawPointer?
            guard mayfly_find_private_page(next, end - next, &found) == 0 else { return nil }
            guard let found else { break }
            count += 1
            next = found + 4096
        }
        return count
    }

    @Test(arguments: PoolPolicies.guardedResets)
    func outliersAreThereAfterAnUntouchedReleaseToo(_ policies: PoolPolicies) throws {
        let segments = (0..<6).map { segment($0 * (20 << 20), [UInt8($0 + 1), 7]) }
        let image = try makeImage(pages: 2048, segments: segments)
        let pool = try makePool(policies)
        for round in 0..<6 {
            let slot = try pool.acquire(image)
            if round > 3 { #expect(pool.residue(in: slot) == nil) }
            for index in 0..<6 { #expect(slot.byte(index * (20 << 20)) == UInt8(index + 1)) }
            if round % 2 == 0 { slot.setByte(5 * (20 << 20), 0xEE) }
            pool.release(slot, wasEntered: round % 2 == 0)
        }
    }

    @Test(arguments: PoolPolicies.resets, 0..<7 as Range<UInt64>)
    func everyPlacementOfSegmentsGivesTheSameMemoryAsWritingThemInOrder(
        _ policies: PoolPolicies, seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        let pages = policies.pages([1, 16, 400, 600].randomElement(using: &random)!)
        let size = pages * wasmPage
        var segments: [Segment] = []
        var expected = [UInt8](repeating: 0, count: size)
        for _ in 0..<Int.random(in: 0...24, using: &random) {
            let count = min(size, [0, 1, 3, 5000, 70000].randomElement(using: &random)!)
            // Often near a page's edge, often near another segment.
            var offset = Int.random(in: 0...(size - count), using: &random)
            if Bool.random(using: &random) { offset = max(0, min(size - count, offset & ~4095 - 2)) }
            if Bool.random(using: &random), let last = segments.last {
                offset = min(size - count, Int(last.offset) + 1)
            }
            let fill: UInt8 = Bool.random(using: &random) ? 0 : .random(in: 1...255, using: &random)
            var bytes = [UInt8](repeating: fill, count: count)
            if count > 2 { bytes[count / 2] = 0xAB }
            segments.append(segment(offset, bytes))
            expected.replaceSubrange(offset..<offset + count, with: bytes)
        }
        let pool = try makePool(policies)
        let image = try makeImage(pages: pages, segments: segments)
        for round in 0..<3 {
            let slot = try pool.acquire(image)
            #expect(memcmp(slot.memoryBase, expected, size) == 0, "seed \(seed), round \(round)")
            pool.release(
                slot,
                after: slot.noting { slot in
                    for _ in 0..<20 { slot.setByte(Int.random(in: 0..<size, using: &random), 0xEE) }
                    for segment in segments where segment.offset < size { slot.setByte(Int(segment.offset), 0xEE) }
                })
        }
    }

    @Test func imagesThatContradictThemselvesAreRefused() throws {
        #expect(throws: PoolError.self) { try makeImage(pages: 1, segments: [segment(wasmPage - 1, [1, 2])]) }
        #expect(throws: PoolError.self) { try makeImage(pages: 2, maximumPages: 1) }
        #expect(throws: PoolError.self) { try makeImage(tables: [Table(elements: [1, 2], maximum: 1)]) }
        #expect(throws: PoolError.self) { try makeImage(pages: 65_537) }
        let layout = VMContextLayout(typeCount: 0, tableCount: 0, memoryCount: 1, globalCount: 1)
        let memory = Memory(initialBytes: 0)
        #expect(throws: PoolError.self) {
            try InstanceImage(layout: layout, memory: memory, context: [], tables: [])
        }
        #expect(throws: PoolError.self) {
            try InstanceImage(layout: layout, memory: nil, context: [UInt8](repeating: 0, count: 16), tables: [])
        }
        let overflowing = Segment(offset: .max, bytes: [1])
        #expect(throws: PoolError.self) {
            try InstanceImage(
                layout: layout, memory: Memory(initialBytes: 65_536, segments: [overflowing]),
                context: [UInt8](repeating: 0, count: 16), tables: [])
        }
    }

    @Test func imagesTooLargeForThePoolAreRefusedBeforeTheyCostASlot() throws {
        let pool = try makePool(maximumMemoryBytes: 4 << 20, tableElements: 10)
        #expect(throws: PoolError.memoryTooLarge(requested: 65 * 65_536, limit: 4 << 20)) {
            try pool.acquire(try makeImage(pages: 65))
        }
        #expect(throws: PoolError.tableTooLarge(requested: 11, limit: 10)) {
            try pool.acquire(try makeImage(tables: [Table(elements: Array(repeating: 1, count: 11))]))
        }
        let large = try makeImage(globals: 5000)
        #expect(throws: PoolError.contextTooLarge(requested: large.layout.size, limit: 64 << 10)) {
            try pool.acquire(large)
        }
        // A table nobody writes lies outside the slot.
        let shared = try makeImage(tables: [Table(elements: Array(repeating: 1, count: 11), isImmutable: true)])
        let slot = try pool.acquire(shared)
        #expect(pool.statistics.live == 1)
        pool.release(slot, wasEntered: false)
    }

    @Test func aPoolThatMayKeepNothingDiscards() throws {
        for policies in PoolPolicies.resets {
            #expect(try makePool(policies, warmBytes: 0).statistics.resetPolicy == .discard)
            #expect(try makePool(policies, warmBytes: 1).statistics.resetPolicy == policies.reset)
        }
    }

    @Test(arguments: PoolPolicies.all)
    func anImageServesPoolsOfDifferentPoliciesAtOnce(_ policies: PoolPolicies) throws {
        // Whether few pages are copied is decided by the first pool that needs the image.
        let image = try makeImage(pages: 3, maximumPages: 9, segments: [segment(5000, [1]), segment(100_000, [2])])
        let pools = try [policies].map { try makePool($0) } + PoolPolicies.all.map { try makePool($0) }
        for round in 0..<3 {
            for pool in pools {
                let slot = try pool.acquire(image)
                #expect(slot.byte(5000) == 1 && slot.byte(100_000) == 2 && slot.byte(5001) == 0)
                pool.release(
                    slot,
                    after: slot.noting { slot in
                        for offset in [5000, 5001, 100_000, 120_000] { slot.setByte(offset, 0xEE) }
                        _ = pool.grow(slot, by: 5)
                        slot.setByte(slot.memoryLength - 1, 0xEE)
                    })
                #expect(pool.residue(in: slot) == nil, "round \(round)")
            }
            // The image goes, and is made anew by whoever needs it next.
            if round == 1 { for pool in pools { pool.trim() } }
        }
    }

    @Test func configurationsThatCannotWorkAreRefused() {
        #expect(throws: PoolError.self) { try Pool(PoolConfiguration(slotCount: 0)) }
        #expect(throws: PoolError.self) { try Pool(PoolConfiguration(maximumMemoryBytes: 4 << 30 + 1)) }
        #expect(throws: PoolError.self) { try Pool(PoolConfiguration(stackBytes: 4096)) }
        #expect(throws: PoolError.self) { try Pool(PoolConfiguration(contextBytes: .max)) }
        #expect(throws: PoolError.self) { try Pool(PoolConfiguration(tableElements: -1)) }
        #expect(throws: PoolError.self) { try Pool(PoolConfiguration(slotsPerTemplate: 0)) }
    }
}
