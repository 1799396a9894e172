//! A template: imports checked against the module's types, and the initial state laid out as an image.
//!
//! Everything that instantiation does according to the specification, except for the start function, happens here, once:
//! global initialisers are evaluated and active segments are applied, in the specification's order. Instances then start from
//! the result. For instances that are linked with others it is `InstanceGroup` that does it.
//!
//! A snapshot's template begins where an instance was: its start function has run long ago, and what its segments have become is
//! part of its state.

import Compiler
import WasmModule

/// What all instances of a template share.
public final class TemplateCore: @unchecked Sendable {
    // Immutable after `init`. Unchecked because of the raw table of host functions.
    public let module: ModuleCore
    let residence: Residence
    let image: InstanceImage
    /// Of the memories that the module defines beside memory 0, a slot each.
    let furtherImages: [InstanceImage]
    /// By function index: the imported functions. Retained by the template.
    let hostFunctions: UnsafeMutableBufferPointer<Unmanaged<LinkedFunction>>
    let start: FunctionHandle?
    /// Passive segments that are dropped from the beginning; empty if there are none.
    let droppedData: [Bool]
    let droppedElements: [Bool]
    /// What refreshes a copy before anyone uses it.
    let refreshers: [HostFunction.Body]
    /// Instances begin where another one was.
    let isSnapshot: Bool
    /// What stamping needs of all this.
    public let stamp: UnsafePointer<Stamp>

    /// - Parameter residence: where the module's instances can live.
    public convenience init(module: ModuleCore, in residence: Residence, imports: ImportTable) throws {
        let linked = try LinkedImports(module.decoded, imports)
        self.init(
            module, residence, try InitialState(module, in: residence, globals: linked.globals).images(),
            linked.functions.retained(for: module.decoded), refreshers: imports.refreshers)
    }

    /// Of a single instance that is linked with others.
    ///
    /// - Parameter functions: the imported functions that are the host's, by function index.
    convenience init(
        linking module: ModuleCore, _ functions: [HostFunction?], refreshers: [HostFunction.Body]
    ) throws(LinkError) {
        self.init(
            module, module.engine.ordinaryResidence(), try module.imagesForLinking(),
            functions.map { $0 ?? .foreign }.retained(for: module.decoded),
            refreshers: refreshers)
    }

    /// Of instances that begin as one of another template is.
    ///
    /// - Parameters:
    ///   - images: of its state.
    ///   - droppedData: the passive segments it has dropped; the same for elements.
    convenience init(
        of template: TemplateCore, _ images: [InstanceImage], droppedData: [Bool], droppedElements: [Bool]
    ) {
        self.init(
            template.module, template.residence, images, template.hostFunctions.map { $0.retain() },
            refreshers: template.refreshers, isSnapshot: true, droppedData: droppedData,
            droppedElements: droppedElements)
    }

    init(
        _ module: ModuleCore, _ residence: Residence, _ images: [InstanceImage],
        _ functions: [Unmanaged<LinkedFunction>], refreshers: [HostFunction.Body], isSnapshot: Bool = false,
        droppedData: [Bool] = [], droppedElements: [Bool] = []
    ) {
        precondition(residence.suits(module.code), "code without bounds checks has no business in a dense slot")
        self.module = module
        self.residence = residence
        image = images[0]
        furtherImages = Array(images.dropFirst())
        hostFunctions = .allocate(capacity: functions.count)
        _ = hostFunctions.initialize(from: functions)
        self.isSnapshot = isSnapshot
        start = isSnapshot ? nil : module.decoded.start.map { module.function(Int($0)) }
        self.droppedData = droppedData
        self.droppedElements = droppedElements
        self.refreshers = refreshers
        let stamp = UnsafeMutablePointer<Stamp>.allocate(capacity: 1)
        self.stamp = UnsafePointer(stamp)
        stamp.initialize(to: Stamp(self))
    }

    /// Where its instances live.
    var pool: Pool { residence.pool }

    deinit {
        for function in hostFunctions { function.release() }
        hostFunctions.deallocate()
        stamp.deallocate()
    }
}

extension HostFunction {
    /// In place of another instance's function, which is called without the host.
    fileprivate static let foreign = HostFunction(type: FunctionType()) { _, _ in
        throw Trap(code: .unexpectedFault)
    }
}

/// A module's imports, found and of the right types.
struct LinkedImports {
    var functions: [HostFunction] = []
    /// The cells of each imported global.
    var globals: [V128] = []

    init(_ module: DecodedModule, _ imports: ImportTable) throws(LinkError) {
        for entry in module.imports {
            // A function of another module would run on this module's instances.
            switch try imports.definition(of: entry, in: module, isKnown: { _, _ in false }) {
            case .function(let function): functions.append(function)
            case .global(_, let cells): globals.append(cells)
            }
        }
    }
}

extension ImportTable {
    /// What the host defines for an import.
    ///
    /// - Parameter isKnown: whether a reference to a function or to an object can be given to the importer.
    func definition(
        of entry: Import, in module: DecodedModule, isKnown: (ValueType, UInt64) -> Bool
    ) throws(LinkError) -> Definition {
        let expected = entry.type.text(module.types)
        // What the host cannot define is said first: defining something else would not help.
        let isForInstances =
            switch entry.type {
            case .memory, .table: true
            case .global(let type): type.isMutable
            case .function: false
            }
        guard !isForInstances else {
            throw .needsInstance(module: entry.module, name: entry.name, expected: expected)
        }
        guard let definition = definition(entry.module, entry.name) else {
            throw .unknownImport(module: entry.module, name: entry.name)
        }
        switch (entry.type, definition) {
        case (.function(let index), .function(let function)) where function.type == module.types[Int(index)]:
            return definition
        case (.global(let type), .global(let actual, let cells))
        where actual == type.value && (!definition.belongsToSomebody || isKnown(actual, cells.low)):
            return definition
        default:
            throw .incompatibleImport(
                module: entry.module, name: entry.name, expected: expected, actual: definition.text)
        }
    }
}

extension ImportTable.Definition {
    /// It is a reference that means something to some instances only.
    fileprivate var belongsToSomebody: Bool {
        switch self {
        case .global(.funcref, let cells): cells.low != 0
        case .global(.externref, let cells): cells.low & ExternReference.objectBit != 0
        default: false
        }
    }

    fileprivate var text: String {
        switch self {
        case .function(let function): "function \(function.type.text)"
        case .global(.funcref, _) where belongsToSomebody: "global of a function of another module"
        case .global(.externref, _) where belongsToSomebody: "global of an object of another instance"
        case .global(let type, _): "global of \(type.text)"
        }
    }
}
