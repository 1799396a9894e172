//! Errors say where, and show the line.

import Testing
import WasmText

@Suite("Errors in text")
struct ErrorTests {
    @Test("file, line, column, the line and a mark")
    func description() throws {
        let source = "(module\n  (func (result i32)\n\t(i32.plus (i32.const 1))))\n"
        let found = #expect(throws: TextError.self) { try WasmText.encode(source, fileName: "add.wat") }
        #expect(found?.line == 3 && found?.column == 3 && found?.offset == 31)
        #expect(
            found?.description == """
                add.wat:3:3: unknown operator i32.plus
                \t(i32.plus (i32.const 1))))
                \t ^
                """)
    }

    @Test("columns count characters, not bytes")
    func columns() throws {
        let found = try error("(; äöü𝄞 ;) (modul)")
        #expect(found.line == 1 && found.column == 13)
        #expect(found.description.hasSuffix("\n            ^"))
    }

    @Test("of a long line only what is around the place is shown")
    func longLines() throws {
        let found = try error(
            "(module (;" + String(repeating: "x", count: 1000) + ";) (foo) (;" + String(repeating: "y", count: 1000)
                + ";))")
        let lines = found.description.split(separator: "\n")
        #expect(lines[1].count < 130 && lines[1].first == "…" && lines[1].last == "…")
        #expect(Array(lines[1])[lines[2].count - 1] == "f")
    }

    @Test("the end of the text is a place too")
    func atTheEnd() throws {
        let found = try error("(module\n(func\n")
        #expect(found.message.hasPrefix("unexpected end"))
        #expect(found.line == 2)
    }

    @Test(
        "what is named twice or not at all",
        arguments: [
            ("(func $a) (func $a)", "duplicate func $a"), ("(type $t (func)) (type $t (func))", "duplicate type $t"),
            ("(func (param $x i32) (local $x i32))", "duplicate local $x"),
            ("(func (param $x i32) (param $x i32))", "duplicate local $x"),
            ("(memory $m 1) (memory $m 1)", "duplicate memory $m"), ("(func (call $f))", "unknown func $f"),
            ("(func (local.get $x))", "unknown local $x"), ("(func (br $l))", "unknown label $l"),
            ("(func (global.get $g))", "unknown global $g"), ("(func (type $t))", "unknown type $t"),
            ("(export \"a\" (table $t))", "unknown table $t"), ("(func block $a end $b)", "mismatching label $b"),
            ("(func (i32.load align=3 (i32.const 0)) drop)", "alignment must be a power of two"),
            (
                "(type $t (func (param i32))) (func (type $t) (result i32))",
                "inline function type differs from the type named"
            ),
            ("(func) (import \"a\" \"b\" (func))", "import after function"),
            ("(memory 1) (func (import \"a\" \"b\"))", "import after memory"),
            ("(func) (start 0) (start 0)", "multiple start sections"),
        ])
    func names(_ fields: String, _ message: String) throws {
        #expect(try error("(module \(fields))").message == message)
    }
}
