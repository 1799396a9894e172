//! The routes: `PUT /rules/NAME` uploads a rule, `POST /rules/NAME` asks it.

import Hummingbird
import Logging
import Mayfly
import MayflyServer

/// The server, not yet running.
///
/// - Parameters:
///   - allowance: how long a rule may take.
///   - port: 0 for any that is free.
///   - onServerRunning: is told the port.
func makeServer(
    rules: Rules, blockList: BlockList, allowance: Duration, port: Int, logger: Logger,
    onServerRunning: @escaping @Sendable (Int) async -> Void
) -> some ApplicationProtocol {
    let router = Router()

    router.put("rules/:name") { request, context -> Response in
        let name = try context.parameters.require("name")
        let source = try await request.body.collect(upTo: 1 << 20)
        do {
            let isReplaced = try rules.replace(name, with: Array(source.readableBytesView))
            return text(isReplaced ? .ok : .created, isReplaced ? "replaced" : "created")
        } catch {
            // The uploader is told what is wrong with it, with line and column.
            return text(.unprocessableContent, "\(error)")
        }
    }

    router.post("rules/:name") { request, context -> Response in
        let name = try context.parameters.require("name")
        let body = try await request.body.collect(upTo: 32 << 10)
        do {
            let verdict = try await rules.evaluate(
                name, Array(body.readableBytesView), blockList: blockList, allowance: allowance, logger: context.logger)
            guard let verdict else { return text(.notFound, "no such rule") }
            return text(.ok, verdict.isAllowed ? "allow" : "deny: \(verdict.reason)")
        } catch {
            let failure = GuestFailure(error)
            return text(status(of: failure), "the rule failed: \(failure.message)")
        }
    }

    return Application(
        router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)),
        onServerRunning: { channel in await onServerRunning(channel.localAddress?.port ?? 0) }, logger: logger)
}

/// Whose business a failure is decides what the client is told.
private func status(of failure: GuestFailure) -> HTTPResponse.Status {
    switch failure.kind {
    case .deadline, .fuel: .gatewayTimeout
    case .capacity: .serviceUnavailable
    case .trap: .badGateway
    case .cancellation, .resources, .mismatch, .host, .defect: .internalServerError
    }
}

private func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
    Response(
        status: status, headers: [.contentType: "text/plain; charset=utf-8"],
        body: .init(byteBuffer: ByteBuffer(string: text)))
}
