//! Noise for memory images: dense, the same on every run, and known at any place without being kept.
//!
//! SplitMix64 counts, and mixes the count; so a word of the noise follows from its index alone, and the sums that guests
//! must return are computed without a second copy of an image of 256 MiB.

struct Noise: Sendable {
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    var seed: UInt64

    /// The 64-bit word at `index`; its bytes lie in the image with the lowest first.
    @inline(__always)
    func word(_ index: Int) -> UInt64 {
        var word = seed &+ UInt64(truncatingIfNeeded: index + 1) &* Self.increment
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    func byte(at address: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: word(address / 8) >> UInt64(8 * (address % 8)))
    }

    /// Appends the first `count` bytes, a multiple of 8.
    func append(_ count: Int, to bytes: inout [UInt8]) {
        precondition(count % 8 == 0)
        bytes.reserveCapacity(bytes.count + count)
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 512) { chunk in
            var index = 0
            while index < count / 8 {
                let words = min(chunk.count, count / 8 - index)
                for place in 0..<words { chunk[place] = word(index + place).littleEndian }
                bytes.append(
                    contentsOf: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(chunk)[..<(words * 8)]))
                index += words
            }
        }
    }
}
