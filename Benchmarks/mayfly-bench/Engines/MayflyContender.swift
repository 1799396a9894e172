//! Mayfly as a contender, through its public API alone: what is measured is what a user gets.
//!
//! Cycles use a template and, for calls of the common shapes, a function looked up once. Modules that import WASI get a
//! context of their own in every cycle, as the state of the instance.

import Glibc
import Mayfly
import MayflyWASI

struct MayflyContender: Contender {
    let name = "mayfly"
    private var parallel: Engine
    private let singleThreaded: Engine
    private let pool: PoolConfiguration

    init(pool: PoolConfiguration = PoolConfiguration()) throws {
        self.pool = pool
        parallel = try Engine(Engine.Configuration(pool: pool))
        // It only compiles: one slot will do.
        singleThreaded = try Engine(Engine.Configuration(pool: PoolConfiguration(slotCount: 1), compilationThreads: 1))
    }

    func withPool(slots: Int, isStrict: Bool, threads _: Int) throws -> any Contender {
        var few = pool
        few.slotCount = slots
        if isStrict { few.spareSlots = 0 }
        var other = self
        other.parallel = try Engine(Engine.Configuration(pool: few))
        return other
    }

    func prepareCycle(_ module: [UInt8], wasi: Bool, call: GuestCall?) throws -> any FreshInstanceCycle {
        let compiled = try parallel.compile(module)
        guard wasi else {
            return try MayflyCycle(compiled.template(), call, makeState: {})
        }
        var imports = Imports<WASI>()
        imports.defineWASI()
        let configuration = WASI.Configuration()
        return try MayflyCycle(compiled.template(imports: imports), call) { WASI(configuration) }
    }

    func prepareProgram(_ module: [UInt8]) throws -> any BenchmarkProgram {
        try MayflyProgram(parallel.compile(module))
    }

    func compile(_ module: [UInt8], parallel isParallel: Bool) throws -> Double {
        let engine = isParallel ? parallel : singleThreaded
        let start = monotonicNanoseconds()
        let compiled = try engine.compile(module)
        let end = monotonicNanoseconds()
        withExtendedLifetime(compiled) {}
        return Double(end - start)
    }
}

/// A template and what is done with each of its instances.
private struct MayflyCycle<State>: FreshInstanceCycle {
    private enum Work: Sendable {
        case nothing
        case unary(TypedFunction<Int32, Int32>, Int32)
        case dynamic(String, [Value])
    }

    private let template: Template<State>
    private let makeState: @Sendable () -> State
    private let work: Work

    init(_ template: Template<State>, _ call: GuestCall?, makeState: @escaping @Sendable () -> State) throws {
        self.template = template
        self.makeState = makeState
        guard let call else {
            work = .nothing
            return
        }
        if call.arguments.count == 1, case .i32(let argument) = call.arguments[0],
            let function = try? template.function(call.export, as: ((Int32) -> Int32).self)
        {
            work = .unary(function, argument)
        } else {
            work = .dynamic(
                call.export,
                call.arguments.map { argument in
                    switch argument {
                    case .i32(let value): .i32(value)
                    case .i64(let value): .i64(value)
                    case .f32(let value): .f32(value)
                    case .f64(let value): .f64(value)
                    }
                })
        }
    }

    func firstResult() throws -> UInt32? {
        try cycle()
    }

    func run(_ count: Int, expecting expected: UInt32?) throws {
        for _ in 0..<count {
            let result = try cycle()
            if let expected, let result, result != expected { throw WrongResult(expected: expected, found: result) }
        }
    }

    @inline(__always)
    private func cycle() throws -> UInt32? {
        try template.withInstance(state: makeState()) { instance in
            switch work {
            case .nothing: return nil
            case .unary(let function, let argument):
                return UInt32(bitPattern: try instance.call(function, argument))
            case .dynamic(let name, let arguments):
                return switch try instance.call(name, arguments: arguments).first {
                case .i32(let value): UInt32(bitPattern: value)
                case .i64(let value): UInt32(truncatingIfNeeded: value)
                case .f32(let value): value.bitPattern
                case .f64(let value): UInt32(truncatingIfNeeded: value.bitPattern)
                default: nil
                }
            }
        }
    }
}

/// A benchmark program compiled by Mayfly.
private struct MayflyProgram: BenchmarkProgram {
    private struct State {
        var wasi: WASI
        var start: UInt64 = 0
        var end: UInt64 = 0
    }

    private let template: Template<State>

    init(_ module: Module) throws {
        var imports = Imports<State>()
        imports.defineWASI { $0.wasi }
        imports.define("bench", "start") { caller in caller.state.start = monotonicNanoseconds() }
        imports.define("bench", "end") { caller in caller.state.end = monotonicNanoseconds() }
        template = try module.template(imports: imports)
    }

    func run(directory: String, scratch: String) throws -> ProgramRun {
        let outputPath = "\(scratch)/stdout"
        let errorPath = "\(scratch)/stderr"
        var configuration = WASI.Configuration()
        configuration.arguments = ["benchmark.wasm"]
        try configuration.preopen(directory, as: ".")
        // Files, as the peer writes to: what programs write between their marks is part of the time.
        let output = try createFile(outputPath)
        defer { close(output) }
        let error = try createFile(errorPath)
        defer { close(error) }
        configuration.standardOutput = .descriptor(output)
        configuration.standardError = .descriptor(error)

        let (start, end) = try template.withInstance(state: State(wasi: WASI(configuration))) { instance in
            let code = try WASI.run(instance)
            guard code == 0 else { throw BenchmarkError("mayfly: the program exited with code \(code)") }
            return (instance.state.start, instance.state.end)
        }
        guard end > start, start > 0 else {
            throw BenchmarkError("mayfly: the program did not call bench.start and then bench.end")
        }
        return ProgramRun(
            nanoseconds: Double(end - start), standardOutput: try readFile(outputPath),
            standardError: try readFile(errorPath))
    }
}
