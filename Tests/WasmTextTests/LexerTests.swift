//! Tokens: white space, comments, strings, names, and what stands beside each other without a space.

import Testing
import WasmText

@Suite("Lexical format")
struct LexerTests {
    @Test("comments nest, and end with the line")
    func comments() throws {
        let plain = try encode("(module (memory 1))")
        #expect(try encode(";; one\n(module (; two (; three ;) \" ;; ;) (memory;;four\r1))(;five;)") == plain)
        #expect(try error("(module (; (; ;)").message == "unclosed comment")
    }

    @Test(
        "tokens end where others begin only with a space or a parenthesis between",
        arguments: [
            "(func br 0drop)", "(data\"a\")", "(data \"a\"\"b\")", "(func $a\"b\")", "(func(nop)nop\"\")",
            "(memory 1;)", "(func (param i32,i32))", "(func [nop])", "(import \"a\"\"b\" (func))", "(func $\"a\"b)",
        ])
    func adjacency(_ field: String) throws {
        let message = try error("(module \(field))").message
        #expect(message.hasPrefix("unknown operator") || message.hasPrefix("unexpected"), "\(message)")
    }

    @Test("strings have escapes")
    func strings() throws {
        let bytes = try encode(#"(module (data "\t\n\r\"\'\\\00\fF\u{0}\u{7f}\u{20AC}\u{10_ffff}é"))"#)
        #expect(
            section(11, bytes)
                == [
                    1, 1, 22, 9, 10, 13, 34, 39, 92, 0, 0xFF, 0, 0x7F, 0xE2, 0x82, 0xAC, 0xF4, 0x8F, 0xBF, 0xBF, 0xC3,
                    0xA9,
                ].replacingLength())
    }

    @Test(
        "strings that are none",
        arguments: [
            #""\q""#, #""\0""#, #""\u{d800}""#, #""\u{110000}""#, #""\u{}""#, #""\u{1""#, "\"a\u{1}\"", "\"a\u{7F}\"",
        ])
    func malformedStrings(_ text: String) throws {
        _ = try error("(module (data \(text)))")
    }

    @Test("an unclosed string is said where it begins")
    func unclosed() throws {
        let found = try error("(module\n  (data \"abc\n))")
        #expect(found.message == "unclosed string" && found.line == 2 && found.column == 9)
    }

    @Test("names have to be UTF-8, data need not")
    func utf8() throws {
        #expect(try error(#"(module (export "\ff" (func 0)))"#).message == "malformed UTF-8 encoding")
        #expect(try error(#"(module (func $"\c0\80"))"#).message == "malformed UTF-8 encoding")
        #expect(try encode(#"(module (data "\ff"))"#).last == 0xFF)
        let source = Array("(module (;".utf8) + [0xE2, 0x82] + Array(";))".utf8)
        let found = #expect(throws: TextError.self) { try WasmText.encode(source) }
        #expect(found?.message == "malformed UTF-8 encoding" && found?.offset == 10)
    }

    @Test("quoted and plain identifiers are the same")
    func identifiers() throws {
        #expect(try code(#"call $"a""#, in: "(import \"\" \"\" (func $a))") == [0x10, 0])
        #expect(try code(#"call $"\u{e9} b""#, in: "(import \"\" \"\" (func $\"é b\"))") == [0x10, 0])
        // Equal to people, and not the same bytes.
        #expect(try error(#"(module (func $"\u{e9}") (func (call $"e\u{301}")))"#).message.hasPrefix("unknown func"))
        #expect(try error("(module (func $))").message == "empty identifier")
        #expect(try error("(module (func $\"\"))").message == "empty identifier")
    }

    @Test("annotations are left out, whatever is in them")
    func annotations() throws {
        let plain = try encode("(module (memory 1))")
        #expect(try encode("(module (@a) (@b (c \"d\" $e (@f) [1,2;3]) ;; g )\n) (memory (@h 5) 1))") == plain)
        #expect(try error("(module (@a \"x)").message == "unclosed string")
        #expect(try error("(module (@))").message == "empty annotation id")
        #expect(try error("(module (@a ()").message.hasPrefix("unexpected end"))
    }

    @Test("parentheses have to match")
    func parentheses() throws {
        #expect(try error("(module").message.hasPrefix("unexpected end"))
        #expect(try error("(module))").message.hasPrefix("unexpected token )"))
        #expect(try error("(module) (module)").message.hasPrefix("unexpected token ("))
    }

    @Test("a million open parentheses are an error, and a million nested blocks are a module")
    func depth() throws {
        let count = 1_000_000
        let open = [UInt8](repeating: UInt8(ascii: "("), count: count)
        #expect(throws: TextError.self) { try WasmText.encode(open) }
        #expect(throws: TextError.self) {
            try WasmText.encode(open + [UInt8](repeating: UInt8(ascii: ")"), count: count))
        }
        let depth = 100_000
        let blocks = String(repeating: "(block ", count: depth) + String(repeating: ")", count: depth)
        #expect(try code(blocks).count == 3 * depth)
        let folded =
            String(repeating: "(i32.eqz ", count: depth) + "(i32.const 0)" + String(repeating: ")", count: depth)
        #expect(try code("(drop \(folded))").count == depth + 3)
        // Named labels, each of which branches to the outermost: time in proportion to the text.
        let named = (0..<20_000).map { "(block $l\($0) (br $l0) " }.joined() + String(repeating: ")", count: 20_000)
        #expect(try code(named).count > 100_000)
        let comments = String(repeating: "(;", count: depth) + String(repeating: ";)", count: depth)
        #expect(try encode("(module \(comments))").count == 8)
    }
}

extension [UInt8] {
    /// The third byte made the number of those behind it.
    fileprivate func replacingLength() -> [UInt8] {
        var copy = self
        copy[2] = UInt8(count - 3)
        return copy
    }
}
