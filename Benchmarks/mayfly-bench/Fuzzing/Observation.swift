//! What can be seen of a program, and what differs between two that should be the same.

import Glibc
import Mayfly
import WasmModule

/// How a call ended, or making an instance.
enum Ending {
    case returned([V128])
    case trapped(TrapCode)
}

/// What can be seen after a call. All NaNs of a type are the same where types are known, which is not the case in
/// memory.
struct Observation {
    var ending: Ending
    /// The calls of the host that were made on the way.
    var hostCalls: [HostCall]
    /// Empty if there is none to be seen.
    var memory: [UInt8]
    /// In the order of the program's.
    var globals: [V128]

    var isStackExhausted: Bool {
        if case .trapped(.callStackExhausted) = ending { true } else { false }
    }

    /// Says what is not the same; nil if everything is.
    ///
    /// - Parameter results: types of the results of what was called.
    func difference(to other: Observation, _ program: FuzzedProgram, results: [ValueType]) -> String? {
        ending.difference(to: other.ending, results)
            ?? hostDifference(to: other, program)
            ?? memoryDifference(to: other)
            ?? Ending.difference("global", program.globals.map(\.type), globals, other.globals)
    }

    private func hostDifference(to other: Observation, _ program: FuzzedProgram) -> String? {
        for (index, (call, otherCall)) in zip(hostCalls, other.hostCalls).enumerated() {
            let function = program.imports[call.function].function
            if call.function != otherCall.function {
                return "host call \(index) of \(function.name) and "
                    + program.imports[otherCall.function].function.name
            }
            let what = "host call \(index) of \(function.name), argument"
            if let difference = Ending.difference(what, function.type.parameters, call.arguments, otherCall.arguments) {
                return difference
            }
        }
        return hostCalls.count == other.hostCalls.count
            ? nil : "\(hostCalls.count) and \(other.hostCalls.count) host calls"
    }

    private func memoryDifference(to other: Observation) -> String? {
        if memory.count != other.memory.count { return "memories of \(memory.count) and \(other.memory.count) bytes" }
        // A mebibyte after each call: by `memcmp` first.
        if memory.isEmpty || memcmp(memory, other.memory, memory.count) == 0 { return nil }
        return memory.indices.first { memory[$0] != other.memory[$0] }
            .map { "memory at \($0): \(memory[$0]) and \(other.memory[$0])" }
    }
}

extension Ending {
    fileprivate func difference(to other: Ending, _ types: [ValueType]) -> String? {
        switch (self, other) {
        case (.returned(let values), .returned(let others)): Self.difference("result", types, values, others)
        case (.trapped(let code), .trapped(let otherCode)):
            code.kind == otherCode.kind ? nil : "traps: \(code.message) and \(otherCode.message)"
        case (.trapped(let code), .returned), (.returned, .trapped(let code)): "one traps: \(code.message)"
        }
    }

    static func difference(_ what: String, _ types: [ValueType], _ first: [V128], _ second: [V128]) -> String? {
        for (index, (a, b)) in zip(first, second).enumerated() where a != b {
            let areNaN =
                switch types[index] {
                case .f32: a.floats[0].isNaN && b.floats[0].isNaN
                case .f64: a.doubles[0].isNaN && b.doubles[0].isNaN
                default: false
                }
            if areNaN { continue }
            let bits = types[index] == .v128 ? "\(a) and \(b)" : "\(a.low) and \(b.low)"
            return "\(what) \(index): \(bits)"
        }
        return nil
    }
}

extension TrapCode {
    /// The peer has one reason for any table that is too small.
    fileprivate var kind: TrapCode { self == .undefinedElement ? .tableOutOfBounds : self }
}
