//! Where things lie in a pool's reservations. Address space is reserved in chunks of slots, when the slots before are in
//! use; everything is inaccessible until first needed.
//!
//! Memory slab of a chunk, one reservation:
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

internal import CPlatform
internal import WasmModule

struct PoolGeometry: Sendable {
    /// Bytes of a page of the machine (x86-64).
    static let page = 4096
    /// Bytes in front of and behind each memory that stay inaccessible.
    static let memoryGuard = 2 << 30
    /// Bytes of address space of a memory, whatever its size.
    static let memorySpan = 4 << 30
    static let memoryStride = memoryGuard + memorySpan
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
    static let largestChunk = 64

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

    init(_ configuration: PoolConfiguration) throws(PoolError) {
        guard configuration.slotCount > 0, configuration.slotCount <= SlotStack.mostSlots else {
            throw .invalidConfiguration(
                "slotCount is \(configuration.slotCount), it must be 1 … \(SlotStack.mostSlots)")
        }
        let spare = configuration.spareSlots ?? min(configuration.slotCount, 256)
        guard spare >= 0, spare <= SlotStack.mostSlots - configuration.slotCount else {
            throw .invalidConfiguration(
                "spareSlots is \(spare), with slotCount it must be 0 … \(SlotStack.mostSlots)")
        }
        guard configuration.maximumMemoryBytes <= UInt64(Self.memorySpan) else {
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
        slotCount = configuration.slotCount
        totalSlots = configuration.slotCount + spare
        mostSlots = min(2 * totalSlots, SlotStack.mostSlots)
        maximumMemoryBytes = configuration.maximumMemoryBytes & ~(MemoryType.pageSize - 1)
        stackBytes = Self.roundUp(configuration.stackBytes, to: Self.page)
        contextBytes = Self.roundUp(configuration.contextBytes, to: Self.page)
        tableElements = configuration.tableElements
    }

    static func roundUp(_ value: Int, to alignment: Int) -> Int { (value + alignment - 1) & ~(alignment - 1) }
    static func roundDown(_ value: Int, to alignment: Int) -> Int { value & ~(alignment - 1) }

    // MARK: Memory slab of a chunk

    static func memorySlabBytes(_ slots: Int) -> Int {
        slots * memoryStride + memoryGuard + Int(MemoryType.pageSize)
    }
    static func memoryOffset(_ slotInChunk: Int) -> Int { slotInChunk * memoryStride + memoryGuard }

    // MARK: Control slab of a chunk

    var tableBytes: Int { Self.roundUp(tableElements * 8, to: Self.page) }
    var controlStride: Int { Self.page + stackBytes + Self.page + contextBytes + tableBytes }
    /// One more guard page behind the last slot.
    func controlSlabBytes(_ slots: Int) -> Int { slots * controlStride + Self.page }
    func stackOffset(_ slotInChunk: Int) -> Int { slotInChunk * controlStride + Self.page }
    func contextOffset(_ slotInChunk: Int) -> Int { stackOffset(slotInChunk) + stackBytes + Self.page }
    func tablesOffset(_ slotInChunk: Int) -> Int { contextOffset(slotInChunk) + contextBytes }
}
