//! The register allocator: one forward walk over the blocks that spills and assigns at once.
//!
//! The method is Belady's rule ("give up what is needed last") extended to control flow by next-use distances that
//! cross block boundaries, as Braun and Hack describe ("Register Spilling and Live-Range Splitting for SSA-Form
//! Programs",
//! 2009). Leaving a loop or entering a cold block adds a large distance, so what a loop uses stays in registers and
//! what only a cold path uses goes first. Steps, one file each:
//!
//! 1. `+Loops`: the loop forest.
//! 2. `+Liveness`: one backward pass: what lives into each block and how far its next use is.
//! 3. `+BlockEntry`: which values are in which registers when a block starts.
//! 4. `+Instruction` and `+Definitions`: operands, constraints, clobbers, results. `+State` is what they are made of.
//! 5. `+Edges`: the parallel moves that make a predecessor's end match the block's start.
//! 6. `+Spilling`: where stores go, which spill slot is whose, and the final list of moves.
//!
//! Invariants of the walk:
//! - A live value is in at most one register (its home) between instructions, and in its slot if it is not in one.
//! - Until step 6 a slot is named by its virtual register. Giving up a register never costs anything during the walk:
//!   either the value is stored right after its definition, or at each of the places that give it up; step 6 decides by
//!   the cheaper sum. A register's bit in `valid` says that the second way has stored this value on every path to here.
//! - Every pass is linear in the input plus the sizes of the live sets. Where those would explode, values that live
//!   across a block boundary live in slots (`isLocal`) and no set is ever built.

/// What the allocator knows of one virtual register.
struct VirtualRegisterState: BitwiseCopyable {
    /// The position of the next use, counted from where the walk is: an instruction of the current block, the block's
    /// end for an argument, beyond that a distance added to it. Meaningful while the value is live.
    var nextUse: UInt32 = 0
    /// Stamps say for which block the value is live, in the backward pass, on entry and on exit.
    var stamp: UInt32 = 0
    var entryStamp: UInt32 = 0
    var exitStamp: UInt32 = 0
    /// Like `nextUse`, seen from the end of the current block.
    var exitUse: UInt32 = 0
    /// The last use in the defining block; the block's end if the value outlives it.
    var lastUse: UInt32 = 0
    /// Calls seen behind the last use, in the backward pass.
    var callMark: UInt32 = 0
    var definition: UInt32 = 0
    var definitionBlock: UInt32 = 0
    /// The last position at which the value is live, in block order.
    var lastPosition: UInt32 = 0
    /// The block parameter this value is passed to.
    var parameter: UInt32 = RegisterAllocator.none
    /// The nearest use with a fixed register.
    var fixedHintPosition: UInt32 = 0
    /// What it costs to store at each place that gives up the register.
    var evictionCost: Float = 0
    var fixedHint: UInt8 = RegisterAllocator.noRegister
    /// The home.
    var register: UInt8 = RegisterAllocator.noRegister
    /// Where the definition put it; for a parameter the register on entry.
    var definitionRegister: UInt8 = RegisterAllocator.noRegister
    /// For a parameter: the register a sibling of its web already has.
    var preferred: UInt8 = RegisterAllocator.noRegister
    var registerClass: UInt8 = 0
    var flags: UInt8 = 0

    static let crossesCall: UInt8 = 1
    static let hasSlot: UInt8 = 2
    /// The slot is written on the edges into the block: the value never needs a store of its own.
    static let arrivesInSlot: UInt8 = 4
    static let isParameter: UInt8 = 8
    static let leavesBlock: UInt8 = 16

    @inline(__always) func has(_ flag: UInt8) -> Bool { flags & flag != 0 }
}

/// What the allocator knows of one block.
struct BlockState: BitwiseCopyable {
    /// The innermost loop, named by its header; a header is in its own loop.
    var loop: UInt32 = RegisterAllocator.none
    /// For a header: the loop around this one.
    var outerLoop: UInt32 = RegisterAllocator.none
    /// For a header: the end of the last block of the loop in block order.
    var loopEnd: UInt32 = 0
    var depth: UInt32 = 0
    /// Estimated executions.
    var weight: Float = 1
    /// Into `live`: what lives into the block along forward edges.
    var firstLive: UInt32 = 0
    var liveCount: UInt32 = 0
    /// For a header, into `loopLive`: what is live throughout the loop.
    var firstLoopLive: UInt32 = 0
    var loopLiveCount: UInt32 = 0
    /// For a header: the most values defined inside the loop that are live at once, per class.
    var pressure: (UInt32, UInt32) = (0, 0)
    var loopHasCall = false
    /// Registers in use on entry and on exit; into `stateValues`, their values by increasing register.
    var entryRegisters: UInt32 = 0
    var firstEntryValue: UInt32 = 0
    var exitRegisters: UInt32 = 0
    var firstExitValue: UInt32 = 0
    var exitValid: UInt32 = 0
    /// Into `edgeMoves` and `parallelMoves`: what goes before the terminator.
    var firstEdgeMove: UInt32 = 0
    var edgeMoveCount: UInt32 = 0
    var firstParallelMove: UInt32 = 0
    var parallelMoveCount: UInt32 = 0
}

struct LiveEntry: BitwiseCopyable {
    var virtualRegister: UInt32
    /// Instructions from the block's start to the next use, with penalties.
    var distance: UInt32
}

/// An instruction that demands particular registers.
struct FixedEvent: BitwiseCopyable {
    var position: UInt32
    /// Registers that must hold its own operands before it.
    var uses: UInt32
    /// These and the registers it writes or destroys.
    var all: UInt32
}

/// A move as the walk records it; slots are named by virtual registers.
struct PendingMove: BitwiseCopyable {
    var position: UInt32
    var from: Allocation
    var to: Allocation
    var registerClass: UInt8
    /// A store that is dropped if the value is stored after its definition.
    var isEviction: Bool
}

struct RegisterAllocator: ~Copyable {
    static let none = UInt32.max
    static let noRegister: UInt8 = 255
    /// A use that never comes.
    static let dead = UInt32.max
    static let farthest: UInt32 = 1 << 30
    /// Distance added by leaving a loop. Everything nearer is used in the current loop.
    static let loopExitPenalty: UInt32 = 1 << 16
    /// Distance added by entering a cold block.
    static let coldPenalty: UInt32 = 1 << 22

    var file = RegisterFile(
        allocatable: 0, calleeSaved: 0, integerScratch: PhysicalRegister(0), floatScratch: PhysicalRegister(0))
    var integerMask: UInt32 = 0
    var floatMask: UInt32 = 0
    /// Values that live across block boundaries live in slots: chosen when live sets would be too large.
    var isLocal = false
    /// The most entries all live sets together may have; nil for a limit that grows with the function.
    var liveSetLimit: Int?

    var states = Vector<VirtualRegisterState>(capacity: 512)
    var blocks = Vector<BlockState>(capacity: 64)
    var live = Vector<LiveEntry>(capacity: 1024)
    var loopLive = Vector<LiveEntry>(capacity: 256)
    /// For each operand the position of the next use after it in the block, `dead` if there is none in it.
    var nextUses = Vector<UInt32>(capacity: 1024)
    /// The same for block parameters, parallel to `virtualRegisterLists`.
    var parameterNextUses = Vector<UInt32>(capacity: 64)
    /// By decreasing position.
    var events = Vector<FixedEvent>(capacity: 64)
    var worklist = Vector<UInt32>(capacity: 64)
    var sets = Vector<UInt32>(capacity: 64)
    var marks = Vector<UInt32>(capacity: 64)
    var candidates = Vector<UInt64>(capacity: 64)

    var stateValues = Vector<UInt32>(capacity: 1024)
    var moves = Vector<PendingMove>(capacity: 256)
    var edgeMoves = Vector<PendingMove>(capacity: 256)
    var slotOwners = Vector<UInt32>(capacity: 64)
    /// Operands whose allocation names a slot by virtual register.
    var slotOperands = Vector<UInt32>(capacity: 64)

    // Scratch of one join (`+BlockEntry`), by virtual register.
    var votes = Vector<Vote>(capacity: 512)
    /// The moves of all edges, not ordered yet.
    var parallelMoves = Vector<ParallelMove>(capacity: 64)
    /// Arguments and parameters that are both in slots and may share one.
    var affinities = Vector<SlotAffinity>(capacity: 64)
    // Scratch of one edge (`+Edges`); places are registers, then slots.
    var readers = Vector<UInt32>(capacity: 512)
    var writers = Vector<UInt32>(capacity: 512)
    var temporarySlot: UInt32 = 0
    var usesTemporarySlot = false
    // Scratch of `+Spilling`.
    var owners = Vector<SlotOwner>(capacity: 64)
    var slotIndices = Vector<UInt32>(capacity: 512)
    var intervalStarts = Vector<UInt64>(capacity: 64)
    var intervalEnds = Vector<UInt64>(capacity: 64)
    var freeSlots = Vector<UInt32>(capacity: 64)
    var freeVectorSlots = Vector<UInt32>(capacity: 64)
    /// By operand index within the instruction: tied to no, a late (1) or an early (2) definition.
    var ties = Vector<UInt8>(capacity: 256)

    // The state of the walk.
    var occupants = Vector<UInt32>(capacity: 32)
    var occupied: UInt32 = 0
    var valid: UInt32 = 0
    var calleeSavedUsed: UInt32 = 0
    var currentBlock = 0
    var entryPosition: UInt32 = 0
    var currentEnd: UInt32 = 0
    var exitEpoch: UInt32 = 0
    var weight: Float = 1
    var isCold = false
    /// The nearest event behind the current instruction, an index into `events`, −1 at the end.
    var eventCursor = -1

    /// How the function at hand is to be allocated otherwise than usual.
    var experiment = FunctionExperiment()
    var chaos = Chaos()

    init() {
        occupants.append(repeating: Self.none, count: 32)
        ties.append(repeating: 0, count: 256)
    }

    /// Gives every operand of `input` a place. Always succeeds if `input` keeps its invariants and each instruction,
    /// once its fixed registers are set aside, finds enough registers of `registers` for its other operands.
    mutating func allocate(
        _ input: borrowing AllocationInput, registers: RegisterFile, into output: inout AllocationOutput
    ) {
        prepare(input, registers: registers, output: &output)
        findLoops(input)
        if !findLiveness(input) || chaos.strikes(oneIn: 8) {
            isLocal = true
            findLocalUses(input)
        }
        eventCursor = events.count &- 1
        var index = 0
        while index < blocks.count {
            enterBlock(index, input)
            var position = input.blocks[index].firstInstruction
            while position < currentEnd {
                if chaos.isOn { disturb(before: position) }
                allocateInstruction(position, input, &output)
                position &+= 1
            }
            leaveBlock(index, input)
            index &+= 1
        }
        finish(input, &output)
    }

    private mutating func prepare(
        _ input: borrowing AllocationInput, registers: RegisterFile, output: inout AllocationOutput
    ) {
        file = registers
        chaos = experiment.chaos(salt: 1)
        if chaos.isOn { file = confused(registers) }
        integerMask = file.allocatable & 0xFFFF
        floatMask = file.allocatable & 0xFFFF_0000
        isLocal = false
        let count = input.virtualRegisterCount
        states.reset(to: VirtualRegisterState(), count: count)
        votes.reset(to: Vote(), count: count)
        slotIndices.reset(to: Self.none, count: count)
        blocks.reset(to: BlockState(), count: input.blocks.count)
        nextUses.reset(to: Self.dead, count: input.operands.count)
        parameterNextUses.reset(to: Self.dead, count: input.virtualRegisterLists.count)
        output.allocations.reset(to: .none, count: input.operands.count)
        output.moves.removeAll()
        live.removeAll()
        loopLive.removeAll()
        events.removeAll()
        stateValues.removeAll()
        moves.removeAll()
        edgeMoves.removeAll()
        slotOwners.removeAll()
        slotOperands.removeAll()
        parallelMoves.removeAll()
        affinities.removeAll()
        usesTemporarySlot = false
        occupied = 0
        valid = 0
        calleeSavedUsed = 0

        let states = states.base
        for index in 0..<count { states[index].registerClass = input.registerClasses[index] }
        let operands = input.operands.base
        for index in 0..<blocks.count {
            let block = input.blocks[index]
            for entry in 0..<Int(block.parameterCount) {
                let parameter = Int(input.virtualRegisterLists[Int(block.firstParameter) &+ entry])
                states[parameter].definition = block.firstInstruction
                states[parameter].definitionBlock = UInt32(truncatingIfNeeded: index)
                states[parameter].flags = VirtualRegisterState.isParameter
            }
            for position in block.firstInstruction..<block.endInstruction {
                // Definitions come last.
                var operand = Int(input.operandStart[position &+ 1]) &- 1
                let start = Int(input.operandStart[position])
                while operand >= start, operands[operand].isDefinition {
                    let register = Int(operands[operand].virtualRegister)
                    states[register].definition = position
                    states[register].definitionBlock = UInt32(truncatingIfNeeded: index)
                    operand &-= 1
                }
            }
        }
    }

    @inline(__always)
    func classMask(_ registerClass: UInt8) -> UInt32 { registerClass == 0 ? integerMask : floatMask }
}
