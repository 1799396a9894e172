//! A guest without code: memory, a WASI context, and calls into the function table with raw arguments, as compiled code
//! makes them. Around the memory lies what shows that somebody reached beyond it.

import Foundation
import Testing

@testable import MayflyWASI

final class TestGuest {
    /// What lies directly before and after the memory.
    enum Surroundings: CaseIterable {
        /// Bytes of a known value. A write beyond the memory is found, one by the kernel included, which answers a
        /// write to forbidden pages with an error number that looks like the right one.
        case redZone
        /// Pages that nobody may touch. A read beyond the memory ends the process.
        case guardPages
    }

    static let memorySize = 1 << 17
    private static let redZone = 1 << 16
    /// Forbidden addresses before the memory: as far as a sign-extended 32-bit address reaches.
    private static let reservedBefore = 1 << 32
    /// And after it: as far as a 32-bit address and a 32-bit length together reach.
    private static let reservedAfter = 1 << 33
    private static let filler: UInt8 = 0xA5

    let wasi: WASI
    private let reservation: UnsafeMutableRawBufferPointer
    /// The memory with its red zones, if it has any.
    private let accessible: UnsafeMutableRawBufferPointer
    private let storage: UnsafeMutableRawBufferPointer
    private var top: UInt32 = 4096

    init(_ configuration: WASI.Configuration, surroundings: Surroundings = .redZone) {
        wasi = WASI(configuration)
        let size = Self.reservedBefore + Self.memorySize + Self.reservedAfter
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = mmap(nil, size, PROT_NONE, flags, -1, 0), start != MAP_FAILED else {
            fatalError("no address space for a test guest")
        }
        reservation = UnsafeMutableRawBufferPointer(start: start, count: size)
        let margin = surroundings == .redZone ? Self.redZone : 0
        let first = Self.reservedBefore - margin
        accessible = UnsafeMutableRawBufferPointer(rebasing: reservation[first..<first + Self.memorySize + 2 * margin])
        guard mprotect(accessible.baseAddress!, accessible.count, PROT_READ | PROT_WRITE) == 0 else {
            fatalError("no memory for a test guest")
        }
        memset(accessible.baseAddress!, Int32(Self.filler), accessible.count)
        storage = UnsafeMutableRawBufferPointer(rebasing: accessible[margin..<margin + Self.memorySize])
    }

    deinit { munmap(reservation.baseAddress!, reservation.count) }

    var memory: GuestMemory { GuestMemory(storage) }

    /// Nothing was written beyond the memory.
    var redZoneIsIntact: Bool {
        let margin = (accessible.count - storage.count) / 2
        let expected = [UInt8](repeating: Self.filler, count: margin)
        return memcmp(accessible.baseAddress!, expected, margin) == 0
            && memcmp(storage.baseAddress! + storage.count, expected, margin) == 0
    }

    /// Calls a function by name. Missing arguments are 0.
    func call(_ name: String, _ arguments: UInt64...) -> Errno { call(name, arguments) }

    func call(_ name: String, _ arguments: [UInt64]) -> Errno {
        guard let function = WASIFunction.all.first(where: { $0.name == name }) else { return .nosys }
        let cells = arguments + [UInt64](repeating: 0, count: max(0, 10 - arguments.count))
        return function.call(wasi, memory, cells)
    }

    /// Memory that no call of this guest used lately. Begins anew when the memory is used up.
    func allocate(_ count: Int) -> UInt32 {
        let size = (count + 15) / 16 * 16
        if Int(top) + size > Self.memorySize { top = 4096 }
        defer { top += UInt32(size) }
        return top
    }

    func place(_ bytes: [UInt8]) -> (address: UInt64, count: UInt64) {
        let address = allocate(bytes.count)
        storage[Int(address)..<Int(address) + bytes.count].copyBytes(from: bytes)
        return (UInt64(address), UInt64(bytes.count))
    }

    func place(_ string: String) -> (address: UInt64, count: UInt64) { place(Array(string.utf8)) }

    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at address: UInt32) -> Value {
        storage.loadLittleEndian(type, at: Int(address))
    }

    func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at address: UInt32) {
        storage.storeLittleEndian(value, at: Int(address))
    }

    func bytes(at address: UInt32, count: Int) -> [UInt8] { Array(storage[Int(address)..<Int(address) + count]) }

    func string(at address: UInt32) -> String {
        String(decoding: storage[Int(address)...].prefix { $0 != 0 }, as: UTF8.self)
    }
}

// MARK: What C programs do, in WASI calls

extension TestGuest {
    static let readWrite = Rights.file.rawValue

    func open(
        _ path: String, in directory: UInt64 = 3, follow: Bool = true, _ flags: OpenFlags = [],
        rights: UInt64 = Rights.fdRead.rawValue, fdFlags: DescriptorFlags = []
    ) -> (Errno, descriptor: UInt64) {
        let path = place(path)
        let result = allocate(4)
        let error = call(
            "path_open", directory, follow ? 1 : 0, path.address, path.count, UInt64(flags.rawValue), rights, .max,
            UInt64(fdFlags.rawValue), UInt64(result))
        return (error, UInt64(load(UInt32.self, at: result)))
    }

    func read(_ descriptor: UInt64, count: Int = 4096) -> (Errno, [UInt8]) {
        let buffer = allocate(count)
        let vector = allocate(8)
        let result = allocate(4)
        store(buffer, at: vector)
        store(UInt32(count), at: vector + 4)
        let error = call("fd_read", descriptor, UInt64(vector), 1, UInt64(result))
        return (error, error == .success ? bytes(at: buffer, count: Int(load(UInt32.self, at: result))) : [])
    }

    func write(_ descriptor: UInt64, _ text: String) -> (Errno, count: UInt32) {
        let source = place(text)
        let vector = allocate(8)
        let result = allocate(4)
        store(UInt32(source.address), at: vector)
        store(UInt32(source.count), at: vector + 4)
        let error = call("fd_write", descriptor, UInt64(vector), 1, UInt64(result))
        return (error, load(UInt32.self, at: result))
    }

    /// Opens, reads and closes.
    func contents(_ path: String, in directory: UInt64 = 3, follow: Bool = true) -> (Errno, String) {
        let (error, descriptor) = open(path, in: directory, follow: follow)
        guard error == .success else { return (error, "") }
        defer { _ = call("fd_close", descriptor) }
        let (readError, bytes) = read(descriptor)
        return (readError, String(decoding: bytes, as: UTF8.self))
    }

    func onPath(_ name: String, _ path: String, in directory: UInt64 = 3) -> Errno {
        let path = place(path)
        return call(name, directory, path.address, path.count)
    }

    /// The type of what lies at the path.
    func status(_ path: String, in directory: UInt64 = 3, follow: Bool = true) -> (Errno, FileType?) {
        let path = place(path)
        let result = allocate(64)
        let error = call("path_filestat_get", directory, follow ? 1 : 0, path.address, path.count, UInt64(result))
        return (error, FileType(rawValue: load(UInt8.self, at: result + 16)))
    }

    func symlink(_ target: String, at path: String) -> Errno {
        let target = place(target)
        let path = place(path)
        return call("path_symlink", target.address, target.count, 3, path.address, path.count)
    }

    func readlink(_ path: String) -> (Errno, String) {
        let path = place(path)
        let buffer = allocate(256)
        let result = allocate(4)
        let error = call("path_readlink", 3, path.address, path.count, UInt64(buffer), 256, UInt64(result))
        guard error == .success else { return (error, "") }
        return (error, String(decoding: bytes(at: buffer, count: Int(load(UInt32.self, at: result))), as: UTF8.self))
    }

    func onPaths(_ name: String, _ old: String, _ new: String) -> Errno {
        let old = place(old)
        let new = place(new)
        return name == "path_link"
            ? call(name, 3, 0, old.address, old.count, 3, new.address, new.count)
            : call(name, 3, old.address, old.count, 3, new.address, new.count)
    }
}

// MARK: Listing

extension TestGuest {
    struct Entry: Equatable {
        /// The cookie of what follows.
        var next: UInt64
        var name: String
        var bytes: [UInt8]
        var inode: UInt64
        var type: UInt8
    }

    /// Lists a directory to its end.
    func list(_ descriptor: UInt64) -> [Entry] {
        var all: [Entry] = []
        while let (entries, _) = list(descriptor, cookie: all.last?.next ?? 0, size: 8192) { all += entries }
        return all
    }

    /// Whole entries from a cookie on, and the cookie of what follows them; nil at the end, and where there is no
    /// listing.
    func list(_ descriptor: UInt64 = 3, cookie: UInt64, size: Int) -> (entries: [Entry], next: UInt64)? {
        let buffer = allocate(size)
        let result = allocate(4)
        guard call("fd_readdir", descriptor, UInt64(buffer), UInt64(size), cookie, UInt64(result)) == .success else {
            return nil
        }
        let filled = load(UInt32.self, at: result)
        var entries: [Entry] = []
        var offset: UInt32 = 0
        while offset + 24 <= filled {
            let length = load(UInt32.self, at: buffer + offset + 16)
            guard offset + 24 + length <= filled else { break }
            let name = bytes(at: buffer + offset + 24, count: Int(length))
            entries.append(
                Entry(
                    next: load(UInt64.self, at: buffer + offset), name: String(decoding: name, as: UTF8.self),
                    bytes: name, inode: load(UInt64.self, at: buffer + offset + 8),
                    type: load(UInt8.self, at: buffer + offset + 20)))
            offset += 24 + length
        }
        return entries.last.map { (entries, $0.next) }
    }
}

/// A directory `inside` to be given to a guest, and a secret beside it. Gone with the value.
final class TestDirectory {
    let outside: URL
    var inside: URL { outside.appendingPathComponent("inside") }
    static let secret = "the secret"

    init() throws {
        outside = FileManager.default.temporaryDirectory.appendingPathComponent("mayfly-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: true)
        try Data(Self.secret.utf8).write(to: outside.appendingPathComponent("secret"))
    }

    deinit { try? FileManager.default.removeItem(at: outside) }

    func path(_ relative: String) -> String { inside.appendingPathComponent(relative).path }

    func write(_ text: String, to relative: String) throws {
        let url = inside.appendingPathComponent(relative)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    func link(_ relative: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path(relative), withDestinationPath: target)
    }

    func guest(
        _ resolution: PathResolution = .automatic, access: WASI.Access = .readWrite,
        _ change: (inout WASI.Configuration) -> Void = { _ in }
    ) throws -> TestGuest {
        var configuration = try self.configuration(resolution, access: access)
        change(&configuration)
        return TestGuest(configuration)
    }

    func configuration(
        _ resolution: PathResolution = .automatic, access: WASI.Access = .readWrite
    ) throws -> WASI.Configuration {
        var configuration = WASI.Configuration()
        configuration.pathResolution = resolution
        try configuration.preopen(inside.path, as: "/", access: access)
        return configuration
    }
}

/// A pipe, closed with the value.
final class PipePair {
    private(set) var reader: Int32
    private(set) var writer: Int32

    init() {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        reader = ends[0]
        writer = ends[1]
    }

    deinit {
        closeReader()
        closeWriter()
    }

    func closeReader() {
        if reader >= 0 { close(reader) }
        reader = -1
    }

    func closeWriter() {
        if writer >= 0 { close(writer) }
        writer = -1
    }
}
