//! Calls of functions that were looked up before, of up to six arguments, apart from those of any number: why, is said in
//! `Imports+Parameters`.

extension Instance {
    /// Calls a function of no argument and one result that was looked up before.
    @inlinable
    public borrowing func call<Result: WasmValue>(
        _ function: TypedFunction<Void, Result>
    ) throws -> Result {
        try store.call(function)
    }
    /// Calls a function of no argument without result that was looked up before.
    @inlinable
    public borrowing func call(
        _ function: TypedFunction<Void, Void>
    ) throws {
        try store.call(function)
    }
    /// Calls a function of one argument and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<A, Result>, _ a: A
    ) throws -> Result {
        try store.call(function, a)
    }
    /// Calls a function of one argument without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue>(
        _ function: TypedFunction<A, Void>, _ a: A
    ) throws {
        try store.call(function, a)
    }
    /// Calls a function of two arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(A, B), Result>, _ a: A, _ b: B
    ) throws -> Result {
        try store.call(function, a, b)
    }
    /// Calls a function of two arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue>(
        _ function: TypedFunction<(A, B), Void>, _ a: A, _ b: B
    ) throws {
        try store.call(function, a, b)
    }
    /// Calls a function of three arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(A, B, C), Result>, _ a: A, _ b: B, _ c: C
    ) throws -> Result {
        try store.call(function, a, b, c)
    }
    /// Calls a function of three arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue>(
        _ function: TypedFunction<(A, B, C), Void>, _ a: A, _ b: B, _ c: C
    ) throws {
        try store.call(function, a, b, c)
    }
    /// Calls a function of four arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(A, B, C, D), Result>, _ a: A, _ b: B, _ c: C, _ d: D
    ) throws -> Result {
        try store.call(function, a, b, c, d)
    }
    /// Calls a function of four arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue>(
        _ function: TypedFunction<(A, B, C, D), Void>, _ a: A, _ b: B, _ c: C, _ d: D
    ) throws {
        try store.call(function, a, b, c, d)
    }
    /// Calls a function of five arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(A, B, C, D, E), Result>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E
    ) throws -> Result {
        try store.call(function, a, b, c, d, e)
    }
    /// Calls a function of five arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue>(
        _ function: TypedFunction<(A, B, C, D, E), Void>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E
    ) throws {
        try store.call(function, a, b, c, d, e)
    }
    /// Calls a function of six arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<
        A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, F: WasmValue, Result: WasmValue
    >(
        _ function: TypedFunction<(A, B, C, D, E, F), Result>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F
    ) throws -> Result {
        try store.call(function, a, b, c, d, e, f)
    }
    /// Calls a function of six arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, F: WasmValue>(
        _ function: TypedFunction<(A, B, C, D, E, F), Void>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F
    ) throws {
        try store.call(function, a, b, c, d, e, f)
    }
}

extension Caller {
    /// Calls a function of no argument and one result that was looked up before.
    @inlinable
    public borrowing func call<Result: WasmValue>(
        _ function: TypedFunction<Void, Result>
    ) throws -> Result {
        try store.call(function)
    }
    /// Calls a function of no argument without result that was looked up before.
    @inlinable
    public borrowing func call(
        _ function: TypedFunction<Void, Void>
    ) throws {
        try store.call(function)
    }
    /// Calls a function of one argument and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<A, Result>, _ a: A
    ) throws -> Result {
        try store.call(function, a)
    }
    /// Calls a function of one argument without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue>(
        _ function: TypedFunction<A, Void>, _ a: A
    ) throws {
        try store.call(function, a)
    }
    /// Calls a function of two arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(A, B), Result>, _ a: A, _ b: B
    ) throws -> Result {
        try store.call(function, a, b)
    }
    /// Calls a function of two arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue>(
        _ function: TypedFunction<(A, B), Void>, _ a: A, _ b: B
    ) throws {
        try store.call(function, a, b)
    }
    /// Calls a function of three arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(A, B, C), Result>, _ a: A, _ b: B, _ c: C
    ) throws -> Result {
        try store.call(function, a, b, c)
    }
    /// Calls a function of three arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue>(
        _ function: TypedFunction<(A, B, C), Void>, _ a: A, _ b: B, _ c: C
    ) throws {
        try store.call(function, a, b, c)
    }
    /// Calls a function of four arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(A, B, C, D), Result>, _ a: A, _ b: B, _ c: C, _ d: D
    ) throws -> Result {
        try store.call(function, a, b, c, d)
    }
    /// Calls a function of four arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue>(
        _ function: TypedFunction<(A, B, C, D), Void>, _ a: A, _ b: B, _ c: C, _ d: D
    ) throws {
        try store.call(function, a, b, c, d)
    }
    /// Calls a function of five arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(A, B, C, D, E), Result>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E
    ) throws -> Result {
        try store.call(function, a, b, c, d, e)
    }
    /// Calls a function of five arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue>(
        _ function: TypedFunction<(A, B, C, D, E), Void>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E
    ) throws {
        try store.call(function, a, b, c, d, e)
    }
    /// Calls a function of six arguments and one result that was looked up before.
    @inlinable
    public borrowing func call<
        A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, F: WasmValue, Result: WasmValue
    >(
        _ function: TypedFunction<(A, B, C, D, E, F), Result>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F
    ) throws -> Result {
        try store.call(function, a, b, c, d, e, f)
    }
    /// Calls a function of six arguments without result that was looked up before.
    @inlinable
    public borrowing func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, F: WasmValue>(
        _ function: TypedFunction<(A, B, C, D, E, F), Void>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F
    ) throws {
        try store.call(function, a, b, c, d, e, f)
    }
}

extension InstanceStore {
    @inlinable
    final func call<Result: WasmValue>(
        _ function: borrowing TypedFunction<Void, Result>
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        try enter(function.core, cells)
        return try Result.load(fromWasmCells: cells, in: self)
    }
    @inlinable
    final func call(
        _ function: borrowing TypedFunction<Void, Void>
    ) throws {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        try enter(function.core, cells)
    }
    @inlinable
    final func call<A: WasmValue, Result: WasmValue>(
        _ function: borrowing TypedFunction<A, Result>, _ a: A
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try enter(function.core, cells)
        return try Result.load(fromWasmCells: cells, in: self)
    }
    @inlinable
    final func call<A: WasmValue>(
        _ function: borrowing TypedFunction<A, Void>, _ a: A
    ) throws {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try enter(function.core, cells)
    }
    @inlinable
    final func call<A: WasmValue, B: WasmValue, Result: WasmValue>(
        _ function: borrowing TypedFunction<(A, B), Result>, _ a: A, _ b: B
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try enter(function.core, cells)
        return try Result.load(fromWasmCells: cells, in: self)
    }
    @inlinable
    final func call<A: WasmValue, B: WasmValue>(
        _ function: borrowing TypedFunction<(A, B), Void>, _ a: A, _ b: B
    ) throws {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try enter(function.core, cells)
    }
    @inlinable
    final func call<A: WasmValue, B: WasmValue, C: WasmValue, Result: WasmValue>(
        _ function: borrowing TypedFunction<(A, B, C), Result>, _ a: A, _ b: B, _ c: C
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try writer.append(c)
        try enter(function.core, cells)
        return try Result.load(fromWasmCells: cells, in: self)
    }
    @inlinable
    final func call<A: WasmValue, B: WasmValue, C: WasmValue>(
        _ function: borrowing TypedFunction<(A, B, C), Void>, _ a: A, _ b: B, _ c: C
    ) throws {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try writer.append(c)
        try enter(function.core, cells)
    }
    @inlinable
    final func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, Result: WasmValue>(
        _ function: borrowing TypedFunction<(A, B, C, D), Result>, _ a: A, _ b: B, _ c: C, _ d: D
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try writer.append(c)
        try writer.append(d)
        try enter(function.core, cells)
        return try Result.load(fromWasmCells: cells, in: self)
    }
    @inlinable
    final func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue>(
        _ function: borrowing TypedFunction<(A, B, C, D), Void>, _ a: A, _ b: B, _ c: C, _ d: D
    ) throws {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try writer.append(c)
        try writer.append(d)
        try enter(function.core, cells)
    }
    @inlinable
    final func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, Result: WasmValue>(
        _ function: borrowing TypedFunction<(A, B, C, D, E), Result>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try writer.append(c)
        try writer.append(d)
        try writer.append(e)
        try enter(function.core, cells)
        return try Result.load(fromWasmCells: cells, in: self)
    }
    @inlinable
    final func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue>(
        _ function: borrowing TypedFunction<(A, B, C, D, E), Void>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E
    ) throws {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try writer.append(c)
        try writer.append(d)
        try writer.append(e)
        try enter(function.core, cells)
    }
    @inlinable
    final func call<
        A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, F: WasmValue, Result: WasmValue
    >(
        _ function: borrowing TypedFunction<(A, B, C, D, E, F), Result>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try writer.append(c)
        try writer.append(d)
        try writer.append(e)
        try writer.append(f)
        try enter(function.core, cells)
        return try Result.load(fromWasmCells: cells, in: self)
    }
    @inlinable
    final func call<A: WasmValue, B: WasmValue, C: WasmValue, D: WasmValue, E: WasmValue, F: WasmValue>(
        _ function: borrowing TypedFunction<(A, B, C, D, E, F), Void>, _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F
    ) throws {
        defer { withExtendedLifetime(self) {} }
        try check(function)
        let cells = cells(function.core.cellCount)
        var writer = CellWriter(cells, of: self)
        try writer.append(a)
        try writer.append(b)
        try writer.append(c)
        try writer.append(d)
        try writer.append(e)
        try writer.append(f)
        try enter(function.core, cells)
    }
}
