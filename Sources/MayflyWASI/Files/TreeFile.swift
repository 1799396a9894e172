//! Files and directories of a tree in memory, opened. What they hold is the volume's business (`TreeVolume.swift`);
//! here are positions and flags.

internal import Glibc

final class TreeFile: OpenFile {
    private let volume: TreeVolume
    private let inode: UInt64
    private let reads: Bool
    private let writes: Bool
    private var position: UInt64 = 0

    /// Takes over a node that is retained.
    init(_ volume: TreeVolume, owning inode: UInt64, reads: Bool, writes: Bool, flags: DescriptorFlags) {
        self.volume = volume
        self.inode = inode
        self.reads = reads
        self.writes = writes
        super.init()
        emulatedFlags = DescriptorFlags(host: flags.hostFlags)
    }

    deinit { volume.release(inode) }

    // MARK: As a whole

    override var sensibleRights: Rights { .file }
    override func type() throws(Errno) -> FileType { .regularFile }
    override func status() throws(Errno) -> FileStatus { try volume.status(of: inode) }

    override func setFlags(_ flags: DescriptorFlags) throws(Errno) { try emulateFlags(flags) }

    override func setTimes(_ times: Timestamps, for context: WASI) throws(Errno) {
        try volume.setTimes(of: inode, times, for: context)
    }

    override func setSize(_ size: off_t, for context: WASI) throws(Errno) {
        guard writes else { throw .inval }
        try volume.setSize(of: inode, to: UInt64(size))
    }

    override func advise(_ offset: off_t, _ length: off_t, _ advice: Int32) throws(Errno) {}

    override func allocate(_ offset: off_t, _ length: off_t, for context: WASI) throws(Errno) {
        guard writes else { throw .badf }
        try volume.allocate(inode, offset: UInt64(offset), length: UInt64(length))
    }

    // MARK: Reading and writing

    override func read(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int {
        let count = try read(vectors, at: position)
        position += UInt64(count)
        return count
    }

    override func read(_ vectors: Vectors, at offset: off_t, for context: WASI) throws(Errno) -> Int {
        try read(vectors, at: UInt64(offset))
    }

    private func read(_ vectors: Vectors, at offset: UInt64) throws(Errno) -> Int {
        guard reads else { throw .badf }
        var total = 0
        for vector in vectors {
            let count = try volume.read(inode, at: offset + UInt64(total), into: vector.bytes)
            total += count
            if count < vector.bytes.count { break }
        }
        return total
    }

    override func write(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int {
        if emulatedFlags.contains(.append) { position = try volume.size(of: inode) }
        let count = try write(vectors, at: position)
        position += UInt64(count)
        return count
    }

    override func write(_ vectors: Vectors, at offset: off_t, for context: WASI) throws(Errno) -> Int {
        // As on Linux, a file that is appended to is appended to here too.
        try write(vectors, at: emulatedFlags.contains(.append) ? try volume.size(of: inode) : UInt64(offset))
    }

    private func write(_ vectors: Vectors, at offset: UInt64) throws(Errno) -> Int {
        guard writes else { throw .badf }
        var total = 0
        for vector in vectors where !vector.bytes.isEmpty {
            do throws(Errno) {
                let count = try volume.write(
                    inode, at: offset + UInt64(total), from: UnsafeRawBufferPointer(vector.bytes))
                total += count
                if count < vector.bytes.count { break }
            } catch {
                // What was written is told first; the error comes again with the next call.
                if total == 0 { throw error }
                break
            }
        }
        return total
    }

    override func seek(_ offset: Int64, from whence: Whence) throws(Errno) -> UInt64 {
        let origin =
            switch whence {
            case .start: UInt64(0)
            case .current: position
            case .end: try volume.size(of: inode)
            }
        let (target, overflow) = Int64(origin).addingReportingOverflow(offset)
        guard !overflow, target >= 0 else { throw .inval }
        position = UInt64(target)
        return position
    }

    override func readiness(_ direction: Direction) throws(Errno) -> Readiness {
        guard direction == .reading else { return .now(byteCount: 0) }
        let size = try volume.size(of: inode)
        return .now(byteCount: size > position ? size - position : 0)
    }
}

final class TreeDirectory: DirectoryFile {
    let volume: TreeVolume
    private let inode: UInt64

    /// Takes over a node that is retained.
    private init(_ volume: TreeVolume, owning inode: UInt64, flags: DescriptorFlags) {
        self.volume = volume
        self.inode = inode
        super.init()
        emulatedFlags = DescriptorFlags(host: flags.hostFlags)
    }

    init(rootOf volume: TreeVolume) {
        self.volume = volume
        inode = TreeVolume.root
        volume.retain(inode)
    }

    deinit { volume.release(inode) }

    override func status() throws(Errno) -> FileStatus { try volume.status(of: inode) }

    override func setFlags(_ flags: DescriptorFlags) throws(Errno) { try emulateFlags(flags) }

    override func setTimes(_ times: Timestamps, for context: WASI) throws(Errno) {
        try volume.setTimes(of: inode, times, for: context)
    }

    override func list(
        from cookie: UInt64, into destination: UnsafeMutableRawBufferPointer, for context: WASI
    ) throws(Errno) -> Int {
        var filled = 0
        var record: [UInt8] = []
        try volume.list(inode, from: cookie) { (next, inode, type, name) in
            record.removeAll(keepingCapacity: true)
            DirectoryEntry(next: next, inode: inode, type: type).append(name, to: &record)
            let fitting = record.prefix(destination.count - filled)
            UnsafeMutableRawBufferPointer(rebasing: destination[filled...]).copyBytes(from: fitting)
            filled += fitting.count
            return filled < destination.count
        }
        return filled
    }

    // MARK: What lies beneath it

    override func open(_ request: Request, for context: WASI) throws(Errno) -> OpenFile {
        let opened = try volume.open(
            beneath: inode, request.path.contents, follows: request.follows, flags: request.openFlags,
            writes: request.writes)
        if try volume.status(of: opened).type == .directory {
            return TreeDirectory(volume, owning: opened, flags: request.flags)
        }
        return TreeFile(
            volume, owning: opened, reads: request.reads || !request.writes, writes: request.writes,
            flags: request.flags)
    }

    override func status(of path: GuestPath, follows: Bool, for context: WASI) throws(Errno) -> FileStatus {
        try volume.status(beneath: inode, path.contents, follows: follows)
    }

    override func setTimes(
        of path: GuestPath, follows: Bool, _ times: Timestamps, for context: WASI
    ) throws(Errno) {
        try volume.setTimes(
            beneath: inode, path.contents, follows: follows, access: try context.resolve(times.access),
            modification: try context.resolve(times.modification))
    }

    override func createDirectory(_ path: GuestPath) throws(Errno) {
        try volume.createDirectory(beneath: inode, path.contents)
    }

    override func removeDirectory(_ path: GuestPath) throws(Errno) {
        try volume.removeDirectory(beneath: inode, path.contents)
    }

    override func unlinkFile(_ path: GuestPath) throws(Errno) {
        try volume.unlinkFile(beneath: inode, path.contents)
    }

    override func rename(_ path: GuestPath, to target: DirectoryFile, _ newPath: GuestPath) throws(Errno) {
        let target = try sameVolume(target)
        try volume.rename(beneath: inode, path.contents, to: target.inode, newPath.contents)
    }

    override func link(
        _ path: GuestPath, to target: DirectoryFile, _ newPath: GuestPath, for context: WASI
    ) throws(Errno) {
        let target = try sameVolume(target)
        try volume.link(beneath: inode, path.contents, to: target.inode, newPath.contents)
    }

    override func createSymbolicLink(_ path: GuestPath, to target: GuestPath) throws(Errno) {
        try volume.symlink(target.contents, beneath: inode, path.contents)
    }

    override func readLink(
        _ path: GuestPath, into destination: UnsafeMutableRawBufferPointer, for context: WASI
    ) throws(Errno) -> Int {
        let target = try volume.readlink(beneath: inode, path.contents).prefix(destination.count)
        destination.copyBytes(from: target)
        return target.count
    }

    private func sameVolume(_ directory: DirectoryFile) throws(Errno) -> TreeDirectory {
        guard let directory = directory as? TreeDirectory, directory.volume === volume else { throw .xdev }
        return directory
    }
}

extension TreeVolume {
    fileprivate func setTimes(of inode: UInt64, _ times: Timestamps, for context: WASI) throws(Errno) {
        try setTimes(
            of: inode, access: try context.resolve(times.access),
            modification: try context.resolve(times.modification))
    }
}

extension WASI {
    fileprivate func resolve(_ change: Timestamps.Change) throws(Errno) -> UInt64? {
        switch change {
        case .none: nil
        case .now: try time(.realtime)
        case .to(let time): time
        }
    }
}
