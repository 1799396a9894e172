//! Damaged modules: whatever happens to the bytes, decoding and validation end with a module or a typed error.
//!
//! Deterministic: mutant N of a seed depends on the seed and N alone. A crash ends the process, so the seed and the
//! index of the batch are printed before it runs; `MAYFLY_FUZZ_SEED` and `MAYFLY_FUZZ_FIRST` repeat it from there.
//! `MAYFLY_FUZZ_MUTANTS` sets the number: by default 100,000 under CI and 5,000 elsewhere.
//!
//! Bounded work is asserted through what is measurable without a clock: the bytes the decoder keeps. An accepted module
//! may not claim more declarations than it has bytes.

import Foundation
import TestSupport
import Testing

@testable import WasmModule

@Suite struct MutationTests {
    static let mutants =
        TestData.integer(fromEnvironment: "MAYFLY_FUZZ_MUTANTS") ?? (TestData.isRequired ? 100_000 : 5_000)
    static let seed = UInt64(TestData.integer(fromEnvironment: "MAYFLY_FUZZ_SEED") ?? 0x6D61_7966_6C79)
    static let first = TestData.integer(fromEnvironment: "MAYFLY_FUZZ_FIRST") ?? 0

    @Test(.needs("corpus", "sightglass"))
    func damagedModulesNeverCrash() throws {
        let originals = try Originals()
        print("mutation: seed \(Self.seed), \(Self.mutants) mutants from \(Self.first), \(originals.count) originals")
        var accepted = 0
        var kinds: [WasmError.Kind: Int] = [:]
        for index in Self.first..<(Self.first + Self.mutants) {
            if index % 10_000 == 0 { print("mutation: seed \(Self.seed), next mutant \(index)") }
            var random = SeededGenerator.forCase(index, seed: Self.seed)
            var bytes = originals.pick(&random)
            mutate(&bytes, &random, originals)
            do throws(WasmError) {
                let module = try DecodedModule(decoding: bytes)
                let declared =
                    module.types.count + module.imports.count + module.exports.count + module.functions.count
                    + module.globals.count + module.elements.count + module.data.count + module.bodies.count
                    + module.elements.reduce(0) { $0 + $1.items.count }
                if declared > 2 * bytes.count { Issue.record("mutant \(index): \(declared) entries") }
                var validator = FunctionValidator(module: module)
                // Every body on its own, so that one error does not hide the rest.
                for body in module.bodies.indices {
                    do throws(WasmError) {
                        try validator.validate(body: body)
                        // What validation accepts, the unchecked reader must be able to walk.
                        if !readsToItsEnd(module, body) { Issue.record("mutant \(index): body \(body) is misread") }
                    } catch {
                        kinds[error.kind, default: 0] += 1
                        let range = module.bodies[body].range
                        if !(range.lowerBound...range.upperBound).contains(error.offset) {
                            Issue.record("mutant \(index): \(error) is outside of its body")
                        }
                    }
                }
                accepted += 1
            } catch {
                kinds[error.kind, default: 0] += 1
                if error.offset > bytes.count { Issue.record("mutant \(index): \(error) is outside of the module") }
            }
        }
        print("mutation: \(accepted) of \(Self.mutants) decoded; errors: \(kinds)")
        // The mutations must reach every stage, or they test nothing.
        #expect(accepted > 0 && accepted < Self.mutants)
        #expect((kinds[.malformed] ?? 0) > 0 && (kinds[.invalid] ?? 0) > 0 && (kinds[.unsupported] ?? 0) > 0)
    }

    private func readsToItsEnd(_ module: DecodedModule, _ body: Int) -> Bool {
        module.bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            var reader = OperatorReader(body: module.bodies[body], in: base)
            return skipBody(&reader) && reader.atEnd
        }
    }

    /// Modules to damage: mostly small ones; big ones as slices, and rarely whole.
    struct Originals {
        var small: [[UInt8]] = [TruncationTests.everything]
        var slices: [[UInt8]] = []
        var large: [[UInt8]] = []
        var count: Int { small.count + slices.count + large.count }

        init() throws {
            for folder in ["corpus", "sightglass"] {
                for url in try TestData.files(in: folder, withExtension: "wasm") {
                    let bytes = try TestData.bytes(at: url)
                    if bytes.count < 20_000 {
                        small.append(bytes)
                    } else {
                        large.append(bytes)
                        for part in 0..<8 { slices.append(Self.slice(bytes, part: part, of: 8)) }
                    }
                }
            }
        }

        func pick(_ random: inout SeededGenerator) -> [UInt8] {
            switch random.below(500) {
            case 0: random.pick(large)
            case 1..<200: random.pick(slices)
            default: random.pick(small)
            }
        }

        /// A valid small module made of a large one: its declarations, and of its bodies a few; the others, and the data,
        /// are replaced by the shortest ones.
        static func slice(_ bytes: [UInt8], part: Int, of parts: Int) -> [UInt8] {
            guard let module = try? DecodedModule(decoding: bytes) else { return bytes }
            let kept = module.bodies.count * part / parts
            var output = WasmBuilder.header
            for (id, content) in sections(of: bytes) where ![0, 12].contains(id) {
                switch id {
                case 10:
                    output += WasmBuilder.section(
                        10,
                        CodeBuilder.code { code in
                            code.u32(UInt32(module.bodies.count))
                            for (index, body) in module.bodies.enumerated() {
                                if (kept..<(kept + 6)).contains(index) && body.range.count < 4_000 {
                                    code.sized(Array(bytes[body.range]))
                                } else {
                                    code.sized([0, 0, 0x0B])
                                }
                            }
                        })
                case 11: output += WasmBuilder.section(11, [0])
                default: output += WasmBuilder.section(id, Array(bytes[content]))
                }
            }
            return output
        }
    }

    /// Bytes that mean something in most places: counts, types, prefixes, ends.
    private static let tellingBytes: [UInt8] = [0, 1, 0x40, 0x70, 0x7F, 0x80, 0xFC, 0xFD, 0xFF, 0x0B, 0x05, 0x0E]

    private static let opcodes = Opcode.allCases.map(\.rawValue)

    /// Integers at and beyond the bounds of their encodings.
    private static let extremes: [[UInt8]] = [
        [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0x80, 0x80, 0x80, 0x80, 0x00], [0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        [0x80, 0x80, 0x80, 0x80, 0x78], [0xFF, 0xFF, 0x03], [0xC0, 0x84, 0x3D], [0x80], [0xFF, 0x7F],
        [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    ]

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator, _ originals: Originals) {
        if random.oneIn(2) { damageInPlace(&bytes, &random) } else { restructure(&bytes, &random, originals) }
    }

    /// Changes bytes inside one section, most often the code, so that all sizes stay right and the damage is met deep
    /// inside: in a body, an expression, an index.
    private func damageInPlace(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let parts = sections(of: bytes)
        let code = parts.first { $0.id == 10 }
        guard !parts.isEmpty else { return }
        for _ in 0...random.below(3) {
            let part = random.oneIn(4) ? random.pick(parts) : code ?? random.pick(parts)
            guard !part.content.isEmpty else { continue }
            let position = part.content.lowerBound + random.below(part.content.count)
            switch random.below(5) {
            case 0: bytes[position] ^= 1 << UInt8(random.below(8))
            case 1: bytes[position] = UInt8(truncatingIfNeeded: random.next())
            case 2: bytes[position] = random.pick(Self.tellingBytes)
            case 3: bytes[position] = random.pick(Self.opcodes)
            default:
                let source = part.content.lowerBound + random.below(part.content.count)
                let length = min(1 + random.below(12), part.content.upperBound - max(source, position))
                for index in 0..<length { bytes[position + index] = bytes[source + index] }
            }
        }
    }

    private func restructure(_ bytes: inout [UInt8], _ random: inout SeededGenerator, _ originals: Originals) {
        for _ in 0...random.below(4) {
            guard !bytes.isEmpty else { return }
            // Half of the damage goes to the front, where the structure is.
            let position = random.below(random.oneIn(2) ? min(bytes.count, 200) : bytes.count)
            switch random.below(9) {
            case 0: bytes[position] ^= 1 << UInt8(random.below(8))
            case 1: bytes[position] = UInt8(truncatingIfNeeded: random.next())
            case 2: bytes[position] = random.pick(Self.tellingBytes)
            case 3: bytes.removeSubrange(position..<min(bytes.count, position + 1 + random.below(8)))
            case 4:
                let length = min(bytes.count - position, 1 + random.below(64))
                bytes.insert(contentsOf: bytes[position..<(position + length)], at: random.below(bytes.count + 1))
            case 5: bytes.removeLast(bytes.count - position)
            case 6:
                let extreme = random.pick(Self.extremes)
                if random.oneIn(2) {
                    bytes.insert(contentsOf: extreme, at: position)
                } else {
                    bytes.replaceSubrange(position..<min(bytes.count, position + extreme.count), with: extreme)
                }
            case 7:
                // A splice of another module.
                let other = originals.pick(&random)
                let start = random.below(other.count)
                let piece = other[start..<min(other.count, start + 1 + random.below(256))]
                bytes.replaceSubrange(position..<min(bytes.count, position + piece.count), with: piece)
            default:
                // A repeated or exchanged section, sizes intact.
                let parts = (try? DecodedModule(decoding: bytes)) == nil ? [] : sections(of: bytes)
                guard let part = parts.isEmpty ? nil : random.pick(parts) else { continue }
                bytes.append(contentsOf: WasmBuilder.section(part.id, Array(bytes[part.content])))
            }
        }
    }
}
