//! Encodings of moves, address forms, conditions and the stack.
//!
//! Each row: disassembly, bytes of the GNU assembler, call.

import Testing

@testable import Compiler

@Suite("Assembler encodings: move")
struct AssemblerMoveTests: AssemblerTable {
    @Test("Memory operands")
    func memoryOperands() {
        expect("mov rcx,QWORD PTR [rax]", "48 8b 08") { $0.mov(.w64, rcx, .base(rax)) }
        expect("mov rcx,QWORD PTR [rsp]", "48 8b 0c 24") { $0.mov(.w64, rcx, .base(rsp)) }
        expect("mov rcx,QWORD PTR [rbp+0x0]", "48 8b 4d 00") { $0.mov(.w64, rcx, .base(rbp)) }
        expect("mov rcx,QWORD PTR [rdi]", "48 8b 0f") { $0.mov(.w64, rcx, .base(rdi)) }
        expect("mov rcx,QWORD PTR [r8]", "49 8b 08") { $0.mov(.w64, rcx, .base(r8)) }
        expect("mov rcx,QWORD PTR [r12]", "49 8b 0c 24") { $0.mov(.w64, rcx, .base(r12)) }
        expect("mov rcx,QWORD PTR [r13+0x0]", "49 8b 4d 00") { $0.mov(.w64, rcx, .base(r13)) }
        expect("mov rcx,QWORD PTR [r15]", "49 8b 0f") { $0.mov(.w64, rcx, .base(r15)) }
        expect("mov rcx,QWORD PTR [rax+0x1]", "48 8b 48 01") { $0.mov(.w64, rcx, .base(rax, 1)) }
        expect("mov rcx,QWORD PTR [rsp+0x1]", "48 8b 4c 24 01") { $0.mov(.w64, rcx, .base(rsp, 1)) }
        expect("mov rcx,QWORD PTR [rbp+0x1]", "48 8b 4d 01") { $0.mov(.w64, rcx, .base(rbp, 1)) }
        expect("mov rcx,QWORD PTR [r12+0x1]", "49 8b 4c 24 01") { $0.mov(.w64, rcx, .base(r12, 1)) }
        expect("mov rcx,QWORD PTR [r13+0x1]", "49 8b 4d 01") { $0.mov(.w64, rcx, .base(r13, 1)) }
        expect("mov rcx,QWORD PTR [rdi-0x80]", "48 8b 4f 80") { $0.mov(.w64, rcx, .base(rdi, -128)) }
        expect("mov rcx,QWORD PTR [rsp-0x80]", "48 8b 4c 24 80") { $0.mov(.w64, rcx, .base(rsp, -128)) }
        expect("mov rcx,QWORD PTR [r8+0x7f]", "49 8b 48 7f") { $0.mov(.w64, rcx, .base(r8, 127)) }
        expect("mov rcx,QWORD PTR [r13+0x7f]", "49 8b 4d 7f") { $0.mov(.w64, rcx, .base(r13, 127)) }
        expect("mov rcx,QWORD PTR [rax+0x80]", "48 8b 88 80 00 00 00") { $0.mov(.w64, rcx, .base(rax, 128)) }
        expect("mov rcx,QWORD PTR [rax-0x81]", "48 8b 88 7f ff ff ff") { $0.mov(.w64, rcx, .base(rax, -129)) }
        expect("mov rcx,QWORD PTR [r12+0x100]", "49 8b 8c 24 00 01 00 00") { $0.mov(.w64, rcx, .base(r12, 256)) }
        expect("mov rcx,QWORD PTR [rsp-0x81]", "48 8b 8c 24 7f ff ff ff") { $0.mov(.w64, rcx, .base(rsp, -129)) }
        expect("mov rcx,QWORD PTR [r13+0x7fffffff]", "49 8b 8d ff ff ff 7f") {
            $0.mov(.w64, rcx, .base(r13, 2147483647))
        }
        expect("mov rcx,QWORD PTR [rbp-0x80000000]", "48 8b 8d 00 00 00 80") {
            $0.mov(.w64, rcx, .base(rbp, -2147483648))
        }
        expect("mov rcx,QWORD PTR [rax+rcx*4]", "48 8b 0c 88") { $0.mov(.w64, rcx, .indexed(rax, rcx, scale: 2)) }
        expect("mov rcx,QWORD PTR [rsp+rcx*4]", "48 8b 0c 8c") { $0.mov(.w64, rcx, .indexed(rsp, rcx, scale: 2)) }
        expect("mov rcx,QWORD PTR [rbp+rcx*4+0x0]", "48 8b 4c 8d 00") {
            $0.mov(.w64, rcx, .indexed(rbp, rcx, scale: 2))
        }
        expect("mov rcx,QWORD PTR [rdi+rcx*4]", "48 8b 0c 8f") { $0.mov(.w64, rcx, .indexed(rdi, rcx, scale: 2)) }
        expect("mov rcx,QWORD PTR [r8+rcx*4]", "49 8b 0c 88") { $0.mov(.w64, rcx, .indexed(r8, rcx, scale: 2)) }
        expect("mov rcx,QWORD PTR [r12+rcx*4]", "49 8b 0c 8c") { $0.mov(.w64, rcx, .indexed(r12, rcx, scale: 2)) }
        expect("mov rcx,QWORD PTR [r13+rcx*4+0x0]", "49 8b 4c 8d 00") {
            $0.mov(.w64, rcx, .indexed(r13, rcx, scale: 2))
        }
        expect("mov rcx,QWORD PTR [r15+rcx*4]", "49 8b 0c 8f") { $0.mov(.w64, rcx, .indexed(r15, rcx, scale: 2)) }
        expect("mov rcx,QWORD PTR [rax+r12*8]", "4a 8b 0c e0") { $0.mov(.w64, rcx, .indexed(rax, r12, scale: 3)) }
        expect("mov rcx,QWORD PTR [rsp+r12*8]", "4a 8b 0c e4") { $0.mov(.w64, rcx, .indexed(rsp, r12, scale: 3)) }
        expect("mov rcx,QWORD PTR [rbp+r12*8+0x0]", "4a 8b 4c e5 00") {
            $0.mov(.w64, rcx, .indexed(rbp, r12, scale: 3))
        }
        expect("mov rcx,QWORD PTR [r12+r12*8]", "4b 8b 0c e4") { $0.mov(.w64, rcx, .indexed(r12, r12, scale: 3)) }
        expect("mov rcx,QWORD PTR [r13+r12*8+0x0]", "4b 8b 4c e5 00") {
            $0.mov(.w64, rcx, .indexed(r13, r12, scale: 3))
        }
        expect("mov rcx,QWORD PTR [rax+rax*2]", "48 8b 0c 40") { $0.mov(.w64, rcx, .indexed(rax, rax, scale: 1)) }
        expect("mov rcx,QWORD PTR [rax+rbp*2]", "48 8b 0c 68") { $0.mov(.w64, rcx, .indexed(rax, rbp, scale: 1)) }
        expect("mov rcx,QWORD PTR [rax+rdi*2]", "48 8b 0c 78") { $0.mov(.w64, rcx, .indexed(rax, rdi, scale: 1)) }
        expect("mov rcx,QWORD PTR [rax+r8*2]", "4a 8b 0c 40") { $0.mov(.w64, rcx, .indexed(rax, r8, scale: 1)) }
        expect("mov rcx,QWORD PTR [rax+r12*2]", "4a 8b 0c 60") { $0.mov(.w64, rcx, .indexed(rax, r12, scale: 1)) }
        expect("mov rcx,QWORD PTR [rax+r13*2]", "4a 8b 0c 68") { $0.mov(.w64, rcx, .indexed(rax, r13, scale: 1)) }
        expect("mov rcx,QWORD PTR [rax+r15*2]", "4a 8b 0c 78") { $0.mov(.w64, rcx, .indexed(rax, r15, scale: 1)) }
        expect("mov rcx,QWORD PTR [rax+rbp*1+0x7f]", "48 8b 4c 28 7f") { $0.mov(.w64, rcx, .indexed(rax, rbp, 127)) }
        expect("mov rcx,QWORD PTR [rax+rbp*1+0x80]", "48 8b 8c 28 80 00 00 00") {
            $0.mov(.w64, rcx, .indexed(rax, rbp, 128))
        }
        expect("mov rcx,QWORD PTR [r13+r13*1-0x80]", "4b 8b 4c 2d 80") { $0.mov(.w64, rcx, .indexed(r13, r13, -128)) }
        expect("mov rcx,QWORD PTR [r13+r13*1-0x81]", "4b 8b 8c 2d 7f ff ff ff") {
            $0.mov(.w64, rcx, .indexed(r13, r13, -129))
        }
        expect("mov rcx,QWORD PTR [rax*1+0x0]", "48 8b 0c 05 00 00 00 00") {
            $0.mov(.w64, rcx, .scaled(index: rax, scale: 0))
        }
        expect("mov rcx,QWORD PTR [rbp*8-0x8]", "48 8b 0c ed f8 ff ff ff") {
            $0.mov(.w64, rcx, .scaled(index: rbp, scale: 3, disp: -8))
        }
        expect("mov rcx,QWORD PTR [r8*4+0x10]", "4a 8b 0c 85 10 00 00 00") {
            $0.mov(.w64, rcx, .scaled(index: r8, scale: 2, disp: 16))
        }
        expect("mov rcx,QWORD PTR [r12*1+0x10]", "4a 8b 0c 25 10 00 00 00") {
            $0.mov(.w64, rcx, .scaled(index: r12, scale: 0, disp: 16))
        }
        expect("mov rcx,QWORD PTR [r13*2+0x0]", "4a 8b 0c 6d 00 00 00 00") {
            $0.mov(.w64, rcx, .scaled(index: r13, scale: 1))
        }
        expect("mov rcx,QWORD PTR [r15*8+0x12345678]", "4a 8b 0c fd 78 56 34 12") {
            $0.mov(.w64, rcx, .scaled(index: r15, scale: 3, disp: 305419896))
        }
    }

    @Test("Memory operands under VEX")
    func memoryOperandsUnderVex() {
        expect("vmovss xmm9,DWORD PTR [rax]", "c5 7a 10 08") { $0.vmovs(.f32, 9, .base(rax)) }
        expect("vmovss xmm9,DWORD PTR [rsp]", "c5 7a 10 0c 24") { $0.vmovs(.f32, 9, .base(rsp)) }
        expect("vmovss xmm9,DWORD PTR [rbp+0x0]", "c5 7a 10 4d 00") { $0.vmovs(.f32, 9, .base(rbp)) }
        expect("vmovss xmm9,DWORD PTR [rdi]", "c5 7a 10 0f") { $0.vmovs(.f32, 9, .base(rdi)) }
        expect("vmovss xmm9,DWORD PTR [r8]", "c4 41 7a 10 08") { $0.vmovs(.f32, 9, .base(r8)) }
        expect("vmovss xmm9,DWORD PTR [r12]", "c4 41 7a 10 0c 24") { $0.vmovs(.f32, 9, .base(r12)) }
        expect("vmovss xmm9,DWORD PTR [r13+0x0]", "c4 41 7a 10 4d 00") { $0.vmovs(.f32, 9, .base(r13)) }
        expect("vmovss xmm9,DWORD PTR [r15]", "c4 41 7a 10 0f") { $0.vmovs(.f32, 9, .base(r15)) }
        expect("vmovss xmm9,DWORD PTR [rax+0x1]", "c5 7a 10 48 01") { $0.vmovs(.f32, 9, .base(rax, 1)) }
        expect("vmovss xmm9,DWORD PTR [rsp+0x1]", "c5 7a 10 4c 24 01") { $0.vmovs(.f32, 9, .base(rsp, 1)) }
        expect("vmovss xmm9,DWORD PTR [rbp+0x1]", "c5 7a 10 4d 01") { $0.vmovs(.f32, 9, .base(rbp, 1)) }
        expect("vmovss xmm9,DWORD PTR [r12+0x1]", "c4 41 7a 10 4c 24 01") { $0.vmovs(.f32, 9, .base(r12, 1)) }
        expect("vmovss xmm9,DWORD PTR [r13+0x1]", "c4 41 7a 10 4d 01") { $0.vmovs(.f32, 9, .base(r13, 1)) }
        expect("vmovss xmm9,DWORD PTR [rdi-0x80]", "c5 7a 10 4f 80") { $0.vmovs(.f32, 9, .base(rdi, -128)) }
        expect("vmovss xmm9,DWORD PTR [rsp-0x80]", "c5 7a 10 4c 24 80") { $0.vmovs(.f32, 9, .base(rsp, -128)) }
        expect("vmovss xmm9,DWORD PTR [r8+0x7f]", "c4 41 7a 10 48 7f") { $0.vmovs(.f32, 9, .base(r8, 127)) }
        expect("vmovss xmm9,DWORD PTR [r13+0x7f]", "c4 41 7a 10 4d 7f") { $0.vmovs(.f32, 9, .base(r13, 127)) }
        expect("vmovss xmm9,DWORD PTR [rax+0x80]", "c5 7a 10 88 80 00 00 00") { $0.vmovs(.f32, 9, .base(rax, 128)) }
        expect("vmovss xmm9,DWORD PTR [rax-0x81]", "c5 7a 10 88 7f ff ff ff") { $0.vmovs(.f32, 9, .base(rax, -129)) }
        expect("vmovss xmm9,DWORD PTR [r12+0x100]", "c4 41 7a 10 8c 24 00 01 00 00") {
            $0.vmovs(.f32, 9, .base(r12, 256))
        }
        expect("vmovss xmm9,DWORD PTR [rsp-0x81]", "c5 7a 10 8c 24 7f ff ff ff") { $0.vmovs(.f32, 9, .base(rsp, -129)) }
        expect("vmovss xmm9,DWORD PTR [r13+0x7fffffff]", "c4 41 7a 10 8d ff ff ff 7f") {
            $0.vmovs(.f32, 9, .base(r13, 2147483647))
        }
        expect("vmovss xmm9,DWORD PTR [rbp-0x80000000]", "c5 7a 10 8d 00 00 00 80") {
            $0.vmovs(.f32, 9, .base(rbp, -2147483648))
        }
        expect("vmovss xmm9,DWORD PTR [rax+rcx*4]", "c5 7a 10 0c 88") {
            $0.vmovs(.f32, 9, .indexed(rax, rcx, scale: 2))
        }
        expect("vmovss xmm9,DWORD PTR [rsp+rcx*4]", "c5 7a 10 0c 8c") {
            $0.vmovs(.f32, 9, .indexed(rsp, rcx, scale: 2))
        }
        expect("vmovss xmm9,DWORD PTR [rbp+rcx*4+0x0]", "c5 7a 10 4c 8d 00") {
            $0.vmovs(.f32, 9, .indexed(rbp, rcx, scale: 2))
        }
        expect("vmovss xmm9,DWORD PTR [rdi+rcx*4]", "c5 7a 10 0c 8f") {
            $0.vmovs(.f32, 9, .indexed(rdi, rcx, scale: 2))
        }
        expect("vmovss xmm9,DWORD PTR [r8+rcx*4]", "c4 41 7a 10 0c 88") {
            $0.vmovs(.f32, 9, .indexed(r8, rcx, scale: 2))
        }
        expect("vmovss xmm9,DWORD PTR [r12+rcx*4]", "c4 41 7a 10 0c 8c") {
            $0.vmovs(.f32, 9, .indexed(r12, rcx, scale: 2))
        }
        expect("vmovss xmm9,DWORD PTR [r13+rcx*4+0x0]", "c4 41 7a 10 4c 8d 00") {
            $0.vmovs(.f32, 9, .indexed(r13, rcx, scale: 2))
        }
        expect("vmovss xmm9,DWORD PTR [r15+rcx*4]", "c4 41 7a 10 0c 8f") {
            $0.vmovs(.f32, 9, .indexed(r15, rcx, scale: 2))
        }
        expect("vmovss xmm9,DWORD PTR [rax+r12*8]", "c4 21 7a 10 0c e0") {
            $0.vmovs(.f32, 9, .indexed(rax, r12, scale: 3))
        }
        expect("vmovss xmm9,DWORD PTR [rsp+r12*8]", "c4 21 7a 10 0c e4") {
            $0.vmovs(.f32, 9, .indexed(rsp, r12, scale: 3))
        }
        expect("vmovss xmm9,DWORD PTR [rbp+r12*8+0x0]", "c4 21 7a 10 4c e5 00") {
            $0.vmovs(.f32, 9, .indexed(rbp, r12, scale: 3))
        }
        expect("vmovss xmm9,DWORD PTR [r12+r12*8]", "c4 01 7a 10 0c e4") {
            $0.vmovs(.f32, 9, .indexed(r12, r12, scale: 3))
        }
        expect("vmovss xmm9,DWORD PTR [r13+r12*8+0x0]", "c4 01 7a 10 4c e5 00") {
            $0.vmovs(.f32, 9, .indexed(r13, r12, scale: 3))
        }
        expect("vmovss xmm9,DWORD PTR [rax+rax*2]", "c5 7a 10 0c 40") {
            $0.vmovs(.f32, 9, .indexed(rax, rax, scale: 1))
        }
        expect("vmovss xmm9,DWORD PTR [rax+rbp*2]", "c5 7a 10 0c 68") {
            $0.vmovs(.f32, 9, .indexed(rax, rbp, scale: 1))
        }
        expect("vmovss xmm9,DWORD PTR [rax+rdi*2]", "c5 7a 10 0c 78") {
            $0.vmovs(.f32, 9, .indexed(rax, rdi, scale: 1))
        }
        expect("vmovss xmm9,DWORD PTR [rax+r8*2]", "c4 21 7a 10 0c 40") {
            $0.vmovs(.f32, 9, .indexed(rax, r8, scale: 1))
        }
        expect("vmovss xmm9,DWORD PTR [rax+r12*2]", "c4 21 7a 10 0c 60") {
            $0.vmovs(.f32, 9, .indexed(rax, r12, scale: 1))
        }
        expect("vmovss xmm9,DWORD PTR [rax+r13*2]", "c4 21 7a 10 0c 68") {
            $0.vmovs(.f32, 9, .indexed(rax, r13, scale: 1))
        }
        expect("vmovss xmm9,DWORD PTR [rax+r15*2]", "c4 21 7a 10 0c 78") {
            $0.vmovs(.f32, 9, .indexed(rax, r15, scale: 1))
        }
        expect("vmovss xmm9,DWORD PTR [rax+rbp*1+0x7f]", "c5 7a 10 4c 28 7f") {
            $0.vmovs(.f32, 9, .indexed(rax, rbp, 127))
        }
        expect("vmovss xmm9,DWORD PTR [rax+rbp*1+0x80]", "c5 7a 10 8c 28 80 00 00 00") {
            $0.vmovs(.f32, 9, .indexed(rax, rbp, 128))
        }
        expect("vmovss xmm9,DWORD PTR [r13+r13*1-0x80]", "c4 01 7a 10 4c 2d 80") {
            $0.vmovs(.f32, 9, .indexed(r13, r13, -128))
        }
        expect("vmovss xmm9,DWORD PTR [r13+r13*1-0x81]", "c4 01 7a 10 8c 2d 7f ff ff ff") {
            $0.vmovs(.f32, 9, .indexed(r13, r13, -129))
        }
        expect("vmovss xmm9,DWORD PTR [rax*1+0x0]", "c5 7a 10 0c 05 00 00 00 00") {
            $0.vmovs(.f32, 9, .scaled(index: rax, scale: 0))
        }
        expect("vmovss xmm9,DWORD PTR [rbp*8-0x8]", "c5 7a 10 0c ed f8 ff ff ff") {
            $0.vmovs(.f32, 9, .scaled(index: rbp, scale: 3, disp: -8))
        }
        expect("vmovss xmm9,DWORD PTR [r8*4+0x10]", "c4 21 7a 10 0c 85 10 00 00 00") {
            $0.vmovs(.f32, 9, .scaled(index: r8, scale: 2, disp: 16))
        }
        expect("vmovss xmm9,DWORD PTR [r12*1+0x10]", "c4 21 7a 10 0c 25 10 00 00 00") {
            $0.vmovs(.f32, 9, .scaled(index: r12, scale: 0, disp: 16))
        }
        expect("vmovss xmm9,DWORD PTR [r13*2+0x0]", "c4 21 7a 10 0c 6d 00 00 00 00") {
            $0.vmovs(.f32, 9, .scaled(index: r13, scale: 1))
        }
        expect("vmovss xmm9,DWORD PTR [r15*8+0x12345678]", "c4 21 7a 10 0c fd 78 56 34 12") {
            $0.vmovs(.f32, 9, .scaled(index: r15, scale: 3, disp: 305419896))
        }
    }

    @Test("mov")
    func mov() {
        expect("mov eax,ecx", "89 c8") { $0.mov(.w32, rax, rcx) }
        expect("mov r10d,eax", "41 89 c2") { $0.mov(.w32, r10, rax) }
        expect("mov esp,ecx", "89 cc") { $0.mov(.w32, rsp, rcx) }
        expect("mov r10d,esp", "41 89 e2") { $0.mov(.w32, r10, rsp) }
        expect("mov ebp,ecx", "89 cd") { $0.mov(.w32, rbp, rcx) }
        expect("mov r10d,ebp", "41 89 ea") { $0.mov(.w32, r10, rbp) }
        expect("mov edi,ecx", "89 cf") { $0.mov(.w32, rdi, rcx) }
        expect("mov r10d,edi", "41 89 fa") { $0.mov(.w32, r10, rdi) }
        expect("mov r8d,ecx", "41 89 c8") { $0.mov(.w32, r8, rcx) }
        expect("mov r10d,r8d", "45 89 c2") { $0.mov(.w32, r10, r8) }
        expect("mov r12d,ecx", "41 89 cc") { $0.mov(.w32, r12, rcx) }
        expect("mov r10d,r12d", "45 89 e2") { $0.mov(.w32, r10, r12) }
        expect("mov r13d,ecx", "41 89 cd") { $0.mov(.w32, r13, rcx) }
        expect("mov r10d,r13d", "45 89 ea") { $0.mov(.w32, r10, r13) }
        expect("mov r15d,ecx", "41 89 cf") { $0.mov(.w32, r15, rcx) }
        expect("mov r10d,r15d", "45 89 fa") { $0.mov(.w32, r10, r15) }
        expect("mov eax,DWORD PTR [rbx]", "8b 03") { $0.mov(.w32, rax, .base(rbx)) }
        expect("mov esp,DWORD PTR [rbx]", "8b 23") { $0.mov(.w32, rsp, .base(rbx)) }
        expect("mov ebp,DWORD PTR [rbx]", "8b 2b") { $0.mov(.w32, rbp, .base(rbx)) }
        expect("mov edi,DWORD PTR [rbx]", "8b 3b") { $0.mov(.w32, rdi, .base(rbx)) }
        expect("mov r8d,DWORD PTR [rbx]", "44 8b 03") { $0.mov(.w32, r8, .base(rbx)) }
        expect("mov r12d,DWORD PTR [rbx]", "44 8b 23") { $0.mov(.w32, r12, .base(rbx)) }
        expect("mov r13d,DWORD PTR [rbx]", "44 8b 2b") { $0.mov(.w32, r13, .base(rbx)) }
        expect("mov r15d,DWORD PTR [rbx]", "44 8b 3b") { $0.mov(.w32, r15, .base(rbx)) }
        expect("mov rax,rcx", "48 89 c8") { $0.mov(.w64, rax, rcx) }
        expect("mov r10,rax", "49 89 c2") { $0.mov(.w64, r10, rax) }
        expect("mov rsp,rcx", "48 89 cc") { $0.mov(.w64, rsp, rcx) }
        expect("mov r10,rsp", "49 89 e2") { $0.mov(.w64, r10, rsp) }
        expect("mov rbp,rcx", "48 89 cd") { $0.mov(.w64, rbp, rcx) }
        expect("mov r10,rbp", "49 89 ea") { $0.mov(.w64, r10, rbp) }
        expect("mov rdi,rcx", "48 89 cf") { $0.mov(.w64, rdi, rcx) }
        expect("mov r10,rdi", "49 89 fa") { $0.mov(.w64, r10, rdi) }
        expect("mov r8,rcx", "49 89 c8") { $0.mov(.w64, r8, rcx) }
        expect("mov r10,r8", "4d 89 c2") { $0.mov(.w64, r10, r8) }
        expect("mov r12,rcx", "49 89 cc") { $0.mov(.w64, r12, rcx) }
        expect("mov r10,r12", "4d 89 e2") { $0.mov(.w64, r10, r12) }
        expect("mov r13,rcx", "49 89 cd") { $0.mov(.w64, r13, rcx) }
        expect("mov r10,r13", "4d 89 ea") { $0.mov(.w64, r10, r13) }
        expect("mov r15,rcx", "49 89 cf") { $0.mov(.w64, r15, rcx) }
        expect("mov r10,r15", "4d 89 fa") { $0.mov(.w64, r10, r15) }
        expect("mov rax,QWORD PTR [rbx]", "48 8b 03") { $0.mov(.w64, rax, .base(rbx)) }
        expect("mov rsp,QWORD PTR [rbx]", "48 8b 23") { $0.mov(.w64, rsp, .base(rbx)) }
        expect("mov rbp,QWORD PTR [rbx]", "48 8b 2b") { $0.mov(.w64, rbp, .base(rbx)) }
        expect("mov rdi,QWORD PTR [rbx]", "48 8b 3b") { $0.mov(.w64, rdi, .base(rbx)) }
        expect("mov r8,QWORD PTR [rbx]", "4c 8b 03") { $0.mov(.w64, r8, .base(rbx)) }
        expect("mov r12,QWORD PTR [rbx]", "4c 8b 23") { $0.mov(.w64, r12, .base(rbx)) }
        expect("mov r13,QWORD PTR [rbx]", "4c 8b 2b") { $0.mov(.w64, r13, .base(rbx)) }
        expect("mov r15,QWORD PTR [rbx]", "4c 8b 3b") { $0.mov(.w64, r15, .base(rbx)) }
        expect("mov BYTE PTR [rbx],al", "88 03") { $0.mov(.w8, .base(rbx), rax) }
        expect("mov BYTE PTR [rbx],spl", "40 88 23") { $0.mov(.w8, .base(rbx), rsp) }
        expect("mov BYTE PTR [rbx],bpl", "40 88 2b") { $0.mov(.w8, .base(rbx), rbp) }
        expect("mov BYTE PTR [rbx],dil", "40 88 3b") { $0.mov(.w8, .base(rbx), rdi) }
        expect("mov BYTE PTR [rbx],r8b", "44 88 03") { $0.mov(.w8, .base(rbx), r8) }
        expect("mov BYTE PTR [rbx],r12b", "44 88 23") { $0.mov(.w8, .base(rbx), r12) }
        expect("mov BYTE PTR [rbx],r13b", "44 88 2b") { $0.mov(.w8, .base(rbx), r13) }
        expect("mov BYTE PTR [rbx],r15b", "44 88 3b") { $0.mov(.w8, .base(rbx), r15) }
        expect("mov BYTE PTR [rsp+r15*1+0x12345678],sil", "42 88 b4 3c 78 56 34 12") {
            $0.mov(.w8, .indexed(rsp, r15, 305419896), rsi)
        }
        expect("mov BYTE PTR [rbp+r13*8-0x80],0x0", "42 c6 44 ed 80 00") {
            $0.mov(.w8, .indexed(rbp, r13, scale: 3, -128), imm: 0)
        }
        expect("mov BYTE PTR [rbp+r13*8-0x80],0x12", "42 c6 44 ed 80 12") {
            $0.mov(.w8, .indexed(rbp, r13, scale: 3, -128), imm: 18)
        }
        expect("mov BYTE PTR [rbp+r13*8-0x80],0xff", "42 c6 44 ed 80 ff") {
            $0.mov(.w8, .indexed(rbp, r13, scale: 3, -128), imm: -1)
        }
        expect("mov WORD PTR [rbx],ax", "66 89 03") { $0.mov(.w16, .base(rbx), rax) }
        expect("mov WORD PTR [rbx],sp", "66 89 23") { $0.mov(.w16, .base(rbx), rsp) }
        expect("mov WORD PTR [rbx],bp", "66 89 2b") { $0.mov(.w16, .base(rbx), rbp) }
        expect("mov WORD PTR [rbx],di", "66 89 3b") { $0.mov(.w16, .base(rbx), rdi) }
        expect("mov WORD PTR [rbx],r8w", "66 44 89 03") { $0.mov(.w16, .base(rbx), r8) }
        expect("mov WORD PTR [rbx],r12w", "66 44 89 23") { $0.mov(.w16, .base(rbx), r12) }
        expect("mov WORD PTR [rbx],r13w", "66 44 89 2b") { $0.mov(.w16, .base(rbx), r13) }
        expect("mov WORD PTR [rbx],r15w", "66 44 89 3b") { $0.mov(.w16, .base(rbx), r15) }
        expect("mov WORD PTR [rsp+r15*1+0x12345678],si", "66 42 89 b4 3c 78 56 34 12") {
            $0.mov(.w16, .indexed(rsp, r15, 305419896), rsi)
        }
        expect("mov WORD PTR [rbp+r13*8-0x80],0x0", "66 42 c7 44 ed 80 00 00") {
            $0.mov(.w16, .indexed(rbp, r13, scale: 3, -128), imm: 0)
        }
        expect("mov WORD PTR [rbp+r13*8-0x80],0x12", "66 42 c7 44 ed 80 12 00") {
            $0.mov(.w16, .indexed(rbp, r13, scale: 3, -128), imm: 18)
        }
        expect("mov WORD PTR [rbp+r13*8-0x80],0xffff", "66 42 c7 44 ed 80 ff ff") {
            $0.mov(.w16, .indexed(rbp, r13, scale: 3, -128), imm: -1)
        }
        expect("mov DWORD PTR [rbx],eax", "89 03") { $0.mov(.w32, .base(rbx), rax) }
        expect("mov DWORD PTR [rbx],esp", "89 23") { $0.mov(.w32, .base(rbx), rsp) }
        expect("mov DWORD PTR [rbx],ebp", "89 2b") { $0.mov(.w32, .base(rbx), rbp) }
        expect("mov DWORD PTR [rbx],edi", "89 3b") { $0.mov(.w32, .base(rbx), rdi) }
        expect("mov DWORD PTR [rbx],r8d", "44 89 03") { $0.mov(.w32, .base(rbx), r8) }
        expect("mov DWORD PTR [rbx],r12d", "44 89 23") { $0.mov(.w32, .base(rbx), r12) }
        expect("mov DWORD PTR [rbx],r13d", "44 89 2b") { $0.mov(.w32, .base(rbx), r13) }
        expect("mov DWORD PTR [rbx],r15d", "44 89 3b") { $0.mov(.w32, .base(rbx), r15) }
        expect("mov DWORD PTR [rsp+r15*1+0x12345678],esi", "42 89 b4 3c 78 56 34 12") {
            $0.mov(.w32, .indexed(rsp, r15, 305419896), rsi)
        }
        expect("mov DWORD PTR [rbp+r13*8-0x80],0x0", "42 c7 44 ed 80 00 00 00 00") {
            $0.mov(.w32, .indexed(rbp, r13, scale: 3, -128), imm: 0)
        }
        expect("mov DWORD PTR [rbp+r13*8-0x80],0x12", "42 c7 44 ed 80 12 00 00 00") {
            $0.mov(.w32, .indexed(rbp, r13, scale: 3, -128), imm: 18)
        }
        expect("mov DWORD PTR [rbp+r13*8-0x80],0xffffffff", "42 c7 44 ed 80 ff ff ff ff") {
            $0.mov(.w32, .indexed(rbp, r13, scale: 3, -128), imm: -1)
        }
        expect("mov QWORD PTR [rbx],rax", "48 89 03") { $0.mov(.w64, .base(rbx), rax) }
        expect("mov QWORD PTR [rbx],rsp", "48 89 23") { $0.mov(.w64, .base(rbx), rsp) }
        expect("mov QWORD PTR [rbx],rbp", "48 89 2b") { $0.mov(.w64, .base(rbx), rbp) }
        expect("mov QWORD PTR [rbx],rdi", "48 89 3b") { $0.mov(.w64, .base(rbx), rdi) }
        expect("mov QWORD PTR [rbx],r8", "4c 89 03") { $0.mov(.w64, .base(rbx), r8) }
        expect("mov QWORD PTR [rbx],r12", "4c 89 23") { $0.mov(.w64, .base(rbx), r12) }
        expect("mov QWORD PTR [rbx],r13", "4c 89 2b") { $0.mov(.w64, .base(rbx), r13) }
        expect("mov QWORD PTR [rbx],r15", "4c 89 3b") { $0.mov(.w64, .base(rbx), r15) }
        expect("mov QWORD PTR [rsp+r15*1+0x12345678],rsi", "4a 89 b4 3c 78 56 34 12") {
            $0.mov(.w64, .indexed(rsp, r15, 305419896), rsi)
        }
        expect("mov QWORD PTR [rbp+r13*8-0x80],0x0", "4a c7 44 ed 80 00 00 00 00") {
            $0.mov(.w64, .indexed(rbp, r13, scale: 3, -128), imm: 0)
        }
        expect("mov QWORD PTR [rbp+r13*8-0x80],0x12", "4a c7 44 ed 80 12 00 00 00") {
            $0.mov(.w64, .indexed(rbp, r13, scale: 3, -128), imm: 18)
        }
        expect("mov QWORD PTR [rbp+r13*8-0x80],0xffffffffffffffff", "4a c7 44 ed 80 ff ff ff ff") {
            $0.mov(.w64, .indexed(rbp, r13, scale: 3, -128), imm: -1)
        }
        expect("mov WORD PTR [r12+0x8],0x1234", "66 41 c7 44 24 08 34 12") { $0.mov(.w16, .base(r12, 8), imm: 4660) }
        expect("mov DWORD PTR [r12+0x8],0x12345678", "41 c7 44 24 08 78 56 34 12") {
            $0.mov(.w32, .base(r12, 8), imm: 305419896)
        }
        expect("mov QWORD PTR [r12+0x8],0x12345678", "49 c7 44 24 08 78 56 34 12") {
            $0.mov(.w64, .base(r12, 8), imm: 305419896)
        }
        expect("mov QWORD PTR [r12+0x8],0xffffffff80000000", "49 c7 44 24 08 00 00 00 80") {
            $0.mov(.w64, .base(r12, 8), imm: -2147483648)
        }
    }

    @Test("Constants")
    func constants() {
        expect("mov eax,0x0", "b8 00 00 00 00") { $0.movImmediate(rax, 0x0) }
        expect("mov eax,0x1", "b8 01 00 00 00") { $0.movImmediate(rax, 0x1) }
        expect("mov eax,0x7fffffff", "b8 ff ff ff 7f") { $0.movImmediate(rax, 0x7fffffff) }
        expect("mov eax,0x80000000", "b8 00 00 00 80") { $0.movImmediate(rax, 0x80000000) }
        expect("mov eax,0xffffffff", "b8 ff ff ff ff") { $0.movImmediate(rax, 0xffffffff) }
        expect("mov rax,0xffffffffffffffff", "48 c7 c0 ff ff ff ff") { $0.movImmediate(rax, 0xffffffffffffffff) }
        expect("mov rax,0xffffffff80000000", "48 c7 c0 00 00 00 80") { $0.movImmediate(rax, 0xffffffff80000000) }
        expect("movabs rax,0x100000000", "48 b8 00 00 00 00 01 00 00 00") { $0.movImmediate(rax, 0x100000000) }
        expect("movabs rax,0xffffffff7fffffff", "48 b8 ff ff ff 7f ff ff ff ff") {
            $0.movImmediate(rax, 0xffffffff7fffffff)
        }
        expect("movabs rax,0x123456789abcdef0", "48 b8 f0 de bc 9a 78 56 34 12") {
            $0.movImmediate(rax, 0x123456789abcdef0)
        }
        expect("xor eax,eax", "31 c0") { $0.zero(rax) }
        expect("mov esp,0x0", "bc 00 00 00 00") { $0.movImmediate(rsp, 0x0) }
        expect("mov esp,0x1", "bc 01 00 00 00") { $0.movImmediate(rsp, 0x1) }
        expect("mov esp,0x7fffffff", "bc ff ff ff 7f") { $0.movImmediate(rsp, 0x7fffffff) }
        expect("mov esp,0x80000000", "bc 00 00 00 80") { $0.movImmediate(rsp, 0x80000000) }
        expect("mov esp,0xffffffff", "bc ff ff ff ff") { $0.movImmediate(rsp, 0xffffffff) }
        expect("mov rsp,0xffffffffffffffff", "48 c7 c4 ff ff ff ff") { $0.movImmediate(rsp, 0xffffffffffffffff) }
        expect("mov rsp,0xffffffff80000000", "48 c7 c4 00 00 00 80") { $0.movImmediate(rsp, 0xffffffff80000000) }
        expect("movabs rsp,0x100000000", "48 bc 00 00 00 00 01 00 00 00") { $0.movImmediate(rsp, 0x100000000) }
        expect("movabs rsp,0xffffffff7fffffff", "48 bc ff ff ff 7f ff ff ff ff") {
            $0.movImmediate(rsp, 0xffffffff7fffffff)
        }
        expect("movabs rsp,0x123456789abcdef0", "48 bc f0 de bc 9a 78 56 34 12") {
            $0.movImmediate(rsp, 0x123456789abcdef0)
        }
        expect("xor esp,esp", "31 e4") { $0.zero(rsp) }
        expect("mov edi,0x0", "bf 00 00 00 00") { $0.movImmediate(rdi, 0x0) }
        expect("mov edi,0x1", "bf 01 00 00 00") { $0.movImmediate(rdi, 0x1) }
        expect("mov edi,0x7fffffff", "bf ff ff ff 7f") { $0.movImmediate(rdi, 0x7fffffff) }
        expect("mov edi,0x80000000", "bf 00 00 00 80") { $0.movImmediate(rdi, 0x80000000) }
        expect("mov edi,0xffffffff", "bf ff ff ff ff") { $0.movImmediate(rdi, 0xffffffff) }
        expect("mov rdi,0xffffffffffffffff", "48 c7 c7 ff ff ff ff") { $0.movImmediate(rdi, 0xffffffffffffffff) }
        expect("mov rdi,0xffffffff80000000", "48 c7 c7 00 00 00 80") { $0.movImmediate(rdi, 0xffffffff80000000) }
        expect("movabs rdi,0x100000000", "48 bf 00 00 00 00 01 00 00 00") { $0.movImmediate(rdi, 0x100000000) }
        expect("movabs rdi,0xffffffff7fffffff", "48 bf ff ff ff 7f ff ff ff ff") {
            $0.movImmediate(rdi, 0xffffffff7fffffff)
        }
        expect("movabs rdi,0x123456789abcdef0", "48 bf f0 de bc 9a 78 56 34 12") {
            $0.movImmediate(rdi, 0x123456789abcdef0)
        }
        expect("xor edi,edi", "31 ff") { $0.zero(rdi) }
        expect("mov r8d,0x0", "41 b8 00 00 00 00") { $0.movImmediate(r8, 0x0) }
        expect("mov r8d,0x1", "41 b8 01 00 00 00") { $0.movImmediate(r8, 0x1) }
        expect("mov r8d,0x7fffffff", "41 b8 ff ff ff 7f") { $0.movImmediate(r8, 0x7fffffff) }
        expect("mov r8d,0x80000000", "41 b8 00 00 00 80") { $0.movImmediate(r8, 0x80000000) }
        expect("mov r8d,0xffffffff", "41 b8 ff ff ff ff") { $0.movImmediate(r8, 0xffffffff) }
        expect("mov r8,0xffffffffffffffff", "49 c7 c0 ff ff ff ff") { $0.movImmediate(r8, 0xffffffffffffffff) }
        expect("mov r8,0xffffffff80000000", "49 c7 c0 00 00 00 80") { $0.movImmediate(r8, 0xffffffff80000000) }
        expect("movabs r8,0x100000000", "49 b8 00 00 00 00 01 00 00 00") { $0.movImmediate(r8, 0x100000000) }
        expect("movabs r8,0xffffffff7fffffff", "49 b8 ff ff ff 7f ff ff ff ff") {
            $0.movImmediate(r8, 0xffffffff7fffffff)
        }
        expect("movabs r8,0x123456789abcdef0", "49 b8 f0 de bc 9a 78 56 34 12") {
            $0.movImmediate(r8, 0x123456789abcdef0)
        }
        expect("xor r8d,r8d", "45 31 c0") { $0.zero(r8) }
        expect("mov r13d,0x0", "41 bd 00 00 00 00") { $0.movImmediate(r13, 0x0) }
        expect("mov r13d,0x1", "41 bd 01 00 00 00") { $0.movImmediate(r13, 0x1) }
        expect("mov r13d,0x7fffffff", "41 bd ff ff ff 7f") { $0.movImmediate(r13, 0x7fffffff) }
        expect("mov r13d,0x80000000", "41 bd 00 00 00 80") { $0.movImmediate(r13, 0x80000000) }
        expect("mov r13d,0xffffffff", "41 bd ff ff ff ff") { $0.movImmediate(r13, 0xffffffff) }
        expect("mov r13,0xffffffffffffffff", "49 c7 c5 ff ff ff ff") { $0.movImmediate(r13, 0xffffffffffffffff) }
        expect("mov r13,0xffffffff80000000", "49 c7 c5 00 00 00 80") { $0.movImmediate(r13, 0xffffffff80000000) }
        expect("movabs r13,0x100000000", "49 bd 00 00 00 00 01 00 00 00") { $0.movImmediate(r13, 0x100000000) }
        expect("movabs r13,0xffffffff7fffffff", "49 bd ff ff ff 7f ff ff ff ff") {
            $0.movImmediate(r13, 0xffffffff7fffffff)
        }
        expect("movabs r13,0x123456789abcdef0", "49 bd f0 de bc 9a 78 56 34 12") {
            $0.movImmediate(r13, 0x123456789abcdef0)
        }
        expect("xor r13d,r13d", "45 31 ed") { $0.zero(r13) }
    }

    @Test("Zero extension")
    func zeroExtension() {
        expect("movzx eax,cl", "0f b6 c1") { $0.movzx(from: .w8, rax, rcx) }
        expect("movzx r9d,al", "44 0f b6 c8") { $0.movzx(from: .w8, r9, rax) }
        expect("movzx esp,cl", "0f b6 e1") { $0.movzx(from: .w8, rsp, rcx) }
        expect("movzx r9d,spl", "44 0f b6 cc") { $0.movzx(from: .w8, r9, rsp) }
        expect("movzx ebp,cl", "0f b6 e9") { $0.movzx(from: .w8, rbp, rcx) }
        expect("movzx r9d,bpl", "44 0f b6 cd") { $0.movzx(from: .w8, r9, rbp) }
        expect("movzx edi,cl", "0f b6 f9") { $0.movzx(from: .w8, rdi, rcx) }
        expect("movzx r9d,dil", "44 0f b6 cf") { $0.movzx(from: .w8, r9, rdi) }
        expect("movzx r8d,cl", "44 0f b6 c1") { $0.movzx(from: .w8, r8, rcx) }
        expect("movzx r9d,r8b", "45 0f b6 c8") { $0.movzx(from: .w8, r9, r8) }
        expect("movzx r12d,cl", "44 0f b6 e1") { $0.movzx(from: .w8, r12, rcx) }
        expect("movzx r9d,r12b", "45 0f b6 cc") { $0.movzx(from: .w8, r9, r12) }
        expect("movzx r13d,cl", "44 0f b6 e9") { $0.movzx(from: .w8, r13, rcx) }
        expect("movzx r9d,r13b", "45 0f b6 cd") { $0.movzx(from: .w8, r9, r13) }
        expect("movzx r15d,cl", "44 0f b6 f9") { $0.movzx(from: .w8, r15, rcx) }
        expect("movzx r9d,r15b", "45 0f b6 cf") { $0.movzx(from: .w8, r9, r15) }
        expect("movzx eax,sil", "40 0f b6 c6") { $0.movzx(from: .w8, rax, rsi) }
        expect("movzx r8d,BYTE PTR [rbx]", "44 0f b6 03") { $0.movzx(from: .w8, r8, .base(rbx)) }
        expect("movzx r8d,BYTE PTR [r12+0x8]", "45 0f b6 44 24 08") { $0.movzx(from: .w8, r8, .base(r12, 8)) }
        expect("movzx r8d,BYTE PTR [rbp+r13*8-0x80]", "46 0f b6 44 ed 80") {
            $0.movzx(from: .w8, r8, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("movzx r8d,BYTE PTR [rsp+r15*1+0x12345678]", "46 0f b6 84 3c 78 56 34 12") {
            $0.movzx(from: .w8, r8, .indexed(rsp, r15, 305419896))
        }
        expect("movzx edi,BYTE PTR [rbx]", "0f b6 3b") { $0.movzx(from: .w8, rdi, .base(rbx)) }
        expect("movzx eax,cx", "0f b7 c1") { $0.movzx(from: .w16, rax, rcx) }
        expect("movzx r9d,ax", "44 0f b7 c8") { $0.movzx(from: .w16, r9, rax) }
        expect("movzx esp,cx", "0f b7 e1") { $0.movzx(from: .w16, rsp, rcx) }
        expect("movzx r9d,sp", "44 0f b7 cc") { $0.movzx(from: .w16, r9, rsp) }
        expect("movzx ebp,cx", "0f b7 e9") { $0.movzx(from: .w16, rbp, rcx) }
        expect("movzx r9d,bp", "44 0f b7 cd") { $0.movzx(from: .w16, r9, rbp) }
        expect("movzx edi,cx", "0f b7 f9") { $0.movzx(from: .w16, rdi, rcx) }
        expect("movzx r9d,di", "44 0f b7 cf") { $0.movzx(from: .w16, r9, rdi) }
        expect("movzx r8d,cx", "44 0f b7 c1") { $0.movzx(from: .w16, r8, rcx) }
        expect("movzx r9d,r8w", "45 0f b7 c8") { $0.movzx(from: .w16, r9, r8) }
        expect("movzx r12d,cx", "44 0f b7 e1") { $0.movzx(from: .w16, r12, rcx) }
        expect("movzx r9d,r12w", "45 0f b7 cc") { $0.movzx(from: .w16, r9, r12) }
        expect("movzx r13d,cx", "44 0f b7 e9") { $0.movzx(from: .w16, r13, rcx) }
        expect("movzx r9d,r13w", "45 0f b7 cd") { $0.movzx(from: .w16, r9, r13) }
        expect("movzx r15d,cx", "44 0f b7 f9") { $0.movzx(from: .w16, r15, rcx) }
        expect("movzx r9d,r15w", "45 0f b7 cf") { $0.movzx(from: .w16, r9, r15) }
        expect("movzx eax,si", "0f b7 c6") { $0.movzx(from: .w16, rax, rsi) }
        expect("movzx r8d,WORD PTR [rbx]", "44 0f b7 03") { $0.movzx(from: .w16, r8, .base(rbx)) }
        expect("movzx r8d,WORD PTR [r12+0x8]", "45 0f b7 44 24 08") { $0.movzx(from: .w16, r8, .base(r12, 8)) }
        expect("movzx r8d,WORD PTR [rbp+r13*8-0x80]", "46 0f b7 44 ed 80") {
            $0.movzx(from: .w16, r8, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("movzx r8d,WORD PTR [rsp+r15*1+0x12345678]", "46 0f b7 84 3c 78 56 34 12") {
            $0.movzx(from: .w16, r8, .indexed(rsp, r15, 305419896))
        }
        expect("movzx edi,WORD PTR [rbx]", "0f b7 3b") { $0.movzx(from: .w16, rdi, .base(rbx)) }
        expect("mov eax,ecx", "89 c8") { $0.movzx(from: .w32, rax, rcx) }
        expect("mov r9d,eax", "41 89 c1") { $0.movzx(from: .w32, r9, rax) }
        expect("mov esp,ecx", "89 cc") { $0.movzx(from: .w32, rsp, rcx) }
        expect("mov r9d,esp", "41 89 e1") { $0.movzx(from: .w32, r9, rsp) }
        expect("mov ebp,ecx", "89 cd") { $0.movzx(from: .w32, rbp, rcx) }
        expect("mov r9d,ebp", "41 89 e9") { $0.movzx(from: .w32, r9, rbp) }
        expect("mov edi,ecx", "89 cf") { $0.movzx(from: .w32, rdi, rcx) }
        expect("mov r9d,edi", "41 89 f9") { $0.movzx(from: .w32, r9, rdi) }
        expect("mov r8d,ecx", "41 89 c8") { $0.movzx(from: .w32, r8, rcx) }
        expect("mov r9d,r8d", "45 89 c1") { $0.movzx(from: .w32, r9, r8) }
        expect("mov r12d,ecx", "41 89 cc") { $0.movzx(from: .w32, r12, rcx) }
        expect("mov r9d,r12d", "45 89 e1") { $0.movzx(from: .w32, r9, r12) }
        expect("mov r13d,ecx", "41 89 cd") { $0.movzx(from: .w32, r13, rcx) }
        expect("mov r9d,r13d", "45 89 e9") { $0.movzx(from: .w32, r9, r13) }
        expect("mov r15d,ecx", "41 89 cf") { $0.movzx(from: .w32, r15, rcx) }
        expect("mov r9d,r15d", "45 89 f9") { $0.movzx(from: .w32, r9, r15) }
        expect("mov eax,esi", "89 f0") { $0.movzx(from: .w32, rax, rsi) }
        expect("mov r8d,DWORD PTR [rbx]", "44 8b 03") { $0.movzx(from: .w32, r8, .base(rbx)) }
        expect("mov r8d,DWORD PTR [r12+0x8]", "45 8b 44 24 08") { $0.movzx(from: .w32, r8, .base(r12, 8)) }
        expect("mov r8d,DWORD PTR [rbp+r13*8-0x80]", "46 8b 44 ed 80") {
            $0.movzx(from: .w32, r8, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("mov r8d,DWORD PTR [rsp+r15*1+0x12345678]", "46 8b 84 3c 78 56 34 12") {
            $0.movzx(from: .w32, r8, .indexed(rsp, r15, 305419896))
        }
        expect("mov edi,DWORD PTR [rbx]", "8b 3b") { $0.movzx(from: .w32, rdi, .base(rbx)) }
    }

    @Test("Sign extension")
    func signExtension() {
        expect("movsx eax,cl", "0f be c1") { $0.movsx(from: .w8, to: .w32, rax, rcx) }
        expect("movsx esp,cl", "0f be e1") { $0.movsx(from: .w8, to: .w32, rsp, rcx) }
        expect("movsx ebp,cl", "0f be e9") { $0.movsx(from: .w8, to: .w32, rbp, rcx) }
        expect("movsx edi,cl", "0f be f9") { $0.movsx(from: .w8, to: .w32, rdi, rcx) }
        expect("movsx r8d,cl", "44 0f be c1") { $0.movsx(from: .w8, to: .w32, r8, rcx) }
        expect("movsx r12d,cl", "44 0f be e1") { $0.movsx(from: .w8, to: .w32, r12, rcx) }
        expect("movsx r13d,cl", "44 0f be e9") { $0.movsx(from: .w8, to: .w32, r13, rcx) }
        expect("movsx r15d,cl", "44 0f be f9") { $0.movsx(from: .w8, to: .w32, r15, rcx) }
        expect("movsx edx,spl", "40 0f be d4") { $0.movsx(from: .w8, to: .w32, rdx, rsp) }
        expect("movsx edx,sil", "40 0f be d6") { $0.movsx(from: .w8, to: .w32, rdx, rsi) }
        expect("movsx edx,dil", "40 0f be d7") { $0.movsx(from: .w8, to: .w32, rdx, rdi) }
        expect("movsx edx,r15b", "41 0f be d7") { $0.movsx(from: .w8, to: .w32, rdx, r15) }
        expect("movsx r13d,BYTE PTR [rbx]", "44 0f be 2b") { $0.movsx(from: .w8, to: .w32, r13, .base(rbx)) }
        expect("movsx r13d,BYTE PTR [r12+0x8]", "45 0f be 6c 24 08") {
            $0.movsx(from: .w8, to: .w32, r13, .base(r12, 8))
        }
        expect("movsx r13d,BYTE PTR [rbp+r13*8-0x80]", "46 0f be 6c ed 80") {
            $0.movsx(from: .w8, to: .w32, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("movsx r13d,BYTE PTR [rsp+r15*1+0x12345678]", "46 0f be ac 3c 78 56 34 12") {
            $0.movsx(from: .w8, to: .w32, r13, .indexed(rsp, r15, 305419896))
        }
        expect("movsx rax,cl", "48 0f be c1") { $0.movsx(from: .w8, to: .w64, rax, rcx) }
        expect("movsx rsp,cl", "48 0f be e1") { $0.movsx(from: .w8, to: .w64, rsp, rcx) }
        expect("movsx rbp,cl", "48 0f be e9") { $0.movsx(from: .w8, to: .w64, rbp, rcx) }
        expect("movsx rdi,cl", "48 0f be f9") { $0.movsx(from: .w8, to: .w64, rdi, rcx) }
        expect("movsx r8,cl", "4c 0f be c1") { $0.movsx(from: .w8, to: .w64, r8, rcx) }
        expect("movsx r12,cl", "4c 0f be e1") { $0.movsx(from: .w8, to: .w64, r12, rcx) }
        expect("movsx r13,cl", "4c 0f be e9") { $0.movsx(from: .w8, to: .w64, r13, rcx) }
        expect("movsx r15,cl", "4c 0f be f9") { $0.movsx(from: .w8, to: .w64, r15, rcx) }
        expect("movsx rdx,spl", "48 0f be d4") { $0.movsx(from: .w8, to: .w64, rdx, rsp) }
        expect("movsx rdx,sil", "48 0f be d6") { $0.movsx(from: .w8, to: .w64, rdx, rsi) }
        expect("movsx rdx,dil", "48 0f be d7") { $0.movsx(from: .w8, to: .w64, rdx, rdi) }
        expect("movsx rdx,r15b", "49 0f be d7") { $0.movsx(from: .w8, to: .w64, rdx, r15) }
        expect("movsx r13,BYTE PTR [rbx]", "4c 0f be 2b") { $0.movsx(from: .w8, to: .w64, r13, .base(rbx)) }
        expect("movsx r13,BYTE PTR [r12+0x8]", "4d 0f be 6c 24 08") {
            $0.movsx(from: .w8, to: .w64, r13, .base(r12, 8))
        }
        expect("movsx r13,BYTE PTR [rbp+r13*8-0x80]", "4e 0f be 6c ed 80") {
            $0.movsx(from: .w8, to: .w64, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("movsx r13,BYTE PTR [rsp+r15*1+0x12345678]", "4e 0f be ac 3c 78 56 34 12") {
            $0.movsx(from: .w8, to: .w64, r13, .indexed(rsp, r15, 305419896))
        }
        expect("movsx eax,cx", "0f bf c1") { $0.movsx(from: .w16, to: .w32, rax, rcx) }
        expect("movsx esp,cx", "0f bf e1") { $0.movsx(from: .w16, to: .w32, rsp, rcx) }
        expect("movsx ebp,cx", "0f bf e9") { $0.movsx(from: .w16, to: .w32, rbp, rcx) }
        expect("movsx edi,cx", "0f bf f9") { $0.movsx(from: .w16, to: .w32, rdi, rcx) }
        expect("movsx r8d,cx", "44 0f bf c1") { $0.movsx(from: .w16, to: .w32, r8, rcx) }
        expect("movsx r12d,cx", "44 0f bf e1") { $0.movsx(from: .w16, to: .w32, r12, rcx) }
        expect("movsx r13d,cx", "44 0f bf e9") { $0.movsx(from: .w16, to: .w32, r13, rcx) }
        expect("movsx r15d,cx", "44 0f bf f9") { $0.movsx(from: .w16, to: .w32, r15, rcx) }
        expect("movsx edx,sp", "0f bf d4") { $0.movsx(from: .w16, to: .w32, rdx, rsp) }
        expect("movsx edx,si", "0f bf d6") { $0.movsx(from: .w16, to: .w32, rdx, rsi) }
        expect("movsx edx,di", "0f bf d7") { $0.movsx(from: .w16, to: .w32, rdx, rdi) }
        expect("movsx edx,r15w", "41 0f bf d7") { $0.movsx(from: .w16, to: .w32, rdx, r15) }
        expect("movsx r13d,WORD PTR [rbx]", "44 0f bf 2b") { $0.movsx(from: .w16, to: .w32, r13, .base(rbx)) }
        expect("movsx r13d,WORD PTR [r12+0x8]", "45 0f bf 6c 24 08") {
            $0.movsx(from: .w16, to: .w32, r13, .base(r12, 8))
        }
        expect("movsx r13d,WORD PTR [rbp+r13*8-0x80]", "46 0f bf 6c ed 80") {
            $0.movsx(from: .w16, to: .w32, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("movsx r13d,WORD PTR [rsp+r15*1+0x12345678]", "46 0f bf ac 3c 78 56 34 12") {
            $0.movsx(from: .w16, to: .w32, r13, .indexed(rsp, r15, 305419896))
        }
        expect("movsx rax,cx", "48 0f bf c1") { $0.movsx(from: .w16, to: .w64, rax, rcx) }
        expect("movsx rsp,cx", "48 0f bf e1") { $0.movsx(from: .w16, to: .w64, rsp, rcx) }
        expect("movsx rbp,cx", "48 0f bf e9") { $0.movsx(from: .w16, to: .w64, rbp, rcx) }
        expect("movsx rdi,cx", "48 0f bf f9") { $0.movsx(from: .w16, to: .w64, rdi, rcx) }
        expect("movsx r8,cx", "4c 0f bf c1") { $0.movsx(from: .w16, to: .w64, r8, rcx) }
        expect("movsx r12,cx", "4c 0f bf e1") { $0.movsx(from: .w16, to: .w64, r12, rcx) }
        expect("movsx r13,cx", "4c 0f bf e9") { $0.movsx(from: .w16, to: .w64, r13, rcx) }
        expect("movsx r15,cx", "4c 0f bf f9") { $0.movsx(from: .w16, to: .w64, r15, rcx) }
        expect("movsx rdx,sp", "48 0f bf d4") { $0.movsx(from: .w16, to: .w64, rdx, rsp) }
        expect("movsx rdx,si", "48 0f bf d6") { $0.movsx(from: .w16, to: .w64, rdx, rsi) }
        expect("movsx rdx,di", "48 0f bf d7") { $0.movsx(from: .w16, to: .w64, rdx, rdi) }
        expect("movsx rdx,r15w", "49 0f bf d7") { $0.movsx(from: .w16, to: .w64, rdx, r15) }
        expect("movsx r13,WORD PTR [rbx]", "4c 0f bf 2b") { $0.movsx(from: .w16, to: .w64, r13, .base(rbx)) }
        expect("movsx r13,WORD PTR [r12+0x8]", "4d 0f bf 6c 24 08") {
            $0.movsx(from: .w16, to: .w64, r13, .base(r12, 8))
        }
        expect("movsx r13,WORD PTR [rbp+r13*8-0x80]", "4e 0f bf 6c ed 80") {
            $0.movsx(from: .w16, to: .w64, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("movsx r13,WORD PTR [rsp+r15*1+0x12345678]", "4e 0f bf ac 3c 78 56 34 12") {
            $0.movsx(from: .w16, to: .w64, r13, .indexed(rsp, r15, 305419896))
        }
        expect("mov eax,ecx", "89 c8") { $0.movsx(from: .w32, to: .w32, rax, rcx) }
        expect("mov esp,ecx", "89 cc") { $0.movsx(from: .w32, to: .w32, rsp, rcx) }
        expect("mov ebp,ecx", "89 cd") { $0.movsx(from: .w32, to: .w32, rbp, rcx) }
        expect("mov edi,ecx", "89 cf") { $0.movsx(from: .w32, to: .w32, rdi, rcx) }
        expect("mov r8d,ecx", "41 89 c8") { $0.movsx(from: .w32, to: .w32, r8, rcx) }
        expect("mov r12d,ecx", "41 89 cc") { $0.movsx(from: .w32, to: .w32, r12, rcx) }
        expect("mov r13d,ecx", "41 89 cd") { $0.movsx(from: .w32, to: .w32, r13, rcx) }
        expect("mov r15d,ecx", "41 89 cf") { $0.movsx(from: .w32, to: .w32, r15, rcx) }
        expect("mov edx,esp", "89 e2") { $0.movsx(from: .w32, to: .w32, rdx, rsp) }
        expect("mov edx,esi", "89 f2") { $0.movsx(from: .w32, to: .w32, rdx, rsi) }
        expect("mov edx,edi", "89 fa") { $0.movsx(from: .w32, to: .w32, rdx, rdi) }
        expect("mov edx,r15d", "44 89 fa") { $0.movsx(from: .w32, to: .w32, rdx, r15) }
        expect("mov r13d,DWORD PTR [rbx]", "44 8b 2b") { $0.movsx(from: .w32, to: .w32, r13, .base(rbx)) }
        expect("mov r13d,DWORD PTR [r12+0x8]", "45 8b 6c 24 08") { $0.movsx(from: .w32, to: .w32, r13, .base(r12, 8)) }
        expect("mov r13d,DWORD PTR [rbp+r13*8-0x80]", "46 8b 6c ed 80") {
            $0.movsx(from: .w32, to: .w32, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("mov r13d,DWORD PTR [rsp+r15*1+0x12345678]", "46 8b ac 3c 78 56 34 12") {
            $0.movsx(from: .w32, to: .w32, r13, .indexed(rsp, r15, 305419896))
        }
        expect("movsxd rax,ecx", "48 63 c1") { $0.movsx(from: .w32, to: .w64, rax, rcx) }
        expect("movsxd rsp,ecx", "48 63 e1") { $0.movsx(from: .w32, to: .w64, rsp, rcx) }
        expect("movsxd rbp,ecx", "48 63 e9") { $0.movsx(from: .w32, to: .w64, rbp, rcx) }
        expect("movsxd rdi,ecx", "48 63 f9") { $0.movsx(from: .w32, to: .w64, rdi, rcx) }
        expect("movsxd r8,ecx", "4c 63 c1") { $0.movsx(from: .w32, to: .w64, r8, rcx) }
        expect("movsxd r12,ecx", "4c 63 e1") { $0.movsx(from: .w32, to: .w64, r12, rcx) }
        expect("movsxd r13,ecx", "4c 63 e9") { $0.movsx(from: .w32, to: .w64, r13, rcx) }
        expect("movsxd r15,ecx", "4c 63 f9") { $0.movsx(from: .w32, to: .w64, r15, rcx) }
        expect("movsxd rdx,esp", "48 63 d4") { $0.movsx(from: .w32, to: .w64, rdx, rsp) }
        expect("movsxd rdx,esi", "48 63 d6") { $0.movsx(from: .w32, to: .w64, rdx, rsi) }
        expect("movsxd rdx,edi", "48 63 d7") { $0.movsx(from: .w32, to: .w64, rdx, rdi) }
        expect("movsxd rdx,r15d", "49 63 d7") { $0.movsx(from: .w32, to: .w64, rdx, r15) }
        expect("movsxd r13,DWORD PTR [rbx]", "4c 63 2b") { $0.movsx(from: .w32, to: .w64, r13, .base(rbx)) }
        expect("movsxd r13,DWORD PTR [r12+0x8]", "4d 63 6c 24 08") {
            $0.movsx(from: .w32, to: .w64, r13, .base(r12, 8))
        }
        expect("movsxd r13,DWORD PTR [rbp+r13*8-0x80]", "4e 63 6c ed 80") {
            $0.movsx(from: .w32, to: .w64, r13, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("movsxd r13,DWORD PTR [rsp+r15*1+0x12345678]", "4e 63 ac 3c 78 56 34 12") {
            $0.movsx(from: .w32, to: .w64, r13, .indexed(rsp, r15, 305419896))
        }
    }

    @Test("lea")
    func lea() {
        expect("lea eax,[rbx+0x4]", "8d 43 04") { $0.lea(.w32, rax, .base(rbx, 4)) }
        expect("lea esp,[rbx+0x4]", "8d 63 04") { $0.lea(.w32, rsp, .base(rbx, 4)) }
        expect("lea ebp,[rbx+0x4]", "8d 6b 04") { $0.lea(.w32, rbp, .base(rbx, 4)) }
        expect("lea edi,[rbx+0x4]", "8d 7b 04") { $0.lea(.w32, rdi, .base(rbx, 4)) }
        expect("lea r8d,[rbx+0x4]", "44 8d 43 04") { $0.lea(.w32, r8, .base(rbx, 4)) }
        expect("lea r12d,[rbx+0x4]", "44 8d 63 04") { $0.lea(.w32, r12, .base(rbx, 4)) }
        expect("lea r13d,[rbx+0x4]", "44 8d 6b 04") { $0.lea(.w32, r13, .base(rbx, 4)) }
        expect("lea r15d,[rbx+0x4]", "44 8d 7b 04") { $0.lea(.w32, r15, .base(rbx, 4)) }
        expect("lea ecx,[r12+0x8]", "41 8d 4c 24 08") { $0.lea(.w32, rcx, .base(r12, 8)) }
        expect("lea ecx,[rbp+r13*8-0x80]", "42 8d 4c ed 80") { $0.lea(.w32, rcx, .indexed(rbp, r13, scale: 3, -128)) }
        expect("lea ecx,[rsp+r15*1+0x12345678]", "42 8d 8c 3c 78 56 34 12") {
            $0.lea(.w32, rcx, .indexed(rsp, r15, 305419896))
        }
        expect("lea ecx,[rcx*8+0x5]", "8d 0c cd 05 00 00 00") {
            $0.lea(.w32, rcx, .scaled(index: rcx, scale: 3, disp: 5))
        }
        expect("lea rax,[rbx+0x4]", "48 8d 43 04") { $0.lea(.w64, rax, .base(rbx, 4)) }
        expect("lea rsp,[rbx+0x4]", "48 8d 63 04") { $0.lea(.w64, rsp, .base(rbx, 4)) }
        expect("lea rbp,[rbx+0x4]", "48 8d 6b 04") { $0.lea(.w64, rbp, .base(rbx, 4)) }
        expect("lea rdi,[rbx+0x4]", "48 8d 7b 04") { $0.lea(.w64, rdi, .base(rbx, 4)) }
        expect("lea r8,[rbx+0x4]", "4c 8d 43 04") { $0.lea(.w64, r8, .base(rbx, 4)) }
        expect("lea r12,[rbx+0x4]", "4c 8d 63 04") { $0.lea(.w64, r12, .base(rbx, 4)) }
        expect("lea r13,[rbx+0x4]", "4c 8d 6b 04") { $0.lea(.w64, r13, .base(rbx, 4)) }
        expect("lea r15,[rbx+0x4]", "4c 8d 7b 04") { $0.lea(.w64, r15, .base(rbx, 4)) }
        expect("lea rcx,[r12+0x8]", "49 8d 4c 24 08") { $0.lea(.w64, rcx, .base(r12, 8)) }
        expect("lea rcx,[rbp+r13*8-0x80]", "4a 8d 4c ed 80") { $0.lea(.w64, rcx, .indexed(rbp, r13, scale: 3, -128)) }
        expect("lea rcx,[rsp+r15*1+0x12345678]", "4a 8d 8c 3c 78 56 34 12") {
            $0.lea(.w64, rcx, .indexed(rsp, r15, 305419896))
        }
        expect("lea rcx,[rcx*8+0x5]", "48 8d 0c cd 05 00 00 00") {
            $0.lea(.w64, rcx, .scaled(index: rcx, scale: 3, disp: 5))
        }
    }

    @Test("Conditions")
    func conditions() {
        expect("seto cl", "0f 90 c1") { $0.setcc(.overflow, rcx) }
        expect("cmovo eax,ecx", "0f 40 c1") { $0.cmov(.overflow, .w32, rax, rcx) }
        expect("setno cl", "0f 91 c1") { $0.setcc(.notOverflow, rcx) }
        expect("cmovno eax,ecx", "0f 41 c1") { $0.cmov(.notOverflow, .w32, rax, rcx) }
        expect("setb cl", "0f 92 c1") { $0.setcc(.below, rcx) }
        expect("cmovb eax,ecx", "0f 42 c1") { $0.cmov(.below, .w32, rax, rcx) }
        expect("setae cl", "0f 93 c1") { $0.setcc(.aboveOrEqual, rcx) }
        expect("cmovae eax,ecx", "0f 43 c1") { $0.cmov(.aboveOrEqual, .w32, rax, rcx) }
        expect("sete cl", "0f 94 c1") { $0.setcc(.equal, rcx) }
        expect("cmove eax,ecx", "0f 44 c1") { $0.cmov(.equal, .w32, rax, rcx) }
        expect("setne cl", "0f 95 c1") { $0.setcc(.notEqual, rcx) }
        expect("cmovne eax,ecx", "0f 45 c1") { $0.cmov(.notEqual, .w32, rax, rcx) }
        expect("setbe cl", "0f 96 c1") { $0.setcc(.belowOrEqual, rcx) }
        expect("cmovbe eax,ecx", "0f 46 c1") { $0.cmov(.belowOrEqual, .w32, rax, rcx) }
        expect("seta cl", "0f 97 c1") { $0.setcc(.above, rcx) }
        expect("cmova eax,ecx", "0f 47 c1") { $0.cmov(.above, .w32, rax, rcx) }
        expect("sets cl", "0f 98 c1") { $0.setcc(.sign, rcx) }
        expect("cmovs eax,ecx", "0f 48 c1") { $0.cmov(.sign, .w32, rax, rcx) }
        expect("setns cl", "0f 99 c1") { $0.setcc(.notSign, rcx) }
        expect("cmovns eax,ecx", "0f 49 c1") { $0.cmov(.notSign, .w32, rax, rcx) }
        expect("setp cl", "0f 9a c1") { $0.setcc(.parity, rcx) }
        expect("cmovp eax,ecx", "0f 4a c1") { $0.cmov(.parity, .w32, rax, rcx) }
        expect("setnp cl", "0f 9b c1") { $0.setcc(.notParity, rcx) }
        expect("cmovnp eax,ecx", "0f 4b c1") { $0.cmov(.notParity, .w32, rax, rcx) }
        expect("setl cl", "0f 9c c1") { $0.setcc(.less, rcx) }
        expect("cmovl eax,ecx", "0f 4c c1") { $0.cmov(.less, .w32, rax, rcx) }
        expect("setge cl", "0f 9d c1") { $0.setcc(.greaterOrEqual, rcx) }
        expect("cmovge eax,ecx", "0f 4d c1") { $0.cmov(.greaterOrEqual, .w32, rax, rcx) }
        expect("setle cl", "0f 9e c1") { $0.setcc(.lessOrEqual, rcx) }
        expect("cmovle eax,ecx", "0f 4e c1") { $0.cmov(.lessOrEqual, .w32, rax, rcx) }
        expect("setg cl", "0f 9f c1") { $0.setcc(.greater, rcx) }
        expect("cmovg eax,ecx", "0f 4f c1") { $0.cmov(.greater, .w32, rax, rcx) }
        expect("sete al", "0f 94 c0") { $0.setcc(.equal, rax) }
        expect("cmovl rax,rdx", "48 0f 4c c2") { $0.cmov(.less, .w64, rax, rdx) }
        expect("cmovl ebx,eax", "0f 4c d8") { $0.cmov(.less, .w32, rbx, rax) }
        expect("sete spl", "40 0f 94 c4") { $0.setcc(.equal, rsp) }
        expect("cmovl rsp,rdx", "48 0f 4c e2") { $0.cmov(.less, .w64, rsp, rdx) }
        expect("cmovl ebx,esp", "0f 4c dc") { $0.cmov(.less, .w32, rbx, rsp) }
        expect("sete bpl", "40 0f 94 c5") { $0.setcc(.equal, rbp) }
        expect("cmovl rbp,rdx", "48 0f 4c ea") { $0.cmov(.less, .w64, rbp, rdx) }
        expect("cmovl ebx,ebp", "0f 4c dd") { $0.cmov(.less, .w32, rbx, rbp) }
        expect("sete dil", "40 0f 94 c7") { $0.setcc(.equal, rdi) }
        expect("cmovl rdi,rdx", "48 0f 4c fa") { $0.cmov(.less, .w64, rdi, rdx) }
        expect("cmovl ebx,edi", "0f 4c df") { $0.cmov(.less, .w32, rbx, rdi) }
        expect("sete r8b", "41 0f 94 c0") { $0.setcc(.equal, r8) }
        expect("cmovl r8,rdx", "4c 0f 4c c2") { $0.cmov(.less, .w64, r8, rdx) }
        expect("cmovl ebx,r8d", "41 0f 4c d8") { $0.cmov(.less, .w32, rbx, r8) }
        expect("sete r12b", "41 0f 94 c4") { $0.setcc(.equal, r12) }
        expect("cmovl r12,rdx", "4c 0f 4c e2") { $0.cmov(.less, .w64, r12, rdx) }
        expect("cmovl ebx,r12d", "41 0f 4c dc") { $0.cmov(.less, .w32, rbx, r12) }
        expect("sete r13b", "41 0f 94 c5") { $0.setcc(.equal, r13) }
        expect("cmovl r13,rdx", "4c 0f 4c ea") { $0.cmov(.less, .w64, r13, rdx) }
        expect("cmovl ebx,r13d", "41 0f 4c dd") { $0.cmov(.less, .w32, rbx, r13) }
        expect("sete r15b", "41 0f 94 c7") { $0.setcc(.equal, r15) }
        expect("cmovl r15,rdx", "4c 0f 4c fa") { $0.cmov(.less, .w64, r15, rdx) }
        expect("cmovl ebx,r15d", "41 0f 4c df") { $0.cmov(.less, .w32, rbx, r15) }
        expect("cmovg r8w,r9w", "66 45 0f 4f c1") { $0.cmov(.greater, .w16, r8, r9) }
        expect("setb BYTE PTR [rbx]", "0f 92 03") { $0.setcc(.below, .base(rbx)) }
        expect("cmova r9w,WORD PTR [rbx]", "66 44 0f 47 0b") { $0.cmov(.above, .w16, r9, .base(rbx)) }
        expect("cmova r9d,DWORD PTR [rbx]", "44 0f 47 0b") { $0.cmov(.above, .w32, r9, .base(rbx)) }
        expect("cmova r9,QWORD PTR [rbx]", "4c 0f 47 0b") { $0.cmov(.above, .w64, r9, .base(rbx)) }
        expect("setb BYTE PTR [r12+0x8]", "41 0f 92 44 24 08") { $0.setcc(.below, .base(r12, 8)) }
        expect("cmova r9w,WORD PTR [r12+0x8]", "66 45 0f 47 4c 24 08") { $0.cmov(.above, .w16, r9, .base(r12, 8)) }
        expect("cmova r9d,DWORD PTR [r12+0x8]", "45 0f 47 4c 24 08") { $0.cmov(.above, .w32, r9, .base(r12, 8)) }
        expect("cmova r9,QWORD PTR [r12+0x8]", "4d 0f 47 4c 24 08") { $0.cmov(.above, .w64, r9, .base(r12, 8)) }
        expect("setb BYTE PTR [rbp+r13*8-0x80]", "42 0f 92 44 ed 80") {
            $0.setcc(.below, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("cmova r9w,WORD PTR [rbp+r13*8-0x80]", "66 46 0f 47 4c ed 80") {
            $0.cmov(.above, .w16, r9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("cmova r9d,DWORD PTR [rbp+r13*8-0x80]", "46 0f 47 4c ed 80") {
            $0.cmov(.above, .w32, r9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("cmova r9,QWORD PTR [rbp+r13*8-0x80]", "4e 0f 47 4c ed 80") {
            $0.cmov(.above, .w64, r9, .indexed(rbp, r13, scale: 3, -128))
        }
        expect("setb BYTE PTR [rsp+r15*1+0x12345678]", "42 0f 92 84 3c 78 56 34 12") {
            $0.setcc(.below, .indexed(rsp, r15, 305419896))
        }
        expect("cmova r9w,WORD PTR [rsp+r15*1+0x12345678]", "66 46 0f 47 8c 3c 78 56 34 12") {
            $0.cmov(.above, .w16, r9, .indexed(rsp, r15, 305419896))
        }
        expect("cmova r9d,DWORD PTR [rsp+r15*1+0x12345678]", "46 0f 47 8c 3c 78 56 34 12") {
            $0.cmov(.above, .w32, r9, .indexed(rsp, r15, 305419896))
        }
        expect("cmova r9,QWORD PTR [rsp+r15*1+0x12345678]", "4e 0f 47 8c 3c 78 56 34 12") {
            $0.cmov(.above, .w64, r9, .indexed(rsp, r15, 305419896))
        }
    }

    @Test("Stack")
    func stack() {
        expect("push rax", "50") { $0.push(rax) }
        expect("pop rax", "58") { $0.pop(rax) }
        expect("pushfq", "9c") { $0.pushFlags() }
        expect("popfq", "9d") { $0.popFlags() }
        expect("push rsp", "54") { $0.push(rsp) }
        expect("pop rsp", "5c") { $0.pop(rsp) }
        expect("push rbp", "55") { $0.push(rbp) }
        expect("pop rbp", "5d") { $0.pop(rbp) }
        expect("push rdi", "57") { $0.push(rdi) }
        expect("pop rdi", "5f") { $0.pop(rdi) }
        expect("push r8", "41 50") { $0.push(r8) }
        expect("pop r8", "41 58") { $0.pop(r8) }
        expect("push r12", "41 54") { $0.push(r12) }
        expect("pop r12", "41 5c") { $0.pop(r12) }
        expect("push r13", "41 55") { $0.push(r13) }
        expect("pop r13", "41 5d") { $0.pop(r13) }
        expect("push r15", "41 57") { $0.push(r15) }
        expect("pop r15", "41 5f") { $0.pop(r15) }
        expect("push QWORD PTR [rbx]", "ff 33") { $0.push(.base(rbx)) }
        expect("pop QWORD PTR [rbx]", "8f 03") { $0.pop(.base(rbx)) }
        expect("push QWORD PTR [r12+0x8]", "41 ff 74 24 08") { $0.push(.base(r12, 8)) }
        expect("pop QWORD PTR [r12+0x8]", "41 8f 44 24 08") { $0.pop(.base(r12, 8)) }
        expect("push QWORD PTR [rbp+r13*8-0x80]", "42 ff 74 ed 80") { $0.push(.indexed(rbp, r13, scale: 3, -128)) }
        expect("pop QWORD PTR [rbp+r13*8-0x80]", "42 8f 44 ed 80") { $0.pop(.indexed(rbp, r13, scale: 3, -128)) }
        expect("push QWORD PTR [rsp+r15*1+0x12345678]", "42 ff b4 3c 78 56 34 12") {
            $0.push(.indexed(rsp, r15, 305419896))
        }
        expect("pop QWORD PTR [rsp+r15*1+0x12345678]", "42 8f 84 3c 78 56 34 12") {
            $0.pop(.indexed(rsp, r15, 305419896))
        }
    }
}
