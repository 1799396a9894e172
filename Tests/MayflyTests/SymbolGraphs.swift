//! What a built module offers, with the comments, as the compiler writes it down for documentation tools.

import Foundation
import Testing

enum SymbolGraphs {
    /// The folder of what was built, where this test is too.
    private static let products = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    /// Runs `body` with a folder that holds a module's symbol graphs, `MODULE.symbols.json` and those of its extensions
    /// of other modules' types, and nothing else.
    static func with<Result>(_ module: String, _ body: (URL) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mayfly-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let status = try run([
            "swift", "symbolgraph-extract", "-module-name", module, "-I", "\(products.path)/Modules", "-Xcc",
            "-fmodule-map-file=\(products.path)/CPlatform.build/module.modulemap", "-target",
            "x86_64-unknown-linux-gnu", "-output-dir", folder.path, "-minimum-access-level", "public",
            "-skip-synthesized-members",
        ])
        #expect(status == 0, "symbolgraph-extract of \(module)")
        return try body(folder)
    }

    /// Runs a program of the toolchain to its end.
    static func run(_ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
