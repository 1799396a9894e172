//! The functions that take paths: rights, arguments, and the question put to the directory that the path starts from.

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

        let (parent, directory) = try self.directory(number, for: .pathOpen)
        if openFlags.contains(.create) { try parent.require(.pathCreateFile) }
        if openFlags.contains(.truncate) { try parent.require(.pathFilestatSetSize) }
        let path = try GuestPath(in: memory, at: path, count: count)
        // Asking the kernel for it as a flag takes the right to ask for it as a call.
        var needed = requested.intersection(.fdWrite)
        if flags.contains(.dsync) { needed.insert(.fdDatasync) }
        if !flags.isDisjoint(with: [.sync, .rsync]) { needed.insert(.fdSync) }
        if !parent.droppedInheritingRights.isDisjoint(with: needed) { throw .notcapable }

        try descriptors.requireSpace()
        let request = DirectoryFile.Request(
            path: path, follows: lookup & lookupFollowsSymlinks != 0, openFlags: openFlags, flags: flags,
            reads: requested.contains(.fdRead), writes: requested.contains(.fdWrite))
        let file = try counting(costOfCreation(request, in: directory)) { () throws(Errno) in
            try directory.open(request, for: self)
        }
        let dropped = parent.droppedInheritingRights
        return try descriptors.insert(
            Descriptor(
                file: file,
                rights: requested.intersection(parent.inheritingRights).intersection(file.sensibleRights),
                inheritingRights: Rights(rawValue: inheritingRights).intersection(parent.inheritingRights),
                droppedRights: dropped, droppedInheritingRights: dropped))
    }

    func pathFilestatGet(
        _ memory: GuestMemory, _ number: UInt32, lookup: UInt32, path: UInt32, _ count: UInt32
    ) throws(Errno) -> FileStatus {
        let (_, directory) = try self.directory(number, for: .pathFilestatGet)
        let path = try GuestPath(in: memory, at: path, count: count)
        return try directory.status(of: path, follows: lookup & lookupFollowsSymlinks != 0, for: self)
    }

    func pathFilestatSetTimes(
        _ memory: GuestMemory, _ number: UInt32, lookup: UInt32, path: UInt32, _ count: UInt32, access: UInt64,
        modification: UInt64, flags: UInt16
    ) throws(Errno) {
        let times = try timestamps(access, modification, flags)
        let (_, directory) = try self.directory(number, for: .pathFilestatSetTimes)
        let path = try GuestPath(in: memory, at: path, count: count)
        try directory.setTimes(of: path, follows: lookup & lookupFollowsSymlinks != 0, times, for: self)
    }

    func pathCreateDirectory(
        _ memory: GuestMemory, _ number: UInt32, _ path: UInt32, _ count: UInt32
    ) throws(Errno) {
        let (_, directory) = try self.directory(number, for: .pathCreateDirectory)
        let path = try GuestPath(in: memory, at: path, count: count)
        try counting(Self.cost(of: path)) { () throws(Errno) in try directory.createDirectory(path) }
    }

    func pathRemoveDirectory(
        _ memory: GuestMemory, _ number: UInt32, _ path: UInt32, _ count: UInt32
    ) throws(Errno) {
        let (_, directory) = try self.directory(number, for: .pathRemoveDirectory)
        try directory.removeDirectory(try GuestPath(in: memory, at: path, count: count))
    }

    func pathUnlinkFile(
        _ memory: GuestMemory, _ number: UInt32, _ path: UInt32, _ count: UInt32
    ) throws(Errno) {
        let (_, directory) = try self.directory(number, for: .pathUnlinkFile)
        try directory.unlinkFile(try GuestPath(in: memory, at: path, count: count))
    }

    func pathRename(
        _ memory: GuestMemory, _ oldNumber: UInt32, _ oldPath: UInt32, _ oldCount: UInt32, _ newNumber: UInt32,
        _ newPath: UInt32, _ newCount: UInt32
    ) throws(Errno) {
        let (_, directory) = try self.directory(oldNumber, for: .pathRenameSource)
        let (_, target) = try self.directory(newNumber, for: .pathRenameTarget)
        let oldPath = try GuestPath(in: memory, at: oldPath, count: oldCount)
        let newPath = try GuestPath(in: memory, at: newPath, count: newCount)
        try counting(Self.cost(of: newPath)) { () throws(Errno) in
            try directory.rename(oldPath, to: target, newPath)
        }
    }

    func pathLink(
        _ memory: GuestMemory, _ oldNumber: UInt32, lookup: UInt32, _ oldPath: UInt32, _ oldCount: UInt32,
        _ newNumber: UInt32, _ newPath: UInt32, _ newCount: UInt32
    ) throws(Errno) {
        // Linking what a symbolic link leads to takes a privilege on Linux, or /proc.
        if lookup & lookupFollowsSymlinks != 0 { throw .inval }
        let (_, directory) = try self.directory(oldNumber, for: .pathLinkSource)
        let (_, target) = try self.directory(newNumber, for: .pathLinkTarget)
        let oldPath = try GuestPath(in: memory, at: oldPath, count: oldCount)
        let newPath = try GuestPath(in: memory, at: newPath, count: newCount)
        try counting(Self.cost(of: newPath)) { () throws(Errno) in
            try directory.link(oldPath, to: target, newPath, for: self)
        }
    }

    func pathSymlink(
        _ memory: GuestMemory, _ target: UInt32, _ targetCount: UInt32, _ number: UInt32, _ path: UInt32,
        _ count: UInt32
    ) throws(Errno) {
        let (_, directory) = try self.directory(number, for: .pathSymlink)
        // An absolute target would not be followed for the guest, but by the host's own programs: refused.
        let target = try GuestPath(in: memory, at: target, count: targetCount)
        let path = try GuestPath(in: memory, at: path, count: count)
        try counting(Self.cost(of: path) + target.bytes.count) { () throws(Errno) in
            try directory.createSymbolicLink(path, to: target)
        }
    }

    func pathReadlink(
        _ memory: GuestMemory, _ number: UInt32, _ path: UInt32, _ count: UInt32, _ buffer: UInt32,
        _ bufferCount: UInt32
    ) throws(Errno) -> UInt32 {
        let (_, directory) = try self.directory(number, for: .pathReadlink)
        let path = try GuestPath(in: memory, at: path, count: count)
        let destination = try memory.bytes(at: buffer, count: bufferCount)
        return UInt32(try directory.readLink(path, into: destination, for: self))
    }

    /// What an entry that a guest makes counts as output: about what it takes on a disk.
    private static func cost(of path: GuestPath) -> Int { path.bytes.count + 256 }

    /// What opening a file counts: something if it makes one. Only a guest with a limit has it looked up.
    private func costOfCreation(_ request: DirectoryFile.Request, in directory: DirectoryFile) -> Int {
        guard request.openFlags.contains(.create), blueprint.maximumOutputByteCount < .max else { return 0 }
        let isThere = (try? directory.status(of: request.path, follows: request.follows, for: self)) != nil
        return isThere ? 0 : Self.cost(of: request.path)
    }
}
