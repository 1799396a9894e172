//! `mayfly-bench fuzz`: random programs, compiled in every way there is, do the same.
//!
//! Not a measurement, but it needs the same peer. A program is made from its number, which is all that has to be known
//! to see a difference again. After each call everything that can be observed is compared: results or why it
//! trapped, what it called of the host's, the memory and its size, all globals.
//!
//! Sources of programs take turns, the one next that has had the least time.

import ArgumentParser
import Mayfly

struct FuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzz",
        abstract: "Run random programs on all kinds of code, and on the peer, until something differs.",
        discussion: """
            Compiled for both instruction sets, with guard pages and with explicit bounds checks, with the compiler's \
            decisions taken at random, and by Wasmtime where its library is found. Programs are made by the project's own \
            generator and, where it is on the PATH, by Binaryen's wasm-opt. A program that differs is written into the working directory, its number is \
            printed, and the exit status is 1; --source SOURCE --first NUMBER begins with it the next time.
            """)

    enum SourceChoice: String, ExpressibleByArgument, CaseIterable {
        case all, own, binaryen
    }

    @OptionGroup var common: CommonOptions

    @Option(help: "Stop after so many seconds.")
    var seconds = 600.0

    @Option(help: "The number of the first program of each source.")
    var first: UInt64 = 0

    @Option(help: "Who makes the programs.")
    var source = SourceChoice.all

    func validate() throws {
        if !(seconds > 0) { throw ValidationError("--seconds must be positive") }
        if common.json != nil { throw ValidationError("there is no JSON of this command") }
    }

    func run() throws {
        let ways = try MayflyWay.all() + (try peerWay().map { [$0] } ?? [])
        printNow("compared: \(ways.map(\.name).joined(separator: ", "))")
        try withScratchDirectory { directory in
            var series = try sources(directory).map { ProgramSeries($0, first: first) }
            let end = monotonicNanoseconds() + UInt64((common.quick ? 1 : seconds) * 1e9)
            var nextReport = monotonicNanoseconds() + Self.nanosecondsPerReport
            while monotonicNanoseconds() < end {
                let index = series.indices.min { series[$0].nanoseconds < series[$1].nanoseconds }!
                if let difference = try series[index].runNext(in: ways) {
                    printNow(difference)
                    throw ExitCode.failure
                }
                if monotonicNanoseconds() > nextReport {
                    for one in series { printNow(one.report) }
                    nextReport += Self.nanosecondsPerReport
                }
            }
            for one in series { printNow("\(one.report): no difference") }
        }
    }

    private static let nanosecondsPerReport: UInt64 = 30_000_000_000

    private func peerWay() throws -> (any FuzzedWay)? {
        guard let library = try common.peerLibrary() else { return nil }
        return WasmtimeWay(engine: try WasmtimeEngine(library, pool: nil))
    }

    private func sources(_ directory: String) throws -> [any ProgramSource] {
        let own = source == .binaryen ? [] : [OwnSource()]
        if source == .own { return own }
        if let binaryen = try BinaryenSource(in: directory) { return own + [binaryen] }
        if source == .binaryen { throw BenchmarkError("there is no wasm-opt on the PATH (package binaryen)") }
        printNow("no wasm-opt on the PATH: own programs only")
        return own
    }
}

/// The programs of one source, one after the other.
private struct ProgramSeries {
    private let source: any ProgramSource
    private let first: UInt64
    private var next: UInt64
    private var calls = 0
    private var skipped: [String: Int] = [:]
    /// The time that it has taken.
    private(set) var nanoseconds: UInt64 = 0

    init(_ source: any ProgramSource, first: UInt64) {
        self.source = source
        self.first = first
        next = first
    }

    var report: String {
        let reasons = skipped.sorted { $0.key < $1.key }.map { ", \($0.value) skipped (\($0.key))" }.joined()
        let time = fixed(Double(nanoseconds) / 1e9, 0)
        return "\(source.name): \(next - first) programs from \(first) on, \(calls) calls in \(time) s\(reasons)"
    }

    /// Makes and runs a program. A difference is described, and the program written to a file.
    mutating func runNext(in ways: [any FuzzedWay]) throws -> String? {
        let start = monotonicNanoseconds()
        defer {
            next += 1
            nanoseconds += monotonicNanoseconds() - start
        }
        let program: FuzzedProgram
        do {
            program = try source.program(next)
        } catch let error as ProgramSkipped {
            skipped[error.reason, default: 0] += 1
            return nil
        }
        switch try Comparison.run(program, in: ways, calls: &calls) {
        case .same: return nil
        case .skipped(let reason):
            skipped[reason, default: 0] += 1
            return nil
        case .different(let what):
            let path = "fuzz-\(source.name)-\(next).wasm"
            try writeFile(path, program.bytes)
            return "\(source.name) program \(next) (\(path)): \(what)"
        }
    }
}
