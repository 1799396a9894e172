//! The error a guest's trap becomes: why it stopped and where.

public import Compiler

/// A guest stopped by a trap.
///
/// The instance stays usable, with the memory, tables and globals that the guest left behind, unless it was interrupted
/// at a deadline.
public struct Trap: Error, Sendable, Hashable, CustomStringConvertible {
    /// One function on the guest's stack.
    public struct Frame: Sendable, Hashable {
        /// Index in the module's function space, imports first.
        public var functionIndex: Int
        /// The name the module's name section gives.
        public var functionName: String?
        /// The name the name section gives the module; only where functions of several are on the stack.
        public var moduleName: String?
        /// Bytes from the start of the module's binary to the instruction, when it is known.
        public var offset: Int?
        /// The source file the instruction comes from, as the module's DWARF gives it: absolute, or relative to the
        /// directory in which the compiler ran. Nil if that has no line for the instruction.
        public var file: String?
        /// The line in `file`, from 1. Nil if there is no file, or the compiler names no single line.
        public var line: Int?
        /// The column in `line` in bytes, from 1. Nil if it is not known.
        public var column: Int?

        /// A frame of the function with an index.
        public init(
            functionIndex: Int, functionName: String? = nil, moduleName: String? = nil, offset: Int? = nil,
            file: String? = nil, line: Int? = nil, column: Int? = nil
        ) {
            self.functionIndex = functionIndex
            self.functionName = functionName
            self.moduleName = moduleName
            self.offset = offset
            self.file = file
            self.line = line
            self.column = column
        }
    }

    /// Frames kept in a backtrace.
    public static let maximumFrames = 64

    /// Why the guest stopped.
    public var code: TrapCode
    /// The innermost frames, innermost first; at most `maximumFrames`.
    public var backtrace: [Frame]
    /// Further frames that the guest's stack held, not in `backtrace`.
    public var omittedFrames: Int

    /// A trap with the frames that are known.
    public init(code: TrapCode, backtrace: [Frame] = [], omittedFrames: Int = 0) {
        self.code = code
        self.backtrace = backtrace
        self.omittedFrames = omittedFrames
    }

    /// The reason, and a line for each frame.
    public var description: String {
        var text = "wasm trap: \(code.message)"
        for (number, frame) in backtrace.enumerated() {
            text += "\n  \(number): \(frame.functionName ?? "function \(frame.functionIndex)")"
            if frame.functionName != nil { text += " (function \(frame.functionIndex))" }
            if let module = frame.moduleName { text += " in \(module)" }
            if let offset = frame.offset { text += " at 0x\(String(offset, radix: 16))" }
            if let file = frame.file {
                text += " at \(file)"
                if let line = frame.line { text += ":\(line)" }
                if frame.line != nil, let column = frame.column { text += ":\(column)" }
            }
        }
        if omittedFrames > 0 { text += "\n  … and \(omittedFrames) more" }
        return text
    }
}
