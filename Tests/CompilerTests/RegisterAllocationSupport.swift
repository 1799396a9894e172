//! Programs for the register allocator's tests: a builder that keeps the input's invariants, and register files.

@testable import Compiler

extension RegisterFile {
    /// What compiled code for x86-64 uses.
    static let x86 = X86_64.registerFile
    /// Hardly more than the fixed operands of a division.
    static let tiny = RegisterFile(
        allocatable: mask([0, 1, 2, 3, 6]) | mask(Array(16...20)),
        calleeSaved: mask([3]), integerScratch: PhysicalRegister(11), floatScratch: PhysicalRegister(31))
    /// Nothing survives a call.
    static let unsaved = RegisterFile(
        allocatable: mask([0, 1, 2, 6, 7, 8]) | mask(Array(16...22)),
        calleeSaved: 0, integerScratch: PhysicalRegister(11), floatScratch: PhysicalRegister(31))
    /// Most registers survive a call, floats among them.
    static let saved = RegisterFile(
        allocatable: mask([0, 1, 2, 3, 6, 12, 13]) | mask(Array(16...22)),
        calleeSaved: mask([3, 6, 12, 13, 19, 20, 21]), integerScratch: PhysicalRegister(11),
        floatScratch: PhysicalRegister(31))

    static func mask(_ registers: [Int]) -> UInt32 { registers.reduce(0) { $0 | 1 << UInt32($1) } }

    /// What a call destroys.
    var callerSaved: UInt32 {
        allocatable & ~calleeSaved | integerScratch.mask | floatScratch.mask
    }
}

typealias Value = UInt32

extension Operand {
    static func use(_ value: Value, _ constraint: Constraint = .register) -> Operand {
        Operand(virtualRegister: value, constraint: constraint, role: .use)
    }
    static func use(_ value: Value, fixed: Int) -> Operand {
        Operand(virtualRegister: value, constraint: .fixed, role: .use, detail: UInt8(fixed))
    }
    static func lateUse(_ value: Value, _ constraint: Constraint = .register) -> Operand {
        Operand(virtualRegister: value, constraint: constraint, role: .lateUse)
    }
    static func def(_ value: Value) -> Operand {
        Operand(virtualRegister: value, constraint: .register, role: .def)
    }
    static func def(_ value: Value, fixed: Int) -> Operand {
        Operand(virtualRegister: value, constraint: .fixed, role: .def, detail: UInt8(fixed))
    }
    static func def(_ value: Value, reuse index: Int) -> Operand {
        Operand(virtualRegister: value, constraint: .reuse, role: .def, detail: UInt8(index))
    }
    static func earlyDef(_ value: Value) -> Operand {
        Operand(virtualRegister: value, constraint: .register, role: .earlyDef)
    }
}

/// A control-flow graph in the making. Blocks may be made in any order; `input()` numbers them.
struct ProgramBuilder {
    struct Instruction {
        var operands: [Operand]
        var clobbers: UInt32 = 0
        var isCopy = false
    }
    struct Block {
        var instructions: [Instruction] = []
        var parameters: [Value] = []
        var arguments: [Value] = []
        var successors: [Int] = []
        var isCold = false
        var depth = 0
        var isLoopHeader = false
    }

    var blocks: [Block] = []
    var classes: [RegisterClass] = []
    /// Where instructions go.
    var current = 0

    init() { blocks.append(Block()) }

    mutating func value(_ registerClass: RegisterClass = .integer) -> Value {
        classes.append(registerClass)
        return Value(classes.count - 1)
    }

    mutating func block(cold: Bool = false, depth: Int = 0, header: Bool = false) -> Int {
        blocks.append(Block(isCold: cold, depth: depth, isLoopHeader: header))
        return blocks.count - 1
    }

    mutating func parameter(of block: Int, _ registerClass: RegisterClass = .integer) -> Value {
        let result = value(registerClass)
        blocks[block].parameters.append(result)
        return result
    }

    mutating func emit(_ operands: Operand..., clobbers: UInt32 = 0) {
        blocks[current].instructions.append(Instruction(operands: operands, clobbers: clobbers))
    }

    mutating func emit(_ operands: [Operand], clobbers: UInt32 = 0, isCopy: Bool = false) {
        blocks[current].instructions.append(Instruction(operands: operands, clobbers: clobbers, isCopy: isCopy))
    }

    /// A new value from nothing.
    mutating func constant(_ registerClass: RegisterClass = .integer) -> Value {
        let result = value(registerClass)
        emit(.def(result))
        return result
    }

    /// A new value from others, all in registers.
    mutating func compute(_ uses: Value...) -> Value {
        let result = value(classes[Int(uses[0])])
        emit(uses.map { .use($0) } + [.def(result)])
        return result
    }

    mutating func call(_ file: RegisterFile) { emit([], clobbers: file.callerSaved) }

    mutating func jump(_ target: Int, _ arguments: Value...) { jump(target, arguments) }

    mutating func jump(_ target: Int, _ arguments: [Value]) {
        emit([])
        blocks[current].successors = [target]
        blocks[current].arguments = arguments
    }

    mutating func branch(_ condition: Value, _ targets: Int...) {
        emit(.use(condition))
        blocks[current].successors = targets
    }

    mutating func finish(_ uses: Operand...) { emit(uses) }

    /// The blocks in reverse postorder, as the allocator wants them.
    func input() -> AllocationInput {
        var order: [Int] = []
        var visited = Set([0])
        var stack: [(block: Int, next: Int)] = [(0, 0)]
        while let top = stack.last {
            let successors = blocks[top.block].successors
            if top.next < successors.count {
                stack[stack.count - 1].next += 1
                if visited.insert(successors[top.next]).inserted { stack.append((successors[top.next], 0)) }
            } else {
                order.append(top.block)
                stack.removeLast()
            }
        }
        order.reverse()
        var number = [Int](repeating: -1, count: blocks.count)
        for (index, block) in order.enumerated() { number[block] = index }
        var predecessors = [[UInt32]](repeating: [], count: order.count)
        for (index, block) in order.enumerated() {
            for successor in blocks[block].successors { predecessors[number[successor]].append(UInt32(index)) }
        }

        var input = AllocationInput()
        for registerClass in classes { input.registerClasses.append(registerClass.rawValue) }
        input.operandStart.append(0)
        for (index, number_) in order.enumerated() {
            let block = blocks[number_]
            var result = AllocationBlock()
            result.firstInstruction = UInt32(input.instructionCount)
            for instruction in block.instructions {
                for operand in instruction.operands { input.operands.append(operand) }
                input.operandStart.append(UInt32(input.operands.count))
                input.clobbers.append(instruction.clobbers)
                input.isCopy.append(instruction.isCopy ? 1 : 0)
            }
            result.endInstruction = UInt32(input.instructionCount)
            result.firstSuccessor = UInt32(input.successors.count)
            result.successorCount = UInt32(block.successors.count)
            for successor in block.successors { input.successors.append(UInt32(number[successor])) }
            result.firstPredecessor = UInt32(input.predecessors.count)
            result.predecessorCount = UInt32(predecessors[index].count)
            for predecessor in predecessors[index] { input.predecessors.append(predecessor) }
            result.firstParameter = UInt32(input.virtualRegisterLists.count)
            result.parameterCount = UInt32(block.parameters.count)
            for parameter in block.parameters { input.virtualRegisterLists.append(parameter) }
            result.firstArgument = UInt32(input.virtualRegisterLists.count)
            result.argumentCount = UInt32(block.arguments.count)
            for argument in block.arguments { input.virtualRegisterLists.append(argument) }
            result.loopDepth = UInt16(block.depth)
            result.isLoopHeader = block.isLoopHeader
            result.isCold = block.isCold
            input.blocks.append(result)
        }
        return input
    }
}

/// A program, its allocation and what is wrong with it.
struct AllocatedProgram: ~Copyable {
    var input: AllocationInput
    var output = AllocationOutput()
    let file: RegisterFile

    init(_ builder: ProgramBuilder, _ file: RegisterFile = .x86) {
        input = builder.input()
        self.file = file
        var allocator = RegisterAllocator()
        allocator.allocate(input, registers: file, into: &output)
    }

    var violations: [String] { AllocationChecker.check(input, output, registers: file) }

    /// Moves inserted in blocks that satisfy a condition.
    func moves(where condition: (AllocationBlock) -> Bool) -> [AllocationMove] {
        var result: [AllocationMove] = []
        for index in 0..<input.blocks.count where condition(input.blocks[index]) {
            let range = input.blocks[index].firstInstruction..<input.blocks[index].endInstruction
            for move in 0..<output.moves.count where range.contains(output.moves[move].position) {
                result.append(output.moves[move])
            }
        }
        return result
    }

    var allMoves: [AllocationMove] { moves { _ in true } }

    /// Readable text of program and allocation.
    var text: String {
        var lines: [String] = []
        var cursor = 0
        func name(_ place: Allocation) -> String { place.isSlot ? "s\(place.slot)" : "r\(place.bits)" }
        for index in 0..<input.blocks.count {
            let block = input.blocks[index]
            let parameters = (0..<block.parameterCount).map { input.virtualRegisterLists[block.firstParameter + $0] }
            let successors = (0..<block.successorCount).map { input.successors[block.firstSuccessor + $0] }
            let arguments = (0..<block.argumentCount).map { input.virtualRegisterLists[block.firstArgument + $0] }
            lines.append(
                "block \(index)\(parameters) cold \(block.isCold) depth \(block.loopDepth)"
                    + " -> \(successors)\(arguments)")
            for position in block.firstInstruction..<block.endInstruction {
                while cursor < output.moves.count, output.moves[cursor].position == position {
                    lines.append("        \(name(output.moves[cursor].to)) <- \(name(output.moves[cursor].from))")
                    cursor += 1
                }
                var line = "  \(position):"
                for operand in input.operandStart[position]..<input.operandStart[position + 1] {
                    let mention = input.operands[operand]
                    line +=
                        " \(mention.role) v\(mention.virtualRegister) \(mention.constraint)"
                        + "(\(mention.detail))=\(name(output.allocations[operand]))"
                }
                if input.clobbers[position] != 0 { line += " CALL" }
                lines.append(line)
            }
        }
        return lines.joined(separator: "\n")
    }
}
