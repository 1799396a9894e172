//! Tables that nothing can write are one for all instances; those that something can write are each instance's own.

import Foundation
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite struct SharedTableTests {
    private func template(
        _ engine: Engine? = nil, _ build: (inout WasmBuilder) -> Void
    ) throws -> Template<Void> {
        var builder = WasmBuilder()
        build(&builder)
        return try (engine ?? testEngine.get()).compile(builder.build()).template()
    }

    private func sharedTables(_ template: Template<Void>) -> [Bool] {
        template.core.image.core.tables.map(\.isImmutable)
    }

    /// A table of "add" and "subtract", which change a global and return it, called through by "call".
    private func counter(_ module: inout WasmBuilder, step: Int32 = 1) {
        module.global(.i32, mutable: true) { $0.i32Const(0) }
        module.table(.funcref, 3)
        let add = module.function(nil, [], [.i32]) {
            $0.globalGet(0).i32Const(step).i32Add().globalSet(0).globalGet(0)
        }
        let subtract = module.function(nil, [], [.i32]) {
            $0.globalGet(0).i32Const(-step).i32Add().globalSet(0).globalGet(0)
        }
        module.element(at: 0, functions: [add, subtract])
        let type = module.type([], [.i32])
        module.function("call", [.i32], [.i32]) { $0.localGet(0).callIndirect(type: type) }
    }

    // MARK: What is shared

    @Test func whatNothingCanWriteIsShared() throws {
        let mixed = try template { module in
            for _ in 0..<3 { module.table(.funcref, 2) }
            module.table(.externref, 2, export: "exported")
            module.function("set", [], []) { $0.i32Const(0).refNull(.funcref).tableSet(1) }
            module.function("copy", [], []) { $0.i32Const(0).i32Const(0).i32Const(1).tableCopy(to: 1, from: 2) }
        }
        #expect(sharedTables(mixed) == [true, false, true, false])
        #expect(mixed.core.image.core.mutableElements == 4)
    }

    @Test func aStartFunctionThatWritesHasATableOfItsOwn() throws {
        let template = try template { module in
            counter(&module)
            let start = module.function(nil, [], []) {
                $0.i32Const(2).i32Const(0).tableGet().tableSet()
            }
            module.start(start)
        }
        #expect(sharedTables(template) == [false])
        for _ in 0..<3 { #expect(try template.withInstance { try $0.call("call", 2) as Int32 } == 1) }
    }

    @Test func aLoadedModuleSharesWhatTheCompiledOneDoes() throws {
        let engine = try testEngine.get()
        var builder = WasmBuilder()
        counter(&builder)
        builder.table(.funcref, 5)
        builder.function("set", [], []) { $0.i32Const(0).refNull(.funcref).tableSet(1) }
        let template = try engine.load(compiled: try engine.compile(builder.build()).serialized()).template()
        #expect(sharedTables(template) == [true, false])
        #expect(try template.withInstance { try $0.call("call", 1) as Int32 } == -1)
    }

    // MARK: Sharing

    @Test func liveInstancesCallThroughOneTable() throws {
        let template = try template { counter(&$0) }
        #expect(sharedTables(template) == [true])
        let first = try template.instantiate()
        let second = try template.instantiate()
        // The functions are the same, and work on the state of whoever calls.
        for round in 1...3 {
            #expect(try first.call("call", 0) as Int32 == Int32(round))
            #expect(try second.call("call", 1) as Int32 == Int32(-round))
        }
        let trap = #expect(throws: Trap.self) { try second.call("call", 2) as Int32 }
        #expect(trap?.code == .uninitializedElement)
        let outside = #expect(throws: Trap.self) { try first.call("call", 3) as Int32 }
        #expect(outside?.code == .undefinedElement)
        #expect(try first.call("call", 0) as Int32 == 4)
    }

    @Test func manyThreadsCallThroughOneTable() throws {
        let template = try template { counter(&$0) }
        let failures = ManagedCounter()
        for _ in 0..<4 {
            Thread {
                for _ in 0..<500 {
                    let results = try? template.withInstance { instance in
                        [try instance.call("call", 0) as Int32, try instance.call("call", 1) as Int32]
                    }
                    if results != [1, 0] { failures.increment() }
                }
                failures.finish()
            }.start()
        }
        failures.waitUntilFinished(4)
        #expect(failures.count == 0)
    }

    @Test func anInstanceThatWritesItsTableWritesNoOtherOnes() throws {
        let template = try template { module in
            counter(&module)
            module.function("swap", [], []) { $0.i32Const(0).i32Const(1).tableGet().tableSet() }
            module.function("grow", [], [.i32]) { $0.refNull(.funcref).i32Const(2).tableGrow() }
            module.function("size", [], [.i32]) { $0.tableSize() }
        }
        #expect(sharedTables(template) == [false])
        let other = try template.instantiate()
        for _ in 0..<3 {
            try template.withInstance { (writer) throws in
                try writer.call("swap")
                #expect(try writer.call("grow") as Int32 == 3)
                #expect(try writer.call("call", 0) as Int32 == -1)
                #expect(try writer.call("size") as Int32 == 5)
            }
            #expect(try other.call("size") as Int32 == 3)
        }
        #expect(try other.call("call", 0) as Int32 == 1)
        #expect(try template.withInstance { try $0.call("call", 0) as Int32 } == 1)
    }

    @Test func whatIsReadOfASharedTableIsWhatItStartedWith() throws {
        let template = try template { module in
            counter(&module)
            module.table(.funcref, 4)
            module.function("copy", [.i32, .i32, .i32], []) {
                $0.localGet(0).localGet(1).localGet(2).tableCopy(to: 1, from: 0)
            }
            let type = module.type([], [.i32])
            module.function("callCopy", [.i32], [.i32]) { $0.localGet(0).callIndirect(type: type, table: 1) }
            module.function("size", [], [.i32]) { $0.tableSize() }
            module.function("isNull", [.i32], [.i32]) { $0.localGet(0).tableGet().refIsNull() }
        }
        #expect(sharedTables(template) == [true, false])
        let idle = try template.instantiate()
        for _ in 0..<3 {
            try template.withInstance { (instance) throws in
                let empty = #expect(throws: Trap.self) { try instance.call("callCopy", 1) as Int32 }
                #expect(empty?.code == .uninitializedElement)
                try instance.call("copy", 1, 0, 3)
                #expect(try instance.call("callCopy", 1) as Int32 == 1)
                #expect(try instance.call("callCopy", 2) as Int32 == 0)
                #expect(try instance.call("call", 0) as Int32 == 1)
                for (target, source, count) in [(0, 0, 4), (0, 1, 3), (2, 0, 3), (0, -1, 1)] as [(Int32, Int32, Int32)]
                {
                    let trap = #expect(throws: Trap.self) { try instance.call("copy", target, source, count) }
                    #expect(trap?.code == .tableOutOfBounds)
                }
                #expect(try instance.call("size") as Int32 == 3)
                #expect(try [0, 1, 2].map { try instance.call("isNull", $0 as Int32) as Int32 } == [0, 0, 1])
                let outside = #expect(throws: Trap.self) { try instance.call("isNull", 3) as Int32 }
                #expect(outside?.code == .tableOutOfBounds)
            }
        }
        let trap = #expect(throws: Trap.self) { try idle.call("callCopy", 1) as Int32 }
        #expect(trap?.code == .uninitializedElement)
        #expect(try idle.call("call", 1) as Int32 == -1)
    }

    // MARK: Lifetime

    @Test func aTableLivesAsLongAsAnInstanceUsesIt() throws {
        // Templates take turns on one slot, and go while their instances stay.
        let engine = try Engine(.init(pool: .init(slotCount: 1)))
        for round in 1...20 {
            let instance = try template(engine) { counter(&$0, step: Int32(round)) }.instantiate()
            #expect(try instance.call("call", 0) as Int32 == Int32(round))
            #expect(try instance.call("call", 1) as Int32 == 0)
        }
        let first = try template(engine) { counter(&$0, step: 5) }
        let second = try template(engine) { module in
            module.memory(1)
            counter(&module, step: 7)
            module.function("set", [], []) { $0.i32Const(0).refNull(.funcref).tableSet() }
        }
        for _ in 0..<10 {
            #expect(try first.withInstance { try $0.call("call", 0) as Int32 } == 5)
            #expect(try second.withInstance { try $0.call("call", 0) as Int32 } == 7)
        }
    }

    // MARK: Sizes

    @Test func onlyTablesOfItsOwnTakeRoomInASlot() throws {
        let engine = try Engine(.init(pool: .init(slotCount: 1, tableElements: 100)))
        func sized(own: UInt32, shared: UInt32) throws -> Template<Void> {
            try template(engine) { module in
                module.table(.funcref, shared)
                module.table(.funcref, own)
                let function = module.function("write", [.i32], [.i32]) {
                    $0.localGet(0).refNull(.funcref).tableSet(1).tableSize(0)
                }
                if shared > 0 { module.element(at: Int32(shared) - 1, functions: [function]) }
                module.function("isNull", [.i32], [.i32]) { $0.localGet(0).tableGet(0).refIsNull() }
            }
        }
        try sized(own: 100, shared: 100).withInstance { (instance) throws in
            #expect(try instance.call("write", 99) as Int32 == 100)
            #expect(try instance.call("isNull", 98) as Int32 == 1)
            #expect(try instance.call("isNull", 99) as Int32 == 0)
        }
        #expect(throws: LinkError.pool(.tableTooLarge(requested: 101, limit: 100))) { try sized(own: 101, shared: 0) }
        // A template has as much room for those it shares, so that a small module cannot ask for a large one.
        #expect(throws: LinkError.pool(.tableTooLarge(requested: 101, limit: 100))) { try sized(own: 0, shared: 101) }
    }

    @Test func sharedTablesOfAModuleAreBoundedTogether() throws {
        let engine = try Engine(.init(pool: .init(slotCount: 1, tableElements: 100)))
        var builder = WasmBuilder()
        for _ in 0..<11 { builder.table(.funcref, 10) }
        let module = try engine.compile(builder.build())
        #expect(throws: LinkError.pool(.tableTooLarge(requested: 110, limit: 100))) { try module.template() }
    }

    @Test func sizesThatNoTableHasAreRefused() throws {
        for sizes: [UInt64] in [[.max], [1, .max], [.max, .max], [1 << 63, 1 << 63]] {
            var builder = WasmBuilder()
            for size in sizes { builder.table64(.funcref, size) }
            let module = try testEngine.get().compile(builder.build())
            #expect(throws: LinkError.self) { try module.template() }
            #expect(module.initialTableElements >= 1 << 63)
        }
    }
}
