//! `mayfly-bench cycle`: a fresh instance from nothing to gone again.
//!
//! A cycle makes a store and an instance in it, calls an export or nothing, and drops both. The peer runs with its
//! pooling allocator twice: as it comes, which gives every touched page back to the kernel, and tuned to keep pages
//! resident and to give slots back in batches.

import ArgumentParser

struct CycleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cycle",
        abstract: "Fresh-instance cycles: store, instantiate, call, drop.",
        discussion: """
            Without --module, the package's own guests: nothing; one page; seventeen pages with a data segment; an image \
            of four mebibytes, not called, then writing to 0, 1, 16, 64 and 256 scattered pages of it; and QuickJS where \
            the corpus has it. The call's result is checked in every cycle.

            Percentiles are of samples; a sample is one cycle, or the mean of a batch where cycles are too short to be \
            timed singly (noted after the numbers).
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: ArgumentHelp("Measure this module instead of the package's guests.", valueName: "file"))
    var module: String?

    @Option(name: .customLong("call"), help: ArgumentHelp("The export of --module to call.", valueName: "export"))
    var export: String?

    @Argument(help: "Arguments of the call: 7, 7:i64, 1.5:f32, 1.5:f64 (negative ones after --).")
    var arguments: [String] = []

    @Option(help: ArgumentHelp("Only cases whose name contains this.", valueName: "text"))
    var only: String?

    @Option(help: "Threads that run cycles at once; the times of one are taken.")
    var threads = 1

    @Option(help: "Seconds of timed cycles per case and engine.")
    var seconds = 1.0

    @Option(
        help: ArgumentHelp(
            "Bytes of each memory that the tuned peer cleans by copying instead of giving them back to the kernel.",
            valueName: "bytes"))
    var peerKeepResident = 4096

    @Option(help: ArgumentHelp("Slots that the tuned peer gives back to the kernel at once.", valueName: "count"))
    var peerDecommitBatch = 8

    @Flag(help: "Leave the tuned peer out.")
    var noTunedPeer = false

    @Option(help: ArgumentHelp("The folder with qjs.wasm.", valueName: "directory"))
    var corpus = "../shared/corpus"

    @Option(help: ArgumentHelp("The folder of the package's guests.", valueName: "directory"))
    var guests = Guests.defaultDirectory

    func validate() throws {
        if module == nil && (export != nil || !arguments.isEmpty) {
            throw ValidationError("--call and its arguments need --module")
        }
        if export == nil && !arguments.isEmpty { throw ValidationError("arguments need --call") }
        if !(1...256).contains(threads) { throw ValidationError("--threads must be from 1 to 256") }
        if !(seconds > 0) { throw ValidationError("--seconds must be positive") }
        if peerKeepResident < 0 || peerDecommitBatch < 1 {
            throw ValidationError("--peer-keep-resident must not be negative, --peer-decommit-batch must be positive")
        }
    }

    func run() throws {
        let tuning = PoolTuning(keepResident: peerKeepResident, decommitBatch: peerDecommitBatch)
        let (contenders, hasMayfly) = try common.contenders(tuned: noTunedPeer ? nil : tuning)
        let alternation = Alternation(seconds: common.quick ? min(seconds, 0.1) : seconds, threads: threads)
        var report = Report(peers: contenders.dropFirst(hasMayfly ? 1 : 0).map(\.name))
        if report.peers.count > 1 {
            print("tuned peer: keep_resident \(tuning.keepResident) bytes, decommit batch \(tuning.decommitBatch)")
        }
        var failures = 0
        printNow(report.heading)
        for guest in try cases() where only.map({ guest.name.contains($0) }) ?? true {
            do {
                let rows = try measure(guest, contenders, hasMayfly, alternation)
                for row in rows { printNow(report.line(row)) }
                report.rows += rows
            } catch {
                failures += 1
                printNow("\(guest.name)  FAILED: \(error)")
            }
        }
        for line in report.meanLines("cycle", of: report.rows) { printNow(line) }
        try common.write(report)
        if failures > 0 { throw ExitCode.failure }
        if report.rows.isEmpty { throw BenchmarkError("no case was measured") }
    }

    private func cases() throws -> [CycleCase] {
        guard let module else { return try Guests(directory: guests).cases(corpus: corpus) }
        let call = try export.map { GuestCall(export: $0, arguments: try arguments.map(GuestArgument.init(parsing:))) }
        let name = displayName(module) + (export.map { ", \($0)(\(arguments.joined(separator: ", ")))" } ?? "")
        return [CycleCase(name: name, module: try readFile(module), call: call)]
    }

    private func measure(
        _ guest: CycleCase, _ contenders: [any Contender], _ hasMayfly: Bool, _ alternation: Alternation
    ) throws -> [ReportRow] {
        let cycles = try contenders.map {
            try $0.prepareCycle(guest.module, wasi: guest.needsWASI, call: guest.call)
        }
        var expected = guest.expected
        for (cycle, contender) in zip(cycles, contenders) {
            let result = try cycle.firstResult()
            if let result, let expected, result != expected {
                throw BenchmarkError("\(contender.name): \(WrongResult(expected: expected, found: result))")
            }
            expected = expected ?? result
        }
        let (measurements, batch) = try alternation.measure(cycles, expecting: expected)
        let note = batch > 1 ? "batches of \(batch)" : ""
        func row(_ name: String, _ summaries: [Summary], note: String) -> ReportRow {
            ReportRow(
                name: name, unit: "µs", mayfly: hasMayfly ? summaries[0] : nil,
                peers: Array(summaries.dropFirst(hasMayfly ? 1 : 0)), note: note)
        }
        let name = threads == 1 ? guest.name : "\(guest.name), \(threads) threads"
        var rows = [row(name, measurements.map { Summary($0.series, unit: 1e3) }, note: note)]
        if threads > 1 {
            let overall = measurements.map { Summary(mean: $0.overall / 1e3) }
            var overallRow = row("\(name): overall", overall, note: "wall time / cycles of all threads")
            overallRow.countsInMean = false
            rows.append(overallRow)
        }
        return rows
    }
}
