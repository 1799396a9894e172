//! How large a pool is and how it behaves. All of it is address space until a guest touches it.

/// How many instances can live at once, how large each can be, and what is kept between them.
public struct PoolConfiguration: Sendable, Hashable {
    /// Instances that can be live at once. A slot takes 6 GiB of address space (a process has 128 TiB) and up to ten of
    /// the process's 65,530 mappings (vm.max_map_count), or eighteen if its image is a snapshot of snapshots. A pool that does not fit the address space gets fewer slots;
    /// ``PoolStatistics/slots`` says how many.
    public var slotCount: Int
    /// Slots beyond ``slotCount``, so that free ones keep their images: with more templates in turn than slots, each
    /// instance would have to take a slot from another template and map it anew. They cost address space and mappings, and
    /// what ``warmBytes`` allows. Nil takes as many as ``slotCount``, up to 256.
    public var spareSlots: Int?
    /// Bytes that one memory may grow to, at most 4 GiB; rounded down to whole pages of 64 KiB. `memory.grow` beyond it
    /// fails, whatever maximum the module declares.
    public var maximumMemoryBytes: UInt64
    /// Bytes of a guest's stack, rounded up to pages of 4 KiB. It includes the reserve for signal frames (about 24 KiB)
    /// that the guest cannot use.
    public var stackBytes: Int
    /// Bytes that a module's signature ids, tables' descriptors and globals may take: 16 per global, 4 per type.
    public var contextBytes: Int
    /// Elements, of 8 bytes each, that the tables of one instance may have together, counting growth. Tables that no
    /// code writes lie in the image, not in slots; they may have as many together.
    public var tableElements: Int
    /// How a slot becomes its image again. Nil takes the best way that the kernel offers, see ``KernelFeatures``.
    public var resetPolicy: ResetPolicy?
    /// How memories grow.
    public var growthPolicy: GrowthPolicy
    /// Bytes of memories that free slots may keep for their next instances, all together. One slot keeps an eighth of it at
    /// most. With 0, or with ``ResetPolicy/discard``, none are kept.
    public var warmBytes: Int
    /// How long a free slot keeps its pages, and an unused template its image, before they are given back. Nil keeps them
    /// for good (within ``warmBytes``). A thread of the pool's own looks after it while there is something to give back.
    public var idleTime: Duration?
    /// How long an instance waits for a slot when all are in use, before ``PoolError/exhausted(slots:)`` is thrown.
    /// Waiting blocks the thread.
    public var exhaustionWait: Duration
    /// Slots that instances of one template can hold at once. A bound below ``slotCount`` keeps one busy template from
    /// taking the pool for itself.
    public var slotsPerTemplate: Int
    /// Further slots, packed side by side, for instances with small memories. Nil for none.
    public var dense: DenseClass?

    /// By default 1000 slots, and 256 to spare, with memories of up to 4 GiB, stacks of 1 MiB and tables of up to 1,048,576 elements; 512 MiB
    /// stay warm for 10 seconds; a full pool is waited for 100 ms, and one template may take all of it. No slots are dense.
    public init(
        slotCount: Int = 1000,
        spareSlots: Int? = nil,
        maximumMemoryBytes: UInt64 = 4 << 30,
        stackBytes: Int = 1 << 20,
        contextBytes: Int = 1 << 20,
        tableElements: Int = 1 << 20,
        resetPolicy: ResetPolicy? = nil,
        growthPolicy: GrowthPolicy = .protect,
        warmBytes: Int = 512 << 20,
        idleTime: Duration? = .seconds(10),
        exhaustionWait: Duration = .milliseconds(100),
        slotsPerTemplate: Int = .max,
        dense: DenseClass? = nil
    ) {
        self.slotCount = slotCount
        self.spareSlots = spareSlots
        self.maximumMemoryBytes = maximumMemoryBytes
        self.stackBytes = stackBytes
        self.contextBytes = contextBytes
        self.tableElements = tableElements
        self.resetPolicy = resetPolicy
        self.growthPolicy = growthPolicy
        self.warmBytes = warmBytes
        self.idleTime = idleTime
        self.exhaustionWait = exhaustionWait
        self.slotsPerTemplate = slotsPerTemplate
        self.dense = dense
    }
}

extension Duration {
    /// Whole nanoseconds, 0 for negative durations, clamped to 292 years.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow || whole > UInt64(Int64.max) ? UInt64(Int64.max) : whole + UInt64(attoseconds) / 1_000_000_000
    }
}
