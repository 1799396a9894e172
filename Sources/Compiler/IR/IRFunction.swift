//! A function in SSA form: flat arrays, no pointers.
//!
//! Invariants (checked by `IRVerifier`):
//! - A block is the contiguous instruction range `first ..< end`; its parameters come first, its terminator last.
//! - Blocks are in reverse postorder of the control flow graph; block 0 is the entry, its parameters are the function's.
//!   Edges to a lower-or-equal block index are back edges and go only to blocks marked `isLoopHeader`.
//! - A value's definition dominates its uses; arguments of an edge match the target's parameters in number and type.
//! - A removed parameter is a `nop`; the arguments for it stay in the lists and are ignored.
//! - An i32 in a 64-bit register is zero-extended: every operation that yields an i32 clears the upper half. Address
//!   folding relies on it, so an exception would be a sandbox escape.

import WasmModule

struct IRInstruction: BitwiseCopyable {
    var operation: Operation
    var type: IRType
    var flags: UInt8 = 0
    var a: UInt32 = 0
    var b: UInt32 = 0
    var c: UInt32 = 0
    var d: UInt32 = 0

    var integerCondition: IntegerCondition { IntegerCondition(rawValue: flags)! }
    var floatCondition: FloatCondition { FloatCondition(rawValue: flags)! }
    var memoryAccess: MemoryAccess { MemoryAccess(rawValue: flags)! }
    /// Of `vectorUnary`, `vectorBinary` and `vectorTernary`.
    var vectorOpcode: VectorOpcode { VectorOpcode(rawValue: UInt16(truncatingIfNeeded: d))! }
    /// Of `vectorConstant`.
    var vector: V128 {
        V128(low: UInt64(a) | UInt64(b) &<< 32, high: UInt64(c) | UInt64(d) &<< 32)
    }
    /// Whether it is a constant that gets a register of its own at each use.
    @inline(__always) var isConstant: Bool {
        operation == .integerConstant || operation == .floatConstant || operation == .vectorConstant
    }
    /// The constant of `integerConstant` and `floatConstant`, as bits.
    var constantBits: UInt64 { UInt64(a) | UInt64(b) &<< 32 }
}

struct IRBlock: BitwiseCopyable {
    /// Instructions `first ..< end`.
    var first: UInt32 = 0
    var end: UInt32 = 0
    var parameterCount: UInt32 = 0
    /// 0 outside loops.
    var loopDepth: UInt16 = 0
    var isLoopHeader = false
    /// 1 + the header of the innermost loop around it, or 0.
    var loop: UInt32 = 0
    /// Ends in a trap or is only reached for rare cases.
    var isCold = false
}

/// A control flow edge with the arguments for the target's parameters.
struct IREdge: BitwiseCopyable {
    var target: UInt32
    /// Into `IRFunction.lists`.
    var firstArgument: UInt32
    var argumentCount: UInt32
    /// The module says that it is rarely taken.
    var isUnlikely = false
}

struct IRFunction: ~Copyable {
    var instructions = Vector<IRInstruction>(capacity: 1024)
    /// Parallel to `instructions`: where in the module's binary the operator stands.
    var sourceOffsets = Vector<UInt32>(capacity: 1024)
    var blocks = Vector<IRBlock>(capacity: 64)
    var edges = Vector<IREdge>(capacity: 64)
    /// Arguments of edges, calls and returns.
    var lists = Vector<UInt32>(capacity: 512)
    /// Index of the function in the module (imports counted) and of its type.
    var functionIndex: UInt32 = 0
    var typeIndex: UInt32 = 0
    /// Set by dead code elimination: how often each value is used by live instructions (saturating at 255).
    var useCounts = Vector<UInt8>(capacity: 1024)

    init() {}

    mutating func removeAll() {
        instructions.removeAll()
        sourceOffsets.removeAll()
        blocks.removeAll()
        edges.removeAll()
        lists.removeAll()
        useCounts.removeAll()
    }
}
