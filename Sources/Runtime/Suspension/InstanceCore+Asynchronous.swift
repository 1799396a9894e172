//! Calls into a guest that may be suspended: in host functions that are awaited, and to let others run.
//!
//! While a guest is suspended its stack lies in the slot, and nothing of it on any thread's stack. So it goes on wherever
//! the task does. A host function that is awaited may call the guest again: such an entry begins below what is suspended,
//! and is over before that goes on.
//!
//! Invariants: `mayYield` of the root is nonzero exactly while a run of an asynchronous call is on this thread with no
//! frame of the host's above it. The depth counts a suspended call as one that has not returned.

import CPlatform
import Compiler

extension InstanceCore {
    /// What a guest was suspended in the middle of. On its stack.
    private struct Suspension {
        let stackPointer: UInt64
        /// Where a backtrace starts: no program counter in a host call.
        let programCounter: UInt64?
        let framePointer: UInt64
        /// The instance whose code it was: this one, or one that it is linked with.
        let context: UnsafeMutableRawPointer

        /// It lives at least as long as the call into the guest.
        var instance: InstanceCore {
            let data = context.loadPointer(at: VMContextLayout.hostData)
            return Unmanaged<InstanceCore>.fromOpaque(data).takeUnretainedValue()
        }

        init(_ root: UnsafeMutableRawPointer) {
            stackPointer = root.loadWord(at: VMContextLayout.resumeStackPointer)
            let counter = root.loadWord(at: VMContextLayout.trapProgramCounter)
            programCounter = counter == 0 ? nil : counter
            framePointer = root.loadWord(at: VMContextLayout.trapFramePointer)
            context = root.loadPointer(at: VMContextLayout.trapContext)
            root.storeWord(0, at: VMContextLayout.trapProgramCounter)
        }
    }

    /// Calls a function of the instance's module, as `enter` does, and suspends the task when the guest awaits.
    ///
    /// - Throws: as `enter`; `CancellationError` if the task was cancelled.
    public final nonisolated(nonsending) func enterAsynchronously(
        _ function: FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>
    ) async throws {
        try checkEntry(function, cells)
        try checkSuspendedEntry()
        try Task.checkCancellation()
        guard deadlineTime == .max || mayfly_deadline_now() < deadlineTime else { throw Trap(code: .interrupted) }
        let call = AsynchronousCall(request, deadline: deadlineTime)
        if control.pointee.depth == 0 { beginCounting() }
        control.pointee.depth += 1
        defer {
            Turns.shared.giveUp(call)
            call.end()
            control.pointee.depth -= 1
            // It was to stop, but was faster, or ended in another way.
            if control.pointee.depth == 0, !control.pointee.wasInterrupted { clearRequest() }
        }
        try await completeUnlessCancelled(call, function, cells, on: #isolation)
    }

    /// By its parameter on the caller's actor: in a function that is so by its type, the closure would leave the actor, and other
    /// messages to it would find a guest that runs.
    private final func completeUnlessCancelled(
        _ call: AsynchronousCall, _ function: FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>,
        on isolation: isolated (any Actor)?
    ) async throws {
        try await withTaskCancellationHandler {
            // Only a closure that has the actor runs on it.
            _ = isolation
            try await complete(call, function, cells)
        } onCancel: {
            call.stop(.cancellation)
        }
    }

    /// As `start`, where the start function may await.
    public final nonisolated(nonsending) func startAsynchronously() async throws {
        if let start = template.start { try await enterAsynchronously(start, cells(start.cellCount)) }
        if template.isSnapshot { try refresh() }
    }

    private final nonisolated(nonsending) func complete(
        _ call: AsynchronousCall, _ function: FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>
    ) async throws {
        var status = try run(call, at: 0) { enterStub(function.entry, function.code, cells) }
        while status == EntryStatus.suspended || status == EntryStatus.yielded {
            let suspension = Suspension(root)
            // Others use the thread, and its fault counter; threads may change.
            control.pointee.use.noteEscape()
            if isToStop { throw interruption(of: call, suspension) }
            if status == EntryStatus.suspended {
                Turns.shared.giveUp(call)
                call.slices = 0
                try await awaitHost(call, suspension)
            } else {
                let outerCall = suspendedCall
                suspendedCall = Unmanaged.passUnretained(call)
                await call.waitForTurn()
                suspendedCall = outerCall
            }
            if isToStop { throw interruption(of: call, suspension) }
            root.storeWord(suspension.stackPointer, at: VMContextLayout.resumeStackPointer)
            status = try run(call, at: suspension.framePointer) { enterStub(resumeStub, nil, cells) }
        }
        guard status != EntryStatus.returned else { return }
        let failure = takeFailure(status)
        if control.pointee.wasInterrupted, call.reason == .cancellation { throw CancellationError() }
        throw failure
    }

    /// One stretch of the guest on this thread.
    ///
    /// - Parameter framePointer: where a backtrace starts if the guest is stopped before it runs.
    private final func run(
        _ call: AsynchronousCall, at framePointer: UInt64, _ body: () -> Int32
    ) throws -> Int32 {
        root.storeWord(framePointer, at: VMContextLayout.trapFramePointer)
        try prepareThread()
        control.pointee.use.note()
        let outer = suspendedCall
        suspendedCall = nil
        defer { suspendedCall = outer }
        return try call.run(slice: template.module.engine.timeSlice) {
            root.storeWord(1, at: VMContextLayout.mayYield)
            defer { root.storeWord(0, at: VMContextLayout.mayYield) }
            return body()
        }
    }

    /// The code that goes on with a suspended guest. That of any module does.
    final var resumeStub: UnsafeRawPointer { stamp.pointee.exitStub + CompiledCode.resumeDistance }

    /// Runs the host function that suspended the guest.
    private final nonisolated(nonsending) func awaitHost(
        _ call: AsynchronousCall, _ suspension: Suspension
    ) async throws {
        let caller = suspension.instance
        guard let awaited = caller.takeAwaited() else { throw Trap(code: .unexpectedFault) }
        let outer = root.loadWord(at: VMContextLayout.guestStackPointer)
        let outerFrame = root.loadWord(at: VMContextLayout.guestFramePointer)
        root.storeWord(suspension.stackPointer, at: VMContextLayout.guestStackPointer)
        root.storeWord(suspension.framePointer, at: VMContextLayout.guestFramePointer)
        let outerCall = suspendedCall
        suspendedCall = Unmanaged.passUnretained(call)
        defer {
            call.admitNobody()
            suspendedCall = outerCall
            root.storeWord(outer, at: VMContextLayout.guestStackPointer)
            root.storeWord(outerFrame, at: VMContextLayout.guestFramePointer)
        }
        do {
            if call.deadline == .max {
                // Its own task is what is cancelled.
                call.admitCurrentTask()
                try await awaited.body(caller, awaited.cells)
            } else {
                try await call.wait(for: awaited, of: caller, on: #isolation)
            }
        } catch {
            if isToStop { throw interruption(of: call, suspension) }
            throw error
        }
        for index in awaited.referenceResults { try caller.checkReference(awaited.cells[index]) }
    }

    /// The call whose host function is awaited now, unless the guest runs in it.
    private final var suspendedCall: Unmanaged<AsynchronousCall>? {
        get {
            UnsafeRawPointer(bitPattern: UInt(root.loadWord(at: VMContextLayout.suspendedCall))).map {
                Unmanaged.fromOpaque($0)
            }
        }
        set {
            root.storeWord(
                newValue.map { UInt64(UInt(bitPattern: $0.toOpaque())) } ?? 0, at: VMContextLayout.suspendedCall)
        }
    }

    /// Whoever enters the guest now does so from a host function that is awaited.
    @inline(__always)
    final var isSuspended: Bool { root.loadWord(at: VMContextLayout.suspendedCall) != 0 }

    /// Refuses an entry of somebody else's than the host function that is awaited, and one that would be suspended above
    /// frames of the host's.
    private final func checkSuspendedEntry() throws(CallError) {
        guard control.pointee.depth > 0 else { return }
        let isAdmitted = suspendedCall?._withUnsafeGuaranteedRef { $0.admitsCurrentTask }
        if isAdmitted != true { throw .callInProgress }
    }

    /// An entry from a host function that is awaited, without `await`.
    @inline(never)
    final func runInSuspendedCall(
        _ function: FunctionHandle, _ cells: UnsafeMutablePointer<UInt64>
    ) throws -> Int32 {
        try checkSuspendedEntry()
        let outer = suspendedCall
        suspendedCall = nil
        defer { suspendedCall = outer }
        // The thread may be another one than the call began on.
        try prepareThread()
        guard let outer else { return run(function, cells) }
        return try outer._withUnsafeGuaranteedRef { try $0.runNested { run(function, cells) } }
    }

    /// What a call ends with that was stopped while it was suspended. Its stack is forgotten.
    private final func interruption(of call: AsynchronousCall, _ suspension: Suspension) -> any Error {
        control.pointee.wasInterrupted = true
        // Or a guest that is rolled back would be suspended for it later, with cells that are no more.
        _ = suspension.instance.takeAwaited()
        // What was left of a slice of fuel is in a register of the guest's, unless it is in a call.
        if suspension.programCounter != nil { loseSlice() }
        if call.reason == .cancellation { return CancellationError() }
        return trap(
            .interrupted, programCounter: suspension.programCounter, framePointer: suspension.framePointer)
    }
}

extension TemplateCore {
    /// Makes an instance with `body`; suspends the task while the pool is full, as long as its configuration says.
    ///
    /// - Throws: `PoolError`; `CancellationError`.
    public nonisolated(nonsending) final func whenFree<Instance: InstanceCore>(
        _ body: () throws(PoolError) -> Instance
    ) async throws -> Instance {
        try await pool.whenFree(body)
    }
}

/// A host function that a guest waits for.
struct Awaited {
    let body: HostFunction.AsynchronousBody
    /// On the guest's stack, which stays as it is.
    let cells: UnsafeMutablePointer<UInt64>
    let referenceResults: [Int]
}
