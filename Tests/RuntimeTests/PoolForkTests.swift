//! A host that calls fork(2): parent and child go on with the same pool, each with its own pages.
//!
//! Each test is a process of its own, which forks: the child has the one thread that called, as with hosts of that kind.

import CPlatform
import Compiler
import Glibc
import Testing

@testable import Runtime

/// Forks. Swift does not import the call, since a child of a process with threads may do little.
private func forkProcess() -> pid_t {
    typealias Fork = @convention(c) () -> pid_t
    return unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)()
}

/// Runs `body` in a child and returns what it said was wrong; nil if nothing. A child that dies says so.
private func inChild(_ body: () throws -> String?) -> String? {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return "no pipe" }
    let child = forkProcess()
    if child == 0 {
        let problem: String?
        do { problem = try body() } catch { problem = "\(error)" }
        let text = Array((problem ?? "").utf8)
        _ = write(ends[1], text, text.count)
        _exit(0)
    }
    close(ends[1])
    defer { close(ends[0]) }
    var text = [UInt8](repeating: 0, count: 4000)
    var count = 0
    while count < text.count {
        // It never ends if it waits for a lock that a thread of its parent's had.
        var request = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
        if poll(&request, 1, 20_000) == 0 {
            kill(child, SIGKILL)
            break
        }
        let more = text.withUnsafeMutableBytes { read(ends[0], $0.baseAddress! + count, $0.count - count) }
        if more <= 0 { break }
        count += more
    }
    var status: Int32 = 0
    guard waitpid(child, &status, 0) == child, status == 0 else { return "the child ended with status \(status)" }
    return count == 0 ? nil : String(decoding: text[0..<count], as: UTF8.self)
}

private func makeForkImage() throws -> InstanceImage {
    try makeImage(
        pages: 4, maximumPages: 64,
        segments: [segment(4096, Array(repeating: 5, count: 40_000)), segment(200_000, [6])],
        tables: [Table(elements: [1, 2, 3], maximum: 100)])
}

/// A tenancy that checks its memory first and then writes all over it; returns what is wrong.
private func tenancy(_ pool: Pool, _ image: InstanceImage, growing: Bool = true) throws -> String? {
    let slot = try pool.acquire(image)
    if let residue = pool.residue(in: slot) { return "acquired: \(residue)" }
    var random = SplitMix64(seed: 3)
    let use = slot.noting { slot in
        slot.vandalize(image, using: &random)
        if growing, pool.grow(slot, by: 3) != nil { slot.vandalize(image, using: &random) }
    }
    pool.release(slot, after: use)
    return pool.residue(in: slot).map { "released: \($0)" }
}

@Suite struct PoolForkTests {
    @Test(arguments: PoolPolicies.all)
    func aChildCopiesWhatItsParentHad(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            let pool = try makePool(policies, slots: 4)
            let image = try makeForkImage()
            for _ in 0..<4 { #expect(try tenancy(pool, image) == nil) }
            let slot = try pool.acquire(image)
            let grown = try pool.acquire(image)
            var use = slot.noting { $0.setByte(0, 1) }
            var grownUse = grown.noting { slot in
                _ = pool.grow(slot, by: 2)
                slot.setByte(5 * wasmPage, 8)
            }
            let point = try pool.state(of: slot, after: &use)
            let grownPoint = try pool.state(of: grown, after: &grownUse)
            slot.setByte(100_000, 2)
            let snapshot = try pool.image(of: grown, after: &grownUse)
            let problem = inChild {
                // The child's copies.
                let copy = try pool.acquire(image)
                var copyUse = SlotUse()
                try pool.copy(slot, after: &use, to: copy, after: &copyUse)
                if copy.byte(0) != 1 || copy.byte(100_000) != 2 { return "a copy misses something" }
                copyUse.note()
                copy.setByte(150_000, 9)
                pool.release(copy, after: copyUse)
                if let residue = pool.residue(in: copy) { return "copy: \(residue)" }
                try pool.restore(slot, after: &use, to: point)
                if slot.byte(0) != 1 || slot.byte(100_000) != 0 { return "rolled back to something else" }
                use.note()
                slot.setByte(110_000, 9)
                pool.release(slot, after: use)
                if let residue = pool.residue(in: slot) { return "slot: \(residue)" }
                if let problem = try tenancy(pool, image, growing: false) { return problem }
                let of = try pool.acquire(snapshot)
                if of.byte(5 * wasmPage) != 8 { return "a snapshot of the parent's misses something" }
                let ofUse = of.noting { $0.setByte(5 * wasmPage, 9) }
                pool.release(of, after: ofUse)
                if let residue = pool.residue(in: of) { return "of: \(residue)" }
                do {
                    try pool.restore(grown, after: &grownUse, to: grownPoint)
                    if grown.byte(5 * wasmPage) != 8 { return "grown: rolled back to something else" }
                } catch {}
                pool.release(grown, after: grownUse)
                if let residue = pool.residue(in: grown) { return "grown: \(residue)" }
                for _ in 0..<4 {
                    if let problem = try tenancy(pool, image, growing: false) ?? tenancy(pool, snapshot, growing: false)
                    {
                        return problem
                    }
                }
                return nil
            }
            #expect(problem == nil, "\(problem ?? "")")
            #expect(grown.byte(5 * wasmPage) == 8 && slot.byte(100_000) == 2)
            pool.release(slot, after: use)
            pool.release(grown, after: grownUse)
            #expect(pool.residue(in: slot) == nil && pool.residue(in: grown) == nil)
        }
    }

    @Test(arguments: PoolPolicies.all)
    func aChildUsesThePoolAndTheParentDoesNotNotice(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            let pool = try makePool(policies, slots: 3)
            let image = try makeForkImage()
            let other = try makeImage(pages: 9, segments: [segment(0, Array(repeating: 8, count: 50_000))])
            for _ in 0..<3 { #expect(try tenancy(pool, image) == nil) }
            // The same thread, with what was known of it, goes on as another one.
            let problem = inChild {
                for round in 0..<4 {
                    if let problem = try tenancy(pool, image) ?? tenancy(pool, other) {
                        return "round \(round), \(problem)"
                    }
                }
                let statistics = pool.statistics
                return statistics.live == 0 && statistics.retired == 0 ? nil : "\(statistics)"
            }
            #expect(problem == nil)
            for _ in 0..<3 {
                #expect(try tenancy(pool, image) == nil)
                #expect(try tenancy(pool, other) == nil)
            }
            #expect(pool.statistics.failedResets == 0)
        }
    }

    @Test(arguments: PoolPolicies.all)
    func aSlotInUseGoesOnInBothAndNeitherSeesTheOther(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            let pool = try makePool(policies, slots: 2)
            let image = try makeForkImage()
            for _ in 0..<2 { #expect(try tenancy(pool, image, growing: false) == nil) }
            let slot = try pool.acquire(image)
            let base = slot.memoryBase
            var use = slot.noting { slot in
                slot.setByte(0, 1)
                slot.setByte(5000, 2)
            }
            let problem = inChild {
                if slot.byte(0) != 1 || slot.byte(5000) != 2 { return "the child has not what was written before" }
                use.note()
                slot.setByte(0, 91)
                slot.setByte(100_000, 92)
                slot.context.storeBytes(of: 93, toByteOffset: image.layout.global(0), as: UInt64.self)
                pool.release(slot, after: use)
                if let residue = pool.residue(in: slot) { return "released: \(residue)" }
                return try tenancy(pool, image)
            }
            #expect(problem == nil)
            #expect(slot.byte(0) == 1 && slot.byte(5000) == 2 && slot.byte(100_000) == 0)
            #expect(slot.contextWord(image.layout.global(0)) == 0x0101_0101_0101_0101)
            use.note()
            slot.setByte(100_000, 3)
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil)
            #expect(try pool.acquire(image).memoryBase == base)
        }
    }

    @Test(arguments: PoolPolicies.all)
    func aChildCannotWriteToWhatItsParentsSlotHasGrown(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            let pool = try makePool(policies, slots: 2)
            let image = try makeForkImage()
            let slot = try pool.acquire(image)
            let use = try slot.noting { slot in
                #expect(pool.grow(slot, by: 4) == 4)
                slot.setByte(5 * wasmPage, 7)
                let problem = inChild {
                    // With permissions the child has a copy of its own; with files it has none of it.
                    if policies.growth == .protect {
                        if slot.byte(5 * wasmPage) != 7 { return "the child has not what was written before" }
                        slot.setByte(5 * wasmPage, 99)
                    } else {
                        if isReadable(slot.memoryBase + 5 * wasmPage)
                            || isWritable(slot.memoryBase + 5 * wasmPage, value: 99)
                        {
                            return "the child reaches the parent's file"
                        }
                        if pool.grow(slot, by: 1) != nil {
                            return "the child makes the parent's file longer"
                        }
                    }
                    pool.release(slot, after: .unknown)
                    if let residue = pool.residue(in: slot) { return "released: \(residue)" }
                    for _ in 0..<3 { if let problem = try tenancy(pool, image) { return problem } }
                    return pool.statistics.retired == 0 ? nil : "a slot is retired"
                }
                #expect(problem == nil)
                // Neither shortened, nor written to.
                #expect(slot.byte(5 * wasmPage) == 7)
                #expect(isWritable(slot.memoryBase + 8 * wasmPage - 1, value: 1))
                #expect(pool.grow(slot, by: 1) == 8)
                slot.setByte(9 * wasmPage - 1, 1)
                _ = try pool.acquire(image)
            }
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil)
        }
    }

    @Test(arguments: PoolPolicies.trackings)
    func slotsThatWaitAreSearchedInTheChildAndInTheParent(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            let pool = try makePool(policies)
            let image = try makeImage(pages: 4, segments: [segment(0, [1])])
            for round in 1...4 {
                for _ in 0..<5000 where pool.statistics.pending == 0 { try pool.run(image) { $0.setByte(3, 1) } }
                let scans = pool.statistics.scans
                try pool.run(image) { $0.setByte(round * 4096, 0xEE) }
                #expect(pool.statistics.pending == 1 && pool.statistics.scans == scans)
                let problem = inChild {
                    let slot = try pool.acquire(image)
                    if let residue = pool.residue(in: slot) { return residue }
                    return pool.statistics.scans == scans + 1 ? nil : "the child relied on its parent's counter"
                }
                #expect(problem == nil)
                let slot = try pool.acquire(image)
                #expect(pool.residue(in: slot) == nil)
                pool.release(slot, after: SlotUse())
            }
        }
    }

    @Test(arguments: PoolPolicies.all)
    func childrenOfChildrenUseThePoolToo(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            let pool = try makePool(policies, slots: 2)
            let image = try makeForkImage()
            #expect(try tenancy(pool, image) == nil)
            let problem = inChild {
                if let problem = try tenancy(pool, image) { return "child, \(problem)" }
                let slot = try pool.acquire(image)
                let use = slot.noting { $0.setByte(1, 1) }
                let inner = inChild {
                    if let problem = try tenancy(pool, image) { return "grandchild, \(problem)" }
                    pool.release(slot, after: use)
                    return pool.residue(in: slot)
                }
                if let inner { return inner }
                pool.release(slot, after: use)
                return try pool.residue(in: slot) ?? tenancy(pool, image)
            }
            #expect(problem == nil)
            #expect(try tenancy(pool, image) == nil)
        }
    }

    @Test func aChildIsNotServedByTheParentsWaitingThreadsAndHasAKeeperOfItsOwn() async {
        await #expect(processExitsWith: .success) {
            let policies = PoolPolicies.keeping.first ?? .discarding
            let pool = try makePool(policies, idleTime: .milliseconds(40), exhaustionWait: .seconds(20))
            let image = try makeImage()
            let slot = try pool.acquire(image)
            withThreads(2) { thread in
                if thread == 0 {
                    guard let mine = try? pool.acquire(image) else {
                        Issue.record("the waiting thread gets no slot")
                        return
                    }
                    pool.release(mine, after: .unknown)
                    return
                }
                #expect(waitUntil { pool.statistics.waiting == 1 })
                // The waiting thread is not there in the child.
                let problem = inChild {
                    pool.release(slot, after: .unknown)
                    if pool.statistics.waiting != 0 { return "somebody waits" }
                    let other = try makeImage(pages: 2)
                    for next in [image, other, image] { try pool.run(next) { $0.setByte(0, 1) } }
                    return waitUntil { pool.statistics.residentBytes == 0 } ? nil : "nothing is given back"
                }
                #expect(problem == nil)
                pool.release(slot, after: .unknown)
            }
            #expect(pool.statistics.live == 0)
        }
    }

    @Test(arguments: PoolPolicies.keeping.filter { $0.growth == .protect })
    func aChildMayBeMadeAtAnyMomentOfTheKeepersWork(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            let pool = try makePool(policies, slots: 4, idleTime: .milliseconds(4))
            let images = try (1...6).map { try makeImage(pages: $0, segments: [segment(9, [7])]) }
            for round in 0..<150 {
                for image in images { try pool.run(image) { $0.setByte(0, 1) } }
                usleep(UInt32(round * 37 % 2000))
                let problem = inChild {
                    for image in images {
                        let slot = try pool.acquire(image)
                        if slot.byte(0) != 0 || slot.byte(9) != 7 { return "a slot is not its image" }
                        pool.release(slot, after: slot.noting { $0.setByte(0, 1) })
                    }
                    return nil
                }
                #expect(problem == nil, "round \(round)")
                if problem != nil { return }
            }
        }
    }
}
