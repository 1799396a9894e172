//! What a host gives to guests: functions and constant globals by two names.
//!
//! A host function is stored as one closure over cells. `define` builds it around the typed body and is inlinable, so that a
//! call from a guest costs one indirect call and neither allocates nor looks anything up.

import Compiler
public import Runtime
public import WasmModule

/// The imports of templates whose instances carry a `State` each.
///
/// ```swift
/// var imports = Imports<Request>()
/// imports.define("env", "add") { (caller, a: Int32, b: Int32) in a &+ b }
/// imports.define("env", "path_length") { caller in Int32(caller.state.path.utf8.count) }
/// ```
///
/// Defining a name again replaces the earlier definition. What a module does not import is ignored.
public struct Imports<State>: Sendable {
    @usableFromInline var table = ImportTable()

    /// No definitions.
    public init() {}

    /// Defines a function with one result by a typed closure.
    ///
    /// It runs on the thread and stack of the caller of the guest. An error that it throws ends the guest and comes out,
    /// unchanged, of the call into the guest.
    @inlinable
    public mutating func define<each Parameter: WasmValue, Result: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, repeat each Parameter) throws -> Result
    ) {
        var type = FunctionType(results: [Result.wasmType])
        repeat type.parameters.append((each Parameter).wasmType)
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                try body(caller, repeat reader.next((each Parameter).self)).store(toWasmCells: cells, in: instance)
            })
    }

    /// Defines a function without result by a typed closure. It runs and fails as one with a result does.
    @inlinable
    public mutating func define<each Parameter: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, repeat each Parameter) throws -> Void
    ) {
        var type = FunctionType()
        repeat type.parameters.append((each Parameter).wasmType)
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                try body(caller, repeat reader.next((each Parameter).self))
            })
    }

    /// Defines a function with several results by a typed closure that returns a tuple. It runs and fails as one with a
    /// single result does.
    // Not `@_disfavoredOverload`: a closure of one expression would then rather drop its tuple and return nothing.
    @inlinable
    public mutating func define<each Parameter: WasmValue, each Result: WasmValue>(
        _ module: String, _ name: String,
        _ body: @escaping @Sendable (borrowing Caller<State>, repeat each Parameter) throws -> (repeat each Result)
    ) {
        var type = FunctionType()
        repeat type.parameters.append((each Parameter).wasmType)
        repeat type.results.append((each Result).wasmType)
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                var reader = CellReader(cells, of: instance)
                let result = try body(caller, repeat reader.next((each Parameter).self))
                var writer = CellWriter(cells, of: instance)
                repeat try writer.append(each result)
            })
    }

    /// Defines a function by its type and a closure over cells: for adapters that know types at run time only.
    ///
    /// The buffer holds one 8-byte cell per parameter or result (two for a v128, the low half first), whichever are more.
    /// Arguments lie in order from index 0 on; results are left there. The upper half of an i32's or f32's cell is clear on entry and ignored on return.
    public mutating func define(
        _ module: String, _ name: String, type: FunctionType,
        _ body: @escaping @Sendable (borrowing Caller<State>, UnsafeMutableBufferPointer<UInt64>) throws -> Void
    ) {
        let count = type.cellCount
        table.define(
            module, name,
            HostFunction(type: type) { instance, cells in
                let caller = Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self))
                try body(caller, UnsafeMutableBufferPointer(start: cells, count: count))
            })
    }

    /// Defines an immutable global by its value.
    public mutating func define(_ module: String, _ name: String, global value: Value) {
        table.define(module, name, global: value.type, cells: value.cells)
    }

    /// Says what makes a copy of an instance different from its original.
    ///
    /// A copy has all that the guest had in memory: the seed of its random numbers, the time it believes it is, the numbers of
    /// handles that the host gave it. Two copies with one seed hand out the same session keys; two that hold one handle get into
    /// each other's way. Nobody but you knows where the guest keeps such things, so this is yours to put right: seed the
    /// generator anew, close or replace the handles, set the clock.
    ///
    /// ```swift
    /// imports.refreshCopies { caller in try caller.call("reseed", Int64.random(in: .min ... .max)) }
    /// ```
    ///
    /// The closure runs on each instance that is stamped from a snapshot, each fork, and each instance that was rolled
    /// back, before anybody else uses it. With several of them, each runs, in the order in which they were given. An error that
    /// it throws comes out of the call that made the copy, and there is no copy.
    public mutating func refreshCopies(_ body: @escaping @Sendable (borrowing Caller<State>) throws -> Void) {
        table.refreshCopies { instance, _ in
            try body(Caller<State>(unsafeDowncast(instance, to: InstanceStore<State>.self)))
        }
    }

    /// Adds all definitions of other imports, which replace those of the same names.
    public mutating func merge(_ other: Imports<State>) { table.merge(other.table) }
}

/// Takes typed values from a call's cells, in order.
@frozen @usableFromInline
struct CellReader {
    @usableFromInline var next: UnsafeMutablePointer<UInt64>

    @usableFromInline unowned(unsafe) let instance: InstanceCore

    @inlinable @inline(__always)
    init(_ cells: UnsafeMutablePointer<UInt64>, of instance: InstanceCore) {
        next = cells
        self.instance = instance
    }

    @inlinable @inline(__always)
    mutating func next<Element: WasmValue>(_: Element.Type) throws -> Element {
        let value = try Element.load(fromWasmCells: next, in: instance)
        next += Element.wasmCellCount
        return value
    }
}

/// Puts typed values into a call's cells, in order.
@frozen @usableFromInline
struct CellWriter {
    @usableFromInline var next: UnsafeMutablePointer<UInt64>

    @usableFromInline unowned(unsafe) let instance: InstanceCore

    @inlinable @inline(__always)
    init(_ cells: UnsafeMutablePointer<UInt64>, of instance: InstanceCore) {
        next = cells
        self.instance = instance
    }

    @inlinable @inline(__always)
    mutating func append<Element: WasmValue>(_ value: Element) throws {
        try value.store(toWasmCells: next, in: instance)
        next += Element.wasmCellCount
    }
}
