//! Runs WebAssembly code as the specification describes it: an operand stack and labels, straight from the bytes. It
//! knows nothing of the IR and is what translated code is compared with.

import WasmModule

@testable import Compiler

final class StackInterpreter {
    /// A body and where its constructs end.
    private struct Body {
        var bytes: [UInt8]
        var localTypes: [IRType]
        var codeStart: Int
        /// By the position after a construct's opcode: behind its `else` (or 0) and behind its `end`.
        var ends: [Int: (afterElse: Int, afterEnd: Int)]
    }

    private struct Label {
        var arity: Int
        var height: Int
        /// Where a branch continues.
        var target: Int
        var isLoop: Bool
    }

    let state: InterpreterState
    private var bodies: [Body] = []
    private var depth = 0
    /// Units of fuel that the operators executed so far cost.
    private(set) var consumedFuel = 0
    private let shapes: [OperatorShape]
    private let vectors = VectorSignature.makeTable()

    init(state: InterpreterState) {
        self.state = state
        let table = OperatorShape.makeTable()
        shapes = Array(UnsafeBufferPointer(start: table, count: 256))
        table.deallocate()
        let context = state.context
        for index in 0..<context.bodyCount {
            bodies.append(scan(Array(context.module.bytes[context.range(ofBody: index)])))
        }
    }

    deinit { vectors.deallocate() }

    private func scan(_ bytes: [UInt8]) -> Body {
        bytes.withUnsafeBufferPointer { buffer in
            var reader = OperatorReader(start: buffer.baseAddress!, end: buffer.baseAddress! + buffer.count)
            var types: [IRType] = []
            for _ in 0..<reader.readLocalRunCount() {
                let run = reader.readLocalRun()
                types += Array(repeating: IRType(run.type), count: Int(run.count))
            }
            let codeStart = reader.position
            var open: [(start: Int, afterElse: Int)] = []
            var ends: [Int: (afterElse: Int, afterEnd: Int)] = [:]
            while !reader.atEnd {
                let kind = shapes[Int(reader.readByte())].kind
                let position = reader.position
                reader.skipImmediates(of: kind, vectors: vectors)
                switch kind {
                case .block, .loop, .if: open.append((position, 0))
                case .else: open[open.count - 1].afterElse = position
                case .end:
                    if let closed = open.popLast() { ends[closed.start] = (closed.afterElse, position) }
                default: break
                }
            }
            return Body(bytes: bytes, localTypes: types, codeStart: codeStart, ends: ends)
        }
    }

    func call(_ index: UInt32, _ arguments: [UInt64]) throws(InterpreterTrap) -> [UInt64] {
        let context = state.context
        if depth >= 200 { throw .trap(.callStackExhausted) }
        depth += 1
        defer { depth -= 1 }
        var (index, arguments) = (index, arguments)
        while true {
            if context.isImported(function: index) { return state.callImport(index, arguments) }
            let body = bodies[Int(index) - context.importedFunctionCount]
            let resultCount = context.resultCount(ofType: context.type(ofFunction: index))
            let result = body.bytes.withUnsafeBufferPointer { buffer in
                Result { () throws(InterpreterTrap) in
                    try run(
                        body, OperatorReader(start: buffer.baseAddress!, end: buffer.baseAddress! + buffer.count),
                        arguments,
                        resultCount)
                }
            }
            switch try result.get() {
            case .results(let results): return results
            case .tailCall(let callee, let values): (index, arguments) = (callee, values)
            }
        }
    }

    private func run(
        _ body: Body, _ code: OperatorReader, _ arguments: [UInt64], _ resultCount: Int
    ) throws(InterpreterTrap) -> FunctionEnd {
        let context = state.context
        var reader = code
        reader.seek(to: body.codeStart)
        var locals = arguments + Array(repeating: 0, count: body.localTypes.count)
        var stack: [UInt64] = []
        /// The type of each value on the stack, which comparisons and conversions do not say.
        var labels = [Label(arity: resultCount, height: 0, target: body.bytes.count, isLoop: false)]

        func branch(_ depth: Int) {
            let index = labels.count - 1 - depth
            let label = labels[index]
            let values = stack.suffix(label.arity)
            stack = Array(stack.prefix(label.height)) + values
            reader.seek(to: label.target)
            labels.removeSubrange((label.isLoop ? index + 1 : index)...)
        }
        func arity(_ type: BlockType) -> (parameters: Int, results: Int) {
            switch type {
            case .empty: (0, 0)
            case .value: (0, 1)
            case .function(let index): (context.parameterCount(ofType: index), context.resultCount(ofType: index))
            }
        }
        func popLast(_ count: Int) -> [UInt64] {
            let values = Array(stack.suffix(count))
            stack.removeLast(count)
            return values
        }

        while !labels.isEmpty && !reader.atEnd {
            state.steps -= 1
            if state.steps < 0 { throw .outOfSteps }
            let byte = reader.readByte()
            // unreachable, nop, block, loop, else, end, return, drop
            if ![0x00, 0x01, 0x02, 0x03, 0x05, 0x0B, 0x0F, 0x1A].contains(byte) { consumedFuel += 1 }
            let shape = shapes[Int(byte)]
            let position = reader.position
            switch shape.kind {
            case .invalid, .nop: break
            case .unreachable: throw .trap(.unreachable)
            case .block, .loop, .if:
                let type = arity(reader.readBlockType())
                let isTaken = shape.kind != .if || UInt32(truncatingIfNeeded: stack.removeLast()) != 0
                let ends = body.ends[position]!
                let height = stack.count - type.parameters
                let isLoop = shape.kind == .loop
                if isTaken || ends.afterElse > 0 {
                    labels.append(
                        Label(
                            arity: isLoop ? type.parameters : type.results, height: height,
                            target: isLoop ? reader.position : ends.afterEnd, isLoop: isLoop))
                    if !isTaken { reader.seek(to: ends.afterElse) }
                } else {
                    reader.seek(to: ends.afterEnd)
                }
            case .else: branch(0)
            case .end: labels.removeLast()
            case .br: branch(Int(reader.readU32()))
            case .brIf:
                let depth = Int(reader.readU32())
                if UInt32(truncatingIfNeeded: stack.removeLast()) != 0 { branch(depth) }
            case .brTable:
                var depths: [Int] = []
                for _ in 0...reader.readU32() { depths.append(Int(reader.readU32())) }
                branch(depths[min(Int(stack.removeLast()), depths.count - 1)])
            case .return: branch(labels.count - 1)
            case .call:
                let callee = reader.readU32()
                let arguments = popLast(context.parameterCount(ofType: context.type(ofFunction: callee)))
                stack += try call(callee, arguments)
            case .callIndirect:
                let type = reader.readU32()
                let callee = try state.callee(table: reader.readU32(), stack.removeLast(), type: type)
                stack += try call(callee, popLast(context.parameterCount(ofType: type)))
            case .returnCall:
                let callee = reader.readU32()
                return .tailCall(callee, popLast(context.parameterCount(ofType: context.type(ofFunction: callee))))
            case .returnCallIndirect:
                let type = reader.readU32()
                let callee = try state.callee(table: reader.readU32(), stack.removeLast(), type: type)
                return .tailCall(callee, popLast(context.parameterCount(ofType: type)))
            case .drop: stack.removeLast()
            case .select, .selectTyped:
                if shape.kind == .selectTyped { reader.skipImmediates(of: .selectTyped, vectors: vectors) }
                let values = popLast(3)
                stack.append(UInt32(truncatingIfNeeded: values[2]) != 0 ? values[0] : values[1])
            case .localGet: stack.append(locals[Int(reader.readU32())])
            case .localSet: locals[Int(reader.readU32())] = stack.removeLast()
            case .localTee: locals[Int(reader.readU32())] = stack.last!
            case .globalGet: stack.append(state.globals[Int(reader.readU32())])
            case .globalSet: state.globals[Int(reader.readU32())] = stack.removeLast()
            case .tableGet: stack.append(try state.tableElement(reader.readU32(), stack.removeLast()))
            case .tableSet:
                let values = popLast(2)
                try state.setTableElement(reader.readU32(), values[0], values[1])
            case .load:
                let offset = reader.readMemoryArgument().offset
                stack.append(
                    try state.load(MemoryAccess(rawValue: shape.flags)!, shape.type, stack.removeLast(), offset))
            case .store:
                let offset = reader.readMemoryArgument().offset
                let values = popLast(2)
                try state.store(MemoryAccess(rawValue: shape.flags)!, values[0], offset, values[1])
            case .memorySize:
                _ = reader.readU32()
                stack.append(UInt64(state.memory.count / InterpreterState.pageSize))
            case .memoryGrow:
                stack.append(try state.callRuntime(.memoryGrow, popLast(1) + [UInt64(reader.readU32())]))
            case .i32Const: stack.append(cell(reader.readS32()))
            case .i64Const: stack.append(UInt64(bitPattern: reader.readS64()))
            case .f32Const: stack.append(UInt64(reader.readF32Bits()))
            case .f64Const: stack.append(reader.readF64Bits())
            case .equalsZero, .refIsNull: stack.append(stack.removeLast() == 0 ? 1 : 0)
            case .refNull:
                _ = reader.readValueType()
                stack.append(0)
            case .refFunc: stack.append(UInt64(reader.readU32()) + 1)
            case .integerBinary, .floatBinary, .integerCompare, .floatCompare:
                let values = popLast(2)
                stack.append(
                    try Numerics.apply(
                        shape.operation, shape.type, operandType: shape.type, flags: shape.flags, values[0], values[1],
                        0))
            case .integerUnary, .floatUnary:
                stack.append(
                    try Numerics.apply(
                        shape.operation, shape.type, operandType: shape.type, flags: 0, stack.removeLast(), 0, 0))
            case .conversion:
                let source = Self.sourceType(Opcode(rawValue: byte)!)
                stack.append(
                    try Numerics.apply(
                        shape.operation, shape.type, operandType: source, flags: 0, stack.removeLast(), 0, 0))
            case .prefixFC: try prefixed(&reader, &stack)
            case .prefixFD: preconditionFailure("vectors are not interpreted")
            }
        }
        return .results(Array(stack.suffix(resultCount)))
    }

    private func prefixed(_ reader: inout OperatorReader, _ stack: inout [UInt64]) throws(InterpreterTrap) {
        func saturate(_ operation: Operation, _ type: IRType, _ source: IRType) throws(InterpreterTrap) {
            stack.append(try Numerics.apply(operation, type, operandType: source, flags: 0, stack.removeLast(), 0, 0))
        }
        func runtime(_ function: RuntimeFunction, _ operands: Int, _ immediates: [UInt32]) throws(InterpreterTrap) {
            let arguments = stack.suffix(operands) + immediates.map { UInt64($0) }
            stack.removeLast(operands)
            let result = try state.callRuntime(function, Array(arguments))
            if function.hasResult { stack.append(result) }
        }
        switch reader.readOpcodeFC()! {
        case .i32TruncSatF32S: try saturate(.truncateSaturatingSigned, .i32, .f32)
        case .i32TruncSatF32U: try saturate(.truncateSaturatingUnsigned, .i32, .f32)
        case .i32TruncSatF64S: try saturate(.truncateSaturatingSigned, .i32, .f64)
        case .i32TruncSatF64U: try saturate(.truncateSaturatingUnsigned, .i32, .f64)
        case .i64TruncSatF32S: try saturate(.truncateSaturatingSigned, .i64, .f32)
        case .i64TruncSatF32U: try saturate(.truncateSaturatingUnsigned, .i64, .f32)
        case .i64TruncSatF64S: try saturate(.truncateSaturatingSigned, .i64, .f64)
        case .i64TruncSatF64U: try saturate(.truncateSaturatingUnsigned, .i64, .f64)
        case .memoryInit: try runtime(.memoryInit, 3, [reader.readU32(), reader.readU32()])
        case .dataDrop: try runtime(.dataDrop, 0, [reader.readU32()])
        case .memoryCopy: try runtime(.memoryCopy, 3, [reader.readU32(), reader.readU32()])
        case .memoryFill: try runtime(.memoryFill, 3, [reader.readU32()])
        case .tableInit: try runtime(.tableInit, 3, [reader.readU32(), reader.readU32()])
        case .elemDrop: try runtime(.elementDrop, 0, [reader.readU32()])
        case .tableCopy: try runtime(.tableCopy, 3, [reader.readU32(), reader.readU32()])
        case .tableGrow: try runtime(.tableGrow, 2, [reader.readU32()])
        case .tableSize: stack.append(UInt64(state.tables[Int(reader.readU32())].count))
        case .tableFill: try runtime(.tableFill, 3, [reader.readU32()])
        }
    }

    /// The operand type of a conversion.
    private static func sourceType(_ opcode: Opcode) -> IRType {
        switch opcode {
        case .i64ExtendI32S, .i64ExtendI32U, .f32ConvertI32S, .f32ConvertI32U, .f64ConvertI32S, .f64ConvertI32U,
            .f32ReinterpretI32:
            .i32
        case .i32WrapI64, .f32ConvertI64S, .f32ConvertI64U, .f64ConvertI64S, .f64ConvertI64U, .f64ReinterpretI64: .i64
        case .i32TruncF32S, .i32TruncF32U, .i64TruncF32S, .i64TruncF32U, .f64PromoteF32, .i32ReinterpretF32: .f32
        default: .f64
        }
    }
}
