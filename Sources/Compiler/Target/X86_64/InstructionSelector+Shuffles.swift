//! Shuffles with constant lanes, as the cheapest instructions that have the pattern.
//!
//! From the cheap to the general: one instruction without a constant (interleaving, shifting by bytes, permuting wide lanes,
//! blending), two of them, and at last `pshufb` with constants from memory. Lanes name bytes of `a` below 16, of `b` from 16
//! on; where one operand is enough, `a` and `b` are the same and lanes are below 16 (`IRBuilder.vectorShuffle`).

import WasmModule

/// The lane indices of a shuffle.
struct ShuffleLanes: BitwiseCopyable {
    var lanes: V128

    @inline(__always) subscript(_ index: Int) -> Int { Int(lanes[UInt8.self, index]) }

    /// Whether the lanes are those that `expected` gives.
    @inline(__always)
    func match(_ expected: (Int) -> Int) -> Bool {
        for index in 0..<16 where self[index] != expected(index) { return false }
        return true
    }

    /// Lanes of `bytes` bytes each, instead of bytes; nil if the pattern does not keep them together.
    func widened(_ bytes: Int) -> ShuffleLanes? {
        var wide = V128()
        for index in 0..<16 / bytes {
            let first = self[index * bytes]
            guard first % bytes == 0 else { return nil }
            for byte in 1..<bytes where self[index * bytes + byte] != first + byte { return nil }
            wide[UInt8.self, index] = UInt8(truncatingIfNeeded: first / bytes)
        }
        return ShuffleLanes(lanes: wide)
    }

    /// Four lanes of 0–3 as an immediate.
    func immediate(from first: Int = 0) -> UInt8 {
        var result = 0
        for index in 0..<4 { result |= (self[first + index] & 3) << (2 * index) }
        return UInt8(truncatingIfNeeded: result)
    }
}

extension InstructionSelector {
    mutating func shuffleSequence(_ a: UInt32, _ b: UInt32, _ lanes: V128) {
        let lanes = ShuffleLanes(lanes: lanes)
        if a == b {
            permutation(.value(a), lanes)
        } else if constantVector(b) == V128() {
            selection(.value(a), lanes, flipped: 0)
        } else if constantVector(a) == V128() {
            selection(.value(b), lanes, flipped: 16)
        } else {
            merge(.value(a), .value(b), lanes)
        }
    }

    // MARK: One operand

    private mutating func permutation(_ a: VectorSource, _ lanes: ShuffleLanes) {
        if let wide = lanes.widened(4) {
            _ = packed(.pshufd, a, wide.immediate())
            return
        }
        if let wide = lanes.widened(2) {
            if wide.keeps(4..<8), wide.isWithin(0..<4) {
                _ = packed(.pshuflw, a, wide.immediate())
                return
            }
            if wide.keeps(0..<4), wide.isWithin(4..<8) {
                _ = packed(.pshufhw, a, wide.immediate(from: 4))
                return
            }
        }
        if lanes.match({ _ in 0 }) {
            _ = packed(.pbroadcastb, a)
            return
        }
        if lanes.match({ ($0 & 1) }) {
            _ = packed(.pbroadcastw, a)
            return
        }
        if interleaving(a, a, lanes) { return }
        let distance = lanes[0]
        if lanes.match({ ($0 + distance) & 15 }) {
            _ = packed(.palignr, a, a, UInt8(distance))
            return
        }
        _ = packed(.pshufb, a, lanes.lanes)
    }

    /// Lanes of one operand, and zeros.
    private mutating func selection(_ a: VectorSource, _ lanes: ShuffleLanes, flipped: Int) {
        // Lanes of the operand below 16, zeros from 16 on.
        var mask = V128()
        for index in 0..<16 {
            let lane = lanes[index] ^ flipped
            mask[UInt8.self, index] = lane < 16 ? UInt8(lane) : 0x80
        }
        for distance in 1..<16 {
            let isLeft = (0..<16).allSatisfy { mask[UInt8.self, $0] == ($0 < distance ? 0x80 : UInt8($0 - distance)) }
            if isLeft {
                _ = shifted(.pslldq, a, by: UInt8(distance))
                return
            }
            let isRight = (0..<16).allSatisfy {
                mask[UInt8.self, $0] == ($0 + distance < 16 ? UInt8($0 + distance) : 0x80)
            }
            if isRight {
                _ = shifted(.psrldq, a, by: UInt8(distance))
                return
            }
        }
        _ = packed(.pshufb, a, mask)
    }

    // MARK: Two operands

    /// One instruction, which may take in a load as its second operand: it reads all 16 bytes.
    private mutating func folding(
        _ operation: VPackedImmediate, _ a: VectorSource, _ b: VectorSource, _ detail: UInt8
    ) -> VectorSource {
        if isFoldableOperand(b.id) {
            return step(
                MachineInstruction(
                    operation: .vectorBinaryImmediateMemory, detail: detail, immediate: Int64(operation.rawValue)),
                a, load: b.id)
        }
        return packed(operation, a, b, detail)
    }

    private mutating func merge(_ a: VectorSource, _ b: VectorSource, _ lanes: ShuffleLanes) {
        if interleaving(a, b, lanes) { return }
        let distance = lanes[0]
        if lanes.match({ $0 + distance }) {
            _ = folding(.palignr, b, a, UInt8(distance))
            return
        }
        if lanes.match({ ($0 + distance + 16) & 31 }) && distance >= 16 {
            _ = folding(.palignr, a, b, UInt8(distance - 16))
            return
        }
        if blend(a, b, lanes) { return }
        if let wide = lanes.widened(4) {
            let takesTwoOfEach = (0..<2).allSatisfy { wide[$0] < 4 } && (2..<4).allSatisfy { wide[$0] >= 4 }
            if takesTwoOfEach {
                _ = folding(.shufps, a, b, wide.immediate())
                return
            }
            // Each into its place, then one of both for each place.
            var choice: UInt8 = 0
            for index in 0..<4 where wide[index] >= 4 { choice |= 1 << UInt8(index) }
            let left = packed(.pshufd, a, wide.immediate())
            _ = packed(.pblendd, left, packed(.pshufd, b, wide.immediate()), choice)
            return
        }
        var first = V128(repeating: UInt8(0x80))
        var second = first
        for index in 0..<16 {
            let lane = lanes[index]
            if lane < 16 {
                first[UInt8.self, index] = UInt8(lane)
            } else {
                second[UInt8.self, index] = UInt8(lane - 16)
            }
        }
        let left = packed(.pshufb, a, first)
        _ = packed(.por, left, packed(.pshufb, b, second))
    }

    /// Every byte from its own place in one of the two.
    private mutating func blend(_ a: VectorSource, _ b: VectorSource, _ lanes: ShuffleLanes) -> Bool {
        for index in 0..<16 where lanes[index] & 15 != index { return false }
        if let wide = lanes.widened(2) {
            var choice: UInt8 = 0
            for index in 0..<8 where wide[index] >= 8 { choice |= 1 << UInt8(index) }
            _ = folding(.pblendw, a, b, choice)
            return true
        }
        var mask = V128()
        for index in 0..<16 where lanes[index] >= 16 { mask[UInt8.self, index] = 0xFF }
        if module.usesVEX {
            _ = blended(a, b, mask: constant(mask))
        } else {
            let kept = packed(.pand, a, V128(low: ~mask.low, high: ~mask.high))
            _ = packed(.por, kept, packed(.pand, b, mask))
        }
        return true
    }

    /// Alternating lanes of the low or the high halves of both.
    private mutating func interleaving(_ a: VectorSource, _ b: VectorSource, _ lanes: ShuffleLanes) -> Bool {
        let isOne = a.id == b.id
        for exponent in 0..<4 {
            let bytes = 1 << exponent
            for half in 0..<2 {
                // Byte `index` is of the first operand if its lane's number is even.
                let isMatching = lanes.match { index in
                    let lane = index / bytes
                    let source = half * 8 + (lane / 2) * bytes + index % bytes
                    return lane % 2 == 0 || isOne ? source : source + 16
                }
                if isMatching {
                    foldable(Self.interleaving(exponent, half), a.id, b.id)
                    return true
                }
            }
        }
        return false
    }

    private static func interleaving(_ exponent: Int, _ half: Int) -> VPacked {
        switch exponent {
        case 0: half == 0 ? .punpcklbw : .punpckhbw
        case 1: half == 0 ? .punpcklwd : .punpckhwd
        case 2: half == 0 ? .punpckldq : .punpckhdq
        default: half == 0 ? .punpcklqdq : .punpckhqdq
        }
    }
}

extension ShuffleLanes {
    /// Whether these lanes stay where they are.
    fileprivate func keeps(_ range: Range<Int>) -> Bool { range.allSatisfy { self[$0] == $0 } }

    /// Whether lanes of a range come from the same range.
    fileprivate func isWithin(_ range: Range<Int>) -> Bool { range.allSatisfy { range.contains(self[$0]) } }
}
