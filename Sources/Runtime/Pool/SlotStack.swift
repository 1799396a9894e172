//! Free slots as a stack that any thread may push to and pop from without a lock.
//!
//! The head is one word: the top slot's index plus one in the low bits (0: empty), above it a count of changes. A pop that
//! was overtaken sees another count, even if the same slot is on top again, and starts over; what it read of the slot's
//! successor meanwhile, which may be anything, is not used. The count wraps after 2^43 changes: months of a thread's sleep
//! between two instructions.

internal import Synchronization

struct SlotStack: ~Copyable {
    private static let indexBits: UInt64 = 21
    private static let indexMask: UInt64 = 1 << indexBits - 1

    private let head = Atomic<UInt64>(0)

    /// Most slots whose indices fit.
    static let mostSlots = 1 << 20

    @inline(__always)
    private static func top(_ word: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: word & indexMask) }

    @inline(__always)
    private static func word(after old: UInt64, top: UInt32) -> UInt64 {
        (old | indexMask) &+ 1 | UInt64(top)
    }

    /// Whether there was a slot a moment ago.
    @inline(__always)
    var isEmpty: Bool { Self.top(head.load(ordering: .relaxed)) == 0 }

    /// The slot on top a moment ago. It may be in use by now.
    @inline(__always)
    var peek: UInt32? {
        let top = Self.top(head.load(ordering: .acquiring))
        return top == 0 ? nil : top - 1
    }

    @inline(__always)
    func push(_ slot: UInt32, _ links: UnsafeMutablePointer<SlotLink>) {
        push(first: slot, last: slot, links)
    }

    /// Pushes slots that are linked already, `first` to become the top.
    @inline(__always)
    func push(first: UInt32, last: UInt32, _ links: UnsafeMutablePointer<SlotLink>) {
        var old = head.load(ordering: .relaxed)
        while true {
            links[Int(last)].next.store(Self.top(old), ordering: .relaxed)
            // Sequentially consistent: whoever pushes looks next whether somebody waits, and a waiter does it the other way
            // round.
            let (done, current) = head.weakCompareExchange(
                expected: old, desired: Self.word(after: old, top: first + 1), successOrdering: .sequentiallyConsistent,
                failureOrdering: .relaxed)
            if done { return }
            old = current
        }
    }

    @inline(__always)
    func pop(_ links: UnsafeMutablePointer<SlotLink>) -> UInt32? {
        var old = head.load(ordering: .acquiring)
        while true {
            let top = Self.top(old)
            guard top != 0 else { return nil }
            let next = links[Int(top - 1)].next.load(ordering: .relaxed)
            let (done, current) = head.weakCompareExchange(
                expected: old, desired: Self.word(after: old, top: next), successOrdering: .acquiringAndReleasing,
                failureOrdering: .acquiring)
            if done { return top - 1 }
            old = current
        }
    }

    /// Takes everything: the top slot, from which `next` leads on; nil if there is none.
    func takeAll() -> UInt32? {
        var old = head.load(ordering: .acquiring)
        while true {
            let top = Self.top(old)
            guard top != 0 else { return nil }
            let (done, current) = head.weakCompareExchange(
                expected: old, desired: Self.word(after: old, top: 0), successOrdering: .acquiringAndReleasing,
                failureOrdering: .acquiring)
            if done { return top - 1 }
            old = current
        }
    }
}

extension SlotLink {
    /// The slot below in the stack that this one was taken from.
    @inline(__always)
    var below: UInt32? {
        let next = next.load(ordering: .relaxed)
        return next == 0 ? nil : next - 1
    }
}
