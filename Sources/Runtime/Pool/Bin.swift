//! The free slots that hold a certain image, spread over shards so that threads do not meet.
//!
//! A thread returns slots to its own shard and takes them from there; only if its shard has none it looks into the others.
//! In each shard slots are either *ready*, equal to the image, or *pending*: repaired as far as is known, but whether the
//! run made further pages the slot's own has not been asked yet. One question to the kernel answers for all slots that
//! wait in a thread's shard, which is why they wait. It answers for that thread's runs only. Where threads share a shard,
//! because there are more of them than shards, one of them has its slots wait there and the others ask at once.
//!
//! A bin belongs to its image: the image's core frees it, which no slot outlives that could be pushed to it.

internal import Synchronization

struct BinShard: ~Copyable {
    let ready = SlotStack()
    let pending = SlotStack()
    /// The pool's epoch when a slot was last taken from here.
    let lastUsed = Atomic<UInt32>(0)
    /// Releases until slots may wait for the question; counts down as long as runs cause no faults.
    let immediateReleases = Atomic<UInt32>(Self.quietReleases)
    /// The thread whose slots wait here, by its serial number. If two believe that they are, one slot is searched in vain.
    let pendingThread = Atomic<UInt64>(0)
    // Neighbours in memory are other threads'.
    private let padding: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// Runs without a fault before slots of a shard are checked together.
    static let quietReleases: UInt32 = 64
    /// Slots that are checked together.
    static let batch: UInt32 = 8
    /// Most resident pages of a slot that waits. More of them make the question a small part of the work, and turning more
    /// slots over would only cool the caches.
    static let mostPendingPages = 8
}

struct Bin: ~Copyable {
    let shards: UnsafeMutablePointer<BinShard>
    let shardCount: Int
    /// Slots that hold the image, free or not.
    let bound = Atomic<Int>(0)
    /// Where it stands among the pool's bins, and among those that hold slots. Under the pool's lock, like `servedAt`.
    var position = -1
    var boundPosition = -1
    /// When a waiting thread was last given a slot for it.
    var servedAt: UInt64 = 0
    /// Runs of pages that instances of the image have been found to write to. Under the pool's lock.
    var learned: [Range<Int>] = []
    /// The image's, which lives at least as long.
    unowned(unsafe) let core: ImageCore

    init(_ core: ImageCore, shards count: Int) {
        self.core = core
        shardCount = count
        shards = allocateLines(count)
        for index in 0..<count { (shards + index).initialize(to: BinShard()) }
    }

    deinit {
        shards.deinitialize(count: shardCount)
        shards.deallocate()
    }

    var isEmpty: Bool {
        for index in 0..<shardCount where !shards[index].ready.isEmpty || !shards[index].pending.isEmpty {
            return false
        }
        return true
    }

    /// When a slot was last taken from the bin.
    var lastUsed: UInt32 {
        var latest: UInt32 = 0
        for index in 0..<shardCount { latest = max(latest, shards[index].lastUsed.load(ordering: .relaxed)) }
        return latest
    }

    /// Takes a ready slot, from a shard on.
    func popReady(from home: Int, _ links: UnsafeMutablePointer<SlotLink>) -> UInt32? {
        for step in 0..<shardCount {
            if let slot = shards[(home + step) & (shardCount - 1)].ready.pop(links) { return slot }
        }
        return nil
    }

    /// Takes any free slot, ready ones first, from a shard on.
    func popAny(from home: Int, _ links: UnsafeMutablePointer<SlotLink>) -> UInt32? {
        if let slot = popReady(from: home, links) { return slot }
        for step in 0..<shardCount {
            if let slot = shards[(home + step) & (shardCount - 1)].pending.pop(links) { return slot }
        }
        return nil
    }
}
