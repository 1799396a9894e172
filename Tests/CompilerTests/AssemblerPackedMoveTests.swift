//! Encodings of moves of vectors, halves and lanes. Each row: disassembly, bytes of the GNU assembler, call.

import Testing

@testable import Compiler

@Suite("Assembler encodings: packed moves")
struct AssemblerPackedMoveTests: AssemblerTable {
    @Test("Vectors")
    func vectors() {
        expect("vmovdqa xmm0,xmm1", "c5 f9 6f c1") { $0.vmovdqa(0, 1) }
        expect("vmovdqa xmm8,xmm1", "c5 79 6f c1") { $0.vmovdqa(8, 1) }
        expect("vmovdqa xmm0,xmm8", "c5 79 7f c0") { $0.vmovdqa(0, 8) }
        expect("vmovdqa xmm12,xmm15", "c4 41 79 6f e7") { $0.vmovdqa(12, 15) }
        expect("vmovq xmm0,xmm1", "c5 fa 7e c1") { $0.vmovq(0, 1) }
        expect("vmovq xmm8,xmm1", "c5 7a 7e c1") { $0.vmovq(8, 1) }
        expect("vmovq xmm0,xmm8", "c5 79 d6 c0") { $0.vmovq(0, 8) }
        expect("vmovq xmm12,xmm15", "c4 41 7a 7e e7") { $0.vmovq(12, 15) }
        expect("vmovdqu xmm0,XMMWORD PTR [rbx]", "c5 fa 6f 03") { $0.vmovdqu(0, .base(rbx)) }
        expect("vmovdqu XMMWORD PTR [rbx],xmm0", "c5 fa 7f 03") { $0.vmovdqu(.base(rbx), 0) }
        expect("vmovdqu xmm7,XMMWORD PTR [rbp+r13*8-0x80]", "c4 a1 7a 6f 7c ed 80") {
            $0.vmovdqu(7, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmovdqu XMMWORD PTR [rbp+r13*8-0x80],xmm7", "c4 a1 7a 7f 7c ed 80") {
            $0.vmovdqu(.indexed(rbp, r13, scale: 3, -128), 7)
        }
        expect("vmovdqu xmm8,XMMWORD PTR [rbx]", "c5 7a 6f 03") { $0.vmovdqu(8, .base(rbx)) }
        expect("vmovdqu XMMWORD PTR [rbx],xmm8", "c5 7a 7f 03") { $0.vmovdqu(.base(rbx), 8) }
        expect("vmovdqu xmm12,XMMWORD PTR [r12+0x8]", "c4 41 7a 6f 64 24 08") { $0.vmovdqu(12, .base(r12, 8)) }
        expect("vmovdqu XMMWORD PTR [r12+0x8],xmm12", "c4 41 7a 7f 64 24 08") { $0.vmovdqu(.base(r12, 8), 12) }
        expect("vmovdqu xmm4,XMMWORD PTR [r12+0x8]", "c4 c1 7a 6f 64 24 08") { $0.vmovdqu(4, .base(r12, 8)) }
        expect("vmovdqu XMMWORD PTR [r12+0x8],xmm4", "c4 c1 7a 7f 64 24 08") { $0.vmovdqu(.base(r12, 8), 4) }
        expect("vmovdqu xmm15,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 21 7a 6f bc 3c 78 56 34 12") {
            $0.vmovdqu(15, .indexed(rsp, r15, 305419896))
        }
        expect("vmovdqu XMMWORD PTR [rsp+r15*1+0x12345678],xmm15", "c4 21 7a 7f bc 3c 78 56 34 12") {
            $0.vmovdqu(.indexed(rsp, r15, 305419896), 15)
        }
    }

    @Test("Halves")
    func halves() {
        expect("vmovlps xmm0,xmm1,QWORD PTR [rbx]", "c5 f0 12 03") { $0.vmovlps(0, 1, .base(rbx)) }
        expect("vmovlps xmm8,xmm1,QWORD PTR [rbx]", "c5 70 12 03") { $0.vmovlps(8, 1, .base(rbx)) }
        expect("vmovlps xmm0,xmm8,QWORD PTR [r12+0x8]", "c4 c1 38 12 44 24 08") { $0.vmovlps(0, 8, .base(r12, 8)) }
        expect("vmovlps xmm7,xmm5,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 50 12 7c ed 80") {
            $0.vmovlps(7, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmovlps xmm12,xmm13,QWORD PTR [rsp+r15*1+0x12345678]", "c4 21 10 12 a4 3c 78 56 34 12") {
            $0.vmovlps(12, 13, .indexed(rsp, r15, 305419896))
        }
        expect("vmovlps QWORD PTR [rbx],xmm0", "c5 f8 13 03") { $0.vmovlps(.base(rbx), 0) }
        expect("vmovlps QWORD PTR [rbx],xmm8", "c5 78 13 03") { $0.vmovlps(.base(rbx), 8) }
        expect("vmovlps QWORD PTR [rbp+r13*8-0x80],xmm7", "c4 a1 78 13 7c ed 80") {
            $0.vmovlps(.indexed(rbp, r13, scale: 3, -128), 7)
        }
        expect("vmovlps QWORD PTR [r12+0x8],xmm12", "c4 41 78 13 64 24 08") { $0.vmovlps(.base(r12, 8), 12) }
        expect("vmovlps QWORD PTR [rsp+r15*1+0x12345678],xmm15", "c4 21 78 13 bc 3c 78 56 34 12") {
            $0.vmovlps(.indexed(rsp, r15, 305419896), 15)
        }
        expect("vmovhps xmm0,xmm1,QWORD PTR [rbx]", "c5 f0 16 03") { $0.vmovhps(0, 1, .base(rbx)) }
        expect("vmovhps xmm8,xmm1,QWORD PTR [rbx]", "c5 70 16 03") { $0.vmovhps(8, 1, .base(rbx)) }
        expect("vmovhps xmm0,xmm8,QWORD PTR [r12+0x8]", "c4 c1 38 16 44 24 08") { $0.vmovhps(0, 8, .base(r12, 8)) }
        expect("vmovhps xmm7,xmm5,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 50 16 7c ed 80") {
            $0.vmovhps(7, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmovhps xmm12,xmm13,QWORD PTR [rsp+r15*1+0x12345678]", "c4 21 10 16 a4 3c 78 56 34 12") {
            $0.vmovhps(12, 13, .indexed(rsp, r15, 305419896))
        }
        expect("vmovhps QWORD PTR [rbx],xmm0", "c5 f8 17 03") { $0.vmovhps(.base(rbx), 0) }
        expect("vmovhps QWORD PTR [rbx],xmm8", "c5 78 17 03") { $0.vmovhps(.base(rbx), 8) }
        expect("vmovhps QWORD PTR [rbp+r13*8-0x80],xmm7", "c4 a1 78 17 7c ed 80") {
            $0.vmovhps(.indexed(rbp, r13, scale: 3, -128), 7)
        }
        expect("vmovhps QWORD PTR [r12+0x8],xmm12", "c4 41 78 17 64 24 08") { $0.vmovhps(.base(r12, 8), 12) }
        expect("vmovhps QWORD PTR [rsp+r15*1+0x12345678],xmm15", "c4 21 78 17 bc 3c 78 56 34 12") {
            $0.vmovhps(.indexed(rsp, r15, 305419896), 15)
        }
    }

    @Test("The lowest lane")
    func lowestLane() {
        expect("vmovd xmm0,DWORD PTR [rbx]", "c5 f9 6e 03") { $0.vmovToXMM(.w32, 0, .base(rbx)) }
        expect("vmovd DWORD PTR [rbx],xmm0", "c5 f9 7e 03") { $0.vmovFromXMM(.w32, .base(rbx), 0) }
        expect("vmovd xmm8,DWORD PTR [rbx]", "c5 79 6e 03") { $0.vmovToXMM(.w32, 8, .base(rbx)) }
        expect("vmovd DWORD PTR [rbx],xmm8", "c5 79 7e 03") { $0.vmovFromXMM(.w32, .base(rbx), 8) }
        expect("vmovd xmm7,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 79 6e 7c ed 80") {
            $0.vmovToXMM(.w32, 7, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmovd DWORD PTR [rbp+r13*8-0x80],xmm7", "c4 a1 79 7e 7c ed 80") {
            $0.vmovFromXMM(.w32, .indexed(rbp, r13, scale: 3, -128), 7)
        }
        expect("vmovd xmm12,DWORD PTR [r12+0x8]", "c4 41 79 6e 64 24 08") { $0.vmovToXMM(.w32, 12, .base(r12, 8)) }
        expect("vmovd DWORD PTR [r12+0x8],xmm12", "c4 41 79 7e 64 24 08") { $0.vmovFromXMM(.w32, .base(r12, 8), 12) }
        expect("vmovd xmm15,DWORD PTR [rsp+r15*1+0x12345678]", "c4 21 79 6e bc 3c 78 56 34 12") {
            $0.vmovToXMM(.w32, 15, .indexed(rsp, r15, 305419896))
        }
        expect("vmovd DWORD PTR [rsp+r15*1+0x12345678],xmm15", "c4 21 79 7e bc 3c 78 56 34 12") {
            $0.vmovFromXMM(.w32, .indexed(rsp, r15, 305419896), 15)
        }
        expect("vmovq xmm0,QWORD PTR [rbx]", "c5 fa 7e 03") { $0.vmovToXMM(.w64, 0, .base(rbx)) }
        expect("vmovq QWORD PTR [rbx],xmm0", "c5 f9 d6 03") { $0.vmovFromXMM(.w64, .base(rbx), 0) }
        expect("vmovq xmm8,QWORD PTR [rbx]", "c5 7a 7e 03") { $0.vmovToXMM(.w64, 8, .base(rbx)) }
        expect("vmovq QWORD PTR [rbx],xmm8", "c5 79 d6 03") { $0.vmovFromXMM(.w64, .base(rbx), 8) }
        expect("vmovq xmm7,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 7a 7e 7c ed 80") {
            $0.vmovToXMM(.w64, 7, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmovq QWORD PTR [rbp+r13*8-0x80],xmm7", "c4 a1 79 d6 7c ed 80") {
            $0.vmovFromXMM(.w64, .indexed(rbp, r13, scale: 3, -128), 7)
        }
        expect("vmovq xmm12,QWORD PTR [r12+0x8]", "c4 41 7a 7e 64 24 08") { $0.vmovToXMM(.w64, 12, .base(r12, 8)) }
        expect("vmovq QWORD PTR [r12+0x8],xmm12", "c4 41 79 d6 64 24 08") { $0.vmovFromXMM(.w64, .base(r12, 8), 12) }
        expect("vmovq xmm15,QWORD PTR [rsp+r15*1+0x12345678]", "c4 21 7a 7e bc 3c 78 56 34 12") {
            $0.vmovToXMM(.w64, 15, .indexed(rsp, r15, 305419896))
        }
        expect("vmovq QWORD PTR [rsp+r15*1+0x12345678],xmm15", "c4 21 79 d6 bc 3c 78 56 34 12") {
            $0.vmovFromXMM(.w64, .indexed(rsp, r15, 305419896), 15)
        }
        expect("vmovss xmm0,xmm1,xmm2", "c5 f2 10 c2") { $0.vmovs(.f32, 0, 1, 2) }
        expect("vmovss xmm8,xmm1,xmm2", "c5 72 10 c2") { $0.vmovs(.f32, 8, 1, 2) }
        expect("vmovss xmm0,xmm8,xmm2", "c5 ba 10 c2") { $0.vmovs(.f32, 0, 8, 2) }
        expect("vmovss xmm0,xmm1,xmm8", "c5 72 11 c0") { $0.vmovs(.f32, 0, 1, 8) }
        expect("vmovss xmm12,xmm13,xmm15", "c4 41 12 10 e7") { $0.vmovs(.f32, 12, 13, 15) }
        expect("vmovsd xmm0,xmm1,xmm2", "c5 f3 10 c2") { $0.vmovs(.f64, 0, 1, 2) }
        expect("vmovsd xmm8,xmm1,xmm2", "c5 73 10 c2") { $0.vmovs(.f64, 8, 1, 2) }
        expect("vmovsd xmm0,xmm8,xmm2", "c5 bb 10 c2") { $0.vmovs(.f64, 0, 8, 2) }
        expect("vmovsd xmm0,xmm1,xmm8", "c5 73 11 c0") { $0.vmovs(.f64, 0, 1, 8) }
        expect("vmovsd xmm12,xmm13,xmm15", "c4 41 13 10 e7") { $0.vmovs(.f64, 12, 13, 15) }
    }

    @Test("Insertion")
    func insertion() {
        expect("vpinsrb xmm0,xmm1,edx,0x0", "c4 e3 71 20 c2 00") { $0.vpinsr(.w8, 0, 1, rdx, lane: 0) }
        expect("vpinsrb xmm8,xmm1,esi,0x1", "c4 63 71 20 c6 01") { $0.vpinsr(.w8, 8, 1, rsi, lane: 1) }
        expect("vpinsrb xmm0,xmm8,edx,0xf", "c4 e3 39 20 c2 0f") { $0.vpinsr(.w8, 0, 8, rdx, lane: 15) }
        expect("vpinsrb xmm0,xmm1,r8d,0x8", "c4 c3 71 20 c0 08") { $0.vpinsr(.w8, 0, 1, r8, lane: 8) }
        expect("vpinsrb xmm12,xmm13,r15d,0x1", "c4 43 11 20 e7 01") { $0.vpinsr(.w8, 12, 13, r15, lane: 1) }
        expect("vpinsrb xmm7,xmm5,BYTE PTR [rbx],0x0", "c4 e3 51 20 3b 00") {
            $0.vpinsr(.w8, 7, 5, .base(rbx), lane: 0)
        }
        expect("vpinsrb xmm9,xmm5,BYTE PTR [r12+0x8],0x1", "c4 43 51 20 4c 24 08 01") {
            $0.vpinsr(.w8, 9, 5, .base(r12, 8), lane: 1)
        }
        expect("vpinsrb xmm3,xmm12,BYTE PTR [rbp+r13*8-0x80],0x2", "c4 a3 19 20 5c ed 80 02") {
            $0.vpinsr(.w8, 3, 12, .indexed(rbp, r13, scale: 3, -128), lane: 2)
        }
        expect("vpinsrb xmm10,xmm11,BYTE PTR [rsp+r15*1+0x12345678],0x3", "c4 23 21 20 94 3c 78 56 34 12 03") {
            $0.vpinsr(.w8, 10, 11, .indexed(rsp, r15, 305419896), lane: 3)
        }
        expect("vpinsrw xmm0,xmm1,edx,0x0", "c5 f1 c4 c2 00") { $0.vpinsr(.w16, 0, 1, rdx, lane: 0) }
        expect("vpinsrw xmm8,xmm1,esi,0x1", "c5 71 c4 c6 01") { $0.vpinsr(.w16, 8, 1, rsi, lane: 1) }
        expect("vpinsrw xmm0,xmm8,edx,0x7", "c5 b9 c4 c2 07") { $0.vpinsr(.w16, 0, 8, rdx, lane: 7) }
        expect("vpinsrw xmm0,xmm1,r8d,0x4", "c4 c1 71 c4 c0 04") { $0.vpinsr(.w16, 0, 1, r8, lane: 4) }
        expect("vpinsrw xmm12,xmm13,r15d,0x1", "c4 41 11 c4 e7 01") { $0.vpinsr(.w16, 12, 13, r15, lane: 1) }
        expect("vpinsrw xmm7,xmm5,WORD PTR [rbx],0x0", "c5 d1 c4 3b 00") { $0.vpinsr(.w16, 7, 5, .base(rbx), lane: 0) }
        expect("vpinsrw xmm9,xmm5,WORD PTR [r12+0x8],0x1", "c4 41 51 c4 4c 24 08 01") {
            $0.vpinsr(.w16, 9, 5, .base(r12, 8), lane: 1)
        }
        expect("vpinsrw xmm3,xmm12,WORD PTR [rbp+r13*8-0x80],0x2", "c4 a1 19 c4 5c ed 80 02") {
            $0.vpinsr(.w16, 3, 12, .indexed(rbp, r13, scale: 3, -128), lane: 2)
        }
        expect("vpinsrw xmm10,xmm11,WORD PTR [rsp+r15*1+0x12345678],0x3", "c4 21 21 c4 94 3c 78 56 34 12 03") {
            $0.vpinsr(.w16, 10, 11, .indexed(rsp, r15, 305419896), lane: 3)
        }
        expect("vpinsrd xmm0,xmm1,edx,0x0", "c4 e3 71 22 c2 00") { $0.vpinsr(.w32, 0, 1, rdx, lane: 0) }
        expect("vpinsrd xmm8,xmm1,esi,0x1", "c4 63 71 22 c6 01") { $0.vpinsr(.w32, 8, 1, rsi, lane: 1) }
        expect("vpinsrd xmm0,xmm8,edx,0x3", "c4 e3 39 22 c2 03") { $0.vpinsr(.w32, 0, 8, rdx, lane: 3) }
        expect("vpinsrd xmm0,xmm1,r8d,0x2", "c4 c3 71 22 c0 02") { $0.vpinsr(.w32, 0, 1, r8, lane: 2) }
        expect("vpinsrd xmm12,xmm13,r15d,0x1", "c4 43 11 22 e7 01") { $0.vpinsr(.w32, 12, 13, r15, lane: 1) }
        expect("vpinsrd xmm7,xmm5,DWORD PTR [rbx],0x0", "c4 e3 51 22 3b 00") {
            $0.vpinsr(.w32, 7, 5, .base(rbx), lane: 0)
        }
        expect("vpinsrd xmm9,xmm5,DWORD PTR [r12+0x8],0x1", "c4 43 51 22 4c 24 08 01") {
            $0.vpinsr(.w32, 9, 5, .base(r12, 8), lane: 1)
        }
        expect("vpinsrd xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80],0x2", "c4 a3 19 22 5c ed 80 02") {
            $0.vpinsr(.w32, 3, 12, .indexed(rbp, r13, scale: 3, -128), lane: 2)
        }
        expect("vpinsrd xmm10,xmm11,DWORD PTR [rsp+r15*1+0x12345678],0x3", "c4 23 21 22 94 3c 78 56 34 12 03") {
            $0.vpinsr(.w32, 10, 11, .indexed(rsp, r15, 305419896), lane: 3)
        }
        expect("vpinsrq xmm0,xmm1,rdx,0x0", "c4 e3 f1 22 c2 00") { $0.vpinsr(.w64, 0, 1, rdx, lane: 0) }
        expect("vpinsrq xmm8,xmm1,rsi,0x1", "c4 63 f1 22 c6 01") { $0.vpinsr(.w64, 8, 1, rsi, lane: 1) }
        expect("vpinsrq xmm0,xmm8,rdx,0x1", "c4 e3 b9 22 c2 01") { $0.vpinsr(.w64, 0, 8, rdx, lane: 1) }
        expect("vpinsrq xmm0,xmm1,r8,0x1", "c4 c3 f1 22 c0 01") { $0.vpinsr(.w64, 0, 1, r8, lane: 1) }
        expect("vpinsrq xmm12,xmm13,r15,0x1", "c4 43 91 22 e7 01") { $0.vpinsr(.w64, 12, 13, r15, lane: 1) }
        expect("vpinsrq xmm7,xmm5,QWORD PTR [rbx],0x0", "c4 e3 d1 22 3b 00") {
            $0.vpinsr(.w64, 7, 5, .base(rbx), lane: 0)
        }
        expect("vpinsrq xmm9,xmm5,QWORD PTR [r12+0x8],0x1", "c4 43 d1 22 4c 24 08 01") {
            $0.vpinsr(.w64, 9, 5, .base(r12, 8), lane: 1)
        }
        expect("vpinsrq xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80],0x0", "c4 a3 99 22 5c ed 80 00") {
            $0.vpinsr(.w64, 3, 12, .indexed(rbp, r13, scale: 3, -128), lane: 0)
        }
        expect("vpinsrq xmm10,xmm11,QWORD PTR [rsp+r15*1+0x12345678],0x1", "c4 23 a1 22 94 3c 78 56 34 12 01") {
            $0.vpinsr(.w64, 10, 11, .indexed(rsp, r15, 305419896), lane: 1)
        }
    }

    @Test("Extraction")
    func extraction() {
        expect("vpextrb eax,xmm1,0x0", "c4 e3 79 14 c8 00") { $0.vpextr(.w8, rax, 1, lane: 0) }
        expect("vpextrb r8d,xmm1,0x1", "c4 c3 79 14 c8 01") { $0.vpextr(.w8, r8, 1, lane: 1) }
        expect("vpextrb esi,xmm8,0xf", "c4 63 79 14 c6 0f") { $0.vpextr(.w8, rsi, 8, lane: 15) }
        expect("vpextrb r12d,xmm15,0x8", "c4 43 79 14 fc 08") { $0.vpextr(.w8, r12, 15, lane: 8) }
        expect("vpextrb BYTE PTR [rbx],xmm7,0x0", "c4 e3 79 14 3b 00") { $0.vpextr(.w8, .base(rbx), 7, lane: 0) }
        expect("vpextrb BYTE PTR [r12+0x8],xmm9,0x1", "c4 43 79 14 4c 24 08 01") {
            $0.vpextr(.w8, .base(r12, 8), 9, lane: 1)
        }
        expect("vpextrb BYTE PTR [rbp+r13*8-0x80],xmm3,0x2", "c4 a3 79 14 5c ed 80 02") {
            $0.vpextr(.w8, .indexed(rbp, r13, scale: 3, -128), 3, lane: 2)
        }
        expect("vpextrb BYTE PTR [rsp+r15*1+0x12345678],xmm10,0x3", "c4 23 79 14 94 3c 78 56 34 12 03") {
            $0.vpextr(.w8, .indexed(rsp, r15, 305419896), 10, lane: 3)
        }
        expect("vpextrw eax,xmm1,0x0", "c5 f9 c5 c1 00") { $0.vpextr(.w16, rax, 1, lane: 0) }
        expect("vpextrw r8d,xmm1,0x1", "c5 79 c5 c1 01") { $0.vpextr(.w16, r8, 1, lane: 1) }
        expect("vpextrw esi,xmm8,0x7", "c4 c1 79 c5 f0 07") { $0.vpextr(.w16, rsi, 8, lane: 7) }
        expect("vpextrw r12d,xmm15,0x4", "c4 41 79 c5 e7 04") { $0.vpextr(.w16, r12, 15, lane: 4) }
        expect("vpextrw WORD PTR [rbx],xmm7,0x0", "c4 e3 79 15 3b 00") { $0.vpextr(.w16, .base(rbx), 7, lane: 0) }
        expect("vpextrw WORD PTR [r12+0x8],xmm9,0x1", "c4 43 79 15 4c 24 08 01") {
            $0.vpextr(.w16, .base(r12, 8), 9, lane: 1)
        }
        expect("vpextrw WORD PTR [rbp+r13*8-0x80],xmm3,0x2", "c4 a3 79 15 5c ed 80 02") {
            $0.vpextr(.w16, .indexed(rbp, r13, scale: 3, -128), 3, lane: 2)
        }
        expect("vpextrw WORD PTR [rsp+r15*1+0x12345678],xmm10,0x3", "c4 23 79 15 94 3c 78 56 34 12 03") {
            $0.vpextr(.w16, .indexed(rsp, r15, 305419896), 10, lane: 3)
        }
        expect("vpextrd eax,xmm1,0x0", "c4 e3 79 16 c8 00") { $0.vpextr(.w32, rax, 1, lane: 0) }
        expect("vpextrd r8d,xmm1,0x1", "c4 c3 79 16 c8 01") { $0.vpextr(.w32, r8, 1, lane: 1) }
        expect("vpextrd esi,xmm8,0x3", "c4 63 79 16 c6 03") { $0.vpextr(.w32, rsi, 8, lane: 3) }
        expect("vpextrd r12d,xmm15,0x2", "c4 43 79 16 fc 02") { $0.vpextr(.w32, r12, 15, lane: 2) }
        expect("vpextrd DWORD PTR [rbx],xmm7,0x0", "c4 e3 79 16 3b 00") { $0.vpextr(.w32, .base(rbx), 7, lane: 0) }
        expect("vpextrd DWORD PTR [r12+0x8],xmm9,0x1", "c4 43 79 16 4c 24 08 01") {
            $0.vpextr(.w32, .base(r12, 8), 9, lane: 1)
        }
        expect("vpextrd DWORD PTR [rbp+r13*8-0x80],xmm3,0x2", "c4 a3 79 16 5c ed 80 02") {
            $0.vpextr(.w32, .indexed(rbp, r13, scale: 3, -128), 3, lane: 2)
        }
        expect("vpextrd DWORD PTR [rsp+r15*1+0x12345678],xmm10,0x3", "c4 23 79 16 94 3c 78 56 34 12 03") {
            $0.vpextr(.w32, .indexed(rsp, r15, 305419896), 10, lane: 3)
        }
        expect("vpextrq rax,xmm1,0x0", "c4 e3 f9 16 c8 00") { $0.vpextr(.w64, rax, 1, lane: 0) }
        expect("vpextrq r8,xmm1,0x1", "c4 c3 f9 16 c8 01") { $0.vpextr(.w64, r8, 1, lane: 1) }
        expect("vpextrq rsi,xmm8,0x1", "c4 63 f9 16 c6 01") { $0.vpextr(.w64, rsi, 8, lane: 1) }
        expect("vpextrq r12,xmm15,0x1", "c4 43 f9 16 fc 01") { $0.vpextr(.w64, r12, 15, lane: 1) }
        expect("vpextrq QWORD PTR [rbx],xmm7,0x0", "c4 e3 f9 16 3b 00") { $0.vpextr(.w64, .base(rbx), 7, lane: 0) }
        expect("vpextrq QWORD PTR [r12+0x8],xmm9,0x1", "c4 43 f9 16 4c 24 08 01") {
            $0.vpextr(.w64, .base(r12, 8), 9, lane: 1)
        }
        expect("vpextrq QWORD PTR [rbp+r13*8-0x80],xmm3,0x0", "c4 a3 f9 16 5c ed 80 00") {
            $0.vpextr(.w64, .indexed(rbp, r13, scale: 3, -128), 3, lane: 0)
        }
        expect("vpextrq QWORD PTR [rsp+r15*1+0x12345678],xmm10,0x1", "c4 23 f9 16 94 3c 78 56 34 12 01") {
            $0.vpextr(.w64, .indexed(rsp, r15, 305419896), 10, lane: 1)
        }
    }

    @Test("Signs")
    func signs() {
        expect("vpmovmskb eax,xmm1", "c5 f9 d7 c1") { $0.vpmovmskb(rax, 1) }
        expect("vpmovmskb r8d,xmm1", "c5 79 d7 c1") { $0.vpmovmskb(r8, 1) }
        expect("vpmovmskb esi,xmm8", "c4 c1 79 d7 f0") { $0.vpmovmskb(rsi, 8) }
        expect("vpmovmskb r12d,xmm15", "c4 41 79 d7 e7") { $0.vpmovmskb(r12, 15) }
        expect("vmovmskps eax,xmm1", "c5 f8 50 c1") { $0.vmovmskp(.f32, rax, 1) }
        expect("vmovmskps r8d,xmm1", "c5 78 50 c1") { $0.vmovmskp(.f32, r8, 1) }
        expect("vmovmskps esi,xmm8", "c4 c1 78 50 f0") { $0.vmovmskp(.f32, rsi, 8) }
        expect("vmovmskps r12d,xmm15", "c4 41 78 50 e7") { $0.vmovmskp(.f32, r12, 15) }
        expect("vmovmskpd eax,xmm1", "c5 f9 50 c1") { $0.vmovmskp(.f64, rax, 1) }
        expect("vmovmskpd r8d,xmm1", "c5 79 50 c1") { $0.vmovmskp(.f64, r8, 1) }
        expect("vmovmskpd esi,xmm8", "c4 c1 79 50 f0") { $0.vmovmskp(.f64, rsi, 8) }
        expect("vmovmskpd r12d,xmm15", "c4 41 79 50 e7") { $0.vmovmskp(.f64, r12, 15) }
    }

    @Test("Labels are relative to the end of the instruction, after its immediate")
    func labels() {
        var assembler = Assembler()
        var expected: [String] = []
        let start = assembler.newLabel()
        let end = assembler.newLabel()
        assembler.bind(start)
        expected.append("c5 39 fc 0d 8a 00 00 00")
        assembler.vpacked(.paddb, 9, 8, .label(end))
        expected.append("c4 e2 79 20 0d 81 00 00 00")
        assembler.vpacked(.pmovsxbw, 1, .label(end))
        expected.append("c4 e2 e9 b8 0d 78 00 00 00")
        assembler.vfma(.fmadd231, .f64, 1, 2, .label(end))
        expected.append("c4 e2 79 17 0d dd ff ff ff")
        assembler.vptest(1, .label(start))
        expected.append("c5 e8 c6 0d 66 00 00 00 1b")
        assembler.vpacked(.shufps, 1, 2, .label(end), imm: 27)
        expected.append("c4 e3 69 21 0d 60 00 00 00 10")
        assembler.vpacked(.insertps, 1, 2, .label(end, 4), imm: 16)
        expected.append("c5 f9 70 0d 53 00 00 00 1b")
        assembler.vpacked(.pshufd, 1, .label(end), imm: 27)
        expected.append("c4 63 79 09 0d b7 ff ff ff 0b")
        assembler.vpacked(.roundpd, 9, .label(start), imm: 11)
        expected.append("c4 e3 69 4c 0d 3f 00 00 00 30")
        assembler.vpblendvb(1, 2, .label(end), mask: 3)
        expected.append("c4 e3 69 20 0d 35 00 00 00 05")
        assembler.vpinsr(.w8, 1, 2, .label(end), lane: 5)
        expected.append("c5 e9 c4 0d 2c 00 00 00 05")
        assembler.vpinsr(.w16, 1, 2, .label(end), lane: 5)
        expected.append("c4 e3 79 15 0d 22 00 00 00 05")
        assembler.vpextr(.w16, .label(end), 1, lane: 5)
        expected.append("c4 e3 f9 16 0d 86 ff ff ff 01")
        assembler.vpextr(.w64, .label(start), 1, lane: 1)
        expected.append("c5 fa 6f 0d 10 00 00 00")
        assembler.vmovdqu(1, .label(end))
        expected.append("c5 e8 16 0d 07 00 00 00")
        assembler.vmovhps(1, 2, .label(end, -1))
        expected.append("c5 f9 d6 0d 00 00 00 00")
        assembler.vmovFromXMM(.w64, .label(end), 1)
        assembler.bind(end)
        assembler.finish()
        #expect(assembler.hex == expected.joined(separator: " "))
    }
}
