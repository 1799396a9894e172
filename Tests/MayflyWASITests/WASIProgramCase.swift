//! The cases of `WASIProgramTests`, as they are written down in `Tests/Fixtures/WASIPrograms/cases.json`.
//!
//! The first lines of `record.py` beside it say what is what.

import Foundation
import Mayfly
import MayflyWASI
import TestSupport
import Testing

/// What a program is given, and what came of it under Wasmtime.
struct ProgramCase: Decodable, Sendable {
    var name: String
    var program: Program
    var arguments: [Contents]?
    var environment: [String: String]?
    var input: Contents?
    var directory: [Node]?
    var access: String?
    var expected: Expectation?
    var difference: Difference?

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/WASIPrograms")

    static let all = Result {
        try JSONDecoder().decode(
            [ProgramCase].self, from: Data(contentsOf: folder.appendingPathComponent("cases.json")))
    }
}

extension ProgramCase {
    enum Program: String, Decodable, CaseIterable {
        case filter, walk, log, echo, qjs

        private static let engine = Result { try Engine(.init(pool: PoolConfiguration(slotCount: 8))) }

        // Each compiled once, whatever the number of its cases, and QuickJS only where it is wanted.
        private static let interpreter = Result { try qjs.compile() }
        private static let programs = [Program: Result<Template<WASI>, any Error>](
            uniqueKeysWithValues: allCases.filter { $0 != .qjs }.map { program in
                (program, Result { try program.compile() })
            })

        var template: Template<WASI> {
            get throws { try (Self.programs[self] ?? Self.interpreter).get() }
        }

        private func compile() throws -> Template<WASI> {
            let file =
                self == .qjs
                ? TestData.url("corpus/qjs.wasm") : ProgramCase.folder.appendingPathComponent("\(rawValue).wasm")
            var imports = Imports<WASI>()
            imports.defineWASI()
            return try Self.engine.get().compile(contentsOf: file.path).template(imports: imports)
        }
    }

    /// What came of it.
    struct Expectation: Decodable, Sendable {
        var code: UInt32?
        var output: Contents?
        var errors: Contents?
        /// Nil: as it was.
        var directory: [Node]?
    }

    /// What Mayfly does otherwise, and is right about.
    struct Difference: Decodable, Sendable {
        var reason: String
        /// Parts of what is written to the standard streams, and what there is instead.
        var replaced: [String: String]
        var directory: [Node]?

        func applied(to original: Expectation) throws -> Expectation {
            var result = original
            var unused = Set(replaced.keys)
            result.output = try replacing(in: original.output, &unused)
            result.errors = try replacing(in: original.errors, &unused)
            result.directory = directory ?? original.directory
            // Or the difference is one no more.
            #expect(unused.isEmpty)
            return result
        }

        private func replacing(in contents: Contents?, _ unused: inout Set<String>) throws -> Contents? {
            if case .digest = contents { return contents }
            guard var text = try contents?.text() else { return nil }
            for (old, new) in replaced.sorted(by: { $0.key.count > $1.key.count }) where text.contains(old) {
                text = text.replacingOccurrences(of: old, with: new)
                unused.remove(old)
            }
            return .text(text)
        }
    }

    /// A file, a directory or a link.
    struct Node: Decodable, Sendable, Equatable {
        var path: String
        var contents: Contents?
        /// Of a symbolic link.
        var target: String?
        /// What this is another name of.
        var original: String?
        /// How many names the file has.
        var links: Int?
        /// So many nodes, with their numbers for `#` in the path.
        var `repeat`: Int?

        var isDirectory: Bool { contents == nil && target == nil && original == nil }

        var expanded: [Node] {
            guard let count = `repeat` else { return [self] }
            return (1...count).map { number in
                var node = self
                node.repeat = nil
                node.path = path.replacingOccurrences(of: "#", with: "\(number)")
                return node
            }
        }
    }

    /// Bytes, in one of the ways in which they can be written down.
    indirect enum Contents: Decodable, Sendable, Equatable {
        case text(String, repeated: Int = 1)
        case bytes([UInt8])
        case source(String)
        case list([Contents])
        case digest(size: Int, String)
        // Only in an input.
        case pause(milliseconds: Int)
        case hold

        private enum Key: CodingKey { case text, `repeat`, base64, source, size, digest, pause, hold }

        init(from decoder: any Decoder) throws {
            if let value = try? decoder.singleValueContainer() {
                if let text = try? value.decode(String.self) {
                    self = .text(text)
                    return
                }
                if let list = try? value.decode([Contents].self) {
                    self = .list(list)
                    return
                }
            }
            let object = try decoder.container(keyedBy: Key.self)
            if let text = try object.decodeIfPresent(String.self, forKey: .text) {
                self = .text(text, repeated: try object.decodeIfPresent(Int.self, forKey: .repeat) ?? 1)
            } else if let data = try object.decodeIfPresent(Data.self, forKey: .base64) {
                self = .bytes([UInt8](data))
            } else if let name = try object.decodeIfPresent(String.self, forKey: .source) {
                self = .source(name)
            } else if let time = try object.decodeIfPresent(Int.self, forKey: .pause) {
                self = .pause(milliseconds: time)
            } else if try object.decodeIfPresent(Bool.self, forKey: .hold) == true {
                self = .hold
            } else {
                self = .digest(
                    size: try object.decode(Int.self, forKey: .size), try object.decode(String.self, forKey: .digest))
            }
        }

        /// Parts of an input, from the first to the last.
        var pieces: [Contents] { if case .list(let pieces) = self { pieces } else { [self] } }

        /// Whether it matters when it comes.
        var isTimed: Bool {
            pieces.contains { piece in
                switch piece {
                case .pause, .hold: true
                default: false
                }
            }
        }

        func bytes() throws -> [UInt8] {
            switch self {
            case .text(let text, let count): Array(repeatElement(text.utf8, count: count).joined())
            case .bytes(let bytes): bytes
            case .source(let name): try TestData.bytes(at: ProgramCase.folder.appendingPathComponent(name))
            case .list(let contents): try contents.flatMap { try $0.bytes() }
            case .digest, .pause, .hold:
                throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "\(self) has no bytes"))
            }
        }

        func text() throws -> String { String(decoding: try bytes(), as: UTF8.self) }

        /// FNV-1a of 64 bits, as `record.py` writes it.
        static func digest(of bytes: [UInt8]) -> String {
            let digest = bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            let text = String(digest, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
    }
}
