//! Where a guest's calls arrive on the host's stack. See `CompiledCode` for the convention.
//!
//! Nothing unwinds through a guest: an error is left with the instance and the nonzero status takes the guest's stack
//! down to the innermost entry, which throws it again.

import Compiler
import Glibc

typealias Dispatch =
    @convention(c) (UnsafeMutableRawPointer, UInt32, UnsafeMutablePointer<UInt64>) -> Int32

@inline(__always)
private func withInstance(
    of context: UnsafeMutableRawPointer, _ body: (InstanceCore) throws -> Int32
) -> Int32 {
    let data = context.load(fromByteOffset: VMContextLayout.hostData, as: UnsafeMutableRawPointer.self)
    // The instance lives at least as long as the call into the guest that led here.
    return Unmanaged<InstanceCore>.fromOpaque(data)._withUnsafeGuaranteedRef { instance in
        do {
            return try body(instance)
        } catch {
            instance.fail(with: error)
            return EntryStatus.hostError
        }
    }
}

/// Calls of imported functions, by function index.
let hostDispatch: Dispatch = { context, index, cells in callHost(context, index, cells) }

// Part of the closure that C calls, and not another call.
@inline(__always)
private func callHost(
    _ context: UnsafeMutableRawPointer, _ index: UInt32, _ cells: UnsafeMutablePointer<UInt64>
) -> Int32 {
    withInstance(of: context) { instance in
        let function = instance.hostFunctions[Int(index)]
        let isUncommon = try function._withUnsafeGuaranteedRef { function in
            try function.body(instance, cells)
            return function.isUncommon
        }
        return isUncommon ? try instance.finish(function, cells) : EntryStatus.returned
    }
}

/// Calls of `RuntimeFunction`s.
let runtimeDispatch: Dispatch = { context, index, cells in
    if isDoneInMemory0(context, index, cells) { return EntryStatus.returned }
    return withInstance(of: context) { instance in
        guard let function = RuntimeFunction(rawValue: index) else { throw Trap(code: .unexpectedFault) }
        if let code = try instance.perform(function, cells) {
            let root = context.loadPointer(at: VMContextLayout.root)
            let frame = root.loadWord(at: VMContextLayout.guestFramePointer)
            throw instance.trap(code, programCounter: nil, framePointer: frame)
        }
        return instance.isAwaiting ? EntryStatus.suspended : EntryStatus.returned
    }
}

/// Does what can be done without the instance: copying and filling in memory 0, which programs call for a few bytes.
/// False if it is something else, or must trap.
@inline(__always)
private func isDoneInMemory0(
    _ context: UnsafeMutableRawPointer, _ index: UInt32, _ cells: UnsafeMutablePointer<UInt64>
) -> Bool {
    let base = context.loadPointer(at: VMContextLayout.memoryBase)
    let length = context.loadWord(at: VMContextLayout.memoryLength)
    let (target, count) = (cells[0], cells[2])
    func fits(_ start: UInt64) -> Bool { InstanceCore.fits(start, count, length) }
    switch index {
    case RuntimeFunction.memoryCopy.rawValue:
        guard cells[3] | cells[4] == 0, fits(target), fits(cells[1]) else { return false }
        InstanceCore.copy(Int(count), to: base + Int(target), from: base + Int(cells[1]), for: context)
        return true
    case RuntimeFunction.memoryFill.rawValue:
        guard cells[3] == 0, fits(target) else { return false }
        InstanceCore.fill(Int(count), at: base + Int(target), with: UInt8(truncatingIfNeeded: cells[1]), for: context)
        return true
    default: return false
    }
}

extension InstanceCore {
    /// Suspends the guest for a function that is to be awaited; refuses foreign function references that any other
    /// returned.
    @inline(never)
    final func finish(
        _ function: Unmanaged<LinkedFunction>, _ cells: UnsafeMutablePointer<UInt64>
    ) throws(CallError) -> Int32 {
        let linked = function.takeUnretainedValue()
        if linked.asynchronousBody != nil {
            try suspend(for: function, cells)
            return EntryStatus.suspended
        }
        for index in linked.referenceResults { try checkReference(cells[index]) }
        return EntryStatus.returned
    }
}
