//! Hints about branches decide where code lies and what registers are given up, and nothing else.

import TestSupport
import Testing

@testable import Compiler
@testable import WasmModule

@Suite("Branch hints")
struct BranchHintTests {
    /// The contents of a section with hints for function 0.
    private static func section(_ hints: [(offset: Int, value: UInt8)]) -> [UInt8] {
        CodeBuilder.code { code in
            code.u32(1).u32(0).u32(UInt32(hints.count))
            for hint in hints { code.u32(UInt32(hint.offset)).u32(1).raw(hint.value) }
        }
    }

    /// A module of one function (i32) → i32 without further locals. `emit` returns where the instructions with hints stand.
    private static func module(_ value: UInt8?, _ emit: (CodeBuilder) -> [Int]) -> [UInt8] {
        var builder = WasmBuilder()
        var places: [Int] = []
        builder.function("run", [.i32], [.i32]) { places = emit($0) }
        if let value { builder.customSection("metadata.code.branch_hint", section(places.map { ($0, value) })) }
        return builder.build()
    }

    /// Returns 1 or 2 from the arms of an `if`.
    private static func twoArms(_ code: CodeBuilder) -> [Int] {
        code.localGet(0)
        let place = code.bytes.count
        code.if(.empty).i32Const(1).return().else().i32Const(2).return().end().unreachable()
        return [place]
    }

    /// Leaves a block by `br_if`, else returns 1; behind it 2.
    private static func branch(_ code: CodeBuilder) -> [Int] {
        code.block().localGet(0)
        let place = code.bytes.count
        code.brIf(0).i32Const(1).return().end().i32Const(2)
        return [place]
    }

    /// The constants that cold blocks return.
    private func coldResults(_ bytes: [UInt8]) throws -> [UInt64] {
        let module = try DecodedModule(decoding: bytes)
        try module.validateBodies()
        var translator = FunctionTranslator()
        var function = IRFunction()
        try translator.translate(body: 0, of: ModuleContext(module), into: &function)
        var results: [UInt64] = []
        for block in 0..<UInt32(function.blocks.count) where function.blocks[block].isCold {
            let end = function.terminator(of: block)
            guard end.operation == .return else { continue }
            results.append(function.instructions[function.lists[end.a]].constantBits)
        }
        return results
    }

    @Test("The arm that is unlikely is cold")
    func arms() throws {
        #expect(try coldResults(Self.module(nil, Self.twoArms)) == [])
        #expect(try coldResults(Self.module(0, Self.twoArms)) == [1])
        #expect(try coldResults(Self.module(1, Self.twoArms)) == [2])
    }

    @Test("So is what an unlikely branch leads to, and what lies behind a likely one")
    func branches() throws {
        #expect(try coldResults(Self.module(nil, Self.branch)) == [])
        #expect(try coldResults(Self.module(0, Self.branch)) == [2])
        #expect(try coldResults(Self.module(1, Self.branch)) == [1])
    }

    @Test("What is reached over another edge too is not")
    func severalEdges() throws {
        func emit(_ code: CodeBuilder) -> [Int] {
            code.block().localGet(0).brIf(0).localGet(0).i32Const(7).i32Eq()
            let place = code.bytes.count
            code.brIf(0).i32Const(1).return().end().i32Const(2)
            return [place]
        }
        #expect(try coldResults(Self.module(0, emit)) == [])
        #expect(try coldResults(Self.module(1, emit)) == [1])
    }

    @Test("Cold code comes last")
    func layout() throws {
        /// Where the code begins that was made for the operator at each place of the body.
        func order(_ hint: UInt8?) throws -> [UInt32] {
            var settings = CodeSettings()
            settings.keepsOrigins = true
            let module = try DecodedModule(decoding: Self.module(hint, Self.twoArms))
            let code = try ModuleCompiler.compile(module, settings: settings)
            let start = UInt32(module.bodies[0].range.lowerBound)
            return code.origins.map { $0.source - start }
        }
        // local.get at 1, if at 3, the first return at 7, the second at 11.
        #expect(try order(0) == order(nil).filter { $0 < 7 } + [11, 7])
        #expect(try order(1) == order(nil).filter { $0 < 7 } + [7, 11])
    }

    @Test("Code does what it did", arguments: [nil, 0, 1] as [UInt8?])
    func results(_ hint: UInt8?) throws {
        let arms = try NativeHarness(Self.module(hint, Self.twoArms))
        #expect(arms.call("run", [5]) == [1] && arms.call("run", [0]) == [2])
        let branch = try NativeHarness(Self.module(hint, Self.branch))
        #expect(branch.call("run", [5]) == [2] && branch.call("run", [0]) == [1])
    }

    private func hints(_ payload: [UInt8], functions: Int = 2) throws -> [(offset: Int, isLikely: Bool)] {
        var builder = WasmBuilder()
        for index in 0..<functions { builder.function("f\(index)", [.i32], [.i32]) { $0.localGet(0) } }
        builder.customSection("metadata.code.branch_hint", payload)
        let module = try DecodedModule(decoding: builder.build())
        let start = module.bodies[0].range.lowerBound
        return BranchHints(of: module).hints.map { (Int($0.offset) - start, $0.isLikely) }
    }

    @Test("Reading ends at the first mistake, and keeps what came before it")
    func mistakes() throws {
        // Bodies are 4 bytes long: locals, local.get, its index, end. The second one begins a byte of size later.
        let good: [UInt8] = [2, 0, 2, 1, 1, 0, 3, 1, 1, 1, 1, 0, 1, 1]
        #expect(try hints(good).map(\.offset) == [1, 3, 5] && hints(good).map(\.isLikely) == [false, true, true])
        for end in 0..<good.count {
            let count = end >= 14 ? 3 : end >= 9 ? 2 : end >= 6 ? 1 : 0
            #expect(try hints(Array(good[..<end])).count == count, "\(end) bytes")
        }
        // Not ascending, not in the body, of two bytes, for a function that does not exist, or for one again.
        #expect(try hints([1, 0, 2, 3, 1, 1, 1, 1, 1]).count == 1)
        #expect(try hints([1, 0, 2, 3, 1, 1, 3, 1, 1]).count == 1)
        #expect(try hints([1, 0, 1, 4, 1, 1]).count == 0)
        #expect(try hints([1, 0, 1, 1, 2, 1, 1]).count == 0)
        #expect(try hints([1, 2, 1, 1, 1, 1]).count == 0)
        #expect(try hints([2, 0, 1, 1, 1, 1, 0, 1, 3, 1, 1]).count == 1)
        // Counts that would take more memory than there is.
        #expect(try hints([0xFF, 0xFF, 0xFF, 0xFF, 0x0F]).count == 0)
        #expect(try hints([1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1, 1, 1]).count == 1)
    }

    @Test("Hints may be anywhere, and say anything")
    func strayHints() throws {
        let program = ModuleGenerator.module(seed: 11, options: .init(work: 1000))
        let plain = try DecodedModule(decoding: program.bytes)
        let code = try ModuleCompiler.compile(plain)
        // A hint at each byte of each body.
        var random = SeededGenerator(seed: 3)
        for _ in 0..<20 {
            let payload = CodeBuilder.code { section in
                section.u32(UInt32(plain.bodies.count))
                for body in plain.bodies.indices {
                    let count = plain.bodies[body].range.count
                    section.u32(UInt32(plain.importedFunctionCount + body)).u32(UInt32(count))
                    for offset in 0..<count {
                        section.u32(UInt32(offset)).u32(1).raw(UInt8(truncatingIfNeeded: random.next() & 1))
                    }
                }
            }
            let section = CodeBuilder.code { $0.name("metadata.code.branch_hint").append(payload) }
            let bytes = program.bytes + WasmBuilder.section(0, section)
            let hinted = try ModuleCompiler.compile(DecodedModule(decoding: bytes), threads: 1, isChecking: true)
            #expect(hinted.functionOffsets.count == code.functionOffsets.count)
        }
    }
}
