//! Slots of the dense geometry: how their address space comes to be, and what replaces the mapping of images in them.
//!
//! After a chunk has been reserved no mapping of it changes, whatever becomes of its slots: a memory is always accessible as
//! far as it can ever grow, an image is copied in, page by page, and a slot is wiped by giving back its pages. So there is
//! nothing to lose half-way in a bind or a growth, and what a chunk takes of the process's mappings does not depend on how
//! many of its slots are used.
//!
//! Invariant: beyond the length of its memory a slot holds zeroes, always. No guest can write there, and a reset restores
//! what the guest has grown by before it takes the length back.

internal import CPlatform

extension Pool {
    /// A pool of slots packed side by side, for code with explicit bounds checks only.
    ///
    /// - Parameters:
    ///   - dense: its size.
    ///   - configuration: of the ordinary pool beside it, for everything else: how slots are reset, what is kept warm and for how
    ///     long, how long to wait.
    ///   - marksGuards: false to do without the kernel's guard markers, for tests. Where it has none they are not used anyway.
    /// - Throws: as the other initializer does.
    public convenience init(
        _ dense: DenseClass, _ configuration: PoolConfiguration = PoolConfiguration(), marksGuards: Bool = true
    ) throws(PoolError) {
        try dense.validate()
        var own = configuration
        own.dense = nil
        own.slotCount = dense.slotCount
        own.spareSlots = dense.spareSlots
        own.maximumMemoryBytes = dense.maximumMemoryBytes
        own.stackBytes = dense.stackBytes
        own.contextBytes = dense.contextBytes
        own.tableElements = dense.tableElements
        // Growing changes a number: no policy is needed for it.
        own.growthPolicy = .protect
        let geometry = try PoolGeometry(
            own, .dense, marksGuards: marksGuards && KernelFeatures.current.marksGuards)
        try self.init(own, geometry)
    }

    /// Makes a chunk's slots accessible, and what lies below each stack inaccessible again.
    func openDenseChunk(
        _ memory: UnsafeMutableRawPointer, _ control: UnsafeMutableRawPointer, _ slots: Int
    ) throws(PoolError) {
        try check(
            mayfly_make_accessible(memory + geometry.memoryOffset(0), slots * geometry.memoryStride), "mprotect",
            "opening dense memories")
        try check(
            mayfly_make_accessible(control, geometry.controlSlabBytes(slots)), "mprotect",
            "opening dense stacks and contexts")
        for place in 0...slots {
            let page = control + geometry.guardOffset(place)
            if geometry.marksGuards {
                try check(mayfly_guard(page, PoolGeometry.page), "madvise(MADV_GUARD_INSTALL)", "guarding a stack")
            } else {
                try check(mayfly_make_inaccessible(page, PoolGeometry.page), "mprotect", "guarding a stack")
            }
        }
    }

    /// Makes the memory of a slot that is in no stack all zero, and of another size.
    func emptyDenseMemory(_ record: UnsafeMutablePointer<SlotRecord>, initialBytes: Int) throws(PoolError) {
        let former = Int(record.pointee.memoryLength)
        if resetPolicy == .discard, former > 0 {
            // Nobody has kept account of the pages that were copied in.
            try check(mayfly_discard(record.pointee.memoryBase, former), "madvise", "discarding a former image's pages")
            // What a copying of the slot has found out: to zero it would bring the pages back.
            record.pointee.resident.removeAll()
        }
        zero(record, below: former)
        record.pointee.memoryLength = UInt64(initialBytes)
        record.pointee.initialMemoryLength = UInt64(initialBytes)
    }

    // MARK: What an image has copied in

    /// Whether anything of an image has to be copied into a memory, beside what is mapped.
    @inline(__always)
    func copiesAnything(of memory: MemoryImage) -> Bool {
        !memory.outliers.isEmpty || geometry.isDense && !memory.runs.isEmpty
    }

    /// The same of some pages.
    func copies(_ pages: Range<Int>, of memory: MemoryImage) -> Bool {
        memory.outliers.contains { $0.pages.overlaps(pages) }
            || geometry.isDense && memory.runs.contains { $0.pages.overlaps(pages) }
    }

    /// Whether a page came by copying, and would not come back by itself.
    func isCopied(_ page: Int, of memory: MemoryImage) -> Bool {
        memory.isCopied(page) || geometry.isDense && memory.isMapped(page)
    }

    /// Copies the files' parts of an image in, which other slots map.
    func copyRuns(of memory: MemoryImage, into record: UnsafeMutablePointer<SlotRecord>) {
        memory.copyRuns(to: record.pointee.memoryBase) { pages in
            if resetPolicy != .discard { record.pointee.resident.insert(pages) }
        }
    }

    /// Bytes of a memory in which pages of its own are to be looked for: once all of it, as pages can have been there from the
    /// beginning (mlockall(2) fills mappings in), and a guest that grows into those has no faults for them.
    func searchedBytes(_ record: UnsafeMutablePointer<SlotRecord>, _ length: Int) -> Int {
        geometry.isDense && record.pointee.isUnsearched ? geometry.memorySpan : length
    }
}
