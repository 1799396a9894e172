//! `mayfly-bench sightglass`: run time of programs built for the Sightglass benchmark suite.
//!
//! Such a program imports `bench.start` and `bench.end` and calls each once; the time between is its run time, and
//! neither compilation nor instantiation counts. It finds its input in its own directory, opened for it as ".". What it
//! writes is compared with `NAME.stdout.expected` and `NAME.stderr.expected` beside it; where such a file is missing,
//! every run must write what the first one wrote. An engine that computes something else has no run time.

import ArgumentParser

struct SightglassCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sightglass",
        abstract: "Run time of Sightglass modules, their output checked.",
        discussion: "Ends with a failure if any module fails or writes anything unexpected.")

    @OptionGroup var common: CommonOptions

    @Option(name: .customLong("repeat"), help: "Runs of each module on each engine; the median counts.")
    var repetitions = 5

    @Argument(help: "Modules, or folders with modules in or below them.")
    var paths: [String]

    /// In milliseconds. Programs with nothing between their marks time the two calls and the clock.
    static let shortestMeaningful = 0.01

    func validate() throws {
        if repetitions < 1 { throw ValidationError("--repeat must be positive") }
    }

    func run() throws {
        let (contenders, hasMayfly) = try common.contenders()
        var report = Report(peers: contenders.dropFirst(hasMayfly ? 1 : 0).map(\.name))
        var failures = 0
        printNow(report.heading)
        for path in try modules(at: paths) {
            do {
                let series = try Self.measure(path, contenders, repetitions: common.quick ? 1 : repetitions)
                let summaries = series.map { Summary($0, unit: 1e6) }
                var row = ReportRow(
                    name: displayName(path), unit: "ms", mayfly: hasMayfly ? summaries[0] : nil,
                    peers: Array(summaries.dropFirst(hasMayfly ? 1 : 0)))
                if summaries.allSatisfy({ $0.p50 < Self.shortestMeaningful }) {
                    row.countsInMean = false
                    row.notes = ["too short for the mean"]
                }
                printNow(report.line(row))
                report.rows.append(row)
            } catch {
                failures += 1
                printNow("\(displayName(path))  FAILED: \(error)")
            }
        }
        for line in report.meanLines("run time", of: report.rows) { printNow(line) }
        try common.write(report)
        if failures > 0 {
            printNow("\(failures) failed")
            throw ExitCode.failure
        }
    }

    /// The nanoseconds of each run, in the order of the contenders.
    static func measure(
        _ path: String, _ contenders: [any Contender], repetitions: Int
    ) throws -> [Series] {
        let bytes = try readFile(path)
        let programs = try contenders.map { try $0.prepareProgram(bytes) }
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        var expectation = try ProgramOutput(expectedBeside: path)
        var samples = [[Double]](repeating: [], count: contenders.count)
        for repetition in 0..<repetitions {
            for position in programs.indices {
                let index = repetition.isMultiple(of: 2) ? position : programs.count - 1 - position
                let run = try withScratchDirectory { scratch in
                    try programs[index].run(
                        arguments: [], directory: directory.isEmpty ? "/" : directory, scratch: scratch)
                }
                guard run.isMarked else {
                    throw BenchmarkError(
                        "\(contenders[index].name): the program did not call bench.start and then bench.end")
                }
                try expectation.check(run, of: contenders[index].name)
                samples[index].append(run.nanoseconds)
            }
        }
        return samples.map(Series.init)
    }
}

/// What a program must write.
struct ProgramOutput {
    private var standardOutput: [UInt8]?
    private var standardError: [UInt8]?

    /// Reads the files beside a module that say it; a file that is not there expects nothing yet.
    init(expectedBeside module: String) throws {
        func expectation(_ stream: String) throws -> [UInt8]? {
            let path = "\(module.dropLast(".wasm".count)).\(stream).expected"
            return fileExists(path) ? try readFile(path) : nil
        }
        standardOutput = try expectation("stdout")
        standardError = try expectation("stderr")
    }

    /// Compares one run with the expectation, and makes it the expectation where there was none.
    mutating func check(_ run: ProgramRun, of contender: String) throws {
        try Self.check(run.standardOutput, &standardOutput, "\(contender): standard output")
        try Self.check(run.standardError, &standardError, "\(contender): standard error")
    }

    private static func check(_ found: [UInt8], _ expected: inout [UInt8]?, _ what: String) throws {
        guard let wanted = expected else {
            expected = found
            return
        }
        if found == wanted { return }
        let place = zip(found, wanted).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        throw BenchmarkError(
            "\(what) differs from byte \(place ?? min(found.count, wanted.count)) on "
                + "(\(found.count) bytes, expected \(wanted.count))")
    }
}
