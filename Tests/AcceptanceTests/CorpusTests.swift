//! Large programs: a database that verifies itself, and a JavaScript engine.

import Foundation
import Mayfly
import MayflyWASI
import TestSupport
import Testing

@Suite struct CorpusTests {
    /// SQLite's own benchmark, which hashes all results of all its statements.
    @Test(.needs("corpus")) func sqliteVerifiesItself() throws {
        let program = try runProgram(
            "corpus/speedtest1.wasm", ["--memdb", "--size", "20", "--vfs", "none", "--verify"])
        #expect(program.exitCode == 0, "\(program.text)\(program.errorText)")
        #expect(program.text.contains("3807866 2738af78e6eaae28c03f3766bc00b9defffe6fac85355c4d"), "\(program.text)")
    }

    /// Closures, exceptions, regular expressions, sorting, big numbers and floating point, printed in one line.
    private static let script = """
        class Point { constructor(x, y) { this.x = x; this.y = y } get length() { return Math.hypot(this.x, this.y) } }
        let caught = "nothing";
        try { null.property } catch (error) { caught = error.constructor.name }
        const words = "the quick brown fox".replace(/(\\w)(\\w*)/g, (_, a, b) => a.toUpperCase() + b);
        const sorted = [5, 3, 9, 1].sort((a, b) => a - b).map(x => x * x);
        const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);
        const object = JSON.stringify({ sorted });
        print([new Point(3, 4).length, caught, words, object, fib(20), 0.1 + 0.2, 2n ** 70n].join(" | "));

        """
    private static let printed =
        "5 | TypeError | The Quick Brown Fox | {\"sorted\":[1,9,25,81]} | 6765 | "
        + "0.30000000000000004 | 1180591620717411303424\n"

    @Test(.needs("corpus")) func quickJSEvaluatesAFile() throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("acceptance-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Self.script.write(to: directory.appendingPathComponent("script.js"), atomically: true, encoding: .utf8)
        let program = try runProgram("corpus/qjs.wasm", ["/scripts/script.js"]) { configuration in
            try configuration.preopen(directory.path, as: "/scripts", access: .readOnly)
        }
        #expect(program.text == Self.printed, "\(program.errorText)")
        #expect(program.exitCode == 0)
    }

    @Test(.needs("corpus")) func quickJSEvaluatesStandardInput() throws {
        let program = try runProgram("corpus/qjs.wasm") { $0.standardInput = .bytes(Array(Self.script.utf8)) }
        #expect(program.text == Self.printed, "\(program.errorText)")
        #expect(program.exitCode == 0)
    }

    @Test(.needs("corpus")) func quickJSReportsAMistakeInAScript() throws {
        let program = try runProgram("corpus/qjs.wasm") { $0.standardInput = .bytes(Array("print(1); missing()".utf8)) }
        #expect(program.text.hasPrefix("1\n"))
        #expect((program.text + program.errorText).contains("missing"))
        #expect(program.exitCode == 1)
    }

    /// The interpreter does not count its own calls: what stops it is the end of the guest's stack.
    @Test(.needs("corpus")) func endlessRecursionInAScriptIsATrap() throws {
        do {
            _ = try runProgram("corpus/qjs.wasm") {
                $0.standardInput = .bytes(Array("(function again() { again(); return 1 })()".utf8))
            }
            Issue.record("no trap")
        } catch let trap as Trap {
            #expect(trap.code == .callStackExhausted)
            #expect(trap.backtrace.count == Trap.maximumFrames)
        }
    }
}
