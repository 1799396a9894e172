//! Writes function bodies anew, so that nobody sees the bits of a NaN that an operator may have made.
//!
//! A scalar's bits are seen where it is stored, becomes an integer or a lane, or lends its sign: there it is replaced
//! by the canonical NaN if it is one. A vector does not say what its lanes are, so it is replaced where it is made,
//! unless the next instruction is one for which all NaNs are the same. Otherwise operators stay next to each other, for
//! there are instructions that do the work of two.
//!
//! To replace is to `select` (or `bitselect`) between the value and the canonical NaN by whether the value equals
//! itself. This is valid in unreachable code too, where an operand is of any type that is wanted.

import TestSupport
import WasmModule

struct NaNCanonicalizer {
    private let module: DecodedModule
    private let base: UnsafePointer<UInt8>

    /// - Parameter base: the address of the module's bytes, which stay there.
    init(_ module: DecodedModule, _ base: UnsafePointer<UInt8>) {
        self.module = module
        self.base = base
    }

    /// A body as the code section holds it, without its size.
    func body(_ index: Int) -> [UInt8] {
        var reader = OperatorReader(body: module.bodies[index], in: base)
        let runCount = reader.readLocalRunCount()
        let runs = reader.pointer
        var localCount = UInt32(module.functionType(module.functionIndex(ofBody: index)).parameters.count)
        for _ in 0..<runCount { localCount += reader.readLocalRun().count }
        let runBytes = UnsafeBufferPointer(start: runs, count: reader.pointer - runs)

        let code = CodeBuilder()
        // A local of each type that is looked at, behind all others.
        var scratch: [ValueType] = []
        var copied = reader.pointer
        var position = reader.pointer
        func copy() {
            code.append(UnsafeBufferPointer(start: copied, count: position - copied))
            copied = position
        }
        func replace(_ lanes: FloatLanes) {
            copy()
            let place = scratch.firstIndex(of: lanes.type) ?? scratch.count
            if place == scratch.count { scratch.append(lanes.type) }
            code.replaceNaN(lanes, scratch: localCount + UInt32(place))
        }
        /// The vector that the instruction before has made.
        var made: FloatLanes?
        while let opcode = reader.readOpcode() {
            let use = reader.readUse(by: opcode)
            if let made, use.operands != made { replace(made) }
            if let observed = use.observed { replace(observed) }
            made = use.result
            position = reader.pointer
        }
        copy()

        let locals = CodeBuilder().u32(runCount + UInt32(scratch.count)).append(runBytes)
        for type in scratch { locals.u32(1).valueType(type) }
        return locals.bytes + code.bytes
    }
}

/// Of a value of floats.
private enum FloatLanes {
    case f32, f64, f32x4, f64x2

    var type: ValueType {
        switch self {
        case .f32: .f32
        case .f64: .f64
        case .f32x4, .f64x2: .v128
        }
    }
}

extension CodeBuilder {
    /// Replaces NaNs in the value on top of the stack.
    ///
    /// - Parameter scratch: a local of its type.
    fileprivate func replaceNaN(_ lanes: FloatLanes, scratch: UInt32) {
        localTee(scratch)
        switch lanes {
        case .f32: const(.f32, bits: 0x7FC0_0000).localGet(scratch).localGet(scratch).op(.f32Eq).select()
        case .f64: const(.f64, bits: 0x7FF8_0000_0000_0000).localGet(scratch).localGet(scratch).op(.f64Eq).select()
        case .f32x4:
            v128Const(V128(lanes: [UInt32](repeating: 0x7FC0_0000, count: 4)))
            localGet(scratch).localGet(scratch).op(.f32x4Eq).op(.v128Bitselect)
        case .f64x2:
            v128Const(V128(lanes: [UInt64](repeating: 0x7FF8_0000_0000_0000, count: 2)))
            localGet(scratch).localGet(scratch).op(.f64x2Eq).op(.v128Bitselect)
        }
    }
}

/// What an instruction does with floats, as far as NaNs are concerned.
private struct FloatUse {
    /// The operand on top of the stack, if its bits are seen.
    var observed: FloatLanes?
    /// The vector operands, if a NaN's bits make no difference to the result.
    var operands: FloatLanes?
    /// The result, if it is a vector with NaNs that the instruction has made.
    var result: FloatLanes?
}

extension OperatorReader {
    /// Skips what follows an opcode, and says what the instruction does.
    fileprivate mutating func readUse(by opcode: Opcode) -> FloatUse {
        switch opcode {
        case .f32Store:
            _ = readMemoryArgument()
            return FloatUse(observed: .f32)
        case .f64Store:
            _ = readMemoryArgument()
            return FloatUse(observed: .f64)
        case .i32ReinterpretF32, .f32Copysign: return FloatUse(observed: .f32)
        case .i64ReinterpretF64, .f64Copysign: return FloatUse(observed: .f64)
        case .prefixFD: return readVectorUse()
        default:
            skipImmediates(of: opcode)
            return FloatUse()
        }
    }

    private mutating func skipImmediates(of opcode: Opcode) {
        switch opcode {
        case .br, .brIf, .call, .returnCall, .localGet, .localSet, .localTee, .globalGet, .globalSet, .tableGet,
            .tableSet, .memorySize, .memoryGrow, .refFunc:
            _ = readU32()
        case .callIndirect, .returnCallIndirect:
            _ = readU32()
            _ = readU32()
        case .brTable: for _ in 0...readU32() { _ = readU32() }
        case .block, .loop, .if: _ = readBlockType()
        case .selectTyped: for _ in 0..<readU32() { _ = readValueType() }
        case .refNull: _ = readValueType()
        case .i32Const: _ = readS32()
        case .i64Const: _ = readS64()
        case .f32Const: _ = readF32Bits()
        case .f64Const: _ = readF64Bits()
        case .prefixFC: skipImmediatesFC()
        default:
            if (Opcode.i32Load.rawValue...Opcode.i64Store32.rawValue).contains(opcode.rawValue) {
                _ = readMemoryArgument()
            }
        }
    }

    private mutating func skipImmediatesFC() {
        switch readOpcodeFC() {
        case .memoryInit, .memoryCopy, .tableInit, .tableCopy:
            _ = readU32()
            _ = readU32()
        case .dataDrop, .elemDrop, .memoryFill, .tableGrow, .tableSize, .tableFill: _ = readU32()
        default: break
        }
    }

    private mutating func readVectorUse() -> FloatUse {
        guard let opcode = VectorOpcode(rawValue: UInt16(truncatingIfNeeded: readVectorCode())) else {
            return FloatUse()
        }
        switch VectorSignature(opcode).immediates {
        case .none: break
        case .memory: _ = readMemoryArgument()
        case .memoryAndLane:
            _ = readMemoryArgument()
            _ = readLane()
        case .lane: _ = readLane()
        case .constant, .shuffle: _ = readV128()
        }
        switch opcode {
        case .f32x4Splat, .f32x4ReplaceLane: return FloatUse(observed: .f32)
        case .f64x2Splat, .f64x2ReplaceLane: return FloatUse(observed: .f64)
        case .f32x4Ceil, .f32x4Floor, .f32x4Trunc, .f32x4Nearest, .f32x4Sqrt, .f32x4Add, .f32x4Sub, .f32x4Mul,
            .f32x4Div, .f32x4Min, .f32x4Max:
            return FloatUse(operands: .f32x4, result: .f32x4)
        case .f64x2Ceil, .f64x2Floor, .f64x2Trunc, .f64x2Nearest, .f64x2Sqrt, .f64x2Add, .f64x2Sub, .f64x2Mul,
            .f64x2Div, .f64x2Min, .f64x2Max:
            return FloatUse(operands: .f64x2, result: .f64x2)
        case .f32x4DemoteF64x2Zero: return FloatUse(operands: .f64x2, result: .f32x4)
        case .f64x2PromoteLowF32x4: return FloatUse(operands: .f32x4, result: .f64x2)
        case .f32x4Eq, .f32x4Ne, .f32x4Lt, .f32x4Gt, .f32x4Le, .f32x4Ge: return FloatUse(operands: .f32x4)
        case .f64x2Eq, .f64x2Ne, .f64x2Lt, .f64x2Gt, .f64x2Le, .f64x2Ge: return FloatUse(operands: .f64x2)
        default: return FloatUse()
        }
    }
}
