//! Where metered code pays: which operators cost what, and the pieces of a body that are paid for at once.
//!
//! A *piece* is a set of operators of which a run that does not trap executes all or none. It is paid for where it begins, by a
//! `payFuel` whose amount grows as the translator comes by the piece's operators. Pieces begin at the function's entry, in
//! loops' headers, in the arms of an `if`, behind `br_if`, where branches meet, and behind calls. Behind the end of a
//! construct that control cannot leave in another way (`AssignedLocals.Construct.isLeft`) the piece goes on that the construct
//! began in. So whoever is called finds exactly that gone which the operators up to the call cost.
//!
//! What is left of the slice at hand is the last of the locals, one that the body does not know. It is checked in each loop's
//! header, and settled, which is checked and put into the context, before calls, returns and `unreachable`, and before bulk
//! instructions do anything: a run that goes on for long, and whoever could look, comes by one of these. In between a
//! guest can be in debt, for code that runs only forwards.
//!
//! All of this follows from the body alone. What the builder folds, merges or leaves out makes no difference: the amount
//! that a run takes, and where it ends if that is not there, are those of the WebAssembly program.

import WasmModule

/// What the translator knows about the function's pieces.
struct FuelMeter: BitwiseCopyable {
    /// Whether fuel is metered at all.
    var isOn = false
    /// The index of the local that holds what is left.
    fileprivate(set) var local: UInt32 = 0
    /// The instruction that pays for the piece at hand.
    fileprivate(set) var piece: UInt32 = 0
}

extension OperatorKind {
    /// Calls, of which fuel and what else is in the context must be told.
    @inline(__always) var isCall: Bool {
        self == .call || self == .callIndirect || self == .returnCall || self == .returnCallIndirect
    }

    /// Units of fuel. What only structures the code, and what never yields anything to go on with, is free.
    @inline(__always) var cost: UInt32 {
        switch self {
        case .nop, .drop, .block, .loop, .else, .end, .unreachable, .return, .invalid: 0
        default: 1
        }
    }
}

extension FunctionTranslator {
    /// Bulk instructions cost a unit more for each so many bytes; an element of a table has 8.
    static var bytesPerUnit: UInt64 { 64 }

    /// Adds the local for what is left behind all others.
    mutating func beginMetering(_ isOn: Bool) {
        meter.isOn = isOn
        guard isOn else { return }
        meter.local = UInt32(truncatingIfNeeded: locals.count)
        locals.append(builder.append(IRInstruction(operation: .fuel, type: .i64)))
    }

    // MARK: Pieces

    /// From here on operators belong to a new piece. The block at hand has all its parameters.
    @inline(__always)
    mutating func beginPiece(_ operation: Operation = .payFuel) {
        if meter.isOn { appendPiece(operation) }
    }

    @inline(never)
    private mutating func appendPiece(_ operation: Operation) {
        meter.piece = builder.append(IRInstruction(operation: operation, type: .i64, a: locals[meter.local]))
        locals[meter.local] = meter.piece
    }

    /// Adds an operator to the piece at hand.
    @inline(__always)
    mutating func pay(for kind: OperatorKind) {
        if meter.isOn { builder.function.instructions[meter.piece].b &+= kind.cost }
    }

    /// Notes what the end of a construct will mean for the piece at hand.
    @inline(__always)
    func notePiece(
        in frame: inout ControlFrame, of construct: AssignedLocals.Construct, kind: ControlFrame.Kind
    ) {
        frame.piece = meter.piece
        frame.endResumesPiece = !construct.isLeft
        frame.endBeginsPiece = kind == .then || (kind == .block && construct.isTarget)
    }

    /// Behind the end of a construct.
    @inline(__always)
    mutating func endPiece(of frame: ControlFrame) {
        guard meter.isOn, isReachable, !frames.isEmpty else { return }
        if frame.endResumesPiece { meter.piece = frame.piece } else if frame.endBeginsPiece { appendPiece(.payFuel) }
    }

    // MARK: Settling

    /// Checks what is left, and puts it into the context.
    @inline(__always)
    mutating func settleFuel() {
        if meter.isOn { settle() }
    }

    @inline(never)
    private mutating func settle() {
        let left = locals[meter.local]
        if left == meter.piece {
            // Nothing has been paid since: it can be settled there, at once.
            builder.function.instructions[left].operation = .settleFuel
        } else if builder.instruction(left).operation != .settleFuel {
            append(settlement: left)
        }
    }

    /// Behind a call, which took what it took.
    @inline(__always)
    mutating func beginPieceAfterCall() {
        guard meter.isOn else { return }
        locals[meter.local] = builder.append(IRInstruction(operation: .fuel, type: .i64))
        appendPiece(.payFuel)
    }

    /// Pays for what a bulk instruction with so many elements does.
    ///
    /// - Parameter elementBytes: a power of two.
    mutating func payForElements(_ count: UInt32, elementBytes: UInt64) {
        guard meter.isOn else { return }
        let type = builder.type(of: count)
        let shift = builder.constant(type, UInt64((Self.bytesPerUnit / elementBytes).trailingZeroBitCount))
        var units = builder.binary(.shiftRightUnsigned, type, count, shift)
        if type == .i32 { units = builder.convert(.zeroExtend, .i64, units) }
        let left = builder.binary(.subtract, .i64, locals[meter.local], units)
        append(settlement: left)
    }

    private mutating func append(settlement left: UInt32) {
        locals[meter.local] = builder.append(IRInstruction(operation: .settleFuel, type: .i64, a: left))
    }
}
