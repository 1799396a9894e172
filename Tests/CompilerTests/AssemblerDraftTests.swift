//! Random functions: after `finish`, every instruction is where it should be and every reference arrives.

import Testing

@testable import Compiler

@Suite("Assembler drafts")
struct AssemblerDraftTests {
    private enum Item {
        /// `mov eax, serial`.
        case code(serial: UInt32)
        case jump(Condition?, label: Int)
        case call(label: Int)
        case external(symbol: UInt32)
        /// `lea rax, [label]`.
        case address(label: Int)
        case tableEntry(target: Int, anchor: Int)
        /// `add eax, [constant]`.
        case constant(UInt32)
        case align(Int, traps: Bool)
        case bind(Int)
    }

    /// xorshift64*.
    private struct Generator {
        var state: UInt64
        mutating func below(_ bound: Int) -> Int {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return Int((state &* 0x2545_F491_4F6C_DD1D) >> 33) % bound
        }
    }

    private func program(_ random: inout Generator, paddingOneIn: Int) -> [Item] {
        let labelCount = 1 + random.below(40)
        var items: [Item] = []
        for _ in 0..<random.below(400) {
            let label = random.below(labelCount)
            switch random.below(12) {
            case 0, 1, 2, 3: items.append(.code(serial: UInt32(random.below(1 << 30))))
            case 4, 5: items.append(.jump(Condition(rawValue: UInt8(random.below(16)))!, label: label))
            case 6: items.append(.jump(nil, label: label))
            case 7: items.append(.call(label: label))
            case 8: items.append(.external(symbol: UInt32(random.below(9))))
            case 9: items.append(.address(label: label))
            case 10: items.append(.constant(UInt32(random.below(12))))
            default:
                if random.below(paddingOneIn) == 0 {
                    items.append(.align(1 << random.below(7), traps: random.below(2) == 0))
                } else {
                    items.append(.tableEntry(target: label, anchor: random.below(labelCount)))
                }
            }
        }
        for label in 0..<labelCount { items.insert(.bind(label), at: random.below(items.count + 1)) }
        return items
    }

    /// Emits the items and returns their draft positions, with the end.
    private func emit(_ items: [Item], _ assembler: inout Assembler, _ labels: Label) -> Vector<UInt32> {
        func label(_ index: Int) -> Label { Label(id: labels.id + UInt32(index)) }
        var positions = Vector<UInt32>()
        for item in items {
            positions.append(assembler.position)
            switch item {
            case .code(let serial): assembler.movImmediate(0, UInt64(serial))
            case .jump(let condition?, let target): assembler.jcc(condition, label(target))
            case .jump(nil, let target): assembler.jmp(label(target))
            case .call(let target): assembler.call(label(target))
            case .external(let symbol): assembler.callExternal(symbol: symbol)
            case .address(let target): assembler.lea(.w64, 0, .label(label(target)))
            case .tableEntry(let target, let anchor):
                assembler.emitLabelOffset32(target: label(target), relativeTo: label(anchor))
            case .constant(let bits): assembler.alu(.add, .w32, 0, .label(assembler.constant32(bits)))
            case .align(let boundary, let traps):
                if traps { assembler.alignWithTraps(to: boundary) } else { assembler.align(to: boundary) }
            case .bind(let index): assembler.bind(label(index))
            }
        }
        positions.append(assembler.position)
        return positions
    }

    @Test("Random functions", arguments: 1...300 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15)
        var assembler = Assembler(capacity: 32)
        var externals = 0
        for _ in 0..<3 {
            let items = program(&random, paddingOneIn: [1, 5, 1000][Int(seed % 3)])
            let start = assembler.position
            let labels = assembler.newLabels(items.count { if case .bind = $0 { true } else { false } })
            let positions = emit(items, &assembler, labels)
            assembler.finish()
            assembler.adjust(positions)
            #expect(assembler.isComplete && positions[0] == start, "seed \(seed)")
            let wrong = firstDifference(items, positions, assembler, labels, externals: &externals)
            #expect(wrong == nil, "seed \(seed)")
        }
        #expect(externals == assembler.externalFixups.count)
    }

    /// Decodes the final code, and says which item is not what it should be.
    private func firstDifference(
        _ items: [Item], _ positions: borrowing Vector<UInt32>, _ assembler: borrowing Assembler, _ labels: Label,
        externals: inout Int,
    ) -> String? {
        let code = assembler.withBytes { Array($0) }
        func byte(_ position: Int) -> UInt8 { code[position] }
        func int32(_ position: Int) -> Int {
            Int(Int32(bitPattern: (0..<4).reduce(0) { $0 | UInt32(code[position + $1]) << UInt32(8 * $1) }))
        }
        func target(_ index: Int) -> Int { Int(assembler.offset(of: Label(id: labels.id + UInt32(index)))) }

        for (index, item) in items.enumerated() {
            let start = Int(positions[index])
            let end = Int(positions[index + 1])
            let isRight: Bool
            switch item {
            case .code(let serial):
                isRight = end - start == 5 && byte(start) == 0xB8 && int32(start + 1) == Int(serial)
            case .jump(let condition, let label):
                let short = condition.map { 0x70 | $0.rawValue } ?? 0xEB
                let arrives: Bool
                switch end - start {
                case 2: arrives = byte(start) == short && Int(Int8(bitPattern: byte(start + 1))) == target(label) - end
                case 5: arrives = condition == nil && byte(start) == 0xE9 && int32(end - 4) == target(label) - end
                case 6:
                    arrives =
                        byte(start) == 0x0F && byte(start + 1) == short + 0x10 && int32(end - 4) == target(label) - end
                default: arrives = false
                }
                isRight = arrives
            case .call(let label):
                isRight = end - start == 5 && byte(start) == 0xE8 && int32(start + 1) == target(label) - end
            case .external(let symbol):
                let fixup = assembler.externalFixups[externals]
                externals += 1
                isRight =
                    end - start == 5 && byte(start) == 0xE8 && int32(start + 1) == 0
                    && Int(fixup.position) == start + 1 && fixup.symbol == symbol
            case .address(let label):
                isRight = end - start == 7 && byte(start + 1) == 0x8D && int32(start + 3) == target(label) - end
            case .tableEntry(let label, let anchor):
                isRight = end - start == 4 && int32(start) == target(label) - target(anchor)
            case .constant(let bits):
                let place = end + int32(start + 2)
                isRight = end - start == 6 && byte(start) == 0x03 && place % 4 == 0 && int32(place) == Int(bits)
            case .align(let boundary, let traps):
                isRight =
                    end % boundary == 0 && (0..<boundary).contains(end - start)
                    && (!traps || code[start..<end].allSatisfy { $0 == 0xCC })
            case .bind(let label):
                isRight = start == end && target(label) == start
            }
            if !isRight { return "item \(index), \(item), at \(start)..<\(end): \(code[start..<end])" }
        }
        return nil
    }

    @Test("Near jumps are short when there is no padding between")
    func shortening() {
        var assembler = Assembler()
        // A chain of diamonds of about 40 bytes.
        for serial: UInt64 in 0..<1000 {
            let other = assembler.newLabel()
            let join = assembler.newLabel()
            assembler.jcc(.equal, other)
            for _ in 0..<3 { assembler.movImmediate(0, serial) }
            assembler.jmp(join)
            assembler.bind(other)
            for _ in 0..<3 { assembler.movImmediate(1, serial) }
            assembler.bind(join)
        }
        assembler.finish()
        #expect(assembler.position == 1000 * (2 + 15 + 2 + 15))
    }
}
