//! Text as bytes, written once from front to back: words, numbers, strings, identifiers.

struct TextWriter {
    private(set) var bytes: [UInt8] = []
    /// Where the last line begins.
    private var lineStart = 0

    /// Of the next character, from 0, in bytes.
    var column: Int { bytes.count - lineStart }

    @inline(__always)
    mutating func byte(_ byte: UInt8) { bytes.append(byte) }

    mutating func text(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func text(_ text: [UInt8]) { bytes.append(contentsOf: text) }
    mutating func text(_ text: ArraySlice<UInt8>) { bytes.append(contentsOf: text) }

    @inline(__always)
    mutating func space() { bytes.append(0x20) }

    /// A new line, so many spaces in.
    mutating func line(indentation: Int) {
        bytes.append(0x0A)
        lineStart = bytes.count
        for _ in 0..<indentation { bytes.append(0x20) }
    }

    /// Writes something before what has been written since, on the same line.
    mutating func insert(_ text: StaticString, at position: Int) {
        text.withUTF8Buffer { bytes.insert(contentsOf: $0, at: position) }
    }

    // MARK: Numbers

    mutating func decimal(_ value: UInt32) { decimal(UInt64(value)) }

    mutating func decimal(_ value: UInt64) {
        guard value >= 10 else { return bytes.append(0x30 | UInt8(value)) }
        var digits: (UInt64, UInt64, UInt32) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { digits in
            var value = value
            var start = digits.count
            while value > 0 {
                start -= 1
                digits[start] = 0x30 | UInt8(value % 10)
                value /= 10
            }
            bytes.append(contentsOf: digits[start...])
        }
    }

    mutating func decimal(_ value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        decimal(value.magnitude)
    }

    /// With `0x` and at least so many digits.
    mutating func hexadecimal(_ value: UInt64, digits: Int = 1) {
        text("0x")
        let needed = max(digits, (64 - value.leadingZeroBitCount + 3) / 4)
        for index in (0..<needed).reversed() { digit(UInt8(truncatingIfNeeded: value >> UInt64(4 * index)) & 15) }
    }

    private mutating func digit(_ value: UInt8) {
        bytes.append(value < 10 ? 0x30 | value : UInt8(ascii: "a") - 10 + value)
    }

    /// The float of those bits, such that reading it gives the same bits: the shortest decimal number that does, or a NaN
    /// with its payload.
    mutating func float(_ bits: UInt64, isDouble: Bool) {
        let fractionBits: UInt64 = isDouble ? 52 : 23
        let exponent: UInt64 = isDouble ? 0x7FF : 0xFF
        let fraction = bits & (1 << fractionBits - 1)
        guard bits >> fractionBits & exponent == exponent else {
            let description =
                isDouble ? Double(bitPattern: bits).description : Float(bitPattern: UInt32(bits)).description
            return bytes.append(contentsOf: description.utf8)
        }
        if bits >> (isDouble ? 63 : 31) != 0 { bytes.append(UInt8(ascii: "-")) }
        switch fraction {
        case 0: text("inf")
        case 1 << (fractionBits - 1): text("nan")
        default:
            text("nan:")
            hexadecimal(fraction)
        }
    }

    // MARK: Strings

    /// Columns of strings that are too long for the line of what they belong to.
    private static let stringWidth = 80

    /// A string of any bytes, behind a space; a long one as several on lines of their own.
    mutating func data(_ data: ArraySlice<UInt8>, indentation: Int) {
        // That the longest ones are long shows without looking at them.
        let isLong = data.count > Self.stringWidth || data.reduce(0) { $0 + Self.width($1) } > Self.stringWidth
        guard isLong else {
            text(" \"")
            for byte in data { character(byte) }
            return quote()
        }
        var width = Self.stringWidth
        var isFirst = true
        for byte in data {
            if width >= Self.stringWidth {
                if !isFirst { quote() }
                line(indentation: indentation)
                quote()
                isFirst = false
                width = 0
            }
            character(byte)
            width += Self.width(byte)
        }
        quote()
    }

    /// A string that is UTF-8.
    mutating func name(_ name: ArraySlice<UInt8>) {
        quote()
        if name.allSatisfy({ $0 < 0x80 }) {
            for byte in name { character(byte) }
        } else {
            for scalar in String(decoding: name, as: UTF8.self).unicodeScalars {
                if scalar.isASCII {
                    character(UInt8(scalar.value))
                } else if Self.isInvisible(scalar) {
                    text("\\u{")
                    bytes.append(contentsOf: String(scalar.value, radix: 16).utf8)
                    byte(UInt8(ascii: "}"))
                } else {
                    bytes.append(contentsOf: UTF8.encode(scalar)!)
                }
            }
        }
        quote()
    }

    /// `$` and a name that is UTF-8, in quotes if it needs them.
    mutating func identifier(_ name: ArraySlice<UInt8>) {
        byte(UInt8(ascii: "$"))
        if name.allSatisfy(isIdentifierCharacter) { text(name) } else { self.name(name) }
    }

    private mutating func quote() { bytes.append(UInt8(ascii: "\"")) }

    /// A byte within a string.
    private mutating func character(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0x20..<0x7F: bytes.append(byte)
        case 0x09: text("\\t")
        case 0x0A: text("\\n")
        case 0x0D: text("\\r")
        default:
            bytes.append(UInt8(ascii: "\\"))
            digit(byte >> 4)
            digit(byte & 15)
        }
    }

    /// Columns that a byte within a string takes.
    private static func width(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x09, 0x0A, 0x0D: 2
        case 0x20..<0x7F: 1
        default: 3
        }
    }

    /// Characters that would not be seen, or would make what is around them look different from what it is.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x80...0x9F, 0xAD, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
        default: false
        }
    }
}
