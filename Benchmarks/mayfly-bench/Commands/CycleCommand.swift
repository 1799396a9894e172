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
            of four mebibytes, not called, then writing to 0, 1, 16, 64 and 256 scattered pages of it; a memory that \
            grows; eight templates that share four slots; and QuickJS where the corpus has it. The call's result is \
            checked in every cycle.

            Percentiles are of samples; a sample is one cycle, or the mean of a batch where cycles are too short to be \
            timed singly (noted after the numbers).
            """)

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: CycleOptions

    @Option(help: ArgumentHelp("Measure this module instead of the package's guests.", valueName: "file"))
    var module: String?

    @Option(name: .customLong("call"), help: ArgumentHelp("The export of --module to call.", valueName: "export"))
    var export: String?

    @Argument(help: "Arguments of the call: 7, 7:i64, 1.5:f32, 1.5:f64 (negative ones after --).")
    var arguments: [String] = []

    @Option(help: ArgumentHelp("Only cases whose name contains this.", valueName: "text"))
    var only: String?

    @Option(
        help: ArgumentHelp(
            "Threads that run cycles at once; the times of one are taken. 1,2 measures both.", valueName: "counts"))
    var threads = ThreadCounts(argument: "1")!

    @Option(help: ArgumentHelp("The folder with qjs.wasm.", valueName: "directory"))
    var corpus = "../shared/corpus"

    func validate() throws {
        if module == nil && (export != nil || !arguments.isEmpty) {
            throw ValidationError("--call and its arguments need --module")
        }
        if export == nil && !arguments.isEmpty { throw ValidationError("arguments need --call") }
    }

    func run() throws {
        var (comparison, report) = try options.comparison(common, threads: threads.counts)
        var failures = 0
        printNow(report.heading)
        for guest in try cases() where only.map({ guest.name.contains($0) }) ?? true {
            comparison.threads = threads.counts.filter { $0 <= guest.slots ?? .max }
            for count in threads.counts where !comparison.threads.contains(count) {
                printNow("\(guest.name), \(count) threads  left out: it has fewer slots")
            }
            do {
                let rows = try comparison.rows(guest)
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
        guard let module else { return try Guests(directory: options.guests).cases(corpus: corpus) }
        let call = try export.map { GuestCall(export: $0, arguments: try arguments.map(GuestArgument.init(parsing:))) }
        let name = displayName(module) + (export.map { ", \($0)(\(arguments.joined(separator: ", ")))" } ?? "")
        return [CycleCase(name: name, templates: [GuestTemplate(examining: try readFile(module))], call: call)]
    }
}
