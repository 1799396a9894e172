//! Allocation as if the machine had fewer registers and registers were given up without need: for tests (`CompilerExperiment`).

extension RegisterAllocator {
    /// A part of the registers. Instructions demand some that are not handed out, which is nothing unusual for the walk.
    mutating func confused(_ registers: RegisterFile) -> RegisterFile {
        var result = registers
        let integers = registers.allocatable & 0xFFFF
        let floats = registers.allocatable & 0xFFFF_0000
        // A call by a table has up to eight fixed integer operands, and two that must be beside them.
        let beside = chaos.subset(of: integers & registers.calleeSaved, atLeast: 2)
        result.allocatable =
            chaos.subset(of: integers & ~registers.calleeSaved, atLeast: 4) | beside
            | chaos.subset(of: floats, atLeast: 4)
        result.calleeSaved &= result.allocatable
        return result
    }

    /// Gives up registers before an instruction.
    mutating func disturb(before position: UInt32) {
        guard occupied != 0, chaos.strikes(oneIn: 6) else { return }
        var victims = chaos.subset(of: occupied, atLeast: 1)
        while victims != 0 {
            evict(lowest(victims), at: position)
            victims &= victims &- 1
        }
    }
}
