//! What tests do with volumes, in one call each.

@testable import MayflyWASI

extension TreeVolume {
    convenience init(byteLimit: Int = 1 << 20) {
        self.init(WASI.FileTree(), byteLimit: byteLimit) { 0 }
    }

    func contents(_ inode: UInt64) throws(Errno) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(try size(of: inode)) + 1, alignment: 1)
        defer { buffer.deallocate() }
        return Array(buffer[..<(try read(inode, at: 0, into: buffer))])
    }

    func contents(_ path: String) throws(Errno) -> String {
        let file = try open(path)
        defer { release(file) }
        return String(decoding: try contents(file), as: UTF8.self)
    }

    @discardableResult
    func write(_ inode: UInt64, at offset: UInt64 = 0, _ bytes: some Collection<UInt8>) throws(Errno) -> Int {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: bytes)
        return try write(inode, at: offset, from: UnsafeRawBufferPointer(buffer))
    }

    func listing(_ inode: UInt64 = root) throws(Errno) -> [String: FileType] {
        var entries: [String: FileType] = [:]
        try list(inode, from: 0) { (_, _, type, name) in
            entries[String(decoding: name, as: UTF8.self)] = type
            return true
        }
        return entries
    }

    // MARK: From the root, with paths as strings

    func open(
        _ path: String, in directory: UInt64 = root, _ flags: OpenFlags = [], follows: Bool = true, writes: Bool = false
    ) throws(Errno) -> UInt64 {
        try open(beneath: directory, Array(path.utf8), follows: follows, flags: flags, writes: writes)
    }

    /// Makes a file, or replaces its contents.
    func write(_ text: String, to path: String) throws(Errno) {
        let file = try open(path, [.create, .truncate], writes: true)
        defer { release(file) }
        try write(file, text.utf8)
    }

    func status(_ path: String, follows: Bool = false) throws(Errno) -> FileStatus {
        try status(beneath: Self.root, Array(path.utf8), follows: follows)
    }

    func createDirectory(_ path: String) throws(Errno) {
        try createDirectory(beneath: Self.root, Array(path.utf8))
    }

    func removeDirectory(_ path: String) throws(Errno) {
        try removeDirectory(beneath: Self.root, Array(path.utf8))
    }

    func unlink(_ path: String) throws(Errno) { try unlinkFile(beneath: Self.root, Array(path.utf8)) }

    func rename(_ old: String, _ new: String) throws(Errno) {
        try rename(beneath: Self.root, Array(old.utf8), to: Self.root, Array(new.utf8))
    }

    func link(_ old: String, _ new: String) throws(Errno) {
        try link(beneath: Self.root, Array(old.utf8), to: Self.root, Array(new.utf8))
    }

    func symlink(_ target: String, _ path: String) throws(Errno) {
        try symlink(Array(target.utf8), beneath: Self.root, Array(path.utf8))
    }

    func readlink(_ path: String) throws(Errno) -> String {
        String(decoding: try readlink(beneath: Self.root, Array(path.utf8)), as: UTF8.self)
    }
}

extension WASI.FileTree {
    /// What all of it would count if a guest had made it.
    var cost: Int {
        nodes.values.reduce(-TreeNode.cost) { cost, node in
            node.entries.all.reduce(cost + TreeNode.cost + node.bytes.count) {
                $0 + TreeNode.cost(ofEntryNamed: $1.name)
            }
        }
    }
}
