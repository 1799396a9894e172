//! What machine code is made for. It decides what a module's code may assume of the machine and of its memories' address
//! space, so it is part of an artifact.

/// How code is generated.
public struct CodeSettings: Sendable, Hashable {
    /// How accesses beyond a memory are found.
    public enum BoundsChecks: UInt8, Sendable, Hashable, CaseIterable {
        /// By inaccessible pages around the memory, at no cost, wherever 32-bit addresses allow it.
        case guardPages = 0
        /// By a comparison at every access.
        case explicit = 1
    }

    public var boundsChecks: BoundsChecks

    public init(boundsChecks: BoundsChecks = .guardPages) {
        self.boundsChecks = boundsChecks
    }
}
