//! Numbers and lists in files of compiled modules and snapshots, little-endian, and the checksum over them.

struct ArtifactWriter {
    var bytes: [UInt8] = []

    mutating func put<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }
    /// Behind their count.
    mutating func put<Number: FixedWidthInteger>(_ values: [Number]) {
        put(UInt64(values.count))
        // Little-endian, as the only processor this runs on.
        values.withUnsafeBytes { bytes += $0 }
    }
    /// Zeros up to a multiple of the page, counted from `offset` bytes before these.
    mutating func padToPage(after offset: Int = 0) {
        let end = (offset + bytes.count + Artifact.page - 1) & ~(Artifact.page - 1)
        bytes += [UInt8](repeating: 0, count: end - offset - bytes.count)
    }
}

/// Throws `ArtifactError.corrupted` where the bytes end too early.
struct ArtifactReader {
    let bytes: UnsafeRawBufferPointer
    var position: Int

    mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) throws(ArtifactError)
        -> Number
    {
        let size = MemoryLayout<Number>.size
        guard bytes.count - position >= size else { throw .corrupted }
        let value = bytes.loadUnaligned(fromByteOffset: position, as: Number.self)
        position += size
        return Number(littleEndian: value)
    }
    mutating func count() throws(ArtifactError) -> Int {
        let value = try number(UInt64.self)
        guard value <= 1 << 32 else { throw .corrupted }
        return Int(value)
    }
    /// Of a list behind its count.
    mutating func range<Number>(of _: Number.Type) throws(ArtifactError) -> Range<Int> {
        let size = try count() * MemoryLayout<Number>.size
        guard bytes.count - position >= size else { throw .corrupted }
        defer { position += size }
        return position..<position + size
    }
    mutating func array<Number: FixedWidthInteger>(_: Number.Type) throws(ArtifactError) -> [Number] {
        let range = try range(of: Number.self)
        return [Number](unsafeUninitializedCapacity: range.count / MemoryLayout<Number>.size) { target, count in
            UnsafeMutableRawBufferPointer(target).copyMemory(from: .init(rebasing: bytes[range]))
            count = target.count
        }
    }
    mutating func flags() throws(ArtifactError) -> [Bool] {
        let values = try array(UInt8.self)
        guard values.allSatisfy({ $0 <= 1 }) else { throw .corrupted }
        return values.map { $0 == 1 }
    }
}

/// FNV-1a over 8-byte words, in four lanes, so that a processor can work on several: finds accidents, quickly.
struct Checksum {
    private var lanes: (UInt64, UInt64, UInt64, UInt64) = (
        0xCBF2_9CE4_8422_2325, 0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9
    )

    /// What has been added so far, in 64 bits.
    var value: UInt64 { words.0 }

    /// In 128. (`mix` does not care which of its arguments is which, so the second word turns some of them.)
    var words: (UInt64, UInt64) {
        func turned(_ lane: UInt64) -> UInt64 { lane &<< 23 | lane &>> 41 }
        return (
            Self.mix(Self.mix(lanes.0, lanes.1), Self.mix(lanes.2, lanes.3)),
            Self.mix(Self.mix(lanes.0, turned(lanes.2)), turned(Self.mix(lanes.1, turned(lanes.3))))
        )
    }

    @inline(__always)
    private static func mix(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        let product = (lane ^ word) &* 0x0000_0100_0000_01B3
        // The product moves bits upwards only.
        return product ^ product &>> 29
    }

    mutating func add(_ word: UInt64) { lanes.0 = Self.mix(lanes.0, word) }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        var (a, b, c, d) = lanes
        while offset + 32 <= bytes.count {
            a = Self.mix(a, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            b = Self.mix(b, bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
            c = Self.mix(c, bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self))
            d = Self.mix(d, bytes.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
            offset += 32
        }
        lanes = (a, b, c, d)
        while offset < bytes.count {
            add(UInt64(bytes[offset]))
            offset += 1
        }
        add(UInt64(bytes.count))
    }
}
