//! Instances under limits: of memory, tables, stack, and of what the host copies for them.
//!
//! Nothing is compiled into guests for it, and instances without limits pay nothing.

public import Runtime

extension Template {
    /// Runs `body` with a fresh instance that may use so much and no more. See ``withInstance(state:_:)``.
    ///
    /// ```swift
    /// let limits = ResourceLimits(memoryBytes: 64 << 20, stackBytes: 256 << 10, copiedBytes: 16 << 20)
    /// try template.withInstance(state: request, limits: limits) { try $0.call("handle") }
    /// ```
    ///
    /// - Parameters:
    ///   - limits: what it may use. A fork of the instance has the same, for itself; a snapshot has none.
    ///   - deadline: when calls are stopped, the module's start function included; nil is never.
    /// - Throws: `LimitError` if the instance would have more from the beginning; `PoolError` if there is no free slot;
    ///   what the start function throws; what `body` throws.
    public func withInstance<Result>(
        state: consuming State, limits: ResourceLimits, deadline: ContinuousClock.Instant? = nil,
        _ body: (borrowing Instance<State>) throws -> Result
    ) throws -> Result {
        let store = try OwnInstanceStore(stamp, ownsTemplate: false, state: state)
        defer {
            // In this order, as in `withInstance(state:_:)`.
            store.close()
            withExtendedLifetime(self) {}
        }
        try store.begin(limits, deadline)
        return try body(Instance(store))
    }

    /// A fresh instance that may use so much and no more. See ``instantiate(state:)``.
    ///
    /// - Throws: as for ``withInstance(state:limits:deadline:_:)``.
    public func instantiate(
        state: consuming State, limits: ResourceLimits, deadline: ContinuousClock.Instant? = nil
    ) throws -> Instance<State> {
        let store = try OwnInstanceStore(stamp, ownsTemplate: true, state: state)
        try store.begin(limits, deadline)
        return Instance(store)
    }
}

extension InstanceStore {
    fileprivate final func begin(_ limits: ResourceLimits, _ deadline: ContinuousClock.Instant?) throws {
        try admit(to: StoreResources(limits))
        self.deadline = deadline.map(Deadlines.monotonic)
        try start()
    }
}

extension Caller {
    /// Bytes of guest memory that host functions may still copy in this call. See `ResourceLimits/copiedBytes`.
    package var copyAllowance: Int { store.copyAllowance }

    /// Counts bytes that were copied by other means than this type's functions.
    package borrowing func noteCopy(_ bytes: Int) { store.noteCopy(bytes) }
}
