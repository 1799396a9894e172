//! The reader of validated code agrees with the decoder on every immediate.

import TestSupport
import Testing
import WasmModule

@Suite("Operator reader")
struct OperatorReaderTests {
    private func read<Result>(_ bytes: [UInt8], _ body: (inout OperatorReader) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { buffer in
            var reader = OperatorReader(start: buffer.baseAddress!, end: buffer.baseAddress! + buffer.count)
            return body(&reader)
        }
    }

    @Test(
        "Offsets are unsigned in every length",
        arguments: [0, 63, 64, 127, 128, 13_240, 0x3FFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] as [UInt32])
    func offsets(offset: UInt32) {
        let shortest = LEB128.unsigned(UInt64(offset))
        // The same number with as many bytes as the format allows.
        let longest = (0..<10).map { index -> UInt8 in
            let bits = index < 5 ? UInt8(UInt64(offset) >> UInt64(index * 7) & 0x7F) : 0
            return index < 9 ? bits | 0x80 : bits
        }
        for bytes in [shortest, longest] {
            let (argument, position) = read([3] + bytes) { ($0.readMemoryArgument(), $0.position) }
            #expect(argument == MemoryArgument(align: 3, offset: UInt64(offset)))
            #expect(position == bytes.count + 1)
        }
    }

    @Test(
        "Constants are signed in every length", arguments: [0, 63, 64, -1, -64, -65, 8191, 8192, .max, .min] as [Int32])
    func constants(value: Int32) {
        #expect(read(LEB128.signed(Int64(value))) { $0.readS32() } == value)
        #expect(read(LEB128.signed(Int64(value))) { $0.readS64() } == Int64(value))
    }
}
