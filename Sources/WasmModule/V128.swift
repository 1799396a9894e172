//! The value of a `v128`: 16 bytes, with views of them as lanes.

/// A 128-bit vector.
///
/// Lanes are numbered as WebAssembly does: lane 0 has the lowest bits, and of several bytes the first is the lowest.
@frozen
public struct V128: Hashable, Sendable, BitwiseCopyable {
    /// Bits 0–63.
    public var low: UInt64
    /// Bits 64–127.
    public var high: UInt64

    /// A vector by its halves; by default all zeros.
    @inlinable
    public init(low: UInt64 = 0, high: UInt64 = 0) {
        self.low = low
        self.high = high
    }

    /// A vector by its lanes, lane 0 first.
    ///
    /// - Parameter lanes: 16 lanes of one byte, 8 of two, 4 of four or 2 of eight; what is missing is 0.
    public init<Lane: FixedWidthInteger>(lanes: [Lane]) {
        self.init()
        for (index, lane) in lanes.prefix(128 / Lane.bitWidth).enumerated() { self[Lane.self, index] = lane }
    }

    /// A vector of four f32, lane 0 first.
    public init(lanes: [Float]) { self.init(lanes: lanes.map(\.bitPattern)) }

    /// A vector of two f64, lane 0 first.
    public init(lanes: [Double]) { self.init(lanes: lanes.map(\.bitPattern)) }

    /// The 16 bytes at an address, the lowest first.
    @inlinable
    init(littleEndianBytes bytes: UnsafePointer<UInt8>) {
        let raw = UnsafeRawPointer(bytes)
        self.init(
            low: UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)),
            high: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    /// One lane, by its integer type and its index.
    @inlinable
    public subscript<Lane: FixedWidthInteger>(_: Lane.Type, index: Int) -> Lane {
        get {
            let bit = index * Lane.bitWidth
            return Lane(truncatingIfNeeded: (bit < 64 ? low : high) &>> UInt64(bit & 63))
        }
        set {
            let bit = index * Lane.bitWidth
            let shift = UInt64(bit & 63)
            let ones: UInt64 = Lane.bitWidth >= 64 ? .max : (1 &<< UInt64(Lane.bitWidth)) &- 1
            let bits = (UInt64(truncatingIfNeeded: newValue) & ones) &<< shift
            if bit < 64 { low = low & ~(ones &<< shift) | bits } else { high = high & ~(ones &<< shift) | bits }
        }
    }

    /// All lanes of an integer type, lane 0 first.
    public func lanes<Lane: FixedWidthInteger>(of type: Lane.Type) -> [Lane] {
        (0..<128 / Lane.bitWidth).map { self[type, $0] }
    }

    /// The four lanes as f32, lane 0 first.
    public var floats: [Float] { lanes(of: UInt32.self).map { Float(bitPattern: $0) } }

    /// The two lanes as f64, lane 0 first.
    public var doubles: [Double] { [Double(bitPattern: low), Double(bitPattern: high)] }
}

extension V128: CustomStringConvertible {
    /// As 32 hexadecimal digits, the highest first: `0x0f0e…0100`.
    public var description: String {
        func digits(_ half: UInt64) -> String {
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return "0x" + digits(high) + digits(low)
    }
}
