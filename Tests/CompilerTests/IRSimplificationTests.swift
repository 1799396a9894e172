//! What the builder makes of expressions: the table of rules, as source on one side and IR text on the other.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("IR: simplification")
struct IRSimplificationTests {
    /// One rule: code on parameters 0 (i32), 1 (i64), 2 (i32), 3 (i64), 4 (f32) and the one line that defines the result;
    /// `nil` if the result is a parameter itself.
    struct Rule: CustomTestStringConvertible, Sendable {
        let name: String
        let result: ValueType
        let expected: String
        let code: @Sendable (CodeBuilder) -> Void

        init(_ name: String, _ result: ValueType, _ expected: String, _ code: @escaping @Sendable (CodeBuilder) -> Void)
        {
            self.name = name
            self.result = result
            self.expected = expected
            self.code = code
        }
        var testDescription: String { name }
    }

    static let rules: [Rule] = [
        // Constants
        Rule("2 + 3", .i32, "constant.i32 5") { $0.i32Const(2).i32Const(3).i32Add() },
        Rule("i32 wraps", .i32, "constant.i32 -2147483648") { $0.i32Const(.max).i32Const(1).i32Add() },
        Rule("shift counts wrap", .i32, "constant.i32 2") { $0.i32Const(1).i32Const(33).i32Shl() },
        Rule("signed division", .i32, "constant.i32 -3") { $0.i32Const(-7).i32Const(2).i32DivS() },
        Rule("signed remainder", .i64, "constant.i64 -1") { $0.i64Const(-7).i64Const(2).i64RemS() },
        Rule("rotation", .i32, "constant.i32 3") { $0.i32Const(-2_147_483_647).i32Const(1).i32Rotl() },
        Rule("clz", .i32, "constant.i32 31") { $0.i32Const(1).i32Clz() },
        Rule("ctz of 0", .i64, "constant.i64 64") { $0.i64Const(0).i64Ctz() },
        Rule("wrap", .i32, "constant.i32 -1") { $0.i64Const(0xFFFF_FFFF).i32WrapI64() },
        Rule("sign extension", .i64, "constant.i64 -1") { $0.i32Const(-1).i64ExtendI32S() },
        Rule("zero extension", .i64, "constant.i64 4294967295") { $0.i32Const(-1).i64ExtendI32U() },
        Rule("unsigned comparison", .i32, "constant.i32 0") { $0.i32Const(-1).i32Const(1).i32LtU() },
        Rule("signed comparison", .i32, "constant.i32 1") { $0.i32Const(-1).i32Const(1).i32LtS() },
        Rule("float bits", .i32, "constant.i32 1065353216") { $0.f32Const(1).i32ReinterpretF32() },
        Rule("negated float", .f32, "constant.f32 -1.0") { $0.f32Const(1).f32Neg() },
        // Traps stay
        Rule("division by zero", .i32, "divideSigned.i32 v0, v5") { $0.localGet(0).i32Const(0).i32DivS() },
        Rule("overflowing division", .i32, "divideSigned.i32 v5, v6") { $0.i32Const(.min).i32Const(-1).i32DivS() },
        Rule("division by -1", .i32, "divideSigned.i32 v0, v5") { $0.localGet(0).i32Const(-1).i32DivS() },
        Rule("0 / x", .i32, "divideUnsigned.i32 v5, v0") { $0.i32Const(0).localGet(0).i32DivU() },
        Rule("x % x", .i32, "remainderUnsigned.i32 v0, v0") { $0.localGet(0).localGet(0).i32RemU() },
        // Identities
        Rule("x + 0", .i32, "parameter 0") { $0.localGet(0).i32Const(0).i32Add() },
        Rule("0 + x", .i32, "parameter 0") { $0.i32Const(0).localGet(0).i32Add() },
        Rule("x * 1", .i64, "parameter 1") { $0.localGet(1).i64Const(1).i64Mul() },
        Rule("x * 0", .i32, "constant.i32 0") { $0.localGet(0).i32Const(0).i32Mul() },
        Rule("x - x", .i32, "constant.i32 0") { $0.localGet(0).localGet(0).i32Sub() },
        Rule("x & -1", .i32, "parameter 0") { $0.localGet(0).i32Const(-1).i32And() },
        Rule("x | x", .i32, "parameter 0") { $0.localGet(0).localGet(0).i32Or() },
        Rule("x << 32", .i32, "parameter 0") { $0.localGet(0).i32Const(32).i32Shl() },
        Rule("x rem_s -1", .i32, "constant.i32 0") { $0.localGet(0).i32Const(-1).i32RemS() },
        Rule("x div_u 1", .i32, "parameter 0") { $0.localGet(0).i32Const(1).i32DivU() },
        // Canonical forms
        Rule("x - 5", .i32, "add.i32 v0, v6 ; -5") { $0.localGet(0).i32Const(5).i32Sub() },
        Rule("5 + x", .i32, "add.i32 v0, v5 ; 5") { $0.i32Const(5).localGet(0).i32Add() },
        Rule("y + x", .i32, "add.i32 v0, v2") { $0.localGet(2).localGet(0).i32Add() },
        Rule("x * 8", .i32, "shiftLeft.i32 v0, v6 ; 3") { $0.localGet(0).i32Const(8).i32Mul() },
        Rule("x * -1", .i32, "subtract.i32 v6, v0 ; 0") { $0.localGet(0).i32Const(-1).i32Mul() },
        Rule("x div_u 16", .i64, "shiftRightUnsigned.i64 v1, v6 ; 4") { $0.localGet(1).i64Const(16).i64DivU() },
        Rule("x rem_u 16", .i64, "and.i64 v1, v6 ; 15") { $0.localGet(1).i64Const(16).i64RemU() },
        Rule("(x + 3) + 4", .i32, "add.i32 v0, v8 ; 7") { $0.localGet(0).i32Const(3).i32Add().i32Const(4).i32Add() },
        Rule("(x & 255) & 15", .i32, "and.i32 v0, v7 ; 15") {
            $0.localGet(0).i32Const(255).i32And().i32Const(15).i32And()
        },
        Rule("(x << 3) << 4", .i32, "shiftLeft.i32 v0, v8 ; 7") {
            $0.localGet(0).i32Const(3).i32Shl().i32Const(4).i32Shl()
        },
        Rule("(x << 24) >>s 24", .i32, "signExtend8.i32 v0") {
            $0.localGet(0).i32Const(24).i32Shl().i32Const(24).i32ShrS()
        },
        Rule("(x << 24) >>u 24", .i32, "and.i32 v0, v7 ; 255") {
            $0.localGet(0).i32Const(24).i32Shl().i32Const(24).i32ShrU()
        },
        Rule("x << (y & 31)", .i32, "shiftLeft.i32 v0, v2") {
            $0.localGet(0).localGet(2).i32Const(31).i32And().i32Shl()
        },
        Rule("low half of an i64", .i64, "zeroExtend.i64 v6") { $0.localGet(1).i64Const(0xFFFF_FFFF).i64And() },
        Rule("low byte of the low half", .i64, "and.i64 v1, v8 ; 255") {
            $0.localGet(1).i64Const(0xFFFF_FFFF).i64And().i64Const(255).i64And()
        },
        // Addresses
        Rule("wrap of extension", .i32, "parameter 0") { $0.localGet(0).i64ExtendI32U().i32WrapI64() },
        Rule("extension of wrap", .i64, "zeroExtend.i64 v5") { $0.localGet(1).i32WrapI64().i64ExtendI32U() },
        Rule("sign extension of wrap", .i64, "signExtend32.i64 v1") { $0.localGet(1).i32WrapI64().i64ExtendI32S() },
        Rule("extension and wrap of a load", .i64, "load.i64 unsigned32 memory0[v0 + 0]") {
            $0.localGet(0).i64Load32U().i32WrapI64().i64ExtendI32U()
        },
        Rule("sign extension of a byte", .i64, "zeroExtend.i64 v5") { $0.localGet(0).i32Load8U().i64ExtendI32S() },
        Rule("sign extension of a signed load", .i32, "load.i32 signed8 memory0[v0 + 0]") {
            $0.localGet(0).i32Load8S().i32Extend8S()
        },
        Rule("mask of a load", .i32, "load.i32 unsigned16 memory0[v0 + 0]") {
            $0.localGet(0).i32Load16U().i32Const(0xFFFF).i32And()
        },
        Rule("bits there and back", .f32, "parameter 4") { $0.localGet(4).i32ReinterpretF32().f32ReinterpretI32() },
        Rule("- - x", .f32, "parameter 4") { $0.localGet(4).f32Neg().f32Neg() },
        Rule("|-x|", .f32, "floatAbsolute.f32 v4") { $0.localGet(4).f32Neg().f32Abs() },
        // Conditions
        Rule("!(x < y)", .i32, "compare.i32 v0 greaterOrEqualSigned v2") {
            $0.localGet(0).localGet(2).i32LtS().i32Eqz()
        },
        Rule("!!(x <u y)", .i32, "compare.i64 v1 lessUnsigned v3") {
            $0.localGet(1).localGet(3).i64LtU().i32Eqz().i32Eqz()
        },
        Rule("!(f == f)", .i32, "compare.f32 v4 notEqual v4") { $0.localGet(4).localGet(4).f32Eq().i32Eqz() },
        Rule("!(f < f) has no opposite", .i32, "compare.i32 v5 equal v6") {
            $0.localGet(4).localGet(4).f32Lt().i32Eqz()
        },
        Rule("5 < x", .i32, "compare.i32 v0 greaterSigned v5") { $0.i32Const(5).localGet(0).i32LtS() },
        Rule("x <u 1", .i32, "compare.i32 v0 equal v6 ; 0") { $0.localGet(0).i32Const(1).i32LtU() },
        Rule("x <u 0", .i32, "constant.i32 0") { $0.localGet(0).i32Const(0).i32LtU() },
        Rule("x >=u 0", .i32, "constant.i32 1") { $0.localGet(0).i32Const(0).i32GeU() },
        Rule("x <= x", .i32, "constant.i32 1") { $0.localGet(0).localGet(0).i32LeS() },
        Rule("extended x == 0", .i32, "compare.i32 v0 equal v7 ; 0") { $0.localGet(0).i64ExtendI32U().i64Eqz() },
        Rule("extended x == 2^32", .i32, "constant.i32 0") { $0.localGet(0).i64ExtendI32U().i64Const(1 << 32).i64Eq() },
        Rule("select 1, 0", .i32, "compare.i32 v0 notEqual v6 ; 0") { $0.i32Const(1).i32Const(0).localGet(0).select() },
        Rule("select a, a", .i32, "parameter 2") { $0.localGet(2).localGet(2).localGet(0).select() },
        Rule("select on not x", .i64, "select.i64 v0, v3, v1") {
            $0.localGet(1).localGet(3).localGet(0).i32Eqz().select()
        },
        Rule("select on a constant", .i64, "parameter 3") { $0.localGet(1).localGet(3).i32Const(0).select() },
    ]

    @Test("Rules", arguments: rules)
    func rule(_ rule: Rule) throws {
        let module = try TranslatedModule {
            $0.memory(1)
            $0.function("f", [.i32, .i64, .i32, .i64, .f32], [rule.result]) { rule.code($0) }
        }
        let function = module.optimized[0]
        let last = try #require(function.instructions.last)
        #expect(last.operation == .return)
        let value = function.lists[Int(last.a)]
        let parts = rule.expected.split(separator: ";").map { $0.trimmingPrefix(" ").description }
        var text = "parameter \(value)"
        if value >= 5 {
            let line = try #require(module.texts[0].split(separator: "\n").first { $0.contains("v\(value) = ") })
            text = String(line.split(separator: "=", maxSplits: 1)[1].dropFirst())
        }
        #expect(text == parts[0].trimmingSuffix(" "))
        if parts.count == 2 {
            // The constant in the rule's operand.
            let constant = try #require(module.texts[0].split(separator: "\n").first { $0.contains("= constant") })
            #expect(constant.hasSuffix(" \(parts[1])"))
        }
    }

    @Test("Equal expressions are computed once where one dominates the other")
    func valueNumbering() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32, .i32], [.i32]) {
                $0.localGet(0).localGet(1).i32Mul()
                $0.localGet(0).if(.value(.i32))
                $0.localGet(1).localGet(0).i32Mul()  // the same
                $0.localGet(0).localGet(1).i32Xor().i32Add()
                $0.else()
                $0.localGet(0).localGet(1).i32Xor()  // not the same: the other arm does not dominate
                $0.end()
                $0.i32Add()
                $0.localGet(0).localGet(1).i32Xor().i32Add()  // nor do the arms dominate the join
                $0.localGet(0).localGet(1).i32Mul().i32Add()
            }
        }
        let operations = module.optimized[0].instructions.map(\.operation)
        #expect(operations.filter { $0 == .multiply }.count == 1)
        #expect(operations.filter { $0 == .xor }.count == 3)
        let (a, b): (UInt64, UInt64) = (6, 5)
        #expect(try module.call(0, a, b) == [a * b + (a * b + (a ^ b)) + (a ^ b) + a * b])
    }

    @Test("What a block computed before its first exit is known after the block")
    func numberingAcrossJoins() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32, .i32], [.i32]) {
                $0.block()
                $0.localGet(0).localGet(1).i32Mul().drop()
                $0.localGet(0).brIf(0)
                $0.localGet(0).localGet(1).i32Xor().drop()
                $0.end()
                $0.localGet(0).localGet(1).i32Mul().localGet(0).localGet(1).i32Xor().i32Add()
            }
        }
        let operations = module.translated[0].instructions.map(\.operation)
        #expect(operations.filter { $0 == .multiply }.count == 1)
        #expect(operations.filter { $0 == .xor }.count == 2)
    }

    @Test("A division that dominates an equal one stands for it; an unused one that may trap stays")
    func divisions() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32, .i32], [.i32]) {
                $0.localGet(0).localGet(1).i32DivS().localGet(0).localGet(1).i32DivS().i32Add()
                $0.localGet(0).localGet(1).i32DivU().drop()
                $0.localGet(0).i32Const(3).i32DivU().drop()
            }
        }
        let operations = module.optimized[0].instructions.map(\.operation)
        #expect(operations.filter { $0 == .divideSigned }.count == 1)
        #expect(operations.filter { $0 == .divideUnsigned }.count == 1)
    }

    @Test("Branches on constants leave one way")
    func constantBranches() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32], [.i32]) {
                $0.i32Const(1).if(.value(.i32)).localGet(0).else().unreachable().end()
                $0.i32Const(0).if().unreachable().end()
                $0.i32Const(0).if().unreachable().else().end()
                $0.block().i32Const(1).brIf(0).unreachable().end()
                $0.block().block().i32Const(1).brTable([1, 0], default: 1).end().unreachable().end()
            }
        }
        #expect(module.optimized[0].blocks.count == 1)
        #expect(throws: InterpreterTrap.trap(.unreachable)) { try module.call(0, 3) }
    }

    @Test("Branches test for zero themselves")
    func branchOnComparison() throws {
        let module = try TranslatedModule {
            $0.function("f", [.i32], [.i32]) {
                $0.localGet(0).i32Eqz().if(.value(.i32)).i32Const(1).else().i32Const(2).end()
            }
        }
        #expect(module.texts[0].contains("branch v0, block2, block1"))
    }

    @Test("A sum that stays in use is not taken apart")
    func frameAddresses() throws {
        let module = try TranslatedModule {
            $0.memory(1)
            let pointer = $0.global(.i32, mutable: true) { $0.i32Const(4096) }
            $0.function("f", locals: [.i32]) {
                $0.globalGet(pointer).i32Const(32).i32Sub().localTee(0).globalSet(pointer)
                $0.localGet(0).i32Const(16).i32Add().localGet(0).i32Store()
                $0.localGet(0).i32Const(32).i32Add().globalSet(pointer)
            }
        }
        let instructions = module.optimized[0].instructions
        let pointer = try #require(instructions.firstIndex { $0.operation == .globalGet })
        #expect(instructions.filter { $0.operation == .add && $0.a == UInt32(pointer) }.count == 1)
        #expect(instructions.filter { $0.operation == .add }.count == 3)
    }

    @Test("Stores drop what only changes bits they do not store")
    func stores() throws {
        let module = try TranslatedModule {
            $0.memory(1)
            $0.function("f", [.i32, .i64]) {
                $0.localGet(0).localGet(0).i32Const(255).i32And().i32Store8()
                $0.localGet(0).localGet(1).i32WrapI64().i32Store()
                $0.localGet(0).localGet(0).i64ExtendI32S().i64Store32()
                $0.localGet(0).localGet(0).i32Const(127).i32And().i32Store8()
            }
        }
        let stores = module.optimized[0].instructions.filter { $0.operation == .store }
        #expect(stores.map(\.b).prefix(3) == [0, 1, 0])
        #expect(stores[3].b > 1)
    }
}

extension StringProtocol {
    fileprivate func trimmingSuffix(_ suffix: Character) -> String {
        var text = String(self)
        while text.last == suffix { text.removeLast() }
        return text
    }
}
