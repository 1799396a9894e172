//! A template that is used once and nowhere kept lives as long as its instance, however early an optimizer takes its
//! last use to be. Each function makes all it uses, so that the optimizer sees everything.

import Mayfly
import TestSupport
import Testing

@Suite struct LifetimeTests {
    private struct State {
        var names: [String] = []
        var numbers: [Int] = []
    }

    private static let module: [UInt8] = {
        var module = WasmBuilder()
        module.memory(1)
        module.function("answer", [], [.i32]) { $0.i32Const(42) }
        module.function("trap") { $0.unreachable() }
        return module.build()
    }()

    private static let trappingStart: [UInt8] = {
        var module = WasmBuilder()
        module.memory(1)
        module.start(module.function { $0.unreachable() })
        return module.build()
    }()

    /// All that the last instance needs is made here and nowhere kept.
    @inline(never)
    private static func answer(_ bytes: [UInt8]) throws -> (answer: Int32, names: [String]) {
        let engine = try Engine(.init(pool: .init(slotCount: 1)))
        let template = try engine.compile(bytes).template(imports: Imports<State>())
        return try template.withInstance(state: State(names: ["a"])) { (instance) throws in
            let answer: Int32 = try instance.call("answer")
            return (answer, instance.state.names)
        }
    }

    /// As above, and what is thrown leaves by the shortest way.
    @inline(never)
    private static func trap(_ bytes: [UInt8]) throws {
        let engine = try Engine(.init(pool: .init(slotCount: 1)))
        let template = try engine.compile(bytes).template(imports: Imports<State>())
        try template.withInstance(state: State()) { try $0.call("trap") }
    }

    @Test func aTemplateLivesAsLongAsItsInstance() throws {
        for _ in 0..<20 {
            let (answer, names) = try Self.answer(Self.module)
            #expect(answer == 42)
            #expect(names == ["a"])
        }
    }

    @Test func aTemplateLivesAsLongAsATrappingInstance() throws {
        for _ in 0..<20 {
            let trap = #expect(throws: Trap.self) { try Self.trap(Self.module) }
            #expect(trap?.code == .unreachable)
        }
    }

    @Test func aTemplateLivesAsLongAsAnInstanceThatNeverStarts() throws {
        for _ in 0..<20 {
            let trap = #expect(throws: Trap.self) { try Self.trap(Self.trappingStart) }
            #expect(trap?.code == .unreachable)
        }
    }

    /// The instance keeps its template, and so its module and engine.
    @Test func anOwnedInstanceOutlivesAllElse() throws {
        func make() throws -> Instance<State> {
            try Engine(.init(pool: .init(slotCount: 1))).compile(Self.module).template(imports: Imports<State>())
                .instantiate(state: State(numbers: [1]))
        }
        for _ in 0..<20 {
            let instance = try make()
            let answer: Int32 = try instance.call("answer")
            #expect(answer == 42)
            #expect(instance.state.numbers == [1])
        }
    }
}
