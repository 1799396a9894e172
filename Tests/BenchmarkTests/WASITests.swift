//! The guests of the `wasi` command do what they are measured by.

import Testing
import WasmText

@testable import mayfly_bench

@Suite struct WASITests {
    private func guest(_ name: String) throws -> [UInt8] {
        let path = "\(Guests.defaultDirectory)/\(name).wat"
        return try WasmText.encode(readFile(path), fileName: path)
    }

    @Test("every function of WASI is called and succeeds", arguments: WASICallKind.allCases)
    func calls(_ kind: WASICallKind) throws {
        try withScratchDirectory { directory in
            try WASICommand.fill(directory)
            let loop = try MayflyContender()
                .prepareWASICalls(guest("wasi-calls"), loop: kind.loop, directory: directory)
            for count in [1, 2, 100] { try loop.run(count, expecting: nil) }
        }
    }

    @Test("a listing with an entry too many is noticed")
    func wrongListing() throws {
        try withScratchDirectory { directory in
            try WASICommand.fill(directory)
            try writeFile("\(directory)/list/another", "")
            let loop = try MayflyContender()
                .prepareWASICalls(guest("wasi-calls"), loop: WASICallKind.list.loop, directory: directory)
            #expect(throws: WrongResult.self) { try loop.run(1, expecting: nil) }
        }
    }

    @Test("what guests of cycles write is counted, captured or not", arguments: [GuestWASI.bare, .capturing])
    func cycles(_ wasi: GuestWASI) throws {
        let module = try guest("wasi-small")
        let cycle = try MayflyContender().prepareCycle(module, wasi: wasi, call: Guests.call("write", 7))
        #expect(try cycle.firstResult() == 10)
        try cycle.run(3, expecting: 10)
    }

    @Test("a captured output that lacks bytes is noticed")
    func wrongCapture() throws {
        let module = try guest("wasi-small")
        let cycle = try MayflyContender().prepareCycle(module, wasi: .capturing, call: Guests.call("store", 7))
        #expect(throws: BenchmarkError.self) { try cycle.run(1, expecting: 7) }
    }

    @Test("a scratch directory goes with all folders in it")
    func scratchDirectory() throws {
        let path = try withScratchDirectory { directory in
            try WASICommand.fill(directory)
            return directory
        }
        #expect(!fileExists(path))
    }
}
