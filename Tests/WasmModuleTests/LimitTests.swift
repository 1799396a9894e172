//! Every implementation limit: a module at the limit is accepted, one past it is refused with `.limitExceeded`.
//!
//! Limits are lowered to keep the modules small; `defaults` pins the documented values.

import TestSupport
import Testing
import WasmModule

@Suite struct LimitTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let limit: any WritableKeyPath<ImplementationLimits, Int> & Sendable
        let value: Int
        let message: String
        /// Builds a module that uses so much of what is limited.
        let build: @Sendable (Int) -> [UInt8]
        var testDescription: String { name }

        init(
            _ name: String, _ limit: any WritableKeyPath<ImplementationLimits, Int> & Sendable, _ value: Int = 5,
            _ message: String = "too many", _ build: @escaping @Sendable (inout WasmBuilder, Int) -> Void
        ) {
            self.name = name
            self.limit = limit
            self.value = value
            self.message = message
            self.build = { count in
                var module = WasmBuilder()
                build(&module, count)
                return module.build()
            }
        }
    }

    static let cases: [Case] = [
        Case("types", \.types) { for _ in 0..<$1 { $0.addType([], []) } },
        Case("parameters", \.parameters) { $0.type([ValueType](repeating: .i32, count: $1), []) },
        Case("results", \.results) { $0.type([], [ValueType](repeating: .i32, count: $1)) },
        Case("functions, defined", \.functions) { for _ in 0..<$1 { $0.function() } },
        Case("functions, imported and defined", \.functions) {
            $0.importFunction("m", "f")
            for _ in 1..<$1 { $0.function() }
        },
        Case("imports", \.imports) { for _ in 0..<$1 { $0.importGlobal("m", "g", .i32) } },
        Case("exports", \.exports) {
            let function = $0.function()
            for index in 0..<$1 { $0.export("\(index)", .function, function) }
        },
        Case("globals, defined", \.globals) { for _ in 0..<$1 { $0.global(.i32) { $0.i32Const(0) } } },
        Case("globals, imported and defined", \.globals) {
            $0.importGlobal("m", "g", .i32)
            for _ in 1..<$1 { $0.global(.i32) { $0.i32Const(0) } }
        },
        Case("tables, defined", \.tables) { for _ in 0..<$1 { $0.table(.funcref, 0) } },
        Case("tables, imported and defined", \.tables) {
            $0.importTable("m", "t", .funcref, 0)
            for _ in 1..<$1 { $0.table(.funcref, 0) }
        },
        Case("memories, defined", \.memories) { for _ in 0..<$1 { $0.memory(0) } },
        Case("memories, imported and defined", \.memories) {
            $0.importMemory("m", "m", 0)
            for _ in 1..<$1 { $0.memory(0) }
        },
        Case("memory pages", \.memoryPages, 7, "memory of 8 pages") { $0.memory(UInt32($1)) },
        Case("maximum memory pages", \.memoryPages, 7, "memory of 8 pages") { $0.memory(0, max: UInt32($1)) },
        Case("element segments", \.elementSegments) { for _ in 0..<$1 { $0.passiveElement(functions: []) } },
        Case("element items of one segment", \.elementItems) {
            let function = $0.function()
            $0.passiveElement(functions: [UInt32](repeating: function, count: $1))
        },
        Case("element items of all segments", \.elementItems) {
            let function = $0.function()
            for _ in 0..<$1 { $0.passiveElement(functions: [function]) }
        },
        Case("data segments", \.dataSegments) { for _ in 0..<$1 { $0.passiveData([]) } },
        Case("function body size", \.functionBodySize, 50, "function body of 51 bytes") {
            let nops = $1 - 2
            $0.function { for _ in 0..<nops { $0.nop() } }
        },
        Case("locals", \.locals) { $0.function(locals: [ValueType](repeating: .i32, count: $1)) },
        Case("locals, parameters included", \.locals, 2000) {
            let type = $0.type([.i64, .i64], [])
            $0.function(type: type, localRuns: [(UInt32($1) - 3, .i32), (1, .f32)]) { _ in }
        },
        Case("control depth", \.controlDepth, 5, "nesting too deep") {
            let depth = $1 - 1
            $0.function {
                for _ in 0..<depth { $0.block() }
                for _ in 0..<depth { $0.end() }
            }
        },
        Case("control depth, deep", \.controlDepth, 3000, "nesting too deep") {
            let depth = $1 - 1
            $0.function {
                for _ in 0..<depth { $0.loop() }
                for _ in 0..<depth { $0.end() }
            }
        },
        Case("operand depth", \.operandDepth, 5, "operand stack too deep") {
            let depth = $1
            $0.function {
                for _ in 0..<depth { $0.i32Const(0) }
                for _ in 0..<depth { $0.drop() }
            }
        },
        Case("operand depth by calls", \.operandDepth, 100_000, "operand stack too deep") {
            let function = $0.importFunction("m", "f", [], [ValueType](repeating: .i64, count: 1000))
            let extra = $1 - 100_000
            $0.function {
                for _ in 0..<100 { $0.call(function) }
                for _ in 0..<extra { $0.i32Const(0) }
                $0.unreachable()
            }
        },
        Case("constant expression", \.constantExpressionInstructions, 8, "constant expression too long") {
            // A constant, additions of two instructions each, the end: one more than 8 means one addition more.
            let additions = ($1 - 1) / 2
            $0.global(.i32) {
                $0.i32Const(0)
                for _ in 0..<additions { $0.i32Const(1).i32Add() }
            }
        },
        Case("name size", \.nameSize, 9, "name too long") {
            $0.importGlobal("m", String(repeating: "x", count: $1), .i32)
        },
        Case("custom sections", \.customSections) { for _ in 0..<$1 { $0.customSection("c", []) } },
    ]

    @Test(arguments: cases)
    func isEnforced(_ test: Case) {
        var limits = ImplementationLimits()
        limits[keyPath: test.limit] = test.value
        #expect(error(of: test.build(test.value), limits: limits) == nil)
        expect(error(of: test.build(test.value + 1), limits: limits), .limitExceeded, test.message)
        #expect(error(of: test.build(test.value + 1)) == nil)
    }

    @Test func moduleSize() throws {
        let bytes = CodeBuilder.code { $0.append(WasmBuilder.header).append(WasmBuilder.section(0, [1, 0x78])) }
        var limits = ImplementationLimits()
        limits.moduleSize = bytes.count
        try validate(bytes, limits: limits)
        limits.moduleSize -= 1
        expect(error(of: bytes, limits: limits), .limitExceeded, "module of 12 bytes")
    }

    @Test func defaults() {
        let limits = ImplementationLimits.default
        #expect(limits.moduleSize == 1 << 30)
        #expect(limits.types == 1_000_000 && limits.functions == 1_000_000)
        #expect(limits.parameters == 1000 && limits.results == 1000)
        #expect(limits.imports == 100_000 && limits.exports == 100_000 && limits.globals == 100_000)
        #expect(limits.dataSegments == 100_000 && limits.elementSegments == 100_000)
        #expect(limits.tables == 1000 && limits.memories == 100 && limits.elementItems == 10_000_000)
        #expect(limits.functionBodySize == 7_654_321 && limits.locals == 50_000)
        #expect(limits.memoryPages == 65_536)
    }

    /// A few bytes that claim a lot get nothing for it: the count is refused before memory is reserved.
    @Test func countsBeyondTheBytesAreRefused() {
        for id: UInt8 in [1, 2, 3, 4, 5, 6, 7, 9, 11] {
            for count: UInt64 in [1_000, 90_000, UInt64(UInt32.max)] {
                let found = error(of: WasmBuilder.raw(WasmBuilder.section(id, LEB128.unsigned(count) + [0, 0])))
                expect(found, .malformed, "length out of bounds", at: 10)
            }
        }
        expect(
            error(of: WasmBuilder.raw(WasmBuilder.section(10, LEB128.unsigned(1 << 31)))), .malformed,
            "length out of bounds")
    }

    /// A branch table that names one label a million times costs one check of its thousand values, not a million.
    @Test func hostileBranchTables() throws {
        try validate { module in
            let many = [ValueType](repeating: .i64, count: 1000)
            let source = module.importFunction("m", "f", [], many)
            module.function(nil, [], many) { code in
                code.call(source).i32Const(0).brTable([UInt32](repeating: 0, count: 2_000_000), default: 0)
            }
        }
    }
}
