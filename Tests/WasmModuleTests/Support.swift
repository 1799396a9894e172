//! What the tests of this target share: building, decoding and expecting errors.

import TestSupport
import Testing
import WasmModule

/// Decodes and validates everything.
@discardableResult
func validate(_ bytes: [UInt8], limits: ImplementationLimits = .default) throws(WasmError) -> DecodedModule {
    let module = try DecodedModule(decoding: bytes, limits: limits)
    try module.validateBodies()
    return module
}

/// Builds, decodes and validates everything.
@discardableResult
func validate(
    limits: ImplementationLimits = .default, _ build: (inout WasmBuilder) -> Void
) throws(WasmError) -> DecodedModule {
    var module = WasmBuilder()
    build(&module)
    return try validate(module.build(), limits: limits)
}

/// The error of a module that must have one.
func error(of bytes: [UInt8], limits: ImplementationLimits = .default) -> WasmError? {
    do throws(WasmError) {
        try validate(bytes, limits: limits)
        return nil
    } catch {
        return error
    }
}

func error(
    limits: ImplementationLimits = .default, _ build: (inout WasmBuilder) -> Void
) -> WasmError? {
    var module = WasmBuilder()
    build(&module)
    return error(of: module.build(), limits: limits)
}

/// Expects an error by kind, beginning of the message, and offset (when given).
func expect(
    _ error: WasmError?, _ kind: WasmError.Kind, _ message: String, at offset: Int? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard let error else {
        Issue.record("accepted, but should be refused: \(message)", sourceLocation: sourceLocation)
        return
    }
    #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
    #expect(error.message.hasPrefix(message), "\(error) should begin with: \(message)", sourceLocation: sourceLocation)
    if let offset { #expect(error.offset == offset, "\(error)", sourceLocation: sourceLocation) }
}
