//! What is wrong with a module in the binary format that is to be printed, and where.

/// Bytes that are no module in the binary format, or one with something that the text format has no words for.
public struct PrintError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, in the words of the specification's test suite where it has some.
    public let message: String
    /// In bytes from the beginning of the module.
    public let offset: Int

    public var description: String { "\(message) at byte \(offset) (0x\(String(offset, radix: 16)))" }
}
