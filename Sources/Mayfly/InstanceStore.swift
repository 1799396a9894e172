//! What is behind one instance: the host's state for it and the runtime's.
//!
//! `Instance` and `Caller` are two views of a store: the owner's and a host function's. What both can do is here. All but the
//! state and the typed values is in `InstanceCore`, which is not generic.
//!
//! Cells and memory are raw: no reference to the store is in them. So whatever reads them says `withExtendedLifetime(self)`,
//! or the optimizer might let the last reference go, and with it the slot, right after the guest returns.

import Compiler
public import Runtime
public import WasmModule

@usableFromInline
class InstanceStore<State>: InstanceCore {
    @inlinable
    override init(
        _ stamp: UnsafePointer<Stamp>, ownsTemplate: Bool, group: InstanceGroup? = nil
    ) throws(PoolError) {
        try super.init(stamp, ownsTemplate: ownsTemplate, group: group)
    }

    /// The host's. Where it is, the subclasses know: an instance's own must not pay for those that share it.
    @inlinable
    var state: State {
        get { preconditionFailure("a store of no kind") }
        _modify { preconditionFailure("a store of no kind") }
    }

    // MARK: Calls

    /// Finds an exported function and checks its type.
    @inlinable
    final func function<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, _ parameters: repeat (each Parameter).Type, results: (repeat (each Result).Type)
    ) throws -> FunctionHandle {
        let function = try template.module.exportedFunction(name)
        try check(function, name: name, repeat (each Parameter).self, results: (repeat (each Result).self))
        return function
    }

    /// Refuses a function of another type.
    @inlinable
    final func check<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: FunctionHandle, name: @autoclosure () -> String, _ parameters: repeat (each Parameter).Type,
        results: (repeat (each Result).Type)
    ) throws {
        var match = TypeMatch(function.type.parameters)
        repeat match.next((each Parameter).wasmType)
        var resultMatch = TypeMatch(function.type.results)
        repeat resultMatch.next((each Result).wasmType)
        guard match.isComplete, resultMatch.isComplete else {
            var expected = FunctionType()
            repeat expected.parameters.append((each Parameter).wasmType)
            repeat expected.results.append((each Result).wasmType)
            throw CallError.typeMismatch(name: name(), expected: expected, actual: function.type)
        }
    }

    /// Enters a function whose type has been checked. The result points to the cells with its results.
    // No closure here or in the callers: one that captures a pack is not specialised.
    @inlinable @inline(__always)
    final func enter<each Parameter: WasmValue>(
        _ function: FunctionHandle, _ arguments: repeat each Parameter
    ) throws -> UnsafeMutablePointer<UInt64> {
        let cells = cells(function.cellCount)
        var writer = CellWriter(cells, of: self)
        repeat try writer.append(each arguments)
        try enter(function, cells)
        return cells
    }

    @inlinable
    final func call<each Parameter: WasmValue, Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        let function = try function(name, repeat (each Parameter).self, results: Result.self)
        return try Result.load(fromWasmCells: try enter(function, repeat each arguments), in: self)
    }

    @inlinable
    final func call<each Parameter: WasmValue>(_ name: String, _ arguments: repeat each Parameter) throws {
        defer { withExtendedLifetime(self) {} }
        let function = try function(name, repeat (each Parameter).self, results: ())
        _ = try enter(function, repeat each arguments)
    }

    @_disfavoredOverload
    @inlinable
    final func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        defer { withExtendedLifetime(self) {} }
        let function = try function(name, repeat (each Parameter).self, results: (repeat (each Result).self))
        var reader = CellReader(try enter(function, repeat each arguments), of: self)
        return (repeat try reader.next((each Result).self))
    }

    /// A typed function is of the module it was looked up in.
    @inlinable @inline(__always)
    final func check<Parameters, Results>(_ function: borrowing TypedFunction<Parameters, Results>) throws {
        guard function.module === template.module else { throw CallError.foreignFunctionReference }
    }

    @inlinable
    final func call<each Parameter: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Result>, _ arguments: repeat each Parameter
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        return try Result.load(fromWasmCells: try enter(function.core, repeat each arguments), in: self)
    }

    @inlinable
    final func call<each Parameter: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Void>, _ arguments: repeat each Parameter
    ) throws {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        _ = try enter(function.core, repeat each arguments)
    }

    @_disfavoredOverload
    @inlinable
    final func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), (repeat each Result)>, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        var reader = CellReader(try enter(function.core, repeat each arguments), of: self)
        return (repeat try reader.next((each Result).self))
    }

    final func call(_ name: String, arguments: [Value]) throws -> [Value] {
        try call(try template.module.exportedFunction(name), name, arguments)
    }

    final func call(_ reference: FunctionReference, arguments: [Value]) throws -> [Value] {
        let (instance, function) = try function(reference)
        // Linked instances have states of one type.
        return try unsafeDowncast(instance, to: InstanceStore<State>.self)
            .call(function, "function \(function.functionIndex)", arguments)
    }

    private func call(_ function: FunctionHandle, _ name: String, _ arguments: [Value]) throws -> [Value] {
        defer { withExtendedLifetime(self) {} }
        let cells = try store(arguments, for: function, name)
        try enter(function, cells)
        return try results(of: function, name, in: cells)
    }

    /// Checks the types of arguments and puts them into cells.
    final func store(
        _ arguments: [Value], for function: FunctionHandle, _ name: String
    ) throws -> UnsafeMutablePointer<UInt64> {
        let types = arguments.map(\.type)
        guard types == function.type.parameters else {
            throw CallError.typeMismatch(
                name: name, expected: FunctionType(parameters: types, results: function.type.results),
                actual: function.type)
        }
        let cells = cells(function.cellCount)
        var next = cells
        for argument in arguments {
            let value = argument.cells
            if argument.type == .externref { try checkExternReference(value.low) }
            next.pointee = value.low
            if argument.type == .v128 { next[1] = value.high }
            next += argument.type.cellCount
        }
        return cells
    }

    final func results(
        of function: FunctionHandle, _ name: String, in cells: UnsafeMutablePointer<UInt64>
    ) throws(CallError) -> [Value] {
        var results: [Value] = []
        var next = cells
        for type in function.type.results {
            let pair = V128(low: next.pointee, high: type == .v128 ? next[1] : 0)
            guard let value = Value(cells: pair, type: type) else {
                throw CallError.typeMismatch(name: name, expected: FunctionType(), actual: function.type)
            }
            results.append(value)
            next += type.cellCount
        }
        return results
    }

    // MARK: Globals

    final func global(_ name: String) throws(CallError) -> Value {
        let (index, type) = try template.module.exportedGlobal(name)
        guard let value = Value(cells: globalCells(index), type: type.value) else {
            throw .globalTypeMismatch(name: name, expected: type.value, actual: type.value)
        }
        return value
    }

    final func setGlobal(_ name: String, to value: Value) throws(CallError) {
        let (index, type) = try template.module.exportedGlobal(name)
        guard type.isMutable else { throw .immutableGlobal(name: name) }
        guard type.value == value.type else {
            throw .globalTypeMismatch(name: name, expected: value.type, actual: type.value)
        }
        if type.value == .funcref { try checkReference(value.cells.low) }
        if type.value == .externref {
            do { try checkExternReference(value.cells.low) } catch { throw .foreignObjectReference }
        }
        setGlobalCells(index, value.cells)
    }
}

/// Of an instance that has its state to itself.
@usableFromInline
final class OwnInstanceStore<State>: InstanceStore<State> {
    @usableFromInline final var own: State

    @inlinable
    init(_ stamp: UnsafePointer<Stamp>, ownsTemplate: Bool, state: consuming State) throws(PoolError) {
        own = state
        try super.init(stamp, ownsTemplate: ownsTemplate)
    }

    @inlinable
    override var state: State {
        get { own }
        _modify { yield &own }
    }
}

/// Of an instance in a store where others are linked.
final class SharingInstanceStore<State>: InstanceStore<State> {
    private let shared: SharedState<State>

    /// - Parameter group: the instances to be linked with, if any.
    init(
        _ stamp: UnsafePointer<Stamp>, ownsTemplate: Bool, shared: SharedState<State>, group: InstanceGroup?
    ) throws(PoolError) {
        self.shared = shared
        try super.init(stamp, ownsTemplate: ownsTemplate, group: group)
    }

    override var state: State {
        get { shared.value }
        _modify { yield &shared.value }
    }
}

/// The state that all instances of a store work on.
final class SharedState<State> {
    var value: State

    init(_ value: consuming State) { self.value = value }
}

/// Compares a list of types with types that come one by one, without making a list of them.
@usableFromInline
struct TypeMatch {
    @usableFromInline let types: [ValueType]
    @usableFromInline var position = 0
    @usableFromInline var isEqual = true

    @inlinable init(_ types: [ValueType]) { self.types = types }

    @inlinable
    mutating func next(_ type: ValueType) {
        if position >= types.count || types[position] != type { isEqual = false }
        position += 1
    }

    @inlinable var isComplete: Bool { isEqual && position == types.count }
}
