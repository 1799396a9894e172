//! What compiled code needs of the processor, by instruction set: the x86-64-v3 level, without the parts that it does not use,
//! or SSE4.1 alone.

import CPlatform
public import Compiler

/// Extensions of the instruction set, as bits.
public struct ProcessorFeatures: OptionSet, Sendable, Hashable {
    public var rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// What this machine, processor and kernel, has.
    public static let present = ProcessorFeatures(rawValue: mayfly_cpu_features())

    /// All that code of an instruction set may use.
    public static func needed(by instructionSet: CodeSettings.InstructionSet) -> ProcessorFeatures {
        required(by: instructionSet).reduce([]) { $0.union($1.feature) }
    }

    /// The best instruction set for a processor with these features; nil if there is none.
    public var instructionSet: CodeSettings.InstructionSet? {
        // From the best on.
        CodeSettings.InstructionSet.allCases.first { isSuperset(of: Self.needed(by: $0)) }
    }

    /// Names of what an instruction set needs and is not there.
    public func missing(for instructionSet: CodeSettings.InstructionSet) -> [String] {
        Self.required(by: instructionSet).filter { !isSuperset(of: $0.feature) }.map(\.name)
    }

    private static func required(
        by instructionSet: CodeSettings.InstructionSet
    ) -> [(feature: ProcessorFeatures, name: String)] {
        switch instructionSet {
        case .v3: v3
        case .baseline: baseline
        }
    }

    private static let v3 = [
        (MAYFLY_CPU_SSE42, "SSE4.2"), (MAYFLY_CPU_POPCNT, "POPCNT"), (MAYFLY_CPU_AVX, "AVX"),
        (MAYFLY_CPU_AVX2, "AVX2"), (MAYFLY_CPU_BMI1, "BMI1"), (MAYFLY_CPU_BMI2, "BMI2"), (MAYFLY_CPU_LZCNT, "LZCNT"),
        (MAYFLY_CPU_FMA, "FMA"),
    ].map(named)

    private static let baseline = [
        (MAYFLY_CPU_SSE3, "SSE3"), (MAYFLY_CPU_SSSE3, "SSSE3"), (MAYFLY_CPU_SSE41, "SSE4.1"),
    ].map(named)

    private static func named(_ bit: Int, _ name: String) -> (feature: ProcessorFeatures, name: String) {
        (ProcessorFeatures(rawValue: UInt32(bit)), name)
    }
}
