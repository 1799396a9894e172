//! The initial contents of one linear memory: runs of a sealed file to map, and outliers to copy.
//!
//! Data segments that lie together become a *run*: a page-aligned piece of a memfd, mapped copy-on-write into each
//! slot. What lies too far from the rest for that is an *outlier*, copied in before a slot is used. So one stray
//! segment costs one copy, not a file as large as the memory, and a module without data has no file at all.
//!
//! No stamping copies to more than `mostOutlierPages` pages. Data scattered over more becomes a single run, from the first
//! segment to the last, of a file with holes.
//!
//! Segments are applied in order: where they overlap, the later one wins.

internal import CPlatform
internal import WasmModule

final class MemoryImage: @unchecked Sendable {
    // Unchecked because its properties are variables: init alone writes them.

    /// A part of the file and where it belongs. Multiples of the page.
    struct Run {
        var memoryOffset: Int
        var fileOffset: Int
        var bytes: Int
    }

    /// Bytes to copy from `outlierBytes`.
    struct Outlier {
        var memoryOffset: Int
        var source: Int
        var bytes: Int
    }

    /// A run's span may always be this large, however little of it is data: its holes cost only address space.
    static let guaranteedSpan = 16 << 20
    /// Each run costs every slot two mappings of the process's 65,530.
    static let mostRuns = 4
    /// Pages that a stamping copies outliers to, each at the cost of a page fault (up to 3 µs) and a page of memory.
    static let mostOutlierPages = 64

    /// Bytes of memory at the start.
    let initialBytes: UInt64
    /// Bytes it may grow to as far as the module is concerned.
    let maximumBytes: UInt64
    private(set) var runs: [Run] = []
    private(set) var outliers: [Outlier] = []
    private(set) var outlierBytes: [UInt8] = []
    private(set) var file: Int32 = -1

    init(_ memory: InstanceImage.Memory) throws(PoolError) {
        let most = UInt64(PoolGeometry.memorySpan)
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
        try place(memory.segments)
    }

    deinit { if file >= 0 { _ = mayfly_image_close(file) } }

    /// Where the runs begin and end: nothing outside [0, initialBytes) is ever mapped.
    private func place(_ segments: [InstanceImage.Segment]) throws(PoolError) {
        let pieces = Self.pieces(of: segments)
        var clusters = Self.clusters(of: pieces)
        // Most data first: when there are more clusters than runs, the small ones are copied.
        clusters.sort { ($0.data, $1.start) > ($1.data, $0.start) }
        var chosen: [Cluster] = []
        for cluster in clusters where chosen.count < Self.mostRuns {
            // Two clusters may share a page; then only the larger one can be mapped.
            if chosen.contains(where: { $0.firstPage <= cluster.lastPage && cluster.firstPage <= $0.lastPage }) {
                continue
            }
            chosen.append(cluster)
        }
        chosen.sort { $0.start < $1.start }
        if let first = pieces.map(\.start).min(), let last = pieces.map(\.end).max(),
            Self.pages(of: pieces, outside: chosen) > Self.mostOutlierPages
        {
            chosen = [Cluster(start: first, end: last, data: 0)]
        }
        var fileBytes = 0
        for cluster in chosen {
            let start = PoolGeometry.roundDown(cluster.start, to: PoolGeometry.page)
            let end = PoolGeometry.roundUp(cluster.end, to: PoolGeometry.page)
            runs.append(Run(memoryOffset: start, fileOffset: fileBytes, bytes: end - start))
            fileBytes += end - start
        }
        if fileBytes > 0 {
            try check(mayfly_image_create("mayfly-image", UInt64(fileBytes), &file), "memfd_create", "making an image")
        }
        for piece in pieces {
            if let run = runs.first(where: {
                $0.memoryOffset <= piece.start && piece.end <= $0.memoryOffset + $0.bytes
            }) {
                try write(segments[piece.segment], piece, at: piece.start - run.memoryOffset + run.fileOffset)
            } else {
                outliers.append(Outlier(memoryOffset: piece.start, source: outlierBytes.count, bytes: piece.count))
                outlierBytes += segments[piece.segment].bytes.dropFirst(piece.skip).prefix(piece.count)
            }
        }
        if file >= 0 { try check(mayfly_image_seal(file), "fcntl(F_ADD_SEALS)", "sealing an image") }
    }

    private func write(
        _ segment: InstanceImage.Segment, _ piece: Piece, at fileOffset: Int
    ) throws(PoolError) {
        let error = segment.bytes.withUnsafeBytes {
            mayfly_image_write(file, $0.baseAddress! + piece.skip, piece.count, UInt64(fileOffset))
        }
        try check(error, "pwrite", "filling an image")
    }

    /// Copies what is not mapped into a memory that is otherwise initial.
    func copyOutliers(to memory: UnsafeMutableRawPointer) {
        outlierBytes.withUnsafeBytes { source in
            for outlier in outliers {
                (memory + outlier.memoryOffset).copyMemory(
                    from: source.baseAddress! + outlier.source, byteCount: outlier.bytes)
            }
        }
    }
}

extension MemoryImage {
    /// A segment without the zeros at its ends.
    fileprivate struct Piece {
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
    fileprivate struct Cluster {
        var start: Int
        var end: Int
        /// Bytes of segments in it.
        var data: Int
        var firstPage: Int { start / PoolGeometry.page }
        var lastPage: Int { (end - 1) / PoolGeometry.page }
    }

    /// The pieces in the order of their segments, none empty.
    fileprivate static func pieces(of segments: [InstanceImage.Segment]) -> [Piece] {
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
    fileprivate static func pages(of pieces: [Piece], outside clusters: [Cluster]) -> Int {
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
    fileprivate static func clusters(of pieces: [Piece]) -> [Cluster] {
        var clusters: [Cluster] = []
        for piece in pieces.sorted(by: { $0.start < $1.start }) {
            let end = piece.start + piece.count
            if let last = clusters.last {
                let joined = Cluster(start: last.start, end: max(last.end, end), data: last.data + piece.count)
                let span = joined.end - joined.start
                if piece.start < last.end || span <= guaranteedSpan || span <= 2 * joined.data {
                    clusters[clusters.count - 1] = joined
                    continue
                }
            }
            clusters.append(Cluster(start: piece.start, end: end, data: piece.count))
        }
        return clusters
    }
}
