//! Every function of real programs is translated and verified after each pass.

import Foundation
import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Translation: real programs")
struct TranslationCorpusTests {
    /// What the passes made of a module.
    struct Statistics {
        var bytes = 0
        var functions = 0
        var instructions = 0
        var live = 0
        var blocks = 0
        var edges = 0
        var parameters = 0
        var liveParameters = 0
        /// How many of each operation are left.
        var operations: [Compiler.Operation: Int] = [:]
        /// Processor time in nanoseconds.
        var phases: [String: Double] = [:]

        mutating func add(_ function: borrowing IRFunction) {
            functions += 1
            instructions += function.instructions.count
            blocks += function.blocks.count
            edges += function.edges.count
            for id in 0..<function.instructions.count where function.instructions[id].operation != .nop {
                live += 1
                operations[function.instructions[id].operation, default: 0] += 1
            }
            for index in 1..<max(function.blocks.count, 1) {
                let block = function.blocks[index]
                parameters += Int(block.parameterCount)
                for id in block.first..<block.first + block.parameterCount
                where function.instructions[id].operation != .nop {
                    liveParameters += 1
                }
            }
        }
    }

    /// Translates every function; `verify` after each pass.
    static func translate(_ context: ModuleContext, verify: Bool) throws -> Statistics {
        var statistics = Statistics()
        var translator = FunctionTranslator()
        var elimination = DeadCodeElimination()
        var function = IRFunction()
        for body in 0..<context.bodyCount {
            let start = Self.processorTime()
            try translator.translate(body: body, of: context, into: &function)
            let translated = Self.processorTime()
            if verify, let report = IRVerifier.report(function, in: context) {
                Issue.record("function \(function.functionIndex), translated: \(report.prefix(2000))")
                return statistics
            }
            let beginning = Self.processorTime()
            elimination.run(on: &function, in: context)
            let end = Self.processorTime()
            statistics.phases["translation", default: 0] += translated - start
            statistics.phases["elimination", default: 0] += end - beginning
            statistics.bytes += context.range(ofBody: body).count
            statistics.add(function)
            if verify, let report = IRVerifier.report(function, in: context) {
                Issue.record("function \(function.functionIndex), eliminated: \(report.prefix(2000))")
                return statistics
            }
        }
        return statistics
    }

    /// Time that this thread has run, in nanoseconds: other processes do not count.
    static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    static func context(_ path: String) throws -> ModuleContext {
        let module = try DecodedModule(decoding: try TestData.bytes(path))
        return ModuleContext(module)
    }

    @Test("Programs", .needs("corpus"), arguments: ["corpus/qjs.wasm", "corpus/speedtest1.wasm"])
    func corpus(path: String) throws {
        let statistics = try Self.translate(try Self.context(path), verify: true)
        #expect(statistics.functions > 100)
        #expect(statistics.live > statistics.blocks)
    }

    @Test("Benchmarks", .needs("sightglass"))
    func sightglass() throws {
        let files = try TestData.files(in: "sightglass", withExtension: "wasm")
        for file in files {
            let context = ModuleContext(try DecodedModule(decoding: try TestData.bytes(at: file)))
            let statistics = try Self.translate(context, verify: true)
            #expect(statistics.functions == context.bodyCount, "\(file.lastPathComponent)")
        }
    }

    /// Prints times and sizes; meaningful in release builds, and run only when asked for.
    @Test(
        "Time per operator", .needs("corpus", "sightglass"),
        .enabled(if: ProcessInfo.processInfo.environment["MAYFLY_MEASURE"] != nil, "set MAYFLY_MEASURE to measure"),
        arguments: ["corpus/qjs.wasm", "sightglass/sqlite3/sqlite3.wasm", "sightglass/regex/benchmark.wasm"])
    func measure(path: String) throws {
        let context = try Self.context(path)
        var operators = 0
        let shapes = OperatorShape.makeTable()
        let vectors = VectorSignature.makeTable()
        defer {
            shapes.deallocate()
            vectors.deallocate()
        }
        context.module.bytes.withUnsafeBufferPointer { bytes in
            for body in 0..<context.bodyCount {
                let range = context.range(ofBody: body)
                var reader = OperatorReader(
                    start: bytes.baseAddress! + range.lowerBound, end: bytes.baseAddress! + range.upperBound)
                for _ in 0..<reader.readLocalRunCount() { _ = reader.readLocalRun() }
                while !reader.atEnd {
                    reader.skipImmediates(of: shapes[Int(reader.readByte())].kind, vectors: vectors)
                    operators += 1
                }
            }
        }
        var best: [String: Double] = [:]
        var statistics = Statistics()
        for _ in 0..<7 {
            statistics = try Self.translate(context, verify: false)
            for (phase, duration) in statistics.phases {
                best[phase] = min(best[phase] ?? .infinity, duration)
            }
        }
        #expect(operators > 0)
        print("\(path): \(statistics.functions) functions, \(statistics.bytes) bytes, \(operators) operators")
        for (phase, nanoseconds) in best.sorted(by: { $0.key > $1.key }) {
            print("  \(phase): \(nanoseconds / 1e6) ms, \(nanoseconds / Double(operators)) ns per operator")
        }
        let frequent = statistics.operations.sorted { $0.value > $1.value }.prefix(40)
        print("  " + frequent.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        print(
            "  \(statistics.instructions) instructions, \(statistics.live) live, \(statistics.blocks) blocks,",
            "\(statistics.edges) edges, \(statistics.parameters) parameters, \(statistics.liveParameters) live")
    }
}
