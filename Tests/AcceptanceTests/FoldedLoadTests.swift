//! Loads that an instruction may take as an operand from memory: arithmetic, comparisons, conversions, selections,
//! branches, calls. The same bounds hold there as for a load on its own, and a trap is the load's.

import Mayfly
import TestSupport
import Testing
import WasmModule

/// An instruction with a loaded operand.
struct LoadUse: Sendable, CustomTestStringConvertible {
    let name: String
    /// Of the loaded operand, in memory and on the stack.
    let load: MemoryAccess
    /// The operand's value and the result's, with which other operand.
    let memory: Value
    let other: Value
    let result: Value
    /// Writes the instruction: first the builder, then what pushes the loaded operand at an offset.
    let emit: @Sendable (CodeBuilder, _ load: (CodeBuilder) -> Void) -> Void

    var testDescription: String { name }

    private init(
        _ name: String, _ opcode: Opcode, _ memory: Value, _ other: Value, _ result: Value,
        _ emit: @escaping @Sendable (CodeBuilder, (CodeBuilder) -> Void) -> Void
    ) {
        self.name = name
        load = MemoryAccess.all.first { $0.opcode == opcode }!
        (self.memory, self.other, self.result, self.emit) = (memory, other, result, emit)
    }

    /// `other op load` for a binary instruction; the other operand is parameter 1.
    private static func right(
        _ name: String, _ load: Opcode, _ op: Opcode, _ memory: Value, _ other: Value, _ result: Value
    ) -> LoadUse {
        LoadUse("\(name) (other, load)", load, memory, other, result) { code, load in
            load(code.localGet(1))
            code.op(op)
        }
    }

    /// `load op other`.
    private static func left(
        _ name: String, _ load: Opcode, _ op: Opcode, _ memory: Value, _ other: Value, _ result: Value
    ) -> LoadUse {
        LoadUse("\(name) (load, other)", load, memory, other, result) { code, load in
            load(code)
            code.localGet(1).op(op)
        }
    }

    private static func unary(_ name: String, _ load: Opcode, _ op: Opcode, _ memory: Value, _ result: Value) -> LoadUse
    {
        LoadUse("\(name) (load)", load, memory, .i32(0), result) { code, load in
            load(code)
            code.op(op)
        }
    }

    static let all: [LoadUse] = integers + floats + control

    private static let integers: [LoadUse] = {
        let (a, b): (Int32, Int32) = (-1_000_003, 77_777)
        let (c, d): (Int64, Int64) = (-1_000_000_000_039, 88_888_888_877)
        func bool(_ value: Bool) -> Value { .i32(value ? 1 : 0) }
        return [
            right("i32.add", .i32Load, .i32Add, .i32(a), .i32(b), .i32(a &+ b)),
            left("i32.add", .i32Load, .i32Add, .i32(a), .i32(b), .i32(a &+ b)),
            right("i32.sub", .i32Load, .i32Sub, .i32(a), .i32(b), .i32(b &- a)),
            left("i32.sub", .i32Load, .i32Sub, .i32(a), .i32(b), .i32(a &- b)),
            right("i32.and", .i32Load, .i32And, .i32(a), .i32(b), .i32(a & b)),
            right("i32.or", .i32Load, .i32Or, .i32(a), .i32(b), .i32(a | b)),
            right("i32.xor", .i32Load, .i32Xor, .i32(a), .i32(b), .i32(a ^ b)),
            right("i32.mul", .i32Load, .i32Mul, .i32(a), .i32(b), .i32(a &* b)),
            left("i32.div_s", .i32Load, .i32DivS, .i32(a), .i32(b), .i32(a / b)),
            right("i32.div_s", .i32Load, .i32DivS, .i32(b), .i32(a), .i32(a / b)),
            right("i32.shl", .i32Load, .i32Shl, .i32(5), .i32(b), .i32(b << 5)),
            right("i32.eq", .i32Load, .i32Eq, .i32(a), .i32(a), bool(true)),
            right("i32.lt_s", .i32Load, .i32LtS, .i32(a), .i32(b), bool(false)),
            left("i32.lt_s", .i32Load, .i32LtS, .i32(a), .i32(b), bool(true)),
            left("i32.lt_u", .i32Load, .i32LtU, .i32(a), .i32(b), bool(false)),
            unary("i32.eqz", .i32Load, .i32Eqz, .i32(0), bool(true)),
            unary("i32.clz", .i32Load, .i32Clz, .i32(b), .i32(15)),
            unary("i32.popcnt", .i32Load, .i32Popcnt, .i32(b), .i32(Int32(b.nonzeroBitCount))),
            unary("i64.extend_i32_s", .i32Load, .i64ExtendI32S, .i32(a), .i64(Int64(a))),
            unary("i64.extend_i32_u", .i32Load, .i64ExtendI32U, .i32(a), .i64(Int64(UInt32(bitPattern: a)))),
            right("i32.add of 8 bits", .i32Load8U, .i32Add, .i32(200), .i32(b), .i32(b + 200)),
            left("i32.eq of 8 bits", .i32Load8U, .i32Eq, .i32(200), .i32(200), bool(true)),
            left("i32.lt_s of 16 bits", .i32Load16S, .i32LtS, .i32(-5), .i32(-4), bool(true)),
            right("i64.add", .i64Load, .i64Add, .i64(c), .i64(d), .i64(c &+ d)),
            right("i64.sub", .i64Load, .i64Sub, .i64(c), .i64(d), .i64(d &- c)),
            right("i64.xor", .i64Load, .i64Xor, .i64(c), .i64(d), .i64(c ^ d)),
            right("i64.mul", .i64Load, .i64Mul, .i64(c), .i64(d), .i64(c &* d)),
            left("i64.rem_s", .i64Load, .i64RemS, .i64(c), .i64(d), .i64(c % d)),
            left("i64.ge_u", .i64Load, .i64GeU, .i64(c), .i64(d), bool(true)),
            right("i64.eq", .i64Load, .i64Eq, .i64(c), .i64(d), bool(false)),
            unary("i32.wrap_i64", .i64Load, .i32WrapI64, .i64(c), .i32(Int32(truncatingIfNeeded: c))),
            right("i64.add of 32 bits", .i64Load32U, .i64Add, .i64(0xFFFF_FFF0), .i64(d), .i64(d + 0xFFFF_FFF0)),
        ]
    }()

    private static let floats: [LoadUse] = {
        let (a, b): (Float, Float) = (-12.75, 3.5)
        let (c, d): (Double, Double) = (-1e100, 4.25)
        return [
            right("f32.add", .f32Load, .f32Add, .f32(a), .f32(b), .f32(a + b)),
            right("f32.sub", .f32Load, .f32Sub, .f32(a), .f32(b), .f32(b - a)),
            right("f32.mul", .f32Load, .f32Mul, .f32(a), .f32(b), .f32(a * b)),
            right("f32.div", .f32Load, .f32Div, .f32(a), .f32(b), .f32(b / a)),
            right("f32.min", .f32Load, .f32Min, .f32(a), .f32(b), .f32(a)),
            left("f32.lt", .f32Load, .f32Lt, .f32(a), .f32(b), .i32(1)),
            right("f32.gt", .f32Load, .f32Gt, .f32(a), .f32(b), .i32(1)),
            unary("f32.sqrt", .f32Load, .f32Sqrt, .f32(12.25), .f32(3.5)),
            unary("f32.floor", .f32Load, .f32Floor, .f32(a), .f32(-13)),
            unary("f32.neg", .f32Load, .f32Neg, .f32(a), .f32(-a)),
            unary("f64.promote_f32", .f32Load, .f64PromoteF32, .f32(a), .f64(Double(a))),
            unary("i32.reinterpret_f32", .f32Load, .i32ReinterpretF32, .f32(a), .i32(Int32(bitPattern: a.bitPattern))),
            unary("i32.trunc_f32_s", .f32Load, .i32TruncF32S, .f32(a), .i32(-12)),
            right("f64.add", .f64Load, .f64Add, .f64(c), .f64(d), .f64(c + d)),
            right("f64.sub", .f64Load, .f64Sub, .f64(c), .f64(d), .f64(d - c)),
            right("f64.mul", .f64Load, .f64Mul, .f64(c), .f64(d), .f64(c * d)),
            left("f64.div", .f64Load, .f64Div, .f64(c), .f64(d), .f64(c / d)),
            right("f64.max", .f64Load, .f64Max, .f64(c), .f64(d), .f64(d)),
            left("f64.le", .f64Load, .f64Le, .f64(c), .f64(d), .i32(1)),
            right("f64.eq", .f64Load, .f64Eq, .f64(c), .f64(d), .i32(0)),
            unary("f64.sqrt", .f64Load, .f64Sqrt, .f64(20.25), .f64(4.5)),
            unary("f64.abs", .f64Load, .f64Abs, .f64(c), .f64(-c)),
            unary("f64.nearest", .f64Load, .f64Nearest, .f64(2.5), .f64(2)),
            unary("f32.demote_f64", .f64Load, .f32DemoteF64, .f64(d), .f32(4.25)),
            unary("i64.trunc_f64_s", .f64Load, .i64TruncF64S, .f64(d), .i64(4)),
            unary("f64.convert_i32_s", .i32Load, .f64ConvertI32S, .i32(-9), .f64(-9)),
            unary("f32.convert_i64_s", .i64Load, .f32ConvertI64S, .i64(-9), .f32(-9)),
            unary("f64.reinterpret_i64", .i64Load, .f64ReinterpretI64, .i64(Int64(bitPattern: d.bitPattern)), .f64(d)),
        ]
    }()

    private static let control: [LoadUse] = [
        LoadUse("select by a loaded condition", .i32Load, .i32(3), .i32(8), .i32(8)) { code, load in
            code.localGet(1).i32Const(7)
            load(code)
            code.select()
        },
        LoadUse("select of a loaded value", .i64Load, .i64(3), .i32(1), .i64(3)) { code, load in
            load(code)
            code.i64Const(9).localGet(1).select()
        },
        LoadUse("br_if on a loaded condition", .i32Load8U, .i32(1), .i32(8), .i32(8)) { code, load in
            code.block(.value(.i32)) { code in
                code.localGet(1)
                load(code)
                code.brIf(0).drop().i32Const(-1)
            }
        },
        LoadUse("if on a comparison with a loaded value", .i64Load, .i64(-3), .i64(-2), .i32(1)) { code, load in
            load(code)
            code.localGet(1).i64LtS().if(.value(.i32)) {
                $0.i32Const(1)
            } else: {
                $0.i32Const(2)
            }
        },
        LoadUse("br_table on a loaded index", .i32Load, .i32(1), .i32(0), .i32(5)) { code, load in
            code.block(.value(.i32)) { code in
                code.block { code in
                    code.block { code in
                        load(code)
                        code.brTable([0, 1], default: 0)
                    }
                    code.i32Const(4).br(1)
                }
                code.i32Const(5)
            }
        },
        // Function 0 returns its argument plus one; it is element 2.
        LoadUse("call with a loaded argument", .i32Load, .i32(41), .i32(0), .i32(42)) { code, load in
            load(code)
            code.call(0)
        },
        LoadUse("call_indirect by a loaded index", .i32Load16U, .i32(2), .i32(41), .i32(42)) { code, load in
            code.localGet(1)
            load(code)
            code.callIndirect(type: 0)
        },
        // No case writes there.
        LoadUse("a loaded address", .i32Load, .i32(0x8000), .i32(0), .i32(77)) { code, load in
            load(code)
            code.i32Load8U()
        },
    ]
}

@Suite struct FoldedLoadTests {
    /// Loaded, added to and stored back where it came from: one instruction on this machine.
    struct Update: Sendable, CustomTestStringConvertible {
        let load: MemoryAccess
        let store: MemoryAccess
        let add: Opcode

        var testDescription: String { "\(load.name), \(store.name)" }

        init(_ load: Opcode, _ store: Opcode, _ add: Opcode) {
            self.load = MemoryAccess.all.first { $0.opcode == load }!
            self.store = MemoryAccess.all.first { $0.opcode == store }!
            self.add = add
        }

        static let all = [
            Update(.i32Load, .i32Store, .i32Add), Update(.i64Load, .i64Store, .i64Add),
            Update(.i32Load8U, .i32Store8, .i32Add), Update(.i64Load16U, .i64Store16, .i64Add),
            Update(.f32Load, .f32Store, .f32Add), Update(.f64Load, .f64Store, .f64Add),
        ]
    }

    private static let history = MemoryHistory(pages: [1, 3])

    private static func defineCommon(_ module: inout WasmBuilder) {
        let next = module.function(nil, [.i32], [.i32]) { $0.localGet(0).i32Const(1).i32Add() }
        history.defineMemory(in: &module)
        module.table(.funcref, 3)
        module.element(at: 2, functions: [next])
        module.data(at: 0x8000, [77])
    }

    @Test(arguments: LoadUse.all, instructionSets)
    func aFoldedLoadIsBounded(_ use: LoadUse, _ instructionSet: CodeSettings.InstructionSet) throws {
        let width = use.load.width
        let offsets = AccessOffsets.all(width: width)
        let template = try sharedEngine(instructionSet).compile { module in
            Self.defineCommon(&module)
            for offset in offsets {
                module.function("\(offset)", [.i32, use.other.type], [use.result.type]) { code in
                    use.emit(code) { use.load.emit($0.localGet(0), offset: offset) }
                }
                // The result thrown away: the load has to trap all the same.
                module.function("\(offset) dropped", [.i32, use.other.type], []) { code in
                    use.emit(code) { use.load.emit($0.localGet(0), offset: offset) }
                    code.drop()
                }
            }
        }.template()
        let bytes = (0..<width).map { UInt8(truncatingIfNeeded: use.memory.bits >> UInt64(8 * $0)) }
        var comparison = Comparison()
        var traps = 0
        try template.withInstance { (instance) throws in
            try Self.history.forEachLength(instance) { (instance, length) throws in
                for offset in offsets {
                    for index in AccessOffsets.indices(offset: offset, width: width, lengths: Self.history.lengths) {
                        let address = UInt64(index) + UInt64(offset)
                        let isInBounds = address + UInt64(width) <= length
                        if isInBounds { try instance.writeBytes(bytes, at: UInt32(address)) } else { traps += 1 }
                        let arguments = [.i32(Int32(bitPattern: index)), use.other]
                        let what = "offset=\(offset), index \(index), \(length) bytes"
                        comparison.expect(
                            try instance.outcome("\(offset)", arguments),
                            isInBounds ? .results([use.result]) : .trap(.memoryOutOfBounds), what)
                        comparison.expect(
                            try instance.outcome("\(offset) dropped", arguments),
                            isInBounds ? .results([]) : .trap(.memoryOutOfBounds), "dropped, \(what)")
                    }
                }
            }
        }
        #expect(traps > 300)
        comparison.report(atLeast: 2 * traps + 50)
    }

    @Test(arguments: Update.all, instructionSets)
    func anUpdateInPlaceIsBounded(_ update: Update, _ instructionSet: CodeSettings.InstructionSet) throws {
        let (load, store) = (update.load, update.store)
        let offsets = AccessOffsets.all(width: load.width)
        let template = try sharedEngine(instructionSet).compile { module in
            Self.defineCommon(&module)
            for offset in offsets {
                module.function("\(offset)", [.i32, load.type], []) { code in
                    load.emit(code.localGet(0).localGet(0), offset: offset)
                    store.emit(code.localGet(1).op(update.add), offset: offset)
                }
            }
        }.template()
        func bytes(_ value: Value) -> [UInt8] {
            (0..<load.width).map { UInt8(truncatingIfNeeded: value.bits >> UInt64(8 * $0)) }
        }
        let (before, added, after): (Value, Value, Value) =
            switch load.type {
            case .i32: (.i32(100), .i32(27), .i32(127))
            case .i64: (.i64(100), .i64(27), .i64(127))
            case .f32: (.f32(100), .f32(27), .f32(127))
            default: (.f64(100), .f64(27), .f64(127))
            }
        var comparison = Comparison()
        try template.withInstance { (instance) throws in
            try Self.history.forEachLength(instance) { (instance, length) throws in
                let end = UInt32(length) - 16
                for offset in offsets {
                    for index in AccessOffsets.indices(offset: offset, width: load.width, lengths: Self.history.lengths)
                    {
                        let address = UInt64(index) + UInt64(offset)
                        let isInBounds = address + UInt64(load.width) <= length
                        let what = "offset=\(offset), index \(index), \(length) bytes"
                        if isInBounds { try instance.writeBytes(bytes(before), at: UInt32(address)) }
                        let tail = try instance.readBytes(at: end, count: 16)
                        comparison.expect(
                            try instance.outcome("\(offset)", [.i32(Int32(bitPattern: index)), added]),
                            isInBounds ? .results([]) : .trap(.memoryOutOfBounds), what)
                        if isInBounds {
                            let found = try instance.readBytes(at: UInt32(address), count: load.width)
                            comparison.expect(found, bytes(after), "memory after \(what)")
                        } else {
                            comparison.expect(
                                try instance.readBytes(at: end, count: 16), tail, "memory after \(what)")
                        }
                    }
                }
            }
        }
        comparison.report(atLeast: 1000)
    }
}
