//! Typed calls of functions that a guest gave out: callbacks.

public import Runtime

extension Instance {
    /// Calls a function that has one result by a reference that the guest gave out.
    ///
    /// ```swift
    /// let sum: Int32 = try instance.call(reference, Int32(1), Int32(2))
    /// ```
    ///
    /// - Throws: `CallError` if it is another module's function or has another type; `Trap` if the guest traps; what a
    ///   host function threw.
    @inlinable
    public borrowing func call<each Parameter: WasmValue, Result: WasmValue>(
        _ function: FunctionReference, _ arguments: repeat each Parameter
    ) throws -> Result {
        try store.call(function, repeat each arguments)
    }

    /// Calls a function without result by a reference that the guest gave out.
    @inlinable
    public borrowing func call<each Parameter: WasmValue>(
        _ function: FunctionReference, _ arguments: repeat each Parameter
    ) throws {
        try store.call(function, repeat each arguments)
    }

    /// Calls a function with several results by a reference that the guest gave out.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: FunctionReference, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        try store.call(function, repeat each arguments)
    }
}

extension Caller {
    /// Calls a function that has one result by a reference that the guest gave out: the guest's own callback.
    ///
    /// No change of ``state`` may go on meanwhile.
    ///
    /// - Throws: as for ``Instance``; `Trap` (call stack exhausted) when calls and calls back nest too deep.
    @inlinable
    public borrowing func call<each Parameter: WasmValue, Result: WasmValue>(
        _ function: FunctionReference, _ arguments: repeat each Parameter
    ) throws -> Result {
        try store.call(function, repeat each arguments)
    }

    /// Calls a function without result by a reference that the guest gave out.
    @inlinable
    public borrowing func call<each Parameter: WasmValue>(
        _ function: FunctionReference, _ arguments: repeat each Parameter
    ) throws {
        try store.call(function, repeat each arguments)
    }

    /// Calls a function with several results by a reference that the guest gave out.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: FunctionReference, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        try store.call(function, repeat each arguments)
    }
}

extension InstanceStore {
    /// The instance that a reference's function belongs to, and the function, of which the type has been checked.
    @inlinable
    final func function<each Parameter: WasmValue, each Result: WasmValue>(
        _ reference: FunctionReference, _ parameters: repeat (each Parameter).Type,
        results: (repeat (each Result).Type)
    ) throws -> (store: InstanceStore<State>, handle: FunctionHandle) {
        let (instance, function) = try function(reference)
        try check(
            function, name: "#\(function.functionIndex)", repeat (each Parameter).self,
            results: (repeat (each Result).self))
        // Linked instances have states of one type.
        return (unsafeDowncast(instance, to: InstanceStore<State>.self), function)
    }

    @inlinable
    final func call<each Parameter: WasmValue, Result: WasmValue>(
        _ reference: FunctionReference, _ arguments: repeat each Parameter
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        let (store, function) = try function(reference, repeat (each Parameter).self, results: Result.self)
        return try Result.load(fromWasmCells: try store.enter(function, repeat each arguments), in: store)
    }

    @inlinable
    final func call<each Parameter: WasmValue>(
        _ reference: FunctionReference, _ arguments: repeat each Parameter
    ) throws {
        defer { withExtendedLifetime(self) {} }
        let (store, function) = try function(reference, repeat (each Parameter).self, results: ())
        _ = try store.enter(function, repeat each arguments)
    }

    @_disfavoredOverload
    @inlinable
    final func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ reference: FunctionReference, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        defer { withExtendedLifetime(self) {} }
        let (store, function) = try function(
            reference, repeat (each Parameter).self, results: (repeat (each Result).self))
        var reader = CellReader(try store.enter(function, repeat each arguments), of: store)
        return (repeat try reader.next((each Result).self))
    }
}
