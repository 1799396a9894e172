//! A rule engine: an HTTP server whose rules are WebAssembly, uploaded while it runs, and asked once per request.
//!
//! From the root of the repository:
//!
//!     swift run -c release --package-path Examples --scratch-path .build-examples rule-engine [PORT]
//!
//!     curl -T Examples/rules/no-script.wat localhost:8080/rules/no-script
//!     curl -d 'hello <script>' localhost:8080/rules/no-script
//!     curl -T Examples/rules/endless.wat localhost:8080/rules/endless
//!     curl -d 'hello' localhost:8080/rules/endless
//!
//! With `--check` it makes such requests itself, on a port that is free, prints what came of them, and ends.
//!
//! What is shown: a fresh instance for each request, with the body going in and a verdict coming out (`Rules.swift`); a
//! deadline for each, and other requests being served while rules loop, as each guest runs for a slice of time only;
//! rules that are replaced without a restart (`Server.swift`); a host function that awaits; an engine among a server's
//! services, which shut down gracefully on SIGTERM and Control-C.

import Logging
import Mayfly
import MayflyServer
import ServiceLifecycle

let isCheck = CommandLine.arguments.contains("--check")
let port = CommandLine.arguments.dropFirst().compactMap { Int($0) }.first ?? 8080

var logger = Logger(label: "rule-engine")
// In a check the output is compared: guests' failures, which are warnings, would have the time in it.
logger.logLevel = isCheck ? .error : .info

let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 100)))
let rules = Rules(engine: engine, logger: logger)
let (running, isRunning) = AsyncStream.makeStream(of: Int.self)
let server = makeServer(
    rules: rules, blockList: BlockList(["spam"]), allowance: isCheck ? .seconds(2) : .milliseconds(200),
    port: isCheck ? 0 : port, logger: logger
) { port in isRunning.yield(port) }

// The engine's service comes first, so that it is shut down last.
let group = ServiceGroup(
    services: [EngineService(engine), server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)

if isCheck {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        tasks.addTask {
            var ports = running.makeAsyncIterator()
            guard let port = await ports.next() else { return }
            do { try await check(Client(port: port)) } catch { print("the check failed: \(error)") }
            await group.triggerGracefulShutdown()
        }
        try await tasks.waitForAll()
    }
    print("shut down, \(engine.poolStatistics.live) instances are left")
} else {
    try await group.run()
}
