//! Calls of guests that may be suspended. All that is said of `call` without `await` holds for these too.

import Compiler
import Runtime
import WasmModule

extension InstanceStore {
    /// As `enter`, for a guest that may be suspended.
    private final nonisolated(nonsending) func enterAsynchronously<each Parameter: WasmValue>(
        _ function: FunctionHandle, _ arguments: repeat each Parameter
    ) async throws -> UnsafeMutablePointer<UInt64> {
        let cells = cells(function.cellCount)
        var writer = CellWriter(cells, of: self)
        repeat try writer.append(each arguments)
        try await enterAsynchronously(function, cells)
        return cells
    }

    final nonisolated(nonsending) func call<each Parameter: WasmValue, Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) async throws -> Result {
        defer { withExtendedLifetime(self) {} }
        let function = try function(name, repeat (each Parameter).self, results: Result.self)
        return try Result.load(fromWasmCells: try await enterAsynchronously(function, repeat each arguments), in: self)
    }

    final nonisolated(nonsending) func call<each Parameter: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) async throws {
        defer { withExtendedLifetime(self) {} }
        let function = try function(name, repeat (each Parameter).self, results: ())
        _ = try await enterAsynchronously(function, repeat each arguments)
    }

    final nonisolated(nonsending) func callMany<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) async throws -> (repeat each Result) {
        defer { withExtendedLifetime(self) {} }
        let function = try function(name, repeat (each Parameter).self, results: (repeat (each Result).self))
        var reader = CellReader(try await enterAsynchronously(function, repeat each arguments), of: self)
        return (repeat try reader.next((each Result).self))
    }

    final nonisolated(nonsending) func call<each Parameter: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Result>, _ arguments: repeat each Parameter
    ) async throws -> Result {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        return try Result.load(
            fromWasmCells: try await enterAsynchronously(function.core, repeat each arguments), in: self)
    }

    final nonisolated(nonsending) func call<each Parameter: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Void>, _ arguments: repeat each Parameter
    ) async throws {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        _ = try await enterAsynchronously(function.core, repeat each arguments)
    }

    final nonisolated(nonsending) func callMany<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), (repeat each Result)>, _ arguments: repeat each Parameter
    ) async throws -> (repeat each Result) {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        var reader = CellReader(try await enterAsynchronously(function.core, repeat each arguments), of: self)
        return (repeat try reader.next((each Result).self))
    }

    final nonisolated(nonsending) func call(_ name: String, arguments: [Value]) async throws -> [Value] {
        try await call(try template.module.exportedFunction(name), name, arguments)
    }

    final nonisolated(nonsending) func call(
        _ reference: FunctionReference, arguments: [Value]
    ) async throws -> [Value] {
        let (instance, function) = try function(reference)
        // Linked instances have states of one type.
        return try await unsafeDowncast(instance, to: InstanceStore<State>.self)
            .call(function, "function \(function.functionIndex)", arguments)
    }

    private final nonisolated(nonsending) func call(
        _ function: FunctionHandle, _ name: String, _ arguments: [Value]
    ) async throws -> [Value] {
        defer { withExtendedLifetime(self) {} }
        let cells = try store(arguments, for: function, name)
        try await enterAsynchronously(function, cells)
        return try results(of: function, name, in: cells)
    }
}
