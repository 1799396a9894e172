//! Every way in which bytes can fail to be a module: the right kind, the right place.

import TestSupport
import Testing
import WasmModule

@Suite struct MalformedTests {
    /// A module of one section.
    private func module(_ id: UInt8, _ content: [UInt8]) -> [UInt8] {
        WasmBuilder.raw(WasmBuilder.section(id, content))
    }

    /// A module with a memory, a table and one function of type [] -> [] whose body is exactly these bytes.
    private func body(_ bytes: [UInt8]) -> [UInt8] {
        var module = WasmBuilder()
        module.memory(1)
        module.table(.funcref, 1)
        module.function(type: module.type([], []), rawBody: bytes)
        return module.build()
    }

    @Test func header() {
        expect(error(of: []), .malformed, "unexpected end", at: 0)
        expect(error(of: [0, 0x61, 0x73]), .malformed, "unexpected end", at: 0)
        expect(error(of: Array("wasm".utf8) + [1, 0, 0, 0]), .malformed, "magic header not detected", at: 0)
        expect(error(of: [0, 0x61, 0x73, 0x6D, 1, 0]), .malformed, "unexpected end", at: 4)
        expect(error(of: [0, 0x61, 0x73, 0x6D, 2, 0, 0, 0]), .malformed, "unknown binary version", at: 4)
        expect(
            error(of: [0, 0x61, 0x73, 0x6D, 13, 0, 1, 0]), .malformed, "unknown binary version: this is a component")
        #expect(error(of: WasmBuilder.header) == nil)
    }

    @Test func sectionIdAndOrder() {
        expect(error(of: module(14, [0])), .malformed, "malformed section id", at: 8)
        expect(error(of: module(0x80, [0])), .malformed, "malformed section id", at: 8)
        let empty = { (id: UInt8) in WasmBuilder.section(id, [0]) }
        let order: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11]
        #expect(error(of: WasmBuilder.header + order.flatMap(empty)) == nil)
        for (place, id) in order.enumerated() {
            let message = "unexpected content after last section"
            expect(error(of: WasmBuilder.raw(empty(id), empty(id))), .malformed, message, at: 11)
            for earlier in order[..<place] {
                expect(error(of: WasmBuilder.raw(empty(id), empty(earlier))), .malformed, message, at: 11)
            }
        }
        // Custom sections may stand anywhere, any number of times.
        let custom = WasmBuilder.section(0, [1, 0x78])
        #expect(error(of: WasmBuilder.raw(custom, empty(1), custom, custom, empty(3), custom)) == nil)
    }

    @Test func sectionSize() {
        expect(error(of: WasmBuilder.header + [1, 5, 0]), .malformed, "length out of bounds", at: 10)
        expect(error(of: WasmBuilder.header + [1]), .malformed, "unexpected end", at: 9)
        expect(error(of: module(1, [0, 0])), .malformed, "section size mismatch", at: 11)
        expect(error(of: module(1, [2, 0x60, 0, 0])), .malformed, "unexpected end", at: 14)
        expect(error(of: module(1, [9, 0x60, 0, 0])), .malformed, "length out of bounds", at: 10)
        expect(error(of: module(0, [])), .malformed, "unexpected end", at: 10)
        expect(error(of: module(0, [5, 0x61])), .malformed, "length out of bounds", at: 11)
    }

    @Test func countsAndBodiesAgree() {
        let type = WasmBuilder.section(1, [1, 0x60, 0, 0])
        let function = WasmBuilder.section(3, [1, 0])
        let message = "function and code section have inconsistent lengths"
        expect(error(of: WasmBuilder.raw(type, function)), .malformed, message)
        expect(error(of: WasmBuilder.raw(WasmBuilder.section(10, [1, 2, 0, 0x0B]))), .malformed, message)
        let two = WasmBuilder.section(10, [2, 2, 0, 0x0B, 2, 0, 0x0B])
        expect(error(of: WasmBuilder.raw(type, function, two)), .malformed, message)
        let cut = WasmBuilder.section(10, [1, 9, 0, 0x0B])
        expect(error(of: WasmBuilder.raw(type, function, cut)), .malformed, "unexpected end of section or function")
    }

    @Test func dataCount() {
        let message = "data count and data section have inconsistent lengths"
        expect(error(of: module(12, [1])), .malformed, message)
        let memory = WasmBuilder.section(5, [1, 0, 1])
        let data = WasmBuilder.section(11, [1, 1, 0])
        expect(error(of: WasmBuilder.raw(memory, WasmBuilder.section(12, [2]), data)), .malformed, message)
        #expect(error(of: WasmBuilder.raw(memory, WasmBuilder.section(12, [1]), data)) == nil)
        #expect(error(of: WasmBuilder.raw(memory, data)) == nil)

        for (uses, count) in [(true, true), (true, false), (false, false)] {
            var module = WasmBuilder()
            module.memory(1)
            module.passiveData([1, 2, 3])
            module.writesDataCount = count
            module.function { if uses { $0.dataDrop(0) } }
            let found = error(of: module.build())
            if uses && !count {
                expect(found, .malformed, "data count section required")
            } else {
                #expect(found == nil)
            }
        }
    }

    @Test func integers() {
        // The count of types, unsigned.
        let long: [UInt8] = [0x80, 0x80, 0x80, 0x80, 0x80, 0]
        expect(error(of: module(1, long)), .malformed, "integer representation too long", at: 10)
        expect(error(of: module(1, [0x80, 0x80, 0x80, 0x80, 0x10])), .malformed, "integer too large", at: 10)
        #expect(error(of: module(1, [0x80, 0x80, 0x80, 0x80, 0])) == nil)

        // i32.const and i64.const, signed.
        func const(_ opcode: UInt8, _ immediate: [UInt8]) -> WasmError? {
            error(of: body([0, opcode] + immediate + [0x1A, 0x0B]))
        }
        let accepted: [(UInt8, [UInt8])] = [
            (0x41, [0x80, 0x80, 0x80, 0x80, 0x78]), (0x41, [0xFF, 0xFF, 0xFF, 0xFF, 0x07]),
            (0x41, [0xFF, 0xFF, 0xFF, 0xFF, 0x7F]), (0x41, [0x80, 0x80, 0x80, 0x80, 0x00]),
            (0x42, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7F]),
            (0x42, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00]),
        ]
        for (opcode, immediate) in accepted { #expect(const(opcode, immediate) == nil, "\(immediate)") }
        let tooLarge: [(UInt8, [UInt8])] = [
            (0x41, [0x80, 0x80, 0x80, 0x80, 0x70]), (0x41, [0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
            (0x41, [0xFF, 0xFF, 0xFF, 0xFF, 0x4F]),
            (0x42, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7E]),
            (0x42, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        ]
        for (opcode, immediate) in tooLarge { expect(const(opcode, immediate), .malformed, "integer too large") }
        let tooLong: [(UInt8, [UInt8])] = [
            (0x41, [0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), (0x41, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]),
            (0x42, [UInt8](repeating: 0x80, count: 10) + [0]),
        ]
        for (opcode, immediate) in tooLong {
            expect(const(opcode, immediate), .malformed, "integer representation too long")
        }
    }

    @Test func names() {
        func custom(_ name: [UInt8]) -> WasmError? { error(of: module(0, [UInt8(name.count)] + name)) }
        #expect(custom(Array("naïve 文字 🦋".utf8)) == nil)
        #expect(custom([0xEF, 0xBB, 0xBF]) == nil)
        let bad: [[UInt8]] = [
            [0x80], [0xC0, 0x80], [0xC2], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF],
            [0xF8, 0x88, 0x80, 0x80, 0x80], [0x61, 0xE2, 0x82],
        ]
        for name in bad { expect(custom(name), .malformed, "malformed UTF-8 encoding", at: 10) }
        expect(error(of: module(2, [1, 1, 0xFF, 0, 0, 0])), .malformed, "malformed UTF-8 encoding", at: 11)
    }

    @Test func sectionEntries() {
        expect(error(of: module(1, [1, 0x5D, 0, 0])), .malformed, "malformed type form", at: 11)
        expect(error(of: module(1, [1, 0x60, 1, 0x40, 0])), .malformed, "malformed value type", at: 13)
        expect(error(of: module(2, [1, 0, 0, 5])), .malformed, "malformed import kind", at: 13)
        expect(error(of: module(4, [1, 0x70, 8, 0])), .malformed, "malformed limits flags", at: 12)
        expect(error(of: module(4, [1, 0x7F, 0, 0])), .malformed, "malformed reference type", at: 11)
        expect(error(of: module(5, [1, 8, 0])), .malformed, "malformed limits flags", at: 11)
        expect(error(of: module(6, [1, 0x7F, 4, 0x41, 0, 0x0B])), .malformed, "malformed mutability", at: 12)
        expect(error(of: module(7, [1, 0, 5, 0])), .malformed, "malformed export kind", at: 12)
        expect(error(of: module(9, [1, 8])), .malformed, "malformed element segment kind", at: 11)
        expect(error(of: module(9, [1, 1, 1, 0])), .malformed, "malformed element kind", at: 12)
        expect(error(of: module(9, [1, 5, 0x7F, 0])), .malformed, "malformed reference type", at: 12)
        expect(error(of: module(11, [1, 3])), .malformed, "malformed data segment kind", at: 11)
        expect(error(of: module(11, [1, 1, 5, 0])), .malformed, "unexpected end of section or function", at: 13)
    }

    @Test func constantExpressions() {
        expect(error(of: module(6, [1, 0x7F, 0, 0x41, 0])), .malformed, "unexpected end", at: 15)
        expect(error(of: module(6, [1, 0x7F, 0, 0xFF, 0x0B])), .malformed, "illegal opcode ff", at: 13)
        expect(error(of: module(6, [1, 0x70, 0, 0xD0, 0x7F, 0x0B])), .malformed, "malformed reference type", at: 14)
    }

    @Test func bodies() {
        let start = body([0, 0x0B]).count - 2
        func malformed(_ bytes: [UInt8], _ message: String, at offset: Int) {
            let found = error(of: body(bytes))
            expect(found, .malformed, message, at: start + offset)
            #expect(found?.function == 0)
        }
        malformed([], "unexpected end", at: 0)
        malformed([0], "unexpected end of section or function", at: 1)
        malformed([0, 0x41, 1, 0x1A], "unexpected end of section or function", at: 4)
        malformed([0, 0x0B, 0x0B], "END opcode expected", at: 2)
        malformed([0, 0x05, 0x0B], "else without if", at: 1)
        malformed([0, 0x41, 0, 0x04, 0x40, 0x05, 0x05, 0x0B, 0x0B], "else without if", at: 6)
        malformed([0, 0xFF, 0x0B], "illegal opcode ff", at: 1)
        malformed([0, 0x16, 0x0B], "illegal opcode 16", at: 1)
        malformed([0, 0xFC, 0x7F, 0x0B], "illegal opcode fc", at: 1)
        malformed([0, 0x02, 0x41, 0x0B, 0x0B], "malformed value type", at: 2)
        malformed([0, 0x02, 0x80, 0x7F, 0x0B, 0x0B], "malformed block type", at: 2)
        malformed([0, 0x43, 0, 0, 0x0B], "unexpected end", at: 5)
        malformed([0, 0x44, 0, 0, 0, 0, 0x0B], "unexpected end", at: 7)
        malformed([0, 0x41, 0, 0x28, 0x80, 1, 0, 0x1A, 0x0B], "malformed memop flags", at: 3)
        malformed([0, 0x41, 0, 0x0E, 0x7F, 0, 0x0B], "length out of bounds", at: 4)
        malformed([5, 1, 0x7F, 0x0B], "length out of bounds", at: 0)
        malformed([1, 1, 0x40, 0x0B], "malformed value type", at: 2)
        let all: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x7F]
        malformed([2] + all + [1, 0x7E, 0x0B], "too many locals", at: 7)
    }

    /// A wrong name section is no reason to refuse a module.
    @Test func malformedNameSectionsAreIgnored() throws {
        let payloads: [[UInt8]] = [
            [0xFF], [0, 200], [1, 2, 9, 0], [1, 5, 1, 0, 0xFF, 0, 0], [0, 2, 1, 0xFF], [7, 0, 1, 0x80],
        ]
        for payload in payloads {
            let bytes = module(0, CodeBuilder.code { $0.name("name").append(payload) })
            let module = try validate(bytes)
            #expect(module.names.functions.isEmpty)
        }
    }
}
