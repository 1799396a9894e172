/// Counters of a pool at one moment, and since it was made. Other threads go on meanwhile, so that the numbers of slots may
/// be off by those that were changing hands.
public struct PoolStatistics: Sendable, Hashable {
    /// How slots are reset.
    public var resetPolicy = ResetPolicy.discard
    /// How memories grow.
    public var growthPolicy = GrowthPolicy.protect

    // MARK: Slots

    /// Slots in the pool, those to spare and the retired ones included.
    public var slots = 0
    /// Instances that can be live at once.
    public var capacity = 0
    /// Slots in use.
    public var live = 0
    /// Free slots that hold an image, ready for it without a system call. Some of them (``pending``) are to be asked about
    /// first.
    public var warm = 0
    /// Warm slots whose reset is finished when they are next used, many of them by one system call.
    public var pending = 0
    /// Free slots that hold no image.
    public var blank = 0
    /// Slots given up because a system call failed in a way that may leave a guest's bytes behind. Others take their place,
    /// as long as there is address space for them.
    public var retired = 0
    /// Threads that wait for a slot.
    public var waiting = 0
    /// Bytes of memories that free slots keep, or live ones kept when they were last free. Stacks, contexts and tables come
    /// on top.
    public var residentBytes: UInt64 = 0

    // MARK: Since the pool was made

    /// Slots handed out.
    public var acquisitions: UInt64 = 0
    /// Acquisitions that found a slot warm for their image.
    public var affine: UInt64 = 0
    /// Acquisitions that took a slot from another image.
    public var remaps: UInt64 = 0
    /// Releases that had something to reset.
    public var resets: UInt64 = 0
    /// Resets that failed, for each of which a slot was retired.
    public var failedResets: UInt64 = 0
    /// Resets that were finished later, several with one question to the kernel.
    public var deferredResets: UInt64 = 0
    /// Times the kernel was asked which pages are a slot's own.
    public var scans: UInt64 = 0
    /// Pages of 4 KiB that were copied back from an image or zeroed.
    public var repairedPages: UInt64 = 0
    /// Pages that had been kept and were given back to the kernel.
    public var discardedPages: UInt64 = 0
    /// System calls that gave memory back.
    public var discards: UInt64 = 0
    /// Successful growths of memories and tables.
    public var growths: UInt64 = 0
    /// Growths of memories that the kernel refused. Those that a limit forbids are not counted.
    public var failedGrowths: UInt64 = 0
    /// Acquisitions that had to wait for a slot.
    public var exhaustionWaits: UInt64 = 0
    /// Acquisitions that waited in vain.
    public var exhaustions: UInt64 = 0

    /// All zero.
    public init() {}
}
