//! Every way in which a guest can name an address, tried where its memory ends at a neighbour's: at the last byte, past it,
//! with sums that need 33 bits, near 4 GiB, before and after growth. The guest must trap exactly where the specification says,
//! and its neighbours must not have a bit changed.

import CPlatform
import Glibc
import TestSupport
import Testing
import WasmModule

@testable import Mayfly
@testable import Runtime

/// An instruction, or a few that become one, with an address.
private struct Attack: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let width: Int
    /// What it takes after the index, and gives.
    let operands: [Value]
    let results: [ValueType]
    /// Writes it: the index comes from `index`, operands from local 1 on.
    let emit: @Sendable (_ code: CodeBuilder, _ offset: UInt32, _ index: (CodeBuilder) -> Void) -> Void

    static let scalar: [Attack] = MemoryAccess.all.map { access in
        Attack(
            testDescription: access.name, width: access.width,
            operands: access.isStore ? [Value(access.type, bits: 0xDEAD_BEEF_DEAD_BEEF)] : [],
            results: access.isStore ? [] : [access.type]
        ) { code, offset, index in
            index(code)
            access.emit(access.isStore ? code.localGet(1) : code, offset: offset)
        }
    }

    static let vector: [Attack] = VectorMemoryTests.opcodes.map { opcode in
        let signature = VectorSignature(opcode)
        let takesVector = signature.operandCount == 2
        let lane: UInt8? = signature.immediates == .memoryAndLane ? UInt8(signature.laneLimit - 1) : nil
        return Attack(
            testDescription: "\(opcode)", width: Int(signature.accessBytes),
            operands: [.v128(V128(low: .max, high: .max))],
            results: signature.result == nil ? [] : [.v128]
        ) { code, offset, index in
            index(code)
            if takesVector { code.localGet(1) }
            code.op(opcode, offset: offset, lane: lane)
        }
    }

    static let folded: [Attack] =
        LoadUse.all.filter { $0.name != "a loaded address" }.map { use in
            Attack(
                testDescription: use.name, width: use.load.width, operands: [use.other], results: [use.result.type]
            ) { code, offset, index in
                use.emit(code) {
                    index($0)
                    use.load.emit($0, offset: offset)
                }
            }
        }

    /// Loaded, changed, and stored where it came from.
    static let updates: [Attack] = [
        Opcode.i64Add, .i64Sub, .i64And, .i64Or, .i64Xor,
    ].flatMap { opcode in
        [1, 2, 4, 8].flatMap { width in
            [true, false].map { isConstant in
                Attack(
                    testDescription:
                        "\(opcode) of \(width) bytes in place, \(isConstant ? "a constant" : "a register")",
                    width: width, operands: [.i64(-1)], results: []
                ) { code, offset, index in
                    index(code)
                    index(code)
                    switch width {
                    case 1: code.i64Load8U(offset: offset)
                    case 2: code.i64Load16U(offset: offset)
                    case 4: code.i64Load32U(offset: offset)
                    default: code.i64Load(offset: offset)
                    }
                    if isConstant { code.i64Const(0x55) } else { code.localGet(1) }
                    code.op(opcode)
                    switch width {
                    case 1: code.i64Store8(offset: offset)
                    case 2: code.i64Store16(offset: offset)
                    case 4: code.i64Store32(offset: offset)
                    default: code.i64Store(offset: offset)
                    }
                }
            }
        }
    }

    /// Constants stored, which are part of the instruction.
    static let constants: [Attack] = MemoryAccess.all.filter { $0.isStore }.map { access in
        Attack(testDescription: "\(access.name) of a constant", width: access.width, operands: [], results: []) {
            code, offset, index in
            index(code)
            access.emit(code.const(access.type, bits: 0x7755_3311), offset: offset)
        }
    }
}

@Suite struct DenseNeighbourTests {
    private static let history = MemoryHistory(pages: [1, 3, 4])

    @Test(
        arguments: Attack.scalar + Attack.vector + Attack.folded + Attack.updates + Attack.constants, instructionSets)
    private func noAccessLeavesItsMemory(_ attack: Attack, _ instructionSet: CodeSettings.InstructionSet) throws {
        let offsets = AccessOffsets.all(width: attack.width)
        let constantOffsets: [UInt32] = [0, 0x1_0000, 0x7FFE_FFFF, 0x8000_0000, .max - 7]
        func indices(_ offset: UInt32) -> [UInt32] {
            AccessOffsets.indices(offset: offset, width: attack.width, lengths: Self.history.lengths)
        }
        let parameters = [ValueType.i32] + attack.operands.map(\.type)
        let place = try Neighbourhood(instructionSet) { engine in
            try engine.compile { module in
                // Function 0, for the attacks that call it.
                let next = module.function(nil, [.i32], [.i32]) { $0.localGet(0) }
                module.memory(1, max: 4)
                module.table(.funcref, 3)
                module.element(at: 2, functions: [next])
                module.function("grow", [.i32], [.i32]) { $0.localGet(0).memoryGrow() }
                for offset in offsets {
                    module.function("\(offset)", parameters, attack.results) {
                        attack.emit($0, offset) { $0.localGet(0) }
                    }
                    module.function("\(offset) dropped", parameters, []) { code in
                        attack.emit(code, offset) { $0.localGet(0) }
                        for _ in attack.results { code.drop() }
                    }
                }
                for offset in constantOffsets {
                    for index in indices(offset) {
                        module.function("\(offset)+\(index)", parameters, attack.results) {
                            attack.emit($0, offset) { $0.i32Const(Int32(bitPattern: index)) }
                        }
                    }
                }
            }
        }
        var traps = 0
        var wrong: [String] = []
        let attacker = place.attacker
        try Self.history.forEachLength(attacker.instance) { (_, length) throws in
            // Not the instance that is passed here: a local function that captures a borrowed one crashes the compiler.
            func attempt(_ name: String, _ index: UInt32, _ offset: UInt32) throws {
                let isInBounds = UInt64(index) + UInt64(offset) + UInt64(attack.width) <= length
                // What the attacks that are calls, or divide, find must not be what traps.
                if isInBounds {
                    let bytes: [UInt8] = [1] + [UInt8](repeating: 0, count: attack.width - 1)
                    try attacker.instance.writeBytes(bytes, at: index + offset)
                }
                let outcome = try attacker.instance.outcome(name, [.i32(Int32(bitPattern: index))] + attack.operands)
                if !isInBounds { traps += 1 }
                let isRight =
                    isInBounds
                    ? outcome != .trap(.memoryOutOfBounds) && outcome != .trap(.unexpectedFault)
                    : outcome == .trap(.memoryOutOfBounds)
                if !isRight { wrong.append("\(name) at \(index), offset \(offset), of \(length): \(outcome)") }
            }
            for offset in offsets {
                for index in indices(offset) {
                    try attempt("\(offset)", index, offset)
                    try attempt("\(offset) dropped", index, offset)
                }
            }
            for offset in constantOffsets {
                for index in indices(offset) { try attempt("\(offset)+\(index)", index, offset) }
            }
            #expect(place.damage() == nil)
        }
        #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(5))")
        #expect(traps > 1000)
        try place.verifyNeighbours()
    }

    /// Further memories, 32 and 64 bits, whose neighbours are the same guest's other memories.
    @Test func furtherMemoriesEndWhereTheyEnd() throws {
        let accesses = MemoryAccess.all
        let place = try Neighbourhood(slots: 3) { engine in
            try engine.compile { module in
                module.memory(1, max: 4)
                module.memory(1, max: 4)
                module.memory64(1, max: 4)
                for memory: UInt32 in [1, 2] {
                    module.function("grow\(memory)", [.i32], []) { code in
                        code.localGet(0)
                        if memory == 2 { code.op(.i64ExtendI32U) }
                        code.memoryGrow(memory: memory).drop()
                    }
                    for access in accesses {
                        for offset: UInt32 in [0, 1, 0x7FFF_0000, .max] {
                            let index: ValueType = memory == 2 ? .i64 : .i32
                            module.function(
                                "\(access.name) \(memory) \(offset)", [index], []
                            ) { code in
                                code.localGet(0)
                                if access.isStore { code.const(access.type, bits: .max) }
                                code.op(access.opcode).u32(0x40).u32(memory).u32(offset)
                                if !access.isStore { code.drop() }
                            }
                        }
                    }
                }
            }
        }
        let attacker = place.attacker
        var (cases, wrong) = (0, 0)
        for pages in [1, 3, 4] as [UInt64] {
            if pages > 1 {
                for memory in 1...2 { try attacker.instance.call("grow\(memory)", pages == 3 ? Int32(2) : 1) }
            }
            let length = pages << 16
            for access in accesses {
                let width = UInt64(access.width)
                for offset: UInt32 in [0, 1, 0x7FFF_0000, .max] {
                    var indices: [UInt64] = [0, length, length - width, length - width + 1, .max, 1 << 63, 1 << 32]
                    indices += [length &- UInt64(offset), 0 &- UInt64(offset), 0 &- UInt64(offset) &- width]
                    for index in indices {
                        for memory in 1...2 {
                            let address = memory == 1 ? index & 0xFFFF_FFFF : index
                            let (end, overflow) = address.addingReportingOverflow(UInt64(offset) + width)
                            let isInBounds = !overflow && end <= length
                            let value: Value =
                                memory == 1
                                ? .i32(Int32(truncatingIfNeeded: index)) : .i64(Int64(bitPattern: index))
                            let outcome = try attacker.instance.outcome("\(access.name) \(memory) \(offset)", [value])
                            cases += 1
                            if outcome != (isInBounds ? .results([]) : .trap(.memoryOutOfBounds)) { wrong += 1 }
                        }
                    }
                }
            }
            #expect(place.damage() == nil)
        }
        #expect(wrong == 0 && cases > 4000)
        try place.verifyNeighbours()
    }

    @Test func bulkOperationsEndWhereTheMemoryEnds() throws {
        let place = try Neighbourhood { engine in
            try engine.compile(
                text: """
                    (module (memory 1 4) (table $t 8 12 funcref) (elem $e func $f $f $f) (data $d "0123456789")
                      (func $f)
                      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
                      (func (export "fill") (param i32 i32 i32)
                        (memory.fill (local.get 0) (i32.const 0xEE) (local.get 2)))
                      (func (export "copy") (param i32 i32 i32)
                        (memory.copy (local.get 0) (local.get 1) (local.get 2)))
                      (func (export "copy9") (param i32 i32 i32)
                        (memory.copy (local.get 0) (local.get 1) (i32.const 9)))
                      (func (export "fill9") (param i32 i32 i32)
                        (memory.fill (local.get 0) (i32.const 0xEE) (i32.const 9)))
                      (func (export "init") (param i32 i32 i32)
                        (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
                      (func (export "tfill") (param i32 i32 i32)
                        (table.fill $t (local.get 0) (ref.func $f) (local.get 2)))
                      (func (export "tcopy") (param i32 i32 i32)
                        (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
                      (func (export "tinit") (param i32 i32 i32)
                        (table.init $t $e (local.get 0) (local.get 1) (local.get 2)))
                      (func (export "tset") (param i32 i32 i32) (table.set $t (local.get 0) (ref.func $f)))
                      (func (export "tget") (param i32 i32 i32) (drop (table.get $t (local.get 0))))
                      (func (export "tgrow") (param i32 i32 i32)
                        (drop (table.grow $t (ref.func $f) (local.get 2)))))
                    """)
        }
        let attacker = place.attacker
        var traps = 0
        for pages in [1, 3, 4] as [Int64] {
            if pages > 1 { _ = try attacker.instance.call("grow", pages == 3 ? Int32(2) : 1) as Int32 }
            let length = pages << 16
            let values: [Int64] = [
                0, 1, 3, 8, 12, 13, 1023, 1024, length - 9, length - 8, length - 1, length, length + 1, 4 << 16,
                5 << 16,
                1 << 31 - 1, 1 << 31, 1 << 32 - (1 << 16), 1 << 32 - 1,
            ]
            for function in [
                "fill", "copy", "copy9", "fill9", "init", "tfill", "tcopy", "tinit", "tset", "tget", "tgrow",
            ] {
                for target in values {
                    for source in values {
                        for count in function.hasSuffix("9") ? [9] : values {
                            let arguments = [target, source, count].map { Value.i32(Int32(truncatingIfNeeded: $0)) }
                            let outcome = try attacker.instance.outcome(function, arguments)
                            if outcome.isTrap { traps += 1 }
                            guard !function.hasPrefix("t"), function != "init" else { continue }
                            var isInBounds = target + count <= length
                            if function.hasPrefix("copy") { isInBounds = isInBounds && source + count <= length }
                            let expected: Outcome = isInBounds ? .results([]) : .trap(.memoryOutOfBounds)
                            if outcome != expected {
                                Issue.record("\(function) \(target) \(source) \(count) of \(length): \(outcome)")
                            }
                        }
                    }
                }
                #expect(place.damage() == nil, "\(function), \(pages) pages")
            }
        }
        #expect(traps > 10_000)
        try place.verifyNeighbours()
    }

    @Test func hostFunctionsReachNoNeighbour() throws {
        let addresses: [UInt32] = [
            0, 65_528, 65_529, 65_535, 65_536, 3 << 16, 4 << 16 - 8, 4 << 16 - 7, 4 << 16, 0x7FFF_FFFF, 0x8000_0000,
            .max - 7,
            .max,
        ]
        var imports = Imports<Void>()
        imports.define("host", "attack") { (caller: borrowing Caller<Void>, _: Int32) in
            for address in addresses {
                try? caller.write(UInt64.max, at: address)
                _ = try? caller.read(UInt64.self, at: address)
                for count in [0, 1, 8, 65_536, 1 << 20, Int.max] {
                    if let bytes = try? caller.readBytes(at: address, count: count) {
                        #expect(Int(address) + bytes.count <= caller.memorySize)
                    }
                }
                for count in [1, 8, 65_537, 4 << 16, 5 << 16] {
                    try? caller.writeBytes([UInt8](repeating: 0xEE, count: count), at: address)
                }
            }
            caller.withMemory { memory in
                for index in 0..<memory.byteCount { memory.storeBytes(of: 0xDD, toByteOffset: index, as: UInt8.self) }
            }
        }
        let place = try Neighbourhood(imports: imports) { engine in
            try engine.compile(
                text: """
                    (module (import "host" "attack" (func $attack (param i32))) (memory 1 4)
                      (func (export "run") (param i32)
                        (call $attack (local.get 0)) (drop (memory.grow (local.get 0))) (call $attack (local.get 0))))
                    """)
        }
        for pages: Int32 in [0, 2, 1, 1] {
            try place.attacker.instance.call("run", pages)
            #expect(place.damage() == nil)
        }
        #expect(place.attacker.instance.memorySize == 4 << 16)
        try place.verifyNeighbours()
    }

    @Test(arguments: Recursion.all)
    func aStackThatOverrunsTrapsAndReachesNobody(_ recursion: Recursion) throws {
        let place = try Neighbourhood { try $0.compile(recursion.define) }
        for endless in [10_000_000, -1] as [Int64] {
            for _ in 0..<3 {
                #expect(
                    try place.attacker.instance.outcome("run", [.i64(endless)]) == .trap(.callStackExhausted))
            }
            #expect(place.damage() == nil)
        }
        try place.verifyNeighbours()
    }

    /// A fault where accesses are compared is a defect of ours, and must not pass for a guest's mistake.
    @Test func aFaultInADenseMemoryIsUnexpected() throws {
        let place = try Neighbourhood { engine in
            try engine.compile(
                text: """
                    (module (memory 2 4) (func (export "get") (param i32) (result i32) (i32.load (local.get 0))))
                    """)
        }
        let slot = place.attacker.instance.slot
        mprotect(slot.memoryBase + 65_536, 4096, PROT_NONE)
        #expect(try place.attacker.instance.outcome("get", [.i32(65_536)]) == .trap(.unexpectedFault))
        mprotect(slot.memoryBase + 65_536, 4096, PROT_READ | PROT_WRITE)
        #expect(try place.attacker.instance.outcome("get", [.i32(131_072)]) == .trap(.memoryOutOfBounds))
    }

    @Test func growingMakesNoSystemCall() throws {
        let place = try Neighbourhood { engine in
            try engine.compile(
                text: """
                    (module (memory 1 4) (func (export "grow") (result i32) (memory.grow (i32.const 1))))
                    """)
        }
        for expected: Int32 in [1, 2, 3, -1] {
            let before = (0..<Int32(MAYFLY_CALL_KINDS)).map { mayfly_test_call_count($0) }
            #expect(try place.attacker.instance.call("grow") as Int32 == expected)
            #expect((0..<Int32(MAYFLY_CALL_KINDS)).map { mayfly_test_call_count($0) } == before)
        }
    }
}
