//! Functions and expressions: instructions one after the other, not folded.

extension ModulePrinter {
    // MARK: Functions

    /// A function with its body.
    mutating func functionField() throws(PrintError) {
        field("func")
        let index = define(.functions)
        let body = try reader.vector()
        let sectionEnd = reader.end
        reader.position = body.lowerBound
        reader.end = body.upperBound
        let type = survey.functions[Int(index)]
        let parameterCount = UInt64(survey.functionType(type)?.parameterCount ?? 0)
        let count = parameterCount + (try countLocals())
        guard count <= UInt32.max else { throw reader.error("too many locals", at: body.lowerBound) }
        locals = localNames(of: index, 0..<count)
        if try !typeUse(type, names: locals) { locals = localNames(of: index, parameterCount..<count) }
        var list = DeclarationList(keyword: "local", breaksLines: true)
        var local = UInt32(parameterCount)
        for _ in 0..<(try reader.unsigned()) {
            let count = try reader.unsigned()
            let type = try reader.valueType()
            for _ in 0..<count {
                declare(type, locals[local], in: &list)
                local += 1
            }
        }
        if list.isOpen { close() }
        let labelNames = names(ModuleNames.labels, of: index)
        labels.reset(Identifiers(labelNames, in: reader.bytes, isUnique: false) { _ in true }, labelNames)
        let instructionCount = try instructions(inLines: true)
        guard reader.isAtEnd else { throw reader.error("unexpected content behind the end of a function") }
        reader.end = sectionEnd
        if instructionCount > 0 || !list.isEmpty { out.line(indentation: 2) }
        close()
    }

    /// How many locals the runs declare that come next. They are not taken.
    private mutating func countLocals() throws(PrintError) -> UInt64 {
        let start = reader.position
        var total: UInt64 = 0
        for _ in 0..<(try reader.unsigned()) {
            let run = reader.position
            let count = UInt64(try reader.unsigned())
            _ = try reader.valueType()
            guard count <= localAllowance else { throw reader.error("too many locals", at: run) }
            localAllowance -= count
            total += count
        }
        reader.position = start
        return total
    }

    // MARK: Expressions

    /// An expression in one line: a single instruction in parentheses, several as they are or within a form.
    mutating func expression(_ form: Form = .plain) throws(PrintError) {
        let start = out.bytes.count
        locals = Identifiers()
        labels.reset(Identifiers(), [])
        if try instructions(inLines: false) == 1 {
            out.insert("(", at: start)
        } else {
            let isEmpty = out.bytes.count == start
            switch form {
            case .plain: return
            case .offset: out.insert(isEmpty ? "(offset" : "(offset ", at: start)
            case .item: out.insert(isEmpty ? "(item" : "(item ", at: start)
            }
        }
        close()
    }

    enum Form {
        case plain, offset, item
    }

    /// Instructions up to the `end` of none of them, which is not printed. Returns how many are.
    private mutating func instructions(inLines: Bool) throws(PrintError) -> Int {
        var count = 0
        while true {
            let start = reader.position
            let instruction = try opcode()
            var depth = labels.depth
            switch instruction.immediates {
            case .end:
                guard depth > 0 else { return count }
                labels.pop()
                depth -= 1
            case .else:
                guard labels.takesElse else { throw reader.error("unexpected else", at: start) }
                labels.takeElse()
                depth -= 1
            default: break
            }
            if inLines {
                out.line(indentation: 4 + 2 * min(depth, Self.deepestIndentation))
            } else if count > 0 {
                out.space()
            }
            let text = out.bytes.count
            out.text(instruction.name)
            try immediates(of: instruction)
            if inLines, listing != nil { listing?.append((start, text..<out.bytes.count)) }
            count += 1
        }
    }

    /// In blocks.
    private static let deepestIndentation = 40

    private mutating func opcode() throws(PrintError) -> OpcodeTable.Entry {
        let start = reader.position
        let byte = try reader.byte()
        switch byte {
        case 0xFB, 0xFC, 0xFD:
            let opcode = try reader.unsigned()
            if let entry = opcodes.find(prefix: byte, opcode: opcode) { return entry }
            throw reader.error(
                "unknown opcode \(String(byte, radix: 16)) \(String(opcode, radix: 16))", at: start)
        default:
            if let entry = opcodes.find(prefix: 0, opcode: UInt32(byte)) { return entry }
            throw reader.error("unknown opcode \(String(byte, radix: 16))", at: start)
        }
    }

    // MARK: Immediates

    private mutating func immediates(of instruction: OpcodeTable.Entry) throws(PrintError) {
        switch instruction.immediates {
        case .none, .else, .end: break
        case .block, .tryTable: try block(instruction)
        case .label: try label()
        case .labels:
            for _ in 0...(try reader.unsigned()) { try label() }
        case .function: try use(.functions)
        case .indirect:
            let type = try reader.unsigned()
            try useUnlessZero(.tables)
            out.text(" (type ")
            use(.types, type)
            close()
        case .local:
            out.space()
            use(locals, try reader.unsigned())
        case .global: try use(.globals)
        case .tag: try use(.tags)
        case .data: try use(.data)
        case .element: try use(.elements)
        case .table: try useUnlessZero(.tables)
        case .memory: try useUnlessZero(.memories)
        case .tables: try pair(.tables)
        case .memories: try pair(.memories)
        case .tableElement: try segment(.elements, .tables)
        case .memoryData: try segment(.data, .memories)
        case .m0: try access(alignment: 0)
        case .m1: try access(alignment: 1)
        case .m2: try access(alignment: 2)
        case .m3: try access(alignment: 3)
        case .m4: try access(alignment: 4)
        case .l0: try access(alignment: 0, hasLane: true)
        case .l1: try access(alignment: 1, hasLane: true)
        case .l2: try access(alignment: 2, hasLane: true)
        case .l3: try access(alignment: 3, hasLane: true)
        case .i32: number(try reader.signed(32))
        case .i64: number(try reader.signed(64))
        case .f32: try float(isDouble: false)
        case .f64: try float(isDouble: true)
        case .v128:
            out.text(" i32x4")
            for _ in 0..<4 {
                out.space()
                out.hexadecimal(try reader.littleEndian(bytes: 4), digits: 8)
            }
        case .lane2, .lane4, .lane8, .lane16: try lane()
        case .shuffle: for _ in 0..<16 { try lane() }
        case .select:
            guard instruction.isSecond else { return }
            out.text(" (result")
            try each { printer throws(PrintError) in
                printer.out.space()
                printer.valueType(try printer.reader.valueType())
            }
            close()
        case .heap:
            out.space()
            heapType(try reader.heapType())
        case .reference:
            out.space()
            referenceType(ReferenceType(isNullable: instruction.isSecond, heapType: try reader.heapType()))
        case .castBranch: try castBranch()
        case .type: try use(.types)
        case .types:
            try use(.types)
            try use(.types)
        case .typeField:
            let type = try reader.unsigned()
            out.space()
            use(.types, type)
            out.space()
            use(fieldNames(of: type), try reader.unsigned())
        case .typeData:
            try use(.types)
            try use(.data)
        case .typeElement:
            try use(.types)
            try use(.elements)
        case .typeCount:
            try use(.types)
            out.space()
            out.decimal(try reader.unsigned())
        }
    }

    private mutating func number(_ value: Int64) {
        out.space()
        out.decimal(value)
    }

    private mutating func float(isDouble: Bool) throws(PrintError) {
        out.space()
        out.float(try reader.littleEndian(bytes: isDouble ? 8 : 4), isDouble: isDouble)
    }

    private mutating func lane() throws(PrintError) {
        out.space()
        out.decimal(UInt32(try reader.byte()))
    }

    private mutating func useUnlessZero(_ space: Space) throws(PrintError) {
        let index = try reader.unsigned()
        guard index != 0 else { return }
        out.space()
        use(space, index)
    }

    /// Two indices, unless both are zero.
    private mutating func pair(_ space: Space) throws(PrintError) {
        let (first, second) = (try reader.unsigned(), try reader.unsigned())
        guard first != 0 || second != 0 else { return }
        for index in [first, second] {
            out.space()
            use(space, index)
        }
    }

    /// The index of a segment, which the text has behind that of the memory or table, unless that is zero.
    private mutating func segment(_ segments: Space, _ space: Space) throws(PrintError) {
        let segment = try reader.unsigned()
        try useUnlessZero(space)
        out.space()
        use(segments, segment)
    }

    private mutating func access(alignment natural: UInt32, hasLane: Bool = false) throws(PrintError) {
        let start = reader.position
        let flags = try reader.unsigned()
        guard flags < 0x80 else { throw reader.error("malformed memop flags", at: start) }
        if flags & 0x40 != 0 { try useUnlessZero(.memories) }
        let offset = try reader.unsigned(64)
        if offset != 0 {
            out.text(" offset=")
            out.decimal(offset)
        }
        if flags & 0x3F != natural {
            out.text(" align=")
            out.decimal(1 << UInt64(flags & 0x3F) as UInt64)
        }
        if hasLane { try lane() }
    }

    private mutating func castBranch() throws(PrintError) {
        let flags = try reader.byte()
        guard flags < 4 else { throw reader.error("malformed br_on_cast flags", at: reader.position - 1) }
        try label()
        for bit: UInt8 in [1, 2] {
            out.space()
            referenceType(ReferenceType(isNullable: flags & bit != 0, heapType: try reader.heapType()))
        }
    }

    // MARK: Labels

    private mutating func label() throws(PrintError) {
        let depth = try reader.unsigned()
        out.space()
        if let name = labels.identifier(depth), spend(name.count) {
            out.text(name)
        } else {
            out.decimal(depth)
        }
    }

    /// Label, type and handlers of a block, which is opened.
    private mutating func block(_ instruction: OpcodeTable.Entry) throws(PrintError) {
        if let name = labels.nextIdentifier {
            out.space()
            out.text(name)
        }
        let start = reader.position
        let index = try reader.signed(33)
        if index >= 0 {
            out.text(" (type ")
            use(.types, UInt32(index))
            close()
        } else if index != -64 {
            reader.position = start
            out.text(" (result ")
            valueType(try reader.valueType())
            close()
        }
        // Handlers are outside of the block.
        if instruction.immediates == .tryTable {
            try each { printer throws(PrintError) in try printer.handler() }
        }
        labels.push(isIf: instruction.isIf)
    }

    private mutating func handler() throws(PrintError) {
        let start = reader.position
        let kind = try reader.byte()
        switch kind {
        case 0: out.text(" (catch")
        case 1: out.text(" (catch_ref")
        case 2: out.text(" (catch_all")
        case 3: out.text(" (catch_all_ref")
        default: throw reader.error("malformed catch clause", at: start)
        }
        if kind < 2 { try use(.tags) }
        try label()
        close()
    }
}

/// The blocks that are open, and what their labels are called.
struct LabelStack {
    private struct Block {
        /// `if` before its `else`.
        var takesElse: Bool
        /// Its number among the blocks of the function.
        var number: UInt32
        /// Its name among the names that labels of the function have; -1 without.
        var name = -1
        /// The block of that name around it, by its place on the stack; -1 without.
        var hidden = -1
    }

    private var blocks: [Block] = []
    private var blockCount: UInt32 = 0
    /// By the numbers of blocks. Several may have the same.
    private var identifiers = Identifiers()
    private var names: [UInt32: Int] = [:]
    /// By name: the innermost block that has it, by its place on the stack; -1 without.
    private var innermost: [Int] = []

    var depth: Int { blocks.count }

    /// Whether the innermost block is an `if` without an `else`.
    var takesElse: Bool { blocks.last?.takesElse ?? false }

    /// Begins a function whose labels have these names.
    mutating func reset(_ identifiers: Identifiers, _ map: ModuleNames.Map) {
        blocks.removeAll(keepingCapacity: true)
        blockCount = 0
        self.identifiers = identifiers
        names = [:]
        innermost = []
        var numbers: [ArraySlice<UInt8>: Int] = [:]
        for (block, _) in map {
            guard let identifier = identifiers[block] else { continue }
            let number = numbers[identifier] ?? numbers.count
            numbers[identifier] = number
            names[block] = number
        }
        innermost = [Int](repeating: -1, count: numbers.count)
    }

    /// Of the block that is opened next.
    var nextIdentifier: ArraySlice<UInt8>? { identifiers.isEmpty ? nil : identifiers[blockCount] }

    mutating func push(isIf: Bool) {
        var block = Block(takesElse: isIf, number: blockCount)
        if !names.isEmpty, let name = names[blockCount] {
            block.name = name
            block.hidden = innermost[name]
            innermost[name] = blocks.count
        }
        blocks.append(block)
        blockCount += 1
    }

    mutating func takeElse() { blocks[blocks.count - 1].takesElse = false }

    mutating func pop() {
        let block = blocks.removeLast()
        if block.name >= 0 { innermost[block.name] = block.hidden }
    }

    /// The identifier of the block so many outwards, unless it has none or one within it has the same.
    func identifier(_ depth: UInt32) -> ArraySlice<UInt8>? {
        let place = blocks.count - 1 - Int(depth)
        guard place >= 0, blocks[place].name >= 0, innermost[blocks[place].name] == place else { return nil }
        return identifiers[blocks[place].number]
    }
}
