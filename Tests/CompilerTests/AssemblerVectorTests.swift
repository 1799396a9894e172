//! Encodings of floating-point and vector instructions. Each row: disassembly, bytes of the GNU assembler, call.

import Testing

@testable import Compiler

@Suite("Assembler encodings: vector")
struct AssemblerVectorTests: AssemblerTable {
    @Test("Arithmetic")
    func arithmetic() {
        expect("vaddss xmm0,xmm1,xmm2", "c5 f2 58 c2") { $0.vscalar(.add, .f32, 0, 1, 2) }
        expect("vaddss xmm8,xmm1,xmm2", "c5 72 58 c2") { $0.vscalar(.add, .f32, 8, 1, 2) }
        expect("vaddss xmm0,xmm8,xmm2", "c5 ba 58 c2") { $0.vscalar(.add, .f32, 0, 8, 2) }
        expect("vaddss xmm0,xmm1,xmm8", "c4 c1 72 58 c0") { $0.vscalar(.add, .f32, 0, 1, 8) }
        expect("vaddss xmm12,xmm13,xmm15", "c4 41 12 58 e7") { $0.vscalar(.add, .f32, 12, 13, 15) }
        expect("vaddss xmm7,xmm5,xmm4", "c5 d2 58 fc") { $0.vscalar(.add, .f32, 7, 5, 4) }
        expect("vaddss xmm3,xmm12,DWORD PTR [rbx]", "c5 9a 58 1b") { $0.vscalar(.add, .f32, 3, 12, .base(rbx)) }
        expect("vaddss xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a 58 5c 24 08") {
            $0.vscalar(.add, .f32, 3, 12, .base(r12, 8))
        }
        expect("vaddss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a 58 5c ed 80") {
            $0.vscalar(.add, .f32, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vaddss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a 58 9c 3c 78 56 34 12") {
            $0.vscalar(.add, .f32, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vaddsd xmm0,xmm1,xmm2", "c5 f3 58 c2") { $0.vscalar(.add, .f64, 0, 1, 2) }
        expect("vaddsd xmm8,xmm1,xmm2", "c5 73 58 c2") { $0.vscalar(.add, .f64, 8, 1, 2) }
        expect("vaddsd xmm0,xmm8,xmm2", "c5 bb 58 c2") { $0.vscalar(.add, .f64, 0, 8, 2) }
        expect("vaddsd xmm0,xmm1,xmm8", "c4 c1 73 58 c0") { $0.vscalar(.add, .f64, 0, 1, 8) }
        expect("vaddsd xmm12,xmm13,xmm15", "c4 41 13 58 e7") { $0.vscalar(.add, .f64, 12, 13, 15) }
        expect("vaddsd xmm7,xmm5,xmm4", "c5 d3 58 fc") { $0.vscalar(.add, .f64, 7, 5, 4) }
        expect("vaddsd xmm3,xmm12,QWORD PTR [rbx]", "c5 9b 58 1b") { $0.vscalar(.add, .f64, 3, 12, .base(rbx)) }
        expect("vaddsd xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 1b 58 5c 24 08") {
            $0.vscalar(.add, .f64, 3, 12, .base(r12, 8))
        }
        expect("vaddsd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b 58 5c ed 80") {
            $0.vscalar(.add, .f64, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vaddsd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b 58 9c 3c 78 56 34 12") {
            $0.vscalar(.add, .f64, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vsubss xmm0,xmm1,xmm2", "c5 f2 5c c2") { $0.vscalar(.sub, .f32, 0, 1, 2) }
        expect("vsubss xmm8,xmm1,xmm2", "c5 72 5c c2") { $0.vscalar(.sub, .f32, 8, 1, 2) }
        expect("vsubss xmm0,xmm8,xmm2", "c5 ba 5c c2") { $0.vscalar(.sub, .f32, 0, 8, 2) }
        expect("vsubss xmm0,xmm1,xmm8", "c4 c1 72 5c c0") { $0.vscalar(.sub, .f32, 0, 1, 8) }
        expect("vsubss xmm12,xmm13,xmm15", "c4 41 12 5c e7") { $0.vscalar(.sub, .f32, 12, 13, 15) }
        expect("vsubss xmm7,xmm5,xmm4", "c5 d2 5c fc") { $0.vscalar(.sub, .f32, 7, 5, 4) }
        expect("vsubss xmm3,xmm12,DWORD PTR [rbx]", "c5 9a 5c 1b") { $0.vscalar(.sub, .f32, 3, 12, .base(rbx)) }
        expect("vsubss xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a 5c 5c 24 08") {
            $0.vscalar(.sub, .f32, 3, 12, .base(r12, 8))
        }
        expect("vsubss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a 5c 5c ed 80") {
            $0.vscalar(.sub, .f32, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vsubss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a 5c 9c 3c 78 56 34 12") {
            $0.vscalar(.sub, .f32, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vsubsd xmm0,xmm1,xmm2", "c5 f3 5c c2") { $0.vscalar(.sub, .f64, 0, 1, 2) }
        expect("vsubsd xmm8,xmm1,xmm2", "c5 73 5c c2") { $0.vscalar(.sub, .f64, 8, 1, 2) }
        expect("vsubsd xmm0,xmm8,xmm2", "c5 bb 5c c2") { $0.vscalar(.sub, .f64, 0, 8, 2) }
        expect("vsubsd xmm0,xmm1,xmm8", "c4 c1 73 5c c0") { $0.vscalar(.sub, .f64, 0, 1, 8) }
        expect("vsubsd xmm12,xmm13,xmm15", "c4 41 13 5c e7") { $0.vscalar(.sub, .f64, 12, 13, 15) }
        expect("vsubsd xmm7,xmm5,xmm4", "c5 d3 5c fc") { $0.vscalar(.sub, .f64, 7, 5, 4) }
        expect("vsubsd xmm3,xmm12,QWORD PTR [rbx]", "c5 9b 5c 1b") { $0.vscalar(.sub, .f64, 3, 12, .base(rbx)) }
        expect("vsubsd xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 1b 5c 5c 24 08") {
            $0.vscalar(.sub, .f64, 3, 12, .base(r12, 8))
        }
        expect("vsubsd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b 5c 5c ed 80") {
            $0.vscalar(.sub, .f64, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vsubsd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b 5c 9c 3c 78 56 34 12") {
            $0.vscalar(.sub, .f64, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vmulss xmm0,xmm1,xmm2", "c5 f2 59 c2") { $0.vscalar(.mul, .f32, 0, 1, 2) }
        expect("vmulss xmm8,xmm1,xmm2", "c5 72 59 c2") { $0.vscalar(.mul, .f32, 8, 1, 2) }
        expect("vmulss xmm0,xmm8,xmm2", "c5 ba 59 c2") { $0.vscalar(.mul, .f32, 0, 8, 2) }
        expect("vmulss xmm0,xmm1,xmm8", "c4 c1 72 59 c0") { $0.vscalar(.mul, .f32, 0, 1, 8) }
        expect("vmulss xmm12,xmm13,xmm15", "c4 41 12 59 e7") { $0.vscalar(.mul, .f32, 12, 13, 15) }
        expect("vmulss xmm7,xmm5,xmm4", "c5 d2 59 fc") { $0.vscalar(.mul, .f32, 7, 5, 4) }
        expect("vmulss xmm3,xmm12,DWORD PTR [rbx]", "c5 9a 59 1b") { $0.vscalar(.mul, .f32, 3, 12, .base(rbx)) }
        expect("vmulss xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a 59 5c 24 08") {
            $0.vscalar(.mul, .f32, 3, 12, .base(r12, 8))
        }
        expect("vmulss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a 59 5c ed 80") {
            $0.vscalar(.mul, .f32, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmulss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a 59 9c 3c 78 56 34 12") {
            $0.vscalar(.mul, .f32, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vmulsd xmm0,xmm1,xmm2", "c5 f3 59 c2") { $0.vscalar(.mul, .f64, 0, 1, 2) }
        expect("vmulsd xmm8,xmm1,xmm2", "c5 73 59 c2") { $0.vscalar(.mul, .f64, 8, 1, 2) }
        expect("vmulsd xmm0,xmm8,xmm2", "c5 bb 59 c2") { $0.vscalar(.mul, .f64, 0, 8, 2) }
        expect("vmulsd xmm0,xmm1,xmm8", "c4 c1 73 59 c0") { $0.vscalar(.mul, .f64, 0, 1, 8) }
        expect("vmulsd xmm12,xmm13,xmm15", "c4 41 13 59 e7") { $0.vscalar(.mul, .f64, 12, 13, 15) }
        expect("vmulsd xmm7,xmm5,xmm4", "c5 d3 59 fc") { $0.vscalar(.mul, .f64, 7, 5, 4) }
        expect("vmulsd xmm3,xmm12,QWORD PTR [rbx]", "c5 9b 59 1b") { $0.vscalar(.mul, .f64, 3, 12, .base(rbx)) }
        expect("vmulsd xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 1b 59 5c 24 08") {
            $0.vscalar(.mul, .f64, 3, 12, .base(r12, 8))
        }
        expect("vmulsd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b 59 5c ed 80") {
            $0.vscalar(.mul, .f64, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmulsd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b 59 9c 3c 78 56 34 12") {
            $0.vscalar(.mul, .f64, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vdivss xmm0,xmm1,xmm2", "c5 f2 5e c2") { $0.vscalar(.div, .f32, 0, 1, 2) }
        expect("vdivss xmm8,xmm1,xmm2", "c5 72 5e c2") { $0.vscalar(.div, .f32, 8, 1, 2) }
        expect("vdivss xmm0,xmm8,xmm2", "c5 ba 5e c2") { $0.vscalar(.div, .f32, 0, 8, 2) }
        expect("vdivss xmm0,xmm1,xmm8", "c4 c1 72 5e c0") { $0.vscalar(.div, .f32, 0, 1, 8) }
        expect("vdivss xmm12,xmm13,xmm15", "c4 41 12 5e e7") { $0.vscalar(.div, .f32, 12, 13, 15) }
        expect("vdivss xmm7,xmm5,xmm4", "c5 d2 5e fc") { $0.vscalar(.div, .f32, 7, 5, 4) }
        expect("vdivss xmm3,xmm12,DWORD PTR [rbx]", "c5 9a 5e 1b") { $0.vscalar(.div, .f32, 3, 12, .base(rbx)) }
        expect("vdivss xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a 5e 5c 24 08") {
            $0.vscalar(.div, .f32, 3, 12, .base(r12, 8))
        }
        expect("vdivss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a 5e 5c ed 80") {
            $0.vscalar(.div, .f32, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vdivss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a 5e 9c 3c 78 56 34 12") {
            $0.vscalar(.div, .f32, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vdivsd xmm0,xmm1,xmm2", "c5 f3 5e c2") { $0.vscalar(.div, .f64, 0, 1, 2) }
        expect("vdivsd xmm8,xmm1,xmm2", "c5 73 5e c2") { $0.vscalar(.div, .f64, 8, 1, 2) }
        expect("vdivsd xmm0,xmm8,xmm2", "c5 bb 5e c2") { $0.vscalar(.div, .f64, 0, 8, 2) }
        expect("vdivsd xmm0,xmm1,xmm8", "c4 c1 73 5e c0") { $0.vscalar(.div, .f64, 0, 1, 8) }
        expect("vdivsd xmm12,xmm13,xmm15", "c4 41 13 5e e7") { $0.vscalar(.div, .f64, 12, 13, 15) }
        expect("vdivsd xmm7,xmm5,xmm4", "c5 d3 5e fc") { $0.vscalar(.div, .f64, 7, 5, 4) }
        expect("vdivsd xmm3,xmm12,QWORD PTR [rbx]", "c5 9b 5e 1b") { $0.vscalar(.div, .f64, 3, 12, .base(rbx)) }
        expect("vdivsd xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 1b 5e 5c 24 08") {
            $0.vscalar(.div, .f64, 3, 12, .base(r12, 8))
        }
        expect("vdivsd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b 5e 5c ed 80") {
            $0.vscalar(.div, .f64, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vdivsd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b 5e 9c 3c 78 56 34 12") {
            $0.vscalar(.div, .f64, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vminss xmm0,xmm1,xmm2", "c5 f2 5d c2") { $0.vscalar(.min, .f32, 0, 1, 2) }
        expect("vminss xmm8,xmm1,xmm2", "c5 72 5d c2") { $0.vscalar(.min, .f32, 8, 1, 2) }
        expect("vminss xmm0,xmm8,xmm2", "c5 ba 5d c2") { $0.vscalar(.min, .f32, 0, 8, 2) }
        expect("vminss xmm0,xmm1,xmm8", "c4 c1 72 5d c0") { $0.vscalar(.min, .f32, 0, 1, 8) }
        expect("vminss xmm12,xmm13,xmm15", "c4 41 12 5d e7") { $0.vscalar(.min, .f32, 12, 13, 15) }
        expect("vminss xmm7,xmm5,xmm4", "c5 d2 5d fc") { $0.vscalar(.min, .f32, 7, 5, 4) }
        expect("vminss xmm3,xmm12,DWORD PTR [rbx]", "c5 9a 5d 1b") { $0.vscalar(.min, .f32, 3, 12, .base(rbx)) }
        expect("vminss xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a 5d 5c 24 08") {
            $0.vscalar(.min, .f32, 3, 12, .base(r12, 8))
        }
        expect("vminss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a 5d 5c ed 80") {
            $0.vscalar(.min, .f32, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vminss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a 5d 9c 3c 78 56 34 12") {
            $0.vscalar(.min, .f32, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vminsd xmm0,xmm1,xmm2", "c5 f3 5d c2") { $0.vscalar(.min, .f64, 0, 1, 2) }
        expect("vminsd xmm8,xmm1,xmm2", "c5 73 5d c2") { $0.vscalar(.min, .f64, 8, 1, 2) }
        expect("vminsd xmm0,xmm8,xmm2", "c5 bb 5d c2") { $0.vscalar(.min, .f64, 0, 8, 2) }
        expect("vminsd xmm0,xmm1,xmm8", "c4 c1 73 5d c0") { $0.vscalar(.min, .f64, 0, 1, 8) }
        expect("vminsd xmm12,xmm13,xmm15", "c4 41 13 5d e7") { $0.vscalar(.min, .f64, 12, 13, 15) }
        expect("vminsd xmm7,xmm5,xmm4", "c5 d3 5d fc") { $0.vscalar(.min, .f64, 7, 5, 4) }
        expect("vminsd xmm3,xmm12,QWORD PTR [rbx]", "c5 9b 5d 1b") { $0.vscalar(.min, .f64, 3, 12, .base(rbx)) }
        expect("vminsd xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 1b 5d 5c 24 08") {
            $0.vscalar(.min, .f64, 3, 12, .base(r12, 8))
        }
        expect("vminsd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b 5d 5c ed 80") {
            $0.vscalar(.min, .f64, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vminsd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b 5d 9c 3c 78 56 34 12") {
            $0.vscalar(.min, .f64, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vmaxss xmm0,xmm1,xmm2", "c5 f2 5f c2") { $0.vscalar(.max, .f32, 0, 1, 2) }
        expect("vmaxss xmm8,xmm1,xmm2", "c5 72 5f c2") { $0.vscalar(.max, .f32, 8, 1, 2) }
        expect("vmaxss xmm0,xmm8,xmm2", "c5 ba 5f c2") { $0.vscalar(.max, .f32, 0, 8, 2) }
        expect("vmaxss xmm0,xmm1,xmm8", "c4 c1 72 5f c0") { $0.vscalar(.max, .f32, 0, 1, 8) }
        expect("vmaxss xmm12,xmm13,xmm15", "c4 41 12 5f e7") { $0.vscalar(.max, .f32, 12, 13, 15) }
        expect("vmaxss xmm7,xmm5,xmm4", "c5 d2 5f fc") { $0.vscalar(.max, .f32, 7, 5, 4) }
        expect("vmaxss xmm3,xmm12,DWORD PTR [rbx]", "c5 9a 5f 1b") { $0.vscalar(.max, .f32, 3, 12, .base(rbx)) }
        expect("vmaxss xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a 5f 5c 24 08") {
            $0.vscalar(.max, .f32, 3, 12, .base(r12, 8))
        }
        expect("vmaxss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a 5f 5c ed 80") {
            $0.vscalar(.max, .f32, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmaxss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a 5f 9c 3c 78 56 34 12") {
            $0.vscalar(.max, .f32, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vmaxsd xmm0,xmm1,xmm2", "c5 f3 5f c2") { $0.vscalar(.max, .f64, 0, 1, 2) }
        expect("vmaxsd xmm8,xmm1,xmm2", "c5 73 5f c2") { $0.vscalar(.max, .f64, 8, 1, 2) }
        expect("vmaxsd xmm0,xmm8,xmm2", "c5 bb 5f c2") { $0.vscalar(.max, .f64, 0, 8, 2) }
        expect("vmaxsd xmm0,xmm1,xmm8", "c4 c1 73 5f c0") { $0.vscalar(.max, .f64, 0, 1, 8) }
        expect("vmaxsd xmm12,xmm13,xmm15", "c4 41 13 5f e7") { $0.vscalar(.max, .f64, 12, 13, 15) }
        expect("vmaxsd xmm7,xmm5,xmm4", "c5 d3 5f fc") { $0.vscalar(.max, .f64, 7, 5, 4) }
        expect("vmaxsd xmm3,xmm12,QWORD PTR [rbx]", "c5 9b 5f 1b") { $0.vscalar(.max, .f64, 3, 12, .base(rbx)) }
        expect("vmaxsd xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 1b 5f 5c 24 08") {
            $0.vscalar(.max, .f64, 3, 12, .base(r12, 8))
        }
        expect("vmaxsd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b 5f 5c ed 80") {
            $0.vscalar(.max, .f64, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmaxsd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b 5f 9c 3c 78 56 34 12") {
            $0.vscalar(.max, .f64, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vsqrtss xmm0,xmm1,xmm2", "c5 f2 51 c2") { $0.vscalar(.sqrt, .f32, 0, 1, 2) }
        expect("vsqrtss xmm8,xmm1,xmm2", "c5 72 51 c2") { $0.vscalar(.sqrt, .f32, 8, 1, 2) }
        expect("vsqrtss xmm0,xmm8,xmm2", "c5 ba 51 c2") { $0.vscalar(.sqrt, .f32, 0, 8, 2) }
        expect("vsqrtss xmm0,xmm1,xmm8", "c4 c1 72 51 c0") { $0.vscalar(.sqrt, .f32, 0, 1, 8) }
        expect("vsqrtss xmm12,xmm13,xmm15", "c4 41 12 51 e7") { $0.vscalar(.sqrt, .f32, 12, 13, 15) }
        expect("vsqrtss xmm7,xmm5,xmm4", "c5 d2 51 fc") { $0.vscalar(.sqrt, .f32, 7, 5, 4) }
        expect("vsqrtss xmm3,xmm12,DWORD PTR [rbx]", "c5 9a 51 1b") { $0.vscalar(.sqrt, .f32, 3, 12, .base(rbx)) }
        expect("vsqrtss xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a 51 5c 24 08") {
            $0.vscalar(.sqrt, .f32, 3, 12, .base(r12, 8))
        }
        expect("vsqrtss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a 51 5c ed 80") {
            $0.vscalar(.sqrt, .f32, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vsqrtss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a 51 9c 3c 78 56 34 12") {
            $0.vscalar(.sqrt, .f32, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vsqrtsd xmm0,xmm1,xmm2", "c5 f3 51 c2") { $0.vscalar(.sqrt, .f64, 0, 1, 2) }
        expect("vsqrtsd xmm8,xmm1,xmm2", "c5 73 51 c2") { $0.vscalar(.sqrt, .f64, 8, 1, 2) }
        expect("vsqrtsd xmm0,xmm8,xmm2", "c5 bb 51 c2") { $0.vscalar(.sqrt, .f64, 0, 8, 2) }
        expect("vsqrtsd xmm0,xmm1,xmm8", "c4 c1 73 51 c0") { $0.vscalar(.sqrt, .f64, 0, 1, 8) }
        expect("vsqrtsd xmm12,xmm13,xmm15", "c4 41 13 51 e7") { $0.vscalar(.sqrt, .f64, 12, 13, 15) }
        expect("vsqrtsd xmm7,xmm5,xmm4", "c5 d3 51 fc") { $0.vscalar(.sqrt, .f64, 7, 5, 4) }
        expect("vsqrtsd xmm3,xmm12,QWORD PTR [rbx]", "c5 9b 51 1b") { $0.vscalar(.sqrt, .f64, 3, 12, .base(rbx)) }
        expect("vsqrtsd xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 1b 51 5c 24 08") {
            $0.vscalar(.sqrt, .f64, 3, 12, .base(r12, 8))
        }
        expect("vsqrtsd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b 51 5c ed 80") {
            $0.vscalar(.sqrt, .f64, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vsqrtsd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b 51 9c 3c 78 56 34 12") {
            $0.vscalar(.sqrt, .f64, 3, 12, .indexed(rsp, r15, 305419896))
        }
    }

    @Test("Logic")
    func logic() {
        expect("vandps xmm0,xmm1,xmm2", "c5 f0 54 c2") { $0.vlogic(.and, .f32, 0, 1, 2) }
        expect("vandps xmm8,xmm1,xmm2", "c5 70 54 c2") { $0.vlogic(.and, .f32, 8, 1, 2) }
        expect("vandps xmm0,xmm8,xmm2", "c5 b8 54 c2") { $0.vlogic(.and, .f32, 0, 8, 2) }
        expect("vandps xmm0,xmm8,xmm1", "c5 b8 54 c1") { $0.vlogic(.and, .f32, 0, 1, 8) }
        expect("vandps xmm12,xmm13,xmm15", "c4 41 10 54 e7") { $0.vlogic(.and, .f32, 12, 13, 15) }
        expect("vandps xmm7,xmm5,xmm4", "c5 d0 54 fc") { $0.vlogic(.and, .f32, 7, 5, 4) }
        expect("vandps xmm9,xmm5,XMMWORD PTR [rbx]", "c5 50 54 0b") { $0.vlogic(.and, .f32, 9, 5, .base(rbx)) }
        expect("vandps xmm9,xmm5,XMMWORD PTR [r12+0x8]", "c4 41 50 54 4c 24 08") {
            $0.vlogic(.and, .f32, 9, 5, .base(r12, 8))
        }
        expect("vandps xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]", "c4 21 50 54 4c ed 80") {
            $0.vlogic(.and, .f32, 9, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vandps xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 21 50 54 8c 3c 78 56 34 12") {
            $0.vlogic(.and, .f32, 9, 5, .indexed(rsp, r15, 305419896))
        }
        expect("vandpd xmm0,xmm1,xmm2", "c5 f1 54 c2") { $0.vlogic(.and, .f64, 0, 1, 2) }
        expect("vandpd xmm8,xmm1,xmm2", "c5 71 54 c2") { $0.vlogic(.and, .f64, 8, 1, 2) }
        expect("vandpd xmm0,xmm8,xmm2", "c5 b9 54 c2") { $0.vlogic(.and, .f64, 0, 8, 2) }
        expect("vandpd xmm0,xmm8,xmm1", "c5 b9 54 c1") { $0.vlogic(.and, .f64, 0, 1, 8) }
        expect("vandpd xmm12,xmm13,xmm15", "c4 41 11 54 e7") { $0.vlogic(.and, .f64, 12, 13, 15) }
        expect("vandpd xmm7,xmm5,xmm4", "c5 d1 54 fc") { $0.vlogic(.and, .f64, 7, 5, 4) }
        expect("vandpd xmm9,xmm5,XMMWORD PTR [rbx]", "c5 51 54 0b") { $0.vlogic(.and, .f64, 9, 5, .base(rbx)) }
        expect("vandpd xmm9,xmm5,XMMWORD PTR [r12+0x8]", "c4 41 51 54 4c 24 08") {
            $0.vlogic(.and, .f64, 9, 5, .base(r12, 8))
        }
        expect("vandpd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]", "c4 21 51 54 4c ed 80") {
            $0.vlogic(.and, .f64, 9, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vandpd xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 21 51 54 8c 3c 78 56 34 12") {
            $0.vlogic(.and, .f64, 9, 5, .indexed(rsp, r15, 305419896))
        }
        expect("vandnps xmm0,xmm1,xmm2", "c5 f0 55 c2") { $0.vlogic(.andNot, .f32, 0, 1, 2) }
        expect("vandnps xmm8,xmm1,xmm2", "c5 70 55 c2") { $0.vlogic(.andNot, .f32, 8, 1, 2) }
        expect("vandnps xmm0,xmm8,xmm2", "c5 b8 55 c2") { $0.vlogic(.andNot, .f32, 0, 8, 2) }
        expect("vandnps xmm0,xmm1,xmm8", "c4 c1 70 55 c0") { $0.vlogic(.andNot, .f32, 0, 1, 8) }
        expect("vandnps xmm12,xmm13,xmm15", "c4 41 10 55 e7") { $0.vlogic(.andNot, .f32, 12, 13, 15) }
        expect("vandnps xmm7,xmm5,xmm4", "c5 d0 55 fc") { $0.vlogic(.andNot, .f32, 7, 5, 4) }
        expect("vandnps xmm9,xmm5,XMMWORD PTR [rbx]", "c5 50 55 0b") { $0.vlogic(.andNot, .f32, 9, 5, .base(rbx)) }
        expect("vandnps xmm9,xmm5,XMMWORD PTR [r12+0x8]", "c4 41 50 55 4c 24 08") {
            $0.vlogic(.andNot, .f32, 9, 5, .base(r12, 8))
        }
        expect("vandnps xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]", "c4 21 50 55 4c ed 80") {
            $0.vlogic(.andNot, .f32, 9, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vandnps xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 21 50 55 8c 3c 78 56 34 12") {
            $0.vlogic(.andNot, .f32, 9, 5, .indexed(rsp, r15, 305419896))
        }
        expect("vandnpd xmm0,xmm1,xmm2", "c5 f1 55 c2") { $0.vlogic(.andNot, .f64, 0, 1, 2) }
        expect("vandnpd xmm8,xmm1,xmm2", "c5 71 55 c2") { $0.vlogic(.andNot, .f64, 8, 1, 2) }
        expect("vandnpd xmm0,xmm8,xmm2", "c5 b9 55 c2") { $0.vlogic(.andNot, .f64, 0, 8, 2) }
        expect("vandnpd xmm0,xmm1,xmm8", "c4 c1 71 55 c0") { $0.vlogic(.andNot, .f64, 0, 1, 8) }
        expect("vandnpd xmm12,xmm13,xmm15", "c4 41 11 55 e7") { $0.vlogic(.andNot, .f64, 12, 13, 15) }
        expect("vandnpd xmm7,xmm5,xmm4", "c5 d1 55 fc") { $0.vlogic(.andNot, .f64, 7, 5, 4) }
        expect("vandnpd xmm9,xmm5,XMMWORD PTR [rbx]", "c5 51 55 0b") { $0.vlogic(.andNot, .f64, 9, 5, .base(rbx)) }
        expect("vandnpd xmm9,xmm5,XMMWORD PTR [r12+0x8]", "c4 41 51 55 4c 24 08") {
            $0.vlogic(.andNot, .f64, 9, 5, .base(r12, 8))
        }
        expect("vandnpd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]", "c4 21 51 55 4c ed 80") {
            $0.vlogic(.andNot, .f64, 9, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vandnpd xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 21 51 55 8c 3c 78 56 34 12") {
            $0.vlogic(.andNot, .f64, 9, 5, .indexed(rsp, r15, 305419896))
        }
        expect("vorps xmm0,xmm1,xmm2", "c5 f0 56 c2") { $0.vlogic(.or, .f32, 0, 1, 2) }
        expect("vorps xmm8,xmm1,xmm2", "c5 70 56 c2") { $0.vlogic(.or, .f32, 8, 1, 2) }
        expect("vorps xmm0,xmm8,xmm2", "c5 b8 56 c2") { $0.vlogic(.or, .f32, 0, 8, 2) }
        expect("vorps xmm0,xmm8,xmm1", "c5 b8 56 c1") { $0.vlogic(.or, .f32, 0, 1, 8) }
        expect("vorps xmm12,xmm13,xmm15", "c4 41 10 56 e7") { $0.vlogic(.or, .f32, 12, 13, 15) }
        expect("vorps xmm7,xmm5,xmm4", "c5 d0 56 fc") { $0.vlogic(.or, .f32, 7, 5, 4) }
        expect("vorps xmm9,xmm5,XMMWORD PTR [rbx]", "c5 50 56 0b") { $0.vlogic(.or, .f32, 9, 5, .base(rbx)) }
        expect("vorps xmm9,xmm5,XMMWORD PTR [r12+0x8]", "c4 41 50 56 4c 24 08") {
            $0.vlogic(.or, .f32, 9, 5, .base(r12, 8))
        }
        expect("vorps xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]", "c4 21 50 56 4c ed 80") {
            $0.vlogic(.or, .f32, 9, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vorps xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 21 50 56 8c 3c 78 56 34 12") {
            $0.vlogic(.or, .f32, 9, 5, .indexed(rsp, r15, 305419896))
        }
        expect("vorpd xmm0,xmm1,xmm2", "c5 f1 56 c2") { $0.vlogic(.or, .f64, 0, 1, 2) }
        expect("vorpd xmm8,xmm1,xmm2", "c5 71 56 c2") { $0.vlogic(.or, .f64, 8, 1, 2) }
        expect("vorpd xmm0,xmm8,xmm2", "c5 b9 56 c2") { $0.vlogic(.or, .f64, 0, 8, 2) }
        expect("vorpd xmm0,xmm8,xmm1", "c5 b9 56 c1") { $0.vlogic(.or, .f64, 0, 1, 8) }
        expect("vorpd xmm12,xmm13,xmm15", "c4 41 11 56 e7") { $0.vlogic(.or, .f64, 12, 13, 15) }
        expect("vorpd xmm7,xmm5,xmm4", "c5 d1 56 fc") { $0.vlogic(.or, .f64, 7, 5, 4) }
        expect("vorpd xmm9,xmm5,XMMWORD PTR [rbx]", "c5 51 56 0b") { $0.vlogic(.or, .f64, 9, 5, .base(rbx)) }
        expect("vorpd xmm9,xmm5,XMMWORD PTR [r12+0x8]", "c4 41 51 56 4c 24 08") {
            $0.vlogic(.or, .f64, 9, 5, .base(r12, 8))
        }
        expect("vorpd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]", "c4 21 51 56 4c ed 80") {
            $0.vlogic(.or, .f64, 9, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vorpd xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 21 51 56 8c 3c 78 56 34 12") {
            $0.vlogic(.or, .f64, 9, 5, .indexed(rsp, r15, 305419896))
        }
        expect("vxorps xmm0,xmm1,xmm2", "c5 f0 57 c2") { $0.vlogic(.xor, .f32, 0, 1, 2) }
        expect("vxorps xmm8,xmm1,xmm2", "c5 70 57 c2") { $0.vlogic(.xor, .f32, 8, 1, 2) }
        expect("vxorps xmm0,xmm8,xmm2", "c5 b8 57 c2") { $0.vlogic(.xor, .f32, 0, 8, 2) }
        expect("vxorps xmm0,xmm8,xmm1", "c5 b8 57 c1") { $0.vlogic(.xor, .f32, 0, 1, 8) }
        expect("vxorps xmm12,xmm13,xmm15", "c4 41 10 57 e7") { $0.vlogic(.xor, .f32, 12, 13, 15) }
        expect("vxorps xmm7,xmm5,xmm4", "c5 d0 57 fc") { $0.vlogic(.xor, .f32, 7, 5, 4) }
        expect("vxorps xmm9,xmm5,XMMWORD PTR [rbx]", "c5 50 57 0b") { $0.vlogic(.xor, .f32, 9, 5, .base(rbx)) }
        expect("vxorps xmm9,xmm5,XMMWORD PTR [r12+0x8]", "c4 41 50 57 4c 24 08") {
            $0.vlogic(.xor, .f32, 9, 5, .base(r12, 8))
        }
        expect("vxorps xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]", "c4 21 50 57 4c ed 80") {
            $0.vlogic(.xor, .f32, 9, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vxorps xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 21 50 57 8c 3c 78 56 34 12") {
            $0.vlogic(.xor, .f32, 9, 5, .indexed(rsp, r15, 305419896))
        }
        expect("vxorpd xmm0,xmm1,xmm2", "c5 f1 57 c2") { $0.vlogic(.xor, .f64, 0, 1, 2) }
        expect("vxorpd xmm8,xmm1,xmm2", "c5 71 57 c2") { $0.vlogic(.xor, .f64, 8, 1, 2) }
        expect("vxorpd xmm0,xmm8,xmm2", "c5 b9 57 c2") { $0.vlogic(.xor, .f64, 0, 8, 2) }
        expect("vxorpd xmm0,xmm8,xmm1", "c5 b9 57 c1") { $0.vlogic(.xor, .f64, 0, 1, 8) }
        expect("vxorpd xmm12,xmm13,xmm15", "c4 41 11 57 e7") { $0.vlogic(.xor, .f64, 12, 13, 15) }
        expect("vxorpd xmm7,xmm5,xmm4", "c5 d1 57 fc") { $0.vlogic(.xor, .f64, 7, 5, 4) }
        expect("vxorpd xmm9,xmm5,XMMWORD PTR [rbx]", "c5 51 57 0b") { $0.vlogic(.xor, .f64, 9, 5, .base(rbx)) }
        expect("vxorpd xmm9,xmm5,XMMWORD PTR [r12+0x8]", "c4 41 51 57 4c 24 08") {
            $0.vlogic(.xor, .f64, 9, 5, .base(r12, 8))
        }
        expect("vxorpd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]", "c4 21 51 57 4c ed 80") {
            $0.vlogic(.xor, .f64, 9, 5, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vxorpd xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 21 51 57 8c 3c 78 56 34 12") {
            $0.vlogic(.xor, .f64, 9, 5, .indexed(rsp, r15, 305419896))
        }
        expect("vxorps xmm3,xmm3,xmm3", "c5 e0 57 db") { $0.vzero(3) }
        expect("vxorps xmm13,xmm13,xmm13", "c4 41 10 57 ed") { $0.vzero(13) }
    }

    @Test("Rounding")
    func rounding() {
        expect("vroundss xmm1,xmm2,xmm3,0x8", "c4 e3 69 0a cb 08") { $0.vrounds(.f32, 1, 2, 3, mode: 8) }
        expect("vroundss xmm1,xmm2,xmm3,0x9", "c4 e3 69 0a cb 09") { $0.vrounds(.f32, 1, 2, 3, mode: 9) }
        expect("vroundss xmm1,xmm2,xmm3,0xa", "c4 e3 69 0a cb 0a") { $0.vrounds(.f32, 1, 2, 3, mode: 10) }
        expect("vroundss xmm1,xmm2,xmm3,0xb", "c4 e3 69 0a cb 0b") { $0.vrounds(.f32, 1, 2, 3, mode: 11) }
        expect("vroundss xmm0,xmm1,xmm2,0xb", "c4 e3 71 0a c2 0b") { $0.vrounds(.f32, 0, 1, 2, mode: 11) }
        expect("vroundss xmm8,xmm1,xmm2,0xb", "c4 63 71 0a c2 0b") { $0.vrounds(.f32, 8, 1, 2, mode: 11) }
        expect("vroundss xmm0,xmm8,xmm2,0xb", "c4 e3 39 0a c2 0b") { $0.vrounds(.f32, 0, 8, 2, mode: 11) }
        expect("vroundss xmm0,xmm1,xmm8,0xb", "c4 c3 71 0a c0 0b") { $0.vrounds(.f32, 0, 1, 8, mode: 11) }
        expect("vroundss xmm12,xmm13,xmm15,0xb", "c4 43 11 0a e7 0b") { $0.vrounds(.f32, 12, 13, 15, mode: 11) }
        expect("vroundss xmm7,xmm5,xmm4,0xb", "c4 e3 51 0a fc 0b") { $0.vrounds(.f32, 7, 5, 4, mode: 11) }
        expect("vroundss xmm3,xmm12,DWORD PTR [rbx],0x9", "c4 e3 19 0a 1b 09") {
            $0.vrounds(.f32, 3, 12, .base(rbx), mode: 9)
        }
        expect("vroundss xmm3,xmm12,DWORD PTR [r12+0x8],0x9", "c4 c3 19 0a 5c 24 08 09") {
            $0.vrounds(.f32, 3, 12, .base(r12, 8), mode: 9)
        }
        expect("vroundss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80],0x9", "c4 a3 19 0a 5c ed 80 09") {
            $0.vrounds(.f32, 3, 12, .indexed(rbp, r13, scale: 3, -128), mode: 9)
        }
        expect("vroundss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678],0x9", "c4 a3 19 0a 9c 3c 78 56 34 12 09") {
            $0.vrounds(.f32, 3, 12, .indexed(rsp, r15, 305419896), mode: 9)
        }
        expect("vroundsd xmm1,xmm2,xmm3,0x8", "c4 e3 69 0b cb 08") { $0.vrounds(.f64, 1, 2, 3, mode: 8) }
        expect("vroundsd xmm1,xmm2,xmm3,0x9", "c4 e3 69 0b cb 09") { $0.vrounds(.f64, 1, 2, 3, mode: 9) }
        expect("vroundsd xmm1,xmm2,xmm3,0xa", "c4 e3 69 0b cb 0a") { $0.vrounds(.f64, 1, 2, 3, mode: 10) }
        expect("vroundsd xmm1,xmm2,xmm3,0xb", "c4 e3 69 0b cb 0b") { $0.vrounds(.f64, 1, 2, 3, mode: 11) }
        expect("vroundsd xmm0,xmm1,xmm2,0xb", "c4 e3 71 0b c2 0b") { $0.vrounds(.f64, 0, 1, 2, mode: 11) }
        expect("vroundsd xmm8,xmm1,xmm2,0xb", "c4 63 71 0b c2 0b") { $0.vrounds(.f64, 8, 1, 2, mode: 11) }
        expect("vroundsd xmm0,xmm8,xmm2,0xb", "c4 e3 39 0b c2 0b") { $0.vrounds(.f64, 0, 8, 2, mode: 11) }
        expect("vroundsd xmm0,xmm1,xmm8,0xb", "c4 c3 71 0b c0 0b") { $0.vrounds(.f64, 0, 1, 8, mode: 11) }
        expect("vroundsd xmm12,xmm13,xmm15,0xb", "c4 43 11 0b e7 0b") { $0.vrounds(.f64, 12, 13, 15, mode: 11) }
        expect("vroundsd xmm7,xmm5,xmm4,0xb", "c4 e3 51 0b fc 0b") { $0.vrounds(.f64, 7, 5, 4, mode: 11) }
        expect("vroundsd xmm3,xmm12,QWORD PTR [rbx],0x9", "c4 e3 19 0b 1b 09") {
            $0.vrounds(.f64, 3, 12, .base(rbx), mode: 9)
        }
        expect("vroundsd xmm3,xmm12,QWORD PTR [r12+0x8],0x9", "c4 c3 19 0b 5c 24 08 09") {
            $0.vrounds(.f64, 3, 12, .base(r12, 8), mode: 9)
        }
        expect("vroundsd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80],0x9", "c4 a3 19 0b 5c ed 80 09") {
            $0.vrounds(.f64, 3, 12, .indexed(rbp, r13, scale: 3, -128), mode: 9)
        }
        expect("vroundsd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678],0x9", "c4 a3 19 0b 9c 3c 78 56 34 12 09") {
            $0.vrounds(.f64, 3, 12, .indexed(rsp, r15, 305419896), mode: 9)
        }
    }

    @Test("Comparison and selection")
    func comparisonAndSelection() {
        expect("vucomiss xmm0,xmm1", "c5 f8 2e c1") { $0.vucomis(.f32, 0, 1) }
        expect("vucomiss xmm8,xmm1", "c5 78 2e c1") { $0.vucomis(.f32, 8, 1) }
        expect("vucomiss xmm1,xmm8", "c4 c1 78 2e c8") { $0.vucomis(.f32, 1, 8) }
        expect("vucomiss xmm15,xmm12", "c4 41 78 2e fc") { $0.vucomis(.f32, 15, 12) }
        expect("vucomiss xmm9,DWORD PTR [rbx]", "c5 78 2e 0b") { $0.vucomis(.f32, 9, .base(rbx)) }
        expect("vucomiss xmm9,DWORD PTR [r12+0x8]", "c4 41 78 2e 4c 24 08") { $0.vucomis(.f32, 9, .base(r12, 8)) }
        expect("vucomiss xmm9,DWORD PTR [rbp+r13*8-0x80]", "c4 21 78 2e 4c ed 80") {
            $0.vucomis(.f32, 9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vucomiss xmm9,DWORD PTR [rsp+r15*1+0x12345678]", "c4 21 78 2e 8c 3c 78 56 34 12") {
            $0.vucomis(.f32, 9, .indexed(rsp, r15, 305419896))
        }
        expect("vcmpeqss xmm1,xmm2,xmm3", "c5 ea c2 cb 00") { $0.vcmps(.f32, 1, 2, 3, predicate: 0) }
        expect("vcmpltss xmm1,xmm2,xmm3", "c5 ea c2 cb 01") { $0.vcmps(.f32, 1, 2, 3, predicate: 1) }
        expect("vcmpless xmm1,xmm2,xmm3", "c5 ea c2 cb 02") { $0.vcmps(.f32, 1, 2, 3, predicate: 2) }
        expect("vcmpunordss xmm1,xmm2,xmm3", "c5 ea c2 cb 03") { $0.vcmps(.f32, 1, 2, 3, predicate: 3) }
        expect("vcmpneqss xmm1,xmm2,xmm3", "c5 ea c2 cb 04") { $0.vcmps(.f32, 1, 2, 3, predicate: 4) }
        expect("vcmpnltss xmm1,xmm2,xmm3", "c5 ea c2 cb 05") { $0.vcmps(.f32, 1, 2, 3, predicate: 5) }
        expect("vcmpnless xmm1,xmm2,xmm3", "c5 ea c2 cb 06") { $0.vcmps(.f32, 1, 2, 3, predicate: 6) }
        expect("vcmpordss xmm1,xmm2,xmm3", "c5 ea c2 cb 07") { $0.vcmps(.f32, 1, 2, 3, predicate: 7) }
        expect("vcmplt_oqss xmm1,xmm2,xmm3", "c5 ea c2 cb 11") { $0.vcmps(.f32, 1, 2, 3, predicate: 17) }
        expect("vcmpltss xmm0,xmm1,xmm2", "c5 f2 c2 c2 01") { $0.vcmps(.f32, 0, 1, 2, predicate: 1) }
        expect("vcmpltss xmm8,xmm1,xmm2", "c5 72 c2 c2 01") { $0.vcmps(.f32, 8, 1, 2, predicate: 1) }
        expect("vcmpltss xmm0,xmm8,xmm2", "c5 ba c2 c2 01") { $0.vcmps(.f32, 0, 8, 2, predicate: 1) }
        expect("vcmpltss xmm0,xmm1,xmm8", "c4 c1 72 c2 c0 01") { $0.vcmps(.f32, 0, 1, 8, predicate: 1) }
        expect("vcmpltss xmm12,xmm13,xmm15", "c4 41 12 c2 e7 01") { $0.vcmps(.f32, 12, 13, 15, predicate: 1) }
        expect("vcmpltss xmm7,xmm5,xmm4", "c5 d2 c2 fc 01") { $0.vcmps(.f32, 7, 5, 4, predicate: 1) }
        expect("vcmpunordss xmm3,xmm12,DWORD PTR [rbx]", "c5 9a c2 1b 03") {
            $0.vcmps(.f32, 3, 12, .base(rbx), predicate: 3)
        }
        expect("vcmpunordss xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a c2 5c 24 08 03") {
            $0.vcmps(.f32, 3, 12, .base(r12, 8), predicate: 3)
        }
        expect("vcmpunordss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a c2 5c ed 80 03") {
            $0.vcmps(.f32, 3, 12, .indexed(rbp, r13, scale: 3, -128), predicate: 3)
        }
        expect("vcmpunordss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a c2 9c 3c 78 56 34 12 03") {
            $0.vcmps(.f32, 3, 12, .indexed(rsp, r15, 305419896), predicate: 3)
        }
        expect("vblendvps xmm0,xmm1,xmm2,xmm0", "c4 e3 71 4a c2 00") { $0.vblendv(.f32, 0, 1, 2, mask: 0) }
        expect("vblendvps xmm8,xmm13,xmm15,xmm0", "c4 43 11 4a c7 00") { $0.vblendv(.f32, 8, 13, 15, mask: 0) }
        expect("vblendvps xmm0,xmm1,xmm2,xmm7", "c4 e3 71 4a c2 70") { $0.vblendv(.f32, 0, 1, 2, mask: 7) }
        expect("vblendvps xmm8,xmm13,xmm15,xmm7", "c4 43 11 4a c7 70") { $0.vblendv(.f32, 8, 13, 15, mask: 7) }
        expect("vblendvps xmm0,xmm1,xmm2,xmm8", "c4 e3 71 4a c2 80") { $0.vblendv(.f32, 0, 1, 2, mask: 8) }
        expect("vblendvps xmm8,xmm13,xmm15,xmm8", "c4 43 11 4a c7 80") { $0.vblendv(.f32, 8, 13, 15, mask: 8) }
        expect("vblendvps xmm0,xmm1,xmm2,xmm15", "c4 e3 71 4a c2 f0") { $0.vblendv(.f32, 0, 1, 2, mask: 15) }
        expect("vblendvps xmm8,xmm13,xmm15,xmm15", "c4 43 11 4a c7 f0") { $0.vblendv(.f32, 8, 13, 15, mask: 15) }
        expect("vblendvps xmm3,xmm12,XMMWORD PTR [rbx],xmm9", "c4 e3 19 4a 1b 90") {
            $0.vblendv(.f32, 3, 12, .base(rbx), mask: 9)
        }
        expect("vblendvps xmm3,xmm12,XMMWORD PTR [r12+0x8],xmm9", "c4 c3 19 4a 5c 24 08 90") {
            $0.vblendv(.f32, 3, 12, .base(r12, 8), mask: 9)
        }
        expect("vblendvps xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80],xmm9", "c4 a3 19 4a 5c ed 80 90") {
            $0.vblendv(.f32, 3, 12, .indexed(rbp, r13, scale: 3, -128), mask: 9)
        }
        expect("vblendvps xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678],xmm9", "c4 a3 19 4a 9c 3c 78 56 34 12 90") {
            $0.vblendv(.f32, 3, 12, .indexed(rsp, r15, 305419896), mask: 9)
        }
        expect("vucomisd xmm0,xmm1", "c5 f9 2e c1") { $0.vucomis(.f64, 0, 1) }
        expect("vucomisd xmm8,xmm1", "c5 79 2e c1") { $0.vucomis(.f64, 8, 1) }
        expect("vucomisd xmm1,xmm8", "c4 c1 79 2e c8") { $0.vucomis(.f64, 1, 8) }
        expect("vucomisd xmm15,xmm12", "c4 41 79 2e fc") { $0.vucomis(.f64, 15, 12) }
        expect("vucomisd xmm9,QWORD PTR [rbx]", "c5 79 2e 0b") { $0.vucomis(.f64, 9, .base(rbx)) }
        expect("vucomisd xmm9,QWORD PTR [r12+0x8]", "c4 41 79 2e 4c 24 08") { $0.vucomis(.f64, 9, .base(r12, 8)) }
        expect("vucomisd xmm9,QWORD PTR [rbp+r13*8-0x80]", "c4 21 79 2e 4c ed 80") {
            $0.vucomis(.f64, 9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vucomisd xmm9,QWORD PTR [rsp+r15*1+0x12345678]", "c4 21 79 2e 8c 3c 78 56 34 12") {
            $0.vucomis(.f64, 9, .indexed(rsp, r15, 305419896))
        }
        expect("vcmpeqsd xmm1,xmm2,xmm3", "c5 eb c2 cb 00") { $0.vcmps(.f64, 1, 2, 3, predicate: 0) }
        expect("vcmpltsd xmm1,xmm2,xmm3", "c5 eb c2 cb 01") { $0.vcmps(.f64, 1, 2, 3, predicate: 1) }
        expect("vcmplesd xmm1,xmm2,xmm3", "c5 eb c2 cb 02") { $0.vcmps(.f64, 1, 2, 3, predicate: 2) }
        expect("vcmpunordsd xmm1,xmm2,xmm3", "c5 eb c2 cb 03") { $0.vcmps(.f64, 1, 2, 3, predicate: 3) }
        expect("vcmpneqsd xmm1,xmm2,xmm3", "c5 eb c2 cb 04") { $0.vcmps(.f64, 1, 2, 3, predicate: 4) }
        expect("vcmpnltsd xmm1,xmm2,xmm3", "c5 eb c2 cb 05") { $0.vcmps(.f64, 1, 2, 3, predicate: 5) }
        expect("vcmpnlesd xmm1,xmm2,xmm3", "c5 eb c2 cb 06") { $0.vcmps(.f64, 1, 2, 3, predicate: 6) }
        expect("vcmpordsd xmm1,xmm2,xmm3", "c5 eb c2 cb 07") { $0.vcmps(.f64, 1, 2, 3, predicate: 7) }
        expect("vcmplt_oqsd xmm1,xmm2,xmm3", "c5 eb c2 cb 11") { $0.vcmps(.f64, 1, 2, 3, predicate: 17) }
        expect("vcmpltsd xmm0,xmm1,xmm2", "c5 f3 c2 c2 01") { $0.vcmps(.f64, 0, 1, 2, predicate: 1) }
        expect("vcmpltsd xmm8,xmm1,xmm2", "c5 73 c2 c2 01") { $0.vcmps(.f64, 8, 1, 2, predicate: 1) }
        expect("vcmpltsd xmm0,xmm8,xmm2", "c5 bb c2 c2 01") { $0.vcmps(.f64, 0, 8, 2, predicate: 1) }
        expect("vcmpltsd xmm0,xmm1,xmm8", "c4 c1 73 c2 c0 01") { $0.vcmps(.f64, 0, 1, 8, predicate: 1) }
        expect("vcmpltsd xmm12,xmm13,xmm15", "c4 41 13 c2 e7 01") { $0.vcmps(.f64, 12, 13, 15, predicate: 1) }
        expect("vcmpltsd xmm7,xmm5,xmm4", "c5 d3 c2 fc 01") { $0.vcmps(.f64, 7, 5, 4, predicate: 1) }
        expect("vcmpunordsd xmm3,xmm12,QWORD PTR [rbx]", "c5 9b c2 1b 03") {
            $0.vcmps(.f64, 3, 12, .base(rbx), predicate: 3)
        }
        expect("vcmpunordsd xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 1b c2 5c 24 08 03") {
            $0.vcmps(.f64, 3, 12, .base(r12, 8), predicate: 3)
        }
        expect("vcmpunordsd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b c2 5c ed 80 03") {
            $0.vcmps(.f64, 3, 12, .indexed(rbp, r13, scale: 3, -128), predicate: 3)
        }
        expect("vcmpunordsd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b c2 9c 3c 78 56 34 12 03") {
            $0.vcmps(.f64, 3, 12, .indexed(rsp, r15, 305419896), predicate: 3)
        }
        expect("vblendvpd xmm0,xmm1,xmm2,xmm0", "c4 e3 71 4b c2 00") { $0.vblendv(.f64, 0, 1, 2, mask: 0) }
        expect("vblendvpd xmm8,xmm13,xmm15,xmm0", "c4 43 11 4b c7 00") { $0.vblendv(.f64, 8, 13, 15, mask: 0) }
        expect("vblendvpd xmm0,xmm1,xmm2,xmm7", "c4 e3 71 4b c2 70") { $0.vblendv(.f64, 0, 1, 2, mask: 7) }
        expect("vblendvpd xmm8,xmm13,xmm15,xmm7", "c4 43 11 4b c7 70") { $0.vblendv(.f64, 8, 13, 15, mask: 7) }
        expect("vblendvpd xmm0,xmm1,xmm2,xmm8", "c4 e3 71 4b c2 80") { $0.vblendv(.f64, 0, 1, 2, mask: 8) }
        expect("vblendvpd xmm8,xmm13,xmm15,xmm8", "c4 43 11 4b c7 80") { $0.vblendv(.f64, 8, 13, 15, mask: 8) }
        expect("vblendvpd xmm0,xmm1,xmm2,xmm15", "c4 e3 71 4b c2 f0") { $0.vblendv(.f64, 0, 1, 2, mask: 15) }
        expect("vblendvpd xmm8,xmm13,xmm15,xmm15", "c4 43 11 4b c7 f0") { $0.vblendv(.f64, 8, 13, 15, mask: 15) }
        expect("vblendvpd xmm3,xmm12,XMMWORD PTR [rbx],xmm9", "c4 e3 19 4b 1b 90") {
            $0.vblendv(.f64, 3, 12, .base(rbx), mask: 9)
        }
        expect("vblendvpd xmm3,xmm12,XMMWORD PTR [r12+0x8],xmm9", "c4 c3 19 4b 5c 24 08 90") {
            $0.vblendv(.f64, 3, 12, .base(r12, 8), mask: 9)
        }
        expect("vblendvpd xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80],xmm9", "c4 a3 19 4b 5c ed 80 90") {
            $0.vblendv(.f64, 3, 12, .indexed(rbp, r13, scale: 3, -128), mask: 9)
        }
        expect("vblendvpd xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678],xmm9", "c4 a3 19 4b 9c 3c 78 56 34 12 90") {
            $0.vblendv(.f64, 3, 12, .indexed(rsp, r15, 305419896), mask: 9)
        }
    }

    @Test("Moves")
    func moves() {
        expect("vmovss xmm0,DWORD PTR [rbx]", "c5 fa 10 03") { $0.vmovs(.f32, 0, .base(rbx)) }
        expect("vmovss DWORD PTR [rbx],xmm0", "c5 fa 11 03") { $0.vmovs(.f32, .base(rbx), 0) }
        expect("vmovss xmm7,DWORD PTR [rbx]", "c5 fa 10 3b") { $0.vmovs(.f32, 7, .base(rbx)) }
        expect("vmovss DWORD PTR [rbx],xmm7", "c5 fa 11 3b") { $0.vmovs(.f32, .base(rbx), 7) }
        expect("vmovss xmm8,DWORD PTR [rbx]", "c5 7a 10 03") { $0.vmovs(.f32, 8, .base(rbx)) }
        expect("vmovss DWORD PTR [rbx],xmm8", "c5 7a 11 03") { $0.vmovs(.f32, .base(rbx), 8) }
        expect("vmovss xmm15,DWORD PTR [rbx]", "c5 7a 10 3b") { $0.vmovs(.f32, 15, .base(rbx)) }
        expect("vmovss DWORD PTR [rbx],xmm15", "c5 7a 11 3b") { $0.vmovs(.f32, .base(rbx), 15) }
        expect("vmovss xmm4,DWORD PTR [r12+0x8]", "c4 c1 7a 10 64 24 08") { $0.vmovs(.f32, 4, .base(r12, 8)) }
        expect("vmovss DWORD PTR [r12+0x8],xmm12", "c4 41 7a 11 64 24 08") { $0.vmovs(.f32, .base(r12, 8), 12) }
        expect("vmovss xmm4,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 7a 10 64 ed 80") {
            $0.vmovs(.f32, 4, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmovss DWORD PTR [rbp+r13*8-0x80],xmm12", "c4 21 7a 11 64 ed 80") {
            $0.vmovs(.f32, .indexed(rbp, r13, scale: 3, -128), 12)
        }
        expect("vmovss xmm4,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 7a 10 a4 3c 78 56 34 12") {
            $0.vmovs(.f32, 4, .indexed(rsp, r15, 305419896))
        }
        expect("vmovss DWORD PTR [rsp+r15*1+0x12345678],xmm12", "c4 21 7a 11 a4 3c 78 56 34 12") {
            $0.vmovs(.f32, .indexed(rsp, r15, 305419896), 12)
        }
        expect("vmovsd xmm0,QWORD PTR [rbx]", "c5 fb 10 03") { $0.vmovs(.f64, 0, .base(rbx)) }
        expect("vmovsd QWORD PTR [rbx],xmm0", "c5 fb 11 03") { $0.vmovs(.f64, .base(rbx), 0) }
        expect("vmovsd xmm7,QWORD PTR [rbx]", "c5 fb 10 3b") { $0.vmovs(.f64, 7, .base(rbx)) }
        expect("vmovsd QWORD PTR [rbx],xmm7", "c5 fb 11 3b") { $0.vmovs(.f64, .base(rbx), 7) }
        expect("vmovsd xmm8,QWORD PTR [rbx]", "c5 7b 10 03") { $0.vmovs(.f64, 8, .base(rbx)) }
        expect("vmovsd QWORD PTR [rbx],xmm8", "c5 7b 11 03") { $0.vmovs(.f64, .base(rbx), 8) }
        expect("vmovsd xmm15,QWORD PTR [rbx]", "c5 7b 10 3b") { $0.vmovs(.f64, 15, .base(rbx)) }
        expect("vmovsd QWORD PTR [rbx],xmm15", "c5 7b 11 3b") { $0.vmovs(.f64, .base(rbx), 15) }
        expect("vmovsd xmm4,QWORD PTR [r12+0x8]", "c4 c1 7b 10 64 24 08") { $0.vmovs(.f64, 4, .base(r12, 8)) }
        expect("vmovsd QWORD PTR [r12+0x8],xmm12", "c4 41 7b 11 64 24 08") { $0.vmovs(.f64, .base(r12, 8), 12) }
        expect("vmovsd xmm4,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 7b 10 64 ed 80") {
            $0.vmovs(.f64, 4, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmovsd QWORD PTR [rbp+r13*8-0x80],xmm12", "c4 21 7b 11 64 ed 80") {
            $0.vmovs(.f64, .indexed(rbp, r13, scale: 3, -128), 12)
        }
        expect("vmovsd xmm4,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 7b 10 a4 3c 78 56 34 12") {
            $0.vmovs(.f64, 4, .indexed(rsp, r15, 305419896))
        }
        expect("vmovsd QWORD PTR [rsp+r15*1+0x12345678],xmm12", "c4 21 7b 11 a4 3c 78 56 34 12") {
            $0.vmovs(.f64, .indexed(rsp, r15, 305419896), 12)
        }
        expect("vmovaps xmm0,xmm1", "c5 f8 28 c1") { $0.vmovaps(0, 1) }
        expect("vmovaps xmm8,xmm1", "c5 78 28 c1") { $0.vmovaps(8, 1) }
        expect("vmovaps xmm1,xmm8", "c5 78 29 c1") { $0.vmovaps(1, 8) }
        expect("vmovaps xmm15,xmm12", "c4 41 78 28 fc") { $0.vmovaps(15, 12) }
        expect("vmovaps xmm0,XMMWORD PTR [rsp+0x10]", "c5 f8 28 44 24 10") { $0.vmovaps(0, .base(rsp, 16)) }
        expect("vmovaps XMMWORD PTR [rsp+0x10],xmm0", "c5 f8 29 44 24 10") { $0.vmovaps(.base(rsp, 16), 0) }
        expect("vmovaps xmm8,XMMWORD PTR [rsp+0x10]", "c5 78 28 44 24 10") { $0.vmovaps(8, .base(rsp, 16)) }
        expect("vmovaps XMMWORD PTR [rsp+0x10],xmm8", "c5 78 29 44 24 10") { $0.vmovaps(.base(rsp, 16), 8) }
        expect("vmovaps xmm15,XMMWORD PTR [rsp+0x10]", "c5 78 28 7c 24 10") { $0.vmovaps(15, .base(rsp, 16)) }
        expect("vmovaps XMMWORD PTR [rsp+0x10],xmm15", "c5 78 29 7c 24 10") { $0.vmovaps(.base(rsp, 16), 15) }
        expect("vmovaps xmm4,XMMWORD PTR [r12+0x8]", "c4 c1 78 28 64 24 08") { $0.vmovaps(4, .base(r12, 8)) }
        expect("vmovaps XMMWORD PTR [r12+0x8],xmm12", "c4 41 78 29 64 24 08") { $0.vmovaps(.base(r12, 8), 12) }
        expect("vmovaps xmm4,XMMWORD PTR [rbp+r13*8-0x80]", "c4 a1 78 28 64 ed 80") {
            $0.vmovaps(4, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmovaps XMMWORD PTR [rbp+r13*8-0x80],xmm12", "c4 21 78 29 64 ed 80") {
            $0.vmovaps(.indexed(rbp, r13, scale: 3, -128), 12)
        }
        expect("vmovaps xmm4,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 78 28 a4 3c 78 56 34 12") {
            $0.vmovaps(4, .indexed(rsp, r15, 305419896))
        }
        expect("vmovaps XMMWORD PTR [rsp+r15*1+0x12345678],xmm12", "c4 21 78 29 a4 3c 78 56 34 12") {
            $0.vmovaps(.indexed(rsp, r15, 305419896), 12)
        }
        expect("vmovups xmm0,XMMWORD PTR [rsp+0x10]", "c5 f8 10 44 24 10") { $0.vmovups(0, .base(rsp, 16)) }
        expect("vmovups XMMWORD PTR [rsp+0x10],xmm0", "c5 f8 11 44 24 10") { $0.vmovups(.base(rsp, 16), 0) }
        expect("vmovups xmm8,XMMWORD PTR [rsp+0x10]", "c5 78 10 44 24 10") { $0.vmovups(8, .base(rsp, 16)) }
        expect("vmovups XMMWORD PTR [rsp+0x10],xmm8", "c5 78 11 44 24 10") { $0.vmovups(.base(rsp, 16), 8) }
        expect("vmovups xmm15,XMMWORD PTR [rsp+0x10]", "c5 78 10 7c 24 10") { $0.vmovups(15, .base(rsp, 16)) }
        expect("vmovups XMMWORD PTR [rsp+0x10],xmm15", "c5 78 11 7c 24 10") { $0.vmovups(.base(rsp, 16), 15) }
        expect("vmovups xmm4,XMMWORD PTR [r12+0x8]", "c4 c1 78 10 64 24 08") { $0.vmovups(4, .base(r12, 8)) }
        expect("vmovups XMMWORD PTR [r12+0x8],xmm12", "c4 41 78 11 64 24 08") { $0.vmovups(.base(r12, 8), 12) }
        expect("vmovups xmm4,XMMWORD PTR [rbp+r13*8-0x80]", "c4 a1 78 10 64 ed 80") {
            $0.vmovups(4, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vmovups XMMWORD PTR [rbp+r13*8-0x80],xmm12", "c4 21 78 11 64 ed 80") {
            $0.vmovups(.indexed(rbp, r13, scale: 3, -128), 12)
        }
        expect("vmovups xmm4,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 78 10 a4 3c 78 56 34 12") {
            $0.vmovups(4, .indexed(rsp, r15, 305419896))
        }
        expect("vmovups XMMWORD PTR [rsp+r15*1+0x12345678],xmm12", "c4 21 78 11 a4 3c 78 56 34 12") {
            $0.vmovups(.indexed(rsp, r15, 305419896), 12)
        }
        expect("vmovd xmm0,eax", "c5 f9 6e c0") { $0.vmovToXMM(.w32, 0, rax) }
        expect("vmovd eax,xmm0", "c5 f9 7e c0") { $0.vmovFromXMM(.w32, rax, 0) }
        expect("vmovd xmm7,ebp", "c5 f9 6e fd") { $0.vmovToXMM(.w32, 7, rbp) }
        expect("vmovd ebp,xmm7", "c5 f9 7e fd") { $0.vmovFromXMM(.w32, rbp, 7) }
        expect("vmovd xmm8,ecx", "c5 79 6e c1") { $0.vmovToXMM(.w32, 8, rcx) }
        expect("vmovd ecx,xmm8", "c5 79 7e c1") { $0.vmovFromXMM(.w32, rcx, 8) }
        expect("vmovd xmm1,r8d", "c4 c1 79 6e c8") { $0.vmovToXMM(.w32, 1, r8) }
        expect("vmovd r8d,xmm1", "c4 c1 79 7e c8") { $0.vmovFromXMM(.w32, r8, 1) }
        expect("vmovd xmm12,r13d", "c4 41 79 6e e5") { $0.vmovToXMM(.w32, 12, r13) }
        expect("vmovd r13d,xmm12", "c4 41 79 7e e5") { $0.vmovFromXMM(.w32, r13, 12) }
        expect("vmovd xmm15,esp", "c5 79 6e fc") { $0.vmovToXMM(.w32, 15, rsp) }
        expect("vmovd esp,xmm15", "c5 79 7e fc") { $0.vmovFromXMM(.w32, rsp, 15) }
        expect("vmovq xmm0,rax", "c4 e1 f9 6e c0") { $0.vmovToXMM(.w64, 0, rax) }
        expect("vmovq rax,xmm0", "c4 e1 f9 7e c0") { $0.vmovFromXMM(.w64, rax, 0) }
        expect("vmovq xmm7,rbp", "c4 e1 f9 6e fd") { $0.vmovToXMM(.w64, 7, rbp) }
        expect("vmovq rbp,xmm7", "c4 e1 f9 7e fd") { $0.vmovFromXMM(.w64, rbp, 7) }
        expect("vmovq xmm8,rcx", "c4 61 f9 6e c1") { $0.vmovToXMM(.w64, 8, rcx) }
        expect("vmovq rcx,xmm8", "c4 61 f9 7e c1") { $0.vmovFromXMM(.w64, rcx, 8) }
        expect("vmovq xmm1,r8", "c4 c1 f9 6e c8") { $0.vmovToXMM(.w64, 1, r8) }
        expect("vmovq r8,xmm1", "c4 c1 f9 7e c8") { $0.vmovFromXMM(.w64, r8, 1) }
        expect("vmovq xmm12,r13", "c4 41 f9 6e e5") { $0.vmovToXMM(.w64, 12, r13) }
        expect("vmovq r13,xmm12", "c4 41 f9 7e e5") { $0.vmovFromXMM(.w64, r13, 12) }
        expect("vmovq xmm15,rsp", "c4 61 f9 6e fc") { $0.vmovToXMM(.w64, 15, rsp) }
        expect("vmovq rsp,xmm15", "c4 61 f9 7e fc") { $0.vmovFromXMM(.w64, rsp, 15) }
    }

    @Test("Conversion")
    func conversion() {
        expect("vcvtsi2ss xmm0,xmm1,edx", "c5 f2 2a c2") { $0.vcvtsi2s(.f32, .w32, 0, 1, rdx) }
        expect("vcvtsi2ss xmm8,xmm1,edx", "c5 72 2a c2") { $0.vcvtsi2s(.f32, .w32, 8, 1, rdx) }
        expect("vcvtsi2ss xmm0,xmm8,edx", "c5 ba 2a c2") { $0.vcvtsi2s(.f32, .w32, 0, 8, rdx) }
        expect("vcvtsi2ss xmm0,xmm1,r8d", "c4 c1 72 2a c0") { $0.vcvtsi2s(.f32, .w32, 0, 1, r8) }
        expect("vcvtsi2ss xmm12,xmm13,r15d", "c4 41 12 2a e7") { $0.vcvtsi2s(.f32, .w32, 12, 13, r15) }
        expect("vcvtsi2ss xmm7,xmm5,esp", "c5 d2 2a fc") { $0.vcvtsi2s(.f32, .w32, 7, 5, rsp) }
        expect("vcvtsi2ss xmm3,xmm12,DWORD PTR [rbx]", "c5 9a 2a 1b") { $0.vcvtsi2s(.f32, .w32, 3, 12, .base(rbx)) }
        expect("vcvtsi2ss xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a 2a 5c 24 08") {
            $0.vcvtsi2s(.f32, .w32, 3, 12, .base(r12, 8))
        }
        expect("vcvtsi2ss xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a 2a 5c ed 80") {
            $0.vcvtsi2s(.f32, .w32, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvtsi2ss xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a 2a 9c 3c 78 56 34 12") {
            $0.vcvtsi2s(.f32, .w32, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vcvttss2si eax,xmm1", "c5 fa 2c c1") { $0.vcvtts2si(.f32, .w32, rax, 1) }
        expect("vcvttss2si r8d,xmm1", "c5 7a 2c c1") { $0.vcvtts2si(.f32, .w32, r8, 1) }
        expect("vcvttss2si ecx,xmm8", "c4 c1 7a 2c c8") { $0.vcvtts2si(.f32, .w32, rcx, 8) }
        expect("vcvttss2si r15d,xmm12", "c4 41 7a 2c fc") { $0.vcvtts2si(.f32, .w32, r15, 12) }
        expect("vcvttss2si esp,xmm4", "c5 fa 2c e4") { $0.vcvtts2si(.f32, .w32, rsp, 4) }
        expect("vcvttss2si ebp,xmm13", "c4 c1 7a 2c ed") { $0.vcvtts2si(.f32, .w32, rbp, 13) }
        expect("vcvttss2si r9d,DWORD PTR [rbx]", "c5 7a 2c 0b") { $0.vcvtts2si(.f32, .w32, r9, .base(rbx)) }
        expect("vcvttss2si r9d,DWORD PTR [r12+0x8]", "c4 41 7a 2c 4c 24 08") {
            $0.vcvtts2si(.f32, .w32, r9, .base(r12, 8))
        }
        expect("vcvttss2si r9d,DWORD PTR [rbp+r13*8-0x80]", "c4 21 7a 2c 4c ed 80") {
            $0.vcvtts2si(.f32, .w32, r9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvttss2si r9d,DWORD PTR [rsp+r15*1+0x12345678]", "c4 21 7a 2c 8c 3c 78 56 34 12") {
            $0.vcvtts2si(.f32, .w32, r9, .indexed(rsp, r15, 305419896))
        }
        expect("vcvtsi2ss xmm0,xmm1,rdx", "c4 e1 f2 2a c2") { $0.vcvtsi2s(.f32, .w64, 0, 1, rdx) }
        expect("vcvtsi2ss xmm8,xmm1,rdx", "c4 61 f2 2a c2") { $0.vcvtsi2s(.f32, .w64, 8, 1, rdx) }
        expect("vcvtsi2ss xmm0,xmm8,rdx", "c4 e1 ba 2a c2") { $0.vcvtsi2s(.f32, .w64, 0, 8, rdx) }
        expect("vcvtsi2ss xmm0,xmm1,r8", "c4 c1 f2 2a c0") { $0.vcvtsi2s(.f32, .w64, 0, 1, r8) }
        expect("vcvtsi2ss xmm12,xmm13,r15", "c4 41 92 2a e7") { $0.vcvtsi2s(.f32, .w64, 12, 13, r15) }
        expect("vcvtsi2ss xmm7,xmm5,rsp", "c4 e1 d2 2a fc") { $0.vcvtsi2s(.f32, .w64, 7, 5, rsp) }
        expect("vcvtsi2ss xmm3,xmm12,QWORD PTR [rbx]", "c4 e1 9a 2a 1b") { $0.vcvtsi2s(.f32, .w64, 3, 12, .base(rbx)) }
        expect("vcvtsi2ss xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 9a 2a 5c 24 08") {
            $0.vcvtsi2s(.f32, .w64, 3, 12, .base(r12, 8))
        }
        expect("vcvtsi2ss xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 9a 2a 5c ed 80") {
            $0.vcvtsi2s(.f32, .w64, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvtsi2ss xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 9a 2a 9c 3c 78 56 34 12") {
            $0.vcvtsi2s(.f32, .w64, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vcvttss2si rax,xmm1", "c4 e1 fa 2c c1") { $0.vcvtts2si(.f32, .w64, rax, 1) }
        expect("vcvttss2si r8,xmm1", "c4 61 fa 2c c1") { $0.vcvtts2si(.f32, .w64, r8, 1) }
        expect("vcvttss2si rcx,xmm8", "c4 c1 fa 2c c8") { $0.vcvtts2si(.f32, .w64, rcx, 8) }
        expect("vcvttss2si r15,xmm12", "c4 41 fa 2c fc") { $0.vcvtts2si(.f32, .w64, r15, 12) }
        expect("vcvttss2si rsp,xmm4", "c4 e1 fa 2c e4") { $0.vcvtts2si(.f32, .w64, rsp, 4) }
        expect("vcvttss2si rbp,xmm13", "c4 c1 fa 2c ed") { $0.vcvtts2si(.f32, .w64, rbp, 13) }
        expect("vcvttss2si r9,DWORD PTR [rbx]", "c4 61 fa 2c 0b") { $0.vcvtts2si(.f32, .w64, r9, .base(rbx)) }
        expect("vcvttss2si r9,DWORD PTR [r12+0x8]", "c4 41 fa 2c 4c 24 08") {
            $0.vcvtts2si(.f32, .w64, r9, .base(r12, 8))
        }
        expect("vcvttss2si r9,DWORD PTR [rbp+r13*8-0x80]", "c4 21 fa 2c 4c ed 80") {
            $0.vcvtts2si(.f32, .w64, r9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvttss2si r9,DWORD PTR [rsp+r15*1+0x12345678]", "c4 21 fa 2c 8c 3c 78 56 34 12") {
            $0.vcvtts2si(.f32, .w64, r9, .indexed(rsp, r15, 305419896))
        }
        expect("vcvtsi2sd xmm0,xmm1,edx", "c5 f3 2a c2") { $0.vcvtsi2s(.f64, .w32, 0, 1, rdx) }
        expect("vcvtsi2sd xmm8,xmm1,edx", "c5 73 2a c2") { $0.vcvtsi2s(.f64, .w32, 8, 1, rdx) }
        expect("vcvtsi2sd xmm0,xmm8,edx", "c5 bb 2a c2") { $0.vcvtsi2s(.f64, .w32, 0, 8, rdx) }
        expect("vcvtsi2sd xmm0,xmm1,r8d", "c4 c1 73 2a c0") { $0.vcvtsi2s(.f64, .w32, 0, 1, r8) }
        expect("vcvtsi2sd xmm12,xmm13,r15d", "c4 41 13 2a e7") { $0.vcvtsi2s(.f64, .w32, 12, 13, r15) }
        expect("vcvtsi2sd xmm7,xmm5,esp", "c5 d3 2a fc") { $0.vcvtsi2s(.f64, .w32, 7, 5, rsp) }
        expect("vcvtsi2sd xmm3,xmm12,DWORD PTR [rbx]", "c5 9b 2a 1b") { $0.vcvtsi2s(.f64, .w32, 3, 12, .base(rbx)) }
        expect("vcvtsi2sd xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1b 2a 5c 24 08") {
            $0.vcvtsi2s(.f64, .w32, 3, 12, .base(r12, 8))
        }
        expect("vcvtsi2sd xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b 2a 5c ed 80") {
            $0.vcvtsi2s(.f64, .w32, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvtsi2sd xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b 2a 9c 3c 78 56 34 12") {
            $0.vcvtsi2s(.f64, .w32, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vcvttsd2si eax,xmm1", "c5 fb 2c c1") { $0.vcvtts2si(.f64, .w32, rax, 1) }
        expect("vcvttsd2si r8d,xmm1", "c5 7b 2c c1") { $0.vcvtts2si(.f64, .w32, r8, 1) }
        expect("vcvttsd2si ecx,xmm8", "c4 c1 7b 2c c8") { $0.vcvtts2si(.f64, .w32, rcx, 8) }
        expect("vcvttsd2si r15d,xmm12", "c4 41 7b 2c fc") { $0.vcvtts2si(.f64, .w32, r15, 12) }
        expect("vcvttsd2si esp,xmm4", "c5 fb 2c e4") { $0.vcvtts2si(.f64, .w32, rsp, 4) }
        expect("vcvttsd2si ebp,xmm13", "c4 c1 7b 2c ed") { $0.vcvtts2si(.f64, .w32, rbp, 13) }
        expect("vcvttsd2si r9d,QWORD PTR [rbx]", "c5 7b 2c 0b") { $0.vcvtts2si(.f64, .w32, r9, .base(rbx)) }
        expect("vcvttsd2si r9d,QWORD PTR [r12+0x8]", "c4 41 7b 2c 4c 24 08") {
            $0.vcvtts2si(.f64, .w32, r9, .base(r12, 8))
        }
        expect("vcvttsd2si r9d,QWORD PTR [rbp+r13*8-0x80]", "c4 21 7b 2c 4c ed 80") {
            $0.vcvtts2si(.f64, .w32, r9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvttsd2si r9d,QWORD PTR [rsp+r15*1+0x12345678]", "c4 21 7b 2c 8c 3c 78 56 34 12") {
            $0.vcvtts2si(.f64, .w32, r9, .indexed(rsp, r15, 305419896))
        }
        expect("vcvtsi2sd xmm0,xmm1,rdx", "c4 e1 f3 2a c2") { $0.vcvtsi2s(.f64, .w64, 0, 1, rdx) }
        expect("vcvtsi2sd xmm8,xmm1,rdx", "c4 61 f3 2a c2") { $0.vcvtsi2s(.f64, .w64, 8, 1, rdx) }
        expect("vcvtsi2sd xmm0,xmm8,rdx", "c4 e1 bb 2a c2") { $0.vcvtsi2s(.f64, .w64, 0, 8, rdx) }
        expect("vcvtsi2sd xmm0,xmm1,r8", "c4 c1 f3 2a c0") { $0.vcvtsi2s(.f64, .w64, 0, 1, r8) }
        expect("vcvtsi2sd xmm12,xmm13,r15", "c4 41 93 2a e7") { $0.vcvtsi2s(.f64, .w64, 12, 13, r15) }
        expect("vcvtsi2sd xmm7,xmm5,rsp", "c4 e1 d3 2a fc") { $0.vcvtsi2s(.f64, .w64, 7, 5, rsp) }
        expect("vcvtsi2sd xmm3,xmm12,QWORD PTR [rbx]", "c4 e1 9b 2a 1b") { $0.vcvtsi2s(.f64, .w64, 3, 12, .base(rbx)) }
        expect("vcvtsi2sd xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 9b 2a 5c 24 08") {
            $0.vcvtsi2s(.f64, .w64, 3, 12, .base(r12, 8))
        }
        expect("vcvtsi2sd xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 9b 2a 5c ed 80") {
            $0.vcvtsi2s(.f64, .w64, 3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvtsi2sd xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 9b 2a 9c 3c 78 56 34 12") {
            $0.vcvtsi2s(.f64, .w64, 3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vcvttsd2si rax,xmm1", "c4 e1 fb 2c c1") { $0.vcvtts2si(.f64, .w64, rax, 1) }
        expect("vcvttsd2si r8,xmm1", "c4 61 fb 2c c1") { $0.vcvtts2si(.f64, .w64, r8, 1) }
        expect("vcvttsd2si rcx,xmm8", "c4 c1 fb 2c c8") { $0.vcvtts2si(.f64, .w64, rcx, 8) }
        expect("vcvttsd2si r15,xmm12", "c4 41 fb 2c fc") { $0.vcvtts2si(.f64, .w64, r15, 12) }
        expect("vcvttsd2si rsp,xmm4", "c4 e1 fb 2c e4") { $0.vcvtts2si(.f64, .w64, rsp, 4) }
        expect("vcvttsd2si rbp,xmm13", "c4 c1 fb 2c ed") { $0.vcvtts2si(.f64, .w64, rbp, 13) }
        expect("vcvttsd2si r9,QWORD PTR [rbx]", "c4 61 fb 2c 0b") { $0.vcvtts2si(.f64, .w64, r9, .base(rbx)) }
        expect("vcvttsd2si r9,QWORD PTR [r12+0x8]", "c4 41 fb 2c 4c 24 08") {
            $0.vcvtts2si(.f64, .w64, r9, .base(r12, 8))
        }
        expect("vcvttsd2si r9,QWORD PTR [rbp+r13*8-0x80]", "c4 21 fb 2c 4c ed 80") {
            $0.vcvtts2si(.f64, .w64, r9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvttsd2si r9,QWORD PTR [rsp+r15*1+0x12345678]", "c4 21 fb 2c 8c 3c 78 56 34 12") {
            $0.vcvtts2si(.f64, .w64, r9, .indexed(rsp, r15, 305419896))
        }
        expect("vcvtss2sd xmm0,xmm1,xmm2", "c5 f2 5a c2") { $0.vcvtss2sd(0, 1, 2) }
        expect("vcvtss2sd xmm8,xmm1,xmm2", "c5 72 5a c2") { $0.vcvtss2sd(8, 1, 2) }
        expect("vcvtss2sd xmm0,xmm8,xmm2", "c5 ba 5a c2") { $0.vcvtss2sd(0, 8, 2) }
        expect("vcvtss2sd xmm0,xmm1,xmm8", "c4 c1 72 5a c0") { $0.vcvtss2sd(0, 1, 8) }
        expect("vcvtss2sd xmm12,xmm13,xmm15", "c4 41 12 5a e7") { $0.vcvtss2sd(12, 13, 15) }
        expect("vcvtss2sd xmm7,xmm5,xmm4", "c5 d2 5a fc") { $0.vcvtss2sd(7, 5, 4) }
        expect("vcvtss2sd xmm3,xmm12,DWORD PTR [rbx]", "c5 9a 5a 1b") { $0.vcvtss2sd(3, 12, .base(rbx)) }
        expect("vcvtss2sd xmm3,xmm12,DWORD PTR [r12+0x8]", "c4 c1 1a 5a 5c 24 08") {
            $0.vcvtss2sd(3, 12, .base(r12, 8))
        }
        expect("vcvtss2sd xmm3,xmm12,DWORD PTR [rbp+r13*8-0x80]", "c4 a1 1a 5a 5c ed 80") {
            $0.vcvtss2sd(3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvtss2sd xmm3,xmm12,DWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1a 5a 9c 3c 78 56 34 12") {
            $0.vcvtss2sd(3, 12, .indexed(rsp, r15, 305419896))
        }
        expect("vcvtsd2ss xmm0,xmm1,xmm2", "c5 f3 5a c2") { $0.vcvtsd2ss(0, 1, 2) }
        expect("vcvtsd2ss xmm8,xmm1,xmm2", "c5 73 5a c2") { $0.vcvtsd2ss(8, 1, 2) }
        expect("vcvtsd2ss xmm0,xmm8,xmm2", "c5 bb 5a c2") { $0.vcvtsd2ss(0, 8, 2) }
        expect("vcvtsd2ss xmm0,xmm1,xmm8", "c4 c1 73 5a c0") { $0.vcvtsd2ss(0, 1, 8) }
        expect("vcvtsd2ss xmm12,xmm13,xmm15", "c4 41 13 5a e7") { $0.vcvtsd2ss(12, 13, 15) }
        expect("vcvtsd2ss xmm7,xmm5,xmm4", "c5 d3 5a fc") { $0.vcvtsd2ss(7, 5, 4) }
        expect("vcvtsd2ss xmm3,xmm12,QWORD PTR [rbx]", "c5 9b 5a 1b") { $0.vcvtsd2ss(3, 12, .base(rbx)) }
        expect("vcvtsd2ss xmm3,xmm12,QWORD PTR [r12+0x8]", "c4 c1 1b 5a 5c 24 08") {
            $0.vcvtsd2ss(3, 12, .base(r12, 8))
        }
        expect("vcvtsd2ss xmm3,xmm12,QWORD PTR [rbp+r13*8-0x80]", "c4 a1 1b 5a 5c ed 80") {
            $0.vcvtsd2ss(3, 12, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vcvtsd2ss xmm3,xmm12,QWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 1b 5a 9c 3c 78 56 34 12") {
            $0.vcvtsd2ss(3, 12, .indexed(rsp, r15, 305419896))
        }
    }

    @Test("Control registers")
    func controlRegisters() {
        expect("ldmxcsr DWORD PTR [rbx]", "0f ae 13") { $0.ldmxcsr(.base(rbx)) }
        expect("ldmxcsr DWORD PTR [r12+0x8]", "41 0f ae 54 24 08") { $0.ldmxcsr(.base(r12, 8)) }
        expect("ldmxcsr DWORD PTR [rbp+r13*8-0x80]", "42 0f ae 54 ed 80") {
            $0.ldmxcsr(.indexed(rbp, r13, scale: 3, -128))
        }
        expect("ldmxcsr DWORD PTR [rsp+r15*1+0x12345678]", "42 0f ae 94 3c 78 56 34 12") {
            $0.ldmxcsr(.indexed(rsp, r15, 305419896))
        }
        expect("stmxcsr DWORD PTR [rbx]", "0f ae 1b") { $0.stmxcsr(.base(rbx)) }
        expect("stmxcsr DWORD PTR [r12+0x8]", "41 0f ae 5c 24 08") { $0.stmxcsr(.base(r12, 8)) }
        expect("stmxcsr DWORD PTR [rbp+r13*8-0x80]", "42 0f ae 5c ed 80") {
            $0.stmxcsr(.indexed(rbp, r13, scale: 3, -128))
        }
        expect("stmxcsr DWORD PTR [rsp+r15*1+0x12345678]", "42 0f ae 9c 3c 78 56 34 12") {
            $0.stmxcsr(.indexed(rsp, r15, 305419896))
        }
        expect("fldcw WORD PTR [rbx]", "d9 2b") { $0.fldcw(.base(rbx)) }
        expect("fldcw WORD PTR [r12+0x8]", "41 d9 6c 24 08") { $0.fldcw(.base(r12, 8)) }
        expect("fldcw WORD PTR [rbp+r13*8-0x80]", "42 d9 6c ed 80") { $0.fldcw(.indexed(rbp, r13, scale: 3, -128)) }
        expect("fldcw WORD PTR [rsp+r15*1+0x12345678]", "42 d9 ac 3c 78 56 34 12") {
            $0.fldcw(.indexed(rsp, r15, 305419896))
        }
        expect("fnstcw WORD PTR [rbx]", "d9 3b") { $0.fnstcw(.base(rbx)) }
        expect("fnstcw WORD PTR [r12+0x8]", "41 d9 7c 24 08") { $0.fnstcw(.base(r12, 8)) }
        expect("fnstcw WORD PTR [rbp+r13*8-0x80]", "42 d9 7c ed 80") { $0.fnstcw(.indexed(rbp, r13, scale: 3, -128)) }
        expect("fnstcw WORD PTR [rsp+r15*1+0x12345678]", "42 d9 bc 3c 78 56 34 12") {
            $0.fnstcw(.indexed(rsp, r15, 305419896))
        }
        expect("vzeroupper", "c5 f8 77") { $0.vzeroupper() }
    }
}
