//! The Swift of the documentation that needs the bridges for servers, compiled and run.

import Logging
import Mayfly
import MayflyServer
import MetricsTestKit
import ServiceLifecycle
import Testing

@Suite("Articles on servers") struct ArticleTests {
    @Test("a server observes its guests") func observed() async throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4)))
        let module = try engine.compile(text: #"(module (func (export "evaluate") (result i32) i32.const 1))"#)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

        struct Request {
            var log: GuestLog
        }

        var imports = Imports<Request>()
        imports.defineLog(\.log)
        let template = try module.template(imports: imports)
        let rules = ObservedTemplate(template, name: "rules", logger: logger)

        let allowance: Duration = .seconds(20_000)

        func evaluate() async -> Int {
            do {
                let verdict: Int32 = try await rules.withInstance(
                    state: Request(log: GuestLog(logger)), deadline: .now + allowance
                ) { try await $0.call("evaluate") }
                return verdict == 0 ? 200 : 403
            } catch {
                switch GuestFailure(error).kind {
                case .deadline: return 504
                case .capacity: return 503
                default: return 500
                }
            }
        }

        #expect(await evaluate() == 403)
    }

    @Test("an engine is a service") func service() async throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 4)))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        struct Server: Service { func run() async throws {} }
        let server = Server()

        let group = ServiceGroup(services: [EngineService(engine), server], logger: logger)

        // The server's end is the group's.
        await #expect(throws: ServiceGroupError.self) { try await group.run() }
    }
}
