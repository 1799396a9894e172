//! The typed errors of linking, instantiating and calling, by the operation that throws them.

import Glibc
public import WasmModule

/// A module's imports could not be satisfied, or its template not be built.
public enum LinkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing is defined under the two names.
    case unknownImport(module: String, name: String)
    /// Something else is defined under the two names than the module needs.
    case incompatibleImport(module: String, name: String, expected: String, actual: String)
    /// The module imports what only another instance can provide: a memory, a table or a mutable global. Instances that
    /// share such things are made in one store.
    case needsInstance(module: String, name: String, expected: String)
    /// The module, or the template, was made by another engine than the store.
    case foreignModule
    /// The instance is not one of the store's linked ones.
    case foreignInstance
    /// The module does not fit a slot of the engine's pool, or the operating system refused memory for the image.
    case pool(PoolError)

    /// What happened, for people.
    public var description: String {
        switch self {
        case .unknownImport(let module, let name): "unknown import \"\(module)\" \"\(name)\""
        case .incompatibleImport(let module, let name, let expected, let actual):
            "incompatible import type: \"\(module)\" \"\(name)\" must be \(expected), but is \(actual)"
        case .needsInstance(let module, let name, let expected):
            "import \"\(module)\" \"\(name)\", a \(expected), must come from an instance: instantiate both modules in one "
                + "store, the other one first and with the name \"\(module)\""
        case .foreignModule: "the module belongs to another engine than the store: compile it with the store's engine"
        case .foreignInstance: "the instance is not one of the store's linked instances"
        case .pool(let error): "\(error)"
        }
    }
}

/// An export could not be used the way it was asked for.
public enum CallError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing of this kind is exported under the name.
    case unknownExport(name: String, kind: String)
    /// The function's type is another one than the arguments and the result have.
    case typeMismatch(name: String, expected: FunctionType, actual: FunctionType)
    /// The global's type is another one than was asked for.
    case globalTypeMismatch(name: String, expected: ValueType, actual: ValueType)
    /// A global that is constant was to be set.
    case immutableGlobal(name: String)
    /// A function reference or a typed function of another module.
    case foreignFunctionReference
    /// A reference to an object that the instance does not have.
    case foreignObjectReference
    /// The guest was called inside `withMemory` of the same instance.
    case memoryInUse
    /// The guest was stopped, at a deadline or with its task, wherever it was: what it holds need not make sense. The
    /// instance is to be dropped or rolled back.
    case stoppedInstance
    /// The guest called an asynchronous host function, but was itself called without `await`, or by a host function that
    /// was not asynchronous. The module's name is empty for an instruction that awaits the host, `memory.grow` or `table.grow`.
    case needsAsynchronousCall(module: String, name: String)
    /// A call into the instance has not returned, and this one was made neither by the host function that it awaits nor by one
    /// that it called: by another message to an actor that has the instance, for one.
    case callInProgress

    /// What happened, for people.
    public var description: String {
        switch self {
        case .unknownExport(let name, let kind): "no exported \(kind) \"\(name)\""
        case .typeMismatch(let name, let expected, let actual):
            "function \"\(name)\" has type \(actual.text), but is used as \(expected.text)"
        case .globalTypeMismatch(let name, let expected, let actual):
            "global \"\(name)\" has type \(actual.text), but is used as \(expected.text)"
        case .immutableGlobal(let name): "global \"\(name)\" is immutable"
        case .foreignFunctionReference: "a function of another module"
        case .foreignObjectReference: "a reference to an object that the instance does not have"
        case .memoryInUse: "the memory is borrowed by an enclosing withMemory"
        case .stoppedInstance: "the instance was stopped in the middle, and can only be dropped or rolled back"
        case .callInProgress:
            "a call into the instance has not returned, and only the host function that it waits for may call the guest meanwhile"
        case .needsAsynchronousCall("", let name):
            "\(name) awaits the host (ResourceLimits.onGrowthAwaited): call the guest with await, and not from a synchronous "
                + "host function"
        case .needsAsynchronousCall(let module, let name):
            "import \"\(module)\" \"\(name)\" is asynchronous: call the guest with await, and not from a synchronous host "
                + "function"
        }
    }
}

/// An instance could not be copied, or not be taken back to an earlier point.
public enum CopyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The instance is linked with others: what it shares with them would be in two places.
    case linkedInstance
    /// Inside `withMemory` of the instance.
    case memoryInUse
    /// A call into the instance has not returned: what it holds in registers and on its stack would not fit what is
    /// restored.
    case callInProgress
    /// The checkpoint was taken of an instance of another template or snapshot.
    case foreignCheckpoint
    /// The instance is of another module than the template.
    case foreignInstance
    /// The instance was stopped at a deadline, wherever it was. It can be rolled back.
    case stoppedInstance

    /// What happened, for people.
    public var description: String {
        switch self {
        case .linkedInstance: "the instance is linked with others of its store: it cannot be copied by itself"
        case .memoryInUse: "the memory is borrowed by an enclosing withMemory"
        case .callInProgress: "a call into the instance has not returned"
        case .foreignCheckpoint: "the checkpoint is of an instance of another template or snapshot"
        case .foreignInstance: "the instance is of another module"
        case .stoppedInstance: "the instance was stopped at a deadline"
        }
    }
}

/// A host function touched guest memory that does not exist, or would have copied more of it than it may.
///
/// The address came from the guest, so this is the guest's fault; in a host function that does not catch it, the call
/// into the guest fails with it.
public struct MemoryAccessError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The first byte, counted from the start of the memory.
    public var address: UInt64
    /// Bytes that were to be read or written.
    public var count: UInt64
    /// Bytes that the memory has; 0 if the module has no memory.
    public var memorySize: UInt64
    /// If it was not the memory's end: bytes that `ResourceLimits/copiedBytes` allows to be copied out in one call.
    public var copyLimit: Int?

    /// All in bytes.
    public init(address: UInt64, count: UInt64, memorySize: UInt64, copyLimit: Int? = nil) {
        self.address = address
        self.count = count
        self.memorySize = memorySize
        self.copyLimit = copyLimit
    }

    /// What happened, for people.
    public var description: String {
        if let copyLimit {
            return
                "copying \(count) bytes at \(address) out of guest memory: in one call it may be \(copyLimit) bytes together; read "
                + "less, look at the bytes in place, or raise the limit"
        }
        return "out of bounds access to guest memory: \(count) bytes at \(address), memory of \(memorySize) bytes"
    }
}

/// The text that the C library has for an `errno`.
public func systemErrorMessage(_ code: Int32) -> String {
    // Since glibc 2.32 the text is the thread's own.
    strerror(code).map { String(cString: $0) } ?? "error \(code)"
}

extension ValueType {
    /// The name in the text format.
    public var text: String {
        switch self {
        case .i32: "i32"
        case .i64: "i64"
        case .f32: "f32"
        case .f64: "f64"
        case .v128: "v128"
        case .funcref: "funcref"
        case .externref: "externref"
        default: "type 0x\(String(bits, radix: 16))"
        }
    }
}

extension FunctionType {
    /// Parameters and results, as in `(i32, i64) -> f64`.
    public var text: String {
        func list(_ types: [ValueType]) -> String { "(" + types.map(\.text).joined(separator: ", ") + ")" }
        return list(parameters) + " -> " + (results.count == 1 ? results[0].text : list(results))
    }
}
