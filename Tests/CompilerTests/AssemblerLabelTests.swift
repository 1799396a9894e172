//! Labels, jumps, constants and references between functions.
//!
//! Bytes are those of the GNU assembler unless said otherwise.

import Testing

@testable import Compiler

@Suite("Assembler labels")
struct AssemblerLabelTests: AssemblerTable {
    /// Emits one function, finishes it and compares.
    private func expectFunction(
        _ bytes: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: (inout Assembler) -> Void,
    ) {
        var assembler = Assembler()
        body(&assembler)
        assembler.finish()
        let isComplete = assembler.isComplete
        #expect(isComplete, sourceLocation: sourceLocation)
        #expect(assembler.hex == bytes, sourceLocation: sourceLocation)
    }

    // MARK: Jumps

    @Test("Jumps back")
    func back() {
        expectFunction("83 e9 01 75 fb eb f9") {
            let loop = $0.newLabel()
            $0.bind(loop)
            $0.alu(.sub, .w32, rcx, imm: 1)
            $0.jcc(.notEqual, loop)
            $0.jmp(loop)
        }
    }

    @Test("Jumps ahead")
    func ahead() {
        expectFunction("74 02 eb 05 b8 01 00 00 00 c3") {
            let a = $0.newLabel()
            let b = $0.newLabel()
            $0.jcc(.equal, a)
            $0.jmp(b)
            $0.bind(a)
            $0.movImmediate(rax, 1)
            $0.bind(b)
            $0.ret()
        }
    }

    @Test("Jumps across each other")
    func across() {
        expectFunction("74 04 7c 01 90 90 eb fe") {
            let a = $0.newLabel()
            let b = $0.newLabel()
            $0.jcc(.equal, a)
            $0.jcc(.less, b)
            $0.nop()
            $0.bind(b)
            $0.nop()
            $0.bind(a)
            $0.jmp(a)
        }
    }

    @Test("A jump back is short down to -128", arguments: [125, 126, 127, 128])
    func backReach(filler: Int) {
        for isConditional in [false, true] {
            var assembler = Assembler()
            let target = assembler.newLabel()
            assembler.bind(target)
            for _ in 0..<filler { assembler.nop() }
            if isConditional { assembler.jcc(.above, target) } else { assembler.jmp(target) }
            assembler.finish()
            let code = assembler.hex(from: UInt32(filler))
            switch (filler, isConditional) {
            case (125, false): #expect(code == "eb 81")
            case (126, false): #expect(code == "eb 80")
            case (127, false): #expect(code == "e9 7c ff ff ff")
            case (128, false): #expect(code == "e9 7b ff ff ff")
            case (125, true): #expect(code == "77 81")
            case (126, true): #expect(code == "77 80")
            case (127, true): #expect(code == "0f 87 7b ff ff ff")
            default: #expect(code == "0f 87 7a ff ff ff")
            }
        }
    }

    @Test("A jump ahead is short up to 127", arguments: [0, 126, 127, 128, 129])
    func aheadReach(filler: Int) {
        for isConditional in [false, true] {
            var assembler = Assembler()
            let target = assembler.newLabel()
            if isConditional { assembler.jcc(.above, target) } else { assembler.jmp(target) }
            let draftLength = assembler.position
            for _ in 0..<filler { assembler.nop() }
            assembler.bind(target)
            assembler.int3()
            assembler.finish()
            let length = assembler.adjusted(draftLength)
            assembler.truncate(to: Int(length))
            switch (filler, isConditional) {
            case (0, false): #expect(assembler.hex == "eb 00")
            case (126, false): #expect(assembler.hex == "eb 7e")
            case (127, false): #expect(assembler.hex == "eb 7f")
            case (128, false): #expect(assembler.hex == "e9 80 00 00 00")
            case (129, false): #expect(assembler.hex == "e9 81 00 00 00")
            case (0, true): #expect(assembler.hex == "77 00")
            case (126, true): #expect(assembler.hex == "77 7e")
            case (127, true): #expect(assembler.hex == "77 7f")
            case (128, true): #expect(assembler.hex == "0f 87 80 00 00 00")
            default: #expect(assembler.hex == "0f 87 81 00 00 00")
            }
        }
    }

    @Test("A jump across padding stays long; one from padding to its end does not")
    func padding() {
        // Counted by hand: other assemblers shorten the first jump, which takes iterating.
        expectFunction("0f 84 11 00 00 00 90 66 0f 1f 84 00 00 00 00 00 83 e9 01 74 02 75 f9 c3") {
            let head = $0.newLabel()
            let exit = $0.newLabel()
            $0.jcc(.equal, exit)
            $0.nop()
            $0.align(to: 16)
            $0.bind(head)
            $0.alu(.sub, .w32, rcx, imm: 1)
            $0.jcc(.equal, exit)
            $0.jcc(.notEqual, head)
            $0.bind(exit)
            $0.ret()
        }
    }

    @Test("Padding is counted again when code before it moves")
    func paddingMoves() {
        expectFunction("74 01 90 c3 cc cc cc cc 90") {
            let exit = $0.newLabel()
            $0.jcc(.equal, exit)
            $0.nop()
            $0.bind(exit)
            $0.ret()
            $0.alignWithTraps(to: 8)
            $0.nop()
        }
        expectFunction("74 01 90 0f 1f 44 00 00 90") {
            let exit = $0.newLabel()
            $0.jcc(.equal, exit)
            $0.nop()
            $0.bind(exit)
            $0.align(to: 8)
            $0.nop()
        }
    }

    @Test("Padding that the draft does not need may be needed in the end, behind what was noted before it")
    func paddingAppears() {
        var assembler = Assembler()
        let exit = assembler.newLabel()
        assembler.jmp(exit)
        assembler.bind(exit)
        assembler.nop(3)
        let before = assembler.position
        assembler.align(to: 8)
        let behind = assembler.position
        assembler.ret()
        assembler.align(to: 1)
        assembler.align(to: 2)
        assembler.align(to: 2)
        assembler.finish()
        #expect(assembler.hex == "eb 00 0f 1f 00 0f 1f 00 c3 90")
        #expect(assembler.adjusted(before) == 5 && assembler.adjusted(behind) == 8)
    }

    @Test("Calls")
    func calls() {
        expectFunction("e8 01 00 00 00 c3 c3") {
            let function = $0.newLabel()
            $0.call(function)
            $0.ret()
            $0.bind(function)
            $0.ret()
        }
        expectFunction("c3 e8 fa ff ff ff") {
            let function = $0.newLabel()
            $0.bind(function)
            $0.ret()
            $0.call(function)
        }
    }

    @Test("nop of every length", arguments: 0...20)
    func nops(length: Int) {
        var assembler = Assembler()
        assembler.nop(length)
        let all = [
            "", "90", "66 90", "0f 1f 00", "0f 1f 40 00", "0f 1f 44 00 00", "66 0f 1f 44 00 00",
            "0f 1f 80 00 00 00 00", "0f 1f 84 00 00 00 00 00", "66 0f 1f 84 00 00 00 00 00",
        ]
        let nines = Array(repeating: all[9], count: length / 9)
        #expect(assembler.hex == (nines + [all[length % 9]]).filter { !$0.isEmpty }.joined(separator: " "))
    }

    // MARK: Labels as operands

    @Test("Memory at a label, before and behind, with immediates of all lengths after it")
    func ripRelative() {
        var assembler = Assembler()
        let start = assembler.newLabel()
        let end = assembler.newLabel()
        var expected: [String] = []
        assembler.bind(start)
        expected.append("48 8b 05 f9 ff ff ff")
        assembler.mov(.w64, 0, .label(start))
        expected.append("4c 8d 0d a8 00 00 00")
        assembler.lea(.w64, 9, .label(end, 4))
        expected.append("83 3d eb ff ff ff 05")
        assembler.alu(.cmp, .w32, .label(start), imm: 5)
        expected.append("81 3d e1 ff ff ff 45 23 01 00")
        assembler.alu(.cmp, .w32, .label(start), imm: 0x12345)
        expected.append("66 81 3d 8a 00 00 00 34 12")
        assembler.alu(.cmp, .w16, .label(end), imm: 0x1234)
        expected.append("48 81 05 7f 00 00 00 45 23 01 00")
        assembler.alu(.add, .w64, .label(end), imm: 0x12345)
        expected.append("f6 05 78 00 00 00 05")
        assembler.test(.w8, .label(end), imm: 5)
        expected.append("48 f7 05 6d 00 00 00 05 00 00 00")
        assembler.test(.w64, .label(end), imm: 5)
        expected.append("c6 05 66 00 00 00 05")
        assembler.mov(.w8, .label(end), imm: 5)
        expected.append("c7 05 5c 00 00 00 05 00 00 00")
        assembler.mov(.w32, .label(end), imm: 5)
        expected.append("6b 0d a3 ff ff ff 05")
        assembler.imul(.w32, 1, .label(start), imm: 5)
        expected.append("4c 69 0d 4a 00 00 00 f4 01 00 00")
        assembler.imul(.w64, 9, .label(end), imm: 500)
        expected.append("c1 25 43 00 00 00 03")
        assembler.shift(.shl, .w32, .label(end), imm: 3)
        expected.append("d1 25 3d 00 00 00")
        assembler.shift(.shl, .w32, .label(end), imm: 1)
        expected.append("c4 e3 7b f0 05 81 ff ff ff 05")
        assembler.rorx(.w32, 0, .label(start), imm: 5)
        expected.append("66 83 3d 2b 00 00 00 05")
        assembler.alu(.cmp, .w16, .label(end), imm: 5)
        expected.append("c4 e3 69 0a 0d 21 00 00 00 0b")
        assembler.vrounds(.f32, 1, 2, .label(end), mode: 11)
        expected.append("c5 ea c2 0d 18 00 00 00 01")
        assembler.vcmps(.f32, 1, 2, .label(end), predicate: 1)
        expected.append("c4 e3 69 4a 0d 0e 00 00 00 30")
        assembler.vblendv(.f32, 1, 2, .label(end), mask: 3)
        expected.append("c5 3a 58 0d 05 00 00 00")
        assembler.vscalar(.add, .f32, 9, 8, .label(end, -1))
        expected.append("ff 25 00 00 00 00")
        assembler.jmp(.label(end))
        assembler.bind(end)
        assembler.finish()
        #expect(assembler.hex == expected.joined(separator: " "))
    }

    @Test("A jump table")
    func jumpTable() {
        expectFunction(
            "48 8d 05 15 00 00 00 48 63 0c 88 48 01 c1 ff e1 b8 01 00 00 00 c3 b8 02 00 00 00 c3 "
                + "f4 ff ff ff fa ff ff ff f4 ff ff ff"
        ) {
            let table = $0.newLabel()
            let a = $0.newLabel()
            let b = $0.newLabel()
            $0.lea(.w64, rax, .label(table))
            $0.movsx(from: .w32, to: .w64, rcx, .indexed(rax, rcx, scale: 2))
            $0.alu(.add, .w64, rcx, rax)
            $0.jmp(rcx)
            $0.bind(a)
            $0.movImmediate(rax, 1)
            $0.ret()
            $0.bind(b)
            $0.movImmediate(rax, 2)
            $0.ret()
            $0.alignWithTraps(to: 4)
            $0.bind(table)
            for target in [a, b, a] { $0.emitLabelOffset32(target: target, relativeTo: table) }
        }
    }

    @Test("A jump table may be relative to a label that is bound later, among code that moves")
    func jumpTableAhead() {
        expectFunction("fa ff ff ff eb 01 90 c3") {
            let anchor = $0.newLabel()
            let start = $0.newLabel()
            let exit = $0.newLabel()
            $0.bind(start)
            $0.emitLabelOffset32(target: start, relativeTo: anchor)
            $0.jmp(exit)
            $0.bind(anchor)
            $0.nop()
            $0.bind(exit)
            $0.ret()
        }
    }

    // MARK: Constants

    @Test("Constants lie behind the function, aligned, the largest first, equal ones once")
    func constants() {
        expectFunction(
            "c5 f2 58 0d 40 00 00 00 c5 f2 58 0d 38 00 00 00 c5 f3 59 0d 28 00 00 00 c5 f0 54 0d 10 00 00 00 "
                + "c5 f2 58 0d 24 00 00 00 c3 cc cc cc cc cc cc cc "
                + "ff ff ff 7f ff ff ff 7f 23 01 00 00 00 00 00 00 00 00 00 00 00 00 f0 3f 00 00 80 3f 00 00 00 40"
        ) {
            let one = $0.constant32(0x3f80_0000)
            $0.vscalar(.add, .f32, 1, 1, .label(one))
            $0.vscalar(.add, .f32, 1, 1, .label($0.constant32(0x3f80_0000)))
            $0.vscalar(.mul, .f64, 1, 1, .label($0.constant64(0x3ff0_0000_0000_0000)))
            $0.vlogic(.and, .f32, 1, 1, .label($0.constant128(0x7fff_ffff_7fff_ffff, 0x123)))
            $0.vscalar(.add, .f32, 1, 1, .label($0.constant32(0x4000_0000)))
            $0.ret()
        }
    }

    @Test("Equal bits of different sizes are different constants; the next function has its own")
    func constantIdentity() {
        var assembler = Assembler()
        let narrow = assembler.constant32(7)
        #expect(assembler.constant32(7) == narrow)
        let wide = assembler.constant64(7)
        #expect(wide != narrow && assembler.constant128(7, 0) != wide)
        #expect(assembler.constant128(7, 1) != assembler.constant128(7, 0))
        #expect(assembler.isComplete == false)
        assembler.finish()
        #expect(assembler.isComplete == true)
        #expect(assembler.offset(of: wide) % 8 == 0 && assembler.offset(of: narrow) % 4 == 0)
        #expect(assembler.constant32(7) != narrow)
    }

    @Test("Many constants")
    func manyConstants() {
        var assembler = Assembler()
        for round in 0..<2 {
            for bits: UInt64 in 0..<20_000 {
                let label = assembler.constant64(bits << 40)
                #expect(label.id == UInt32(bits), "round \(round)")
            }
        }
        assembler.finish()
        #expect(assembler.position == 160_000)
        for bits: UInt32 in [0, 1, 777, 19_999] {
            let expected = UInt64(bits) << 40
            let found = assembler.withBytes { code in
                (0..<8).reduce(UInt64(0)) { $0 | UInt64(code[Int(bits) * 8 + $1]) << UInt64(8 * $1) }
            }
            #expect(found == expected)
        }
        assembler.reset()
        #expect(assembler.position == 0 && assembler.constant64(5).id == 0)
    }

    @Test("Constants chosen to collide cost space, not time")
    func collidingConstants() {
        // With the high half 0 the hash is invertible: these all fall on the same place of any table up to 2^20.
        func inverse(_ odd: UInt64) -> UInt64 {
            var result = odd
            for _ in 0..<6 { result = result &* (2 &- odd &* result) }
            return result
        }
        var assembler = Assembler()
        var pairs: [(UInt64, Label)] = []
        for serial: UInt64 in 0..<50_000 {
            let mixed = serial &* inverse(0xD6E8_FEB8_6659_FD93)
            let bits = (mixed ^ mixed >> 32) &* inverse(0x9E37_79B9_7F4A_7C15) ^ 8
            pairs.append((bits, assembler.constant64(bits)))
        }
        assembler.finish()
        #expect(assembler.position == 400_000)
        assembler.withBytes { code in
            for (bits, label) in pairs {
                let start = Int(assembler.offset(of: label))
                let found = (0..<8).reduce(UInt64(0)) { $0 | UInt64(code[start + $1]) << UInt64(8 * $1) }
                if found != bits { Issue.record("\(bits) came out as \(found)") }
            }
        }
    }

    // MARK: Several functions

    @Test("Finished functions are copied and linked")
    func link() {
        var function = Assembler()
        var module = Assembler()

        // Symbol 0: calls symbol 1, over a jump that becomes short.
        let over = function.newLabel()
        function.jmp(over)
        function.nop()
        function.bind(over)
        function.callExternal(symbol: 1)
        function.ret()
        function.finish()
        #expect(function.externalFixups.count == 1 && function.externalFixups[0].position == 4)
        var offsets = [module.appendCode(of: function)]

        // Symbol 1: jumps to symbol 0, having taken an address.
        function.reset()
        function.leaExternal(r9, symbol: 1)
        function.leaExternal(rcx, symbol: 0)
        function.jmpExternal(symbol: 0)
        function.finish()
        offsets.append(module.appendCode(of: function))

        #expect(offsets == [0, 16])
        offsets.withUnsafeBufferPointer { module.linkExternals(symbolOffsets: $0) }
        #expect(
            module.hex == "eb 01 90 e8 08 00 00 00 c3 cc cc cc cc cc cc cc "
                + "4c 8d 0d f9 ff ff ff 48 8d 0d e2 ff ff ff e9 dd ff ff ff")
        #expect(module.externalFixups.count == 0)
    }

    @Test("Functions in one assembler: earlier ones do not move, and can be reached")
    func severalInPlace() {
        var assembler = Assembler()
        let first = assembler.newLabel()
        assembler.bind(first)
        assembler.callExternal(symbol: 0)
        assembler.ret()
        assembler.finish()
        let over = assembler.newLabel()
        assembler.jcc(.equal, over)
        assembler.jmp(first)
        assembler.bind(over)
        assembler.call(first)
        assembler.callExternal(symbol: 0)
        assembler.finish()
        #expect(assembler.hex == "e8 00 00 00 00 c3 74 02 eb f6 e8 f1 ff ff ff e8 00 00 00 00")
        #expect(assembler.externalFixups[0].position == 1 && assembler.externalFixups[1].position == 16)
    }

    @Test("Positions noted in the draft are adjusted")
    func adjust() {
        var assembler = Assembler()
        var positions = Vector<UInt32>()
        let exit = assembler.newLabel()
        let next = assembler.newLabel()
        positions.append(assembler.position)
        assembler.jcc(.equal, exit)
        positions.append(assembler.position)
        assembler.ud2()
        assembler.jmp(next)
        positions.append(assembler.position)
        assembler.ud2()
        assembler.bind(next)
        assembler.align(to: 16)
        positions.append(assembler.position)
        assembler.bind(exit)
        assembler.ret()
        let end = assembler.position
        assembler.finish()
        // The first jump crosses the padding: 6 + 2 + 2 + 2 bytes and 4 of padding.
        let expected: [UInt32] = [0, 6, 10, 16]
        #expect(positions.buffer.map { assembler.adjusted($0) } == expected)
        assembler.adjust(positions)
        #expect(Array(positions.buffer) == expected)
        #expect(assembler.adjusted(end) == assembler.position && assembler.offset(of: exit) == 16)
    }

    @Test("Raw bytes, patches and growth")
    func buffer() {
        var assembler = Assembler(capacity: 1)
        assembler.emit8(1)
        assembler.emit32(0x0504_0302)
        assembler.emit64(0x0d0c_0b0a_0908_0706)
        assembler.patch32(at: 1, -1)
        #expect(assembler.hex == "01 ff ff ff ff 06 07 08 09 0a 0b 0c 0d")
        let block = Array(repeating: UInt8(0xAB), count: 100_000)
        block.withUnsafeBufferPointer { assembler.emit($0) }
        #expect(assembler.position == 100_013 && !assembler.isTooLarge)
        #expect(assembler.withBytes { $0[13...].allSatisfy { $0 == 0xAB } })
        assembler.reset()
        #expect(assembler.position == 0 && assembler.isComplete)
    }

    @Test("Code that is too large is left alone, and the assembler can be used again")
    func tooLarge() {
        var assembler = Assembler()
        assembler.maximumSize = 100
        let exit = assembler.newLabel()
        assembler.jmp(exit)
        assembler.lea(.w64, rax, .label(assembler.constant64(1)))
        assembler.nop(89)
        #expect(assembler.isTooLarge == true)
        assembler.bind(exit)
        assembler.finish()
        #expect(assembler.isComplete == true)
        #expect(assembler.position == 101)
        assembler.reset()
        #expect(assembler.isTooLarge == false)
        assembler.ret()
        assembler.finish()
        #expect(assembler.hex == "c3")
    }

    @Test("Conditions: negated and swapped")
    func conditions() {
        for raw: UInt8 in 0..<16 {
            let condition = Condition(rawValue: raw)!
            #expect(condition.negated.negated == condition && condition.negated != condition)
            #expect(condition.swapped.swapped == condition)
        }
        #expect(Condition.less.negated == .greaterOrEqual && Condition.less.swapped == .greater)
        #expect(Condition.above.negated == .belowOrEqual && Condition.belowOrEqual.swapped == .aboveOrEqual)
    }
}
