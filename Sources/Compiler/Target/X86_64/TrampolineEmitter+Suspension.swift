//! The code that leaves a guest in the middle with its stack as it is, and the code that goes on with it, perhaps on
//! another thread.
//!
//! A guest is suspended in a host call, or between two instructions of a function. What it has in registers goes onto its
//! stack, and on top of that the address of the code that takes it back from there. The stack pointer is kept in the root
//! (`VMContextLayout.resumeStackPointer`), and the entry returns. No frame of the host's is left behind, so a suspended
//! stack can as well be forgotten.
//!
//! Room on the stack: a host call's is the caller's reserve; between instructions it is what the pool keeps below the
//! limit for signal frames, which are larger.

extension TrampolineEmitter {
    /// After the exit, at the distances that `CompiledCode` names.
    mutating func emitSuspension() {
        let preempt = emitPreemption()
        assert(preempt == CompiledCode.preemptDistance)
        let resume = emitResume()
        assert(resume == CompiledCode.resumeDistance)
        emitSlowReturn()
    }

    // MARK: Going on

    /// Makes a new host frame, and lets the code on top of the guest's stack do the rest, with the status in eax.
    private mutating func emitResume() -> UInt32 {
        let start = beginPiece()
        emitHostFrame()
        assembler.mov(.w32, X86_64.rax, X86_64.rsi)
        assembler.mov(.w64, X86_64.rsp, root(VMContextLayout.resumeStackPointer))
        assembler.pop(X86_64.scratch)
        assembler.jmp(X86_64.scratch)
        return finishPiece(start)
    }

    // MARK: Between two instructions

    private static var savedRegisters: [UInt8] {
        [
            X86_64.rax, X86_64.rcx, X86_64.rdx, X86_64.rbx, X86_64.rbp, X86_64.rsi, X86_64.rdi, X86_64.r8, X86_64.r9,
            X86_64.r10, X86_64.r11, X86_64.r12, X86_64.r13, X86_64.r14, X86_64.r15,
        ]
    }
    /// Compiled code uses the lower 128 bits of the first sixteen vector registers, and nothing else that is neither
    /// here nor among the flags.
    private static var savedVectors: Range<UInt8> { 0..<16 }

    /// The address of the instruction to go on with is on top of the stack.
    private mutating func emitPreemption() -> UInt32 {
        let start = beginPiece()
        let restore = assembler.newLabel()
        let vectorBytes = Int32(Self.savedVectors.count * 16)
        assembler.pushFlags()
        for register in Self.savedRegisters { assembler.push(register) }
        assembler.alu(.sub, .w64, X86_64.rsp, imm: vectorBytes)
        for vector in Self.savedVectors { assembler.vmovups(.base(X86_64.rsp, Int32(vector) * 16), vector) }
        assembler.movImmediate(X86_64.rax, UInt64(EntryStatus.yielded))
        emitLeave(restoringAt: restore)

        assembler.bind(restore)
        assembler.test(.w32, X86_64.rax, X86_64.rax)
        assembler.jcc(.notEqual, exitLabel)
        for vector in Self.savedVectors { assembler.vmovups(vector, .base(X86_64.rsp, Int32(vector) * 16)) }
        assembler.alu(.add, .w64, X86_64.rsp, imm: vectorBytes)
        for register in Self.savedRegisters.reversed() { assembler.pop(register) }
        assembler.popFlags()
        assembler.ret()
        assembler.alignWithTraps(to: CompiledCode.resumeDistance)
        return finishPiece(start)
    }

    // MARK: In a host call

    /// What host functions preserve, and compiled code counts on.
    private static var preservedRegisters: [UInt8] {
        [X86_64.rbx, X86_64.rbp, X86_64.r12, X86_64.r13, X86_64.r14, X86_64.r15]
    }

    /// Two subroutines of host calls, with the root in the scratch register, which it is again afterwards.
    private mutating func emitSlowReturn() {
        let start = beginPiece()
        let suspend = assembler.newLabel()
        let restore = assembler.newLabel()

        // The status in eax is not zero.
        assembler.bind(statusLabel)
        assembler.alu(.cmp, .w32, X86_64.rax, imm: EntryStatus.suspended)
        assembler.jcc(.notEqual, exitLabel)
        assembler.bind(suspend)
        for register in Self.preservedRegisters { assembler.push(register) }
        emitBacktraceStart()
        emitLeave(restoringAt: restore)

        assembler.bind(restore)
        for register in Self.preservedRegisters.reversed() { assembler.pop(register) }
        assembler.mov(.w64, X86_64.scratch, context(VMContextLayout.root))
        assembler.test(.w32, X86_64.rax, X86_64.rax)
        assembler.jcc(.notEqual, exitLabel)
        assembler.ret()

        // A request is there.
        let stop = assembler.newLabel()
        let goOn = assembler.newLabel()
        assembler.bind(requestLabel)
        assembler.alu(.cmp, .w32, root(VMContextLayout.request), imm: 0)
        assembler.jcc(.notEqual, stop)
        assembler.alu(.cmp, .w64, root(VMContextLayout.mayYield), imm: 0)
        assembler.jcc(.equal, goOn)
        assembler.movImmediate(X86_64.rax, UInt64(EntryStatus.yielded))
        assembler.jmp(suspend)
        assembler.bind(goOn)
        assembler.ret()
        assembler.bind(stop)
        emitBacktraceStart()
        assembler.movImmediate(X86_64.rax, UInt64(EntryStatus.interrupted))
        assembler.jmp(exitLabel)
        finishPiece(start)
    }

    /// For the backtrace, as the signal handler does it: the exit takes the frame pointer of the call away.
    private mutating func emitBacktraceStart() {
        assembler.mov(.w64, root(VMContextLayout.trapProgramCounter), imm: 0)
        assembler.mov(.w64, root(VMContextLayout.trapFramePointer), X86_64.rbp)
        assembler.mov(.w64, root(VMContextLayout.trapContext), X86_64.context)
    }

    /// Completes the suspended stack and leaves with the status in eax.
    private mutating func emitLeave(restoringAt restore: Label) {
        assembler.lea(.w64, X86_64.rcx, .label(restore))
        assembler.push(X86_64.rcx)
        assembler.mov(.w64, X86_64.scratch, context(VMContextLayout.root))
        assembler.mov(.w64, root(VMContextLayout.resumeStackPointer), X86_64.rsp)
        assembler.jmp(exitLabel)
    }
}
