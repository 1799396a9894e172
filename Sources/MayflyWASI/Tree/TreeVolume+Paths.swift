//! The operations that take paths: what `WASI+Paths.swift` asks of the host, of a volume.
//!
//! Paths are not empty, hold no NUL and are shorter than PATH_MAX; `GuestPath` sees to that. The order of the checks is
//! the order of the host code and of the kernel beneath it, so that a guest finds the same error if there are several.

extension TreeVolume {
    /// Opens a file or directory, or makes a file.
    ///
    /// - Parameters:
    ///   - follows: A symbolic link in the last place is followed; else it is an error.
    ///   - writes: The file is to be written.
    /// - Returns: The node, retained.
    func open(
        beneath directory: UInt64, _ path: [UInt8], follows: Bool, flags: OpenFlags, writes: Bool
    ) throws(Errno) -> UInt64 {
        let creates = flags.contains(.create)
        if creates, flags.contains(.directory) { throw .inval }
        let isExclusive = creates && flags.contains(.exclusive)
        let destination = try resolve(
            beneath: directory, path, follows: follows && !isExclusive, creates: creates)
        let inode: UInt64
        switch destination {
        case .missing(let name, let directory):
            guard creates else { throw .noent }
            inode = try make(.regularFile, named: name, in: directory)
        case .node(let existing):
            inode = existing
            let type = try node(inode).type
            if isExclusive { throw .exist }
            if creates, type == .directory { throw .isdir }
            if flags.contains(.directory), type != .directory { throw .notdir }
            if type == .symbolicLink { throw .loop }
            if writes || flags.contains(.truncate) {
                if type == .directory { throw .isdir }
                if isReadOnly { throw .rofs }
            }
            if flags.contains(.truncate) { try setSize(of: inode, to: 0) }
        }
        retain(inode)
        return inode
    }

    func status(beneath directory: UInt64, _ path: [UInt8], follows: Bool) throws(Errno) -> FileStatus {
        try status(of: inode(beneath: directory, path, follows: follows))
    }

    func setTimes(
        beneath directory: UInt64, _ path: [UInt8], follows: Bool, access: UInt64?, modification: UInt64?
    ) throws(Errno) {
        let inode = try inode(beneath: directory, path, follows: follows)
        try setTimes(of: inode, access: access, modification: modification)
    }

    func createDirectory(beneath directory: UInt64, _ path: [UInt8]) throws(Errno) {
        let place = try place(beneath: directory, EntryPath(path, orIfDots: .exist))
        guard try entry(at: place) == nil else { throw .exist }
        try make(.directory, named: place.name, in: place.directory)
    }

    func removeDirectory(beneath directory: UInt64, _ path: [UInt8]) throws(Errno) {
        let place = try place(beneath: directory, EntryPath(path, orIfDots: .inval))
        guard let entry = try entry(at: place) else { throw .noent }
        guard entry.type == .directory else { throw .notdir }
        guard try node(entry.inode).entries.isEmpty else { throw .notempty }
        try remove(entry, from: place.directory)
    }

    func unlinkFile(beneath directory: UInt64, _ path: [UInt8]) throws(Errno) {
        let place = try place(beneath: directory, EntryPath(path, orIfDots: .isdir))
        guard let entry = try entry(at: place) else { throw .noent }
        if entry.type == .directory { throw .isdir }
        if place.hasTrailingSlash { throw .notdir }
        try remove(entry, from: place.directory)
    }

    /// Gives what a path leads to a further name. A symbolic link is not followed but gets one itself.
    func link(
        beneath oldDirectory: UInt64, _ oldPath: [UInt8], to newDirectory: UInt64, _ newPath: [UInt8]
    ) throws(Errno) {
        let old = try EntryPath(oldPath)
        let new = try EntryPath(newPath)
        if old.endsInDots { throw .perm }
        if new.endsInDots { throw .exist }
        if old.hasTrailingSlash {
            // Nothing, or a directory.
            _ = try inode(beneath: oldDirectory, oldPath, follows: true)
            throw .perm
        }
        let oldPlace = try place(beneath: oldDirectory, old)
        let newPlace = try place(beneath: newDirectory, new)
        guard let source = try entry(at: oldPlace) else { throw .noent }
        try requireVacancy(at: newPlace)
        if source.type == .directory { throw .perm }

        let parent = try change(newPlace.directory)
        let node = try change(source.inode)
        try add(byteCount: TreeNode.cost(ofEntryNamed: newPlace.name))
        let time = now()
        parent.value.entries.insert(newPlace.name, inode: source.inode, type: source.type)
        parent.value.setModificationTime(time)
        node.value.linkCount += 1
        node.value.changeTime = time
    }

    func symlink(_ target: [UInt8], beneath directory: UInt64, _ path: [UInt8]) throws(Errno) {
        guard let first = target.first else { throw .noent }
        if first == UInt8(ascii: "/") { throw .notcapable }
        let place = try place(beneath: directory, EntryPath(path, orIfDots: .exist))
        try requireVacancy(at: place)
        try make(.symbolicLink, bytes: target, named: place.name, in: place.directory)
    }

    /// Nothing is there, and something other than a directory may be made.
    private func requireVacancy(at place: Place) throws(Errno) {
        if try entry(at: place) != nil { throw .exist }
        if place.hasTrailingSlash { throw .noent }
    }

    /// The target of a symbolic link.
    func readlink(beneath directory: UInt64, _ path: [UInt8]) throws(Errno) -> [UInt8] {
        let entryPath = try EntryPath(path, orIfDots: .inval)
        if entryPath.hasTrailingSlash {
            // Nothing, or a directory.
            _ = try inode(beneath: directory, path, follows: true)
            throw .inval
        }
        guard let entry = try entry(at: place(beneath: directory, entryPath)) else { throw .noent }
        guard entry.type == .symbolicLink else { throw .inval }
        return try node(entry.inode).bytes
    }
}

// MARK: Renaming

extension TreeVolume {
    /// Moves an entry, over what is at the new place if it is of the same kind and, if a directory, empty.
    func rename(
        beneath oldDirectory: UInt64, _ oldPath: [UInt8], to newDirectory: UInt64, _ newPath: [UInt8]
    ) throws(Errno) {
        let oldPath = try EntryPath(oldPath)
        let newPath = try EntryPath(newPath)
        if oldPath.endsInDots || newPath.endsInDots { throw .busy }
        let old = try place(beneath: oldDirectory, oldPath)
        let new = try place(beneath: newDirectory, newPath)
        guard let source = try entry(at: old) else { throw .noent }
        let target = try entry(at: new)
        if source.type != .directory, old.hasTrailingSlash || new.hasTrailingSlash { throw .notdir }
        if old.directory != new.directory {
            if source.type == .directory, try leads(from: source.inode, downTo: new.directory) { throw .inval }
            if let target, target.type == .directory, try leads(from: target.inode, downTo: old.directory) {
                throw .notempty
            }
        }
        if let target {
            if target.inode == source.inode { return }
            switch (source.type == .directory, target.type == .directory) {
            case (true, false): throw .notdir
            case (false, true): throw .isdir
            case (true, true): guard try node(target.inode).entries.isEmpty else { throw .notempty }
            case (false, false): break
            }
        }
        try move(source, from: old.directory, to: new, replacing: target)
    }

    /// A directory is another one or an ancestor of it.
    private func leads(from ancestor: UInt64, downTo descendant: UInt64) throws(Errno) -> Bool {
        var inode = descendant
        while inode != ancestor {
            if inode == Self.root { return false }
            inode = try node(inode).parent
        }
        return true
    }

    private func move(
        _ source: DirectoryEntries.Entry, from oldDirectory: UInt64, to place: Place,
        replacing target: DirectoryEntries.Entry?
    ) throws(Errno) {
        let oldParent = try change(oldDirectory)
        let newParent = try change(place.directory)
        let node = try change(source.inode)
        let replaced: TreeNode? = if let target { try change(target.inode) } else { nil }
        try add(
            byteCount: (target == nil ? TreeNode.cost(ofEntryNamed: place.name) : 0) - oldParent.cost(of: source))
        let time = now()

        if let target, let replaced {
            unlink(replaced, from: newParent, time)
            newParent.value.entries.redirect(target.name, toInode: source.inode, type: source.type)
        } else {
            newParent.value.entries.insert(place.name, inode: source.inode, type: source.type)
        }
        oldParent.value.entries.remove(source.name)
        if source.type == .directory {
            node.value.parent = place.directory
            oldParent.value.linkCount -= 1
            newParent.value.linkCount += 1
        }
        node.value.changeTime = time
        oldParent.value.setModificationTime(time)
        newParent.value.setModificationTime(time)
        if let target { freeIfUnused(target.inode) }
    }
}

// MARK: Listing

extension TreeVolume {
    /// Visits the entries of a directory from a position on, until the body returns false.
    ///
    /// `.` and `..` come first. While the directory changes, entries that are neither made nor removed keep their
    /// places.
    ///
    /// - Parameters:
    ///   - cookie: 0 for the start, else the position that the body was given with the entry before.
    ///   - body: Gets the position after the entry, and the entry's node, type and name. Returns whether to go on.
    func list(
        _ inode: UInt64, from cookie: UInt64,
        _ body: (_ next: UInt64, _ inode: UInt64, _ type: FileType, _ name: [UInt8]) throws(Errno) -> Bool
    ) throws(Errno) {
        let directory = try node(inode)
        guard directory.type == .directory else { throw .notdir }
        if directory.linkCount == 0 { throw .noent }
        let dot = UInt8(ascii: ".")
        if cookie < 1, try !body(1, inode, .directory, [dot]) { return }
        if cookie < 2, try !body(2, directory.parent, .directory, [dot, dot]) { return }
        try directory.entries.forEach(after: cookie) { (entry) throws(Errno) in
            try body(entry.sequence, entry.inode, entry.type, entry.name.bytes)
        }
    }
}
