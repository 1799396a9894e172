//! Snapshots as bytes and files: they begin in another engine where they were taken, and damage is found.

import Glibc
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Saved snapshots")
struct SavedSnapshotTests {
    private func engine() throws -> Engine {
        try Engine(.init(pool: PoolConfiguration(slotCount: 4, spareSlots: 0, stackBytes: 256 << 10)))
    }

    private func warm(_ engine: Engine, pages: Int = 40) throws -> Template<Void> {
        try StatefulGuest.template(engine).snapshot { guest in
            for page in 0..<pages { try guest.call("put", Int32(page * 2048), Int32(page % 255 + 1)) }
            _ = try guest.call("grow", 3) as Int32
            try guest.call("put", 5 * 65536 - 1, 9)
            try guest.call("put2", 509, 8)
            try guest.call("setg", Int64(77))
            try guest.call("setf")
            _ = try guest.call("growt", 5) as Int32
            try guest.call("sett", 7)
            try guest.call("dropm")
            try guest.call("setx", ExternReference?.some(ExternReference(handle: .max)))
        }
    }

    private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
        var path = Array("/tmp/mayfly-snapshot-XXXXXX".utf8CString)
        let file = mkstemp(&path)
        #expect(write(file, bytes, bytes.count) == bytes.count)
        close(file)
        let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(name) }
        try body(name)
    }

    @Test(
        "What was saved begins where it was, from bytes and from a file that is replaced meanwhile", arguments: [3, 40])
    func everything(pages: Int) throws {
        let first = try engine()
        let template = try warm(first, pages: pages)
        let expected = try template.withInstance { try GuestState(consuming: $0) }
        let bytes = try template.serialized()
        let second = try engine()
        let saved = try second.load(snapshot: bytes)
        #expect(saved.module.exports == template.module.exports)
        let loaded = try saved.template(imports: StatefulGuest.imports())
        var states = [try loaded.withInstance { try GuestState(consuming: $0) }]
        try withFile(bytes) { path in
            let mapped = try second.load(snapshotAt: path).template(imports: StatefulGuest.imports())
            // Replacing is no change in place.
            unlink(path)
            for _ in 0..<3 {
                var slots: [Slot] = []
                let state = try mapped.withInstance { guest in
                    slots = guest.slotsHeld
                    return try GuestState(consuming: guest)
                }
                states.append(state)
                #expect(second.residue(slots).isEmpty)
            }
            // What is mapped from the file is a base for further snapshots.
            let further = try mapped.snapshot { try $0.call("put", 40_000, 200) }
            try further.withInstance { guest in
                try guest.expect("get", 40_000, is: 200)
                try guest.expect("get", 5 * 65536 - 1, is: 9)
            }
            let again = try further.serialized()
            try second.load(snapshot: again).template(imports: StatefulGuest.imports()).withInstance { guest in
                try guest.expect("get", 40_000, is: 200)
            }
        }
        for state in states { #expect(state == expected) }
        #expect(try second.load(snapshot: bytes).template(imports: StatefulGuest.imports()).serialized() == bytes)
    }

    @Test("A template that is no snapshot can be saved too: its start function runs where it is loaded")
    func plainTemplates() throws {
        let bytes = try StatefulGuest.template(engine()).serialized()
        let loaded = try engine().load(snapshot: bytes).template(imports: StatefulGuest.imports())
        try loaded.withInstance { guest in
            #expect(try guest.global("starts") == .i32(1))
            try guest.expect("get", 65530, is: 48)
            try guest.call("initm", 0)
        }
        let empty = try engine().compile(text: "(module)").template().serialized()
        try engine().load(snapshot: empty).template().withInstance { _ in }
    }

    @Test("Refreshers run on copies in another process too")
    func refreshing() throws {
        let bytes = try warm(engine()).serialized()
        var imports = StatefulGuest.imports()
        imports.refreshCopies { try $0.call("put", 123, 45) }
        try engine().load(snapshot: bytes).template(imports: imports).withInstance { try $0.expect("get", 123, is: 45) }
    }

    @Test("Damage is found wherever it is")
    func damage() throws {
        let engine = try engine()
        let bytes = try warm(engine, pages: 20).serialized()
        func error(_ bytes: [UInt8]) -> CompileError? {
            do throws(CompileError) {
                _ = try engine.load(snapshot: bytes)
                return nil
            } catch { return error }
        }
        #expect(error(bytes) == nil)
        #expect(error([]) == .artifact(.notASnapshot))
        #expect(error(try warm(engine).module.serialized()) == .artifact(.notASnapshot))
        #expect(throws: CompileError.artifact(.notAnArtifact)) { try engine.load(compiled: bytes) }
        for length in Array(0..<200) + Array(stride(from: 200, to: bytes.count, by: 1009)) {
            #expect(error(Array(bytes[..<length])) != nil)
            try? withFile(Array(bytes[..<length])) { path in
                #expect(throws: CompileError.self) { try engine.load(snapshotAt: path) }
            }
        }
        #expect(error(bytes + [0]) != nil)
        let artifact = Int(bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 28, as: UInt64.self) })
        for position in Array(0..<2000) + Array(stride(from: 2000, to: artifact + 2000, by: 251)) {
            var damaged = bytes
            damaged[position] ^= 1 << (position % 8)
            #expect(error(damaged) != nil, "bit flipped in byte \(position)")
        }
        var version = bytes
        version[8] &+= 1
        #expect(error(version) == .artifact(.versionMismatch))
    }

    @Test("A state with a right checksum that is not the module's is refused, and none of its indices leads anywhere")
    func foreignStates() throws {
        let engine = try engine()
        let template = try warm(engine)
        let good = try template.core.portableState()
        let (module, layout) = (template.core.module.decoded, template.core.module.code.layout)
        #expect(good.fits(module, layout))
        func refuses(_ change: (inout PortableState) -> Void, _ what: Comment) {
            var state = good
            change(&state)
            #expect(!state.fits(module, layout), what)
        }
        refuses({ $0.memories.removeLast() }, "a memory less")
        refuses({ $0.memories[0].length += 1 }, "half a page")
        refuses({ $0.memories[0].limit = 65536 }, "a limit that it exceeds")
        refuses({ $0.memories[0].length = 65536 }, "less than declared")
        refuses({ $0.memories[0].length = 257 * 65536 }, "more than declared")
        refuses({ $0.memories[0].length = 1 << 63 }, "more than there is")
        refuses({ $0.memories[0].mapped = [0..<1_000_000] }, "pages beyond the end")
        refuses({ $0.memories[0].copied = [(-1)..<2] }, "pages before the beginning")
        refuses({ $0.memories[0].mapped = [4..<6, 5..<9] }, "pages twice")
        refuses({ $0.memories[0].mapped = (0..<9).map { $0 * 2..<$0 * 2 + 1 } }, "too many mappings")
        refuses({ $0.tables[0] = [] }, "a table too small")
        refuses({ $0.tables[0] += [UInt64](repeating: 0, count: 100) }, "a table too large")
        refuses({ $0.tables[0][2] = UInt64(module.functions.count) + 1 }, "a function that is not")
        refuses({ $0.tables[0][2] = .max }, "a function that never was")
        refuses({ $0.globals.removeLast() }, "globals cut off")
        refuses({ $0.globals[2 * 16 + 7] = 0xFF }, "a function reference in a global")
        refuses({ $0.globals[3 * 16 + 7] = 0xFF }, "a reference of the host's that is none")
        refuses({ $0.droppedData = [true] }, "segments that are not")
        refuses({ $0.droppedElements = [Bool](repeating: true, count: 99) }, "segments that are not")
        #expect(throws: LinkError.self) {
            try engine.load(snapshot: template.serialized()).template(imports: Imports<Void>())
        }
        let small = try Engine(
            .init(pool: PoolConfiguration(slotCount: 2, maximumMemoryBytes: 4 * 65536, stackBytes: 256 << 10)))
        #expect(throws: LinkError.pool(.memoryTooLarge(requested: 5 * 65536, limit: 4 * 65536))) {
            try small.load(snapshot: template.serialized()).template(imports: StatefulGuest.imports())
        }
    }

    /// Offsets of pages and artifact that were lost: zero is a multiple of the page, and in order.
    @Test("A file without offsets is refused") func withoutOffsets() async {
        await #expect(processExitsWith: .success) {
            let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4, stackBytes: 256 << 10)))
            var bytes = try engine.compile(text: "(module (memory 1) (data (i32.const 9) \"abc\"))").template()
                .serialized()
            for position in 20..<36 { bytes[position] = 0 }
            #expect(throws: CompileError.artifact(.corrupted)) { try engine.load(snapshot: bytes) }
        }
    }

    /// Runs of pages whose sum in bytes is no number, in a file with right checksums.
    @Test("Runs of more pages than there are numbers for are refused") func pagesBeyondNumber() async {
        await #expect(processExitsWith: .success) {
            let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4, stackBytes: 256 << 10)))
            let artifact = try engine.compile(text: "(module (memory 1))").serialized()
            var body = ArtifactWriter()
            body.put(artifact.withUnsafeBytes { Artifact.checksum(of: $0) })
            body.put(UInt8(1))
            body.put(UInt64(1))
            body.put(UInt64(65536))
            body.put(UInt64(65536))
            body.put([UInt32]())
            var runs: [UInt32] = []
            for _ in 0..<(1 << 19 + 1) { runs += [0, .max] }
            body.put(runs)
            body.put(UInt64(0))
            body.put([UInt8]())
            body.put([UInt8]())
            body.put([UInt8]())
            body.padToPage(after: 36)
            var summed = ArtifactWriter()
            let start = 36 + body.bytes.count
            summed.put(UInt64(start))
            summed.put(UInt64(start))
            summed.bytes += body.bytes
            var checksum = Checksum()
            summed.bytes.withUnsafeBytes { checksum.add($0) }
            var header = ArtifactWriter()
            header.bytes = Array("MAYFLYS\0".utf8)
            header.put(UInt32(1))
            header.put(checksum.value)
            let bytes = header.bytes + summed.bytes + artifact
            #expect(throws: CompileError.artifact(.corrupted)) { try engine.load(snapshot: bytes) }
        }
    }

    /// A state that a slot of the ordinary pool holds is not refused because a dense one does not.
    @Test("A state that no dense slot holds lives in an ordinary one") func tooLargeForDense() throws {
        let text = """
            (module (memory 1 4) (table $t 1 10000 funcref)
              (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
              (func (export "size") (result i32) (table.size $t)))
            """
        let code = CodeSettings(boundsChecks: .explicit)
        let plain = try Engine(
            .init(pool: PoolConfiguration(slotCount: 4, stackBytes: 256 << 10, tableElements: 20_000), code: code))
        let bytes = try plain.compile(text: text).template().snapshot { guest in
            let former: Int32 = try guest.call("grow", 5000)
            #expect(former == 1)
        }.serialized()
        let both = try Engine(
            .init(
                pool: PoolConfiguration(
                    slotCount: 4, stackBytes: 256 << 10, tableElements: 20_000,
                    dense: DenseClass(
                        maximumMemoryBytes: 16 << 20, slotCount: 4, stackBytes: 256 << 10, tableElements: 1000)),
                code: code))
        try both.load(snapshot: bytes).template().withInstance { guest in
            let size: Int32 = try guest.call("size")
            #expect(size == 5001)
        }
    }

    /// Bytes of the state, the code left alone: whatever they say, a guest runs in its own memory or there is an error.
    @Test(
        "A state changed at random, with a right checksum, is refused or does no harm",
        arguments: [1, 2, 3] as [UInt64])
    func randomStates(seed: UInt64) async {
        await #expect(processExitsWith: .success) { [seed] in
            print("random states of snapshots: seed \(seed)")
            var random = SeededGenerator(seed: seed)
            let engine = try Engine(
                .init(pool: PoolConfiguration(slotCount: 4, spareSlots: 0, stackBytes: 256 << 10)))
            let bytes = try SavedSnapshotTests().warm(engine, pages: 20).serialized()
            let pagesStart = bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 20, as: UInt64.self)) }
            // What says something, not the zeros behind it.
            let end = bytes[..<pagesStart].lastIndex { $0 != 0 }! + 1
            var (loaded, refused) = (0, 0)
            for _ in 0..<400 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let position = Int.random(in: 20..<end, using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: damaged[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    case 1: damaged[position] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
                    case 2:
                        for offset in 0..<8 where position + offset < end { damaged[position + offset] = 0xFF }
                    default: damaged[position] &+= 1
                    }
                }
                let summed = damaged.withUnsafeBytes {
                    Int(clamping: $0.loadUnaligned(fromByteOffset: 28, as: UInt64.self))
                }
                if summed >= 20, summed <= damaged.count {
                    var checksum = Checksum()
                    damaged.withUnsafeBytes { checksum.add(UnsafeRawBufferPointer(rebasing: $0[20..<summed])) }
                    withUnsafeBytes(of: checksum.value) { damaged.replaceSubrange(12..<20, with: $0) }
                }
                do {
                    let saved = try engine.load(snapshot: damaged)
                    let template = try saved.template(imports: StatefulGuest.imports())
                    try template.withInstance { guest in _ = try GuestState(consuming: guest) }
                    loaded += 1
                } catch is CompileError {
                    refused += 1
                } catch is LinkError {
                    refused += 1
                }
            }
            #expect(loaded > 20 && refused > 100, "seed \(seed): \(loaded) loaded, \(refused) refused")
            #expect(engine.liveSlots == 0)
        }
    }
}
