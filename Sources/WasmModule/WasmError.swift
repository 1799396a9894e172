//! The one error of this layer: what is wrong with a module, where, and what its author can do.

/// A module that cannot be used.
public struct WasmError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The stage that refused the module. The first two are the specification's.
    public enum Kind: Hashable, Sendable {
        /// The bytes are not a module of the binary format.
        case malformed
        /// The bytes are a module, but it breaks a validation rule.
        case invalid
        /// The module uses a feature of WebAssembly that is not supported.
        case unsupported
        /// The module is larger than `ImplementationLimits` allow.
        case limitExceeded
    }

    /// Which stage refused it.
    public var kind: Kind
    /// Bytes from the start of the binary to what is wrong.
    public var offset: Int
    /// Index of the function in whose body the error is.
    public var function: UInt32?
    /// That function's name in the name section.
    public var functionName: String?
    /// What is wrong; begins with the specification suite's wording where there is one.
    public var message: String

    /// An error by its parts.
    public init(
        _ kind: Kind, at offset: Int, _ message: String, function: UInt32? = nil, functionName: String? = nil
    ) {
        self.kind = kind
        self.offset = offset
        self.message = message
        self.function = function
        self.functionName = functionName
    }

    /// Kind, place and message in one line.
    public var description: String {
        let prefix =
            switch kind {
            case .malformed: "malformed module"
            case .invalid: "invalid module"
            case .unsupported: "unsupported module"
            case .limitExceeded: "module too large"
            }
        var place = "at offset 0x\(String(offset, radix: 16))"
        if let function {
            place += " in function \(function)"
            if let functionName { place += " (\(functionName))" }
        }
        return "\(prefix) \(place): \(message)"
    }
}
