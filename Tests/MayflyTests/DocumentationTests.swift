//! The documents say what is true, as far as a test can tell: their Swift is compiled and run, the files they name
//! exist, and the exit codes are the tool's.

import Foundation
import Mayfly
import MayflyWASI
import Testing

@Suite("Documents") struct DocumentationTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What holds the Swift that documents show. This file: see `commandsInSwift`.
    private static let sources = ["Examples/Embedding/main.swift", "Tests/MayflyTests/DocumentationTests.swift"]
    private static let documents = [
        "Sources/Mayfly/Mayfly.docc/Copies.md",
        "README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/ARCHITECTURE.md", "docs/RATIONALE.md",
        "Benchmarks/README.md", "Sources/Mayfly/Mayfly.docc/Mayfly.md", "Sources/Mayfly/Mayfly.docc/GettingStarted.md",
        "Sources/MayflyWASI/MayflyWASI.docc/MayflyWASI.md",
    ]

    private static func lines(_ path: String) throws -> [String] {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) }
    }

    @Test("every piece of Swift is a piece of a compiled file", arguments: documents)
    func swiftIsCompiled(document: String) throws {
        let sources = try Self.sources.map(Self.lines)
        for block in Self.blocks(of: "swift", in: try Self.lines(document)) {
            let isThere = sources.contains { source in
                source.indices.contains { source[$0...].starts(with: block) }
            }
            #expect(isThere, "in no source: \(block.joined(separator: "\n"))")
        }
    }

    @Test("there is Swift to compare") func swiftIsFound() throws {
        for document in ["README.md", "Sources/Mayfly/Mayfly.docc/GettingStarted.md"] {
            #expect(!Self.blocks(of: "swift", in: try Self.lines(document)).isEmpty)
        }
    }

    /// The fenced blocks of a language, line by line, without indentation.
    private static func blocks(of language: String, in lines: [String]) -> [[String]] {
        var blocks: [[String]] = []
        var isInside = false
        for line in lines {
            if line == "```" + language {
                isInside = true
                blocks.append([])
            } else if line.hasPrefix("```") {
                isInside = false
            } else if isInside {
                blocks[blocks.count - 1].append(line)
            }
        }
        return blocks
    }

    @Test("files and folders that are named exist", arguments: documents)
    func namedFilesExist(document: String) throws {
        let folders = ["Sources", "Tests", "Benchmarks", "Examples", "scripts", "docs", ".ci"]
        let paths = folders.flatMap { folder in
            (FileManager.default.enumerator(atPath: Self.root.appendingPathComponent(folder).path)?.allObjects ?? [])
                .compactMap { ($0 as? String).map { folder + "/" + $0 } }
        }
        let top = try FileManager.default.contentsOfDirectory(atPath: Self.root.path)
        // By its whole path or the end of it.
        let known = Set(
            (paths + top).flatMap { path -> [String] in
                let components = path.split(separator: "/")
                return components.indices.map { components[$0...].joined(separator: "/") }
            })
        for line in try Self.lines(document) {
            for word in line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            where word.offset % 2 == 1 && Self.isPath(word.element, folders) {
                let name = word.element.hasSuffix("/") ? word.element.dropLast() : word.element
                let exists = known.contains(String(name))
                #expect(exists, "no such file: \(word.element)")
            }
        }
    }

    /// Whether a piece of code in a text names a file or folder of the repository.
    private static func isPath(_ word: Substring, _ folders: [String]) -> Bool {
        if word.contains(where: { " *{<…".contains($0) }) { return false }
        if [".swift", ".c", ".h", ".wat", ".md"].contains(where: { word != $0 && word.hasSuffix($0) }) { return true }
        return folders.contains { word.hasPrefix($0 + "/") }
    }

    @Test("the README lists exactly the exit codes of the tool") func exitCodes() throws {
        let declared = try Self.lines("Sources/mayfly-cli/CommandFailure.swift").compactMap { line -> Int? in
            guard line.hasPrefix("case "), let equals = line.firstIndex(of: "=") else { return nil }
            return Int(line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces))
        }
        let listed = try Self.lines("README.md").compactMap { line -> Int? in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            return cells.count == 4 ? Int(cells[1].trimmingCharacters(in: .whitespaces)) : nil
        }
        #expect(!declared.isEmpty)
        #expect(listed == [0] + declared)
    }

    @Test("the README shows what the examples print", arguments: ["hello", "gcd", "lines"])
    func outputs(example: String) throws {
        let readme = try Self.lines("README.md")
        let output = try Self.lines("Examples/expected/\(example).txt").filter {
            !$0.hasPrefix("exit code") && !$0.isEmpty
        }
        #expect(!output.isEmpty)
        #expect(readme.indices.contains { readme[$0...].starts(with: output) })
    }

    /// The README's example of snapshots and forks.
    @Test("a program that has started is copied") func snapshotsInSwift() throws {
        let dice = """
            (module
              (global $state (mut i64) (i64.const 0))
              (func (export "prepare") (global.set $state (i64.const 41)))
              (func (export "seed") (param i64) (global.set $state (local.get 0)))
              (func (export "roll") (result i32)
                (global.set $state (i64.add (i64.mul (global.get $state) (i64.const 6364136223846793005)) (i64.const 1)))
                (i32.add (i32.wrap_i64 (i64.rem_u (i64.shr_u (global.get $state) (i64.const 33)) (i64.const 6)))
                  (i32.const 1))))
            """
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4)))
        var imports = Imports<Void>()
        imports.refreshCopies { caller in
            try caller.call("seed", Int64.random(in: .min ... .max))
        }
        let template = try engine.compile(text: dice).template(imports: imports)

        let warm = try template.snapshot { try $0.call("prepare") }

        try warm.withInstance { instance in
            let point = try instance.checkpoint()
            let first: Int32 = try instance.call("roll")
            let fork = try instance.fork()
            let second: Int32 = try fork.call("roll")
            try instance.rollBack(to: point)
            print(first, second, try instance.call("roll") as Int32)
        }
    }

    /// The README's example of a deadline.
    @Test("a guest that does not end is stopped") func deadline() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let template = try engine.compile(text: #"(module (func (export "forever") (loop (br 0))))"#).template()

        do {
            try template.withInstance(state: (), deadline: .now + .milliseconds(50)) { try $0.call("forever") }
        } catch let trap as Trap where trap.code == .interrupted {
            print("stopped")
        }
    }

    /// The README's example of fuel.
    @Test("a guest that was given little does little") func fuel() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let forever = #"(module (func (export "forever") (loop (br 0))))"#

        let metered = try engine.compile(text: forever, metersFuel: true).template()
        do {
            try metered.withInstance(fuel: 1_000_000) { try $0.call("forever") }
        } catch let trap as Trap where trap.code == .outOfFuel {
            print("out of fuel")
        }
    }

    /// The README's example of WASI from Swift.
    @Test("a command runs from Swift") func commandsInSwift() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let examples = Self.root.appendingPathComponent("Examples").path

        var configuration = WASI.Configuration()
        configuration.arguments = ["lines", "gcd.wat", "/etc/passwd"]
        configuration.standardOutput = .capture
        try configuration.preopen(examples, as: "/", access: .readOnly)

        var imports = Imports<WASI>()
        imports.defineWASI()
        let lines = try engine.compile(contentsOf: "\(examples)/lines.wasm").template(imports: imports)

        let (code, output) = try lines.withInstance(state: WASI(configuration)) { instance in
            (try WASI.run(instance), instance.state.takeStandardOutput())
        }

        #expect(code == 1)
        #expect(
            String(decoding: output, as: UTF8.self) == """
                gcd.wat: 14 lines, 512 bytes
                /etc/passwd: No such file or directory

                """)

        var tree = WASI.FileTree()
        try tree.addFile("names.txt", "Ada\nGrace\n")

        configuration = WASI.Configuration()
        configuration.arguments = ["lines", "names.txt"]
        configuration.standardOutput = .capture
        configuration.preopen(tree, as: "/", byteLimit: 1 << 20)

        let wasi = WASI(configuration)
        #expect(try lines.withInstance(state: wasi) { try WASI.run($0) } == 0)
        #expect(String(decoding: wasi.takeStandardOutput(), as: UTF8.self) == "names.txt: 2 lines, 10 bytes\n")
        #expect(wasi.fileTree(preopenedAs: "/")?.paths == ["names.txt"])
    }
}
