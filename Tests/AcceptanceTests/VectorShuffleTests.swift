//! Shuffles and swizzles with constant lanes: every class of patterns that has instructions of its own, and random ones.

import Mayfly
import TestSupport
import Testing
import WasmModule

@Suite struct VectorShuffleTests {
    /// Patterns by what they do, over two operands.
    private static func patterns() -> [[UInt8]] {
        var patterns: [[UInt8]] = []
        func add(_ lane: (Int) -> Int) { patterns.append((0..<16).map { UInt8(lane($0) & 31) }) }
        // Either operand as it is, reversed, and one lane everywhere.
        for base in [0, 16] {
            add { $0 + base }
            add { 15 - $0 + base }
            for lane in 0..<16 { add { _ in lane + base } }
        }
        // All distances of both orders, with and without wrapping round.
        for distance in 0..<32 {
            add { $0 + distance }
            for base in [0, 16] { add { (($0 + distance) & 15) + base } }
        }
        // Alternating lanes, of each width, of the low and the high halves.
        for bytes in [1, 2, 4, 8] {
            for half in [0, 8] {
                for (first, second) in [(0, 16), (16, 0), (0, 0), (16, 16)] {
                    add { index in
                        let lane = index / bytes
                        return half + lane / 2 * bytes + index % bytes + (lane % 2 == 0 ? first : second)
                    }
                }
            }
        }
        // Every choice of 16-bit lanes in place, and some of bytes.
        for choice in stride(from: 0, to: 256, by: 5) {
            add { $0 + (choice >> ($0 / 2) & 1) * 16 }
            add { $0 + (choice >> ($0 % 8) & 1) * 16 }
        }
        // Permutations of 16-bit lanes within one half.
        for rotation in 0..<4 {
            add { $0 < 8 ? ($0 / 2 + rotation) % 4 * 2 + $0 % 2 : $0 }
            add { $0 >= 8 ? 8 + (($0 - 8) / 2 + rotation) % 4 * 2 + $0 % 2 : $0 }
        }
        // 32-bit lanes: of one operand, of each two, and mixed.
        var random = SeededGenerator(seed: 3)
        for _ in 0..<60 {
            let lanes = (0..<4).map { _ in random.below(8) }
            add { lanes[$0 / 4] * 4 + $0 % 4 }
            add { lanes[$0 / 4] % 4 * 4 + $0 % 4 + ($0 < 8 ? 0 : 16) }
            add { lanes[$0 / 4] % 4 * 4 + $0 % 4 + ($0 < 8 ? 16 : 0) }
            add { lanes[$0 / 4] % 4 * 4 + $0 % 4 }
        }
        // Nearly a pattern.
        for pattern in patterns.prefix(150) {
            var broken = pattern
            broken[random.below(16)] = UInt8(random.below(32))
            patterns.append(broken)
        }
        for _ in 0..<150 { add { _ in random.below(32) } }
        return patterns
    }

    /// What the operands are, of which some are known.
    enum Operands: CaseIterable, Sendable {
        case both, same, zeroRight, zeroLeft, constantRight, leftInMemory
    }

    @Test(arguments: Operands.allCases, instructionSets)
    func everyPattern(_ operands: Operands, _ instructionSet: CodeSettings.InstructionSet) throws {
        let patterns = Self.patterns()
        let constant = V128(low: 0x1817_1615_1413_1211, high: 0x2827_2625_2423_2221)
        let template = try sharedEngine(instructionSet).compile { module in
            module.memory(1, export: "memory")
            for (number, pattern) in patterns.enumerated() {
                module.function("\(number)", [.v128, .v128], [.v128]) { code in
                    switch operands {
                    case .both: code.localGet(0).localGet(1)
                    case .same: code.localGet(0).localGet(0)
                    case .zeroRight: code.localGet(0).v128Const(V128())
                    case .zeroLeft: code.v128Const(V128()).localGet(1)
                    case .constantRight: code.localGet(0).v128Const(constant)
                    case .leftInMemory: code.i32Const(48).op(.v128Load, offset: 0).localGet(1)
                    }
                    code.i8x16Shuffle(pattern)
                }
            }
        }.template()
        var random = SeededGenerator(seed: 9)
        var comparison = Comparison()
        try template.withInstance { (instance) throws in
            for (number, pattern) in patterns.enumerated() {
                let a = V128(low: random.next(), high: random.next())
                let b = V128(low: random.next(), high: random.next())
                try instance.writeBytes(a.lanes(of: UInt8.self), at: 48)
                let taken: [V128] =
                    switch operands {
                    case .both, .leftInMemory: [a, b]
                    case .same: [a, a]
                    case .zeroRight: [a, V128()]
                    case .zeroLeft: [V128(), b]
                    case .constantRight: [a, constant]
                    }
                comparison.expect(
                    try instance.call("\(number)", arguments: [.v128(a), .v128(b)]),
                    [.v128(VectorReference.apply(.i8x16Shuffle, taken, lanes: pattern))], "\(pattern)")
            }
        }
        comparison.report(atLeast: patterns.count)
    }

    /// A swizzle by a constant is a shuffle with zeros.
    @Test(arguments: instructionSets) func swizzlesByConstants(_ instructionSet: CodeSettings.InstructionSet) throws {
        var random = SeededGenerator(seed: 5)
        var constants = (0..<100).map { _ in VectorReference.interesting(&random) }
        for _ in 0..<100 { constants.append(V128(lanes: (0..<16).map { _ in UInt8(random.below(20)) })) }
        for distance in 0..<16 {
            constants.append(V128(lanes: (0..<16).map { UInt8($0 + distance) }))
            constants.append(V128(lanes: (0..<16).map { UInt8(truncatingIfNeeded: $0 - distance) }))
        }
        let template = try sharedEngine(instructionSet).compile { module in
            for (number, constant) in constants.enumerated() {
                module.function("\(number)", [.v128], [.v128]) { $0.localGet(0).v128Const(constant).op(.i8x16Swizzle) }
            }
        }.template()
        var comparison = Comparison()
        try template.withInstance { (instance) throws in
            for (number, constant) in constants.enumerated() {
                let a = V128(low: random.next(), high: random.next())
                comparison.expect(
                    try instance.call("\(number)", arguments: [.v128(a)]),
                    [.v128(VectorReference.apply(.i8x16Swizzle, [a, constant]))], "\(constant)")
            }
        }
        comparison.report(atLeast: constants.count)
    }
}
