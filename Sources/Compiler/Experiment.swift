//! Code made otherwise than for users: without an optimisation, to measure what it is worth, or with decisions taken at random,
//! to lead programs along paths of the compiler that ordinary code seldom takes. What code does is the same in any case.

/// How the compiler is to deviate from what it does for users.
package struct CompilerExperiment: Sendable, Hashable {
    /// What can be left out.
    package struct Optimizations: OptionSet, Sendable, Hashable {
        package var rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Constants folded, identities simplified, operands in one canonical order.
        package static let folding = Self(rawValue: 1 << 0)
        /// Equal values computed once where one place dominates the other.
        package static let valueNumbering = Self(rawValue: 1 << 1)
        /// Division by constants as multiplication.
        package static let divisionByConstants = Self(rawValue: 1 << 2)
        /// Loads as operands of other instructions.
        package static let loadOperands = Self(rawValue: 1 << 3)
        /// A load, an operation and a store at one address as one instruction.
        package static let readModifyWrite = Self(rawValue: 1 << 4)
        /// Comparisons as part of the branches and selections that ask for them.
        package static let fusedComparisons = Self(rawValue: 1 << 5)
        /// Additions and shifts combined into `lea`.
        package static let addressArithmetic = Self(rawValue: 1 << 6)
        /// Vector constants kept in registers by loops.
        package static let loopConstants = Self(rawValue: 1 << 7)
        /// What a loop uses preferred to what comes after it, when registers are given up.
        package static let loopAwareSpilling = Self(rawValue: 1 << 8)
        /// What only cold blocks use given up first, and cold blocks kept out of the way of what is decided.
        package static let coldAwareSpilling = Self(rawValue: 1 << 9)
        /// Registers chosen where the value will be wanted.
        package static let registerHints = Self(rawValue: 1 << 10)
        /// Values stored once after their definition where that costs less than storing them where they are given up.
        package static let storeOnce = Self(rawValue: 1 << 11)
        /// Cold blocks behind all others.
        package static let coldLayout = Self(rawValue: 1 << 12)
        /// Jumps over blocks that only jump on.
        package static let jumpThreading = Self(rawValue: 1 << 13)
        /// Jumps of two bytes.
        package static let shortJumps = Self(rawValue: 1 << 14)
        /// Bitwise operations that processors have one instruction for: `andn`, `blsi`, `blsr`.
        package static let bitManipulation = Self(rawValue: 1 << 15)

        package static let named: [(name: String, optimization: Self)] = [
            ("folding", .folding), ("value numbering", .valueNumbering),
            ("division by constants", .divisionByConstants),
            ("load operands", .loadOperands), ("read-modify-write", .readModifyWrite),
            ("fused comparisons", .fusedComparisons), ("address arithmetic", .addressArithmetic),
            ("loop constants", .loopConstants), ("loop-aware spilling", .loopAwareSpilling),
            ("cold-aware spilling", .coldAwareSpilling), ("register hints", .registerHints),
            ("store once", .storeOnce), ("cold layout", .coldLayout), ("jump threading", .jumpThreading),
            ("short jumps", .shortJumps), ("bit manipulation", .bitManipulation),
        ]
        package static let all = named.reduce(into: Self()) { $0.insert($1.optimization) }
    }

    package var optimizations = Optimizations.all
    /// Where the random decisions come from; nil for none. The same seed makes the same code.
    package var chaosSeed: UInt64?

    package init(optimizations: Optimizations = .all, chaosSeed: UInt64? = nil) {
        self.optimizations = optimizations
        self.chaosSeed = chaosSeed
    }
}

/// Random decisions about one function. Off, it decides as if there were none.
struct Chaos: BitwiseCopyable {
    private var state: UInt64 = 0
    private(set) var isOn = false

    /// No chaos.
    init() {}

    /// - Parameter salt: tells apart what decides about the same function.
    init(seed: UInt64, function: UInt32, salt: UInt64) {
        state = seed ^ UInt64(function) &* 0xD6E8_FEB8_6659_FD93 ^ salt &* 0xA076_1D64_78BD_642F
        isOn = true
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z &>> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z &>> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z &>> 31
    }

    /// True once in so many times on average; always false when off.
    @inline(__always)
    mutating func strikes(oneIn count: UInt64) -> Bool { isOn && next() % count == 0 }

    /// A random subset of the registers in a mask, at least so many of them.
    mutating func subset(of registers: UInt32, atLeast count: Int) -> UInt32 {
        var kept = registers
        let goal = count + Int(next() % UInt64(max(registers.nonzeroBitCount - count + 1, 1)))
        while kept.nonzeroBitCount > goal {
            let bit = UInt32(1) << UInt32(next() % 32)
            kept &= ~bit
        }
        return kept
    }
}

/// What applies to one function.
struct FunctionExperiment: BitwiseCopyable {
    var optimizations: CompilerExperiment.Optimizations.RawValue
    private var seed: UInt64 = 0
    private var function: UInt32 = 0
    private(set) var isChaotic = false

    /// What users get.
    init() { optimizations = CompilerExperiment.Optimizations.all.rawValue }

    init(_ experiment: CompilerExperiment, function: UInt32) {
        optimizations = experiment.optimizations.rawValue
        guard let seed = experiment.chaosSeed else { return }
        self.seed = seed
        self.function = function
        isChaotic = true
        var chaos = chaos(salt: 0)
        // Half of all functions keep everything: what is left out hides what comes after it.
        if chaos.strikes(oneIn: 2) {
            optimizations &= UInt32(truncatingIfNeeded: chaos.next() | chaos.next())
        }
    }

    func chaos(salt: UInt64) -> Chaos {
        isChaotic ? Chaos(seed: seed, function: function, salt: salt) : Chaos()
    }

    func has(_ optimization: CompilerExperiment.Optimizations) -> Bool { optimizations & optimization.rawValue != 0 }
}
