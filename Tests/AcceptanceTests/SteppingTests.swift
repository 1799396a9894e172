//! A guest is asked to stop before every single instruction of a run that goes through functions, entries, host calls,
//! calls of the runtime and calls back: random signals miss what happens once in a million.

import CPlatform
import CStepping
import Foundation
import Runtime
import TestSupport
import Testing

@testable import Mayfly

@Suite("Stopping at every instruction", .serialized) struct SteppingTests {
    /// A run of some hundred instructions in compiled code.
    private static func module() -> [UInt8] {
        var module = WasmBuilder()
        let host = module.importFunction("host", "add", [.i32, .i64, .f64], [.i64])
        let back = module.importFunction("host", "back", [.i32], [.i32])
        module.memory(1, export: "memory")
        module.table(.funcref, 2)
        let leaf = module.function(nil, [.i32], [.i32]) { $0.localGet(0).i32Const(3).i32Mul() }
        module.element(at: 0, functions: [leaf])
        let type = module.type([.i32], [.i32])
        module.function("inner", [.i32], [.i32]) { code in
            code.localGet(0).i32Const(0).callIndirect(type: type).i32Const(1).i32Add()
        }
        module.function("run", [.i32], [.i32], locals: [.i32]) { code in
            code.i32Const(64).i32Const(7).i32Const(100).memoryFill()
            code.localGet(0).i64Const(5).f64Const(1.5).call(host).i32WrapI64().localSet(1)
            code.localGet(1).call(back).localSet(1)
            code.loop { body in
                body.i32Const(128).localGet(1).i32Store()
                body.localGet(1).i32Const(1).i32Add().localSet(1)
                body.localGet(0).i32Const(1).i32Sub().localTee(0).brIf(0)
            }
            code.localGet(1).call(leaf)
        }
        return module.build()
    }

    @Test("leaves the guest cleanly or lets it end, and the slot is as good as any")
    func everyInstruction() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        // Cells, not types: the way into the guest is stepped too, and without optimization there is much of it.
        var imports = Imports<Void>()
        imports.define("host", "add", type: FunctionType(parameters: [.i32, .i64, .f64], results: [.i64])) { _, cells in
            cells[0] = cells[0] + cells[1] + UInt64(Double(bitPattern: cells[2]) * 2)
        }
        imports.define("host", "back", type: FunctionType(parameters: [.i32], results: [.i32])) { caller, cells in
            let own = caller.store.cells(1)
            own[0] = cells[0]
            let inner = try caller.store.template.module.exportedFunction("inner")
            stepping_continue()
            try caller.store.enter(inner, own)
            cells[0] = own[0]
        }
        let template = try engine.compile(Self.module()).template(imports: imports)
        let function = try template.core.module.exportedFunction("run")
        // 3 + 5 + 3 = 11; 11 · 3 + 1 = 34; 34 + 3 rounds = 37; 37 · 3 = 111.
        let expected: UInt64 = 111
        let range = template.core.module.codeRange

        func run(stoppingAt target: UInt64) throws -> (steps: UInt64, isStopped: Bool) {
            try template.withInstance { instance in
                let warm: Int32 = try instance.call("inner", 1 as Int32)
                #expect(warm == 4)
                var outcome = Result<UInt64, any Error>.success(0)
                let cells = instance.store.cells(1)
                cells[0] = 3
                let request = UnsafeMutablePointer(mutating: instance.store.stopRequest)
                let error = stepping_begin(range.lowerBound, range.upperBound, target, request, mayfly_bell_signal)
                do {
                    try instance.store.enter(function, cells)
                    outcome = .success(cells[0])
                } catch { outcome = .failure(error) }
                let steps = stepping_end()
                #expect(error == 0)
                switch outcome {
                case .success(let result):
                    #expect(result == expected, "at \(target)")
                    return (steps, false)
                case .failure(let error):
                    #expect((error as? Trap)?.code == .interrupted, "at \(target): \(error)")
                    #expect(instance.store.isToStop)
                    return (steps, true)
                }
            }
        }

        let (count, wasStopped) = try run(stoppingAt: .max)
        #expect(!wasStopped)
        #expect(count > 200)
        var stopped = 0
        for target in 0..<count {
            let (_, isStopped) = try run(stoppingAt: target)
            if isStopped { stopped += 1 }
        }
        // All but the entries' own and what comes after the last function.
        #expect(Double(stopped) > 0.6 * Double(count), "\(stopped) of \(count)")
    }
}
