//! Instances are disposable: a JavaScript engine stamped, used and thrown away, over and over, leaves neither memory
//! nor state behind.
//!
//! 100,000 cycles under CI or as many as `MAYFLY_CYCLES` says; 10,000 otherwise.

import Glibc
import MayflyWASI
import TestSupport
import Testing

@testable import Mayfly

/// Bytes of the process that are in memory now.
private func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 256)
    guard fgets(&buffer, 256, file) != nil else { return 0 }
    let fields = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).split(
        separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
}

@Suite struct DisposableTests {
    static let cycles =
        TestData.integer(fromEnvironment: "MAYFLY_CYCLES") ?? (TestData.isRequired ? 100_000 : 10_000)

    /// In a process of its own: what other tests allocate meanwhile is not this one's growth.
    @Test(.needs("corpus")) func residentMemoryIsFlatOverManyInstances() async {
        await #expect(processExitsWith: .success) {
            let javaScript = try JavaScript(Engine(.init(pool: .init(slotCount: 4))))
            for _ in 0..<1000 { _ = try javaScript.cycle(10) }
            let before = residentBytes()
            #expect(before > 1 << 20, "the resident size cannot be read")
            var wrong = 0
            for _ in 0..<DisposableTests.cycles where try javaScript.cycle(10) != 0 { wrong += 1 }
            let growth = residentBytes() - before
            #expect(wrong == 0)
            #expect(growth < 8 << 20, "\(DisposableTests.cycles) instances left \(growth) bytes resident")
        }
    }

    @Test(.needs("corpus")) func afterEveryCycleTheSlotEqualsItsImage() throws {
        let engine = try singleSlotEngine()
        let javaScript = try JavaScript(engine)
        for cycle in 0..<500 {
            let slot = try javaScript.template.withInstance(state: WASI(javaScript.configuration)) {
                (instance) throws in
                if let residue = engine.residue(in: instance.slot) {
                    Issue.record("before cycle \(cycle): \(residue)")
                }
                #expect(try instance.call(javaScript.run, Int32(cycle)) == 0)
                // The check would be worthless if it found nothing while there is something.
                if cycle % 100 == 0 { #expect(engine.residue(in: instance.slot) != nil) }
                return instance.slot
            }
            if let residue = engine.residue(in: slot) { Issue.record("after cycle \(cycle): \(residue)") }
            if cycle % 10 == 0 {
                #expect(try javaScript.evaluate(JavaScript.script(cycle)) == JavaScript.printed(cycle))
                if let residue = engine.residue(in: slot) { Issue.record("after script \(cycle): \(residue)") }
            }
        }
    }

    /// One slot, two modules by turns, half of the calls ending in a trap: no image shows through the other.
    @Test(.needs("corpus")) func afterEveryChangeOfModuleTheSlotEqualsItsImage() throws {
        let engine = try singleSlotEngine()
        let javaScript = try JavaScript(engine)
        let small = try engine.compile { module in
            module.memory(1, max: 100)
            module.data(at: 100, [1, 2, 3, 4])
            module.table(.funcref, 10)
            module.global(.i64, mutable: true) { $0.i64Const(7) }
            // Changes all that an instance has: returns what the memory held, and traps for a nonzero argument.
            let run = module.function("run", [.i32], [.i32]) { code in
                code.i32Const(0).i32Load(offset: 100)
                code.i32Const(0).i32Const(-1).i32Store(offset: 100)
                code.i32Const(20).memoryGrow().drop()
                code.i32Const(1_000_000).i32Const(-1).i32Store()
                code.i32Const(3).refFunc(0).tableSet()
                code.i64Const(-1).globalSet(0)
                code.localGet(0).if { $0.unreachable() }
            }
            module.declaredElement(functions: [run])
        }.template()
        for cycle in 0..<100 {
            #expect(try javaScript.evaluate(JavaScript.script(cycle)) == JavaScript.printed(cycle))
            var slot = try small.withInstance { $0.slot }
            if let residue = engine.residue(in: slot) { Issue.record("cycle \(cycle): \(residue)") }
            slot = try small.withInstance { (instance) throws in
                let outcome = try instance.outcome("run", [.i32(Int32(cycle % 2))])
                #expect(outcome == (cycle % 2 == 0 ? .results([.i32(0x0403_0201)]) : .trap(.unreachable)))
                #expect(engine.residue(in: instance.slot) != nil)
                return instance.slot
            }
            if let residue = engine.residue(in: slot) { Issue.record("cycle \(cycle): \(residue)") }
        }
    }
}
