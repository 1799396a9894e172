//! `mayfly info`: what this machine offers, and what an engine makes of it.

import ArgumentParser
import Mayfly
import Runtime

/// Reads one of an enumeration's names.
private func named<Name: RawRepresentable<String> & CaseIterable>(_ text: String) throws -> Name {
    guard let value = Name(rawValue: text) else {
        throw ValidationError("'\(text)' is none of \(Name.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return value
}

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show what this machine offers and how instances are reset on it.",
        discussion: """
            The kernel is asked by trying: what is shown is what works here, not what its version promises. Costs were \
            measured just now, in a few dozen repetitions, and are rough.

            RESET POLICIES
              discard  everything a guest wrote to is given back to the kernel; works everywhere
              scan     the kernel says which pages were written (PAGEMAP_SCAN), and those are copied back
              track    as scan, but asks only if the thread had a page fault since before the run

            GROWTH POLICIES
              protect      reserved pages are made accessible
              privateFile  a file behind the memory is made longer, its pages are copied when written
              sharedFile   the same, its pages are written themselves

            EXIT CODES
            \(CommandFailure.exitCodeTable)
            """)

    @Option(help: ArgumentHelp("Reset instances this way instead of the best.", valueName: "policy"), transform: named)
    var resetPolicy: ResetPolicy?

    @Option(help: ArgumentHelp("Grow memories this way.", valueName: "policy"), transform: named)
    var growthPolicy = GrowthPolicy.protect

    func run() throws {
        let processor = ProcessorFeatures.present
        let missing = processor.missing(for: .v3).joined(separator: ", ")
        print("processor: \(missing.isEmpty ? "has all that the fastest code needs" : "lacks \(missing)")")
        switch processor.instructionSet {
        case .v3: print("instruction set: v3 (AVX2, FMA, BMI1, BMI2, LZCNT, POPCNT)")
        case .baseline: print("instruction set: baseline (SSE4.1)")
        case nil: print("instruction set: none, SSE4.1 is the least")
        }
        print("cache: \(CompilationCache.standard?.directory ?? "none, neither XDG_CACHE_HOME nor HOME is set")")
        let features = KernelFeatures.current
        let costs = features.costs
        print(
            """
            kernel: finds written pages (PAGEMAP_SCAN): \(yes(features.scansPages))
                    counts a thread's page faults: \(yes(features.countsFaults))
                    populates pages on demand (MADV_POPULATE_WRITE): \(yes(features.populates))
            costs: write to a page not present \(costs.fault) ns, page copied \(costs.copy) ns
                   discarding 64 pages \(costs.discard) ns, finding them \(costs.scan) ns, fault counter \(costs.reading) ns
            best reset policy: \(features.resetPolicy)
            """)
        var configuration = Engine.Configuration()
        configuration.pool.resetPolicy = resetPolicy
        configuration.pool.growthPolicy = growthPolicy
        do {
            let engine = try Engine(configuration)
            let pool = engine.poolStatistics
            print(
                """
                engine: reset policy \(pool.resetPolicy), growth policy \(pool.growthPolicy), \(pool.slots) slots
                        up to \(configuration.pool.warmBytes >> 20) MiB stay warm\(idleText(configuration.pool.idleTime))
                """)
        } catch {
            let failure = CommandFailure(error, module: "")
            writeToStandardError("mayfly: \(failure.message)\n")
            throw ExitCode(failure.code.rawValue)
        }
    }

    private func yes(_ value: Bool) -> String { value ? "yes" : "no" }

    private func idleText(_ time: Duration?) -> String { time.map { ", for \($0) after their last use" } ?? "" }
}
