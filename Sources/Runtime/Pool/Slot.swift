//! A slot as its user sees it: addresses, all fixed for the slot's life.

internal import Compiler

/// The address space one live instance owns, from `Pool.acquire` to `Pool.release`.
///
/// A slot is a handle, not an owner: whoever acquired it must release it exactly once and not use its addresses after.
public struct Slot: BitwiseCopyable, @unchecked Sendable {
    /// Position in the pool.
    public let index: UInt32
    /// The slot's mappings were made for this image just now: the context's header fields that the pool does not own
    /// are zero and must be set. Otherwise they are as the last holder, which had the same image, left them.
    public let isFresh: Bool
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

/// What the pool knows of a slot. In raw memory: written by the slot's holder, or under the pool's lock while it is
/// free.
struct SlotRecord {
    enum State: UInt8 {
        /// No image: memory inaccessible, context and tables zero (or never opened).
        case blank
        /// Free, and equal to its image.
        case warm
        case live
        /// A system call failed in a way that leaves contents behind. Never used again.
        case retired
    }

    static let none = UInt32.max

    /// The image the slot is mapped for. Retained by the record.
    var image: Unmanaged<ImageCore>?
    /// Bytes of memory 0 that are accessible now.
    var memoryLength: UInt64 = 0
    /// The same right after stamping.
    var initialMemoryLength: UInt64 = 0
    /// Neighbours among the warm slots of the same image, towards the most and the least recently released.
    var newerInBin = Self.none
    var olderInBin = Self.none
    /// Neighbours among all warm slots.
    var newer = Self.none
    var older = Self.none
    var state = State.blank
    /// The control part's pages are readable and writable.
    var isOpen = false
    /// The pool itself changed the slot for its holder (growth), so it needs a reset even if no code ran.
    var isAltered = false
    /// A system call failed half-way: the slot cannot be reset, only wiped.
    var isBroken = false
    /// The image's outliers have to be copied in before the next use.
    var needsOutliers = false
    /// Resets since the deep part of the stack was last discarded.
    var resetsSinceStackTrim: UInt8 = 0
    /// The header's functionRecords, hostDispatch, runtimeDispatch and exitStub as first seen at a release.
    var header: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init() {}
}
