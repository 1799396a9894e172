//! A lock with a condition to wait on, over the C library's. `Synchronization.Mutex` cannot be waited on with a deadline,
//! and ThreadSanitizer does not see it.

internal import Glibc

final class Lock: @unchecked Sendable {
    // Unchecked because the two are memory that only the C library looks into.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    /// - Parameter isRecursive: whether the thread that has it may take it again.
    init(isRecursive: Bool = false) {
        mutex.initialize(to: pthread_mutex_t())
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        if isRecursive { pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE)) }
        pthread_mutex_init(mutex, &attributes)
        pthread_mutexattr_destroy(&attributes)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Makes an open lock of it, whoever had it: for a child of fork(2).
    func renew() { pthread_mutex_init(mutex, nil) }

    func lock() { pthread_mutex_lock(mutex) }
    func unlock() { pthread_mutex_unlock(mutex) }

    func withLock<Result: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        return try body()
    }

    /// Something that threads wait for under the lock.
    final class Condition: @unchecked Sendable {
        private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

        init() {
            condition.initialize(to: pthread_cond_t())
            renew()
        }

        /// Forgets who waits: for a child of fork(2).
        func renew() {
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(condition, &attributes)
            pthread_condattr_destroy(&attributes)
        }

        deinit {
            pthread_cond_destroy(condition)
            condition.deallocate()
        }

        /// Wakes all that wait.
        func signal() { pthread_cond_broadcast(condition) }

        /// Waits, with the lock held, until it is signalled or the time of CLOCK_MONOTONIC has come, in nanoseconds. May
        /// return without either. False if the time has come.
        func wait(_ lock: Lock, until deadline: UInt64) -> Bool {
            var time = timespec()
            time.tv_sec = Int(deadline / 1_000_000_000)
            time.tv_nsec = Int(deadline % 1_000_000_000)
            return pthread_cond_timedwait(condition, lock.mutex, &time) != ETIMEDOUT
        }

        /// Waits, with the lock held, until it is signalled. May return without it.
        func wait(_ lock: Lock) { pthread_cond_wait(condition, lock.mutex) }
    }
}

/// Nanoseconds of CLOCK_MONOTONIC.
func monotonicTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
