//! A template: imports checked against the module's types, and the initial state laid out as an image.
//!
//! Everything that instantiation does according to the specification, except for the start function, happens here, once:
//! global initialisers are evaluated and active segments are applied, in the specification's order. Instances then start from
//! the result.

import Compiler
import WasmModule

/// What all instances of a template share.
public final class TemplateCore: @unchecked Sendable {
    // Immutable after `init`. Unchecked because of the raw table of host functions.
    public let module: ModuleCore
    let image: InstanceImage
    /// By function index: the imported functions. Retained by the template.
    let hostFunctions: UnsafeMutableBufferPointer<Unmanaged<LinkedFunction>>
    let start: FunctionHandle?
    /// What stamping needs of all this.
    public let stamp: UnsafePointer<Stamp>

    public init(module: ModuleCore, imports: ImportTable) throws {
        self.module = module
        let linked = try LinkedImports(module.decoded, imports)
        image = try InitialState(module, globals: linked.globals).image()
        hostFunctions = .allocate(capacity: linked.functions.count)
        for (index, function) in linked.functions.enumerated() {
            hostFunctions.initializeElement(at: index, to: .passRetained(LinkedFunction(function)))
        }
        start = module.decoded.start.map { module.function(Int($0)) }
        let stamp = UnsafeMutablePointer<Stamp>.allocate(capacity: 1)
        self.stamp = UnsafePointer(stamp)
        stamp.initialize(to: Stamp(self))
    }

    deinit {
        for function in hostFunctions { function.release() }
        hostFunctions.deallocate()
        stamp.deallocate()
    }
}

/// A module's imports, found and of the right types.
struct LinkedImports {
    var functions: [HostFunction] = []
    /// The cells of each imported global.
    var globals: [V128] = []

    init(_ module: DecodedModule, _ imports: ImportTable) throws(LinkError) {
        for entry in module.imports {
            func unsupported(_ kind: String) -> LinkError {
                .unsupportedImport(module: entry.module, name: entry.name, kind: kind)
            }
            // What cannot be imported at all is said first: defining it would not help.
            switch entry.type {
            case .memory: throw unsupported("memory")
            case .table: throw unsupported("table")
            case .global(let type) where type.isMutable: throw unsupported("mutable global")
            case .function, .global: break
            }
            guard let definition = imports.definition(entry.module, entry.name) else {
                throw .unknownImport(module: entry.module, name: entry.name)
            }
            func incompatible(_ expected: String) -> LinkError {
                .incompatibleImport(
                    module: entry.module, name: entry.name, expected: expected, actual: definition.text)
            }
            switch (entry.type, definition) {
            case (.function(let index), .function(let function)):
                let type = module.types[Int(index)]
                guard function.type == type else { throw incompatible("function \(type.text)") }
                functions.append(function)
            case (.global(let type), .global(let actual, let cells)):
                // A function of another module would run on this module's instances.
                guard actual == type.value, type.value != .funcref || cells.low == 0 else {
                    throw incompatible("global of \(type.value.text)")
                }
                globals.append(cells)
            case (.function(let index), .global): throw incompatible("function \(module.types[Int(index)].text)")
            case (.global(let type), .function): throw incompatible("global of \(type.value.text)")
            case (.memory, _), (.table, _): throw unsupported("memory or table")
            }
        }
    }
}

extension ImportTable.Definition {
    fileprivate var text: String {
        switch self {
        case .function(let function): "function \(function.type.text)"
        case .global(.funcref, let cells) where cells.low != 0: "global of a function of another module"
        case .global(let type, _): "global of \(type.text)"
        }
    }
}
