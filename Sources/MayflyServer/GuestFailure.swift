//! What went wrong with a guest, in one vocabulary for logs, spans and counters.
//!
//! Invariants: `code` is one of a small fixed set, whatever the guest does, so that it can be a metric's dimension; no
//! text holds a line break or another control character, so that a guest cannot write lines of its own into a log.

public import Mayfly

/// What went wrong with a guest: the error that came out of a call, told as logs, spans and metrics need it.
///
/// ```swift
/// } catch {
///     let failure = GuestFailure(error)
///     status = failure.kind == .deadline ? 504 : failure.kind == .capacity ? 503 : 500
/// }
/// ```
///
/// The texts are safe to log: names that a hostile module gives its functions are in backtraces, and an error's own
/// description shows them as they are, line breaks included. Here they are escaped and cut off.
public struct GuestFailure: Sendable, Hashable, CustomStringConvertible {
    /// Whose business a failure is.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The guest trapped, or gave a host function what it must not: addresses that are not in its memory, text that is
        /// none, references to what it does not have.
        case trap
        /// The guest was stopped at its deadline.
        case deadline
        /// The guest has used up its fuel.
        case fuel
        /// The task that ran the guest was cancelled.
        case cancellation
        /// All slots of the pool were in use.
        case capacity
        /// The system refused memory or something else, or the configuration allows less than the module needs.
        case resources
        /// Module and host do not fit: an import or export is missing or has another type, or the module cannot be
        /// compiled.
        case mismatch
        /// Any other error: a host function threw it, or the host itself.
        case host
        /// A defect in Mayfly (`TrapCode.unexpectedFault`).
        case defect
    }

    /// Whose business it is.
    public let kind: Kind
    /// What it is, in a word: one of ``codes``. For a trap its code, such as `trap.integer_divide_by_zero`.
    public let code: String
    /// What happened, for people, on one line of at most 1000 bytes.
    public let message: String
    /// Why the guest trapped; nil if it did not.
    public let trapCode: TrapCode?
    /// The guest's functions that were active, innermost first, a line each: name, index, module, offset in the
    /// module's binary, and place in its source, as far as they are known. Empty unless the guest trapped.
    public let backtrace: [String]

    /// What `error`, which came out of a guest's call or of the making of its instance, says of the guest.
    public init(_ error: any Error) {
        var trapCode: TrapCode?
        var backtrace: [String] = []
        var text: String?
        switch error {
        case let trap as Trap:
            trapCode = trap.code
            kind =
                switch trap.code {
                case .interrupted: .deadline
                case .outOfFuel: .fuel
                case .unexpectedFault: .defect
                default: .trap
                }
            code = Self.code(of: trap.code)
            text = trap.code.message
            backtrace = trap.backtrace.map(Self.line)
            if trap.omittedFrames > 0 { backtrace.append("… and \(trap.omittedFrames) more") }
        case is MemoryAccessError, GuestStringError.memory: (kind, code) = (.trap, "memory_access")
        case is GuestStringError: (kind, code) = (.trap, "text")
        case is ExternReferenceError: (kind, code) = (.trap, "reference")
        case is LimitError: (kind, code) = (.resources, "limit")
        case is CancellationError: (kind, code) = (.cancellation, "cancelled")
        case PoolError.exhausted: (kind, code) = (.capacity, "pool_exhausted")
        case is PoolError: (kind, code) = (.resources, "pool")
        case LinkError.pool, CompileError.system: (kind, code) = (.resources, "pool")
        case is CallError: (kind, code) = (.mismatch, "call")
        case is LinkError: (kind, code) = (.mismatch, "link")
        case is CopyError: (kind, code) = (.mismatch, "copy")
        case is CompileError: (kind, code) = (.mismatch, "compile")
        case is FuelError: (kind, code) = (.mismatch, "fuel")
        default: (kind, code) = (.host, "host")
        }
        self.trapCode = trapCode
        self.backtrace = backtrace
        message = String(onOneLine: text ?? "\(error)", limit: 1000)
    }

    /// All codes there are.
    public static let codes: [String] =
        TrapCode.allCases.map(code) + [
            "memory_access", "text", "reference", "limit", "cancelled", "pool_exhausted", "pool", "call", "link",
            "copy",
            "compile", "fuel", "host",
        ]

    /// The message, and the innermost function if there is one.
    public var description: String { backtrace.isEmpty ? message : "\(message) in \(backtrace[0])" }

    private static func code(of trap: TrapCode) -> String {
        "trap." + String(trap.message.map { $0 == " " ? "_" : $0 })
    }

    /// Names are cut off: 64 of them may be in a backtrace, each as long as a module can be.
    private static func line(_ frame: Trap.Frame) -> String {
        func shortened(_ name: String) -> String { String(onOneLine: name, limit: 200) }
        var text =
            frame.functionName.map { "\(shortened($0)) (function \(frame.functionIndex))" }
            ?? "function \(frame.functionIndex)"
        if let module = frame.moduleName { text += " in \(shortened(module))" }
        if let offset = frame.offset { text += " at 0x\(String(offset, radix: 16))" }
        if let file = frame.file {
            text += " at \(shortened(file))"
            if let line = frame.line { text += ":\(line)" }
            if frame.line != nil, let column = frame.column { text += ":\(column)" }
        }
        return text
    }
}
