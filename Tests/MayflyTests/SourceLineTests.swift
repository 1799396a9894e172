//! Backtraces with lines of source: modules that clang compiled from C (`Tests/Fixtures/SourceLines/`), as they come out
//! of the compiler and through compiled files.

import Foundation
import TestSupport
import Testing

@testable import Mayfly

@Suite("Lines of source in backtraces") struct SourceLineTests {
    /// How a module gets into the engine.
    enum Way: CaseIterable { case compiled, loaded }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/SourceLines")

    /// The line of a source that ends in a mark.
    private static func line(_ mark: String, of file: String) throws -> Int {
        let lines = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
        return try #require(lines.firstIndex { $0.hasSuffix("// \(mark)") }) + 1
    }

    private static func module(_ version: Int, _ way: Way) throws -> Module {
        let engine = try testEngine.get()
        let bytes = try TestData.bytes(at: folder.appendingPathComponent("ledger-dwarf\(version).wasm"))
        let module = try engine.compile(bytes)
        return way == .compiled ? module : try engine.load(compiled: module.serialized())
    }

    private static func trap(
        _ template: Template<Void>, _ body: (borrowing Instance<Void>) throws -> Void
    ) throws -> Trap {
        try #require(throws: Trap.self) { try template.withInstance { try body($0) } }
    }

    private static func places(_ trap: Trap) -> [String] {
        trap.backtrace.map { "\($0.functionName ?? "?") \($0.file ?? "?"):\($0.line ?? 0)" }
    }

    @Test("every frame has the line of its call, the innermost one that of the trap", arguments: [4, 5], Way.allCases)
    func calls(version: Int, way: Way) throws {
        let template = try Self.module(version, way).template()
        let trap = try Self.trap(template) { _ = try $0.call("payOut", -1, 1) as Int32 }
        #expect(trap.code == .unreachable)
        let (stops, pays) = (try Self.line("stops", of: "ledger.c"), try Self.line("pays", of: "ledger.c"))
        #expect(Self.places(trap) == ["fee ledger.c:\(stops)", "payOut ledger.c:\(pays)"])
        #expect(trap.backtrace.map(\.column) == [9, 17])
    }

    @Test("a function that was inlined has its own file and line", arguments: [4, 5], Way.allCases)
    func inlined(version: Int, way: Way) throws {
        let template = try Self.module(version, way).template()
        let trap = try Self.trap(template) { _ = try $0.call("payOut", 1, 0) as Int32 }
        #expect(trap.code == .integerDivideByZero)
        let (divides, pays) = (try Self.line("divides", of: "include/share.h"), try Self.line("pays", of: "ledger.c"))
        #expect(Self.places(trap) == ["fee include/share.h:\(divides)", "payOut ledger.c:\(pays)"])
    }

    @Test("a load that traps", arguments: [4, 5], Way.allCases)
    func load(version: Int, way: Way) throws {
        let template = try Self.module(version, way).template()
        let trap = try Self.trap(template) { _ = try $0.call("readEntry", -4, 0) as Int32 }
        #expect(trap.code == .memoryOutOfBounds)
        #expect(Self.places(trap) == ["readEntry ledger.c:\(try Self.line("reads", of: "ledger.c"))"])
    }

    @Test("the description shows places behind offsets")
    func description() throws {
        let trap = try Self.trap(try Self.module(5, .compiled).template()) {
            _ = try $0.call("payOut", 1, 0) as Int32
        }
        #expect(
            trap.description == """
                wasm trap: integer divide by zero
                  0: fee (function 0) at 0x5b at include/share.h:3:18
                  1: payOut (function 1) at 0x66 at ledger.c:23:17
                """)
        let frames = [
            Trap.Frame(functionIndex: 1, file: "a.c"), Trap.Frame(functionIndex: 2, offset: 9, file: "a.c", line: 7),
            Trap.Frame(functionIndex: 3, functionName: "f", line: 7, column: 1),
        ]
        #expect(
            Trap(code: .unreachable, backtrace: frames).description == """
                wasm trap: unreachable
                  0: function 1 at a.c
                  1: function 2 at 0x9 at a.c:7
                  2: f (function 3)
                """)
    }

    @Test("in linked instances each frame has the lines of its module")
    func linked() throws {
        var store = Store(try testEngine.get())
        _ = try store.instantiate(try Self.module(4, .compiled), as: "ledger")
        let caller = try testEngine.get().compile(
            text: """
                (module (import "ledger" "payOut" (func $pay (param i32 i32) (result i32)))
                  (func (export "run") (drop (call $pay (i32.const 1) (i32.const 0)))))
                """)
        let instance = try store.instantiate(caller)
        let trap = try #require(throws: Trap.self) { try instance.call("run") }
        #expect(trap.backtrace.map(\.file) == ["include/share.h", "ledger.c", nil])
        #expect(trap.backtrace.map { $0.line == nil } == [false, false, true])
    }

    @Test("many threads may meet a module's first trap together")
    func threads() async throws {
        let template = try Self.module(5, .loaded).template()
        let expected = try Self.line("stops", of: "ledger.c")
        await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    do {
                        _ = try template.withInstance { try $0.call("payOut", -1, 1) as Int32 }
                        return nil
                    } catch { return (error as? Trap)?.backtrace.first?.line }
                }
            }
            for await line in group { #expect(line == expected) }
        }
    }

    @Test("without debug information there are no lines")
    func without() throws {
        var builder = WasmBuilder()
        builder.function("f", [], []) { $0.unreachable() }
        let template = try testEngine.get().compile(builder.build()).template()
        let frame = try #require(try Self.trap(template) { try $0.call("f") }.backtrace.first)
        #expect(frame.offset != nil && frame.file == nil && frame.line == nil && frame.column == nil)
    }

    @Test("damaged lines change nothing but the lines")
    func damaged() throws {
        let bytes = try TestData.bytes(at: Self.folder.appendingPathComponent("ledger-dwarf5.wasm"))
        let name = Array(".debug_line".utf8)
        let start = try #require(bytes.indices.first { bytes[$0...].starts(with: name) }) + name.count
        for position in start..<(start + 40) {
            var damaged = bytes
            damaged[position] ^= 0xFF
            let trap = try Self.trap(try testEngine.get().compile(damaged).template()) {
                _ = try $0.call("payOut", -1, 1) as Int32
            }
            #expect(trap.backtrace.map(\.functionName) == ["fee", "payOut"])
        }
    }
}
