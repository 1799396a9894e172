//! The public API as a user writes it.

import Mayfly
import Testing

private func compileOnly(_ engine: Engine) throws {
    struct Request {
        var path: String
        var count = 0
    }
    let module = try engine.compile(contentsOf: "handler.wasm")
    var imports = Imports<Request>()
    imports.define("env", "none") { _ in }
    imports.define("env", "add") { (caller, a: Int32, b: Int32) in
        caller.state.count += 1
        return a &+ b
    }
    imports.define("env", "two") { (caller, a: Int64, b: Double) throws -> (Int64, Double) in
        let x: UInt32 = try caller.read(UInt32.self, at: 8)
        try caller.write(x, at: 12)
        let text: Int32 = try caller.call("length", UInt32(3))
        try caller.call("void")
        caller.withMemory { memory in memory.storeBytes(of: 3, toByteOffset: 0, as: UInt8.self) }
        return (a + Int64(x) + Int64(text), b)
    }
    imports.define("env", "raw", type: FunctionType(parameters: [.i32], results: [.i32])) { caller, cells in
        cells[0] += UInt64(caller.state.count)
    }
    imports.define("env", "global", global: .i32(3))
    let template = try module.template(imports: imports)
    let answer: Int32 = try template.withInstance(state: Request(path: "/")) { try $0.call("handle", 42) }
    try template.withInstance(state: Request(path: "/")) { try $0.call("handle", 42) }
    let add = try template.function("add", as: ((Int32, Int32) -> Int32).self)
    let sum = try template.withInstance(state: Request(path: "/")) { (instance) throws in
        try instance.call("init")
        let (a, b): (Int32, Int64) = try instance.call("pair", Int64(3))
        return try instance.call(add, a, 2) + Int32(b)
    }
    _ = answer + sum
    let plain = try engine.compile([]).template()
    try plain.withInstance { try $0.call("run") }
}
