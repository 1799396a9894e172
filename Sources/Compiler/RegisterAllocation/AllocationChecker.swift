//! Proves an allocator's answer by executing it symbolically: the oracle of the allocator's tests.
//!
//! The state says which virtual registers' values each place holds. Moves copy, definitions replace, clobbers erase,
//! and an edge renames arguments to parameters; where paths meet, a place holds what it holds on all of them. Once the
//! states of all blocks are stable, every use must find its value in its place. What does not depend on values
//! (constraints, overlaps, registers that may be used, the form of moves) is checked instruction by instruction.
//! Written for clarity, not for speed: it runs in tests only.

struct AllocationChecker {
    /// Describes every violation; empty if the answer is right.
    static func check(
        _ input: borrowing AllocationInput, _ output: borrowing AllocationOutput, registers: RegisterFile
    ) -> [String] {
        var checker = AllocationChecker(registers: registers)
        guard output.allocations.count == input.operands.count else {
            return ["\(output.allocations.count) allocations for \(input.operands.count) operands"]
        }
        checker.checkMoves(input, output)
        for position in 0..<input.instructionCount { checker.checkInstruction(position, input, output) }
        // Values of places that do not exist mean nothing.
        if checker.violations.isEmpty { checker.checkValues(input, output) }
        return checker.violations
    }

    private let registers: RegisterFile
    private var violations: [String] = []

    private init(registers: RegisterFile) { self.registers = registers }

    // MARK: - Form

    private mutating func checkMoves(_ input: borrowing AllocationInput, _ output: borrowing AllocationOutput) {
        var previous: UInt32 = 0
        for index in 0..<output.moves.count {
            let move = output.moves[index]
            let name = "move \(index) before \(move.position)"
            if move.position < previous { violations.append("\(name) is out of order") }
            previous = move.position
            if Int(move.position) >= input.instructionCount { violations.append("\(name) is behind the end") }
            if move.from.isSlot && move.to.isSlot { violations.append("\(name) goes from slot to slot") }
            for place in [move.from, move.to] {
                checkPlace(place, move.registerClass, slotCount: output.slotCount, name)
                if place.isRegister, registers.allocatable & place.register.mask == 0,
                    place.register != registers.integerScratch, place.register != registers.floatScratch
                {
                    violations.append("\(name) touches reserved register \(place.register.number)")
                }
            }
            checkSaved(move.to, output, name)
        }
    }

    private mutating func checkPlace(
        _ place: Allocation, _ registerClass: RegisterClass, slotCount: UInt32, _ name: @autoclosure () -> String
    ) {
        if place.isSlot {
            let width: UInt32 = registerClass == .vector ? 2 : 1
            if UInt64(place.slot) + UInt64(width) > UInt64(slotCount) {
                violations.append("\(name()): slot \(place.slot) is outside the frame")
            }
            if registerClass == .vector, place.slot % 2 != 0 {
                violations.append("\(name()): vector in odd slot \(place.slot)")
            }
        } else if !place.isRegister {
            violations.append("\(name()): no place")
        } else if place.register.isFloat != (registerClass != .integer) {
            violations.append("\(name()): register \(place.register.number) is of the wrong class")
        }
    }

    private mutating func checkSaved(
        _ place: Allocation, _ output: borrowing AllocationOutput, _ name: @autoclosure () -> String
    ) {
        if place.isRegister, registers.calleeSaved & ~output.calleeSavedUsed & place.register.mask != 0 {
            violations.append("\(name()): callee-saved register \(place.register.number) is written, not reported")
        }
    }

    private mutating func checkInstruction(
        _ position: Int, _ input: borrowing AllocationInput, _ output: borrowing AllocationOutput
    ) {
        let start = Int(input.operandStart[position])
        let end = Int(input.operandStart[position + 1])
        for index in start..<end {
            let operand = input.operands[index]
            let place = output.allocations[index]
            let registerClass = RegisterClass(rawValue: input.registerClasses[operand.virtualRegister])!
            let name = "instruction \(position) operand \(index - start)"
            checkPlace(place, registerClass, slotCount: output.slotCount, name)
            if place.isRegister, operand.constraint != .fixed, registers.allocatable & place.register.mask == 0 {
                violations.append("\(name): register \(place.register.number) is not allocatable")
            }
            switch operand.constraint {
            case .any: break
            case .register:
                if !place.isRegister { violations.append("\(name): not in a register") }
            case .fixed:
                if place != .register(PhysicalRegister(operand.detail)) {
                    violations.append("\(name): not in register \(operand.detail)")
                }
            case .reuse:
                if place != output.allocations[start + Int(operand.detail)] {
                    violations.append("\(name): not in the place of operand \(operand.detail)")
                }
            }
            if operand.isDefinition { checkSaved(place, output, name) }
            // A definition may be there: what is destroyed with it is a temporary, or else a later use finds nothing.
            if operand.role == .lateUse, place.isRegister,
                input.clobbers[position] & place.register.mask != 0
            {
                violations.append("\(name): in a register the instruction destroys")
            }
            for other in start..<end where other != index {
                let second = input.operands[other]
                let isTied =
                    operand.constraint == .reuse && Int(operand.detail) == other - start
                    || second.constraint == .reuse && Int(second.detail) == index - start
                if mayNotShare(operand, second) && !isTied,
                    overlap(place, output.allocations[other], registerClass, input, second)
                {
                    violations.append("\(name): shares its place with operand \(other - start)")
                }
            }
        }
    }

    private func mayNotShare(_ first: Operand, _ second: Operand) -> Bool {
        switch (first.role, second.role) {
        case (.earlyDef, _), (_, .earlyDef): true
        case (.def, .def), (.def, .lateUse), (.lateUse, .def): true
        default: false
        }
    }

    private func overlap(
        _ first: Allocation, _ second: Allocation, _ firstClass: RegisterClass, _ input: borrowing AllocationInput,
        _ secondOperand: Operand
    ) -> Bool {
        if first == second { return true }
        guard first.isSlot && second.isSlot else { return false }
        let secondClass = RegisterClass(rawValue: input.registerClasses[secondOperand.virtualRegister])!
        return first.slot < second.slot + (secondClass == .vector ? 2 : 1)
            && second.slot < first.slot + (firstClass == .vector ? 2 : 1)
    }

    // MARK: - Values

    /// What 8 bytes of a slot, or a register, hold. The upper half of a vector in slots has a key of its own.
    private struct Content: Equatable {
        var values: [UInt32]
        var isWide: Bool
    }

    private struct State: Equatable {
        var places: [UInt32: Content] = [:]

        static func upperKey(_ slot: UInt32) -> UInt32 { Allocation.slotBit | 0x4000_0000 | slot }

        func values(at place: Allocation, wide: Bool) -> [UInt32] {
            guard let content = places[place.bits] else { return [] }
            guard place.isSlot, wide else { return content.values }
            guard content.isWide, let upper = places[Self.upperKey(place.slot + 1)] else { return [] }
            return content.values.filter(upper.values.contains)
        }

        mutating func write(_ values: [UInt32], to place: Allocation, wide: Bool) {
            places[place.bits] = Content(values: values, isWide: wide)
            guard place.isSlot else { return }
            places[Self.upperKey(place.slot)] = nil
            if wide {
                places[Allocation.slot(place.slot + 1).bits] = nil
                places[Self.upperKey(place.slot + 1)] = Content(values: values, isWide: true)
            }
        }

        mutating func forget(_ value: UInt32) {
            for (key, content) in places where content.values.contains(value) {
                places[key]!.values.removeAll { $0 == value }
            }
        }

        mutating func erase(registers: UInt32) {
            for register in 0..<32 as Range<UInt32> where registers >> register & 1 != 0 { places[register] = nil }
        }

        mutating func meet(_ other: State) {
            for (key, content) in places {
                guard let second = other.places[key], second.isWide == content.isWide else {
                    places[key] = nil
                    continue
                }
                if second.values != content.values {
                    places[key]!.values = content.values.filter(second.values.contains)
                }
            }
        }
    }

    private mutating func checkValues(_ input: borrowing AllocationInput, _ output: borrowing AllocationOutput) {
        let count = input.blocks.count
        var entries = [State?](repeating: nil, count: count)
        entries[0] = State()
        var firstMove: [Int] = []
        var cursor = 0
        for index in 0..<count {
            while cursor < output.moves.count, output.moves[cursor].position < input.blocks[index].firstInstruction {
                cursor += 1
            }
            firstMove.append(cursor)
        }
        var isPending = [Bool](repeating: false, count: count)
        isPending[0] = true
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for index in 0..<count where isPending[index] {
                isPending[index] = false
                var state = entries[index]!
                execute(index, firstMove[index], &state, input, output, reports: false)
                let block = input.blocks[index]
                for entry in 0..<block.successorCount {
                    let successor = Int(input.successors[block.firstSuccessor + entry])
                    let arriving = passArguments(from: index, to: successor, state, input)
                    var merged = entries[successor] ?? arriving
                    merged.meet(arriving)
                    if merged != entries[successor] {
                        entries[successor] = merged
                        isPending[successor] = true
                        hasChanged = true
                    }
                }
            }
        }
        for index in 0..<count {
            guard var state = entries[index] else { continue }
            execute(index, firstMove[index], &state, input, output, reports: true)
        }
    }

    private func passArguments(
        from source: Int, to target: Int, _ state: State, _ input: borrowing AllocationInput
    ) -> State {
        let from = input.blocks[source]
        let to = input.blocks[target]
        guard to.parameterCount > 0 else { return state }
        var parameters: [UInt32: [UInt32]] = [:]
        var all: Set<UInt32> = []
        for entry in 0..<to.parameterCount {
            let parameter = input.virtualRegisterLists[to.firstParameter + entry]
            all.insert(parameter)
            if entry < from.argumentCount {
                parameters[input.virtualRegisterLists[from.firstArgument + entry], default: []].append(parameter)
            }
        }
        var result = state
        for (key, content) in state.places {
            var values = content.values.filter { !all.contains($0) }
            for value in content.values { values += parameters[value] ?? [] }
            if values != content.values { result.places[key]!.values = values }
        }
        return result
    }

    private mutating func execute(
        _ index: Int, _ firstMove: Int, _ state: inout State, _ input: borrowing AllocationInput,
        _ output: borrowing AllocationOutput, reports: Bool
    ) {
        var cursor = firstMove
        for position in input.blocks[index].firstInstruction..<input.blocks[index].endInstruction {
            while cursor < output.moves.count, output.moves[cursor].position == position {
                let move = output.moves[cursor]
                cursor += 1
                let wide = move.registerClass == .vector
                var values = state.values(at: move.from, wide: wide)
                // The narrow moves lose half of a vector.
                if !wide {
                    values.removeAll { input.registerClasses[$0] == RegisterClass.vector.rawValue }
                }
                state.write(values, to: move.to, wide: wide)
            }
            let operands = Int(input.operandStart[position])..<Int(input.operandStart[position + 1])
            if reports {
                for operand in operands where !input.operands[operand].isDefinition {
                    let value = input.operands[operand].virtualRegister
                    let wide = input.registerClasses[value] == RegisterClass.vector.rawValue
                    if !state.values(at: output.allocations[operand], wide: wide).contains(value) {
                        violations.append(
                            "block \(index) instruction \(position) operand \(operand - operands.lowerBound): "
                                + "v\(value) is not in \(Self.name(output.allocations[operand]))")
                    }
                }
            }
            state.erase(registers: input.clobbers[position])
            for operand in operands where input.operands[operand].isDefinition {
                let value = input.operands[operand].virtualRegister
                state.forget(value)
            }
            for operand in operands where input.operands[operand].isDefinition {
                let value = input.operands[operand].virtualRegister
                let wide = input.registerClasses[value] == RegisterClass.vector.rawValue
                state.write([value], to: output.allocations[operand], wide: wide)
            }
            // Instructions may use the scratch registers for themselves.
            state.erase(registers: registers.integerScratch.mask | registers.floatScratch.mask)
        }
    }

    private static func name(_ place: Allocation) -> String {
        place.isSlot ? "slot \(place.slot)" : place.isRegister ? "register \(place.bits)" : "no place"
    }
}
