//! Taking the state of a live slot: as an image, as the state of another slot, or to come back to it.
//!
//! All three cost in proportion to the pages that are the slot's own. Which those are is known from before the run and, if
//! the thread's fault counter moved since, asked of the kernel. An image's pages are shared by all that have it; only what
//! differs from the image is copied.
//!
//! Invariants: nobody runs or writes in the slot meanwhile. What can fail comes first: when it does, the slot that was looked
//! at is as it was.

internal import CPlatform
internal import Compiler
internal import Glibc
internal import WasmModule

extension Pool {
    // MARK: What changed

    /// Brings up to date which pages of a live slot's memory are its own.
    private func findOwnPages(
        _ record: UnsafeMutablePointer<SlotRecord>, _ use: inout SlotUse
    ) throws(PoolError) {
        let length = discardable(record, Int(record.pointee.memoryLength))
        guard length > 0 else { return }
        if resetPolicy == .discard {
            // Nobody has kept account of the pages that were copied in.
            record.pointee.memory?._withUnsafeGuaranteedRef {
                for outlier in $0.outliers { record.pointee.resident.insert(outlier.pages) }
                if geometry.isDense { for run in $0.runs { record.pointee.resident.insert(run.pages) } }
            }
        }
        if !use.isDirty && !record.pointee.isAltered && !record.pointee.isUnsearched { return }
        let isOfThisThread = use.thread == mayfly_thread_self()!.pointee.serial
        let now = mayfly_thread_read_faults()
        let isKnown =
            resetPolicy == .track && isOfThisThread && use.faults == now && now != MAYFLY_FAULTS_UNKNOWN
            && !record.pointee.isUnsearched
        if isKnown { return }
        if KernelFeatures.current.scansPages {
            guard scan(record, bytes: searchedBytes(record, length)) else {
                throw .systemCall(name: "ioctl(PAGEMAP_SCAN)", errno: EIO, purpose: "looking for an instance's pages")
            }
        } else {
            compareAllPages(record, bytes: length)
        }
        // All that there was at the reading is known now.
        if isOfThisThread { use.faults = now }
    }

    /// Where the kernel does not tell: reads everything.
    private func compareAllPages(_ record: UnsafeMutablePointer<SlotRecord>, bytes: Int) {
        let base = record.pointee.memoryBase
        record.pointee.memory?._withUnsafeGuaranteedRef { memory in
            for page in 0..<bytes / PoolGeometry.page where !memory.isUnchanged(page, in: base) {
                record.pointee.resident.insert(page..<page + 1)
            }
        }
    }

    /// The pages of a live slot that differ from its image, those included that the image copies.
    private func changedPages(
        _ record: UnsafeMutablePointer<SlotRecord>, _ use: inout SlotUse
    ) throws(PoolError) -> [Range<Int>] {
        try findOwnPages(record, &use)
        let base = record.pointee.memoryBase
        let length = Int(record.pointee.memoryLength)
        var changed: [Range<Int>] = []
        let known = record.pointee.resident.firstIndex(from: discardable(record, length) / PoolGeometry.page)
        record.pointee.memory?._withUnsafeGuaranteedRef { memory in
            for index in 0..<known {
                let page = record.pointee.resident[index].page
                if memory.isCopied(page) || !memory.isUnchanged(page, in: base) { changed.join(page) }
            }
        }
        for pages in try grownPages(record) {
            for page in pages where !isZeroPage(base + page * PoolGeometry.page) { changed.join(page) }
        }
        return changed
    }

    /// Pages that there are of the file a memory has grown into.
    private func grownPages(_ record: UnsafeMutablePointer<SlotRecord>) throws(PoolError) -> [Range<Int>] {
        let (length, initial) = (Int(record.pointee.memoryLength), Int(record.pointee.initialMemoryLength))
        guard growthPolicy != .protect, length > initial else { return [] }
        guard !hasParentsGrowth(record) else {
            throw .systemCall(
                name: "fork", errno: EBADF, purpose: "reading a memory that grew before this process forked")
        }
        var pages: [Range<Int>] = []
        var (start, end): (UInt64, UInt64) = (0, 0)
        while true {
            try check(
                mayfly_growth_next_data(record.pointee.growthFile, end, &start, &end), "lseek(SEEK_DATA)",
                "reading a memory's growth file")
            if start == end { return pages }
            let first = (initial + Int(start)) / PoolGeometry.page
            pages.append(first..<(initial + Int(end)) / PoolGeometry.page)
        }
    }

    // MARK: As an image

    /// An image of a live slot as it is now. What the slot's own image maps and nobody changed is shared with it.
    ///
    /// - Parameters:
    ///   - use: what was done in the slot so far.
    ///   - nulls: tables and globals of references that are null in the image, whatever they are in the slot.
    /// - Throws: `PoolError.systemCall`.
    public func image(
        of slot: Slot, after use: inout SlotUse, nulls: (tables: [Int], globals: [Int]) = ([], [])
    ) throws(PoolError) -> InstanceImage {
        let (record, core) = try live(slot)
        var memory: LazyMemoryImage?
        if let declared = core.memory, let base = record.pointee.memory?.takeUnretainedValue() {
            let changed = try changedPages(record, &use)
            memory = LazyMemoryImage(
                changed.isEmpty
                    ? base
                    : try MemoryImage(
                        over: base, changed: changed, in: record.pointee.memoryBase,
                        copiesFewPages: resetPolicy != .discard),
                initialBytes: record.pointee.memoryLength, maximumBytes: declared.maximumBytes)
        }
        let constants = VMContextLayout.headerSize..<core.layout.mutableStart
        var globals = globals(of: slot, core)
        for index in nulls.globals {
            let offset = core.layout.global(index) - core.layout.mutableStart
            globals.replaceSubrange(offset..<offset + 16, with: repeatElement(0, count: 16))
        }
        return InstanceImage(
            try ImageCore(
                layout: core.layout, memory: memory,
                context: [UInt8](UnsafeRawBufferPointer(start: core.context, count: core.layout.size)[constants])
                    + globals,
                tables: core.tables.indices.map { number in
                    let table = core.tables[number]
                    var elements: [UInt64]
                    if table.isImmutable {
                        elements = Array(UnsafeBufferPointer(start: table.elements, count: table.count))
                    } else {
                        elements = self.elements(ofTable: number, of: slot, core)
                    }
                    if nulls.tables.contains(number) { elements = [UInt64](repeating: 0, count: elements.count) }
                    return InstanceImage.Table(
                        elements: elements, maximum: UInt64(table.maximum), isImmutable: table.isImmutable)
                }))
    }

    private func live(
        _ slot: Slot
    ) throws(PoolError) -> (record: UnsafeMutablePointer<SlotRecord>, core: ImageCore) {
        let record = records + Int(slot.index)
        precondition(record.pointee.state == .live, "the state of a slot that nobody holds")
        guard let core = record.pointee.image?.takeUnretainedValue() else {
            preconditionFailure("a live slot has an image")
        }
        guard !record.pointee.isBroken else { throw .invalidImage("a system call failed half-way in this instance") }
        return (record, core)
    }

    private func globals(of slot: Slot, _ core: ImageCore) -> [UInt8] {
        let start = core.layout.mutableStart
        return [UInt8](UnsafeRawBufferPointer(start: slot.context + start, count: core.layout.size - start))
    }

    /// Of a table that slots have a copy of.
    private func elements(ofTable number: Int, of slot: Slot, _ core: ImageCore) -> [UInt64] {
        let start = slot.context.loadPointer(at: core.layout.tableBase(number))
        let count = Int(slot.context.loadWord(at: core.layout.tableLength(number)))
        return Array(UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt64.self), count: count))
    }

    // MARK: As another slot's

    /// Makes a slot equal to another one of the same image.
    ///
    /// - Parameters:
    ///   - use: what was done in the source so far.
    ///   - target: as it was acquired.
    ///   - targetUse: becomes what was done in the target.
    /// - Throws: `PoolError.systemCall`. Then the target must be released.
    public func copy(
        _ source: Slot, after use: inout SlotUse, to target: Slot, after targetUse: inout SlotUse
    ) throws(PoolError) {
        let (from, core) = try live(source)
        let (to, targetCore) = try live(target)
        precondition(core === targetCore, "slots of different images")
        try findOwnPages(from, &use)
        let grown = try grownPages(from)
        targetUse.note()
        try lengthen(target, to, to: from.pointee.memoryLength, "growing the memory of a copy")
        copyPages(from, to)
        let (source0, target0) = (from.pointee.memoryBase, to.pointee.memoryBase)
        for pages in grown {
            for page in pages where !isZeroPage(source0 + page * PoolGeometry.page) {
                memcpy(target0 + page * PoolGeometry.page, source0 + page * PoolGeometry.page, PoolGeometry.page)
            }
        }
        for number in core.tables.indices where !core.tables[number].isImmutable {
            copyTable(number, of: core, source, target)
        }
        let start = core.layout.mutableStart
        (target.context + start).copyMemory(from: source.context + start, byteCount: core.layout.size - start)
        // Of the pages that this made the target's own, all are known: whoever runs there next need not have them searched. But
        // for those that the kernel filled in while the memory grew, as it does where memory is locked.
        let hasGrown = from.pointee.memoryLength > from.pointee.initialMemoryLength
        if !hasGrown, targetUse.thread == mayfly_thread_self()!.pointee.serial {
            targetUse.faults = mayfly_thread_read_faults()
        }
    }

    private func copyPages(_ from: UnsafeMutablePointer<SlotRecord>, _ to: UnsafeMutablePointer<SlotRecord>) {
        let (source, target) = (from.pointee.memoryBase, to.pointee.memoryBase)
        let end = from.pointee.resident.firstIndex(
            from: discardable(from, Int(from.pointee.memoryLength)) / PoolGeometry.page)
        from.pointee.memory?._withUnsafeGuaranteedRef { memory in
            // Pages that the target has are there to be written to. Others it gets only if they changed.
            var known = 0
            var missing: [Range<Int>] = []
            for index in 0..<end {
                let page = from.pointee.resident[index].page
                while known < to.pointee.resident.count, to.pointee.resident[known].page < page { known += 1 }
                if known < to.pointee.resident.count, to.pointee.resident[known].page == page {
                    memcpy(target + page * PoolGeometry.page, source + page * PoolGeometry.page, PoolGeometry.page)
                } else if memory.isCopied(page) || !memory.isUnchanged(page, in: source) {
                    missing.join(page)
                }
            }
            for pages in missing {
                let offset = pages.lowerBound * PoolGeometry.page
                if pages.count >= Self.leastPopulatedRun, KernelFeatures.current.populates {
                    // One call for all faults. If it fails they come one by one.
                    _ = mayfly_populate(target + offset, pages.count * PoolGeometry.page)
                }
                memcpy(target + offset, source + offset, pages.count * PoolGeometry.page)
                to.pointee.resident.insert(pages)
            }
        }
    }

    private func copyTable(_ number: Int, of core: ImageCore, _ source: Slot, _ target: Slot) {
        let length = source.context.loadWord(at: core.layout.tableLength(number))
        let initial = target.context.loadWord(at: core.layout.tableLength(number))
        // The room is the image's, and so the same in both.
        if length > initial { _ = growTable(target, table: number, by: length - initial, fill: 0) }
        let offset = core.layout.tableBase(number)
        target.context.loadPointer(at: offset).copyMemory(
            from: source.context.loadPointer(at: offset), byteCount: Int(length) * 8)
    }

    // MARK: To come back to

    /// Takes the state of a live slot.
    ///
    /// - Parameter use: what was done in the slot so far.
    /// - Throws: `PoolError.systemCall`.
    public func state(of slot: Slot, after use: inout SlotUse) throws(PoolError) -> SlotState {
        let (record, core) = try live(slot)
        return SlotState(
            core, memoryLength: record.pointee.memoryLength, changed: try changedPages(record, &use),
            in: record.pointee.memoryBase,
            tables: core.tables.indices.map {
                core.tables[$0].isImmutable ? [] : elements(ofTable: $0, of: slot, core)
            }, globals: globals(of: slot, core))
    }

    /// Whether a state was taken from a slot of the same image.
    public func fits(_ state: SlotState, _ slot: Slot) -> Bool {
        records[Int(slot.index)].image?.toOpaque() == Unmanaged.passUnretained(state.core).toOpaque()
    }

    /// Makes a live slot what it was, or what another one of its image was, when the state was taken.
    ///
    /// - Parameter use: what was done in the slot so far.
    /// - Throws: `PoolError.systemCall`. Then the slot's contents are as before, or unspecified but its own: it is to be released.
    public func restore(_ slot: Slot, after use: inout SlotUse, to state: SlotState) throws(PoolError) {
        let (record, core) = try live(slot)
        precondition(fits(state, slot), "a state of another image")
        try findOwnPages(record, &use)
        use.note()
        record.pointee.isAltered = true
        try setLength(of: slot, record, to: state.memoryLength)
        let base = record.pointee.memoryBase
        let end = record.pointee.resident.firstIndex(
            from: discardable(record, Int(record.pointee.memoryLength)) / PoolGeometry.page)
        record.pointee.memory?._withUnsafeGuaranteedRef {
            // Pages of outliers are among those that the state has.
            $0.restore(record.pointee.resident, 0..<end, in: base, withOutliers: false)
        }
        var source = state.bytes
        for pages in state.changed {
            let bytes = pages.count * PoolGeometry.page
            (base + pages.lowerBound * PoolGeometry.page).copyMemory(from: source, byteCount: bytes)
            source += bytes
        }
        for (number, elements) in state.tables.enumerated() where !core.tables[number].isImmutable {
            restoreTable(number, of: core, slot, to: elements)
        }
        let start = core.layout.mutableStart
        state.globals.withUnsafeBytes {
            if let source = $0.baseAddress { (slot.context + start).copyMemory(from: source, byteCount: $0.count) }
        }
    }

    private func restoreTable(_ number: Int, of core: ImageCore, _ slot: Slot, to elements: [UInt64]) {
        let length = Int(slot.context.loadWord(at: core.layout.tableLength(number)))
        let start = slot.context.loadPointer(at: core.layout.tableBase(number))
        if length > elements.count {
            discardOrZero(start + elements.count * 8, (length - elements.count) * 8)
        }
        slot.context.storeWord(UInt64(elements.count), at: core.layout.tableLength(number))
        elements.withUnsafeBytes {
            if let source = $0.baseAddress { start.copyMemory(from: source, byteCount: $0.count) }
        }
    }

    /// Makes a live slot's memory longer or shorter. What is cut off is zero when it comes again.
    private func setLength(
        of slot: Slot, _ record: UnsafeMutablePointer<SlotRecord>, to length: UInt64
    ) throws(PoolError) {
        if growthPolicy != .protect, record.pointee.memoryLength > record.pointee.initialMemoryLength {
            // All that the file holds goes, so that what a state has of it need only be copied in.
            try shrink(slot, record, to: record.pointee.initialMemoryLength)
        } else if record.pointee.memoryLength > length {
            try shrink(slot, record, to: length)
        }
        try lengthen(slot, record, to: length, "growing a memory to what it was")
    }

    /// Makes a live slot's memory at least so long.
    private func lengthen(
        _ slot: Slot, _ record: UnsafeMutablePointer<SlotRecord>, to length: UInt64, _ purpose: String
    ) throws(PoolError) {
        guard record.pointee.memoryLength < length else { return }
        let pages = (length - record.pointee.memoryLength) / MemoryType.pageSize
        guard grow(slot, by: pages) != nil else {
            throw .systemCall(
                name: growthPolicy == .protect ? "mprotect" : "ftruncate", errno: ENOMEM, purpose: purpose)
        }
    }
}
