//! Things that happen to a slot's pages behind the pool's back: swapping, huge pages, locking, writes of the kernel.

import CPlatform
import Glibc
import Runtime
import Testing

@Suite struct PoolAdversaryTests {
    private static let block = [UInt8](repeating: 0x55, count: 24 * 4096)

    private static func image() throws -> InstanceImage {
        try makeImage(pages: 96, maximumPages: 200, segments: [segment(4096, block), segment(5 << 20, [1, 2, 3])])
    }

    /// Writes to pages of the image, of nothing, and to copied ones.
    private static func dirty(_ slot: Slot) {
        for page in [0, 1, 2, 20, 30, 100, 600, 1280, 1535] { slot.setByte(page * 4096 + 1, 0xEE) }
    }

    // MARK: Huge pages

    @Test(arguments: PoolPolicies.all)
    func hugePagesThatARunIsGivenAreResetToo(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 96, maximumPages: 200, segments: [segment(4096, Self.block)])
        for round in 0..<4 {
            let slot = try pool.acquire(image)
            let use = slot.noting { slot in
                // As with "always": wherever a fault can make 512 pages present at once, it does.
                madvise(slot.memoryBase, slot.memoryLength, 14)  // MADV_HUGEPAGE
                Self.dirty(slot)
                #expect(pool.grow(slot, by: 100) == 96)
                madvise(slot.memoryBase, slot.memoryLength, 14)
                slot.setByte(8 << 20, 0xEE)
            }
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil, "round \(round)")
            // Pages that came without a fault of their own.
            let again = try pool.acquire(image)
            pool.release(
                again,
                after: again.noting { slot in for page in 0..<1536 { slot.setByte(page * 4096 + 9, 0xEE) } })
            #expect(pool.residue(in: again) == nil, "round \(round)")
        }
        #expect(pool.statistics.failedResets == 0)
    }

    @Test(arguments: PoolPolicies.all)
    func pagesThatAreJoinedToHugeOnesAreResetToo(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 96, segments: [segment(4096, Self.block)])
        var joined = 0
        for round in 0..<4 {
            let slot = try pool.acquire(image)
            // Two MiB behind the mapped data that begin where a huge page can.
            let start = slot.memoryBase + (3 << 20 - Int(bitPattern: slot.memoryBase + 1 << 20) & (2 << 20 - 1))
            var use = slot.noting { slot in
                start.storeBytes(of: 1, as: UInt8.self)
                // MADV_COLLAPSE: not before MADV_NOHUGEPAGE is taken back.
                if round == 0 { #expect(madvise(start, 2 << 20, 25) != 0) }
                if round < 2 { return }
                madvise(start, 2 << 20, 14)
                if madvise(start, 2 << 20, 25) == 0 { joined += 1 }
                for page in 0..<512 { (start + page * 4096 + 7).storeBytes(of: 0xEE, as: UInt8.self) }
            }
            // It is no fault of any thread: who does this to a slot has to say that its addresses are elsewhere.
            if round >= 2 { use.noteEscape() }
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil, "round \(round)")
        }
        if joined == 0 { try Test.cancel("this kernel joins no pages") }
    }

    // MARK: Locked memory

    @Test(arguments: PoolPolicies.all)
    func aProcessThatLocksItsMemoryHasCleanSlots(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            let pool = try makePool(policies, slots: 2)
            let image = try makeImage(pages: 3, segments: [segment(4096, Array(repeating: 5, count: 40_000))])
            let other = try makeImage(pages: 2)
            // New mappings are filled in as they are made: their pages are a slot's own before anyone wrote to them.
            guard mlockall(MCL_FUTURE) == 0 else { return }
            for round in 0..<6 {
                let slot = try pool.acquire(image)
                #expect(slot.byte(5000) == 5 && slot.byte(100_000) == 0, "round \(round)")
                // The counter of faults is read between the mapping and the run.
                try pool.run(other) { slot in
                    #expect(slot.byte(0) == 0 && slot.byte(70_000) == 0)
                    slot.setByte(0, 1)
                }
                let use = slot.noting { slot in
                    slot.setByte(5000, 0xEE)
                    slot.setByte(100_000, 0xEE)
                    if pool.grow(slot, by: 1) != nil { slot.setByte(3 * wasmPage, 0xEE) }
                }
                pool.release(slot, after: use)
                #expect(pool.residue(in: slot) == nil, "round \(round)")
            }
        }
    }

    // MARK: Swapping

    @Test(.serialized, arguments: PoolPolicies.all)
    func pagesThatWereSwappedOutAreResetToo(_ policies: PoolPolicies) throws {
        let swap = SwapFile()
        guard swap.isOn else { try Test.cancel("there is no swap here, and none can be made: \(swap.problem)") }
        let pool = try makePool(policies)
        let image = try Self.image()
        var swapped = 0
        for round in 0..<4 {
            let slot = try pool.acquire(image)
            if round > 0 {
                // Pages kept from the last run leave while the slot is not in use, or in use and not yet written to.
                madvise(slot.memoryBase, slot.memoryLength, 21)  // MADV_PAGEOUT
            }
            let use = slot.noting { slot in
                Self.dirty(slot)
                #expect(pool.grow(slot, by: 4) == 96)
                slot.setByte(98 * wasmPage, 0xEE)
                madvise(slot.memoryBase, slot.memoryLength, 21)
                swapped += SwapFile.swappedPages(slot.memoryBase, slot.memoryLength)
                // Some come back, some do not.
                #expect(slot.byte(4096 + 1) == 0xEE)
            }
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil, "round \(round)")
            if policies.reset != .discard { madvise(slot.memoryBase, 96 * wasmPage, 21) }
            #expect(pool.residue(in: slot) == nil, "round \(round)")
        }
        #expect(pool.statistics.failedResets == 0)
        if swapped == 0 { try Test.cancel("MADV_PAGEOUT swaps nothing out here") }
    }

    // MARK: The kernel's writes

    @Test(arguments: PoolPolicies.all)
    func pagesThatOnlyTheKernelWroteToAreReset(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try Self.image()
        let offsets = [0, 4096 * 3, 5 << 20, 6 << 20 - 1]
        // The first time they become the slot's own; then they are there, and no fault tells of the write.
        for round in 0..<8 {
            let slot = try pool.acquire(image)
            pool.release(
                slot,
                after: slot.noting { slot in
                    for offset in offsets { #expect(isWritable(slot.memoryBase + offset, value: UInt8(round + 1))) }
                })
            #expect(pool.residue(in: slot) == nil, "round \(round)")
        }
    }

    @Test(arguments: PoolPolicies.guarded)
    func aReadOfTheKernelsThatFailsHalfWayIsReset(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try makeImage(pages: 2, maximumPages: 2, segments: [segment(70_000, [1])])
        let file = open("/dev/zero", O_RDONLY)
        defer { close(file) }
        let ones = open("/proc/self/exe", O_RDONLY)
        defer { close(ones) }
        for round in 0..<4 {
            let slot = try pool.acquire(image)
            pool.release(
                slot,
                after: slot.noting { slot in
                    // Beyond the memory's end: as much as fits is written.
                    let count = read(ones, slot.memoryBase + 2 * wasmPage - 8192, 16_384)
                    #expect(count <= 8192)
                    lseek(ones, 0, SEEK_SET)
                    _ = read(file, slot.memoryBase + 70_000 - 3, 8)
                })
            #expect(pool.residue(in: slot) == nil, "round \(round)")
        }
    }

    @Test(arguments: PoolPolicies.all)
    func pagesThatWereOnlyReadStayAsTheyAre(_ policies: PoolPolicies) throws {
        let pool = try makePool(policies)
        let image = try Self.image()
        for round in 0..<3 {
            let slot = try pool.acquire(image)
            var sum = 0
            let use = slot.noting { slot in
                #expect(pool.grow(slot, by: 4) == 96)
                for page in 0..<slot.memoryLength / 4096 { sum += Int(slot.byte(page * 4096 + 1)) }
            }
            #expect(sum == 24 * 0x55 + 2)
            pool.release(slot, after: use)
            #expect(pool.residue(in: slot) == nil, "round \(round)")
            // What was read is written to by the next one.
            let next = try pool.acquire(image)
            pool.release(
                next, after: next.noting { slot in for page in 0..<1536 { slot.setByte(page * 4096, 0xEE) } })
            #expect(pool.residue(in: next) == nil, "round \(round)")
        }
    }
}

/// A small file to swap to, for as long as the object lives, unless the machine has swap anyway.
private final class SwapFile {
    private var path: String?
    private(set) var isOn = false
    private(set) var problem = ""

    private typealias SwapCall = @convention(c) (UnsafePointer<CChar>, Int32) -> Int32
    private typealias SwapOffCall = @convention(c) (UnsafePointer<CChar>) -> Int32

    init() {
        var name = Array("/var/tmp/mayfly-swap-XXXXXX".utf8CString)
        let file = mkstemp(&name)
        guard file >= 0, let symbol = dlsym(nil, "swapon") else {
            problem = "no temporary file"
            return
        }
        defer { close(file) }
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // What mkswap(8) writes: version 1, the last page's number, and the mark at the first page's end.
        let pages = 4096
        var page = [UInt8](repeating: 0, count: 4096)
        page[1024] = 1
        page.withUnsafeMutableBytes { $0.storeBytes(of: UInt32(pages - 1), toByteOffset: 1028, as: UInt32.self) }
        page.replaceSubrange(4086..<4096, with: Array("SWAPSPACE2".utf8))
        let zeroes = [UInt8](repeating: 0, count: 1 << 20)
        var isWritten = write(file, page, 4096) == 4096
        for _ in 0..<16 where isWritten { isWritten = write(file, zeroes, 1 << 20) == 1 << 20 }
        isWritten =
            isWritten && ftruncate(file, off_t(pages * 4096)) == 0 && fchmod(file, 0o600) == 0 && fsync(file) == 0
        if isWritten, unsafeBitCast(symbol, to: SwapCall.self)(path, 0) == 0 {
            isOn = true
            self.path = path
        } else {
            problem = "swapon fails with errno \(errno)"
            unlink(path)
        }
    }

    deinit {
        guard let path, let symbol = dlsym(nil, "swapoff") else { return }
        _ = unsafeBitCast(symbol, to: SwapOffCall.self)(path)
        unlink(path)
    }

    /// Pages of a range that are swapped out.
    static func swappedPages(_ start: UnsafeMutableRawPointer, _ bytes: Int) -> Int {
        let file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        var words = [UInt64](repeating: 0, count: bytes / 4096)
        guard pread(file, &words, words.count * 8, off_t(Int(bitPattern: start) / 4096 * 8)) == words.count * 8 else {
            return 0
        }
        return words.count { $0 >> 62 & 1 != 0 }
    }
}
