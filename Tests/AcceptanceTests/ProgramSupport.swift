//! Real programs under WASI, run to their end, and what they wrote.

import Mayfly
import MayflyWASI
import TestSupport

/// A program that has ended.
struct FinishedProgram {
    var exitCode: UInt32
    var standardOutput: [UInt8]
    var standardError: [UInt8]
    /// The calls of `bench.start` and `bench.end`, in order.
    var marks: [String]

    var text: String { String(decoding: standardOutput, as: UTF8.self) }
    var errorText: String { String(decoding: standardError, as: UTF8.self) }
}

private struct ProgramState {
    let wasi: WASI
    var marks: [String] = []
}

/// Runs a program of the shared test data in a fresh instance, its output kept.
///
/// - Parameters:
///   - path: beneath the folder of test data.
///   - arguments: without the program's name.
func runProgram(
    _ path: String, _ arguments: [String] = [], configure: (inout WASI.Configuration) throws -> Void = { _ in }
) throws -> FinishedProgram {
    var imports = Imports<ProgramState>()
    imports.defineWASI { $0.wasi }
    imports.define("bench", "start") { caller in caller.state.marks.append("start") }
    imports.define("bench", "end") { caller in caller.state.marks.append("end") }
    let template = try sharedEngine.get().compile(TestData.bytes(path)).template(imports: imports)
    var configuration = WASI.Configuration()
    configuration.arguments = ["program"] + arguments
    configuration.standardOutput = .capture
    configuration.standardError = .capture
    try configure(&configuration)
    return try template.withInstance(state: ProgramState(wasi: WASI(configuration))) { (instance) throws in
        let code = try WASI.run(instance)
        let wasi = instance.state.wasi
        return FinishedProgram(
            exitCode: code, standardOutput: wasi.takeStandardOutput(), standardError: wasi.takeStandardError(),
            marks: instance.state.marks)
    }
}
