//! `mayfly-bench calls`: nanoseconds of a call in a living instance, by who calls whom.

import ArgumentParser
import WasmText

struct CallsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calls",
        abstract: "Time of a call: from the host, to the host, through a table, and directly.",
        discussion: """
            A loop of calls on one instance, in the host for export calls and in the guest for all others; the loop is part \
            of the time. The peer makes and takes its calls without checking types at run time, as Mayfly does.
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: "Seconds of timed calls per case and engine.")
    var seconds = 1.0

    @Option(help: ArgumentHelp("The folder of the package's guests.", valueName: "directory"))
    var guests = Guests.defaultDirectory

    func validate() throws {
        if !(seconds > 0) { throw ValidationError("--seconds must be positive") }
    }

    func run() throws {
        let (contenders, hasMayfly) = try common.contenders()
        var report = Report(peers: contenders.dropFirst(hasMayfly ? 1 : 0).map(\.name))
        let path = "\(guests)/calls.wat"
        let module = try WasmText.encode(readFile(path), fileName: path)
        printNow(report.heading)
        for kind in CallKind.allCases {
            let loops = try contenders.map { try $0.prepareCalls(module, kind) }
            let (measurements, batch) = try Alternation(seconds: common.quick ? 0.05 : seconds, threads: 1)
                .measure(loops, expecting: loops.map { _ in nil })
            let row = ReportRow(
                kind.name, unit: "ns", nanoseconds: 1, measurements, hasMayfly: hasMayfly, batch: batch)
            printNow(report.line(row))
            report.rows.append(row)
        }
        try common.write(report)
    }
}
