//! Multiplication and addition with one rounding, for code that may not use FMA. The same bits as from the instruction, those of
//! NaNs included: the first of a, b and c that is one, made quiet, with the sign it has.

enum FusedMultiplyAdd {
    /// ±(a · b) + c by lanes; a, b and c have two cells each, the result has the first two.
    static func f32x4(_ cells: UnsafeMutablePointer<UInt64>, isNegated: Bool) {
        UnsafeMutableRawPointer(cells).withMemoryRebound(to: Float.self, capacity: 12) { lanes in
            for lane in 0..<4 { lanes[lane] = fused(lanes[lane], lanes[lane + 4], lanes[lane + 8], isNegated) }
        }
    }

    static func f64x2(_ cells: UnsafeMutablePointer<UInt64>, isNegated: Bool) {
        UnsafeMutableRawPointer(cells).withMemoryRebound(to: Double.self, capacity: 6) { lanes in
            for lane in 0..<2 { lanes[lane] = fused(lanes[lane], lanes[lane + 2], lanes[lane + 4], isNegated) }
        }
    }

    @inline(__always)
    private static func fused<Lane: BinaryFloatingPoint>(_ a: Lane, _ b: Lane, _ c: Lane, _ isNegated: Bool) -> Lane {
        if a.isNaN { return a + 0 }
        if b.isNaN { return b + 0 }
        if c.isNaN { return c + 0 }
        return c.addingProduct(isNegated ? -a : a, b)
    }
}
