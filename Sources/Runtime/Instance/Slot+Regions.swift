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

    /// Memory 0 and the guards in front of it and behind it.
    var memoryReservation: Range<UInt64> {
        address(
            memoryBase - PoolGeometry.memoryGuard)..<address(
                memoryBase + PoolGeometry.memorySpan + PoolGeometry.memoryGuard)
    }

    private func address(_ pointer: UnsafeMutableRawPointer) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }
}
