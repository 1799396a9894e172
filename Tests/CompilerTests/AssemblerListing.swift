//! Tables of encodings as text, for families of instructions of one shape.
//!
//! Each line: what a disassembler says, two blanks or more, the bytes of the GNU assembler. The call follows from the
//! text: the mnemonic names the case of the family, and the operands are the arguments.

import Testing

@testable import Compiler

/// One line.
struct ListingRow {
    var text: String
    var bytes: String
    /// The mnemonic without the leading `v`.
    var name: String
    /// The register operands in order.
    var registers: [UInt8] = []
    var memory: Memory?
    var immediate: UInt8?

    init(_ line: some StringProtocol) throws {
        let gap = try #require(line.firstRange(of: "  "), "\(line)")
        text = String(line[..<gap.lowerBound])
        bytes = String(line[gap.lowerBound...].drop { $0 == " " })
        let blank = try #require(text.firstIndex(of: " "), "\(line)")
        try #require(text.hasPrefix("v"), "\(line)")
        name = String(text[..<blank].dropFirst())
        for operand in text[text.index(after: blank)...].split(separator: ",") {
            if operand.hasPrefix("xmm") {
                registers.append(try #require(UInt8(operand.dropFirst(3)), "\(line)"))
            } else if operand.hasPrefix("0x") {
                let value: UInt8 = try #require(UInt8(operand.dropFirst(2), radix: 16), "\(line)")
                immediate = value
            } else {
                memory = try Self.memory(operand)
            }
        }
    }

    private static let names = [
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
    ]

    /// `SIZE PTR [base+index*scale±displacement]`, of which only the base must be there.
    private static func memory(_ operand: Substring) throws -> Memory {
        let open = try #require(operand.firstIndex(of: "["), "\(operand)")
        var base: UInt8?
        var index: (register: UInt8, scale: UInt8)?
        var displacement: Int32 = 0
        let inside = operand[operand.index(after: open)...].dropLast()
        for term in inside.replacing("-", with: "+-").split(separator: "+") {
            if let digits = term.firstRange(of: "0x") {
                let magnitude = try #require(Int32(term[digits.upperBound...], radix: 16), "\(operand)")
                displacement = term.hasPrefix("-") ? -magnitude : magnitude
                continue
            }
            let parts = term.split(separator: "*")
            let register = UInt8(try #require(names.firstIndex(of: String(parts[0])), "\(operand)"))
            if parts.count == 2 {
                let factor = try #require(UInt8(parts[1]), "\(operand)")
                index = (register, UInt8(factor.trailingZeroBitCount))
            } else {
                base = register
            }
        }
        let known = try #require(base, "\(operand)")
        guard let index else { return .base(known, displacement) }
        return .indexed(known, index.register, scale: index.scale, displacement)
    }
}

func rows(of listings: String...) throws -> [ListingRow] {
    try listings.flatMap { try $0.split(separator: "\n").map { try ListingRow($0) } }
}

extension CaseIterable {
    /// The case of this name.
    static func named(_ name: String) throws -> Self {
        try #require(allCases.first { String(describing: $0) == name }, "\(name)")
    }
}
