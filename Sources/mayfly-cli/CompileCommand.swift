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

    func run() throws {
        try reportingFailures(module: module) {
            let file = try ModuleFile(path: module)
            guard !file.isCompiled else { throw CommandFailure(.usage, "\(module) is compiled already") }
            let compiled = try file.load(try ModuleFile.makeEngine(cache))
            let stem =
                module.hasSuffix(".wasm")
                ? String(module.dropLast(5)) : module.hasSuffix(".wat") ? String(module.dropLast(4)) : module
            try ModuleFile.write(compiled.serialized(), to: output ?? stem + ".mayfly")
        }
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
