//! WASI as imports: the function table bound to the context in an instance's state.

public import Mayfly

extension Imports {
    /// Defines `wasi_snapshot_preview1`, WASI 0.1, and `wasi_unstable`, the draft before it.
    ///
    /// ```swift
    /// struct Request { var wasi: WASI; … }
    /// var imports = Imports<Request>()
    /// imports.defineWASI { $0.wasi }
    /// ```
    ///
    /// - Parameter context: The context of the guest that calls, out of its state.
    public mutating func defineWASI(_ context: @escaping @Sendable (borrowing State) -> WASI) {
        define(WASIFunction.all, as: "wasi_snapshot_preview1", context)
        define(WASIFunction.unstable, as: "wasi_unstable", context)
    }

    private mutating func define(
        _ functions: [WASIFunction], as module: String, _ context: @escaping @Sendable (borrowing State) -> WASI
    ) {
        for function in functions {
            define(module, function.name, type: function.type) { caller, cells in
                guard let arguments = cells.baseAddress else { return }
                let wasi = context(caller.state)
                wasi.stopRequest = caller.stopRequest
                let allowance = caller.copyAllowance
                wasi.captureAllowance = allowance
                let result = caller.withMemoryOfThisThread { memory in
                    memory.withUnsafeMutableBytes { function.call(wasi, GuestMemory($0), arguments) }
                }
                if wasi.captureAllowance != allowance { caller.noteCopy(allowance - wasi.captureAllowance) }
                arguments.pointee = UInt64(result.rawValue)
            }
        }
        define(module, "proc_exit") { (_, code: UInt32) -> Void in throw WASIExit(code: code) }
        define(module, "proc_raise") { (_, signal: UInt32) -> UInt32 in
            switch WASI.outcome(ofSignal: signal) {
            case .goesOn(let result): return UInt32(result.rawValue)
            case .ends(let exit): throw exit
            }
        }
    }
}

extension Imports where State == WASI {
    /// Defines `wasi_snapshot_preview1` and `wasi_unstable` for guests whose state is their WASI context and nothing
    /// else.
    public mutating func defineWASI() { defineWASI { $0 } }
}

extension WASI {
    /// Runs a command: calls its `_start`.
    ///
    /// The instance is used up by that, as a process is.
    ///
    /// - Returns: The guest's exit code, 0 if `_start` returned.
    /// - Throws: What a call throws: `CallError` if the module is no command, `Trap`, an error of a host function.
    public static func run<State>(_ instance: borrowing Instance<State>) throws -> UInt32 {
        do {
            try instance.call("_start")
            return 0
        } catch let exit as WASIExit {
            return exit.code
        }
    }
}
