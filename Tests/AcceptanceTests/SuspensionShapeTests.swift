//! Awaited imports of every shape: more values than registers, vectors, several results, tail calls, and in modules that
//! are linked with each other, where guests are also made to let others run in the middle of crossings.

import Synchronization
import TestSupport
import Testing
import WasmModule

@testable import Mayfly
@testable import Runtime

private let kinds: [ValueType] = [.i32, .f64, .v128, .i64, .f32]

/// Passes what it gets to `host.wait` and returns what that returns, between values that it keeps.
private func passing(_ parameters: [ValueType], _ results: [ValueType], tail: Bool) -> String {
    let list = parameters.map(\.text).joined(separator: " ")
    let returned = results.map(\.text).joined(separator: " ")
    let arguments = parameters.indices.map { "(local.get \($0))" }.joined(separator: " ")
    return """
        (module
          (type $t (func (param \(list)) (result \(returned))))
          (import "host" "wait" (func $wait (type $t)))
          (import "host" "other" (func $other (type $t)))
          (func (export "run") (type $t) (\(tail ? "return_call" : "call") $wait \(arguments)))
          (func (export "other") (type $t) (\(tail ? "return_call" : "call") $other \(arguments))))
        """
}

private func value(_ type: ValueType, _ number: Int) -> Value {
    switch type {
    case .i32: .i32(Int32(number) - 1000)
    case .i64: .i64(Int64(number) << 40 | 5)
    case .f32: .f32(Float(number) + 0.5)
    case .f64: .f64(Double(number) + 0.25)
    default: .v128(V128(low: UInt64(number) << 32 | 1, high: UInt64(number) << 33 | 2))
    }
}

@Suite("Awaited imports of every shape") struct SuspensionShapeTests {
    @Test("all values arrive, whatever runs on the stack meanwhile", arguments: [0, 1, 5, 9, 17, 40], [0, 1, 3, 18])
    func shapes(_ parameterCount: Int, _ resultCount: Int) async throws {
        let parameters = (0..<parameterCount).map { kinds[$0 % kinds.count] }
        let results = (0..<resultCount).map { kinds[($0 + 2) % kinds.count] }
        let arguments = parameters.enumerated().map { value($1, $0 + 1) }
        let expected = results.enumerated().map { value($1, $0 + 100) }
        let type = FunctionType(parameters: parameters, results: results)
        for tail in [false, true] {
            var imports = Imports<Void>()
            for name in ["wait", "other"] {
                imports.define("host", name, type: type) { caller, cells in
                    await Task.yield()
                    var next = 0
                    for argument in arguments {
                        let pair = argument.vector
                        #expect(cells[next] == pair.low)
                        if argument.type == .v128 { #expect(cells[next + 1] == pair.high) }
                        next += argument.type.cellCount
                    }
                    if name == "wait" {
                        // Runs below, and uses the cells of calls.
                        let inner = try await caller.call("other", arguments: arguments)
                        #expect(inner == expected)
                    }
                    await Task.yield()
                    next = 0
                    for result in expected {
                        let pair = result.vector
                        cells[next] = pair.low
                        if result.type == .v128 { cells[next + 1] = pair.high }
                        next += result.type.cellCount
                    }
                }
            }
            let template = try sharedEngine.get().compile(text: passing(parameters, results, tail: tail))
                .template(imports: imports)
            let found = try await template.withInstance { try await $0.call("run", arguments: arguments) }
            #expect(found == expected)
        }
    }

    @Test("results that an awaited function leaves out are 0")
    func leftOut() async throws {
        var imports = Imports<Void>()
        let type = FunctionType(parameters: [.i32], results: [.i64, .v128, .i64])
        for name in ["wait", "other"] { imports.define("host", name, type: type) { _, cells in await Task.yield() } }
        let template = try sharedEngine.get().compile(text: passing(type.parameters, type.results, tail: false))
            .template(imports: imports)
        let found = try await template.withInstance { try await $0.call("run", arguments: [.i32(0)]) }
        #expect(found == [.i64(0), .v128(V128(low: 0, high: 0)), .i64(0)])
    }

    // MARK: Linked

    private static let library = """
        (module
          (import "host" "wait" (func $wait (param i32) (result i32)))
          (memory (export "memory") 1)
          (global $n (export "n") (mut i32) (i32.const 0))
          (func (export "wait") (param i32) (result i32)
            (i32.store (i32.const 0) (local.get 0))
            (i32.add (call $wait (local.get 0)) (i32.load (i32.const 0))))
          (func (export "tail") (param i32) (result i32) (return_call $wait (local.get 0)))
          (func (export "count") (param $n i32) (result i32) (local $i i32)
            (loop $l
              (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
            (local.get $i))
          (func (export "spin") (loop $l (br $l))))
        """
    private static let program = """
        (module
          (import "lib" "wait" (func $wait (param i32) (result i32)))
          (import "lib" "tail" (func $tail (param i32) (result i32)))
          (import "lib" "count" (func $count (param i32) (result i32)))
          (import "lib" "spin" (func $spin))
          (memory 1)
          (func (export "run") (param i32) (result i32)
            (i32.store (i32.const 0) (i32.const 77))
            (i32.add (call $wait (local.get 0)) (i32.load (i32.const 0))))
          (func (export "tail") (param i32) (result i32) (return_call $tail (local.get 0)))
          (func (export "count") (param $n i32) (result i32) (local $i i32) (local $sum i32)
            (loop $l
              (local.set $sum (i32.add (local.get $sum) (call $count (i32.const 3))))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
            (local.get $sum))
          (func (export "spin") (call $spin)))
        """

    private static func linked(
        _ engine: Engine, _ body: nonisolated(nonsending) (borrowing Instance<Void>) async throws -> Void
    ) async throws {
        var store = Store(engine)
        var imports = Imports<Void>()
        imports.define("host", "wait") { (caller, value: Int32) -> Int32 in
            await Task.yield()
            // Another call of the member while it waits.
            if value > 0 { return try await caller.call("wait", value - 1) }
            return 1000
        }
        try await store.instantiate(try engine.compile(text: library), imports: imports, as: "lib")
        let program = try await store.instantiate(try engine.compile(text: program))
        try await body(program)
    }

    @Test("linked instances await over crossings")
    func crossings() async throws {
        try await Self.linked(try sharedEngine.get()) { instance in
            // The innermost stored 0 into the library's memory.
            let sum: Int32 = try await instance.call("run", 3)
            #expect(sum == 1077)
            let tail: Int32 = try await instance.call("tail", 2)
            #expect(tail == 1000)
        }
    }

    @Test("linked instances let others run, in callees and crossings, and are stopped there")
    func crossingSlices() async throws {
        let engine = try Engine(.init(pool: .init(slotCount: 8), timeSlice: .microseconds(20)))
        try await Self.linked(engine) { instance in
            let sum: Int32 = try await instance.call("count", 5_000_000)
            #expect(sum == 15_000_000)
            let trap = await #expect(throws: Trap.self) {
                try await instance.withDeadline(.now + .milliseconds(20)) { try await $0.call("spin") }
            }
            #expect(trap?.code == .interrupted)
        }
    }
}
