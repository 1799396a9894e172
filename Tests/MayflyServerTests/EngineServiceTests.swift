//! An engine in a service group: it reports, gives memory back, and stops when it is told to.

import CoreMetrics
import Logging
import Mayfly
import MayflyServer
import MetricsTestKit
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import Testing

@Suite("Engines as services") struct EngineServiceTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A template whose engine has a free slot that keeps 100 pages for it, as long as it lives.
    private func warmTemplate() throws -> Template<Void> {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2, idleTime: nil)))
        let template = try engine.compile(
            text: """
                (module (memory 10) (func (export "touch") (local $page i32)
                  (loop (i32.store (i32.mul (local.get $page) (i32.const 4096)) (i32.const 1))
                    (br_if 0 (i32.lt_u (local.tee $page (i32.add (local.get $page) (i32.const 1))) (i32.const 100))))))
                """
        ).template()
        for _ in 0..<3 { try template.withInstance { try $0.call("touch") } }
        return template
    }

    @Test("it reports again and again, until the group shuts down") func reports() async throws {
        let engine = try warmTemplate().module.engine
        let metrics = AwaitedMetrics()
        let group = ServiceGroup(
            services: [EngineService(engine, every: .milliseconds(1), metrics: metrics)], logger: Self.logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var reports = 0
            for await _ in metrics.reports {
                reports += 1
                if reports == 5 { break }
            }
            await group.triggerGracefulShutdown()
            // The group's end is the service's: it has stopped by itself.
            try await tasks.waitForAll()
        }
    }

    @Test("the last report is of what happened up to the end") func lastReport() async throws {
        let engine = try warmTemplate().module.engine
        let metrics = AwaitedMetrics()
        // So long that it reports at the beginning and at the end.
        let service = EngineService(engine, every: .seconds(3600), metrics: metrics)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await service.run() }
                for await _ in metrics.reports { break }
                try engine.runOne()
                trigger.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }
        let acquisitions = metrics.total(of: "mayfly.pool.acquisitions")
        #expect(acquisitions == 4)
    }

    @Test("a cancelled group ends it too") func cancellation() async throws {
        let engine = try warmTemplate().module.engine
        let metrics = AwaitedMetrics()
        let task = Task { try await EngineService(engine, every: .seconds(3600), metrics: metrics).run() }
        for await _ in metrics.reports { break }
        task.cancel()
        try await task.value
    }

    @Test("memory is given back while the host is short of it, and kept otherwise", arguments: [true, false])
    func trimming(isShort: Bool) async throws {
        let template = try warmTemplate()
        let engine = template.module.engine
        let before = engine.poolStatistics.residentBytes
        #expect(before >= 100 * 4096)
        let (questions, question) = AsyncStream.makeStream(of: Void.self)
        let service = EngineService(engine, every: .milliseconds(1), metrics: TestMetrics()) {
            question.yield()
            return isShort
        }
        let task = Task { try await service.run() }
        var count = 0
        for await _ in questions {
            count += 1
            // What followed the first answer has happened by the second question.
            if count == 2 { break }
        }
        task.cancel()
        try await task.value
        let after = engine.poolStatistics.residentBytes
        #expect(after == (isShort ? 0 : before))
        withExtendedLifetime(template) {}
    }

    @Test("dense slots are reported too") func denseSlots() async throws {
        let engine = try Engine(
            .init(pool: PoolConfiguration(slotCount: 2, idleTime: nil, dense: DenseClass(slotCount: 16))))
        let metrics = TestMetrics()
        let task = Task { try await EngineService(engine, every: .seconds(3600), metrics: metrics).run() }
        task.cancel()
        try await task.value
        #expect(!metrics.recorders(label: "mayfly.pool.dense.slots").isEmpty)
    }
}

extension Engine {
    /// Stamps an instance and drops it.
    fileprivate func runOne() throws { try compile(text: "(module)").template().withInstance { _ in } }
}

/// Metrics that tell when they are reported: each time the gauge of waiting threads is set, one of each report.
private final class AwaitedMetrics: MetricsFactory {
    let reports: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let test = TestMetrics()

    init() { (reports, continuation) = AsyncStream.makeStream(of: Void.self) }

    func total(of label: String) -> Int64 { test.counterTotal(label: label) }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        test.makeCounter(label: label, dimensions: dimensions)
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard label == "mayfly.pool.waiting" else {
            return test.makeRecorder(label: label, dimensions: dimensions, aggregate: aggregate)
        }
        return Signal(continuation)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        test.makeTimer(label: label, dimensions: dimensions)
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    private final class Signal: RecorderHandler {
        let continuation: AsyncStream<Void>.Continuation
        init(_ continuation: AsyncStream<Void>.Continuation) { self.continuation = continuation }
        func record(_ value: Int64) { continuation.yield() }
        func record(_ value: Double) { continuation.yield() }
    }
}
