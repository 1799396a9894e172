//! What a metrics system sees of a pool.

import CoreMetrics
import Mayfly
import MayflyMetrics
import Synchronization
import TestSupport
import Testing

@Suite struct PoolMetricsTests {
    @Test func slotsAreGaugesAndEventsAreCounters() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4, spareSlots: 0, idleTime: nil)))
        let module = try engine.compile([0, 0x61, 0x73, 0x6D, 1, 0, 0, 0])
        let template = try module.template()
        let factory = Recorder()
        let metrics = PoolMetrics(of: engine, factory: factory)
        metrics.report()
        #expect(factory["mayfly.pool.slots state=blank"] == 4)
        #expect(factory["mayfly.pool.acquisitions kind=fresh"] == nil)

        try template.withInstance { _ in
            metrics.report()
            #expect(factory["mayfly.pool.slots state=live"] == 1)
            #expect(factory["mayfly.pool.slots state=blank"] == 3)
        }
        for _ in 0..<3 { try template.withInstance { _ in } }
        metrics.report()
        #expect(factory["mayfly.pool.slots state=live"] == 0)
        #expect(factory["mayfly.pool.slots state=warm"] == 1)
        #expect(factory["mayfly.pool.acquisitions kind=fresh"] == 1)
        #expect(factory["mayfly.pool.acquisitions kind=warm"] == 3)
        // Nothing has happened since: counters stay.
        metrics.report()
        #expect(factory["mayfly.pool.acquisitions kind=warm"] == 3)
        let policy = engine.poolStatistics.resetPolicy.rawValue
        #expect(factory.policies == ["reset_policy=\(policy)", "growth_policy=protect"])
    }

    @Test func denseSlotsAreReportedApart() throws {
        let engine = try Engine(
            .init(pool: PoolConfiguration(slotCount: 2, idleTime: nil, dense: DenseClass(slotCount: 100))))
        let template = try engine.compile(text: "(module (memory 1 2))").template()
        let factory = Recorder()
        let metrics = [
            PoolMetrics(of: engine, factory: factory), PoolMetrics(of: engine, slots: .dense, factory: factory),
        ]
        try template.withInstance { _ in
            for metrics in metrics { metrics.report() }
            #expect(factory["mayfly.pool.slots state=live"] == 0)
            #expect(factory["mayfly.pool.dense.slots state=live"] == 1)
            #expect(factory["mayfly.pool.dense.slots state=blank"] == 99)
        }
    }
}

/// Keeps the last value of each gauge and the sum of each counter.
private final class Recorder: MetricsFactory {
    private let values = Mutex<[String: Double]>([:])
    private let dimensions = Mutex<Set<String>>([])

    subscript(name: String) -> Double? { values.withLock { $0[name] } }

    /// The dimensions that all metrics have.
    var policies: Set<String> { dimensions.withLock { $0 } }

    private func key(_ label: String, _ dimensions: [(String, String)]) -> String {
        let texts = dimensions.map { "\($0.0)=\($0.1)" }
        self.dimensions.withLock { $0.formUnion(texts.filter { $0.contains("policy") }) }
        return ([label] + texts.filter { !$0.contains("policy") }).joined(separator: " ")
    }

    func set(_ key: String, _ update: (Double) -> Double) { values.withLock { $0[key] = update($0[key] ?? 0) } }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        Cell(self, key(label, dimensions))
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        Cell(self, key(label, dimensions))
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        NOOPMetricsHandler.instance.makeTimer(label: label, dimensions: dimensions)
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}

private final class Cell: CounterHandler, RecorderHandler {
    private let recorder: Recorder
    private let key: String

    init(_ recorder: Recorder, _ key: String) {
        self.recorder = recorder
        self.key = key
    }

    func increment(by amount: Int64) { recorder.set(key) { $0 + Double(amount) } }
    func reset() { recorder.set(key) { _ in 0 } }
    func record(_ value: Int64) { recorder.set(key) { _ in Double(value) } }
    func record(_ value: Double) { recorder.set(key) { _ in value } }
}
