//! Which Swift types stand for which WebAssembly types, and how they lie in the 8-byte cells of a call. References are in
//! `WasmReference.swift`.

public import Runtime
public import WasmModule

/// A Swift type that can be a parameter or result of a WebAssembly function.
///
/// The library's conformances are the complete list: `Int32`, `UInt32`, `Int64`, `UInt64`, `Float`, `Double`; `V128` and
/// the `SIMD` types of 128 bits; `FunctionReference?`, `ExternReference?`, and classes that are an ``ExternObject``, with
/// and without `?`.
public protocol WasmValue: SendableMetatype {
    /// The WebAssembly type this Swift type stands for.
    static var wasmType: ValueType { get }
    /// How many cells of a call a value takes.
    static var wasmCellCount: Int { get }
    /// The value in the cells of a call that begin at an address.
    ///
    /// - Throws: `ExternReferenceError` if a reference does not lead to an object that the instance has, of this class.
    static func load(fromWasmCells cells: UnsafePointer<UInt64>, in instance: InstanceCore) throws -> Self
    /// Puts the value into the cells of a call that begin at an address.
    ///
    /// - Throws: `ExternReferenceError` if the instance does not have, or cannot take in, an object.
    func store(toWasmCells cells: UnsafeMutablePointer<UInt64>, in instance: InstanceCore) throws
}

extension WasmValue {
    @inlinable @inline(__always) public static var wasmCellCount: Int { 1 }
}

/// The types whose values are the same in all instances, and take one cell.
public protocol WasmNumber: WasmValue {
    /// The value in a cell of a call.
    init(wasmCell: UInt64)
    /// The value as a cell of a call. The upper half of a 32-bit value's cell is clear.
    var wasmCell: UInt64 { get }
}

extension WasmNumber {
    @inlinable @inline(__always)
    public static func load(fromWasmCells cells: UnsafePointer<UInt64>, in instance: InstanceCore) -> Self {
        Self(wasmCell: cells.pointee)
    }
    @inlinable @inline(__always)
    public func store(toWasmCells cells: UnsafeMutablePointer<UInt64>, in instance: InstanceCore) {
        cells.pointee = wasmCell
    }
}

extension Int32: WasmNumber {
    @inlinable public static var wasmType: ValueType { .i32 }
    @inlinable public init(wasmCell: UInt64) { self = Int32(truncatingIfNeeded: wasmCell) }
    @inlinable public var wasmCell: UInt64 { UInt64(UInt32(bitPattern: self)) }
}

extension UInt32: WasmNumber {
    @inlinable public static var wasmType: ValueType { .i32 }
    @inlinable public init(wasmCell: UInt64) { self = UInt32(truncatingIfNeeded: wasmCell) }
    @inlinable public var wasmCell: UInt64 { UInt64(self) }
}

extension Int64: WasmNumber {
    @inlinable public static var wasmType: ValueType { .i64 }
    @inlinable public init(wasmCell: UInt64) { self = Int64(bitPattern: wasmCell) }
    @inlinable public var wasmCell: UInt64 { UInt64(bitPattern: self) }
}

extension UInt64: WasmNumber {
    @inlinable public static var wasmType: ValueType { .i64 }
    @inlinable public init(wasmCell: UInt64) { self = wasmCell }
    @inlinable public var wasmCell: UInt64 { self }
}

extension Float: WasmNumber {
    @inlinable public static var wasmType: ValueType { .f32 }
    @inlinable public init(wasmCell: UInt64) { self = Float(bitPattern: UInt32(truncatingIfNeeded: wasmCell)) }
    @inlinable public var wasmCell: UInt64 { UInt64(bitPattern) }
}

extension Double: WasmNumber {
    @inlinable public static var wasmType: ValueType { .f64 }
    @inlinable public init(wasmCell: UInt64) { self = Double(bitPattern: wasmCell) }
    @inlinable public var wasmCell: UInt64 { bitPattern }
}

extension V128: WasmValue {
    @inlinable public static var wasmType: ValueType { .v128 }
    @inlinable public static var wasmCellCount: Int { 2 }
    @inlinable @inline(__always)
    public static func load(fromWasmCells cells: UnsafePointer<UInt64>, in instance: InstanceCore) -> V128 {
        V128(low: cells[0], high: cells[1])
    }
    @inlinable @inline(__always)
    public func store(toWasmCells cells: UnsafeMutablePointer<UInt64>, in instance: InstanceCore) {
        cells[0] = low
        cells[1] = high
    }
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
        case .funcref: self = .funcref(cell == 0 ? nil : FunctionReference(record: cell))
        case .externref: self = .externref(cell == 0 ? nil : ExternReference(cell: cell))
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
        case .funcref(let value): V128(low: value?.record ?? 0)
        case .externref(let value): V128(low: value?.cell ?? 0)
        }
    }
}
