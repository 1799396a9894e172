//! References as the host sees them. In a cell, null is 0 in both kinds.

/// A function of a guest, as the guest passes it around.
///
/// It belongs to the module it came from: handing it to an instance of another module is refused with
/// ``CallError/foreignFunctionReference``.
public struct FunctionReference: Hashable, Sendable {
    /// Address of the function's record. Never 0.
    public let record: UInt64

    /// From the address of a record, which must be one that a guest gave out.
    @inlinable public init(record: UInt64) { self.record = record }
}

/// Something of the host's, by a number that the host chose. A guest can hold and return it, but not make or read it.
public struct ExternReference: Hashable, Sendable {
    /// The number; any that 32 bits hold.
    public var handle: UInt32

    /// From the number that stands for what is meant.
    @inlinable public init(handle: UInt32) { self.handle = handle }
}
