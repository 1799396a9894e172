//! Instruction selection: from SSA to machine instructions with virtual registers.
//!
//! Goes backwards over blocks and instructions, so that when an instruction is reached all its uses are known: an unused
//! one is skipped, and one that its only user has taken in (a comparison into a branch, a load into an addition) is too.
//! Everything is produced in reverse and turned round at the end.
//!
//! Requires: verified IR after dead code elimination, with `useCounts`. Provides: an `AllocationInput` that
//! meets that seam's invariants; critical edges are split here.
//!
//! Rules on taking in: the other instruction is in the same block, has one use, and, if it is a load, nothing with an effect lies
//! between it and the user (`colors`).

import WasmModule

struct InstructionSelector: ~Copyable {
    /// A block of the output: a block of the IR, or one inserted into an edge.
    struct OutputBlock: BitwiseCopyable {
        var irBlock: UInt32
        /// The edge this block splits, or `.max`.
        var edge: UInt32
        /// Where its instructions begin and end in the reversed vectors.
        var reversedStart: UInt32 = 0
        var reversedEnd: UInt32 = 0
        var firstArgument: UInt32 = 0
        var argumentCount: UInt32 = 0
        var firstParameter: UInt32 = 0
        var parameterCount: UInt32 = 0
        var firstSuccessor: UInt32 = 0
        var successorCount: UInt32 = 0
    }

    // Views of the function being compiled; valid during `select` only.
    var ir: UnsafeMutablePointer<IRInstruction>
    private var sources: UnsafeMutablePointer<UInt32>
    var irBlocks: UnsafeMutablePointer<IRBlock>
    private(set) var irBlockCount = 0
    private(set) var edges: UnsafeMutablePointer<IREdge>
    var lists: UnsafeMutablePointer<UInt32>
    private var useCounts: UnsafeMutablePointer<UInt8>
    let module: ModuleContext
    let layout: VMContextLayout

    /// Per value: its virtual register + 1, or 0.
    private var valueRegisters = Vector<UInt32>(capacity: 1024)
    private var isTakenIn = Vector<UInt8>(capacity: 1024)
    /// Per value: how many instructions with an effect precede it.
    private(set) var colors = Vector<UInt32>(capacity: 1024)
    /// The root whose operands are being chosen.
    private(set) var currentColor: UInt32 = 0
    private var currentFirst: UInt32 = 0
    private var currentSource: UInt32 = 0

    private var outputBlocks = Vector<OutputBlock>(capacity: 64)
    private(set) var blockNumbers = Vector<UInt32>(capacity: 64)
    private(set) var edgeTargets = Vector<UInt32>(capacity: 64)
    private var predecessorCounts = Vector<UInt32>(capacity: 64)
    /// For each IR block, the last edge seen to it from the current branch table + 1.
    private var lastEdges = Vector<UInt32>(capacity: 64)

    /// Per output block, the `markGeneration` in which it was last made a successor.
    private var targetMarks = Vector<UInt32>(capacity: 64)
    private var markGeneration: UInt32 = 0

    private var reversed = Vector<MachineInstruction>(capacity: 1024)
    private var reversedClobbers = Vector<UInt32>(capacity: 1024)
    private var reversedOperandEnds = Vector<UInt32>(capacity: 1024)
    var operands = Vector<Operand>(capacity: 2048)
    private var pendingConstants = Vector<UInt64>(capacity: 16)
    private var registerClasses = Vector<UInt8>(capacity: 1024)
    private var registerLists = Vector<UInt32>(capacity: 256)
    private var successors = Vector<UInt32>(capacity: 64)
    var jumpTargets = Vector<UInt32>(capacity: 64)
    /// The sequence being recorded (`VectorSequence`).
    var vectorSteps = Vector<VectorStep>(capacity: 32)
    var vectorConstants = Vector<V128>(capacity: 16)
    /// 1 + the header of the loop that keeps the constants of the block being selected, or 0 (`LoopConstants`).
    private(set) var currentLoop: UInt32 = 0
    var loopConstants = Vector<LoopConstant>(capacity: 16)
    /// Per loop header: 1 + the first of its constants, or 0.
    var firstLoopConstants = Vector<UInt32>(capacity: 64)
    /// Per loop header: the output block that enters it, or `.max`.
    var loopEntries = Vector<UInt32>(capacity: 64)
    /// Per loop header: how many constants the loop may keep.
    var loopRoom = Vector<UInt8>(capacity: 64)
    var hasCalls = false
    var outgoingBytes: Int32 = 0
    var incomingArgumentBytes: Int32 = 0
    var functionType: UInt32 = 0
    var experiment = FunctionExperiment()

    init(module: ModuleContext, layout: VMContextLayout) {
        self.module = module
        self.layout = layout
        // Replaced by `select`; a one-element stand-in keeps the fields free of optionals.
        ir = UnsafeMutablePointer(bitPattern: 64)!
        sources = UnsafeMutablePointer(bitPattern: 64)!
        irBlocks = UnsafeMutablePointer(bitPattern: 64)!
        edges = UnsafeMutablePointer(bitPattern: 64)!
        lists = UnsafeMutablePointer(bitPattern: 64)!
        useCounts = UnsafeMutablePointer(bitPattern: 64)!
    }

    /// Selects instructions for `function`.
    mutating func select(_ function: borrowing IRFunction, into output: inout SelectedFunction) {
        ir = function.instructions.base
        sources = function.sourceOffsets.base
        irBlocks = function.blocks.base
        irBlockCount = function.blocks.count
        edges = function.edges.base
        lists = function.lists.base
        useCounts = function.useCounts.base
        functionType = function.typeIndex
        let valueCount = function.instructions.count
        valueRegisters.reset(to: 0, count: valueCount)
        isTakenIn.reset(to: 0, count: valueCount)
        reversed.removeAll()
        reversedClobbers.removeAll()
        reversedOperandEnds.removeAll()
        operands.removeAll()
        registerClasses.removeAll()
        registerLists.removeAll()
        successors.removeAll()
        jumpTargets.removeAll()
        vectorConstants.removeAll()
        hasCalls = false
        outgoingBytes = 0
        incomingArgumentBytes = argumentAreaBytes(ofType: functionType)

        colorValues(count: valueCount)
        layOutBlocks(edgeCount: function.edges.count)
        findLoopEntries()
        targetMarks.reset(to: 0, count: outputBlocks.count)
        markGeneration = 0
        var number = outputBlocks.count
        while number > 0 {
            number -= 1
            outputBlocks[number].reversedStart = UInt32(reversed.count)
            selectBlock(number)
            outputBlocks[number].reversedEnd = UInt32(reversed.count)
        }
        turnRound(into: &output)
    }

    // MARK: Preparation

    private mutating func colorValues(count: Int) {
        colors.removeAll()
        colors.reserve(count)
        var color: UInt32 = 0
        for index in 0..<count {
            colors.append(color)
            let operation = ir[index].operation
            // Loads may pass one another: whichever traps first, the trap is the same.
            if !operation.isRemovable && operation != .load && operation != .nop && operation != .result { color &+= 1 }
        }
    }

    private func hasLiveParameters(_ block: UInt32) -> Bool {
        let first = irBlocks[Int(block)].first
        for index in 0..<irBlocks[Int(block)].parameterCount
        where ir[Int(first &+ index)].operation == .parameter { return true }
        return false
    }

    /// The edges of a terminator as a range.
    func edgeRange(_ terminator: IRInstruction) -> (first: UInt32, second: UInt32, count: UInt32) {
        switch terminator.operation {
        case .jump: (terminator.a, 0, 1)
        case .branch: (terminator.b, terminator.c, 2)
        case .branchTable: (terminator.b, terminator.b &+ 1, terminator.c)
        default: (0, 0, 0)
        }
    }

    @inline(__always)
    func edge(_ range: (first: UInt32, second: UInt32, count: UInt32), _ index: UInt32) -> UInt32 {
        index == 0 ? range.first : range.second &+ (index &- 1)
    }

    /// Numbers the output blocks: those of the IR in order, each followed by the blocks that split its outgoing edges.
    private mutating func layOutBlocks(edgeCount: Int) {
        outputBlocks.removeAll()
        blockNumbers.reset(to: 0, count: irBlockCount)
        edgeTargets.reset(to: .max, count: max(edgeCount, 1))
        predecessorCounts.reset(to: 0, count: irBlockCount)
        lastEdges.reset(to: 0, count: irBlockCount)

        // Edges of a branch table with the same target and arguments are one edge.
        for block in 0..<irBlockCount {
            let range = edgeRange(ir[Int(irBlocks[block].end) - 1])
            for index in 0..<range.count {
                let edge = edge(range, index)
                let target = edges[Int(edge)].target
                let last = lastEdges[target]
                let isRepeated = last > 0 && isSameEdge(last &- 1, edge) && isOneOf(range, last &- 1)
                if !isRepeated { predecessorCounts[target] &+= 1 }
                lastEdges[target] = edge &+ 1
            }
        }
        lastEdges.reset(to: 0, count: irBlockCount)
        for block in 0..<irBlockCount {
            blockNumbers[block] = UInt32(outputBlocks.count)
            outputBlocks.append(OutputBlock(irBlock: UInt32(block), edge: .max))
            let range = edgeRange(ir[Int(irBlocks[block].end) - 1])
            guard range.count > 1 else { continue }
            for index in 0..<range.count {
                let edge = edge(range, index)
                let target = edges[Int(edge)].target
                let last = lastEdges[target]
                if last > 0 && isSameEdge(last &- 1, edge) && isOneOf(range, last &- 1) {
                    edgeTargets[edge] = edgeTargets[last &- 1]
                } else if predecessorCounts[target] > 1 || hasLiveParameters(target) {
                    edgeTargets[edge] = UInt32(outputBlocks.count)
                    outputBlocks.append(OutputBlock(irBlock: UInt32(block), edge: edge))
                }
                lastEdges[target] = edge &+ 1
            }
        }
        for edge in 0..<edgeCount where edgeTargets[edge] == .max {
            edgeTargets[edge] = blockNumbers[edges[edge].target]
        }
    }

    private func isSameEdge(_ first: UInt32, _ second: UInt32) -> Bool {
        let first = edges[Int(first)]
        let second = edges[Int(second)]
        return first.target == second.target && first.argumentCount == second.argumentCount
            && (first.argumentCount == 0 || first.firstArgument == second.firstArgument)
    }

    private func isOneOf(_ range: (first: UInt32, second: UInt32, count: UInt32), _ edge: UInt32) -> Bool {
        edge == range.first || (range.count > 1 && edge >= range.second && edge < range.second &+ (range.count &- 1))
    }

    /// Bytes of stack arguments of a function type.
    func argumentAreaBytes(ofType type: UInt32) -> Int32 {
        var assigner = ArgumentAssigner()
        for parameter in module.parameters(ofType: type) { _ = assigner.next(parameter) }
        return assigner.areaBytes
    }

    // MARK: Blocks

    private mutating func selectBlock(_ number: Int) {
        outputBlocks[number].firstSuccessor = UInt32(successors.count)
        let block = outputBlocks[number]
        if block.edge != .max {
            currentSource = sources[Int(irBlocks[Int(block.irBlock)].end) - 1]
            currentLoop = 0
            selectJump(block.edge, from: number)
            loadLoopConstants(entering: block.edge, from: number)
            outputBlocks[number].successorCount = 1
            return
        }
        let range = irBlocks[Int(block.irBlock)]
        currentFirst = range.first
        currentLoop = loopForConstants(block.irBlock)
        var index = range.end
        while index > range.first &+ range.parameterCount {
            index &-= 1
            let instruction = ir[Int(index)]
            guard instruction.operation != .nop, instruction.operation != .result else { continue }
            if isTakenIn[index] != 0 { continue }
            if valueRegisters[index] == 0 && instruction.operation.isRemovable { continue }
            currentColor = colors[index]
            currentSource = sources[Int(index)]
            if instruction.operation.isTerminator {
                selectTerminator(instruction, in: number)
                if instruction.operation == .jump { loadLoopConstants(entering: instruction.a, from: number) }
            } else {
                select(index, instruction)
            }
        }
        outputBlocks[number].successorCount = UInt32(successors.count) &- block.firstSuccessor
        if number == 0 {
            selectEntry(range)
        } else {
            outputBlocks[number].firstParameter = UInt32(registerLists.count)
            for parameter in range.first..<range.first &+ range.parameterCount
            where ir[Int(parameter)].operation == .parameter {
                registerLists.append(register(of: parameter))
            }
            outputBlocks[number].parameterCount =
                UInt32(registerLists.count) &- outputBlocks[number].firstParameter
        }
    }

    private mutating func selectJump(_ edgeIndex: UInt32, from number: Int) {
        let edge = edges[Int(edgeIndex)]
        successors.append(blockNumbers[edge.target])
        let target = irBlocks[Int(edge.target)]
        outputBlocks[number].firstArgument = UInt32(registerLists.count)
        for index in 0..<target.parameterCount where ir[Int(target.first &+ index)].operation == .parameter {
            registerLists.append(register(of: lists[Int(edge.firstArgument &+ index)]))
        }
        outputBlocks[number].argumentCount = UInt32(registerLists.count) &- outputBlocks[number].firstArgument
        finish(MachineInstruction(operation: .jump))
    }

    private mutating func selectTerminator(_ instruction: IRInstruction, in number: Int) {
        switch instruction.operation {
        case .jump:
            selectJump(instruction.a, from: number)
        case .branch:
            let ifTrue = edgeTargets[instruction.b]
            let ifFalse = edgeTargets[instruction.c]
            if ifTrue == ifFalse {
                // Two edges to one block without parameters.
                successors.append(ifTrue)
                finish(MachineInstruction(operation: .jump))
                return
            }
            successors.append(ifTrue)
            successors.append(ifFalse)
            var machine = MachineInstruction(operation: .branch)
            selectCondition(instruction.a, into: &machine)
            finish(machine)
        case .branchTable:
            let first = jumpTargets.count
            let firstSuccessor = successors.count
            markGeneration &+= 1
            for index in 0..<instruction.c {
                let target = edgeTargets[instruction.b &+ index]
                jumpTargets.append(target)
                appendDistinctSuccessor(target)
            }
            if successors.count - firstSuccessor == 1 {
                finish(MachineInstruction(operation: .jump))
                return
            }
            use(instruction.a, .register)
            define(temporary(.integer), .register, role: .earlyDef)
            var machine = MachineInstruction(operation: .branchTable)
            machine.immediate = Int64(first) | Int64(instruction.c) << 32
            finish(machine)
        case .return:
            selectReturn(instruction)
        case .tailCall, .tailCallIndirect:
            selectTailCall(instruction)
        case .trap:
            var machine = MachineInstruction(operation: .trap)
            machine.detail = instruction.flags
            finish(machine)
        default:
            preconditionFailure("terminator not in the accepted language")
        }
    }

    /// Adds a successor unless the current terminator has it already.
    private mutating func appendDistinctSuccessor(_ target: UInt32) {
        guard targetMarks[target] != markGeneration else { return }
        targetMarks[target] = markGeneration
        successors.append(target)
    }

    // MARK: Building machine instructions

    /// Whether the root being selected may take `value`'s computation in: one use, same block.
    @inline(__always)
    func isSingleUseHere(_ value: UInt32) -> Bool {
        useCounts[Int(value)] == 1 && value >= currentFirst && valueRegisters[value] == 0
    }

    /// Whether `value` is a full-width load which the root being selected may take in.
    @inline(__always)
    func isFoldableLoad(_ value: UInt32) -> Bool {
        // Legacy instructions want an operand of 16 bytes aligned.
        isFullLoad(value) && (module.usesVEX || ir[Int(value)].memoryAccess != .vector128)
    }

    /// The same, whether the instruction set has operands in memory for it or not.
    @inline(__always)
    func isFullLoad(_ value: UInt32) -> Bool {
        let load = ir[Int(value)]
        guard load.operation == .load, isSingleUseHere(value), colors[value] == currentColor,
            experiment.has(.loadOperands)
        else { return false }
        switch load.memoryAccess {
        case .unsigned32, .signed32: return load.type == .i32
        case .bits64: return load.type == .i64
        case .float32, .float64, .vector128: return true
        default: return false
        }
    }

    /// Whether `value` is a load of exactly so many bytes which the root being selected may take in, for as many of the lowest
    /// bits.
    func isFoldableLane(_ value: UInt32, bytes: UInt32) -> Bool {
        let load = ir[Int(value)]
        return load.operation == .load && load.memoryAccess.bytes == bytes && isSingleUseHere(value)
            && colors[value] == currentColor && experiment.has(.loadOperands)
    }

    @inline(__always)
    mutating func takeIn(_ value: UInt32) { isTakenIn[value] = 1 }

    func isUsed(_ value: UInt32) -> Bool { valueRegisters[value] != 0 }

    @inline(__always)
    func integerConstant(_ value: UInt32) -> Int64? {
        let instruction = ir[Int(value)]
        guard instruction.operation == .integerConstant else { return nil }
        return Int64(bitPattern: instruction.constantBits)
    }

    /// The constant as an immediate of a 32-bit or 64-bit instruction, if it is one that fits.
    @inline(__always)
    func immediate(_ value: UInt32) -> Int64? {
        let instruction = ir[Int(value)]
        guard instruction.operation == .integerConstant else { return nil }
        if instruction.type == .i32 { return Int64(Int32(bitPattern: instruction.a)) }
        let constant = Int64(bitPattern: instruction.constantBits)
        return constant == Int64(Int32(truncatingIfNeeded: constant)) ? constant : nil
    }

    @inline(__always)
    mutating func temporary(_ registerClass: RegisterClass) -> UInt32 {
        registerClasses.append(registerClass.rawValue)
        return UInt32(registerClasses.count - 1)
    }

    /// The virtual register of a value. A constant gets a fresh one at each use, loaded just before, or one of the loop's.
    @inline(__always)
    mutating func register(of value: UInt32) -> UInt32 {
        let instruction = ir[Int(value)]
        if instruction.isConstant {
            if instruction.operation == .vectorConstant, let register = loopConstant(instruction.vector) {
                return register
            }
            let register = temporary(instruction.type.registerClass)
            pendingConstants.append(UInt64(value) | UInt64(register) &<< 32)
            return register
        }
        let existing = valueRegisters[value]
        if existing != 0 { return existing &- 1 }
        let register = temporary(instruction.type.registerClass)
        valueRegisters[value] = register &+ 1
        return register
    }

    /// Lets `value` be another name of `register`.
    @inline(__always)
    mutating func alias(_ value: UInt32, to register: UInt32) { valueRegisters[value] = register &+ 1 }

    @inline(__always)
    mutating func use(_ value: UInt32, _ constraint: Operand.Constraint, role: Operand.Role = .use) {
        operands.append(Operand(virtualRegister: register(of: value), constraint: constraint, role: role))
    }

    @inline(__always)
    mutating func use(_ value: UInt32, fixed physical: UInt8) {
        operands.append(
            Operand(virtualRegister: register(of: value), constraint: .fixed, role: .use, detail: physical))
    }

    @inline(__always)
    mutating func define(
        _ virtualRegister: UInt32, _ constraint: Operand.Constraint, role: Operand.Role = .def, detail: UInt8 = 0
    ) {
        operands.append(
            Operand(virtualRegister: virtualRegister, constraint: constraint, role: role, detail: detail))
    }

    @inline(__always)
    mutating func define(value: UInt32) { define(register(of: value), .register) }

    /// Ends the machine instruction whose operands have been added, and loads the constants it needs before it.
    @inline(__always)
    mutating func finish(_ machine: MachineInstruction, clobbers: UInt32 = 0) {
        append(machine, clobbers: clobbers)
        if !pendingConstants.isEmpty { loadPendingConstants() }
    }

    @inline(__always)
    private mutating func append(_ machine: MachineInstruction, clobbers: UInt32) {
        var machine = machine
        machine.source = currentSource
        reversed.append(machine)
        reversedClobbers.append(clobbers)
        reversedOperandEnds.append(UInt32(operands.count))
    }

    @inline(never)
    private mutating func loadPendingConstants() {
        var index = 0
        // There may come to be more.
        while index < pendingConstants.count {
            let pending = pendingConstants[index]
            index &+= 1
            let register = UInt32(truncatingIfNeeded: pending &>> 32)
            let instruction = ir[Int(UInt32(truncatingIfNeeded: pending))]
            var machine = MachineInstruction(operation: .loadImmediate)
            switch instruction.operation {
            case .integerConstant, .floatConstant:
                if instruction.operation == .floatConstant { machine.operation = .loadFloatConstant }
                machine.width = instruction.type.is64 ? .w64 : .w32
                machine.immediate = Int64(bitPattern: instruction.constantBits)
            case .vectorConstant:
                machine.operation = .loadVectorConstant
                machine.immediate = place(instruction.vector)
            default:
                machine.operation = .vectorBinaryConstant
                machine.immediate = Int64(instruction.vectorOpcode.zeroLaneTest.rawValue) | place(V128()) << 32
                use(instruction.a, .register)
            }
            define(register, .register)
            append(machine, clobbers: 0)
        }
        pendingConstants.removeAll()
    }

    /// A register with ones in the lanes that are zero, of the operand of an "all true". Computed just before the instruction
    /// at hand, like a constant.
    mutating func zeroLanes(of value: UInt32) -> UInt32 {
        let register = temporary(.vector)
        pendingConstants.append(UInt64(value) | UInt64(register) &<< 32)
        return register
    }

    // MARK: The end

    /// Writes everything out in forward order.
    private mutating func turnRound(into output: inout SelectedFunction) {
        output.instructions.removeAll()
        output.input.removeAll()
        output.jumpTargets.removeAll()
        output.jumpTargets.append(contentsOf: jumpTargets.buffer)
        output.vectorConstants.removeAll()
        output.vectorConstants.append(contentsOf: vectorConstants.buffer)
        output.hasCalls = hasCalls
        output.outgoingBytes = outgoingBytes
        output.incomingArgumentBytes = incomingArgumentBytes
        output.input.registerClasses.append(contentsOf: registerClasses.buffer)
        output.input.virtualRegisterLists.append(contentsOf: registerLists.buffer)
        output.input.successors.append(contentsOf: successors.buffer)
        output.instructions.reserve(reversed.count)
        output.input.operands.reserve(operands.count)

        predecessorCounts.reset(to: 0, count: outputBlocks.count)
        for number in 0..<outputBlocks.count {
            let block = outputBlocks[number]
            var result = AllocationBlock()
            result.firstInstruction = UInt32(output.instructions.count)
            var index = Int(block.reversedEnd)
            while index > Int(block.reversedStart) {
                index -= 1
                output.instructions.append(reversed[index])
                output.input.clobbers.append(reversedClobbers[index])
                output.input.isCopy.append(reversed[index].operation == .copy ? 1 : 0)
                output.input.operandStart.append(UInt32(output.input.operands.count))
                let start = index == 0 ? 0 : Int(reversedOperandEnds[index - 1])
                output.input.operands.append(
                    contentsOf: UnsafeBufferPointer(rebasing: operands.buffer[start..<Int(reversedOperandEnds[index])]))
            }
            result.endInstruction = UInt32(output.instructions.count)
            result.firstSuccessor = block.firstSuccessor
            result.successorCount = block.successorCount
            result.firstParameter = block.firstParameter
            result.parameterCount = block.parameterCount
            result.firstArgument = block.firstArgument
            result.argumentCount = block.argumentCount
            let irBlock = irBlocks[Int(block.irBlock)]
            if block.edge == .max {
                result.loopDepth = irBlock.loopDepth
                result.isLoopHeader = irBlock.isLoopHeader
                result.isCold = irBlock.isCold
            } else {
                let target = irBlocks[Int(edges[Int(block.edge)].target)]
                result.loopDepth = min(irBlock.loopDepth, target.loopDepth)
                result.isCold = irBlock.isCold || target.isCold || edges[Int(block.edge)].isUnlikely
            }
            for index in 0..<block.successorCount {
                predecessorCounts[successors[block.firstSuccessor &+ index]] &+= 1
            }
            output.input.blocks.append(result)
        }
        output.input.operandStart.append(UInt32(output.input.operands.count))

        // Predecessors, by counting.
        var total: UInt32 = 0
        for number in 0..<outputBlocks.count {
            output.input.blocks[number].firstPredecessor = total
            output.input.blocks[number].predecessorCount = 0
            total &+= predecessorCounts[number]
        }
        output.input.predecessors.append(repeating: 0, count: Int(total))
        for number in 0..<outputBlocks.count {
            let block = outputBlocks[number]
            for index in 0..<block.successorCount {
                let target = successors[block.firstSuccessor &+ index]
                let place = output.input.blocks[target].firstPredecessor &+ output.input.blocks[target].predecessorCount
                output.input.predecessors[place] = UInt32(number)
                output.input.blocks[target].predecessorCount &+= 1
            }
        }
    }
}
