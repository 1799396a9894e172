//! Bounds of memory accesses: each instruction × constant offset × index, dynamic and constant, around the end of
//! memories of several sizes, before and after growth. What must happen is plain arithmetic, which this file does: an
//! access of `width` bytes is in bounds if index + offset + width, as an exact sum, is at most the length.

import Mayfly
import TestSupport
import Testing
import WasmModule

/// The sizes, in pages, that a memory goes through.
struct MemoryHistory: Sendable, CustomTestStringConvertible {
    let pages: [UInt64]

    static let all: [MemoryHistory] = [
        MemoryHistory(pages: [0, 2]), MemoryHistory(pages: [1, 3]), MemoryHistory(pages: [65_536]),
        MemoryHistory(pages: [1, 65_535, 65_536]),
    ]

    var testDescription: String { pages.map { "\($0) pages" }.joined(separator: ", then ") }
    var lengths: [UInt64] { pages.map { $0 << 16 } }

    func defineMemory(in module: inout WasmBuilder) {
        module.memory(UInt32(pages[0]), max: 65_536, export: "memory")
        module.function("grow", [.i32], [.i32]) { $0.localGet(0).memoryGrow() }
    }

    /// Runs `body` at each size.
    func forEachLength(
        _ instance: borrowing Instance<Void>, _ body: (borrowing Instance<Void>, UInt64) throws -> Void
    ) throws {
        for (step, count) in pages.enumerated() {
            if step > 0 {
                let before: UInt32 = try instance.call("grow", UInt32(count - pages[step - 1]))
                #expect(UInt64(before) == pages[step - 1])
            }
            #expect(UInt64(instance.memorySize) == count << 16)
            try body(instance, count << 16)
        }
    }
}

@Suite struct OutOfBoundsTests {
    @Test(arguments: MemoryAccess.all) func everyAccessIsBounded(_ access: MemoryAccess) throws {
        var comparison = Comparison()
        var traps = 0
        for history in MemoryHistory.all {
            let template = try Self.module(access, history).template()
            try template.withInstance { instance in
                try history.forEachLength(instance) { (instance, length) throws in
                    for offset in AccessOffsets.all(width: access.width) {
                        let indices = AccessOffsets.indices(
                            offset: offset, width: access.width, lengths: history.lengths)
                        for index in indices {
                            traps += try Self.check(access, instance, offset, index, length, &comparison)
                        }
                    }
                }
            }
        }
        #expect(traps > 1000)
        comparison.report(atLeast: traps + 300)
    }

    /// What is read, changed and written back by one machine instruction is bounded as the load in it would be.
    @Test(arguments: [1, 2, 4, 8]) func readModifyWriteIsBounded(_ width: Int) throws {
        let history = MemoryHistory.all[1]
        let offsets = AccessOffsets.all(width: width)
        let template = try sharedEngine.get().compile { module in
            history.defineMemory(in: &module)
            for offset in offsets {
                module.function("\(offset)", [.i32, .i64], []) { code in
                    code.localGet(0).localGet(0)
                    switch width {
                    case 1: code.i64Load8U(offset: offset)
                    case 2: code.i64Load16U(offset: offset)
                    case 4: code.i64Load32U(offset: offset)
                    default: code.i64Load(offset: offset)
                    }
                    code.localGet(1).op(.i64Xor)
                    switch width {
                    case 1: code.i64Store8(offset: offset)
                    case 2: code.i64Store16(offset: offset)
                    case 4: code.i64Store32(offset: offset)
                    default: code.i64Store(offset: offset)
                    }
                }
            }
        }.template()
        var comparison = Comparison()
        try template.withInstance { instance in
            try history.forEachLength(instance) { (instance, length) throws in
                for offset in offsets {
                    for index in AccessOffsets.indices(offset: offset, width: width, lengths: history.lengths) {
                        let address = UInt64(index) + UInt64(offset)
                        let isInBounds = address + UInt64(width) <= length
                        let start = isInBounds ? address : length - 16
                        let count = isInBounds ? Int(width) : 16
                        try instance.writeBytes([UInt8](repeating: 0x5A, count: count), at: UInt32(start))
                        let name = "\(width) bytes at \(index), offset=\(offset), of \(length)"
                        let arguments = [Value.i32(Int32(bitPattern: index)), .i64(-1)]
                        comparison.expect(
                            try instance.outcome("\(offset)", arguments),
                            isInBounds ? .results([]) : .trap(.memoryOutOfBounds), name)
                        comparison.expect(
                            try instance.readBytes(at: UInt32(start), count: count),
                            [UInt8](repeating: isInBounds ? 0xA5 : 0x5A, count: count), "memory after \(name)")
                    }
                }
            }
        }
        comparison.report(atLeast: 300)
    }

    /// A function per offset that takes the index, and one per offset and index that has both as constants.
    private static func module(_ access: MemoryAccess, _ history: MemoryHistory) throws -> Module {
        try sharedEngine.get().compile { module in
            history.defineMemory(in: &module)
            for offset in AccessOffsets.all(width: access.width) {
                let indices = AccessOffsets.indices(offset: offset, width: access.width, lengths: history.lengths)
                if access.isStore {
                    module.function("\(offset)", [.i32, access.type], []) { code in
                        access.emit(code.localGet(0).localGet(1), offset: offset)
                    }
                    for index in indices {
                        module.function("\(offset)+\(index)", [access.type], []) { code in
                            access.emit(code.i32Const(Int32(bitPattern: index)).localGet(0), offset: offset)
                        }
                    }
                } else {
                    module.function("\(offset)", [.i32], [access.type]) { code in
                        access.emit(code.localGet(0), offset: offset)
                    }
                    for index in indices {
                        module.function("\(offset)+\(index)", [], [access.type]) { code in
                            access.emit(code.i32Const(Int32(bitPattern: index)), offset: offset)
                        }
                    }
                }
            }
        }
    }

    /// Tries one offset and index, and returns how many traps there had to be.
    private static func check(
        _ access: MemoryAccess, _ instance: borrowing Instance<Void>, _ offset: UInt32, _ index: UInt32,
        _ length: UInt64,
        _ comparison: inout Comparison
    ) throws -> Int {
        let address = UInt64(index) + UInt64(offset)
        let isInBounds = address + UInt64(access.width) <= length
        let dynamicIndex = Value.i32(Int32(bitPattern: index))
        let bytes = access.bytes(at: address)
        func name(_ form: String) -> String {
            "\(form) \(access.name) offset=\(offset), index \(index), \(length) bytes"
        }

        guard access.isStore else {
            if isInBounds { try instance.writeBytes(bytes, at: UInt32(address)) }
            let expected: Outcome = isInBounds ? .results([access.loaded(bytes)]) : .trap(.memoryOutOfBounds)
            comparison.expect(try instance.bits("\(offset)", [dynamicIndex]), expected.bits, name("dynamic"))
            comparison.expect(try instance.bits("\(offset)+\(index)", []), expected.bits, name("constant"))
            return isInBounds ? 0 : 2
        }

        // A store writes its bytes and no other; one that traps writes nothing, not even where it is in bounds.
        let value = access.stored(bytes)
        let start = isInBounds ? max(address, 4) - 4 : max(length, 16) - 16
        let end = min(isInBounds ? address + UInt64(access.width) + 4 : length, length)
        let expected: Outcome = isInBounds ? .results([]) : .trap(.memoryOutOfBounds)
        for (form, call, arguments) in [
            ("dynamic", "\(offset)", [dynamicIndex, value]), ("constant", "\(offset)+\(index)", [value]),
        ] {
            var surroundings = [UInt8](repeating: 0x5A, count: Int(end - start))
            if end > start { try instance.writeBytes(surroundings, at: UInt32(start)) }
            comparison.expect(try instance.outcome(call, arguments), expected, name(form))
            if isInBounds {
                surroundings.replaceSubrange(Int(address - start)..<Int(address - start) + bytes.count, with: bytes)
            }
            guard end > start else { continue }
            let found = try instance.readBytes(at: UInt32(start), count: surroundings.count)
            comparison.expect(found, surroundings, name("memory after a \(form)"))
        }
        return isInBounds ? 0 : 2
    }
}

extension Outcome {
    /// The same with numbers as bits, for which every NaN equals itself.
    var bits: [UInt64] {
        switch self {
        case .results(let values): [0] + values.map(\.bits)
        case .trap(let code): [UInt64(code.rawValue)]
        }
    }
}

extension Instance {
    fileprivate func bits(_ name: String, _ arguments: [Value]) throws -> [UInt64] {
        try outcome(name, arguments).bits
    }
}
