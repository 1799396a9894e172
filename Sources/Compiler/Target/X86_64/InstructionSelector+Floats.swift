//! Selection of float arithmetic, float comparisons and conversions.

extension InstructionSelector {
    mutating func selectFloat(_ value: UInt32, _ instruction: IRInstruction) {
        let width: Width = instruction.type.is64 ? .w64 : .w32
        switch instruction.operation {
        case .floatAdd: selectFloatBinary(value, instruction, width, .add, isCommutative: true)
        case .floatMultiply: selectFloatBinary(value, instruction, width, .mul, isCommutative: true)
        case .floatSubtract: selectFloatBinary(value, instruction, width, .sub, isCommutative: false)
        case .floatDivide: selectFloatBinary(value, instruction, width, .div, isCommutative: false)
        case .floatMinimum, .floatMaximum:
            let operation: VScalar = instruction.operation == .floatMinimum ? .min : .max
            use(instruction.a, .register)
            use(instruction.b, .register)
            define(value: value)
            finish(
                MachineInstruction(operation: .floatMinimumMaximum, width: width, detail: operation.rawValue))
        case .floatCopySign:
            use(instruction.a, .register)
            use(instruction.b, .register)
            define(value: value)
            finish(MachineInstruction(operation: .floatCopySign, width: width))
        case .floatSquareRoot: unary(value, instruction, .floatSquareRoot, width, .any)
        case .floatNegate: unary(value, instruction, .floatNegate, width, .register)
        case .floatAbsolute: unary(value, instruction, .floatAbsolute, width, .register)
        // Rounding modes of `vrounds` with the inexact exception suppressed.
        case .floatNearest: unary(value, instruction, .floatRound, width, .any, detail: 8)
        case .floatFloor: unary(value, instruction, .floatRound, width, .any, detail: 9)
        case .floatCeil: unary(value, instruction, .floatRound, width, .any, detail: 10)
        case .floatTruncate: unary(value, instruction, .floatRound, width, .any, detail: 11)
        case .promote: unary(value, instruction, .promote, .w64, .any)
        case .demote: unary(value, instruction, .demote, .w32, .any)
        case .reinterpret:
            let toFloat = instruction.type.registerClass == .float
            unary(value, instruction, toFloat ? .moveToFloat : .moveFromFloat, width, .any)
        case .convertSigned, .convertUnsigned: selectConvert(value, instruction)
        case .truncateSigned, .truncateUnsigned, .truncateSaturatingSigned, .truncateSaturatingUnsigned:
            selectTruncate(value, instruction, width)
        default: preconditionFailure("operation not in the accepted language")
        }
    }

    private mutating func unary(
        _ value: UInt32, _ instruction: IRInstruction, _ operation: MachineOperation, _ width: Width,
        _ constraint: Operand.Constraint, detail: UInt8 = 0
    ) {
        use(instruction.a, constraint)
        define(value: value)
        finish(MachineInstruction(operation: operation, width: width, detail: detail))
    }

    private mutating func selectFloatBinary(
        _ value: UInt32, _ instruction: IRInstruction, _ width: Width, _ operation: VScalar, isCommutative: Bool
    ) {
        var left = instruction.a
        var right = instruction.b
        if isCommutative {
            // NaN payloads are the specification's to leave open, so operands may change places.
            let isRightMemory = ir[Int(right)].operation == .floatConstant || isFoldableLoad(right)
            if !isRightMemory, ir[Int(left)].operation == .floatConstant || isFoldableLoad(left) {
                swap(&left, &right)
            }
        }
        let second = ir[Int(right)]
        var machine = MachineInstruction(operation: .floatBinary, width: width, detail: operation.rawValue)
        if second.operation == .floatConstant {
            machine.operation = .floatBinaryConstant
            machine.immediate = Int64(bitPattern: second.constantBits)
            use(left, .register)
        } else if isFoldableLoad(right) {
            machine.operation = .floatBinaryMemory
            use(left, .register)
            selectAddress(of: right, into: &machine)
            takeIn(right)
        } else {
            use(left, .register)
            use(right, .any)
        }
        // Two operands are all that the legacy encoding has.
        define(register(of: value), module.usesVEX ? .register : .reuse)
        finish(machine)
    }

    mutating func selectFloatComparison(_ instruction: IRInstruction, into machine: inout MachineInstruction) {
        machine.comparison = .float
        machine.width = ir[Int(instruction.a)].type.is64 ? .w64 : .w32
        var left = instruction.a
        var right = instruction.b
        let test: FloatTest
        switch instruction.floatCondition {
        case .equal: test = .equal
        case .notEqual: test = .notEqual
        case .greater: test = .above
        case .greaterOrEqual: test = .aboveOrEqual
        case .less:
            test = .above
            swap(&left, &right)
        case .lessOrEqual:
            test = .aboveOrEqual
            swap(&left, &right)
        }
        machine.condition = test.rawValue
        use(left, .register)
        use(right, .any)
    }

    private mutating func selectConvert(_ value: UInt32, _ instruction: IRInstruction) {
        let source = ir[Int(instruction.a)].type
        let isUnsigned = instruction.operation == .convertUnsigned
        let target: FloatWidth = instruction.type == .f64 ? .f64 : .f32
        if isUnsigned && source == .i64 {
            use(instruction.a, .register)
            define(temporary(.integer), .register, role: .earlyDef)
            define(value: value)
            finish(
                MachineInstruction(operation: .convertFromUnsigned64, width: .w64, detail: target.rawValue))
            return
        }
        // An unsigned i32 is a non-negative i64, its register being zero-extended.
        let width: Width = isUnsigned || source == .i64 ? .w64 : .w32
        use(instruction.a, .any)
        define(value: value)
        finish(MachineInstruction(operation: .convertFromInteger, width: width, detail: target.rawValue))
    }

    private mutating func selectTruncate(_ value: UInt32, _ instruction: IRInstruction, _ width: Width) {
        let source: FloatWidth = ir[Int(instruction.a)].type == .f64 ? .f64 : .f32
        let isUnsigned =
            instruction.operation == .truncateUnsigned || instruction.operation == .truncateSaturatingUnsigned
        let isSaturating =
            instruction.operation == .truncateSaturatingSigned
            || instruction.operation == .truncateSaturatingUnsigned
        use(instruction.a, .register, role: .lateUse)
        define(register(of: value), .register, role: .earlyDef)
        finish(
            MachineInstruction(
                operation: .truncateToInteger, width: width,
                detail: source.rawValue | (isUnsigned ? 2 : 0) | (isSaturating ? 4 : 0)))
    }
}
