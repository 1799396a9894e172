//! Constants that loops keep in registers: loaded before the loop and not in it, in every shape that loops have, and right
//! wherever control comes from. All checks are on, the one of register allocation included.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Loop constants")
struct LoopConstantTests {
    private static func constant(_ number: Int) -> V128 {
        let low = UInt64(number + 1) &* 0x0123_4567_89AB_CDEF
        return V128(low: low, high: ~low &* 3)
    }

    /// Local 1 becomes what is left of the constant, which must be in a register for this; 0 is a counter.
    private static func look(_ number: Int, _ code: CodeBuilder) {
        code.v128Const(constant(number)).localGet(1).op(.i8x16Sub).localSet(1)
    }

    private static func looked(_ number: Int, _ vector: V128) -> V128 {
        VectorReference.apply(.i8x16Sub, [constant(number), vector])
    }

    private static func countDown(_ code: CodeBuilder) {
        code.localGet(0).i32Const(1).i32Sub().localTee(0).brIf(0)
    }

    /// How many constants are loaded in loops, how many outside, and how many operands in memory there are in loops.
    private func loads(_ bytes: [UInt8], _ body: Int = 0) throws -> (inside: Int, outside: Int, operands: Int) {
        let selected = try SelectedFunction(body: body, of: bytes)
        var (inside, outside, operands) = (0, 0, 0)
        for block in 0..<selected.input.blocks.count {
            let block = selected.input.blocks[block]
            for index in block.firstInstruction..<block.endInstruction {
                switch selected.instructions[index].operation {
                case .loadVectorConstant where block.loopDepth > 0: inside += 1
                case .loadVectorConstant: outside += 1
                case .vectorBinaryConstant where block.loopDepth > 0: operands += 1
                default: break
                }
            }
        }
        return (inside, outside, operands)
    }

    private func module(_ emit: (CodeBuilder) -> Void) -> [UInt8] {
        var builder = WasmBuilder()
        builder.function("run", [.i32, .v128], [.v128]) { code in
            emit(code)
            code.localGet(1)
        }
        return builder.build()
    }

    private func run(_ bytes: [UInt8], _ count: Int, _ vector: V128) throws -> V128 {
        let result = try NativeHarness(bytes).call("run", [UInt64(count), vector.low, vector.high])
        return V128(low: result[0], high: result[1])
    }

    private static let vector = V128(low: 0x0F0E_0D0C_0B0A_0908, high: 0x0706_0504_0302_01F0)

    @Test("A constant is loaded once for all its uses in a loop")
    func once() throws {
        let bytes = module { code in
            code.loop(.empty) {
                Self.look(0, $0)
                Self.look(1, $0)
                Self.look(0, $0)
                Self.countDown($0)
            }
        }
        #expect(try loads(bytes) == (0, 2, 0))
        let expected = (0..<3).reduce(Self.vector) { vector, _ in
            Self.looked(0, Self.looked(1, Self.looked(0, vector)))
        }
        #expect(try run(bytes, 3, Self.vector) == expected)
    }

    @Test("The innermost loop keeps it")
    func nesting() throws {
        var builder = WasmBuilder()
        builder.function("run", [.i32, .v128], [.v128], locals: [.i32]) { code in
            code.loop(.empty) { code in
                Self.look(0, code)
                code.i32Const(2).localSet(2)
                code.loop(.empty) { code in
                    Self.look(0, code)
                    Self.look(1, code)
                    code.localGet(2).i32Const(1).i32Sub().localTee(2).brIf(0)
                }
                Self.countDown(code)
            }
            Self.look(0, code)
            code.localGet(1)
        }
        var expected = Self.vector
        for _ in 0..<3 {
            expected = Self.looked(0, expected)
            for _ in 0..<2 { expected = Self.looked(1, Self.looked(0, expected)) }
        }
        #expect(try run(builder.build(), 3, Self.vector) == Self.looked(0, expected))
        // Before the outer loop one; before the inner loop, in the outer one, two; one behind both.
        #expect(try loads(builder.build()) == (2, 2, 0))
    }

    /// Blocks that enter a loop end in a branch here, or there are several ways to the block before it.
    @Test("Every way into a loop passes the load", arguments: 0..<4)
    func entries(shape: Int) throws {
        let bytes = module { code in
            code.block(.empty) { code in
                switch shape {
                case 0: code.localGet(0).i32Eqz().brIf(0)
                case 1: code.localGet(0).if(.empty) { Self.look(2, $0) }
                case 2:
                    code.localGet(0).if(.empty) {
                        Self.look(2, $0)
                    } else: {
                        Self.look(3, $0)
                    }
                    code.localGet(0).i32Eqz().brIf(0)
                default:
                    code.block(.empty) { code in
                        code.localGet(0).i32Eqz().brIf(0)
                        code.localGet(0).i32Const(5).i32Eq().brIf(0)
                        Self.look(2, code)
                    }
                    code.localGet(0).i32Eqz().brIf(0)
                }
                code.loop(.empty) {
                    Self.look(0, $0)
                    Self.countDown($0)
                }
            }
            Self.look(1, code)
        }
        for count in [0, 1, 5, 6] where count > 0 || shape != 1 {
            var expected = Self.vector
            switch shape {
            case 1, 2: expected = Self.looked(count > 0 ? 2 : 3, expected)
            case 3: if count > 0 && count != 5 { expected = Self.looked(2, expected) }
            default: break
            }
            for _ in 0..<count { expected = Self.looked(0, expected) }
            #expect(try run(bytes, count, Self.vector) == Self.looked(1, expected), "\(count)")
        }
        #expect(try loads(bytes).inside == 0)
    }

    /// More than there are registers, across a call, beside vectors that the loop carries.
    @Test("Too many constants are loaded where they are used", arguments: [0, 6, 20])
    func many(carried: Int) throws {
        var builder = WasmBuilder()
        let callee = builder.function("callee", [.v128], [.v128]) { $0.localGet(0).localGet(0).op(.i8x16Add) }
        builder.function("run", [.i32, .v128], [.v128], locals: [ValueType](repeating: .v128, count: carried)) { code in
            code.loop(.empty) { code in
                for number in 0..<20 { Self.look(number, code) }
                for local in 0..<UInt32(carried) {
                    code.localGet(local + 2).localGet(1).op(.i8x16Sub).localSet(local + 2)
                }
                code.localGet(1).call(callee).localSet(1)
                for number in 0..<20 { Self.look(number, code) }
                Self.countDown(code)
            }
            code.localGet(1)
            for local in 0..<UInt32(carried) { code.localGet(local + 2).op(.v128Xor) }
        }
        let bytes = builder.build()
        var vector = Self.vector
        var sum = V128()
        for _ in 0..<4 {
            for number in 0..<20 { vector = Self.looked(number, vector) }
            sum = VectorReference.apply(.i8x16Sub, [sum, vector])
            vector = VectorReference.apply(.i8x16Add, [vector, vector])
            for number in 0..<20 { vector = Self.looked(number, vector) }
        }
        if carried % 2 == 1 { vector = VectorReference.apply(.v128Xor, [vector, sum]) }
        #expect(try run(bytes, 4, Self.vector) == vector)
        let (inside, outside, _) = try loads(bytes, 1)
        // The zeros that the locals begin with are loaded outside too.
        let kept = outside - carried
        #expect(kept <= 8 && inside == 2 * (20 - kept))
        #expect(carried < 20 ? kept > 0 : kept == 0)
    }

    @Test("Operands that could be in memory leave registers to constants that could not", arguments: [0, 12])
    func operands(carried: Int) throws {
        var builder = WasmBuilder()
        builder.function("run", [.i32, .v128], [.v128], locals: [ValueType](repeating: .v128, count: carried)) { code in
            code.loop(.empty) { code in
                Self.look(20, code)
                Self.look(21, code)
                for number in 0..<10 { code.localGet(1).v128Const(Self.constant(number)).op(.i8x16Add).localSet(1) }
                for local in 0..<UInt32(carried) {
                    code.localGet(local + 2).localGet(1).op(.i8x16Sub).localSet(local + 2)
                }
                // All zeros, and all ones.
                code.localGet(1).op(.v128Not).v128Const(V128()).op(.i8x16MaxS).localSet(1)
                Self.countDown(code)
            }
            code.localGet(1)
            for local in 0..<UInt32(carried) { code.localGet(local + 2).op(.v128Xor) }
        }
        let bytes = builder.build()
        var vector = Self.vector
        var sum = V128()
        for _ in 0..<5 {
            vector = Self.looked(21, Self.looked(20, vector))
            for number in 0..<10 { vector = VectorReference.apply(.i8x16Add, [vector, Self.constant(number)]) }
            sum = VectorReference.apply(.i8x16Sub, [sum, vector])
            vector = VectorReference.apply(.i8x16MaxS, [VectorReference.apply(.v128Not, [vector]), V128()])
        }
        // An even number of equal ones is none.
        #expect(try run(bytes, 5, Self.vector) == vector)
        let (inside, outside, operands) = try loads(bytes)
        #expect((inside, outside - carried, operands) == (carried == 0 ? (0, 8, 6) : (2, 0, 12)))
    }
}
