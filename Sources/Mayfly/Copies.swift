//! Copies of instances: snapshots, forks, and points to come back to.
//!
//! What the three copy is the guest's: memories, tables, globals. The host's state is the host's to give to each copy. What no
//! two copies may share is put right by `Imports.refreshCopies`.

import Runtime

/// A point in an instance's life, to which it can be rolled back.
///
/// It holds the pages that differed from the instance's template, and nothing of the host's.
public struct Checkpoint: Sendable {
    let state: InstanceState

    /// Bytes of guest memory that it holds.
    public var memoryBytes: Int { state.memoryBytes }
}

extension Template {
    /// A template whose instances begin where a warmed-up instance is.
    ///
    /// ```swift
    /// let warm = try template.snapshot(state: request) { try $0.call("_initialize") }
    /// ```
    ///
    /// Work that is the same for all requests, such as starting an interpreter or parsing a program, is done once: each
    /// instance of the result begins after it. It runs no start function again, and has the imports of this template. Pages that
    /// the warming-up did not change are shared with this template, all others by all instances of the result, until one
    /// of them writes to them.
    ///
    /// Snapshots can be taken of a snapshot's instances in turn.
    ///
    /// - Parameters:
    ///   - state: for the instance that is warmed up; it goes with it.
    ///   - warmUp: what is done once.
    /// - Throws: `PoolError` if there is no free slot, or the system refuses memory; what the start function and `warmUp` throw;
    ///   `CopyError`.
    public func snapshot(
        state: consuming State, _ warmUp: (borrowing Instance<State>) throws -> Void
    ) throws -> Template<State> {
        let instance = try instantiate(state: state)
        try warmUp(instance)
        return try snapshot(of: instance)
    }

    /// A template whose instances begin where `instance` is now. The instance lives on, and neither sees what the other writes.
    ///
    /// It costs a copy of each page that the instance wrote to. Its instances have the imports that this one has; what room the
    /// pool has for tables to grow is shared among them anew.
    ///
    /// - Parameter instance: of a template of the same module.
    /// - Throws: `CopyError` if the instance is another module's, linked with others, or its memory borrowed; `PoolError`.
    public func snapshot(of instance: borrowing Instance<State>) throws -> Template<State> {
        try snapshot(of: instance.store)
    }

    /// The same of the instance that called a host function. The call is not part of the snapshot: instances of it begin with the
    /// memory of this moment and nobody running in it.
    ///
    /// - Throws: as for an instance.
    public func snapshot(of caller: borrowing Caller<State>) throws -> Template<State> {
        try snapshot(of: caller.store)
    }

    private func snapshot(of store: InstanceStore<State>) throws -> Template<State> {
        guard store.template.module === core.module else { throw CopyError.foreignInstance }
        defer { withExtendedLifetime(store) {} }
        return Template(module: module, core: try store.snapshot())
    }
}

extension Template where State == Void {
    /// A template whose instances begin where a warmed-up instance is. See ``snapshot(state:_:)``.
    public func snapshot(_ warmUp: (borrowing Instance<Void>) throws -> Void) throws -> Template<Void> {
        try snapshot(state: (), warmUp)
    }
}

extension Instance {
    /// A second instance that goes on from where this one is, with a state of its own. Neither sees what the other writes
    /// from now on, and each may outlive the other.
    ///
    /// Pages that this instance did not write to are shared until one of the two writes to them; those that it wrote to are copied,
    /// which is what a fork costs. To make many copies of one point, take a snapshot (``Template/snapshot(of:)-(Instance<State>)``): its
    /// instances share those too.
    ///
    /// - Throws: `CopyError` if the instance is linked with others or its memory borrowed; `PoolError` if there is no free
    ///   slot; what ``Imports/refreshCopies(_:)`` throws.
    public borrowing func fork(state: consuming State) throws -> Instance<State> { try store.fork(state: state) }

    /// Takes note of where the instance is, to come back to it with ``rollBack(to:)``. It costs a copy of each page that the
    /// instance wrote to.
    ///
    /// - Throws: `CopyError` if the instance is linked with others or its memory borrowed; `PoolError`.
    public borrowing func checkpoint() throws -> Checkpoint { Checkpoint(state: try store.state()) }

    /// Makes the guest what it was when the checkpoint was taken, after a trap too. It costs in proportion to the pages written
    /// to.
    ///
    /// The checkpoint may be of another instance of the same template, and can be used again. The host's ``state`` stays as it
    /// is.
    ///
    /// - Throws: `CopyError`, with nothing changed, if a call into the instance has not returned, the instance is linked with
    ///   others, its memory is borrowed, or the checkpoint is of another template or snapshot. `PoolError` if the system refuses
    ///   something, or what ``Imports/refreshCopies(_:)`` throws: then what the instance holds is unspecified, and it
    ///   should be rolled back again or dropped.
    public borrowing func rollBack(to checkpoint: Checkpoint) throws { try store.restore(checkpoint.state) }
}

extension Instance where State == Void {
    /// A second instance that goes on from where this one is. See ``fork(state:)``.
    public borrowing func fork() throws -> Instance<Void> { try fork(state: ()) }
}

extension Caller {
    /// A second instance with the memory, tables and globals that the caller has at this moment. The call is not part of it: nobody
    /// runs in the fork. See ``Instance/fork(state:)``.
    ///
    /// - Throws: as for an instance; `Trap` (call stack exhausted) if less than 128 KiB of the thread's stack are left.
    public borrowing func fork(state: consuming State) throws -> Instance<State> { try store.fork(state: state) }

    /// Takes note of where the caller's instance is, to come back to it when the call has returned. See ``Instance/checkpoint()``.
    ///
    /// - Throws: as for an instance.
    public borrowing func checkpoint() throws -> Checkpoint { Checkpoint(state: try store.state()) }
}

extension Caller where State == Void {
    /// A second instance with the memory, tables and globals that the caller has at this moment. See ``fork(state:)``.
    public borrowing func fork() throws -> Instance<Void> { try fork(state: ()) }
}

extension InstanceStore {
    final func fork(state: consuming State) throws -> Instance<State> {
        defer { withExtendedLifetime(self) {} }
        let copy = try OwnInstanceStore(stamp, ownsTemplate: true, state: state)
        if let limits { try copy.admit(to: StoreResources(limits)) }
        try copyState(to: copy)
        return Instance(copy)
    }
}
