//! The table that finds an equal instruction among those which dominate the current place.
//!
//! Open addressing with linear probing, and a log of the occupied slots. Leaving a scope empties slots in reverse
//! order of their filling, which restores the table exactly; hence no deletion marks and no clearing per function.
//! A probe gives up after a fixed distance, so that values made to collide cost a missed merge and not quadratic time.

struct ValueNumbering: ~Copyable {
    struct Slot: BitwiseCopyable {
        var hash: UInt32
        /// Value id plus 1; 0 is an empty slot.
        var value: UInt32
    }

    private static let probeLimit = 24

    private var slots: UnsafeMutablePointer<Slot>
    private var mask: Int
    /// Slots in the order in which they were filled.
    private var log = Vector<UInt32>(capacity: 1024)

    init() {
        let capacity = 4096
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: Slot(hash: 0, value: 0), count: capacity)
        mask = capacity - 1
    }

    deinit { slots.deallocate() }

    /// A place in the log to return to.
    var mark: UInt32 { @inline(__always) get { UInt32(truncatingIfNeeded: log.count) } }

    /// Forgets what was entered since `mark` was read.
    mutating func forget(to mark: UInt32) {
        while log.count > Int(mark) { slots[Int(log.popLast())].value = 0 }
    }

    /// The value of an instruction equal to `instruction` or nil after entering `next`, the id that
    /// the instruction is about to get.
    @inline(__always)
    mutating func find(
        _ instruction: IRInstruction, in instructions: UnsafeMutablePointer<IRInstruction>,
        orEnter next: UInt32
    ) -> UInt32? {
        let hash = Self.hash(instruction)
        var index = Int(hash) & mask
        var probes = 0
        while true {
            let slot = slots[index]
            if slot.value == 0 { break }
            if slot.hash == hash {
                let candidate = instructions[Int(slot.value &- 1)]
                if candidate.operation == instruction.operation && candidate.type == instruction.type
                    && candidate.flags == instruction.flags && candidate.a == instruction.a
                    && candidate.b == instruction.b && candidate.c == instruction.c && candidate.d == instruction.d
                {
                    return slot.value &- 1
                }
            }
            probes &+= 1
            if probes == Self.probeLimit { return nil }
            index = (index &+ 1) & mask
        }
        slots[index] = Slot(hash: hash, value: next &+ 1)
        log.append(UInt32(truncatingIfNeeded: index))
        if log.count &* 2 > mask { grow() }
        return nil
    }

    @inline(__always)
    private static func hash(_ instruction: IRInstruction) -> UInt32 {
        let head =
            UInt64(instruction.operation.rawValue) | UInt64(instruction.type.rawValue) &<< 8
            | UInt64(instruction.flags) &<< 16 | UInt64(instruction.c) &<< 32
        let operands = UInt64(instruction.a) | UInt64(instruction.b) &<< 32
        var hash = (head &+ UInt64(instruction.d) &<< 24) &* 0x9E37_79B9_7F4A_7C15 ^ operands &* 0xC2B2_AE3D_27D4_EB4F
        hash ^= hash &>> 29
        hash = hash &* 0xFF51_AFD7_ED55_8CCD
        return UInt32(truncatingIfNeeded: hash &>> 32)
    }

    /// Doubles the table. Marks stay valid, because entries keep their order in the log.
    @inline(never)
    private mutating func grow() {
        let old = slots
        let capacity = (mask + 1) * 2
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: Slot(hash: 0, value: 0), count: capacity)
        mask = capacity - 1
        for position in 0..<log.count {
            let slot = old[Int(log[position])]
            var index = Int(slot.hash) & mask
            while slots[index].value != 0 { index = (index &+ 1) & mask }
            slots[index] = slot
            log[position] = UInt32(truncatingIfNeeded: index)
        }
        old.deallocate()
    }
}
