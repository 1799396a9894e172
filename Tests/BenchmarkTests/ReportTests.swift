//! The benchmark's arithmetic and what it writes: the parts that can be wrong without looking wrong.

import Foundation
import Testing

@testable import mayfly_bench

@Suite struct StatisticsTests {
    @Test func percentilesAreSamplesThatWereTaken() {
        let series = Series((1...100).map(Double.init).shuffled())
        #expect(series.percentile(0.99) == 99)
        #expect(series.percentile(0.5) == 50)
        #expect(series.percentile(0) == 1)
        #expect(series.percentile(1) == 100)
        #expect(Series([7]).percentile(0.99) == 7)
    }

    @Test func theMedianOfAnEvenCountLiesBetweenTheMiddleTwo() {
        #expect(Series([4, 1, 3, 2]).median == 2.5)
        #expect(Series([9, 1, 5]).median == 5)
        #expect(Series([]).median.isNaN)
    }

    @Test func theGeometricMeanOfRatiosAndOfTheirInversesAgree() throws {
        let ratios = [0.5, 2, 4]
        let mean = try #require(geometricMean(ratios))
        let inverse = try #require(geometricMean(ratios.map { 1 / $0 }))
        #expect(abs(mean * inverse - 1) < 1e-12)
        #expect(abs(mean - 1.5874010519681994) < 1e-12)
        #expect(geometricMean([]) == nil)
    }

    @Test(arguments: [
        (1.0, 3, "1.000"), (0.0004, 3, "0.000"), (0.0005, 3, "0.001"), (12.345, 2, "12.35"), (1234.5, 0, "1235"),
        (-0.25, 1, "-0.3"), (-0.01, 1, "0.0"), (.nan, 2, "nan"),
    ])
    func numbersAreRoundedToTheirDecimals(value: Double, decimals: Int, text: String) {
        #expect(fixed(value, decimals) == text)
    }
}

@Suite struct ReportTests {
    private struct Entry: Decodable, Equatable {
        var name: String
        var unit: String
        var mayfly: Double?
        var peer: Double?
        var ratio: Double?
    }

    private func entries(_ report: Report) throws -> [Entry] {
        try JSONDecoder().decode([Entry].self, from: Data(report.json.utf8))
    }

    private func summary(_ median: Double) -> Summary {
        Summary(Series([median]), unit: 1)
    }

    @Test func withoutAPeerItsColumnsAreNull() throws {
        let report = Report(peers: [], rows: [ReportRow(name: "a", unit: "µs", mayfly: summary(2), peers: [])])
        #expect(try entries(report) == [Entry(name: "a", unit: "µs", mayfly: 2)])
        #expect(report.json.contains("\"peer\": null, \"ratio\": null"))
        #expect(report.meanLines("all", of: report.rows).isEmpty)
    }

    @Test func eachConfigurationOfThePeerHasAnEntryAndTheRatioIsMayflysShare() throws {
        let row = ReportRow(name: "a \"b\"\\\u{1}", unit: "ms", mayfly: summary(1), peers: [summary(4), summary(2)])
        let report = Report(peers: ["peer", "tuned peer"], rows: [row])
        #expect(
            try entries(report) == [
                Entry(name: "a \"b\"\\\u{1}", unit: "ms", mayfly: 1, peer: 4, ratio: 0.25),
                Entry(name: "a \"b\"\\\u{1} (tuned peer)", unit: "ms", mayfly: 1, peer: 2, ratio: 0.5),
            ])
    }

    @Test func rowsTooSmallToSayAnythingDoNotCountInTheMean() {
        var noise = ReportRow(name: "noise", unit: "ms", mayfly: summary(100), peers: [summary(1)])
        noise.countsInMean = false
        let rows = [
            ReportRow(name: "a", unit: "ms", mayfly: summary(1), peers: [summary(2)]),
            ReportRow(name: "b", unit: "ms", mayfly: summary(4), peers: [summary(2)]), noise,
        ]
        let report = Report(peers: ["peer"], rows: rows)
        #expect(report.meanLines("time", of: rows) == ["time, mayfly / peer: geometric mean 1.000 of 2"])
    }
}

@Suite struct GuestTests {
    @Test func theNoiseIsSplitMix64WithTheLowestByteFirst() {
        let noise = Noise(seed: 0)
        #expect(noise.word(0) == 0xE220_A839_7B1D_CDAF)
        #expect(noise.word(1) == 0x6E78_9E6A_A1B9_65F4)
        var bytes: [UInt8] = [42]
        noise.append(8 * 1000, to: &bytes)
        #expect(bytes.count == 8001)
        #expect(bytes.prefix(10) == [42, 0xAF, 0xCD, 0x1D, 0x7B, 0x39, 0xA8, 0x20, 0xE2, 0xF4])
        #expect((0..<8000).allSatisfy { bytes[$0 + 1] == noise.byte(at: $0) })
    }

    @Test func theAppendedDataSectionSpeaksOfTheWholeImage() {
        #expect(Guests.dataSection(Noise(seed: 1), 8).prefix(8) == [11, 14, 1, 0, 0x41, 0, 0x0B, 8])
        let section = Guests.dataSection(Noise(seed: 1), 304)
        // 311 and 304 in LEB128.
        #expect(section.prefix(10) == [11, 0xB7, 0x02, 1, 0, 0x41, 0, 0x0B, 0xB0, 0x02])
        #expect(section.count == 3 + 311)
    }

    @Test func aMemoryIsDeclaredAnewAndNothingElse() throws {
        let head: [UInt8] = [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0]
        let tail: [UInt8] = [7, 5, 1, 1, 0x6D, 2, 0]
        let module = try Guests.settingMemory(of: head + [5, 4, 1, 1, 1, 9] + tail, pages: 4096)
        #expect(module == head + [5, 4, 1, 0, 0x80, 0x20] + tail)
        #expect(throws: BenchmarkError.self) { try Guests.settingMemory(of: head + tail, pages: 1) }
    }

    @Test func touchedPagesAreAllDifferent() {
        #expect(Set((0..<1024).map { $0 * 409 % 1024 }).count == 1024)
        #expect(Guests.touchResult(pages: 0) == 0)
        #expect(Guests.touchResult(pages: 1) == UInt32(Guests.imageNoise.byte(at: 0)))
    }

    @Test(arguments: [1, 4, 16, 17, 64, 256, 1024, 4096])
    func scatteredPagesAreAllDifferentAndLieInTheMemory(pages: Int) {
        let addresses = (0..<16).map { Guests.scatterAddress(step: $0, pages: pages) }
        #expect(Set(addresses.map { $0 / 4096 }).count == 16)
        #expect(addresses.allSatisfy { (0..<(pages * Guests.wasmPage)).contains($0) && $0.isMultiple(of: 8) })
        // Over all of it, not only a corner.
        #expect(addresses.max()! > pages * Guests.wasmPage / 4 * 3)
    }

    @Test(arguments: [(17, 400), (64, 64 * 65536)])
    func noTwoMixedTemplatesReturnTheSame(pages: Int, dataBytes: Int) {
        let sums = (0..<8).map {
            Guests.scatterResult(Guests.mixedNoise($0), pages: pages, dataBytes: dataBytes, touched: 4)
        }
        #expect(Set(sums).count == 8)
    }

    @Test func whatIsKnownOfTheGuestsIsWhatMayflyFinds() throws {
        let comparison = CycleComparison(
            contenders: [try MayflyContender()], hasMayfly: true, seconds: 0.001, threads: [1, 2])
        let cases = try Guests(directory: Guests.defaultDirectory).cases(corpus: "/nowhere")
            .filter { $0.templates.allSatisfy { $0.expected != nil } }
        #expect(cases.map(\.name).filter { $0.hasPrefix("grow") || $0.hasPrefix("mixed") }.count == 7)
        for guest in cases {
            let names = try comparison.rows(guest).map(\.name)
            #expect(names == [guest.name, "\(guest.name), 2 threads", "\(guest.name), 2 threads: overall"])
        }
    }

    @Test(arguments: [
        ("7", GuestArgument.i32(7)), ("-1", .i32(-1)), ("4294967295", .i32(-1)), ("7:i64", .i64(7)),
        ("1.5:f32", .f32(1.5)), ("1.5:f64", .f64(1.5)),
    ])
    func argumentsAreReadByTheirType(text: String, argument: GuestArgument) throws {
        #expect(try GuestArgument(parsing: text) == argument)
    }

    @Test(arguments: ["", "x", "7:", "7:i16", "4294967296", "1.5"])
    func whatIsNoArgumentIsRefused(text: String) {
        #expect(throws: BenchmarkError.self) { try GuestArgument(parsing: text) }
    }
}

@Suite struct AlternationTests {
    private struct Sleeper: FreshInstanceCycle {
        var result: UInt32

        func firstResult() throws -> UInt32? { result }

        func run(_ count: Int, expecting expected: UInt32?) throws {
            for _ in 0..<count where expected != nil && expected != result {
                throw WrongResult(expected: expected!, found: result)
            }
            let end = monotonicNanoseconds() + UInt64(count) * 10_000
            while monotonicNanoseconds() < end {}
        }
    }

    @Test(arguments: [1, 3])
    func everyContenderIsMeasured(threads: Int) throws {
        let alternation = Alternation(seconds: 0.02, threads: threads)
        let (measurements, _) = try alternation.measure([Sleeper(result: 1), Sleeper(result: 1)], expecting: [1, 1])
        #expect(measurements.count == 2)
        for measurement in measurements {
            #expect(measurement.series.percentile(0) >= 9_900)
            #expect(measurement.overall > 0)
        }
    }

    @Test func aWrongResultEndsTheMeasurement() {
        #expect(throws: WrongResult.self) {
            try Alternation(seconds: 0.02, threads: 2).measure(
                [Sleeper(result: 1), Sleeper(result: 2)], expecting: [1, 1])
        }
    }
}
