//! `mayfly`: the command line tool. Subcommands are in files of their own, what they share is in `CommandFailure`,
//! `ModuleFile` and `CompilationProgress`.

import ArgumentParser

@main
struct MayflyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mayfly",
        abstract: "Run WebAssembly in disposable sandboxes.",
        discussion: """
            EXIT CODES
            \(CommandFailure.exitCodeTable)
            Errors go to standard error, as `mayfly: …`, and say what happened, where, and what to do.
            """,
        subcommands: [
            RunCommand.self, CompileCommand.self, ValidateCommand.self, InspectCommand.self, PrintCommand.self,
            WastCommand.self, SnapshotCommand.self, InfoCommand.self,
        ])
}
