//! The `simd` command: its kernels are the files there are, and no wrong checksum gets a time.

import Testing

@testable import mayfly_bench

@Suite struct SIMDTests {
    @Test func everyFileIsAKernelAndEveryKernelAFile() throws {
        let files = filesBelow("\(Guests.defaultDirectory)/simd").map { $0.split(separator: "/").last! }
        #expect(files == SIMDKernel.all.map { "\($0.name).wat" })
    }

    @Test func everyKernelIsAModule() throws {
        let contender = try MayflyContender()
        for kernel in SIMDKernel.all {
            let module = try kernel.module(in: Guests.defaultDirectory)
            _ = try contender.prepareCycle(module, wasi: .none, call: kernel.call)
        }
    }

    @Test func allCallsButTheFirstAreTimed() throws {
        let kernel = SIMDKernel(name: "kernel", iterations: 1, checksum: 7)
        let contenders = [Stub(name: "mayfly", result: 7), Stub(name: "peer", result: 7)]
        let series = try SIMDCommand.measure([], kernel, contenders, samples: 3)
        #expect(series.map(\.sorted.count) == [3, 3])
    }

    @Test func aWrongChecksumIsAnErrorThatNamesTheEngine() throws {
        let kernel = SIMDKernel(name: "kernel", iterations: 1, checksum: 7)
        let contenders = [Stub(name: "mayfly", result: 7), Stub(name: "peer", result: 8)]
        let error = #expect(throws: BenchmarkError.self) {
            try SIMDCommand.measure([], kernel, contenders, samples: 1)
        }
        #expect(error?.description == "peer: a call returned 8, not 7")
    }
}
