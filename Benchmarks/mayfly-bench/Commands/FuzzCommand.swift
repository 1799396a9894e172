//! `mayfly-bench fuzz`: random programs, compiled in every way there is, do the same.
//!
//! Not a measurement, but it needs the same peer. A program is generated from its number, which is all that has to be known
//! to see a difference again. After each call everything that can be observed is compared: results or that it
//! trapped, the memory and its size, all globals. All NaNs of a type are the same.

import ArgumentParser
import Mayfly
import TestSupport
import WasmModule

struct FuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzz",
        abstract: "Run random programs on all kinds of code, and on the peer, until something differs.",
        discussion: """
            Compiled for both instruction sets, with guard pages and with explicit bounds checks, and by Wasmtime where its \
            library is found. Prints the number of a program that differs, and exits with 1; --first NUMBER begins with it \
            the next time.
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: "Stop after so many seconds.")
    var seconds = 600.0

    @Option(help: "The number of the first program.")
    var first: UInt64 = 0

    func validate() throws {
        if !(seconds > 0) { throw ValidationError("--seconds must be positive") }
    }

    func run() throws {
        let ways = try MayflyWay.all() + (try peerWay().map { [$0] } ?? [])
        printNow("compared: \(ways.map(\.name).joined(separator: ", "))")
        let end = monotonicNanoseconds() + UInt64((common.quick ? 1 : seconds) * 1e9)
        var seed = first
        var calls = 0
        while monotonicNanoseconds() < end {
            if let difference = try Self.difference(of: seed, ways, &calls) {
                printNow("program \(seed): \(difference)")
                throw ExitCode.failure
            }
            seed += 1
            if (seed - first).isMultiple(of: 1000) { printNow("\(seed - first) programs, \(calls) calls") }
        }
        printNow("\(seed - first) programs from \(first) on, \(calls) calls: no difference")
    }

    private func peerWay() throws -> (any FuzzedWay)? {
        guard let library = try common.peerLibrary() else { return nil }
        return WasmtimeWay(engine: try WasmtimeEngine(library, pool: nil))
    }

    /// What differs between two ways to run a program, if anything.
    static func difference(of seed: UInt64, _ ways: [any FuzzedWay], _ calls: inout Int) throws -> String? {
        var random = SeededGenerator(seed: seed)
        let options = ModuleGenerator.Options(
            canTrap: Bool.random(using: &random), callsRuntime: Bool.random(using: &random), work: 5000)
        let program = ModuleGenerator.module(seed: seed, options: options)
        let guests = try ways.map { try $0.instantiate(program) }
        for function in program.functions {
            for _ in 0..<3 {
                calls += 1
                let arguments = function.type.parameters.map { ModuleGenerator.interestingBits($0, &random) }
                var expected: Observation?
                for (way, guest) in zip(ways, guests) {
                    let found = try guest.observe(function, arguments, program.globals)
                    if let expected, let what = expected.difference(to: found, function.type, program.globals) {
                        return "\(function.name) of \(arguments), \(ways[0].name) and \(way.name): \(what)"
                    }
                    expected = expected ?? found
                }
            }
        }
        return nil
    }
}

/// What a call leaves to be seen.
struct Observation {
    /// Nil after a trap.
    var results: [UInt64]?
    var memory: [UInt8]
    var globals: [UInt64]

    func difference(to other: Observation, _ type: FunctionType, _ globalTypes: [ValueType]) -> String? {
        if (results == nil) != (other.results == nil) { return "one traps" }
        if memory.count != other.memory.count { return "memories of \(memory.count) and \(other.memory.count) bytes" }
        if let address = memory.indices.first(where: { memory[$0] != other.memory[$0] }) {
            return "memory at \(address): \(memory[address]) and \(other.memory[address])"
        }
        return Self.difference("result", type.results, results ?? [], other.results ?? [])
            ?? Self.difference("global", globalTypes, globals, other.globals)
    }

    private static func difference(
        _ what: String, _ types: [ValueType], _ first: [UInt64], _ second: [UInt64]
    ) -> String? {
        for (index, (a, b)) in zip(first, second).enumerated() {
            let areNaN =
                switch types[index] {
                case .f32:
                    Float(bitPattern: UInt32(truncatingIfNeeded: a)).isNaN
                        && Float(bitPattern: UInt32(truncatingIfNeeded: b)).isNaN
                case .f64: Double(bitPattern: a).isNaN && Double(bitPattern: b).isNaN
                default: false
                }
            if !areNaN && a != b { return "\(what) \(index): \(a) and \(b)" }
        }
        return nil
    }
}

/// A way to run a program.
protocol FuzzedWay {
    var name: String { get }
    func instantiate(_ program: GeneratedModule) throws -> any FuzzedGuest
}

protocol FuzzedGuest {
    func observe(
        _ function: GeneratedModule.Function, _ arguments: [UInt64], _ globals: [ValueType]
    ) throws -> Observation
}

struct MayflyWay: FuzzedWay {
    let name: String
    private let engine: Engine

    /// For both instruction sets and both ways to check bounds.
    static func all() throws -> [any FuzzedWay] {
        try CodeSettings.InstructionSet.allCases.flatMap { instructionSet in
            try CodeSettings.BoundsChecks.allCases.map { checks in
                let settings = CodeSettings(boundsChecks: checks, instructionSet: instructionSet)
                return MayflyWay(
                    name: "\(instructionSet) \(checks)",
                    engine: try Engine(.init(pool: PoolConfiguration(slotCount: 2), code: settings)))
            }
        }
    }

    func instantiate(_ program: GeneratedModule) throws -> any FuzzedGuest {
        MayflyGuest(try engine.compile(program.bytes).template().instantiate())
    }
}

private final class MayflyGuest: FuzzedGuest {
    private let instance: Instance<Void>

    init(_ instance: consuming Instance<Void>) { self.instance = instance }

    func observe(
        _ function: GeneratedModule.Function, _ arguments: [UInt64], _ globals: [ValueType]
    ) throws -> Observation {
        var results: [UInt64]?
        do {
            let values = zip(function.type.parameters, arguments).map { Value($0, bits: $1) }
            results = try instance.call(function.name, arguments: values).map(\.bits)
        } catch is Trap {}
        return Observation(
            results: results, memory: try instance.readBytes(at: 0, count: instance.memorySize),
            globals: try globals.indices.map { try instance.global("g\($0)").bits })
    }
}

extension Value {
    fileprivate init(_ type: ValueType, bits: UInt64) {
        switch type {
        case .i32: self = .i32(Int32(truncatingIfNeeded: bits))
        case .i64: self = .i64(Int64(bitPattern: bits))
        case .f32: self = .f32(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        default: self = .f64(Double(bitPattern: bits))
        }
    }

    fileprivate var bits: UInt64 {
        switch self {
        case .i32(let value): UInt64(UInt32(bitPattern: value))
        case .i64(let value): UInt64(bitPattern: value)
        case .f32(let value): UInt64(value.bitPattern)
        case .f64(let value): value.bitPattern
        default: 0
        }
    }
}

private struct WasmtimeWay: FuzzedWay {
    let name = "peer"
    let engine: WasmtimeEngine

    func instantiate(_ program: GeneratedModule) throws -> any FuzzedGuest {
        try WasmtimeGuest(WasmtimeModule(engine, program.bytes))
    }
}

private final class WasmtimeGuest: FuzzedGuest {
    private let library: WasmtimeLibrary
    private let module: WasmtimeModule
    private let store: WasmtimeLibrary.Object
    private let context: WasmtimeLibrary.Object
    private let instance: UnsafeMutableRawPointer

    init(_ module: WasmtimeModule) throws {
        let library = module.engine.library
        self.library = library
        self.module = module
        store = try library.made(library.storeNew(module.engine.pointer, nil, nil), "store")
        context = try library.made(library.storeContext(store), "context")
        instance = .allocate(byteCount: WasmtimeLibrary.Layout.instanceSize, alignment: 16)
        let instancePre = try module.linked()
        defer { library.instancePreDelete(instancePre) }
        var trap: WasmtimeLibrary.Object?
        try library.check(
            library.instancePreInstantiate(instancePre, context, instance, &trap), trap: trap, "instantiating")
    }

    deinit {
        library.storeDelete(store)
        instance.deallocate()
    }

    /// Calls `body` with what an export's `wasmtime_extern_t` holds.
    private func export<Result>(_ name: String, _ body: (UnsafeRawPointer) throws -> Result) throws -> Result {
        try withUnsafeTemporaryAllocation(byteCount: WasmtimeLibrary.Layout.externSize, alignment: 16) { memory in
            let item = memory.baseAddress!
            guard library.instanceExportGet(context, instance, name, name.utf8.count, item) else {
                throw BenchmarkError("peer: no export \(name)")
            }
            return try body(item + WasmtimeLibrary.Layout.externPayload)
        }
    }

    func observe(
        _ function: GeneratedModule.Function, _ arguments: [UInt64], _ globals: [ValueType]
    ) throws -> Observation {
        let results = try export(function.name) { try call($0, function.type, arguments) }
        let memory = try export("memory") { item in
            [UInt8](
                UnsafeRawBufferPointer(
                    start: library.memoryData(context, item), count: library.memoryDataSize(context, item)))
        }
        let values = try globals.indices.map { index in
            try export("g\(index)") { item in
                withUnsafeTemporaryAllocation(byteCount: WasmtimeLibrary.Layout.valueSize, alignment: 16) { value in
                    library.globalGet(context, item, value.baseAddress!)
                    let bits = value.load(fromByteOffset: WasmtimeLibrary.Layout.valuePayload, as: UInt64.self)
                    return globals[index] == .i32 || globals[index] == .f32 ? bits & 0xFFFF_FFFF : bits
                }
            }
        }
        return Observation(results: results, memory: memory, globals: values)
    }

    private func call(_ item: UnsafeRawPointer, _ type: FunctionType, _ arguments: [UInt64]) throws -> [UInt64]? {
        let size = WasmtimeLibrary.Layout.rawValueSize
        let count = max(type.parameters.count, type.results.count, 1)
        return try withUnsafeTemporaryAllocation(byteCount: count * size, alignment: 16) { memory in
            let cells = memory.baseAddress!
            for (index, argument) in arguments.enumerated() {
                cells.storeBytes(of: argument, toByteOffset: index * size, as: UInt64.self)
            }
            var trap: WasmtimeLibrary.Object?
            try library.check(library.functionCallUnchecked(context, item, cells, count, &trap), "calling")
            if let trap {
                library.trapDelete(trap)
                return nil
            }
            return type.results.enumerated().map { index, type in
                let bits = cells.load(fromByteOffset: index * size, as: UInt64.self)
                return type == .i32 || type == .f32 ? bits & 0xFFFF_FFFF : bits
            }
        }
    }
}
