//! The engine: what all modules of a process share. It owns the pool of slots and the interned signatures.

public import Compiler
import Glibc
public import Runtime
import WasmModule
import WasmText

/// Compiles modules and owns the address space their instances live in.
///
/// A process needs one. Modules, templates and instances keep their engine alive.
public final class Engine: Sendable {
    /// What an engine is made with.
    public struct Configuration: Sendable, Hashable {
        /// How many instances can be live at once and how large each can be.
        public var pool: PoolConfiguration
        /// Threads that compile one module's functions in parallel; 0 takes one per processor.
        public var compilationThreads: Int
        /// How code is generated.
        public var code: CodeSettings
        /// Where compiled modules are kept from one process to the next. Nil keeps none.
        public var cache: CompilationCache?
        /// Whether the names of compiled functions are written to `/tmp/perf-PID.map`, where `perf` looks for them.
        public var writesPerfMap: Bool
        /// How long a guest that was called with `await` runs on before it lets other tasks run, and goes on after them.
        /// Nil lets it run to its end, or to its deadline.
        ///
        /// Nothing is compiled in for it: the guest is interrupted between two instructions. A shorter slice lets a request
        /// wait less for guests that take long, and costs those more: some 10 µs a slice.
        public var timeSlice: Duration?

        /// By default 1000 slots of up to 4 GiB, one thread per processor, the fastest code that the processor runs, no cache,
        /// and slices of 5 ms.
        public init(
            pool: PoolConfiguration = .init(), compilationThreads: Int = 0, code: CodeSettings = .init(),
            cache: CompilationCache? = nil, writesPerfMap: Bool = false, timeSlice: Duration? = .milliseconds(5)
        ) {
            self.pool = pool
            self.compilationThreads = compilationThreads
            self.code = code
            self.cache = cache
            self.writesPerfMap = writesPerfMap
            self.timeSlice = timeSlice
        }
    }

    /// What the engine was made with; in place of an instruction set that was left open, the one it took.
    public let configuration: Configuration
    let core: EngineCore
    let cacheCounters = CompilationCacheCounters()

    /// Reserves the pool's address space and, once per process, installs the handlers for SIGSEGV, SIGBUS, SIGFPE and
    /// SIGILL that turn a guest's faults into traps. Faults elsewhere go to the handlers that were there before; a handler
    /// installed later must do the same in turn.
    ///
    /// - Throws: ``EngineError``.
    public init(_ configuration: Configuration = .init()) throws(EngineError) {
        var configuration = configuration
        configuration.code.instructionSet = try Self.instructionSet(
            configuration.code.instructionSet, on: .present)
        do {
            core = try EngineCore(
                pool: configuration.pool, timeSlice: configuration.timeSlice)
        } catch {
            switch error {
            case .pool(let error): throw .pool(error)
            case .system(let operation, let errno): throw .system(operation: operation, errno: errno)
            }
        }
        self.configuration = configuration
    }

    /// The instruction set asked for, or the best, if a processor with these features can run it.
    static func instructionSet(
        _ requested: CodeSettings.InstructionSet?, on features: ProcessorFeatures
    ) throws(EngineError) -> CodeSettings.InstructionSet {
        guard let best = features.instructionSet else {
            throw .unsupportedProcessor(missing: features.missing(for: .baseline))
        }
        let requested = requested ?? best
        let missing = features.missing(for: requested)
        guard missing.isEmpty else { throw .unsupportedInstructionSet(requested, missing: missing) }
        return requested
    }

    /// Compiles a module in the binary format, on the calling thread and those that the configuration allows besides. If the
    /// configuration names a cache that has it, it is loaded from there; else it is there the next time.
    ///
    /// - Parameters:
    ///   - metersFuel: Whether the module's code takes fuel (``Instance/fuel``), which makes it a little slower; nil does as
    ///     the configuration says.
    ///   - monitor: Is told how far it is, and what took how long. It hears of nothing if the module comes from the cache.
    /// - Throws: ``CompileError``, with the place in the bytes if they are no valid module.
    public func compile(
        _ bytes: [UInt8], metersFuel: Bool? = nil, monitor: CompilationMonitor? = nil
    ) throws(CompileError) -> Module {
        var settings = configuration.code
        if let metersFuel { settings.metersFuel = metersFuel }
        if let dense = try compileForDenseSlots(bytes, settings, monitor) { return dense }
        return try compile(bytes, settings, monitor)
    }

    /// The module with code for dense slots, if the engine has any and the module fits them by what it declares.
    private func compileForDenseSlots(
        _ bytes: [UInt8], _ settings: CodeSettings, _ monitor: CompilationMonitor?
    ) throws(CompileError) -> Module? {
        guard core.densePool != nil, configuration.code.boundsChecks != .explicit else { return nil }
        let decoded: DecodedModule
        do throws(WasmError) { decoded = try DecodedModule(decoding: bytes) } catch { throw .module(error) }
        guard core.denseResidence(of: decoded, nil) != nil else { return nil }
        let module = try compile(bytes, settings.forDenseSlots, monitor)
        // Which tables a slot must have a copy of is known when the code has been looked at.
        return core.denseResidence(of: decoded, module.core.code) == nil ? nil : module
    }

    func compile(
        _ bytes: [UInt8], _ settings: CodeSettings, _ monitor: CompilationMonitor?
    ) throws(CompileError) -> Module {
        let cached = configuration.cache.flatMap { CachedModule($0, bytes, settings, self) }
        if let module = cached?.load() { return module }
        // Of nobody's interest, and free of cost.
        let monitor = monitor ?? CompilationMonitor()
        let decoded = try monitor.time(.decoding) { () throws(CompileError) -> DecodedModule in
            do throws(WasmError) { return try DecodedModule(decoding: bytes) } catch { throw .module(error) }
        }
        let code = try compiledCode(of: decoded, settings, monitor)
        let module = try monitor.time(.publishing) { () throws(CompileError) -> Module in
            try self.module(decoded, code)
        }
        cached?.store(module)
        return module
    }

    /// What became of the configuration's cache so far.
    public var cacheStatistics: CompilationCacheStatistics { cacheCounters.statistics }

    /// Compiles a module in the text format.
    ///
    /// ```swift
    /// let module = try engine.compile(text: "(module (func (export \"answer\") (result i32) i32.const 42))")
    /// ```
    ///
    /// - Parameter metersFuel: as for ``compile(_:metersFuel:monitor:)``.
    /// - Throws: ``CompileError``, with line and column in the text if it is no module in the text format.
    public func compile(text: String, metersFuel: Bool? = nil) throws(CompileError) -> Module {
        try compile(try encode(Array(text.utf8), fileName: nil), metersFuel: metersFuel)
    }

    /// Compiles the module in a file, in the binary format or in text.
    ///
    /// - Parameter metersFuel: as for ``compile(_:metersFuel:monitor:)``.
    /// - Throws: ``CompileError``.
    public func compile(contentsOf path: String, metersFuel: Bool? = nil) throws(CompileError) -> Module {
        let bytes = try readFile(path)
        return try compile(
            WasmText.isText(bytes) ? try encode(bytes, fileName: path) : bytes, metersFuel: metersFuel)
    }

    private func encode(_ text: [UInt8], fileName: String?) throws(CompileError) -> [UInt8] {
        do { return try WasmText.encode(text, fileName: fileName) } catch { throw .text(error) }
    }

    /// Loads what ``Module/serialized()`` wrote, without compiling.
    ///
    /// - Warning: An artifact is native code that runs in this process with all its rights. Only load bytes from a source
    ///   you trust as much as the program itself; the checks here find accidents, not attacks.
    /// - Throws: ``CompileError/artifact(_:)`` if the bytes are damaged, of another version or for another processor.
    public func load(compiled bytes: [UInt8]) throws(CompileError) -> Module {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(ArtifactError) in try ParsedArtifact(bytes) }
        }
        let artifact: ParsedArtifact
        do { artifact = try result.get() } catch { throw .artifact(error) }
        let decoded = try decode(artifact, Array(bytes[artifact.binary]))
        var code = artifact.code
        code.text = Array(bytes[artifact.text])
        return try module(decoded, code)
    }

    /// Loads a compiled artifact from a file, which is mapped and run where it is. See ``load(compiled:)`` for whom to trust. The
    /// file must not be changed in place as long as the module exists; replacing it by another one does no harm.
    public func load(contentsOf path: String) throws(CompileError) -> Module {
        try withFile(at: path) { file, _ throws(CompileError) in
            try load(file, binary: nil)
        } read: { bytes throws(CompileError) in
            try load(compiled: bytes)
        }
    }

    /// - Parameters:
    ///   - start: where in the file the artifact begins, which goes up to the file's end. A multiple of the page.
    ///   - binary: what the module's bytes must be, if that is known.
    func load(_ file: MappedFile, from start: Int = 0, binary: [UInt8]?) throws(CompileError) -> Module {
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[start...])
        let artifact: ParsedArtifact
        do { artifact = try ParsedArtifact(bytes) } catch { throw .artifact(error) }
        let own = UnsafeRawBufferPointer(rebasing: bytes[artifact.binary])
        if let binary {
            let isSame = binary.withUnsafeBytes {
                $0.count == own.count && (own.isEmpty || memcmp($0.baseAddress!, own.baseAddress!, own.count) == 0)
            }
            guard isSame else { throw .artifact(.corrupted) }
        }
        let decoded = try decode(artifact, binary ?? Array(own))
        return try module { () throws(SystemError) in
            let text = start + artifact.text.lowerBound..<start + artifact.text.upperBound
            return try ModuleCore(engine: core, decoded: decoded, code: artifact.code, text: text, of: file)
        }
    }

    private func decode(_ artifact: ParsedArtifact, _ binary: [UInt8]) throws(CompileError) -> DecodedModule {
        let decoded: DecodedModule
        do { decoded = try DecodedModule(decoding: binary) } catch { throw .module(error) }
        guard artifact.fits(decoded) else { throw .artifact(.corrupted) }
        return decoded
    }

    /// Whether guests' faults still become traps: false after another part of the process replaced a handler of this library
    /// without calling it in turn.
    public static var faultHandlersAreCurrent: Bool { EngineCore.faultHandlersAreCurrent }

    /// Counters of the pool at this moment: of the ordinary slots.
    public var poolStatistics: PoolStatistics { core.pool.statistics }

    /// The same of the dense slots; nil if the configuration has none.
    public var densePoolStatistics: PoolStatistics? { core.densePool?.statistics }

    /// Gives the memory that free slots keep for their next instances back to the system, now and not after the time that the
    /// configuration sets. For a host that runs short of memory: later instances are slower until the memory is warm again.
    public func trim() {
        core.pool.trim()
        core.densePool?.trim()
    }

    func module(_ decoded: DecodedModule, _ code: CompiledCode) throws(CompileError) -> Module {
        try module { () throws(SystemError) in try ModuleCore(engine: core, decoded: decoded, code: code) }
    }

    private func module(_ make: () throws(SystemError) -> ModuleCore) throws(CompileError) -> Module {
        let module: ModuleCore
        do { module = try make() } catch { throw .system(operation: error.operation, errno: error.errno) }
        if configuration.writesPerfMap { PerfMap.append(module) }
        return Module(engine: self, core: module)
    }
}

extension CodeSettings {
    /// How the same code is generated for dense slots.
    var forDenseSlots: CodeSettings {
        var settings = self
        settings.boundsChecks = .explicit
        return settings
    }
}
