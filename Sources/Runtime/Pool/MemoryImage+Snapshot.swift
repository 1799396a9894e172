//! The image of a memory as it has become: what changed in a file of its own, over what is left of the image it began with.
//!
//! What did not change is mapped from the file it is in already, and costs nothing, however large. What changed is copied once.
//! Pages that changed lie in *spans*; each is a piece of the new file. Two changes are in one span where the gap between
//! them has nothing to copy and is not too wide, or where more mappings would be too many: then what the gap holds is
//! copied too, and where it holds zeroes the file has a hole.

internal import CPlatform

extension MemoryImage {
    /// Runs of an image that has layers. More of them, and all are copied into one.
    private static let mostLayeredRuns = 8
    /// Pages of a gap from which on a hole in the file is not worth it: 4 MiB. A page of a hole that is read or written comes into
    /// being in the file too.
    private static let widestHole = 1024

    /// - Parameters:
    ///   - base: what the memory began with.
    ///   - changed: runs of pages that may differ from it, in order.
    ///   - memory: where they can be read. Nobody may write to it meanwhile.
    ///   - copiesFewPages: whether changes of few pages are to be copied into slots instead of mapped.
    convenience init(
        over base: MemoryImage, changed: [Range<Int>], in memory: UnsafeRawPointer, copiesFewPages: Bool
    ) throws(PoolError) {
        let count = changed.reduce(0) { $0 + $1.count }
        if copiesFewPages && count <= Self.mostCopiedPages {
            var bytes: [UInt8] = []
            let outliers = changed.map { pages in
                let offset = pages.lowerBound * PoolGeometry.page
                let outlier = Outlier(
                    memoryOffset: offset, source: bytes.count, bytes: pages.count * PoolGeometry.page)
                bytes += UnsafeRawBufferPointer(start: memory + offset, count: outlier.bytes)
                return outlier
            }
            self.init(runs: base.runs, outliers: outliers, outlierBytes: bytes)
            return
        }
        let spans = Self.spans(of: changed, over: base.runs)
        let size = spans.reduce(0) { $0 + $1.count } * PoolGeometry.page
        let file = try ImageFile(bytes: size) { file throws(PoolError) in
            var start = 0
            for span in spans {
                try base.write(span, with: changed, in: memory, to: file, at: start)
                start += span.count * PoolGeometry.page
            }
        }
        var runs = base.runs.flatMap { $0.without(spans) }
        var start = 0
        for span in spans {
            let bytes = span.count * PoolGeometry.page
            runs.append(
                Run(
                    memoryOffset: span.lowerBound * PoolGeometry.page, fileOffset: start, bytes: bytes, file: file))
            start += bytes
        }
        runs.sort { $0.memoryOffset < $1.memoryOffset }
        self.init(runs: runs, outliers: [], outlierBytes: [])
    }

    /// Spans that hold all changes, such that they and what is left of the base are few runs.
    static func spans(of changed: [Range<Int>], over base: [Run]) -> [Range<Int>] {
        /// Between a change and the next.
        struct Gap {
            var after: Int
            var pages: Int
            var basePages: Int
        }
        var gaps: [Gap] = []
        var first = 0
        for index in changed.indices.dropLast() {
            let gap = changed[index].upperBound..<changed[index + 1].lowerBound
            while first < base.count, base[first].pages.upperBound <= gap.lowerBound { first += 1 }
            var basePages = 0
            for run in base[first...] {
                guard run.pages.lowerBound < gap.upperBound else { break }
                basePages += run.pages.clamped(to: gap).count
            }
            if basePages > 0 || gap.count > widestHole {
                gaps.append(Gap(after: index, pages: gap.count, basePages: basePages))
            }
        }
        // What would be copied counts most.
        gaps.sort { ($0.basePages, $0.pages, $1.after) > ($1.basePages, $1.pages, $0.after) }
        for splits in stride(from: min(gaps.count, mostRuns - 1), through: 0, by: -1) {
            var spans: [Range<Int>] = []
            var start = 0
            for gap in gaps.prefix(splits).sorted(by: { $0.after < $1.after }) {
                spans.append(changed[start].lowerBound..<changed[gap.after].upperBound)
                start = gap.after + 1
            }
            spans.append(changed[start].lowerBound..<changed[changed.count - 1].upperBound)
            let left = base.reduce(0) { $0 + $1.without(spans).count }
            if left + spans.count <= mostLayeredRuns { return spans }
        }
        let lowest = min(changed[0].lowerBound, base.first?.pages.lowerBound ?? .max)
        let highest = max(changed[changed.count - 1].upperBound, base.last?.pages.upperBound ?? 0)
        return [lowest..<highest]
    }

    /// Writes the pages of a span to a file that is zero: those that changed as they are in the memory, the others as they are
    /// here.
    private func write(
        _ span: Range<Int>, with changed: [Range<Int>], in memory: UnsafeRawPointer, to file: Int32, at start: Int
    ) throws(PoolError) {
        var next = span.lowerBound
        for pages in changed where pages.lowerBound < span.upperBound && pages.upperBound > span.lowerBound {
            try writeOwn(next..<pages.lowerBound, of: span, to: file, at: start)
            let source = memory + pages.lowerBound * PoolGeometry.page
            try Self.write(source, pages, of: span, to: file, at: start)
            next = pages.upperBound
        }
        try writeOwn(next..<span.upperBound, of: span, to: file, at: start)
    }

    private func writeOwn(_ pages: Range<Int>, of span: Range<Int>, to file: Int32, at start: Int) throws(PoolError) {
        for run in runs where run.pages.overlaps(pages) {
            let part = run.pages.clamped(to: pages)
            let source = run.file.view(at: run.fileOffset) + (part.lowerBound - run.pages.lowerBound) * PoolGeometry.page
            try Self.write(source, part, of: span, to: file, at: start)
        }
    }

    private static func write(
        _ source: UnsafeRawPointer, _ pages: Range<Int>, of span: Range<Int>, to file: Int32, at start: Int
    ) throws(PoolError) {
        // Zeroes are what is there.
        var first = 0
        while first < pages.count {
            if isZeroPage(source + first * PoolGeometry.page) {
                first += 1
                continue
            }
            var end = first + 1
            while end < pages.count, !isZeroPage(source + end * PoolGeometry.page) { end += 1 }
            let offset = start + (pages.lowerBound + first - span.lowerBound) * PoolGeometry.page
            let error = mayfly_image_write(
                file, source + first * PoolGeometry.page, (end - first) * PoolGeometry.page, UInt64(offset))
            try check(error, "pwrite", "writing a snapshot's pages")
            first = end
        }
    }
}

extension MemoryImage.Run {
    /// What is left of a run.
    ///
    /// - Parameter spans: runs of pages, in order.
    fileprivate func without(_ spans: [Range<Int>]) -> [MemoryImage.Run] {
        var parts: [MemoryImage.Run] = []
        func keep(_ kept: Range<Int>) {
            guard !kept.isEmpty else { return }
            let skipped = (kept.lowerBound - pages.lowerBound) * PoolGeometry.page
            parts.append(
                MemoryImage.Run(
                    memoryOffset: memoryOffset + skipped, fileOffset: fileOffset + skipped,
                    bytes: kept.count * PoolGeometry.page, file: file))
        }
        var next = pages.lowerBound
        for span in spans where span.overlaps(pages) {
            keep(next..<max(next, span.lowerBound))
            next = min(span.upperBound, pages.upperBound)
        }
        keep(next..<pages.upperBound)
        return parts
    }
}
