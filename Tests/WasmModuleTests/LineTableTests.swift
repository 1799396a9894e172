//! Line programs written by hand: each version, form and instruction of `.debug_line`, and what hostile ones come to.

import TestSupport
import Testing

@testable import WasmModule

/// A unit of `.debug_line`. The defaults are what clang writes, with one file, "a.c".
struct LineUnit {
    var version: UInt16 = 4
    var is64Bit = false
    var minimumInstructionLength: UInt8 = 1
    var lineBase: Int8 = -5
    var lineRange: UInt8 = 14
    /// The numbers of operands, from opcode 1 on.
    var operandCounts: [UInt8] = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]
    /// Added to the length of the header and to that of the unit.
    var headerExcess = 0
    var unitExcess = 0
    /// Directories and files. By default one file, "a.c", which is file 1 in all versions.
    var tables: [UInt8]?
    var program: [UInt8]

    init(version: UInt16 = 4, _ program: [[UInt8]]) {
        self.version = version
        self.program = program.flatMap { $0 }
    }

    private var defaultTables: [UInt8] {
        if version < 5 { return Self.tables(directories: [], files: [("a.c", 0)]) }
        return joined([1, 1, 8, 1], Array("/build\0".utf8), [2, 1, 8, 2, 0x0B, 2], Array("a.c\0\0a.c\0\0".utf8))
    }

    /// Directories and files of versions before 5.
    static func tables(directories: [String], files: [(name: String, directory: UInt8)]) -> [UInt8] {
        var bytes: [UInt8] = []
        for directory in directories { bytes += joined(Array(directory.utf8), [0]) }
        bytes.append(0)
        for file in files { bytes += joined(Array(file.name.utf8), [0, file.directory, 0, 0]) }
        return joined(bytes, [0])
    }

    var bytes: [UInt8] {
        var header = [minimumInstructionLength]
        if version >= 4 { header.append(1) }
        header += [1, UInt8(bitPattern: lineBase), lineRange, UInt8(truncatingIfNeeded: operandCounts.count + 1)]
        header += operandCounts
        header += tables ?? defaultTables
        var content = littleEndian(UInt64(version), 2)
        if version >= 5 { content += [4, 0] }
        content += littleEndian(UInt64(header.count + headerExcess), is64Bit ? 8 : 4)
        content += joined(header, program)
        let length = UInt64(content.count + unitExcess)
        if is64Bit { return joined(littleEndian(0xFFFF_FFFF, 4), littleEndian(length, 8), content) }
        return joined(littleEndian(length, 4), content)
    }
}

private func littleEndian(_ value: UInt64, _ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
}

private func joined(_ parts: [UInt8]...) -> [UInt8] { parts.flatMap { $0 } }

// MARK: Instructions

private let copy: [UInt8] = [1]
private func advance(by distance: UInt64) -> [UInt8] { joined([2], LEB128.unsigned(distance)) }
private func line(by distance: Int64) -> [UInt8] { joined([3], LEB128.signed(distance)) }
private func file(_ number: UInt64) -> [UInt8] { joined([4], LEB128.unsigned(number)) }
private func column(_ number: UInt64) -> [UInt8] { joined([5], LEB128.unsigned(number)) }
private func extended(_ opcode: UInt8, _ operands: [UInt8] = []) -> [UInt8] {
    joined([0], LEB128.unsigned(UInt64(1 + operands.count)), [opcode], operands)
}
private func address(_ address: UInt64, size: Int = 4) -> [UInt8] { extended(2, littleEndian(address, size)) }
private let end = extended(1)

/// A sequence of one row, `line` at `start`, and 4 bytes of code.
private func sequence(at start: UInt64, line number: Int64) -> [UInt8] {
    joined(address(start), line(by: number - 1), copy, advance(by: 4), end)
}

/// The lines of a module with 200 bytes of code, by address.
private struct Lines {
    let module: DecodedModule
    let table: LineTable

    init(_ units: [LineUnit], strings: [UInt8]? = nil, lineStrings: [UInt8]? = nil) throws {
        try self.init(bytes: units.flatMap(\.bytes), strings: strings, lineStrings: lineStrings)
    }

    init(
        bytes: [UInt8], strings: [UInt8]? = nil, lineStrings: [UInt8]? = nil,
        maximumCount: Int = LineTable.maximumCount
    ) throws {
        var builder = WasmBuilder()
        builder.function { code in
            for _ in 0..<195 { code.raw(1) }
        }
        if let lineStrings { builder.customSection(".debug_line_str", lineStrings) }
        builder.customSection(".debug_line", bytes)
        if let strings { builder.customSection(".debug_str", strings) }
        module = try DecodedModule(decoding: builder.build())
        table = LineTable(of: module, maximumCount: maximumCount)
        #expect(module.codeSection.count == 200)
    }

    func position(_ address: Int) -> LineTable.Position? {
        table.position(at: module.codeSection.lowerBound + address)
    }

    subscript(addresses: Int...) -> [Int?] { addresses.map { position($0)?.line } }
    /// The lines of all addresses, without repetition.
    var all: [Int?] {
        var lines: [Int?] = []
        for address in 0..<200 where lines.last != position(address)?.line { lines.append(position(address)?.line) }
        return lines
    }
}

@Suite("Line tables") struct LineTableTests {
    // MARK: Versions and instructions

    @Test("every version, in both formats", arguments: [2, 3, 4, 5] as [UInt16], [false, true])
    func versions(version: UInt16, is64Bit: Bool) throws {
        var unit = LineUnit(
            version: version,
            [
                address(10, size: is64Bit ? 8 : 4), line(by: 6), column(3), copy, advance(by: 5), line(by: 1), copy,
                advance(by: 5), end,
            ])
        unit.is64Bit = is64Bit
        let lines = try Lines([unit])
        #expect(lines.position(10) == .init(file: "a.c", line: 7, column: 3))
        #expect(lines[9, 10, 14, 15, 19, 20] == [nil, 7, 7, 8, 8, nil])
    }

    @Test("addresses count from the start of the code section's contents")
    func addressesAreOffsets() throws {
        let lines = try Lines([LineUnit([sequence(at: 1, line: 5)])])
        let start = lines.module.codeSection.lowerBound
        #expect(lines.module.bytes[(start - 3)..<start] == [10, 0xC8, 1], "id and size")
        #expect(lines.table.position(at: start + 1)?.line == 5)
        for offset in [start, start + 5, 0, -1, .min, .max] { #expect(lines.table.position(at: offset) == nil) }
    }

    @Test("what the standard instructions do")
    func standardInstructions() throws {
        let marks: [UInt8] = [6, 7, 10, 11, 12, 3]
        let lines = try Lines([
            LineUnit([
                address(10), line(by: 9), marks, copy,  // 10: line 10
                line(by: -4), column(8), advance(by: 10), copy,  // 20: line 6
                // As far as special opcode 255 goes, ((255 - 13) / 14) bytes.
                line(by: 1), [8], copy,  // 37: line 7
                line(by: 1), [9, 13, 0], copy,  // 50: line 8
                advance(by: 1), end,
                // The registers are as at first.
                address(60), copy, advance(by: 1), end,
            ])
        ])
        #expect(lines[10, 19, 20, 36, 37, 49, 50, 51] == [10, 10, 6, 6, 7, 7, 8, nil])
        #expect(lines.position(20)?.column == 8)
        #expect(lines.position(60) == .init(file: "a.c", line: 1, column: nil))
    }

    @Test("special instructions advance address and line at once")
    func specialInstructions() throws {
        func opcode(_ address: Int, _ line: Int) -> UInt8 { UInt8(13 + (line + 5) + 14 * address) }
        let special = [opcode(3, 2), opcode(17, -5)]
        var unit = LineUnit([address(10), line(by: 9), special, advance(by: 1), end])
        #expect(try Lines([unit])[12, 13, 29, 30, 31] == [nil, 12, 12, 7, nil])
        unit.minimumInstructionLength = 4
        unit.program = [
            address(10), line(by: 9), [opcode(1, 0)], copy, advance(by: 2), line(by: 1), [9, 1, 0], copy,
            advance(by: 1), end,
        ].flatMap { $0 }
        #expect(try Lines([unit])[13, 14, 22, 23, 26, 27] == [nil, 10, 10, 11, 11, nil])
    }

    @Test("fewer standard instructions leave more special ones, more are skipped by their operands")
    func opcodeBases() throws {
        var few = LineUnit([address(10), [37], advance(by: 1), end])
        few.operandCounts = [0, 1, 1]
        #expect(try Lines([few])[11, 12, 13] == [nil, 1, nil])
        var none = LineUnit([address(10), [34, 20], end])
        none.operandCounts = []
        #expect(try Lines([none])[11, 12, 13] == [nil, 1, nil])
        var many = LineUnit([address(10), [13, 0x80, 1, 0xFF, 0x7F, 14], copy, advance(by: 1), end])
        many.operandCounts += [2, 0]
        #expect(try Lines([many])[9, 10, 11] == [nil, 1, nil])
    }

    @Test("extended instructions that are unknown are skipped by their length")
    func extendedInstructions() throws {
        let lines = try Lines([
            LineUnit([
                address(10), extended(4, [7]), extended(0x80, [1, 2, 3]), copy, advance(by: 5),
                extended(3, Array("b.c".utf8) + [0, 0, 0, 0]), file(2), line(by: 1), copy, advance(by: 5), end,
            ])
        ])
        #expect(lines.position(14)?.file == "a.c")
        #expect(lines.position(15) == .init(file: "b.c", line: 2), "a file that the program defines")
    }

    @Test("of rows at one address the last counts, and rows that say nothing new are not kept")
    func repeatedRows() throws {
        let lines = try Lines([
            LineUnit([address(10), copy, line(by: 1), copy, advance(by: 1), copy, advance(by: 1), copy, end])
        ])
        #expect(lines[10, 11, 12] == [2, 2, nil])
        #expect(lines.table.rows.count == 1)
    }

    @Test("no line and no column are nil")
    func unknownPlaces() throws {
        let lines = try Lines([LineUnit([address(10), line(by: -1), column(9), copy, advance(by: 1), end])])
        #expect(lines.position(10) == .init(file: "a.c", line: nil, column: 9))
        let numbers = try Lines([LineUnit([address(10), line(by: -2), column(.max), copy, advance(by: 1), end])])
        #expect(numbers.position(10) == .init(file: "a.c", line: 0xFFFF_FFFF, column: 0xFFFF_FFFF))
    }

    // MARK: Units and sequences

    @Test("units and sequences in any order")
    func order() throws {
        let lines = try Lines([
            LineUnit([sequence(at: 100, line: 3), sequence(at: 20, line: 1)]),
            LineUnit(version: 5, [sequence(at: 60, line: 2), sequence(at: 104, line: 4)]),
        ])
        #expect(lines.all == [nil, 1, nil, 2, nil, 3, 4, nil])
        #expect(lines[103, 104] == [3, 4])
    }

    @Test("functions that the linker left out have no lines")
    func tombstones() throws {
        let dead: [UInt64] = [0, 0xFFFF_FFFF, 0xFFFF_FFFE, 200, 198, 1 << 33, .max, .max - 1]
        let programs = dead.map { joined(address($0, size: 8), line(by: 100), copy, advance(by: 4), end) }
        #expect(try Lines([LineUnit(programs + [sequence(at: 196, line: 2)] + programs)]).all == [nil, 2])
    }

    @Test("a sequence whose addresses go back, or which does not end, is none")
    func unusableSequences() throws {
        let back = joined(address(50), copy, address(49), line(by: 1), copy, advance(by: 9), end)
        let empty = joined(address(50), advance(by: 9), end)
        let noCode = joined(address(50), copy, end)
        let wrapping = joined(address(50), copy, advance(by: .max), end)
        let open = joined(address(50), copy, advance(by: 9))
        let unit = LineUnit([back, empty, noCode, wrapping, sequence(at: 10, line: 2), open])
        #expect(try Lines([unit, LineUnit([sequence(at: 20, line: 3)])]).all == [nil, 2, nil, 3, nil])
    }

    // MARK: Files

    @Test("a file's name follows its directory's, but not that of the compiler")
    func paths() throws {
        let files: [(String, UInt8)] = [("a.c", 0), ("b.h", 1), ("c.h", 2), ("/d.h", 2), ("e.h", 3), ("f.h", 9)]
        let expected = ["a.c", "lib/b.h", "/usr/c.h", "/d.h", "../e.h", "f.h"]
        for (number, path) in expected.enumerated() {
            var unit = LineUnit([file(UInt64(number + 1)), sequence(at: 10, line: 1)])
            unit.tables = LineUnit.tables(directories: ["lib", "/usr", "../"], files: files)
            #expect(try Lines([unit]).position(10)?.file == path)
        }
        for number in [0, 7, 8, .max] as [UInt64] {
            var unit = LineUnit([file(number), sequence(at: 10, line: 1)])
            unit.tables = LineUnit.tables(directories: ["lib", "/usr", "../"], files: files)
            #expect(try Lines([unit]).position(10) == nil)
        }
    }

    @Test("version 5: names in three sections, parts in any form")
    func entryFormats() throws {
        // Directories: names of .debug_line_str. Files: what is skipped, in each form, around names of .debug_str.
        var tables = joined([1, 1, 0x1F, 2], littleEndian(0, 4), littleEndian(7, 4))
        let parts: [(content: UInt8, form: UInt8, value: [UInt8])] = [
            (5, 0x1E, Array(repeating: 9, count: 16)), (1, 0x0E, littleEndian(2, 4)), (3, 0x09, [2, 9, 9]),
            (3, 0x0A, [1, 9]), (4, 0x03, [1, 0, 9]), (4, 0x04, [1, 0, 0, 0, 9]), (3, 0x06, [9, 9, 9, 9]),
            (3, 0x07, [9, 9, 9, 9, 9, 9, 9, 9]), (4, 0x0F, [0x80, 1]), (6, 0x08, Array("x\0".utf8)), (2, 0x05, [1, 0]),
        ]
        tables.append(UInt8(parts.count))
        for part in parts { tables += [part.content, part.form] }
        tables.append(1)
        for part in parts { tables += part.value }
        var unit = LineUnit(version: 5, [file(0), sequence(at: 10, line: 1)])
        unit.tables = tables
        let strings = Array("x\0file.c\0".utf8)
        let lines = try Lines([unit], strings: strings, lineStrings: Array("/build\0include\0".utf8))
        #expect(lines.position(10)?.file == "include/file.c")
        #expect(try Lines([unit], strings: strings).position(10)?.file == "file.c", "the directory has no name")
        #expect(try Lines([unit]).position(10) == nil, "the file has no name")
    }

    @Test("names that are not UTF-8 are mended, long and endless ones are none")
    func strangeNames() throws {
        var unit = LineUnit(version: 5, [file(0), sequence(at: 10, line: 1)])
        unit.tables = [0, 0, 1, 1, 0x1F, 1, 0, 0, 0, 0]
        func name(_ strings: [UInt8]) throws -> String? { try Lines([unit], lineStrings: strings).position(10)?.file }
        #expect(try name([0x61, 0xFF, 0x62, 0]) == "a\u{FFFD}b")
        #expect(try name([0x61, 0x62]) == nil)
        #expect(try name([0]) == nil)
        #expect(try name([]) == nil)
        #expect(try name(Array(repeating: 0x61, count: 4096) + [0])?.utf8.count == 4096)
        #expect(try name(Array(repeating: 0x61, count: 4097) + [0]) == nil)
    }

    // MARK: Hostile sections

    @Test("what is wrong with a unit concerns no other", arguments: hostileUnits.keys.sorted())
    func hostileUnit(what: String) throws {
        let unit = try #require(Self.hostileUnits[what])
        let lines = try Lines([
            LineUnit([sequence(at: 10, line: 1)]), unit, LineUnit([sequence(at: 30, line: 3)]),
        ])
        #expect(lines.all == [nil, 1, nil, 3, nil])
    }

    /// Each would have line 2.
    static let hostileUnits: [String: LineUnit] = {
        func unit(
            version: UInt16 = 4, _ program: [UInt8] = [], _ change: (inout LineUnit) -> Void = { _ in }
        ) -> LineUnit {
            var unit = LineUnit(version: version, [program, sequence(at: 20, line: 2)])
            change(&unit)
            return unit
        }
        let huge: [UInt8] = LEB128.unsigned(.max)
        return [
            "line range 0": unit { $0.lineRange = 0 },
            "opcode base 0": unit { $0.operandCounts = Array(repeating: 0, count: 255) },
            "version 1": unit(version: 1),
            "version 6": unit(version: 6),
            "header beyond the unit": unit { $0.headerExcess = 1000 },
            "header of nearly 4 GiB": unit { $0.headerExcess = 0xFFFF_0000 },
            "header of nearly 2^63 bytes": unit {
                $0.is64Bit = true
                $0.headerExcess = .max - 1000
            },
            "header that ends in its tables": unit { $0.headerExcess = -2 },
            "header that ends before its tables": unit { $0.headerExcess = -20 },
            "directories without parts": unit(version: 5) { $0.tables = joined([0], huge, [0], huge) },
            "more directories than bytes": unit(version: 5) { $0.tables = joined([1, 1, 8], huge) },
            "more files than bytes": unit(version: 5) { $0.tables = joined([0, 0, 1, 1, 8], huge) },
            "255 parts, none there": unit(version: 5) { $0.tables = [255] },
            "a part in an unknown form": unit(version: 5) { $0.tables = [1, 1, 0x19, 1, 0] },
            "a block longer than the unit": unit(version: 5) { $0.tables = joined([1, 1, 9, 1], huge) },
            "a block of nearly 4 GiB": unit(version: 5) { $0.tables = [1, 1, 4, 1, 0xFF, 0xFF, 0xFF, 0xFF] },
            "an extended instruction of no bytes": unit([0, 0]),
            "an extended instruction of 2^64 - 1 bytes": unit(joined([0], huge)),
            "a number without end": unit(joined([2], Array(repeating: 0x80, count: 1000))),
            "a number above 2^64": unit(joined([2], Array(repeating: 0xFF, count: 9), [0x7F])),
        ]
    }()

    @Test("a unit longer than the section ends it")
    func longUnits() throws {
        let first = LineUnit([sequence(at: 10, line: 1)]).bytes
        for excess in [1, 1000, 0xFFFF_0000] {
            var unit = LineUnit([sequence(at: 20, line: 2)])
            unit.unitExcess = excess
            #expect(try Lines(bytes: first + unit.bytes).all == [nil, 1, nil])
            unit.is64Bit = true
            unit.unitExcess = .max - 1000
            #expect(try Lines(bytes: first + unit.bytes).all == [nil, 1, nil])
        }
        // Of no bytes: padding.
        #expect(try Lines(bytes: [0, 0, 0, 0] + first).all == [nil, 1, nil])
    }

    @Test("rows, files and directories beyond a limit are left out")
    func limits() throws {
        var rows = address(20)
        for _ in 0..<10 { rows += joined(line(by: 1), advance(by: 1), copy) }
        rows += joined(advance(by: 1), end)
        let unit = LineUnit([sequence(at: 10, line: 1), rows, sequence(at: 40, line: 3)])
        #expect(try Lines(bytes: unit.bytes, maximumCount: 12).table.rows.count == 12)
        let lines = try Lines(bytes: unit.bytes, maximumCount: 10)
        #expect(lines.table.rows.count == 2 && lines.all == [nil, 1, nil, 3, nil])
        for version in [4, 5] as [UInt16] {
            var many = LineUnit(version: version, [sequence(at: 60, line: 4)])
            let files = (0..<11).map { _ in ("f", UInt8(0)) }
            many.tables = LineUnit.tables(directories: [], files: files)
            if version == 5 {
                many.tables = joined([0, 0, 1, 1, 8, 11], Array(String(repeating: "f\0", count: 11).utf8))
            }
            #expect(try Lines(bytes: many.bytes + unit.bytes, maximumCount: 10).position(60) == nil)
            #expect(try Lines(bytes: many.bytes, maximumCount: 11).position(60) != nil)
        }
    }

    @Test("a name that many files share is kept once")
    func sharedNames() throws {
        var unit = LineUnit(version: 5, [file(70_000), sequence(at: 10, line: 1)])
        let count = 100_000
        unit.tables = joined(
            [0, 0, 1, 1, 0x1F], LEB128.unsigned(UInt64(count)), Array(repeating: 0, count: 4 * count))
        let lines = try Lines([unit], lineStrings: Array(repeating: 0x61, count: 4000) + [0])
        #expect(lines.table.files.count == count)
        #expect(lines.position(10)?.file.utf8.count == 4000)
    }

    @Test("no section, no lines")
    func noSection() throws {
        var builder = WasmBuilder()
        builder.function { _ in }
        let module = try DecodedModule(decoding: builder.build())
        #expect(LineTable(of: module).position(at: module.codeSection.lowerBound + 2) == nil)
        let empty = try DecodedModule(decoding: WasmBuilder.header)
        #expect(LineTable(of: empty).position(at: 8) == nil)
        var lines = WasmBuilder()
        lines.customSection(".debug_line", LineUnit([sequence(at: 10, line: 1)]).bytes)
        #expect(LineTable(of: try DecodedModule(decoding: lines.build())).sequences.isEmpty, "no code")
    }

    // MARK: Damage

    /// Deterministic, as in `MutationTests`, and repeated by the same variables.
    @Test("damaged sections never crash, and the table stays in proportion to them")
    func damage() throws {
        let (seed, mutants) = (MutationTests.seed, MutationTests.mutants)
        print("line tables: seed \(seed), \(mutants) mutants from \(MutationTests.first)")
        let tables = joined(
            [1, 1, 0x1F, 2], littleEndian(0, 4), littleEndian(7, 4),  // Directories, then files:
            [3, 1, 0x0E, 2, 0x0B, 5, 0x1E, 1], littleEndian(0, 4), [1], Array(repeating: 9, count: 16))
        var five = LineUnit(version: 5, [file(0), sequence(at: 10, line: 7), sequence(at: 70, line: 9)])
        five.tables = tables
        var wide = LineUnit(version: 3, [sequence(at: 30, line: 70), extended(4, [1]), [8, 9, 1, 0, 100, 200], end])
        wide.is64Bit = true
        let original = [five, LineUnit(version: 4, [sequence(at: 50, line: 3), [200], end]), wide].flatMap(\.bytes)
        let telling: [UInt8] = [0, 1, 2, 3, 4, 8, 0x0E, 0x1F, 0x7F, 0x80, 0xFF]
        var found = 0
        for index in MutationTests.first..<(MutationTests.first + mutants) {
            if index % 10_000 == 0 { print("line tables: seed \(seed), next mutant \(index)") }
            var random = SeededGenerator.forCase(index, seed: seed)
            var sections = [original, Array("/build\0include\0".utf8), Array("file.c\0".utf8)]
            for _ in 0...random.below(4) {
                let section = random.oneIn(8) ? 1 + random.below(2) : 0
                guard !sections[section].isEmpty else { continue }
                let position = random.below(sections[section].count)
                switch random.below(6) {
                case 0: sections[section][position] ^= 1 << UInt8(random.below(8))
                case 1: sections[section][position] = UInt8(truncatingIfNeeded: random.next())
                case 2: sections[section][position] = random.pick(telling)
                case 3: sections[section].removeSubrange(position...)
                case 4: sections[section].insert(random.pick(telling), at: position)
                default:
                    for place in position..<min(sections[section].count, position + 10) {
                        sections[section][place] = 0xFF
                    }
                }
            }
            let lines = try Lines(bytes: sections[0], strings: sections[2], lineStrings: sections[1])
            let kept = lines.table.rows.count + lines.table.files.count + lines.table.sequences.count
            if kept > sections[0].count { Issue.record("mutant \(index): \(kept) entries") }
            for address in stride(from: 0, to: 200, by: 10) where lines.position(address) != nil { found += 1 }
        }
        #expect(found > mutants / 2, "most damage leaves something to be found")
    }

    @Test("cut off anywhere")
    func truncation() throws {
        let units = [LineUnit([sequence(at: 10, line: 1)]), LineUnit(version: 5, [sequence(at: 30, line: 2)])]
        let bytes = units.flatMap(\.bytes)
        for length in 0..<bytes.count {
            let lines = try Lines(bytes: Array(bytes[..<length]))
            #expect(lines.all == (length < units[0].bytes.count ? [nil] : [nil, 1, nil]), "\(length) bytes")
        }
    }
}
