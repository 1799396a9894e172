//! `mayfly-bench size`: the time of a cycle against the size of its image.
//!
//! A cycle that touches nothing should cost the same whatever lies in the image, and one that touches sixteen pages
//! should cost sixteen pages. The images are noise made here, from one WebAssembly page to 256 MiB.

import ArgumentParser

struct SizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "size",
        abstract: "Fresh-instance cycles against the size of the image.",
        discussion: """
            For images of 64 KiB to 256 MiB of noise: cycles that call nothing, that call and touch nothing, and that \
            write to 16 pages scattered over the whole image. The largest need about 3 GiB of memory. --quick stops \
            at 4 MiB.
            """)

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: CycleOptions

    @Option(help: ArgumentHelp("Draw the medians of both engines, as SVG.", valueName: "file"))
    var svg: String?

    /// In pages of WebAssembly, 64 KiB each.
    private static let sizes = [1, 4, 16, 64, 256, 1024, 4096]
    private static let largestQuick = 64

    /// What is done with each instance; how many pages it touches, nil where nothing is called.
    private static let uses: [(name: String, touched: Int?)] = [("untouched", nil), ("touch(0)", 0), ("touch(16)", 16)]

    private typealias Course = [(bytes: Int, row: ReportRow)]

    func run() throws {
        var (comparison, report) = try options.comparison(common)
        comparison.peerMayRefuse = true
        var failures = 0
        var courses = [Course](repeating: [], count: Self.uses.count)
        let sizes = Self.sizes.filter { !common.quick || $0 <= Self.largestQuick }
        printNow(report.heading)
        for (index, use) in Self.uses.enumerated() {
            do {
                // All sizes by turns: a curve must not bend where the machine slowed down.
                let rows = try comparison.rows(together: sizes.map { try guest(use.name, use.touched, pages: $0) })
                courses[index] = zip(sizes, rows.joined()).map { ($0 * Guests.wasmPage, $1) }
                for (_, row) in courses[index] { printNow(report.line(row)) }
                report.rows += rows.joined()
            } catch {
                failures += 1
                printNow("\(use.name)  FAILED: \(error)")
            }
        }
        for (use, course) in zip(Self.uses, courses) {
            if let line = growthLine(use.name, course, report) { printNow(line) }
        }
        try common.write(report)
        if let svg { try writeFile(svg, plot(courses).svg) }
        if failures > 0 { throw ExitCode.failure }
    }

    private func guest(_ use: String, _ touched: Int?, pages: Int) throws -> CycleCase {
        let bytes = pages * Guests.wasmPage
        let noise = Noise(seed: 0x7369_7A65 + UInt64(pages))
        return CycleCase(
            name: "\(use), \(binarySize(bytes))",
            module: try Guests(directory: options.guests).scatter(noise, pages: pages, dataBytes: bytes),
            call: touched.map { Guests.call("touch", $0) },
            expected: touched.map { Guests.scatterResult(noise, pages: pages, dataBytes: bytes, touched: $0) })
    }

    /// What the largest image costs as a multiple of the smallest, for each engine.
    private func growthLine(_ name: String, _ course: Course, _ report: Report) -> String? {
        guard let first = course.first, let last = course.last, first.bytes < last.bytes else { return nil }
        var columns = [("mayfly", first.row.mayfly, last.row.mayfly)]
        for (index, peer) in report.peers.enumerated() {
            columns.append((peer, first.row.peer(index), last.row.peer(index)))
        }
        let factors = columns.compactMap { engine, small, large -> String? in
            guard let small, let large, small.p50 > 0 else { return nil }
            return "\(engine) x \(fixed(large.p50 / small.p50, 2))"
        }
        return "\(name), from \(binarySize(first.bytes)) to \(binarySize(last.bytes)): "
            + factors.joined(separator: ", ")
    }

    /// Medians of Mayfly and of the peer as it comes. The tuned peer is left to the table: nine curves show nothing.
    private func plot(_ courses: [Course]) -> LogLogPlot {
        let engines: [(name: String, summary: (ReportRow) -> Summary?)] = [
            ("Wasmtime", { $0.peer(0) }), ("Mayfly", { $0.mayfly }),
        ]
        let names = ["not called", "called, touching nothing", "called, touching 16 pages"]
        let groups = engines.map { engine in
            LogLogPlot.Group(
                name: engine.name,
                curves: zip(names, courses).map { name, course in
                    LogLogPlot.Curve(
                        name: name,
                        points: course.compactMap { bytes, row in
                            engine.summary(row).map { LogLogPlot.Point(x: Double(bytes), y: $0.p50) }
                        })
                }.reversed())
        }
        return LogLogPlot(
            title: "A fresh instance, from nothing to gone again", subtitle: "Medians. \(machineDescription())",
            xTitle: "size of the initialised memory image", yTitle: "time of a cycle, µs",
            xTicks: courses.first.map { $0.map { (Double($0.bytes), binarySize($0.bytes)) } } ?? [],
            groups: groups.filter { $0.curves.contains { !$0.points.isEmpty } })
    }
}

/// A number of bytes, a whole one of KiB or MiB.
func binarySize(_ bytes: Int) -> String {
    bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
}
