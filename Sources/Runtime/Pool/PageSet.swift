//! The pages of a slot's memory that are its own: those that a reset has to restore.
//!
//! A sorted list of page numbers, each with an age, in memory of its own. Lookups are rare and walks are the rule: a reset
//! goes through all of it once.
//!
//! Invariant of its users: between two runs of a slot, every page of its memory that is not the image file's is in the set.

internal import CPlatform

struct PageSet: ~Copyable {
    /// A page of 4 KiB and how often it was found unchanged. 20 bits of number cover the 4 GiB of a memory.
    struct Entry: BitwiseCopyable {
        private var bits: UInt32

        init(page: Int, age: UInt32 = 0) { bits = UInt32(truncatingIfNeeded: page) | age << 20 }

        @inline(__always) var page: Int { Int(bits & 0xF_FFFF) }
        @inline(__always) var age: UInt32 { bits >> 20 }
        @inline(__always) var offset: Int { page * PoolGeometry.page }
    }

    private(set) var count = 0
    private var capacity = 0
    private var entries: UnsafeMutablePointer<Entry>

    init() { entries = .allocate(capacity: 0) }

    deinit { entries.deallocate() }

    @inline(__always)
    subscript(index: Int) -> Entry {
        get { entries[index] }
        set { entries[index] = newValue }
    }

    var bytes: Int { count * PoolGeometry.page }

    mutating func removeAll() { count = 0 }

    /// Keeps the memory of the list small after a run that had many pages.
    mutating func shrink() {
        guard capacity > 256, count < capacity / 4 else { return }
        reallocate(to: max(count, 64))
    }

    private mutating func reallocate(to newCapacity: Int) {
        let larger = UnsafeMutablePointer<Entry>.allocate(capacity: newCapacity)
        larger.update(from: entries, count: count)
        entries.deallocate()
        entries = larger
        capacity = newCapacity
    }

    /// The index of the first entry whose page is not below `page`.
    func firstIndex(from page: Int) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].page < page { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func contains(_ page: Int) -> Bool {
        let index = firstIndex(from: page)
        return index < count && entries[index].page == page
    }

    /// Appends a page above all others.
    mutating func append(_ page: Int) {
        if count == capacity { reallocate(to: max(16, capacity * 2)) }
        entries[count] = Entry(page: page)
        count += 1
    }

    /// Adds the pages of a range. Returns how many were new.
    @discardableResult
    mutating func insert(_ pages: Range<Int>) -> Int {
        let start = firstIndex(from: pages.lowerBound)
        let end = firstIndex(from: pages.upperBound)
        let added = pages.count - (end - start)
        guard added > 0 else { return 0 }
        if count + added > capacity { reallocate(to: max(16, count + added, capacity * 2)) }
        (entries + end + added).update(from: entries + end, count: count - end)
        count += added
        // What was in the range keeps no age: somebody is writing to it.
        for (index, page) in pages.enumerated() { entries[start + index] = Entry(page: page) }
        return added
    }

    /// Takes out the pages of a range. Returns how many there were.
    @discardableResult
    mutating func remove(_ pages: Range<Int>) -> Int {
        let start = firstIndex(from: pages.lowerBound)
        let end = firstIndex(from: pages.upperBound)
        guard end > start else { return 0 }
        (entries + start).update(from: entries + end, count: count - end)
        count -= end - start
        return end - start
    }

    /// Keeps the entries for which `isKept` says so.
    mutating func filter(_ isKept: (Entry) -> Bool) {
        var kept = 0
        for index in 0..<count where isKept(entries[index]) {
            entries[kept] = entries[index]
            kept += 1
        }
        count = kept
    }

    /// Calls `body` with each run of neighbouring pages among the entries of an index range.
    func forEachRun(in indices: Range<Int>, _ body: (Range<Int>) -> Void) {
        var index = indices.lowerBound
        while index < indices.upperBound {
            let first = entries[index].page
            var next = index + 1
            while next < indices.upperBound, entries[next].page == first + next - index { next += 1 }
            body(first..<first + next - index)
            index = next
        }
    }
}
