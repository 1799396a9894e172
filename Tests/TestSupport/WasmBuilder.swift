//! Builds binary modules in tests, readably and without checks: an invalid module is as easy to write as a valid one.
//!
//! ```swift
//! var module = WasmBuilder()
//! let add = module.function("add", [.i32, .i32], [.i32]) { $0.localGet(0).localGet(1).i32Add() }
//! module.memory(1, max: 2, export: "memory")
//! let bytes = module.build()
//! ```
//! The final `end` of a body is written by the builder. Indices are handed out in the order of the calls, so imports
//! come before definitions of the same kind.

public import WasmModule

/// A module under construction.
public struct WasmBuilder {
    public private(set) var types: [FunctionType] = []
    private var imports = Section()
    private var functions = Section()
    private var tables = Section()
    private var memories = Section()
    private var globals = Section()
    private var exports = Section()
    private var start: UInt32?
    private var elements = Section()
    private var bodies = Section()
    private var data = Section()
    private var customSections: [(name: String, payload: [UInt8])] = []
    private var functionNames: [(index: UInt32, name: String)] = []

    private var importedFunctionCount: UInt32 = 0
    private var importedTableCount: UInt32 = 0
    private var importedMemoryCount: UInt32 = 0
    private var importedGlobalCount: UInt32 = 0

    /// The name of the module in the name section.
    public var name: String?
    /// Whether a data count section is written. By default it is when there are data segments.
    public var writesDataCount: Bool?

    public init() {}

    /// Content of a section that is a vector: a count and the encoded entries.
    private struct Section {
        var count: UInt32 = 0
        var bytes: [UInt8] = []

        mutating func append(_ entry: (CodeBuilder) -> Void) -> UInt32 {
            bytes += CodeBuilder.code(entry)
            count += 1
            return count - 1
        }
    }

    // MARK: Types

    /// The index of a function type, which is added on first use.
    @discardableResult public mutating func type(_ parameters: [ValueType], _ results: [ValueType]) -> UInt32 {
        let type = FunctionType(parameters: parameters, results: results)
        if let index = types.firstIndex(of: type) { return UInt32(index) }
        return addType(parameters, results)
    }

    /// Adds a type even if an equal one is there already.
    @discardableResult public mutating func addType(_ parameters: [ValueType], _ results: [ValueType]) -> UInt32 {
        types.append(FunctionType(parameters: parameters, results: results))
        return UInt32(types.count - 1)
    }

    // MARK: Imports

    @discardableResult public mutating func importFunction(
        _ module: String, _ name: String, _ parameters: [ValueType] = [], _ results: [ValueType] = []
    ) -> UInt32 {
        importFunction(module, name, type: type(parameters, results))
    }

    @discardableResult public mutating func importFunction(
        _ module: String, _ name: String, type: UInt32
    ) -> UInt32 {
        precondition(functions.count == 0, "import functions before defining any")
        _ = imports.append { $0.name(module).name(name).raw(0).u32(type) }
        importedFunctionCount += 1
        return importedFunctionCount - 1
    }

    @discardableResult public mutating func importTable(
        _ module: String, _ name: String, _ element: ValueType = .funcref, _ minimum: UInt32, max: UInt32? = nil
    ) -> UInt32 {
        precondition(tables.count == 0, "import tables before defining any")
        _ = imports.append { $0.name(module).name(name).raw(1).valueType(element).limits(minimum, max) }
        importedTableCount += 1
        return importedTableCount - 1
    }

    @discardableResult public mutating func importMemory(
        _ module: String, _ name: String, _ minimum: UInt32, max: UInt32? = nil
    ) -> UInt32 {
        precondition(memories.count == 0, "import memories before defining any")
        _ = imports.append { $0.name(module).name(name).raw(2).limits(minimum, max) }
        importedMemoryCount += 1
        return importedMemoryCount - 1
    }

    @discardableResult public mutating func importGlobal(
        _ module: String, _ name: String, _ type: ValueType, mutable: Bool = false
    ) -> UInt32 {
        precondition(globals.count == 0, "import globals before defining any")
        _ = imports.append { $0.name(module).name(name).raw(3).valueType(type).raw(mutable ? 1 : 0) }
        importedGlobalCount += 1
        return importedGlobalCount - 1
    }

    // MARK: Definitions

    /// Defines a function and returns its index. `body` writes the instructions without the final `end`.
    ///
    /// - Parameters:
    ///   - export: the name to export it under; `nil` for none.
    ///   - locals: one entry per local, written as runs of equal types.
    @discardableResult public mutating func function(
        _ export: String? = nil, _ parameters: [ValueType] = [], _ results: [ValueType] = [],
        locals: [ValueType] = [], _ body: (CodeBuilder) -> Void = { _ in }
    ) -> UInt32 {
        var runs: [(count: UInt32, type: ValueType)] = []
        for type in locals {
            if let last = runs.last, last.type == type {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((1, type))
            }
        }
        return function(export, type: type(parameters, results), localRuns: runs, body)
    }

    /// As above, with a type index and explicit runs of locals.
    @discardableResult public mutating func function(
        _ export: String? = nil, type: UInt32, localRuns: [(count: UInt32, type: ValueType)] = [],
        _ body: (CodeBuilder) -> Void
    ) -> UInt32 {
        function(
            export, type: type,
            rawBody: CodeBuilder.code { code in
                code.u32(UInt32(localRuns.count))
                for run in localRuns { code.u32(run.count).valueType(run.type) }
                body(code)
                code.end()
            })
    }

    /// A function whose body, locals and final `end` included, is exactly `rawBody`.
    @discardableResult public mutating func function(
        _ export: String? = nil, type: UInt32, rawBody: [UInt8]
    ) -> UInt32 {
        let index = importedFunctionCount + functions.append { $0.u32(type) }
        _ = bodies.append { $0.sized(rawBody) }
        if let export { self.export(export, .function, index) }
        return index
    }

    @discardableResult public mutating func table(
        _ element: ValueType = .funcref, _ minimum: UInt32, max: UInt32? = nil, export: String? = nil
    ) -> UInt32 {
        let index = importedTableCount + tables.append { $0.valueType(element).limits(minimum, max) }
        if let export { self.export(export, .table, index) }
        return index
    }

    /// Sizes are in pages of 64 KiB.
    @discardableResult public mutating func memory(
        _ minimum: UInt32, max: UInt32? = nil, export: String? = nil
    ) -> UInt32 {
        let index = importedMemoryCount + memories.append { $0.limits(minimum, max) }
        if let export { self.export(export, .memory, index) }
        return index
    }

    /// A table with 64-bit indices.
    @discardableResult public mutating func table64(
        _ element: ValueType = .funcref, _ minimum: UInt64, max: UInt64? = nil, export: String? = nil
    ) -> UInt32 {
        let index = importedTableCount + tables.append { $0.valueType(element).limits64(minimum, max) }
        if let export { self.export(export, .table, index) }
        return index
    }

    /// A memory with 64-bit addresses. Sizes are in pages of 64 KiB.
    @discardableResult public mutating func memory64(
        _ minimum: UInt64, max: UInt64? = nil, export: String? = nil
    ) -> UInt32 {
        let index = importedMemoryCount + memories.append { $0.limits64(minimum, max) }
        if let export { self.export(export, .memory, index) }
        return index
    }

    /// Defines a global; `value` writes the constant expression without its `end`.
    @discardableResult public mutating func global(
        _ type: ValueType, mutable: Bool = false, export: String? = nil, _ value: (CodeBuilder) -> Void
    ) -> UInt32 {
        let index =
            importedGlobalCount
            + globals.append {
                $0.valueType(type).raw(mutable ? 1 : 0)
                value($0)
                $0.end()
            }
        if let export { self.export(export, .global, index) }
        return index
    }

    public mutating func export(_ name: String, _ kind: Export.Kind, _ index: UInt32) {
        _ = exports.append { $0.name(name).raw(kind.rawValue).u32(index) }
    }

    public mutating func start(_ function: UInt32) { start = function }

    // MARK: Segments

    /// An active segment of functions; `offset` writes the constant expression without its `end`.
    @discardableResult public mutating func element(
        table: UInt32 = 0, offset: (CodeBuilder) -> Void, functions: [UInt32]
    ) -> UInt32 {
        elements.append { code in
            if table == 0 { code.raw(0) } else { code.raw(2).u32(table) }
            offset(code)
            code.end()
            if table != 0 { code.raw(0) }
            code.u32(UInt32(functions.count))
            for function in functions { code.u32(function) }
        }
    }

    /// An active segment of functions at a constant offset.
    @discardableResult public mutating func element(
        table: UInt32 = 0, at offset: Int32, functions: [UInt32]
    ) -> UInt32 {
        element(table: table, offset: { $0.i32Const(offset) }, functions: functions)
    }

    @discardableResult public mutating func passiveElement(functions: [UInt32]) -> UInt32 {
        elements.append { code in
            code.raw(1, 0).u32(UInt32(functions.count))
            for function in functions { code.u32(function) }
        }
    }

    /// Declares functions, so that bodies may take references to them.
    @discardableResult public mutating func declaredElement(functions: [UInt32]) -> UInt32 {
        elements.append { code in
            code.raw(3, 0).u32(UInt32(functions.count))
            for function in functions { code.u32(function) }
        }
    }

    /// A passive segment of constant expressions, each written without its `end`.
    @discardableResult public mutating func passiveElement(
        _ type: ValueType, expressions: [(CodeBuilder) -> Void]
    ) -> UInt32 {
        elements.append { code in
            code.raw(5).valueType(type).u32(UInt32(expressions.count))
            for expression in expressions {
                expression(code)
                code.end()
            }
        }
    }

    /// An active segment of constant expressions.
    @discardableResult public mutating func element(
        _ type: ValueType, table: UInt32 = 0, at offset: Int32, expressions: [(CodeBuilder) -> Void]
    ) -> UInt32 {
        elements.append { code in
            code.raw(6).u32(table).i32Const(offset).end().valueType(type).u32(UInt32(expressions.count))
            for expression in expressions {
                expression(code)
                code.end()
            }
        }
    }

    /// A segment given as raw bytes, flags included.
    @discardableResult public mutating func rawElement(_ bytes: [UInt8]) -> UInt32 {
        elements.append { $0.append(bytes) }
    }

    /// An active data segment; `offset` writes the constant expression without its `end`.
    @discardableResult public mutating func data(
        memory: UInt32 = 0, offset: (CodeBuilder) -> Void, _ bytes: [UInt8]
    ) -> UInt32 {
        data.append { code in
            if memory == 0 { code.raw(0) } else { code.raw(2).u32(memory) }
            offset(code)
            code.end().sized(bytes)
        }
    }

    /// An active data segment at a constant address.
    @discardableResult public mutating func data(memory: UInt32 = 0, at offset: Int32, _ bytes: [UInt8]) -> UInt32 {
        data(memory: memory, offset: { $0.i32Const(offset) }, bytes)
    }

    @discardableResult public mutating func passiveData(_ bytes: [UInt8]) -> UInt32 {
        data.append { $0.raw(1).sized(bytes) }
    }

    // MARK: Names and custom sections

    /// Names a function in the name section.
    public mutating func name(function: UInt32, _ name: String) { functionNames.append((function, name)) }

    /// A custom section, written after all others.
    public mutating func customSection(_ name: String, _ payload: [UInt8]) { customSections.append((name, payload)) }

    // MARK: Output

    /// The eight bytes every module begins with.
    public static let header: [UInt8] = [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0]

    /// A section: id, size, content.
    public static func section(_ id: UInt8, _ content: [UInt8]) -> [UInt8] {
        CodeBuilder.code { $0.raw(id).sized(content) }
    }

    /// A module of raw sections, for modules no builder should know how to build.
    public static func raw(_ sections: [UInt8]...) -> [UInt8] { header + sections.flatMap { $0 } }

    public func build() -> [UInt8] {
        var bytes = Self.header
        func add(_ id: UInt8, _ section: Section) {
            guard section.count > 0 else { return }
            bytes += Self.section(id, CodeBuilder.code { $0.u32(section.count).append(section.bytes) })
        }
        var typeSection = Section()
        for type in types {
            _ = typeSection.append { code in
                code.raw(0x60)
                for list in [type.parameters, type.results] {
                    code.u32(UInt32(list.count))
                    for value in list { code.valueType(value) }
                }
            }
        }
        add(1, typeSection)
        add(2, imports)
        add(3, functions)
        add(4, tables)
        add(5, memories)
        add(6, globals)
        add(7, exports)
        if let start { bytes += Self.section(8, CodeBuilder.code { $0.u32(start) }) }
        add(9, elements)
        if writesDataCount ?? (data.count > 0) { bytes += Self.section(12, CodeBuilder.code { $0.u32(data.count) }) }
        add(10, bodies)
        add(11, data)
        if name != nil || !functionNames.isEmpty {
            bytes += Self.section(0, CodeBuilder.code { $0.name("name").append(nameSubsections()) })
        }
        for section in customSections {
            bytes += Self.section(0, CodeBuilder.code { $0.name(section.name).append(section.payload) })
        }
        return bytes
    }

    private func nameSubsections() -> [UInt8] {
        CodeBuilder.code { code in
            if let name { code.raw(0).sized(CodeBuilder.code { $0.name(name) }) }
            if !functionNames.isEmpty {
                code.raw(1).sized(
                    CodeBuilder.code { map in
                        map.u32(UInt32(functionNames.count))
                        for entry in functionNames.sorted(by: { $0.index < $1.index }) {
                            map.u32(entry.index).name(entry.name)
                        }
                    })
            }
        }
    }
}

extension CodeBuilder {
    /// Limits with an optional maximum.
    @discardableResult public func limits(_ minimum: UInt32, _ maximum: UInt32? = nil) -> CodeBuilder {
        raw(maximum == nil ? 0 : 1).u32(minimum)
        if let maximum { u32(maximum) }
        return self
    }

    /// Of 64-bit addresses.
    @discardableResult public func limits64(_ minimum: UInt64, _ maximum: UInt64? = nil) -> CodeBuilder {
        raw(maximum == nil ? 4 : 5).append(LEB128.unsigned(minimum))
        if let maximum { append(LEB128.unsigned(maximum)) }
        return self
    }
}
