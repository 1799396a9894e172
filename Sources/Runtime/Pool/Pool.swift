//! The pool: hands out slots that equal an image, takes them back, makes them equal again.
//!
//! Life of a slot: *blank* (no image) → bound to an image → *live* → reset → *warm* (free and equal to its image) →
//! live … A warm slot is used for its own image without a system call. Which free slot is taken: the most recently
//! released one that is warm for the image; a blank one; one never used; the least recently released one of another
//! image, which is then mapped anew.
//!
//! Invariants:
//! - A warm slot equals its image, byte for byte, up to outliers that are still to be copied (`needsOutliers`). Only a
//!   reset whose every system call succeeded makes a slot warm; after a failed one its mappings are replaced, and if
//!   that fails too the slot is retired.
//! - Nothing beyond a free slot's initial memory holds a page or is accessible.
//! - A record is touched by its slot's holder while live and under `lists` while free. Between leaving the lists and
//!   being live, and between the end of being live and joining the lists, it is the acquiring or releasing thread's.
//!
//! `lists` guards a few pointer moves; no system call is made under it.

internal import CPlatform
internal import Compiler
internal import Synchronization

public final class Pool: @unchecked Sendable {
    // Unchecked because of the raw memory: see the invariants above.

    let geometry: PoolGeometry
    let memorySlab: UnsafeMutableRawPointer
    let controlSlab: UnsafeMutableRawPointer
    let records: UnsafeMutablePointer<SlotRecord>
    /// Distinguishes pools in `ImageCore.bin`; never 0.
    let number: UInt32
    let lists: Mutex<FreeLists>
    let resets = Atomic<UInt64>(0)
    let failedResets = Atomic<UInt64>(0)
    let growths = Atomic<UInt64>(0)

    private static let lastNumber = Atomic<UInt32>(0)

    /// Reserves address space for the slots: as many as configured, or as many as fit.
    ///
    /// - Throws: `PoolError.invalidConfiguration`, or `.systemCall` if not even one slot fits the address space.
    public init(_ configuration: PoolConfiguration = PoolConfiguration()) throws(PoolError) {
        let wanted = try PoolGeometry(configuration)
        // Under a limit on address space the pool leaves half of it to the rest of the process.
        let limit = mayfly_address_space_limit()
        let budget = limit == UInt64.max ? Int.max : Int(clamping: limit / 2)
        let perSlot = PoolGeometry.memoryStride + wanted.controlStride
        var count = max(1, min(wanted.slotCount, budget / perSlot))
        while true {
            let geometry = PoolGeometry(wanted, slotCount: count)
            do throws(PoolError) {
                (memorySlab, controlSlab) = try Self.reserve(geometry)
                self.geometry = geometry
                break
            } catch {
                if count == 1 { throw error }
                count -= max(1, count / 8)
            }
        }
        records = .allocate(capacity: count)
        for index in 0..<count { (records + index).initialize(to: SlotRecord()) }
        number = Self.lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
        lists = Mutex(FreeLists(slotCount: UInt32(count)))
    }

    private static func reserve(
        _ geometry: PoolGeometry
    ) throws(PoolError) -> (memory: UnsafeMutableRawPointer, control: UnsafeMutableRawPointer) {
        var memory: UnsafeMutableRawPointer?
        var control: UnsafeMutableRawPointer?
        try check(
            mayfly_map_reserve(geometry.memorySlabBytes, &memory), "mmap",
            "reserving \(geometry.memorySlabBytes >> 30) GiB of address space for memories")
        let error = mayfly_map_reserve(geometry.controlSlabBytes, &control)
        if error != 0 {
            _ = mayfly_unmap(memory, geometry.memorySlabBytes)
            try check(error, "mmap", "reserving \(geometry.controlSlabBytes >> 20) MiB for stacks and contexts")
        }
        guard let memory, let control else { throw .systemCall(name: "mmap", errno: 0, purpose: "reserving slots") }
        // Pages the kernel fills in without a fault would be writes that nobody asked for, 2 MiB at a time.
        _ = mayfly_forbid_huge_pages(memory, geometry.memorySlabBytes)
        _ = mayfly_forbid_huge_pages(control, geometry.controlSlabBytes)
        return (memory, control)
    }

    deinit {
        var start = 0
        for index in 0..<geometry.slotCount {
            records[index].image?.release()
            guard records[index].state == .retired else { continue }
            // A failed mmap may have left a hole where somebody else's mapping lies by now: not ours to remove.
            let hole = geometry.memoryOffset(of: index)
            _ = mayfly_unmap(memorySlab + start, hole - start)
            start = hole + PoolGeometry.memorySpan
        }
        records.deallocate()
        _ = mayfly_unmap(memorySlab + start, geometry.memorySlabBytes - start)
        _ = mayfly_unmap(controlSlab, geometry.controlSlabBytes)
    }

    /// Slots of this pool: as configured, or fewer if the address space was too small.
    public var slotCount: Int { geometry.slotCount }

    public var statistics: PoolStatistics {
        var statistics = lists.withLock { $0.statistics(slots: geometry.slotCount) }
        statistics.resets = resets.load(ordering: .relaxed)
        statistics.failedResets = failedResets.load(ordering: .relaxed)
        statistics.growths = growths.load(ordering: .relaxed)
        return statistics
    }

    // MARK: Acquire

    /// Takes a slot whose memory, tables and context equal the image.
    ///
    /// The header fields of the context that the pool owns are set: stack limit and stack pointer, memory base and
    /// length; the cells for requests and traps are zero. The others are the caller's: see `Slot.isFresh`.
    ///
    /// - Throws: `PoolError.exhausted`; `.memoryTooLarge`, `.contextTooLarge`, `.tableTooLarge` if the image does not
    ///   fit this pool's slots; `.systemCall`.
    public func acquire(_ image: InstanceImage) throws(PoolError) -> Slot {
        let core = image.core
        switch lists.withLock({ $0.take(core, records, poolNumber: number) }) {
        case .warm(let index):
            let record = records + Int(index)
            if record.pointee.needsOutliers { copyOutliers(of: core, to: index) }
            return slot(index, isFresh: false)
        case .unbound(let index):
            return try bindForUse(index, to: core)
        case .noBin:
            return try acquireFirst(core)
        case .exhausted:
            throw .exhausted(slots: geometry.slotCount)
        }
    }

    /// The first use of an image in this pool.
    private func acquireFirst(_ core: ImageCore) throws(PoolError) -> Slot {
        try checkFits(core)
        let (take, isNew) = lists.withLock { lists in
            let isNew = lists.addBin(for: core, poolNumber: number)
            return (lists.take(core, records, poolNumber: number), isNew)
        }
        if isNew { core.register(self) }
        switch take {
        case .warm(let index):
            if records[Int(index)].needsOutliers { copyOutliers(of: core, to: index) }
            return slot(index, isFresh: false)
        case .unbound(let index):
            return try bindForUse(index, to: core)
        case .noBin, .exhausted:
            throw .exhausted(slots: geometry.slotCount)
        }
    }

    private func bindForUse(_ index: UInt32, to core: ImageCore) throws(PoolError) -> Slot {
        do throws(PoolError) {
            try bind(index, to: core)
        } catch {
            // Half-made mappings: back to none at all, or never again.
            discardImage(index)
            throw error
        }
        return slot(index, isFresh: true)
    }

    private func copyOutliers(of core: ImageCore, to index: UInt32) {
        core.memory?.copyOutliers(to: memoryBase(index))
        records[Int(index)].needsOutliers = false
    }

    /// An image too large for this pool must fail before it costs anything.
    private func checkFits(_ core: ImageCore) throws(PoolError) {
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
    /// - Parameter wasEntered: whether guest code ran in the slot, or anyone wrote to its memory, tables, globals or
    ///   stack, since `acquire`. Growth through the pool is known to it. If false, releasing makes no system call.
    public func release(_ slot: Slot, wasEntered: Bool) {
        let record = records + Int(slot.index)
        precondition(record.pointee.state == .live, "a slot is released once")
        if wasEntered || record.pointee.isAltered {
            resets.wrappingAdd(1, ordering: .relaxed)
            guard reset(slot.index) else {
                failedResets.wrappingAdd(1, ordering: .relaxed)
                discardImage(slot.index)
                return
            }
        }
        if !lists.withLock({ $0.putWarm(slot.index, records, poolNumber: number) }) { discardImage(slot.index) }
    }

    /// An image's handle is gone: its free slots become blank.
    func forget(_ core: ImageCore) {
        while let index = lists.withLock({ $0.takeAbandoned(core, records, poolNumber: number) }) {
            discardImage(index)
        }
    }

    /// Takes a slot that is in no list out of its image's hands: blank if that works, retired if not.
    private func discardImage(_ index: UInt32) {
        let isClean = wipe(index)
        lists.withLock { $0.putUnbound(index, records, isClean: isClean) }
    }

    // MARK: Addresses

    func memoryBase(_ index: UInt32) -> UnsafeMutableRawPointer { memorySlab + geometry.memoryOffset(of: Int(index)) }
    func context(_ index: UInt32) -> UnsafeMutableRawPointer { controlSlab + geometry.contextOffset(of: Int(index)) }
    func tables(_ index: UInt32) -> UnsafeMutablePointer<UInt64> {
        (controlSlab + geometry.tablesOffset(of: Int(index))).assumingMemoryBound(to: UInt64.self)
    }
    func stackBase(_ index: UInt32) -> UnsafeMutableRawPointer { controlSlab + geometry.stackOffset(of: Int(index)) }

    func slot(_ index: UInt32, isFresh: Bool) -> Slot {
        let base = stackBase(index)
        return Slot(
            index: index, isFresh: isFresh, context: context(index), memoryBase: memoryBase(index),
            stackTop: base + geometry.stackBytes, stackLimit: base + PoolGeometry.stackReserve)
    }
}
