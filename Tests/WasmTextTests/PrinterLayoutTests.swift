//! How printed modules look. What is expected is also what the module is encoded from, unless there is another source.

import Testing

@testable import WasmText

@Suite struct PrinterLayoutTests {
    func expect(_ text: String, from source: String? = nil, location: SourceLocation = #_sourceLocation) throws {
        let lines = try WasmText.print(try WasmText.encode(source ?? text)).split(separator: "\n")
        let expected = text.split(separator: "\n")
        #expect(lines.count == expected.count, sourceLocation: location)
        for (line, expected) in zip(lines, expected) { #expect(line == expected, sourceLocation: location) }
    }

    @Test func emptyModules() throws {
        try expect("(module)\n")
        try expect("(module $name)\n")
        try expect("(module $\"a name\")\n")
    }

    @Test func fieldsInTheOrderOfSections() throws {
        try expect(
            #"""
            (module $everything
              (type $binary (;0;) (func (param i32 i32) (result i32)))
              (type (;1;) (func))
              (import "env" "f" (func $f (;0;) (type 1)))
              (import "env" "t" (table $shared (;0;) 1 10 funcref))
              (import "env" "m" (memory (;0;) i64 1 2 shared))
              (import "env" "g" (global (;0;) (mut v128)))
              (import "env" "e" (tag $e (;0;) (type 1)))
              (table (;1;) i64 0 externref)
              (table $filled (;2;) 1 (ref func) (ref.func $f))
              (memory $second (;1;) 3)
              (tag (;1;) (type $binary) (param i32 i32) (result i32))
              (global $counter (;1;) (mut i32) (i32.const -1))
              (global (;2;) i64 i64.const 1 i64.const 2 i64.add)
              (export "add" (func $add))
              (export "table" (table $filled))
              (export "memory" (memory $second))
              (export "counter" (global $counter))
              (export "tag" (tag $e))
              (start $f)
              (elem (;0;) (i32.const 0) func $f $add)
              (elem $later (;1;) func $add)
              (elem (;2;) declare func $add)
              (func $add (;1;) (type $binary) (param $x i32) (param i32) (result i32)
                (local i64 f32) (local $y i32)
                local.get $x
                local.get 1
                i32.add
              )
              (func (;2;) (type 1))
              (data (;0;) (i64.const 0) "one")
              (data $two (;1;) (memory $second) (i32.const 8) "two")
              (data (;2;) "\00\01\ff\"\\\t\n\r~")
            )

            """#)
    }

    @Test func elements() throws {
        try expect(
            """
            (module
              (table (;0;) 10 funcref)
              (table $t (;1;) 10 externref)
              (elem (;0;) (i32.const 0) func)
              (elem (;1;) (i32.const 0) funcref (ref.null func) (ref.func 0))
              (elem (;2;) (table $t) (offset i32.const 1 i32.const 2 i32.mul) externref (ref.null extern))
              (elem (;3;) (table $t) (i32.const 1) func 0)
              (elem (;4;) declare (ref null 7) (item i32.const 0 drop) (item))
              (elem (;5;) i31ref (item i32.const 5 ref.i31))
              (elem (;6;) (i32.const 0) (ref func) (ref.func 0))
            )

            """)
    }

    @Test func types() throws {
        try expect(
            """
            (module
              (type $f (;0;) (func (param (ref null $s) (ref $s) anyref) (result (ref any) nullref exnref)))
              (rec
                (type $s (;1;) (sub (struct (field $a (mut i8)) (field i16) (field $b (ref null $s)))))
                (type (;2;) (sub final $s (array (mut f64))))
              )
              (rec)
              (type (;3;) (sub (func)))
              (func (;0;) (type 3)
                unreachable
                struct.get $s $b
                struct.get_u $s 1
                array.new_fixed 2 7
                br_on_cast 0 anyref (ref $s)
                ref.test (ref null $s)
                ref.cast i31ref
                ref.null none
                ref.null $f
                select (result i32)
                call_ref $f
                drop
              )
            )

            """)
    }

    @Test func blocks() throws {
        try expect(
            """
            (module
              (type (;0;) (func))
              (type (;1;) (func (param i32) (result i32)))
              (tag $t (;0;) (type 0))
              (func (;0;) (type 1) (param i32) (result i32)
                block $outer (result i32)
                  loop $inner
                    block $outer
                      br 2
                      br $outer
                      br 3
                    end
                    br $outer
                    br_table $inner $outer 2
                  end
                  i32.const 1
                  if (type 1)
                    br $outer
                  else
                    i32.const 2
                  end
                end
                try_table (result i32) (catch $t 0) (catch_ref $t 0) (catch_all 0) (catch_all_ref 0)
                end
              )
            )

            """)
    }

    @Test func accesses() throws {
        try expect(
            """
            (module
              (type (;0;) (func))
              (import "" "m" (memory (;0;) 1))
              (table $t (;0;) 1 funcref)
              (memory $m (;1;) 1)
              (func (;0;) (type 0)
                i32.load
                i32.load offset=4
                i32.load align=1
                i64.store $m offset=18446744073709551615 align=2
                v128.load8_lane $m offset=1 3
                v128.load64_lane 7
                v128.load64_lane $m 1
                memory.size
                memory.grow $m
                memory.copy 0 $m
                memory.copy
                memory.init 0
                memory.init $m 0
                memory.fill $m
                table.init 0
                table.copy
                table.get
                call_indirect (type 0)
                return_call_indirect (type 0)
              )
              (data (;0;) "")
            )

            """)
    }

    @Test func constants() throws {
        try expect(
            """
            (module
              (type (;0;) (func))
              (func (;0;) (type 0)
                i32.const -2147483648
                i64.const 9223372036854775807
                i64.const -9223372036854775808
                f32.const 0.1
                f32.const -0.0
                f32.const 1e-45
                f64.const 0.1
                f64.const 5e-324
                f64.const 1.7976931348623157e+308
                f32.const inf
                f64.const -inf
                f32.const nan
                f64.const -nan
                f32.const nan:0x1
                f64.const -nan:0xfffffffffffff
                v128.const i32x4 0x00000001 0xffffffff 0x00000000 0x89abcdef
                i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31
                f64x2.replace_lane 1
              )
            )

            """)
    }

    @Test func longLists() throws {
        let source =
            "(module (func (local \(String(repeating: "i32 ", count: 60))(ref func))) "
            + "(elem func \(String(repeating: "0 ", count: 120))) (data \"\(String(repeating: "ab\\00", count: 40))\"))"
        let text = try WasmText.print(try WasmText.encode(source))
        let lines = text.split(separator: "\n")
        #expect(lines.allSatisfy { $0.utf8.count < 120 })
        #expect(lines.count == 15)
        #expect(try WasmText.encode(text) == WasmText.encode(source))
    }

    @Test func deepBlocks() throws {
        let depth = 100_000
        let source =
            "(module (func \(String(repeating: "block ", count: depth)) \(String(repeating: "end ", count: depth))))"
        let module = try WasmText.encode(source)
        let text = try WasmText.print(module)
        let widest = text.split(separator: "\n").map(\.utf8.count).max()
        #expect(widest == 4 + 2 * 40 + "block".utf8.count)
        #expect(try WasmText.encode(text) == module)
    }

    // MARK: Names

    @Test func namesThatAreNoIdentifiers() throws {
        try expect(
            #"""
            (module
              (type (;0;) (func))
              (func $"with space" (;0;) (type 0)
                call $"with space"
                call $plain!#$%
                call $"größe"
                call $"\u{202e}a\"b\\c\00"
              )
              (func $plain!#$% (;1;) (type 0))
              (func $"größe" (;2;) (type 0))
              (func $"\u{202e}a\"b\\c\00" (;3;) (type 0))
            )

            """#)
    }

    /// Functions so many, and a name section with that subsection 1.
    func module(functions: UInt8, names: [UInt8]) -> [UInt8] {
        let count = Int(functions)
        var module = ByteWriter()
        module.append([0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0])
        module.section(1, [1, 0x60, 0, 0])
        module.section(3, [functions] + [UInt8](repeating: 0, count: count))
        module.section(10, [functions] + Array([[UInt8]](repeating: [2, 0, 0x0B], count: count).joined()))
        module.section(0, [4] + Array("name".utf8) + [1, UInt8(names.count)] + names)
        return module.bytes
    }

    @Test func namesAreMadeUnique() throws {
        // f, f, f_1, f, one that is empty, one that is not UTF-8, and one of a function that is not there.
        let names: [UInt8] = [
            7, 0, 1, 0x66, 1, 1, 0x66, 2, 3, 0x66, 0x5F, 0x31, 3, 1, 0x66, 4, 0, 5, 1, 0xFF, 9, 1, 0x67,
        ]
        #expect(
            try WasmText.print(module(functions: 6, names: names)) == """
                (module
                  (type (;0;) (func))
                  (func $f (;0;) (type 0))
                  (func $f_2 (;1;) (type 0))
                  (func $f_1 (;2;) (type 0))
                  (func $f_3 (;3;) (type 0))
                  (func (;4;) (type 0))
                  (func (;5;) (type 0))
                )

                """)
    }

    @Test func malformedNameSections() throws {
        let malformed = module(functions: 1, names: [2, 0, 1, 0x66])
        let text = try WasmText.print(malformed)
        #expect(text.contains(#"(@custom "name" (after code) "\01\04\02\00\01f")"#))
        #expect(try WasmText.encode(text) == malformed)
        // Two of them: which one is meant?
        let one: [UInt8] = [0, 11, 4] + Array("name".utf8) + [1, 4, 1, 0, 1, 0x67]
        let two = module(functions: 1, names: [1, 0, 1, 0x66]) + one
        #expect(try WasmText.encode(try WasmText.print(two)) == two)
    }

    // MARK: Custom sections

    @Test func customSections() throws {
        try expect(
            """
            (module
              (@custom "a" (before first) "first")
              (@custom "b" (before first) "")
              (type (;0;) (func))
              (@custom "c" (after type) "c")
              (@custom "d" (after func) "d")
              (func $f (;0;) (type 0))
              (@custom "e" (after code) "e")
              (@custom "f" (after last) "f")
            )

            """)
        // Without names, the end is the end of the last section.
        try expect(
            """
            (module
              (memory (;0;) 1)
              (@custom "producers" (after memory) "x")
            )

            """, from: "(module (memory 1) (@custom \"producers\" \"x\"))")
    }

    /// All instructions there are, by way of their text.
    @Test func allInstructions() throws {
        var body = ""
        for instruction in InstructionTable.shared.instructions {
            let immediates: String? =
                switch instruction.immediates {
                case .none, .memory, .memories, .tables, .table, .select: ""
                case .m0, .m1, .m2, .m3, .m4: "offset=1"
                case .block: "end"
                case .tryTable: "(catch_all 0) end"
                case .else, .end: nil
                case .label, .function, .local, .global, .tag, .data, .element, .type, .tableElement, .memoryData: "0"
                case .labels, .types, .typeField, .typeData, .typeElement, .typeCount: "0 0"
                case .indirect: "(type 0)"
                case .l0, .l1, .l2, .l3, .lane2, .lane4, .lane8, .lane16, .i32, .i64: "1"
                case .f32, .f64: "1.5"
                case .v128: "i64x2 1 2"
                case .shuffle: "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"
                case .heap: "any"
                case .reference: "(ref any)"
                case .castBranch: "0 anyref (ref i31)"
                }
            if let immediates { body += "\(instruction.name) \(immediates)\n" }
        }
        let module = try WasmText.encode("(module (type (struct (field i32))) (func (param i32) \(body)) (data \"\"))")
        let text = try WasmText.print(module)
        #expect(try WasmText.encode(text) == module)
        for instruction in InstructionTable.shared.instructions {
            #expect(text.contains("\n    \(instruction.name)") || ["else", "end"].contains(instruction.name))
        }
    }
}
