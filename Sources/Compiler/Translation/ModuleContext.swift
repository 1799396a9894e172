//! What the compiler's passes need to know about a module, in flat memory.
//!
//! `DecodedModule` is made of arrays of arrays and enums; looking into it per instruction would cost retains and checks.
//! A context is built once per module, never changes, and is shared by all workers. Every accessor is O(1), touches raw
//! memory, and takes indices that validation has accepted: they are checked in debug builds only.

import WasmModule

/// A list of value types in a context's memory, which lives as long as the context.
typealias IRTypeList = UnsafeBufferPointer<IRType>

final class ModuleContext: @unchecked Sendable {
    // Unchecked because of the raw pointers: the memory is written in `init` and freed in `deinit` only.

    private struct TypeRecord: BitwiseCopyable {
        /// Into `valueTypes`: the parameters, directly followed by the results.
        var first: UInt32
        var parameterCount: UInt32
        var resultCount: UInt32
        var canonical: UInt32
    }

    private struct GlobalRecord: BitwiseCopyable {
        var type: IRType
        var isMutable: Bool
        var isImported: Bool
    }

    /// The size range of a memory (pages of 64 KiB) or of a table (elements).
    struct SizeRange: BitwiseCopyable {
        var minimum: UInt64
        /// `UInt64.max` if there is none.
        var maximum: UInt64
        var isImported: Bool
        /// Addresses or indices, and sizes, are i64.
        var is64: Bool

        /// The type of addresses or indices, and of sizes.
        @inline(__always) var address: IRType { is64 ? .i64 : .i32 }
    }

    /// No memory has more bytes: what a slot of the pool spans.
    static let largestMemory: UInt64 = 1 << 32

    /// The module the context was built from.
    let module: DecodedModule
    /// What its code is made for. Nothing is left open.
    let settings: CodeSettings
    /// Whether code has the instructions of x86-64-v3; else it makes do with SSE4.1.
    let usesVEX: Bool

    let typeCount: Int
    /// Imports counted.
    let functionCount: Int
    let importedFunctionCount: Int
    let globalCount: Int
    let memoryCount: Int
    let tableCount: Int
    /// Defined functions.
    let bodyCount: Int

    private let types: UnsafeMutablePointer<TypeRecord>
    private let valueTypes: UnsafeMutablePointer<IRType>
    private let functions: UnsafeMutablePointer<UInt32>
    private let globals: UnsafeMutablePointer<GlobalRecord>
    private let memories: UnsafeMutablePointer<SizeRange>
    private let tables: UnsafeMutablePointer<SizeRange>
    private let bodies: UnsafeMutablePointer<Range<Int>>
    private let hints: UnsafeMutablePointer<BranchHints.Hint>
    let hintCount: Int

    init(_ module: DecodedModule, settings: CodeSettings = .init()) {
        func flattened<T>(_ elements: [T]) -> UnsafeMutablePointer<T> {
            let memory = UnsafeMutablePointer<T>.allocate(capacity: max(elements.count, 1))
            memory.initialize(from: elements, count: elements.count)
            return memory
        }
        self.module = module
        var settings = settings
        let instructionSet = settings.instructionSet ?? .v3
        settings.instructionSet = instructionSet
        self.settings = settings
        usesVEX = instructionSet == .v3
        var records: [TypeRecord] = []
        var lists: [IRType] = []
        records.reserveCapacity(module.types.count)
        for (index, type) in module.types.enumerated() {
            records.append(
                TypeRecord(
                    first: UInt32(lists.count), parameterCount: UInt32(type.parameters.count),
                    resultCount: UInt32(type.results.count), canonical: module.canonicalTypeIndices[index]))
            for value in type.parameters { lists.append(IRType(value)) }
            for value in type.results { lists.append(IRType(value)) }
        }
        typeCount = records.count
        types = flattened(records)
        valueTypes = flattened(lists)
        functionCount = module.functions.count
        importedFunctionCount = module.importedFunctionCount
        functions = flattened(module.functions)
        globalCount = module.globals.count
        globals = flattened(
            module.globals.enumerated().map { index, global in
                GlobalRecord(
                    type: IRType(global.value), isMutable: global.isMutable,
                    isImported: index < module.importedGlobalCount)
            })
        memoryCount = module.memories.count
        // Machine instructions have a byte for the index.
        precondition(memoryCount <= 256)
        memories = flattened(
            module.memories.enumerated().map { index, memory in
                SizeRange(memory.limits, isImported: index < module.importedMemoryCount, is64: memory.is64)
            })
        tableCount = module.tables.count
        tables = flattened(
            module.tables.enumerated().map { index, table in
                SizeRange(table.limits, isImported: index < module.importedTableCount, is64: table.is64)
            })
        bodyCount = module.bodies.count
        bodies = flattened(module.bodies.map(\.range))
        let branchHints = BranchHints(of: module).hints
        hints = flattened(branchHints)
        hintCount = branchHints.count
    }

    deinit {
        types.deallocate()
        valueTypes.deallocate()
        functions.deallocate()
        globals.deallocate()
        memories.deallocate()
        tables.deallocate()
        bodies.deallocate()
        hints.deallocate()
    }

    /// Hints by ascending place in the binary.
    @inline(__always)
    func hint(_ index: Int) -> BranchHints.Hint { hints[index] }

    /// The first hint at this place in the binary or behind it.
    func firstHint(from offset: UInt32) -> Int {
        var low = 0
        var high = hintCount
        while low < high {
            let middle = (low + high) / 2
            if hints[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Types

    @inline(__always) func parameterCount(ofType index: UInt32) -> Int { Int(record(index).parameterCount) }
    @inline(__always) func resultCount(ofType index: UInt32) -> Int { Int(record(index).resultCount) }

    @inline(__always) func parameters(ofType index: UInt32) -> IRTypeList {
        let record = record(index)
        return IRTypeList(start: valueTypes + Int(record.first), count: Int(record.parameterCount))
    }

    @inline(__always) func results(ofType index: UInt32) -> IRTypeList {
        let record = record(index)
        return IRTypeList(
            start: valueTypes + Int(record.first) + Int(record.parameterCount), count: Int(record.resultCount))
    }

    /// The lowest index of a type equal to this one: types are the same exactly if these are.
    @inline(__always) func canonicalType(_ index: UInt32) -> UInt32 { record(index).canonical }

    @inline(__always) private func record(_ index: UInt32) -> TypeRecord {
        assert(index < typeCount)
        return types[Int(index)]
    }

    // MARK: Functions

    /// The type index of a function.
    @inline(__always) func type(ofFunction index: UInt32) -> UInt32 {
        assert(index < functionCount)
        return functions[Int(index)]
    }

    @inline(__always) func isImported(function index: UInt32) -> Bool { index < importedFunctionCount }

    /// The function index of a body.
    @inline(__always) func function(ofBody body: Int) -> UInt32 { UInt32(importedFunctionCount &+ body) }

    /// Where a body lies in the module's bytes.
    @inline(__always) func range(ofBody body: Int) -> Range<Int> {
        assert(body >= 0 && body < bodyCount)
        return bodies[body]
    }

    /// The functions that other instances can come to call, by an export or a reference. In no order, some twice.
    var visibleFunctions: [UInt32] {
        module.exports.compactMap { $0.kind == .function ? $0.index : nil } + module.declaredFunctionReferences
    }

    /// The name section's name of a function; for diagnostics, not for hot code.
    func name(ofFunction index: UInt32) -> String? { module.names.functions[index] }

    // MARK: Globals, memories, tables

    @inline(__always) func type(ofGlobal index: UInt32) -> IRType { global(index).type }
    @inline(__always) func isMutable(global index: UInt32) -> Bool { global(index).isMutable }
    @inline(__always) func isImported(global index: UInt32) -> Bool { global(index).isImported }

    @inline(__always) private func global(_ index: UInt32) -> GlobalRecord {
        assert(index < globalCount)
        return globals[Int(index)]
    }

    /// In pages.
    @inline(__always) func memory(_ index: UInt32) -> SizeRange {
        assert(index < memoryCount)
        return memories[Int(index)]
    }

    /// In elements.
    @inline(__always) func table(_ index: UInt32) -> SizeRange {
        assert(index < tableCount)
        return tables[Int(index)]
    }
}

extension ModuleContext.SizeRange {
    fileprivate init(_ limits: Limits, isImported: Bool, is64: Bool) {
        self.init(minimum: limits.minimum, maximum: limits.maximum ?? .max, isImported: isImported, is64: is64)
    }
}

extension IRType {
    /// The representation of a WebAssembly value type.
    @inline(__always) init(_ type: ValueType) {
        switch type.bits & 0xFF {
        case 0x7F: self = .i32
        case 0x7E: self = .i64
        case 0x7D: self = .f32
        case 0x7C: self = .f64
        case 0x7B: self = .v128
        default: self = .ref
        }
    }
}
