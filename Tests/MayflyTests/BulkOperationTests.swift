//! Bulk operations on memories and tables, as the specification has them: bounds first, then bytes.

import Foundation
import Mayfly
import TestSupport
import Testing

@Suite struct BulkOperationTests {
    private func memoryTemplate() throws -> Template<Int> {
        try makeTemplate { module in
            module.memory(1, max: 2, export: "memory")
            module.data(at: 0, Array(0..<16))
            module.passiveData([100, 101, 102, 103])
            module.function("copy", [.i32, .i32, .i32], []) { $0.localGet(0).localGet(1).localGet(2).memoryCopy() }
            module.function("fill", [.i32, .i32, .i32], []) { $0.localGet(0).localGet(1).localGet(2).memoryFill() }
            module.function("init", [.i32, .i32, .i32], []) {
                $0.localGet(0).localGet(1).localGet(2).memoryInit(data: 1)
            }
            module.function("initActive", [.i32, .i32, .i32], []) {
                $0.localGet(0).localGet(1).localGet(2).memoryInit(data: 0)
            }
            module.function("grow", [.i32], [.i32]) { $0.localGet(0).memoryGrow() }
        }
    }

    private func expectTrap(_ code: TrapCode, _ body: () throws -> Void) {
        let trap = #expect(throws: Trap.self) { try body() }
        #expect(trap?.code == code)
    }

    @Test func copiesMayOverlap() throws {
        let template = try memoryTemplate()
        try template.withInstance(state: 0) { (instance) throws in
            try instance.call("copy", 4, 0, 8)
            #expect(try instance.readBytes(at: 0, count: 13) == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 12])
        }
        try template.withInstance(state: 0) { (instance) throws in
            try instance.call("copy", 0, 4, 8)
            #expect(try instance.readBytes(at: 0, count: 13) == [4, 5, 6, 7, 8, 9, 10, 11, 8, 9, 10, 11, 12])
        }
    }

    @Test func whatIsOutOfBoundsWritesNothing() throws {
        try memoryTemplate().withInstance(state: 0) { (instance) throws in
            for (name, a, b, c) in [
                ("copy", 65530, 0, 7), ("copy", 0, 65530, 7), ("copy", -1, 0, 1), ("copy", 0, 0, -1),
                ("copy", 65537, 0, 0), ("fill", 65530, 9, 7), ("fill", -1, 9, 2), ("fill", 65537, 9, 0),
                ("init", 65533, 0, 4), ("init", 0, 1, 4), ("init", 0, 5, 0), ("init", 0, -1, 2),
                ("initActive", 0, 0, 1), ("initActive", 0, 1, 0),
            ] as [(String, Int32, Int32, Int32)] {
                expectTrap(.memoryOutOfBounds) { try instance.call(name, a, b, c) }
            }
            #expect(try instance.readBytes(at: 0, count: 16) == Array(0..<16))
            #expect(try instance.readBytes(at: 65520, count: 16) == [UInt8](repeating: 0, count: 16))
            // Nothing at the very end is within bounds.
            try instance.call("copy", 65536, 65536, 0)
            try instance.call("fill", 65536, 1, 0)
            try instance.call("init", 65536, 4, 0)
            try instance.call("initActive", 0, 0, 0)
            try instance.call("fill", 65529, 0x1FF, 7)
            #expect(try instance.readBytes(at: 65528, count: 8) == [0, 255, 255, 255, 255, 255, 255, 255])
            try instance.call("init", 65533, 1, 3)
            #expect(try instance.readBytes(at: 65532, count: 4) == [255, 101, 102, 103])
        }
    }

    @Test func boundsAreThoseAfterGrowth() throws {
        try memoryTemplate().withInstance(state: 0) { (instance) throws in
            expectTrap(.memoryOutOfBounds) { try instance.call("fill", 65536, 5, 65536) }
            let before: Int32 = try instance.call("grow", 1)
            #expect(before == 1)
            try instance.call("fill", 65536, 5, 65536)
            #expect(try instance.read(UInt8.self, at: 131_071) == 5)
            let refused: Int32 = try instance.call("grow", 1)
            #expect(refused == -1)
            let nothing: Int32 = try instance.call("grow", 0)
            #expect(nothing == 2)
        }
    }

    private func contents(of instance: borrowing Instance<Int>, _ count: Int32) throws -> [UInt32?] {
        var handles: [UInt32?] = []
        for index in 0..<count {
            let reference: ExternReference? = try instance.call("get", index)
            handles.append(reference?.handle)
        }
        return handles
    }

    @Test func tables() throws {
        let template = try makeTemplate { module in
            module.table(.externref, 4, max: 8)
            module.table(.funcref, 2)
            let one = module.function("one", [], [.i32]) { $0.i32Const(1) }
            let two = module.function("two", [], [.i32]) { $0.i32Const(2) }
            module.passiveElement(functions: [one, two, one])
            module.function("get", [.i32], [.externref]) { $0.localGet(0).tableGet(0) }
            module.function("set", [.i32, .externref], []) { $0.localGet(0).localGet(1).tableSet(0) }
            module.function("fill", [.i32, .externref, .i32], []) {
                $0.localGet(0).localGet(1).localGet(2).tableFill(0)
            }
            module.function("copy", [.i32, .i32, .i32], []) {
                $0.localGet(0).localGet(1).localGet(2).tableCopy(to: 0, from: 0)
            }
            module.function("grow", [.externref, .i32], [.i32]) { $0.localGet(0).localGet(1).tableGrow(0) }
            module.function("init", [.i32, .i32, .i32], []) {
                $0.localGet(0).localGet(1).localGet(2).tableInit(element: 0, table: 1)
            }
            module.function("drop", [], []) { $0.elemDrop(0) }
            module.function("call", [.i32], [.i32]) { $0.localGet(0).callIndirect(type: 0, table: 1) }
        }
        func reference(_ handle: UInt32) -> ExternReference? { ExternReference(handle: handle) }
        try template.withInstance(state: 0) { (instance) throws in
            for index in 0..<4 { try instance.call("set", Int32(index), reference(UInt32(index))) }
            #expect(try contents(of: instance, 4) == [0, 1, 2, 3])
            try instance.call("copy", 1, 0, 3)
            #expect(try contents(of: instance, 4) == [0, 0, 1, 2])
            try instance.call("copy", 0, 1, 3)
            #expect(try contents(of: instance, 4) == [0, 1, 2, 2])
            expectTrap(.tableOutOfBounds) { try instance.call("copy", 2, 0, 3) }
            expectTrap(.tableOutOfBounds) { try instance.call("fill", Int32(3), reference(9), Int32(2)) }
            expectTrap(.tableOutOfBounds) { try instance.call("set", Int32(4), reference(9)) }
            #expect(try contents(of: instance, 4) == [0, 1, 2, 2])
            let before: Int32 = try instance.call("grow", reference(7), Int32(3))
            #expect(before == 4)
            #expect(try contents(of: instance, 7) == [0, 1, 2, 2, 7, 7, 7])
            let refused: Int32 = try instance.call("grow", reference(7), Int32(2))
            #expect(refused == -1)
            try instance.call("fill", Int32(0), ExternReference?.none, Int32(7))
            #expect(try contents(of: instance, 7) == [nil, nil, nil, nil, nil, nil, nil])

            expectTrap(.uninitializedElement) { _ = try instance.call("call", 0) as Int32 }
            expectTrap(.tableOutOfBounds) { try instance.call("init", 0, 0, 3) }
            expectTrap(.tableOutOfBounds) { try instance.call("init", 0, 2, 2) }
            try instance.call("init", 0, 1, 2)
            let results: [Int32] = [try instance.call("call", 0), try instance.call("call", 1)]
            #expect(results == [2, 1])
            try instance.call("drop")
            expectTrap(.tableOutOfBounds) { try instance.call("init", 0, 0, 1) }
            try instance.call("init", 2, 0, 0)
        }
        try template.withInstance(state: 0) { (instance) throws in
            try instance.call("init", 0, 0, 1)
            expectTrap(.tableOutOfBounds) { _ = try instance.call("get", 4) as ExternReference? }
            #expect(try instance.call("get", 0) as ExternReference? == nil)
        }
    }

    @Test func manyThreadsShareATemplate() throws {
        let template = try makeTemplate { module in
            module.importFunction("env", "host", [.i32], [.i32])
            module.memory(2)
            module.global(.i32, mutable: true) { $0.i32Const(0) }
            module.function("work", [.i32], [.i32]) { code in
                code.globalGet(0).i32Const(1).i32Add().globalSet(0)
                code.i32Const(70_000).i32Const(70_000).i32Load().globalGet(0).i32Add().i32Store()
                code.localGet(0).call(0).i32Const(70_000).i32Load().i32Add()
            }
        } imports: { imports in
            imports.define("env", "host") { (caller, a: Int32) in
                caller.state += 1
                return a &* 2
            }
        }
        let work = try template.function("work", as: ((Int32) -> Int32).self)
        let failures = ManagedCounter()
        for thread in 0..<6 {
            Thread {
                for round in 0..<1_000 {
                    let argument = Int32(thread * 1_000 + round)
                    do {
                        let ok = try template.withInstance(state: 0) { instance in
                            let first = try instance.call(work, argument)
                            let second = try instance.call(work, argument)
                            return first == 2 * argument + 1 && second == 2 * argument + 3 && instance.state == 2
                        }
                        if !ok { failures.increment() }
                    } catch {
                        failures.increment()
                    }
                }
                failures.finish()
            }.start()
        }
        failures.waitUntilFinished(6)
        #expect(failures.count == 0)
    }
}
