//! The validation of vector instructions: each with exactly its operands and results, lane indices, alignments, and what may
//! come behind the prefix.

import TestSupport
import Testing
import WasmModule

@Suite struct VectorValidationTests {
    /// What an instruction takes and yields, from its name in the specification: independent of the validator's table.
    struct Shape: Sendable, CustomTestStringConvertible {
        let opcode: VectorOpcode
        let operands: [ValueType]
        let results: [ValueType]
        /// Bytes in memory.
        var access: Int?
        /// Lane indices are below this.
        var lanes: UInt8?

        var testDescription: String { "\(opcode)" }

        init(_ opcode: VectorOpcode) {
            self.opcode = opcode
            let name = "\(opcode)"
            let shape = name.prefix(5)
            let lane: ValueType =
                switch shape {
                case "i64x2": .i64
                case "f32x4": .f32
                case "f64x2": .f64
                default: .i32
                }
            let count =
                UInt8(
                    shape.dropFirst(
                        shape.firstIndex(of: "x").map { shape.distance(from: shape.startIndex, to: $0) + 1 } ?? 0)) ?? 0
            let operation = String(name.hasPrefix("v128") ? name.dropFirst(4) : name.dropFirst(5))
            let binaryInV128: Set<String> = ["And", "Andnot", "Or", "Xor"]
            let unary: [String] = [
                "Abs", "Neg", "Popcnt", "Ceil", "Floor", "Trunc", "Nearest", "Sqrt", "Not",
            ]
            let unaryPrefixes = [
                "Extend", "ExtaddPairwise", "TruncSat", "RelaxedTrunc", "Convert", "Demote", "Promote",
            ]
            let ternary = ["Bitselect", "RelaxedMadd", "RelaxedNmadd", "RelaxedLaneselect", "RelaxedDotI8x16I7x16AddS"]
            if name.hasPrefix("v128Load") || name.hasPrefix("v128Store") {
                let digits = operation.drop { !$0.isNumber }
                let width = digits.prefix { $0.isNumber }
                var bytes = (Int(width) ?? 128) / 8
                if digits.dropFirst(width.count).hasPrefix("x") { bytes = 8 }
                access = bytes
                let isLane = operation.hasSuffix("Lane")
                if isLane { lanes = UInt8(16 / bytes) }
                let isStore = operation.hasPrefix("Store")
                operands = isLane || isStore ? [.i32, .v128] : [.i32]
                results = isStore ? [] : [.v128]
            } else if operation == "Const" {
                (operands, results) = ([], [.v128])
            } else if operation == "Shuffle" {
                (operands, results) = ([.v128, .v128], [.v128])
                lanes = 32
            } else if operation == "Splat" {
                (operands, results) = ([lane], [.v128])
            } else if operation.hasPrefix("ExtractLane") {
                (operands, results) = ([.v128], [lane])
                lanes = count
            } else if operation == "ReplaceLane" {
                (operands, results) = ([.v128, lane], [.v128])
                lanes = count
            } else if ["AnyTrue", "AllTrue", "Bitmask"].contains(operation) {
                (operands, results) = ([.v128], [.i32])
            } else if ["Shl", "ShrS", "ShrU"].contains(operation) {
                (operands, results) = ([.v128, .i32], [.v128])
            } else if ternary.contains(operation) {
                (operands, results) = ([.v128, .v128, .v128], [.v128])
            } else if unary.contains(operation)
                || unaryPrefixes.contains(where: operation.hasPrefix) && !binaryInV128.contains(operation)
            {
                (operands, results) = ([.v128], [.v128])
            } else {
                (operands, results) = ([.v128, .v128], [.v128])
            }
        }

        /// Immediates that are valid.
        func immediates(align: UInt32 = 0, lane: UInt8 = 0) -> [UInt8] {
            if opcode == .v128Const { return [UInt8](repeating: 0xAA, count: 16) }
            if opcode == .i8x16Shuffle { return [UInt8](repeating: lane, count: 16) }
            return (access != nil ? [UInt8(align), 0] : []) + (lanes != nil ? [lane] : [])
        }
    }

    static let shapes = VectorOpcode.allCases.map(Shape.init)

    private func error(
        _ results: [ValueType], parameters: [ValueType] = [], memory: Bool = true, _ body: (CodeBuilder) -> Void
    ) -> WasmError? {
        var module = WasmBuilder()
        if memory { module.memory(1) }
        module.function(nil, parameters, results, body)
        return WasmModuleTests.error(of: module.build())
    }

    @Test func thereAreAllInstructions() {
        #expect(VectorOpcode.allCases.filter { $0.rawValue <= 0xFF }.count == 236)
        #expect(VectorOpcode.allCases.filter { $0.rawValue > 0xFF }.map(\.rawValue) == Array(0x100...0x113))
    }

    @Test(arguments: shapes) func types(_ shape: Shape) {
        func body(_ operands: [ValueType]) -> (CodeBuilder) -> Void {
            { code in
                for operand in operands { code.const(operand, bits: 1) }
                code.op(shape.opcode).append(shape.immediates())
            }
        }
        #expect(error(shape.results, body(shape.operands)) == nil)
        if !shape.operands.isEmpty {
            expect(error(shape.results, body(Array(shape.operands.dropFirst()))), .invalid, "type mismatch")
        }
        for (index, operand) in shape.operands.enumerated() {
            for other in [ValueType.i32, .i64, .f32, .f64, .v128, .funcref] where other != operand {
                var operands = shape.operands
                operands[index] = other
                expect(error(shape.results, body(operands)), .invalid, "type mismatch")
            }
        }
        for other in [[ValueType.i32], [.i64], [.f32], [.f64], [.v128], [], [.v128, .v128]] where other != shape.results
        {
            expect(error(other, body(shape.operands)), .invalid, "type mismatch")
        }
        // In unreachable code operands are implied.
        #expect(error(shape.results) { $0.unreachable().op(shape.opcode).append(shape.immediates()) } == nil)
        // What the reader of validated code reads.
        let signature = VectorSignature(shape.opcode)
        #expect(signature.result == shape.results.first && Int(signature.operandCount) == shape.operands.count)
        #expect((0..<shape.operands.count).map { signature.operand($0) } == shape.operands)
    }

    @Test(arguments: shapes.filter { $0.access != nil }) func alignment(_ shape: Shape) {
        let natural = UInt32(shape.access!.trailingZeroBitCount)
        func body(_ align: UInt32) -> (CodeBuilder) -> Void {
            { code in
                for operand in shape.operands { code.const(operand, bits: 1) }
                code.op(shape.opcode).append(shape.immediates(align: align))
            }
        }
        for align in 0...natural { #expect(error(shape.results, body(align)) == nil) }
        expect(error(shape.results, body(natural + 1)), .invalid, "alignment must not be larger than natural")
        expect(error(shape.results, memory: false, body(0)), .invalid, "unknown memory 0")
        expect(
            error(shape.results) { code in
                for operand in shape.operands { code.const(operand, bits: 1) }
                code.op(shape.opcode).u32(0).append(LEB128.unsigned(1 << 32)).raw(0)
            }, .invalid, "offset out of range")
    }

    @Test(arguments: shapes.filter { $0.lanes != nil }) func laneIndices(_ shape: Shape) {
        for lane in UInt8(0)...255 {
            let found = error(shape.results) { code in
                for operand in shape.operands { code.const(operand, bits: 1) }
                code.op(shape.opcode).append(shape.immediates(lane: lane))
            }
            if lane < shape.lanes! { #expect(found == nil) } else { expect(found, .invalid, "invalid lane index") }
        }
    }

    @Test func everyLaneOfAShuffleCounts() {
        for position in 0..<16 {
            var lanes = [UInt8](0..<16)
            lanes[position] = 32
            expect(
                error([.v128], parameters: [.v128]) { $0.localGet(0).localGet(0).i8x16Shuffle(lanes) }, .invalid,
                "invalid lane index 32")
        }
    }

    @Test func malformed() {
        let known = Set(VectorOpcode.allCases.map { UInt32($0.rawValue) })
        for code in (0..<UInt32(0x140)).filter({ !known.contains($0) }) + [0x1_0000, 0x1_000E, .max] {
            expect(
                error([]) { $0.unreachable().raw(0xFD).u32(code) }, .malformed,
                "illegal opcode fd \(String(code, radix: 16))")
        }
        // The number in more bytes than it needs, and in too many.
        #expect(
            error([.v128], parameters: [.v128]) {
                $0.localGet(0).localGet(0).raw(0xFD).append(LEB128.unsigned(0x6E, paddedTo: 5))
            } == nil)
        expect(
            error([]) { $0.unreachable().raw(0xFD).append(LEB128.unsigned(0x6E, paddedTo: 6)) }, .malformed,
            "integer representation too long")
        // Immediates that end with the body.
        for shape in Self.shapes {
            let immediates = shape.immediates()
            for count in 0..<immediates.count {
                var module = WasmBuilder()
                module.memory(1)
                let type = module.type([], [])
                let rawBody = CodeBuilder.code {
                    $0.u32(0).unreachable().op(shape.opcode).append(immediates.prefix(count))
                }
                module.function(nil, type: type, rawBody: rawBody)
                expect(WasmModuleTests.error(of: module.build()), .malformed, "unexpected end")
            }
        }
    }

    @Test func vectorsAreValuesLikeOthers() {
        #expect(
            error([.v128], parameters: [.v128]) { $0.localGet(0).block(.value(.v128)) { $0.v128Const(V128()) }.drop() }
                == nil)
        #expect(
            error([.v128], parameters: [.v128, .i32]) { $0.localGet(0).v128Const(V128()).localGet(1).select() } == nil)
        #expect(
            error([.v128], parameters: [.v128, .i32]) { $0.localGet(0).v128Const(V128()).localGet(1).select([.v128]) }
                == nil)
        expect(
            error([.v128], parameters: [.v128, .i32]) { $0.localGet(0).i64Const(0).localGet(1).select() }, .invalid,
            "type mismatch")
        expect(
            error([.funcref], parameters: [.funcref, .i32]) { $0.localGet(0).localGet(0).localGet(1).select() },
            .invalid, "type mismatch")
        expect(error([.i32], parameters: [.v128]) { $0.localGet(0).refIsNull() }, .invalid, "type mismatch")
        // Not a reference type.
        expect(
            WasmModuleTests.error(of: WasmBuilder.raw(WasmBuilder.section(4, [1, 0x7B, 0, 0]))), .malformed,
            "malformed reference type")
    }

    @Test func constantExpressions() throws {
        let vector = V128(low: 0x1122_3344_5566_7788, high: 0x99AA_BBCC_DDEE_FF00)
        let module = try validate {
            $0.global(.v128) { $0.v128Const(vector) }
            $0.global(.v128, mutable: true) { $0.globalGet(0) }
        }
        #expect(module.globalInitializers[0].single == .v128(vector))
        #expect(module.globalInitializers[1].single == .globalGet(0))
        // The expressions of millions of segments must not become larger because of it.
        #expect(MemoryLayout<ConstantExpression>.stride <= 24)
        expect(WasmModuleTests.error { $0.global(.i64) { $0.v128Const(vector) } }, .invalid, "type mismatch")
        expect(WasmModuleTests.error { $0.global(.v128) { $0.i64Const(0) } }, .invalid, "type mismatch")
        expect(
            WasmModuleTests.error { $0.global(.v128) { $0.i32Const(0).op(.i8x16Splat) } }, .invalid,
            "constant expression required: i8x16Splat")
        expect(
            WasmModuleTests.error { $0.global(.v128) { $0.raw(0xFD, 0x9A, 0x01) } }, .malformed, "illegal opcode fd 9a")
    }

    @Test func theReaderReadsWhatTheValidatorAccepted() {
        let bytes = [UInt8](1...16)
        (bytes + [7]).withUnsafeBufferPointer { buffer in
            var reader = OperatorReader(start: buffer.baseAddress!, end: buffer.baseAddress! + buffer.count)
            #expect(reader.readV128().lanes(of: UInt8.self) == bytes)
            #expect(reader.readLane() == 7)
            #expect(reader.readV128() == V128() && reader.atEnd)
        }
    }
}
