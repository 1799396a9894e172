//! Giving a slot to an image, and taking it away from one.
//!
//! A slot that changes images keeps what pages it has outside the mapped files: they are zeroed. Mappings change only where
//! the images differ in them: files replace files, and the border of what is accessible moves. Two images that are copied and
//! not mapped, of the same size, change places without a system call.
//!
//! After a failure half-way the slot must be wiped, which maps fresh pages over everything and trusts no record.

internal import CPlatform
internal import Compiler
internal import Glibc
internal import WasmModule

extension Pool {
    /// Makes a slot that is in no stack, and settled, equal to an image. After an error the slot must be wiped.
    func bind(_ index: UInt32, to bin: UnsafeMutablePointer<Bin>) throws(PoolError) {
        let core = bin.pointee.core
        let record = records + Int(index)
        let memory = try core.memory?.get(dataPlacement)
        try open(index)
        let initialBytes = Int(core.memory?.initialBytes ?? 0)
        if geometry.isDense {
            try emptyDenseMemory(record, initialBytes: initialBytes)
            // The mapping stays; from the second image on nothing of it is new.
            if record.pointee.image == nil { record.pointee.isUnsearched = true }
        } else {
            try mapMemory(memory, initialBytes: initialBytes, into: index)
            record.pointee.isUnsearched = true
        }
        if growthPolicy != .protect { try mapGrowth(of: core, into: index) }
        if let former = record.pointee.image {
            former._withUnsafeGuaranteedRef { clearContext(of: $0, in: index) }
            scrubStack(index)
        }
        stamp(core, into: index)
        record.pointee.image?.release()
        record.pointee.image = Unmanaged.passRetained(core)
        record.pointee.memory?.release()
        record.pointee.memory = memory.map { Unmanaged.passRetained($0) }
        record.pointee.bin = bin
        record.pointee.header = (0, 0, 0, 0)
        record.pointee.isAltered = false
        record.pointee.needsStamp = memory.map(copiesAnything(of:)) ?? false
        record.pointee.resetsSinceSurvey = 0
        if record.pointee.needsStamp { stampMemory(index) }
        if resetPolicy != .discard { populate(record, bin) }
        noteResident(index)
    }

    /// Where the data of images is to go that are made for the pool.
    var dataPlacement: DataPlacement {
        geometry.isDense ? .copied : resetPolicy != .discard ? .fewPagesCopied : .mapped
    }

    /// Makes pages the slot's own that the image's instances have been found to write to, so that the first one here has no
    /// faults for them. What fails is left to faults.
    private func populate(_ record: UnsafeMutablePointer<SlotRecord>, _ bin: UnsafeMutablePointer<Bin>) {
        guard residentBytes.load(ordering: .relaxed) < configuration.warmBytes / 4 * 3 else { return }
        let end = Int(record.pointee.initialMemoryLength) / PoolGeometry.page
        var touched = 0
        for run in lock.withLock({ bin.pointee.learned }) where run.upperBound <= end {
            let start = record.pointee.memoryBase + run.lowerBound * PoolGeometry.page
            if run.count >= Self.leastPopulatedRun, KernelFeatures.current.populates {
                // All of it, or what of it there is will be found by the first reset.
                guard mayfly_populate(start, run.count * PoolGeometry.page) == 0 else { return }
            } else {
                touched += run.count
                guard touched <= Self.mostTouchedPages else { return }
                mayfly_touch_pages(start, run.count)
            }
            record.pointee.resident.insert(run)
        }
    }

    /// Remembers the runs of pages that a slot has come to own.
    func learn(_ record: UnsafeMutablePointer<SlotRecord>) {
        guard let bin = record.pointee.bin else { return }
        var runs: [Range<Int>] = []
        record.pointee.resident.forEachRun(in: 0..<record.pointee.resident.count) { runs.append($0) }
        lock.withLock { bin.pointee.learned = runs }
    }

    /// Pages in a row from which on one system call for all costs less than their faults.
    static var leastPopulatedRun: Int { 16 }
    /// Pages that are written to one by one, at most: what is no more than the guest's own faults if it wanted them, is lost
    /// if it did not.
    private static var mostTouchedPages: Int { 64 }

    /// Makes stack, context and tables accessible on a slot's first use.
    private func open(_ index: UInt32) throws(PoolError) {
        let record = records + Int(index)
        if record.pointee.isOpen { return }
        try check(
            mayfly_make_accessible(record.pointee.stackBase, geometry.stackBytes), "mprotect", "opening a slot's stack")
        try check(
            mayfly_make_accessible(record.pointee.context, geometry.contextBytes + geometry.tableBytes), "mprotect",
            "opening a slot's context")
        record.pointee.isOpen = true
    }

    private func mapMemory(_ image: MemoryImage?, initialBytes initial: Int, into index: UInt32) throws(PoolError) {
        let record = records + Int(index)
        let base = record.pointee.memoryBase
        let former = Int(record.pointee.memoryLength)
        if record.pointee.growthBytes > 0 {
            let bytes = record.pointee.growthBytes
            try check(mayfly_map_inaccessible(base + former, bytes), "mmap", "closing a slot's growth file")
            try check(mayfly_forbid_huge_pages(base + former, bytes), "madvise", "keeping huge pages out of a slot")
            mayfly_growth_unguard(base + former)
            record.pointee.growthBytes = 0
        }
        if resetPolicy == .discard, former > 0 {
            // Nobody has kept account of the pages that were copied in.
            try check(mayfly_discard(base, former), "madvise", "discarding a former image's pages")
            // What a copying of the slot has found out: to zero it would bring the pages back.
            record.pointee.resident.removeAll()
        }
        // Files that are not replaced by others make place for inaccessible memory.
        var isAccessible = former > 0
        if let formerImage = record.pointee.memory {
            for run in formerImage._withUnsafeGuaranteedRef({ $0.runs }) {
                record.pointee.resident.remove(run.pages)
                if let image, image.runs.contains(where: { $0.pages == run.pages }) { continue }
                isAccessible = false
                try check(
                    mayfly_map_inaccessible(base + run.memoryOffset, run.bytes), "mmap", "unmapping a former image")
                try check(
                    mayfly_forbid_huge_pages(base + run.memoryOffset, run.bytes), "madvise",
                    "keeping huge pages out of a slot")
            }
        }
        // What is left are anonymous pages, all of them accessible or, beyond the former size, zero.
        zero(record, below: former)
        if isAccessible, initial > former {
            try makeAccessible(base + former, initial - former)
        } else if !isAccessible, initial > 0 {
            try makeAccessible(base, initial)
        }
        if former > initial {
            if record.pointee.isUnsearched {
                // There may be pages that nobody knows of. Who grows into them would write to them without a fault.
                try check(
                    mayfly_discard(base + initial, former - initial), "madvise", "emptying a slot's former memory")
                record.pointee.resident.remove(initial / PoolGeometry.page..<former / PoolGeometry.page)
            }
            try check(
                mayfly_make_inaccessible(base + initial, former - initial), "mprotect",
                "closing a slot's former memory")
        }
        // A file's mapping need not be kept free of huge pages: what is copied on write there never is one.
        for run in image?.runs ?? [] {
            try check(
                mayfly_map_image(base + run.memoryOffset, run.bytes, run.file.descriptor, UInt64(run.fileOffset)),
                "mmap",
                "mapping an image")
            record.pointee.resident.remove(run.pages)
        }
        record.pointee.memoryLength = UInt64(initial)
        record.pointee.initialMemoryLength = UInt64(initial)
    }

    private func makeAccessible(_ start: UnsafeMutableRawPointer, _ bytes: Int) throws(PoolError) {
        try check(mayfly_make_accessible(start, bytes), "mprotect", "opening a slot's memory")
    }

    /// Zeroes the pages that a slot keeps of its accessible, anonymous memory.
    func zero(_ record: UnsafeMutablePointer<SlotRecord>, below bytes: Int) {
        let end = record.pointee.resident.firstIndex(from: bytes / PoolGeometry.page)
        for position in 0..<end {
            memset(record.pointee.memoryBase + record.pointee.resident[position].offset, 0, PoolGeometry.page)
        }
    }

    /// Copies what an image does not map into a memory that is otherwise equal to it.
    func stampMemory(_ index: UInt32) {
        let record = records + Int(index)
        record.pointee.needsStamp = false
        record.pointee.memory?._withUnsafeGuaranteedRef { memory in
            if geometry.isDense { copyRuns(of: memory, into: record) }
            if resetPolicy != .discard {
                for outlier in memory.outliers { record.pointee.resident.insert(outlier.pages) }
                noteResident(index)
            }
            memory.copyOutliers(to: record.pointee.memoryBase)
        }
    }

    /// Brings the sum of what slots keep up to date.
    func noteResident(_ index: UInt32) {
        let record = records + Int(index)
        let bytes = record.pointee.residentBytes
        let change = bytes - Int(record.pointee.link.pointee.counters.residentBytes.value)
        if change == 0 { return }
        record.pointee.link.pointee.counters.residentBytes.set(bytes)
        residentBytes.wrappingAdd(change, ordering: .relaxed)
    }

    // MARK: Context

    /// Writes the context and the mutable tables. They are zero before.
    private func stamp(_ core: ImageCore, into index: UInt32) {
        let context = records[Int(index)].context
        writeContext(of: core, for: index, to: context)
        for (number, table) in core.tables.enumerated() where !table.isImmutable && !table.isNull {
            context.loadPointer(at: core.layout.tableBase(number)).copyMemory(
                from: table.elements, byteCount: table.count * 8)
        }
    }

    /// The context of a slot right after stamping, all of it, with the image's user's header fields zero.
    func writeContext(of core: ImageCore, for index: UInt32, to context: UnsafeMutableRawPointer) {
        let slot = slot(index, isFresh: true)
        context.copyMemory(from: core.context, byteCount: core.layout.size)
        context.storeWord(slot.stackLimit, at: VMContextLayout.stackLimit)
        context.storeWord(slot.initialStackPointer, at: VMContextLayout.guestStackPointer)
        context.storeWord(slot.memoryBase, at: VMContextLayout.memoryBase)
        context.storeWord(slot.context, at: VMContextLayout.root)
        context.storeWord(core.memory?.initialBytes ?? 0, at: VMContextLayout.memoryLength)
        var next = records[Int(index)].tables
        let shares = core.tableShares(of: geometry.tableElements - core.mutableElements)
        for (number, table) in core.tables.enumerated() {
            let base = table.isImmutable ? table.elements : next
            if !table.isImmutable { next += table.count + shares[number] }
            context.storeWord(UnsafeMutableRawPointer(base), at: core.layout.tableBase(number))
            context.storeWord(UInt64(table.count), at: core.layout.tableLength(number))
        }
    }

    /// Zeroes the context and the tables of a slot that equals its image.
    private func clearContext(of core: ImageCore, in index: UInt32) {
        let context = records[Int(index)].context
        for (number, table) in core.tables.enumerated() where !table.isImmutable && !table.isNull {
            discardOrZero(context.loadPointer(at: core.layout.tableBase(number)), table.count * 8)
        }
        discardOrZero(context, core.layout.size)
    }

    /// Zeroes what a former image's guests left on the stack. A guest never reads a stack slot it has not written, but
    /// another module's bytes have no business here.
    ///
    /// From the top down to the first page that is zero: guests leave no gaps of a page, but for frames with large areas
    /// they never write, and what such a frame hides is discarded with the next trimming of the deep part. In the first page may be
    /// the beginning of a context, which is written afterwards.
    private func scrubStack(_ index: UInt32) {
        let record = records + Int(index)
        var page = record.pointee.stackBase + geometry.stackBytes - PoolGeometry.page
        var isWorthLooking = true
        while isWorthLooking, page >= record.pointee.stackBase {
            isWorthLooking = !isZeroPage(page)
            if isWorthLooking { memset(page, 0, PoolGeometry.page) }
            page -= PoolGeometry.page
        }
        trimStack(index, isDue: true)
    }

    // MARK: Wiping

    /// Makes a slot that is in no stack blank, whatever state it is in. False if that failed: then it must be retired.
    func wipe(_ index: UInt32) -> Bool {
        let record = records + Int(index)
        // The whole span, not what the record says: a wipe is the answer to a record that cannot be trusted.
        let base = record.pointee.memoryBase
        if record.pointee.growthFile >= 0 { closeGrowthFile(index) }
        if geometry.isDense {
            guard mayfly_discard(base, geometry.memorySpan) == 0 else { return false }
        } else {
            guard mayfly_map_inaccessible(base, geometry.memorySpan) == 0,
                mayfly_forbid_huge_pages(base, geometry.memorySpan) == 0
            else { return false }
        }
        if record.pointee.isOpen {
            discardOrZero(record.pointee.context, geometry.contextBytes + geometry.tableBytes)
            discardOrZero(record.pointee.stackBase, geometry.stackBytes)
        }
        record.pointee.link.pointee.counters.discards.add()
        record.pointee.link.pointee.counters.discardedPages.add(record.pointee.resident.count)
        record.pointee.resident.removeAll()
        record.pointee.resident.shrink()
        noteResident(index)
        record.pointee.image?.release()
        record.pointee.image = nil
        record.pointee.memory?.release()
        record.pointee.memory = nil
        record.pointee.bin = nil
        record.pointee.memoryLength = 0
        record.pointee.initialMemoryLength = 0
        record.pointee.use = SlotUse()
        record.pointee.isAltered = false
        record.pointee.needsStamp = false
        record.pointee.isBroken = false
        record.pointee.header = (0, 0, 0, 0)
        record.pointee.state = .blank
        return true
    }

    /// Zeroes anonymous memory: small pieces by writing, whole pages of large ones by giving them back.
    func discardOrZero(_ start: UnsafeMutableRawPointer, _ bytes: Int) {
        guard bytes > PoolGeometry.largestZeroing else {
            memset(start, 0, bytes)
            return
        }
        let first = Int(bitPattern: start)
        let firstPage = PoolGeometry.roundUp(first, to: PoolGeometry.page)
        let pagesEnd = PoolGeometry.roundDown(first + bytes, to: PoolGeometry.page)
        guard mayfly_discard(start + (firstPage - first), pagesEnd - firstPage) == 0 else {
            memset(start, 0, bytes)
            return
        }
        memset(start, 0, firstPage - first)
        memset(start + (pagesEnd - first), 0, first + bytes - pagesEnd)
    }
}

/// Whether a page holds zeroes only.
@inline(__always)
func isZeroPage(_ page: UnsafeRawPointer) -> Bool {
    // It does if its first word is zero and each word equals the next.
    page.load(as: UInt64.self) == 0 && memcmp(page, page + 8, PoolGeometry.page - 8) == 0
}

extension ImageCore {
    /// Elements of room to grow for each table, from `spare` elements: equal shares, but no more than a table's
    /// maximum.
    func tableShares(of spare: Int) -> [Int] {
        var shares = [Int](repeating: 0, count: tables.count)
        var spare = spare
        var left = growthOrder.count
        for number in growthOrder {
            shares[number] = min(tables[number].maximum - tables[number].count, spare / left)
            spare -= shares[number]
            left -= 1
        }
        return shares
    }
}

extension UnsafeMutableRawPointer {
    @inline(__always)
    func storeWord(_ value: UInt64, at offset: Int) { storeBytes(of: value, toByteOffset: offset, as: UInt64.self) }
    @inline(__always)
    func storeWord(_ value: UnsafeMutableRawPointer, at offset: Int) {
        storeWord(UInt64(UInt(bitPattern: value)), at: offset)
    }
    @inline(__always)
    func loadWord(at offset: Int) -> UInt64 { load(fromByteOffset: offset, as: UInt64.self) }
    /// An address the pool itself has stored.
    @inline(__always)
    func loadPointer(at offset: Int) -> UnsafeMutableRawPointer {
        load(fromByteOffset: offset, as: UnsafeMutableRawPointer.self)
    }
}
