//! `mayfly-bench hostile`: compile time and memory of functions that are made to take much of both.
//!
//! Each shape is compiled at a quarter, at half and at its full size, on one thread. What matters is how the time grows: by two
//! where the size does, if the compiler is linear in it. A shape may be refused; that is an answer, and a quick one. Memory is
//! that of a process which compiles one module and nothing else.

import ArgumentParser
import Mayfly
import TestSupport

struct HostileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hostile",
        abstract: "Compile time and memory of functions that make careless algorithms quadratic.",
        discussion: """
            Columns: milliseconds at a quarter, half and the full size; nanoseconds per byte of the body at full size; by what \
            the time grew when the size doubled last; mebibytes that this takes, and by what they grew; the peer's \
            milliseconds at full size. "refused" says that the function exceeds a limit.

            Shapes: \(HostileShape.all.map(\.name).joined(separator: "; ")).
            """)

    @OptionGroup var common: CommonOptions

    @Option(name: .customLong("repeat"), help: "Compilations at each size; the fastest counts.")
    var repetitions = 3

    @Option(help: ArgumentHelp("Compile one shape once: what memory is measured with.", visibility: .hidden))
    var compileOnly: String?

    func validate() throws {
        if repetitions < 1 { throw ValidationError("--repeat must be positive") }
        if common.json != nil { throw ValidationError("there is no JSON of this command") }
    }

    func run() throws {
        if let compileOnly { return try Self.compile(compileOnly) }
        let (contenders, hasMayfly) = try common.contenders()
        let peers = contenders.dropFirst(hasMayfly ? 1 : 0)
        printLine("", Self.columns + peers.map(\.name))
        for (number, shape) in HostileShape.all.enumerated() {
            let full = common.quick ? max(shape.fullSize / 100, 8) : shape.fullSize
            var refusals: [String] = []
            var cells = [String](repeating: "-", count: Self.columns.count)
            if hasMayfly { cells = try row(number, full: full, contenders[0], &refusals) }
            for peer in peers { cells.append(Self.milliseconds(fastest(shape.module(size: full), peer, &refusals))) }
            printLine(shape.name, cells)
            if let refusal = refusals.first { printNow("    refused: \(refusal)") }
        }
    }

    private static let columns = ["1/4", "1/2", "full", "ns/byte", "growth", "MiB", "growth"]
    private static let nameWidth = 52
    private static let numberWidth = 10

    private func printLine(_ name: String, _ cells: [String]) {
        printNow(pad(name, Self.nameWidth) + cells.map { padLeft($0, Self.numberWidth) }.joined())
    }

    private static func milliseconds(_ nanoseconds: Double?) -> String {
        nanoseconds.map { fixed($0 / 1e6, 1) } ?? "refused"
    }

    /// What there is to say of a shape, in the order of `columns`.
    private func row(
        _ number: Int, full: Int, _ contender: any Contender, _ refusals: inout [String]
    ) throws -> [String] {
        let modules = [full / 4, full / 2, full].map { HostileShape.all[number].module(size: $0) }
        let times = modules.map { fastest($0, contender, &refusals) }
        var cells = times.map(Self.milliseconds)
        if let half = times[1], let last = times[2] {
            cells += [fixed(last / Double(modules[2].count), 1), fixed(last / half, 2)]
        } else {
            cells += ["-", "-"]
        }
        // The smallest size that is a valid function of every shape.
        let peaks = try [2, full / 2, full].map { try peak(number, size: $0) }
        if let empty = peaks[0], let half = peaks[1], let last = peaks[2] {
            cells += [fixed((last - empty) / 1_048_576, 1), fixed((last - empty) / max(half - empty, 1), 2)]
        } else {
            cells += ["-", "-"]
        }
        return cells
    }

    /// In nanoseconds; nil if it is refused.
    private func fastest(_ module: [UInt8], _ contender: any Contender, _ refusals: inout [String]) -> Double? {
        var best: Double?
        do {
            for _ in 0..<(common.quick ? 1 : repetitions) {
                best = min(best ?? .infinity, try contender.compile(module, parallel: false))
            }
        } catch {
            refusals.append("\(contender.name): \(error)")
            return nil
        }
        return best
    }

    /// The most memory that a process of its own takes which compiles a module of this size and nothing else, in bytes; nil if
    /// it fails.
    private func peak(_ shape: Int, size: Int) throws -> Double? {
        try withScratchDirectory { directory in
            let path = "\(directory)/peak"
            let command = ["/proc/self/exe", "hostile", "--no-peer", "--compile-only", "\(shape):\(size):\(path)"]
            guard let child = try ChildProcess(command), child.status(within: 60) == 0 else { return nil }
            return Double(String(decoding: try readFile(path), as: UTF8.self))
        }
    }

    /// The process of `peak`.
    private static func compile(_ request: String) throws {
        let parts = request.split(separator: ":", maxSplits: 2)
        guard parts.count == 3, let number = Int(parts[0]), let size = Int(parts[1]),
            HostileShape.all.indices.contains(number)
        else { throw ValidationError("--compile-only takes NUMBER:SIZE:PATH") }
        let module = HostileShape.all[number].module(size: size)
        _ = try MayflyContender(pool: PoolConfiguration(slotCount: 1)).compile(module, parallel: false)
        try writeFile(String(parts[2]), "\(residentPeak() ?? .nan)")
    }
}
