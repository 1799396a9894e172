//! A compiled module and what can be asked of it.

import Compiler
public import Runtime
import Synchronization
public import WasmModule

/// A validated and compiled module, without imports and state.
///
/// Its code is in memory as long as the module, a template of it, or an instance exists.
public final class Module: Sendable {
    /// The engine that compiled or loaded it.
    public let engine: Engine
    @usableFromInline let core: ModuleCore
    /// Its code for dense slots, if `core` is not that and a template has needed it.
    private let denseCore = Mutex<ModuleCore?>(nil)

    init(engine: Engine, core: ModuleCore) {
        self.engine = engine
        self.core = core
    }

    /// The type of an import or export.
    public enum ExternalType: Sendable, Hashable, CustomStringConvertible {
        /// A function of this type.
        case function(FunctionType)
        /// A table; limits are in elements.
        case table(TableType)
        /// A memory; limits are in pages of 64 KiB.
        case memory(MemoryType)
        /// A global of this type.
        case global(GlobalType)

        /// As in `function (i32) -> i32` or `memory, 1 to 4 pages`.
        public var description: String {
            switch self {
            case .function(let type): "function \(type.text)"
            case .table(let type): "table of \(type.element.text), \(type.limits.text)"
            case .memory(let type): "memory, \(type.limits.text) pages"
            case .global(let type): (type.isMutable ? "mutable " : "") + "global of \(type.value.text)"
            }
        }
    }

    /// Something that the module imports, by its two names.
    public struct ImportDescription: Sendable, Hashable {
        /// The module that it is imported from.
        public var module: String
        /// Its name there.
        public var name: String
        /// What it is.
        public var type: ExternalType
    }

    /// Something that the module exports.
    public struct ExportDescription: Sendable, Hashable {
        /// The name under which it is exported.
        public var name: String
        /// What it is.
        public var type: ExternalType
    }

    /// What the module imports, in its order.
    public var imports: [ImportDescription] {
        core.decoded.imports.map { entry in
            let type: ExternalType =
                switch entry.type {
                case .function(let index): .function(core.decoded.types[Int(index)])
                case .table(let type): .table(type)
                case .memory(let type): .memory(type)
                case .global(let type): .global(type)
                }
            return ImportDescription(module: entry.module, name: entry.name, type: type)
        }
    }

    /// What the module exports, in its order.
    public var exports: [ExportDescription] {
        core.decoded.exports.map { entry in
            let index = Int(entry.index)
            let type: ExternalType =
                switch entry.kind {
                case .function: .function(core.decoded.functionType(entry.index))
                case .table: .table(core.decoded.tables[index])
                case .memory: .memory(core.decoded.memories[index])
                case .global: .global(core.decoded.globals[index])
                }
            return ExportDescription(name: entry.name, type: type)
        }
    }

    /// The name that the module's name section gives it.
    public var name: String? { core.decoded.names.module }

    /// Checks the imports and builds the initial state, once for all instances.
    ///
    /// - Parameters:
    ///   - imports: what the host defines.
    ///   - memoryLimit: bytes, rounded down to whole pages of 64 KiB, that each memory may grow to: `memory.grow`
    ///     beyond it fails, whatever maximum the module declares. If with it the instances fit the engine's dense slots
    ///     (`PoolConfiguration.dense`), they live there. The first such template may have the module compiled a
    ///     second time, and its functions (``TypedFunction``, references) are good for templates of which this is true
    ///     as well.
    /// - Throws: `LinkError` if an import is missing or of another type, or the module does not fit the engine's slots
    ///   or the limit; `Trap` if an active segment lies outside its memory or table; ``CompileError``.
    public func template<State>(imports: Imports<State>, memoryLimit: UInt64? = nil) throws -> Template<State> {
        let (core, residence) = try codeAndResidence(memoryLimit: memoryLimit)
        return Template(module: self, core: try TemplateCore(module: core, in: residence, imports: imports.table))
    }

    /// A template of a module that needs no imports.
    ///
    /// - Throws: as ``template(imports:memoryLimit:)``.
    public func template(memoryLimit: UInt64? = nil) throws -> Template<Void> {
        try template(imports: Imports<Void>(), memoryLimit: memoryLimit)
    }

    /// Where instances can live that begin with such a state and run the code there is.
    func residence(of state: PortableState) -> Residence {
        let limit = state.memories.map(\.limit).max()
        if core.hasBoundsChecks,
            let dense = engine.core.denseResidence(
                of: core.decoded, core.code, memoryLimit: limit, tables: state.tables)
        {
            return dense
        }
        return engine.core.ordinaryResidence(memoryLimit: limit)
    }

    /// Where instances with such a limit live, and the code for it.
    private func codeAndResidence(memoryLimit: UInt64?) throws(CompileError) -> (ModuleCore, Residence) {
        let ordinary = engine.core.ordinaryResidence(memoryLimit: memoryLimit)
        guard let dense = engine.core.denseResidence(of: core.decoded, core.code, memoryLimit: memoryLimit) else {
            return (core, ordinary)
        }
        if core.hasBoundsChecks { return (core, dense) }
        // Loaded from an artifact with other code: nobody has asked for more.
        if memoryLimit == nil { return (core, ordinary) }
        let denseCore = try denseCore.withLock { denseCore throws(CompileError) -> ModuleCore in
            if let denseCore { return denseCore }
            var settings = engine.configuration.code
            settings.metersFuel = core.metersFuel
            let made = try engine.compile(core.decoded.bytes, settings.forDenseSlots, nil).core
            denseCore = made
            return made
        }
        return (denseCore, dense)
    }

    /// The module as bytes that ``Engine/load(compiled:)`` loads without compiling. For this version of Mayfly and for
    /// processors with the features of this one.
    public func serialized() -> [UInt8] { Artifact(module: core).serialized() }
}

extension Limits {
    var text: String { maximum.map { "\(minimum) to \($0)" } ?? "\(minimum) or more" }
}
