//! Vectors between host and guest, between functions, and in globals: each takes two cells, which everything that counts cells
//! has to know.

import Mayfly
import TestSupport
import Testing
import WasmModule

@Suite struct VectorBoundaryTests {
    private static let a = V128(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908)
    private static let b = V128(low: 0xF7F6_F5F4_F3F2_F1F0, high: 0xFFFE_FDFC_FBFA_F9F8)
    private static let sum = V128(low: 0xFEFC_FAF8_F6F4_F2F0, high: 0x0E0C_0A08_0604_0200)

    @Test func lanesOfValues() {
        var vector = V128(lanes: [1, -2, 3, -4] as [Int32])
        #expect(vector.low == 0xFFFF_FFFE_0000_0001 && vector.high == 0xFFFF_FFFC_0000_0003)
        #expect(
            vector[Int16.self, 2] == -2 && vector[UInt8.self, 15] == 0xFF && vector[Int64.self, 1] == -17_179_869_181)
        vector[Int8.self, 9] = -128
        #expect(vector.high == 0xFFFF_FFFC_0000_8003)
        #expect(V128(lanes: [1.5, -2, 0, 0] as [Float]).floats == [1.5, -2, 0, 0])
        #expect(V128(lanes: [0.1, -2] as [Double]).doubles == [0.1, -2])
        #expect(V128(lanes: [UInt8](0..<16)) == Self.a)
        #expect("\(Self.a)" == "0x0f0e0d0c0b0a09080706050403020100")
        #expect("\(V128(low: 1))" == "0x00000000000000000000000000000001")
        for lane in 0..<8 { #expect(Self.a.lanes(of: UInt16.self)[lane] == Self.a[UInt16.self, lane]) }
    }

    @Test func typedAndDynamicCalls() throws {
        let template = try makeTemplate { module in
            module.function("add", [.v128, .v128], [.v128]) { $0.localGet(0).localGet(1).op(.i8x16Add) }
            module.function("mixed", [.i32, .v128, .f64, .v128, .i64], [.v128, .i64, .v128, .f64, .i32]) {
                $0.localGet(3).localGet(4).localGet(1).localGet(2).localGet(0)
            }
        }
        try template.withInstance(state: 0) { (instance) throws in
            #expect(try instance.call("add", Self.a, Self.b) as V128 == Self.sum)
            let typed = try template.function("add", as: ((V128, V128) -> V128).self)
            #expect(try instance.call(typed, Self.a, Self.b) == Self.sum)
            let (first, second, third, fourth, fifth): (V128, Int64, V128, Double, Int32) = try instance.call(
                "mixed", Int32(-1), Self.a, 2.5, Self.b, Int64(7))
            #expect(first == Self.b && second == 7 && third == Self.a && fourth == 2.5 && fifth == -1)
            #expect(
                try instance.call(
                    "mixed", arguments: [.i32(-1), .v128(Self.a), .f64(2.5), .v128(Self.b), .i64(7)])
                    == [.v128(Self.b), .i64(7), .v128(Self.a), .f64(2.5), .i32(-1)])
            #expect(throws: CallError.self) { try instance.call("add", Self.a, Int64(1)) as V128 }
            #expect(throws: CallError.self) { try instance.call("add", arguments: [.v128(Self.a), .i64(1)]) }
        }
    }

    /// More than registers hold, on the way in, out, and from function to function, directly and indirectly.
    @Test(arguments: [1, 7, 8, 9, 20, 200]) func manyValues(_ count: Int) throws {
        // Among other types, so that vectors come to lie at odd cells.
        let types = (0..<count).map { [ValueType.v128, .i32, .v128, .f32, .i64, .v128][$0 % 6] }
        let template = try makeTemplate { module in
            let host = module.importFunction("env", "reverse", types, types.reversed())
            let type = module.type(types, types)
            module.table(.funcref, 1)
            let identity = module.function("identity", types, types) { body in
                for index in 0..<UInt32(count) { body.localGet(index) }
            }
            module.element(at: 0, functions: [identity])
            module.function("direct", types, types) { body in
                for index in 0..<UInt32(count) { body.localGet(index) }
                body.call(identity)
            }
            module.function("indirect", types, types) { body in
                for index in 0..<UInt32(count) { body.localGet(index) }
                body.i32Const(0).callIndirect(type: type)
            }
            module.function("to host", types, types.reversed()) { body in
                for index in 0..<UInt32(count) { body.localGet(index) }
                body.call(host)
            }
        } imports: { imports in
            imports.define("env", "reverse", type: FunctionType(parameters: types, results: types.reversed())) {
                _, cells in
                var values: [[UInt64]] = []
                var next = 0
                for type in types {
                    values.append(Array(cells[next..<next + (type == .v128 ? 2 : 1)]))
                    next += type == .v128 ? 2 : 1
                }
                #expect(cells.count == next)
                for (index, cell) in values.reversed().joined().enumerated() { cells[index] = cell }
            }
        }
        var random = SeededGenerator(seed: UInt64(count))
        let arguments: [Value] = types.map { type in
            switch type {
            case .v128: .v128(V128(low: random.next(), high: random.next()))
            case .i32: .i32(Int32(truncatingIfNeeded: random.next()))
            case .f32: .f32(Float(random.below(1000)))
            default: .i64(Int64(bitPattern: random.next()))
            }
        }
        try template.withInstance(state: 0) { (instance) throws in
            for name in ["identity", "direct", "indirect"] {
                #expect(try instance.call(name, arguments: arguments) == arguments)
            }
            #expect(try instance.call("to host", arguments: arguments) == arguments.reversed())
        }
    }

    @Test func typedHostFunctions() throws {
        let template = try makeTemplate { module in
            let add = module.importFunction("env", "add", [.i32, .v128, .v128], [.v128])
            let split = module.importFunction("env", "split", [.v128], [.i64, .v128, .i64])
            let take = module.importFunction("env", "take", [.v128], [])
            module.function("run", [.v128, .v128], [.i64, .v128, .i64]) {
                $0.i32Const(1).localGet(0).localGet(1).call(add).call(split)
            }
            module.function("take", [.v128]) { $0.localGet(0).call(take) }
        } imports: { imports in
            imports.define("env", "add") { (_, one: Int32, a: V128, b: V128) in
                V128(lanes: zip(a.lanes(of: UInt8.self), b.lanes(of: UInt8.self)).map { $0 &+ $1 &+ UInt8(one) })
            }
            imports.define("env", "split") { (_, a: V128) in
                (Int64(bitPattern: a.high), V128(low: a.high, high: a.low), Int64(bitPattern: a.low))
            }
            imports.define("env", "take") { (caller, a: V128) in caller.state = Int(truncatingIfNeeded: a.high) }
        }
        try template.withInstance(state: 0) { (instance) throws in
            let (high, swapped, low): (Int64, V128, Int64) = try instance.call("run", Self.a, Self.b)
            let sum = V128(lanes: Self.sum.lanes(of: UInt8.self).map { $0 &+ 1 })
            #expect(UInt64(bitPattern: high) == sum.high && UInt64(bitPattern: low) == sum.low)
            #expect(swapped == V128(low: sum.high, high: sum.low))
            try instance.call("take", V128(low: 1, high: 77))
            #expect(instance.state == 77)
        }
    }

    /// A result that the host leaves out is zero, all of it.
    @Test func resultsThatTheHostLeavesOut() throws {
        let template = try makeTemplate { module in
            let nothing = module.importFunction("env", "nothing", [], [.v128, .v128])
            module.function("run", [.v128], [.v128, .v128]) {
                // So that the stack is not clean below.
                $0.localGet(0).localGet(0).call(2).drop().call(nothing)
            }
            module.function(nil, [.v128, .v128], [.v128], locals: [ValueType](repeating: .v128, count: 20)) { body in
                for index in 0..<20 as Range<UInt32> {
                    body.localGet(0).i32Const(Int32(index)).op(.i8x16Shl).localSet(index + 2)
                }
                body.localGet(2)
                for index in 3..<22 as Range<UInt32> { body.localGet(index).op(.i16x8Mul) }
            }
        } imports: { imports in
            imports.define("env", "nothing", type: FunctionType(results: [.v128, .v128])) { _, _ in }
        }
        try template.withInstance(state: 0) { (instance) throws in
            #expect(try instance.call("run", arguments: [.v128(Self.b)]) == [.v128(V128()), .v128(V128())])
        }
    }

    /// The reference after a vector is the one that is checked.
    @Test func referencesBehindVectorsAreChecked() throws {
        let foreign = try makeTemplate { module in
            let function = module.function("f") { _ in }
            module.declaredElement(functions: [function])
            module.function("get", [], [.funcref]) { $0.refFunc(0) }
        }
        let template = try makeTemplate { module in
            let pass = module.importFunction("env", "pass", [.v128, .i64], [.v128, .funcref])
            module.function("take", [.v128, .funcref], [.v128, .funcref]) { $0.localGet(0).localGet(1) }
            module.function("give", [.v128, .i64], [.v128, .funcref]) { $0.localGet(0).localGet(1).call(pass) }
        } imports: { imports in
            imports.define("env", "pass", type: FunctionType(parameters: [.v128, .i64], results: [.v128, .funcref])) {
                _, _ in
            }
        }
        try foreign.withInstance(state: 0) { (other) throws in
            let reference = try other.call("get") as FunctionReference?
            try template.withInstance(state: 0) { (instance) throws in
                // What would be a bad reference, were the cells miscounted.
                let vector = Value.v128(V128(low: 12345, high: 67890))
                #expect(
                    try instance.call("take", arguments: [vector, .funcref(nil)]) == [vector, .funcref(nil)])
                #expect(throws: CallError.foreignFunctionReference) {
                    try instance.call("take", arguments: [vector, .funcref(reference)])
                }
                #expect(try instance.call("give", arguments: [vector, .i64(0)]) == [vector, .funcref(nil)])
                #expect(throws: CallError.foreignFunctionReference) {
                    try instance.call("give", arguments: [vector, .i64(8)])
                }
            }
        }
    }

    @Test func globals() throws {
        let template = try makeTemplate { module in
            module.importGlobal("env", "imported", .v128)
            let constant = module.global(.v128, export: "constant") { $0.v128Const(Self.a) }
            let copy = module.global(.v128, mutable: true, export: "copy") { $0.globalGet(0) }
            module.global(.i64, mutable: true, export: "neighbour") { $0.i64Const(-1) }
            module.function("set", [.v128], [.v128]) { $0.localGet(0).globalSet(copy).globalGet(constant) }
            module.function("get", [], [.v128]) { $0.globalGet(copy) }
        } imports: { imports in
            imports.define("env", "imported", global: .v128(Self.b))
        }
        for _ in 0..<3 {
            // Each stamp begins with what the template has.
            try template.withInstance(state: 0) { (instance) throws in
                #expect(try instance.global("constant") == .v128(Self.a))
                #expect(try instance.global("copy") == .v128(Self.b))
                #expect(try instance.call("set", Self.sum) as V128 == Self.a)
                #expect(try instance.global("copy") == .v128(Self.sum))
                try instance.setGlobal("copy", to: .v128(Self.a))
                #expect(try instance.call("get") as V128 == Self.a)
                #expect(try instance.global("neighbour") == .i64(-1))
                try instance.setGlobal("neighbour", to: .i64(5))
                #expect(try instance.call("get") as V128 == Self.a)
                #expect(throws: CallError.self) { try instance.setGlobal("copy", to: .i64(1)) }
                #expect(throws: CallError.self) { try instance.setGlobal("constant", to: .v128(Self.a)) }
            }
        }
        #expect(throws: LinkError.self) {
            try makeTemplate {
                $0.importGlobal("env", "imported", .v128)
            } imports: {
                $0.define("env", "imported", global: .i64(1))
            }
        }
    }

    /// A scalar's register has other bits above it; no lane may show them.
    @Test func bitsAboveAScalarDoNotLeak() throws {
        let template = try makeTemplate { module in
            module.memory(1)
            module.data(at: 0, [UInt8](repeating: 0xAB, count: 64))
            // Lane 1 of a vector as a scalar, whose register then has the vector in it.
            module.function("zero", [.v128], [.v128]) { code in
                code.v128Const(V128()).localGet(0).op(.f32x4ExtractLane, lane: 0).op(.f32x4ReplaceLane, lane: 2)
            }
            module.function("zero64", [.v128], [.v128]) { code in
                code.v128Const(V128()).localGet(0).op(.f64x2ExtractLane, lane: 0).op(.f64x2ReplaceLane, lane: 1)
            }
            module.function("load zero", [], [.v128]) { $0.i32Const(3).op(.v128Load32Zero, offset: 0) }
            module.function("load zero 64", [], [.v128]) { $0.i32Const(3).op(.v128Load64Zero, offset: 0) }
            module.function("extract", [.v128], [.i64]) {
                $0.localGet(0).op(.i8x16ExtractLaneS, lane: 15).op(.i64ExtendI32U)
            }
            module.function("bitmask", [.v128], [.i64]) { $0.localGet(0).op(.i16x8Bitmask).op(.i64ExtendI32U) }
            module.function("address", [.v128], [.i32]) {
                // As an address, for which the upper half of a register must be clear.
                $0.localGet(0).op(.i16x8ExtractLaneS, lane: 0).i32Const(1).op(.i32Add).i32Load8U(offset: 0)
            }
        }
        try template.withInstance(state: 0) { (instance) throws in
            #expect(try instance.call("zero", Self.b) as V128 == V128(low: 0, high: 0xF3F2_F1F0))
            #expect(try instance.call("zero64", Self.b) as V128 == V128(low: 0, high: 0xF7F6_F5F4_F3F2_F1F0))
            #expect(try instance.call("load zero") as V128 == V128(low: 0xABAB_ABAB))
            #expect(try instance.call("load zero 64") as V128 == V128(low: 0xABAB_ABAB_ABAB_ABAB))
            #expect(try instance.call("extract", Self.b) as Int64 == 0xFFFF_FFFF)
            #expect(try instance.call("bitmask", Self.b) as Int64 == 0xFF)
            #expect(try instance.call("address", V128(low: 0xFFFF)) as Int32 == 0xAB)
        }
    }
}
