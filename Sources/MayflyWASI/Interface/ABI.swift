//! The constants and record layouts of `wasi_snapshot_preview1`, as guests see them in their memory.

/// What a descriptor may be used for. Reported to guests, and enforced once a guest has dropped one.
struct Rights: OptionSet {
    let rawValue: UInt64

    static let fdDatasync = Rights(rawValue: 1 << 0)
    static let fdRead = Rights(rawValue: 1 << 1)
    static let fdSeek = Rights(rawValue: 1 << 2)
    static let fdFdstatSetFlags = Rights(rawValue: 1 << 3)
    static let fdSync = Rights(rawValue: 1 << 4)
    static let fdTell = Rights(rawValue: 1 << 5)
    static let fdWrite = Rights(rawValue: 1 << 6)
    static let fdAdvise = Rights(rawValue: 1 << 7)
    static let fdAllocate = Rights(rawValue: 1 << 8)
    static let pathCreateDirectory = Rights(rawValue: 1 << 9)
    static let pathCreateFile = Rights(rawValue: 1 << 10)
    static let pathLinkSource = Rights(rawValue: 1 << 11)
    static let pathLinkTarget = Rights(rawValue: 1 << 12)
    static let pathOpen = Rights(rawValue: 1 << 13)
    static let fdReaddir = Rights(rawValue: 1 << 14)
    static let pathReadlink = Rights(rawValue: 1 << 15)
    static let pathRenameSource = Rights(rawValue: 1 << 16)
    static let pathRenameTarget = Rights(rawValue: 1 << 17)
    static let pathFilestatGet = Rights(rawValue: 1 << 18)
    static let pathFilestatSetSize = Rights(rawValue: 1 << 19)
    static let pathFilestatSetTimes = Rights(rawValue: 1 << 20)
    static let fdFilestatGet = Rights(rawValue: 1 << 21)
    static let fdFilestatSetSize = Rights(rawValue: 1 << 22)
    static let fdFilestatSetTimes = Rights(rawValue: 1 << 23)
    static let pathSymlink = Rights(rawValue: 1 << 24)
    static let pathRemoveDirectory = Rights(rawValue: 1 << 25)
    static let pathUnlinkFile = Rights(rawValue: 1 << 26)
    static let pollFdReadwrite = Rights(rawValue: 1 << 27)
    static let sockShutdown = Rights(rawValue: 1 << 28)
    static let sockAccept = Rights(rawValue: 1 << 29)

    /// What makes sense for a regular file.
    static let file: Rights = [
        .fdDatasync, .fdRead, .fdSeek, .fdFdstatSetFlags, .fdSync, .fdTell, .fdWrite, .fdAdvise, .fdAllocate,
        .fdFilestatGet, .fdFilestatSetSize, .fdFilestatSetTimes, .pollFdReadwrite,
    ]
    /// What makes sense for a stream. Without seek and tell: by their absence C libraries recognise a terminal.
    static let stream: Rights = [
        .fdDatasync, .fdRead, .fdFdstatSetFlags, .fdSync, .fdWrite, .fdFilestatGet, .pollFdReadwrite,
    ]
    /// What makes sense for a socket.
    static let socket = stream.union([.sockShutdown, .sockAccept])
    /// What makes sense for a directory.
    static let directory: Rights = [
        .fdFdstatSetFlags, .fdSync, .fdDatasync, .pathCreateDirectory, .pathCreateFile, .pathLinkSource,
        .pathLinkTarget, .pathOpen, .fdReaddir, .pathReadlink, .pathRenameSource, .pathRenameTarget,
        .pathFilestatGet, .pathFilestatSetSize, .pathFilestatSetTimes, .fdFilestatGet, .fdFilestatSetTimes,
        .pathSymlink, .pathRemoveDirectory, .pathUnlinkFile,
    ]
    /// All that changes something in a directory or a file.
    static let writing: Rights = [
        .fdWrite, .fdAllocate, .fdFilestatSetSize, .fdFilestatSetTimes, .pathCreateDirectory, .pathCreateFile,
        .pathLinkSource, .pathLinkTarget, .pathRenameSource, .pathRenameTarget, .pathFilestatSetSize,
        .pathFilestatSetTimes, .pathSymlink, .pathRemoveDirectory, .pathUnlinkFile,
    ]
}

/// `fdflags`.
struct DescriptorFlags: OptionSet {
    let rawValue: UInt16

    static let append = DescriptorFlags(rawValue: 1 << 0)
    static let dsync = DescriptorFlags(rawValue: 1 << 1)
    static let nonblock = DescriptorFlags(rawValue: 1 << 2)
    static let rsync = DescriptorFlags(rawValue: 1 << 3)
    static let sync = DescriptorFlags(rawValue: 1 << 4)

    static let all: DescriptorFlags = [.append, .dsync, .nonblock, .rsync, .sync]
    /// What cannot be changed once a file is open.
    static let fixed: DescriptorFlags = [.dsync, .rsync, .sync]
}

/// `oflags`.
struct OpenFlags: OptionSet {
    let rawValue: UInt16

    static let create = OpenFlags(rawValue: 1 << 0)
    static let directory = OpenFlags(rawValue: 1 << 1)
    static let exclusive = OpenFlags(rawValue: 1 << 2)
    static let truncate = OpenFlags(rawValue: 1 << 3)

    static let all: OpenFlags = [.create, .directory, .exclusive, .truncate]
}

/// `fstflags`: which times a call sets, and whether to the given time or to now.
struct TimestampFlags: OptionSet {
    let rawValue: UInt16

    static let access = TimestampFlags(rawValue: 1 << 0)
    static let accessNow = TimestampFlags(rawValue: 1 << 1)
    static let modification = TimestampFlags(rawValue: 1 << 2)
    static let modificationNow = TimestampFlags(rawValue: 1 << 3)

    /// Nil if the bits are not a meaningful combination.
    init?(validating bits: UInt16) {
        self.init(rawValue: bits)
        if bits & ~0b1111 != 0 || isSuperset(of: [.access, .accessNow])
            || isSuperset(of: [.modification, .modificationNow])
        {
            return nil
        }
    }

    init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// The two times that a file can be given.
struct Timestamps {
    /// What becomes of a time. Nanoseconds since 1970.
    enum Change: Equatable {
        case none
        case now
        case to(UInt64)
    }

    let access: Change
    let modification: Change

    /// - Parameter flags: `fstflags`.
    init(access: UInt64, modification: UInt64, flags: UInt16) throws(Errno) {
        guard let flags = TimestampFlags(validating: flags) else { throw .inval }
        func change(_ time: UInt64, _ given: TimestampFlags, _ now: TimestampFlags) -> Change {
            flags.contains(now) ? .now : flags.contains(given) ? .to(time) : .none
        }
        self.access = change(access, .access, .accessNow)
        self.modification = change(modification, .modification, .modificationNow)
    }

    private init(_ access: Change, _ modification: Change) {
        self.access = access
        self.modification = modification
    }

    func resolvingNow(to time: UInt64) -> Timestamps {
        Timestamps(access == .now ? .to(time) : access, modification == .now ? .to(time) : modification)
    }
}

/// `lookupflags`: the bit that says that a symbolic link in the last place is followed.
let lookupFollowsSymlinks: UInt32 = 1

/// `filetype`.
enum FileType: UInt8 {
    case unknown = 0
    case blockDevice, characterDevice, directory, regularFile, socketDatagram, socketStream, symbolicLink
}

/// `fdstat`: 24 bytes.
struct DescriptorStatus {
    var type: FileType
    var flags: DescriptorFlags
    var rights: Rights
    var inheritingRights: Rights

    func store(in memory: GuestMemory, at address: UInt32) throws(Errno) {
        let record = try memory.bytes(at: address, count: 24)
        record.storeLittleEndian(UInt64(type.rawValue) | UInt64(flags.rawValue) << 16, at: 0)
        record.storeLittleEndian(rights.rawValue, at: 8)
        record.storeLittleEndian(inheritingRights.rawValue, at: 16)
    }
}

/// `filestat`: 64 bytes. Times in nanoseconds since 1970, earlier ones as 0.
struct FileStatus {
    var device: UInt64 = 0
    var inode: UInt64 = 0
    var type: FileType
    var linkCount: UInt64 = 1
    var size: UInt64 = 0
    var accessTime: UInt64 = 0
    var modificationTime: UInt64 = 0
    var changeTime: UInt64 = 0

    func store(in memory: GuestMemory, at address: UInt32) throws(Errno) {
        let record = try memory.bytes(at: address, count: 64)
        record.storeLittleEndian(device, at: 0)
        record.storeLittleEndian(inode, at: 8)
        record.storeLittleEndian(UInt64(type.rawValue), at: 16)
        record.storeLittleEndian(linkCount, at: 24)
        record.storeLittleEndian(size, at: 32)
        record.storeLittleEndian(accessTime, at: 40)
        record.storeLittleEndian(modificationTime, at: 48)
        record.storeLittleEndian(changeTime, at: 56)
    }
}

/// `dirent`: 24 bytes, followed by the entry's name.
struct DirectoryEntry {
    /// The cookie of what follows.
    var next: UInt64
    var inode: UInt64
    var type: FileType

    /// Appends the record and the name to others.
    func append(_ name: some Collection<UInt8>, to bytes: inout [UInt8]) {
        let words: [3 of UInt64] = [
            next.littleEndian, inode.littleEndian,
            (UInt64(UInt32(name.count)) | UInt64(type.rawValue) << 32).littleEndian,
        ]
        withUnsafeBytes(of: words) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: name)
    }
}
