//! What the comparison asks of a way to run programs.

import WasmModule

protocol FuzzedWay {
    var name: String { get }

    /// Compiles a program and makes an instance, with a host of its own.
    ///
    /// - Throws: `ProgramSkipped` if it exceeds a limit that is this way's alone.
    func instantiate(_ program: FuzzedProgram) throws -> Instantiation
}

enum Instantiation {
    case guest(any FuzzedGuest)
    /// There is no instance then, nor a memory or variables to be seen.
    case trapped(Observation)
    /// The program is no valid module, it says.
    case refused(String)
}

/// An instance.
protocol FuzzedGuest {
    func call(_ function: FuzzedProgram.Function, _ arguments: [V128]) throws -> Ending

    /// What can be seen now. Host calls are those since the last time.
    func observation(after ending: Ending) throws -> Observation
}
