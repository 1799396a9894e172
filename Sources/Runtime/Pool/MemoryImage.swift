//! The initial contents of one linear memory: runs of a sealed file to map, and pieces to copy.
//!
//! Data segments that lie together become a *run*: a page-aligned piece of a memfd, mapped copy-on-write into each
//! slot. What lies too far from the rest for that is an *outlier*, copied in before a slot is used. So one stray
//! segment costs one copy, not a file as large as the memory, and a module without data has no file at all.
//!
//! No stamping copies to more than `mostOutlierPages` pages. Data scattered over more becomes a single run, from the first
//! segment to the last, of a file with holes.
//!
//! Where slots keep their pages, data on few pages is copied altogether: the pages are there anyway, copying costs less than
//! a mapping of its own in each slot, and a slot can change from one such image to another without a system call.
//!
//! Segments are applied in order: where they overlap, the later one wins.

internal import CPlatform
internal import Glibc
internal import WasmModule

/// A memory as a template declares it, and the image of it once it has been needed.
final class LazyMemoryImage: @unchecked Sendable {
    // Unchecked because of the image, which `lock` guards.

    /// Bytes of memory at the start.
    let initialBytes: UInt64
    /// Bytes it may grow to as far as the module is concerned.
    let maximumBytes: UInt64
    private let segments: [InstanceImage.Segment]
    /// There are no segments to make the image of: it is all there is.
    private let isPermanent: Bool
    private let lock = Lock()
    private var image: MemoryImage?

    init(_ memory: InstanceImage.Memory) throws(PoolError) {
        let most = UInt64(PoolGeometry.largestMemory)
        guard memory.initialBytes <= most else {
            throw .memoryTooLarge(requested: memory.initialBytes, limit: most)
        }
        guard memory.initialBytes % MemoryType.pageSize == 0 else {
            throw .invalidImage("the memory's size, \(memory.initialBytes) bytes, is not a multiple of 64 KiB")
        }
        initialBytes = memory.initialBytes
        maximumBytes = min(memory.maximumBytes ?? most, most) & ~(MemoryType.pageSize - 1)
        guard maximumBytes >= initialBytes else {
            throw .invalidImage("the memory's maximum is below its initial size of \(initialBytes) bytes")
        }
        for (index, segment) in memory.segments.enumerated() {
            let (end, overflow) = segment.offset.addingReportingOverflow(UInt64(segment.bytes.count))
            guard !overflow, end <= initialBytes else {
                throw .invalidImage(
                    "segment \(index), \(segment.bytes.count) bytes at \(segment.offset), ends outside the memory")
            }
        }
        segments = memory.segments
        isPermanent = false
    }

    /// Of a memory whose image there is already.
    init(_ image: MemoryImage, initialBytes: UInt64, maximumBytes: UInt64) {
        self.initialBytes = initialBytes
        self.maximumBytes = maximumBytes
        segments = []
        isPermanent = true
        self.image = image
    }

    /// The image, made by whoever comes first; the others wait for it. After an error the next one tries again.
    ///
    /// - Parameter placement: where the data is to go. The first caller decides.
    func get(_ placement: DataPlacement) throws(PoolError) -> MemoryImage {
        try lock.withLock { () throws(PoolError) in
            if let image { return image }
            let made = try MemoryImageRegistry.shared.image(of: segments, placement)
            image = made
            return made
        }
    }

    /// Lets go of the image, which then lives as long as slots hold it. The next use makes it anew.
    func release() {
        if !isPermanent { lock.withLock { image = nil } }
    }

    /// There is an image to let go of.
    var isReleasable: Bool { !isPermanent && lock.withLock { image != nil } }
}

/// Where the data of a memory goes. Slots of either geometry can be stamped from any image; this is about what is cheap.
enum DataPlacement: Sendable {
    /// Into few parts of a file, to be mapped.
    case mapped
    /// The same, but data on few pages is copied.
    case fewPagesCopied
    /// Into a file of exactly the pages with data, to be copied: where nothing is ever mapped.
    case copied
}

final class MemoryImage: @unchecked Sendable {
    // Unchecked because its properties are variables and raw memory: init alone writes them.

    /// A part of a file and where it belongs. Multiples of the page. Runs do not overlap, and lie in the order of their offsets.
    struct Run {
        var memoryOffset: Int
        var fileOffset: Int
        var bytes: Int
        var file: ImageFile
        var end: Int { memoryOffset + bytes }
        var pages: Range<Int> { memoryOffset / PoolGeometry.page..<end / PoolGeometry.page }
    }

    /// Bytes to copy from `outlierBytes`.
    struct Outlier {
        var memoryOffset: Int
        var source: Int
        var bytes: Int
        var pages: Range<Int> {
            memoryOffset / PoolGeometry.page..<(memoryOffset + bytes - 1) / PoolGeometry.page + 1
        }
        /// As a snapshot's are.
        fileprivate var isWholePages: Bool { (memoryOffset | bytes) % PoolGeometry.page == 0 }
    }

    /// A run's span may always be this large, however little of it is data: its holes cost only address space.
    static let guaranteedSpan = 16 << 20
    /// Each run costs every slot two mappings of the process's 65,530.
    static let mostRuns = 4
    /// Pages that a stamping copies outliers to, each at the cost of a page fault (up to 3 µs) and a page of memory.
    static let mostOutlierPages = 64
    /// Pages with data up to which all of it is copied, where slots keep their pages. Every reset copies them.
    static let mostCopiedPages = 8

    let runs: [Run]
    let outliers: [Outlier]
    /// What outliers are copied from.
    private let outlierBytes: UnsafeMutableRawPointer
    /// Where the registry keeps it. Set before anyone else has the image.
    var registryKey: Int?
    /// `runs` and `outliers` again, where a walk costs no reference counting.
    private let rawRuns: UnsafeMutableBufferPointer<RawRun>
    private let rawOutliers: UnsafeMutableBufferPointer<Outlier>
    /// All outliers if they are whole pages, in order; else empty.
    private let pageOutliers: UnsafeMutableBufferPointer<RawRun>
    /// The pages of outliers, in order, without overlaps.
    private let copiedPages: UnsafeMutableBufferPointer<Range<Int>>

    /// A run and where its bytes can be read.
    private struct RawRun {
        var memoryOffset: Int
        var end: Int
        var source: UnsafeRawPointer

        /// Where the bytes of a memory's offset in the run can be read.
        @inline(__always)
        func source(of offset: Int) -> UnsafeRawPointer { source + (offset - memoryOffset) }
    }

    /// - Parameters:
    ///   - runs: in order, without overlaps.
    ///   - outliers: what is copied over the runs, and beside them.
    ///   - outlierBytes: what they are copied from.
    init(runs: [Run], outliers: [Outlier], outlierBytes bytes: [UInt8]) {
        self.runs = runs
        self.outliers = outliers
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 64)
        bytes.withUnsafeBytes { if let source = $0.baseAddress { copy.copyMemory(from: source, byteCount: $0.count) } }
        outlierBytes = copy
        rawRuns = .allocate(capacity: runs.count)
        _ = rawRuns.initialize(
            from: runs.lazy.map {
                RawRun(memoryOffset: $0.memoryOffset, end: $0.end, source: $0.file.view(at: $0.fileOffset))
            })
        rawOutliers = .allocate(capacity: outliers.count)
        _ = rawOutliers.initialize(from: outliers)
        // Segments' outliers may overlap, and then their order counts: those are never taken for whole pages.
        let areOrdered = zip(outliers, outliers.dropFirst()).allSatisfy {
            $0.memoryOffset + $0.bytes <= $1.memoryOffset
        }
        let wholePages = areOrdered && outliers.allSatisfy(\.isWholePages) ? outliers : []
        pageOutliers = .allocate(capacity: wholePages.count)
        _ = pageOutliers.initialize(
            from: wholePages.lazy.map {
                RawRun(
                    memoryOffset: $0.memoryOffset, end: $0.memoryOffset + $0.bytes,
                    source: UnsafeRawPointer(copy + $0.source))
            })
        var pages: [Range<Int>] = []
        for next in outliers.map(\.pages).sorted(by: { $0.lowerBound < $1.lowerBound }) { pages.join(next) }
        copiedPages = .allocate(capacity: pages.count)
        _ = copiedPages.initialize(from: pages)
    }

    /// What segments make of a memory.
    convenience init(_ segments: [InstanceImage.Segment], _ placement: DataPlacement) throws(PoolError) {
        let parts = Placement(segments, placement)
        var runs: [Run] = []
        if parts.fileBytes > 0 {
            let file = try ImageFile(bytes: parts.fileBytes) { file throws(PoolError) in
                for piece in parts.mapped {
                    let error = segments[piece.segment].bytes.withUnsafeBytes {
                        mayfly_image_write(file, $0.baseAddress! + piece.skip, piece.count, UInt64(piece.fileOffset))
                    }
                    try check(error, "pwrite", "filling an image")
                }
            }
            runs = parts.runs.map {
                Run(memoryOffset: $0.memoryOffset, fileOffset: $0.fileOffset, bytes: $0.bytes, file: file)
            }
        }
        self.init(runs: runs, outliers: parts.outliers, outlierBytes: parts.outlierBytes)
    }

    deinit {
        if let registryKey { MemoryImageRegistry.shared.forget(registryKey, ObjectIdentifier(self)) }
        outlierBytes.deallocate()
        rawRuns.deallocate()
        rawOutliers.deallocate()
        pageOutliers.deallocate()
        copiedPages.deallocate()
    }

    // MARK: Copying

    /// Copies what is not mapped into a memory that is otherwise initial.
    func copyOutliers(to memory: UnsafeMutableRawPointer) {
        for outlier in rawOutliers {
            (memory + outlier.memoryOffset).copyMemory(
                from: outlierBytes + outlier.source, byteCount: outlier.bytes)
        }
    }

    /// Copies the bytes of some pages that are not mapped.
    func copyOutliers(in pages: Range<Int>, to target: UnsafeMutableRawBufferPointer) {
        let wanted = pages.lowerBound * PoolGeometry.page..<pages.upperBound * PoolGeometry.page
        for outlier in rawOutliers {
            let part = (outlier.memoryOffset..<outlier.memoryOffset + outlier.bytes).clamped(to: wanted)
            if part.isEmpty { continue }
            (target.baseAddress! + (part.lowerBound - wanted.lowerBound)).copyMemory(
                from: outlierBytes + (outlier.source + part.lowerBound - outlier.memoryOffset), byteCount: part.count)
        }
    }

    /// Copies what is in files into a memory that is otherwise initial, but for pages of zeroes. `body` is told where.
    func copyRuns(to memory: UnsafeMutableRawPointer, _ body: (_ pages: Range<Int>) -> Void) {
        for run in rawRuns {
            var offset = run.memoryOffset
            while offset < run.end {
                let start = offset
                while offset < run.end, !isZeroPage(run.source(of: offset)) { offset += PoolGeometry.page }
                if offset > start {
                    memcpy(memory + start, run.source(of: start), offset - start)
                    body(start / PoolGeometry.page..<offset / PoolGeometry.page)
                } else {
                    offset += PoolGeometry.page
                }
            }
        }
    }

    /// Whether a page must never be given back while a slot is to stay as it is: it would not come back with its contents.
    func isCopied(_ page: Int) -> Bool {
        var (low, high) = (0, copiedPages.count)
        while low < high {
            let middle = (low + high) / 2
            if copiedPages[middle].upperBound <= page { low = middle + 1 } else { high = middle }
        }
        return low < copiedPages.count && copiedPages[low].lowerBound <= page
    }

    /// Whether a page is part of a file.
    func isMapped(_ page: Int) -> Bool { source(of: page) != nil }

    /// Where the bytes of a page can be read that is part of a file; nil of other pages.
    func source(of page: Int) -> UnsafeRawPointer? {
        let offset = page * PoolGeometry.page
        // The first run that ends behind it.
        var (low, high) = (0, rawRuns.count)
        while low < high {
            let middle = (low + high) / 2
            if rawRuns[middle].end <= offset { low = middle + 1 } else { high = middle }
        }
        guard low < rawRuns.count, rawRuns[low].memoryOffset <= offset else { return nil }
        return rawRuns[low].source(of: offset)
    }

    /// Makes some of a slot's own pages equal to the image again.
    ///
    /// - Parameter withOutliers: whether what is to be copied in is part of it. Then the pages of outliers are among those given.
    func restore(
        _ pages: borrowing PageSet, _ indices: Range<Int>, in memory: UnsafeMutableRawPointer, withOutliers: Bool
    ) {
        var run = 0
        var whole = 0
        for index in indices {
            let offset = pages[index].offset
            while whole < pageOutliers.count, pageOutliers[whole].end <= offset { whole += 1 }
            while run < rawRuns.count, rawRuns[run].end <= offset { run += 1 }
            if withOutliers, whole < pageOutliers.count, pageOutliers[whole].memoryOffset <= offset {
                memcpy(memory + offset, pageOutliers[whole].source(of: offset), PoolGeometry.page)
            } else if run < rawRuns.count, rawRuns[run].memoryOffset <= offset {
                memcpy(memory + offset, rawRuns[run].source(of: offset), PoolGeometry.page)
            } else {
                memset(memory + offset, 0, PoolGeometry.page)
            }
        }
        if withOutliers, pageOutliers.isEmpty { copyOutliers(to: memory) }
    }

    /// Whether a page of a slot equals the image. Not for pages with outliers.
    func isUnchanged(_ page: Int, in memory: UnsafeRawPointer) -> Bool {
        let offset = page * PoolGeometry.page
        guard let source = source(of: page) else { return isZeroPage(memory + offset) }
        return memcmp(memory + offset, source, PoolGeometry.page) == 0
    }
}

/// Where the data of a memory goes: into the file or among the outliers.
private struct Placement {
    /// A part of a segment that is written to the file.
    struct Mapped {
        var segment: Int
        var skip: Int
        var count: Int
        var fileOffset: Int
    }

    /// A part of the file and where it belongs.
    struct Run {
        var memoryOffset: Int
        var fileOffset: Int
        var bytes: Int
        var end: Int { memoryOffset + bytes }
    }

    var runs: [Run] = []
    var outliers: [MemoryImage.Outlier] = []
    var outlierBytes: [UInt8] = []
    var mapped: [Mapped] = []
    var fileBytes = 0

    /// Where the runs begin and end: nothing outside the memory's initial pages is ever mapped.
    init(_ segments: [InstanceImage.Segment], _ placement: DataPlacement) {
        let pieces = Self.pieces(of: segments)
        var chosen: [Cluster] =
            switch placement {
            case .mapped: Self.chosenClusters(pieces)
            case .fewPagesCopied:
                Self.pages(of: pieces, outside: []) <= MemoryImage.mostCopiedPages ? [] : Self.chosenClusters(pieces)
            case .copied: Self.adjacentPages(of: pieces)
            }
        chosen.sort { $0.start < $1.start }
        for cluster in chosen {
            let start = PoolGeometry.roundDown(cluster.start, to: PoolGeometry.page)
            let end = PoolGeometry.roundUp(cluster.end, to: PoolGeometry.page)
            runs.append(Run(memoryOffset: start, fileOffset: fileBytes, bytes: end - start))
            fileBytes += end - start
        }
        for piece in pieces {
            if let run = run(of: piece) {
                mapped.append(
                    Mapped(
                        segment: piece.segment, skip: piece.skip, count: piece.count,
                        fileOffset: piece.start - run.memoryOffset + run.fileOffset))
            } else {
                outliers.append(
                    MemoryImage.Outlier(
                        memoryOffset: piece.start, source: outlierBytes.count, bytes: piece.count))
                outlierBytes += segments[piece.segment].bytes.dropFirst(piece.skip).prefix(piece.count)
            }
        }
    }

    /// The run that has all of a piece.
    private func run(of piece: Piece) -> Run? {
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].end < piece.end { low = middle + 1 } else { high = middle }
        }
        return low < runs.count && runs[low].memoryOffset <= piece.start ? runs[low] : nil
    }

    /// Each page with data, with its neighbours.
    private static func adjacentPages(of pieces: [Piece]) -> [Cluster] {
        var clusters: [Cluster] = []
        for piece in pieces.sorted(by: { $0.start < $1.start }) {
            if let last = clusters.last, piece.firstPage <= last.lastPage + 1 {
                clusters[clusters.count - 1].end = max(last.end, piece.end)
            } else {
                clusters.append(Cluster(start: piece.start, end: piece.end, data: 0))
            }
        }
        return clusters
    }

    private static func chosenClusters(_ pieces: [Piece]) -> [Cluster] {
        var clusters = clusters(of: pieces)
        // Most data first: when there are more clusters than runs, the small ones are copied.
        clusters.sort { ($0.data, $1.start) > ($1.data, $0.start) }
        var chosen: [Cluster] = []
        for cluster in clusters where chosen.count < MemoryImage.mostRuns {
            // Two clusters may share a page; then only the larger one can be mapped.
            if chosen.contains(where: { $0.firstPage <= cluster.lastPage && cluster.firstPage <= $0.lastPage }) {
                continue
            }
            chosen.append(cluster)
        }
        if let first = pieces.map(\.start).min(), let last = pieces.map(\.end).max(),
            pages(of: pieces, outside: chosen) > MemoryImage.mostOutlierPages
        {
            return [Cluster(start: first, end: last, data: 0)]
        }
        return chosen
    }
}

extension Placement {
    /// A segment without the zeros at its ends.
    struct Piece {
        var segment: Int
        /// Bytes left out at the segment's start.
        var skip: Int
        /// Offset in memory of the first byte kept.
        var start: Int
        var count: Int
        var end: Int { start + count }
        var firstPage: Int { start / PoolGeometry.page }
        var lastPage: Int { (end - 1) / PoolGeometry.page }
    }

    /// Pieces close enough to be one run.
    struct Cluster {
        var start: Int
        var end: Int
        /// Bytes of segments in it.
        var data: Int
        var firstPage: Int { start / PoolGeometry.page }
        var lastPage: Int { (end - 1) / PoolGeometry.page }
    }

    /// The pieces in the order of their segments, none empty.
    static func pieces(of segments: [InstanceImage.Segment]) -> [Piece] {
        var pieces: [Piece] = []
        for (index, segment) in segments.enumerated() where !segment.bytes.isEmpty {
            pieces.append(Piece(segment: index, skip: 0, start: Int(segment.offset), count: segment.bytes.count))
        }
        // Zeros may be left out only where no earlier segment wrote something else.
        let sorted = pieces.sorted { $0.start < $1.start }
        for (earlier, later) in zip(sorted, sorted.dropFirst()) where earlier.start + earlier.count > later.start {
            return pieces
        }
        var kept: [Piece] = []
        for var piece in pieces {
            segments[piece.segment].bytes.withUnsafeBytes { bytes in
                while piece.count > 0, bytes[piece.skip] == 0 {
                    piece.skip += 1
                    piece.start += 1
                    piece.count -= 1
                }
                while piece.count > 0, bytes[piece.skip + piece.count - 1] == 0 { piece.count -= 1 }
            }
            if piece.count > 0 { kept.append(piece) }
        }
        return kept
    }

    /// Pages on which pieces lie that are not wholly on the pages of one of the clusters.
    static func pages(of pieces: [Piece], outside clusters: [Cluster]) -> Int {
        var count = 0
        var next = 0
        for piece in pieces.sorted(by: { $0.start < $1.start }) {
            let isMapped = clusters.contains { $0.firstPage <= piece.firstPage && piece.lastPage <= $0.lastPage }
            if isMapped { continue }
            count += max(0, piece.lastPage + 1 - max(next, piece.firstPage))
            next = max(next, piece.lastPage + 1)
        }
        return count
    }

    /// Joins pieces while the span stays small in absolute terms or against the data in it. Pieces that overlap are
    /// always joined, so that their order can be kept; that adds no more span than data.
    static func clusters(of pieces: [Piece]) -> [Cluster] {
        var clusters: [Cluster] = []
        for piece in pieces.sorted(by: { $0.start < $1.start }) {
            let end = piece.start + piece.count
            if let last = clusters.last {
                let joined = Cluster(start: last.start, end: max(last.end, end), data: last.data + piece.count)
                let span = joined.end - joined.start
                if piece.start < last.end || span <= MemoryImage.guaranteedSpan || span <= 2 * joined.data {
                    clusters[clusters.count - 1] = joined
                    continue
                }
            }
            clusters.append(Cluster(start: piece.start, end: end, data: piece.count))
        }
        return clusters
    }
}
