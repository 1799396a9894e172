//! The entries of one directory in memory, as a value.
//!
//! Listings go by cookies, which guests keep while they change the directory: every entry has a sequence number that
//! grows with each insertion, and a cookie says "after that number". Invariants:
//! - slots are ordered by sequence number; a removed entry leaves an empty slot, so that no other entry moves;
//! - when more slots are empty than are not, all are packed anew, and the name table with them: what is held is bounded
//!   by what is in the directory, not by what ever was, and insertion, removal and lookup take amortised constant time.

/// The name of an entry: bytes, which need not be Unicode.
struct EntryName: Hashable, Sendable {
    let bytes: [UInt8]

    /// The longest name, in bytes; what file systems on Linux have.
    static let maximumCount = 255

    init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    /// All bytes at once: element by element, as arrays are hashed, takes several times as long.
    func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    var isDot: Bool { bytes == [UInt8(ascii: ".")] }
    var isDotDot: Bool { bytes == [UInt8(ascii: "."), UInt8(ascii: ".")] }
}

struct DirectoryEntries: Sendable {
    struct Entry: Sendable {
        fileprivate(set) var name: EntryName
        let sequence: UInt64
        fileprivate(set) var inode: UInt64
        fileprivate(set) var type: FileType

        /// No node has the number 0: it marks the slot of an entry that is no more.
        fileprivate var isRemoved: Bool { inode == 0 }
    }

    /// The numbers before are those of `.` and `..`, which every listing starts with and which are not kept.
    static let firstSequence: UInt64 = 3

    private(set) var slots: [Entry] = []
    private var slotOfName: [EntryName: Int] = [:]
    /// The number of the entry that is inserted next.
    private(set) var nextSequence = Self.firstSequence

    var count: Int { slotOfName.count }
    var isEmpty: Bool { slotOfName.isEmpty }

    subscript(name: EntryName) -> Entry? {
        slotOfName[name].map { slots[$0] }
    }

    /// Adds an entry. One of that name must not be there.
    mutating func insert(_ name: EntryName, inode: UInt64, type: FileType) {
        slotOfName[name] = slots.count
        slots.append(Entry(name: name, sequence: nextSequence, inode: inode, type: type))
        nextSequence += 1
    }

    /// Lets an entry lead to another node. It keeps its place in listings: the name was there all the time.
    mutating func redirect(_ name: EntryName, toInode inode: UInt64, type: FileType) {
        guard let slot = slotOfName[name] else { return }
        slots[slot].inode = inode
        slots[slot].type = type
    }

    mutating func remove(_ name: EntryName) {
        guard let slot = slotOfName.removeValue(forKey: name) else { return }
        slots[slot].inode = 0
        slots[slot].name = EntryName([])
        if slots.count > 2 * count { pack() }
    }

    private mutating func pack() {
        var packed: [Entry] = []
        packed.reserveCapacity(count)
        var table: [EntryName: Int] = [:]
        table.reserveCapacity(count)
        for entry in slots where !entry.isRemoved {
            table[entry.name] = packed.count
            packed.append(entry)
        }
        slots = packed
        slotOfName = table
    }

    /// Visits the entries after the given number, in the order of their numbers, until the body returns false.
    func forEach(
        after sequence: UInt64 = 0, _ body: (Entry) throws(Errno) -> Bool
    ) throws(Errno) {
        // Binary search for the first slot after the number.
        var candidates = 0..<slots.count
        while !candidates.isEmpty {
            let middle = candidates.lowerBound + candidates.count / 2
            candidates =
                slots[middle].sequence > sequence
                ? candidates.lowerBound..<middle : middle + 1..<candidates.upperBound
        }
        for entry in slots[candidates.lowerBound...] where !entry.isRemoved {
            guard try body(entry) else { return }
        }
    }

    /// All entries, in the order of their numbers.
    var all: some Sequence<Entry> { slots.lazy.filter { !$0.isRemoved } }
}
