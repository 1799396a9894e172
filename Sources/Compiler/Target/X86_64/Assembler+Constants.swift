//! Constants that instructions read from memory, placed after the function that uses them.
//!
//! Equal constants of one function share a place. The lookup is a hash table, because a hostile function may have
//! hundreds of thousands of distinct constants. It may also have chosen them to collide, so a search gives up after
//! some steps; the constant is then placed once more. The table shrinks when it is emptied, so that one such function does
//! not tax those after it.

struct ConstantPool: ~Copyable {
    struct Entry: BitwiseCopyable {
        var low: UInt64
        var high: UInt64
        var bytes: UInt8
        var label: Label
    }

    private static let initialTableSize = 32
    /// Honest constants in a table at most half full need no more.
    private static let maximumSteps = 64

    private(set) var entries = Vector<Entry>()
    /// Indices of `entries`, or `Assembler.none`. A power of two in size, at most half full.
    private var table = Vector<UInt32>(capacity: initialTableSize)

    init() { table.reset(to: Assembler.none, count: Self.initialTableSize) }

    var isEmpty: Bool { entries.isEmpty }

    mutating func removeAll() {
        guard !entries.isEmpty else { return }
        entries.removeAll()
        table.reset(to: Assembler.none, count: Self.initialTableSize)
    }

    /// The label of an equal entry, or nil.
    func find(_ low: UInt64, _ high: UInt64, bytes: UInt8) -> Label? {
        guard let slot = slot(of: low, high, bytes) else { return nil }
        let index = table[slot]
        return index == Assembler.none ? nil : entries[index].label
    }

    /// Adds an entry that `find` has not found.
    mutating func insert(_ entry: Entry) {
        if (entries.count + 1) * 2 > table.count {
            table.reset(to: Assembler.none, count: table.count * 2)
            for index in 0..<entries.count {
                let old = entries[index]
                if let slot = slot(of: old.low, old.high, old.bytes) {
                    table[slot] = UInt32(truncatingIfNeeded: index)
                }
            }
        }
        if let slot = slot(of: entry.low, entry.high, entry.bytes) {
            table[slot] = UInt32(truncatingIfNeeded: entries.count)
        }
        entries.append(entry)
    }

    /// Where in the table this constant is, or would be; nil if that is too far to look.
    private func slot(of low: UInt64, _ high: UInt64, _ bytes: UInt8) -> Int? {
        var hash = (low ^ UInt64(bytes)) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 32 ^ high) &* 0xD6E8_FEB8_6659_FD93
        let mask = table.count &- 1
        var slot = Int(truncatingIfNeeded: hash >> 32) & mask
        for _ in 0..<Self.maximumSteps {
            let index = table[slot]
            if index == Assembler.none { return slot }
            let entry = entries[index]
            if entry.low == low && entry.high == high && entry.bytes == bytes { return slot }
            slot = (slot &+ 1) & mask
        }
        return nil
    }
}

extension Assembler {
    /// Four bytes, for `Memory.label`.
    mutating func constant32(_ bits: UInt32) -> Label { constant(UInt64(bits), 0, bytes: 4) }

    /// Eight bytes, aligned.
    mutating func constant64(_ bits: UInt64) -> Label { constant(bits, 0, bytes: 8) }

    /// Sixteen bytes, aligned, `low` first.
    mutating func constant128(_ low: UInt64, _ high: UInt64) -> Label { constant(low, high, bytes: 16) }

    private mutating func constant(_ low: UInt64, _ high: UInt64, bytes: UInt8) -> Label {
        if let label = constants.find(low, high, bytes: bytes) { return label }
        let label = newLabel()
        constants.insert(ConstantPool.Entry(low: low, high: high, bytes: bytes, label: label))
        return label
    }

    /// Places the constants asked for since the last time, each aligned to its size, in their final place.
    mutating func placeConstants() {
        guard !constants.isEmpty else { return }
        // The largest first, so that only the first needs padding.
        for bytes: UInt8 in [16, 8, 4] {
            for index in 0..<constants.entries.count {
                let entry = constants.entries[index]
                guard entry.bytes == bytes else { continue }
                padFinally(to: Int(bytes))
                bind(entry.label)
                if bytes == 4 { emit32(UInt32(truncatingIfNeeded: entry.low)) } else { emit64(entry.low) }
                if bytes == 16 { emit64(entry.high) }
            }
        }
        constants.removeAll()
    }
}
