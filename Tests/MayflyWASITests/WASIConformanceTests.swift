//! The WASI 0.1 conformance suite: C, Rust and AssemblyScript programs that check their host.
//!
//! Every program runs three times: in a directory of the host with each way of resolving paths, and in a tree in
//! memory. Beside each lies a `.json` with its arguments,
//! environment, directory and expected outcome.

import Foundation
import Mayfly
import TestSupport
import Testing

@testable import MayflyWASI

@Suite("WASI conformance")
struct WASIConformanceTests {
    private static let folder = "wasi-testsuite/tests"

    /// Paths relative to the folder.
    private static let programs: [String] = {
        let base = TestData.url(folder).path + "/"
        let files = (try? TestData.files(in: folder, withExtension: "wasm")) ?? []
        return files.map { String($0.path.dropFirst(base.count)) }
    }()

    private static let engine = Result { try Engine(.init(pool: PoolConfiguration(slotCount: 4))) }

    private struct Expectation: Decodable {
        var args: [String]?
        var env: [String: String]?
        var root: String?
        var exit_code: UInt32?
        var stdout: String?
        var stderr: String?
    }

    private enum Place: CaseIterable { case automatic, walk, memory }

    @Test("the suite is complete", .needs(folder))
    func complete() { #expect(Self.programs.count >= 72) }

    @Test("conforms", .needs(folder), arguments: programs)
    func conforms(_ program: String) throws {
        let file = TestData.url(Self.folder).appendingPathComponent(program)
        let description = file.deletingPathExtension().appendingPathExtension("json")
        let expectation =
            FileManager.default.fileExists(atPath: description.path)
            ? try JSONDecoder().decode(Expectation.self, from: Data(contentsOf: description)) : Expectation()

        var imports = Imports<WASI>()
        imports.defineWASI()
        let template = try Self.engine.get().compile(contentsOf: file.path).template(imports: imports)

        for place in Place.allCases {
            let root = FileManager.default.temporaryDirectory.appendingPathComponent("mayfly-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: root) }
            var configuration = WASI.Configuration()
            configuration.pathResolution = place == .walk ? .walk : .automatic
            configuration.arguments = [file.lastPathComponent] + (expectation.args ?? [])
            configuration.environment = expectation.env ?? [:]
            configuration.standardOutput = .capture
            configuration.standardError = .capture
            if let folder = expectation.root {
                let original = file.deletingLastPathComponent().appendingPathComponent(folder)
                if place == .memory {
                    configuration.preopen(try WASI.FileTree(copying: original.path), as: "/")
                } else {
                    try FileManager.default.copyItem(at: original, to: root)
                    try configuration.preopen(root.path, as: "/")
                }
            }

            let wasi = WASI(configuration)
            let outcome = Result { try template.withInstance(state: wasi) { try WASI.run($0) } }
            let output = String(decoding: wasi.takeStandardOutput(), as: UTF8.self)
            let errors = String(decoding: wasi.takeStandardError(), as: UTF8.self)
            switch outcome {
            case .success(let code):
                #expect(code == expectation.exit_code ?? 0, "\(place): \(errors)")
            case .failure(let error):
                Issue.record("\(place): \(error)\n\(errors)")
            }
            if let expected = expectation.stdout { #expect(output == expected) }
            if let expected = expectation.stderr { #expect(errors == expected) }
        }
    }
}
