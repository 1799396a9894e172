//! The public API as a user writes it: which types of closures and calls the compiler infers without annotations.

import Mayfly
import TestSupport
import Testing

@Suite struct APITests {
    private struct Request {
        var path: String
        var count = 0
    }

    @Test func typesAreInferredFromClosuresAndContexts() throws {
        var builder = WasmBuilder()
        builder.importFunction("env", "none", [], [])
        builder.importFunction("env", "add", [.i32, .i32], [.i32])
        builder.importFunction("env", "two", [.i64, .f64], [.i64, .f64])
        builder.importFunction("env", "length", [], [.i32])
        builder.memory(1, export: "memory")
        builder.function("init", [], []) { $0.call(0) }
        builder.function("handle", [.i32], [.i32]) { $0.localGet(0).call(3).call(1) }
        builder.function("pair", [.i64], [.i64, .f64]) { $0.localGet(0).f64Const(0.5).call(2) }
        builder.function("twice", [.i32], [.i32]) { $0.localGet(0).i32Const(2).op(.i32Mul) }

        var imports = Imports<Request>()
        imports.define("env", "none") { _ in }
        imports.define("env", "add") { (caller, a: Int32, b: Int32) in
            caller.state.count += 1
            return a &+ b
        }
        imports.define("env", "two") { (caller, a: Int64, b: Double) in
            let stored = try caller.read(UInt32.self, at: 8)
            try caller.write(stored + 1, at: 8)
            let twice: Int32 = try caller.call("twice", Int32(stored))
            try caller.call("init")
            caller.withMemory { memory in memory.storeBytes(of: 3, toByteOffset: 0, as: UInt8.self) }
            return (a + Int64(twice), b)
        }
        imports.define("env", "length") { caller in Int32(caller.state.path.utf8.count) }

        let template = try testEngine.get().compile(builder.build()).template(imports: imports)
        let answer: Int32 = try template.withInstance(state: Request(path: "/a")) { try $0.call("handle", 40) }
        #expect(answer == 42)
        try template.withInstance(state: Request(path: "/")) { try $0.call("init") }
        let pair = try template.function("pair", as: ((Int64) -> (Int64, Double)).self)
        let result = try template.withInstance(state: Request(path: "/")) { instance in
            try instance.write(UInt32(5), at: 8)
            let (a, b): (Int64, Double) = try instance.call("pair", Int64(3))
            let again = try instance.call(pair, 3)
            let unused: Int32 = try instance.call("handle", 1)
            _ = unused
            return (a, b, again.0, instance.state.count, try instance.read(UInt8.self, at: 0))
        }
        #expect(result == (13, 0.5, 15, 1, 3))
    }

    @Test func aTemplateOutlivesEveryoneThatNeedsIt() throws {
        var builder = WasmBuilder()
        builder.function("one", [], [.i32]) { $0.i32Const(1) }
        // Engine, module and template are gone but for the instance.
        let instance = try Engine(.init(pool: .init(slotCount: 1))).compile(builder.build()).template().instantiate()
        let one: Int32 = try instance.call("one")
        #expect(one == 1)
        let direct: Int32 = try Engine(.init(pool: .init(slotCount: 1))).compile(builder.build()).template()
            .withInstance { try $0.call("one") }
        #expect(direct == 1)
    }
}
