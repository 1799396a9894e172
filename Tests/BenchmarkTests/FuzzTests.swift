//! Comparing random programs: what is the same passes, what is not is found.

import TestSupport
import Testing
import WasmModule

@testable import mayfly_bench

@Suite struct FuzzTests {
    /// A way that changes one observation of many.
    private struct LyingWay: FuzzedWay {
        let name = "liar"
        let lie: @Sendable (inout Observation) -> Void

        private struct Guest: FuzzedGuest {
            let inner: any FuzzedGuest
            let lie: @Sendable (inout Observation) -> Void

            func observe(
                _ function: GeneratedModule.Function, _ arguments: [UInt64], _ globals: [ValueType]
            ) throws -> Observation {
                var observation = try inner.observe(function, arguments, globals)
                lie(&observation)
                return observation
            }
        }

        func instantiate(_ program: GeneratedModule) throws -> any FuzzedGuest {
            Guest(inner: try MayflyWay.all()[0].instantiate(program), lie: lie)
        }
    }

    @Test func allWaysAgree() throws {
        let ways = try MayflyWay.all()
        #expect(ways.count == 4)
        var calls = 0
        for seed in 0..<4 as Range<UInt64> { #expect(try FuzzCommand.difference(of: seed, ways, &calls) == nil) }
        #expect(calls > 20)
    }

    @Test func eachKindOfDifferenceIsFound() throws {
        let lies: [(String, @Sendable (inout Observation) -> Void)] = [
            ("one traps", { $0.results = $0.results == nil ? [] : nil }),
            ("memory at 65535", { $0.memory[65535] ^= 1 }),
            ("memories of", { $0.memory.append(0) }),
            ("global 1", { $0.globals[1] ^= 1 }),
        ]
        for (message, lie) in lies {
            var calls = 0
            let difference = try FuzzCommand.difference(of: 3, MayflyWay.all() + [LyingWay(lie: lie)], &calls)
            #expect(difference?.contains(message) == true, "\(difference ?? "none")")
        }
    }
}
