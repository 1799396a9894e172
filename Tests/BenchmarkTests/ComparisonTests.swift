//! How cases are put to contenders: templates by turns, wrong results, refusals, small pools.

import Synchronization
import Testing

@testable import mayfly_bench

/// Counts its cycles, which all return one number and take ten microseconds, for times are measured.
final class Counter: FreshInstanceCycle {
    let result: UInt32
    let cycles = Atomic<Int>(0)

    init(_ result: UInt32) {
        self.result = result
    }

    func firstResult() throws -> UInt32? { result }

    func run(_ count: Int, expecting expected: UInt32?) throws {
        cycles.wrappingAdd(count, ordering: .relaxed)
        if let expected, expected != result { throw WrongResult(expected: expected, found: result) }
        let end = monotonicNanoseconds() + UInt64(count) * 10_000
        while monotonicNanoseconds() < end {}
    }
}

/// An engine whose guests return a number, or that refuses every module.
struct Stub: Contender {
    var name: String
    var result: UInt32?

    func withPool(slots: Int, isStrict: Bool, threads: Int) throws -> any Contender { self }

    func prepareCycle(_ module: [UInt8], wasi: GuestWASI, call: GuestCall?) throws -> any FreshInstanceCycle {
        guard let result else { throw BenchmarkError("too large") }
        return Counter(result)
    }

    func prepareProgram(_ module: [UInt8]) throws -> any BenchmarkProgram { throw BenchmarkError("no programs") }

    func prepareCalls(_ module: [UInt8], _ kind: CallKind) throws -> any FreshInstanceCycle { Counter(0) }

    func prepareWASICalls(_ module: [UInt8], loop: String, directory: String) throws -> any FreshInstanceCycle {
        Counter(0)
    }

    func prepareLoading(_ module: [UInt8], scratch: String) throws -> () throws -> Double { { 1 } }

    func compile(_ module: [UInt8], parallel: Bool) throws -> Double { 1 }
}

@Suite struct MixedCycleTests {
    @Test func templatesTakeTurnsOverCallsOfRun() throws {
        let members = [Counter(1), Counter(2), Counter(3)]
        let cycle = MixedCycle(members, expecting: [1, 2, nil])
        #expect(try cycle.firstResult() == 6)
        try cycle.run(4, expecting: nil)
        #expect(members.map { $0.cycles.load(ordering: .relaxed) } == [2, 1, 1])
        try cycle.run(2, expecting: nil)
        #expect(members.map { $0.cycles.load(ordering: .relaxed) } == [2, 2, 2])
    }

    @Test func anotherTemplatesResultIsWrong() {
        // The sum is right, the cycles are not.
        let cycle = MixedCycle([Counter(1), Counter(2)], expecting: [2, 1])
        #expect(throws: WrongResult.self) { try cycle.run(1, expecting: 3) }
    }
}

@Suite struct ComparisonTests {
    private func comparison(_ contenders: [Stub], mayRefuse: Bool = false) -> CycleComparison {
        CycleComparison(
            contenders: contenders, hasMayfly: true, seconds: 0.001, threads: [1], peerMayRefuse: mayRefuse)
    }

    private let guest = CycleCase(name: "case", module: [], expected: 7)

    @Test func aPeerThatRefusesIsLeftOutWithANoteWhereThatIsAllowed() throws {
        let contenders = [
            Stub(name: "mayfly", result: 7), Stub(name: "peer", result: nil), Stub(name: "tuned peer", result: 7),
        ]
        let row = try #require(comparison(contenders, mayRefuse: true).rows(guest).first)
        #expect(row.mayfly != nil && row.peer(0) == nil && row.peer(1) != nil)
        #expect(row.ratio(toPeer: 0) == nil && row.ratio(toPeer: 1) != nil)
        #expect(row.notes.last == "peer refuses: too large")
        #expect(throws: BenchmarkError.self) { try comparison(contenders).rows(guest) }
    }

    @Test func mayflyMustNotRefuse() {
        let contenders = [Stub(name: "mayfly", result: nil), Stub(name: "peer", result: 7)]
        #expect(throws: BenchmarkError.self) { try comparison(contenders, mayRefuse: true).rows(guest) }
    }

    @Test func aWrongResultIsNoRefusal() {
        let contenders = [Stub(name: "mayfly", result: 7), Stub(name: "peer", result: 8)]
        #expect(throws: BenchmarkError.self) { try comparison(contenders, mayRefuse: true).rows(guest) }
    }

    @Test func casesMeasuredTogetherKeepTheirOwnResults() throws {
        let contenders = [Stub(name: "mayfly", result: 7), Stub(name: "peer", result: 7)]
        let rows = try comparison(contenders).rows(together: [guest, CycleCase(name: "other", module: [])])
        #expect(rows.map { $0.map(\.name) } == [["case"], ["other"]])
        #expect(rows.joined().allSatisfy { $0.mayfly != nil && $0.peer(0) != nil })
    }

    @Test func theTunedPeersBatchesFitASmallPool() {
        let tuning = PoolTuning(keepResident: 4096, decommitBatch: 8)
        #expect(tuning.limited(toSlots: 4, threads: 1).decommitBatch == 4)
        #expect(tuning.limited(toSlots: 4, threads: 2).decommitBatch == 2)
        #expect(tuning.limited(toSlots: 4, threads: 3).decommitBatch == 1)
        #expect(tuning.limited(toSlots: 100, threads: 2).decommitBatch == 8)
        #expect(tuning.limited(toSlots: 4, threads: 1).slots == 4)
    }

    @Test func countsOfThreadsAreReadInTheirOrder() {
        #expect(ThreadCounts(argument: "2")?.counts == [2])
        #expect(ThreadCounts(argument: "1,2,4")?.counts == [1, 2, 4])
        for text in ["", "0", "1,", "1,x", "257"] { #expect(ThreadCounts(argument: text) == nil) }
    }
}
