//! A guest's descriptors: what a number stands for, and the table of them.
//!
//! Invariants: the table owns the host descriptors marked so and closes each exactly once; every one of them was opened
//! with O_CLOEXEC; the table never grows beyond its limit, whatever numbers the guest names.

internal import Glibc

struct Descriptor: Sendable {
    enum Object: Sendable {
        /// A file, directory or stream of the host.
        case host(Int32)
        /// Reading finds the end, what is written vanishes.
        case null
        /// The bytes configured as standard input.
        case input
        /// Captured in memory.
        case output(Capture)
    }

    /// Which of a context's buffers takes what is written.
    enum Capture: Sendable {
        case standardOutput
        case standardError
    }

    var object: Object
    /// The table closes the host descriptor. False for inherited streams and for directories shared between contexts.
    var isOwned = false
    var type: FileType
    /// For a directory given by the embedder: what it is, and the name the guest knows it by.
    var preopen: WASI.Preopen?

    /// What `fd_fdstat_get` reports. What a guest did not ask for when it opened is not reported but, unlike a dropped
    /// right, not refused either: what was opened read-only the kernel refuses to write, and programs rely on the rest.
    var rights: Rights
    var inheritingRights: Rights
    /// Dropped by the guest or withheld by the embedder: refused.
    var droppedRights: Rights = []
    /// Dropped for all that is opened through this directory.
    var droppedInheritingRights: Rights = []
    /// For host descriptors that are not the guest's own: flags that it set. They share their real flags with the host
    /// process, and changing those would change them for the host.
    var emulatedFlags: DescriptorFlags = []

    func require(_ right: Rights) throws(Errno) {
        if !droppedRights.isDisjoint(with: right) { throw .notcapable }
    }

    var isDirectory: Bool { type == .directory }
    var isRegularFile: Bool { type == .regularFile }
}

/// The bytes that stand in for a standard input.
struct InputBytes {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var remainingCount: Int { bytes.count - position }

    mutating func read(into destination: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(destination.count, remainingCount)
        destination.copyBytes(from: bytes[position..<position + count])
        position += count
        return count
    }
}

/// The memory that stands in for a standard output.
struct OutputBuffer {
    private(set) var bytes: [UInt8] = []
    /// Bytes that can be written before the limit is reached.
    private var capacity: Int

    init(limit: Int) { capacity = max(limit, 0) }

    /// Takes as much as fits.
    mutating func write(_ source: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(source.count, capacity)
        bytes.append(contentsOf: source.prefix(count))
        capacity -= count
        return count
    }

    mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }
}

/// Descriptors by number.
struct DescriptorTable: ~Copyable {
    private var entries: [Descriptor?]
    /// No number below this one is free.
    private var lowestFree: Int
    private let maximumCount: Int
    /// There may be something to close.
    private var ownsAny = false

    /// Starts with entries of which none is owned. Contexts share them until one changes its own.
    init(_ entries: [Descriptor?], maximumCount: Int) {
        self.entries = entries
        lowestFree = entries.count
        self.maximumCount = max(maximumCount, entries.count)
    }

    deinit {
        guard ownsAny else { return }
        for case let entry? in entries { Self.close(entry) }
    }

    /// Fails before anything is opened that could not be given a number.
    func requireSpace() throws(Errno) {
        if entries.count >= maximumCount, !entries[min(lowestFree, entries.count)...].contains(where: { $0 == nil }) {
            throw .mfile
        }
    }

    /// Gives a descriptor the lowest free number. The table takes over ownership, also if it throws.
    mutating func insert(_ descriptor: Descriptor) throws(Errno) -> UInt32 {
        if descriptor.isOwned { ownsAny = true }
        while lowestFree < entries.count, entries[lowestFree] != nil { lowestFree += 1 }
        if lowestFree < entries.count {
            entries[lowestFree] = descriptor
        } else if entries.count < maximumCount {
            entries.append(descriptor)
        } else {
            Self.close(descriptor)
            throw .mfile
        }
        lowestFree += 1
        return UInt32(lowestFree - 1)
    }

    subscript(number: UInt32) -> Descriptor {
        get throws(Errno) {
            guard number < entries.count, let descriptor = entries[Int(number)] else { throw .badf }
            return descriptor
        }
    }

    /// Changes an open descriptor in place. The host descriptor in it stays the caller's business.
    mutating func update(_ number: UInt32, _ change: (inout Descriptor) -> Void) throws(Errno) {
        guard number < entries.count, entries[Int(number)] != nil else { throw .badf }
        change(&entries[Int(number)]!)
        if entries[Int(number)]!.isOwned { ownsAny = true }
    }

    mutating func remove(_ number: UInt32) throws(Errno) -> Errno {
        let descriptor = try self[number]
        entries[Int(number)] = nil
        lowestFree = min(lowestFree, Int(number))
        return Self.close(descriptor)
    }

    /// Moves `source` to the number `destination`, closing what was there.
    mutating func renumber(_ source: UInt32, to destination: UInt32) throws(Errno) {
        let moved = try self[source]
        let replaced = try self[destination]
        if source == destination { return }
        entries[Int(destination)] = moved
        entries[Int(source)] = nil
        lowestFree = min(lowestFree, Int(source))
        _ = Self.close(replaced)
    }

    @discardableResult
    private static func close(_ descriptor: Descriptor) -> Errno {
        guard descriptor.isOwned, case .host(let number) = descriptor.object else { return .success }
        // The descriptor is gone even where Linux reports an error, EINTR included.
        return Glibc.close(number) == 0 || errno == EINTR ? .success : .current
    }
}
