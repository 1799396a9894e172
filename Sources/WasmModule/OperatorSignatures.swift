//! The stack effects of the instructions that need nothing but a table: pops and pushes of fixed types.
//!
//! One 32-bit entry per opcode; 0 for opcodes that the validator treats one by one, or that do not exist.

/// What a table-driven instruction pops and pushes.
struct OperatorSignature: BitwiseCopyable {
    /// Low to high: type byte of the operand popped first, of the second, of the result; then, for loads and stores,
    /// the binary logarithm of the natural alignment plus one. 0 stands for none.
    let bits: UInt32

    static let none = OperatorSignature(bits: 0)

    init(bits: UInt32) { self.bits = bits }

    /// - Parameter operands: in the order of the specification, the last is on top.
    init(_ operands: [ValueType], _ result: ValueType? = nil, accessSize: UInt32 = 0) {
        var bits = operands.last?.bits ?? 0
        if operands.count == 2 { bits |= operands[0].bits << 8 }
        bits |= (result?.bits ?? 0) << 16
        if accessSize > 0 { bits |= UInt32(accessSize.trailingZeroBitCount + 1) << 24 }
        self.bits = bits
    }

    var isNone: Bool { @inline(__always) get { bits == 0 } }
    var first: UInt32 { @inline(__always) get { bits & 0xFF } }
    var second: UInt32 { @inline(__always) get { (bits &>> 8) & 0xFF } }
    var result: UInt32 { @inline(__always) get { (bits &>> 16) & 0xFF } }
    /// `nil` for what does not touch memory.
    var naturalAlignment: UInt32? { @inline(__always) get { bits &>> 24 == 0 ? nil : (bits &>> 24) &- 1 } }

    /// Writes the signatures of the one-byte opcodes to `table`, which has 256 entries.
    static func fill(_ table: UnsafeMutablePointer<OperatorSignature>) {
        table.initialize(repeating: .none, count: 256)
        func set(_ first: Opcode, _ last: Opcode, _ signature: OperatorSignature) {
            for opcode in first.rawValue...last.rawValue { table[Int(opcode)] = signature }
        }
        func set(_ opcode: Opcode, _ operand: ValueType, _ result: ValueType) {
            table[Int(opcode.rawValue)] = OperatorSignature([operand], result)
        }
        func load(_ opcode: Opcode, _ type: ValueType, _ size: UInt32) {
            table[Int(opcode.rawValue)] = OperatorSignature([.i32], type, accessSize: size)
        }
        func store(_ opcode: Opcode, _ type: ValueType, _ size: UInt32) {
            table[Int(opcode.rawValue)] = OperatorSignature([.i32, type], accessSize: size)
        }

        load(.i32Load, .i32, 4)
        load(.i64Load, .i64, 8)
        load(.f32Load, .f32, 4)
        load(.f64Load, .f64, 8)
        for opcode in [Opcode.i32Load8S, .i32Load8U] { load(opcode, .i32, 1) }
        for opcode in [Opcode.i32Load16S, .i32Load16U] { load(opcode, .i32, 2) }
        for opcode in [Opcode.i64Load8S, .i64Load8U] { load(opcode, .i64, 1) }
        for opcode in [Opcode.i64Load16S, .i64Load16U] { load(opcode, .i64, 2) }
        for opcode in [Opcode.i64Load32S, .i64Load32U] { load(opcode, .i64, 4) }
        store(.i32Store, .i32, 4)
        store(.i64Store, .i64, 8)
        store(.f32Store, .f32, 4)
        store(.f64Store, .f64, 8)
        store(.i32Store8, .i32, 1)
        store(.i32Store16, .i32, 2)
        store(.i64Store8, .i64, 1)
        store(.i64Store16, .i64, 2)
        store(.i64Store32, .i64, 4)

        set(.i32Eqz, .i32, .i32)
        set(.i32Eq, .i32GeU, OperatorSignature([.i32, .i32], .i32))
        set(.i64Eqz, .i64, .i32)
        set(.i64Eq, .i64GeU, OperatorSignature([.i64, .i64], .i32))
        set(.f32Eq, .f32Ge, OperatorSignature([.f32, .f32], .i32))
        set(.f64Eq, .f64Ge, OperatorSignature([.f64, .f64], .i32))

        set(.i32Clz, .i32Popcnt, OperatorSignature([.i32], .i32))
        set(.i32Add, .i32Rotr, OperatorSignature([.i32, .i32], .i32))
        set(.i64Clz, .i64Popcnt, OperatorSignature([.i64], .i64))
        set(.i64Add, .i64Rotr, OperatorSignature([.i64, .i64], .i64))
        set(.f32Abs, .f32Sqrt, OperatorSignature([.f32], .f32))
        set(.f32Add, .f32Copysign, OperatorSignature([.f32, .f32], .f32))
        set(.f64Abs, .f64Sqrt, OperatorSignature([.f64], .f64))
        set(.f64Add, .f64Copysign, OperatorSignature([.f64, .f64], .f64))

        set(.i32WrapI64, .i64, .i32)
        set(.i32TruncF32S, .i32TruncF32U, OperatorSignature([.f32], .i32))
        set(.i32TruncF64S, .i32TruncF64U, OperatorSignature([.f64], .i32))
        set(.i64ExtendI32S, .i64ExtendI32U, OperatorSignature([.i32], .i64))
        set(.i64TruncF32S, .i64TruncF32U, OperatorSignature([.f32], .i64))
        set(.i64TruncF64S, .i64TruncF64U, OperatorSignature([.f64], .i64))
        set(.f32ConvertI32S, .f32ConvertI32U, OperatorSignature([.i32], .f32))
        set(.f32ConvertI64S, .f32ConvertI64U, OperatorSignature([.i64], .f32))
        set(.f32DemoteF64, .f64, .f32)
        set(.f64ConvertI32S, .f64ConvertI32U, OperatorSignature([.i32], .f64))
        set(.f64ConvertI64S, .f64ConvertI64U, OperatorSignature([.i64], .f64))
        set(.f64PromoteF32, .f32, .f64)
        set(.i32ReinterpretF32, .f32, .i32)
        set(.i64ReinterpretF64, .f64, .i64)
        set(.f32ReinterpretI32, .i32, .f32)
        set(.f64ReinterpretI64, .i64, .f64)
        set(.i32Extend8S, .i32Extend16S, OperatorSignature([.i32], .i32))
        set(.i64Extend8S, .i64Extend32S, OperatorSignature([.i64], .i64))
    }
}
