//! The state an instance starts in: memory, context, tables. Made once per template, never changed.
//!
//! `InstanceImage` is the handle its users hold; `ImageCore` is what slots hold. A slot that is warm for an image keeps
//! the core alive, not the handle; when the last handle goes, the pools take the image out of their free slots, and
//! with the last live slot the core goes and closes its file.

internal import CPlatform
public import Compiler
internal import Glibc
internal import Synchronization

/// A template's initial state, from which slots are stamped.
public final class InstanceImage: Sendable {
    /// Bytes that instantiation puts into a memory.
    public struct Segment: Sendable {
        /// In bytes from the start of the memory.
        public var offset: UInt64
        public var bytes: ArraySlice<UInt8>

        public init(offset: UInt64, bytes: ArraySlice<UInt8>) {
            self.offset = offset
            self.bytes = bytes
        }
    }

    /// A linear memory as it starts.
    public struct Memory: Sendable {
        /// A multiple of 64 KiB.
        public var initialBytes: UInt64
        /// The declared maximum in bytes, if any. The pool's own limit applies besides.
        public var maximumBytes: UInt64?
        /// In order of application: where they overlap, the later one wins. They must end inside the initial size.
        public var segments: [Segment]

        public init(initialBytes: UInt64, maximumBytes: UInt64? = nil, segments: [Segment] = []) {
            self.initialBytes = initialBytes
            self.maximumBytes = maximumBytes
            self.segments = segments
        }
    }

    /// A table as it starts.
    public struct Table: Sendable {
        /// All initial elements, in their compiled form (the address of a function record, or 0).
        public var elements: [UInt64]
        /// The declared maximum in elements, if any. The pool's own limit applies besides.
        public var maximum: UInt64?
        /// Nothing writes or grows this table: all instances read one copy.
        public var isImmutable: Bool

        public init(elements: [UInt64], maximum: UInt64? = nil, isImmutable: Bool = false) {
            self.elements = elements
            self.maximum = maximum
            self.isImmutable = isImmutable
        }
    }

    let core: ImageCore

    /// - Parameters:
    ///   - memory: memory 0. Further memories of the layout are the user's: an image and a slot each (`init(further:)`).
    ///   - context: the context's bytes from `VMContextLayout.headerSize` on: signature ids and globals. The cells of
    ///     tables and memories in it are ignored; each slot gets its own.
    ///   - tables: all tables of the layout, in index order.
    /// - Throws: `PoolError.invalidImage` if the parts do not fit the layout, `.memoryTooLarge`, or `.systemCall` when the
    ///   image file cannot be made.
    public init(
        layout: VMContextLayout, memory: Memory?, context: [UInt8], tables: [Table]
    ) throws(PoolError) {
        core = try ImageCore(
            layout: layout, memory: memory.map { memory throws(PoolError) in try LazyMemoryImage(memory) },
            context: context, tables: tables)
    }

    init(_ core: ImageCore) { self.core = core }

    convenience init(further memory: LazyMemoryImage) throws(PoolError) {
        self.init(
            try ImageCore(
                layout: VMContextLayout(typeCount: 0, tableCount: 0, memoryCount: 1, globalCount: 0), memory: memory,
                context: [], tables: []))
    }

    /// Of a slot that is only there for its memory.
    ///
    /// - Throws: as above.
    public convenience init(further memory: Memory) throws(PoolError) {
        try self.init(
            layout: VMContextLayout(typeCount: 0, tableCount: 0, memoryCount: 1, globalCount: 0), memory: memory,
            context: [], tables: [])
    }

    deinit { core.abandon() }

    public var layout: VMContextLayout { core.layout }
}

/// The shared, immutable part of an image.
final class ImageCore: @unchecked Sendable {
    // Unchecked because of the raw memory, which is written in init only.

    /// A table of the image and where its copy lies in a slot.
    struct Table {
        var elements: UnsafeMutablePointer<UInt64>
        var count: Int
        /// Elements it may grow to as far as the module is concerned.
        var maximum: Int
        var isImmutable: Bool
        /// All initial elements are null.
        var isNull: Bool
    }

    let layout: VMContextLayout
    let memory: LazyMemoryImage?
    /// The whole context, header included (zero).
    let context: UnsafeMutableRawPointer
    let tables: [Table]
    /// Initial elements of the tables that slots have a copy of.
    let mutableElements: Int
    /// For each table, the next one that slots have a copy of.
    let nextMutableTable: [Int?]
    /// The tables that slots have a copy of, least room to grow first.
    let growthOrder: [Int]
    /// The handle is gone: free slots of this image are of no use to anyone.
    let isAbandoned = Atomic<Bool>(false)
    /// The number of the pool that used the image first, once `firstBin` is set: saves the look-up. 0 is no pool.
    private let firstPool = Atomic<UInt32>(0)
    private let firstBin = Atomic<UnsafeMutablePointer<Bin>?>(nil)
    private let lock = Lock()
    /// A bin in each pool that has used the image. Under `lock`; freed with the core.
    private var bins: [PooledBin] = []

    private struct PooledBin {
        var pool: PoolReference
        var number: UInt32
        var bin: UnsafeMutablePointer<Bin>
    }

    init(
        layout: VMContextLayout, memory: LazyMemoryImage?, context bytes: [UInt8], tables: [InstanceImage.Table]
    ) throws(PoolError) {
        guard (memory == nil) == (layout.memoryCount == 0), tables.count == layout.tableCount else {
            throw .invalidImage("memories or tables do not match the context's layout")
        }
        guard bytes.count == layout.size - VMContextLayout.headerSize else {
            throw .invalidImage(
                "the context has \(bytes.count) bytes, its layout \(layout.size - VMContextLayout.headerSize)")
        }
        var mutableElements = 0
        for (index, table) in tables.enumerated() {
            if let maximum = table.maximum, maximum < UInt64(table.elements.count) {
                throw .invalidImage("table \(index) starts with more elements than its maximum")
            }
            if !table.isImmutable { mutableElements += table.elements.count }
        }
        self.layout = layout
        self.mutableElements = mutableElements
        self.memory = memory
        var copies: [Table] = []
        do throws(PoolError) {
            for table in tables {
                copies.append(
                    Table(
                        elements: try Self.copy(table), count: table.elements.count,
                        maximum: Int(clamping: table.maximum ?? UInt64(UInt32.max)), isImmutable: table.isImmutable,
                        isNull: table.elements.allSatisfy { $0 == 0 }))
            }
        } catch {
            Self.free(copies)
            throw error
        }
        let context = UnsafeMutableRawPointer.allocate(byteCount: layout.size, alignment: 64)
        memset(context, 0, VMContextLayout.headerSize)
        bytes.withUnsafeBytes {
            if let source = $0.baseAddress {
                (context + VMContextLayout.headerSize).copyMemory(from: source, byteCount: $0.count)
            }
        }
        self.context = context
        let mutable = copies.indices.filter { !copies[$0].isImmutable }
        var next = [Int?](repeating: nil, count: copies.count)
        for (table, successor) in zip(mutable, mutable.dropFirst()) { next[table] = successor }
        nextMutableTable = next
        growthOrder = mutable.sorted { copies[$0].maximum - copies[$0].count < copies[$1].maximum - copies[$1].count }
        self.tables = copies
    }

    deinit {
        for entry in bins {
            entry.bin.deinitialize(count: 1)
            entry.bin.deallocate()
        }
        context.deallocate()
        Self.free(tables)
    }

    // MARK: Tables

    /// The elements of a table in memory of their own. All instances read the one copy of an immutable table, so it lies in
    /// pages that cannot be written: a defect that writes there all the same is a fault, and no message to a neighbour.
    private static func copy(_ table: InstanceImage.Table) throws(PoolError) -> UnsafeMutablePointer<UInt64> {
        let count = table.elements.count
        guard table.isImmutable else {
            let elements = UnsafeMutablePointer<UInt64>.allocate(capacity: max(1, count))
            _ = UnsafeMutableBufferPointer(start: elements, count: count).initialize(from: table.elements)
            return elements
        }
        let bytes = sharedBytes(count)
        var memory: UnsafeMutableRawPointer?
        try check(mayfly_map_reserve(bytes, &memory), "mmap", "reserving \(bytes >> 10) KiB for a table")
        guard let memory else { throw .systemCall(name: "mmap", errno: 0, purpose: "reserving a table") }
        var error = mayfly_make_accessible(memory, bytes)
        let elements = memory.bindMemory(to: UInt64.self, capacity: bytes / 8)
        if error == 0 {
            // Pages of null references need not exist.
            for index in 0..<count where table.elements[index] != 0 { elements[index] = table.elements[index] }
            error = mayfly_make_read_only(memory, bytes)
        }
        if error != 0 {
            _ = mayfly_unmap(memory, bytes)
            try check(error, "mprotect", "sealing a table")
        }
        return elements
    }

    private static func free(_ tables: [Table]) {
        for table in tables {
            if table.isImmutable {
                _ = mayfly_unmap(table.elements, sharedBytes(table.count))
            } else {
                table.elements.deallocate()
            }
        }
    }

    private static func sharedBytes(_ count: Int) -> Int {
        PoolGeometry.roundUp(max(1, count) * 8, to: PoolGeometry.page)
    }

    // MARK: Bins

    /// The image's bin in the pool of that number; nil if it has none yet.
    @inline(__always)
    func bin(in pool: UInt32) -> UnsafeMutablePointer<Bin>? {
        if firstPool.load(ordering: .acquiring) == pool { return firstBin.load(ordering: .relaxed) }
        return laterBin(in: pool)
    }

    private func laterBin(in pool: UInt32) -> UnsafeMutablePointer<Bin>? {
        lock.withLock { bins.first { $0.number == pool }?.bin }
    }

    /// The image's bin in a pool, made if there is none.
    func makeBin(in pool: Pool, number: UInt32, shards: Int) -> (bin: UnsafeMutablePointer<Bin>, isNew: Bool) {
        lock.withLock {
            if let entry = bins.first(where: { $0.number == number }) { return (entry.bin, false) }
            let bin = UnsafeMutablePointer<Bin>.allocate(capacity: 1)
            bin.initialize(to: Bin(self, shards: shards))
            bins.append(PooledBin(pool: pool.reference, number: number, bin: bin))
            if firstBin.load(ordering: .relaxed) == nil {
                firstBin.store(bin, ordering: .relaxed)
                firstPool.store(number, ordering: .releasing)
            }
            return (bin, true)
        }
    }

    /// The handle is gone.
    func abandon() {
        isAbandoned.store(true, ordering: .sequentiallyConsistent)
        for entry in lock.withLock({ bins }) { entry.pool.use { $0.forget(entry.bin) } }
    }
}
