//! Proof, for tests and debugging, that nothing of a run is left in a slot: the whole slot compared with its image.
//!
//! Reads every byte rather than what the reset believes it changed, and asks the kernel, not the pool's records, what
//! is accessible and where pages are. Slow (milliseconds and more), and not for production.

internal import CPlatform
internal import Compiler
internal import Glibc

extension Pool {
    /// Describes the first difference between a slot and what `acquire` must hand out next; nil if there is none.
    ///
    /// Compared are memory (contents, that nothing beyond its initial size is accessible or holds anything but zeroes, that
    /// every page of the slot's own is known), context, tables, guards. The stack's contents are not state: a guest reads no
    /// stack slot it has not written.
    ///
    /// - Parameter slot: a slot just released, or just acquired and not yet used. Slots that wait to be settled are settled
    ///   first. Nobody else may use the pool meanwhile.
    public func residue(in slot: Slot) -> String? {
        let record = records + Int(slot.index)
        if record.pointee.state == .pending { settlePendingSlots() }
        if record.pointee.state == .retired { return nil }
        return permissionResidue(in: slot.index) ?? privatePageResidue(in: slot.index) ?? memoryResidue(in: slot.index)
            ?? contextResidue(in: slot.index)
    }

    /// Settles all slots that wait for it, as an acquisition of each would.
    private func settlePendingSlots() {
        let shards = lock.withLock {
            slow.boundBins.flatMap { bin in (0..<bin.pointee.shardCount).map { bin.pointee.shards + $0 } }
        }
        for shard in shards {
            // It returns the first; the others have become ready.
            if let index = settleAll(in: shard) { putBack(index, in: shard) }
        }
    }

    // MARK: Mappings

    private func permissionResidue(in index: UInt32) -> String? {
        guard let mappings = MappingList() else { return "the process's mappings cannot be read" }
        let record = records + Int(index)
        let base = Int(bitPattern: record.pointee.memoryBase)
        let initial = Int(record.pointee.initialMemoryLength)
        let growth = record.pointee.growthBytes
        let isOpen = record.pointee.isOpen
        let stack = Int(bitPattern: record.pointee.stackBase)
        let context = Int(bitPattern: record.pointee.context)
        let stackEnd = stack + geometry.stackTopOffset
        let contextEnd = context + geometry.contextBytes + geometry.tableBytes + geometry.contextShare
        let page = PoolGeometry.page
        typealias Part = (name: String, start: Int, end: Int, isAccessible: Bool)
        // A marked guard page is a part of its mapping.
        let control: [Part] = [
            ("guard below the stack", stack - page, stack, geometry.marksGuards),
            ("stack", stack, stackEnd, isOpen),
            ("guard between stack and context", stackEnd, context, false),
            ("context and tables", context, contextEnd, isOpen),
            ("guard behind the tables", contextEnd, contextEnd + page, geometry.marksGuards),
        ]
        let memory: [Part] =
            geometry.isDense
            ? [("memory", base, base + geometry.memorySpan, true)]
            : [
                ("guard in front of the memory", base - PoolGeometry.memoryGuard, base, false),
                ("memory", base, base + initial, true),
                (
                    "memory beyond its size, and the guard behind", base + initial + growth,
                    base + geometry.memorySpan + PoolGeometry.memoryGuard, false
                ),
            ]
        if geometry.marksGuards {
            var byte: UInt8 = 0
            for guardPage in [record.pointee.stackBase - page, record.pointee.stackBase + (contextEnd - stack)]
            where mayfly_read_any(guardPage, &byte, 1) == 0 {
                return "the guard at the stack's offset \(guardPage - record.pointee.stackBase) is gone"
            }
        }
        let expected = memory + control
        for part in expected {
            if let problem = mappings.difference(from: part.start, to: part.end, isAccessible: part.isAccessible) {
                return "\(part.name): \(problem)"
            }
        }
        if record.pointee.memoryLength != record.pointee.initialMemoryLength {
            return "the pool takes the memory for grown"
        }
        // A growth file is mapped accessible: what keeps a guest out is its end.
        if growth > 0, mayfly_growth_size(record.pointee.growthFile) != 0 { return "the growth file is not empty" }
        return nil
    }

    /// Every page of the memory's own must be known to the next reset; those beyond the initial size must hold zeroes, for
    /// contents hidden behind missing permissions would come back with the next growth.
    private func privatePageResidue(in index: UInt32) -> String? {
        let record = records + Int(index)
        let base = record.pointee.memoryBase
        let initial = Int(record.pointee.initialMemoryLength)
        var problem: String?
        func examine(_ page: Int, isZeroPage: Bool) {
            guard problem == nil else { return }
            let offset = page * PoolGeometry.page
            let isKnown = record.pointee.resident.contains(page)
            if isZeroPage, !isKnown { return }
            if offset >= initial {
                let isZero = withUnsafeTemporaryAllocation(byteCount: PoolGeometry.page, alignment: 8) { copy in
                    mayfly_read_any(base + offset, copy.baseAddress, copy.count) == 0
                        && Runtime.isZeroPage(copy.baseAddress!)
                }
                if !(isKnown && isZero) { problem = "a page is left at memory offset \(offset)" }
            } else if !isKnown, resetPolicy != .discard {
                // The discarding policy keeps no account of what is copied in.
                problem = "the page at memory offset \(offset) is the slot's own, and the pool does not know"
            }
        }
        if scanPrivatePages(
            base, geometry.memorySpan,
            { pages, isZeroPage in
                for page in pages { examine(page, isZeroPage: isZeroPage) }
            })
        {
            return problem
        }
        // An older kernel does not tell the shared page of zeroes from others.
        var position = UnsafeRawPointer(base) + initial
        let end = UnsafeRawPointer(base) + geometry.memorySpan
        while position < end {
            var found: UnsafeRawPointer?
            let error = mayfly_find_private_page(position, end - position, &found)
            if error == ENOSYS { return nil }
            if error != 0 { return "the process's pages cannot be read (errno \(error))" }
            guard let found else { return nil }
            let isRead = withUnsafeTemporaryAllocation(byteCount: PoolGeometry.page, alignment: 8) { copy in
                mayfly_read_any(found, copy.baseAddress, copy.count) == 0 && isZeroPage(copy.baseAddress!)
            }
            if !isRead { return "a page is left at memory offset \(found - UnsafeRawPointer(base))" }
            position = found + PoolGeometry.page
        }
        return nil
    }

    // MARK: Contents

    private func memoryResidue(in index: UInt32) -> String? {
        let record = records + Int(index)
        let bytes = Int(record.pointee.initialMemoryLength)
        guard bytes > 0 else { return nil }
        // A second copy of the image, made the same way, somewhere else.
        var expected: UnsafeMutableRawPointer?
        guard mayfly_map_reserve(bytes, &expected) == 0, let expected else { return "no address space to compare in" }
        defer { _ = mayfly_unmap(expected, bytes) }
        guard mayfly_map_zero(expected, bytes) == 0 else { return "no memory to compare in" }
        guard let image = record.pointee.memory else { return "a memory without an image" }
        let needsStamp = record.pointee.needsStamp
        let failure = image._withUnsafeGuaranteedRef { memory -> String? in
            for run in memory.runs {
                let error = mayfly_image_read(
                    run.file.descriptor, expected + run.memoryOffset, run.bytes, UInt64(run.fileOffset))
                if error != 0 { return "the image cannot be read (errno \(error))" }
            }
            if !needsStamp { memory.copyOutliers(to: expected) }
            if needsStamp, geometry.isDense { clearMissingPages(expected, record) }
            return nil
        }
        return failure ?? firstDifference("memory", record.pointee.memoryBase, expected, bytes)
    }

    /// Of a memory whose image is to be copied in anew, what it has kept is there and all else is zero.
    private func clearMissingPages(
        _ memory: UnsafeMutableRawPointer, _ record: UnsafeMutablePointer<SlotRecord>
    ) {
        for page in 0..<Int(record.pointee.initialMemoryLength) / PoolGeometry.page
        where !record.pointee.resident.contains(page) {
            memset(memory + page * PoolGeometry.page, 0, PoolGeometry.page)
        }
    }

    private func contextResidue(in index: UInt32) -> String? {
        let record = records + Int(index)
        guard record.pointee.isOpen else { return nil }
        let context = record.pointee.context
        let header = record.pointee.header
        guard let image = record.pointee.image else {
            return firstNonzero("context and tables", context, geometry.contextBytes + geometry.tableBytes)
        }
        return image._withUnsafeGuaranteedRef { core -> String? in
            let expected = UnsafeMutableRawPointer.allocate(byteCount: geometry.contextBytes, alignment: 64)
            defer { expected.deallocate() }
            memset(expected, 0, geometry.contextBytes)
            writeContext(of: core, for: index, to: expected)
            // The image's user owns the rest of the header. What all its instances share must not have changed.
            for range in VMContextLayout.usersHeaderFields {
                (expected + range.lowerBound).copyMemory(from: context + range.lowerBound, byteCount: range.count)
            }
            let shared = sharedHeader(of: index)
            if header.0 != 0, shared != header {
                return "the context's functionRecords, dispatch functions or exit stub changed"
            }
            return firstDifference("context", context, expected, geometry.contextBytes)
                ?? tableResidue(of: core, in: index)
        }
    }

    private func tableResidue(of core: ImageCore, in index: UInt32) -> String? {
        let expected = UnsafeMutableRawPointer.allocate(byteCount: max(8, geometry.tableBytes), alignment: 8)
        defer { expected.deallocate() }
        memset(expected, 0, geometry.tableBytes)
        var offset = 0
        let shares = core.tableShares(of: geometry.tableElements - core.mutableElements)
        for (number, table) in core.tables.enumerated() where !table.isImmutable {
            (expected + offset).copyMemory(from: table.elements, byteCount: table.count * 8)
            offset += (table.count + shares[number]) * 8
        }
        return firstDifference("tables", records[Int(index)].tables, expected, geometry.tableBytes)
    }

    private func firstDifference(
        _ name: String, _ actual: UnsafeRawPointer, _ expected: UnsafeRawPointer, _ bytes: Int
    ) -> String? {
        if bytes == 0 || memcmp(actual, expected, bytes) == 0 { return nil }
        for offset in 0..<bytes {
            let (found, wanted) = (
                actual.load(fromByteOffset: offset, as: UInt8.self),
                expected.load(fromByteOffset: offset, as: UInt8.self)
            )
            if found != wanted { return "\(name): byte \(offset) is \(found), the image has \(wanted)" }
        }
        return nil
    }

    private func firstNonzero(_ name: String, _ actual: UnsafeRawPointer, _ bytes: Int) -> String? {
        for offset in stride(from: 0, to: bytes, by: 8)
        where actual.load(fromByteOffset: offset, as: UInt64.self) != 0 {
            return "\(name): a word at offset \(offset) of a slot without an image is not zero"
        }
        return nil
    }
}

extension VMContextLayout {
    /// The header's fields that the pool leaves alone from one stamping of an image to the next.
    static let usersHeaderFields = [
        functionRecords..<functionRecords + 8, hostDispatch..<hostData + 8, exitStub..<exitStub + 8,
        reserved..<reserved + reservedSize,
    ]
}
