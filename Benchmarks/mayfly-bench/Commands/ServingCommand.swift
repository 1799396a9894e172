//! `mayfly-bench serving`: what suspended guests cost, how soon guests are stopped, and how long a request waits for guests
//! that loop.

import ArgumentParser
import Foundation
import Mayfly
import WasmText

struct ServingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serving",
        abstract: "Awaited host calls, stopping guests, and requests beside guests that loop.",
        discussion: """
            Awaited calls: nanoseconds of one in a loop of the guest, beside what is awaited alone.
            Stopping: microseconds from the deadline to the call's end.
            Fairness: a request that computes for some time arrives every few milliseconds, while guests that loop for ever \
            have all threads; milliseconds from its arrival to its answer, for several time slices.
            Mayfly alone: its peer suspends guests in another language's tasks.
            """)

    @Flag(help: "Fewer repetitions: a check that everything runs, not a measurement.")
    var quick = false

    @Option(help: "Guests that loop for ever.")
    var loops = 100

    @Option(help: "Requests to answer per time slice.")
    var requests = 1000

    @Option(help: "Milliseconds that a request computes for.")
    var work = 1.0

    @Option(help: ArgumentHelp("The folder of the package's guests.", valueName: "directory"))
    var guests = Guests.defaultDirectory

    @Flag(help: .hidden)
    var noPeer = false

    func validate() throws {
        if loops < 0 || requests < 1 || !(work > 0) {
            throw ValidationError("--loops, --requests and --work must be positive")
        }
    }

    func run() throws {
        print("machine: \(machineDescription())")
        let path = "\(guests)/serving.wat"
        let module = try WasmText.encode(readFile(path), fileName: path)
        try waitForTask {
            try await suspensions(module)
            try await stops(module)
            try await fairness(module)
        }
    }

    /// The main thread does nothing meanwhile.
    private func waitForTask(_ body: @escaping @Sendable () async throws -> Void) throws {
        let done = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        Task {
            do { try await body() } catch { outcome.error = error }
            done.signal()
        }
        done.wait()
        if let error = outcome.error { throw error }
    }

    private final class Outcome: @unchecked Sendable {
        var error: (any Error)?
    }

    private func template(_ module: [UInt8], _ engine: Engine, _ wait: WaitKind) throws -> Template<Void> {
        var imports = Imports<Void>()
        switch wait {
        case .none: imports.define("host", "wait") { (_, value: Int32) in value }
        case .nothing: imports.define("host", "wait") { (_, value: Int32) async -> Int32 in value }
        case .yield:
            imports.define("host", "wait") { (_, value: Int32) -> Int32 in
                await Task.yield()
                return value
            }
        case .forever:
            imports.define("host", "wait") { (_, value: Int32) -> Int32 in
                try await Task.sleep(for: .seconds(3600))
                return value
            }
        }
        return try engine.compile(module).template(imports: imports)
    }

    private enum WaitKind: String, CaseIterable {
        case none = "synchronous"
        case nothing = "awaited, returns at once"
        case yield = "awaited, yields"
        case forever = "awaited, never returns"
    }

    // MARK: Awaited calls

    private func suspensions(_ module: [UInt8]) async throws {
        printNow("\nawaited calls, ns" + padLeft("p50", 24) + padLeft("p99", 10))
        let count = quick ? 100 : 2000
        let samples = quick ? 5 : 200
        let engine = try Engine(.init(timeSlice: nil))
        nonisolated(nonsending) func report(
            _ name: String, per count: Int, _ body: nonisolated(nonsending) () async throws -> Void
        ) async rethrows {
            var times: [Double] = []
            for _ in 0..<samples {
                let start = monotonicNanoseconds()
                try await body()
                times.append(Double(monotonicNanoseconds() - start) / Double(count))
            }
            let series = Series(times)
            printNow(
                pad(name, 31) + padLeft(fixed(series.percentile(0.5), 1), 10)
                    + padLeft(fixed(series.percentile(0.99), 1), 10))
        }
        for kind in [WaitKind.none, .nothing, .yield] {
            let template = try template(module, engine, kind)
            try await template.withInstance { instance in
                try await report(kind.rawValue, per: count) {
                    let _: Int32 = try await instance.call("wait", Int32(count))
                }
            }
            guard kind != .none else { continue }
            let deadline = ContinuousClock.now + .seconds(3600)
            try await template.withInstance(deadline: deadline) { instance in
                try await report(kind.rawValue + ", deadline", per: count) {
                    let _: Int32 = try await instance.call("wait", Int32(count))
                }
            }
        }
        try await template(module, engine, .none).withInstance { instance in
            let calls = Int32(count)
            try await report("export, awaited", per: count) {
                for value in 0..<calls { let _: Int32 = try await instance.call("return", value) }
            }
        }
        await report("Task.yield alone", per: count) {
            for _ in 0..<count { await Task.yield() }
        }
    }

    // MARK: Stopping

    private func stops(_ module: [UInt8]) async throws {
        printNow("\nstopped after the deadline, µs" + padLeft("p50", 11) + padLeft("p99", 10) + padLeft("max", 10))
        let engine = try Engine()
        let template = try template(module, engine, .forever)
        for name in ["loop", "recur", "fill", "wait"] {
            var times: [Double] = []
            for _ in 0..<(quick ? 3 : 200) {
                let time = 2_000_000
                let start = monotonicNanoseconds()
                let deadline = ContinuousClock.now + .nanoseconds(time)
                // To the end of the call: what the guest did to its slot is undone after that.
                let elapsed: UInt64? = try await template.withInstance(deadline: deadline) { instance in
                    do {
                        if name == "wait" {
                            let _: Int32 = try await instance.call(name, 1)
                        } else {
                            try await instance.call(name)
                        }
                    } catch let trap as Trap where trap.code == .interrupted {
                        return monotonicNanoseconds() - start
                    }
                    return nil
                }
                guard let elapsed else { throw BenchmarkError("\(name) was not stopped") }
                times.append(Double(elapsed) - Double(time))
            }
            let series = Series(times)
            printNow(
                pad(name, 31) + [0.5, 0.99, 1].map { padLeft(fixed(series.percentile($0) / 1000, 1), 10) }.joined())
        }
    }

    // MARK: Fairness

    private func fairness(_ module: [UInt8]) async throws {
        printNow(
            "\n\(fixed(work, 1)) ms of work beside \(loops) loops, ms" + padLeft("p50", 9) + padLeft("p99", 10)
                + padLeft("max", 10))
        for (name, slice, loops) in [
            ("no loops", 5.0, 0), ("slices of 1 ms", 1, loops), ("slices of 5 ms", 5, loops),
            ("slices of 10 ms", 10, loops),
        ] {
            let engine = try Engine(.init(timeSlice: .microseconds(Int64(slice * 1000))))
            let template = try template(module, engine, .none)
            let rounds = try Self.rounds(template, milliseconds: work)
            let spinning = (0..<loops).map { _ in
                Task { try await template.withInstance { try await $0.call("loop") } }
            }
            // Arrivals come from a thread of their own, whatever the tasks do.
            let latencies = await withCheckedContinuation { continuation in
                let arrivals = Arrivals(count: quick ? 20 : requests) { continuation.resume(returning: $0) }
                Thread.detachNewThread {
                    // The loops are all under way.
                    usleep(quick ? 100_000 : 1_000_000)
                    for _ in 0..<arrivals.count {
                        usleep(UInt32(work * 4000))
                        let start = monotonicNanoseconds()
                        Task {
                            let result: Int32? = try? await template.withInstance {
                                try await $0.call("compute", rounds)
                            }
                            arrivals.answer(result == nil ? .infinity : Double(monotonicNanoseconds() - start))
                        }
                    }
                }
            }
            for task in spinning { task.cancel() }
            for task in spinning { _ = await task.result }
            let series = Series(latencies)
            printNow(
                pad(name, 31) + [0.5, 0.99, 1].map { padLeft(fixed(series.percentile($0) / 1e6, 2), 10) }.joined())
        }
    }

    private static func rounds(_ template: Template<Void>, milliseconds: Double) throws -> Int32 {
        func time(_ rounds: Int32) throws -> Double {
            try template.withInstance { instance in
                let start = monotonicNanoseconds()
                let _: Int32 = try instance.call("compute", rounds)
                return Double(monotonicNanoseconds() - start)
            }
        }
        let trial: Int32 = 1_000_000
        let fastest = try (0..<5).map { _ in try time(trial) }.min() ?? 1
        return Int32(Double(trial) * milliseconds * 1e6 / fastest)
    }

    private final class Arrivals: @unchecked Sendable {
        let count: Int
        private let lock = NSLock()
        private var latencies: [Double] = []
        private let done: @Sendable ([Double]) -> Void

        init(count: Int, done: @escaping @Sendable ([Double]) -> Void) {
            self.count = count
            self.done = done
        }

        func answer(_ latency: Double) {
            let all: [Double]? = lock.withLock {
                latencies.append(latency)
                return latencies.count == count ? latencies : nil
            }
            if let all { done(all) }
        }
    }
}
