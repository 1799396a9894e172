//! Options of the commands that measure fresh-instance cycles.

import ArgumentParser
import Mayfly

/// Reads one of an enumeration's names.
private func named<Name: RawRepresentable<String> & CaseIterable>(_ text: String) throws -> Name {
    guard let value = Name(rawValue: text) else {
        throw ValidationError("'\(text)' is none of \(Name.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return value
}

struct CycleOptions: ParsableArguments {
    @Option(help: "Seconds of timed cycles per case and engine.")
    var seconds = 1.0

    @Option(
        help: ArgumentHelp(
            "Bytes of each memory that the tuned peer cleans by copying instead of giving them back to the kernel.",
            valueName: "bytes"))
    var peerKeepResident = 4096

    @Option(
        help: ArgumentHelp(
            "Slots that the tuned peer gives back to the kernel at once (in a small pool at most its share per thread).",
            valueName: "count"))
    var peerDecommitBatch = 8

    @Option(
        help: ArgumentHelp(
            "Unused slots that the tuned peer leaves ready for the module they had. (default: Wasmtime's)",
            valueName: "count"))
    var peerWarmSlots: Int?

    @Option(
        help: ArgumentHelp("How Mayfly resets slots. (default: the best the kernel has)", valueName: "policy"),
        transform: named)
    var resetPolicy: ResetPolicy?

    @Option(help: ArgumentHelp("How Mayfly's memories grow.", valueName: "policy"), transform: named)
    var growthPolicy = GrowthPolicy.protect

    @Flag(help: "Leave the tuned peer out.")
    var noTunedPeer = false

    @Option(help: ArgumentHelp("The folder of the package's guests.", valueName: "directory"))
    var guests = Guests.defaultDirectory

    func validate() throws {
        if !(seconds > 0) { throw ValidationError("--seconds must be positive") }
        if peerKeepResident < 0 || peerDecommitBatch < 1 {
            throw ValidationError("--peer-keep-resident must not be negative, --peer-decommit-batch must be positive")
        }
        if let peerWarmSlots, UInt32(exactly: peerWarmSlots) == nil {
            throw ValidationError("--peer-warm-slots must be from 0 to 4294967295")
        }
    }

    /// All contenders, and a report with their columns.
    func comparison(_ common: CommonOptions, threads: [Int] = [1]) throws -> (CycleComparison, Report) {
        let tuning = PoolTuning(
            keepResident: peerKeepResident, decommitBatch: peerDecommitBatch, warmSlots: peerWarmSlots)
        var pool = PoolConfiguration()
        pool.resetPolicy = resetPolicy
        pool.growthPolicy = growthPolicy
        let (contenders, hasMayfly) = try common.contenders(tuned: noTunedPeer ? nil : tuning, pool: pool)
        let report = Report(peers: contenders.dropFirst(hasMayfly ? 1 : 0).map(\.name))
        if report.peers.count > 1 { print("tuned peer: \(tuning)") }
        let comparison = CycleComparison(
            contenders: contenders, hasMayfly: hasMayfly, seconds: common.quick ? min(seconds, 0.1) : seconds,
            threads: threads)
        return (comparison, report)
    }
}

/// How many threads run cycles at once: `2`, or several counts to be measured one after the other, `1,2`.
struct ThreadCounts: ExpressibleByArgument, Equatable {
    var counts: [Int]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        counts = parts.compactMap { Int($0) }
        guard counts.count == parts.count, counts.allSatisfy((1...256).contains) else { return nil }
    }

    var defaultValueDescription: String { counts.map(String.init).joined(separator: ",") }
}
