//! Who runs next among guests that have used up their time slice.
//!
//! Tasks that are ready run in the order in which they became so. If every guest that has used up its slice were ready
//! again at once, a request that comes would wait for a slice of each of them. So only as many as there are processors
//! are; the others wait here for their turn. Who has used fewer slices mostly goes first, and among equals who came first; the
//! first slices are shorter, so that many new guests at once do not keep others waiting for long. What has not run yet, or
//! comes back from a wait, needs no turn: a request waits for the end of one slice.

import CPlatform

/// The turns of the process: its threads serve all engines.
final class Turns: Sendable {
    static let shared = Turns(count: Int(mayfly_processor_count()))

    /// A guest that waits for its turn. Under the lock of the turns.
    final class Waiter: @unchecked Sendable {
        private enum State {
            case queued
            case waiting(UnsafeContinuation<Void, Never>)
            /// It may go on: it has its turn, or was taken out.
            case over
        }

        private unowned let turns: Turns
        private var state = State.queued
        private(set) var hasTurn = false

        init(_ turns: Turns) { self.turns = turns }

        var isOver: Bool {
            if case .over = state { true } else { false }
        }

        /// Returns what has to be resumed, after the lock was given back.
        func end(hasTurn: Bool) -> UnsafeContinuation<Void, Never>? {
            defer { state = .over }
            self.hasTurn = hasTurn
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }

        /// Suspends the task until it is its turn or `remove` was called.
        nonisolated(nonsending) func wait() async {
            await withUnsafeContinuation { continuation in
                let isOver = turns.lock.withLock {
                    if self.isOver { return true }
                    state = .waiting(continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        }
    }

    /// Guests that have used up equally many slices; the last queue is of those that have used up more.
    private struct Queue {
        /// In order from `first` on. Those that were taken out stay until they are first.
        var waiters: [Waiter] = []
        var first = 0

        mutating func next() -> Waiter? {
            while first < waiters.count {
                let waiter = waiters[first]
                first += 1
                if first > 32, first * 2 > waiters.count {
                    waiters.removeFirst(first)
                    first = 0
                }
                if !waiter.isOver { return waiter }
            }
            return nil
        }
    }

    /// By what the first slices are shorter than the others. As many queues as there are lengths.
    private static var divisors: [UInt64] { [4, 2, 1] }

    /// Nanoseconds that a guest may run on after so many slices.
    static func slice(_ whole: UInt64, after slices: Int) -> UInt64 {
        whole / (slices < divisors.count ? divisors[slices] : 1)
    }

    // Unchecked: under the lock.
    private struct State {
        var free: Int
        var queues = [Queue](repeating: Queue(), count: Turns.divisors.count)
        /// Turns that were passed on.
        var passes: UInt32 = 0
    }

    private nonisolated(unsafe) var state: State
    fileprivate let lock = Lock()

    /// How many guests have a turn at once.
    let count: Int

    init(count: Int) {
        self.count = max(1, count)
        state = State(free: self.count)
    }

    /// Gives a guest's turn to the next, if it has one, and puts it at the end. Nil if nobody waits: then it has one and
    /// need only let those run that are ready.
    func queue(_ call: AsynchronousCall) -> Waiter? {
        let (waiter, resumed): (Waiter?, UnsafeContinuation<Void, Never>?) = lock.withLock {
            var resumed: UnsafeContinuation<Void, Never>?
            if call.hasTurn { resumed = passOn() }
            call.hasTurn = false
            if state.free > 0 {
                state.free -= 1
                call.hasTurn = true
                return (nil, resumed)
            }
            let waiter = Waiter(self)
            state.queues[min(call.slices, state.queues.count) - 1].waiters.append(waiter)
            return (waiter, resumed)
        }
        resumed?.resume()
        return waiter
    }

    /// A guest with a turn does without it: it is done, or waits for something else.
    func giveUp(_ call: AsynchronousCall) {
        guard call.hasTurn else { return }
        call.hasTurn = false
        let resumed = lock.withLock { passOn() }
        resumed?.resume()
    }

    /// Lets a waiter go on without its turn, unless it has it already.
    func remove(_ waiter: Waiter) {
        let resumed = lock.withLock { waiter.isOver ? nil : waiter.end(hasTurn: false) }
        resumed?.resume()
    }

    /// Under the lock: gives a turn to the first that waits, or back.
    private func passOn() -> UnsafeContinuation<Void, Never>? {
        state.passes &+= 1
        // Now and then those come first that wait longest, or a stream of new guests would let them wait for ever.
        let isReversed = state.passes % 4 == 0
        for step in state.queues.indices {
            let level = isReversed ? state.queues.count - 1 - step : step
            if let waiter = state.queues[level].next() { return waiter.end(hasTurn: true) }
        }
        state.free += 1
        return nil
    }

    /// Turns that nobody has, for tests.
    var freeTurns: Int { lock.withLock { state.free } }
}
