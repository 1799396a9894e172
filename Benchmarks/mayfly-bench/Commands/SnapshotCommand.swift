//! `mayfly-bench snapshot`: what it costs to copy a running program, and what is saved by it.

import ArgumentParser
import Mayfly
import MayflyWASI
import WasmText

struct SnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Snapshots, forks and roll-backs; instances that begin where another one was.",
        discussion: """
            First a program that has to start before it can work: QuickJS evaluates a loop, in instances of a snapshot taken when \
            its runtime was made, and in instances that make one. The peer, which has no snapshots, makes one each time. \
            The ratio of the 99th percentiles is noted after the row.

            Then the parts, of an instance of 64 MiB, for which the peer has nothing to compare with: snapshots with a mebibyte \
            written to, in one piece or scattered, over an empty memory or over an image as large; forks, with the children \
            given back each time or kept; checkpoints and roll-backs.
            """)

    @OptionGroup var common: CommonOptions

    @OptionGroup var options: CycleOptions

    @Option(help: ArgumentHelp("The folder with qjs.wasm.", valueName: "directory"))
    var corpus = "../shared/corpus"

    func run() throws {
        var (comparison, report) = try options.comparison(common)
        printNow(report.heading)
        let quickJS = "\(corpus)/qjs.wasm"
        if fileExists(quickJS) {
            for row in try warmRows(readFile(quickJS), &comparison) {
                printNow(report.line(row))
                report.rows.append(row)
            }
        } else {
            printNow("quickjs: left out, there is no \(quickJS)")
        }
        if comparison.hasMayfly {
            for row in try partRows() {
                printNow(report.line(row))
                report.rows.append(row)
            }
        }
        try common.write(report)
    }

    // MARK: A program that has to start

    private func warmRows(_ module: [UInt8], _ comparison: inout CycleComparison) throws -> [ReportRow] {
        let call = GuestCall(export: "run", arguments: [.i32(10)])
        var cycles: [any FreshInstanceCycle] = []
        if comparison.hasMayfly { cycles.append(try WarmCycle(module, policies: options)) }
        for contender in comparison.contenders {
            cycles.append(try contender.prepareCycle(module, wasi: .bare, call: call))
        }
        let expected = try cycles.map { try $0.firstResult() }
        guard Set(expected).count == 1 else { throw BenchmarkError("quickjs: results differ: \(expected)") }
        let (measurements, batch) = try Alternation(seconds: comparison.seconds, threads: 1)
            .measure(cycles, expecting: expected)
        let all = measurements.map { Summary($0.series, unit: 1e3) }
        let batches = batch > 1 ? ["batches of \(batch)"] : []
        guard comparison.hasMayfly else {
            return [ReportRow(name: "quickjs, run(10)", unit: "µs", mayfly: nil, peers: all, notes: batches)]
        }
        let peers = Array(all.dropFirst(2))
        func row(_ name: String, _ mayfly: Summary) -> ReportRow {
            let tails = zip(comparison.contenders.dropFirst(), peers).map {
                "p99 ratio to \($0.name) \(fixed(mayfly.p99 / $1.p99, 3))"
            }
            return ReportRow(name: name, unit: "µs", mayfly: mayfly, peers: peers, notes: tails + batches)
        }
        return [row("quickjs, run(10), from a snapshot", all[0]), row("quickjs, run(10), afresh", all[1])]
    }

    // MARK: The parts

    private func partRows() throws -> [ReportRow] {
        var pool = PoolConfiguration(slotCount: 600)
        pool.resetPolicy = options.resetPolicy
        pool.growthPolicy = options.growthPolicy
        let path = "\(options.guests)/pages.wat"
        let empty = try WasmText.encode(try readFile(path), fileName: path)
        let full = empty + Guests.dataSection(Noise(seed: 64), Self.memoryBytes)
        let rounds = common.quick ? 5 : 200
        var rows: [ReportRow] = []
        /// Each in an engine of its own: slots know what the instances before had written to.
        func add(_ name: String, over module: [UInt8]? = nil, _ measure: (PageGuest) throws -> [Double]) throws {
            let template = try Engine(.init(pool: pool)).compile(module ?? empty).template()
            rows.append(
                ReportRow(
                    name: name, unit: "µs", mayfly: Summary(Series(try measure(PageGuest(template))), unit: 1e3)))
        }
        for (image, module) in [("empty", empty), ("image", full)] {
            for (pattern, stride) in [("in one piece", 1), ("scattered", 61)] {
                let name = "1 MiB \(pattern), over \(image)"
                try add("snapshot, \(name)", over: module) {
                    try $0.snapshots(pages: 256, stride: stride, rounds: rounds)
                }
                try add("instance of it, 64 pages written", over: module) {
                    try PageGuest(try $0.snapshot(pages: 256, stride: stride)).instances(pages: 64, rounds: rounds * 10)
                }
            }
        }
        for pages in [1, 64, 256] {
            try add("fork, \(pages) pages written") { try $0.forks(pages: pages, rounds: rounds * 10) }
        }
        try add("fork, 64 pages written, children kept") {
            try $0.keptForks(pages: 64, count: common.quick ? 20 : 500)
        }
        try add("checkpoint, 64 pages written") { try $0.checkpoints(pages: 64, rounds: rounds * 10) }
        try add("roll back, 64 pages written") { try $0.rollBacks(pages: 64, rounds: rounds * 10) }
        return rows
    }

    private static let memoryBytes = 64 << 20
}

/// QuickJS from a snapshot taken when its runtime was made.
private struct WarmCycle: FreshInstanceCycle {
    let template: Template<WASI>
    let run: TypedFunction<Int32, Int32>
    let configuration: WASI.Configuration

    init(_ module: [UInt8], policies: CycleOptions) throws {
        var pool = PoolConfiguration()
        pool.resetPolicy = policies.resetPolicy
        pool.growthPolicy = policies.growthPolicy
        let engine = try Engine(.init(pool: pool))
        var imports = Imports<WASI>()
        imports.defineWASI()
        configuration = WASI.Configuration()
        template = try engine.compile(module).template(imports: imports).snapshot(state: WASI(configuration)) {
            try $0.call("init")
        }
        run = try template.function("run", as: ((Int32) -> Int32).self)
    }

    func firstResult() throws -> UInt32? { try cycle() }

    func run(_ count: Int, expecting expected: UInt32?) throws {
        for _ in 0..<count {
            let result = try cycle()
            if let expected, result != expected { throw WrongResult(expected: expected, found: result) }
        }
    }

    private func cycle() throws -> UInt32 {
        try template.withInstance(state: WASI(configuration)) { UInt32(bitPattern: try $0.call(run, 10)) }
    }
}

/// Instances of `pages.wat`, and single operations on them. Each gives nanoseconds, one for each time.
private struct PageGuest {
    let template: Template<Void>

    init(_ template: Template<Void>) { self.template = template }

    private func touch(_ instance: borrowing Instance<Void>, _ pages: Int, stride: Int = 1, first: Int = 100) throws {
        let written: Int32 = try instance.call("touch", Int32(first), Int32(pages), Int32(stride))
        guard written == pages else { throw BenchmarkError("touch wrote to \(written) pages") }
    }

    private func expectByte(_ instance: borrowing Instance<Void>, _ page: Int, differsFrom other: UInt32) throws {
        guard try instance.read(UInt32.self, at: UInt32(page * 4096)) != other else {
            throw BenchmarkError("a copy has not what its original had")
        }
    }

    func snapshot(pages: Int, stride: Int) throws -> Template<Void> {
        try template.snapshot { try touch($0, pages, stride: stride) }
    }

    func snapshots(pages: Int, stride: Int, rounds: Int) throws -> [Double] {
        let instance = try template.instantiate()
        let before = try instance.read(UInt32.self, at: 100 * 4096)
        try touch(instance, pages, stride: stride)
        return try (0..<rounds).map { _ in
            // Written to again, so that it has to be looked for.
            try touch(instance, pages, stride: stride)
            let start = monotonicNanoseconds()
            let snapshot = try template.snapshot(of: instance)
            let end = monotonicNanoseconds()
            if before != (try instance.read(UInt32.self, at: 100 * 4096)) {
                try snapshot.withInstance { try expectByte($0, 100, differsFrom: before) }
            }
            return Double(end - start)
        }
    }

    func instances(pages: Int, rounds: Int) throws -> [Double] {
        try (0..<rounds).map { _ in
            let start = monotonicNanoseconds()
            try template.withInstance { try touch($0, pages) }
            return Double(monotonicNanoseconds() - start)
        }
    }

    func forks(pages: Int, rounds: Int) throws -> [Double] {
        let parent = try template.instantiate()
        return try (0..<rounds).map { _ in
            try touch(parent, pages)
            let start = monotonicNanoseconds()
            let child = try parent.fork()
            let end = monotonicNanoseconds()
            guard try child.read(UInt32.self, at: 100 * 4096) == parent.read(UInt32.self, at: 100 * 4096) else {
                throw BenchmarkError("a fork has not what its parent has")
            }
            return Double(end - start)
        }
    }

    /// Every child takes a slot that nobody has used.
    func keptForks(pages: Int, count: Int) throws -> [Double] {
        final class Child {
            let instance: Instance<Void>
            init(_ instance: consuming Instance<Void>) { self.instance = instance }
        }
        let parent = try template.instantiate()
        try touch(parent, pages)
        var children: [Child] = []
        return try (0..<count).map { _ in
            let start = monotonicNanoseconds()
            let child = try parent.fork()
            let end = monotonicNanoseconds()
            children.append(Child(child))
            return Double(end - start)
        }
    }

    func checkpoints(pages: Int, rounds: Int) throws -> [Double] {
        let instance = try template.instantiate()
        return try (0..<rounds).map { _ in
            try touch(instance, pages)
            let start = monotonicNanoseconds()
            let point = try instance.checkpoint()
            let end = monotonicNanoseconds()
            guard point.memoryBytes >= pages * 4096 else { throw BenchmarkError("a checkpoint lacks pages") }
            return Double(end - start)
        }
    }

    func rollBacks(pages: Int, rounds: Int) throws -> [Double] {
        let instance = try template.instantiate()
        try touch(instance, pages)
        let point = try instance.checkpoint()
        return try (0..<rounds).map { _ in
            try touch(instance, pages, first: 120)
            let start = monotonicNanoseconds()
            try instance.rollBack(to: point)
            let end = monotonicNanoseconds()
            guard try instance.read(UInt32.self, at: UInt32((120 + pages - 1) * 4096)) == 0 else {
                throw BenchmarkError("a write is left after rolling back")
            }
            return Double(end - start)
        }
    }
}
