//! `mayfly-bench compile`: from bytes to a module that can be stamped.
//!
//! Validation, compilation and publishing the code count; reading the file and throwing the module away do not. Once
//! with the calling thread alone, which compares the work done, and once with every processor, which is what a
//! user waits for. Then from a file that holds it compiled: what a later process waits for.

import ArgumentParser
import Glibc

struct CompileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compile",
        abstract: "Compile time of modules, on one thread and on all, and the time to load them compiled.")

    @OptionGroup var common: CommonOptions

    @Option(name: .customLong("repeat"), help: "Compilations of each module by each engine; the median counts.")
    var repetitions = 5

    @Argument(help: "Modules, or folders with modules in or below them.")
    var paths: [String]

    func validate() throws {
        if repetitions < 1 { throw ValidationError("--repeat must be positive") }
    }

    func run() throws {
        let (contenders, hasMayfly) = try common.contenders()
        var report = Report(peers: contenders.dropFirst(hasMayfly ? 1 : 0).map(\.name))
        let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let modes: [(work: Work, title: String)] = [
            (.compile(parallel: false), "1 thread"), (.compile(parallel: true), "\(processors) threads"),
            (.load, "compiled before"),
        ]
        var failures = 0
        printNow(report.heading)
        for (position, path) in try modules(at: paths).enumerated() {
            let bytes = try readFile(path)
            for mode in modes {
                do {
                    // The first compilation of a process pays for reading the compiler itself from disk.
                    if position == 0 { _ = try measure(bytes, contenders, mode.work) }
                    let summaries = try measure(bytes, contenders, mode.work)
                        .map { Summary($0, unit: 1e6) }
                    let row = ReportRow(
                        name: "\(displayName(path)), \(mode.title)", unit: "ms", mayfly: hasMayfly ? summaries[0] : nil,
                        peers: Array(summaries.dropFirst(hasMayfly ? 1 : 0)),
                        notes: [
                            zip(summaries, contenders).map { summary, contender in
                                "\(contender.name) \(fixed(summary.p50 * 1e6 / Double(bytes.count), 0))"
                            }.joined(separator: ", ") + " ns/byte"
                        ])
                    printNow(report.line(row))
                    report.rows.append(row)
                } catch {
                    failures += 1
                    printNow("\(displayName(path)), \(mode.title)  FAILED: \(error)")
                }
            }
        }
        for mode in modes {
            let rows = report.rows.filter { $0.name.hasSuffix(", \(mode.title)") }
            for line in report.meanLines("time, \(mode.title)", of: rows) { printNow(line) }
        }
        try common.write(report)
        if failures > 0 { throw ExitCode.failure }
    }

    private enum Work {
        case compile(parallel: Bool)
        case load
    }

    private func measure(_ bytes: [UInt8], _ contenders: [any Contender], _ work: Work) throws -> [Series] {
        try withScratchDirectory { scratch in
            let jobs = try contenders.map { contender -> () throws -> Double in
                switch work {
                case .compile(let parallel): { try contender.compile(bytes, parallel: parallel) }
                case .load: try contender.prepareLoading(bytes, scratch: scratch)
                }
            }
            var samples = [[Double]](repeating: [], count: jobs.count)
            for repetition in 0..<(common.quick ? 1 : repetitions) {
                for position in jobs.indices {
                    let index = repetition.isMultiple(of: 2) ? position : jobs.count - 1 - position
                    samples[index].append(try jobs[index]())
                }
            }
            return samples.map(Series.init)
        }
    }
}
