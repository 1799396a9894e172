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
        var text: [UInt8] = []
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 1)
        defer { chunk.deallocate() }
        while true {
            let count = read(file, chunk.baseAddress, chunk.count)
            if count < 0 { return nil }
            if count == 0 { break }
            text += chunk[0..<count]
        }
        // start-end rwxp …
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
            guard fields.count >= 2 else { return nil }
            let range = fields[0].split(separator: UInt8(ascii: "-"))
            let flags = Array(fields[1])
            guard range.count == 2, flags.count >= 4,
                let start = Int(String(decoding: range[0], as: UTF8.self), radix: 16),
                let end = UInt(String(decoding: range[1], as: UTF8.self), radix: 16)
            else { continue }  // [vsyscall] lies beyond Int
            mappings.append(
                Mapping(
                    start: start, end: Int(clamping: end), isReadable: flags[0] == UInt8(ascii: "r"),
                    isWritable: flags[1] == UInt8(ascii: "w"), isExecutable: flags[2] == UInt8(ascii: "x"),
                    isPrivate: flags[3] == UInt8(ascii: "p")))
        }
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
