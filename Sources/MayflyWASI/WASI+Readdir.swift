//! fd_readdir: listing a directory.
//!
//! A WASI cookie is the kernel's own position in the directory (`d_off`), so that a listing of any length needs no
//! memory between calls. A cookie that the guest made up leads to some other position in the same directory, or to an
//! error.

internal import CPlatform
internal import Glibc

extension WASI {
    /// Bytes of a WASI directory entry before the name.
    private static let entryHeaderSize = 24
    /// Bytes of the kernel's directory entry before the name.
    private static let hostHeaderSize = 19

    /// Fills the buffer with entries from the cookie's position on; the last may be cut off.
    ///
    /// - Returns: Bytes filled. Fewer than the buffer holds means that the directory's end was reached.
    func fdReaddir(
        _ memory: GuestMemory, _ number: UInt32, _ buffer: UInt32, _ count: UInt32, cookie: UInt64
    ) throws(Errno) -> UInt32 {
        let destination = try memory.bytes(at: buffer, count: count)
        let host = try listableDirectory(number)
        guard let position = off_t(exactly: cookie) else { throw .inval }
        try checked(lseek(host, position, SEEK_SET))

        // Enough for what the guest takes (its entries are longer than the kernel's), and for one entry at the least.
        let size = min(max(destination.count, 1024), 32_768)
        let entries = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
        defer { entries.deallocate() }

        var filled = 0
        while filled < destination.count {
            let read = Int(try interruptibleUnnegated { mayfly_getdents(host, entries.baseAddress, entries.count) })
            if read == 0 { break }
            var offset = 0
            while offset < read, filled < destination.count {
                let length = Int(entries.loadLittleEndian(UInt16.self, at: offset + 16))
                let entry = UnsafeMutableRawBufferPointer(rebasing: entries[offset..<offset + length])
                filled += try store(
                    entry, of: host, in: UnsafeMutableRawBufferPointer(rebasing: destination[filled...]))
                offset += length
            }
        }
        return UInt32(filled)
    }

    /// Translates one `struct linux_dirent64`, as far as it fits.
    private func store(
        _ entry: UnsafeMutableRawBufferPointer, of host: Int32, in destination: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> Int {
        let name = entry[Self.hostHeaderSize...].prefix { $0 != 0 }
        var inode = entry.loadLittleEndian(UInt64.self, at: 0)
        if name.elementsEqual("..".utf8) {
            // The parent may lie outside; the directory stands in for it, as at the root of every file system.
            inode = try FileStatus(of: host).inode
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
        let next = entry.loadLittleEndian(UInt64.self, at: 8)
        // The record's fields as four little-endian words: next cookie, inode, name length, type.
        let header: [3 of UInt64] = [
            next.littleEndian, inode.littleEndian,
            (UInt64(UInt32(name.count)) | UInt64(type.rawValue) << 32).littleEndian,
        ]
        let headerCount = min(Self.entryHeaderSize, destination.count)
        withUnsafeBytes(of: header) {
            destination.copyBytes(from: $0.prefix(headerCount))
        }
        let nameCount = min(name.count, destination.count - headerCount)
        UnsafeMutableRawBufferPointer(rebasing: destination[headerCount...]).copyBytes(from: name.prefix(nameCount))
        return headerCount + nameCount
    }

    /// The host descriptor to list a directory with: one whose position is this guest's alone.
    private func listableDirectory(_ number: UInt32) throws(Errno) -> Int32 {
        let (descriptor, host) = try directory(number, for: .fdReaddir)
        if descriptor.isOwned { return host }
        let own = try unnegated(mayfly_openat(host, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0))
        try descriptors.update(number) {
            $0.object = .host(own)
            $0.isOwned = true
        }
        return own
    }
}
