//! The Swift of the articles in the documentation catalogue, compiled and run. `DocumentationTests` compares the texts.
//!
//! Each test is one article's program, in the article's order; what is only here is what the article leaves out.

import Mayfly
import MayflyWASI
import Synchronization
import Testing

@Suite("Articles") struct ArticleTests {
    private static func engine() throws -> Engine { try Engine(.init(pool: PoolConfiguration(slotCount: 8))) }

    // MARK: Tutorial

    @Test("Tutorial: a first call") func firstCall() throws {
        let engine = try Engine()
        let module = try engine.compile(
            text: """
                (module
                  (func (export "add") (param i32 i32) (result i32)
                    (i32.add (local.get 0) (local.get 1))))
                """)
        let template = try module.template()
        let sum: Int32 = try template.withInstance { try $0.call("add", 40, 2) }
        print(sum)

        #expect(sum == 42)
    }

    /// A guest that has room for a name at address 7 and says hello to it.
    private static let greeter = """
        (module
          (import "host" "say" (func $say (param $address i32) (param $size i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "hello, ")
          (func (export "buffer") (result i32) (i32.const 7))
          (func (export "greet") (param $size i32)
            (call $say (i32.const 0) (i32.add (i32.const 7) (local.get $size)))))
        """

    @Test("Tutorial: strings, state and what goes wrong") func greeting() throws {
        let engine = try Self.engine()
        let greeter = Self.greeter

        /// What the host keeps with one instance.
        struct Visit {
            var said: [String] = []
        }

        var imports = Imports<Visit>()
        imports.define("host", "say") { (caller, address: UInt32, count: UInt32) in
            let bytes = try caller.readBytes(at: address, count: Int(count))
            caller.state.said.append(String(decoding: bytes, as: UTF8.self))
        }

        let template = try engine.compile(text: greeter).template(imports: imports)
        let greet = try template.function("greet", as: ((Int32) -> Void).self)

        func visit(_ name: String) throws -> [String] {
            try template.withInstance(state: Visit()) { instance in
                let buffer: UInt32 = try instance.call("buffer")
                try instance.writeBytes(Array(name.utf8), at: buffer)
                try instance.call(greet, Int32(name.utf8.count))
                return instance.state.said
            }
        }
        print(try visit("Ada"), try visit("Grace"))

        #expect(try visit("Ada") == ["hello, Ada"])

        func report(_ size: Int32) throws {
            do {
                try template.withInstance(state: Visit()) { try $0.call(greet, size) }
            } catch let error as MemoryAccessError {
                print("the guest named memory that it does not have:", error)
            } catch let trap as Trap {
                print("the guest trapped:", trap.code.message, trap.backtrace)
            }
        }

        try report(-8)
    }

    // MARK: Per-request sandboxes

    @Test("PerRequestSandboxes: a handler") func perRequest() async throws {
        let engine = try Self.engine()
        let source = """
            (module
              (import "request" "size" (func $size (result i32)))
              (import "request" "read" (func $read (param i32)))
              (import "response" "write" (func $write (param i32 i32)))
              (memory 1)
              (func (export "handle") (result i32)
                (call $read (i32.const 0)) (call $write (i32.const 0) (call $size)) (i32.const 200)))
            """

        struct Exchange {
            let body: [UInt8]
            var response: [UInt8] = []
        }

        var imports = Imports<Exchange>()
        imports.define("request", "size") { caller in UInt32(caller.state.body.count) }
        imports.define("request", "read") { (caller, address: UInt32) in
            try caller.writeBytes(caller.state.body, at: address)
        }
        imports.define("response", "write") { (caller, address: UInt32, count: UInt32) in
            caller.state.response += try caller.readBytes(at: address, count: Int(count))
        }
        let template = try engine.compile(text: source).template(imports: imports, memoryLimit: 16 << 20)
        let handle = try template.function("handle", as: (() -> Int32).self)

        let allowance: Duration = .seconds(20_000)

        func respond(to body: [UInt8]) async -> (status: Int32, body: [UInt8]) {
            do {
                return try await template.withInstance(
                    state: Exchange(body: body), deadline: .now + allowance
                ) { instance in
                    let status = try await instance.call(handle)
                    return (status, instance.state.response)
                }
            } catch PoolError.exhausted {
                return (503, [])
            } catch let trap as Trap where trap.code == .interrupted {
                return (504, [])
            } catch {
                return (500, [])
            }
        }

        let response = await respond(to: [1, 2, 3])
        #expect(response.status == 200)
        #expect(response.body == [1, 2, 3])

        final class Handlers: Sendable {
            private let current: Mutex<Template<Exchange>>
            init(_ template: Template<Exchange>) { current = Mutex(template) }

            var template: Template<Exchange> { current.withLock { $0 } }

            func replace(by template: Template<Exchange>) { current.withLock { $0 = template } }
        }

        let handlers = Handlers(template)
        handlers.replace(by: try engine.compile(text: source).template(imports: imports))
        #expect(handlers.template !== template)
    }

    // MARK: Plugins

    @Test("Plugins: entry points are checked when a plug-in is loaded") func plugins() throws {
        let engine = try Self.engine()

        struct PluginState: Sendable {
            let name: String
            var calls = 0
        }

        struct Plugin: Sendable {
            let name: String
            let template: Template<PluginState>
            let run: TypedFunction<Int32, Int32>

            init(_ name: String, _ text: String, engine: Engine, imports: Imports<PluginState>) throws {
                self.name = name
                template = try engine.compile(text: text).template(imports: imports, memoryLimit: 1 << 20)
                run = try template.function("run", as: ((Int32) -> Int32).self)
            }
        }

        var imports = Imports<PluginState>()
        imports.define("host", "version") { _ in Int32(1) }
        var trusted = Imports<PluginState>()
        trusted.merge(imports)
        trusted.define("host", "shut_down") { caller in caller.state.calls += 1 }

        let adder = """
            (module (import "host" "version" (func $version (result i32)))
              (global $total (mut i32) (i32.const 0))
              (func (export "run") (param i32) (result i32)
                (global.set $total (i32.add (global.get $total) (local.get 0)))
                (if (i32.gt_s (global.get $total) (i32.const 10)) (then unreachable))
                (i32.add (global.get $total) (call $version))))
            """
        let plugin = try Plugin("adder", adder, engine: engine, imports: imports)
        let greedy =
            #"(module (import "host" "shut_down" (func)) (func (export "run") (param i32) (result i32) i32.const 0))"#
        #expect(throws: LinkError.self) { try Plugin("greedy", greedy, engine: engine, imports: imports) }
        _ = try Plugin("greedy", greedy, engine: engine, imports: trusted)

        let session = try plugin.template.instantiate(state: PluginState(name: plugin.name))

        func run(_ argument: Int32, in session: borrowing Instance<PluginState>) throws -> Int32? {
            let point = try session.checkpoint()
            do {
                return try session.call(plugin.run, argument)
            } catch is Trap {
                try session.rollBack(to: point)
                return nil
            }
        }

        let results = [try run(1, in: session), try run(100, in: session), try run(1, in: session)]
        #expect(results == [2, nil, 3])
    }

    // MARK: Asynchronous host functions

    private actor Directory {
        private let names: [Int32: String] = [1: "Ada", 2: "Grace"]
        func name(of key: Int32) -> String? { names[key] }
    }

    @Test("AsynchronousHostFunctions: a guest waits for an actor") func asynchronous() async throws {
        let engine = try Self.engine()
        let source = """
            (module
              (import "directory" "name" (func $name (param $key i32) (param $address i32) (result i32)))
              (memory (export "memory") 1)
              (func (export "length") (param $key i32) (result i32) (call $name (local.get $key) (i32.const 0))))
            """

        struct Session {
            let directory: Directory
        }

        var imports = Imports<Session>()
        imports.define("directory", "name") { (caller, key: Int32, address: UInt32) async throws -> Int32 in
            guard let name = await caller.state.directory.name(of: key) else { return -1 }
            try caller.writeBytes(Array(name.utf8), at: address)
            return Int32(name.utf8.count)
        }
        let template = try engine.compile(text: source).template(imports: imports)

        let length: Int32 = try await template.withInstance(state: Session(directory: Directory())) { instance in
            try await instance.call("length", 1)
        }

        #expect(length == 3)

        let lengths = try await withThrowingTaskGroup(of: Int32.self) { group in
            let directory = Directory()
            for key: Int32 in 1...3 {
                group.addTask {
                    try await template.withInstance(state: Session(directory: directory)) { instance in
                        try await instance.call("length", key)
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }.sorted()
        }

        #expect(lengths == [-1, 3, 5])
    }

    // MARK: Limits and deadlines

    @Test("LimitsAndDeadlines: memory, slots and slices are configured")
    func limits() throws {
        var pool = PoolConfiguration(slotCount: 200)
        pool.maximumMemoryBytes = 64 << 20
        pool.slotsPerTemplate = 150
        pool.exhaustionWait = .milliseconds(20)
        let engine = try Engine(.init(pool: pool, timeSlice: .milliseconds(2)))

        let module = try engine.compile(
            text: #"(module (memory 1) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#)

        let template = try module.template(memoryLimit: 1 << 20)

        let grown: [Int32] = try template.withInstance { [try $0.call("grow", 15), try $0.call("grow", 1)] }
        #expect(grown == [1, -1])

        let answer: Int32 = try template.withInstance { instance in
            try instance.withDeadline(.now + .seconds(20)) { try $0.call("grow", 0) }
        }
        #expect(answer == 1)
    }

    @Test("LimitsAndDeadlines: a cancelled task stops its guest") func cancellation() async throws {
        let template = try Self.engine().compile(text: #"(module (func (export "forever") (loop (br 0))))"#).template()

        let task = Task {
            try await template.withInstance { try await $0.call("forever") }
        }
        task.cancel()
        let result = await task.result

        #expect(throws: CancellationError.self) { try result.get() }
    }

    @Test("LimitsAndDeadlines: what was stopped can be rolled back") func stopped() throws {
        let template = try Self.engine().compile(
            text: #"""
                (module (func (export "forever") (loop (br 0))) (func (export "answer") (result i32) (i32.const 42)))
                """#
        ).template()
        let instance = try template.instantiate()

        let point = try instance.checkpoint()
        do {
            try instance.withDeadline(.now + .milliseconds(20)) { try $0.call("forever") }
        } catch let trap as Trap where trap.code == .interrupted {
            try instance.rollBack(to: point)
        }
        let answer: Int32 = try instance.call("answer")

        #expect(answer == 42)
    }

    // MARK: Migrating from WasmKit

    @Test("MigratingFromWasmKit: the same program") func migration() throws {
        let engine = try Self.engine()

        let module = try engine.compile(
            text: """
                (module
                  (import "printer" "print_i32" (func $print_i32 (param i32)))
                  (func (export "print_add") (param $x i32) (param $y i32)
                    (call $print_i32 (i32.add (local.get $x) (local.get $y)))))
                """)
        var imports = Imports<Void>()
        imports.define("printer", "print_i32") { (_, number: Int32) in print(number) }
        let template = try module.template(imports: imports)

        try template.withInstance { try $0.call("print_add", 42, 3) }

        let instance = try template.instantiate()
        _ = try instance.call("print_add", arguments: [.i32(42), .i32(3)])
    }
}
