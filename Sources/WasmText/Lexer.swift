//! Text into tokens, all at once: the grammar of the specification's chapter "Lexical Format".
//!
//! A token is the longest run of characters that are neither white space, comments nor parentheses; what it is is decided by
//! its first character. Parentheses know their partners, so that parsers can skip what they do not look into without
//! counting. No recursion: how deep a text nests is bounded by memory.
//!
//! Annotations that nobody here understands are checked like all else and left out.

struct Token: BitwiseCopyable {
    enum Kind: UInt8 {
        case leftParenthesis, rightParenthesis
        /// Quotes included.
        case string
        /// `$…`, also `$"…"`.
        case identifier
        /// Begins with a small letter; `inf` and `nan` among them.
        case keyword
        /// Begins with a digit or a sign.
        case number
        /// A run of characters that is none of these.
        case reserved
        /// `(@custom`: opens like a parenthesis.
        case annotation
        /// Behind the last one.
        case end
    }

    var kind: Kind
    /// In bytes.
    var start: UInt32
    var end: UInt32
    /// Of parentheses: the index of the partner.
    var partner: UInt32 = 0
}

/// A text and its tokens.
struct LexedText: Sendable {
    let source: [UInt8]
    let fileName: String?
    /// The last one is `end`.
    private(set) var tokens: [Token] = []

    /// The longest text there may be, in bytes.
    static let longest = Int(UInt32.max) - 1

    init(_ source: [UInt8], fileName: String?) throws(TextError) {
        self.source = source
        self.fileName = fileName
        guard source.count <= Self.longest else { throw error("the text is longer than 4 GiB", at: 0) }
        if let offset = firstMalformedUTF8(source) { throw error("malformed UTF-8 encoding", at: offset) }
        try lex()
    }

    func error(_ message: String, at offset: Int) -> TextError {
        TextError(message, at: offset, in: source, fileName: fileName)
    }

    func bytes(_ token: Token) -> ArraySlice<UInt8> { source[Int(token.start)..<Int(token.end)] }

    // MARK: Lexing

    private mutating func lex() throws(TextError) {
        tokens.reserveCapacity(source.count / 4)
        var open: [UInt32] = []
        // How many parentheses were open when an annotation began that is left out.
        var skipped: Int?
        var skippedCount = 0
        var position = 0
        while position < source.count {
            let byte = source[position]
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            case UInt8(ascii: ";") where peek(position + 1) == UInt8(ascii: ";"):
                while position < source.count, source[position] != 0x0A, source[position] != 0x0D { position += 1 }
            case UInt8(ascii: "(") where peek(position + 1) == UInt8(ascii: ";"):
                position = try endOfComment(position)
            case UInt8(ascii: "("):
                var token = Token(kind: .leftParenthesis, start: UInt32(position), end: UInt32(position + 1))
                // Within an annotation that is left out, `(@` need not begin another one.
                if skipped == nil, peek(position + 1) == UInt8(ascii: "@") {
                    let (end, name) = try annotationName(position + 2)
                    token.end = UInt32(end)
                    token.kind = .annotation
                    if name != Array("custom".utf8) {
                        skipped = open.count
                        skippedCount = tokens.count
                    }
                }
                open.append(UInt32(tokens.count))
                tokens.append(token)
                position = Int(token.end)
            case UInt8(ascii: ")"):
                guard let partner = open.popLast() else { throw error("unexpected token )", at: position) }
                tokens[Int(partner)].partner = UInt32(tokens.count)
                tokens.append(
                    Token(
                        kind: .rightParenthesis, start: UInt32(position), end: UInt32(position + 1), partner: partner))
                position += 1
                if skipped == open.count {
                    tokens.removeLast(tokens.count - skippedCount)
                    skipped = nil
                }
            default:
                let token = try self.token(at: position)
                tokens.append(token)
                position = Int(token.end)
            }
        }
        if let unclosed = open.last {
            throw error("unexpected end: this parenthesis is not closed", at: Int(tokens[Int(unclosed)].start))
        }
        tokens.append(Token(kind: .end, start: UInt32(source.count), end: UInt32(source.count)))
    }

    private func peek(_ position: Int) -> UInt8 { position < source.count ? source[position] : 0 }

    private func endOfComment(_ start: Int) throws(TextError) -> Int {
        var depth = 0
        var position = start
        while position < source.count {
            if source[position] == UInt8(ascii: "("), peek(position + 1) == UInt8(ascii: ";") {
                depth += 1
                position += 2
            } else if source[position] == UInt8(ascii: ";"), peek(position + 1) == UInt8(ascii: ")") {
                depth -= 1
                position += 2
                if depth == 0 { return position }
            } else {
                position += 1
            }
        }
        throw error("unclosed comment", at: start)
    }

    /// The end and the name of an annotation whose name begins there.
    private func annotationName(_ start: Int) throws(TextError) -> (end: Int, name: [UInt8]) {
        if peek(start) == UInt8(ascii: "\"") {
            let end = try endOfString(start)
            let name = try string(start, end)
            guard !name.isEmpty else { throw error("empty annotation id", at: start) }
            guard firstMalformedUTF8(name) == nil else { throw error("malformed UTF-8 encoding", at: start) }
            return (end, name)
        }
        var end = start
        while end < source.count, isIdentifierCharacter(source[end]) { end += 1 }
        guard end > start else { throw error("empty annotation id", at: start) }
        return (end, Array(source[start..<end]))
    }

    /// The token that begins with a character that is no white space and no parenthesis.
    private func token(at start: Int) throws(TextError) -> Token {
        var position = start
        var strings = 0
        var others = 0
        var lastString = start
        run: while position < source.count {
            let byte = source[position]
            switch byte {
            case UInt8(ascii: "\""):
                lastString = position
                position = try endOfString(position)
                strings += 1
            case UInt8(ascii: ";") where peek(position + 1) == UInt8(ascii: ";"): break run
            case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"),
                UInt8(ascii: "}"):
                others += 1
                position += 1
            case _ where isIdentifierCharacter(byte): position += 1
            default: break run
            }
        }
        guard position > start else {
            throw error("illegal character \(visible(start))", at: start)
        }
        var kind = Token.Kind.reserved
        let first = source[start]
        if others == 0, strings == 0 {
            switch first {
            case UInt8(ascii: "$"):
                guard position > start + 1 else { throw error("empty identifier", at: start) }
                kind = .identifier
            case UInt8(ascii: "a")...UInt8(ascii: "z"): kind = .keyword
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"): kind = .number
            default: break
            }
        } else if others == 0, strings == 1, try endOfString(lastString) == position {
            if lastString == start { kind = .string }
            if first == UInt8(ascii: "$"), lastString == start + 1 {
                let name = try string(lastString, position)
                guard !name.isEmpty else { throw error("empty identifier", at: start) }
                guard firstMalformedUTF8(name) == nil else { throw error("malformed UTF-8 encoding", at: start) }
                kind = .identifier
            }
        }
        return Token(kind: kind, start: UInt32(start), end: UInt32(position))
    }

    private func visible(_ offset: Int) -> String {
        let scalar = String(decoding: source[offset..<min(offset + 4, source.count)], as: UTF8.self).unicodeScalars
            .first
        guard let scalar else { return "" }
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    // MARK: Strings

    /// Where the string that begins with the quote at `start` ends. Its escapes are not looked at closely.
    private func endOfString(_ start: Int) throws(TextError) -> Int {
        var position = start + 1
        while position < source.count {
            switch source[position] {
            case UInt8(ascii: "\""): return position + 1
            case UInt8(ascii: "\\"): position += 2
            case 0x0A: throw error("unclosed string", at: start)
            case 0..<0x20, 0x7F: throw error("illegal control character in string", at: position)
            default: position += 1
            }
        }
        throw error("unclosed string", at: start)
    }

    /// The bytes that a string token stands for.
    func string(_ token: Token) throws(TextError) -> [UInt8] { try string(Int(token.start), Int(token.end)) }

    /// The name that an identifier token stands for, without the `$`.
    func identifier(_ token: Token) throws(TextError) -> [UInt8] {
        let start = Int(token.start) + 1
        if source[start] == UInt8(ascii: "\"") { return try string(start, Int(token.end)) }
        return Array(source[start..<Int(token.end)])
    }

    private func string(_ start: Int, _ end: Int) throws(TextError) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(end - start)
        var position = start + 1
        while position < end - 1 {
            let byte = source[position]
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                position += 1
                continue
            }
            let escape = peek(position + 1)
            switch escape {
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"): result.append(escape)
            case UInt8(ascii: "u"):
                position = try appendScalar(position, end, to: &result)
                continue
            default:
                guard let high = hexadecimalDigit(escape), position + 2 < end - 1,
                    let low = hexadecimalDigit(peek(position + 2))
                else { throw error("malformed escape in string", at: position) }
                result.append(high << 4 | low)
                position += 1
            }
            position += 2
        }
        return result
    }

    /// Reads `\u{…}` and returns where it ends.
    private func appendScalar(_ start: Int, _ end: Int, to result: inout [UInt8]) throws(TextError) -> Int {
        var position = start + 2
        guard position < end - 1, source[position] == UInt8(ascii: "{") else {
            throw error("malformed escape in string", at: start)
        }
        position += 1
        let digits = position
        while position < end - 1, source[position] != UInt8(ascii: "}") { position += 1 }
        guard position < end - 1, let number = Natural(source[digits..<position], radix: 16),
            let value = number.value, let scalar = Unicode.Scalar(UInt32(clamping: value))
        else { throw error("malformed escape in string", at: start) }
        result.append(contentsOf: Array(String(Character(scalar)).utf8))
        return position + 1
    }
}

/// Whether an identifier can have the character without quotes.
func isIdentifierCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "("), UInt8(ascii: ")"),
        UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"):
        false
    default: byte > 0x20 && byte < 0x7F
    }
}

@inline(__always)
func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// Where a text stops being UTF-8, by the table of RFC 3629.
func firstMalformedUTF8(_ text: [UInt8]) -> Int? {
    var position = 0
    while position < text.count {
        let byte = text[position]
        if byte < 0x80 {
            position += 1
            continue
        }
        var least: UInt8 = 0x80
        var greatest: UInt8 = 0xBF
        let length: Int
        switch byte {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, least) = (3, 0xA0)
        case 0xED: (length, greatest) = (3, 0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, least) = (4, 0x90)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, greatest) = (4, 0x8F)
        default: return position
        }
        guard position + length <= text.count, least...greatest ~= text[position + 1] else { return position }
        for further in 2..<max(2, length) where text[position + further] & 0xC0 != 0x80 { return position }
        position += length
    }
    return nil
}
