//! `mayfly compile` and `mayfly validate`.

import ArgumentParser
import Mayfly
import WasmModule

struct CompileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compile",
        abstract: "Compile a module ahead of time.",
        discussion: """
            Writes native code that `mayfly run --allow-precompiled` loads without compiling. It is good for this version of Mayfly and \
            for processors with the features of this one; elsewhere it is refused, never misread.

            --timings shows on standard error what each step took, all threads together.

            EXIT CODES
            \(CommandFailure.exitCodeTable)
            """)

    @OptionGroup var cache: CacheOptions

    @Argument(help: ArgumentHelp("A module, in the binary format or in text.", valueName: "module"))
    var module: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The file to write. By default MODULE with the extension .mayfly.", valueName: "out"))
    var output: String?

    @Flag(help: "Show what took how long. What has been compiled before is compiled again.")
    var timings = false

    @Flag(help: "Make code that takes fuel: good for `mayfly run --fuel` only.")
    var fuel = false

    func run() throws {
        try reportingFailures(module: module) {
            let file = try ModuleFile(path: module)
            guard !file.isCompiled else { throw CommandFailure(.usage, "\(module) is compiled already") }
            let monitor = CompilationMonitor(takesTimes: timings)
            var cache = cache
            if timings { cache.noCache = true }
            let compiled = try file.load(try ModuleFile.makeEngine(cache), metersFuel: fuel, monitor: monitor)
            if timings { writeToStandardError(Self.table(monitor.timings)) }
            try ModuleFile.write(compiled.serialized(), to: output ?? "\(file.stem).mayfly")
        }
    }
}

extension CompileCommand {
    /// A line for each step.
    static func table(_ timings: CompilationMonitor.Timings) -> String {
        func line(_ columns: [String]) -> String {
            let numbers = columns.dropFirst().map { String(repeating: " ", count: max(12 - $0.count, 1)) + $0 }
            return columns[0].padded(24) + numbers.joined() + "\n"
        }
        func decimal(_ value: Double, _ digits: Int) -> String {
            var scaled = Int((value * [1, 10, 100, 1000][digits]).rounded())
            var text = ""
            for _ in 0..<digits {
                text = "\(scaled % 10)" + text
                scaled /= 10
            }
            return "\(scaled).\(text)"
        }
        func row(_ name: String, _ nanoseconds: UInt64) -> String {
            let time = Double(nanoseconds)
            let share = 100 * time / Double(max(timings.total, 1))
            let perOperator = time / Double(max(timings.operators, 1))
            return line([name, decimal(time / 1e6, 3), decimal(share, 1), decimal(perOperator, 1)])
        }
        var text = line(["step", "ms", "%", "ns/operator"])
        for step in CompilationMonitor.Step.allCases { text += row(step.name, timings[step]) }
        text += row("all", timings.total)
        text += "\(timings.functions) functions, \(timings.operators) operators, \(timings.codeBytes) bytes of code, "
        text += "\(timings.threads) \(timings.threads == 1 ? "thread" : "threads")\n"
        return text
    }
}

struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check modules without compiling them.",
        discussion: """
            Says nothing about valid modules. For each other one a line on standard error says what is wrong, and at \
            which offset in bytes. All files are looked at; the exit code is that of the first failure.

            EXIT CODES
            \(CommandFailure.exitCodeTable)
            """)

    @Argument(help: ArgumentHelp("Modules, in the binary format or in text.", valueName: "file"))
    var files: [String]

    func run() throws {
        var firstFailure: ExitCode?
        for path in files {
            do {
                try reportingFailures(module: path) {
                    let file = try ModuleFile(path: path)
                    do {
                        try DecodedModule(decoding: file.bytes).validateBodies()
                    } catch let error as WasmError {
                        throw CommandFailure(.invalidModule, "\(path): \(error)")
                    }
                }
            } catch let exit as ExitCode {
                firstFailure = firstFailure ?? exit
            }
        }
        if let firstFailure { throw firstFailure }
    }
}
