//! The files behind images: made when they are needed, once, and shared by images that are alike.

import CPlatform
import Runtime
import Synchronization
import Testing

// One after the other: two cases with the same data at once would share its file.
@Suite(.serialized) struct PoolSharedImageTests {
    /// More pages than are copied, so that there is a file. `mark` tells images apart.
    private func mapped(_ mark: UInt8) -> [Segment] { [segment(4096, [UInt8](repeating: mark, count: 60_000))] }

    private func filesMade(_ body: () throws -> Void) throws -> UInt64 {
        let before = mayfly_test_call_count(Int32(MAYFLY_CALL_MEMFD))
        try body()
        return mayfly_test_call_count(Int32(MAYFLY_CALL_MEMFD)) - before
    }

    @Test(arguments: PoolPolicies.resets)
    func aFileIsMadeWhenTheFirstSlotNeedsItAndNotBefore(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        var images: [InstanceImage] = []
        var made = try filesMade { images.append(try makeImage(segments: mapped(101))) }
        #expect(made == 0)
        for files: UInt64 in [1, 0] {
            made = try filesMade { try pool.run(images[0]) { #expect($0.byte(5000) == 101) } }
            #expect(made == files)
        }
    }

    @Test(arguments: PoolPolicies.resets)
    func imagesThatAreAlikeShareAFile(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 4)
        // The same data in memories and contexts that differ, and data that differs in its last byte.
        let first = try makeImage(pages: 1, segments: mapped(102))
        let second = try makeImage(pages: 2, maximumPages: 5, segments: mapped(102), globals: 9)
        var other = [UInt8](repeating: 102, count: 60_000)
        other[59_999] = 0
        let third = try makeImage(pages: 1, segments: [segment(4096, other)])
        var slots: [Slot] = []
        var made = try filesMade { slots.append(try pool.acquire(first)) }
        #expect(made == 1)
        made = try filesMade { slots.append(try pool.acquire(second)) }
        #expect(made == 0)
        slots[0].setByte(5000, 0xEE)
        #expect(slots[1].byte(5000) == 102)
        made = try filesMade { try pool.run(third) { #expect($0.byte(4096 + 59_999) == 0) } }
        #expect(made == 1)
        for slot in slots {
            pool.release(slot, wasEntered: true)
            #expect(pool.residue(in: slot) == nil)
        }
    }

    @Test func anImageThatNoSlotHoldsIsLetGoAndMadeAgain() throws {
        let pool = try makePool(.tracking)
        let image = try makeImage(segments: mapped(103))
        try pool.run(image) { $0.setByte(5000, 0xEE) }
        // Another image takes the only slot.
        try pool.run(try makeImage(pages: 3)) { $0.setByte(0, 1) }
        pool.trim()
        let made = try filesMade { try pool.run(image) { #expect($0.byte(5000) == 103) } }
        #expect(made == 1)
    }

    @Test func manyThreadsThatNeedAnImageFirstMakeOneFile() throws {
        for round in 0..<20 as Range<UInt8> {
            let pool = try makePool(.tracking, slots: 8)
            let image = try makeImage(segments: mapped(104 + round))
            let files = Atomic<UInt64>(0)
            let wrong = Tally()
            withThreads(8) { _ in
                let made = (try? filesMade { try pool.run(image) { if $0.byte(5000) != 104 + round { wrong.add() } } })
                files.wrappingAdd(made ?? 1000, ordering: .relaxed)
            }
            #expect(files.load(ordering: .relaxed) == 1)
            #expect(wrong.value == 0)
        }
    }

    @Test func imagesThatAreAlikeComeAndGoOnManyThreads() throws {
        let pool = try makePool(.tracking, slots: 8)
        let wrong = Tally()
        withThreads(8) { thread in
            for round in 0..<200 {
                let mark = UInt8(200 + (thread + round) % 3)
                guard let image = try? makeImage(segments: mapped(mark)) else { return wrong.add() }
                do { try pool.run(image) { if $0.byte(5000) != mark { wrong.add() } } } catch { wrong.add() }
            }
        }
        #expect(wrong.value == 0)
    }
}
