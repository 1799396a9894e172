//! How a slot becomes its image again, and how a memory grows: the ways there are, and which of them this machine has.

internal import CPlatform
internal import Glibc

/// How the memory of a slot is made equal to its image again.
public enum ResetPolicy: String, Sendable, Hashable, CaseIterable {
    /// Everything is given back to the kernel (`MADV_DONTNEED`), and the next instance faults its pages in again. Works
    /// on every kernel, and keeps no memory between instances.
    case discard
    /// The kernel is asked which pages are the slot's own (`PAGEMAP_SCAN`, Linux 6.7), and those are copied back from
    /// the image. They stay, so the next instance can write to them without a fault.
    case scan
    /// As `scan`, but the kernel is asked only if the thread had a page fault since before the run. If it had none, no
    /// page can have become the slot's own, and the pages known from before are copied back. Not for a process that
    /// calls `mlockall(MCL_CURRENT)` after its engine was made, or collapses a slot's pages into huge ones: both make
    /// pages a slot's own without a fault.
    case track
}

/// How a memory gets more pages.
public enum GrowthPolicy: String, Sendable, Hashable, CaseIterable {
    /// Reserved pages are made accessible (`mprotect`). What was beyond the initial size stays inaccessible, zeroed,
    /// for the next growth.
    case protect
    /// A file per slot lies behind the initial memory, mapped copy-on-write; growing makes the file longer. Touching
    /// what is beyond its end raises SIGBUS, which is a trap. A page written to exists twice: in the file and as a
    /// copy.
    case privateFile
    /// The same file mapped shared, so that a page exists once. With both kinds of file a slot holds a descriptor, and
    /// in a child that fork(2) makes, slots that were there before cannot grow.
    case sharedFile
}

/// What the kernel offers, found out by trying and not by its version: sandboxes and emulators differ.
public struct KernelFeatures: Sendable, Hashable {
    /// `PAGEMAP_SCAN` finds exactly the pages that were written.
    public var scansPages: Bool
    /// A thread's fault counter moves when a page becomes private, by a store or by a system call's writing.
    public var countsFaults: Bool
    /// `MADV_POPULATE_WRITE` works.
    public var populates: Bool
    /// `MADV_GUARD_INSTALL` (Linux 6.13) makes a page inaccessible without splitting its mapping, and giving pages back
    /// leaves it so.
    public var marksGuards: Bool
    /// Nanoseconds that the parts of a reset took just now: a write to a page not present, one system call that
    /// discards, one scan, one reading of the fault counter, one page copied.
    public var costs: Costs

    /// Nanoseconds, measured once per process on first use; a few dozen repetitions each, so they are rough.
    public struct Costs: Sendable, Hashable {
        /// A write to a page that is not present.
        public var fault = 0
        /// One system call that gives pages back.
        public var discard = 0
        /// One search for the pages that were written.
        public var scan = 0
        /// Reading a thread's fault counter once.
        public var reading = 0
        /// Copying one page.
        public var copy = 0

        /// All zero.
        public init() {}
    }

    /// The best way this kernel offers: what `ResetPolicy` a pool takes if its configuration names none.
    public var resetPolicy: ResetPolicy {
        // Repairing pays if copying a page and finding it out costs less than faulting it in again. Where faults are as
        // cheap as copies nothing is gained by keeping pages.
        guard scansPages, costs.copy * 2 < costs.fault else { return .discard }
        return countsFaults && costs.reading < costs.scan ? .track : .scan
    }

    /// All ways to reset that work on this kernel.
    package var resetPolicies: [ResetPolicy] {
        ResetPolicy.allCases.filter { policy in
            switch policy {
            case .discard: true
            case .scan: scansPages
            case .track: scansPages && countsFaults
            }
        }
    }

    /// Of this process.
    public static let current = KernelFeatures.probe()
}

extension KernelFeatures {
    private static let pages = 64

    /// Makes a small image, writes to some of its pages, and looks whether the kernel says so.
    private static func probe() -> KernelFeatures {
        var features = KernelFeatures(
            scansPages: false, countsFaults: false, populates: false, marksGuards: probeGuards(), costs: Costs())
        let page = PoolGeometry.page
        let bytes = pages * page
        var file: Int32 = -1
        var memory: UnsafeMutableRawPointer?
        guard mayfly_image_create("mayfly-probe", UInt64(bytes), &file) == 0 else { return features }
        defer { _ = mayfly_image_close(file) }
        guard mayfly_map_reserve(bytes, &memory) == 0, let memory else { return features }
        defer { _ = mayfly_unmap(memory, bytes) }
        guard mayfly_map_image(memory, bytes, file, 0) == 0, mayfly_forbid_huge_pages(memory, bytes) == 0 else {
            return features
        }
        // Read everything, write to three pages, one of them by a system call.
        var sum: UInt8 = 0
        for index in 0..<pages { sum |= memory.load(fromByteOffset: index * page, as: UInt8.self) }
        guard sum == 0 else { return features }
        let counts = (0..<3).map { step in
            let before = mayfly_thread_read_faults()
            switch step {
            case 0: memory.storeBytes(of: 1, toByteOffset: 5 * page, as: UInt8.self)
            case 1: memory.storeBytes(of: 1, toByteOffset: 40 * page, as: UInt8.self)
            default: writeByKernel(to: memory + 41 * page)
            }
            let after = mayfly_thread_read_faults()
            return before != MAYFLY_FAULTS_UNKNOWN && after != MAYFLY_FAULTS_UNKNOWN && after > before
        }
        features.countsFaults = counts.allSatisfy { $0 }
        features.scansPages = scanned(memory, bytes) == [5, 40, 41]
        features.populates =
            mayfly_populate(memory + 50 * page, 2 * page) == 0
            && (!features.scansPages || scanned(memory, bytes) == [5, 40, 41, 50, 51])
        features.costs = measure(memory, bytes, scans: features.scansPages)
        return features
    }

    private static func probeGuards() -> Bool {
        let page = PoolGeometry.page
        var memory: UnsafeMutableRawPointer?
        guard mayfly_map_reserve(3 * page, &memory) == 0, let memory else { return false }
        defer { _ = mayfly_unmap(memory, 3 * page) }
        guard mayfly_make_accessible(memory, 3 * page) == 0, mayfly_guard(memory + page, page) == 0 else {
            return false
        }
        // The kernel's reading fails where a load would be a fault.
        func isReadable(_ index: Int) -> Bool {
            var byte: UInt8 = 0
            return mayfly_read_any(memory + index * page, &byte, 1) == 0
        }
        func isGuarded() -> Bool { isReadable(0) && !isReadable(1) && isReadable(2) }
        return isGuarded() && mayfly_discard(memory, 3 * page) == 0 && isGuarded()
    }

    private static func writeByKernel(to address: UnsafeMutableRawPointer) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return }
        var byte: UInt8 = 1
        if write(ends[1], &byte, 1) == 1 { _ = read(ends[0], address, 1) }
        close(ends[0])
        close(ends[1])
    }

    private static func scanned(_ memory: UnsafeMutableRawPointer, _ bytes: Int) -> [Int] {
        var found: [Int] = []
        let isDone = scanPrivatePages(memory, bytes) { pages, _ in found += Array(pages) }
        return isDone ? found : []
    }

    private static func measure(_ memory: UnsafeMutableRawPointer, _ bytes: Int, scans: Bool) -> Costs {
        let page = PoolGeometry.page
        func time(_ divisor: Int, _ body: () -> Void) -> Int {
            // The least of several: everything else that happens on the machine only adds.
            (0..<5).map { _ in
                let start = clock()
                body()
                return (clock() - start) / divisor
            }.min()!
        }
        func clock() -> Int {
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            return now.tv_sec * 1_000_000_000 + now.tv_nsec
        }
        var costs = Costs()
        let source = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: page)
        defer { source.deallocate() }
        memset(source, 1, bytes)
        var discards: [Int] = []
        costs.fault = (0..<5).map { _ in
            discards.append(time(1) { _ = mayfly_discard(memory, bytes) })
            let start = clock()
            for index in 0..<pages { memory.storeBytes(of: 1, toByteOffset: index * page, as: UInt8.self) }
            return (clock() - start) / pages
        }.min()!
        costs.copy = time(pages) { memcpy(memory, source, bytes) }
        if scans { costs.scan = time(4) { for _ in 0..<4 { _ = scanPrivatePages(memory, bytes) { _, _ in } } } }
        costs.reading = time(8) { for _ in 0..<8 { _ = mayfly_thread_read_faults() } }
        costs.discard = discards.min()!
        return costs
    }
}

/// Calls `body` with each run of pages, counted from `start`, that are no file's, and whether they are the kernel's
/// shared page of zeroes. All of the range is looked at, however many runs there are. False if the kernel fails to
/// tell.
func scanPrivatePages(
    _ start: UnsafeMutableRawPointer, _ bytes: Int, _ body: (_ pages: Range<Int>, _ isZeroPage: Bool) -> Void
) -> Bool {
    let capacity = 256
    return withUnsafeTemporaryAllocation(of: mayfly_page_region.self, capacity: capacity) { regions in
        var position = start
        let end = start + bytes
        while position < end {
            var count = 0
            var next: UnsafeMutableRawPointer?
            let error = mayfly_scan_pages(
                position, end - position, regions.baseAddress!, capacity, &count, &next)
            guard error == 0, let next else { return false }
            for region in regions.prefix(count) {
                let base = UInt64(UInt(bitPattern: start))
                let first = Int(region.start - base) / PoolGeometry.page
                let last = Int(region.end - base) / PoolGeometry.page
                body(first..<last, region.categories & UInt64(MAYFLY_PAGE_IS_ZERO) != 0)
            }
            position = next
        }
        return true
    }
}
