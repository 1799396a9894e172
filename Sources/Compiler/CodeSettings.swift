//! What machine code is made for. It decides what a module's code may assume of the machine and of its memories'
//! address space, so it is part of an artifact.
//!
//! Nothing here asks the machine that compiles: code can be made for another one.

/// How code is generated.
public struct CodeSettings: Sendable, Hashable {
    /// How accesses beyond a memory are found.
    public enum BoundsChecks: UInt8, Sendable, Hashable, CaseIterable {
        /// By inaccessible pages around the memory, at no cost, wherever 32-bit addresses allow it.
        case guardPages = 0
        /// By a comparison at every access.
        case explicit = 1
    }

    /// Which instructions code consists of. Results are the same, bit for bit.
    public enum InstructionSet: UInt8, Sendable, Hashable, CaseIterable {
        /// x86-64-v3: AVX2, FMA, BMI1, BMI2, LZCNT, POPCNT.
        case v3 = 0
        /// SSE4.1 and what came before it, none of the above. Larger and slower.
        case baseline = 1
    }

    /// How accesses beyond a memory are found.
    public var boundsChecks: BoundsChecks
    /// Nil leaves it open: an engine takes the best that its processor has, the compiler by itself takes `v3`.
    public var instructionSet: InstructionSet?
    /// Whether code counts what it does, and stops when the fuel that it was given has run out.
    public var metersFuel: Bool
    /// For measurements and tests of the compiler. Code made otherwise than for users is kept in no cache.
    package var experiment = CompilerExperiment()
    /// Whether `CompiledCode.origins` is filled, for whoever looks at the code. That, too, is kept in no cache.
    package var keepsOrigins = false

    /// Settings by their parts.
    public init(
        boundsChecks: BoundsChecks = .guardPages, instructionSet: InstructionSet? = nil, metersFuel: Bool = false
    ) {
        self.boundsChecks = boundsChecks
        self.instructionSet = instructionSet
        self.metersFuel = metersFuel
    }

    package init(
        boundsChecks: BoundsChecks = .guardPages, instructionSet: InstructionSet? = nil, metersFuel: Bool = false,
        experiment: CompilerExperiment
    ) {
        self.init(boundsChecks: boundsChecks, instructionSet: instructionSet, metersFuel: metersFuel)
        self.experiment = experiment
    }
}
