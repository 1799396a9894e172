//! What a host defined under which two names.

public import WasmModule

/// The definitions behind `Imports`, without the state's type.
public struct ImportTable: Sendable {
    /// Names are byte sequences; `String` would compare them by canonical equivalence.
    struct Key: Hashable {
        var module: ExactName
        var name: ExactName
    }

    enum Definition: Sendable {
        case function(HostFunction)
        case global(ValueType, cells: V128)
    }

    private var definitions: [Key: Definition] = [:]
    /// What refreshes a copy of an instance before anyone uses it, in order. They take no cells.
    private(set) var refreshers: [HostFunction.Body] = []

    public init() {}

    public mutating func define(_ module: String, _ name: String, _ function: HostFunction) {
        definitions[Key(module: ExactName(module), name: ExactName(name))] = .function(function)
    }

    public mutating func define(_ module: String, _ name: String, global type: ValueType, cells: V128) {
        definitions[Key(module: ExactName(module), name: ExactName(name))] = .global(type, cells: cells)
    }

    public mutating func refreshCopies(_ body: @escaping HostFunction.Body) { refreshers.append(body) }

    public mutating func merge(_ other: ImportTable) {
        definitions.merge(other.definitions) { _, new in new }
        refreshers += other.refreshers
    }

    func definition(_ module: String, _ name: String) -> Definition? {
        definitions[Key(module: ExactName(module), name: ExactName(name))]
    }
}
