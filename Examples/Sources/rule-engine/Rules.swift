//! The rules: modules that were uploaded, each with the functions that it can call, and one evaluation of one of them.

import Logging
import Mayfly
import MayflyServer
import Synchronization

/// What the host keeps with one evaluation. Host functions reach it as their caller's `state`.
struct Evaluation {
    /// What is judged.
    let body: [UInt8]
    let blockList: BlockList
    /// Where the rule's own messages go, within bounds.
    var log: GuestLog
    var reason = ""
}

/// What a rule says.
struct Verdict: Sendable {
    let isAllowed: Bool
    let reason: String
}

/// A service that rules can ask. In earnest it would be a database, or another server.
actor BlockList {
    private let texts: Set<String>
    init(_ texts: Set<String>) { self.texts = texts }
    func contains(_ text: String) -> Bool { texts.contains(text) }
}

/// All rules by name. Replacing one leaves evaluations of the old version to end in it.
final class Rules: Sendable {
    private let engine: Engine
    private let imports: Imports<Evaluation>
    private let logger: Logger
    private let rules = Mutex<[String: ObservedTemplate<Evaluation>]>([:])

    init(engine: Engine, logger: Logger) {
        self.engine = engine
        self.logger = logger
        imports = Self.imports()
    }

    /// What rules can call. Addresses are the rule's word: what is not in its memory ends it.
    private static func imports() -> Imports<Evaluation> {
        var imports = Imports<Evaluation>()
        imports.define("rule", "body_size") { caller in UInt32(caller.state.body.count) }
        imports.define("rule", "read_body") { (caller, address: UInt32) in
            try caller.writeBytes(caller.state.body, at: address)
        }
        imports.define("rule", "reason") { (caller, address: UInt32, count: UInt32) in
            let bytes = try caller.readBytes(at: address, count: Int(min(count, 200)))
            caller.state.reason = String(decoding: bytes, as: UTF8.self)
        }
        // The rule is suspended while the list is asked, and its thread serves other requests.
        imports.define("rule", "is_blocked") { (caller, address: UInt32, count: UInt32) async throws -> Int32 in
            let bytes = try caller.readBytes(at: address, count: Int(min(count, 1000)))
            return await caller.state.blockList.contains(String(decoding: bytes, as: UTF8.self)) ? 1 : 0
        }
        imports.defineLog(\.log)
        return imports
    }

    /// Compiles a rule, in the binary format or in text, and puts it in place of the one that has the name.
    ///
    /// - Returns: whether there was one.
    /// - Throws: `CompileError`, `LinkError` or `CallError` if it is none. The old one stays.
    func replace(_ name: String, with source: [UInt8]) throws -> Bool {
        let isBinary = source.starts(with: [0x00, 0x61, 0x73, 0x6D])
        let module =
            isBinary ? try engine.compile(source) : try engine.compile(text: String(decoding: source, as: UTF8.self))
        let template = try module.template(imports: imports, memoryLimit: 1 << 20)
        // That it has the function is checked now, and not when a request needs it.
        _ = try template.function("evaluate", as: (() -> Int32).self)
        let observed = ObservedTemplate(template, name: name, logger: logger)
        return rules.withLock { rules in
            // The same counters go on for the new version.
            let old = rules[name]
            rules[name] = old?.replacing(template) ?? observed
            return old != nil
        }
    }

    /// Asks a rule, in a fresh instance. What it throws is told as a `GuestFailure` in the log, in a span and in
    /// metrics.
    ///
    /// - Returns: nil if there is no such rule.
    func evaluate(
        _ name: String, _ body: [UInt8], blockList: BlockList, allowance: Duration, logger: Logger
    ) async throws -> Verdict? {
        guard let rule = rules.withLock({ $0[name] }) else { return nil }
        let evaluation = Evaluation(body: body, blockList: blockList, log: GuestLog(logger))
        return try await rule.withInstance(
            state: evaluation, deadline: .now + allowance, operation: "evaluate \(name)", logger: logger
        ) { instance in
            let result: Int32 = try await instance.call("evaluate")
            return Verdict(isAllowed: result == 0, reason: instance.state.reason)
        }
    }
}
