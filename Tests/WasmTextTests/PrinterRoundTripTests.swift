//! What is printed and encoded again is the module that it was: over the specification's suite and over real programs.

import Foundation
import TestSupport
import Testing

@testable import WasmText

@Suite struct PrinterRoundTripTests {
    static let scripts = (try? TestData.files(in: "spec-testsuite", withExtension: "wast")) ?? []

    /// All modules of a script that can be encoded or are in the binary format.
    static func modules(of script: Script) -> [(line: Int, source: ModuleSource, isMalformed: Bool)] {
        script.commands.compactMap { command in
            switch command.kind {
            case .module(_, let source), .definition(_, let source), .assertUninstantiable(let source, _),
                .assertInvalid(let source, _), .assertUnlinkable(let source, _):
                (command.line, source, false)
            case .assertMalformed(let source, _), .assertCustomSection(let source, _): (command.line, source, true)
            default: nil
            }
        }
    }

    @Test(.needs("spec-testsuite"))
    func suiteIsThere() { #expect(!Self.scripts.isEmpty) }

    @Test(.needs("spec-testsuite"), arguments: scripts)
    func suite(url: URL) throws {
        // Of instructions and types beyond 3.0, some cannot be read.
        let isBeyond = url.path.contains("/proposals/") || url.path.contains("/legacy/")
        let source = try TestData.bytes(at: url)
        guard let script = try? Script(parsing: source, fileName: url.lastPathComponent) else {
            #expect(isBeyond, "\(url.path) is no script")
            return
        }
        for (line, source, isMalformed) in Self.modules(of: script) {
            let place = Comment(rawValue: "\(url.lastPathComponent):\(line)")
            var isBinary = false
            if case .binary = source { isBinary = true }
            if isMalformed || isBeyond {
                // Printed or not: it ends, and what is printed is text.
                guard let module = try? source.encode(), let text = try? WasmText.print(module) else { continue }
                #expect(throws: Never.self, place) { _ = try WasmText.encode(text) }
                if isMalformed { continue }
            }
            do {
                let module = try source.encode()
                try check(module, isEncoded: !isBinary, place)
                if !isBinary { try check(try source.encode(names: false), isEncoded: true, place) }
            } catch {
                Issue.record("\(place): \(error)")
            }
        }
    }

    @Test(.needs("corpus", "sightglass", "wasi-testsuite"), arguments: ["corpus", "sightglass", "wasi-testsuite"])
    func programs(folder: String) throws {
        for url in try TestData.files(in: folder, withExtension: "wasm") {
            try check(try TestData.bytes(at: url), isEncoded: false, Comment(rawValue: url.path))
        }
    }

    /// - Parameter isEncoded: the module comes from `WasmText.encode`.
    func check(_ module: [UInt8], isEncoded: Bool, _ place: Comment) throws {
        let text = try WasmText.print(module)
        let encoded = try WasmText.encode(text)
        let again = try WasmText.encode(try WasmText.print(encoded))
        // Comparisons that fail would print both.
        #expect((encoded == again) as Bool, "\(place): not the same when printed again")
        if isEncoded {
            #expect((encoded == module) as Bool, "\(place): \(firstDifference(encoded, module))")
        } else {
            let (before, after) = (CanonicalModule(module), CanonicalModule(encoded))
            #expect((before == after) as Bool, "\(place): \(difference(before, after))")
            compareNames(before, after, place)
        }
    }

    private func firstDifference(_ a: [UInt8], _ b: [UInt8]) -> String {
        let index = zip(a, b).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(a.count, b.count)
        return "\(a.count) and \(b.count) bytes, which differ at \(index)"
    }

    private func difference(_ a: CanonicalModule, _ b: CanonicalModule) -> String {
        for (a, b) in zip(a.sections, b.sections) where a != b {
            return "section \(a[0]): \(firstDifference(a, b))"
        }
        return "sections \(a.sections.map { $0[0] }) and \(b.sections.map { $0[0] })"
    }

    /// Names that are unique are all there; others with something behind them.
    private func compareNames(_ before: CanonicalModule, _ after: CanonicalModule, _ place: Comment) {
        guard before.nameSections.count == 1, let names = try? ModuleNames(BinaryReader(before.nameSections[0])) else {
            return
        }
        guard let content = after.nameSections.first, let result = try? ModuleNames(BinaryReader(content)) else {
            let hasNone = names.maps.values.allSatisfy { $0.isEmpty }
            #expect(hasNone, place)
            return
        }
        for (id, map) in names.maps {
            var kept: [UInt32: [UInt8]] = [:]
            for (index, name) in result.maps[id] ?? [] { kept[index] = Array(content[name]) }
            var seen: Set<[UInt8]> = []
            var lost = 0
            for (index, range) in map {
                let name = Array(before.nameSections[0][range])
                guard !name.isEmpty, let kept = kept[index] else {
                    lost += name.isEmpty ? 0 : 1
                    continue
                }
                let isSame = seen.insert(name).inserted ? kept == name : kept.starts(with: name + [UInt8(ascii: "_")])
                if !isSame { Issue.record("\(place): name \(index) in \(id)") }
            }
            #expect(lost == 0, "\(place): names of kind \(id)")
        }
        for (id, maps) in names.indirectMaps where id != ModuleNames.locals {
            #expect(maps.keys.sorted() == (result.indirectMaps[id] ?? [:]).keys.sorted(), place)
        }
    }

    /// Prints, but does not judge: times of shared machines prove nothing. Meaningful in a release build.
    @Test(.needs("corpus"))
    func throughput() throws {
        for name in ["corpus/qjs.wasm", "corpus/speedtest1.wasm"] {
            let bytes = try TestData.bytes(name)
            let clock = ContinuousClock()
            let start = clock.now
            let text = try WasmText.print(bytes)
            let middle = clock.now
            let encoded = try WasmText.encode(text)
            let end = clock.now
            print(
                "\(name): \(bytes.count) bytes printed in \(middle - start) as \(text.utf8.count),",
                "encoded in \(end - middle) as \(encoded.count)")
        }
    }
}
