//! Runs one program in all ways, and says what differs.

import TestSupport
import WasmModule

enum Comparison {
    enum Outcome: Equatable {
        case same
        /// Not compared, or only in part.
        case skipped(String)
        case different(String)
    }

    /// How often each export is called: state that one call leaves is there for the next.
    private static let rounds = 3

    /// Counts the calls that were compared in `calls`.
    static func run(_ program: FuzzedProgram, in ways: [any FuzzedWay], calls: inout Int) throws -> Outcome {
        var guests: [any FuzzedGuest] = []
        var traps: [Observation] = []
        var refusals: [String] = []
        for way in ways {
            switch try way.instantiate(program) {
            case .guest(let guest): guests.append(guest)
            case .trapped(let observation): traps.append(observation)
            case .refused(let reason): refusals.append("\(way.name) refuses the module: \(reason)")
            }
        }
        if refusals.count == ways.count { return .skipped("refused by all") }
        if let refusal = refusals.first { return .different(refusal) }
        if guests.isEmpty { return compare(traps, of: program, results: [], ways) ?? .same }
        guard traps.isEmpty else { return .different("some instances trap when they are made") }
        return try compareCalls(of: program, guests, ways, &calls)
    }

    private static func compareCalls(
        of program: FuzzedProgram, _ guests: [any FuzzedGuest], _ ways: [any FuzzedWay], _ calls: inout Int
    ) throws -> Outcome {
        let fresh = try guests.map { try $0.observation(after: .returned([])) }
        if case .different(let what) = compare(fresh, of: program, results: [], ways) {
            return .different("fresh, \(what)")
        }
        var random = SeededGenerator.forCase(1, seed: program.number)
        for function in program.functions {
            for _ in 0..<rounds {
                calls += 1
                let arguments = function.type.parameters.map { $0.interestingCells(&random) }
                let found = try guests.map { guest in
                    if let preparation = program.preparation { _ = try guest.call(preparation, []) }
                    return try guest.observation(after: guest.call(function, arguments))
                }
                switch compare(found, of: program, results: function.type.results, ways) {
                case .different(let what): return .different("\(function.name) of \(arguments), \(what)")
                case let outcome?: return outcome
                case nil: break
                }
            }
        }
        return .same
    }

    /// Nil if all are the same.
    private static func compare(
        _ observations: [Observation], of program: FuzzedProgram, results: [ValueType], _ ways: [any FuzzedWay]
    ) -> Outcome? {
        // Frames and stacks are of different sizes everywhere, and what has been done by the time the stack ends
        // differs.
        if observations.contains(where: \.isStackExhausted) { return .skipped("stack exhausted") }
        for (way, observation) in zip(ways, observations).dropFirst() {
            if let what = observations[0].difference(to: observation, program, results: results) {
                return .different("\(ways[0].name) and \(way.name): \(what)")
            }
        }
        return nil
    }
}
