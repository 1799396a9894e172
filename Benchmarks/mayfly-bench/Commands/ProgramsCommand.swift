//! `mayfly-bench programs`: run time of whole programs, from their start to their end.
//!
//! A database's own benchmark, and a script in a JavaScript engine: larger than what `sightglass` runs, with the branches and
//! the calls by tables of large programs. What they print must be the same on every engine, but for times.

import ArgumentParser

struct ProgramsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "programs",
        abstract: "Run time of SQLite's benchmark and of a script in QuickJS, their output checked.",
        discussion: "Ends with a failure if a program fails or prints something else than on another engine.")

    @OptionGroup var common: CommonOptions

    @Option(name: .customLong("repeat"), help: "Runs of each program on each engine; the median counts.")
    var repetitions = 5

    @Option(help: ArgumentHelp("The folder with speedtest1.wasm and qjs.wasm.", valueName: "directory"))
    var corpus = "../shared/corpus"

    @Option(help: ArgumentHelp("The folder of the package's guests.", valueName: "directory"))
    var guests = Guests.defaultDirectory

    /// A program and what it is given.
    private struct Program {
        var name: String
        var module: String
        var arguments: [String]
        /// Lines that depend on nothing but what is computed.
        var isChecked: @Sendable (Substring) -> Bool
    }

    private static let all = [
        Program(
            name: "speedtest1", module: "speedtest1.wasm",
            arguments: ["--memdb", "--size", "20", "--vfs", "none", "--verify"]
        ) { $0.contains("Verification Hash") },
        Program(name: "quickjs, workload.js", module: "qjs.wasm", arguments: ["workload.js"]) { !$0.isEmpty },
    ]

    func validate() throws {
        if repetitions < 1 { throw ValidationError("--repeat must be positive") }
    }

    func run() throws {
        let (contenders, hasMayfly) = try common.contenders()
        var report = Report(peers: contenders.dropFirst(hasMayfly ? 1 : 0).map(\.name))
        printNow(report.heading)
        for program in Self.all {
            let summaries = try measure(program, contenders).map { Summary($0, unit: 1e6) }
            let row = ReportRow(
                name: program.name, unit: "ms", mayfly: hasMayfly ? summaries[0] : nil,
                peers: Array(summaries.dropFirst(hasMayfly ? 1 : 0)))
            printNow(report.line(row))
            report.rows.append(row)
        }
        try common.write(report)
    }

    private func measure(_ program: Program, _ contenders: [any Contender]) throws -> [Series] {
        let bytes = try readFile("\(corpus)/\(program.module)")
        let compiled = try contenders.map { try $0.prepareProgram(bytes) }
        var expected: [Substring] = []
        var samples = [[Double]](repeating: [], count: contenders.count)
        for repetition in 0..<(common.quick ? 1 : repetitions) {
            for position in compiled.indices {
                let index = repetition.isMultiple(of: 2) ? position : compiled.count - 1 - position
                let run = try withScratchDirectory { scratch in
                    try compiled[index].run(arguments: program.arguments, directory: guests, scratch: scratch)
                }
                let lines = String(decoding: run.standardOutput, as: UTF8.self).split(separator: "\n")
                    .filter(program.isChecked)
                if expected.isEmpty { expected = lines }
                guard !lines.isEmpty, lines == expected else {
                    throw BenchmarkError(
                        "\(program.name) prints \(lines) on \(contenders[index].name), not \(expected)")
                }
                samples[index].append(run.nanoseconds)
            }
        }
        return samples.map(Series.init)
    }
}
