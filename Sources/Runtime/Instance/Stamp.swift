//! What stamping reads of a template, as raw memory.
//!
//! Threads that stamp from one template at once would all write to one word if each counted a reference to it, to the pool, or
//! to the image: that word would be most of what a stamp costs. So here are addresses, which nobody counts.
//!
//! Invariant: all that is here lives as long as the template, which whoever stamps keeps alive.

/// Made once with a template; the instances of the template point to it.
public struct Stamp {
    unowned(unsafe) let template: TemplateCore
    private let pool: Unmanaged<Pool>
    private let poolNumber: UInt32
    private let image: Unmanaged<InstanceImage>
    private let core: Unmanaged<ImageCore>
    /// The template's.
    let hostFunctions: UnsafeMutableBufferPointer<Unmanaged<LinkedFunction>>
    let functionRecords: UnsafeMutableRawPointer
    let exitStub: UnsafeRawPointer
    /// There is a start function, or a copy to be refreshed.
    @usableFromInline let hasStart: Bool
    /// There is more to an instance than its slot: further memories, or segments that are dropped.
    let hasMoreThanSlot: Bool

    init(_ template: TemplateCore) {
        let module = template.module
        self.template = template
        pool = .passUnretained(template.pool)
        poolNumber = template.pool.number
        image = .passUnretained(template.image)
        core = .passUnretained(template.image.core)
        hostFunctions = template.hostFunctions
        functionRecords = module.records
        exitStub = module.memory.address(module.code.exitOffset)
        hasStart = template.start != nil || template.isSnapshot && !template.refreshers.isEmpty
        hasMoreThanSlot =
            !template.furtherImages.isEmpty || !template.droppedData.isEmpty || !template.droppedElements.isEmpty
    }

    /// Takes a slot that equals the template's image.
    ///
    /// - Throws: what `Pool.acquire` throws.
    @inline(__always)
    func acquire() throws(PoolError) -> Slot {
        // Not one inside the other, and nothing is thrown out of them: each is a plain call on an object that is not counted.
        let bin = core._withUnsafeGuaranteedRef { $0.bin(in: poolNumber) }
        if let bin, let slot = pool._withUnsafeGuaranteedRef({ $0.acquireWarm(bin) }) { return slot }
        return try acquireCold()
    }

    @inline(never)
    private func acquireCold() throws(PoolError) -> Slot {
        try pool.takeUnretainedValue().acquire(image.takeUnretainedValue())
    }

    /// Takes a slot back.
    @inline(__always)
    func release(_ slot: Slot, after use: SlotUse) {
        pool._withUnsafeGuaranteedRef { $0.release(slot, after: use) }
    }
}
