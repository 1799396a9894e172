//! Linking, the initial state, and that every instance starts from it again.

import TestSupport
import Testing

@testable import Mayfly

@Suite struct InstantiationTests {
    private func compile(_ build: (inout WasmBuilder) -> Void) throws -> Module {
        var builder = WasmBuilder()
        build(&builder)
        return try testEngine.get().compile(builder.build())
    }

    // MARK: Imports

    @Test func aMissingImportIsNamed() throws {
        let module = try compile { $0.importFunction("env", "missing", [.i32], []) }
        #expect(throws: LinkError.unknownImport(module: "env", name: "missing")) { try module.template() }
        #expect(module.imports == [.init(module: "env", name: "missing", type: .function(.init(parameters: [.i32])))])
    }

    @Test func anImportOfAnotherTypeSaysBoth() throws {
        let module = try compile { $0.importFunction("env", "f", [.i32, .i64], [.f32]) }
        var imports = Imports<Void>()
        imports.define("env", "f") { (_, a: Int32) in a }
        #expect(
            throws: LinkError.incompatibleImport(
                module: "env", name: "f", expected: "function (i32, i64) -> f32", actual: "function (i32) -> i32")
        ) { try module.template(imports: imports) }
        imports.define("env", "f", global: .i32(1))
        #expect(
            throws: LinkError.incompatibleImport(
                module: "env", name: "f", expected: "function (i32, i64) -> f32", actual: "global of i32")
        ) { try module.template(imports: imports) }
    }

    @Test func whatOnlyAnInstanceCanProvideIsSaid() throws {
        let cases: [(String, (inout WasmBuilder) -> Void)] = [
            ("memory of 1 or more pages", { $0.importMemory("env", "x", 1) }),
            ("table of funcref, 1 or more elements", { $0.importTable("env", "x", .funcref, 1) }),
            ("mutable global of i32", { $0.importGlobal("env", "x", .i32, mutable: true) }),
        ]
        for (expected, build) in cases {
            let module = try compile(build)
            #expect(throws: LinkError.needsInstance(module: "env", name: "x", expected: expected)) {
                try module.template()
            }
        }
    }

    @Test func namesAreBytesNotCharacters() throws {
        let module = try compile { module in
            module.importFunction("env", "e\u{301}", [], [.i32])
            module.function("\u{E9}", [], [.i32]) { $0.call(0) }
        }
        var imports = Imports<Void>()
        imports.define("env", "\u{E9}") { _ in Int32(1) }
        #expect(throws: LinkError.self) { try module.template(imports: imports) }
        imports.define("env", "e\u{301}") { _ in Int32(2) }
        let template = try module.template(imports: imports)
        #expect(try template.withInstance { try $0.call("\u{E9}") as Int32 } == 2)
        #expect(throws: CallError.self) { try template.withInstance { try $0.call("e\u{301}") as Int32 } }
    }

    @Test func importedGlobalsInitialiseOthers() throws {
        let module = try compile { module in
            module.importGlobal("env", "base", .i32)
            module.global(.i32, mutable: true, export: "sum") { $0.globalGet(0).i32Const(5).i32Add() }
            module.global(.i64, export: "wide") { $0.i64Const(-3) }
            module.global(.f32, mutable: true, export: "float") { $0.f32Const(1.5) }
            module.global(.externref, mutable: true, export: "extern") { $0.refNull(.externref) }
            module.memory(1)
            module.data(offset: { $0.globalGet(0) }, [1, 2, 3])
        }
        var imports = Imports<Void>()
        imports.define("env", "base", global: .i32(100))
        let template = try module.template(imports: imports)
        for _ in 0..<3 {
            try template.withInstance { (instance) throws in
                #expect(try instance.global("sum") == .i32(105))
                #expect(try instance.global("wide") == .i64(-3))
                #expect(try instance.global("extern") == .externref(nil))
                #expect(try instance.readBytes(at: 99, count: 5) == [0, 1, 2, 3, 0])
                try instance.setGlobal("sum", to: .i32(-1))
                try instance.setGlobal("float", to: .f32(9))
                try instance.setGlobal("extern", to: .externref(.init(handle: 3)))
                #expect(try instance.global("sum") == .i32(-1))
                #expect(try instance.global("float") == .f32(9))
                #expect(try instance.global("extern") == .externref(.init(handle: 3)))
                #expect(throws: CallError.immutableGlobal(name: "wide")) {
                    try instance.setGlobal("wide", to: .i64(1))
                }
                #expect(throws: CallError.globalTypeMismatch(name: "sum", expected: .i64, actual: .i32)) {
                    try instance.setGlobal("sum", to: .i64(1))
                }
                #expect(throws: CallError.unknownExport(name: "none", kind: "global")) {
                    try instance.global("none")
                }
            }
        }
    }

    // MARK: Initial state

    @Test func segmentsThatDoNotFitTrapInTheTemplate() throws {
        let data = try compile { module in
            module.memory(1)
            module.data(at: 65535, [1, 2])
        }
        #expect(throws: Trap(code: .memoryOutOfBounds)) { try data.template() }
        let negative = try compile { module in
            module.memory(1)
            module.data(at: -1, [])
        }
        #expect(throws: Trap(code: .memoryOutOfBounds)) { try negative.template() }
        let elements = try compile { module in
            module.table(.funcref, 1)
            let function = module.function("f", [], []) { _ in }
            module.element(offset: { $0.i32Const(1) }, functions: [function])
        }
        #expect(throws: Trap(code: .tableOutOfBounds)) { try elements.template() }
    }

    @Test func laterSegmentsWin() throws {
        let module = try compile { module in
            module.memory(1)
            module.data(at: 10, [1, 1, 1, 1])
            module.data(at: 12, [2, 2])
            module.data(at: 65532, [3, 3, 3, 3])
        }
        try module.template().withInstance { (instance) throws in
            #expect(try instance.readBytes(at: 9, count: 6) == [0, 1, 1, 2, 2, 0])
            #expect(try instance.readBytes(at: 65532, count: 4) == [3, 3, 3, 3])
        }
    }

    @Test func everyInstanceStartsAfresh() throws {
        let module = try compile { module in
            module.memory(1, max: 4, export: "memory")
            module.data(at: 100, [5])
            module.global(.i32, mutable: true, export: "count") { $0.i32Const(0) }
            module.table(.funcref, 2, max: 10)
            let one = module.function("one", [], [.i32]) { $0.i32Const(1) }
            let two = module.function("two", [], [.i32]) { $0.i32Const(2) }
            module.element(offset: { $0.i32Const(0) }, functions: [one])
            module.passiveElement(functions: [two])
            module.passiveData([7, 8, 9])
            module.function("dirty", [], [.i32]) { code in
                code.i32Const(100).i32Const(6).i32Store()
                code.i32Const(1).memoryGrow().drop()
                code.i32Const(70_000).i32Const(6).i32Store()
                code.i32Const(0).i32Const(0).i32Const(3).memoryInit(data: 1)
                code.dataDrop(1)
                code.i32Const(0).i32Const(0).i32Const(1).tableInit(element: 1)
                code.elemDrop(1)
                code.refNull(.funcref).i32Const(3).tableGrow().drop()
                code.globalGet(0).i32Const(1).i32Add().globalSet(0)
                code.i32Const(0).callIndirect(type: 0)
            }
            module.function("tableSize", [], [.i32]) { $0.tableSize() }
            module.function("first", [], [.i32]) { $0.i32Const(0).callIndirect(type: 0) }
        }
        let template = try module.template()
        for _ in 0..<20 {
            try template.withInstance { (instance) throws in
                #expect(try instance.readBytes(at: 100, count: 1) == [5])
                #expect(try instance.readBytes(at: 0, count: 3) == [0, 0, 0])
                #expect(instance.memorySize == 65536)
                #expect(try instance.global("count") == .i32(0))
                #expect(try instance.call("tableSize") as Int32 == 2)
                #expect(try instance.call("first") as Int32 == 1)
                #expect(try instance.call("dirty") as Int32 == 2)
                #expect(try instance.readBytes(at: 0, count: 3) == [7, 8, 9])
                #expect(try instance.call("tableSize") as Int32 == 5)
                #expect(instance.memorySize == 2 * 65536)
                #expect(try instance.global("count") == .i32(1))
                // The segments have been dropped.
                let trap = #expect(throws: Trap.self) { try instance.call("dirty") as Int32 }
                #expect(trap?.code == .memoryOutOfBounds)
                #expect(trap?.backtrace.first?.functionIndex == 2)
            }
        }
        #expect(testEngineIsIdle(template))
    }

    private func testEngineIsIdle(_ template: Template<Void>) -> Bool {
        template.module.engine === (try? testEngine.get())
    }

    @Test func theStartFunctionRunsAtEveryStamp() throws {
        let module = try compile { module in
            module.importFunction("env", "started", [], [])
            module.memory(1, export: "memory")
            let start = module.function(nil, [], []) { code in
                code.i32Const(8).i32Const(42).i32Store()
                code.call(0)
            }
            module.start(start)
        }
        var imports = Imports<Int>()
        imports.define("env", "started") { caller in
            caller.state += 1
            if caller.state == 100 { throw CallError.memoryInUse }
        }
        let template = try module.template(imports: imports)
        try template.withInstance(state: 6) { (instance) throws in
            #expect(instance.state == 7)
            #expect(try instance.read(Int32.self, at: 8) == 42)
        }
        #expect(throws: CallError.memoryInUse) { try template.withInstance(state: 99) { _ in } }
        try template.withInstance(state: 8) { #expect($0.state == 9) }
    }

    @Test func aPoolThatIsUsedUpSaysSo() throws {
        let engine = try Engine(.init(pool: .init(slotCount: 2)))
        var builder = WasmBuilder()
        builder.memory(1)
        let template = try engine.compile(builder.build()).template()
        let first = try template.instantiate()
        try template.withInstance { _ in
            _ = #expect(throws: PoolError.exhausted(slots: 2)) { try template.withInstance { _ in } }
        }
        #expect(engine.poolStatistics.live == 1)
        _ = consume first
        #expect(engine.poolStatistics.live == 0)
    }

    @Test func aModuleTooLargeForTheSlotsIsRefused() throws {
        let engine = try Engine(.init(pool: .init(slotCount: 2, maximumMemoryBytes: 1 << 20, tableElements: 100)))
        var large = WasmBuilder()
        large.memory(17)
        let largeModule = try engine.compile(large.build())
        #expect(throws: LinkError.pool(.memoryTooLarge(requested: 17 << 16, limit: 1 << 20))) {
            try largeModule.template()
        }
        var wide = WasmBuilder()
        for index in 0..<9 { wide.table(.funcref, 1_000_000, export: "\(index)") }
        let wideModule = try engine.compile(wide.build())
        #expect(throws: LinkError.pool(.tableTooLarge(requested: 1_000_000, limit: 100))) { try wideModule.template() }
    }

    // MARK: Calls

    @Test func aCallOfAnotherTypeSaysBoth() throws {
        let module = try compile { module in
            module.function("f", [.i32], [.i64]) { $0.i64Const(1) }
            module.memory(1, export: "memory")
        }
        let template = try module.template()
        let actual = FunctionType(parameters: [.i32], results: [.i64])
        try template.withInstance { (instance) throws in
            #expect(
                throws: CallError.typeMismatch(
                    name: "f", expected: .init(parameters: [.i64], results: [.i64]), actual: actual)
            ) { try instance.call("f", Int64(1)) as Int64 }
            #expect(
                throws: CallError.typeMismatch(name: "f", expected: .init(parameters: [.i32]), actual: actual)
            ) { try instance.call("f", 1) }
            #expect(throws: CallError.typeMismatch(name: "f", expected: .init(results: [.i64]), actual: actual)) {
                try instance.call("f") as Int64
            }
            #expect(throws: CallError.unknownExport(name: "g", kind: "function")) { try instance.call("g") }
            #expect(throws: CallError.unknownExport(name: "memory", kind: "function")) { try instance.call("memory") }
            #expect(throws: CallError.self) { try instance.call("f", arguments: [.i64(1)]) }
        }
        #expect(throws: CallError.self) { try template.function("f", as: ((Int64) -> Int64).self) }
        let typed = try template.function("f", as: ((UInt32) -> Int64).self)
        #expect(try template.withInstance { try $0.call(typed, 3) } == 1)
    }

    @Test func trapsHaveNamesAndPlaces() throws {
        var builder = WasmBuilder()
        builder.memory(1)
        builder.table(.funcref, 3)
        let load = builder.function(nil, [.i32], [.i32]) { $0.localGet(0).i32Load() }
        let divide = builder.function("divide", [.i32, .i32], [.i32]) { $0.localGet(0).localGet(1).op(.i32DivS) }
        let outer = builder.function("outer", [.i32], [.i32]) { $0.localGet(0).call(load).i32Const(1).i32Add() }
        let void = builder.type([], [])
        builder.function("indirect", [.i32], []) { $0.localGet(0).callIndirect(type: void) }
        let forever = builder.function("forever", [], [.i32]) { $0.call(4).i32Const(1).i32Add() }
        builder.function("truncate", [.f32], [.i32]) { $0.localGet(0).op(.i32TruncF32S) }
        builder.element(offset: { $0.i32Const(1) }, functions: [divide])
        builder.name(function: load, "load")
        builder.name(function: outer, "outer")
        builder.name(function: forever, "forever")
        let template = try testEngine.get().compile(builder.build()).template()
        func trap(_ body: (borrowing Instance<Void>) throws -> Void) throws -> Trap? {
            #expect(throws: Trap.self) { try template.withInstance { try body($0) } }
        }
        let access = try trap { _ = try $0.call("outer", 65533) as Int32 }
        #expect(access?.code == .memoryOutOfBounds)
        #expect(access?.backtrace.map(\.functionName) == ["load", "outer"])
        #expect(access?.backtrace.allSatisfy { $0.offset != nil } == true)
        #expect(try trap { _ = try $0.call("divide", 1, 0) as Int32 }?.code == .integerDivideByZero)
        #expect(try trap { _ = try $0.call("divide", .min, -1) as Int32 }?.code == .integerOverflow)
        #expect(try trap { try $0.call("indirect", 3) }?.code == .undefinedElement)
        #expect(try trap { try $0.call("indirect", 0) }?.code == .uninitializedElement)
        #expect(try trap { try $0.call("indirect", 1) }?.code == .indirectCallTypeMismatch)
        #expect(try trap { _ = try $0.call("truncate", Float.nan) as Int32 }?.code == .invalidConversionToInteger)
        #expect(try trap { _ = try $0.call("truncate", Float(3e9)) as Int32 }?.code == .integerOverflow)
        let overflow = try trap { _ = try $0.call("forever") as Int32 }
        #expect(overflow?.code == .callStackExhausted)
        #expect(overflow?.backtrace.last?.functionName == "forever")
        #expect(overflow.map { $0.omittedFrames > 1000 } == true)
    }
}
