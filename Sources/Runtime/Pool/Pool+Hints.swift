//! Waiting for a slot without a thread.
//!
//! A task that finds the pool full asks for a hint: the next slot or permit that becomes free resumes one task, which tries
//! again. Another may be faster; then it asks once more. So nothing is held for a task that was cancelled meanwhile. Threads
//! that wait (`Waiter`) are given slots, and come first.

internal import CPlatform
internal import Synchronization

extension Pool {
    /// A task that waits for a hint. Under the pool's lock, but for `isOver` and `timedOut` once it has been resumed.
    final class Hint: @unchecked Sendable {
        unowned let pool: Pool
        private var continuation: UnsafeContinuation<Void, Never>?
        fileprivate private(set) var isOver = false
        /// The time was over, or the task was cancelled.
        fileprivate private(set) var gaveUp = false

        init(_ pool: Pool) { self.pool = pool }

        var isGiven: Bool { isOver && !gaveUp }

        /// Returns what has to be resumed.
        fileprivate func finish(givingUp: Bool) -> UnsafeContinuation<Void, Never>? {
            guard !isOver else { return nil }
            isOver = true
            gaveUp = givingUp
            return continuation
        }

        /// Ends the wait before there is a hint. From any thread.
        func giveUp() {
            let resumed = pool.lock.withLock { self.finish(givingUp: true) }
            resumed?.resume()
        }

        fileprivate nonisolated(nonsending) func wait() async {
            await withUnsafeContinuation { continuation in
                let isOver = pool.lock.withLock {
                    if self.isOver { return true }
                    self.continuation = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        }
    }

    /// Runs `body`, in which this thread is not kept waiting for a slot: there is one, or `PoolError.exhausted`.
    private func withoutWaiting<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result
    {
        mayfly_thread_set_impatient(1)
        defer { mayfly_thread_set_impatient(0) }
        return try body()
    }

    /// Does something that takes slots, again and again while there are none, as long as the configuration says.
    ///
    /// - Parameter body: must not be suspended, and holds no slot when it throws.
    /// - Throws: `PoolError.exhausted`; `CancellationError`; what `body` throws.
    nonisolated(nonsending) func whenFree<Result>(_ body: () throws(PoolError) -> Result) async throws -> Result {
        do throws(PoolError) { return try withoutWaiting(body) } catch {
            guard case .exhausted = error else { throw error }
        }
        let deadline = monotonicTime() &+ configuration.exhaustionWait.nanoseconds
        lock.withLock { slow.exhaustionWaits += 1 }
        var hasHint = false
        while true {
            if Task.isCancelled {
                if hasHint { lock.withLock { giveHint() } }
                throw CancellationError()
            }
            let hint = Hint(self)
            waitingCount.wrappingAdd(1, ordering: .sequentiallyConsistent)
            lock.withLock { slow.hints.append(hint) }
            // The last look, now that others know of this task.
            let failure: PoolError
            do throws(PoolError) {
                let result = try withoutWaiting(body)
                // A hint that came meanwhile is of something else.
                if end(hint) { lock.withLock { giveHint() } }
                return result
            } catch { failure = error }
            guard case .exhausted = failure, monotonicTime() < deadline else {
                if end(hint) { lock.withLock { giveHint() } }
                if case .exhausted = failure { lock.withLock { slow.exhaustions += 1 } }
                throw failure
            }
            await withTaskCancellationHandler {
                await wait(for: hint, until: deadline)
            } onCancel: {
                hint.giveUp()
            }
            hasHint = end(hint)
        }
    }

    private nonisolated(nonsending) func wait(for hint: Hint, until deadline: UInt64) async {
        // In memory of its own: the frame of an asynchronous function may move between suspensions, in theory.
        let watch = UnsafeMutablePointer<mayfly_deadline>.allocate(capacity: 1)
        watch.initialize(to: mayfly_deadline())
        defer { watch.deallocate() }
        let own = Unmanaged.passRetained(hint)
        let error = mayfly_deadline_arm_wait(
            watch, deadline,
            { object in
                guard let object else { return }
                Unmanaged<Hint>.fromOpaque(object).takeRetainedValue().giveUp()
            }, own.toOpaque())
        if error != 0 {
            // Nothing would end the wait.
            own.release()
            return
        }
        await hint.wait()
        if mayfly_deadline_disarm_wait(watch) == 1 { own.release() }
    }

    /// The task does not wait any more. True if it was given the hint.
    private func end(_ hint: Hint) -> Bool {
        defer { waitingCount.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        return lock.withLock {
            if !hint.isOver {
                slow.hints.removeAll { $0 === hint }
                _ = hint.finish(givingUp: true)
            }
            return hint.isGiven
        }
    }

    /// Under the lock: something has become free.
    func giveHint() {
        while !slow.hints.isEmpty {
            let hint = slow.hints.removeFirst()
            // It gave up, and has not come to take itself out.
            if hint.isOver { continue }
            hint.finish(givingUp: false)?.resume()
            return
        }
    }
}
