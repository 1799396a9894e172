//! The specification's core test suite: every file, every command.
//!
//! A command that needs something unsupported is listed by file, with how many there are and why. The list is compared with
//! the one in `unsupported`, so it can neither grow nor shrink unnoticed; a run prints it anew where they differ.

import Compiler
import Foundation
import Mayfly
import Synchronization
import TestSupport
import Testing
import WasmScript
import WasmText

@Suite("Specification suite")
struct SpecificationSuiteTests {
    static let folder = "spec-testsuite"

    /// The files at the top level, by name.
    static let files: [String] = {
        let urls = (try? FileManager.default.contentsOfDirectory(atPath: TestData.url(folder).path)) ?? []
        return urls.filter { $0.hasSuffix(".wast") }.sorted()
    }()

    static func report(of file: String, on engine: Engine) throws -> ScriptRunner.Report {
        let path = TestData.url(folder).appendingPathComponent(file).path
        let bytes = [UInt8](try #require(FileManager.default.contents(atPath: path)))
        var runner = ScriptRunner(engine: engine)
        return runner.run(try Script(parsing: bytes, fileName: path))
    }

    /// As in the list: how many commands are unsupported, and why.
    static func gap(_ report: ScriptRunner.Report) -> String? {
        if report.unsupported.isEmpty { return nil }
        let reasons = Set(report.unsupported.map { String($0.message.prefix { $0 != ":" }) })
        return "\(report.unsupported.count): \(reasons.sorted().joined(separator: "; "))"
    }

    @Test("the suite is complete", .needs(folder))
    func complete() { #expect(Self.files.count >= 257) }

    @Test("every command passes, or needs what the list says", .needs(folder), arguments: files)
    func conforms(_ file: String) throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 600)))
        let report = try Self.report(of: file, on: engine)
        for failure in report.failures { Issue.record("\(file):\(failure.line): \(failure.message)") }
        #expect(Self.gap(report) == UnsupportedCommands.list[file], "\(file)")
        #expect(report.passed > 0 || UnsupportedCommands.list[file] != nil)
    }

    @Test("nothing is missing but exceptions, typed references and garbage collection")
    func reasons() {
        let known: Set = [
            "exception handling is not supported", "garbage-collected types are not supported",
            "typed function references are not supported",
        ]
        for (file, gap) in UnsupportedCommands.list {
            let reasons = gap.drop { $0 != ":" }.dropFirst(2).split(separator: "; ").map(String.init)
            #expect(!reasons.isEmpty && known.isSuperset(of: reasons), "\(file)")
        }
    }

    @Test("the list names no file that is not there", .needs(folder))
    func listIsOfFiles() {
        #expect(Set(UnsupportedCommands.list.keys).isSubset(of: Self.files))
    }

    /// What computes, without AVX and its like.
    @Test(
        "in code for the baseline instruction set", .needs(folder),
        arguments: files.filter { file in
            let prefixes = [
                "simd_", "i16x8_", "i32x4_", "i8x16_", "relaxed_", "i32", "i64", "int_", "f32", "f64", "float_",
            ]
            return (prefixes.contains { file.hasPrefix($0) } || file.hasPrefix("conversions"))
                && UnsupportedCommands.list[file] == nil
        })
    func baseline(_ file: String) throws {
        let engine = try Engine(
            .init(pool: PoolConfiguration(slotCount: 600), code: CodeSettings(instructionSet: .baseline)))
        let report = try Self.report(of: file, on: engine)
        for failure in report.failures { Issue.record("\(file):\(failure.line): \(failure.message)") }
        #expect(report.passed > 0)
    }

    /// Metered code does the same, with as much fuel as there can be.
    @Test("in code that meters fuel", .needs(folder), arguments: files)
    func metered(_ file: String) throws {
        for instructionSet in CodeSettings.InstructionSet.allCases {
            let code = CodeSettings(instructionSet: instructionSet, metersFuel: true)
            let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 600), code: code))
            let report = try Self.report(of: file, on: engine)
            for failure in report.failures {
                Issue.record("\(file):\(failure.line), \(instructionSet): \(failure.message)")
            }
            #expect(Self.gap(report) == UnsupportedCommands.list[file], "\(file)")
        }
    }

    /// What depends on how memories are reset and grow: each file under each pair of policies, modules compiled once.
    @Test(
        "under every reset and growth policy", .needs(folder),
        arguments: files.filter { UnsupportedCommands.list[$0] == nil })
    func policies(_ file: String) throws {
        let path = TestData.url(Self.folder).appendingPathComponent(file).path
        let script = try Script(
            parsing: [UInt8](try #require(FileManager.default.contents(atPath: path))), fileName: path)
        func check(_ pool: PoolConfiguration, _ cache: ScriptRunner.Cache, _ name: String, linksAll: Bool = false)
            throws
        {
            let engine = try Engine(.init(pool: pool))
            var runner = ScriptRunner(engine: engine, cache: cache, linksAll: linksAll)
            // Twice, so that slots are used again.
            for round in 0..<2 {
                for failure in runner.run(script).failures {
                    Issue.record("\(file):\(failure.line), \(name), run \(round): \(failure.message)")
                }
            }
        }
        let cache = ScriptRunner.Cache()
        for reset in KernelFeatures.current.resetPolicies {
            for growth in GrowthPolicy.allCases {
                var pool = PoolConfiguration(slotCount: 600)
                pool.resetPolicy = reset
                pool.growthPolicy = growth
                try check(pool, cache, "\(reset), \(growth)")
            }
        }
        try check(PoolConfiguration(slotCount: 600), cache, "all linked", linksAll: true)
    }

    /// The compiler's decisions taken at random: few registers, needless spills, long jumps, cold blocks.
    @Test("in code made at random", .needs(folder), arguments: files)
    func chaos(_ file: String) throws {
        for seed: UInt64 in 1...3 {
            let code = CodeSettings(
                boundsChecks: seed == 2 ? .explicit : .guardPages, instructionSet: seed == 3 ? .baseline : nil,
                experiment: CompilerExperiment(chaosSeed: seed))
            let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 600), code: code))
            let report = try Self.report(of: file, on: engine)
            for failure in report.failures { Issue.record("\(file):\(failure.line), seed \(seed): \(failure.message)") }
        }
    }

    @Test("with each instance from a snapshot taken right after it was instantiated", .needs(folder), arguments: files)
    func snapshots(_ file: String) throws {
        let path = TestData.url(Self.folder).appendingPathComponent(file).path
        let script = try Script(
            parsing: [UInt8](try #require(FileManager.default.contents(atPath: path))), fileName: path)
        let cache = ScriptRunner.Cache()
        for linksAll in [false, true] {
            let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1200)))
            var runner = ScriptRunner(engine: engine, cache: cache, linksAll: linksAll, takesSnapshots: true)
            let report = runner.run(script)
            for failure in report.failures {
                Issue.record("\(file):\(failure.line), linked: \(linksAll): \(failure.message)")
            }
            #expect(Self.gap(report) == UnsupportedCommands.list[file], "\(file)")
            #expect(report.snapshots > 0 || !script.hasInstances || UnsupportedCommands.list[file] != nil, "\(file)")
        }
    }

    /// Where memories are side by side, with the limit that makes those fit that declare no maximum.
    @Test("in dense slots", .needs(folder), arguments: files)
    func dense(_ file: String) throws {
        let most: UInt64 = 16 << 20
        let engine = try Engine(
            .init(
                pool: PoolConfiguration(
                    slotCount: 600, dense: DenseClass(maximumMemoryBytes: most, slotCount: 600, tableElements: 16_384)))
        )
        let path = TestData.url(Self.folder).appendingPathComponent(file).path
        let bytes = [UInt8](try #require(FileManager.default.contents(atPath: path)))
        var runner = ScriptRunner(engine: engine, memoryLimit: most)
        let script = try Script(parsing: bytes, fileName: path)
        let report = runner.run(script)
        // Lines that grow a memory beyond the limit.
        let expected = ["call.wast": [359], "call_indirect.wast": [603], "memory_grow64.wast": [45, 46]][file] ?? []
        #expect(report.failures.map(\.line) == expected, "\(file): \(report.failures)")
        // That something was tried: where modules are instantiated, and not linked.
        func contains(_ isOne: (Script.Kind) -> Bool) -> Bool { script.commands.contains { isOne($0.kind) } }
        let isLinked = contains { if case .register = $0 { true } else { false } }
        let isInstantiated = contains { if case .module = $0 { true } else { false } }
        // All that this one instantiates needs what an instance must provide.
        let needsInstances = file == "imports1.wast"
        if isInstantiated, !isLinked, !needsInstances, report.unsupported.isEmpty {
            #expect(report.denseSlots > 0, "\(file)")
        }
    }

    @Test("with explicit bounds checks", .needs(folder), arguments: files)
    func explicitBounds(_ file: String) throws {
        let engine = try Engine(
            .init(pool: PoolConfiguration(slotCount: 600), code: CodeSettings(boundsChecks: .explicit)))
        let report = try Self.report(of: file, on: engine)
        for failure in report.failures { Issue.record("\(file):\(failure.line): \(failure.message)") }
    }
}

extension Script {
    /// Whether a module is to be instantiated, and to work.
    fileprivate var hasInstances: Bool {
        commands.contains { command in
            switch command.kind {
            case .module, .instance: true
            default: false
            }
        }
    }
}
