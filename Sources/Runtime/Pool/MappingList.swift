//! The process's mappings as the kernel reports them.

internal import Glibc

/// A reading of /proc/self/maps.
struct MappingList {
    private struct Mapping {
        var start: Int
        var end: Int
        var isReadable: Bool
        var isWritable: Bool
        var isExecutable: Bool
        var isPrivate: Bool
    }

    private var mappings: [Mapping] = []

    /// Nil if the file cannot be read.
    init?() {
        let file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        // By hand and byte by byte: a test process has hundreds of mappings, and `residue` is called thousands of times.
        var line = Line()
        let isRead = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { chunk -> Bool in
            while true {
                let count = read(file, chunk.baseAddress, chunk.count)
                if count <= 0 { return count == 0 }
                for index in 0..<count {
                    if let mapping = line.take(chunk[index]) { mappings.append(mapping) }
                }
            }
        }
        if !isRead { return nil }
    }

    /// A line as far as it has been read: start-end rwxp …
    private struct Line {
        private var field = 0
        private var start: UInt = 0
        private var end: UInt = 0
        private var flags: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)

        /// The mapping, at the line's end.
        mutating func take(_ byte: UInt8) -> Mapping? {
            if byte == UInt8(ascii: "\n") {
                defer { self = Line() }
                return Mapping(
                    start: Int(clamping: start), end: Int(clamping: end), isReadable: flags.0 == UInt8(ascii: "r"),
                    isWritable: flags.1 == UInt8(ascii: "w"), isExecutable: flags.2 == UInt8(ascii: "x"),
                    isPrivate: flags.3 == UInt8(ascii: "p"))
            }
            switch field {
            case 0: if byte == UInt8(ascii: "-") { field = 1 } else { start = start << 4 | Self.digit(byte) }
            case 1: if byte == UInt8(ascii: " ") { field = 2 } else { end = end << 4 | Self.digit(byte) }
            case 2: if byte == UInt8(ascii: " ") { field = 3 } else { flags = (flags.1, flags.2, flags.3, byte) }
            default: break
            }
            return nil
        }

        @inline(__always)
        private static func digit(_ byte: UInt8) -> UInt { UInt(byte < 0x3A ? byte &- 0x30 : byte &- 0x57) }
    }

    /// Says where [start, end) is not mapped privately as expected; nil if it is everywhere.
    func difference(from start: Int, to end: Int, isAccessible: Bool) -> String? {
        var position = start
        for mapping in mappings where mapping.end > position {
            if position >= end { return nil }
            if mapping.start > position { break }
            let isAsExpected =
                mapping.isReadable == isAccessible && mapping.isWritable == isAccessible && !mapping.isExecutable
                && mapping.isPrivate
            if !isAsExpected {
                return "offset \(position - start) is \(mapping.isReadable ? "" : "not ")readable, "
                    + "\(mapping.isWritable ? "" : "not ")writable"
            }
            position = mapping.end
        }
        return position >= end ? nil : "offset \(position - start) is not mapped"
    }
}
