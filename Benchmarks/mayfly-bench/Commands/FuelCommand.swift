//! `mayfly-bench fuel`: what metering costs, in the run time of programs.
//!
//! Each program runs with metered and unmetered code of the same engine by turns, and so it does on the peer with its own
//! way of metering. What counts is an engine's ratio with itself: the price of metering there.

import ArgumentParser
import Mayfly

struct FuelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuel",
        abstract: "Run time of Sightglass modules with fuel metered and without, by turns.",
        discussion: """
            A line for each program and engine: milliseconds metered and not, and the ratios of their medians and 99th \
            percentiles. Outputs are checked as by `sightglass`.
            """)

    @OptionGroup var common: CommonOptions

    @Option(name: .customLong("repeat"), help: "Runs of each module in each way.")
    var repetitions = 7

    @Argument(help: "Modules, or folders with modules in or below them.")
    var paths: [String]

    func validate() throws {
        if repetitions < 1 { throw ValidationError("--repeat must be positive") }
    }

    func run() throws {
        print("machine: \(machineDescription())")
        var contenders: [any Contender] = []
        if !common.peerOnly {
            contenders.append(try MayflyContender(name: "mayfly metered", code: CodeSettings(metersFuel: true)))
            contenders.append(try MayflyContender())
        }
        if let library = try common.peerLibrary() {
            for metersFuel in [true, false] {
                contenders.append(
                    try WasmtimeContender(
                        library, name: metersFuel ? "peer metered" : "peer", poolTuning: PoolTuning(),
                        metersFuel: metersFuel))
            }
        }
        var report = Report(peers: ["unmetered"])
        printNow(report.heading.replacingMayfly(with: "metered"))
        var failures = 0
        for path in try modules(at: paths) {
            do {
                let series = try SightglassCommand.measure(
                    path, contenders, repetitions: common.quick ? 1 : repetitions)
                for index in stride(from: 0, to: series.count, by: 2) {
                    let engine = contenders[index + 1].name
                    let row = Self.row("\(displayName(path)) (\(engine))", series[index], series[index + 1])
                    printNow(report.line(row))
                    report.rows.append(row)
                }
            } catch {
                failures += 1
                printNow("\(displayName(path))  FAILED: \(error)")
            }
        }
        for engine in ["mayfly", "peer"] {
            let rows = report.rows.filter { $0.name.hasSuffix("(\(engine))") && $0.countsInMean }
            let ratios = rows.compactMap { $0.ratio(toPeer: 0) }
            guard ratios.count > 1, let mean = geometricMean(ratios), let worst = ratios.max() else { continue }
            printNow(
                "\(engine), metered / unmetered: geometric mean \(fixed(mean, 3)) of \(ratios.count), worst "
                    + fixed(worst, 3))
        }
        try common.write(report)
        if failures > 0 {
            printNow("\(failures) failed")
            throw ExitCode.failure
        }
    }

    private static func row(_ name: String, _ metered: Series, _ unmetered: Series) -> ReportRow {
        let (metered, unmetered) = (Summary(metered, unit: 1e6), Summary(unmetered, unit: 1e6))
        var row = ReportRow(
            name: name, unit: "ms", mayfly: metered, peers: [unmetered],
            notes: ["p99 \(fixed(metered.p99 / unmetered.p99, 3))"])
        if unmetered.p50 < SightglassCommand.shortestMeaningful {
            row.countsInMean = false
            row.notes.append("too short for the mean")
        }
        return row
    }
}

extension String {
    /// The report's first column is an engine's time; here it is that of metered code.
    fileprivate func replacingMayfly(with name: String) -> String {
        let column = " mayfly"
        guard let range = firstRange(of: column) else { return self }
        var text = self
        // The column is right-aligned: keep its width.
        let padded = String(repeating: " ", count: max(0, column.count - name.count)) + name
        let start = text.index(range.upperBound, offsetBy: -padded.count)
        text.replaceSubrange(start..<range.upperBound, with: padded)
        return text
    }
}
