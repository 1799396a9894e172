//! `mayfly-bench optimizations`: what each optimization of the compiler is worth.
//!
//! Each is left out by itself, and everything is measured beside code that has them all: run time of programs and vector kernels,
//! compile time on one thread, bytes of code. A ratio above 1 is what the code would lose without it. No peer takes part. The
//! fastest of several runs counts: what is looked for is smaller than what the machine's other guests make of a median.

import ArgumentParser
import Compiler
import Mayfly

struct OptimizationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "optimizations",
        abstract: "Run time, compile time and code size without each of the compiler's optimizations.",
        discussion: """
            Ratios of what lacks one to what has all. Programs are Sightglass modules, as for `sightglass`; vector kernels are \
            those of `simd`. The last line is of code that lacks nothing, measured twice: smaller effects are none.

            Optimizations: \(CompilerExperiment.Optimizations.named.map(\.name).joined(separator: ", ")).
            """)

    @Option(
        name: .customLong("repeat"), help: "Runs of each program and compilations of each module; the fastest counts.")
    var repetitions = 5

    @Option(help: "Timed calls of each vector kernel.")
    var samples = 20

    @Option(
        name: .customLong("only"),
        help: ArgumentHelp("Leave out this one; can be repeated. Each of them otherwise.", valueName: "optimization"))
    var names: [String] = []

    @Option(help: ArgumentHelp("The folder of the package's guests.", valueName: "directory"))
    var guests = Guests.defaultDirectory

    @Flag(help: "Show the ratio of each program, not only the mean.")
    var details = false

    @Argument(help: "Modules, or folders with modules in or below them.")
    var paths: [String]

    func validate() throws {
        if repetitions < 1 { throw ValidationError("--repeat must be positive") }
        if samples < 1 { throw ValidationError("--samples must be positive") }
        let known = CompilerExperiment.Optimizations.named.map(\.name)
        for name in names where !known.contains(name) {
            throw ValidationError("there is no optimization '\(name)'; there are: \(known.joined(separator: ", "))")
        }
    }

    func run() throws {
        printNow("machine: \(machineDescription())")
        let chosen = CompilerExperiment.Optimizations.named.filter { names.isEmpty || names.contains($0.name) }
        let pool = PoolConfiguration(slotCount: 2)
        // What has all stands first and last: the faster one is what others are compared with, and how much slower the other one is
        // says how little can be seen.
        let all = try [MayflyContender(name: "all", pool: pool), MayflyContender(name: "all", pool: pool)]
        let without = try chosen.map { name, optimization in
            let experiment = CompilerExperiment(optimizations: .all.subtracting(optimization))
            return try MayflyContender(name: name, pool: pool, code: CodeSettings(experiment: experiment))
        }
        let contenders = [all[0]] + without + [all[1]]
        var effects = chosen.map { Effect(name: $0.name) } + [Effect(name: "nothing")]
        func ratios(_ values: [Double]) -> [Double] {
            let (first, last) = (values[0], values[values.count - 1])
            return values[1..<values.count - 1].map { $0 / min(first, last) } + [max(first, last) / min(first, last)]
        }
        for path in try modules(at: paths) {
            let name = displayName(path)
            let run = try SightglassCommand.measure(path, contenders, repetitions: repetitions).map(\.fastest)
            let bytes = try readFile(path)
            let compile = ratios(try compileTimes(bytes, contenders))
            let size = ratios(try contenders.map { Double(try $0.codeSize(bytes)) })
            for (index, ratio) in ratios(run).enumerated() {
                // Programs with nothing between their marks say nothing.
                if run[0] > 10_000 { effects[index].run.append((name, ratio)) }
                effects[index].compile.append(compile[index])
                effects[index].size.append(size[index])
            }
            printNow("\(name): measured")
        }
        for kernel in SIMDKernel.all {
            let run = try SIMDCommand.measure(kernel.module(in: guests), kernel, contenders, samples: samples)
                .map(\.fastest)
            for (index, ratio) in ratios(run).enumerated() { effects[index].kernels.append((kernel.name, ratio)) }
        }
        printNow(Effect.heading)
        for effect in effects {
            printNow(effect.line)
            guard details else { continue }
            for (name, ratio) in effect.run + effect.kernels { printNow("    \(pad(name, 38))\(fixed(ratio, 3))") }
        }
    }

    private func compileTimes(_ bytes: [UInt8], _ contenders: [MayflyContender]) throws -> [Double] {
        var samples = [[Double]](repeating: [], count: contenders.count)
        for round in 0..<repetitions {
            for position in contenders.indices {
                let index = round.isMultiple(of: 2) ? position : contenders.count - 1 - position
                samples[index].append(try contenders[index].compile(bytes, parallel: false))
            }
        }
        return samples.map { Series($0).fastest }
    }
}

/// Ratios of what lacks an optimization to what has it.
private struct Effect {
    var name: String
    var run: [(name: String, ratio: Double)] = []
    var kernels: [(name: String, ratio: Double)] = []
    var compile: [Double] = []
    var size: [Double] = []

    static let heading =
        pad("without", 24) + ["programs", "kernels", "compile", "size"].map { padLeft($0, 10) }.joined() + "  most"

    var line: String {
        let means = [run.map(\.ratio), kernels.map(\.ratio), compile, size].map { ratios in
            padLeft(geometricMean(ratios).map { fixed($0, 3) } ?? "-", 10)
        }
        let most = (run + kernels).sorted { $0.ratio > $1.ratio }.prefix(3)
            .map { "\($0.name) \(fixed($0.ratio, 2))" }.joined(separator: ", ")
        return pad(name, 24) + means.joined() + "  " + most
    }
}
