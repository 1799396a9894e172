//! What translated functions do when they run: control flow, locals, calls and state.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Translation: behaviour")
struct TranslationTests {
    @Test("Parameters, locals and arithmetic")
    func straightLine() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32, .i32], [.i32], locals: [.i32]) {
                $0.localGet(0).localGet(1).i32Add().localTee(2).localGet(2).i32Mul()
            }
        }
        #expect(try module.call(0, 3, 4) == [49])
    }

    @Test("Locals start at zero of their type")
    func zeroLocals() throws {
        let module = try TranslatedModule {
            $0.function("f", [], [.i32, .i64, .f32, .f64, .i32], locals: [.i32, .i64, .f32, .f64, .funcref]) {
                $0.localGet(0).localGet(1).localGet(2).localGet(3).localGet(4).refIsNull()
            }
        }
        #expect(try module.call(0) == [0, 0, 0, 0, 1])
    }

    @Test("A loop sums up to n", arguments: [0, 1, 10, 1000] as [UInt64])
    func sumLoop(n: UInt64) throws {
        let module = try TranslatedModule {
            $0.function("sum", [.i32], [.i32], locals: [.i32]) {
                $0.block().loop()
                $0.localGet(0).i32Eqz().brIf(1)
                $0.localGet(1).localGet(0).i32Add().localSet(1)
                $0.localGet(0).i32Const(1).i32Sub().localSet(0)
                $0.br(0).end().end().localGet(1)
            }
        }
        #expect(try module.call(0, n) == [n * (n + 1) / 2])
    }

    @Test("Both arms of an if, with locals and a result")
    func ifElse() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32], [.i32], locals: [.i32, .i32]) {
                $0.localGet(0).if(.value(.i32))
                $0.i32Const(10).localSet(1).i32Const(1)
                $0.else()
                $0.i32Const(20).localSet(2).i32Const(2)
                $0.end().localGet(1).i32Add().localGet(2).i32Add()
            }
        }
        #expect(try module.call(0, 5) == [11])
        #expect(try module.call(0, 0) == [22])
    }

    @Test("An if without else keeps the locals of the other way")
    func ifWithoutElse() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32, .i32], [.i32]) {
                $0.localGet(0).if().localGet(1).i32Const(7).i32Mul().localSet(1).end().localGet(1)
            }
        }
        #expect(try module.call(0, 1, 3) == [21])
        #expect(try module.call(0, 0, 3) == [3])
    }

    @Test("An if with parameters and no else passes them through")
    func ifParameters() throws {
        let module = try TranslatedModule {
            let type = $0.type([.i32, .i32], [.i32, .i32])
            $0.function("f", [.i32, .i32, .i32], [.i32]) {
                $0.localGet(0).localGet(1).localGet(2).if(.function(typeIndex: type))
                $0.i32Const(100).i32Add()
                $0.end().i32Sub()
            }
        }
        #expect(try module.call(0, 7, 5, 0) == [2])
        #expect(try module.call(0, 7, 5, 1) == [cell(-98)])
    }

    @Test("Nested blocks under a branch table with repeated targets", arguments: 0..<7 as Range<UInt64>)
    func branchTable(index: UInt64) throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32], [.i32], locals: [.i32]) {
                $0.block().block().block()
                $0.i32Const(1).localSet(1)
                $0.localGet(0).brTable([0, 1, 0, 2, 1], default: 2)
                $0.end().localGet(1).i32Const(10).i32Add().return()
                $0.end().localGet(1).i32Const(20).i32Add().return()
                $0.end().localGet(1).i32Const(30).i32Add()
            }
        }
        #expect(try module.call(0, index) == [[11, 21, 11, 31, 21, 31, 31][Int(index)]])
    }

    @Test("A branch table passes values, also to the function's end and to a loop", arguments: 0..<5 as Range<UInt64>)
    func branchTableValues(index: UInt64) throws {
        let module = try TranslatedModule {
            let type = $0.type([.i32], [.i32])
            $0.function("f", [.i32], [.i32], locals: [.i32]) {
                $0.i32Const(1)
                $0.loop(.function(typeIndex: type))
                $0.localGet(1).i32Const(1).i32Add().localTee(1).i32Const(5).i32GtS().if().localGet(1).return().end()
                $0.i32Const(2).i32Mul()
                $0.block(.function(typeIndex: type))
                $0.localGet(0).brTable([0, 1, 2, 1], default: 0)
                $0.end()
                $0.i32Const(1000).i32Add()
                $0.end()
            }
        }
        let expected: [UInt64] = [1002, 6, 2, 6, 1002]
        #expect(try module.call(0, index) == [expected[Int(index)]])
    }

    @Test("Multiple results from blocks and functions")
    func multiValue() throws {
        let module = try TranslatedModule {
            let pair = $0.type([], [.i32, .i64])
            let swap = $0.function(nil, [.i32, .i64], [.i64, .i32]) { $0.localGet(1).localGet(0) }
            $0.function("f", [.i32], [.i64, .i32]) {
                $0.block(.function(typeIndex: pair))
                $0.i32Const(1).i64Const(2).localGet(0).brIf(0)
                $0.drop().drop().i32Const(3).i64Const(4)
                $0.end().call(swap)
            }
        }
        #expect(try module.call(1, 1) == [2, 1])
        #expect(try module.call(1, 0) == [4, 3])
    }

    @Test("Loop parameters")
    func loopParameters() throws {
        let module = try TranslatedModule {
            let type = $0.type([.i32, .i32], [.i32])
            $0.function("fibonacci", [.i32], [.i32], locals: [.i32, .i32]) {
                $0.i32Const(0).i32Const(1)
                $0.loop(.function(typeIndex: type))
                $0.localSet(2).localSet(1)
                $0.localGet(0).i32Eqz().if().localGet(1).return().end()
                $0.localGet(0).i32Const(1).i32Sub().localSet(0)
                $0.localGet(2).localGet(1).localGet(2).i32Add()
                $0.br(0).end()
            }
        }
        #expect(try module.call(0, 10) == [55])
    }

    @Test("Branching to the function's own label returns")
    func branchToFunction() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32], [.i32]) {
                $0.i32Const(8).localGet(0).brIf(0).drop().i32Const(9).localGet(0).i32Const(1).i32Add().br(0)
            }
        }
        #expect(try module.call(0, 1) == [8])
        #expect(try module.call(0, 0) == [1])
    }

    @Test("Unreachable code is skipped, whatever it contains")
    func unreachableCode() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32], [.i32], locals: [.i64]) {
                $0.block(.value(.i32))
                $0.i32Const(4).br(0)
                $0.i32Add().if(.value(.i32)).loop().br(0).end().i32Const(1).else().i64Const(9).localSet(1).unreachable()
                    .end()
                $0.block().block().localGet(0).brTable([0, 1, 0], default: 1).end().end()
                $0.f32Const(1.5).drop().f64Const(2.5).drop().call(0).refNull(.funcref).drop()
                $0.end()
                $0.localGet(0).if().i32Const(1).return().unreachable().else().nop().end()
            }
        }
        #expect(try module.call(0, 0) == [4])
    }

    @Test("unreachable traps and its block is cold")
    func trap() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32], [.i32]) { $0.localGet(0).if().unreachable().end().i32Const(3) }
        }
        #expect(try module.call(0, 0) == [3])
        #expect(throws: InterpreterTrap.trap(.unreachable)) { try module.call(0, 1) }
        #expect(module.texts[0].contains("block1: ; cold"))
    }

    @Test("Loads and stores of every width")
    func memory() throws {
        let module = try TranslatedModule {
            $0.memory(1)
            $0.function("f", [.i32, .i64], [.i64, .i64, .i64, .i32, .i32, .i64]) {
                $0.localGet(0).localGet(1).i64Store(offset: 8)
                $0.localGet(0).i64Load8S(offset: 8)
                $0.localGet(0).i64Load16U(offset: 8)
                $0.localGet(0).i64Load32S(offset: 8)
                $0.localGet(0).i32Load8U(offset: 9)
                $0.localGet(0).i32Load16S(offset: 8)
                $0.localGet(0).localGet(1).i64Store8(offset: 9)
                $0.localGet(0).localGet(1).i32WrapI64().i32Store16(offset: 10)
                $0.localGet(0).i64Load(offset: 8)
            }
        }
        #expect(
            try module.call(0, 100, 0x1122_3344_8586_8788)
                == [
                    UInt64(bitPattern: -0x78), 0x8788, UInt64(bitPattern: -0x7A79_7878), 0x87, 0xFFFF_8788,
                    0x1122_3344_8788_8888,
                ])
        #expect(throws: InterpreterTrap.trap(.memoryOutOfBounds)) { try module.call(0, 65_530, 0) }
    }

    @Test("Globals are read again after a call and after a write")
    func globals() throws {
        let module = try TranslatedModule {
            let global = $0.global(.i32, mutable: true) { $0.i32Const(5) }
            let bump = $0.function { $0.globalGet(global).i32Const(1).i32Add().globalSet(global) }
            $0.function("f", [.i32], [.i32]) {
                $0.globalGet(global).call(bump).globalGet(global).i32Const(10).i32Mul().i32Add()
                $0.i32Const(50).globalSet(global).globalGet(global).i32Add()
                $0.localGet(0).if().i32Const(1000).globalSet(global).end().globalGet(global).i32Add()
            }
        }
        #expect(try module.call(1, 0) == [165])
        #expect(try module.call(1, 1) == [1115])
    }

    @Test("A global changed later in a loop is read again at its head")
    func globalInLoop() throws {
        let module = try TranslatedModule {
            let global = $0.global(.i32, mutable: true) { $0.i32Const(0) }
            $0.function("f", [], [.i32]) {
                $0.globalGet(global).drop()
                $0.loop().globalGet(global).i32Const(1).i32Add().globalSet(global)
                $0.globalGet(global).i32Const(10).i32LtS().brIf(0).end().globalGet(global)
            }
        }
        #expect(try module.call(0) == [10])
    }

    @Test("Indirect calls and what they trap on")
    func indirectCalls() throws {
        let module = try TranslatedModule {
            let type = $0.type([.i32, .i32], [.i32])
            let table = $0.table(.funcref, 4)
            let add = $0.function(nil, [.i32, .i32], [.i32]) { $0.localGet(0).localGet(1).i32Add() }
            let other = $0.function(nil, [.i32], [.i32]) { $0.localGet(0) }
            $0.element(table: table, at: 1, functions: [add, other])
            $0.function("f", [.i32], [.i32]) {
                $0.i32Const(30).i32Const(12).localGet(0).callIndirect(type: type, table: table)
            }
        }
        #expect(try module.call(2, 1) == [42])
        #expect(throws: InterpreterTrap.trap(.uninitializedElement)) { try module.call(2, 0) }
        #expect(throws: InterpreterTrap.trap(.indirectCallTypeMismatch)) { try module.call(2, 2) }
        #expect(throws: InterpreterTrap.trap(.undefinedElement)) { try module.call(2, 4) }
    }

    @Test("Tables, references and bulk operations reach the runtime with their arguments in order")
    func bulkOperations() throws {
        let module = try TranslatedModule {
            let first = $0.table(.funcref, 4, max: 20)
            let second = $0.table(.externref, 3)
            $0.memory(1, max: 3)
            let data = $0.passiveData([1, 2, 3, 4, 5])
            let target = $0.function(nil, [], []) { _ in }
            let element = $0.passiveElement(functions: [target, target])
            $0.function("f", [], [.i32, .i32, .i32, .i32, .i32, .i32, .i32]) {
                $0.i32Const(100).i32Const(1).i32Const(3).memoryInit(data: data).dataDrop(data)
                $0.i32Const(200).i32Const(100).i32Const(4).memoryCopy()
                $0.i32Const(101).i32Const(0xAB).i32Const(1).memoryFill()
                $0.i32Const(200).i32Load()
                $0.i32Const(100).i32Load()
                $0.i32Const(2).i32Const(0).i32Const(2).tableInit(element: element, table: first).elemDrop(element)
                $0.i32Const(0).i32Const(3).i32Const(1).tableCopy(to: first, from: first)
                $0.i32Const(0).tableGet(first).refIsNull()
                $0.i32Const(1).tableGet(first).refIsNull()
                $0.refFunc(target).i32Const(2).tableGrow(first).tableSize(first).i32Add()
                $0.i32Const(1).refFunc(target).i32Const(3).tableFill(first)
                $0.i32Const(1).refNull(.externref).tableSet(second)
                $0.i32Const(1).memoryGrow().memorySize().i32Add()
                $0.i32Const(9).memoryGrow()
            }
        }
        #expect(try module.call(1) == [0x0004_0302, 0x0004_AB02, 0, 1, 10, 3, 0xFFFF_FFFF])
    }

    @Test("Imported functions are called in order")
    func imports() throws {
        let module = try TranslatedModule {
            let log = $0.importFunction("env", "log", [.i32], [.i32])
            $0.function("f", [.i32], [.i32]) {
                $0.localGet(0).call(log).drop()
                $0.localGet(0).i32Const(1).i32Add().call(log)
            }
        }
        let outcome = module.outcome(of: module.optimized, 1, [7])
        #expect(outcome.importCalls == [[0, 7], [0, 8]])
        #expect(try outcome.result.get() == [2])
    }

    @Test("Deep nesting does not recurse")
    func deepNesting() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32], [.i32]) { code in
                for _ in 0..<20_000 { code.block() }
                code.localGet(0).brIf(19_999).i32Const(5).localSet(0)
                for _ in 0..<20_000 { code.end() }
                for _ in 0..<5_000 { code.localGet(0).if() }
                for _ in 0..<5_000 { code.end() }
                for _ in 0..<2_000 { code.loop() }
                code.localGet(0).i32Const(1).i32Sub().localTee(0).brIf(1_000)
                for _ in 0..<2_000 { code.end() }
                code.localGet(0)
            }
        }
        #expect(try module.call(0, 3) == [0])
        #expect(try module.call(0, 0) == [0])
    }

    @Test("A function whose joins are too large is refused")
    func limits() throws {
        var builder = WasmBuilder()
        builder.function("f", [.i32], [], locals: Array(repeating: .i32, count: 100)) { code in
            code.block()
            for local in 1...100 { code.i32Const(Int32(local)).localSet(UInt32(local)) }
            for _ in 0..<100 { code.localGet(0).brIf(0) }
            code.end()
        }
        let module = try DecodedModule(decoding: builder.build())
        let context = ModuleContext(module)
        var function = IRFunction()
        var limits = FunctionTranslator.Limits()
        limits.listEntries = 5_000
        var strict = FunctionTranslator(limits: limits)
        var error: TranslationError?
        do throws(TranslationError) {
            try strict.translate(body: 0, of: context, into: &function)
        } catch let caught {
            error = caught
        }
        #expect(error == .functionTooComplex(function: 0))
        // The translator can be used again, as can another with the default limits.
        var generous = FunctionTranslator()
        try generous.translate(body: 0, of: context, into: &function)
        #expect(IRVerifier.violations(function, in: context) == [])
    }
}
