//! Validates function bodies: the algorithm of the specification's appendix (an operand stack of types, a stack of
//! control frames, a bottom type for the operands of unreachable code), on flat memory.
//!
//! Files: this one holds the state and the life of one body; `+Stacks` the two stacks; `+Operators` the rules, one
//! case per instruction. Invariants:
//! - A validator is used by one thread at a time and for any number of bodies; nothing of one body survives it but
//!   which tables it writes.
//! - Work and memory are linear in the bytes of the body times the longest type list (`ImplementationLimits`); in
//!   particular, locals are expanded only as far as the body is long.

/// Validates the bodies of one module, one by one. Make one per thread: it costs a copy of the module's declarations
/// and reuses its memory from body to body.
///
/// Not for reading bodies: a compiler walks a validated body with `OperatorReader`.
public struct FunctionValidator: ~Copyable {
    let module: DecodedModule
    let flat: FlatModule
    let signatures: UnsafeMutablePointer<OperatorSignature>
    /// `Opcode(rawValue:)` as a table, which the compiler does not make of it.
    let opcodes: UnsafeMutablePointer<Opcode?>
    /// `VectorSignature.makeTable()`.
    let vectorSignatures: UnsafeMutablePointer<VectorSignature?>
    let tableIsWritten: UnsafeMutablePointer<Bool>

    // The operand stack: type bytes, `unknown` for the bottom type.
    var operandBase: UnsafeMutablePointer<UInt32>
    var operandTop: UnsafeMutablePointer<UInt32>
    var operandEnd: UnsafeMutablePointer<UInt32>
    /// Where the operands of the current frame begin.
    var floor: UnsafeMutablePointer<UInt32>
    /// Whether the rest of the current frame cannot be reached.
    var isUnreachable = false

    var frames: UnsafeMutablePointer<ControlFrame>
    var frameCount = 0
    var frameCapacity: Int

    // Types of the first locals by index, and runs of all of them.
    var locals: UnsafeMutablePointer<UInt32>
    var localCapacity: Int
    /// How many of the locals are in `locals`.
    var expandedLocalCount: UInt32 = 0
    var localCount: UInt32 = 0
    var runs: UnsafeMutablePointer<Run>
    var runCount = 0
    var runCapacity: Int

    /// Offset of the instruction being validated.
    var offset = 0
    /// Number of the `br_table` being validated, from 1.
    var branchTable: UInt32 = 0

    /// Locals before `end`, after the previous run, have `type`.
    struct Run: BitwiseCopyable {
        var end: UInt32
        var type: UInt32
    }

    /// The type of an operand that unreachable code may take for any type.
    static let unknown: UInt32 = 0

    public init(module: DecodedModule) {
        self.module = module
        flat = FlatModule(module)
        tableIsWritten = .allocate(capacity: module.tables.count)
        tableIsWritten.initialize(repeating: false, count: module.tables.count)
        signatures = .allocate(capacity: 256)
        OperatorSignature.fill(signatures)
        vectorSignatures = VectorSignature.makeTable()
        opcodes = .allocate(capacity: 256)
        for byte in 0...UInt8.max { (opcodes + Int(byte)).initialize(to: Opcode(rawValue: byte)) }

        operandBase = .allocate(capacity: 1024)
        operandTop = operandBase
        operandEnd = operandBase + min(1024, max(module.limits.operandDepth, 0))
        floor = operandBase
        frameCapacity = 64
        frames = .allocate(capacity: frameCapacity)
        localCapacity = 256
        locals = .allocate(capacity: localCapacity)
        runCapacity = 64
        runs = .allocate(capacity: runCapacity)
    }

    deinit {
        signatures.deallocate()
        vectorSignatures.deallocate()
        opcodes.deallocate()
        tableIsWritten.deallocate()
        operandBase.deallocate()
        frames.deallocate()
        locals.deallocate()
        runs.deallocate()
    }

    /// For each table, whether a body validated so far has an instruction that writes it, be it one that is never reached.
    public var writtenTables: [Bool] {
        Array(UnsafeBufferPointer(start: tableIsWritten, count: module.tables.count))
    }

    /// Validates a body, by its index in `DecodedModule.bodies`.
    ///
    /// - Throws: the first error in the body, with the function it belongs to.
    public mutating func validate(body index: Int) throws(WasmError) {
        let bytes = module.bytes
        let range = module.bodies[index].range
        let function = module.functionIndex(ofBody: index)
        do throws(WasmError) {
            try bytes.withUnsafeBufferPointer { (buffer) throws(WasmError) in
                guard let base = buffer.baseAddress else { return }
                var reader = ByteReader(base: base, range: range)
                try validate(&reader, signature: flat.signatures[Int(flat.functions[Int(function)])])
            }
        } catch {
            var error = error
            error.function = function
            error.functionName = module.names.functions[function]
            throw error
        }
    }

    private mutating func validate(_ reader: inout ByteReader, signature: FlatSignature) throws(WasmError) {
        operandTop = operandBase
        frameCount = 0
        branchTable = 0
        try declareLocals(&reader, parameters: signature.parameters)
        offset = reader.offset
        try pushFrame(.block, start: .empty, end: signature.results)
        while frameCount != 0 { try validateOperator(&reader) }
        guard reader.atEnd else {
            throw reader.malformed("END opcode expected: the function ends before its body does")
        }
    }

    // MARK: Locals

    private mutating func declareLocals(_ reader: inout ByteReader, parameters: TypeList) throws(WasmError) {
        let start = reader.offset
        let limit = module.limits.locals
        // A body can only name as many locals as it has bytes; expanding more would let a short body cost much.
        let expansion = min(limit, Int(parameters.count) + reader.remaining)
        Self.reserve(&locals, &localCapacity, max(expansion, Int(parameters.count)), keeping: 0)
        locals.update(from: flat.arena + Int(parameters.offset), count: Int(parameters.count))
        var expanded = Int(parameters.count)
        var total = UInt64(parameters.count)
        runCount = 0
        let groups = try reader.count(limit: .max, of: "groups of locals")
        for _ in 0..<groups {
            let groupStart = reader.offset
            let count = try reader.u32()
            let type = try reader.valueType()
            total += UInt64(count)
            guard total <= UInt32.max else { throw reader.malformed("too many locals: 2^32 or more", at: groupStart) }
            guard count > 0, total <= limit else { continue }
            let end = min(expansion, Int(total))
            if expanded < end {
                (locals + expanded).update(repeating: type.bits, count: end - expanded)
                expanded = end
            }
            Self.reserve(&runs, &runCapacity, runCount + 1, keeping: runCount)
            runs[runCount] = Run(end: UInt32(total), type: type.bits)
            runCount += 1
        }
        guard total <= limit else {
            throw WasmError(.limitExceeded, at: start, "too many locals: \(total), and the limit is \(limit)")
        }
        expandedLocalCount = UInt32(expanded)
        localCount = UInt32(total)
    }

    /// The type of a local that is not in the expanded part.
    @inline(never)
    mutating func distantLocal(_ index: UInt32) throws(WasmError) -> UInt32 {
        guard index < localCount else { throw invalid("unknown local \(index)") }
        var low = 0
        var high = runCount - 1
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].end > index { high = middle } else { low = middle + 1 }
        }
        return runs[low].type
    }

    /// Makes room for `count` elements, of which the first `keeping` stay.
    static func reserve<Element: BitwiseCopyable>(
        _ memory: inout UnsafeMutablePointer<Element>, _ capacity: inout Int, _ count: Int, keeping: Int
    ) {
        guard count > capacity else { return }
        let newCapacity = max(count, capacity * 2)
        let new = UnsafeMutablePointer<Element>.allocate(capacity: newCapacity)
        new.update(from: memory, count: keeping)
        memory.deallocate()
        memory = new
        capacity = newCapacity
    }

    // MARK: Errors

    @inline(never)
    func invalid(_ message: String) -> WasmError { WasmError(.invalid, at: offset, message) }

    @inline(never)
    func unknown(_ what: StaticString, _ index: UInt32) -> WasmError { invalid("unknown \(what) \(index)") }

    @inline(never)
    func mismatch(_ message: String) -> WasmError { invalid("type mismatch: \(message)") }
}

extension DecodedModule {
    /// Validates every function body, on this thread.
    public func validateBodies() throws(WasmError) {
        guard !bodies.isEmpty else { return }
        var validator = FunctionValidator(module: self)
        for index in bodies.indices { try validator.validate(body: index) }
    }
}
