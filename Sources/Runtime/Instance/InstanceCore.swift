//! One instance: a slot of the pool, and what the runtime keeps beside the guest's own state.
//!
//! The one object that a stamp allocates. `hostData` of the context points to it while the slot is held; dispatch finds it
//! there. Its subclass in the API adds the host's state.
//!
//! Invariants: used by one thread at a time. `context` is valid from `stamp` to `close`. Between entries `depth` is 0 and
//! the context's stack pointer is the slot's initial one.

import CPlatform
public import Compiler
import Glibc

open class InstanceCore {
    /// Entries that may be nested: guest, host function, guest … Each holds frames of host code on the thread's stack, whose
    /// size nothing checks: threads made by Dispatch have 512 KiB, so this leaves about 8 KiB for each host function.
    public static let maximumDepth = 50

    public final let template: TemplateCore
    /// The VM context; nil when no slot is held.
    final var context: UnsafeMutableRawPointer?
    private final var slot: Slot?
    /// Calls into the guest that have not returned.
    final var depth = 0
    /// Scopes of `withMemory` that have not ended.
    @usableFromInline final var memoryBorrows = 0
    /// The guest ran, or the host wrote to the slot: it must be reset.
    @usableFromInline final var isDirty = false
    /// What a host function or a runtime function threw, on its way through the guest.
    final var failure: (any Error)?
    /// Passive segments that the guest has dropped; empty as long as there are none.
    final var droppedData: [Bool] = []
    final var droppedElements: [Bool] = []

    public init(template: TemplateCore) { self.template = template }

    deinit { assert(slot == nil, "an instance is closed before its last reference goes") }

    // MARK: Life

    /// Takes a slot that equals the template's image and runs the start function.
    ///
    /// If it throws, no slot is held.
    public final func stamp() throws {
        let slot = try template.module.engine.pool.acquire(template.image)
        self.slot = slot
        let context = slot.context
        self.context = context
        if slot.isFresh {
            // The same for all instances of the image, and never changed by a guest: the slot keeps them.
            let module = template.module
            context.storeWord(module.records, at: VMContextLayout.functionRecords)
            context.storeBytes(of: hostDispatch, toByteOffset: VMContextLayout.hostDispatch, as: Dispatch.self)
            context.storeBytes(of: runtimeDispatch, toByteOffset: VMContextLayout.runtimeDispatch, as: Dispatch.self)
            context.storeBytes(
                of: module.memory.address(module.code.exitOffset), toByteOffset: VMContextLayout.exitStub,
                as: UnsafeRawPointer.self)
        }
        context.storeBytes(
            of: Unmanaged.passUnretained(self).toOpaque(), toByteOffset: VMContextLayout.hostData,
            as: UnsafeMutableRawPointer.self)
        if let start = template.start {
            do {
                try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 1) { cells in
                    cells[0] = 0
                    try enter(start, cells.baseAddress!)
                }
            } catch {
                close()
                throw error
            }
        }
    }

    /// Gives the slot back. The second time does nothing.
    public final func close() {
        guard let slot else { return }
        self.slot = nil
        context = nil
        template.module.engine.pool.release(slot, wasEntered: isDirty)
    }

    // MARK: Entering the guest

    private typealias Entry =
        @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer, UnsafeMutablePointer<UInt64>) -> Int32

    /// Calls a function of the instance's module. The cells hold the arguments and then the results: `cellCount` of them.
    ///
    /// - Throws: `Trap`; what a host function threw; `CallError` for a foreign function reference among the arguments or if
    ///   the memory is borrowed.
    public final func enter(_ function: borrowing FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>) throws {
        guard let context, memoryBorrows == 0, depth < Self.maximumDepth else { throw reasonNotToEnter() }
        if function.takesFunctionReferences {
            for (index, type) in function.type.parameters.enumerated() where type == .funcref {
                try template.module.checkReference(cells[index])
            }
        }
        if depth == 0 {
            isDirty = true
            let error = mayfly_thread_prepare()
            if error != 0 { throw SystemError(operation: "setting up a signal stack", errno: error) }
        }
        depth += 1
        // The exit after a trap abandons what the guest stack held.
        let stackPointer = context.loadWord(at: VMContextLayout.guestStackPointer)
        let status = unsafeBitCast(function.entry, to: Entry.self)(context, function.code, cells)
        depth -= 1
        if status != EntryStatus.returned {
            context.storeWord(stackPointer, at: VMContextLayout.guestStackPointer)
            throw takeFailure(status, context)
        }
    }

    private final func reasonNotToEnter() -> any Error {
        if memoryBorrows != 0 { return CallError.memoryInUse }
        if depth >= Self.maximumDepth { return Trap(code: .callStackExhausted) }
        return CallError.instanceClosed
    }

    private final func takeFailure(_ status: Int32, _ context: UnsafeMutableRawPointer) -> any Error {
        switch status {
        case EntryStatus.trapped: return takeTrap(context)
        case EntryStatus.hostError:
            if let failure {
                self.failure = nil
                return failure
            }
            return Trap(code: .unexpectedFault)
        case EntryStatus.interrupted: return CallError.interrupted
        default: return Trap(code: .unexpectedFault)
        }
    }

    // MARK: Traps

    /// Reads what the fault handler left in the context.
    private final func takeTrap(_ context: UnsafeMutableRawPointer) -> Trap {
        let programCounter = context.loadWord(at: VMContextLayout.trapProgramCounter)
        let framePointer = context.loadWord(at: VMContextLayout.trapFramePointer)
        let address = context.loadWord(at: VMContextLayout.trapAddress)
        let signal = Int32(truncatingIfNeeded: context.loadWord(at: VMContextLayout.trapSignal))
        context.storeWord(0, at: VMContextLayout.trapProgramCounter)
        let code = trapCode(programCounter: programCounter, address: address, signal: signal)
        return trap(code, programCounter: programCounter, framePointer: framePointer)
    }

    private final func trapCode(programCounter: UInt64, address: UInt64, signal: Int32) -> TrapCode {
        guard let slot else { return .unexpectedFault }
        let isAccess = signal == SIGSEGV || signal == SIGBUS
        if isAccess, template.module.engine.pool.stackGuard(of: slot, contains: address) { return .callStackExhausted }
        guard let offset = template.module.memory.offset(programCounter),
            let code = template.module.code.trapCode(at: offset)
        else { return .unexpectedFault }
        // A memory access may only ever fault on the memory it is for. Anything else is a defect of the compiler, and must
        // not pass for a guest's mistake.
        switch code {
        case .memoryOutOfBounds:
            guard isAccess, template.module.engine.pool.memoryReservation(of: slot, contains: address) else {
                return signal == SIGILL ? code : .unexpectedFault
            }
            return code
        default: return isAccess ? .unexpectedFault : code
        }
    }

    /// A trap at an address of the guest's code, with the stack from a frame pointer on.
    final func trap(_ code: TrapCode, programCounter: UInt64?, framePointer: UInt64) -> Trap {
        guard let slot else { return Trap(code: code) }
        var walk = StackWalk(
            module: template.module, lowest: UInt64(UInt(bitPattern: slot.stackLowest)),
            end: UInt64(UInt(bitPattern: slot.stackTop)))
        if let programCounter { walk.add(programCounter, isReturnAddress: false) }
        walk.follow(framePointer)
        return Trap(code: code, backtrace: walk.frames, omittedFrames: walk.omitted)
    }

    // MARK: State of the guest

    /// Bytes of memory 0; 0 if there is none.
    public final var memorySize: Int {
        guard let context, template.module.code.layout.memoryCount > 0 else { return 0 }
        return Int(context.loadWord(at: VMContextLayout.memoryLength))
    }

    /// The cell of a global, by an index that exists.
    public final func globalCell(_ index: Int) -> UInt64 {
        context?.loadWord(at: template.module.code.layout.global(index)) ?? 0
    }

    public final func setGlobalCell(_ index: Int, _ cell: UInt64) {
        isDirty = true
        context?.storeWord(cell, at: template.module.code.layout.global(index))
    }
}
