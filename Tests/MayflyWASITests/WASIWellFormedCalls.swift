//! One well-formed call of every WASI function, with the role of each argument: what attacks on addresses and lengths
//! are derived from. And the scene that such a call is made in, which tells afterwards what the call did.

import Foundation
import TestSupport

@testable import MayflyWASI

/// A guest with a memory and functions to call, with code or without.
protocol WASIGuest: AnyObject {
    var wasi: WASI { get }
    var memorySize: Int { get }
    func write(_ bytes: [UInt8], at address: Int)
    func read(at address: Int, count: Int) -> [UInt8]
    func call(_ name: String, _ arguments: [UInt64]) -> Errno
}

extension WASIGuest {
    func loadInteger<Value: FixedWidthInteger>(_ type: Value.Type, at address: Int) -> Value {
        read(at: address, count: Value.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Value($1) }
    }

    func storeInteger<Value: FixedWidthInteger>(_ value: Value, at address: Int) {
        write(littleEndian(value), at: address)
    }
}

func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

extension TestGuest: WASIGuest {
    var memorySize: Int { Self.memorySize }
    func write(_ bytes: [UInt8], at address: Int) {
        for (offset, byte) in bytes.enumerated() { store(byte, at: UInt32(address + offset)) }
    }
    func read(at address: Int, count: Int) -> [UInt8] { bytes(at: UInt32(address), count: count) }
}

/// An address that a call takes, and what lies there.
struct WASIPointer: Sendable {
    enum Use: Sendable {
        /// The call reads these bytes.
        case reads([UInt8])
        /// The call stores this many records of this size, whatever it is told.
        case stores(Int, stride: Int = 1)
        /// The call fills as much as it is told that there is.
        case fills(Int, stride: Int = 1)
        /// The call reads records of this size.
        case readsRecords([UInt8], stride: Int)
        /// The call fills the buffers that the array describes.
        case fillsVectors([Int])
        /// The call reads what the array describes.
        case readsVectors([[UInt8]])
    }

    let use: Use
    /// What the call says to a count of 0, with an address that lies in the memory.
    var whenEmpty = Errno.success
    /// More than this is `inval`, before any look at the memory.
    var maximumCount: Int?
    /// What it says to as much as the memory holds, from address 0 on. Nil if that depends on what lies there.
    var whenWhole: Errno? = .success

    var stride: Int {
        switch use {
        case .reads: 1
        case .stores(_, let stride), .fills(_, let stride), .readsRecords(_, let stride): stride
        case .fillsVectors, .readsVectors: 8
        }
    }

    /// Elements in the well-formed call.
    var count: Int {
        switch use {
        case .reads(let bytes): bytes.count
        case .stores(let count, _), .fills(let count, _): count
        case .readsRecords(let bytes, let stride): bytes.count / stride
        case .fillsVectors(let sizes): sizes.count
        case .readsVectors(let contents): contents.count
        }
    }

    var extent: Int { count * stride }

    /// The sizes of the buffers that vectors describe.
    var vectorSizes: [Int] {
        switch use {
        case .fillsVectors(let sizes): sizes
        case .readsVectors(let contents): contents.map(\.count)
        default: []
        }
    }
}

enum WASIArgument: Sendable {
    case value(UInt64)
    case pointer(WASIPointer)
    /// How many elements lie at the pointers before this argument that have no count yet.
    case count

    static func result(_ size: Int) -> WASIArgument { .pointer(WASIPointer(use: .stores(size))) }
    static func path(_ path: String) -> WASIArgument {
        .pointer(WASIPointer(use: .reads(Array(path.utf8)), whenEmpty: .noent, whenWhole: .nametoolong))
    }
    static func buffer(_ size: Int) -> WASIArgument { .pointer(WASIPointer(use: .fills(size))) }
    static func fills(_ sizes: Int...) -> WASIArgument {
        .pointer(WASIPointer(use: .fillsVectors(sizes), whenWhole: nil))
    }
    static func reads(_ contents: String...) -> WASIArgument {
        .pointer(WASIPointer(use: .readsVectors(contents.map { Array($0.utf8) }), whenWhole: nil))
    }
}

/// A call that succeeds, or fails in a known way, in a `WASIScene`.
struct WASICall: CustomStringConvertible, Sendable {
    let name: String
    /// Which of several calls of one function this is.
    let variant: String
    let arguments: [WASIArgument]
    let expected: Errno
    /// The same call stores the same bytes whenever and wherever it is made.
    let isRepeatable: Bool

    init(
        _ name: String, _ variant: String, _ arguments: [WASIArgument], expected: Errno = .success,
        isRepeatable: Bool = true
    ) {
        self.name = name
        self.variant = variant
        self.arguments = arguments
        self.expected = expected
        self.isRepeatable = isRepeatable
    }

    init(_ name: String, _ arguments: [WASIArgument], expected: Errno = .success, isRepeatable: Bool = true) {
        self.init(name, "", arguments, expected: expected, isRepeatable: isRepeatable)
    }

    var description: String { variant.isEmpty ? name : "\(name) (\(variant))" }

    /// The arguments that are addresses.
    var pointers: [(index: Int, pointer: WASIPointer)] {
        arguments.enumerated().compactMap { index, argument in
            if case .pointer(let pointer) = argument { (index, pointer) } else { nil }
        }
    }

    /// The argument that says how many elements lie at a pointer; nil if that is fixed.
    func countIndex(of pointer: Int) -> Int? {
        guard case .pointer(let role) = arguments[pointer] else { return nil }
        if case .stores = role.use { return nil }
        return arguments[pointer...].indices.first { if case .count = arguments[$0] { true } else { false } }
    }

    // The scene's descriptors, see `WASIScene`.
    static let input: WASIArgument = .value(0)
    static let output: WASIArgument = .value(1)
    static let directory: WASIArgument = .value(3)
    static let file: WASIArgument = .value(4)
    static let subdirectory: WASIArgument = .value(5)

    private static let subscriptions: [UInt8] = {
        // The monotonic clock in a nanosecond, reading the file, writing the output.
        var bytes = littleEndian(UInt64(11)) + littleEndian(UInt64(0)) + littleEndian(UInt64(1))
        bytes += littleEndian(UInt64(1)) + littleEndian(UInt64(0)) + littleEndian(UInt64(0))
        for (kind, descriptor) in [(1, 4), (2, 1)] as [(UInt64, UInt64)] {
            bytes += littleEndian(UInt64(20 + kind)) + littleEndian(kind) + littleEndian(descriptor)
            bytes += [UInt8](repeating: 0, count: 24)
        }
        return bytes
    }()

    static let all: [WASICall] = [
        // What they store are addresses.
        WASICall("args_get", [.result(8), .result(4)], isRepeatable: false),
        WASICall("args_sizes_get", [.result(4), .result(4)]),
        WASICall("environ_get", [.result(4), .result(4)], isRepeatable: false),
        WASICall("environ_sizes_get", [.result(4), .result(4)]),
        WASICall("clock_res_get", [.value(0), .result(8)]),
        WASICall("clock_time_get", [.value(0), .value(0), .result(8)], isRepeatable: false),
        WASICall("fd_advise", [file, .value(0), .value(0), .value(0)]),
        WASICall("fd_allocate", [file, .value(0), .value(20)]),
        WASICall("fd_close", [file]),
        WASICall("fd_datasync", [file]),
        WASICall("fd_fdstat_get", "file", [file, .result(24)]),
        WASICall("fd_fdstat_get", "stream", [output, .result(24)]),
        WASICall("fd_fdstat_set_flags", [file, .value(1)]),
        WASICall("fd_fdstat_set_rights", [file, .value(2), .value(0)]),
        WASICall("fd_filestat_get", "file", [file, .result(64)], isRepeatable: false),
        WASICall("fd_filestat_get", "stream", [output, .result(64)]),
        WASICall("fd_filestat_set_size", [file, .value(5)]),
        WASICall("fd_filestat_set_times", [file, .value(1_000_000_000), .value(2_000_000_000), .value(5)]),
        WASICall("fd_pread", "three vectors", [file, .fills(3, 4, 2), .count, .value(1), .result(4)]),
        WASICall("fd_pread", "one vector", [file, .fills(5), .count, .value(1), .result(4)]),
        WASICall("fd_prestat_get", [directory, .result(8)]),
        WASICall("fd_prestat_dir_name", [directory, .result(4), .value(4)]),
        WASICall("fd_pwrite", "three vectors", [file, .reads("abc", "defg", "hi"), .count, .value(1), .result(4)]),
        WASICall("fd_pwrite", "one vector", [file, .reads("abcde"), .count, .value(1), .result(4)]),
        WASICall("fd_read", "three vectors", [file, .fills(3, 4, 2), .count, .result(4)]),
        WASICall("fd_read", "one vector", [file, .fills(5), .count, .result(4)]),
        WASICall("fd_read", "from memory, three vectors", [input, .fills(3, 4, 2), .count, .result(4)]),
        WASICall("fd_read", "from memory, one vector", [input, .fills(5), .count, .result(4)]),
        WASICall("fd_readdir", [subdirectory, .buffer(400), .count, .value(0), .result(4)], isRepeatable: false),
        WASICall("fd_renumber", [file, subdirectory]),
        WASICall("fd_seek", [file, .value(3), .value(0), .result(8)]),
        WASICall("fd_sync", [file]),
        WASICall("fd_tell", [file, .result(8)]),
        WASICall("fd_write", "three vectors", [file, .reads("abc", "defg", "hi"), .count, .result(4)]),
        WASICall("fd_write", "one vector", [file, .reads("abcde"), .count, .result(4)]),
        WASICall("fd_write", "to memory, three vectors", [output, .reads("abc", "defg", "hi"), .count, .result(4)]),
        WASICall("fd_write", "to memory, one vector", [output, .reads("abcde"), .count, .result(4)]),
        WASICall("path_create_directory", [directory, .path("made"), .count]),
        WASICall(
            "path_filestat_get", [directory, .value(1), .path("file"), .count, .result(64)], isRepeatable: false),
        WASICall(
            "path_filestat_set_times",
            [
                directory, .value(1), .path("file"), .count, .value(1_000_000_000), .value(2_000_000_000), .value(5),
            ]),
        WASICall(
            "path_link", [directory, .value(0), .path("file"), .count, directory, .path("linked"), .count]),
        WASICall(
            "path_open", "create",
            [
                directory, .value(1), .path("new"), .count, .value(1), .value(Rights.file.rawValue), .value(0),
                .value(0), .result(4),
            ]),
        WASICall(
            "path_open", "truncate",
            [
                directory, .value(1), .path("file"), .count, .value(8), .value(Rights.file.rawValue), .value(0),
                .value(0), .result(4),
            ]),
        WASICall("path_readlink", [directory, .path("link"), .count, .buffer(16), .count, .result(4)]),
        WASICall("path_remove_directory", [directory, .path("empty"), .count]),
        WASICall("path_rename", [directory, .path("file"), .count, directory, .path("moved"), .count]),
        WASICall("path_symlink", [.path("target"), .count, directory, .path("symbolic"), .count]),
        WASICall("path_unlink_file", [directory, .path("file"), .count]),
        WASICall(
            "poll_oneoff",
            [
                .pointer(
                    WASIPointer(
                        use: .readsRecords(subscriptions, stride: 48), whenEmpty: .inval, maximumCount: 4096,
                        whenWhole: nil)),
                .pointer(
                    WASIPointer(
                        use: .fills(3, stride: 32), whenEmpty: .inval, maximumCount: 4096, whenWhole: nil)),
                .count, .result(4),
            ]),
        WASICall("random_get", [.buffer(16), .count], isRepeatable: false),
        WASICall("sched_yield", []),
        WASICall("sock_accept", [file, .value(0), .result(4)], expected: .notsock),
        WASICall(
            "sock_recv", [file, .fills(3, 4, 2), .count, .value(0), .result(4), .result(2)], expected: .notsock),
        WASICall("sock_send", [file, .reads("abc", "defg"), .count, .value(0), .result(4)], expected: .notsock),
        WASICall("sock_shutdown", [file, .value(0)], expected: .notsock),
    ]
}

/// Files and descriptors for one call: 0 holds bytes, 1 is captured, 3 is a directory `/dir`, 4 its `file`, open for
/// reading and writing at position 2, 5 its `sub`.
final class WASIScene {
    let root: String
    private static let content: [UInt8] = Array("0123456789ab".utf8)
    private static let input: [UInt8] = Array("standard input".utf8)
    /// Nothing in these tests sets this time.
    private static let time = timespec(tv_sec: 1_234_567_890, tv_nsec: 123_456_789)

    init() throws {
        root = NSTemporaryDirectory() + "mayfly-scene-\(UUID().uuidString)"
        for directory in ["", "/sub", "/empty"] { mkdir(root + directory, 0o755) }
        for file in ["/file", "/sub/inner"] {
            let descriptor = creat(root + file, 0o644)
            _ = Self.content.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            close(descriptor)
        }
        symlink("file", root + "/link")
        for entry in ["/file", "/sub/inner", "/link", "/sub", "/empty", ""] {
            utimensat(AT_FDCWD, root + entry, [Self.time, Self.time], AT_SYMLINK_NOFOLLOW)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func configuration(_ resolution: PathResolution = .automatic) throws -> WASI.Configuration {
        var configuration = WASI.Configuration()
        configuration.pathResolution = resolution
        configuration.arguments = ["a", "b"]
        configuration.environment = ["K": "v"]
        configuration.standardInput = .bytes(Self.input)
        configuration.standardOutput = .capture
        configuration.maximumDescriptorCount = 32
        try configuration.preopen(root, as: "/dir")
        return configuration
    }

    /// Opens what the scene says that is open. Overwrites the memory's second KiB.
    func open(for guest: some WASIGuest) {
        let directory = OpenFlags.directory.rawValue
        for (path, flags, rights) in [("file", 0, Rights.file.rawValue), ("sub", directory, Rights.directory.rawValue)]
            as [(String, UInt16, UInt64)]
        {
            guest.write(Array(path.utf8), at: 1024)
            let error = guest.call(
                "path_open", [3, 1, 1024, UInt64(path.utf8.count), UInt64(flags), rights, .max, 0, 1536])
            precondition(error == .success, "the scene's \(path) does not open: \(error)")
        }
        precondition(guest.call("fd_seek", [4, 2, 0, 1536]) == .success)
    }

    /// What can be told about the scene from outside and by the guest.
    struct State: Equatable, CustomStringConvertible {
        var entries: [String: String] = [:]
        var descriptors: [String] = []
        var output: [UInt8] = []
        var input: [UInt8] = []

        var description: String {
            entries.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "\n") + "\n"
                + descriptors.joined(separator: "\n")
                + "\nout: \(String(decoding: output, as: UTF8.self)) in: \(String(decoding: input, as: UTF8.self))"
        }
    }

    /// Uses the scene up: reads what is left of the input, and overwrites the memory's second KiB.
    func state(_ guest: some WASIGuest) -> State {
        var state = State()
        for number in 0..<UInt64(10) {
            guest.write([UInt8](repeating: 0, count: 64), at: 1024)
            var errors = [guest.call("fd_fdstat_get", [number, 1024])]
            errors.append(guest.call("fd_tell", [number, 1056]))
            // For a file: which one it is.
            let size = guest.call("fd_filestat_get", [number, 1088]) == .success ? guest.read(at: 1120, count: 8) : []
            state.descriptors.append("\(errors) \(guest.read(at: 1024, count: 64)) \(size)")
        }
        guest.write(littleEndian(UInt32(1088)) + littleEndian(UInt32(512)), at: 1024)
        if guest.call("fd_read", [0, 1024, 1, 1032]) == .success {
            state.input = guest.read(at: 1088, count: Int(guest.loadInteger(UInt32.self, at: 1032)))
        }
        state.output = guest.wasi.takeStandardOutput()
        record("", &state)
        return state
    }

    private func record(_ path: String, _ state: inout State) {
        var status = stat()
        guard lstat(root + path, &status) == 0 else { return }
        let isTouched =
            status.st_mtim.tv_sec != Self.time.tv_sec || status.st_mtim.tv_nsec != Self.time.tv_nsec
        var text = "\(String(status.st_mode, radix: 8)) \(status.st_nlink) \(isTouched ? "touched" : "old")"
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            for name in (try? FileManager.default.contentsOfDirectory(atPath: root + path)) ?? [] {
                record(path + "/" + name, &state)
            }
        case S_IFLNK: text += " \((try? FileManager.default.destinationOfSymbolicLink(atPath: root + path)) ?? "")"
        default: text += " \(FileManager.default.contents(atPath: root + path)?.prefix(64).map { $0 } ?? [])"
        }
        state.entries[path] = text
    }
}
