//! Random programs for the register allocator: structured control flow, every kind of operand, from a seed.

import TestSupport

@testable import Compiler

struct ProgramGenerator {
    var builder = ProgramBuilder()
    var random: SeededGenerator
    let file: RegisterFile
    /// Statements still to be made.
    var budget: Int
    /// How many values in a hundred instructions are of which class.
    let floats: Int
    let vectors: Int
    let calls: Int
    /// Few branches and short-lived values, as in compiled programs, rather than everything at once.
    let isTypical: Bool
    /// Values defined on every path to here.
    var environment: [Value] = []

    init(seed: UInt64, file: RegisterFile, isTypical: Bool = false) {
        random = SeededGenerator(seed: seed)
        self.file = file
        self.isTypical = isTypical
        budget = Int.random(in: isTypical ? 50...800 : 5...120, using: &random)
        floats = [0, 20, 50].randomElement(using: &random)!
        vectors = [0, 0, 15].randomElement(using: &random)!
        calls = [0, 3, 12].randomElement(using: &random)!
    }

    static func program(seed: UInt64, file: RegisterFile, isTypical: Bool = false) -> ProgramBuilder {
        var generator = ProgramGenerator(seed: seed, file: file, isTypical: isTypical)
        for _ in 0..<Int.random(in: 1...(isTypical ? 6 : 20), using: &generator.random) {
            generator.define { .def($0) }
        }
        generator.region(depth: 0, cold: false)
        generator.finish()
        return generator.builder
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func anyClass() -> RegisterClass {
        let roll = Int.random(in: 0..<100, using: &random)
        return roll < floats ? .float : roll < floats + vectors ? .vector : .integer
    }

    /// A value of a class, recent ones more often.
    private mutating func pick(_ registerClass: RegisterClass) -> Value {
        let fitting = environment.filter { builder.classes[Int($0)] == registerClass }
        if fitting.isEmpty || chance(3) {
            let result = builder.constant(registerClass)
            environment.append(result)
            return result
        }
        if isTypical, chance(90) { return fitting.suffix(chance(80) ? 4 : 12).randomElement(using: &random)! }
        if chance(60) { return fitting.suffix(6).randomElement(using: &random)! }
        return fitting.randomElement(using: &random)!
    }

    private mutating func define(_ operand: (Value) -> Operand) {
        let result = builder.value(anyClass())
        builder.emit(operand(result))
        environment.append(result)
    }

    private mutating func constraint() -> Operand.Constraint { chance(30) ? .any : .register }

    // MARK: - Instructions

    private mutating func instruction() {
        let registerClass = anyClass()
        switch Int.random(in: 0..<100, using: &random) {
        case ..<30:
            var operands: [Operand] = []
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                operands.append(.use(pick(anyClass()), constraint()))
            }
            finish(operands) { .def($0) }
        case ..<38:
            let source = pick(registerClass)
            let result = builder.value(registerClass)
            builder.emit([.use(source, constraint()), .def(result)], isCopy: true)
            environment.append(result)
        case ..<55:
            let result = builder.value(registerClass)
            let operands: [Operand] = [.use(pick(registerClass)), .use(pick(anyClass()), constraint())]
            builder.emit(operands + [.def(result, reuse: 0)])
            environment.append(result)
        case ..<62:
            let result = builder.value(.integer)
            let operands: [Operand] = [.use(pick(.integer)), .use(pick(.integer), fixed: 1)]
            builder.emit(operands + [.def(result, reuse: 0)])
            environment.append(result)
        case ..<68:
            // A division: the divisor is in neither of the registers it writes.
            let quotient = builder.value(.integer)
            let remainder = builder.value(.integer)
            let high = builder.value(.integer)
            let operands: [Operand] = [.use(pick(.integer), fixed: 0), .lateUse(pick(.integer), constraint())]
            if chance(50) {
                builder.emit(operands + [.def(quotient, fixed: 0), .def(remainder, fixed: 2)])
            } else {
                let early = Operand(virtualRegister: high, constraint: .fixed, role: .earlyDef, detail: 2)
                builder.emit(operands + [early, .def(quotient, fixed: 0)])
            }
            environment.append(quotient)
        case ..<74:
            let temporary = builder.value(registerClass)
            var operands: [Operand] = [.use(pick(registerClass)), .use(pick(registerClass), constraint())]
            if chance(30) { operands[0] = .lateUse(operands[0].virtualRegister) }
            operands.append(.earlyDef(temporary))
            finish(operands) { .def($0) }
        case ..<78:
            // One value under several constraints.
            let value = pick(.integer)
            var operands: [Operand] = [.use(value), .use(value, fixed: 1)]
            if chance(50) { operands.append(.use(value, fixed: 2)) }
            if chance(30) { operands.append(.lateUse(value, constraint())) }
            if chance(30) { operands.swapAt(0, operands.count - 1) }
            if chance(50) { finish(operands) { .def($0) } } else { builder.emit(operands) }
        case ..<82:
            // An early definition in the place of a use.
            let value = pick(registerClass)
            let result = builder.value(registerClass)
            let tied = Operand(virtualRegister: result, constraint: .reuse, role: .earlyDef, detail: 0)
            builder.emit([.use(value), .use(chance(30) ? value : pick(registerClass)), tied])
            environment.append(result)
        case ..<(82 + calls):
            call()
        default:
            builder.emit([.use(pick(anyClass()), constraint()), .use(pick(anyClass()), constraint())])
        }
    }

    private mutating func finish(_ operands: [Operand], _ definition: (Value) -> Operand) {
        let result = builder.value(anyClass())
        builder.emit(operands + [definition(result)])
        environment.append(result)
    }

    private mutating func call() {
        var integers = [7, 6, 2, 1].filter { file.allocatable >> UInt32($0) & 1 != 0 }
        var floats = [16, 17, 18]
        var operands: [Operand] = []
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            let registerClass = anyClass()
            let value = pick(registerClass)
            if registerClass == .integer, !integers.isEmpty {
                operands.append(.use(value, fixed: integers.removeFirst()))
            } else if registerClass != .integer, !floats.isEmpty {
                operands.append(.use(value, fixed: floats.removeFirst()))
            } else {
                operands.append(.use(value, .any))
            }
        }
        if chance(30) { operands.append(.use(pick(.integer), constraint())) }
        var results: [Value] = []
        if chance(70) {
            let registerClass = anyClass()
            let result = builder.value(registerClass)
            let register = registerClass == .integer ? 0 : 16
            operands.append(.def(result, fixed: register))
            results.append(result)
        }
        builder.emit(operands, clobbers: file.callerSaved)
        environment += results
    }

    // MARK: - Control flow

    private mutating func region(depth: Int, cold: Bool) {
        while budget > 0 {
            budget -= 1
            if isTypical, chance(65) {
                instruction()
                continue
            }
            switch Int.random(in: 0..<100, using: &random) {
            case ..<8: conditional(depth: depth, cold: cold)
            case ..<14: loop(depth: depth, cold: cold)
            case ..<16: multiway(depth: depth, cold: cold)
            case ..<20 where depth > 0: return
            default: instruction()
            }
        }
    }

    /// Ends the current block with a jump that passes one value for each parameter of the target.
    private mutating func jump(_ target: Int) {
        let arguments = builder.blocks[target].parameters.map { parameter in
            pick(builder.classes[Int(parameter)])
        }
        builder.jump(target, arguments)
    }

    private mutating func parameters(of block: Int) {
        let counts = [0, 1, 2, 3, chance(10) && !isTypical ? 30 : 4]
        for _ in 0..<counts.randomElement(using: &random)! {
            environment.append(builder.parameter(of: block, anyClass()))
        }
    }

    private mutating func conditional(depth: Int, cold: Bool) {
        multiway(depth: depth, cold: cold, arms: 2)
    }

    private mutating func multiway(depth: Int, cold: Bool, arms: Int? = nil) {
        let count = arms ?? Int.random(in: 3...8, using: &random)
        let condition = pick(.integer)
        let targets = (0..<count).map { _ in builder.block(cold: cold || chance(20), depth: depth) }
        builder.emit([.use(condition, constraint())])
        builder.blocks[builder.current].successors = targets
        let outer = environment
        let join = builder.block(cold: cold, depth: depth)
        parameters(of: join)
        let after = environment
        var reaches = false
        for (index, target) in targets.enumerated() {
            builder.current = target
            environment = outer
            let isCold = builder.blocks[target].isCold
            if chance(60) { region(depth: depth + 1, cold: isCold) }
            if chance(10), reaches || index < count - 1 {
                finish()
            } else {
                jump(join)
                reaches = true
            }
        }
        environment = after
        builder.current = join
    }

    private mutating func loop(depth: Int, cold: Bool) {
        let header = builder.block(cold: cold, depth: depth + 1, header: true)
        let outer = environment
        parameters(of: header)
        let inside = environment
        environment = outer
        jump(header)
        environment = inside
        builder.current = header
        for _ in 0..<Int.random(in: 0...4, using: &random) { instruction() }
        let exit = builder.block(cold: cold, depth: depth)
        // Leave early through a block of its own, so that the exit has several predecessors.
        if chance(40) {
            split(depth: depth + 1, cold: cold) { $0.jump(exit) }
        }
        let atExit = environment
        region(depth: depth + 1, cold: cold)
        if chance(30) {
            split(depth: depth + 1, cold: cold || chance(30)) { $0.jump(header) }
        }
        let again = builder.block(cold: cold, depth: depth + 1)
        let leave = builder.block(cold: cold, depth: depth)
        builder.emit([.use(pick(.integer))])
        builder.blocks[builder.current].successors = chance(50) ? [again, leave] : [leave, again]
        let atEnd = environment
        builder.current = again
        jump(header)
        builder.current = leave
        environment = atEnd
        builder.jump(exit, [])
        environment = atExit
        builder.current = exit
    }

    /// Branches to a block that goes elsewhere and goes on in another.
    private mutating func split(depth: Int, cold: Bool, _ away: (inout ProgramGenerator) -> Void) {
        let first = builder.block(cold: cold, depth: depth)
        let second = builder.block(cold: builder.blocks[builder.current].isCold, depth: depth)
        let condition = pick(.integer)
        builder.emit([.use(condition)])
        builder.blocks[builder.current].successors = chance(50) ? [first, second] : [second, first]
        let outer = environment
        builder.current = first
        away(&self)
        environment = outer
        builder.current = second
    }

    private mutating func finish() {
        var operands: [Operand] = [.use(pick(.integer), fixed: 0)]
        if chance(50) { operands.append(.use(pick(.float), fixed: 16)) }
        if chance(20) { operands.append(.use(pick(anyClass()), .any)) }
        builder.emit(operands)
    }
}
