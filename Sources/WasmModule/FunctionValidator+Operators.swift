//! The validation rule of every instruction.

extension FunctionValidator {
    /// Validates one instruction.
    @inline(__always)
    mutating func validateOperator(_ reader: inout ByteReader) throws(WasmError) {
        offset = reader.offset
        let byte = try reader.byte()
        let signature = signatures[Int(byte)]
        if signature.isNone {
            // The commonest of all, apart from the rest.
            if byte == Opcode.localGet.rawValue {
                try push(try localType(try reader.u32()))
            } else {
                try validateUntabled(byte, &reader)
            }
            return
        }
        if let alignment = signature.naturalAlignment {
            // The table has addresses of i32.
            let address = try validateMemoryArgument(&reader, natural: alignment)
            if signature.second != 0 { try pop(signature.first) }
            try pop(address)
        } else {
            try pop(signature.first)
            if signature.second != 0 { try pop(signature.second) }
        }
        if signature.result != 0 { try push(signature.result) }
    }

    /// Instructions whose rule is more than a table entry.
    private mutating func validateUntabled(_ byte: UInt8, _ reader: inout ByteReader) throws(WasmError) {
        guard let opcode = opcodes[Int(byte)] else { throw reader.illegal(byte, at: offset) }
        switch opcode {
        // MARK: Control
        case .unreachable: setUnreachable()
        case .nop: break
        case .block: try open(.block, try signature(of: try reader.blockType()))
        case .loop: try open(.loop, try signature(of: try reader.blockType()))
        case .if:
            let signature = try signature(of: try reader.blockType())
            try pop(ValueType.i32.bits)
            try open(.if, signature)
        case .else:
            guard frames[frameCount - 1].kind == .if else {
                throw reader.malformed("else without if", at: offset)
            }
            let frame = try popFrame()
            try pushFrame(.else, start: frame.start, end: frame.end)
        case .end:
            let frame = frames[frameCount - 1]
            if frame.kind == .if && !equal(frame.start, frame.end) {
                throw mismatch("if without else must have the same parameters and results")
            }
            _ = try popFrame()
            if frameCount > 0 { try push(frame.end) }
        case .br:
            try pop(try frame(try reader.u32()).pointee.label)
            setUnreachable()
        case .brIf:
            let label = try frame(try reader.u32()).pointee.label
            try pop(ValueType.i32.bits)
            try pop(label)
            try push(label)
        case .brTable: try validateBranchTable(&reader)
        case .return:
            try pop(frames[0].end)
            setUnreachable()
        case .call:
            let function = try reader.u32()
            guard function < flat.functionCount else { throw unknown("function", function) }
            try call(flat.signatures[Int(flat.functions[Int(function)])])
        case .callIndirect:
            try call(try indirectSignature(&reader))
        case .returnCall:
            let function = try reader.u32()
            guard function < flat.functionCount else { throw unknown("function", function) }
            try tailCall(flat.signatures[Int(flat.functions[Int(function)])])
        case .returnCallIndirect: try tailCall(try indirectSignature(&reader))

        // MARK: Parametric
        case .drop: _ = try popAny()
        case .select: try validateSelect()
        case .selectTyped:
            let count = try reader.u32()
            guard count == 1 else { throw invalid("invalid result arity: select has one type, not \(count)") }
            let type = try reader.valueType().bits
            try pop(ValueType.i32.bits)
            try pop(type)
            try pop(type)
            try push(type)

        // MARK: Variables and table elements
        case .localGet: try push(try localType(try reader.u32()))
        case .localSet: try pop(try localType(try reader.u32()))
        case .localTee:
            let type = try localType(try reader.u32())
            try pop(type)
            try push(type)
        case .globalGet: try push(try global(try reader.u32()) & 0xFF)
        case .globalSet:
            let index = try reader.u32()
            let global = try global(index)
            guard global & FlatModule.mutableFlag != 0 else {
                throw invalid("immutable global \(index) cannot be set")
            }
            try pop(global & 0xFF)
        case .tableGet:
            let table = try table(try reader.u32())
            try pop(table.address)
            try push(table.element)
        case .tableSet:
            let table = try writtenTable(try reader.u32())
            try pop(table.element)
            try pop(table.address)

        // MARK: Memory
        case .memorySize:
            try push(try memoryAddress(try reader.u32()))
        case .memoryGrow:
            let address = try memoryAddress(try reader.u32())
            try pop(address)
            try push(address)

        // MARK: Constants
        case .i32Const:
            _ = try reader.s32()
            try push(ValueType.i32.bits)
        case .i64Const:
            _ = try reader.s64()
            try push(ValueType.i64.bits)
        case .f32Const:
            try reader.skip(4)
            try push(ValueType.f32.bits)
        case .f64Const:
            try reader.skip(8)
            try push(ValueType.f64.bits)

        // MARK: References
        case .refNull: try push(try reader.heapType().bits)
        case .refIsNull:
            let type = try popAny()
            guard type == Self.unknown || ValueType(bits: type).isReference else {
                throw mismatch("expected a reference, found \(ValueType(bits: type))")
            }
            try push(ValueType.i32.bits)
        case .refFunc:
            let function = try reader.u32()
            guard function < flat.functionCount else { throw unknown("function", function) }
            guard module.declaredFunctionReferences.contains(function) else {
                throw invalid("undeclared function reference: function \(function) must occur in an element segment")
            }
            try push(ValueType.funcref.bits)

        case .prefixFC: try validatePrefixed(&reader)
        case .prefixFD: try validateVector(&reader)
        default:
            // Everything else is in the table of signatures.
            throw reader.illegal(byte, at: offset)
        }
    }

    private mutating func validatePrefixed(_ reader: inout ByteReader) throws(WasmError) {
        let code = try reader.u32()
        guard let opcode = PrefixedOpcodeFC(rawValue: code) else { throw reader.illegal(code, at: offset) }
        let i32 = ValueType.i32.bits
        switch opcode {
        case .i32TruncSatF32S, .i32TruncSatF32U: try convert(.f32, .i32)
        case .i32TruncSatF64S, .i32TruncSatF64U: try convert(.f64, .i32)
        case .i64TruncSatF32S, .i64TruncSatF32U: try convert(.f32, .i64)
        case .i64TruncSatF64S, .i64TruncSatF64U: try convert(.f64, .i64)
        case .memoryInit:
            let segment = try reader.u32()
            let address = try memoryAddress(try reader.u32())
            try requireData(segment)
            try popThree(address, i32, i32)
        case .dataDrop: try requireData(try reader.u32())
        case .memoryCopy:
            let destination = try memoryAddress(try reader.u32())
            let source = try memoryAddress(try reader.u32())
            try popThree(destination, source, smaller(destination, source))
        case .memoryFill:
            let address = try memoryAddress(try reader.u32())
            try popThree(address, i32, address)
        case .tableInit:
            let segment = try reader.u32()
            let table = try writtenTable(try reader.u32())
            let element = try elementType(segment)
            guard table.element == element else {
                throw mismatch(
                    "the table holds \(ValueType(bits: table.element)), the segment \(ValueType(bits: element))")
            }
            try popThree(table.address, i32, i32)
        case .elemDrop: _ = try elementType(try reader.u32())
        case .tableCopy:
            let destination = try writtenTable(try reader.u32())
            let source = try table(try reader.u32())
            guard destination.element == source.element else {
                throw mismatch(
                    "cannot copy \(ValueType(bits: source.element)) to a table of "
                        + "\(ValueType(bits: destination.element))")
            }
            try popThree(destination.address, source.address, smaller(destination.address, source.address))
        case .tableGrow:
            let table = try writtenTable(try reader.u32())
            try pop(table.address)
            try pop(table.element)
            try push(table.address)
        case .tableSize: try push(try table(try reader.u32()).address)
        case .tableFill:
            let table = try writtenTable(try reader.u32())
            try popThree(table.address, table.element, table.address)
        }
    }

    /// The type of a length that counts in two address types.
    private func smaller(_ first: UInt32, _ second: UInt32) -> UInt32 {
        first == second ? first : ValueType.i32.bits
    }

    // MARK: Control

    private mutating func signature(of type: BlockType) throws(WasmError) -> FlatSignature {
        switch type {
        case .empty: return FlatSignature(parameters: .empty, results: .empty)
        case .value(let type): return FlatSignature(parameters: .empty, results: single(type))
        case .function(let index):
            guard index < flat.typeCount else { throw unknown("type", index) }
            return flat.signatures[Int(index)]
        }
    }

    private mutating func open(_ kind: ControlFrame.Kind, _ signature: FlatSignature) throws(WasmError) {
        try pop(signature.parameters)
        try pushFrame(kind, start: signature.parameters, end: signature.results)
    }

    private mutating func call(_ signature: FlatSignature) throws(WasmError) {
        try pop(signature.parameters)
        try push(signature.results)
    }

    /// What replaces the frame returns to where the function would.
    private mutating func tailCall(_ signature: FlatSignature) throws(WasmError) {
        guard equal(signature.results, frames[0].end) else {
            throw mismatch("a tail call must return what the function does")
        }
        try pop(signature.parameters)
        setUnreachable()
    }

    /// Reads the immediates of an indirect call and pops its index: the type it names.
    private mutating func indirectSignature(_ reader: inout ByteReader) throws(WasmError) -> FlatSignature {
        let type = try reader.u32()
        let table = try table(try reader.u32())
        guard type < flat.typeCount else { throw unknown("type", type) }
        guard table.element == ValueType.funcref.bits else {
            throw mismatch("indirect calls need a table of funcref, not \(ValueType(bits: table.element))")
        }
        try pop(table.address)
        return flat.signatures[Int(type)]
    }

    private mutating func validateBranchTable(_ reader: inout ByteReader) throws(WasmError) {
        let count = try reader.count(limit: .max, of: "branch targets")
        try pop(ValueType.i32.bits)
        branchTable &+= 1
        var arity: UInt32?
        // The default comes last and is one more.
        for _ in 0...count {
            let target = try frame(try reader.u32())
            // Once per target and table: a table may name the same one millions of times.
            if target.pointee.checkedBy == branchTable { continue }
            target.pointee.checkedBy = branchTable
            let label = target.pointee.label
            guard label.count == arity ?? label.count else {
                throw mismatch("br_table has targets of \(arity ?? 0) and of \(label.count) values")
            }
            arity = label.count
            _ = try check(label)
        }
        setUnreachable()
    }

    private mutating func validateSelect() throws(WasmError) {
        try pop(ValueType.i32.bits)
        let second = try popAny()
        let first = try popAny()
        for type in [first, second] where type != Self.unknown && ValueType(bits: type).isReference {
            throw mismatch("select without a type takes numbers and vectors, found \(ValueType(bits: type))")
        }
        guard first == second || first == Self.unknown || second == Self.unknown else {
            throw mismatch("select of \(ValueType(bits: first)) and \(ValueType(bits: second))")
        }
        try push(first == Self.unknown ? second : first)
    }

    // MARK: Index spaces

    @inline(__always)
    private mutating func localType(_ index: UInt32) throws(WasmError) -> UInt32 {
        index < expandedLocalCount ? locals[Int(index)] : try distantLocal(index)
    }

    private mutating func global(_ index: UInt32) throws(WasmError) -> UInt32 {
        guard index < flat.globalCount else { throw unknown("global", index) }
        return flat.globals[Int(index)]
    }

    /// The types of a table's elements and of its indices.
    private mutating func table(_ index: UInt32) throws(WasmError) -> (element: UInt32, address: UInt32) {
        guard index < flat.tableCount else { throw unknown("table", index) }
        let table = flat.tables[Int(index)]
        return (table & 0xFF, table & FlatModule.is64Flag != 0 ? ValueType.i64.bits : ValueType.i32.bits)
    }

    /// The types of a table that the instruction writes or grows.
    private mutating func writtenTable(_ index: UInt32) throws(WasmError) -> (element: UInt32, address: UInt32) {
        let table = try table(index)
        tableIsWritten[Int(index)] = true
        return table
    }

    private mutating func elementType(_ index: UInt32) throws(WasmError) -> UInt32 {
        guard index < flat.elementCount else { throw unknown("elem segment", index) }
        return flat.elements[Int(index)]
    }

    /// The type of a memory's addresses.
    @inline(__always)
    private mutating func memoryAddress(_ index: UInt32) throws(WasmError) -> UInt32 {
        guard index < flat.memoryCount else { throw unknown("memory", index) }
        return flat.memories[Int(index)]
    }

    private mutating func requireData(_ index: UInt32) throws(WasmError) {
        guard module.hasDataCount else { throw WasmError(.malformed, at: offset, "data count section required") }
        guard index < module.data.count else { throw unknown("data segment", index) }
    }

    // MARK: Operands

    private mutating func convert(_ operand: ValueType, _ result: ValueType) throws(WasmError) {
        try pop(operand.bits)
        try push(result.bits)
    }

    /// Pops operands given in the order of the specification: the last is on top.
    private mutating func popThree(_ first: UInt32, _ second: UInt32, _ third: UInt32) throws(WasmError) {
        try pop(third)
        try pop(second)
        try pop(first)
    }

    /// The immediates of a load or store; returns the type of the address it pops.
    @inline(__always)
    mutating func validateMemoryArgument(_ reader: inout ByteReader, natural: UInt32) throws(WasmError) -> UInt32 {
        let flags = try reader.u32()
        guard flags < 0x80 else { throw reader.malformed("malformed memop flags", at: offset) }
        // Bit 6 announces an explicit memory index.
        let memory = flags & 0x40 != 0 ? try reader.u32() : 0
        let displacement = try reader.u64()
        let address = try memoryAddress(memory)
        guard flags & 0x3F <= natural else {
            throw invalid("alignment must not be larger than natural")
        }
        guard displacement <= UInt32.max || address == ValueType.i64.bits else {
            throw invalid("offset out of range: a 32-bit memory ends at 2^32")
        }
        return address
    }
}
