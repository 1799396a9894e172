//! Bounds of the vector instructions that touch memory: at the last byte that is in bounds and the first that is not, with
//! offsets that fold into addresses and those that are checked, with loads that other instructions take in.

import Mayfly
import TestSupport
import Testing
import WasmModule

@Suite struct VectorMemoryTests {
    static let opcodes = VectorOpcode.allCases.filter {
        let immediates = VectorSignature($0).immediates
        return immediates == .memory || immediates == .memoryAndLane
    }

    private static let history = MemoryHistory(pages: [1, 3])

    @Test func allAccessesAreTested() { #expect(Self.opcodes.count == 22) }

    @Test(arguments: opcodes, instructionSets)
    func everyAccessIsBounded(_ opcode: VectorOpcode, _ instructionSet: CodeSettings.InstructionSet) throws {
        let signature = VectorSignature(opcode)
        let width = Int(signature.accessBytes)
        let isStore = signature.result == nil
        let takesVector = signature.operandCount == 2
        let lanes: [UInt8?] =
            signature.immediates == .memoryAndLane ? [0, UInt8(signature.laneLimit - 1)] : [nil]
        let offsets = AccessOffsets.all(width: width)
        func name(_ offset: UInt32, _ lane: UInt8?) -> String { "\(offset) \(lane ?? 0)" }
        let template = try sharedEngine(instructionSet).compile { module in
            Self.history.defineMemory(in: &module)
            for offset in offsets {
                for lane in lanes {
                    module.function(name(offset, lane), [.i32, .v128], isStore ? [] : [.v128]) { code in
                        code.localGet(0)
                        if takesVector { code.localGet(1) }
                        code.op(opcode, offset: offset, lane: lane)
                    }
                    if isStore { continue }
                    // Nobody wants the value, but the access may trap.
                    module.function(name(offset, lane) + " dropped", [.i32, .v128], []) { code in
                        code.localGet(0)
                        if takesVector { code.localGet(1) }
                        code.op(opcode, offset: offset, lane: lane).drop()
                    }
                }
            }
        }.template()
        let vector = V128(low: 0x1716_1514_1312_1110, high: 0xFFFE_FDFC_FBFA_F9F8)
        var comparison = Comparison()
        var traps = 0
        try template.withInstance { (instance) throws in
            try Self.history.forEachLength(instance) { (instance, length) throws in
                for offset in offsets {
                    for index in AccessOffsets.indices(offset: offset, width: width, lengths: Self.history.lengths) {
                        let address = UInt64(index) + UInt64(offset)
                        let isInBounds = address + UInt64(width) <= length
                        let arguments: [Value] = [.i32(Int32(bitPattern: index)), .v128(vector)]
                        for lane in lanes {
                            let what = "\(opcode) offset=\(offset), index \(index), \(length) bytes"
                            let bytes = (0..<UInt64(width)).map {
                                UInt8(truncatingIfNeeded: ((address &+ $0) &* 0x9E37_79B9_7F4A_7C15) >> 56)
                            }
                            guard isInBounds else {
                                traps += 1
                                let end = UInt32(length) - 32
                                let tail = try instance.readBytes(at: end, count: 32)
                                comparison.expect(
                                    try instance.outcome(name(offset, lane), arguments), .trap(.memoryOutOfBounds), what
                                )
                                if !isStore {
                                    comparison.expect(
                                        try instance.outcome(name(offset, lane) + " dropped", arguments),
                                        .trap(.memoryOutOfBounds), "dropped \(what)")
                                }
                                comparison.expect(
                                    try instance.readBytes(at: end, count: 32), tail, "memory after \(what)")
                                continue
                            }
                            try instance.writeBytes(bytes, at: UInt32(address))
                            let laneIndex = Int(lane ?? 0)
                            let expected: Outcome =
                                isStore
                                ? .results([])
                                : .results([
                                    .v128(VectorReference.load(opcode, bytes, lane: laneIndex, into: vector))
                                ])
                            comparison.expect(try instance.outcome(name(offset, lane), arguments), expected, what)
                            if isStore {
                                comparison.expect(
                                    try instance.readBytes(at: UInt32(address), count: width),
                                    VectorReference.stored(opcode, vector, lane: laneIndex), "memory after \(what)")
                            }
                        }
                    }
                }
            }
        }
        #expect(traps > 300)
        comparison.report(atLeast: traps + 30)
    }

    /// Instructions that use a loaded vector, or a loaded scalar as one lane of it.
    struct LoadUse: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let width: Int
        let emit: @Sendable (CodeBuilder, UInt32) -> Void

        init(_ name: String, _ width: Int, _ emit: @escaping @Sendable (CodeBuilder, UInt32) -> Void) {
            testDescription = name
            self.width = width
            self.emit = emit
        }

        /// The index is local 0, another vector local 1.
        static let all: [LoadUse] =
            [
                VectorOpcode.i8x16Add, .i32x4Sub, .v128Andnot, .f32x4Mul, .f64x2Pmin, .i16x8Eq, .i8x16LtU, .f32x4Lt,
                .i64x2Mul, .f32x4Min, .i8x16Swizzle, .i32x4DotI16x8S, .i8x16NarrowI16x8U,
            ].flatMap { opcode in
                [
                    LoadUse("\(opcode) (other, load)", 16) {
                        $0.localGet(1).localGet(0).op(.v128Load, offset: $1).op(opcode)
                    },
                    LoadUse("\(opcode) (load, other)", 16) {
                        $0.localGet(0).op(.v128Load, offset: $1).localGet(1).op(opcode)
                    },
                ]
            }
            + [
                // Of these the machine's instruction would read fewer than 16 bytes.
                VectorOpcode.i16x8ExtendLowI8x16S, .i32x4ExtendLowI16x8U, .i64x2ExtendLowI32x4S, .f64x2PromoteLowF32x4,
                .f64x2ConvertLowI32x4S, .f64x2ConvertLowI32x4U, .i16x8ExtendHighI8x16U,
                .i8x16Abs, .f32x4Sqrt, .f64x2Ceil, .f32x4DemoteF64x2Zero, .v128Not, .i8x16Popcnt, .i32x4TruncSatF32x4U,
            ].map { opcode in
                LoadUse("\(opcode) (load)", 16) { $0.localGet(0).op(.v128Load, offset: $1).op(opcode) }
            }
            + [
                LoadUse("a lane of a loaded vector", 16) {
                    $0.localGet(0).op(.v128Load, offset: $1).op(.i32x4ExtractLane, lane: 0).op(.i32x4Splat)
                },
                LoadUse("a float lane of a loaded vector", 16) {
                    $0.localGet(0).op(.v128Load, offset: $1).op(.f32x4ExtractLane, lane: 1).op(.f32x4Splat)
                },
                LoadUse("i8x16.splat of a byte", 1) { $0.localGet(0).i32Load8U(offset: $1).op(.i8x16Splat) },
                LoadUse("i8x16.splat of a word", 4) { $0.localGet(0).i32Load(offset: $1).op(.i8x16Splat) },
                LoadUse("f64x2.splat", 8) { $0.localGet(0).f64Load(offset: $1).op(.f64x2Splat) },
                LoadUse("i64x2.replace_lane", 8) {
                    $0.localGet(1).localGet(0).i64Load(offset: $1).op(.i64x2ReplaceLane, lane: 1)
                },
                LoadUse("f32x4.replace_lane", 4) {
                    $0.localGet(1).localGet(0).f32Load(offset: $1).op(.f32x4ReplaceLane, lane: 2)
                },
                LoadUse("i16x8.replace_lane of a word", 4) {
                    $0.localGet(1).localGet(0).i32Load(offset: $1).op(.i16x8ReplaceLane, lane: 7)
                },
                LoadUse("shuffle that takes the low half", 16) {
                    $0.localGet(0).op(.v128Load, offset: $1).localGet(1)
                    $0.i8x16Shuffle([0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23])
                },
                LoadUse("shift", 16) { $0.localGet(0).op(.v128Load, offset: $1).i32Const(3).op(.i8x16ShrS) },
                LoadUse("select", 16) {
                    $0.localGet(0).op(.v128Load, offset: $1).localGet(1).localGet(1).op(.v128AnyTrue).select()
                },
            ]
    }

    @Test(arguments: LoadUse.all, instructionSets)
    func aLoadThatIsTakenInIsBounded(_ use: LoadUse, _ instructionSet: CodeSettings.InstructionSet) throws {
        let offsets: [UInt32] = [0, 1, 15, 0x1_0000, 0x7FFE_FFFF, 0x7FFF_0000, 0x8000_0000, 0xFFFF_FFF0, .max]
        let template = try sharedEngine(instructionSet).compile { module in
            Self.history.defineMemory(in: &module)
            for offset in offsets {
                module.function("\(offset)", [.i32, .v128], [.v128]) { use.emit($0, offset) }
                // The same where nothing can be taken in: the load is used once more.
                module.function("\(offset) dropped", [.i32, .v128], []) {
                    use.emit($0, offset)
                    $0.drop()
                }
            }
            // What is expected: the same instruction at the start of memory.
            module.function("reference", [.i32, .v128], [.v128]) { use.emit($0, 0) }
        }.template()
        var comparison = Comparison()
        try template.withInstance { (instance) throws in
            try Self.history.forEachLength(instance) { (instance, length) throws in
                for offset in offsets {
                    for index in AccessOffsets.indices(
                        offset: offset, width: use.width, lengths: Self.history.lengths)
                    {
                        let address = UInt64(index) + UInt64(offset)
                        let isInBounds = address + UInt64(use.width) <= length
                        let other = Value.v128(V128(low: 0x0102_0304_0506_0708, high: 0x1112_1314_1516_1718))
                        let arguments = [.i32(Int32(bitPattern: index)), other]
                        let what = "offset=\(offset), index \(index), \(length) bytes"
                        let dropped: Outcome = isInBounds ? .results([]) : .trap(.memoryOutOfBounds)
                        comparison.expect(
                            try instance.outcome("\(offset) dropped", arguments), dropped, "dropped \(what)")
                        guard isInBounds else {
                            comparison.expect(
                                try instance.outcome("\(offset)", arguments), .trap(.memoryOutOfBounds), what)
                            continue
                        }
                        let bytes = (0..<use.width).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
                        try instance.writeBytes(bytes, at: 0)
                        let expected = try instance.outcome("reference", [.i32(0), other])
                        try instance.writeBytes(bytes, at: UInt32(address))
                        comparison.expect(try instance.outcome("\(offset)", arguments), expected, what)
                    }
                }
            }
        }
        comparison.report(atLeast: 200)
    }

    /// Instructions with two operands take in only those loads whose address is constant.
    @Test(arguments: LoadUse.all) func aLoadAtAConstantAddressIsBounded(_ use: LoadUse) throws {
        let length = Self.history.lengths[0]
        let end = UInt32(length) - UInt32(use.width)
        let cases: [(index: UInt32, offset: UInt32, isInBounds: Bool)] = [
            (end, 0, true), (0, end, true), (end - 1, 1, true), (end + 1, 0, false), (0, end + 1, false),
            (1, end, false), (0, UInt32(length), false), (0, 0x7FFE_FFFF, false), (0, 0x7FFF_0000, false),
            (0x7FFF_0000, 0, false), (0xFFFF_FFFF, 0, false), (0xFFFF_FFFF, 1, false), (0xFFFF_FFFF, .max, false),
        ]
        let template = try sharedEngine.get().compile { module in
            Self.history.defineMemory(in: &module)
            for (number, access) in cases.enumerated() {
                module.function("\(number)", [.i32, .v128], [.v128]) {
                    $0.i32Const(Int32(bitPattern: access.index)).localSet(0)
                    use.emit($0, access.offset)
                }
            }
            module.function("reference", [.i32, .v128], [.v128]) { use.emit($0, 0) }
        }.template()
        let other = Value.v128(V128(low: 0x0102_0304_0506_0708, high: 0x1112_1314_1516_1718))
        var comparison = Comparison()
        try template.withInstance { (instance) throws in
            let bytes = (0..<use.width).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
            for (number, access) in cases.enumerated() {
                try instance.writeBytes(bytes, at: 0)
                var expected = Outcome.trap(.memoryOutOfBounds)
                if access.isInBounds {
                    expected = try instance.outcome("reference", [.i32(0), other])
                    try instance.writeBytes(bytes, at: access.index + access.offset)
                }
                comparison.expect(
                    try instance.outcome("\(number)", [.i32(0), other]), expected,
                    "offset=\(access.offset), index \(access.index)")
            }
        }
        comparison.report(atLeast: cases.count)
    }
}
