//! Reading tokens one after the other, and what is read everywhere: words, strings, numbers.

struct TokenCursor {
    let text: LexedText
    /// Of the next token.
    var position: Int

    init(_ text: LexedText, at position: Int = 0) {
        self.text = text
        self.position = position
    }

    @inline(__always)
    var token: Token { text.tokens[position] }

    /// The token after the next one; the last one has none.
    @inline(__always)
    var following: Token { text.tokens[min(position + 1, text.tokens.count - 1)] }

    func bytes(_ token: Token) -> ArraySlice<UInt8> { text.bytes(token) }

    // MARK: Errors

    func error(_ message: String, at token: Token? = nil) -> TextError {
        text.error(message, at: Int((token ?? self.token).start))
    }

    /// The next token is not what has to be there.
    func unexpected(_ expected: String) -> TextError {
        let token = token
        guard token.kind != .end else { return error("unexpected end, expected \(expected)") }
        if token.kind == .reserved {
            return error("unknown operator \(shown(token)), expected \(expected)")
        }
        return error("unexpected token \(shown(token)), expected \(expected)")
    }

    func shown(_ token: Token) -> String {
        let bytes = bytes(token)
        return String(decoding: bytes.prefix(40), as: UTF8.self) + (bytes.count > 40 ? "…" : "")
    }

    // MARK: Tokens

    func isWord(_ word: StaticString) -> Bool { isWord(word, token) }

    func isWord(_ word: StaticString, _ token: Token) -> Bool {
        guard token.kind == .keyword, Int(token.end - token.start) == word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { bytes(token).elementsEqual($0) }
    }

    /// The next tokens are a parenthesis and that word.
    func isForm(_ word: StaticString) -> Bool {
        token.kind == .leftParenthesis && isWord(word, following)
    }

    mutating func take(word: StaticString) -> Bool {
        guard isWord(word) else { return false }
        position += 1
        return true
    }

    /// Takes a parenthesis and a word if they are there.
    mutating func take(form word: StaticString) -> Bool {
        guard isForm(word) else { return false }
        position += 2
        return true
    }

    mutating func open() throws(TextError) {
        guard token.kind == .leftParenthesis else { throw unexpected("(") }
        position += 1
    }

    mutating func close() throws(TextError) {
        guard token.kind == .rightParenthesis else { throw unexpected(")") }
        position += 1
    }

    mutating func identifier() throws(TextError) -> [UInt8]? {
        guard token.kind == .identifier else { return nil }
        let name = try text.identifier(token)
        position += 1
        return name
    }

    mutating func string() throws(TextError) -> [UInt8] {
        guard token.kind == .string else { throw unexpected("a string") }
        let bytes = try text.string(token)
        position += 1
        return bytes
    }

    /// A string that has to be UTF-8.
    mutating func name() throws(TextError) -> [UInt8] {
        let token = token
        let bytes = try string()
        guard firstMalformedUTF8(bytes) == nil else { throw error("malformed UTF-8 encoding", at: token) }
        return bytes
    }

    /// All strings up to something else, one after the other.
    mutating func strings() throws(TextError) -> [UInt8] {
        var bytes: [UInt8] = []
        while token.kind == .string { bytes += try string() }
        return bytes
    }

    // MARK: Numbers

    /// An unsigned number without a sign, below 2^width.
    mutating func natural(_ width: UInt64, _ what: String = "constant") throws(TextError) -> UInt64 {
        let token = token
        guard token.kind == .number, let literal = IntegerLiteral(bytes(token)), !literal.hasSign else {
            throw unexpected("an unsigned number")
        }
        guard let value = literal.bits(width) else { throw error("\(what) out of range", at: token) }
        position += 1
        return value
    }

    /// An integer of so many bits, signed or unsigned.
    mutating func integer(_ width: UInt64) throws(TextError) -> UInt64 {
        let token = token
        guard token.kind == .number, let literal = IntegerLiteral(bytes(token)) else {
            if token.kind == .number { throw error("unknown operator \(shown(token)), expected an integer") }
            throw unexpected("an integer")
        }
        guard let bits = literal.bits(width) else { throw error("constant out of range", at: token) }
        position += 1
        return bits
    }

    /// The bits of a float.
    mutating func float(isDouble: Bool) throws(TextError) -> UInt64 {
        let token = token
        guard token.kind == .number || token.kind == .keyword else { throw unexpected("a number") }
        switch FloatLiteral(bytes(token), isDouble: isDouble) {
        case .bits(let bits):
            position += 1
            return bits
        case .outOfRange: throw error("constant out of range", at: token)
        case .malformed: throw error("unknown operator \(shown(token)), expected a number", at: token)
        }
    }

    /// The number after `word=`, for example of `offset=8`. Nil if the next token is not of that form.
    mutating func setting(_ word: StaticString) throws(TextError) -> (value: UInt64, token: Token)? {
        let token = token
        let length = word.utf8CodeUnitCount
        let bytes = bytes(token)
        guard token.kind == .keyword, bytes.count > length, bytes[bytes.startIndex + length] == UInt8(ascii: "="),
            word.withUTF8Buffer({ bytes.prefix(length).elementsEqual($0) })
        else { return nil }
        guard let literal = IntegerLiteral(bytes.dropFirst(length + 1)), !literal.hasSign else {
            throw error("unknown operator \(shown(token))")
        }
        guard let value = literal.magnitude else { throw error("\(word) out of range", at: token) }
        position += 1
        return (value, token)
    }
}
