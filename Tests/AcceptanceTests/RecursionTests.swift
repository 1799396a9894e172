//! Calls without end stop with a trap, however a frame is made up and whatever way leads back into the function. Each
//! guest counts down from its argument, so that the same function also has to give a right answer.

import TestSupport
import Testing
import WasmModule

@testable import Mayfly

/// A function `run(n)` that calls itself until n is 0 and returns the number of calls.
struct Recursion: Sendable, CustomTestStringConvertible {
    let name: String
    /// Calls that every stack has room for.
    let shallow: Int64
    let define: @Sendable (inout WasmBuilder) -> Void

    var testDescription: String { name }

    /// n ? again(n - 1) + 1 : 0. `again` leaves its result instead of the argument on the stack.
    private static func countDown(_ code: CodeBuilder, _ again: (CodeBuilder) -> Void) {
        code.localGet(0).i64Eqz().if(.value(.i64)).i64Const(0).else()
        again(code.localGet(0).i64Const(1).i64Sub())
        code.i64Const(1).i64Add().end()
    }

    static let all: [Recursion] = [
        Recursion(name: "small frames", shallow: 5000) { module in
            module.function("run", [.i64], [.i64]) { countDown($0) { $0.call(0) } }
        },
        Recursion(name: "two functions by turns", shallow: 5000) { module in
            module.function("run", [.i64], [.i64]) { countDown($0) { $0.call(1) } }
            module.function(nil, [.i64], [.i64]) { countDown($0) { $0.call(0) } }
        },
        withLocals(100, shallow: 500), withLocals(3000, shallow: 20), withLocals(20_000, shallow: 2),
        withArguments(20, shallow: 2000), withArguments(999, shallow: 20),
        Recursion(name: "many results", shallow: 20) { module in
            // run(n) = the last of 900 results of function 1, all of which are n.
            module.function("run", [.i64], [.i64]) { code in
                code.localGet(0).call(1)
                for _ in 0..<899 { code.op(.i64Add) }
                code.i64Const(900).i64DivS()
            }
            let many = [ValueType](repeating: .i64, count: 900)
            module.function(nil, [.i64], many, locals: [.i64]) { code in
                countDown(code) { code in
                    code.call(1)
                    for _ in 0..<899 { code.drop() }
                }
                code.localSet(1)
                for _ in many { code.localGet(1) }
            }
        },
        Recursion(name: "floating-point values across the call", shallow: 1000) { module in
            module.function("run", [.i64], [.i64], locals: [ValueType](repeating: .f64, count: 24)) { code in
                for local in 1...24 {
                    code.localGet(0).f64ConvertI64S().f64Const(Double(local)).f64Mul().localSet(UInt32(local))
                }
                countDown(code) { $0.call(0) }
                // Adds (local 24 − 24 n), which is 0, and so on.
                for local in 1...24 {
                    code.localGet(UInt32(local)).localGet(0).f64ConvertI64S().f64Const(Double(local)).f64Mul().f64Sub()
                    code.i64TruncF64S().i64Add()
                }
            }
        },
        Recursion(name: "through call_indirect", shallow: 5000) { module in
            let run = module.function("run", [.i64], [.i64]) { countDown($0) { $0.i32Const(3).callIndirect(type: 0) } }
            module.table(.funcref, 5)
            module.element(at: 3, functions: [run])
        },
        Recursion(name: "through call_indirect of a table that changes", shallow: 5000) { module in
            let run = module.function("run", [.i64], [.i64]) { code in
                code.i32Const(3).i32Const(3).tableGet().tableSet()
                countDown(code) {
                    $0.localGet(0).i32WrapI64().i32Const(0).i32And().i32Const(3).i32Or().callIndirect(type: 0)
                }
            }
            module.table(.funcref, 5)
            module.element(at: 3, functions: [run])
        },
        Recursion(name: "in a loop with memory", shallow: 1000) { module in
            module.memory(1)
            module.function("run", [.i64], [.i64], locals: [.i32, .i64]) { code in
                code.loop { code in
                    code.i32Const(8).localGet(0).i64Store()
                    code.localGet(0).i64Eqz().if { code in
                    } else: { code in
                        code.localGet(0).i64Const(1).i64Sub().call(0).i64Const(1).i64Add().localSet(2)
                    }
                    code.localGet(1).i32Const(1).i32Add().localTee(1).i32Const(1).i32LtS().brIf(0)
                }
                code.localGet(2)
            }
        },
    ]

    /// So many locals hold values across the call.
    private static func withLocals(_ count: UInt32, shallow: Int64) -> Recursion {
        Recursion(name: "\(count) locals", shallow: shallow) { module in
            module.function("run", [.i64], [.i64], locals: [ValueType](repeating: .i64, count: Int(count))) { code in
                // Unknown to the compiler, so that none can be computed again after the call.
                for local in 1...count {
                    code.localGet(0).i32Const(0).i64Load32U(offset: 8 * local).i64Xor().localSet(local)
                }
                countDown(code) { $0.call(0) }
                for local in 1...count { code.localGet(local).localGet(0).i64Xor().i64Or() }
            }
            module.memory(4)
        }
    }

    /// So many arguments beside n, most of which are passed on the stack.
    private static func withArguments(_ count: UInt32, shallow: Int64) -> Recursion {
        Recursion(name: "\(count) arguments", shallow: shallow) { module in
            let parameters = [ValueType](repeating: .i64, count: Int(count) + 1)
            module.function("run", [.i64], [.i64]) { code in
                code.localGet(0)
                for argument in 1...count { code.i64Const(Int64(argument)) }
                code.call(1)
            }
            module.function(nil, parameters, [.i64]) { code in
                countDown(code) { code in
                    for argument in 1...count { code.localGet(argument) }
                    code.call(1)
                }
                for argument in 1...count { code.localGet(argument).i64Const(Int64(argument)).i64Xor().i64Or() }
            }
        }
    }
}

@Suite struct RecursionTests {
    @Test(arguments: Recursion.all) func itEndsInATrap(_ recursion: Recursion) throws {
        let engine = try singleSlotEngine()
        let template = try engine.compile(recursion.define).template()
        for round in 0..<3 {
            let slot = try template.withInstance { (instance) throws in
                #expect(try instance.outcome("run", [.i64(recursion.shallow)]) == .results([.i64(recursion.shallow)]))
                for endless in [10_000_000, -1] as [Int64] {
                    #expect(try instance.outcome("run", [.i64(endless)]) == .trap(.callStackExhausted))
                    // The instance is as usable as before.
                    #expect(
                        try instance.outcome("run", [.i64(recursion.shallow)]) == .results([.i64(recursion.shallow)]))
                }
                return instance.slot
            }
            #expect(engine.residue(in: slot) == nil, "round \(round)")
        }
    }

    /// Guest and host by turns: the host's stack ends as well, and must not.
    @Test func recursionThroughAHostFunctionEndsInATrap() throws {
        let engine = try singleSlotEngine()
        let imports: Imports<Void> = Self.imports { (caller, n) in try caller.call("run", n) }
        let template = try engine.compile { Self.defineReentrance(&$0) }.template(imports: imports)
        let slot = try template.withInstance { (instance) throws in
            #expect(try instance.outcome("run", [.i64(20)]) == .results([.i64(20)]))
            for _ in 0..<100 {
                #expect(try instance.outcome("run", [.i64(-1)]) == .trap(.callStackExhausted))
            }
            #expect(try instance.outcome("run", [.i64(20)]) == .results([.i64(20)]))
            return instance.slot
        }
        #expect(engine.residue(in: slot) == nil)
    }

    /// Between two calls of the host the guest uses up most of its stack.
    @Test func deepRecursionThroughAHostFunctionEndsInATrap() throws {
        let engine = try singleSlotEngine()
        let imports: Imports<Void> = Self.imports { (caller, n) in try caller.call("run", n) }
        let template = try engine.compile { Self.defineReentrance(&$0) }.template(imports: imports)
        let slot = try template.withInstance { (instance) throws in
            for levels in [1, 10, 1000, 10_000, 100_000] as [Int64] {
                for _ in 0..<10 {
                    #expect(try instance.outcome("descend", [.i64(levels)]) == .trap(.callStackExhausted))
                }
                #expect(try instance.outcome("run", [.i64(20)]) == .results([.i64(20)]))
            }
            return instance.slot
        }
        #expect(engine.residue(in: slot) == nil)
    }

    /// A host that takes the trap for an answer: the guests below go on.
    @Test func aHostFunctionMayCatchTheTrap() throws {
        let engine = try singleSlotEngine()
        let imports: Imports<Int> = Self.imports { (caller, n) in
            do {
                return try caller.call("run", n)
            } catch let trap as Trap where trap.code == .callStackExhausted {
                caller.state += 1
                return 1000
            }
        }
        let template = try engine.compile { Self.defineReentrance(&$0) }.template(imports: imports)
        let slot = try template.withInstance(state: 0) { (instance) throws in
            for round in 1...10 {
                let result: Int64 = try instance.call("run", Int64(-1))
                // As many guests as had room, and the answer in place of one more.
                #expect((1010...1100).contains(result), "\(result)")
                #expect(instance.state == round)
            }
            return instance.slot
        }
        #expect(engine.residue(in: slot) == nil)
    }

    /// `run` counts down by way of the host. `descend` calls the host beneath so many frames of its own.
    private static func defineReentrance(_ module: inout WasmBuilder) {
        let again = module.importFunction("env", "again", [.i64], [.i64])
        let deeper = module.importFunction("env", "deeper", [.i64], [.i64])
        module.function("run", [.i64], [.i64]) { code in
            code.localGet(0).i64Eqz().if(.value(.i64)) { code in
                code.i64Const(0)
            } else: { code in
                code.localGet(0).i64Const(1).i64Sub().call(again).i64Const(1).i64Add()
            }
        }
        // Of the levels left and of all.
        let inner: UInt32 = 3
        module.function(nil, [.i64, .i64], [.i64]) { code in
            code.localGet(0).i64Eqz().if(.value(.i64)) { code in
                code.localGet(1).call(deeper)
            } else: { code in
                code.localGet(0).i64Const(1).i64Sub().localGet(1).call(inner).i64Const(1).i64Add()
            }
        }
        module.function("descend", [.i64], [.i64]) { $0.localGet(0).localGet(0).call(inner) }
    }

    private static func imports<State>(
        again: @escaping @Sendable (borrowing Caller<State>, Int64) throws -> Int64
    ) -> Imports<State> {
        var imports = Imports<State>()
        imports.define("env", "again", again)
        imports.define("env", "deeper") { (caller, n: Int64) throws -> Int64 in try caller.call("descend", n) }
        return imports
    }
}
