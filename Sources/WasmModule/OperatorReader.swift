//! Reads the operators of a function body that has already been validated: what a compiler walks.
//!
//! Invariants: no errors, because validation found none; never a read at or beyond `end`, whatever the bytes are
//! (a reader that runs out yields zeros), so that a mistake elsewhere cannot turn into an out-of-bounds access.
//! The LEB128 readers assume the encodings that validation accepted: at most 5 bytes for 32 bits, 10 for 64.

/// A cursor over validated code.
@frozen
public struct OperatorReader {
    /// The next byte to read.
    @usableFromInline var cursor: UnsafePointer<UInt8>
    /// One past the last byte.
    public let end: UnsafePointer<UInt8>
    /// The first byte of the range given to `init`.
    public let start: UnsafePointer<UInt8>

    /// - Parameter bytes: the code to read; it must outlive the reader.
    @inlinable
    public init(start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>) {
        self.start = start
        self.end = end
        self.cursor = start
    }

    /// A reader over `body`, which begins with the locals (`readLocalRun`).
    ///
    /// - Parameter module: the address of the first byte of the module's `bytes`.
    @inlinable
    public init(body: FunctionBody, in module: UnsafePointer<UInt8>) {
        self.init(start: module + body.range.lowerBound, end: module + body.range.upperBound)
    }

    /// Bytes read so far.
    @inlinable @inline(__always)
    public var position: Int { cursor - start }

    /// Where the next byte is read.
    @inlinable @inline(__always)
    public var pointer: UnsafePointer<UInt8> { cursor }

    /// Moves to a position obtained from `position`.
    @inlinable
    public mutating func seek(to position: Int) { cursor = min(start + max(position, 0), end) }

    @inlinable @inline(__always)
    public var atEnd: Bool { cursor == end }

    /// The next byte, without reading it; 0 at the end.
    @inlinable @inline(__always)
    public var peek: UInt8 { cursor != end ? cursor.pointee : 0 }

    @inlinable @inline(__always)
    public mutating func readByte() -> UInt8 {
        if cursor == end { return 0 }
        let byte = cursor.pointee
        cursor += 1
        return byte
    }

    /// The next opcode. `nil` only at the end: validated code has no other opcodes.
    @inlinable @inline(__always)
    public mutating func readOpcode() -> Opcode? { cursor == end ? nil : Opcode(rawValue: readByte()) }

    /// The second part of an opcode after `Opcode.prefixFC`.
    @inlinable @inline(__always)
    public mutating func readOpcodeFC() -> PrefixedOpcodeFC? { PrefixedOpcodeFC(rawValue: readU32()) }

    /// An unsigned 32-bit LEB128: indices, counts, alignments and memory offsets.
    @inlinable @inline(__always)
    public mutating func readU32() -> UInt32 {
        let first = readByte()
        if first < 0x80 { return UInt32(first) }
        return readLongU32(first)
    }

    @inlinable
    mutating func readLongU32(_ first: UInt8) -> UInt32 {
        var result = UInt32(first & 0x7F)
        var shift: UInt32 = 7
        while shift < 35 {
            let byte = readByte()
            result |= UInt32(byte & 0x7F) &<< shift
            if byte < 0x80 { break }
            shift &+= 7
        }
        return result
    }

    /// A signed 32-bit LEB128 (`i32.const`).
    @inlinable @inline(__always)
    public mutating func readS32() -> Int32 {
        let first = readByte()
        if first < 0x80 { return Int32(Int8(bitPattern: first &<< 1) &>> 1) }
        return Int32(truncatingIfNeeded: readLongSigned(first, bits: 35))
    }

    /// A signed 64-bit LEB128 (`i64.const`).
    @inlinable @inline(__always)
    public mutating func readS64() -> Int64 {
        let first = readByte()
        if first < 0x80 { return Int64(Int8(bitPattern: first &<< 1) &>> 1) }
        return readLongSigned(first, bits: 70)
    }

    @inlinable
    mutating func readLongSigned(_ first: UInt8, bits: UInt32) -> Int64 {
        var result = UInt64(first & 0x7F)
        var shift: UInt32 = 7
        while shift < bits {
            let byte = readByte()
            result |= UInt64(byte & 0x7F) &<< UInt64(shift)
            shift &+= 7
            if byte < 0x80 {
                if byte & 0x40 != 0 && shift < 64 { result |= ~0 &<< UInt64(shift) }
                break
            }
        }
        return Int64(bitPattern: result)
    }

    /// The bit pattern of an `f32.const`.
    @inlinable
    public mutating func readF32Bits() -> UInt32 {
        guard end - cursor >= 4 else {
            cursor = end
            return 0
        }
        let bits = UnsafeRawPointer(cursor).loadUnaligned(as: UInt32.self)
        cursor += 4
        return UInt32(littleEndian: bits)
    }

    /// The bit pattern of an `f64.const`.
    @inlinable
    public mutating func readF64Bits() -> UInt64 {
        guard end - cursor >= 8 else {
            cursor = end
            return 0
        }
        let bits = UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self)
        cursor += 8
        return UInt64(littleEndian: bits)
    }

    /// The number behind `Opcode.prefixFD`.
    @inlinable @inline(__always)
    public mutating func readVectorCode() -> UInt32 { readU32() }

    /// The 16 bytes of a `v128.const`, or the 16 lane indices of an `i8x16.shuffle`.
    @inlinable
    public mutating func readV128() -> V128 {
        guard end - cursor >= 16 else {
            cursor = end
            return V128()
        }
        defer { cursor += 16 }
        return V128(littleEndianBytes: cursor)
    }

    /// A lane index.
    @inlinable @inline(__always)
    public mutating func readLane() -> UInt8 { readByte() }

    /// The type of a `block`, `loop` or `if`.
    @inlinable
    public mutating func readBlockType() -> BlockType {
        let byte = peek
        // A one-byte negative s33 is a type byte; everything else is a type index.
        if byte & 0xC0 == 0x40 {
            cursor += 1
            return byte == 0x40 ? .empty : .value(ValueType(bits: UInt32(byte)))
        }
        return .function(typeIndex: readU32())
    }

    /// A value type (`select t*`, locals) or the heap type of `ref.null`, which has the same byte as its nullable
    /// reference type.
    @inlinable @inline(__always)
    public mutating func readValueType() -> ValueType { ValueType(bits: UInt32(readByte())) }

    /// The number of runs of locals, with which a body begins. `readLocalRun` follows as often.
    @inlinable
    public mutating func readLocalRunCount() -> UInt32 { readU32() }

    @inlinable
    public mutating func readLocalRun() -> LocalRun {
        let count = readU32()
        return LocalRun(count: count, type: readValueType())
    }

    /// A memory instruction's immediates: exponent of the promised alignment, memory, and offset in bytes.
    @inlinable @inline(__always)
    public mutating func readMemoryArgument() -> MemoryArgument {
        let flags = readU32()
        // Bit 6 announces an explicit memory index.
        let memory = flags & 0x40 != 0 ? readU32() : 0
        return MemoryArgument(align: flags & 0x3F, memory: memory, offset: readOffset())
    }

    /// An offset is a 64-bit LEB128 in the format (up to 10 bytes), whatever the memory's addresses are.
    @inlinable @inline(__always)
    mutating func readOffset() -> UInt64 {
        let first = readByte()
        return first < 0x80 ? UInt64(first) : readLongOffset(first)
    }

    @inlinable
    mutating func readLongOffset(_ first: UInt8) -> UInt64 {
        var result = UInt64(first & 0x7F)
        var shift: UInt64 = 7
        while shift < 70 {
            let byte = readByte()
            if shift < 64 { result |= UInt64(byte & 0x7F) &<< shift }
            if byte < 0x80 { break }
            shift &+= 7
        }
        return result
    }
}

/// The immediates of a load or store.
@frozen
public struct MemoryArgument: Hashable, Sendable, BitwiseCopyable {
    /// Binary logarithm of the alignment in bytes. Only a hint.
    public let align: UInt32
    /// Index of the memory.
    public let memory: UInt32
    /// Bytes added to the address operand (without wrapping). Below 2^32 unless the memory's addresses are i64.
    public let offset: UInt64

    @inlinable public init(align: UInt32, memory: UInt32 = 0, offset: UInt64) {
        self.align = align
        self.memory = memory
        self.offset = offset
    }
}

/// Consecutive locals of one type. Parameters are not part of the runs.
@frozen
public struct LocalRun: Hashable, Sendable, BitwiseCopyable {
    /// May be 0.
    public let count: UInt32
    public let type: ValueType

    @inlinable public init(count: UInt32, type: ValueType) {
        self.count = count
        self.type = type
    }
}

extension DecodedModule {
    /// Calls `visit` for every run of locals of a body that has been validated, in order.
    public func forEachLocalRun(body: Int, _ visit: (LocalRun) -> Void) {
        bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var reader = OperatorReader(body: bodies[body], in: base)
            for _ in 0..<reader.readLocalRunCount() { visit(reader.readLocalRun()) }
        }
    }
}

/// The type of a structured control instruction.
@frozen
public enum BlockType: Hashable, Sendable, BitwiseCopyable {
    /// No parameters, no results.
    case empty
    /// No parameters, one result.
    case value(ValueType)
    /// A function type of the module.
    case function(typeIndex: UInt32)
}
