//! Waiting for a slot without a thread.
//!
//! A task that finds the pool full asks for a hint: the next slot or permit that becomes free resumes one task, which tries
//! again. Another may be faster; then it asks once more. So nothing is held for a task that was cancelled meanwhile. Threads
//! that wait (`Waiter`) are given slots, and come first.
//!
//! Who is given a hint may have no use for it: its template has as many slots as it may have, or it needs several. Then it
//! passes the hint on, but only to who waited already when something became free. So a hint ends.
//!
//! No task is resumed under the lock: that waits for whoever is cancelling the task, and whoever does may wait for the lock.

internal import CPlatform
internal import Synchronization

extension Pool {
    /// A task that waits for a hint. Under the pool's lock.
    final class Hint: @unchecked Sendable {
        unowned let pool: Pool
        /// How many hints were asked for before.
        fileprivate var number: UInt64 = 0
        /// How many had been asked for when that became free which it is a hint of; nil as long as it has not been given.
        fileprivate private(set) var given: UInt64?
        /// The thread that looks for slots before the task waits.
        fileprivate let looker = mayfly_thread_self()!.pointee.serial
        private var continuation: UnsafeContinuation<Void, Never>?
        fileprivate private(set) var isOver = false

        init(_ pool: Pool) { self.pool = pool }

        /// - Parameter given: nil if the time is over, or the task was cancelled.
        /// - Returns: what has to be resumed, after the lock was given back.
        fileprivate func finish(given: UInt64?) -> UnsafeContinuation<Void, Never>? {
            guard !isOver else { return nil }
            isOver = true
            self.given = given
            return continuation
        }

        /// Ends the wait before there is a hint. From any thread.
        func giveUp() {
            let resumed = pool.lock.withLock { self.finish(given: nil) }
            resumed?.resume()
        }

        var isWaiting: Bool { continuation != nil }

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
        // Of a hint that was given to this task, and not used yet.
        var given: UInt64?
        while true {
            if Task.isCancelled {
                if let given { passOn(given) }
                throw CancellationError()
            }
            let hint = Hint(self)
            waitingCount.wrappingAdd(1, ordering: .sequentiallyConsistent)
            lock.withLock {
                hint.number = slow.hintCount
                slow.hintCount += 1
                slow.hints.append(hint)
            }
            // The last look, now that others know of this task.
            let failure: PoolError
            do throws(PoolError) {
                let result = try withoutWaiting(body)
                // A hint that came meanwhile is of something else.
                if let other = end(hint) { passOn(other) }
                return result
            } catch { failure = error }
            // There may be something after all, for others.
            if let given { passOn(given) }
            guard case .exhausted = failure, monotonicTime() < deadline else {
                if let other = end(hint) { passOn(other) }
                if case .exhausted = failure { lock.withLock { slow.exhaustions += 1 } }
                throw failure
            }
            await withTaskCancellationHandler {
                await wait(for: hint, until: deadline)
            } onCancel: {
                hint.giveUp()
            }
            given = end(hint)
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

    /// The task does not wait any more.
    ///
    /// - Returns: `Hint.given`.
    private func end(_ hint: Hint) -> UInt64? {
        defer { waitingCount.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        return lock.withLock {
            if !hint.isOver {
                slow.hints.removeAll { $0 === hint }
                _ = hint.finish(given: nil)
            }
            return hint.given
        }
    }

    /// Gives a hint to the next who waited when it was given, if there is still something to have.
    private func passOn(_ given: UInt64) {
        withLockResuming {
            guard permits.take(from: 0) else { return }
            permits.put(0)
            giveHint(of: given) { $0.number < given }
        }
    }

    /// Under the lock: something has become free.
    func giveHint() {
        if slow.hints.isEmpty { return }
        guard mayfly_thread_is_impatient() != 0 else { return giveHint(of: slow.hintCount) { _ in true } }
        // What a task took while it looked, and had to give back because it was not enough. It is a hint only for those who
        // may have missed it meanwhile, or tasks that need several slots would wake each other, and themselves, for ever.
        let thread = mayfly_thread_self()!.pointee.serial
        let own = slow.hints.last { $0.looker == thread && !$0.isWaiting }
        let number = own?.number
        giveHint(of: slow.hintCount) { hint in number.map { hint.number > $0 } ?? true }
    }

    /// To the first that is suitable.
    private func giveHint(of given: UInt64, _ isSuitable: (Hint) -> Bool) {
        // Those that gave up, and have not come to take themselves out.
        slow.hints.removeAll(where: \.isOver)
        guard let position = slow.hints.firstIndex(where: isSuitable) else { return }
        let hint = slow.hints.remove(at: position)
        if let resumed = hint.finish(given: given) { slow.resumed.append(resumed) }
    }

    /// Does something under the lock, and then resumes the tasks that were given hints.
    func withLockResuming(_ body: () -> Void) {
        lock.lock()
        body()
        unlockResuming()
    }

    /// Gives the lock back and resumes the tasks that were given hints.
    func unlockResuming() {
        let resumed = slow.resumed
        if !resumed.isEmpty { slow.resumed = [] }
        lock.unlock()
        for continuation in resumed { continuation.resume() }
    }
}
