//! What happens under the pool's lock: slots that change images, chunks of address space, waiting.
//!
//! No system call that touches a slot is made under the lock; a slot taken out here is bound, settled or wiped by the thread
//! that has it, after the lock is released.
//!
//! Waiting: a thread counts itself among the waiting before it looks for a slot the last time; a thread that frees a slot
//! looks for waiting ones after. So one of the two sees the other. Slots go to the template that was served the longest time
//! ago, and within it to who came first.

internal import CPlatform
internal import Synchronization

/// The part of the pool's state that the lock guards.
struct SlowState {
    /// Address space for some slots.
    struct Chunk {
        var firstSlot: Int
        var slots: Int
        var memorySlab: UnsafeMutableRawPointer
        var controlSlab: UnsafeMutableRawPointer
        /// Slots that an unmapping must leave out, see `unmap`.
        var holes: [Int] = []
    }

    /// Slots that there can be, retired ones included.
    var slotCount = 0
    /// Slots whose records exist. Those from here to the chunks' end have never been used.
    var usedSlots = 0
    var chunks: [Chunk] = []
    var reservedBytes: UInt64 = 0
    var blank: [UInt32] = []
    /// Every bin whose image is in use.
    var bins: [UnsafeMutablePointer<Bin>] = []
    /// Those of them that hold slots.
    var boundBins: [UnsafeMutablePointer<Bin>] = []
    /// Those whose image has gone away but for the slots. Each core is retained.
    var dying: [UnsafeMutablePointer<Bin>] = []
    /// Where among those the search for a victim goes on.
    var hand = 0
    /// Free slots that are in no stack, because their memory is being given back.
    var borrowed = 0
    /// The epochs that began with the keeper's last looks.
    var ticks: [UInt32] = []
    /// In the order of their coming.
    var waiters: [Waiter] = []
    /// Of tasks that wait, likewise.
    var hints: [Pool.Hint] = []
    /// How many were asked for.
    var hintCount: UInt64 = 0
    /// Tasks that were given hints, to be resumed without the lock.
    var resumed: [UnsafeContinuation<Void, Never>] = []
    var servings: UInt64 = 0
    var exhaustionWaits: UInt64 = 0
    var exhaustions: UInt64 = 0
    /// The process to which waiters and borrowed slots belong.
    var generation: UInt32 = mayfly_process_generation()
    /// Slots out of service for good.
    var retired = 0
    /// When the address space last turned out too small for more slots, by the monotonic clock; nil once there were more.
    var reservationFailedAt: UInt64?
    /// Slots that there can be as far as is known of the address space.
    var reachableSlots: Int { reservationFailedAt == nil ? slotCount : reservableSlots }
    /// Instances that can live at once, as far as the address space allows and slots have not been retired.
    func capacity(_ geometry: PoolGeometry) -> Int { min(geometry.slotCount, reachableSlots - retired) }
    /// Slots there is address space for.
    var reservableSlots: Int { chunks.last.map { $0.firstSlot + $0.slots } ?? 0 }
}

/// A thread that waits.
final class Waiter {
    let bin: UnsafeMutablePointer<Bin>
    let condition = Lock.Condition()
    var taken: Pool.Taken?

    init(_ bin: UnsafeMutablePointer<Bin>) { self.bin = bin }
}

extension SlowState.Chunk {
    func unmap(_ geometry: PoolGeometry) {
        var start = 0
        for slot in holes.sorted() {
            // A failed mmap may have left a hole where somebody else's mapping lies by now: not ours to remove.
            let hole = geometry.memoryOffset(slot - firstSlot)
            _ = mayfly_unmap(memorySlab + start, hole - start)
            start = hole + geometry.memorySpan
        }
        _ = mayfly_unmap(memorySlab + start, geometry.memorySlabBytes(slots) - start)
        _ = mayfly_unmap(controlSlab, geometry.controlSlabBytes(slots))
    }
}

extension Pool {
    /// A slot on its way to a holder, in no stack.
    enum Taken {
        /// Of the image wanted; still to be settled if it is pending.
        case own(UInt32)
        /// Blank, or another image's.
        case unbound(UInt32)
    }

    /// The bin of an image that is new to the pool.
    func makeBin(for core: ImageCore) throws(PoolError) -> UnsafeMutablePointer<Bin> {
        try checkFits(core)
        let (bin, isNew) = core.makeBin(in: self, number: number, shards: shardCount)
        if isNew {
            lock.withLock {
                bin.pointee.position = slow.bins.count
                slow.bins.append(bin)
            }
        }
        return bin
    }

    /// A slot for an image of which no shard has one; waits if there is none, or if the thread has no permit for it.
    func acquireSlowly(_ bin: UnsafeMutablePointer<Bin>, hasPermit: Bool) throws(PoolError) -> Slot {
        var hasPermit = hasPermit
        while true {
            let taken = try waitForSlot(bin, hasPermit: hasPermit)
            hasPermit = true
            switch taken {
            case .own(let index):
                guard settle(index) else {
                    retire(index)
                    continue
                }
                return handOut(index, from: bin.pointee.shards + home(mayfly_thread_self()!))
            case .unbound(let index):
                // What a pending slot of another image holds is not known before.
                guard settle(index) else {
                    records[Int(index)].bin = bin
                    retire(index)
                    continue
                }
                do throws(PoolError) { return try bindForUse(index, to: bin) } catch {
                    returnPermit()
                    throw error
                }
            }
        }
    }

    /// A blank slot or one never used, if there is room to spread; nil otherwise.
    func acquireUnused(_ bin: UnsafeMutablePointer<Bin>) throws(PoolError) -> Slot? {
        let taken = lock.withLock { () -> UInt32? in
            guard waitingCount.load(ordering: .relaxed) == 0, mostIsUnused,
                bin.pointee.bound.load(ordering: .relaxed) < configuration.slotsPerTemplate, let index = takeBlank()
            else {
                hasRoomToSpread.store(mostIsUnused, ordering: .relaxed)
                return nil
            }
            bind(bin)
            return index
        }
        return try taken.map { index throws(PoolError) in try bindForUse(index, to: bin) }
    }

    private func bindForUse(_ index: UInt32, to bin: UnsafeMutablePointer<Bin>) throws(PoolError) -> Slot {
        let record = records + Int(index)
        do throws(PoolError) { try bind(index, to: bin) } catch {
            // Half-made mappings: back to none at all, or never again.
            record.pointee.bin = bin
            discardImage(index)
            throw error
        }
        let now = epoch.load(ordering: .relaxed)
        bin.pointee.shards[home(mayfly_thread_self()!)].lastUsed.store(now, ordering: .relaxed)
        record.pointee.link.pointee.counters.acquisitions.add()
        record.pointee.state = .live
        keeper.start(self)
        return slot(index, isFresh: true)
    }

    // MARK: Taking, under the lock

    /// More than half of the slots hold no image.
    private var mostIsUnused: Bool {
        slow.blank.count + slow.reachableSlots - slow.usedSlots > slow.reachableSlots / 2
    }

    /// A slot for a bin: its own, a blank one, one never used, another image's.
    private func take(for bin: UnsafeMutablePointer<Bin>) -> Taken? {
        if let index = bin.pointee.popAny(from: 0, links) { return .own(index) }
        guard bin.pointee.bound.load(ordering: .relaxed) < configuration.slotsPerTemplate else { return nil }
        guard let index = takeBlank() ?? evict() else { return nil }
        bind(bin)
        return .unbound(index)
    }

    private func takeBlank() -> UInt32? {
        if let index = slow.blank.popLast() { return index }
        if slow.usedSlots == slow.reservableSlots, slow.usedSlots < slow.slotCount { reserveFurtherChunk() }
        guard slow.usedSlots < slow.reservableSlots, let chunk = slow.chunks.last else { return nil }
        let index = slow.usedSlots
        let place = index - chunk.firstSlot
        (links + index).initialize(to: SlotLink())
        (records + index).initialize(
            to: SlotRecord(
                link: links + index, memoryBase: chunk.memorySlab + geometry.memoryOffset(place),
                stackBase: chunk.controlSlab + geometry.stackOffset(place),
                context: chunk.controlSlab + geometry.contextOffset(place),
                tables: (chunk.controlSlab + geometry.tablesOffset(place)).assumingMemoryBound(to: UInt64.self)))
        records[index].isOpen = geometry.isDense
        slow.usedSlots += 1
        return UInt32(index)
    }

    /// Takes a free slot from another image: of the images looked at, the one not used for the longest among those with
    /// several slots or, if there are none, among all.
    private func evict() -> UInt32? {
        let count = slow.boundBins.count
        // An image with several slots goes first: taking its only one from an image that is used in turn with others makes
        // each of them take the next one's.
        var victim: UnsafeMutablePointer<Bin>?
        var best: (hasSeveral: Bool, age: UInt32) = (false, 0)
        let now = epoch.wrappingAdd(1, ordering: .relaxed).newValue
        for step in 0..<count {
            // Enough for a good choice; with none found yet, all of them.
            if step >= 16, victim != nil { break }
            let bin = slow.boundBins[(slow.hand + step) % count]
            guard !bin.pointee.isEmpty else { continue }
            let hasSeveral = bin.pointee.bound.load(ordering: .relaxed) > 1
            let age = now &- bin.pointee.lastUsed
            if victim == nil || (hasSeveral && !best.hasSeveral) || (hasSeveral == best.hasSeveral && age > best.age) {
                victim = bin
                best = (hasSeveral, age)
            }
        }
        slow.hand = count == 0 ? 0 : (slow.hand + 1) % count
        guard let victim else { return nil }
        // Another thread may have been quicker: then whichever has one.
        for bin in [victim] + slow.boundBins {
            guard let index = bin.pointee.popAny(from: 0, links) else { continue }
            unbind(bin)
            links[Int(index)].counters.remaps.add()
            return index
        }
        return nil
    }

    /// A bin is given a slot.
    private func bind(_ bin: UnsafeMutablePointer<Bin>) {
        if bin.pointee.bound.wrappingAdd(1, ordering: .relaxed).newValue == 1 {
            bin.pointee.boundPosition = slow.boundBins.count
            slow.boundBins.append(bin)
        }
    }

    /// A slot is taken from a bin.
    func unbind(_ bin: UnsafeMutablePointer<Bin>) {
        guard bin.pointee.bound.wrappingSubtract(1, ordering: .relaxed).newValue == 0 else { return }
        let position = bin.pointee.boundPosition
        let last = slow.boundBins.removeLast()
        if last != bin {
            slow.boundBins[position] = last
            last.pointee.boundPosition = position
        }
        bin.pointee.boundPosition = -1
        guard bin.pointee.core.isAbandoned.load(ordering: .relaxed),
            let position = slow.dying.firstIndex(of: bin)
        else { return }
        slow.dying.remove(at: position)
        // The bin goes with it, unless the image's handle is not quite gone.
        Unmanaged.passUnretained(bin.pointee.core).release()
    }

    /// Takes back a slot that holds no image.
    func putBlank(_ index: UInt32) {
        links[Int(index)].state = .blank
        slow.blank.append(index)
        hasRoomToSpread.store(mostIsUnused, ordering: .relaxed)
    }

    /// Takes a slot out of service.
    ///
    /// - Parameter isMapped: whether its address space is still the pool's, all of it.
    func putRetired(_ index: UInt32, isMapped: Bool) {
        links[Int(index)].state = .retired
        slow.retired += 1
        // Another one takes its place, somewhere else. No more often than there were slots: what makes resets fail again and
        // again will not get better by it.
        if slow.slotCount < geometry.mostSlots { slow.slotCount += 1 }
        // What failed in a dense slot has changed no mapping.
        guard !isMapped, !geometry.isDense else { return }
        for chunk in slow.chunks.indices
        where slow.chunks[chunk].firstSlot + slow.chunks[chunk].slots > Int(index) {
            slow.chunks[chunk].holes.append(Int(index))
            break
        }
    }

    // MARK: Address space

    /// Without more address space it is a smaller pool, until there is more: looked for once a second at most.
    private func reserveFurtherChunk() {
        let now = monotonicTime()
        if let failure = slow.reservationFailedAt, now &- failure < 1_000_000_000 { return }
        do throws(PoolError) {
            try reserveChunk()
            slow.reservationFailedAt = nil
        } catch { slow.reservationFailedAt = now }
    }

    /// Reserves address space for more slots: a chunk, or as much of one as fits.
    func reserveChunk() throws(PoolError) {
        let first = slow.reservableSlots
        var slots = min(geometry.largestChunk, slow.slotCount - first)
        // Under a limit on address space the pool leaves half of it to the rest of the process.
        let limit = mayfly_address_space_limit()
        let budget = limit == UInt64.max ? UInt64.max : limit / 2
        while true {
            let bytes = UInt64(geometry.memorySlabBytes(slots) + geometry.controlSlabBytes(slots))
            do throws(PoolError) {
                // The very first slot is tried whatever the limit: an error should be the kernel's.
                if bytes > budget &- min(budget, slow.reservedBytes), first > 0 || slots > 1 {
                    throw .systemCall(name: "mmap", errno: 0, purpose: "reserving address space")
                }
                let (memory, control) = try reserve(slots)
                slow.chunks.append(
                    SlowState.Chunk(firstSlot: first, slots: slots, memorySlab: memory, controlSlab: control))
                slow.reservedBytes += bytes
                return
            } catch {
                if slots == 1 { throw error }
                slots /= 2
            }
        }
    }

    private func reserve(
        _ slots: Int
    ) throws(PoolError) -> (memory: UnsafeMutableRawPointer, control: UnsafeMutableRawPointer) {
        var memory: UnsafeMutableRawPointer?
        var control: UnsafeMutableRawPointer?
        let (memoryBytes, controlBytes) = (geometry.memorySlabBytes(slots), geometry.controlSlabBytes(slots))
        try check(
            mayfly_map_reserve(memoryBytes, &memory), "mmap",
            "reserving \(memoryBytes >> 30) GiB of address space for memories")
        let error = mayfly_map_reserve(controlBytes, &control)
        if error != 0 {
            _ = mayfly_unmap(memory, memoryBytes)
            try check(error, "mmap", "reserving \(controlBytes >> 20) MiB for stacks and contexts")
        }
        guard let memory, let control else { throw .systemCall(name: "mmap", errno: 0, purpose: "reserving slots") }
        // Pages the kernel fills in without a fault would be writes that nobody asked for, 2 MiB at a time.
        _ = mayfly_forbid_huge_pages(memory, memoryBytes)
        _ = mayfly_forbid_huge_pages(control, controlBytes)
        if geometry.isDense {
            do throws(PoolError) { try openDenseChunk(memory, control, slots) } catch {
                _ = mayfly_unmap(memory, memoryBytes)
                _ = mayfly_unmap(control, controlBytes)
                throw error
            }
        }
        return (memory, control)
    }

    // MARK: Waiting

    /// Takes a slot for a bin, or waits until there is one. With it the thread has a permit, of its own or given; without it
    /// none.
    private func waitForSlot(_ bin: UnsafeMutablePointer<Bin>, hasPermit: Bool) throws(PoolError) -> Taken {
        lock.lock()
        defer { unlockResuming() }
        noticeFork()
        if hasPermit {
            if slow.waiters.isEmpty, let taken = take(for: bin) { return taken }
            // Who waits for a slot does not keep others from theirs. They are served below.
            permits.put(0)
        }
        // A task that would rather wait itself is counted where it does.
        let isImpatient = mayfly_thread_is_impatient() != 0
        let patience = isImpatient ? 0 : configuration.exhaustionWait.nanoseconds
        let deadline = monotonicTime() &+ patience
        let waiter = Waiter(bin)
        waitingCount.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { waitingCount.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        slow.waiters.append(waiter)
        // The last look, now that others know of this thread.
        serveAllUnderLock()
        var isCounted = false
        while true {
            if let taken = waiter.taken { return taken }
            if slow.borrowed > 0 || settling.load(ordering: .sequentiallyConsistent) > 0 {
                // Not in use: free in a moment.
                waiter.condition.wait(lock)
            } else if !isImpatient, monotonicTime() < deadline, slow.capacity(geometry) > 0 {
                if !isCounted { slow.exhaustionWaits += 1 }
                isCounted = true
                _ = waiter.condition.wait(lock, until: deadline)
            } else {
                slow.waiters.removeAll { $0 === waiter }
                if !isImpatient { slow.exhaustions += 1 }
                throw .exhausted(slots: slow.capacity(geometry))
            }
        }
    }

    /// Something has become free: gives it to threads that wait.
    @inline(__always)
    func serveWaiters() {
        if waitingCount.load(ordering: .sequentiallyConsistent) > 0 { withLockResuming { serveAllUnderLock() } }
    }

    /// In a child that fork(2) made, the parent's other threads do not exist: none of them waits, or has borrowed slots.
    private func noticeFork() {
        let current = mayfly_process_generation()
        if slow.generation == current { return }
        slow.generation = current
        slow.waiters = []
        slow.hints = []
        slow.resumed = []
        slow.borrowed = 0
        settling.store(0, ordering: .sequentiallyConsistent)
        waitingCount.store(0, ordering: .sequentiallyConsistent)
    }

    func serveAllUnderLock() {
        noticeFork()
        defer { if slow.waiters.isEmpty { giveHint() } }
        if slow.borrowed == 0, settling.load(ordering: .sequentiallyConsistent) == 0 {
            // Who waited for borrowed slots only has to decide again.
            for waiter in slow.waiters { waiter.condition.signal() }
        }
        // By template, the one served longest ago first; within it in the order of coming. One pass per slot given.
        var isServed = true
        while isServed, !slow.waiters.isEmpty {
            isServed = false
            guard permits.take(from: 0) else { return }
            let order = slow.waiters.indices.sorted {
                (slow.waiters[$0].bin.pointee.servedAt, $0) < (slow.waiters[$1].bin.pointee.servedAt, $1)
            }
            for position in order {
                let waiter = slow.waiters[position]
                guard let taken = take(for: waiter.bin) else { continue }
                slow.servings += 1
                waiter.bin.pointee.servedAt = slow.servings
                waiter.taken = taken
                slow.waiters.remove(at: position)
                waiter.condition.signal()
                isServed = true
                break
            }
            if !isServed { permits.put(0) }
        }
    }

    // MARK: Images that go away

    /// An image's handle is gone: its free slots become blank.
    func forget(_ bin: UnsafeMutablePointer<Bin>) {
        lock.withLock {
            let last = slow.bins.removeLast()
            if last != bin {
                slow.bins[bin.pointee.position] = last
                last.pointee.position = bin.pointee.position
            }
            if bin.pointee.bound.load(ordering: .relaxed) > 0 {
                _ = Unmanaged.passRetained(bin.pointee.core)
                slow.dying.append(bin)
            }
        }
        // The image is marked already. A slot that is being returned was either pushed before this, and is found now, or its
        // holder sees the change.
        abandonments.wrappingAdd(1, ordering: .sequentiallyConsistent)
        drainAbandoned()
    }

    /// Wipes free slots of images that nobody can ask for any more. One at a time, so that the others stay available to
    /// other images meanwhile.
    func drainAbandoned() {
        while true {
            let index = lock.withLock { () -> UInt32? in
                for bin in slow.dying {
                    if let index = bin.pointee.popAny(from: 0, links) {
                        slow.borrowed += 1
                        return index
                    }
                }
                return nil
            }
            guard let index else { return }
            discardImage(index)
            withLockResuming {
                slow.borrowed -= 1
                serveAllUnderLock()
            }
        }
    }

    // MARK: Statistics

    public var statistics: PoolStatistics {
        var statistics = PoolStatistics()
        statistics.resetPolicy = resetPolicy
        statistics.growthPolicy = growthPolicy
        let used = lock.withLock {
            statistics.slots = slow.reachableSlots
            statistics.capacity = slow.capacity(geometry)
            statistics.waiting = slow.waiters.count
            statistics.exhaustionWaits = slow.exhaustionWaits
            statistics.exhaustions = slow.exhaustions
            return slow.usedSlots
        }
        for index in 0..<used {
            let link = links + index
            switch link.pointee.state {
            case .live: statistics.live += 1
            case .ready: statistics.warm += 1
            case .pending:
                statistics.warm += 1
                statistics.pending += 1
            case .blank: break
            case .retired: statistics.retired += 1
            }
            link.pointee.counters.add(to: &statistics)
        }
        statistics.blank = statistics.slots - statistics.live - statistics.warm - statistics.retired
        return statistics
    }
}

extension SlotCounters {
    fileprivate func add(to statistics: inout PoolStatistics) {
        statistics.acquisitions += acquisitions.value
        statistics.affine += warmAcquisitions.value
        statistics.remaps += remaps.value
        statistics.resets += resets.value
        statistics.failedResets += failedResets.value
        statistics.deferredResets += deferredResets.value
        statistics.scans += scans.value
        statistics.repairedPages += repairedPages.value
        statistics.discardedPages += discardedPages.value
        statistics.discards += discards.value
        statistics.growths += growths.value
        statistics.failedGrowths += failedGrowths.value
        statistics.residentBytes += residentBytes.value
    }
}
