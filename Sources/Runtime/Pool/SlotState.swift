//! What a slot held at one moment, as far as it differs from the slot's image.

internal import Glibc

/// The state of a live slot, taken by `Pool.state(of:after:)`: what `Pool.restore` makes it again.
public final class SlotState: @unchecked Sendable {
    // Unchecked because of the raw memory, which is written in init only.

    /// The image of the slot it was taken from.
    let core: ImageCore
    let memoryLength: UInt64
    /// Pages that differed from the image, in order.
    let changed: [Range<Int>]
    /// Those pages, one after the other.
    let bytes: UnsafeRawPointer
    /// Elements of the tables that a slot has a copy of; empty for the others.
    let tables: [[UInt64]]
    /// The part of the context that guests write.
    let globals: [UInt8]

    init(
        _ core: ImageCore, memoryLength: UInt64, changed: [Range<Int>], in memory: UnsafeRawPointer, tables: [[UInt64]],
        globals: [UInt8]
    ) {
        self.core = core
        self.memoryLength = memoryLength
        self.changed = changed
        self.tables = tables
        self.globals = globals
        let count = changed.pageCount * PoolGeometry.page
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, count), alignment: 64)
        var next = copy
        for pages in changed {
            next.copyMemory(
                from: memory + pages.lowerBound * PoolGeometry.page, byteCount: pages.count * PoolGeometry.page)
            next += pages.count * PoolGeometry.page
        }
        bytes = UnsafeRawPointer(copy)
    }

    deinit { bytes.deallocate() }

    /// Bytes that it holds of the memory.
    public var memoryBytes: Int { changed.pageCount * PoolGeometry.page }
}
