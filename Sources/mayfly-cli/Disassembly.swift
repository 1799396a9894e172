//! Machine code as text, by the system's objdump, and beside it the WebAssembly that it was made for.

import Compiler
import Glibc
import Mayfly
import WasmText

struct Disassembly {
    private let code: [UInt8]
    private let origins: [CodeOrigin]
    /// By place in the binary.
    private let instructions: [Int: String]

    /// Where what stands beside begins, unless the code is longer.
    private static let column = 60

    init(_ module: Module) {
        code = module.code
        origins = module.codeOrigins
        // A module that cannot be told in text has machine code all the same, and places in the binary.
        instructions = (try? WasmText.instructions(of: module.binary)) ?? [:]
    }

    /// Prints functions one after the other, each under its index and name.
    func show(_ functions: [Module.CompiledFunction]) throws {
        var template = Array("\(temporaryDirectory)/mayfly-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        guard file >= 0 else {
            throw CommandFailure(.cannotCreate, "cannot create a temporary file: \(String(cString: strerror(errno)))")
        }
        defer {
            close(file)
            unlink(template)
        }
        var written = 0
        while written < code.count {
            let count = code.withUnsafeBytes { write(file, $0.baseAddress! + written, $0.count - written) }
            if count < 0, errno != EINTR {
                throw CommandFailure(
                    .cannotCreate, "cannot write a temporary file: \(String(cString: strerror(errno)))")
            }
            written += max(count, 0)
        }
        let path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var arguments = ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn"]
        if let first = functions.first, let last = functions.last {
            arguments += [
                "--start-address=\(first.codeRange.lowerBound)", "--stop-address=\(last.codeRange.upperBound)",
            ]
        }
        let lines = try output(of: arguments + [path]).split(separator: "\n")

        var pending = functions[...]
        var current = functions.first
        var origin = 0
        for line in lines {
            // Instructions are lines of an address and a colon; all else is objdump's own headings.
            let trimmed = line.drop { $0 == " " }
            guard let colon = trimmed.firstIndex(of: ":"), let address = Int(trimmed[..<colon], radix: 16) else {
                continue
            }
            while let function = pending.first, function.codeRange.lowerBound <= address {
                print("\n\(function.index)\(function.name.map { " \($0)" } ?? ""): \(function.codeRange.count) bytes")
                pending = pending.dropFirst()
                current = function
            }
            // The last that begins no later, said once.
            var source: Int?
            while origin < origins.count, Int(origins[origin].code) <= address {
                source = Int(origins[origin].source)
                origin += 1
            }
            guard let source, let current, current.bodyRange.contains(source) else {
                print(line)
                continue
            }
            print("\(String(line).padded(Self.column)) ; 0x\(hexadecimal(source)) \(text(at: source, in: current))")
        }
    }

    private func text(at source: Int, in function: Module.CompiledFunction) -> String {
        instructions[source]
            ?? (source == function.bodyRange.lowerBound
                ? "func" : source == function.bodyRange.upperBound - 1 ? "end" : "")
    }

    private var temporaryDirectory: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

    /// Runs a program found on the PATH, and gives what it prints.
    private func output(of arguments: [String]) throws -> String {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw CommandFailure(.system, "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        posix_spawn_file_actions_addclose(&actions, ends[1])
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var child: pid_t = 0
        let error = posix_spawnp(&child, arguments[0], &actions, nil, &argv, environ)
        close(ends[1])
        guard error == 0 else {
            throw CommandFailure(
                .unavailable,
                "cannot run \(arguments[0]) (\(String(cString: strerror(error)))): "
                    + "install it (package binutils) and see that it is on the PATH")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(ends[0], &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else { throw CommandFailure(.internalError, "\(arguments[0]) failed with status \(status)") }
        return String(decoding: bytes, as: UTF8.self)
    }
}
