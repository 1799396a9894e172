//! Copying a directory of the host into memory.
//!
//! The host's directory may change meanwhile, by whomever. Everything is opened by its name in a directory that is open
//! already, not through a symbolic link, so that nothing outside is ever read; and what was opened decides what it is.
//! A limit bounds the memory, and the depth is bounded because a directory is open for each level.

internal import Glibc

extension WASI.FileTree {
    /// A copy of a directory of the host, as it is now: its files, directories and symbolic links, with their times.
    ///
    /// Symbolic links are copied, not followed. A file with several names becomes several files.
    ///
    /// - Parameters:
    ///   - hostPath: The directory. If it is a symbolic link itself, that one is followed.
    ///   - byteLimit: The most bytes that file contents, link targets and names may take together.
    /// - Throws: ``WASI/FileTreeError``, with the path in the host's file system, if something cannot be read, is of
    ///   another kind, lies more than 256 directories deep, or if the limit is exceeded.
    public init(copying hostPath: String, byteLimit: Int = 64 << 20) throws(WASI.FileTreeError) {
        self.init()
        var copy = HostCopy(byteLimit: byteLimit)
        try copy.run(hostPath, into: &self)
    }
}

private struct HostCopy: ~Copyable {
    /// A directory that is being copied.
    private struct Level {
        let descriptor: Int32
        let inode: UInt64
        let path: String
        /// Names still to be copied, last first.
        var names: [EntryName]
    }

    private static let maximumDepth = 256

    private var levels: [Level] = []
    private let byteLimit: Int
    private var byteCount = 0

    init(byteLimit: Int) { self.byteLimit = max(0, byteLimit) }

    deinit { for level in levels { close(level.descriptor) } }

    /// Copies a directory and everything in it, depth first.
    mutating func run(_ path: String, into tree: inout WASI.FileTree) throws(WASI.FileTreeError) {
        if path.utf8.contains(0) { throw WASI.FileTreeError(path: path, reason: .invalidPath) }
        let opened = try Self.checked(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path)
        try enter(opened, WASI.FileTree.root, path, of: &tree)
        while !levels.isEmpty {
            // Taken off in place, before a copy of the level shares the names.
            if let name = levels[levels.count - 1].names.popLast() {
                try copy(name, in: levels[levels.count - 1], into: &tree)
            } else {
                close(levels.removeLast().descriptor)
            }
        }
    }

    /// Takes over an open directory, as the next whose entries are copied.
    private mutating func enter(
        _ opened: Int32, _ inode: UInt64, _ path: String, of tree: inout WASI.FileTree
    ) throws(WASI.FileTreeError) {
        levels.append(Level(descriptor: opened, inode: inode, path: path, names: []))
        tree.setTimes(of: inode, to: try Self.status(of: opened, path))
        levels[levels.count - 1].names = try names(in: opened, path)
    }

    private mutating func copy(
        _ name: EntryName, in directory: Level, into tree: inout WASI.FileTree
    ) throws(WASI.FileTreeError) {
        let path = directory.path + "/" + String(decoding: name.bytes, as: UTF8.self)
        let hostName = name.bytes.map { CChar(bitPattern: $0) } + [0]
        var status = stat()
        try Self.checked(fstatat(directory.descriptor, hostName, &status, AT_SYMLINK_NOFOLLOW), path)
        switch FileType(mode: status.st_mode) {
        case .directory:
            guard levels.count <= Self.maximumDepth else {
                throw WASI.FileTreeError(path: path, reason: .host(ENAMETOOLONG))
            }
            let opened = try Self.checked(
                openat(directory.descriptor, hostName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path)
            let inode = tree.insert(.init(.directory), named: name, in: directory.inode)
            try enter(opened, inode, path, of: &tree)
        case .regularFile:
            // Should it have become a FIFO or a terminal by now, opening neither waits nor takes the terminal over.
            let opened = try Self.checked(
                openat(directory.descriptor, hostName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), path)
            defer { close(opened) }
            let status = try Self.status(of: opened, path)
            guard status.type == .regularFile else { throw WASI.FileTreeError(path: path, reason: .unsupportedKind) }
            let contents = try read(opened, size: status.size, path)
            let inode = tree.insert(.init(.regularFile, bytes: contents), named: name, in: directory.inode)
            tree.setTimes(of: inode, to: status)
        case .symbolicLink:
            let target = try target(of: hostName, in: directory.descriptor, path)
            let inode = tree.insert(.init(.symbolicLink, bytes: target), named: name, in: directory.inode)
            tree.setTimes(of: inode, to: FileStatus(status))
        default:
            throw WASI.FileTreeError(path: path, reason: .unsupportedKind)
        }
    }

    /// The names in a directory, last first: however the host orders them, equal directories become equal trees.
    private mutating func names(in descriptor: Int32, _ path: String) throws(WASI.FileTreeError) -> [EntryName] {
        // The stream takes over the descriptor that it reads from.
        let own = try Self.checked(openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), path)
        guard let stream = fdopendir(own) else {
            let error = errno
            close(own)
            throw WASI.FileTreeError(path: path, reason: .host(error))
        }
        defer { closedir(stream) }
        var names: [EntryName] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
            let start = UnsafeRawPointer(entry) + offset
            let name = EntryName(
                UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self))))
            if name.isDot || name.isDotDot { continue }
            try count(bytes: name.bytes.count, path)
            names.append(name)
        }
        if errno != 0 { throw WASI.FileTreeError(path: path, reason: .host(errno)) }
        return names.sorted { $1.bytes.lexicographicallyPrecedes($0.bytes) }
    }

    /// All that can be read, which need not be as much as the size says.
    private mutating func read(_ descriptor: Int32, size: UInt64, _ path: String) throws(WASI.FileTreeError) -> [UInt8]
    {
        if size > UInt64(byteLimit - byteCount) { throw WASI.FileTreeError(path: path, reason: .byteLimit(byteLimit)) }
        var contents: [UInt8] = []
        contents.reserveCapacity(Int(size))
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: min(Int(size), 1 << 20) + 1, alignment: 16)
        defer { chunk.deallocate() }
        while true {
            let count = Glibc.read(descriptor, chunk.baseAddress, chunk.count)
            if count < 0, errno == EINTR { continue }
            if try Self.checked(count, path) == 0 { return contents }
            try self.count(bytes: count, path)
            contents.append(contentsOf: chunk[..<count])
        }
    }

    private mutating func target(
        of link: [CChar], in directory: Int32, _ path: String
    ) throws(WASI.FileTreeError) -> [UInt8] {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = try Self.checked(readlinkat(directory, link, &target, target.count), path)
        guard length < target.count else { throw WASI.FileTreeError(path: path, reason: .invalidTarget) }
        try count(bytes: length, path)
        return target[..<length].map { UInt8(bitPattern: $0) }
    }

    private mutating func count(bytes: Int, _ path: String) throws(WASI.FileTreeError) {
        guard bytes <= byteLimit - byteCount else {
            throw WASI.FileTreeError(path: path, reason: .byteLimit(byteLimit))
        }
        byteCount += bytes
    }

    private static func status(of descriptor: Int32, _ path: String) throws(WASI.FileTreeError) -> FileStatus {
        var status = stat()
        try checked(fstat(descriptor, &status), path)
        return FileStatus(status)
    }

    @discardableResult
    private static func checked<Result: SignedInteger>(
        _ result: Result, _ path: String
    ) throws(WASI.FileTreeError) -> Result {
        if result < 0 { throw WASI.FileTreeError(path: path, reason: .host(errno)) }
        return result
    }
}
