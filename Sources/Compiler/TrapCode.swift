//! Why compiled code stops. Recorded per code offset by the compiler; turned into an error by the runtime.

/// The reason for a trap, as the WebAssembly specification words it.
public enum TrapCode: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    /// The instruction `unreachable`.
    case unreachable = 1
    /// A load, store or bulk operation outside of the memory, or of a data segment.
    case memoryOutOfBounds
    /// A table instruction outside of the table, or of an element segment.
    case tableOutOfBounds
    /// `call_indirect` with an index beyond the table.
    case undefinedElement
    /// `call_indirect` of a null element.
    case uninitializedElement
    /// `call_indirect` of a function of another type.
    case indirectCallTypeMismatch
    /// Division or remainder by zero.
    case integerDivideByZero
    /// The quotient, or a float converted to an integer, has no place in the type.
    case integerOverflow
    /// A NaN converted to an integer.
    case invalidConversionToInteger
    /// Calls nest deeper than the guest's stack, or than host functions may.
    case callStackExhausted
    /// A deadline passed while the guest ran. The instance cannot be called any more.
    case interrupted
    /// Code that meters fuel had used up what it was given. The instance can be called again when it has more.
    case outOfFuel
    /// A fault at an instruction that has no entry in the trap table. It means a defect in Mayfly.
    case unexpectedFault

    /// The specification suite's wording.
    public var message: String {
        switch self {
        case .unreachable: "unreachable"
        case .memoryOutOfBounds: "out of bounds memory access"
        case .tableOutOfBounds: "out of bounds table access"
        case .undefinedElement: "undefined element"
        case .uninitializedElement: "uninitialized element"
        case .indirectCallTypeMismatch: "indirect call type mismatch"
        case .integerDivideByZero: "integer divide by zero"
        case .integerOverflow: "integer overflow"
        case .invalidConversionToInteger: "invalid conversion to integer"
        case .callStackExhausted: "call stack exhausted"
        case .interrupted: "interrupted at its deadline"
        case .outOfFuel: "out of fuel"
        case .unexpectedFault: "fault at an instruction that cannot fault"
        }
    }
}
