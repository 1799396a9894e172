//! One instance: a slot of the pool, and what the runtime keeps beside the guest's own state.
//!
//! The one object that a stamp allocates. `hostData` of the context points to it while the slot is held; dispatch finds it
//! there. Its subclass in the API adds the host's state.
//!
//! Invariants: used by one thread at a time. It holds its slot from the end of `init` to `close`. Between entries the
//! depth is 0 and the context's stack pointer is the slot's initial one.

import CPlatform
import Compiler
import Glibc
public import WasmModule

open class InstanceCore {
    /// The part of the instance's own state that every entry touches. Lies in the context's room for the runtime.
    public struct Control {
        /// Calls into the guest that have not returned.
        @usableFromInline var depth = 0
        /// Scopes of `withMemory` that have not ended.
        public var memoryBorrows = 0
        /// Whether the guest ran, or the host wrote to the slot, and on which thread.
        public var use = SlotUse()
    }

    /// Entries that may be nested: guest, host function, guest … The guest chooses how many, and each holds frames of host
    /// code on the thread's stack. What those are large enough to exhaust is up to `stackReserve`.
    public static let maximumDepth = 50
    /// Bytes that must be left of the thread's stack for a nested entry: for the host functions called in it, up to the
    /// next entry. Threads made by Dispatch have 512 KiB.
    public static let stackReserve = 128 << 10

    public unowned(unsafe) final let template: TemplateCore
    @usableFromInline final let stamp: UnsafePointer<Stamp>
    private final let ownsTemplate: Bool
    /// The slot is held.
    private final var isOpen = true
    /// The template's.
    final let hostFunctions: UnsafeMutableBufferPointer<Unmanaged<LinkedFunction>>
    /// Byte 0 of memory 0.
    public final let memoryBase: UnsafeMutableRawPointer
    /// Where the context keeps the bytes that memory 0 has now; 0 if there is none.
    public final let memoryLength: UnsafePointer<UInt64>
    /// In the context's room for the runtime.
    public final let fewCells: UnsafeMutablePointer<UInt64>
    private final var largeCells: UnsafeMutablePointer<UInt64>?
    final let context: UnsafeMutableRawPointer
    final let slot: Slot
    /// What changes at every entry. In raw memory, where access costs no check: nothing of it is ever borrowed.
    public final let control: UnsafeMutablePointer<Control>
    /// What a host function or a runtime function threw, on its way through the guest.
    final var failure: (any Error)?
    /// Passive segments that the guest has dropped; empty as long as there are none.
    final var droppedData: [Bool] = []
    final var droppedElements: [Bool] = []

    /// Takes a slot that equals the template's image. The start function is `start()`'s.
    ///
    /// - Parameters:
    ///   - stamp: the template's.
    ///   - ownsTemplate: whether the instance keeps its template alive. If not, whoever makes it does.
    /// - Throws: `PoolError`.
    public init(_ stamp: UnsafePointer<Stamp>, ownsTemplate: Bool) throws(PoolError) {
        slot = try stamp.pointee.acquire()
        self.stamp = stamp
        template = stamp.pointee.template
        hostFunctions = stamp.pointee.hostFunctions
        self.ownsTemplate = ownsTemplate
        if ownsTemplate { _ = Unmanaged.passRetained(template) }
        context = slot.context
        memoryBase = slot.memoryBase
        memoryLength = UnsafePointer((context + VMContextLayout.memoryLength).assumingMemoryBound(to: UInt64.self))
        let room = context + VMContextLayout.reserved
        control = room.bindMemory(to: Control.self, capacity: 1)
        control.initialize(to: Control())
        fewCells = (room + Self.controlBytes).assumingMemoryBound(to: UInt64.self)
        if slot.isFresh {
            // The same for all instances of the image, and never changed by a guest: the slot keeps them.
            context.storeWord(stamp.pointee.functionRecords, at: VMContextLayout.functionRecords)
            context.storeBytes(of: hostDispatch, toByteOffset: VMContextLayout.hostDispatch, as: Dispatch.self)
            context.storeBytes(of: runtimeDispatch, toByteOffset: VMContextLayout.runtimeDispatch, as: Dispatch.self)
            context.storeBytes(
                of: stamp.pointee.exitStub, toByteOffset: VMContextLayout.exitStub, as: UnsafeRawPointer.self)
        }
        context.storeBytes(
            of: Unmanaged.passUnretained(self).toOpaque(), toByteOffset: VMContextLayout.hostData,
            as: UnsafeMutableRawPointer.self)
    }

    deinit {
        close()
        largeCells?.deallocate()
    }

    /// Gives the slot back, before `deinit` does. The instance must not be used any more.
    ///
    /// After that neither the slot nor the template is touched: whoever keeps the template alive need not outlive the object.
    public final func close() {
        guard isOpen else { return }
        isOpen = false
        stamp.pointee.release(slot, after: control.pointee.use)
        if ownsTemplate { Unmanaged.passUnretained(template).release() }
    }

    /// Runs the module's start function, if it has one: what is left of instantiation.
    @inlinable
    public final func start() throws {
        if stamp.pointee.hasStart { try callStart() }
    }

    @usableFromInline
    final func callStart() throws {
        guard let start = template.start else { return }
        try enter(start, cells(start.cellCount))
    }

    // MARK: Entering the guest

    /// Room for the cells of a call: arguments before `enter`, results after it, until the next call.
    ///
    /// All calls share it, nested ones too: an entry takes the arguments before any guest code runs and leaves the results
    /// when none runs any more.
    @inlinable @inline(__always)
    public final func cells(_ count: Int) -> UnsafeMutablePointer<UInt64> {
        count <= Self.fewCells ? fewCells : makeLargeCells()
    }

    /// Cells that the context has room for.
    public static var fewCells: Int { 12 }
    /// `fewCells` are the rest of the room.
    private static var controlBytes: Int { 32 }

    @usableFromInline
    final func makeLargeCells() -> UnsafeMutablePointer<UInt64> {
        if let largeCells { return largeCells }
        let limits = ImplementationLimits.default
        let count = max(limits.parameters, limits.results) * ValueType.v128.cellCount
        let cells = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        cells.initialize(repeating: 0, count: count)
        largeCells = cells
        return cells
    }

    private typealias Entry =
        @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer, UnsafeMutablePointer<UInt64>) -> Int32

    /// Calls a function of the instance's module. The cells hold the arguments and then the results: `cellCount` of them.
    ///
    /// - Throws: `Trap`; what a host function threw; `CallError` for a foreign function reference among the arguments or if
    ///   the memory is borrowed.
    public final func enter(_ function: FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>) throws {
        guard control.pointee.memoryBorrows == 0, control.pointee.depth < Self.maximumDepth else {
            throw reasonNotToEnter()
        }
        if function.takesFunctionReferences {
            for cell in function.referenceArguments { try template.module.checkReference(cells[cell]) }
        }
        if control.pointee.depth == 0 {
            control.pointee.use.note()
            let error = mayfly_thread_prepare()
            if error != 0 { throw SystemError(operation: "setting up a signal stack", errno: error) }
        } else if mayfly_thread_stack_room() < Self.stackReserve {
            throw Trap(code: .callStackExhausted)
        }
        control.pointee.depth += 1
        let status = unsafeBitCast(function.entry, to: Entry.self)(context, function.code, cells)
        control.pointee.depth -= 1
        if status != EntryStatus.returned { throw takeFailure(status, context) }
    }

    private final func reasonNotToEnter() -> any Error {
        if control.pointee.memoryBorrows != 0 { return CallError.memoryInUse }
        return Trap(code: .callStackExhausted)
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
        let isAccess = signal == SIGSEGV || signal == SIGBUS
        if isAccess, slot.stackGuard.contains(address) { return .callStackExhausted }
        guard let offset = template.module.memory.offset(programCounter),
            let code = template.module.code.trapCode(at: offset)
        else { return .unexpectedFault }
        guard isAccess else { return code }
        // An access may only ever fault on what it is for. Anything else is a defect of the compiler, and must not pass for
        // a guest's mistake.
        switch code {
        case .memoryOutOfBounds: return slot.memoryReservation.contains(address) ? code : .unexpectedFault
        // The null reference is address 0, and loads from its record fault.
        case .uninitializedElement: return address < UInt64(FunctionRecord.size) ? code : .unexpectedFault
        default: return .unexpectedFault
        }
    }

    /// A trap at an address of the guest's code, with the stack from a frame pointer on.
    final func trap(_ code: TrapCode, programCounter: UInt64?, framePointer: UInt64) -> Trap {
        var walk = StackWalk(module: template.module, stack: slot.stack)
        if let programCounter { walk.add(programCounter, isReturnAddress: false) }
        walk.follow(framePointer)
        return Trap(code: code, backtrace: walk.frames, omittedFrames: walk.omitted)
    }

    // MARK: State of the guest

    /// The host is about to write to the slot. Inside a call it does so on the thread that entered the guest.
    @inlinable @inline(__always)
    public final func noteWrite() {
        if control.pointee.depth == 0 || !control.pointee.use.isDirty { control.pointee.use.note() }
    }

    /// Bytes of memory 0; 0 if there is none.
    @inlinable
    public final var memorySize: Int {
        Int(memoryLength.pointee)
    }

    /// The cells of a global, by an index that exists. The second counts for a v128 only.
    public final func globalCells(_ index: Int) -> V128 {
        let offset = template.module.code.layout.global(index)
        return V128(low: context.loadWord(at: offset), high: context.loadWord(at: offset + 8))
    }

    public final func setGlobalCells(_ index: Int, _ cells: V128) {
        noteWrite()
        let offset = template.module.code.layout.global(index)
        context.storeWord(cells.low, at: offset)
        context.storeWord(cells.high, at: offset + 8)
    }
}
