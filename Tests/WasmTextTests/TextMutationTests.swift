//! Damaged texts: each ends in a module or an error with a place in the text, and the decoder takes what comes out.

import TestSupport
import Testing
import WasmModule
import WasmText

@Suite("Damaged texts")
struct TextMutationTests {
    private static let seeds = [
        """
        (module $m (type $t (func (param i32 i64) (result f32))) (import "a" "b" (func $f (type $t)))
          (table $u 3 9 funcref) (memory 1 2) (global $g (mut i32) (i32.const -7))
          (elem (i32.const 0) $f $h) (data (i32.const 1) "a\\00\\u{20ac}") (export "h" (func $h))
          (func $h (param $p i32) (result i32) (local $x i64 ) (local f64 f64)
            (if (result i32) (i32.eqz (local.get $p)) (then (i32.load offset=4 align=2 (local.get 0)))
              (else (block $l (result i32) (br_if $l (i32.const 0x7f) (global.get $g)))))))
        """,
        """
        (module (func $f (result v128) v128.const f32x4 1 -0x1.8p3 nan:0x12 inf (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10
          11 12 13 14 31 (v128.const i64x2 1 -1)) loop $l (param v128) br $l end) (start $f) (;x;) ;; y
          (@custom "c" (after code) "\\ff") (@other (a "b")))
        """,
        """
        (module (rec (type $s (sub (struct (field $a i8) (field (mut (ref null $s)))))) (type (array (mut i16))))
          (tag $e (param i32)) (table i64 0 (ref null $s)) (memory i64 1) (func (export "x") (import "y" "z"))
          (func (try_table (catch $e 0) (catch_all_ref 1) (throw $e (i32.const 1_000)))
            (drop (ref.cast (ref $s) (struct.new_default $s))) (return_call_indirect (type 1) (i64.const 0))))
        """,
        "(module binary \"\\00asm\\01\\00\\00\\00\")", "(module quote \"(func\" \" nop)\")",
    ]

    private static let pieces = [
        "(", ")", "\"", "(;", ";)", ";;", "$x", "(module", "func", "end", "else", "(then", "(param i32)", "0", "-1",
        "4294967296", "0x", "nan:0x1", "1e999", "i32.const", "block", "(type 0)", "\u{E9}", "\\", "offset=", "align=3",
        "(ref null 0)", "v128.const i8x16", "(@", "(@custom", "\"\\ff\"", "elem", "declare", "(export \"h\"",
    ]

    private static let count = TestData.integer(fromEnvironment: "MAYFLY_FUZZ_MUTANTS") ?? 100_000

    private static func mutant(_ random: inout SeededGenerator) -> [UInt8] {
        var text = Array(seeds.randomElement(using: &random)!.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0...text.count, using: &random)
            let length = min(Int.random(in: 1...12, using: &random), text.count - place)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: text.removeSubrange(place..<place + length)
            case 1: text.insert(contentsOf: Array(text[place..<place + length]), at: place)
            case 2: text.insert(contentsOf: Array(pieces.randomElement(using: &random)!.utf8), at: place)
            case 3:
                text.replaceSubrange(
                    place..<place + length, with: Array(" \(pieces.randomElement(using: &random)!) ".utf8))
            case 4: if place < text.count { text[place] = UInt8.random(in: 0...255, using: &random) }
            case 5: text.removeSubrange(place...)
            default:
                let piece = Array(text[place..<place + length])
                text.insert(contentsOf: piece, at: Int.random(in: 0...text.count, using: &random))
            }
        }
        return text
    }

    @Test("never crash", arguments: 0..<4)
    func mutants(_ part: Int) throws {
        let seed = UInt64(0x7E47 + part)
        var random = SeededGenerator(seed: seed)
        var encoded = 0
        for round in 0..<Self.count / 4 {
            let text = Self.mutant(&random)
            do {
                let bytes = try WasmText.encode(text)
                encoded += 1
                _ = try? DecodedModule(decoding: bytes).validateBodies()
            } catch {
                if error.line < 1 || error.column < 1 || error.offset > text.count {
                    Issue.record("seed \(seed), round \(round): \(error)")
                }
            }
        }
        // Some of the damage does not hurt, most of it does.
        #expect(encoded > Self.count / 200 && encoded < Self.count / 5, "seed \(seed)")
    }

    @Test("scripts with damage never crash either")
    func scripts() {
        let script = """
            (module $a (func (export "f") (result i32) (i32.const 1))) (register "a" $a)
            (assert_return (invoke $a "f") (either (i32.const 1) (i32.const 2)))
            (assert_return (get "g") (v128.const f32x4 nan:canonical 1 nan:arithmetic 0)) (assert_trap (invoke "f") "x")
            (assert_malformed (module quote "(func") "y") (module definition $d (memory 1)) (module instance $i $d)
            """
        var random = SeededGenerator(seed: 0x5C1)
        for _ in 0..<Self.count / 20 {
            var text = Array(script.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                text.replaceSubrange(
                    place..<min(place + 3, text.count),
                    with: Array((Self.pieces + ["invoke", "(get", "ref.extern 1"]).randomElement(using: &random)!.utf8))
            }
            _ = try? Script(parsing: text)
        }
    }
}
