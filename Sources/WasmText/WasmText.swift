//! The text format: modules into the binary format, so that all of them go the same way through decoder and validator.

/// WebAssembly's text format.
public enum WasmText {
    /// Encodes a module in text (`.wat`) in the binary format.
    ///
    /// All of WebAssembly 3.0 is understood: whether the module is valid, and whether an engine supports it, shows when
    /// the result is decoded. The identifiers of the text become the names of the name section.
    ///
    /// ```swift
    /// let module = try WasmText.encode("(module (func (export \"answer\") (result i32) i32.const 42))")
    /// ```
    ///
    /// - Parameters:
    ///   - source: `(module …)`, or the fields of a module alone.
    ///   - fileName: for messages.
    ///   - names: whether to write a name section.
    /// - Throws: ``TextError`` with the place of what is not WebAssembly text.
    public static func encode(
        _ source: [UInt8], fileName: String? = nil, names: Bool = true
    ) throws(TextError) -> [UInt8] {
        let text = try LexedText(source, fileName: fileName)
        var cursor = TokenCursor(text)
        guard cursor.isForm("module") else {
            return try ModuleSource.fields(text, 0..<text.tokens.count - 1, name: nil).encode(names: names)
        }
        let end = Int(cursor.token.partner)
        let module = try ModuleSource(&cursor)
        guard text.tokens[end + 1].kind == .end else {
            cursor.position = end + 1
            throw cursor.unexpected("the end of the text")
        }
        return try module.encode(names: names)
    }

    /// The same for a string.
    public static func encode(
        _ source: String, fileName: String? = nil, names: Bool = true
    ) throws(TextError) -> [UInt8] {
        try encode(Array(source.utf8), fileName: fileName, names: names)
    }

    /// Whether a file looks like text: its first character that is no white space opens a parenthesis or a comment. No
    /// module in the binary format does.
    public static func isText(_ bytes: [UInt8]) -> Bool {
        let first = bytes.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
        return first == UInt8(ascii: "(") || first == UInt8(ascii: ";")
    }
}

/// A module as a script or a file has it: not looked into yet.
public enum ModuleSource: Sendable {
    /// Fields between two tokens.
    case fields(LexedModuleText, Range<Int>, name: [UInt8]?)
    /// A module in the binary format.
    case binary([UInt8])
    /// Text in strings.
    case quote([UInt8])

    /// The module in the binary format.
    ///
    /// - Throws: ``TextError`` for what is not WebAssembly text. Binary modules are returned as they are.
    public func encode(names: Bool = true) throws(TextError) -> [UInt8] {
        switch self {
        case .fields(let text, let range, let name):
            var parser = ModuleParser(text.text, fields: range, name: name)
            return try parser.encode(names: names)
        case .binary(let bytes): return bytes
        case .quote(let bytes): return try WasmText.encode(bytes, names: names)
        }
    }

    static func fields(_ text: LexedText, _ range: Range<Int>, name: [UInt8]?) -> ModuleSource {
        .fields(LexedModuleText(text: text), range, name: name)
    }

    /// Reads `(module …)` up to its end, without its fields.
    init(_ cursor: inout TokenCursor) throws(TextError) {
        let end = Int(cursor.token.partner)
        cursor.position += 2
        let name = try cursor.identifier()
        try self.init(&cursor, name: name, end: end)
    }

    /// Reads what is behind the name of a module.
    init(_ cursor: inout TokenCursor, name: [UInt8]?, end: Int) throws(TextError) {
        if cursor.take(word: "binary") {
            self = .binary(try cursor.strings())
            try cursor.close()
        } else if cursor.take(word: "quote") {
            self = .quote(try cursor.strings())
            try cursor.close()
        } else {
            self = .fields(cursor.text, cursor.position..<end, name: name)
            cursor.position = end + 1
        }
    }
}

/// A text that has been taken apart.
public struct LexedModuleText: Sendable {
    let text: LexedText
}
