//! Every public symbol of the products is documented. What is public, the compiler says: it can write down what a built
//! module offers, with the comments.

import Foundation
import Testing

@Suite("Public symbols") struct PublicSymbolTests {
    private struct Graph: Decodable {
        struct Symbol: Decodable {
            struct Kind: Decodable { var identifier: String }
            struct Comment: Decodable {}
            var kind: Kind
            var pathComponents: [String]
            var docComment: Comment?
        }

        var symbols: [Symbol]
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func symbols(of module: String) throws -> [Graph.Symbol] {
        try SymbolGraphs.with(module) { folder in
            let file = folder.appendingPathComponent("\(module).symbols.json")
            return try JSONDecoder().decode(Graph.self, from: Data(contentsOf: file)).symbols
        }
    }

    @Test("are documented", arguments: ["Mayfly", "MayflyWASI", "MayflyMetrics", "MayflyServer", "WasmText"])
    func documented(_ module: String) throws {
        let symbols = try symbols(of: module)
        #expect(symbols.count > 5)
        for symbol in symbols where symbol.docComment == nil {
            Issue.record("\(symbol.kind.identifier) \(symbol.pathComponents.joined(separator: "."))")
        }
    }

    @Test("of lower layers that users see are documented too")
    func exported() throws {
        // Lines like `@_exported public import struct Runtime.Trap`.
        let text = try String(
            contentsOf: Self.root.appendingPathComponent("Sources/Mayfly/Exports.swift"), encoding: .utf8)
        let exports = text.split(separator: "\n").filter { $0.hasPrefix("@_exported") }.compactMap {
            $0.split(separator: " ").last?.split(separator: ".").map(String.init)
        }
        #expect(exports.count > 20)
        for (module, names) in Dictionary(grouping: exports, by: \.[0]).mapValues({ Set($0.map { $0[1] }) }) {
            let symbols = try symbols(of: module)
            #expect(names.isSubset(of: Set(symbols.map { $0.pathComponents[0] })))
            for symbol in symbols where names.contains(symbol.pathComponents[0]) && symbol.docComment == nil {
                Issue.record("\(symbol.kind.identifier) \(symbol.pathComponents.joined(separator: "."))")
            }
        }
    }
}
