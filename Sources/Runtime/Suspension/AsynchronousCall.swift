//! What is known of an asynchronous call to those who stop it: the deadline and the cancellation of its task, which come
//! from other threads.
//!
//! A call is at one place at a time: in the guest, in a host function that is awaited, or waiting for its turn. Whoever
//! stops it sets the guest's request first and then reaches for it at that place; whoever changes the place looks for a
//! stop after. So one of the two sees the other.

import CPlatform
import Compiler
import Glibc

/// Not of the instance, which may be gone when somebody is late to stop it.
final class AsynchronousCall: @unchecked Sendable {
    enum Place {
        case guest
        /// Something that ends soon once it is cancelled.
        case host(Task<Void, any Error>)
        case queue(Turns.Waiter)
        /// The call is over. Its request is another's by now.
        case nowhere
    }

    enum Stop {
        case deadline
        case cancellation
    }

    // Under the lock.
    private var place = Place.guest
    private var stop: Stop?
    /// What watches over a synchronous call that the awaited host function makes.
    private var nested: UnsafeMutablePointer<mayfly_deadline>?
    /// The task of the host function that is awaited, while it runs.
    private var entrant: UnsafeCurrentTask?
    private let request: UnsafeMutablePointer<mayfly_request>
    /// Nanoseconds of the monotonic clock; `UInt64.max` is never.
    let deadline: UInt64
    /// What watches over it while it runs, and while it waits; and the lock. In one piece of memory: there is one for each
    /// call.
    private let memory: UnsafeMutablePointer<(watch: mayfly_deadline, mutex: pthread_mutex_t)>
    private var watch: UnsafeMutablePointer<mayfly_deadline> {
        UnsafeMutableRawPointer(memory).assumingMemoryBound(to: mayfly_deadline.self)
    }
    /// It is one of the few that run again after their time slice. Of the task that makes the call.
    var hasTurn = false
    /// Time slices that it has used up without a wait. Likewise.
    var slices = 0

    init(_ request: UnsafeMutablePointer<mayfly_request>, deadline: UInt64) {
        self.request = request
        self.deadline = deadline
        memory = .allocate(capacity: 1)
        memory.initialize(to: (mayfly_deadline(), pthread_mutex_t()))
        pthread_mutex_init(&memory.pointee.mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(&memory.pointee.mutex)
        memory.deallocate()
    }

    private func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(&memory.pointee.mutex)
        defer { pthread_mutex_unlock(&memory.pointee.mutex) }
        return body()
    }

    /// Why it was stopped, if it was by somebody who used `stop(_:)`.
    var reason: Stop? { withLock { stop } }

    /// Stops the guest, at once or as soon as it runs again. From any thread.
    func stop(_ reason: Stop) {
        let place: Place = withLock {
            if case .nowhere = self.place { return .nowhere }
            if stop == nil { stop = reason }
            // What the guest's thread does after it armed the watch is to look here.
            request.pointee.stop = 1
            if let nested { mayfly_deadline_hurry(nested) }
            return self.place
        }
        switch place {
        case .guest: mayfly_deadline_hurry(watch)
        case .host(let task): task.cancel()
        case .queue(let waiter): Turns.shared.remove(waiter)
        case .nowhere: break
        }
    }

    /// False if the call was stopped before.
    private func move(to place: Place) -> Bool {
        withLock {
            self.place = place
            return request.pointee.stop == 0
        }
    }

    /// Nobody stops it any more.
    func end() { withLock { place = .nowhere } }

    // MARK: Who may enter

    /// The current task is that of the host function which is awaited; nobody else enters the guest meanwhile.
    ///
    /// Others may want to: an actor that has an instance and awaits its call is sent other messages. What they enter would
    /// begin below what is suspended, and could still be there when that goes on.
    func admitCurrentTask() {
        withUnsafeCurrentTask { task in withLock { entrant = task } }
    }

    /// Nobody enters the guest any more.
    func admitNobody() { withLock { entrant = nil } }

    /// The current task may enter the guest, which is suspended.
    var admitsCurrentTask: Bool {
        withUnsafeCurrentTask { task in
            guard let task else { return false }
            return withLock { entrant == task }
        }
    }

    // MARK: In the guest

    /// Runs the guest on this thread until it returns, is suspended or is stopped.
    ///
    /// - Parameters:
    ///   - slice: nanoseconds after which a guest is to let others run that runs for long; nil is never.
    ///   - run: returns the entry's status.
    /// - Throws: `SystemError` if the thread that watches over deadlines cannot be had.
    func run(slice: UInt64?, _ run: () -> Int32) throws -> Int32 {
        let end = slice.map { mayfly_deadline_now() &+ Turns.slice($0, after: slices) } ?? .max
        try SystemError.check(
            mayfly_deadline_arm_for_good(watch, deadline, end, request), "starting the thread of deadlines")
        defer {
            mayfly_deadline_disarm(watch)
            request.pointee.yield = 0
        }
        // Whoever stopped it before it was armed did not ring.
        if request.pointee.stop != 0 { return EntryStatus.interrupted }
        return run()
    }

    /// Runs the guest, called by the host function that is awaited, on this thread.
    ///
    /// - Throws: as `run(slice:_:)`.
    func runNested(_ run: () -> Int32) throws -> Int32 {
        var watch = mayfly_deadline()
        return try withUnsafeMutablePointer(to: &watch) { watch in
            try SystemError.check(
                mayfly_deadline_arm(watch, deadline, .max, request), "starting the thread of deadlines")
            let outer = withLock {
                defer { nested = watch }
                return nested
            }
            defer {
                withLock { nested = outer }
                mayfly_deadline_disarm(watch)
            }
            return request.pointee.stop != 0 ? EntryStatus.interrupted : run()
        }
    }

    // MARK: Waiting

    /// Runs a host function in a task of its own, on the actor of whoever awaits the call, and cancels it when the call is
    /// stopped.
    ///
    /// - Parameter actor: that actor. Closures leave it, those of tasks too; a function that is given it does not.
    /// - Throws: what the function throws; `SystemError`.
    nonisolated(nonsending) func wait(for awaited: Awaited, of caller: InstanceCore, on actor: (any Actor)?)
        async throws
    {
        let transfer = Transfer(awaited: awaited, caller: caller)
        let task = Task { try await self.run(transfer, on: actor) }
        if !move(to: .host(task)) { task.cancel() }
        let result = await whileWatched { await task.result }
        _ = move(to: .guest)
        try result.get()
    }

    /// What the host function's own task needs. The task that made the call does nothing until it is done.
    private struct Transfer: @unchecked Sendable {
        let awaited: Awaited
        let caller: InstanceCore
    }

    private func run(_ transfer: Transfer, on actor: isolated (any Actor)?) async throws {
        admitCurrentTask()
        try await transfer.awaited.body(transfer.caller, transfer.awaited.cells)
    }

    /// Lets others run, and returns when it is the guest's turn again, or if the call is stopped.
    nonisolated(nonsending) func waitForTurn() async {
        slices += 1
        guard let waiter = Turns.shared.queue(self) else { return await Task.yield() }
        if !move(to: .queue(waiter)) { Turns.shared.remove(waiter) }
        await whileWatched { await waiter.wait() }
        _ = move(to: .guest)
        hasTurn = waiter.hasTurn
    }

    /// Waits with the deadline watched over.
    private nonisolated(nonsending) func whileWatched<Result>(
        _ wait: nonisolated(nonsending) () async -> Result
    ) async -> Result {
        if deadline == .max { return await wait() }
        let own = Unmanaged.passRetained(self)
        let error = mayfly_deadline_arm_wait(watch, deadline, { expired($0) }, own.toOpaque())
        if error != 0 {
            // Without the thread nothing would end the wait.
            own.release()
            stop(.deadline)
            return await wait()
        }
        let result = await wait()
        if mayfly_deadline_disarm_wait(watch) == 1 { own.release() }
        return result
    }
}

/// On the thread of deadlines.
private func expired(_ object: UnsafeMutableRawPointer?) {
    guard let object else { return }
    Unmanaged<AsynchronousCall>.fromOpaque(object).takeRetainedValue().stop(.deadline)
}
