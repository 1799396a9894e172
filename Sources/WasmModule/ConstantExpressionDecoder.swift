//! Decodes and validates constant expressions (initial values of globals, offsets and items of segments), with the
//! extended constant instructions. A constant expression may read every immutable global defined before it.

extension ModuleDecoder {
    /// Reads up to and including `end`, and checks that the expression yields one `expected`.
    mutating func constantExpression(
        _ reader: inout ByteReader, _ expected: ValueType
    ) throws(WasmError) -> ConstantExpression {
        let start = reader.offset
        var first: ConstantExpression.Instruction?
        var rest: [ConstantExpression.Instruction] = []
        // Types of the operands. The common expression has one instruction, so no array is touched for it.
        var below: [ValueType] = []
        var top: ValueType?
        var count = 0

        func mismatch(_ message: String, _ offset: Int) -> WasmError {
            WasmError(.invalid, at: offset, "type mismatch: \(message)")
        }

        while true {
            let at = reader.offset
            let byte = try reader.byte()
            guard let opcode = Opcode(rawValue: byte) else { throw reader.illegal(byte, at: at) }
            count += 1
            guard count <= limits.constantExpressionInstructions else {
                throw WasmError(
                    .limitExceeded, at: start,
                    "constant expression too long: the limit is \(limits.constantExpressionInstructions) instructions")
            }

            let instruction: ConstantExpression.Instruction
            let type: ValueType
            var operands = 0
            switch opcode {
            case .end:
                guard below.isEmpty, let top, let first else {
                    throw mismatch("a constant expression must leave exactly one value", at)
                }
                guard top == expected else { throw mismatch("expected \(expected), found \(top)", at) }
                return ConstantExpression(first: first, rest: rest)
            case .i32Const: (instruction, type) = (.i32(try reader.s32()), .i32)
            case .i64Const: (instruction, type) = (.i64(try reader.s64()), .i64)
            case .f32Const: (instruction, type) = (.f32(try reader.f32Bits()), .f32)
            case .f64Const: (instruction, type) = (.f64(try reader.f64Bits()), .f64)
            case .prefixFD:
                let code = try reader.u32()
                guard code == VectorOpcode.v128Const.rawValue else {
                    guard let other = UInt16(exactly: code).flatMap({ VectorOpcode(rawValue: $0) }) else {
                        throw reader.illegalVector(code, at: at)
                    }
                    throw WasmError(.invalid, at: at, "constant expression required: \(other) is not constant")
                }
                (instruction, type) = (.v128(try reader.v128()), .v128)
            case .refNull:
                type = try reader.heapType()
                instruction = .refNull(type)
            case .refFunc:
                let index = try reader.u32()
                try declareReference(to: index, at: at)
                (instruction, type) = (.refFunc(index), .funcref)
            case .globalGet:
                let index = try reader.u32()
                guard index < module.globals.count else {
                    throw WasmError(.invalid, at: at, "unknown global \(index)")
                }
                let global = module.globals[Int(index)]
                guard !global.isMutable else {
                    throw WasmError(.invalid, at: at, "constant expression required: global \(index) is mutable")
                }
                (instruction, type) = (.globalGet(index), global.value)
            case .i32Add: (instruction, type, operands) = (.i32Add, .i32, 2)
            case .i32Sub: (instruction, type, operands) = (.i32Sub, .i32, 2)
            case .i32Mul: (instruction, type, operands) = (.i32Mul, .i32, 2)
            case .i64Add: (instruction, type, operands) = (.i64Add, .i64, 2)
            case .i64Sub: (instruction, type, operands) = (.i64Sub, .i64, 2)
            case .i64Mul: (instruction, type, operands) = (.i64Mul, .i64, 2)
            default:
                throw WasmError(.invalid, at: at, "constant expression required: \(opcode) is not constant")
            }

            for _ in 0..<operands {
                guard let operand = top else { throw mismatch("expected \(type) but nothing is on the stack", at) }
                guard operand == type else { throw mismatch("expected \(type), found \(operand)", at) }
                top = below.popLast()
            }
            if let top { below.append(top) }
            top = type
            if first == nil { first = instruction } else { rest.append(instruction) }
        }
    }
}
