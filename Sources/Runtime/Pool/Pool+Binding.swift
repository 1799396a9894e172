//! Giving a slot to an image, and taking it away from one.
//!
//! Binding maps fresh pages over everything the former image had accessible, so nothing of it can be left, then the new
//! image on top. What can fail (mappings) comes before what cannot (copies), and the record changes hands last: after a
//! failure the record still describes the former image, and `wipe` makes the slot blank.

internal import CPlatform
internal import Compiler
internal import Glibc

extension Pool {
    /// Makes a slot that is in no list equal to `core`'s image. After a failure the slot must be wiped.
    func bind(_ index: UInt32, to core: ImageCore) throws(PoolError) {
        let record = records + Int(index)
        try open(index)
        try mapMemory(of: core, into: index)
        if let former = record.pointee.image {
            former._withUnsafeGuaranteedRef { clearContext(of: $0, in: index) }
            // A guest never reads a stack slot it has not written, but another module's bytes have no business here.
            discardOrZero(stackBase(index), geometry.stackBytes)
        }
        stamp(core, into: index)
        record.pointee.image?.release()
        record.pointee.image = Unmanaged.passRetained(core)
        record.pointee.header = (0, 0, 0, 0)
        record.pointee.isAltered = false
    }

    /// Makes stack, context and tables accessible on a slot's first use.
    private func open(_ index: UInt32) throws(PoolError) {
        let record = records + Int(index)
        if record.pointee.isOpen { return }
        try check(
            mayfly_make_accessible(stackBase(index), geometry.stackBytes), "mprotect", "opening a slot's stack")
        try check(
            mayfly_make_accessible(context(index), geometry.contextBytes + geometry.tableBytes), "mprotect",
            "opening a slot's context")
        record.pointee.isOpen = true
    }

    private func mapMemory(of core: ImageCore, into index: UInt32) throws(PoolError) {
        let record = records + Int(index)
        let base = memoryBase(index)
        let former = Int(record.pointee.memoryLength)
        let initial = Int(core.memory?.initialBytes ?? 0)
        // Until the record says otherwise, a wipe must cover both.
        record.pointee.memoryLength = UInt64(max(former, initial))
        if initial > 0 { try check(mayfly_map_zero(base, initial), "mmap", "mapping a slot's memory") }
        if former > initial {
            try check(
                mayfly_map_inaccessible(base + initial, former - initial), "mmap", "closing a slot's former memory")
        }
        if let memory = core.memory {
            for run in memory.runs {
                try check(
                    mayfly_map_image(base + run.memoryOffset, run.bytes, memory.file, UInt64(run.fileOffset)), "mmap",
                    "mapping an image")
            }
            // New mappings do not inherit the reservation's setting.
            if max(initial, former) > 0 {
                try check(
                    mayfly_forbid_huge_pages(base, max(initial, former)), "madvise", "keeping huge pages out of a slot")
            }
            memory.copyOutliers(to: base)
        }
        record.pointee.needsOutliers = false
        record.pointee.memoryLength = UInt64(initial)
        record.pointee.initialMemoryLength = UInt64(initial)
    }

    /// Writes the context and the mutable tables. They are zero before.
    private func stamp(_ core: ImageCore, into index: UInt32) {
        writeContext(of: core, for: index, to: context(index))
        for (number, table) in core.tables.enumerated() where !table.isImmutable && !table.isNull {
            context(index).loadPointer(at: core.layout.tableBase(number)).copyMemory(
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
        context.storeWord(core.memory?.initialBytes ?? 0, at: VMContextLayout.memoryLength)
        var next = tables(index)
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
        let context = context(index)
        for (number, table) in core.tables.enumerated() where !table.isImmutable && !table.isNull {
            discardOrZero(context.loadPointer(at: core.layout.tableBase(number)), table.count * 8)
        }
        discardOrZero(context, core.layout.size)
    }

    /// Makes a slot that is in no list blank, whatever state it is in. False if that failed: then it must be retired.
    func wipe(_ index: UInt32) -> Bool {
        let record = records + Int(index)
        // The whole span, not what the record says: a wipe is the answer to a record that cannot be trusted.
        let base = memoryBase(index)
        guard mayfly_map_inaccessible(base, PoolGeometry.memorySpan) == 0,
            mayfly_forbid_huge_pages(base, PoolGeometry.memorySpan) == 0
        else { return false }
        if record.pointee.isOpen {
            discardOrZero(context(index), geometry.contextBytes + geometry.tableBytes)
            discardOrZero(stackBase(index), geometry.stackBytes)
        }
        record.pointee.image?.release()
        record.pointee.image = nil
        record.pointee.memoryLength = 0
        record.pointee.initialMemoryLength = 0
        record.pointee.isAltered = false
        record.pointee.needsOutliers = false
        record.pointee.isBroken = false
        record.pointee.header = (0, 0, 0, 0)
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
