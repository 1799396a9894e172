//! How large a module may be. All limits exist so that a hostile module costs memory and time in proportion to its
//! bytes; where the WebAssembly JavaScript Interface ("Limits") names a number that engines agree on, it is that number
//! unless the comment says otherwise.

/// Bounds that decoding and validation enforce with `WasmError.Kind.limitExceeded`.
public struct ImplementationLimits: Hashable, Sendable {
    /// Bytes of the binary: 1 GiB.
    public var moduleSize = 1 << 30
    /// Entries of the type section.
    public var types = 1_000_000
    /// Parameters of a function type.
    public var parameters = 1_000
    /// Results of a function type.
    public var results = 1_000
    /// Imported and defined functions.
    public var functions = 1_000_000
    public var imports = 100_000
    public var exports = 100_000
    /// Imported and defined globals.
    public var globals = 100_000
    /// Imported and defined memories.
    public var memories = 100
    /// Imported and defined tables. Ours: every table may be part of what an instance resets.
    public var tables = 1_000
    /// Pages of 64 KiB a memory with 32-bit addresses may declare, as minimum or maximum. 65,536 is all that they reach, and
    /// a larger declaration is invalid in itself. Of a memory with 64-bit addresses the pool decides what it can be given.
    public var memoryPages = 65_536
    public var elementSegments = 100_000
    /// Items of all element segments together. Ours: an item can be one byte in the binary.
    public var elementItems = 10_000_000
    public var dataSegments = 100_000
    /// Bytes of one function body, locals included.
    public var functionBodySize = 7_654_321
    /// Locals of a function, parameters included.
    public var locals = 50_000
    /// Nested `block`, `loop` and `if` in a function, the body itself included. Ours: the deepest nesting that
    /// compilers produce comes from `switch` and stays far below.
    public var controlDepth = 65_536
    /// Values on the operand stack. Ours: one two-byte call can push `results` of them.
    public var operandDepth = 1_000_000
    /// Instructions of a constant expression, its `end` included. Ours.
    public var constantExpressionInstructions = 1_000
    /// Bytes of one name. Ours.
    public var nameSize = 100_000
    /// Custom sections. Ours: one can be three bytes in the binary.
    public var customSections = 100_000

    public init() {}

    public static let `default` = ImplementationLimits()
}
