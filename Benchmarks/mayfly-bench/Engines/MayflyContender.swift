//! Mayfly as a contender, through its public API alone: what is measured is what a user gets.
//!
//! Cycles use a template and, for calls of the common shapes, a function looked up once. Modules that import WASI get a
//! context of their own in every cycle, as the state of the instance.

import Glibc
import Mayfly
import MayflyWASI

struct MayflyContender: Contender {
    let name: String
    private var parallel: Engine
    private let singleThreaded: Engine
    private let pool: PoolConfiguration
    private let code: CodeSettings

    init(
        name: String = "mayfly", pool: PoolConfiguration = PoolConfiguration(), code: CodeSettings = CodeSettings()
    ) throws {
        self.name = name
        self.pool = pool
        self.code = code
        parallel = try Engine(Engine.Configuration(pool: pool, code: code))
        // It only compiles: one slot will do.
        singleThreaded = try Engine(
            Engine.Configuration(pool: PoolConfiguration(slotCount: 1), compilationThreads: 1, code: code))
    }

    func withPool(slots: Int, isStrict: Bool, threads _: Int) throws -> any Contender {
        var few = pool
        few.slotCount = slots
        if isStrict { few.spareSlots = 0 }
        var other = self
        other.parallel = try Engine(Engine.Configuration(pool: few, code: code))
        return other
    }

    func prepareCycle(_ module: [UInt8], wasi: GuestWASI, call: GuestCall?) throws -> any FreshInstanceCycle {
        let compiled = try parallel.compile(module)
        if wasi == .none { return makeCycle(try compiled.template(), call) {} }
        let template = try Self.templateWithWASI(compiled)
        var configuration = WASI.Configuration()
        guard wasi == .capturing else {
            return makeCycle(template, call) { [configuration] in WASI(configuration) }
        }
        configuration.standardOutput = .capture
        guard let call, call.arguments.count == 1, case .i32(let argument) = call.arguments[0] else {
            throw BenchmarkError("what is called in a guest whose output is captured takes an i32")
        }
        let function = try template.function(call.export, as: ((Int32) -> Int32).self)
        return MayflyCycle(
            template: template, makeState: { [configuration] in WASI(configuration) },
            work: CapturedCall(call: UnaryCall(function: function, argument: argument)))
    }

    private static func templateWithWASI(_ module: Module) throws -> Template<WASI> {
        var imports = Imports<WASI>()
        imports.defineWASI()
        return try module.template(imports: imports)
    }

    func prepareProgram(_ module: [UInt8]) throws -> any BenchmarkProgram {
        try MayflyProgram(parallel.compile(module))
    }

    func prepareCalls(_ module: [UInt8], _ kind: CallKind) throws -> any FreshInstanceCycle {
        var imports = Imports<Void>()
        imports.define("host", "add") { (_, a: Int32, b: Int32) in a &+ b }
        let template = try parallel.compile(module).template(imports: imports)
        guard let loop = kind.loop else {
            return try MayflyExportCalls(template, hasDeadline: kind == .exportWithDeadline)
        }
        return try MayflyCallLoop(template, state: (), loop: loop, step: CallKind.step)
    }

    func prepareWASICalls(_ module: [UInt8], loop: String, directory: String) throws -> any FreshInstanceCycle {
        var configuration = WASI.Configuration()
        configuration.arguments = [guestName]
        try configuration.preopen(directory, as: ".")
        return try MayflyCallLoop(
            Self.templateWithWASI(parallel.compile(module)), state: WASI(configuration), loop: loop, step: 0)
    }

    func prepareLoading(_ module: [UInt8], scratch: String) throws -> () throws -> Double {
        let cache = CompilationCache(directory: "\(scratch)/cache", maximumBytes: .max)
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1), cache: cache))
        _ = try engine.compile(module)
        return {
            let hits = engine.cacheStatistics.hits
            let start = monotonicNanoseconds()
            let loaded = try engine.compile(module)
            let end = monotonicNanoseconds()
            withExtendedLifetime(loaded) {}
            guard engine.cacheStatistics.hits == hits + 1 else { throw BenchmarkError("the cache was not used") }
            return Double(end - start)
        }
    }

    /// Bytes of machine code.
    func codeSize(_ module: [UInt8]) throws -> Int { try parallel.compile(module).codeSize }

    func compile(_ module: [UInt8], parallel isParallel: Bool) throws -> Double {
        let engine = isParallel ? parallel : singleThreaded
        let start = monotonicNanoseconds()
        let compiled = try engine.compile(module)
        let end = monotonicNanoseconds()
        withExtendedLifetime(compiled) {}
        return Double(end - start)
    }
}

/// What is done with a fresh instance. The low 32 bits of the first result, or nil.
private protocol Work<State>: Sendable {
    associatedtype State
    func callAsFunction(_ instance: borrowing Instance<State>) throws -> UInt32?
}

private struct NoCall<State>: Work {
    @inline(__always)
    func callAsFunction(_ instance: borrowing Instance<State>) throws -> UInt32? { nil }
}

/// A call of the common shape, looked up once.
private struct UnaryCall<State>: Work {
    let function: TypedFunction<Int32, Int32>
    let argument: Int32

    @inline(__always)
    func callAsFunction(_ instance: borrowing Instance<State>) throws -> UInt32? {
        UInt32(bitPattern: try instance.call(function, argument))
    }
}

/// The same of a guest that returns how many bytes it wrote to a captured output, which are then taken.
private struct CapturedCall: Work {
    let call: UnaryCall<WASI>

    func callAsFunction(_ instance: borrowing Instance<WASI>) throws -> UInt32? {
        let count = try call(instance)
        let output = instance.state.takeStandardOutput()
        guard let count, output.count == Int(count) else { throw BenchmarkError("mayfly: output was not captured") }
        return count
    }
}

private struct DynamicCall<State>: Work {
    let name: String
    let arguments: [Value]

    init(_ call: GuestCall) {
        name = call.export
        arguments = call.arguments.map { argument in
            switch argument {
            case .i32(let value): .i32(value)
            case .i64(let value): .i64(value)
            case .f32(let value): .f32(value)
            case .f64(let value): .f64(value)
            }
        }
    }

    func callAsFunction(_ instance: borrowing Instance<State>) throws -> UInt32? {
        switch try instance.call(name, arguments: arguments).first {
        case .i32(let value): UInt32(bitPattern: value)
        case .i64(let value): UInt32(truncatingIfNeeded: value)
        case .f32(let value): value.bitPattern
        case .f64(let value): UInt32(truncatingIfNeeded: value.bitPattern)
        default: nil
        }
    }
}

/// A template and what is done with each of its instances.
private struct MayflyCycle: FreshInstanceCycle {
    /// So many cycles, each with the result expected; the last one's result.
    ///
    /// A closure, and made where all types are known, as they are to the code of users: a generic type's conformance to
    /// a protocol is compiled for all types at once, which took half as long again.
    private let cycles: @Sendable (_ count: Int, _ expected: UInt32?) throws -> UInt32?

    @inline(__always)
    init<Job: Work>(
        template: Template<Job.State>, makeState: @escaping @Sendable () -> Job.State, work: Job
    ) {
        cycles = { count, expected in
            var last: UInt32?
            for _ in 0..<count {
                last = try template.withInstance(state: makeState()) { try work($0) }
                if let expected, let last, last != expected { throw WrongResult(expected: expected, found: last) }
            }
            return last
        }
    }

    func firstResult() throws -> UInt32? { try cycles(1, nil) }

    func run(_ count: Int, expecting expected: UInt32?) throws { _ = try cycles(count, expected) }
}

/// The cycle for a call: its kind is chosen once, not in every cycle.
@inline(__always)
private func makeCycle<State>(
    _ template: Template<State>, _ call: GuestCall?, _ makeState: @escaping @Sendable () -> State
) -> any FreshInstanceCycle {
    guard let call else {
        return MayflyCycle(template: template, makeState: makeState, work: NoCall())
    }
    if call.arguments.count == 1, case .i32(let argument) = call.arguments[0],
        let function = try? template.function(call.export, as: ((Int32) -> Int32).self)
    {
        let work = UnaryCall<State>(function: function, argument: argument)
        return MayflyCycle(template: template, makeState: makeState, work: work)
    }
    return MayflyCycle(template: template, makeState: makeState, work: DynamicCall(call))
}

/// A benchmark program compiled by Mayfly.
private struct MayflyProgram: BenchmarkProgram {
    private struct State {
        var wasi: WASI
        var start: UInt64 = 0
        var end: UInt64 = 0
    }

    private let template: Template<State>
    private let metersFuel: Bool

    init(_ module: Module) throws {
        metersFuel = module.metersFuel
        var imports = Imports<State>()
        imports.defineWASI { $0.wasi }
        imports.define("bench", "start") { caller in caller.state.start = monotonicNanoseconds() }
        imports.define("bench", "end") { caller in caller.state.end = monotonicNanoseconds() }
        template = try module.template(imports: imports)
    }

    func run(arguments: [String], directory: String, scratch: String) throws -> ProgramRun {
        let outputPath = "\(scratch)/stdout"
        let errorPath = "\(scratch)/stderr"
        var configuration = WASI.Configuration()
        configuration.arguments = ["benchmark.wasm"] + arguments
        try configuration.preopen(directory, as: ".")
        // Files, as the peer writes to: what programs write between their marks is part of the time.
        let output = try createFile(outputPath)
        defer { close(output) }
        let error = try createFile(errorPath)
        defer { close(error) }
        configuration.standardOutput = .descriptor(output)
        configuration.standardError = .descriptor(error)

        let state = State(wasi: WASI(configuration))
        let instance =
            metersFuel
            ? try template.instantiate(state: state, fuel: .max) : try template.instantiate(state: state)
        let marks = try Self.run(instance)
        return ProgramRun(
            nanoseconds: try marks.nanoseconds(of: "mayfly"), isMarked: marks.areSet,
            standardOutput: try readFile(outputPath), standardError: try readFile(errorPath))
    }

    private static func run(_ instance: borrowing Instance<State>) throws -> ProgramMarks {
        let start = monotonicNanoseconds()
        let code = try WASI.run(instance)
        let end = monotonicNanoseconds()
        guard code == 0 else { throw BenchmarkError("mayfly: the program exited with code \(code)") }
        return ProgramMarks(
            start: start, end: end, markedStart: instance.state.start, markedEnd: instance.state.end)
    }
}
