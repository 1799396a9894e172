//! The type grammar of WebAssembly: value types, function types, limits, and the types of what a module imports
//! and exports. A value type is one integer, so that compiler tables hold it without indirection and typed
//! references (heap types that name a type index) are further values of it, not another representation.

/// The type of a value: a number, a vector or a reference.
///
/// Encoded as one 32-bit integer. The low byte is the binary format's type byte; for references the upper bits hold
/// nullability and heap type.
@frozen
public struct ValueType: Hashable, Sendable, BitwiseCopyable {
    /// The encoding; equal for equal types.
    public let bits: UInt32

    /// From an encoding. Types that exist have the names below.
    @inlinable public init(bits: UInt32) { self.bits = bits }

    /// 32-bit integers; signedness is a matter of operations.
    @inlinable public static var i32: ValueType { ValueType(bits: 0x7F) }
    /// 64-bit integers.
    @inlinable public static var i64: ValueType { ValueType(bits: 0x7E) }
    /// IEEE 754 single precision.
    @inlinable public static var f32: ValueType { ValueType(bits: 0x7D) }
    /// IEEE 754 double precision.
    @inlinable public static var f64: ValueType { ValueType(bits: 0x7C) }
    /// 128-bit vectors; how they are divided into lanes is a matter of operations.
    @inlinable public static var v128: ValueType { ValueType(bits: 0x7B) }
    /// Nullable references to functions.
    @inlinable public static var funcref: ValueType { ValueType(bits: 0x70) }
    /// Nullable references to what the host means by them.
    @inlinable public static var externref: ValueType { ValueType(bits: 0x6F) }

    /// Whether it is a reference type.
    @inlinable public var isReference: Bool { bits & 0xFF <= 0x70 }
    /// Whether it is i32, i64, f32 or f64.
    @inlinable public var isNumber: Bool { bits >= 0x7C && bits <= 0x7F }
}

extension ValueType: CustomStringConvertible {
    /// The name in the text format.
    public var description: String {
        switch self {
        case .i32: "i32"
        case .i64: "i64"
        case .f32: "f32"
        case .f64: "f64"
        case .v128: "v128"
        case .funcref: "funcref"
        case .externref: "externref"
        default: "type 0x\(String(bits, radix: 16))"
        }
    }
}

/// The types of a function's parameters and results.
public struct FunctionType: Hashable, Sendable {
    /// What a call takes, first argument first.
    public var parameters: [ValueType]
    /// What a call gives.
    public var results: [ValueType]

    /// A type by its parts.
    public init(parameters: [ValueType] = [], results: [ValueType] = []) {
        self.parameters = parameters
        self.results = results
    }
}

/// The size range of a memory (in 64 KiB pages) or of a table (in elements).
public struct Limits: Hashable, Sendable {
    /// The size at first.
    public var minimum: UInt64
    /// The size it may grow to; nil if the module sets no limit.
    public var maximum: UInt64?

    /// A range by its ends.
    public init(minimum: UInt64, maximum: UInt64? = nil) {
        self.minimum = minimum
        self.maximum = maximum
    }
}

/// The type of a linear memory. Limits are in pages of 64 KiB.
public struct MemoryType: Hashable, Sendable {
    /// In pages of 64 KiB.
    public var limits: Limits
    /// Addresses and sizes are i64, not i32.
    public var is64: Bool
    /// Threads share it. Not accepted by the validator yet.
    public var isShared: Bool

    /// A type by its parts.
    public init(limits: Limits, is64: Bool = false, isShared: Bool = false) {
        self.limits = limits
        self.is64 = is64
        self.isShared = isShared
    }

    /// The type of addresses and sizes.
    public var address: ValueType { is64 ? .i64 : .i32 }

    /// Bytes in a page of linear memory.
    public static let pageSize: UInt64 = 65_536
}

/// The type of a table. Limits are in elements.
public struct TableType: Hashable, Sendable {
    /// The type of what it holds, a reference.
    public var element: ValueType
    /// In elements.
    public var limits: Limits
    /// Indices and sizes are i64, not i32.
    public var is64: Bool

    /// A type by its parts.
    public init(element: ValueType, limits: Limits, is64: Bool = false) {
        self.element = element
        self.limits = limits
        self.is64 = is64
    }

    /// The type of indices and sizes.
    public var address: ValueType { is64 ? .i64 : .i32 }
}

/// The type of a global variable.
public struct GlobalType: Hashable, Sendable {
    /// The type of what it holds.
    public var value: ValueType
    /// Whether it can be written after instantiation.
    public var isMutable: Bool

    /// A type by its parts.
    public init(value: ValueType, isMutable: Bool) {
        self.value = value
        self.isMutable = isMutable
    }
}
