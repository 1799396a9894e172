//! Machine instructions as selection makes them and emission encodes them.
//!
//! A machine instruction is an operation with attributes; its register operands lie in `AllocationInput`, in the order said
//! per case ("use, use → def"). Most are one x86 instruction; those of more are said to be sequences. Integer
//! arithmetic is three-operand here: emission inserts the `mov` when the destination differs from the first source.
//!
//! In operand lists below, `r` is a register, `m` a register or a spill slot, `@x` the fixed register x, and `address`
//! stands for nothing or for one register, depending on `MachineInstruction.memory`.

import WasmModule

enum MachineOperation: UInt8 {
    /// → results in the argument registers. First in the function.
    case entry
    /// r → r of one class.
    case copy
    /// → r. `immediate`.
    case loadImmediate
    /// → r. Bits in `immediate`, width w32 or w64.
    case loadFloatConstant

    // MARK: Integers

    /// r, m → r. `detail`: `ALU`, one of add, sub, and, or, xor.
    case alu
    /// r → r. `immediate` fits 32 bits signed.
    case aluImmediate
    /// r, address → r in the place of the first.
    case aluMemory
    /// r, m → r.
    case multiply
    /// m → r. `immediate` fits 32 bits signed.
    case multiplyImmediate
    /// r, address → r in the place of the first.
    case multiplyMemory
    /// r, r → r. First + second << `detail` + displacement.
    case lea
    /// r → r. First << `detail` + displacement.
    case leaScaled
    /// r → r. `detail`: `Shift`.
    case shiftImmediate
    /// m, r → r. `detail`: `Shift`, one of shl, shr, sar. Not in the baseline instruction set.
    case shiftVariable
    /// m → r. To the right by `immediate`.
    case rotateImmediate
    /// r, @rcx → r in the place of the first. `detail`: `Shift`.
    case shiftByCL
    /// address, r. To memory. `detail`: `ALU`, `width` the access's.
    case aluStore
    /// address. To memory. `immediate` fits `width`, at most 32 bits signed.
    case aluStoreImmediate
    /// r, m → r. The second without the bits of the first. Like the next not in the baseline instruction set.
    case andNot
    /// m → r. Without its lowest bit that is set; nothing but that bit.
    case clearLowestBit, isolateLowestBit
    /// r → r.
    case negate
    /// m → r.
    case countLeadingZeros, countTrailingZeros, populationCount
    /// m → r. From `detail` (`Width`) to `width`.
    case signExtend, zeroExtend
    /// @rax, late r → @rax quotient, @rdx remainder. Sequence: zero test, extension, division. `detail` bit 0: signed,
    /// bit 1: the remainder is wanted, bit 2: the divisor is known not to be zero, bit 3: and not to be -1.
    case divide

    // MARK: Comparisons. They begin with the operands of `comparison`.

    /// → r. Sequence.
    case setCondition
    /// …, m if true, m if false → r. Sequence.
    case selectInteger
    /// …, r if true, r if false → r. Sequence.
    case selectFloat

    // MARK: Floats

    /// r, m → r. `detail`: `VScalar`.
    case floatBinary
    /// r → r. The second operand is the constant in `immediate`.
    case floatBinaryConstant
    /// r, address → r. In the baseline instruction set in the place of the first, as `vectorInsertMemory`.
    case floatBinaryMemory
    /// r, r → r. Sequence. `detail`: `VScalar` min or max.
    case floatMinimumMaximum
    /// r, r → r. Sequence.
    case floatCopySign
    /// m → r.
    case floatSquareRoot
    /// m → r. `detail`: rounding mode of `vrounds`.
    case floatRound
    /// r → r.
    case floatNegate, floatAbsolute
    /// m → r. f32 → f64 and f64 → f32.
    case promote, demote
    /// m → r. From an integer of `width`, signed, to `detail` (`FloatWidth`).
    case convertFromInteger
    /// r, early r → r. Sequence: from an unsigned 64-bit integer to `detail` (`FloatWidth`).
    case convertFromUnsigned64
    /// late r → early r. Sequence. To an integer of `width` from `detail` bit 0 (`FloatWidth`);
    /// bit 1: unsigned, bit 2: saturating.
    case truncateToInteger
    /// m → r. Between classes, `width` bits.
    case moveToFloat, moveFromFloat

    // MARK: Vectors. `immediate`: the assembler's operation; a constant is an index into `SelectedFunction.vectorConstants`.
    // In the baseline instruction set no operand of 16 bytes is in memory, and there is neither `vectorBlend` nor `vectorFused`.

    /// → r. `immediate`: the constant.
    case loadVectorConstant
    /// r → r. Between the classes of floats and vectors.
    case vectorMove
    /// m → r. `VPackedUnary`.
    case vectorUnary
    /// address → r.
    case vectorUnaryMemory
    /// r, m → r. `VPacked`.
    case vectorBinary
    /// r → r. `immediate`: `VPacked` | constant << 32.
    case vectorBinaryConstant
    /// r, address → r.
    case vectorBinaryMemory
    /// m → r. `VPackedUnaryImmediate`, its own immediate in `detail`.
    case vectorUnaryImmediate
    /// r, m → r. `VPackedImmediate`, its own immediate in `detail`.
    case vectorBinaryImmediate
    /// r → r. `immediate`: `VPackedImmediate` | constant << 32.
    case vectorBinaryImmediateConstant
    /// r, address → r.
    case vectorBinaryImmediateMemory
    /// r → r. `VShiftImmediate`, the count in `detail`.
    case vectorShiftImmediate
    /// r, r, r mask → r.
    case vectorBlend
    /// r, r, m → r in the place of the first, to which the product is added. `VFusedMultiplyAdd`, of floats of `width`.
    case vectorFused
    /// r, integer r → r. Replaces lane `detail` of `width`.
    case vectorInsert
    /// r, address → r.
    case vectorInsertMemory
    /// r → integer r. Lane `detail` of `width`, zero-extended.
    case vectorExtract
    /// address, r. To memory.
    case vectorExtractStore
    /// r → integer r. The sign bits of bytes (`detail` 0), f32 (1) or f64 (2).
    case vectorMask

    // MARK: Memory

    /// address → r. `detail`: `MemoryAccess`; `width` w64 when it extends to 64 bits.
    case load
    /// address, r. `detail`: `MemoryAccess`.
    case store
    /// address. `immediate` fits 32 bits signed. `detail`: `MemoryAccess`.
    case storeImmediate
    /// r → r. Sequence: bounds check and load of element. `immediate`: table.
    case tableGet
    /// r, r. Sequence. `immediate`: table.
    case tableSet
    /// → r. Sequence. `immediate`: function index.
    case functionReference

    // MARK: Fuel. All are sequences.

    /// → r. What is left of the slice.
    case loadFuel
    /// r → r. The first less `immediate`; where that is negative, with the next slice.
    case checkFuel
    /// r → r. The same, stored too.
    case settleFuel

    // MARK: Calls and the stack

    /// @arguments → @results. `immediate`: function index.
    case call
    /// r index, @arguments → early r, @results. Sequence. `immediate`: type index | table index << 32.
    case callIndirect
    /// Nothing; cells at the stack pointer. `immediate`: `RuntimeFunction`.
    case callRuntime
    /// Stack pointer += displacement.
    case adjustStack
    /// r. To stack pointer + displacement.
    case outgoingStore
    /// → r. From stack pointer + displacement.
    case outgoingLoad
    /// → r. From the incoming area at displacement.
    case incomingLoad
    /// r. To the incoming area at displacement.
    case incomingStore

    // MARK: Terminators

    case jump
    /// …. With the operands of `comparison`.
    case branch
    /// r, early r. Sequence. `immediate`: first entry of `SelectedFunction.jumpTargets` | count << 32; the last one is the default.
    case branchTable
    /// @results.
    case `return`
    /// @arguments. `immediate`: function index; `displacement`: bytes of stack arguments, at the stack pointer. Sequence.
    case tailCall
    /// r index, @arguments → early r. Sequence. `immediate`: type index | table index << 32; `displacement` as above.
    case tailCallIndirect
    /// `detail`: `TrapCode`.
    case trap
}

/// How `setCondition`, `selectInteger`, `selectFloat` and `branch` compare.
enum Comparison: UInt8 {
    /// r, m.
    case compare
    /// m. With `immediate`.
    case compareImmediate
    /// r, address.
    case compareMemory
    /// r, r. Bitwise and.
    case test
    /// m. Bitwise and with `immediate`.
    case testImmediate
    /// r, m. Floats; the condition is a `FloatTest`.
    case float
    /// r. Whether a vector is zero: equal or not equal.
    case vector
}

/// What to test after `vucomis a, b`.
enum FloatTest: UInt8 {
    /// a > b, false if unordered.
    case above = 0
    /// a ≥ b, false if unordered.
    case aboveOrEqual
    case equal
    /// True if unordered.
    case notEqual
    /// Negations of the first two, true if unordered.
    case notAbove, notAboveOrEqual
}

/// What a memory operand addresses.
enum MemoryForm: UInt8 {
    case none = 0
    // An access of `accessBytes` to memory `memoryIndex`. All but unchecked ones to memory 0 use the scratch register.

    /// Base + register + displacement.
    case heap
    /// Base + displacement.
    case heapConstant
    /// Base + (register + displacement as an unsigned number), compared with the memory's length.
    case heapChecked
    /// Base + displacement, compared with the memory's length.
    case heapConstantChecked
    /// r15 + displacement.
    case context
    /// At the address that is at r15 + displacement. Uses the scratch register.
    case contextIndirect

    /// Whether a register operand belongs to it.
    @inline(__always) var usesRegister: Bool { self == .heap || self == .heapChecked }
    /// Whether it is in a memory of the guest, where an access may trap.
    @inline(__always) var isHeap: Bool { rawValue < MemoryForm.context.rawValue && self != .none }
}

struct MachineInstruction: BitwiseCopyable {
    var operation: MachineOperation
    var width: Width = .w32
    /// Meaning by operation.
    var detail: UInt8 = 0
    var memory: MemoryForm = .none
    var comparison: Comparison = .compare
    /// x86 `Condition`, or `FloatTest` for float comparisons.
    var condition: UInt8 = 0
    var memoryIndex: UInt8 = 0
    var accessBytes: UInt8 = 0
    var displacement: Int32 = 0
    /// Position in the module's binary.
    var source: UInt32 = 0
    var immediate: Int64 = 0
}

/// A function after selection: the machine instructions, parallel to the instructions of `input`.
struct SelectedFunction: ~Copyable {
    var instructions = Vector<MachineInstruction>(capacity: 512)
    var input = AllocationInput()
    /// Blocks that branch tables jump to.
    var jumpTargets = Vector<UInt32>(capacity: 64)
    var vectorConstants = Vector<V128>(capacity: 16)
    /// Bytes of stack arguments to pop on return, and whether anything is called.
    var incomingArgumentBytes: Int32 = 0
    var hasCalls = false
    /// The most bytes that a call takes from the stack for its arguments and results.
    var outgoingBytes: Int32 = 0

    init() {}
}
