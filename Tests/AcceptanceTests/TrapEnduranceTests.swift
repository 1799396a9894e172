//! Traps are everyday events: ten thousand in a row, of all kinds by turns, and every instance after one is as good
//! as new.

import TestSupport
import Testing

@testable import Mayfly

@Suite struct TrapEnduranceTests {
    /// The slot is compared with its image after every so many traps; what a guest can see of it after every one.
    private static let comparisonInterval = 20

    @Test func aTrapLeavesNothingToTheNextInstance() throws {
        let engine = try singleSlotEngine()
        let template = try engine.compile { OperationModule.define(&$0) }.template()
        var random = SeededGenerator(seed: 7)
        var comparison = Comparison()
        var met: Set<TrapCode> = []
        for number in 0..<10_000 {
            // Three of four by turns of their codes, so that rare kinds come as often as those with many cases.
            let trap =
                number % 4 == 0
                ? random.pick(Operation.traps)
                : random.pick(Self.byCode[number % Self.byCode.count])
            let slot = try template.withInstance { (instance) throws in
                comparison.expect(try instance.call("sum") as Int64, 0, "the memory's sum before trap \(number)")
                try instance.call("soil", Int32(number % 255 + 1))
                let outcome = try instance.outcome(trap.export, trap.operands)
                comparison.expect(outcome, .trap(trap.code), "trap \(number), \(trap.export) \(trap.operands)")
                // It goes on after the trap, with what it had written.
                let sum: Int64 = try instance.call("sum")
                comparison.expect(sum != 0, true, "the memory was written, trap \(number)")
                let quotient: Int32 = try instance.call("i32DivS", Int32(number), -7)
                comparison.expect(quotient, Int32(number) / -7, "the quotient after trap \(number)")
                return instance.slot
            }
            met.insert(trap.code)
            if number % Self.comparisonInterval == 0 {
                comparison.expect(engine.residue(in: slot), nil, "after trap \(number), \(trap.export)")
            }
        }
        #expect(met == Set(TrapCode.allCases).subtracting([.interrupted, .outOfFuel, .unexpectedFault]))
        #expect(engine.poolStatistics.live == 0)
        #expect(engine.poolStatistics.retired == 0)
        comparison.report(atLeast: 40_500)
    }

    private static let byCode: [[(export: String, operands: [Value], code: TrapCode)]] =
        Dictionary(grouping: Operation.traps, by: \.code).sorted { $0.key.rawValue < $1.key.rawValue }.map(\.value)

    /// One instance, used on and on.
    @Test func anInstanceOutlivesItsTraps() throws {
        let template = try sharedEngine.get().compile { OperationModule.define(&$0) }.template()
        var random = SeededGenerator(seed: 8)
        var comparison = Comparison()
        try template.withInstance { (instance) throws in
            for number in 0..<10_000 {
                let trap = random.pick(Self.byCode[number % Self.byCode.count])
                comparison.expect(
                    try instance.outcome(trap.export, trap.operands), .trap(trap.code),
                    "\(trap.export) \(trap.operands)")
            }
            let quotient: Int64 = try instance.call("i64DivU", Int64(100), Int64(7))
            #expect(quotient == 14)
        }
        comparison.report(atLeast: 10_000)
    }
}
