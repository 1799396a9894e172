//! An instance: one guest with its memory, to be called and thrown away.

public import Runtime

/// One guest: a module's code with memory, tables and globals of its own.
///
/// Use it from one thread at a time. Its memory is recycled at the end of its life; if it is linked with others
/// (`Store.instantiate(_:imports:as:fuel:)`), at the end of the last one's.
public struct Instance<State>: ~Copyable {
    @usableFromInline let store: InstanceStore<State>
    /// The instances that it is linked with, which live as long as one of them is used.
    @usableFromInline let group: InstanceGroup?

    @inlinable init(_ store: InstanceStore<State>, in group: InstanceGroup? = nil) {
        self.store = store
        self.group = group
    }

    /// What the host keeps with this instance; host functions reach it as ``Caller/state``.
    ///
    /// Changing it is an exclusive access, which Swift enforces at run time: while one goes on, a second one stops the process.
    /// So call no guest while a change goes on, from inside a mutating method of the state or of a part of it, or from a
    /// function that has it as an `inout` argument: the guest chooses whether to call a host function that uses the state too.
    /// Copy what the call needs first, and store what it gave when it is over.
    @inlinable
    public var state: State {
        get { store.state }
        nonmutating _modify { yield &store.state }
    }

    // MARK: Calls

    /// Calls an exported function that has one result.
    ///
    /// ```swift
    /// let sum: Int32 = try instance.call("add", 1, 2)
    /// ```
    ///
    /// No change of ``state`` may go on meanwhile: copy what you need of it first. This holds for all calls.
    ///
    /// - Throws: `CallError` if there is no such function of this type; `Trap` if the guest traps; what a host
    ///   function threw.
    @inlinable
    public borrowing func call<each Parameter: WasmValue, Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) throws -> Result {
        try store.call(name, repeat each arguments)
    }

    /// Calls an exported function that has no result.
    @inlinable
    public borrowing func call<each Parameter: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) throws {
        try store.call(name, repeat each arguments)
    }

    /// Calls an exported function that has several results.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ name: String, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        try store.call(name, repeat each arguments)
    }

    /// Calls a function that was looked up before, with ``Template/function(_:as:)``.
    @inlinable
    public borrowing func call<each Parameter: WasmValue, Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Result>, _ arguments: repeat each Parameter
    ) throws -> Result {
        try store.call(function, repeat each arguments)
    }

    /// Calls a function without result that was looked up before.
    @inlinable
    public borrowing func call<each Parameter: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), Void>, _ arguments: repeat each Parameter
    ) throws {
        try store.call(function, repeat each arguments)
    }

    /// Calls a function with several results that was looked up before.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Parameter: WasmValue, each Result: WasmValue>(
        _ function: TypedFunction<(repeat each Parameter), (repeat each Result)>, _ arguments: repeat each Parameter
    ) throws -> (repeat each Result) {
        try store.call(function, repeat each arguments)
    }

    /// Calls an exported function whose type is known at run time only. The results are in their order.
    ///
    /// - Throws: `CallError` if there is no such function or the arguments have other types; `Trap` if the guest traps;
    ///   what a host function threw.
    public borrowing func call(_ name: String, arguments: [Value]) throws -> [Value] {
        try store.call(name, arguments: arguments)
    }

    /// Calls a function by a reference that the guest gave out. The results are in their order.
    ///
    /// - Throws: `CallError` if it is another module's function or the arguments have other types; `Trap` if the guest
    ///   traps; what a host function threw.
    public borrowing func call(_ function: FunctionReference, arguments: [Value]) throws -> [Value] {
        try store.call(function, arguments: arguments)
    }

    // MARK: Memory

    /// Bytes that the module's memory has now; 0 if it has none.
    @inlinable public var memorySize: Int { store.memorySize }

    /// Gives access to the whole memory, from byte 0 on.
    ///
    /// Inside, the guest cannot be called, which throws `CallError.memoryInUse`, and the other functions that touch the
    /// memory must not be used, which is a programming error: they would overlap with the exclusive access of the span.
    @inlinable
    public borrowing func withMemory<Result, Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try store.withMemory(body)
    }

    /// Copies `count` bytes out of the memory, from byte `address` on.
    ///
    /// - Throws: `MemoryAccessError` if not all of them lie in the memory; a negative count never does.
    public borrowing func readBytes(at address: UInt32, count: Int) throws(MemoryAccessError) -> [UInt8] {
        try store.readBytes(at: address, count: count)
    }

    /// Copies bytes into the memory, from byte `address` on.
    ///
    /// - Throws: `MemoryAccessError`, with nothing written, if not all of them have a place in the memory.
    @inlinable
    public borrowing func writeBytes(_ bytes: [UInt8], at address: UInt32) throws(MemoryAccessError) {
        try store.writeBytes(bytes.span.bytes, at: address)
    }

    /// Copies bytes into the memory, from byte `address` on.
    ///
    /// - Throws: `MemoryAccessError`, with nothing written, if not all of them have a place in the memory.
    @inlinable
    public borrowing func writeBytes(_ bytes: RawSpan, at address: UInt32) throws(MemoryAccessError) {
        try store.writeBytes(bytes, at: address)
    }

    /// Reads a number in little-endian order, at any alignment.
    ///
    /// - Throws: `MemoryAccessError` if it does not lie in the memory.
    @inlinable
    public borrowing func read<Number: MemoryNumber>(
        _ type: Number.Type, at address: UInt32
    ) throws(MemoryAccessError) -> Number {
        try store.read(type, at: address)
    }

    /// Writes a number in little-endian order, at any alignment.
    ///
    /// - Throws: `MemoryAccessError`, with nothing written, if it has no place in the memory.
    @inlinable
    public borrowing func write<Number: MemoryNumber>(
        _ value: Number, at address: UInt32
    ) throws(MemoryAccessError) {
        try store.write(value, at: address)
    }

    // MARK: Globals

    /// The value of an exported global.
    ///
    /// - Throws: `CallError.unknownExport`.
    public borrowing func global(_ name: String) throws(CallError) -> Value { try store.global(name) }

    /// Sets an exported mutable global.
    ///
    /// - Throws: `CallError` if there is no such global, if it is immutable or of another type, or if the value is a
    ///   function of another module, or a reference to an object that the instance does not have.
    public borrowing func setGlobal(_ name: String, to value: Value) throws(CallError) {
        try store.setGlobal(name, to: value)
    }
}

// Literals: `call("f", 42)` would make 42 an `Int`, which is no WebAssembly type. These overloads make it an i32.
extension Instance {
    /// Calls an exported function that has one result, with an i32.
    @inlinable
    public borrowing func call<Result: WasmValue>(_ name: String, _ a: Int32) throws -> Result {
        try store.call(name, a)
    }
    /// Calls an exported function that has one result, with two i32.
    @inlinable
    public borrowing func call<Result: WasmValue>(_ name: String, _ a: Int32, _ b: Int32) throws -> Result {
        try store.call(name, a, b)
    }
    /// Calls an exported function that has one result, with three i32.
    @inlinable
    public borrowing func call<Result: WasmValue>(_ name: String, _ a: Int32, _ b: Int32, _ c: Int32) throws -> Result {
        try store.call(name, a, b, c)
    }
    /// Calls an exported function that has no result, with an i32.
    @inlinable
    public borrowing func call(_ name: String, _ a: Int32) throws { try store.call(name, a) }
    /// Calls an exported function that has no result, with two i32.
    @inlinable
    public borrowing func call(_ name: String, _ a: Int32, _ b: Int32) throws { try store.call(name, a, b) }
    /// Calls an exported function that has no result, with three i32.
    @inlinable
    public borrowing func call(_ name: String, _ a: Int32, _ b: Int32, _ c: Int32) throws {
        try store.call(name, a, b, c)
    }
}
