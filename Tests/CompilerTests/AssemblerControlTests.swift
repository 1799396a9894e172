//! Encodings of jumps and calls without labels. Each row: disassembly, bytes of the GNU assembler, call.

import Testing

@testable import Compiler

@Suite("Assembler encodings: control")
struct AssemblerControlTests: AssemblerTable {
    @Test("Without labels")
    func withoutLabels() {
        expect("jmp rax", "ff e0") { $0.jmp(rax) }
        expect("jmp rsp", "ff e4") { $0.jmp(rsp) }
        expect("jmp rbp", "ff e5") { $0.jmp(rbp) }
        expect("jmp rdi", "ff e7") { $0.jmp(rdi) }
        expect("jmp r8", "41 ff e0") { $0.jmp(r8) }
        expect("jmp r12", "41 ff e4") { $0.jmp(r12) }
        expect("jmp r13", "41 ff e5") { $0.jmp(r13) }
        expect("jmp r15", "41 ff e7") { $0.jmp(r15) }
        expect("jmp QWORD PTR [rbx]", "ff 23") { $0.jmp(.base(rbx)) }
        expect("jmp QWORD PTR [r12+0x8]", "41 ff 64 24 08") { $0.jmp(.base(r12, 8)) }
        expect("jmp QWORD PTR [rbp+r13*8-0x80]", "42 ff 64 ed 80") { $0.jmp(.indexed(rbp, r13, scale: 3, -128)) }
        expect("jmp QWORD PTR [rsp+r15*1+0x12345678]", "42 ff a4 3c 78 56 34 12") {
            $0.jmp(.indexed(rsp, r15, 305419896))
        }
        expect("call rax", "ff d0") { $0.call(rax) }
        expect("call rsp", "ff d4") { $0.call(rsp) }
        expect("call rbp", "ff d5") { $0.call(rbp) }
        expect("call rdi", "ff d7") { $0.call(rdi) }
        expect("call r8", "41 ff d0") { $0.call(r8) }
        expect("call r12", "41 ff d4") { $0.call(r12) }
        expect("call r13", "41 ff d5") { $0.call(r13) }
        expect("call r15", "41 ff d7") { $0.call(r15) }
        expect("call QWORD PTR [rbx]", "ff 13") { $0.call(.base(rbx)) }
        expect("call QWORD PTR [r12+0x8]", "41 ff 54 24 08") { $0.call(.base(r12, 8)) }
        expect("call QWORD PTR [rbp+r13*8-0x80]", "42 ff 54 ed 80") { $0.call(.indexed(rbp, r13, scale: 3, -128)) }
        expect("call QWORD PTR [rsp+r15*1+0x12345678]", "42 ff 94 3c 78 56 34 12") {
            $0.call(.indexed(rsp, r15, 305419896))
        }
        expect("ret", "c3") { $0.ret() }
        expect("ret 0x8", "c2 08 00") { $0.ret(popping: 8) }
        expect("ret 0x1234", "c2 34 12") { $0.ret(popping: 0x1234) }
        expect("ud2", "0f 0b") { $0.ud2() }
        expect("int3", "cc") { $0.int3() }
    }
}
