//! The shape of translated functions: parameters only where they are needed, loops, cold blocks, and the printed form.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("IR: structure")
struct IRStructureTests {
    @Test("A function in text form")
    func text() throws {
        let module = try TranslatedModule {
            $0.memory(1)
            $0.function("sum", [.i32, .i32], [.i32], locals: [.i32]) {
                $0.block().loop()
                $0.localGet(1).i32Eqz().brIf(1)
                $0.localGet(2).localGet(0).i32Load(offset: 4).i32Add().localSet(2)
                $0.localGet(0).i32Const(4).i32Add().localSet(0)
                $0.localGet(1).i32Const(1).i32Sub().localSet(1)
                $0.br(0).end().end().localGet(2)
            }
        }
        #expect(
            module.texts[0] == """
                function 0 type 0
                block0(v0: i32, v1: i32):
                    v2 = constant.i32 0
                    jump block1(v2, v0, v1)
                block1(v4: i32, v5: i32, v6: i32): ; loop, depth 1
                    branch v6, block2, block3
                block2: ; depth 1
                    v9 = load.i32 unsigned32 memory0[v5 + 4]
                    v10 = add.i32 v4, v9
                    v11 = constant.i32 4
                    v12 = add.i32 v5, v11
                    v14 = constant.i32 -1
                    v15 = add.i32 v6, v14
                    jump block1(v10, v12, v15)
                block3:
                    return v4

                """)
    }

    @Test("Loop headers have parameters for what changes in the loop and is needed, and for nothing else")
    func loopParameters() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32, .i32, .i32, .i32], [.i32]) {
                $0.loop()
                // 1 is read only; 2 is dead; 3 is assigned only on the way out.
                $0.localGet(0).localGet(1).i32Sub().localSet(0)
                $0.localGet(0).i32Const(10).i32Mul().localSet(2)
                $0.localGet(0).i32Eqz().if().localGet(0).localSet(3).localGet(3).return().end()
                $0.localGet(0).localGet(1).i32GtS().brIf(0)
                $0.end().localGet(3)
            }
        }
        let header = try #require(module.optimized[0].blocks.first { $0.isLoopHeader })
        let parameters = module.optimized[0].instructions[Int(header.first)..<Int(header.first + header.parameterCount)]
        #expect(parameters.filter { $0.operation == .parameter }.count == 1)
        #expect(try module.call(0, 10, 3, 9, 77) == [77])
    }

    @Test("Parameters that only pass round the same value in nested loops are removed")
    func redundantParameters() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32, .i32], [.i32]) {
                $0.loop().loop()
                $0.localGet(1).localSet(1)
                $0.localGet(0).i32Const(1).i32Sub().localTee(0).i32Const(7).i32And().brIf(0)
                $0.end()
                $0.localGet(0).i32Const(0).i32GtS().brIf(0)
                $0.end().localGet(1)
            }
        }
        for header in module.optimized[0].blocks where header.isLoopHeader {
            let parameters = module.optimized[0].instructions[
                Int(header.first)..<Int(header.first + header.parameterCount)]
            #expect(parameters.filter { $0.operation == .parameter }.count == 1)
        }
        #expect(try module.call(0, 20, 5) == [5])
    }

    @Test("Blocks with one way in have no parameters, and fall-through needs no block")
    func mergedBlocks() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32], [.i32]) {
                $0.block(.value(.i32)).localGet(0).i32Const(3).i32Add().localTee(0).br(0).end()
                $0.block().block().end().loop().end().end()
                $0.localGet(0).i32Mul()
            }
        }
        #expect(module.translated[0].blocks.count == 1)
        #expect(try module.call(0, 2) == [25])
    }

    @Test("Loop depth counts natural loops: what leaves the loop for good is outside")
    func loopDepth() throws {
        let module = try TranslatedModule {
            $0.importFunction("env", "out", [.i32])
            $0.function("f", [.i32]) {
                $0.block()
                $0.loop()  // depth 1
                $0.localGet(0).i32Const(100).i32Eq().if().i32Const(1).call(0).br(2).end()
                $0.loop()  // depth 2
                $0.localGet(0).i32Const(200).i32Eq().if().i32Const(2).call(0).br(3).end()
                $0.localGet(0).i32Const(1).i32Add().localTee(0).i32Const(15).i32And().brIf(0)
                $0.end()
                $0.i32Const(3).call(0)
                $0.localGet(0).i32Const(300).i32Ne().brIf(0)
                $0.end()
                $0.end()
                $0.i32Const(4).call(0)
            }
        }
        let function = module.optimized[0]
        var depths: [UInt32: UInt16] = [:]
        for block in function.blocks {
            for id in block.first..<block.end where function.instructions[Int(id)].operation == .call {
                let argument = function.lists[Int(function.instructions[Int(id)].b)]
                depths[function.instructions[Int(argument)].a] = block.loopDepth
            }
        }
        #expect(depths == [1: 0, 2: 0, 3: 1, 4: 0])
        #expect(function.blocks.filter(\.isLoopHeader).map(\.loopDepth) == [1, 2])
    }

    @Test("Blocks that can only end in a trap are cold; a loop is not")
    func coldBlocks() throws {
        let module = try TranslatedModule {
            $0.importFunction("env", "report", [.i32])
            $0.function("f", [.i32], [.i32]) {
                $0.localGet(0).if()
                $0.localGet(0).i32Const(1).i32Eq().if().i32Const(1).call(0).else().i32Const(2).call(0).end()
                    .unreachable()
                $0.end()
                $0.loop().localGet(0).i32Const(9).i32Eq().if().unreachable().end().br(0).end()
                $0.unreachable()
            }
        }
        // Entry; first arm, cold as are its two arms and their join; before the loop; header; trap; latch.
        #expect(module.optimized[0].blocks.map(\.isCold) == [false, true, true, true, true, false, false, true, false])
    }

    @Test("Unused results of a call are removed, the call stays")
    func unusedResults() throws {
        let module = try TranslatedModule {
            $0.importFunction("env", "three", [], [.i32, .i64, .i32])
            $0.function("f", [], [.i64], locals: [.i64]) {
                $0.call(0).drop().localSet(0).drop()
                $0.call(0).drop().drop().drop()
                $0.localGet(0)
            }
        }
        let operations = module.optimized[0].instructions.map(\.operation)
        #expect(operations.filter { $0 == .call }.count == 2)
        #expect(operations.filter { $0 == .result }.count == 1)
    }

    @Test("Source offsets point at the operators")
    func sourceOffsets() throws {
        var builder = WasmBuilder()
        builder.memory(1)
        builder.function("f", [.i32], [.i32]) { $0.nop().nop().localGet(0).i32Load(offset: 300).unreachable() }
        let bytes = builder.build()
        let context = ModuleContext(try DecodedModule(decoding: bytes))
        var translator = FunctionTranslator()
        var function = IRFunction()
        try translator.translate(body: 0, of: context, into: &function)
        for id in 0..<function.instructions.count {
            let byte = bytes[Int(function.sourceOffsets[id])]
            switch function.instructions[id].operation {
            case .load: #expect(byte == Opcode.i32Load.rawValue)
            case .trap: #expect(byte == Opcode.unreachable.rawValue)
            default: break
            }
        }
    }
}
