//! A path out of guest memory, ready for system calls.
//!
//! Invariants: not empty, relative, without NUL inside, shorter than PATH_MAX, NUL-terminated. Bytes are passed on as
//! they are: host file names need not be Unicode, and a program that lists one can open it.

internal import Glibc

struct GuestPath {
    /// The whole path and its terminating NUL.
    let bytes: [CChar]

    private static let slash = CChar(UInt8(ascii: "/"))
    private static let dot = CChar(UInt8(ascii: "."))

    init(in memory: GuestMemory, at address: UInt32, count: UInt32) throws(Errno) {
        let source = try memory.bytes(at: address, count: count)
        guard source.count < Int(PATH_MAX) else { throw .nametoolong }
        // One copy out of the memory, then checks on the copy.
        try self.init(source.map { CChar(bitPattern: $0) })
    }

    init(_ path: [CChar]) throws(Errno) {
        guard let first = path.first else { throw .noent }
        guard path.count < Int(PATH_MAX) else { throw .nametoolong }
        if path.contains(0) { throw .inval }
        if first == Self.slash { throw .notcapable }
        bytes = path + [0]
    }

    /// The whole path, without the NUL.
    var contents: [UInt8] { bytes.dropLast().map { UInt8(bitPattern: $0) } }

    /// Ends with a slash, so that it names a directory or nothing.
    var hasTrailingSlash: Bool { bytes[bytes.count - 2] == Self.slash }

    /// Where the last component starts.
    private var nameStart: Int {
        var index = bytes.count - 1
        while index > 0, bytes[index - 1] == Self.slash { index -= 1 }
        while index > 0, bytes[index - 1] != Self.slash { index -= 1 }
        return index
    }

    /// The path up to the last component, NUL-terminated; nil if there is nothing before it.
    var parent: [CChar]? {
        let end = nameStart
        return end == 0 ? nil : bytes[..<end] + [0]
    }

    /// The last component, with its trailing slashes if any, NUL-terminated.
    var name: [CChar] { Array(bytes[nameStart...]) }

    /// The last component is `.` or `..`: it names no entry of its parent.
    var endsInDots: Bool {
        let name = self.name.prefix { $0 != 0 && $0 != Self.slash }
        return name.count <= 2 && name.allSatisfy { $0 == Self.dot }
    }
}
