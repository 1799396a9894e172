//! Curves on two logarithmic axes, as a picture in SVG that needs nothing else.
//!
//! Groups of curves (engines) differ in colour, the curves of a group (what was done) in marker and dash. Curves that
//! lie on each other stay readable that way, and the picture survives being printed in grey.

import Glibc

struct LogLogPlot {
    struct Point: Equatable {
        var x: Double
        var y: Double
    }

    struct Curve {
        var name: String
        var points: [Point]
    }

    struct Group {
        var name: String
        var curves: [Curve]
    }

    var title: String
    var subtitle: String
    var xTitle: String
    var yTitle: String
    /// Places on the x axis and what is written there.
    var xTicks: [(value: Double, label: String)]
    /// As the legend lists them: the upper curves first.
    var groups: [Group]

    private static let width = 960.0
    private static let height = 540.0
    private static let left = 78.0
    private static let right = 690.0
    private static let top = 84.0
    private static let bottom = 462.0
    private static let colors = ["#c2571a", "#1257a8", "#4d7c0f", "#7a3e9d"]
    private static let dashes = ["", "9 5", "2 5"]

    var svg: String {
        let points = groups.flatMap(\.curves).flatMap(\.points)
        guard let y = LogAxis(covering: points.map(\.y)), let x = LogAxis.Span(points.map(\.x) + xTicks.map(\.value))
        else { return document([]) }
        func place(_ point: Point) -> (x: Double, y: Double) {
            (
                Self.left + (0.03 + 0.94 * x.share(of: point.x)) * (Self.right - Self.left),
                Self.bottom - y.span.share(of: point.y) * (Self.bottom - Self.top)
            )
        }
        var lines = [
            text(Self.left, 34, title, size: 20, weight: "bold"), text(Self.left, 58, subtitle, size: 13, fill: "#555"),
        ]
        for tick in xTicks {
            let center = place(Point(x: tick.value, y: 1)).x
            lines.append(line((center, Self.top), (center, Self.bottom), "#e6e6e6"))
            lines.append(line((center, Self.bottom), (center, Self.bottom + 5), "#333"))
            lines.append(text(center, Self.bottom + 22, tick.label, size: 13, anchor: "middle"))
        }
        for tick in y.ticks {
            let height = place(Point(x: 1, y: tick)).y
            let isDecade = LogAxis.isPowerOfTen(tick)
            lines.append(line((Self.left, height), (Self.right, height), isDecade ? "#bbb" : "#e6e6e6"))
            lines.append(text(Self.left - 10, height + 4.5, LogAxis.label(tick), size: 13, anchor: "end"))
        }
        lines.append(line((Self.left, Self.bottom), (Self.right, Self.bottom), "#333"))
        lines.append(line((Self.left, Self.top), (Self.left, Self.bottom), "#333"))
        lines.append(text((Self.left + Self.right) / 2, Self.bottom + 52, xTitle, size: 14, anchor: "middle"))
        let middle = (Self.top + Self.bottom) / 2
        lines.append(
            text(24, middle, yTitle, size: 14, anchor: "middle", transform: "rotate(-90 24 \(fixed(middle, 1)))"))

        var legend = Self.top + 10
        for (groupIndex, group) in groups.enumerated() {
            let color = Self.colors[groupIndex % Self.colors.count]
            lines.append(text(Self.right + 28, legend, group.name, size: 15, weight: "bold", fill: color))
            legend += 26
            for (index, curve) in group.curves.enumerated() {
                lines += draw(curve.points.map(place), color, style: index)
                let sample = legend - 4.5
                lines += draw(
                    [(Self.right + 30, sample), (Self.right + 48, sample), (Self.right + 66, sample)], color,
                    style: index, markers: 1...1)
                lines.append(text(Self.right + 76, legend, curve.name, size: 13))
                legend += 24
            }
            legend += 18
        }
        return document(lines)
    }

    private func document(_ lines: [String]) -> String {
        let size = "\(fixed(Self.width, 0)) \(fixed(Self.height, 0))"
        let head = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(size)" font-family="system-ui, 'DejaVu Sans', \
            Helvetica, Arial, sans-serif" fill="#222">
            <rect width="100%" height="100%" fill="#fff"/>
            """
        return ([head] + lines + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    /// A curve with markers at its points, or at those in `markers`.
    private func draw(
        _ places: [(x: Double, y: Double)], _ color: String, style: Int, markers: ClosedRange<Int>? = nil
    ) -> [String] {
        let path = places.map { "\(fixed($0.x, 1)),\(fixed($0.y, 1))" }.joined(separator: " ")
        let dash = Self.dashes[style % Self.dashes.count]
        let dashes = dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\""
        var lines = [
            "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"2\"\(dashes)/>"
        ]
        for (index, place) in places.enumerated() where markers?.contains(index) ?? true {
            lines.append(marker(place.x, place.y, color, style: style))
        }
        return lines
    }

    private func marker(_ x: Double, _ y: Double, _ color: String, style: Int) -> String {
        let paint = "fill=\"\(style == 2 ? "#fff" : color)\" stroke=\"\(color)\" stroke-width=\"2\""
        switch style % 3 {
        case 0: return "<circle cx=\"\(fixed(x, 1))\" cy=\"\(fixed(y, 1))\" r=\"4\" \(paint)/>"
        case 1:
            return "<rect x=\"\(fixed(x - 4, 1))\" y=\"\(fixed(y - 4, 1))\" width=\"8\" height=\"8\" \(paint)/>"
        default:
            let corners = [(x, y - 5), (x + 5, y + 4), (x - 5, y + 4)]
            let path = corners.map { "\(fixed($0.0, 1)),\(fixed($0.1, 1))" }.joined(separator: " ")
            return "<polygon points=\"\(path)\" \(paint)/>"
        }
    }

    private func line(_ from: (Double, Double), _ to: (Double, Double), _ color: String) -> String {
        """
        <line x1="\(fixed(from.0, 1))" y1="\(fixed(from.1, 1))" x2="\(fixed(to.0, 1))" y2="\(fixed(to.1, 1))" \
        stroke="\(color)"/>
        """
    }

    private func text(
        _ x: Double, _ y: Double, _ content: String, size: Int, anchor: String = "start", weight: String = "normal",
        fill: String? = nil, transform: String? = nil
    ) -> String {
        var attributes = "x=\"\(fixed(x, 1))\" y=\"\(fixed(y, 1))\" font-size=\"\(size)\""
        if anchor != "start" { attributes += " text-anchor=\"\(anchor)\"" }
        if weight != "normal" { attributes += " font-weight=\"\(weight)\"" }
        if let fill { attributes += " fill=\"\(fill)\"" }
        if let transform { attributes += " transform=\"\(transform)\"" }
        return "<text \(attributes)>\(Self.escaped(content))</text>"
    }

    static func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            default: String(character)
            }
        }.joined()
    }
}

/// A logarithmic axis with ticks at 1, 2 and 5 in each decade, from the last not above the least value to the first not
/// below the greatest.
struct LogAxis {
    /// What lies between two positive values, in logarithms.
    struct Span {
        private let low: Double
        private let high: Double

        /// Nil without positive values.
        init?(_ values: [Double]) {
            let positive = values.filter { $0 > 0 && $0.isFinite }
            guard let least = positive.min(), let greatest = positive.max() else { return nil }
            low = log(least)
            high = log(greatest)
        }

        /// 0 at the low end, 1 at the high one.
        func share(of value: Double) -> Double {
            high > low ? (log(value) - low) / (high - low) : 0.5
        }
    }

    let ticks: [Double]
    let span: Span

    /// Nil without positive values.
    init?(covering values: [Double]) {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        guard let least = positive.min(), let greatest = positive.max() else { return nil }
        let decades = (Int(log10(least).rounded(.down)) - 1)...(Int(log10(greatest).rounded(.up)) + 1)
        let candidates = decades.flatMap { decade in
            // Dividing keeps a fifth of a microsecond the same number as the literal 0.2.
            [1.0, 2, 5].map { decade < 0 ? $0 / pow(10, Double(-decade)) : $0 * pow(10, Double(decade)) }
        }
        guard let first = candidates.lastIndex(where: { $0 <= least }),
            let last = candidates.firstIndex(where: { $0 >= greatest })
        else { return nil }
        ticks = Array(candidates[first...last])
        guard let span = Span(ticks) else { return nil }
        self.span = span
    }

    static func isPowerOfTen(_ tick: Double) -> Bool {
        let exponent = log10(tick)
        return abs(exponent - exponent.rounded()) < 1e-9
    }

    /// A tick's number without superfluous digits.
    static func label(_ tick: Double) -> String {
        fixed(tick, max(0, -Int((log10(tick) + 1e-9).rounded(.down))))
    }
}
