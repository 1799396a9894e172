//! Making a slot equal to its image again, after code ran in it: the policies, and what they share.
//!
//! Order matters. What was dirtied is found first, over all that was accessible; then it is repaired or discarded; then the
//! growth is closed. A call that fails ends the reset as failed, and the caller must retire the slot; nothing that is
//! written before that is relied upon.

internal import CPlatform
internal import Compiler
internal import Glibc

extension Pool {
    /// Resets a slot that its holder gives back.
    func reset(
        _ index: UInt32, after use: SlotUse, in shard: UnsafeMutablePointer<BinShard>
    ) -> ResetOutcome {
        let record = records + Int(index)
        guard !record.pointee.isBroken, !hasParentsGrowth(record) else { return .impossible }
        if record.pointee.memoryLength == 0 {
            resetControl(index)
            return .ready
        }
        switch resetPolicy {
        case .discard: return resetByDiscarding(index) ? .ready : .failed
        case .scan: return resetByRepairing(index, scanning: true) ? .ready : .failed
        case .track:
            if mayWait(record, use, shard) {
                restore(record, below: Int(record.pointee.memoryLength))
                resetControl(index)
                record.pointee.use = use
                record.pointee.link.pointee.counters.deferredResets.add()
                return .pending
            }
            let hasMoved = hasFaulted(since: use)
            let quiet = shard.pointee.immediateReleases.load(ordering: .relaxed)
            if hasMoved {
                shard.pointee.immediateReleases.store(BinShard.quietReleases, ordering: .relaxed)
            } else if quiet > 0 {
                shard.pointee.immediateReleases.store(quiet - 1, ordering: .relaxed)
            }
            return resetByRepairing(index, scanning: hasMoved || record.pointee.isUnsearched) ? .ready : .failed
        }
    }

    /// Whether a slot may wait for the question whether its run had faults.
    private func mayWait(
        _ record: UnsafeMutablePointer<SlotRecord>, _ use: SlotUse, _ shard: UnsafeMutablePointer<BinShard>
    ) -> Bool {
        shard.pointee.immediateReleases.load(ordering: .relaxed) == 0 && !record.pointee.isAltered
            && !record.pointee.isUnsearched
            && record.pointee.resident.count <= BinShard.mostPendingPages
            && use.thread == mayfly_thread_self()!.pointee.serial && use.faults != MAYFLY_FAULTS_UNKNOWN
            && isPendingThread(use.thread, shard)
    }

    /// Whether a shard's pending slots are the calling thread's, or can become so.
    private func isPendingThread(_ thread: UInt64, _ shard: UnsafeMutablePointer<BinShard>) -> Bool {
        if shard.pointee.pendingThread.load(ordering: .relaxed) == thread { return true }
        guard shard.pointee.pending.isEmpty else { return false }
        shard.pointee.pendingThread.store(thread, ordering: .relaxed)
        return true
    }

    /// Whether the holder's run may have made pages the slot's own that are not known. Asks the kernel.
    private func hasFaulted(since use: SlotUse) -> Bool {
        let now = mayfly_thread_read_faults()
        return use.thread != mayfly_thread_self()!.pointee.serial || use.faults != now || now == MAYFLY_FAULTS_UNKNOWN
    }

    // MARK: Pending slots

    /// Makes a slot that is in no stack equal to its image; nothing is to be done unless it is pending. False if that failed.
    func settle(_ index: UInt32) -> Bool {
        let record = records + Int(index)
        guard record.pointee.state == .pending else { return true }
        if !hasFaulted(since: record.pointee.use) || resetByRepairing(index, scanning: true) {
            record.pointee.state = .ready
            return true
        }
        return false
    }

    /// Settles all that waits in the calling thread's shard, with one reading of its fault counter. The first of them is the
    /// caller's, the others become ready.
    func settleAll(in shard: UnsafeMutablePointer<BinShard>) -> UInt32? {
        // More than the one slot that the thread has a permit for: who misses them meanwhile shall wait.
        settling.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer {
            settling.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            serveWaiters()
        }
        guard var next = shard.pointee.pending.takeAll() else { return nil }
        let now = mayfly_thread_read_faults()
        let thread = mayfly_thread_self()!.pointee.serial
        var mine: UInt32?
        var hasMoved = false
        while true {
            let record = records + Int(next)
            let below = record.pointee.link.pointee.below
            let use = record.pointee.use
            var isClean = use.thread == thread && use.faults == now && now != MAYFLY_FAULTS_UNKNOWN
            if !isClean {
                hasMoved = true
                isClean = resetByRepairing(next, scanning: true)
            }
            if isClean {
                record.pointee.state = .ready
                if mine == nil { mine = next } else { shard.pointee.ready.push(next, links) }
            } else {
                retire(next)
            }
            guard let below else { break }
            next = below
        }
        if hasMoved { shard.pointee.immediateReleases.store(4 * BinShard.quietReleases, ordering: .relaxed) }
        return mine
    }

    // MARK: Discarding

    /// Gives back everything that was accessible. False if the slot may not be used again.
    func resetByDiscarding(_ index: UInt32) -> Bool {
        let record = records + Int(index)
        let (base, length) = (record.pointee.memoryBase, Int(record.pointee.memoryLength))
        // First what has grown becomes inaccessible, then all is discarded, so that no byte of it is there when a later
        // instance grows into it.
        guard closeGrowth(record), length == 0 || mayfly_discard(base, discardable(record, length)) == 0 else {
            return false
        }
        record.pointee.link.pointee.counters.discards.add()
        record.pointee.link.pointee.counters.discardedPages.add(record.pointee.resident.count)
        record.pointee.resident.removeAll()
        noteResident(index)
        record.pointee.needsStamp = record.pointee.memory?._withUnsafeGuaranteedRef(copiesAnything(of:)) ?? false
        resetControl(index)
        return true
    }

    /// Bytes of a memory that are anonymous or an image's: what lies in a growth file goes by itself.
    func discardable(_ record: UnsafeMutablePointer<SlotRecord>, _ length: Int) -> Int {
        growthPolicy == .protect ? length : min(length, Int(record.pointee.initialMemoryLength))
    }

    // MARK: Repairing

    /// Copies back the pages that are the slot's own.
    ///
    /// - Parameter scanning: whether there may be more of them than is known.
    /// - Returns: false if the slot may not be used again.
    func resetByRepairing(_ index: UInt32, scanning: Bool) -> Bool {
        let record = records + Int(index)
        let length = discardable(record, Int(record.pointee.memoryLength))
        if scanning, !scan(record, bytes: searchedBytes(record, length)) { return false }
        guard survey(record, accessible: length), boundResidence(record, accessible: length) else { return false }
        restore(record, below: length)
        guard closeGrowth(record) else { return false }
        if record.pointee.residentBytes != Int(record.pointee.link.pointee.counters.residentBytes.value) {
            noteResident(index)
            learn(record)
        }
        resetControl(index)
        if residentBytes.load(ordering: .relaxed) > configuration.warmBytes {
            // Others may have more that is used less; this one is at hand.
            keeper.wake(self)
            return giveBackAll(index)
        }
        return true
    }

    /// Adds the pages that became the slot's own to those known.
    func scan(_ record: UnsafeMutablePointer<SlotRecord>, bytes: Int) -> Bool {
        record.pointee.link.pointee.counters.scans.add()
        let isComplete = scanPrivatePages(record.pointee.memoryBase, bytes) { pages, isZeroPage in
            if isZeroPage {
                // Zeroes where zeroes belong, unless something put them in place of a file's page.
                record.pointee.memory?._withUnsafeGuaranteedRef { memory in
                    for page in pages where memory.isMapped(page) { record.pointee.resident.insert(page..<page + 1) }
                }
            } else {
                record.pointee.resident.insert(pages)
            }
        }
        if isComplete { record.pointee.isUnsearched = false }
        return isComplete
    }

    /// Makes the slot's own pages, up to an offset, equal to the image.
    private func restore(_ record: UnsafeMutablePointer<SlotRecord>, below length: Int) {
        let end =
            record.pointee.resident.count == 0
            ? 0 : record.pointee.resident.firstIndex(from: length / PoolGeometry.page)
        guard end > 0, let memory = record.pointee.memory else { return }
        record.pointee.link.pointee.counters.repairedPages.add(end)
        memory._withUnsafeGuaranteedRef { memory in
            // Without outliers before they have been copied in: then it is the stamping's work.
            memory.restore(
                record.pointee.resident, 0..<end, in: record.pointee.memoryBase,
                withOutliers: !record.pointee.needsStamp)
        }
    }

    /// Resets between two surveys, and how often in a row a page has to be found unchanged to be given back.
    private static var resetsBetweenSurveys: UInt8 { 64 }
    private static var agesKept: UInt32 { 2 }

    /// Now and then, looks which pages the run did not change, and gives back those that runs have stopped changing.
    private func survey(_ record: UnsafeMutablePointer<SlotRecord>, accessible length: Int) -> Bool {
        record.pointee.resetsSinceSurvey &+= 1
        guard record.pointee.resetsSinceSurvey >= Self.resetsBetweenSurveys, let image = record.pointee.memory else {
            return true
        }
        record.pointee.resetsSinceSurvey = 0
        let base = record.pointee.memoryBase
        let isComplete = image._withUnsafeGuaranteedRef { memory -> Bool in
            var hasOld = false
            for index in 0..<record.pointee.resident.count {
                let entry = record.pointee.resident[index]
                // What is copied in has to stay; what is inaccessible cannot have changed.
                if isCopied(entry.page, of: memory) { continue }
                let isUnchanged = entry.offset >= length || memory.isUnchanged(entry.page, in: base)
                let age = isUnchanged ? entry.age + 1 : 0
                hasOld = hasOld || age >= Self.agesKept
                record.pointee.resident[index] = PageSet.Entry(page: entry.page, age: age)
            }
            return !hasOld || giveBack(record) { $0.age >= Self.agesKept }
        }
        return isComplete
    }

    /// Gives pages back to the kernel that a slot keeps.
    private func giveBack(_ record: UnsafeMutablePointer<SlotRecord>, _ isChosen: (PageSet.Entry) -> Bool) -> Bool {
        var start = 0
        var given = 0
        while start < record.pointee.resident.count {
            guard isChosen(record.pointee.resident[start]) else {
                start += 1
                continue
            }
            let first = record.pointee.resident[start]
            var next = start + 1
            while next < record.pointee.resident.count, isChosen(record.pointee.resident[next]),
                record.pointee.resident[next].page == first.page + next - start
            { next += 1 }
            record.pointee.link.pointee.counters.discards.add()
            guard mayfly_discard(record.pointee.memoryBase + first.offset, (next - start) * PoolGeometry.page) == 0
            else {
                return false
            }
            given += next - start
            start = next
        }
        record.pointee.link.pointee.counters.discardedPages.add(given)
        record.pointee.resident.filter { !isChosen($0) }
        record.pointee.resident.shrink()
        return true
    }

    /// Gives back what a slot has beyond the pages it may keep: the highest ones.
    private func boundResidence(_ record: UnsafeMutablePointer<SlotRecord>, accessible length: Int) -> Bool {
        guard record.pointee.resident.count > mostResidentPages else { return true }
        let first = record.pointee.resident[mostResidentPages].offset
        let end = max(length, record.pointee.resident[record.pointee.resident.count - 1].offset + PoolGeometry.page)
        record.pointee.link.pointee.counters.discards.add()
        guard mayfly_discard(record.pointee.memoryBase + first, end - first) == 0 else { return false }
        let pages = first / PoolGeometry.page..<end / PoolGeometry.page
        record.pointee.link.pointee.counters.discardedPages.add(record.pointee.resident.remove(pages))
        record.pointee.resident.shrink()
        let hasCopies = record.pointee.memory?._withUnsafeGuaranteedRef { copies(pages, of: $0) }
        if hasCopies == true { record.pointee.needsStamp = true }
        return true
    }

    /// Gives back all pages that a free slot keeps. False if the slot may not be used again.
    func giveBackAll(_ index: UInt32) -> Bool {
        let record = records + Int(index)
        let count = record.pointee.resident.count
        guard count > 0 else { return true }
        let first = record.pointee.resident[0].offset
        let end = record.pointee.resident[count - 1].offset + PoolGeometry.page
        record.pointee.link.pointee.counters.discards.add()
        guard mayfly_discard(record.pointee.memoryBase + first, end - first) == 0 else { return false }
        record.pointee.link.pointee.counters.discardedPages.add(count)
        record.pointee.resident.removeAll()
        record.pointee.resident.shrink()
        record.pointee.needsStamp = record.pointee.memory?._withUnsafeGuaranteedRef(copiesAnything(of:)) ?? false
        noteResident(index)
        return true
    }

    // MARK: Context, tables, stack

    /// Resets everything but the memory.
    private func resetControl(_ index: UInt32) {
        let record = records + Int(index)
        record.pointee.image?._withUnsafeGuaranteedRef { core in
            if core.mutableElements > 0 || !core.growthOrder.isEmpty { resetTables(of: core, in: index) }
            resetContext(of: core, in: index)
        }
        trimStack(index, isDue: false)
        record.pointee.isAltered = false
    }

    @inline(__always)
    private func resetContext(of core: ImageCore, in index: UInt32) {
        let record = records + Int(index)
        let context = record.pointee.context
        let start = core.layout.mutableStart
        (context + start).copyMemory(from: core.context + start, byteCount: core.layout.size - start)
        context.storeWord(record.pointee.initialMemoryLength, at: VMContextLayout.memoryLength)
        context.storeWord(0, at: VMContextLayout.request)
        context.storeWord(0, at: VMContextLayout.hostStackPointer)
        context.storeWord(
            slot(index, isFresh: false).initialStackPointer, at: VMContextLayout.guestStackPointer)
        for offset in VMContextLayout.clearedByReset { context.storeWord(0, at: offset) }
        // The fields that belong to the image's user, which no run may change: `residue` compares them.
        if record.pointee.header.0 == 0 { record.pointee.header = sharedHeader(of: index) }
    }

    func sharedHeader(of index: UInt32) -> (UInt64, UInt64, UInt64, UInt64) {
        let context = records[Int(index)].context
        return (
            context.loadWord(at: VMContextLayout.functionRecords), context.loadWord(at: VMContextLayout.hostDispatch),
            context.loadWord(at: VMContextLayout.runtimeDispatch), context.loadWord(at: VMContextLayout.exitStub)
        )
    }

    private func resetTables(of core: ImageCore, in index: UInt32) {
        let context = records[Int(index)].context
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
        let record = records + Int(index)
        let context = record.pointee.context
        let start = context.loadPointer(at: core.layout.tableBase(number))
        let end =
            core.nextMutableTable[number].map { context.loadPointer(at: core.layout.tableBase($0)) }
            ?? UnsafeMutableRawPointer(record.pointee.tables + geometry.tableElements)
        return (end - start) / 8
    }

    /// Keeps what stays resident of a stack bounded: 64 KiB and a page.
    ///
    /// Whether a guest went deeper shows in a strip it has to cross, which is zero otherwise. A frame that skips the
    /// strip unwritten escapes this, so now and then the deep part is discarded without looking. Nothing depends on the
    /// result but memory use, so a failing call changes nothing.
    func trimStack(_ index: UInt32, isDue: Bool) {
        let record = records + Int(index)
        record.pointee.resetsSinceStackTrim &+= 1
        guard isDue || record.pointee.resetsSinceStackTrim % PoolGeometry.resetsBetweenStackProbes == 0 else { return }
        let depth = PoolGeometry.keptStack + PoolGeometry.page
        guard geometry.stackBytes > depth else { return }
        let base = record.pointee.stackBase
        let page = base + (geometry.stackBytes - depth)
        let strip = page + (PoolGeometry.page - PoolGeometry.stackProbe)
        var bits: UInt64 = 0
        for offset in stride(from: 0, to: PoolGeometry.stackProbe, by: 8) { bits |= strip.loadWord(at: offset) }
        guard bits != 0 || record.pointee.resetsSinceStackTrim >= PoolGeometry.resetsBetweenStackTrims else { return }
        record.pointee.resetsSinceStackTrim = 0
        if bits != 0 { page.initializeMemory(as: UInt8.self, repeating: 0, count: PoolGeometry.page) }
        if page > base { _ = mayfly_discard(base, page - base) }
    }
}

extension VMContextLayout {
    /// Header fields that a run leaves behind and the next one must not see, beside those with an initial value.
    static let clearedByReset = [
        guestFramePointer, trapProgramCounter, trapFramePointer, trapAddress, trapSignal, trapContext,
        resumeStackPointer, mayYield, suspendedCall, fuel, fuelReserve,
    ]
}
