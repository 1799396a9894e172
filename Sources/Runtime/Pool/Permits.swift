//! How many instances may live at once. There are more slots than that, so slots cannot be what is counted.
//!
//! A permit is taken with each slot and returned after it. Each shard has some, so that threads do not meet at one word; who
//! finds none in its own takes one from another. Returning is sequentially consistent with looking whether somebody waits.

internal import Synchronization

struct Permits: ~Copyable {
    private struct Shard: ~Copyable {
        let count: Atomic<Int>
        // Neighbours in memory are other threads'.
        private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)

        init(_ count: Int) { self.count = Atomic(count) }
    }

    private let shards: UnsafeMutablePointer<Shard>
    private let shardCount: Int

    /// - Parameter shardCount: a power of two.
    init(_ count: Int, shards shardCount: Int) {
        self.shardCount = shardCount
        shards = allocateLines(shardCount)
        for index in 0..<shardCount {
            let share = count / shardCount + (index < count % shardCount ? 1 : 0)
            (shards + index).initialize(to: Shard(share))
        }
    }

    deinit {
        shards.deinitialize(count: shardCount)
        shards.deallocate()
    }

    /// False if no shard has a permit.
    @inline(__always)
    func take(from home: Int) -> Bool { Self.take(shards + home) || takeElsewhere(home) }

    @inline(never)
    private func takeElsewhere(_ home: Int) -> Bool {
        for step in 1..<max(1, shardCount) where Self.take(shards + (home + step) & (shardCount - 1)) { return true }
        // Where it was looked first, some may have come meanwhile; a permit that moves on behind the search is returned by
        // somebody who then looks for those that wait.
        return Self.take(shards + home)
    }

    @inline(__always)
    private static func take(_ shard: UnsafeMutablePointer<Shard>) -> Bool {
        var current = shard.pointee.count.load(ordering: .relaxed)
        while current > 0 {
            let (done, found) = shard.pointee.count.weakCompareExchange(
                expected: current, desired: current - 1, successOrdering: .acquiringAndReleasing,
                failureOrdering: .relaxed)
            if done { return true }
            current = found
        }
        return false
    }

    @inline(__always)
    func put(_ home: Int) { shards[home].count.wrappingAdd(1, ordering: .sequentiallyConsistent) }
}
