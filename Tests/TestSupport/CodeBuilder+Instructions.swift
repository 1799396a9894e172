//! One method per instruction on `CodeBuilder`, named as in `Opcode`, so that a body in a test reads like WAT in
//! postfix order. Nothing is checked here: tests need invalid bodies as well.

public import WasmModule

extension CodeBuilder {
    // MARK: Control
    @discardableResult public func unreachable() -> CodeBuilder { op(.unreachable) }
    @discardableResult public func nop() -> CodeBuilder { op(.nop) }
    @discardableResult public func block(_ type: BlockType = .empty) -> CodeBuilder {
        op(.block)
        blockType(type)
        return self
    }
    @discardableResult public func loop(_ type: BlockType = .empty) -> CodeBuilder {
        op(.loop)
        blockType(type)
        return self
    }
    @discardableResult public func `if`(_ type: BlockType = .empty) -> CodeBuilder {
        op(.if)
        blockType(type)
        return self
    }
    @discardableResult public func `else`() -> CodeBuilder { op(.else) }
    @discardableResult public func end() -> CodeBuilder { op(.end) }
    @discardableResult public func br(_ label: UInt32) -> CodeBuilder {
        op(.br)
        u32(label)
        return self
    }
    @discardableResult public func brIf(_ label: UInt32) -> CodeBuilder {
        op(.brIf)
        u32(label)
        return self
    }
    @discardableResult public func brTable(_ labels: [UInt32], default: UInt32) -> CodeBuilder {
        op(.brTable)
        u32(UInt32(labels.count))
        for label in labels { u32(label) }
        u32(`default`)
        return self
    }
    @discardableResult public func `return`() -> CodeBuilder { op(.return) }
    @discardableResult public func call(_ function: UInt32) -> CodeBuilder {
        op(.call)
        u32(function)
        return self
    }
    @discardableResult public func returnCall(_ function: UInt32) -> CodeBuilder {
        op(.returnCall)
        u32(function)
        return self
    }
    @discardableResult public func returnCallIndirect(type: UInt32, table: UInt32 = 0) -> CodeBuilder {
        op(.returnCallIndirect)
        u32(type)
        u32(table)
        return self
    }
    @discardableResult public func callIndirect(type: UInt32, table: UInt32 = 0) -> CodeBuilder {
        op(.callIndirect)
        u32(type)
        u32(table)
        return self
    }

    // MARK: Parametric
    @discardableResult public func drop() -> CodeBuilder { op(.drop) }
    @discardableResult public func select() -> CodeBuilder { op(.select) }
    @discardableResult public func select(_ types: [ValueType]) -> CodeBuilder {
        op(.selectTyped)
        u32(UInt32(types.count))
        for type in types { valueType(type) }
        return self
    }

    // MARK: Variables and table elements
    @discardableResult public func localGet(_ local: UInt32) -> CodeBuilder {
        op(.localGet)
        u32(local)
        return self
    }
    @discardableResult public func localSet(_ local: UInt32) -> CodeBuilder {
        op(.localSet)
        u32(local)
        return self
    }
    @discardableResult public func localTee(_ local: UInt32) -> CodeBuilder {
        op(.localTee)
        u32(local)
        return self
    }
    @discardableResult public func globalGet(_ global: UInt32) -> CodeBuilder {
        op(.globalGet)
        u32(global)
        return self
    }
    @discardableResult public func globalSet(_ global: UInt32) -> CodeBuilder {
        op(.globalSet)
        u32(global)
        return self
    }
    @discardableResult public func tableGet(_ table: UInt32 = 0) -> CodeBuilder {
        op(.tableGet)
        u32(table)
        return self
    }
    @discardableResult public func tableSet(_ table: UInt32 = 0) -> CodeBuilder {
        op(.tableSet)
        u32(table)
        return self
    }

    // MARK: Memory
    @discardableResult public func i32Load(offset: UInt32 = 0, align: UInt32 = 2) -> CodeBuilder {
        op(.i32Load)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Load(offset: UInt32 = 0, align: UInt32 = 3) -> CodeBuilder {
        op(.i64Load)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func f32Load(offset: UInt32 = 0, align: UInt32 = 2) -> CodeBuilder {
        op(.f32Load)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func f64Load(offset: UInt32 = 0, align: UInt32 = 3) -> CodeBuilder {
        op(.f64Load)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i32Load8S(offset: UInt32 = 0, align: UInt32 = 0) -> CodeBuilder {
        op(.i32Load8S)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i32Load8U(offset: UInt32 = 0, align: UInt32 = 0) -> CodeBuilder {
        op(.i32Load8U)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i32Load16S(offset: UInt32 = 0, align: UInt32 = 1) -> CodeBuilder {
        op(.i32Load16S)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i32Load16U(offset: UInt32 = 0, align: UInt32 = 1) -> CodeBuilder {
        op(.i32Load16U)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Load8S(offset: UInt32 = 0, align: UInt32 = 0) -> CodeBuilder {
        op(.i64Load8S)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Load8U(offset: UInt32 = 0, align: UInt32 = 0) -> CodeBuilder {
        op(.i64Load8U)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Load16S(offset: UInt32 = 0, align: UInt32 = 1) -> CodeBuilder {
        op(.i64Load16S)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Load16U(offset: UInt32 = 0, align: UInt32 = 1) -> CodeBuilder {
        op(.i64Load16U)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Load32S(offset: UInt32 = 0, align: UInt32 = 2) -> CodeBuilder {
        op(.i64Load32S)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Load32U(offset: UInt32 = 0, align: UInt32 = 2) -> CodeBuilder {
        op(.i64Load32U)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i32Store(offset: UInt32 = 0, align: UInt32 = 2) -> CodeBuilder {
        op(.i32Store)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Store(offset: UInt32 = 0, align: UInt32 = 3) -> CodeBuilder {
        op(.i64Store)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func f32Store(offset: UInt32 = 0, align: UInt32 = 2) -> CodeBuilder {
        op(.f32Store)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func f64Store(offset: UInt32 = 0, align: UInt32 = 3) -> CodeBuilder {
        op(.f64Store)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i32Store8(offset: UInt32 = 0, align: UInt32 = 0) -> CodeBuilder {
        op(.i32Store8)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i32Store16(offset: UInt32 = 0, align: UInt32 = 1) -> CodeBuilder {
        op(.i32Store16)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Store8(offset: UInt32 = 0, align: UInt32 = 0) -> CodeBuilder {
        op(.i64Store8)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Store16(offset: UInt32 = 0, align: UInt32 = 1) -> CodeBuilder {
        op(.i64Store16)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func i64Store32(offset: UInt32 = 0, align: UInt32 = 2) -> CodeBuilder {
        op(.i64Store32)
        u32(align)
        u32(offset)
        return self
    }
    @discardableResult public func memorySize(memory: UInt32 = 0) -> CodeBuilder {
        op(.memorySize)
        u32(memory)
        return self
    }
    @discardableResult public func memoryGrow(memory: UInt32 = 0) -> CodeBuilder {
        op(.memoryGrow)
        u32(memory)
        return self
    }

    // MARK: Constants
    @discardableResult public func i32Const(_ value: Int32) -> CodeBuilder {
        op(.i32Const)
        s32(value)
        return self
    }
    @discardableResult public func i64Const(_ value: Int64) -> CodeBuilder {
        op(.i64Const)
        s64(value)
        return self
    }
    @discardableResult public func f32Const(_ value: Float) -> CodeBuilder {
        op(.f32Const)
        f32Bits(value.bitPattern)
        return self
    }
    @discardableResult public func f64Const(_ value: Double) -> CodeBuilder {
        op(.f64Const)
        f64Bits(value.bitPattern)
        return self
    }

    // MARK: Numeric
    @discardableResult public func i32Eqz() -> CodeBuilder { op(.i32Eqz) }
    @discardableResult public func i32Eq() -> CodeBuilder { op(.i32Eq) }
    @discardableResult public func i32Ne() -> CodeBuilder { op(.i32Ne) }
    @discardableResult public func i32LtS() -> CodeBuilder { op(.i32LtS) }
    @discardableResult public func i32LtU() -> CodeBuilder { op(.i32LtU) }
    @discardableResult public func i32GtS() -> CodeBuilder { op(.i32GtS) }
    @discardableResult public func i32GtU() -> CodeBuilder { op(.i32GtU) }
    @discardableResult public func i32LeS() -> CodeBuilder { op(.i32LeS) }
    @discardableResult public func i32LeU() -> CodeBuilder { op(.i32LeU) }
    @discardableResult public func i32GeS() -> CodeBuilder { op(.i32GeS) }
    @discardableResult public func i32GeU() -> CodeBuilder { op(.i32GeU) }
    @discardableResult public func i64Eqz() -> CodeBuilder { op(.i64Eqz) }
    @discardableResult public func i64Eq() -> CodeBuilder { op(.i64Eq) }
    @discardableResult public func i64Ne() -> CodeBuilder { op(.i64Ne) }
    @discardableResult public func i64LtS() -> CodeBuilder { op(.i64LtS) }
    @discardableResult public func i64LtU() -> CodeBuilder { op(.i64LtU) }
    @discardableResult public func i64GtS() -> CodeBuilder { op(.i64GtS) }
    @discardableResult public func i64GtU() -> CodeBuilder { op(.i64GtU) }
    @discardableResult public func i64LeS() -> CodeBuilder { op(.i64LeS) }
    @discardableResult public func i64LeU() -> CodeBuilder { op(.i64LeU) }
    @discardableResult public func i64GeS() -> CodeBuilder { op(.i64GeS) }
    @discardableResult public func i64GeU() -> CodeBuilder { op(.i64GeU) }
    @discardableResult public func f32Eq() -> CodeBuilder { op(.f32Eq) }
    @discardableResult public func f32Ne() -> CodeBuilder { op(.f32Ne) }
    @discardableResult public func f32Lt() -> CodeBuilder { op(.f32Lt) }
    @discardableResult public func f32Gt() -> CodeBuilder { op(.f32Gt) }
    @discardableResult public func f32Le() -> CodeBuilder { op(.f32Le) }
    @discardableResult public func f32Ge() -> CodeBuilder { op(.f32Ge) }
    @discardableResult public func f64Eq() -> CodeBuilder { op(.f64Eq) }
    @discardableResult public func f64Ne() -> CodeBuilder { op(.f64Ne) }
    @discardableResult public func f64Lt() -> CodeBuilder { op(.f64Lt) }
    @discardableResult public func f64Gt() -> CodeBuilder { op(.f64Gt) }
    @discardableResult public func f64Le() -> CodeBuilder { op(.f64Le) }
    @discardableResult public func f64Ge() -> CodeBuilder { op(.f64Ge) }
    @discardableResult public func i32Clz() -> CodeBuilder { op(.i32Clz) }
    @discardableResult public func i32Ctz() -> CodeBuilder { op(.i32Ctz) }
    @discardableResult public func i32Popcnt() -> CodeBuilder { op(.i32Popcnt) }
    @discardableResult public func i32Add() -> CodeBuilder { op(.i32Add) }
    @discardableResult public func i32Sub() -> CodeBuilder { op(.i32Sub) }
    @discardableResult public func i32Mul() -> CodeBuilder { op(.i32Mul) }
    @discardableResult public func i32DivS() -> CodeBuilder { op(.i32DivS) }
    @discardableResult public func i32DivU() -> CodeBuilder { op(.i32DivU) }
    @discardableResult public func i32RemS() -> CodeBuilder { op(.i32RemS) }
    @discardableResult public func i32RemU() -> CodeBuilder { op(.i32RemU) }
    @discardableResult public func i32And() -> CodeBuilder { op(.i32And) }
    @discardableResult public func i32Or() -> CodeBuilder { op(.i32Or) }
    @discardableResult public func i32Xor() -> CodeBuilder { op(.i32Xor) }
    @discardableResult public func i32Shl() -> CodeBuilder { op(.i32Shl) }
    @discardableResult public func i32ShrS() -> CodeBuilder { op(.i32ShrS) }
    @discardableResult public func i32ShrU() -> CodeBuilder { op(.i32ShrU) }
    @discardableResult public func i32Rotl() -> CodeBuilder { op(.i32Rotl) }
    @discardableResult public func i32Rotr() -> CodeBuilder { op(.i32Rotr) }
    @discardableResult public func i64Clz() -> CodeBuilder { op(.i64Clz) }
    @discardableResult public func i64Ctz() -> CodeBuilder { op(.i64Ctz) }
    @discardableResult public func i64Popcnt() -> CodeBuilder { op(.i64Popcnt) }
    @discardableResult public func i64Add() -> CodeBuilder { op(.i64Add) }
    @discardableResult public func i64Sub() -> CodeBuilder { op(.i64Sub) }
    @discardableResult public func i64Mul() -> CodeBuilder { op(.i64Mul) }
    @discardableResult public func i64DivS() -> CodeBuilder { op(.i64DivS) }
    @discardableResult public func i64DivU() -> CodeBuilder { op(.i64DivU) }
    @discardableResult public func i64RemS() -> CodeBuilder { op(.i64RemS) }
    @discardableResult public func i64RemU() -> CodeBuilder { op(.i64RemU) }
    @discardableResult public func i64And() -> CodeBuilder { op(.i64And) }
    @discardableResult public func i64Or() -> CodeBuilder { op(.i64Or) }
    @discardableResult public func i64Xor() -> CodeBuilder { op(.i64Xor) }
    @discardableResult public func i64Shl() -> CodeBuilder { op(.i64Shl) }
    @discardableResult public func i64ShrS() -> CodeBuilder { op(.i64ShrS) }
    @discardableResult public func i64ShrU() -> CodeBuilder { op(.i64ShrU) }
    @discardableResult public func i64Rotl() -> CodeBuilder { op(.i64Rotl) }
    @discardableResult public func i64Rotr() -> CodeBuilder { op(.i64Rotr) }
    @discardableResult public func f32Abs() -> CodeBuilder { op(.f32Abs) }
    @discardableResult public func f32Neg() -> CodeBuilder { op(.f32Neg) }
    @discardableResult public func f32Ceil() -> CodeBuilder { op(.f32Ceil) }
    @discardableResult public func f32Floor() -> CodeBuilder { op(.f32Floor) }
    @discardableResult public func f32Trunc() -> CodeBuilder { op(.f32Trunc) }
    @discardableResult public func f32Nearest() -> CodeBuilder { op(.f32Nearest) }
    @discardableResult public func f32Sqrt() -> CodeBuilder { op(.f32Sqrt) }
    @discardableResult public func f32Add() -> CodeBuilder { op(.f32Add) }
    @discardableResult public func f32Sub() -> CodeBuilder { op(.f32Sub) }
    @discardableResult public func f32Mul() -> CodeBuilder { op(.f32Mul) }
    @discardableResult public func f32Div() -> CodeBuilder { op(.f32Div) }
    @discardableResult public func f32Min() -> CodeBuilder { op(.f32Min) }
    @discardableResult public func f32Max() -> CodeBuilder { op(.f32Max) }
    @discardableResult public func f32Copysign() -> CodeBuilder { op(.f32Copysign) }
    @discardableResult public func f64Abs() -> CodeBuilder { op(.f64Abs) }
    @discardableResult public func f64Neg() -> CodeBuilder { op(.f64Neg) }
    @discardableResult public func f64Ceil() -> CodeBuilder { op(.f64Ceil) }
    @discardableResult public func f64Floor() -> CodeBuilder { op(.f64Floor) }
    @discardableResult public func f64Trunc() -> CodeBuilder { op(.f64Trunc) }
    @discardableResult public func f64Nearest() -> CodeBuilder { op(.f64Nearest) }
    @discardableResult public func f64Sqrt() -> CodeBuilder { op(.f64Sqrt) }
    @discardableResult public func f64Add() -> CodeBuilder { op(.f64Add) }
    @discardableResult public func f64Sub() -> CodeBuilder { op(.f64Sub) }
    @discardableResult public func f64Mul() -> CodeBuilder { op(.f64Mul) }
    @discardableResult public func f64Div() -> CodeBuilder { op(.f64Div) }
    @discardableResult public func f64Min() -> CodeBuilder { op(.f64Min) }
    @discardableResult public func f64Max() -> CodeBuilder { op(.f64Max) }
    @discardableResult public func f64Copysign() -> CodeBuilder { op(.f64Copysign) }
    @discardableResult public func i32WrapI64() -> CodeBuilder { op(.i32WrapI64) }
    @discardableResult public func i32TruncF32S() -> CodeBuilder { op(.i32TruncF32S) }
    @discardableResult public func i32TruncF32U() -> CodeBuilder { op(.i32TruncF32U) }
    @discardableResult public func i32TruncF64S() -> CodeBuilder { op(.i32TruncF64S) }
    @discardableResult public func i32TruncF64U() -> CodeBuilder { op(.i32TruncF64U) }
    @discardableResult public func i64ExtendI32S() -> CodeBuilder { op(.i64ExtendI32S) }
    @discardableResult public func i64ExtendI32U() -> CodeBuilder { op(.i64ExtendI32U) }
    @discardableResult public func i64TruncF32S() -> CodeBuilder { op(.i64TruncF32S) }
    @discardableResult public func i64TruncF32U() -> CodeBuilder { op(.i64TruncF32U) }
    @discardableResult public func i64TruncF64S() -> CodeBuilder { op(.i64TruncF64S) }
    @discardableResult public func i64TruncF64U() -> CodeBuilder { op(.i64TruncF64U) }
    @discardableResult public func f32ConvertI32S() -> CodeBuilder { op(.f32ConvertI32S) }
    @discardableResult public func f32ConvertI32U() -> CodeBuilder { op(.f32ConvertI32U) }
    @discardableResult public func f32ConvertI64S() -> CodeBuilder { op(.f32ConvertI64S) }
    @discardableResult public func f32ConvertI64U() -> CodeBuilder { op(.f32ConvertI64U) }
    @discardableResult public func f32DemoteF64() -> CodeBuilder { op(.f32DemoteF64) }
    @discardableResult public func f64ConvertI32S() -> CodeBuilder { op(.f64ConvertI32S) }
    @discardableResult public func f64ConvertI32U() -> CodeBuilder { op(.f64ConvertI32U) }
    @discardableResult public func f64ConvertI64S() -> CodeBuilder { op(.f64ConvertI64S) }
    @discardableResult public func f64ConvertI64U() -> CodeBuilder { op(.f64ConvertI64U) }
    @discardableResult public func f64PromoteF32() -> CodeBuilder { op(.f64PromoteF32) }
    @discardableResult public func i32ReinterpretF32() -> CodeBuilder { op(.i32ReinterpretF32) }
    @discardableResult public func i64ReinterpretF64() -> CodeBuilder { op(.i64ReinterpretF64) }
    @discardableResult public func f32ReinterpretI32() -> CodeBuilder { op(.f32ReinterpretI32) }
    @discardableResult public func f64ReinterpretI64() -> CodeBuilder { op(.f64ReinterpretI64) }
    @discardableResult public func i32Extend8S() -> CodeBuilder { op(.i32Extend8S) }
    @discardableResult public func i32Extend16S() -> CodeBuilder { op(.i32Extend16S) }
    @discardableResult public func i64Extend8S() -> CodeBuilder { op(.i64Extend8S) }
    @discardableResult public func i64Extend16S() -> CodeBuilder { op(.i64Extend16S) }
    @discardableResult public func i64Extend32S() -> CodeBuilder { op(.i64Extend32S) }

    // MARK: References
    @discardableResult public func refNull(_ type: ValueType) -> CodeBuilder {
        op(.refNull)
        valueType(type)
        return self
    }
    @discardableResult public func refIsNull() -> CodeBuilder { op(.refIsNull) }
    @discardableResult public func refFunc(_ function: UInt32) -> CodeBuilder {
        op(.refFunc)
        u32(function)
        return self
    }

    // MARK: Prefix 0xFC
    @discardableResult public func i32TruncSatF32S() -> CodeBuilder { op(.i32TruncSatF32S) }
    @discardableResult public func i32TruncSatF32U() -> CodeBuilder { op(.i32TruncSatF32U) }
    @discardableResult public func i32TruncSatF64S() -> CodeBuilder { op(.i32TruncSatF64S) }
    @discardableResult public func i32TruncSatF64U() -> CodeBuilder { op(.i32TruncSatF64U) }
    @discardableResult public func i64TruncSatF32S() -> CodeBuilder { op(.i64TruncSatF32S) }
    @discardableResult public func i64TruncSatF32U() -> CodeBuilder { op(.i64TruncSatF32U) }
    @discardableResult public func i64TruncSatF64S() -> CodeBuilder { op(.i64TruncSatF64S) }
    @discardableResult public func i64TruncSatF64U() -> CodeBuilder { op(.i64TruncSatF64U) }
    @discardableResult public func memoryInit(data: UInt32, memory: UInt32 = 0) -> CodeBuilder {
        op(.memoryInit)
        u32(data)
        u32(memory)
        return self
    }
    @discardableResult public func dataDrop(_ data: UInt32) -> CodeBuilder {
        op(.dataDrop)
        u32(data)
        return self
    }
    @discardableResult public func memoryCopy(to destination: UInt32 = 0, from source: UInt32 = 0) -> CodeBuilder {
        op(.memoryCopy)
        u32(destination)
        u32(source)
        return self
    }
    @discardableResult public func memoryFill(memory: UInt32 = 0) -> CodeBuilder {
        op(.memoryFill)
        u32(memory)
        return self
    }
    @discardableResult public func tableInit(element: UInt32, table: UInt32 = 0) -> CodeBuilder {
        op(.tableInit)
        u32(element)
        u32(table)
        return self
    }
    @discardableResult public func elemDrop(_ element: UInt32) -> CodeBuilder {
        op(.elemDrop)
        u32(element)
        return self
    }
    @discardableResult public func tableCopy(to destination: UInt32 = 0, from source: UInt32 = 0) -> CodeBuilder {
        op(.tableCopy)
        u32(destination)
        u32(source)
        return self
    }
    @discardableResult public func tableGrow(_ table: UInt32 = 0) -> CodeBuilder {
        op(.tableGrow)
        u32(table)
        return self
    }
    @discardableResult public func tableSize(_ table: UInt32 = 0) -> CodeBuilder {
        op(.tableSize)
        u32(table)
        return self
    }
    @discardableResult public func tableFill(_ table: UInt32 = 0) -> CodeBuilder {
        op(.tableFill)
        u32(table)
        return self
    }
}
