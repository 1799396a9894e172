//! What the comparison asks of a way to run programs.

import WasmModule

protocol FuzzedWay {
    var name: String { get }

    /// Compiles a program and makes an instance, with a host of its own.
    func instantiate(_ program: FuzzedProgram) throws -> Instantiation
}

enum Instantiation {
    case guest(any FuzzedGuest)
    /// There is no instance then, nor a memory or variables to be seen.
    case trapped(Observation)
    /// It does not compile. Programs are far too small for any limit of a compiler.
    case refused(String)
}

/// An instance.
protocol FuzzedGuest {
    func call(_ function: FuzzedProgram.Function, _ arguments: [V128]) throws -> Ending

    /// What can be seen now. Host calls are those since the last time.
    func observation(after ending: Ending) throws -> Observation
}
