//! What reaches a host function beyond its arguments, which must be nothing: stack cells are used again and again, by
//! earlier calls and by earlier tenants of the slot.

import Mayfly
import TestSupport
import Testing

@Suite struct HostBoundaryTests {
    private static let many = [ValueType](repeating: .i64, count: 40)

    /// A function "soil" that leaves all ones in the stack's cells.
    private func addSoil(_ module: inout WasmBuilder) {
        let sink = module.function("sink", Self.many, []) { _ in }
        module.function("soil", [], []) { code in
            for _ in Self.many { code.i64Const(-1) }
            code.call(sink)
        }
    }

    @Test(arguments: [4, 12, 40])
    func theUpperHalvesOfNarrowArgumentsAreClear(count: Int) throws {
        let types = (0..<2 * count).map { $0 % 2 == 0 ? ValueType.i32 : .f32 }
        let template = try makeTemplate { module in
            let first = module.importFunction("env", "first", types, [])
            let second = module.importFunction("env", "second", types, [])
            for (name, callee) in [("callFirst", first), ("callSecond", second)] {
                module.function(name, [.f64], []) { code in
                    for type in types {
                        // The demotion leaves the upper half of its operand in the register.
                        if type == .i32 { code.i32Const(-1) } else { code.localGet(0).op(.f32DemoteF64) }
                    }
                    code.call(callee)
                }
            }
            addSoil(&module)
        } imports: { imports in
            for (number, name) in ["first", "second"].enumerated() {
                imports.define("env", name, type: FunctionType(parameters: types)) { caller, cells in
                    for (index, cell) in cells.enumerated() {
                        #expect(cell == (index % 2 == 0 ? 0xFFFF_FFFF : UInt64((-1.5 as Float).bitPattern)))
                    }
                    caller.state = number + 1
                }
            }
        }
        try template.withInstance(state: 0) { (instance) throws in
            for (number, name) in ["callFirst", "callSecond"].enumerated() {
                try instance.call("soil")
                try instance.call(name, -1.5)
                #expect(instance.state == number + 1)
            }
        }
    }

    @Test(arguments: [1, 40])
    func aResultThatTheHostLeavesOutIsZero(count: Int) throws {
        let types = [ValueType](repeating: .i64, count: count)
        let template = try makeTemplate { module in
            let forgetful = module.importFunction("env", "forgetful", [], types)
            module.function("call", [], types) { $0.call(forgetful) }
            addSoil(&module)
        } imports: { imports in
            imports.define("env", "forgetful", type: FunctionType(results: types)) { _, _ in }
        }
        try template.withInstance(state: 0) { (instance) throws in
            try instance.call("soil")
            #expect(try instance.call("call", arguments: []) == [Value](repeating: .i64(0), count: count))
        }
    }
}
