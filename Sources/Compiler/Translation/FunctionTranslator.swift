//! Translates a validated function body to SSA in one pass, after a look at which locals each construct assigns.
//!
//! The operand stack and the locals hold value ids, so `local.get`, `local.set` and `drop` emit nothing. Control is
//! structured: a loop header gets parameters for the locals assigned in the loop; a forward join gets a parameter only
//! where its predecessors, all known by then, disagree (`FunctionTranslator+Control`). Unreachable code is skipped.
//!
//! A translator keeps its memory from function to function: one per worker thread.

import WasmModule

struct FunctionTranslator: ~Copyable {
    /// What bounds time and memory per function, whatever the body. A function that exceeds one is refused.
    struct Limits {
        /// 20 bytes each, and 4 of source offset.
        var instructions = 6_000_000
        /// Where one byte stands for many instructions (a call has up to a thousand results, a loop a parameter per
        /// local it assigns), they must also stay in proportion to the body: this many, and `instructionsPerByte`.
        var unprovenInstructions = 250_000
        var instructionsPerByte = 8
        /// Arguments of edges and calls, 4 bytes each.
        var listEntries = 32_000_000
        /// Locals in the sets of `AssignedLocals`, and values kept for `else` arms.
        var assignedLocals = 16_000_000
        var nesting = 200_000
    }

    let limits: Limits
    var builder = IRBuilder()
    /// Values of the operand stack.
    var stack = Vector<UInt32>(capacity: 256)
    /// The current value of each local.
    var locals = Vector<UInt32>(capacity: 256)
    var frames = Vector<ControlFrame>(capacity: 64)
    var assigned: AssignedLocals
    /// Index of the next construct in `assigned`.
    var nextConstruct: UInt32 = 0
    /// Parameters and assigned locals as they were at each open `if`.
    var saved = Vector<UInt32>(capacity: 256)
    /// Edges of branch tables that repeat an earlier edge: (edge, the edge it repeats).
    var repeatedEdges = Vector<RepeatedEdge>(capacity: 64)
    /// For each open frame, by depth: the edge that the branch table at hand has to it.
    var tableEdges = Vector<UInt32>(capacity: 64)
    var joined = Vector<UInt32>(capacity: 256)
    var isReachable = true
    /// Constructs opened within unreachable code and not closed yet.
    var skippedDepth = 0
    /// Operators of the body at hand, unreachable ones among them.
    private(set) var operatorCount = 0
    /// The next hint about a branch, and whether the function at hand had one.
    private var nextHint = 0
    private var hasHints = false
    /// Where fuel is metered.
    var meter = FuelMeter()
    private var properties = BlockProperties()
    private var instructionLimit = 0

    private let shapes: UnsafeMutablePointer<OperatorShape>
    let vectors: UnsafeMutablePointer<VectorSignature?>

    struct RepeatedEdge: BitwiseCopyable {
        var edge: UInt32
        var original: UInt32
    }

    init(limits: Limits = Limits()) {
        self.limits = limits
        let shapes = OperatorShape.makeTable()
        self.shapes = shapes
        let vectors = VectorSignature.makeTable()
        self.vectors = vectors
        assigned = AssignedLocals(shapes: shapes, vectors: vectors)
    }

    deinit {
        shapes.deallocate()
        vectors.deallocate()
    }

    /// Translates the body with index `body` (imports not counted), which must have passed validation.
    ///
    /// - Parameter function: receives the result; what it held is gone, its memory is reused.
    mutating func translate(
        body: Int, of context: ModuleContext, into function: inout IRFunction
    ) throws(TranslationError) {
        let index = context.function(ofBody: body)
        let range = context.range(ofBody: body)
        swap(&builder.function, &function)
        defer { swap(&builder.function, &function) }
        let isTranslated = context.module.bytes.withUnsafeBufferPointer { bytes -> Bool in
            guard let base = bytes.baseAddress else { return false }
            let reader = OperatorReader(start: base + range.lowerBound, end: base + range.upperBound)
            return translate(reader, at: UInt32(truncatingIfNeeded: range.lowerBound), function: index, of: context)
        }
        guard isTranslated else { throw .functionTooComplex(function: index) }
        properties.annotate(&builder.function, hasHints: hasHints, builder.experiment.chaos(salt: 3))
        IRVerifier.assertValid(builder.function, in: context)
    }

    /// - Returns: false if a limit was exceeded.
    private mutating func translate(
        _ body: OperatorReader, at offset: UInt32, function index: UInt32, of context: ModuleContext
    ) -> Bool {
        var reader = body
        instructionLimit = min(
            limits.instructions,
            limits.unprovenInstructions + limits.instructionsPerByte * (body.end - body.start))
        let type = context.type(ofFunction: index)
        builder.begin(function: index, type: type)
        stack.removeAll()
        locals.removeAll()
        frames.removeAll()
        saved.removeAll()
        repeatedEdges.removeAll()
        tableEdges.removeAll()
        nextConstruct = 0
        isReachable = true
        skippedDepth = 0
        operatorCount = 0
        hasHints = false
        nextHint = context.firstHint(from: offset)

        builder.sourceOffset = offset
        builder.beginEntryBlock()
        for parameter in context.parameters(ofType: type) { locals.append(builder.parameter(parameter)) }
        for _ in 0..<reader.readU32() {
            let run = reader.readLocalRun()
            locals.append(repeating: zero(IRType(run.type)), count: Int(run.count))
        }
        beginMetering(context.settings.metersFuel)
        guard
            assigned.scan(
                reader, localCount: locals.count, fuelLocal: meter.isOn ? meter.local : nil,
                limit: limits.assignedLocals, depthLimit: limits.nesting)
        else { return false }
        beginPiece()
        frames.append(
            ControlFrame(
                kind: .function, labelArity: UInt32(context.resultCount(ofType: type)),
                resultCount: UInt32(context.resultCount(ofType: type)), firstAssigned: assigned.whole.first,
                assignedCount: assigned.whole.count))

        do throws(LimitExceeded) {
            while !frames.isEmpty && !reader.atEnd {
                builder.sourceOffset = offset &+ UInt32(truncatingIfNeeded: reader.position)
                let shape = shapes[Int(reader.readByte())]
                operatorCount &+= 1
                if isReachable {
                    pay(for: shape.kind)
                    try translate(shape, &reader, context)
                } else {
                    try skip(shape, &reader)
                }
            }
        } catch {
            return false
        }
        for index in 0..<repeatedEdges.count {
            let repeated = repeatedEdges[index]
            builder.function.edges[repeated.edge] = builder.function.edges[repeated.original]
        }
        return true
    }

    /// The initial value of a local.
    private mutating func zero(_ type: IRType) -> UInt32 {
        switch type {
        case .f32, .f64: builder.floatConstant(type, 0)
        case .v128: builder.vectorConstant(V128())
        default: builder.constant(type, 0)
        }
    }

    /// Passes over an operator that cannot be reached.
    private mutating func skip(_ shape: OperatorShape, _ reader: inout OperatorReader) throws(LimitExceeded) {
        switch shape.kind {
        case .block, .loop, .if:
            skippedDepth += 1
            nextConstruct &+= 1
            _ = reader.readBlockType()
        case .else:
            if skippedDepth == 0 { try beginElse() }
        case .end:
            if skippedDepth == 0 { try closeFrame() } else { skippedDepth -= 1 }
        case let kind: reader.skipImmediates(of: kind, vectors: vectors)
        }
    }

    // MARK: Operators

    @inline(__always) mutating func push(_ value: UInt32) { stack.append(value) }
    @inline(__always) mutating func pop() -> UInt32 { stack.popLast() }

    @inline(__always)
    private mutating func translate(
        _ shape: OperatorShape, _ reader: inout OperatorReader, _ context: ModuleContext
    ) throws(LimitExceeded) {
        switch shape.kind {
        case .localGet: push(locals[reader.readU32()])
        case .localSet:
            let value = pop()
            locals[reader.readU32()] = value
        case .localTee: locals[reader.readU32()] = stack.last
        case .i32Const: push(builder.constant(.i32, UInt64(UInt32(bitPattern: reader.readS32()))))
        case .i64Const: push(builder.constant(.i64, UInt64(bitPattern: reader.readS64())))
        case .f32Const: push(builder.floatConstant(.f32, UInt64(reader.readF32Bits())))
        case .f64Const: push(builder.floatConstant(.f64, reader.readF64Bits()))
        case .integerBinary:
            let right = pop()
            stack.last = builder.binary(shape.operation, shape.type, stack.last, right)
        case .load:
            let argument = reader.readMemoryArgument()
            guard reaches(argument) else { return trap(.memoryOutOfBounds) }
            stack.last = builder.load(MemoryAccess(rawValue: shape.flags)!, shape.type, stack.last, argument)
        case .store:
            let argument = reader.readMemoryArgument()
            guard reaches(argument) else { return trap(.memoryOutOfBounds) }
            let value = pop()
            let address = pop()
            builder.store(MemoryAccess(rawValue: shape.flags)!, address, value, argument)
        case .integerCompare:
            let right = pop()
            stack.last = builder.compare(IntegerCondition(rawValue: shape.flags)!, shape.type, stack.last, right)
        case .equalsZero, .refIsNull: stack.last = builder.isZero(stack.last)
        case .integerUnary: stack.last = builder.unary(shape.operation, shape.type, stack.last)
        case .conversion: stack.last = builder.convert(shape.operation, shape.type, stack.last)
        case .floatBinary:
            let right = pop()
            stack.last = builder.value(shape.operation, shape.type, stack.last, right)
        case .floatUnary: stack.last = builder.floatUnary(shape.operation, shape.type, stack.last)
        case .floatCompare:
            let right = pop()
            stack.last = builder.value(.floatCompare, .i32, stack.last, right, flags: shape.flags)
        case .drop: _ = pop()
        case .select, .selectTyped:
            if shape.kind == .selectTyped {
                for _ in 0..<reader.readU32() { _ = reader.readValueType() }
            }
            let condition = pop()
            let right = pop()
            stack.last = builder.select(condition, stack.last, right)
        case .globalGet:
            let index = reader.readU32()
            push(
                builder.globalGet(
                    index, context.type(ofGlobal: index), isMutable: context.isMutable(global: index)))
        case .globalSet: builder.globalSet(reader.readU32(), pop())
        case .block: openBlock(type(of: reader.readBlockType(), context))
        case .loop: try openLoop(type(of: reader.readBlockType(), context))
        case .if: try openIf(type(of: reader.readBlockType(), context), hint(context))
        case .else: try beginElse()
        case .end: try closeFrame()
        case .br: try branch(to: reader.readU32())
        case .brIf: try branchIf(to: reader.readU32(), hint(context))
        case .brTable: try branchTable(&reader)
        case .return: try returnResults()
        case .unreachable:
            settleFuel()
            trap(.unreachable)
        case .nop: break
        case .call: try call(reader.readU32(), context)
        case .callIndirect:
            let type = reader.readU32()
            try callIndirect(type: type, table: reader.readU32(), context)
        case .returnCall: try tailCall(reader.readU32(), context)
        case .returnCallIndirect:
            let type = reader.readU32()
            try tailCallIndirect(type: type, table: reader.readU32(), context)
        case .memorySize:
            let memory = reader.readU32()
            push(
                builder.append(
                    IRInstruction(operation: .memorySize, type: context.memory(memory).address, a: memory)))
        case .memoryGrow:
            let memory = reader.readU32()
            runtimeCall(.memoryGrow, operands: 1, immediates: memory, result: context.memory(memory).address)
        case .tableGet:
            let index = pop()
            push(builder.append(IRInstruction(operation: .tableGet, type: .ref, a: index, b: reader.readU32())))
        case .tableSet:
            let value = pop()
            let index = pop()
            builder.append(IRInstruction(operation: .tableSet, type: .none, a: index, b: value, c: reader.readU32()))
        case .refNull:
            _ = reader.readValueType()
            push(builder.constant(.ref, 0))
        case .refFunc: push(builder.value(.functionReference, .ref, reader.readU32()))
        case .prefixFC: prefixed(&reader, context)
        case .prefixFD: vector(&reader)
        case .invalid: break
        }
    }

    /// Whether an access with these immediates can succeed. With an offset beyond all memories it traps for any address, and
    /// instructions have 32 bits for an offset.
    @inline(__always)
    func reaches(_ argument: MemoryArgument) -> Bool { argument.offset < ModuleContext.largestMemory }

    mutating func trap(_ code: TrapCode) {
        builder.terminate(IRInstruction(operation: .trap, type: .none, flags: code.rawValue))
        isReachable = false
    }

    private mutating func prefixed(_ reader: inout OperatorReader, _ context: ModuleContext) {
        switch reader.readOpcodeFC() {
        case .i32TruncSatF32S, .i32TruncSatF64S:
            stack.last = builder.convert(.truncateSaturatingSigned, .i32, stack.last)
        case .i32TruncSatF32U, .i32TruncSatF64U:
            stack.last = builder.convert(.truncateSaturatingUnsigned, .i32, stack.last)
        case .i64TruncSatF32S, .i64TruncSatF64S:
            stack.last = builder.convert(.truncateSaturatingSigned, .i64, stack.last)
        case .i64TruncSatF32U, .i64TruncSatF64U:
            stack.last = builder.convert(.truncateSaturatingUnsigned, .i64, stack.last)
        case .memoryInit:
            let segment = reader.readU32()
            runtimeCall(.memoryInit, operands: 3, immediates: segment, reader.readU32())
        case .dataDrop: runtimeCall(.dataDrop, operands: 0, immediates: reader.readU32())
        case .memoryCopy:
            let destination = reader.readU32()
            runtimeCall(.memoryCopy, operands: 3, immediates: destination, reader.readU32())
        case .memoryFill: runtimeCall(.memoryFill, operands: 3, immediates: reader.readU32())
        case .tableInit:
            let segment = reader.readU32()
            runtimeCall(.tableInit, operands: 3, immediates: segment, reader.readU32())
        case .elemDrop: runtimeCall(.elementDrop, operands: 0, immediates: reader.readU32())
        case .tableCopy:
            let destination = reader.readU32()
            runtimeCall(.tableCopy, operands: 3, immediates: destination, reader.readU32())
        case .tableGrow:
            let table = reader.readU32()
            runtimeCall(.tableGrow, operands: 2, immediates: table, result: context.table(table).address)
        case .tableSize:
            let table = reader.readU32()
            push(builder.append(IRInstruction(operation: .tableSize, type: context.table(table).address, a: table)))
        case .tableFill: runtimeCall(.tableFill, operands: 3, immediates: reader.readU32())
        case nil: break
        }
    }

    // MARK: Calls

    private mutating func call(_ callee: UInt32, _ context: ModuleContext) throws(LimitExceeded) {
        let type = context.type(ofFunction: callee)
        let arguments = try arguments(ofType: type, context)
        try finishCall(
            IRInstruction(
                operation: .call, type: .none, a: callee, b: arguments.first, c: arguments.count, d: type),
            results: context.results(ofType: type))
    }

    private mutating func callIndirect(
        type: UInt32, table: UInt32, _ context: ModuleContext
    ) throws(LimitExceeded) {
        let arguments = try indirectArguments(ofType: type, table: table, context)
        try finishCall(
            IRInstruction(operation: .callIndirect, type: .none, a: arguments.first, b: arguments.count, d: type),
            results: context.results(ofType: type))
    }

    private mutating func tailCall(_ callee: UInt32, _ context: ModuleContext) throws(LimitExceeded) {
        let type = context.type(ofFunction: callee)
        let arguments = try arguments(ofType: type, context)
        settleFuel()
        builder.terminate(
            IRInstruction(
                operation: .tailCall, type: .none, a: callee, b: arguments.first, c: arguments.count, d: type))
        isReachable = false
    }

    private mutating func tailCallIndirect(
        type: UInt32, table: UInt32, _ context: ModuleContext
    ) throws(LimitExceeded) {
        let arguments = try indirectArguments(ofType: type, table: table, context)
        settleFuel()
        builder.terminate(
            IRInstruction(
                operation: .tailCallIndirect, type: .none, a: arguments.first, b: arguments.count, d: type))
        isReachable = false
    }

    /// Makes a list of the arguments on the stack.
    private mutating func arguments(
        ofType type: UInt32, _ context: ModuleContext
    ) throws(LimitExceeded) -> (first: UInt32, count: UInt32) {
        let count = context.parameterCount(ofType: type)
        try reserve(lists: count)
        let first = builder.listEnd
        builder.function.lists.append(contentsOf: stack.top(count))
        stack.truncate(to: stack.count - count)
        return (first, UInt32(truncatingIfNeeded: count))
    }

    /// Makes a list of element index, table and arguments, which alone are counted.
    private mutating func indirectArguments(
        ofType type: UInt32, table: UInt32, _ context: ModuleContext
    ) throws(LimitExceeded) -> (first: UInt32, count: UInt32) {
        try reserve(lists: context.parameterCount(ofType: type) + 2)
        let first = builder.listEnd
        builder.function.lists.append(pop())
        builder.function.lists.append(table)
        return (first, try arguments(ofType: type, context).count)
    }

    private mutating func finishCall(_ call: IRInstruction, results: IRTypeList) throws(LimitExceeded) {
        settleFuel()
        var call = call
        if let type = results.first { call.type = type }
        let id = builder.append(call)
        if !results.isEmpty { push(id) }
        if results.count > 1 {
            try reserve(instructions: results.count)
            for position in 1..<results.count {
                push(
                    builder.append(
                        IRInstruction(operation: .result, type: results[position], a: id, b: UInt32(position))))
            }
        }
        beginPieceAfterCall()
    }

    /// Whether the branch at hand is likely, if the module says anything about it.
    private mutating func hint(_ context: ModuleContext) -> Bool? {
        while nextHint < context.hintCount {
            let hint = context.hint(nextHint)
            if hint.offset > builder.sourceOffset { return nil }
            nextHint += 1
            if hint.offset == builder.sourceOffset {
                hasHints = true
                return hint.isLikely
            }
        }
        return nil
    }

    /// A call of the runtime with values from the stack followed by indices.
    private mutating func runtimeCall(
        _ function: RuntimeFunction, operands: Int, immediates first: UInt32, _ second: UInt32? = nil,
        result: IRType = .none
    ) {
        switch function {
        // All have their count last.
        case .memoryCopy, .memoryFill, .memoryInit: payForElements(stack.last, elementBytes: 1)
        case .tableCopy, .tableFill, .tableInit, .tableGrow: payForElements(stack.last, elementBytes: 8)
        default: break
        }
        let firstConstant = builder.constant(.i32, UInt64(first))
        let secondConstant = second.map { builder.constant(.i32, UInt64($0)) }
        let list = builder.listEnd
        builder.function.lists.append(contentsOf: stack.top(operands))
        stack.truncate(to: stack.count - operands)
        builder.function.lists.append(firstConstant)
        if let secondConstant { builder.function.lists.append(secondConstant) }
        let count = builder.listEnd - list
        assert(Int(count) == function.argumentCount)
        assert((result != .none) == function.hasResult)
        let id = builder.append(
            IRInstruction(operation: .callRuntime, type: result, a: function.rawValue, b: list, c: count))
        if function.hasResult { push(id) }
    }

    // MARK: Limits

    struct LimitExceeded: Error {}

    /// Checks that `count` more list entries are allowed.
    @inline(__always)
    func reserve(lists count: Int) throws(LimitExceeded) {
        if builder.function.lists.count + count > limits.listEntries { throw LimitExceeded() }
    }

    /// Checks that `count` more instructions are allowed. Operators that emit a bounded number need no check: the size of
    /// the body bounds them.
    @inline(__always)
    func reserve(instructions count: Int) throws(LimitExceeded) {
        if builder.function.instructions.count + count > instructionLimit { throw LimitExceeded() }
    }
}

extension Vector where Element == UInt32 {
    /// The last `count` elements, valid until the next change.
    @inline(__always)
    func top(_ count: Int) -> UnsafeBufferPointer<UInt32> {
        assert(count <= self.count)
        return UnsafeBufferPointer(start: base + (self.count &- count), count: count)
    }
}
