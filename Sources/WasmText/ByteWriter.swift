//! Bytes of the binary format: numbers in LEB128, names, vectors, sections. Always the shortest encoding.

struct ByteWriter: Sendable {
    var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }
    mutating func append(_ other: [UInt8]) { bytes += other }
    mutating func append(_ other: ArraySlice<UInt8>) { bytes += other }

    mutating func unsigned(_ value: UInt64) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(value))
    }

    mutating func unsigned(_ value: UInt32) { unsigned(UInt64(value)) }
    mutating func count(_ value: Int) { unsigned(UInt64(value)) }

    mutating func signed(_ value: Int64) {
        var value = value
        while true {
            let low = UInt8(truncatingIfNeeded: value) & 0x7F
            value >>= 7
            if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
                bytes.append(low)
                return
            }
            bytes.append(low | 0x80)
        }
    }

    mutating func littleEndian(_ value: UInt64, bytes count: Int) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))) }
    }

    /// A length and the bytes.
    mutating func vector(_ content: [UInt8]) {
        count(content.count)
        bytes += content
    }

    mutating func section(_ id: UInt8, _ content: [UInt8]) {
        byte(id)
        vector(content)
    }

    /// A section that is a vector of so many things; none if there are none.
    mutating func section(_ id: UInt8, count: Int, _ items: ByteWriter) {
        guard count > 0 else { return }
        var content = ByteWriter()
        content.count(count)
        content.append(items.bytes)
        section(id, content.bytes)
    }
}
