//! Stopping guests at a time, whatever they do.
//!
//! Nothing is compiled into guests for it. When the time has come, a thread of the runtime sets a word in the guest's
//! context and rings for the thread that runs it, by a signal whose handler leaves the guest where it is. A guest that
//! is in a host function is stopped when that returns.

import Runtime

extension Instance {
    /// When calls are stopped; nil is never.
    ///
    /// It applies to calls that begin after it was set, and to what they call. A guest that is stopped ends with a
    /// `Trap` (`TrapCode.interrupted`), within some milliseconds, whether it loops, recurs, or has gigabytes filled;
    /// one in a host function as soon as that returns. A call after the time fails in the same way, without running
    /// anything.
    ///
    /// What the guest was doing is half done. So an instance that was stopped cannot be called or copied any more
    /// (`CallError.stoppedInstance`), but dropped, like any other, or rolled back (``rollBack(to:)``).
    ///
    /// Without a deadline a call pays nothing; with one it costs 0.2 µs. While the time is up, the signal
    /// (`SIGURG`) interrupts system calls of host functions, as signals do.
    public var deadline: ContinuousClock.Instant? {
        get {
            store.deadline.map { deadline in
                let now = Deadlines.now
                return .now + .nanoseconds(Int64(clamping: deadline) - Int64(clamping: now))
            }
        }
        nonmutating set { store.deadline = newValue.map(Deadlines.monotonic) }
    }

    /// Runs `body` with a deadline, which is ``deadline`` again afterwards. The earlier of the two counts.
    ///
    /// ```swift
    /// let answer: Int32 = try instance.withDeadline(.now + .milliseconds(50)) { try $0.call("answer") }
    /// ```
    ///
    /// - Throws: what `body` throws.
    public borrowing func withDeadline<Result>(
        _ deadline: ContinuousClock.Instant, _ body: (borrowing Instance<State>) throws -> Result
    ) rethrows -> Result {
        let outer = store.deadline
        let inner = Deadlines.monotonic(deadline)
        store.deadline = outer.map { min($0, inner) } ?? inner
        defer { store.deadline = outer }
        return try body(self)
    }

    /// Runs `body` with a deadline, as without `await`, and awaits it.
    ///
    /// - Throws: what `body` throws.
    public nonisolated(nonsending) borrowing func withDeadline<Result>(
        _ deadline: ContinuousClock.Instant,
        _ body: nonisolated(nonsending) (borrowing Instance<State>) async throws -> Result
    ) async rethrows -> Result {
        let outer = store.deadline
        let inner = Deadlines.monotonic(deadline)
        store.deadline = outer.map { min($0, inner) } ?? inner
        defer { store.deadline = outer }
        return try await body(self)
    }

    /// A deadline passed while the guest ran, or the task that called it was cancelled: it cannot be called any more.
    public var isStopped: Bool { store.isToStop }
}

extension Caller {
    /// The guest's deadline has passed: it will be stopped when the host function returns. For host functions that
    /// wait.
    public var isStopRequested: Bool { store.isToStop }

    /// Where that can be read while the call lasts: nonzero means it.
    package var stopRequest: UnsafePointer<UInt32> { store.stopRequest }
}

/// The clock that the runtime's deadlines are of.
enum Deadlines {
    static var now: UInt64 { InstanceCore.monotonicTime }

    /// Nanoseconds of the monotonic clock. The distant future is not overflow.
    static func monotonic(_ instant: ContinuousClock.Instant) -> UInt64 {
        let (seconds, attoseconds) = (instant - .now).components
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? 0 : .max }
        let (time, isTooLate) = Int64(clamping: now).addingReportingOverflow(nanoseconds)
        if isTooLate { return .max }
        return UInt64(max(0, time &+ attoseconds / 1_000_000_000))
    }
}
