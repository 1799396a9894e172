//! A slot as its user sees it: addresses, all fixed for the slot's life.

internal import CPlatform
internal import Compiler
internal import Synchronization

/// The address space one live instance owns, from `Pool.acquire` to `Pool.release`.
///
/// A slot is a handle, not an owner: whoever acquired it must release it exactly once and not use its addresses after.
public struct Slot: BitwiseCopyable, @unchecked Sendable {
    /// Position in the pool.
    public let index: UInt32
    /// The slot's mappings were made for this image just now: the context's header fields that the pool does not own
    /// are zero and must be set. Otherwise they are as the last holder, which had the same image, left them.
    public let isFresh: Bool
    /// The slot's neighbours are within reach of an access that is not compared with the memory's length. Only code with
    /// explicit bounds checks may run on its memory.
    public let isDense: Bool
    /// The VM context, laid out by the image's `VMContextLayout`.
    public let context: UnsafeMutableRawPointer
    /// Byte 0 of memory 0. Only what the context's `memoryLength` says is accessible.
    public let memoryBase: UnsafeMutableRawPointer
    /// Address behind the guest stack, 16-byte aligned.
    public let stackTop: UnsafeMutableRawPointer
    /// Lowest stack pointer with which a guest function may start.
    public let stackLimit: UnsafeMutableRawPointer

    /// What the context's `guestStackPointer` is when no guest code runs in the slot.
    public var initialStackPointer: UnsafeMutableRawPointer { stackTop - 64 }
}

/// What a slot's holder did in it, as far as a reset has to know. The runtime keeps one per instance.
public struct SlotUse: BitwiseCopyable, Sendable {
    /// The thread that wrote to the slot, or ran code in it; 0 if nobody did, `severalThreads` if it cannot be said.
    @usableFromInline var thread: UInt64 = 0
    /// That thread's fault counter, as it was known before.
    @usableFromInline var faults: UInt64 = 0

    /// Of a slot that nobody has touched since it was acquired.
    public init() {}

    /// Not the number of any thread.
    @usableFromInline static var severalThreads: UInt64 { .max }

    /// Something was done that the fault counters of threads do not show.
    public static var unknown: SlotUse {
        var use = SlotUse()
        use.thread = severalThreads
        return use
    }

    /// Whether code ran in the slot or anyone wrote to it.
    @inlinable public var isDirty: Bool { thread != 0 }

    /// The calling thread is about to run code in the slot or to write to it.
    public mutating func note() {
        let current = mayfly_thread_self()!
        if thread == 0 {
            thread = current.pointee.serial
            faults = current.pointee.last_faults
        } else if thread != current.pointee.serial {
            thread = Self.severalThreads
        }
    }

    /// The slot's addresses leave the hands of those who note what they do.
    public mutating func noteEscape() { thread = Self.severalThreads }
}

/// What the pool knows of a slot. Fields that are not atomic belong to the slot's holder, the thread that took it out of a
/// stack, or who owns the pool's lock while the slot is blank.
struct SlotRecord: ~Copyable {
    /// What others may read of the slot at any time.
    let link: UnsafeMutablePointer<SlotLink>

    let memoryBase: UnsafeMutableRawPointer
    let stackBase: UnsafeMutableRawPointer
    let context: UnsafeMutableRawPointer
    let tables: UnsafeMutablePointer<UInt64>

    /// The image the slot is mapped for. Retained by the record.
    var image: Unmanaged<ImageCore>?
    /// Its memory as built. Retained by the record.
    var memory: Unmanaged<MemoryImage>?
    /// The image's bin in this pool.
    var bin: UnsafeMutablePointer<Bin>?
    /// Bytes of memory 0 that are accessible now.
    var memoryLength: UInt64 = 0
    /// The same right after stamping.
    var initialMemoryLength: UInt64 = 0
    /// Pages of the memory that are the slot's own.
    var resident = PageSet()
    /// What the last holder did; of a pending slot.
    var use = SlotUse()
    /// The control part's pages are readable and writable.
    var isOpen = false
    /// The pool itself changed the slot for its holder (growth), so it needs a reset even if no code ran.
    var isAltered = false
    /// A growth failed half-way: the slot cannot be reset, only wiped.
    var isBroken = false
    /// No reset has searched the memory since it was mapped. Whoever mapped it may have made pages private that no run had a
    /// fault for: mlockall(2) has the kernel fill mappings in.
    var isUnsearched = true
    /// What the image does not map has to be copied in before the next use.
    var needsStamp = false
    /// Resets since the deep part of the stack was last discarded.
    var resetsSinceStackTrim: UInt8 = 0
    /// Resets since unchanged pages were last looked for.
    var resetsSinceSurvey: UInt8 = 0
    /// The file behind the memory, if it grows that way; made when first needed.
    var growthFile: Int32 = -1
    /// Bytes of the file's mapping, behind the initial memory; 0 if it is not mapped.
    var growthBytes = 0
    /// The process that mapped it.
    var growthGeneration: UInt32 = 0
    /// The header's functionRecords, hostDispatch, runtimeDispatch and exitStub as first seen at a release.
    var header: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// Up to whole cache lines.
    private let padding: UInt64 = 0

    init(
        link: UnsafeMutablePointer<SlotLink>, memoryBase: UnsafeMutableRawPointer, stackBase: UnsafeMutableRawPointer,
        context: UnsafeMutableRawPointer,
        tables: UnsafeMutablePointer<UInt64>
    ) {
        self.link = link
        self.memoryBase = memoryBase
        self.stackBase = stackBase
        self.context = context
        self.tables = tables
    }

    @inline(__always)
    var state: SlotLink.State {
        get { link.pointee.state }
        nonmutating set { link.pointee.state = newValue }
    }

    var residentBytes: Int { resident.bytes }
}

/// The part of what the pool knows of a slot that others than its holder look at: as members of a stack, and to count. Apart
/// from the record, which its holder alone touches.
struct SlotLink: ~Copyable {
    enum State: UInt8 {
        /// No image: memory inaccessible, context and tables zero (or never opened).
        case blank
        /// Free, and equal to its image but for what `needsStamp` says.
        case ready
        /// Free, and to be asked for further pages of its own before it is used.
        case pending
        case live
        /// A reset of it failed. Never used again.
        case retired
    }

    /// Link of the stack the slot is in: the index below plus one, 0 for none.
    let next = Atomic<UInt32>(0)
    private let stateValue = Atomic<UInt8>(State.blank.rawValue)
    /// Slots below this one in a stack of pending ones; a guess if several threads use it.
    let depth = Atomic<UInt32>(0)
    /// The pool's epoch when the slot was last released.
    let lastUsed = Atomic<UInt32>(0)
    let counters = SlotCounters()
    /// Up to whole cache lines.
    private let padding: UInt64 = 0

    /// Written by whoever has the slot.
    @inline(__always)
    var state: State {
        get { State(rawValue: stateValue.load(ordering: .relaxed)) ?? .retired }
        nonmutating set { stateValue.store(newValue.rawValue, ordering: .relaxed) }
    }
}

/// What happened to a slot so far. Each is written by the slot's holder alone and read by statistics at any time, which
/// costs the holder a plain load and store.
struct SlotCounters: ~Copyable {
    let acquisitions = Counter()
    let warmAcquisitions = Counter()
    let remaps = Counter()
    let resets = Counter()
    let failedResets = Counter()
    let deferredResets = Counter()
    let scans = Counter()
    let repairedPages = Counter()
    let discardedPages = Counter()
    let discards = Counter()
    let growths = Counter()
    let failedGrowths = Counter()
    /// Bytes of the memory that are the slot's own between runs.
    let residentBytes = Counter()
}

/// A number with one writer at a time.
struct Counter: ~Copyable {
    private let storage = Atomic<UInt64>(0)

    @inline(__always)
    var value: UInt64 { storage.load(ordering: .relaxed) }

    @inline(__always)
    func add(_ amount: Int = 1) { storage.store(value &+ UInt64(truncatingIfNeeded: amount), ordering: .relaxed) }

    @inline(__always)
    func set(_ value: Int) { storage.store(UInt64(truncatingIfNeeded: value), ordering: .relaxed) }
}
