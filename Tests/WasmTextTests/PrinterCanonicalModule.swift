//! A module with each thing encoded the one way that the text encoder would: what two modules have to share to be the same.
//!
//! Shortest numbers, runs of locals joined, the shortest of several forms of segments, types and memory accesses; sections
//! without contents, name sections and a data count that nothing needs left out. For modules that are well formed: anything
//! else ends the test run.

@testable import WasmText

struct CanonicalModule: Equatable {
    /// Each with its number first.
    private(set) var sections: [[UInt8]] = []
    /// Contents of the name sections.
    private(set) var nameSections: [[UInt8]] = []

    static func == (a: CanonicalModule, b: CanonicalModule) -> Bool { a.sections == b.sections }

    init(_ bytes: [UInt8]) {
        var copier = Copier(bytes, at: 8, end: bytes.count)
        var usesData = false
        var dataCount: Int?
        while copier.at < bytes.count {
            let id = copier.byte()
            let length = Int(copier.unsigned())
            var section = Copier(bytes, at: copier.at, end: copier.at + length)
            copier.at += length
            if id == 0 {
                let name = section.name()
                let content = Array(bytes[section.at..<section.end])
                if name == Array("name".utf8) {
                    nameSections.append(content)
                } else {
                    sections.append([0] + name + [0] + content)
                }
                continue
            }
            section.section(id)
            precondition(section.at == section.end, "section \(id)")
            usesData = usesData || section.usesData
            if section.out.bytes == [0], id != 8, id != 12 { continue }
            if id == 12 { dataCount = sections.count }
            sections.append([id] + section.out.bytes)
        }
        if let dataCount, !usesData { sections.remove(at: dataCount) }
    }
}

/// Copies what it reads, number for number.
private struct Copier {
    let bytes: [UInt8]
    var at: Int
    let end: Int
    var out = ByteWriter()
    var usesData = false

    private static let instructions: [UInt64: Instruction] = {
        var result: [UInt64: Instruction] = [:]
        for instruction in InstructionTable.shared.instructions {
            let key = UInt64(instruction.prefix) << 32 | UInt64(instruction.opcode)
            result[key] = instruction
            switch instruction.immediates {
            case .select, .reference: result[key + 1] = instruction
            default: break
            }
        }
        return result
    }()

    init(_ bytes: [UInt8], at: Int, end: Int) {
        self.bytes = bytes
        self.at = at
        self.end = end
    }

    // MARK: Numbers

    mutating func byte() -> UInt8 {
        at += 1
        return bytes[at - 1]
    }

    mutating func unsigned() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = byte()
            value |= UInt64(byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 { return value }
        }
    }

    mutating func signed() -> Int64 {
        var value: Int64 = 0
        var shift: Int64 = 0
        while true {
            let byte = byte()
            value |= Int64(byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 { return byte & 0x40 != 0 && shift < 64 ? value | -1 << shift : value }
        }
    }

    mutating func copyByte() { out.byte(byte()) }

    @discardableResult
    mutating func copy() -> UInt64 {
        let value = unsigned()
        out.unsigned(value)
        return value
    }

    mutating func copySigned() { out.signed(signed()) }

    mutating func copyBytes(_ count: Int) { for _ in 0..<count { copyByte() } }

    mutating func copyVector() { copyBytes(Int(copy())) }

    mutating func name() -> [UInt8] {
        let length = Int(unsigned())
        at += length
        return Array(bytes[at - length..<at])
    }

    mutating func each(_ body: (inout Copier) -> Void) { for _ in 0..<copy() { body(&self) } }

    // MARK: Sections

    mutating func section(_ id: UInt8) {
        switch id {
        case 1: each { $0.typeGroup() }
        case 2:
            each {
                $0.copyVector()
                $0.copyVector()
                $0.importKind()
            }
        case 3: each { $0.copy() }
        case 4:
            each {
                if $0.bytes[$0.at] == 0x40 {
                    $0.copyBytes(2)
                    $0.valueType()
                    $0.limits()
                    $0.expression()
                } else {
                    $0.valueType()
                    $0.limits()
                }
            }
        case 5: each { $0.limits() }
        case 13:
            each {
                $0.copyByte()
                $0.copy()
            }
        case 6:
            each {
                $0.valueType()
                $0.copyByte()
                $0.expression()
            }
        case 7:
            each {
                $0.copyVector()
                $0.copyByte()
                $0.copy()
            }
        case 8, 12: copy()
        case 9: each { $0.element() }
        case 10: each { $0.function() }
        default: each { $0.data() }
        }
    }

    mutating func importKind() {
        let kind = byte()
        out.byte(kind)
        switch kind {
        case 0: copy()
        case 1:
            valueType()
            limits()
        case 2: limits()
        case 3:
            valueType()
            copyByte()
        default:
            copyByte()
            copy()
        }
    }

    mutating func element() {
        let flags = unsigned()
        let isActive = flags & 1 == 0
        let hasExpressions = flags & 4 != 0
        let table = isActive && flags & 2 != 0 ? unsigned() : 0
        var parts = self
        parts.out = ByteWriter()
        if isActive { parts.expression() }
        let offset = parts.out.bytes
        parts.out = ByteWriter()
        if flags & 3 == 0 {
            parts.out.byte(hasExpressions ? 0x70 : 0)
        } else if hasExpressions {
            parts.valueType()
        } else {
            parts.copyByte()
        }
        let type = parts.out.bytes
        parts.out = ByteWriter()
        parts.each { copier in if hasExpressions { copier.expression() } else { copier.copy() } }
        let isShort = isActive && table == 0 && type == (hasExpressions ? [0x70] : [0])
        out.unsigned(isShort ? flags & 4 : isActive ? flags | 2 : flags)
        if isActive, !isShort { out.unsigned(table) }
        out.append(offset)
        if !isShort { out.append(type) }
        out.append(parts.out.bytes)
        at = parts.at
        usesData = parts.usesData
    }

    mutating func data() {
        let flags = unsigned()
        let memory = flags == 2 ? unsigned() : 0
        if flags == 1 {
            out.byte(1)
        } else if memory == 0 {
            out.byte(0)
        } else {
            out.byte(2)
            out.unsigned(memory)
        }
        if flags != 1 { expression() }
        copyVector()
    }

    mutating func function() {
        let size = Int(unsigned())
        var body = Copier(bytes, at: at, end: at + size)
        var runs: [(count: UInt64, type: [UInt8])] = []
        for _ in 0..<body.unsigned() {
            let count = body.unsigned()
            body.valueType()
            let type = body.out.bytes
            body.out = ByteWriter()
            if count == 0 { continue }
            if runs.last?.type == type { runs[runs.count - 1].count += count } else { runs.append((count, type)) }
        }
        body.out.count(runs.count)
        for run in runs {
            body.out.unsigned(run.count)
            body.out.append(run.type)
        }
        body.expression()
        precondition(body.at == body.end, "function")
        out.vector(body.out.bytes)
        at = body.at
        usesData = usesData || body.usesData
    }

    // MARK: Types

    mutating func typeGroup() {
        guard bytes[at] == 0x4E else { return type() }
        at += 1
        let count = unsigned()
        if count != 1 {
            out.byte(0x4E)
            out.unsigned(count)
        }
        for _ in 0..<count { type() }
    }

    mutating func type() {
        if bytes[at] == 0x4F, bytes[at + 1] == 0 { at += 2 }
        if bytes[at] == 0x4F || bytes[at] == 0x50 {
            copyByte()
            each { $0.copy() }
        }
        let kind = byte()
        out.byte(kind)
        switch kind {
        case 0x60:
            each { $0.valueType() }
            each { $0.valueType() }
        case 0x5F: each { $0.fieldType() }
        default: fieldType()
        }
    }

    mutating func fieldType() {
        valueType()
        copyByte()
    }

    /// Also a packed type, and no type at all.
    mutating func valueType() {
        let byte = byte()
        guard byte == 0x63 || byte == 0x64 else { return out.byte(byte) }
        let heapType = signed()
        if byte == 0x64 || heapType >= 0 { out.byte(byte) }
        out.signed(heapType)
    }

    mutating func limits() {
        let flags = byte()
        out.byte(flags)
        copy()
        if flags & 1 != 0 { copy() }
    }

    // MARK: Instructions

    mutating func expression() {
        var depth = 0
        while true {
            var key = UInt64(byte())
            if key >= 0xFB, key <= 0xFD {
                out.byte(UInt8(key))
                key = key << 32 | copy()
            } else {
                out.byte(UInt8(key))
            }
            guard let instruction = Self.instructions[key] else { preconditionFailure("opcode \(key)") }
            switch instruction.immediates {
            case .block, .tryTable: depth += 1
            case .end:
                if depth == 0 { return }
                depth -= 1
            default: break
            }
            immediates(instruction, key)
        }
    }

    mutating func immediates(_ instruction: Instruction, _ key: UInt64) {
        switch instruction.immediates {
        case .none, .else, .end: break
        case .block: blockType()
        case .tryTable:
            blockType()
            each {
                let kind = $0.byte()
                $0.out.byte(kind)
                if kind < 2 { $0.copy() }
                $0.copy()
            }
        case .labels:
            each { $0.copy() }
            copy()
        case .label, .function, .local, .global, .tag, .element, .table, .memory, .type: copy()
        case .data:
            usesData = true
            copy()
        case .memoryData, .typeData:
            usesData = true
            copy()
            copy()
        case .indirect, .tables, .memories, .tableElement, .types, .typeField, .typeElement, .typeCount:
            copy()
            copy()
        case .m0, .m1, .m2, .m3, .m4: access()
        case .l0, .l1, .l2, .l3:
            access()
            copyByte()
        case .i32, .i64, .heap: copySigned()
        case .reference: copySigned()
        case .f32: copyBytes(4)
        case .f64: copyBytes(8)
        case .v128, .shuffle: copyBytes(16)
        case .lane2, .lane4, .lane8, .lane16: copyByte()
        case .select: if key == 0x1C { each { $0.valueType() } }
        case .castBranch:
            copyByte()
            copy()
            copySigned()
            copySigned()
        }
    }

    mutating func blockType() {
        if bytes[at] >= 0x40, bytes[at] < 0x80 { valueType() } else { copySigned() }
    }

    mutating func access() {
        let flags = unsigned()
        let memory = flags & 0x40 != 0 ? unsigned() : 0
        out.unsigned(flags & 0x3F | (memory != 0 ? 0x40 : 0))
        if memory != 0 { out.unsigned(memory) }
        copy()
    }
}
