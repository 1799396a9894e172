//! Swift's own vectors of 128 bits as typed parameters and results, beside `V128`.
//!
//! Lane 0 has the lowest address in Swift and the lowest bits in WebAssembly, so that on a little-endian machine, the
//! only kind there is, they are the same bytes.

public import Runtime
public import WasmModule

/// The types of lanes of one byte: `Int8`, `UInt8`.
public protocol WasmLane8 {}
/// The types of lanes of two bytes: `Int16`, `UInt16`.
public protocol WasmLane16 {}
/// The types of lanes of four bytes: `Int32`, `UInt32`, `Float`.
public protocol WasmLane32 {}
/// The types of lanes of eight bytes: `Int64`, `UInt64`, `Double`.
public protocol WasmLane64 {}

extension Int8: WasmLane8 {}
extension UInt8: WasmLane8 {}
extension Int16: WasmLane16 {}
extension UInt16: WasmLane16 {}
extension Int32: WasmLane32 {}
extension UInt32: WasmLane32 {}
extension Float: WasmLane32 {}
extension Int64: WasmLane64 {}
extension UInt64: WasmLane64 {}
extension Double: WasmLane64 {}

/// A `SIMD` type of 128 bits: `V128` by its lanes.
public protocol WasmVector: WasmValue, SIMD {}

extension WasmVector {
    @inlinable public static var wasmType: ValueType { .v128 }
    @inlinable public static var wasmCellCount: Int { 2 }

    /// The same bits; lane 0 is the lowest.
    @inlinable public init(_ bits: V128) { self = unsafeBitCast(bits, to: Self.self) }

    @inlinable @inline(__always)
    public static func load(fromWasmCells cells: UnsafePointer<UInt64>, in instance: InstanceCore) -> Self {
        Self(V128(low: cells[0], high: cells[1]))
    }
    @inlinable @inline(__always)
    public func store(toWasmCells cells: UnsafeMutablePointer<UInt64>, in instance: InstanceCore) {
        let bits = V128(self)
        cells[0] = bits.low
        cells[1] = bits.high
    }
}

extension V128 {
    /// The same bits; lane 0 is the lowest.
    @inlinable public init(_ vector: some WasmVector) { self = unsafeBitCast(vector, to: V128.self) }
}

extension SIMD16: WasmValue, WasmVector where Scalar: WasmLane8 {}
extension SIMD8: WasmValue, WasmVector where Scalar: WasmLane16 {}
extension SIMD4: WasmValue, WasmVector where Scalar: WasmLane32 {}
extension SIMD2: WasmValue, WasmVector where Scalar: WasmLane64 {}
