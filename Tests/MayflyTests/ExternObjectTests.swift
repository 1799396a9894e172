//! Objects of the host's that guests hold references to: who has them, who does not, and until when.

import Mayfly
import Synchronization
import Testing

/// Counts those that have gone.
private final class Tally: Sendable {
    let gone = Mutex(0)
    var count: Int { gone.withLock { $0 } }
}

/// Not Sendable: an instance and its objects are one thread's at a time.
private class Session: ExternObject {
    let name: String
    private let tally: Tally?

    init(_ name: String, _ tally: Tally? = nil) {
        self.name = name
        self.tally = tally
    }

    deinit { tally?.gone.withLock { $0 += 1 } }
}

private final class Admin: Session {}

private final class Ticket: ExternObject {
    let number: Int32
    init(_ number: Int32) { self.number = number }
}

private let guest = """
    (module
      (import "host" "open" (func $open (param i32) (result externref)))
      (import "host" "number" (func $number (param externref) (result i32)))
      (global $kept (mut externref) (ref.null extern))
      (table $table 4 64 externref)
      (func (export "keep") (param externref) (global.set $kept (local.get 0)))
      (func (export "kept") (result externref) (global.get $kept))
      (func (export "put") (param i32 externref) (table.set $table (local.get 0) (local.get 1)))
      (func (export "at") (param i32) (result externref) (table.get $table (local.get 0)))
      (func (export "grow") (param externref i32) (result i32) (table.grow $table (local.get 0) (local.get 1)))
      (func (export "same") (param externref) (result externref) (local.get 0))
      (func (export "swap") (param externref externref) (result externref externref)
        (local.get 1) (local.get 0))
      (func (export "open") (param i32) (result externref) (call $open (local.get 0)))
      (func (export "number") (param externref) (result i32) (call $number (local.get 0)))
      (func (export "numberOfKept") (result i32) (call $number (global.get $kept)))
      (func (export "loop") (param $times i32)
        (loop $again
          (global.set $kept (call $open (local.get $times)))
          (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))
    """

/// A state of which the guest is given tickets: one for all numbers, or one for each.
private struct Office {
    var ticket: Ticket?
    var calls = 0
}

private func office(warmingUp: ((borrowing Instance<Office>) throws -> Void)? = nil) throws -> Template<Office> {
    var imports = Imports<Office>()
    imports.define("host", "open") { (caller, number: Int32) in
        caller.state.calls += 1
        return caller.state.ticket ?? Ticket(number)
    }
    imports.define("host", "number") { (_, ticket: Ticket) in ticket.number }
    let template = try testEngine.get().compile(text: guest).template(imports: imports)
    guard let warmUp = warmingUp else { return template }
    return try template.snapshot(state: Office(), warmUp)
}

private func error(_ body: () throws -> Void) -> ExternReferenceError? {
    do { try body() } catch let error as ExternReferenceError { return error } catch {
        Issue.record("another error: \(error)")
    }
    return nil
}

@Suite("References to the host's objects") struct ExternObjectTests {
    @Test("what the guest hands back is what it was given") func identity() throws {
        try office().withInstance(state: Office()) { (instance) throws in
            let (one, two) = (Session("one"), Admin("two"))
            try instance.call("keep", one)
            #expect(try instance.call("kept") as Session === one)
            try instance.call("put", Int32(2), two)
            #expect(try instance.call("at", 2) as Session? === two)
            #expect(try instance.call("at", 2) as Admin === two)
            #expect(try instance.call("at", 1) as Session? == nil)
            #expect(try instance.call("grow", one, Int32(3)) as Int32 == 4)
            #expect(try instance.call("at", 6) as Session === one)
        }
    }

    @Test("two results come in their order, null among them") func severalResults() throws {
        try office().withInstance(state: Office()) { (instance) throws in
            let one = Session("one")
            let (first, second): (Session?, Session?) = try instance.call("swap", one, Session?.none)
            #expect(first == nil)
            #expect(second === one)
        }
    }

    @Test("host functions make and take objects") func hostFunctions() throws {
        try office().withInstance(state: Office()) { (instance) throws in
            let ticket: Ticket = try instance.call("open", 7)
            #expect(ticket.number == 7)
            #expect(try instance.call("number", ticket) as Int32 == 7)
            try instance.call("loop", 3)
            #expect(try instance.call("numberOfKept") as Int32 == 1)
            #expect(instance.objectCount == 4)
        }
    }

    @Test("a looked-up function takes them too") func typedFunctions() throws {
        let template = try office()
        let same = try template.function("same", as: ((Session?) -> Session?).self)
        try template.withInstance(state: Office()) { (instance) throws in
            let one = Session("one")
            #expect(try instance.call(same, one) === one)
            #expect(try instance.call(same, nil) == nil)
        }
    }

    @Test("values of types known at run time lead to them") func untyped() throws {
        try office().withInstance(state: Office()) { (instance) throws in
            let one = Session("one")
            let reference = try instance.reference(to: one)
            #expect(reference.handle == nil)
            #expect(reference.isObject)
            #expect(try instance.reference(to: one) == reference)
            let results = try instance.call("swap", arguments: [.externref(reference), .externref(nil)])
            #expect(results == [.externref(nil), .externref(reference)])
            #expect(try instance.object(of: reference) as Session === one)
            let typed: ExternReference? = try instance.call("same", one)
            #expect(typed == reference)
        }
    }

    @Test("a number is no object, and an object is no number") func numbers() throws {
        try office().withInstance(state: Office()) { (instance) throws in
            let number = ExternReference(handle: 1)
            #expect(
                error { _ = try instance.call("number", ExternReference?.some(number)) as Int32 }
                    == .notAnObject(expected: "Ticket"))
            let reference: ExternReference? = try instance.call("same", Ticket(3))
            #expect(reference?.handle == nil)
            #expect(number.handle == 1)
        }
    }

    @Test("another class, and null, end the guest and not the host") func wrongClass() throws {
        try office().withInstance(state: Office()) { (instance) throws in
            #expect(
                error { _ = try instance.call("number", Session("one")) as Int32 }
                    == .wrongClass(expected: "Ticket", actual: "Session"))
            #expect(error { _ = try instance.call("number", Session?.none) as Int32 } == .null(expected: "Ticket"))
            try instance.call("keep", Session("one"))
            #expect(
                error { _ = try instance.call("kept") as Admin } == .wrongClass(expected: "Admin", actual: "Session"))
            #expect(
                error { _ = try instance.call("kept") as Admin? } == .wrongClass(expected: "Admin", actual: "Session"))
            #expect(instance.state.calls == 0)
        }
    }

    @Test("objects live as long as the instance, and no longer") func lifetime() throws {
        let tally = Tally()
        try office().withInstance(state: Office()) { (instance) throws in
            for number in 0..<5 { try instance.call("keep", Session("\(number)", tally)) }
            // The guest has forgotten four of them, which nobody can know.
            #expect(tally.count == 0)
            #expect(instance.objectCount == 5)
        }
        #expect(tally.count == 5)
        do {
            let instance = try office().instantiate(state: Office())
            try instance.call("keep", Session("kept", tally))
            #expect(tally.count == 5)
        }
        #expect(tally.count == 6)
    }

    @Test("an instance that trapped, and a host that threw, let go of them as well") func lifetimeAfterErrors() throws {
        let tally = Tally()
        struct Stop: Error {}
        do {
            try office().withInstance(state: Office()) { (instance) throws in
                try instance.call("keep", Session("kept", tally))
                #expect(throws: Trap.self) { try instance.call("put", Int32(99), Session("lost", tally)) }
                throw Stop()
            }
        } catch is Stop {}
        #expect(tally.count == 2)
    }

    @Test("a guest that loops over a host function holds one reference to one object") func sameObject() throws {
        let ticket = Ticket(11)
        try office().withInstance(state: Office(ticket: ticket)) { (instance) throws in
            try instance.call("loop", 200_000)
            #expect(instance.state.calls == 200_000)
            #expect(instance.objectCount == 1)
            #expect(try instance.call("numberOfKept") as Int32 == 11)
        }
    }

    @Test("a guest that has objects made without end is ended") func tooMany() throws {
        try office().withInstance(state: Office()) { (instance) throws in
            #expect(error { try instance.call("loop", 100_000) } == .tooManyObjects(limit: 65_536))
            #expect(instance.objectCount == 65_536)
            // What it has, it can still use.
            #expect(try instance.call("numberOfKept") as Int32 == 100_000 - 65_536 + 1)
        }
    }

    @Test("an object that is taken back is gone, and its reference leads nowhere, not to the next") func takingBack()
        throws
    {
        let tally = Tally()
        try office().withInstance(state: Office()) { (instance) throws in
            do {
                let one = Session("one", tally)
                try instance.call("keep", one)
                let isTaken = instance.takeBack(one)
                let isTakenTwice = instance.takeBack(one)
                #expect(isTaken && !isTakenTwice)
            }
            #expect(tally.count == 1)
            for number in 0..<100 { try instance.call("put", Int32(0), Session("\(number)", tally)) }
            #expect(error { _ = try instance.call("kept") as Session } == .unknownObject)
            #expect(error { _ = try instance.call("numberOfKept") as Int32 } == .unknownObject)
            // What it has kept is a reference all the same.
            let kept: ExternReference? = try instance.call("kept")
            #expect(kept != nil)
        }
    }

    // MARK: Tenants

    @Test("the next tenant of a slot finds nothing of the last one's") func nextTenant() throws {
        let tally = Tally()
        let template = try office()
        for _ in 0..<20 {
            try template.withInstance(state: Office()) { (instance) throws in
                #expect(try instance.call("kept") as Session? == nil)
                #expect(try instance.call("at", 3) as Session? == nil)
                #expect(instance.objectCount == 0)
                let session = Session("secret", tally)
                try instance.call("keep", session)
                try instance.call("put", Int32(3), session)
            }
        }
        #expect(tally.count == 20)
    }

    @Test("a reference of another instance is refused on its way to the guest and back") func foreignReferences() throws
    {
        let template = try office()
        try template.withInstance(state: Office()) { (one) throws in
            let foreign = try one.reference(to: Session("secret"))
            try template.withInstance(state: Office()) { (other) throws in
                _ = try other.reference(to: Session("own"))
                #expect(
                    error { _ = try other.call("same", ExternReference?.some(foreign)) as ExternReference? }
                        == .unknownObject)
                #expect(error { _ = try other.call("same", arguments: [.externref(foreign)]) } == .unknownObject)
                #expect(error { _ = try other.object(of: foreign, as: Session.self) } == .unknownObject)
            }
        }
    }

    /// A host that writes cells itself can hand out anything. The guest gains nothing by it.
    @Test("whatever bits a reference has, it leads to an own object or to an error") func forgedCells() throws {
        let text = """
            (module
              (import "host" "forge" (func $forge (result externref)))
              (import "host" "name" (func $name (param externref) (result i32)))
              (func (export "try") (result i32) (call $name (call $forge))))
            """
        var imports = Imports<UInt64>()
        imports.define("host", "forge", type: FunctionType(results: [.externref])) { caller, cells in
            cells[0] = caller.state
        }
        imports.define("host", "name") { (_, session: Session) in Int32(session.name.utf8.count) }
        let template = try testEngine.get().compile(text: text).template(imports: imports)
        try template.withInstance(state: 0) { (one) throws in
            let cell = try one.reference(to: Session("secret")).cell
            try template.withInstance(state: 0) { (other) throws in
                let own = try other.reference(to: Session("own")).cell
                // All around the other's, and at every edge.
                let near = (-300...300).map { cell &+ UInt64(bitPattern: Int64($0)) }
                let edges: [UInt64] = [
                    1 << 63, .max, 1 << 62, 1, 1 << 32, (1 << 32) + 1, 0x7FFF_FFFF_FFFF_FFFF,
                ]
                for bits in near + edges where bits != own {
                    other.state = bits
                    let isObject = bits >> 63 == 1
                    #expect(
                        error { _ = try other.call("try") as Int32 }
                            == (isObject ? .unknownObject : .notAnObject(expected: "Session")))
                }
                other.state = own
                #expect(try other.call("try") as Int32 == 3)
            }
        }
    }

    @Test("an object is no global of a template: it would be all tenants'") func globals() throws {
        let text = #"(module (import "host" "g" (global externref)) (export "g" (global 0)))"#
        try office().withInstance(state: Office()) { (instance) throws in
            var imports = Imports<Office>()
            imports.define("host", "g", global: .externref(try instance.reference(to: Session("one"))))
            let module = try testEngine.get().compile(text: text)
            let error = #expect(throws: LinkError.self) { _ = try module.template(imports: imports) }
            #expect(error.map { "\($0)".contains("object of another instance") } == true)
            imports.define("host", "g", global: .externref(ExternReference(handle: 3)))
            _ = try module.template(imports: imports)
        }
    }

    @Test("an exported global takes own objects only") func settingGlobals() throws {
        let text = #"(module (global (export "g") (mut externref) (ref.null extern)))"#
        let template = try testEngine.get().compile(text: text).template()
        try template.withInstance { (one) throws in
            let reference = try one.reference(to: Session("one"))
            try one.setGlobal("g", to: .externref(reference))
            #expect(try one.global("g") == .externref(reference))
            try template.withInstance { (other) throws in
                #expect(throws: CallError.foreignObjectReference) {
                    try other.setGlobal("g", to: .externref(reference))
                }
                #expect(try other.global("g") == .externref(nil))
            }
        }
    }

    // MARK: Copies

    @Test("a snapshot's instances have the reference, but not the object") func snapshots() throws {
        let tally = Tally()
        let warm = try office { instance in
            try instance.call("keep", Session("secret", tally))
            try instance.call("put", Int32(1), Session("secret", tally))
        }
        #expect(tally.count == 2)
        for _ in 0..<3 {
            try warm.withInstance(state: Office()) { (instance) throws in
                for number in 0..<100 { _ = try instance.reference(to: Session("\(number)")) }
                #expect(error { _ = try instance.call("kept") as Session? } == .unknownObject)
                #expect(error { _ = try instance.call("at", 1) as Session? } == .unknownObject)
                #expect(error { _ = try instance.call("numberOfKept") as Int32 } == .unknownObject)
                try instance.call("keep", Session("own"))
                #expect(try (instance.call("kept") as Session).name == "own")
            }
        }
    }

    @Test("a saved snapshot has them neither") func savedSnapshots() throws {
        let template = try office()
        let warm = try template.snapshot(state: Office()) { instance in
            try instance.call("keep", Session("secret"))
            try instance.call("put", Int32(1), Session("secret"))
            try instance.call("put", Int32(2), ExternReference?.some(ExternReference(handle: 9)))
        }
        var imports = Imports<Office>()
        imports.define("host", "open") { (_, number: Int32) in Ticket(number) }
        imports.define("host", "number") { (_, ticket: Ticket) in ticket.number }
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 2)))
        let loaded = try engine.load(snapshot: try warm.serialized()).template(imports: imports)
        try loaded.withInstance(state: Office()) { (instance) throws in
            for number in 0..<100 { _ = try instance.reference(to: Session("\(number)")) }
            #expect(error { _ = try instance.call("kept") as Session? } == .unknownObject)
            #expect(error { _ = try instance.call("at", 1) as Session? } == .unknownObject)
            #expect(try instance.call("at", 0) as Session? == nil)
            // Numbers are the host's own, and mean there what it wants them to.
            #expect(try instance.call("at", 2) as ExternReference? == ExternReference(handle: 9))
        }
    }

    @Test("a fork has none of them, the original all") func forks() throws {
        let instance = try office().instantiate(state: Office())
        let session = Session("one")
        try instance.call("keep", session)
        let fork = try instance.fork(state: Office())
        #expect(error { _ = try fork.call("kept") as Session } == .unknownObject)
        try fork.call("keep", Session("fork's"))
        #expect(try instance.call("kept") as Session === session)
        #expect(try (fork.call("kept") as Session).name == "fork's")
    }

    @Test("an instance that is rolled back has its objects again") func rollingBack() throws {
        let template = try office()
        let instance = try template.instantiate(state: Office())
        let (one, two) = (Session("one"), Session("two"))
        try instance.call("keep", one)
        let point = try instance.checkpoint()
        try instance.call("keep", two)
        try instance.rollBack(to: point)
        #expect(try instance.call("kept") as Session === one)
        // At another instance's point, it has that one's references, and none of its objects.
        let other = try template.instantiate(state: Office())
        try other.call("keep", two)
        try other.rollBack(to: point)
        #expect(error { _ = try other.call("kept") as Session } == .unknownObject)
    }

    // MARK: Linked instances

    @Test("linked instances share their objects, and let go of them with the store") func linkedInstances() throws {
        let tally = Tally()
        do {
            var store = Store(try testEngine.get(), state: Office())
            let engine = try testEngine.get()
            try store.instantiate(
                engine.compile(
                    text: """
                        (module
                          (global (export "kept") (mut externref) (ref.null extern))
                          (table (export "table") 2 externref))
                        """), as: "library")
            var imports = Imports<Office>()
            imports.define("host", "name") { (_, session: Session) in Int32(session.name.utf8.count) }
            let text = """
                (module
                  (import "library" "kept" (global $kept (mut externref)))
                  (import "library" "table" (table $table 2 externref))
                  (import "host" "name" (func $name (param externref) (result i32)))
                  (func (export "keep") (param externref) (global.set $kept (local.get 0)))
                  (func (export "length") (result i32) (call $name (global.get $kept))))
                """
            let one = try store.instantiate(engine.compile(text: text), imports: imports)
            let other = try store.instantiate(engine.compile(text: text), imports: imports)
            try one.call("keep", Session("four", tally))
            #expect(try other.call("length") as Int32 == 4)
            #expect(one.objectCount == 1 && other.objectCount == 1)

            let copy = try Store(try store.snapshot(), state: Office())
            let hasLibrary = copy.instance(named: "library") != nil
            #expect(hasLibrary)
            #expect(tally.count == 0)
        }
        #expect(tally.count == 1)
    }

    @Test("an import of a linked module may be an object of its store") func linkedGlobals() throws {
        let engine = try testEngine.get()
        var store = Store(engine, state: Office())
        let first = try store.instantiate(engine.compile(text: "(module)"))
        let session = Session("one")
        var imports = Imports<Office>()
        imports.define("host", "g", global: .externref(try first.reference(to: session)))
        let module = try engine.compile(
            text:
                #"(module (import "host" "g" (global externref)) (func (export "get") (result externref) (global.get 0)))"#
        )
        let second = try store.instantiate(module, imports: imports)
        #expect(try second.call("get") as Session === session)
        var other = Store(engine, state: Office())
        #expect(throws: LinkError.self) { _ = try other.instantiate(module, imports: imports) }
    }
}
