//! The pool: hands out slots that equal an image, takes them back, makes them equal again.
//!
//! Life of a slot: *blank* (no image) → bound to an image → *live* → reset → *ready* or *pending* (free, of that image) →
//! live … Which slot is taken: one of the image from the thread's own shard; one of the image from any shard; a blank
//! one; one never used; another image's (`evict`), which is then mapped anew.
//!
//! Invariants:
//! - A ready slot equals its image, byte for byte, up to what is still to be copied in (`needsStamp`). Only a reset whose
//!   every system call succeeded makes a slot ready; after a failed one the slot is retired, never to be used again.
//! - A slot becomes blank only by fresh mappings in place of all it had, or in a dense slot by giving back all its pages
//!   (`wipe`); if that fails, it is retired.
//! - A pending slot is settled, which makes it ready, before anything else is done with it.
//! - Every page of a free slot's memory that is not the image file's is in `resident`, unless it is pending.
//! - Nothing beyond a free slot's initial memory is accessible (in a dense slot: is written), and what pages there are hold
//!   zeroes.
//! - A record belongs to its slot's holder while live, to who took the slot out of a stack, and while it is blank to who has
//!   the lock.
//!
//! On the way of a warm slot there is no lock: two stacks of the thread's shard (`Bin`). All else is under `lock`, in
//! `Pool+Slow.swift`.

internal import CPlatform
internal import Compiler
internal import Synchronization

public final class Pool: @unchecked Sendable {
    // Unchecked because of the raw memory and what `lock` guards: see the invariants above.

    let geometry: PoolGeometry
    let configuration: PoolConfiguration
    let resetPolicy: ResetPolicy
    let growthPolicy: GrowthPolicy
    /// Who may have a live instance.
    let permits: Permits
    /// As many as there can ever be slots; initialized are those below `usedSlots`.
    let records: UnsafeMutablePointer<SlotRecord>
    /// The same, for what others than a slot's holder look at.
    let links: UnsafeMutablePointer<SlotLink>
    /// Distinguishes pools in `ImageCore.bin`; never 0.
    let number: UInt32
    let shardCount: Int
    /// Pages that a free slot keeps at most.
    let mostResidentPages: Int

    /// Counts up with time and with evictions: how recently something was used.
    let epoch = Atomic<UInt32>(1)
    /// Threads that wait for a slot.
    let waitingCount = Atomic<Int>(0)
    /// Threads that settle several slots at once.
    let settling = Atomic<Int>(0)
    /// Bytes that slots keep of their memories.
    let residentBytes = Atomic<Int>(0)
    /// Images that have gone away. Whoever returns a slot looks whether it changed meanwhile.
    let abandonments = Atomic<UInt64>(0)
    /// There are slots enough that a thread may turn several of them over.
    let hasRoomToSpread = Atomic<Bool>(true)

    let lock = Lock()
    /// Under `lock`, like the rest of what is not constant.
    var slow = SlowState()
    let keeper = PoolKeeper()
    /// What images know the pool by.
    let reference = PoolReference()

    private static let lastNumber = Atomic<UInt32>(0)

    /// Reserves address space for the first slots. More is reserved when they are needed.
    ///
    /// - Throws: `PoolError.invalidConfiguration`, or `.systemCall` if not even one slot fits the address space.
    public convenience init(_ configuration: PoolConfiguration = PoolConfiguration()) throws(PoolError) {
        try self.init(configuration, try PoolGeometry(configuration))
    }

    init(_ configuration: PoolConfiguration, _ geometry: PoolGeometry) throws(PoolError) {
        self.geometry = geometry
        self.configuration = configuration
        let features = KernelFeatures.current
        resetPolicy = configuration.warmBytes <= 0 ? .discard : configuration.resetPolicy ?? features.resetPolicy
        growthPolicy = configuration.growthPolicy
        if resetPolicy != .discard, !features.scansPages {
            throw .invalidConfiguration(
                "resetPolicy \(resetPolicy) needs PAGEMAP_SCAN (Linux 6.7), which does not work")
        }
        if resetPolicy == .track, !features.countsFaults {
            throw .invalidConfiguration("resetPolicy track needs fault counters per thread, which do not work here")
        }
        guard configuration.slotsPerTemplate > 0 else {
            throw .invalidConfiguration("slotsPerTemplate is \(configuration.slotsPerTemplate), it must be positive")
        }
        records = allocateLines(geometry.mostSlots)
        links = allocateLines(geometry.mostSlots)
        number = Self.lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
        let processors = max(1, Int(mayfly_processor_count()))
        shardCount = 2 << (Int.bitWidth - (min(processors, 16) - 1).leadingZeroBitCount)
        mostResidentPages = max(256 << 10, configuration.warmBytes / 8) / PoolGeometry.page
        slow.slotCount = geometry.totalSlots
        permits = Permits(geometry.slotCount, shards: shardCount)
        reference.set(self)
        try reserveChunk()
    }

    deinit {
        keeper.stop()
        reference.clear()
        for index in 0..<slow.usedSlots { takeApart(UInt32(index)) }
        // Images of slots that were never given back. Each bin goes with its core.
        for core in slow.dying.map({ Unmanaged.passUnretained($0.pointee.core) }) { core.release() }
        records.deinitialize(count: slow.usedSlots)
        records.deallocate()
        links.deinitialize(count: slow.usedSlots)
        links.deallocate()
        for chunk in slow.chunks { chunk.unmap(geometry) }
    }

    private func takeApart(_ index: UInt32) {
        let record = records + Int(index)
        if record.pointee.growthFile >= 0 { closeGrowthFile(index) }
        record.pointee.image?.release()
        record.pointee.memory?.release()
    }

    /// Instances that can be live at once: as configured, or fewer if the address space has turned out too small.
    public var slotCount: Int { lock.withLock { slow.capacity(geometry) } }

    // MARK: Acquire

    /// Takes a slot whose memory, tables and context equal the image.
    ///
    /// The header fields of the context that the pool owns are set: stack limit and stack pointer, memory base and
    /// length; the cells for requests and traps are zero. The others are the caller's: see `Slot.isFresh`.
    ///
    /// If all slots are in use, the thread waits for one: as long as the configuration says.
    ///
    /// - Throws: `PoolError.exhausted`; `.memoryTooLarge`, `.contextTooLarge`, `.tableTooLarge` if the image does not
    ///   fit this pool's slots; `.systemCall`.
    public func acquire(_ image: InstanceImage) throws(PoolError) -> Slot {
        let core = image.core
        guard let bin = core.bin(in: number) else {
            return try acquireSlowly(try makeBin(for: core), hasPermit: false)
        }
        if let slot = acquireWarm(bin) { return slot }
        let home = home(mayfly_thread_self()!)
        guard waitingCount.load(ordering: .relaxed) == 0, permits.take(from: home) else {
            return try acquireSlowly(bin, hasPermit: false)
        }
        return try acquirePending(bin, bin.pointee.shards + home)
    }

    /// Takes a slot that lies ready in the calling thread's shard; nil if there is none, or if others wait.
    @inline(__always)
    func acquireWarm(_ bin: UnsafeMutablePointer<Bin>) -> Slot? {
        let home = home(mayfly_thread_self()!)
        let shard = bin.pointee.shards + home
        // Who comes while others wait, waits behind them.
        guard !shard.pointee.ready.isEmpty, waitingCount.load(ordering: .relaxed) == 0, permits.take(from: home) else {
            return nil
        }
        if let index = shard.pointee.ready.pop(links) { return handOut(index, from: shard) }
        returnPermit()
        return nil
    }

    /// Gives the right to a live instance back. After the slot, so that who gets the permit finds it.
    @inline(__always)
    func returnPermit() {
        permits.put(home(mayfly_thread_self()!))
        serveWaiters()
    }

    /// The calling thread's shard.
    @inline(__always)
    func home(_ thread: UnsafePointer<mayfly_thread>) -> Int { Int(thread.pointee.ordinal) & (shardCount - 1) }

    @inline(__always)
    func handOut(_ index: UInt32, from shard: UnsafeMutablePointer<BinShard>) -> Slot {
        let record = records + Int(index)
        let now = epoch.load(ordering: .relaxed)
        if shard.pointee.lastUsed.load(ordering: .relaxed) != now {
            shard.pointee.lastUsed.store(now, ordering: .relaxed)
        }
        record.pointee.link.pointee.counters.acquisitions.add()
        record.pointee.link.pointee.counters.warmAcquisitions.add()
        if record.pointee.needsStamp { stampMemory(index) }
        record.pointee.state = .live
        return slot(index, isFresh: false)
    }

    /// The thread has a permit, but its shard no ready slot: it finishes the pending ones, or takes a further slot so that
    /// there are more to finish at once.
    private func acquirePending(
        _ bin: UnsafeMutablePointer<Bin>, _ shard: UnsafeMutablePointer<BinShard>
    ) throws(PoolError) -> Slot {
        let thread = mayfly_thread_self()!
        let home = home(thread)
        if let top = shard.pointee.pending.peek {
            if shard.pointee.pendingThread.load(ordering: .relaxed) == thread.pointee.serial {
                let waiting = links[Int(top)].depth.load(ordering: .relaxed) &+ 1
                let isWorthWaiting =
                    waiting < BinShard.batch && shard.pointee.immediateReleases.load(ordering: .relaxed) == 0
                if isWorthWaiting, let slot = spread(bin) { return slot }
                if let index = settleAll(in: shard) { return handOut(index, from: shard) }
            } else {
                // Another thread's, which would have to be searched; and that thread would take the next ready ones.
                if let index = bin.pointee.popReady(from: home, links) { return handOut(index, from: shard) }
                if let slot = spread(bin) { return slot }
            }
        }
        while let index = bin.pointee.popAny(from: home, links) {
            if settle(index) { return handOut(index, from: shard) }
            retire(index)
        }
        return try acquireSlowly(bin, hasPermit: true)
    }

    /// A slot that holds no image yet, if there is room for the thread to turn several over.
    private func spread(_ bin: UnsafeMutablePointer<Bin>) -> Slot? {
        guard hasRoomToSpread.load(ordering: .relaxed) else { return nil }
        do throws(PoolError) { return try acquireUnused(bin) } catch {
            // More slots than the machine has room for, while others are free: until a slot becomes blank, no more.
            hasRoomToSpread.store(false, ordering: .relaxed)
            return nil
        }
    }

    /// An image too large for this pool must fail before it costs anything.
    func checkFits(_ core: ImageCore) throws(PoolError) {
        if let memory = core.memory, memory.initialBytes > geometry.maximumMemoryBytes {
            throw .memoryTooLarge(requested: memory.initialBytes, limit: geometry.maximumMemoryBytes)
        }
        if core.layout.size > geometry.contextBytes {
            throw .contextTooLarge(requested: core.layout.size, limit: geometry.contextBytes)
        }
        if core.mutableElements > geometry.tableElements {
            throw .tableTooLarge(requested: core.mutableElements, limit: geometry.tableElements)
        }
    }

    // MARK: Release

    /// Takes a slot back and makes it equal to its image again.
    ///
    /// - Parameter use: what was done in the slot since `acquire`: whether guest code ran in it, or anyone wrote to its
    ///   memory, tables, globals or stack, and who. Growth through the pool is known to it. If nothing was done, releasing
    ///   makes no system call.
    public func release(_ slot: Slot, after use: SlotUse) {
        let record = records + Int(slot.index)
        precondition(record.pointee.state == .live, "a slot is released once")
        guard let bin = record.pointee.bin else { preconditionFailure("a live slot has an image") }
        let shard = bin.pointee.shards + home(mayfly_thread_self()!)
        var outcome = ResetOutcome.ready
        if use.isDirty || record.pointee.isAltered {
            record.pointee.link.pointee.counters.resets.add()
            outcome = reset(slot.index, after: use, in: shard)
            if outcome == .failed || outcome == .impossible {
                if outcome == .failed { retire(slot.index) } else { discardImage(slot.index) }
                returnPermit()
                return
            }
        }
        record.pointee.state = outcome == .ready ? .ready : .pending
        record.pointee.link.pointee.lastUsed.store(epoch.load(ordering: .relaxed), ordering: .relaxed)
        putBack(slot.index, in: shard)
        returnPermit()
    }

    /// Puts a slot that is ready or pending into a shard of its image's bin.
    @inline(__always)
    func putBack(_ index: UInt32, in shard: UnsafeMutablePointer<BinShard>) {
        let record = records + Int(index)
        // As long as the slot is in no stack it keeps image and bin alive; after that they may be gone at any moment.
        let abandonments = abandonments.load(ordering: .sequentiallyConsistent)
        guard let bin = record.pointee.bin, !bin.pointee.core.isAbandoned.load(ordering: .sequentiallyConsistent) else {
            return discardImage(index)
        }
        if record.pointee.state == .ready {
            shard.pointee.ready.push(index, links)
        } else {
            let below = shard.pointee.pending.peek.map { links[Int($0)].depth.load(ordering: .relaxed) &+ 1 }
            record.pointee.link.pointee.depth.store(below ?? 0, ordering: .relaxed)
            shard.pointee.pending.push(index, links)
        }
        serveWaiters()
        if self.abandonments.load(ordering: .sequentiallyConsistent) != abandonments { drainAbandoned() }
    }

    enum ResetOutcome {
        /// Equal to the image.
        case ready
        /// Repaired as far as is known.
        case pending
        /// Nothing was tried: the mappings are no longer what a reset needs them to be.
        case impossible
        /// Unknown. May never be used again.
        case failed
    }

    /// Takes a slot that is in no stack out of its image's hands: blank if that works, retired if not.
    func discardImage(_ index: UInt32) {
        let bin = records[Int(index)].bin
        let isClean = wipe(index)
        lock.withLock {
            if let bin { unbind(bin) }
            if isClean { putBlank(index) } else { putRetired(index, isMapped: false) }
        }
        serveWaiters()
    }

    /// Takes a slot that is in no stack out of service for good, because a reset of it failed.
    func retire(_ index: UInt32) {
        let bin = records[Int(index)].bin
        records[Int(index)].link.pointee.counters.failedResets.add()
        // Its memory goes back to the kernel, and nothing can reach what might be left.
        let isMapped = wipe(index)
        lock.withLock {
            if let bin { unbind(bin) }
            putRetired(index, isMapped: isMapped)
        }
        serveWaiters()
    }

    // MARK: Addresses

    @inline(__always)
    func slot(_ index: UInt32, isFresh: Bool) -> Slot {
        let record = records + Int(index)
        let base = record.pointee.stackBase
        return Slot(
            index: index, isFresh: isFresh, isDense: geometry.isDense, context: record.pointee.context,
            memoryBase: record.pointee.memoryBase,
            stackTop: base + geometry.stackTopOffset, stackLimit: base + PoolGeometry.stackReserve)
    }
}

/// Room for values that begin with a cache line each, if their size is a multiple of one: neighbours are often other
/// threads'.
func allocateLines<Value: ~Copyable>(_ count: Int) -> UnsafeMutablePointer<Value> {
    let line = 64
    assert(MemoryLayout<Value>.stride % line == 0, "\(MemoryLayout<Value>.stride) bytes share cache lines")
    return UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Value>.stride, alignment: line)
        .bindMemory(to: Value.self, capacity: count)
}
