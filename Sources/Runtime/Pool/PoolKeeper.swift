//! A thread of the pool's that gives memory back: pages of slots, and images of templates, that have not been used for a
//! while, and the longest unused ones at once when more is kept than the configuration allows.
//!
//! It runs while there is something to give back, four times in the idle time, and sleeps otherwise. What it does is in
//! `Pool+Trimming.swift`.

internal import CPlatform
internal import Glibc
internal import Synchronization

final class PoolKeeper: @unchecked Sendable {
    // Unchecked because of what `lock` guards, and of the pool, which stops the keeper before it goes.
    private let lock = Lock()
    private let condition = Lock.Condition()
    private var thread: pthread_t?
    /// The process of the lock, the condition and the thread. In a child that fork(2) made there is no such thread, and it may
    /// have held the lock at that moment: all begins anew.
    private let generation = Atomic<UInt32>(mayfly_process_generation())
    private static let isRenewing = UInt32.max
    private var isStopping = false
    private var isAsked = false
    private var hasWork = false
    private unowned(unsafe) var pool: Pool?
    /// Nanoseconds between two looks at what has been idle; 0 for none.
    private var tick: UInt64 = 0
    /// The process whose thread need not be told anything, 0 for none. Read without the lock, so that a bind costs no more
    /// than that.
    private let isAwake = Atomic<UInt32>(0)

    private static let stackBytes = 256 << 10
    private static let pauseNanoseconds: UInt64 = 20_000_000

    /// There may be something to give back from now on.
    func start(_ pool: Pool) {
        let current = mayfly_process_generation()
        if pool.configuration.idleTime == nil || isAwake.load(ordering: .relaxed) == current { return }
        renewAfterFork()
        lock.withLock {
            hasWork = true
            isAwake.store(current, ordering: .relaxed)
            ensureThread(pool)
            condition.signal()
        }
    }

    /// More is kept than is allowed.
    func wake(_ pool: Pool) {
        renewAfterFork()
        lock.withLock {
            guard !isAsked else { return }
            isAsked = true
            ensureThread(pool)
            condition.signal()
        }
    }

    /// Before the lock is taken.
    private func renewAfterFork() {
        let current = mayfly_process_generation()
        let found = generation.load(ordering: .acquiring)
        if found == current { return }
        if found != Self.isRenewing,
            generation.compareExchange(
                expected: found, desired: Self.isRenewing, ordering: .acquiringAndReleasing
            ).exchanged
        {
            lock.renew()
            condition.renew()
            thread = nil
            isAsked = false
            hasWork = false
            generation.store(current, ordering: .releasing)
        } else {
            // Another thread of the child is at it.
            while generation.load(ordering: .acquiring) != current { sched_yield() }
        }
    }

    private func ensureThread(_ pool: Pool) {
        guard !isStopping, thread == nil else { return }
        self.pool = pool
        tick = pool.configuration.idleTime.map { max($0.nanoseconds / 4, 1_000_000) } ?? 0
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, Self.stackBytes)
        var made = pthread_t()
        // Signals are for the program's own threads.
        var all = sigset_t()
        var former = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &former)
        let error = pthread_create(
            &made, &attributes,
            { argument in
                Unmanaged<PoolKeeper>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_sigmask(SIG_SETMASK, &former, nil)
        if error == 0 {
            thread = made
        } else {
            // Without a thread memory is given back by those who need it; the next bind tries again.
            Unmanaged.passUnretained(self).release()
            isAwake.store(0, ordering: .relaxed)
            isAsked = false
        }
    }

    /// Ends the thread, and returns when it is in the pool no more.
    func stop() {
        renewAfterFork()
        let running = lock.withLock { () -> pthread_t? in
            isStopping = true
            condition.signal()
            return thread
        }
        guard let running else { return }
        // The last reference to the pool may have been the thread's own.
        if pthread_equal(running, pthread_self()) != 0 { pthread_detach(running) } else { pthread_join(running, nil) }
    }

    private func run() {
        mayfly_thread_name("mayfly-pool")
        lock.lock()
        while !isStopping {
            if !isAsked {
                if hasWork, tick > 0 {
                    let deadline = monotonicTime() &+ tick
                    while !isStopping, !isAsked, condition.wait(lock, until: deadline) {}
                } else {
                    condition.wait(lock)
                    continue
                }
            }
            if isStopping { break }
            let isUrgent = isAsked
            if !isUrgent {
                // Before the looking: what is bound meanwhile says so again.
                hasWork = false
                isAwake.store(0, ordering: .relaxed)
            }
            lock.unlock()
            let remains = work(isUrgent: isUrgent)
            lock.lock()
            if isUrgent {
                // Asked again at once it would only find what it left.
                let pause = monotonicTime() &+ Self.pauseNanoseconds
                while !isStopping, condition.wait(lock, until: pause) {}
                isAsked = false
            } else if remains {
                hasWork = true
                isAwake.store(mayfly_process_generation(), ordering: .relaxed)
            }
        }
        lock.unlock()
    }

    /// Without the lock, and a function of its own: if the pool's last reference goes meanwhile, the one here becomes it, and
    /// with its end the pool stops this very keeper.
    @inline(never)
    private func work(isUrgent: Bool) -> Bool {
        mayfly_background_begin()
        defer { mayfly_background_end() }
        guard let pool else { return false }
        if !isUrgent { return pool.giveBackIdle() }
        pool.giveBackExcess()
        return true
    }
}
