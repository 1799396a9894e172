//! The expressions of random programs: every numeric operator, loads, selects, calls and valued blocks, with operands
//! chosen so that the shapes an instruction selector looks for are common.

public import WasmModule

extension ModuleGenerator {
    private static func range(_ opcodes: ClosedRange<UInt8>) -> [Opcode] { opcodes.compactMap { Opcode(rawValue: $0) } }

    private static let i32Unary = range(0x67...0x69) + range(0xC0...0xC1)
    private static let i64Unary = range(0x79...0x7B) + range(0xC2...0xC4)
    private static let f32Unary = range(0x8B...0x91)
    private static let f64Unary = range(0x99...0x9F)
    private static let i32Binary = range(0x6A...0x6C) + range(0x71...0x78)
    private static let i64Binary = range(0x7C...0x7E) + range(0x83...0x8A)
    private static let f32Binary = range(0x92...0x97)
    private static let f64Binary = range(0xA0...0xA5)
    private static let i32Division = range(0x6D...0x70)
    private static let i64Division = range(0x7F...0x82)

    /// Code that pushes a value of the type.
    mutating func expression(_ type: ValueType, depth: Int) {
        guard depth > 0, spend(1) else { return leaf(type) }
        switch random.below(20) {
        case 0: leaf(type)
        case 1: load(type)
        case 2: select(type, depth: depth)
        case 3: if !call(wanting: type) { leaf(type) }
        case 4: valuedIf(type, depth: depth)
        case 5: valuedBlock(type, depth: depth)
        case 6:
            expression(type, depth: depth - 1)
            code.localTee(local(type, toWrite: true))
        default: numeric(type, depth: depth)
        }
    }

    private mutating func leaf(_ type: ValueType) {
        let candidates = globals.indices.filter { globals[$0] == type }
        if random.oneIn(4) {
            constant(type)
        } else if random.oneIn(6), !candidates.isEmpty {
            code.globalGet(UInt32(random.pick(candidates)))
        } else {
            code.localGet(local(type, toWrite: false))
        }
    }

    // MARK: Constants

    mutating func constant(_ type: ValueType) {
        let bits = interestingBits(type)
        code.const(type, bits: bits)
    }

    public mutating func interestingBits(_ type: ValueType) -> UInt64 {
        Self.interestingBits(type, &random)
    }

    /// Bits of a value near one where behaviour changes. A NaN is the canonical one.
    public static func interestingBits(_ type: ValueType, _ random: inout SeededGenerator) -> UInt64 {
        func integer(_ width: Int) -> UInt64 {
            let mask = width == 32 ? 0xFFFF_FFFF : UInt64.max
            return switch random.below(6) {
            case 0: UInt64(random.below(16))
            case 1: UInt64(bitPattern: Int64(-random.below(130))) & mask
            case 2: (UInt64(1) << UInt64(random.below(width)) &+ UInt64(bitPattern: Int64(random.below(3) - 1))) & mask
            case 3: UInt64(random.below(70_000))
            case 4: random.next() & mask >> UInt64(random.below(width))
            default: random.next() & mask
            }
        }
        switch type {
        case .i32: return integer(32)
        case .i64: return integer(64)
        case .f32:
            let choices: [Float] = [
                0, -0.0, 1, -1, 0.5, 3.75, -2147483648, 2147483648, 4294967296, 9.223372e18, 1.8446744e19, .infinity,
                -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 8388608.5, -0.99,
            ]
            if random.oneIn(12) { return 0x7FC0_0000 }
            if random.oneIn(2) { return UInt64(random.pick(choices).bitPattern) }
            return UInt64((Float(Int32(truncatingIfNeeded: random.next())) / 65536).bitPattern)
        default:
            let choices: [Double] = [
                0, -0.0, 1, -1, 0.5, 3.75, -2147483648, -2147483649, 2147483647.5, 4294967295, 4294967296,
                9223372036854775808, 18446744073709551616, .infinity, -.infinity, .leastNonzeroMagnitude,
                .greatestFiniteMagnitude, 4503599627370496.5, -0.99,
            ]
            if random.oneIn(12) { return 0x7FF8_0000_0000_0000 }
            if random.oneIn(2) { return random.pick(choices).bitPattern }
            return (Double(Int64(bitPattern: random.next())) / 4294967296).bitPattern
        }
    }

    /// An operand of a binary operator: often a constant or a load, which instructions take in themselves.
    private mutating func operand(_ type: ValueType, depth: Int) {
        switch random.below(5) {
        case 0: constant(type)
        case 1: load(type)
        default: expression(type, depth: depth - 1)
        }
    }

    // MARK: Numbers

    private mutating func numeric(_ type: ValueType, depth: Int) {
        switch type {
        case .i32: i32(depth)
        case .i64: i64(depth)
        case .f32: f32(depth)
        default: f64(depth)
        }
    }

    private mutating func binary(_ type: ValueType, _ opcodes: [Opcode], _ depth: Int) {
        if random.oneIn(6) { operand(type, depth: depth) } else { expression(type, depth: depth - 1) }
        operand(type, depth: depth)
        code.op(random.pick(opcodes))
    }

    private mutating func unary(_ type: ValueType, _ opcodes: [Opcode], _ depth: Int) {
        expression(type, depth: depth - 1)
        code.op(random.pick(opcodes))
    }

    private mutating func i32(_ depth: Int) {
        switch random.below(16) {
        case 0...5: binary(.i32, Self.i32Binary, depth)
        case 6: unary(.i32, Self.i32Unary, depth)
        case 7: division(.i32, depth)
        case 8, 9: condition(depth: depth)
        case 10, 11: unary(.i64, [.i32WrapI64], depth)
        case 12:
            expression(.f32, depth: depth - 1)
            canonicalizeNaN(.f32)
            code.op(.i32ReinterpretF32)
        case 13: truncation([.i32TruncSatF32S, .i32TruncSatF32U], [.i32TruncF32S, .i32TruncF32U], .f32, depth)
        case 14: truncation([.i32TruncSatF64S, .i32TruncSatF64U], [.i32TruncF64S, .i32TruncF64U], .f64, depth)
        default: scaledSum(.i32, depth)
        }
    }

    private mutating func i64(_ depth: Int) {
        switch random.below(16) {
        case 0...6: binary(.i64, Self.i64Binary, depth)
        case 7: unary(.i64, Self.i64Unary, depth)
        case 8: division(.i64, depth)
        case 9, 10, 11: unary(.i32, [.i64ExtendI32S, .i64ExtendI32U], depth)
        case 12:
            expression(.f64, depth: depth - 1)
            canonicalizeNaN(.f64)
            code.op(.i64ReinterpretF64)
        case 13: truncation([.i64TruncSatF32S, .i64TruncSatF32U], [.i64TruncF32S, .i64TruncF32U], .f32, depth)
        case 14: truncation([.i64TruncSatF64S, .i64TruncSatF64U], [.i64TruncF64S, .i64TruncF64U], .f64, depth)
        default: scaledSum(.i64, depth)
        }
    }

    private mutating func f32(_ depth: Int) {
        switch random.below(12) {
        case 0...4: binary(.f32, Self.f32Binary, depth)
        case 5: unary(.f32, Self.f32Unary, depth)
        case 6: unary(.i32, [.f32ConvertI32S, .f32ConvertI32U], depth)
        case 7: unary(.i64, [.f32ConvertI64S, .f32ConvertI64U], depth)
        case 8: unary(.f64, [.f32DemoteF64], depth)
        case 9: unary(.i32, [.f32ReinterpretI32], depth)
        case 10: copysign(.f32, .f32Copysign, depth)
        default: load(.f32)
        }
    }

    private mutating func f64(_ depth: Int) {
        switch random.below(12) {
        case 0...4: binary(.f64, Self.f64Binary, depth)
        case 5: unary(.f64, Self.f64Unary, depth)
        case 6: unary(.i32, [.f64ConvertI32S, .f64ConvertI32U], depth)
        case 7: unary(.i64, [.f64ConvertI64S, .f64ConvertI64U], depth)
        case 8: unary(.f32, [.f64PromoteF32], depth)
        case 9: unary(.i64, [.f64ReinterpretI64], depth)
        case 10: copysign(.f64, .f64Copysign, depth)
        default: load(.f64)
        }
    }

    private mutating func copysign(_ type: ValueType, _ opcode: Opcode, _ depth: Int) {
        expression(type, depth: depth - 1)
        expression(type, depth: depth - 1)
        canonicalizeNaN(type)
        code.op(opcode)
    }

    /// `a + (b << k)` and the like, as array accesses compute.
    private mutating func scaledSum(_ type: ValueType, _ depth: Int) {
        let isWide = type == .i64
        expression(type, depth: depth - 1)
        expression(type, depth: depth - 1)
        code.const(type, bits: UInt64(random.below(5)))
        code.op(isWide ? .i64Shl : .i32Shl).op(isWide ? .i64Add : .i32Add)
        if random.oneIn(2) {
            constant(type)
            code.op(isWide ? .i64Add : .i32Add)
        }
    }

    private mutating func division(_ type: ValueType, _ depth: Int) {
        let isWide = type == .i64
        let opcode = random.pick(isWide ? Self.i64Division : Self.i32Division)
        expression(type, depth: depth - 1)
        if random.oneIn(2) {
            // By a constant, which selectors turn into other instructions.
            var divisor = interestingBits(type)
            if divisor == 0 || divisor == (isWide ? UInt64.max : 0xFFFF_FFFF) { divisor = 10 }
            code.const(type, bits: divisor)
        } else {
            expression(type, depth: depth - 1)
            if !(options.canTrap && random.oneIn(4)) {
                // Neither 0 nor -1.
                code.const(type, bits: isWide ? UInt64(Int64.max) : 0x7FFF_FFFF).op(isWide ? .i64And : .i32And)
                code.const(type, bits: 1).op(isWide ? .i64Or : .i32Or)
            }
        }
        code.op(opcode)
    }

    private mutating func truncation(
        _ saturating: [PrefixedOpcodeFC], _ trapping: [Opcode], _ type: ValueType, _ depth: Int
    ) {
        expression(type, depth: depth - 1)
        if options.canTrap && random.oneIn(6) {
            code.op(random.pick(trapping))
        } else {
            code.op(random.pick(saturating))
        }
    }

    /// Pushes an i32 that is mostly the outcome of a comparison.
    mutating func condition(depth: Int = 2) {
        switch random.below(10) {
        case 0...3: binary(.i32, Self.range(0x46...0x4F), depth)
        case 4, 5: binary(.i64, Self.range(0x51...0x5A), depth)
        case 6: binary(.f32, Self.range(0x5B...0x60), depth)
        case 7: binary(.f64, Self.range(0x61...0x66), depth)
        case 8: unary(.i32, [.i32Eqz], depth)
        default: unary(.i64, [.i64Eqz], depth)
        }
    }

    // MARK: Choices

    private mutating func select(_ type: ValueType, depth: Int) {
        expression(type, depth: depth - 1)
        expression(type, depth: depth - 1)
        condition(depth: depth)
        if random.oneIn(2) { code.select() } else { code.select([type]) }
    }

    private mutating func valuedIf(_ type: ValueType, depth: Int) {
        condition(depth: depth)
        code.if(.value(type))
        labels.append(Label(types: [type], isTarget: true))
        expression(type, depth: depth - 1)
        code.else()
        expression(type, depth: depth - 1)
        labels.removeLast()
        code.end()
    }

    private mutating func valuedBlock(_ type: ValueType, depth: Int) {
        code.block(.value(type))
        labels.append(Label(types: [type], isTarget: true))
        expression(type, depth: depth - 1)
        condition(depth: 1)
        code.brIf(0)
        if random.oneIn(2) {
            code.drop()
            expression(type, depth: depth - 1)
        }
        labels.removeLast()
        code.end()
    }

    // MARK: Memory

    /// Pushes an address below 34 KiB: with the offsets of `load` and stores, inside the first page.
    mutating func address() {
        if options.canTrap && random.oneIn(40) { return expression(.i32, depth: 1) }
        switch random.below(4) {
        case 0: code.i32Const(Int32(random.below(512)))
        case 1:
            expression(.i32, depth: 1)
            code.i32Const(0xFF).op(.i32And).i32Const(Int32(random.below(5))).op(.i32Shl)
            if random.oneIn(2) { code.i32Const(Int32(random.below(1024))).op(.i32Add) }
        default:
            expression(.i32, depth: 1)
            code.i32Const(random.oneIn(3) ? 0x7FFF : 0x1FF).op(.i32And)
        }
    }

    private mutating func offset() -> UInt32 {
        if options.canTrap && random.oneIn(60) { return UInt32(truncatingIfNeeded: random.next()) }
        return random.oneIn(2) ? 0 : UInt32(random.below(16_000))
    }

    private mutating func load(_ type: ValueType) {
        let opcodes: [Opcode] =
            switch type {
            case .i32: [.i32Load] + Self.range(0x2C...0x2F)
            case .i64: [.i64Load] + Self.range(0x30...0x35)
            case .f32: [.f32Load]
            default: [.f64Load]
            }
        address()
        code.op(random.pick(opcodes)).u32(0).u32(offset())
    }

    mutating func storeOpcode(_ type: ValueType) {
        let opcodes: [Opcode] =
            switch type {
            case .i32: [.i32Store, .i32Store8, .i32Store16]
            case .i64: [.i64Store, .i64Store8, .i64Store16, .i64Store32]
            case .f32: [.f32Store]
            default: [.f64Store]
            }
        code.op(random.pick(opcodes)).u32(0).u32(offset())
    }

    // MARK: Floats

    /// Replaces a NaN on the stack by the canonical one.
    mutating func canonicalizeNaN(_ type: ValueType) {
        guard type == .f32 || type == .f64 else { return }
        let scratch = reserve(type)
        code.localTee(scratch)
        code.const(type, bits: type == .f32 ? 0x7FC0_0000 : 0x7FF8_0000_0000_0000)
        code.localGet(scratch).localGet(scratch).op(type == .f32 ? .f32Eq : .f64Eq)
        code.select()
    }
}
