//! Every system call the pool makes, failing at every position of every operation: nothing crashes, no tenant ever sees
//! anything but its image, and what cannot be cleaned is taken out of service and counted.

import CPlatform
import Glibc
import Runtime
import Testing

@Suite struct PoolFaultInjectionTests {
    /// What happens to a slot while a call fails.
    private enum Operation: CaseIterable {
        case firstAcquire, grow, release, rebind, rebindMapped, trim, waitingAcquire
    }

    private struct Images {
        let copied: InstanceImage
        let mapped: InstanceImage
        let other: InstanceImage

        init() throws {
            copied = try makeImage(
                pages: 4, segments: [segment(0, uniqueBytes(9))],
                tables: [Table(elements: Array(repeating: 7, count: 10_000))])
            mapped = try makeImage(pages: 3, segments: [segment(4096, uniqueBytes(20 * 4096))])
            other = try makeImage(
                pages: 6, segments: [segment(3 * wasmPage, uniqueBytes(12 * 4096))], globals: 9)
        }
    }

    private static let kinds = [
        MAYFLY_CALL_MMAP, MAYFLY_CALL_MPROTECT, MAYFLY_CALL_MADVISE, MAYFLY_CALL_MEMFD, MAYFLY_CALL_PWRITE,
        MAYFLY_CALL_SEAL, MAYFLY_CALL_SCAN, MAYFLY_CALL_TRUNCATE,
    ]

    @Test(arguments: PoolPolicies.all)
    func whateverCallFailsWhereverNoTenantSeesAnotherOne(_ policies: PoolPolicies) throws {
        var hits = 0
        for operation in Operation.allCases {
            for kind in Self.kinds {
                var isReached = true
                for after in 0..<6 where isReached {
                    for times in after < 2 ? [1, 2, 1000] : [1, 1000] {
                        let where_ = "\(policies), \(operation), call \(kind) after \(after), \(times) times"
                        isReached = try attempt(operation, policies, kind, after, times, where_)
                        if !isReached { break }
                        hits += 1
                    }
                }
            }
        }
        // Discarding makes the fewest calls that can fail, and dense slots make fewer yet.
        #expect(hits > (policies.isDense ? 50 : 60))
    }

    /// Lets calls fail during one operation, then looks at every slot. False if no call of that kind came that far.
    private func attempt(
        _ operation: Operation, _ policies: PoolPolicies, _ kind: Int, _ after: Int, _ times: Int, _ description: String
    ) throws -> Bool {
        let pool = try makePool(policies, slots: 2, tableElements: 40_000)
        let images = try Images()
        var random = SplitMix64(seed: UInt64(after))
        func use(_ slot: Slot) -> SlotUse {
            slot.noting { slot in
                scribble(slot, using: &random)
                _ = pool.grow(slot, by: 3)
                _ = pool.growTable(slot, table: 0, by: 9_000, fill: 7)
                scribble(slot, using: &random)
            }
        }
        func tenancy(_ image: InstanceImage) {
            if let slot = try? pool.acquire(image) { pool.release(slot, after: use(slot)) }
        }
        let calls: UInt64
        switch operation {
        case .firstAcquire:
            calls = failing(kind, after, times) { tenancy(images.mapped) }
        case .grow:
            let slot = try pool.acquire(images.mapped)
            var use = SlotUse()
            calls = failing(kind, after, times) {
                use = slot.noting { slot in
                    for pages: UInt64 in 1...7 where pool.grow(slot, by: pages) != nil {
                        slot.setByte(slot.memoryLength - 1, 0xEE)
                    }
                    scribble(slot, using: &random)
                }
            }
            pool.release(slot, after: use)
        case .release:
            let slot = try pool.acquire(images.copied)
            let use = use(slot)
            calls = failing(kind, after, times) { pool.release(slot, after: use) }
        case .rebind, .rebindMapped:
            let (former, next) =
                operation == .rebind ? (images.copied, images.mapped) : (images.mapped, images.other)
            let slots = try (0..<2).map { _ in try pool.acquire(former) }
            for slot in slots { pool.release(slot, after: use(slot)) }
            calls = failing(kind, after, times) { tenancy(next) }
        case .trim:
            for slot in try [images.copied, images.mapped].map({ try pool.acquire($0) }) {
                pool.release(slot, after: slot.noting { $0.setByte(70_000, 0xEE) })
            }
            calls = failing(kind, after, times) { pool.trim() }
        case .waitingAcquire:
            if policies.reset != .track { return false }
            // Many quiet runs, so that slots wait for the question where the policy has it.
            for _ in 0..<70 { try pool.run(images.other) { $0.setByte(70_000, 0xEE) } }
            let slot = try pool.acquire(images.other)
            pool.release(slot, after: slot.noting { $0.setByte(80_000, 0xEE) })
            calls = failing(kind, after, times) { tenancy(images.other) }
        }
        try examine(pool, images, description)
        return calls > after
    }

    /// As a hostile guest, but quicker than `vandalize`: there are thousands of cases.
    private func scribble(_ slot: Slot, using random: inout SplitMix64) {
        let pages = slot.memoryLength / 4096
        for _ in 0..<8 { slot.setByte(Int.random(in: 0..<pages, using: &random) * 4096 + 5, 0xEE) }
        slot.setByte(0, 0xEE)
        slot.setByte(slot.memoryLength - 1, 0xEE)
        memset(slot.stackTop - 200, 0xEE, 200)
    }

    /// Returns how many calls of that kind were made.
    private func failing(_ kind: Int, _ after: Int, _ times: Int, _ body: () -> Void) -> UInt64 {
        let before = mayfly_test_call_count(Int32(kind))
        fail(kind, after: after, times: times)
        body()
        fail(kind, times: 0)
        return mayfly_test_call_count(Int32(kind)) - before
    }

    /// Every slot, whatever became of it, is clean, usable by both images, or out of service.
    private func examine(_ pool: Pool, _ images: Images, _ description: String) throws {
        let statistics = pool.statistics
        #expect(statistics.live == 0, "\(description)")
        #expect(statistics.warm + statistics.blank == min(2, 4 - statistics.retired), "\(description)")
        for image in [images.mapped, images.copied] {
            var slots: [Slot] = []
            while let slot = try? pool.acquire(image) { slots.append(slot) }
            #expect(slots.count == statistics.capacity, "\(description)")
            for slot in slots {
                if image === images.mapped { #expect(pool.residue(in: slot) == nil, "\(description)") }
                #expect(pool.grow(slot, by: 2) != nil, "\(description)")
                #expect(slot.byte(slot.memoryLength - 1) == 0, "\(description)")
            }
            for slot in slots { pool.release(slot, after: slot.noting { $0.setByte($0.memoryLength - 1, 0xEE) }) }
        }
        #expect(pool.statistics.retired == statistics.retired, "\(description)")
    }

    @Test(arguments: PoolPolicies.all)
    func aPoolWithoutAnySystemCallsRefusesAndRecovers(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3)
        let zoo = try ImageZoo(for: policies)
        var random = SplitMix64(seed: 5)
        for _ in 0..<6 {
            for kind in Self.kinds { fail(kind, after: Int.random(in: 0..<12, using: &random), times: 1000) }
            for _ in 0..<10 {
                let image = zoo.all.randomElement(using: &random)!
                guard let slot = try? pool.acquire(image) else { continue }
                pool.release(
                    slot,
                    after: slot.noting { slot in
                        slot.vandalize(image, using: &random)
                        _ = pool.grow(slot, by: 1)
                        slot.vandalize(image, using: &random)
                    })
            }
            for kind in Self.kinds { fail(kind, times: 0) }
            #expect(pool.statistics.live == 0)
            for _ in 0..<pool.statistics.capacity {
                let slot = try pool.acquire(zoo.mapped)
                #expect(pool.residue(in: slot) == nil)
                pool.release(slot, after: slot.noting { $0.setByte(0, 0xEE) })
            }
        }
    }
}
