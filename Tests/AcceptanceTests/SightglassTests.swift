//! The programs of the Sightglass benchmark suite compute what they compute elsewhere: compression, cryptography,
//! regular expressions, a database, an interpreter's inner loops.

import Foundation
import MayflyWASI
import TestSupport
import Testing

@Suite struct SightglassTests {
    /// Beneath the folder of test data.
    static let modules: [String] = {
        let files = (try? TestData.files(in: "sightglass", withExtension: "wasm")) ?? []
        return files.map { String($0.path.dropFirst(TestData.root.path.count + 1)) }
    }()

    @Test(.needs("sightglass")) func theSuiteIsThere() {
        #expect(Self.modules.count >= 23)
    }

    /// Its directory is opened for a program as ".", with its input in it.
    @Test(.needs("sightglass"), arguments: modules)
    func theProgramWritesWhatIsExpected(_ module: String) throws {
        let stem = String(module.dropLast(".wasm".count))
        let program = try runProgram(module) { configuration in
            let directory = TestData.url(module).deletingLastPathComponent().path
            try configuration.preopen(directory, as: ".", access: .readOnly)
        }
        #expect(program.exitCode == 0)
        #expect(program.marks == ["start", "end"])
        func check(_ written: [UInt8], _ stream: String) throws {
            let path = "\(stem).\(stream).expected"
            guard TestData.exists(path) else { return }
            // Compared as bytes, shown as text.
            let expected = try TestData.bytes(path)
            let (found, wanted) = (String(decoding: written, as: UTF8.self), String(decoding: expected, as: UTF8.self))
            #expect(written == expected, "\(stream): \(found.prefix(500))\n— expected —\n\(wanted.prefix(500))")
        }
        try check(program.standardOutput, "stdout")
        try check(program.standardError, "stderr")
    }
}
