//! Cycles of several templates by turns, on any contender.

import Synchronization

/// Each cycle takes the next template, whichever thread it runs on.
final class MixedCycle: FreshInstanceCycle {
    private let members: [any FreshInstanceCycle]
    private let expected: [UInt32?]
    private let turn = Atomic<Int>(0)

    /// - Parameter expected: what a call in a fresh instance of each member returns, where that is known.
    init(_ members: [any FreshInstanceCycle], expecting expected: [UInt32?]) {
        precondition(members.count == expected.count)
        self.members = members
        self.expected = expected
    }

    /// Every template once; the sum of the results.
    func firstResult() throws -> UInt32? {
        try members.reduce(0 as UInt32) { sum, member in sum &+ (try member.firstResult() ?? 0) }
    }

    /// Each template's result is compared with its own; the sum says nothing about a single cycle.
    func run(_ count: Int, expecting _: UInt32?) throws {
        for _ in 0..<count {
            let index = turn.wrappingAdd(1, ordering: .relaxed).oldValue % members.count
            try members[index].run(1, expecting: expected[index])
        }
    }
}
