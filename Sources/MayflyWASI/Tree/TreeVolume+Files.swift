//! The contents of files in a volume.
//!
//! Contents are an array per file, shared with the base until the first change. Offsets and sizes come from the guest:
//! none is turned into memory before it has passed the limit.

extension TreeVolume {
    /// Bytes of a file's contents, or of a symbolic link's target.
    func size(of inode: UInt64) throws(Errno) -> UInt64 { UInt64(try node(inode).bytes.count) }

    /// Reads from a position on.
    ///
    /// - Returns: Bytes read. Fewer than there is room for means that the file ends there.
    func read(
        _ inode: UInt64, at offset: UInt64, into destination: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> Int {
        let node = try node(inode)
        try requireFile(node.type)
        guard offset < node.bytes.count else { return 0 }
        let available = node.bytes[Int(offset)...].prefix(destination.count)
        destination.copyBytes(from: available)
        return available.count
    }

    /// Writes at a position. If it lies beyond the end, zeros fill the space between.
    ///
    /// - Returns: Bytes written. Fewer than there are means that the limit is reached.
    /// - Throws: `nospc` if the limit leaves room for none, `fbig` if no file could be as large.
    func write(
        _ inode: UInt64, at offset: UInt64, from source: UnsafeRawBufferPointer
    ) throws(Errno) -> Int {
        let node = try changeFile(inode)
        if source.isEmpty { return 0 }
        guard let start = Int(exactly: offset), start < .max else { throw .fbig }
        let size = node.value.bytes.count
        let count = min(source.count, max(size, maximumSize(of: node)) - start)
        guard count > 0 else { throw .nospc }
        try addCost(of: node, growingTo: start + count)

        node.value.bytes.grow(to: start)
        let overlap = min(count, node.value.bytes.count - start)
        node.value.bytes.withUnsafeMutableBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + overlap])
                .copyBytes(from: source[..<overlap])
        }
        node.value.bytes.append(contentsOf: source[overlap..<count])
        node.value.setModificationTime(now())
        return count
    }

    /// Cuts a file off, or lengthens it by zeros.
    func setSize(of inode: UInt64, to size: UInt64) throws(Errno) {
        let node = try changeFile(inode)
        guard let size = Int(exactly: size) else { throw .fbig }
        try add(byteCount: node.contentCost(byteCount: size) - node.contentCost)
        node.value.bytes.resize(to: size)
        node.value.setModificationTime(now())
    }

    /// Makes sure that a file has contents up to the end of a range; they are zeros where it had none.
    func allocate(_ inode: UInt64, offset: UInt64, length: UInt64) throws(Errno) {
        let node = try changeFile(inode)
        if length == 0 { throw .inval }
        let (sum, overflow) = offset.addingReportingOverflow(length)
        guard !overflow, let end = Int(exactly: sum) else { throw .fbig }
        try addCost(of: node, growingTo: end)
        node.value.bytes.grow(to: end)
        node.value.setModificationTime(now())
    }

    private func requireFile(_ type: FileType) throws(Errno) {
        if type == .directory { throw .isdir }
        guard type == .regularFile else { throw .inval }
    }

    private func changeFile(_ inode: UInt64) throws(Errno) -> TreeNode {
        try requireFile(try node(inode).type)
        return try change(inode)
    }

    /// The size up to which the limit lets a file grow.
    private func maximumSize(of node: TreeNode) -> Int {
        let (size, overflow) = node.byteCount(contentCost: node.contentCost)
            .addingReportingOverflow(availableByteCount)
        return overflow ? .max : size
    }

    /// Counts against the limit what a file is about to grow by.
    private func addCost(of node: TreeNode, growingTo size: Int) throws(Errno) {
        try add(byteCount: max(0, node.contentCost(byteCount: size) - node.contentCost))
    }
}

extension [UInt8] {
    private static let zeros = [UInt8](repeating: 0, count: 1 << 16)

    /// Appends zeros up to a count, if there are not as many bytes.
    fileprivate mutating func grow(to newCount: Int) {
        // At least twice the memory, for the next growth may be by a byte again. Then whole blocks are copied, which is
        // many times as fast as appending bytes.
        if newCount > capacity { reserveCapacity(Swift.max(newCount, 2 * count)) }
        while count < newCount {
            append(contentsOf: Self.zeros.prefix(newCount - count))
        }
    }

    /// Drops bytes at the end or appends zeros.
    fileprivate mutating func resize(to newCount: Int) {
        if newCount >= count {
            grow(to: newCount)
        } else if newCount < capacity / 2 {
            // The memory of what is dropped would stay, and not count any more.
            self = Array(self[..<newCount])
        } else {
            removeLast(count - newCount)
        }
    }
}
