//! An open control construct of the body being translated.

struct ControlFrame: BitwiseCopyable {
    enum Kind: UInt8 {
        case function, block
        /// A branch target is the header; a `loop` that no branch names is a `block`.
        case loop
        /// The first arm of an `if`.
        case then
    }
    /// How the second arm of an `if` is entered.
    enum ElseEntry: UInt8 {
        case none
        /// Over `elseEdge`.
        case edge
        /// The condition is always zero: the block that holds the `if` goes on.
        case continuation
    }

    static let noEdge = UInt32.max

    var kind: Kind
    var elseEntry = ElseEntry.none
    /// Values that a branch to this frame passes.
    var labelArity: UInt32
    var resultCount: UInt32
    var parameterCount: UInt32 = 0
    /// Height of the operand stack below the parameters.
    var height: UInt32 = 0
    /// The locals assigned within, in `AssignedLocals.locals`.
    var firstAssigned: UInt32 = 0
    var assignedCount: UInt32 = 0
    /// Forward edges to the frame's end, chained through their targets until that is known.
    var pendingEdge = ControlFrame.noEdge
    var pendingCount: UInt32 = 0
    /// The block that the first of them leaves. It, or what then is its nearest ancestor on the path of dominators,
    /// dominates the join: the blocks that the other edges leave were begun while that ancestor was on the path.
    var firstPredecessor: UInt32 = 0
    /// Of a loop.
    var header: UInt32 = 0
    var elseEdge = ControlFrame.noEdge
    /// The block that ends in the `if`'s branch.
    var ifBlock: UInt32 = 0
    /// The piece that the construct begins in: its `consumeFuel`, where fuel is metered.
    var piece: UInt32 = 0
    /// Whether what comes after the end is part of that piece, or begins another one.
    var endResumesPiece = false
    var endBeginsPiece = false
    /// In `FunctionTranslator.saved`: the parameters, then the assigned locals, at the `if`.
    var firstSaved: UInt32 = 0
}
