//! What is printed and what is written for machines.
//!
//! The JSON is an array of `{"name", "unit", "mayfly", "peer", "ratio"}`: medians, and Mayfly's divided by the peer's.
//! What was not measured is null. A case measured against the tuned peer too has a second entry, its name ending in
//! "(tuned peer)".

/// Median and 99th percentile, in the row's unit. With under a hundred samples the latter is the greatest.
struct Summary: Equatable, Sendable {
    var p50: Double
    var p99: Double

    init(p50: Double, p99: Double) {
        self.p50 = p50
        self.p99 = p99
    }

    /// A series in nanoseconds, shown in a unit of so many nanoseconds.
    init(_ series: Series, unit nanoseconds: Double) {
        p50 = series.median / nanoseconds
        p99 = series.percentile(0.99) / nanoseconds
    }
}

struct ReportRow: Sendable {
    var name: String
    var unit: String
    var mayfly: Summary?
    /// In the order of `Report.peers`.
    var peers: [Summary]
    /// Anything to say after the numbers.
    var note = ""

    func ratio(toPeer index: Int) -> Double? {
        guard let mayfly, index < peers.count, peers[index].p50 > 0 else { return nil }
        return mayfly.p50 / peers[index].p50
    }
}

struct Report: Sendable {
    /// Names of the peer's configurations: none, the peer, or the peer and the tuned peer.
    var peers: [String]
    var rows: [ReportRow] = []

    /// The heads of the columns after the name, and their widths.
    private var columns: [(title: String, width: Int)] {
        [("unit", 4), ("mayfly p50", 11), ("p99", 10)]
            + peers.flatMap { [("\($0) p50", max($0.count + 4, 10)), ("p99", 10), ("ratio", 7)] }
    }

    private static let nameWidth = 44

    var heading: String {
        pad("", Self.nameWidth) + columns.map { "  " + padLeft($0.title, $0.width) }.joined()
    }

    func line(_ row: ReportRow) -> String {
        var cells = [row.unit, number(row.mayfly?.p50), number(row.mayfly?.p99)]
        for index in peers.indices {
            let peer = index < row.peers.count ? row.peers[index] : nil
            cells += [number(peer?.p50), number(peer?.p99), row.ratio(toPeer: index).map { fixed($0, 3) } ?? "-"]
        }
        let numbers = zip(cells, columns).map { "  " + padLeft($0, $1.width) }.joined()
        return pad(row.name, Self.nameWidth) + numbers + (row.note.isEmpty ? "" : "  " + row.note)
    }

    /// The geometric mean of the ratios of the rows chosen, one line per configuration of the peer; empty without
    /// two ratios.
    func meanLines(_ title: String, of rows: [ReportRow]) -> [String] {
        peers.indices.compactMap { index in
            let ratios = rows.compactMap { $0.ratio(toPeer: index) }
            guard ratios.count > 1, let mean = geometricMean(ratios) else { return nil }
            return "\(title), mayfly / \(peers[index]): geometric mean \(fixed(mean, 3)) of \(ratios.count)"
        }
    }

    var json: String {
        let entries = rows.flatMap { row in
            // Without a peer each row still has one entry, its peer null.
            (0..<max(peers.count, 1)).map { index in
                let name = index == 0 ? row.name : "\(row.name) (\(peers[index]))"
                let peer = index < row.peers.count ? row.peers[index].p50 : nil
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
        guard let value else { return "-" }
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

private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(width - text.count, 0))
}

private func padLeft(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
}
