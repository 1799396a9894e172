//! The x86-64 register file and the calling convention between compiled functions.
//!
//! Pinned: rsp stack, rbp frame (always a chain, for backtraces), r15 VM context, r14 base of memory 0. r11 and xmm15 are
//! scratch: moves and multi-instruction sequences use them inside one machine instruction, `call_indirect` passes the function
//! record in r11.
//!
//! Integers and references are passed and returned in rax rcx rdx rsi rdi r8 r9 r10, floats and vectors in xmm0–7, each class
//! counted by itself; what is left over goes to the stack in 8-byte cells (vectors: two). The caller reserves an area for
//! stack results, below it one for stack arguments, and calls; the callee pops the arguments (`ret n`) and leaves the
//! results. So a tail call can replace its frame by one with more arguments. Both areas are multiples of 16 bytes.
//! rbx, r12 and r13 are preserved by the callee, nothing else is.

enum X86_64 {
    static let rax: UInt8 = 0
    static let rcx: UInt8 = 1
    static let rdx: UInt8 = 2
    static let rbx: UInt8 = 3
    static let rsp: UInt8 = 4
    static let rbp: UInt8 = 5
    static let rsi: UInt8 = 6
    static let rdi: UInt8 = 7
    static let r8: UInt8 = 8
    static let r9: UInt8 = 9
    static let r10: UInt8 = 10
    static let r11: UInt8 = 11
    static let r12: UInt8 = 12
    static let r13: UInt8 = 13
    static let r14: UInt8 = 14
    static let r15: UInt8 = 15

    static let context = r15
    static let memoryBase = r14
    static let scratch = r11
    static let floatScratch: UInt8 = 15

    private static func mask(_ registers: UInt8...) -> UInt32 { registers.reduce(0) { $0 | 1 << UInt32($1) } }

    static let calleeSaved = mask(rbx, r12, r13)
    static let registerFile = RegisterFile(
        allocatable: mask(rax, rcx, rdx, rbx, rsi, rdi, r8, r9, r10, r12, r13) | 0x7FFF_0000,
        calleeSaved: calleeSaved,
        integerScratch: PhysicalRegister(r11),
        floatScratch: PhysicalRegister(31))
    /// What a call destroys.
    static let callClobbers = registerFile.allocatable & ~calleeSaved

    /// The registers that carry integer arguments and results, packed as nibbles, first one lowest.
    private static let integerSequence: UInt64 = 0xA987_6210
    static let integerSequenceCount = 8
    static let floatSequenceCount = 8

    @inline(__always)
    static func integerArgument(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: integerSequence >> UInt64(index * 4)) & 15
    }
}

/// Walks a list of types and says where each argument or result is passed.
struct ArgumentAssigner {
    enum Place {
        case register(PhysicalRegister)
        /// Byte offset in the stack area.
        case stack(Int32)
    }
    private var integers = 0
    private var floats = 0
    private var stackBytes: Int32 = 0

    /// Bytes of the stack area so far, rounded up to a multiple of 16.
    var areaBytes: Int32 { (stackBytes + 15) & ~15 }

    @inline(__always)
    mutating func next(_ type: IRType) -> Place {
        if type.registerClass == .integer {
            if integers < X86_64.integerSequenceCount {
                defer { integers += 1 }
                return .register(PhysicalRegister(X86_64.integerArgument(integers)))
            }
        } else if floats < X86_64.floatSequenceCount {
            defer { floats += 1 }
            return .register(PhysicalRegister(UInt8(16 + floats)))
        }
        defer { stackBytes += type == .v128 ? 16 : 8 }
        return .stack(stackBytes)
    }
}
