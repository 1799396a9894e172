//! Calls that replace their caller's frame.

import Mayfly
import TestSupport
import Testing

@Suite("Tail calls")
struct TailCallTests {
    private static func instance(_ text: String) throws -> Instance<Void> {
        try testEngine.get().compile(text: text).template().instantiate()
    }

    @Test("A chain of them takes constant stack, however the functions' arguments differ")
    func constantStack() throws {
        let many = (0..<60).map { ["i64", "f32", "v128", "i32", "f64"][$0 % 5] }
        func arguments(_ from: Int) -> String {
            many.indices.dropFirst(from).map { index in
                many[index] == "v128" ? "(v128.const i64x2 \(index) \(index))" : "(\(many[index]).const \(index))"
            }.joined(separator: " ")
        }
        let instance = try Self.instance(
            """
            (module
              (type $many (func (param \(many.joined(separator: " "))) (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)))
              (table funcref (elem $none $few $many))
              (func $end (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
                \((0..<10).map { "(i64.const \($0))" }.joined(separator: " ")))
              (func $none (export "none") (param i64) (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
                (if (i64.eqz (local.get 0)) (then (return_call $end)))
                (return_call $few (i64.sub (local.get 0) (i64.const 1)) (f64.const 1) (i32.const 2)))
              (func $few (param i64 f64 i32) (result i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
                (if (i64.eqz (local.get 0)) (then (return_call $end)))
                (return_call_indirect (type $many) (i64.sub (local.get 0) (i64.const 1)) \(arguments(1)) (local.get 2)))
              (func $many (type $many)
                (if (i64.eqz (local.get 0)) (then (return_call $end)))
                (if (f64.ne (local.get 59) (f64.const 59)) (then unreachable))
                (if (i64.ne (i64x2.extract_lane 1 (local.get 57)) (i64.const 57)) (then unreachable))
                (if (f32.ne (local.get 56) (f32.const 56)) (then unreachable))
                (return_call $none (i64.sub (local.get 0) (i64.const 1)))))
            """)
        for steps: Int64 in [0, 1, 2, 3, 1_000_000] {
            #expect(
                try instance.call("none", arguments: [.i64(steps)]) == (0..<10).map { Value.i64($0) }, "\(steps)")
        }
    }

    /// Callers keep values in the registers that callees preserve.
    @Test("The caller of a function that ends in one finds its registers and stack results as they were")
    func registers() throws {
        let instance = try Self.instance(
            """
            (module
              (func $id (param i64) (result i64) (local.get 0))
              (func $busy (param i64 i64 i64) (result i64)
                (local i64 i64 i64 i64)
                (local.set 3 (call $id (i64.add (local.get 0) (i64.const 1))))
                (local.set 4 (call $id (i64.add (local.get 1) (i64.const 2))))
                (local.set 5 (call $id (i64.add (local.get 2) (i64.const 3))))
                (local.set 6 (call $id (i64.const 4)))
                (return_call $sum (local.get 3) (local.get 4) (local.get 5) (local.get 6)))
              (func $sum (param i64 i64 i64 i64) (result i64)
                (i64.add (i64.add (local.get 0) (local.get 1)) (i64.add (local.get 2) (local.get 3))))
              (func (export "run") (param i64) (result i64)
                (local i64 i64 i64)
                (local.set 1 (call $id (i64.mul (local.get 0) (i64.const 3))))
                (local.set 2 (call $id (i64.mul (local.get 0) (i64.const 5))))
                (local.set 3 (call $busy (local.get 0) (local.get 1) (local.get 2)))
                (i64.add (i64.add (local.get 0) (local.get 1)) (i64.add (local.get 2) (local.get 3)))))
            """)
        for value: Int64 in [0, 1, 1000, -7] { #expect(try instance.call("run", value) as Int64 == value * 18 + 10) }
    }

    @Test("Near the end of the stack they trap or succeed, with the largest arguments there can be")
    func atTheStacksEnd() throws {
        // A frame of 500 cells of arguments, below a recursion of small frames.
        let wide = (0..<500).map { _ in "i64" }.joined(separator: " ")
        let constants = (0..<500).map { "(i64.const \($0))" }.joined(separator: " ")
        let instance = try Self.instance(
            """
            (module
              (type $wide (func (param \(wide)) (result i64))) (table funcref (elem $wide))
              (func $wide (type $wide) (local.get 499))
              (func $leaf (param i64) (result i64) (return_call $wide \(constants)))
              (func $indirect (param i64) (result i64) (return_call_indirect (type $wide) \(constants) (i32.const 0)))
              (func $down (export "direct") (param i64) (result i64)
                (if (i64.eqz (local.get 0)) (then (return_call $leaf (i64.const 0))))
                (i64.add (i64.const 1) (call $down (i64.sub (local.get 0) (i64.const 1)))))
              (func $downTable (export "indirect") (param i64) (result i64)
                (if (i64.eqz (local.get 0)) (then (return_call $indirect (i64.const 0))))
                (i64.add (i64.const 1) (call $downTable (i64.sub (local.get 0) (i64.const 1))))))
            """)
        for name in ["direct", "indirect"] {
            func outcome(_ depth: Int64) throws -> Int64? {
                do { return try instance.call(name, depth) } catch let trap as Trap {
                    #expect(trap.code == .callStackExhausted)
                    return nil
                }
            }
            var (low, high): (Int64, Int64) = (0, 1 << 20)
            while high - low > 1 {
                let middle = (low + high) / 2
                if try outcome(middle) == nil { high = middle } else { low = middle }
            }
            #expect(low > 100)
            for depth in max(0, low - 300)...high + 300 {
                let result = try outcome(depth)
                #expect(result == (depth < high ? 499 + depth : nil), "\(depth) of \(low)")
            }
        }
    }

    @Test("Indirect ones trap as indirect calls do, with the frame still there")
    func traps() throws {
        let instance = try Self.instance(
            """
            (module
              (type $f (func)) (table 3 funcref) (elem (i32.const 1) $other) (func $other (param i32))
              (func $inner (param i32) (return_call_indirect (type $f) (local.get 0)))
              (func (export "run") (param i32) (call $inner (local.get 0))))
            """)
        let cases: [(Int32, TrapCode)] = [
            (0, .uninitializedElement), (1, .indirectCallTypeMismatch), (3, .undefinedElement), (-1, .undefinedElement),
        ]
        for (index, code) in cases {
            let trap = try #require(throws: Trap.self) { try instance.call("run", index) }
            #expect(trap.code == code)
            #expect(trap.backtrace.map(\.functionName) == ["inner", nil])
        }
    }

    @Test("They can leave for a host function, whose error ends the guest")
    func hostFunctions() throws {
        struct Refusal: Error {}
        var imports = Imports<Void>()
        imports.define("host", "f") { (_, value: Int64, _: Int32, last: Double) throws -> Int64 in
            if value < 0 { throw Refusal() }
            return value * 2 + Int64(last)
        }
        let instance = try testEngine.get().compile(
            text: """
                (module (import "host" "f" (func $f (param i64 i32 f64) (result i64)))
                  (func $inner (param i64) (result i64) (return_call $f (local.get 0) (i32.const 1) (f64.const 3)))
                  (func (export "run") (param i64) (result i64) (i64.add (call $inner (local.get 0)) (i64.const 100))))
                """
        ).template(imports: imports).instantiate()
        #expect(try instance.call("run", Int64(5)) as Int64 == 113)
        #expect(throws: Refusal.self) { try instance.call("run", Int64(-1)) as Int64 }
        #expect(try instance.call("run", Int64(6)) as Int64 == 115)
    }
}
