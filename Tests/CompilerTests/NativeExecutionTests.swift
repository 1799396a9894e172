//! Compiled code computes what the specification says, on small programs written by hand.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Native execution")
struct NativeExecutionTests {
    @Test("A recursive function calls itself")
    func recursion() throws {
        var builder = WasmBuilder()
        builder.function("fib", [.i32], [.i32]) {
            $0.localGet(0).i32Const(2).op(.i32LtS).if(.value(.i32)) {
                $0.localGet(0)
            } else: {
                $0.localGet(0).i32Const(1).op(.i32Sub).call(0)
                $0.localGet(0).i32Const(2).op(.i32Sub).call(0).op(.i32Add)
            }
        }
        let harness = try NativeHarness(builder.build())
        #expect(harness.call("fib", [20]) == [6765])
    }

    @Test("A loop sums in a local")
    func loop() throws {
        var builder = WasmBuilder()
        builder.function("sum", [.i32], [.i64], locals: [.i64]) {
            $0.loop(.empty) {
                $0.localGet(1).localGet(0).op(.i64ExtendI32U).op(.i64Add).localSet(1)
                $0.localGet(0).i32Const(1).op(.i32Sub).localTee(0).brIf(0)
            }
            $0.localGet(1)
        }
        let harness = try NativeHarness(builder.build())
        #expect(harness.call("sum", [100_000]) == [5_000_050_000])
    }

    @Test("More arguments and results than registers")
    func manyValues() throws {
        var builder = WasmBuilder()
        let types = [ValueType](repeating: .i64, count: 20) + [ValueType](repeating: .f64, count: 20)
        let identity = builder.function("identity", types, types) { body in
            for index in 0..<40 { body.localGet(UInt32(index)) }
        }
        builder.function("through", types, types) { body in
            for index in 0..<40 { body.localGet(UInt32(index)) }
            body.call(identity)
        }
        let harness = try NativeHarness(builder.build())
        let arguments = (0..<40).map { $0 < 20 ? UInt64($0 * 7) : Double($0).bitPattern }
        #expect(harness.call("through", arguments) == arguments)
    }
}
