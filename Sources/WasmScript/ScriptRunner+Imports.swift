//! What scripts' modules import: the module `spectest` that the suite expects of a host, and the exports of instances that
//! were registered.

import Mayfly

extension ScriptRunner {
    /// Definitions for what a module imports. What there is none for is left to linking.
    ///
    /// - Throws: `Unsupported` if an instance it would come from could not be had.
    func imports(of module: Module) throws -> Imports<Void> {
        var imports = Imports<Void>()
        for entry in module.imports {
            if entry.module == "spectest" {
                defineSpectest(entry.name, &imports)
                continue
            }
            guard let source = registered[entry.module] else { continue }
            let guest = try source.get()
            guard let export = guest.module.exports.first(where: { $0.name == entry.name }) else { continue }
            switch export.type {
            case .function(let type): define(entry, type, guest, &imports)
            case .global(let type) where !type.isMutable:
                let value = try guest.instance.global(entry.name)
                // Function references are good for their own module only.
                if case .funcref(.some) = value {
                    throw Unsupported(reason: "functions of another module as values are not supported")
                }
                imports.define(entry.module, entry.name, global: value)
            case .global: throw Unsupported(reason: "imports of a mutable global are not supported")
            case .table: throw Unsupported(reason: "imports of a table are not supported")
            case .memory: throw Unsupported(reason: "imports of a memory are not supported")
            }
        }
        return imports
    }

    /// A function of another instance, called by way of the host.
    private func define(
        _ entry: Module.ImportDescription, _ type: FunctionType, _ guest: Guest, _ imports: inout Imports<Void>
    ) {
        let name = entry.name
        imports.define(entry.module, name, type: type) { _, cells in
            var arguments: [Value] = []
            guard var cell = cells.baseAddress else {
                _ = try guest.instance.call(name, arguments: [])
                return
            }
            for parameter in type.parameters {
                let (value, count) = try Value.read(parameter, from: cell)
                arguments.append(value)
                cell += count
            }
            cell = cells.baseAddress!
            for result in try guest.instance.call(name, arguments: arguments) { cell += result.write(to: cell) }
        }
    }

    private func defineSpectest(_ name: String, _ imports: inout Imports<Void>) {
        switch name {
        case "print": imports.define("spectest", name) { _ in }
        case "print_i32": imports.define("spectest", name) { (_, _: Int32) in }
        case "print_i64": imports.define("spectest", name) { (_, _: Int64) in }
        case "print_f32": imports.define("spectest", name) { (_, _: Float) in }
        case "print_f64": imports.define("spectest", name) { (_, _: Double) in }
        case "print_i32_f32": imports.define("spectest", name) { (_, _: Int32, _: Float) in }
        case "print_f64_f64": imports.define("spectest", name) { (_, _: Double, _: Double) in }
        case "global_i32": imports.define("spectest", name, global: .i32(666))
        case "global_i64": imports.define("spectest", name, global: .i64(666))
        case "global_f32": imports.define("spectest", name, global: .f32(666.6))
        case "global_f64": imports.define("spectest", name, global: .f64(666.6))
        default: break
        }
    }
}

extension Value {
    /// A value from the cells of a call, and how many it takes.
    static func read(
        _ type: ValueType, from cells: UnsafeMutablePointer<UInt64>
    ) throws -> (value: Value, cellCount: Int) {
        let cells = UnsafePointer(cells)
        switch type {
        case .i32: return (.i32(Int32(wasmCells: cells)), 1)
        case .i64: return (.i64(Int64(wasmCells: cells)), 1)
        case .f32: return (.f32(Float(wasmCells: cells)), 1)
        case .f64: return (.f64(Double(wasmCells: cells)), 1)
        case .v128: return (.v128(V128(wasmCells: cells)), V128.wasmCellCount)
        case .externref: return (.externref(ExternReference?(wasmCells: cells)), 1)
        default:
            // Null or not, it is good for its own module only.
            guard cells.pointee == 0 else {
                throw ScriptRunner.Unsupported(reason: "functions of another module as values are not supported")
            }
            return (.funcref(nil), 1)
        }
    }

    /// Puts the value into the cells of a call; how many it takes.
    func write(to cells: UnsafeMutablePointer<UInt64>) -> Int {
        func store<Element: WasmValue>(_ value: Element) -> Int {
            value.store(toWasmCells: cells)
            return Element.wasmCellCount
        }
        return switch self {
        case .i32(let value): store(value)
        case .i64(let value): store(value)
        case .f32(let value): store(value)
        case .f64(let value): store(value)
        case .v128(let value): store(value)
        case .funcref(let value): store(value)
        case .externref(let value): store(value)
        }
    }
}
