//! What an instance has beyond its own slot: further memories, each in a slot of its own, and what it shares with the
//! instances that it is linked with.
//!
//! An imported memory, table or mutable global lies with the instance that defines it. The importer's context has the
//! addresses of all three, so that its code runs as it is; of memories and tables it has a copy of the length, which every
//! growth brings up to date (`views`).
//!
//! Invariant: whatever linking wrote to a context is taken back before the slot is released: a reset restores only what a
//! guest can write.

import Compiler
import WasmModule

/// A linear memory in the sense of the specification's store: what imports of it refer to.
final class MemoryInstance {
    /// As declared by the instance that defines it.
    let type: MemoryType
    /// Whose memory 0 it is.
    let slot: Slot
    private unowned(unsafe) let pool: Pool
    /// Where contexts have a copy of the length.
    private var views: [UnsafeMutableRawPointer] = []

    init(_ type: MemoryType, in slot: Slot, of pool: Pool) {
        self.type = type
        self.slot = slot
        self.pool = pool
    }

    var length: UInt64 { slot.context.loadWord(at: VMContextLayout.memoryLength) }

    /// Makes a memory of a context this one.
    func show(in linkage: Linkage, base: Int, length: Int) {
        linkage.overwrite(base, with: UInt64(UInt(bitPattern: slot.memoryBase)))
        linkage.overwrite(length, with: self.length)
        views.append(linkage.context + length)
    }

    /// - Returns: the former size in pages; nil if the memory cannot grow.
    func grow(by pages: UInt64) -> UInt64? {
        guard let former = pool.grow(slot, by: pages) else { return nil }
        updateViews()
        return former
    }

    /// Brings the copies of the length up to date.
    func updateViews() {
        for view in views { view.storeWord(length, at: 0) }
    }
}

/// A table in the sense of the specification's store.
final class TableInstance {
    let type: TableType
    private let slot: Slot
    private let number: Int
    private unowned(unsafe) let pool: Pool
    private let base: Int
    private let lengthOffset: Int
    private var views: [UnsafeMutableRawPointer] = []

    /// - Parameter number: which table of the slot.
    init(_ type: TableType, _ number: Int, in slot: Slot, layout: VMContextLayout, of pool: Pool) {
        self.type = type
        self.slot = slot
        self.number = number
        self.pool = pool
        base = layout.tableBase(number)
        lengthOffset = layout.tableLength(number)
    }

    var length: UInt64 { slot.context.loadWord(at: lengthOffset) }
    var elements: UnsafeMutablePointer<UInt64> {
        slot.context.loadPointer(at: base).assumingMemoryBound(to: UInt64.self)
    }

    func show(in linkage: Linkage, base: Int, length: Int) {
        linkage.overwrite(base, with: UInt64(UInt(bitPattern: elements)))
        linkage.overwrite(length, with: self.length)
        views.append(linkage.context + length)
    }

    /// - Returns: the former size in elements; nil if the table cannot grow.
    func grow(by elements: UInt64, fill: UInt64) -> UInt64? {
        guard let former = pool.growTable(slot, table: number, by: elements, fill: fill) else { return nil }
        for view in views { view.storeWord(length, at: 0) }
        return former
    }
}

/// The parts of an instance that do not lie in its slot alone.
final class Linkage {
    /// The instances it is linked with; nil if it only has further memories.
    unowned(unsafe) let group: InstanceGroup?
    let context: UnsafeMutableRawPointer
    /// All memories, in index order.
    var memories: [MemoryInstance] = []
    /// All tables, in index order, of an instance that is linked.
    private(set) var tables: [TableInstance]?
    /// The slots of further memories that the instance defines.
    private(set) var furtherSlots: [Slot] = []
    /// Of an instance that is linked: the records of its functions, imported ones included.
    let records: UnsafeMutableRawPointer?
    /// What its imports were linked to.
    var links = InstanceGroup.Links()
    /// Words of the context, as they were.
    private var overwritten: [(offset: Int, word: UInt64)] = []

    init(_ context: UnsafeMutableRawPointer, group: InstanceGroup?, records: UnsafeMutableRawPointer?) {
        self.context = context
        self.group = group
        self.records = records
        if group != nil { tables = [] }
    }

    deinit { records?.deallocate() }

    func overwrite(_ offset: Int, with word: UInt64) {
        overwritten.append((offset, context.loadWord(at: offset)))
        context.storeWord(word, at: offset)
    }

    func append(_ table: TableInstance) { tables?.append(table) }

    func own(_ slot: Slot) { furtherSlots.append(slot) }

    /// Makes the context what it was before it was linked.
    func takeBack() {
        for (offset, word) in overwritten.reversed() { context.storeWord(word, at: offset) }
        overwritten = []
    }

    /// Whether an address lies in the reservation of a memory that the instance can reach.
    func reaches(_ address: UInt64) -> Bool { memories.contains { $0.slot.memoryReservation.contains(address) } }
}
