//! Compiled modules as bytes: they load without compiling, and damage is found.

import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite struct ArtifactTests {
    private func makeModule(on engine: Engine? = nil) throws -> Module {
        var builder = WasmBuilder()
        builder.importFunction("env", "twice", [.i32], [.i32])
        builder.memory(1, export: "memory")
        builder.data(at: 4, [1, 2, 3])
        builder.type([.f64, .f64], [])
        builder.table(.funcref, 2)
        builder.table(.funcref, 3)
        let run = builder.function("run", [.i32], [.i32]) { $0.localGet(0).call(0).i32Const(1).i32Add() }
        builder.function("fail", [], []) { $0.unreachable().i32Const(0).refNull(.funcref).tableSet(1) }
        builder.name(function: run, "run")
        return try (engine ?? testEngine.get()).compile(builder.build())
    }

    @Test func aLoadedModuleIsTheCompiledOne() throws {
        let module = try makeModule()
        let bytes = module.serialized()
        let loaded = try testEngine.get().load(compiled: bytes)
        #expect(loaded.serialized() == bytes)
        #expect(loaded.imports == module.imports)
        #expect(loaded.exports == module.exports)
        #expect(loaded.code == module.code)
        #expect(loaded.core.code.writtenTables == [false, true])
        var imports = Imports<Void>()
        imports.define("env", "twice") { (_, x: Int32) in 2 * x }
        try loaded.template(imports: imports).withInstance { (instance) throws in
            let result: Int32 = try instance.call("run", 20)
            #expect(result == 41)
            #expect(try instance.readBytes(at: 4, count: 3) == [1, 2, 3])
            let trap = #expect(throws: Trap.self) { try instance.call("fail") }
            #expect(trap?.code == .unreachable)
        }
    }

    @Test func damageIsFoundWhereverItIs() throws {
        let engine = try testEngine.get()
        let bytes = try makeModule().serialized()
        func error(_ bytes: [UInt8]) -> CompileError? {
            do throws(CompileError) {
                _ = try engine.load(compiled: bytes)
                return nil
            } catch { return error }
        }
        #expect(error(bytes) == nil)
        #expect(error([]) == .artifact(.notAnArtifact))
        #expect(error(Array("\0asm\u{1}\0\0\0".utf8)) == .artifact(.notAnArtifact))
        for length in 0..<bytes.count { #expect(error(Array(bytes[..<length])) != nil) }
        #expect(error(bytes + [0]) == .artifact(.corrupted))
        // Every byte, but of the zeros between tables and code only some.
        let text = try ParsedArtifact.textOffset(bytes)
        for position in bytes.indices where position < 1000 || position >= text || position % 16 == 0 {
            var damaged = bytes
            damaged[position] ^= 1 << (position % 8)
            #expect(error(damaged) != nil, "bit flipped in byte \(position)")
        }
        var version = bytes
        version[8] &+= 1
        #expect(error(version) == .artifact(.versionMismatch))
        var features = bytes
        features[23] |= 0x80
        #expect(error(features) == .artifact(.processorMismatch))
    }

    @Test func theReportOfWrittenTablesIsAsLongAsTheModuleHasTables() throws {
        let module = try makeModule()
        for report in [[], [true], [false, true, true]] {
            var artifact = Artifact(module: module.core)
            artifact.code.writtenTables = report
            #expect(throws: CompileError.artifact(.corrupted)) {
                try testEngine.get().load(compiled: artifact.serialized())
            }
        }
    }

    @Test func codeForLesserProcessorsRunsHereToo() throws {
        let baseline = try Engine(
            .init(pool: .init(slotCount: 2), code: CodeSettings(instructionSet: .baseline)))
        let bytes = try makeModule(on: baseline).serialized()
        #expect(try bytes != makeModule().serialized())
        let loaded = try testEngine.get().load(compiled: bytes)
        #expect(loaded.core.code.settings.instructionSet == .baseline)
        #expect(loaded.serialized() == bytes)
        var imports = Imports<Void>()
        imports.define("env", "twice") { (_, x: Int32) in 2 * x }
        try loaded.template(imports: imports).withInstance { (instance) throws in
            let result: Int32 = try instance.call("run", 20)
            #expect(result == 41)
        }
    }

    @Test func theInstructionSetFitsTheFeaturesNeeded() throws {
        for (instructionSet, other) in [
            (CodeSettings.InstructionSet.v3, CodeSettings.InstructionSet.baseline), (.baseline, .v3),
        ] {
            let engine = try Engine(
                .init(pool: .init(slotCount: 2), code: CodeSettings(instructionSet: instructionSet)))
            var bytes = try makeModule(on: engine).serialized()
            func features(_ instructionSet: CodeSettings.InstructionSet) -> [UInt8] {
                withUnsafeBytes(of: ProcessorFeatures.needed(by: instructionSet).rawValue) { Array($0) }
            }
            #expect(Array(bytes[20..<24]) == features(instructionSet))
            // The processor has these as well, but they are not what such code needs.
            bytes.replaceSubrange(20..<24, with: features(other))
            #expect(throws: CompileError.artifact(.corrupted)) { try testEngine.get().load(compiled: bytes) }
        }
    }

    @Test func inspectionDescribesTheModule() throws {
        let module = try makeModule()
        #expect(module.functions.map(\.name) == ["run", nil])
        #expect(module.functions.map(\.index) == [1, 2])
        #expect(module.functions[0].codeRange.upperBound == module.functions[1].codeRange.lowerBound)
        #expect(module.functions[1].codeRange.upperBound <= module.codeSize)
        #expect(module.code.count == module.codeSize)
        #expect(module.initialMemorySize == 65536)
        #expect(module.dataSize == 3)
        #expect(
            module.exports.map(\.type.description) == [
                "memory, 1 or more pages", "function (i32) -> i32", "function () -> ()",
            ])
    }

    @Test func aFileThatCannotBeReadIsNamed() throws {
        let engine = try testEngine.get()
        #expect(throws: CompileError.unreadableFile(path: "/nonexistent.wasm", errno: 2)) {
            try engine.compile(contentsOf: "/nonexistent.wasm")
        }
        #expect(throws: CompileError.self) { try engine.compile(contentsOf: "/") }
    }

    @Test func modulesLeaveNothingBehind() throws {
        // Code ranges and signatures are given back with the last user.
        let engine = try Engine(.init(pool: .init(slotCount: 2)))
        for _ in 0..<3 {
            var template: Template<Void>? = try {
                var builder = WasmBuilder()
                builder.function("f", [.i64, .f32], [.i64]) { $0.localGet(0) }
                return try engine.compile(builder.build()).template()
            }()
            #expect(try template?.withInstance { try $0.call("f", Int64(4), Float(1)) as Int64 } == 4)
            #expect(engine.core.signatureCount == 1)
            template = nil
            #expect(engine.core.signatureCount == 0)
        }
    }
}

extension ParsedArtifact {
    fileprivate static func textOffset(_ bytes: [UInt8]) throws -> Int {
        try bytes.withUnsafeBytes { try ParsedArtifact($0).text.lowerBound }
    }
}
