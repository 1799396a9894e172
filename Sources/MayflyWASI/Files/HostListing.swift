//! The entries of a host directory, in the order in which they were first read, under cookies that stay good while the
//! directory changes.
//!
//! The kernel's own positions (`d_off`) cannot be the cookies: some file systems count entries there, so that what is
//! removed moves all that follows. A cookie is the number of an entry since the listing was begun (cookie 0), and the
//! directory is only ever read forward. What was read is kept, so that a guest can go back, up to a bound: beyond it
//! the oldest entries are forgotten, and whoever goes back to one has the directory read anew and counted, as if the
//! kernel's positions were counts. All listings of a context share a further bound, so that a guest cannot fill the
//! host's memory with them.

internal import CPlatform
internal import Glibc

final class HostListing {
    /// Bytes kept of one listing, and of one while all of its context keep more than is good.
    private static let maximumByteCount = 1 << 20
    private static let smallByteCount = 1 << 15
    /// Bytes that all listings of a context keep before each must make do with little.
    private static let comfortableTotal = 16 << 20

    /// What the listings of one context keep.
    final class Budget { fileprivate(set) var byteCount = 0 }
    /// Bytes of the kernel's entries read at a time.
    private static let batchByteCount = 1 << 15
    /// Bytes of the kernel's entry before the name.
    private static let hostHeaderSize = 19

    private let descriptor: Int32
    private let isOwned: Bool
    private let budget: Budget
    /// Entries in the guest's format, one after the other.
    private var bytes: [UInt8] = []
    /// Where each entry kept begins.
    private var starts: [Int] = []
    /// The number of the first entry kept.
    private var firstNumber: UInt64 = 0
    private var isAtEnd = false

    /// - Parameter descriptor: A directory, at its begin, whose position is this listing's alone.
    init(_ descriptor: Int32, isOwned: Bool, within budget: Budget) {
        self.descriptor = descriptor
        self.isOwned = isOwned
        self.budget = budget
    }

    deinit {
        budget.byteCount -= byteCount
        if isOwned { close(descriptor) }
    }

    /// Bytes of memory that the listing takes.
    private var byteCount: Int { bytes.capacity + starts.capacity * MemoryLayout<Int>.stride }

    /// Stores entries from the cookie's on, the last of them as far as it fits.
    func store(
        from cookie: UInt64, into destination: UnsafeMutableRawBufferPointer, for context: WASI
    ) throws(Errno) -> Int {
        if cookie == 0 || cookie < firstNumber { try rewind() }
        var filled = 0
        var next = cookie
        while filled < destination.count {
            guard next - firstNumber < starts.count else {
                if isAtEnd { break }
                try readOn(keepingFrom: next, for: context)
                continue
            }
            let index = Int(next - firstNumber)
            let end = index + 1 < starts.count ? starts[index + 1] : bytes.count
            let entry = bytes[starts[index]..<end].prefix(destination.count - filled)
            UnsafeMutableRawBufferPointer(rebasing: destination[filled...]).copyBytes(from: entry)
            filled += entry.count
            next += 1
        }
        return filled
    }

    private func rewind() throws(Errno) {
        try checked(lseek(descriptor, 0, SEEK_SET))
        budget.byteCount -= byteCount
        bytes = []
        starts = []
        firstNumber = 0
        isAtEnd = false
    }

    /// Reads more entries, forgetting old ones where the bound asks for it.
    private func readOn(keepingFrom needed: UInt64, for context: WASI) throws(Errno) {
        let limit = budget.byteCount > Self.comfortableTotal ? Self.smallByteCount : Self.maximumByteCount
        if context.isToStop { throw .intr }
        let before = byteCount
        defer { budget.byteCount += byteCount - before }
        // Before the array doubles.
        if bytes.count + 2 * Self.batchByteCount > limit { forget(upTo: needed) }
        let entries = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.batchByteCount, alignment: 8)
        defer { entries.deallocate() }
        let read = Int(
            try context.interruptibleUnnegated { mayfly_getdents(descriptor, entries.baseAddress, entries.count) })
        isAtEnd = read == 0
        var offset = 0
        while offset < read {
            let length = Int(entries.loadLittleEndian(UInt16.self, at: offset + 16))
            try append(UnsafeRawBufferPointer(rebasing: entries[offset..<offset + length]))
            offset += length
        }
    }

    /// Forgets the older half, but nothing that is still needed.
    private func forget(upTo needed: UInt64) {
        let count = min(Int(clamping: needed - firstNumber), max(starts.count / 2, 1), starts.count)
        let end = count < starts.count ? starts[count] : bytes.count
        bytes.removeSubrange(..<end)
        starts.removeSubrange(..<count)
        for index in starts.indices { starts[index] -= end }
        firstNumber += UInt64(count)
    }

    /// Translates one `struct linux_dirent64`.
    private func append(_ entry: UnsafeRawBufferPointer) throws(Errno) {
        let name = entry[Self.hostHeaderSize...].prefix { $0 != 0 }
        var inode = UInt64(littleEndian: entry.loadUnaligned(as: UInt64.self))
        if name.elementsEqual("..".utf8) {
            // The parent may lie outside; the directory stands in for it, as at the root of every file system.
            inode = try FileStatus(of: descriptor).inode
        }
        let type: FileType =
            switch Int32(entry[18]) {
            case Int32(DT_BLK): .blockDevice
            case Int32(DT_CHR): .characterDevice
            case Int32(DT_DIR): .directory
            case Int32(DT_REG): .regularFile
            case Int32(DT_SOCK): .socketStream
            case Int32(DT_LNK): .symbolicLink
            default: .unknown
            }
        let number = firstNumber + UInt64(starts.count)
        starts.append(bytes.count)
        DirectoryEntry(next: number + 1, inode: inode, type: type).append(name, to: &bytes)
    }
}
