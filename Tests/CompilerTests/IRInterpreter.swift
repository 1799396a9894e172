//! Runs functions in IR form over a toy state, so that tests can check what translated code does. Far from fast.

import WasmModule

@testable import Compiler

/// The state that functions of a module share while they are interpreted.
final class InterpreterState {
    static let pageSize = 65_536

    let context: ModuleContext
    var memory: [UInt8]
    var globals: [UInt64]
    /// References: 0 is null, else 1 + function index.
    var tables: [[UInt64]]
    var droppedData: Set<UInt32> = []
    var droppedElements: Set<UInt32> = []
    /// Instructions that may still be executed.
    var steps: Int
    /// What is left for metered code, which sees a single slice.
    var fuel = Int64.max
    /// Calls of imported functions: index and arguments.
    var importCalls: [[UInt64]] = []

    init(_ context: ModuleContext, steps: Int = 1_000_000) {
        self.context = context
        self.steps = steps
        memory =
            context.memoryCount > 0 ? Array(repeating: 0, count: Int(context.memory(0).minimum) * Self.pageSize) : []
        globals = (0..<context.globalCount).map { index in
            let initializer = index - context.module.importedGlobalCount
            guard initializer >= 0 else { return 0 }
            return switch context.module.globalInitializers[initializer].instructions.last {
            case .i32(let value): UInt64(UInt32(bitPattern: value))
            case .i64(let value): UInt64(bitPattern: value)
            case .f32(let bits): UInt64(bits)
            case .f64(let bits): bits
            case .refFunc(let function): UInt64(function) + 1
            default: 0
            }
        }
        tables = (0..<context.tableCount).map { Array(repeating: 0, count: Int(context.table(UInt32($0)).minimum)) }
        for segment in context.module.elements {
            guard case .active(let table, let offset) = segment.mode, case .i32(let start)? = offset.instructions.first
            else { continue }
            for (position, item) in segment.items.enumerated() {
                tables[Int(table)][Int(start) + position] = Self.reference(item)
            }
        }
    }

    static func reference(_ expression: ConstantExpression) -> UInt64 {
        if case .refFunc(let function)? = expression.instructions.first { UInt64(function) + 1 } else { 0 }
    }

    func address(_ base: UInt64, _ offset: UInt64, _ bytes: UInt32) throws(InterpreterTrap) -> Int {
        let (start, overflow) = base.addingReportingOverflow(offset)
        if overflow || start > UInt64(memory.count) { throw .trap(.memoryOutOfBounds) }
        if start + UInt64(bytes) > UInt64(memory.count) { throw .trap(.memoryOutOfBounds) }
        return Int(start)
    }

    func load(_ access: MemoryAccess, _ type: IRType, _ base: UInt64, _ offset: UInt64) throws(InterpreterTrap)
        -> UInt64
    {
        let start = try address(base, offset, access.bytes)
        var bits: UInt64 = 0
        for index in (0..<Int(access.bytes)).reversed() { bits = bits << 8 | UInt64(memory[start + index]) }
        let extended: UInt64 =
            switch access {
            case .signed8: UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: bits)))
            case .signed16: UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: bits)))
            case .signed32: UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: bits)))
            default: bits
            }
        return type == .i32 ? extended & 0xFFFF_FFFF : extended
    }

    func store(_ access: MemoryAccess, _ base: UInt64, _ offset: UInt64, _ value: UInt64) throws(InterpreterTrap) {
        let start = try address(base, offset, access.bytes)
        for index in 0..<Int(access.bytes) {
            memory[start + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
        }
    }

    func tableElement(_ table: UInt32, _ index: UInt64) throws(InterpreterTrap) -> UInt64 {
        guard index < tables[Int(table)].count else { throw .trap(.tableOutOfBounds) }
        return tables[Int(table)][Int(index)]
    }

    func setTableElement(_ table: UInt32, _ index: UInt64, _ value: UInt64) throws(InterpreterTrap) {
        guard index < tables[Int(table)].count else { throw .trap(.tableOutOfBounds) }
        tables[Int(table)][Int(index)] = value
    }

    /// The function that an indirect call reaches.
    func callee(table: UInt32, _ index: UInt64, type: UInt32) throws(InterpreterTrap) -> UInt32 {
        guard index < tables[Int(table)].count else { throw .trap(.undefinedElement) }
        let reference = tables[Int(table)][Int(index)]
        if reference == 0 { throw .trap(.uninitializedElement) }
        let function = UInt32(reference - 1)
        guard context.canonicalType(context.type(ofFunction: function)) == context.canonicalType(type) else {
            throw .trap(.indirectCallTypeMismatch)
        }
        return function
    }

    /// An imported function returns, in each result, a value that depends on the call's number.
    func callImport(_ function: UInt32, _ arguments: [UInt64]) -> [UInt64] {
        importCalls.append([UInt64(function)] + arguments)
        return context.results(ofType: context.type(ofFunction: function)).map { _ in UInt64(importCalls.count) }
    }

    func callRuntime(_ function: RuntimeFunction, _ a: [UInt64]) throws(InterpreterTrap) -> UInt64 {
        switch function {
        case .memoryGrow:
            let pages = UInt64(memory.count / Self.pageSize)
            if a[0] + pages > min(context.memory(0).maximum, 64) { return 0xFFFF_FFFF }
            memory += Array(repeating: 0, count: Int(a[0]) * Self.pageSize)
            return pages
        case .memoryCopy:
            guard a[0] + a[2] <= memory.count, a[1] + a[2] <= memory.count else { throw .trap(.memoryOutOfBounds) }
            let source = Array(memory[Int(a[1])..<Int(a[1] + a[2])])
            memory.replaceSubrange(Int(a[0])..<Int(a[0] + a[2]), with: source)
        case .memoryFill:
            guard a[0] + a[2] <= memory.count else { throw .trap(.memoryOutOfBounds) }
            for index in Int(a[0])..<Int(a[0] + a[2]) { memory[index] = UInt8(truncatingIfNeeded: a[1]) }
        case .memoryInit:
            let segment = UInt32(a[3])
            let range = context.module.data[Int(segment)].range
            let bytes = droppedData.contains(segment) ? [] : Array(context.module.bytes[range])
            guard a[0] + a[2] <= memory.count, a[1] + a[2] <= bytes.count else { throw .trap(.memoryOutOfBounds) }
            memory.replaceSubrange(Int(a[0])..<Int(a[0] + a[2]), with: bytes[Int(a[1])..<Int(a[1] + a[2])])
        case .dataDrop: droppedData.insert(UInt32(a[0]))
        case .tableGrow:
            let count = UInt64(tables[Int(a[2])].count)
            if count + a[1] > min(context.table(UInt32(a[2])).maximum, 10_000) { return 0xFFFF_FFFF }
            tables[Int(a[2])] += Array(repeating: a[0], count: Int(a[1]))
            return count
        case .tableCopy:
            let (to, from) = (Int(a[3]), Int(a[4]))
            guard a[0] + a[2] <= tables[to].count, a[1] + a[2] <= tables[from].count else {
                throw .trap(.tableOutOfBounds)
            }
            let source = Array(tables[from][Int(a[1])..<Int(a[1] + a[2])])
            tables[to].replaceSubrange(Int(a[0])..<Int(a[0] + a[2]), with: source)
        case .tableFill:
            guard a[0] + a[2] <= tables[Int(a[3])].count else { throw .trap(.tableOutOfBounds) }
            for index in Int(a[0])..<Int(a[0] + a[2]) { tables[Int(a[3])][index] = a[1] }
        case .tableInit:
            let segment = UInt32(a[3])
            let items =
                droppedElements.contains(segment) ? [] : context.module.elements[Int(segment)].items.map(Self.reference)
            guard a[0] + a[2] <= tables[Int(a[4])].count, a[1] + a[2] <= items.count else {
                throw .trap(.tableOutOfBounds)
            }
            tables[Int(a[4])].replaceSubrange(Int(a[0])..<Int(a[0] + a[2]), with: items[Int(a[1])..<Int(a[1] + a[2])])
        case .elementDrop: droppedElements.insert(UInt32(a[0]))
        case .multiplyAddF32x4, .negatedMultiplyAddF32x4, .multiplyAddF64x2, .negatedMultiplyAddF64x2:
            preconditionFailure("not a function of the IR")
        }
        return 0
    }
}

/// How a function's run ends.
enum FunctionEnd {
    case results([UInt64])
    case tailCall(UInt32, [UInt64])
}

/// Translated functions of one module and how to run them.
final class IRInterpreter {
    /// A copy of an `IRFunction` in arrays.
    struct Function {
        var instructions: [IRInstruction]
        var blocks: [IRBlock]
        var edges: [IREdge]
        var lists: [UInt32]

        init(_ function: borrowing IRFunction) {
            instructions = Array(function.instructions.buffer)
            blocks = Array(function.blocks.buffer)
            edges = Array(function.edges.buffer)
            lists = Array(function.lists.buffer)
        }
    }

    let state: InterpreterState
    var functions: [Function] = []
    private var depth = 0

    init(state: InterpreterState) { self.state = state }

    /// Calls a function by index.
    func call(_ index: UInt32, _ arguments: [UInt64]) throws(InterpreterTrap) -> [UInt64] {
        let context = state.context
        if depth >= 200 { throw .trap(.callStackExhausted) }
        depth += 1
        defer { depth -= 1 }
        var (index, arguments) = (index, arguments)
        while true {
            if context.isImported(function: index) { return state.callImport(index, arguments) }
            switch try run(functions[Int(index) - context.importedFunctionCount], arguments) {
            case .results(let results): return results
            case .tailCall(let callee, let values): (index, arguments) = (callee, values)
            }
        }
    }

    private func run(_ function: Function, _ arguments: [UInt64]) throws(InterpreterTrap) -> FunctionEnd {
        var values = [UInt64](repeating: 0xDEAD_DEAD_DEAD_DEAD, count: function.instructions.count)
        for (index, argument) in arguments.enumerated() { values[index] = argument }
        var id = Int(function.blocks[0].parameterCount)
        func list(_ first: UInt32, _ count: UInt32) -> [UInt64] {
            (first..<first + count).map { values[Int(function.lists[Int($0)])] }
        }
        func take(_ index: UInt32) {
            let edge = function.edges[Int(index)]
            let block = function.blocks[Int(edge.target)]
            let arguments = list(edge.firstArgument, edge.argumentCount)
            for (position, argument) in arguments.enumerated()
            where function.instructions[Int(block.first) + position].operation != .nop {
                values[Int(block.first) + position] = argument
            }
            id = Int(block.first + block.parameterCount)
        }
        func setResults(_ results: [UInt64]) {
            for (position, result) in results.enumerated() { values[id + position] = result }
            // Their `result` instructions have been taken care of.
            id += max(results.count, 1)
        }
        while true {
            state.steps -= 1
            if state.steps < 0 { throw .outOfSteps }
            let i = function.instructions[id]
            func value(_ operand: UInt32) -> UInt64 { values[Int(operand)] }
            switch i.operation {
            case .nop, .result: id += 1
            case .parameter: preconditionFailure("a parameter inside a block")
            case .integerConstant, .floatConstant:
                values[id] = i.constantBits
                id += 1
            case .functionReference:
                values[id] = UInt64(i.a) + 1
                id += 1
            case .load:
                values[id] = try state.load(i.memoryAccess, i.type, value(i.a), UInt64(i.b))
                id += 1
            case .store:
                try state.store(i.memoryAccess, value(i.a), UInt64(i.c), value(i.b))
                id += 1
            case .memorySize:
                values[id] = UInt64(state.memory.count / InterpreterState.pageSize)
                id += 1
            case .globalGet:
                values[id] = state.globals[Int(i.a)]
                id += 1
            case .globalSet:
                state.globals[Int(i.b)] = value(i.a)
                id += 1
            case .tableSize:
                values[id] = UInt64(state.tables[Int(i.a)].count)
                id += 1
            case .tableGet:
                values[id] = try state.tableElement(i.b, value(i.a))
                id += 1
            case .tableSet:
                try state.setTableElement(i.c, value(i.a), value(i.b))
                id += 1
            case .fuel:
                values[id] = UInt64(bitPattern: state.fuel)
                id += 1
            case .payFuel, .checkFuel, .settleFuel:
                let left = Int64(bitPattern: value(i.a)) - Int64(i.b)
                values[id] = UInt64(bitPattern: left)
                if i.operation != .payFuel, left < 0 { throw .trap(.outOfFuel) }
                if i.operation == .settleFuel { state.fuel = left }
                id += 1
            case .call: setResults(try call(i.a, list(i.b, i.c)))
            case .callIndirect:
                let table = function.lists[Int(i.a) + 1]
                let callee = try state.callee(table: table, value(function.lists[Int(i.a)]), type: i.d)
                setResults(try call(callee, list(i.a + 2, i.b)))
            case .callRuntime:
                let result = try state.callRuntime(RuntimeFunction(rawValue: i.a)!, list(i.b, i.c))
                values[id] = result
                id += 1
            case .jump: take(i.a)
            case .branch: take(UInt32(truncatingIfNeeded: value(i.a)) != 0 ? i.b : i.c)
            case .branchTable: take(i.b + min(UInt32(truncatingIfNeeded: value(i.a)), i.c - 1))
            case .return: return .results(list(i.a, i.b))
            case .tailCall: return .tailCall(i.a, list(i.b, i.c))
            case .tailCallIndirect:
                let table = function.lists[Int(i.a) + 1]
                let callee = try state.callee(table: table, value(function.lists[Int(i.a)]), type: i.d)
                return .tailCall(callee, list(i.a + 2, i.b))
            case .trap: throw .trap(TrapCode(rawValue: i.flags)!)
            case .tryCall, .tryCallIndirect, .throw:
                preconditionFailure("\(i.operation) is not translated to")
            default:
                let fields = i.operation.valueFieldCount
                let operandType = function.instructions[Int(i.a)].type
                values[id] = try Numerics.apply(
                    i.operation, i.type, operandType: operandType, flags: i.flags, value(i.a),
                    fields > 1 ? value(i.b) : 0, fields > 2 ? value(i.c) : 0)
                id += 1
            }
        }
    }
}
