//! What scripts' modules import: the module `spectest` that the suite expects of a host, as host definitions and, for what only
//! an instance can provide, as a module.

import Mayfly

extension ScriptRunner {
    /// A store that can be changed where the runner cannot.
    final class StoreBox {
        var store: Store<Void>
        /// Those whose instances live in it, if they are to be replaced.
        var guests: [Guest] = []

        init(_ engine: Engine) { store = Store(engine) }
    }

    /// The store of the script's linked instances, with an instance named `spectest`.
    mutating func linkingStore() throws -> StoreBox {
        if let store { return store }
        let made = StoreBox(engine)
        var imports = Imports<Void>()
        Self.definePrinting(in: "host", &imports)
        let module = try compile(Self.spectestModule)
        _ = try made.store.instantiate(module, imports: imports, as: "spectest", fuel: fuel)
        store = made
        return made
    }

    /// `spectest`, but for what only an instance can provide.
    static let spectest: Imports<Void> = {
        var imports = Imports<Void>()
        definePrinting(in: "spectest", &imports)
        imports.define("spectest", "global_i32", global: .i32(666))
        imports.define("spectest", "global_i64", global: .i64(666))
        imports.define("spectest", "global_f32", global: .f32(666.6))
        imports.define("spectest", "global_f64", global: .f64(666.6))
        return imports
    }()

    private static func definePrinting(in module: String, _ imports: inout Imports<Void>) {
        imports.define(module, "print") { _ in }
        imports.define(module, "print_i32") { (_, _: Int32) in }
        imports.define(module, "print_i64") { (_, _: Int64) in }
        imports.define(module, "print_f32") { (_, _: Float) in }
        imports.define(module, "print_f64") { (_, _: Double) in }
        imports.define(module, "print_i32_f32") { (_, _: Int32, _: Float) in }
        imports.define(module, "print_f64_f64") { (_, _: Double, _: Double) in }
    }

    private static var spectestModule: String {
        """
        (module
          (import "host" "print" (func $print))
          (import "host" "print_i32" (func $print_i32 (param i32)))
          (import "host" "print_i64" (func $print_i64 (param i64)))
          (import "host" "print_f32" (func $print_f32 (param f32)))
          (import "host" "print_f64" (func $print_f64 (param f64)))
          (import "host" "print_i32_f32" (func $print_i32_f32 (param i32 f32)))
          (import "host" "print_f64_f64" (func $print_f64_f64 (param f64 f64)))
          (export "print" (func $print))
          (export "print_i32" (func $print_i32))
          (export "print_i64" (func $print_i64))
          (export "print_f32" (func $print_f32))
          (export "print_f64" (func $print_f64))
          (export "print_i32_f32" (func $print_i32_f32))
          (export "print_f64_f64" (func $print_f64_f64))
          (global (export "global_i32") i32 i32.const 666)
          (global (export "global_i64") i64 i64.const 666)
          (global (export "global_f32") f32 f32.const 666.6)
          (global (export "global_f64") f64 f64.const 666.6)
          (table (export "table") 10 20 funcref)
          (table (export "table64") i64 10 20 funcref)
          (memory (export "memory") 1 2))
        """
    }
}
