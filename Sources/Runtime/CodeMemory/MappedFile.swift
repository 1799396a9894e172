//! A whole file in memory, to be read and then partly run.

import Glibc

/// A regular file, mapped to be read. Unmapped at the end of its life, but for what `CodeMemory` has taken over.
///
/// Whoever maps a file trusts those who may write to it not to change it in place while it is mapped: a page that is gone
/// ends the process.
public final class MappedFile {
    private var base: UnsafeMutableRawPointer?
    private var mappedBytes = 0
    /// The file's bytes.
    public let count: Int

    /// Maps an open file. The descriptor is not needed afterwards.
    ///
    /// - Throws: `SystemError`; with `EINVAL` if it is not a regular file.
    public init(descriptor: Int32) throws(SystemError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw SystemError(operation: "reading a file's size", errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size >= 0 else {
            throw SystemError(operation: "mapping a file", errno: EINVAL)
        }
        count = Int(status.st_size)
        guard count > 0 else { return }
        // All of it will be read, to be checked.
        let flags = MAP_PRIVATE | Int32(MAP_POPULATE)
        guard let address = mmap(nil, count, PROT_READ, flags, descriptor, 0), address != MAP_FAILED else {
            throw SystemError(operation: "mapping a file", errno: errno)
        }
        base = address
        mappedBytes = (count + 4095) & ~4095
    }

    deinit {
        if let base { munmap(base, mappedBytes) }
    }

    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Makes a part of the file executable and gives it away: the last part, from a page's beginning on. What comes before
    /// it is unmapped. Nil if the system does not run files from where this one lies; then the file is as before.
    func takeCode(_ range: Range<Int>) -> (base: UnsafeMutableRawPointer, mappedBytes: Int)? {
        guard let base, !range.isEmpty, range.upperBound == count, range.lowerBound % 4096 == 0 else { return nil }
        let start = base + range.lowerBound
        let bytes = mappedBytes - range.lowerBound
        guard mprotect(start, bytes, PROT_READ | PROT_EXEC) == 0 else { return nil }
        if range.lowerBound > 0 { munmap(base, range.lowerBound) }
        self.base = nil
        return (start, bytes)
    }
}
