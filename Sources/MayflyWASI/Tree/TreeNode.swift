//! The nodes that trees in memory are made of: files, directories and symbolic links.
//!
//! Nodes name each other by number only. However deep a guest nests directories, no node's end is the end of another,
//! and nothing has to recurse.

extension WASI.FileTree {
    /// A file, directory or symbolic link as a value. Copies share contents and entries until one is changed.
    struct Node: Sendable {
        let type: FileType
        /// A file's contents, or a symbolic link's target.
        var bytes: [UInt8] = []
        /// A directory's entries.
        var entries = DirectoryEntries()
        /// A directory's parent; the root's is itself.
        var parent: UInt64 = root
        /// The names of a file or link. Of a directory as Linux counts: its name, its `.`, and the `..` of each
        /// directory in it; 0 once removed.
        var linkCount: UInt64
        /// Nanoseconds since 1970, as are the other times.
        var accessTime: UInt64 = 0
        var modificationTime: UInt64 = 0
        var changeTime: UInt64 = 0

        init(_ type: FileType, bytes: [UInt8] = [], parent: UInt64 = root) {
            self.type = type
            self.bytes = bytes
            self.parent = parent
            linkCount = type == .directory ? 2 : 1
        }

        mutating func setTimes(_ time: UInt64) {
            accessTime = time
            setModificationTime(time)
        }

        /// What a change of contents or entries does.
        mutating func setModificationTime(_ time: UInt64) {
            modificationTime = time
            changeTime = time
        }
    }
}

/// A node that a guest made or changed, and what of it counts against the guest's limit.
final class TreeNode {
    var value: WASI.FileTree.Node
    /// The guest made it; its base did not have it.
    let isAdded: Bool
    /// Bytes of contents that the base holds already.
    private let freeByteCount: Int
    /// The base's own entries have smaller numbers.
    private let firstAddedSequence: UInt64

    /// Bytes that a node costs beside its contents, and an entry beside its name. About what they take up.
    static let cost = 256
    static let entryCost = 128

    /// A node that a guest makes.
    init(adding value: WASI.FileTree.Node) {
        self.value = value
        isAdded = true
        freeByteCount = 0
        firstAddedSequence = 0
    }

    /// A node of the base that a guest is about to change.
    init(changing value: WASI.FileTree.Node) {
        self.value = value
        isAdded = false
        freeByteCount = value.bytes.count
        firstAddedSequence = value.entries.nextSequence
    }

    /// What counts against the limit if the contents have this many bytes.
    func contentCost(byteCount: Int) -> Int { max(0, byteCount - freeByteCount) }

    /// What counts against the limit for the contents.
    var contentCost: Int { contentCost(byteCount: value.bytes.count) }

    /// The most bytes of contents if this many count against the limit.
    func byteCount(contentCost: Int) -> Int { freeByteCount + contentCost }

    /// What counts against the limit while the node exists, without its entries.
    var ownCost: Int { (isAdded ? Self.cost : 0) + contentCost }

    /// What the entry counts against the limit as long as this directory has it.
    func cost(of entry: DirectoryEntries.Entry) -> Int {
        entry.sequence < firstAddedSequence ? 0 : Self.cost(ofEntryNamed: entry.name)
    }

    static func cost(ofEntryNamed name: EntryName) -> Int { entryCost + name.bytes.count }
}
