//! The VM context: what compiled code finds through its pinned context register (r15).
//!
//! One table of offsets, used by the code generator and by the runtime. A context has a *header* of fixed offsets, then
//! arrays whose sizes the module decides. Everything is 8-byte cells unless said otherwise.
//!
//! Instances that are linked run on one guest stack, that of the first of them, whose context is the *root* of all: only there
//! do the fields about stacks and traps count. An instance that is not linked is its own root.
//!
//!     0    header (`headerSize` bytes)
//!     …    signature ids: one UInt32 per type of the module
//!     …    tables: {base address, length in elements} per table
//!     …    memories 1…: {base address, length in bytes} per further memory
//!     …    globals: 16 bytes each, in index order            ← `mutableStart`
//!     …    end                                               ← `size`
//!
//! The cell of a mutable global that is imported has the address of the value, which lies with the instance that defines it.
//!
//! Only the globals, and the root's fuel, are written by compiled code. The runtime writes lengths (growth) and the header's save areas. So a
//! reset restores the globals and the lengths, nothing else. What linking writes, it takes back itself.

public struct VMContextLayout: Sendable, Hashable {
    // MARK: Header. The offsets up to 127 are reached with one-byte displacements.

    /// Lowest value of the stack pointer at which a function may still start. Address.
    public static let stackLimit = 0
    /// In the root: nonzero asks the guest for something at its next host-call return. Two UInt32, each 1 or 0: to stop,
    /// and, in the upper half, to let others run (`mayYield`).
    public static let request = 8
    /// Address of byte 0 of memory 0; kept in r14 while compiled code runs.
    public static let memoryBase = 16
    /// Bytes of memory 0 that exist now.
    public static let memoryLength = 24
    /// Address of the module's function records, shared by its instances.
    public static let functionRecords = 32
    /// In the root, while compiled code runs: the host stack pointer to return to. Pushed and restored by nested entries.
    public static let hostStackPointer = 40
    /// In the root: the guest stack pointer to enter with: the stack's top at first, the guest's current one during a host
    /// call.
    public static let guestStackPointer = 48
    /// In the root: the guest's frame pointer at the last host call, where a backtrace starts.
    public static let guestFramePointer = 56
    /// `HostDispatch` for imported functions.
    public static let hostDispatch = 64
    /// `HostDispatch` for `RuntimeFunction`s.
    public static let runtimeDispatch = 72
    /// Owned by the runtime: finds the instance from a context.
    public static let hostData = 80
    /// Address of the root context.
    public static let root = 88
    /// Address of the exit stub of the module's code; the signal handler continues there.
    public static let exitStub = 96
    // Written by the signal handler, to the root.
    /// Address of the faulting instruction, or 0.
    public static let trapProgramCounter = 104
    /// The frame pointer there.
    public static let trapFramePointer = 112
    /// The address that could not be accessed.
    public static let trapAddress = 120
    /// The signal's number.
    public static let trapSignal = 128
    /// The context whose code faulted.
    public static let trapContext = 136
    /// In the root, while the guest is suspended: its stack pointer. On top of the stack is the address of the code that
    /// restores its registers.
    public static let resumeStackPointer = 144
    /// In the root: nonzero while the run may be suspended. No frame of the host's lies between its entry and the guest.
    public static let mayYield = 152
    /// In the root, owned by the runtime: the asynchronous call whose host function is awaited.
    public static let suspendedCall = 160
    /// Room for the runtime, not known to compiled code.
    public static let reserved = 176
    /// Bytes of that room.
    public static let reservedSize = 128
    // Fuel, in the root. Only code that meters it knows it.
    /// Units that are left of the slice which the guest has taken: at most `fuelSlice`. While metered code runs, it has them in
    /// a register, and what is here is what there was before a call, or more. An Int64.
    public static let fuel = 304
    /// Units that are left beside those, from which the next slice is taken. An Int64, never negative.
    public static let fuelReserve = 312
    /// Units that a slice has.
    public static let fuelSlice: Int64 = 1 << 14
    public static let headerSize = 320

    // MARK: Arrays

    public var typeCount: Int
    public var tableCount: Int
    public var memoryCount: Int
    public var globalCount: Int

    public init(typeCount: Int, tableCount: Int, memoryCount: Int, globalCount: Int) {
        self.typeCount = typeCount
        self.tableCount = tableCount
        self.memoryCount = memoryCount
        self.globalCount = globalCount
    }

    /// Offset of the engine-wide id of the module's type `index`, a UInt32.
    public func signature(_ index: Int) -> Int { Self.headerSize + 4 * index }
    private var tablesStart: Int { Self.headerSize + (4 * typeCount + 15) & ~15 }
    public func tableBase(_ index: Int) -> Int { tablesStart + 16 * index }
    public func tableLength(_ index: Int) -> Int { tablesStart + 16 * index + 8 }
    private var memoriesStart: Int { tablesStart + 16 * tableCount }
    public func memoryBase(_ index: Int) -> Int {
        index == 0 ? Self.memoryBase : memoriesStart + 16 * (index - 1)
    }
    public func memoryLength(_ index: Int) -> Int {
        index == 0 ? Self.memoryLength : memoriesStart + 16 * (index - 1) + 8
    }
    /// Where the part starts that compiled code writes.
    public var mutableStart: Int { memoriesStart + 16 * max(0, memoryCount - 1) }
    public func global(_ index: Int) -> Int { mutableStart + 16 * index }
    /// Bytes of the whole context.
    public var size: Int { global(globalCount) }
}

/// A function as `ref.func` and tables see it. A function reference is the address of a record, or 0.
///
/// The records of a module's functions lie in one array, in the order of the function index space, and hold absolute
/// addresses, valid in one process. All instances of a module share one array, except for linked ones, which have one each:
/// a reference then says whose function it is. `call_indirect` puts the record's address into r11 and calls `code`, which for
/// the record of a linked instance is a *crossing* of the function's type: it changes to the instance's context on the way.
public enum FunctionRecord {
    /// Address of the code to call, entered with the internal calling convention.
    public static let code = 0
    /// Engine-wide signature id, a UInt32.
    public static let signature = 8
    /// Index in the function space of the instance that defines it, a UInt32. `isForeign` is set in the record of an import
    /// that is another instance's function.
    public static let index = 12
    /// Context of the function's instance, or 0 when it is the caller's.
    public static let context = 16
    /// What a crossing calls: the function's own code.
    public static let target = 24
    public static let size = 32
    public static let isForeign: UInt32 = 0x8000_0000
}
