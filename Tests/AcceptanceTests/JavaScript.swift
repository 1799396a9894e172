//! A JavaScript engine as a guest.

import Mayfly
import MayflyWASI
import TestSupport

/// QuickJS. Its `run` makes a runtime and evaluates a loop, and returns 0; its `_start` evaluates standard input.
struct JavaScript: Sendable {
    let template: Template<WASI>
    let run: TypedFunction<(Int32), Int32>
    let configuration = WASI.Configuration()

    init(_ engine: Engine) throws {
        var imports = Imports<WASI>()
        imports.defineWASI()
        template = try engine.compile(TestData.bytes("corpus/qjs.wasm")).template(imports: imports)
        run = try template.function("run", as: ((Int32) -> Int32).self)
    }

    /// One cycle: a fresh instance, a call, gone.
    func cycle(_ argument: Int32) throws -> Int32 {
        try template.withInstance(state: WASI(configuration)) { try $0.call(run, argument) }
    }

    /// What a script prints, in a fresh instance.
    func evaluate(_ script: String) throws -> String {
        var configuration = WASI.Configuration()
        configuration.arguments = ["qjs"]
        configuration.standardInput = .bytes(Array(script.utf8))
        configuration.standardOutput = .capture
        return try template.withInstance(state: WASI(configuration)) { (instance) throws in
            _ = try WASI.run(instance)
            return String(decoding: instance.state.takeStandardOutput(), as: UTF8.self)
        }
    }

    /// A script that counts its evaluations in its global object, and so prints `[1, square of number]` in an instance
    /// that is fresh.
    static func script(_ number: Int) -> String {
        "globalThis.count = (globalThis.count ?? 0) + 1; print(JSON.stringify([count, \(number) ** 2]))"
    }

    static func printed(_ number: Int) -> String { "[1,\(number * number)]\n" }
}
