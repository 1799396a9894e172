//! One instance: a slot of the pool, and what the runtime keeps beside the guest's own state.
//!
//! The one object that a stamp allocates. `hostData` of the context points to it while the slot is held; dispatch finds
//! it there. Its subclass in the API adds the host's state.
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
        @usableFromInline var depth: Int32 = 0
        /// The guest was stopped in the middle, at whatever depth.
        var wasInterrupted = false
        /// Scopes of `withMemory` that have not ended.
        public var memoryBorrows = 0
        /// Whether the guest ran, or the host wrote to the slot, and on which thread.
        public var use = SlotUse()
    }

    /// Calls are stopped at this time, in nanoseconds of the monotonic clock; nil is never.
    ///
    /// It counts from the outermost call that begins after it was set. An instance that was stopped is not called any
    /// more.
    public final var deadline: UInt64? {
        get { deadlineTime == .max ? nil : deadlineTime }
        set { deadlineTime = newValue ?? .max }
    }

    final var deadlineTime = UInt64.max

    /// Entries that may be nested: guest, host function, guest … The guest chooses how many, and each holds frames of
    /// host code on the thread's stack. What those are large enough to exhaust is up to `stackReserve`.
    public static let maximumDepth = 50
    /// Bytes that must be left of the thread's stack for a nested entry: for the host functions called in it, up to the
    /// next entry. Threads made by Dispatch have 512 KiB.
    public static let stackReserve = 128 << 10

    public unowned(unsafe) final let template: TemplateCore
    /// The template's.
    public final let stamp: UnsafePointer<Stamp>
    private final let ownsTemplate: Bool
    /// The slot is held.
    private final var isOpen = true
    /// The template's.
    final let hostFunctions: UnsafeMutableBufferPointer<Unmanaged<LinkedFunction>>
    /// Byte 0 of memory 0.
    public internal(set) final var memoryBase: UnsafeMutableRawPointer
    /// Where the context keeps the bytes that memory 0 has now; 0 if there is none.
    public final let memoryLength: UnsafePointer<UInt64>
    /// In the context's room for the runtime.
    public final let fewCells: UnsafeMutablePointer<UInt64>
    private final var largeCells: UnsafeMutablePointer<UInt64>?
    final let context: UnsafeMutableRawPointer
    final let slot: Slot
    /// What the host keeps for it, if anything; of linked instances it is theirs together.
    final var resources: StoreResources?
    /// Of an instance with further memories, or one that is linked.
    private(set) final var linkage: Linkage?
    /// What changes at every entry; of linked instances that of the first. In raw memory, where access costs no check:
    /// nothing of it is ever borrowed.
    public final let control: UnsafeMutablePointer<Control>
    /// What a host function or a runtime function threw, on its way through the guest.
    final var failure: (any Error)?
    /// The host function that the guest is suspended for, from there to the one who awaits it.
    private final var awaited: Unmanaged<LinkedFunction>?
    private final var awaitedCells: UnsafeMutablePointer<UInt64>?
    /// Passive segments that the guest has dropped; empty as long as there are none.
    final var droppedData: [Bool] = []
    final var droppedElements: [Bool] = []

    /// Takes a slot that equals the template's image. The start function is `start()`'s.
    ///
    /// - Parameters:
    ///   - stamp: the template's.
    ///   - ownsTemplate: whether the instance keeps its template alive. If not, whoever makes it does.
    ///   - group: the instances it will be linked with.
    /// - Throws: `PoolError`.
    public init(
        _ stamp: UnsafePointer<Stamp>, ownsTemplate: Bool, group: InstanceGroup? = nil
    ) throws(PoolError) {
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
        let root = group?.root
        control = ((root ?? context) + VMContextLayout.reserved).bindMemory(to: Control.self, capacity: 1)
        assert(MemoryLayout<Control>.size <= Self.controlBytes)
        if root == nil { control.initialize(to: Control()) }
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
        if stamp.pointee.hasMoreThanSlot || group != nil { try extend(group) }
    }

    /// Takes slots for further memories, makes room for what is linked, and notes what is dropped.
    private final func extend(_ group: InstanceGroup?) throws(PoolError) {
        droppedData = template.droppedData
        droppedElements = template.droppedElements
        resources = group?.resources
        if template.furtherImages.isEmpty && group == nil { return }
        let module = template.module
        let pool = template.pool
        let linkage = Linkage(context, group: group, records: group == nil ? nil : module.makeRecords(for: context))
        self.linkage = linkage
        let decoded = module.decoded
        var images = template.furtherImages.makeIterator()
        for index in decoded.importedMemoryCount..<decoded.memories.count {
            guard index > 0, let image = images.next() else {
                linkage.memories.append(MemoryInstance(decoded.memories[index], in: slot, of: pool))
                continue
            }
            // The object is whole, so that if this fails, its end gives back what it has.
            let further = try pool.acquire(image)
            linkage.own(further)
            let memory = MemoryInstance(decoded.memories[index], in: further, of: pool)
            memory.show(
                in: linkage, base: module.code.layout.memoryBase(index),
                length: module.code.layout.memoryLength(index))
            linkage.memories.append(memory)
        }
    }

    deinit {
        close()
        largeCells?.deallocate()
    }

    /// Gives the slot back, before `deinit` does. The instance must not be used any more.
    ///
    /// After that neither the slot nor the template is touched: whoever keeps the template alive need not outlive the
    /// object.
    public final func close() {
        guard isOpen else { return }
        isOpen = false
        if resources != nil { leaveResources() }
        if let linkage { return closeLinked(linkage) }
        stamp.pointee.release(slot, after: control.pointee.use)
        if ownsTemplate { Unmanaged.passUnretained(template).release() }
    }

    private final func closeLinked(_ linkage: Linkage) {
        // Linked instances write to each other's slots, and what the threads' counters say would have to be read for
        // all of them at once.
        let isClean = linkage.group == nil && !control.pointee.use.isDirty
        let use = isClean ? SlotUse() : .unknown
        linkage.takeBack()
        for further in linkage.furtherSlots { stamp.pointee.release(further, after: use) }
        stamp.pointee.release(slot, after: use)
        if ownsTemplate { Unmanaged.passUnretained(template).release() }
    }

    /// Does what is left of instantiation: runs the module's start function, if it has one, or refreshes a snapshot's
    /// copy.
    @inlinable
    public final func start() throws {
        if stamp.pointee.hasStart { try finishInstantiation() }
    }

    @usableFromInline
    final func finishInstantiation() throws {
        if let start = template.start { try enter(start, cells(start.cellCount)) }
        if template.isSnapshot { try refresh() }
    }

    // MARK: Entering the guest

    /// Room for the cells of a call: arguments before `enter`, results after it, until the next call.
    ///
    /// All calls share it, nested ones too: an entry takes the arguments before any guest code runs and leaves the
    /// results when none runs any more.
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
        @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer?, UnsafeMutablePointer<UInt64>) -> Int32

    /// Calls a function of the instance's module. The cells hold the arguments and then the results: `cellCount` of
    /// them.
    ///
    /// - Throws: `Trap`; what a host function threw; `CallError` for a foreign function reference among the arguments
    ///   or if the memory is borrowed.
    public final func enter(_ function: FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>) throws {
        try checkEntry(function, cells)
        if control.pointee.depth == 0 {
            control.pointee.use.note()
            if resources != nil { beginCounting() }
            try prepareThread()
            if deadlineTime != .max { return try enterBeforeDeadline(function, cells) }
        } else if mayfly_thread_stack_room() < Self.stackReserve {
            throw Trap(code: .callStackExhausted)
        }
        // Frames of the host's are below this entry, if it is a nested one.
        let mayYield = mayYield.pointee
        self.mayYield.pointee = 0
        defer { self.mayYield.pointee = mayYield }
        let status = isSuspended ? try runInSuspendedCall(function, cells) : run(function, cells)
        if status != EntryStatus.returned { throw takeFailure(status) }
    }

    /// Before the guest runs on a thread that it may not have run on yet.
    @inline(__always)
    final func prepareThread() throws(SystemError) {
        try SystemError.check(mayfly_thread_prepare(), "setting up a signal stack")
    }

    @inline(__always)
    final func checkEntry(_ function: FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>) throws {
        guard control.pointee.memoryBorrows == 0, Int(control.pointee.depth) < Self.maximumDepth, !isToStop else {
            throw reasonNotToEnter()
        }
        if function.takesFunctionReferences {
            for cell in function.referenceArguments { try checkReference(cells[cell]) }
        }
    }

    @inline(__always)
    final func run(_ function: FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>) -> Int32 {
        control.pointee.depth += 1
        defer { control.pointee.depth -= 1 }
        return enterStub(function.entry, function.code, cells)
    }

    @inline(__always)
    final func enterStub(
        _ stub: UnsafeRawPointer, _ code: UnsafeRawPointer?, _ cells: UnsafeMutablePointer<UInt64>
    ) -> Int32 {
        unsafeBitCast(stub, to: Entry.self)(context, code, cells)
    }

    /// The root's context, in which `control` lies.
    @inline(__always)
    final var root: UnsafeMutableRawPointer { UnsafeMutableRawPointer(control) - VMContextLayout.reserved }

    // MARK: Suspension

    /// Whether the run may be suspended: in the root's context.
    final var mayYield: UnsafeMutablePointer<UInt64> {
        (root + VMContextLayout.mayYield).assumingMemoryBound(to: UInt64.self)
    }

    /// Notes the host function that a guest is going to be suspended for.
    ///
    /// - Throws: `CallError` if the call into the guest was a synchronous one.
    final func suspend(
        for function: Unmanaged<LinkedFunction>, _ cells: UnsafeMutablePointer<UInt64>
    ) throws(CallError) {
        guard mayYield.pointee != 0 else {
            let (module, name) = function._withUnsafeGuaranteedRef { ($0.module, $0.name) }
            throw .needsAsynchronousCall(module: module, name: name)
        }
        awaited = function
        awaitedCells = cells
    }

    /// Something is noted that the guest is to be suspended for.
    final var isAwaiting: Bool { awaited != nil }

    final func takeAwaited() -> Awaited? {
        guard let function = awaited?.takeUnretainedValue(), let cells = awaitedCells,
            let body = function.asynchronousBody
        else { return nil }
        awaited = nil
        return Awaited(body: body, cells: cells, referenceResults: function.referenceResults)
    }

    // MARK: Deadlines

    /// Where the guest is asked to stop: in the root's context.
    final var request: UnsafeMutablePointer<mayfly_request> {
        (root + VMContextLayout.request).assumingMemoryBound(to: mayfly_request.self)
    }

    /// The guest is to stop, or was stopped: what host functions that wait look at.
    public final var isToStop: Bool { request.pointee.stop != 0 }

    /// Where `isToStop` can be read as long as the instance lives: 0, or that it is so.
    public final var stopRequest: UnsafePointer<UInt32> {
        UnsafePointer(UnsafeMutableRawPointer(request).assumingMemoryBound(to: UInt32.self))
    }

    private final func enterBeforeDeadline(
        _ function: FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>
    ) throws {
        guard mayfly_deadline_now() < deadlineTime else { throw Trap(code: .interrupted) }
        var watch = mayfly_deadline()
        let status = try withUnsafeMutablePointer(to: &watch) { watch in
            try SystemError.check(
                mayfly_deadline_arm(watch, deadlineTime, .max, request), "starting the thread of deadlines")
            defer { mayfly_deadline_disarm(watch) }
            return run(function, cells)
        }
        let failure = status == EntryStatus.returned ? nil : takeFailure(status)
        // The deadline may have passed, but the guest was faster, or ended in another way.
        if !control.pointee.wasInterrupted { clearRequest() }
        if let failure { throw failure }
    }

    /// The clock that deadlines are of, in nanoseconds.
    public static var monotonicTime: UInt64 { mayfly_deadline_now() }

    /// The guest may run again.
    final func clearRequest() {
        request.pointee = mayfly_request()
        control.pointee.wasInterrupted = false
    }

    /// Keeps the error that a host function or a runtime function ends the guest with.
    final func fail(with error: any Error) {
        failure = error
        linkage?.group?.failed = self
    }

    private final func reasonNotToEnter() -> any Error {
        if control.pointee.memoryBorrows != 0 { return CallError.memoryInUse }
        // Inside a call that is to stop, or after it.
        if isToStop { return control.pointee.depth > 0 ? Trap(code: .interrupted) : CallError.stoppedInstance }
        return Trap(code: .callStackExhausted)
    }

    final func takeFailure(_ status: Int32) -> any Error {
        switch status {
        case EntryStatus.trapped: return takeTrap()
        case EntryStatus.hostError:
            let failed = linkage?.group?.failed ?? self
            if let failure = failed.failure {
                failed.failure = nil
                return failure
            }
            return Trap(code: .unexpectedFault)
        case EntryStatus.interrupted: return takeInterruption()
        default: return Trap(code: .unexpectedFault)
        }
    }

    private final func takeInterruption() -> Trap {
        control.pointee.wasInterrupted = true
        let root = context.loadPointer(at: VMContextLayout.root)
        // 0 if the guest was stopped on its way back from a host call.
        let programCounter = root.loadWord(at: VMContextLayout.trapProgramCounter)
        let framePointer = root.loadWord(at: VMContextLayout.trapFramePointer)
        root.storeWord(0, at: VMContextLayout.trapProgramCounter)
        if programCounter != 0 { loseSlice() }
        return trap(
            .interrupted, programCounter: programCounter == 0 ? nil : programCounter, framePointer: framePointer)
    }

    // MARK: Traps

    /// Reads what the fault handler left in the root context.
    private final func takeTrap() -> Trap {
        let root = context.loadPointer(at: VMContextLayout.root)
        let programCounter = root.loadWord(at: VMContextLayout.trapProgramCounter)
        let framePointer = root.loadWord(at: VMContextLayout.trapFramePointer)
        let address = root.loadWord(at: VMContextLayout.trapAddress)
        let signal = Int32(truncatingIfNeeded: root.loadWord(at: VMContextLayout.trapSignal))
        let faulting = root.loadPointer(at: VMContextLayout.trapContext)
        root.storeWord(0, at: VMContextLayout.trapProgramCounter)
        let data = faulting.loadPointer(at: VMContextLayout.hostData)
        // An instance that is linked with this one, or this one.
        return Unmanaged<InstanceCore>.fromOpaque(data)._withUnsafeGuaranteedRef { instance in
            let code = instance.trapCode(programCounter: programCounter, address: address, signal: signal)
            instance.loseFuel(code)
            return instance.trap(code, programCounter: programCounter, framePointer: framePointer)
        }
    }

    /// The slot whose stack the instance runs on.
    private final var stackSlot: Slot { linkage?.group?.stackSlot ?? slot }

    private final func trapCode(programCounter: UInt64, address: UInt64, signal: Int32) -> TrapCode {
        let isAccess = signal == SIGSEGV || signal == SIGBUS
        if isAccess, stackSlot.stackGuard.contains(address) { return .callStackExhausted }
        guard let offset = template.module.memory.offset(programCounter),
            let code = template.module.code.trapCode(at: offset)
        else { return .unexpectedFault }
        guard isAccess else { return code }
        // An access may only ever fault on what it is for. Anything else is a defect of the compiler, and must not pass
        // for a guest's mistake.
        switch code {
        case .memoryOutOfBounds:
            let isReachable = linkage?.reaches(address) ?? slot.memoryReservation.contains(address)
            return isReachable ? code : .unexpectedFault
        // The null reference is address 0, and loads from its record fault.
        case .uninitializedElement: return address < UInt64(FunctionRecord.size) ? code : .unexpectedFault
        default: return .unexpectedFault
        }
    }

    /// A trap at an address of the guest's code, with the stack from a frame pointer on.
    final func trap(_ code: TrapCode, programCounter: UInt64?, framePointer: UInt64) -> Trap {
        var walk = StackWalk(modules: linkage?.group?.modules ?? [template.module], stack: stackSlot.stack)
        if let programCounter { walk.add(programCounter, isReturnAddress: false) }
        walk.follow(framePointer)
        return Trap(code: code, backtrace: walk.frames, omittedFrames: walk.omitted)
    }

    // MARK: Function references

    /// The reference to a function of the instance.
    final func reference(toFunction index: Int) -> UInt64 {
        context.loadWord(at: VMContextLayout.functionRecords) + UInt64(index * FunctionRecord.size)
    }

    /// The function index that a cell with a function reference means, if it is one of this instance, imports included.
    final func ownFunctionIndex(ofReference cell: UInt64) -> Int? {
        guard let records = linkage?.records else { return template.module.functionIndex(ofReference: cell) }
        return template.module.functionIndex(ofReference: cell, in: records)
    }

    /// Refuses a cell that is neither null nor a reference to a function of this instance or of one it is linked with:
    /// calling it would run foreign code on this instance.
    public final func checkReference(_ cell: UInt64) throws(CallError) {
        guard cell != 0 else { return }
        if let group = linkage?.group {
            guard group.function(ofReference: cell) != nil else { throw .foreignFunctionReference }
        } else {
            guard ownFunctionIndex(ofReference: cell) != nil else { throw .foreignFunctionReference }
        }
    }

    /// The instance that a reference's function belongs to, this one or one it is linked with, and the function.
    public final func function(
        _ reference: FunctionReference
    ) throws(CallError) -> (instance: InstanceCore, function: FunctionHandle) {
        if let group = linkage?.group {
            guard let (member, index) = group.function(ofReference: reference.record) else {
                throw .foreignFunctionReference
            }
            return (member, member.template.module.function(index))
        }
        guard let index = ownFunctionIndex(ofReference: reference.record) else { throw .foreignFunctionReference }
        return (self, template.module.function(index))
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

    /// Where the value of a global lies: in another instance's context if it is mutable and imported.
    final func globalAddress(_ index: Int) -> UnsafeMutableRawPointer {
        let module = template.module
        let cell = context + module.code.layout.global(index)
        let isElsewhere = index < module.decoded.importedGlobalCount && module.decoded.globals[index].isMutable
        return isElsewhere ? cell.loadPointer(at: 0) : cell
    }

    /// The cells of a global, by an index that exists. The second counts for a v128 only.
    public final func globalCells(_ index: Int) -> V128 {
        let address = globalAddress(index)
        return V128(low: address.loadWord(at: 0), high: address.loadWord(at: 8))
    }

    public final func setGlobalCells(_ index: Int, _ cells: V128) {
        noteWrite()
        let address = globalAddress(index)
        address.storeWord(cells.low, at: 0)
        address.storeWord(cells.high, at: 8)
    }
}
