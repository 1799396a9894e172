//! The validation rules outside of function bodies, each with a module that keeps and one that breaks it.

import TestSupport
import Testing
import WasmModule

@Suite struct ModuleValidationTests {
    @Test func types() throws {
        let module = try validate {
            $0.addType([.i32], [.i64])
            $0.addType([], [])
            $0.addType([.i32], [.i64])
            $0.function(type: 1) { _ in }
        }
        #expect(module.canonicalTypeIndices == [0, 1, 0])
        #expect(module.functionType(0) == FunctionType())
        expect(error { $0.function(type: 3) { _ in } }, .invalid, "unknown type 3")
        expect(error { $0.importFunction("m", "f", type: 1) }, .invalid, "unknown type 1")
    }

    @Test func importsFillTheIndexSpacesFirst() throws {
        let module = try validate {
            $0.importFunction("env", "f", [.i32], [])
            $0.importTable("env", "t", .externref, 1, max: 3)
            $0.importMemory("env", "m", 1, max: 2)
            $0.importGlobal("env", "g", .f64, mutable: true)
            let function = $0.function("own")
            $0.table(.funcref, 7, export: "table")
            $0.global(.i32) { $0.i32Const(5) }
            #expect(function == 1)
        }
        #expect(module.importedFunctionCount == 1 && module.importedTableCount == 1)
        #expect(module.importedMemoryCount == 1 && module.importedGlobalCount == 1)
        #expect(module.functions.count == 2 && module.bodies.count == 1)
        #expect(module.tables.map(\.element) == [.externref, .funcref])
        #expect(module.memories == [MemoryType(limits: Limits(minimum: 1, maximum: 2))])
        #expect(module.globals.map(\.isMutable) == [true, false])
        #expect(
            module.imports[1].type == .table(TableType(element: .externref, limits: Limits(minimum: 1, maximum: 3))))
        #expect(module.exports.map(\.index) == [1, 1])
        #expect(module.globalInitializers == [ConstantExpression([.i32(5)])])
    }

    @Test func memories() throws {
        try validate { $0.memory(65_536, max: 65_536) }
        expect(error { $0.memory(65_537) }, .invalid, "memory size")
        expect(error { $0.memory(0, max: 65_537) }, .invalid, "memory size")
        expect(error { $0.memory(2, max: 1) }, .invalid, "size minimum must not be greater than maximum")
        let several = try validate {
            $0.importMemory("m", "a", 1)
            $0.memory(1)
            $0.memory(2, max: 3)
        }
        #expect(several.memories.map(\.limits.minimum) == [1, 1, 2] && several.importedMemoryCount == 1)
    }

    @Test("Memories and tables with 64-bit addresses have wider limits")
    func wideAddresses() throws {
        try validate { $0.memory64(1 << 48, max: 1 << 48) }
        expect(error { $0.memory64((1 << 48) + 1) }, .invalid, "memory size")
        expect(error { $0.memory64(2, max: 1) }, .invalid, "size minimum must not be greater than maximum")
        try validate { $0.table64(.externref, 0, max: .max) }
        try validate { $0.table64(.externref, .max) }
        let module = try validate {
            $0.memory64(3)
            $0.table64(.funcref, 4)
        }
        #expect(module.memories == [MemoryType(limits: Limits(minimum: 3), is64: true)])
        #expect(module.tables == [TableType(element: .funcref, limits: Limits(minimum: 4), is64: true)])
    }

    @Test func tables() throws {
        try validate { $0.table(.externref, 0, max: .max) }
        expect(error { $0.table(.funcref, 2, max: 1) }, .invalid, "size minimum must not be greater than maximum")
        let beyond = WasmBuilder.section(4, CodeBuilder.code { $0.raw(1, 0x70, 0).append(LEB128.unsigned(1 << 32)) })
        expect(error(of: WasmBuilder.raw(beyond)), .invalid, "table size")
    }

    @Test func exports() throws {
        try validate {
            $0.export("f", .function, $0.function())
            $0.export("m", .memory, $0.memory(1))
            $0.export("g", .global, $0.global(.i32) { $0.i32Const(0) })
            $0.export("t", .table, $0.table(.funcref, 1))
        }
        for (kind, name) in [
            (Export.Kind.function, "function"), (.table, "table"), (.memory, "memory"), (.global, "global"),
        ] { expect(error { $0.export("e", kind, 0) }, .invalid, "unknown \(name) 0") }
        expect(
            error {
                $0.memory(1, export: "same")
                $0.function("same")
            }, .invalid, "duplicate export name")
        // Different bytes are different names, even where Unicode calls them equivalent.
        let module = try validate {
            $0.function("\u{E9}")
            $0.function("e\u{301}")
        }
        #expect(Set(module.exports.map { ExactName($0.name) }).count == 2)
    }

    @Test func start() throws {
        let module = try validate { $0.start($0.function()) }
        #expect(module.start == 0)
        expect(error { $0.start(0) }, .invalid, "unknown function 0")
        expect(error { $0.start($0.function(nil, [.i32])) }, .invalid, "start function")
        expect(error { $0.start($0.function(nil, [], [.i32]) { $0.i32Const(0) }) }, .invalid, "start function")
    }

    @Test func constantExpressions() throws {
        let module = try validate {
            let imported = $0.importGlobal("m", "g", .i32)
            let function = $0.function()
            let own = $0.global(.i32) { $0.globalGet(imported).i32Const(2).i32Mul().i32Const(-1).i32Add() }
            $0.global(.i32) { $0.globalGet(own) }
            $0.global(.i64) { $0.i64Const(3).i64Const(4).i64Sub() }
            $0.global(.f32) { $0.f32Const(1.5) }
            $0.global(.f64) { $0.f64Const(-2.5) }
            $0.global(.funcref) { $0.refFunc(function) }
            $0.global(.externref) { $0.refNull(.externref) }
        }
        #expect(
            module.globalInitializers.map(\.instructions) == [
                [.globalGet(0), .i32(2), .i32Mul, .i32(-1), .i32Add], [.globalGet(1)], [.i64(3), .i64(4), .i64Sub],
                [.f32(Float(1.5).bitPattern)], [.f64((-2.5).bitPattern)], [.refFunc(0)], [.refNull(.externref)],
            ])
        #expect(module.globalInitializers[1].single == .globalGet(1))
        #expect(module.globalInitializers[0].single == nil)
        #expect(module.declaredFunctionReferences == [0])

        func global(_ type: ValueType, _ value: @escaping (CodeBuilder) -> Void) -> WasmError? {
            error {
                $0.importGlobal("m", "mutable", .i32, mutable: true)
                $0.global(type, value)
            }
        }
        expect(global(.i32) { $0.i64Const(0) }, .invalid, "type mismatch")
        expect(global(.i32) { _ in }, .invalid, "type mismatch")
        expect(global(.i32) { $0.i32Const(0).i32Const(0) }, .invalid, "type mismatch")
        expect(global(.i32) { $0.i32Const(0).i32Add() }, .invalid, "type mismatch")
        expect(global(.i32) { $0.i32Const(0).i64Const(0).i32Add() }, .invalid, "type mismatch")
        expect(global(.funcref) { $0.refNull(.externref) }, .invalid, "type mismatch")
        expect(global(.i32) { $0.globalGet(0) }, .invalid, "constant expression required")
        expect(global(.i32) { $0.i32Const(0).i32Eqz() }, .invalid, "constant expression required")
        expect(global(.i32) { $0.nop().i32Const(0) }, .invalid, "constant expression required")
        expect(global(.i32) { $0.globalGet(1) }, .invalid, "unknown global 1")
        expect(global(.funcref) { $0.refFunc(0) }, .invalid, "unknown function 0")
    }

    @Test func elements() throws {
        let module = try validate {
            let global = $0.importGlobal("m", "base", .i32)
            let f = $0.function()
            let g = $0.function()
            $0.table(.funcref, 10)
            $0.table(.externref, 10)
            $0.element(at: 1, functions: [f, g])
            $0.element(offset: { $0.globalGet(global) }, functions: [])
            $0.passiveElement(functions: [g])
            $0.declaredElement(functions: [f])
            $0.passiveElement(.externref, expressions: [{ $0.refNull(.externref) }])
            $0.element(.externref, table: 1, at: 0, expressions: [{ $0.refNull(.externref) }])
        }
        #expect(module.elements.map(\.items.count) == [2, 0, 1, 1, 1, 1])
        #expect(module.elements[0].mode == .active(table: 0, offset: ConstantExpression([.i32(1)])))
        #expect(module.elements[2].mode == .passive && module.elements[3].mode == .declarative)
        #expect(module.elements[4].type == .externref)
        #expect(module.elements[0].items == [ConstantExpression([.refFunc(0)]), ConstantExpression([.refFunc(1)])])

        expect(error { $0.element(at: 0, functions: []) }, .invalid, "unknown table 0")
        expect(error { $0.passiveElement(functions: [0]) }, .invalid, "unknown function 0")
        expect(
            error {
                $0.table(.externref, 1)
                $0.element(at: 0, functions: [])
            }, .invalid, "type mismatch")
        expect(
            error {
                $0.table(.funcref, 1)
                $0.element(offset: { $0.i64Const(0) }, functions: [])
            }, .invalid, "type mismatch")
        expect(
            error { $0.passiveElement(.funcref, expressions: [{ $0.refNull(.externref) }]) }, .invalid, "type mismatch")
    }

    @Test func data() throws {
        let bytes: [UInt8] = [9, 8, 7]
        let module = try validate {
            $0.memory(1)
            $0.data(at: 4, bytes)
            $0.passiveData([])
        }
        #expect(module.data.count == 2 && module.hasDataCount)
        #expect(Array(module.bytes[module.data[0].range]) == bytes)
        #expect(module.data[0].mode == .active(memory: 0, offset: ConstantExpression([.i32(4)])))
        #expect(module.data[1].mode == .passive && module.data[1].range.isEmpty)
        expect(error { $0.data(at: 0, bytes) }, .invalid, "unknown memory 0")
        expect(
            error {
                $0.memory(1)
                $0.data(memory: 1, at: 0, bytes)
            }, .invalid, "unknown memory 1")
        expect(
            error {
                $0.memory(1)
                $0.data(offset: { $0.f32Const(0) }, bytes)
            }, .invalid, "type mismatch")
    }

    @Test func namesAndCustomSections() throws {
        let module = try validate {
            $0.name = "demo"
            $0.importFunction("m", "f")
            $0.name(function: $0.function(), "own")
            $0.name(function: 0, "imported")
            $0.customSection("producers", [1, 2, 3])
        }
        #expect(module.names.module == "demo")
        #expect(module.names.functions == [0: "imported", 1: "own"])
        #expect(module.customSections.map(\.name) == ["producers"])
        #expect(module.customSections.map { Array(module.bytes[$0.payload]) } == [[1, 2, 3]])
    }

    @Test func unsupportedFeaturesAreNamed() {
        func raw(_ id: UInt8, _ content: [UInt8]) -> WasmError? {
            error(of: WasmBuilder.raw(WasmBuilder.section(id, content)))
        }
        expect(raw(1, [1, 0x60, 1, 0x6E, 0]), .unsupported, "garbage-collected", at: 13)
        expect(raw(1, [1, 0x60, 1, 0x64, 0]), .unsupported, "typed function references", at: 13)
        expect(raw(1, [1, 0x60, 1, 0x69, 0]), .unsupported, "exception handling", at: 13)
        expect(raw(1, [1, 0x5F, 0]), .unsupported, "garbage-collected", at: 11)
        expect(raw(4, [1, 0x40, 0, 0x70, 0, 0]), .unsupported, "typed function references", at: 11)
        expect(raw(5, [1, 3, 1, 1]), .unsupported, "threads", at: 11)
        expect(raw(5, [1, 7, 1, 1]), .unsupported, "threads", at: 11)
        expect(raw(13, [1, 0, 0]), .unsupported, "exception handling", at: 8)
        expect(raw(2, [1, 0, 0, 4, 0, 0]), .unsupported, "exception handling", at: 13)
        expect(raw(6, [1, 0x7F, 0, 0xFB, 0, 0x0B]), .unsupported, "garbage-collected", at: 13)

        let opcodes: [(UInt8, String)] = [
            (0x06, "exception handling"), (0x08, "exception handling"), (0x1F, "exception handling"),
            (0x14, "typed function references"),
            (0xD3, "garbage-collected"), (0xFB, "garbage-collected"), (0xFE, "threads"),
        ]
        for (opcode, feature) in opcodes {
            expect(error { $0.function { $0.raw(opcode, 0) } }, .unsupported, feature)
        }
        expect(error { $0.function { $0.raw(0xFC, 19) } }, .unsupported, "wide arithmetic")
    }
}
