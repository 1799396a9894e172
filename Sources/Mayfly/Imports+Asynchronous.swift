//! Host functions that a guest waits for: it is suspended, and the thread is free meanwhile.
//!
//! The closures are built around the typed body as those of `Imports` are. They are called by whoever awaits the guest,
//! not by dispatch, so what they cost does not matter as much.

import Compiler
import Runtime
public import WasmModule

extension Imports {
    /// Defines an asynchronous function with one result by a typed closure.
    ///
    /// ```swift
    /// imports.define("kv", "get") { (caller, key: Int32) in try await caller.state.store.value(of: key) }
    /// ```
    ///
    /// A guest that calls it is suspended: its stack stays where it is, and the task awaits the closure. Then the guest goes
    /// on, on any thread. Thousands can be suspended at once; each keeps its slot of the pool. The guest must have been called
    /// with `await`, and no synchronous host function may lie between: otherwise its call ends with
    /// `CallError.needsAsynchronousCall`.
    ///
    /// The closure may call the guest in turn. When the deadline of the guest passes, or the task is cancelled, the closure's
    /// task is cancelled, and the guest is stopped as soon as the closure returns or throws. As everywhere in Swift it is
    /// for the closure to heed that: most things that are awaited do. With a deadline it runs in a task of its own.
    ///
    /// An error that it throws ends the guest and comes out, unchanged, of the call into the guest.
    public mutating func define<each Parameter: WasmValue, Result: WasmValue>(
        _ module: String, _ name: String,
        _ body:
            nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, repeat each Parameter) async throws ->
            Result
    ) {
        var type = FunctionType(results: [Result.wasmType])
        repeat type.parameters.append((each Parameter).wasmType)
        table.define(
            module, name,
            HostFunction(
                type: type,
                asynchronousBody: { instance, cells in
                    let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                    var reader = CellReader(cells, of: instance)
                    try await body(caller, repeat reader.next((each Parameter).self)).store(
                        toWasmCells: cells, in: instance)
                }))
    }

    /// Defines an asynchronous function without result by a typed closure. It runs and fails as one with a result does.
    public mutating func define<each Parameter: WasmValue>(
        _ module: String, _ name: String,
        _ body:
            nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, repeat each Parameter) async throws ->
            Void
    ) {
        var type = FunctionType()
        repeat type.parameters.append((each Parameter).wasmType)
        table.define(
            module, name,
            HostFunction(
                type: type,
                asynchronousBody: { instance, cells in
                    let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                    var reader = CellReader(cells, of: instance)
                    try await body(caller, repeat reader.next((each Parameter).self))
                }))
    }

    /// Defines an asynchronous function with several results by a typed closure that returns a tuple. It runs and fails as
    /// one with a single result does.
    public mutating func define<each Parameter: WasmValue, each Result: WasmValue>(
        _ module: String, _ name: String,
        _ body:
            nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, repeat each Parameter) async throws ->
            (repeat each Result)
    ) {
        var type = FunctionType()
        repeat type.parameters.append((each Parameter).wasmType)
        repeat type.results.append((each Result).wasmType)
        table.define(
            module, name,
            HostFunction(
                type: type,
                asynchronousBody: { instance, cells in
                    let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                    var reader = CellReader(cells, of: instance)
                    let result = try await body(caller, repeat reader.next((each Parameter).self))
                    var writer = CellWriter(cells, of: instance)
                    repeat try writer.append(each result)
                }))
    }

    /// Defines an asynchronous function by its type and a closure over cells: for adapters that know types at run time only.
    /// The cells are as for synchronous ones, and the closure's own until it returns.
    public mutating func define(
        _ module: String, _ name: String, type: FunctionType,
        _ body:
            nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, UnsafeMutableBufferPointer<UInt64>)
            async throws -> Void
    ) {
        let count = type.cellCount
        table.define(
            module, name,
            HostFunction(
                type: type,
                asynchronousBody: { instance, cells in
                    let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                    try await body(caller, UnsafeMutableBufferPointer(start: cells, count: count))
                }))
    }
}
