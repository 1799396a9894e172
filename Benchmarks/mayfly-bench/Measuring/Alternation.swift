//! Measures several contenders side by side in one process.
//!
//! A machine's speed drifts by tens of percent over minutes, so only ratios of times taken close to each other
//! mean anything. The contenders therefore take turns of about two milliseconds; who begins changes every
//! round. Each turn opens with cycles that are not timed, for the one before it has left its own working set in the
//! caches. Timing single cycles turn by turn would measure those caches instead.
//!
//! Reading the clock takes as long as a fast cycle's third, so cycles are timed in batches long enough that the
//! reading is at most one percent of a sample. All contenders use the same batch. With batches
//! over one, percentiles are those of batch means.
//!
//! With more than one thread the others run the same cycles without pause, of the contender whose turn it is.

import Glibc
import Synchronization

/// What one contender took for one case.
struct CycleMeasurement: Sendable {
    /// Nanoseconds per cycle on the timed thread.
    var series: Series
    /// Nanoseconds of wall time per cycle, the cycles of all threads counted.
    var overall: Double
}

struct Alternation: Sendable {
    /// Time to spend in timed turns, per contender.
    var seconds: Double
    /// Threads that run cycles at once.
    var threads: Int

    private static let turnNanoseconds = 2e6
    private static let longestBatch = 64

    /// Measurements in the order of `cycles`, and how many cycles make a sample.
    ///
    /// - Parameter expected: what the calls of each of the cycles return.
    func measure(
        _ cycles: [any FreshInstanceCycle], expecting expected: [UInt32?]
    ) throws -> (measurements: [CycleMeasurement], batch: Int) {
        let estimates = try zip(cycles, expected).map { try estimate($0, $1) }
        let fastest = estimates.min() ?? 1
        let batch = min(max(Int((100 * clockCost() / fastest).rounded(.up)), 1), Self.longestBatch)
        let turns = max(Int(seconds * 1e9 / Self.turnNanoseconds), 2)
        var samples = [[Double]](repeating: [], count: cycles.count)
        var elapsed = [Double](repeating: 0, count: cycles.count)
        var completed = [Int](repeating: 0, count: cycles.count)

        let load = BackgroundLoad(cycles, expected, workers: threads - 1)
        defer { load.stop() }
        for turn in 0..<turns {
            for position in cycles.indices {
                let index = turn.isMultiple(of: 2) ? position : cycles.count - 1 - position
                let cycle = cycles[index]
                let count = min(max(Int(Self.turnNanoseconds / (estimates[index] * Double(batch))), 1), 2048)
                try load.turn(to: index)
                try cycle.run(max(batch, 2), expecting: expected[index])
                let others = load.completed
                let begin = monotonicNanoseconds()
                for _ in 0..<count {
                    let start = monotonicNanoseconds()
                    try cycle.run(batch, expecting: expected[index])
                    samples[index].append(Double(monotonicNanoseconds() - start) / Double(batch))
                }
                elapsed[index] += Double(monotonicNanoseconds() - begin)
                completed[index] += count * batch + load.completed - others
            }
        }
        try load.stopChecked()
        let measurements = cycles.indices.map {
            CycleMeasurement(series: Series(samples[$0]), overall: elapsed[$0] / Double(completed[$0]))
        }
        return (measurements, batch)
    }

    /// Warms one contender up; nanoseconds per cycle, roughly.
    private func estimate(_ cycle: any FreshInstanceCycle, _ expected: UInt32?) throws -> Double {
        var count = 4
        while true {
            let start = monotonicNanoseconds()
            try cycle.run(count, expecting: expected)
            let time = Double(monotonicNanoseconds() - start)
            if time > Self.turnNanoseconds { return time / Double(count) }
            count *= 2
        }
    }
}

/// Threads that keep running cycles of one contender at a time.
private final class BackgroundLoad: Sendable {
    private static let nobody = -1
    private static let finished = -2

    private final class Worker: Sendable {
        let completed = Atomic<Int>(0)
        /// The contender of the last completed cycle.
        let lastTurn = Atomic<Int>(BackgroundLoad.nobody)
    }

    private let cycles: [any FreshInstanceCycle]
    private let expected: [UInt32?]
    private let currentTurn = Atomic<Int>(nobody)
    private let failure = Mutex<(any Error)?>(nil)
    private let workers: [Worker]
    private let threads: Mutex<[pthread_t]>

    init(_ cycles: [any FreshInstanceCycle], _ expected: [UInt32?], workers count: Int) {
        self.cycles = cycles
        self.expected = expected
        workers = (0..<max(count, 0)).map { _ in Worker() }
        threads = Mutex([])
        for worker in workers { start(worker) }
    }

    private final class Task {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    private func start(_ worker: Worker) {
        let task = Task { [self] in repeatCycles(worker) }
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Task>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(task).toOpaque())
        if status == 0 {
            threads.withLock { $0.append(thread) }
        } else {
            Unmanaged.passUnretained(task).release()
            failure.withLock { $0 = BenchmarkError("no thread: \(String(cString: strerror(status)))") }
        }
    }

    private func repeatCycles(_ worker: Worker) {
        while true {
            let turn = currentTurn.load(ordering: .acquiring)
            if turn == Self.finished { return }
            guard turn >= 0 else {
                sched_yield()
                continue
            }
            do {
                try cycles[turn].run(1, expecting: expected[turn])
            } catch {
                failure.withLock { $0 = $0 ?? error }
                return
            }
            worker.completed.wrappingAdd(1, ordering: .relaxed)
            worker.lastTurn.store(turn, ordering: .releasing)
        }
    }

    /// Cycles all workers have done.
    var completed: Int {
        workers.reduce(0) { $0 + $1.completed.load(ordering: .relaxed) }
    }

    /// Makes the workers run another contender's cycles; returns once all of them do.
    func turn(to index: Int) throws {
        guard !workers.isEmpty else { return }
        currentTurn.store(index, ordering: .releasing)
        for worker in workers {
            while worker.lastTurn.load(ordering: .acquiring) != index {
                try throwFailure()
                sched_yield()
            }
        }
        try throwFailure()
    }

    func stop() {
        currentTurn.store(Self.finished, ordering: .releasing)
        let running = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in running { pthread_join(thread, nil) }
    }

    func stopChecked() throws {
        stop()
        try throwFailure()
    }

    private func throwFailure() throws {
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

/// A call in a fresh instance returned something else than in the first one.
struct WrongResult: Error, CustomStringConvertible {
    var expected: UInt32
    var found: UInt32

    var description: String { "a call returned \(found), not \(expected)" }
}
