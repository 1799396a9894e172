//! What lies around a memory, a stack and a context cannot be touched.

import Compiler
import Runtime
import Testing

@Suite struct PoolGuardTests {
    @Test(arguments: PoolPolicies.growths)
    func everyAddressCompiledCodeCanFormHitsTheSlotsMemoryOrAGuard(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 3)
        let image = try makeImage(pages: 2)
        let slots = try (0..<3).map { _ in try pool.acquire(image) }
        // Highest index plus highest folded offset plus widest access.
        let reach = 1 << 32 - 1 + (2 << 30 - 65_536) + 16
        for slot in slots {
            for offset in [2 * wasmPage, 1 << 31, 1 << 32 - 1, 1 << 32, 5 << 30, reach - 1, reach] {
                #expect(!isReadable(slot.memoryBase + offset), "slot \(slot.index), offset \(offset)")
            }
            // Sign-extended indices.
            for offset in [-1, -4096, -65_536, -(1 << 31)] {
                #expect(!isReadable(slot.memoryBase + offset), "slot \(slot.index), offset \(offset)")
            }
            #expect(isWritable(slot.memoryBase + 2 * wasmPage - 1))
        }
        // No slot reaches another one's memory.
        let bases = slots.map { Int(bitPattern: $0.memoryBase) }.sorted()
        for (lower, upper) in zip(bases, bases.dropFirst()) { #expect(upper - lower > reach) }
    }

    @Test func theStackEndsInGuardsAtBothEnds() throws {
        let pool = try makePool(slots: 2)
        let image = try makeImage()
        for slot in [try pool.acquire(image), try pool.acquire(image)] {
            #expect(isWritable(slot.stackTop - 1))
            #expect(!isReadable(slot.stackTop))
            #expect(isWritable(slot.stackTop - (256 << 10)))
            #expect(!isReadable(slot.stackTop - (256 << 10) - 1))
            #expect(!isReadable(slot.context - 1))
            #expect(isWritable(slot.context + (64 << 10) - 1))
        }
    }

    @Test(arguments: PoolPolicies.growths)
    func slotsNobodyUsedAreInaccessible(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, slots: 2)
        let first = try pool.acquire(try makeImage())
        let distance = 6 << 30
        #expect(!isReadable(first.memoryBase + distance))
        pool.release(first, wasEntered: false)
    }
}
