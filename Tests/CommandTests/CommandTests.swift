//! The command line tool as its users meet it: a process with arguments, streams and an exit code.

import Foundation
import TestSupport
import Testing
import WasmModule

@Suite("mayfly")
struct CommandTests {
    private let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("mayfly-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    private func withDirectory(_ body: () throws -> Void) throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        try body()
    }

    // MARK: Running the tool

    private struct Outcome {
        var code: Int32
        var output: String
        var errors: String
    }

    /// The tool beside this test's own executable.
    private static let tool = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("mayfly")

    private func mayfly(_ arguments: String..., input: String = "", path: String? = nil) throws -> Outcome {
        try mayfly(arguments, input: input, path: path)
    }

    private func mayfly(_ arguments: [String], input: String = "", path: String? = nil) throws -> Outcome {
        let process = Process()
        process.executableURL = Self.tool
        process.arguments = arguments
        process.currentDirectoryURL = directory
        var environment = ProcessInfo.processInfo.environment
        if let path { environment["PATH"] = path }
        environment["XDG_CACHE_HOME"] = directory.appendingPathComponent(".cache").path
        process.environment = environment
        // Files, not pipes: nothing blocks, however much is written.
        let files = try ["in", "out", "err"].map { name in
            let url = directory.appendingPathComponent(".\(UUID().uuidString).\(name)")
            try Data(name == "in" ? Array(input.utf8) : []).write(to: url)
            return url
        }
        process.standardInput = try FileHandle(forReadingFrom: files[0])
        process.standardOutput = try FileHandle(forWritingTo: files[1])
        process.standardError = try FileHandle(forWritingTo: files[2])
        try process.run()
        process.waitUntilExit()
        return Outcome(
            code: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try String(contentsOf: files[1], encoding: .utf8),
            errors: try String(contentsOf: files[2], encoding: .utf8))
    }

    private func write(_ module: WasmBuilder, _ name: String = "m.wasm") throws {
        try Data(module.build()).write(to: directory.appendingPathComponent(name))
    }

    // MARK: Snapshots

    private static let counter = """
        (module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (global $initialized (mut i32) (i32.const 0))
          (func (export "_initialize") (global.set $initialized (i32.add (global.get $initialized) (i32.const 1))))
          (func (export "prepare") (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 40))))
          (func (export "leave") (call $exit (i32.const 3)))
          (func (export "answer") (param i32) (result i32)
            (i32.add (i32.add (i32.load (i32.const 8)) (local.get 0)) (i32.mul (global.get $initialized) (i32.const 100)))))
        """

    @Test("run --warm calls an export and runs in a copy of what it left")
    func warm() throws {
        try withDirectory {
            try Data(Self.counter.utf8).write(to: directory.appendingPathComponent("m.wat"))
            let warm = try mayfly("run", "--warm", "prepare", "--invoke", "answer", "m.wat", "2")
            #expect(warm.code == 0 && warm.output == "142\n" && warm.errors.isEmpty)
            let unknown = try mayfly("run", "--warm", "prepared", "--invoke", "answer", "m.wat", "2")
            #expect(unknown.code == 64 && unknown.errors.contains("_initialize, prepare, leave, answer"))
            let taking = try mayfly("run", "--warm", "answer", "--invoke", "answer", "m.wat", "2")
            #expect(taking.code == 64 && taking.errors.contains("takes 1 arguments"))
            #expect(try mayfly("run", "--warm", "leave", "--invoke", "answer", "m.wat", "2").code == 3)
        }
    }

    @Test("run --fuel ends a program at the same place every time, compiled before or not")
    func fuel() throws {
        try withDirectory {
            let text = """
                (module
                  (func (export "prepare") (loop $l (br_if $l (i32.const 0))))
                  (func $f (export "loop") (param i32) (result i32)
                    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                    (local.get 0)))
                """
            try Data(text.utf8).write(to: directory.appendingPathComponent("m.wat"))
            func run(_ fuel: String, _ rounds: String, _ options: String...) throws -> Outcome {
                try mayfly(["run", "--fuel", fuel] + options + ["--invoke", "loop", "m.wat", rounds])
            }
            #expect(try run("501", "100").output == "0\n")
            let stopped = try run("500", "100")
            #expect(stopped.code == 134 && stopped.errors.contains("wasm trap: out of fuel\n  0: f (function 1)"))
            #expect(try run("1000000", "0").code == 134)
            #expect(try run("501", "100", "--warm", "prepare").output == "0\n")
            #expect(try run("1", "0", "--warm", "prepare").code == 134)
            #expect(try run("501", "100", "--timeout", "100").output == "0\n")
            #expect(try mayfly("run", "--fuel", "much", "m.wat").code == 64)
            #expect(try mayfly("compile", "--fuel", "-o", "metered", "m.wat").code == 0)
            #expect(try mayfly("compile", "-o", "plain", "m.wat").code == 0)
            func load(_ file: String, _ options: String...) throws -> Outcome {
                try mayfly(["run"] + options + ["--allow-precompiled", "--invoke", "loop", file, "100"])
            }
            #expect(try load("metered", "--fuel", "501").output == "0\n")
            #expect(try load("metered", "--fuel", "500").code == 134)
            #expect(try load("plain").output == "0\n")
            let plain = try load("plain", "--fuel", "501")
            #expect(plain.code == 64 && plain.errors.contains("mayfly compile --fuel"))
            let metered = try load("metered")
            #expect(metered.code == 64 && metered.errors.contains("--fuel"))
        }
    }

    @Test("Modules with several memories run, and start before a snapshot")
    func severalMemories() throws {
        try withDirectory {
            let text = """
                (module (memory 1) (memory $second 1)
                  (func (export "prepare") (i32.store $second (i32.const 4) (i32.const 5)))
                  (func (export "look") (result i32) (i32.load $second (i32.const 4))))
                """
            try Data(text.utf8).write(to: directory.appendingPathComponent("m.wat"))
            #expect(try mayfly("run", "--invoke", "look", "m.wat").output == "0\n")
            #expect(try mayfly("run", "--warm", "prepare", "--invoke", "look", "m.wat").output == "5\n")
        }
    }

    @Test("snapshot writes a file that runs where it left off, that stacks, and that is refused when it is not whole")
    func snapshots() throws {
        try withDirectory {
            try Data(Self.counter.utf8).write(to: directory.appendingPathComponent("m.wat"))
            #expect(try mayfly("snapshot", "--warm", "prepare", "m.wat").code == 0)
            func answer(_ file: String) throws -> Outcome {
                try mayfly("run", "--allow-precompiled", "--invoke", "answer", file, "2")
            }
            #expect(try answer("m.snapshot").output == "142\n")
            let second = try mayfly(
                "snapshot", "--allow-precompiled", "--warm", "prepare", "-o", "n.snapshot", "m.snapshot")
            #expect(second.code == 0)
            #expect(try answer("n.snapshot").output == "182\n")
            let untrusted = try mayfly("run", "--invoke", "answer", "m.snapshot", "2")
            #expect(untrusted.code == 65 && untrusted.errors.contains("--allow-precompiled"))
            let bytes = try Data(contentsOf: directory.appendingPathComponent("m.snapshot"))
            try bytes.prefix(bytes.count / 2).write(to: directory.appendingPathComponent("cut.snapshot"))
            let cut = try answer("cut.snapshot")
            #expect(cut.code == 65 && cut.errors.contains("corrupted"))
            let exits = try mayfly("snapshot", "--warm", "leave", "m.wat")
            #expect(exits.code == 64 && exits.errors.contains("exited with code 3"))
            let inspected = try mayfly("inspect", "--allow-precompiled", "m.snapshot")
            #expect(inspected.code == 0 && inspected.output.contains("a snapshot"))
            #expect(try mayfly("compile", "m.snapshot").code == 64)
        }
    }

    // MARK: The machine

    @Test("info says what the kernel offers and which policies follow")
    func info() throws {
        try withDirectory {
            let usual = try mayfly("info")
            #expect(usual.code == 0 && usual.errors.isEmpty)
            for word in [
                "processor:", "instruction set: ", "PAGEMAP_SCAN", "page faults:", "best reset policy: ",
                "growth policy protect",
            ] {
                #expect(usual.output.contains(word), "\(word)")
            }
            let chosen = try mayfly("info", "--reset-policy", "discard", "--growth-policy", "sharedFile")
            #expect(chosen.code == 0)
            #expect(chosen.output.contains("engine: reset policy discard, growth policy sharedFile"))
            let unknown = try mayfly("info", "--reset-policy", "scrub")
            #expect(unknown.code == 64)
            #expect(unknown.errors.contains("'scrub' is none of discard, scan, track"))
        }
    }

    // MARK: Text

    private func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: directory.appendingPathComponent(name))
    }

    @Test("text is a module like any other")
    func text() throws {
        try withDirectory {
            try write(
                "(module (func (export \"twice\") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))",
                "m.wat")
            #expect(try mayfly("run", "--invoke", "twice", "m.wat", "21").output == "42\n")
            #expect(try mayfly("validate", "m.wat").code == 0)
            #expect(try mayfly("inspect", "m.wat").output.contains("twice"))
            #expect(try mayfly("compile", "m.wat").code == 0)
            let compiled = try mayfly("run", "--invoke", "twice", "--allow-precompiled", "m.mayfly", "4")
            #expect(compiled.code == 0 && compiled.output == "8\n")
        }
    }

    @Test("what is wrong with a text is shown in its line")
    func textErrors() throws {
        try withDirectory {
            try write("(module\n  (func (i32.plus)))", "m.wat")
            for command in ["run", "validate", "compile", "inspect"] {
                let outcome = try mayfly(command, "m.wat")
                #expect(outcome.code == 65)
                #expect(
                    outcome.errors
                        == "mayfly: m.wat:2:10: unknown operator i32.plus\n  (func (i32.plus)))\n         ^\n",
                    "\(command)")
            }
            // Syntax is one thing, validity another.
            try write("(module (func (result i32)))", "n.wat")
            let invalid = try mayfly("run", "n.wat")
            #expect(invalid.code == 65 && invalid.errors.contains("n.wat: invalid module at offset"))
        }
    }

    @Test("scripts: each command that fails is reported with its line")
    func scripts() throws {
        try withDirectory {
            try write(
                """
                (module (func (export "f") (param i32) (result i32) (i32.div_u (i32.const 6) (local.get 0))))
                (assert_return (invoke "f" (i32.const 3)) (i32.const 2))
                (assert_trap (invoke "f" (i32.const 0)) "integer divide by zero")
                (assert_invalid (module (func (result i32))) "type mismatch")
                """, "good.wast")
            let good = try mayfly("wast", "good.wast")
            #expect(good.code == 0 && good.output == "good.wast: 4 passed, 0 failed, 0 unsupported\n")
            try write(
                """
                (module (func (export "f") (result f32) (f32.const nan)))
                (assert_return (invoke "f") (f32.const 1))
                (assert_return (invoke "f") (f32.const nan:canonical))
                (assert_trap (invoke "f") "unreachable")
                (assert_malformed (module quote "(func)") "unexpected")
                (module (type (struct)))
                (assert_return (invoke "f"))
                """, "bad.wast")
            let bad = try mayfly("wast", "bad.wast")
            #expect(bad.code == 1)
            #expect(
                bad.output == """
                    bad.wast:2: returned f32 nan (0x7fc00000), expected f32 1.0 (0x3f800000)
                    bad.wast:4: no trap, expected: unreachable
                    bad.wast:5: it was accepted, expected: unexpected
                    bad.wast: 2 passed, 3 failed, 2 unsupported

                    """)
            try write("(module (type (struct)))", "gap.wast")
            #expect(try mayfly("wast", "gap.wast").code == 0)
            let strict = try mayfly("wast", "--strict", "gap.wast")
            #expect(strict.code == 1 && strict.output.contains("gap.wast:1: unsupported: garbage-collected types"))
            try write("(module", "open.wast")
            #expect(try mayfly("wast", "open.wast").code == 65)
        }
    }

    // MARK: Guests

    private static let wasi = "wasi_snapshot_preview1"

    /// Writes its arguments to standard output, each followed by a NUL, and exits with their number.
    private static var echo: WasmBuilder {
        var module = WasmBuilder()
        let sizes = module.importFunction(wasi, "args_sizes_get", [.i32, .i32], [.i32])
        let get = module.importFunction(wasi, "args_get", [.i32, .i32], [.i32])
        let write = module.importFunction(wasi, "fd_write", [.i32, .i32, .i32, .i32], [.i32])
        let exit = module.importFunction(wasi, "proc_exit", [.i32])
        module.memory(1, export: "memory")
        module.function("_start") { code in
            // At 0 the count, at 4 the size; pointers from 1024, strings from 4096; the vector at 8.
            code.i32Const(0).i32Const(4).call(sizes).drop()
            code.i32Const(1024).i32Const(4096).call(get).drop()
            code.i32Const(8).i32Const(4096).i32Store()
            code.i32Const(12).i32Const(4).i32Load().i32Store()
            code.i32Const(1).i32Const(8).i32Const(1).i32Const(16).call(write).drop()
            code.i32Const(0).i32Load().call(exit)
        }
        return module
    }

    /// Exports to be called by name.
    private static var functions: WasmBuilder {
        var module = WasmBuilder()
        module.function("add", [.i32, .i32], [.i32]) { $0.localGet(0).localGet(1).i32Add() }
        module.function("add64", [.i64, .i64], [.i64]) { $0.localGet(0).localGet(1).i64Add() }
        module.function("halve", [.f64], [.f64]) { $0.localGet(0).f64Const(0.5).f64Mul() }
        module.function("both", [.f32, .i32], [.i32, .f32]) { $0.localGet(1).localGet(0) }
        module.function("nothing") { _ in }
        let inner = module.function(nil) { $0.unreachable() }
        module.name(function: inner, "inner")
        module.function("trap") { $0.call(inner) }
        return module
    }

    // MARK: run

    @Test("what follows the module is the guest's, options too")
    func arguments() throws {
        try withDirectory {
            try write(Self.echo)
            let outcome = try mayfly("run", "m.wasm", "one", "--env", "x", "--", "-h", "--help", "")
            #expect(outcome.output == "m.wasm\0one\0--env\0x\0--\0-h\0--help\0\0")
            #expect(outcome.code == 8)
            #expect(outcome.errors == "")
            #expect(try mayfly("run", "--", "m.wasm", "--").output == "m.wasm\0--\0")
            #expect(try mayfly("run", "--env", "A=b", "./m.wasm").code == 1)
        }
    }

    @Test("an export is called with arguments of its types, and its results are printed")
    func invoke() throws {
        try withDirectory {
            try write(Self.functions)
            func call(_ name: String, _ arguments: String...) throws -> Outcome {
                switch arguments.count {
                case 0: try mayfly("run", "--invoke", name, "m.wasm")
                case 1: try mayfly("run", "--invoke", name, "m.wasm", arguments[0])
                default: try mayfly("run", "--invoke", name, "m.wasm", arguments[0], arguments[1])
                }
            }
            #expect(try call("add", "2", "-3").output == "-1\n")
            #expect(try call("add", "0xffffffff", "4294967295").output == "-2\n")
            #expect(try call("add64", "9223372036854775807", "1").output == "-9223372036854775808\n")
            #expect(try call("halve", "3").output == "1.5\n")
            #expect(try call("halve", "-inf").output == "-inf\n")
            #expect(try call("both", "1.5", "7").output == "7\n1.5\n")
            #expect(try call("nothing").output == "")
            for (name, arguments) in [
                ("add", ["x", "1"]), ("add", ["4294967296", "1"]), ("halve", ["one"]), ("none", []),
            ] {
                let outcome =
                    arguments.count == 2
                    ? try call(name, arguments[0], arguments[1])
                    : arguments.count == 1 ? try call(name, arguments[0]) : try call(name)
                #expect(outcome.code == 64, "\(name) \(arguments)")
                #expect(outcome.errors.hasPrefix("mayfly: "))
                #expect(outcome.output == "")
            }
            let missing = try call("none")
            #expect(missing.errors.contains("'none'") && missing.errors.contains("add, add64, halve"))
            #expect(try call("add", "1").errors.contains("takes 2 arguments, not 1"))
        }
    }

    @Test("a vector is all its bits, or its lanes in one argument")
    func vectors() throws {
        try withDirectory {
            var module = WasmBuilder()
            module.function("add", [.v128, .v128], [.v128]) { $0.localGet(0).localGet(1).op(.i32x4Add) }
            module.function("same", [.v128], [.v128]) { $0.localGet(0) }
            try write(module)
            func call(_ name: String, _ arguments: String...) throws -> Outcome {
                arguments.count == 1
                    ? try mayfly("run", "--invoke", name, "m.wasm", arguments[0])
                    : try mayfly("run", "--invoke", name, "m.wasm", arguments[0], arguments[1])
            }
            #expect(try call("add", "i32x4 1 2 3 -4", "0x1").output == "0xfffffffc000000030000000200000002\n")
            #expect(try call("same", "f64x2 1.5, -inf").output == "0xfff00000000000003ff8000000000000\n")
            #expect(
                try call("same", "0xfedcba98765432100123456789abcdef").output
                    == "0xfedcba98765432100123456789abcdef\n")
            for text in [
                "1", "i32x4 1 2 3", "i32x4 1 2 3 4 5", "i8x16 300", "f32x4 1 2 3 x", "0x",
                "0x100000000000000000000000000000000", "",
            ] {
                #expect(try call("same", text).code == 64, "\(text)")
            }
        }
    }

    @Test("limits of memory, tables and stack hold for the program")
    func limits() throws {
        try withDirectory {
            try write(
                """
                (module
                  (memory 2)
                  (table 10 funcref)
                  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
                  (func (export "growTable") (param i32) (result i32) (table.grow (ref.null func) (local.get 0)))
                  (func $down (export "down") (param i32) (result i32)
                    (if (result i32) (local.get 0)
                      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                      (else (i32.const 0))))
                  (func (export "warm") (drop (memory.grow (i32.const 1)))))
                """, "m.wat")
            func run(_ option: String, _ amount: String, _ export: String, _ argument: String) throws -> Outcome {
                try mayfly("run", option, amount, "--invoke", export, "m.wat", argument)
            }
            #expect(try run("--max-memory", "196608", "grow", "1").output == "2\n")
            #expect(try run("--max-memory", "196607", "grow", "1").output == "-1\n")
            #expect(try run("--max-memory", "131072", "grow", "0").output == "2\n")
            let small = try run("--max-memory", "131071", "grow", "0")
            #expect(small.code == 65)
            #expect(small.errors.contains("memory 0 of the module would make 131072 bytes"))
            #expect(try run("--max-table-elements", "12", "growTable", "2").output == "10\n")
            #expect(try run("--max-table-elements", "12", "growTable", "3").output == "-1\n")
            #expect(try run("--max-table-elements", "9", "growTable", "0").code == 65)
            #expect(try run("--max-stack", "65536", "down", "100").output == "100\n")
            let deep = try run("--max-stack", "65536", "down", "10000")
            #expect(deep.code == 134)
            #expect(deep.errors.contains("call stack exhausted"))
            #expect(try run("--max-stack", "-1", "down", "1").code == 64)
            #expect(try run("--max-memory", "much", "down", "1").code == 64)
            // What warms up has them, too, and what runs after it begins with what it has.
            func warm(_ bytes: String) throws -> Outcome {
                try mayfly("run", "--max-memory", bytes, "--warm", "warm", "--invoke", "grow", "m.wat", "0")
            }
            #expect(try warm("196608").output == "3\n")
            #expect(try warm("196607").output == "2\n")
        }
    }

    @Test("a trap prints its backtrace and is code 134")
    func trap() throws {
        try withDirectory {
            try write(Self.functions)
            let outcome = try mayfly("run", "--invoke", "trap", "m.wasm")
            #expect(outcome.code == 134)
            let lines = outcome.errors.split(separator: "\n")
            #expect(lines.first == "mayfly: wasm trap: unreachable")
            #expect(lines.count == 3)
            #expect(lines.dropFirst().first?.hasPrefix("  0: inner (function 5) at 0x") == true)
            #expect(lines.last?.hasPrefix("  1: function 6 at 0x") == true)
        }
    }

    @Test("a trap shows lines of source where the module has them", arguments: ["ledger-dwarf4", "ledger-dwarf5"])
    func lines(module: String) throws {
        try withDirectory {
            let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("Fixtures/SourceLines")
            let path = fixtures.appendingPathComponent("\(module).wasm").path
            let outcome = try mayfly("run", "--invoke", "payOut", path, "1", "0")
            #expect(outcome.code == 134)
            let lines = outcome.errors.split(separator: "\n")
            #expect(lines.first == "mayfly: wasm trap: integer divide by zero")
            #expect(lines.dropFirst().first?.hasSuffix(" at include/share.h:3:18") == true)
            #expect(lines.last?.hasSuffix(" at ledger.c:23:17") == true)
        }
    }

    @Test("streams and directories are the host's")
    func streams() throws {
        try withDirectory {
            // Copies standard input to a file in the first directory given.
            var module = WasmBuilder()
            let read = module.importFunction(Self.wasi, "fd_read", [.i32, .i32, .i32, .i32], [.i32])
            let write = module.importFunction(Self.wasi, "fd_write", [.i32, .i32, .i32, .i32], [.i32])
            let open = module.importFunction(
                Self.wasi, "path_open", [.i32, .i32, .i32, .i32, .i32, .i64, .i64, .i32, .i32], [.i32])
            let exit = module.importFunction(Self.wasi, "proc_exit", [.i32])
            module.memory(1, export: "memory")
            module.data(at: 64, Array("copy".utf8))
            module.function("_start", locals: [.i32]) { code in
                // The vector at 0, the byte count at 8, the descriptor at 12.
                code.i32Const(0).i32Const(4096).i32Store().i32Const(4).i32Const(4096).i32Store()
                code.i32Const(0).i32Const(0).i32Const(1).i32Const(8).call(read).drop()
                code.i32Const(4).i32Const(8).i32Load().i32Store()
                code.i32Const(3).i32Const(0).i32Const(64).i32Const(4).i32Const(1).i64Const(64).i64Const(0).i32Const(0)
                code.i32Const(12).call(open).localSet(0)
                code.i32Const(12).i32Load().i32Const(0).i32Const(1).i32Const(8).call(write).drop()
                code.localGet(0).call(exit)
            }
            try self.write(module, "open.wasm")
            let outcome = try mayfly("run", "--dir", ".::/data", "open.wasm", input: "some input")
            #expect(outcome.code == 0, "\(outcome.errors)")
            let copy = try String(contentsOf: directory.appendingPathComponent("copy"), encoding: .utf8)
            #expect(copy == "some input")
            // Without a directory the guest gets EBADF, 8.
            #expect(try mayfly("run", "open.wasm").code == 8)
            // In a directory to be read only it may create nothing: ENOTCAPABLE, 76.
            try FileManager.default.removeItem(at: directory.appendingPathComponent("copy"))
            #expect(try mayfly("run", "--dir", ".::/data::ro", "open.wasm").code == 76)
            try Data("from a file".utf8).write(to: directory.appendingPathComponent("input"))
            let fed = try mayfly("run", "--stdin", "input", "--dir", ".::/data", "open.wasm", input: "not this")
            #expect(fed.code == 0, "\(fed.errors)")
            let second = try String(contentsOf: directory.appendingPathComponent("copy"), encoding: .utf8)
            #expect(second == "from a file")
            #expect(try mayfly("run", "--stdin", "nothing", "open.wasm").code == 66)
        }
    }

    @Test("wrong usage is code 64 and says what is wrong")
    func usage() throws {
        try withDirectory {
            try write(Self.functions)
            for arguments in [
                ["run"], ["run", "--unknown", "m.wasm"], ["run", "--env", "X", "m.wasm"],
                ["run", "--dir", "::/", "m.wasm"], ["run", "--dir", ".::/::rw", "m.wasm"],
                ["run", "--dir", "./::", "m.wasm"],
                ["run", "m.wasm"], ["frobnicate"], ["validate"], ["compile"], ["inspect", "m.wasm", "nofunction"],
            ] {
                let outcome =
                    switch arguments.count {
                    case 1: try mayfly(arguments[0])
                    case 2: try mayfly(arguments[0], arguments[1])
                    case 3: try mayfly(arguments[0], arguments[1], arguments[2])
                    default: try mayfly(arguments[0], arguments[1], arguments[2], arguments[3])
                    }
                #expect(outcome.code == 64, "\(arguments): \(outcome.errors)")
                #expect(!outcome.errors.isEmpty)
            }
            #expect(try mayfly("run", "m.wasm").errors.contains("--invoke"))
        }
    }

    @Test("help tells options and exit codes")
    func help() throws {
        try withDirectory {
            for arguments in [["--help"], ["run", "--help"], ["run", "-h"], ["help", "compile"]] {
                let outcome = arguments.count == 1 ? try mayfly(arguments[0]) : try mayfly(arguments[0], arguments[1])
                #expect(outcome.code == 0)
                #expect(outcome.output.contains("134") && outcome.output.contains("trap"), "\(arguments)")
            }
        }
    }

    @Test("files that cannot be read, and modules that cannot be used")
    func badInput() throws {
        try withDirectory {
            try Data("not a module".utf8).write(to: directory.appendingPathComponent("text"))
            var invalid = WasmBuilder()
            invalid.function("f", [], [.i32]) { $0.i64Const(1) }
            try write(invalid, "invalid.wasm")
            var foreign = WasmBuilder()
            foreign.importFunction("env", "absent")
            foreign.function("_start") { _ in }
            try write(foreign, "foreign.wasm")

            let missing = try mayfly("run", "missing.wasm")
            #expect(missing.code == 66 && missing.errors.contains("missing.wasm"))
            #expect(try mayfly("run", ".").code == 66)
            #expect(try mayfly("run", "--dir", "nowhere", "foreign.wasm").code == 66)
            let text = try mayfly("run", "text")
            #expect(text.code == 65 && text.errors.contains("offset 0x0"))
            let link = try mayfly("run", "foreign.wasm")
            #expect(link.code == 65 && link.errors.contains("\"env\" \"absent\""))

            try write(Self.functions, "valid.wasm")
            #expect(try mayfly("validate", "valid.wasm").code == 0)
            let two = try mayfly("validate", "invalid.wasm", "valid.wasm", "text")
            #expect(two.code == 65 && two.output == "")
            let lines = two.errors.split(separator: "\n")
            #expect(lines.count == 2)
            #expect(lines.first?.contains("invalid.wasm") == true && lines.first?.contains("offset 0x") == true)
        }
    }

    // MARK: compile and inspect

    @Test("a compiled module runs like its source")
    func compile() throws {
        try withDirectory {
            try write(Self.echo)
            let compiled = try mayfly("compile", "m.wasm")
            #expect(compiled.code == 0 && compiled.output == "" && compiled.errors == "")
            #expect(try mayfly("run", "--allow-precompiled", "m.mayfly", "x").output == "m.mayfly\0x\0")
            #expect(try mayfly("compile", "m.wasm", "-o", "other").code == 0)
            #expect(try mayfly("run", "--allow-precompiled", "other", "x").code == 2)
            #expect(try mayfly("compile", "m.wasm", "-o", "no/where").code == 73)
            #expect(try mayfly("compile", "other").code == 64)
            // Nothing temporary is left.
            let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
            #expect(names.filter { !$0.hasPrefix(".") }.sorted() == ["m.mayfly", "m.wasm", "other"])

            var bytes = try Data(contentsOf: directory.appendingPathComponent("other"))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: directory.appendingPathComponent("damaged"))
            let damaged = try mayfly("run", "--allow-precompiled", "damaged")
            #expect(damaged.code == 65 && damaged.errors.contains("corrupted"))
        }
    }

    @Test("what took how long is said when asked, whether the module has been compiled before or not")
    func timings() throws {
        try withDirectory {
            try write(Self.functions)
            for _ in 0..<2 {
                let compiled = try mayfly("compile", "--timings", "m.wasm")
                #expect(compiled.code == 0 && compiled.output == "")
                let lines = compiled.errors.split(separator: "\n")
                let steps = [
                    "decoding", "validation", "translation", "dead code elimination", "instruction selection",
                    "register allocation", "emission", "linking", "publishing", "all",
                ]
                #expect(lines.first?.hasPrefix("step") == true && lines.count == steps.count + 2)
                for (line, step) in zip(lines.dropFirst(), steps) { #expect(line.hasPrefix(step + " ")) }
                #expect(lines.last?.contains(" functions, ") == true)
            }
        }
    }

    @Test("what was compiled once is kept for the next run, unless the user says otherwise")
    func cache() throws {
        try withDirectory {
            try write(Self.echo)
            let cache = directory.appendingPathComponent(".cache/mayfly")
            func files() -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: cache.path)) ?? [] }
            #expect(try mayfly("run", "--no-cache", "m.wasm", "x").output == "m.wasm\0x\0")
            #expect(files().isEmpty)
            for _ in 0..<2 {
                #expect(try mayfly("run", "m.wasm", "x").output == "m.wasm\0x\0")
                #expect(files().count == 1)
            }
            // Damaged, it is compiled again.
            let file = cache.appendingPathComponent(try #require(files().first))
            let good = try Data(contentsOf: file)
            try good.prefix(good.count / 2).write(to: file)
            #expect(try mayfly("run", "m.wasm", "x").output == "m.wasm\0x\0")
            #expect(try Data(contentsOf: file) == good)
            #expect(try mayfly("info").output.contains("cache: \(cache.path)"))
        }
    }

    @Test("native code is loaded only if the user says so, whatever its file is called")
    func precompiled() throws {
        try withDirectory {
            try write(Self.echo)
            #expect(try mayfly("compile", "m.wasm", "-o", "handler.wasm").code == 0)
            for outcome in [
                try mayfly("run", "handler.wasm"), try mayfly("run", "--invoke", "_start", "handler.wasm"),
                // What follows the module is the guest's.
                try mayfly("run", "handler.wasm", "--allow-precompiled"),
                try mayfly("inspect", "handler.wasm"), try mayfly("inspect", "handler.wasm", "--disassemble"),
            ] {
                #expect(outcome.code == 65 && outcome.output == "")
                #expect(outcome.errors.hasPrefix("mayfly: handler.wasm: refused: this is native code"))
                #expect(outcome.errors.contains("--allow-precompiled"))
            }
            // Modules in the binary format do not mind the option.
            #expect(try mayfly("run", "--allow-precompiled", "m.wasm").output == "m.wasm\0")
            #expect(try mayfly("run", "--allow-precompiled", "handler.wasm").output == "handler.wasm\0")
            for command in ["run", "inspect"] {
                #expect(try mayfly(command, "--help").output.contains("--allow-precompiled"))
            }
        }
    }

    @Test("a module beyond the compiler's limits is refused like an invalid one, and what to do is said")
    func tooComplex() throws {
        try withDirectory {
            var module = WasmBuilder()
            let types = [ValueType](repeating: .i32, count: 1000)
            module.function("f", types, types) { code in
                for local in 0..<1000 { code.localGet(UInt32(local)) }
                for _ in 0..<300 { code.call(0) }
            }
            try write(module)
            #expect(try mayfly("validate", "m.wasm").code == 0)
            let outcome = try mayfly("compile", "m.wasm")
            #expect(outcome.code == 65, "\(outcome.errors)")
            #expect(outcome.errors.contains("function 0 is too complex") && outcome.errors.contains("split it"))
        }
    }

    @Test("inspection shows what a module consists of")
    func inspect() throws {
        try withDirectory {
            try write(Self.echo)
            try write(Self.functions, "f.wasm")
            let outcome = try mayfly("inspect", "m.wasm")
            #expect(outcome.code == 0, "\(outcome.errors)")
            for text in [
                "sections", "  code ", "imports: 4",
                "wasi_snapshot_preview1 fd_write: function (i32, i32, i32, i32) -> i32",
                "exports: 2", "_start: function () -> ()", "1 pages of 64 KiB", "code: ",
            ] {
                #expect(outcome.output.contains(text), "\(text)\n\(outcome.output)")
            }
            let one = try mayfly("inspect", "f.wasm", "inner")
            #expect(one.output.split(separator: "\n").count == 2 && one.output.contains("inner"))
            #expect(try mayfly("inspect", "f.wasm", "add").output.contains("  0  "))
            #expect(try mayfly("compile", "f.wasm").code == 0)
            #expect(try mayfly("inspect", "--allow-precompiled", "f.mayfly").output.contains("exports: 6"))
        }
    }

    @Test("disassembly shows instructions, or says that it needs objdump")
    func disassemble() throws {
        try withDirectory {
            try write(Self.functions)
            let without = try mayfly("inspect", "m.wasm", "--disassemble", path: directory.path)
            #expect(without.code == 69 && without.errors.contains("objdump") && without.errors.contains("binutils"))
            let paths = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
            guard paths.contains(where: { FileManager.default.isExecutableFile(atPath: "\($0)/objdump") }) else {
                return
            }
            let all = try mayfly("inspect", "m.wasm", "--disassemble")
            #expect(all.code == 0 && all.output.contains("add") && all.output.contains("5 inner: "))
            let one = try mayfly("inspect", "m.wasm", "--disassemble", "inner")
            #expect(one.output.contains("ud2") && !one.output.contains("6: "))
            // Beside an instruction stands what it was made for; in a compiled file, where something may trap.
            func comments(_ outcome: Outcome) -> [Substring] {
                outcome.output.split(separator: "\n").filter { $0.contains(" ; 0x") }
            }
            #expect(comments(one).contains { $0.hasSuffix(" unreachable") })
            #expect(comments(all).contains { $0.hasSuffix(" call $inner") })
            #expect(try mayfly("compile", "m.wasm").code == 0)
            let compiled = try mayfly("inspect", "m.mayfly", "--allow-precompiled", "--disassemble", "inner")
            #expect(comments(compiled).contains { $0.contains("ud2") && $0.hasSuffix(" unreachable") })
        }
    }
}
