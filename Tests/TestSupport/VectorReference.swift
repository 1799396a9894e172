//! What the vector instructions compute, lane by lane in plain Swift, from the specification. Knows nothing of the compiler.
//!
//! Scalars are in the lowest bits of a vector. Where the specification leaves open which NaN comes out, the result here has any
//! NaN, and `VectorReference.matches` accepts each. Of the relaxed instructions it is the result that this engine promises.

public import WasmModule

public enum VectorReference {
    /// The result of an instruction that touches no memory.
    ///
    /// - Parameters:
    ///   - operands: in the order of the specification.
    ///   - lane: the lane index, if there is one.
    ///   - lanes: the indices of a shuffle.
    public static func apply(
        _ opcode: VectorOpcode, _ operands: [V128], lane: Int = 0, lanes: [UInt8] = []
    ) -> V128 {
        let a = operands.first ?? V128()
        let b = operands.count > 1 ? operands[1] : V128()
        let c = operands.count > 2 ? operands[2] : V128()
        let name = "\(opcode)"
        switch opcode {
        case .i8x16Shuffle:
            return V128(lanes: lanes.map { $0 < 16 ? a[UInt8.self, Int($0)] : b[UInt8.self, Int($0) - 16] })
        case .i8x16Swizzle, .i8x16RelaxedSwizzle:
            return V128(lanes: b.lanes(of: UInt8.self).map { $0 < 16 ? a[UInt8.self, Int($0)] : 0 })
        case .v128Not: return V128(low: ~a.low, high: ~a.high)
        case .v128And: return V128(low: a.low & b.low, high: a.high & b.high)
        case .v128Andnot: return V128(low: a.low & ~b.low, high: a.high & ~b.high)
        case .v128Or: return V128(low: a.low | b.low, high: a.high | b.high)
        case .v128Xor: return V128(low: a.low ^ b.low, high: a.high ^ b.high)
        case .v128Bitselect, .i8x16RelaxedLaneselect, .i16x8RelaxedLaneselect, .i32x4RelaxedLaneselect,
            .i64x2RelaxedLaneselect:
            return V128(low: a.low & c.low | b.low & ~c.low, high: a.high & c.high | b.high & ~c.high)
        case .v128AnyTrue: return V128(low: a.low | a.high != 0 ? 1 : 0)
        default: break
        }
        if let result = conversion(opcode, a, b, c) { return result }
        let operation = String(name.dropFirst(5))
        switch name.prefix(5) {
        case "i8x16": return integer(operation, a, b, lane, UInt8.self, Int8.self)
        case "i16x8": return integer(operation, a, b, lane, UInt16.self, Int16.self)
        case "i32x4": return integer(operation, a, b, lane, UInt32.self, Int32.self)
        case "i64x2": return integer(operation, a, b, lane, UInt64.self, Int64.self)
        case "f32x4":
            return float(
                operation, a, b, c, lane,
                FloatLanes(Float.self) {
                    $0.bitPattern
                } make: {
                    Float(bitPattern: $0)
                })
        default:
            return float(
                operation, a, b, c, lane,
                FloatLanes(Double.self) {
                    $0.bitPattern
                } make: {
                    Double(bitPattern: $0)
                })
        }
    }

    /// Whether a result is an allowed one: NaNs are alike where an operation on floats made them.
    public static func matches(_ opcode: VectorOpcode, _ expected: V128, _ actual: V128) -> Bool {
        if expected == actual { return true }
        guard let bits = floatBits(ofResult: opcode) else { return false }
        if bits == 32 {
            return zip(expected.lanes(of: UInt32.self), actual.lanes(of: UInt32.self)).allSatisfy {
                // Whatever it is, it must be quiet.
                $0 == $1 || Float(bitPattern: $0).isNaN && $1 & 0x7FC0_0000 == 0x7FC0_0000
            }
        }
        return zip(expected.lanes(of: UInt64.self), actual.lanes(of: UInt64.self)).allSatisfy {
            $0 == $1 || Double(bitPattern: $0).isNaN && $1 & 0x7FF8_0000_0000_0000 == 0x7FF8_0000_0000_0000
        }
    }

    /// 32 or 64 if an instruction's result has lanes of floats in which it may have made NaNs.
    public static func floatBits(ofResult opcode: VectorOpcode) -> Int? {
        let name = "\(opcode)"
        let made = [
            "Ceil", "Floor", "Trunc", "Nearest", "Sqrt", "Add", "Sub", "Mul", "Div", "Min", "Max", "DemoteF64x2Zero",
            "PromoteLowF32x4", "RelaxedMadd", "RelaxedNmadd",
        ]
        guard made.contains(String(name.dropFirst(5))) else { return nil }
        return name.hasPrefix("f32x4") ? 32 : name.hasPrefix("f64x2") ? 64 : nil
    }

    // MARK: Integers

    private static func integer<U: FixedWidthInteger & UnsignedInteger, S: FixedWidthInteger & SignedInteger>(
        _ operation: String, _ a: V128, _ b: V128, _ lane: Int, _: U.Type, _: S.Type
    ) -> V128 {
        let left = a.lanes(of: U.self)
        let right = b.lanes(of: U.self)
        func signed(_ lane: U) -> S { S(truncatingIfNeeded: lane) }
        func each(_ body: (U) -> U) -> V128 { V128(lanes: left.map(body)) }
        func both(_ body: (U, U) -> U) -> V128 { V128(lanes: zip(left, right).map(body)) }
        func bothSigned(_ body: (S, S) -> S) -> V128 {
            V128(lanes: zip(left, right).map { U(truncatingIfNeeded: body(signed($0), signed($1))) })
        }
        func compare(_ body: (U, U) -> Bool) -> V128 { both { body($0, $1) ? U.max : 0 } }
        func saturated<T: FixedWidthInteger>(_ sum: (partialValue: T, overflow: Bool), _ limit: T) -> T {
            sum.overflow ? limit : sum.partialValue
        }
        let count = U(truncatingIfNeeded: b.low % UInt64(U.bitWidth))
        switch operation {
        case "Splat": return V128(lanes: left.map { _ in left[0] })
        case "ExtractLane", "ExtractLaneU": return V128(low: UInt64(left[lane]))
        case "ExtractLaneS": return V128(low: UInt64(UInt32(truncatingIfNeeded: signed(left[lane]))))
        case "ReplaceLane":
            var result = a
            result[U.self, lane] = right[0]
            return result
        case "Eq": return compare { $0 == $1 }
        case "Ne": return compare { $0 != $1 }
        case "LtS": return compare { signed($0) < signed($1) }
        case "LtU": return compare { $0 < $1 }
        case "GtS": return compare { signed($0) > signed($1) }
        case "GtU": return compare { $0 > $1 }
        case "LeS": return compare { signed($0) <= signed($1) }
        case "LeU": return compare { $0 <= $1 }
        case "GeS": return compare { signed($0) >= signed($1) }
        case "GeU": return compare { $0 >= $1 }
        case "Abs": return each { signed($0) < 0 ? 0 &- $0 : $0 }
        case "Neg": return each { 0 &- $0 }
        case "Popcnt": return each { U($0.nonzeroBitCount) }
        case "AllTrue": return V128(low: left.contains(0) ? 0 : 1)
        case "Bitmask":
            var mask: UInt64 = 0
            for (index, lane) in left.enumerated() where signed(lane) < 0 { mask |= 1 << UInt64(index) }
            return V128(low: mask)
        case "Shl": return each { $0 << count }
        case "ShrU": return each { $0 >> count }
        case "ShrS": return each { U(truncatingIfNeeded: signed($0) >> S(truncatingIfNeeded: count)) }
        case "Add": return both { $0 &+ $1 }
        case "Sub": return both { $0 &- $1 }
        case "Mul": return both { $0 &* $1 }
        case "AddSatU": return both { saturated($0.addingReportingOverflow($1), .max) }
        case "SubSatU": return both { saturated($0.subtractingReportingOverflow($1), 0) }
        case "AddSatS": return bothSigned { saturated($0.addingReportingOverflow($1), $0 < 0 ? .min : .max) }
        case "SubSatS": return bothSigned { saturated($0.subtractingReportingOverflow($1), $0 < 0 ? .min : .max) }
        case "MinU": return both { min($0, $1) }
        case "MaxU": return both { max($0, $1) }
        case "MinS": return bothSigned { min($0, $1) }
        case "MaxS": return bothSigned { max($0, $1) }
        case "AvgrU": return both { U((UInt32($0) + UInt32($1) + 1) / 2) }
        default: preconditionFailure("no reference for \(operation) of integers")
        }
    }

    // MARK: Between widths and types

    private static func conversion(_ opcode: VectorOpcode, _ a: V128, _ b: V128, _ c: V128) -> V128? {
        /// Lanes of one type from those of another, the lower or the upper half of them.
        func extended<From: FixedWidthInteger, To: FixedWidthInteger>(
            _ vector: V128, _: From.Type, _: To.Type, isHigh: Bool
        ) -> [To] {
            let lanes = vector.lanes(of: From.self)
            return (isHigh ? lanes.suffix(lanes.count / 2) : lanes.prefix(lanes.count / 2)).map { To($0) }
        }
        func product<From: FixedWidthInteger, To: FixedWidthInteger>(
            _ from: From.Type, _ to: To.Type, isHigh: Bool
        ) -> V128 {
            V128(
                lanes: zip(extended(a, from, to, isHigh: isHigh), extended(b, from, to, isHigh: isHigh)).map {
                    $0 &* $1
                })
        }
        func pairs<From: FixedWidthInteger, To: FixedWidthInteger>(_: From.Type, _: To.Type) -> V128 {
            let lanes = a.lanes(of: From.self)
            return V128(lanes: (0..<lanes.count / 2).map { To(lanes[2 * $0]) &+ To(lanes[2 * $0 + 1]) })
        }
        func narrowed<From: FixedWidthInteger, To: FixedWidthInteger>(_: From.Type, _: To.Type) -> V128 {
            V128(lanes: (a.lanes(of: From.self) + b.lanes(of: From.self)).map { To(clamping: $0) })
        }
        func truncated<To: FixedWidthInteger>(_ values: [Double], _: To.Type) -> V128 {
            V128(
                lanes: values.map { value -> To in
                    if value.isNaN { return 0 }
                    if value <= Double(To.min) { return .min }
                    return value >= Double(To.max) ? .max : To(value)
                })
        }
        let words = a.lanes(of: UInt32.self)
        switch opcode {
        case .i16x8ExtendLowI8x16S: return V128(lanes: extended(a, Int8.self, Int16.self, isHigh: false))
        case .i16x8ExtendHighI8x16S: return V128(lanes: extended(a, Int8.self, Int16.self, isHigh: true))
        case .i16x8ExtendLowI8x16U: return V128(lanes: extended(a, UInt8.self, UInt16.self, isHigh: false))
        case .i16x8ExtendHighI8x16U: return V128(lanes: extended(a, UInt8.self, UInt16.self, isHigh: true))
        case .i32x4ExtendLowI16x8S: return V128(lanes: extended(a, Int16.self, Int32.self, isHigh: false))
        case .i32x4ExtendHighI16x8S: return V128(lanes: extended(a, Int16.self, Int32.self, isHigh: true))
        case .i32x4ExtendLowI16x8U: return V128(lanes: extended(a, UInt16.self, UInt32.self, isHigh: false))
        case .i32x4ExtendHighI16x8U: return V128(lanes: extended(a, UInt16.self, UInt32.self, isHigh: true))
        case .i64x2ExtendLowI32x4S: return V128(lanes: extended(a, Int32.self, Int64.self, isHigh: false))
        case .i64x2ExtendHighI32x4S: return V128(lanes: extended(a, Int32.self, Int64.self, isHigh: true))
        case .i64x2ExtendLowI32x4U: return V128(lanes: extended(a, UInt32.self, UInt64.self, isHigh: false))
        case .i64x2ExtendHighI32x4U: return V128(lanes: extended(a, UInt32.self, UInt64.self, isHigh: true))
        case .i16x8ExtmulLowI8x16S: return product(Int8.self, Int16.self, isHigh: false)
        case .i16x8ExtmulHighI8x16S: return product(Int8.self, Int16.self, isHigh: true)
        case .i16x8ExtmulLowI8x16U: return product(UInt8.self, UInt16.self, isHigh: false)
        case .i16x8ExtmulHighI8x16U: return product(UInt8.self, UInt16.self, isHigh: true)
        case .i32x4ExtmulLowI16x8S: return product(Int16.self, Int32.self, isHigh: false)
        case .i32x4ExtmulHighI16x8S: return product(Int16.self, Int32.self, isHigh: true)
        case .i32x4ExtmulLowI16x8U: return product(UInt16.self, UInt32.self, isHigh: false)
        case .i32x4ExtmulHighI16x8U: return product(UInt16.self, UInt32.self, isHigh: true)
        case .i64x2ExtmulLowI32x4S: return product(Int32.self, Int64.self, isHigh: false)
        case .i64x2ExtmulHighI32x4S: return product(Int32.self, Int64.self, isHigh: true)
        case .i64x2ExtmulLowI32x4U: return product(UInt32.self, UInt64.self, isHigh: false)
        case .i64x2ExtmulHighI32x4U: return product(UInt32.self, UInt64.self, isHigh: true)
        case .i16x8ExtaddPairwiseI8x16S: return pairs(Int8.self, Int16.self)
        case .i16x8ExtaddPairwiseI8x16U: return pairs(UInt8.self, UInt16.self)
        case .i32x4ExtaddPairwiseI16x8S: return pairs(Int16.self, Int32.self)
        case .i32x4ExtaddPairwiseI16x8U: return pairs(UInt16.self, UInt32.self)
        case .i8x16NarrowI16x8S: return narrowed(Int16.self, Int8.self)
        case .i8x16NarrowI16x8U: return narrowed(Int16.self, UInt8.self)
        case .i16x8NarrowI32x4S: return narrowed(Int32.self, Int16.self)
        case .i16x8NarrowI32x4U: return narrowed(Int32.self, UInt16.self)
        case .i32x4DotI16x8S:
            let (x, y) = (a.lanes(of: Int16.self), b.lanes(of: Int16.self))
            let products: [Int32] = zip(x, y).map { Int32($0) * Int32($1) }
            return V128(lanes: (0..<4).map { (lane: Int) -> Int32 in products[2 * lane] &+ products[2 * lane + 1] })
        case .i16x8Q15mulrSatS, .i16x8RelaxedQ15mulrS:
            return V128(
                lanes: zip(a.lanes(of: Int16.self), b.lanes(of: Int16.self)).map { x, y -> Int16 in
                    let product = (Int32(x) * Int32(y) + 0x4000) >> 15
                    return opcode == .i16x8Q15mulrSatS ? Int16(clamping: product) : Int16(truncatingIfNeeded: product)
                })
        case .i16x8RelaxedDotI8x16I7x16S: return V128(lanes: relaxedDot(a, b))
        case .i32x4RelaxedDotI8x16I7x16AddS:
            let sums = relaxedDot(a, b)
            return V128(
                lanes: (0..<4).map { (lane: Int) -> Int32 in
                    let sum = Int32(sums[2 * lane]) + Int32(sums[2 * lane + 1])
                    return sum &+ c[Int32.self, lane]
                })
        case .i32x4TruncSatF32x4S, .i32x4RelaxedTruncF32x4S: return truncated(a.floats.map { Double($0) }, Int32.self)
        case .i32x4TruncSatF32x4U, .i32x4RelaxedTruncF32x4U: return truncated(a.floats.map { Double($0) }, UInt32.self)
        case .i32x4TruncSatF64x2SZero, .i32x4RelaxedTruncF64x2SZero: return truncated(a.doubles, Int32.self)
        case .i32x4TruncSatF64x2UZero, .i32x4RelaxedTruncF64x2UZero: return truncated(a.doubles, UInt32.self)
        case .f32x4ConvertI32x4S: return V128(lanes: words.map { Float(Int32(bitPattern: $0)) })
        case .f32x4ConvertI32x4U: return V128(lanes: words.map { Float($0) })
        case .f64x2ConvertLowI32x4S: return V128(lanes: words.prefix(2).map { Double(Int32(bitPattern: $0)) })
        case .f64x2ConvertLowI32x4U: return V128(lanes: words.prefix(2).map { Double($0) })
        case .f32x4DemoteF64x2Zero: return V128(lanes: a.doubles.map { Float($0) })
        case .f64x2PromoteLowF32x4: return V128(lanes: a.floats.prefix(2).map { Double($0) })
        default: return nil
        }
    }

    /// Sums of two products of signed and unsigned bytes, which saturate.
    private static func relaxedDot(_ a: V128, _ b: V128) -> [Int16] {
        let (x, y) = (a.lanes(of: Int8.self), b.lanes(of: UInt8.self))
        let products: [Int32] = zip(x, y).map { Int32($0) * Int32($1) }
        return (0..<8).map { (lane: Int) -> Int16 in Int16(clamping: products[2 * lane] + products[2 * lane + 1]) }
    }

    // MARK: Floats

    /// How lanes of one float type are read and written.
    private struct FloatLanes<F: BinaryFloatingPoint, Bits: FixedWidthInteger & UnsignedInteger> {
        let bits: (F) -> Bits
        let make: (Bits) -> F

        init(_: F.Type, bits: @escaping (F) -> Bits, make: @escaping (Bits) -> F) {
            self.bits = bits
            self.make = make
        }
    }

    private static func float<F: BinaryFloatingPoint, Bits: FixedWidthInteger & UnsignedInteger>(
        _ operation: String, _ a: V128, _ b: V128, _ c: V128, _ lane: Int, _ lanes: FloatLanes<F, Bits>
    ) -> V128 {
        let left = a.lanes(of: Bits.self)
        let right = b.lanes(of: Bits.self)
        let third = c.lanes(of: Bits.self)
        let sign: Bits = 1 << Bits(Bits.bitWidth - 1)
        func each(_ body: (F) -> F) -> V128 { V128(lanes: left.map { lanes.bits(body(lanes.make($0))) }) }
        func both(_ body: (F, F) -> F) -> V128 {
            V128(lanes: zip(left, right).map { lanes.bits(body(lanes.make($0), lanes.make($1))) })
        }
        func compare(_ body: (F, F) -> Bool) -> V128 {
            V128(lanes: zip(left, right).map { body(lanes.make($0), lanes.make($1)) ? Bits.max : 0 })
        }
        /// With the signs of zeros and with NaN, as the specification orders them.
        func least(_ x: F, _ y: F) -> F {
            if x.isNaN || y.isNaN { return .nan }
            if x == y { return x.sign == .minus ? x : y }
            return x < y ? x : y
        }
        switch operation {
        case "Splat": return V128(lanes: left.map { _ in left[0] })
        case "ExtractLane": return V128(low: UInt64(left[lane]))
        case "ReplaceLane":
            var result = a
            result[Bits.self, lane] = right[0]
            return result
        case "Eq": return compare { $0 == $1 }
        case "Ne": return compare { $0 != $1 }
        case "Lt": return compare { $0 < $1 }
        case "Gt": return compare { $0 > $1 }
        case "Le": return compare { $0 <= $1 }
        case "Ge": return compare { $0 >= $1 }
        case "Abs": return V128(lanes: left.map { $0 & ~sign })
        case "Neg": return V128(lanes: left.map { $0 ^ sign })
        case "Ceil": return each { $0.rounded(.up) }
        case "Floor": return each { $0.rounded(.down) }
        case "Trunc": return each { $0.rounded(.towardZero) }
        case "Nearest": return each { $0.rounded(.toNearestOrEven) }
        case "Sqrt": return each { $0.squareRoot() }
        case "Add": return both { $0 + $1 }
        case "Sub": return both { $0 - $1 }
        case "Mul": return both { $0 * $1 }
        case "Div": return both { $0 / $1 }
        case "Min": return both(least)
        case "Max": return both { -least(-$0, -$1) }
        case "Pmin", "RelaxedMin":
            return V128(lanes: zip(left, right).map { lanes.make($1) < lanes.make($0) ? $1 : $0 })
        case "Pmax", "RelaxedMax":
            return V128(lanes: zip(left, right).map { lanes.make($0) < lanes.make($1) ? $1 : $0 })
        case "RelaxedMadd", "RelaxedNmadd":
            return V128(
                lanes: left.indices.map { index -> Bits in
                    let factor = lanes.make(left[index])
                    let product = operation == "RelaxedMadd" ? factor : -factor
                    return lanes.bits(lanes.make(third[index]).addingProduct(product, lanes.make(right[index])))
                })
        default: preconditionFailure("no reference for \(operation) of floats")
        }
    }

    // MARK: Memory

    /// What a load gives for the bytes it reads; `vector` is the operand of a load of one lane.
    public static func load(_ opcode: VectorOpcode, _ bytes: [UInt8], lane: Int = 0, into vector: V128 = V128()) -> V128
    {
        let read = V128(lanes: bytes)
        switch opcode {
        case .v128Load8x8S: return apply(.i16x8ExtendLowI8x16S, [read])
        case .v128Load8x8U: return apply(.i16x8ExtendLowI8x16U, [read])
        case .v128Load16x4S: return apply(.i32x4ExtendLowI16x8S, [read])
        case .v128Load16x4U: return apply(.i32x4ExtendLowI16x8U, [read])
        case .v128Load32x2S: return apply(.i64x2ExtendLowI32x4S, [read])
        case .v128Load32x2U: return apply(.i64x2ExtendLowI32x4U, [read])
        case .v128Load8Splat: return apply(.i8x16Splat, [read])
        case .v128Load16Splat: return apply(.i16x8Splat, [read])
        case .v128Load32Splat: return apply(.i32x4Splat, [read])
        case .v128Load64Splat: return apply(.i64x2Splat, [read])
        case .v128Load8Lane: return apply(.i8x16ReplaceLane, [vector, read], lane: lane)
        case .v128Load16Lane: return apply(.i16x8ReplaceLane, [vector, read], lane: lane)
        case .v128Load32Lane: return apply(.i32x4ReplaceLane, [vector, read], lane: lane)
        case .v128Load64Lane: return apply(.i64x2ReplaceLane, [vector, read], lane: lane)
        default: return read
        }
    }

    /// The bytes that a store writes.
    public static func stored(_ opcode: VectorOpcode, _ vector: V128, lane: Int = 0) -> [UInt8] {
        let bytes = vector.lanes(of: UInt8.self)
        let width = Int(VectorSignature(opcode).accessBytes)
        return width == 16 ? bytes : Array(bytes[lane * width..<(lane + 1) * width])
    }

    // MARK: Operands

    /// Vectors at which lanes of some width are at their limits, floats are special, or everything is random.
    public static func interesting(_ random: inout SeededGenerator) -> V128 {
        var vector = V128(low: random.next(), high: random.next())
        switch random.below(8) {
        case 0: return vector
        case 1:
            let bytes: [UInt8] = [0, 1, 0x7F, 0x80, 0x81, 0xFF, 0x0F, 0x10]
            for lane in 0..<16 { vector[UInt8.self, lane] = random.pick(bytes) }
        case 2:
            let words: [UInt16] = [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x00FF, 0xFF00, 0xFF80, 0x0080]
            for lane in 0..<8 { vector[UInt16.self, lane] = random.pick(words) }
        case 3:
            let words: [UInt32] = [
                0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF, 0x1_0000, 0xFFFF_8000, 0x7F_FFFF, 0xFF_FFFF,
                0xFFFF_FF00, 0x8000_0080, 0x8000_0081,
            ]
            for lane in 0..<4 { vector[UInt32.self, lane] = random.pick(words) }
        case 4:
            let words: [UInt64] = [0, 1, .max, 1 << 63, (1 << 63) - 1, 0xFFFF_FFFF, 1 << 32, 0xFFFF_FFFF_0000_0000]
            for lane in 0..<2 { vector[UInt64.self, lane] = random.pick(words) }
        case 5, 6:
            let floats: [Float] = [
                0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, .infinity, -.infinity, .nan, .leastNonzeroMagnitude,
                .greatestFiniteMagnitude, 0x1p31, -0x1p31, 0x1p32, 0x1.fffffep30, -0x1.000002p31, 0x1.fffffep31, 1e10,
                -1e10, 0.99999994, -0.99999994,
            ]
            for lane in 0..<4 { vector[UInt32.self, lane] = random.pick(floats).bitPattern }
            // NaNs with other payloads, signalling ones too.
            if random.oneIn(4) { vector[UInt32.self, random.below(4)] = random.pick([0x7F80_0001, 0xFFC1_2345]) }
        default:
            let doubles: [Double] = [
                0, -0.0, 1, -1, 0.5, 1.5, 2.5, -2.5, .infinity, -.infinity, .nan, .leastNonzeroMagnitude,
                .greatestFiniteMagnitude, 0x1p31, -0x1p31, 2_147_483_647.5, -2_147_483_648.5, -2_147_483_649,
                4_294_967_295,
                4_294_967_295.5, 4_294_967_296, -0.9, 1e300, 1e-300, 0x1.fffffefp127, 0x1.000001p0,
            ]
            for lane in 0..<2 { vector[UInt64.self, lane] = random.pick(doubles).bitPattern }
            if random.oneIn(4) { vector.high = random.pick([0x7FF0_0000_0000_0001, 0xFFFF_1234_5678_9ABC]) }
        }
        return vector
    }

    /// The same for a value of any number type, in the lowest bits.
    public static func interesting(_ type: ValueType, _ random: inout SeededGenerator) -> V128 {
        let vector = interesting(&random)
        switch type {
        case .v128: return vector
        case .i32, .f32: return V128(low: vector.low & 0xFFFF_FFFF)
        default: return V128(low: vector.low)
        }
    }
}
