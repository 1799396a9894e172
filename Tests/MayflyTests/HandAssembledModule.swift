//! A small module whose machine code is written out, so that traps and calls are tested apart from the compiler, and so that
//! code can do what the compiler never lets it: fault where nothing may fault, or overrun the guard page.
//!
//! Registers of its own convention: r15 context, r14 memory, arguments edi and esi, result eax; functions save nothing. One
//! entry trampoline serves all types of up to two i32 parameters and one i32 result.

import Runtime
import TestSupport

@testable import Compiler
@testable import Mayfly
@testable import WasmModule

enum HandAssembledModule {
    /// Imports `env.host : (i32, i32) -> i32` as function 0; the others are exported and named as in `functions`.
    static var binary: [UInt8] {
        var module = WasmBuilder()
        module.importFunction("env", "host", [.i32, .i32], [.i32])
        for (name, parameters, results, _) in functions {
            // Never compiled, so the bodies matter to nobody.
            let index = module.function(name, parameters, results) { $0.unreachable() }
            module.name(function: index, "the_\(name)")
        }
        module.memory(1, max: 3, export: "memory")
        return module.build()
    }

    static func load(_ engine: Engine) throws -> Module {
        let decoded = try DecodedModule(decoding: binary)
        var code = CompiledCode(
            layout: VMContextLayout(
                typeCount: decoded.types.count, tableCount: 0, memoryCount: 1, globalCount: 0))
        code.text = text
        code.functionOffsets = functions.map(\.offset)
        code.functionsEnd = 200
        code.importOffsets = [208]
        code.exitOffset = 320
        code.entryOffsets = [UInt32](repeating: 352, count: decoded.types.count)
        code.crossingOffsets = [UInt32](repeating: .max, count: decoded.types.count)
        code.trapOffsets = [8, 21, 29, 47, 189]
        code.trapCodes = [
            .memoryOutOfBounds, .integerDivideByZero, .unreachable, .callStackExhausted, .memoryOutOfBounds,
        ]
        code.sourceCodeOffsets = [8, 29, 45, 161, 172, 183]
        code.sourceOffsets = [0x100, 0x200, 0x300, 0x400, 0x500, 0x600]
        return try engine.module(decoded, code)
    }

    static let functions: [(name: String, parameters: [ValueType], results: [ValueType], offset: UInt32)] = [
        ("add", [.i32, .i32], [.i32], 0),
        ("load", [.i32], [.i32], 4),
        ("divide", [.i32, .i32], [.i32], 14),
        ("unreachable", [], [], 25),
        ("recurse", [], [], 31),
        ("overrun", [], [], 49),
        ("host", [.i32, .i32], [.i32], 60),
        ("grow", [.i32], [.i32], 71),
        ("fill", [.i32, .i32], [], 109),
        ("outer", [], [], 163),
        ("middle", [], [], 174),
        ("wild", [], [.i32], 185),
        ("unmarked", [], [], 198),
    ]

    static let text: [UInt8] = [
        // add:
        0x8d, 0x04, 0x37,  // lea eax,[rdi+rsi*1]
        0xc3,  // ret
        // load:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        // load_trap:
        0x41, 0x8b, 0x04, 0x3e,  // mov eax,[r14+rdi*1]
        0x5d,  // pop rbp
        0xc3,  // ret
        // divide:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0x89, 0xf8,  // mov eax,edi
        0x99,  // cdq
        // divide_trap:
        0xf7, 0xfe,  // idiv esi
        0x5d,  // pop rbp
        0xc3,  // ret
        // unreachable:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        // unreachable_trap:
        0x0f, 0x0b,  // ud2
        // recurse:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0x49, 0x3b, 0x27,  // cmp rsp,[r15]
        0x72, 0x07,  // jb recurse_trap
        0xe8, 0xf2, 0xff, 0xff, 0xff,  // call recurse
        // recurse_return:
        0x5d,  // pop rbp
        0xc3,  // ret
        // recurse_trap:
        0x0f, 0x0b,  // ud2
        // overrun:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0xe8, 0xf7, 0xff, 0xff, 0xff,  // call overrun
        0x5d,  // pop rbp
        0xc3,  // ret
        // host:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0xe8, 0x8b, 0x00, 0x00, 0x00,  // call import
        // host_return:
        0x5d,  // pop rbp
        0xc3,  // ret
        // grow:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0x48, 0x83, 0xec, 0x10,  // sub rsp,0x10
        0x89, 0xff,  // mov edi,edi
        0x48, 0x89, 0x3c, 0x24,  // mov [rsp],rdi
        0x48, 0xc7, 0x44, 0x24, 0x08, 0x00, 0x00, 0x00, 0x00,  // mov [rsp+0x8],0x0
        0x48, 0x89, 0xe2,  // mov rdx,rsp
        0x31, 0xf6,  // xor esi,esi
        0xe8, 0xa8, 0x00, 0x00, 0x00,  // call runtime
        0x8b, 0x04, 0x24,  // mov eax,[rsp]
        0xc9,  // leave
        0xc3,  // ret
        // fill:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0x48, 0x83, 0xec, 0x20,  // sub rsp,0x20
        0x89, 0xff,  // mov edi,edi
        0x89, 0xf6,  // mov esi,esi
        0x48, 0x89, 0x3c, 0x24,  // mov [rsp],rdi
        0x48, 0xc7, 0x44, 0x24, 0x08, 0x07, 0x00, 0x00, 0x00,  // mov [rsp+0x8],0x7
        0x48, 0x89, 0x74, 0x24, 0x10,  // mov [rsp+0x10],rsi
        0x48, 0xc7, 0x44, 0x24, 0x18, 0x00, 0x00, 0x00, 0x00,  // mov [rsp+0x18],0x0
        0x48, 0x89, 0xe2,  // mov rdx,rsp
        0xbe, 0x02, 0x00, 0x00, 0x00,  // mov esi,0x2
        0xe8, 0x6f, 0x00, 0x00, 0x00,  // call runtime
        // fill_return:
        0xc9,  // leave
        0xc3,  // ret
        // outer:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0xe8, 0x02, 0x00, 0x00, 0x00,  // call middle
        // outer_return:
        0x5d,  // pop rbp
        0xc3,  // ret
        // middle:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0xe8, 0x62, 0xff, 0xff, 0xff,  // call unreachable
        // middle_return:
        0x5d,  // pop rbp
        0xc3,  // ret
        // wild:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        // wild_trap:
        0x8b, 0x04, 0x25, 0x10, 0x00, 0x00, 0x00,  // mov eax,ds:0x10
        0x5d,  // pop rbp
        0xc3,  // ret
        // unmarked:
        0x0f, 0x0b,  // ud2
        // functions_end:
        0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00,  // nop [rax+rax*1+0x0]
        // import:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0x48, 0x83, 0xec, 0x10,  // sub rsp,0x10
        0x89, 0xff,  // mov edi,edi
        0x89, 0xf6,  // mov esi,esi
        0x48, 0x89, 0x3c, 0x24,  // mov [rsp],rdi
        0x48, 0x89, 0x74, 0x24, 0x08,  // mov [rsp+0x8],rsi
        0x31, 0xf6,  // xor esi,esi
        0x48, 0x89, 0xe2,  // mov rdx,rsp
        0x49, 0x89, 0x6f, 0x38,  // mov [r15+0x38],rbp
        0x49, 0x89, 0x67, 0x30,  // mov [r15+0x30],rsp
        0x4c, 0x89, 0xff,  // mov rdi,r15
        0x49, 0x8b, 0x67, 0x28,  // mov rsp,[r15+0x28]
        0x41, 0xff, 0x57, 0x40,  // call [r15+0x40]
        0x49, 0x8b, 0x67, 0x30,  // mov rsp,[r15+0x30]
        0x85, 0xc0,  // test eax,eax
        0x75, 0x3b,  // jne exit
        0x8b, 0x04, 0x24,  // mov eax,[rsp]
        0x4d, 0x8b, 0x77, 0x10,  // mov r14,[r15+0x10]
        0xc9,  // leave
        0xc3,  // ret
        0x66, 0x90,  // xchg ax,ax
        // runtime:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0x49, 0x89, 0x6f, 0x38,  // mov [r15+0x38],rbp
        0x49, 0x89, 0x67, 0x30,  // mov [r15+0x30],rsp
        0x4c, 0x89, 0xff,  // mov rdi,r15
        0x49, 0x8b, 0x67, 0x28,  // mov rsp,[r15+0x28]
        0x41, 0xff, 0x57, 0x48,  // call [r15+0x48]
        0x49, 0x8b, 0x67, 0x30,  // mov rsp,[r15+0x30]
        0x85, 0xc0,  // test eax,eax
        0x75, 0x11,  // jne exit
        0x5d,  // pop rbp
        0xc3,  // ret
        0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00,  // data16 cs nop WORD [rax+rax*1+0x0]
        0x0f, 0x1f, 0x40, 0x00,  // nop [rax+0x0]
        // exit:
        0x49, 0x8b, 0x67, 0x28,  // mov rsp,[r15+0x28]
        0x41, 0x8f, 0x47, 0x38,  // pop [r15+0x38]
        0x41, 0x8f, 0x47, 0x28,  // pop [r15+0x28]
        0x41, 0x8f, 0x47, 0x30,  // pop [r15+0x30]
        0x48, 0x83, 0xc4, 0x10,  // add rsp,0x10
        0x41, 0x5f,  // pop r15
        0x41, 0x5e,  // pop r14
        0x41, 0x5d,  // pop r13
        0x41, 0x5c,  // pop r12
        0x5b,  // pop rbx
        0x5d,  // pop rbp
        0xc3,  // ret
        0x90,  // nop
        // entry:
        0x55,  // push rbp
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0x53,  // push rbx
        0x41, 0x54,  // push r12
        0x41, 0x55,  // push r13
        0x41, 0x56,  // push r14
        0x41, 0x57,  // push r15
        0x48, 0x83, 0xec, 0x08,  // sub rsp,0x8
        0x49, 0x89, 0xff,  // mov r15,rdi
        0x52,  // push rdx
        0x41, 0xff, 0x77, 0x30,  // push [r15+0x30]
        0x41, 0xff, 0x77, 0x28,  // push [r15+0x28]
        0x41, 0xff, 0x77, 0x38,  // push [r15+0x38]
        0x49, 0x89, 0x67, 0x28,  // mov [r15+0x28],rsp
        0x49, 0x8b, 0x67, 0x30,  // mov rsp,[r15+0x30]
        0x48, 0x83, 0xe4, 0xf0,  // and rsp,0xfffffffffffffff0
        0x48, 0x89, 0xf0,  // mov rax,rsi
        0x48, 0x89, 0xd3,  // mov rbx,rdx
        0x8b, 0x3b,  // mov edi,[rbx]
        0x8b, 0x73, 0x08,  // mov esi,[rbx+0x8]
        0x4d, 0x8b, 0x77, 0x10,  // mov r14,[r15+0x10]
        0x53,  // push rbx
        0x6a, 0x00,  // push 0x0
        0x6a, 0x00,  // push 0x0
        0x48, 0x89, 0xe5,  // mov rbp,rsp
        0x48, 0x83, 0xec, 0x08,  // sub rsp,0x8
        0xff, 0xd0,  // call rax
        0x48, 0x8b, 0x5c, 0x24, 0x18,  // mov rbx,[rsp+0x18]
        0x89, 0xc0,  // mov eax,eax
        0x48, 0x89, 0x03,  // mov [rbx],rax
        0x31, 0xc0,  // xor eax,eax
        0xeb, 0x88,  // jmp exit
    ]
}
