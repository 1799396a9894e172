//! Reading the binary format, byte for byte, from whatever somebody sends.
//!
//! Nothing is read beyond `end`, and nothing that is read is trusted: a count says how often to try, never how much to
//! allocate, and each thing that is counted takes at least one byte, so that work is bounded by the bytes there are.

struct BinaryReader {
    let bytes: [UInt8]
    /// Of the next byte.
    var position: Int
    /// Where the section, function or module ends; at most the number of bytes.
    var end: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        position = 0
        end = bytes.count
    }

    /// The same bytes, another part of them.
    init(_ bytes: [UInt8], _ part: Range<Int>) {
        self.bytes = bytes
        position = part.lowerBound
        end = part.upperBound
    }

    var isAtEnd: Bool { position >= end }

    func error(_ message: String, at offset: Int? = nil) -> PrintError {
        PrintError(message: message, offset: offset ?? position)
    }

    // MARK: Bytes

    @inline(__always)
    mutating func byte() throws(PrintError) -> UInt8 {
        guard position < end else { throw error("unexpected end") }
        defer { position += 1 }
        return bytes[position]
    }

    /// Nil at the end.
    func peek() -> UInt8? { position < end ? bytes[position] : nil }

    mutating func take(_ count: UInt64) throws(PrintError) -> Range<Int> {
        guard count <= UInt64(end - position) else { throw error("unexpected end") }
        defer { position += Int(count) }
        return position..<position + Int(count)
    }

    /// A length and so many bytes.
    mutating func vector() throws(PrintError) -> Range<Int> {
        let count = try unsigned()
        return try take(UInt64(count))
    }

    /// A vector that has to be UTF-8.
    mutating func name() throws(PrintError) -> Range<Int> {
        let name = try vector()
        guard firstMalformedUTF8(Array(bytes[name])) == nil else {
            throw error("malformed UTF-8 encoding", at: name.lowerBound)
        }
        return name
    }

    mutating func littleEndian(bytes count: Int) throws(PrintError) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(try byte()) << UInt64(8 * index) }
        return value
    }

    // MARK: Numbers

    /// A number of 32 bits: an index, a count.
    @inline(__always)
    mutating func unsigned() throws(PrintError) -> UInt32 {
        if position < end, bytes[position] < 0x80 {
            defer { position += 1 }
            return UInt32(bytes[position])
        }
        return UInt32(try unsigned(32))
    }

    /// A number of 32 or 64 bits.
    mutating func unsigned(_ width: Int) throws(PrintError) -> UInt64 {
        var result: UInt64 = 0
        var shift = 0
        while true {
            let byte = try byte()
            if width - shift < 7 { try checkLast(byte, byte >> UInt8(width - shift) == 0) }
            result |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return result }
            shift += 7
        }
    }

    /// A number of 32, 33 or 64 bits.
    mutating func signed(_ width: Int) throws(PrintError) -> Int64 {
        var result: Int64 = 0
        var shift = 0
        while true {
            let byte = try byte()
            // Seven bits with their sign.
            let digit = Int64(Int8(bitPattern: byte << 1) >> 1)
            if width - shift < 7 {
                let sign = digit >> Int64(width - shift - 1)
                try checkLast(byte, sign == 0 || sign == -1)
            }
            if byte < 0x80 { return result | digit << Int64(shift) }
            result |= Int64(byte & 0x7F) << Int64(shift)
            shift += 7
        }
    }

    /// Checks the byte that holds the last bits of a number.
    private func checkLast(_ byte: UInt8, _ fits: Bool) throws(PrintError) {
        guard byte < 0x80 else { throw error("integer representation too long", at: position - 1) }
        guard fits else { throw error("integer too large", at: position - 1) }
    }

    // MARK: Types

    mutating func heapType() throws(PrintError) -> HeapType {
        let start = position
        let number = try signed(33)
        if number >= 0 { return .index(UInt32(number)) }
        // Of one byte as all negative numbers down to -64.
        guard number >= -64, let kind = HeapType.Abstract(rawValue: UInt8(number & 0x7F)) else {
            throw error("malformed heap type", at: start)
        }
        return .abstract(kind)
    }

    mutating func referenceType() throws(PrintError) -> ReferenceType {
        let start = position
        let byte = try byte()
        switch byte {
        case 0x63: return ReferenceType(isNullable: true, heapType: try heapType())
        case 0x64: return ReferenceType(isNullable: false, heapType: try heapType())
        default:
            guard let kind = HeapType.Abstract(rawValue: byte) else {
                throw error("malformed reference type", at: start)
            }
            return ReferenceType(isNullable: true, heapType: .abstract(kind))
        }
    }

    mutating func valueType() throws(PrintError) -> ValueType {
        guard let byte = peek(), let number = ValueType.Number(rawValue: byte) else {
            if let byte = peek(), byte != 0x63, byte != 0x64, HeapType.Abstract(rawValue: byte) == nil {
                throw error("malformed value type")
            }
            return .reference(try referenceType())
        }
        position += 1
        return .number(number)
    }

    mutating func fieldType() throws(PrintError) -> FieldType {
        let storage: FieldType.Storage
        switch peek() {
        case 0x78:
            position += 1
            storage = .i8
        case 0x77:
            position += 1
            storage = .i16
        default: storage = .value(try valueType())
        }
        return FieldType(storage: storage, isMutable: try mutability())
    }

    mutating func mutability() throws(PrintError) -> Bool {
        let byte = try byte()
        guard byte < 2 else { throw error("malformed mutability", at: position - 1) }
        return byte == 1
    }

    mutating func limits() throws(PrintError) -> Limits {
        let flags = try byte()
        guard flags < 8 else { throw error("malformed limits flags", at: position - 1) }
        let minimum = try unsigned(64)
        return Limits(
            minimum: minimum, maximum: flags & 1 != 0 ? try unsigned(64) : nil, isShared: flags & 2 != 0,
            is64: flags & 4 != 0)
    }

    mutating func tableType() throws(PrintError) -> TableType {
        let type = try referenceType()
        return TableType(type: type, limits: try limits())
    }

    mutating func globalType() throws(PrintError) -> FieldType {
        let type = try valueType()
        return FieldType(storage: .value(type), isMutable: try mutability())
    }

    /// The type of a tag: an attribute that is zero, and an index.
    mutating func tagType() throws(PrintError) -> UInt32 {
        guard try byte() == 0 else { throw error("malformed tag attribute", at: position - 1) }
        return try unsigned()
    }
}

// MARK: What types read as

enum HeapType {
    enum Abstract: UInt8 {
        case array = 0x6A, `struct`, i31, eq, any, extern, `func`, none, noextern, nofunc, noexn
        case exn = 0x69
    }

    case abstract(Abstract)
    case index(UInt32)
}

struct ReferenceType {
    var isNullable: Bool
    var heapType: HeapType
}

enum ValueType {
    enum Number: UInt8 {
        case v128 = 0x7B, f64, f32, i64, i32
    }

    case number(Number)
    case reference(ReferenceType)
}

/// Of a field, an element of an array, or a global.
struct FieldType {
    enum Storage {
        case i8, i16
        case value(ValueType)
    }

    var storage: Storage
    var isMutable: Bool
}

/// In pages or elements.
struct Limits {
    var minimum: UInt64
    var maximum: UInt64?
    var isShared: Bool
    var is64: Bool
}

struct TableType {
    var type: ReferenceType
    var limits: Limits
}
