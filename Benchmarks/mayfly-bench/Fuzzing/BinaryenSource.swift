//! Programs that Binaryen makes: `wasm-opt --translate-to-fuzz` turns any bytes into a valid module.
//!
//! Its modules have what the project's own generator has no notion of: vectors, code behind branches, nests that nobody
//! would write, and after `-O` the shapes that real modules have. The bytes come from the program's number; the same
//! number gives the same program as long as `wasm-opt` is of the same version.
//!
//! Making a program takes longer than running it, so the next one is made meanwhile, on another processor.

import Glibc
import TestSupport

final class BinaryenSource: ProgramSource {
    let name = "binaryen"

    /// Features that Mayfly has and this generator keeps to. Not reference types: with them version 108 makes
    /// `anyref` and casts of references, of the proposal for garbage collection, in almost every module.
    private static let features = [
        "--mvp-features", "--enable-simd", "--enable-bulk-memory", "--enable-sign-ext", "--enable-mutable-globals",
        "--enable-nontrapping-float-to-int", "--enable-multivalue", "--enable-tail-call",
    ]
    /// Half of the programs are left as they were made, for no optimizer leaves a value unused or a branch to nowhere.
    private static let optimizations = ["-O1", "-O2", "-O3", "-O4", "-Os", "-Oz", "--fuzz-passes"]
    /// What takes longer is a hanging optimizer.
    private static let secondsToMake = 20.0

    private let directory: String
    private var pending: (number: UInt64, process: ChildProcess)?

    /// Nil where there is no `wasm-opt` on the PATH.
    ///
    /// - Parameter directory: for files that live as long as this.
    init?(in directory: String) throws {
        self.directory = directory
        guard let process = try ChildProcess(["wasm-opt", "--version"]) else { return nil }
        guard process.status(within: Self.secondsToMake) == 0 else {
            throw BenchmarkError("wasm-opt --version failed")
        }
    }

    func program(_ number: UInt64) throws -> FuzzedProgram {
        let process = try pending.flatMap { $0.number == number ? $0.process : nil } ?? start(number)
        let status = process.status(within: Self.secondsToMake)
        let bytes = status == 0 ? try readFile(output(number)) : []
        unlink(input(number))
        unlink(output(number))
        pending = (number + 1, try start(number + 1))
        guard let status else { throw ProgramSkipped("wasm-opt took too long") }
        guard status == 0 else { throw ProgramSkipped("wasm-opt failed") }
        return try FuzzedProgram(number: number, bytes: comparableModule(bytes))
    }

    private func start(_ number: UInt64) throws -> ChildProcess {
        var random = SeededGenerator(seed: number)
        let count = 200 + random.below(random.oneIn(3) ? 20_000 : 4000)
        let optimizations = random.oneIn(2) ? [] : [random.pick(Self.optimizations)]
        try writeFile(input(number), (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        let arguments = ["wasm-opt", "--translate-to-fuzz", input(number), "-o", output(number)]
        guard let process = try ChildProcess(arguments + Self.features + optimizations) else {
            throw BenchmarkError("wasm-opt is gone from the PATH")
        }
        return process
    }

    private func input(_ number: UInt64) -> String { "\(directory)/\(number).bytes" }
    private func output(_ number: UInt64) -> String { "\(directory)/\(number).wasm" }
}
