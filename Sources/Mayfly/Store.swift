//! The unit of isolation, for hosts whose state outlives an instance, and for instances that are linked.
//!
//! Invariant: the state is here except while an instance has it, and an instance has it only during a call that borrows the
//! store exclusively. So nobody can see it twice. Once there are linked instances, the state is theirs together.

import Runtime

/// The host's state for one tenant, and the instances that work on it.
///
/// Use one where several instances serve the same tenant, such as the requests of a session: each instance is fresh, the state
/// passes from one to the next. Where an instance serves one request and the state ends with it, `Template`'s own
/// ``Template/withInstance(state:_:)`` says the same with less.
///
/// A store is also where modules are linked: one that imports functions, memories, tables or globals of another is
/// instantiated after it, in the same store.
///
/// ```swift
/// var store = Store(engine)
/// try store.instantiate(library, as: "lib")
/// let app = try store.instantiate(program)  // imports from "lib"
/// let answer: Int32 = try app.call("main")
/// ```
///
/// A store has one owner and is used by one thread at a time, together with its linked instances. Instances of different
/// stores share nothing.
public struct Store<State>: ~Copyable {
    /// Where its instances live.
    public let engine: Engine
    private var storage: State?
    private let limits: ResourceLimits?
    private var linked: Linked?

    /// Linked instances and what they share.
    private struct Linked {
        let group: InstanceGroup
        let state: SharedState<State>
    }

    /// A store that begins with `state`. Nothing is allocated until there is an instance.
    ///
    /// - Parameter limits: of its instances together.
    public init(_ engine: Engine, state: consuming State, limits: ResourceLimits? = nil) {
        self.engine = engine
        self.limits = limits
        storage = consume state
    }

    /// What host functions reach through their caller. What an instance's host functions changed stays changed, even if the
    /// guest trapped afterwards.
    public var state: State {
        get { linked?.state.value ?? storage! }
        set {
            if let linked { linked.state.value = newValue } else { storage = newValue }
        }
    }

    /// Runs `body` with a fresh instance that has the store's state. The instance is gone when `body` returns or throws; the
    /// state, as the instance left it, is the store's again.
    ///
    /// - Throws: `PoolError` if there is no free slot; `LimitError` if the instance would have more than it may;
    ///   `LinkError.foreignModule` if the template is another engine's; what the start function throws; what `body` throws.
    public mutating func withInstance<Result>(
        of template: Template<State>, _ body: (borrowing Instance<State>) throws -> Result
    ) throws -> Result {
        guard template.module.engine === engine else { throw LinkError.foreignModule }
        if let linked {
            let inner = try SharingInstanceStore(template.stamp, ownsTemplate: true, shared: linked.state, group: nil)
            try linked.group.admit(inner)
            try inner.start()
            return try body(Instance(inner))
        }
        guard let state = storage.take() else { preconditionFailure("a store without state") }
        let inner: OwnInstanceStore<State>
        do {
            inner = try OwnInstanceStore(template.stamp, ownsTemplate: false, state: state)
        } catch {
            storage = state
            throw error
        }
        defer {
            storage = inner.state
            // In this order, as in `Template.withInstance(state:_:)`.
            inner.close()
            withExtendedLifetime(template) {}
        }
        if let limits { try inner.admit(to: StoreResources(limits)) }
        try inner.start()
        return try body(Instance(inner))
    }

    /// Runs `body` with a fresh instance that has the store's state, and awaits it. The state is the instance's meanwhile.
    ///
    /// - Throws: as without `await`; `CancellationError` if the task was cancelled.
    public nonisolated(nonsending) mutating func withInstance<Result>(
        of template: Template<State>,
        _ body: nonisolated(nonsending) (borrowing Instance<State>) async throws -> Result
    ) async throws -> Result {
        guard template.module.engine === engine else { throw LinkError.foreignModule }
        if let linked {
            let inner = try await template.core.whenFree { () throws(PoolError) in
                try SharingInstanceStore(template.stamp, ownsTemplate: true, shared: linked.state, group: nil)
            }
            try linked.group.admit(inner)
            try await inner.startAsynchronously()
            return try await body(Instance(inner))
        }
        guard let state = storage.take() else { preconditionFailure("a store without state") }
        let inner: OwnInstanceStore<State>
        do {
            inner = try await template.core.whenFree { () throws(PoolError) in
                try OwnInstanceStore(template.stamp, ownsTemplate: false, state: state)
            }
        } catch {
            storage = state
            throw error
        }
        defer {
            storage = inner.state
            // In this order, as in `Template.withInstance(state:_:)`.
            inner.close()
            withExtendedLifetime(template) {}
        }
        if let limits { try inner.admit(to: StoreResources(limits)) }
        try await inner.startAsynchronously()
        return try await body(Instance(inner))
    }

    // MARK: Linked instances

    /// Instantiates a module among the store's linked instances, which live until the store and the last of them are gone.
    ///
    /// What the module imports from a module name that an instance goes by is that instance's export; everything else comes
    /// from `imports`. Calls between linked instances are direct, all run on one guest stack, and all have the store's state.
    /// As the specification has it, what a failing instantiation did to memories, tables and globals of other instances stays
    /// done.
    ///
    /// Linked instances are for programs in several modules. They cost more than those of a template: initial state is made
    /// anew for each, and each takes a slot of the pool.
    ///
    /// - Parameters:
    ///   - imports: what the host defines.
    ///   - name: what later modules import it from. An instance that had the name before loses it.
    ///   - fuel: what is left to all linked instances from now on, for the start function too; nil leaves it as it is: 0 for
    ///     the first one. See ``Instance/fuel``.
    /// - Throws: `LinkError` if an import is missing or does not match; `LimitError` if the store's instances would have
    ///   more than they may; ``FuelError/unmetered`` if there is fuel for a module that meters none; `PoolError` if there is
    ///   no free slot; `Trap` if a segment does not fit or the start function traps; what a host function throws.
    @discardableResult
    public mutating func instantiate(
        _ module: Module, imports: Imports<State> = Imports(), as name: String? = nil, fuel: UInt64? = nil
    ) throws -> Instance<State> {
        let (instance, linked) = try add(module, imports, fuel)
        try instance.start()
        if let name { linked.group.register(instance, as: name) }
        return Instance(instance, in: linked.group)
    }

    /// Instantiates a module among the store's linked instances, and awaits its start function.
    ///
    /// - Throws: as without `await`; `CancellationError` if the task was cancelled.
    @discardableResult
    public nonisolated(nonsending) mutating func instantiate(
        _ module: Module, imports: Imports<State> = Imports(), as name: String? = nil, fuel: UInt64? = nil
    ) async throws -> Instance<State> {
        let (instance, linked) = try add(module, imports, fuel)
        try await instance.startAsynchronously()
        if let name { linked.group.register(instance, as: name) }
        return Instance(instance, in: linked.group)
    }

    /// An instance whose start function has not run.
    private mutating func add(
        _ module: Module, _ imports: Imports<State>, _ fuel: UInt64?
    ) throws -> (SharingInstanceStore<State>, Linked) {
        guard module.engine === engine else { throw LinkError.foreignModule }
        let linked = link()
        let instance = try linked.group.instantiate(module.core, imports.table) {
            stamp throws -> SharingInstanceStore<State> in
            let instance = try SharingInstanceStore(
                stamp, ownsTemplate: true, shared: linked.state, group: linked.group)
            if let fuel { try instance.setFuel(fuel) }
            return instance
        }
        return (instance, linked)
    }

    /// Gives a linked instance a name, or one more, from which later modules import.
    ///
    /// - Throws: `LinkError.foreignInstance` if it is none of this store's.
    public mutating func register(_ instance: borrowing Instance<State>, as name: String) throws(LinkError) {
        guard let linked, linked.group.has(instance.store) else { throw .foreignInstance }
        linked.group.register(instance.store, as: name)
    }

    /// The linked instance that goes by a name.
    public func instance(named name: String) -> Instance<State>? {
        guard let linked, let instance = linked.group.instance(named: name) else { return nil }
        return Instance(unsafeDowncast(instance, to: InstanceStore<State>.self), in: linked.group)
    }

    // MARK: Snapshots

    /// What the linked instances are at this moment, all together: a store begins there as often as wanted.
    ///
    /// As with a template's snapshot, pages that nobody wrote to are shared, and calls in progress are not part of it. Function
    /// references and what the instances share with each other lead to the new store's instances, never to this one's.
    ///
    /// - Throws: `CopyError` if an instance's memory is borrowed; `PoolError`.
    public func snapshot() throws -> StoreSnapshot<State> {
        StoreSnapshot(engine: engine, group: try linked.map { try GroupSnapshot($0.group) })
    }

    /// A store with linked instances as they were when a snapshot was taken. Instances that had names have them here too:
    /// ``instance(named:)``.
    ///
    /// - Parameter limits: of its instances together. Those of the store that the snapshot was taken of do not count.
    /// - Throws: `PoolError` if there are not enough free slots; `LimitError` if the instances have more than they may; what
    ///   ``Imports/refreshCopies(_:)`` throws.
    public init(_ snapshot: StoreSnapshot<State>, state: consuming State, limits: ResourceLimits? = nil) throws {
        engine = snapshot.engine
        self.limits = limits
        guard let members = snapshot.group else {
            storage = consume state
            return
        }
        let shared = SharedState(state)
        let group = try members.instantiate(engine.core, limits: limits ?? ResourceLimits()) { stamp, group in
            try SharingInstanceStore(stamp, ownsTemplate: true, shared: shared, group: group)
        }
        linked = Linked(group: group, state: shared)
    }

    /// From the first linked instance on they all share the state.
    private mutating func link() -> Linked {
        if let linked { return linked }
        guard let state = storage.take() else { preconditionFailure("a store without state") }
        let made = Linked(
            group: InstanceGroup(engine.core, limits: limits ?? ResourceLimits()), state: SharedState(state))
        linked = made
        return made
    }
}

/// Linked instances of a store as they were at one moment. See ``Store/snapshot()``.
public struct StoreSnapshot<State>: Sendable {
    /// Where the instances lived, and those of new stores will.
    public let engine: Engine
    fileprivate let group: GroupSnapshot?
}

extension Store where State == Void {
    /// A store without state.
    public init(_ engine: Engine, limits: ResourceLimits? = nil) { self.init(engine, state: (), limits: limits) }

    /// A store without state of its own. See ``init(_:state:limits:)-(StoreSnapshot<State>,_,_)``.
    public init(_ snapshot: StoreSnapshot<Void>, limits: ResourceLimits? = nil) throws {
        try self.init(snapshot, state: (), limits: limits)
    }
}
