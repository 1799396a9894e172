//! What concerns an open descriptor as a whole: its status, flags, rights, position, times, size, number.

internal import CPlatform
internal import Glibc

extension WASI {
    func fdClose(_ number: UInt32) throws(Errno) {
        let result = try descriptors.remove(number)
        if result != .success { throw result }
    }

    func fdRenumber(_ source: UInt32, _ destination: UInt32) throws(Errno) {
        try descriptors.renumber(source, to: destination)
    }

    func fdSync(_ number: UInt32) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdSync)
        guard case .host(let host) = descriptor.object else { return }
        _ = try interruptible { fsync(host) }
    }

    func fdDatasync(_ number: UInt32) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdDatasync)
        guard case .host(let host) = descriptor.object else { return }
        _ = try interruptible { fdatasync(host) }
    }

    func fdFdstatGet(_ number: UInt32) throws(Errno) -> DescriptorStatus {
        let descriptor = try descriptors[number]
        var status = DescriptorStatus(
            type: descriptor.type, flags: descriptor.emulatedFlags, rights: descriptor.rights,
            inheritingRights: descriptor.inheritingRights)
        guard case .host(let host) = descriptor.object else { return status }
        if descriptor.isOwned {
            status.flags = DescriptorFlags(host: try unnegated(mayfly_status_flags(host)))
        } else if !descriptor.isDirectory {
            status.type = try FileStatus(of: host).type
            if status.type == .regularFile {
                status.rights.formUnion(Rights.file.subtracting(descriptor.droppedRights))
            }
        }
        return status
    }

    func fdFdstatSetFlags(_ number: UInt32, _ bits: UInt16) throws(Errno) {
        let flags = DescriptorFlags(rawValue: bits)
        guard flags.isSubset(of: .all) else { throw .inval }
        let descriptor = try descriptors[number]
        try descriptor.require(.fdFdstatSetFlags)
        if case .host(let host) = descriptor.object, descriptor.isOwned {
            // The kernel changes append and nonblock only; the others it would ignore.
            let fixed: DescriptorFlags = [.dsync, .rsync, .sync]
            let current = try unnegated(mayfly_status_flags(host))
            guard DescriptorFlags(host: current).intersection(fixed) == flags.intersection(fixed) else {
                throw .notsup
            }
            try unnegated(mayfly_set_status_flags(host, flags.hostFlags))
        } else {
            try descriptors.update(number) { $0.emulatedFlags = flags }
        }
    }

    func fdFdstatSetRights(_ number: UInt32, _ base: UInt64, _ inheriting: UInt64) throws(Errno) {
        let descriptor = try descriptors[number]
        let base = Rights(rawValue: base)
        let inheriting = Rights(rawValue: inheriting)
        guard base.isSubset(of: descriptor.rights), inheriting.isSubset(of: descriptor.inheritingRights) else {
            throw .notcapable
        }
        try descriptors.update(number) { descriptor in
            descriptor.droppedRights.formUnion(descriptor.rights.subtracting(base))
            descriptor.droppedInheritingRights.formUnion(descriptor.inheritingRights.subtracting(inheriting))
            descriptor.rights = base
            descriptor.inheritingRights = inheriting
        }
    }

    func fdFilestatGet(_ number: UInt32) throws(Errno) -> FileStatus {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdFilestatGet)
        guard case .host(let host) = descriptor.object else { return FileStatus(type: descriptor.type) }
        return try FileStatus(of: host)
    }

    func fdFilestatSetSize(_ number: UInt32, _ size: UInt64) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdFilestatSetSize)
        guard case .host(let host) = descriptor.object else { throw .inval }
        if descriptor.isDirectory { throw .isdir }
        let size = try fileOffset(size)
        _ = try interruptible { ftruncate(host, size) }
    }

    func fdFilestatSetTimes(
        _ number: UInt32, access: UInt64, modification: UInt64, flags: UInt16
    ) throws(Errno) {
        let times = try Timestamps(access: access, modification: modification, flags: flags)
        let descriptor = try descriptors[number]
        try descriptor.require(.fdFilestatSetTimes)
        guard case .host(let host) = descriptor.object else { throw .badf }
        try times.withTimespecs { (times) throws(Errno) in try unnegated(mayfly_set_times(host, times)) }
    }

    func fdAdvise(_ number: UInt32, offset: UInt64, length: UInt64, advice: UInt8) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdAdvise)
        // WASI's numbers of advice, in order.
        let hostAdvice = [
            POSIX_FADV_NORMAL, POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM, POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,
            POSIX_FADV_NOREUSE,
        ]
        guard advice < hostAdvice.count else { throw .inval }
        guard case .host(let host) = descriptor.object else { throw .spipe }
        if descriptor.isDirectory { throw .badf }
        let result = posix_fadvise(host, try fileOffset(offset), try fileOffset(length), hostAdvice[Int(advice)])
        if result != 0 { throw Errno(host: result) }
    }

    func fdAllocate(_ number: UInt32, offset: UInt64, length: UInt64) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdAllocate)
        guard case .host(let host) = descriptor.object else { throw .spipe }
        if descriptor.isDirectory { throw .isdir }
        let offset = try fileOffset(offset)
        let length = try fileOffset(length)
        _ = try interruptibleUnnegated { mayfly_allocate(host, offset, length) }
    }

    func fdSeek(_ number: UInt32, offset: Int64, whence: UInt8) throws(Errno) -> UInt64 {
        let descriptor = try descriptors[number]
        guard whence <= 2 else { throw .inval }
        try descriptor.require(whence == 1 && offset == 0 ? .fdTell : .fdSeek)
        if descriptor.isDirectory { throw .isdir }
        guard case .host(let host) = descriptor.object else { throw .spipe }
        let hostWhence = [SEEK_SET, SEEK_CUR, SEEK_END][Int(whence)]
        return UInt64(try checked(lseek(host, off_t(offset), hostWhence)))
    }

    func fdTell(_ number: UInt32) throws(Errno) -> UInt64 {
        try fdSeek(number, offset: 0, whence: 1)
    }

    /// The length of the name of a directory that the embedder gave, in bytes.
    func fdPrestatGet(_ number: UInt32) throws(Errno) -> UInt32 {
        guard let preopen = try descriptors[number].preopen else { throw .badf }
        return UInt32(clamping: preopen.guestPath.utf8.count)
    }

    func fdPrestatDirName(
        _ memory: GuestMemory, _ number: UInt32, _ address: UInt32, _ count: UInt32
    ) throws(Errno) {
        guard let preopen = try descriptors[number].preopen else { throw .badf }
        let name = preopen.guestPath.utf8
        guard name.count <= count else { throw .nametoolong }
        try memory.bytes(at: address, count: name.count).copyBytes(from: name)
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
        func nanoseconds(_ time: timespec) -> UInt64 {
            time.tv_sec < 0 ? 0 : UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
        }
        self.init(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), type: FileType(mode: status.st_mode),
            linkCount: UInt64(status.st_nlink), size: UInt64(clamping: status.st_size),
            accessTime: nanoseconds(status.st_atim), modificationTime: nanoseconds(status.st_mtim),
            changeTime: nanoseconds(status.st_ctim))
    }
}

/// The two times that a file can be given, each to be set, set to now, or left alone.
struct Timestamps {
    private let access: timespec
    private let modification: timespec

    /// - Parameters: times in nanoseconds since 1970, and `fstflags`.
    init(access: UInt64, modification: UInt64, flags: UInt16) throws(Errno) {
        guard let flags = TimestampFlags(validating: flags) else { throw .inval }
        func time(_ nanoseconds: UInt64, given: Bool, now: Bool) -> timespec {
            if now { return timespec(tv_sec: 0, tv_nsec: mayfly_utime_now) }
            if !given { return timespec(tv_sec: 0, tv_nsec: mayfly_utime_omit) }
            return timespec(
                tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        }
        self.access = time(access, given: flags.contains(.access), now: flags.contains(.accessNow))
        self.modification = time(
            modification, given: flags.contains(.modification), now: flags.contains(.modificationNow))
    }

    func withTimespecs(_ body: (UnsafePointer<timespec>) throws(Errno) -> Void) throws(Errno) {
        let times: [2 of timespec] = [access, modification]
        try withUnsafePointer(to: times) { (pointer) throws(Errno) in
            try pointer.withMemoryRebound(to: timespec.self, capacity: 2, body)
        }
    }
}
