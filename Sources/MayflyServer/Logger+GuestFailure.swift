//! A guest's failure in the log, in one call.

public import Logging

extension GuestFailure {
    /// The failure as metadata of a log message: `wasm.failure` (``code``), `wasm.error` (``message``), and
    /// `wasm.backtrace`, a list, if there is one.
    public var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["wasm.failure": "\(code)", "wasm.error": "\(message)"]
        if !backtrace.isEmpty { metadata["wasm.backtrace"] = .array(backtrace.map { .string($0) }) }
        return metadata
    }

    /// How loud such a failure is by default: a guest that goes wrong or is stopped is a warning, for a server goes on
    /// as if nothing were; what the host or its operator has to put right is an error; a defect in Mayfly is critical,
    /// and a cancellation of interest to those only who look for it.
    public var level: Logger.Level {
        switch kind {
        case .trap, .deadline, .fuel, .capacity: .warning
        case .resources, .mismatch, .host: .error
        case .cancellation: .debug
        case .defect: .critical
        }
    }
}

extension Logger {
    /// Logs the error that came out of a guest, with code, backtrace and offsets as metadata.
    ///
    /// ```swift
    /// } catch { logger.log(guestFailure: error, of: "rules") }
    /// ```
    ///
    /// - Parameters:
    ///   - error: what was thrown. It is not handed to the log handler itself, whose output would show texts of the
    ///     guest as they are.
    ///   - name: what the host calls the guest: the metadata `wasm.guest`.
    ///   - level: nil for what fits the failure, ``GuestFailure/level``.
    ///   - message: what the host was about to do.
    public func log(
        guestFailure error: any Error, of name: String? = nil, level: Logger.Level? = nil,
        _ message: @autoclosure () -> Logger.Message = "a guest failed", file: String = #fileID,
        function: String = #function, line: UInt = #line
    ) {
        log(GuestFailure(error), of: name, level: level, message(), file: file, function: function, line: line)
    }

    func log(
        _ failure: GuestFailure, of name: String?, level: Logger.Level?, _ message: @autoclosure () -> Logger.Message,
        file: String, function: String, line: UInt
    ) {
        func metadata() -> Logger.Metadata {
            var metadata = failure.metadata
            if let name { metadata["wasm.guest"] = "\(name)" }
            return metadata
        }
        log(
            level: level ?? failure.level, message(), metadata: metadata(), file: file, function: function, line: line)
    }
}
