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

    @Test func aTemplateLivesAsLongAsItsInstance() throws {
        for round in 0..<20 {
            let engine = try Engine(.init(pool: .init(slotCount: 1)))
            let template = try engine.compile(Self.module).template(imports: Imports<State>())
            let state = try template.withInstance(state: State(names: ["a"])) { (instance) throws in
                let answer: Int32 = try instance.call("answer")
                instance.state.numbers.append(Int(answer) + round)
                return State(names: instance.state.names, numbers: instance.state.numbers)
            }
            #expect(state.names == ["a"])
            #expect(state.numbers == [42 + round])
        }
    }

    @Test func aTemplateLivesAsLongAsATrappingInstance() throws {
        for _ in 0..<20 {
            let engine = try Engine(.init(pool: .init(slotCount: 1)))
            let template = try engine.compile(Self.module).template(imports: Imports<State>())
            let trap = #expect(throws: Trap.self) {
                try template.withInstance(state: State()) { try $0.call("trap") }
            }
            #expect(trap?.code == .unreachable)
        }
    }

    @Test func aTemplateLivesAsLongAsAnInstanceThatNeverStarts() throws {
        for _ in 0..<20 {
            let engine = try Engine(.init(pool: .init(slotCount: 1)))
            let template = try engine.compile(Self.trappingStart).template(imports: Imports<State>())
            let trap = #expect(throws: Trap.self) {
                try template.withInstance(state: State()) { (_) throws in Issue.record("it started") }
            }
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
