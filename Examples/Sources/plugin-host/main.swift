//! A plug-in host: it loads all plug-ins of a folder, runs them side by side, and survives each of them.
//!
//! From the root of the repository:
//!
//!     swift run -c release --package-path Examples --scratch-path .build-examples plugin-host [FOLDER]
//!
//! The plug-ins are in `Examples/plugins`, as text. Some behave; one loops for ever, one divides by zero, one stores
//! more than it may, one names memory that it does not have. What is shown:
//!
//! - two groups of host functions: `host`, which returns at once, and `kv`, which awaits an actor, so that the plug-in
//!   is suspended meanwhile and holds no thread;
//! - state for each plug-in, which host functions find through their caller;
//! - a deadline for each run, in a fresh instance for each run;
//! - which errors come out, what a trap's backtrace says, and that the others do not notice.

import Mayfly

// MARK: What the host keeps

/// Where plug-ins keep what outlives an instance. An actor, so that using it is something to wait for.
actor KeyValueStore {
    /// A plug-in stored more than it may. An error of the host: it ends the plug-in and comes out of its call.
    struct QuotaExceeded: Error, CustomStringConvertible {
        let limit: Int
        var description: String { "more than \(limit) keys" }
    }

    private var values: [String: [String: Int64]] = [:]
    private let keysPerPlugin = 8

    func value(of key: String, for plugin: String) -> Int64 { values[plugin]?[key] ?? 0 }

    func set(_ key: String, to value: Int64, for plugin: String) throws {
        if values[plugin]?[key] == nil, values[plugin]?.count == keysPerPlugin {
            throw QuotaExceeded(limit: keysPerPlugin)
        }
        values[plugin, default: [:]][key] = value
    }
}

/// What the host keeps with one instance. Host functions reach it as their caller's `state`.
struct PluginState {
    /// Decides which part of the store is the plug-in's. It is the host's word, not the guest's.
    let plugin: String
    let store: KeyValueStore
    var printed: [String] = []
}

// MARK: What plug-ins can call

extension Caller {
    /// The text at an address that the guest names. The guest may name any: what is not in its memory throws, and what
    /// is too long is not read. Bytes that are no UTF-8 are repaired.
    func text(at address: UInt32, count: UInt32) throws -> String {
        try readRepairedString(at: address, count: Int(min(count, 200)))
    }
}

func pluginImports() -> Imports<PluginState> {
    var imports = Imports<PluginState>()
    imports.define("host", "print") { (caller, address: UInt32, count: UInt32) in
        let text = try caller.text(at: address, count: count)
        caller.state.printed.append(text)
    }
    // These two await. Nothing else is different, neither here nor in the guest.
    imports.define("kv", "get") { (caller, address: UInt32, count: UInt32) async throws -> Int64 in
        let key = try caller.text(at: address, count: count)
        return await caller.state.store.value(of: key, for: caller.state.plugin)
    }
    imports.define("kv", "put") { (caller, address: UInt32, count: UInt32, value: Int64) async throws -> Void in
        let key = try caller.text(at: address, count: count)
        try await caller.state.store.set(key, to: value, for: caller.state.plugin)
    }
    return imports
}

// MARK: Plug-ins

/// A plug-in as it was loaded: compiled, linked with the host's functions, its entry point's type checked.
struct Plugin: Sendable {
    let name: String
    let template: Template<PluginState>
    let run: TypedFunction<(Int32), Int32>

    init(path: String, engine: Engine, imports: Imports<PluginState>) throws {
        let file = path.split(separator: "/").last ?? "plugin"
        name = String(file.prefix { $0 != "." })
        template = try engine.compile(contentsOf: path).template(imports: imports, memoryLimit: 1 << 20)
        run = try template.function("run", as: ((Int32) -> Int32).self)
    }

    /// One run, in an instance of its own. Nothing that the plug-in does comes out of here but a line of text.
    func report(round: Int32, store: KeyValueStore, allowance: Duration) async -> String {
        do {
            return try await template.withInstance(
                state: PluginState(plugin: name, store: store), deadline: .now + allowance
            ) { instance in
                let result = try await instance.call(run, round)
                let printed = instance.state.printed.map { ", printed \"\($0)\"" }.joined()
                return "returned \(result)\(printed)"
            }
        } catch let trap as Trap where trap.code == .interrupted {
            let place = trap.backtrace.first?.functionName ?? "its code"
            return "did not end in \(allowance): stopped in \(place)"
        } catch let trap as Trap {
            // A line for each function that was active, the innermost first.
            return "\(trap)".split(separator: "\n").joined(separator: "\n             ")
        } catch let error as MemoryAccessError {
            return "named memory that it does not have: \(error)"
        } catch let error as KeyValueStore.QuotaExceeded {
            return "was refused by a host function: \(error)"
        } catch {
            return "failed: \(error)"
        }
    }
}

// MARK: The host

let examples = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
let folder = CommandLine.arguments.dropFirst().first ?? "\(examples)/plugins"

let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 16)))
let imports = pluginImports()
var plugins: [Plugin] = []
for path in try files(in: folder) where path.hasSuffix(".wat") || path.hasSuffix(".wasm") {
    do {
        plugins.append(try Plugin(path: path, engine: engine, imports: imports))
    } catch {
        // One that cannot be used, for it is damaged or asks for what is not there, keeps none of the others from
        // running.
        print("\(path): not loaded: \(error)")
    }
}
print("loaded \(plugins.map(\.name).joined(separator: ", "))")

let store = KeyValueStore()
for round: Int32 in 1...3 {
    // All at once: one that loops lets the others run, a slice of time after the other.
    let reports = await withTaskGroup(of: (Int, String).self) { group in
        for (index, plugin) in plugins.enumerated() {
            group.addTask {
                (index, await plugin.report(round: round, store: store, allowance: .milliseconds(500)))
            }
        }
        var reports: [Int: String] = [:]
        for await (index, report) in group { reports[index] = report }
        return reports
    }
    print("round \(round)")
    for (index, plugin) in plugins.enumerated() { print("    \(plugin.name): \(reports[index] ?? "")") }
}
let live = engine.poolStatistics.live
print("all rounds are over, and \(live) instances are left")
