//! Calls of every kind are made and add up.

import Testing
import WasmText

@testable import mayfly_bench

@Suite struct CallTests {
    @Test("every kind of call is made as often as it is counted", arguments: CallKind.allCases)
    func calls(_ kind: CallKind) throws {
        let path = "\(Guests.defaultDirectory)/calls.wat"
        let module = try WasmText.encode(readFile(path), fileName: path)
        let loop = try MayflyContender().prepareCalls(module, kind)
        for count in [1, 2, 1000] { try loop.run(count, expecting: nil) }
    }

    @Test("a call that is left out is noticed")
    func wrongSum() throws {
        let module = try WasmText.encode(
            """
            (module (func (export "add") (param i32 i32) (result i32) (local.get 0))
              (func (export "host") (param i32) (result i32) (i32.const 0)))
            """)
        #expect(throws: WrongResult.self) { try MayflyContender().prepareCalls(module, .host).run(3, expecting: nil) }
        #expect(throws: WrongResult.self) { try MayflyContender().prepareCalls(module, .export).run(3, expecting: nil) }
    }
}
