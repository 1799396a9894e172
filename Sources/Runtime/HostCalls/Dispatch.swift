//! Where a guest's calls arrive on the host's stack. See `CompiledCode` for the convention.
//!
//! Nothing unwinds through a guest: an error is left with the instance and the nonzero status takes the guest's stack down
//! to the innermost entry, which throws it again.

import Compiler
import WasmModule

typealias Dispatch =
    @convention(c) (UnsafeMutableRawPointer, UInt32, UnsafeMutablePointer<UInt64>) -> Int32

@inline(__always)
private func withInstance(
    of context: UnsafeMutableRawPointer, _ body: (InstanceCore) throws -> Void
) -> Int32 {
    let data = context.load(fromByteOffset: VMContextLayout.hostData, as: UnsafeMutableRawPointer.self)
    // The instance lives at least as long as the call into the guest that led here.
    return Unmanaged<InstanceCore>.fromOpaque(data)._withUnsafeGuaranteedRef { instance in
        do {
            try body(instance)
            return EntryStatus.returned
        } catch {
            instance.failure = error
            return EntryStatus.hostError
        }
    }
}

/// Calls of imported functions, by function index.
let hostDispatch: Dispatch = { context, index, cells in
    withInstance(of: context) { instance in
        let template = instance.template
        try template.hostFunctions[Int(index)].body(instance, cells)
        if template.hostResultsHoldReferences[Int(index)] { try template.checkResults(of: Int(index), cells) }
    }
}

/// Calls of `RuntimeFunction`s.
let runtimeDispatch: Dispatch = { context, index, cells in
    withInstance(of: context) { instance in
        guard let function = RuntimeFunction(rawValue: index) else { throw Trap(code: .unexpectedFault) }
        if let code = instance.perform(function, cells) {
            let frame = context.loadWord(at: VMContextLayout.guestFramePointer)
            throw instance.trap(code, programCounter: nil, framePointer: frame)
        }
    }
}

extension TemplateCore {
    /// Refuses foreign function references that a host function returned.
    func checkResults(of function: Int, _ cells: UnsafeMutablePointer<UInt64>) throws(CallError) {
        for (index, type) in hostFunctions[function].type.results.enumerated() where type == .funcref {
            try module.checkReference(cells[index])
        }
    }
}
