//! `mayfly-bench`: Mayfly's times, beside those of another engine measured in the same process.

import ArgumentParser
import Glibc
import Mayfly

@main
struct MayflyBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mayfly-bench",
        abstract: "Measures Mayfly, and Wasmtime beside it where its shared library is found.",
        discussion: """
            Both engines work by turns in this process, and ratios are Mayfly's median divided by the peer's. Absolute \
            times drift with the machine; compare ratios of one run.

            The peer is Wasmtime 50's C library: --peer LIB, else the environment's \
            \(PeerSearch.environmentVariable), else a .venv-peers folder here or above, made with
              python3 -m venv .venv-peers && .venv-peers/bin/pip install wasmtime==50.0.1
            """,
        subcommands: [
            CycleCommand.self, SizeCommand.self, SightglassCommand.self, CompileCommand.self,
            CallsCommand.self, FuzzCommand.self, SIMDCommand.self, OptimizationsCommand.self, HostileCommand.self,
            ProgramsCommand.self, SnapshotCommand.self, DensityCommand.self, WASICommand.self,
            ServingCommand.self, FuelCommand.self,
        ])
}

/// Options of every command.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Wasmtime's shared library.", valueName: "lib"))
    var peer: String?

    @Flag(help: "Measure Mayfly alone, even where a peer is found.")
    var noPeer = false

    @Flag(help: "Measure the peer alone.")
    var peerOnly = false

    @Option(help: ArgumentHelp("Write the medians to a file, as JSON.", valueName: "file"))
    var json: String?

    @Flag(help: "Fewer repetitions: a check that everything runs, not a measurement.")
    var quick = false

    func validate() throws {
        if noPeer && (peerOnly || peer != nil) {
            throw ValidationError("--no-peer contradicts --peer and --peer-only")
        }
    }

    /// The library, or nil where none is found or wanted.
    func peerLibrary() throws -> WasmtimeLibrary? {
        guard !noPeer, let path = PeerSearch.find(named: peer) else {
            if peerOnly { throw BenchmarkError("no peer found; name its library with --peer") }
            return nil
        }
        print("peer: \(path)")
        return try WasmtimeLibrary(path: path)
    }

    /// Mayfly where it is wanted, then the peer's configurations.
    func contenders(
        tuned: PoolTuning? = nil, pool: PoolConfiguration = PoolConfiguration()
    ) throws -> (all: [any Contender], hasMayfly: Bool) {
        print("machine: \(machineDescription())")
        var contenders: [any Contender] = peerOnly ? [] : [try MayflyContender(pool: pool)]
        if let library = try peerLibrary() {
            contenders.append(try WasmtimeContender(library, name: "peer", poolTuning: PoolTuning()))
            if let tuned { contenders.append(try WasmtimeContender(library, name: "tuned peer", poolTuning: tuned)) }
        }
        return (contenders, !peerOnly)
    }

    func write(_ report: Report) throws {
        if let json { try writeFile(json, report.json) }
    }
}

/// Prints a line at once, even into a pipe: a long run should be watched.
func printNow(_ line: String) {
    print(line)
    fflush(nil)
}

/// The processor and the system, for whoever reads the numbers elsewhere.
func machineDescription() -> String {
    let processor = (try? readFile("/proc/cpuinfo")).map { String(decoding: $0, as: UTF8.self) }?
        .split(separator: "\n").first { $0.hasPrefix("model name") }?
        .split(separator: ":").last.map { $0.drop { $0 == " " } }
    var system = utsname()
    uname(&system)
    let release = withUnsafeBytes(of: &system.release) { field in
        String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }
    let count = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    return "\(processor ?? "unknown processor"), \(count) processors, Linux \(release)"
}
