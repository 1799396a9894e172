//! `mayfly-bench density`: what very many live instances cost, and what the code costs that lets them be packed.
//!
//! Each row is a process of its own: page tables and mappings are a process's, and what one engine has reserved must not be
//! missing for the next. Sizes are differences to what the process had before the first instance.

import ArgumentParser
import Compiler
import Glibc
import Mayfly
import WasmText

struct DensityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "density",
        abstract: "Many live instances: mappings, page tables, memory and time; and the cost of bounds checks.",
        discussion: """
            Rows: so many instances of a small guest live at once, each with a page it has written to. Columns: how many \
            there were in the end (an engine that cannot have more says why); address space; mappings, of 65,530 that \
            a process may have by default; page tables; resident bytes per instance when it has been made, and when it \
            has been called; the time to make one, to call it the first time, to drop it; and, while the others live, the \
            time to make, call and drop one more.

            Engines: mayfly in dense slots; mayfly in ordinary ones; the peer's pooling allocator as it is; and the same with \
            as little address space for each memory as a dense slot has ("packed"), for which its code compares, too.

            Then, with modules named, their run time with explicit bounds checks, which dense instances need, by that \
            with guard pages: the columns are headed "mayfly" for explicit checks, "guards" for the others.
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: "Numbers of live instances, separated by commas.", transform: Self.numbers)
    var counts: [Int] = [1000, 10_000, 100_000]

    @Option(help: ArgumentHelp("The folder of the package's guests.", valueName: "directory"))
    var guests = Guests.defaultDirectory

    @Option(name: .customLong("repeat"), help: "Runs of each module with either kind of bounds; the median counts.")
    var repetitions = 5

    @Argument(help: "Sightglass modules, or folders with such, for the cost of bounds checks.")
    var paths: [String] = []

    @Option(help: ArgumentHelp("Measure one row: what the rows are measured with.", visibility: .hidden))
    var row: String?

    private static func numbers(_ text: String) throws -> [Int] {
        try text.split(separator: ",").map { part in
            guard let number = Int(part), number > 0 else {
                throw ValidationError("'\(part)' is no number of instances")
            }
            return number
        }
    }

    func validate() throws {
        if repetitions < 1 { throw ValidationError("--repeat must be positive") }
        if common.peerOnly, !paths.isEmpty { throw ValidationError("the peer has no bounds to choose here") }
    }

    func run() throws {
        if let row { return try Self.measure(row, guests: guests, library: common.peer) }
        print("machine: \(machineDescription())")
        let library = try common.peerLibrary() == nil ? nil : PeerSearch.find(named: common.peer)
        printLine("", Self.columns)
        for count in common.quick ? [100] : counts {
            for kind in Kind.allCases {
                if kind.isPeer ? library == nil : common.peerOnly { continue }
                try measureRow(kind, count, library)
            }
        }
        try measureChecks()
    }

    // MARK: Crowds

    enum Kind: String, CaseIterable {
        case dense, ordinary, peer, packed

        var isPeer: Bool { self == .peer || self == .packed }
        var title: String {
            switch self {
            case .dense: "mayfly, dense"
            case .ordinary: "mayfly, ordinary"
            case .peer: "peer, pooling"
            case .packed: "peer, pooling, packed"
            }
        }

        func crowd(_ module: [UInt8], slots: Int, library: String?) throws -> any Crowd {
            guard isPeer else { return try MayflyCrowd(module, slots: slots, isDense: self == .dense) }
            guard let library else { throw BenchmarkError("no peer") }
            var tuning = PoolTuning()
            tuning.slots = slots
            tuning.mostMemory = 1 << 20
            tuning.tableElements = 1024
            if self == .packed { tuning.reservation = 1 << 20 }
            return try WasmtimeCrowd(try WasmtimeLibrary(path: library), module, tuning: tuning)
        }
    }

    private static let columns = [
        "live", "space", "maps", "tables", "idle", "called", "make", "call", "drop", "cycle",
    ]
    private static let nameWidth = 34
    private static let numberWidth = 10

    private func printLine(_ name: String, _ cells: [String]) {
        printNow(pad(name, Self.nameWidth) + cells.map { padLeft($0, Self.numberWidth) }.joined())
    }

    private func measureRow(_ kind: Kind, _ count: Int, _ library: String?) throws {
        let name = "\(count) × \(kind.title)"
        var status: Int32?
        let lines = try withScratchDirectory { directory -> [Substring]? in
            let path = "\(directory)/row"
            var command = [
                "/proc/self/exe", "density", "--guests", guests, "--row", "\(kind.rawValue):\(count):\(path)",
            ]
            if let library { command += ["--peer", library] }
            status = try ChildProcess(command)?.status(within: 600)
            guard status == 0 else { return nil }
            return String(decoding: try readFile(path), as: UTF8.self).split(separator: "\n")
        }
        guard let lines, let first = lines.first else {
            // An engine may end the process where it cannot go on.
            let end = status.map { $0 & 0x7F == 0 ? "exit code \($0 >> 8)" : "signal \($0 & 0x7F)" } ?? "no end in time"
            return printNow(pad(name, Self.nameWidth) + "    the process failed: \(end)")
        }
        printLine(name, first.split(separator: " ").map(String.init))
        for line in lines.dropFirst() { printNow("    \(line)") }
    }

    /// The process of a row: writes its cells, and below them why there are not more instances.
    private static func measure(_ request: String, guests: String, library: String?) throws {
        let parts = request.split(separator: ":", maxSplits: 2)
        guard parts.count == 3, let kind = Kind(rawValue: String(parts[0])), let wanted = Int(parts[1]) else {
            throw ValidationError("--row takes KIND:COUNT:PATH")
        }
        let result = String(parts[2])
        let module = try WasmText.encode(try readFile("\(guests)/small.wat"), fileName: nil)
        let crowd: any Crowd
        do { crowd = try kind.crowd(module, slots: wanted + 1, library: library) } catch {
            return try writeFile(result, "none\n\(error)")
        }
        // The lists that are filled when mappings run short.
        var cycles: [Double] = []
        cycles.reserveCapacity(20_000)
        let before = Footprint()
        var reason: String?
        let start = monotonicNanoseconds()
        do { while crowd.count < wanted { try crowd.add() } } catch { reason = "\(error)" }
        let made = monotonicNanoseconds()
        let count = crowd.count
        guard count > 0 else { return try writeFile(result, "none\n\(reason ?? "")") }
        let idle = Footprint()
        let beforeCalls = monotonicNanoseconds()
        for index in 0..<count { try crowd.touch(index) }
        let called = monotonicNanoseconds()
        let full = Footprint()
        for _ in 0..<20_000 {
            let start = monotonicNanoseconds()
            do { try crowd.cycle() } catch { break }
            cycles.append(Double(monotonicNanoseconds() - start))
        }
        let beforeDrop = monotonicNanoseconds()
        crowd.dropAll()
        let dropped = monotonicNanoseconds()
        func each(_ nanoseconds: UInt64) -> String { "\(fixed(Double(nanoseconds) / Double(count) / 1e3, 2))µs" }
        let cells = [
            "\(count)", "\(fixed(Double(full.space) / 1e9, 1))GB", "\(full.mappings)",
            "\(fixed(Double(full.pageTables - before.pageTables) / 1e6, 1))MB",
            "\((idle.resident - before.resident) / count)B", "\((full.resident - before.resident) / count)B",
            each(made - start), each(called - beforeCalls), each(dropped - beforeDrop),
            cycles.isEmpty ? "-" : "\(fixed(Series(cycles).median / 1e3, 2))µs",
        ]
        try writeFile(result, ([cells.joined(separator: " ")] + (reason.map { [$0] } ?? [])).joined(separator: "\n"))
    }

    /// What the kernel says of this process. In bytes, but for the mappings.
    private struct Footprint {
        var space = 0
        var resident = 0
        var pageTables = 0
        var mappings = 0

        init() {
            let status = (try? readFile("/proc/self/status")) ?? []
            for line in String(decoding: status, as: UTF8.self).split(separator: "\n") {
                let words = line.split(whereSeparator: \.isWhitespace)
                guard words.count > 1, let kibibytes = Int(words[1]) else { continue }
                switch words[0] {
                case "VmSize:": space = kibibytes * 1024
                case "VmRSS:": resident = kibibytes * 1024
                case "VmPTE:": pageTables = kibibytes * 1024
                default: break
                }
            }
            mappings = Self.countMappings()
        }

        /// Without a large buffer: there may be no mapping left for one.
        private static func countMappings() -> Int {
            let file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return 0 }
            defer { close(file) }
            return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { chunk in
                var lines = 0
                while case let count = read(file, chunk.baseAddress, chunk.count), count > 0 {
                    for byte in chunk.prefix(count) where byte == UInt8(ascii: "\n") { lines += 1 }
                }
                return lines
            }
        }
    }

    // MARK: Bounds checks

    private func measureChecks() throws {
        if paths.isEmpty { return }
        let contenders: [any Contender] = try [
            MayflyContender(name: "explicit", code: CodeSettings(boundsChecks: .explicit)),
            MayflyContender(name: "guards", code: CodeSettings(boundsChecks: .guardPages)),
        ]
        var report = Report(peers: ["guards"])
        printNow("\nrun time with explicit bounds checks by that with guard pages")
        printNow(report.heading)
        for path in try modules(at: paths) {
            do {
                let series = try SightglassCommand.measure(
                    path, contenders, repetitions: common.quick ? 1 : repetitions)
                let summaries = series.map { Summary($0, unit: 1e6) }
                var row = ReportRow(
                    name: displayName(path), unit: "ms", mayfly: summaries[0], peers: [summaries[1]])
                row.countsInMean = summaries[1].p50 >= SightglassCommand.shortestMeaningful
                printNow(report.line(row))
                report.rows.append(row)
            } catch { printNow("\(displayName(path))  FAILED: \(error)") }
        }
        for line in report.meanLines("run time", of: report.rows) { printNow(line) }
        let counted = report.rows.filter(\.countsInMean)
        if let worst = counted.max(by: { $0.ratio(toPeer: 0) ?? 0 < $1.ratio(toPeer: 0) ?? 0 }) {
            printNow("worst: \(worst.name), \(fixed(worst.ratio(toPeer: 0) ?? .nan, 3))")
        }
        try common.write(report)
    }
}
