//! What the benchmark asks of an engine, so that Mayfly and its peer are driven by the same loops.
//!
//! A contender is one engine in one configuration. It does its own inner loop (`FreshInstanceCycle.run`), so that the
//! harness adds one indirect call per batch and nothing per cycle.

/// A number given to an exported function.
enum GuestArgument: Equatable, Sendable {
    case i32(Int32)
    case i64(Int64)
    case f32(Float)
    case f64(Double)

    /// Reads `7`, `7:i64`, `1.5:f32` or `1.5:f64`; without a type it is an i32.
    init(parsing text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let number = String(parts[0])
        let type = parts.count > 1 ? String(parts[1]) : "i32"
        let value: GuestArgument? =
            switch type {
            case "i32": Int32(number).map { .i32($0) } ?? UInt32(number).map { .i32(Int32(bitPattern: $0)) }
            case "i64": Int64(number).map { .i64($0) } ?? UInt64(number).map { .i64(Int64(bitPattern: $0)) }
            case "f32": Float(number).map { .f32($0) }
            case "f64": Double(number).map { .f64($0) }
            default: nil
            }
        guard let value else { throw BenchmarkError("'\(text)' is no argument: write 7, 7:i64, 1.5:f32 or 1.5:f64") }
        self = value
    }
}

/// A call of an export, made once in each fresh instance.
struct GuestCall: Sendable {
    var export: String
    var arguments: [GuestArgument]
}

/// The first argument of guests that are given only that.
let guestName = "guest"

/// What instances of a module get of WASI.
enum GuestWASI: Sendable {
    /// No context.
    case none
    /// A context of their own, with nothing inherited or given: input is at its end, and output vanishes.
    case bare
    /// The same, but standard output is kept in memory. What is called must return how many bytes it wrote.
    case capturing
}

/// A module ready to be stamped: checked, compiled and linked.
protocol FreshInstanceCycle: Sendable {
    /// One cycle; the low 32 bits of the call's first result, or nil where nothing is called or nothing returned.
    func firstResult() throws -> UInt32?

    /// `count` times: make a store and an instance in it, call what is to be called, drop both.
    ///
    /// - Parameter expected: what each call must return, as `firstResult` gives it. Another result throws, since an
    ///   engine that hands out stale instances would be fast.
    func run(_ count: Int, expecting expected: UInt32?) throws
}

/// What one run of a benchmark program gave.
struct ProgramRun: Sendable {
    /// Between the calls of `bench.start` and `bench.end`; of a program that calls neither, from its start to its end.
    var nanoseconds: Double
    /// Whether the program called them.
    var isMarked: Bool
    var standardOutput: [UInt8]
    var standardError: [UInt8]
}

/// A compiled WASI program.
protocol BenchmarkProgram {
    /// Runs it in a fresh instance, `directory` opened as "." for it, its output caught in files under `scratch`.
    ///
    /// - Parameter arguments: those behind its name.
    func run(arguments: [String], directory: String, scratch: String) throws -> ProgramRun
}

/// When a program began and ended, and when it said that what is to be timed does, in nanoseconds of the monotonic
/// clock.
struct ProgramMarks {
    var start: UInt64
    var end: UInt64
    /// 0: it did not say.
    var markedStart: UInt64
    var markedEnd: UInt64

    var areSet: Bool { markedStart != 0 || markedEnd != 0 }

    func nanoseconds(of contender: String) throws -> Double {
        if !areSet { return Double(end - start) }
        guard markedEnd > markedStart, markedStart > 0 else {
            throw BenchmarkError("\(contender): the program did not call bench.start and then bench.end")
        }
        return Double(markedEnd - markedStart)
    }
}

protocol Contender: Sendable {
    /// As the table's column is headed.
    var name: String { get }

    /// The same engine with a pool for so few instances at once, to be used by so many threads.
    ///
    /// - Parameter isStrict: whether the pool has no more slots than that, or as many as the engine usually has
    ///   besides.
    func withPool(slots: Int, isStrict: Bool, threads: Int) throws -> any Contender

    /// Prepares fresh-instance cycles of a module.
    func prepareCycle(_ module: [UInt8], wasi: GuestWASI, call: GuestCall?) throws -> any FreshInstanceCycle

    /// Compiles a program for `BenchmarkProgram.run`.
    func prepareProgram(_ module: [UInt8]) throws -> any BenchmarkProgram

    /// Prepares calls of one kind on an instance of `calls.wat`; a cycle is a call.
    func prepareCalls(_ module: [UInt8], _ kind: CallKind) throws -> any FreshInstanceCycle

    /// Prepares calls of WASI by a loop that an instance of `wasi-calls.wat` exports, with a directory of the host as
    /// descriptor 3; a cycle is a round of the loop.
    func prepareWASICalls(_ module: [UInt8], loop: String, directory: String) throws -> any FreshInstanceCycle

    /// Compiles a module and writes what came of it to a file in `scratch`. The closure loads it from there, as a later
    /// process would, and throws it away; the nanoseconds that took.
    func prepareLoading(_ module: [UInt8], scratch: String) throws -> () throws -> Double

    /// Validates and compiles a module and throws it away; the nanoseconds from bytes to a usable module.
    ///
    /// - Parameter parallel: false compiles on the calling thread alone, true on all processors.
    func compile(_ module: [UInt8], parallel: Bool) throws -> Double
}

/// Something that makes a measurement impossible or wrong.
struct BenchmarkError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
