//! Random numbers: the host's, or a sequence from a seed.

internal import CPlatform

extension WASI {
    func randomGet(_ memory: GuestMemory, _ address: UInt32, _ count: UInt32) throws(Errno) {
        let destination = try memory.bytes(at: address, count: count)
        var filled = 0
        while filled < destination.count {
            // In pieces, so that a stop request need not wait for 4 GiB.
            let piece = UnsafeMutableRawBufferPointer(
                rebasing: destination[filled..<min(filled + 1 << 20, destination.count)])
            switch blueprint.randomness {
            case .host: filled += Int(try interruptibleUnnegated { mayfly_random(piece.baseAddress, piece.count) })
            case .seeded(let seed):
                if generator == nil { generator = SplitMix64(seed: seed) }
                generator!.fill(piece)
                filled += piece.count
            }
            if isToStop { throw .intr }
        }
    }
}

/// Every seed gives another sequence, and none of them is secret.
struct SplitMix64 {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    /// Eight bytes to a number, the last of them cut off where the buffer ends.
    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        for start in stride(from: 0, to: buffer.count, by: 8) {
            let number = next().littleEndian
            withUnsafeBytes(of: number) { bytes in
                let end = min(start + 8, buffer.count)
                UnsafeMutableRawBufferPointer(rebasing: buffer[start..<end]).copyBytes(from: bytes.prefix(end - start))
            }
        }
    }
}
