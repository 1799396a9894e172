//! The host of a program under comparison: it writes down each call that it gets and answers by lot.
//!
//! The lot depends only on the program and on how many calls came before, so that all ways get the same answers up to
//! the first difference in what they call.

import TestSupport
import WasmModule

/// A call of a host function. Values are as many cells as in a call of Mayfly's: the second is a vector's upper half.
struct HostCall {
    /// Position among the program's imports.
    var function: Int
    var arguments: [V128]
}

final class HostRecord {
    private var calls: [HostCall] = []
    private var random: SeededGenerator

    init(of program: FuzzedProgram) { random = SeededGenerator(seed: program.number) }

    /// Takes down a call, and gives its results.
    func call(_ function: Int, _ type: FunctionType, _ arguments: [V128]) -> [V128] {
        calls.append(HostCall(function: function, arguments: arguments))
        return type.results.map { $0.interestingCells(&random) }
    }

    /// The calls since the last time.
    func take() -> [HostCall] {
        defer { calls = [] }
        return calls
    }
}
