//! The parts of a slot's address space that traps are judged by.

extension Slot {
    /// The guest's stack, with the reserve below its limit.
    var stack: Range<UInt64> {
        address(stackLimit - PoolGeometry.stackReserve)..<address(stackTop)
    }

    /// The inaccessible page below the stack.
    var stackGuard: Range<UInt64> {
        stack.lowerBound - UInt64(PoolGeometry.page)..<stack.lowerBound
    }

    /// Memory 0 and the guards in front of it and behind it: where an access beyond the memory faults. Empty for a dense
    /// slot, whose accesses are compared: a fault there can only be a defect.
    var memoryReservation: Range<UInt64> {
        if isDense { return 0..<0 }
        return address(
            memoryBase - PoolGeometry.memoryGuard)..<address(
                memoryBase + PoolGeometry.largestMemory + PoolGeometry.memoryGuard)
    }

    private func address(_ pointer: UnsafeMutableRawPointer) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }
}
