//! Which instructions an engine takes: the best that the processor has, or those it was asked for if they are there.

import Testing

@testable import Mayfly
@testable import Runtime

@Suite struct ProcessorTests {
    private let v3 = ProcessorFeatures.needed(by: .v3)
    private let baseline = ProcessorFeatures.needed(by: .baseline)

    @Test func theBestThereIsIsTheDefault() throws {
        #expect(try Engine.instructionSet(nil, on: v3.union(baseline)) == .v3)
        #expect(try Engine.instructionSet(nil, on: baseline) == .baseline)
    }

    @Test func oneFeatureLessThanV3IsBaseline() throws {
        for bit in 0..<32 as Range<UInt32> {
            let feature = ProcessorFeatures(rawValue: 1 << bit)
            guard v3.isSuperset(of: feature) else { continue }
            let rest = v3.union(baseline).subtracting(feature)
            #expect(try Engine.instructionSet(nil, on: rest) == .baseline)
            let missing = rest.missing(for: .v3)
            #expect(missing.count == 1)
            #expect(throws: EngineError.unsupportedInstructionSet(.v3, missing: missing)) {
                try Engine.instructionSet(.v3, on: rest)
            }
        }
    }

    @Test func whatIsAskedForIsTaken() throws {
        for instructionSet in CodeSettings.InstructionSet.allCases {
            #expect(try Engine.instructionSet(instructionSet, on: v3.union(baseline)) == instructionSet)
            let engine = try Engine(
                .init(pool: .init(slotCount: 1), code: CodeSettings(instructionSet: instructionSet)))
            #expect(engine.configuration.code.instructionSet == instructionSet)
        }
        let engine = try Engine(.init(pool: .init(slotCount: 1), code: CodeSettings(boundsChecks: .guardPages)))
        #expect(engine.configuration.code.instructionSet == ProcessorFeatures.present.instructionSet)
    }

    @Test func withoutSSE41ThereIsNoEngine() {
        let features: ProcessorFeatures = baseline.subtracting(ProcessorFeatures(rawValue: 1024))
        #expect(throws: EngineError.unsupportedProcessor(missing: ["SSE4.1"])) {
            try Engine.instructionSet(nil, on: features)
        }
        #expect(throws: EngineError.unsupportedProcessor(missing: ["SSE3", "SSSE3", "SSE4.1"])) {
            try Engine.instructionSet(.baseline, on: [])
        }
        #expect(
            "\(EngineError.unsupportedInstructionSet(.v3, missing: ["AVX2", "FMA"]))"
                == "this processor does not run code of the instruction set v3: it lacks AVX2, FMA")
    }
}
