//! Emission of comparisons, conditions, calls and terminators.

extension FunctionEmitter {
    // MARK: Comparisons

    /// Emits the comparison of an instruction and returns how many operands it took.
    mutating func emitComparison(_ machine: MachineInstruction, _ index: UInt32) -> Int {
        let width = machine.width
        switch machine.comparison {
        case .compare:
            if isSlot(index, 1) {
                assembler.alu(.cmp, width, register(index, 0), slot(index, 1))
            } else {
                assembler.alu(.cmp, width, register(index, 0), register(index, 1))
            }
            return 2
        case .compareImmediate:
            let immediate = Int32(truncatingIfNeeded: machine.immediate)
            if isSlot(index, 0) {
                assembler.alu(.cmp, width, slot(index, 0), imm: immediate)
            } else if immediate == 0 {
                let tested = register(index, 0)
                // Arithmetic just before has set the zero flag to say the same.
                let isKnown =
                    zeroFlag.position == assembler.position && zeroFlag.register == tested && zeroFlag.width == width
                    && (machine.condition == Condition.equal.rawValue
                        || machine.condition == Condition.notEqual.rawValue)
                if !isKnown { assembler.test(width, tested, tested) }
            } else {
                assembler.alu(.cmp, width, register(index, 0), imm: immediate)
            }
            return 1
        case .compareMemory:
            let memory = emitAddress(machine, index, operand: 1)
            mayTrap(.memoryOutOfBounds, source: machine.source)
            assembler.alu(.cmp, width, register(index, 0), memory)
            return machine.memory.usesRegister ? 2 : 1
        case .test:
            assembler.test(width, register(index, 0), register(index, 1))
            return 2
        case .testImmediate:
            let immediate = Int32(truncatingIfNeeded: machine.immediate)
            if isSlot(index, 0) {
                assembler.test(width, slot(index, 0), imm: immediate)
            } else {
                assembler.test(width, register(index, 0), imm: immediate)
            }
            return 1
        case .float:
            let floatWidth = FloatWidth(width)
            if isSlot(index, 1) {
                assembler.vucomis(floatWidth, register(index, 0), slot(index, 1))
            } else {
                assembler.vucomis(floatWidth, register(index, 0), register(index, 1))
            }
            return 2
        case .vector:
            assembler.vptest(register(index, 0), register(index, 0))
            return 1
        }
    }

    /// What the flags must say for the condition to hold, if one x86 condition can.
    private func simpleCondition(_ machine: MachineInstruction) -> Condition? {
        guard machine.comparison == .float else { return Condition(rawValue: machine.condition)! }
        switch FloatTest(rawValue: machine.condition)! {
        case .above: return .above
        case .aboveOrEqual: return .aboveOrEqual
        case .notAbove: return .belowOrEqual
        case .notAboveOrEqual: return .below
        case .equal, .notEqual: return nil
        }
    }

    /// Jumps if the condition of the comparison just emitted holds, or if it does not.
    mutating func emitJump(_ machine: MachineInstruction, if expected: Bool, _ target: Label) {
        if let condition = simpleCondition(machine) {
            assembler.jcc(expected ? condition : condition.negated, target)
        } else if (FloatTest(rawValue: machine.condition)! == .equal) == expected {
            // Equal: zero flag set and parity flag clear.
            let skip = assembler.newLabel()
            assembler.jcc(.parity, skip)
            assembler.jcc(.equal, target)
            assembler.bind(skip)
        } else {
            assembler.jcc(.parity, target)
            assembler.jcc(.notEqual, target)
        }
    }

    mutating func emitSetCondition(_ machine: MachineInstruction, _ index: UInt32) {
        let destination = register(index, operandCount(index) - 1)
        if let condition = simpleCondition(machine) {
            var isRead = false
            for operand in 0..<operandCount(index) - 1 {
                let place = allocation(index, operand)
                isRead =
                    isRead || (place.isRegister && !place.register.isFloat && place.register.hardware == destination)
            }
            if !isRead { assembler.zero(destination) }
            _ = emitComparison(machine, index)
            assembler.setcc(condition, destination)
            if isRead { assembler.movzx(from: .w8, destination, destination) }
            return
        }
        _ = emitComparison(machine, index)
        let isEqual = FloatTest(rawValue: machine.condition)! == .equal
        assembler.setcc(isEqual ? .notParity : .parity, X86_64.scratch)
        assembler.setcc(isEqual ? .equal : .notEqual, destination)
        assembler.alu(isEqual ? .and : .or, .w8, destination, X86_64.scratch)
        assembler.movzx(from: .w8, destination, destination)
    }

    mutating func emitSelectInteger(_ machine: MachineInstruction, _ index: UInt32) {
        let first = emitComparison(machine, index)
        let destination = register(index, first + 2)
        let ifTrue = allocation(index, first)
        let ifFalse = allocation(index, first + 1)
        // 64 bits move an i32 with its clear upper half.
        guard let condition = simpleCondition(machine) else {
            let isEqual = FloatTest(rawValue: machine.condition)! == .equal
            let base = isEqual ? ifTrue : ifFalse
            let other = isEqual ? ifFalse : ifTrue
            emitIntegerMove(X86_64.scratch, base)
            emitConditionalMove(.notEqual, X86_64.scratch, other)
            emitConditionalMove(.parity, X86_64.scratch, other)
            assembler.mov(.w64, destination, X86_64.scratch)
            return
        }
        if ifTrue.isRegister && ifTrue.register.hardware == destination {
            emitConditionalMove(condition.negated, destination, ifFalse)
        } else {
            emitIntegerMove(destination, ifFalse)
            emitConditionalMove(condition, destination, ifTrue)
        }
    }

    private mutating func emitIntegerMove(_ destination: UInt8, _ source: Allocation) {
        if source.isSlot {
            assembler.mov(.w64, destination, slot(source))
        } else if source.register.hardware != destination {
            assembler.mov(.w64, destination, source.register.hardware)
        }
    }

    private mutating func emitConditionalMove(_ condition: Condition, _ destination: UInt8, _ source: Allocation) {
        if source.isSlot {
            assembler.cmov(condition, .w64, destination, slot(source))
        } else if source.register.hardware != destination {
            assembler.cmov(condition, .w64, destination, source.register.hardware)
        }
    }

    mutating func emitSelectFloat(_ machine: MachineInstruction, _ index: UInt32) {
        let first = emitComparison(machine, index)
        let destination = register(index, first + 2)
        let ifTrue = register(index, first)
        let ifFalse = register(index, first + 1)
        let done = assembler.newLabel()
        if destination == ifTrue {
            emitJump(machine, if: true, done)
            assembler.vmovaps(destination, ifFalse)
        } else {
            if destination != ifFalse { assembler.vmovaps(destination, ifFalse) }
            emitJump(machine, if: false, done)
            assembler.vmovaps(destination, ifTrue)
        }
        assembler.bind(done)
    }

    // MARK: Calls

    mutating func emitCallIndirect(_ machine: MachineInstruction, _ index: UInt32) {
        emitCallee(machine, index)
        assembler.call(.base(X86_64.scratch, Int32(FunctionRecord.code)))
        didCall(source: machine.source)
    }

    /// The record of an indirect call's function into the scratch register.
    private mutating func emitCallee(_ machine: MachineInstruction, _ index: UInt32) {
        let type = Int(machine.immediate & 0xFFFF_FFFF)
        let table = Int(machine.immediate >> 32)
        let element = register(index, 0)
        let temporary = register(index, operand(of: index, role: .earlyDef))
        assembler.alu(.cmp, .w64, element, .base(X86_64.context, Int32(layout.tableLength(table))))
        trap(.undefinedElement, if: .aboveOrEqual, source: machine.source)
        assembler.mov(.w64, X86_64.scratch, .base(X86_64.context, Int32(layout.tableBase(table))))
        assembler.mov(.w64, X86_64.scratch, .indexed(X86_64.scratch, element, scale: 3))
        assembler.mov(.w32, temporary, .base(X86_64.context, Int32(layout.signature(type))))
        // A null reference faults here, on the page at address 0.
        mayTrap(.uninitializedElement, source: machine.source)
        assembler.alu(.cmp, .w32, .base(X86_64.scratch, Int32(FunctionRecord.signature)), temporary)
        trap(.indirectCallTypeMismatch, if: .notEqual, source: machine.source)
    }

    /// Gives up the frame and jumps to another function, which returns to this one's caller.
    ///
    /// The area for stack results stays where it is, so the callee's arguments must end where this function's do: they are
    /// moved up, over this function's own, its return address and perhaps its frame. Registers that carry no arguments hold
    /// what must survive that.
    mutating func emitTailCall(_ machine: MachineInstruction, _ index: UInt32) {
        if machine.operation == .tailCallIndirect { emitCallee(machine, index) }
        emitRestore()
        let bytes = machine.displacement
        let start = incomingArgumentBytes &- bytes
        let (copied, framePointer, returnAddress) = (
            X86_64.floatScratch, X86_64.floatScratch - 1, X86_64.floatScratch - 2
        )
        if start != 0 {
            assembler.vmovs(.f64, framePointer, .base(X86_64.rbp, 0))
            assembler.vmovs(.f64, returnAddress, .base(X86_64.rbp, 8))
        }
        // The last first: the destination is above the source and may overlap it.
        var offset = bytes
        while offset > 0 {
            offset &-= 16
            assembler.vmovups(copied, .base(X86_64.rsp, offset))
            assembler.vmovups(incoming(start &+ offset), copied)
        }
        if start == 0 {
            if frameBytes > 0 || bytes > 0 { assembler.leave() } else { assembler.pop(X86_64.rbp) }
        } else {
            assembler.lea(.w64, X86_64.rsp, incoming(start &- 8))
            assembler.vmovs(.f64, .base(X86_64.rsp, 0), returnAddress)
            assembler.vmovFromXMM(.w64, X86_64.rbp, framePointer)
        }
        if machine.operation == .tailCallIndirect {
            assembler.jmp(.base(X86_64.scratch, Int32(FunctionRecord.code)))
        } else {
            assembler.jmpExternal(symbol: UInt32(truncatingIfNeeded: machine.immediate))
        }
    }

    mutating func emitCallRuntime(_ machine: MachineInstruction) {
        assembler.movImmediate(X86_64.rsi, UInt64(bitPattern: machine.immediate))
        assembler.mov(.w64, X86_64.rdx, X86_64.rsp)
        assembler.callExternal(symbol: UInt32(module.functionCount) &+ Stub.runtimeCall.rawValue)
        didCall(source: machine.source)
    }

    // MARK: Terminators

    mutating func emitTerminator(
        _ machine: MachineInstruction, _ index: UInt32, next: UInt32, _ block: AllocationBlock,
        _ function: borrowing SelectedFunction
    ) {
        let nextLabel = next == .max ? UInt32.max : label(next).id
        switch machine.operation {
        case .jump:
            let target = label(function.input.successors[block.firstSuccessor])
            if target.id != nextLabel { assembler.jmp(target) }
        case .branch:
            let ifTrue = label(function.input.successors[block.firstSuccessor])
            let ifFalse = label(function.input.successors[block.firstSuccessor &+ 1])
            _ = emitComparison(machine, index)
            if ifFalse.id == nextLabel {
                emitJump(machine, if: true, ifTrue)
            } else {
                emitJump(machine, if: false, ifFalse)
                if ifTrue.id != nextLabel { assembler.jmp(ifTrue) }
            }
        case .branchTable:
            let first = UInt32(truncatingIfNeeded: machine.immediate)
            let count = UInt32(truncatingIfNeeded: machine.immediate >> 32)
            let element = register(index, 0)
            let temporary = register(index, 1)
            let table = addTable(first: first, count: count &- 1)
            assembler.alu(.cmp, .w32, element, imm: Int32(bitPattern: count &- 1))
            assembler.jcc(.aboveOrEqual, label(function.jumpTargets[first &+ count &- 1]))
            assembler.lea(.w64, X86_64.scratch, .label(table))
            assembler.movsx(from: .w32, to: .w64, temporary, .indexed(X86_64.scratch, element, scale: 2))
            assembler.alu(.add, .w64, X86_64.scratch, temporary)
            assembler.jmp(X86_64.scratch)
        case .return:
            emitReturn()
        case .tailCall, .tailCallIndirect:
            emitTailCall(machine, index)
        case .trap:
            mayTrap(TrapCode(rawValue: machine.detail)!, source: machine.source)
            assembler.ud2()
        default:
            preconditionFailure("not a terminator")
        }
    }
}

extension FloatWidth {
    init(_ width: Width) { self = width == .w64 ? .f64 : .f32 }
}
