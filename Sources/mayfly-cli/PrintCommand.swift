//! `mayfly print`: a module as text.

import ArgumentParser
import WasmText

struct PrintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "print",
        abstract: "Print a module as text.",
        discussion: """
            The text is the same module again for all that take text. Names come from the name section; custom sections are \
            printed as annotations.

            EXIT CODES
            \(CommandFailure.exitCodeTable)
            """)

    @Argument(help: ArgumentHelp("A module, in the binary format or in text.", valueName: "module"))
    var module: String

    func run() throws {
        try reportingFailures(module: module) {
            let file = try ModuleFile(path: module)
            guard !file.isCompiled, !file.isSnapshot else {
                throw CommandFailure(.usage, "\(module) is native code, not a module")
            }
            do throws(PrintError) { print(try WasmText.print(file.bytes), terminator: "") } catch {
                throw CommandFailure(.invalidModule, "\(module): \(error)")
            }
        }
    }
}
