//! A guest is asked to stop, and to let others run, before every single instruction of a run that goes through functions,
//! entries, host calls, calls of the runtime, calls back and suspensions: random signals miss what happens once in a
//! million.

import CPlatform
import CStepping
import Compiler
import TestSupport
import Testing
import WasmModule

@testable import Mayfly
@testable import Runtime

@Suite("Stopping at every instruction", .serialized) struct SteppingTests {
    /// A run of some hundred instructions in compiled code, with values in all registers.
    private static func module() -> [UInt8] {
        var module = WasmBuilder()
        let host = module.importFunction("host", "add", [.i32, .i64, .f64], [.i64])
        let back = module.importFunction("host", "back", [.i32], [.i32])
        let later = module.importFunction("host", "later", [.i32], [.i32])
        module.memory(1, export: "memory")
        module.table(.funcref, 2)
        let leaf = module.function(nil, [.i32], [.i32]) { $0.localGet(0).i32Const(3).i32Mul() }
        module.element(at: 0, functions: [leaf])
        let type = module.type([.i32], [.i32])
        module.function("inner", [.i32], [.i32]) { code in
            code.localGet(0).i32Const(0).callIndirect(type: type).i32Const(1).i32Add()
        }
        let integers: Range<UInt32> = 1..<13
        let floats: Range<UInt32> = 13..<27
        let locals = [ValueType](repeating: .i64, count: 12) + [ValueType](repeating: .f64, count: 14)
        module.function("mix", [.i32], [.i32], locals: locals) { code in
            for local in integers { code.i64Const(Int64(local) * 1_000_003).localSet(local) }
            for local in floats { code.f64Const(Double(local) * 1.25).localSet(local) }
            code.loop { body in
                for local in integers {
                    let other = local + 1 < integers.upperBound ? local + 1 : integers.lowerBound
                    body.localGet(local).i64Const(5).i64Rotl().localGet(other).i64Add().localSet(local)
                }
                for local in floats {
                    let other = local + 1 < floats.upperBound ? local + 1 : floats.lowerBound
                    body.localGet(local).localGet(other).f64Add().f64Const(0.5).f64Mul().localSet(local)
                }
                // What the comparison says is in the flags until the selection.
                body.localGet(1).localGet(2).localGet(1).localGet(2).i64LtU().select().localSet(3)
                body.localGet(0).i32Const(1).i32Sub().localTee(0).brIf(0)
            }
            for local in integers.dropFirst() { code.localGet(1).localGet(local).i64Xor().localSet(1) }
            for local in floats.dropFirst() { code.localGet(13).localGet(local).f64Add().localSet(13) }
            code.localGet(1).localGet(13).i64ReinterpretF64().i64Add().localTee(1)
            code.localGet(1).i64Const(32).i64ShrU().i64Xor().i32WrapI64()
        }
        module.function("run", [.i32], [.i32], locals: [.i32]) { code in
            code.i32Const(64).i32Const(7).i32Const(100).memoryFill()
            code.localGet(0).i64Const(5).f64Const(1.5).call(host).i32WrapI64().localSet(1)
            code.localGet(1).call(back).call(later).localSet(1)
            code.localGet(1).call(leaf)
        }
        return module.build()
    }

    /// How a run ended, and in how many steps.
    private struct Run {
        var steps: UInt64
        /// Nil if it was stopped.
        var result: UInt64?
        var yields = 0
        var suspensions = 0
    }

    private struct Harness {
        let template: Template<Void>
        let function: FunctionHandle
        let argument: UInt64

        init(_ name: String = "run", _ argument: UInt64 = 3) throws {
            let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
            // Cells, not types: the way into the guest is stepped too, and without optimization there is much of it.
            var imports = Imports<Void>()
            imports.define("host", "add", type: FunctionType(parameters: [.i32, .i64, .f64], results: [.i64])) {
                _, cells in
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
            imports.define("host", "later") { (_, value: Int32) -> Int32 in
                await Task.yield()
                return value
            }
            template = try engine.compile(SteppingTests.module()).template(imports: imports)
            function = try template.core.module.exportedFunction(name)
            self.argument = argument
        }

        /// Runs the guest, and asks it for something before the instructions of two numbers.
        func run(_ word: WritableKeyPath<mayfly_request, UInt32>, at target: UInt64, and second: UInt64 = .max) throws
            -> Run
        {
            let range = template.core.module.codeRange
            return try template.withInstance { instance in
                let warm: Int32 = try instance.call("inner", 1 as Int32)
                #expect(warm == 4)
                let store = instance.store
                let cells = store.cells(1)
                cells[0] = argument
                var run = Run(steps: 0)
                let request = store.request
                let error = withUnsafeMutablePointer(to: &request.pointee[keyPath: word]) {
                    stepping_begin(range.lowerBound, range.upperBound, target, second, $0, mayfly_bell_signal)
                }
                #expect(error == 0)
                var status = enter(store, function.entry, function.code, cells)
                while status == EntryStatus.yielded || status == EntryStatus.suspended {
                    request.pointee.yield = 0
                    if status == EntryStatus.yielded {
                        run.yields += 1
                    } else {
                        run.suspensions += 1
                        guard let awaited = store.takeAwaited() else { break }
                        awaited.cells[0] &+= 1000
                    }
                    stepping_continue()
                    status = enter(store, store.resumeStub, nil, cells)
                }
                run.steps = stepping_end()
                if status == EntryStatus.returned {
                    run.result = cells[0]
                } else {
                    let failure = store.takeFailure(status)
                    #expect((failure as? Trap)?.code == .interrupted, "at \(target), \(second): \(failure)")
                    #expect(store.isToStop)
                }
                return run
            }
        }

        private func enter(
            _ store: InstanceCore, _ stub: UnsafeRawPointer, _ code: UnsafeRawPointer?,
            _ cells: UnsafeMutablePointer<UInt64>
        ) -> Int32 {
            store.control.pointee.depth += 1
            store.mayYield.pointee = 1
            defer {
                store.control.pointee.depth -= 1
                store.mayYield.pointee = 0
            }
            return store.enterStub(stub, code, cells)
        }
    }

    @Test("leaves the guest cleanly or lets it end, and the slot is as good as any")
    func stopping() throws {
        let harness = try Harness()
        let whole = try harness.run(\.stop, at: .max)
        let expected = try #require(whole.result)
        #expect(whole.steps > 200)
        #expect(whole.suspensions == 1)
        var stopped = 0
        for target in 0..<whole.steps {
            let run = try harness.run(\.stop, at: target)
            if let result = run.result { #expect(result == expected, "at \(target)") } else { stopped += 1 }
        }
        // All but the entries' own and what comes after the last function.
        #expect(Double(stopped) > 0.4 * Double(whole.steps), "\(stopped) of \(whole.steps)")
    }

    @Test(
        "suspends the guest where it may be, and nothing that it computes changes",
        arguments: [("run", 3), ("mix", 2)] as [(String, UInt64)])
    func yielding(function: String, argument: UInt64) throws {
        let harness = try Harness(function, argument)
        let whole = try harness.run(\.yield, at: .max)
        let expected = try #require(whole.result)
        #expect(whole.yields == 0)
        var yields = 0
        for target in 0..<whole.steps {
            let run = try harness.run(\.yield, at: target)
            #expect(run.result == expected, "at \(target)")
            yields += run.yields
        }
        #expect(Double(yields) > 0.3 * Double(whole.steps), "\(yields) of \(whole.steps)")
    }

    @Test("suspends a guest again at every instruction on the way back to where it was", arguments: [0.3, 0.7])
    func yieldingAgain(part: Double) throws {
        let harness = try Harness()
        let whole = try harness.run(\.yield, at: .max)
        let expected = try #require(whole.result)
        let first = UInt64(Double(whole.steps) * part)
        // What suspends it, what goes on with it, and what follows.
        for second in first + 1..<first + 150 {
            let run = try harness.run(\.yield, at: first, and: second)
            #expect(run.result == expected, "at \(first) and \(second)")
        }
    }
}
