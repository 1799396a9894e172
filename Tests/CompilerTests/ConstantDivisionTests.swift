//! Divisions by constants, which become multiplications and shifts, agree with the processor's own division.

import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Division by constants")
struct ConstantDivisionTests {
    static let divisors: [Int32] = [
        1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16, 25, 60, 100, 125, 127, 128, 625, 641, 1000, 4096, 10_007, 65_535,
        65_536, 65_537, 139_968, 1_000_000, 0x3FFF_FFFF, 0x4000_0000, 0x5555_5555, .max - 1, .max, .min, .min + 1,
        -2, -3, -4, -5, -7, -10, -12, -100, -128, -1000, -65_536, -1_000_003,
    ]

    static func dividends(_ divisor: Int32, _ random: inout SeededGenerator) -> [Int32] {
        var result: [Int32] = [0, 1, 2, -1, -2, .max, .min, .max - 1, .min + 1]
        for factor in [-3, -2, -1, 1, 2, 3, 1000] as [Int32] {
            let multiple = divisor &* factor
            result += [multiple &- 1, multiple, multiple &+ 1]
        }
        let largest = Int32(bitPattern: UInt32.max / UInt32(bitPattern: divisor) &* UInt32(bitPattern: divisor))
        result += [largest, largest &- 1]
        for _ in 0..<50 { result.append(Int32(truncatingIfNeeded: random.next())) }
        return result
    }

    @Test("32-bit quotients and remainders")
    func narrow() throws {
        var builder = WasmBuilder()
        for (index, divisor) in Self.divisors.enumerated() {
            builder.function("div_u\(index)", [.i32], [.i32]) { $0.localGet(0).i32Const(divisor).i32DivU() }
            builder.function("rem_u\(index)", [.i32], [.i32]) { $0.localGet(0).i32Const(divisor).i32RemU() }
            builder.function("div_s\(index)", [.i32], [.i32]) { $0.localGet(0).i32Const(divisor).i32DivS() }
            builder.function("rem_s\(index)", [.i32], [.i32]) { $0.localGet(0).i32Const(divisor).i32RemS() }
        }
        let harness = try NativeHarness(builder.build())
        var random = SeededGenerator(seed: 1)
        for (index, divisor) in Self.divisors.enumerated() {
            for dividend in Self.dividends(divisor, &random) {
                let n = UInt32(bitPattern: dividend)
                let d = UInt32(bitPattern: divisor)
                let quotient = UInt64(UInt32(bitPattern: dividend / divisor))
                let remainder = UInt64(UInt32(bitPattern: dividend % divisor))
                #expect(harness.call("div_u\(index)", [UInt64(n)]) == [UInt64(n / d)], "\(n) / \(d)")
                #expect(harness.call("rem_u\(index)", [UInt64(n)]) == [UInt64(n % d)], "\(n) % \(d)")
                #expect(harness.call("div_s\(index)", [UInt64(n)]) == [quotient], "\(dividend) / \(divisor)")
                #expect(harness.call("rem_s\(index)", [UInt64(n)]) == [remainder], "\(dividend) % \(divisor)")
            }
        }
    }

    @Test("64-bit quotients and remainders by powers of two")
    func wide() throws {
        let divisors: [Int64] = [2, 4, 1024, 1 << 31, 1 << 32, 1 << 62, .min, 3, -4, 1_000_000_007]
        let dividends: [Int64] = [
            0, 1, -1, 2, -2, 1023, -1023, 1 << 31, -(1 << 31), 1 << 40, -(1 << 40) - 1, .max, .min,
        ]
        var builder = WasmBuilder()
        for (index, divisor) in divisors.enumerated() {
            builder.function("div_s\(index)", [.i64], [.i64]) { $0.localGet(0).i64Const(divisor).i64DivS() }
            builder.function("rem_s\(index)", [.i64], [.i64]) { $0.localGet(0).i64Const(divisor).i64RemS() }
        }
        let harness = try NativeHarness(builder.build())
        for (index, divisor) in divisors.enumerated() {
            for dividend in dividends {
                let cell = UInt64(bitPattern: dividend)
                let quotient = UInt64(bitPattern: dividend / divisor)
                let remainder = UInt64(bitPattern: dividend % divisor)
                #expect(harness.call("div_s\(index)", [cell]) == [quotient], "\(dividend) / \(divisor)")
                #expect(harness.call("rem_s\(index)", [cell]) == [remainder], "\(dividend) % \(divisor)")
            }
        }
    }
}
