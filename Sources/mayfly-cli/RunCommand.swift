//! `mayfly run`: a command with WASI, or one export.

import ArgumentParser
import Glibc
import Mayfly
import MayflyWASI

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a module.",
        usage: """
            mayfly run [--dir HOST[::GUEST[::ro]]]… [--env NAME=VALUE]… [--env-inherit] [--stdin FILE] \
            [--timeout SECONDS] [--fuel UNITS] [--max-memory BYTES] [--max-table-elements COUNT] [--max-stack BYTES] \
            [--warm EXPORT] [--invoke EXPORT] [--allow-precompiled] [--no-cache] MODULE [ARGUMENTS…]
            """,
        discussion: """
            MODULE is a module in the binary format or, with --allow-precompiled only, what `mayfly compile` or \
            `mayfly snapshot` wrote. The latter are native code, which no sandbox holds: run only what you trust like a \
            program.

            The module may import wasi_snapshot_preview1 (WASI 0.1) or its draft wasi_unstable. It has this process's \
            standard streams, the directories given with --dir and the variables given with --env, and nothing else of \
            the host.

            Without --invoke the module's export _start is called, with ARGUMENTS as the program's arguments, after \
            the module's file name. All that follows MODULE is the guest's, options too.

            With --invoke the export is called with ARGUMENTS as its arguments, read according to its type: integers \
            in decimal or, after 0x, in hexadecimal; floating-point numbers as in 1.5, 1e-9, inf or nan. Each result \
            is printed on a line of its own. If the module has an export _initialize, that is called first.

            With --warm the export is called, without arguments and after _initialize, in an instance of which then a \
            snapshot is taken. The program runs in an instance that begins there. `mayfly snapshot` writes such a \
            snapshot to a file.

            With --timeout the program is stopped after so many seconds, wherever it is, as if by a trap.

            With --fuel the program ends with the trap "out of fuel" when it has done so much: most instructions take a \
            unit, bulk instructions one more for each 64 bytes. It ends at the same place on every machine. What --warm \
            calls has as much for itself. Compiled code takes fuel if `mayfly compile --fuel` made it.

            With --max-memory and --max-table-elements memory.grow and table.grow fail beyond so much, and a module \
            that begins with more does not run. With --max-stack a program that calls too deep traps earlier than \
            it would else.

            EXIT CODES
            \(CommandFailure.exitCodeTable)
            """)

    @OptionGroup var guest: GuestOptions

    @Option(
        help: ArgumentHelp("Call this export first, and run in a copy of the instance it leaves.", valueName: "export"))
    var warm: String?

    @Option(help: ArgumentHelp("Call this export instead of _start.", valueName: "export"))
    var invoke: String?

    @Option(
        help: ArgumentHelp("Stop the program after so long, fractions allowed.", valueName: "seconds"))
    var timeout: Double?

    @Option(help: ArgumentHelp("End the program when it has taken so much fuel.", valueName: "units"))
    var fuel: UInt64?

    @OptionGroup var limitOptions: LimitOptions

    @Flag(help: ModuleFile.allowPrecompiledHelp)
    var allowPrecompiled = false

    @OptionGroup var cache: CacheOptions

    @Flag(help: "Write the functions' names to /tmp/perf-PID.map, for perf record and perf report.")
    var perfMap = false

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The module, and what is passed to it.", valueName: "module [arguments]"))
    var command: [String] = []

    /// The module and what is passed to it, without the `--` that may mark its begin.
    private var words: ArraySlice<String> { command.first == "--" ? command.dropFirst() : command[...] }

    func validate() throws {
        if let timeout, !(timeout > 0 && timeout < 1e9) {
            throw ValidationError("'--timeout \(timeout)' is no number of seconds.")
        }
        // The captured words begin with whatever is not an option of this command.
        if let first = command.first, ["-h", "--help"].contains(first) { throw CleanExit.helpRequest(self) }
        guard let module = words.first else { throw ValidationError("Missing expected argument 'MODULE'.") }
        if module.hasPrefix("-"), command.first != "--" {
            throw ValidationError("Unknown option '\(module)'. Options of mayfly stand before MODULE.")
        }
    }

    func run() throws {
        guard let path = words.first else { return }
        try reportingFailures(module: path) {
            let file = try ModuleFile(path: path)
            let configuration = try guest.configuration(
                arguments: [file.name] + (invoke == nil ? words.dropFirst() : []))
            let program = try file.program(
                try ModuleFile.makeEngine(cache, writesPerfMap: perfMap), allowingPrecompiled: allowPrecompiled,
                metersFuel: fuel != nil)
            try checkEntry(program.module, path)
            var imports = Imports<WASI>()
            imports.defineWASI()
            var template = try program.template(imports)
            let code = try exitCode {
                if let warm {
                    template = try template.snapshot(
                        of: warm, of: program.module, isStarted: program.isStarted, WASI(configuration),
                        limits: limitOptions.limits, fuel: fuel)
                }
                return try withInstance(of: template, WASI(configuration)) { instance in
                    guard let invoke else { return try WASI.run(instance) }
                    let isStarted = program.isStarted || warm != nil
                    try call(invoke, of: program.module, isStarted: isStarted, on: instance)
                    return 0
                }
            }
            if code != 0 { throw ExitCode(Int32(truncatingIfNeeded: code)) }
        }
    }

    private func withInstance(
        of template: Template<WASI>, _ state: WASI, _ body: (borrowing Instance<WASI>) throws -> UInt32
    ) throws -> UInt32 {
        let deadline = timeout.map { ContinuousClock.now + .seconds($0) }
        return try template.withInstance(
            state: state, limits: limitOptions.limits, fuel: fuel, deadline: deadline, body)
    }

    /// A guest may exit wherever it runs: in its start function too, or in an export called by name.
    private func exitCode(_ body: () throws -> UInt32) throws -> UInt32 {
        do { return try body() } catch let exit as WASIExit { return exit.code }
    }

    // MARK: Exports

    /// Says what can be called if what shall be called cannot.
    private func checkEntry(_ module: Module, _ path: String) throws {
        let exports = module.functionExports
        let name = invoke ?? "_start"
        let names = module.namesOfFunctions
        if let warm { try module.checkWarmUp(warm, path) }
        guard let entry = exports.first(where: { $0.name == name }) else {
            let advice = invoke == nil ? "call one of its exports with --invoke. " : ""
            throw CommandFailure(.usage, "\(path) has no function '\(name)': \(advice)\(names)")
        }
        if invoke == nil {
            guard entry.type == FunctionType() else {
                throw CommandFailure(.invalidModule, "\(path): _start must have no parameters and no results")
            }
        } else {
            _ = try arguments(for: entry.type, name)
        }
    }

    private func arguments(for type: FunctionType, _ name: String) throws -> [Value] {
        let texts = words.dropFirst()
        guard texts.count == type.parameters.count else {
            throw CommandFailure(
                .usage, "function '\(name)' takes \(type.parameters.count) arguments, not \(texts.count)")
        }
        return try zip(texts, type.parameters).map { text, type in
            guard let value = Value(parsing: text, as: type) else {
                throw CommandFailure(.usage, "'\(text)' is no value of type \(type.name), which '\(name)' takes there")
            }
            return value
        }
    }

    private func call(
        _ name: String, of module: Module, isStarted: Bool, on instance: borrowing Instance<WASI>
    ) throws {
        guard let entry = module.functionExports.first(where: { $0.name == name }) else { return }
        if name != "_initialize", !isStarted, module.hasInitializer { try instance.call("_initialize") }
        for result in try instance.call(name, arguments: try arguments(for: entry.type, name)) { print(result.text) }
    }
}

extension Value {
    /// A number as a user writes it; nil if it is none of that type. References cannot be written.
    fileprivate init?(parsing text: String, as type: ValueType) {
        switch type {
        case .i32:
            guard let bits = Self.integer(text, Int32.self, UInt32.self) else { return nil }
            self = .i32(Int32(truncatingIfNeeded: bits))
        case .i64:
            guard let bits = Self.integer(text, Int64.self, UInt64.self) else { return nil }
            self = .i64(Int64(truncatingIfNeeded: bits))
        case .f32:
            guard let value = Float(text) else { return nil }
            self = .f32(value)
        case .f64:
            guard let value = Double(text) else { return nil }
            self = .f64(value)
        case .v128:
            guard let value = Self.vector(text) else { return nil }
            self = .v128(value)
        default: return nil
        }
    }

    /// All 128 bits in hexadecimal, as they are printed, or as many lanes as make 128 bits, as the text format has
    /// them: `i32x4 1 2 3 4`, in one argument.
    private static func vector(_ text: String) -> V128? {
        if text.hasPrefix("0x") || text.hasPrefix("0X") {
            guard let bits = UInt128(text.dropFirst(2), radix: 16) else { return nil }
            return V128(low: UInt64(truncatingIfNeeded: bits), high: UInt64(truncatingIfNeeded: bits >> 64))
        }
        let words = text.split(whereSeparator: { $0 == " " || $0 == "," }).map(String.init)
        let lanes = words.dropFirst()
        func integers<Signed: FixedWidthInteger, Unsigned: FixedWidthInteger>(
            _: Signed.Type, _: Unsigned.Type
        ) -> V128? {
            let values = lanes.compactMap { integer($0, Signed.self, Unsigned.self) }
            return values.count == lanes.count && values.count == 128 / Unsigned.bitWidth ? V128(lanes: values) : nil
        }
        switch words.first {
        case "i8x16": return integers(Int8.self, UInt8.self)
        case "i16x8": return integers(Int16.self, UInt16.self)
        case "i32x4": return integers(Int32.self, UInt32.self)
        case "i64x2": return integers(Int64.self, UInt64.self)
        case "f32x4":
            let values = lanes.compactMap { Float($0) }
            return values.count == lanes.count && values.count == 4 ? V128(lanes: values) : nil
        case "f64x2":
            let values = lanes.compactMap { Double($0) }
            return values.count == lanes.count && values.count == 2 ? V128(lanes: values) : nil
        default: return nil
        }
    }

    /// Signed or unsigned: both ranges are accepted.
    private static func integer<Signed: FixedWidthInteger, Unsigned: FixedWidthInteger>(
        _ text: String, _: Signed.Type, _: Unsigned.Type
    ) -> Unsigned? {
        let isNegative = text.hasPrefix("-")
        let digits = isNegative ? text.dropFirst() : text[...]
        let isHexadecimal = digits.hasPrefix("0x") || digits.hasPrefix("0X")
        let number = (isNegative ? "-" : "") + (isHexadecimal ? digits.dropFirst(2) : digits)
        let radix = isHexadecimal ? 16 : 10
        if let signed = Signed(number, radix: radix) { return Unsigned(truncatingIfNeeded: signed) }
        return Unsigned(number, radix: radix)
    }

    fileprivate var text: String {
        switch self {
        case .i32(let value): "\(value)"
        case .i64(let value): "\(value)"
        case .f32(let value): "\(value)"
        case .f64(let value): "\(value)"
        case .v128(let value): "\(value)"
        case .funcref(let reference): reference == nil ? "null" : "a function"
        case .externref(let reference): reference.map { $0.handle.map { "extern \($0)" } ?? "an object" } ?? "null"
        }
    }
}

extension ValueType {
    /// The name in the text format.
    var name: String {
        switch self {
        case .i32: "i32"
        case .i64: "i64"
        case .f32: "f32"
        case .f64: "f64"
        case .v128: "v128"
        case .funcref: "funcref"
        case .externref: "externref"
        default: "0x\(String(bits, radix: 16))"
        }
    }
}
