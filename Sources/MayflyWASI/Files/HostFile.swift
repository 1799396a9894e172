//! Files, streams, devices and sockets of the host.
//!
//! The kernel reads from and writes to guest memory directly; nothing is copied on the way. What the guest opened
//! itself is closed with the last of its descriptors. What the embedder lends (standard streams, sockets) is never
//! closed, and its flags, which the host process has a share in, are never changed: those the guest sets on it are kept
//! here and acted upon. A stream that is lent goes one way and only forward, whatever file lies behind it: a guest
//! whose output goes to a log reads nothing of it and cannot go back to write over what others wrote.

internal import CPlatform
internal import Glibc

final class HostFile: OpenFile {
    /// How the guest came by it, and so what it may do.
    enum Role {
        /// It opened or accepted it.
        case opened(FileType)
        /// It was lent it, to read or to write.
        case input
        case output
        /// It was lent it.
        case socket
    }

    let descriptor: Int32
    private let role: Role
    private var isOpen = true

    /// - Parameter descriptor: What is opened for the guest, with O_CLOEXEC, is taken over; what is lent must stay open
    ///   as long as the guest runs.
    init(_ descriptor: Int32, _ role: Role) {
        self.descriptor = descriptor
        self.role = role
    }

    deinit { if isOpen, !isLent { Glibc.close(descriptor) } }

    override func close() throws(Errno) {
        guard isOpen else { return }
        isOpen = false
        // The descriptor is gone even where Linux reports an error, EINTR included.
        if !isLent, Glibc.close(descriptor) != 0, errno != EINTR { throw .current }
    }

    private var isLent: Bool { if case .opened = role { false } else { true } }

    private var isStream: Bool {
        switch role {
        case .input, .output: true
        case .opened, .socket: false
        }
    }

    /// The guest was given it as a socket, or accepted it. What lies behind a stream is nothing to it.
    var isSocket: Bool {
        switch role {
        case .socket, .opened(.socketStream), .opened(.socketDatagram): true
        default: false
        }
    }

    // MARK: As a whole

    override var sensibleRights: Rights {
        switch role {
        case .opened(.regularFile): .file
        case .socket, .opened(.socketStream), .opened(.socketDatagram): .socket
        default: .stream
        }
    }

    /// Of what is lent it is looked up when it is asked for, since most guests do not ask.
    override func type() throws(Errno) -> FileType {
        if case .opened(let type) = role { type } else { try status().type }
    }

    override var keepsMessages: Bool { isSocket && (try? type()) == .socketDatagram }

    override func status() throws(Errno) -> FileStatus {
        var status = try FileStatus(of: descriptor)
        if isStream {
            // Whether it is a terminal a program may know, but not how much others write to a log.
            return FileStatus(type: status.type == .characterDevice ? .characterDevice : .unknown)
        }
        if status.type == .socketStream, mayfly_is_datagram_socket(descriptor) == 1 { status.type = .socketDatagram }
        return status
    }

    override func flags() throws(Errno) -> DescriptorFlags {
        isLent ? emulatedFlags : DescriptorFlags(host: try unnegated(mayfly_status_flags(descriptor)))
    }

    override func setFlags(_ flags: DescriptorFlags) throws(Errno) {
        if isLent {
            emulatedFlags = flags
        } else {
            try changeFlags(flags, of: descriptor)
        }
    }

    override func setTimes(_ times: Timestamps, for context: WASI) throws(Errno) {
        guard !isLent else { throw .badf }
        try times.withTimespecs { (times) throws(Errno) in try unnegated(mayfly_set_times(descriptor, times)) }
    }

    override func setSize(_ size: off_t, for context: WASI) throws(Errno) {
        guard !isLent else { throw .inval }
        try withinLimits { () throws(Errno) in _ = try context.interruptible { ftruncate(descriptor, size) } }
    }

    override func synchronize(dataOnly: Bool, for context: WASI) throws(Errno) {
        _ = try context.interruptible { dataOnly ? fdatasync(descriptor) : fsync(descriptor) }
    }

    override func advise(_ offset: off_t, _ length: off_t, _ advice: Int32) throws(Errno) {
        guard !isLent else { throw .spipe }
        let result = posix_fadvise(descriptor, offset, length, advice)
        if result != 0 { throw Errno(host: result) }
    }

    override func allocate(_ offset: off_t, _ length: off_t, for context: WASI) throws(Errno) {
        guard !isLent else { throw .spipe }
        try withinLimits { () throws(Errno) in
            _ = try context.interruptibleUnnegated { mayfly_allocate(descriptor, offset, length) }
        }
    }

    // MARK: Reading and writing

    override func read(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int {
        if case .output = role { throw .badf }
        try requireReadiness(POLLIN)
        return try context.interruptible { readv(descriptor, vectors.baseAddress, Int32(vectors.count)) }
    }

    override func read(_ vectors: Vectors, at offset: off_t, for context: WASI) throws(Errno) -> Int {
        guard !isLent else { throw .spipe }
        return try context.interruptible { preadv(descriptor, vectors.baseAddress, Int32(vectors.count), offset) }
    }

    override func write(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int {
        if case .input = role { throw .badf }
        try requireReadiness(POLLOUT)
        if case .socket = role { return try send(vectors, for: context) }
        func write() throws(Errno) -> Int {
            try context.interruptible { writev(descriptor, vectors.baseAddress, Int32(vectors.count)) }
        }
        if case .opened(.regularFile) = role { return try withinLimits(write) }
        return try WriteSignals.withheld {
            () throws(Errno) in
            emulatedFlags.contains(.nonblock) ? try writeSome(of: vectors, for: context) : try write()
        }
    }

    /// Writes no more than finds room for certain where poll(2) says that there is some: POSIX promises it of a pipe.
    private func writeSome(of vectors: Vectors, for context: WASI) throws(Errno) -> Int {
        guard let first = vectors.first(where: { $0.iov_len > 0 }) else { return 0 }
        return try context.interruptible { Glibc.write(descriptor, first.iov_base, min(first.iov_len, 4096)) }
    }

    override func write(_ vectors: Vectors, at offset: off_t, for context: WASI) throws(Errno) -> Int {
        guard !isLent else { throw .spipe }
        return try withinLimits { () throws(Errno) in
            try context.interruptible { pwritev(descriptor, vectors.baseAddress, Int32(vectors.count), offset) }
        }
    }

    override func seek(_ offset: Int64, from whence: Whence) throws(Errno) -> UInt64 {
        guard !isLent else { throw .spipe }
        let hostWhence =
            switch whence {
            case .start: SEEK_SET
            case .current: SEEK_CUR
            case .end: SEEK_END
            }
        return UInt64(try checked(lseek(descriptor, off_t(offset), hostWhence)))
    }

    /// poll(2) reports files and devices as ready, so they need no case of their own.
    override func readiness(_ direction: Direction) throws(Errno) -> Readiness {
        switch (role, direction) {
        case (.input, .writing), (.output, .reading): throw .badf
        // poll(2) would pass over it.
        case _ where descriptor < 0: throw .badf
        default: return .whenReady(descriptor)
        }
    }

    /// Makes a regular file longer, maybe: beyond the process's limit that would be answered with a signal.
    private func withinLimits<Result>(_ write: () throws(Errno) -> Result) throws(Errno) -> Result {
        mayfly_has_file_size_limit() == 0 ? try write() : try WriteSignals.withheld(write)
    }

    /// Does for what is lent as O_NONBLOCK would: `again` instead of waiting.
    private func requireReadiness(_ event: Int32) throws(Errno) {
        guard emulatedFlags.contains(.nonblock) else { return }
        var request = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        if poll(&request, 1, 0) == 0 { throw .again }
    }

    // MARK: Sockets

    /// - Returns: Bytes received, and whether a message had more of them than found a place.
    func receive(
        _ vectors: Vectors, peeks: Bool, waitsForAll: Bool, for context: WASI
    ) throws(Errno) -> (count: Int, isTruncated: Bool) {
        var flags = waitFlag
        if peeks { flags |= Int32(MSG_PEEK) }
        if waitsForAll { flags |= Int32(MSG_WAITALL) }
        var message = msghdr()
        message.msg_iov = UnsafeMutablePointer(mutating: vectors.baseAddress)
        message.msg_iovlen = vectors.count
        let count = try context.interruptible { recvmsg(descriptor, &message, flags) }
        return (count, message.msg_flags & Int32(MSG_TRUNC) != 0)
    }

    func send(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int {
        var message = msghdr()
        message.msg_iov = UnsafeMutablePointer(mutating: vectors.baseAddress)
        message.msg_iovlen = vectors.count
        // The guest gets an error where the host process would be sent a signal.
        let flags = waitFlag | Int32(MSG_NOSIGNAL)
        return try context.interruptible { sendmsg(descriptor, &message, flags) }
    }

    /// A socket that listens is not to be had: it may be lent to others too, and on Linux it would be the end of it.
    func shutDown(reading: Bool, writing: Bool) throws(Errno) {
        if mayfly_is_listening_socket(descriptor) == 1 { throw .notconn }
        let how: Int32 =
            switch (reading, writing) {
            case (true, true): Int32(SHUT_RDWR)
            case (true, false): Int32(SHUT_RD)
            case (false, _): Int32(SHUT_WR)
            }
        try checked(shutdown(descriptor, how))
    }

    func accept(isNonblocking: Bool, for context: WASI) throws(Errno) -> HostFile {
        try requireReadiness(POLLIN)
        let accepted = try context.interruptibleUnnegated { mayfly_accept(descriptor, isNonblocking ? 1 : 0) }
        return HostFile(accepted, .opened(.socketStream))
    }

    private var waitFlag: Int32 { emulatedFlags.contains(.nonblock) ? Int32(MSG_DONTWAIT) : 0 }
}

extension OpenFile {
    /// Sets the flags of a descriptor that is the guest's own.
    func changeFlags(_ flags: DescriptorFlags, of descriptor: Int32) throws(Errno) {
        // The kernel changes append and nonblock only; the others it would ignore.
        guard try self.flags().intersection(.fixed) == flags.intersection(.fixed) else { throw .notsup }
        try unnegated(mayfly_set_status_flags(descriptor, flags.hostFlags))
    }
}

extension DescriptorFlags {
    init(host flags: Int32) {
        self = []
        if flags & O_APPEND != 0 { insert(.append) }
        if flags & O_NONBLOCK != 0 { insert(.nonblock) }
        if flags & O_DSYNC != 0 { insert(.dsync) }
        // On Linux O_RSYNC is O_SYNC, which includes O_DSYNC.
        if flags & O_SYNC == O_SYNC { formUnion([.sync, .rsync]) }
    }

    var hostFlags: Int32 {
        var flags: Int32 = 0
        if contains(.append) { flags |= O_APPEND }
        if contains(.nonblock) { flags |= O_NONBLOCK }
        if contains(.dsync) { flags |= O_DSYNC }
        if contains(.sync) || contains(.rsync) { flags |= O_SYNC }
        return flags
    }
}

extension FileType {
    init(mode: mode_t) {
        self =
            switch mode & S_IFMT {
            case S_IFBLK: .blockDevice
            case S_IFCHR: .characterDevice
            case S_IFDIR: .directory
            case S_IFREG: .regularFile
            case S_IFSOCK: .socketStream
            case S_IFLNK: .symbolicLink
            default: .unknown
            }
    }
}

extension FileStatus {
    init(of descriptor: Int32) throws(Errno) {
        var status = stat()
        try checked(fstat(descriptor, &status))
        self.init(status)
    }

    init(_ status: stat) {
        func nanoseconds(_ time: timespec) -> UInt64 { time.tv_sec < 0 ? 0 : time.nanoseconds }
        self.init(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), type: FileType(mode: status.st_mode),
            linkCount: UInt64(status.st_nlink), size: UInt64(clamping: status.st_size),
            accessTime: nanoseconds(status.st_atim), modificationTime: nanoseconds(status.st_mtim),
            changeTime: nanoseconds(status.st_ctim))
    }
}

extension Timestamps {
    /// As utimensat(2) takes them.
    func withTimespecs(_ body: (UnsafePointer<timespec>) throws(Errno) -> Void) throws(Errno) {
        func time(_ change: Change) -> timespec {
            switch change {
            case .none: timespec(tv_sec: 0, tv_nsec: mayfly_utime_omit)
            case .now: timespec(tv_sec: 0, tv_nsec: mayfly_utime_now)
            case .to(let time):
                timespec(tv_sec: Int(time / 1_000_000_000), tv_nsec: Int(time % 1_000_000_000))
            }
        }
        let times: [2 of timespec] = [time(access), time(modification)]
        try withUnsafePointer(to: times) { (pointer) throws(Errno) in
            try pointer.withMemoryRebound(to: timespec.self, capacity: 2, body)
        }
    }
}

/// The signals by which the kernel tells a process that what it writes finds no reader, or makes a file too long.
private enum WriteSignals {
    /// Keeps them from the thread during a call: the guest gets an error, and the host process is not killed.
    ///
    /// A signal may come with success too, where part was written before. One that the host was to get stays.
    static func withheld<Result>(_ write: () throws(Errno) -> Result) throws(Errno) -> Result {
        var previous = sigset_t()
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        sigaddset(&signals, SIGXFSZ)
        pthread_sigmask(SIG_BLOCK, &signals, &previous)
        // Only what was blocked can have been pending.
        if sigismember(&previous, SIGPIPE) == 1 || sigismember(&previous, SIGXFSZ) == 1 {
            var pending = sigset_t()
            sigpending(&pending)
            for signal in [SIGPIPE, SIGXFSZ] where sigismember(&pending, signal) == 1 { sigdelset(&signals, signal) }
        }
        defer {
            var noWait = timespec()
            while sigtimedwait(&signals, nil, &noWait) > 0 {}
            pthread_sigmask(SIG_SETMASK, &previous, nil)
        }
        return try write()
    }
}
