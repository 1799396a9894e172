//! Compiled modules on disk: found again, refused when anything is wrong with them, and never an error.

import Compiler
import Foundation
import TestSupport
import Testing

@testable import Mayfly

@Suite("Compilation cache")
struct CompilationCacheTests {
    /// A directory of its own for each test, and a module that no other test compiles.
    private final class Fixture {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("mayfly-\(UUID().uuidString)")
        var cache: CompilationCache

        init() { cache = CompilationCache(directory: directory.appendingPathComponent("a/b").path) }

        deinit { try? FileManager.default.removeItem(at: directory) }

        func engine(_ settings: CodeSettings = .init()) throws -> Engine {
            try Engine(.init(pool: .init(slotCount: 2), code: settings, cache: cache))
        }

        var files: [URL] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: cache.directory)) ?? []
            return names.sorted().map { URL(fileURLWithPath: cache.directory).appendingPathComponent($0) }
        }
    }

    private static func text(_ answer: Int = 42) -> String {
        """
        (module $m (memory 1) (data (i32.const 0) "data") (table 2 funcref) (elem (i32.const 0) $f)
          (func $f (result i32) (i32.const \(answer)))
          (func (export "answer") (result i32) (call_indirect (result i32) (i32.const 0)))
          (func $fail (export "fail") unreachable))
        """
    }

    private static func check(_ module: Module, _ answer: Int32 = 42) throws {
        let instance = try module.template().instantiate()
        #expect(try instance.call("answer") as Int32 == answer)
        let trap = try #require(throws: Trap.self) { try instance.call("fail") }
        #expect(trap.code == .unreachable && trap.backtrace.map(\.functionName) == ["fail"])
    }

    @Test("The second engine loads what the first one compiled")
    func found() throws {
        let fixture = Fixture()
        let first = try fixture.engine()
        let compiled = try first.compile(text: Self.text())
        try Self.check(compiled)
        #expect(first.cacheStatistics == CompilationCacheStatistics(misses: 1))
        #expect(fixture.files.count == 1)
        let second = try fixture.engine()
        let loaded = try second.compile(text: Self.text())
        #expect(second.cacheStatistics == CompilationCacheStatistics(hits: 1))
        try Self.check(loaded)
        #expect(loaded.code == compiled.code)
        #expect(loaded.serialized() == compiled.serialized())
        // The file may go while the module is used.
        try FileManager.default.removeItem(atPath: fixture.cache.directory)
        try Self.check(loaded)
    }

    @Test("Another module, and other settings, are other entries")
    func keys() throws {
        let fixture = Fixture()
        try Self.check(try fixture.engine().compile(text: Self.text(1)), 1)
        try Self.check(try fixture.engine().compile(text: Self.text(2)), 2)
        for settings in [
            CodeSettings(boundsChecks: .explicit), CodeSettings(instructionSet: .baseline),
            CodeSettings(boundsChecks: .explicit, instructionSet: .baseline),
        ] {
            let engine = try fixture.engine(settings)
            let module = try engine.compile(text: Self.text(1))
            #expect(engine.cacheStatistics.misses == 1)
            let again = try fixture.engine(settings)
            #expect(try again.compile(text: Self.text(1)).code == module.code)
            #expect(again.cacheStatistics.hits == 1)
        }
        #expect(fixture.files.count == 5)
    }

    @Test("A file that is cut off, changed, or another module's is removed and compiled again")
    func refused() throws {
        let fixture = Fixture()
        _ = try fixture.engine().compile(text: Self.text())
        let file = fixture.files[0]
        let good = try Data(contentsOf: file)
        _ = try fixture.engine().compile(text: Self.text(7))
        let other = try Data(contentsOf: try #require(fixture.files.first { $0 != file }))
        var damages: [Data] = [Data(), other, good + Data([0])]
        for length in stride(from: 1, to: good.count, by: 97) { damages.append(good.prefix(length)) }
        for position in stride(from: 0, to: good.count, by: 41) {
            var damaged = good
            damaged[position] ^= 0x10
            damages.append(damaged)
        }
        for damage in damages {
            try damage.write(to: file)
            chmod(file.path, 0o600)
            let engine = try fixture.engine()
            try Self.check(try engine.compile(text: Self.text()))
            #expect(engine.cacheStatistics == CompilationCacheStatistics(refusals: 1))
            #expect(try Data(contentsOf: file) == good)
        }
    }

    @Test("What others could have written is not run")
    func trust() throws {
        let fixture = Fixture()
        _ = try fixture.engine().compile(text: Self.text())
        let file = fixture.files[0]
        for mode: mode_t in [0o620, 0o602] {
            chmod(file.path, mode)
            let engine = try fixture.engine()
            try Self.check(try engine.compile(text: Self.text()))
            #expect(engine.cacheStatistics == CompilationCacheStatistics(refusals: 1))
        }
        // A link is not followed, but replaced.
        let elsewhere = fixture.directory.appendingPathComponent("elsewhere")
        try FileManager.default.moveItem(at: file, to: elsewhere)
        try FileManager.default.createSymbolicLink(at: file, withDestinationURL: elsewhere)
        let linked = try fixture.engine()
        try Self.check(try linked.compile(text: Self.text()))
        #expect(linked.cacheStatistics.hits == 0)
        #expect(try file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true)
        chmod(fixture.cache.directory, 0o770)
        let shared = try fixture.engine()
        try Self.check(try shared.compile(text: Self.text()))
        #expect(shared.cacheStatistics.hits == 0 && shared.cacheStatistics.failures == 2)
        var status = stat()
        chmod(fixture.cache.directory, 0o700)
        #expect(stat(file.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test("A directory that cannot be had is no error")
    func noDirectory() throws {
        let fixture = Fixture()
        fixture.cache.directory = "/dev/null/cache"
        let engine = try fixture.engine()
        try Self.check(try engine.compile(text: Self.text()))
        #expect(engine.cacheStatistics == CompilationCacheStatistics(failures: 2))
        #expect(throws: CompileError.self) { try engine.compile([0, 1, 2, 3]) }
    }

    @Test("Invalid modules leave nothing behind")
    func invalid() throws {
        let fixture = Fixture()
        let engine = try fixture.engine()
        #expect(throws: CompileError.self) { try engine.compile(text: "(module (func (result i32)))") }
        #expect(fixture.files.isEmpty)
    }

    @Test("Beyond the limit those unused for the longest time go")
    func limit() throws {
        let fixture = Fixture()
        for answer in 0..<4 {
            _ = try fixture.engine().compile(text: Self.text(answer))
            for file in fixture.files {
                // As if an hour had passed.
                let date = try file.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate!
                try FileManager.default.setAttributes([.modificationDate: date - 3600], ofItemAtPath: file.path)
            }
        }
        let size = try Data(contentsOf: fixture.files[0]).count
        // Used again, so that it is the youngest.
        let reader = try fixture.engine()
        _ = try reader.compile(text: Self.text(0))
        #expect(reader.cacheStatistics.hits == 1)
        fixture.cache.maximumBytes = 3 * size + size / 2
        _ = try fixture.engine().compile(text: Self.text(4))
        #expect(fixture.files.count == 3)
        // Those that are there first: compiling the others takes their places.
        for (answer, isThere) in [(0, true), (3, true), (4, true), (1, false), (2, false)] {
            let engine = try fixture.engine()
            _ = try engine.compile(text: Self.text(answer))
            #expect(engine.cacheStatistics.hits == (isThere ? 1 : 0), "\(answer)")
        }
    }

    @Test("Threads and engines that compile the same module at once get the same code")
    func together() async throws {
        let fixture = Fixture()
        let cache = fixture.cache
        let codes = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<16 {
                group.addTask {
                    let engine = try Engine(.init(pool: .init(slotCount: 2), cache: cache))
                    let module = try engine.compile(text: Self.text())
                    try Self.check(module)
                    #expect(engine.cacheStatistics.refusals == 0 && engine.cacheStatistics.failures == 0)
                    return module.code
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(codes).count == 1)
        #expect(fixture.files.count == 1)
    }

    @Test("Functions have their names in perf's map, compiled or loaded")
    func perfMap() throws {
        let fixture = Fixture()
        let path = "/tmp/perf-\(getpid()).map"
        defer { unlink(path) }
        for _ in 0..<2 {
            unlink(path)
            let engine = try Engine(
                .init(pool: .init(slotCount: 2), cache: fixture.cache, writesPerfMap: true))
            let module = try engine.compile(text: Self.text())
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
                $0.split(separator: " ", maxSplits: 2).map(String.init)
            }
            #expect(
                lines.map { $0[2] } == ["wasm[m]::f", "wasm[m]::function 1", "wasm[m]::fail", "wasm[m]::trampolines"])
            let start = UInt(bitPattern: module.core.codeAddress)
            var end = start
            for line in lines {
                #expect(UInt(line[0], radix: 16) == end)
                end += try #require(UInt(line[1], radix: 16))
            }
            #expect(end == start + UInt(module.codeSize))
        }
    }

    @Test("A compiled file is run where it is mapped, and may be replaced meanwhile")
    func mappedFile() throws {
        let fixture = Fixture()
        try FileManager.default.createDirectory(at: fixture.directory, withIntermediateDirectories: true)
        let file = fixture.directory.appendingPathComponent("module.mayfly")
        let engine = try testEngine.get()
        try Data(try engine.compile(text: Self.text()).serialized()).write(to: file)
        let module = try engine.load(contentsOf: file.path)
        try Data([1, 2, 3]).write(to: file, options: .atomic)
        try Self.check(module)
        #expect(throws: CompileError.artifact(.notAnArtifact)) { try engine.load(contentsOf: file.path) }
        try Data().write(to: file)
        #expect(throws: CompileError.artifact(.notAnArtifact)) { try engine.load(contentsOf: file.path) }
        #expect(throws: CompileError.self) { try engine.load(contentsOf: fixture.directory.path) }
        #expect(throws: CompileError.unreadableFile(path: "/nonexistent", errno: 2)) {
            try engine.load(contentsOf: "/nonexistent")
        }
    }
}
