//! Guests in a server: their spans, counts and log lines.

import InMemoryLogging
import InMemoryTracing
import Logging
import Mayfly
import MayflyServer
import MetricsTestKit
import Testing
import Tracing

@Suite("Observed templates") struct ObservedTemplateTests {
    private let tracer = InMemoryTracer()
    private let metrics = TestMetrics()
    private let handler = InMemoryLogHandler()

    private static let text = """
        (module $calculator
          (import "host" "fetch" (func $fetch (param i32) (result i32)))
          (func $divide (export "divide") (param i32 i32) (result i32) (i32.div_u (local.get 0) (local.get 1)))
          (func (export "fetch_twice") (result i32) (i32.add (call $fetch (i32.const 1)) (call $fetch (i32.const 2))))
          (func $spin (export "spin") (loop (br 0))))
        """

    private func observed(_ fetch: @escaping @Sendable (Int32) async throws -> Int32 = { $0 })
        throws -> ObservedTemplate<Void>
    {
        var imports = Imports<Void>()
        imports.define("host", "fetch") { (_, key: Int32) in try await fetch(key) }
        let template = try Engine(.init(pool: PoolConfiguration(slotCount: 2))).compile(text: Self.text)
            .template(imports: imports)
        return ObservedTemplate(
            template, name: "calculator", logger: Logger(label: "test") { _ in handler }, tracer: tracer,
            metrics: metrics)
    }

    private func runs(_ outcome: String) throws -> Int64 {
        try metrics.expectCounter("mayfly.guest.runs", [("guest", "calculator"), ("outcome", outcome)]).totalValue
    }

    private func durations() throws -> Int {
        try metrics.expectTimer("mayfly.guest.duration", [("guest", "calculator")]).values.count
    }

    @Test("a run that succeeds is a span and a count, and no line in the log") func success() async throws {
        let observed = try observed()
        let quotient: Int32 = try await observed.withInstance(state: ()) { try await $0.call("divide", 42, 6) }
        #expect(quotient == 7)
        #expect(tracer.activeSpans.isEmpty)
        let span = try #require(tracer.finishedSpans.first)
        #expect(tracer.finishedSpans.count == 1)
        #expect(span.operationName == "calculator")
        #expect(span.attributes.value("wasm.guest") == .string("calculator"))
        #expect(span.attributes.value("wasm.module") == .string("calculator"))
        #expect(span.errors.isEmpty)
        #expect(try runs("success") == 1)
        #expect(try durations() == 1)
        #expect(handler.entries.isEmpty)
    }

    @Test("a trap is in span, count and log alike", arguments: [true, false]) func trap(awaited: Bool) async throws {
        let observed = try observed()
        let failed: Bool
        do {
            if awaited {
                try await observed.withInstance(state: (), operation: "POST /divide") { instance in
                    _ = try await instance.call("divide", 1, 0) as Int32
                }
            } else {
                try observed.divideByZero(operation: "POST /divide")
            }
            failed = false
        } catch let trap as Trap {
            failed = trap.code == .integerDivideByZero
        }
        #expect(failed)
        let span = try #require(tracer.finishedSpans.first)
        #expect(span.operationName == "POST /divide")
        #expect(span.attributes.value("error.type") == .string("trap.integer_divide_by_zero"))
        #expect(span.attributes.value("wasm.error") == .string("integer divide by zero"))
        #expect(span.attributes.value("wasm.deadline_exceeded") == .bool(false))
        #expect(span.attributes.value("wasm.backtrace").map { "\($0)" }?.contains("divide (function 1)") == true)
        #expect(span.status?.code == .error)
        #expect(span.errors.count == 1)
        #expect(try runs("trap.integer_divide_by_zero") == 1)
        #expect(try runs("success") == 0)
        #expect(try durations() == 1)
        #expect(handler.entries.map(\.level) == [.warning])
        #expect(handler.entries[0].metadata["wasm.failure"] == "trap.integer_divide_by_zero")
        #expect(handler.entries[0].metadata["wasm.guest"] == "calculator")
    }

    @Test("a guest that is stopped at its deadline is told apart", arguments: [true, false])
    func deadline(awaited: Bool) async throws {
        let observed = try observed()
        let code: TrapCode?
        do {
            if awaited {
                try await observed.withInstance(state: (), deadline: .now + .milliseconds(30)) {
                    try await $0.call("spin")
                }
            } else {
                try observed.spin(until: .now + .milliseconds(30))
            }
            code = nil
        } catch let trap as Trap { code = trap.code }
        #expect(code == .interrupted)
        let span = try #require(tracer.finishedSpans.first)
        #expect(span.attributes.value("wasm.deadline_exceeded") == .bool(true))
        #expect(try runs("trap.interrupted_at_its_deadline") == 1)
    }

    @Test("a cancelled task is counted, and no warning") func cancellation() async throws {
        let observed = try observed { _ in
            // Until it is cancelled.
            try await Task.sleep(for: .seconds(3600))
            return 0
        }
        let task = Task { () -> Bool in
            do {
                _ = try await observed.withInstance(state: ()) { try await $0.call("fetch_twice") as Int32 }
                return false
            } catch { return error is CancellationError }
        }
        task.cancel()
        #expect(await task.value)
        #expect(try runs("cancelled") == 1)
        #expect(handler.entries.isEmpty)  // `debug` is below the logger's level.
    }

    @Test("spans of asynchronous host functions are children of the guest's, which is a child of the request's")
    func propagation() async throws {
        let tracer = tracer
        let observed = try observed { key in
            await tracer.withSpan("fetch \(key)") { _ in
                await Task.yield()
                return key * 10
            }
        }
        let sum: Int32 = try await tracer.withSpan("request") { _ in
            // With a deadline the host function runs in a task of its own, which inherits the span.
            try await observed.withInstance(state: (), deadline: .now + .seconds(36_000)) {
                try await $0.call("fetch_twice")
            }
        }
        #expect(sum == 30)
        let spans = Dictionary(uniqueKeysWithValues: tracer.finishedSpans.map { ($0.operationName, $0) })
        #expect(Set(spans.keys) == ["request", "calculator", "fetch 1", "fetch 2"])
        #expect(spans["request"]?.parentSpanID == nil)
        #expect(spans["calculator"]?.parentSpanID == spans["request"]?.spanID)
        #expect(spans["fetch 1"]?.parentSpanID == spans["calculator"]?.spanID)
        #expect(spans["fetch 2"]?.parentSpanID == spans["calculator"]?.spanID)
        #expect(Set(spans.values.map(\.traceID)).count == 1)
    }

    @Test("an error of the host comes out as it is, and is counted as the host's") func hostErrors() async throws {
        struct Refused: Error, Equatable { var key: Int32 }
        let observed = try observed { key in throw Refused(key: key) }
        await #expect(throws: Refused(key: 1)) {
            try await observed.withInstance(state: ()) { _ = try await $0.call("fetch_twice") as Int32 }
        }
        #expect(try runs("host") == 1)
    }

    @Test("what guests do makes no new metrics") func fixedMetrics() async throws {
        struct Refused: Error { var key: Int32 }
        let observed = try observed { key in throw Refused(key: key) }
        let count = metrics.counters.count
        for divisor: Int32 in 0..<20 {
            try? await observed.withInstance(state: ()) { _ = try await $0.call("divide", 1, divisor) as Int32 }
            try? await observed.withInstance(state: ()) { try await $0.call("no such function \(divisor)") }
            try? await observed.withInstance(state: ()) { _ = try await $0.call("fetch_twice") as Int32 }
        }
        #expect(count == GuestFailure.codes.count + 1)
        #expect(metrics.counters.count == count)
        #expect(try runs("call") == 20)
        #expect(try runs("host") == 20)
        #expect(try runs("trap.integer_divide_by_zero") == 1)
        #expect(try runs("success") == 19)
        #expect(try durations() == 60)
    }

    @Test("a new version of a module is observed as the same guest") func replacing() async throws {
        let observed = try observed()
        _ = try await observed.withInstance(state: ()) { try await $0.call("divide", 4, 2) as Int32 }
        let next = observed.replacing(
            try observed.template.module.engine.compile(text: #"(module (func (export "f")))"#).template())
        try await next.withInstance(state: ()) { try await $0.call("f") }
        #expect(try runs("success") == 2)
        #expect(tracer.finishedSpans.last?.attributes.value("wasm.module") == nil)
    }
}

// Synchronous: in an asynchronous function Swift takes the overloads with `await`.
extension ObservedTemplate<Void> {
    fileprivate func divideByZero(operation: String) throws {
        try withInstance(state: (), operation: operation) { _ = try $0.call("divide", 1, 0) as Int32 }
    }

    fileprivate func spin(until deadline: ContinuousClock.Instant) throws {
        try withInstance(state: (), deadline: deadline) { try $0.call("spin") }
    }
}

extension SpanAttributes {
    fileprivate func value(_ name: String) -> SpanAttribute? { self[name]?.toSpanAttribute() }
}
