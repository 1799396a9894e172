//! Writes instructions and their immediates as bytes. The raw layer of `WasmBuilder`; LEB128 lives here.

public import WasmModule

/// A growing piece of code. Every method returns the builder, so instructions chain.
public final class CodeBuilder {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// Code made in place: `CodeBuilder.code { $0.i32Const(1).end() }`.
    public static func code(_ write: (CodeBuilder) -> Void) -> [UInt8] {
        let builder = CodeBuilder()
        write(builder)
        return builder.bytes
    }

    // MARK: Opcodes

    @discardableResult public func op(_ opcode: Opcode) -> CodeBuilder { raw(opcode.rawValue) }

    @discardableResult public func op(_ opcode: PrefixedOpcodeFC) -> CodeBuilder {
        raw(Opcode.prefixFC.rawValue).u32(opcode.rawValue)
    }

    @discardableResult public func op(_ opcode: VectorOpcode) -> CodeBuilder {
        raw(Opcode.prefixFD.rawValue).u32(UInt32(opcode.rawValue))
    }

    /// Any bytes: opcodes the builder does not know, or deliberately broken code.
    @discardableResult public func raw(_ raw: UInt8...) -> CodeBuilder { append(raw) }

    @discardableResult public func append(_ more: some Sequence<UInt8>) -> CodeBuilder {
        bytes.append(contentsOf: more)
        return self
    }

    // MARK: Immediates

    @discardableResult public func u32(_ value: UInt32) -> CodeBuilder { append(LEB128.unsigned(UInt64(value))) }
    @discardableResult public func s32(_ value: Int32) -> CodeBuilder { append(LEB128.signed(Int64(value))) }
    @discardableResult public func s64(_ value: Int64) -> CodeBuilder { append(LEB128.signed(value)) }

    @discardableResult public func f32Bits(_ bits: UInt32) -> CodeBuilder {
        withUnsafeBytes(of: bits.littleEndian) { append($0) }
    }

    @discardableResult public func f64Bits(_ bits: UInt64) -> CodeBuilder {
        withUnsafeBytes(of: bits.littleEndian) { append($0) }
    }

    @discardableResult public func valueType(_ type: ValueType) -> CodeBuilder {
        raw(UInt8(truncatingIfNeeded: type.bits))
    }

    @discardableResult public func blockType(_ type: BlockType) -> CodeBuilder {
        switch type {
        case .empty: raw(0x40)
        case .value(let value): valueType(value)
        case .function(let index): s64(Int64(index))
        }
    }

    /// A name: length and UTF-8.
    @discardableResult public func name(_ name: String) -> CodeBuilder {
        u32(UInt32(name.utf8.count)).append(name.utf8)
    }

    /// Length in bytes, then the bytes.
    @discardableResult public func sized(_ content: [UInt8]) -> CodeBuilder {
        u32(UInt32(content.count)).append(content)
    }

    // MARK: Shorthands

    /// A block that ends itself: `$0.block(.empty) { $0.br(0) }`.
    @discardableResult public func block(
        _ type: BlockType = .empty, _ body: (CodeBuilder) -> Void
    ) -> CodeBuilder { block(type).nest(body) }

    @discardableResult public func loop(
        _ type: BlockType = .empty, _ body: (CodeBuilder) -> Void
    ) -> CodeBuilder { loop(type).nest(body) }

    @discardableResult public func `if`(
        _ type: BlockType = .empty, then: (CodeBuilder) -> Void, else otherwise: ((CodeBuilder) -> Void)? = nil
    ) -> CodeBuilder {
        self.if(type)
        then(self)
        if let otherwise {
            self.else()
            otherwise(self)
        }
        return end()
    }

    private func nest(_ body: (CodeBuilder) -> Void) -> CodeBuilder {
        body(self)
        return end()
    }

    /// A constant of any number type, by bit pattern; of a vector, these are the lower half, their complement the upper.
    @discardableResult public func const(_ type: ValueType, bits: UInt64) -> CodeBuilder {
        switch type {
        case .i32: i32Const(Int32(truncatingIfNeeded: bits))
        case .i64: i64Const(Int64(bitPattern: bits))
        case .f32: op(.f32Const).f32Bits(UInt32(truncatingIfNeeded: bits))
        case .f64: op(.f64Const).f64Bits(bits)
        case .v128: v128Const(V128(low: bits, high: ~bits))
        default: refNull(type)
        }
    }
}

/// Little-endian base 128, minimal or padded.
public enum LEB128 {
    public static func unsigned(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        repeat {
            let low = UInt8(rest & 0x7F)
            rest >>= 7
            bytes.append(rest == 0 ? low : low | 0x80)
        } while rest != 0
        return bytes
    }

    public static func signed(_ value: Int64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while true {
            let low = UInt8(truncatingIfNeeded: rest & 0x7F)
            rest >>= 7
            let done = (rest == 0 && low & 0x40 == 0) || (rest == -1 && low & 0x40 != 0)
            bytes.append(done ? low : low | 0x80)
            if done { return bytes }
        }
    }

    /// `value` in exactly `length` bytes, which must be enough.
    public static func unsigned(_ value: UInt64, paddedTo length: Int) -> [UInt8] {
        (0..<length).map { index in
            UInt8(truncatingIfNeeded: value >> UInt64(7 * index)) & 0x7F | (index == length - 1 ? 0 : 0x80)
        }
    }
}
