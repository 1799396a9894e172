//! Wasmtime as a contender: how its C API is best used for what is measured here.
//!
//! - Cycles use the pooling allocator (its fastest strategy for fresh instances), a pre-instantiated module, and the
//!   unchecked call, which skips the argument checks a static caller needs as little as Mayfly's typed call.
//!   A WASI context is made only where the module imports WASI.
//! - Programs and compile times use the default configuration: allocation on demand, optimisation for speed.
//!
//! The pool's knobs: `keepResident` bytes of each memory and table are cleaned by copying instead of given back to the
//! kernel, `decommitBatch` slots are given back at once, and `warmSlots` unused slots keep the module they had.
//! Wasmtime's own defaults are 0, 1 and 100.

import Glibc

struct PoolTuning: Equatable, Sendable, CustomStringConvertible {
    /// In bytes, per memory and per table.
    var keepResident = 0
    /// In slots.
    var decommitBatch = 1
    /// Nil is Wasmtime's default.
    var warmSlots: Int?
    /// Instances, memories, tables and stacks; nil is Wasmtime's default of 1000.
    var slots: Int?
    /// Bytes that a memory may have.
    var mostMemory = 1 << 30
    /// Bytes of address space reserved for each memory, with no guard behind, where code then compares; nil is
    /// Wasmtime's default of 4 GiB and a guard.
    var reservation: Int?
    /// Elements of a table.
    var tableElements = 60_000

    var description: String {
        "keep_resident \(keepResident) bytes, decommit batch \(decommitBatch)"
            + (warmSlots.map { ", \($0) warm slots" } ?? "")
    }

    /// The same for a pool of so few slots.
    ///
    /// Slots that wait for their batch, or are being given back with it, are not there for an instance, and Wasmtime
    /// then says that the pool is full. So the batches of all threads together must not exceed the pool.
    func limited(toSlots slots: Int, threads: Int) -> PoolTuning {
        var other = self
        other.slots = slots
        other.decommitBatch = max(min(decommitBatch, slots / threads), 1)
        return other
    }
}

/// An engine of the C API. `Sendable` because Wasmtime's engines, modules and pre-instances may be used by any thread.
final class WasmtimeEngine: @unchecked Sendable {
    let library: WasmtimeLibrary
    let pointer: WasmtimeLibrary.Object
    let metersFuel: Bool

    init(
        _ library: WasmtimeLibrary, pool: PoolTuning?, parallelCompilation: Bool = true, metersFuel: Bool = false
    ) throws {
        self.library = library
        self.metersFuel = metersFuel
        let config = try library.made(library.configNew(), "configuration")
        library.configConsumeFuelSet(config, metersFuel)
        library.configParallelCompilationSet(config, parallelCompilation)
        if let pool {
            let pooling = try library.made(library.poolingNew(), "pool configuration")
            library.poolingMemoryKeepResidentSet(pooling, pool.keepResident)
            library.poolingTableKeepResidentSet(pooling, pool.keepResident)
            library.poolingDecommitBatchSizeSet(pooling, pool.decommitBatch)
            library.poolingMaxMemorySizeSet(pooling, pool.mostMemory)
            library.poolingTableElementsSet(pooling, pool.tableElements)
            if let reservation = pool.reservation {
                library.configMemoryReservationSet(config, UInt64(reservation))
                library.configMemoryGuardSizeSet(config, 0)
            }
            if let warmSlots = pool.warmSlots {
                library.poolingMaxUnusedWarmSlotsSet(pooling, UInt32(warmSlots))
            }
            if let slots = pool.slots.map(UInt32.init) {
                library.poolingTotalCoreInstancesSet(pooling, slots)
                library.poolingTotalMemoriesSet(pooling, slots)
                library.poolingTotalTablesSet(pooling, slots)
                library.poolingTotalStacksSet(pooling, slots)
            }
            library.poolingStrategySet(config, pooling)
            library.poolingDelete(pooling)
        }
        pointer = try library.made(library.engineNewWithConfig(config), "engine")
    }

    deinit {
        library.engineDelete(pointer)
    }
}

/// A compiled module of the C API.
final class WasmtimeModule: @unchecked Sendable {
    let engine: WasmtimeEngine
    let pointer: WasmtimeLibrary.Object

    init(_ engine: WasmtimeEngine, _ bytes: [UInt8]) throws {
        self.engine = engine
        var module: WasmtimeLibrary.Object?
        try engine.library.check(
            bytes.withUnsafeBufferPointer {
                engine.library.moduleNew(engine.pointer, $0.baseAddress, $0.count, &module)
            }, "compiling")
        pointer = try engine.library.made(module, "module")
    }

    /// The module with its imports resolved, for the caller to delete.
    ///
    /// - Parameter define: defines them in a linker.
    func linked(_ define: (WasmtimeLibrary.Object) throws -> Void = { _ in }) throws -> WasmtimeLibrary.Object {
        let library = engine.library
        let linker = try library.made(library.linkerNew(engine.pointer), "linker")
        defer { library.linkerDelete(linker) }
        try define(linker)
        var instancePre: WasmtimeLibrary.Object?
        try library.check(library.linkerInstantiatePre(linker, pointer, &instancePre), "linking")
        return try library.made(instancePre, "pre-instance")
    }

    deinit {
        engine.library.moduleDelete(pointer)
    }
}

struct WasmtimeContender: Contender {
    let name: String
    let library: WasmtimeLibrary
    private(set) var poolTuning: PoolTuning
    private var pooled: WasmtimeEngine
    private let parallel: WasmtimeEngine
    private let singleThreaded: WasmtimeEngine

    /// - Parameter metersFuel: whether the programs of `prepareProgram` take fuel.
    init(_ library: WasmtimeLibrary, name: String, poolTuning: PoolTuning, metersFuel: Bool = false) throws {
        self.name = name
        self.library = library
        self.poolTuning = poolTuning
        pooled = try WasmtimeEngine(library, pool: poolTuning)
        parallel = try WasmtimeEngine(library, pool: nil, metersFuel: metersFuel)
        singleThreaded = try WasmtimeEngine(library, pool: nil, parallelCompilation: false)
    }

    /// Its slots are as many as instances can live.
    func withPool(slots: Int, isStrict _: Bool, threads: Int) throws -> any Contender {
        var other = self
        other.poolTuning = poolTuning.limited(toSlots: slots, threads: threads)
        other.pooled = try WasmtimeEngine(library, pool: other.poolTuning)
        return other
    }

    func prepareCycle(_ module: [UInt8], wasi: GuestWASI, call: GuestCall?) throws -> any FreshInstanceCycle {
        try WasmtimeCycle(WasmtimeModule(pooled, module), wasi: wasi, call: call)
    }

    func prepareProgram(_ module: [UInt8]) throws -> any BenchmarkProgram {
        WasmtimeProgram(module: try WasmtimeModule(parallel, module))
    }

    func prepareCalls(_ module: [UInt8], _ kind: CallKind) throws -> any FreshInstanceCycle {
        try WasmtimeCallLoop(WasmtimeModule(parallel, module), kind)
    }

    func prepareWASICalls(_ module: [UInt8], loop: String, directory: String) throws -> any FreshInstanceCycle {
        try WasmtimeCallLoop(
            WasmtimeModule(parallel, module), loop, loops: true, step: 0,
            wasi: try library.wasiConfig(arguments: [guestName], directory: directory)
        ) { try library.check(library.linkerDefineWASI($0), "defining WASI") }
    }

    func prepareLoading(_ module: [UInt8], scratch: String) throws -> () throws -> Double {
        let engine = parallel
        let library = library
        let compiled = try WasmtimeModule(engine, module)
        let path = "\(scratch)/module.cwasm"
        try withUnsafeTemporaryAllocation(byteCount: WasmtimeLibrary.Layout.vectorSize, alignment: 8) { vector in
            let base = vector.baseAddress!
            try library.check(library.moduleSerialize(compiled.pointer, base), "serializing")
            defer { library.byteVectorDelete(base) }
            let data = base.load(fromByteOffset: WasmtimeLibrary.Layout.vectorData, as: UnsafePointer<UInt8>.self)
            try writeFile(path, Array(UnsafeBufferPointer(start: data, count: base.load(as: Int.self))))
        }
        return {
            var loaded: WasmtimeLibrary.Object?
            let start = monotonicNanoseconds()
            try library.check(library.moduleDeserializeFile(engine.pointer, path, &loaded), "loading")
            let end = monotonicNanoseconds()
            library.moduleDelete(try library.made(loaded, "module"))
            return Double(end - start)
        }
    }

    func compile(_ module: [UInt8], parallel: Bool) throws -> Double {
        let engine = parallel ? self.parallel : singleThreaded
        let start = monotonicNanoseconds()
        let compiled = try WasmtimeModule(engine, module)
        let end = monotonicNanoseconds()
        withExtendedLifetime(compiled) {}
        return Double(end - start)
    }
}

/// A pre-instantiated module. `Sendable` because every cycle makes a store of its own.
private final class WasmtimeCycle: FreshInstanceCycle, @unchecked Sendable {
    private let module: WasmtimeModule
    private let library: WasmtimeLibrary
    private let instancePre: WasmtimeLibrary.Object
    private let wasi: GuestWASI
    /// The export's name in memory that stays where it is, so that a cycle copies no string.
    private let export: UnsafeMutableBufferPointer<CChar>?
    /// The arguments as raw values, and room for results of any function.
    private let arguments: [UInt64]
    private let rawValues: Int

    init(_ module: WasmtimeModule, wasi: GuestWASI, call: GuestCall?) throws {
        self.module = module
        self.wasi = wasi
        library = module.engine.library
        instancePre = try Self.link(module)
        export = call.map { call in
            let name = UnsafeMutableBufferPointer<CChar>.allocate(capacity: call.export.utf8.count)
            _ = name.initialize(from: call.export.utf8.map { CChar(bitPattern: $0) })
            return name
        }
        arguments = (call?.arguments ?? []).map { argument in
            switch argument {
            case .i32(let value): UInt64(UInt32(bitPattern: value))
            case .i64(let value): UInt64(bitPattern: value)
            case .f32(let value): UInt64(value.bitPattern)
            case .f64(let value): value.bitPattern
            }
        }
        rawValues = max(arguments.count, 16)
    }

    private static func link(_ module: WasmtimeModule) throws -> WasmtimeLibrary.Object {
        let library = module.engine.library
        return try module.linked { try library.check(library.linkerDefineWASI($0), "defining WASI") }
    }

    deinit {
        library.instancePreDelete(instancePre)
        export?.deallocate()
    }

    func firstResult() throws -> UInt32? {
        try cycles(1, expecting: nil)
    }

    func run(_ count: Int, expecting expected: UInt32?) throws {
        _ = try cycles(count, expecting: expected)
    }

    private func cycles(_ count: Int, expecting expected: UInt32?) throws -> UInt32? {
        let engine = module.engine.pointer
        let externOffset = WasmtimeLibrary.Layout.instanceSize
        let valuesOffset = externOffset + WasmtimeLibrary.Layout.externSize
        let size = valuesOffset + rawValues * WasmtimeLibrary.Layout.rawValueSize
        return try withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { memory in
            let instance = memory.baseAddress!
            let item = instance + externOffset
            let values = instance + valuesOffset
            var trap: WasmtimeLibrary.Object?
            var result: UInt32?
            let output = wasi == .capturing ? CapturedBytes() : nil
            for _ in 0..<count {
                let store = try library.made(library.storeNew(engine, nil, nil), "store")
                defer { library.storeDelete(store) }
                let context = try library.made(library.storeContext(store), "context")
                if wasi != .none {
                    let config = try library.made(library.wasiConfigNew(), "WASI configuration")
                    output?.receive(config, library)
                    try library.check(library.contextSetWASI(context, config), "setting WASI")
                }
                try library.check(
                    library.instancePreInstantiate(instancePre, context, instance, &trap), trap: trap, "instantiating")
                guard let export else { continue }
                guard library.instanceExportGet(context, instance, export.baseAddress!, export.count, item),
                    item.load(as: UInt8.self) == WasmtimeLibrary.Layout.externKindFunction
                else { throw BenchmarkError("peer: the module exports no such function") }
                for index in 0..<arguments.count {
                    values.storeBytes(
                        of: arguments[index], toByteOffset: index * WasmtimeLibrary.Layout.rawValueSize, as: UInt64.self
                    )
                }
                try library.check(
                    library.functionCallUnchecked(
                        context, item + WasmtimeLibrary.Layout.externPayload, values, rawValues, &trap), trap: trap,
                    "calling")
                let value = values.load(as: UInt32.self)
                if let expected, value != expected { throw WrongResult(expected: expected, found: value) }
                if let output, output.take() != Int(value) { throw BenchmarkError("peer: output was not captured") }
                result = value
            }
            return result
        }
    }
}

/// Memory that a guest's standard output is written to. Made once for many guests: the peer's users must bring their
/// own, so what it costs is not the peer's.
private final class CapturedBytes {
    private var bytes: [UInt8] = []

    /// Has the standard output of a guest to be made written here.
    func receive(_ config: WasmtimeLibrary.Object, _ library: WasmtimeLibrary) {
        // Outlives the store: the cycle's frame holds it.
        library.wasiConfigSetStandardOutput(
            config,
            { output, bytes, count in
                guard let output else { return -1 }
                Unmanaged<CapturedBytes>.fromOpaque(output).takeUnretainedValue().bytes
                    .append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
                return count
            }, Unmanaged.passUnretained(self).toOpaque(), nil)
    }

    /// How many bytes came, which are forgotten.
    func take() -> Int {
        defer { bytes.removeAll(keepingCapacity: true) }
        return bytes.count
    }
}

/// A benchmark program compiled by Wasmtime.
private struct WasmtimeProgram: BenchmarkProgram {
    let module: WasmtimeModule

    func run(arguments: [String], directory: String, scratch: String) throws -> ProgramRun {
        let library = module.engine.library
        let outputPath = "\(scratch)/stdout"
        let errorPath = "\(scratch)/stderr"
        let marks = UnsafeMutablePointer<UInt64>.allocate(capacity: 2)
        marks.initialize(repeating: 0, count: 2)
        defer { marks.deallocate() }

        let pre = try module.linked { linker in
            try library.check(library.linkerDefineWASI(linker), "defining WASI")
            try define("start", linker, writing: marks)
            try define("end", linker, writing: marks + 1)
        }
        defer { library.instancePreDelete(pre) }
        let store = try library.made(library.storeNew(module.engine.pointer, nil, nil), "store")
        defer { library.storeDelete(store) }
        let context = try library.made(library.storeContext(store), "context")
        try library.check(
            library.contextSetWASI(
                context, wasiConfig(arguments, directory, output: outputPath, error: errorPath)), "setting WASI")
        if module.engine.metersFuel {
            try library.check(library.contextSetFuel(context, UInt64(Int64.max)), "setting fuel")
        }

        var (start, end): (UInt64, UInt64) = (0, 0)
        try withUnsafeTemporaryAllocation(byteCount: 64, alignment: 16) { memory in
            let instance = memory.baseAddress!
            let item = instance + WasmtimeLibrary.Layout.instanceSize
            var trap: WasmtimeLibrary.Object?
            try library.check(
                library.instancePreInstantiate(pre, context, instance, &trap), trap: trap, "instantiating")
            guard library.instanceExportGet(context, instance, "_start", 6, item) else {
                throw BenchmarkError("peer: the program exports no _start")
            }
            var status: CInt = -1
            var unused: UInt64 = 0
            start = monotonicNanoseconds()
            let error = library.functionCallUnchecked(
                context, item + WasmtimeLibrary.Layout.externPayload, &unused, 0, &trap)
            end = monotonicNanoseconds()
            if let error, library.errorExitStatus(error, &status), status == 0 {
                library.errorDelete(error)
            } else {
                try library.check(error, trap: trap, "running")
            }
        }
        let all = ProgramMarks(start: start, end: end, markedStart: marks[0], markedEnd: marks[1])
        return ProgramRun(
            nanoseconds: try all.nanoseconds(of: "peer"), isMarked: all.areSet,
            standardOutput: try readFile(outputPath), standardError: try readFile(errorPath))
    }

    /// Defines `bench.NAME` as a function that writes the time of its call to `mark`.
    private func define(
        _ name: String, _ linker: WasmtimeLibrary.Object, writing mark: UnsafeMutablePointer<UInt64>
    ) throws {
        let library = module.engine.library
        // Two empty vectors: no parameters, no results.
        var parameters: (Int, Int) = (0, 0)
        var results: (Int, Int) = (0, 0)
        let type = try library.made(library.functionTypeNew(&parameters, &results), "function type")
        defer { library.functionTypeDelete(type) }
        try library.check(
            library.linkerDefineFunction(
                linker, "bench", 5, name, name.utf8.count, type,
                { environment, _, _, _, _, _ in
                    environment?.storeBytes(of: monotonicNanoseconds(), as: UInt64.self)
                    return nil
                }, mark, nil), "defining bench.\(name)")
    }

    private func wasiConfig(
        _ arguments: [String], _ directory: String, output: String, error: String
    ) throws -> WasmtimeLibrary.Object {
        let library = module.engine.library
        let config = try library.wasiConfig(arguments: ["benchmark.wasm"] + arguments, directory: directory)
        guard library.wasiConfigSetStandardOutputFile(config, output),
            library.wasiConfigSetStandardErrorFile(config, error)
        else { throw BenchmarkError("peer: WASI refuses the output files") }
        return config
    }
}

extension WasmtimeLibrary {
    /// What a guest is given that has arguments, and a directory opened as ".".
    fileprivate func wasiConfig(arguments: [String], directory: String) throws -> Object {
        let config = try made(wasiConfigNew(), "WASI configuration")
        let copies = arguments.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        var pointers = copies.map { UnsafePointer<CChar>($0) }
        guard wasiConfigSetArguments(config, pointers.count, &pointers),
            wasiConfigPreopenDirectory(config, directory, ".", true)
        else { throw BenchmarkError("peer: WASI refuses \(directory)") }
        return config
    }
}
