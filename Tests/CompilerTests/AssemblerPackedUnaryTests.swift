//! Encodings of packed instructions on one vector, and of products with a sum. Each row: disassembly, bytes of the GNU
//! assembler, and the call where it does not follow from the text.

import Testing

@testable import Compiler

@Suite("Assembler encodings: packed, one source and three")
struct AssemblerPackedUnaryTests: AssemblerTable {
    @Test("One source")
    func unary() throws {
        var withRegister: Set<VPackedUnary> = []
        var withMemory: Set<VPackedUnary> = []
        for row in try rows(of: oneSource) {
            let op = try VPackedUnary.named(row.name)
            if let memory = row.memory {
                withMemory.insert(op)
                expect(row.text, row.bytes) { $0.vpacked(op, row.registers[0], memory) }
            } else {
                withRegister.insert(op)
                expect(row.text, row.bytes) { $0.vpacked(op, row.registers[0], row.registers[1]) }
            }
        }
        #expect(withRegister == Set(VPackedUnary.allCases))
        #expect(withMemory == withRegister)
    }

    @Test("Products with a sum")
    func fusedMultiplyAdd() throws {
        var withRegister: Set<String> = []
        var withMemory: Set<String> = []
        for row in try rows(of: fused) {
            let op = try VFusedMultiplyAdd.named(String(row.name.dropLast(2)))
            let fw: FloatWidth = row.name.hasSuffix("ps") ? .f32 : .f64
            if let memory = row.memory {
                withMemory.insert(row.name)
                expect(row.text, row.bytes) { $0.vfma(op, fw, row.registers[0], row.registers[1], memory) }
            } else {
                withRegister.insert(row.name)
                expect(row.text, row.bytes) {
                    $0.vfma(op, fw, row.registers[0], row.registers[1], row.registers[2])
                }
            }
        }
        #expect(withRegister == Set(VFusedMultiplyAdd.allCases.flatMap { ["\($0)ps", "\($0)pd"] }))
        #expect(withMemory == withRegister)
    }

    @Test("Test")
    func test() {
        expect("vptest xmm0,xmm1", "c4 e2 79 17 c1") { $0.vptest(0, 1) }
        expect("vptest xmm8,xmm1", "c4 62 79 17 c1") { $0.vptest(8, 1) }
        expect("vptest xmm0,xmm8", "c4 c2 79 17 c0") { $0.vptest(0, 8) }
        expect("vptest xmm12,xmm15", "c4 42 79 17 e7") { $0.vptest(12, 15) }
        expect("vptest xmm9,XMMWORD PTR [rbx]", "c4 62 79 17 0b") { $0.vptest(9, .base(rbx)) }
        expect("vptest xmm9,XMMWORD PTR [r12+0x8]", "c4 42 79 17 4c 24 08") { $0.vptest(9, .base(r12, 8)) }
        expect("vptest xmm9,XMMWORD PTR [rbp+r13*8-0x80]", "c4 22 79 17 4c ed 80") {
            $0.vptest(9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("vptest xmm9,XMMWORD PTR [rsp+r15*1+0x12345678]", "c4 22 79 17 8c 3c 78 56 34 12") {
            $0.vptest(9, .indexed(rsp, r15, 305419896))
        }
    }
}

// MARK: Rows

private let oneSource = """
    vpabsb xmm0,xmm1                                    c4 e2 79 1c c1
    vpabsb xmm8,xmm2                                    c4 62 79 1c c2
    vpabsb xmm12,xmm15                                  c4 42 79 1c e7
    vpabsb xmm5,XMMWORD PTR [rbx]                       c4 e2 79 1c 2b
    vpabsb xmm12,XMMWORD PTR [rbp+r13*8-0x80]           c4 22 79 1c 64 ed 80
    vpabsw xmm0,xmm1                                    c4 e2 79 1d c1
    vpabsw xmm3,xmm8                                    c4 c2 79 1d d8
    vpabsw xmm12,xmm15                                  c4 42 79 1d e7
    vpabsw xmm9,XMMWORD PTR [r12+0x8]                   c4 42 79 1d 4c 24 08
    vpabsw xmm7,XMMWORD PTR [rsp+r15*1+0x12345678]      c4 a2 79 1d bc 3c 78 56 34 12
    vpabsd xmm0,xmm1                                    c4 e2 79 1e c1
    vpabsd xmm8,xmm2                                    c4 62 79 1e c2
    vpabsd xmm12,xmm15                                  c4 42 79 1e e7
    vpabsd xmm12,XMMWORD PTR [rbp+r13*8-0x80]           c4 22 79 1e 64 ed 80
    vpabsd xmm5,XMMWORD PTR [rbx]                       c4 e2 79 1e 2b
    vpmovsxbw xmm0,xmm1                                 c4 e2 79 20 c1
    vpmovsxbw xmm3,xmm8                                 c4 c2 79 20 d8
    vpmovsxbw xmm12,xmm15                               c4 42 79 20 e7
    vpmovsxbw xmm7,QWORD PTR [rsp+r15*1+0x12345678]     c4 a2 79 20 bc 3c 78 56 34 12
    vpmovsxbw xmm9,QWORD PTR [r12+0x8]                  c4 42 79 20 4c 24 08
    vpmovsxbd xmm0,xmm1                                 c4 e2 79 21 c1
    vpmovsxbd xmm8,xmm2                                 c4 62 79 21 c2
    vpmovsxbd xmm12,xmm15                               c4 42 79 21 e7
    vpmovsxbd xmm5,DWORD PTR [rbx]                      c4 e2 79 21 2b
    vpmovsxbd xmm12,DWORD PTR [rbp+r13*8-0x80]          c4 22 79 21 64 ed 80
    vpmovsxbq xmm0,xmm1                                 c4 e2 79 22 c1
    vpmovsxbq xmm3,xmm8                                 c4 c2 79 22 d8
    vpmovsxbq xmm12,xmm15                               c4 42 79 22 e7
    vpmovsxbq xmm9,WORD PTR [r12+0x8]                   c4 42 79 22 4c 24 08
    vpmovsxbq xmm7,WORD PTR [rsp+r15*1+0x12345678]      c4 a2 79 22 bc 3c 78 56 34 12
    vpmovsxwd xmm0,xmm1                                 c4 e2 79 23 c1
    vpmovsxwd xmm8,xmm2                                 c4 62 79 23 c2
    vpmovsxwd xmm12,xmm15                               c4 42 79 23 e7
    vpmovsxwd xmm12,QWORD PTR [rbp+r13*8-0x80]          c4 22 79 23 64 ed 80
    vpmovsxwd xmm5,QWORD PTR [rbx]                      c4 e2 79 23 2b
    vpmovsxwq xmm0,xmm1                                 c4 e2 79 24 c1
    vpmovsxwq xmm3,xmm8                                 c4 c2 79 24 d8
    vpmovsxwq xmm12,xmm15                               c4 42 79 24 e7
    vpmovsxwq xmm7,DWORD PTR [rsp+r15*1+0x12345678]     c4 a2 79 24 bc 3c 78 56 34 12
    vpmovsxwq xmm9,DWORD PTR [r12+0x8]                  c4 42 79 24 4c 24 08
    vpmovsxdq xmm0,xmm1                                 c4 e2 79 25 c1
    vpmovsxdq xmm8,xmm2                                 c4 62 79 25 c2
    vpmovsxdq xmm12,xmm15                               c4 42 79 25 e7
    vpmovsxdq xmm5,QWORD PTR [rbx]                      c4 e2 79 25 2b
    vpmovsxdq xmm12,QWORD PTR [rbp+r13*8-0x80]          c4 22 79 25 64 ed 80
    vpmovzxbw xmm0,xmm1                                 c4 e2 79 30 c1
    vpmovzxbw xmm3,xmm8                                 c4 c2 79 30 d8
    vpmovzxbw xmm12,xmm15                               c4 42 79 30 e7
    vpmovzxbw xmm9,QWORD PTR [r12+0x8]                  c4 42 79 30 4c 24 08
    vpmovzxbw xmm7,QWORD PTR [rsp+r15*1+0x12345678]     c4 a2 79 30 bc 3c 78 56 34 12
    vpmovzxbd xmm0,xmm1                                 c4 e2 79 31 c1
    vpmovzxbd xmm8,xmm2                                 c4 62 79 31 c2
    vpmovzxbd xmm12,xmm15                               c4 42 79 31 e7
    vpmovzxbd xmm12,DWORD PTR [rbp+r13*8-0x80]          c4 22 79 31 64 ed 80
    vpmovzxbd xmm5,DWORD PTR [rbx]                      c4 e2 79 31 2b
    vpmovzxbq xmm0,xmm1                                 c4 e2 79 32 c1
    vpmovzxbq xmm3,xmm8                                 c4 c2 79 32 d8
    vpmovzxbq xmm12,xmm15                               c4 42 79 32 e7
    vpmovzxbq xmm7,WORD PTR [rsp+r15*1+0x12345678]      c4 a2 79 32 bc 3c 78 56 34 12
    vpmovzxbq xmm9,WORD PTR [r12+0x8]                   c4 42 79 32 4c 24 08
    vpmovzxwd xmm0,xmm1                                 c4 e2 79 33 c1
    vpmovzxwd xmm8,xmm2                                 c4 62 79 33 c2
    vpmovzxwd xmm12,xmm15                               c4 42 79 33 e7
    vpmovzxwd xmm5,QWORD PTR [rbx]                      c4 e2 79 33 2b
    vpmovzxwd xmm12,QWORD PTR [rbp+r13*8-0x80]          c4 22 79 33 64 ed 80
    vpmovzxwq xmm0,xmm1                                 c4 e2 79 34 c1
    vpmovzxwq xmm3,xmm8                                 c4 c2 79 34 d8
    vpmovzxwq xmm12,xmm15                               c4 42 79 34 e7
    vpmovzxwq xmm9,DWORD PTR [r12+0x8]                  c4 42 79 34 4c 24 08
    vpmovzxwq xmm7,DWORD PTR [rsp+r15*1+0x12345678]     c4 a2 79 34 bc 3c 78 56 34 12
    vpmovzxdq xmm0,xmm1                                 c4 e2 79 35 c1
    vpmovzxdq xmm8,xmm2                                 c4 62 79 35 c2
    vpmovzxdq xmm12,xmm15                               c4 42 79 35 e7
    vpmovzxdq xmm12,QWORD PTR [rbp+r13*8-0x80]          c4 22 79 35 64 ed 80
    vpmovzxdq xmm5,QWORD PTR [rbx]                      c4 e2 79 35 2b
    vpbroadcastb xmm0,xmm1                              c4 e2 79 78 c1
    vpbroadcastb xmm3,xmm8                              c4 c2 79 78 d8
    vpbroadcastb xmm12,xmm15                            c4 42 79 78 e7
    vpbroadcastb xmm7,BYTE PTR [rsp+r15*1+0x12345678]   c4 a2 79 78 bc 3c 78 56 34 12
    vpbroadcastb xmm9,BYTE PTR [r12+0x8]                c4 42 79 78 4c 24 08
    vpbroadcastw xmm0,xmm1                              c4 e2 79 79 c1
    vpbroadcastw xmm8,xmm2                              c4 62 79 79 c2
    vpbroadcastw xmm12,xmm15                            c4 42 79 79 e7
    vpbroadcastw xmm5,WORD PTR [rbx]                    c4 e2 79 79 2b
    vpbroadcastw xmm12,WORD PTR [rbp+r13*8-0x80]        c4 22 79 79 64 ed 80
    vpbroadcastd xmm0,xmm1                              c4 e2 79 58 c1
    vpbroadcastd xmm3,xmm8                              c4 c2 79 58 d8
    vpbroadcastd xmm12,xmm15                            c4 42 79 58 e7
    vpbroadcastd xmm9,DWORD PTR [r12+0x8]               c4 42 79 58 4c 24 08
    vpbroadcastd xmm7,DWORD PTR [rsp+r15*1+0x12345678]  c4 a2 79 58 bc 3c 78 56 34 12
    vpbroadcastq xmm0,xmm1                              c4 e2 79 59 c1
    vpbroadcastq xmm8,xmm2                              c4 62 79 59 c2
    vpbroadcastq xmm12,xmm15                            c4 42 79 59 e7
    vpbroadcastq xmm12,QWORD PTR [rbp+r13*8-0x80]       c4 22 79 59 64 ed 80
    vpbroadcastq xmm5,QWORD PTR [rbx]                   c4 e2 79 59 2b
    vbroadcastss xmm0,xmm1                              c4 e2 79 18 c1
    vbroadcastss xmm3,xmm8                              c4 c2 79 18 d8
    vbroadcastss xmm12,xmm15                            c4 42 79 18 e7
    vbroadcastss xmm7,DWORD PTR [rsp+r15*1+0x12345678]  c4 a2 79 18 bc 3c 78 56 34 12
    vbroadcastss xmm9,DWORD PTR [r12+0x8]               c4 42 79 18 4c 24 08
    vmovddup xmm0,xmm1                                  c5 fb 12 c1
    vmovddup xmm8,xmm2                                  c5 7b 12 c2
    vmovddup xmm12,xmm15                                c4 41 7b 12 e7
    vmovddup xmm5,QWORD PTR [rbx]                       c5 fb 12 2b
    vmovddup xmm12,QWORD PTR [rbp+r13*8-0x80]           c4 21 7b 12 64 ed 80
    vsqrtps xmm0,xmm1                                   c5 f8 51 c1
    vsqrtps xmm3,xmm8                                   c4 c1 78 51 d8
    vsqrtps xmm12,xmm15                                 c4 41 78 51 e7
    vsqrtps xmm9,XMMWORD PTR [r12+0x8]                  c4 41 78 51 4c 24 08
    vsqrtps xmm7,XMMWORD PTR [rsp+r15*1+0x12345678]     c4 a1 78 51 bc 3c 78 56 34 12
    vsqrtpd xmm0,xmm1                                   c5 f9 51 c1
    vsqrtpd xmm8,xmm2                                   c5 79 51 c2
    vsqrtpd xmm12,xmm15                                 c4 41 79 51 e7
    vsqrtpd xmm12,XMMWORD PTR [rbp+r13*8-0x80]          c4 21 79 51 64 ed 80
    vsqrtpd xmm5,XMMWORD PTR [rbx]                      c5 f9 51 2b
    vcvtdq2ps xmm0,xmm1                                 c5 f8 5b c1
    vcvtdq2ps xmm3,xmm8                                 c4 c1 78 5b d8
    vcvtdq2ps xmm12,xmm15                               c4 41 78 5b e7
    vcvtdq2ps xmm7,XMMWORD PTR [rsp+r15*1+0x12345678]   c4 a1 78 5b bc 3c 78 56 34 12
    vcvtdq2ps xmm9,XMMWORD PTR [r12+0x8]                c4 41 78 5b 4c 24 08
    vcvtps2dq xmm0,xmm1                                 c5 f9 5b c1
    vcvtps2dq xmm8,xmm2                                 c5 79 5b c2
    vcvtps2dq xmm12,xmm15                               c4 41 79 5b e7
    vcvtps2dq xmm5,XMMWORD PTR [rbx]                    c5 f9 5b 2b
    vcvtps2dq xmm12,XMMWORD PTR [rbp+r13*8-0x80]        c4 21 79 5b 64 ed 80
    vcvttps2dq xmm0,xmm1                                c5 fa 5b c1
    vcvttps2dq xmm3,xmm8                                c4 c1 7a 5b d8
    vcvttps2dq xmm12,xmm15                              c4 41 7a 5b e7
    vcvttps2dq xmm9,XMMWORD PTR [r12+0x8]               c4 41 7a 5b 4c 24 08
    vcvttps2dq xmm7,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 a1 7a 5b bc 3c 78 56 34 12
    vcvtpd2dq xmm0,xmm1                                 c5 fb e6 c1
    vcvtpd2dq xmm8,xmm2                                 c5 7b e6 c2
    vcvtpd2dq xmm12,xmm15                               c4 41 7b e6 e7
    vcvtpd2dq xmm12,XMMWORD PTR [rbp+r13*8-0x80]        c4 21 7b e6 64 ed 80
    vcvtpd2dq xmm5,XMMWORD PTR [rbx]                    c5 fb e6 2b
    vcvttpd2dq xmm0,xmm1                                c5 f9 e6 c1
    vcvttpd2dq xmm3,xmm8                                c4 c1 79 e6 d8
    vcvttpd2dq xmm12,xmm15                              c4 41 79 e6 e7
    vcvttpd2dq xmm7,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 a1 79 e6 bc 3c 78 56 34 12
    vcvttpd2dq xmm9,XMMWORD PTR [r12+0x8]               c4 41 79 e6 4c 24 08
    vcvtdq2pd xmm0,xmm1                                 c5 fa e6 c1
    vcvtdq2pd xmm8,xmm2                                 c5 7a e6 c2
    vcvtdq2pd xmm12,xmm15                               c4 41 7a e6 e7
    vcvtdq2pd xmm5,QWORD PTR [rbx]                      c5 fa e6 2b
    vcvtdq2pd xmm12,QWORD PTR [rbp+r13*8-0x80]          c4 21 7a e6 64 ed 80
    vcvtps2pd xmm0,xmm1                                 c5 f8 5a c1
    vcvtps2pd xmm3,xmm8                                 c4 c1 78 5a d8
    vcvtps2pd xmm12,xmm15                               c4 41 78 5a e7
    vcvtps2pd xmm9,QWORD PTR [r12+0x8]                  c4 41 78 5a 4c 24 08
    vcvtps2pd xmm7,QWORD PTR [rsp+r15*1+0x12345678]     c4 a1 78 5a bc 3c 78 56 34 12
    vcvtpd2ps xmm0,xmm1                                 c5 f9 5a c1
    vcvtpd2ps xmm8,xmm2                                 c5 79 5a c2
    vcvtpd2ps xmm12,xmm15                               c4 41 79 5a e7
    vcvtpd2ps xmm12,XMMWORD PTR [rbp+r13*8-0x80]        c4 21 79 5a 64 ed 80
    vcvtpd2ps xmm5,XMMWORD PTR [rbx]                    c5 f9 5a 2b
    """

private let fused = """
    vfmadd132ps xmm0,xmm1,xmm2                                  c4 e2 71 98 c2
    vfmadd132ps xmm8,xmm1,xmm2                                  c4 62 71 98 c2
    vfmadd132ps xmm0,xmm8,xmm2                                  c4 e2 39 98 c2
    vfmadd132ps xmm0,xmm1,xmm8                                  c4 c2 71 98 c0
    vfmadd132ps xmm12,xmm13,xmm15                               c4 42 11 98 e7
    vfmadd132ps xmm3,xmm12,XMMWORD PTR [rbx]                    c4 e2 19 98 1b
    vfmadd132ps xmm9,xmm5,XMMWORD PTR [r12+0x8]                 c4 42 51 98 4c 24 08
    vfmadd132pd xmm0,xmm1,xmm2                                  c4 e2 f1 98 c2
    vfmadd132pd xmm8,xmm1,xmm2                                  c4 62 f1 98 c2
    vfmadd132pd xmm0,xmm8,xmm2                                  c4 e2 b9 98 c2
    vfmadd132pd xmm0,xmm1,xmm8                                  c4 c2 f1 98 c0
    vfmadd132pd xmm12,xmm13,xmm15                               c4 42 91 98 e7
    vfmadd132pd xmm3,xmm12,XMMWORD PTR [r12+0x8]                c4 c2 99 98 5c 24 08
    vfmadd132pd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]          c4 22 d1 98 4c ed 80
    vfmadd213ps xmm0,xmm1,xmm2                                  c4 e2 71 a8 c2
    vfmadd213ps xmm8,xmm1,xmm2                                  c4 62 71 a8 c2
    vfmadd213ps xmm0,xmm8,xmm2                                  c4 e2 39 a8 c2
    vfmadd213ps xmm0,xmm1,xmm8                                  c4 c2 71 a8 c0
    vfmadd213ps xmm12,xmm13,xmm15                               c4 42 11 a8 e7
    vfmadd213ps xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]         c4 a2 19 a8 5c ed 80
    vfmadd213ps xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]    c4 22 51 a8 8c 3c 78 56 34 12
    vfmadd213pd xmm0,xmm1,xmm2                                  c4 e2 f1 a8 c2
    vfmadd213pd xmm8,xmm1,xmm2                                  c4 62 f1 a8 c2
    vfmadd213pd xmm0,xmm8,xmm2                                  c4 e2 b9 a8 c2
    vfmadd213pd xmm0,xmm1,xmm8                                  c4 c2 f1 a8 c0
    vfmadd213pd xmm12,xmm13,xmm15                               c4 42 91 a8 e7
    vfmadd213pd xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]   c4 a2 99 a8 9c 3c 78 56 34 12
    vfmadd213pd xmm9,xmm5,XMMWORD PTR [rbx]                     c4 62 d1 a8 0b
    vfmadd231ps xmm0,xmm1,xmm2                                  c4 e2 71 b8 c2
    vfmadd231ps xmm8,xmm1,xmm2                                  c4 62 71 b8 c2
    vfmadd231ps xmm0,xmm8,xmm2                                  c4 e2 39 b8 c2
    vfmadd231ps xmm0,xmm1,xmm8                                  c4 c2 71 b8 c0
    vfmadd231ps xmm12,xmm13,xmm15                               c4 42 11 b8 e7
    vfmadd231ps xmm3,xmm12,XMMWORD PTR [rbx]                    c4 e2 19 b8 1b
    vfmadd231ps xmm9,xmm5,XMMWORD PTR [r12+0x8]                 c4 42 51 b8 4c 24 08
    vfmadd231pd xmm0,xmm1,xmm2                                  c4 e2 f1 b8 c2
    vfmadd231pd xmm8,xmm1,xmm2                                  c4 62 f1 b8 c2
    vfmadd231pd xmm0,xmm8,xmm2                                  c4 e2 b9 b8 c2
    vfmadd231pd xmm0,xmm1,xmm8                                  c4 c2 f1 b8 c0
    vfmadd231pd xmm12,xmm13,xmm15                               c4 42 91 b8 e7
    vfmadd231pd xmm3,xmm12,XMMWORD PTR [r12+0x8]                c4 c2 99 b8 5c 24 08
    vfmadd231pd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]          c4 22 d1 b8 4c ed 80
    vfnmadd132ps xmm0,xmm1,xmm2                                 c4 e2 71 9c c2
    vfnmadd132ps xmm8,xmm1,xmm2                                 c4 62 71 9c c2
    vfnmadd132ps xmm0,xmm8,xmm2                                 c4 e2 39 9c c2
    vfnmadd132ps xmm0,xmm1,xmm8                                 c4 c2 71 9c c0
    vfnmadd132ps xmm12,xmm13,xmm15                              c4 42 11 9c e7
    vfnmadd132ps xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]        c4 a2 19 9c 5c ed 80
    vfnmadd132ps xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]   c4 22 51 9c 8c 3c 78 56 34 12
    vfnmadd132pd xmm0,xmm1,xmm2                                 c4 e2 f1 9c c2
    vfnmadd132pd xmm8,xmm1,xmm2                                 c4 62 f1 9c c2
    vfnmadd132pd xmm0,xmm8,xmm2                                 c4 e2 b9 9c c2
    vfnmadd132pd xmm0,xmm1,xmm8                                 c4 c2 f1 9c c0
    vfnmadd132pd xmm12,xmm13,xmm15                              c4 42 91 9c e7
    vfnmadd132pd xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 a2 99 9c 9c 3c 78 56 34 12
    vfnmadd132pd xmm9,xmm5,XMMWORD PTR [rbx]                    c4 62 d1 9c 0b
    vfnmadd213ps xmm0,xmm1,xmm2                                 c4 e2 71 ac c2
    vfnmadd213ps xmm8,xmm1,xmm2                                 c4 62 71 ac c2
    vfnmadd213ps xmm0,xmm8,xmm2                                 c4 e2 39 ac c2
    vfnmadd213ps xmm0,xmm1,xmm8                                 c4 c2 71 ac c0
    vfnmadd213ps xmm12,xmm13,xmm15                              c4 42 11 ac e7
    vfnmadd213ps xmm3,xmm12,XMMWORD PTR [rbx]                   c4 e2 19 ac 1b
    vfnmadd213ps xmm9,xmm5,XMMWORD PTR [r12+0x8]                c4 42 51 ac 4c 24 08
    vfnmadd213pd xmm0,xmm1,xmm2                                 c4 e2 f1 ac c2
    vfnmadd213pd xmm8,xmm1,xmm2                                 c4 62 f1 ac c2
    vfnmadd213pd xmm0,xmm8,xmm2                                 c4 e2 b9 ac c2
    vfnmadd213pd xmm0,xmm1,xmm8                                 c4 c2 f1 ac c0
    vfnmadd213pd xmm12,xmm13,xmm15                              c4 42 91 ac e7
    vfnmadd213pd xmm3,xmm12,XMMWORD PTR [r12+0x8]               c4 c2 99 ac 5c 24 08
    vfnmadd213pd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]         c4 22 d1 ac 4c ed 80
    vfnmadd231ps xmm0,xmm1,xmm2                                 c4 e2 71 bc c2
    vfnmadd231ps xmm8,xmm1,xmm2                                 c4 62 71 bc c2
    vfnmadd231ps xmm0,xmm8,xmm2                                 c4 e2 39 bc c2
    vfnmadd231ps xmm0,xmm1,xmm8                                 c4 c2 71 bc c0
    vfnmadd231ps xmm12,xmm13,xmm15                              c4 42 11 bc e7
    vfnmadd231ps xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]        c4 a2 19 bc 5c ed 80
    vfnmadd231ps xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]   c4 22 51 bc 8c 3c 78 56 34 12
    vfnmadd231pd xmm0,xmm1,xmm2                                 c4 e2 f1 bc c2
    vfnmadd231pd xmm8,xmm1,xmm2                                 c4 62 f1 bc c2
    vfnmadd231pd xmm0,xmm8,xmm2                                 c4 e2 b9 bc c2
    vfnmadd231pd xmm0,xmm1,xmm8                                 c4 c2 f1 bc c0
    vfnmadd231pd xmm12,xmm13,xmm15                              c4 42 91 bc e7
    vfnmadd231pd xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 a2 99 bc 9c 3c 78 56 34 12
    vfnmadd231pd xmm9,xmm5,XMMWORD PTR [rbx]                    c4 62 d1 bc 0b
    """
