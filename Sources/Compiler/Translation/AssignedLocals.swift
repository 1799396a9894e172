//! For every block, loop and `if` of a body, in order of appearance: the locals assigned within it, each once.
//!
//! A first pass over the body finds them, so that a loop's header gets parameters for the locals that change in the
//! loop and no others, and a branch records values only for the locals that may differ at its target. Sets of
//! enclosing constructs contain those of the enclosed. Code that cannot be reached counts too; it makes a set larger
//! than needed, not wrong.
//!
//! Time and memory are linear in the body plus the total size of the sets, which is limited.

import WasmModule

struct AssignedLocals: ~Copyable {
    struct Construct: BitwiseCopyable {
        /// Into `locals`.
        var first: UInt32
        var count: UInt32
        /// A branch names it as its target.
        var isTarget = false
        /// Control may leave it otherwise than over its end or by a trap: a branch further out, a return; or somebody else
        /// may look: a call.
        var isLeft = false
    }

    private(set) var constructs = Vector<Construct>(capacity: 64)
    /// The body itself.
    private(set) var whole = Construct(first: 0, count: 0)
    private(set) var locals = Vector<UInt32>(capacity: 256)

    private let shapes: UnsafePointer<OperatorShape>
    private let vectors: UnsafePointer<VectorSignature?>

    struct Open: BitwiseCopyable {
        /// Index in `constructs`; `noConstruct` for the body itself.
        var construct: UInt32
        /// Where its entries begin in `entries`.
        var firstEntry: UInt32
        /// The depth of the outermost construct that control goes to from within.
        var outermostTarget: UInt32
    }
    struct Entry: BitwiseCopyable {
        var local: UInt32
        /// The open construct, by depth, in whose set the local was before.
        var outerDepth: UInt32
    }
    private var open = Vector<Open>(capacity: 64)
    /// The sets of the open constructs, innermost last.
    private var entries = Vector<Entry>(capacity: 256)
    /// For each local, 1 + the depth of the innermost open construct that has it in its set; 0 for none.
    private var depthOfLocal = Vector<UInt32>(capacity: 256)

    private static let noConstruct = UInt32.max

    /// - Parameters: the tables of all opcodes and of the vector instructions; they must outlive this.
    init(shapes: UnsafePointer<OperatorShape>, vectors: UnsafePointer<VectorSignature?>) {
        self.shapes = shapes
        self.vectors = vectors
    }

    /// Reads a whole body.
    ///
    /// - Parameters:
    ///   - reader: stands behind the declarations of locals.
    ///   - localCount: parameters and declared locals, and what else is to be looked after like a local.
    ///   - fuelLocal: the one that holds what is left of the fuel, if that is metered.
    ///   - limit: how large the sets may be together.
    ///   - depthLimit: how deep constructs may be nested.
    /// - Returns: false if a limit was exceeded.
    mutating func scan(
        _ reader: OperatorReader, localCount: Int, fuelLocal: UInt32? = nil, limit: Int, depthLimit: Int
    ) -> Bool {
        var reader = reader
        constructs.removeAll()
        locals.removeAll()
        open.removeAll()
        entries.removeAll()
        depthOfLocal.reset(to: 0, count: localCount)
        open.append(Open(construct: Self.noConstruct, firstEntry: 0, outermostTarget: 0))
        while !reader.atEnd {
            switch shapes[Int(reader.readByte())].kind {
            case .localSet, .localTee:
                assign(reader.readU32())
            case .block, .loop, .if:
                _ = reader.readBlockType()
                open.append(
                    Open(
                        construct: UInt32(truncatingIfNeeded: constructs.count),
                        firstEntry: UInt32(truncatingIfNeeded: entries.count),
                        outermostTarget: UInt32(truncatingIfNeeded: open.count)))
                constructs.append(Construct(first: 0, count: 0, isTarget: false))
                if open.count > depthLimit { return false }
                if let fuelLocal { assign(fuelLocal) }
            case .end:
                if open.count > 1 {
                    close()
                    if locals.count > limit { return false }
                    // Wherever something begins that is paid for by itself.
                    if let fuelLocal { assign(fuelLocal) }
                }
            case .br, .brIf:
                if let fuelLocal { assign(fuelLocal) }
                markTarget(reader.readU32())
            case .brTable:
                for _ in 0...reader.readU32() { markTarget(reader.readU32()) }
            case .return: open.last.outermostTarget = 0
            case let kind:
                if kind.isCall { open.last.outermostTarget = 0 }
                if let fuelLocal, kind.isCall || kind == .prefixFC { assign(fuelLocal) }
                reader.skipImmediates(of: kind, vectors: vectors)
            }
        }
        // Of the body's locals none matters behind its end.
        whole = Construct(first: UInt32(truncatingIfNeeded: locals.count), count: fuelLocal == nil ? 0 : 1)
        if let fuelLocal { locals.append(fuelLocal) }
        return true
    }

    @inline(__always)
    private mutating func assign(_ local: UInt32) {
        let depth = UInt32(truncatingIfNeeded: open.count &- 1)
        let outer = depthOfLocal[local]
        if outer == depth &+ 1 || depth == 0 { return }
        entries.append(Entry(local: local, outerDepth: outer))
        depthOfLocal[local] = depth &+ 1
    }

    private mutating func markTarget(_ label: UInt32) {
        let depth = open.count - 1 - Int(label)
        open.last.outermostTarget = min(open.last.outermostTarget, UInt32(truncatingIfNeeded: max(depth, 0)))
        if depth > 0 { constructs[open[depth].construct].isTarget = true }
    }

    /// Stores the innermost set and merges it into the enclosing one.
    private mutating func close() {
        let closed = open.popLast()
        let first = locals.count
        let outerDepth = UInt32(truncatingIfNeeded: open.count)  // 1 + the depth of the enclosing construct
        var kept = Int(closed.firstEntry)
        for index in Int(closed.firstEntry)..<entries.count {
            let entry = entries[index]
            locals.append(entry.local)
            if entry.outerDepth == outerDepth || outerDepth == 1 {
                depthOfLocal[entry.local] = entry.outerDepth
            } else {
                // The entry becomes one of the enclosing construct, whose entries end where these begin.
                entries[kept] = entry
                kept += 1
                depthOfLocal[entry.local] = outerDepth
            }
        }
        entries.truncate(to: kept)
        constructs[closed.construct].isLeft = closed.outermostTarget < outerDepth
        open.last.outermostTarget = min(open.last.outermostTarget, closed.outermostTarget)
        constructs[closed.construct].first = UInt32(truncatingIfNeeded: first)
        constructs[closed.construct].count = UInt32(truncatingIfNeeded: locals.count - first)
    }
}

extension OperatorReader {
    /// Skips what follows an opcode byte.
    @inline(__always)
    mutating func skipImmediates(of kind: OperatorKind, vectors: UnsafePointer<VectorSignature?>) {
        switch kind {
        case .br, .brIf, .call, .returnCall, .localGet, .localSet, .localTee, .globalGet, .globalSet, .tableGet,
            .tableSet,
            .memorySize, .memoryGrow, .refFunc:
            _ = readU32()
        case .load, .store: _ = readMemoryArgument()
        case .callIndirect, .returnCallIndirect:
            _ = readU32()
            _ = readU32()
        case .i32Const: _ = readS32()
        case .i64Const: _ = readS64()
        case .f32Const: _ = readF32Bits()
        case .f64Const: _ = readF64Bits()
        case .refNull: _ = readValueType()
        case .block, .loop, .if: _ = readBlockType()
        case .brTable:
            for _ in 0...readU32() { _ = readU32() }
        case .selectTyped:
            for _ in 0..<readU32() { _ = readValueType() }
        case .prefixFC: skipPrefixedImmediates()
        case .prefixFD: skipVectorImmediates(vectors)
        case .invalid, .unreachable, .nop, .else, .end, .return, .drop, .select, .integerBinary, .integerUnary,
            .integerCompare, .equalsZero, .floatBinary, .floatUnary, .floatCompare, .conversion, .refIsNull:
            break
        }
    }

    private mutating func skipVectorImmediates(_ vectors: UnsafePointer<VectorSignature?>) {
        guard let signature = readVectorSignature(vectors) else { return }
        switch signature.immediates {
        case .none: break
        case .memory: _ = readMemoryArgument()
        case .memoryAndLane:
            _ = readMemoryArgument()
            _ = readLane()
        case .lane: _ = readLane()
        case .constant, .shuffle: _ = readV128()
        }
    }

    /// The second part of an opcode after `Opcode.prefixFD`.
    @inline(__always)
    mutating func readVectorSignature(_ vectors: UnsafePointer<VectorSignature?>) -> VectorSignature? {
        let code = readVectorCode()
        return code < VectorSignature.tableCount ? vectors[Int(code)] : nil
    }

    private mutating func skipPrefixedImmediates() {
        switch readOpcodeFC() {
        case .memoryInit, .memoryCopy, .tableInit, .tableCopy:
            _ = readU32()
            _ = readU32()
        case .dataDrop, .elemDrop, .memoryFill, .tableGrow, .tableSize, .tableFill:
            _ = readU32()
        case .i32TruncSatF32S, .i32TruncSatF32U, .i32TruncSatF64S, .i32TruncSatF64U, .i64TruncSatF32S,
            .i64TruncSatF32U, .i64TruncSatF64S, .i64TruncSatF64U, nil:
            break
        }
    }
}
