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
        try self.init(
            terminated: [CChar](unsafeUninitializedCapacity: source.count + 1) { bytes, count in
                UnsafeMutableRawBufferPointer(bytes).copyMemory(from: UnsafeRawBufferPointer(source))
                bytes[source.count] = 0
                count = source.count + 1
            })
    }

    init(_ path: [CChar]) throws(Errno) { try self.init(terminated: path + [0]) }

    private init(terminated bytes: [CChar]) throws(Errno) {
        guard bytes.count > 1 else { throw .noent }
        guard bytes.count <= Int(PATH_MAX) else { throw .nametoolong }
        if bytes[..<(bytes.count - 1)].contains(0) { throw .inval }
        if bytes[0] == Self.slash { throw .notcapable }
        self.bytes = bytes
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

    /// One component, neither `.` nor `..`, without a slash after it.
    var isName: Bool { nameStart == 0 && !hasTrailingSlash && !endsInDots }

    /// The path up to the last component, NUL-terminated; nil if there is nothing before it.
    var parent: [CChar]? {
        let end = nameStart
        return end == 0 ? nil : bytes[..<end] + [0]
    }

    /// The last component, with its trailing slashes if any, NUL-terminated.
    var name: [CChar] { Array(bytes[nameStart...]) }

    /// The last component is `.` or `..`: it names no entry of its parent.
    var endsInDots: Bool {
        let name = bytes[nameStart...].prefix { $0 != 0 && $0 != Self.slash }
        return name.count <= 2 && name.allSatisfy { $0 == Self.dot }
    }
}
