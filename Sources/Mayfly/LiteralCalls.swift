//! Calls of functions with several results whose arguments are literals.
//!
//! `call("f", 42)` would make 42 a `Double`, which is the only type that a literal likes and WebAssembly has. These
//! overloads make it an i32, as those for one result do.

extension Instance {
    /// Calls an exported function that has several results, with an i32.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Result: WasmValue>(
        _ name: String, _ a: Int32
    ) throws -> (repeat each Result) {
        try store.call(name, a)
    }
    /// Calls an exported function that has several results, with two i32.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Result: WasmValue>(
        _ name: String, _ a: Int32, _ b: Int32
    ) throws -> (repeat each Result) {
        try store.call(name, a, b)
    }
    /// Calls an exported function that has several results, with three i32.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Result: WasmValue>(
        _ name: String, _ a: Int32, _ b: Int32, _ c: Int32
    ) throws -> (repeat each Result) {
        try store.call(name, a, b, c)
    }
}

extension Caller {
    /// Calls an exported function that has several results, with an i32.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Result: WasmValue>(
        _ name: String, _ a: Int32
    ) throws -> (repeat each Result) {
        try store.call(name, a)
    }
    /// Calls an exported function that has several results, with two i32.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Result: WasmValue>(
        _ name: String, _ a: Int32, _ b: Int32
    ) throws -> (repeat each Result) {
        try store.call(name, a, b)
    }
    /// Calls an exported function that has several results, with three i32.
    @_disfavoredOverload
    @inlinable
    public borrowing func call<each Result: WasmValue>(
        _ name: String, _ a: Int32, _ b: Int32, _ c: Int32
    ) throws -> (repeat each Result) {
        try store.call(name, a, b, c)
    }
}
