//! The dense class: slots for very many small instances.
//!
//! An ordinary slot takes 6 GiB of address space and several of the process's 65,530 mappings, so that code needs no bounds
//! checks. A dense slot takes what its memory can grow to and no mapping of its own: a hundred thousand instances in one
//! process. The price is a comparison at each access to memory.

internal import WasmModule

/// How many instances with small memories can live at once, packed side by side, in addition to the pool's other slots.
///
/// Instances of a template are dense if all memories of its module are bounded by ``maximumMemoryBytes``, by the maximum that
/// the module declares or by the template's own memory limit, and its context and tables fit. Their code compares every
/// access with the memory's length (`CodeSettings.BoundsChecks.explicit`), which makes it larger and slower; the benchmark
/// `mayfly-bench density` says by how much. Instances that are linked in a store are never dense.
///
/// All of it is address space until a guest touches it; the process must be allowed to have that much
/// (`vm.overcommit_memory` other than 2, no `mlockall(MCL_FUTURE)`). Reset policy, warm memory, waiting and the bound per
/// template are the ``PoolConfiguration``'s, and each of its two kinds of slots has them to itself.
public struct DenseClass: Sendable, Hashable {
    /// Bytes that one memory may grow to: a multiple of 64 KiB, up to 16 MiB. Each slot takes as much address space.
    /// `memory.grow` beyond it fails, which no module notices that declares no larger maximum.
    public var maximumMemoryBytes: UInt64
    /// Dense instances that can be live at once. A slot takes 300 bytes of the host's memory once it has been used, and its
    /// stack, context and tables as address space. Where the kernel has no guard markers (before Linux 6.13) there are 8192
    /// at most, as each then takes two of the process's mappings.
    public var slotCount: Int
    /// Slots beyond ``slotCount``, so that free ones keep their images; see ``PoolConfiguration/spareSlots``.
    public var spareSlots: Int
    /// Bytes of a guest's stack, rounded up to pages of 4 KiB. It includes the reserve for signal frames (about 24 KiB) that
    /// the guest cannot use. A guest that calls deeper than the rest allows traps.
    public var stackBytes: Int
    /// Bytes that a module's signature ids, tables' descriptors and globals may take, rounded up to pages of 4 KiB: 16 per
    /// global, 4 per type, 272 besides. Modules that need more are not dense.
    public var contextBytes: Int
    /// Elements, of 8 bytes each, that the tables of one instance may have together, counting growth; tables that nothing
    /// writes do not count. Modules that start with more are not dense, and `table.grow` beyond it fails.
    public var tableElements: Int

    /// By default 100,000 slots and none to spare, with memories of up to 1 MiB, stacks of 128 KiB, contexts of 4 KiB and
    /// tables of up to 1024 elements. 100,000 of them take a tebibyte of address space, of which guards take the most.
    public init(
        maximumMemoryBytes: UInt64 = 1 << 20, slotCount: Int = 100_000, spareSlots: Int = 0,
        stackBytes: Int = 128 << 10,
        contextBytes: Int = 4 << 10, tableElements: Int = 1024
    ) {
        self.maximumMemoryBytes = maximumMemoryBytes
        self.slotCount = slotCount
        self.spareSlots = spareSlots
        self.stackBytes = stackBytes
        self.contextBytes = contextBytes
        self.tableElements = tableElements
    }

    /// Largest memories that dense slots can have: larger ones are few, and gain nothing by being packed.
    static let mostMemoryBytes: UInt64 = 16 << 20

    /// What the pool's own checks of a configuration do not cover.
    func validate() throws(PoolError) {
        let page = MemoryType.pageSize
        guard maximumMemoryBytes >= page, maximumMemoryBytes <= Self.mostMemoryBytes,
            maximumMemoryBytes % page == 0
        else {
            throw .invalidConfiguration(
                """
                dense.maximumMemoryBytes is \(maximumMemoryBytes), it must be a multiple of 65536 and at most \
                \(Self.mostMemoryBytes)
                """)
        }
    }
}
