//! Compiling a module: bodies in parallel, then trampolines, then linking.
//!
//! The result does not depend on the number of threads: workers take bodies as they come, the linker places them in order.

import Dispatch
import Synchronization
public import WasmModule

/// Why a module could not be compiled.
public enum CompilationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A body is malformed or invalid.
    case invalid(WasmError)
    /// Compiling the function with this index would take too much time or memory.
    case functionTooComplex(UInt32)
    /// The machine code of the module exceeds 1 GiB.
    case codeTooLarge

    public var description: String {
        switch self {
        case .invalid(let error): error.description
        case .functionTooComplex(let function):
            "function \(function) is too complex to compile: it needs more than the compiler's limits on control-flow "
                + "edges, values or spill slots allow; split it into smaller functions"
        case .codeTooLarge: "the module's machine code would exceed 1 GiB; split it into several modules"
        }
    }
}

/// Compiles modules to x86-64 code.
public enum ModuleCompiler {
    /// Validates the bodies of `module` and compiles them.
    ///
    /// - Parameters:
    ///   - module: A decoded module; its bodies need not have been validated.
    ///   - settings: What the code is made for.
    ///   - threads: How many threads work on it, at least 1. The result is the same for any number.
    ///   - monitor: Is told how far it is.
    public static func compile(
        _ module: DecodedModule, settings: CodeSettings = .init(), threads: Int = 1,
        monitor: CompilationMonitor? = nil
    ) throws(CompilationError) -> CompiledCode {
        try compile(module, settings: settings, threads: threads, monitor: monitor, isChecking: false)
    }

    /// - Parameter maximumSize: The most bytes of machine code, at most `Assembler.defaultMaximumSize`.
    static func compile(
        _ module: DecodedModule, settings: CodeSettings = .init(), threads: Int,
        monitor: CompilationMonitor? = nil, isChecking: Bool,
        maximumSize: Int = Assembler.defaultMaximumSize
    ) throws(CompilationError) -> CompiledCode {
        let context = ModuleContext(module, settings: settings)
        let layout = VMContextLayout(module)
        let next = Atomic<Int>(0)
        let budget = CodeBudget(maximumSize)
        let hasFailed = Atomic<Bool>(false)
        // More workers than bodies would only allocate.
        let workers = max(1, min(threads, (module.bodies.count + 15) / 16))
        let results = WorkerResults(count: workers)
        monitor?.begin(functions: context.bodyCount)

        @Sendable func work(_ worker: Int) {
            var compiler = FunctionCompiler(
                context, layout: layout, isChecking: isChecking, takesTimes: monitor?.takesTimes ?? false)
            do throws(CompilationError) {
                while !hasFailed.load(ordering: .relaxed) {
                    let body = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard body < context.bodyCount else { break }
                    do throws(CompilationError) {
                        try compiler.compile(body: body, within: budget, into: &results.functions[worker].value)
                    } catch {
                        results.failures[worker] = (body, error, compiler.codeBytes)
                        throw error
                    }
                    monitor?.finishFunction()
                }
            } catch {
                hasFailed.store(true, ordering: .relaxed)
            }
            results.functions[worker].value.writtenTables = compiler.writtenTables
            if var timings = compiler.timings {
                timings.threads = 1
                timings.codeBytes = results.functions[worker].value.code.count
                monitor?.add(timings)
            }
        }
        if workers == 1 { work(0) } else { DispatchQueue.concurrentPerform(iterations: workers, execute: work) }

        if let error = results.firstFailure(maximumSize: maximumSize) { throw error }
        let link = { () throws(CompilationError) in
            try Linker.link(results, context, layout, maximumSize: maximumSize)
        }
        return if let monitor { try monitor.time(.linking, link) } else { try link() }
    }
}

/// How much code all workers together may make. Spent as it is made, so that memory is bounded by it too.
struct CodeBudget: ~Copyable, Sendable {
    private let maximum: Int
    private let spent = Atomic<Int>(0)

    init(_ maximum: Int) { self.maximum = maximum }

    /// Takes room for a function; false if there is not enough.
    func take(_ bytes: Int) -> Bool {
        spent.wrappingAdd(Self.footprint(bytes), ordering: .relaxed).newValue <= maximum
    }

    /// What a function of this size takes in the text, where functions are aligned.
    static func footprint(_ bytes: Int) -> Int { (bytes &+ 15) & ~15 }
}

/// What the workers leave, a place for each. Places are disjoint, so that no lock is needed.
final class WorkerResults: @unchecked Sendable {
    struct Place: ~Copyable { var value = CompiledFunctions() }

    let count: Int
    let functions: UnsafeMutablePointer<Place>
    let failures: UnsafeMutableBufferPointer<(body: Int, error: CompilationError, codeBytes: Int)?>

    init(count: Int) {
        self.count = count
        functions = .allocate(capacity: count)
        failures = .allocate(capacity: count)
        failures.initialize(repeating: nil)
        for index in 0..<count { (functions + index).initialize(to: Place()) }
    }

    /// The error that compiling the bodies one after the other would meet first, so that threads make no difference.
    ///
    /// Bodies are taken in order: all before a failed one have been taken, and each worker finishes the one it has. What
    /// is left to find out is whether the budget is exceeded before the first body that fails for another reason, or
    /// only together with later ones.
    func firstFailure(maximumSize: Int) -> CompilationError? {
        let found = failures.compactMap { $0 }
        guard let refused = found.filter({ $0.error != .codeTooLarge }).min(by: { $0.body < $1.body }) else {
            return found.first?.error
        }
        var size = 0
        for failure in found where failure.body < refused.body { size += CodeBudget.footprint(failure.codeBytes) }
        for worker in 0..<count {
            for index in 0..<functions[worker].value.functions.count {
                let function = functions[worker].value.functions[index]
                if function.body < refused.body { size += CodeBudget.footprint(function.codeBytes) }
            }
        }
        return size > maximumSize ? .codeTooLarge : refused.error
    }

    deinit {
        functions.deinitialize(count: count)
        functions.deallocate()
        failures.deinitialize()
        failures.deallocate()
    }
}

extension VMContextLayout {
    /// The layout of a module's contexts.
    public init(_ module: DecodedModule) {
        self.init(
            typeCount: module.types.count, tableCount: module.tables.count, memoryCount: module.memories.count,
            globalCount: module.globals.count)
    }
}
