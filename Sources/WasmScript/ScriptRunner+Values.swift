//! The values of scripts: as arguments, and compared with results. Floats are compared by their bits.

import Mayfly
import WasmText

extension Value {
    /// An argument.
    init(_ literal: Script.Literal) throws {
        switch literal {
        case .i32(let bits): self = .i32(Int32(bitPattern: bits))
        case .i64(let bits): self = .i64(Int64(bitPattern: bits))
        case .f32(let bits): self = .f32(Float(bitPattern: bits))
        case .f64(let bits): self = .f64(Double(bitPattern: bits))
        case .v128(let bytes): self = .v128(V128(low: Self.word(bytes[..<8]), high: Self.word(bytes[8...])))
        case .null("func"), .null("nofunc"): self = .funcref(nil)
        case .null("extern"), .null("noextern"): self = .externref(nil)
        case .external(let handle): self = .externref(ExternReference(handle: handle))
        case .null, .host:
            throw ScriptRunner.Unsupported(reason: "garbage-collected types are not supported")
        }
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Whether a result is what is expected.
    func matches(_ expectation: Script.Expectation) -> Bool {
        switch (self, expectation) {
        case (.f32(let value), .value(.f32(let bits))): value.bitPattern == bits
        case (.f64(let value), .value(.f64(let bits))): value.bitPattern == bits
        case (_, .value(let literal)): (try? Value(literal)) == self
        case (.f32(let value), .f32(let nan)): nan.matches(UInt64(value.bitPattern), fractionBits: 23)
        case (.f64(let value), .f64(let nan)): nan.matches(value.bitPattern, fractionBits: 52)
        case (.v128(let value), .lanes32(let lanes)):
            lanes.enumerated().allSatisfy { index, lane in
                let word = index < 2 ? value.low : value.high
                return lane.matches(word >> UInt64(32 * (index % 2)) & 0xFFFF_FFFF, fractionBits: 23)
            }
        case (.v128(let value), .lanes64(let lanes)):
            lanes[0].matches(value.low, fractionBits: 52) && lanes[1].matches(value.high, fractionBits: 52)
        case (.funcref(let value), .reference(let kind)): kind == (value == nil ? "null" : "func")
        case (.externref(let value), .reference(let kind)): kind == (value == nil ? "null" : "extern")
        case (_, .either(let choices)): choices.contains { matches($0) }
        default: false
        }
    }
}

extension Script.NaN {
    /// Whether these bits of a float are such a NaN, of either sign.
    fileprivate func matches(_ bits: UInt64, fractionBits: UInt64) -> Bool {
        let exponent: UInt64 = fractionBits == 52 ? 0x7FF : 0xFF
        let fraction = bits & (1 << fractionBits - 1)
        guard bits >> fractionBits & exponent == exponent else { return false }
        let quiet: UInt64 = 1 << (fractionBits - 1)
        return self == .canonical ? fraction == quiet : fraction & quiet != 0
    }
}

extension Script.Expectation.Lane {
    fileprivate func matches(_ bits: UInt64, fractionBits: UInt64) -> Bool {
        switch self {
        case .bits(let expected): bits == expected
        case .nan(let nan): nan.matches(bits, fractionBits: fractionBits)
        }
    }
}

func text(_ values: [Value]) -> String {
    values.isEmpty ? "nothing" : values.map(text).joined(separator: ", ")
}

private func text(_ value: Value) -> String {
    switch value {
    case .f32(let float): "f32 \(float) (0x\(String(float.bitPattern, radix: 16)))"
    case .f64(let double): "f64 \(double) (0x\(String(double.bitPattern, radix: 16)))"
    case .v128(let vector): "v128 0x\(String(vector.high, radix: 16))_\(String(vector.low, radix: 16))"
    default: "\(value)"
    }
}

func text(_ expectations: [Script.Expectation]) -> String {
    expectations.isEmpty ? "nothing" : expectations.map(text).joined(separator: ", ")
}

private func text(_ expectation: Script.Expectation) -> String {
    if case .value(let literal) = expectation, let value = try? Value(literal) { return text(value) }
    return "\(expectation)"
}
