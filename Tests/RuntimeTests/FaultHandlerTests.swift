//! What the fault handler does with code that breaks its promises: it passes the fault on, and never tries for ever.
//!
//! The code is written out, and each test is a process of its own, because handlers are installed once per process.

import CPlatform
import Compiler
import Glibc
import Testing

private let exitOffset = 64

/// Runs code that was registered with an exit stub at byte 64, with a context whose host stack pointer is 0 at first.
///
/// - Parameter seconds: after these the process is ended by SIGALRM.
private func run(_ entry: [UInt8], exit stub: [UInt8], seconds: UInt32 = 20) -> Int32 {
    alarm(seconds)
    for number in [SIGSEGV, SIGBUS, SIGFPE, SIGILL] { signal(number, SIG_DFL) }
    var layout = mayfly_trap_layout(
        program_counter: UInt32(VMContextLayout.trapProgramCounter),
        frame_pointer: UInt32(VMContextLayout.trapFramePointer), address: UInt32(VMContextLayout.trapAddress),
        signal: UInt32(VMContextLayout.trapSignal), context: UInt32(VMContextLayout.trapContext),
        root: UInt32(VMContextLayout.root), exit_stub: UInt32(VMContextLayout.exitStub),
        host_stack_pointer: UInt32(VMContextLayout.hostStackPointer), request: UInt32(VMContextLayout.request),
        may_yield: UInt32(VMContextLayout.mayYield), preempt_distance: UInt32(CompiledCode.preemptDistance),
        trapped_status: 77, interrupted_status: 78)
    precondition(mayfly_traps_install(&layout) == 0)
    precondition(mayfly_thread_prepare() == 0)
    let page = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    page.initializeMemory(as: UInt8.self, repeating: 0xCC, count: 4096)
    page.copyMemory(from: entry, byteCount: entry.count)
    (page + exitOffset).copyMemory(from: stub, byteCount: stub.count)
    precondition(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0)
    let start = UInt(bitPattern: page)
    let exit = start + UInt(exitOffset)
    precondition(mayfly_code_register(start, start + 4096, start, exit, exit + UInt(CompiledCode.exitBytes)) == 0)
    let context = UnsafeMutableRawPointer.allocate(byteCount: VMContextLayout.headerSize, alignment: 64)
    context.initializeMemory(as: UInt8.self, repeating: 0, count: VMContextLayout.headerSize)
    context.storeBytes(of: exit, toByteOffset: VMContextLayout.exitStub, as: UInt.self)
    context.storeBytes(of: context, toByteOffset: VMContextLayout.root, as: UnsafeMutableRawPointer.self)
    typealias Code = @convention(c) (UnsafeMutableRawPointer) -> Int32
    return unsafeBitCast(page, to: Code.self)(context)
}

/// push r15; mov r15,rdi
private let begin: [UInt8] = [0x41, 0x57, 0x49, 0x89, 0xFF]
/// mov [r15+40],rsp: sets the host stack pointer
private let setHostStackPointer: [UInt8] = [0x49, 0x89, 0x67, 0x28]
/// ud2
private let fault: [UInt8] = [0x0F, 0x0B]
/// mov rsp,[r15+40]; pop r15; ret
private let leave: [UInt8] = [0x49, 0x8B, 0x67, 0x28, 0x41, 0x5F, 0xC3]

@Suite struct FaultHandlerTests {
    @Test func aFaultInTheGuestContinuesAtTheExitStub() async {
        await #expect(processExitsWith: .success) {
            precondition(VMContextLayout.hostStackPointer == 40)
            let status = run(begin + setHostStackPointer + fault, exit: leave)
            precondition(status == 77)
        }
    }

    @Test func aFaultInTheExitStubIsPassedOn() async {
        await #expect(processExitsWith: .signal(SIGILL)) {
            _ = run(begin + setHostStackPointer + fault, exit: fault)
        }
        // Behind its first instruction too: pop [0].
        await #expect(processExitsWith: .signal(SIGSEGV)) {
            _ = run(begin + setHostStackPointer + fault, exit: [0x90, 0x8F, 0x04, 0x25, 0, 0, 0, 0])
        }
    }

    @Test func aFaultBeforeTheHostStackPointerIsSetIsPassedOn() async {
        await #expect(processExitsWith: .signal(SIGILL)) { _ = run(begin + fault, exit: leave) }
    }
}
