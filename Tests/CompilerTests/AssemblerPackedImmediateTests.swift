//! Encodings of packed instructions with an immediate. Each row: disassembly, bytes of the GNU assembler, and the call
//! where it does not follow from the text.

import Testing

@testable import Compiler

@Suite("Assembler encodings: packed, with an immediate")
struct AssemblerPackedImmediateTests: AssemblerTable {
    @Test("Shifts")
    func shifts() throws {
        var found: Set<VShiftImmediate> = []
        for row in try rows(of: constantShifts) {
            let op = try VShiftImmediate.named(row.name)
            let count = try #require(row.immediate)
            found.insert(op)
            expect(row.text, row.bytes) { $0.vshift(op, row.registers[0], row.registers[1], count: count) }
        }
        #expect(found == Set(VShiftImmediate.allCases))
    }

    @Test("Two sources")
    func twoSources() throws {
        var withRegister: Set<VPackedImmediate> = []
        var withMemory: Set<VPackedImmediate> = []
        for row in try rows(of: twoSourcesAndImmediate) {
            let op = try VPackedImmediate.named(row.name)
            let imm = try #require(row.immediate)
            if let memory = row.memory {
                withMemory.insert(op)
                expect(row.text, row.bytes) { $0.vpacked(op, row.registers[0], row.registers[1], memory, imm: imm) }
            } else {
                withRegister.insert(op)
                expect(row.text, row.bytes) {
                    $0.vpacked(op, row.registers[0], row.registers[1], row.registers[2], imm: imm)
                }
            }
        }
        // The others are those of the next test.
        #expect(withRegister == Set(VPackedImmediate.allCases).subtracting([.cmpps, .cmppd]))
        #expect(withMemory == withRegister)
    }

    @Test("Comparison")
    func comparison() {
        expect("vcmpeqps xmm1,xmm2,xmm3", "c5 e8 c2 cb 00") { $0.vpacked(.cmpps, 1, 2, 3, imm: 0) }
        expect("vcmpltps xmm1,xmm2,xmm3", "c5 e8 c2 cb 01") { $0.vpacked(.cmpps, 1, 2, 3, imm: 1) }
        expect("vcmpleps xmm1,xmm2,xmm3", "c5 e8 c2 cb 02") { $0.vpacked(.cmpps, 1, 2, 3, imm: 2) }
        expect("vcmpunordps xmm1,xmm2,xmm3", "c5 e8 c2 cb 03") { $0.vpacked(.cmpps, 1, 2, 3, imm: 3) }
        expect("vcmpneqps xmm1,xmm2,xmm3", "c5 e8 c2 cb 04") { $0.vpacked(.cmpps, 1, 2, 3, imm: 4) }
        expect("vcmpnltps xmm1,xmm2,xmm3", "c5 e8 c2 cb 05") { $0.vpacked(.cmpps, 1, 2, 3, imm: 5) }
        expect("vcmpnleps xmm1,xmm2,xmm3", "c5 e8 c2 cb 06") { $0.vpacked(.cmpps, 1, 2, 3, imm: 6) }
        expect("vcmpordps xmm1,xmm2,xmm3", "c5 e8 c2 cb 07") { $0.vpacked(.cmpps, 1, 2, 3, imm: 7) }
        expect("vcmpltps xmm8,xmm1,xmm2", "c5 70 c2 c2 01") { $0.vpacked(.cmpps, 8, 1, 2, imm: 1) }
        expect("vcmpltps xmm0,xmm8,xmm2", "c5 b8 c2 c2 01") { $0.vpacked(.cmpps, 0, 8, 2, imm: 1) }
        expect("vcmpltps xmm0,xmm1,xmm8", "c4 c1 70 c2 c0 01") { $0.vpacked(.cmpps, 0, 1, 8, imm: 1) }
        expect("vcmpltps xmm12,xmm13,xmm15", "c4 41 10 c2 e7 01") { $0.vpacked(.cmpps, 12, 13, 15, imm: 1) }
        expect("vcmpneqps xmm3,xmm12,XMMWORD PTR [rbx]", "c5 98 c2 1b 04") {
            $0.vpacked(.cmpps, 3, 12, .base(rbx), imm: 4)
        }
        expect("vcmpneqps xmm3,xmm12,XMMWORD PTR [r12+0x8]", "c4 c1 18 c2 5c 24 08 04") {
            $0.vpacked(.cmpps, 3, 12, .base(r12, 8), imm: 4)
        }
        expect("vcmpneqps xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]", "c4 a1 18 c2 5c ed 80 04") {
            $0.vpacked(.cmpps, 3, 12, .indexed(rbp, r13, scale: 3, -128), imm: 4)
        }
        expect("vcmpneqps xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 18 c2 9c 3c 78 56 34 12 04") {
            $0.vpacked(.cmpps, 3, 12, .indexed(rsp, r15, 305419896), imm: 4)
        }
        expect("vcmptrue_usps xmm1,xmm2,xmm3", "c5 e8 c2 cb 1f") { $0.vpacked(.cmpps, 1, 2, 3, imm: 31) }
        expect("vcmpeqpd xmm1,xmm2,xmm3", "c5 e9 c2 cb 00") { $0.vpacked(.cmppd, 1, 2, 3, imm: 0) }
        expect("vcmpltpd xmm1,xmm2,xmm3", "c5 e9 c2 cb 01") { $0.vpacked(.cmppd, 1, 2, 3, imm: 1) }
        expect("vcmplepd xmm1,xmm2,xmm3", "c5 e9 c2 cb 02") { $0.vpacked(.cmppd, 1, 2, 3, imm: 2) }
        expect("vcmpunordpd xmm1,xmm2,xmm3", "c5 e9 c2 cb 03") { $0.vpacked(.cmppd, 1, 2, 3, imm: 3) }
        expect("vcmpneqpd xmm1,xmm2,xmm3", "c5 e9 c2 cb 04") { $0.vpacked(.cmppd, 1, 2, 3, imm: 4) }
        expect("vcmpnltpd xmm1,xmm2,xmm3", "c5 e9 c2 cb 05") { $0.vpacked(.cmppd, 1, 2, 3, imm: 5) }
        expect("vcmpnlepd xmm1,xmm2,xmm3", "c5 e9 c2 cb 06") { $0.vpacked(.cmppd, 1, 2, 3, imm: 6) }
        expect("vcmpordpd xmm1,xmm2,xmm3", "c5 e9 c2 cb 07") { $0.vpacked(.cmppd, 1, 2, 3, imm: 7) }
        expect("vcmpltpd xmm8,xmm1,xmm2", "c5 71 c2 c2 01") { $0.vpacked(.cmppd, 8, 1, 2, imm: 1) }
        expect("vcmpltpd xmm0,xmm8,xmm2", "c5 b9 c2 c2 01") { $0.vpacked(.cmppd, 0, 8, 2, imm: 1) }
        expect("vcmpltpd xmm0,xmm1,xmm8", "c4 c1 71 c2 c0 01") { $0.vpacked(.cmppd, 0, 1, 8, imm: 1) }
        expect("vcmpltpd xmm12,xmm13,xmm15", "c4 41 11 c2 e7 01") { $0.vpacked(.cmppd, 12, 13, 15, imm: 1) }
        expect("vcmpneqpd xmm3,xmm12,XMMWORD PTR [rbx]", "c5 99 c2 1b 04") {
            $0.vpacked(.cmppd, 3, 12, .base(rbx), imm: 4)
        }
        expect("vcmpneqpd xmm3,xmm12,XMMWORD PTR [r12+0x8]", "c4 c1 19 c2 5c 24 08 04") {
            $0.vpacked(.cmppd, 3, 12, .base(r12, 8), imm: 4)
        }
        expect("vcmpneqpd xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]", "c4 a1 19 c2 5c ed 80 04") {
            $0.vpacked(.cmppd, 3, 12, .indexed(rbp, r13, scale: 3, -128), imm: 4)
        }
        expect("vcmpneqpd xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 a1 19 c2 9c 3c 78 56 34 12 04") {
            $0.vpacked(.cmppd, 3, 12, .indexed(rsp, r15, 305419896), imm: 4)
        }
        expect("vcmptrue_uspd xmm1,xmm2,xmm3", "c5 e9 c2 cb 1f") { $0.vpacked(.cmppd, 1, 2, 3, imm: 31) }
    }

    @Test("One source")
    func oneSource() throws {
        var withRegister: Set<VPackedUnaryImmediate> = []
        var withMemory: Set<VPackedUnaryImmediate> = []
        for row in try rows(of: oneSourceAndImmediate) {
            let op = try VPackedUnaryImmediate.named(row.name)
            let imm = try #require(row.immediate)
            if let memory = row.memory {
                withMemory.insert(op)
                expect(row.text, row.bytes) { $0.vpacked(op, row.registers[0], memory, imm: imm) }
            } else {
                withRegister.insert(op)
                expect(row.text, row.bytes) { $0.vpacked(op, row.registers[0], row.registers[1], imm: imm) }
            }
        }
        #expect(withRegister == Set(VPackedUnaryImmediate.allCases))
        #expect(withMemory == withRegister)
    }

    @Test("Selection of bytes")
    func selection() {
        expect("vpblendvb xmm0,xmm1,xmm2,xmm3", "c4 e3 71 4c c2 30") { $0.vpblendvb(0, 1, 2, mask: 3) }
        expect("vpblendvb xmm8,xmm1,xmm2,xmm3", "c4 63 71 4c c2 30") { $0.vpblendvb(8, 1, 2, mask: 3) }
        expect("vpblendvb xmm0,xmm8,xmm2,xmm3", "c4 e3 39 4c c2 30") { $0.vpblendvb(0, 8, 2, mask: 3) }
        expect("vpblendvb xmm0,xmm1,xmm8,xmm3", "c4 c3 71 4c c0 30") { $0.vpblendvb(0, 1, 8, mask: 3) }
        expect("vpblendvb xmm0,xmm1,xmm2,xmm8", "c4 e3 71 4c c2 80") { $0.vpblendvb(0, 1, 2, mask: 8) }
        expect("vpblendvb xmm12,xmm13,xmm15,xmm14", "c4 43 11 4c e7 e0") { $0.vpblendvb(12, 13, 15, mask: 14) }
        expect("vpblendvb xmm3,xmm12,XMMWORD PTR [rbx],xmm9", "c4 e3 19 4c 1b 90") {
            $0.vpblendvb(3, 12, .base(rbx), mask: 9)
        }
        expect("vpblendvb xmm3,xmm12,XMMWORD PTR [r12+0x8],xmm9", "c4 c3 19 4c 5c 24 08 90") {
            $0.vpblendvb(3, 12, .base(r12, 8), mask: 9)
        }
        expect("vpblendvb xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80],xmm9", "c4 a3 19 4c 5c ed 80 90") {
            $0.vpblendvb(3, 12, .indexed(rbp, r13, scale: 3, -128), mask: 9)
        }
        expect("vpblendvb xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678],xmm9", "c4 a3 19 4c 9c 3c 78 56 34 12 90") {
            $0.vpblendvb(3, 12, .indexed(rsp, r15, 305419896), mask: 9)
        }
    }
}

// MARK: Rows

private let constantShifts = """
    vpsllw xmm0,xmm1,0x0      c5 f9 71 f1 00
    vpsllw xmm8,xmm1,0x1      c5 b9 71 f1 01
    vpsllw xmm0,xmm8,0x7      c4 c1 79 71 f0 07
    vpsllw xmm12,xmm15,0xff   c4 c1 19 71 f7 ff
    vpslld xmm0,xmm1,0x0      c5 f9 72 f1 00
    vpslld xmm8,xmm1,0x1      c5 b9 72 f1 01
    vpslld xmm0,xmm8,0x7      c4 c1 79 72 f0 07
    vpslld xmm12,xmm15,0xff   c4 c1 19 72 f7 ff
    vpsllq xmm0,xmm1,0x0      c5 f9 73 f1 00
    vpsllq xmm8,xmm1,0x1      c5 b9 73 f1 01
    vpsllq xmm0,xmm8,0x7      c4 c1 79 73 f0 07
    vpsllq xmm12,xmm15,0xff   c4 c1 19 73 f7 ff
    vpsrlw xmm0,xmm1,0x0      c5 f9 71 d1 00
    vpsrlw xmm8,xmm1,0x1      c5 b9 71 d1 01
    vpsrlw xmm0,xmm8,0x7      c4 c1 79 71 d0 07
    vpsrlw xmm12,xmm15,0xff   c4 c1 19 71 d7 ff
    vpsrld xmm0,xmm1,0x0      c5 f9 72 d1 00
    vpsrld xmm8,xmm1,0x1      c5 b9 72 d1 01
    vpsrld xmm0,xmm8,0x7      c4 c1 79 72 d0 07
    vpsrld xmm12,xmm15,0xff   c4 c1 19 72 d7 ff
    vpsrlq xmm0,xmm1,0x0      c5 f9 73 d1 00
    vpsrlq xmm8,xmm1,0x1      c5 b9 73 d1 01
    vpsrlq xmm0,xmm8,0x7      c4 c1 79 73 d0 07
    vpsrlq xmm12,xmm15,0xff   c4 c1 19 73 d7 ff
    vpsraw xmm0,xmm1,0x0      c5 f9 71 e1 00
    vpsraw xmm8,xmm1,0x1      c5 b9 71 e1 01
    vpsraw xmm0,xmm8,0x7      c4 c1 79 71 e0 07
    vpsraw xmm12,xmm15,0xff   c4 c1 19 71 e7 ff
    vpsrad xmm0,xmm1,0x0      c5 f9 72 e1 00
    vpsrad xmm8,xmm1,0x1      c5 b9 72 e1 01
    vpsrad xmm0,xmm8,0x7      c4 c1 79 72 e0 07
    vpsrad xmm12,xmm15,0xff   c4 c1 19 72 e7 ff
    vpslldq xmm0,xmm1,0x0     c5 f9 73 f9 00
    vpslldq xmm8,xmm1,0x1     c5 b9 73 f9 01
    vpslldq xmm0,xmm8,0x7     c4 c1 79 73 f8 07
    vpslldq xmm12,xmm15,0xff  c4 c1 19 73 ff ff
    vpsrldq xmm0,xmm1,0x0     c5 f9 73 d9 00
    vpsrldq xmm8,xmm1,0x1     c5 b9 73 d9 01
    vpsrldq xmm0,xmm8,0x7     c4 c1 79 73 d8 07
    vpsrldq xmm12,xmm15,0xff  c4 c1 19 73 df ff
    """

private let twoSourcesAndImmediate = """
    vshufps xmm0,xmm1,xmm2,0x0                                  c5 f0 c6 c2 00
    vshufps xmm8,xmm1,xmm2,0x1                                  c5 70 c6 c2 01
    vshufps xmm0,xmm8,xmm2,0x2                                  c5 b8 c6 c2 02
    vshufps xmm0,xmm1,xmm8,0x3                                  c4 c1 70 c6 c0 03
    vshufps xmm12,xmm13,xmm15,0xff                              c4 41 10 c6 e7 ff
    vshufps xmm3,xmm12,XMMWORD PTR [rbx],0x9                    c5 98 c6 1b 09
    vshufps xmm9,xmm5,XMMWORD PTR [r12+0x8],0x81                c4 41 50 c6 4c 24 08 81
    vshufps xmm7,xmm4,XMMWORD PTR [rbp+r13*8-0x80],0x7          c4 a1 58 c6 7c ed 80 07
    vshufpd xmm0,xmm1,xmm2,0x0                                  c5 f1 c6 c2 00
    vshufpd xmm8,xmm1,xmm2,0x1                                  c5 71 c6 c2 01
    vshufpd xmm0,xmm8,xmm2,0x2                                  c5 b9 c6 c2 02
    vshufpd xmm0,xmm1,xmm8,0x3                                  c4 c1 71 c6 c0 03
    vshufpd xmm12,xmm13,xmm15,0xff                              c4 41 11 c6 e7 ff
    vshufpd xmm3,xmm12,XMMWORD PTR [r12+0x8],0x9                c4 c1 19 c6 5c 24 08 09
    vshufpd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80],0x81         c4 21 51 c6 4c ed 80 81
    vshufpd xmm7,xmm4,XMMWORD PTR [rsp+r15*1+0x12345678],0x7    c4 a1 59 c6 bc 3c 78 56 34 12 07
    vpalignr xmm0,xmm1,xmm2,0x0                                 c4 e3 71 0f c2 00
    vpalignr xmm8,xmm1,xmm2,0x1                                 c4 63 71 0f c2 01
    vpalignr xmm0,xmm8,xmm2,0x2                                 c4 e3 39 0f c2 02
    vpalignr xmm0,xmm1,xmm8,0x3                                 c4 c3 71 0f c0 03
    vpalignr xmm12,xmm13,xmm15,0xff                             c4 43 11 0f e7 ff
    vpalignr xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80],0x9        c4 a3 19 0f 5c ed 80 09
    vpalignr xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678],0x81  c4 23 51 0f 8c 3c 78 56 34 12 81
    vpalignr xmm7,xmm4,XMMWORD PTR [rbx],0x7                    c4 e3 59 0f 3b 07
    vpblendw xmm0,xmm1,xmm2,0x0                                 c4 e3 71 0e c2 00
    vpblendw xmm8,xmm1,xmm2,0x1                                 c4 63 71 0e c2 01
    vpblendw xmm0,xmm8,xmm2,0x2                                 c4 e3 39 0e c2 02
    vpblendw xmm0,xmm1,xmm8,0x3                                 c4 c3 71 0e c0 03
    vpblendw xmm12,xmm13,xmm15,0xff                             c4 43 11 0e e7 ff
    vpblendw xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678],0x9  c4 a3 19 0e 9c 3c 78 56 34 12 09
    vpblendw xmm9,xmm5,XMMWORD PTR [rbx],0x81                   c4 63 51 0e 0b 81
    vpblendw xmm7,xmm4,XMMWORD PTR [r12+0x8],0x7                c4 c3 59 0e 7c 24 08 07
    vpblendd xmm0,xmm1,xmm2,0x0                                 c4 e3 71 02 c2 00
    vpblendd xmm8,xmm1,xmm2,0x1                                 c4 63 71 02 c2 01
    vpblendd xmm0,xmm8,xmm2,0x2                                 c4 e3 39 02 c2 02
    vpblendd xmm0,xmm1,xmm8,0x3                                 c4 c3 71 02 c0 03
    vpblendd xmm12,xmm13,xmm15,0xff                             c4 43 11 02 e7 ff
    vpblendd xmm3,xmm12,XMMWORD PTR [rbx],0x9                   c4 e3 19 02 1b 09
    vpblendd xmm9,xmm5,XMMWORD PTR [r12+0x8],0x81               c4 43 51 02 4c 24 08 81
    vpblendd xmm7,xmm4,XMMWORD PTR [rbp+r13*8-0x80],0x7         c4 a3 59 02 7c ed 80 07
    vblendps xmm0,xmm1,xmm2,0x0                                 c4 e3 71 0c c2 00
    vblendps xmm8,xmm1,xmm2,0x1                                 c4 63 71 0c c2 01
    vblendps xmm0,xmm8,xmm2,0x2                                 c4 e3 39 0c c2 02
    vblendps xmm0,xmm1,xmm8,0x3                                 c4 c3 71 0c c0 03
    vblendps xmm12,xmm13,xmm15,0xff                             c4 43 11 0c e7 ff
    vblendps xmm3,xmm12,XMMWORD PTR [r12+0x8],0x9               c4 c3 19 0c 5c 24 08 09
    vblendps xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80],0x81        c4 23 51 0c 4c ed 80 81
    vblendps xmm7,xmm4,XMMWORD PTR [rsp+r15*1+0x12345678],0x7   c4 a3 59 0c bc 3c 78 56 34 12 07
    vblendpd xmm0,xmm1,xmm2,0x0                                 c4 e3 71 0d c2 00
    vblendpd xmm8,xmm1,xmm2,0x1                                 c4 63 71 0d c2 01
    vblendpd xmm0,xmm8,xmm2,0x2                                 c4 e3 39 0d c2 02
    vblendpd xmm0,xmm1,xmm8,0x3                                 c4 c3 71 0d c0 03
    vblendpd xmm12,xmm13,xmm15,0xff                             c4 43 11 0d e7 ff
    vblendpd xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80],0x9        c4 a3 19 0d 5c ed 80 09
    vblendpd xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678],0x81  c4 23 51 0d 8c 3c 78 56 34 12 81
    vblendpd xmm7,xmm4,XMMWORD PTR [rbx],0x7                    c4 e3 59 0d 3b 07
    vinsertps xmm0,xmm1,xmm2,0x0                                c4 e3 71 21 c2 00
    vinsertps xmm8,xmm1,xmm2,0x1                                c4 63 71 21 c2 01
    vinsertps xmm0,xmm8,xmm2,0x2                                c4 e3 39 21 c2 02
    vinsertps xmm0,xmm1,xmm8,0x3                                c4 c3 71 21 c0 03
    vinsertps xmm12,xmm13,xmm15,0xff                            c4 43 11 21 e7 ff
    vinsertps xmm3,xmm12,DWORD PTR [r12+0x8],0x9                c4 c3 19 21 5c 24 08 09
    vinsertps xmm9,xmm5,DWORD PTR [rbp+r13*8-0x80],0x81         c4 23 51 21 4c ed 80 81
    vinsertps xmm7,xmm4,DWORD PTR [rsp+r15*1+0x12345678],0x7    c4 a3 59 21 bc 3c 78 56 34 12 07
    """

private let oneSourceAndImmediate = """
    vpshufd xmm0,xmm1,0x0                                   c5 f9 70 c1 00
    vpshufd xmm8,xmm1,0x8                                   c5 79 70 c1 08
    vpshufd xmm0,xmm8,0xb                                   c4 c1 79 70 c0 0b
    vpshufd xmm12,xmm15,0xff                                c4 41 79 70 e7 ff
    vpshufd xmm3,XMMWORD PTR [rbx],0x9                      c5 f9 70 1b 09
    vpshufd xmm9,XMMWORD PTR [r12+0x8],0x1b                 c4 41 79 70 4c 24 08 1b
    vpshufd xmm12,XMMWORD PTR [rbp+r13*8-0x80],0xe4         c4 21 79 70 64 ed 80 e4
    vpshuflw xmm0,xmm1,0x0                                  c5 fb 70 c1 00
    vpshuflw xmm8,xmm1,0x8                                  c5 7b 70 c1 08
    vpshuflw xmm0,xmm8,0xb                                  c4 c1 7b 70 c0 0b
    vpshuflw xmm12,xmm15,0xff                               c4 41 7b 70 e7 ff
    vpshuflw xmm3,XMMWORD PTR [r12+0x8],0x9                 c4 c1 7b 70 5c 24 08 09
    vpshuflw xmm9,XMMWORD PTR [rbp+r13*8-0x80],0x1b         c4 21 7b 70 4c ed 80 1b
    vpshuflw xmm12,XMMWORD PTR [rsp+r15*1+0x12345678],0xe4  c4 21 7b 70 a4 3c 78 56 34 12 e4
    vpshufhw xmm0,xmm1,0x0                                  c5 fa 70 c1 00
    vpshufhw xmm8,xmm1,0x8                                  c5 7a 70 c1 08
    vpshufhw xmm0,xmm8,0xb                                  c4 c1 7a 70 c0 0b
    vpshufhw xmm12,xmm15,0xff                               c4 41 7a 70 e7 ff
    vpshufhw xmm3,XMMWORD PTR [rbp+r13*8-0x80],0x9          c4 a1 7a 70 5c ed 80 09
    vpshufhw xmm9,XMMWORD PTR [rsp+r15*1+0x12345678],0x1b   c4 21 7a 70 8c 3c 78 56 34 12 1b
    vpshufhw xmm12,XMMWORD PTR [rbx],0xe4                   c5 7a 70 23 e4
    vroundps xmm0,xmm1,0x0                                  c4 e3 79 08 c1 00
    vroundps xmm8,xmm1,0x8                                  c4 63 79 08 c1 08
    vroundps xmm0,xmm8,0xb                                  c4 c3 79 08 c0 0b
    vroundps xmm12,xmm15,0xff                               c4 43 79 08 e7 ff
    vroundps xmm3,XMMWORD PTR [rsp+r15*1+0x12345678],0x9    c4 a3 79 08 9c 3c 78 56 34 12 09
    vroundps xmm9,XMMWORD PTR [rbx],0x1b                    c4 63 79 08 0b 1b
    vroundps xmm12,XMMWORD PTR [r12+0x8],0xe4               c4 43 79 08 64 24 08 e4
    vroundpd xmm0,xmm1,0x0                                  c4 e3 79 09 c1 00
    vroundpd xmm8,xmm1,0x8                                  c4 63 79 09 c1 08
    vroundpd xmm0,xmm8,0xb                                  c4 c3 79 09 c0 0b
    vroundpd xmm12,xmm15,0xff                               c4 43 79 09 e7 ff
    vroundpd xmm3,XMMWORD PTR [rbx],0x9                     c4 e3 79 09 1b 09
    vroundpd xmm9,XMMWORD PTR [r12+0x8],0x1b                c4 43 79 09 4c 24 08 1b
    vroundpd xmm12,XMMWORD PTR [rbp+r13*8-0x80],0xe4        c4 23 79 09 64 ed 80 e4
    """
