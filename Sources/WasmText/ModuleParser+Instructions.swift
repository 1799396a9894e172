//! Instructions, plain and folded, in one pass and without recursion.
//!
//! A folded instruction is written after its operands, so its bytes wait on a stack until its parenthesis closes. The same
//! stack holds the blocks that are open.

extension ModuleParser {
    /// What an `end` or a closing parenthesis ends.
    private enum Frame {
        /// `(op …` with its operands to come: the instruction's bytes.
        case folded([UInt8])
        /// `(block …`, `(loop …`, `(try_table …`.
        case foldedBlock
        /// `(if …` before `(then`: its bytes and its label.
        case foldedCondition([UInt8], label: [UInt8]?)
        /// `(then …` and `(else …`.
        case foldedThen, foldedElse
        /// `(if …` behind `(then …)`, or behind all.
        case foldedIf, foldedIfElse
        /// `block`, `loop`, `try_table`, `if`, and `if` behind its `else`.
        case block, `if`, ifElse
    }

    /// Instructions up to a parenthesis that none of them opened. It is not taken.
    ///
    /// - Parameter onlyOne: one folded instruction, its parenthesis included.
    mutating func instructions(into out: inout ByteWriter, onlyOne: Bool = false) throws(TextError) {
        var frames: [Frame] = []
        while true {
            let token = cursor.token
            switch token.kind {
            case .leftParenthesis:
                cursor.position += 1
                try openFolded(&frames, &out)
            case .rightParenthesis:
                guard let frame = frames.last else { return }
                try closeFolded(frame, &frames, &out)
                if onlyOne, frames.isEmpty { return }
            case .keyword:
                switch frames.last {
                case .folded, .foldedCondition, .foldedIf, .foldedIfElse: throw cursor.unexpected("( or )")
                default: break
                }
                try plain(&frames, &out)
            default:
                throw cursor.unexpected("an instruction")
            }
        }
    }

    private mutating func openFolded(_ frames: inout [Frame], _ out: inout ByteWriter) throws(TextError) {
        switch frames.last {
        case .foldedCondition(let bytes, let label) where cursor.isWord("then"):
            cursor.position += 1
            out.append(bytes)
            pushLabel(label)
            frames[frames.count - 1] = .foldedIf
            frames.append(.foldedThen)
            return
        case .foldedIf:
            guard cursor.take(word: "else") else { throw cursor.unexpected("else") }
            out.byte(0x05)
            frames[frames.count - 1] = .foldedIfElse
            frames.append(.foldedElse)
            return
        case .foldedIfElse: throw cursor.unexpected(")")
        default: break
        }
        let token = cursor.token
        let instruction = try instruction()
        switch instruction.immediates {
        case .block where instruction.opcode == 0x04:
            var bytes = ByteWriter()
            bytes.byte(0x04)
            let label = try cursor.identifier()
            try blockType(into: &bytes)
            frames.append(.foldedCondition(bytes.bytes, label: label))
        case .block, .tryTable:
            try block(instruction, into: &out)
            frames.append(.foldedBlock)
        case .else, .end: throw cursor.error("unexpected token \(cursor.shown(token))", at: token)
        default:
            var bytes = ByteWriter()
            try write(instruction, at: token, into: &bytes)
            frames.append(.folded(bytes.bytes))
        }
    }

    private mutating func closeFolded(
        _ frame: Frame, _ frames: inout [Frame], _ out: inout ByteWriter
    ) throws(TextError) {
        switch frame {
        case .folded(let bytes): out.append(bytes)
        case .foldedBlock, .foldedIf, .foldedIfElse:
            out.byte(0x0B)
            popLabel()
        case .foldedThen, .foldedElse: break
        case .foldedCondition: throw cursor.unexpected("(then …)")
        case .block, .if, .ifElse: throw cursor.unexpected("end")
        }
        frames.removeLast()
        cursor.position += 1
    }

    /// An instruction without parentheses around it.
    private mutating func plain(_ frames: inout [Frame], _ out: inout ByteWriter) throws(TextError) {
        let token = cursor.token
        let instruction = try instruction()
        switch instruction.immediates {
        case .block, .tryTable:
            try block(instruction, into: &out)
            frames.append(instruction.opcode == 0x04 ? .if : .block)
        case .else:
            guard case .if = frames.last else { throw cursor.error("unexpected token else", at: token) }
            try matchLabel()
            out.byte(0x05)
            frames[frames.count - 1] = .ifElse
        case .end:
            switch frames.last {
            case .block, .if, .ifElse: break
            default: throw cursor.error("unexpected token end", at: token)
            }
            try matchLabel()
            out.byte(0x0B)
            popLabel()
            frames.removeLast()
        default: try write(instruction, at: token, into: &out)
        }
    }

    private mutating func instruction() throws(TextError) -> Instruction {
        let token = cursor.token
        guard token.kind == .keyword else { throw cursor.unexpected("an instruction") }
        guard let instruction = InstructionTable.shared.find(cursor.bytes(token)) else {
            throw cursor.error("unknown operator \(cursor.shown(token))")
        }
        cursor.position += 1
        return instruction
    }

    // MARK: Blocks

    private mutating func pushLabel(_ name: [UInt8]?) {
        if let name { labelsSeen.append((labelCount, name)) }
        labelCount += 1
        if let name { labelPositions[name, default: []].append(labels.count) }
        labels.append(name)
    }

    private mutating func popLabel() {
        if let name = labels.removeLast() { labelPositions[name]?.removeLast() }
    }

    /// The label behind `else` or `end`, if there is one, is the block's.
    private mutating func matchLabel() throws(TextError) {
        let token = cursor.token
        guard let name = try cursor.identifier() else { return }
        guard labels.last == name else { throw cursor.error("mismatching label \(cursor.shown(token))", at: token) }
    }

    /// The opening of a block, and its label.
    private mutating func block(_ instruction: Instruction, into out: inout ByteWriter) throws(TextError) {
        out.byte(UInt8(instruction.opcode))
        let label = try cursor.identifier()
        try blockType(into: &out)
        if instruction.immediates == .tryTable { try handlers(into: &out) }
        pushLabel(label)
    }

    private mutating func blockType(into out: inout ByteWriter) throws(TextError) {
        let token = cursor.token
        if cursor.take(form: "type") {
            let index = try index(types)
            try cursor.close()
            let signature = try signature(bindsNames: false)
            out.signed(Int64(try typeUse(index, signature, at: token).index))
            return
        }
        let signature = try signature(bindsNames: false)
        switch (signature.parameterCount, signature.resultCount) {
        case (0, 0): out.byte(0x40)
        case (0, 1): out.append(signature.results.bytes)
        default:
            out.signed(Int64(functionType(signature.bytes, parameterCount: signature.parameterCount)))
        }
    }

    /// The clauses of a `try_table`, whose labels are those around it.
    private mutating func handlers(into out: inout ByteWriter) throws(TextError) {
        var clauses = ByteWriter()
        var count = 0
        while cursor.token.kind == .leftParenthesis {
            let kind: UInt8? =
                switch true {
                case cursor.isForm("catch"): 0
                case cursor.isForm("catch_ref"): 1
                case cursor.isForm("catch_all"): 2
                case cursor.isForm("catch_all_ref"): 3
                default: nil
                }
            guard let kind else { break }
            cursor.position += 2
            clauses.byte(kind)
            if kind < 2 { clauses.unsigned(try index(tags)) }
            clauses.unsigned(try label())
            try cursor.close()
            count += 1
        }
        out.count(count)
        out.append(clauses.bytes)
    }

    private mutating func label() throws(TextError) -> UInt32 {
        let token = cursor.token
        if let name = try cursor.identifier() {
            guard let position = labelPositions[name]?.last else {
                throw cursor.error("unknown label \(cursor.shown(token))", at: token)
            }
            return UInt32(labels.count - 1 - position)
        }
        guard token.kind == .number else { throw cursor.unexpected("a label") }
        return UInt32(try cursor.natural(32))
    }

    // MARK: Immediates

    private mutating func write(
        _ instruction: Instruction, at token: Token, into out: inout ByteWriter
    ) throws(TextError) {
        func opcode(_ offset: UInt32 = 0) {
            if instruction.prefix == 0 {
                out.byte(UInt8(instruction.opcode + offset))
            } else {
                out.byte(instruction.prefix)
                out.unsigned(instruction.opcode + offset)
            }
        }
        switch instruction.immediates {
        case .select:
            guard cursor.isForm("result") else { return opcode() }
            opcode(1)
            let signature = try signature(bindsNames: false)
            out.unsigned(signature.resultCount)
            out.append(signature.results.bytes)
        case .reference:
            let (isNullable, heapType, _) = try reference()
            opcode(isNullable ? 1 : 0)
            out.append(heapType)
        case .memoryData, .data, .typeData:
            usesDataCount = true
            opcode()
            try writeIndices(instruction.immediates, into: &out)
        default:
            opcode()
            try writeIndices(instruction.immediates, into: &out)
        }
    }

    private mutating func writeIndices(_ immediates: Immediates, into out: inout ByteWriter) throws(TextError) {
        switch immediates {
        case .label: out.unsigned(try label())
        case .labels:
            var targets: [UInt32] = [try label()]
            while isIndex { targets.append(try label()) }
            out.count(targets.count - 1)
            for target in targets { out.unsigned(target) }
        case .function: out.unsigned(try index(functions))
        case .indirect:
            let table = try optionalIndex(tables)
            out.unsigned(try typeUse(bindsNames: false).index)
            out.unsigned(table)
        case .local: out.unsigned(try index(locals))
        case .global: out.unsigned(try index(globals))
        case .tag: out.unsigned(try index(tags))
        case .data: out.unsigned(try index(data))
        case .element: out.unsigned(try index(elements))
        case .table: out.unsigned(try optionalIndex(tables))
        case .memory: out.unsigned(try optionalIndex(memories))
        case .tables: try pair(tables, into: &out)
        case .memories: try pair(memories, into: &out)
        case .tableElement:
            let table = try hasTwoIndices ? index(tables) : 0
            out.unsigned(try index(elements))
            out.unsigned(table)
        case .memoryData:
            let memory = try hasTwoIndices ? index(memories) : 0
            out.unsigned(try index(data))
            out.unsigned(memory)
        case .m0, .l0: try access(immediates, alignment: 0, into: &out)
        case .m1, .l1: try access(immediates, alignment: 1, into: &out)
        case .m2, .l2: try access(immediates, alignment: 2, into: &out)
        case .m3, .l3: try access(immediates, alignment: 3, into: &out)
        case .m4: try access(immediates, alignment: 4, into: &out)
        case .i32: out.signed(Int64(Int32(truncatingIfNeeded: try cursor.integer(32))))
        case .i64: out.signed(Int64(bitPattern: try cursor.integer(64)))
        case .f32: out.littleEndian(try cursor.float(isDouble: false), bytes: 4)
        case .f64: out.littleEndian(try cursor.float(isDouble: true), bytes: 8)
        case .v128: try vector(into: &out)
        case .lane2, .lane4, .lane8, .lane16: out.byte(UInt8(try cursor.natural(8, "lane index")))
        case .shuffle:
            for _ in 0..<16 { out.byte(UInt8(try cursor.natural(8, "lane index"))) }
        case .heap: try heapType(into: &out)
        case .type: out.unsigned(try index(types))
        case .types:
            out.unsigned(try index(types))
            out.unsigned(try index(types))
        case .typeField:
            let type = try index(types)
            out.unsigned(type)
            out.unsigned(try field(of: type))
        case .typeData:
            out.unsigned(try index(types))
            out.unsigned(try index(data))
        case .typeElement:
            out.unsigned(try index(types))
            out.unsigned(try index(elements))
        case .typeCount:
            out.unsigned(try index(types))
            out.unsigned(try cursor.natural(32))
        case .castBranch:
            let label = try label()
            let (from, to) = (try reference(), try reference())
            out.byte((from.isNullable ? 1 : 0) | (to.isNullable ? 2 : 0))
            out.unsigned(label)
            out.append(from.heapType)
            out.append(to.heapType)
        case .none, .block, .else, .end, .tryTable, .select, .reference: break
        }
    }

    /// The next two tokens can be indices.
    private var hasTwoIndices: Bool {
        isIndex && (cursor.following.kind == .identifier || cursor.following.kind == .number)
    }

    /// Two indices or none.
    private mutating func pair(_ space: borrowing IndexSpace, into out: inout ByteWriter) throws(TextError) {
        let first = try optionalIndex(space)
        out.unsigned(first)
        out.unsigned(try isIndex ? index(space) : first)
    }

    private mutating func field(of type: UInt32) throws(TextError) -> UInt32 {
        let fields = Int(type) < definitions.count ? definitions[Int(type)].fields : IndexSpace("field")
        return try index(fields)
    }

    /// Memory, offset and alignment, and the lane where there is one.
    private mutating func access(
        _ immediates: Immediates, alignment natural: UInt64, into out: inout ByteWriter
    ) throws(TextError) {
        let hasLane =
            switch immediates {
            case .l0, .l1, .l2, .l3: true
            default: false
            }
        var memory: UInt32 = 0
        // A number alone before the lane is the lane.
        let isMemory =
            !hasLane || cursor.token.kind == .identifier || cursor.following.kind == .number
            || cursor.following.kind == .keyword && isSetting(cursor.following)
        if isIndex, isMemory { memory = try index(memories) }
        let offset = try cursor.setting("offset")?.value ?? 0
        var alignment = natural
        if let (value, token) = try cursor.setting("align") {
            guard value != 0, value & (value - 1) == 0 else {
                throw cursor.error("alignment must be a power of two", at: token)
            }
            alignment = UInt64(value.trailingZeroBitCount)
        }
        // The bit that says that there is a memory index is above those of any alignment that is valid.
        out.unsigned(alignment | (memory != 0 ? 0x40 : 0))
        if memory != 0 { out.unsigned(memory) }
        out.unsigned(offset)
        if hasLane { out.byte(UInt8(try cursor.natural(8, "lane index"))) }
    }

    private func isSetting(_ token: Token) -> Bool {
        let bytes = cursor.bytes(token)
        return bytes.starts(with: Array("offset=".utf8)) || bytes.starts(with: Array("align=".utf8))
    }

    private mutating func vector(into out: inout ByteWriter) throws(TextError) {
        guard let bytes = try cursor.vectorLanes() else { throw cursor.unexpected("the shape of a vector") }
        out.append(bytes)
    }
}

extension TokenCursor {
    /// The lanes of a v128 constant and their shape: 16 bytes. Nil if no shape comes next.
    mutating func vectorLanes() throws(TextError) -> [UInt8]? {
        var writer = ByteWriter()
        if take(word: "i8x16") {
            for _ in 0..<16 { writer.littleEndian(try integer(8), bytes: 1) }
        } else if take(word: "i16x8") {
            for _ in 0..<8 { writer.littleEndian(try integer(16), bytes: 2) }
        } else if take(word: "i32x4") {
            for _ in 0..<4 { writer.littleEndian(try integer(32), bytes: 4) }
        } else if take(word: "i64x2") {
            for _ in 0..<2 { writer.littleEndian(try integer(64), bytes: 8) }
        } else if take(word: "f32x4") {
            for _ in 0..<4 { writer.littleEndian(try float(isDouble: false), bytes: 4) }
        } else if take(word: "f64x2") {
            for _ in 0..<2 { writer.littleEndian(try float(isDouble: true), bytes: 8) }
        } else {
            return nil
        }
        return writer.bytes
    }
}
