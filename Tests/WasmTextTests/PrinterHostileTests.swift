//! Modules that nobody meant well with: printing ends, soon, with text or an error that says where.

import TestSupport
import Testing

@testable import WasmText

@Suite struct PrinterHostileTests {
    static let header: [UInt8] = [0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0]

    /// Small modules with a bit of everything.
    static let sources = [
        """
        (module $m (type $f (func (param i32) (result i32))) (import "a" "b" (func $g (type $f)))
          (func $h (param $x i32) (result i32) (local i64 i64) (local $y f32)
            (block $l (result i32) (br_if $l (local.get $x) (i32.const 1)) (call $g)))
          (export "h" (func $h)) (table 2 funcref) (elem (i32.const 0) $h $g) (memory 1)
          (data (i32.const 0) "hello\\00") (global $c (mut i64) (i64.const 5)) (@custom "x" "y"))
        """,
        """
        (module (rec (type $s (sub (struct (field $a i8) (field $b (mut (ref null $s))))))
            (type $t (sub final $s (struct (field i8) (field (mut (ref null $s))) (field f64)))))
          (type $v (array (mut i16)))
          (func (param anyref) (result (ref $s)) (struct.new $s (i32.const 1) (ref.null $s))
            (block (param anyref) (result (ref $t)) (br_on_cast 0 anyref (ref $t) (local.get 0)) (drop) (unreachable))
            (array.new_fixed $v 2 (i32.const 1) (i32.const 2)) (drop) (drop))
          (elem declare func 0) (elem (ref null $s) (ref.null $s)) (table 1 (ref null $s) (ref.null $s)))
        """,
        """
        (module (tag $e (param i32)) (memory $a 1) (memory $b i64 1 2) (data $d "abc") (start 0)
          (func (local v128)
            (block $c (result i32) (try_table (catch $e $c) (catch_all 1) (throw $e (i32.const 1))) (i32.const 0))
            (if (then (i64.store $b offset=8 align=4 (i64.const 0) (i64.const 1))) (else (nop)))
            (memory.init $a $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d)
            (local.set 0 (v128.const f32x4 1 nan 3 -inf))
            (drop (v128.load32_lane $b offset=1 2 (i64.const 0) (local.get 0)))
            (loop $k (br_table $k 1 $k (i32.const 3)))
            (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get 0) (local.get 0)))
            (call_indirect (param f64) (f64.const 0x1p-3) (i32.const 0))) (table 1 1 funcref))
        """,
    ]

    @Test func mutants() throws {
        let modules = try Self.sources.map { try WasmText.encode($0) }
        let count = TestData.integer(fromEnvironment: "MAYFLY_PRINTER_MUTANTS") ?? 20_000
        let seed = UInt64(TestData.integer(fromEnvironment: "MAYFLY_SEED") ?? Int.random(in: 0..<1 << 32))
        var printedCount = 0
        for index in 0..<count {
            var random = SeededGenerator.forCase(index, seed: seed)
            var mutant = random.pick(modules)
            for _ in 0..<1 + random.below(3) {
                let place = 8 + random.below(mutant.count - 8)
                // Most keep the lengths right that stand before the place.
                switch random.below(12) {
                case 0...4: mutant[place] = UInt8(truncatingIfNeeded: random.next())
                case 5...7: mutant[place] ^= 1 << UInt8(random.below(8))
                case 8: mutant[place] = random.pick([0, 1, 0x7F, 0x80, 0xFF, 0x40, 0x0B, 0x4E, 0xFB, 0xFD])
                case 9: mutant.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                case 10: mutant.remove(at: place)
                default: mutant.removeLast(random.below(min(8, mutant.count - 16)))
                }
            }
            let comment: Comment = "case \(index) of seed \(seed)"
            do {
                let text = try WasmText.print(mutant)
                printedCount += 1
                let encoded = try WasmText.encode(text)
                let again = try WasmText.encode(try WasmText.print(encoded))
                #expect((encoded == again) as Bool, comment)
            } catch let error as PrintError {
                if error.offset > mutant.count { Issue.record("\(comment): \(error)") }
            } catch {
                Issue.record("\(comment): \(error)")
            }
        }
        print("printer: seed \(seed), \(printedCount) of \(count) mutants are modules")
        #expect(printedCount > count / 50)
    }

    @Test func truncatedModules() throws {
        for source in Self.sources {
            let module = try WasmText.encode(source, names: false)
            for length in 0..<module.count {
                if let text = try? WasmText.print(Array(module[..<length])) {
                    #expect(throws: Never.self) { _ = try WasmText.encode(text) }
                }
            }
        }
    }

    @Test(
        arguments: [
            ([], "magic header not detected", 0), ([0x00, 0x61, 0x73, 0x6D], "unknown binary version", 4),
            (header + [14, 0], "malformed section id", 8), (header + [1, 5, 0], "unexpected end", 10),
            (header + [1, 1, 0, 1, 1, 0], "unexpected content after last section", 11),
            (header + [1, 2, 0, 0], "section size mismatch", 11),
            (header + [1, 2, 1, 0x5D], "malformed type definition", 11),
            (header + [1, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], "unexpected end", 15),
            (header + [1, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0], "integer representation too long", 14),
            (header + [1, 5, 0x80, 0x80, 0x80, 0x80, 0x10], "integer too large", 14),
            (header + [5, 3, 1, 8, 0], "malformed limits flags", 11),
            (header + [0, 2, 1, 0xFF], "malformed UTF-8 encoding", 11),
            (header + [3, 2, 1, 0], "function and code section have inconsistent lengths", 12),
            (header + [12, 1, 1], "data count and data section have inconsistent lengths", 11),
            (header + [6, 4, 1, 0x7F, 0, 0x06], "unknown opcode 6", 13),
            (header + [6, 6, 1, 0x7F, 0, 0xFC, 0xFF, 0x01], "unknown opcode fc ff", 13),
            (header + [6, 5, 1, 0x7F, 0, 0x05, 0x0B], "unexpected else", 13),
        ] as [([UInt8], String, Int)])
    func errors(module: [UInt8], message: String, offset: Int) {
        #expect(throws: PrintError(message: message, offset: offset)) { _ = try WasmText.print(module) }
    }

    // MARK: Much text of few bytes

    /// So many functions of one type, the first three sections.
    func functions(_ count: Int, type: [UInt8], body: [UInt8]) -> [UInt8] {
        var module = ByteWriter()
        module.append(Self.header)
        module.section(1, [1] + type)
        var section = ByteWriter()
        section.count(count)
        section.append([UInt8](repeating: 0, count: count))
        module.section(3, section.bytes)
        section = ByteWriter()
        section.count(count)
        for _ in 0..<count { section.vector(body) }
        module.section(10, section.bytes)
        return module.bytes
    }

    @Test func parametersAreNotRepeatedWithoutEnd() throws {
        var type = ByteWriter()
        type.byte(0x60)
        type.count(10_000)
        type.append([UInt8](repeating: 0x7F, count: 10_000))
        type.byte(0)
        let module = functions(10_000, type: type.bytes, body: [0, 0x20, 0, 0x1A, 0x0B])
        let text = try WasmText.print(module)
        #expect(text.utf8.count < 40 * module.count + 4 << 20)
        #expect(try WasmText.encode(text) == module)
    }

    @Test func namesAreNotRepeatedWithoutEnd() throws {
        let calls = [[UInt8]](repeating: [0x10, 0], count: 50_000).joined()
        var module = functions(1, type: [0x60, 0, 0], body: [0] + calls + [0x0B])
        var map = ByteWriter()
        map.append([1, 0])
        map.vector([UInt8](repeating: 0x61, count: 50_000))
        var names = ByteWriter()
        names.vector(Array("name".utf8))
        names.section(1, map.bytes)
        var section = ByteWriter()
        section.section(0, names.bytes)
        module += section.bytes
        let text = try WasmText.print(module)
        #expect(text.utf8.count < 40 * module.count + 4 << 20)
        #expect(try WasmText.encode(text) == module)
    }

    @Test func localsAreNotRepeatedWithoutEnd() throws {
        let many = functions(1, type: [0x60, 0, 0], body: [1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x7F, 0x0B])
        #expect(throws: PrintError.self) { _ = try WasmText.print(many) }
        // As many as engines take.
        let allowed = functions(1, type: [0x60, 0, 0], body: [1, 0xD0, 0x86, 0x03, 0x7F, 0x0B])
        #expect(try WasmText.encode(try WasmText.print(allowed)) == allowed)
    }

    @Test func manyCustomSectionsInLinearTime() throws {
        let module = Self.header + [[UInt8]](repeating: [0, 1, 0], count: 200_000).joined()
        #expect(try WasmText.print(module).utf8.count < 50 * module.count)
    }
}
