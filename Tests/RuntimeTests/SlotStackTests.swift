//! The stack of free slots: last in, first out; and with many threads no slot is lost or handed out twice.

import Synchronization
import Testing

@testable import Runtime

@Suite struct SlotStackTests {
    /// Slots without anything behind them.
    private final class Links: @unchecked Sendable {
        let links: UnsafeMutablePointer<SlotLink>
        let count: Int
        let first = SlotStack()
        let second = SlotStack()
        /// Who has each slot: 0 is nobody.
        let holders: [Holder]

        final class Holder: Sendable { let isHeld = Atomic<Bool>(false) }

        init(_ count: Int) {
            self.count = count
            holders = (0..<count).map { _ in Holder() }
            links = .allocate(capacity: count)
            for index in 0..<count { (links + index).initialize(to: SlotLink()) }
        }

        deinit {
            links.deinitialize(count: count)
            links.deallocate()
        }

        func chain(_ top: UInt32?) -> [UInt32] {
            var slots: [UInt32] = []
            var next = top
            while let slot = next {
                slots.append(slot)
                next = links[Int(slot)].below
            }
            return slots
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func oneThreadSeesAStack(seed: UInt64) {
        let all = Links(50)
        var model: [UInt32] = []
        var free = Array(0..<50 as Range<UInt32>)
        var random = SplitMix64(seed: seed)
        for step in 0..<2000 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<10:
                guard let slot = free.popLast() else { continue }
                all.first.push(slot, all.links)
                model.append(slot)
            case 10..<19:
                let slot = all.first.pop(all.links)
                #expect(slot == model.popLast(), "seed \(seed), step \(step)")
                if let slot { free.append(slot) }
            default:
                let taken = all.chain(all.first.takeAll())
                #expect(taken == model.reversed(), "seed \(seed), step \(step)")
                free += taken
                model = []
            }
            #expect(all.first.isEmpty == model.isEmpty)
            #expect(all.first.peek == model.last)
        }
    }

    @Test func theHighestSlotHasAPlaceInTheWord() {
        #expect(SlotStack.mostSlots == 1 << 20)
        let all = Links(3)
        // Many changes, so that the count above the index has carried into all its bits that can be reached quickly.
        for _ in 0..<100_000 {
            all.first.push(2, all.links)
            #expect(all.first.pop(all.links) == 2)
        }
        #expect(all.first.pop(all.links) == nil)
    }

    @Test func manyThreadsLoseNoSlotAndNeverShareOne() {
        let all = Links(6)
        for slot in 0..<6 as Range<UInt32> { all.first.push(slot, all.links) }
        let doubles = Tally()
        let moves = Tally()
        withThreads(8) { thread in
            var random = SplitMix64(seed: UInt64(thread))
            for step in 0..<20_000 {
                let isForward = Bool.random(using: &random)
                // Takes one, or now and then all, and puts them into one stack or the other.
                var taken: [UInt32] = []
                if step % 64 == 0 {
                    taken = all.chain(isForward ? all.first.takeAll() : all.second.takeAll())
                } else if let slot = isForward ? all.first.pop(all.links) : all.second.pop(all.links) {
                    taken = [slot]
                }
                for slot in taken where all.holders[Int(slot)].isHeld.exchange(true, ordering: .acquiring) {
                    doubles.add()
                }
                for slot in taken {
                    all.holders[Int(slot)].isHeld.store(false, ordering: .releasing)
                    moves.add()
                    if Bool.random(using: &random) {
                        all.first.push(slot, all.links)
                    } else {
                        all.second.push(slot, all.links)
                    }
                }
            }
        }
        #expect(doubles.value == 0)
        #expect(moves.value > 10_000)
        let left = all.chain(all.first.takeAll()) + all.chain(all.second.takeAll())
        #expect(left.sorted() == [0, 1, 2, 3, 4, 5])
    }
}
