//! The unit of isolation: the state of one guest, the host's and the runtime's. One instance lives in it.
//!
//! `Instance` and `Caller` are two views of a store: the owner's and a host function's. What both can do is here. All but the
//! state and the typed values is in `InstanceCore`, which is not generic.

public import Runtime
public import WasmModule

@usableFromInline
final class Store<State>: InstanceCore {
    @usableFromInline final var state: State

    @inlinable
    init(template: TemplateCore, state: consuming State) throws(PoolError) {
        self.state = state
        try super.init(template: template)
    }

    // MARK: Calls

    @inlinable
    final func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        let function = try template.module.exportedFunction(name)
        var position = 0
        var matches = true
        func check(_ type: ValueType, _ types: [ValueType]) {
            if position >= types.count || types[position] != type { matches = false }
            position += 1
        }
        repeat check((each Parameter).wasmType, function.type.parameters)
        if position != function.type.parameters.count { matches = false }
        position = 0
        repeat check((each Result).wasmType, function.type.results)
        if position != function.type.results.count { matches = false }
        guard matches else {
            var expected = FunctionType()
            repeat expected.parameters.append((each Parameter).wasmType)
            repeat expected.results.append((each Result).wasmType)
            throw CallError.typeMismatch(name: name, expected: expected, actual: function.type)
        }
        return try call(function, repeat each arguments)
    }

    @inlinable
    final func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), (repeat each Result)>, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        guard function.module === template.module else { throw CallError.foreignFunctionReference }
        return try call(function.core, repeat each arguments)
    }

    /// The types have been checked.
    @inlinable
    final func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: FunctionHandle, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: function.cellCount) { buffer in
            let cells = buffer.baseAddress!
            var writer = CellWriter(cells)
            repeat writer.append(each arguments)
            try enter(function, cells)
            var reader = CellReader(cells)
            return (repeat reader.next((each Result).self))
        }
    }

    final func call(_ name: String, arguments: [Value]) throws -> [Value] {
        try call(try template.module.exportedFunction(name), name, arguments)
    }

    final func call(_ reference: FunctionReference, arguments: [Value]) throws -> [Value] {
        let function = try template.module.function(reference)
        return try call(function, "function \(function.functionIndex)", arguments)
    }

    private func call(_ function: FunctionHandle, _ name: String, _ arguments: [Value]) throws -> [Value] {
        let types = arguments.map(\.type)
        guard types == function.type.parameters else {
            throw CallError.typeMismatch(
                name: name, expected: FunctionType(parameters: types, results: function.type.results),
                actual: function.type)
        }
        return try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: function.cellCount) { cells in
            for (index, argument) in arguments.enumerated() { cells[index] = argument.cell }
            try enter(function, cells.baseAddress!)
            var results: [Value] = []
            for (index, type) in function.type.results.enumerated() {
                guard let value = Value(cell: cells[index], type: type) else {
                    throw CallError.typeMismatch(name: name, expected: FunctionType(), actual: function.type)
                }
                results.append(value)
            }
            return results
        }
    }

    // MARK: Globals

    final func global(_ name: String) throws(CallError) -> Value {
        let (index, type) = try template.module.exportedGlobal(name)
        guard let value = Value(cell: globalCell(index), type: type.value) else {
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
        if type.value == .funcref { try template.module.checkReference(value.cell) }
        setGlobalCell(index, value.cell)
    }
}
