//! `mayfly wast`: scripts of the specification's test suite.

import ArgumentParser
import Mayfly
import WasmScript
import WasmText

struct WastCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wast",
        abstract: "Run scripts of the specification's test suite.",
        discussion: """
            Prints a line for each command that failed, and for each file how many commands passed, failed, or need \
            something that Mayfly does not support. The exit code is 1 if any command failed, or with --strict if any \
            needs something unsupported.

            EXIT CODES
              1  a command failed
            \(CommandFailure.exitCodeTable)
            """)

    @Argument(help: ArgumentHelp("Scripts (.wast).", valueName: "file"))
    var files: [String]

    @Flag(help: "What is unsupported counts as failed, and is listed.")
    var strict = false

    func run() throws {
        var hasFailed = false
        for path in files {
            try reportingFailures(module: path) {
                let script = try Script(parsing: try ModuleFile.read(path), fileName: path)
                // Scripts keep many instances alive.
                let engine = try Engine(Engine.Configuration(pool: PoolConfiguration(slotCount: 1000)))
                var runner = ScriptRunner(engine: engine)
                let report = runner.run(script)
                for entry in report.failures { print("\(path):\(entry.line): \(entry.message)") }
                if strict {
                    for entry in report.unsupported { print("\(path):\(entry.line): unsupported: \(entry.message)") }
                }
                print(
                    "\(path): \(report.passed) passed, \(report.failures.count) failed, "
                        + "\(report.unsupported.count) unsupported")
                hasFailed = hasFailed || !report.failures.isEmpty || (strict && !report.unsupported.isEmpty)
            }
        }
        if hasFailed { throw ExitCode.failure }
    }
}
