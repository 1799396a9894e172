//! Installing the fault handler of CPlatform with the context's layout. Once per process, for all engines.

import CPlatform
import Compiler

enum TrapHandler {
    /// Installs the handlers if they are not yet. The layout's memory lives as long as the process.
    static func install() throws(SystemError) {
        let error = installation
        guard error == 0 else { throw SystemError(operation: "installing the fault handlers", errno: error) }
    }

    private static let installation: Int32 = {
        var layout = mayfly_trap_layout(
            program_counter: UInt32(VMContextLayout.trapProgramCounter),
            frame_pointer: UInt32(VMContextLayout.trapFramePointer),
            address: UInt32(VMContextLayout.trapAddress),
            signal: UInt32(VMContextLayout.trapSignal),
            context: UInt32(VMContextLayout.trapContext),
            root: UInt32(VMContextLayout.root),
            exit_stub: UInt32(VMContextLayout.exitStub),
            host_stack_pointer: UInt32(VMContextLayout.hostStackPointer),
            request: UInt32(VMContextLayout.request), may_yield: UInt32(VMContextLayout.mayYield),
            preempt_distance: UInt32(CompiledCode.preemptDistance),
            trapped_status: EntryStatus.trapped, interrupted_status: EntryStatus.interrupted)
        return mayfly_traps_install(&layout)
    }()
}
