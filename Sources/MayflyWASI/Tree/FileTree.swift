//! A directory tree in memory, as a value: what guests can be given in place of a directory of the host.
//!
//! A table of nodes by number (`TreeNode.swift`); the root is 1. Copies share everything until one is changed. A guest
//! never changes a tree: it works on a `TreeVolume` over it, and its changes become a new tree. Invariants:
//! - every node but the root is in a directory of the same tree, directories in exactly one;
//! - no walk over a tree recurses, for trees that guests leave behind are as deep as they like.

extension WASI {
    /// A directory tree in memory: directories, files and symbolic links.
    ///
    /// A value: copies share their contents until one is changed, and giving one tree to any number of guests costs
    /// nothing per file.
    ///
    ///     var tree = WASI.FileTree()
    ///     try tree.addFile("etc/greeting", "hello\n")
    ///     try tree.addSymbolicLink("greeting", to: "etc/greeting")
    ///
    /// Paths are relative to the tree's root; a leading slash changes nothing. Components are separated by one slash
    /// each, have 255 bytes of UTF-8 at most, and `.` and `..` are none. No method here follows a symbolic link.
    public struct FileTree: Sendable {
        static let root: UInt64 = 1

        private(set) var nodes: [UInt64: Node]
        /// No node ever had this number or a greater one.
        private(set) var nextInode: UInt64

        /// An empty tree: a root directory without entries.
        public init() { self.init(nodes: [Self.root: Node(.directory)], nextInode: Self.root + 1) }

        init(nodes: [UInt64: Node], nextInode: UInt64) {
            self.nodes = nodes
            self.nextInode = nextInode
        }
    }
}

// MARK: Building

extension WASI.FileTree {
    /// Adds a file, and the directories on the way to it. Replaces a file that is there; its times become 0.
    ///
    /// - Parameters:
    ///   - path: Where.
    ///   - contents: The file's bytes.
    /// - Throws: ``WASI/FileTreeError`` if the path is not valid, or if it leads through something that is not a
    ///   directory or to something that is not a file. The tree is then as before.
    public mutating func addFile(
        _ path: String, _ contents: some Sequence<UInt8>
    ) throws(WASI.FileTreeError) {
        try add(Node(.regularFile, bytes: Array(contents)), at: path, try components(of: path))
    }

    /// Adds a file, and the directories on the way to it. Replaces a file that is there; its times become 0.
    ///
    /// - Parameters:
    ///   - path: Where.
    ///   - text: The file's contents, stored as UTF-8.
    /// - Throws: ``WASI/FileTreeError`` if the path is not valid, or if it leads through something that is not a
    ///   directory or to something that is not a file. The tree is then as before.
    public mutating func addFile(_ path: String, _ text: String) throws(WASI.FileTreeError) {
        try addFile(path, text.utf8)
    }

    /// Adds a directory, and those on the way to it. One that is there stays as it is.
    ///
    /// - Parameter path: Where. May end with a slash.
    /// - Throws: ``WASI/FileTreeError`` if the path is not valid, or leads through or to something that is not a
    ///   directory. The tree is then as before.
    public mutating func addDirectory(_ path: String) throws(WASI.FileTreeError) {
        try add(Node(.directory), at: path, try components(of: path, allowsTrailingSlash: true))
    }

    /// Adds a symbolic link, and the directories on the way to it. Replaces a symbolic link that is there.
    ///
    /// - Parameters:
    ///   - path: Where.
    ///   - target: What guests find when they follow it: a path relative to the link's directory, up to 4095 bytes of
    ///     UTF-8. Nothing has to be there. One that is absolute or leads out of what a guest was given can be read but
    ///     not followed.
    /// - Throws: ``WASI/FileTreeError`` if the path or the target is not valid, or if the path leads through something
    ///   that is not a directory or to something that is not a symbolic link. The tree is then as before.
    public mutating func addSymbolicLink(_ path: String, to target: String) throws(WASI.FileTreeError) {
        let bytes = Array(target.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.maximumPathCount, !bytes.contains(0) else {
            throw WASI.FileTreeError(path: path, reason: .invalidTarget)
        }
        try add(Node(.symbolicLink, bytes: bytes), at: path, try components(of: path))
    }

    /// Gives a file or symbolic link a further name, and adds the directories on the way to it.
    ///
    /// - Parameters:
    ///   - path: The further name.
    ///   - existing: What is there already.
    /// - Throws: ``WASI/FileTreeError`` if a path is not valid, if no file or symbolic link is at `existing`, if
    ///   something is at `path`, or if that leads through something that is not a directory. The tree is then as
    ///   before.
    public mutating func addHardLink(_ path: String, to existing: String) throws(WASI.FileTreeError) {
        guard let inode = inode(at: existing), let type = nodes[inode]?.type, type != .directory else {
            throw WASI.FileTreeError(path: existing, reason: .missing)
        }
        let components = try components(of: path)
        if self.inode(at: path) != nil { throw WASI.FileTreeError(path: path, reason: .exists) }
        guard let name = components.last else { throw WASI.FileTreeError(path: path, reason: .invalidPath) }
        var directory = Self.root
        if components.count > 1 {
            do throws(WASI.FileTreeError) {
                directory = try add(Node(.directory), at: path, components.dropLast())
            } catch {
                throw WASI.FileTreeError(path: path, reason: error.reason == .exists ? .notDirectory : error.reason)
            }
        }
        nodes[directory]?.entries.insert(name, inode: inode, type: type)
        nodes[inode]?.linkCount += 1
    }

    /// The longest path that guests can name, in bytes.
    private static var maximumPathCount: Int { 4095 }

    /// - Returns: The node that is there now.
    @discardableResult
    private mutating func add(
        _ node: Node, at path: String, _ components: [EntryName]
    ) throws(WASI.FileTreeError) -> UInt64 {
        var directory = Self.root
        for (index, name) in components.enumerated() {
            let isLast = index == components.count - 1
            guard let entry = nodes[directory]?.entries[name] else {
                // From here on nothing fails.
                directory = insert(isLast ? node : Node(.directory), named: name, in: directory)
                continue
            }
            if isLast {
                guard entry.type == node.type else { throw WASI.FileTreeError(path: path, reason: .exists) }
                if node.type != .directory { replace(entry, with: node, in: directory) }
            } else if entry.type != .directory {
                throw WASI.FileTreeError(path: path, reason: .notDirectory)
            }
            directory = entry.inode
        }
        return directory
    }

    /// Puts a new node into a directory that has no entry of this name.
    mutating func insert(_ node: Node, named name: EntryName, in directory: UInt64) -> UInt64 {
        let inode = nextInode
        nextInode += 1
        nodes[inode] = node
        if node.type == .directory {
            nodes[inode]?.parent = directory
            nodes[directory]?.linkCount += 1
        }
        nodes[directory]?.entries.insert(name, inode: inode, type: node.type)
        return inode
    }

    private mutating func replace(_ entry: DirectoryEntries.Entry, with node: Node, in directory: UInt64) {
        if nodes[entry.inode]?.linkCount == 1 {
            nodes[entry.inode] = node
            return
        }
        // A guest linked the file elsewhere too, and there it stays.
        nodes[entry.inode]?.linkCount -= 1
        nodes[nextInode] = node
        nodes[directory]?.entries.redirect(entry.name, toInode: nextInode, type: node.type)
        nextInode += 1
    }

    /// Gives a node the times of what it is a copy of.
    mutating func setTimes(of inode: UInt64, to status: FileStatus) {
        nodes[inode]?.accessTime = status.accessTime
        nodes[inode]?.modificationTime = status.modificationTime
        nodes[inode]?.changeTime = status.changeTime
    }

    private func components(
        of path: String, allowsTrailingSlash: Bool = false
    ) throws(WASI.FileTreeError) -> [EntryName] {
        let slash = UInt8(ascii: "/")
        var bytes = Array(path.utf8)[...]
        if bytes.first == slash { bytes.removeFirst() }
        if allowsTrailingSlash, bytes.count > 1, bytes.last == slash { bytes.removeLast() }
        let components = bytes.split(separator: slash, omittingEmptySubsequences: false).map { EntryName($0) }
        for name in components {
            if name.bytes.isEmpty || name.isDot || name.isDotDot || name.bytes.contains(0) {
                throw WASI.FileTreeError(path: path, reason: .invalidPath)
            }
            if name.bytes.count > EntryName.maximumCount {
                throw WASI.FileTreeError(path: path, reason: .nameTooLong)
            }
        }
        return components
    }
}

// MARK: Looking

extension WASI.FileTree {
    /// The bytes of a file; nil if there is none.
    public func contents(of path: String) -> [UInt8]? {
        guard let node = node(at: path), node.type == .regularFile else { return nil }
        return node.bytes
    }

    /// Where a symbolic link leads, as it was made; nil if there is none. Bytes that are not UTF-8 appear as U+FFFD.
    public func symbolicLinkTarget(of path: String) -> String? {
        guard let node = node(at: path), node.type == .symbolicLink else { return nil }
        return String(decoding: node.bytes, as: UTF8.self)
    }

    /// How many names a file or symbolic link has; nil if there is none.
    public func linkCount(of path: String) -> Int? {
        guard let node = node(at: path), node.type != .directory else { return nil }
        return Int(clamping: node.linkCount)
    }

    /// Whether a file, directory or symbolic link is there. A path that ends with a slash means a directory.
    public func contains(_ path: String) -> Bool {
        guard let node = node(at: path, allowsTrailingSlash: true) else { return false }
        return node.type == .directory || path.utf8.last != UInt8(ascii: "/")
    }

    /// The names in a directory in the order of their bytes, those of directories with a slash at the end; nil if there
    /// is no such directory.
    ///
    /// - Parameter path: The directory. May end with a slash; the root is `/`.
    public func names(in path: String) -> [String]? {
        guard let node = node(at: path, allowsTrailingSlash: true), node.type == .directory else { return nil }
        return Self.sorted(node.entries.all.map { Self.listed($0) })
    }

    /// The paths of all files, directories and symbolic links, in the order of their bytes.
    ///
    /// Those of directories end with a slash. The root is left out, and so is what has a path over 4095 bytes, which
    /// only a guest can make, in steps. Names that are not UTF-8 appear with U+FFFD in place of what is not, and cannot
    /// be looked up. Of a tree that a guest made the paths can take much more memory than the tree:
    /// ``names(in:)`` takes one directory at a time.
    public var paths: [String] {
        var paths: [[UInt8]] = []
        var directories: [(inode: UInt64, path: [UInt8])] = [(Self.root, [])]
        while let (inode, path) = directories.popLast() {
            guard let node = nodes[inode] else { continue }
            for entry in node.entries.all {
                let path = path + Self.listed(entry)
                if path.count > Self.maximumPathCount { continue }
                paths.append(path)
                if entry.type == .directory { directories.append((entry.inode, path)) }
            }
        }
        return Self.sorted(paths)
    }

    /// Bytes that the contents of all files take, each counted once however many names it has.
    public var byteCount: Int {
        nodes.values.reduce(0) { $0 + ($1.type == .regularFile ? $1.bytes.count : 0) }
    }

    private static func listed(_ entry: DirectoryEntries.Entry) -> [UInt8] {
        entry.type == .directory ? entry.name.bytes + [UInt8(ascii: "/")] : entry.name.bytes
    }

    private static func sorted(_ paths: [[UInt8]]) -> [String] {
        paths.sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
    }

    private func node(at path: String, allowsTrailingSlash: Bool = false) -> Node? {
        inode(at: path, allowsTrailingSlash: allowsTrailingSlash).flatMap { nodes[$0] }
    }

    private func inode(at path: String, allowsTrailingSlash: Bool = false) -> UInt64? {
        if allowsTrailingSlash, path == "/" { return Self.root }
        guard let components = try? components(of: path, allowsTrailingSlash: allowsTrailingSlash) else { return nil }
        var inode = Self.root
        for name in components {
            guard let entry = nodes[inode]?.entries[name] else { return nil }
            inode = entry.inode
        }
        return inode
    }
}
