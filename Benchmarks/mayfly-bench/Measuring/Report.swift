//! What is printed and what is written for machines.
//!
//! The JSON is an array of `{"name", "unit", "mayfly", "peer", "ratio"}`: medians, and Mayfly's divided by the peer's.
//! What was not measured is null. A case measured against the tuned peer too has a second entry, its name ending in
//! "(tuned peer)".

/// Median, 99th percentile and mean, in the row's unit. With under a hundred samples the second is the greatest.
///
/// The mean is there because the two others hide work put off: an engine that cleans up once in sixteen cycles shows
/// it in neither.
struct Summary: Equatable, Sendable {
    var p50: Double
    var p99: Double
    var mean: Double

    /// A series in nanoseconds, shown in a unit of so many nanoseconds.
    init(_ series: Series, unit nanoseconds: Double) {
        p50 = series.median / nanoseconds
        p99 = series.percentile(0.99) / nanoseconds
        mean = series.mean / nanoseconds
    }

    /// Only a mean is known.
    init(mean: Double) {
        p50 = mean
        p99 = .nan
        self.mean = mean
    }
}

struct ReportRow: Sendable {
    var name: String
    var unit: String
    var mayfly: Summary?
    /// In the order of `Report.peers`; nil for one that did not take part.
    var peers: [Summary?] = []
    /// Anything to say after the numbers.
    var notes: [String] = []
    /// False for what is measured but too small for its ratio to say anything.
    var countsInMean = true

    func ratio(toPeer index: Int) -> Double? {
        guard let mayfly, let peer = peer(index), peer.p50 > 0 else { return nil }
        return mayfly.p50 / peer.p50
    }

    func peer(_ index: Int) -> Summary? {
        index < peers.count ? peers[index] : nil
    }
}

extension ReportRow {
    /// - Parameter measurements: of all contenders, Mayfly's first where it took part.
    init(
        _ name: String, unit: String, nanoseconds: Double, _ measurements: [CycleMeasurement], hasMayfly: Bool,
        batch: Int
    ) {
        let summaries = measurements.map { Summary($0.series, unit: nanoseconds) }
        self.init(
            name: name, unit: unit, mayfly: hasMayfly ? summaries.first : nil,
            peers: Array(summaries.dropFirst(hasMayfly ? 1 : 0)), notes: batch > 1 ? ["batches of \(batch)"] : [])
    }
}

struct Report: Sendable {
    /// Names of the peer's configurations: none, the peer, or the peer and the tuned peer.
    var peers: [String]
    var rows: [ReportRow] = []

    private static let nameWidth = 42
    private static let numberWidth = 9
    private static let ratioWidth = 7

    /// Two lines: whose numbers, and which.
    var heading: String {
        let numbers = ["p50", "p99", "mean"].map { padLeft($0, Self.numberWidth) }.joined()
        var first = pad("", Self.nameWidth + 5) + padLeft("mayfly", numbers.count)
        var second = pad("", Self.nameWidth) + padLeft("unit", 5) + numbers
        for peer in peers {
            first += "  " + padLeft(peer, numbers.count) + pad("", Self.ratioWidth)
            second += "  " + numbers + padLeft("ratio", Self.ratioWidth)
        }
        return first + "\n" + second
    }

    func line(_ row: ReportRow) -> String {
        func numbers(_ summary: Summary?) -> String {
            [summary?.p50, summary?.p99, summary?.mean].map { padLeft(number($0), Self.numberWidth) }.joined()
        }
        var line = pad(row.name, Self.nameWidth) + padLeft(row.unit, 5) + numbers(row.mayfly)
        for index in peers.indices {
            line += "  " + numbers(row.peer(index))
            line += padLeft(row.ratio(toPeer: index).map { fixed($0, 3) } ?? "-", Self.ratioWidth)
        }
        return row.notes.isEmpty ? line : line + "  " + row.notes.joined(separator: "; ")
    }

    /// The geometric mean of the ratios of the rows chosen that count, one line per configuration of the peer; none
    /// without two ratios.
    func meanLines(_ title: String, of rows: [ReportRow]) -> [String] {
        peers.indices.compactMap { index in
            let ratios = rows.filter(\.countsInMean).compactMap { $0.ratio(toPeer: index) }
            guard ratios.count > 1, let mean = geometricMean(ratios) else { return nil }
            return "\(title), mayfly / \(peers[index]): geometric mean \(fixed(mean, 3)) of \(ratios.count)"
        }
    }

    var json: String {
        let entries = rows.flatMap { row in
            // Without a peer each row still has one entry, its peer null.
            (0..<max(peers.count, 1)).map { index in
                let name = index == 0 ? row.name : "\(row.name) (\(peers[index]))"
                let peer = row.peer(index)?.p50
                return """
                      {"name": \(quoted(name)), "unit": \(quoted(row.unit)), "mayfly": \(literal(row.mayfly?.p50)), \
                    "peer": \(literal(peer)), "ratio": \(literal(row.ratio(toPeer: index)))}
                    """
            }
        }
        return "[\n" + entries.joined(separator: ",\n") + "\n]\n"
    }

    private func literal(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "null" }
        return "\(value)"
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private func number(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "-" }
        return fixed(value, value < 10 ? 3 : value < 1000 ? 2 : 0)
    }
}

/// A number with a fixed count of decimals.
func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (abs(value) * scale).rounded()
    let digits = String(UInt64(scaled))
    let padded = String(repeating: "0", count: max(decimals + 1 - digits.count, 0)) + digits
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + padded }
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
}

func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(width - text.count, 0))
}

func padLeft(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
}
