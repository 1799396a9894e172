//! The fault handler among others: every fault outside guests goes where it would have gone without it.
//!
//! Each test is a process of its own, because handlers are installed once per process.

import Glibc
import Testing

@testable import Mayfly

/// A page that faults until a handler makes it accessible.
nonisolated(unsafe) private var page: UnsafeMutableRawPointer! = nil
nonisolated(unsafe) private var handled = 0

private func makePage() {
    page = mmap(nil, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
}

/// Faults outside guest code, and makes sure that it went on after the handler's repair.
private func touchPage() {
    page.storeBytes(of: 42, as: UInt8.self)
    precondition(page.load(as: UInt8.self) == 42)
}

/// A guest's trap still works.
private func checkTrap() throws {
    let engine = try Engine(.init(pool: .init(slotCount: 2)))
    var imports = Imports<Void>()
    imports.define("env", "host") { (_, a: Int32, _: Int32) in
        touchPage()
        return a
    }
    let template = try HandAssembledModule.load(engine).template(imports: imports)
    do {
        try template.withInstance { try $0.call("unreachable") }
        preconditionFailure("no trap")
    } catch let trap as Trap {
        precondition(trap.code == .unreachable)
    }
    // A foreign fault on the host's side of a call from a guest.
    let result: Int32 = try template.withInstance { try $0.call("host", 7, 0) }
    precondition(result == 7)
}

private func install(_ signal: Int32, flags: Int32, _ handler: @convention(c) (Int32) -> Void) {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = handler
    action.sa_flags = flags
    sigaction(signal, &action, nil)
}

private func installSiginfo(
    _ signal: Int32, flags: Int32,
    _ handler: @convention(c) (Int32, UnsafeMutablePointer<siginfo_t>?, UnsafeMutableRawPointer?) -> Void
) {
    var action = sigaction()
    action.__sigaction_handler.sa_sigaction = handler
    action.sa_flags = flags | SA_SIGINFO
    sigaction(signal, &action, nil)
}

@Suite struct SignalTests {
    @Test func anEarlierHandlerWithSiginfoGetsForeignFaults() async {
        await #expect(processExitsWith: .success) {
            makePage()
            installSiginfo(SIGSEGV, flags: 0) { _, info, context in
                precondition(info != nil && context != nil && info!.pointee.si_signo == SIGSEGV)
                handled += 1
                mprotect(page, 4096, PROT_READ | PROT_WRITE)
            }
            try checkTrap()
            precondition(handled == 1)
            mprotect(page, 4096, PROT_NONE)
            touchPage()
            precondition(handled == 2)
        }
    }

    @Test func anEarlierOldStyleHandlerGetsForeignFaults() async {
        await #expect(processExitsWith: .success) {
            makePage()
            install(SIGSEGV, flags: 0) { signal in
                precondition(signal == SIGSEGV)
                handled += 1
                mprotect(page, 4096, PROT_READ | PROT_WRITE)
            }
            try checkTrap()
            precondition(handled == 1)
        }
    }

    @Test func anEarlierHandlerGetsSentSignals() async {
        await #expect(processExitsWith: .success) {
            makePage()
            mprotect(page, 4096, PROT_READ | PROT_WRITE)
            install(SIGFPE, flags: 0) { _ in handled += 1 }
            try checkTrap()
            raise(SIGFPE)
            precondition(handled == 1)
            precondition(Engine.faultHandlersAreCurrent)
            install(SIGFPE, flags: 0) { _ in }
            precondition(!Engine.faultHandlersAreCurrent)
        }
    }

    @Test func anEarlierHandlerForOneTimeIsCalledOnce() async {
        await #expect(processExitsWith: .signal(SIGSEGV)) {
            makePage()
            install(SIGSEGV, flags: Int32(bitPattern: UInt32(SA_RESETHAND))) { _ in
                mprotect(page, 4096, PROT_READ | PROT_WRITE)
            }
            try checkTrap()
            mprotect(page, 4096, PROT_NONE)
            touchPage()
        }
    }

    @Test func withoutAnEarlierHandlerAForeignFaultEndsTheProcess() async {
        await #expect(processExitsWith: .signal(SIGSEGV)) {
            signal(SIGSEGV, SIG_DFL)
            makePage()
            try? checkTrap()
        }
        await #expect(processExitsWith: .signal(SIGFPE)) {
            signal(SIGFPE, SIG_DFL)
            makePage()
            mprotect(page, 4096, PROT_READ | PROT_WRITE)
            try checkTrap()
            raise(SIGFPE)
        }
    }

    @Test func anIgnoredSignalStaysIgnored() async {
        await #expect(processExitsWith: .success) {
            signal(SIGFPE, SIG_IGN)
            makePage()
            mprotect(page, 4096, PROT_READ | PROT_WRITE)
            try checkTrap()
            raise(SIGFPE)
        }
    }

    @Test func aFaultIsHandledWithoutAnAlternateStackOfTheThread() async {
        await #expect(processExitsWith: .success) {
            // What the runtime or a library may have set up for this thread.
            var none = stack_t(ss_sp: nil, ss_flags: Int32(SS_DISABLE), ss_size: 0)
            sigaltstack(&none, nil)
            let engine = try Engine(.init(pool: .init(slotCount: 2)))
            var imports = Imports<Void>()
            imports.define("env", "host") { (_, a: Int32, _: Int32) in a }
            let template = try HandAssembledModule.load(engine).template(imports: imports)
            for _ in 0..<100 {
                do {
                    // Runs off the stack: the kernel can write no frame there.
                    try template.withInstance { try $0.call("overrun") }
                    preconditionFailure("no trap")
                } catch let trap as Trap {
                    precondition(trap.code == .callStackExhausted)
                }
            }
        }
    }

    @Test func theSignalMaskIsAsBeforeAfterATrap() async {
        await #expect(processExitsWith: .success) {
            makePage()
            mprotect(page, 4096, PROT_READ | PROT_WRITE)
            var before = sigset_t()
            var after = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &before)
            try checkTrap()
            pthread_sigmask(SIG_BLOCK, nil, &after)
            precondition(sigismember(&after, SIGILL) == 0)
            precondition(
                withUnsafeBytes(of: &before) { before in withUnsafeBytes(of: &after) { before.elementsEqual($0) } })
        }
    }
}
