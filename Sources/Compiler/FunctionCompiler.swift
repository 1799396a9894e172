//! The passes in their order, for one function after another.
//!
//! A worker owns one compiler and with it the memory of every pass; what a function yields is copied once, into the
//! worker's output, from where the linker takes it.

import WasmModule

/// What one worker has compiled.
struct CompiledFunctions: ~Copyable {
    /// Ranges of the vectors below.
    struct Function: BitwiseCopyable {
        var body: UInt32
        var code: Int
        var codeBytes: Int
        var fixups: Int
        var fixupCount: Int
        var traps: Int
        var trapCount: Int
        var sources: Int
        var sourceCount: Int
        var origins: Int
        var originCount: Int
    }
    var functions = Vector<Function>(capacity: 256)
    var code = Vector<UInt8>(capacity: 1 << 20)
    var fixups = Vector<Assembler.ExternalFixup>(capacity: 4096)
    var traps = Vector<FunctionEmitter.TrapSite>(capacity: 4096)
    var sources = Vector<FunctionEmitter.SourceSite>(capacity: 4096)
    var origins = Vector<CodeOrigin>()
    /// As `CompiledCode.writtenTables`, by this worker's functions.
    var writtenTables: [Bool] = []

    init() {}
}

struct FunctionCompiler: ~Copyable {
    /// Frames beyond this many spill slots are refused; 8 MiB is more than any stack here has.
    static var maximumSlots: UInt32 { 1 << 20 }

    private let context: ModuleContext
    private let isChecking: Bool
    private var validator: FunctionValidator
    private var translator = FunctionTranslator()
    private var function = IRFunction()
    private var elimination = DeadCodeElimination()
    private var selector: InstructionSelector
    private var selected = SelectedFunction()
    private var allocator = RegisterAllocator()
    private var allocation = AllocationOutput()
    private var emitter: FunctionEmitter
    private var clock: StepClock?

    /// - Parameters:
    ///   - isChecking: Verify what the passes hand each other, and stop the process if it is wrong. For tests.
    ///   - takesTimes: Measure what each pass takes.
    init(_ context: ModuleContext, layout: VMContextLayout, isChecking: Bool, takesTimes: Bool = false) {
        self.context = context
        clock = takesTimes ? StepClock() : nil
        self.isChecking = isChecking
        validator = FunctionValidator(module: context.module)
        selector = InstructionSelector(module: context, layout: layout)
        emitter = FunctionEmitter(module: context, layout: layout)
    }

    /// For each table, whether a function compiled so far may write it.
    var writtenTables: [Bool] { validator.writtenTables }

    /// What was measured, if anything is.
    var timings: CompilationMonitor.Timings? { clock?.timings }

    /// The size of the function compiled last.
    var codeBytes: Int { emitter.assembler.count }

    /// Compiles a body and appends it to `output`, if `budget` has room for it.
    mutating func compile(
        body: Int, within budget: borrowing CodeBudget, into output: inout CompiledFunctions
    ) throws(CompilationError) {
        if context.settings.experiment != CompilerExperiment() { apply(context.settings.experiment, toBody: body) }
        clock?.restart()
        do throws(WasmError) {
            try validator.validate(body: body)
        } catch { throw .invalid(error) }
        clock?.lap(.validation)
        do throws(TranslationError) {
            try translator.translate(body: body, of: context, into: &function)
        } catch { throw .functionTooComplex(context.function(ofBody: body)) }
        clock?.lap(.translation)
        elimination.run(on: &function, in: context)
        clock?.lap(.deadCodeElimination)
        verifyIR()
        selector.select(function, into: &selected)
        clock?.lap(.selection)
        allocator.allocate(selected.input, registers: X86_64.registerFile, into: &allocation)
        clock?.lap(.registerAllocation)
        guard allocation.slotCount <= Self.maximumSlots else {
            throw .functionTooComplex(context.function(ofBody: body))
        }
        checkAllocation()
        emitter.emit(selected, allocation)
        guard budget.take(codeBytes), !emitter.assembler.isTooLarge else { throw .codeTooLarge }
        append(body: body, to: &output)
        clock?.lap(.emission)
        clock?.timings.functions += 1
        clock?.timings.operators += translator.operatorCount
    }

    private mutating func apply(_ experiment: CompilerExperiment, toBody body: Int) {
        let own = FunctionExperiment(experiment, function: context.function(ofBody: body))
        translator.builder.experiment = own
        selector.experiment = own
        allocator.experiment = own
        emitter.experiment = own
    }

    private mutating func append(body: Int, to output: inout CompiledFunctions) {
        output.functions.append(
            CompiledFunctions.Function(
                body: UInt32(body), code: output.code.count, codeBytes: emitter.assembler.count,
                fixups: output.fixups.count, fixupCount: emitter.assembler.externalFixups.count,
                traps: output.traps.count, trapCount: emitter.traps.count,
                sources: output.sources.count, sourceCount: emitter.sources.count,
                origins: output.origins.count, originCount: emitter.origins.count))
        output.code.append(
            contentsOf: UnsafeBufferPointer(start: emitter.assembler.code, count: emitter.assembler.count))
        output.fixups.append(contentsOf: emitter.assembler.externalFixups.buffer)
        output.traps.append(contentsOf: emitter.traps.buffer)
        output.sources.append(contentsOf: emitter.sources.buffer)
        output.origins.append(contentsOf: emitter.origins.buffer)
    }

    // MARK: Checks

    /// Verifies the IR when asked to. (Debug builds verify it after each pass of the IR anyway.)
    private func verifyIR() {
        guard isChecking else { return }
        let violations = IRVerifier.violations(function, in: context)
        precondition(violations.isEmpty, "function \(function.functionIndex): \(violations.prefix(5))")
    }

    /// Proves the allocation right when asked to; and in debug builds that of every function which is not large. (Quadratic in
    /// places: for tests.)
    private func checkAllocation() {
        #if DEBUG
            guard isChecking || selected.instructions.count <= 1000 else { return }
        #else
            guard isChecking else { return }
        #endif
        let violations = AllocationChecker.check(selected.input, allocation, registers: X86_64.registerFile)
        precondition(violations.isEmpty, "function \(function.functionIndex): \(violations.prefix(5))")
    }
}
