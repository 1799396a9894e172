//! The functions that take paths. How a path is kept inside its directory is `PathResolution`'s business; here the last
//! component meets the operation.

internal import CPlatform
internal import Glibc

extension WASI {
    func pathOpen(
        _ memory: GuestMemory, _ number: UInt32, lookup: UInt32, path: UInt32, _ count: UInt32, openFlags: UInt16,
        rights: UInt64, inheritingRights: UInt64, flags: UInt16
    ) throws(Errno) -> UInt32 {
        let openFlags = OpenFlags(rawValue: openFlags)
        let flags = DescriptorFlags(rawValue: flags)
        let requested = Rights(rawValue: rights)
        guard openFlags.isSubset(of: .all), flags.isSubset(of: .all),
            !openFlags.isSuperset(of: [.create, .directory])
        else { throw .inval }

        let (parent, host) = try directory(number, for: .pathOpen)
        if openFlags.contains(.create) { try parent.require(.pathCreateFile) }
        if openFlags.contains(.truncate) { try parent.require(.pathFilestatSetSize) }
        let path = try GuestPath(in: memory, at: path, count: count)
        if requested.contains(.fdWrite), parent.droppedInheritingRights.contains(.fdWrite) { throw .notcapable }

        var hostFlags = flags.hostFlags
        if requested.contains(.fdWrite) {
            // Reading a directory is not reading a file: with the right to list alone, a file is write-only.
            hostFlags |= requested.contains(.fdRead) ? O_RDWR : O_WRONLY
        }
        if openFlags.contains(.create) { hostFlags |= O_CREAT }
        if openFlags.contains(.exclusive) { hostFlags |= O_EXCL }
        if openFlags.contains(.truncate) { hostFlags |= O_TRUNC }
        if openFlags.contains(.directory) { hostFlags |= O_DIRECTORY }
        if lookup & lookupFollowsSymlinks == 0 { hostFlags |= O_NOFOLLOW }

        try descriptors.requireSpace()
        let opened = try openInterruptibly(beneath: host, path.bytes, flags: hostFlags, mode: 0o666)
        let type: FileType
        do {
            type = openFlags.contains(.directory) ? .directory : try FileStatus(of: opened).type
        } catch {
            close(opened)
            throw error
        }
        let sensible: Rights =
            switch type {
            case .directory: .directory
            case .regularFile: .file
            default: .stream
            }
        let dropped = parent.droppedInheritingRights
        return try descriptors.insert(
            Descriptor(
                object: .host(opened), isOwned: true, type: type,
                rights: requested.intersection(parent.inheritingRights).intersection(sensible),
                inheritingRights: Rights(rawValue: inheritingRights).intersection(parent.inheritingRights),
                droppedRights: dropped, droppedInheritingRights: dropped))
    }

    func pathFilestatGet(
        _ memory: GuestMemory, _ number: UInt32, lookup: UInt32, path: UInt32, _ count: UInt32
    ) throws(Errno) -> FileStatus {
        let (_, host) = try directory(number, for: .pathFilestatGet)
        let path = try GuestPath(in: memory, at: path, count: count)
        let follows = lookup & lookupFollowsSymlinks != 0
        if !path.hasTrailingSlash, !path.endsInDots {
            let parent = try configuration.pathResolution.openParent(beneath: host, of: path)
            var status = stat()
            try checked(fstatat(parent.descriptor, path.name, &status, AT_SYMLINK_NOFOLLOW))
            if !follows || status.st_mode & S_IFMT != S_IFLNK { return FileStatus(status) }
        }
        let opened = try openForStatus(beneath: host, path, follows: follows)
        defer { close(opened) }
        return try FileStatus(of: opened)
    }

    func pathFilestatSetTimes(
        _ memory: GuestMemory, _ number: UInt32, lookup: UInt32, path: UInt32, _ count: UInt32, access: UInt64,
        modification: UInt64, flags: UInt16
    ) throws(Errno) {
        let times = try Timestamps(access: access, modification: modification, flags: flags)
        let (_, host) = try directory(number, for: .pathFilestatSetTimes)
        let path = try GuestPath(in: memory, at: path, count: count)
        let opened = try openForStatus(beneath: host, path, follows: lookup & lookupFollowsSymlinks != 0)
        defer { close(opened) }
        try times.withTimespecs { (times) throws(Errno) in
            try unnegated(mayfly_set_times(opened, times))
        }
    }

    func pathCreateDirectory(
        _ memory: GuestMemory, _ number: UInt32, _ path: UInt32, _ count: UInt32
    ) throws(Errno) {
        let (_, host) = try directory(number, for: .pathCreateDirectory)
        let path = try entry(in: memory, at: path, count: count, orIfDots: .exist)
        let parent = try configuration.pathResolution.openParent(beneath: host, of: path)
        try checked(mkdirat(parent.descriptor, path.name, 0o777))
    }

    func pathRemoveDirectory(
        _ memory: GuestMemory, _ number: UInt32, _ path: UInt32, _ count: UInt32
    ) throws(Errno) {
        let (_, host) = try directory(number, for: .pathRemoveDirectory)
        let path = try entry(in: memory, at: path, count: count, orIfDots: .inval)
        let parent = try configuration.pathResolution.openParent(beneath: host, of: path)
        try checked(unlinkat(parent.descriptor, path.name, AT_REMOVEDIR))
    }

    func pathUnlinkFile(
        _ memory: GuestMemory, _ number: UInt32, _ path: UInt32, _ count: UInt32
    ) throws(Errno) {
        let (_, host) = try directory(number, for: .pathUnlinkFile)
        let path = try entry(in: memory, at: path, count: count, orIfDots: .isdir)
        let parent = try configuration.pathResolution.openParent(beneath: host, of: path)
        try checked(unlinkat(parent.descriptor, path.name, 0))
    }

    func pathRename(
        _ memory: GuestMemory, _ oldNumber: UInt32, _ oldPath: UInt32, _ oldCount: UInt32, _ newNumber: UInt32,
        _ newPath: UInt32, _ newCount: UInt32
    ) throws(Errno) {
        let (_, oldHost) = try directory(oldNumber, for: .pathRenameSource)
        let (_, newHost) = try directory(newNumber, for: .pathRenameTarget)
        let oldPath = try entry(in: memory, at: oldPath, count: oldCount, orIfDots: .busy)
        let newPath = try entry(in: memory, at: newPath, count: newCount, orIfDots: .busy)
        let oldParent = try configuration.pathResolution.openParent(beneath: oldHost, of: oldPath)
        let newParent = try configuration.pathResolution.openParent(beneath: newHost, of: newPath)
        try checked(renameat(oldParent.descriptor, oldPath.name, newParent.descriptor, newPath.name))
    }

    func pathLink(
        _ memory: GuestMemory, _ oldNumber: UInt32, lookup: UInt32, _ oldPath: UInt32, _ oldCount: UInt32,
        _ newNumber: UInt32, _ newPath: UInt32, _ newCount: UInt32
    ) throws(Errno) {
        // Linking what a symbolic link leads to takes a privilege on Linux, or /proc.
        if lookup & lookupFollowsSymlinks != 0 { throw .inval }
        let (_, oldHost) = try directory(oldNumber, for: .pathLinkSource)
        let (_, newHost) = try directory(newNumber, for: .pathLinkTarget)
        let oldPath = try entry(in: memory, at: oldPath, count: oldCount, orIfDots: .perm)
        let newPath = try entry(in: memory, at: newPath, count: newCount, orIfDots: .exist)
        if oldPath.hasTrailingSlash {
            // linkat would follow a link before the slash. What the slash allows, a directory, cannot be linked.
            close(try openForStatus(beneath: oldHost, oldPath, follows: true))
            throw .perm
        }
        let oldParent = try configuration.pathResolution.openParent(beneath: oldHost, of: oldPath)
        let newParent = try configuration.pathResolution.openParent(beneath: newHost, of: newPath)
        try checked(linkat(oldParent.descriptor, oldPath.name, newParent.descriptor, newPath.name, 0))
    }

    func pathSymlink(
        _ memory: GuestMemory, _ target: UInt32, _ targetCount: UInt32, _ number: UInt32, _ path: UInt32,
        _ count: UInt32
    ) throws(Errno) {
        let (_, host) = try directory(number, for: .pathSymlink)
        // An absolute target would not be followed for the guest, but by the host's own programs: refused.
        let target = try GuestPath(in: memory, at: target, count: targetCount)
        let path = try entry(in: memory, at: path, count: count, orIfDots: .exist)
        let parent = try configuration.pathResolution.openParent(beneath: host, of: path)
        try checked(symlinkat(target.bytes, parent.descriptor, path.name))
    }

    func pathReadlink(
        _ memory: GuestMemory, _ number: UInt32, _ path: UInt32, _ count: UInt32, _ buffer: UInt32,
        _ bufferCount: UInt32
    ) throws(Errno) -> UInt32 {
        let (_, host) = try directory(number, for: .pathReadlink)
        let path = try entry(in: memory, at: path, count: count, orIfDots: .inval)
        let destination = try memory.bytes(at: buffer, count: bufferCount)
        if path.hasTrailingSlash {
            // readlinkat would follow a link before the slash. What the slash allows, a directory, is not a link.
            close(try openForStatus(beneath: host, path, follows: true))
            throw .inval
        }
        let parent = try configuration.pathResolution.openParent(beneath: host, of: path)
        guard let start = destination.baseAddress?.assumingMemoryBound(to: CChar.self), !destination.isEmpty else {
            // readlinkat refuses an empty buffer, even to say that there is no link.
            var byte: CChar = 0
            try checked(readlinkat(parent.descriptor, path.name, &byte, 1))
            return 0
        }
        let length = min(destination.count, Int(PATH_MAX))
        return UInt32(try checked(readlinkat(parent.descriptor, path.name, start, length)))
    }

    /// An open directory that the guest may use for this.
    func directory(_ number: UInt32, for right: Rights) throws(Errno) -> (Descriptor, host: Int32) {
        let descriptor = try descriptors[number]
        guard descriptor.isDirectory, case .host(let host) = descriptor.object else { throw .notdir }
        try descriptor.require(right)
        return (descriptor, host)
    }

    /// A path that names an entry of a directory, to be made or removed.
    private func entry(
        in memory: GuestMemory, at address: UInt32, count: UInt32, orIfDots error: Errno
    ) throws(Errno) -> GuestPath {
        let path = try GuestPath(in: memory, at: address, count: count)
        if path.endsInDots { throw error }
        return path
    }

    private func openForStatus(beneath host: Int32, _ path: GuestPath, follows: Bool) throws(Errno) -> Int32 {
        var flags = mayfly_o_path
        if !follows { flags |= O_NOFOLLOW }
        if path.hasTrailingSlash { flags |= O_DIRECTORY }
        return try openInterruptibly(beneath: host, path.bytes, flags: flags, mode: 0)
    }

    /// Opening a FIFO, say, waits, and a signal may interrupt it.
    private func openInterruptibly(
        beneath host: Int32, _ path: [CChar], flags: Int32, mode: mode_t
    ) throws(Errno) -> Int32 {
        while true {
            do {
                return try configuration.pathResolution.open(beneath: host, path, flags: flags, mode: mode)
            } catch {
                if error != .intr || isStopRequested?() == true { throw error }
            }
        }
    }
}
