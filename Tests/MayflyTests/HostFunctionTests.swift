//! Values across the boundary in both directions, and what a host function can do to its caller.

import Mayfly
import TestSupport
import Testing

let testEngine = Result { try Engine(.init(pool: PoolConfiguration(slotCount: 64, stackBytes: 256 << 10))) }

/// Compiles what `build` writes and links it with imports that carry an `Int`.
func makeTemplate(
    _ build: (inout WasmBuilder) -> Void, imports define: (inout Imports<Int>) -> Void = { _ in }
) throws -> Template<Int> {
    var builder = WasmBuilder()
    build(&builder)
    var imports = Imports<Int>()
    define(&imports)
    return try testEngine.get().compile(builder.build()).template(imports: imports)
}

@Suite struct HostFunctionTests {
    /// An address computed from a dirty upper half would lie outside the guest's memory.
    @Test func upperHalvesOfCellsNeverReachTheGuest() throws {
        let count = 20
        let types = [ValueType](repeating: .i32, count: count)
        let template = try makeTemplate { module in
            let dirty = module.importFunction("env", "dirty", [], types)
            module.memory(1)
            module.data(at: 100, [UInt8](repeating: 1, count: count))
            module.function("sum", [], [.i32], locals: types) { body in
                body.call(dirty)
                for index in (0..<UInt32(count)).reversed() { body.localSet(index) }
                body.i32Const(0)
                for index in 0..<UInt32(count) { body.localGet(index).i32Load8U(offset: 100).op(.i32Add) }
            }
        } imports: { imports in
            imports.define("env", "dirty", type: FunctionType(results: types)) { _, cells in
                for index in 0..<count { cells[index] = 0xDEAD_BEEF_0000_0000 | UInt64(index) }
            }
        }
        try template.withInstance(state: 0) { (instance) throws in
            #expect(try instance.call("sum") as Int32 == Int32(count))
        }
    }

    @Test func upperHalvesOfCellsAreClearForTheHost() throws {
        let count = 40
        let types = (0..<count).map { $0 % 2 == 0 ? ValueType.i32 : .f32 }
        let template = try makeTemplate { module in
            let check = module.importFunction("env", "check", types, [])
            module.function("pass", [.i64, .f64]) { body in
                // Values whose registers and stack slots held 64 bits before.
                for type in types {
                    if type == .i32 {
                        body.localGet(0).op(.i32WrapI64)
                    } else {
                        body.localGet(1).op(.f32DemoteF64)
                    }
                }
                body.call(check)
            }
        } imports: { imports in
            imports.define("env", "check", type: FunctionType(parameters: types)) { caller, cells in
                caller.state += cells.filter { $0 >> 32 == 0 && $0 != 0 }.count
            }
        }
        try template.withInstance(state: 0) { (instance) throws in
            try instance.call("pass", UInt64.max, 1.0 / 3)
            #expect(instance.state == count)
        }
    }

    @Test func everyTypeGoesBothWays() throws {
        let template = try makeTemplate { module in
            for (name, type) in [
                ("i32", ValueType.i32), ("i64", .i64), ("f32", .f32), ("f64", .f64), ("externref", .externref),
                ("funcref", .funcref),
            ] {
                let index = module.importFunction("env", name, [type], [type])
                module.name(function: index, "host_\(name)")
            }
            for (index, (name, type)) in [
                ("i32", ValueType.i32), ("i64", .i64), ("f32", .f32), ("f64", .f64), ("externref", .externref),
                ("funcref", .funcref),
            ].enumerated() {
                module.function(name, [type], [type]) { $0.localGet(0).call(UInt32(index)) }
            }
            let referenced = module.function("seven", [], [.i32]) { $0.i32Const(7) }
            module.function("reference", [], [.funcref]) { $0.refFunc(referenced) }
            module.declaredElement(functions: [referenced])
        } imports: { imports in
            imports.define("env", "i32") { (_, x: Int32) in x &- 1 }
            imports.define("env", "i64") { (_, x: UInt64) in ~x }
            imports.define("env", "f32") { (_, x: Float) in x * 2 }
            imports.define("env", "f64") { (_, x: Double) in x / 2 }
            imports.define("env", "externref") { (_, x: ExternReference?) in
                x.flatMap(\.handle).map { ExternReference(handle: $0 &+ 1) }
            }
            imports.define("env", "funcref") { (_, x: FunctionReference?) in x }
        }
        try template.withInstance(state: 0) { (instance) throws in
            #expect(try instance.call("i32", Int32.min) as Int32 == Int32.max)
            #expect(try instance.call("i64", UInt64(5)) as UInt64 == ~5)
            #expect(try instance.call("f32", Float(1.25)) as Float == 2.5)
            #expect(try instance.call("f64", -3.5) as Double == -1.75)
            let null: ExternReference? = nil
            #expect(try instance.call("externref", null) as ExternReference? == nil)
            #expect(
                try instance.call("externref", ExternReference?(.init(handle: 0))) as ExternReference?
                    == ExternReference(handle: 1))
            let reference: FunctionReference? = try instance.call("reference")
            let function = try #require(reference)
            #expect(try instance.call("funcref", reference) as FunctionReference? == reference)
            #expect(try instance.call(function, arguments: []) == [.i32(7)])
        }
    }

    @Test func aNaNKeepsItsBits() throws {
        let template = try makeTemplate { module in
            module.function("f32", [.f32], [.f32]) { $0.localGet(0) }
            module.function("f64", [.f64], [.f64]) { $0.localGet(0) }
        }
        try template.withInstance(state: 0) { (instance) throws in
            let float: Float = try instance.call("f32", Float(bitPattern: 0x7FA1_2345))
            #expect(float.bitPattern == 0x7FA1_2345)
            let double: Double = try instance.call("f64", Double(bitPattern: 0x7FF4_0000_0000_0001))
            #expect(double.bitPattern == 0x7FF4_0000_0000_0001)
        }
    }

    @Test func moreArgumentsThanRegisters() throws {
        let types: [ValueType] = [.i32, .i64, .f32, .f64, .i32, .i64, .f32, .f64, .i32, .i64, .f32, .f64, .i32, .i64]
        let template = try makeTemplate { module in
            module.importFunction("env", "many", types, [.f64])
            module.function("many", types, [.f64]) { code in
                for index in types.indices { code.localGet(UInt32(index)) }
                code.call(0)
            }
        } imports: { imports in
            imports.define("env", "many") {
                (
                    caller, a: Int32, b: Int64, c: Float, d: Double, e: Int32, f: Int64, g: Float, h: Double, i: Int32,
                    j: Int64, k: Float, l: Double, m: Int32, n: Int64
                ) -> Double in
                caller.state += 1
                var sum = Double(a) + 10 * Double(b) + 100 * Double(c) + 1e3 * d + 1e4 * Double(e) + 1e5 * Double(f)
                sum += 1e6 * Double(g) + 1e7 * h + 1e8 * Double(i) + 1e9 * Double(j) + 1e10 * Double(k) + 1e11 * l
                return sum + 1e12 * Double(m) + 1e13 * Double(n)
            }
        }
        try template.withInstance(state: 0) { (instance) throws in
            let sum: Double = try instance.call(
                "many", Int32(1), Int64(2), Float(3), 4.0, Int32(5), Int64(6), Float(7), 8.0, Int32(9), Int64(1),
                Float(2), 3.0, Int32(4), Int64(5))
            #expect(sum == 54_321_987_654_321)
            #expect(instance.state == 1)
        }
    }

    @Test func severalResults() throws {
        let results: [ValueType] = [.i32, .i64, .f64, .f32, .i32]
        let template = try makeTemplate { module in
            module.importFunction("env", "many", [.i32], results)
            module.function("many", [.i32], results) { $0.localGet(0).call(0) }
        } imports: { imports in
            imports.define("env", "many") { (_, a: Int32) in (a, Int64(a) * 2, Double(a) * 3, Float(a) * 4, a * 5) }
        }
        try template.withInstance(state: 0) { (instance) throws in
            let all: (Int32, Int64, Double, Float, Int32) = try instance.call("many", Int32(2))
            #expect(all == (2, 4, 6, 8, 10))
            let values = try instance.call("many", arguments: [.i32(-1)])
            #expect(values == [.i32(-1), .i64(-2), .f64(-3), .f32(-4), .i32(-5)])
            let many = try template.function("many", as: ((Int32) -> (Int32, Int64, Double, Float, Int32)).self)
            let again = try instance.call(many, 3)
            #expect(again.2 == 9)
        }
    }

    @Test func anUntypedFunctionSeesCells() throws {
        let template = try makeTemplate { module in
            module.importFunction("env", "raw", [.i32, .f32], [.i32, .i64])
            module.function("raw", [], [.i64], locals: [.i64]) {
                $0.i32Const(-1).f32Const(1.5).call(0).localSet(0).drop().localGet(0)
            }
        } imports: { imports in
            imports.define(
                "env", "raw", type: FunctionType(parameters: [.i32, .f32], results: [.i32, .i64])
            ) { caller, cells in
                caller.state = cells.count
                #expect(cells[0] == 0xFFFF_FFFF)
                #expect(UInt32(truncatingIfNeeded: cells[1]) == Float(1.5).bitPattern)
                cells[0] = 5
                cells[1] = 1 << 40
            }
        }
        try template.withInstance(state: 0) { (instance) throws in
            let result: Int64 = try instance.call("raw")
            #expect(result == 1 << 40)
            #expect(instance.state == 2)
        }
    }

    @Test func hostErrorsAndTrapsPassThroughGuests() throws {
        struct Stop: Error, Equatable {}
        let template = try makeTemplate { module in
            module.importFunction("env", "stop", [], [])
            module.importFunction("env", "again", [.i32], [])
            let inner = module.function("inner", [], []) { $0.call(0).unreachable() }
            module.function("outer", [], []) { $0.call(inner) }
            let recurse = module.function("recurse", [.i32], []) {
                $0.localGet(0).call(1)
            }
            _ = recurse
        } imports: { imports in
            imports.define("env", "stop") { _ in throw Stop() }
            imports.define("env", "again") { (caller, depth: Int32) in
                caller.state += 1
                if depth == 0 { throw Stop() }
                try caller.call("recurse", depth - 1)
            }
        }
        try template.withInstance(state: 0) { (instance) throws in
            #expect(throws: Stop()) { try instance.call("outer") }
            #expect(throws: Stop()) { try instance.call("recurse", 20) }
            #expect(instance.state == 21)
            let trap = #expect(throws: Trap.self) { try instance.call("recurse", 1_000_000) }
            #expect(trap?.code == .callStackExhausted)
            #expect(throws: Stop()) { try instance.call("recurse", 20) }
        }
    }

    @Test func guestMemoryIsCheckedAtEveryAccess() throws {
        let template = try makeTemplate { module in
            module.importFunction("env", "peek", [.i32], [.i32])
            module.memory(1, export: "memory")
            module.data(at: 65532, [1, 2, 3, 4])
            module.function("peek", [.i32], [.i32]) { $0.localGet(0).call(0) }
        } imports: { imports in
            imports.define("env", "peek") { (caller, address: UInt32) in try caller.read(UInt32.self, at: address) }
        }
        try template.withInstance(state: 0) { (instance) throws in
            #expect(try instance.call("peek", UInt32(65532)) as UInt32 == 0x0403_0201)
            for address: UInt32 in [65533, 65536, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFD, 0xFFFF_FFFF] {
                #expect(throws: MemoryAccessError(address: UInt64(address), count: 4, memorySize: 65536)) {
                    try instance.call("peek", address) as UInt32
                }
                #expect(throws: MemoryAccessError.self) { try instance.write(UInt64(0), at: address) }
            }
            try instance.write(UInt16(0xBEEF), at: 1)
            #expect(try instance.readBytes(at: 0, count: 4) == [0, 0xEF, 0xBE, 0])
            #expect(try instance.readBytes(at: 65536, count: 0) == [])
            #expect(throws: MemoryAccessError.self) { try instance.readBytes(at: 65536, count: 1) }
            #expect(throws: MemoryAccessError.self) { try instance.readBytes(at: 1, count: 65536) }
            #expect(throws: MemoryAccessError.self) { try instance.readBytes(at: 1, count: Int.max) }
            #expect(throws: MemoryAccessError.self) { try instance.readBytes(at: 1, count: -1) }
            #expect(throws: MemoryAccessError.self) { try instance.writeBytes([1, 2], at: 65535) }
            try instance.writeBytes([9, 8], at: 65534)
            #expect(try instance.read(UInt16.self, at: 65534) == 0x0809)
        }
    }

    @Test func theMemoryIsExclusiveInsideWithMemory() throws {
        let template = try makeTemplate { module in
            module.memory(1)
            module.function("nothing", [], []) { _ in }
        }
        try template.withInstance(state: 0) { (instance) throws in
            let size = instance.withMemory { memory in
                memory.storeBytes(of: 77, toByteOffset: 5, as: UInt8.self)
                return memory.byteCount
            }
            #expect(size == 65536)
            #expect(try instance.read(UInt8.self, at: 5) == 77)
            #expect(throws: CallError.memoryInUse) {
                try instance.withMemory { _ in try instance.call("nothing") }
            }
            try instance.call("nothing")
        }
    }

    @Test func aModuleWithoutMemoryHasNone() throws {
        let template = try makeTemplate { $0.function("nothing", [], []) { _ in } }
        try template.withInstance(state: 0) { (instance) throws in
            #expect(instance.memorySize == 0)
            #expect(throws: MemoryAccessError.self) { try instance.read(UInt8.self, at: 0) }
            let size = instance.withMemory { $0.byteCount }
            #expect(size == 0)
        }
    }

    @Test func foreignFunctionReferencesAreRefused() throws {
        func make() throws -> Template<Int> {
            try makeTemplate { module in
                module.importFunction("env", "give", [], [.funcref])
                let seven = module.function("seven", [], [.i32]) { $0.i32Const(7) }
                module.function("reference", [], [.funcref]) { $0.refFunc(seven) }
                module.function("take", [.funcref], []) { _ in }
                module.function("give", [], [.funcref]) { $0.call(0) }
                module.global(.funcref, mutable: true, export: "global") { $0.refNull(.funcref) }
                module.declaredElement(functions: [seven])
            } imports: { imports in
                imports.define("env", "give") { _ in Optional(FunctionReference(record: 0x1000)) }
            }
        }
        let (first, second) = (try make(), try make())
        let reference: FunctionReference? = try first.withInstance(state: 0) { try $0.call("reference") }
        let foreign = try #require(reference)
        try first.withInstance(state: 0) { try $0.call("take", reference) }
        try second.withInstance(state: 0) { (instance) throws in
            #expect(throws: CallError.foreignFunctionReference) { try instance.call("take", reference) }
            #expect(throws: CallError.foreignFunctionReference) {
                try instance.call("give") as FunctionReference?
            }
            #expect(throws: CallError.foreignFunctionReference) {
                try instance.setGlobal("global", to: .funcref(reference))
            }
            #expect(throws: CallError.foreignFunctionReference) {
                try instance.call(foreign, arguments: [])
            }
            let take = try first.function("take", as: ((FunctionReference?) -> Void).self)
            #expect(throws: CallError.foreignFunctionReference) { try instance.call(take, nil) }
        }
    }
}
