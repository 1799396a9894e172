//! Encodings of integer arithmetic. Each row: disassembly, bytes of the GNU assembler, call.

import Testing

@testable import Compiler

@Suite("Assembler encodings: arithmetic")
struct AssemblerArithmeticTests: AssemblerTable {
    @Test("Two registers")
    func twoRegisters() {
        expect("add cl,dl", "00 d1") { $0.alu(.add, .w8, rcx, rdx) }
        expect("add cx,dx", "66 01 d1") { $0.alu(.add, .w16, rcx, rdx) }
        expect("add ecx,edx", "01 d1") { $0.alu(.add, .w32, rcx, rdx) }
        expect("add rcx,rdx", "48 01 d1") { $0.alu(.add, .w64, rcx, rdx) }
        expect("or cl,dl", "08 d1") { $0.alu(.or, .w8, rcx, rdx) }
        expect("or cx,dx", "66 09 d1") { $0.alu(.or, .w16, rcx, rdx) }
        expect("or ecx,edx", "09 d1") { $0.alu(.or, .w32, rcx, rdx) }
        expect("or rcx,rdx", "48 09 d1") { $0.alu(.or, .w64, rcx, rdx) }
        expect("adc cl,dl", "10 d1") { $0.alu(.adc, .w8, rcx, rdx) }
        expect("adc cx,dx", "66 11 d1") { $0.alu(.adc, .w16, rcx, rdx) }
        expect("adc ecx,edx", "11 d1") { $0.alu(.adc, .w32, rcx, rdx) }
        expect("adc rcx,rdx", "48 11 d1") { $0.alu(.adc, .w64, rcx, rdx) }
        expect("sbb cl,dl", "18 d1") { $0.alu(.sbb, .w8, rcx, rdx) }
        expect("sbb cx,dx", "66 19 d1") { $0.alu(.sbb, .w16, rcx, rdx) }
        expect("sbb ecx,edx", "19 d1") { $0.alu(.sbb, .w32, rcx, rdx) }
        expect("sbb rcx,rdx", "48 19 d1") { $0.alu(.sbb, .w64, rcx, rdx) }
        expect("and cl,dl", "20 d1") { $0.alu(.and, .w8, rcx, rdx) }
        expect("and cx,dx", "66 21 d1") { $0.alu(.and, .w16, rcx, rdx) }
        expect("and ecx,edx", "21 d1") { $0.alu(.and, .w32, rcx, rdx) }
        expect("and rcx,rdx", "48 21 d1") { $0.alu(.and, .w64, rcx, rdx) }
        expect("sub cl,dl", "28 d1") { $0.alu(.sub, .w8, rcx, rdx) }
        expect("sub cx,dx", "66 29 d1") { $0.alu(.sub, .w16, rcx, rdx) }
        expect("sub ecx,edx", "29 d1") { $0.alu(.sub, .w32, rcx, rdx) }
        expect("sub rcx,rdx", "48 29 d1") { $0.alu(.sub, .w64, rcx, rdx) }
        expect("xor cl,dl", "30 d1") { $0.alu(.xor, .w8, rcx, rdx) }
        expect("xor cx,dx", "66 31 d1") { $0.alu(.xor, .w16, rcx, rdx) }
        expect("xor ecx,edx", "31 d1") { $0.alu(.xor, .w32, rcx, rdx) }
        expect("xor rcx,rdx", "48 31 d1") { $0.alu(.xor, .w64, rcx, rdx) }
        expect("cmp cl,dl", "38 d1") { $0.alu(.cmp, .w8, rcx, rdx) }
        expect("cmp cx,dx", "66 39 d1") { $0.alu(.cmp, .w16, rcx, rdx) }
        expect("cmp ecx,edx", "39 d1") { $0.alu(.cmp, .w32, rcx, rdx) }
        expect("cmp rcx,rdx", "48 39 d1") { $0.alu(.cmp, .w64, rcx, rdx) }
        expect("add eax,ebx", "01 d8") { $0.alu(.add, .w32, rax, rbx) }
        expect("sub r9d,eax", "41 29 c1") { $0.alu(.sub, .w32, r9, rax) }
        expect("add esp,ebx", "01 dc") { $0.alu(.add, .w32, rsp, rbx) }
        expect("sub r9d,esp", "41 29 e1") { $0.alu(.sub, .w32, r9, rsp) }
        expect("add ebp,ebx", "01 dd") { $0.alu(.add, .w32, rbp, rbx) }
        expect("sub r9d,ebp", "41 29 e9") { $0.alu(.sub, .w32, r9, rbp) }
        expect("add edi,ebx", "01 df") { $0.alu(.add, .w32, rdi, rbx) }
        expect("sub r9d,edi", "41 29 f9") { $0.alu(.sub, .w32, r9, rdi) }
        expect("add r8d,ebx", "41 01 d8") { $0.alu(.add, .w32, r8, rbx) }
        expect("sub r9d,r8d", "45 29 c1") { $0.alu(.sub, .w32, r9, r8) }
        expect("add r12d,ebx", "41 01 dc") { $0.alu(.add, .w32, r12, rbx) }
        expect("sub r9d,r12d", "45 29 e1") { $0.alu(.sub, .w32, r9, r12) }
        expect("add r13d,ebx", "41 01 dd") { $0.alu(.add, .w32, r13, rbx) }
        expect("sub r9d,r13d", "45 29 e9") { $0.alu(.sub, .w32, r9, r13) }
        expect("add r15d,ebx", "41 01 df") { $0.alu(.add, .w32, r15, rbx) }
        expect("sub r9d,r15d", "45 29 f9") { $0.alu(.sub, .w32, r9, r15) }
        expect("add rax,rbx", "48 01 d8") { $0.alu(.add, .w64, rax, rbx) }
        expect("sub r9,rax", "49 29 c1") { $0.alu(.sub, .w64, r9, rax) }
        expect("add rsp,rbx", "48 01 dc") { $0.alu(.add, .w64, rsp, rbx) }
        expect("sub r9,rsp", "49 29 e1") { $0.alu(.sub, .w64, r9, rsp) }
        expect("add rbp,rbx", "48 01 dd") { $0.alu(.add, .w64, rbp, rbx) }
        expect("sub r9,rbp", "49 29 e9") { $0.alu(.sub, .w64, r9, rbp) }
        expect("add rdi,rbx", "48 01 df") { $0.alu(.add, .w64, rdi, rbx) }
        expect("sub r9,rdi", "49 29 f9") { $0.alu(.sub, .w64, r9, rdi) }
        expect("add r8,rbx", "49 01 d8") { $0.alu(.add, .w64, r8, rbx) }
        expect("sub r9,r8", "4d 29 c1") { $0.alu(.sub, .w64, r9, r8) }
        expect("add r12,rbx", "49 01 dc") { $0.alu(.add, .w64, r12, rbx) }
        expect("sub r9,r12", "4d 29 e1") { $0.alu(.sub, .w64, r9, r12) }
        expect("add r13,rbx", "49 01 dd") { $0.alu(.add, .w64, r13, rbx) }
        expect("sub r9,r13", "4d 29 e9") { $0.alu(.sub, .w64, r9, r13) }
        expect("add r15,rbx", "49 01 df") { $0.alu(.add, .w64, r15, rbx) }
        expect("sub r9,r15", "4d 29 f9") { $0.alu(.sub, .w64, r9, r15) }
        expect("and al,bl", "20 d8") { $0.alu(.and, .w8, rax, rbx) }
        expect("cmp bl,al", "38 c3") { $0.alu(.cmp, .w8, rbx, rax) }
        expect("and spl,bl", "40 20 dc") { $0.alu(.and, .w8, rsp, rbx) }
        expect("cmp bl,spl", "40 38 e3") { $0.alu(.cmp, .w8, rbx, rsp) }
        expect("and bpl,bl", "40 20 dd") { $0.alu(.and, .w8, rbp, rbx) }
        expect("cmp bl,bpl", "40 38 eb") { $0.alu(.cmp, .w8, rbx, rbp) }
        expect("and dil,bl", "40 20 df") { $0.alu(.and, .w8, rdi, rbx) }
        expect("cmp bl,dil", "40 38 fb") { $0.alu(.cmp, .w8, rbx, rdi) }
        expect("and r8b,bl", "41 20 d8") { $0.alu(.and, .w8, r8, rbx) }
        expect("cmp bl,r8b", "44 38 c3") { $0.alu(.cmp, .w8, rbx, r8) }
        expect("and r12b,bl", "41 20 dc") { $0.alu(.and, .w8, r12, rbx) }
        expect("cmp bl,r12b", "44 38 e3") { $0.alu(.cmp, .w8, rbx, r12) }
        expect("and r13b,bl", "41 20 dd") { $0.alu(.and, .w8, r13, rbx) }
        expect("cmp bl,r13b", "44 38 eb") { $0.alu(.cmp, .w8, rbx, r13) }
        expect("and r15b,bl", "41 20 df") { $0.alu(.and, .w8, r15, rbx) }
        expect("cmp bl,r15b", "44 38 fb") { $0.alu(.cmp, .w8, rbx, r15) }
    }

    @Test("A register and memory")
    func aRegisterAndMemory() {
        expect("add cl,BYTE PTR [rbx]", "02 0b") { $0.alu(.add, .w8, rcx, .base(rbx)) }
        expect("add cx,WORD PTR [rbx]", "66 03 0b") { $0.alu(.add, .w16, rcx, .base(rbx)) }
        expect("add ecx,DWORD PTR [rbx]", "03 0b") { $0.alu(.add, .w32, rcx, .base(rbx)) }
        expect("add rcx,QWORD PTR [rbx]", "48 03 0b") { $0.alu(.add, .w64, rcx, .base(rbx)) }
        expect("or cl,BYTE PTR [rbx]", "0a 0b") { $0.alu(.or, .w8, rcx, .base(rbx)) }
        expect("or cx,WORD PTR [rbx]", "66 0b 0b") { $0.alu(.or, .w16, rcx, .base(rbx)) }
        expect("or ecx,DWORD PTR [rbx]", "0b 0b") { $0.alu(.or, .w32, rcx, .base(rbx)) }
        expect("or rcx,QWORD PTR [rbx]", "48 0b 0b") { $0.alu(.or, .w64, rcx, .base(rbx)) }
        expect("adc cl,BYTE PTR [rbx]", "12 0b") { $0.alu(.adc, .w8, rcx, .base(rbx)) }
        expect("adc cx,WORD PTR [rbx]", "66 13 0b") { $0.alu(.adc, .w16, rcx, .base(rbx)) }
        expect("adc ecx,DWORD PTR [rbx]", "13 0b") { $0.alu(.adc, .w32, rcx, .base(rbx)) }
        expect("adc rcx,QWORD PTR [rbx]", "48 13 0b") { $0.alu(.adc, .w64, rcx, .base(rbx)) }
        expect("sbb cl,BYTE PTR [rbx]", "1a 0b") { $0.alu(.sbb, .w8, rcx, .base(rbx)) }
        expect("sbb cx,WORD PTR [rbx]", "66 1b 0b") { $0.alu(.sbb, .w16, rcx, .base(rbx)) }
        expect("sbb ecx,DWORD PTR [rbx]", "1b 0b") { $0.alu(.sbb, .w32, rcx, .base(rbx)) }
        expect("sbb rcx,QWORD PTR [rbx]", "48 1b 0b") { $0.alu(.sbb, .w64, rcx, .base(rbx)) }
        expect("and cl,BYTE PTR [rbx]", "22 0b") { $0.alu(.and, .w8, rcx, .base(rbx)) }
        expect("and cx,WORD PTR [rbx]", "66 23 0b") { $0.alu(.and, .w16, rcx, .base(rbx)) }
        expect("and ecx,DWORD PTR [rbx]", "23 0b") { $0.alu(.and, .w32, rcx, .base(rbx)) }
        expect("and rcx,QWORD PTR [rbx]", "48 23 0b") { $0.alu(.and, .w64, rcx, .base(rbx)) }
        expect("sub cl,BYTE PTR [rbx]", "2a 0b") { $0.alu(.sub, .w8, rcx, .base(rbx)) }
        expect("sub cx,WORD PTR [rbx]", "66 2b 0b") { $0.alu(.sub, .w16, rcx, .base(rbx)) }
        expect("sub ecx,DWORD PTR [rbx]", "2b 0b") { $0.alu(.sub, .w32, rcx, .base(rbx)) }
        expect("sub rcx,QWORD PTR [rbx]", "48 2b 0b") { $0.alu(.sub, .w64, rcx, .base(rbx)) }
        expect("xor cl,BYTE PTR [rbx]", "32 0b") { $0.alu(.xor, .w8, rcx, .base(rbx)) }
        expect("xor cx,WORD PTR [rbx]", "66 33 0b") { $0.alu(.xor, .w16, rcx, .base(rbx)) }
        expect("xor ecx,DWORD PTR [rbx]", "33 0b") { $0.alu(.xor, .w32, rcx, .base(rbx)) }
        expect("xor rcx,QWORD PTR [rbx]", "48 33 0b") { $0.alu(.xor, .w64, rcx, .base(rbx)) }
        expect("cmp cl,BYTE PTR [rbx]", "3a 0b") { $0.alu(.cmp, .w8, rcx, .base(rbx)) }
        expect("cmp cx,WORD PTR [rbx]", "66 3b 0b") { $0.alu(.cmp, .w16, rcx, .base(rbx)) }
        expect("cmp ecx,DWORD PTR [rbx]", "3b 0b") { $0.alu(.cmp, .w32, rcx, .base(rbx)) }
        expect("cmp rcx,QWORD PTR [rbx]", "48 3b 0b") { $0.alu(.cmp, .w64, rcx, .base(rbx)) }
        expect("xor spl,BYTE PTR [r12+0x8]", "41 32 64 24 08") { $0.alu(.xor, .w8, rsp, .base(r12, 8)) }
        expect("xor dil,BYTE PTR [rbp+r13*8-0x80]", "42 32 7c ed 80") {
            $0.alu(.xor, .w8, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("xor r12w,WORD PTR [rsp+r15*1+0x12345678]", "66 46 33 a4 3c 78 56 34 12") {
            $0.alu(.xor, .w16, r12, .indexed(rsp, r15, 305419896))
        }
        expect("xor r13d,DWORD PTR [rbp+r13*8-0x80]", "46 33 6c ed 80") {
            $0.alu(.xor, .w32, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("xor ebp,DWORD PTR [r12+0x8]", "41 33 6c 24 08") { $0.alu(.xor, .w32, rbp, .base(r12, 8)) }
        expect("xor r8,QWORD PTR [rsp+r15*1+0x12345678]", "4e 33 84 3c 78 56 34 12") {
            $0.alu(.xor, .w64, r8, .indexed(rsp, r15, 305419896))
        }
        expect("xor r15,QWORD PTR [rbp+r13*8-0x80]", "4e 33 7c ed 80") {
            $0.alu(.xor, .w64, r15, .indexed(rbp, r13, scale: 3, -128))
        }
    }

    @Test("Memory and a register")
    func memoryAndARegister() {
        expect("add BYTE PTR [rbx],cl", "00 0b") { $0.alu(.add, .w8, .base(rbx), rcx) }
        expect("add WORD PTR [rbx],cx", "66 01 0b") { $0.alu(.add, .w16, .base(rbx), rcx) }
        expect("add DWORD PTR [rbx],ecx", "01 0b") { $0.alu(.add, .w32, .base(rbx), rcx) }
        expect("add QWORD PTR [rbx],rcx", "48 01 0b") { $0.alu(.add, .w64, .base(rbx), rcx) }
        expect("or BYTE PTR [rbx],cl", "08 0b") { $0.alu(.or, .w8, .base(rbx), rcx) }
        expect("or WORD PTR [rbx],cx", "66 09 0b") { $0.alu(.or, .w16, .base(rbx), rcx) }
        expect("or DWORD PTR [rbx],ecx", "09 0b") { $0.alu(.or, .w32, .base(rbx), rcx) }
        expect("or QWORD PTR [rbx],rcx", "48 09 0b") { $0.alu(.or, .w64, .base(rbx), rcx) }
        expect("adc BYTE PTR [rbx],cl", "10 0b") { $0.alu(.adc, .w8, .base(rbx), rcx) }
        expect("adc WORD PTR [rbx],cx", "66 11 0b") { $0.alu(.adc, .w16, .base(rbx), rcx) }
        expect("adc DWORD PTR [rbx],ecx", "11 0b") { $0.alu(.adc, .w32, .base(rbx), rcx) }
        expect("adc QWORD PTR [rbx],rcx", "48 11 0b") { $0.alu(.adc, .w64, .base(rbx), rcx) }
        expect("sbb BYTE PTR [rbx],cl", "18 0b") { $0.alu(.sbb, .w8, .base(rbx), rcx) }
        expect("sbb WORD PTR [rbx],cx", "66 19 0b") { $0.alu(.sbb, .w16, .base(rbx), rcx) }
        expect("sbb DWORD PTR [rbx],ecx", "19 0b") { $0.alu(.sbb, .w32, .base(rbx), rcx) }
        expect("sbb QWORD PTR [rbx],rcx", "48 19 0b") { $0.alu(.sbb, .w64, .base(rbx), rcx) }
        expect("and BYTE PTR [rbx],cl", "20 0b") { $0.alu(.and, .w8, .base(rbx), rcx) }
        expect("and WORD PTR [rbx],cx", "66 21 0b") { $0.alu(.and, .w16, .base(rbx), rcx) }
        expect("and DWORD PTR [rbx],ecx", "21 0b") { $0.alu(.and, .w32, .base(rbx), rcx) }
        expect("and QWORD PTR [rbx],rcx", "48 21 0b") { $0.alu(.and, .w64, .base(rbx), rcx) }
        expect("sub BYTE PTR [rbx],cl", "28 0b") { $0.alu(.sub, .w8, .base(rbx), rcx) }
        expect("sub WORD PTR [rbx],cx", "66 29 0b") { $0.alu(.sub, .w16, .base(rbx), rcx) }
        expect("sub DWORD PTR [rbx],ecx", "29 0b") { $0.alu(.sub, .w32, .base(rbx), rcx) }
        expect("sub QWORD PTR [rbx],rcx", "48 29 0b") { $0.alu(.sub, .w64, .base(rbx), rcx) }
        expect("xor BYTE PTR [rbx],cl", "30 0b") { $0.alu(.xor, .w8, .base(rbx), rcx) }
        expect("xor WORD PTR [rbx],cx", "66 31 0b") { $0.alu(.xor, .w16, .base(rbx), rcx) }
        expect("xor DWORD PTR [rbx],ecx", "31 0b") { $0.alu(.xor, .w32, .base(rbx), rcx) }
        expect("xor QWORD PTR [rbx],rcx", "48 31 0b") { $0.alu(.xor, .w64, .base(rbx), rcx) }
        expect("cmp BYTE PTR [rbx],cl", "38 0b") { $0.alu(.cmp, .w8, .base(rbx), rcx) }
        expect("cmp WORD PTR [rbx],cx", "66 39 0b") { $0.alu(.cmp, .w16, .base(rbx), rcx) }
        expect("cmp DWORD PTR [rbx],ecx", "39 0b") { $0.alu(.cmp, .w32, .base(rbx), rcx) }
        expect("cmp QWORD PTR [rbx],rcx", "48 39 0b") { $0.alu(.cmp, .w64, .base(rbx), rcx) }
        expect("cmp BYTE PTR [r12+0x8],spl", "41 38 64 24 08") { $0.alu(.cmp, .w8, .base(r12, 8), rsp) }
        expect("cmp BYTE PTR [rbp+r13*8-0x80],dil", "42 38 7c ed 80") {
            $0.alu(.cmp, .w8, .indexed(rbp, r13, scale: 3, -128), rdi)
        }
        expect("cmp WORD PTR [rsp+r15*1+0x12345678],r12w", "66 46 39 a4 3c 78 56 34 12") {
            $0.alu(.cmp, .w16, .indexed(rsp, r15, 305419896), r12)
        }
        expect("cmp DWORD PTR [rbp+r13*8-0x80],r13d", "46 39 6c ed 80") {
            $0.alu(.cmp, .w32, .indexed(rbp, r13, scale: 3, -128), r13)
        }
        expect("cmp DWORD PTR [r12+0x8],ebp", "41 39 6c 24 08") { $0.alu(.cmp, .w32, .base(r12, 8), rbp) }
        expect("cmp QWORD PTR [rsp+r15*1+0x12345678],r8", "4e 39 84 3c 78 56 34 12") {
            $0.alu(.cmp, .w64, .indexed(rsp, r15, 305419896), r8)
        }
        expect("cmp QWORD PTR [rbp+r13*8-0x80],r15", "4e 39 7c ed 80") {
            $0.alu(.cmp, .w64, .indexed(rbp, r13, scale: 3, -128), r15)
        }
    }

    @Test("A register and an immediate")
    func aRegisterAndAnImmediate() {
        expect("add cl,0x12", "80 c1 12") { $0.alu(.add, .w8, rcx, imm: 0x12) }
        expect("add cx,0x1234", "66 81 c1 34 12") { $0.alu(.add, .w16, rcx, imm: 0x1234) }
        expect("add ecx,0x12345678", "81 c1 78 56 34 12") { $0.alu(.add, .w32, rcx, imm: 0x12345678) }
        expect("add rcx,0x12345678", "48 81 c1 78 56 34 12") { $0.alu(.add, .w64, rcx, imm: 0x12345678) }
        expect("add ecx,0xffffffff", "83 c1 ff") { $0.alu(.add, .w32, rcx, imm: -1) }
        expect("add rcx,0x7f", "48 83 c1 7f") { $0.alu(.add, .w64, rcx, imm: 0x7f) }
        expect("or cl,0x12", "80 c9 12") { $0.alu(.or, .w8, rcx, imm: 0x12) }
        expect("or cx,0x1234", "66 81 c9 34 12") { $0.alu(.or, .w16, rcx, imm: 0x1234) }
        expect("or ecx,0x12345678", "81 c9 78 56 34 12") { $0.alu(.or, .w32, rcx, imm: 0x12345678) }
        expect("or rcx,0x12345678", "48 81 c9 78 56 34 12") { $0.alu(.or, .w64, rcx, imm: 0x12345678) }
        expect("or ecx,0xffffffff", "83 c9 ff") { $0.alu(.or, .w32, rcx, imm: -1) }
        expect("or rcx,0x7f", "48 83 c9 7f") { $0.alu(.or, .w64, rcx, imm: 0x7f) }
        expect("adc cl,0x12", "80 d1 12") { $0.alu(.adc, .w8, rcx, imm: 0x12) }
        expect("adc cx,0x1234", "66 81 d1 34 12") { $0.alu(.adc, .w16, rcx, imm: 0x1234) }
        expect("adc ecx,0x12345678", "81 d1 78 56 34 12") { $0.alu(.adc, .w32, rcx, imm: 0x12345678) }
        expect("adc rcx,0x12345678", "48 81 d1 78 56 34 12") { $0.alu(.adc, .w64, rcx, imm: 0x12345678) }
        expect("adc ecx,0xffffffff", "83 d1 ff") { $0.alu(.adc, .w32, rcx, imm: -1) }
        expect("adc rcx,0x7f", "48 83 d1 7f") { $0.alu(.adc, .w64, rcx, imm: 0x7f) }
        expect("sbb cl,0x12", "80 d9 12") { $0.alu(.sbb, .w8, rcx, imm: 0x12) }
        expect("sbb cx,0x1234", "66 81 d9 34 12") { $0.alu(.sbb, .w16, rcx, imm: 0x1234) }
        expect("sbb ecx,0x12345678", "81 d9 78 56 34 12") { $0.alu(.sbb, .w32, rcx, imm: 0x12345678) }
        expect("sbb rcx,0x12345678", "48 81 d9 78 56 34 12") { $0.alu(.sbb, .w64, rcx, imm: 0x12345678) }
        expect("sbb ecx,0xffffffff", "83 d9 ff") { $0.alu(.sbb, .w32, rcx, imm: -1) }
        expect("sbb rcx,0x7f", "48 83 d9 7f") { $0.alu(.sbb, .w64, rcx, imm: 0x7f) }
        expect("and cl,0x12", "80 e1 12") { $0.alu(.and, .w8, rcx, imm: 0x12) }
        expect("and cx,0x1234", "66 81 e1 34 12") { $0.alu(.and, .w16, rcx, imm: 0x1234) }
        expect("and ecx,0x12345678", "81 e1 78 56 34 12") { $0.alu(.and, .w32, rcx, imm: 0x12345678) }
        expect("and rcx,0x12345678", "48 81 e1 78 56 34 12") { $0.alu(.and, .w64, rcx, imm: 0x12345678) }
        expect("and ecx,0xffffffff", "83 e1 ff") { $0.alu(.and, .w32, rcx, imm: -1) }
        expect("and rcx,0x7f", "48 83 e1 7f") { $0.alu(.and, .w64, rcx, imm: 0x7f) }
        expect("sub cl,0x12", "80 e9 12") { $0.alu(.sub, .w8, rcx, imm: 0x12) }
        expect("sub cx,0x1234", "66 81 e9 34 12") { $0.alu(.sub, .w16, rcx, imm: 0x1234) }
        expect("sub ecx,0x12345678", "81 e9 78 56 34 12") { $0.alu(.sub, .w32, rcx, imm: 0x12345678) }
        expect("sub rcx,0x12345678", "48 81 e9 78 56 34 12") { $0.alu(.sub, .w64, rcx, imm: 0x12345678) }
        expect("sub ecx,0xffffffff", "83 e9 ff") { $0.alu(.sub, .w32, rcx, imm: -1) }
        expect("sub rcx,0x7f", "48 83 e9 7f") { $0.alu(.sub, .w64, rcx, imm: 0x7f) }
        expect("xor cl,0x12", "80 f1 12") { $0.alu(.xor, .w8, rcx, imm: 0x12) }
        expect("xor cx,0x1234", "66 81 f1 34 12") { $0.alu(.xor, .w16, rcx, imm: 0x1234) }
        expect("xor ecx,0x12345678", "81 f1 78 56 34 12") { $0.alu(.xor, .w32, rcx, imm: 0x12345678) }
        expect("xor rcx,0x12345678", "48 81 f1 78 56 34 12") { $0.alu(.xor, .w64, rcx, imm: 0x12345678) }
        expect("xor ecx,0xffffffff", "83 f1 ff") { $0.alu(.xor, .w32, rcx, imm: -1) }
        expect("xor rcx,0x7f", "48 83 f1 7f") { $0.alu(.xor, .w64, rcx, imm: 0x7f) }
        expect("cmp cl,0x12", "80 f9 12") { $0.alu(.cmp, .w8, rcx, imm: 0x12) }
        expect("cmp cx,0x1234", "66 81 f9 34 12") { $0.alu(.cmp, .w16, rcx, imm: 0x1234) }
        expect("cmp ecx,0x12345678", "81 f9 78 56 34 12") { $0.alu(.cmp, .w32, rcx, imm: 0x12345678) }
        expect("cmp rcx,0x12345678", "48 81 f9 78 56 34 12") { $0.alu(.cmp, .w64, rcx, imm: 0x12345678) }
        expect("cmp ecx,0xffffffff", "83 f9 ff") { $0.alu(.cmp, .w32, rcx, imm: -1) }
        expect("cmp rcx,0x7f", "48 83 f9 7f") { $0.alu(.cmp, .w64, rcx, imm: 0x7f) }
        expect("add al,0x12", "04 12") { $0.alu(.add, .w8, rax, imm: 18) }
        expect("add ax,0x1234", "66 05 34 12") { $0.alu(.add, .w16, rax, imm: 4660) }
        expect("add eax,0x12345678", "05 78 56 34 12") { $0.alu(.add, .w32, rax, imm: 305419896) }
        expect("add rax,0xffffffffedcba988", "48 05 88 a9 cb ed") { $0.alu(.add, .w64, rax, imm: -305419896) }
        expect("or al,0x12", "0c 12") { $0.alu(.or, .w8, rax, imm: 18) }
        expect("or ax,0x1234", "66 0d 34 12") { $0.alu(.or, .w16, rax, imm: 4660) }
        expect("or eax,0x12345678", "0d 78 56 34 12") { $0.alu(.or, .w32, rax, imm: 305419896) }
        expect("or rax,0xffffffffedcba988", "48 0d 88 a9 cb ed") { $0.alu(.or, .w64, rax, imm: -305419896) }
        expect("adc al,0x12", "14 12") { $0.alu(.adc, .w8, rax, imm: 18) }
        expect("adc ax,0x1234", "66 15 34 12") { $0.alu(.adc, .w16, rax, imm: 4660) }
        expect("adc eax,0x12345678", "15 78 56 34 12") { $0.alu(.adc, .w32, rax, imm: 305419896) }
        expect("adc rax,0xffffffffedcba988", "48 15 88 a9 cb ed") { $0.alu(.adc, .w64, rax, imm: -305419896) }
        expect("sbb al,0x12", "1c 12") { $0.alu(.sbb, .w8, rax, imm: 18) }
        expect("sbb ax,0x1234", "66 1d 34 12") { $0.alu(.sbb, .w16, rax, imm: 4660) }
        expect("sbb eax,0x12345678", "1d 78 56 34 12") { $0.alu(.sbb, .w32, rax, imm: 305419896) }
        expect("sbb rax,0xffffffffedcba988", "48 1d 88 a9 cb ed") { $0.alu(.sbb, .w64, rax, imm: -305419896) }
        expect("and al,0x12", "24 12") { $0.alu(.and, .w8, rax, imm: 18) }
        expect("and ax,0x1234", "66 25 34 12") { $0.alu(.and, .w16, rax, imm: 4660) }
        expect("and eax,0x12345678", "25 78 56 34 12") { $0.alu(.and, .w32, rax, imm: 305419896) }
        expect("and rax,0xffffffffedcba988", "48 25 88 a9 cb ed") { $0.alu(.and, .w64, rax, imm: -305419896) }
        expect("sub al,0x12", "2c 12") { $0.alu(.sub, .w8, rax, imm: 18) }
        expect("sub ax,0x1234", "66 2d 34 12") { $0.alu(.sub, .w16, rax, imm: 4660) }
        expect("sub eax,0x12345678", "2d 78 56 34 12") { $0.alu(.sub, .w32, rax, imm: 305419896) }
        expect("sub rax,0xffffffffedcba988", "48 2d 88 a9 cb ed") { $0.alu(.sub, .w64, rax, imm: -305419896) }
        expect("xor al,0x12", "34 12") { $0.alu(.xor, .w8, rax, imm: 18) }
        expect("xor ax,0x1234", "66 35 34 12") { $0.alu(.xor, .w16, rax, imm: 4660) }
        expect("xor eax,0x12345678", "35 78 56 34 12") { $0.alu(.xor, .w32, rax, imm: 305419896) }
        expect("xor rax,0xffffffffedcba988", "48 35 88 a9 cb ed") { $0.alu(.xor, .w64, rax, imm: -305419896) }
        expect("cmp al,0x12", "3c 12") { $0.alu(.cmp, .w8, rax, imm: 18) }
        expect("cmp ax,0x1234", "66 3d 34 12") { $0.alu(.cmp, .w16, rax, imm: 4660) }
        expect("cmp eax,0x12345678", "3d 78 56 34 12") { $0.alu(.cmp, .w32, rax, imm: 305419896) }
        expect("cmp rax,0xffffffffedcba988", "48 3d 88 a9 cb ed") { $0.alu(.cmp, .w64, rax, imm: -305419896) }
        expect("add ebx,0x0", "83 c3 00") { $0.alu(.add, .w32, rbx, imm: 0) }
        expect("add rbx,0x0", "48 83 c3 00") { $0.alu(.add, .w64, rbx, imm: 0) }
        expect("add ebx,0x1", "83 c3 01") { $0.alu(.add, .w32, rbx, imm: 1) }
        expect("add rbx,0x1", "48 83 c3 01") { $0.alu(.add, .w64, rbx, imm: 1) }
        expect("add ebx,0x7f", "83 c3 7f") { $0.alu(.add, .w32, rbx, imm: 127) }
        expect("add rbx,0x7f", "48 83 c3 7f") { $0.alu(.add, .w64, rbx, imm: 127) }
        expect("add ebx,0x80", "81 c3 80 00 00 00") { $0.alu(.add, .w32, rbx, imm: 128) }
        expect("add rbx,0x80", "48 81 c3 80 00 00 00") { $0.alu(.add, .w64, rbx, imm: 128) }
        expect("add ebx,0xffffff80", "83 c3 80") { $0.alu(.add, .w32, rbx, imm: -128) }
        expect("add rbx,0xffffffffffffff80", "48 83 c3 80") { $0.alu(.add, .w64, rbx, imm: -128) }
        expect("add ebx,0xffffff7f", "81 c3 7f ff ff ff") { $0.alu(.add, .w32, rbx, imm: -129) }
        expect("add rbx,0xffffffffffffff7f", "48 81 c3 7f ff ff ff") { $0.alu(.add, .w64, rbx, imm: -129) }
        expect("add ebx,0x7fffffff", "81 c3 ff ff ff 7f") { $0.alu(.add, .w32, rbx, imm: 2147483647) }
        expect("add rbx,0x7fffffff", "48 81 c3 ff ff ff 7f") { $0.alu(.add, .w64, rbx, imm: 2147483647) }
        expect("add ebx,0x80000000", "81 c3 00 00 00 80") { $0.alu(.add, .w32, rbx, imm: -2147483648) }
        expect("add rbx,0xffffffff80000000", "48 81 c3 00 00 00 80") { $0.alu(.add, .w64, rbx, imm: -2147483648) }
        expect("cmp dx,0x7f", "66 83 fa 7f") { $0.alu(.cmp, .w16, rdx, imm: 127) }
        expect("cmp dx,0x80", "66 81 fa 80 00") { $0.alu(.cmp, .w16, rdx, imm: 128) }
        expect("cmp dx,0xff80", "66 83 fa 80") { $0.alu(.cmp, .w16, rdx, imm: -128) }
        expect("cmp dx,0xff7f", "66 81 fa 7f ff") { $0.alu(.cmp, .w16, rdx, imm: -129) }
        expect("cmp dx,0x7fff", "66 81 fa ff 7f") { $0.alu(.cmp, .w16, rdx, imm: 32767) }
        expect("cmp dx,0x8000", "66 81 fa 00 80") { $0.alu(.cmp, .w16, rdx, imm: -32768) }
        expect("cmp dl,0x7f", "80 fa 7f") { $0.alu(.cmp, .w8, rdx, imm: 127) }
        expect("cmp dl,0x80", "80 fa 80") { $0.alu(.cmp, .w8, rdx, imm: -128) }
        expect("cmp dl,0xff", "80 fa ff") { $0.alu(.cmp, .w8, rdx, imm: -1) }
        expect("sub al,0x5", "2c 05") { $0.alu(.sub, .w8, rax, imm: 5) }
        expect("or eax,0x1000", "0d 00 10 00 00") { $0.alu(.or, .w32, rax, imm: 0x1000) }
        expect("and rax,0xfffffffffffffff0", "48 83 e0 f0") { $0.alu(.and, .w64, rax, imm: -16) }
        expect("sub spl,0x5", "40 80 ec 05") { $0.alu(.sub, .w8, rsp, imm: 5) }
        expect("or esp,0x1000", "81 cc 00 10 00 00") { $0.alu(.or, .w32, rsp, imm: 0x1000) }
        expect("and rsp,0xfffffffffffffff0", "48 83 e4 f0") { $0.alu(.and, .w64, rsp, imm: -16) }
        expect("sub bpl,0x5", "40 80 ed 05") { $0.alu(.sub, .w8, rbp, imm: 5) }
        expect("or ebp,0x1000", "81 cd 00 10 00 00") { $0.alu(.or, .w32, rbp, imm: 0x1000) }
        expect("and rbp,0xfffffffffffffff0", "48 83 e5 f0") { $0.alu(.and, .w64, rbp, imm: -16) }
        expect("sub dil,0x5", "40 80 ef 05") { $0.alu(.sub, .w8, rdi, imm: 5) }
        expect("or edi,0x1000", "81 cf 00 10 00 00") { $0.alu(.or, .w32, rdi, imm: 0x1000) }
        expect("and rdi,0xfffffffffffffff0", "48 83 e7 f0") { $0.alu(.and, .w64, rdi, imm: -16) }
        expect("sub r8b,0x5", "41 80 e8 05") { $0.alu(.sub, .w8, r8, imm: 5) }
        expect("or r8d,0x1000", "41 81 c8 00 10 00 00") { $0.alu(.or, .w32, r8, imm: 0x1000) }
        expect("and r8,0xfffffffffffffff0", "49 83 e0 f0") { $0.alu(.and, .w64, r8, imm: -16) }
        expect("sub r12b,0x5", "41 80 ec 05") { $0.alu(.sub, .w8, r12, imm: 5) }
        expect("or r12d,0x1000", "41 81 cc 00 10 00 00") { $0.alu(.or, .w32, r12, imm: 0x1000) }
        expect("and r12,0xfffffffffffffff0", "49 83 e4 f0") { $0.alu(.and, .w64, r12, imm: -16) }
        expect("sub r13b,0x5", "41 80 ed 05") { $0.alu(.sub, .w8, r13, imm: 5) }
        expect("or r13d,0x1000", "41 81 cd 00 10 00 00") { $0.alu(.or, .w32, r13, imm: 0x1000) }
        expect("and r13,0xfffffffffffffff0", "49 83 e5 f0") { $0.alu(.and, .w64, r13, imm: -16) }
        expect("sub r15b,0x5", "41 80 ef 05") { $0.alu(.sub, .w8, r15, imm: 5) }
        expect("or r15d,0x1000", "41 81 cf 00 10 00 00") { $0.alu(.or, .w32, r15, imm: 0x1000) }
        expect("and r15,0xfffffffffffffff0", "49 83 e7 f0") { $0.alu(.and, .w64, r15, imm: -16) }
    }

    @Test("Memory and an immediate")
    func memoryAndAnImmediate() {
        expect("add BYTE PTR [rbx],0x12", "80 03 12") { $0.alu(.add, .w8, .base(rbx), imm: 18) }
        expect("add WORD PTR [rbx],0x1234", "66 81 03 34 12") { $0.alu(.add, .w16, .base(rbx), imm: 4660) }
        expect("add DWORD PTR [rbx],0x12345678", "81 03 78 56 34 12") { $0.alu(.add, .w32, .base(rbx), imm: 305419896) }
        expect("add QWORD PTR [rbx],0x12345678", "48 81 03 78 56 34 12") {
            $0.alu(.add, .w64, .base(rbx), imm: 305419896)
        }
        expect("add WORD PTR [rbx],0xffff", "66 83 03 ff") { $0.alu(.add, .w16, .base(rbx), imm: -1) }
        expect("add DWORD PTR [rbx],0xffffffff", "83 03 ff") { $0.alu(.add, .w32, .base(rbx), imm: -1) }
        expect("add QWORD PTR [rbx],0x7f", "48 83 03 7f") { $0.alu(.add, .w64, .base(rbx), imm: 127) }
        expect("or BYTE PTR [rbx],0x12", "80 0b 12") { $0.alu(.or, .w8, .base(rbx), imm: 18) }
        expect("or WORD PTR [rbx],0x1234", "66 81 0b 34 12") { $0.alu(.or, .w16, .base(rbx), imm: 4660) }
        expect("or DWORD PTR [rbx],0x12345678", "81 0b 78 56 34 12") { $0.alu(.or, .w32, .base(rbx), imm: 305419896) }
        expect("or QWORD PTR [rbx],0x12345678", "48 81 0b 78 56 34 12") {
            $0.alu(.or, .w64, .base(rbx), imm: 305419896)
        }
        expect("or WORD PTR [rbx],0xffff", "66 83 0b ff") { $0.alu(.or, .w16, .base(rbx), imm: -1) }
        expect("or DWORD PTR [rbx],0xffffffff", "83 0b ff") { $0.alu(.or, .w32, .base(rbx), imm: -1) }
        expect("or QWORD PTR [rbx],0x7f", "48 83 0b 7f") { $0.alu(.or, .w64, .base(rbx), imm: 127) }
        expect("adc BYTE PTR [rbx],0x12", "80 13 12") { $0.alu(.adc, .w8, .base(rbx), imm: 18) }
        expect("adc WORD PTR [rbx],0x1234", "66 81 13 34 12") { $0.alu(.adc, .w16, .base(rbx), imm: 4660) }
        expect("adc DWORD PTR [rbx],0x12345678", "81 13 78 56 34 12") { $0.alu(.adc, .w32, .base(rbx), imm: 305419896) }
        expect("adc QWORD PTR [rbx],0x12345678", "48 81 13 78 56 34 12") {
            $0.alu(.adc, .w64, .base(rbx), imm: 305419896)
        }
        expect("adc WORD PTR [rbx],0xffff", "66 83 13 ff") { $0.alu(.adc, .w16, .base(rbx), imm: -1) }
        expect("adc DWORD PTR [rbx],0xffffffff", "83 13 ff") { $0.alu(.adc, .w32, .base(rbx), imm: -1) }
        expect("adc QWORD PTR [rbx],0x7f", "48 83 13 7f") { $0.alu(.adc, .w64, .base(rbx), imm: 127) }
        expect("sbb BYTE PTR [rbx],0x12", "80 1b 12") { $0.alu(.sbb, .w8, .base(rbx), imm: 18) }
        expect("sbb WORD PTR [rbx],0x1234", "66 81 1b 34 12") { $0.alu(.sbb, .w16, .base(rbx), imm: 4660) }
        expect("sbb DWORD PTR [rbx],0x12345678", "81 1b 78 56 34 12") { $0.alu(.sbb, .w32, .base(rbx), imm: 305419896) }
        expect("sbb QWORD PTR [rbx],0x12345678", "48 81 1b 78 56 34 12") {
            $0.alu(.sbb, .w64, .base(rbx), imm: 305419896)
        }
        expect("sbb WORD PTR [rbx],0xffff", "66 83 1b ff") { $0.alu(.sbb, .w16, .base(rbx), imm: -1) }
        expect("sbb DWORD PTR [rbx],0xffffffff", "83 1b ff") { $0.alu(.sbb, .w32, .base(rbx), imm: -1) }
        expect("sbb QWORD PTR [rbx],0x7f", "48 83 1b 7f") { $0.alu(.sbb, .w64, .base(rbx), imm: 127) }
        expect("and BYTE PTR [rbx],0x12", "80 23 12") { $0.alu(.and, .w8, .base(rbx), imm: 18) }
        expect("and WORD PTR [rbx],0x1234", "66 81 23 34 12") { $0.alu(.and, .w16, .base(rbx), imm: 4660) }
        expect("and DWORD PTR [rbx],0x12345678", "81 23 78 56 34 12") { $0.alu(.and, .w32, .base(rbx), imm: 305419896) }
        expect("and QWORD PTR [rbx],0x12345678", "48 81 23 78 56 34 12") {
            $0.alu(.and, .w64, .base(rbx), imm: 305419896)
        }
        expect("and WORD PTR [rbx],0xffff", "66 83 23 ff") { $0.alu(.and, .w16, .base(rbx), imm: -1) }
        expect("and DWORD PTR [rbx],0xffffffff", "83 23 ff") { $0.alu(.and, .w32, .base(rbx), imm: -1) }
        expect("and QWORD PTR [rbx],0x7f", "48 83 23 7f") { $0.alu(.and, .w64, .base(rbx), imm: 127) }
        expect("sub BYTE PTR [rbx],0x12", "80 2b 12") { $0.alu(.sub, .w8, .base(rbx), imm: 18) }
        expect("sub WORD PTR [rbx],0x1234", "66 81 2b 34 12") { $0.alu(.sub, .w16, .base(rbx), imm: 4660) }
        expect("sub DWORD PTR [rbx],0x12345678", "81 2b 78 56 34 12") { $0.alu(.sub, .w32, .base(rbx), imm: 305419896) }
        expect("sub QWORD PTR [rbx],0x12345678", "48 81 2b 78 56 34 12") {
            $0.alu(.sub, .w64, .base(rbx), imm: 305419896)
        }
        expect("sub WORD PTR [rbx],0xffff", "66 83 2b ff") { $0.alu(.sub, .w16, .base(rbx), imm: -1) }
        expect("sub DWORD PTR [rbx],0xffffffff", "83 2b ff") { $0.alu(.sub, .w32, .base(rbx), imm: -1) }
        expect("sub QWORD PTR [rbx],0x7f", "48 83 2b 7f") { $0.alu(.sub, .w64, .base(rbx), imm: 127) }
        expect("xor BYTE PTR [rbx],0x12", "80 33 12") { $0.alu(.xor, .w8, .base(rbx), imm: 18) }
        expect("xor WORD PTR [rbx],0x1234", "66 81 33 34 12") { $0.alu(.xor, .w16, .base(rbx), imm: 4660) }
        expect("xor DWORD PTR [rbx],0x12345678", "81 33 78 56 34 12") { $0.alu(.xor, .w32, .base(rbx), imm: 305419896) }
        expect("xor QWORD PTR [rbx],0x12345678", "48 81 33 78 56 34 12") {
            $0.alu(.xor, .w64, .base(rbx), imm: 305419896)
        }
        expect("xor WORD PTR [rbx],0xffff", "66 83 33 ff") { $0.alu(.xor, .w16, .base(rbx), imm: -1) }
        expect("xor DWORD PTR [rbx],0xffffffff", "83 33 ff") { $0.alu(.xor, .w32, .base(rbx), imm: -1) }
        expect("xor QWORD PTR [rbx],0x7f", "48 83 33 7f") { $0.alu(.xor, .w64, .base(rbx), imm: 127) }
        expect("cmp BYTE PTR [rbx],0x12", "80 3b 12") { $0.alu(.cmp, .w8, .base(rbx), imm: 18) }
        expect("cmp WORD PTR [rbx],0x1234", "66 81 3b 34 12") { $0.alu(.cmp, .w16, .base(rbx), imm: 4660) }
        expect("cmp DWORD PTR [rbx],0x12345678", "81 3b 78 56 34 12") { $0.alu(.cmp, .w32, .base(rbx), imm: 305419896) }
        expect("cmp QWORD PTR [rbx],0x12345678", "48 81 3b 78 56 34 12") {
            $0.alu(.cmp, .w64, .base(rbx), imm: 305419896)
        }
        expect("cmp WORD PTR [rbx],0xffff", "66 83 3b ff") { $0.alu(.cmp, .w16, .base(rbx), imm: -1) }
        expect("cmp DWORD PTR [rbx],0xffffffff", "83 3b ff") { $0.alu(.cmp, .w32, .base(rbx), imm: -1) }
        expect("cmp QWORD PTR [rbx],0x7f", "48 83 3b 7f") { $0.alu(.cmp, .w64, .base(rbx), imm: 127) }
        expect("cmp BYTE PTR [r12+0x8],0xff", "41 80 7c 24 08 ff") { $0.alu(.cmp, .w8, .base(r12, 8), imm: -1) }
        expect("cmp WORD PTR [rbp+r13*8-0x80],0x5", "66 42 83 7c ed 80 05") {
            $0.alu(.cmp, .w16, .indexed(rbp, r13, scale: 3, -128), imm: 5)
        }
        expect("cmp DWORD PTR [rsp+r15*1+0x12345678],0x80", "42 81 bc 3c 78 56 34 12 80 00 00 00") {
            $0.alu(.cmp, .w32, .indexed(rsp, r15, 305419896), imm: 128)
        }
        expect("cmp QWORD PTR [rbp+r13*8-0x80],0xffffffffffffff7f", "4a 81 7c ed 80 7f ff ff ff") {
            $0.alu(.cmp, .w64, .indexed(rbp, r13, scale: 3, -128), imm: -129)
        }
    }

    @Test("test")
    func test() {
        expect("test cl,dl", "84 d1") { $0.test(.w8, rcx, rdx) }
        expect("test al,al", "84 c0") { $0.test(.w8, rax, rax) }
        expect("test spl,spl", "40 84 e4") { $0.test(.w8, rsp, rsp) }
        expect("test bpl,bpl", "40 84 ed") { $0.test(.w8, rbp, rbp) }
        expect("test dil,dil", "40 84 ff") { $0.test(.w8, rdi, rdi) }
        expect("test r8b,r8b", "45 84 c0") { $0.test(.w8, r8, r8) }
        expect("test r12b,r12b", "45 84 e4") { $0.test(.w8, r12, r12) }
        expect("test r13b,r13b", "45 84 ed") { $0.test(.w8, r13, r13) }
        expect("test r15b,r15b", "45 84 ff") { $0.test(.w8, r15, r15) }
        expect("test BYTE PTR [rbx],dil", "40 84 3b") { $0.test(.w8, .base(rbx), rdi) }
        expect("test al,0x12", "a8 12") { $0.test(.w8, rax, imm: 0x12) }
        expect("test cl,0x12", "f6 c1 12") { $0.test(.w8, rcx, imm: 0x12) }
        expect("test dil,0x12", "40 f6 c7 12") { $0.test(.w8, rdi, imm: 0x12) }
        expect("test r12b,0x12", "41 f6 c4 12") { $0.test(.w8, r12, imm: 0x12) }
        expect("test BYTE PTR [rbp+r13*8-0x80],0x12", "42 f6 44 ed 80 12") {
            $0.test(.w8, .indexed(rbp, r13, scale: 3, -128), imm: 0x12)
        }
        expect("test cx,dx", "66 85 d1") { $0.test(.w16, rcx, rdx) }
        expect("test ax,ax", "66 85 c0") { $0.test(.w16, rax, rax) }
        expect("test sp,sp", "66 85 e4") { $0.test(.w16, rsp, rsp) }
        expect("test bp,bp", "66 85 ed") { $0.test(.w16, rbp, rbp) }
        expect("test di,di", "66 85 ff") { $0.test(.w16, rdi, rdi) }
        expect("test r8w,r8w", "66 45 85 c0") { $0.test(.w16, r8, r8) }
        expect("test r12w,r12w", "66 45 85 e4") { $0.test(.w16, r12, r12) }
        expect("test r13w,r13w", "66 45 85 ed") { $0.test(.w16, r13, r13) }
        expect("test r15w,r15w", "66 45 85 ff") { $0.test(.w16, r15, r15) }
        expect("test WORD PTR [rbx],di", "66 85 3b") { $0.test(.w16, .base(rbx), rdi) }
        expect("test ax,0x12", "66 a9 12 00") { $0.test(.w16, rax, imm: 0x12) }
        expect("test cx,0x12", "66 f7 c1 12 00") { $0.test(.w16, rcx, imm: 0x12) }
        expect("test di,0x12", "66 f7 c7 12 00") { $0.test(.w16, rdi, imm: 0x12) }
        expect("test r12w,0x12", "66 41 f7 c4 12 00") { $0.test(.w16, r12, imm: 0x12) }
        expect("test WORD PTR [rbp+r13*8-0x80],0x12", "66 42 f7 44 ed 80 12 00") {
            $0.test(.w16, .indexed(rbp, r13, scale: 3, -128), imm: 0x12)
        }
        expect("test ecx,edx", "85 d1") { $0.test(.w32, rcx, rdx) }
        expect("test eax,eax", "85 c0") { $0.test(.w32, rax, rax) }
        expect("test esp,esp", "85 e4") { $0.test(.w32, rsp, rsp) }
        expect("test ebp,ebp", "85 ed") { $0.test(.w32, rbp, rbp) }
        expect("test edi,edi", "85 ff") { $0.test(.w32, rdi, rdi) }
        expect("test r8d,r8d", "45 85 c0") { $0.test(.w32, r8, r8) }
        expect("test r12d,r12d", "45 85 e4") { $0.test(.w32, r12, r12) }
        expect("test r13d,r13d", "45 85 ed") { $0.test(.w32, r13, r13) }
        expect("test r15d,r15d", "45 85 ff") { $0.test(.w32, r15, r15) }
        expect("test DWORD PTR [rbx],edi", "85 3b") { $0.test(.w32, .base(rbx), rdi) }
        expect("test eax,0x12", "a9 12 00 00 00") { $0.test(.w32, rax, imm: 0x12) }
        expect("test ecx,0x12", "f7 c1 12 00 00 00") { $0.test(.w32, rcx, imm: 0x12) }
        expect("test edi,0x12", "f7 c7 12 00 00 00") { $0.test(.w32, rdi, imm: 0x12) }
        expect("test r12d,0x12", "41 f7 c4 12 00 00 00") { $0.test(.w32, r12, imm: 0x12) }
        expect("test DWORD PTR [rbp+r13*8-0x80],0x12", "42 f7 44 ed 80 12 00 00 00") {
            $0.test(.w32, .indexed(rbp, r13, scale: 3, -128), imm: 0x12)
        }
        expect("test rcx,rdx", "48 85 d1") { $0.test(.w64, rcx, rdx) }
        expect("test rax,rax", "48 85 c0") { $0.test(.w64, rax, rax) }
        expect("test rsp,rsp", "48 85 e4") { $0.test(.w64, rsp, rsp) }
        expect("test rbp,rbp", "48 85 ed") { $0.test(.w64, rbp, rbp) }
        expect("test rdi,rdi", "48 85 ff") { $0.test(.w64, rdi, rdi) }
        expect("test r8,r8", "4d 85 c0") { $0.test(.w64, r8, r8) }
        expect("test r12,r12", "4d 85 e4") { $0.test(.w64, r12, r12) }
        expect("test r13,r13", "4d 85 ed") { $0.test(.w64, r13, r13) }
        expect("test r15,r15", "4d 85 ff") { $0.test(.w64, r15, r15) }
        expect("test QWORD PTR [rbx],rdi", "48 85 3b") { $0.test(.w64, .base(rbx), rdi) }
        expect("test rax,0x12", "48 a9 12 00 00 00") { $0.test(.w64, rax, imm: 0x12) }
        expect("test rcx,0x12", "48 f7 c1 12 00 00 00") { $0.test(.w64, rcx, imm: 0x12) }
        expect("test rdi,0x12", "48 f7 c7 12 00 00 00") { $0.test(.w64, rdi, imm: 0x12) }
        expect("test r12,0x12", "49 f7 c4 12 00 00 00") { $0.test(.w64, r12, imm: 0x12) }
        expect("test QWORD PTR [rbp+r13*8-0x80],0x12", "4a f7 44 ed 80 12 00 00 00") {
            $0.test(.w64, .indexed(rbp, r13, scale: 3, -128), imm: 0x12)
        }
    }

    @Test("One operand")
    func oneOperand() {
        expect("neg cl", "f6 d9") { $0.neg(.w8, rcx) }
        expect("neg cx", "66 f7 d9") { $0.neg(.w16, rcx) }
        expect("neg ecx", "f7 d9") { $0.neg(.w32, rcx) }
        expect("neg rcx", "48 f7 d9") { $0.neg(.w64, rcx) }
        expect("neg rdi", "48 f7 df") { $0.neg(.w64, rdi) }
        expect("neg r13", "49 f7 dd") { $0.neg(.w64, r13) }
        expect("neg dil", "40 f6 df") { $0.neg(.w8, rdi) }
        expect("not cl", "f6 d1") { $0.not(.w8, rcx) }
        expect("not cx", "66 f7 d1") { $0.not(.w16, rcx) }
        expect("not ecx", "f7 d1") { $0.not(.w32, rcx) }
        expect("not rcx", "48 f7 d1") { $0.not(.w64, rcx) }
        expect("not rdi", "48 f7 d7") { $0.not(.w64, rdi) }
        expect("not r13", "49 f7 d5") { $0.not(.w64, r13) }
        expect("not dil", "40 f6 d7") { $0.not(.w8, rdi) }
        expect("mul cl", "f6 e1") { $0.mul(.w8, rcx) }
        expect("mul cx", "66 f7 e1") { $0.mul(.w16, rcx) }
        expect("mul ecx", "f7 e1") { $0.mul(.w32, rcx) }
        expect("mul rcx", "48 f7 e1") { $0.mul(.w64, rcx) }
        expect("mul rdi", "48 f7 e7") { $0.mul(.w64, rdi) }
        expect("mul r13", "49 f7 e5") { $0.mul(.w64, r13) }
        expect("mul dil", "40 f6 e7") { $0.mul(.w8, rdi) }
        expect("mul BYTE PTR [rbp+r13*8-0x80]", "42 f6 64 ed 80") { $0.mul(.w8, .indexed(rbp, r13, scale: 3, -128)) }
        expect("mul WORD PTR [rbp+r13*8-0x80]", "66 42 f7 64 ed 80") {
            $0.mul(.w16, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("mul DWORD PTR [rbp+r13*8-0x80]", "42 f7 64 ed 80") { $0.mul(.w32, .indexed(rbp, r13, scale: 3, -128)) }
        expect("mul QWORD PTR [rbp+r13*8-0x80]", "4a f7 64 ed 80") { $0.mul(.w64, .indexed(rbp, r13, scale: 3, -128)) }
        expect("imul cl", "f6 e9") { $0.imul(.w8, rcx) }
        expect("imul cx", "66 f7 e9") { $0.imul(.w16, rcx) }
        expect("imul ecx", "f7 e9") { $0.imul(.w32, rcx) }
        expect("imul rcx", "48 f7 e9") { $0.imul(.w64, rcx) }
        expect("imul rdi", "48 f7 ef") { $0.imul(.w64, rdi) }
        expect("imul r13", "49 f7 ed") { $0.imul(.w64, r13) }
        expect("imul dil", "40 f6 ef") { $0.imul(.w8, rdi) }
        expect("imul BYTE PTR [rbp+r13*8-0x80]", "42 f6 6c ed 80") { $0.imul(.w8, .indexed(rbp, r13, scale: 3, -128)) }
        expect("imul WORD PTR [rbp+r13*8-0x80]", "66 42 f7 6c ed 80") {
            $0.imul(.w16, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("imul DWORD PTR [rbp+r13*8-0x80]", "42 f7 6c ed 80") {
            $0.imul(.w32, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("imul QWORD PTR [rbp+r13*8-0x80]", "4a f7 6c ed 80") {
            $0.imul(.w64, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("div cl", "f6 f1") { $0.div(.w8, rcx) }
        expect("div cx", "66 f7 f1") { $0.div(.w16, rcx) }
        expect("div ecx", "f7 f1") { $0.div(.w32, rcx) }
        expect("div rcx", "48 f7 f1") { $0.div(.w64, rcx) }
        expect("div rdi", "48 f7 f7") { $0.div(.w64, rdi) }
        expect("div r13", "49 f7 f5") { $0.div(.w64, r13) }
        expect("div dil", "40 f6 f7") { $0.div(.w8, rdi) }
        expect("div BYTE PTR [rbp+r13*8-0x80]", "42 f6 74 ed 80") { $0.div(.w8, .indexed(rbp, r13, scale: 3, -128)) }
        expect("div WORD PTR [rbp+r13*8-0x80]", "66 42 f7 74 ed 80") {
            $0.div(.w16, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("div DWORD PTR [rbp+r13*8-0x80]", "42 f7 74 ed 80") { $0.div(.w32, .indexed(rbp, r13, scale: 3, -128)) }
        expect("div QWORD PTR [rbp+r13*8-0x80]", "4a f7 74 ed 80") { $0.div(.w64, .indexed(rbp, r13, scale: 3, -128)) }
        expect("idiv cl", "f6 f9") { $0.idiv(.w8, rcx) }
        expect("idiv cx", "66 f7 f9") { $0.idiv(.w16, rcx) }
        expect("idiv ecx", "f7 f9") { $0.idiv(.w32, rcx) }
        expect("idiv rcx", "48 f7 f9") { $0.idiv(.w64, rcx) }
        expect("idiv rdi", "48 f7 ff") { $0.idiv(.w64, rdi) }
        expect("idiv r13", "49 f7 fd") { $0.idiv(.w64, r13) }
        expect("idiv dil", "40 f6 ff") { $0.idiv(.w8, rdi) }
        expect("idiv BYTE PTR [rbp+r13*8-0x80]", "42 f6 7c ed 80") { $0.idiv(.w8, .indexed(rbp, r13, scale: 3, -128)) }
        expect("idiv WORD PTR [rbp+r13*8-0x80]", "66 42 f7 7c ed 80") {
            $0.idiv(.w16, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("idiv DWORD PTR [rbp+r13*8-0x80]", "42 f7 7c ed 80") {
            $0.idiv(.w32, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("idiv QWORD PTR [rbp+r13*8-0x80]", "4a f7 7c ed 80") {
            $0.idiv(.w64, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("cdq", "99") { $0.cdq() }
        expect("cqo", "48 99") { $0.cqo() }
    }

    @Test("Multiplication into a register")
    func multiplicationIntoARegister() {
        expect("imul cx,dx", "66 0f af ca") { $0.imul(.w16, rcx, rdx) }
        expect("imul r12w,bp", "66 44 0f af e5") { $0.imul(.w16, r12, rbp) }
        expect("imul sp,r15w", "66 41 0f af e7") { $0.imul(.w16, rsp, r15) }
        expect("imul r8w,WORD PTR [rbp+r13*8-0x80]", "66 46 0f af 44 ed 80") {
            $0.imul(.w16, r8, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("imul cx,r13w,0x3", "66 41 6b cd 03") { $0.imul(.w16, rcx, r13, imm: 3) }
        expect("imul cx,r13w,0xff80", "66 41 6b cd 80") { $0.imul(.w16, rcx, r13, imm: -128) }
        expect("imul cx,r13w,0x7f", "66 41 6b cd 7f") { $0.imul(.w16, rcx, r13, imm: 127) }
        expect("imul cx,r13w,0x80", "66 41 69 cd 80 00") { $0.imul(.w16, rcx, r13, imm: 128) }
        expect("imul cx,r13w,0xff7f", "66 41 69 cd 7f ff") { $0.imul(.w16, rcx, r13, imm: -129) }
        expect("imul cx,r13w,0x1234", "66 41 69 cd 34 12") { $0.imul(.w16, rcx, r13, imm: 4660) }
        expect("imul ax,ax,0xa", "66 6b c0 0a") { $0.imul(.w16, rax, rax, imm: 10) }
        expect("imul r15w,WORD PTR [rsp+r15*1+0x12345678],0xa", "66 46 6b bc 3c 78 56 34 12 0a") {
            $0.imul(.w16, r15, .indexed(rsp, r15, 305419896), imm: 10)
        }
        expect("imul r15w,WORD PTR [r12+0x8],0x3e8", "66 45 69 7c 24 08 e8 03") {
            $0.imul(.w16, r15, .base(r12, 8), imm: 1000)
        }
        expect("imul ecx,edx", "0f af ca") { $0.imul(.w32, rcx, rdx) }
        expect("imul r12d,ebp", "44 0f af e5") { $0.imul(.w32, r12, rbp) }
        expect("imul esp,r15d", "41 0f af e7") { $0.imul(.w32, rsp, r15) }
        expect("imul r8d,DWORD PTR [rbp+r13*8-0x80]", "46 0f af 44 ed 80") {
            $0.imul(.w32, r8, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("imul ecx,r13d,0x3", "41 6b cd 03") { $0.imul(.w32, rcx, r13, imm: 3) }
        expect("imul ecx,r13d,0xffffff80", "41 6b cd 80") { $0.imul(.w32, rcx, r13, imm: -128) }
        expect("imul ecx,r13d,0x7f", "41 6b cd 7f") { $0.imul(.w32, rcx, r13, imm: 127) }
        expect("imul ecx,r13d,0x80", "41 69 cd 80 00 00 00") { $0.imul(.w32, rcx, r13, imm: 128) }
        expect("imul ecx,r13d,0xffffff7f", "41 69 cd 7f ff ff ff") { $0.imul(.w32, rcx, r13, imm: -129) }
        expect("imul ecx,r13d,0x1234", "41 69 cd 34 12 00 00") { $0.imul(.w32, rcx, r13, imm: 4660) }
        expect("imul ecx,r13d,0x12345678", "41 69 cd 78 56 34 12") { $0.imul(.w32, rcx, r13, imm: 305419896) }
        expect("imul eax,eax,0xa", "6b c0 0a") { $0.imul(.w32, rax, rax, imm: 10) }
        expect("imul r15d,DWORD PTR [rsp+r15*1+0x12345678],0xa", "46 6b bc 3c 78 56 34 12 0a") {
            $0.imul(.w32, r15, .indexed(rsp, r15, 305419896), imm: 10)
        }
        expect("imul r15d,DWORD PTR [r12+0x8],0x3e8", "45 69 7c 24 08 e8 03 00 00") {
            $0.imul(.w32, r15, .base(r12, 8), imm: 1000)
        }
        expect("imul rcx,rdx", "48 0f af ca") { $0.imul(.w64, rcx, rdx) }
        expect("imul r12,rbp", "4c 0f af e5") { $0.imul(.w64, r12, rbp) }
        expect("imul rsp,r15", "49 0f af e7") { $0.imul(.w64, rsp, r15) }
        expect("imul r8,QWORD PTR [rbp+r13*8-0x80]", "4e 0f af 44 ed 80") {
            $0.imul(.w64, r8, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("imul rcx,r13,0x3", "49 6b cd 03") { $0.imul(.w64, rcx, r13, imm: 3) }
        expect("imul rcx,r13,0xffffffffffffff80", "49 6b cd 80") { $0.imul(.w64, rcx, r13, imm: -128) }
        expect("imul rcx,r13,0x7f", "49 6b cd 7f") { $0.imul(.w64, rcx, r13, imm: 127) }
        expect("imul rcx,r13,0x80", "49 69 cd 80 00 00 00") { $0.imul(.w64, rcx, r13, imm: 128) }
        expect("imul rcx,r13,0xffffffffffffff7f", "49 69 cd 7f ff ff ff") { $0.imul(.w64, rcx, r13, imm: -129) }
        expect("imul rcx,r13,0x1234", "49 69 cd 34 12 00 00") { $0.imul(.w64, rcx, r13, imm: 4660) }
        expect("imul rcx,r13,0x12345678", "49 69 cd 78 56 34 12") { $0.imul(.w64, rcx, r13, imm: 305419896) }
        expect("imul rax,rax,0xa", "48 6b c0 0a") { $0.imul(.w64, rax, rax, imm: 10) }
        expect("imul r15,QWORD PTR [rsp+r15*1+0x12345678],0xa", "4e 6b bc 3c 78 56 34 12 0a") {
            $0.imul(.w64, r15, .indexed(rsp, r15, 305419896), imm: 10)
        }
        expect("imul r15,QWORD PTR [r12+0x8],0x3e8", "4d 69 7c 24 08 e8 03 00 00") {
            $0.imul(.w64, r15, .base(r12, 8), imm: 1000)
        }
    }
}
