//! Operations that compiled code leaves to the runtime, by number.
//!
//! Compiled code calls them like an imported function: through the stub that switches to the host stack, with their
//! arguments and result in an array of 8-byte cells. Arguments and results here are in cell order. i32 cells have their upper
//! half clear. A function that traps returns a nonzero status and the stub unwinds.

public enum RuntimeFunction: UInt32, Sendable, CaseIterable {
    /// (delta: i32 pages, memory) → i32 previous size or -1
    case memoryGrow = 0
    /// (destination, source, length, destination memory, source memory)
    case memoryCopy
    /// (destination, value, length, memory)
    case memoryFill
    /// (destination, source, length, segment, memory)
    case memoryInit
    /// (segment)
    case dataDrop
    /// (value: ref, delta, table) → i32 previous size or -1
    case tableGrow
    /// (destination, source, length, destination table, source table)
    case tableCopy
    /// (destination, value: ref, length, table)
    case tableFill
    /// (destination, source, length, segment, table)
    case tableInit
    /// (segment)
    case elementDrop

    // Vectors, two cells each, → v128. Code without FMA calls them; the IR does not know them.

    /// (a, b, c) → a · b + c, rounded once
    case multiplyAddF32x4
    /// (a, b, c) → −(a · b) + c, rounded once
    case negatedMultiplyAddF32x4
    case multiplyAddF64x2
    case negatedMultiplyAddF64x2

    public var argumentCount: Int {
        switch self {
        case .dataDrop, .elementDrop: 1
        case .memoryGrow: 2
        case .tableGrow, .multiplyAddF32x4, .negatedMultiplyAddF32x4, .multiplyAddF64x2, .negatedMultiplyAddF64x2: 3
        case .memoryFill, .tableFill: 4
        case .memoryCopy, .memoryInit, .tableCopy, .tableInit: 5
        }
    }
    /// Whether there is one of i32.
    public var hasResult: Bool { self == .memoryGrow || self == .tableGrow }
}
