//! The plot's axes, and that what it draws is all there.

import Testing

@testable import mayfly_bench

@Suite struct LogAxisTests {
    @Test(arguments: [
        ([0.23, 180.0], [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]), ([1, 10], [1, 2, 5, 10]),
        ([0.2, 0.5], [0.2, 0.5]), ([3, 3], [2, 5]), ([0.0011, 0.0019], [0.001, 0.002]),
        ([999, 1001], [500, 1000, 2000]),
    ])
    func ticksAreOneTwoFiveAroundTheValues(values: [Double], ticks: [Double]) {
        #expect(LogAxis(covering: values)?.ticks == ticks)
    }

    @Test func whatHasNoLogarithmIsLeftOut() {
        #expect(LogAxis(covering: [0, -1, .nan, 1, 4])?.ticks == [1, 2, 5])
        #expect(LogAxis(covering: []) == nil)
        #expect(LogAxis(covering: [0]) == nil)
    }

    @Test func equalRatiosAreEqualDistances() throws {
        let span = try #require(LogAxis.Span([1, 10000]))
        #expect(abs(span.share(of: 10) - 0.25) < 1e-12)
        #expect(abs(span.share(of: 1000) - 0.75) < 1e-12)
        #expect(LogAxis.Span([7])?.share(of: 7) == 0.5)
    }

    @Test(arguments: [(0.001, "0.001"), (0.2, "0.2"), (0.5, "0.5"), (1, "1"), (50, "50"), (1000, "1000")])
    func labelsHaveTheDigitsTheyNeed(tick: Double, label: String) {
        #expect(LogAxis.label(tick) == label)
    }

    @Test func decadesAreKnown() {
        #expect([0.001, 0.1, 1, 10, 1000].allSatisfy(LogAxis.isPowerOfTen))
        #expect([0.2, 0.5, 2, 50].allSatisfy { !LogAxis.isPowerOfTen($0) })
    }
}

@Suite struct LogLogPlotTests {
    private func plot(_ groups: [LogLogPlot.Group]) -> LogLogPlot {
        LogLogPlot(
            title: "a < b & c", subtitle: "", xTitle: "x", yTitle: "y",
            xTicks: [(65536, "64 KiB"), (262144, "256 KiB")],
            groups: groups)
    }

    @Test func everyCurveIsDrawnAndNamed() {
        let points = [LogLogPlot.Point(x: 65536, y: 0.3), LogLogPlot.Point(x: 262144, y: 40)]
        let curves = ["one", "two", "three"].map { LogLogPlot.Curve(name: $0, points: points) }
        let svg = plot([.init(name: "A", curves: curves), .init(name: "B", curves: curves)]).svg
        // Each curve, and its sample in the legend.
        #expect(svg.occurrences(of: "<polyline") == 12)
        #expect(svg.occurrences(of: ">three</text>") == 2)
        #expect(svg.contains(">64 KiB</text>") && svg.contains(">0.2</text>") && svg.contains(">50</text>"))
        #expect(svg.contains("a &lt; b &amp; c"))
        #expect(!svg.contains("nan") && !svg.contains("inf"))
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
    }

    @Test func withoutPointsThePictureIsEmpty() {
        let svg = plot([]).svg
        #expect(!svg.contains("<polyline") && svg.hasSuffix("</svg>\n"))
    }

    @Test(arguments: [(65536, "64 KiB"), (1 << 20, "1 MiB"), (256 << 20, "256 MiB")])
    func sizesAreWrittenInBinaryUnits(bytes: Int, text: String) {
        #expect(binarySize(bytes) == text)
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func occurrences(of part: String) -> Int {
        ranges(of: part).count
    }
}
