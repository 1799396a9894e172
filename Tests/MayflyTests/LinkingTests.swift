//! Instances of one store that share functions, memories, tables and globals.

import Compiler
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

/// An engine of each kind of bounds checks, with few slots, so that they are used again.
private func engines(slots: Int = 8) throws -> [Engine] {
    try CodeSettings.BoundsChecks.allCases.map { checks in
        try Engine(
            .init(
                pool: PoolConfiguration(slotCount: slots, spareSlots: 0, stackBytes: 256 << 10),
                code: CodeSettings(boundsChecks: checks)))
    }
}

extension Engine {
    /// What differs between slots that are free again and their images.
    fileprivate func residues(_ slots: [Slot]) -> [String] { slots.compactMap { core.pool.residue(in: $0) } }
}

extension Instance {
    /// Its own slot and those of its further memories.
    fileprivate var slots: [Slot] { [store.slot] + (store.linkage?.furtherSlots ?? []) }
}

@Suite("Linking")
struct LinkingTests {
    @Test("Functions of other instances run on their own memory and globals, and so does the caller after them")
    func functions() throws {
        for engine in try engines() {
            let library = try engine.compile(
                text: """
                    (module
                      (memory 1) (data (i32.const 0) "\\2a") (global $calls (mut i32) (i32.const 0))
                      (func (export "byte") (result i32)
                        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                        (i32.load8_u (i32.const 0)))
                      (func (export "calls") (result i32) (global.get $calls)))
                    """)
            let program = try engine.compile(
                text: """
                    (module
                      (import "lib" "byte" (func $byte (result i32)))
                      (memory 1) (data (i32.const 0) "\\07") (global $own (mut i32) (i32.const 1000))
                      (func (export "sum") (result i32)
                        (i32.add (i32.add (call $byte) (i32.load8_u (i32.const 0))) (global.get $own)))
                      (export "again" (func $byte)))
                    """)
            var store = Store(engine)
            let lib = try store.instantiate(library, as: "lib")
            let app = try store.instantiate(program)
            #expect(try app.call("sum") as Int32 == 1049)
            #expect(try app.call("again") as Int32 == 42)
            #expect(try lib.call("calls") as Int32 == 2)
        }
    }

    /// Parameters and results beyond the registers, of all types.
    @Test("Arguments and results of any number and type pass between instances")
    func manyValues() throws {
        let types = (0..<30).map { ["i32", "i64", "f32", "f64", "v128"][$0 % 5] }
        func constant(_ index: Int) -> String {
            types[index] == "v128" ? "v128.const i64x2 \(index) -\(index)" : "\(types[index]).const \(index)"
        }
        let list = types.joined(separator: " ")
        for engine in try engines() {
            var store = Store(engine)
            try store.instantiate(
                try engine.compile(
                    text: """
                        (module (func (export "turn") (param \(list)) (result \(types.reversed().joined(separator: " ")))
                          \((0..<30).reversed().map { "(local.get \($0))" }.joined(separator: " "))))
                        """), as: "lib")
            let app = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (import "lib" "turn" (func $turn (param \(list)) (result \(types.reversed().joined(separator: " ")))))
                          (table 1 funcref) (elem (i32.const 0) $turn)
                          (type $t (func (param \(list)) (result \(types.reversed().joined(separator: " ")))))
                          (func (export "direct") (result \(types.reversed().joined(separator: " ")))
                            (call $turn \((0..<30).map { "(\(constant($0)))" }.joined(separator: " "))))
                          (func (export "indirect") (result \(types.reversed().joined(separator: " ")))
                            (call_indirect (type $t) \((0..<30).map { "(\(constant($0)))" }.joined(separator: " ")) (i32.const 0)))
                          (func (export "tail") (result \(types.reversed().joined(separator: " ")))
                            (return_call $turn \((0..<30).map { "(\(constant($0)))" }.joined(separator: " ")))))
                        """))
            let expected: [Value] = (0..<30).reversed().map { index in
                switch index % 5 {
                case 0: .i32(Int32(index))
                case 1: .i64(Int64(index))
                case 2: .f32(Float(index))
                case 3: .f64(Double(index))
                default: .v128(V128(low: UInt64(index), high: UInt64(bitPattern: -Int64(index))))
                }
            }
            for name in ["direct", "indirect", "tail"] {
                #expect(try app.call(name, arguments: []) == expected, "\(name)")
            }
        }
    }

    @Test("A shared memory has one content and one size, whoever writes or grows it")
    func sharedMemory() throws {
        for engine in try engines() {
            let owner = """
                (module (memory (export "m") 1 5)
                  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
                  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
                  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
                  (func (export "size") (result i32) (memory.size)))
                """
            let importer = owner.replacing(
                "(memory (export \"m\") 1 5)", with: "(import \"a\" \"m\" (memory 1)) (export \"m\" (memory 0))")
            var store = Store(engine)
            let a = try store.instantiate(try engine.compile(text: owner), as: "a")
            let b = try store.instantiate(try engine.compile(text: importer), as: "b")
            let c = try store.instantiate(
                try engine.compile(text: importer.replacing("\"a\"", with: "\"b\"")))
            try a.call("store", 10, 1)
            #expect(try c.call("load", 10) as Int32 == 1)
            #expect(try b.readBytes(at: 10, count: 1) == [1])
            #expect(try b.call("grow", 2) as Int32 == 1)
            for instance in 0..<3 {
                func call(_ name: String, _ arguments: [Value]) throws -> [Value] {
                    switch instance {
                    case 0: try a.call(name, arguments: arguments)
                    case 1: try b.call(name, arguments: arguments)
                    default: try c.call(name, arguments: arguments)
                    }
                }
                #expect(try call("size", []) == [.i32(3)])
                _ = try call("store", [.i32(3 * 65536 - 1), .i32(7)])
                let error = #expect(throws: Trap.self) { try call("load", [.i32(3 * 65536)]) }
                #expect(error?.code == .memoryOutOfBounds)
                let far = #expect(throws: Trap.self) { try call("store", [.i32(-1), .i32(7)]) }
                #expect(far?.code == .memoryOutOfBounds)
            }
            try c.writeBytes([9], at: 3 * 65536 - 1)
            #expect(try a.call("load", Int32(3 * 65536 - 1)) as Int32 == 9)
            #expect(b.memorySize == 3 * 65536)
            #expect(try c.call("grow", 3) as Int32 == -1)
        }
    }

    @Test("A memory that is one instance's first can be another's second")
    func memoriesInOtherPlaces() throws {
        for engine in try engines() {
            var store = Store(engine)
            let a = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (memory $x (export "x") 1) (memory $y (export "y") 2) (data (memory $y) (i32.const 5) "y")
                          (func (export "y") (result i32) (i32.load8_u $y (i32.const 5)))
                          (func (export "grow") (result i32) (memory.grow $y (i32.const 1)))
                          (func (export "outside") (result i32) (i32.load8_u $y (i32.const 131072))))
                        """.replacing("(export \"y\") (result", with: "(export \"get\") (result")), as: "a")
            let b = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (import "a" "y" (memory $y 1)) (import "a" "x" (memory $x 1)) (memory $own 1)
                          (func (export "copy") (memory.copy $x $y (i32.const 0) (i32.const 5) (i32.const 1)))
                          (func (export "x") (result i32) (i32.load8_u $x (i32.const 0)))
                          (func (export "own") (result i32) (i32.load8_u $own (i32.const 0)))
                          (func (export "size") (result i32) (memory.size $y))
                          (func (export "last") (result i32) (i32.load8_u $y (i32.const 196607)))
                          (func (export "outside") (result i32) (i32.load8_u $y (i32.const 196608))))
                        """))
            try b.call("copy")
            #expect(try b.call("x") as Int32 == 121)
            #expect(try b.call("own") as Int32 == 0)
            #expect(try a.call("get") as Int32 == 121)
            #expect(throws: Trap.self) { try a.call("outside") as Int32 }
            #expect(try a.call("grow") as Int32 == 2)
            #expect(try b.call("size") as Int32 == 3)
            #expect(try a.call("outside") as Int32 == 0)
            #expect(try b.call("last") as Int32 == 0)
            let trap = #expect(throws: Trap.self) { try b.call("outside") as Int32 }
            #expect(trap?.code == .memoryOutOfBounds)
        }
    }

    @Test("A table's functions run as those of the instance that put them there")
    func sharedTable() throws {
        for engine in try engines() {
            var store = Store(engine)
            let a = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (table $t (export "t") 4 8 funcref) (elem (i32.const 0) $own)
                          (type $f (func (result i32))) (memory 1) (data (i32.const 0) "a")
                          (func $own (result i32) (i32.load8_u (i32.const 0)))
                          (func (export "call") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
                          (func (export "tail") (param i32) (result i32) (return_call_indirect (type $f) (local.get 0)))
                          (func (export "size") (result i32) (table.size $t)))
                        """), as: "a")
            let b = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (import "a" "t" (table $t 4 funcref)) (elem (i32.const 2) $own $wrong)
                          (type $f (func (result i32))) (memory 1) (data (i32.const 0) "b")
                          (func $own (export "own") (result i32) (i32.load8_u (i32.const 0)))
                          (func $wrong (result i64) (i64.const 1))
                          (func (export "call") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
                          (func (export "grow") (param i32) (result i32)
                            (table.grow $t (ref.func $own) (local.get 0)))
                          (func (export "init") (table.init $t $e (i32.const 1) (i32.const 0) (i32.const 1)))
                          (elem $e funcref (ref.func $own)))
                        """))
            for name in ["call", "tail"] {
                #expect(try a.call(name, 0) as Int32 == 97)
                #expect(try a.call(name, 2) as Int32 == 98)
                for (index, code) in [
                    (1, TrapCode.uninitializedElement), (3, .indirectCallTypeMismatch), (4, .undefinedElement),
                ] {
                    let trap = #expect(throws: Trap.self) { try a.call(name, Int32(index)) as Int32 }
                    #expect(trap?.code == code)
                }
            }
            #expect(try b.call("call", 0) as Int32 == 97)
            #expect(try b.call("call", 2) as Int32 == 98)
            try b.call("init")
            #expect(try a.call("call", 1) as Int32 == 98)
            #expect(try b.call("grow", 3) as Int32 == 4)
            #expect(try a.call("size") as Int32 == 7)
            #expect(try a.call("call", 6) as Int32 == 98)
            #expect(try b.call("grow", 2) as Int32 == -1)
        }
    }

    @Test("A mutable global is one variable, under whatever name it is imported")
    func sharedGlobals() throws {
        for engine in try engines() {
            var store = Store(engine)
            let a = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (global $i (export "i") (mut i32) (i32.const 1)) (global $v (export "v") (mut v128) (v128.const i64x2 1 2))
                          (global $d (export "d") (mut f64) (f64.const 0.5)) (global (export "c") i64 (i64.const 77))
                          (func (export "i") (result i32) (global.get $i)))
                        """.replacing("(func (export \"i\")", with: "(func (export \"get\")")), as: "a")
            let b = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (import "a" "i" (global $i (mut i32))) (import "a" "i" (global $j (mut i32)))
                          (import "a" "v" (global $v (mut v128))) (import "a" "d" (global $d (mut f64))) (import "a" "c" (global $c i64))
                          (global $sum i64 (i64.add (global.get $c) (i64.const 1))) (export "again" (global $i)) (export "sum" (global $sum))
                          (func (export "add") (param i32) (result i32)
                            (global.set $i (i32.add (global.get $j) (local.get 0)))
                            (global.set $v (i64x2.add (global.get $v) (global.get $v)))
                            (global.set $d (f64.add (global.get $d) (f64.const 1)))
                            (global.get $j)))
                        """), as: "b")
            #expect(try b.call("add", 41) as Int32 == 42)
            #expect(try a.call("get") as Int32 == 42)
            #expect(try a.global("v") == .v128(V128(low: 2, high: 4)))
            #expect(try a.global("d") == .f64(1.5))
            #expect(try b.global("sum") == .i64(78))
            try b.setGlobal("again", to: .i32(-5))
            #expect(try a.global("i") == .i32(-5))
            let c = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (import "b" "again" (global $i (mut i32))) (func (export "get") (result i32) (global.get $i)))
                        """))
            #expect(try c.call("get") as Int32 == -5)
        }
    }

    // MARK: Traps, errors and recursion

    @Test("A trap in another instance comes out of the call with frames of both modules, and all go on")
    func traps() throws {
        for engine in try engines() {
            var store = Store(engine)
            try store.instantiate(
                try engine.compile(
                    text: """
                        (module $inner (memory 1)
                          (func $deep (export "trap") (param i32) (result i32) (i32.load (local.get 0)))
                          (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0))))
                        """), as: "lib")
            let app = try store.instantiate(
                try engine.compile(
                    text: """
                        (module $outer (import "lib" "trap" (func $trap (param i32) (result i32)))
                          (import "lib" "divide" (func $divide (param i32) (result i32))) (memory 1)
                          (func $middle (param i32) (result i32) (i32.add (call $trap (local.get 0)) (i32.const 1)))
                          (func (export "load") (param i32) (result i32) (i32.add (call $middle (local.get 0)) (i32.const 1)))
                          (func (export "divide") (param i32) (result i32) (i32.add (call $divide (local.get 0)) (i32.const 1))))
                        """))
            for _ in 0..<3 {
                let trap = try #require(throws: Trap.self) { try app.call("load", 65536) as Int32 }
                #expect(trap.code == .memoryOutOfBounds)
                #expect(trap.backtrace.map(\.functionName) == ["deep", "middle", nil])
                #expect(trap.backtrace.map(\.moduleName) == ["inner", "outer", "outer"])
                #expect("\(trap)".contains("0: deep (function 0) in inner at 0x"))
                #expect(try app.call("load", 0) as Int32 == 2)
                let division = try #require(throws: Trap.self) { try app.call("divide", 0) as Int32 }
                #expect(division.code == .integerDivideByZero)
                #expect(try app.call("divide", 1) as Int32 == 2)
            }
        }
    }

    @Test("Endless recursion through several instances exhausts the one stack they share")
    func recursion() throws {
        for engine in try engines() {
            var store = Store(engine)
            let a = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (table (export "t") 2 funcref) (type $f (func (param i64) (result i64)))
                          (func $f (export "f") (param i64) (result i64)
                            (i64.add (i64.const 1) (call_indirect (type $f) (i64.add (local.get 0) (i64.const 1)) (i32.const 1))))
                          (elem (i32.const 0) $f))
                        """), as: "a")
            try store.instantiate(
                try engine.compile(
                    text: """
                        (module (import "a" "t" (table 2 funcref)) (import "a" "f" (func $f (param i64) (result i64)))
                          (func $g (param i64) (result i64) (i64.add (i64.const 1) (call $f (local.get 0))))
                          (elem (i32.const 1) $g))
                        """))
            for _ in 0..<3 {
                let trap = try #require(throws: Trap.self) { try a.call("f", Int64(0)) as Int64 }
                #expect(trap.code == .callStackExhausted)
                #expect(trap.backtrace.count == Trap.maximumFrames && trap.omittedFrames > 500)
            }
        }
    }

    private struct Log {
        var entries: [Int32] = []
    }

    private struct Refusal: Error, Equatable {
        var number: Int32
    }

    @Test("Host functions see the instance that calls them, at any depth, and the state that all share")
    func hostFunctions() throws {
        for engine in try engines() {
            var imports = Imports<Log>()
            imports.define("host", "note") { (caller: borrowing Caller<Log>, depth: Int32) throws -> Int32 in
                let own = Int32(try caller.readBytes(at: 0, count: 1)[0])
                caller.state.entries.append(own * 100 + depth)
                if depth < 0 { throw Refusal(number: depth) }
                // Back into the guest, which calls the other instance, which comes back here.
                return depth == 0 ? 0 : try caller.call("enter", depth - 1)
            }
            func module(_ byte: Character, _ other: String) -> String {
                """
                (module (import "host" "note" (func $note (param i32) (result i32))) \(other)
                  (memory 1) (data (i32.const 0) "\(byte)")
                  (func $run (export "run") (param i32) (result i32) (i32.add (i32.const 1) (call $note (local.get 0))))
                  (func (export "enter") (param i32) (result i32)
                    (if (result i32) (i32.eq (local.get 0) (i32.const 13)) (then unreachable)
                      (else (i32.add (i32.const 10) (call \(other.isEmpty ? "$run" : "$other") (local.get 0)))))))
                """
            }
            var store = Store(engine, state: Log())
            let a = try store.instantiate(try engine.compile(text: module("a", "")), imports: imports, as: "a")
            let b = try store.instantiate(
                try engine.compile(
                    text: module("b", "(import \"a\" \"run\" (func $other (param i32) (result i32)))")),
                imports: imports)
            #expect(try b.call("run", 3) as Int32 == 34)
            #expect(store.state.entries == [9803, 9702, 9701, 9700])
            store.state.entries = []
            #expect(try b.call("enter", 2) as Int32 == 33)
            #expect(store.state.entries == [9702, 9701, 9700])
            #expect(a.state.entries == b.state.entries)
            for _ in 0..<3 {
                #expect(throws: Refusal(number: -1)) { try b.call("enter", -1) as Int32 }
                let trap = #expect(throws: Trap.self) { try b.call("run", 14) as Int32 }
                #expect(trap?.code == .unreachable)
                #expect(try a.call("run", 1) as Int32 == 12)
            }
        }
    }

    // MARK: Tail calls

    @Test("Tail calls between instances take constant stack, and the caller finds its own instance again")
    func tailCalls() throws {
        // Arguments beyond the registers on one side, so that frames change their sizes.
        let wide = (0..<14).map { _ in "i64" }.joined(separator: " ")
        for engine in try engines() {
            var store = Store(engine)
            let a = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (table (export "t") 1 funcref) (memory 1) (data (i32.const 0) "A")
                          (type $wide (func (param \(wide)) (result i64)))
                          (func $narrow (export "narrow") (param i64) (result i64)
                            (if (i64.eqz (local.get 0)) (then (return (i64.load8_u (i32.const 0)))))
                            (return_call_indirect (type $wide) (i64.sub (local.get 0) (i64.const 1))
                              \((1..<14).map { "(i64.const \($0))" }.joined(separator: " ")) (i32.const 0)))
                          (func (export "start") (param i64) (result i64)
                            (i64.add (i64.mul (call $narrow (local.get 0)) (i64.const 1000)) (i64.load8_u (i32.const 0)))))
                        """), as: "a")
            let b = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (import "a" "t" (table 1 funcref)) (import "a" "narrow" (func $narrow (param i64) (result i64)))
                          (memory 1) (data (i32.const 0) "B")
                          (func $wide (param \(wide)) (result i64)
                            (if (i64.ne (local.get 13) (i64.const 13)) (then unreachable))
                            (if (i64.eqz (local.get 0)) (then (return (i64.load8_u (i32.const 0)))))
                            (return_call $narrow (i64.sub (local.get 0) (i64.const 1))))
                          (elem (i32.const 0) $wide)
                          (func (export "start") (param i64) (result i64)
                            (i64.add (i64.mul (call $narrow (local.get 0)) (i64.const 1000)) (i64.load8_u (i32.const 0)))))
                        """))
            for (steps, last) in [(0, 65), (1, 66), (2, 65), (3, 66), (1_000_000, 65), (1_000_001, 66)]
                as [(Int64, Int64)]
            {
                #expect(try a.call("start", steps) as Int64 == last * 1000 + 65)
                #expect(try b.call("start", steps) as Int64 == last * 1000 + 66)
                #expect(try a.call("narrow", steps) as Int64 == last)
            }
        }
    }

    @Test("A tail call can end in a host function")
    func tailCallOfTheHost() throws {
        let engine = try testEngine.get()
        var imports = Imports<Void>()
        imports.define("host", "twice") { (_, value: Int32) in value * 2 }
        var store = Store(engine)
        try store.instantiate(
            try engine.compile(
                text: """
                    (module (import "host" "twice" (func $f (param i32) (result i32))) (export "twice" (func $f)))
                    """), imports: imports, as: "lib")
        let app = try store.instantiate(
            try engine.compile(
                text: """
                    (module (import "lib" "twice" (func $f (param i32) (result i32)))
                      (func $g (param i32) (result i32) (return_call $f (local.get 0)))
                      (func (export "run") (param i32) (result i32) (i32.add (call $g (local.get 0)) (i32.const 1))))
                    """))
        #expect(try app.call("run", 21) as Int32 == 43)
    }

    // MARK: Instantiation that fails

    @Test("What a failing instantiation did to others stays, and its functions can still be called")
    func failingHalfWay() throws {
        for engine in try engines() {
            var store = Store(engine)
            let a = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (table (export "t") 4 funcref) (memory (export "m") 1) (type $f (func (result i32)))
                          (func (export "call") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
                          (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))
                        """), as: "a")
            func failing(_ rest: String) throws -> Module {
                try engine.compile(
                    text: """
                        (module (import "a" "t" (table 4 funcref)) (import "a" "m" (memory 1)) (global $g (mut i32) (i32.const 5))
                          (func $f (result i32) (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g))
                          (elem (i32.const 1) $f) \(rest))
                        """)
            }
            let cases: [(String, TrapCode)] = [
                ("(elem (i32.const 3) $f $f)", .tableOutOfBounds),
                ("(data (i32.const 7) \"x\") (data (i32.const 65536) \"x\")", .memoryOutOfBounds),
                ("(data (i32.const 8) \"x\") (func $s unreachable) (start $s)", .unreachable),
            ]
            for (rest, code) in cases {
                let trap = #expect(throws: Trap.self) { try store.instantiate(try failing(rest), as: "dead") }
                #expect(trap?.code == code)
                let isThere = store.instance(named: "dead") != nil
                #expect(!isThere)
                #expect(try a.call("call", 1) as Int32 == 6)
                #expect(try a.call("call", 1) as Int32 == 7)
            }
            #expect(try a.call("load", 7) as Int32 == 120)
            #expect(try a.call("load", 8) as Int32 == 120)
            #expect(throws: Trap.self) { try a.call("call", 3) as Int32 }
        }
    }

    @Test("Imports that do not match are refused before anything is done")
    func mismatches() throws {
        let engine = try testEngine.get()
        var store = Store(engine)
        try store.instantiate(
            try engine.compile(
                text: """
                    (module (memory (export "m") 2 4) (memory (export "m64") i64 1) (table (export "t") 2 4 funcref)
                      (table (export "e") 2 externref) (global (export "g") (mut i32) (i32.const 0)) (global (export "c") i32 (i32.const 0))
                      (func (export "f") (param i32)))
                    """), as: "a")
        let cases = [
            ("(import \"a\" \"x\" (memory 1))", "unknown import"),
            ("(import \"a\" \"m\" (memory 3))", "memory of 3 or more pages, but is memory of 2 to 4 pages"),
            ("(import \"a\" \"m\" (memory 1 3))", "memory of 1 to 3 pages"),
            ("(import \"a\" \"m64\" (memory 1))", "but is 64-bit memory"),
            ("(import \"a\" \"m\" (memory i64 1))", "must be 64-bit memory"),
            ("(import \"a\" \"m64\" (memory i64 1 2))", "64-bit memory of 1 to 2 pages"),
            ("(import \"a\" \"t\" (table 3 funcref))", "table of funcref, 3 or more elements"),
            ("(import \"a\" \"t\" (table 1 3 funcref))", "table of funcref, 1 to 3 elements"),
            ("(import \"a\" \"e\" (table 1 funcref))", "but is table of externref"),
            ("(import \"a\" \"t\" (table i64 1 funcref))", "must be 64-bit table"),
            ("(import \"a\" \"g\" (global i32))", "global of i32, but is mutable global of i32"),
            ("(import \"a\" \"c\" (global (mut i32)))", "mutable global of i32, but is global of i32"),
            ("(import \"a\" \"g\" (global (mut i64)))", "mutable global of i64"),
            ("(import \"a\" \"f\" (func))", "function () -> (), but is function (i32) -> ()"),
            ("(import \"a\" \"f\" (memory 1))", "memory of 1 or more pages, but is function"),
            ("(import \"a\" \"m\" (func))", "function () -> (), but is memory"),
            ("(import \"b\" \"m\" (memory 1))", "must come from an instance"),
        ]
        for (text, message) in cases {
            let module = try engine.compile(text: "(module \(text))")
            let error = #expect(throws: LinkError.self) { try store.instantiate(module) }
            #expect(error?.description.contains(message) == true, "\(text): \(error?.description ?? "none")")
        }
    }

    // MARK: References

    @Test("References pass freely within a store, and not beyond it")
    func references() throws {
        let engine = try testEngine.get()
        let text = """
            (module (table $t (export "t") 1 funcref) (global $n (mut i32) (i32.const 0)) (type $f (func (result i32)))
              (global $r (export "r") (mut funcref) (ref.null func))
              (func $count (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
              (elem declare func $count)
              (func (export "give") (result funcref) (ref.func $count))
              (func (export "take") (param funcref) (result i32)
                (table.set $t (i32.const 0) (local.get 0)) (call_indirect (type $f) (i32.const 0))))
            """
        let module = try engine.compile(text: text)
        var store = Store(engine)
        let a = try store.instantiate(module)
        let b = try store.instantiate(module)
        let reference: FunctionReference? = try a.call("give")
        #expect(try b.call("take", reference) as Int32 == 1)
        #expect(try b.call("take", reference) as Int32 == 2)
        #expect(try b.call(try #require(reference), arguments: []) == [.i32(3)])
        try b.setGlobal("r", to: .funcref(reference))
        #expect(try b.global("r") == .funcref(reference))

        var other = Store(engine)
        let foreign = try other.instantiate(module)
        let alone = try module.template().instantiate()
        let unlinked: FunctionReference? = try alone.call("give")
        for stranger in [try foreign.call("give") as FunctionReference?, unlinked, FunctionReference(record: 8)] {
            #expect(throws: CallError.foreignFunctionReference) { try b.call("take", stranger) as Int32 }
            #expect(throws: CallError.foreignFunctionReference) { try b.call(stranger!, arguments: []) }
            #expect(throws: CallError.foreignFunctionReference) { try b.setGlobal("r", to: .funcref(stranger)) }
        }
        #expect(throws: CallError.foreignFunctionReference) { try alone.call("take", reference) as Int32 }
        #expect(throws: CallError.foreignFunctionReference) {
            try b.call("take", Optional(FunctionReference(record: reference!.record + 1))) as Int32
        }
    }

    // MARK: Lives

    @Test("Slots come back equal to their images when the store and its instances are gone, in any order")
    func lives() throws {
        for engine in try engines(slots: 4) {
            let owner = try engine.compile(
                text: """
                    (module (memory (export "m") 1 3) (memory (export "n") 1) (table (export "t") 2 9 funcref) (global (export "g") (mut i64) (i64.const 1))
                      (data (i32.const 0) "owner"))
                    """)
            let importer = try engine.compile(
                text: """
                    (module (import "a" "m" (memory 1)) (import "a" "n" (memory $n 1)) (import "a" "t" (table $t 2 funcref))
                      (import "a" "g" (global $g (mut i64))) (global $own (mut i64) (i64.const 9)) (table $o 3 5 funcref)
                      (elem declare func $soil)
                      (func $soil (export "soil")
                        (memory.fill (i32.const 0) (i32.const 0xEE) (i32.const 65536))
                        (i32.store8 $n (i32.const 77) (i32.const 1))
                        (drop (memory.grow (i32.const 1))) (i32.store (i32.const 66000) (i32.const 1))
                        (drop (table.grow $t (ref.func $soil) (i32.const 3))) (table.fill $t (i32.const 0) (ref.func $soil) (i32.const 5))
                        (drop (table.grow $o (ref.func $soil) (i32.const 2)))
                        (global.set $g (i64.const -1)) (global.set $own (i64.const -1))))
                    """)
            for order in 0..<4 {
                var slots: [Slot] = []
                do {
                    var store = Store(engine)
                    let a = try store.instantiate(owner, as: "a")
                    let b = try store.instantiate(importer)
                    try b.call("soil")
                    slots = a.slots + b.slots
                    #expect(slots.count == 3 && engine.residues(slots).count == 3)
                    switch order {
                    case 0: _ = consume store
                    case 1:
                        _ = consume a
                        _ = consume store
                    case 2:
                        _ = consume store
                        _ = consume a
                        try b.call("soil")
                        #expect(try b.readBytes(at: 0, count: 1) == [0xEE])
                    default: break
                    }
                }
                #expect(engine.poolStatistics.live == 0)
                #expect(engine.residues(slots) == [])
                // Templates of the same module start from their own image.
                #expect(try owner.template().instantiate().readBytes(at: 0, count: 5) == Array("owner".utf8))
            }
        }
    }

    @Test("A store that finds no slot says so and gives back what it took")
    func exhaustion() throws {
        let engine = try Engine(
            .init(pool: PoolConfiguration(slotCount: 3, spareSlots: 0, exhaustionWait: .zero)))
        let two = try engine.compile(text: "(module (memory 1) (memory 1))")
        do {
            var store = Store(engine)
            let first = try store.instantiate(two)
            #expect(engine.poolStatistics.live == 2)
            #expect(throws: PoolError.exhausted(slots: 3)) { try store.instantiate(two) }
            #expect(engine.poolStatistics.live == 2)
            #expect(first.memorySize == 65536)
            let template = try two.template()
            #expect(throws: PoolError.exhausted(slots: 3)) { _ = try template.instantiate() }
            #expect(engine.poolStatistics.live == 2)
        }
        #expect(engine.poolStatistics.live == 0)
        let instance = try two.template().instantiate()
        #expect(engine.poolStatistics.live == 2)
        let slots = instance.slots
        _ = consume instance
        #expect(engine.poolStatistics.live == 0)
        #expect(engine.residues(slots) == [])
    }

    @Test("Instances of templates see the state of a store with linked ones")
    func templatesInAStore() throws {
        let engine = try testEngine.get()
        var imports = Imports<Int32>()
        imports.define("host", "add") { (caller: borrowing Caller<Int32>, value: Int32) in caller.state += value }
        let module = try engine.compile(
            text: """
                (module (import "host" "add" (func $add (param i32))) (func (export "run") (param i32) (call $add (local.get 0))))
                """)
        let template = try module.template(imports: imports)
        var store = Store(engine, state: Int32(1))
        try store.withInstance(of: template) { try $0.call("run", 2) }
        let linked = try store.instantiate(module, imports: imports)
        try linked.call("run", 4)
        try store.withInstance(of: template) { try $0.call("run", 8) }
        #expect(store.state == 15)
        store.state = 100
        #expect(linked.state == 100)
    }
}
