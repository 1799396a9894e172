//! A load, an operation and a store at one address as one instruction: where that is done, where it must not be, and what it
//! computes, in every width and form. All checks are on, the one of register allocation included.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Read-modify-write")
struct ReadModifyWriteTests {
    struct Access: Sendable, CustomTestStringConvertible {
        var load: Opcode
        var store: Opcode
        var is64: Bool
        var bytes: Int
        var testDescription: String { "\(load) → \(store)" }
    }

    private static let accesses = [
        Access(load: .i32Load, store: .i32Store, is64: false, bytes: 4),
        Access(load: .i32Load8U, store: .i32Store8, is64: false, bytes: 1),
        Access(load: .i32Load8S, store: .i32Store8, is64: false, bytes: 1),
        Access(load: .i32Load16U, store: .i32Store16, is64: false, bytes: 2),
        Access(load: .i32Load16S, store: .i32Store16, is64: false, bytes: 2),
        Access(load: .i64Load, store: .i64Store, is64: true, bytes: 8),
        Access(load: .i64Load8U, store: .i64Store8, is64: true, bytes: 1),
        Access(load: .i64Load16S, store: .i64Store16, is64: true, bytes: 2),
        Access(load: .i64Load32U, store: .i64Store32, is64: true, bytes: 4),
        Access(load: .i64Load32S, store: .i64Store32, is64: true, bytes: 4),
    ]

    private struct Operator {
        var narrow: Opcode
        var wide: Opcode
        var apply: @Sendable (UInt64, UInt64) -> UInt64
    }

    private static let operators = [
        Operator(narrow: .i32Add, wide: .i64Add) { $0 &+ $1 }, Operator(narrow: .i32Sub, wide: .i64Sub) { $0 &- $1 },
        Operator(narrow: .i32And, wide: .i64And) { $0 & $1 }, Operator(narrow: .i32Or, wide: .i64Or) { $0 | $1 },
        Operator(narrow: .i32Xor, wide: .i64Xor) { $0 ^ $1 },
    ]

    private static let constants: [Int64] = [
        1, -1, 127, 128, 255, -128, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x0123_4567_89AB,
    ]

    /// How many machine instructions of the first function combine a load, an operation and a store.
    private func count(_ bytes: [UInt8], _ settings: CodeSettings = .init()) throws -> Int {
        try SelectedFunction(of: bytes, settings).operations.filter { [.aluStore, .aluStoreImmediate].contains($0) }
            .count
    }

    /// `[address] ∘= operand`: the address in local 0, the operand in local 1, or a constant.
    private func module(
        _ access: Access, _ operation: Operator, constant: Int64? = nil, isSwapped: Bool = false, offset: UInt32 = 0
    ) -> [UInt8] {
        var builder = WasmBuilder()
        builder.memory(1)
        builder.function("run", [.i32, access.is64 ? .i64 : .i32], []) { code in
            func operand() {
                guard let constant else {
                    code.localGet(1)
                    return
                }
                if access.is64 { code.i64Const(constant) } else { code.i32Const(Int32(truncatingIfNeeded: constant)) }
            }
            code.localGet(0)
            if isSwapped { operand() }
            code.localGet(0).memoryOp(access.load, offset: offset)
            if !isSwapped { operand() }
            code.op(access.is64 ? operation.wide : operation.narrow).memoryOp(access.store, offset: offset)
        }
        return builder.build()
    }

    @Test("computes what its three parts compute", arguments: accesses)
    func results(_ access: Access) throws {
        let bits = access.bytes * 8
        let mask: UInt64 = bits == 64 ? .max : (1 << UInt64(bits)) - 1
        let old: UInt64 = 0x8182_8384_F5F6_F7F8
        for settings in [CodeSettings(), CodeSettings(boundsChecks: .explicit)] {
            for (index, operation) in Self.operators.enumerated() {
                for constant in [nil] + Self.constants.map(Optional.some) {
                    for isSwapped in [false, true] where !(isSwapped && index == 1) {
                        let operand = constant ?? 0x7766_5544_3322_11F0
                        let bytes = module(access, operation, constant: constant, isSwapped: isSwapped, offset: 24)
                        let harness = try NativeHarness(bytes, settings: settings)
                        for place in [24, 40] {
                            harness.memory.storeBytes(of: old, toByteOffset: place, as: UInt64.self)
                        }
                        _ = harness.call("run", [16, UInt64(bitPattern: operand) & (access.is64 ? .max : 0xFFFF_FFFF)])
                        let found = harness.memory.loadUnaligned(fromByteOffset: 40, as: UInt64.self)
                        let expected =
                            old & ~mask | operation.apply(old, UInt64(bitPattern: operand)) & mask
                        #expect(found == expected, "operation \(index), constant \(String(describing: constant))")
                        #expect(harness.memory.loadUnaligned(fromByteOffset: 24, as: UInt64.self) == old)
                    }
                }
            }
        }
    }

    @Test("is one instruction, in every width", arguments: accesses)
    func isSelected(_ access: Access) throws {
        for operation in Self.operators {
            #expect(try count(module(access, operation)) == 1)
            // Small enough to be an immediate. A mask of all bits that are stored would leave nothing to do.
            #expect(try count(module(access, operation, constant: 5)) == 1)
            #expect(try count(module(access, operation, offset: 0x7FFF_FFF0)) == 1)
        }
        #expect(try count(module(access, Self.operators[0], isSwapped: true)) == 1)
        // The difference is not what is there less the operand.
        #expect(try count(module(access, Self.operators[1], isSwapped: true)) == 0)
    }

    @Test("is not made of what only looks like it")
    func lookalikes() throws {
        func module(_ emit: (CodeBuilder) -> Void) -> [UInt8] {
            var builder = WasmBuilder()
            builder.memory(1)
            builder.function("run", [.i32, .i32], [], locals: [.i32]) { emit($0) }
            return builder.build()
        }
        // Another offset, another address, fewer bytes.
        #expect(
            try count(module { $0.localGet(0).localGet(0).i32Load(offset: 4).localGet(1).i32Add().i32Store() }) == 0)
        #expect(try count(module { $0.localGet(0).localGet(1).i32Load().localGet(1).i32Add().i32Store() }) == 0)
        #expect(try count(module { $0.localGet(0).localGet(0).i32Load8U().localGet(1).i32Add().i32Store() }) == 0)
        #expect(try count(module { $0.localGet(0).localGet(0).i32Load().localGet(1).i32Add().i32Store8() }) == 0)
        // The sum is wanted elsewhere, or what was loaded.
        #expect(
            try count(
                module {
                    $0.localGet(0).localGet(0).i32Load().localGet(1).i32Add().localTee(2).i32Store()
                    $0.localGet(1).localGet(2).i32Store(offset: 64)
                }) == 0)
        #expect(
            try count(
                module {
                    $0.localGet(0).localGet(0).i32Load().localTee(2).localGet(1).i32Add().i32Store()
                    $0.localGet(1).localGet(2).i32Store(offset: 64)
                }) == 0)
        // A store lies between, which may change what was loaded.
        #expect(
            try count(
                module {
                    $0.localGet(0).i32Load().localSet(2)
                    $0.localGet(1).i32Const(7).i32Store()
                    $0.localGet(0).localGet(2).localGet(1).i32Add().i32Store()
                }) == 0)
    }
}

extension CodeBuilder {
    @discardableResult
    fileprivate func memoryOp(_ opcode: Opcode, offset: UInt32) -> CodeBuilder {
        op(opcode)
        u32(0)
        u32(offset)
        return self
    }
}
