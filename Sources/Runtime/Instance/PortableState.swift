//! A template's initial state without anything that is one process's: what a file of it holds.
//!
//! A function reference is the function's index and one, null is 0. A reference to an object of the host's leads nowhere in
//! another process. The numbers of types are an engine's, and made anew. Of memories
//! there are the pages with contents: those to map, which a file has side by side in their order, and those to copy.
//!
//! Invariant: what `init(_:)` of a template does with a state from a file is checked here against the module; the file's
//! bytes are trusted as far as they are pages of guest memory.

import CPlatform
public import Compiler
public import WasmModule

/// The state that instances of a template begin with.
public struct PortableState: Sendable {
    /// A memory. Pages are of 4 KiB.
    public struct Memory: Sendable {
        /// Bytes, a multiple of 64 KiB.
        public var length: UInt64
        /// Bytes that it may grow to, beside what the module declares and a slot holds.
        public var limit: UInt64
        /// Runs of pages to map, in order.
        public var mapped: [Range<Int>]
        /// Runs of pages to copy, in order.
        public var copied: [Range<Int>]

        public init(length: UInt64, limit: UInt64, mapped: [Range<Int>], copied: [Range<Int>]) {
            self.length = length
            self.limit = limit
            self.mapped = mapped
            self.copied = copied
        }

        public var pageCount: Int { mapped.pageCount + copied.pageCount }
    }

    /// Where the pages lie that a state speaks of: memory by memory, those to map before those to copy.
    public enum Pages {
        /// In a file that nobody changes as long as the template exists, from an offset on that is a multiple of the page. `bytes` are
        /// the same, to be read now.
        case file(descriptor: Int32, offset: Int, bytes: UnsafeRawBufferPointer)
        case bytes(UnsafeRawBufferPointer)

        fileprivate var bytes: UnsafeRawBufferPointer {
            switch self {
            case .file(_, _, let bytes), .bytes(let bytes): bytes
            }
        }
    }

    public var memories: [Memory] = []
    /// All tables, in index order.
    public var tables: [[UInt64]] = []
    /// The context's bytes from `VMContextLayout.mutableStart` on.
    public var globals: [UInt8] = []
    public var droppedData: [Bool] = []
    public var droppedElements: [Bool] = []
    /// The start function has run.
    public var isSnapshot = false

    public init() {}

    /// Pages of all memories.
    public var pageCount: Int { memories.reduce(0) { $0 + $1.pageCount } }

    /// Whether it is a state of such a module.
    public func fits(_ module: DecodedModule, _ layout: VMContextLayout) -> Bool {
        guard memories.count == module.memories.count, tables.count == module.tables.count,
            globals.count == layout.size - layout.mutableStart,
            droppedData.isEmpty || droppedData.count == module.data.count,
            droppedElements.isEmpty || droppedElements.count == module.elements.count
        else { return false }
        for (memory, type) in zip(memories, module.memories) {
            // In pages of 64 KiB, and of 4 KiB.
            let size = memory.length / MemoryType.pageSize
            guard memory.length % MemoryType.pageSize == 0, size >= type.limits.minimum,
                size <= type.limits.maximum ?? .max, memory.length <= UInt64(PoolGeometry.largestMemory),
                memory.length <= memory.limit
            else { return false }
            let pages = 0..<Int(memory.length) / PoolGeometry.page
            for runs in [memory.mapped, memory.copied] {
                guard
                    runs.allSatisfy({
                        !$0.isEmpty && pages.contains($0.lowerBound) && pages.upperBound >= $0.upperBound
                    }),
                    zip(runs, runs.dropFirst()).allSatisfy({ $0.upperBound <= $1.lowerBound })
                else { return false }
            }
            guard memory.mapped.count <= MemoryImage.mostRuns else { return false }
        }
        for (elements, type) in zip(tables, module.tables) {
            let count = UInt64(elements.count)
            guard count >= type.limits.minimum, count <= type.limits.maximum ?? .max,
                elements.allSatisfy({ Self.isValid($0, of: type.element, in: module) })
            else { return false }
        }
        return globals.withUnsafeBytes { bytes in
            module.globals.indices.allSatisfy { index in
                let offset = layout.global(index) - layout.mutableStart
                let cell = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                return Self.isValid(cell, of: module.globals[index].value, in: module)
            }
        }
    }

    private static func isValid(_ cell: UInt64, of type: ValueType, in module: DecodedModule) -> Bool {
        switch type {
        case .funcref: cell <= UInt64(module.functions.count)
        case .externref: cell <= ExternReference.lastNumber || cell == ExternReference.nowhere
        default: true
        }
    }
}

extension TemplateCore {
    // MARK: To a file

    /// What a file has to hold for a template like this one in another process.
    ///
    /// - Throws: `PoolError` if an image cannot be made.
    public func portableState() throws(PoolError) -> PortableState {
        var state = PortableState()
        for image in [image] + furtherImages {
            guard let memory = image.core.memory else { continue }
            let contents = try memoryImage(memory).pagesWithContents
            let plan =
                contents.isEmpty ? nil : MemoryImage.LayerPlan(contents, over: [], copiesFewPages: true)
            state.memories.append(
                PortableState.Memory(
                    length: memory.initialBytes, limit: memory.maximumBytes, mapped: plan?.spans ?? [],
                    copied: plan?.copied ?? []))
        }
        let core = image.core
        for (table, type) in zip(core.tables, module.decoded.tables) {
            state.tables.append(
                UnsafeBufferPointer(start: table.elements, count: table.count).map { portable($0, type.element) })
        }
        let globals = UnsafeRawBufferPointer(start: core.context, count: core.layout.size)[core.layout.mutableStart...]
        state.globals = Array(globals)
        for (index, type) in module.decoded.globals.enumerated() where type.value.isReference {
            let offset = core.layout.global(index) - core.layout.mutableStart
            state.globals.withUnsafeMutableBytes { bytes in
                let cell = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: portable(cell, type.value), toByteOffset: offset, as: UInt64.self)
            }
        }
        state.droppedData = droppedData
        state.droppedElements = droppedElements
        state.isSnapshot = isSnapshot
        return state
    }

    /// Appends the pages of which a state of this template speaks.
    ///
    /// - Throws: `PoolError` if an image cannot be made.
    public func appendPages(of state: PortableState, to bytes: inout [UInt8]) throws(PoolError) {
        let images = ([image] + furtherImages).compactMap(\.core.memory)
        for (memory, image) in zip(state.memories, images) {
            let image = try memoryImage(image)
            for pages in memory.mapped + memory.copied { image.append(pages, to: &bytes) }
        }
    }

    private func memoryImage(_ memory: LazyMemoryImage) throws(PoolError) -> MemoryImage {
        try memory.get(pool.dataPlacement)
    }

    private func portable(_ cell: UInt64, _ type: ValueType) -> UInt64 {
        if type == .externref { return cell & ExternReference.objectBit == 0 ? cell : ExternReference.nowhere }
        guard type == .funcref, cell != 0 else { return cell }
        // Instances that are not linked have no others than their module's.
        return module.functionIndex(ofReference: cell).map { UInt64($0 + 1) } ?? 0
    }

    // MARK: From a file

    /// A template that begins with a state.
    ///
    /// - Parameters:
    ///   - residence: where instances of the module can live.
    ///   - state: one that fits the module.
    ///   - pages: those that the state speaks of, as many as it says.
    /// - Throws: `LinkError`.
    public convenience init(
        module: ModuleCore, in residence: Residence, imports: ImportTable, state: PortableState,
        pages: PortableState.Pages
    ) throws(LinkError) {
        let linked = try LinkedImports(module.decoded, imports)
        let images: [InstanceImage]
        do throws(PoolError) { images = try Self.images(of: module, residence, state, pages) } catch {
            throw .pool(error)
        }
        self.init(
            module, residence, images, linked.functions.retained(for: module.decoded),
            refreshers: imports.refreshers, isSnapshot: state.isSnapshot, droppedData: state.droppedData,
            droppedElements: state.droppedElements)
    }

    private static func images(
        of module: ModuleCore, _ residence: Residence, _ state: PortableState, _ pages: PortableState.Pages
    ) throws(PoolError) -> [InstanceImage] {
        let layout = module.code.layout
        var memories: [LazyMemoryImage] = []
        var skipped = 0
        for (memory, type) in zip(state.memories, module.decoded.memories) {
            let limit = residence.mostBytes
            guard memory.length <= limit else { throw .memoryTooLarge(requested: memory.length, limit: limit) }
            let image = try MemoryImage(memory, pages, skippingPages: skipped)
            skipped += memory.pageCount
            let most = min(memory.limit, type.limits.maximum?.bytesOfPages ?? .max, limit)
            memories.append(
                LazyMemoryImage(
                    image, initialBytes: memory.length, maximumBytes: most & ~(MemoryType.pageSize - 1)))
        }
        let isMutable = InitialState.mutableTables(of: module.decoded, written: module.code.writtenTables)
        for kind in [true, false] {
            let count = zip(state.tables, isMutable).reduce(0) { $1.1 == kind ? $0 + $1.0.count : $0 }
            let limit = (kind ? residence.pool.configuration : module.engine.limits).tableElements
            guard count <= limit else { throw .tableTooLarge(requested: count, limit: limit) }
        }
        func reference(_ cell: UInt64, _ type: ValueType) -> UInt64 {
            type == .funcref && cell != 0 ? module.reference(toFunction: Int(cell) - 1) : cell
        }
        let tables = module.decoded.tables.enumerated().map { index, type in
            InstanceImage.Table(
                elements: state.tables[index].map { reference($0, type.element) }, maximum: type.limits.maximum,
                isImmutable: !isMutable[index])
        }
        var context = module.constantContext
        context.replaceSubrange((layout.mutableStart - VMContextLayout.headerSize)..., with: state.globals)
        context.withUnsafeMutableBytes { bytes in
            for (index, type) in module.decoded.globals.enumerated() where type.value == .funcref {
                let offset = layout.global(index) - VMContextLayout.headerSize
                let cell = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: reference(cell, .funcref), toByteOffset: offset, as: UInt64.self)
            }
        }
        var images = [
            InstanceImage(try ImageCore(layout: layout, memory: memories.first, context: context, tables: tables))
        ]
        for memory in memories.dropFirst() { images.append(try InstanceImage(further: memory)) }
        return images
    }
}

extension MemoryImage {
    /// Runs of pages that are not all zero, in order.
    fileprivate var pagesWithContents: [Range<Int>] {
        var pages = outliers.flatMap { Array($0.pages) }
        for run in runs {
            let source = run.file.view(at: run.fileOffset)
            for page in run.pages where !isZeroPage(source + (page - run.pages.lowerBound) * PoolGeometry.page) {
                pages.append(page)
            }
        }
        var result: [Range<Int>] = []
        for page in pages.sorted() { result.join(page) }
        return result
    }

    /// Appends the contents of pages.
    fileprivate func append(_ pages: Range<Int>, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes += [UInt8](repeating: 0, count: pages.count * PoolGeometry.page)
        bytes.withUnsafeMutableBytes { bytes in
            let target = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
            for page in pages {
                guard let source = source(of: page) else { continue }
                let offset = (page - pages.lowerBound) * PoolGeometry.page
                (target.baseAddress! + offset).copyMemory(from: source, byteCount: PoolGeometry.page)
            }
            copyOutliers(in: pages, to: target)
        }
    }

    /// Of one memory, whose pages come after so many others.
    fileprivate convenience init(
        _ memory: PortableState.Memory, _ pages: PortableState.Pages, skippingPages skipped: Int
    ) throws(PoolError) {
        let bytes = UnsafeRawBufferPointer(rebasing: pages.bytes[(skipped * PoolGeometry.page)...])
        let mappedBytes = memory.mapped.pageCount * PoolGeometry.page
        var runs: [Run] = []
        if mappedBytes > 0 {
            let file: ImageFile
            var offset = 0
            switch pages {
            case .file(let descriptor, let start, _):
                offset = start + skipped * PoolGeometry.page
                file = try ImageFile(descriptor, offset..<offset + mappedBytes)
            case .bytes:
                file = try ImageFile(bytes: mappedBytes) { file throws(PoolError) in
                    try check(
                        mayfly_image_write(file, bytes.baseAddress, mappedBytes, 0), "pwrite", "filling an image")
                }
            }
            runs = Self.runs(of: memory.mapped, in: file, from: offset)
        }
        let copied = bytes[mappedBytes..<mappedBytes + memory.copied.pageCount * PoolGeometry.page]
        self.init(runs: runs, outliers: Self.outliers(of: memory.copied), outlierBytes: Array(copied))
    }
}
