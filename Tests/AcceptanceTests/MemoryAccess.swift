//! Every instruction that reads or writes memory, described for tests that try all of them.

import Mayfly
import TestSupport
import Testing
import WasmModule

/// A load or store.
struct MemoryAccess: Sendable, CustomTestStringConvertible {
    enum Direction: Sendable {
        case load(isSigned: Bool)
        case store
    }

    let name: String
    let opcode: Opcode
    /// Bytes in memory.
    let width: Int
    /// Of the value on the operand stack.
    let type: ValueType
    let direction: Direction

    var testDescription: String { name }
    var isStore: Bool { if case .store = direction { true } else { false } }

    private static func load(
        _ name: String, _ opcode: Opcode, _ width: Int, _ type: ValueType, isSigned: Bool = false
    ) -> MemoryAccess {
        MemoryAccess(name: name, opcode: opcode, width: width, type: type, direction: .load(isSigned: isSigned))
    }

    private static func store(_ name: String, _ opcode: Opcode, _ width: Int, _ type: ValueType) -> MemoryAccess {
        MemoryAccess(name: name, opcode: opcode, width: width, type: type, direction: .store)
    }

    static let all: [MemoryAccess] = [
        load("i32.load", .i32Load, 4, .i32),
        load("i32.load8_s", .i32Load8S, 1, .i32, isSigned: true),
        load("i32.load8_u", .i32Load8U, 1, .i32),
        load("i32.load16_s", .i32Load16S, 2, .i32, isSigned: true),
        load("i32.load16_u", .i32Load16U, 2, .i32),
        load("i64.load", .i64Load, 8, .i64),
        load("i64.load8_s", .i64Load8S, 1, .i64, isSigned: true),
        load("i64.load8_u", .i64Load8U, 1, .i64),
        load("i64.load16_s", .i64Load16S, 2, .i64, isSigned: true),
        load("i64.load16_u", .i64Load16U, 2, .i64),
        load("i64.load32_s", .i64Load32S, 4, .i64, isSigned: true),
        load("i64.load32_u", .i64Load32U, 4, .i64),
        load("f32.load", .f32Load, 4, .f32),
        load("f64.load", .f64Load, 8, .f64),
        store("i32.store", .i32Store, 4, .i32),
        store("i32.store8", .i32Store8, 1, .i32),
        store("i32.store16", .i32Store16, 2, .i32),
        store("i64.store", .i64Store, 8, .i64),
        store("i64.store8", .i64Store8, 1, .i64),
        store("i64.store16", .i64Store16, 2, .i64),
        store("i64.store32", .i64Store32, 4, .i64),
        store("f32.store", .f32Store, 4, .f32),
        store("f64.store", .f64Store, 8, .f64),
    ]

    /// Writes the instruction. The operands are on the stack.
    func emit(_ code: CodeBuilder, offset: UInt32) {
        code.op(opcode).u32(0).u32(offset)
    }

    /// What memory holds at an address, or gets there: bytes that differ from their neighbours, half of them with the
    /// sign bit set.
    func bytes(at address: UInt64) -> [UInt8] {
        (0..<UInt64(width)).map { UInt8(truncatingIfNeeded: ((address &+ $0) &* 0x9E37_79B9_7F4A_7C15) >> 56) }
    }

    /// What a load of these bytes gives.
    func loaded(_ bytes: [UInt8]) -> Value {
        var bits: UInt64 = 0
        for (index, byte) in bytes.enumerated() { bits |= UInt64(byte) << UInt64(8 * index) }
        if case .load(isSigned: true) = direction {
            let unused = UInt64(64 - 8 * width)
            bits = UInt64(bitPattern: Int64(bitPattern: bits << unused) >> Int64(unused))
        }
        return Value(type, bits: bits)
    }

    /// A value whose low bytes a store writes as these.
    func stored(_ bytes: [UInt8]) -> Value {
        var bits: UInt64 = 0xA5A5_A5A5_A5A5_A5A5
        for (index, byte) in bytes.enumerated() {
            bits &= ~(0xFF << UInt64(8 * index))
            bits |= UInt64(byte) << UInt64(8 * index)
        }
        return Value(type, bits: bits)
    }
}

/// Constant offsets: none, small, about the 2 GiB that guards reach, and the largest.
enum AccessOffsets {
    static func all(width: Int) -> [UInt32] {
        var offsets: Set<UInt32> = [
            0, 1, UInt32(width) - 1, 0xFFFF, 0x1_0000, 0x7FFE_FFFF, 0x7FFF_0000, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001,
        ]
        for offset in 0xFFFF_FFF7...UInt32.max { offsets.insert(offset) }
        return offsets.sorted()
    }

    /// Indices for an offset: those at which the access ends about the end of a memory of these lengths (bytes), or
    /// about the end of 32-bit addresses, those about the memory's end themselves, and the ends of the signed and
    /// unsigned range.
    static func indices(offset: UInt32, width: Int, lengths: [UInt64]) -> [UInt32] {
        var indices: Set<UInt32> = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF]
        let ends: [Int64] = lengths.map { Int64($0) } + [1 << 32]
        for end in ends {
            let first = end - Int64(width) - 1
            for target in first...(end + 1) {
                for index in [target, target - Int64(offset)] {
                    if let index = UInt32(exactly: index) { indices.insert(index) }
                }
            }
        }
        return indices.sorted()
    }
}
