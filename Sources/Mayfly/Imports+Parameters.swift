//! Host functions of up to six parameters, apart from those of any number.
//!
//! Swift does not unroll a loop over a parameter pack: each element then costs calls through its type's tables, several times
//! what the rest of a host call does. Without a pack a definition becomes code for its types. These overloads are chosen by
//! themselves; what they mean is said of those with packs (`Imports`).

public import Runtime
public import WasmModule

extension Imports {
    /// Defines a function of no parameter with one result by a typed closure.
    @inlinable
    public mutating func define<Result: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>) throws -> Result
    ) {
        let type = FunctionType(parameters: [], results: [Result.wasmType])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                try body(caller).store(toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function of no parameter with no result by a typed closure.
    @inlinable
    public mutating func define(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>) throws -> Void
    ) {
        let type = FunctionType(parameters: [], results: [])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                try body(caller)
            })
    }

    /// Defines a function of one parameter with one result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue, Result: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A) throws -> Result
    ) {
        let type = FunctionType(parameters: [A.wasmType], results: [Result.wasmType])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                try body(caller, a).store(toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function of one parameter with no result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A) throws -> Void
    ) {
        let type = FunctionType(parameters: [A.wasmType], results: [])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                try body(caller, a)
            })
    }

    /// Defines a function of two parameters with one result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue, B: WasmValue, Result: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B) throws -> Result
    ) {
        let type = FunctionType(parameters: [A.wasmType, B.wasmType], results: [Result.wasmType])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                try body(caller, a, b).store(toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function of two parameters with no result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue, B: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B) throws -> Void
    ) {
        let type = FunctionType(parameters: [A.wasmType, B.wasmType], results: [])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                try body(caller, a, b)
            })
    }

    /// Defines a function of three parameters with one result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue, B: WasmValue, C: WasmValue, Result: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C) throws -> Result
    ) {
        let type = FunctionType(parameters: [A.wasmType, B.wasmType, C.wasmType], results: [Result.wasmType])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                let c = try reader.next(C.self)
                try body(caller, a, b, c).store(toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function of three parameters with no result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue, B: WasmValue, C: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C) throws -> Void
    ) {
        let type = FunctionType(parameters: [A.wasmType, B.wasmType, C.wasmType], results: [])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                let c = try reader.next(C.self)
                try body(caller, a, b, c)
            })
    }

    /// Defines a function of four parameters with one result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, Result: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C, D) throws -> Result
    ) {
        let type = FunctionType(
            parameters: [A.wasmType, B.wasmType, C.wasmType, D.wasmType], results: [Result.wasmType])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                let c = try reader.next(C.self)
                let d = try reader.next(D.self)
                try body(caller, a, b, c, d).store(toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function of four parameters with no result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C, D) throws -> Void
    ) {
        let type = FunctionType(parameters: [A.wasmType, B.wasmType, C.wasmType, D.wasmType], results: [])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                let c = try reader.next(C.self)
                let d = try reader.next(D.self)
                try body(caller, a, b, c, d)
            })
    }

    /// Defines a function of five parameters with one result by a typed closure.
    @inlinable
    public mutating func define<
        A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, Result: WasmValue
    >(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C, D, E) throws -> Result
    ) {
        let type = FunctionType(
            parameters: [A.wasmType, B.wasmType, C.wasmType, D.wasmType, E.wasmType], results: [Result.wasmType])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                let c = try reader.next(C.self)
                let d = try reader.next(D.self)
                let e = try reader.next(E.self)
                try body(caller, a, b, c, d, e).store(toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function of five parameters with no result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C, D, E) throws -> Void
    ) {
        let type = FunctionType(parameters: [A.wasmType, B.wasmType, C.wasmType, D.wasmType, E.wasmType], results: [])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                let c = try reader.next(C.self)
                let d = try reader.next(D.self)
                let e = try reader.next(E.self)
                try body(caller, a, b, c, d, e)
            })
    }

    /// Defines a function of six parameters with one result by a typed closure.
    @inlinable
    public mutating func define<
        A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, F: WasmValue, Result: WasmValue
    >(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C, D, E, F) throws -> Result
    ) {
        let type = FunctionType(
            parameters: [A.wasmType, B.wasmType, C.wasmType, D.wasmType, E.wasmType, F.wasmType],
            results: [Result.wasmType])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                let c = try reader.next(C.self)
                let d = try reader.next(D.self)
                let e = try reader.next(E.self)
                let f = try reader.next(F.self)
                try body(caller, a, b, c, d, e, f).store(toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function of six parameters with no result by a typed closure.
    @inlinable
    public mutating func define<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, F: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C, D, E, F) throws -> Void
    ) {
        let type = FunctionType(
            parameters: [A.wasmType, B.wasmType, C.wasmType, D.wasmType, E.wasmType, F.wasmType], results: [])
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let a = try reader.next(A.self)
                let b = try reader.next(B.self)
                let c = try reader.next(C.self)
                let d = try reader.next(D.self)
                let e = try reader.next(E.self)
                let f = try reader.next(F.self)
                try body(caller, a, b, c, d, e, f)
            })
    }

}
