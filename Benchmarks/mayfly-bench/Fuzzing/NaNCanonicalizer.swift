//! Writes function bodies anew, with each NaN that an operator may have made replaced by the canonical one.
//!
//! Behind such an operator comes `select` (or `bitselect`) between its result and the canonical NaN, by whether the result
//! equals itself. This is valid in unreachable code too, where the operator has a result of the same type.

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
        func copy() {
            code.append(UnsafeBufferPointer(start: copied, count: reader.pointer - copied))
            copied = reader.pointer
        }
        while let opcode = reader.readOpcode() {
            guard let lanes = reader.skipImmediates(of: opcode) else { continue }
            copy()
            let place = scratch.firstIndex(of: lanes.type) ?? scratch.count
            if place == scratch.count { scratch.append(lanes.type) }
            code.replaceNaN(lanes, scratch: localCount + UInt32(place))
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

extension OperatorReader {
    /// Skips what follows an opcode, and says which lanes of the result may be NaNs that the operator made.
    fileprivate mutating func skipImmediates(of opcode: Opcode) -> FloatLanes? {
        switch opcode {
        case .f32Ceil, .f32Floor, .f32Trunc, .f32Nearest, .f32Sqrt, .f32Add, .f32Sub, .f32Mul, .f32Div, .f32Min,
            .f32Max, .f32DemoteF64:
            return .f32
        case .f64Ceil, .f64Floor, .f64Trunc, .f64Nearest, .f64Sqrt, .f64Add, .f64Sub, .f64Mul, .f64Div, .f64Min,
            .f64Max, .f64PromoteF32:
            return .f64
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
        case .prefixFD: return skipVectorImmediates()
        default:
            if (Opcode.i32Load.rawValue...Opcode.i64Store32.rawValue).contains(opcode.rawValue) {
                _ = readMemoryArgument()
            }
        }
        return nil
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

    private mutating func skipVectorImmediates() -> FloatLanes? {
        guard let opcode = VectorOpcode(rawValue: UInt16(truncatingIfNeeded: readVectorCode())) else { return nil }
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
        case .f32x4Ceil, .f32x4Floor, .f32x4Trunc, .f32x4Nearest, .f32x4Sqrt, .f32x4Add, .f32x4Sub, .f32x4Mul,
            .f32x4Div, .f32x4Min, .f32x4Max, .f32x4DemoteF64x2Zero:
            return .f32x4
        case .f64x2Ceil, .f64x2Floor, .f64x2Trunc, .f64x2Nearest, .f64x2Sqrt, .f64x2Add, .f64x2Sub, .f64x2Mul,
            .f64x2Div, .f64x2Min, .f64x2Max, .f64x2PromoteLowF32x4:
            return .f64x2
        default: return nil
        }
    }
}
