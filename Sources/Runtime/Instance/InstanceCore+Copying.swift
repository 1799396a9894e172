//! Copies of an instance: a template that begins where it is, a fork that goes on from there, a point to come back to.
//!
//! What is copied is the state that the specification knows: memories, tables, globals, which passive segments are
//! dropped. Calls in progress are not: a copy made inside a host call has the memory of that moment, and nobody runs in
//! it. What the host knows of an instance is the host's to copy.
//!
//! Two copies must not give out the same random numbers, or use the same handle of the host's. Only who wrote host and
//! guest knows where such things are, so refreshers of theirs run on every copy before anyone uses it.

import CPlatform
import Compiler

/// A point in an instance's life.
public final class InstanceState: Sendable {
    /// Of the instance's own slot, then those of further memories, in order.
    let slots: [SlotState]
    let droppedData: [Bool]
    let droppedElements: [Bool]

    init(_ slots: [SlotState], droppedData: [Bool], droppedElements: [Bool]) {
        self.slots = slots
        self.droppedData = droppedData
        self.droppedElements = droppedElements
    }

    /// Bytes of memory that it holds.
    public var memoryBytes: Int { slots.reduce(0) { $0 + $1.memoryBytes } }
}

extension InstanceCore {
    private final var pool: Pool { template.pool }

    /// The slots of the memories that the instance defines besides memory 0.
    private final var furtherSlots: [Slot] { linkage?.furtherSlots ?? [] }

    private final func checkCopyable() throws(CopyError) {
        guard linkage?.group == nil else { throw .linkedInstance }
        guard control.pointee.memoryBorrows == 0 else { throw .memoryInUse }
    }

    /// Refuses to copy what was stopped in the middle.
    private final func checkWhole() throws(CopyError) {
        try checkCopyable()
        if isToStop { throw .stoppedInstance }
    }

    /// Works on one of the instance's slots with what is known of its use. Which pages are a slot's own is looked up
    /// for each; what was found out about one is remembered only if it is the only one.
    private final func withUse<Result>(_ body: (inout SlotUse) throws -> Result) rethrows -> Result {
        var use = control.pointee.use
        defer { if furtherSlots.isEmpty { control.pointee.use = use } }
        return try body(&use)
    }

    /// A template whose instances begin as this one is now.
    ///
    /// - Throws: `CopyError`, `PoolError`.
    public final func snapshot() throws -> TemplateCore {
        try checkWhole()
        let images = try ([slot] + furtherSlots).map { slot in
            try withUse { try pool.image(of: slot, after: &$0) }
        }
        return TemplateCore(of: template, images, droppedData: droppedData, droppedElements: droppedElements)
    }

    /// Makes an instance that was just stamped from the same template equal to this one, and refreshes it.
    ///
    /// - Throws: `CopyError`, `PoolError`, what a refresher throws; `Trap` inside a call that has left little of the
    ///   thread's stack. Then the copy must not be used.
    public final func copyState(to copy: InstanceCore) throws {
        try checkWhole()
        // A copy's calls are not nested in the original's, so nothing else would end a guest that is forked by each
        // host call of its forks.
        if control.pointee.depth > 0, mayfly_thread_stack_room() < Self.stackReserve {
            throw Trap(code: .callStackExhausted)
        }
        precondition(copy.template === template, "an instance of another template")
        copy.noteWrite()
        for (own, other) in zip([slot] + furtherSlots, [copy.slot] + copy.furtherSlots) {
            try withUse { use in
                try copy.withUse { otherUse in try pool.copy(own, after: &use, to: other, after: &otherUse) }
            }
        }
        copy.showLengths()
        copy.droppedData = droppedData
        copy.droppedElements = droppedElements
        try copy.refresh()
    }

    /// Takes note of the instance as it is now.
    ///
    /// - Throws: `CopyError`, `PoolError`.
    public final func state() throws -> InstanceState {
        try checkWhole()
        let slots = try ([slot] + furtherSlots).map { slot in try withUse { try pool.state(of: slot, after: &$0) } }
        return InstanceState(slots, droppedData: droppedData, droppedElements: droppedElements)
    }

    /// Makes the instance what it, or another instance of its template, was, and refreshes it.
    ///
    /// - Throws: `CopyError` and nothing has changed; `PoolError`, or what a refresher throws, and the instance's
    ///   contents are unspecified: it is to be dropped.
    public final func restore(_ state: InstanceState) throws {
        try checkCopyable()
        guard control.pointee.depth == 0 else { throw CopyError.callInProgress }
        let slots = [slot] + furtherSlots
        guard slots.count == state.slots.count, zip(state.slots, slots).allSatisfy({ pool.fits($0, $1) }) else {
            throw CopyError.foreignCheckpoint
        }
        noteWrite()
        defer { showLengths() }
        for (slot, state) in zip(slots, state.slots) {
            try withUse { try pool.restore(slot, after: &$0, to: state) }
        }
        droppedData = state.droppedData
        droppedElements = state.droppedElements
        clearRequest()
        try refresh()
    }

    /// Brings the context's lengths of further memories up to date.
    private final func showLengths() {
        for memory in linkage?.memories ?? [] { memory.updateViews() }
    }

    /// Runs what makes a copy different from its original.
    final func refresh() throws {
        guard !template.refreshers.isEmpty else { return }
        try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 1) { cells in
            for refresh in template.refreshers { try refresh(self, cells.baseAddress!) }
        }
    }
}
