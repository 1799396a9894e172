//! Import modules that are methods of a Swift type in the state.

import Mayfly
import Testing

private struct Full: Error, Equatable {}

private struct Counter {
    private(set) var value: Int32 = 0
    mutating func add(_ amount: Int32) -> Int32 {
        value &+= amount
        return value
    }
    mutating func reset() { value = 0 }
    mutating func fill(_ amount: Int32, _ limit: Int64) throws {
        if Int64(value) + Int64(amount) > limit { throw Full() }
        value += amount
    }
    mutating func divide(_ by: Int32) -> (Int32, Int32) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: by)
        value = quotient
        return (quotient, remainder)
    }
    func get() -> Int32 { value }
    func check(_ limit: Int64) throws { if Int64(value) > limit { throw Full() } }
    func both() -> (Int32, Int64) { (value, Int64(value)) }
}

private final class Log: ExternObject {
    private(set) var lines: [Int32] = []
    func add(_ line: Int32) { lines.append(line) }
    func count() -> Int32 { Int32(lines.count) }
    func last(_ fallback: Int32) throws -> Int32 {
        guard let last = lines.last else { throw Full() }
        return last
    }
    func itself() -> Log { self }
}

private struct Tenant {
    var counter = Counter()
    let log = Log()
    var text = ""
}

private let guest = """
    (module
      (import "counter" "add" (func $add (param i32) (result i32)))
      (import "counter" "get" (func $get (result i32)))
      (import "counter" "reset" (func $reset))
      (import "counter" "fill" (func $fill (param i32 i64)))
      (import "counter" "divide" (func $divide (param i32) (result i32 i32)))
      (import "counter" "check" (func $check (param i64)))
      (import "counter" "both" (func $both (result i32 i64)))
      (import "counter" "twice" (func $twice (param i32) (result i32)))
      (import "counter" "note" (func $note (param i32 i32)))
      (import "log" "add" (func $logAdd (param i32)))
      (import "log" "count" (func $logCount (result i32)))
      (import "log" "last" (func $logLast (param i32) (result i32)))
      (import "log" "self" (func $logSelf (result externref)))
      (memory (export "memory") 1)
      (data (i32.const 8) "hello")
      (func (export "add") (param i32) (result i32) (call $add (local.get 0)))
      (func (export "get") (result i32) (call $get))
      (func (export "reset") (call $reset))
      (func (export "fill") (param i32 i64) (call $fill (local.get 0) (local.get 1)))
      (func (export "divide") (param i32) (result i32 i32) (call $divide (local.get 0)))
      (func (export "check") (param i64) (call $check (local.get 0)))
      (func (export "both") (result i32 i64) (call $both))
      (func (export "twice") (param i32) (result i32) (call $twice (local.get 0)))
      (func (export "note") (call $note (i32.const 8) (i32.const 5)))
      (func (export "logAdd") (param i32) (call $logAdd (local.get 0)))
      (func (export "logCount") (result i32) (call $logCount))
      (func (export "logLast") (result i32) (call $logLast (i32.const 5)))
      (func (export "logSelf") (result externref) (call $logSelf)))
    """

private func template() throws -> Template<Tenant> {
    var imports = Imports<Tenant>()
    imports.bind("counter", \Tenant.counter) { group in
        group.define("add") { (counter: inout Counter, amount: Int32) in counter.add(amount) }
        group.define("reset") { (counter: inout Counter) in counter.reset() }
        group.define("fill") { (counter: inout Counter, amount: Int32, limit: Int64) in
            try counter.fill(amount, limit)
        }
        group.define("divide") { (counter: inout Counter, by: Int32) in counter.divide(by) }
        group.define("get", Counter.get)
        group.define("check", Counter.check)
        group.define("both", Counter.both)
        group.define(
            "twice",
            withCaller: { (caller, amount: Int32) -> Int32 in
                // Calls the guest, which uses the counter.
                let first: Int32 = try caller.call("add", amount)
                caller.state.counter.reset()
                return try first + caller.call("add", amount)
            })
        group.define(
            "note",
            withCaller: { (caller, address: UInt32, count: UInt32) -> Void in
                caller.state.text = try caller.readString(at: address, count: Int(count))
            })
    }
    imports.bind("log", \Tenant.log) { group in
        group.define("add", Log.add)
        group.define("count", Log.count)
        group.define("last", Log.last)
        group.define("self", Log.itself)
    }
    return try testEngine.get().compile(text: guest).template(imports: imports)
}

@Suite("Imports bound to methods") struct ImportGroupTests {
    @Test("methods of a structure change the state's value") func structures() throws {
        try template().withInstance(state: Tenant()) { (instance) throws in
            #expect(try instance.call("add", 5) as Int32 == 5)
            #expect(try instance.call("add", 37) as Int32 == 42)
            #expect(instance.state.counter.value == 42)
            #expect(try instance.call("get") as Int32 == 42)
            let (quotient, remainder): (Int32, Int32) = try instance.call("divide", 5)
            #expect(quotient == 8 && remainder == 2)
            let (narrow, wide): (Int32, Int64) = try instance.call("both")
            #expect(narrow == 8 && wide == 8)
            try instance.call("reset")
            #expect(instance.state.counter.value == 0)
        }
    }

    @Test("methods of a class work on the object") func classes() throws {
        try template().withInstance(state: Tenant()) { (instance) throws in
            #expect(throws: Full.self) { _ = try instance.call("logLast") as Int32 }
            try instance.call("logAdd", 3)
            try instance.call("logAdd", 4)
            #expect(instance.state.log.lines == [3, 4])
            #expect(try instance.call("logCount") as Int32 == 2)
            #expect(try instance.call("logLast") as Int32 == 4)
            #expect(try instance.call("logSelf") as Log === instance.state.log)
        }
    }

    @Test("what a method throws comes out, and what it had done before stays") func errors() throws {
        try template().withInstance(state: Tenant()) { (instance) throws in
            try instance.call("fill", Int32(7), Int64(10))
            #expect(throws: Full.self) { try instance.call("fill", Int32(7), Int64(10)) }
            #expect(throws: Full.self) { try instance.call("check", Int64(6)) }
            try instance.call("check", Int64(7))
            #expect(try instance.call("get") as Int32 == 7)
        }
    }

    @Test("a closure with the caller calls the guest back, which uses the same value") func reentrance() throws {
        try template().withInstance(state: Tenant()) { (instance) throws in
            #expect(try instance.call("twice", 21) as Int32 == 42)
            #expect(instance.state.counter.value == 21)
            try instance.call("note")
            #expect(instance.state.text == "hello")
        }
    }

    @Test("tenants have values of their own") func tenants() throws {
        let template = try template()
        for _ in 0..<10 {
            try template.withInstance(state: Tenant()) { (instance) throws in
                #expect(try instance.call("add", 1) as Int32 == 1)
                #expect(try instance.call("logCount") as Int32 == 0)
                try instance.call("logAdd", 1)
            }
        }
    }

    @Test("all of a state can be bound, and a state that is an object") func wholeStates() throws {
        let text = """
            (module
              (import "m" "add" (func $add (param i32) (result i32)))
              (func (export "add") (param i32) (result i32) (call $add (local.get 0))))
            """
        let module = try testEngine.get().compile(text: text)
        var imports = Imports<Counter>()
        imports.bind("m", \.self) { group in
            group.define("add") { (counter: inout Counter, amount: Int32) in counter.add(amount) }
        }
        try module.template(imports: imports).withInstance(state: Counter()) { (instance) throws in
            #expect(try instance.call("add", 2) as Int32 == 2)
            #expect(instance.state.value == 2)
        }
        final class Server {
            var counter = Counter()
            func add(_ amount: Int32) -> Int32 { counter.add(amount) }
        }
        var objects = Imports<Server>()
        objects.bind("m", \Server.self) { group in group.define("add", Server.add) }
        let server = Server()
        try module.template(imports: objects).withInstance(state: server) { (instance) throws in
            #expect(try instance.call("add", 2) as Int32 == 2)
        }
        var parts = Imports<Server>()
        parts.bind("m", \Server.counter) { group in
            group.define("add") { (counter: inout Counter, amount: Int32) in counter.add(amount) }
        }
        try module.template(imports: parts).withInstance(state: server) { (instance) throws in
            #expect(try instance.call("add", 2) as Int32 == 4)
        }
        #expect(server.counter.value == 4)
    }
}
