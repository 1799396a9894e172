//! An engine among the services of a server: its pool is reported, and gives memory back when the host is short of it.

public import CoreMetrics
public import Mayfly
internal import MayflyMetrics
public import ServiceLifecycle

/// Reports an engine's pool to swift-metrics every few seconds, and gives memory back when the host is short of it.
///
/// ```swift
/// let group = ServiceGroup(services: [EngineService(engine), server], gracefulShutdownSignals: [.sigterm], logger: logger)
/// try await group.run()
/// ```
///
/// It ends when the group shuts down gracefully or is cancelled, after one last report. A group shuts its services down
/// in the opposite order: named before the server, it reports what the last requests did.
///
/// The pool keeps to its own budget (`PoolConfiguration.warmBytes`), and gives back what is not used for a time
/// (`PoolConfiguration.idleTime`). What it cannot know is how the host's memory is; that is what the service can ask:
///
/// ```swift
/// let service = EngineService(engine) { memoryOfThisContainer() > 7 << 30 }
/// ```
public struct EngineService: Service, CustomStringConvertible {
    /// Whose pool it is.
    public let engine: Engine
    /// How long it waits from one report to the next.
    public let interval: Duration
    private let isShortOfMemory: (@Sendable () -> Bool)?
    private let metrics: [PoolMetrics]

    /// - Parameters:
    ///   - engine: kept alive by the service.
    ///   - interval: from one report to the next.
    ///   - factory: where the metrics go; nil for the one the process is bootstrapped with.
    ///   - isShortOfMemory: is asked after each report but the last one; if it says true, free slots give back the
    ///     memory that they keep for their next instances (`Engine.trim()`). Nil leaves it to the pool.
    public init(
        _ engine: Engine, every interval: Duration = .seconds(10), metrics factory: (any MetricsFactory)? = nil,
        isShortOfMemory: (@Sendable () -> Bool)? = nil
    ) {
        self.engine = engine
        self.interval = interval
        self.isShortOfMemory = isShortOfMemory
        var metrics = [PoolMetrics(of: engine, factory: factory)]
        if engine.densePoolStatistics != nil {
            metrics.append(PoolMetrics(of: engine, slots: .dense, factory: factory))
        }
        self.metrics = metrics
    }

    /// How a service group names it.
    public var description: String { "Mayfly engine" }

    /// Reports until the service group shuts down.
    public func run() async throws {
        defer { report() }
        // What ends the waiting is a shut-down or a cancellation: either way there is nothing more to do than to end.
        try? await cancelWhenGracefulShutdown {
            while true {
                report()
                if isShortOfMemory?() == true { engine.trim() }
                try await Task.sleep(for: interval)
            }
        }
    }

    private func report() {
        for metrics in metrics { metrics.report() }
    }
}
