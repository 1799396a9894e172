//! `memory.grow` and `table.grow`, and their undoing.
//!
//! Memory grows by opening more of the slot's reserved pages, or by lengthening a file that is mapped behind the initial
//! memory (`GrowthPolicy`). Opened pages that a guest wrote to stay, zeroed and inaccessible, for the next one that grows.
//! Pages of a file go when the file is cut. The memory of a dense slot grows by its length alone.

internal import CPlatform
internal import Compiler
internal import Glibc
internal import WasmModule

extension Pool {
    /// Grows the memory of a live slot and updates the context's length.
    ///
    /// - Parameter pages: Wasm pages of 64 KiB to add.
    /// - Returns: the former size in pages, or nil, with nothing changed, if the declared maximum, the pool's limit or
    ///   the kernel do not allow it.
    public func grow(_ slot: Slot, by pages: UInt64) -> UInt64? {
        let record = records + Int(slot.index)
        guard record.pointee.state == .live, let image = record.pointee.image else { return nil }
        let maximum = image._withUnsafeGuaranteedRef { $0.memory?.maximumBytes }
        guard let maximum else { return nil }
        let length = record.pointee.memoryLength
        let limit = min(maximum, geometry.maximumMemoryBytes)
        let (bytes, overflow) = pages.multipliedReportingOverflow(by: MemoryType.pageSize)
        guard !overflow, length <= limit, bytes <= limit - length else { return nil }
        if bytes > 0 {
            record.pointee.isAltered = true
            guard open(record, from: Int(length), bytes: Int(bytes)) else { return nil }
            record.pointee.memoryLength = length + bytes
            slot.context.storeWord(length + bytes, at: VMContextLayout.memoryLength)
            record.pointee.link.pointee.counters.growths.add()
        }
        return length / MemoryType.pageSize
    }

    private func open(_ record: UnsafeMutablePointer<SlotRecord>, from length: Int, bytes: Int) -> Bool {
        // Accessible and zero already.
        if geometry.isDense { return true }
        if growthPolicy != .protect {
            // In a child that fork(2) made, the file is the parent's.
            guard record.pointee.growthGeneration == mayfly_process_generation() else { return false }
            let size = length + bytes - Int(record.pointee.initialMemoryLength)
            if mayfly_growth_truncate(record.pointee.growthFile, UInt64(size)) == 0 { return true }
        } else {
            let start = record.pointee.memoryBase + length
            if mayfly_make_accessible(start, bytes) == 0 { return true }
            // The call may have opened a part; a reset would not know of it.
            record.pointee.isBroken = true
            _ = mayfly_make_inaccessible(start, bytes)
        }
        record.pointee.link.pointee.counters.failedGrowths.add()
        return false
    }

    /// Whether a memory has grown into a file that is the parent process's, not to be cut from here.
    func hasParentsGrowth(_ record: UnsafeMutablePointer<SlotRecord>) -> Bool {
        growthPolicy != .protect && record.pointee.memoryLength > record.pointee.initialMemoryLength
            && record.pointee.growthGeneration != mayfly_process_generation()
    }

    /// Makes what a memory has grown by inaccessible again. False if that failed.
    func closeGrowth(_ record: UnsafeMutablePointer<SlotRecord>) -> Bool {
        let (length, initial) = (record.pointee.memoryLength, record.pointee.initialMemoryLength)
        guard length > initial else { return true }
        if geometry.isDense {
            record.pointee.memoryLength = initial
            return true
        }
        if growthPolicy != .protect {
            guard record.pointee.growthGeneration == mayfly_process_generation(),
                mayfly_growth_truncate(record.pointee.growthFile, 0) == 0
            else { return false }
        } else if mayfly_make_inaccessible(record.pointee.memoryBase + Int(initial), Int(length - initial)) != 0 {
            return false
        }
        record.pointee.memoryLength = initial
        return true
    }

    /// Takes back a part of what a live slot's memory has grown by, and updates the context's length.
    func shrink(_ slot: Slot, _ record: UnsafeMutablePointer<SlotRecord>, to length: UInt64) throws(PoolError) {
        let former = record.pointee.memoryLength
        func cut() {
            record.pointee.memoryLength = length
            slot.context.storeWord(length, at: VMContextLayout.memoryLength)
        }
        if growthPolicy != .protect {
            guard record.pointee.growthGeneration == mayfly_process_generation() else {
                throw .systemCall(name: "ftruncate", errno: EBADF, purpose: "shrinking a memory of the parent process")
            }
            try check(
                mayfly_growth_truncate(record.pointee.growthFile, length - record.pointee.initialMemoryLength),
                "ftruncate", "shrinking a memory")
        } else {
            let start = record.pointee.memoryBase + Int(length)
            let bytes = Int(former - length)
            let error = geometry.isDense ? 0 : mayfly_make_inaccessible(start, bytes)
            if error != 0 {
                // The call may have closed a part of it.
                if mayfly_make_accessible(start, bytes) != 0 {
                    record.pointee.isBroken = true
                    cut()
                }
                throw .systemCall(name: "mprotect", errno: error, purpose: "shrinking a memory")
            }
            // Contents hidden behind missing permissions would come back with the next growth.
            let pages = Int(length) / PoolGeometry.page..<Int(former) / PoolGeometry.page
            let discarded = mayfly_discard(start, bytes)
            if discarded != 0 {
                record.pointee.isBroken = true
                cut()
                throw .systemCall(name: "madvise", errno: discarded, purpose: "shrinking a memory")
            }
            record.pointee.resident.remove(pages)
        }
        cut()
    }

    // MARK: Growth files

    /// Maps the slot's growth file behind the initial memory of an image whose memory may grow.
    func mapGrowth(of core: ImageCore, into index: UInt32) throws(PoolError) {
        let record = records + Int(index)
        guard let memory = core.memory else { return }
        let bytes = Int(min(memory.maximumBytes, geometry.maximumMemoryBytes)) - Int(memory.initialBytes)
        guard bytes > 0 else { return }
        if record.pointee.growthFile >= 0, record.pointee.growthGeneration != mayfly_process_generation() {
            closeGrowthFile(index)
        }
        if record.pointee.growthFile < 0 {
            try check(
                mayfly_growth_create(&record.pointee.growthFile), "memfd_create",
                "making a file for a memory to grow into")
            record.pointee.growthGeneration = mayfly_process_generation()
        }
        let start = record.pointee.memoryBase + Int(memory.initialBytes)
        try check(mayfly_growth_guard(start, bytes), "pthread_atfork", "guarding a growth file")
        record.pointee.growthBytes = bytes
        try check(
            mayfly_map_growth(start, bytes, record.pointee.growthFile, growthPolicy == .sharedFile ? 1 : 0), "mmap",
            "mapping a file for a memory to grow into")
        try check(mayfly_forbid_huge_pages(start, bytes), "madvise", "keeping huge pages out of a slot")
    }

    /// Lets the growth file go. Its mapping, if there is one, is the caller's to replace.
    func closeGrowthFile(_ index: UInt32) {
        let record = records + Int(index)
        if record.pointee.growthBytes > 0 {
            mayfly_growth_unguard(record.pointee.memoryBase + Int(record.pointee.initialMemoryLength))
            record.pointee.growthBytes = 0
        }
        _ = mayfly_image_close(record.pointee.growthFile)
        record.pointee.growthFile = -1
    }

    // MARK: Tables

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
                record.pointee.link.pointee.counters.growths.add()
            }
            return length
        }
    }
}
