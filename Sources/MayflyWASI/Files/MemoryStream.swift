//! Streams that are not the host's: nothing at all, bytes to be read, bytes kept.

internal import Glibc

/// Reading finds the end, what is written vanishes. A character device, as /dev/null is.
final class NullStream: OpenFile {
    override func type() throws(Errno) -> FileType { .characterDevice }
    override func read(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int { 0 }
    override func write(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int { vectors.byteCount }
}

/// The bytes that stand in for a standard input.
final class ByteInput: OpenFile {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    override func read(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int {
        let start = position
        for vector in vectors {
            let count = min(vector.bytes.count, bytes.count - position)
            vector.bytes.copyBytes(from: bytes[position..<position + count])
            position += count
        }
        return position - start
    }

    override func readiness(_ direction: Direction) throws(Errno) -> Readiness {
        guard direction == .reading else { throw .badf }
        return .now(byteCount: UInt64(bytes.count - position))
    }
}

/// The memory that stands in for a standard output.
final class CapturedOutput: OpenFile {
    private var bytes: [UInt8] = []
    /// Bytes that can be written before the limit is reached.
    private var capacity: Int

    init(limit: Int) { capacity = max(limit, 0) }

    /// What was written since the last time.
    func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    /// Takes as much as fits.
    override func write(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int {
        var written = 0
        for vector in vectors {
            let count = min(vector.bytes.count, capacity, context.captureAllowance)
            bytes.append(contentsOf: vector.bytes.prefix(count))
            capacity -= count
            context.captureAllowance -= count
            written += count
        }
        if written == 0, vectors.byteCount > 0 { throw .nospc }
        return written
    }

    override func readiness(_ direction: Direction) throws(Errno) -> Readiness {
        guard direction == .writing else { throw .badf }
        return .now(byteCount: 0)
    }
}

extension iovec {
    var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: iov_base, count: iov_len) }
}

extension Vectors {
    /// At most 1024 vectors of less than 4 GiB each: no overflow.
    var byteCount: Int { reduce(0) { $0 + $1.iov_len } }
}
