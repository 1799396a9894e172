//! A module of imports whose functions are those of a Swift type, which is a part of the state.
//!
//! A closure that changes the value has it exclusively while it runs. It has no caller, so there is no way for it to
//! call the guest, and for the guest to come back to the value meanwhile. What needs the caller is given it, and has
//! the value like any other part of the state: in accesses that end before the guest is called.

public import Runtime
public import WasmModule

extension Imports {
    /// Defines functions of a module by methods of a Swift type, of which a value is in the state.
    ///
    /// ```swift
    /// struct Counter {
    ///     private var value: Int32 = 0
    ///     mutating func add(_ amount: Int32) { value &+= amount }
    ///     func get() -> Int32 { value }
    /// }
    ///
    /// imports.bind("counter", \State.counter) { group in
    ///     group.define("add") { (counter: inout Counter, amount: Int32) in counter.add(amount) }
    ///     group.define("get", Counter.get)
    /// }
    /// ```
    ///
    /// Methods that do not change their value, and all of classes, are given by name. Swift has no names for those that
    /// do: a closure with an `inout` parameter calls them. Errors that either throws end the guest and come out of the
    /// call into it.
    ///
    /// - Parameters:
    ///   - module: the name that guests import from. There may be other definitions under it.
    ///   - path: where in the state the value is; `\.self` is all of it.
    public mutating func bind<Root>(
        _ module: String, _ path: any WritableKeyPath<State, Root> & Sendable,
        _ body: (inout ImportGroup<State, Root, WritableKeyPath<State, Root>>) throws -> Void
    ) rethrows {
        var group = ImportGroup<State, Root, WritableKeyPath<State, Root>>(module, path)
        try body(&group)
        table.merge(group.table)
    }

    /// The same for a value that cannot be replaced: an object in a constant.
    // Every path is a `KeyPath`: where the other one fits, it is meant.
    @_disfavoredOverload
    public mutating func bind<Root>(
        _ module: String, _ path: any KeyPath<State, Root> & Sendable,
        _ body: (inout ImportGroup<State, Root, KeyPath<State, Root>>) throws -> Void
    ) rethrows {
        var group = ImportGroup<State, Root, KeyPath<State, Root>>(module, path)
        try body(&group)
        table.merge(group.table)
    }
}

/// The functions of one module of imports, defined by those of a Swift type. See `Imports.bind(_:_:_:)`.
public struct ImportGroup<State, Root, Path: KeyPath<State, Root>> {
    @usableFromInline var table = ImportTable()
    @usableFromInline let module: String
    @usableFromInline let path: SendablePath

    /// `bind` takes no others than those that are.
    @usableFromInline struct SendablePath: @unchecked Sendable {
        @usableFromInline let value: Path
    }

    init(_ module: String, _ path: Path) {
        self.module = module
        self.path = SendablePath(value: path)
    }

    /// Defines a function with one result by a method that does not change its value, by its name.
    @inlinable
    public mutating func define<each Parameter: WasmValue, Result: WasmValue>(
        _ name: String, _ body: @escaping @Sendable (Root) -> (repeat each Parameter) throws -> Result
    ) {
        var type = FunctionType(results: [Result.wasmType])
        repeat type.parameters.append((each Parameter).wasmType)
        let path = path
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let store = unsafeDowncast(instance, to: InstanceStore<State>.self)
                var reader = CellReader(cells, of: instance)
                try body(store.state[keyPath: path.value])(repeat try reader.next((each Parameter).self)).store(
                    toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function with no result by a method that does not change its value, by its name.
    @inlinable
    public mutating func define<each Parameter: WasmValue>(
        _ name: String, _ body: @escaping @Sendable (Root) -> (repeat each Parameter) throws -> Void
    ) {
        var type = FunctionType()
        repeat type.parameters.append((each Parameter).wasmType)
        let path = path
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let store = unsafeDowncast(instance, to: InstanceStore<State>.self)
                var reader = CellReader(cells, of: instance)
                try body(store.state[keyPath: path.value])(repeat try reader.next((each Parameter).self))
            })
    }

    /// Defines a function with several results by a method that does not change its value, by its name.
    @inlinable
    public mutating func define<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, _ body: @escaping @Sendable (Root) -> (repeat each Parameter) throws -> (repeat each Result)
    ) {
        var type = FunctionType()
        repeat type.results.append((each Result).wasmType)
        repeat type.parameters.append((each Parameter).wasmType)
        let path = path
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let store = unsafeDowncast(instance, to: InstanceStore<State>.self)
                var reader = CellReader(cells, of: instance)
                let result = try body(store.state[keyPath: path.value])(repeat try reader.next((each Parameter).self))
                var writer = CellWriter(cells, of: instance)
                repeat try writer.append(each result)
            })
    }

    // MARK: With the caller

    /// Defines a function with one result that needs the guest's memory, or calls it back, by a closure that has the
    /// caller.
    ///
    /// ```swift
    /// group.define("log", withCaller: { (caller, text: UInt32, count: UInt32) in
    ///     let line = try caller.readString(at: text, count: Int(count))
    ///     caller.state.log.append(line)
    /// })
    /// ```
    @inlinable
    public mutating func define<each Parameter: WasmValue, Result: WasmValue>(
        _ name: String,
        withCaller body: @escaping @Sendable (borrowing Caller<State>, repeat each Parameter) throws -> Result
    ) {
        var imports = Imports<State>()
        imports.define(module, name, body)
        table.merge(imports.table)
    }

    /// Defines a function with no result that needs the guest's memory, or calls it back, by a closure that has the
    /// caller.
    @inlinable
    public mutating func define<each Parameter: WasmValue>(
        _ name: String,
        withCaller body: @escaping @Sendable (borrowing Caller<State>, repeat each Parameter) throws -> Void
    ) {
        var imports = Imports<State>()
        imports.define(module, name, body)
        table.merge(imports.table)
    }

    /// Defines a function with several results that needs the guest's memory, or calls it back, by a closure that has
    /// the caller.
    @inlinable
    public mutating func define<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String,
        withCaller body:
            @escaping @Sendable (borrowing Caller<State>, repeat each Parameter) throws -> (repeat each Result)
    ) {
        var imports = Imports<State>()
        imports.define(module, name, body)
        table.merge(imports.table)
    }
}

extension ImportGroup where Path == WritableKeyPath<State, Root> {
    /// Defines a function with one result by a closure that may change the value.
    @inlinable
    public mutating func define<each Parameter: WasmValue, Result: WasmValue>(
        _ name: String, _ body: @escaping @Sendable (inout Root, repeat each Parameter) throws -> Result
    ) {
        var type = FunctionType(results: [Result.wasmType])
        repeat type.parameters.append((each Parameter).wasmType)
        let path = path
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let store = unsafeDowncast(instance, to: InstanceStore<State>.self)
                var reader = CellReader(cells, of: instance)
                try body(&store.state[keyPath: path.value], repeat try reader.next((each Parameter).self)).store(
                    toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function with no result by a closure that may change the value.
    @inlinable
    public mutating func define<each Parameter: WasmValue>(
        _ name: String, _ body: @escaping @Sendable (inout Root, repeat each Parameter) throws -> Void
    ) {
        var type = FunctionType()
        repeat type.parameters.append((each Parameter).wasmType)
        let path = path
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let store = unsafeDowncast(instance, to: InstanceStore<State>.self)
                var reader = CellReader(cells, of: instance)
                try body(&store.state[keyPath: path.value], repeat try reader.next((each Parameter).self))
            })
    }

    /// Defines a function with several results by a closure that may change the value.
    @inlinable
    public mutating func define<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, _ body: @escaping @Sendable (inout Root, repeat each Parameter) throws -> (repeat each Result)
    ) {
        var type = FunctionType()
        repeat type.results.append((each Result).wasmType)
        repeat type.parameters.append((each Parameter).wasmType)
        let path = path
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let store = unsafeDowncast(instance, to: InstanceStore<State>.self)
                var reader = CellReader(cells, of: instance)
                let result = try body(&store.state[keyPath: path.value], repeat try reader.next((each Parameter).self))
                var writer = CellWriter(cells, of: instance)
                repeat try writer.append(each result)
            })
    }
}
