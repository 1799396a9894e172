//! The few statistics the benchmark prints.
//!
//! Ratios are Mayfly's median divided by the peer's: below one means Mayfly took less time. Means of ratios are
//! geometric, so that the mean of the inverted ratios is the inverted mean.

import Glibc

/// Times of one case on one engine, in nanoseconds.
struct Series: Equatable, Sendable {
    private(set) var sorted: [Double]

    init(_ samples: [Double]) {
        sorted = samples.sorted()
    }

    /// The smallest sample that at least `share` (0...1) of all samples do not exceed; NaN without samples.
    func percentile(_ share: Double) -> Double {
        guard !sorted.isEmpty else { return .nan }
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    /// NaN without samples.
    var fastest: Double { sorted.first ?? .nan }

    var mean: Double {
        sorted.reduce(0, +) / Double(sorted.count)
    }

    var median: Double {
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// Nil without ratios.
func geometricMean(_ ratios: [Double]) -> Double? {
    ratios.isEmpty ? nil : exp(ratios.reduce(0) { $0 + log($1) } / Double(ratios.count))
}
