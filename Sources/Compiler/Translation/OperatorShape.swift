//! What each one-byte opcode means to the translator, as a table: most of the instruction set differs only in operation and
//! type, so the translator's switch is over a few kinds of operators and not over opcodes.

import WasmModule

/// How an operator is translated and which immediates it has.
enum OperatorKind: UInt8 {
    /// Not an opcode: the reader is at the end.
    case invalid
    // No immediates.
    case unreachable, nop, `else`, end, `return`, drop, select
    case integerBinary, integerUnary, integerCompare, equalsZero, floatBinary, floatUnary, floatCompare, conversion
    case refIsNull
    // A block type.
    case block, loop, `if`
    // One index.
    case br, brIf, call, returnCall, localGet, localSet, localTee, globalGet, globalSet, tableGet, tableSet, memorySize,
        memoryGrow
    case refFunc
    // Alignment and offset, and perhaps a memory between them.
    case load, store
    // Two indices.
    case callIndirect, returnCallIndirect
    // Others.
    case brTable, selectTyped, i32Const, i64Const, f32Const, f64Const, refNull, prefixFC, prefixFD
}

struct OperatorShape: BitwiseCopyable {
    var kind: OperatorKind
    /// Of arithmetic, comparisons and conversions.
    var operation: Operation = .nop
    /// The operands' type; the result's for loads and conversions.
    var type: IRType = .none
    /// The condition or the memory access.
    var flags: UInt8 = 0

    private init(kind: OperatorKind, _ operation: Operation = .nop, _ type: IRType = .none, flags: UInt8 = 0) {
        self.kind = kind
        self.operation = operation
        self.type = type
        self.flags = flags
    }

    /// A table of 256 shapes indexed by opcode byte, which the caller owns.
    static func makeTable() -> UnsafeMutablePointer<OperatorShape> {
        let table = UnsafeMutablePointer<OperatorShape>.allocate(capacity: 256)
        table.initialize(repeating: OperatorShape(kind: .invalid), count: 256)
        for opcode in Opcode.allCases { table[Int(opcode.rawValue)] = OperatorShape(opcode) }
        return table
    }

    private static func plain(_ kind: OperatorKind) -> Self { Self(kind: kind) }
    private static func binary(_ operation: Operation, _ type: IRType) -> Self {
        Self(kind: .integerBinary, operation, type)
    }
    private static func unary(_ operation: Operation, _ type: IRType) -> Self {
        Self(kind: .integerUnary, operation, type)
    }
    private static func float(_ operation: Operation, _ type: IRType) -> Self {
        Self(kind: operation.valueFieldCount == 2 ? .floatBinary : .floatUnary, operation, type)
    }
    private static func compare(_ condition: IntegerCondition, _ type: IRType) -> Self {
        Self(kind: .integerCompare, .integerCompare, type, flags: condition.rawValue)
    }
    private static func compareFloat(_ condition: FloatCondition, _ type: IRType) -> Self {
        Self(kind: .floatCompare, .floatCompare, type, flags: condition.rawValue)
    }
    private static func convert(_ operation: Operation, _ type: IRType) -> Self {
        Self(kind: .conversion, operation, type)
    }
    private static func load(_ access: MemoryAccess, _ type: IRType) -> Self {
        Self(kind: .load, .load, type, flags: access.rawValue)
    }
    private static func store(_ access: MemoryAccess) -> Self {
        Self(kind: .store, .store, .none, flags: access.rawValue)
    }

    init(_ opcode: Opcode) {
        self =
            switch opcode {
            case .unreachable: .plain(.unreachable)
            case .nop: .plain(.nop)
            case .block: .plain(.block)
            case .loop: .plain(.loop)
            case .if: .plain(.if)
            case .else: .plain(.else)
            case .end: .plain(.end)
            case .br: .plain(.br)
            case .brIf: .plain(.brIf)
            case .brTable: .plain(.brTable)
            case .return: .plain(.return)
            case .call: .plain(.call)
            case .callIndirect: .plain(.callIndirect)
            case .returnCall: .plain(.returnCall)
            case .returnCallIndirect: .plain(.returnCallIndirect)
            case .drop: .plain(.drop)
            case .select: .plain(.select)
            case .selectTyped: .plain(.selectTyped)
            case .localGet: .plain(.localGet)
            case .localSet: .plain(.localSet)
            case .localTee: .plain(.localTee)
            case .globalGet: .plain(.globalGet)
            case .globalSet: .plain(.globalSet)
            case .tableGet: .plain(.tableGet)
            case .tableSet: .plain(.tableSet)
            case .i32Load: .load(.unsigned32, .i32)
            case .i64Load: .load(.bits64, .i64)
            case .f32Load: .load(.float32, .f32)
            case .f64Load: .load(.float64, .f64)
            case .i32Load8S: .load(.signed8, .i32)
            case .i32Load8U: .load(.unsigned8, .i32)
            case .i32Load16S: .load(.signed16, .i32)
            case .i32Load16U: .load(.unsigned16, .i32)
            case .i64Load8S: .load(.signed8, .i64)
            case .i64Load8U: .load(.unsigned8, .i64)
            case .i64Load16S: .load(.signed16, .i64)
            case .i64Load16U: .load(.unsigned16, .i64)
            case .i64Load32S: .load(.signed32, .i64)
            case .i64Load32U: .load(.unsigned32, .i64)
            case .i32Store, .i64Store32: .store(.unsigned32)
            case .i64Store: .store(.bits64)
            case .f32Store: .store(.float32)
            case .f64Store: .store(.float64)
            case .i32Store8, .i64Store8: .store(.unsigned8)
            case .i32Store16, .i64Store16: .store(.unsigned16)
            case .memorySize: .plain(.memorySize)
            case .memoryGrow: .plain(.memoryGrow)
            case .i32Const: .plain(.i32Const)
            case .i64Const: .plain(.i64Const)
            case .f32Const: .plain(.f32Const)
            case .f64Const: .plain(.f64Const)
            case .i32Eqz: Self(kind: .equalsZero, .integerCompare, .i32)
            case .i32Eq: .compare(.equal, .i32)
            case .i32Ne: .compare(.notEqual, .i32)
            case .i32LtS: .compare(.lessSigned, .i32)
            case .i32LtU: .compare(.lessUnsigned, .i32)
            case .i32GtS: .compare(.greaterSigned, .i32)
            case .i32GtU: .compare(.greaterUnsigned, .i32)
            case .i32LeS: .compare(.lessOrEqualSigned, .i32)
            case .i32LeU: .compare(.lessOrEqualUnsigned, .i32)
            case .i32GeS: .compare(.greaterOrEqualSigned, .i32)
            case .i32GeU: .compare(.greaterOrEqualUnsigned, .i32)
            case .i64Eqz: Self(kind: .equalsZero, .integerCompare, .i64)
            case .i64Eq: .compare(.equal, .i64)
            case .i64Ne: .compare(.notEqual, .i64)
            case .i64LtS: .compare(.lessSigned, .i64)
            case .i64LtU: .compare(.lessUnsigned, .i64)
            case .i64GtS: .compare(.greaterSigned, .i64)
            case .i64GtU: .compare(.greaterUnsigned, .i64)
            case .i64LeS: .compare(.lessOrEqualSigned, .i64)
            case .i64LeU: .compare(.lessOrEqualUnsigned, .i64)
            case .i64GeS: .compare(.greaterOrEqualSigned, .i64)
            case .i64GeU: .compare(.greaterOrEqualUnsigned, .i64)
            case .f32Eq: .compareFloat(.equal, .f32)
            case .f32Ne: .compareFloat(.notEqual, .f32)
            case .f32Lt: .compareFloat(.less, .f32)
            case .f32Gt: .compareFloat(.greater, .f32)
            case .f32Le: .compareFloat(.lessOrEqual, .f32)
            case .f32Ge: .compareFloat(.greaterOrEqual, .f32)
            case .f64Eq: .compareFloat(.equal, .f64)
            case .f64Ne: .compareFloat(.notEqual, .f64)
            case .f64Lt: .compareFloat(.less, .f64)
            case .f64Gt: .compareFloat(.greater, .f64)
            case .f64Le: .compareFloat(.lessOrEqual, .f64)
            case .f64Ge: .compareFloat(.greaterOrEqual, .f64)
            case .i32Clz: .unary(.countLeadingZeros, .i32)
            case .i32Ctz: .unary(.countTrailingZeros, .i32)
            case .i32Popcnt: .unary(.populationCount, .i32)
            case .i32Add: .binary(.add, .i32)
            case .i32Sub: .binary(.subtract, .i32)
            case .i32Mul: .binary(.multiply, .i32)
            case .i32DivS: .binary(.divideSigned, .i32)
            case .i32DivU: .binary(.divideUnsigned, .i32)
            case .i32RemS: .binary(.remainderSigned, .i32)
            case .i32RemU: .binary(.remainderUnsigned, .i32)
            case .i32And: .binary(.and, .i32)
            case .i32Or: .binary(.or, .i32)
            case .i32Xor: .binary(.xor, .i32)
            case .i32Shl: .binary(.shiftLeft, .i32)
            case .i32ShrS: .binary(.shiftRightSigned, .i32)
            case .i32ShrU: .binary(.shiftRightUnsigned, .i32)
            case .i32Rotl: .binary(.rotateLeft, .i32)
            case .i32Rotr: .binary(.rotateRight, .i32)
            case .i64Clz: .unary(.countLeadingZeros, .i64)
            case .i64Ctz: .unary(.countTrailingZeros, .i64)
            case .i64Popcnt: .unary(.populationCount, .i64)
            case .i64Add: .binary(.add, .i64)
            case .i64Sub: .binary(.subtract, .i64)
            case .i64Mul: .binary(.multiply, .i64)
            case .i64DivS: .binary(.divideSigned, .i64)
            case .i64DivU: .binary(.divideUnsigned, .i64)
            case .i64RemS: .binary(.remainderSigned, .i64)
            case .i64RemU: .binary(.remainderUnsigned, .i64)
            case .i64And: .binary(.and, .i64)
            case .i64Or: .binary(.or, .i64)
            case .i64Xor: .binary(.xor, .i64)
            case .i64Shl: .binary(.shiftLeft, .i64)
            case .i64ShrS: .binary(.shiftRightSigned, .i64)
            case .i64ShrU: .binary(.shiftRightUnsigned, .i64)
            case .i64Rotl: .binary(.rotateLeft, .i64)
            case .i64Rotr: .binary(.rotateRight, .i64)
            case .f32Abs: .float(.floatAbsolute, .f32)
            case .f32Neg: .float(.floatNegate, .f32)
            case .f32Ceil: .float(.floatCeil, .f32)
            case .f32Floor: .float(.floatFloor, .f32)
            case .f32Trunc: .float(.floatTruncate, .f32)
            case .f32Nearest: .float(.floatNearest, .f32)
            case .f32Sqrt: .float(.floatSquareRoot, .f32)
            case .f32Add: .float(.floatAdd, .f32)
            case .f32Sub: .float(.floatSubtract, .f32)
            case .f32Mul: .float(.floatMultiply, .f32)
            case .f32Div: .float(.floatDivide, .f32)
            case .f32Min: .float(.floatMinimum, .f32)
            case .f32Max: .float(.floatMaximum, .f32)
            case .f32Copysign: .float(.floatCopySign, .f32)
            case .f64Abs: .float(.floatAbsolute, .f64)
            case .f64Neg: .float(.floatNegate, .f64)
            case .f64Ceil: .float(.floatCeil, .f64)
            case .f64Floor: .float(.floatFloor, .f64)
            case .f64Trunc: .float(.floatTruncate, .f64)
            case .f64Nearest: .float(.floatNearest, .f64)
            case .f64Sqrt: .float(.floatSquareRoot, .f64)
            case .f64Add: .float(.floatAdd, .f64)
            case .f64Sub: .float(.floatSubtract, .f64)
            case .f64Mul: .float(.floatMultiply, .f64)
            case .f64Div: .float(.floatDivide, .f64)
            case .f64Min: .float(.floatMinimum, .f64)
            case .f64Max: .float(.floatMaximum, .f64)
            case .f64Copysign: .float(.floatCopySign, .f64)
            case .i32WrapI64: .convert(.wrap, .i32)
            case .i32TruncF32S, .i32TruncF64S: .convert(.truncateSigned, .i32)
            case .i32TruncF32U, .i32TruncF64U: .convert(.truncateUnsigned, .i32)
            case .i64ExtendI32S: .convert(.signExtend, .i64)
            case .i64ExtendI32U: .convert(.zeroExtend, .i64)
            case .i64TruncF32S, .i64TruncF64S: .convert(.truncateSigned, .i64)
            case .i64TruncF32U, .i64TruncF64U: .convert(.truncateUnsigned, .i64)
            case .f32ConvertI32S, .f32ConvertI64S: .convert(.convertSigned, .f32)
            case .f32ConvertI32U, .f32ConvertI64U: .convert(.convertUnsigned, .f32)
            case .f32DemoteF64: .convert(.demote, .f32)
            case .f64ConvertI32S, .f64ConvertI64S: .convert(.convertSigned, .f64)
            case .f64ConvertI32U, .f64ConvertI64U: .convert(.convertUnsigned, .f64)
            case .f64PromoteF32: .convert(.promote, .f64)
            case .i32ReinterpretF32: .convert(.reinterpret, .i32)
            case .i64ReinterpretF64: .convert(.reinterpret, .i64)
            case .f32ReinterpretI32: .convert(.reinterpret, .f32)
            case .f64ReinterpretI64: .convert(.reinterpret, .f64)
            case .i32Extend8S: .unary(.signExtend8, .i32)
            case .i32Extend16S: .unary(.signExtend16, .i32)
            case .i64Extend8S: .unary(.signExtend8, .i64)
            case .i64Extend16S: .unary(.signExtend16, .i64)
            case .i64Extend32S: .unary(.signExtend32, .i64)
            case .refNull: .plain(.refNull)
            case .refIsNull: .plain(.refIsNull)
            case .refFunc: .plain(.refFunc)
            case .prefixFC: .plain(.prefixFC)
            case .prefixFD: .plain(.prefixFD)
            }
    }
}
