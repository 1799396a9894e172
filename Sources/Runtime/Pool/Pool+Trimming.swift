//! Giving memory back: what has been idle, what is too much, or all of it.
//!
//! Slots whose pages are given back are taken out of their stacks for that long, *borrowed*. Who finds no slot meanwhile waits
//! for these, however little patience the configuration allows: they are not in use.

internal import CPlatform
internal import Synchronization

extension Pool {
    /// Looks, one a quarter of the idle time, at which something must have been unused to count as idle.
    private static var idleTicks: Int { 4 }

    /// Free slots out of their shard, the former top first.
    private struct Borrowed {
        var shard: UnsafeMutablePointer<BinShard>
        var slots: [UInt32]
    }

    /// Gives the memory of all free slots back to the kernel now, and images that no slot holds. For a host that is short of
    /// memory; without it, what is not used is given back after the idle time.
    public func trim() {
        for borrowed in borrow(where: { _ in true }) { giveBack(borrowed, where: { _ in true }) }
        lock.withLock {
            for bin in slow.bins where bin.pointee.bound.load(ordering: .relaxed) == 0 {
                bin.pointee.core.memory?.release()
            }
        }
    }

    /// Gives back what has been idle. Returns whether anything is left that may become so.
    func giveBackIdle() -> Bool {
        let now = epoch.wrappingAdd(1, ordering: .relaxed).newValue
        // Evictions count epochs too: what is idle is told by the epoch that began so many ticks ago.
        let first = lock.withLock { () -> UInt32? in
            slow.ticks.append(now)
            return slow.ticks.count < Self.idleTicks ? nil : slow.ticks.removeFirst()
        }
        let isIdleSince: (UInt32) -> Bool = { lastUsed in first.map { now &- lastUsed > now &- $0 } ?? false }
        let isIdle: (UInt32) -> Bool = { [links] in isIdleSince(links[Int($0)].lastUsed.load(ordering: .relaxed)) }
        for borrowed in borrow(where: isIdle) { giveBack(borrowed, where: isIdle) }
        return lock.withLock {
            var remains = false
            for bin in slow.bins {
                if bin.pointee.bound.load(ordering: .relaxed) > 0 {
                    remains = true
                } else if let memory = bin.pointee.core.memory, memory.isReleasable {
                    if isIdleSince(bin.pointee.lastUsed) { memory.release() } else { remains = true }
                }
            }
            return remains
        }
    }

    /// Gives back what has not been used the longest, until a quarter of the allowance is free.
    func giveBackExcess() {
        let target = configuration.warmBytes / 4 * 3
        while residentBytes.load(ordering: .relaxed) > target {
            // Free slots with pages, by the time of their last use.
            let oldest = lock.withLock { () -> UInt32? in
                var oldest: (age: UInt32, index: UInt32)?
                let now = epoch.load(ordering: .relaxed)
                for index in 0..<slow.usedSlots where links[index].counters.residentBytes.value > 0 {
                    let state = links[index].state
                    guard state == .ready || state == .pending else { continue }
                    let age = now &- links[index].lastUsed.load(ordering: .relaxed)
                    if oldest == nil || age > oldest!.age { oldest = (age, UInt32(index)) }
                }
                return oldest?.index
            }
            guard let oldest else { return }
            let limit = links[Int(oldest)].lastUsed.load(ordering: .relaxed)
            let isOld: (UInt32) -> Bool = { [links] in
                links[Int($0)].lastUsed.load(ordering: .relaxed) == limit
                    && links[Int($0)].counters.residentBytes.value > 0
            }
            let borrowed = borrow(where: isOld)
            if borrowed.isEmpty { return }
            for entry in borrowed { giveBack(entry, where: isOld) }
        }
    }

    /// Takes the free slots of each shard that has one of those wanted.
    private func borrow(where isWanted: (UInt32) -> Bool) -> [Borrowed] {
        lock.withLock {
            var result: [Borrowed] = []
            for bin in slow.boundBins {
                for number in 0..<bin.pointee.shardCount {
                    let shard = bin.pointee.shards + number
                    guard has(shard.pointee.ready.peek, isWanted) || has(shard.pointee.pending.peek, isWanted) else {
                        continue
                    }
                    let slots = chain(shard.pointee.ready.takeAll()) + chain(shard.pointee.pending.takeAll())
                    if slots.isEmpty { continue }
                    slow.borrowed += slots.count
                    result.append(Borrowed(shard: shard, slots: slots))
                }
            }
            return result
        }
    }

    /// Whether a stack has a slot of those wanted. Others may change it meanwhile: a guess, in a bounded number of steps.
    private func has(_ top: UInt32?, _ isWanted: (UInt32) -> Bool) -> Bool {
        var next = top
        var steps = 0
        while let index = next, Int(index) < slow.usedSlots, steps < slow.usedSlots {
            if isWanted(index) { return true }
            next = links[Int(index)].below
            steps += 1
        }
        return false
    }

    private func chain(_ top: UInt32?) -> [UInt32] {
        var slots: [UInt32] = []
        var next = top
        while let index = next {
            slots.append(index)
            next = links[Int(index)].below
        }
        return slots
    }

    /// Gives back the pages of some borrowed slots and returns all to their shard, the former top last.
    private func giveBack(_ borrowed: Borrowed, where isWanted: (UInt32) -> Bool) {
        for index in borrowed.slots.reversed() {
            if !isWanted(index) || settle(index) && giveBackAll(index) {
                putBack(index, in: borrowed.shard)
            } else {
                retire(index)
            }
            withLockResuming {
                slow.borrowed -= 1
                serveAllUnderLock()
            }
        }
    }
}
