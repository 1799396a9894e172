//! Vectors, tuples and functions as typed values, both ways across the boundary.

import Mayfly
import Testing

@Suite("Typed values") struct TypedValueTests {
    private static func template<State>(
        _ text: String, _ state: State.Type = State.self, _ define: (inout Imports<State>) -> Void = { _ in }
    ) throws -> Template<State> {
        var imports = Imports<State>()
        define(&imports)
        return try testEngine.get().compile(text: text).template(imports: imports)
    }

    // MARK: Vectors

    private func roundTrip<Vector: WasmVector & Equatable>(_ vector: Vector, lanes operation: String) throws {
        let text = """
            (module
              (import "host" "double" (func $double (param v128) (result v128)))
              (func (export "add") (param v128 i32 v128) (result v128) (\(operation).add (local.get 0) (local.get 2)))
              (func (export "through") (param v128) (result v128) (call $double (local.get 0))))
            """
        let template = try Self.template(text, Void.self) { imports in
            imports.define("host", "double") { (_, v: Vector) in v }
        }
        let zero = Vector(V128())
        try template.withInstance { (instance) throws in
            let sum: Vector = try instance.call("add", vector, Int32(-1), zero)
            #expect(sum == vector)
            #expect(try instance.call("through", vector) as Vector == vector)
            // Its bits are those that the untyped value has.
            #expect(try instance.call("through", arguments: [.v128(V128(vector))]) == [.v128(V128(vector))])
            #expect(try instance.call("through", V128(vector)) as V128 == V128(vector))
        }
    }

    @Test("Swift's vectors of 128 bits are v128, lane by lane") func vectors() throws {
        try roundTrip(SIMD16<UInt8>((0..<16).map { UInt8($0 * 17) }), lanes: "i8x16")
        try roundTrip(SIMD16<Int8>((0..<16).map { Int8($0 - 8) }), lanes: "i8x16")
        try roundTrip(SIMD8<UInt16>((0..<8).map { UInt16($0 * 9000) }), lanes: "i16x8")
        try roundTrip(SIMD8<Int16>((0..<8).map { Int16($0 * 1000 - 4000) }), lanes: "i16x8")
        try roundTrip(SIMD4<UInt32>(0, 1, .max, 1 << 31), lanes: "i32x4")
        try roundTrip(SIMD4<Int32>(0, -1, .max, .min), lanes: "i32x4")
        try roundTrip(SIMD4<Float>(0, -1, .infinity, .leastNonzeroMagnitude), lanes: "f32x4")
        try roundTrip(SIMD2<UInt64>(.max, 1 << 63), lanes: "i64x2")
        try roundTrip(SIMD2<Int64>(.min, -2), lanes: "i64x2")
        try roundTrip(SIMD2<Double>(.pi, -.greatestFiniteMagnitude), lanes: "f64x2")
    }

    @Test("lane 0 in Swift is lane 0 in the guest") func laneOrder() throws {
        let text = """
            (module
              (func (export "first") (param v128) (result i32) (i32x4.extract_lane 0 (local.get 0)))
              (func (export "last") (param v128) (result i32) (i8x16.extract_lane_u 15 (local.get 0)))
              (func (export "make") (result v128) (v128.const i16x8 1 2 3 4 5 6 7 8)))
            """
        try Self.template(text, Void.self).withInstance { (instance) throws in
            #expect(try instance.call("first", SIMD4<Int32>(10, 20, 30, 40)) as Int32 == 10)
            let bytes = SIMD16<UInt8>((0..<16).map { UInt8($0) })
            #expect(try instance.call("last", bytes) as Int32 == 15)
            #expect(try instance.call("make") as SIMD8<UInt16> == SIMD8(1, 2, 3, 4, 5, 6, 7, 8))
            #expect(throws: CallError.self) { _ = try instance.call("make") as Int64 }
            #expect(throws: CallError.self) { _ = try instance.call("first", Int64(1)) as Int32 }
        }
    }

    // MARK: Tuples

    private static let several = """
        (module
          (import "host" "split" (func $split (param i64) (result i32 i32 v128 f64)))
          (type $shuffle (func (param i32 i64 f32 f64 v128) (result v128 f64 f32 i64 i32)))
          (func (export "shuffle") (type $shuffle)
            (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 0))
          (func (export "split") (param i64) (result i32 i32 v128 f64) (call $split (local.get 0)))
          (func (export "two") (param i32) (result i32 i64) (local.get 0) (i64.extend_i32_s (local.get 0))))
        """

    @Test("several results are a tuple, of guests and of hosts") func tuples() throws {
        let template = try Self.template(Self.several, Void.self) { imports in
            imports.define("host", "split") { (_, wide: Int64) -> (Int32, UInt32, SIMD2<Int64>, Double) in
                (Int32(wide >> 32), UInt32(truncatingIfNeeded: wide), SIMD2(wide, -wide), Double(wide))
            }
        }
        let two = try template.function("two", as: ((Int32) -> (Int32, Int64)).self)
        try template.withInstance { (instance) throws in
            let vector = SIMD4<Int32>(1, 2, 3, 4)
            let (v, d, f, l, i): (SIMD4<Int32>, Double, Float, Int64, Int32) =
                try instance.call("shuffle", Int32(1), Int64(2), Float(3), 4.0, vector)
            #expect(v == vector && d == 4 && f == 3 && l == 2 && i == 1)
            let wide = Int64(-5) << 32 | 7
            let (high, low, both, double): (Int32, UInt32, SIMD2<Int64>, Double) = try instance.call("split", wide)
            #expect(high == -5 && low == 7 && both == SIMD2(wide, -wide) && double == Double(wide))
            let (a, b): (Int32, Int64) = try instance.call(two, -3)
            #expect(a == -3 && b == -3)
            let (c, e): (Int32, Int64) = try instance.call("two", -4)
            #expect(c == -4 && e == -4)
            #expect(throws: CallError.self) { let _: (Int32, Int32) = try instance.call("two", 1) }
            #expect(throws: CallError.self) { let _: Int32 = try instance.call("two", 1) }
        }
    }

    // MARK: Functions

    private static let callbacks = """
        (module
          (import "host" "each" (func $each (param funcref i32) (result i32)))
          (import "host" "pick" (func $pick (param i32 funcref) (result funcref)))
          (table $t 3 funcref)
          (elem (i32.const 0) $square $negate $pair)
          (type $unary (func (param i32) (result i32)))
          (func $square (type $unary) (i32.mul (local.get 0) (local.get 0)))
          (func $negate (type $unary) (i32.sub (i32.const 0) (local.get 0)))
          (func $pair (param i32) (result i32 i64) (local.get 0) (i64.extend_i32_s (local.get 0)))
          (func $trap (unreachable))
          (elem declare func $trap)
          (func (export "at") (param i32) (result funcref) (table.get $t (local.get 0)))
          (func (export "trap") (result funcref) (ref.func $trap))
          (func (export "sum") (param i32 i32) (result i32) (call $each (table.get $t (local.get 0)) (local.get 1)))
          (func (export "callPicked") (param i32) (result i32)
            (table.set $t (i32.const 0) (call $pick (local.get 0) (table.get $t (i32.const 1))))
            (call_indirect $t (type $unary) (i32.const 7) (i32.const 0))))
        """

    private func callbacks() throws -> Template<FunctionReference?> {
        try Self.template(Self.callbacks, FunctionReference?.self) { imports in
            imports.define("host", "each") { (caller, function: FunctionReference?, count: Int32) -> Int32 in
                guard let function else { return -1 }
                var sum: Int32 = 0
                for number in 0..<count { sum += try caller.call(function, number) as Int32 }
                return sum
            }
            imports.define("host", "pick") { (caller, which: Int32, own: FunctionReference?) in
                which == 0 ? own : caller.state
            }
        }
    }

    @Test("a function that the guest gives out is called by the host, with types") func functions() throws {
        try callbacks().withInstance(state: nil) { (instance) throws in
            let square = try #require(try instance.call("at", 0) as FunctionReference?)
            #expect(try instance.call(square, Int32(9)) as Int32 == 81)
            #expect(try instance.call(square, arguments: [.i32(3)]) == [.i32(9)])
            let pair = try #require(try instance.call("at", 2) as FunctionReference?)
            let (a, b): (Int32, Int64) = try instance.call(pair, Int32(-4))
            #expect(a == -4 && b == -4)
            let trap = try #require(try instance.call("trap") as FunctionReference?)
            #expect(throws: Trap.self) { try instance.call(trap) }
            #expect(throws: CallError.self) { _ = try instance.call(square, Int64(9)) as Int32 }
            #expect(throws: CallError.self) { _ = try instance.call(square, Int32(9)) as Int64 }
            #expect(throws: CallError.self) { try instance.call(square) }
        }
    }

    @Test("a host function calls the guest's function back") func callingBack() throws {
        try callbacks().withInstance(state: nil) { (instance) throws in
            #expect(try instance.call("sum", 0, 5) as Int32 == 30)
            #expect(try instance.call("sum", 1, 5) as Int32 == -10)
            // Of another type: the guest chose it, and is ended.
            #expect(throws: CallError.self) { _ = try instance.call("sum", 2, 5) as Int32 }
        }
    }

    @Test("functions come back to the guest, those of another module do not") func returningFunctions() throws {
        let template = try callbacks()
        try template.withInstance(state: nil) { (instance) throws in
            #expect(try instance.call("callPicked", 0) as Int32 == -7)
            instance.state = nil
            #expect(throws: Trap.self) { _ = try instance.call("callPicked", 1) as Int32 }
            try callbacks().withInstance(state: nil) { (other) throws in
                instance.state = try other.call("at", 0)
                #expect(throws: CallError.foreignFunctionReference) {
                    _ = try instance.call("callPicked", 1) as Int32
                }
                let foreign = try #require(try other.call("at", 0) as FunctionReference?)
                #expect(throws: CallError.foreignFunctionReference) {
                    _ = try instance.call(foreign, Int32(1)) as Int32
                }
            }
        }
    }
}
