//! Where things lie in a pool's reservations. Address space is reserved in chunks of slots, when the slots before are in
//! use. There are two geometries.
//!
//! **Guarded**: what keeps a guest in its memory is address space. Everything is inaccessible until first needed. Memory slab
//! of a chunk, one reservation:
//!
//!     | guard 2 GiB | memory of slot 0, 4 GiB | guard 2 GiB | memory of slot 1, 4 GiB | … | guard 2 GiB + 64 KiB |
//!
//! Compiled code adds a 32-bit index and a constant offset below 2 GiB − 64 KiB to the base without a check, so it
//! reaches less than 6 GiB behind the base: the slot's own memory and the guard behind it, which is the next slot's
//! guard in front. The guards are there for a full 4 GiB whatever the configured maximum is. The guard in front is for
//! mistakes: an index that was sign-extended lands there.
//!
//! Control slab of a chunk, one reservation, per slot:
//!
//!     | guard page | guest stack, growing down | guard page | context | tables |
//!
//! A stack that overruns its limit and the guard page does not reach another slot's tables, and nothing that overruns a
//! context from below reaches a stack.
//!
//! **Dense**: what keeps a guest in its memory are comparisons in its code. A chunk is a few mappings, whatever the number of
//! its slots, and all of it is accessible from the beginning. Memory slab:
//!
//!     | guard 2 GiB | memory of slot 0 | memory of slot 1 | … | guard 6 GiB |
//!
//! The guards cover all that an unchecked 32-bit index and a folded offset could reach from any of the memories: a comparison
//! that is missing, which is a defect, exposes memories of the chunk, never contexts, stacks, or anything of the host.
//!
//! Control slab:
//!
//!     | guard page | guest stack, growing down | context | tables | guard page | … | guard page |
//!
//! The context begins in the page of the stack's top: an instance that is called needs one page for both.
//!
//! The guard pages are markers in the page table, which split no mapping, or pages without access, which do: two mappings a
//! slot.

internal import CPlatform
internal import WasmModule

struct PoolGeometry: Sendable {
    /// Bytes of a page of the machine (x86-64).
    static let page = 4096
    /// Bytes in front of and behind each memory, or in front of a dense slab, that stay inaccessible.
    static let memoryGuard = 2 << 30
    /// Bytes that 32-bit addresses reach, and so of the largest memory.
    static let largestMemory = 4 << 30
    /// Bytes below the stack limit that a guest leaves free: a signal frame, 16 KiB for handlers that run without an
    /// alternate stack, 4 KiB for functions that check the limit late because their frames are small.
    static let stackReserve = roundUp(Int(mayfly_minimum_signal_stack()), to: page) + (16 << 10) + (4 << 10)
    /// Bytes of guest stack that must remain above the reserve.
    static let leastUsableStack = 16 << 10

    /// Bytes up to which zeroing by writing is cheaper than a system call and the faults after it.
    static let largestZeroing = 64 << 10
    /// Bytes at a stack's top that stay resident after a reset.
    static let keptStack = 64 << 10
    /// Bytes looked at to see whether a guest went deeper.
    static let stackProbe = 1 << 10
    /// Resets between two looks. A look reads 1 KiB that nothing else reads.
    static let resetsBetweenStackProbes: UInt8 = 8
    /// Resets after which a stack's deep part is discarded without looking. A multiple of the former.
    static let resetsBetweenStackTrims: UInt8 = 64
    /// Most slots for which address space is reserved at once: 384 GiB.
    static let largestGuardedChunk = 64
    /// The same of dense slots. Each of a chunk's guard pages is a system call when it is reserved.
    static let largestDenseChunk = 1024
    /// Most dense slots where guard pages have to be mappings: they take a quarter of the 65,530 that a process can have.
    static let mostSplittingSlots = 8192

    /// What keeps the guests of neighbouring slots apart.
    enum Isolation: Sendable {
        /// Inaccessible address space around each memory.
        case guarded
        /// Comparisons in their code.
        case dense
    }

    let isolation: Isolation
    /// Guard pages are markers in the page table and not mappings.
    let marksGuards: Bool
    /// Bytes of address space of a memory, whatever its size.
    let memorySpan: Int
    /// Bytes from one memory to the next.
    let memoryStride: Int
    /// Bytes behind the last slot's stride that stay inaccessible.
    let memoryTail: Int
    /// Most slots for which address space is reserved at once.
    let largestChunk: Int
    /// Instances that may live at once.
    let slotCount: Int
    /// Slots wanted, those to spare included. Fewer may fit the address space.
    let totalSlots: Int
    /// The same, and those in place of retired ones.
    let mostSlots: Int
    /// Bytes, a multiple of the Wasm page.
    let maximumMemoryBytes: UInt64
    let stackBytes: Int
    let contextBytes: Int
    let tableElements: Int

    /// - Parameters:
    ///   - isolation: dense slots have memories of `maximumMemoryBytes`, whole Wasm pages of them.
    ///   - marksGuards: whether the kernel has guard pages that are no mappings.
    init(
        _ configuration: PoolConfiguration, _ isolation: Isolation = .guarded, marksGuards: Bool = false
    ) throws(PoolError) {
        guard configuration.slotCount > 0, configuration.slotCount <= SlotStack.mostSlots else {
            throw .invalidConfiguration(
                "slotCount is \(configuration.slotCount), it must be 1 … \(SlotStack.mostSlots)")
        }
        let spare = configuration.spareSlots ?? min(configuration.slotCount, 256)
        guard spare >= 0, spare <= SlotStack.mostSlots - configuration.slotCount else {
            throw .invalidConfiguration(
                "spareSlots is \(spare), with slotCount it must be 0 … \(SlotStack.mostSlots)")
        }
        guard configuration.maximumMemoryBytes <= UInt64(Self.largestMemory) else {
            throw .invalidConfiguration("maximumMemoryBytes is \(configuration.maximumMemoryBytes), at most 4 GiB work")
        }
        guard configuration.stackBytes >= Self.stackReserve + Self.leastUsableStack,
            configuration.stackBytes <= 1 << 30
        else {
            throw .invalidConfiguration(
                """
                stackBytes is \(configuration.stackBytes), it must be \
                \(Self.stackReserve + Self.leastUsableStack) … \(1 << 30)
                """)
        }
        guard configuration.contextBytes >= Self.page, configuration.contextBytes <= 1 << 30 else {
            throw .invalidConfiguration("contextBytes is \(configuration.contextBytes), it must be 4096 … \(1 << 30)")
        }
        guard configuration.tableElements >= 0, configuration.tableElements <= 1 << 27 else {
            throw .invalidConfiguration("tableElements is \(configuration.tableElements), it must be 0 … \(1 << 27)")
        }
        let most = isolation == .dense && !marksGuards ? Self.mostSplittingSlots : SlotStack.mostSlots
        slotCount = min(configuration.slotCount, most)
        totalSlots = min(configuration.slotCount + spare, most)
        mostSlots = min(2 * totalSlots, SlotStack.mostSlots)
        maximumMemoryBytes = configuration.maximumMemoryBytes & ~(MemoryType.pageSize - 1)
        self.isolation = isolation
        self.marksGuards = isolation == .dense && marksGuards
        switch isolation {
        case .guarded:
            memorySpan = Self.largestMemory
            memoryStride = Self.memoryGuard + Self.largestMemory
            memoryTail = Int(MemoryType.pageSize)
            largestChunk = Self.largestGuardedChunk
        case .dense:
            memorySpan = Int(maximumMemoryBytes)
            memoryStride = memorySpan
            memoryTail = Self.memoryGuard + Self.largestMemory
            largestChunk = Self.largestDenseChunk
        }
        stackBytes = Self.roundUp(configuration.stackBytes, to: Self.page)
        contextBytes = Self.roundUp(configuration.contextBytes, to: Self.page)
        tableElements = configuration.tableElements
    }

    static func roundUp(_ value: Int, to alignment: Int) -> Int { (value + alignment - 1) & ~(alignment - 1) }
    static func roundDown(_ value: Int, to alignment: Int) -> Int { value & ~(alignment - 1) }

    var isDense: Bool { isolation == .dense }

    // MARK: Memory slab of a chunk

    func memorySlabBytes(_ slots: Int) -> Int { slots * memoryStride + Self.memoryGuard + memoryTail }
    func memoryOffset(_ slotInChunk: Int) -> Int { slotInChunk * memoryStride + Self.memoryGuard }

    // MARK: Control slab of a chunk

    var tableBytes: Int { Self.roundUp(tableElements * 8, to: Self.page) }
    /// Bytes between a stack and the context above it that stay inaccessible.
    private var contextGuard: Int { isDense ? 0 : Self.page }
    var controlStride: Int { Self.page + stackBytes + contextGuard + contextBytes + tableBytes }
    /// Bytes of the page of a stack's top that are the context's.
    var contextShare: Int { isDense ? 2048 : 0 }
    /// One more guard page behind the last slot.
    func controlSlabBytes(_ slots: Int) -> Int { slots * controlStride + Self.page }
    /// Where the guard page below a stack lies. Of the slot behind the last: the slab's last page.
    func guardOffset(_ slotInChunk: Int) -> Int { slotInChunk * controlStride }
    func stackOffset(_ slotInChunk: Int) -> Int { guardOffset(slotInChunk) + Self.page }
    /// Where the first call's frames begin, downwards; from the stack's start on.
    var stackTopOffset: Int { stackBytes - contextShare }
    func contextOffset(_ slotInChunk: Int) -> Int { stackOffset(slotInChunk) + stackTopOffset + contextGuard }
    func tablesOffset(_ slotInChunk: Int) -> Int { contextOffset(slotInChunk) + contextBytes }
}
