//! The seam between instruction selection and register allocation: what an allocator is given and what it returns.
//!
//! The allocator knows nothing of machine instructions. It sees operands (a virtual register, read or written, with
//! a constraint), clobbered registers, and control flow with block parameters. It answers with a place for every operand
//! and a list of moves to insert. `AllocationChecker` proves any answer against its question symbolically.
//!
//! Invariants of the input:
//! - Blocks are numbered in reverse postorder; block 0 is the entry and has no predecessors and no parameters.
//! - No critical edges: of the two ends of an edge, one has a single successor or the other a single predecessor.
//! - Only a block with exactly one successor passes arguments, so an edge's moves go before its terminator; a block with
//!   parameters therefore has only predecessors that end in an unconditional jump.
//! - Every virtual register has exactly one definition (an operand or a block parameter), which dominates its uses.
//! - Every block ends with one terminator instruction; terminators define nothing.

/// A physical register: 0–15 are the integer registers by hardware number, 16–31 are xmm0–xmm15.
struct PhysicalRegister: Hashable, BitwiseCopyable {
    var number: UInt8

    @inline(__always) init(_ number: UInt8) { self.number = number }

    /// The number as instruction encodings have it, 0–15.
    @inline(__always) var hardware: UInt8 { number & 15 }
    @inline(__always) var isFloat: Bool { number >= 16 }
    @inline(__always) var mask: UInt32 { 1 &<< UInt32(number) }
}

enum RegisterClass: UInt8 {
    /// Holds i32, i64 and references, in 64-bit registers.
    case integer = 0
    /// Holds f32 and f64; spilled to 8 bytes.
    case float = 1
    /// Holds v128; in the same registers as `float`, spilled to 16 aligned bytes.
    case vector = 2
}

/// One mention of a virtual register by an instruction.
struct Operand: BitwiseCopyable {
    enum Constraint: UInt8 {
        /// A register of the class or a spill slot: the instruction can take memory here.
        case any
        /// Some register of the class.
        case register
        /// The physical register in `detail`.
        case fixed
        /// A definition that must be in the place of the use operand whose index within the instruction is `detail`.
        case reuse
    }
    enum Role: UInt8 {
        /// Read before anything is written.
        case use
        /// Read, and still needed after definitions are written: shares no register with any definition.
        case lateUse
        /// Written after every `use` has been read: may share a register with one.
        case def
        /// Written at the start: shares no register with any other operand. With no later use it is a temporary.
        case earlyDef
    }
    var virtualRegister: UInt32
    var constraint: Constraint
    var role: Role
    /// Physical register number for `fixed`, operand index for `reuse`.
    var detail: UInt8 = 0

    var isDefinition: Bool { role == .def || role == .earlyDef }
}

/// A block as the allocator sees it. Ranges index the vectors of `AllocationInput`.
struct AllocationBlock: BitwiseCopyable {
    /// Instructions `firstInstruction ..< endInstruction`; the last one is the terminator.
    var firstInstruction: UInt32 = 0
    var endInstruction: UInt32 = 0
    /// Into `successors`.
    var firstSuccessor: UInt32 = 0
    var successorCount: UInt32 = 0
    /// Into `predecessors`.
    var firstPredecessor: UInt32 = 0
    var predecessorCount: UInt32 = 0
    /// Into `virtualRegisterLists`: the parameters.
    var firstParameter: UInt32 = 0
    var parameterCount: UInt32 = 0
    /// Into `virtualRegisterLists`: what is passed to the only successor's parameters.
    var firstArgument: UInt32 = 0
    var argumentCount: UInt32 = 0
    /// 0 outside loops.
    var loopDepth: UInt16 = 0
    /// A block that is entered by a back edge.
    var isLoopHeader = false
    /// Rarely executed: allocation may be poor here if that keeps it good elsewhere.
    var isCold = false
}

/// A function as the allocator sees it.
struct AllocationInput: ~Copyable {
    /// Operands of instruction `i` are `operands[operandStart[i] ..< operandStart[i + 1]]`. Uses come before definitions.
    var operands = Vector<Operand>(capacity: 1024)
    /// One more entry than there are instructions.
    var operandStart = Vector<UInt32>(capacity: 512)
    /// For each instruction the registers whose contents it destroys, as `PhysicalRegister.mask`s, not counting its own
    /// definitions. Nonzero exactly for calls.
    var clobbers = Vector<UInt32>(capacity: 512)
    /// For each instruction, 1 if it is a plain register copy whose operands are [use, def] of one class.
    var isCopy = Vector<UInt8>(capacity: 512)
    var blocks = Vector<AllocationBlock>(capacity: 64)
    var successors = Vector<UInt32>(capacity: 64)
    var predecessors = Vector<UInt32>(capacity: 64)
    var virtualRegisterLists = Vector<UInt32>(capacity: 64)
    /// The class of each virtual register, as `RegisterClass` raw values.
    var registerClasses = Vector<UInt8>(capacity: 512)

    init() {}

    var instructionCount: Int { clobbers.count }
    var virtualRegisterCount: Int { registerClasses.count }

    mutating func removeAll() {
        operands.removeAll()
        operandStart.removeAll()
        clobbers.removeAll()
        isCopy.removeAll()
        blocks.removeAll()
        successors.removeAll()
        predecessors.removeAll()
        virtualRegisterLists.removeAll()
        registerClasses.removeAll()
    }
}

/// The registers an allocator may use.
struct RegisterFile: BitwiseCopyable {
    /// Registers that may be handed out, both classes.
    var allocatable: UInt32
    /// Registers a callee preserves; using one costs a save and a restore in the prologue and epilogue.
    var calleeSaved: UInt32
    /// Never handed out: for breaking cycles and for moves from slot to slot.
    var integerScratch: PhysicalRegister
    var floatScratch: PhysicalRegister
}

/// A place: a physical register or a spill slot.
struct Allocation: Hashable, BitwiseCopyable {
    /// Register number, or `slotBit | slot index`.
    var bits: UInt32

    static let slotBit: UInt32 = 0x8000_0000
    static let none = Allocation(bits: 0x7FFF_FFFF)

    @inline(__always) init(bits: UInt32) { self.bits = bits }
    @inline(__always) static func register(_ register: PhysicalRegister) -> Allocation {
        Allocation(bits: UInt32(register.number))
    }
    @inline(__always) static func slot(_ index: UInt32) -> Allocation { Allocation(bits: slotBit | index) }

    @inline(__always) var isSlot: Bool { bits & Self.slotBit != 0 }
    @inline(__always) var isRegister: Bool { bits < 32 }
    @inline(__always) var register: PhysicalRegister { PhysicalRegister(UInt8(truncatingIfNeeded: bits)) }
    /// The index of an 8-byte slot; a vector occupies this slot and the next, and this index is even.
    @inline(__always) var slot: UInt32 { bits & ~Self.slotBit }
}

/// A move to insert.
struct AllocationMove: BitwiseCopyable {
    /// Before instruction `position`. Moves of equal position are in the order in which they execute, and there are no
    /// cycles left among them. Never from slot to slot: those have been split through a scratch register.
    var position: UInt32
    var from: Allocation
    var to: Allocation
    var registerClass: RegisterClass
}

/// The allocator's answer.
struct AllocationOutput: ~Copyable {
    /// The place of each operand, parallel to `AllocationInput.operands`.
    var allocations = Vector<Allocation>(capacity: 1024)
    /// Sorted by position. (What must follow instruction `i` is put before instruction `i + 1`: terminators define
    /// nothing, so there is one.)
    var moves = Vector<AllocationMove>(capacity: 256)
    /// 8-byte spill slots in use.
    var slotCount: UInt32 = 0
    /// Callee-saved registers that were written, as a mask.
    var calleeSavedUsed: UInt32 = 0

    init() {}
}
