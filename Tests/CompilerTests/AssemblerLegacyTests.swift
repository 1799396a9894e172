//! Encodings of vector instructions without VEX, and of what replaces instructions that came with it. Each row: disassembly of
//! one or several instructions, bytes of the GNU assembler, call.

import Testing

@testable import Compiler

@Suite("Assembler encodings: without VEX")
struct AssemblerLegacyTests: AssemblerTable {
    @Test("Scalars: the destination is the first source")
    func tiedScalars() {
        expect("addss xmm0,xmm2", "f3 0f 58 c2", usesVEX: false) { $0.vscalar(.add, .f32, 0, 0, 2) }
        expect("addss xmm8,xmm2", "f3 44 0f 58 c2", usesVEX: false) { $0.vscalar(.add, .f32, 8, 8, 2) }
        expect("addss xmm0,xmm10", "f3 41 0f 58 c2", usesVEX: false) { $0.vscalar(.add, .f32, 0, 0, 10) }
        expect("mulsd xmm12,xmm13", "f2 45 0f 59 e5", usesVEX: false) { $0.vscalar(.mul, .f64, 12, 12, 13) }
        expect("subsd xmm3,xmm3", "f2 0f 5c db", usesVEX: false) { $0.vscalar(.sub, .f64, 3, 3, 3) }
        expect("divss xmm3,DWORD PTR [r12+0x8]", "f3 41 0f 5e 5c 24 08", usesVEX: false) {
            $0.vscalar(.div, .f32, 3, 3, .base(r12, 8))
        }
        expect("maxsd xmm9,QWORD PTR [rbp+r13*8-0x80]", "f2 46 0f 5f 4c ed 80", usesVEX: false) {
            $0.vscalar(.max, .f64, 9, 9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("sqrtsd xmm1,xmm1", "f2 0f 51 c9", usesVEX: false) { $0.vscalar(.sqrt, .f64, 1, 1, 1) }
        expect("roundss xmm1,xmm9,0xb", "66 41 0f 3a 0a c9 0b", usesVEX: false) { $0.vrounds(.f32, 1, 1, 9, mode: 11) }
        expect("roundsd xmm9,QWORD PTR [rax],0x8", "66 44 0f 3a 0b 08 08", usesVEX: false) {
            $0.vrounds(.f64, 9, 9, .base(rax), mode: 8)
        }
        expect("cmpltsd xmm4,xmm5", "f2 0f c2 e5 01", usesVEX: false) { $0.vcmps(.f64, 4, 4, 5, predicate: 1) }
        expect("cvtss2sd xmm4,xmm5", "f3 0f 5a e5", usesVEX: false) { $0.vcvtss2sd(4, 4, 5) }
        expect("cvtsd2ss xmm14,xmm5", "f2 44 0f 5a f5", usesVEX: false) { $0.vcvtsd2ss(14, 14, 5) }
        expect("cvtsi2ss xmm1,r9d", "f3 41 0f 2a c9", usesVEX: false) { $0.vcvtsi2s(.f32, .w32, 1, 1, r9) }
        expect("cvtsi2sd xmm9,rax", "f2 4c 0f 2a c8", usesVEX: false) { $0.vcvtsi2s(.f64, .w64, 9, 9, rax) }
        expect("movss xmm1,xmm9", "f3 41 0f 10 c9", usesVEX: false) { $0.vmovs(.f32, 1, 1, 9) }
    }

    @Test("Scalars: moves before the instruction")
    func movedScalars() {
        expect("movaps xmm0,xmm1; addss xmm0,xmm2", "0f 28 c1 f3 0f 58 c2", usesVEX: false) {
            $0.vscalar(.add, .f32, 0, 1, 2)
        }
        expect("movaps xmm8,xmm1; sqrtsd xmm8,xmm1", "44 0f 28 c1 f2 44 0f 51 c1", usesVEX: false) {
            $0.vscalar(.sqrt, .f64, 8, 1, 1)
        }
        expect(
            "movaps xmm15,xmm2; movaps xmm2,xmm1; subsd xmm2,xmm15", "44 0f 28 fa 0f 28 d1 f2 41 0f 5c d7",
            usesVEX: false
        ) { $0.vscalar(.sub, .f64, 2, 1, 2) }
        expect("movaps xmm0,xmm9; divsd xmm0,QWORD PTR [rbx]", "41 0f 28 c1 f2 0f 5e 03", usesVEX: false) {
            $0.vscalar(.div, .f64, 0, 9, .base(rbx))
        }
        expect("movaps xmm0,xmm1; roundss xmm0,xmm2,0x9", "0f 28 c1 66 0f 3a 0a c2 09", usesVEX: false) {
            $0.vrounds(.f32, 0, 1, 2, mode: 9)
        }
        expect("movaps xmm3,xmm1; cvtsi2sd xmm3,rbx", "0f 28 d9 f2 48 0f 2a db", usesVEX: false) {
            $0.vcvtsi2s(.f64, .w64, 3, 1, rbx)
        }
        expect("movaps xmm2,xmm1; andps xmm2,xmm3", "0f 28 d1 0f 54 d3", usesVEX: false) {
            $0.vlogic(.and, .f32, 2, 1, 3)
        }
        expect("andps xmm2,xmm1", "0f 54 d1", usesVEX: false) { $0.vlogic(.and, .f32, 2, 1, 2) }
        expect(
            "movaps xmm15,xmm2; movaps xmm2,xmm1; andnpd xmm2,xmm15", "44 0f 28 fa 0f 28 d1 66 41 0f 55 d7",
            usesVEX: false
        ) { $0.vlogic(.andNot, .f64, 2, 1, 2) }
        expect("xorps xmm9,xmm9", "45 0f 57 c9", usesVEX: false) { $0.vzero(9) }
    }

    @Test("Comparison and conversion")
    func comparison() {
        expect("ucomiss xmm1,xmm9", "41 0f 2e c9", usesVEX: false) { $0.vucomis(.f32, 1, 9) }
        expect("ucomisd xmm9,QWORD PTR [rdi]", "66 44 0f 2e 0f", usesVEX: false) { $0.vucomis(.f64, 9, .base(rdi)) }
        expect("cvttss2si eax,xmm9", "f3 41 0f 2c c1", usesVEX: false) { $0.vcvtts2si(.f32, .w32, rax, 9) }
        expect("cvttsd2si r9,xmm1", "f2 4c 0f 2c c9", usesVEX: false) { $0.vcvtts2si(.f64, .w64, r9, 1) }
        expect("ptest xmm3,xmm11", "66 41 0f 38 17 db", usesVEX: false) { $0.vptest(3, 11) }
    }

    @Test("Packed operations")
    func packed() {
        expect("paddb xmm1,xmm2", "66 0f fc ca", usesVEX: false) { $0.vpacked(.paddb, 1, 1, 2) }
        expect("paddb xmm1,xmm3", "66 0f fc cb", usesVEX: false) { $0.vpacked(.paddb, 1, 3, 1) }
        expect("movaps xmm1,xmm2; psubd xmm1,xmm3", "0f 28 ca 66 0f fa cb", usesVEX: false) {
            $0.vpacked(.psubd, 1, 2, 3)
        }
        expect(
            "movaps xmm15,xmm1; movaps xmm1,xmm2; psubd xmm1,xmm15", "44 0f 28 f9 0f 28 ca 66 41 0f fa cf",
            usesVEX: false
        ) { $0.vpacked(.psubd, 1, 2, 1) }
        expect("pshufb xmm9,xmm10", "66 45 0f 38 00 ca", usesVEX: false) { $0.vpacked(.pshufb, 9, 9, 10) }
        expect("pcmpeqq xmm1,xmm9", "66 41 0f 38 29 c9", usesVEX: false) { $0.vpacked(.pcmpeqq, 1, 1, 9) }
        expect("mulps xmm8,xmm0", "44 0f 59 c0", usesVEX: false) { $0.vpacked(.mulps, 8, 8, 0) }
        expect("addpd xmm0,xmm8", "66 41 0f 58 c0", usesVEX: false) { $0.vpacked(.addpd, 0, 0, 8) }
        expect("movhlps xmm1,xmm2", "0f 12 ca", usesVEX: false) { $0.vpacked(.movhlps, 1, 1, 2) }
        expect("pabsd xmm1,xmm10", "66 41 0f 38 1e ca", usesVEX: false) { $0.vpacked(.pabsd, 1, 10) }
        expect("pmovsxbw xmm9,QWORD PTR [rsi+0x10]", "66 44 0f 38 20 4e 10", usesVEX: false) {
            $0.vpacked(.pmovsxbw, 9, .base(rsi, 16))
        }
        expect("movddup xmm1,QWORD PTR [r8]", "f2 41 0f 12 08", usesVEX: false) { $0.vpacked(.movddup, 1, .base(r8)) }
        expect("cvttpd2dq xmm1,xmm2", "66 0f e6 ca", usesVEX: false) { $0.vpacked(.cvttpd2dq, 1, 2) }
        expect("cvtdq2pd xmm9,xmm2", "f3 44 0f e6 ca", usesVEX: false) { $0.vpacked(.cvtdq2pd, 9, 2) }
        expect("pslld xmm9,0x5", "66 41 0f 72 f1 05", usesVEX: false) { $0.vshift(.pslld, 9, 9, count: 5) }
        expect("movaps xmm1,xmm2; psrldq xmm1,0x3", "0f 28 ca 66 0f 73 d9 03", usesVEX: false) {
            $0.vshift(.psrldq, 1, 2, count: 3)
        }
        expect("shufps xmm1,xmm9,0x44", "41 0f c6 c9 44", usesVEX: false) { $0.vpacked(.shufps, 1, 1, 9, imm: 0x44) }
        expect("palignr xmm9,xmm1,0x3", "66 44 0f 3a 0f c9 03", usesVEX: false) {
            $0.vpacked(.palignr, 9, 9, 1, imm: 3)
        }
        expect("movaps xmm1,xmm2; pblendw xmm1,xmm3,0xf0", "0f 28 ca 66 0f 3a 0e cb f0", usesVEX: false) {
            $0.vpacked(.pblendw, 1, 2, 3, imm: 0xF0)
        }
        expect("cmpleps xmm1,xmm2", "0f c2 ca 02", usesVEX: false) { $0.vpacked(.cmpps, 1, 1, 2, imm: 2) }
        expect("pshufd xmm1,xmm9,0x1b", "66 41 0f 70 c9 1b", usesVEX: false) { $0.vpacked(.pshufd, 1, 9, imm: 0x1B) }
        expect("roundpd xmm9,xmm1,0x9", "66 44 0f 3a 09 c9 09", usesVEX: false) { $0.vpacked(.roundpd, 9, 1, imm: 9) }
        expect("insertps xmm1,DWORD PTR [rax+rcx*4],0x10", "66 0f 3a 21 0c 88 10", usesVEX: false) {
            $0.vpacked(.insertps, 1, 1, .indexed(rax, rcx, scale: 2), imm: 0x10)
        }
    }

    @Test("Moves and lanes")
    func moves() {
        expect("movaps xmm1,xmm9", "41 0f 28 c9", usesVEX: false) { $0.vmovaps(1, 9) }
        expect("movups xmm9,XMMWORD PTR [r13+0x0]", "45 0f 10 4d 00", usesVEX: false) { $0.vmovups(9, .base(r13)) }
        expect("movups XMMWORD PTR [rax+0x1000],xmm3", "0f 11 98 00 10 00 00", usesVEX: false) {
            $0.vmovups(.base(rax, 0x1000), 3)
        }
        expect("movsd xmm1,QWORD PTR [rsp+0x8]", "f2 0f 10 4c 24 08", usesVEX: false) {
            $0.vmovs(.f64, 1, .base(rsp, 8))
        }
        expect("movss DWORD PTR [r12],xmm9", "f3 45 0f 11 0c 24", usesVEX: false) { $0.vmovs(.f32, .base(r12), 9) }
        expect("movd xmm1,r9d", "66 41 0f 6e c9", usesVEX: false) { $0.vmovToXMM(.w32, 1, r9) }
        expect("movq xmm9,rax", "66 4c 0f 6e c8", usesVEX: false) { $0.vmovToXMM(.w64, 9, rax) }
        expect("movd eax,xmm9", "66 44 0f 7e c8", usesVEX: false) { $0.vmovFromXMM(.w32, rax, 9) }
        expect("movq r9,xmm1", "66 49 0f 7e c9", usesVEX: false) { $0.vmovFromXMM(.w64, r9, 1) }
        expect("movq xmm1,QWORD PTR [rdx]", "f3 0f 7e 0a", usesVEX: false) { $0.vmovToXMM(.w64, 1, .base(rdx)) }
        expect("pinsrb xmm1,r9d,0xf", "66 41 0f 3a 20 c9 0f", usesVEX: false) { $0.vpinsr(.w8, 1, 1, r9, lane: 15) }
        expect("pinsrw xmm9,eax,0x7", "66 44 0f c4 c8 07", usesVEX: false) { $0.vpinsr(.w16, 9, 9, rax, lane: 7) }
        expect("movaps xmm1,xmm2; pinsrd xmm1,ebx,0x3", "0f 28 ca 66 0f 3a 22 cb 03", usesVEX: false) {
            $0.vpinsr(.w32, 1, 2, rbx, lane: 3)
        }
        expect("pinsrq xmm1,QWORD PTR [rbx],0x1", "66 48 0f 3a 22 0b 01", usesVEX: false) {
            $0.vpinsr(.w64, 1, 1, .base(rbx), lane: 1)
        }
        expect("pextrb eax,xmm9,0xf", "66 44 0f 3a 14 c8 0f", usesVEX: false) { $0.vpextr(.w8, rax, 9, lane: 15) }
        expect("pextrw eax,xmm9,0x7", "66 41 0f c5 c1 07", usesVEX: false) { $0.vpextr(.w16, rax, 9, lane: 7) }
        expect("pextrq r9,xmm1,0x1", "66 49 0f 3a 16 c9 01", usesVEX: false) { $0.vpextr(.w64, r9, 1, lane: 1) }
        expect("pextrd DWORD PTR [rcx],xmm1,0x2", "66 0f 3a 16 09 02", usesVEX: false) {
            $0.vpextr(.w32, .base(rcx), 1, lane: 2)
        }
        expect("pmovmskb r9d,xmm1", "66 44 0f d7 c9", usesVEX: false) { $0.vpmovmskb(r9, 1) }
        expect("movmskpd eax,xmm9", "66 41 0f 50 c1", usesVEX: false) { $0.vmovmskp(.f64, rax, 9) }
        expect("movhps xmm1,QWORD PTR [rax]", "0f 16 08", usesVEX: false) { $0.vmovhps(1, 1, .base(rax)) }
    }

    @Test("Bits of integers")
    func bits() {
        expect("bsr eax,r9d", "41 0f bd c1", usesVEX: false) { $0.bsr(.w32, rax, r9) }
        expect("bsr r9,QWORD PTR [rbp-0x8]", "4c 0f bd 4d f8", usesVEX: false) { $0.bsr(.w64, r9, .base(rbp, -8)) }
        expect("bsf r9,rax", "4c 0f bc c8", usesVEX: false) { $0.bsf(.w64, r9, rax) }
        expect("bsf ecx,DWORD PTR [rbp-0x8]", "0f bc 4d f8", usesVEX: false) { $0.bsf(.w32, rcx, .base(rbp, -8)) }
    }

    /// They are aligned: nine bytes of code, seven of padding.
    @Test("Constants of 16 bytes are operands in memory")
    func constants() {
        var assembler = Assembler(usesVEX: false)
        assembler.vpacked(.paddb, 1, 1, .label(assembler.constant128(1, 2)))
        assembler.ret()
        assembler.finish()
        #expect(assembler.hex.hasPrefix("66 0f fc 0d 08 00 00 00 c3 cc"))
        #expect(assembler.withBytes { $0.count } == 32)
    }
}
