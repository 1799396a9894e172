//! Snapshots: templates whose instances begin where another instance was.

import CPlatform
import Glibc
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Snapshots")
struct SnapshotTests {
    /// Changes a bit of everything.
    private func warmUp(_ guest: borrowing Instance<Void>) throws {
        try guest.call("put", 5, 55)
        try guest.call("put", 65535, 99)
        try guest.call("put", 130_000, 13)
        let former: Int32 = try guest.call("grow", 30)
        #expect(former == 2)
        try guest.call("put", 32 * 65536 - 1, 77)
        try guest.call("put2", 509, 8)
        let former2: Int32 = try guest.call("grow2", 2)
        #expect(former2 == 1)
        try guest.call("put2", 509 * 300, 9)
        try guest.call("setg", Int64(123_456_789_000))
        try guest.call("setv", Int64(21))
        try guest.call("setf")
        try guest.call("sett", 0)
        let formerTable: Int32 = try guest.call("growt", 5)
        #expect(formerTable == 4)
        try guest.call("dropm")
        try guest.call("setx", ExternReference?.some(ExternReference(handle: 17)))
    }

    @Test(
        "An instance of a snapshot has all that the original had, in every kind of state", arguments: CopyPolicies.all)
    func everything(_ policies: CopyPolicies) throws {
        let engine = try policies.engine()
        let template = try StatefulGuest.template(engine)
        let snapshot = try template.snapshot { try warmUp($0) }
        let expected = try template.withInstance { guest in
            try warmUp(guest)
            return try GuestState(consuming: guest)
        }
        #expect(expected.globals[3] == "i32(1)", "the start function ran once")
        #expect(!expected.canInitializeMemory && expected.canInitializeTable)
        var slots: [Slot] = []
        for _ in 0..<5 {
            try snapshot.withInstance { guest in
                slots = guest.slotsHeld
                let state = try GuestState(consuming: guest)
                #expect(state == expected)
            }
            #expect(engine.residue(slots).isEmpty)
        }
        // The template it came from is as it was.
        try template.withInstance { guest in
            try guest.expect("get", 5, is: 0)
            try guest.expect("size", is: 2)
            #expect(try guest.call("getg") as Int64 == 5)
        }
    }

    @Test("Copies of dense instances are dense", arguments: CopyPolicies.all.filter(\.isDense))
    func density(_ policies: CopyPolicies) throws {
        let engine = try policies.engine()
        let template = try StatefulGuest.template(engine)
        let snapshot = try template.snapshot { try warmUp($0) }
        let guest = try snapshot.instantiate()
        let fork = try guest.fork()
        let held = (guest.slotsHeld + fork.slotsHeld).map(\.isDense)
        #expect(held == [true, true, true, true])
        let saved = try engine.load(snapshot: snapshot.serialized()).template(imports: StatefulGuest.imports())
        let loaded = try saved.instantiate()
        #expect(loaded.slotsHeld.map(\.isDense) == [true, true])
        try loaded.expect("get", 32 * 65536 - 1, is: 77)
        // Where there are no dense slots, the same bytes begin in others.
        let ordinary = try CopyPolicies(reset: policies.reset).engine()
        let other = try ordinary.load(snapshot: snapshot.serialized()).template(imports: StatefulGuest.imports())
            .instantiate()
        #expect(other.slotsHeld.map(\.isDense) == [false, false])
        try other.expect("get", 32 * 65536 - 1, is: 77)
    }

    @Test("Instances of one snapshot do not see each other, or the original, or it them", arguments: CopyPolicies.all)
    func isolation(_ policies: CopyPolicies) throws {
        let engine = try policies.engine(slots: 12)
        let template = try StatefulGuest.template(engine)
        let original = try template.instantiate()
        try warmUp(original)
        let snapshot = try template.snapshot(of: original)
        try original.call("put", 5, 1)
        try original.call("put", 6, 1)
        let one = try snapshot.instantiate()
        let other = try snapshot.instantiate()
        try one.call("put", 5, 2)
        try one.call("put", 7, 2)
        try one.call("put2", 509, 2)
        try one.call("setg", Int64(2))
        _ = try one.call("growt", 1) as Int32
        try original.expect("get", 5, is: 1)
        try original.expect("get", 7, is: 0)
        try original.expect("get2", 509, is: 8)
        try one.expect("get", 5, is: 2)
        try one.expect("get", 6, is: 0)
        try other.expect("get", 5, is: 55)
        try other.expect("get", 7, is: 0)
        try other.expect("get2", 509, is: 8)
        #expect(try other.call("getg") as Int64 == 123_456_789_000)
        try other.expect("sizet", is: 9)
    }

    @Test("Snapshots stack: each has what the ones before it had, and its own", arguments: CopyPolicies.all)
    func stacks(_ policies: CopyPolicies) throws {
        let engine = try policies.engine()
        var random = SeededGenerator(seed: 11)
        print("snapshots of snapshots: seed 11, \(policies.testDescription)")
        var template = try StatefulGuest.template(engine)
        var pages = 2
        var model = [UInt8](repeating: 0, count: 2 * 65536)
        model.replaceSubrange(65530..<65542, with: Array("0123456789ab".utf8))
        for level in 0..<24 {
            // Few pages, many, near each other and far apart, old ones and new ones.
            let writes = [1, 3, 40, 200][level % 4]
            template = try template.snapshot { guest in
                if level % 5 == 4 {
                    _ = try guest.call("grow", 16) as Int32
                    pages += 16
                    model += [UInt8](repeating: 0, count: 16 * 65536)
                }
                for _ in 0..<writes {
                    let address = Int.random(in: 0..<pages * 65536, using: &random)
                    let value = UInt8.random(in: 0...255, using: &random)
                    try guest.call("put", Int32(address), Int32(value))
                    model[address] = value
                }
                try guest.call("setg", Int64(level))
            }
            try template.withInstance { guest in
                #expect(try guest.call("getg") as Int64 == Int64(level))
                try guest.expect("size", is: Int32(pages))
                let memory = try guest.readBytes(at: 0, count: guest.memorySize)
                #expect(memcmp(memory, model, model.count) == 0, "level \(level)")
            }
            let runs = try template.withInstance { try Self.runs(of: $0) }
            #expect(runs <= 8, "level \(level)")
        }
    }

    /// Mappings of files in an instance's memory 0.
    private static func runs(of instance: borrowing Instance<Void>) throws -> Int {
        try instance.store.template.image.core.memory.map { try $0.get(.fewPagesCopied).runs.count } ?? 0
    }

    @Test("A snapshot shares what its instance did not change with the template it came from")
    func sharing() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4, stackBytes: 256 << 10)))
        // 16 MiB of data.
        var builder =
            "(module (memory 512) (func (export \"put\") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))"
        builder += (0..<256).map {
            "(data (i32.const \($0 * 65536)) \"\(String(repeating: "abcdefgh", count: 8192))\")"
        }
        .joined()
        let template = try engine.compile(text: builder + ")").template()
        func image(_ template: Template<Void>) throws -> MemoryImage {
            try #require(template.core.image.core.memory).get(.fewPagesCopied)
        }
        let few = try template.snapshot { try $0.call("put", 100, 1) }
        #expect(try image(few).runs.map(\.bytes) == image(template).runs.map(\.bytes))
        #expect(try image(few).outliers.map(\.bytes) == [4096])
        let many = try template.snapshot { guest in
            for page in 1000..<1100 { try guest.call("put", Int32(page * 4096), 1) }
        }
        let runs = try image(many).runs
        #expect(runs.count == 3)
        #expect(runs[1].pages == 1000..<1100)
        #expect(runs[0].file === runs[2].file)
        #expect(try runs[0].file === image(template).runs[0].file)
        try many.withInstance { guest in
            let (last, first) = (
                try guest.read(UInt8.self, at: 1000 * 4096), try guest.readBytes(at: 1100 * 4096 + 1, count: 8)
            )
            #expect(last == 1 && first == Array("bcdefgha".utf8))
        }
    }

    @Test("A template may go before the snapshots and instances it led to")
    func templatesGoFirst() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4, spareSlots: 0, stackBytes: 256 << 10)))
        func orphan() throws -> Instance<Void> {
            let template = try StatefulGuest.template(engine)
            let first = try template.snapshot { try warmUp($0) }
            let second = try first.snapshot { try $0.call("put", 5, 56) }
            return try second.instantiate()
        }
        do {
            let guest = try orphan()
            engine.trim()
            try guest.expect("get", 5, is: 56)
            try guest.expect("get", 65535, is: 99)
            let grandchild = try guest.fork()
            try grandchild.expect("get", 5, is: 56)
        }
        #expect(engine.liveSlots == 0)
        #expect(engine.poolStatistics.blank == engine.poolStatistics.slots, "no slot keeps an image that is gone")
    }

    @Test("Trimming gives the memory of a snapshot's slots back, and the snapshot stays")
    func trimming() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2, spareSlots: 0, stackBytes: 256 << 10)))
        let template = try StatefulGuest.template(engine)
        let snapshot = try template.snapshot { guest in
            try warmUp(guest)
            for page in 0..<20 { try guest.call("put", Int32(page * 4096), 3) }
        }
        for _ in 0..<3 {
            try snapshot.withInstance { try $0.expect("get", 4096, is: 3) }
            try template.withInstance { try $0.expect("get", 4096, is: 0) }
            engine.trim()
            engine.trim()
        }
    }

    @Test("A host function can take a snapshot: what runs is not in it")
    func insideCalls() throws {
        final class Keeper: @unchecked Sendable { var taken: Template<Void>? }
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4, stackBytes: 256 << 10)))
        let module = try engine.compile(text: StatefulGuest.text)
        let keeper = Keeper()
        let plain = try module.template(imports: StatefulGuest.imports())
        let imports = StatefulGuest.imports { caller, value in
            if value == 3 { keeper.taken = try plain.snapshot(of: caller) }
            return value
        }
        let template = try module.template(imports: imports)
        try template.withInstance { guest in
            try guest.expect("pause", 3, is: 6)
            try guest.call("put", 77, 4)
        }
        let taken = try #require(keeper.taken)
        try taken.withInstance { guest in
            try guest.expect("get", 77, is: 3)
            try guest.expect("pause", 1, is: 2)
        }
    }

    @Test("Refreshers run on each copy before anyone else, in order, and their errors come out")
    func refreshing() throws {
        struct Refusal: Error {}
        final class Counter: @unchecked Sendable { var next: Int32 = 0; var isRefusing = false }
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 8, stackBytes: 256 << 10)))
        let counter = Counter()
        var imports = StatefulGuest.imports()
        imports.refreshCopies { caller in
            if counter.isRefusing { throw Refusal() }
            counter.next += 1
            try caller.call("put", 40, counter.next)
        }
        var more = Imports<Void>()
        more.refreshCopies { caller in
            try caller.call("put", 41, (try caller.call("get", 40) as Int32) + 100)
        }
        imports.merge(more)
        let template = try engine.compile(text: StatefulGuest.text).template(imports: imports)
        // What is stamped from the module itself is nobody's copy.
        try template.withInstance { try $0.expect("get", 40, is: 0) }
        let snapshot = try template.snapshot { try $0.call("put", 40, 90) }
        var seen: Set<Int32> = []
        try snapshot.withInstance { guest in
            seen.insert(try guest.call("get", 40))
            try guest.expect("get", 41, is: (try guest.call("get", 40) as Int32) + 100)
            let fork = try guest.fork()
            seen.insert(try fork.call("get", 40))
            let second = try fork.fork()
            seen.insert(try second.call("get", 40))
            let point = try guest.checkpoint()
            try guest.rollBack(to: point)
            seen.insert(try guest.call("get", 40))
        }
        #expect(seen == [1, 2, 3, 4])
        counter.isRefusing = true
        #expect(throws: Refusal.self) { try snapshot.withInstance { _ in } }
        #expect(throws: Refusal.self) { try template.withInstance { guest in _ = try guest.fork() } }
        #expect(engine.liveSlots == 0)
    }

    @Test("What cannot be copied is refused, with a reason")
    func refusals() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4, stackBytes: 256 << 10)))
        let template = try StatefulGuest.template(engine)
        let stranger = try engine.compile(text: "(module (memory 1))").template()
        try stranger.withInstance { guest in
            #expect(throws: CopyError.foreignInstance) { _ = try template.snapshot(of: guest) }
            let point = try guest.checkpoint()
            let other = try template.instantiate()
            #expect(throws: CopyError.foreignCheckpoint) { try other.rollBack(to: point) }
        }
        var store = Store(engine)
        let module = try engine.compile(text: "(module (memory 1))")
        let linked = try store.instantiate(module)
        #expect(throws: CopyError.linkedInstance) { _ = try module.template().snapshot(of: linked) }
        #expect(throws: CopyError.linkedInstance) { _ = try linked.fork() }
        #expect(throws: CopyError.linkedInstance) { _ = try linked.checkpoint() }
    }

    @Test("A call that fails leaves the instance as it was, and no slot behind", arguments: CopyPolicies.all)
    func failures(_ policies: CopyPolicies) throws {
        let engine = try policies.engine(slots: 3)
        let template = try StatefulGuest.template(engine)
        let guest = try template.instantiate()
        try warmUp(guest)
        for page in 0..<40 { try guest.call("put", Int32(page * 4096 + 9), 3) }
        var refusals = 0
        for kind in 0..<Int32(MAYFLY_CALL_KINDS) {
            for after in 0..<Int32(6) {
                mayfly_test_fail_next(kind, after, 1, ENOMEM)
                do {
                    let snapshot = try template.snapshot(of: guest)
                    try snapshot.withInstance { try $0.expect("get", 9, is: 3) }
                } catch is PoolError { refusals += 1 }
                mayfly_test_fail_next(kind, 0, 0, 0)
                try guest.expect("get", 9, is: 3)
                try guest.expect("get", 32 * 65536 - 1, is: 77)
            }
        }
        #expect(refusals > 3)
        #expect(engine.liveSlots == 2, "the guest's two memories")
    }
}
