//! A guest that logs: what it can do to the log, and what it cannot.

import InMemoryLogging
import Logging
import Mayfly
import MayflyServer
import MayflyWASI
import Testing

@Suite("Logs of guests") struct GuestLogTests {
    private struct Request {
        var log: GuestLog
    }

    private let handler = InMemoryLogHandler()

    private func log(_ limits: GuestLog.Limits = .init(), level: Logger.Level = .info) -> GuestLog {
        var logger = Logger(label: "test") { _ in handler }
        logger.logLevel = level
        return GuestLog(logger, limits: limits)
    }

    private var messages: [String] { handler.entries.map { "\($0.message)" } }

    /// A guest with `text` at address 0, whose `f` logs a stretch of its memory.
    private func template(_ text: String = "") throws -> Template<Request> {
        var imports = Imports<Request>()
        imports.defineLog(\.log)
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        return try engine.compile(
            text: """
                (module
                  (import "log" "write" (func $write (param i32 i32 i32)))
                  (import "log" "is_enabled" (func $isEnabled (param i32) (result i32)))
                  (memory (export "memory") 1)
                  (data (i32.const 0) "\(text)")
                  (func (export "f") (param i32 i32 i32)
                    (call $write (local.get 0) (local.get 1) (local.get 2)))
                  (func (export "many") (param $count i32)
                    (loop (call $write (i32.const 3) (i32.const 0) (i32.const 0))
                      (br_if 0 (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
                  (func (export "is_enabled") (param i32) (result i32) (call $isEnabled (local.get 0))))
                """
        ).template(imports: imports)
    }

    @Test("what the guest says comes out at the level it asks for") func message() throws {
        try template("hello, log").withInstance(state: Request(log: log())) { instance in
            try instance.call("f", 2, 7, 3)
            try instance.call("f", 4, 0, 5)
            #expect(instance.state.log.remainingBytes == 65536 - 2 * 64 - 8)
        }
        #expect(messages == ["log", "hello"])
        #expect(handler.entries.map(\.level) == [.info, .warning])
    }

    @Test("a guest is no louder than it may be") func loudness() throws {
        try template("x").withInstance(state: Request(log: log(.init(loudestLevel: .notice)))) { instance in
            for level: Int32 in [.min, -1, 0, 1, 2, 3, 4, 5, 6, 7, .max] { try instance.call("f", level, 0, 1) }
        }
        // What is below the logger's level is not seen.
        #expect(handler.entries.map(\.level) == [.info] + Array(repeating: .notice, count: 6))
    }

    @Test("a guest can ask whether it is heard") func isEnabled() throws {
        try template().withInstance(state: Request(log: log(level: .notice))) { instance in
            let answers: [Int32] = try [.min, 0, 1, 2, 3, 4, 5, 6, .max].map { (level: Int32) throws in
                try instance.call("is_enabled", level)
            }
            #expect(answers == [0, 0, 0, 0, 1, 1, 1, 1, 1])
        }
    }

    @Test("a message is one line of text, whatever its bytes") func escapes() throws {
        let bytes = #"a\0ab\0d\09\00\1b[31m\7f\c2\85\e2\80\a8\e2\80\ae\ef\bb\bf|\ff\c3|\c3\a9\f0\9f\90\9d"#
        try template(bytes).withInstance(state: Request(log: log())) { try $0.call("f", 2, 0, 37) }
        #expect(
            messages.map { $0.trimmingSuffix("\\u{0}") } == [
                #"a\nb\r\t\u{0}\u{1B}[31m\u{7F}\u{85}\u{2028}\u{202E}\u{FEFF}|"# + "\u{FFFD}\u{FFFD}|é🐝"
            ])
    }

    @Test("a message that is too long is cut off, and says so", arguments: [0, 1, 2, 3, 4, 10, 100])
    func longMessages(limit: Int) throws {
        try template(#"\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"#)
            .withInstance(state: Request(log: log(.init(messageBytes: limit)))) { try $0.call("f", 2, 0, 65536) }
        let message = try #require(messages.first)
        #expect(message.utf8.count <= limit)
        #expect(limit < 3 || message.hasSuffix("…"))
        #expect(limit < 10 || message.hasPrefix(#"\naaa"#))
    }

    @Test("all messages together have a budget, and empty ones cost too") func budget() throws {
        try template().withInstance(state: Request(log: log(.init(totalBytes: 640)))) { instance in
            try instance.call("many", 100_000)
            #expect(instance.state.log.remainingBytes == 0)
            #expect(instance.state.log.droppedMessages == 100_000 - 10)
        }
        #expect(messages.count == 10)
    }

    @Test("when the budget is used up, one line says so") func budgetNotice() throws {
        try template("abc").withInstance(state: Request(log: log(.init(totalBytes: 100)))) { instance in
            for _ in 0..<5 { try instance.call("f", 2, 0, 3) }
            #expect(instance.state.log.droppedMessages == 4)
        }
        #expect(messages == ["abc", "the guest has used up its 100 bytes of log: the rest is dropped"])
    }

    @Test(
        "what is not in the guest's memory ends the guest",
        arguments: [(65536, 1), (65535, 2), (0, 65537), (-1, 1), (-1, -1), (1, -1), (0, -1), (.min, .min)]
            as [(Int32, Int32)])
    func wildAddresses(address: Int32, count: Int32) throws {
        let template = try template()
        #expect(throws: MemoryAccessError.self) {
            try template.withInstance(state: Request(log: log())) { try $0.call("f", 6, address, count) }
        }
        #expect(messages.isEmpty)
    }

    @Test("nothing at the memory's end is a message of nothing") func emptyAtTheEnd() throws {
        try template().withInstance(state: Request(log: log())) { try $0.call("f", 2, 65536, 0) }
        #expect(messages == [""])
    }

    @Test("limits that make no sense log nothing, and stop nobody") func absurdLimits() throws {
        let limits = GuestLog.Limits(messageBytes: .min, totalBytes: .min)
        try template("x").withInstance(state: Request(log: log(limits))) { try $0.call("f", 2, 0, 1) }
        #expect(messages.isEmpty)
        let none = GuestLog.Limits(messageBytes: .max, totalBytes: .max)
        try template("x").withInstance(state: Request(log: log(none))) { try $0.call("f", 2, 0, 1) }
        #expect(messages == ["x"])
    }

    @Test("a stream of a guest becomes messages, line by line") func streams() {
        var log = log()
        log.write(linesOf: Array("one\n\ntwo\r\nthree".utf8), at: .info)
        #expect(messages == ["one", #"two\r"#, "three"])
    }

    @Test("the state can be the log itself") func stateIsLog() throws {
        var imports = Imports<GuestLog>()
        imports.defineLog(as: "env")
        let template = try Engine(.init(pool: PoolConfiguration(slotCount: 1))).compile(
            text: """
                (module (import "env" "write" (func $write (param i32 i32 i32))) (memory 1) (data (i32.const 0) "hi")
                  (func (export "f") (call $write (i32.const 2) (i32.const 0) (i32.const 2))))
                """
        ).template(imports: imports)
        try template.withInstance(state: log()) { try $0.call("f") }
        #expect(messages == ["hi"])
        #expect(handler.entries.count == 1)
    }
}

extension String {
    /// Without what may stand at its end any number of times.
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        var text = self[...]
        while text.hasSuffix(suffix) { text.removeLast(suffix.count) }
        return String(text)
    }
}
