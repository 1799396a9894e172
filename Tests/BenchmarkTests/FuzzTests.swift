//! Comparing random programs: what is the same passes, what is not is found.

import Mayfly
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

            func call(_ function: FuzzedProgram.Function, _ arguments: [V128]) throws -> Ending {
                try inner.call(function, arguments)
            }

            func observation(after ending: Ending) throws -> Observation {
                var observation = try inner.observation(after: ending)
                lie(&observation)
                return observation
            }
        }

        func instantiate(_ program: FuzzedProgram) throws -> Instantiation {
            guard case .guest(let guest) = try MayflyWay.all()[0].instantiate(program) else {
                return .refused("an own program that traps when it is instantiated")
            }
            return .guest(Guest(inner: guest, lie: lie))
        }
    }

    private struct RefusingWay: FuzzedWay {
        let name = "refuser"
        func instantiate(_: FuzzedProgram) throws -> Instantiation { .refused("no") }
    }

    @Test func allWaysAgree() throws {
        let ways = try MayflyWay.all()
        #expect(ways.count == 5)
        var calls = 0
        for number in 0..<4 as Range<UInt64> {
            #expect(try Comparison.run(OwnSource().program(number), in: ways, calls: &calls) == .same)
        }
        #expect(calls > 20)
    }

    @Test func eachKindOfDifferenceIsFound() throws {
        let lies: [(String, @Sendable (inout Observation) -> Void)] = [
            ("one traps: unreachable", { $0.ending = .trapped(.unreachable) }),
            ("memory at 65535", { $0.memory[65535] ^= 1 }),
            ("memories of", { $0.memory.append(0) }),
            ("global 1", { $0.globals[1].low ^= 1 }),
            ("host calls", { $0.hostCalls.append(HostCall(function: 0, arguments: [])) }),
        ]
        let program = try OwnSource().program(3)
        for (message, lie) in lies {
            var calls = 0
            let outcome = try Comparison.run(program, in: MayflyWay.all() + [LyingWay(lie: lie)], calls: &calls)
            #expect("\(outcome)".contains(message), "\(outcome)")
        }
    }

    @Test func refusalByOneIsADifference() throws {
        let program = try OwnSource().program(0)
        var calls = 0
        let outcome = try Comparison.run(program, in: MayflyWay.all() + [RefusingWay()], calls: &calls)
        #expect(outcome == .different("refuser refuses the module: no"))
        #expect(try Comparison.run(program, in: [RefusingWay()], calls: &calls) == .skipped("refused by all"))
    }

    @Test func trapsAtInstantiationAreCompared() throws {
        var module = WasmBuilder()
        module.memory(1, max: 1, export: "memory")
        module.data(at: 65536, [1])
        let program = try FuzzedProgram(number: 0, bytes: module.build())
        var calls = 0
        let ways = try MayflyWay.all()
        #expect(try Comparison.run(program, in: ways, calls: &calls) == .same)
        for way in ways {
            guard case .trapped(let observation) = try way.instantiate(program),
                case .trapped(.memoryOutOfBounds) = observation.ending
            else {
                Issue.record("\(way.name) does not trap")
                continue
            }
        }
    }

    @Test func bitsOfNaNsAreNotSeen() throws {
        var module = WasmBuilder()
        let negative = UInt64(0xFFF8_0000_0000_0001)
        // Not canonical, and made by an operator: as an integer, by its sign, and as lanes, through a vector operator
        // too.
        module.function("scalar", [.f64], [.i64]) {
            $0.localGet(0).const(.f64, bits: 1).op(.f64Add).op(.i64ReinterpretF64)
        }
        module.function("sign", [.f64], [.f64]) {
            $0.const(.f64, bits: 0x3FF0_0000_0000_0000).localGet(0).const(.f64, bits: 1).op(.f64Add).op(.f64Copysign)
        }
        module.function("vector", [.v128], [.v128]) {
            $0.localGet(0).localGet(0).localGet(0).op(.f64x2Mul).op(.f64x2Add)
        }
        module.global(.i32, mutable: true, export: nil) { $0.i32Const(7) }
        let program = try FuzzedProgram(number: 0, bytes: comparableModule(module.build()))
        #expect(program.globals.map(\.name) == ["global 0"])
        guard case .guest(let guest) = try MayflyWay.all()[0].instantiate(program) else {
            Issue.record("no instance")
            return
        }
        let arguments = [V128(low: negative), V128(low: negative), V128(low: negative, high: 0x4000_0000_0000_0000)]
        let results = [
            V128(low: 0x7FF8_0000_0000_0000), V128(low: 0x3FF0_0000_0000_0000),
            V128(low: 0x7FF8_0000_0000_0000, high: 0x4018_0000_0000_0000),
        ]
        for (index, function) in program.functions.enumerated() {
            guard case .returned(let found) = try guest.call(function, [arguments[index]]) else {
                Issue.record("\(function.name) traps")
                continue
            }
            #expect(found == [results[index]], "\(function.name)")
        }
        #expect(try guest.observation(after: .returned([])).globals == [V128(low: 7)])
    }
}
