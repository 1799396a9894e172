//! Positions in the module's binary: a return address and the trap site right behind it do not share one.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Source records")
struct SourceRecordTests {
    /// What follows a call of function 0, with a marker in front by which the test finds the call in the binary.
    struct Shape: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var callee: [ValueType]
        var next: @Sendable (CodeBuilder) -> Void
    }

    static let shapes = [
        Shape(testDescription: "a trap", callee: []) { $0.unreachable() },
        Shape(testDescription: "a load through the result", callee: [.i32]) { $0.i32Load().drop() },
        Shape(testDescription: "a 64-bit load through the result", callee: [.i32]) {
            $0.op(.i64Load).u32(3).u32(9).drop()
        },
        Shape(testDescription: "a store to the result", callee: [.i32]) { $0.i32Const(7).i32Store() },
    ]

    @Test("A call and what traps directly behind it each have their own", arguments: shapes)
    func callThenTrap(shape: Shape) throws {
        var builder = WasmBuilder()
        builder.memory(1)
        let callee = builder.function("callee", [], shape.callee) { code in
            for _ in shape.callee { code.i32Const(0) }
        }
        let marker = CodeBuilder.code { $0.i32Const(0x1234567).drop() }
        let call = CodeBuilder.code { $0.call(callee) }
        builder.function("caller") { code in
            code.append(marker).append(call)
            shape.next(code)
        }
        let bytes = builder.build()
        let start = try #require(bytes.indices.first { bytes[$0...].starts(with: marker) }) + marker.count
        let code = try ModuleCompiler.compile(try DecodedModule(decoding: bytes), threads: 1, isChecking: true)

        #expect(zip(code.sourceCodeOffsets, code.sourceCodeOffsets.dropFirst()).allSatisfy { $0 < $1 })
        let records = zip(code.sourceCodeOffsets, code.sourceOffsets)
        let returned = try #require(records.first { $0.1 == UInt32(start) }).0
        // Of the call: opcode and distance lie in front of it, and no trap is there.
        #expect(code.text[Int(returned) - 5] == 0xE8)
        #expect(code.sourceOffset(at: returned) == UInt32(start))
        #expect(code.trapCode(at: returned) == nil)
        // The trap site is the next record, with a position behind the call.
        let trap = try #require(records.first { $0.0 > returned && $0.1 > UInt32(start) }).0
        #expect(code.trapCode(at: trap) != nil)
    }
}
