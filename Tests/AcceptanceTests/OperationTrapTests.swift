//! Operations that trap: each gives its trap for exactly the operands that the specification says, and its result for
//! all others, whether the operands are known to the compiler or not and whether anybody wants the result.

import Mayfly
import TestSupport
import Testing

@Suite struct OperationTrapTests {
    private static let templates = Result {
        try Dictionary(
            uniqueKeysWithValues: instructionSets.map {
                ($0, try sharedEngine($0).compile { OperationModule.define(&$0) }.template())
            })
    }

    @Test(arguments: Operation.all, instructionSets)
    func itTrapsForItsOperandsOnly(_ operation: Operation, _ instructionSet: CodeSettings.InstructionSet) throws {
        let template = try #require(try Self.templates.get()[instructionSet])
        var comparison = Comparison()
        for (number, entry) in operation.cases.enumerated() {
            func expect(_ export: String, _ operands: [Value], _ outcome: Outcome) throws {
                // In an instance each: some change the tables that others read.
                let found = try template.withInstance { try $0.outcome(export, operands) }
                comparison.expect(found, outcome, "\(export) \(entry.operands)")
            }
            try expect(operation.name, entry.operands, entry.outcome)
            try expect("\(operation.name), constant \(number)", [], entry.outcome)
            try expect(
                "\(operation.name), dropped", entry.operands, entry.outcome.isTrap ? entry.outcome : .results([]))
        }
        comparison.report(atLeast: 3 * operation.cases.count)
        #expect(operation.cases.contains { $0.outcome.isTrap })
    }

    @Test func everyTrapOfTheSpecificationIsAmongThem() {
        let codes = Set(Operation.traps.map(\.code))
        #expect(codes == Set(TrapCode.allCases).subtracting([.interrupted, .outOfFuel, .unexpectedFault]))
    }
}
