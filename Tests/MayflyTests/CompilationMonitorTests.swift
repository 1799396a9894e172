//! Compilations can be followed: how far they are, and what took how long.

import Mayfly
import TestSupport
import Testing

@Suite("Compilation monitor")
struct CompilationMonitorTests {
    private static let functionCount = 100

    private func module() -> [UInt8] {
        var builder = WasmBuilder()
        for index in 0..<Self.functionCount {
            builder.function("f\(index)", [.i32], [.i32]) { $0.localGet(0).i32Const(Int32(index)).i32Add() }
        }
        return builder.build()
    }

    @Test("Afterwards all functions are done, and each step has its time", arguments: [1, 2])
    func times(threads: Int) throws {
        let engine = try Engine(.init(pool: .init(slotCount: 1), compilationThreads: threads))
        let monitor = CompilationMonitor(takesTimes: true)
        #expect(monitor.functionCount == 0 && monitor.timings == CompilationMonitor.Timings())
        let compiled = try engine.compile(module(), monitor: monitor)
        #expect(monitor.functionCount == Self.functionCount && monitor.compiledFunctionCount == Self.functionCount)
        let timings = monitor.timings
        for step in CompilationMonitor.Step.allCases { #expect(timings[step] > 0, "\(step.name)") }
        #expect(timings.total == CompilationMonitor.Step.allCases.reduce(0) { $0 + timings[$1] })
        #expect(timings.functions == Self.functionCount && timings.threads == threads)
        // local.get, i32.const, i32.add, end
        #expect(timings.operators == 4 * Self.functionCount)
        #expect(timings.codeBytes > 0 && timings.codeBytes < compiled.codeSize)
    }

    @Test("Who asks for no times gets none, but hears how far it is")
    func withoutTimes() throws {
        let monitor = CompilationMonitor()
        _ = try Engine(.init(pool: .init(slotCount: 1))).compile(module(), monitor: monitor)
        #expect(monitor.compiledFunctionCount == Self.functionCount)
        #expect(monitor.timings == CompilationMonitor.Timings())
    }

    @Test("What follows a compilation changes nothing of what it makes")
    func sameCode() throws {
        let engine = try Engine(.init(pool: .init(slotCount: 1)))
        let followed = try engine.compile(module(), monitor: CompilationMonitor(takesTimes: true))
        #expect(try engine.compile(module()).serialized() == followed.serialized())
    }

    @Test("A module that fails has functions left")
    func failure() throws {
        var builder = WasmBuilder()
        for index in 0..<Self.functionCount {
            builder.function("f\(index)", [], [.i32]) { if index != 7 { $0.i32Const(1) } }
        }
        let monitor = CompilationMonitor(takesTimes: true)
        let engine = try Engine(.init(pool: .init(slotCount: 1), compilationThreads: 1))
        #expect(throws: CompileError.self) { try engine.compile(builder.build(), monitor: monitor) }
        #expect(monitor.functionCount == Self.functionCount && monitor.compiledFunctionCount == 7)
    }
}
