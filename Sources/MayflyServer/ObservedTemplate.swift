//! A template whose every instance is a span, a count, a duration, and a line in the log if it fails.
//!
//! One place for the three, because they tell of the same event, and have to agree about it.

public import CoreMetrics
public import Logging
public import Mayfly
public import Tracing

/// A template for a server: what becomes of each instance is traced, counted, timed, and logged if it goes wrong.
///
/// ```swift
/// let rules = ObservedTemplate(template, name: "rules", logger: logger)
/// let verdict: Int32 = try await rules.withInstance(state: request, deadline: .now + .milliseconds(50)) {
///     try await $0.call("evaluate")
/// }
/// ```
///
/// The span is a child of the current one, and itself the current one for `body`, for asynchronous host functions and
/// for all that they await. It lasts as long as the instance. What is thrown is thrown on, unchanged.
///
/// It costs about 1 µs besides what the tracer and the metrics system do with what they are told: next to nothing
/// beside a request, much beside an instance that is only stamped and called.
public struct ObservedTemplate<State>: Sendable {
    /// What is observed.
    public let template: Template<State>
    /// What the host calls the guest: in logs, spans and metrics. One of few names, not one of a request's.
    public let name: String
    private let logger: Logger?
    private let tracer: (any Tracer)?
    private let metrics: GuestMetrics

    /// - Parameters:
    ///   - template: what to make instances of.
    ///   - name: the metrics' dimension `guest`, the spans' attribute `wasm.guest`.
    ///   - logger: where failures are logged; nil for nowhere.
    ///   - tracer: nil for the one the process is bootstrapped with.
    ///   - factory: of metrics; nil for the one the process is bootstrapped with.
    public init(
        _ template: Template<State>, name: String, logger: Logger? = nil, tracer: (any Tracer)? = nil,
        metrics factory: (any MetricsFactory)? = nil
    ) {
        self.init(template, name: name, logger: logger, tracer: tracer, GuestMetrics(of: name, factory: factory))
    }

    private init(
        _ template: Template<State>, name: String, logger: Logger?, tracer: (any Tracer)?, _ metrics: GuestMetrics
    ) {
        self.template = template
        self.name = name
        self.logger = logger
        self.tracer = tracer
        self.metrics = metrics
    }

    /// The same for another template, such as a new version of the module: it counts on in the same metrics.
    public func replacing(_ template: Template<State>) -> ObservedTemplate {
        ObservedTemplate(template, name: name, logger: logger, tracer: tracer, metrics)
    }

    /// Runs `body` with a fresh instance and awaits it, in a span.
    ///
    /// - Parameters:
    ///   - state: what the host keeps with the instance.
    ///   - deadline: applies from the start; nil is never.
    ///   - operation: the span's name; nil for the template's.
    ///   - logger: for this run in place of the template's, such as the request's.
    ///   - body: uses the instance.
    /// - Throws: what `Template.withInstance` throws.
    public nonisolated(nonsending) func withInstance<Result>(
        state: consuming State, deadline: ContinuousClock.Instant? = nil, operation: String? = nil,
        logger: Logger? = nil, _ body: nonisolated(nonsending) (borrowing Instance<State>) async throws -> Result
    ) async throws -> Result {
        let state = state
        let start = ContinuousClock.now
        do {
            let result = try await (tracer ?? InstrumentationSystem.tracer).withSpan(operation ?? name) { span in
                describe(span)
                do {
                    return try await template.withInstance(state: state, deadline: deadline, body)
                } catch {
                    span.setAttributes(of: GuestFailure(error))
                    throw error
                }
            }
            metrics.record(.now - start)
            return result
        } catch {
            note(error, .now - start, logger)
            throw error
        }
    }

    /// Runs `body` with a fresh instance, in a span, without awaiting anything.
    ///
    /// - Throws: what `Template.withInstance` throws.
    public func withInstance<Result>(
        state: consuming State, deadline: ContinuousClock.Instant? = nil, operation: String? = nil,
        logger: Logger? = nil, _ body: (borrowing Instance<State>) throws -> Result
    ) throws -> Result {
        let state = state
        let start = ContinuousClock.now
        do {
            let result = try (tracer ?? InstrumentationSystem.tracer).withSpan(operation ?? name) { span in
                describe(span)
                do {
                    guard let deadline else { return try template.withInstance(state: state, body) }
                    return try template.withInstance(state: state, deadline: deadline, body)
                } catch {
                    span.setAttributes(of: GuestFailure(error))
                    throw error
                }
            }
            metrics.record(.now - start)
            return result
        } catch {
            note(error, .now - start, logger)
            throw error
        }
    }

    private func describe(_ span: some Span) {
        guard span.isRecording else { return }
        span.updateAttributes { attributes in
            attributes["wasm.guest"] = name
            if let module = template.module.name {
                attributes["wasm.module"] = String(onOneLine: module, limit: 200)
            }
        }
    }

    private func note(_ error: any Error, _ duration: Duration, _ logger: Logger?) {
        let failure = GuestFailure(error)
        metrics.record(duration, failure: failure)
        (logger ?? self.logger)?.log(
            failure, of: name, level: nil, "a guest failed", file: #fileID, function: #function, line: #line)
    }
}
