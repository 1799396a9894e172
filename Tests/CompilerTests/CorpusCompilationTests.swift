//! Every function of real programs goes through all passes with all checks on: the IR verifier after translation and the
//! symbolic checker on what the register allocator answers.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Compiling real programs")
struct CorpusCompilationTests {
    @Test("Sightglass: every allocation is proved right", .needs("sightglass"))
    func sightglass() throws {
        for url in try TestData.files(in: "sightglass", withExtension: "wasm") {
            let module = try DecodedModule(decoding: TestData.bytes(at: url))
            let code = try ModuleCompiler.compile(module, threads: 2, isChecking: true)
            #expect(code.functionOffsets.count == module.bodies.count)
        }
    }

    @Test("Corpus: every allocation is proved right", .needs("corpus"))
    func corpus() throws {
        for url in try TestData.files(in: "corpus", withExtension: "wasm") {
            let module = try DecodedModule(decoding: TestData.bytes(at: url))
            let code = try ModuleCompiler.compile(module, threads: 2, isChecking: true)
            #expect(code.functionOffsets.count == module.bodies.count)
        }
    }

    @Test("Sightglass: allocations made at random are right, too", .needs("sightglass"))
    func chaos() throws {
        let settings = CodeSettings(experiment: CompilerExperiment(chaosSeed: 5))
        for url in try TestData.files(in: "sightglass", withExtension: "wasm") {
            let bytes = try TestData.bytes(at: url)
            // Large ones have more of the same, and the checks take their time.
            guard bytes.count < 200_000 else { continue }
            let module = try DecodedModule(decoding: bytes)
            let code = try ModuleCompiler.compile(module, settings: settings, threads: 2, isChecking: true)
            #expect(code.functionOffsets.count == module.bodies.count)
        }
    }

    @Test("The number of threads makes no difference", .needs("sightglass"))
    func determinism() throws {
        let bytes = try TestData.bytes("sightglass/bz2/benchmark.wasm")
        let module = try DecodedModule(decoding: bytes)
        let one = try ModuleCompiler.compile(module, threads: 1)
        let two = try ModuleCompiler.compile(module, threads: 2)
        #expect(one.text == two.text)
        #expect(one.trapOffsets == two.trapOffsets)
        #expect(one.sourceOffsets == two.sourceOffsets)
        // Nor does it for decisions at random, which are others for each seed.
        let texts = try [(seed: UInt64(1), threads: 1), (1, 2), (2, 2)].map { seed, threads in
            let settings = CodeSettings(experiment: CompilerExperiment(chaosSeed: seed))
            return try ModuleCompiler.compile(module, settings: settings, threads: threads).text
        }
        #expect(texts[0] == texts[1])
        #expect(texts[0] != one.text && texts[0] != texts[2])
    }
}
