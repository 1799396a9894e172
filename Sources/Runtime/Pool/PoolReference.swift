//! A pool that may be gone, for images that have to tell it of their end.
//!
//! Not a weak reference: the first of these to an object makes every counting of its references go by a table of its own, and
//! the pool's are counted by all threads.

final class PoolReference: @unchecked Sendable {
    // Unchecked because of the reference, which `lock` guards.
    /// Recursive: if the pool's last other reference goes while `use` has it, its end comes at the end of `use`.
    private let lock = Lock(isRecursive: true)
    private unowned(unsafe) var pool: Pool?

    func set(_ pool: Pool) { lock.withLock { self.pool = pool } }

    /// Calls `body` with the pool unless it is gone. The pool's end waits for that.
    func use(_ body: (Pool) -> Void) {
        lock.withLock {
            if let pool { body(pool) }
        }
    }

    /// The pool is about to be gone.
    func clear() { lock.withLock { pool = nil } }
}
