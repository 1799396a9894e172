//! How many guests ran, how they ended, and how long they took, for swift-metrics.
//!
//! All metrics are made at the start, so that a request costs no look-up; their number is fixed, whatever guests do.

public import CoreMetrics

/// Counts what became of a template's instances, and how long each took.
///
/// With the prefix `mayfly.guest`, `mayfly.guest.runs` is a counter with the dimensions `guest` (the name given here)
/// and `outcome`, which is `success` or a ``GuestFailure/code``; `mayfly.guest.duration` is a timer with the dimension
/// `guest`.
public final class GuestMetrics: Sendable {
    private let successes: Counter
    private let failures: [String: Counter]
    private let duration: Timer

    /// - Parameters:
    ///   - name: what the host calls the guest.
    ///   - prefix: what all labels begin with.
    ///   - factory: where the metrics go; nil for the one the process is bootstrapped with.
    public init(of name: String, prefix: String = "mayfly.guest", factory: (any MetricsFactory)? = nil) {
        let factory = factory ?? MetricsSystem.factory
        func runs(_ outcome: String) -> Counter {
            Counter(label: "\(prefix).runs", dimensions: [("guest", name), ("outcome", outcome)], factory: factory)
        }
        successes = runs("success")
        failures = Dictionary(uniqueKeysWithValues: GuestFailure.codes.map { ($0, runs($0)) })
        duration = Timer(label: "\(prefix).duration", dimensions: [("guest", name)], factory: factory)
    }

    /// Counts one run.
    ///
    /// - Parameters:
    ///   - duration: how long it took.
    ///   - failure: how it failed; nil if it did not.
    public func record(_ duration: Duration, failure: GuestFailure? = nil) {
        if let failure { failures[failure.code]?.increment() } else { successes.increment() }
        let (seconds, attoseconds) = duration.components
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        self.duration.recordNanoseconds(overflow ? .max : nanoseconds &+ attoseconds / 1_000_000_000)
    }
}
