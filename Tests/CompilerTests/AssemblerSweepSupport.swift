//! What sweeps share: instructions in a row, what a disassembler calls them, and the operands to go through.

import Foundation
import Testing

@testable import Compiler

/// `objdump`, of machines that have it.
enum Disassembly {
    private static let objdump = "/usr/bin/objdump"

    static var isAvailable: Bool { FileManager.default.isExecutableFile(atPath: objdump) }

    /// What objdump calls each instruction, by offset; blanks made single.
    static func lines(of code: Data) throws -> [UInt32: String] {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("assembler-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("code.bin")
        try code.write(to: file)

        let process = Process()
        process.executableURL = URL(fileURLWithPath: objdump)
        process.arguments = [
            "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "-w", "-z", "--no-show-raw-insn", file.path,
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)

        var result: [UInt32: String] = [:]
        for line in output.split(separator: "\n") {
            let fields = line.split(separator: "\t", maxSplits: 1)
            guard fields.count == 2, let colon = fields[0].lastIndex(of: ":"),
                let offset = UInt32(fields[0][..<colon].drop(while: { $0 == " " }), radix: 16)
            else { continue }
            result[offset] = fields[1].split(separator: " ").joined(separator: " ")
        }
        return result
    }
}

extension Assembler {
    fileprivate func hexBytes(_ range: Range<UInt32>) -> String {
        withBytes { code in
            code[Int(range.lowerBound)..<Int(range.upperBound)].map { String($0, radix: 16) }.joined(separator: " ")
        }
    }
}

/// Instructions in a row, and what they should be called.
struct AssemblerSweep: ~Copyable {
    var assembler: Assembler
    private var expected: [(position: UInt32, text: String)] = []

    init(usesVEX: Bool = true) { assembler = Assembler(usesVEX: usesVEX) }

    /// A call of the assembler that writes one instruction, or several, separated by semicolons.
    mutating func add(_ text: String, _ body: (inout Assembler) -> Void) {
        expected.append((assembler.position, text))
        body(&assembler)
    }

    /// Disassembles and compares.
    func check() throws {
        let lines = try Disassembly.lines(of: assembler.withBytes { Data($0) })
        let positions = lines.keys.sorted()
        var line = 0
        var reported = 0
        for (index, row) in expected.enumerated() where reported < 20 {
            let next = index + 1 < expected.count ? expected[index + 1].position : assembler.position
            var found: [String] = []
            let isWhole = line < positions.count && positions[line] == row.position
            while line < positions.count, positions[line] < next {
                found.append(lines[positions[line]] ?? "")
                line += 1
            }
            if found.joined(separator: "; ") != row.text || !isWhole {
                let bytes = assembler.hexBytes(row.position..<next)
                Issue.record("\(row.text) came out as \(found.joined(separator: "; ")): \(bytes)")
                reported += 1
            }
        }
    }
}

protocol AssemblerSweeps {}

extension AssemblerSweeps {
    // MARK: Names

    func name(_ w: Width, _ r: UInt8) -> String { sweepNames[Int(w.rawValue)][Int(r)] }
    func xmm(_ r: UInt8) -> String { "xmm\(r)" }

    func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

    /// As objdump shows an immediate that was extended to the operand's width.
    func immediate(_ w: Width, _ value: Int32) -> String {
        let bits = UInt64(bitPattern: Int64(value))
        return hex(w == .w64 ? bits : bits & ((1 << UInt64(8 * w.bytes)) - 1))
    }

    func text(_ w: Width, _ memory: Memory) -> String {
        ["BYTE", "WORD", "DWORD", "QWORD"][Int(w.rawValue)] + " PTR " + address(memory)
    }

    func address(_ memory: Memory) -> String {
        var parts: [String] = []
        if memory.base != Memory.none { parts.append(name(.w64, memory.base)) }
        if memory.index != Memory.none { parts.append("\(name(.w64, memory.index))*\(1 << memory.scale)") }
        var result = parts.joined(separator: "+")
        // A displacement is shown if it is encoded, which these need even when it is zero.
        let isEncoded = memory.displacement != 0 || memory.base == Memory.none || memory.base & 7 == 5
        if isEncoded { result += (memory.displacement < 0 ? "-" : "+") + hex(UInt64(memory.displacement.magnitude)) }
        return "[\(result)]"
    }

    // MARK: What to go through

    var registers: ClosedRange<UInt8> { 0...15 }
    var wide: [Width] { [.w32, .w64] }
    var all: [Width] { [.w8, .w16, .w32, .w64] }
    var notByte: [Width] { [.w16, .w32, .w64] }

    /// Every base and every index with every kind of displacement.
    var memories: [Memory] {
        var result: [Memory] = []
        for displacement: Int32 in [0, 1, -1, 127, 128, -128, -129, .max, .min] {
            for register: UInt8 in 0...15 {
                result.append(.base(register, displacement))
                if register != 4 {
                    result.append(.indexed(register ^ 9, register, scale: register & 3, displacement))
                    result.append(.indexed(register, register, scale: 3, displacement))
                    result.append(.scaled(index: register, scale: register >> 2, disp: displacement))
                }
            }
        }
        return result
    }

    /// A few that differ in all bits that matter to prefixes.
    var fewMemories: [Memory] {
        [
            .base(0), .base(4, 8), .base(13), .base(12, -200), .indexed(5, 1, scale: 1), .indexed(0, 12, scale: 3, 5),
            .indexed(9, 15, 1000), .scaled(index: 8, scale: 2, disp: 64),
        ]
    }
}

/// Names of integer registers, by width.
private let sweepNames: [[String]] = {
    let low = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"]
    let high = (8..<16).map { "r\($0)" }
    return [
        ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"] + high.map { $0 + "b" },
        low + high.map { $0 + "w" },
        low.map { "e" + $0 } + high.map { $0 + "d" },
        low.map { "r" + $0 } + high,
    ]
}()
