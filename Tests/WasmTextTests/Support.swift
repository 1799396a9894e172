//! Encoding texts in tests, and taking the result apart.

import Testing
import WasmText

/// The binary format of a text.
func encode(_ text: String, names: Bool = false) throws -> [UInt8] { try WasmText.encode(text, names: names) }

/// The error of a text that is none.
func error(_ text: String) throws -> TextError {
    try #require(throws: TextError.self) { try WasmText.encode(text) }
}

/// The contents of a section, nil if there is none.
func section(_ id: UInt8, _ bytes: [UInt8]) -> [UInt8]? {
    var position = 8
    while position < bytes.count {
        let found = bytes[position]
        position += 1
        let length = Int(unsigned(bytes, &position))
        if found == id { return Array(bytes[position..<position + length]) }
        position += length
    }
    return nil
}

func unsigned(_ bytes: [UInt8], _ position: inout Int) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
        let byte = bytes[position]
        position += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
    }
}

/// The code of a function without locals that is the only one, without its `end`.
func code(_ instructions: String, in fields: String = "") throws -> [UInt8] {
    let bytes = try encode("(module \(fields) (func \(instructions)))")
    let code = try #require(section(10, bytes))
    var position = 0
    #expect(unsigned(code, &position) == 1)
    #expect(unsigned(code, &position) == UInt64(code.count - position))
    #expect(code[position] == 0 && code.last == 0x0B)
    return Array(code[(position + 1)...].dropLast())
}
