//! `memory.grow` and `table.grow`. Memory grows by opening more of the slot's reserved pages with `mprotect`.

internal import CPlatform
internal import Compiler
internal import WasmModule

extension Pool {
    /// Grows a memory of a live slot and updates the context's length.
    ///
    /// - Parameters:
    ///   - memory: index of the memory; a slot has memory 0.
    ///   - pages: Wasm pages of 64 KiB to add.
    /// - Returns: the former size in pages, or nil, with nothing changed, if the declared maximum, the pool's limit or
    ///   the kernel do not allow it.
    public func grow(_ slot: Slot, memory: Int, by pages: UInt64) -> UInt64? {
        let record = records + Int(slot.index)
        guard memory == 0, record.pointee.state == .live, let image = record.pointee.image else { return nil }
        let maximum = image._withUnsafeGuaranteedRef { $0.memory?.maximumBytes }
        guard let maximum else { return nil }
        let length = record.pointee.memoryLength
        let limit = min(maximum, geometry.maximumMemoryBytes)
        let (bytes, overflow) = pages.multipliedReportingOverflow(by: MemoryType.pageSize)
        guard !overflow, length <= limit, bytes <= limit - length else { return nil }
        if bytes > 0 {
            let start = slot.memoryBase + Int(length)
            record.pointee.isAltered = true
            guard mayfly_make_accessible(start, Int(bytes)) == 0 else {
                // The call may have opened a part; a reset would not know of it.
                record.pointee.isBroken = true
                _ = mayfly_make_inaccessible(start, Int(bytes))
                return nil
            }
            record.pointee.memoryLength = length + bytes
            slot.context.storeWord(length + bytes, at: VMContextLayout.memoryLength)
            growths.wrappingAdd(1, ordering: .relaxed)
        }
        return length / MemoryType.pageSize
    }

    /// Grows a mutable table of a live slot and updates the context's length.
    ///
    /// - Parameters:
    ///   - elements: elements to add.
    ///   - fill: what the new elements are.
    /// - Returns: the former size in elements, or nil, with nothing changed, if the declared maximum or the slot's room
    ///   do not allow it.
    public func growTable(_ slot: Slot, table number: Int, by elements: UInt64, fill: UInt64) -> UInt64? {
        let record = records + Int(slot.index)
        guard record.pointee.state == .live, let image = record.pointee.image else { return nil }
        return image._withUnsafeGuaranteedRef { core -> UInt64? in
            guard core.tables.indices.contains(number), !core.tables[number].isImmutable else { return nil }
            let table = core.tables[number]
            let length = slot.context.loadWord(at: core.layout.tableLength(number))
            let limit = UInt64(min(table.maximum, tableCapacity(number, of: core, in: slot.index)))
            guard length <= limit, elements <= limit - length else { return nil }
            if elements > 0 {
                let base = slot.context.loadPointer(at: core.layout.tableBase(number))
                let start = (base + Int(length) * 8).assumingMemoryBound(to: UInt64.self)
                // The room is zero: a null fill need not touch it.
                if fill != 0 { start.update(repeating: fill, count: Int(elements)) }
                record.pointee.isAltered = true
                slot.context.storeWord(length + elements, at: core.layout.tableLength(number))
                growths.wrappingAdd(1, ordering: .relaxed)
            }
            return length
        }
    }
}
