//! Fields, abbreviations, types and instructions, by the bytes they become.

import Testing
import WasmText

@Suite("Modules in text")
struct ModuleTests {
    @Test("the outer parentheses may be left out")
    func fieldsAlone() throws {
        #expect(try encode("(memory 1) (func)") == encode("(module (memory 1) (func))"))
        #expect(try encode("") == [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0])
    }

    @Test("text is told from the binary format by its first character")
    func isText() throws {
        #expect(WasmText.isText(Array(" \n\t;; x\n(module)".utf8)) && WasmText.isText(Array("(module)".utf8)))
        #expect(!WasmText.isText(try encode("(module)")) && !WasmText.isText([]) && !WasmText.isText([0x7F, 0x45]))
    }

    @Test("binary and quoted modules")
    func otherForms() throws {
        #expect(try encode(#"(module binary "\00asm" "\01\00\00\00")"#) == encode("(module)"))
        #expect(try encode(#"(module quote "(memory" " 1)")"#) == encode("(module (memory 1))"))
    }

    @Test("types that are written out are added behind the others, in their order, each once")
    func implicitTypes() throws {
        let bytes = try encode(
            """
            (module
              (func (param i32))
              (func (block (param i32) (result i32 i32) unreachable))
              (func (param i32) (result i32 i32) unreachable)
              (func (type 0))
              (type (func (param i64))))
            """)
        #expect(
            section(1, bytes) == [
                4, 0x60, 1, 0x7E, 0, 0x60, 1, 0x7F, 0, 0x60, 0, 0, 0x60, 1, 0x7F, 2, 0x7F, 0x7F,
            ])
        #expect(section(3, bytes) == [4, 1, 2, 3, 0])
    }

    @Test("definitions with their imports and exports in them")
    func inline() throws {
        #expect(
            try encode(#"(func $f (export "a") (export "b") (import "m" "n") (param i32)) (memory (export "c") 1 2)"#)
                == encode(
                    """
                    (import "m" "n" (func $f (param i32))) (memory $m 1 2)
                    (export "a" (func $f)) (export "b" (func $f)) (export "c" (memory $m))
                    """))
    }

    @Test("tables and memories with their contents in them")
    func contents() throws {
        #expect(
            try encode("(table funcref (elem $f $f)) (func $f)")
                == encode("(table 2 2 funcref) (elem (i32.const 0) func $f $f) (func $f)"))
        #expect(
            try encode("(table funcref (elem (ref.func $f) (item ref.null func))) (func $f)")
                == encode("(table 2 2 funcref) (elem (i32.const 0) funcref (ref.func $f) (ref.null func)) (func $f)"))
        #expect(try encode(#"(memory (data "a" "bc"))"#) == encode(#"(memory 1 1) (data (i32.const 0) "abc")"#))
        #expect(
            try encode(#"(memory i64 (data "a"))"#) == encode(#"(memory i64 1 1) (data (i64.const 0) "a")"#))
    }

    @Test("element segments in all forms")
    func elements() throws {
        func elements(_ text: String) throws -> [UInt8] {
            Array(
                try #require(section(9, try encode("(table $t 9 funcref) (table $u 9 funcref) (func $f) \(text)")))
                    .dropFirst())
        }
        #expect(try elements("(elem (i32.const 1) $f)") == [0, 0x41, 1, 0x0B, 1, 0])
        #expect(try elements("(elem (offset i32.const 1) func 0)") == [0, 0x41, 1, 0x0B, 1, 0])
        #expect(try elements("(elem func $f 0)") == [1, 0, 2, 0, 0])
        #expect(try elements("(elem (table $u) (i32.const 1) func)") == [2, 1, 0x41, 1, 0x0B, 0, 0])
        #expect(try elements("(elem declare func $f)") == [3, 0, 1, 0])
        #expect(try elements("(elem (i32.const 1) funcref (ref.func $f))") == [4, 0x41, 1, 0x0B, 1, 0xD2, 0, 0x0B])
        #expect(try elements("(elem externref (ref.null extern))") == [5, 0x6F, 1, 0xD0, 0x6F, 0x0B])
        #expect(
            try elements("(elem (table $u) (i32.const 1) (ref null func) (item ref.null func))") == [
                6, 1, 0x41, 1, 0x0B, 0x70, 1, 0xD0, 0x70, 0x0B,
            ])
        #expect(try elements("(elem declare (ref func) (ref.func $f))") == [7, 0x64, 0x70, 1, 0xD2, 0, 0x0B])
    }

    @Test("locals of one type in a row are a run")
    func locals() throws {
        let bytes = try encode("(func (local i32 i32) (local $x i32) (local i64))")
        #expect(section(10, bytes) == [1, 6, 2, 3, 0x7F, 1, 0x7E, 0x0B])
    }

    @Test(
        "folded and plain instructions are the same",
        arguments: [
            ("(i32.add (i32.const 1) (i32.const 2)) drop", "i32.const 1 i32.const 2 i32.add drop"),
            ("(block $a (br $a))", "block $a br 0 end $a"),
            ("(loop (result i32) (i32.const 1)) drop", "loop (result i32) i32.const 1 end drop"),
            ("(if (i32.const 1) (then nop) (else unreachable))", "i32.const 1 if nop else unreachable end"),
            (
                "(if $x (result i32) (i32.const 1) (then (br $x (i32.const 2))) (else (i32.const 3))) drop",
                "i32.const 1 if $x (result i32) i32.const 2 br 0 else $x i32.const 3 end $x drop"
            ),
            ("(if (i32.const 0) (then))", "i32.const 0 if end"),
            ("(block (block $b (br_table $b 1 2 (i32.const 0))))", "block block i32.const 0 br_table 0 1 2 end end"),
            (
                "(drop (select (result i32) (i32.const 1) (i32.const 2) (i32.const 3)))",
                "i32.const 1 i32.const 2 i32.const 3 select (result i32) drop"
            ),
        ])
    func folding(_ folded: String, _ plain: String) throws {
        #expect(try code(folded) == code(plain))
    }

    @Test(
        "what folding does not allow",
        arguments: [
            "(i32.add i32.const 1 i32.const 2)", "(if (then) (i32.const 1))", "(if (i32.const 1))",
            "(if (i32.const 1) (else) (then))", "(if (i32.const 1) (then) (else) (else))", "(else)", "(end)", "(then)",
            "end", "else",
            "block", "if", "(block end)", "loop else end", "block (param $x i32) end", "(block (nop)",
            "(if (i32.const 1) (then) nop)",
        ])
    func misfolding(_ text: String) throws {
        _ = try error("(module (func \(text)))")
    }

    @Test("labels are the innermost of their name")
    func labels() throws {
        #expect(
            try code("block $a block $a br $a end br $a block $b br $a end end")
                == [0x02, 0x40, 0x02, 0x40, 0x0C, 0, 0x0B, 0x0C, 0, 0x02, 0x40, 0x0C, 1, 0x0B, 0x0B])
    }

    @Test("memory accesses")
    func accesses() throws {
        let two = "(memory 1) (memory $m 1)"
        func access(_ text: String) throws -> [UInt8] { try code("\(text) unreachable", in: two).dropLast() }
        #expect(try access("i32.load") == [0x28, 2, 0])
        #expect(try access("i64.load offset=0x10 align=1") == [0x29, 0, 16])
        #expect(try access("i32.load $m offset=1") == [0x28, 0x42, 1, 1])
        #expect(try access("v128.load8_lane 3") == [0xFD, 0x54, 0, 0, 3])
        #expect(try access("v128.load8_lane 1 3") == [0xFD, 0x54, 0x40, 1, 0, 3])
        #expect(try access("v128.store64_lane 0 offset=2 align=4 1") == [0xFD, 0x5B, 2, 2, 1])
        #expect(try access("memory.copy") == [0xFC, 0x0A, 0, 0] && access("memory.copy $m 0") == [0xFC, 0x0A, 1, 0])
        #expect(try access("memory.size $m") == [0x3F, 1])
        #expect(try code("memory.init $m 0 unreachable", in: two + "(data \"\")") == [0xFC, 8, 0, 1, 0])
        _ = try error("(module (memory 1) (func (i32.load align=0 (i32.const 0)) drop))")
        _ = try error("(module (memory 1) (func (i32.load align=4 offset=4 (i32.const 0)) drop))")
    }

    @Test("garbage-collected types, tail calls and exceptions")
    func later() throws {
        let types =
            "(rec (type $a (sub (struct (field $x i8) (field (mut (ref null $b))))))"
            + "(type $b (sub final $a (struct (field i8) (field (mut (ref null $b)))))))"
        #expect(
            section(1, try encode(types)) == [
                1, 0x4E, 2, 0x50, 0, 0x5F, 2, 0x78, 0, 0x63, 1, 1, 0x4F, 1, 0, 0x5F, 2, 0x78, 0, 0x63, 1, 1,
            ])
        #expect(try code("struct.get_u $a $x unreachable", in: types) == [0xFB, 4, 0, 0, 0])
        #expect(try code("ref.test (ref null $b) ref.cast (ref $a)", in: types) == [0xFB, 21, 1, 0xFB, 22, 0])
        #expect(try code("br_on_cast 0 anyref (ref i31) unreachable") == [0xFB, 24, 1, 0, 0x6E, 0x6C, 0])
        #expect(try code("return_call 0") == [0x12, 0] && code("throw_ref") == [0x0A])
        #expect(
            try code("block $l try_table (catch $e $l) (catch_all 0) end end unreachable", in: "(tag $e)").dropLast()
                == [0x02, 0x40, 0x1F, 0x40, 2, 0, 0, 0, 2, 0, 0x0B, 0x0B])
    }

    @Test("identifiers become the name section")
    func names() throws {
        let bytes = try encode(
            "(module $m (type $t (func)) (func $f (param $p i32) (local i32) (local $q i32) block $l end) (memory $n 1))",
            names: true)
        let names = try #require(section(0, bytes))
        #expect(
            names == [4] + Array("name".utf8) + [0, 2, 1] + Array("m".utf8) + [1, 4, 1, 0, 1] + Array("f".utf8)
                + [2, 9, 1, 0, 2, 0, 1] + Array("p".utf8) + [2, 1] + Array("q".utf8) + [3, 6, 1, 0, 1, 0, 1]
                + Array("l".utf8) + [4, 4, 1, 0, 1] + Array("t".utf8) + [6, 4, 1, 0, 1] + Array("n".utf8))
        #expect(section(0, try encode("(module $m (func $f))")) == nil)
    }

    @Test("custom sections stand where they are put")
    func customSections() throws {
        let bytes = try encode(
            #"(module (@custom "b" "\01") (@custom "a" (before first) "x" "y") (@custom "c" (after memory)) (memory 1))"#
        )
        #expect(
            Array(bytes[8...]) == [0, 4, 1, 0x61, 0x78, 0x79, 5, 3, 1, 0, 1, 0, 2, 1, 0x63, 0, 3, 1, 0x62, 1])
        _ = try error(#"(module (@custom "a" (after first)))"#)
    }
}
