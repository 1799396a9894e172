//! Encodings of packed instructions on two vectors. Each row: disassembly, bytes of the GNU assembler.

import Testing

@testable import Compiler

@Suite("Assembler encodings: packed, two sources")
struct AssemblerPackedTests: AssemblerTable {
    @Test("All operations")
    func operations() throws {
        var withRegister: Set<VPacked> = []
        var withMemory: Set<VPacked> = []
        for row in try rows(of: sums, extremes, products, logic, shuffles, shifts, floats) {
            let op = try VPacked.named(row.name)
            if let memory = row.memory {
                withMemory.insert(op)
                expect(row.text, row.bytes) { $0.vpacked(op, row.registers[0], row.registers[1], memory) }
            } else {
                withRegister.insert(op)
                expect(row.text, row.bytes) {
                    $0.vpacked(op, row.registers[0], row.registers[1], row.registers[2])
                }
            }
        }
        #expect(withRegister == Set(VPacked.allCases))
        #expect(withMemory == withRegister.subtracting([.movlhps, .movhlps]))
    }

    @Test("Sources change places for a shorter prefix")
    func exchanges() throws {
        var found: Set<VPacked> = []
        for row in try rows(of: exchanged) {
            let op = try VPacked.named(row.name)
            found.insert(op)
            expect(row.text, row.bytes) { $0.vpacked(op, row.registers[0], row.registers[2], row.registers[1]) }
        }
        // The prefix of these is long in any case.
        found.formUnion([
            .pminsb, .pminsd, .pminuw, .pminud, .pmaxsb, .pmaxsd, .pmaxuw, .pmaxud,
            .pmulld, .pmulhrsw, .pmuldq, .pcmpeqq,
        ])
        #expect(found == Set(VPacked.allCases.filter { $0.isCommutative }))
    }
}

// MARK: Rows

private let sums = """
    vpaddb xmm0,xmm1,xmm2                                    c5 f1 fc c2
    vpaddb xmm8,xmm1,xmm2                                    c5 71 fc c2
    vpaddb xmm12,xmm13,xmm15                                 c4 41 11 fc e7
    vpaddb xmm7,xmm5,XMMWORD PTR [rbx]                       c5 d1 fc 3b
    vpaddw xmm0,xmm1,xmm2                                    c5 f1 fd c2
    vpaddw xmm0,xmm8,xmm2                                    c5 b9 fd c2
    vpaddw xmm12,xmm13,xmm15                                 c4 41 11 fd e7
    vpaddw xmm7,xmm5,XMMWORD PTR [r12+0x8]                   c4 c1 51 fd 7c 24 08
    vpaddd xmm0,xmm1,xmm2                                    c5 f1 fe c2
    vpaddd xmm8,xmm1,xmm2                                    c5 71 fe c2
    vpaddd xmm12,xmm13,xmm15                                 c4 41 11 fe e7
    vpaddd xmm7,xmm5,XMMWORD PTR [rbp+r13*8-0x80]            c4 a1 51 fe 7c ed 80
    vpaddq xmm0,xmm1,xmm2                                    c5 f1 d4 c2
    vpaddq xmm8,xmm1,xmm2                                    c5 71 d4 c2
    vpaddq xmm12,xmm13,xmm15                                 c4 41 11 d4 e7
    vpaddq xmm7,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]      c4 a1 51 d4 bc 3c 78 56 34 12
    vpsubb xmm0,xmm1,xmm2                                    c5 f1 f8 c2
    vpsubb xmm0,xmm8,xmm2                                    c5 b9 f8 c2
    vpsubb xmm12,xmm13,xmm15                                 c4 41 11 f8 e7
    vpsubb xmm9,xmm5,XMMWORD PTR [rbx]                       c5 51 f8 0b
    vpsubw xmm0,xmm1,xmm2                                    c5 f1 f9 c2
    vpsubw xmm0,xmm1,xmm8                                    c4 c1 71 f9 c0
    vpsubw xmm12,xmm13,xmm15                                 c4 41 11 f9 e7
    vpsubw xmm9,xmm5,XMMWORD PTR [r12+0x8]                   c4 41 51 f9 4c 24 08
    vpsubd xmm0,xmm1,xmm2                                    c5 f1 fa c2
    vpsubd xmm8,xmm1,xmm2                                    c5 71 fa c2
    vpsubd xmm12,xmm13,xmm15                                 c4 41 11 fa e7
    vpsubd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]            c4 21 51 fa 4c ed 80
    vpsubq xmm0,xmm1,xmm2                                    c5 f1 fb c2
    vpsubq xmm0,xmm8,xmm2                                    c5 b9 fb c2
    vpsubq xmm12,xmm13,xmm15                                 c4 41 11 fb e7
    vpsubq xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]      c4 21 51 fb 8c 3c 78 56 34 12
    vpaddsb xmm0,xmm1,xmm2                                   c5 f1 ec c2
    vpaddsb xmm8,xmm1,xmm2                                   c5 71 ec c2
    vpaddsb xmm12,xmm13,xmm15                                c4 41 11 ec e7
    vpaddsb xmm3,xmm12,XMMWORD PTR [rbx]                     c5 99 ec 1b
    vpaddsw xmm0,xmm1,xmm2                                   c5 f1 ed c2
    vpaddsw xmm8,xmm1,xmm2                                   c5 71 ed c2
    vpaddsw xmm12,xmm13,xmm15                                c4 41 11 ed e7
    vpaddsw xmm3,xmm12,XMMWORD PTR [r12+0x8]                 c4 c1 19 ed 5c 24 08
    vpaddusb xmm0,xmm1,xmm2                                  c5 f1 dc c2
    vpaddusb xmm0,xmm8,xmm2                                  c5 b9 dc c2
    vpaddusb xmm12,xmm13,xmm15                               c4 41 11 dc e7
    vpaddusb xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]         c4 a1 19 dc 5c ed 80
    vpaddusw xmm0,xmm1,xmm2                                  c5 f1 dd c2
    vpaddusw xmm0,xmm8,xmm2                                  c5 b9 dd c2
    vpaddusw xmm12,xmm13,xmm15                               c4 41 11 dd e7
    vpaddusw xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]   c4 a1 19 dd 9c 3c 78 56 34 12
    vpsubsb xmm0,xmm1,xmm2                                   c5 f1 e8 c2
    vpsubsb xmm8,xmm1,xmm2                                   c5 71 e8 c2
    vpsubsb xmm12,xmm13,xmm15                                c4 41 11 e8 e7
    vpsubsb xmm10,xmm11,XMMWORD PTR [rbx]                    c5 21 e8 13
    vpsubsw xmm0,xmm1,xmm2                                   c5 f1 e9 c2
    vpsubsw xmm0,xmm8,xmm2                                   c5 b9 e9 c2
    vpsubsw xmm12,xmm13,xmm15                                c4 41 11 e9 e7
    vpsubsw xmm10,xmm11,XMMWORD PTR [r12+0x8]                c4 41 21 e9 54 24 08
    vpsubusb xmm0,xmm1,xmm2                                  c5 f1 d8 c2
    vpsubusb xmm0,xmm1,xmm8                                  c4 c1 71 d8 c0
    vpsubusb xmm12,xmm13,xmm15                               c4 41 11 d8 e7
    vpsubusb xmm10,xmm11,XMMWORD PTR [rbp+r13*8-0x80]        c4 21 21 d8 54 ed 80
    vpsubusw xmm0,xmm1,xmm2                                  c5 f1 d9 c2
    vpsubusw xmm8,xmm1,xmm2                                  c5 71 d9 c2
    vpsubusw xmm12,xmm13,xmm15                               c4 41 11 d9 e7
    vpsubusw xmm10,xmm11,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 21 21 d9 94 3c 78 56 34 12
    vpavgb xmm0,xmm1,xmm2                                    c5 f1 e0 c2
    vpavgb xmm0,xmm8,xmm2                                    c5 b9 e0 c2
    vpavgb xmm12,xmm13,xmm15                                 c4 41 11 e0 e7
    vpavgb xmm7,xmm5,XMMWORD PTR [rbx]                       c5 d1 e0 3b
    vpavgw xmm0,xmm1,xmm2                                    c5 f1 e3 c2
    vpavgw xmm0,xmm8,xmm2                                    c5 b9 e3 c2
    vpavgw xmm12,xmm13,xmm15                                 c4 41 11 e3 e7
    vpavgw xmm7,xmm5,XMMWORD PTR [r12+0x8]                   c4 c1 51 e3 7c 24 08
    """

private let extremes = """
    vpminsb xmm0,xmm1,xmm2                                 c4 e2 71 38 c2
    vpminsb xmm8,xmm1,xmm2                                 c4 62 71 38 c2
    vpminsb xmm12,xmm13,xmm15                              c4 42 11 38 e7
    vpminsb xmm7,xmm5,XMMWORD PTR [rbp+r13*8-0x80]         c4 a2 51 38 7c ed 80
    vpminsw xmm0,xmm1,xmm2                                 c5 f1 ea c2
    vpminsw xmm0,xmm8,xmm2                                 c5 b9 ea c2
    vpminsw xmm12,xmm13,xmm15                              c4 41 11 ea e7
    vpminsw xmm7,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]   c4 a1 51 ea bc 3c 78 56 34 12
    vpminsd xmm0,xmm1,xmm2                                 c4 e2 71 39 c2
    vpminsd xmm0,xmm1,xmm8                                 c4 c2 71 39 c0
    vpminsd xmm12,xmm13,xmm15                              c4 42 11 39 e7
    vpminsd xmm9,xmm5,XMMWORD PTR [rbx]                    c4 62 51 39 0b
    vpminub xmm0,xmm1,xmm2                                 c5 f1 da c2
    vpminub xmm8,xmm1,xmm2                                 c5 71 da c2
    vpminub xmm12,xmm13,xmm15                              c4 41 11 da e7
    vpminub xmm9,xmm5,XMMWORD PTR [r12+0x8]                c4 41 51 da 4c 24 08
    vpminuw xmm0,xmm1,xmm2                                 c4 e2 71 3a c2
    vpminuw xmm0,xmm8,xmm2                                 c4 e2 39 3a c2
    vpminuw xmm12,xmm13,xmm15                              c4 42 11 3a e7
    vpminuw xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]         c4 22 51 3a 4c ed 80
    vpminud xmm0,xmm1,xmm2                                 c4 e2 71 3b c2
    vpminud xmm0,xmm1,xmm8                                 c4 c2 71 3b c0
    vpminud xmm12,xmm13,xmm15                              c4 42 11 3b e7
    vpminud xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]   c4 22 51 3b 8c 3c 78 56 34 12
    vpmaxsb xmm0,xmm1,xmm2                                 c4 e2 71 3c c2
    vpmaxsb xmm8,xmm1,xmm2                                 c4 62 71 3c c2
    vpmaxsb xmm12,xmm13,xmm15                              c4 42 11 3c e7
    vpmaxsb xmm3,xmm12,XMMWORD PTR [rbx]                   c4 e2 19 3c 1b
    vpmaxsw xmm0,xmm1,xmm2                                 c5 f1 ee c2
    vpmaxsw xmm0,xmm8,xmm2                                 c5 b9 ee c2
    vpmaxsw xmm12,xmm13,xmm15                              c4 41 11 ee e7
    vpmaxsw xmm3,xmm12,XMMWORD PTR [r12+0x8]               c4 c1 19 ee 5c 24 08
    vpmaxsd xmm0,xmm1,xmm2                                 c4 e2 71 3d c2
    vpmaxsd xmm0,xmm1,xmm8                                 c4 c2 71 3d c0
    vpmaxsd xmm12,xmm13,xmm15                              c4 42 11 3d e7
    vpmaxsd xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]        c4 a2 19 3d 5c ed 80
    vpmaxub xmm0,xmm1,xmm2                                 c5 f1 de c2
    vpmaxub xmm8,xmm1,xmm2                                 c5 71 de c2
    vpmaxub xmm12,xmm13,xmm15                              c4 41 11 de e7
    vpmaxub xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 a1 19 de 9c 3c 78 56 34 12
    vpmaxuw xmm0,xmm1,xmm2                                 c4 e2 71 3e c2
    vpmaxuw xmm0,xmm8,xmm2                                 c4 e2 39 3e c2
    vpmaxuw xmm12,xmm13,xmm15                              c4 42 11 3e e7
    vpmaxuw xmm10,xmm11,XMMWORD PTR [rbx]                  c4 62 21 3e 13
    vpmaxud xmm0,xmm1,xmm2                                 c4 e2 71 3f c2
    vpmaxud xmm0,xmm1,xmm8                                 c4 c2 71 3f c0
    vpmaxud xmm12,xmm13,xmm15                              c4 42 11 3f e7
    vpmaxud xmm10,xmm11,XMMWORD PTR [r12+0x8]              c4 42 21 3f 54 24 08
    """

private let products = """
    vpmullw xmm0,xmm1,xmm2                                  c5 f1 d5 c2
    vpmullw xmm8,xmm1,xmm2                                  c5 71 d5 c2
    vpmullw xmm12,xmm13,xmm15                               c4 41 11 d5 e7
    vpmullw xmm10,xmm11,XMMWORD PTR [rbp+r13*8-0x80]        c4 21 21 d5 54 ed 80
    vpmulld xmm0,xmm1,xmm2                                  c4 e2 71 40 c2
    vpmulld xmm0,xmm8,xmm2                                  c4 e2 39 40 c2
    vpmulld xmm12,xmm13,xmm15                               c4 42 11 40 e7
    vpmulld xmm10,xmm11,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 22 21 40 94 3c 78 56 34 12
    vpmulhw xmm0,xmm1,xmm2                                  c5 f1 e5 c2
    vpmulhw xmm8,xmm1,xmm2                                  c5 71 e5 c2
    vpmulhw xmm12,xmm13,xmm15                               c4 41 11 e5 e7
    vpmulhw xmm7,xmm5,XMMWORD PTR [rbx]                     c5 d1 e5 3b
    vpmulhuw xmm0,xmm1,xmm2                                 c5 f1 e4 c2
    vpmulhuw xmm8,xmm1,xmm2                                 c5 71 e4 c2
    vpmulhuw xmm12,xmm13,xmm15                              c4 41 11 e4 e7
    vpmulhuw xmm7,xmm5,XMMWORD PTR [r12+0x8]                c4 c1 51 e4 7c 24 08
    vpmulhrsw xmm0,xmm1,xmm2                                c4 e2 71 0b c2
    vpmulhrsw xmm0,xmm8,xmm2                                c4 e2 39 0b c2
    vpmulhrsw xmm12,xmm13,xmm15                             c4 42 11 0b e7
    vpmulhrsw xmm7,xmm5,XMMWORD PTR [rbp+r13*8-0x80]        c4 a2 51 0b 7c ed 80
    vpmuldq xmm0,xmm1,xmm2                                  c4 e2 71 28 c2
    vpmuldq xmm0,xmm1,xmm8                                  c4 c2 71 28 c0
    vpmuldq xmm12,xmm13,xmm15                               c4 42 11 28 e7
    vpmuldq xmm7,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]    c4 a2 51 28 bc 3c 78 56 34 12
    vpmuludq xmm0,xmm1,xmm2                                 c5 f1 f4 c2
    vpmuludq xmm8,xmm1,xmm2                                 c5 71 f4 c2
    vpmuludq xmm12,xmm13,xmm15                              c4 41 11 f4 e7
    vpmuludq xmm9,xmm5,XMMWORD PTR [rbx]                    c5 51 f4 0b
    vpmaddwd xmm0,xmm1,xmm2                                 c5 f1 f5 c2
    vpmaddwd xmm0,xmm8,xmm2                                 c5 b9 f5 c2
    vpmaddwd xmm12,xmm13,xmm15                              c4 41 11 f5 e7
    vpmaddwd xmm9,xmm5,XMMWORD PTR [r12+0x8]                c4 41 51 f5 4c 24 08
    vpmaddubsw xmm0,xmm1,xmm2                               c4 e2 71 04 c2
    vpmaddubsw xmm0,xmm1,xmm8                               c4 c2 71 04 c0
    vpmaddubsw xmm12,xmm13,xmm15                            c4 42 11 04 e7
    vpmaddubsw xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]       c4 22 51 04 4c ed 80
    vpsadbw xmm0,xmm1,xmm2                                  c5 f1 f6 c2
    vpsadbw xmm8,xmm1,xmm2                                  c5 71 f6 c2
    vpsadbw xmm12,xmm13,xmm15                               c4 41 11 f6 e7
    vpsadbw xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]    c4 21 51 f6 8c 3c 78 56 34 12
    vphaddw xmm0,xmm1,xmm2                                  c4 e2 71 01 c2
    vphaddw xmm0,xmm8,xmm2                                  c4 e2 39 01 c2
    vphaddw xmm12,xmm13,xmm15                               c4 42 11 01 e7
    vphaddw xmm3,xmm12,XMMWORD PTR [rbx]                    c4 e2 19 01 1b
    vphaddd xmm0,xmm1,xmm2                                  c4 e2 71 02 c2
    vphaddd xmm0,xmm1,xmm8                                  c4 c2 71 02 c0
    vphaddd xmm12,xmm13,xmm15                               c4 42 11 02 e7
    vphaddd xmm3,xmm12,XMMWORD PTR [r12+0x8]                c4 c2 19 02 5c 24 08
    vpsignb xmm0,xmm1,xmm2                                  c4 e2 71 08 c2
    vpsignb xmm8,xmm1,xmm2                                  c4 62 71 08 c2
    vpsignb xmm12,xmm13,xmm15                               c4 42 11 08 e7
    vpsignb xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]         c4 a2 19 08 5c ed 80
    vpsignw xmm0,xmm1,xmm2                                  c4 e2 71 09 c2
    vpsignw xmm0,xmm8,xmm2                                  c4 e2 39 09 c2
    vpsignw xmm12,xmm13,xmm15                               c4 42 11 09 e7
    vpsignw xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]   c4 a2 19 09 9c 3c 78 56 34 12
    vpsignd xmm0,xmm1,xmm2                                  c4 e2 71 0a c2
    vpsignd xmm0,xmm1,xmm8                                  c4 c2 71 0a c0
    vpsignd xmm12,xmm13,xmm15                               c4 42 11 0a e7
    vpsignd xmm10,xmm11,XMMWORD PTR [rbx]                   c4 62 21 0a 13
    """

private let logic = """
    vpcmpeqb xmm0,xmm1,xmm2                                  c5 f1 74 c2
    vpcmpeqb xmm8,xmm1,xmm2                                  c5 71 74 c2
    vpcmpeqb xmm12,xmm13,xmm15                               c4 41 11 74 e7
    vpcmpeqb xmm10,xmm11,XMMWORD PTR [r12+0x8]               c4 41 21 74 54 24 08
    vpcmpeqw xmm0,xmm1,xmm2                                  c5 f1 75 c2
    vpcmpeqw xmm0,xmm8,xmm2                                  c5 b9 75 c2
    vpcmpeqw xmm12,xmm13,xmm15                               c4 41 11 75 e7
    vpcmpeqw xmm10,xmm11,XMMWORD PTR [rbp+r13*8-0x80]        c4 21 21 75 54 ed 80
    vpcmpeqd xmm0,xmm1,xmm2                                  c5 f1 76 c2
    vpcmpeqd xmm0,xmm8,xmm2                                  c5 b9 76 c2
    vpcmpeqd xmm12,xmm13,xmm15                               c4 41 11 76 e7
    vpcmpeqd xmm10,xmm11,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 21 21 76 94 3c 78 56 34 12
    vpcmpeqq xmm0,xmm1,xmm2                                  c4 e2 71 29 c2
    vpcmpeqq xmm8,xmm1,xmm2                                  c4 62 71 29 c2
    vpcmpeqq xmm12,xmm13,xmm15                               c4 42 11 29 e7
    vpcmpeqq xmm7,xmm5,XMMWORD PTR [rbx]                     c4 e2 51 29 3b
    vpcmpgtb xmm0,xmm1,xmm2                                  c5 f1 64 c2
    vpcmpgtb xmm0,xmm8,xmm2                                  c5 b9 64 c2
    vpcmpgtb xmm12,xmm13,xmm15                               c4 41 11 64 e7
    vpcmpgtb xmm7,xmm5,XMMWORD PTR [r12+0x8]                 c4 c1 51 64 7c 24 08
    vpcmpgtw xmm0,xmm1,xmm2                                  c5 f1 65 c2
    vpcmpgtw xmm0,xmm1,xmm8                                  c4 c1 71 65 c0
    vpcmpgtw xmm12,xmm13,xmm15                               c4 41 11 65 e7
    vpcmpgtw xmm7,xmm5,XMMWORD PTR [rbp+r13*8-0x80]          c4 a1 51 65 7c ed 80
    vpcmpgtd xmm0,xmm1,xmm2                                  c5 f1 66 c2
    vpcmpgtd xmm8,xmm1,xmm2                                  c5 71 66 c2
    vpcmpgtd xmm12,xmm13,xmm15                               c4 41 11 66 e7
    vpcmpgtd xmm7,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]    c4 a1 51 66 bc 3c 78 56 34 12
    vpcmpgtq xmm0,xmm1,xmm2                                  c4 e2 71 37 c2
    vpcmpgtq xmm0,xmm8,xmm2                                  c4 e2 39 37 c2
    vpcmpgtq xmm12,xmm13,xmm15                               c4 42 11 37 e7
    vpcmpgtq xmm9,xmm5,XMMWORD PTR [rbx]                     c4 62 51 37 0b
    vpand xmm0,xmm1,xmm2                                     c5 f1 db c2
    vpand xmm0,xmm8,xmm2                                     c5 b9 db c2
    vpand xmm12,xmm13,xmm15                                  c4 41 11 db e7
    vpand xmm9,xmm5,XMMWORD PTR [r12+0x8]                    c4 41 51 db 4c 24 08
    vpandn xmm0,xmm1,xmm2                                    c5 f1 df c2
    vpandn xmm8,xmm1,xmm2                                    c5 71 df c2
    vpandn xmm12,xmm13,xmm15                                 c4 41 11 df e7
    vpandn xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]            c4 21 51 df 4c ed 80
    vpor xmm0,xmm1,xmm2                                      c5 f1 eb c2
    vpor xmm0,xmm8,xmm2                                      c5 b9 eb c2
    vpor xmm12,xmm13,xmm15                                   c4 41 11 eb e7
    vpor xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]        c4 21 51 eb 8c 3c 78 56 34 12
    vpxor xmm0,xmm1,xmm2                                     c5 f1 ef c2
    vpxor xmm8,xmm1,xmm2                                     c5 71 ef c2
    vpxor xmm12,xmm13,xmm15                                  c4 41 11 ef e7
    vpxor xmm3,xmm12,XMMWORD PTR [rbx]                       c5 99 ef 1b
    """

private let shuffles = """
    vpacksswb xmm0,xmm1,xmm2                                   c5 f1 63 c2
    vpacksswb xmm8,xmm1,xmm2                                   c5 71 63 c2
    vpacksswb xmm12,xmm13,xmm15                                c4 41 11 63 e7
    vpacksswb xmm3,xmm12,XMMWORD PTR [r12+0x8]                 c4 c1 19 63 5c 24 08
    vpackssdw xmm0,xmm1,xmm2                                   c5 f1 6b c2
    vpackssdw xmm0,xmm8,xmm2                                   c5 b9 6b c2
    vpackssdw xmm12,xmm13,xmm15                                c4 41 11 6b e7
    vpackssdw xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]          c4 a1 19 6b 5c ed 80
    vpackuswb xmm0,xmm1,xmm2                                   c5 f1 67 c2
    vpackuswb xmm0,xmm1,xmm8                                   c4 c1 71 67 c0
    vpackuswb xmm12,xmm13,xmm15                                c4 41 11 67 e7
    vpackuswb xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]    c4 a1 19 67 9c 3c 78 56 34 12
    vpackusdw xmm0,xmm1,xmm2                                   c4 e2 71 2b c2
    vpackusdw xmm8,xmm1,xmm2                                   c4 62 71 2b c2
    vpackusdw xmm12,xmm13,xmm15                                c4 42 11 2b e7
    vpackusdw xmm10,xmm11,XMMWORD PTR [rbx]                    c4 62 21 2b 13
    vpunpcklbw xmm0,xmm1,xmm2                                  c5 f1 60 c2
    vpunpcklbw xmm0,xmm8,xmm2                                  c5 b9 60 c2
    vpunpcklbw xmm12,xmm13,xmm15                               c4 41 11 60 e7
    vpunpcklbw xmm10,xmm11,XMMWORD PTR [r12+0x8]               c4 41 21 60 54 24 08
    vpunpcklwd xmm0,xmm1,xmm2                                  c5 f1 61 c2
    vpunpcklwd xmm0,xmm1,xmm8                                  c4 c1 71 61 c0
    vpunpcklwd xmm12,xmm13,xmm15                               c4 41 11 61 e7
    vpunpcklwd xmm10,xmm11,XMMWORD PTR [rbp+r13*8-0x80]        c4 21 21 61 54 ed 80
    vpunpckldq xmm0,xmm1,xmm2                                  c5 f1 62 c2
    vpunpckldq xmm8,xmm1,xmm2                                  c5 71 62 c2
    vpunpckldq xmm12,xmm13,xmm15                               c4 41 11 62 e7
    vpunpckldq xmm10,xmm11,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 21 21 62 94 3c 78 56 34 12
    vpunpcklqdq xmm0,xmm1,xmm2                                 c5 f1 6c c2
    vpunpcklqdq xmm0,xmm8,xmm2                                 c5 b9 6c c2
    vpunpcklqdq xmm12,xmm13,xmm15                              c4 41 11 6c e7
    vpunpcklqdq xmm7,xmm5,XMMWORD PTR [rbx]                    c5 d1 6c 3b
    vpunpckhbw xmm0,xmm1,xmm2                                  c5 f1 68 c2
    vpunpckhbw xmm0,xmm1,xmm8                                  c4 c1 71 68 c0
    vpunpckhbw xmm12,xmm13,xmm15                               c4 41 11 68 e7
    vpunpckhbw xmm7,xmm5,XMMWORD PTR [r12+0x8]                 c4 c1 51 68 7c 24 08
    vpunpckhwd xmm0,xmm1,xmm2                                  c5 f1 69 c2
    vpunpckhwd xmm8,xmm1,xmm2                                  c5 71 69 c2
    vpunpckhwd xmm12,xmm13,xmm15                               c4 41 11 69 e7
    vpunpckhwd xmm7,xmm5,XMMWORD PTR [rbp+r13*8-0x80]          c4 a1 51 69 7c ed 80
    vpunpckhdq xmm0,xmm1,xmm2                                  c5 f1 6a c2
    vpunpckhdq xmm0,xmm8,xmm2                                  c5 b9 6a c2
    vpunpckhdq xmm12,xmm13,xmm15                               c4 41 11 6a e7
    vpunpckhdq xmm7,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]    c4 a1 51 6a bc 3c 78 56 34 12
    vpunpckhqdq xmm0,xmm1,xmm2                                 c5 f1 6d c2
    vpunpckhqdq xmm0,xmm1,xmm8                                 c4 c1 71 6d c0
    vpunpckhqdq xmm12,xmm13,xmm15                              c4 41 11 6d e7
    vpunpckhqdq xmm9,xmm5,XMMWORD PTR [rbx]                    c5 51 6d 0b
    vpshufb xmm0,xmm1,xmm2                                     c4 e2 71 00 c2
    vpshufb xmm8,xmm1,xmm2                                     c4 62 71 00 c2
    vpshufb xmm12,xmm13,xmm15                                  c4 42 11 00 e7
    vpshufb xmm9,xmm5,XMMWORD PTR [r12+0x8]                    c4 42 51 00 4c 24 08
    """

private let shifts = """
    vpsllw xmm0,xmm1,xmm2                                   c5 f1 f1 c2
    vpsllw xmm0,xmm8,xmm2                                   c5 b9 f1 c2
    vpsllw xmm12,xmm13,xmm15                                c4 41 11 f1 e7
    vpsllw xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]           c4 21 51 f1 4c ed 80
    vpslld xmm0,xmm1,xmm2                                   c5 f1 f2 c2
    vpslld xmm0,xmm1,xmm8                                   c4 c1 71 f2 c0
    vpslld xmm12,xmm13,xmm15                                c4 41 11 f2 e7
    vpslld xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]     c4 21 51 f2 8c 3c 78 56 34 12
    vpsllq xmm0,xmm1,xmm2                                   c5 f1 f3 c2
    vpsllq xmm8,xmm1,xmm2                                   c5 71 f3 c2
    vpsllq xmm12,xmm13,xmm15                                c4 41 11 f3 e7
    vpsllq xmm3,xmm12,XMMWORD PTR [rbx]                     c5 99 f3 1b
    vpsrlw xmm0,xmm1,xmm2                                   c5 f1 d1 c2
    vpsrlw xmm0,xmm8,xmm2                                   c5 b9 d1 c2
    vpsrlw xmm12,xmm13,xmm15                                c4 41 11 d1 e7
    vpsrlw xmm3,xmm12,XMMWORD PTR [r12+0x8]                 c4 c1 19 d1 5c 24 08
    vpsrld xmm0,xmm1,xmm2                                   c5 f1 d2 c2
    vpsrld xmm0,xmm1,xmm8                                   c4 c1 71 d2 c0
    vpsrld xmm12,xmm13,xmm15                                c4 41 11 d2 e7
    vpsrld xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]          c4 a1 19 d2 5c ed 80
    vpsrlq xmm0,xmm1,xmm2                                   c5 f1 d3 c2
    vpsrlq xmm8,xmm1,xmm2                                   c5 71 d3 c2
    vpsrlq xmm12,xmm13,xmm15                                c4 41 11 d3 e7
    vpsrlq xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]    c4 a1 19 d3 9c 3c 78 56 34 12
    vpsraw xmm0,xmm1,xmm2                                   c5 f1 e1 c2
    vpsraw xmm0,xmm8,xmm2                                   c5 b9 e1 c2
    vpsraw xmm12,xmm13,xmm15                                c4 41 11 e1 e7
    vpsraw xmm10,xmm11,XMMWORD PTR [rbx]                    c5 21 e1 13
    vpsrad xmm0,xmm1,xmm2                                   c5 f1 e2 c2
    vpsrad xmm0,xmm1,xmm8                                   c4 c1 71 e2 c0
    vpsrad xmm12,xmm13,xmm15                                c4 41 11 e2 e7
    vpsrad xmm10,xmm11,XMMWORD PTR [r12+0x8]                c4 41 21 e2 54 24 08
    vpsllvd xmm0,xmm1,xmm2                                  c4 e2 71 47 c2
    vpsllvd xmm8,xmm1,xmm2                                  c4 62 71 47 c2
    vpsllvd xmm12,xmm13,xmm15                               c4 42 11 47 e7
    vpsllvd xmm10,xmm11,XMMWORD PTR [rbp+r13*8-0x80]        c4 22 21 47 54 ed 80
    vpsllvq xmm0,xmm1,xmm2                                  c4 e2 f1 47 c2
    vpsllvq xmm0,xmm8,xmm2                                  c4 e2 b9 47 c2
    vpsllvq xmm12,xmm13,xmm15                               c4 42 91 47 e7
    vpsllvq xmm10,xmm11,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 22 a1 47 94 3c 78 56 34 12
    vpsrlvd xmm0,xmm1,xmm2                                  c4 e2 71 45 c2
    vpsrlvd xmm0,xmm1,xmm8                                  c4 c2 71 45 c0
    vpsrlvd xmm12,xmm13,xmm15                               c4 42 11 45 e7
    vpsrlvd xmm7,xmm5,XMMWORD PTR [rbx]                     c4 e2 51 45 3b
    vpsrlvq xmm0,xmm1,xmm2                                  c4 e2 f1 45 c2
    vpsrlvq xmm8,xmm1,xmm2                                  c4 62 f1 45 c2
    vpsrlvq xmm12,xmm13,xmm15                               c4 42 91 45 e7
    vpsrlvq xmm7,xmm5,XMMWORD PTR [r12+0x8]                 c4 c2 d1 45 7c 24 08
    vpsravd xmm0,xmm1,xmm2                                  c4 e2 71 46 c2
    vpsravd xmm0,xmm8,xmm2                                  c4 e2 39 46 c2
    vpsravd xmm12,xmm13,xmm15                               c4 42 11 46 e7
    vpsravd xmm7,xmm5,XMMWORD PTR [rbp+r13*8-0x80]          c4 a2 51 46 7c ed 80
    """

private let floats = """
    vaddps xmm0,xmm1,xmm2                                   c5 f0 58 c2
    vaddps xmm0,xmm1,xmm8                                   c4 c1 70 58 c0
    vaddps xmm12,xmm13,xmm15                                c4 41 10 58 e7
    vaddps xmm7,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]     c4 a1 50 58 bc 3c 78 56 34 12
    vaddpd xmm0,xmm1,xmm2                                   c5 f1 58 c2
    vaddpd xmm8,xmm1,xmm2                                   c5 71 58 c2
    vaddpd xmm12,xmm13,xmm15                                c4 41 11 58 e7
    vaddpd xmm9,xmm5,XMMWORD PTR [rbx]                      c5 51 58 0b
    vsubps xmm0,xmm1,xmm2                                   c5 f0 5c c2
    vsubps xmm0,xmm8,xmm2                                   c5 b8 5c c2
    vsubps xmm12,xmm13,xmm15                                c4 41 10 5c e7
    vsubps xmm9,xmm5,XMMWORD PTR [r12+0x8]                  c4 41 50 5c 4c 24 08
    vsubpd xmm0,xmm1,xmm2                                   c5 f1 5c c2
    vsubpd xmm0,xmm1,xmm8                                   c4 c1 71 5c c0
    vsubpd xmm12,xmm13,xmm15                                c4 41 11 5c e7
    vsubpd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]           c4 21 51 5c 4c ed 80
    vmulps xmm0,xmm1,xmm2                                   c5 f0 59 c2
    vmulps xmm8,xmm1,xmm2                                   c5 70 59 c2
    vmulps xmm12,xmm13,xmm15                                c4 41 10 59 e7
    vmulps xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]     c4 21 50 59 8c 3c 78 56 34 12
    vmulpd xmm0,xmm1,xmm2                                   c5 f1 59 c2
    vmulpd xmm0,xmm8,xmm2                                   c5 b9 59 c2
    vmulpd xmm12,xmm13,xmm15                                c4 41 11 59 e7
    vmulpd xmm3,xmm12,XMMWORD PTR [rbx]                     c5 99 59 1b
    vdivps xmm0,xmm1,xmm2                                   c5 f0 5e c2
    vdivps xmm0,xmm1,xmm8                                   c4 c1 70 5e c0
    vdivps xmm12,xmm13,xmm15                                c4 41 10 5e e7
    vdivps xmm3,xmm12,XMMWORD PTR [r12+0x8]                 c4 c1 18 5e 5c 24 08
    vdivpd xmm0,xmm1,xmm2                                   c5 f1 5e c2
    vdivpd xmm8,xmm1,xmm2                                   c5 71 5e c2
    vdivpd xmm12,xmm13,xmm15                                c4 41 11 5e e7
    vdivpd xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]          c4 a1 19 5e 5c ed 80
    vminps xmm0,xmm1,xmm2                                   c5 f0 5d c2
    vminps xmm0,xmm8,xmm2                                   c5 b8 5d c2
    vminps xmm12,xmm13,xmm15                                c4 41 10 5d e7
    vminps xmm3,xmm12,XMMWORD PTR [rsp+r15*1+0x12345678]    c4 a1 18 5d 9c 3c 78 56 34 12
    vminpd xmm0,xmm1,xmm2                                   c5 f1 5d c2
    vminpd xmm0,xmm1,xmm8                                   c4 c1 71 5d c0
    vminpd xmm12,xmm13,xmm15                                c4 41 11 5d e7
    vminpd xmm10,xmm11,XMMWORD PTR [rbx]                    c5 21 5d 13
    vmaxps xmm0,xmm1,xmm2                                   c5 f0 5f c2
    vmaxps xmm8,xmm1,xmm2                                   c5 70 5f c2
    vmaxps xmm12,xmm13,xmm15                                c4 41 10 5f e7
    vmaxps xmm10,xmm11,XMMWORD PTR [r12+0x8]                c4 41 20 5f 54 24 08
    vmaxpd xmm0,xmm1,xmm2                                   c5 f1 5f c2
    vmaxpd xmm0,xmm8,xmm2                                   c5 b9 5f c2
    vmaxpd xmm12,xmm13,xmm15                                c4 41 11 5f e7
    vmaxpd xmm10,xmm11,XMMWORD PTR [rbp+r13*8-0x80]         c4 21 21 5f 54 ed 80
    vandps xmm0,xmm1,xmm2                                   c5 f0 54 c2
    vandps xmm0,xmm8,xmm2                                   c5 b8 54 c2
    vandps xmm12,xmm13,xmm15                                c4 41 10 54 e7
    vandps xmm10,xmm11,XMMWORD PTR [rsp+r15*1+0x12345678]   c4 21 20 54 94 3c 78 56 34 12
    vandpd xmm0,xmm1,xmm2                                   c5 f1 54 c2
    vandpd xmm8,xmm1,xmm2                                   c5 71 54 c2
    vandpd xmm12,xmm13,xmm15                                c4 41 11 54 e7
    vandpd xmm7,xmm5,XMMWORD PTR [rbx]                      c5 d1 54 3b
    vandnps xmm0,xmm1,xmm2                                  c5 f0 55 c2
    vandnps xmm0,xmm8,xmm2                                  c5 b8 55 c2
    vandnps xmm12,xmm13,xmm15                               c4 41 10 55 e7
    vandnps xmm7,xmm5,XMMWORD PTR [r12+0x8]                 c4 c1 50 55 7c 24 08
    vandnpd xmm0,xmm1,xmm2                                  c5 f1 55 c2
    vandnpd xmm0,xmm1,xmm8                                  c4 c1 71 55 c0
    vandnpd xmm12,xmm13,xmm15                               c4 41 11 55 e7
    vandnpd xmm7,xmm5,XMMWORD PTR [rbp+r13*8-0x80]          c4 a1 51 55 7c ed 80
    vorps xmm0,xmm1,xmm2                                    c5 f0 56 c2
    vorps xmm8,xmm1,xmm2                                    c5 70 56 c2
    vorps xmm12,xmm13,xmm15                                 c4 41 10 56 e7
    vorps xmm7,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]      c4 a1 50 56 bc 3c 78 56 34 12
    vorpd xmm0,xmm1,xmm2                                    c5 f1 56 c2
    vorpd xmm0,xmm8,xmm2                                    c5 b9 56 c2
    vorpd xmm12,xmm13,xmm15                                 c4 41 11 56 e7
    vorpd xmm9,xmm5,XMMWORD PTR [rbx]                       c5 51 56 0b
    vxorps xmm0,xmm1,xmm2                                   c5 f0 57 c2
    vxorps xmm0,xmm8,xmm2                                   c5 b8 57 c2
    vxorps xmm12,xmm13,xmm15                                c4 41 10 57 e7
    vxorps xmm9,xmm5,XMMWORD PTR [r12+0x8]                  c4 41 50 57 4c 24 08
    vxorpd xmm0,xmm1,xmm2                                   c5 f1 57 c2
    vxorpd xmm8,xmm1,xmm2                                   c5 71 57 c2
    vxorpd xmm12,xmm13,xmm15                                c4 41 11 57 e7
    vxorpd xmm9,xmm5,XMMWORD PTR [rbp+r13*8-0x80]           c4 21 51 57 4c ed 80
    vunpcklps xmm0,xmm1,xmm2                                c5 f0 14 c2
    vunpcklps xmm0,xmm8,xmm2                                c5 b8 14 c2
    vunpcklps xmm12,xmm13,xmm15                             c4 41 10 14 e7
    vunpcklps xmm9,xmm5,XMMWORD PTR [rsp+r15*1+0x12345678]  c4 21 50 14 8c 3c 78 56 34 12
    vunpcklpd xmm0,xmm1,xmm2                                c5 f1 14 c2
    vunpcklpd xmm0,xmm1,xmm8                                c4 c1 71 14 c0
    vunpcklpd xmm12,xmm13,xmm15                             c4 41 11 14 e7
    vunpcklpd xmm3,xmm12,XMMWORD PTR [rbx]                  c5 99 14 1b
    vunpckhps xmm0,xmm1,xmm2                                c5 f0 15 c2
    vunpckhps xmm8,xmm1,xmm2                                c5 70 15 c2
    vunpckhps xmm12,xmm13,xmm15                             c4 41 10 15 e7
    vunpckhps xmm3,xmm12,XMMWORD PTR [r12+0x8]              c4 c1 18 15 5c 24 08
    vunpckhpd xmm0,xmm1,xmm2                                c5 f1 15 c2
    vunpckhpd xmm0,xmm8,xmm2                                c5 b9 15 c2
    vunpckhpd xmm12,xmm13,xmm15                             c4 41 11 15 e7
    vunpckhpd xmm3,xmm12,XMMWORD PTR [rbp+r13*8-0x80]       c4 a1 19 15 5c ed 80
    vmovlhps xmm0,xmm1,xmm2                                 c5 f0 16 c2
    vmovlhps xmm0,xmm1,xmm8                                 c4 c1 70 16 c0
    vmovlhps xmm12,xmm13,xmm15                              c4 41 10 16 e7
    vmovhlps xmm0,xmm1,xmm2                                 c5 f0 12 c2
    vmovhlps xmm8,xmm1,xmm2                                 c5 70 12 c2
    vmovhlps xmm12,xmm13,xmm15                              c4 41 10 12 e7
    """

// Called with the sources in the other order.
private let exchanged = """
    vpaddb xmm3,xmm9,xmm4    c5 b1 fc dc
    vpaddw xmm3,xmm9,xmm4    c5 b1 fd dc
    vpaddd xmm3,xmm9,xmm4    c5 b1 fe dc
    vpaddq xmm3,xmm9,xmm4    c5 b1 d4 dc
    vpaddsb xmm3,xmm9,xmm4   c5 b1 ec dc
    vpaddsw xmm3,xmm9,xmm4   c5 b1 ed dc
    vpaddusb xmm3,xmm9,xmm4  c5 b1 dc dc
    vpaddusw xmm3,xmm9,xmm4  c5 b1 dd dc
    vpavgb xmm3,xmm9,xmm4    c5 b1 e0 dc
    vpavgw xmm3,xmm9,xmm4    c5 b1 e3 dc
    vpminsw xmm3,xmm9,xmm4   c5 b1 ea dc
    vpminub xmm3,xmm9,xmm4   c5 b1 da dc
    vpmaxsw xmm3,xmm9,xmm4   c5 b1 ee dc
    vpmaxub xmm3,xmm9,xmm4   c5 b1 de dc
    vpmullw xmm3,xmm9,xmm4   c5 b1 d5 dc
    vpmulhw xmm3,xmm9,xmm4   c5 b1 e5 dc
    vpmulhuw xmm3,xmm9,xmm4  c5 b1 e4 dc
    vpmuludq xmm3,xmm9,xmm4  c5 b1 f4 dc
    vpmaddwd xmm3,xmm9,xmm4  c5 b1 f5 dc
    vpsadbw xmm3,xmm9,xmm4   c5 b1 f6 dc
    vpcmpeqb xmm3,xmm9,xmm4  c5 b1 74 dc
    vpcmpeqw xmm3,xmm9,xmm4  c5 b1 75 dc
    vpcmpeqd xmm3,xmm9,xmm4  c5 b1 76 dc
    vpand xmm3,xmm9,xmm4     c5 b1 db dc
    vpor xmm3,xmm9,xmm4      c5 b1 eb dc
    vpxor xmm3,xmm9,xmm4     c5 b1 ef dc
    vandps xmm3,xmm9,xmm4    c5 b0 54 dc
    vandpd xmm3,xmm9,xmm4    c5 b1 54 dc
    vorps xmm3,xmm9,xmm4     c5 b0 56 dc
    vorpd xmm3,xmm9,xmm4     c5 b1 56 dc
    vxorps xmm3,xmm9,xmm4    c5 b0 57 dc
    vxorpd xmm3,xmm9,xmm4    c5 b1 57 dc
    """
