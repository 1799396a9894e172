//! Why a valid function can fail to be translated.

/// A limit of the implementation. Validation has accepted the function, so there is no other reason.
public enum TranslationError: Error, Sendable, Hashable {
    /// Translating the function would take too much time or memory. `function` is its index in the module.
    case functionTooComplex(function: UInt32)
}
