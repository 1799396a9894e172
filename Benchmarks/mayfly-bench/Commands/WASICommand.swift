//! `mayfly-bench wasi`: what the system interface costs: a context, an instance with one, a call.

import ArgumentParser
import MayflyWASI
import WasmText

struct WASICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wasi",
        abstract: "What WASI costs: a context, a fresh instance with one, and calls of its functions.",
        discussion: """
            First contexts alone, made from one configuration and dropped; the peer makes nothing like it without a \
            store. Then fresh instances of a module that imports six functions, beside the same module without \
            imports, which differ by what WASI adds: called and returning at once; storing a word; writing ten bytes, \
            which vanish or are captured (for the peer, whose embedders bring their own, in a buffer made before). \
            Then calls in a living instance, by a loop of the guest; the loop, with a call through a table, is part of \
            the time.

            The engines do the same, with three exceptions. The peer writes only the first vector of those that one \
            call gives, so for the second its guest calls again. It asks the kernel for the status of each entry that \
            fd_readdir lists, where Mayfly reports what the directory says. And it has another thread do what concerns \
            files.
            """)

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: CycleOptions

    @Option(help: ArgumentHelp("Only cases whose name contains this.", valueName: "text"))
    var only: String?

    @Option(
        help: ArgumentHelp("Threads that make contexts at once; the times of one are taken.", valueName: "counts"))
    var threads = ThreadCounts(argument: "1,2")!

    func run() throws {
        var (comparison, report) = try options.comparison(common)
        printNow(report.heading)
        func add(_ rows: [ReportRow]) {
            for row in rows { printNow(report.line(row)) }
            report.rows += rows
        }
        if comparison.hasMayfly {
            for (name, configuration) in try contexts() where isWanted(name) {
                add(try contextRows(name, configuration, comparison))
            }
        }
        add(try freshRows(comparison))
        // The pool is no part of calls, so the tuned peer is the same as the other.
        comparison.contenders = Array(comparison.contenders.prefix(comparison.hasMayfly ? 2 : 1))
        try withScratchDirectory { directory in
            try Self.fill(directory)
            for kind in WASICallKind.allCases where isWanted(kind.rawValue) {
                add([try callRow(kind, directory, comparison)])
            }
        }
        try common.write(report)
    }

    private func isWanted(_ name: String) -> Bool { only.map { name.contains($0) } ?? true }

    private func guest(_ name: String) throws -> [UInt8] {
        let path = "\(options.guests)/\(name).wat"
        return try WasmText.encode(readFile(path), fileName: path)
    }

    // MARK: Contexts

    private func contexts() throws -> [(name: String, configuration: WASI.Configuration)] {
        var capturing = WASI.Configuration()
        capturing.standardOutput = .capture
        capturing.standardError = .capture
        var host = WASI.Configuration()
        try host.preopen("/", as: "/", access: .readOnly)
        var tree = WASI.FileTree()
        for index in 0..<100 { try tree.addFile("folder\(index / 10)/file\(index)", Array("content".utf8)) }
        var memory = WASI.Configuration()
        memory.preopen(tree, as: "/")
        return [
            ("context, no directory", WASI.Configuration()), ("context, outputs captured", capturing),
            ("context, a directory of the host", host), ("context, a tree in memory", memory),
        ]
    }

    private func contextRows(
        _ name: String, _ configuration: WASI.Configuration, _ comparison: CycleComparison
    ) throws -> [ReportRow] {
        try threads.counts.map { count in
            let (measurements, batch) = try Alternation(seconds: comparison.seconds, threads: count)
                .measure([ContextCycle(configuration: configuration)], expecting: [nil])
            return ReportRow(
                count == 1 ? name : "\(name), \(count) threads", unit: "ns", nanoseconds: 1, measurements,
                hasMayfly: true, batch: batch)
        }
    }

    // MARK: Fresh instances

    private func freshRows(_ comparison: CycleComparison) throws -> [ReportRow] {
        let without = try guest("wasi-none")
        let with = try guest("wasi-small")
        func fresh(
            _ name: String, _ module: [UInt8], _ wasi: GuestWASI, _ export: String, _ expected: UInt32
        ) -> CycleCase {
            CycleCase(
                name: "instance, \(name)", templates: [GuestTemplate(module, wasi: wasi, expected: expected)],
                call: Guests.call(export, 7))
        }
        let cases = [
            fresh("no imports, returning", without, .none, "nothing", 7),
            fresh("WASI, returning", with, .bare, "nothing", 7),
            fresh("no imports, storing", without, .none, "store", 7),
            fresh("WASI, storing", with, .bare, "store", 7),
            fresh("WASI, writing to nothing", with, .bare, "write", 10),
            fresh("WASI, writing, captured", with, .capturing, "write", 10),
        ].filter { isWanted($0.name) }
        // By turns with each other: what counts is by how much they differ.
        return cases.isEmpty ? [] : try comparison.rows(together: cases).flatMap { $0 }
    }

    // MARK: Calls

    /// What the guest of `wasi-calls.wat` expects to find.
    static func fill(_ directory: String) throws {
        for folder in ["list", "a", "a/b", "a/b/c"] { try makeDirectory("\(directory)/\(folder)") }
        for index in 0..<50 { try writeFile("\(directory)/list/file\(index / 10)\(index % 10)", "") }
        try writeFile("\(directory)/a/b/c/file", "content")
        try writeFile("\(directory)/data", [UInt8](repeating: 7, count: 4096))
    }

    private func callRow(
        _ kind: WASICallKind, _ directory: String, _ comparison: CycleComparison
    ) throws -> ReportRow {
        let module = try guest("wasi-calls")
        let loops = try comparison.contenders.map {
            try $0.prepareWASICalls(module, loop: kind.loop, directory: directory)
        }
        let (measurements, batch) = try Alternation(seconds: comparison.seconds, threads: 1)
            .measure(loops, expecting: loops.map { _ in nil })
        return ReportRow(
            kind.rawValue, unit: "ns", nanoseconds: 1, measurements, hasMayfly: comparison.hasMayfly, batch: batch)
    }
}

/// What is called in a living instance.
enum WASICallKind: String, CaseIterable {
    case clock = "clock_time_get, monotonic"
    case random = "random_get, 16 bytes"
    case write = "fd_write, 64 bytes to nothing"
    case pwrite = "fd_pwrite, 2 × 32 bytes, file"
    case pread = "fd_pread, 4 KiB, file"
    case status = "fd_fdstat_get, descriptor 1"
    case open = "path_open and fd_close, 3 folders deep"
    case pathStatus = "path_filestat_get, 3 folders deep"
    case list = "fd_readdir, 50 entries"
    case arguments = "args_sizes_get"
    case poll = "poll_oneoff, a timeout of 0"

    /// The export of `wasi-calls.wat` that loops.
    var loop: String {
        switch self {
        case .clock: "clock"
        case .random: "random"
        case .write: "write"
        case .pwrite: "pwrite"
        case .pread: "pread"
        case .status: "status"
        case .open: "open"
        case .pathStatus: "path-status"
        case .list: "list"
        case .arguments: "arguments"
        case .poll: "poll"
        }
    }
}

/// A context made from a configuration that all threads share, and dropped.
private struct ContextCycle: FreshInstanceCycle {
    let configuration: WASI.Configuration

    func firstResult() throws -> UInt32? { nil }

    func run(_ count: Int, expecting _: UInt32?) throws {
        for _ in 0..<count { withExtendedLifetime(WASI(configuration)) {} }
    }
}
