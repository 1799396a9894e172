//! References as the host sees them. In a cell, null is 0 in both kinds.
//!
//! The cell of an external reference holds a number of the host's and one, or, with the highest bit set, the number of
//! an object in a table (`ObjectTable`). Neither is an address: whatever a guest keeps and hands back, to whomever, is
//! looked up.

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

/// Something of the host's that a guest can hold and return, but not make or read: a number that the host chose, or an
/// object.
public struct ExternReference: Hashable, Sendable {
    /// As it is in the guest. Never 0.
    public let cell: UInt64

    /// From a cell that is not 0.
    @inlinable public init(cell: UInt64) { self.cell = cell }

    /// From the number that stands for what is meant.
    @inlinable public init(handle: UInt32) { cell = UInt64(handle) &+ 1 }

    /// The number; nil if the reference is one to an object, so that no guest can pass the one for the other.
    @inlinable public var handle: UInt32? { cell <= Self.lastNumber ? UInt32(truncatingIfNeeded: cell &- 1) : nil }

    /// It was made of an object.
    @inlinable public var isObject: Bool { cell & Self.objectBit != 0 }

    @usableFromInline static var lastNumber: UInt64 { 1 << 32 }
    @usableFromInline static var objectBit: UInt64 { 1 << 63 }
    /// The cell of a reference to an object that is nowhere: what a file has in place of all of them.
    static var nowhere: UInt64 { objectBit }
}

/// A reference that came from a guest does not lead to the object that the host expects.
///
/// The guest chose which of its references to pass, so this is the guest's fault; in a host function that does not
/// catch it, the call into the guest fails with it.
public enum ExternReferenceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Null, where there must be an object.
    case null(expected: String)
    /// A number, where there must be an object.
    case notAnObject(expected: String)
    /// An object of another class.
    case wrongClass(expected: String, actual: String)
    /// An object that this instance does not have: it was handed to another one, or to the one that this is a copy of,
    /// or has been taken back.
    case unknownObject
    /// The guest would hold more objects than it may (`ResourceLimits/objects`).
    case tooManyObjects(limit: Int)

    /// What happened, for people.
    public var description: String {
        switch self {
        case .null(let expected): "a null reference where there must be an object of class \(expected)"
        case .notAnObject(let expected):
            "the number of an external reference where there must be an object of class \(expected)"
        case .wrongClass(let expected, let actual):
            "a reference to an object of class \(actual) where there must be one of class \(expected)"
        case .unknownObject:
            "a reference to an object that the instance does not have: it was handed to another instance, or to the one that "
                + "this is a copy of, or has been taken back"
        case .tooManyObjects(let limit):
            "the guest holds references to \(limit) objects, and may not have more: take back those that it needs no longer, or "
                + "raise the limit"
        }
    }
}
