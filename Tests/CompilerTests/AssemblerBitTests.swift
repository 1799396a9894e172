//! Encodings of shifts and bit operations. Each row: disassembly, bytes of the GNU assembler, call.

import Testing

@testable import Compiler

@Suite("Assembler encodings: bit")
struct AssemblerBitTests: AssemblerTable {
    @Test("Shifts")
    func shifts() {
        expect("rol cl,1", "d0 c1") { $0.shift(.rol, .w8, rcx, imm: 1) }
        expect("rol cl,0x7", "c0 c1 07") { $0.shift(.rol, .w8, rcx, imm: 7) }
        expect("rol bl,cl", "d2 c3") { $0.shiftByCL(.rol, .w8, rbx) }
        expect("rol BYTE PTR [rbp+r13*8-0x80],1", "42 d0 44 ed 80") {
            $0.shift(.rol, .w8, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("rol BYTE PTR [r12+0x8],0x5", "41 c0 44 24 08 05") { $0.shift(.rol, .w8, .base(r12, 8), imm: 5) }
        expect("rol BYTE PTR [rsp+r15*1+0x12345678],cl", "42 d2 84 3c 78 56 34 12") {
            $0.shiftByCL(.rol, .w8, .indexed(rsp, r15, 305419896))
        }
        expect("rol cx,1", "66 d1 c1") { $0.shift(.rol, .w16, rcx, imm: 1) }
        expect("rol cx,0xf", "66 c1 c1 0f") { $0.shift(.rol, .w16, rcx, imm: 15) }
        expect("rol bx,cl", "66 d3 c3") { $0.shiftByCL(.rol, .w16, rbx) }
        expect("rol WORD PTR [rbp+r13*8-0x80],1", "66 42 d1 44 ed 80") {
            $0.shift(.rol, .w16, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("rol WORD PTR [r12+0x8],0x5", "66 41 c1 44 24 08 05") { $0.shift(.rol, .w16, .base(r12, 8), imm: 5) }
        expect("rol WORD PTR [rsp+r15*1+0x12345678],cl", "66 42 d3 84 3c 78 56 34 12") {
            $0.shiftByCL(.rol, .w16, .indexed(rsp, r15, 305419896))
        }
        expect("rol ecx,1", "d1 c1") { $0.shift(.rol, .w32, rcx, imm: 1) }
        expect("rol ecx,0x1f", "c1 c1 1f") { $0.shift(.rol, .w32, rcx, imm: 31) }
        expect("rol ebx,cl", "d3 c3") { $0.shiftByCL(.rol, .w32, rbx) }
        expect("rol DWORD PTR [rbp+r13*8-0x80],1", "42 d1 44 ed 80") {
            $0.shift(.rol, .w32, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("rol DWORD PTR [r12+0x8],0x5", "41 c1 44 24 08 05") { $0.shift(.rol, .w32, .base(r12, 8), imm: 5) }
        expect("rol DWORD PTR [rsp+r15*1+0x12345678],cl", "42 d3 84 3c 78 56 34 12") {
            $0.shiftByCL(.rol, .w32, .indexed(rsp, r15, 305419896))
        }
        expect("rol rcx,1", "48 d1 c1") { $0.shift(.rol, .w64, rcx, imm: 1) }
        expect("rol rcx,0x1f", "48 c1 c1 1f") { $0.shift(.rol, .w64, rcx, imm: 31) }
        expect("rol rbx,cl", "48 d3 c3") { $0.shiftByCL(.rol, .w64, rbx) }
        expect("rol QWORD PTR [rbp+r13*8-0x80],1", "4a d1 44 ed 80") {
            $0.shift(.rol, .w64, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("rol QWORD PTR [r12+0x8],0x5", "49 c1 44 24 08 05") { $0.shift(.rol, .w64, .base(r12, 8), imm: 5) }
        expect("rol QWORD PTR [rsp+r15*1+0x12345678],cl", "4a d3 84 3c 78 56 34 12") {
            $0.shiftByCL(.rol, .w64, .indexed(rsp, r15, 305419896))
        }
        expect("ror cl,1", "d0 c9") { $0.shift(.ror, .w8, rcx, imm: 1) }
        expect("ror cl,0x7", "c0 c9 07") { $0.shift(.ror, .w8, rcx, imm: 7) }
        expect("ror bl,cl", "d2 cb") { $0.shiftByCL(.ror, .w8, rbx) }
        expect("ror BYTE PTR [rbp+r13*8-0x80],1", "42 d0 4c ed 80") {
            $0.shift(.ror, .w8, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("ror BYTE PTR [r12+0x8],0x5", "41 c0 4c 24 08 05") { $0.shift(.ror, .w8, .base(r12, 8), imm: 5) }
        expect("ror BYTE PTR [rsp+r15*1+0x12345678],cl", "42 d2 8c 3c 78 56 34 12") {
            $0.shiftByCL(.ror, .w8, .indexed(rsp, r15, 305419896))
        }
        expect("ror cx,1", "66 d1 c9") { $0.shift(.ror, .w16, rcx, imm: 1) }
        expect("ror cx,0xf", "66 c1 c9 0f") { $0.shift(.ror, .w16, rcx, imm: 15) }
        expect("ror bx,cl", "66 d3 cb") { $0.shiftByCL(.ror, .w16, rbx) }
        expect("ror WORD PTR [rbp+r13*8-0x80],1", "66 42 d1 4c ed 80") {
            $0.shift(.ror, .w16, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("ror WORD PTR [r12+0x8],0x5", "66 41 c1 4c 24 08 05") { $0.shift(.ror, .w16, .base(r12, 8), imm: 5) }
        expect("ror WORD PTR [rsp+r15*1+0x12345678],cl", "66 42 d3 8c 3c 78 56 34 12") {
            $0.shiftByCL(.ror, .w16, .indexed(rsp, r15, 305419896))
        }
        expect("ror ecx,1", "d1 c9") { $0.shift(.ror, .w32, rcx, imm: 1) }
        expect("ror ecx,0x1f", "c1 c9 1f") { $0.shift(.ror, .w32, rcx, imm: 31) }
        expect("ror ebx,cl", "d3 cb") { $0.shiftByCL(.ror, .w32, rbx) }
        expect("ror DWORD PTR [rbp+r13*8-0x80],1", "42 d1 4c ed 80") {
            $0.shift(.ror, .w32, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("ror DWORD PTR [r12+0x8],0x5", "41 c1 4c 24 08 05") { $0.shift(.ror, .w32, .base(r12, 8), imm: 5) }
        expect("ror DWORD PTR [rsp+r15*1+0x12345678],cl", "42 d3 8c 3c 78 56 34 12") {
            $0.shiftByCL(.ror, .w32, .indexed(rsp, r15, 305419896))
        }
        expect("ror rcx,1", "48 d1 c9") { $0.shift(.ror, .w64, rcx, imm: 1) }
        expect("ror rcx,0x1f", "48 c1 c9 1f") { $0.shift(.ror, .w64, rcx, imm: 31) }
        expect("ror rbx,cl", "48 d3 cb") { $0.shiftByCL(.ror, .w64, rbx) }
        expect("ror QWORD PTR [rbp+r13*8-0x80],1", "4a d1 4c ed 80") {
            $0.shift(.ror, .w64, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("ror QWORD PTR [r12+0x8],0x5", "49 c1 4c 24 08 05") { $0.shift(.ror, .w64, .base(r12, 8), imm: 5) }
        expect("ror QWORD PTR [rsp+r15*1+0x12345678],cl", "4a d3 8c 3c 78 56 34 12") {
            $0.shiftByCL(.ror, .w64, .indexed(rsp, r15, 305419896))
        }
        expect("shl cl,1", "d0 e1") { $0.shift(.shl, .w8, rcx, imm: 1) }
        expect("shl cl,0x7", "c0 e1 07") { $0.shift(.shl, .w8, rcx, imm: 7) }
        expect("shl bl,cl", "d2 e3") { $0.shiftByCL(.shl, .w8, rbx) }
        expect("shl BYTE PTR [rbp+r13*8-0x80],1", "42 d0 64 ed 80") {
            $0.shift(.shl, .w8, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("shl BYTE PTR [r12+0x8],0x5", "41 c0 64 24 08 05") { $0.shift(.shl, .w8, .base(r12, 8), imm: 5) }
        expect("shl BYTE PTR [rsp+r15*1+0x12345678],cl", "42 d2 a4 3c 78 56 34 12") {
            $0.shiftByCL(.shl, .w8, .indexed(rsp, r15, 305419896))
        }
        expect("shl cx,1", "66 d1 e1") { $0.shift(.shl, .w16, rcx, imm: 1) }
        expect("shl cx,0xf", "66 c1 e1 0f") { $0.shift(.shl, .w16, rcx, imm: 15) }
        expect("shl bx,cl", "66 d3 e3") { $0.shiftByCL(.shl, .w16, rbx) }
        expect("shl WORD PTR [rbp+r13*8-0x80],1", "66 42 d1 64 ed 80") {
            $0.shift(.shl, .w16, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("shl WORD PTR [r12+0x8],0x5", "66 41 c1 64 24 08 05") { $0.shift(.shl, .w16, .base(r12, 8), imm: 5) }
        expect("shl WORD PTR [rsp+r15*1+0x12345678],cl", "66 42 d3 a4 3c 78 56 34 12") {
            $0.shiftByCL(.shl, .w16, .indexed(rsp, r15, 305419896))
        }
        expect("shl ecx,1", "d1 e1") { $0.shift(.shl, .w32, rcx, imm: 1) }
        expect("shl ecx,0x1f", "c1 e1 1f") { $0.shift(.shl, .w32, rcx, imm: 31) }
        expect("shl ebx,cl", "d3 e3") { $0.shiftByCL(.shl, .w32, rbx) }
        expect("shl DWORD PTR [rbp+r13*8-0x80],1", "42 d1 64 ed 80") {
            $0.shift(.shl, .w32, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("shl DWORD PTR [r12+0x8],0x5", "41 c1 64 24 08 05") { $0.shift(.shl, .w32, .base(r12, 8), imm: 5) }
        expect("shl DWORD PTR [rsp+r15*1+0x12345678],cl", "42 d3 a4 3c 78 56 34 12") {
            $0.shiftByCL(.shl, .w32, .indexed(rsp, r15, 305419896))
        }
        expect("shl rcx,1", "48 d1 e1") { $0.shift(.shl, .w64, rcx, imm: 1) }
        expect("shl rcx,0x1f", "48 c1 e1 1f") { $0.shift(.shl, .w64, rcx, imm: 31) }
        expect("shl rbx,cl", "48 d3 e3") { $0.shiftByCL(.shl, .w64, rbx) }
        expect("shl QWORD PTR [rbp+r13*8-0x80],1", "4a d1 64 ed 80") {
            $0.shift(.shl, .w64, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("shl QWORD PTR [r12+0x8],0x5", "49 c1 64 24 08 05") { $0.shift(.shl, .w64, .base(r12, 8), imm: 5) }
        expect("shl QWORD PTR [rsp+r15*1+0x12345678],cl", "4a d3 a4 3c 78 56 34 12") {
            $0.shiftByCL(.shl, .w64, .indexed(rsp, r15, 305419896))
        }
        expect("shr cl,1", "d0 e9") { $0.shift(.shr, .w8, rcx, imm: 1) }
        expect("shr cl,0x7", "c0 e9 07") { $0.shift(.shr, .w8, rcx, imm: 7) }
        expect("shr bl,cl", "d2 eb") { $0.shiftByCL(.shr, .w8, rbx) }
        expect("shr BYTE PTR [rbp+r13*8-0x80],1", "42 d0 6c ed 80") {
            $0.shift(.shr, .w8, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("shr BYTE PTR [r12+0x8],0x5", "41 c0 6c 24 08 05") { $0.shift(.shr, .w8, .base(r12, 8), imm: 5) }
        expect("shr BYTE PTR [rsp+r15*1+0x12345678],cl", "42 d2 ac 3c 78 56 34 12") {
            $0.shiftByCL(.shr, .w8, .indexed(rsp, r15, 305419896))
        }
        expect("shr cx,1", "66 d1 e9") { $0.shift(.shr, .w16, rcx, imm: 1) }
        expect("shr cx,0xf", "66 c1 e9 0f") { $0.shift(.shr, .w16, rcx, imm: 15) }
        expect("shr bx,cl", "66 d3 eb") { $0.shiftByCL(.shr, .w16, rbx) }
        expect("shr WORD PTR [rbp+r13*8-0x80],1", "66 42 d1 6c ed 80") {
            $0.shift(.shr, .w16, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("shr WORD PTR [r12+0x8],0x5", "66 41 c1 6c 24 08 05") { $0.shift(.shr, .w16, .base(r12, 8), imm: 5) }
        expect("shr WORD PTR [rsp+r15*1+0x12345678],cl", "66 42 d3 ac 3c 78 56 34 12") {
            $0.shiftByCL(.shr, .w16, .indexed(rsp, r15, 305419896))
        }
        expect("shr ecx,1", "d1 e9") { $0.shift(.shr, .w32, rcx, imm: 1) }
        expect("shr ecx,0x1f", "c1 e9 1f") { $0.shift(.shr, .w32, rcx, imm: 31) }
        expect("shr ebx,cl", "d3 eb") { $0.shiftByCL(.shr, .w32, rbx) }
        expect("shr DWORD PTR [rbp+r13*8-0x80],1", "42 d1 6c ed 80") {
            $0.shift(.shr, .w32, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("shr DWORD PTR [r12+0x8],0x5", "41 c1 6c 24 08 05") { $0.shift(.shr, .w32, .base(r12, 8), imm: 5) }
        expect("shr DWORD PTR [rsp+r15*1+0x12345678],cl", "42 d3 ac 3c 78 56 34 12") {
            $0.shiftByCL(.shr, .w32, .indexed(rsp, r15, 305419896))
        }
        expect("shr rcx,1", "48 d1 e9") { $0.shift(.shr, .w64, rcx, imm: 1) }
        expect("shr rcx,0x1f", "48 c1 e9 1f") { $0.shift(.shr, .w64, rcx, imm: 31) }
        expect("shr rbx,cl", "48 d3 eb") { $0.shiftByCL(.shr, .w64, rbx) }
        expect("shr QWORD PTR [rbp+r13*8-0x80],1", "4a d1 6c ed 80") {
            $0.shift(.shr, .w64, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("shr QWORD PTR [r12+0x8],0x5", "49 c1 6c 24 08 05") { $0.shift(.shr, .w64, .base(r12, 8), imm: 5) }
        expect("shr QWORD PTR [rsp+r15*1+0x12345678],cl", "4a d3 ac 3c 78 56 34 12") {
            $0.shiftByCL(.shr, .w64, .indexed(rsp, r15, 305419896))
        }
        expect("sar cl,1", "d0 f9") { $0.shift(.sar, .w8, rcx, imm: 1) }
        expect("sar cl,0x7", "c0 f9 07") { $0.shift(.sar, .w8, rcx, imm: 7) }
        expect("sar bl,cl", "d2 fb") { $0.shiftByCL(.sar, .w8, rbx) }
        expect("sar BYTE PTR [rbp+r13*8-0x80],1", "42 d0 7c ed 80") {
            $0.shift(.sar, .w8, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("sar BYTE PTR [r12+0x8],0x5", "41 c0 7c 24 08 05") { $0.shift(.sar, .w8, .base(r12, 8), imm: 5) }
        expect("sar BYTE PTR [rsp+r15*1+0x12345678],cl", "42 d2 bc 3c 78 56 34 12") {
            $0.shiftByCL(.sar, .w8, .indexed(rsp, r15, 305419896))
        }
        expect("sar cx,1", "66 d1 f9") { $0.shift(.sar, .w16, rcx, imm: 1) }
        expect("sar cx,0xf", "66 c1 f9 0f") { $0.shift(.sar, .w16, rcx, imm: 15) }
        expect("sar bx,cl", "66 d3 fb") { $0.shiftByCL(.sar, .w16, rbx) }
        expect("sar WORD PTR [rbp+r13*8-0x80],1", "66 42 d1 7c ed 80") {
            $0.shift(.sar, .w16, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("sar WORD PTR [r12+0x8],0x5", "66 41 c1 7c 24 08 05") { $0.shift(.sar, .w16, .base(r12, 8), imm: 5) }
        expect("sar WORD PTR [rsp+r15*1+0x12345678],cl", "66 42 d3 bc 3c 78 56 34 12") {
            $0.shiftByCL(.sar, .w16, .indexed(rsp, r15, 305419896))
        }
        expect("sar ecx,1", "d1 f9") { $0.shift(.sar, .w32, rcx, imm: 1) }
        expect("sar ecx,0x1f", "c1 f9 1f") { $0.shift(.sar, .w32, rcx, imm: 31) }
        expect("sar ebx,cl", "d3 fb") { $0.shiftByCL(.sar, .w32, rbx) }
        expect("sar DWORD PTR [rbp+r13*8-0x80],1", "42 d1 7c ed 80") {
            $0.shift(.sar, .w32, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("sar DWORD PTR [r12+0x8],0x5", "41 c1 7c 24 08 05") { $0.shift(.sar, .w32, .base(r12, 8), imm: 5) }
        expect("sar DWORD PTR [rsp+r15*1+0x12345678],cl", "42 d3 bc 3c 78 56 34 12") {
            $0.shiftByCL(.sar, .w32, .indexed(rsp, r15, 305419896))
        }
        expect("sar rcx,1", "48 d1 f9") { $0.shift(.sar, .w64, rcx, imm: 1) }
        expect("sar rcx,0x1f", "48 c1 f9 1f") { $0.shift(.sar, .w64, rcx, imm: 31) }
        expect("sar rbx,cl", "48 d3 fb") { $0.shiftByCL(.sar, .w64, rbx) }
        expect("sar QWORD PTR [rbp+r13*8-0x80],1", "4a d1 7c ed 80") {
            $0.shift(.sar, .w64, .indexed(rbp, r13, scale: 3, -128), imm: 1)
        }
        expect("sar QWORD PTR [r12+0x8],0x5", "49 c1 7c 24 08 05") { $0.shift(.sar, .w64, .base(r12, 8), imm: 5) }
        expect("sar QWORD PTR [rsp+r15*1+0x12345678],cl", "4a d3 bc 3c 78 56 34 12") {
            $0.shiftByCL(.sar, .w64, .indexed(rsp, r15, 305419896))
        }
        expect("shl al,0x3", "c0 e0 03") { $0.shift(.shl, .w8, rax, imm: 3) }
        expect("shr eax,1", "d1 e8") { $0.shift(.shr, .w32, rax, imm: 1) }
        expect("sar rax,0x3f", "48 c1 f8 3f") { $0.shift(.sar, .w64, rax, imm: 63) }
        expect("rol rax,cl", "48 d3 c0") { $0.shiftByCL(.rol, .w64, rax) }
        expect("ror al,cl", "d2 c8") { $0.shiftByCL(.ror, .w8, rax) }
        expect("shl spl,0x3", "40 c0 e4 03") { $0.shift(.shl, .w8, rsp, imm: 3) }
        expect("shr esp,1", "d1 ec") { $0.shift(.shr, .w32, rsp, imm: 1) }
        expect("sar rsp,0x3f", "48 c1 fc 3f") { $0.shift(.sar, .w64, rsp, imm: 63) }
        expect("rol rsp,cl", "48 d3 c4") { $0.shiftByCL(.rol, .w64, rsp) }
        expect("ror spl,cl", "40 d2 cc") { $0.shiftByCL(.ror, .w8, rsp) }
        expect("shl bpl,0x3", "40 c0 e5 03") { $0.shift(.shl, .w8, rbp, imm: 3) }
        expect("shr ebp,1", "d1 ed") { $0.shift(.shr, .w32, rbp, imm: 1) }
        expect("sar rbp,0x3f", "48 c1 fd 3f") { $0.shift(.sar, .w64, rbp, imm: 63) }
        expect("rol rbp,cl", "48 d3 c5") { $0.shiftByCL(.rol, .w64, rbp) }
        expect("ror bpl,cl", "40 d2 cd") { $0.shiftByCL(.ror, .w8, rbp) }
        expect("shl dil,0x3", "40 c0 e7 03") { $0.shift(.shl, .w8, rdi, imm: 3) }
        expect("shr edi,1", "d1 ef") { $0.shift(.shr, .w32, rdi, imm: 1) }
        expect("sar rdi,0x3f", "48 c1 ff 3f") { $0.shift(.sar, .w64, rdi, imm: 63) }
        expect("rol rdi,cl", "48 d3 c7") { $0.shiftByCL(.rol, .w64, rdi) }
        expect("ror dil,cl", "40 d2 cf") { $0.shiftByCL(.ror, .w8, rdi) }
        expect("shl r8b,0x3", "41 c0 e0 03") { $0.shift(.shl, .w8, r8, imm: 3) }
        expect("shr r8d,1", "41 d1 e8") { $0.shift(.shr, .w32, r8, imm: 1) }
        expect("sar r8,0x3f", "49 c1 f8 3f") { $0.shift(.sar, .w64, r8, imm: 63) }
        expect("rol r8,cl", "49 d3 c0") { $0.shiftByCL(.rol, .w64, r8) }
        expect("ror r8b,cl", "41 d2 c8") { $0.shiftByCL(.ror, .w8, r8) }
        expect("shl r12b,0x3", "41 c0 e4 03") { $0.shift(.shl, .w8, r12, imm: 3) }
        expect("shr r12d,1", "41 d1 ec") { $0.shift(.shr, .w32, r12, imm: 1) }
        expect("sar r12,0x3f", "49 c1 fc 3f") { $0.shift(.sar, .w64, r12, imm: 63) }
        expect("rol r12,cl", "49 d3 c4") { $0.shiftByCL(.rol, .w64, r12) }
        expect("ror r12b,cl", "41 d2 cc") { $0.shiftByCL(.ror, .w8, r12) }
        expect("shl r13b,0x3", "41 c0 e5 03") { $0.shift(.shl, .w8, r13, imm: 3) }
        expect("shr r13d,1", "41 d1 ed") { $0.shift(.shr, .w32, r13, imm: 1) }
        expect("sar r13,0x3f", "49 c1 fd 3f") { $0.shift(.sar, .w64, r13, imm: 63) }
        expect("rol r13,cl", "49 d3 c5") { $0.shiftByCL(.rol, .w64, r13) }
        expect("ror r13b,cl", "41 d2 cd") { $0.shiftByCL(.ror, .w8, r13) }
        expect("shl r15b,0x3", "41 c0 e7 03") { $0.shift(.shl, .w8, r15, imm: 3) }
        expect("shr r15d,1", "41 d1 ef") { $0.shift(.shr, .w32, r15, imm: 1) }
        expect("sar r15,0x3f", "49 c1 ff 3f") { $0.shift(.sar, .w64, r15, imm: 63) }
        expect("rol r15,cl", "49 d3 c7") { $0.shiftByCL(.rol, .w64, r15) }
        expect("ror r15b,cl", "41 d2 cf") { $0.shiftByCL(.ror, .w8, r15) }
    }

    @Test("Shifts without flags")
    func shiftsWithoutFlags() {
        expect("shlx eax,ecx,edx", "c4 e2 69 f7 c1") { $0.shlx(.w32, rax, rcx, rdx) }
        expect("shlx r8d,ebp,esp", "c4 62 59 f7 c5") { $0.shlx(.w32, r8, rbp, rsp) }
        expect("shlx edi,r12d,eax", "c4 c2 79 f7 fc") { $0.shlx(.w32, rdi, r12, rax) }
        expect("shlx ebp,edi,r15d", "c4 e2 01 f7 ef") { $0.shlx(.w32, rbp, rdi, r15) }
        expect("shlx r13d,DWORD PTR [rbx],r9d", "c4 62 31 f7 2b") { $0.shlx(.w32, r13, .base(rbx), r9) }
        expect("shlx r13d,DWORD PTR [r12+0x8],r9d", "c4 42 31 f7 6c 24 08") { $0.shlx(.w32, r13, .base(r12, 8), r9) }
        expect("shlx r13d,DWORD PTR [rbp+r13*8-0x80],r9d", "c4 22 31 f7 6c ed 80") {
            $0.shlx(.w32, r13, .indexed(rbp, r13, scale: 3, -128), r9)
        }
        expect("shlx r13d,DWORD PTR [rsp+r15*1+0x12345678],r9d", "c4 22 31 f7 ac 3c 78 56 34 12") {
            $0.shlx(.w32, r13, .indexed(rsp, r15, 305419896), r9)
        }
        expect("shlx rax,rcx,rdx", "c4 e2 e9 f7 c1") { $0.shlx(.w64, rax, rcx, rdx) }
        expect("shlx r8,rbp,rsp", "c4 62 d9 f7 c5") { $0.shlx(.w64, r8, rbp, rsp) }
        expect("shlx rdi,r12,rax", "c4 c2 f9 f7 fc") { $0.shlx(.w64, rdi, r12, rax) }
        expect("shlx rbp,rdi,r15", "c4 e2 81 f7 ef") { $0.shlx(.w64, rbp, rdi, r15) }
        expect("shlx r13,QWORD PTR [rbx],r9", "c4 62 b1 f7 2b") { $0.shlx(.w64, r13, .base(rbx), r9) }
        expect("shlx r13,QWORD PTR [r12+0x8],r9", "c4 42 b1 f7 6c 24 08") { $0.shlx(.w64, r13, .base(r12, 8), r9) }
        expect("shlx r13,QWORD PTR [rbp+r13*8-0x80],r9", "c4 22 b1 f7 6c ed 80") {
            $0.shlx(.w64, r13, .indexed(rbp, r13, scale: 3, -128), r9)
        }
        expect("shlx r13,QWORD PTR [rsp+r15*1+0x12345678],r9", "c4 22 b1 f7 ac 3c 78 56 34 12") {
            $0.shlx(.w64, r13, .indexed(rsp, r15, 305419896), r9)
        }
        expect("shrx eax,ecx,edx", "c4 e2 6b f7 c1") { $0.shrx(.w32, rax, rcx, rdx) }
        expect("shrx r8d,ebp,esp", "c4 62 5b f7 c5") { $0.shrx(.w32, r8, rbp, rsp) }
        expect("shrx edi,r12d,eax", "c4 c2 7b f7 fc") { $0.shrx(.w32, rdi, r12, rax) }
        expect("shrx ebp,edi,r15d", "c4 e2 03 f7 ef") { $0.shrx(.w32, rbp, rdi, r15) }
        expect("shrx r13d,DWORD PTR [rbx],r9d", "c4 62 33 f7 2b") { $0.shrx(.w32, r13, .base(rbx), r9) }
        expect("shrx r13d,DWORD PTR [r12+0x8],r9d", "c4 42 33 f7 6c 24 08") { $0.shrx(.w32, r13, .base(r12, 8), r9) }
        expect("shrx r13d,DWORD PTR [rbp+r13*8-0x80],r9d", "c4 22 33 f7 6c ed 80") {
            $0.shrx(.w32, r13, .indexed(rbp, r13, scale: 3, -128), r9)
        }
        expect("shrx r13d,DWORD PTR [rsp+r15*1+0x12345678],r9d", "c4 22 33 f7 ac 3c 78 56 34 12") {
            $0.shrx(.w32, r13, .indexed(rsp, r15, 305419896), r9)
        }
        expect("shrx rax,rcx,rdx", "c4 e2 eb f7 c1") { $0.shrx(.w64, rax, rcx, rdx) }
        expect("shrx r8,rbp,rsp", "c4 62 db f7 c5") { $0.shrx(.w64, r8, rbp, rsp) }
        expect("shrx rdi,r12,rax", "c4 c2 fb f7 fc") { $0.shrx(.w64, rdi, r12, rax) }
        expect("shrx rbp,rdi,r15", "c4 e2 83 f7 ef") { $0.shrx(.w64, rbp, rdi, r15) }
        expect("shrx r13,QWORD PTR [rbx],r9", "c4 62 b3 f7 2b") { $0.shrx(.w64, r13, .base(rbx), r9) }
        expect("shrx r13,QWORD PTR [r12+0x8],r9", "c4 42 b3 f7 6c 24 08") { $0.shrx(.w64, r13, .base(r12, 8), r9) }
        expect("shrx r13,QWORD PTR [rbp+r13*8-0x80],r9", "c4 22 b3 f7 6c ed 80") {
            $0.shrx(.w64, r13, .indexed(rbp, r13, scale: 3, -128), r9)
        }
        expect("shrx r13,QWORD PTR [rsp+r15*1+0x12345678],r9", "c4 22 b3 f7 ac 3c 78 56 34 12") {
            $0.shrx(.w64, r13, .indexed(rsp, r15, 305419896), r9)
        }
        expect("sarx eax,ecx,edx", "c4 e2 6a f7 c1") { $0.sarx(.w32, rax, rcx, rdx) }
        expect("sarx r8d,ebp,esp", "c4 62 5a f7 c5") { $0.sarx(.w32, r8, rbp, rsp) }
        expect("sarx edi,r12d,eax", "c4 c2 7a f7 fc") { $0.sarx(.w32, rdi, r12, rax) }
        expect("sarx ebp,edi,r15d", "c4 e2 02 f7 ef") { $0.sarx(.w32, rbp, rdi, r15) }
        expect("sarx r13d,DWORD PTR [rbx],r9d", "c4 62 32 f7 2b") { $0.sarx(.w32, r13, .base(rbx), r9) }
        expect("sarx r13d,DWORD PTR [r12+0x8],r9d", "c4 42 32 f7 6c 24 08") { $0.sarx(.w32, r13, .base(r12, 8), r9) }
        expect("sarx r13d,DWORD PTR [rbp+r13*8-0x80],r9d", "c4 22 32 f7 6c ed 80") {
            $0.sarx(.w32, r13, .indexed(rbp, r13, scale: 3, -128), r9)
        }
        expect("sarx r13d,DWORD PTR [rsp+r15*1+0x12345678],r9d", "c4 22 32 f7 ac 3c 78 56 34 12") {
            $0.sarx(.w32, r13, .indexed(rsp, r15, 305419896), r9)
        }
        expect("sarx rax,rcx,rdx", "c4 e2 ea f7 c1") { $0.sarx(.w64, rax, rcx, rdx) }
        expect("sarx r8,rbp,rsp", "c4 62 da f7 c5") { $0.sarx(.w64, r8, rbp, rsp) }
        expect("sarx rdi,r12,rax", "c4 c2 fa f7 fc") { $0.sarx(.w64, rdi, r12, rax) }
        expect("sarx rbp,rdi,r15", "c4 e2 82 f7 ef") { $0.sarx(.w64, rbp, rdi, r15) }
        expect("sarx r13,QWORD PTR [rbx],r9", "c4 62 b2 f7 2b") { $0.sarx(.w64, r13, .base(rbx), r9) }
        expect("sarx r13,QWORD PTR [r12+0x8],r9", "c4 42 b2 f7 6c 24 08") { $0.sarx(.w64, r13, .base(r12, 8), r9) }
        expect("sarx r13,QWORD PTR [rbp+r13*8-0x80],r9", "c4 22 b2 f7 6c ed 80") {
            $0.sarx(.w64, r13, .indexed(rbp, r13, scale: 3, -128), r9)
        }
        expect("sarx r13,QWORD PTR [rsp+r15*1+0x12345678],r9", "c4 22 b2 f7 ac 3c 78 56 34 12") {
            $0.sarx(.w64, r13, .indexed(rsp, r15, 305419896), r9)
        }
        expect("rorx eax,ecx,0x7", "c4 e3 7b f0 c1 07") { $0.rorx(.w32, rax, rcx, imm: 7) }
        expect("rorx ecx,eax,0x1f", "c4 e3 7b f0 c8 1f") { $0.rorx(.w32, rcx, rax, imm: 31) }
        expect("rorx esp,ecx,0x7", "c4 e3 7b f0 e1 07") { $0.rorx(.w32, rsp, rcx, imm: 7) }
        expect("rorx ecx,esp,0x1f", "c4 e3 7b f0 cc 1f") { $0.rorx(.w32, rcx, rsp, imm: 31) }
        expect("rorx ebp,ecx,0x7", "c4 e3 7b f0 e9 07") { $0.rorx(.w32, rbp, rcx, imm: 7) }
        expect("rorx ecx,ebp,0x1f", "c4 e3 7b f0 cd 1f") { $0.rorx(.w32, rcx, rbp, imm: 31) }
        expect("rorx edi,ecx,0x7", "c4 e3 7b f0 f9 07") { $0.rorx(.w32, rdi, rcx, imm: 7) }
        expect("rorx ecx,edi,0x1f", "c4 e3 7b f0 cf 1f") { $0.rorx(.w32, rcx, rdi, imm: 31) }
        expect("rorx r8d,ecx,0x7", "c4 63 7b f0 c1 07") { $0.rorx(.w32, r8, rcx, imm: 7) }
        expect("rorx ecx,r8d,0x1f", "c4 c3 7b f0 c8 1f") { $0.rorx(.w32, rcx, r8, imm: 31) }
        expect("rorx r12d,ecx,0x7", "c4 63 7b f0 e1 07") { $0.rorx(.w32, r12, rcx, imm: 7) }
        expect("rorx ecx,r12d,0x1f", "c4 c3 7b f0 cc 1f") { $0.rorx(.w32, rcx, r12, imm: 31) }
        expect("rorx r13d,ecx,0x7", "c4 63 7b f0 e9 07") { $0.rorx(.w32, r13, rcx, imm: 7) }
        expect("rorx ecx,r13d,0x1f", "c4 c3 7b f0 cd 1f") { $0.rorx(.w32, rcx, r13, imm: 31) }
        expect("rorx r15d,ecx,0x7", "c4 63 7b f0 f9 07") { $0.rorx(.w32, r15, rcx, imm: 7) }
        expect("rorx ecx,r15d,0x1f", "c4 c3 7b f0 cf 1f") { $0.rorx(.w32, rcx, r15, imm: 31) }
        expect("rorx r9d,DWORD PTR [rbx],0x7", "c4 63 7b f0 0b 07") { $0.rorx(.w32, r9, .base(rbx), imm: 7) }
        expect("rorx r9d,DWORD PTR [r12+0x8],0x7", "c4 43 7b f0 4c 24 08 07") {
            $0.rorx(.w32, r9, .base(r12, 8), imm: 7)
        }
        expect("rorx r9d,DWORD PTR [rbp+r13*8-0x80],0x7", "c4 23 7b f0 4c ed 80 07") {
            $0.rorx(.w32, r9, .indexed(rbp, r13, scale: 3, -128), imm: 7)
        }
        expect("rorx r9d,DWORD PTR [rsp+r15*1+0x12345678],0x7", "c4 23 7b f0 8c 3c 78 56 34 12 07") {
            $0.rorx(.w32, r9, .indexed(rsp, r15, 305419896), imm: 7)
        }
        expect("rorx rax,rcx,0x7", "c4 e3 fb f0 c1 07") { $0.rorx(.w64, rax, rcx, imm: 7) }
        expect("rorx rcx,rax,0x1f", "c4 e3 fb f0 c8 1f") { $0.rorx(.w64, rcx, rax, imm: 31) }
        expect("rorx rsp,rcx,0x7", "c4 e3 fb f0 e1 07") { $0.rorx(.w64, rsp, rcx, imm: 7) }
        expect("rorx rcx,rsp,0x1f", "c4 e3 fb f0 cc 1f") { $0.rorx(.w64, rcx, rsp, imm: 31) }
        expect("rorx rbp,rcx,0x7", "c4 e3 fb f0 e9 07") { $0.rorx(.w64, rbp, rcx, imm: 7) }
        expect("rorx rcx,rbp,0x1f", "c4 e3 fb f0 cd 1f") { $0.rorx(.w64, rcx, rbp, imm: 31) }
        expect("rorx rdi,rcx,0x7", "c4 e3 fb f0 f9 07") { $0.rorx(.w64, rdi, rcx, imm: 7) }
        expect("rorx rcx,rdi,0x1f", "c4 e3 fb f0 cf 1f") { $0.rorx(.w64, rcx, rdi, imm: 31) }
        expect("rorx r8,rcx,0x7", "c4 63 fb f0 c1 07") { $0.rorx(.w64, r8, rcx, imm: 7) }
        expect("rorx rcx,r8,0x1f", "c4 c3 fb f0 c8 1f") { $0.rorx(.w64, rcx, r8, imm: 31) }
        expect("rorx r12,rcx,0x7", "c4 63 fb f0 e1 07") { $0.rorx(.w64, r12, rcx, imm: 7) }
        expect("rorx rcx,r12,0x1f", "c4 c3 fb f0 cc 1f") { $0.rorx(.w64, rcx, r12, imm: 31) }
        expect("rorx r13,rcx,0x7", "c4 63 fb f0 e9 07") { $0.rorx(.w64, r13, rcx, imm: 7) }
        expect("rorx rcx,r13,0x1f", "c4 c3 fb f0 cd 1f") { $0.rorx(.w64, rcx, r13, imm: 31) }
        expect("rorx r15,rcx,0x7", "c4 63 fb f0 f9 07") { $0.rorx(.w64, r15, rcx, imm: 7) }
        expect("rorx rcx,r15,0x1f", "c4 c3 fb f0 cf 1f") { $0.rorx(.w64, rcx, r15, imm: 31) }
        expect("rorx r9,QWORD PTR [rbx],0x7", "c4 63 fb f0 0b 07") { $0.rorx(.w64, r9, .base(rbx), imm: 7) }
        expect("rorx r9,QWORD PTR [r12+0x8],0x7", "c4 43 fb f0 4c 24 08 07") {
            $0.rorx(.w64, r9, .base(r12, 8), imm: 7)
        }
        expect("rorx r9,QWORD PTR [rbp+r13*8-0x80],0x7", "c4 23 fb f0 4c ed 80 07") {
            $0.rorx(.w64, r9, .indexed(rbp, r13, scale: 3, -128), imm: 7)
        }
        expect("rorx r9,QWORD PTR [rsp+r15*1+0x12345678],0x7", "c4 23 fb f0 8c 3c 78 56 34 12 07") {
            $0.rorx(.w64, r9, .indexed(rsp, r15, 305419896), imm: 7)
        }
    }

    @Test("Masks")
    func masks() {
        expect("andn eax,ecx,edx", "c4 e2 70 f2 c2") { $0.andn(.w32, rax, rcx, rdx) }
        expect("blsr eax,ecx", "c4 e2 78 f3 c9") { $0.blsr(.w32, rax, rcx) }
        expect("blsi eax,ecx", "c4 e2 78 f3 d9") { $0.blsi(.w32, rax, rcx) }
        expect("andn r8d,ebp,esp", "c4 62 50 f2 c4") { $0.andn(.w32, r8, rbp, rsp) }
        expect("blsr r8d,ebp", "c4 e2 38 f3 cd") { $0.blsr(.w32, r8, rbp) }
        expect("blsi r8d,ebp", "c4 e2 38 f3 dd") { $0.blsi(.w32, r8, rbp) }
        expect("andn edi,r12d,eax", "c4 e2 18 f2 f8") { $0.andn(.w32, rdi, r12, rax) }
        expect("blsr edi,r12d", "c4 c2 40 f3 cc") { $0.blsr(.w32, rdi, r12) }
        expect("blsi edi,r12d", "c4 c2 40 f3 dc") { $0.blsi(.w32, rdi, r12) }
        expect("andn ebp,edi,r15d", "c4 c2 40 f2 ef") { $0.andn(.w32, rbp, rdi, r15) }
        expect("blsr ebp,edi", "c4 e2 50 f3 cf") { $0.blsr(.w32, rbp, rdi) }
        expect("blsi ebp,edi", "c4 e2 50 f3 df") { $0.blsi(.w32, rbp, rdi) }
        expect("andn ecx,r13d,DWORD PTR [r12+0x8]", "c4 c2 10 f2 4c 24 08") { $0.andn(.w32, rcx, r13, .base(r12, 8)) }
        expect("blsr r13d,DWORD PTR [r12+0x8]", "c4 c2 10 f3 4c 24 08") { $0.blsr(.w32, r13, .base(r12, 8)) }
        expect("blsi r13d,DWORD PTR [r12+0x8]", "c4 c2 10 f3 5c 24 08") { $0.blsi(.w32, r13, .base(r12, 8)) }
        expect("andn ecx,r13d,DWORD PTR [rbp+r13*8-0x80]", "c4 a2 10 f2 4c ed 80") {
            $0.andn(.w32, rcx, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("blsr r13d,DWORD PTR [rbp+r13*8-0x80]", "c4 a2 10 f3 4c ed 80") {
            $0.blsr(.w32, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("blsi r13d,DWORD PTR [rbp+r13*8-0x80]", "c4 a2 10 f3 5c ed 80") {
            $0.blsi(.w32, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("andn rax,rcx,rdx", "c4 e2 f0 f2 c2") { $0.andn(.w64, rax, rcx, rdx) }
        expect("blsr rax,rcx", "c4 e2 f8 f3 c9") { $0.blsr(.w64, rax, rcx) }
        expect("blsi rax,rcx", "c4 e2 f8 f3 d9") { $0.blsi(.w64, rax, rcx) }
        expect("andn r8,rbp,rsp", "c4 62 d0 f2 c4") { $0.andn(.w64, r8, rbp, rsp) }
        expect("blsr r8,rbp", "c4 e2 b8 f3 cd") { $0.blsr(.w64, r8, rbp) }
        expect("blsi r8,rbp", "c4 e2 b8 f3 dd") { $0.blsi(.w64, r8, rbp) }
        expect("andn rdi,r12,rax", "c4 e2 98 f2 f8") { $0.andn(.w64, rdi, r12, rax) }
        expect("blsr rdi,r12", "c4 c2 c0 f3 cc") { $0.blsr(.w64, rdi, r12) }
        expect("blsi rdi,r12", "c4 c2 c0 f3 dc") { $0.blsi(.w64, rdi, r12) }
        expect("andn rbp,rdi,r15", "c4 c2 c0 f2 ef") { $0.andn(.w64, rbp, rdi, r15) }
        expect("blsr rbp,rdi", "c4 e2 d0 f3 cf") { $0.blsr(.w64, rbp, rdi) }
        expect("blsi rbp,rdi", "c4 e2 d0 f3 df") { $0.blsi(.w64, rbp, rdi) }
        expect("andn rcx,r13,QWORD PTR [r12+0x8]", "c4 c2 90 f2 4c 24 08") { $0.andn(.w64, rcx, r13, .base(r12, 8)) }
        expect("blsr r13,QWORD PTR [r12+0x8]", "c4 c2 90 f3 4c 24 08") { $0.blsr(.w64, r13, .base(r12, 8)) }
        expect("blsi r13,QWORD PTR [r12+0x8]", "c4 c2 90 f3 5c 24 08") { $0.blsi(.w64, r13, .base(r12, 8)) }
        expect("andn rcx,r13,QWORD PTR [rbp+r13*8-0x80]", "c4 a2 90 f2 4c ed 80") {
            $0.andn(.w64, rcx, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("blsr r13,QWORD PTR [rbp+r13*8-0x80]", "c4 a2 90 f3 4c ed 80") {
            $0.blsr(.w64, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("blsi r13,QWORD PTR [rbp+r13*8-0x80]", "c4 a2 90 f3 5c ed 80") {
            $0.blsi(.w64, r13, .indexed(rbp, r13, scale: 3, -128))
        }
    }

    @Test("Counting and testing")
    func countingAndTesting() {
        expect("lzcnt cx,dx", "66 f3 0f bd ca") { $0.lzcnt(.w16, rcx, rdx) }
        expect("lzcnt r8w,bp", "66 f3 44 0f bd c5") { $0.lzcnt(.w16, r8, rbp) }
        expect("lzcnt sp,r15w", "66 f3 41 0f bd e7") { $0.lzcnt(.w16, rsp, r15) }
        expect("lzcnt r12w,r13w", "66 f3 45 0f bd e5") { $0.lzcnt(.w16, r12, r13) }
        expect("lzcnt di,WORD PTR [rbx]", "66 f3 0f bd 3b") { $0.lzcnt(.w16, rdi, .base(rbx)) }
        expect("lzcnt di,WORD PTR [r12+0x8]", "66 f3 41 0f bd 7c 24 08") { $0.lzcnt(.w16, rdi, .base(r12, 8)) }
        expect("lzcnt di,WORD PTR [rbp+r13*8-0x80]", "66 f3 42 0f bd 7c ed 80") {
            $0.lzcnt(.w16, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("lzcnt di,WORD PTR [rsp+r15*1+0x12345678]", "66 f3 42 0f bd bc 3c 78 56 34 12") {
            $0.lzcnt(.w16, rdi, .indexed(rsp, r15, 305419896))
        }
        expect("lzcnt ecx,edx", "f3 0f bd ca") { $0.lzcnt(.w32, rcx, rdx) }
        expect("lzcnt r8d,ebp", "f3 44 0f bd c5") { $0.lzcnt(.w32, r8, rbp) }
        expect("lzcnt esp,r15d", "f3 41 0f bd e7") { $0.lzcnt(.w32, rsp, r15) }
        expect("lzcnt r12d,r13d", "f3 45 0f bd e5") { $0.lzcnt(.w32, r12, r13) }
        expect("lzcnt edi,DWORD PTR [rbx]", "f3 0f bd 3b") { $0.lzcnt(.w32, rdi, .base(rbx)) }
        expect("lzcnt edi,DWORD PTR [r12+0x8]", "f3 41 0f bd 7c 24 08") { $0.lzcnt(.w32, rdi, .base(r12, 8)) }
        expect("lzcnt edi,DWORD PTR [rbp+r13*8-0x80]", "f3 42 0f bd 7c ed 80") {
            $0.lzcnt(.w32, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("lzcnt edi,DWORD PTR [rsp+r15*1+0x12345678]", "f3 42 0f bd bc 3c 78 56 34 12") {
            $0.lzcnt(.w32, rdi, .indexed(rsp, r15, 305419896))
        }
        expect("lzcnt rcx,rdx", "f3 48 0f bd ca") { $0.lzcnt(.w64, rcx, rdx) }
        expect("lzcnt r8,rbp", "f3 4c 0f bd c5") { $0.lzcnt(.w64, r8, rbp) }
        expect("lzcnt rsp,r15", "f3 49 0f bd e7") { $0.lzcnt(.w64, rsp, r15) }
        expect("lzcnt r12,r13", "f3 4d 0f bd e5") { $0.lzcnt(.w64, r12, r13) }
        expect("lzcnt rdi,QWORD PTR [rbx]", "f3 48 0f bd 3b") { $0.lzcnt(.w64, rdi, .base(rbx)) }
        expect("lzcnt rdi,QWORD PTR [r12+0x8]", "f3 49 0f bd 7c 24 08") { $0.lzcnt(.w64, rdi, .base(r12, 8)) }
        expect("lzcnt rdi,QWORD PTR [rbp+r13*8-0x80]", "f3 4a 0f bd 7c ed 80") {
            $0.lzcnt(.w64, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("lzcnt rdi,QWORD PTR [rsp+r15*1+0x12345678]", "f3 4a 0f bd bc 3c 78 56 34 12") {
            $0.lzcnt(.w64, rdi, .indexed(rsp, r15, 305419896))
        }
        expect("tzcnt cx,dx", "66 f3 0f bc ca") { $0.tzcnt(.w16, rcx, rdx) }
        expect("tzcnt r8w,bp", "66 f3 44 0f bc c5") { $0.tzcnt(.w16, r8, rbp) }
        expect("tzcnt sp,r15w", "66 f3 41 0f bc e7") { $0.tzcnt(.w16, rsp, r15) }
        expect("tzcnt r12w,r13w", "66 f3 45 0f bc e5") { $0.tzcnt(.w16, r12, r13) }
        expect("tzcnt di,WORD PTR [rbx]", "66 f3 0f bc 3b") { $0.tzcnt(.w16, rdi, .base(rbx)) }
        expect("tzcnt di,WORD PTR [r12+0x8]", "66 f3 41 0f bc 7c 24 08") { $0.tzcnt(.w16, rdi, .base(r12, 8)) }
        expect("tzcnt di,WORD PTR [rbp+r13*8-0x80]", "66 f3 42 0f bc 7c ed 80") {
            $0.tzcnt(.w16, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("tzcnt di,WORD PTR [rsp+r15*1+0x12345678]", "66 f3 42 0f bc bc 3c 78 56 34 12") {
            $0.tzcnt(.w16, rdi, .indexed(rsp, r15, 305419896))
        }
        expect("tzcnt ecx,edx", "f3 0f bc ca") { $0.tzcnt(.w32, rcx, rdx) }
        expect("tzcnt r8d,ebp", "f3 44 0f bc c5") { $0.tzcnt(.w32, r8, rbp) }
        expect("tzcnt esp,r15d", "f3 41 0f bc e7") { $0.tzcnt(.w32, rsp, r15) }
        expect("tzcnt r12d,r13d", "f3 45 0f bc e5") { $0.tzcnt(.w32, r12, r13) }
        expect("tzcnt edi,DWORD PTR [rbx]", "f3 0f bc 3b") { $0.tzcnt(.w32, rdi, .base(rbx)) }
        expect("tzcnt edi,DWORD PTR [r12+0x8]", "f3 41 0f bc 7c 24 08") { $0.tzcnt(.w32, rdi, .base(r12, 8)) }
        expect("tzcnt edi,DWORD PTR [rbp+r13*8-0x80]", "f3 42 0f bc 7c ed 80") {
            $0.tzcnt(.w32, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("tzcnt edi,DWORD PTR [rsp+r15*1+0x12345678]", "f3 42 0f bc bc 3c 78 56 34 12") {
            $0.tzcnt(.w32, rdi, .indexed(rsp, r15, 305419896))
        }
        expect("tzcnt rcx,rdx", "f3 48 0f bc ca") { $0.tzcnt(.w64, rcx, rdx) }
        expect("tzcnt r8,rbp", "f3 4c 0f bc c5") { $0.tzcnt(.w64, r8, rbp) }
        expect("tzcnt rsp,r15", "f3 49 0f bc e7") { $0.tzcnt(.w64, rsp, r15) }
        expect("tzcnt r12,r13", "f3 4d 0f bc e5") { $0.tzcnt(.w64, r12, r13) }
        expect("tzcnt rdi,QWORD PTR [rbx]", "f3 48 0f bc 3b") { $0.tzcnt(.w64, rdi, .base(rbx)) }
        expect("tzcnt rdi,QWORD PTR [r12+0x8]", "f3 49 0f bc 7c 24 08") { $0.tzcnt(.w64, rdi, .base(r12, 8)) }
        expect("tzcnt rdi,QWORD PTR [rbp+r13*8-0x80]", "f3 4a 0f bc 7c ed 80") {
            $0.tzcnt(.w64, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("tzcnt rdi,QWORD PTR [rsp+r15*1+0x12345678]", "f3 4a 0f bc bc 3c 78 56 34 12") {
            $0.tzcnt(.w64, rdi, .indexed(rsp, r15, 305419896))
        }
        expect("popcnt cx,dx", "66 f3 0f b8 ca") { $0.popcnt(.w16, rcx, rdx) }
        expect("popcnt r8w,bp", "66 f3 44 0f b8 c5") { $0.popcnt(.w16, r8, rbp) }
        expect("popcnt sp,r15w", "66 f3 41 0f b8 e7") { $0.popcnt(.w16, rsp, r15) }
        expect("popcnt r12w,r13w", "66 f3 45 0f b8 e5") { $0.popcnt(.w16, r12, r13) }
        expect("popcnt di,WORD PTR [rbx]", "66 f3 0f b8 3b") { $0.popcnt(.w16, rdi, .base(rbx)) }
        expect("popcnt di,WORD PTR [r12+0x8]", "66 f3 41 0f b8 7c 24 08") { $0.popcnt(.w16, rdi, .base(r12, 8)) }
        expect("popcnt di,WORD PTR [rbp+r13*8-0x80]", "66 f3 42 0f b8 7c ed 80") {
            $0.popcnt(.w16, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("popcnt di,WORD PTR [rsp+r15*1+0x12345678]", "66 f3 42 0f b8 bc 3c 78 56 34 12") {
            $0.popcnt(.w16, rdi, .indexed(rsp, r15, 305419896))
        }
        expect("popcnt ecx,edx", "f3 0f b8 ca") { $0.popcnt(.w32, rcx, rdx) }
        expect("popcnt r8d,ebp", "f3 44 0f b8 c5") { $0.popcnt(.w32, r8, rbp) }
        expect("popcnt esp,r15d", "f3 41 0f b8 e7") { $0.popcnt(.w32, rsp, r15) }
        expect("popcnt r12d,r13d", "f3 45 0f b8 e5") { $0.popcnt(.w32, r12, r13) }
        expect("popcnt edi,DWORD PTR [rbx]", "f3 0f b8 3b") { $0.popcnt(.w32, rdi, .base(rbx)) }
        expect("popcnt edi,DWORD PTR [r12+0x8]", "f3 41 0f b8 7c 24 08") { $0.popcnt(.w32, rdi, .base(r12, 8)) }
        expect("popcnt edi,DWORD PTR [rbp+r13*8-0x80]", "f3 42 0f b8 7c ed 80") {
            $0.popcnt(.w32, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("popcnt edi,DWORD PTR [rsp+r15*1+0x12345678]", "f3 42 0f b8 bc 3c 78 56 34 12") {
            $0.popcnt(.w32, rdi, .indexed(rsp, r15, 305419896))
        }
        expect("popcnt rcx,rdx", "f3 48 0f b8 ca") { $0.popcnt(.w64, rcx, rdx) }
        expect("popcnt r8,rbp", "f3 4c 0f b8 c5") { $0.popcnt(.w64, r8, rbp) }
        expect("popcnt rsp,r15", "f3 49 0f b8 e7") { $0.popcnt(.w64, rsp, r15) }
        expect("popcnt r12,r13", "f3 4d 0f b8 e5") { $0.popcnt(.w64, r12, r13) }
        expect("popcnt rdi,QWORD PTR [rbx]", "f3 48 0f b8 3b") { $0.popcnt(.w64, rdi, .base(rbx)) }
        expect("popcnt rdi,QWORD PTR [r12+0x8]", "f3 49 0f b8 7c 24 08") { $0.popcnt(.w64, rdi, .base(r12, 8)) }
        expect("popcnt rdi,QWORD PTR [rbp+r13*8-0x80]", "f3 4a 0f b8 7c ed 80") {
            $0.popcnt(.w64, rdi, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("popcnt rdi,QWORD PTR [rsp+r15*1+0x12345678]", "f3 4a 0f b8 bc 3c 78 56 34 12") {
            $0.popcnt(.w64, rdi, .indexed(rsp, r15, 305419896))
        }
    }
}
