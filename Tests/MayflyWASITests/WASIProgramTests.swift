//! Real programs: four in C (`Tests/Fixtures/WASIPrograms/`) and QuickJS, which shall do under Mayfly what they do
//! under Wasmtime.
//!
//! `cases.json` says what each is given and what came of it under Wasmtime, which `record.py` beside it has written
//! there. Every case runs with each kind of directory and each kind of stream.

import Foundation
import Mayfly
import TestSupport
import Testing

@testable import MayflyWASI

@Suite("WASI: real programs")
struct WASIProgramTests {
    @Test("behaves as under Wasmtime", arguments: ProgramRun.all(.filter, .walk, .log, .echo))
    func program(_ run: ProgramRun) throws { try check(run) }

    @Test("QuickJS behaves as under Wasmtime", .needs("corpus/qjs.wasm"), arguments: ProgramRun.all(.qjs))
    func interpreter(_ run: ProgramRun) throws { try check(run) }

    @Test("there are cases for every program, each with a name of its own")
    func complete() throws {
        let cases = try ProgramCase.all.get()
        for program in ProgramCase.Program.allCases {
            #expect(cases.filter { $0.program == program }.count >= 5, "\(program)")
        }
        #expect(Set(cases.map(\.name)).count == cases.count)
    }

    private func check(_ run: ProgramRun) throws {
        let programCase = run.programCase
        var expected = try #require(programCase.expected, "record.py has not run")
        if let difference = programCase.difference { expected = try difference.applied(to: expected) }
        let tree = try run.directory.tree(programCase.directory ?? [])
        let before = try tree.nodes()

        let result = try run.result(in: tree)

        #expect(result.code == expected.code ?? 0)
        try expectEqual(result.output, expected.output, "standard output")
        try expectEqual(result.errors, expected.errors, "standard error")
        let after = try tree.nodes()
        guard let nodes = expected.directory else {
            #expect(after == before, "the directory is as it was")
            return
        }
        #expect(after.map(\.path) == nodes.map(\.path))
        for (found, expected) in zip(after, nodes) {
            #expect(found.target == expected.target, "\(found.path)")
            #expect(found.links == expected.links, "\(found.path)")
            #expect(found.isDirectory == expected.isDirectory, "\(found.path)")
            if let contents = found.contents {
                try expectEqual(contents.bytes(), expected.contents, Comment(rawValue: found.path))
            }
        }
    }

    private func expectEqual(_ bytes: [UInt8], _ contents: ProgramCase.Contents?, _ comment: Comment) throws {
        if case .digest(let size, let digest) = contents {
            #expect(bytes.count == size, comment)
            #expect(ProgramCase.Contents.digest(of: bytes) == digest, comment)
        } else {
            let expected = try contents?.bytes() ?? []
            guard bytes != expected else { return }
            // As text, so that the difference can be read, if it is in that.
            let (found, wanted) = (String(decoding: bytes, as: UTF8.self), String(decoding: expected, as: UTF8.self))
            #expect(found == wanted, comment)
            if found == wanted { #expect(bytes == expected, comment) }
        }
    }
}

// MARK: What is run

/// A case, and how it is run.
struct ProgramRun: CustomTestStringConvertible {
    /// What the guest has as its directory.
    enum Directory: CaseIterable {
        case host, hostWalked, memory

        func tree(_ nodes: [ProgramCase.Node]) throws -> any ProgramTree {
            switch self {
            case .host: try HostProgramTree(nodes, resolution: .automatic)
            case .hostWalked: try HostProgramTree(nodes, resolution: .walk)
            case .memory: try MemoryProgramTree(nodes)
            }
        }
    }

    /// What the guest has as its standard streams.
    enum Streams: CaseIterable { case pipes, memory }

    let programCase: ProgramCase
    let directory: Directory
    let streams: Streams

    var testDescription: String { "\(programCase.name) (\(directory), \(streams))" }

    /// All ways to run the cases of these programs. Without the cases none: another test says why.
    static func all(_ programs: ProgramCase.Program...) -> [ProgramRun] {
        let cases = (try? ProgramCase.all.get()) ?? []
        return cases.filter { programs.contains($0.program) }.flatMap { programCase in
            Directory.allCases.flatMap { directory in
                Streams.allCases.compactMap { streams in
                    // What comes in time, or never ends, needs a pipe.
                    streams == .memory && programCase.input?.isTimed == true
                        ? nil : ProgramRun(programCase: programCase, directory: directory, streams: streams)
                }
            }
        }
    }

    struct Result {
        var code: UInt32
        var output: [UInt8]
        var errors: [UInt8]
    }

    func result(in tree: any ProgramTree) throws -> Result {
        var configuration = WASI.Configuration()
        configuration.arguments =
            try [programCase.program.rawValue] + (programCase.arguments ?? []).map { try $0.text() }
        configuration.environment = programCase.environment ?? [:]
        try tree.give(to: &configuration, access: programCase.access == "readOnly" ? .readOnly : .readWrite)
        let input = programCase.input ?? .text("")
        let template = try programCase.program.template

        switch streams {
        case .memory:
            configuration.standardInput = .bytes(try input.bytes())
            configuration.standardOutput = .capture
            configuration.standardError = .capture
            let wasi = WASI(configuration)
            let code = try template.withInstance(state: wasi) { try WASI.run($0) }
            tree.take(from: wasi)
            return Result(code: code, output: wasi.takeStandardOutput(), errors: wasi.takeStandardError())
        case .pipes:
            let feeder = try Feeder(input)
            let (output, errors) = (try Collector(), try Collector())
            configuration.standardInput = .descriptor(feeder.reader)
            configuration.standardOutput = .descriptor(output.writer)
            configuration.standardError = .descriptor(errors.writer)
            let wasi = WASI(configuration)
            let code = Swift.Result { try template.withInstance(state: wasi) { try WASI.run($0) } }
            // In any case, or the threads would wait for ever.
            feeder.end()
            let (outputBytes, errorBytes) = (output.end(), errors.end())
            tree.take(from: wasi)
            return Result(code: try code.get(), output: outputBytes, errors: errorBytes)
        }
    }
}

// MARK: Directories

/// A directory of some kind with the files of a case in it, which is gone with the value.
protocol ProgramTree {
    /// As `/` of the guest.
    func give(to configuration: inout WASI.Configuration, access: WASI.Access) throws
    /// Looks at what the guest has made of it.
    func take(from wasi: WASI)
    /// All that lies in it, by path: files with the number of their names.
    func nodes() throws -> [ProgramCase.Node]
}

/// A directory of the host.
final class HostProgramTree: ProgramTree {
    private let root = FileManager.default.temporaryDirectory.appendingPathComponent("mayfly-\(UUID().uuidString)")
    private let resolution: PathResolution

    init(_ nodes: [ProgramCase.Node], resolution: PathResolution) throws {
        self.resolution = resolution
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        for node in nodes.flatMap(\.expanded) {
            let path = path(node.path)
            if let contents = node.contents {
                // Not by way of a URL or as atomic: these have opinions about names.
                #expect(FileManager.default.createFile(atPath: path, contents: Data(try contents.bytes())))
            } else if let target = node.target {
                #expect(symlink(target, path) == 0)
            } else if let original = node.original {
                #expect(link(self.path(original), path) == 0)
            } else {
                #expect(mkdir(path, 0o777) == 0)
            }
        }
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    private func path(_ relative: String) -> String { "\(root.path)/\(relative)" }

    func give(to configuration: inout WASI.Configuration, access: WASI.Access) throws {
        configuration.pathResolution = resolution
        try configuration.preopen(root.path, as: "/", access: access)
    }

    func take(from wasi: WASI) {}

    func nodes() throws -> [ProgramCase.Node] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: root.path)
        return try paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { relative in
            var node = ProgramCase.Node(path: relative)
            var status = stat()
            #expect(lstat(path(relative), &status) == 0)
            switch status.st_mode & S_IFMT {
            case S_IFLNK:
                // FileManager cuts long ones off.
                var target = [UInt8](repeating: 0, count: Int(status.st_size))
                #expect(readlink(path(relative), &target, target.count) == target.count)
                node.target = String(decoding: target, as: UTF8.self)
            case S_IFREG:
                node.contents = .bytes(try TestData.bytes(at: URL(fileURLWithPath: path(relative))))
                node.links = Int(status.st_nlink)
            default: break
            }
            return node
        }
    }
}

/// A tree in memory.
final class MemoryProgramTree: ProgramTree {
    private var tree = WASI.FileTree()

    init(_ nodes: [ProgramCase.Node]) throws {
        for node in nodes.flatMap(\.expanded) {
            if let contents = node.contents {
                try tree.addFile(node.path, try contents.bytes())
            } else if let target = node.target {
                try tree.addSymbolicLink(node.path, to: target)
            } else if let original = node.original {
                try tree.addHardLink(node.path, to: original)
            } else {
                try tree.addDirectory(node.path)
            }
        }
    }

    func give(to configuration: inout WASI.Configuration, access: WASI.Access) {
        configuration.preopen(tree, as: "/", access: access)
    }

    func take(from wasi: WASI) { if let tree = wasi.fileTree(preopenedAs: "/") { self.tree = tree } }

    func nodes() -> [ProgramCase.Node] {
        let paths = tree.paths.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        return paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { path in
            var node = ProgramCase.Node(path: path)
            if let target = tree.symbolicLinkTarget(of: path) {
                node.target = target
            } else if let contents = tree.contents(of: path) {
                node.contents = .bytes(contents)
                node.links = tree.linkCount(of: path)
            }
            return node
        }
    }
}

// MARK: Streams

/// A thread, for what would block the test's own, and its end.
private final class Worker: @unchecked Sendable {
    private let ended = DispatchSemaphore(value: 0)

    init(_ work: @escaping @Sendable () -> Void) {
        let thread = Thread { [ended] in
            // Writing to a pipe that nobody reads any more is an error, and no more than that.
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            work()
            ended.signal()
        }
        thread.start()
    }

    func wait() { ended.wait() }
}

private func makePipe() throws -> (reader: Int32, writer: Int32) {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    return (ends[0], ends[1])
}

/// Writes the pieces of an input to a pipe.
private final class Feeder {
    let reader: Int32
    private let worker: Worker
    private let guestHasEnded = DispatchSemaphore(value: 0)

    init(_ input: ProgramCase.Contents) throws {
        let (reader, writer) = try makePipe()
        self.reader = reader
        let pieces = try input.pieces.map { piece in
            if case .pause(let time) = piece { return (bytes: [UInt8](), pause: time, isHeld: false) }
            if case .hold = piece { return (bytes: [], pause: 0, isHeld: true) }
            return (bytes: try piece.bytes(), pause: 0, isHeld: false)
        }
        worker = Worker { [guestHasEnded] in
            defer { close(writer) }
            for piece in pieces {
                usleep(UInt32(piece.pause) * 1000)
                if piece.isHeld { guestHasEnded.wait() }
                var rest = piece.bytes[...]
                while !rest.isEmpty {
                    let count = rest.withUnsafeBytes { write(writer, $0.baseAddress, $0.count) }
                    guard count > 0 else { return }
                    rest = rest.dropFirst(count)
                }
            }
        }
    }

    /// The guest has ended, and with it what nobody has read.
    func end() {
        close(reader)
        guestHasEnded.signal()
        worker.wait()
    }
}

/// Takes what is written to a pipe.
private final class Collector {
    private final class Collected: @unchecked Sendable { var bytes: [UInt8] = [] }

    let writer: Int32
    private let collected = Collected()
    private let worker: Worker

    init() throws {
        let (reader, writer) = try makePipe()
        self.writer = writer
        worker = Worker { [collected] in
            defer { close(reader) }
            var buffer = [UInt8](repeating: 0, count: 1 << 14)
            while case let count = read(reader, &buffer, buffer.count), count > 0 {
                collected.bytes += buffer[..<count]
            }
        }
    }

    /// Nothing is written any more. Returns all that was.
    func end() -> [UInt8] {
        close(writer)
        worker.wait()
        return collected.bytes
    }
}
