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
