//! The unit of isolation, for hosts whose state outlives an instance.
//!
//! Invariant: the state is here except while an instance has it, and an instance has it only during a call that borrows the
//! store exclusively. So nobody can see it twice.

/// The host's state for one tenant, and the instances that work on it.
///
/// Use one where several instances serve the same tenant, such as the requests of a session: each instance is fresh, the state
/// passes from one to the next. Where an instance serves one request and the state ends with it, `Template`'s own
/// ``Template/withInstance(state:_:)`` says the same with less.
///
/// A store has one owner and is used by one thread at a time. Instances of different stores share nothing. A store holds one
/// instance at a time.
public struct Store<State>: ~Copyable {
    /// Where its instances live.
    public let engine: Engine
    private var storage: State?

    /// A store that begins with `state`. Nothing is allocated until there is an instance.
    public init(_ engine: Engine, state: consuming State) {
        self.engine = engine
        storage = consume state
    }

    /// What host functions reach through their caller. What an instance's host functions changed stays changed, even if the
    /// guest trapped afterwards.
    public var state: State {
        get { storage! }
        set { storage = newValue }
    }

    /// Runs `body` with a fresh instance that has the store's state. The instance is gone when `body` returns or throws; the
    /// state, as the instance left it, is the store's again.
    ///
    /// - Throws: `PoolError` if there is no free slot; what the start function throws; what `body` throws.
    /// - Precondition: The template is of the store's engine.
    public mutating func withInstance<Result>(
        of template: Template<State>, _ body: (borrowing Instance<State>) throws -> Result
    ) throws -> Result {
        precondition(template.module.engine === engine, "the template belongs to another engine than the store")
        guard let state = storage.take() else { preconditionFailure("a store without state") }
        let inner: InstanceStore<State>
        do {
            inner = try InstanceStore(template.stamp, ownsTemplate: false, state: state)
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
        try inner.start()
        return try body(Instance(inner))
    }
}

extension Store where State == Void {
    /// A store without state.
    public init(_ engine: Engine) { self.init(engine, state: ()) }
}
