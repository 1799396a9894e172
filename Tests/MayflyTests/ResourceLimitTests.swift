//! What instances may use: at the limit, one less and one more, from the beginning and by growing, alone and linked.

import Mayfly
import Synchronization
import Testing

private let page: UInt64 = 65536

private func limitError(_ body: () throws -> Void) -> LimitError? {
    do { try body() } catch let error as LimitError { return error } catch {
        Issue.record("another error: \(error)")
    }
    return nil
}

private func trapCode(_ body: () throws -> Void) -> TrapCode? {
    do { try body() } catch let trap as Trap { return trap.code } catch {
        Issue.record("another error: \(error)")
    }
    return nil
}

private func template(
    _ text: String, _ define: (inout Imports<Int>) -> Void = { _ in }
) throws -> Template<Int> {
    var imports = Imports<Int>()
    define(&imports)
    return try testEngine.get().compile(text: text).template(imports: imports)
}

/// Two memories of 2 and 1 pages, two tables of 10 and 5 elements.
private let guest = """
    (module
      (memory $m (export "memory") 2 20)
      (memory $n (export "second") 1)
      (table $t (export "table") 10 200 funcref)
      (table $u 5 externref)
      (func (export "grow") (param i32) (result i32) (memory.grow $m (local.get 0)))
      (func (export "growSecond") (param i32) (result i32) (memory.grow $n (local.get 0)))
      (func (export "size") (result i32) (memory.size $m))
      (func (export "growTable") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
      (func (export "growSecondTable") (param i32) (result i32)
        (table.grow $u (ref.null extern) (local.get 0)))
      (func (export "growWhilePossible") (param $times i32) (result i32)
        (local $grown i32)
        (loop $again
          (if (i32.ne (memory.grow $m (i32.const 1)) (i32.const -1))
            (then (local.set $grown (i32.add (local.get $grown) (i32.const 1)))))
          (if (i32.ne (memory.grow $n (i32.const 1)) (i32.const -1))
            (then (local.set $grown (i32.add (local.get $grown) (i32.const 1)))))
          (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (local.get $grown)))
    """

/// Recurs so often, with a frame each.
private let recursion = """
    (module
      (func $down (export "down") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
          (else (i32.const 0)))))
    """

@Suite("Resource limits") struct ResourceLimitTests {
    // MARK: What there is at the start

    @Test("memory that a module begins with counts, of all memories together") func initialMemory() throws {
        let template = try template(guest)
        for bytes in [3 * page, 3 * page + 1] {
            try template.withInstance(state: 0, limits: ResourceLimits(memoryBytes: bytes)) { (instance) throws in
                #expect(instance.memorySize == Int(2 * page))
            }
        }
        for (bytes, index, name) in [
            (3 * page - 1, 1, "second"), (2 * page, 1, "second"), (2 * page - 1, 0, "memory"), (0, 0, "memory"),
        ] {
            let error = limitError {
                try template.withInstance(state: 0, limits: ResourceLimits(memoryBytes: bytes)) { _ in }
            }
            #expect(error?.limit == .memoryBytes)
            #expect(error?.requested == 3 * page)
            #expect(error?.allowed == bytes)
            #expect(error?.index == index)
            #expect(error?.exportName == name)
            #expect(error?.description.contains("\(bytes)") == true)
        }
    }

    @Test("table elements that a module begins with count, of all tables together") func initialTables() throws {
        let template = try template(guest)
        try template.withInstance(state: 0, limits: ResourceLimits(tableElements: 15)) { _ in }
        for (elements, index, name) in [(UInt64(14), 1, String?.none), (10, 1, nil), (9, 0, "table"), (0, 0, "table")] {
            let error = limitError {
                _ = try template.instantiate(state: 0, limits: ResourceLimits(tableElements: elements))
            }
            let expected = LimitError(
                limit: .tableElements, requested: 15, allowed: elements, index: index, exportName: name)
            #expect(error == expected)
        }
    }

    @Test("a refused instance leaves its slot as it was") func refusedInstances() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2, spareSlots: 0)))
        let template = try engine.compile(text: guest).template()
        for _ in 0..<50 {
            let limits = ResourceLimits(memoryBytes: 1, stackBytes: 0)
            #expect(limitError { _ = try template.instantiate(state: (), limits: limits) } != nil)
        }
        try template.withInstance { (instance) throws in #expect(try instance.call("grow", 1) as Int32 == 2) }
    }

    // MARK: Growth

    @Test("memories grow up to the limit and not beyond") func growth() throws {
        let template = try template(guest)
        let limits = ResourceLimits(memoryBytes: 6 * page)
        try template.withInstance(state: 0, limits: limits) { (instance) throws in
            #expect(try instance.call("grow", 4) as Int32 == -1)
            #expect(try instance.call("grow", 2) as Int32 == 2)
            #expect(try instance.call("growSecond", 2) as Int32 == -1)
            #expect(try instance.call("growSecond", 1) as Int32 == 1)
            #expect(try instance.call("growSecond", 1) as Int32 == -1)
            #expect(try instance.call("grow", 1) as Int32 == -1)
            #expect(try instance.call("grow", 0) as Int32 == 4)
            #expect(try instance.call("growSecond", 0) as Int32 == 2)
            #expect(try instance.call("grow", -1) as Int32 == -1)
            #expect(try instance.call("grow", Int32.min) as Int32 == -1)
        }
        // One byte less than a whole page is a page less.
        let less = ResourceLimits(memoryBytes: 6 * page - 1)
        try template.withInstance(state: 0, limits: less) { (instance) throws in
            #expect(try instance.call("grow", 3) as Int32 == -1)
            #expect(try instance.call("grow", 2) as Int32 == 2)
            #expect(try instance.call("growSecond", 1) as Int32 == -1)
        }
        // Whoever has no limits grows to what the module declares.
        try template.withInstance(state: 0) { (instance) throws in
            #expect(try instance.call("grow", 18) as Int32 == 2)
            #expect(try instance.call("grow", 1) as Int32 == -1)
        }
    }

    @Test("tables grow up to the limit and not beyond") func tableGrowth() throws {
        let limits = ResourceLimits(tableElements: 20)
        try template(guest).withInstance(state: 0, limits: limits) { (instance) throws in
            #expect(try instance.call("growTable", 6) as Int32 == -1)
            #expect(try instance.call("growTable", 4) as Int32 == 10)
            #expect(try instance.call("growSecondTable", 2) as Int32 == -1)
            #expect(try instance.call("growSecondTable", 1) as Int32 == 5)
            #expect(try instance.call("growTable", 1) as Int32 == -1)
            #expect(try instance.call("growTable", 0) as Int32 == 14)
            #expect(try instance.call("growTable", -1) as Int32 == -1)
        }
    }

    @Test("a guest that grows in a loop gets what it may", arguments: [UInt64(3), 4, 9, 20])
    func growthInLoops(pages: UInt64) throws {
        let limits = ResourceLimits(memoryBytes: pages * page)
        try template(guest).withInstance(state: 0, limits: limits) { (instance) throws in
            #expect(try instance.call("growWhilePossible", 1000) as Int32 == Int32(pages) - 3)
            #expect(try instance.call("growWhilePossible", 1000) as Int32 == 0)
        }
    }

    @Test("64-bit sizes that wrap are refused before anybody is asked") func wideGrowth() throws {
        let text = """
            (module
              (memory i64 1)
              (table $t i64 3 funcref)
              (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
              (func (export "growTable") (param i64) (result i64) (table.grow $t (ref.null func) (local.get 0))))
            """
        let requests = Requests()
        let limits = ResourceLimits { request in
            requests.note(request)
            return .refuse
        }
        try template(text).withInstance(state: 0, limits: limits) { (instance) throws in
            for pages: Int64 in [-1, .min, .max, 1 << 48, 1 << 62, (1 << 48) - 1] {
                #expect(try instance.call("grow", pages) as Int64 == -1)
            }
            for elements: Int64 in [-1, -3] { #expect(try instance.call("growTable", elements) as Int64 == -1) }
        }
        #expect(requests.list.isEmpty)
        try template(text).withInstance(state: 0, limits: limits) { (instance) throws in
            #expect(try instance.call("grow", Int64(1) << 40) as Int64 == -1)
            #expect(try instance.call("growTable", Int64.max) as Int64 == -1)
        }
        #expect(requests.list.map(\.desired) == [page << 40 + page, (1 << 63) + 2])
        // Whatever the host allows, the pool has the last word.
        let generous = ResourceLimits(memoryBytes: .max, tableElements: .max) { _ in .allow }
        try template(text).withInstance(state: 0, limits: generous) { (instance) throws in
            #expect(try instance.call("grow", Int64(1) << 40) as Int64 == -1)
            #expect(try instance.call("growTable", Int64.max) as Int64 == -1)
            #expect(try instance.call("grow", Int64(1)) as Int64 == 1)
        }
    }

    // MARK: The hook

    private final class Requests: Sendable {
        let all = Mutex<[GrowthRequest]>([])
        var list: [GrowthRequest] { all.withLock { $0 } }
        func note(_ request: GrowthRequest) { all.withLock { $0.append(request) } }
    }

    @Test("the host is asked about what the module and the limits allow, with its numbers") func requests() throws {
        let requests = Requests()
        let limits = ResourceLimits(memoryBytes: 10 * page) { request in
            requests.note(request)
            return request.desired < 5 * page || request.kind == .table ? .allow : .refuse
        }
        try template(guest).withInstance(state: 0, limits: limits) { (instance) throws in
            #expect(requests.list.isEmpty)
            #expect(try instance.call("grow", 0) as Int32 == 2)
            #expect(try instance.call("grow", 19) as Int32 == -1)
            #expect(try instance.call("grow", 8) as Int32 == -1)
            #expect(requests.list.isEmpty)
            #expect(try instance.call("grow", 2) as Int32 == 2)
            #expect(try instance.call("grow", 1) as Int32 == -1)
            #expect(try instance.call("size") as Int32 == 4)
            #expect(try instance.call("growSecond", 1) as Int32 == 1)
            #expect(try instance.call("growTable", 7) as Int32 == 10)
            #expect(try instance.call("growSecondTable", 1) as Int32 == 5)
            #expect(try instance.call("growTable", 184) as Int32 == -1)
        }
        let expected: [(GrowthRequest.Kind, Int, UInt64, UInt64, UInt64?)] = [
            (.memory, 0, 2 * page, 4 * page, 20 * page), (.memory, 0, 4 * page, 5 * page, 20 * page),
            (.memory, 1, page, 2 * page, nil), (.table, 0, 10, 17, 200), (.table, 1, 5, 6, nil),
        ]
        let list = requests.list
        #expect(list.count == expected.count)
        for (request, (kind, index, current, desired, maximum)) in zip(list, expected) {
            #expect(request.kind == kind)
            #expect(request.index == index)
            #expect(request.current == current)
            #expect(request.desired == desired)
            #expect(request.maximum == maximum)
        }
    }

    @Test("what the host throws ends the guest, and nothing has grown") func failing() throws {
        struct TooMuch: Error, Equatable { var bytes: UInt64 }
        let limits = ResourceLimits { request in
            if request.kind == .table || request.desired > 4 * page { throw TooMuch(bytes: request.desired) }
            return .allow
        }
        try template(guest).withInstance(state: 0, limits: limits) { (instance) throws in
            #expect(throws: TooMuch(bytes: 5 * page)) { _ = try instance.call("growWhilePossible", 10) as Int32 }
            // Memory 0 had 4 pages by then, the second 3.
            #expect(try instance.call("size") as Int32 == 4)
            #expect(try instance.call("growSecond", 0) as Int32 == 3)
            #expect(try instance.call("growSecond", 1) as Int32 == 3)
            #expect(throws: TooMuch.self) { _ = try instance.call("growTable", 190) as Int32 }
        }
    }

    // MARK: Stack

    private func depth(_ instance: borrowing Instance<Int>) throws -> Int32 {
        var (low, high): (Int32, Int32) = (0, 1 << 20)
        while low + 1 < high {
            let middle = (low + high) / 2
            do {
                _ = try instance.call("down", middle) as Int32
                low = middle
            } catch let trap as Trap {
                #expect(trap.code == .callStackExhausted)
                high = middle
            }
        }
        return low
    }

    @Test("a guest gets as deep as its stack allows, and the next one as deep as ever") func stacks() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1, spareSlots: 0, stackBytes: 512 << 10)))
        let template = try engine.compile(text: recursion).template(imports: Imports<Int>())
        let full = try template.withInstance(state: 0) { try depth($0) }
        var last: Int32 = 0
        for bytes in [4 << 10, 16 << 10, 64 << 10, 128 << 10] {
            let limits = ResourceLimits(stackBytes: bytes)
            let limited = try template.withInstance(state: 0, limits: limits) { try depth($0) }
            #expect(limited > last)
            #expect(limited < full)
            // Frames are of at least 16 bytes.
            #expect(Int(limited) <= bytes / 16)
            last = limited
            // Without being called, and after a trap, the slot is the same for the next one.
            try template.withInstance(state: 0, limits: limits) { _ in }
            let next = try template.withInstance(state: 0) { try depth($0) }
            #expect(next == full)
        }
        for bytes in [512 << 10, 1 << 30, Int.max] {
            let limits = ResourceLimits(stackBytes: bytes)
            let same = try template.withInstance(state: 0, limits: limits) { try depth($0) }
            #expect(same == full)
        }
        for bytes in [0, -1, Int.min] {
            let limits = ResourceLimits(stackBytes: bytes)
            let code = try template.withInstance(state: 0, limits: limits) { (instance) throws in
                trapCode { _ = try instance.call("down", 3) as Int32 }
            }
            #expect(code == .callStackExhausted)
        }
        #expect(try template.withInstance(state: 0) { try depth($0) } == full)
    }

    @Test("an instance that is rolled back, and its fork, get no deeper") func copiedStacks() throws {
        let template = try template(recursion)
        let instance = try template.instantiate(state: 0, limits: ResourceLimits(stackBytes: 16 << 10))
        let limited = try depth(instance)
        let point = try instance.checkpoint()
        try instance.rollBack(to: point)
        #expect(try depth(instance) == limited)
        let fork = try instance.fork(state: 0)
        #expect(try depth(fork) == limited)
        let warm = try template.snapshot(of: instance)
        #expect(try warm.withInstance(state: 0) { try depth($0) } > 4 * limited)
    }

    @Test("dense slots are the same for the next one too") func denseStacks() throws {
        let engine = try Engine(
            .init(pool: PoolConfiguration(slotCount: 1, spareSlots: 0, dense: DenseClass(slotCount: 1))))
        let text = recursion.replacing("(module", with: "(module (memory 1 2)", maxReplacements: 1)
        let template = try engine.compile(text: text).template(imports: Imports<Int>())
        let full = try template.withInstance(state: 0) { try depth($0) }
        for _ in 0..<3 {
            let limits = ResourceLimits(memoryBytes: page, stackBytes: 8 << 10)
            #expect(try template.withInstance(state: 0, limits: limits) { try depth($0) } < full / 2)
            #expect(try template.withInstance(state: 0) { try depth($0) } == full)
        }
    }

    @Test("linked instances share the first one's stack and its limit") func linkedStacks() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2, spareSlots: 0, stackBytes: 512 << 10)))
        let module = try engine.compile(text: recursion)
        func depths(_ limits: ResourceLimits?) throws -> [Int32] {
            var store = Store(engine, state: 0, limits: limits)
            let first = try store.instantiate(module)
            let second = try store.instantiate(module)
            return [try depth(first), try depth(second)]
        }
        let full = try depths(nil)
        #expect(full[0] == full[1])
        for _ in 0..<3 {
            let limited = try depths(ResourceLimits(stackBytes: 32 << 10))
            #expect(limited[0] == limited[1])
            #expect(limited[0] < full[0] / 4)
            #expect(try depths(nil) == full)
            let alone = try module.template(imports: Imports<Int>()).withInstance(state: 0) { try depth($0) }
            #expect(alone == full[0])
        }
    }

    // MARK: Copies out of guest memory

    private func reader() throws -> Template<Int> {
        try template(
            """
            (module
              (import "host" "read" (func $read (param i32 i32)))
              (memory (export "memory") 2)
              (func (export "read") (param i32 i32) (call $read (local.get 0) (local.get 1)))
              (func (export "loop") (param $times i32) (param $count i32)
                (loop $again
                  (call $read (i32.const 0) (local.get $count))
                  (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))
            """
        ) { imports in
            imports.define("host", "read") { (caller, how: UInt32, count: UInt32) -> Void in
                let count = Int(count)
                switch how {
                case 0: _ = try caller.readBytes(at: 0, count: count)
                case 1: _ = try caller.readString(at: 0, count: count)
                case 2: _ = try caller.readRepairedString(at: 0, count: count)
                case 3: _ = try caller.readArray(of: UInt8.self, at: 0, count: count)
                case 4: _ = try caller.readCString(at: 0, maximumBytes: count)
                case 5: _ = try caller.withBytes(at: 0, count: count) { $0.byteCount }
                default: _ = try caller.call("read", Int32(0), Int32(count))
                }
                caller.state += 1
            }
        }
    }

    /// The limit that it ran into; nil if it did not.
    private func copyLimit(_ body: () throws -> Void) -> Int? {
        do { try body() } catch let error as MemoryAccessError { return error.copyLimit } catch GuestStringError.memory(
            let error)
        { return error.copyLimit } catch { Issue.record("another error: \(error)") }
        return nil
    }

    @Test("what the host copies in one call is limited, whichever way", arguments: [Int32(0), 1, 2, 3, 4, 6])
    func copies(how: Int32) throws {
        try reader().withInstance(state: 0, limits: ResourceLimits(copiedBytes: 1000)) { (instance) throws in
            try instance.writeBytes([UInt8](repeating: 65, count: 3000), at: 0)
            try instance.writeBytes([0], at: 1000)
            if how != 4 {
                try instance.call("read", how, Int32(999))
                #expect(copyLimit { try instance.call("read", how, Int32(1001)) } == 1000)
            } else {
                try instance.writeBytes([65, 0], at: 1000)
                #expect(copyLimit { try instance.call("read", how, Int32(1001)) } == 1000)
                try instance.writeBytes([0], at: 1000)
            }
            try instance.call("read", how, Int32(1000))
            // Each call has its own.
            try instance.call("read", how, Int32(1000))
        }
    }

    @Test("a guest cannot go round it in a loop, and looking in place is free") func copiesInLoops() throws {
        try reader().withInstance(state: 0, limits: ResourceLimits(copiedBytes: 1000)) { (instance) throws in
            try instance.call("loop", 10, 100)
            #expect(instance.state == 10)
            #expect(copyLimit { try instance.call("loop", 11, 100) } == 1000)
            #expect(instance.state == 20)
            #expect(copyLimit { try instance.call("loop", 2, 501) } == 1000)
            try instance.call("loop", 100_000, 0)
            try instance.call("read", Int32(5), Int32(131072))
            // Outside of calls, each is by itself.
            for _ in 0..<3 { #expect(try instance.readBytes(at: 0, count: 1000).count == 1000) }
            #expect(copyLimit { _ = try instance.readBytes(at: 0, count: 1001) } == 1000)
            // Beyond the memory it is the memory's end that counts.
            #expect(copyLimit { _ = try instance.readBytes(at: 131072, count: 2000) } == nil)
        }
        for limit in [0, -5, Int.min] {
            try reader().withInstance(state: 0, limits: ResourceLimits(copiedBytes: limit)) { (instance) throws in
                try instance.call("loop", 1, 0)
                #expect(copyLimit { try instance.call("loop", 1, 1) } == limit)
            }
        }
    }

    // MARK: Objects

    private final class Thing: ExternObject {}

    @Test("objects at the limit, and one more") func objects() throws {
        let template = try template(guest)
        for limit in [0, 1, 3] {
            try template.withInstance(state: 0, limits: ResourceLimits(objects: limit)) { (instance) throws in
                let things = (0..<limit).map { _ in Thing() }
                for thing in things + things { _ = try instance.reference(to: thing) }
                #expect(throws: ExternReferenceError.tooManyObjects(limit: limit)) {
                    _ = try instance.reference(to: Thing())
                }
                if let thing = things.first {
                    instance.takeBack(thing)
                    _ = try instance.reference(to: Thing())
                }
            }
        }
    }

    // MARK: Linked instances

    private static let library = """
        (module (memory (export "memory") 1 10) (table (export "table") 4 100 funcref))
        """
    private static let user = """
        (module
          (import "library" "memory" (memory 1 10))
          (import "library" "table" (table 4 100 funcref))
          (memory $own 1)
          (table $ownTable 6 funcref)
          (func (export "grow") (param i32) (result i32) (memory.grow 0 (local.get 0)))
          (func (export "growOwn") (param i32) (result i32) (memory.grow $own (local.get 0)))
          (func (export "size") (result i32) (memory.size 0))
          (func (export "growTable") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0))))
        """

    @Test("linked instances have limits together, and what they share counts once") func linkedInstances() throws {
        let engine = try testEngine.get()
        let (library, user) = (try engine.compile(text: Self.library), try engine.compile(text: Self.user))
        let requests = Requests()
        let limits = ResourceLimits(memoryBytes: 6 * page, tableElements: 20, instances: 3) { request in
            requests.note(request)
            return .allow
        }
        var store = Store(engine, state: 0, limits: limits)
        try store.instantiate(library, as: "library")
        let first = try store.instantiate(user)
        let second = try store.instantiate(user)
        // 1 + 1 + 1 pages, 4 + 6 + 6 elements.
        #expect(limitError { try store.instantiate(user) }?.limit == .instances)
        #expect(try first.call("grow", 4) as Int32 == -1)
        #expect(try second.call("grow", 2) as Int32 == 1)
        #expect(try first.call("size") as Int32 == 3)
        #expect(try first.call("growOwn", 1) as Int32 == 1)
        #expect(try second.call("growOwn", 1) as Int32 == -1)
        #expect(try first.call("grow", 1) as Int32 == -1)
        #expect(try second.call("growTable", 5) as Int32 == -1)
        #expect(try first.call("growTable", 4) as Int32 == 4)
        #expect(try second.call("growTable", 1) as Int32 == -1)
        #expect(requests.list.map(\.maximum) == [10 * page, nil, 100])
        #expect(requests.list.map(\.index) == [0, 1, 0])

        // Another store has its own, and a copy those that it is given.
        let snapshot = try store.snapshot()
        #expect(
            limitError { _ = try Store(snapshot, state: 0, limits: ResourceLimits(memoryBytes: 6 * page - 1)) } != nil)
        #expect(limitError { _ = try Store(snapshot, state: 0, limits: ResourceLimits(instances: 2)) } != nil)
        let copy = try Store(snapshot, state: 0, limits: ResourceLimits(memoryBytes: 6 * page))
        let hasLibrary = copy.instance(named: "library") != nil
        #expect(hasLibrary)
        _ = try Store(snapshot, state: 0)
    }

    @Test("a module that is too large for what its store has left is refused, and nothing has happened")
    func linkedRefusal() throws {
        let engine = try testEngine.get()
        let (library, user) = (try engine.compile(text: Self.library), try engine.compile(text: Self.user))
        var store = Store(engine, state: 0, limits: ResourceLimits(memoryBytes: 2 * page - 1, tableElements: 10))
        try store.instantiate(library, as: "library")
        let error = limitError { try store.instantiate(user) }
        #expect(error?.limit == .memoryBytes)
        #expect(error?.requested == 2 * page)
        #expect(error?.index == 1)
        #expect(error?.exportName == nil)
        // The same store goes on with what fits.
        let small = try engine.compile(
            text: #"(module (import "library" "memory" (memory 1)) (func (export "size") (result i32) (memory.size)))"#)
        #expect(try store.instantiate(small).call("size") as Int32 == 1)
    }

    @Test("an instance for one call counts beside the linked ones, while it lives") func transientInstances() throws {
        let engine = try testEngine.get()
        let small = try engine.compile(text: "(module (memory 1))")
        let template = try small.template(imports: Imports<Int>())
        var store = Store(engine, state: 0, limits: ResourceLimits(memoryBytes: 2 * page, instances: 2))
        try store.withInstance(of: template) { _ in }
        try store.instantiate(small)
        for _ in 0..<5 { try store.withInstance(of: template) { _ in } }
        try store.instantiate(small)
        #expect(limitError { try store.withInstance(of: template) { _ in } }?.limit == .instances)
        var none = Store(engine, state: 7, limits: ResourceLimits(instances: 0))
        #expect(limitError { try none.withInstance(of: template) { _ in } }?.requested == 1)
        // The state is the store's again.
        let state = none.state
        #expect(state == 7)
    }

    // MARK: Copies of instances

    @Test("a fork has the same limits for itself, a snapshot's instances those they are given") func copiesOfInstances()
        throws
    {
        let template = try template(guest)
        let instance = try template.instantiate(state: 0, limits: ResourceLimits(memoryBytes: 5 * page, stackBytes: 0))
        let free = try template.instantiate(state: 0, limits: ResourceLimits(memoryBytes: 5 * page))
        #expect(try free.call("grow", 1) as Int32 == 2)
        let fork = try free.fork(state: 0)
        #expect(try fork.call("grow", 2) as Int32 == -1)
        #expect(try fork.call("grow", 1) as Int32 == 3)
        #expect(try free.call("growSecond", 1) as Int32 == 1)
        #expect(try free.call("grow", 1) as Int32 == -1)
        let bound = try instance.fork(state: 0)
        #expect(bound.memorySize == Int(2 * page))

        let warm = try template.snapshot(of: free)
        #expect(
            limitError { try warm.withInstance(state: 0, limits: ResourceLimits(memoryBytes: 5 * page - 1)) { _ in } }?
                .requested == 5 * page)
        try warm.withInstance(state: 0) { (instance) throws in #expect(try instance.call("grow", 1) as Int32 == 3) }
    }

    @Test("an instance that is rolled back may grow again") func rollingBack() throws {
        let instance = try template(guest).instantiate(state: 0, limits: ResourceLimits(memoryBytes: 5 * page))
        let point = try instance.checkpoint()
        for _ in 0..<3 {
            #expect(try instance.call("growWhilePossible", 10) as Int32 == 2)
            try instance.rollBack(to: point)
        }
    }

    @Test("limits and a deadline go together, the start function included") func deadlines() throws {
        let text = """
            (module
              (memory 1)
              (func $start (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable))))
              (start $start)
              (func (export "forever") (loop (br 0))))
            """
        let template = try template(text)
        let limits = ResourceLimits(memoryBytes: page)
        let code = try template.withInstance(
            state: 0, limits: limits, deadline: .now + .milliseconds(30)
        ) { (instance) throws in trapCode { try instance.call("forever") } }
        #expect(code == .interrupted)
        #expect(trapCode { try template.withInstance(state: 0) { _ in } } == .unreachable)
    }
}
