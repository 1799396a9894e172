//! JavaScript per request: a JavaScript engine starts once, and every request's script runs in a fresh copy of it.
//!
//! From the root of the repository, with the path of a `qjs.wasm`:
//!
//!     swift run -c release --package-path Examples --scratch-path .build-examples javascript-per-request [qjs.wasm]
//!
//! It needs QuickJS compiled to WebAssembly for WASI, which is not part of the repository: a module that exports
//! `init`, which makes the JavaScript runtime if there is none, and whose `_start` evaluates the script on standard
//! input. Without an argument it is looked for as `corpus/qjs.wasm` in the folder that `MAYFLY_TEST_DATA` names, or
//! else in `../shared`. Exit code 66 says that it is not there.
//!
//! What is shown: a snapshot of an engine that has started; scripts that see nothing of each other, though each begins
//! where the same snapshot is; scripts that fail, loop, or fill memory; and what a request costs beside one that starts
//! QuickJS itself.

import Mayfly
import MayflyWASI

guard let path = findQuickJS() else { exit(afterSaying: noQuickJS, code: 66) }

// MARK: Once per process

// A script may use 64 MiB. That many slots, so many scripts at once.
let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 64)))
var imports = Imports<WASI>()
imports.defineWASI()
let cold = try engine.compile(contentsOf: path).template(imports: imports, memoryLimit: 64 << 20)

// QuickJS makes its runtime, its global object and all built-in ones. What that leaves in memory is the snapshot.
// Whatever you load here, it is in every request's copy: libraries yes, secrets of tenants no.
let warm = try cold.snapshot(state: WASI(WASI.Configuration())) { try $0.call("init") }

// MARK: Once per request

/// What came of a script.
enum Outcome: CustomStringConvertible {
    case printed(String)
    case threw(String)
    case stopped

    var description: String {
        switch self {
        case .printed(let text): text
        case .threw(let text): "threw \(text)"
        case .stopped: "stopped at its deadline"
        }
    }
}

/// Runs a script in an instance of its own.
func evaluate(_ script: String, in template: Template<WASI>) throws -> Outcome {
    var configuration = WASI.Configuration()
    configuration.arguments = ["qjs"]
    configuration.standardInput = .bytes(Array(script.utf8))
    configuration.standardOutput = .capture(limit: 64 << 10)
    configuration.standardError = .capture(limit: 64 << 10)
    do {
        return try template.withInstance(state: WASI(configuration), deadline: .now + .seconds(1)) { instance in
            let code = try WASI.run(instance)
            let (output, errors) = (instance.state.takeStandardOutput(), instance.state.takeStandardError())
            return code == 0 ? .printed(lines(output)) : .threw(lines(errors))
        }
    } catch let trap as Trap where trap.code == .interrupted {
        return .stopped
    }
}

/// Its lines, without the end of the last one.
func lines(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.last == 0x0A ? bytes.dropLast() : bytes[...], as: UTF8.self)
}

// MARK: What requests see of each other

/// Each adds to a global and to a built-in object. In an engine that is used again the second one would see what the
/// first did.
let visit = """
    globalThis.visits = (globalThis.visits ?? 0) + 1;
    Array.prototype.stolen = (Array.prototype.stolen ?? "") + "session of request REQUEST;";
    print(`request REQUEST: visits = ${visits}, stolen = ${[].stolen}`);
    """
for request in 1...3 {
    let script = visit.split(separator: "REQUEST", omittingEmptySubsequences: false).joined(separator: "\(request)")
    print(try evaluate(script, in: warm))
}

// MARK: Scripts that go wrong

let scripts = [
    "print(JSON.stringify({ answer: 6 * 7, reversed: [..._('abc')].reverse().join('') })); function _(s) { return s; }",
    "throw new RangeError('nothing of the kind')",
    "for (;;) {}",
    "const all = []; for (;;) all.push(new Uint8Array(1 << 20))",
    "print('the next one is not impressed')",
]
for script in scripts { print("\(script)\n    \(try evaluate(script, in: warm))") }

// MARK: What a request costs

let requests = 2000
let script = "let sum = 0; for (let i = 0; i < 100; i++) sum += i; print(sum)"

/// How long each of some requests took, in order of length.
func durations(_ template: Template<WASI>) throws -> [Duration] {
    for _ in 0..<100 { _ = try evaluate(script, in: template) }
    return try (0..<requests).map { _ in
        let start = ContinuousClock.now
        _ = try evaluate(script, in: template)
        return .now - start
    }.sorted()
}

func microseconds(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    return "\((seconds * 1_000_000_000 + attoseconds / 1_000_000_000 + 500) / 1000) µs"
}

for (name, template) in [("from the snapshot", warm), ("starting QuickJS each time", cold)] {
    let sorted = try durations(template)
    print(
        "\(requests) requests, \(name): p50 \(microseconds(sorted[requests / 2])),",
        "p99 \(microseconds(sorted[requests * 99 / 100]))")
}
