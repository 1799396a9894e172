//! Making a slot equal to its image again, after code ran in it: the baseline policy, which needs nothing but
//! `madvise`.
//!
//! Order matters. First the growth is closed, then everything that was accessible is discarded, the closed part
//! included: so no byte of it is there when a later instance grows into it. A call that fails ends the reset as failed,
//! and the caller must replace the mappings; nothing that is written before that is relied upon.

internal import CPlatform
internal import Compiler
internal import Glibc

extension Pool {
    /// False if the slot may not be used again as it is.
    func reset(_ index: UInt32) -> Bool {
        let record = records + Int(index)
        guard let image = record.pointee.image, !record.pointee.isBroken else { return false }
        let base = memoryBase(index)
        let length = Int(record.pointee.memoryLength)
        let initial = Int(record.pointee.initialMemoryLength)
        if length > initial, mayfly_make_inaccessible(base + initial, length - initial) != 0 { return false }
        if length > 0, mayfly_discard(base, length) != 0 { return false }
        record.pointee.memoryLength = UInt64(initial)
        image._withUnsafeGuaranteedRef { core in
            record.pointee.needsOutliers = core.memory.map { !$0.outliers.isEmpty } ?? false
            resetTables(of: core, in: index)
            resetContext(of: core, in: index)
        }
        trimStack(index)
        record.pointee.isAltered = false
        return true
    }

    private func resetContext(of core: ImageCore, in index: UInt32) {
        let context = context(index)
        let start = core.layout.mutableStart
        (context + start).copyMemory(from: core.context + start, byteCount: core.layout.size - start)
        context.storeWord(UInt64(records[Int(index)].initialMemoryLength), at: VMContextLayout.memoryLength)
        context.storeWord(0, at: VMContextLayout.request)
        context.storeWord(0, at: VMContextLayout.hostStackPointer)
        context.storeWord(
            slot(index, isFresh: false).initialStackPointer, at: VMContextLayout.guestStackPointer)
        for offset in VMContextLayout.clearedByReset { context.storeWord(0, at: offset) }
        noteHeader(of: index)
    }

    /// Remembers the fields that belong to the image's user, which no run may change: `residue` compares them.
    private func noteHeader(of index: UInt32) {
        let record = records + Int(index)
        guard record.pointee.header.0 == 0 else { return }
        record.pointee.header = sharedHeader(of: index)
    }

    func sharedHeader(of index: UInt32) -> (UInt64, UInt64, UInt64, UInt64) {
        let context = context(index)
        return (
            context.loadWord(at: VMContextLayout.functionRecords), context.loadWord(at: VMContextLayout.hostDispatch),
            context.loadWord(at: VMContextLayout.runtimeDispatch), context.loadWord(at: VMContextLayout.exitStub)
        )
    }

    private func resetTables(of core: ImageCore, in index: UInt32) {
        let context = context(index)
        for (number, table) in core.tables.enumerated() where !table.isImmutable {
            let elements = context.loadPointer(at: core.layout.tableBase(number))
            let length = Int(clamping: context.loadWord(at: core.layout.tableLength(number)))
            if length > table.count {
                let room = tableCapacity(number, of: core, in: index)
                discardOrZero(elements + table.count * 8, (min(length, room) - table.count) * 8)
                context.storeWord(UInt64(table.count), at: core.layout.tableLength(number))
            }
            // Comparing first keeps pages clean that nobody wrote.
            var offset = 0
            while offset < table.count * 8 {
                let bytes = min(PoolGeometry.page, table.count * 8 - offset)
                let source = UnsafeRawPointer(table.elements) + offset
                if memcmp(elements + offset, source, bytes) != 0 { memcpy(elements + offset, source, bytes) }
                offset += bytes
            }
        }
    }

    /// Elements that fit between a mutable table's start and the next one's.
    func tableCapacity(_ number: Int, of core: ImageCore, in index: UInt32) -> Int {
        let context = context(index)
        let start = context.loadPointer(at: core.layout.tableBase(number))
        let end =
            core.nextMutableTable[number].map { context.loadPointer(at: core.layout.tableBase($0)) }
            ?? UnsafeMutableRawPointer(tables(index) + geometry.tableElements)
        return (end - start) / 8
    }

    /// Keeps what stays resident of a stack bounded: 64 KiB and a page.
    ///
    /// Whether a guest went deeper shows in a strip it has to cross, which is zero otherwise. A frame that skips the
    /// strip unwritten escapes this, so now and then the deep part is discarded without looking. Nothing depends on the
    /// result but memory use, so a failing call changes nothing.
    private func trimStack(_ index: UInt32) {
        let depth = PoolGeometry.keptStack + PoolGeometry.page
        guard geometry.stackBytes > depth else { return }
        let record = records + Int(index)
        let base = stackBase(index)
        let page = base + (geometry.stackBytes - depth)
        let strip = page + (PoolGeometry.page - PoolGeometry.stackProbe)
        var bits: UInt64 = 0
        for offset in stride(from: 0, to: PoolGeometry.stackProbe, by: 8) { bits |= strip.loadWord(at: offset) }
        record.pointee.resetsSinceStackTrim &+= 1
        guard bits != 0 || record.pointee.resetsSinceStackTrim == PoolGeometry.resetsBetweenStackTrims else { return }
        record.pointee.resetsSinceStackTrim = 0
        if bits != 0 { page.initializeMemory(as: UInt8.self, repeating: 0, count: PoolGeometry.page) }
        if page > base { _ = mayfly_discard(base, page - base) }
    }
}

extension VMContextLayout {
    /// Header fields that a run leaves behind and the next one must not see, beside those with an initial value.
    static let clearedByReset = [guestFramePointer, trapProgramCounter, trapFramePointer, trapAddress, trapSignal]
}
