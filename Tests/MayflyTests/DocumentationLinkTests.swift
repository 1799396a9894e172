//! The documentation can be built, and its links lead somewhere: those of articles and of comments in the source. What is
//! wrong, the toolchain's `docc` says.

import Foundation
import Testing

@Suite("Documentation links") struct DocumentationLinkTests {
    private struct Report: Decodable {
        struct Diagnostic: Decodable {
            var summary: String
            var source: String?
        }

        var diagnostics: [Diagnostic]
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let hasDocC = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/docc")
    }

    @Test(
        "lead somewhere", .enabled(if: hasDocC, "needs docc of the Swift toolchain on the path"),
        arguments: ["Mayfly", "MayflyWASI", "MayflyMetrics", "MayflyServer", "WasmText"])
    func links(module: String) throws {
        let report = try SymbolGraphs.with(module) { folder in
            let output = folder.appendingPathComponent("output")
            let file = folder.appendingPathComponent("diagnostics.json")
            let catalogue = Self.root.appendingPathComponent("Sources/\(module)/\(module).docc").path
            // Without articles the module's page is made from its symbols alone.
            let catalogues = FileManager.default.fileExists(atPath: catalogue) ? [catalogue] : []
            let status = try SymbolGraphs.run(
                ["docc", "convert"] + catalogues + [
                    "--additional-symbol-graph-dir", folder.path, "--output-path", output.path,
                    "--fallback-display-name", module, "--fallback-bundle-identifier", module, "--diagnostics-file",
                    file.path,
                ])
            #expect(status == 0)
            #expect(FileManager.default.fileExists(atPath: output.appendingPathComponent("data/documentation").path))
            return try JSONDecoder().decode(Report.self, from: Data(contentsOf: file))
        }
        // Comments do not describe each parameter that its name describes.
        for diagnostic in report.diagnostics where !diagnostic.summary.hasSuffix("is missing documentation") {
            Issue.record("\(diagnostic.source ?? module): \(diagnostic.summary)")
        }
    }
}
