//! A directory tree in memory as one guest sees and changes it.
//!
//! A tree that is shared with others, and over it the nodes that this guest made or changed. Making one costs nothing
//! per node; a node that is changed is copied first, its contents only when they are what changes. Invariants:
//! - a node lives as long as an entry leads to it or it is open, and all that counts for it against the limit with it;
//! - `addedByteCount` never exceeds the limit: what an operation adds is counted before anything is allocated, and an
//!   operation that fails changes nothing;
//! - every change passes `change`, which refuses it if the volume is read-only;
//! - nothing recurses, and no walk but along one path: a guest may nest directories as deep as its limit lets it.
//!
//! Results and errors are those of a directory of the host on Linux. Operations on paths are in
//! `TreeVolume+Paths.swift`, those on contents in `TreeVolume+Files.swift`, walks in `TreeVolume+Resolution.swift`.

final class TreeVolume {
    static let root = WASI.FileTree.root

    let isReadOnly: Bool
    /// Tells the nodes of this volume from those of others.
    let device: UInt64
    /// Nanoseconds since 1970.
    let now: () -> UInt64
    /// Bytes that the guest may add to what the base holds.
    let byteLimit: Int
    /// What counts against the limit now.
    private(set) var addedByteCount = 0

    private let base: WASI.FileTree
    /// Nodes that the guest made or changed.
    private(set) var changed: [UInt64: TreeNode] = [:]
    /// Nodes of the base that are gone.
    private var removed: Set<UInt64> = []
    private var openCounts: [UInt64: Int] = [:]
    private var nextInode: UInt64

    /// A volume that starts with what a tree holds.
    ///
    /// - Parameters:
    ///   - byteLimit: The most that the guest may add. Contents beyond those that the base has, targets and names count
    ///     with their bytes, and every node and entry with a fixed cost, which is about the memory that they take. That
    ///     memory must be there: it is not asked for again. What the base holds a guest can take once more, by changing
    ///     all of it, and arrays may have up to half their memory in reserve.
    ///   - now: The time, in nanoseconds since 1970.
    init(
        _ tree: WASI.FileTree, byteLimit: Int, isReadOnly: Bool = false, device: UInt64 = 0,
        now: @escaping () -> UInt64
    ) {
        base = tree
        nextInode = tree.nextInode
        self.byteLimit = max(0, byteLimit)
        self.isReadOnly = isReadOnly
        self.device = device
        self.now = now
    }

    /// What the volume holds now, without what is open but in no directory any more.
    ///
    /// Shares contents with the volume. Takes time in the number of nodes, of the base's too.
    func fileTree() -> WASI.FileTree {
        var nodes = base.nodes
        for inode in removed { nodes[inode] = nil }
        for (inode, node) in changed { nodes[inode] = node.value.linkCount == 0 ? nil : node.value }
        return WASI.FileTree(nodes: nodes, nextInode: nextInode)
    }
}

// MARK: Nodes

extension TreeVolume {
    /// A node to be looked at. A copy must not be held while the node is changed, or the change copies its contents.
    func node(_ inode: UInt64) throws(Errno) -> WASI.FileTree.Node {
        if let node = changed[inode] { return node.value }
        guard !removed.contains(inode), let node = base.nodes[inode] else { throw .badf }
        return node
    }

    /// A node to be changed.
    func change(_ inode: UInt64) throws(Errno) -> TreeNode {
        if isReadOnly { throw .rofs }
        if let node = changed[inode] { return node }
        let node = TreeNode(changing: try node(inode))
        changed[inode] = node
        return node
    }

    /// Keeps a node until it is released as often.
    func retain(_ inode: UInt64) { openCounts[inode, default: 0] += 1 }

    /// Gives up what `retain` or `open` kept. A node that is in no directory then ceases to be.
    func release(_ inode: UInt64) {
        guard let count = openCounts[inode] else { return }
        openCounts[inode] = count > 1 ? count - 1 : nil
        freeIfUnused(inode)
    }

    /// Ends a node that nothing leads to.
    func freeIfUnused(_ inode: UInt64) {
        // The base has no unlinked nodes.
        guard let node = changed[inode], node.value.linkCount == 0, openCounts[inode] == nil else { return }
        changed[inode] = nil
        addedByteCount -= node.ownCost
        if !node.isAdded { removed.insert(inode) }
    }

    /// Bytes that can be added before the limit is reached.
    var availableByteCount: Int { byteLimit - addedByteCount }

    /// Counts bytes against the limit, or gives them back.
    func add(byteCount: Int) throws(Errno) {
        guard byteCount <= availableByteCount else { throw .nospc }
        addedByteCount += byteCount
    }
}

// MARK: Entries

extension TreeVolume {
    /// Makes a node and an entry for it, of a name that is not taken.
    @discardableResult
    func make(
        _ type: FileType, bytes: [UInt8] = [], named name: EntryName, in directory: UInt64
    ) throws(Errno) -> UInt64 {
        let parent = try change(directory)
        try add(byteCount: TreeNode.cost + bytes.count + TreeNode.cost(ofEntryNamed: name))
        let time = now()
        let node = TreeNode(adding: WASI.FileTree.Node(type, bytes: bytes, parent: directory))
        node.value.setTimes(time)
        let inode = nextInode
        nextInode += 1
        changed[inode] = node
        parent.value.entries.insert(name, inode: inode, type: type)
        parent.value.setModificationTime(time)
        if type == .directory { parent.value.linkCount += 1 }
        return inode
    }

    /// Takes an entry out of a directory, and what it leads to out of existence if nothing else keeps it.
    func remove(_ entry: DirectoryEntries.Entry, from directory: UInt64) throws(Errno) {
        let parent = try change(directory)
        let node = try change(entry.inode)
        let time = now()
        addedByteCount -= parent.cost(of: entry)
        parent.value.entries.remove(entry.name)
        parent.value.setModificationTime(time)
        unlink(node, from: parent, time)
        freeIfUnused(entry.inode)
    }

    /// Counts a name less, for a directory its only one.
    func unlink(_ node: TreeNode, from parent: TreeNode, _ time: UInt64) {
        if node.value.type == .directory {
            parent.value.linkCount -= 1
            node.value.linkCount = 0
        } else {
            node.value.linkCount -= 1
        }
        node.value.changeTime = time
    }
}

// MARK: Status

extension TreeVolume {
    func status(of inode: UInt64) throws(Errno) -> FileStatus {
        let node = try node(inode)
        return FileStatus(
            device: device, inode: inode, type: node.type, linkCount: node.linkCount, size: UInt64(node.bytes.count),
            accessTime: node.accessTime, modificationTime: node.modificationTime, changeTime: node.changeTime)
    }

    /// Sets times, in nanoseconds since 1970; nil leaves one as it is.
    func setTimes(of inode: UInt64, access: UInt64?, modification: UInt64?) throws(Errno) {
        if access == nil, modification == nil { return }
        let node = try change(inode)
        if let access { node.value.accessTime = access }
        if let modification { node.value.modificationTime = modification }
        node.value.changeTime = now()
    }
}
