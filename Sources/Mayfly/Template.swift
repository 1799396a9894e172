//! A module ready to be stamped: imports checked, initial state built.

public import Runtime

/// A module with its imports and its initial state, from which instances are stamped.
///
/// Share one between all threads; each ``withInstance(state:_:)`` gets an instance of its own.
public final class Template<State>: Sendable {
    /// What it is a template of.
    public let module: Module
    @usableFromInline let core: TemplateCore
    @usableFromInline nonisolated(unsafe) let stamp: UnsafePointer<Stamp>

    init(module: Module, core: TemplateCore) {
        self.module = module
        self.core = core
        stamp = core.stamp
    }

    /// Runs `body` with a fresh instance, which is gone when `body` returns or throws.
    ///
    /// The module's start function runs before `body`.
    ///
    /// - Throws: `PoolError` if there is no free slot; what the start function throws; what `body` throws.
    @inlinable
    public func withInstance<Result>(
        state: consuming State, _ body: (borrowing Instance<State>) throws -> Result
    ) throws -> Result {
        let store = try OwnInstanceStore(stamp, ownsTemplate: false, state: state)
        defer {
            // In this order, whatever the optimizer does to lifetimes: the store does not keep the template alive, and needs
            // it until it is closed.
            store.close()
            withExtendedLifetime(self) {}
        }
        try store.start()
        let instance = Instance(store)
        return try body(instance)
    }

    /// A fresh instance, which is gone at the end of its owner's life. See ``withInstance(state:_:)``.
    ///
    /// - Throws: `PoolError` if there is no free slot; what the start function throws.
    @inlinable
    public func instantiate(state: consuming State) throws -> Instance<State> {
        let store = try OwnInstanceStore(stamp, ownsTemplate: true, state: state)
        try store.start()
        return Instance(store)
    }

    /// Runs `body` with a fresh instance, which is gone when `body` returns or throws, and awaits it.
    ///
    /// ```swift
    /// let answer: Int32 = try await template.withInstance(state: request) { try await $0.call("handle", 42) }
    /// ```
    ///
    /// - Parameter deadline: applies from the start, as ``Instance/deadline``; nil is never.
    /// - Throws: as without `await`; `CancellationError` if the task was cancelled.
    public nonisolated(nonsending) func withInstance<Result>(
        state: consuming State, deadline: ContinuousClock.Instant? = nil,
        _ body: nonisolated(nonsending) (borrowing Instance<State>) async throws -> Result
    ) async throws -> Result {
        let store = try await makeStore(ownsTemplate: false, state: state, deadline)
        defer {
            store.close()
            withExtendedLifetime(self) {}
        }
        try await store.startAsynchronously()
        let instance = Instance(store)
        return try await body(instance)
    }

    /// A fresh instance, which is gone at the end of its owner's life, after its start function was awaited.
    ///
    /// - Parameter deadline: applies from the start, as ``Instance/deadline``; nil is never.
    /// - Throws: as without `await`; `CancellationError` if the task was cancelled.
    public nonisolated(nonsending) func instantiate(
        state: consuming State, deadline: ContinuousClock.Instant? = nil
    ) async throws -> Instance<State> {
        let store = try await makeStore(ownsTemplate: true, state: state, deadline)
        try await store.startAsynchronously()
        return Instance(store)
    }

    /// An instance whose start function has not run. If the pool is full, the task waits, and no thread.
    private nonisolated(nonsending) func makeStore(
        ownsTemplate: Bool, state: State, _ deadline: ContinuousClock.Instant?
    ) async throws -> OwnInstanceStore<State> {
        let store = try await core.whenFree { () throws(PoolError) in
            try OwnInstanceStore(stamp, ownsTemplate: ownsTemplate, state: state)
        }
        store.deadline = deadline.map(Deadlines.monotonic)
        return store
    }

    /// Finds an exported function by name and checks its type, once for many calls.
    ///
    /// ```swift
    /// let add = try template.function("add", as: ((Int32, Int32) -> Int32).self)
    /// ```
    ///
    /// - Throws: `CallError` if there is no such function, or it has another type.
    public func function<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, as type: ((repeat each Parameter) -> (repeat each Result)).Type
    ) throws(CallError) -> TypedFunction<(repeat each Parameter), (repeat each Result)> {
        var parameters: [ValueType] = []
        repeat parameters.append((each Parameter).wasmType)
        var results: [ValueType] = []
        repeat results.append((each Result).wasmType)
        let type = FunctionType(parameters: parameters, results: results)
        return TypedFunction(module: core.module, try core.module.exportedFunction(name, type: type))
    }
}

extension Template where State == Void {
    /// Runs `body` with a fresh instance. See ``withInstance(state:_:)``.
    @inlinable
    public func withInstance<Result>(_ body: (borrowing Instance<Void>) throws -> Result) throws -> Result {
        try withInstance(state: (), body)
    }

    /// Runs `body` with a fresh instance, and awaits it.
    public nonisolated(nonsending) func withInstance<Result>(
        deadline: ContinuousClock.Instant? = nil,
        _ body: nonisolated(nonsending) (borrowing Instance<Void>) async throws -> Result
    ) async throws -> Result {
        try await withInstance(state: (), deadline: deadline, body)
    }

    /// A fresh instance, after its start function was awaited.
    public nonisolated(nonsending) func instantiate(
        deadline: ContinuousClock.Instant? = nil
    ) async throws -> Instance<Void> {
        try await instantiate(state: (), deadline: deadline)
    }

    /// A fresh instance. See ``instantiate(state:)``.
    @inlinable
    public func instantiate() throws -> Instance<Void> { try instantiate(state: ()) }
}

/// An exported function whose type has been checked. Good for all instances of the module's templates.
///
/// `Parameters` and `Results` are tuples of ``WasmValue`` types, a single one of them, or `Void`.
public struct TypedFunction<Parameters, Results>: Sendable {
    /// Keeps the code alive and tells whose function it is.
    @usableFromInline let module: ModuleCore
    @usableFromInline let core: FunctionHandle

    init(module: ModuleCore, _ core: FunctionHandle) {
        self.module = module
        self.core = core
    }

    /// The index in the module's function space, imports first.
    public var functionIndex: Int { core.functionIndex }
}
