//! The fields, operand types and result type of each operation.

import WasmModule

extension IRVerifier {
    mutating func checkInstructions(_ function: borrowing IRFunction) {
        for id in 0..<UInt32(function.instructions.count) {
            let instruction = function.instructions[id]
            let list = instruction.list
            guard UInt64(list.first) + UInt64(list.count) <= UInt64(function.lists.count) else {
                require(false, "v\(id): list \(list.first) + \(list.count) of \(function.lists.count)")
                return
            }
            var operandTypes: [IRType] = []
            var isValid = true
            function.forEachOperand(of: instruction) { operand in
                if operand < function.instructions.count, function.instructions[operand].type != .none {
                    operandTypes.append(function.instructions[operand].type)
                } else {
                    isValid = false
                }
            }
            guard isValid else {
                require(false, "v\(id): \(instruction.operation) uses what has no value")
                return
            }
            check(id, instruction, operandTypes, function)
        }
    }

    private mutating func check(
        _ id: UInt32, _ i: IRInstruction, _ operands: [IRType], _ function: borrowing IRFunction
    ) {
        let type = i.type
        let isInteger = type == .i32 || type == .i64
        let isFloat = type == .f32 || type == .f64
        func all(_ expected: IRType) -> Bool { operands.allSatisfy { $0 == expected } }
        func described() -> String { "v\(id): \(i.operation).\(type) of \(operands)" }
        switch i.operation {
        case .nop: require(type == .none, described())
        case .parameter: require(type != .none, described())
        case .integerConstant:
            require(isInteger || type == .ref, described())
            require(type != .i32 || i.b == 0, "v\(id): high bits in an i32 constant")
        case .floatConstant:
            require(isFloat, described())
            require(type != .f32 || i.b == 0, "v\(id): high bits in an f32 constant")
        case .result: checkResult(id, i, function)
        case .functionReference: require(type == .ref && i.a < context.functionCount, described())
        case .add, .subtract, .multiply, .and, .or, .xor, .shiftLeft, .shiftRightSigned, .shiftRightUnsigned,
            .rotateLeft, .rotateRight, .divideSigned, .divideUnsigned, .remainderSigned, .remainderUnsigned,
            .countLeadingZeros, .countTrailingZeros, .populationCount, .signExtend8, .signExtend16:
            require(isInteger && all(type), described())
        case .signExtend32: require(type == .i64 && all(type), described())
        case .integerCompare:
            require(type == .i32 && operands[0] == operands[1], described())
            require([.i32, .i64, .ref].contains(operands[0]), described())
            require(IntegerCondition(rawValue: i.flags) != nil, "v\(id): condition \(i.flags)")
        case .floatAdd, .floatSubtract, .floatMultiply, .floatDivide, .floatMinimum, .floatMaximum, .floatCopySign,
            .floatNegate, .floatAbsolute, .floatSquareRoot, .floatCeil, .floatFloor, .floatTruncate, .floatNearest:
            require(isFloat && all(type), described())
        case .floatCompare:
            require(type == .i32 && operands[0] == operands[1], described())
            require(operands[0] == .f32 || operands[0] == .f64, described())
            require(FloatCondition(rawValue: i.flags) != nil, "v\(id): condition \(i.flags)")
        case .wrap: require(type == .i32 && all(.i64), described())
        case .zeroExtend, .signExtend: require(type == .i64 && all(.i32), described())
        case .truncateSigned, .truncateUnsigned, .truncateSaturatingSigned, .truncateSaturatingUnsigned:
            require(isInteger && (all(.f32) || all(.f64)), described())
        case .convertSigned, .convertUnsigned: require(isFloat && (all(.i32) || all(.i64)), described())
        case .promote: require(type == .f64 && all(.f32), described())
        case .demote: require(type == .f32 && all(.f64), described())
        case .reinterpret:
            let source: IRType =
                switch type {
                case .i32: .f32
                case .i64: .f64
                case .f32: .i32
                case .f64: .i64
                default: .none
                }
            require(all(source), described())
        case .vectorConstant: require(type == .v128, described())
        case .vectorUnary, .vectorBinary, .vectorTernary: checkVector(id, i, operands, function)
        case .select:
            require(operands[0] == .i32 && operands[1] == type && operands[2] == type, described())
        case .load:
            require(i.c < context.memoryCount && operands[0] == context.memory(i.c).address, described())
            checkAccess(id, i, type, isLoad: true)
        case .store:
            require(
                type == .none && i.d < context.memoryCount && operands[0] == context.memory(i.d).address, described())
            checkAccess(id, i, operands[1], isLoad: false)
        case .memorySize: require(i.a < context.memoryCount && type == context.memory(i.a).address, described())
        case .globalGet:
            require(i.a < context.globalCount && type == context.type(ofGlobal: i.a), described())
        case .globalSet:
            require(
                type == .none && i.b < context.globalCount && context.isMutable(global: i.b)
                    && operands[0] == context.type(ofGlobal: i.b), described())
        case .tableSize: require(i.a < context.tableCount && type == context.table(i.a).address, described())
        case .tableGet:
            require(type == .ref && i.b < context.tableCount && all(context.table(i.b).address), described())
        case .tableSet:
            require(
                type == .none && i.c < context.tableCount && operands == [context.table(i.c).address, .ref],
                described())
        case .fuel: require(type == .i64, described())
        case .payFuel, .checkFuel, .settleFuel: require(type == .i64 && all(.i64) && i.b <= Int32.max, described())
        case .call, .tailCall:
            guard i.a < context.functionCount, i.d == context.type(ofFunction: i.a) else {
                return require(false, described())
            }
            checkSignature(id, i, operands[...], i.d)
        case .callIndirect, .tailCallIndirect:
            guard i.d < context.typeCount, function.lists[i.a + 1] < context.tableCount,
                operands[0] == context.table(function.lists[i.a + 1]).address
            else { return require(false, described()) }
            checkSignature(id, i, operands[1...], i.d)
        case .callRuntime: checkRuntimeCall(id, i, operands, function)
        case .jump, .trap, .throw:
            require(type == .none, described())
            require(i.operation != .trap || TrapCode(rawValue: i.flags) != nil, "v\(id): trap code \(i.flags)")
        case .branch: require(type == .none && all(.i32), described())
        case .branchTable: require(type == .none && all(.i32) && i.c >= 1, described())
        case .return:
            require(type == .none && operands == Array(context.results(ofType: function.typeIndex)), described())
        case .tryCall, .tryCallIndirect: checkTryCall(id, i, operands, function)
        }
    }

    /// A `result` follows its instruction, with nothing but other results (or removed ones) between.
    private mutating func checkResult(_ id: UInt32, _ i: IRInstruction, _ function: borrowing IRFunction) {
        guard i.a < id, i.b >= 1, i.a + i.b == id else {
            return require(false, "v\(id): result \(i.b) of v\(i.a)")
        }
        let call = function.instructions[i.a]
        guard call.operation == .call || call.operation == .callIndirect, call.d < context.typeCount else {
            return require(false, "v\(id): result of \(call.operation)")
        }
        let results = context.results(ofType: call.d)
        require(i.b < results.count && results[Int(i.b)] == i.type, "v\(id): result \(i.b) as \(i.type)")
        for between in i.a + 1..<id {
            let operation = function.instructions[between].operation
            require(operation == .result || operation == .nop, "v\(id): \(operation) before a result")
        }
    }

    private mutating func checkVector(
        _ id: UInt32, _ i: IRInstruction, _ operands: [IRType], _ function: borrowing IRFunction
    ) {
        guard let opcode = VectorOpcode(rawValue: UInt16(truncatingIfNeeded: i.d)), i.d <= UInt16.max else {
            return require(false, "v\(id): vector instruction \(i.d)")
        }
        let signature = VectorSignature(opcode)
        var expected = (0..<Int(signature.operandCount)).map { IRType(signature.operand($0)) }
        if opcode == .i8x16Shuffle {
            expected.append(.v128)
            let lanes = function.instructions[i.c]
            guard i.operation == .vectorTernary, lanes.operation == .vectorConstant else {
                return require(false, "v\(id): shuffle without constant lanes")
            }
            require(lanes.vector.lanes(of: UInt8.self).allSatisfy { $0 < 32 }, "v\(id): lanes \(lanes.vector)")
        }
        require(
            signature.immediates == .none || signature.immediates == .lane || opcode == .i8x16Shuffle,
            "v\(id): \(opcode)")
        require(operands == expected, "v\(id): \(opcode) of \(operands)")
        require(signature.result.map { IRType($0) } == i.type, "v\(id): \(opcode) as \(i.type)")
        if signature.immediates == .lane {
            require(i.c < signature.laneLimit, "v\(id): lane \(i.c) of \(opcode)")
        }
    }

    private mutating func checkSignature(
        _ id: UInt32, _ i: IRInstruction, _ arguments: ArraySlice<IRType>, _ type: UInt32
    ) {
        require(Array(arguments) == Array(context.parameters(ofType: type)), "v\(id): arguments \(arguments)")
        let results = context.results(ofType: type)
        if i.operation == .tailCall || i.operation == .tailCallIndirect {
            require(i.type == .none, "v\(id): a tail call with a result")
        } else {
            require(i.type == results.first ?? .none, "v\(id): result \(i.type)")
        }
    }

    private mutating func checkRuntimeCall(
        _ id: UInt32, _ i: IRInstruction, _ operands: [IRType], _ function: borrowing IRFunction
    ) {
        guard let callee = RuntimeFunction(rawValue: i.a) else {
            return require(false, "v\(id): runtime function \(i.a)")
        }
        guard operands.count == callee.argumentCount else {
            return require(false, "v\(id): \(callee) of \(operands)")
        }
        // The last arguments are constants: indices of memories, tables or segments.
        func memory(_ argument: Int) -> IRType {
            let index = function.instructions[function.lists[i.b + UInt32(argument)]].a
            return index < context.memoryCount ? context.memory(index).address : .none
        }
        func table(_ argument: Int) -> IRType {
            let index = function.instructions[function.lists[i.b + UInt32(argument)]].a
            return index < context.tableCount ? context.table(index).address : .none
        }
        func smaller(_ first: IRType, _ second: IRType) -> IRType { first == second ? first : .i32 }
        var result = IRType.none
        let expected: [IRType]
        switch callee {
        case .memoryGrow:
            result = memory(1)
            expected = [result]
        case .memoryCopy: expected = [memory(3), memory(4), smaller(memory(3), memory(4))]
        case .memoryFill: expected = [memory(3), .i32, memory(3)]
        case .memoryInit: expected = [memory(4), .i32, .i32]
        case .tableGrow:
            result = table(2)
            expected = [.ref, result]
        case .tableCopy: expected = [table(3), table(4), smaller(table(3), table(4))]
        case .tableFill: expected = [table(3), .ref, table(3)]
        case .tableInit: expected = [table(4), .i32, .i32]
        case .dataDrop, .elementDrop: expected = []
        case .multiplyAddF32x4, .negatedMultiplyAddF32x4, .multiplyAddF64x2, .negatedMultiplyAddF64x2:
            return require(false, "v\(id): \(callee), which selection alone knows")
        }
        let indices = [IRType](repeating: .i32, count: callee.argumentCount - expected.count)
        require(operands == expected + indices, "v\(id): \(callee) of \(operands)")
        require(i.type == result, "v\(id): result \(i.type) of \(callee)")
    }

    private mutating func checkTryCall(
        _ id: UInt32, _ i: IRInstruction, _ operands: [IRType], _ function: borrowing IRFunction
    ) {
        guard Int(i.d) + 3 <= function.lists.count, function.lists[i.d] < context.typeCount,
            Int(i.d) + 3 + 2 * Int(function.lists[i.d + 2]) <= function.lists.count
        else { return require(false, "v\(id): handlers") }
        let arguments = i.operation == .tryCall ? operands[...] : operands.dropFirst()
        require(
            Array(arguments) == Array(context.parameters(ofType: function.lists[i.d])), "v\(id): arguments \(arguments)"
        )
    }

    private mutating func checkAccess(_ id: UInt32, _ i: IRInstruction, _ type: IRType, isLoad: Bool) {
        guard let access = MemoryAccess(rawValue: i.flags) else { return require(false, "v\(id): access \(i.flags)") }
        let isMatching =
            switch access {
            case .unsigned8, .unsigned16, .unsigned32: type == .i32 || type == .i64
            case .signed8, .signed16: isLoad && (type == .i32 || type == .i64)
            case .signed32: isLoad && type == .i64
            case .bits64: type == .i64 || type == .ref
            case .float32: type == .f32
            case .float64: type == .f64
            case .vector128: type == .v128
            case .splat8, .splat16, .splat32, .splat64, .extendSigned8, .extendUnsigned8, .extendSigned16,
                .extendUnsigned16, .extendSigned32, .extendUnsigned32, .zero32, .zero64:
                isLoad && type == .v128
            }
        require(isMatching, "v\(id): \(access) as \(type)")
    }
}
