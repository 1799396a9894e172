//! The validation rule of the vector instructions: one for all of them, by their table of signatures.

extension FunctionValidator {
    /// Validates a vector instruction, from the number behind the prefix on.
    mutating func validateVector(_ reader: inout ByteReader) throws(WasmError) {
        let code = try reader.u32()
        guard code < VectorSignature.tableCount, let signature = vectorSignatures[Int(code)] else {
            throw reader.illegalVector(code, at: offset)
        }
        var first = UInt32(signature.operands.0)
        switch signature.immediates {
        case .none: break
        case .memory: first = try validateMemoryArgument(&reader, natural: UInt32(signature.accessExponent))
        case .memoryAndLane:
            first = try validateMemoryArgument(&reader, natural: UInt32(signature.accessExponent))
            try validateLane(&reader, of: signature.laneCount)
        case .lane: try validateLane(&reader, of: signature.laneCount)
        case .constant: try reader.skip(16)
        case .shuffle:
            for _ in 0..<16 { try validateLane(&reader, of: signature.laneCount) }
        }
        if signature.operandCount > 2 { try pop(UInt32(signature.operands.2)) }
        if signature.operandCount > 1 { try pop(UInt32(signature.operands.1)) }
        if signature.operandCount > 0 { try pop(first) }
        if signature.resultByte != 0 { try push(UInt32(signature.resultByte)) }
    }

    private mutating func validateLane(_ reader: inout ByteReader, of count: UInt8) throws(WasmError) {
        let lane = try reader.byte()
        guard lane < count else { throw invalid("invalid lane index \(lane): there are \(count) lanes") }
    }
}
