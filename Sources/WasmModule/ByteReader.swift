//! A checked cursor over the binary: every primitive of the binary format that can be malformed.
//!
//! Invariant: `base <= cursor <= end`, and no byte outside `base..<end` is read. A reader for a section or a body is a
//! copy with a nearer `end`, so an entry can never run into its neighbour.

struct ByteReader {
    /// The first byte of the module: offsets in errors count from here.
    let base: UnsafePointer<UInt8>
    private(set) var cursor: UnsafePointer<UInt8>
    let end: UnsafePointer<UInt8>

    /// - Parameter base: must stay valid, together with `range`, while the reader is used.
    init(base: UnsafePointer<UInt8>, range: Range<Int>) {
        self.base = base
        cursor = base + range.lowerBound
        end = base + range.upperBound
    }

    /// Offset of the next byte in the module.
    var offset: Int { @inline(__always) get { cursor - base } }
    var remaining: Int { @inline(__always) get { end - cursor } }
    var atEnd: Bool { @inline(__always) get { cursor == end } }

    func malformed(_ message: String, at offset: Int? = nil) -> WasmError {
        WasmError(.malformed, at: offset ?? self.offset, message)
    }

    @inline(never)
    func unexpectedEnd() -> WasmError { malformed("unexpected end of section or function", at: end - base) }

    // MARK: Bytes

    @inline(__always)
    mutating func byte() throws(WasmError) -> UInt8 {
        if cursor == end { throw unexpectedEnd() }
        let byte = cursor.pointee
        cursor += 1
        return byte
    }

    @inline(__always)
    func peek() throws(WasmError) -> UInt8 {
        if cursor == end { throw unexpectedEnd() }
        return cursor.pointee
    }

    @inline(__always)
    mutating func skip(_ count: Int) throws(WasmError) {
        if remaining < count { throw unexpectedEnd() }
        cursor += count
    }

    /// The next `count` bytes as a range of the module.
    mutating func take(_ count: UInt32, orElse message: String) throws(WasmError) -> Range<Int> {
        guard count <= remaining else { throw malformed(message) }
        let start = offset
        cursor += Int(count)
        return start..<offset
    }

    // MARK: LEB128

    @inline(__always)
    mutating func u32() throws(WasmError) -> UInt32 {
        if cursor != end {
            let byte = cursor.pointee
            if byte < 0x80 {
                cursor += 1
                return UInt32(byte)
            }
        }
        return UInt32(truncatingIfNeeded: try unsigned(bits: 32))
    }

    @inline(__always)
    mutating func u64() throws(WasmError) -> UInt64 {
        if cursor != end {
            let byte = cursor.pointee
            if byte < 0x80 {
                cursor += 1
                return UInt64(byte)
            }
        }
        return try unsigned(bits: 64)
    }

    @inline(never)
    private mutating func unsigned(bits: UInt64) throws(WasmError) -> UInt64 {
        let start = offset
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try byte()
            let left = bits - shift
            if left < 7 {
                if byte >= 0x80 { throw malformed("integer representation too long", at: start) }
                if byte >> left != 0 { throw malformed("integer too large", at: start) }
            }
            result |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return result }
            shift += 7
        }
    }

    @inline(__always)
    mutating func s32() throws(WasmError) -> Int32 { Int32(truncatingIfNeeded: try signed(bits: 32)) }
    @inline(__always)
    mutating func s33() throws(WasmError) -> Int64 { try signed(bits: 33) }
    @inline(__always)
    mutating func s64() throws(WasmError) -> Int64 { try signed(bits: 64) }

    @inline(__always)
    private mutating func signed(bits: UInt64) throws(WasmError) -> Int64 {
        if cursor != end {
            let byte = cursor.pointee
            if byte < 0x80 {
                cursor += 1
                return Int64(Int8(bitPattern: byte &<< 1) &>> 1)
            }
        }
        return try longSigned(bits: bits)
    }

    @inline(never)
    private mutating func longSigned(bits: UInt64) throws(WasmError) -> Int64 {
        let start = offset
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try byte()
            let left = bits - shift
            if left < 7 {
                if byte >= 0x80 { throw malformed("integer representation too long", at: start) }
                // The bits beyond the value must repeat its sign, which is bit `left - 1`.
                let sign = Int8(bitPattern: byte &<< 1) &>> 1
                let excess = sign &>> Int8(left - 1)
                if excess != 0 && excess != -1 { throw malformed("integer too large", at: start) }
            }
            result |= UInt64(byte & 0x7F) &<< shift
            shift += 7
            if byte < 0x80 {
                if byte & 0x40 != 0 && shift < 64 { result |= ~0 &<< shift }
                return Int64(bitPattern: result)
            }
        }
    }

    // MARK: Floats

    mutating func f32Bits() throws(WasmError) -> UInt32 {
        if remaining < 4 { throw unexpectedEnd() }
        defer { cursor += 4 }
        return UInt32(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt32.self))
    }

    mutating func f64Bits() throws(WasmError) -> UInt64 {
        if remaining < 8 { throw unexpectedEnd() }
        defer { cursor += 8 }
        return UInt64(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self))
    }

    // MARK: Vectors

    mutating func v128() throws(WasmError) -> V128 {
        if remaining < 16 { throw unexpectedEnd() }
        defer { cursor += 16 }
        return V128(littleEndianBytes: cursor)
    }

    // MARK: Composite

    /// The count of a vector whose entries take at least one byte each. Counts the bytes cannot justify are refused
    /// here, so that callers may reserve memory for them.
    mutating func count(limit: Int, of what: StaticString) throws(WasmError) -> Int {
        let start = offset
        let count = Int(try u32())
        guard count <= remaining else {
            throw malformed(
                "length out of bounds: unexpected end after \(remaining) bytes for \(count) \(what)", at: start)
        }
        guard count <= limit else {
            throw WasmError(.limitExceeded, at: start, "too many \(what): \(count), and the limit is \(limit)")
        }
        return count
    }

    mutating func name(limit: Int) throws(WasmError) -> String {
        let start = offset
        let length = try u32()
        let range = try take(length, orElse: "length out of bounds: unexpected end inside a name")
        guard range.count <= limit else {
            throw WasmError(.limitExceeded, at: start, "name too long: \(length) bytes, and the limit is \(limit)")
        }
        let bytes = UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
        guard let name = String(validating: bytes, as: UTF8.self) else {
            throw malformed("malformed UTF-8 encoding", at: start)
        }
        return name
    }

    @inline(__always)
    mutating func valueType() throws(WasmError) -> ValueType {
        let byte = try byte()
        switch byte {
        case 0x7B...0x7F, 0x70, 0x6F: return ValueType(bits: UInt32(byte))
        default: throw typeError(byte, "malformed value type")
        }
    }

    mutating func referenceType() throws(WasmError) -> ValueType {
        let byte = try byte()
        switch byte {
        case 0x70, 0x6F: return ValueType(bits: UInt32(byte))
        case 0x7B: throw malformed("malformed reference type: v128 is none", at: offset - 1)
        default: throw typeError(byte, "malformed reference type")
        }
    }

    /// The immediate of `ref.null`.
    mutating func heapType() throws(WasmError) -> ValueType {
        // A type index is a non-negative s33; the abstract heap types are the negative one-byte values.
        if try peek() & 0xC0 != 0x40 {
            let start = offset
            let index = try s33()
            if index < 0 { throw malformed("malformed heap type", at: start) }
            throw WasmError(.unsupported, at: start, UnsupportedFeature.typedFunctionReferences.message)
        }
        return try referenceType()
    }

    @inline(never)
    private func typeError(_ byte: UInt8, _ message: String) -> WasmError {
        if let feature = UnsupportedFeature(typeByte: byte) {
            return WasmError(.unsupported, at: offset - 1, feature.message)
        }
        return malformed("\(message) 0x\(String(byte, radix: 16))", at: offset - 1)
    }

    mutating func blockType() throws(WasmError) -> BlockType {
        let byte = try peek()
        if byte & 0xC0 == 0x40 {
            if byte == 0x40 {
                cursor += 1
                return .empty
            }
            return .value(try valueType())
        }
        let start = offset
        let index = try s33()
        guard index >= 0 else { throw malformed("malformed block type", at: start) }
        return .function(typeIndex: UInt32(truncatingIfNeeded: index))
    }

    /// What to say about an opcode that is not in `Opcode`.
    @inline(never)
    func illegal(_ opcode: UInt8, at offset: Int) -> WasmError {
        if let feature = UnsupportedFeature(opcode: opcode) {
            return WasmError(.unsupported, at: offset, feature.message)
        }
        let digits = String(opcode, radix: 16)
        return malformed("illegal opcode \(digits.count == 1 ? "0" : "")\(digits)", at: offset)
    }

    /// What to say about an opcode behind `0xFC` that is not in `PrefixedOpcodeFC`.
    @inline(never)
    func illegal(_ opcode: UInt32, at offset: Int) -> WasmError {
        if let feature = UnsupportedFeature(opcodeFC: opcode) {
            return WasmError(.unsupported, at: offset, feature.message)
        }
        return malformed("illegal opcode fc \(String(opcode, radix: 16))", at: offset)
    }

    /// What to say about an opcode behind `0xFD` that is not in `VectorOpcode`.
    @inline(never)
    func illegalVector(_ opcode: UInt32, at offset: Int) -> WasmError {
        malformed("illegal opcode fd \(String(opcode, radix: 16))", at: offset)
    }
}
