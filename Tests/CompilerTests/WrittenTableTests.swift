//! What the compiler reports of tables: those that a function writes, in reachable code or not, and no others.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Written tables")
struct WrittenTableTests {
    struct Instruction: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var emit: @Sendable (CodeBuilder, _ table: UInt32) -> Void
    }

    static let writers = [
        Instruction(testDescription: "table.set") { $0.i32Const(0).refNull(.funcref).tableSet($1) },
        Instruction(testDescription: "table.grow") { $0.refNull(.funcref).i32Const(0).tableGrow($1).drop() },
        Instruction(testDescription: "table.fill") { $0.i32Const(0).refNull(.funcref).i32Const(0).tableFill($1) },
        Instruction(testDescription: "table.copy to the table") {
            $0.i32Const(0).i32Const(0).i32Const(0).tableCopy(to: $1, from: ($1 + 1) % tableCount)
        },
        Instruction(testDescription: "table.copy in the table") {
            $0.i32Const(0).i32Const(0).i32Const(0).tableCopy(to: $1, from: $1)
        },
        Instruction(testDescription: "table.init") {
            $0.i32Const(0).i32Const(0).i32Const(0).tableInit(element: 1, table: $1)
        },
    ]

    static let readers = [
        Instruction(testDescription: "table.get") { $0.i32Const(0).tableGet($1).drop() },
        Instruction(testDescription: "table.size") { $0.tableSize($1).drop() },
        Instruction(testDescription: "call_indirect") { $0.i32Const(0).callIndirect(type: 0, table: $1) },
        Instruction(testDescription: "elem.drop") { code, _ in code.elemDrop(1) },
    ]

    static let tableCount: UInt32 = 3

    /// Compiles functions in a module of three tables, each with an active segment; segment 1 is passive.
    private static func writtenTables(
        threads: Int = 1, _ bodies: [(CodeBuilder) -> Void], build: (inout WasmBuilder) -> Void = { _ in }
    ) throws -> [Bool] {
        var builder = WasmBuilder()
        builder.type([], [])
        for _ in 0..<tableCount { builder.table(.funcref, 4) }
        var functions: [UInt32] = []
        for body in bodies { functions.append(builder.function(nil, [], [], body)) }
        builder.element(at: 0, functions: [functions[0]])
        builder.passiveElement(functions: [functions[0]])
        for table in 1..<tableCount { builder.element(table: table, at: 1, functions: [functions[0]]) }
        build(&builder)
        let module = try DecodedModule(decoding: builder.build())
        return try ModuleCompiler.compile(module, threads: threads, isChecking: true).writtenTables
    }

    private static func only(_ table: UInt32) -> [Bool] { (0..<tableCount).map { $0 == table } }

    @Test("An instruction that writes a table is reported", arguments: writers, 0..<tableCount)
    func written(writer: Instruction, table: UInt32) throws {
        #expect(try Self.writtenTables([{ writer.emit($0, table) }]) == Self.only(table))
    }

    @Test("So is one that is never reached", arguments: writers)
    func unreachable(writer: Instruction) throws {
        let places: [(CodeBuilder) -> Void] = [
            { writer.emit($0.unreachable(), 1) },
            {
                $0.return(); writer.emit($0, 1)
            },
            { $0.block { writer.emit($0.br(0), 1) } },
            { $0.unreachable().block { writer.emit($0, 1) } },
            { $0.i32Const(0).if { writer.emit($0, 1) } },
        ]
        for place in places { #expect(try Self.writtenTables([place]) == Self.only(1)) }
    }

    @Test("What only reads a table, or fills it at first, is not", arguments: readers, 0..<tableCount)
    func read(reader: Instruction, table: UInt32) throws {
        #expect(try Self.writtenTables([{ reader.emit($0, table) }]) == [false, false, false])
    }

    @Test("Export makes no difference to the report: it is about code")
    func exported() throws {
        #expect(try Self.writtenTables([{ _ in }]) { $0.export("t", .table, 1) } == [false, false, false])
    }

    @Test("Functions add up, whichever thread compiles them", arguments: 1...4)
    func functions(threads: Int) throws {
        var bodies = [(CodeBuilder) -> Void](repeating: { _ in }, count: 96)
        for body in [0, 50, 95] {
            bodies[body] = { Self.writers[0].emit($0, 2) }
            #expect(try Self.writtenTables(threads: threads, bodies) == Self.only(2))
            bodies[body] = { _ in }
        }
        bodies[3] = { Self.writers[1].emit($0, 0) }
        bodies[90] = { Self.writers[2].emit($0, 2) }
        #expect(try Self.writtenTables(threads: threads, bodies) == [true, false, true])
    }

    @Test("A module without tables or without functions has nothing to report")
    func nothing() throws {
        var builder = WasmBuilder()
        builder.function()
        #expect(try ModuleCompiler.compile(try DecodedModule(decoding: builder.build())).writtenTables == [])
        builder = WasmBuilder()
        builder.table(.externref, 1)
        #expect(try ModuleCompiler.compile(try DecodedModule(decoding: builder.build())).writtenTables == [false])
    }
}
