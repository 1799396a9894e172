//! What `--check` asks of the server, over HTTP like anybody else.

import Foundation
import FoundationNetworking
import Synchronization

/// A client of the server on a port of this machine.
struct Client: Sendable {
    struct Answer: Sendable, CustomStringConvertible {
        let status: Int
        let text: String
        var description: String { "\(status) \(text)" }
    }

    let port: Int
    private let session: URLSession

    init(port: Int) {
        self.port = port
        let configuration = URLSessionConfiguration.ephemeral
        // The default would make prompt requests wait for those that take long.
        configuration.httpMaximumConnectionsPerHost = 64
        session = URLSession(configuration: configuration)
    }

    func send(_ method: String, _ rule: String, _ body: String) async throws -> Answer {
        guard let url = URL(string: "http://127.0.0.1:\(port)/rules/\(rule)") else { throw URLError(.badURL) }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.httpBody = Data(body.utf8)
        let (data, response) = try await session.data(for: request)
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        return Answer(status: status, text: String(decoding: data, as: UTF8.self))
    }
}

/// Uploads rules, asks them, replaces one, and looks at what hostile ones can do. Prints what the server answers.
func check(_ client: Client) async throws {
    let examples = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

    func upload(_ file: String, as rule: String) async throws {
        let source = try String(contentsOfFile: "\(examples)/rules/\(file).wat", encoding: .utf8)
        print("PUT \(rule) (\(file).wat): \(try await client.send("PUT", rule, source))")
    }
    func ask(_ rule: String, _ body: String) async throws {
        print("POST \(rule) \"\(body)\": \(try await client.send("POST", rule, body))")
    }

    try await ask("content", "hello")
    try await upload("no-script", as: "content")
    try await ask("content", "hello")
    try await ask("content", "hello <script>alert(1)</script>")
    try await ask("content", "spam")

    print("A new version, while the server runs:")
    try await upload("block-list", as: "content")
    try await ask("content", "spam")
    try await ask("content", "hello <script>alert(1)</script>")

    print("What is no rule is refused, and the old one stays:")
    print(
        "PUT content: \(try await client.send("PUT", "content", "(module (func (export \"evaluate\") (result i32)))"))")
    try await ask("content", "spam")

    print("Hostile rules:")
    try await upload("greedy", as: "greedy")
    try await ask("greedy", "hello")
    try await upload("endless", as: "endless")
    try await crowd(client)
    try await ask("content", "hello")
}

/// Eight requests to a rule that does not end, more than there are processors, and meanwhile twenty to one that does.
private func crowd(_ client: Client) async throws {
    // In the order in which the answers came.
    let answers = try await withThrowingTaskGroup(of: (String, Client.Answer).self) { tasks in
        for _ in 0..<8 { tasks.addTask { ("endless", try await client.send("POST", "endless", "hello")) } }
        // They run by now, or wait for those that do.
        try await Task.sleep(for: .milliseconds(200))
        for _ in 0..<20 { tasks.addTask { ("content", try await client.send("POST", "content", "hello")) } }
        return try await tasks.reduce(into: []) { $0.append($1) }
    }
    for rule in ["endless", "content"] {
        let those = answers.filter { $0.0 == rule }.map(\.1.description)
        print("\(those.count) times \(rule): \(Set(those).sorted().joined(separator: "; "))")
    }
    let firstStopped = answers.firstIndex { $0.0 == "endless" } ?? 0
    let isPrompt = answers[..<firstStopped].count { $0.0 == "content" } == 20
    print("Were the twenty served while the eight ran? \(isPrompt ? "yes" : "no")")
}
