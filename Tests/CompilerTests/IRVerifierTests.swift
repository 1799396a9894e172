//! The verifier finds what it claims to find: a sound function is damaged in one place, and the damage is named.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("IR: verifier")
struct IRVerifierTests {
    /// A loop that adds up words of memory and calls another function.
    private func makeSample() throws -> (ModuleContext, TranslatorResult) {
        var builder = WasmBuilder()
        builder.memory(1)
        builder.global(.i64, mutable: false) { $0.i64Const(1) }
        let helper = builder.function("helper", [.i32], [.i32, .i64]) { $0.localGet(0).i64Const(7) }
        builder.function("sample", [.i32], [.i64], locals: [.i32, .i64]) {
            $0.loop()
            $0.localGet(1).i32Load().call(helper).localGet(2).i64Add().localSet(2)
            $0.localGet(1).i32Add().localTee(1).localGet(0).i32LtU().brIf(0)
            $0.end().localGet(2)
        }
        let module = try DecodedModule(decoding: builder.build())
        try module.validateBodies()
        let context = ModuleContext(module)
        let result = TranslatorResult()
        var translator = FunctionTranslator()
        try translator.translate(body: 1, of: context, into: &result.function)
        return (context, result)
    }

    /// Holds a function, so that it can be returned.
    private final class TranslatorResult { var function = IRFunction() }

    struct Damage: CustomTestStringConvertible, Sendable {
        let name: String
        /// Part of the verifier's message.
        let message: String
        let apply: @Sendable (inout IRFunction) -> Void
        init(_ name: String, _ message: String, _ apply: @escaping @Sendable (inout IRFunction) -> Void) {
            self.name = name
            self.message = message
            self.apply = apply
        }
        var testDescription: String { name }
    }

    private static func first(_ operation: Operation, in function: borrowing IRFunction) -> Int {
        for id in 0..<function.instructions.count where function.instructions[id].operation == operation { return id }
        preconditionFailure("no \(operation) in the sample")
    }

    static let damages: [Damage] = [
        Damage("a gap between blocks", "begins at") { $0.blocks[1].first += 1 },
        Damage("a block that ends late", "ends at") { $0.blocks[$0.blocks.count - 1].end += 1 },
        Damage("a terminator within a block", "jump at") {
            $0.instructions[first(.load, in: $0)] = $0.instructions[first(.jump, in: $0)]
        },
        Damage("no terminator", "add at") { $0.instructions[$0.instructions.count - 1].operation = .add },
        Damage("a parameter of another block", "is not parameter") { $0.instructions[Int($0.blocks[1].first)].a = 0 },
        Damage("a parameter too many", "v") { $0.blocks[1].parameterCount += 1 },
        Damage("a function type that is not there", "type index") { $0.typeIndex = 2 },
        Damage("the wrong function type", "return") { $0.typeIndex = 0 },
        Damage("an operand that comes later", "does not dominate") {
            let load = first(.load, in: $0)
            $0.instructions[load].a = UInt32(first(.call, in: $0))
        },
        Damage("an operand of the wrong type", "integerCompare") {
            $0.instructions[first(.integerCompare, in: $0)].b = UInt32(first(.result, in: $0))
        },
        Damage("an operand without a value", "has no value") {
            $0.instructions[first(.load, in: $0)].a = UInt32(first(.jump, in: $0))
        },
        Damage("a wrong result type", "add.f32") { $0.instructions[first(.add, in: $0)].type = .f32 },
        Damage("a callee that is not there", "call") { $0.instructions[first(.call, in: $0)].a = 9 },
        Damage("a call of the wrong type", "call") { $0.instructions[first(.call, in: $0)].d = 1 },
        Damage("a missing argument", "arguments") { $0.instructions[first(.call, in: $0)].c = 0 },
        Damage("a result too far", "result 2") { $0.instructions[first(.result, in: $0)].b = 2 },
        Damage("a memory that is not there", "load") { $0.instructions[first(.load, in: $0)].c = 1 },
        Damage("an access that does not exist", "access") { $0.instructions[first(.load, in: $0)].flags = 99 },
        Damage("an access of another type", "as i32") {
            $0.instructions[first(.load, in: $0)].flags = MemoryAccess.float64.rawValue
        },
        Damage("a condition that does not exist", "condition") {
            $0.instructions[first(.integerCompare, in: $0)].flags = 99
        },
        Damage("high bits in an i32", "high bits") {
            $0.instructions[first(.integerConstant, in: $0)] = IRInstruction(
                operation: .integerConstant, type: .i32, b: 1)
        },
        Damage("a list beyond the end", "list") { $0.instructions[first(.return, in: $0)].b = 1000 },
        Damage("a wrong number of results", "return") { $0.instructions[first(.return, in: $0)].b = 0 },
        Damage("an edge out of range", "leaves over edge") { $0.instructions[first(.jump, in: $0)].a = 77 },
        Damage("an edge used twice", "used 2 times") {
            let branch = first(.branch, in: $0)
            $0.instructions[branch].b = $0.instructions[branch].c
        },
        Damage("an edge to the entry", "to block0") { $0.edges[0].target = 0 },
        Damage("too few arguments", "arguments") { $0.edges[0].argumentCount -= 1 },
        Damage("an argument of the wrong type", "argument 0") {
            let edge = $0.edges[0]
            $0.lists[edge.firstArgument] = $0.lists[edge.firstArgument + 1]
        },
        Damage("a back edge to what is no loop", "no loop header") { $0.blocks[1].isLoopHeader = false },
        Damage("a loop header without a back edge", "isLoopHeader") { $0.blocks[2].isLoopHeader = true },
        Damage("a source offset missing", "source offsets") { $0.sourceOffsets.popLast() },
    ]

    @Test("Damage is found", arguments: damages)
    func damage(_ damage: Damage) throws {
        let (context, sample) = try makeSample()
        #expect(IRVerifier.violations(sample.function, in: context) == [])
        damage.apply(&sample.function)
        let violations = IRVerifier.violations(sample.function, in: context)
        #expect(violations.contains { $0.contains(damage.message) }, "\(violations)")
    }

    @Test("Wrong use counts are found")
    func useCounts() throws {
        let (context, sample) = try makeSample()
        var elimination = DeadCodeElimination()
        elimination.run(on: &sample.function, in: context)
        #expect(IRVerifier.violations(sample.function, in: context) == [])
        sample.function.useCounts[Self.first(.load, in: sample.function)] += 1
        #expect(IRVerifier.violations(sample.function, in: context).contains { $0.contains("uses, counted") })
    }

    @Test("A value from one arm does not dominate the other, nor the join")
    func dominance() throws {
        var builder = WasmBuilder()
        builder.function("f", [.i32, .i32], [.i32]) {
            $0.localGet(0).if(.value(.i32)).localGet(0).localGet(1).i32Mul().else().localGet(0).localGet(1).i32Xor()
                .end()
            $0.localGet(1).i32Add()
        }
        let context = ModuleContext(try DecodedModule(decoding: builder.build()))
        var translator = FunctionTranslator()
        var function = IRFunction()
        try translator.translate(body: 0, of: context, into: &function)
        let product = UInt32(Self.first(.multiply, in: function))
        let xor = Self.first(.xor, in: function)
        let original = function.instructions[xor].a
        function.instructions[xor].a = product
        #expect(IRVerifier.violations(function, in: context).contains { $0.contains("does not dominate") })
        function.instructions[xor].a = original
        function.instructions[Self.first(.add, in: function)].a = product
        #expect(IRVerifier.violations(function, in: context).contains { $0.contains("does not dominate") })
    }
}
