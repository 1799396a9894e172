//! What happens when all slots are in use: who waits, how long, and who comes first.

import CPlatform
import Runtime
import Synchronization
import Testing

@Suite struct PoolWaitingTests {
    @Test(arguments: PoolPolicies.resets)
    func aThreadThatWaitsGetsTheNextSlotThatComesFree(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, exhaustionWait: .seconds(20))
        let (image, other) = (try makeImage(segments: [segment(0, [1])]), try makeImage(pages: 2))
        for wanted in [image, other, image] {
            let slot = try pool.acquire(image)
            let served = Tally()
            withThreads(2) { thread in
                if thread == 0 {
                    guard let slot = try? pool.acquire(wanted) else { return }
                    served.add()
                    #expect(pool.residue(in: slot) == nil)
                    pool.release(slot, after: slot.noting { $0.setByte(70, 0xEE) })
                } else {
                    #expect(waitUntil { pool.statistics.waiting == 1 })
                    #expect(served.value == 0)
                    pool.release(slot, after: .unknown)
                }
            }
            #expect(served.value == 1)
        }
        let statistics = pool.statistics
        #expect(statistics.exhaustionWaits == 3)
        #expect(statistics.exhaustions == 0)
        #expect(statistics.waiting == 0)
        #expect(statistics.live == 0)
    }

    @Test func aDeadlinePassesAndTheSlotsAreStillThere() throws {
        let pool = try makePool(slots: 2, exhaustionWait: .milliseconds(30))
        let image = try makeImage()
        let slots = try (0..<2).map { _ in try pool.acquire(image) }
        withThreads(3) { _ in
            #expect(throws: PoolError.exhausted(slots: 2)) { try pool.acquire(image) }
        }
        #expect(pool.statistics.exhaustions == 3)
        #expect(pool.statistics.exhaustionWaits == 3)
        #expect(pool.statistics.waiting == 0)
        for slot in slots { pool.release(slot, after: .unknown) }
        #expect(try pool.acquire(image).index == slots[1].index)
    }

    @Test func noPatienceMeansNoWaiting() throws {
        for patience in [Duration.zero, .seconds(-5)] {
            let pool = try makePool(exhaustionWait: patience)
            let image = try makeImage()
            _ = try pool.acquire(image)
            #expect(throws: PoolError.exhausted(slots: 1)) { try pool.acquire(image) }
            #expect(pool.statistics.exhaustionWaits == 0)
            #expect(pool.statistics.exhaustions == 1)
        }
    }

    @Test func anEndlessPatienceIsNoOverflow() throws {
        let pool = try makePool(exhaustionWait: .seconds(Int64.max))
        let image = try makeImage()
        let slot = try pool.acquire(image)
        withThreads(2) { thread in
            if thread == 0 {
                #expect((try? pool.acquire(image))?.index == slot.index)
            } else {
                #expect(waitUntil { pool.statistics.waiting == 1 })
                pool.release(slot, after: SlotUse())
            }
        }
    }

    @Test func aTemplateWithABoundLeavesSlotsToOthers() throws {
        let pool = try makePool(slots: 4, slotsPerTemplate: 2)
        let (busy, other, third) = (try makeImage(), try makeImage(pages: 2), try makeImage(pages: 3))
        let slots = try (0..<2).map { _ in try pool.acquire(busy) }
        #expect(throws: PoolError.exhausted(slots: 4)) { try pool.acquire(busy) }
        let others = try [other, third].map { try pool.acquire($0) }
        // Its own free slots are its to use, and count.
        pool.release(slots[0], after: .unknown)
        let again = try pool.acquire(busy)
        #expect(again.index == slots[0].index)
        #expect(throws: PoolError.exhausted(slots: 4)) { try pool.acquire(busy) }
        // One that another image has taken counts no more.
        pool.release(again, after: .unknown)
        let taken = try pool.acquire(other)
        #expect(taken.index == slots[0].index)
        #expect(throws: PoolError.exhausted(slots: 4)) { try pool.acquire(busy) }
        pool.release(others[1], after: .unknown)
        #expect(try pool.acquire(busy).index == others[1].index)
    }

    @Test func aThreadOfABoundedTemplateWaitsForItsOwnSlotsOnly() throws {
        let pool = try makePool(slots: 3, exhaustionWait: .seconds(20), slotsPerTemplate: 1)
        let (busy, other) = (try makeImage(), try makeImage(pages: 2))
        let slot = try pool.acquire(busy)
        withThreads(2) { thread in
            if thread == 0 {
                #expect((try? pool.acquire(busy))?.index == slot.index)
            } else {
                #expect(waitUntil { pool.statistics.waiting == 1 })
                // Others come and go past it.
                for _ in 0..<50 {
                    guard let passing = try? pool.acquire(other) else {
                        Issue.record("a free slot is not given to another template")
                        break
                    }
                    pool.release(passing, after: .unknown)
                }
                #expect(pool.statistics.waiting == 1)
                pool.release(slot, after: .unknown)
            }
        }
    }

    @Test(arguments: PoolPolicies.resets)
    func aThreadOfAnotherTemplateIsNotStarvedByManyOfABusyOne(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2, exhaustionWait: .seconds(20))
        let (busy, other) = (try makeImage(segments: [segment(0, [1])]), try makeImage(pages: 2))
        let isDone = Tally()
        let served = Tally()
        let turns = Tally()
        withThreads(7) { thread in
            if thread == 0 {
                #expect(waitUntil { turns.value > 50 })
                for _ in 0..<40 {
                    guard let slot = try? pool.acquire(other) else { break }
                    served.add()
                    pool.release(slot, after: slot.noting { $0.setByte(5, 1) })
                }
                isDone.add()
            } else {
                while isDone.value == 0 {
                    guard let slot = try? pool.acquire(busy) else { continue }
                    turns.add()
                    pool.release(slot, after: slot.noting { $0.setByte(5, 1) })
                }
            }
        }
        #expect(served.value == 40)
        #expect(turns.value > 0)
        #expect(pool.statistics.exhaustions == 0)
        #expect(pool.statistics.waiting == 0)
    }

    @Test func waitingThreadsOfOneTemplateAreServedInTheOrderOfTheirComing() throws {
        let pool = try makePool(exhaustionWait: .seconds(20))
        let image = try makeImage()
        let slot = try pool.acquire(image)
        let order = Mutex<[Int]>([])
        withThreads(6) { thread in
            if thread == 5 {
                #expect(waitUntil { pool.statistics.waiting == 5 })
                pool.release(slot, after: SlotUse())
                return
            }
            #expect(waitUntil { pool.statistics.waiting == thread })
            guard let mine = try? pool.acquire(image) else { return }
            order.withLock { $0.append(thread) }
            pool.release(mine, after: SlotUse())
        }
        #expect(order.withLock { $0 } == [0, 1, 2, 3, 4])
    }

    @Test func aWaitingThreadGetsTheSlotOfAnImageThatGoesAway() throws {
        let pool = try makePool(exhaustionWait: .seconds(20))
        nonisolated(unsafe) var image: InstanceImage? = try makeImage()
        let other = try makeImage(pages: 2)
        let slot = try pool.acquire(image!)
        withThreads(2) { thread in
            if thread == 0 {
                #expect((try? pool.acquire(other))?.index == slot.index)
            } else {
                #expect(waitUntil { pool.statistics.waiting == 1 })
                image = nil
                pool.release(slot, after: .unknown)
            }
        }
        #expect(pool.statistics.exhaustions == 0)
    }

    @Test func aWaitingThreadGetsTheSlotInPlaceOfOneWhoseResetFailed() throws {
        let pool = try makePool(exhaustionWait: .seconds(20))
        let image = try makeImage()
        let slot = try pool.acquire(image)
        withThreads(2) { thread in
            if thread == 0 {
                let next = try? pool.acquire(image)
                #expect(next?.isFresh == true && next?.index != slot.index)
            } else {
                #expect(waitUntil { pool.statistics.waiting == 1 })
                slot.setByte(0, 1)
                fail(MAYFLY_CALL_MADVISE, times: 1)
                pool.release(slot, after: .unknown)
            }
        }
        #expect(pool.statistics.failedResets == 1)
    }
}
