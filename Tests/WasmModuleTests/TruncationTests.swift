//! A module cut off anywhere is refused (or still a module, when the cut is between sections), never a crash.

import TestSupport
import Testing
import WasmModule

@Suite struct TruncationTests {
    /// A module with every kind of section and most kinds of entry.
    static let everything: [UInt8] = {
        var module = WasmBuilder()
        module.name = "everything"
        let imported = module.importFunction("env", "f", [.i32], [.i64])
        module.importGlobal("env", "g", .i32)
        let function = module.function("f", [.i32], [.i64], locals: [.i32, .f64]) {
            $0.block { $0.localGet(0).brTable([0, 0], default: 0) }
            $0.i32Const(-5).i64Const(1 << 40).drop().f32Const(1).drop().f64Const(2).drop()
            $0.localGet(0).i32Add().i32Load(offset: 70_000).call(imported)
        }
        module.name(function: function, "f")
        module.table(.funcref, 1, max: 9, export: "table")
        module.memory(1, max: 2, export: "memory")
        module.global(.i32, mutable: true) { $0.globalGet(0).i32Const(1).i32Add() }
        module.start(module.function { $0.i32Const(0).i32Const(0).i32Const(0).memoryInit(data: 1) })
        module.element(at: 0, functions: [function])
        module.passiveElement(.externref, expressions: [{ $0.refNull(.externref) }])
        module.data(at: 16, Array("hello".utf8))
        module.passiveData([1, 2, 3])
        module.customSection("extra", [1, 2, 3])
        return module.build()
    }()

    @Test func everythingIsValid() throws { try validate(Self.everything) }

    @Test func everyPrefix() throws {
        for length in 0..<Self.everything.count {
            let found = error(of: Array(Self.everything[..<length]))
            if let found { #expect(found.offset <= length, "\(found)") }
        }
    }

    /// Cuts inside a section, with the section's size repaired, so that its entries run out of bytes.
    @Test func everySectionCutShort() throws {
        for (id, range) in sections(of: Self.everything) {
            for length in 0..<range.count {
                var bytes = WasmBuilder.header
                for (other, content) in sections(of: Self.everything) {
                    let kept = other == id && content == range ? content.prefix(length) : content[...]
                    bytes += WasmBuilder.section(other, Array(Self.everything[kept]))
                }
                // A custom section is any name and bytes: cut inside the payload it is still one.
                let found = error(of: bytes)
                #expect(found != nil || id == 0, "section \(id) cut to \(length) bytes")
            }
        }
    }

    @Test(.needs("corpus")) func realModulesCutAtEverySection() throws {
        for name in ["corpus/qjs.wasm", "corpus/speedtest1.wasm"] {
            let bytes = try TestData.bytes(name)
            for (_, range) in sections(of: bytes) {
                for cut in [range.lowerBound - 1, range.lowerBound, range.lowerBound + 1, range.upperBound - 1] {
                    #expect(error(of: Array(bytes[..<cut])) != nil, "\(name) cut at \(cut)")
                }
            }
        }
    }
}

/// The sections of a well-formed module: id and content.
func sections(of bytes: [UInt8]) -> [(id: UInt8, content: Range<Int>)] {
    var sections: [(UInt8, Range<Int>)] = []
    var position = 8
    while position < bytes.count {
        let id = bytes[position]
        position += 1
        var size = 0
        var shift = 0
        while true {
            let byte = bytes[position]
            position += 1
            size |= Int(byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 { break }
        }
        sections.append((id, position..<(position + size)))
        position += size
    }
    return sections
}
