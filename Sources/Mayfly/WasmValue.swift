//! Which Swift types stand for which WebAssembly types, and how they lie in the 8-byte cells of a call.

public import Runtime
public import WasmModule

/// A Swift type that can be a parameter or result of a WebAssembly function.
///
/// The library's conformances are the complete list: `Int32`, `UInt32`, `Int64`, `UInt64`, `Float`, `Double`,
/// `V128`, `FunctionReference?` and `ExternReference?`.
public protocol WasmValue: Sendable {
    /// The WebAssembly type this Swift type stands for.
    static var wasmType: ValueType { get }
    /// The value in a cell of a call. Of a v128, the first of its two.
    init(wasmCell: UInt64)
    /// The value as a cell of a call. The upper half of a 32-bit value's cell is clear.
    var wasmCell: UInt64 { get }
    /// How many cells of a call a value takes.
    static var wasmCellCount: Int { get }
    /// The value in the cells of a call that begin at an address.
    init(wasmCells: UnsafePointer<UInt64>)
    /// Puts the value into the cells of a call that begin at an address.
    func store(toWasmCells cells: UnsafeMutablePointer<UInt64>)
}

extension WasmValue {
    @inlinable @inline(__always) public static var wasmCellCount: Int { 1 }
    @inlinable @inline(__always) public init(wasmCells: UnsafePointer<UInt64>) {
        self.init(wasmCell: wasmCells.pointee)
    }
    @inlinable @inline(__always)
    public func store(toWasmCells cells: UnsafeMutablePointer<UInt64>) { cells.pointee = wasmCell }
}

extension Int32: WasmValue {
    @inlinable public static var wasmType: ValueType { .i32 }
    @inlinable public init(wasmCell: UInt64) { self = Int32(truncatingIfNeeded: wasmCell) }
    @inlinable public var wasmCell: UInt64 { UInt64(UInt32(bitPattern: self)) }
}

extension UInt32: WasmValue {
    @inlinable public static var wasmType: ValueType { .i32 }
    @inlinable public init(wasmCell: UInt64) { self = UInt32(truncatingIfNeeded: wasmCell) }
    @inlinable public var wasmCell: UInt64 { UInt64(self) }
}

extension Int64: WasmValue {
    @inlinable public static var wasmType: ValueType { .i64 }
    @inlinable public init(wasmCell: UInt64) { self = Int64(bitPattern: wasmCell) }
    @inlinable public var wasmCell: UInt64 { UInt64(bitPattern: self) }
}

extension UInt64: WasmValue {
    @inlinable public static var wasmType: ValueType { .i64 }
    @inlinable public init(wasmCell: UInt64) { self = wasmCell }
    @inlinable public var wasmCell: UInt64 { self }
}

extension Float: WasmValue {
    @inlinable public static var wasmType: ValueType { .f32 }
    @inlinable public init(wasmCell: UInt64) { self = Float(bitPattern: UInt32(truncatingIfNeeded: wasmCell)) }
    @inlinable public var wasmCell: UInt64 { UInt64(bitPattern) }
}

extension Double: WasmValue {
    @inlinable public static var wasmType: ValueType { .f64 }
    @inlinable public init(wasmCell: UInt64) { self = Double(bitPattern: wasmCell) }
    @inlinable public var wasmCell: UInt64 { bitPattern }
}

extension V128: WasmValue {
    @inlinable public static var wasmType: ValueType { .v128 }
    @inlinable public init(wasmCell: UInt64) { self.init(low: wasmCell) }
    @inlinable public var wasmCell: UInt64 { low }
    @inlinable public static var wasmCellCount: Int { 2 }
    @inlinable public init(wasmCells: UnsafePointer<UInt64>) { self.init(low: wasmCells[0], high: wasmCells[1]) }
    @inlinable
    public func store(toWasmCells cells: UnsafeMutablePointer<UInt64>) {
        cells[0] = low
        cells[1] = high
    }
}

/// The types whose optionals are WebAssembly's nullable references.
public protocol WasmReference: Sendable {
    /// The WebAssembly type of the nullable reference.
    static var wasmType: ValueType { get }
    /// From a nonzero cell.
    init(wasmReferenceCell: UInt64)
    /// Nonzero.
    var wasmReferenceCell: UInt64 { get }
}

extension FunctionReference: WasmReference {
    @inlinable public static var wasmType: ValueType { .funcref }
    @inlinable public init(wasmReferenceCell: UInt64) { self.init(record: wasmReferenceCell) }
    @inlinable public var wasmReferenceCell: UInt64 { record }
}

extension ExternReference: WasmReference {
    @inlinable public static var wasmType: ValueType { .externref }
    @inlinable public init(wasmReferenceCell: UInt64) {
        self.init(handle: UInt32(truncatingIfNeeded: wasmReferenceCell &- 1))
    }
    @inlinable public var wasmReferenceCell: UInt64 { UInt64(handle) &+ 1 }
}

extension Optional: WasmValue where Wrapped: WasmReference {
    @inlinable public static var wasmType: ValueType { Wrapped.wasmType }
    @inlinable public init(wasmCell: UInt64) {
        self = wasmCell == 0 ? nil : Wrapped(wasmReferenceCell: wasmCell)
    }
    @inlinable public var wasmCell: UInt64 { self?.wasmReferenceCell ?? 0 }
}

/// A value of any WebAssembly type, where the type is known at run time only.
public enum Value: Hashable, Sendable {
    /// 32 bits, which operators take as signed or unsigned.
    case i32(Int32)
    /// 64 bits, which operators take as signed or unsigned.
    case i64(Int64)
    /// A single-precision number.
    case f32(Float)
    /// A double-precision number.
    case f64(Double)
    /// 128 bits, which operators take as lanes.
    case v128(V128)
    /// A reference to a function; nil is the null reference.
    case funcref(FunctionReference?)
    /// A reference to something of the host's; nil is the null reference.
    case externref(ExternReference?)

    /// The WebAssembly type of this value.
    public var type: ValueType {
        switch self {
        case .i32: .i32
        case .i64: .i64
        case .f32: .f32
        case .f64: .f64
        case .v128: .v128
        case .funcref: .funcref
        case .externref: .externref
        }
    }

    /// The value in its cells, or nil if no case stands for the type. The second cell counts for a v128 only.
    init?(cells: V128, type: ValueType) {
        let cell = cells.low
        switch type {
        case .i32: self = .i32(Int32(wasmCell: cell))
        case .i64: self = .i64(Int64(wasmCell: cell))
        case .f32: self = .f32(Float(wasmCell: cell))
        case .f64: self = .f64(Double(wasmCell: cell))
        case .v128: self = .v128(cells)
        case .funcref: self = .funcref(FunctionReference?(wasmCell: cell))
        case .externref: self = .externref(ExternReference?(wasmCell: cell))
        default: return nil
        }
    }

    /// The cells of a call that the value takes; the second is 0 unless it is a v128.
    var cells: V128 {
        switch self {
        case .i32(let value): V128(low: value.wasmCell)
        case .i64(let value): V128(low: value.wasmCell)
        case .f32(let value): V128(low: value.wasmCell)
        case .f64(let value): V128(low: value.wasmCell)
        case .v128(let value): value
        case .funcref(let value): V128(low: value.wasmCell)
        case .externref(let value): V128(low: value.wasmCell)
        }
    }
}
