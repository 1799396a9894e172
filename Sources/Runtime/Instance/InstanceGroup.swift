//! Instances that are linked with each other: they call each other's functions directly, and share memories, tables and
//! globals.
//!
//! All of them run on the guest stack of the first one, whose context is the root of all (`VMContextLayout`). Each has a slot
//! and function records of its own, so that a reference says whose function it is. Instantiation follows the specification
//! step by step, as its effects on what is shared stay when a later step fails: an instance that failed to start may have
//! put its functions into a table by then, so it lives on with the others.

import Compiler
import WasmModule

/// The instances of one store.
public final class InstanceGroup {
    let engine: EngineCore
    let resources: StoreResources
    private(set) var members: [InstanceCore] = []
    private(set) var names: [ExactName: InstanceCore] = [:]
    /// The member whose host function or runtime function failed last.
    weak var failed: InstanceCore?

    /// - Parameter limits: of all of them together.
    public init(_ engine: EngineCore, limits: ResourceLimits = ResourceLimits()) {
        self.engine = engine
        resources = StoreResources(limits)
    }

    /// Puts an instance that is not linked under the limits of those that are, together with them.
    ///
    /// - Throws: `LimitError` if it has more than it may.
    public func admit(_ instance: InstanceCore) throws(LimitError) { try instance.admit(to: resources) }

    deinit {
        for member in members { member.close() }
    }

    /// The context of the first member.
    var root: UnsafeMutableRawPointer? { members.first?.context }
    /// The slot of the first member, on whose stack all run.
    var stackSlot: Slot? { members.first?.slot }

    /// The modules whose code runs on the stack.
    var modules: [ModuleCore] {
        var modules: [ModuleCore] = []
        for member in members where !modules.contains(where: { $0 === member.template.module }) {
            modules.append(member.template.module)
        }
        return modules
    }

    /// The member and the function that a cell with a function reference means.
    func function(ofReference cell: UInt64) -> (member: InstanceCore, index: Int)? {
        for member in members {
            if let index = member.ownFunctionIndex(ofReference: cell) { return (member, index) }
        }
        return nil
    }

    /// Whether an instance is one of the members.
    public func has(_ instance: InstanceCore) -> Bool { members.contains { $0 === instance } }

    /// Makes a member what later ones import from under a name. The name's former instance stays.
    public func register(_ instance: InstanceCore, as name: String) { register(instance, as: ExactName(name)) }

    func register(_ instance: InstanceCore, as name: ExactName) { names[name] = instance }

    /// The instance that a name means.
    public func instance(named name: String) -> InstanceCore? { names[ExactName(name)] }

    // MARK: Instantiation

    /// Instantiates a module of the group's engine, but for its start function. Its imports come from the members whose
    /// names they give, and else from the host's.
    ///
    /// - Parameter make: takes a slot for the instance; receives the stamp.
    /// - Throws: `LinkError` or `LimitError`, with nothing done; `PoolError`; `Trap` if a segment does not fit.
    public func instantiate<Instance: InstanceCore>(
        _ module: ModuleCore, _ imports: ImportTable, _ make: (UnsafePointer<Stamp>) throws -> Instance
    ) throws -> Instance {
        try resources.checkCount()
        let links = try links(of: module.decoded, imports)
        let template = try TemplateCore(linking: module, links.hostFunctions, refreshers: imports.refreshers)
        let instance = try make(template.stamp)
        try admit(instance)
        _ = add(instance, links)
        try instance.initialize()
        return instance
    }

    /// Takes an instance in that was just stamped, and links it.
    func add<Instance: InstanceCore>(_ instance: Instance, _ links: Links) -> Instance {
        members.append(instance)
        instance.link(links)
        return instance
    }

    /// What the imports of a module are linked to, each list in the order of its index space.
    struct Links {
        enum Function {
            case host(HostFunction)
            case foreign(record: UnsafeMutableRawPointer)
            /// The host's, and the template has it already.
            case unchanged
        }
        enum Global {
            case value(V128)
            /// Of a mutable one: where its value lies.
            case address(UnsafeMutableRawPointer)
        }
        var functions: [Function] = []
        var memories: [MemoryInstance] = []
        var tables: [TableInstance] = []
        var globals: [Global] = []

        var hostFunctions: [HostFunction?] {
            functions.map { if case .host(let function) = $0 { function } else { nil } }
        }
    }

    private func links(of module: DecodedModule, _ imports: ImportTable) throws -> Links {
        var links = Links()
        for entry in module.imports {
            if let exporter = names[ExactName(entry.module)] {
                try exporter.export(to: entry, of: module, &links)
            } else {
                let definition = try imports.definition(of: entry, in: module) { type, cell in
                    type == .funcref ? function(ofReference: cell) != nil : resources.objects.object(cell) != nil
                }
                switch definition {
                case .function(let function): links.functions.append(.host(function))
                case .global(_, let cells): links.globals.append(.value(cells))
                }
            }
        }
        return links
    }
}

extension InstanceCore {
    /// Finds what a module imports among the exports.
    fileprivate final func export(
        to entry: Import, of importer: DecodedModule, _ links: inout InstanceGroup.Links
    ) throws(LinkError) {
        guard let linkage, let records = linkage.records, let tables = linkage.tables else {
            preconditionFailure("an instance that is not linked")
        }
        guard let (kind, index) = template.module.export(entry.name) else {
            throw .unknownImport(module: entry.module, name: entry.name)
        }
        let module = template.module.decoded
        func incompatible(_ expected: String, _ actual: String) -> LinkError {
            .incompatibleImport(module: entry.module, name: entry.name, expected: expected, actual: actual)
        }
        let actual: ExternalType =
            switch kind {
            case .function: .function(typeIndex: module.functions[index])
            case .table:
                .table(
                    TableType(
                        element: tables[index].type.element,
                        limits: Limits(minimum: tables[index].length, maximum: tables[index].type.limits.maximum),
                        is64: tables[index].type.is64))
            case .memory:
                .memory(
                    MemoryType(
                        limits: Limits(
                            minimum: linkage.memories[index].length / MemoryType.pageSize,
                            maximum: linkage.memories[index].type.limits.maximum),
                        is64: linkage.memories[index].type.is64))
            case .global: .global(module.globals[index])
            }
        let actualText = actual.text(module.types)
        switch (entry.type, actual) {
        case (.function(let expected), .function):
            guard importer.types[Int(expected)] == module.functionType(UInt32(index)) else { break }
            return links.functions.append(.foreign(record: records + index * FunctionRecord.size))
        case (.table(let expected), .table(let table)):
            guard expected.element == table.element, expected.is64 == table.is64,
                table.limits.fit(expected.limits)
            else { break }
            return links.tables.append(tables[index])
        case (.memory(let expected), .memory(let memory)):
            guard expected.is64 == memory.is64, memory.limits.fit(expected.limits) else { break }
            return links.memories.append(linkage.memories[index])
        case (.global(let expected), .global(let global)):
            guard expected == global else { break }
            return links.globals.append(
                global.isMutable ? .address(globalAddress(index)) : .value(globalCells(index)))
        default: break
        }
        throw incompatible(entry.type.text(importer.types), actualText)
    }

    /// Points the context at what is imported and at the root, and gives the instance records of its own.
    fileprivate final func link(_ links: InstanceGroup.Links) {
        guard let linkage, let records = linkage.records else { preconditionFailure("an instance that is not linked") }
        linkage.links = links
        let layout = template.module.code.layout
        if let root = linkage.group?.root, root != context {
            linkage.overwrite(VMContextLayout.root, with: UInt64(UInt(bitPattern: root)))
            linkage.overwrite(VMContextLayout.stackLimit, with: root.loadWord(at: VMContextLayout.stackLimit))
        }
        linkage.overwrite(VMContextLayout.functionRecords, with: UInt64(UInt(bitPattern: records)))
        for (index, function) in links.functions.enumerated() {
            guard case .foreign(let original) = function else { continue }
            let record = records + index * FunctionRecord.size
            record.copyMemory(from: original, byteCount: FunctionRecord.size)
            let number = original.load(fromByteOffset: FunctionRecord.index, as: UInt32.self)
            record.storeBytes(
                of: number | FunctionRecord.isForeign, toByteOffset: FunctionRecord.index, as: UInt32.self)
        }
        let own = linkage.memories
        linkage.memories = links.memories + own
        for (index, memory) in links.memories.enumerated() {
            memory.show(in: linkage, base: layout.memoryBase(index), length: layout.memoryLength(index))
        }
        if let memory = links.memories.first { memoryBase = memory.slot.memoryBase }
        for (index, table) in links.tables.enumerated() {
            table.show(in: linkage, base: layout.tableBase(index), length: layout.tableLength(index))
            linkage.append(table)
        }
        let pool = template.pool
        for (index, type) in template.module.decoded.tables.enumerated().dropFirst(links.tables.count) {
            linkage.append(TableInstance(type, index, in: slot, layout: layout, of: pool))
        }
        for (index, global) in links.globals.enumerated() {
            switch global {
            case .value(let cells): storeGlobal(index, cells)
            case .address(let address): storeGlobal(index, V128(low: UInt64(UInt(bitPattern: address))))
            }
        }
    }

    final func storeGlobal(_ index: Int, _ cells: V128) {
        let offset = template.module.code.layout.global(index)
        context.storeWord(cells.low, at: offset)
        context.storeWord(cells.high, at: offset + 8)
    }

    /// Evaluates globals and applies active segments, in the specification's order.
    fileprivate final func initialize() throws {
        let decoded = template.module.decoded
        for (index, initializer) in decoded.globalInitializers.enumerated() {
            storeGlobal(decoded.importedGlobalCount + index, constant(initializer))
        }
        for segment in decoded.elements {
            guard case .active(let table, let offset) = segment.mode, let tables = linkage?.tables else { continue }
            let target = tables[Int(table)]
            let start = constant(offset).low
            guard Self.fits(start, UInt64(segment.items.count), target.length) else {
                throw Trap(code: .tableOutOfBounds)
            }
            for (index, item) in segment.items.enumerated() {
                target.elements[Int(start) + index] = constant(item).low
            }
        }
        for segment in decoded.data {
            guard case .active(let memory, let offset) = segment.mode, let memories = linkage?.memories else {
                continue
            }
            let target = memories[Int(memory)]
            let start = constant(offset).low
            guard Self.fits(start, UInt64(segment.range.count), target.length) else {
                throw Trap(code: .memoryOutOfBounds)
            }
            decoded.bytes.withUnsafeBytes { bytes in
                let source = UnsafeRawBufferPointer(rebasing: bytes[segment.range])
                if let address = source.baseAddress, !source.isEmpty {
                    (target.slot.memoryBase + Int(start)).copyMemory(from: address, byteCount: source.count)
                }
            }
        }
    }
}

extension Limits {
    /// Whether something of this size, with this maximum, can be imported as something of the other limits.
    fileprivate func fit(_ expected: Limits) -> Bool {
        guard minimum >= expected.minimum else { return false }
        guard let most = expected.maximum else { return true }
        return maximum.map { $0 <= most } ?? false
    }

    fileprivate var text: String { maximum.map { "\(minimum) to \($0)" } ?? "\(minimum) or more" }
}

extension ExternalType {
    /// For messages. Limits are in pages and elements.
    func text(_ types: [FunctionType]) -> String {
        switch self {
        case .function(let index): "function \(types[Int(index)].text)"
        case .table(let type):
            "\(type.is64 ? "64-bit " : "")table of \(type.element.text), \(type.limits.text) elements"
        case .memory(let type): "\(type.is64 ? "64-bit " : "")memory of \(type.limits.text) pages"
        case .global(let type): "\(type.isMutable ? "mutable " : "")global of \(type.value.text)"
        }
    }
}
