//! Exit, signals, yielding.

internal import Glibc

/// The guest ended itself, by `proc_exit` or `proc_raise`.
///
/// Thrown through the call into the guest, whose state is that of a program that has ended: drop it.
/// ``WASI/run(_:)`` turns it into an exit code.
public struct WASIExit: Error, Hashable, CustomStringConvertible {
    /// 0 means success. A guest that raised a signal that ends it has 128 and the signal's number, as a shell would
    /// say.
    public let code: UInt32

    /// An exit with a code, for host functions that end their guest.
    public init(code: UInt32) { self.code = code }

    /// What happened, for people.
    public var description: String { "the guest exited with code \(code)" }
}

extension WASI {
    func schedYield() throws(Errno) { try checked(sched_yield()) }

    /// What raising a signal leads to.
    enum SignalOutcome: Equatable {
        case goesOn(Errno)
        case ends(WASIExit)
    }

    /// What a signal does to a program that does not handle it, and no WASI program can.
    static func outcome(ofSignal signal: UInt32) -> SignalOutcome {
        switch signal {
        // None; pipe, chld, cont, urg and winch are ignored.
        case 0, 13, 16, 17, 22, 27: .goesOn(.success)
        // stop, tstp, ttin, ttou: nobody could make it go on.
        case 18...21: .goesOn(.notsup)
        case 1...30: .ends(WASIExit(code: 128 + signal))
        default: .goesOn(.inval)
        }
    }
}
