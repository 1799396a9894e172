//! Which slots are free, and for whom: one list per image, one over all warm slots, one of blank ones.
//!
//! An image's list is a *bin*. Taking and returning move a handful of indices in the records; nothing is allocated and
//! nothing is searched, except when an image is new to the pool. All of it runs under the pool's lock.

internal import Synchronization

struct FreeLists: ~Copyable {
    enum Take {
        /// Equal to its image; now live.
        case warm(UInt32)
        /// Blank, or holding another image: to be bound. Now live.
        case unbound(UInt32)
        /// The image has no bin in this pool yet.
        case noBin
        case exhausted
    }

    private static var none: UInt32 { SlotRecord.none }

    /// The ends of an image's list.
    private struct Bin {
        var newest = FreeLists.none
        var oldest = FreeLists.none
    }

    private let slotCount: UInt32
    /// Slots from here on have never been used.
    private var firstUnused: UInt32 = 0
    /// Top of the stack of blank slots, linked through `older`.
    private var blank = FreeLists.none
    private var newest = FreeLists.none
    private var oldest = FreeLists.none
    private var bins: [Bin] = []
    private var unusedBins: [UInt32] = []
    private var binsByImage: [ObjectIdentifier: UInt32] = [:]

    private var live = 0
    private var warm = 0
    private var retired = 0
    private var acquisitions: UInt64 = 0
    private var affine: UInt64 = 0
    private var remaps: UInt64 = 0

    init(slotCount: UInt32) { self.slotCount = slotCount }

    func statistics(slots: Int) -> PoolStatistics {
        var statistics = PoolStatistics()
        statistics.slots = slots
        statistics.live = live
        statistics.warm = warm
        statistics.blank = slots - live - warm - retired
        statistics.retired = retired
        statistics.acquisitions = acquisitions
        statistics.affine = affine
        statistics.remaps = remaps
        return statistics
    }

    // MARK: Bins

    /// The image's bin in this pool.
    @inline(__always)
    private func bin(of core: ImageCore, poolNumber: UInt32) -> UInt32? {
        let cached = core.bin.load(ordering: .relaxed)
        if UInt32(truncatingIfNeeded: cached >> 32) == poolNumber { return UInt32(truncatingIfNeeded: cached) }
        return binsByImage[ObjectIdentifier(core)]
    }

    /// Makes a bin. False if the image has one.
    mutating func addBin(for core: ImageCore, poolNumber: UInt32) -> Bool {
        guard binsByImage[ObjectIdentifier(core)] == nil else { return false }
        let index: UInt32
        if let unused = unusedBins.popLast() {
            index = unused
            bins[Int(index)] = Bin()
        } else {
            index = UInt32(bins.count)
            bins.append(Bin())
        }
        binsByImage[ObjectIdentifier(core)] = index
        // Another pool may have claimed the word: then this one looks its bin up.
        _ = core.bin.compareExchange(
            expected: 0, desired: UInt64(poolNumber) << 32 | UInt64(index), ordering: .relaxed)
        return true
    }

    /// Takes a warm slot of an image that nobody can acquire any more; nil, and the bin is gone, when there is none
    /// left.
    ///
    /// One at a time: the others stay available to other images while this one is being cleaned.
    mutating func takeAbandoned(
        _ core: ImageCore, _ records: UnsafeMutablePointer<SlotRecord>, poolNumber: UInt32
    ) -> UInt32? {
        guard let index = binsByImage[ObjectIdentifier(core)] else { return nil }
        let slot = bins[Int(index)].oldest
        guard slot != Self.none else {
            binsByImage[ObjectIdentifier(core)] = nil
            unusedBins.append(index)
            return nil
        }
        unlinkFromBin(slot, index, records)
        unlinkFromWarm(slot, records)
        warm -= 1
        live += 1
        records[Int(slot)].state = .live
        return slot
    }

    // MARK: Slots

    /// Chooses a slot for an image: the invariants' order of preference.
    mutating func take(_ core: ImageCore, _ records: UnsafeMutablePointer<SlotRecord>, poolNumber: UInt32) -> Take {
        guard let bin = bin(of: core, poolNumber: poolNumber) else { return .noBin }
        let top = bins[Int(bin)].newest
        if top != Self.none {
            unlinkFromBin(top, bin, records)
            unlinkFromWarm(top, records)
            warm -= 1
            affine &+= 1
            return .warm(hand(top, records))
        }
        if blank != Self.none {
            let slot = blank
            blank = records[Int(slot)].older
            return .unbound(hand(slot, records))
        }
        if firstUnused < slotCount {
            firstUnused += 1
            return .unbound(hand(firstUnused - 1, records))
        }
        let victim = oldest
        guard victim != Self.none else { return .exhausted }
        if let image = records[Int(victim)].image {
            let owner = image._withUnsafeGuaranteedRef { self.bin(of: $0, poolNumber: poolNumber) }
            if let owner { unlinkFromBin(victim, owner, records) }
        }
        unlinkFromWarm(victim, records)
        warm -= 1
        remaps &+= 1
        return .unbound(hand(victim, records))
    }

    /// Takes back a slot that equals its image. False, and the slot stays live, if the image has been abandoned.
    mutating func putWarm(_ slot: UInt32, _ records: UnsafeMutablePointer<SlotRecord>, poolNumber: UInt32) -> Bool {
        guard let image = records[Int(slot)].image else { return false }
        let found = image._withUnsafeGuaranteedRef { core -> UInt32? in
            core.isAbandoned.load(ordering: .relaxed) ? nil : self.bin(of: core, poolNumber: poolNumber)
        }
        guard let bin = found else { return false }
        let record = records + Int(slot)
        record.pointee.state = .warm
        let below = bins[Int(bin)].newest
        record.pointee.olderInBin = below
        record.pointee.newerInBin = Self.none
        if below != Self.none { records[Int(below)].newerInBin = slot } else { bins[Int(bin)].oldest = slot }
        bins[Int(bin)].newest = slot
        record.pointee.older = newest
        record.pointee.newer = Self.none
        if newest != Self.none { records[Int(newest)].newer = slot } else { oldest = slot }
        newest = slot
        live -= 1
        warm += 1
        return true
    }

    /// Takes back a slot that holds no image, or takes it out of service if it could not be cleaned.
    mutating func putUnbound(_ slot: UInt32, _ records: UnsafeMutablePointer<SlotRecord>, isClean: Bool) {
        live -= 1
        if isClean {
            records[Int(slot)].state = .blank
            records[Int(slot)].older = blank
            blank = slot
        } else {
            records[Int(slot)].state = .retired
            retired += 1
        }
    }

    @inline(__always)
    private mutating func hand(_ slot: UInt32, _ records: UnsafeMutablePointer<SlotRecord>) -> UInt32 {
        records[Int(slot)].state = .live
        live += 1
        acquisitions &+= 1
        return slot
    }

    @inline(__always)
    private mutating func unlinkFromBin(_ slot: UInt32, _ bin: UInt32, _ records: UnsafeMutablePointer<SlotRecord>) {
        let (newer, older) = (records[Int(slot)].newerInBin, records[Int(slot)].olderInBin)
        if newer != Self.none { records[Int(newer)].olderInBin = older } else { bins[Int(bin)].newest = older }
        if older != Self.none { records[Int(older)].newerInBin = newer } else { bins[Int(bin)].oldest = newer }
    }

    @inline(__always)
    private mutating func unlinkFromWarm(_ slot: UInt32, _ records: UnsafeMutablePointer<SlotRecord>) {
        let (newer, older) = (records[Int(slot)].newer, records[Int(slot)].older)
        if newer != Self.none { records[Int(newer)].older = older } else { newest = older }
        if older != Self.none { records[Int(older)].newer = newer } else { oldest = newer }
    }
}
