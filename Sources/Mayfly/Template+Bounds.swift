//! Instances that may use so much and no more: of memory, tables, stack and the host's copies, of fuel, and of time.
//!
//! All of it holds from the start, so that it applies to the module's start function too. Apart from the instances without,
//! which are what is made most often, and pay for nothing of it.

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
    ///   - fuel: units that it begins with, if the module takes fuel. See ``Instance/fuel``.
    ///   - deadline: when calls are stopped. See ``Instance/deadline``.
    /// - Throws: `LimitError` if the instance would have more from the beginning; ``FuelError/unmetered``; `PoolError` if
    ///   there is no free slot; what the start function throws; what `body` throws.
    public func withInstance<Result>(
        state: consuming State, limits: ResourceLimits? = nil, fuel: UInt64? = nil,
        deadline: ContinuousClock.Instant? = nil, _ body: (borrowing Instance<State>) throws -> Result
    ) throws -> Result {
        let store = try OwnInstanceStore(stamp, ownsTemplate: false, state: state)
        defer {
            // In this order, as in `withInstance(state:_:)`.
            store.close()
            withExtendedLifetime(self) {}
        }
        try store.bound(limits, fuel, deadline)
        try store.start()
        return try body(Instance(store))
    }

    /// A fresh instance that may use so much and no more. See ``instantiate(state:)``.
    ///
    /// - Throws: as `withInstance`, but for the body.
    public func instantiate(
        state: consuming State, limits: ResourceLimits? = nil, fuel: UInt64? = nil,
        deadline: ContinuousClock.Instant? = nil
    ) throws -> Instance<State> {
        let store = try OwnInstanceStore(stamp, ownsTemplate: true, state: state)
        try store.bound(limits, fuel, deadline)
        try store.start()
        return Instance(store)
    }

    // MARK: Awaited

    /// Runs `body` with a fresh instance, which is gone when `body` returns or throws, and awaits it. If the pool is full,
    /// the task waits for a slot, and no thread.
    ///
    /// ```swift
    /// let answer: Int32 = try await template.withInstance(state: request) { try await $0.call("handle", 42) }
    /// ```
    ///
    /// - Parameters:
    ///   - limits: what it may use. A fork of the instance has the same, for itself; a snapshot has none.
    ///   - fuel: units that it begins with, if the module takes fuel. See ``Instance/fuel``.
    ///   - deadline: when calls are stopped. See ``Instance/deadline``.
    /// - Throws: as without `await`; `CancellationError` if the task was cancelled.
    public nonisolated(nonsending) func withInstance<Result>(
        state: consuming State, limits: ResourceLimits? = nil, fuel: UInt64? = nil,
        deadline: ContinuousClock.Instant? = nil,
        _ body: nonisolated(nonsending) (borrowing Instance<State>) async throws -> Result
    ) async throws -> Result {
        let store = try await makeStore(ownsTemplate: false, state)
        defer {
            store.close()
            withExtendedLifetime(self) {}
        }
        try store.bound(limits, fuel, deadline)
        try await store.startAsynchronously()
        let instance = Instance(store)
        return try await body(instance)
    }

    /// A fresh instance, which is gone at the end of its owner's life, after its start function was awaited.
    ///
    /// - Throws: as `withInstance`, but for the body.
    public nonisolated(nonsending) func instantiate(
        state: consuming State, limits: ResourceLimits? = nil, fuel: UInt64? = nil,
        deadline: ContinuousClock.Instant? = nil
    ) async throws -> Instance<State> {
        let store = try await makeStore(ownsTemplate: true, state)
        try store.bound(limits, fuel, deadline)
        try await store.startAsynchronously()
        return Instance(store)
    }

    /// An instance whose start function has not run.
    private nonisolated(nonsending) func makeStore(
        ownsTemplate: Bool, _ state: State
    ) async throws -> OwnInstanceStore<State> {
        try await core.whenFree { () throws(PoolError) in
            try OwnInstanceStore(stamp, ownsTemplate: ownsTemplate, state: state)
        }
    }
}

extension Template where State == Void {
    /// Runs `body` with a fresh instance that may use so much and no more.
    public func withInstance<Result>(
        limits: ResourceLimits? = nil, fuel: UInt64? = nil, deadline: ContinuousClock.Instant? = nil,
        _ body: (borrowing Instance<Void>) throws -> Result
    ) throws -> Result {
        try withInstance(state: (), limits: limits, fuel: fuel, deadline: deadline, body)
    }

    /// A fresh instance that may use so much and no more.
    public func instantiate(
        limits: ResourceLimits? = nil, fuel: UInt64? = nil, deadline: ContinuousClock.Instant? = nil
    ) throws -> Instance<Void> {
        try instantiate(state: (), limits: limits, fuel: fuel, deadline: deadline)
    }

    /// Runs `body` with a fresh instance, and awaits it.
    public nonisolated(nonsending) func withInstance<Result>(
        limits: ResourceLimits? = nil, fuel: UInt64? = nil, deadline: ContinuousClock.Instant? = nil,
        _ body: nonisolated(nonsending) (borrowing Instance<Void>) async throws -> Result
    ) async throws -> Result {
        try await withInstance(state: (), limits: limits, fuel: fuel, deadline: deadline, body)
    }

    /// A fresh instance, after its start function was awaited.
    public nonisolated(nonsending) func instantiate(
        limits: ResourceLimits? = nil, fuel: UInt64? = nil, deadline: ContinuousClock.Instant? = nil
    ) async throws -> Instance<Void> {
        try await instantiate(state: (), limits: limits, fuel: fuel, deadline: deadline)
    }
}

extension InstanceStore {
    fileprivate final func bound(
        _ limits: ResourceLimits?, _ fuel: UInt64?, _ deadline: ContinuousClock.Instant?
    ) throws {
        if let limits { try admit(to: StoreResources(limits)) }
        if let fuel { try setFuel(fuel) }
        self.deadline = deadline.map(Deadlines.monotonic)
    }
}
