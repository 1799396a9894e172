//! `mayfly snapshot`: a program that has started, as a file.

import ArgumentParser
import Mayfly
import MayflyWASI

struct SnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Start a program and write what it has become to a file.",
        discussion: """
            Calls the export _initialize, if there is one, and then the one named by --warm, without arguments, and writes the \
            module's code and the instance's memories, tables and globals to a file. `mayfly run --allow-precompiled` begins \
            there. The file is good for this version of Mayfly and for processors with the features of this one; \
            elsewhere it is refused, never misread.

            Each run of it begins with the same state: with the same seed of random numbers, for one, if the program \
            had made one by then.

            EXIT CODES
            \(CommandFailure.exitCodeTable)
            """)

    @OptionGroup var guest: GuestOptions

    @Option(help: ArgumentHelp("The export to call.", valueName: "export"))
    var warm: String

    @OptionGroup var cache: CacheOptions

    @Flag(help: ModuleFile.allowPrecompiledHelp)
    var allowPrecompiled = false

    @Argument(help: ArgumentHelp("A module, or an earlier snapshot.", valueName: "module"))
    var module: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The file to write. By default MODULE with the extension .snapshot.", valueName: "out"))
    var output: String?

    func run() throws {
        try reportingFailures(module: module) {
            let file = try ModuleFile(path: module)
            let configuration = try guest.configuration(arguments: [file.name])
            let program = try file.program(try ModuleFile.makeEngine(cache), allowingPrecompiled: allowPrecompiled)
            try program.module.checkWarmUp(warm, module)
            var imports = Imports<WASI>()
            imports.defineWASI()
            let template = try program.template(imports)
            do {
                let snapshot = try template.snapshot(
                    of: warm, of: program.module, isStarted: program.isStarted, WASI(configuration))
                try ModuleFile.write(try snapshot.serialized(), to: output ?? "\(file.stem).snapshot")
            } catch let exit as WASIExit {
                throw CommandFailure(
                    .usage,
                    "\(module): the program exited with code \(exit.code) in '\(warm)': nothing is left to take a snapshot of"
                )
            }
        }
    }
}
