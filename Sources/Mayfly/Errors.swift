//! The typed errors of engines and modules. Those of templates, instances and calls are the runtime's.

public import Compiler
public import Runtime
public import WasmModule

public import struct WasmText.TextError

/// An engine could not be created.
public enum EngineError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The processor lacks instructions that all compiled code uses (SSE4.1).
    case unsupportedProcessor(missing: [String])
    /// The processor lacks instructions of the set that the configuration asks for.
    case unsupportedInstructionSet(CodeSettings.InstructionSet, missing: [String])
    /// The pool's configuration makes no sense, or the operating system refused its address space.
    case pool(PoolError)
    /// The operating system refused something else.
    case system(operation: String, errno: Int32)

    /// What happened, for people.
    public var description: String {
        switch self {
        case .unsupportedProcessor(let missing):
            "this processor is not supported: it lacks \(missing.joined(separator: ", "))"
        case .unsupportedInstructionSet(let instructionSet, let missing):
            "this processor does not run code of the instruction set \(instructionSet): it lacks \(missing.joined(separator: ", "))"
        case .pool(let error): "\(error)"
        case .system(let operation, let errno): "\(operation) failed: \(systemErrorMessage(errno))"
        }
    }
}

/// A module could not be compiled or loaded.
public enum CompileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text is no module in the text format.
    case text(TextError)
    /// The module is malformed, invalid, or uses something unsupported.
    case module(WasmError)
    /// A valid module exceeds a limit of the compiler: a function is too complex, or the machine code too large. The
    /// text says which, and what to do.
    case compiler(String)
    /// The file could not be read.
    case unreadableFile(path: String, errno: Int32)
    /// The bytes given to `load(compiled:)` cannot be used by this engine.
    case artifact(ArtifactError)
    /// The operating system refused memory for the code.
    case system(operation: String, errno: Int32)

    /// What happened, for people.
    public var description: String {
        switch self {
        case .text(let error): "\(error)"
        case .module(let error): "\(error)"
        case .compiler(let reason): "compilation failed: \(reason)"
        case .unreadableFile(let path, let errno): "\(path): \(systemErrorMessage(errno))"
        case .artifact(let error): "\(error)"
        case .system(let operation, let errno): "\(operation) failed: \(systemErrorMessage(errno))"
        }
    }
}

/// Why a compiled artifact, or a saved snapshot, was refused.
public enum ArtifactError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes do not begin like an artifact.
    case notAnArtifact
    /// The bytes do not begin like a snapshot.
    case notASnapshot
    /// Written by another version of Mayfly.
    case versionMismatch
    /// Written for a processor with features that this one lacks.
    case processorMismatch
    /// The bytes are cut off or changed.
    case corrupted

    /// What happened, for people.
    public var description: String {
        switch self {
        case .notAnArtifact: "not a compiled module"
        case .notASnapshot: "not a snapshot"
        case .versionMismatch: "written by another version of Mayfly: compile the module, or take the snapshot, again"
        case .processorMismatch:
            "the code in it needs a processor with more features: compile the module, or take the snapshot, here"
        case .corrupted: "corrupted: it is cut off, or was changed after it was written"
        }
    }
}
