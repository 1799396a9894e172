//! Directories: which were given, and what is in one.

extension WASI {
    /// The length of the name of a directory that the embedder gave, in bytes.
    func fdPrestatGet(_ number: UInt32) throws(Errno) -> UInt32 {
        guard let name = try descriptors[number].file.asDirectory?.preopenName else { throw .badf }
        return UInt32(clamping: name.utf8.count)
    }

    func fdPrestatDirName(
        _ memory: GuestMemory, _ number: UInt32, _ address: UInt32, _ count: UInt32
    ) throws(Errno) {
        guard let name = try descriptors[number].file.asDirectory?.preopenName?.utf8 else { throw .badf }
        guard name.count <= count else { throw .nametoolong }
        try memory.bytes(at: address, count: name.count).copyBytes(from: name)
    }

    /// Fills the buffer with entries from the cookie's position on; the last may be cut off.
    ///
    /// - Returns: Bytes filled. Fewer than the buffer holds means that the directory's end was reached.
    func fdReaddir(
        _ memory: GuestMemory, _ number: UInt32, _ buffer: UInt32, _ count: UInt32, cookie: UInt64
    ) throws(Errno) -> UInt32 {
        let destination = try memory.bytes(at: buffer, count: count)
        let (_, directory) = try self.directory(number, for: .fdReaddir)
        return UInt32(try directory.list(from: cookie, into: destination, for: self))
    }

    /// An open directory that the guest may use for this.
    func directory(_ number: UInt32, for right: Rights) throws(Errno) -> (Descriptor, DirectoryFile) {
        let descriptor = try descriptors[number]
        guard let directory = descriptor.file.asDirectory else { throw .notdir }
        try descriptor.require(right)
        return (descriptor, directory)
    }
}
