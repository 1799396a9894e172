//! Growing memories and tables: what is allowed, and that the next instance sees none of it.

import CPlatform
import Compiler
import Runtime
import Testing

@Suite struct PoolGrowthTests {
    @Test(arguments: PoolPolicies.guarded)
    func growthOpensExactlyThePagesAskedFor(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let slot = try pool.acquire(try makeImage(pages: 1, maximumPages: 4))
        #expect(!isReadable(slot.memoryBase + wasmPage))
        #expect(pool.grow(slot, by: 2) == 1)
        #expect(slot.memoryLength == 3 * wasmPage)
        #expect(isWritable(slot.memoryBase + 3 * wasmPage - 1))
        #expect(!isReadable(slot.memoryBase + 3 * wasmPage))
        #expect(pool.grow(slot, by: 0) == 3)
        #expect(pool.grow(slot, by: 2) == nil)
        #expect(pool.grow(slot, by: 1) == 3)
        #expect(pool.grow(slot, by: 0) == 4)
        #expect(pool.grow(slot, by: 1) == nil)
        #expect(pool.statistics.growths == 2)
        pool.release(slot, wasEntered: false)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test(arguments: PoolPolicies.all)
    func hostileSizesAreRefused(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, maximumMemoryBytes: 10 * 65_536)
        let image = try makeImage(pages: 1, tables: [Table(elements: [1])])
        let slot = try pool.acquire(image)
        for pages: UInt64 in [10, 65_535, 65_536, 1 << 32, 1 << 48, .max] {
            #expect(pool.grow(slot, by: pages) == nil)
        }
        for elements: UInt64 in [4096, 1 << 32, 1 << 61, .max] {
            #expect(pool.growTable(slot, table: 0, by: elements, fill: 1) == nil)
        }
        for table in [1, -1, .max] { #expect(pool.growTable(slot, table: table, by: 1, fill: 1) == nil) }
        #expect(pool.grow(slot, by: 9) == 1)
        pool.release(slot, wasEntered: true)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test(arguments: PoolPolicies.guarded)
    func aMemoryGrowsToFourGiB(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let slot = try pool.acquire(try makeImage(pages: 1))
        #expect(pool.grow(slot, by: 65_535) == 1)
        #expect(slot.memoryLength == 4 << 30)
        slot.setByte(4 << 30 - 1, 0xEE)
        #expect(!isReadable(slot.memoryBase + 4 << 30))
        #expect(pool.grow(slot, by: 1) == nil)
        pool.release(slot, wasEntered: true)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test(arguments: PoolPolicies.all)
    func memoryGrownAgainIsZero(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 1, segments: [segment(0, [1])])
        for _ in 0..<4 {
            let slot = try pool.acquire(image)
            if !policies.isDense { #expect(!isReadable(slot.memoryBase + wasmPage)) }
            #expect(pool.grow(slot, by: 100) == 1)
            for page in 1...100 {
                #expect(slot.byte(page * wasmPage) == 0 && slot.byte(page * wasmPage + 65_535) == 0)
                slot.setByte(page * wasmPage, 0xEE)
                slot.setByte(page * wasmPage + 65_535, 0xEE)
            }
            pool.release(slot, wasEntered: true)
            #expect(pool.residue(in: slot) == nil)
        }
    }

    @Test(arguments: PoolPolicies.all)
    func growthAloneIsUndoneWithoutAnEntry(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(tables: [Table(elements: [1], maximum: 50)])
        let slot = try pool.acquire(image)
        #expect(pool.grow(slot, by: 1) == 1)
        #expect(pool.growTable(slot, table: 0, by: 49, fill: 3) == 1)
        pool.release(slot, wasEntered: false)
        #expect(pool.residue(in: slot) == nil)
    }

    @Test(arguments: PoolPolicies.resets)
    func tablesGrowFilledAndDoNotReachEachOther(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, tableElements: 1000)
        let image = try makeImage(
            tables: [
                Table(elements: [1, 2]), Table(elements: [8], isImmutable: true), Table(elements: [3], maximum: 11),
                Table(elements: []),
            ])
        for _ in 0..<3 {
            let slot = try pool.acquire(image)
            #expect(pool.growTable(slot, table: 2, by: 11, fill: 6) == nil)
            #expect(pool.growTable(slot, table: 2, by: 10, fill: 6) == 1)
            #expect(Array(slot.table(2, of: image)) == [3] + Array(repeating: 6, count: 10))
            #expect(pool.growTable(slot, table: 1, by: 1, fill: 6) == nil)
            // The table with a maximum needs 10 of the 997 spare elements; the others share the rest.
            #expect(pool.growTable(slot, table: 0, by: 495, fill: 5) == nil)
            #expect(pool.growTable(slot, table: 0, by: 493, fill: 5) == 2)
            #expect(pool.growTable(slot, table: 3, by: 494, fill: 0) == 0)
            #expect(Array(slot.table(2, of: image)) == [3] + Array(repeating: 6, count: 10))
            #expect(slot.table(3, of: image).allSatisfy { $0 == 0 })
            for element in slot.table(3, of: image).indices { slot.table(3, of: image)[element] = 99 }
            #expect(Array(slot.table(0, of: image)) == [1, 2] + Array(repeating: 5, count: 493))
            pool.release(slot, wasEntered: true)
            #expect(pool.residue(in: slot) == nil)
        }
    }

    @Test(arguments: PoolPolicies.resets)
    func largeTablesAreResetToo(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies, tableElements: 1 << 20)
        let image = try makeImage(tables: [Table(elements: Array(repeating: 1, count: 20_000))])
        let slot = try pool.acquire(image)
        #expect(pool.growTable(slot, table: 0, by: 100_001, fill: 9) == 20_000)
        slot.table(0, of: image)[19_999] = 5
        pool.release(slot, wasEntered: true)
        #expect(pool.residue(in: slot) == nil)
    }
}
