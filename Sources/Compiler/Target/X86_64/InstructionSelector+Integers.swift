//! Selection of integer arithmetic, comparisons and conditions.

extension InstructionSelector {
    /// Selects the computation of `value`.
    mutating func select(_ value: UInt32, _ instruction: IRInstruction) {
        let width: Width = instruction.type.is64 ? .w64 : .w32
        switch instruction.operation {
        case .add: selectAdd(value, instruction, width)
        case .subtract: selectSubtract(value, instruction, width)
        case .and where width == .w64 && integerConstant(instruction.b) == 0xFFFF_FFFF:
            selectUnary(value, instruction, .zeroExtend, .w32, detail: Width.w32.rawValue)
        case .and:
            if selectBitManipulation(value, instruction.a, instruction.b, width) { return }
            if selectBitManipulation(value, instruction.b, instruction.a, width) { return }
            selectCommutative(value, instruction, width, .and)
        case .or: selectCommutative(value, instruction, width, .or)
        case .xor: selectCommutative(value, instruction, width, .xor)
        case .multiply: selectMultiply(value, instruction, width)
        case .shiftLeft: selectShift(value, instruction, width, .shl)
        case .shiftRightSigned: selectShift(value, instruction, width, .sar)
        case .shiftRightUnsigned: selectShift(value, instruction, width, .shr)
        case .rotateLeft: selectRotate(value, instruction, width, .rol)
        case .rotateRight: selectRotate(value, instruction, width, .ror)
        case .divideSigned, .divideUnsigned, .remainderSigned, .remainderUnsigned:
            selectDivide(value, instruction, width)
        case .countLeadingZeros: selectUnary(value, instruction, .countLeadingZeros, width)
        case .countTrailingZeros: selectUnary(value, instruction, .countTrailingZeros, width)
        case .populationCount: selectUnary(value, instruction, .populationCount, width)
        case .signExtend8: selectUnary(value, instruction, .signExtend, width, detail: Width.w8.rawValue)
        case .signExtend16: selectUnary(value, instruction, .signExtend, width, detail: Width.w16.rawValue)
        case .signExtend32: selectUnary(value, instruction, .signExtend, width, detail: Width.w32.rawValue)
        case .wrap: selectUnary(value, instruction, .zeroExtend, .w32, detail: Width.w32.rawValue)
        case .signExtend: selectUnary(value, instruction, .signExtend, .w64, detail: Width.w32.rawValue)
        case .zeroExtend: selectZeroExtend(value, instruction)
        case .integerCompare, .floatCompare: selectComparison(value)
        case .select: selectSelect(value, instruction, width)
        case .vectorUnary, .vectorBinary, .vectorTernary: selectVector(value, instruction)
        case .load: selectLoad(value, instruction)
        case .store: selectStore(instruction)
        case .memorySize, .globalGet, .globalSet, .tableSize, .tableGet, .tableSet, .functionReference:
            selectModuleState(value, instruction)
        case .fuel, .payFuel, .checkFuel, .settleFuel: selectFuel(value, instruction)
        case .call, .callIndirect, .callRuntime: selectCall(value, instruction)
        default: selectFloat(value, instruction)
        }
    }

    // MARK: Arithmetic

    private mutating func selectUnary(
        _ value: UInt32, _ instruction: IRInstruction, _ operation: MachineOperation, _ width: Width,
        detail: UInt8 = 0
    ) {
        use(instruction.a, .any)
        define(value: value)
        finish(MachineInstruction(operation: operation, width: width, detail: detail))
    }

    /// An i32 is zero-extended in its register already, so this is another name for it where that's possible.
    private mutating func selectZeroExtend(_ value: UInt32, _ instruction: IRInstruction) {
        if !isUsed(instruction.a) && ir[Int(instruction.a)].operation != .integerConstant {
            alias(instruction.a, to: register(of: value))
            return
        }
        use(instruction.a, .register)
        define(value: value)
        finish(MachineInstruction(operation: .copy, width: .w64))
    }

    private mutating func selectImmediate(
        _ value: UInt32, _ operand: UInt32, _ operation: MachineOperation, _ width: Width, detail: UInt8 = 0,
        _ immediate: Int64
    ) {
        use(operand, operation == .multiplyImmediate || operation == .rotateImmediate ? .any : .register)
        define(value: value)
        var machine = MachineInstruction(operation: operation, width: width, detail: detail)
        machine.immediate = immediate
        finish(machine)
    }

    private mutating func selectAdd(_ value: UInt32, _ instruction: IRInstruction, _ width: Width) {
        if let constant = immediate(instruction.b) {
            let left = ir[Int(instruction.a)]
            let combines = isSingleUseHere(instruction.a) && experiment.has(.addressArithmetic)
            if combines, left.operation == .add, immediate(left.b) == nil {
                // (x + y) + c
                use(left.a, .register)
                use(left.b, .register)
                define(value: value)
                var machine = MachineInstruction(operation: .lea, width: width)
                machine.displacement = Int32(truncatingIfNeeded: constant)
                finish(machine)
                return
            }
            if combines, left.operation == .shiftLeft, let shift = scale(left.b) {
                // (x << k) + c
                use(left.a, .register)
                define(value: value)
                var machine = MachineInstruction(operation: .leaScaled, width: width, detail: shift)
                machine.displacement = Int32(truncatingIfNeeded: constant)
                finish(machine)
                return
            }
            selectImmediate(
                value, instruction.a, .aluImmediate, width, detail: ALU.add.rawValue, constant)
            return
        }
        if selectScaledAdd(value, instruction.a, instruction.b, width) { return }
        if selectScaledAdd(value, instruction.b, instruction.a, width) { return }
        selectCommutative(value, instruction, width, .add)
    }

    /// The amount of a left shift that an address can scale by.
    private func scale(_ amount: UInt32) -> UInt8? {
        guard let constant = immediate(amount), (1...3).contains(constant) else { return nil }
        return UInt8(constant)
    }

    /// base + (index << k)
    private mutating func selectScaledAdd(_ value: UInt32, _ base: UInt32, _ scaled: UInt32, _ width: Width) -> Bool {
        let shift = ir[Int(scaled)]
        guard shift.operation == .shiftLeft, isSingleUseHere(scaled), let amount = scale(shift.b),
            experiment.has(.addressArithmetic)
        else { return false }
        use(base, .register)
        use(shift.a, .register)
        define(value: value)
        finish(MachineInstruction(operation: .lea, width: width, detail: amount))
        return true
    }

    private mutating func selectSubtract(_ value: UInt32, _ instruction: IRInstruction, _ width: Width) {
        if let constant = immediate(instruction.b), constant != Int64(Int32.min) {
            selectImmediate(value, instruction.a, .aluImmediate, width, detail: ALU.add.rawValue, -constant)
            return
        }
        if integerConstant(instruction.a) == 0 {
            use(instruction.b, .register)
            define(value: value)
            finish(MachineInstruction(operation: .negate, width: width))
            return
        }
        if isFoldableLoad(instruction.b) {
            selectWithMemory(value, instruction.a, load: instruction.b, .aluMemory, width, detail: ALU.sub.rawValue)
            return
        }
        use(instruction.a, .register)
        use(instruction.b, .any)
        define(value: value)
        finish(MachineInstruction(operation: .alu, width: width, detail: ALU.sub.rawValue))
    }

    /// The first operand, a load taken in, and the result in the place of the first.
    mutating func selectWithMemory(
        _ value: UInt32, _ operand: UInt32, load: UInt32, _ operation: MachineOperation, _ width: Width,
        detail: UInt8 = 0
    ) {
        var machine = MachineInstruction(operation: operation, width: width, detail: detail)
        use(operand, .register)
        selectAddress(of: load, into: &machine)
        define(register(of: value), .reuse, detail: 0)
        takeIn(load)
        finish(machine)
    }

    private mutating func selectCommutative(
        _ value: UInt32, _ instruction: IRInstruction, _ width: Width, _ alu: ALU
    ) {
        if let constant = immediate(instruction.b) {
            selectImmediate(value, instruction.a, .aluImmediate, width, detail: alu.rawValue, constant)
        } else if isFoldableLoad(instruction.b) {
            selectWithMemory(value, instruction.a, load: instruction.b, .aluMemory, width, detail: alu.rawValue)
        } else if isFoldableLoad(instruction.a) {
            selectWithMemory(value, instruction.b, load: instruction.a, .aluMemory, width, detail: alu.rawValue)
        } else {
            use(instruction.a, .register)
            use(instruction.b, .any)
            define(value: value)
            finish(MachineInstruction(operation: .alu, width: width, detail: alu.rawValue))
        }
    }

    /// x & ~y, x & (x - 1) or x & (0 - x), where `right` is what comes behind the first `&`.
    private mutating func selectBitManipulation(
        _ value: UInt32, _ left: UInt32, _ right: UInt32, _ width: Width
    ) -> Bool {
        let inner = ir[Int(right)]
        guard module.usesVEX, experiment.has(.bitManipulation), isSingleUseHere(right) else { return false }
        switch inner.operation {
        case .xor where immediate(inner.b) == -1 && ir[Int(left)].operation != .integerConstant:
            use(inner.a, .register)
            use(left, .any)
            define(value: value)
            finish(MachineInstruction(operation: .andNot, width: width))
        case .add where inner.a == left && immediate(inner.b) == -1:
            selectBitManipulation(value, left, .clearLowestBit, width)
        case .subtract where inner.b == left && integerConstant(inner.a) == 0:
            selectBitManipulation(value, left, .isolateLowestBit, width)
        default: return false
        }
        return true
    }

    private mutating func selectBitManipulation(
        _ value: UInt32, _ operand: UInt32, _ operation: MachineOperation, _ width: Width
    ) {
        use(operand, .any)
        define(value: value)
        finish(MachineInstruction(operation: operation, width: width))
    }

    private mutating func selectMultiply(_ value: UInt32, _ instruction: IRInstruction, _ width: Width) {
        if let constant = immediate(instruction.b) {
            if constant == 3 || constant == 5 || constant == 9 {
                // x + (x << k)
                use(instruction.a, .register)
                use(instruction.a, .register)
                define(value: value)
                finish(
                    MachineInstruction(operation: .lea, width: width, detail: constant == 3 ? 1 : constant == 5 ? 2 : 3)
                )
                return
            }
            selectImmediate(value, instruction.a, .multiplyImmediate, width, constant)
        } else if isFoldableLoad(instruction.b) {
            selectWithMemory(value, instruction.a, load: instruction.b, .multiplyMemory, width)
        } else if isFoldableLoad(instruction.a) {
            selectWithMemory(value, instruction.b, load: instruction.a, .multiplyMemory, width)
        } else {
            use(instruction.a, .register)
            use(instruction.b, .any)
            define(value: value)
            finish(MachineInstruction(operation: .multiply, width: width))
        }
    }

    private mutating func selectShift(
        _ value: UInt32, _ instruction: IRInstruction, _ width: Width, _ shift: Shift
    ) {
        if let constant = integerConstant(instruction.b) {
            let amount = constant & (width == .w64 ? 63 : 31)
            if shift == .shl, amount > 0, amount <= 3 {
                use(instruction.a, .register)
                define(value: value)
                finish(MachineInstruction(operation: .leaScaled, width: width, detail: UInt8(amount)))
                return
            }
            selectImmediate(value, instruction.a, .shiftImmediate, width, detail: shift.rawValue, amount)
            return
        }
        if !module.usesVEX {
            selectShiftByCL(value, instruction, width, shift)
            return
        }
        use(instruction.a, .any)
        use(instruction.b, .register)
        define(value: value)
        finish(MachineInstruction(operation: .shiftVariable, width: width, detail: shift.rawValue))
    }

    private mutating func selectShiftByCL(
        _ value: UInt32, _ instruction: IRInstruction, _ width: Width, _ shift: Shift
    ) {
        use(instruction.a, .register)
        use(instruction.b, fixed: X86_64.rcx)
        define(register(of: value), .reuse, detail: 0)
        finish(MachineInstruction(operation: .shiftByCL, width: width, detail: shift.rawValue))
    }

    private mutating func selectRotate(
        _ value: UInt32, _ instruction: IRInstruction, _ width: Width, _ shift: Shift
    ) {
        if let constant = integerConstant(instruction.b) {
            let bits: Int64 = width == .w64 ? 64 : 32
            let right = (shift == .ror ? constant : bits - constant & (bits - 1)) & (bits - 1)
            selectImmediate(value, instruction.a, .rotateImmediate, width, right)
            return
        }
        selectShiftByCL(value, instruction, width, shift)
    }

    private mutating func selectDivide(_ value: UInt32, _ instruction: IRInstruction, _ width: Width) {
        let isSigned = instruction.operation == .divideSigned || instruction.operation == .remainderSigned
        let isRemainder =
            instruction.operation == .remainderSigned || instruction.operation == .remainderUnsigned
        var detail: UInt8 = (isSigned ? 1 : 0) | (isRemainder ? 2 : 0)
        if let divisor = integerConstant(instruction.b) {
            let divisor = width == .w32 ? Int64(Int32(truncatingIfNeeded: divisor)) : divisor
            if divisor != 0 { detail |= 4 }
            if divisor != -1 { detail |= 8 }
        }
        use(instruction.a, fixed: X86_64.rax)
        use(instruction.b, .register, role: .lateUse)
        let result = register(of: value)
        let other = temporary(.integer)
        define(isRemainder ? other : result, .fixed, detail: X86_64.rax)
        define(isRemainder ? result : other, .fixed, detail: X86_64.rdx)
        finish(MachineInstruction(operation: .divide, width: width, detail: detail))
    }

    // MARK: Conditions

    private mutating func selectComparison(_ value: UInt32) {
        var machine = MachineInstruction(operation: .setCondition)
        selectComparison(ir[Int(value)], into: &machine)
        define(value: value)
        finish(machine)
    }

    private mutating func selectComparison(_ instruction: IRInstruction, into machine: inout MachineInstruction) {
        if instruction.operation == .integerCompare {
            selectIntegerComparison(
                instruction.a, instruction.b, instruction.integerCondition, into: &machine)
        } else {
            selectFloatComparison(instruction, into: &machine)
        }
    }

    /// Adds the operands of a test of `condition` ≠ 0, and makes `machine` test it.
    mutating func selectCondition(_ condition: UInt32, into machine: inout MachineInstruction) {
        let instruction = ir[Int(condition)]
        if isSingleUseHere(condition), experiment.has(.fusedComparisons) {
            switch instruction.operation {
            case .integerCompare, .floatCompare:
                selectComparison(instruction, into: &machine)
                return
            case .vectorUnary where instruction.vectorOpcode.isTest:
                selectVectorTest(condition, into: &machine)
                return
            default: break
            }
        }
        selectZeroTest(condition, .notEqual, .w32, into: &machine)
    }

    private mutating func selectIntegerComparison(
        _ left: UInt32, _ right: UInt32, _ condition: IntegerCondition, into machine: inout MachineInstruction
    ) {
        let width: Width = ir[Int(left)].type.is64 ? .w64 : .w32
        if let constant = immediate(right) {
            if constant == 0, condition == .equal || condition == .notEqual {
                selectZeroTest(left, condition, width, into: &machine)
                return
            }
            machine.comparison = .compareImmediate
            machine.width = width
            machine.condition = condition.x86.rawValue
            machine.immediate = constant
            use(left, .any)
            return
        }
        if immediate(left) != nil {
            selectIntegerComparison(right, left, condition.swapped, into: &machine)
            return
        }
        machine.width = width
        if isFoldableLoad(right) {
            machine.comparison = .compareMemory
            machine.condition = condition.x86.rawValue
            use(left, .register)
            selectAddress(of: right, into: &machine)
            takeIn(right)
        } else if isFoldableLoad(left) {
            machine.comparison = .compareMemory
            machine.condition = condition.swapped.x86.rawValue
            use(right, .register)
            selectAddress(of: left, into: &machine)
            takeIn(left)
        } else {
            machine.comparison = .compare
            machine.condition = condition.x86.rawValue
            use(left, .register)
            use(right, .any)
        }
    }

    /// value == 0 or value ≠ 0, taking a bitwise and in.
    private mutating func selectZeroTest(
        _ value: UInt32, _ condition: IntegerCondition, _ width: Width, into machine: inout MachineInstruction
    ) {
        let instruction = ir[Int(value)]
        machine.width = width
        machine.condition = condition.x86.rawValue
        if instruction.operation == .and, isSingleUseHere(value) {
            if let mask = immediate(instruction.b) {
                machine.comparison = .testImmediate
                machine.immediate = mask
                use(instruction.a, .any)
            } else {
                machine.comparison = .test
                use(instruction.a, .register)
                use(instruction.b, .register)
            }
            return
        }
        machine.comparison = .compareImmediate
        machine.immediate = 0
        use(value, .any)
    }

    private mutating func selectSelect(_ value: UInt32, _ instruction: IRInstruction, _ width: Width) {
        let isFloat = instruction.type.registerClass != .integer
        var machine = MachineInstruction(operation: isFloat ? .selectFloat : .selectInteger)
        selectCondition(instruction.a, into: &machine)
        use(instruction.b, isFloat ? .register : .any)
        use(instruction.c, isFloat ? .register : .any)
        define(value: value)
        finish(machine)
    }
}

extension IntegerCondition {
    var x86: Condition {
        switch self {
        case .equal: .equal
        case .notEqual: .notEqual
        case .lessSigned: .less
        case .greaterOrEqualSigned: .greaterOrEqual
        case .lessOrEqualSigned: .lessOrEqual
        case .greaterSigned: .greater
        case .lessUnsigned: .below
        case .greaterOrEqualUnsigned: .aboveOrEqual
        case .lessOrEqualUnsigned: .belowOrEqual
        case .greaterUnsigned: .above
        }
    }
}
