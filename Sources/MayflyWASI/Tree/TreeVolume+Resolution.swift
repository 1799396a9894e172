//! Walks along paths in a volume, such that none leads out of the directory that it starts in.
//!
//! What `PathResolution` does over the host, by the rules of openat2(2) with RESOLVE_BENEATH: `..` never passes the
//! directory, symbolic links are followed only as far as they stay beneath it, absolute ones never. Nothing changes
//! during a walk, so the parent that a directory has is the one that the walk came from.

extension TreeVolume {
    /// Where a path leads.
    enum Destination {
        case node(UInt64)
        /// An entry that is not there.
        case missing(EntryName, directory: UInt64)
    }

    /// The last component of a path, with what is there.
    struct Place {
        let directory: UInt64
        let name: EntryName
        /// Names a directory or nothing.
        let hasTrailingSlash: Bool
    }

    private static let slash = UInt8(ascii: "/")

    /// Follows a path to where it leads.
    ///
    /// - Parameters:
    ///   - follows: A symbolic link in the last place is followed. Before a slash it always is.
    ///   - creates: A file is to be made if there is nothing. Its name must not end with a slash.
    /// - Throws: `notcapable` if the path leads out of the directory.
    func resolve(
        beneath start: UInt64, _ path: some Sequence<UInt8>, follows: Bool, creates: Bool = false
    ) throws(Errno) -> Destination {
        var walk = Walk(path)
        try walk.requireRelative()
        var directory = start
        while true {
            let (name, isFollowedBySlash, isLast) = walk.nextComponent()
            if name.isDotDot {
                if directory == start { throw .notcapable }
                directory = try node(directory).parent
            } else if !name.isDot {
                if isLast, isFollowedBySlash, creates { throw .isdir }
                guard let entry = try entry(name, in: directory) else {
                    if isFollowedBySlash { throw .noent }
                    return .missing(name, directory: directory)
                }
                if entry.type == .symbolicLink, follows || isFollowedBySlash {
                    try walk.follow(try node(entry.inode).bytes)
                    continue
                }
                guard isFollowedBySlash else { return .node(entry.inode) }
                guard entry.type == .directory else { throw .notdir }
                directory = entry.inode
            }
            if isLast { return .node(directory) }
        }
    }

    /// The node that a path leads to.
    func inode(beneath start: UInt64, _ path: some Sequence<UInt8>, follows: Bool) throws(Errno) -> UInt64 {
        guard case .node(let inode) = try resolve(beneath: start, path, follows: follows) else { throw .noent }
        return inode
    }

    /// An entry of a directory, if it is there.
    func entry(_ name: EntryName, in directory: UInt64) throws(Errno) -> DirectoryEntries.Entry? {
        let directory = try node(directory)
        guard directory.type == .directory else { throw .notdir }
        // Removed, but open: nothing is in it, and nothing can be made there.
        if directory.linkCount == 0 { throw .noent }
        guard name.bytes.count <= EntryName.maximumCount else { throw .nametoolong }
        return directory.entries[name]
    }

    /// An entry of the place's directory, if it is there.
    func entry(at place: Place) throws(Errno) -> DirectoryEntries.Entry? {
        try entry(place.name, in: place.directory)
    }

    /// The last component of a path, to be made, removed or looked at without being followed.
    func place(beneath start: UInt64, _ path: EntryPath) throws(Errno) -> Place {
        let directory = path.parent.isEmpty ? start : try inode(beneath: start, path.parent, follows: true)
        return Place(directory: directory, name: path.name, hasTrailingSlash: path.hasTrailingSlash)
    }

    /// A path whose last component names an entry of a directory.
    struct EntryPath {
        /// The path up to the last component. Ends with a slash if it is not empty.
        let parent: ArraySlice<UInt8>
        let name: EntryName
        let hasTrailingSlash: Bool

        init(_ path: [UInt8]) throws(Errno) {
            try Walk(path).requireRelative()
            let end = (path.lastIndex { $0 != slash } ?? -1) + 1
            let start = (path[..<end].lastIndex(of: slash) ?? -1) + 1
            parent = path[..<start]
            name = EntryName(path[start..<end])
            hasTrailingSlash = end < path.count
        }

        /// - Throws: The given error if the last component is `.` or `..`, which name no entry that could be made or
        ///   removed.
        init(_ path: [UInt8], orIfDots error: Errno) throws(Errno) {
            try self.init(path)
            if endsInDots { throw error }
        }

        var endsInDots: Bool { name.isDot || name.isDotDot }
    }

    /// The part of a path that is still ahead.
    private struct Walk {
        /// Grows by the targets of symbolic links, which their number bounds.
        private var pending: ArraySlice<UInt8>
        private var linkCount = 0

        init(_ path: some Sequence<UInt8>) { pending = Array(path)[...] }

        func requireRelative() throws(Errno) {
            guard let first = pending.first else { throw .noent }
            if first == slash { throw .notcapable }
        }

        /// Takes the next component off the path. With nothing left it is `.`.
        mutating func nextComponent() -> (name: EntryName, isFollowedBySlash: Bool, isLast: Bool) {
            pending = pending.drop { $0 == slash }
            let name = pending.prefix { $0 != slash }
            pending = pending[name.endIndex...]
            let isFollowedBySlash = !pending.isEmpty
            let isLast = pending.allSatisfy { $0 == slash }
            return (name.isEmpty ? EntryName([UInt8(ascii: ".")]) : EntryName(name), isFollowedBySlash, isLast)
        }

        /// Goes on along the target of a symbolic link, then along what is left.
        mutating func follow(_ target: [UInt8]) throws(Errno) {
            linkCount += 1
            if linkCount > PathResolution.maximumLinks { throw .loop }
            if target.first == slash { throw .notcapable }
            pending = target + pending
        }
    }
}
