//! Instructions by opcode: the table of instructions the other way around.

struct OpcodeTable: Sendable {
    static let shared = OpcodeTable()

    struct Entry: Sendable {
        var name: [UInt8]
        var immediates: Immediates
        /// The second of two opcodes that one instruction has.
        var isSecond: Bool
        /// A block that can have an `else`.
        var isIf: Bool
    }

    private var entries: [Entry] = []
    /// By place: the index of the entry plus one.
    private var places = [UInt16](repeating: 0, count: 1024)

    func find(prefix: UInt8, opcode: UInt32) -> Entry? {
        guard let place = Self.place(prefix, opcode), places[place] != 0 else { return nil }
        return entries[Int(places[place]) - 1]
    }

    private static func place(_ prefix: UInt8, _ opcode: UInt32) -> Int? {
        switch prefix {
        case 0: opcode < 0x100 ? Int(opcode) : nil
        case 0xFB: opcode < 0x80 ? 0x100 + Int(opcode) : nil
        case 0xFC: opcode < 0x80 ? 0x180 + Int(opcode) : nil
        default: opcode < 0x200 ? 0x200 + Int(opcode) : nil
        }
    }

    private init() {
        for instruction in InstructionTable.shared.instructions {
            add(instruction, isSecond: false)
            switch instruction.immediates {
            case .select, .reference: add(instruction, isSecond: true)
            default: break
            }
        }
    }

    private mutating func add(_ instruction: Instruction, isSecond: Bool) {
        entries.append(
            Entry(
                name: Array(instruction.name.utf8), immediates: instruction.immediates, isSecond: isSecond,
                isIf: instruction.name == "if"))
        places[Self.place(instruction.prefix, instruction.opcode + (isSecond ? 1 : 0))!] = UInt16(entries.count)
    }
}
