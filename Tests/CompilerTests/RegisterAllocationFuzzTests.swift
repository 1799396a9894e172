//! Random programs, allocated for several register files and proved by the checker.

import Testing

@testable import Compiler

@Suite struct RegisterAllocationFuzzTests {
    /// Allocates the programs of a range of seeds with one allocator, as a compiler's worker would.
    private func allocate(_ seeds: Range<UInt64>, _ file: RegisterFile) {
        var allocator = RegisterAllocator()
        var output = AllocationOutput()
        for seed in seeds {
            let builder = ProgramGenerator.program(seed: seed, file: file)
            let input = builder.input()
            allocator.allocate(input, registers: file, into: &output)
            let violations = AllocationChecker.check(input, output, registers: file)
            #expect(violations.isEmpty, "seed \(seed): \(violations.prefix(3))")
            if !violations.isEmpty {
                print(AllocatedProgram(builder, file).text)
                return
            }
        }
    }

    /// An optimized build has time for more.
    #if DEBUG
        private static let count: UInt64 = 250
    #else
        private static let count: UInt64 = 2500
    #endif

    @Test func programsForAllRegisters() { allocate(0..<Self.count, .x86) }
    @Test func programsForFiveRegisters() { allocate(10_000..<10_000 + Self.count, .tiny) }
    @Test func programsWithoutCalleeSavedRegisters() { allocate(20_000..<20_000 + Self.count, .unsaved) }
    @Test func programsWithManyCalleeSavedRegisters() { allocate(30_000..<30_000 + Self.count, .saved) }
}
