//! Numbers in text: exact for integers, rounded once for floats.

/// Digits with underscores between them.
struct Natural {
    /// Nil if it does not fit 64 bits.
    var value: UInt64?

    /// Nil if these are not digits of the radix, singly separated.
    init?(_ text: ArraySlice<UInt8>, radix: UInt64) {
        var result: UInt64? = 0
        var wasDigit = false
        for byte in text {
            if byte == UInt8(ascii: "_") {
                guard wasDigit else { return nil }
                wasDigit = false
                continue
            }
            guard let digit = hexadecimalDigit(byte), UInt64(digit) < radix else { return nil }
            wasDigit = true
            if let current = result {
                let (product, overflow) = current.multipliedReportingOverflow(by: radix)
                let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
                result = overflow || carry ? nil : sum
            }
        }
        guard wasDigit else { return nil }
        value = result
    }
}

/// An integer token: sign and magnitude.
struct IntegerLiteral {
    var isNegative = false
    var hasSign = false
    var magnitude: UInt64?

    /// Nil if the text is no integer.
    init?(_ text: ArraySlice<UInt8>) {
        var text = text
        if let first = text.first, first == UInt8(ascii: "+") || first == UInt8(ascii: "-") {
            hasSign = true
            isNegative = first == UInt8(ascii: "-")
            text = text.dropFirst()
        }
        let isHexadecimal = text.starts(with: [UInt8(ascii: "0"), UInt8(ascii: "x")])
        if isHexadecimal { text = text.dropFirst(2) }
        guard let natural = Natural(text, radix: isHexadecimal ? 16 : 10) else { return nil }
        magnitude = natural.value
    }

    /// As a two's complement number of so many bits, written signed or unsigned. Nil if it does not fit.
    func bits(_ width: UInt64) -> UInt64? {
        guard let magnitude else { return nil }
        let mask: UInt64 = width == 64 ? .max : 1 << width - 1
        if isNegative { return magnitude <= 1 << (width - 1) ? (0 &- magnitude) & mask : nil }
        return magnitude <= mask ? magnitude : nil
    }
}

/// What a float token may be.
enum FloatLiteral {
    /// The format's bits of a NaN with a payload, and the sign.
    case bits(UInt64)
    /// No float at all.
    case malformed
    case outOfRange

    /// - Parameter isDouble: f64 or f32.
    init(_ text: ArraySlice<UInt8>, isDouble: Bool) {
        var digits = text
        var isNegative = false
        if let first = digits.first, first == UInt8(ascii: "+") || first == UInt8(ascii: "-") {
            isNegative = first == UInt8(ascii: "-")
            digits = digits.dropFirst()
        }
        let fractionBits: UInt64 = isDouble ? 52 : 23
        let infinity: UInt64 = isDouble ? 0x7FF << 52 : 0xFF << 23
        let sign: UInt64 = isNegative ? (isDouble ? 1 << 63 : 1 << 31) : 0
        if digits.elementsEqual("inf".utf8) {
            self = .bits(sign | infinity)
        } else if digits.elementsEqual("nan".utf8) {
            self = .bits(sign | infinity | 1 << (fractionBits - 1))
        } else if digits.starts(with: Array("nan:0x".utf8)) {
            guard let payload = Natural(digits.dropFirst(6), radix: 16) else {
                self = .malformed
                return
            }
            guard let value = payload.value, value > 0, value < 1 << fractionBits else {
                self = .outOfRange
                return
            }
            self = .bits(sign | infinity | value)
        } else if let spelling = Self.spelling(digits) {
            // Swift reads both notations correctly rounded, and straight to the format wanted.
            let value: UInt64? =
                isDouble
                ? Double(spelling).flatMap { $0.isFinite ? $0.bitPattern : nil }
                : Float(spelling).flatMap { $0.isFinite ? UInt64($0.bitPattern) : nil }
            self = value.map { .bits(sign | $0) } ?? .outOfRange
        } else {
            self = .malformed
        }
    }

    /// A number without its sign as Swift spells it: no underscores, a digit on each side of the point.
    private static func spelling(_ text: ArraySlice<UInt8>) -> String? {
        let isHexadecimal = text.starts(with: [UInt8(ascii: "0"), UInt8(ascii: "x")])
        var rest = isHexadecimal ? text.dropFirst(2) : text
        let radix: UInt64 = isHexadecimal ? 16 : 10
        let marks: [UInt8] =
            isHexadecimal ? [UInt8(ascii: "p"), UInt8(ascii: "P")] : [UInt8(ascii: "e"), UInt8(ascii: "E")]
        var result = isHexadecimal ? "0x" : ""
        var exponent: ArraySlice<UInt8>?
        if let mark = rest.firstIndex(where: marks.contains) {
            exponent = rest[(mark + 1)...]
            rest = rest[..<mark]
        }
        var fraction: ArraySlice<UInt8> = []
        if let point = rest.firstIndex(of: UInt8(ascii: ".")) {
            fraction = rest[(point + 1)...]
            rest = rest[..<point]
            guard fraction.isEmpty || Natural(fraction, radix: radix) != nil else { return nil }
        }
        guard Natural(rest, radix: radix) != nil else { return nil }
        func append(_ digits: ArraySlice<UInt8>) {
            result += String(decoding: digits.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        }
        append(rest)
        result += "."
        append(fraction)
        if fraction.isEmpty { result += "0" }
        result += isHexadecimal ? "p" : "e"
        if let exponent {
            var digits = exponent
            if let first = digits.first, first == UInt8(ascii: "+") || first == UInt8(ascii: "-") {
                result += first == UInt8(ascii: "-") ? "-" : "+"
                digits = digits.dropFirst()
            }
            guard Natural(digits, radix: 10) != nil else { return nil }
            append(digits)
        } else {
            result += "0"
        }
        return result
    }
}
