//! The validation rule of every instruction: an instruction is accepted with exactly its operands and yields exactly
//! its results; each special rule has a body that keeps and one that breaks it.

import TestSupport
import Testing
import WasmModule

@Suite struct FunctionValidationTests {
    /// A module with one of everything, and the function under test.
    private func error(
        _ parameters: [ValueType] = [], _ results: [ValueType] = [], locals: [ValueType] = [],
        _ body: (CodeBuilder) -> Void
    ) -> WasmError? {
        var module = WasmBuilder()
        for type in [[ValueType.i32, .i64], [.f32]] { module.type(type, type) }  // Types 0 and 1.
        module.type([], [.i32, .i64])  // 2
        module.type([.i32], [])  // 3
        module.importGlobal("m", "constant", .i32)
        module.global(.f64, mutable: true) { $0.f64Const(0) }
        module.function(type: 0) { $0.localGet(0).localGet(1) }
        let undeclared = module.function(type: 3) { _ in }
        #expect(undeclared == 1)
        module.table(.funcref, 1)
        module.table(.externref, 1)
        module.memory(1)
        module.declaredElement(functions: [0])
        module.passiveElement(.externref, expressions: [])
        module.passiveData([1])
        module.function(nil, parameters, results, locals: locals, body)
        return WasmModuleTests.error(of: module.build())
    }

    private func valid(
        _ parameters: [ValueType] = [], _ results: [ValueType] = [], locals: [ValueType] = [],
        sourceLocation: SourceLocation = #_sourceLocation, _ body: (CodeBuilder) -> Void
    ) {
        let found = error(parameters, results, locals: locals, body)
        #expect(found == nil, sourceLocation: sourceLocation)
    }

    private func invalid(
        _ message: String, _ parameters: [ValueType] = [], _ results: [ValueType] = [], locals: [ValueType] = [],
        sourceLocation: SourceLocation = #_sourceLocation, _ body: (CodeBuilder) -> Void
    ) {
        let found = error(parameters, results, locals: locals, body)
        expect(found, .invalid, message, sourceLocation: sourceLocation)
        #expect(found?.function == 2, sourceLocation: sourceLocation)
    }

    // MARK: Instructions of fixed types

    struct Instruction: Sendable, CustomTestStringConvertible {
        let name: String
        let operands: [ValueType]
        let results: [ValueType]
        let bytes: [UInt8]
        var testDescription: String { name }
    }

    /// Types are derived from the names of the instructions, independently of the validator's table.
    static let instructions: [Instruction] = {
        let named: [String: ValueType] = ["i32": .i32, "i64": .i64, "f32": .f32, "f64": .f64]
        func type(_ name: Substring) -> ValueType { named[name.lowercased()]! }
        let unary: Set<String> = [
            "Clz", "Ctz", "Popcnt", "Abs", "Neg", "Ceil", "Floor", "Trunc", "Nearest", "Sqrt", "Extend8S", "Extend16S",
            "Extend32S",
        ]
        let comparisons = ["Eq", "Ne", "Lt", "Gt", "Le", "Ge"]
        let conversions = ["Wrap", "TruncSat", "TruncF", "ExtendI", "Convert", "Demote", "Promote", "Reinterpret"]
        func instruction(_ name: String, _ bytes: [UInt8]) -> Instruction? {
            guard let own = named[String(name.prefix(3))], name.count > 3 else { return nil }
            let operation = String(name.dropFirst(3))
            let (operands, results): ([ValueType], [ValueType])
            var bytes = bytes
            if operation.hasPrefix("Const") { return nil }
            if operation.hasPrefix("Load") {
                (operands, results) = ([.i32], [own])
                bytes += [0, 0]
            } else if operation.hasPrefix("Store") {
                (operands, results) = ([.i32, own], [])
                bytes += [0, 0]
            } else if operation == "Eqz" {
                (operands, results) = ([own], [.i32])
            } else if conversions.contains(where: operation.hasPrefix) {
                let digits = operation.replacing("TruncSat", with: "").replacing("Trunc", with: "")
                let index = digits.lastIndex(where: { $0 == "I" || $0 == "F" })!
                (operands, results) = ([type(digits[index...].prefix(3))], [own])
            } else if unary.contains(operation) {
                (operands, results) = ([own], [own])
            } else if comparisons.contains(where: { operation == $0 || operation == $0 + "S" || operation == $0 + "U" })
            {
                (operands, results) = ([own, own], [.i32])
            } else {
                (operands, results) = ([own, own], [own])
            }
            return Instruction(name: name, operands: operands, results: results, bytes: bytes)
        }
        return Opcode.allCases.compactMap { instruction("\($0)", [$0.rawValue]) }
            + PrefixedOpcodeFC.allCases.compactMap { instruction("\($0)", [0xFC, UInt8($0.rawValue)]) }
    }()

    @Test func thereAreAllInstructionsOfFixedTypes() {
        // 23 loads and stores, 123 numeric, 5 sign extensions, 8 saturating conversions.
        #expect(Self.instructions.count == 23 + 123 + 5 + 8)
    }

    @Test(arguments: instructions)
    func fixedTypes(_ instruction: Instruction) {
        func body(_ operands: [ValueType]) -> (CodeBuilder) -> Void {
            { code in
                for operand in operands { code.const(operand, bits: 1) }
                code.append(instruction.bytes)
            }
        }
        #expect(error([], instruction.results, body(instruction.operands)) == nil)
        // One operand fewer.
        expect(
            error([], instruction.results, body(Array(instruction.operands.dropFirst()))), .invalid, "type mismatch")
        // Any operand of another type.
        for (index, operand) in instruction.operands.enumerated() {
            for other in [ValueType.i32, .i64, .f32, .f64, .funcref] where other != operand {
                var operands = instruction.operands
                operands[index] = other
                expect(error([], instruction.results, body(operands)), .invalid, "type mismatch")
            }
        }
        // Another result.
        for other in [[ValueType.i32], [.i64], [.f32], [.f64], [], [.i32, .i32]] where other != instruction.results {
            expect(error([], other, body(instruction.operands)), .invalid, "type mismatch")
        }
    }

    @Test func alignment() {
        let natural: [(Opcode, UInt32)] = [
            (.i32Load, 2), (.i64Load, 3), (.f32Load, 2), (.f64Load, 3), (.i32Load8S, 0), (.i32Load16U, 1),
            (.i64Load8U, 0),
            (.i64Load16S, 1), (.i64Load32U, 2),
        ]
        for (opcode, align) in natural {
            for align in 0...align { valid { $0.i32Const(0).op(opcode).u32(align).u32(7).drop() } }
            invalid("alignment must not be larger than natural") {
                $0.i32Const(0).op(opcode).u32(align + 1).u32(0).drop()
            }
        }
        valid { $0.i32Const(0).i32Load(offset: .max).drop() }
        // Offsets are 64-bit integers in the format, and an explicit memory index may be given.
        valid { $0.i32Const(0).op(.i32Load).u32(2).append(LEB128.unsigned(5, paddedTo: 10)).drop() }
        valid { $0.i32Const(0).op(.i32Load).u32(0x42).u32(0).u32(5).drop() }
        invalid("unknown memory 1") { $0.i32Const(0).op(.i32Load).u32(0x42).u32(1).u32(5).drop() }
        invalid("offset out of range") { $0.i32Const(0).op(.i32Load).u32(2).append(LEB128.unsigned(1 << 32)).drop() }
    }

    @Test func memoryInstructionsNeedAMemory() {
        let bodies: [(CodeBuilder) -> Void] = [
            { $0.i32Const(0).i32Load().drop() }, { $0.i32Const(0).i32Const(0).i32Store8() }, { $0.memorySize().drop() },
            { $0.i32Const(0).memoryGrow().drop() }, { $0.i32Const(0).i32Const(0).i32Const(0).memoryCopy() },
            { $0.i32Const(0).i32Const(0).i32Const(0).memoryFill() },
        ]
        for body in bodies {
            expect(WasmModuleTests.error { $0.function { body($0) } }, .invalid, "unknown memory 0")
            valid { body($0) }
        }
    }

    // MARK: Control

    @Test func blocks() {
        valid([], [.i32]) { $0.block(.value(.i32)) { $0.i32Const(1) } }
        valid([], [.i32, .i64]) { $0.block(.function(typeIndex: 2)) { $0.i32Const(1).i64Const(2) } }
        valid([], [.i32, .i64]) { $0.i32Const(1).i64Const(2).block(.function(typeIndex: 0)) { $0.nop() } }
        valid { $0.loop { $0.br(0) } }
        invalid("type mismatch") { $0.block(.value(.i32)) { _ in }.drop() }
        invalid("type mismatch") { $0.block { $0.i32Const(1) } }
        invalid("type mismatch") { $0.i32Const(1).block(.function(typeIndex: 0)) { $0.drop().drop() } }
        // A block does not see the operands around it.
        invalid("type mismatch") { $0.i32Const(1).block { $0.drop() }.drop() }
        invalid("unknown type 99") { $0.block(.function(typeIndex: 99)) { _ in } }
        invalid("type mismatch", [], [.i32]) { _ in }
        invalid("type mismatch") { $0.i32Const(0) }
    }

    @Test func ifs() {
        valid { $0.i32Const(0).if(then: { $0.nop() }) }
        valid([], [.i32]) { $0.i32Const(0).if(.value(.i32), then: { $0.i32Const(1) }, else: { $0.i32Const(2) }) }
        valid([], [.f32]) { $0.f32Const(0).i32Const(0).if(.function(typeIndex: 1), then: { $0.f32Neg() }) }
        invalid("type mismatch", [], [.i32]) { $0.i32Const(0).if(.value(.i32), then: { $0.i32Const(1) }) }
        invalid("type mismatch") { $0.if(then: { _ in }) }
        invalid("type mismatch") { $0.i64Const(0).if(then: { _ in }) }
        invalid("type mismatch", [], [.i32]) {
            $0.i32Const(0).if(.value(.i32), then: { $0.i32Const(1) }, else: { $0.i64Const(2) })
        }
        invalid("type mismatch", [], [.i32]) {
            $0.i32Const(0).if(.value(.i32), then: { $0.i64Const(1) }, else: { $0.i32Const(2) })
        }
    }

    @Test func branches() {
        valid([], [.i32]) { $0.i32Const(7).br(0) }
        valid([], [.i32]) { $0.block(.value(.i32)) { $0.i32Const(1).i32Const(0).brIf(0) } }
        valid { $0.block { $0.block { $0.i32Const(0).brTable([0, 1], default: 2) } } }
        // A branch to a loop carries its parameters, not its results.
        valid([], [.f32]) { $0.f32Const(0).loop(.function(typeIndex: 1)) { $0.br(0) } }
        valid([], [.i32, .i64]) { $0.loop(.function(typeIndex: 2)) { $0.br(0) } }
        invalid("unknown label 1") { $0.br(1) }
        invalid("unknown label 2") { $0.block { $0.i32Const(0).brIf(2) } }
        invalid("unknown label 9") { $0.i32Const(0).brTable([0], default: 9) }
        invalid("unknown label 9") { $0.i32Const(0).brTable([0, 9], default: 0) }
        invalid("type mismatch", [], [.i32]) { $0.br(0) }
        invalid("type mismatch", [], [.i32]) { $0.i64Const(0).br(0) }
        invalid("type mismatch", [], [.i32]) { $0.i32Const(0).i64Const(0).brIf(0) }
        invalid("type mismatch") { $0.i64Const(0).brTable([], default: 0) }
    }

    @Test func branchTablesAgree() {
        valid([], [.i32]) { $0.block(.value(.i32)) { $0.i32Const(1).i32Const(0).brTable([0, 1, 0], default: 1) } }
        invalid("type mismatch", [], [.i32]) {
            $0.block { $0.i32Const(1).i32Const(0).brTable([0], default: 1) }.i32Const(0)
        }
        invalid("type mismatch", [], [.i32]) {
            $0.block(.value(.i64)) { $0.i32Const(1).i32Const(0).brTable([1], default: 0) }.drop().i32Const(0)
        }
        // Arities must agree even where nothing is reached, types need not.
        invalid("type mismatch", [], [.i32]) {
            $0.block { $0.unreachable().brTable([0], default: 1) }.i32Const(0)
        }
        valid([], [.i32]) {
            $0.block(.value(.i64)) { $0.unreachable().brTable([0], default: 1) }.drop().i32Const(0)
        }
    }

    @Test func returnsAndCalls() {
        valid([], [.i32]) { $0.i64Const(0).i32Const(1).return() }
        invalid("type mismatch", [], [.i32]) { $0.i64Const(1).return() }
        valid([], [.i32, .i64]) { $0.i32Const(1).i64Const(2).call(0) }
        invalid("type mismatch", [], [.i32, .i64]) { $0.i64Const(1).i64Const(2).call(0) }
        invalid("type mismatch", [], [.i32, .i64]) { $0.i64Const(2).call(0) }
        invalid("unknown function 3") { $0.call(3) }
        valid { $0.i32Const(1).i32Const(0).callIndirect(type: 3) }
        invalid("type mismatch") { $0.i32Const(0).callIndirect(type: 3) }
        invalid("type mismatch") { $0.i32Const(1).i64Const(0).callIndirect(type: 3) }
        invalid("type mismatch") { $0.i32Const(1).i32Const(0).callIndirect(type: 3, table: 1) }
        invalid("unknown table 2") { $0.i32Const(1).i32Const(0).callIndirect(type: 3, table: 2) }
        invalid("unknown type 77") { $0.i32Const(1).i32Const(0).callIndirect(type: 77) }
    }

    // MARK: Unreachable code

    @Test func unreachableCodeIsPolymorphic() {
        valid([], [.i32]) { $0.unreachable() }
        valid([], [.i32]) { $0.unreachable().i32Add() }
        valid([], [.i64]) { $0.unreachable().select() }
        valid([], [.f32]) { $0.unreachable().f32Const(0).i32Const(0).select() }
        valid([], [.i32]) { $0.br(0, after: { $0.i32Const(0) }).i32Eqz() }
        valid([.i32], [.i32]) { $0.localGet(0).return().refIsNull() }
        valid { $0.unreachable().drop().drop() }
        valid([], [.i32, .i64]) { $0.unreachable().i64Const(0).call(0) }
        valid([], [.i32]) { $0.unreachable().block(.function(typeIndex: 0)) { $0.nop() }.drop() }
        // Results of a conditional branch have the types of the label.
        invalid("type mismatch", [], [.i32]) {
            $0.block(.value(.i64)) { $0.unreachable().brIf(0).drop().i64Const(0) }
        }
        // What is really on the stack still counts.
        invalid("type mismatch", [], [.i32]) { $0.unreachable().i64Const(0) }
        invalid("type mismatch") { $0.unreachable().i64Const(0).i32Eqz().drop() }
        invalid("type mismatch") { $0.unreachable().i32Const(0) }
        invalid("type mismatch", [], [.i32]) { $0.unreachable().i64Const(0).i32Const(0).i32Add() }
        // Only the rest of the same block is unreachable.
        invalid("type mismatch") { $0.block { $0.unreachable() }.drop() }
        invalid("type mismatch", [], [.i32]) {
            $0.i32Const(0).if(.value(.i32), then: { $0.unreachable() }, else: { $0.nop() })
        }
        // Indices are checked everywhere.
        invalid("unknown local 5") { $0.unreachable().localGet(5) }
        invalid("unknown label 5") { $0.unreachable().br(5) }
    }

    // MARK: Parametric, variables

    @Test func select() {
        for type in [ValueType.i32, .i64, .f32, .f64] {
            valid([type, type], [type]) { $0.localGet(0).localGet(1).i32Const(0).select() }
        }
        valid([.funcref], [.funcref]) { $0.localGet(0).localGet(0).i32Const(0).select([.funcref]) }
        invalid("type mismatch", [.funcref], [.funcref]) { $0.localGet(0).localGet(0).i32Const(0).select() }
        invalid("type mismatch") { $0.i32Const(0).i64Const(0).i32Const(0).select().drop() }
        invalid("type mismatch") { $0.i32Const(0).i32Const(0).i64Const(0).select().drop() }
        invalid("type mismatch") { $0.i32Const(0).i32Const(0).i32Const(0).select([.i64]).drop() }
        invalid("invalid result arity") { $0.i32Const(0).i32Const(0).i32Const(0).select([]).drop() }
        invalid("invalid result arity") { $0.i32Const(0).i32Const(0).i32Const(0).select([.i32, .i32]).drop() }
        valid { $0.i32Const(0).drop() }
        invalid("type mismatch") { $0.drop() }
    }

    @Test func locals() {
        valid([.i32], [.f64], locals: [.i64, .f64, .f64]) { $0.localGet(3) }
        valid([.i32], [.i32], locals: [.i32]) { $0.localGet(0).localTee(1).localSet(0).localGet(1) }
        invalid("unknown local 2", [.i32], locals: [.i64]) { $0.localGet(2).drop() }
        invalid("unknown local 0") { $0.i32Const(0).localSet(0) }
        invalid("type mismatch", locals: [.i64]) { $0.i32Const(0).localSet(0) }
        invalid("type mismatch", locals: [.i64]) { $0.i32Const(0).localTee(0).drop() }
        invalid("type mismatch", locals: [.i64]) { $0.localSet(0) }
    }

    /// Locals that a short body cannot have expanded are found in their runs.
    @Test func manyLocals() throws {
        func module(_ index: UInt32, _ type: ValueType) -> [UInt8] {
            var module = WasmBuilder()
            module.function(
                type: module.type([.f32], [type]),
                localRuns: [(0, .f64), (20_000, .i32), (0, .f32), (1, .i64), (20_000, .f64), (9_998, .externref)]
            ) { $0.localGet(index) }
            return module.build()
        }
        let types: [(UInt32, ValueType)] = [
            (0, .f32), (1, .i32), (20_000, .i32), (20_001, .i64), (20_002, .f64), (40_001, .f64), (40_002, .externref),
            (49_999, .externref),
        ]
        for (index, type) in types {
            #expect(WasmModuleTests.error(of: module(index, type)) == nil, "local \(index)")
            let other = type == .i32 ? ValueType.i64 : .i32
            expect(WasmModuleTests.error(of: module(index, other)), .invalid, "type mismatch")
        }
        expect(WasmModuleTests.error(of: module(50_000, .i32)), .invalid, "unknown local 50000")
        let decoded = try validate(module(0, .f32))
        var runs: [LocalRun] = []
        decoded.forEachLocalRun(body: 0) { runs.append($0) }
        #expect(runs.map(\.count) == [0, 20_000, 0, 1, 20_000, 9_998])
        #expect(runs.map(\.type) == [.f64, .i32, .f32, .i64, .f64, .externref])
    }

    @Test func globals() {
        valid([], [.i32]) { $0.globalGet(0) }
        valid { $0.globalGet(1).globalSet(1) }
        invalid("immutable global") { $0.i32Const(0).globalSet(0) }
        invalid("type mismatch") { $0.i32Const(0).globalSet(1) }
        invalid("unknown global 2") { $0.globalGet(2).drop() }
        invalid("unknown global 2") { $0.i32Const(0).globalSet(2) }
    }

    // MARK: References, tables, bulk memory

    @Test func references() {
        valid([], [.funcref]) { $0.refNull(.funcref) }
        valid([], [.funcref]) { $0.refFunc(0) }
        valid([.externref], [.i32]) { $0.localGet(0).refIsNull() }
        invalid("type mismatch", [], [.i32]) { $0.i32Const(0).refIsNull() }
        invalid("type mismatch", [], [.i32]) { $0.refIsNull() }
        invalid("type mismatch", [], [.externref]) { $0.refNull(.funcref) }
        invalid("undeclared function reference") { $0.refFunc(1).drop() }
        invalid("unknown function 9") { $0.refFunc(9).drop() }
    }

    @Test func tables() {
        valid([.externref]) { $0.i32Const(0).localGet(0).tableSet(1) }
        valid([], [.funcref]) { $0.i32Const(0).tableGet(0) }
        valid([], [.i32]) { $0.tableSize(1) }
        valid([], [.i32]) { $0.refNull(.externref).i32Const(1).tableGrow(1) }
        valid { $0.i32Const(0).refNull(.funcref).i32Const(1).tableFill(0) }
        valid { $0.i32Const(0).i32Const(0).i32Const(0).tableCopy(to: 1, from: 1) }
        valid { $0.i32Const(0).i32Const(0).i32Const(0).tableInit(element: 1, table: 1) }
        valid { $0.elemDrop(1) }
        invalid("type mismatch", [.externref]) { $0.i32Const(0).localGet(0).tableSet(0) }
        invalid("type mismatch", [], [.externref]) { $0.i32Const(0).tableGet(0) }
        invalid("type mismatch", [], [.i32]) { $0.refNull(.funcref).i32Const(1).tableGrow(1) }
        invalid("type mismatch") { $0.i32Const(0).refNull(.externref).i32Const(1).tableFill(0) }
        invalid("type mismatch") { $0.i32Const(0).i32Const(0).i32Const(0).tableCopy(to: 0, from: 1) }
        invalid("type mismatch") { $0.i32Const(0).i32Const(0).i32Const(0).tableInit(element: 1, table: 0) }
        invalid("type mismatch") { $0.i32Const(0).i64Const(0).i32Const(0).tableCopy() }
        for body: (CodeBuilder) -> Void in [
            { $0.i32Const(0).tableGet(2) }, { $0.i32Const(0).refNull(.funcref).tableSet(2) }, { $0.tableSize(2) },
            { $0.refNull(.funcref).i32Const(0).tableGrow(2) },
            { $0.i32Const(0).refNull(.funcref).i32Const(1).tableFill(2) },
            { $0.i32Const(0).i32Const(0).i32Const(0).tableCopy(to: 2, from: 0) },
            { $0.i32Const(0).i32Const(0).i32Const(0).tableCopy(to: 0, from: 2) },
            { $0.i32Const(0).i32Const(0).i32Const(0).tableInit(element: 0, table: 2) },
        ] { invalid("unknown table 2") { body($0) } }
        invalid("unknown elem segment 2") { $0.i32Const(0).i32Const(0).i32Const(0).tableInit(element: 2) }
        invalid("unknown elem segment 2") { $0.elemDrop(2) }
    }

    @Test func bulkMemory() {
        valid { $0.i32Const(0).i32Const(0).i32Const(0).memoryInit(data: 0) }
        valid { $0.dataDrop(0) }
        valid { $0.i32Const(0).i32Const(0).i32Const(0).memoryCopy() }
        valid { $0.i32Const(0).i32Const(0).i32Const(0).memoryFill() }
        valid([], [.i32]) { $0.i32Const(1).memoryGrow() }
        invalid("unknown data segment 1") { $0.i32Const(0).i32Const(0).i32Const(0).memoryInit(data: 1) }
        invalid("unknown data segment 1") { $0.dataDrop(1) }
        invalid("unknown memory 1") { $0.memorySize(memory: 1).drop() }
        invalid("type mismatch") { $0.i64Const(1).memoryGrow().drop() }
        for wrong in 0..<3 {
            for instruction: (CodeBuilder) -> Void in [
                { $0.memoryInit(data: 0) }, { $0.memoryCopy() }, { $0.memoryFill() },
            ] {
                invalid("type mismatch") { code in
                    for operand in 0..<3 { code.const(operand == wrong ? .i64 : .i32, bits: 0) }
                    instruction(code)
                }
            }
        }
    }

    // MARK: Errors and reuse

    @Test func errorsNameTheFunction() {
        let found = WasmModuleTests.error {
            $0.importFunction("m", "f")
            $0.function()
            $0.name(function: $0.function { $0.i32Add() }, "culprit")
        }
        #expect(found?.function == 2)
        #expect(found?.functionName == "culprit")
        #expect(found?.description.contains("in function 2 (culprit): type mismatch") == true)
    }

    @Test func aValidatorSurvivesBadBodies() throws {
        var builder = WasmBuilder()
        builder.function(nil, [], [.i32]) { $0.i32Const(1) }
        builder.function { $0.block { $0.loop { $0.i32Const(0).i32Const(1).unreachable().i64Const(1) } } }
        builder.function(nil, [.i64], [.i64], locals: [.f32]) { $0.localGet(0) }
        let module = try DecodedModule(decoding: builder.build())
        var validator = FunctionValidator(module: module)
        for _ in 0..<3 {
            try validator.validate(body: 0)
            var failed = false
            do throws(WasmError) { try validator.validate(body: 1) } catch { failed = error.function == 1 }
            #expect(failed)
            try validator.validate(body: 2)
        }
    }
}

extension CodeBuilder {
    fileprivate func br(_ label: UInt32, after operands: (CodeBuilder) -> Void) -> CodeBuilder {
        operands(self)
        return br(label)
    }
}
