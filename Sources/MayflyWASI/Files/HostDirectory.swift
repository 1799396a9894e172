//! Directories of the host. How a path is kept inside is `PathResolution`'s business; here the last component meets the
//! operation.

internal import CPlatform
internal import Glibc

final class HostDirectory: DirectoryFile {
    let descriptor: Int32
    /// A directory that the embedder gave: shared with other contexts, kept open by the configuration.
    private let isLent: Bool
    private let resolution: PathResolution
    private var listing: HostListing?
    private var isOpen = true

    init(lent descriptor: Int32, _ resolution: PathResolution) {
        self.descriptor = descriptor
        self.resolution = resolution
        isLent = true
    }

    /// A directory that was opened for the guest, with O_CLOEXEC. Takes it over.
    init(owning descriptor: Int32, _ resolution: PathResolution) {
        self.descriptor = descriptor
        self.resolution = resolution
        isLent = false
    }

    deinit { if isOpen, !isLent { Glibc.close(descriptor) } }

    override func close() throws(Errno) {
        guard isOpen else { return }
        isOpen = false
        if !isLent, Glibc.close(descriptor) != 0, errno != EINTR { throw .current }
    }

    // MARK: Itself

    override func status() throws(Errno) -> FileStatus { try FileStatus(of: descriptor) }

    override func flags() throws(Errno) -> DescriptorFlags {
        isLent ? emulatedFlags : DescriptorFlags(host: try unnegated(mayfly_status_flags(descriptor)))
    }

    override func setFlags(_ flags: DescriptorFlags) throws(Errno) {
        if isLent {
            try emulateFlags(flags)
        } else {
            try changeFlags(flags, of: descriptor)
        }
    }

    override func setTimes(_ times: Timestamps, for context: WASI) throws(Errno) {
        try times.withTimespecs { (times) throws(Errno) in try unnegated(mayfly_set_times(descriptor, times)) }
    }

    override func synchronize(dataOnly: Bool, for context: WASI) throws(Errno) {
        _ = try context.interruptible { dataOnly ? fdatasync(descriptor) : fsync(descriptor) }
    }

    override func readiness(_ direction: Direction) throws(Errno) -> Readiness { .whenReady(descriptor) }

    override func list(
        from cookie: UInt64, into destination: UnsafeMutableRawBufferPointer, for context: WASI
    ) throws(Errno) -> Int {
        let listing: HostListing
        if let known = self.listing {
            listing = known
        } else {
            // What is lent has many readers, with one position between them.
            let own =
                isLent
                ? try unnegated(mayfly_openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)) : descriptor
            listing = HostListing(own, isOwned: isLent, within: context.listingBudget)
            self.listing = listing
        }
        return try listing.store(from: cookie, into: destination, for: context)
    }

    // MARK: What lies beneath it

    override func open(_ request: Request, for context: WASI) throws(Errno) -> OpenFile {
        var flags = request.flags.hostFlags
        if request.writes {
            // Reading a directory is not reading a file: with the right to list alone, a file is write-only.
            flags |= request.reads ? O_RDWR : O_WRONLY
        }
        if request.openFlags.contains(.create) { flags |= O_CREAT }
        if request.openFlags.contains(.exclusive) { flags |= O_EXCL }
        if request.openFlags.contains(.truncate) { flags |= O_TRUNC }
        if request.openFlags.contains(.directory) { flags |= O_DIRECTORY }
        if !request.follows { flags |= O_NOFOLLOW }

        let opened = try open(request.path, flags: flags, mode: 0o666, for: context)
        let type: FileType
        do {
            type = request.openFlags.contains(.directory) ? .directory : try FileStatus(of: opened).type
        } catch {
            Glibc.close(opened)
            throw error
        }
        return type == .directory
            ? HostDirectory(owning: opened, resolution) : HostFile(opened, .opened(type))
    }

    override func status(of path: GuestPath, follows: Bool, for context: WASI) throws(Errno) -> FileStatus {
        // For a name in this very directory nothing need be opened.
        if path.isName {
            var status = stat()
            try checked(fstatat(descriptor, path.bytes, &status, AT_SYMLINK_NOFOLLOW))
            if !follows || status.st_mode & S_IFMT != S_IFLNK { return FileStatus(status) }
        }
        let opened = try openForStatus(path, follows: follows, for: context)
        defer { Glibc.close(opened) }
        return try FileStatus(of: opened)
    }

    override func setTimes(
        of path: GuestPath, follows: Bool, _ times: Timestamps, for context: WASI
    ) throws(Errno) {
        let opened = try openForStatus(path, follows: follows, for: context)
        defer { Glibc.close(opened) }
        try times.withTimespecs { (times) throws(Errno) in try unnegated(mayfly_set_times(opened, times)) }
    }

    override func createDirectory(_ path: GuestPath) throws(Errno) {
        if path.endsInDots { throw .exist }
        let parent = try resolution.openParent(beneath: descriptor, of: path)
        try checked(mkdirat(parent.descriptor, path.name, 0o777))
    }

    override func removeDirectory(_ path: GuestPath) throws(Errno) {
        if path.endsInDots { throw .inval }
        let parent = try resolution.openParent(beneath: descriptor, of: path)
        try checked(unlinkat(parent.descriptor, path.name, AT_REMOVEDIR))
    }

    override func unlinkFile(_ path: GuestPath) throws(Errno) {
        if path.endsInDots { throw .isdir }
        let parent = try resolution.openParent(beneath: descriptor, of: path)
        try checked(unlinkat(parent.descriptor, path.name, 0))
    }

    override func rename(_ path: GuestPath, to target: DirectoryFile, _ newPath: GuestPath) throws(Errno) {
        if path.endsInDots || newPath.endsInDots { throw .busy }
        guard let target = target as? HostDirectory else { throw .xdev }
        let parent = try resolution.openParent(beneath: descriptor, of: path)
        let newParent = try resolution.openParent(beneath: target.descriptor, of: newPath)
        try checked(renameat(parent.descriptor, path.name, newParent.descriptor, newPath.name))
    }

    override func link(
        _ path: GuestPath, to target: DirectoryFile, _ newPath: GuestPath, for context: WASI
    ) throws(Errno) {
        if path.endsInDots { throw .perm }
        if newPath.endsInDots { throw .exist }
        guard let target = target as? HostDirectory else { throw .xdev }
        if path.hasTrailingSlash {
            // linkat would follow a link before the slash. What the slash allows, a directory, cannot be linked.
            Glibc.close(try openForStatus(path, follows: true, for: context))
            throw .perm
        }
        let parent = try resolution.openParent(beneath: descriptor, of: path)
        let newParent = try resolution.openParent(beneath: target.descriptor, of: newPath)
        try checked(linkat(parent.descriptor, path.name, newParent.descriptor, newPath.name, 0))
    }

    override func createSymbolicLink(_ path: GuestPath, to target: GuestPath) throws(Errno) {
        if path.endsInDots { throw .exist }
        let parent = try resolution.openParent(beneath: descriptor, of: path)
        try checked(symlinkat(target.bytes, parent.descriptor, path.name))
    }

    override func readLink(
        _ path: GuestPath, into destination: UnsafeMutableRawBufferPointer, for context: WASI
    ) throws(Errno) -> Int {
        if path.endsInDots { throw .inval }
        if path.hasTrailingSlash {
            // readlinkat would follow a link before the slash. What the slash allows, a directory, is not a link.
            Glibc.close(try openForStatus(path, follows: true, for: context))
            throw .inval
        }
        let parent = try resolution.openParent(beneath: descriptor, of: path)
        guard let start = destination.baseAddress?.assumingMemoryBound(to: CChar.self), !destination.isEmpty else {
            // readlinkat refuses an empty buffer, even to say that there is no link.
            var byte: CChar = 0
            try checked(readlinkat(parent.descriptor, path.name, &byte, 1))
            return 0
        }
        return try checked(readlinkat(parent.descriptor, path.name, start, min(destination.count, Int(PATH_MAX))))
    }

    private func openForStatus(_ path: GuestPath, follows: Bool, for context: WASI) throws(Errno) -> Int32 {
        var flags = mayfly_o_path
        if !follows { flags |= O_NOFOLLOW }
        if path.hasTrailingSlash { flags |= O_DIRECTORY }
        return try open(path, flags: flags, mode: 0, for: context)
    }

    /// Opening a FIFO, say, waits, and a signal may interrupt it.
    private func open(_ path: GuestPath, flags: Int32, mode: mode_t, for context: WASI) throws(Errno) -> Int32 {
        while true {
            do {
                return try resolution.open(beneath: descriptor, path.bytes, flags: flags, mode: mode)
            } catch {
                if error != .intr || context.isToStop { throw error }
            }
        }
    }
}
