//! Random programs of vectors: many of them alive at once, across branches, loops and calls, mixed with scalars. A program is a
//! tree that is both written as WebAssembly and evaluated with the plain reference.
//!
//! Which NaN comes out of an operation on floats is left open, so each is followed by one that makes NaNs zero.

import TestSupport
import WasmModule

struct VectorProgram {
    indirect enum Expression {
        case local(Int)
        case constant(ValueType, V128)
        case operation(VectorOpcode, [Expression], lane: UInt8, lanes: [UInt8])
        /// From memory at a constant address; the operand of a load of one lane.
        case load(VectorOpcode, address: UInt32, lane: UInt8, Expression?)
        case call(Int, [Expression], isIndirect: Bool)
        case select(Expression, Expression, condition: Expression)
        case global(Int)
    }
    indirect enum Statement {
        case set(Int, Expression)
        case setGlobal(Int, Expression)
        case store(VectorOpcode, address: UInt32, lane: UInt8, Expression)
        case branch(Expression, [Statement], [Statement])
        /// So often, counted in a local of its own.
        case loop(Int, counter: Int, [Statement])
    }
    struct Function {
        var parameters: [ValueType]
        var locals: [ValueType]
        var body: [Statement]
        var results: [Expression]
        var resultTypes: [ValueType]
    }

    private(set) var functions: [Function] = []
    private(set) var globals: [(type: ValueType, initial: V128)] = []
    private var random: SeededGenerator
    private static let memoryBytes = 256

    // MARK: Making

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        for _ in 0..<3 {
            let type = random.pick([ValueType.v128, .v128, .i64, .f32])
            globals.append((type, Self.withoutNaN(VectorReference.interesting(type, &random), type)))
        }
        for _ in 0..<2 + random.below(3) { functions.append(function()) }
    }

    /// A NaN that a program begins with would be observable.
    private static func withoutNaN(_ value: V128, _ type: ValueType) -> V128 {
        switch type {
        case .f32: Float(bitPattern: UInt32(truncatingIfNeeded: value.low)).isNaN ? V128() : value
        case .f64: Double(bitPattern: value.low).isNaN ? V128() : value
        default: value
        }
    }

    private mutating func types(_ count: Int) -> [ValueType] {
        (0..<count).map { _ in random.pick([.v128, .v128, .v128, .v128, .i32, .i64, .f32, .f64]) }
    }

    private mutating func function() -> Function {
        let parameters = types(random.below(14))
        let locals = types(4 + random.below(30)) + [.v128, .i32, .i64, .f32, .f64]
        var scope = Scope(types: parameters + locals)
        var body: [Statement] = []
        for _ in 0..<6 + random.below(25) { body.append(statement(&scope, depth: 0)) }
        let resultTypes = types(1 + (random.oneIn(3) ? random.below(12) : 0))
        var results: [Expression] = []
        for type in resultTypes { results.append(expression(type, scope, depth: 2)) }
        return Function(
            parameters: parameters, locals: Array(scope.types.dropFirst(parameters.count)), body: body,
            results: results,
            resultTypes: resultTypes)
    }

    private struct Scope {
        var types: [ValueType]
        /// Counters of loops, which are only counted down.
        var counters: Set<Int> = []

        func locals(of type: ValueType) -> [Int] {
            types.indices.filter { types[$0] == type && !counters.contains($0) }
        }
    }

    private mutating func statement(_ scope: inout Scope, depth: Int) -> Statement {
        switch random.below(depth < 3 ? 12 : 9) {
        case 9:
            let condition = expression(.i32, scope, depth: 2)
            var arms: [[Statement]] = [[], []]
            for arm in 0..<2 {
                for _ in 0..<random.below(5) { arms[arm].append(statement(&scope, depth: depth + 1)) }
            }
            return .branch(condition, arms[0], arms[1])
        case 10:
            scope.types.append(.i32)
            let counter = scope.types.count - 1
            scope.counters.insert(counter)
            var body: [Statement] = []
            for _ in 0..<1 + random.below(5) { body.append(statement(&scope, depth: depth + 1)) }
            return .loop(1 + random.below(3), counter: counter, body)
        case 7:
            let opcode = random.pick([
                VectorOpcode.v128Store, .v128Store8Lane, .v128Store16Lane, .v128Store32Lane, .v128Store64Lane,
            ])
            let value = expression(.v128, scope, depth: 2)
            return .store(opcode, address: address(opcode), lane: lane(opcode), value)
        case 8:
            let global = random.below(globals.count)
            return .setGlobal(global, expression(globals[global].type, scope, depth: 2))
        default:
            let type = random.pick([ValueType.v128, .v128, .v128, .i32, .i64, .f32, .f64])
            return .set(random.pick(scope.locals(of: type)), expression(type, scope, depth: 4))
        }
    }

    private mutating func address(_ opcode: VectorOpcode) -> UInt32 {
        UInt32(random.below(Self.memoryBytes - Int(VectorSignature(opcode).accessBytes)))
    }

    private mutating func lane(_ opcode: VectorOpcode) -> UInt8 {
        let limit = VectorSignature(opcode).laneLimit
        return limit == 0 ? 0 : UInt8(random.below(Int(limit)))
    }

    /// Instructions without memory, by the type of their result.
    private static let operations: [ValueType: [VectorOpcode]] = Dictionary(
        grouping: VectorOpcode.allCases.filter {
            let immediates = VectorSignature($0).immediates
            return immediates == .none || immediates == .lane || immediates == .shuffle
        }, by: { VectorSignature($0).result! })
    private static let loads = VectorOpcode.allCases.filter {
        let signature = VectorSignature($0)
        return (signature.immediates == .memory || signature.immediates == .memoryAndLane) && signature.result != nil
    }

    private mutating func expression(_ type: ValueType, _ scope: Scope, depth: Int) -> Expression {
        if depth <= 0 || random.oneIn(4) {
            if random.oneIn(8) {
                return .constant(type, Self.withoutNaN(VectorReference.interesting(type, &random), type))
            }
            return .local(random.pick(scope.locals(of: type)))
        }
        switch random.below(20) {
        case 0:
            let candidates = functions.indices.filter { functions[$0].resultTypes == [type] }
            if let callee = candidates.randomElement(using: &random), depth >= 3 {
                var arguments: [Expression] = []
                for parameter in functions[callee].parameters {
                    arguments.append(expression(parameter, scope, depth: depth - 2))
                }
                return .call(callee, arguments, isIndirect: random.oneIn(2))
            }
        case 1:
            let first = expression(type, scope, depth: depth - 1)
            let second = expression(type, scope, depth: depth - 1)
            return .select(first, second, condition: expression(.i32, scope, depth: depth - 1))
        case 2:
            let candidates = globals.indices.filter { globals[$0].type == type }
            if let global = candidates.randomElement(using: &random) { return .global(global) }
        case 3...5 where type == .v128:
            let opcode = random.pick(Self.loads)
            let operand = VectorSignature(opcode).operandCount == 2 ? expression(.v128, scope, depth: depth - 1) : nil
            return .load(opcode, address: address(opcode), lane: lane(opcode), operand)
        default: break
        }
        guard let opcodes = Self.operations[type] else { return .local(random.pick(scope.locals(of: type))) }
        let opcode = random.pick(opcodes)
        let signature = VectorSignature(opcode)
        var operands: [Expression] = []
        for index in 0..<Int(signature.operandCount) {
            operands.append(expression(signature.operand(index), scope, depth: depth - 1))
        }
        var lanes: [UInt8] = []
        if opcode == .i8x16Shuffle {
            let base = random.below(32)
            lanes = (0..<16).map { UInt8(random.oneIn(3) ? random.below(32) : ($0 + base) & 31) }
        }
        return .operation(opcode, operands, lane: lane(opcode), lanes: lanes)
    }

    // MARK: Writing

    var bytes: [UInt8] {
        var module = WasmBuilder()
        module.memory(1, export: "memory")
        module.data(at: 0, (0..<Self.memoryBytes).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) })
        for global in globals {
            module.global(global.type, mutable: true) { Self.constant(global.type, global.initial, $0) }
        }
        module.table(.funcref, UInt32(functions.count))
        module.element(at: 0, functions: functions.indices.map { UInt32($0) })
        let types = functions.map { module.type($0.parameters, $0.resultTypes) }
        for (index, function) in functions.enumerated() {
            module.function("f\(index)", function.parameters, function.resultTypes, locals: function.locals + [.v128]) {
                let scratch = UInt32(function.parameters.count + function.locals.count)
                for statement in function.body { write(statement, scratch, types, $0) }
                for result in function.results { write(result, scratch, types, $0) }
            }
        }
        return module.build()
    }

    private static func constant(_ type: ValueType, _ value: V128, _ code: CodeBuilder) {
        if type == .v128 { code.v128Const(value) } else { code.const(type, bits: value.low) }
    }

    private func write(_ statement: Statement, _ scratch: UInt32, _ types: [UInt32], _ code: CodeBuilder) {
        switch statement {
        case .set(let local, let value):
            write(value, scratch, types, code)
            code.localSet(UInt32(local))
        case .setGlobal(let global, let value):
            write(value, scratch, types, code)
            code.globalSet(UInt32(global))
        case .store(let opcode, let address, let lane, let value):
            code.i32Const(0)
            write(value, scratch, types, code)
            code.op(opcode, offset: address, lane: opcode == .v128Store ? nil : lane)
        case .branch(let condition, let first, let second):
            write(condition, scratch, types, code)
            code.if(.empty)
            for statement in first { write(statement, scratch, types, code) }
            code.else()
            for statement in second { write(statement, scratch, types, code) }
            code.end()
        case .loop(let count, let counter, let body):
            code.i32Const(Int32(count)).localSet(UInt32(counter)).loop(.empty)
            for statement in body { write(statement, scratch, types, code) }
            code.localGet(UInt32(counter)).i32Const(1).i32Sub().localTee(UInt32(counter)).brIf(0).end()
        }
    }

    private func write(_ expression: Expression, _ scratch: UInt32, _ types: [UInt32], _ code: CodeBuilder) {
        switch expression {
        case .local(let local): code.localGet(UInt32(local))
        case .constant(let type, let value): Self.constant(type, value, code)
        case .global(let global): code.globalGet(UInt32(global))
        case .operation(let opcode, let operands, let lane, let lanes):
            for operand in operands { write(operand, scratch, types, code) }
            code.op(opcode)
            if VectorSignature(opcode).immediates == .lane { code.raw(lane) }
            code.append(lanes)
            if let bits = VectorReference.floatBits(ofResult: opcode) {
                code.localTee(scratch).localGet(scratch).localGet(scratch)
                code.op(bits == 32 ? .f32x4Eq : .f64x2Eq).op(.v128And)
            }
        // A lane as a float may be a NaN, which is not touched on the way.
        case .load(let opcode, let address, let lane, let operand):
            code.i32Const(0)
            if let operand { write(operand, scratch, types, code) }
            code.op(opcode, offset: address, lane: operand == nil ? nil : lane)
        case .call(let callee, let arguments, let isIndirect):
            for argument in arguments { write(argument, scratch, types, code) }
            if isIndirect {
                code.i32Const(Int32(callee))
                code.callIndirect(type: types[callee])
            } else {
                code.call(UInt32(callee))
            }
        case .select(let first, let second, let condition):
            write(first, scratch, types, code)
            write(second, scratch, types, code)
            write(condition, scratch, types, code)
            code.select()
        }
    }

    // MARK: Evaluating

    struct State {
        var memory: [UInt8]
        var globals: [V128]
    }

    var initialState: State {
        State(
            memory: (0..<Self.memoryBytes).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) },
            globals: globals.map(\.initial))
    }

    func call(_ index: Int, _ arguments: [V128], _ state: inout State) -> [V128] {
        let function = functions[index]
        var locals = arguments + [V128](repeating: V128(), count: function.locals.count)
        for statement in function.body { run(statement, &locals, &state) }
        return function.results.map { value($0, &locals, &state) }
    }

    private func run(_ statement: Statement, _ locals: inout [V128], _ state: inout State) {
        switch statement {
        case .set(let local, let expression): locals[local] = value(expression, &locals, &state)
        case .setGlobal(let global, let expression): state.globals[global] = value(expression, &locals, &state)
        case .store(let opcode, let address, let lane, let expression):
            let bytes = VectorReference.stored(opcode, value(expression, &locals, &state), lane: Int(lane))
            state.memory.replaceSubrange(Int(address)..<Int(address) + bytes.count, with: bytes)
        case .branch(let condition, let first, let second):
            let isTaken = value(condition, &locals, &state).low != 0
            for statement in isTaken ? first : second { run(statement, &locals, &state) }
        case .loop(let count, let counter, let body):
            for _ in 0..<count {
                for statement in body { run(statement, &locals, &state) }
            }
            locals[counter] = V128()
        }
    }

    private func value(_ expression: Expression, _ locals: inout [V128], _ state: inout State) -> V128 {
        switch expression {
        case .local(let local): return locals[local]
        case .constant(_, let value): return value
        case .global(let global): return state.globals[global]
        case .operation(let opcode, let operands, let lane, let lanes):
            var values: [V128] = []
            for operand in operands { values.append(value(operand, &locals, &state)) }
            let result = VectorReference.apply(opcode, values, lane: Int(lane), lanes: lanes)
            guard let bits = VectorReference.floatBits(ofResult: opcode) else { return result }
            let isNumber = VectorReference.apply(bits == 32 ? .f32x4Eq : .f64x2Eq, [result, result])
            return VectorReference.apply(.v128And, [result, isNumber])
        case .load(let opcode, let address, let lane, let operand):
            // The operand comes after the address and before the access.
            let vector = operand.map { value($0, &locals, &state) } ?? V128()
            let width = Int(VectorSignature(opcode).accessBytes)
            return VectorReference.load(
                opcode, Array(state.memory[Int(address)..<Int(address) + width]), lane: Int(lane), into: vector)
        case .call(let callee, let arguments, _):
            var values: [V128] = []
            for argument in arguments { values.append(value(argument, &locals, &state)) }
            return call(callee, values, &state)[0]
        case .select(let first, let second, let condition):
            let (left, right) = (value(first, &locals, &state), value(second, &locals, &state))
            return value(condition, &locals, &state).low != 0 ? left : right
        }
    }
}
