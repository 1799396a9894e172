//! From code to lines of source, by what compilers leave in the custom section `.debug_line` (DWARF 2 to 5).
//!
//! A unit of the section is a table of files and a program, whose instructions append rows: from this address on, the
//! code comes from that line. An end closes a sequence of rows, which covers one function. Addresses count from the
//! start of the code section's contents ("DWARF for WebAssembly"). Functions that the linker left out keep their
//! sequences, at address 0 or far beyond the code, and those are ignored.
//!
//! The section is a guest's and means nothing for whether the module is valid. So nothing here throws outward: a
//! mistake ends the unit that it is in, and sequences completed before it stay. Every read is checked, arithmetic on
//! addresses and lines wraps, and memory is bounded: each row, file and directory is paid with a byte of the section
//! at least, and the number of each is limited. Names stay in the binary, because many files may refer to one long
//! string.

/// The lines of a module's source, by place in its binary.
public struct LineTable: Sendable {
    /// A place in the source.
    public struct Position: Sendable, Hashable {
        /// As the compiler was given it: absolute, or relative to the directory that it ran in.
        public var file: String
        /// From 1; nil for code that comes from no line in particular.
        public var line: Int?
        /// From 1; nil if it is not known.
        public var column: Int?
    }

    /// Rows, and files, of a table; the rest is left out. Rows of this number take 64 MiB.
    static let maximumCount = 1 << 22
    /// Bytes of a name. Longer ones are none.
    static let maximumNameSize = 4096

    /// Holds from its address on, up to the next row or the end of the sequence.
    struct Row {
        var address: UInt32
        /// Index in `files`, or beyond them.
        var file: UInt32
        /// 0: none.
        var line: UInt32
        /// 0: unknown.
        var column: UInt32
    }

    struct Sequence {
        var addresses: Range<UInt32>
        /// By address, strictly ascending.
        var rows: Range<Int>
    }

    /// Where in the binary the names begin. 0: none.
    struct File {
        var name: UInt32
        var directory: UInt32
    }

    /// The binary, which the module and this share.
    private let bytes: [UInt8]
    private let code: Range<Int>
    private let maximumCount: Int
    private let strings: Range<Int>
    private let lineStrings: Range<Int>
    /// Those that names may lie in.
    private let nameSections: [Range<Int>]
    private(set) var rows: [Row] = []
    /// By address once all have been read.
    private(set) var sequences: [Sequence] = []
    private(set) var files: [File] = []

    // MARK: Looking up

    /// Where the source of the instruction at an offset in the binary is, if that is known.
    public func position(at offset: Int) -> Position? {
        guard code.contains(offset) else { return nil }
        let address = UInt32(offset - code.lowerBound)
        guard let sequence = Self.last(of: sequences[...], where: { $0.addresses.lowerBound <= address }),
            sequence.addresses.contains(address),
            let row = Self.last(of: rows[sequence.rows], where: { $0.address <= address }),
            row.file < files.count, let file = path(of: files[Int(row.file)])
        else { return nil }
        return Position(
            file: file, line: row.line == 0 ? nil : Int(row.line), column: row.column == 0 ? nil : Int(row.column))
    }

    /// The last of the elements that a condition holds for, which are the first ones.
    private static func last<Element>(of sorted: ArraySlice<Element>, where holds: (Element) -> Bool) -> Element? {
        var (low, high) = (sorted.startIndex, sorted.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if holds(sorted[middle]) { low = middle + 1 } else { high = middle }
        }
        return low > sorted.startIndex ? sorted[low - 1] : nil
    }

    private func path(of file: File) -> String? {
        guard let name = string(at: file.name) else { return nil }
        guard name.utf8.first != UInt8(ascii: "/"), let directory = string(at: file.directory) else { return name }
        return directory + (directory.utf8.last == UInt8(ascii: "/") ? "" : "/") + name
    }

    private func string(at start: UInt32) -> String? {
        let start = Int(start)
        guard start > 0, let section = nameSections.first(where: { $0.contains(start) }) else { return nil }
        let name = bytes[start..<min(section.upperBound, start + Self.maximumNameSize + 1)]
        guard let end = name.firstIndex(of: 0), end > start else { return nil }
        return String(decoding: name[..<end], as: UTF8.self)
    }

    // MARK: Reading the section

    /// Whether a module says anything about lines.
    public static func exists(in module: DecodedModule) -> Bool {
        module.customSections.contains { $0.name == ".debug_line" }
    }

    /// The lines of a module; none if it has no such section.
    public init(of module: DecodedModule) { self.init(of: module, maximumCount: Self.maximumCount) }

    init(of module: DecodedModule, maximumCount: Int) {
        // Should there be several of a name, the first counts.
        func section(_ name: String) -> Range<Int> {
            module.customSections.first { $0.name == name }?.payload ?? 0..<0
        }
        bytes = module.bytes
        code = module.codeSection
        self.maximumCount = maximumCount
        let lines = section(".debug_line")
        lineStrings = section(".debug_line_str")
        strings = section(".debug_str")
        nameSections = [lines, lineStrings, strings]
        module.bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            try? read(ByteReader(base: base, range: lines))
        }
        sequences.sort { $0.addresses.lowerBound < $1.addresses.lowerBound }
    }

    private mutating func read(_ section: ByteReader) throws(WasmError) {
        var reader = section
        while !reader.atEnd {
            var length = try reader.integer(4)
            // What marks the format that has offsets of 64 bits.
            let offsetSize = length == 0xFFFF_FFFF ? 8 : 4
            if offsetSize == 8 { length = try reader.integer(8) }
            let unit = try reader.part(length)
            try? read(unit: unit, offsetSize)
        }
    }

    /// What a unit's header says and its program needs.
    private struct Unit {
        var version: UInt64
        var minimumInstructionLength: UInt64
        var lineBase: Int64
        /// Not 0.
        var lineRange: UInt8
        /// The first special opcode; not 0.
        var opcodeBase: UInt8
        /// By opcode, of those below `opcodeBase`.
        var operandCounts: [UInt8]
        /// Where their names begin. 0 for the directory that the compiler ran in.
        var directories: [UInt32] = [0]
        /// The first of its files in `files`.
        var firstFile: Int

        func addressAdvance(special opcode: UInt8) -> UInt64 {
            UInt64((opcode - opcodeBase) / lineRange) &* minimumInstructionLength
        }

        func lineAdvance(special opcode: UInt8) -> UInt32 {
            UInt32(truncatingIfNeeded: lineBase + Int64((opcode - opcodeBase) % lineRange))
        }
    }

    private mutating func read(unit input: ByteReader, _ offsetSize: Int) throws(WasmError) {
        var reader = input
        let version = try reader.integer(2)
        guard (2...5).contains(version) else { throw reader.malformed("unknown version") }
        // Sizes of addresses and of segment selectors; where addresses are read their size is known.
        if version >= 5 { try reader.skip(2) }
        let headerLength = try reader.integer(offsetSize)
        var header = try reader.part(headerLength)

        let minimumInstructionLength = try header.integer(1)
        // Operations in an instruction: there is one in WebAssembly.
        if version >= 4 { try header.skip(1) }
        // Whether rows begin statements: all are taken.
        try header.skip(1)
        let lineBase = Int8(bitPattern: try header.byte())
        let lineRange = try header.byte()
        let opcodeBase = try header.byte()
        guard lineRange > 0, opcodeBase > 0 else { throw header.malformed("special opcodes without a meaning") }
        var operandCounts: [UInt8] = [0]
        for _ in 1..<opcodeBase { operandCounts.append(try header.byte()) }
        var unit = Unit(
            version: version, minimumInstructionLength: minimumInstructionLength, lineBase: Int64(lineBase),
            lineRange: lineRange, opcodeBase: opcodeBase, operandCounts: operandCounts, firstFile: files.count)

        if version >= 5 {
            let directories = try entries(&header, offsetSize)
            unit.directories += directories.dropFirst().map { $0.name }
            for file in try entries(&header, offsetSize) { try append(file, to: unit) }
        } else {
            while try header.peek() != 0 {
                guard unit.directories.count < maximumCount else { throw header.malformed("too many directories") }
                unit.directories.append(try header.string())
            }
            try header.skip(1)
            while try header.peek() != 0 { try append(try entry(&header), to: unit) }
        }
        // What the header's length leaves is the program.
        try run(reader, of: unit)
    }

    // MARK: Files

    private typealias Entry = (name: UInt32, directory: UInt64)

    private mutating func append(_ entry: Entry, to unit: Unit) throws(WasmError) {
        guard files.count < maximumCount else { throw WasmError(.malformed, at: 0, "too many files") }
        let isKnown = entry.directory < UInt64(unit.directories.count)
        files.append(File(name: entry.name, directory: isKnown ? unit.directories[Int(entry.directory)] : 0))
    }

    /// A file as versions before 5 describe it.
    private func entry(_ reader: inout ByteReader) throws(WasmError) -> Entry {
        let name = try reader.string()
        let directory = try reader.u64()
        // Time of modification, length.
        for _ in 0..<2 { _ = try reader.u64() }
        return (name, directory)
    }

    /// Directories or files as version 5 describes them: first of which parts, in which forms, an entry consists.
    private func entries(_ reader: inout ByteReader, _ offsetSize: Int) throws(WasmError) -> [Entry] {
        var parts: [(content: UInt64, form: UInt64)] = []
        for _ in 0..<(try reader.byte()) { parts.append((try reader.u64(), try reader.u64())) }
        let count = try reader.u64()
        // Every form takes a byte at least, so there are no more entries than bytes, unless they have no parts.
        guard count == 0 || !parts.isEmpty, count <= min(reader.remaining, maximumCount) else {
            throw reader.malformed("too many directories or files")
        }
        var entries: [Entry] = []
        for _ in 0..<count {
            var entry: Entry = (0, 0)
            for part in parts {
                switch (part.content, try value(&reader, part.form, offsetSize)) {
                case (1, .name(let name)): entry.name = name
                case (2, .number(let number)): entry.directory = number
                default: break
                }
            }
            entries.append(entry)
        }
        return entries
    }

    private enum Value {
        /// Where it begins in the binary; 0 if nowhere.
        case name(UInt32)
        case number(UInt64)
        case other
    }

    /// A value in one of the forms that line tables may use.
    private func value(
        _ reader: inout ByteReader, _ form: UInt64, _ offsetSize: Int
    ) throws(WasmError) -> Value {
        switch form {
        case 0x08: return .name(try reader.string())
        case 0x0E: return .name(Self.place(try reader.integer(offsetSize), in: strings))
        case 0x1F: return .name(Self.place(try reader.integer(offsetSize), in: lineStrings))
        case 0x0B: return .number(try reader.integer(1))
        case 0x05: return .number(try reader.integer(2))
        case 0x06: return .number(try reader.integer(4))
        case 0x07: return .number(try reader.integer(8))
        case 0x0F: return .number(try reader.u64())
        // 16 bytes, for checksums.
        case 0x1E: try reader.skip(16)
        // Blocks: a length and as many bytes.
        case 0x09: try reader.skip(block: try reader.u64())
        case 0x0A: try reader.skip(block: try reader.integer(1))
        case 0x03: try reader.skip(block: try reader.integer(2))
        case 0x04: try reader.skip(block: try reader.integer(4))
        default: throw reader.malformed("form of unknown size")
        }
        return .other
    }

    private static func place(_ offset: UInt64, in section: Range<Int>) -> UInt32 {
        offset < UInt64(section.count) ? UInt32(truncatingIfNeeded: section.lowerBound + Int(offset)) : 0
    }

    // MARK: Programs

    /// What the next row will say.
    private struct Registers {
        var address: UInt64 = 0
        var file: UInt64 = 1
        var line: UInt32 = 1
        var column: UInt64 = 0
    }

    /// A sequence that has not ended yet.
    private struct OpenSequence {
        var firstRow: Int
        /// Whether its rows are in the code, in order, and few enough.
        var isUsable = true
    }

    private mutating func run(_ program: ByteReader, of unit: Unit) throws(WasmError) {
        var reader = program
        var registers = Registers()
        var sequence = OpenSequence(firstRow: rows.count)
        // Rows without an end say nothing.
        defer { rows.removeSubrange(sequence.firstRow...) }
        while !reader.atEnd {
            let opcode = try reader.byte()
            if opcode >= unit.opcodeBase {
                registers.address &+= unit.addressAdvance(special: opcode)
                registers.line &+= unit.lineAdvance(special: opcode)
                append(registers, to: &sequence, in: unit)
                continue
            }
            switch opcode {
            case 0:
                let size = try reader.u64()
                var operands = try reader.part(size)
                switch try operands.byte() {
                case 1:
                    end(&sequence, at: registers.address)
                    registers = Registers()
                case 2: registers.address = try operands.integer(min(8, operands.remaining))
                case 3: try append(try entry(&operands), to: unit)
                // What is unknown, and discriminators.
                default: break
                }
            case 1: append(registers, to: &sequence, in: unit)
            case 2: registers.address &+= try reader.u64() &* unit.minimumInstructionLength
            case 3: registers.line &+= UInt32(truncatingIfNeeded: try reader.s64())
            case 4: registers.file = try reader.u64()
            case 5: registers.column = try reader.u64()
            case 8: registers.address &+= unit.addressAdvance(special: 255)
            case 9: registers.address &+= try reader.integer(2)
            // What is unknown, and marks of statements, blocks, prologues and epilogues.
            default: for _ in 0..<unit.operandCounts[Int(opcode)] { _ = try reader.u64() }
            }
        }
    }

    private mutating func append(_ registers: Registers, to sequence: inout OpenSequence, in unit: Unit) {
        let last = rows.count > sequence.firstRow ? rows[rows.count - 1] : nil
        // Of functions that the linker left out, the first row is already at 0 or beyond the code.
        guard sequence.isUsable, rows.count < maximumCount,
            registers.address > 0, registers.address < code.count, registers.address >= last?.address ?? 0
        else {
            sequence.isUsable = false
            return
        }
        // Files count from 1 in versions before 5. What wraps is no file.
        let number = registers.file &- (unit.version < 5 ? 1 : 0)
        let isFile = number < UInt64(files.count - unit.firstFile)
        let row = Row(
            address: UInt32(registers.address), file: isFile ? UInt32(unit.firstFile + Int(number)) : .max,
            line: registers.line, column: UInt32(clamping: registers.column))
        if let last, (last.file, last.line, last.column) == (row.file, row.line, row.column) { return }
        if last?.address == row.address { rows.removeLast() }
        rows.append(row)
    }

    private mutating func end(_ sequence: inout OpenSequence, at address: UInt64) {
        let range = sequence.firstRow..<rows.count
        if sequence.isUsable, !range.isEmpty, address > rows[range.lowerBound].address,
            address >= rows[range.upperBound - 1].address, address <= code.count
        {
            sequences.append(Sequence(addresses: rows[range.lowerBound].address..<UInt32(address), rows: range))
        } else {
            rows.removeSubrange(range)
        }
        sequence = OpenSequence(firstRow: rows.count)
    }
}

extension ByteReader {
    /// An integer of at most 8 bytes, the lowest first.
    fileprivate mutating func integer(_ size: Int) throws(WasmError) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<size { value |= UInt64(try byte()) << UInt64(8 * index) }
        return value
    }

    /// The next bytes, to be read apart.
    fileprivate mutating func part(_ size: UInt64) throws(WasmError) -> ByteReader {
        guard size <= remaining else { throw unexpectedEnd() }
        let start = offset
        try skip(Int(size))
        return ByteReader(base: base, range: start..<offset)
    }

    fileprivate mutating func skip(block size: UInt64) throws(WasmError) { _ = try part(size) }

    /// Where the string at the cursor begins in the binary. Behind its end is a zero, and the cursor goes behind that.
    fileprivate mutating func string() throws(WasmError) -> UInt32 {
        let start = offset
        while try byte() != 0 {}
        return UInt32(truncatingIfNeeded: start)
    }
}
