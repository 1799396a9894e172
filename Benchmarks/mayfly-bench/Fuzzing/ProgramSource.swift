//! Where random programs come from; and the source that is always there, the project's own generator.

import TestSupport

protocol ProgramSource: AnyObject {
    /// What it is called on the command line and in reports.
    var name: String { get }

    /// The program with a number: always the same.
    ///
    /// - Throws: `ProgramSkipped` if it made none that can be compared.
    func program(_ number: UInt64) throws -> FuzzedProgram
}

/// Programs that the compiler's tests are made of too.
final class OwnSource: ProgramSource {
    let name = "own"

    func program(_ number: UInt64) throws -> FuzzedProgram {
        var random = SeededGenerator(seed: number)
        let options = ModuleGenerator.Options(
            canTrap: Bool.random(using: &random), callsRuntime: Bool.random(using: &random),
            importedFunctions: random.oneIn(2) ? 0 : random.below(4), work: 5000)
        return try FuzzedProgram(
            number: number, bytes: ModuleGenerator.module(seed: number, options: options).bytes)
    }
}
