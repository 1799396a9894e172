//! How the tool fails: one error type with an exit code and a message, and the rules that make one of every other
//! error.

import ArgumentParser
import Glibc
import Mayfly
import MayflyWASI
import WasmText

/// Ends the tool with a message and an exit code (those of sysexits.h, and 128 + SIGABRT for traps).
struct CommandFailure: Error {
    enum Code: Int32 {
        case usage = 64
        case invalidModule = 65
        case noInput = 66
        case unavailable = 69
        case internalError = 70
        case system = 71
        case cannotCreate = 73
        case trap = 134
    }

    static let exitCodeTable = """
          0  success
         64  usage: options or arguments make no sense, or no export fits
         65  invalid module, one beyond a limit, one that imports what is not there, or compiled code not allowed
         66  a file or directory cannot be read
         69  this processor lacks what Mayfly needs, or a tool is missing
         70  internal error, a defect in Mayfly
         71  the operating system refused memory or another resource
         73  the output file cannot be written
        134  the guest trapped; its backtrace is on standard error
        Other codes of `mayfly run` are the guest's own, as given to proc_exit (the system keeps the lowest 8 \
        bits of them). A guest can give any of the above too.

        """

    var code: Code
    var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// What an error of the library means for the user of the tool.
    init(_ error: any Error, module path: String) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let trap as Trap: self.init(.trap, "\(trap)")
        case let error as CompileError: self.init(error, path)
        // Says itself in which file.
        case let error as TextError: self.init(.invalidModule, "\(error)")
        case let error as EngineError:
            switch error {
            case .unsupportedProcessor, .unsupportedInstructionSet: self.init(.unavailable, "\(error)")
            case .pool, .system: self.init(.system, "\(error)")
            }
        case let error as LinkError:
            switch error {
            case .pool(let error): self.init(.system, "\(path): \(error)")
            case .unknownImport, .incompatibleImport, .needsInstance, .foreignModule, .foreignInstance:
                self.init(
                    .invalidModule,
                    "\(path): \(error); mayfly provides the modules wasi_snapshot_preview1 and wasi_unstable only")
            }
        case let error as LimitError: self.init(.invalidModule, "\(path): \(error)")
        case let error as PoolError: self.init(.system, "\(path): \(error)")
        case let error as CopyError: self.init(.internalError, "\(path): \(error)")
        case let error as WASI.DirectoryError: self.init(.noInput, "\(error)")
        default: self.init(.internalError, "\(path): \(error)")
        }
    }

    private init(_ error: CompileError, _ path: String) {
        switch error {
        case .text: self.init(.invalidModule, "\(error)")
        case .module: self.init(.invalidModule, "\(path): \(error)")
        // A limit that the module exceeds; the error says which, and what to do.
        case .compiler: self.init(.invalidModule, "\(path): \(error)")
        case .unreadableFile: self.init(.noInput, "\(error)")
        case .artifact: self.init(.invalidModule, "\(path): \(error)")
        case .system: self.init(.system, "\(path): \(error)")
        }
    }
}

/// Runs a subcommand's work; reports a failure on standard error and ends with its code.
func reportingFailures(module path: String, _ work: () throws -> Void) throws {
    do {
        try work()
    } catch let exit as ExitCode {
        throw exit
    } catch {
        let failure = CommandFailure(error, module: path)
        writeToStandardError("mayfly: \(failure.message)\n")
        throw ExitCode(failure.code.rawValue)
    }
}

/// Past any buffer, and after all that was printed.
func writeToStandardError(_ text: String) {
    fflush(nil)
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let written = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        if written < 0, errno != EINTR { return }
        bytes = bytes.dropFirst(max(written, 0))
    }
}
