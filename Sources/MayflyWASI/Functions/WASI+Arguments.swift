//! Arguments and environment.

extension WASI {
    /// The number of strings, and of their bytes with a NUL after each.
    func sizes(_ strings: StringBlock) throws(Errno) -> (count: UInt32, byteCount: UInt32) {
        guard let count = UInt32(exactly: strings.offsets.count), let byteCount = UInt32(exactly: strings.bytes.count)
        else { throw .overflow }
        return (count, byteCount)
    }

    func store(
        _ strings: StringBlock, in memory: GuestMemory, pointers: UInt32, buffer: UInt32
    ) throws(Errno) {
        let (count, byteCount) = try sizes(strings)
        let pointers = try memory.records(at: pointers, count: count, stride: 4)
        let bytes = try memory.bytes(at: buffer, count: byteCount)
        for (index, offset) in strings.offsets.enumerated() {
            // In range: the whole buffer is.
            pointers.storeLittleEndian(buffer &+ UInt32(truncatingIfNeeded: offset), at: index * 4)
        }
        bytes.copyBytes(from: strings.bytes)
    }
}
