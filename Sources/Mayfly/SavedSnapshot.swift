//! A template as bytes, so that another process begins where this one has come to: its module's compiled code, and the state that
//! its instances begin with.
//!
//! What is said of artifacts holds here: the format is one version's and one kind of processor's, its checksums find damage and
//! not malice, and the parser checks every length and index all the same. Memories' pages begin on a page of the file,
//! in which they stay: slots map them from there.
//!
//!     magic "MAYFLYS\0" · version u32 · checksum u64 of all up to the artifact, this left out
//!     offset of the pages u64 · offset of the artifact u64 · the artifact's checksum u64
//!     is a snapshot u8 · memories u64, each: length, limit u64 · runs of pages to map, to copy: first, end (lists of u32)
//!     tables u64, each a list of u64 · globals (list of u8) · dropped data, elements (lists of u8)
//!     zeros up to a page · the pages · the artifact, up to the end
//!
//! Lists come with their u64 count.

import Glibc
public import Runtime
import WasmModule

/// A snapshot, or any template, that was written to bytes: the module in it, and what to make templates of.
public final class SavedSnapshot: Sendable {
    /// Whose instances the snapshot's are.
    public let module: Module
    private let state: PortableState
    private let source: Source

    private enum Source {
        case file(descriptor: Int32, offset: Int)
        case bytes([UInt8])
    }

    private init(_ module: Module, _ state: PortableState, _ source: Source) {
        self.module = module
        self.state = state
        self.source = source
    }

    deinit {
        if case .file(let descriptor, _) = source { close(descriptor) }
    }

    /// A template whose instances begin where the saved one's did.
    ///
    /// What the saved template imported has to be given again: functions do not lie in files. The values of imported globals are
    /// part of the state, and stay what they were.
    ///
    /// - Throws: `LinkError` if an import is missing or of another type, or the state does not fit the engine's slots.
    public func template<State>(imports: Imports<State>) throws(LinkError) -> Template<State> {
        let residence = module.residence(of: state)
        let core: TemplateCore
        switch source {
        case .bytes(let bytes):
            let made = bytes.withUnsafeBytes { bytes in
                Result { () throws(LinkError) in
                    try TemplateCore(
                        module: module.core, in: residence, imports: imports.table, state: state, pages: .bytes(bytes))
                }
            }
            core = try made.get()
        case .file(let descriptor, let offset):
            let size = state.pageCount * Artifact.page
            let view = try FileView(descriptor, offset..<offset + size)
            core = try TemplateCore(
                module: module.core, in: residence, imports: imports.table, state: state,
                pages: .file(descriptor: descriptor, offset: offset, bytes: view.bytes))
            withExtendedLifetime(view) {}
        }
        return Template(module: module, core: core)
    }

    /// A template of a module without imports. See ``template(imports:)``.
    public func template() throws(LinkError) -> Template<Void> { try template(imports: Imports<Void>()) }

    // MARK: Reading

    fileprivate static let magic: [UInt8] = Array("MAYFLYS\0".utf8)
    /// To be raised whenever the meaning of the bytes changes. What is in an artifact is its own version's.
    fileprivate static let formatVersion: UInt32 = 1
    /// Where what the checksum covers begins.
    fileprivate static let summedFrom = 20

    /// The parts of a file.
    fileprivate struct Parsed {
        var state = PortableState()
        /// Where the memories' pages lie.
        var pages: Range<Int>
        var artifact: Range<Int>

        init(_ bytes: UnsafeRawBufferPointer) throws(ArtifactError) {
            guard bytes.prefix(magic.count).elementsEqual(magic) else { throw .notASnapshot }
            var reader = ArtifactReader(bytes: bytes, position: magic.count)
            guard try reader.number(UInt32.self) == formatVersion else { throw .versionMismatch }
            let sum = try reader.number(UInt64.self)
            let pagesStart = try reader.count()
            let artifactStart = try reader.count()
            guard pagesStart % Artifact.page == 0, artifactStart % Artifact.page == 0, pagesStart > summedFrom,
                pagesStart <= artifactStart, artifactStart <= bytes.count
            else { throw .corrupted }
            var checksum = Checksum()
            checksum.add(UnsafeRawBufferPointer(rebasing: bytes[summedFrom..<artifactStart]))
            guard checksum.value == sum else { throw .corrupted }
            pages = pagesStart..<artifactStart
            artifact = artifactStart..<bytes.count
            let artifactSum = Artifact.checksum(of: UnsafeRawBufferPointer(rebasing: bytes[artifact]))
            guard try reader.number(UInt64.self) == artifactSum else { throw .corrupted }
            try readState(&reader)
            guard reader.position <= pagesStart, pagesStart - reader.position < Artifact.page,
                pages.count / Artifact.page == state.pageCount
            else { throw .corrupted }
        }

        private mutating func readState(_ reader: inout ArtifactReader) throws(ArtifactError) {
            let isSnapshot = try reader.number(UInt8.self)
            guard isSnapshot <= 1 else { throw .corrupted }
            state.isSnapshot = isSnapshot == 1
            // A count that is too large ends where the bytes do.
            for _ in 0..<(try reader.count()) {
                let length = try reader.number(UInt64.self)
                state.memories.append(
                    PortableState.Memory(
                        length: length, limit: try reader.number(UInt64.self), mapped: try Self.runs(&reader),
                        copied: try Self.runs(&reader)))
            }
            for _ in 0..<(try reader.count()) { state.tables.append(try reader.array(UInt64.self)) }
            state.globals = try reader.array(UInt8.self)
            state.droppedData = try reader.flags()
            state.droppedElements = try reader.flags()
        }

        private static func runs(_ reader: inout ArtifactReader) throws(ArtifactError) -> [Range<Int>] {
            let bounds = try reader.array(UInt32.self)
            guard bounds.count % 2 == 0 else { throw .corrupted }
            var runs: [Range<Int>] = []
            for index in stride(from: 0, to: bounds.count, by: 2) {
                guard bounds[index] < bounds[index + 1] else { throw .corrupted }
                runs.append(Int(bounds[index])..<Int(bounds[index + 1]))
            }
            return runs
        }
    }

    fileprivate convenience init(_ engine: Engine, _ bytes: [UInt8]) throws(CompileError) {
        let result = bytes.withUnsafeBytes { bytes in Result { () throws(ArtifactError) in try Parsed(bytes) } }
        let parsed: Parsed
        do { parsed = try result.get() } catch { throw .artifact(error) }
        let module = try engine.load(compiled: Array(bytes[parsed.artifact]))
        guard parsed.state.fits(module.core.decoded, module.core.code.layout) else { throw .artifact(.corrupted) }
        self.init(module, parsed.state, .bytes(Array(bytes[parsed.pages])))
    }

    fileprivate convenience init(_ engine: Engine, _ file: MappedFile, _ descriptor: Int32) throws(CompileError) {
        let parsed: Parsed
        do { parsed = try Parsed(file.bytes) } catch { throw .artifact(error) }
        let module = try engine.load(file, from: parsed.artifact.lowerBound, binary: nil)
        guard parsed.state.fits(module.core.decoded, module.core.code.layout) else { throw .artifact(.corrupted) }
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard own >= 0 else { throw .system(operation: "keeping a snapshot's file open", errno: errno) }
        self.init(module, parsed.state, .file(descriptor: own, offset: parsed.pages.lowerBound))
    }
}

/// A part of a file, mapped for reading.
private final class FileView {
    private let base: UnsafeMutableRawPointer?
    let bytes: UnsafeRawBufferPointer

    init(_ descriptor: Int32, _ range: Range<Int>) throws(LinkError) {
        guard !range.isEmpty else {
            base = nil
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let address = mmap(nil, range.count, PROT_READ, MAP_PRIVATE, descriptor, off_t(range.lowerBound))
        guard let address, address != MAP_FAILED else {
            throw .pool(.systemCall(name: "mmap", errno: errno, purpose: "reading a snapshot's file"))
        }
        base = address
        bytes = UnsafeRawBufferPointer(start: address, count: range.count)
    }

    deinit {
        if let base { munmap(base, bytes.count) }
    }
}

extension Engine {
    /// Loads what ``Template/serialized()`` wrote, without compiling.
    ///
    /// - Warning: It has native code in it, and the state of a guest that runs with it. Only load bytes from a source you trust as
    ///   much as the program itself; the checks here find accidents, not attacks.
    /// - Throws: ``CompileError/artifact(_:)`` if the bytes are damaged, of another version or for another processor.
    public func load(snapshot bytes: [UInt8]) throws(CompileError) -> SavedSnapshot { try SavedSnapshot(self, bytes) }

    /// Loads a saved snapshot from a file, in which code and memories' pages stay: they are mapped from there. See
    /// ``load(snapshot:)`` for whom to trust. The file must not be changed in place, or cut off, as long as there are templates
    /// of it; replacing it by another one does no harm.
    public func load(snapshotAt path: String) throws(CompileError) -> SavedSnapshot {
        try withFile(at: path) { file, descriptor throws(CompileError) in
            try SavedSnapshot(self, file, descriptor)
        } read: { bytes throws(CompileError) in
            try load(snapshot: bytes)
        }
    }
}

extension Template {
    /// The template as bytes that ``Engine/load(snapshot:)`` loads in another process: its module's compiled code, and the state
    /// that instances begin with. For this version of Mayfly and processors with the features of this one.
    ///
    /// Imports are not part of it, but for the values of globals. Neither is what the guest has of the host's: what
    /// ``Imports/refreshCopies(_:)`` says of copies holds even more for those in another process.
    ///
    /// - Throws: `PoolError` if an image cannot be made.
    public func serialized() throws(PoolError) -> [UInt8] {
        let state = try core.portableState()
        var pages: [UInt8] = []
        pages.reserveCapacity(state.pageCount * Artifact.page)
        try core.appendPages(of: state, to: &pages)
        let artifact = Artifact(module: core.module).serialized()

        var body = ArtifactWriter()
        body.put(artifact.withUnsafeBytes { Artifact.checksum(of: $0) })
        body.put(UInt8(state.isSnapshot ? 1 : 0))
        body.put(UInt64(state.memories.count))
        for memory in state.memories {
            body.put(memory.length)
            body.put(memory.limit)
            for runs in [memory.mapped, memory.copied] {
                body.put(runs.flatMap { [UInt32($0.lowerBound), UInt32($0.upperBound)] })
            }
        }
        body.put(UInt64(state.tables.count))
        for table in state.tables { body.put(table) }
        body.put(state.globals)
        body.put(state.droppedData.map { UInt8($0 ? 1 : 0) })
        body.put(state.droppedElements.map { UInt8($0 ? 1 : 0) })
        body.padToPage(after: SavedSnapshot.summedFrom + 16)

        var summed = ArtifactWriter()
        let pagesStart = SavedSnapshot.summedFrom + 16 + body.bytes.count
        summed.put(UInt64(pagesStart))
        summed.put(UInt64(pagesStart + pages.count))
        summed.bytes += body.bytes
        summed.bytes += pages
        var checksum = Checksum()
        summed.bytes.withUnsafeBytes { checksum.add($0) }
        var header = ArtifactWriter()
        header.bytes = SavedSnapshot.magic
        header.put(SavedSnapshot.formatVersion)
        header.put(checksum.value)
        return header.bytes + summed.bytes + artifact
    }
}
