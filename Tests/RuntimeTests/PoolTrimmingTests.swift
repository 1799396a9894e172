//! Memory that is given back: by a thread of the pool's after the idle time, by `trim`, and when there is too much.

import CPlatform
import Glibc
import Runtime
import Testing

@Suite struct PoolTrimmingTests {
    private func dirty(_ slot: Slot) { for page in 0..<slot.memoryLength / 4096 { slot.setByte(page * 4096, 0xEE) } }

    @Test(arguments: PoolPolicies.keeping)
    func trimmingGivesTheMemoryOfFreeSlotsBack(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 9)
        let zoo = try ImageZoo(for: policies)
        for _ in 0..<2 {
            for image in zoo.all { try pool.run(image, dirty) }
            #expect(pool.statistics.residentBytes > 300 * 4096)
            pool.trim()
            #expect(pool.statistics.residentBytes == 0)
            #expect(pool.statistics.warm == 8 && pool.statistics.failedResets == 0)
            for image in zoo.all {
                let slot = try pool.acquire(image)
                #expect(!slot.isFresh)
                #expect(pool.residue(in: slot) == nil)
                pool.release(slot, after: slot.noting(dirty))
                #expect(pool.residue(in: slot) == nil)
            }
        }
    }

    @Test(arguments: PoolPolicies.keeping)
    func trimmingLeavesLiveSlotsAlone(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let image = try makeImage(pages: 2, segments: [segment(5, [1, 2])])
        try pool.run(image, dirty)
        let slot = try pool.acquire(image)
        let use = slot.noting { slot in
            #expect(pool.grow(slot, by: 3) == 2)
            slot.setByte(7, 0xEE)
            slot.setByte(4 * wasmPage, 0xEE)
            pool.trim()
            #expect(slot.byte(7) == 0xEE && slot.byte(5) == 1 && slot.byte(4 * wasmPage) == 0xEE)
        }
        pool.release(slot, after: use)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test(arguments: PoolPolicies.resets)
    func trimmingLetsImagesGoThatNoSlotHoldsAndTheNextUseMakesThemAnew(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let bytes = uniqueBytes(40_000)
        let (first, second) = (
            try makeImage(pages: 3, segments: [segment(4096, bytes)]), try makeImage()
        )
        for _ in 0..<3 {
            let created = mayfly_test_call_count(Int32(MAYFLY_CALL_MEMFD))
            try pool.run(first) { slot in #expect(slot.byte(4096) == bytes[0]) }
            #expect(mayfly_test_call_count(Int32(MAYFLY_CALL_MEMFD)) == created + 1)
            try pool.run(second) { _ in }
            // Not yet: between two uses it stays.
            try pool.run(first) { _ in }
            #expect(mayfly_test_call_count(Int32(MAYFLY_CALL_MEMFD)) == created + 1)
            try pool.run(second) { _ in }
            pool.trim()
        }
    }

    @Test(arguments: PoolPolicies.keeping)
    func pagesAreGivenBackAfterTheIdleTime(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 9, idleTime: .milliseconds(60))
        let zoo = try ImageZoo(for: policies)
        for round in 0..<2 {
            for image in zoo.all { try pool.run(image, dirty) }
            #expect(waitUntil { pool.statistics.residentBytes == 0 }, "round \(round)")
            for image in zoo.all {
                let slot = try pool.acquire(image)
                #expect(!slot.isFresh)
                pool.release(slot, after: SlotUse())
            }
        }
        #expect(pool.statistics.failedResets == 0)
        // Nobody may use the pool while a slot is looked at. The keeper does not: it finds nothing to give back.
        pool.trim()
        for image in zoo.all { #expect(pool.residue(in: try pool.acquire(image)) == nil) }
    }

    @Test func whatIsUsedStaysHoweverManySlotsChangeImagesMeanwhile() throws {
        guard let policies = PoolPolicies.keeping.first else { return }
        let pool = try makePool(policies, slots: 8, idleTime: .milliseconds(1200))
        let image = try makeImage(pages: 2)
        let others = try (0..<12).map { try makeImage(pages: 3 + $0) }
        let start = ContinuousClock.now
        var next = 0
        // Longer than the time between two looks.
        while ContinuousClock.now - start < .milliseconds(700) {
            try pool.run(image, dirty)
            for _ in 0..<5 {
                try pool.run(others[next % 12]) { _ in }
                next += 1
            }
            usleep(10_000)
        }
        #expect(pool.statistics.discardedPages == 0)
        #expect(pool.statistics.remaps > 40)
    }

    @Test(arguments: PoolPolicies.keeping)
    func noMoreIsKeptThanIsAllowed(_ policies: PoolPolicies) throws {
        let allowed = 4 << 20
        let pool = try makePool(policies, slots: 16, warmBytes: allowed)
        let image = try makeImage(pages: 12, segments: [segment(70_000, [1])])
        for _ in 0..<4 {
            let slots = try (0..<16).map { _ in try pool.acquire(image) }
            for slot in slots { #expect(slot.byte(70_000) == 1 && slot.byte(0) == 0) }
            for slot in slots { pool.release(slot, after: slot.noting(dirty)) }
            // What is in use counts too, and the last to come gives its own back.
            #expect(pool.statistics.residentBytes <= UInt64(allowed) + 192 * 4096)
            #expect(waitUntil { pool.statistics.residentBytes <= UInt64(allowed) })
        }
        // A slot keeps an eighth, or 256 KiB if that is more.
        pool.trim()
        let slot = try pool.acquire(image)
        pool.release(slot, after: slot.noting(dirty))
        #expect(pool.statistics.residentBytes == 512 << 10)
        #expect(pool.statistics.failedResets == 0)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test(arguments: PoolPolicies.keeping)
    func aPoolThatMayKeepOneByteKeepsNothing(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2, warmBytes: 1)
        let zoo = try ImageZoo(for: policies)
        for image in zoo.all {
            let slot = try pool.acquire(image)
            #expect(pool.residue(in: slot) == nil)
            pool.release(slot, after: slot.noting(dirty))
            #expect(pool.residue(in: slot) == nil)
        }
        #expect(waitUntil { pool.statistics.residentBytes == 0 })
    }

    @Test(arguments: PoolPolicies.keeping)
    func dataThatIsCopiedComesBackAfterItsPagesWereGivenBack(_ policies: PoolPolicies) throws {
        // A slot may keep 64 pages; the data lies above them.
        let pool = try makePool(policies, warmBytes: 2 << 20)
        let image = try makeImage(pages: 8, segments: [segment(90 * 4096, [1, 2, 3]), segment(4096, [4])])
        for _ in 0..<5 {
            let slot = try pool.acquire(image)
            #expect(slot.byte(90 * 4096) == 1 && slot.byte(90 * 4096 + 2) == 3 && slot.byte(4096) == 4)
            pool.release(slot, after: slot.noting(dirty))
            #expect(pool.residue(in: slot) == nil)
            #expect(pool.statistics.residentBytes == 64 * 4096)
        }
    }

    @Test(arguments: PoolPolicies.keeping)
    func aFailedTrimRetiresTheSlot(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3)
        let image = try makeImage(pages: 2)
        let slots = try (0..<3).map { _ in try pool.acquire(image) }
        for slot in slots { pool.release(slot, after: slot.noting(dirty)) }
        fail(MAYFLY_CALL_MADVISE, after: 1, times: 1, error: EINVAL)
        pool.trim()
        fail(MAYFLY_CALL_MADVISE, times: 0)
        #expect(pool.statistics.warm == 2 && pool.statistics.retired == 1)
        #expect(pool.statistics.failedResets == 1)
        #expect(pool.statistics.residentBytes == 0)
        for slot in slots { #expect(pool.residue(in: slot) == nil) }
        #expect(try (0..<3).filter { _ in try pool.acquire(image).isFresh }.count == 1)
    }

    @Test func aPoolThatGoesTakesItsKeeperAlong() throws {
        // So many that keepers that stay are more than all that other tests have.
        for idle in (0..<20).flatMap({ _ in [1, 20, 200] }) {
            weak var gone: Pool?
            let base: UnsafeMutableRawPointer
            do {
                let pool = try makePool(PoolPolicies.keeping.first ?? .discarding, idleTime: .milliseconds(idle))
                gone = pool
                let image = try makeImage()
                let slot = try pool.acquire(image)
                base = slot.memoryBase
                pool.release(slot, after: slot.noting(dirty))
                usleep(2000)
            }
            // At once: the keeper holds the pool only while it works in it.
            #expect(waitUntil { gone == nil })
            var byte: UInt8 = 0
            #expect(waitUntil { mayfly_read_any(base, &byte, 1) != 0 }, "the pool's address space is still there")
        }
        #expect(waitUntil { keepers() < 40 })
    }

    @Test func poolsMayGoWhileTheirKeepersWork() throws {
        guard let policies = PoolPolicies.keeping.first else { return }
        let image = try makeImage(pages: 4)
        for _ in 0..<60 {
            let pool = try makePool(policies, slots: 2, warmBytes: 300 << 10, idleTime: .milliseconds(4))
            for _ in 0..<2 { try pool.run(image, dirty) }
            usleep(UInt32.random(in: 0...3000))
        }
        // Those of other tests run beside this one; sixty that hang would stand out.
        #expect(waitUntil { keepers() < 40 })
    }

    /// Threads of this process that give memory back.
    private func keepers() -> Int {
        guard let directory = opendir("/proc/self/task") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            let file = open("/proc/self/task/\(name)/comm", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { close(file) }
            var text = [UInt8](repeating: 0, count: 32)
            if read(file, &text, 31) > 0, String(decoding: text, as: UTF8.self).hasPrefix("mayfly-pool") { count += 1 }
        }
        return count
    }
}
