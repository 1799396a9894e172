//! Lists of runs of pages: in order, without overlaps.

extension [Range<Int>] {
    /// Pages in all runs.
    var pageCount: Int { reduce(0) { $0 + $1.count } }

    /// Appends pages that begin in the last run, right behind it, or further on.
    mutating func join(_ pages: Range<Int>) {
        if let last, pages.lowerBound <= last.upperBound {
            self[count - 1] = last.lowerBound..<Swift.max(last.upperBound, pages.upperBound)
        } else {
            append(pages)
        }
    }

    /// Appends a page that lies behind all others, or in the last run.
    mutating func join(_ page: Int) { join(page..<page + 1) }
}
