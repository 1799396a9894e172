//! Reading and writing the files that the tool works on.

import ArgumentParser
import Glibc
import Mayfly
import WasmText

/// A module's file: the binary format, text, or what `mayfly compile` or `mayfly snapshot` wrote.
struct ModuleFile {
    let path: String
    /// Text is in the binary format already.
    let bytes: [UInt8]

    init(path: String) throws {
        self.path = path
        let contents = try Self.read(path)
        bytes = WasmText.isText(contents) ? try WasmText.encode(contents, fileName: path) : contents
    }

    /// What is no regular file, a pipe for one, gives its bytes to the first who reads.
    private var isReadOnce: Bool {
        var status = stat()
        return stat(path, &status) != 0 || status.st_mode & S_IFMT != S_IFREG
    }

    /// The path's last component.
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Written by `mayfly compile`.
    var isCompiled: Bool { bytes.starts(with: Array("MAYFLYC\0".utf8)) }

    /// Written by `mayfly snapshot`.
    var isSnapshot: Bool { bytes.starts(with: Array("MAYFLYS\0".utf8)) }

    /// The path without a module's extension.
    var stem: String {
        for ending in [".wasm", ".wat", ".mayfly", ".snapshot"] where path.hasSuffix(ending) {
            return String(path.dropLast(ending.count))
        }
        return path
    }

    /// Something to make a template of.
    struct Program {
        let module: Module
        fileprivate let snapshot: SavedSnapshot?

        /// Initialisation is behind it.
        var isStarted: Bool { snapshot != nil }

        func template<State>(_ imports: Imports<State>) throws -> Template<State> {
            if let snapshot { return try snapshot.template(imports: imports) }
            return try module.template(imports: imports)
        }
    }

    /// Makes a module or a snapshot runnable.
    func program(_ engine: Engine, allowingPrecompiled: Bool, metersFuel: Bool? = false) throws -> Program {
        guard isSnapshot else {
            let module = try load(engine, allowingPrecompiled: allowingPrecompiled, metersFuel: metersFuel)
            return Program(module: module, snapshot: nil)
        }
        try checkTrust(allowingPrecompiled)
        let snapshot = try isReadOnce ? engine.load(snapshot: bytes) : engine.load(snapshotAt: path)
        if let metersFuel { try checkMetering(of: snapshot.module, metersFuel) }
        return Program(module: snapshot.module, snapshot: snapshot)
    }

    /// What a file contains must not decide whether its native code is trusted: only who runs the tool can say that.
    private func checkTrust(_ allowingPrecompiled: Bool) throws {
        guard !allowingPrecompiled else { return }
        throw CommandFailure(
            .invalidModule,
            """
            \(path): refused: this is native code as `mayfly \(isSnapshot ? "snapshot" : "compile")` writes it, not a module in \
            the binary format, and no sandbox holds native code of unknown origin; use the module it was made from, \
            or, if you trust the file like a program, give --allow-precompiled before its name
            """)
    }

    /// Code that has been made already either takes fuel or does not.
    private func checkMetering(of module: Module, _ metersFuel: Bool) throws {
        guard module.metersFuel != metersFuel else { return }
        throw CommandFailure(
            .usage,
            metersFuel
                ? "\(path) does not take fuel: `mayfly compile --fuel` makes what does"
                : "\(path) takes fuel, and none is given: run it with --fuel")
    }

    /// Makes it runnable; compiles if that has not been done before.
    ///
    /// - Parameter metersFuel: whether its code is to take fuel; nil accepts what has been made either way.
    func load(
        _ engine: Engine, allowingPrecompiled: Bool = false, metersFuel: Bool? = false,
        monitor: CompilationMonitor = CompilationMonitor()
    ) throws -> Module {
        if isSnapshot { throw CommandFailure(.usage, "\(path) is a snapshot; this needs the module it was made from") }
        if isCompiled {
            try checkTrust(allowingPrecompiled)
            let module = try isReadOnce ? engine.load(compiled: bytes) : engine.load(contentsOf: path)
            if let metersFuel { try checkMetering(of: module, metersFuel) }
            return module
        }
        let progress = CompilationProgress(name: name, monitor)
        defer { progress.finish() }
        return try engine.compile(bytes, metersFuel: metersFuel, monitor: monitor)
    }

    /// The help of the option that both `run` and `inspect` have.
    static let allowPrecompiledHelp: ArgumentHelp =
        "Accept what `mayfly compile` or `mayfly snapshot` wrote: native code, which is trusted like a program."

    /// An engine for one guest, each of whose memories takes a slot.
    static func makeEngine(
        _ options: CacheOptions, writesPerfMap: Bool = false, keepsOrigins: Bool = false
    ) throws -> Engine {
        var code = CodeSettings()
        code.keepsOrigins = keepsOrigins
        return try Engine(
            Engine.Configuration(
                pool: PoolConfiguration(slotCount: 64, spareSlots: 0, stackBytes: 8 << 20), code: code,
                cache: options.noCache ? nil : CompilationCache.standard, writesPerfMap: writesPerfMap))
    }

    static func read(_ path: String) throws -> [UInt8] {
        func failure() -> CommandFailure {
            CommandFailure(.noInput, "cannot read '\(path)': \(String(cString: strerror(errno)))")
        }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure() }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure()
            }
            bytes += chunk[..<count]
        }
    }

    /// Writes a whole file, by way of a temporary one beside it: at no time is there half a file of that name.
    static func write(_ bytes: [UInt8], to path: String) throws {
        func failure(_ operation: String) -> CommandFailure {
            CommandFailure(.cannotCreate, "cannot \(operation) '\(path)': \(String(cString: strerror(errno)))")
        }
        // What is there and not a file (/dev/stdout, a pipe) is written to, not replaced.
        var status = stat()
        let isReplaced = stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
        let target = isReplaced ? "\(path).\(getpid()).tmp" : path
        let file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | (isReplaced ? O_EXCL : 0), 0o666)
        guard file >= 0 else { throw failure("create") }
        var isComplete = false
        defer { if isReplaced, !isComplete { unlink(target) } }
        do {
            defer { close(file) }
            var written = 0
            while written < bytes.count {
                let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + written, $0.count - written) }
                if count < 0, errno != EINTR { throw failure("write") }
                written += max(count, 0)
            }
        }
        if isReplaced, rename(target, path) != 0 { throw failure("create") }
        isComplete = true
    }
}

/// The option of commands that compile.
struct CacheOptions: ParsableArguments {
    @Flag(
        help: """
            Compile even what has been compiled before, and keep nothing. Otherwise compiled modules are kept in \
            $XDG_CACHE_HOME/mayfly or ~/.cache/mayfly.
            """)
    var noCache = false
}
