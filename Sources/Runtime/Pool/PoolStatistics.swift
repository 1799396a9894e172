/// Counters of a pool at one moment. Those of slots add up to `slots`.
public struct PoolStatistics: Sendable, Hashable {
    /// Slots in the pool.
    public var slots = 0
    /// Slots in use.
    public var live = 0
    /// Free slots that hold an image, ready for it without a system call.
    public var warm = 0
    /// Free slots that hold no image.
    public var blank = 0
    /// Slots given up after a system call failed in a way that may leave a guest's bytes behind.
    public var retired = 0
    /// Slots handed out, since the pool was made.
    public var acquisitions: UInt64 = 0
    /// Acquisitions that found a slot warm for their image.
    public var affine: UInt64 = 0
    /// Acquisitions that took a slot from another image.
    public var remaps: UInt64 = 0
    /// Releases that had something to reset.
    public var resets: UInt64 = 0
    /// Resets that failed, so that the slot's mappings were replaced.
    public var failedResets: UInt64 = 0
    /// Successful growths of memories and tables.
    public var growths: UInt64 = 0

    /// All zero.
    public init() {}
}
