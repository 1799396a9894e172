//! Generates valid modules at random: typed expressions and statements with every kind of control flow. Programs end: each
//! loop round takes from a fuel global, and functions call only those defined before them.

import TestSupport
import WasmModule

struct RandomProgram {
    private var random: SeededGenerator
    private var code = CodeBuilder()
    private var locals: [ValueType] = []
    /// Types that a branch to each open label passes, innermost last.
    private var labels: [[ValueType]] = []
    private var functions: [FunctionType] = []
    private var blockTypes: [(index: UInt32, type: FunctionType)] = []
    private var budget = 0

    private static let types: [ValueType] = [.i32, .i32, .i32, .i64, .i64, .f32, .f64]
    private static let fuel: UInt32 = 0

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private mutating func type() -> ValueType { random.pick(Self.types) }
    private mutating func types(upTo count: Int) -> [ValueType] { (0..<random.below(count + 1)).map { _ in type() } }

    /// A module with `count` functions behind one import; the fuel is global 0.
    mutating func module(functionCount count: Int) -> [UInt8] {
        var builder = WasmBuilder()
        builder.importFunction("env", "import", [.i32, .i64], [.i32])
        functions = [FunctionType(parameters: [.i32, .i64], results: [.i32])]
        builder.memory(1, max: 3)
        builder.global(.i32, mutable: true) { $0.i32Const(40) }
        for value in [ValueType.i32, .i64, .f32, .f64] {
            builder.global(value, mutable: true) { code in
                switch value {
                case .i32: code.i32Const(-7)
                case .i64: code.i64Const(1 << 40)
                case .f32: code.f32Const(1.5)
                default: code.f64Const(-2.25)
                }
            }
        }
        builder.table(.funcref, 6, max: 9)
        for _ in 0..<6 {
            let type = FunctionType(parameters: types(upTo: 2), results: types(upTo: 3))
            blockTypes.append((builder.type(type.parameters, type.results), type))
        }
        for _ in 0..<count {
            let type = FunctionType(parameters: types(upTo: 4), results: types(upTo: 2))
            locals = type.parameters + (0..<random.below(7)).map { _ in self.type() }
            code = CodeBuilder()
            labels = [type.results]
            budget = 120
            for _ in 0..<1 + random.below(6) { statement(depth: 0) }
            values(type.results, depth: 1)
            let body = code.bytes
            builder.function(nil, type.parameters, type.results, locals: Array(locals.dropFirst(type.parameters.count)))
            {
                $0.append(body)
            }
            functions.append(type)
        }
        builder.element(at: 1, functions: (0..<UInt32(min(functions.count, 4))).map { $0 })
        return builder.build()
    }

    // MARK: Statements

    private mutating func statement(depth: Int) {
        budget -= 1
        if budget < 0 || depth > 5 {
            _ = code.nop()
            return
        }
        switch random.below(20) {
        case 0...4:
            if let local = anyLocal(nil) {
                expression(locals[Int(local)], depth: 0)
                if random.oneIn(4) { code.localTee(local).drop() } else { code.localSet(local) }
            }
        case 5...6:
            let value = random.pick([ValueType.i32, .i64, .f32, .f64])
            address()
            expression(value, depth: 1)
            store(value)
        case 7:
            let global = random.below(4)
            expression([ValueType.i32, .i64, .f32, .f64][global], depth: 1)
            code.globalSet(UInt32(global + 1))
        case 8...9: block(depth: depth)
        case 10...11: ifElse(depth: depth)
        case 12...13: loop(depth: depth)
        case 14:
            let label = random.below(labels.count)
            values(labels[labels.count - 1 - label], depth: 2)
            expression(.i32, depth: 1)
            code.brIf(UInt32(label))
            for _ in labels[labels.count - 1 - label] { code.drop() }
        case 15:
            // In a block of its own, or all that follows would be dead.
            code.block()
            labels.append([])
            jump()
            for _ in 0..<random.below(2) { statement(depth: depth + 1) }
            labels.removeLast()
            code.end()
        case 16:
            let callee = random.below(functions.count)
            values(functions[callee].parameters, depth: 2)
            code.call(UInt32(callee))
            for _ in functions[callee].results { code.drop() }
        case 17:
            if random.oneIn(2) {
                let type = random.pick(blockTypes)
                values(type.type.parameters, depth: 2)
                expression(.i32, depth: 2)
                code.i32Const(7).i32And().callIndirect(type: type.index)
                for _ in type.type.results { code.drop() }
            } else {
                expression(type(), depth: 0)
                code.drop()
            }
        case 18:
            address()
            address()
            code.i32Const(Int32(random.below(40)))
            if random.oneIn(2) { code.memoryCopy() } else { code.memoryFill() }
        default:
            expression(.i32, depth: 1)
            code.i32Const(random.oneIn(3) ? 1 : 255).i32And().i32Eqz().if().unreachable().end()
        }
    }

    private mutating func jump() {
        let tails = functions.indices.filter { functions[$0].results == labels[0] }
        if !tails.isEmpty, random.oneIn(4) {
            let callee = random.pick(Array(tails))
            values(functions[callee].parameters, depth: 1)
            code.returnCall(UInt32(callee))
            return
        }
        switch random.below(5) {
        case 0:
            values(labels[0], depth: 2)
            code.return()
        case 1...2:
            // Labels of equal types, with repetitions.
            let first = labels[labels.count - 1 - random.below(labels.count)]
            let candidates = (0..<labels.count).filter { labels[labels.count - 1 - $0] == first }
            values(first, depth: 2)
            expression(.i32, depth: 1)
            code.i32Const(random.oneIn(4) ? -1 : 7).i32And()
            let targets = (0..<random.below(6)).map { _ in UInt32(random.pick(candidates)) }
            code.brTable(targets, default: UInt32(random.pick(candidates)))
        default:
            let label = random.below(labels.count)
            values(labels[labels.count - 1 - label], depth: 2)
            code.br(UInt32(label))
        }
    }

    private mutating func blockType() -> (BlockType, FunctionType) {
        switch random.below(3) {
        case 0: return (.empty, FunctionType())
        case 1:
            let value = type()
            return (.value(value), FunctionType(results: [value]))
        default:
            let type = random.pick(blockTypes)
            return (.function(typeIndex: type.index), type.type)
        }
    }

    /// The inside of a construct: takes its parameters from the stack and leaves its results.
    private mutating func inside(_ type: FunctionType, label: [ValueType], depth: Int) {
        labels.append(label)
        for parameter in type.parameters.reversed() {
            if let local = anyLocal(parameter), random.oneIn(2) { code.localSet(local) } else { code.drop() }
        }
        for _ in 0..<random.below(4) { statement(depth: depth + 1) }
        if random.oneIn(12) { jump() }
        values(type.results, depth: 1)
        labels.removeLast()
    }

    private mutating func block(depth: Int) {
        let (type, function) = blockType()
        values(function.parameters, depth: 1)
        code.block(type)
        inside(function, label: function.results, depth: depth)
        code.end()
        for _ in function.results { code.drop() }
    }

    private mutating func ifElse(depth: Int) {
        let (type, function) = blockType()
        values(function.parameters, depth: 1)
        expression(.i32, depth: 1)
        code.if(type)
        inside(function, label: function.results, depth: depth)
        if function.parameters != function.results || random.oneIn(2) {
            code.else()
            inside(function, label: function.results, depth: depth)
        }
        code.end()
        for _ in function.results {
            if let local = anyLocal(nil), locals[Int(local)] == function.results.last, function.results.count == 1 {
                code.localTee(local)
            }
            code.drop()
        }
    }

    private mutating func loop(depth: Int) {
        let (type, function) = blockType()
        values(function.parameters, depth: 1)
        code.loop(type)
        code.globalGet(Self.fuel).i32Eqz().if().unreachable().end()
        code.globalGet(Self.fuel).i32Const(1).i32Sub().globalSet(Self.fuel)
        inside(function, label: function.parameters, depth: depth)
        code.end()
        for _ in function.results { code.drop() }
    }

    // MARK: Expressions

    private mutating func values(_ types: [ValueType], depth: Int) {
        for type in types { expression(type, depth: depth) }
    }

    private mutating func anyLocal(_ type: ValueType?) -> UInt32? {
        let candidates = locals.indices.filter { type == nil || locals[$0] == type }
        return candidates.isEmpty ? nil : UInt32(random.pick(candidates))
    }

    private mutating func address() {
        expression(.i32, depth: 2)
        code.i32Const(random.oneIn(30) ? -1 : 0xFFF).i32And()
        if random.oneIn(3) { code.i32Const(random.oneIn(20) ? -100 : Int32(random.below(200))).i32Add() }
    }

    private mutating func expression(_ type: ValueType, depth: Int) {
        budget -= 1
        if depth > 4 || budget < -100 || random.oneIn(4) { return leaf(type) }
        let isInteger = type == .i32 || type == .i64
        switch random.below(12) {
        case 0...4:
            if isInteger, random.oneIn(5) {
                // A constant operand is what most rules of simplification look for.
                expression(type, depth: depth + 1)
                constant(type)
            } else {
                expression(type, depth: depth + 1)
                expression(type, depth: depth + 1)
            }
            switch type {
            case .i32: code.op(Opcode(rawValue: UInt8(0x6A + random.below(15)))!)
            case .i64: code.op(Opcode(rawValue: UInt8(0x7C + random.below(15)))!)
            case .f32: code.op(Opcode(rawValue: UInt8(0x92 + random.below(7)))!)
            default: code.op(Opcode(rawValue: UInt8(0xA0 + random.below(7)))!)
            }
        case 5:
            expression(type, depth: depth + 1)
            switch type {
            case .i32: code.op(random.pick([.i32Clz, .i32Ctz, .i32Popcnt, .i32Extend8S, .i32Extend16S, .i32Eqz]))
            case .i64: code.op(random.pick([.i64Clz, .i64Ctz, .i64Popcnt, .i64Extend8S, .i64Extend16S, .i64Extend32S]))
            case .f32: code.op(Opcode(rawValue: UInt8(0x8B + random.below(7)))!)
            default: code.op(Opcode(rawValue: UInt8(0x99 + random.below(7)))!)
            }
        case 6: conversion(to: type, depth: depth)
        case 7:
            expression(type, depth: depth + 1)
            expression(type, depth: depth + 1)
            expression(.i32, depth: depth + 1)
            if random.oneIn(2) { code.select() } else { code.select([type]) }
        case 8:
            address()
            load(type)
        case 9 where type == .i32: comparison(depth: depth)
        case 9...10:
            code.block(.value(type))
            labels.append([type])
            expression(type, depth: depth + 1)
            expression(.i32, depth: depth + 1)
            code.brIf(0)
            if random.oneIn(2) {
                code.drop()
                expression(type, depth: depth + 1)
            }
            labels.removeLast()
            code.end()
        default:
            expression(.i32, depth: depth + 1)
            code.if(.value(type))
            labels.append([type])
            expression(type, depth: depth + 1)
            code.else()
            expression(type, depth: depth + 1)
            labels.removeLast()
            code.end()
        }
    }

    private mutating func leaf(_ type: ValueType) {
        if random.oneIn(3) { return constant(type) }
        if random.oneIn(5) {
            code.globalGet(type == .i32 ? 1 : type == .i64 ? 2 : type == .f32 ? 3 : 4)
            return
        }
        if let local = anyLocal(type) { code.localGet(local) } else { constant(type) }
    }

    private mutating func constant(_ type: ValueType) {
        let small: [Int64] = [0, 0, 1, 1, -1, 2, 3, 4, 7, 8, 16, 24, 31, 32, 48, 63, 64, 127, 128, 255, 256, 65_535]
        let large: [Int64] = [
            0xFFFF_FFFF, 0x8000_0000, -0x8000_0000, .max, .min, 0x7FFF_FFFF, 0x1_0000_0000, 0xFFFF_0000,
        ]
        switch type {
        case .i32: code.i32Const(Int32(truncatingIfNeeded: random.oneIn(3) ? random.pick(large) : random.pick(small)))
        case .i64: code.i64Const(random.oneIn(3) ? random.pick(large) : random.pick(small))
        case .f32: code.f32Const(random.pick([0, -0.0, 1, -1.5, 3e9, -3e9, .infinity, 2e19, .leastNonzeroMagnitude]))
        default: code.f64Const(random.pick([0, -0.0, 1, -1.5, 3e9, -3e9, .infinity, 2e19, .leastNonzeroMagnitude]))
        }
    }

    private mutating func comparison(depth: Int) {
        let type = type()
        expression(type, depth: depth + 1)
        if random.oneIn(2) && (type == .i32 || type == .i64) {
            constant(type)
        } else {
            expression(type, depth: depth + 1)
        }
        switch type {
        case .i32: code.op(Opcode(rawValue: UInt8(0x46 + random.below(10)))!)
        case .i64: code.op(Opcode(rawValue: UInt8(0x51 + random.below(10)))!)
        case .f32: code.op(Opcode(rawValue: UInt8(0x5B + random.below(6)))!)
        default: code.op(Opcode(rawValue: UInt8(0x61 + random.below(6)))!)
        }
        if random.oneIn(3) { code.i32Eqz() }
        if random.oneIn(6) {
            code.i32Const(random.oneIn(2) ? 0 : 1).op(random.pick([.i32Eq, .i32Ne, .i32Xor, .i32And]))
        }
    }

    private mutating func conversion(to type: ValueType, depth: Int) {
        let choices: [(ValueType, Opcode)] =
            switch type {
            case .i32:
                [
                    (.i64, .i32WrapI64), (.i64, .i32WrapI64), (.i64, .i64Eqz), (.f32, .i32ReinterpretF32),
                    (.f32, .i32TruncF32S), (.f64, .i32TruncF64U),
                ]
            case .i64:
                [
                    (.i32, .i64ExtendI32S), (.i32, .i64ExtendI32U), (.i32, .i64ExtendI32U), (.f64, .i64ReinterpretF64),
                    (.f64, .i64TruncF64S),
                ]
            case .f32:
                [(.i32, .f32ConvertI32S), (.i64, .f32ConvertI64U), (.f64, .f32DemoteF64), (.i32, .f32ReinterpretI32)]
            default:
                [(.i32, .f64ConvertI32U), (.i64, .f64ConvertI64S), (.f32, .f64PromoteF32), (.i64, .f64ReinterpretI64)]
            }
        let (source, opcode) = random.pick(choices)
        expression(source, depth: depth + 1)
        if type == .i32 || type == .i64, source == .f32 || source == .f64, random.oneIn(2) {
            // The saturating forms begin with i32 ← f32 signed, unsigned, i32 ← f64, then i64.
            let base: UInt32 = (type == .i64 ? 4 : 0) + (source == .f64 ? 2 : 0)
            code.op(PrefixedOpcodeFC(rawValue: base + UInt32(random.below(2)))!)
        } else {
            code.op(opcode)
        }
    }

    private mutating func load(_ type: ValueType) {
        let offset = UInt32(random.below(64))
        switch type {
        case .i32:
            switch random.below(5) {
            case 0: code.i32Load8S(offset: offset)
            case 1: code.i32Load8U(offset: offset)
            case 2: code.i32Load16S(offset: offset)
            case 3: code.i32Load16U(offset: offset)
            default: code.i32Load(offset: offset)
            }
        case .i64:
            switch random.below(5) {
            case 0: code.i64Load8S(offset: offset)
            case 1: code.i64Load16U(offset: offset)
            case 2: code.i64Load32S(offset: offset)
            case 3: code.i64Load32U(offset: offset)
            default: code.i64Load(offset: offset)
            }
        case .f32: code.f32Load(offset: offset)
        default: code.f64Load(offset: offset)
        }
    }

    private mutating func store(_ type: ValueType) {
        let offset = UInt32(random.below(64))
        switch type {
        case .i32:
            switch random.below(3) {
            case 0: code.i32Store8(offset: offset)
            case 1: code.i32Store16(offset: offset)
            default: code.i32Store(offset: offset)
            }
        case .i64:
            switch random.below(4) {
            case 0: code.i64Store8(offset: offset)
            case 1: code.i64Store16(offset: offset)
            case 2: code.i64Store32(offset: offset)
            default: code.i64Store(offset: offset)
            }
        case .f32: code.f32Store(offset: offset)
        default: code.f64Store(offset: offset)
        }
    }
}
