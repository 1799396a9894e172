//! What compiled code needs of the processor: the x86-64-v3 level, without the parts that it does not use.

import CPlatform

public enum ProcessorFeatures {
    private static let required: [(bit: Int, name: String)] = [
        (MAYFLY_CPU_SSE42, "SSE4.2"), (MAYFLY_CPU_POPCNT, "POPCNT"), (MAYFLY_CPU_AVX, "AVX"),
        (MAYFLY_CPU_AVX2, "AVX2"), (MAYFLY_CPU_BMI1, "BMI1"), (MAYFLY_CPU_BMI2, "BMI2"), (MAYFLY_CPU_LZCNT, "LZCNT"),
        (MAYFLY_CPU_FMA, "FMA"),
    ].map { (Int($0.0), $0.1) }

    public static let present = mayfly_cpu_features()
    /// The bits of all that compiled code may use.
    public static let needed = required.reduce(0) { $0 | UInt32($1.bit) }

    /// Names of what this machine lacks.
    public static var missing: [String] { required.filter { present & UInt32($0.bit) == 0 }.map(\.name) }
}
