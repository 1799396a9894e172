//! Cases of fresh-instance cycles on all contenders: prepared, checked, measured, and put in rows.
//!
//! Contenders are measured by turns, case after case. Cases whose times are to be compared with each other are measured
//! by turns too, for the machine drifts between them as well.

struct CycleComparison: Sendable {
    /// Mayfly where it takes part, then the peer's configurations.
    var contenders: [any Contender]
    var hasMayfly: Bool
    /// Of timed cycles, per contender.
    var seconds: Double
    /// How many threads run cycles at once; each count is measured.
    var threads: [Int]
    /// A module that the peer does not take leaves it out of the row, with a note. Otherwise it is an error.
    var peerMayRefuse = false

    private struct Entrant {
        var guest: Int
        var contender: Int
        var cycle: any FreshInstanceCycle
        var expected: UInt32?
    }

    func rows(_ guest: CycleCase) throws -> [ReportRow] {
        try rows(together: [guest])[0]
    }

    /// The rows of each case, all of them measured by turns.
    func rows(together guests: [CycleCase]) throws -> [[ReportRow]] {
        var entrants: [Entrant] = []
        var refusals = [[String]](repeating: [], count: guests.count)
        for (index, guest) in guests.enumerated() {
            let (prepared, notes) = try prepare(guest)
            entrants += prepared.map { Entrant(guest: index, contender: $0, cycle: $1, expected: $2) }
            refusals[index] = notes
        }
        var rows = [[ReportRow]](repeating: [], count: guests.count)
        for count in threads {
            let (measurements, batch) = try Alternation(seconds: seconds, threads: count)
                .measure(entrants.map(\.cycle), expecting: entrants.map(\.expected))
            for (index, guest) in guests.enumerated() {
                var own = [CycleMeasurement?](repeating: nil, count: contenders.count)
                for (entrant, measurement) in zip(entrants, measurements) where entrant.guest == index {
                    own[entrant.contender] = measurement
                }
                let notes = batch > 1 ? ["batches of \(batch)"] : []
                rows[index] += self.rows(guest.name, own, threads: count, notes: notes + refusals[index])
            }
        }
        return rows
    }

    private func rows(
        _ name: String, _ measurements: [CycleMeasurement?], threads: Int, notes: [String]
    ) -> [ReportRow] {
        func row(_ name: String, notes: [String], _ summary: (CycleMeasurement) -> Summary) -> ReportRow {
            let all = measurements.map { $0.map(summary) }
            return ReportRow(
                name: name, unit: "µs", mayfly: hasMayfly ? all[0] : nil,
                peers: Array(all.dropFirst(hasMayfly ? 1 : 0)), notes: notes)
        }
        let name = threads == 1 ? name : "\(name), \(threads) threads"
        let timed = row(name, notes: notes) { Summary($0.series, unit: 1e3) }
        guard threads > 1 else { return [timed] }
        var overall = row("\(name): overall", notes: ["wall time / cycles of all threads"]) {
            Summary(mean: $0.overall / 1e3)
        }
        overall.countsInMean = false
        return [timed, overall]
    }

    /// The case on each contender that takes it, by the contender's index, and what is to be said of the others.
    private func prepare(
        _ guest: CycleCase
    ) throws -> (prepared: [(Int, any FreshInstanceCycle, UInt32?)], notes: [String]) {
        var cycles: [(contender: Int, cycle: any FreshInstanceCycle, result: UInt32?)] = []
        var notes: [String] = []
        for (index, contender) in contenders.enumerated() {
            do {
                let cycle = try prepare(guest, on: contender)
                cycles.append((index, cycle, try cycle.firstResult()))
            } catch {
                guard peerMayRefuse, index >= (hasMayfly ? 1 : 0) else { throw error }
                notes.append("\(contender.name) refuses: \(error)")
            }
        }
        let expected = try agreedResult(guest, cycles.map { (contenders[$0.contender].name, $0.result) })
        return (cycles.map { ($0.contender, $0.cycle, expected) }, notes)
    }

    private func prepare(_ guest: CycleCase, on contender: any Contender) throws -> any FreshInstanceCycle {
        let contender =
            try guest.slots.map {
                try contender.withPool(slots: $0, isStrict: guest.isStrict, threads: threads.max() ?? 1)
            } ?? contender
        let members = try guest.templates.map {
            try contender.prepareCycle($0.module, wasi: $0.wasi, call: guest.call)
        }
        return members.count == 1 ? members[0] : MixedCycle(members, expecting: guest.templates.map(\.expected))
    }

    /// What every cycle must return: what the case says, or what all contenders returned.
    private func agreedResult(_ guest: CycleCase, _ results: [(name: String, result: UInt32?)]) throws -> UInt32? {
        let known = guest.templates.compactMap(\.expected)
        var agreed = known.isEmpty ? nil : known.reduce(0, &+)
        for (name, result) in results {
            guard let result else { continue }
            if let agreed, agreed != result {
                throw BenchmarkError("\(name): \(WrongResult(expected: agreed, found: result))")
            }
            agreed = agreed ?? result
        }
        return agreed
    }
}
