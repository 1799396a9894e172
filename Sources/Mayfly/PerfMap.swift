//! Names of compiled functions for Linux's `perf`, which reads them from `/tmp/perf-PID.map`.
//!
//! The format is one of the kernel's documentation (tools/perf/Documentation/jit-interface.txt): start and size in hexadecimal and
//! a name, a line each. A module's lines are appended in one write when it is compiled or loaded, so that several threads do
//! not mix theirs.

import Compiler
import Glibc
import Runtime

enum PerfMap {
    /// Names a module's functions. What cannot be written is left out: a profile without names is no reason to fail.
    static func append(_ module: ModuleCore) {
        var lines = ""
        func add(_ range: Range<Int>, _ name: String) {
            guard !range.isEmpty else { return }
            // A line is a name's end.
            let printable = name.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : String($0) }
            let address = UInt(bitPattern: module.codeAddress) + UInt(range.lowerBound)
            lines += "\(String(address, radix: 16)) \(String(range.count, radix: 16)) \(printable.joined())\n"
        }
        let label = module.decoded.names.module.map { "wasm[\($0)]" } ?? "wasm"
        for body in module.decoded.bodies.indices {
            let function = module.decoded.functionIndex(ofBody: body)
            let name = module.decoded.names.functions[function] ?? "function \(function)"
            add(module.codeRange(ofBody: body), "\(label)::\(name)")
        }
        add(Int(module.code.functionsEnd)..<module.codeSize, "\(label)::trampolines")

        // Whoever put something else under that name must not have it written to.
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
        let file = open("/tmp/perf-\(getpid()).map", flags, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_uid == geteuid(), status.st_mode & S_IFMT == S_IFREG else { return }
        var text = lines
        text.withUTF8 { _ = write(file, $0.baseAddress, $0.count) }
    }
}
