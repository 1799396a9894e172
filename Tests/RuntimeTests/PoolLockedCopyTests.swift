//! Slots in a process that locks its memory: mlockall(2) has the kernel fill pages in without a fault of a guest, which the pool has
//! to find out by searching. What copies do in between must not make it believe that it has.

import CPlatform
import Glibc
import Testing

@testable import Runtime

@Suite struct PoolLockedCopyTests {
    /// A scan that fails while a state is taken must not count as one that was made.
    @Test(arguments: PoolPolicies.trackings)
    func aFailedSearchForACopyIsNoSearch(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            _ = KernelFeatures.current
            guard mlockall(MCL_FUTURE) == 0 else { return }
            let pool: Pool
            if policies.isDense {
                pool = try Pool(
                    DenseClass(maximumMemoryBytes: 4 << 16, slotCount: 2),
                    PoolConfiguration(resetPolicy: policies.reset, idleTime: nil, exhaustionWait: .zero),
                    marksGuards: false)
            } else {
                pool = try makePool(policies, slots: 2)
            }
            let image = try makeImage(pages: 3, segments: [segment(4096, Array(repeating: 5, count: 100))])
            let other = try makeImage(pages: 2)
            func failing(_ slot: Slot, _ use: inout SlotUse) -> Bool {
                fail(MAYFLY_CALL_SCAN, times: 1)
                defer { fail(MAYFLY_CALL_SCAN, times: 0) }
                do { _ = try pool.state(of: slot, after: &use) } catch { return true }
                return false
            }
            // Once before, so that the way of the error has no faults of its own.
            for _ in 0..<3 {
                try pool.run(other) { slot in
                    var use = SlotUse.unknown
                    _ = failing(slot, &use)
                }
            }
            let slot = try pool.acquire(image)
            // The counter of faults is read between the mapping and the run.
            try pool.run(other) { $0.setByte(0, 1) }
            let now = mayfly_thread_read_faults()
            var use = SlotUse()
            use.note()
            slot.setByte(100_000, 0xEE)
            let hasFailed = failing(slot, &use)
            let hasMoved = mayfly_thread_read_faults() != now
            pool.release(slot, after: use)
            #expect(hasFailed && !hasMoved, "the test is none")
            let residue = pool.residue(in: slot)
            #expect(residue == nil, "\(residue ?? "")")
            for _ in 0..<2 {
                let next = try pool.acquire(image)
                #expect(next.byte(100_000) == 0, "another tenant's byte")
            }
        }
    }

    /// Pages that the kernel fills in while a copy's memory grows are the copy's own, and nobody knows them.
    @Test(arguments: PoolPolicies.trackings)
    func aCopyThatGrowsInLockedMemoryLeavesNothing(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            _ = KernelFeatures.current
            guard !policies.isDense, mlockall(MCL_FUTURE) == 0 else { return }
            let pool = try makePool(policies, slots: 2)
            let image = try makeImage(pages: 1)
            // Both slots are searched once.
            let slots = try (0..<2).map { _ in try pool.acquire(image) }
            for slot in slots { pool.release(slot, after: slot.noting { $0.setByte(0, 1) }) }
            let source = try pool.acquire(image)
            var use = source.noting { _ = pool.grow($0, by: 2) }
            let copy = try pool.acquire(image)
            var copyUse = SlotUse()
            try pool.copy(source, after: &use, to: copy, after: &copyUse)
            copyUse.note()
            copy.setByte(100_000, 0xEE)
            pool.release(copy, after: copyUse)
            let residue = pool.residue(in: copy)
            #expect(residue == nil, "\(residue ?? "")")
            let next = try pool.acquire(image)
            #expect(next.index == copy.index)
            #expect(pool.grow(next, by: 2) == 1)
            #expect(next.byte(100_000) == 0, "another tenant's byte")
        }
    }

    /// Pages of a larger image that nobody wrote to, in a slot that a smaller one takes over: they lie beyond all that is
    /// searched, and who grows into them has no faults. (Nothing of this is about copying.)
    @Test(arguments: PoolPolicies.trackings)
    func aSmallerImageInLockedMemoryLeavesNothing(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            _ = KernelFeatures.current
            guard !policies.isDense, mlockall(MCL_FUTURE) == 0 else { return }
            let pool = try makePool(policies, slots: 1)
            let (large, small) = (try makeImage(pages: 4), try makeImage(pages: 1))
            pool.release(try pool.acquire(large), after: SlotUse())
            for value: UInt8 in [0, 0, 0, 0xEE] {
                let slot = try pool.acquire(small)
                _ = mayfly_thread_read_faults()
                var use = SlotUse()
                use.note()
                if value != 0, pool.grow(slot, by: 2) != nil { slot.setByte(100_000, value) }
                slot.setByte(0, 1)
                pool.release(slot, after: use)
            }
            let next = try pool.acquire(small)
            _ = pool.grow(next, by: 2)
            #expect(next.byte(100_000) == 0, "another tenant's byte")
        }
    }
}
