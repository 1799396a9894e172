//! Where metered code pays: which operators cost what, and the pieces of a body that are paid for at once.
//!
//! A *piece* is a set of operators of which a run that does not trap executes all or none. It is paid for where it begins, by a
//! `consumeFuel` whose amount grows as the translator comes by the piece's operators. Pieces begin at the function's entry, in
//! loops' headers, in the arms of an `if`, behind `br_if`, where branches meet, and behind calls. Behind the end of a
//! construct that control cannot leave in another way (`AssignedLocals.Construct.isLeft`) the piece goes on that the construct
//! began in. So whoever is called finds exactly that gone which the operators up to the call cost.
//!
//! All of this follows from the body alone. What the builder folds, merges or leaves out makes no difference: the amount
//! that a run takes, and where it ends if that is not there, are those of the WebAssembly program.

import WasmModule

/// What the translator knows about the function's pieces.
struct FuelMeter: ~Copyable {
    /// Whether fuel is metered at all.
    var isOn = false
    /// The `consumeFuel` of the piece at hand.
    fileprivate(set) var piece: UInt32 = 0
    /// All of the function's.
    fileprivate var pieces = Vector<UInt32>(capacity: 64)

    init() {}
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

    mutating func beginMetering(_ isOn: Bool) {
        meter.isOn = isOn
        meter.pieces.removeAll()
        beginPiece()
    }

    /// From here on operators belong to a new piece. The block at hand has all its parameters.
    @inline(__always)
    mutating func beginPiece() {
        if meter.isOn { appendPiece() }
    }

    @inline(never)
    private mutating func appendPiece() {
        meter.piece = builder.append(IRInstruction(operation: .consumeFuel, type: .none))
        meter.pieces.append(meter.piece)
    }

    /// Adds an operator to the piece at hand.
    @inline(__always)
    mutating func pay(for kind: OperatorKind) {
        if meter.isOn { builder.function.instructions[meter.piece].a &+= kind.cost }
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
        guard meter.isOn, isReachable else { return }
        if frame.endResumesPiece { meter.piece = frame.piece } else if frame.endBeginsPiece { appendPiece() }
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
        builder.append(IRInstruction(operation: .consumeFuelByValue, type: .none, a: units))
    }

    /// Removes the payments that turned out to be for nothing. No more operators follow.
    mutating func endMetering() {
        guard meter.isOn else { return }
        for index in 0..<meter.pieces.count where builder.function.instructions[meter.pieces[index]].a == 0 {
            builder.function.instructions[meter.pieces[index]] = IRInstruction(operation: .nop, type: .none)
        }
    }
}
