//! Eight threads at once in a pool of few slots. Every tenant looks whether its memory is its image before it writes.

import CPlatform
import Compiler
import Glibc
import Synchronization
import Testing

@testable import Runtime

@Suite struct PoolConcurrencyTests {
    /// An image and what its tenants must find: the bytes of its data, wherever they look.
    private struct Template: Sendable {
        let image: InstanceImage
        let pages: Int
        let data: [Range<Int>]
        let value: UInt8

        init(pages: Int, data: [Range<Int>], value: UInt8) throws {
            image = try makeImage(
                pages: pages, segments: data.map { segment($0.lowerBound, Array(repeating: value, count: $0.count)) },
                tables: [Table(elements: Array(repeating: UInt64(value), count: 50), maximum: 500)])
            (self.pages, self.data, self.value) = (pages, data, value)
        }

        /// What is wrong with a slot that nobody has written to yet; nil if nothing.
        func problem(in slot: Slot, using random: inout SplitMix64) -> String? {
            if slot.memoryLength != pages * wasmPage { return "its size is \(slot.memoryLength)" }
            // Every tenant writes to these places, and some to a few others.
            for page in 0..<pages * 16 {
                for offset in [0, 9, 4095] {
                    let address = page * 4096 + offset
                    let expected = data.contains { $0.contains(address) } ? value : 0
                    if slot.byte(address) != expected { return "byte \(address) is \(slot.byte(address))" }
                }
            }
            if slot.table(0, of: image).count != 50 { return "its table has grown" }
            for element in slot.table(0, of: image) where element != UInt64(value) { return "its table differs" }
            if slot.contextWord(image.layout.global(1)) != 0x0202_0202_0202_0202 { return "its globals differ" }
            return nil
        }
    }

    private static func templates() throws -> [Template] {
        [
            try Template(pages: 1, data: [64..<70], value: 1),
            try Template(pages: 2, data: [0..<5, 100_000..<100_009], value: 2),
            try Template(pages: 3, data: [4096..<80_000], value: 3),
            try Template(pages: 3, data: [4096..<80_000], value: 4),
            try Template(pages: 2, data: [], value: 5),
        ]
    }

    private static func dirty(
        _ slot: Slot, _ template: Template, _ pool: Pool, _ seed: UInt8, using random: inout SplitMix64
    ) -> String? {
        let few = Bool.random(using: &random)
        func write(_ bytes: Int) {
            for page in 0..<bytes / 4096 where !few || page == 0 {
                slot.setByte(page * 4096 + [0, 9, 4095].randomElement(using: &random)!, seed)
            }
        }
        write(slot.memoryLength)
        slot.context.storeBytes(of: random.next(), toByteOffset: template.image.layout.global(1), as: UInt64.self)
        slot.table(0, of: template.image)[7] = 0xEE
        if Int.random(in: 0..<4, using: &random) == 0 {
            let former = slot.memoryLength
            if pool.grow(slot, by: 2) != nil {
                for page in former / 4096..<slot.memoryLength / 4096 where slot.byte(page * 4096) != 0 {
                    return "grown memory is not zero"
                }
                write(slot.memoryLength)
            }
            if pool.growTable(slot, table: 0, by: 20, fill: 9) != 50 { return "its table cannot grow" }
        }
        // Nobody else writes here.
        slot.setByte(5, seed)
        sched_yield()
        if slot.byte(5) != seed { return "somebody else wrote to it" }
        return nil
    }

    private static func randomUse(_ slot: Slot, _ use: SlotUse, using random: inout SplitMix64) -> SlotUse {
        Int.random(in: 0..<8, using: &random) == 0 ? .unknown : use
    }

    @Test(arguments: PoolPolicies.all)
    func everyTenantFindsItsImage(_ policies: PoolPolicies) throws {
        let pool = try makePool(
            policies, slots: 6, warmBytes: 1 << 20, idleTime: .milliseconds(8), exhaustionWait: .seconds(20))
        let templates = try Self.templates()
        let tenancies = Tally()
        let problems = Mutex<Set<String>>([])
        withThreads(8) { thread in
            var random = SplitMix64(seed: UInt64(thread))
            func note(_ problem: String?, _ template: Template) {
                if let problem { problems.withLock { _ = $0.insert("image \(template.value): \(problem)") } }
            }
            for round in 0..<150 {
                var template = templates.randomElement(using: &random)!
                // One that exists for this tenancy only.
                let isOwn = round % 10 == 0
                if isOwn, let own = try? Template(pages: 2, data: [300..<310], value: UInt8(100 + thread)) {
                    template = own
                }
                if thread == 0, round % 30 == 29 { pool.trim() }
                guard let slot = try? pool.acquire(template.image) else {
                    note("there is no slot", template)
                    continue
                }
                tenancies.add()
                note(template.problem(in: slot, using: &random), template)
                var use = SlotUse()
                if Int.random(in: 0..<6, using: &random) > 0 {
                    use = slot.noting {
                        note(Self.dirty($0, template, pool, UInt8(200 + thread), using: &random), template)
                    }
                    use = Self.randomUse(slot, use, using: &random)
                }
                pool.release(slot, after: use)
            }
        }
        #expect(problems.withLock { $0 }.isEmpty, "\(problems.withLock { $0 }.sorted().prefix(5))")
        let statistics = pool.statistics
        #expect(tenancies.value == 1200)
        #expect(statistics.acquisitions == 1200)
        #expect(statistics.live == 0 && statistics.retired == 0 && statistics.waiting == 0)
        #expect(statistics.failedResets == 0 && statistics.exhaustions == 0)
        #expect(statistics.warm + statistics.blank == 6)
        let isQuiet = waitUntil {
            pool.trim()
            return pool.statistics.residentBytes == 0 && pool.statistics.pending == 0
        }
        #expect(isQuiet)
        for template in templates {
            let slots = try (0..<6).map { _ in try pool.acquire(template.image) }
            for slot in slots { #expect(pool.residue(in: slot) == nil) }
            for slot in slots { pool.release(slot, after: SlotUse()) }
        }
    }

    @Test(arguments: PoolPolicies.resets)
    func systemCallsThatFailOnManyThreadsLeakNothing(_ policies: PoolPolicies) throws {
        let pool = try makePool(
            policies, slots: 8, spareSlots: 1000, idleTime: .milliseconds(8), exhaustionWait: .seconds(20))
        let templates = try Self.templates()
        let problems = Mutex<Set<String>>([])
        withThreads(8) { thread in
            var random = SplitMix64(seed: UInt64(100 + thread))
            // Dense slots make none of the first two, and few of the others.
            let kinds =
                (policies.isDense ? [] : [MAYFLY_CALL_MMAP, MAYFLY_CALL_MPROTECT])
                + [MAYFLY_CALL_MADVISE, MAYFLY_CALL_SCAN]
            let most = policies.isDense ? 2 : 8
            for _ in 0..<60 {
                let template = templates.randomElement(using: &random)!
                fail(kinds.randomElement(using: &random)!, after: Int.random(in: 0..<most, using: &random), times: 1)
                if let slot = try? pool.acquire(template.image) {
                    if let problem = template.problem(in: slot, using: &random) {
                        problems.withLock { _ = $0.insert(problem) }
                    }
                    pool.release(slot, after: slot.noting { _ = Self.dirty($0, template, pool, 0xEE, using: &random) })
                }
                for kind in kinds { fail(kind, times: 0) }
            }
        }
        #expect(problems.withLock { $0 }.isEmpty, "\(problems.withLock { $0 }.sorted().prefix(5))")
        let statistics = pool.statistics
        #expect(statistics.live == 0 && statistics.waiting == 0)
        #expect(statistics.warm + statistics.blank + statistics.retired == statistics.slots)
        // There are enough to replace them all.
        #expect(statistics.failedResets > 0 && statistics.retired >= statistics.failedResets)
        #expect(statistics.capacity == 8 && statistics.exhaustions == 0)
    }

    @Test(arguments: PoolPolicies.resets)
    func imagesGoAwayWhileTheirSlotsComeBack(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3, exhaustionWait: .seconds(20))
        weak var last: ImageCore?
        for round in 0..<80 {
            nonisolated(unsafe) var image: InstanceImage? = try makeImage(
                pages: 1 + round % 2, segments: [segment(round, [1])])
            last = image?.core
            let slots = try (0..<2).map { _ in try pool.acquire(image!) }
            let uses = slots.map { $0.noting { $0.setByte(round + 1, 0xEE) } }
            let start = Tally()
            withThreads(2) { thread in
                start.add()
                while start.value < 2 {}
                if thread == 0 {
                    image = nil
                } else {
                    for (slot, use) in zip(slots, uses) { pool.release(slot, after: use) }
                }
            }
            #expect(last == nil, "round \(round)")
            #expect(pool.statistics.blank == 3, "round \(round)")
        }
        #expect(pool.statistics.retired == 0)
        let image = try makeImage(pages: 2)
        for _ in 0..<3 { #expect(pool.residue(in: try pool.acquire(image)) == nil) }
    }

    @Test(arguments: PoolPolicies.resets)
    func imagesGoAwayWhileTheirFreeSlotsAreTakenByOthersAndTrimmed(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 4, exhaustionWait: .seconds(20))
        let stable = try makeImage(pages: 2, segments: [segment(70, [7])])
        let isDone = Tally()
        let problems = Tally()
        withThreads(4) { thread in
            if thread == 0 {
                for round in 0..<300 {
                    guard let image = try? makeImage(segments: [segment(70, [UInt8(round & 63 + 8)])]) else { continue }
                    for _ in 0..<2 {
                        guard let slot = try? pool.acquire(image) else { continue }
                        if slot.byte(70) != UInt8(round & 63 + 8) || slot.byte(71) != 0 { problems.add() }
                        pool.release(slot, after: slot.noting { $0.setByte(71, 0xEE) })
                    }
                }
                isDone.add()
            } else {
                while isDone.value == 0 {
                    if thread == 1 { pool.trim() }
                    guard let slot = try? pool.acquire(stable) else { continue }
                    if slot.byte(70) != 7 || slot.byte(71) != 0 { problems.add() }
                    pool.release(slot, after: slot.noting { $0.setByte(71, 0xEE) })
                }
            }
        }
        #expect(problems.value == 0)
        #expect(pool.statistics.live == 0 && pool.statistics.retired == 0)
        #expect(pool.statistics.warm + pool.statistics.blank == 4)
    }

    @Test(arguments: PoolPolicies.resets)
    func anImageServesTwoPoolsOnManyThreads(_ policies: PoolPolicies) throws {
        let pools = try (0..<2).map { _ in try makePool(policies, slots: 3, exhaustionWait: .seconds(20)) }
        let problems = Tally()
        try run(pools, problems)
        #expect(problems.value == 0)
        // The image goes with the function, or with the last of its threads a moment later.
        #expect(waitUntil { pools.allSatisfy { $0.statistics.blank == 3 } })
    }

    private func run(_ pools: [Pool], _ problems: Tally) throws {
        let image = try makeImage(pages: 2, segments: [segment(0, Array(repeating: 6, count: 50_000))])
        withThreads(6) { thread in
            for round in 0..<100 {
                guard let slot = try? pools[(thread + round) % 2].acquire(image) else {
                    problems.add()
                    continue
                }
                if slot.byte(9) != 6 || slot.byte(60_000) != 0 { problems.add() }
                pools[(thread + round) % 2].release(
                    slot,
                    after: slot.noting { slot in
                        slot.setByte(9, 1)
                        slot.setByte(60_000, 1)
                    })
                if round % 25 == 24 { pools[round % 2].trim() }
            }
        }
    }

    @Test func statisticsMayBeReadAtAnyTime() throws {
        let pool = try makePool(
            PoolPolicies.all.last!, slots: 4, idleTime: .milliseconds(4), exhaustionWait: .seconds(20))
        let images = try (1...6).map { try makeImage(pages: $0) }
        let isDone = Tally()
        withThreads(4) { thread in
            if thread == 0 {
                while isDone.value < 3 {
                    let statistics = pool.statistics
                    if statistics.live + statistics.warm + statistics.retired > 4 { Issue.record("\(statistics)") }
                }
                return
            }
            for round in 0..<300 { try? pool.run(images[(thread + round) % 6]) { $0.setByte(0, 1) } }
            isDone.add()
        }
        #expect(pool.statistics.acquisitions == 900)
    }
}
