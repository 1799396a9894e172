//! Runs scripts of the specification's test suite on an engine.
//!
//! A command that needs something the engine does not support is neither passed nor failed: it is counted apart, with the
//! reason, so that nobody takes it for a success.

public import Mayfly
public import WasmText

/// Runs the commands of a script, one after the other.
public struct ScriptRunner {
    /// What became of a script.
    public struct Report: Sendable {
        /// A command, by the line it begins on, and what is to be said of it.
        public struct Entry: Sendable {
            public var line: Int
            public var message: String
        }

        /// Commands that did what they should.
        public internal(set) var passed = 0
        public internal(set) var failures: [Entry] = []
        /// Commands that need something unsupported; the message says what.
        public internal(set) var unsupported: [Entry] = []
        /// Slots of the engine's dense ones that the script's instances took.
        public internal(set) var denseSlots = 0
        /// Instances that begin in a snapshot of the one that was instantiated.
        public internal(set) var snapshots = 0
    }

    /// Keeps compiled modules, so that scripts run on several engines compile each module once.
    public final class Cache {
        var artifacts: [[UInt8]: [UInt8]] = [:]

        public init() {}
    }

    /// An instance, a name for why there is none, and what it exports.
    final class Guest: @unchecked Sendable {
        // Scripts run on one thread.
        fileprivate(set) var instance: Mayfly.Instance<Void>
        let module: Module

        init(_ instance: consuming Mayfly.Instance<Void>, _ module: Module) {
            self.instance = instance
            self.module = module
        }
    }

    /// Something that the engine does not support keeps a command from being tried.
    struct Unsupported: Error {
        var reason: String
    }

    struct Failure: Error {
        var message: String

        init(_ message: String) { self.message = message }
    }

    let engine: Engine
    let cache: Cache?
    private let linksAll: Bool
    private let takesSnapshots: Bool
    private let memoryLimit: UInt64?
    private var snapshots = 0
    /// Instances that share memories, tables, globals or functions.
    var store: StoreBox?
    /// Whether modules of the script import from others: then all of them are linked. Otherwise only those are that import
    /// what an instance must provide.
    var isLinked = false
    /// Instances by the script's names; the empty name is the current one.
    var guests: [String: Result<Guest, Unsupported>] = [:]
    var definitions: [String: ModuleSource] = [:]
    /// What modules can import, by the name they import it from.
    var registered: [String: Result<Guest, Unsupported>] = [:]

    /// - Parameters:
    ///   - cache: keeps what has been compiled; for engines whose code has the same settings.
    ///   - linksAll: whether the modules of scripts in which none imports from another are linked too.
    ///   - takesSnapshots: whether each instance is replaced, right after it was instantiated, by one that begins in a snapshot of
    ///     it; linked ones all together.
    ///   - memoryLimit: bytes that memories of instances that are not linked can grow to.
    public init(
        engine: Engine, cache: Cache? = nil, linksAll: Bool = false, takesSnapshots: Bool = false,
        memoryLimit: UInt64? = nil
    ) {
        self.engine = engine
        self.cache = cache
        self.linksAll = linksAll
        self.takesSnapshots = takesSnapshots
        self.memoryLimit = memoryLimit
    }

    /// Runs a script from its beginning, with nothing left of an earlier one.
    public mutating func run(_ script: Script) -> Report {
        guests = [:]
        definitions = [:]
        registered = [:]
        store = nil
        snapshots = 0
        isLinked = linksAll || script.commands.contains { if case .register = $0.kind { true } else { false } }
        var report = Report()
        let denseBefore = engine.densePoolStatistics?.acquisitions ?? 0
        for command in script.commands {
            do {
                try run(command.kind)
                report.passed += 1
            } catch let error as Unsupported {
                report.unsupported.append(Report.Entry(line: command.line, message: error.reason))
                if command.kind.instantiates { distrustAll(error) }
            } catch let error as Failure {
                report.failures.append(Report.Entry(line: command.line, message: error.message))
            } catch {
                report.failures.append(Report.Entry(line: command.line, message: "unexpected error: \(error)"))
            }
        }
        report.snapshots = snapshots
        report.denseSlots = Int((engine.densePoolStatistics?.acquisitions ?? 0) - denseBefore)
        return report
    }

    private mutating func run(_ command: Script.Kind) throws {
        switch command {
        case .module(let name, let source): try define(name) { try $0.instantiate(source) }
        case .definition(let name, let source):
            definitions[""] = source
            if let name { definitions[name] = source }
            _ = try compile(source)
        case .instance(let name, let definition):
            guard let source = definitions[definition ?? ""] else { throw Failure("no such definition") }
            try define(name) { try $0.instantiate(source) }
        case .register(let name, let instance):
            let guest = try guestOrReason(instance)
            registered[String(decoding: name, as: UTF8.self)] = guest
            if case .success(let guest) = guest {
                try linkingStore().store.register(guest.instance, as: String(decoding: name, as: UTF8.self))
            }
        case .action(let action): _ = try perform(action)
        case .assertReturn(let action, let expectations):
            let results = try perform(action)
            guard results.count == expectations.count,
                zip(results, expectations).allSatisfy({ $0.matches($1) })
            else { throw Failure("returned \(text(results)), expected \(text(expectations))") }
        case .assertTrap(let action, let message): try expectTrap(message) { _ = try $0.perform(action) }
        case .assertUninstantiable(let source, let message):
            try expectTrap(message) { _ = try $0.instantiate(source) }
        case .assertExhaustion(let action, _):
            do {
                _ = try perform(action)
            } catch let trap as Trap where trap.code == .callStackExhausted { return }
            throw Failure("the call stack was not exhausted")
        case .assertException(let action):
            _ = try perform(action)
            throw Failure("no exception")
        case .assertInvalid(let source, let message): try expectError(.invalid, message, source)
        case .assertMalformed(let source, let message): try expectError(.malformed, message, source)
        case .assertCustomSection: throw Unsupported(reason: "custom sections are not interpreted")
        case .assertUnlinkable(let source, let message):
            do {
                _ = try instantiate(source)
            } catch let error as LinkError {
                // What does not link for another reason says nothing about this one.
                if case .pool = error { throw error }
                return
            }
            throw Failure("it linked, expected: \(message)")
        }
    }

    /// A module that could not be tried might have changed what the instances there are share with it: what they return from
    /// now on says nothing.
    private mutating func distrustAll(_ reason: Unsupported) {
        for key in guests.keys { guests[key] = .failure(reason) }
        for key in registered.keys { registered[key] = .failure(reason) }
    }

    // MARK: Modules

    private mutating func define(_ name: String?, _ make: (inout ScriptRunner) throws -> Guest) throws {
        // A module that could not be had takes the place of the one before all the same.
        guests[""] = .failure(Unsupported(reason: "its module failed"))
        if let name { guests[name] = guests[""] }
        do {
            guests[""] = .success(try make(&self))
        } catch let error as Unsupported {
            guests[""] = .failure(error)
            if let name { guests[name] = guests[""] }
            throw error
        }
        if let name { guests[name] = guests[""] }
    }

    private func compile(_ source: ModuleSource) throws -> Module { try compile(try source.encode()) }

    func compile(_ text: String) throws -> Module { try compile(try WasmText.encode(Array(text.utf8))) }

    private func compile(_ bytes: [UInt8]) throws -> Module {
        if let artifact = cache?.artifacts[bytes] { return try engine.load(compiled: artifact) }
        do {
            let module = try engine.compile(bytes)
            cache?.artifacts[bytes] = module.serialized()
            return module
        } catch .module(let error) where error.kind == .unsupported {
            throw Unsupported(reason: error.message)
        } catch .module(let error) where error.kind == .limitExceeded {
            throw Unsupported(reason: "beyond a limit of the implementation")
        }
    }

    /// As much as there can be, where the engine's code takes any.
    var fuel: UInt64? { engine.configuration.code.metersFuel ? .max : nil }

    private func instantiate(_ template: Template<Void>) throws -> Mayfly.Instance<Void> {
        try fuel.map { try template.instantiate(fuel: $0) } ?? template.instantiate()
    }

    private mutating func instantiate(_ source: ModuleSource) throws -> Guest {
        let module = try compile(source)
        for entry in module.imports { _ = try registered[entry.module]?.get() }
        if !isLinked {
            do {
                let template = try module.template(imports: Self.spectest, memoryLimit: memoryLimit)
                let instance = try instantiate(template)
                guard takesSnapshots else { return Guest(instance, module) }
                snapshots += 1
                return Guest(try instantiate(template.snapshot(of: instance)), module)
            } catch LinkError.needsInstance {}
        }
        let box = try linkingStore()
        let guest = Guest(try box.store.instantiate(module, fuel: fuel), module)
        if takesSnapshots { try replaceAll(in: box, with: guest) }
        return guest
    }

    /// Makes a store of a snapshot take the place of the script's, and its instances that of the guests.
    private mutating func replaceAll(in box: StoreBox, with guest: Guest) throws {
        // No script imports from such names.
        func name(_ index: Int) -> String { "guest \(index) of the runner" }
        try box.store.register(guest.instance, as: name(box.guests.count))
        box.guests.append(guest)
        box.store = try Store(try box.store.snapshot())
        for (index, guest) in box.guests.enumerated() {
            guard let instance = box.store.instance(named: name(index)) else { throw Failure("a lost instance") }
            guest.instance = instance
            snapshots += 1
        }
    }

    // MARK: Actions

    func guestOrReason(_ name: String?) throws -> Result<Guest, Unsupported> {
        guard let guest = guests[name ?? ""] else {
            throw Failure(name.map { "no instance $\($0)" } ?? "no instance yet")
        }
        return guest
    }

    private func perform(_ action: Script.Action) throws -> [Value] {
        let guest = try guestOrReason(action.instance).get()
        let name = String(decoding: action.name, as: UTF8.self)
        switch action.kind {
        case .get: return [try guest.instance.global(name)]
        case .invoke(let arguments):
            return try guest.instance.call(name, arguments: try arguments.map { try Value($0) })
        }
    }

    // MARK: Errors that have to come

    private mutating func expectTrap(_ message: String, _ body: (inout ScriptRunner) throws -> Void) throws {
        do {
            try body(&self)
        } catch let trap as Trap {
            let actual = trap.code.message
            // The suite's messages are beginnings, and sometimes say more.
            guard actual.hasPrefix(message) || message.hasPrefix(actual) else {
                throw Failure("trapped with \"\(actual)\", expected \"\(message)\"")
            }
            return
        }
        throw Failure("no trap, expected: \(message)")
    }

    private enum Refusal {
        case malformed, invalid
    }

    private func expectError(_ expected: Refusal, _ message: String, _ source: ModuleSource) throws {
        do {
            _ = try compile(source)
        } catch let error as TextError {
            guard expected == .malformed else { throw Failure("\(error)") }
            return
        } catch CompileError.module(let error) {
            // A text that is malformed only as a module is malformed; one that decodes but is invalid is not.
            switch (error.kind, expected) {
            case (.malformed, .malformed), (.invalid, .invalid): return
            default: throw Failure("\(error), expected \"\(message)\"")
            }
        } catch CompileError.text { return }
        throw Failure("it was accepted, expected: \(message)")
    }
}

extension Script.Kind {
    /// Whether the command makes an instance, or part of one before it traps.
    fileprivate var instantiates: Bool {
        switch self {
        case .module, .instance, .assertUninstantiable: true
        default: false
        }
    }
}
