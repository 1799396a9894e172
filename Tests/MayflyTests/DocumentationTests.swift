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
    private static let sources = [
        "Examples/Embedding/main.swift", "Tests/MayflyTests/DocumentationTests.swift",
        "Tests/MayflyTests/ArticleTests.swift", "Tests/MayflyServerTests/ArticleTests.swift",
        "Examples/Sources/javascript-per-request/main.swift",
    ]
    private static let documents =
        [
            "README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/ARCHITECTURE.md", "docs/RATIONALE.md",
            "Benchmarks/README.md", "Sources/MayflyWASI/MayflyWASI.docc/MayflyWASI.md",
            "Sources/MayflyServer/MayflyServer.docc/MayflyServer.md",
        ] + articles
    /// All of the documentation catalogue, so that a new article is not forgotten.
    private static let articles =
        ((try? FileManager.default.contentsOfDirectory(
            atPath: root.appendingPathComponent("Sources/Mayfly/Mayfly.docc").path)) ?? []).sorted()
        .filter { $0.hasSuffix(".md") }.map { "Sources/Mayfly/Mayfly.docc/\($0)" }

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
        #expect(Self.articles.count > 5)
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

    /// The article about values and memory.
    @Test("values of all types pass between host and guest") func valuesInSwift() throws {
        final class Session: ExternObject {
            let user: String
            init(user: String) { self.user = user }
        }
        struct Counter {
            private(set) var value: Int32 = 0
            mutating func add(_ amount: Int32) { value &+= amount }
            func get() -> Int32 { value }
        }
        struct Tenant {
            var user: String
            var counter = Counter()
            var log: [String] = []
        }
        var imports = Imports<Tenant>()
        imports.define("host", "open") { caller in Session(user: caller.state.user) }
        imports.define("host", "length") { (_, session: Session) in Int32(session.user.utf8.count) }
        imports.define("host", "apply") { (caller, function: FunctionReference?, number: Int32) -> Int32 in
            guard let function else { return number }
            return try caller.call(function, number)
        }
        imports.define("host", "greet") { (caller, name: UInt32, count: UInt32, answer: UInt32) -> Int32 in
            let name = try caller.readString(at: name, count: Int(count))
            let greeting = "Hello, \(name)!"
            return Int32(try caller.writeString(greeting, at: answer))
        }
        imports.define("host", "sum") { (caller, numbers: UInt32, count: UInt32) -> Double in
            try caller.readArray(of: Double.self, at: numbers, count: Int(count)).reduce(0, +)
        }
        imports.bind("counter", \Tenant.counter) { group in
            group.define("add") { (counter: inout Counter, amount: Int32) in counter.add(amount) }
            group.define("get", Counter.get)
            group.define(
                "log",
                withCaller: { (caller, text: UInt32, count: UInt32) in
                    let line = try caller.readString(at: text, count: Int(count))
                    caller.state.log.append(line)
                })
        }
        let text = """
            (module
              (import "host" "open" (func $open (result externref)))
              (import "host" "length" (func $length (param externref) (result i32)))
              (import "host" "apply" (func $apply (param funcref i32) (result i32)))
              (import "host" "greet" (func $greet (param i32 i32 i32) (result i32)))
              (import "host" "sum" (func $sum (param i32 i32) (result f64)))
              (import "counter" "add" (func $add (param i32)))
              (import "counter" "get" (func $get (result i32)))
              (import "counter" "log" (func $log (param i32 i32)))
              (memory (export "memory") 1)
              (data (i32.const 0) "Ada")
              (elem declare func $square)
              (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
              (func (export "length") (result i32) (call $length (call $open)))
              (func (export "square") (param i32) (result i32) (call $apply (ref.func $square) (local.get 0)))
              (func (export "greet") (result i32) (call $greet (i32.const 0) (i32.const 3) (i32.const 100)))
              (func (export "sum") (result f64) (call $sum (i32.const 201) (i32.const 3)))
              (func (export "count") (result i32)
                (call $add (i32.const 40)) (call $add (i32.const 2)) (call $log (i32.const 0) (i32.const 3)) (call $get)))
            """
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let template = try engine.compile(text: text).template(imports: imports)
        try template.withInstance(state: Tenant(user: "Grace")) { (instance) throws in
            #expect(try instance.call("length") as Int32 == 5)
            #expect(try instance.call("square", 9) as Int32 == 81)
            #expect(try instance.call("greet") as Int32 == 11)
            #expect(try instance.readString(at: 100, count: 11) == "Hello, Ada!")
            try instance.writeArray([1, 2.5, 4], at: 201)
            #expect(try instance.call("sum") as Double == 7.5)
            #expect(try instance.call("count") as Int32 == 42)
            #expect(instance.state.log == ["Ada"])
        }
    }

    private struct TooMuchMemory: Error, Equatable { var bytes: UInt64 }

    /// The article about limits.
    @Test("guests use no more than they may") func limitsInSwift() throws {
        let text = """
            (module
              (memory 1)
              (func (export "handle"))
              (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
            """
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let tenant = 0
        let template = try engine.compile(text: text).template(imports: Imports<Int>())

        let limits = ResourceLimits(
            memoryBytes: 64 << 20, tableElements: 1000, stackBytes: 128 << 10, copiedBytes: 1 << 20)
        try template.withInstance(state: tenant, limits: limits) { try $0.call("handle") }

        var careful = ResourceLimits(memoryBytes: 1 << 30)
        careful.onGrowth = { request in
            guard request.kind == .memory else { return .allow }
            if request.desired > 512 << 20 { throw TooMuchMemory(bytes: request.desired) }
            return request.desired <= 256 << 20 ? .allow : .refuse
        }
        try template.withInstance(state: tenant, limits: careful) { (instance) throws in
            #expect(try instance.call("grow", 1) as Int32 == 1)
            #expect(try instance.call("grow", 5000) as Int32 == -1)
            #expect(throws: TooMuchMemory(bytes: 9002 << 16)) { _ = try instance.call("grow", 9000) as Int32 }
            #expect(try instance.call("grow", 16384) as Int32 == -1)
        }
    }

    @Test("somebody decides how much a guest gets, and takes their time") func awaitedLimitsInSwift() async throws {
        actor Budget {
            private(set) var left: UInt64 = 3 << 16
            func take(_ bytes: UInt64) -> Bool {
                guard bytes <= left else { return false }
                left -= bytes
                return true
            }
        }
        let budget = Budget()
        var shared = ResourceLimits()
        shared.onGrowthAwaited = { request in
            await budget.take(request.desired - request.current) ? .allow : .refuse
        }
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let template = try engine.compile(
            text: #"(module (memory 1) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#
        ).template()
        try await template.withInstance(limits: shared) { instance in
            let one: Int32 = try await instance.call("grow", 1)
            let tooMuch: Int32 = try await instance.call("grow", 3)
            let two: Int32 = try await instance.call("grow", 2)
            #expect([one, tooMuch, two] == [1, -1, 2])
        }
        #expect(await budget.left == 0)
    }

    /// The README's example of an asynchronous host function.
    @Test("a guest waits for its host") func asynchronousHostFunctions() async throws {
        actor Values {
            func value(of key: Int32) throws -> Int32 { key * 6 }
        }
        struct Session: Sendable {
            let store = Values()
        }
        let session = Session()
        let module = try Engine().compile(
            text: #"""
                (module
                  (import "store" "get" (func $get (param i32) (result i32)))
                  (func (export "lookup") (param i32) (result i32) (call $get (local.get 0))))
                """#)
        var imports = Imports<Session>()
        imports.define("store", "get") { (caller, key: Int32) in
            try await caller.state.store.value(of: key)
        }
        let template = try module.template(imports: imports)
        let answer: Int32 = try await template.withInstance(state: session) { try await $0.call("lookup", 7) }
        #expect(answer == 42)
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
