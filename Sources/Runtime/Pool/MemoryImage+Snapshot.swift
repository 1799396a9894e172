//! The image of a memory as it has become: what changed in a file of its own, over what is left of the image it began with.
//!
//! What did not change is mapped from the file it is in already, and costs nothing, however large. What changed is copied once:
//! into *spans* of the new file, as many as there may be mappings. Two changes are in one span where the gap between them has
//! hardly anything to copy and is not too wide; where the gap holds zeroes the file has a hole. Changes that lie too far from
//! others are pages to be copied into slots, as an image's outliers are, if there are not too many of them. Otherwise spans
//! include what lies between.

internal import CPlatform

extension MemoryImage {
    /// Runs of an image that has layers. More of them, and all are copied into one.
    private static let mostLayeredRuns = 8
    /// Pages of a gap from which on a hole in the file is not worth it: 4 MiB. A page of a hole that is read or written comes into
    /// being in the file too.
    private static let widestHole = 1024
    /// Pages of a gap that are copied so that the changes around it need no mappings of their own.
    private static let mostBridgedPages = 8
    /// Changed pages that are copied into slots, where slots keep their pages. Each costs a slot a page and every reset 0.07 µs;
    /// the other way is a file with all that lies between them.
    private static let mostScatteredPages = 256

    /// - Parameters:
    ///   - base: what the memory began with.
    ///   - changed: runs of pages that may differ from it, in order, at least one.
    ///   - memory: where they can be read. Nobody may write to it meanwhile.
    ///   - copiesFewPages: whether slots keep their pages, so that copying some into them costs little.
    convenience init(
        over base: MemoryImage, changed: [Range<Int>], in memory: UnsafeRawPointer, copiesFewPages: Bool
    ) throws(PoolError) {
        let plan = LayerPlan(changed, over: base.runs, copiesFewPages: copiesFewPages)
        var bytes: [UInt8] = []
        let outliers = Self.outliers(of: plan.copied)
        for outlier in outliers {
            bytes += UnsafeRawBufferPointer(start: memory + outlier.memoryOffset, count: outlier.bytes)
        }
        var runs = base.runs.flatMap { $0.without(plan.spans) }
        let size = plan.spans.pageCount * PoolGeometry.page
        if size > 0 {
            let file = try ImageFile(bytes: size) { file throws(PoolError) in
                var start = 0
                for span in plan.spans {
                    try base.write(span, with: changed, in: memory, to: file, at: start)
                    start += span.count * PoolGeometry.page
                }
            }
            runs += Self.runs(of: plan.spans, in: file, from: 0)
            runs.sort { $0.memoryOffset < $1.memoryOffset }
        }
        self.init(runs: runs, outliers: outliers, outlierBytes: bytes)
    }

    /// Pages that lie in a file side by side.
    static func runs(of spans: [Range<Int>], in file: ImageFile, from start: Int) -> [Run] {
        var offset = start
        return spans.map { span in
            let bytes = span.count * PoolGeometry.page
            defer { offset += bytes }
            return Run(
                memoryOffset: span.lowerBound * PoolGeometry.page, fileOffset: offset, bytes: bytes, file: file)
        }
    }

    /// Pages that lie among an image's outlier bytes side by side.
    static func outliers(of spans: [Range<Int>]) -> [Outlier] {
        var source = 0
        return spans.map { span in
            let bytes = span.count * PoolGeometry.page
            defer { source += bytes }
            return Outlier(memoryOffset: span.lowerBound * PoolGeometry.page, source: source, bytes: bytes)
        }
    }

    /// Where changed pages go.
    struct LayerPlan {
        /// Pieces of a new file, in order.
        private(set) var spans: [Range<Int>] = []
        /// To be copied into slots, in order.
        private(set) var copied: [Range<Int>] = []

        init(_ changed: [Range<Int>], over base: [Run], copiesFewPages: Bool) {
            if copiesFewPages && changed.pageCount <= mostCopiedPages {
                copied = changed
                return
            }
            func areFew(_ spans: [Range<Int>]) -> Bool {
                spans.count + base.reduce(0) { $0 + $1.without(spans).count } <= mostLayeredRuns
            }
            let gaps = Self.gaps(of: changed, over: base)
            // First what is near each other, then whatever it takes to be few.
            let near = Self.spans(
                of: changed, split: gaps.filter { $0.basePages > mostBridgedPages || $0.pages > widestHole })
            let pages = near.map { span in
                Array(changed[Self.indices(of: changed, in: span)]).pageCount
            }
            let byPages = near.indices.sorted { (pages[$0], $1) > (pages[$1], $0) }
            for count in stride(from: min(near.count, mostRuns), through: 0, by: -1) {
                let rest = byPages.dropFirst(count)
                if rest.reduce(0, { $0 + pages[$1] }) > (copiesFewPages ? mostScatteredPages : mostOutlierPages) {
                    break
                }
                spans = byPages.prefix(count).sorted().map { near[$0] }
                if areFew(spans) {
                    copied = rest.sorted().flatMap { changed[Self.indices(of: changed, in: near[$0])] }
                    return
                }
            }
            // What would be copied counts most.
            let widest = gaps.filter { $0.basePages > 0 || $0.pages > widestHole }
                .sorted { ($0.basePages, $0.pages, $1.after) > ($1.basePages, $1.pages, $0.after) }
            for splits in stride(from: min(widest.count, mostRuns - 1), through: 0, by: -1) {
                spans = Self.spans(of: changed, split: widest.prefix(splits).sorted { $0.after < $1.after })
                if areFew(spans) { return }
            }
            let lowest = min(changed[0].lowerBound, base.first?.pages.lowerBound ?? .max)
            let highest = max(changed[changed.count - 1].upperBound, base.last?.pages.upperBound ?? 0)
            spans = [lowest..<highest]
        }

        /// Between a change and the next.
        private struct Gap {
            /// The index of the former.
            var after: Int
            var pages: Int
            /// Those of a file.
            var basePages: Int
        }

        private static func gaps(of changed: [Range<Int>], over base: [Run]) -> [Gap] {
            var first = 0
            return changed.indices.dropLast().map { index in
                let gap = changed[index].upperBound..<changed[index + 1].lowerBound
                while first < base.count, base[first].pages.upperBound <= gap.lowerBound { first += 1 }
                var basePages = 0
                for run in base[first...] {
                    guard run.pages.lowerBound < gap.upperBound else { break }
                    basePages += run.pages.clamped(to: gap).count
                }
                return Gap(after: index, pages: gap.count, basePages: basePages)
            }
        }

        /// All changes, in as few spans as the gaps between them make.
        private static func spans(of changed: [Range<Int>], split gaps: [Gap]) -> [Range<Int>] {
            var spans: [Range<Int>] = []
            var start = 0
            for gap in gaps {
                spans.append(changed[start].lowerBound..<changed[gap.after].upperBound)
                start = gap.after + 1
            }
            spans.append(changed[start].lowerBound..<changed[changed.count - 1].upperBound)
            return spans
        }

        /// Of the changes in a span, which begins and ends with one.
        private static func indices(of changed: [Range<Int>], in span: Range<Int>) -> Range<Int> {
            func first(_ isBehind: (Range<Int>) -> Bool) -> Int {
                var (low, high) = (0, changed.count)
                while low < high {
                    let middle = (low + high) / 2
                    if isBehind(changed[middle]) { high = middle } else { low = middle + 1 }
                }
                return low
            }
            return first { $0.lowerBound >= span.lowerBound }..<first { $0.lowerBound >= span.upperBound }
        }
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
            let source =
                run.file.view(at: run.fileOffset) + (part.lowerBound - run.pages.lowerBound) * PoolGeometry.page
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
