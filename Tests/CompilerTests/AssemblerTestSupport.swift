//! What the tables of encodings are written with: register names and the check of one row.

import Testing

@testable import Compiler

protocol AssemblerTable {}

extension AssemblerTable {
    var rax: UInt8 { 0 }
    var rcx: UInt8 { 1 }
    var rdx: UInt8 { 2 }
    var rbx: UInt8 { 3 }
    var rsp: UInt8 { 4 }
    var rbp: UInt8 { 5 }
    var rsi: UInt8 { 6 }
    var rdi: UInt8 { 7 }
    var r8: UInt8 { 8 }
    var r9: UInt8 { 9 }
    var r10: UInt8 { 10 }
    var r11: UInt8 { 11 }
    var r12: UInt8 { 12 }
    var r13: UInt8 { 13 }
    var r14: UInt8 { 14 }
    var r15: UInt8 { 15 }

    /// One row: what a disassembler says, the bytes in hexadecimal, and the call that must produce them.
    func expect(
        _ text: String, _ bytes: String, usesVEX: Bool = true, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (inout Assembler) -> Void,
    ) {
        var assembler = Assembler(usesVEX: usesVEX)
        body(&assembler)
        #expect(assembler.hex == bytes, "\(text)", sourceLocation: sourceLocation)
    }
}

extension Assembler {
    /// All bytes in hexadecimal, separated by spaces.
    var hex: String { hex(from: 0) }

    func hex(from start: UInt32) -> String {
        withBytes { code in
            code[Int(start)...].map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined(separator: " ")
        }
    }
}
