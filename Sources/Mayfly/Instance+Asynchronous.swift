//! Calls that are awaited: of guests that may be suspended by asynchronous host functions, and share their threads.

import Runtime

extension Instance {
    /// Calls an exported function that has one result, and awaits it.
    ///
    /// Asynchronous host functions suspend the guest, and the thread does something else; a guest that runs longer than its
    /// time slice (``Engine/Configuration/timeSlice``) lets other tasks run. It goes on wherever the task does. When the
    /// task is cancelled, the guest is stopped, as at a ``deadline``.
    ///
    /// - Throws: as without `await`; `CancellationError` if the task was cancelled.
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue, Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) async throws -> Result {
        try await store.call(name, repeat each arguments)
    }

    /// Calls an exported function that has no result, and awaits it.
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) async throws {
        try await store.call(name, repeat each arguments)
    }

    /// Calls an exported function that has several results, and awaits it.
    @_disfavoredOverload
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) async throws -> (repeat each Result) {
        try await store.callMany(name, repeat each arguments)
    }

    /// Calls a function that was looked up before, with ``Template/function(_:as:)``, and awaits it.
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Result>, _ arguments: repeat each Parameter
    ) async throws -> Result {
        try await store.call(function, repeat each arguments)
    }

    /// Calls a function without result that was looked up before, and awaits it.
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Void>, _ arguments: repeat each Parameter
    ) async throws {
        try await store.call(function, repeat each arguments)
    }

    /// Calls a function with several results that was looked up before, and awaits it.
    @_disfavoredOverload
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), (repeat each Result)>, _ arguments: repeat each Parameter
    ) async throws -> (repeat each Result) {
        try await store.callMany(function, repeat each arguments)
    }

    /// Calls an exported function whose type is known at run time only, and awaits it. The results are in their order.
    public nonisolated(nonsending) borrowing func call(_ name: String, arguments: [Value]) async throws -> [Value] {
        try await store.call(name, arguments: arguments)
    }

    /// Calls a function by a reference that the guest gave out, and awaits it. The results are in their order.
    public nonisolated(nonsending) borrowing func call(
        _ function: FunctionReference, arguments: [Value]
    ) async throws -> [Value] {
        try await store.call(function, arguments: arguments)
    }

    /// Calls an exported function that has one result, with an i32, and awaits it.
    public nonisolated(nonsending) borrowing func call<Result: WasmValue>(
        _ name: String, _ a: Int32
    ) async throws -> Result {
        try await store.call(name, a)
    }

    /// Calls an exported function that has one result, with two i32, and awaits it.
    public nonisolated(nonsending) borrowing func call<Result: WasmValue>(
        _ name: String, _ a: Int32, _ b: Int32
    ) async throws -> Result {
        try await store.call(name, a, b)
    }

    /// Calls an exported function that has one result, with three i32, and awaits it.
    public nonisolated(nonsending) borrowing func call<Result: WasmValue>(
        _ name: String, _ a: Int32, _ b: Int32, _ c: Int32
    ) async throws -> Result {
        try await store.call(name, a, b, c)
    }

    /// Calls an exported function that has no result, with an i32, and awaits it.
    public nonisolated(nonsending) borrowing func call(_ name: String, _ a: Int32) async throws {
        try await store.call(name, a)
    }

    /// Calls an exported function that has no result, with two i32, and awaits it.
    public nonisolated(nonsending) borrowing func call(_ name: String, _ a: Int32, _ b: Int32) async throws {
        try await store.call(name, a, b)
    }

    /// Calls an exported function that has no result, with three i32, and awaits it.
    public nonisolated(nonsending) borrowing func call(_ name: String, _ a: Int32, _ b: Int32, _ c: Int32) async throws
    {
        try await store.call(name, a, b, c)
    }
}

extension Caller {
    /// Calls an exported function that has one result, and awaits it.
    ///
    /// For asynchronous host functions, which may await it; the guest that called them goes on after it.
    ///
    /// - Throws: as for ``Instance``.
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue, Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) async throws -> Result {
        try await store.call(name, repeat each arguments)
    }

    /// Calls an exported function that has no result, and awaits it.
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) async throws {
        try await store.call(name, repeat each arguments)
    }

    /// Calls an exported function that has several results, and awaits it.
    @_disfavoredOverload
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) async throws -> (repeat each Result) {
        try await store.callMany(name, repeat each arguments)
    }

    /// Calls a function that was looked up before, with ``Template/function(_:as:)``, and awaits it.
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Result>, _ arguments: repeat each Parameter
    ) async throws -> Result {
        try await store.call(function, repeat each arguments)
    }

    /// Calls a function without result that was looked up before, and awaits it.
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Void>, _ arguments: repeat each Parameter
    ) async throws {
        try await store.call(function, repeat each arguments)
    }

    /// Calls a function with several results that was looked up before, and awaits it.
    @_disfavoredOverload
    public nonisolated(nonsending) borrowing func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), (repeat each Result)>, _ arguments: repeat each Parameter
    ) async throws -> (repeat each Result) {
        try await store.callMany(function, repeat each arguments)
    }

    /// Calls an exported function whose type is known at run time only, and awaits it. The results are in their order.
    public nonisolated(nonsending) borrowing func call(_ name: String, arguments: [Value]) async throws -> [Value] {
        try await store.call(name, arguments: arguments)
    }

    /// Calls a function by a reference that the guest gave out, and awaits it. The results are in their order.
    public nonisolated(nonsending) borrowing func call(
        _ function: FunctionReference, arguments: [Value]
    ) async throws -> [Value] {
        try await store.call(function, arguments: arguments)
    }

    /// Calls an exported function that has one result, with an i32, and awaits it.
    public nonisolated(nonsending) borrowing func call<Result: WasmValue>(
        _ name: String, _ a: Int32
    ) async throws -> Result {
        try await store.call(name, a)
    }

    /// Calls an exported function that has one result, with two i32, and awaits it.
    public nonisolated(nonsending) borrowing func call<Result: WasmValue>(
        _ name: String, _ a: Int32, _ b: Int32
    ) async throws -> Result {
        try await store.call(name, a, b)
    }

    /// Calls an exported function that has one result, with three i32, and awaits it.
    public nonisolated(nonsending) borrowing func call<Result: WasmValue>(
        _ name: String, _ a: Int32, _ b: Int32, _ c: Int32
    ) async throws -> Result {
        try await store.call(name, a, b, c)
    }

    /// Calls an exported function that has no result, with an i32, and awaits it.
    public nonisolated(nonsending) borrowing func call(_ name: String, _ a: Int32) async throws {
        try await store.call(name, a)
    }

    /// Calls an exported function that has no result, with two i32, and awaits it.
    public nonisolated(nonsending) borrowing func call(_ name: String, _ a: Int32, _ b: Int32) async throws {
        try await store.call(name, a, b)
    }

    /// Calls an exported function that has no result, with three i32, and awaits it.
    public nonisolated(nonsending) borrowing func call(_ name: String, _ a: Int32, _ b: Int32, _ c: Int32) async throws
    {
        try await store.call(name, a, b, c)
    }
}
