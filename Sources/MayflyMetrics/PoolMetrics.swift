//! The pool's counters for swift-metrics.
//!
//! The core depends on no package, so it only counts. Whoever wants the numbers in a metrics system calls `report()` as
//! often as that system is asked, typically from a timer or before each scrape.

public import CoreMetrics
public import Mayfly
internal import Synchronization

/// Reports the state of an engine's pool: slots and bytes as gauges, events as counters.
///
/// ```swift
/// let metrics = PoolMetrics(of: engine)
/// …
/// metrics.report()   // every few seconds
/// ```
///
/// With the prefix `mayfly.pool`, the gauges are `mayfly.pool.slots` with a dimension `state` of `live`, `warm`,
/// `pending`, `blank` or `retired`, `mayfly.pool.waiting` (threads) and `mayfly.pool.resident.bytes`; the counters are
/// `mayfly.pool.acquisitions` (with `kind` of `warm`, `remapped` or `fresh`), `.resets`, `.resets.failed`,
/// `.resets.deferred`, `.scans`, `.pages.repaired`, `.pages.discarded`, `.growths`, `.growths.failed`, `.waits` and
/// `.exhaustions`. All have the dimensions `reset_policy` and `growth_policy`.
///
/// Dense slots are a pool of their own, to be reported by a second object: `PoolMetrics(of: engine, slots: .dense)`,
/// whose metrics begin with `mayfly.pool.dense`.
public final class PoolMetrics: Sendable {
    /// Of which slots the numbers are.
    public enum Slots: Sendable {
        /// Those of the pool proper.
        case ordinary
        /// Those of `PoolConfiguration.dense`; all zero without.
        case dense
    }

    private let statistics: @Sendable () -> PoolStatistics
    private let gauges: [(Gauge, @Sendable (PoolStatistics) -> Double)]
    private let counters: [(Counter, @Sendable (PoolStatistics) -> UInt64)]
    /// As of the last report. One report at a time.
    private let last = Mutex(PoolStatistics())

    /// - Parameters:
    ///   - engine: kept alive by this object.
    ///   - slots: of which kind.
    ///   - prefix: what all labels begin with; nil for `mayfly.pool` or `mayfly.pool.dense`.
    ///   - factory: where the metrics go; nil for the one the process is bootstrapped with.
    public init(
        of engine: Engine, slots: Slots = .ordinary, prefix: String? = nil, factory: (any MetricsFactory)? = nil
    ) {
        self.statistics =
            switch slots {
            case .ordinary: { engine.poolStatistics }
            case .dense: { engine.densePoolStatistics ?? PoolStatistics() }
            }
        let prefix = prefix ?? (slots == .dense ? "mayfly.pool.dense" : "mayfly.pool")
        let factory = factory ?? MetricsSystem.factory
        let statistics = self.statistics()
        let policies = [
            ("reset_policy", statistics.resetPolicy.rawValue), ("growth_policy", statistics.growthPolicy.rawValue),
        ]
        func gauge(
            _ name: String, _ more: [(String, String)] = [], _ value: @escaping @Sendable (PoolStatistics) -> Double
        ) -> (Gauge, @Sendable (PoolStatistics) -> Double) {
            (Gauge(label: "\(prefix).\(name)", dimensions: policies + more, factory: factory), value)
        }
        func counter(
            _ name: String, _ more: [(String, String)] = [], _ value: @escaping @Sendable (PoolStatistics) -> UInt64
        ) -> (Counter, @Sendable (PoolStatistics) -> UInt64) {
            (Counter(label: "\(prefix).\(name)", dimensions: policies + more, factory: factory), value)
        }
        gauges = [
            gauge("slots", [("state", "live")]) { Double($0.live) },
            gauge("slots", [("state", "warm")]) { Double($0.warm - $0.pending) },
            gauge("slots", [("state", "pending")]) { Double($0.pending) },
            gauge("slots", [("state", "blank")]) { Double($0.blank) },
            gauge("slots", [("state", "retired")]) { Double($0.retired) },
            gauge("waiting") { Double($0.waiting) },
            gauge("resident.bytes") { Double($0.residentBytes) },
        ]
        counters = [
            counter("acquisitions", [("kind", "warm")]) { $0.affine },
            counter("acquisitions", [("kind", "remapped")]) { $0.remaps },
            counter("acquisitions", [("kind", "fresh")]) { $0.acquisitions &- $0.affine &- $0.remaps },
            counter("resets") { $0.resets },
            counter("resets.failed") { $0.failedResets },
            counter("resets.deferred") { $0.deferredResets },
            counter("scans") { $0.scans },
            counter("pages.repaired") { $0.repairedPages },
            counter("pages.discarded") { $0.discardedPages },
            counter("growths") { $0.growths },
            counter("growths.failed") { $0.failedGrowths },
            counter("waits") { $0.exhaustionWaits },
            counter("exhaustions") { $0.exhaustions },
        ]
    }

    /// Reports the numbers as they are now. Counters advance by what happened since the last report.
    public func report() {
        last.withLock { last in
            let now = statistics()
            for (gauge, value) in gauges { gauge.record(value(now)) }
            for (counter, value) in counters {
                // Numbers of one moment are read one after the other, so a difference may be a little below zero.
                let (difference, underflow) = value(now).subtractingReportingOverflow(value(last))
                if !underflow, difference > 0 { counter.increment(by: Int64(clamping: difference)) }
            }
            last = now
        }
    }
}
