//! `mayfly-bench simd`: run time of vector code.
//!
//! A sample is one call of a kernel in a fresh instance. It takes milliseconds, of which making the instance and the
//! first touch of its pages are under a hundredth; contenders take turns sample by sample, and who begins changes.
//! Every call's checksum is compared with the kernel's.

import ArgumentParser

struct SIMDCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simd",
        abstract: "Run time of kernels made of vector instructions, their results checked.",
        discussion: """
            Kernels: \(SIMDKernel.all.map(\.name).joined(separator: ", ")).

            Ends with a failure if any of them returns a wrong checksum.
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: "Timed calls of each kernel on each engine.")
    var samples = 100

    @Option(
        name: .customLong("kernel"),
        help: ArgumentHelp("Measure this kernel; can be repeated. All of them otherwise.", valueName: "name"))
    var names: [String] = []

    @Option(help: ArgumentHelp("The folder of the package's guests.", valueName: "directory"))
    var guests = Guests.defaultDirectory

    func validate() throws {
        if samples < 1 { throw ValidationError("--samples must be positive") }
        for name in names where !SIMDKernel.all.contains(where: { $0.name == name }) {
            throw ValidationError("there is no kernel '\(name)'")
        }
    }

    func run() throws {
        let (contenders, hasMayfly) = try common.contenders()
        var report = Report(peers: contenders.dropFirst(hasMayfly ? 1 : 0).map(\.name))
        var failures = 0
        printNow(report.heading)
        for kernel in SIMDKernel.all where names.isEmpty || names.contains(kernel.name) {
            do {
                let summaries = try Self.measure(
                    kernel.module(in: guests), kernel, contenders, samples: common.quick ? 1 : samples
                ).map { Summary($0, unit: 1e6) }
                let row = ReportRow(
                    name: kernel.name, unit: "ms", mayfly: hasMayfly ? summaries[0] : nil,
                    peers: Array(summaries.dropFirst(hasMayfly ? 1 : 0)))
                printNow(report.line(row))
                report.rows.append(row)
            } catch {
                failures += 1
                printNow("\(kernel.name)  FAILED: \(error)")
            }
        }
        for line in report.meanLines("run time", of: report.rows) { printNow(line) }
        try common.write(report)
        if failures > 0 {
            printNow("\(failures) failed")
            throw ExitCode.failure
        }
    }

    /// The nanoseconds of each call, in the order of the contenders. The first call of each is not timed.
    static func measure(
        _ module: [UInt8], _ kernel: SIMDKernel, _ contenders: [any Contender], samples count: Int
    ) throws -> [Series] {
        let cycles = try contenders.map { try $0.prepareCycle(module, wasi: .none, call: kernel.call) }
        var samples = [[Double]](repeating: [], count: contenders.count)
        for round in 0...count {
            for position in cycles.indices {
                let index = round.isMultiple(of: 2) ? position : cycles.count - 1 - position
                let start = monotonicNanoseconds()
                do {
                    try cycles[index].run(1, expecting: kernel.checksum)
                } catch let error as WrongResult {
                    throw BenchmarkError("\(contenders[index].name): \(error)")
                }
                let end = monotonicNanoseconds()
                if round > 0 { samples[index].append(Double(end - start)) }
            }
        }
        return samples.map(Series.init)
    }
}
