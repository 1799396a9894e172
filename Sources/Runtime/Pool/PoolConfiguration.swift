//! How large a pool is. All of it is address space until a guest touches it.

/// How many instances can live at once, and how large each can be.
public struct PoolConfiguration: Sendable, Hashable {
    /// Instances that can be live at once. A slot takes 6 GiB of address space (a process has 128 TiB) and about ten of
    /// the process's 65,530 mappings (vm.max_map_count). A pool that does not fit the address space gets fewer slots;
    /// ``PoolStatistics/slots`` says how many.
    public var slotCount: Int
    /// Bytes that one memory may grow to, at most 4 GiB; rounded down to whole pages of 64 KiB. `memory.grow` beyond it
    /// fails, whatever maximum the module declares.
    public var maximumMemoryBytes: UInt64
    /// Bytes of a guest's stack, rounded up to pages of 4 KiB. It includes the reserve for signal frames (about 24 KiB)
    /// that the guest cannot use.
    public var stackBytes: Int
    /// Bytes that a module's signature ids, tables' descriptors and globals may take: 16 per global, 4 per type.
    public var contextBytes: Int
    /// Elements, of 8 bytes each, that the tables of one instance may have together, counting growth. Tables that no
    /// code writes lie in the image and do not count.
    public var tableElements: Int

    /// By default 1000 slots with memories of up to 4 GiB, stacks of 1 MiB and tables of up to 1,048,576 elements.
    public init(
        slotCount: Int = 1000,
        maximumMemoryBytes: UInt64 = 4 << 30,
        stackBytes: Int = 1 << 20,
        contextBytes: Int = 1 << 20,
        tableElements: Int = 1 << 20
    ) {
        self.slotCount = slotCount
        self.maximumMemoryBytes = maximumMemoryBytes
        self.stackBytes = stackBytes
        self.contextBytes = contextBytes
        self.tableElements = tableElements
    }
}
