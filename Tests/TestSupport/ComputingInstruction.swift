//! All instructions that compute: numbers and vectors, those on vectors in memory included. For tests that go through every
//! one and know of each no more than its types.

public import WasmModule

public struct ComputingInstruction: Sendable {
    public let name: String
    public let parameters: [ValueType]
    public let result: ValueType?
    /// Appends the instruction, whose operands are on the stack.
    public let emit: @Sendable (CodeBuilder) -> Void

    public static let all: [ComputingInstruction] = numeric + vectors

    // MARK: Numbers

    private static let numeric: [ComputingInstruction] =
        ranges.flatMap { first, last, parameters, result in
            (first.rawValue...last.rawValue).map { raw in
                let opcode = Opcode(rawValue: raw)!
                return ComputingInstruction(name: "\(opcode)", parameters: parameters, result: result) { $0.op(opcode) }
            }
        }
        + saturating.map { opcode, parameter, result in
            ComputingInstruction(name: "\(opcode)", parameters: [parameter], result: result) { $0.op(opcode) }
        }

    private static let ranges: [(Opcode, Opcode, [ValueType], ValueType)] = [
        (.i32Eqz, .i32Eqz, [.i32], .i32), (.i32Eq, .i32GeU, [.i32, .i32], .i32),
        (.i64Eqz, .i64Eqz, [.i64], .i32), (.i64Eq, .i64GeU, [.i64, .i64], .i32),
        (.f32Eq, .f32Ge, [.f32, .f32], .i32), (.f64Eq, .f64Ge, [.f64, .f64], .i32),
        (.i32Clz, .i32Popcnt, [.i32], .i32), (.i32Add, .i32Rotr, [.i32, .i32], .i32),
        (.i64Clz, .i64Popcnt, [.i64], .i64), (.i64Add, .i64Rotr, [.i64, .i64], .i64),
        (.f32Abs, .f32Sqrt, [.f32], .f32), (.f32Add, .f32Copysign, [.f32, .f32], .f32),
        (.f64Abs, .f64Sqrt, [.f64], .f64), (.f64Add, .f64Copysign, [.f64, .f64], .f64),
        (.i32WrapI64, .i32WrapI64, [.i64], .i32),
        (.i32TruncF32S, .i32TruncF32U, [.f32], .i32), (.i32TruncF64S, .i32TruncF64U, [.f64], .i32),
        (.i64ExtendI32S, .i64ExtendI32U, [.i32], .i64),
        (.i64TruncF32S, .i64TruncF32U, [.f32], .i64), (.i64TruncF64S, .i64TruncF64U, [.f64], .i64),
        (.f32ConvertI32S, .f32ConvertI32U, [.i32], .f32), (.f32ConvertI64S, .f32ConvertI64U, [.i64], .f32),
        (.f32DemoteF64, .f32DemoteF64, [.f64], .f32),
        (.f64ConvertI32S, .f64ConvertI32U, [.i32], .f64), (.f64ConvertI64S, .f64ConvertI64U, [.i64], .f64),
        (.f64PromoteF32, .f64PromoteF32, [.f32], .f64),
        (.i32ReinterpretF32, .i32ReinterpretF32, [.f32], .i32), (.i64ReinterpretF64, .i64ReinterpretF64, [.f64], .i64),
        (.f32ReinterpretI32, .f32ReinterpretI32, [.i32], .f32), (.f64ReinterpretI64, .f64ReinterpretI64, [.i64], .f64),
        (.i32Extend8S, .i32Extend16S, [.i32], .i32), (.i64Extend8S, .i64Extend32S, [.i64], .i64),
    ]

    private static let saturating: [(PrefixedOpcodeFC, ValueType, ValueType)] = [
        (.i32TruncSatF32S, .f32, .i32), (.i32TruncSatF32U, .f32, .i32),
        (.i32TruncSatF64S, .f64, .i32), (.i32TruncSatF64U, .f64, .i32),
        (.i64TruncSatF32S, .f32, .i64), (.i64TruncSatF32U, .f32, .i64),
        (.i64TruncSatF64S, .f64, .i64), (.i64TruncSatF64U, .f64, .i64),
    ]

    // MARK: Vectors

    private static let vectors: [ComputingInstruction] = VectorOpcode.allCases.flatMap { opcode in
        let signature = VectorSignature(opcode)
        let parameters = (0..<Int(signature.operandCount)).map { signature.operand($0) }
        func instruction(
            _ detail: String = "", _ emit: @escaping @Sendable (CodeBuilder) -> Void
        ) -> ComputingInstruction {
            ComputingInstruction(
                name: "\(opcode)\(detail)", parameters: parameters, result: signature.result, emit: emit)
        }
        let lanes = 0..<UInt8(signature.laneLimit)
        switch signature.immediates {
        case .none: return [instruction { $0.op(opcode) }]
        case .memory: return [instruction { $0.op(opcode, offset: 5) }]
        case .memoryAndLane:
            return lanes.map { lane in instruction(" \(lane)") { $0.op(opcode, offset: 5, lane: lane) } }
        case .lane: return lanes.map { lane in instruction(" \(lane)") { $0.op(opcode, lane: lane) } }
        case .constant: return [instruction { $0.v128Const(V128(low: 0x0102_0304_0506_0708, high: 0x1122_3344)) }]
        case .shuffle:
            return shuffles.enumerated().map { number, lanes in
                instruction(" \(number)") { $0.i8x16Shuffle(lanes) }
            }
        }
    }

    /// One of each kind that there is a sequence for.
    private static let shuffles: [[UInt8]] = [
        [0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31],
        [0, 1, 18, 19, 4, 5, 22, 23, 8, 9, 26, 27, 12, 13, 30, 31],
        [4, 5, 6, 7, 20, 21, 22, 23, 0, 1, 2, 3, 28, 29, 30, 31],
        [4, 5, 6, 7, 0, 1, 2, 3, 28, 29, 30, 31, 16, 17, 18, 19],
        [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23],
        [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
        [7, 7, 7, 7, 31, 30, 29, 0, 1, 2, 16, 9, 8, 3, 4, 5],
        [UInt8](repeating: 0, count: 16),
        [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        [9, 3, 8, 2, 7, 1, 6, 0, 5, 5, 5, 5, 4, 4, 4, 4],
    ]
}
