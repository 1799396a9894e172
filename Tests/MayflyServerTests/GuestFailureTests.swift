//! Failures of guests as logs see them: whose business they are, and that no guest writes a line of its own into the
//! log.

import InMemoryLogging
import Logging
import Mayfly
import MayflyServer
import Testing

@Suite("Failures of guests") struct GuestFailureTests {
    /// What comes out of a call of `f`.
    private func failure(_ text: String, deadline: Duration? = nil) throws -> GuestFailure {
        let template = try Engine(.init(pool: PoolConfiguration(slotCount: 1))).compile(text: text).template()
        do {
            if let deadline {
                try template.withInstance(state: (), deadline: .now + deadline) { try $0.call("f") }
            } else {
                try template.withInstance { try $0.call("f") }
            }
        } catch {
            return GuestFailure(error)
        }
        throw NothingThrown()
    }

    private struct NothingThrown: Error {}

    @Test("a trap has its code and names its functions") func traps() throws {
        let failure = try failure(
            #"(module (func $inner (drop (i32.div_u (i32.const 1) (i32.const 0)))) (func $outer (export "f") (call $inner)))"#
        )
        #expect(failure.kind == .trap)
        #expect(failure.code == "trap.integer_divide_by_zero")
        #expect(failure.trapCode == .integerDivideByZero)
        #expect(failure.message == "integer divide by zero")
        #expect(failure.backtrace.count == 2)
        #expect(failure.backtrace[0].hasPrefix("inner (function 0) at 0x"))
        #expect(failure.backtrace[1].hasPrefix("outer (function 1) at 0x"))
        #expect(failure.level == .warning)
        #expect(failure.description == "integer divide by zero in \(failure.backtrace[0])")
    }

    @Test("a guest that was stopped is told from one that trapped") func deadlines() throws {
        let failure = try failure(#"(module (func $spin (export "f") (loop (br 0))))"#, deadline: .milliseconds(20))
        #expect(failure.kind == .deadline)
        #expect(failure.code == "trap.interrupted_at_its_deadline")
        // Nobody was there yet if the deadline passed before the guest ran.
        #expect(failure.backtrace.allSatisfy { $0.hasPrefix("spin (function 0)") })
    }

    @Test("a guest that has used up its fuel is told from one that trapped") func fuel() throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        let template = try engine.compile(text: #"(module (func (export "f") (loop (br 0))))"#, metersFuel: true)
            .template()
        var failure: GuestFailure?
        do { try template.withInstance(fuel: 1000) { try $0.call("f") } } catch { failure = GuestFailure(error) }
        #expect(failure?.kind == .fuel)
        #expect(failure?.code == "trap.out_of_fuel")
    }

    @Test("what a guest gives a host function is the guest's, and what it asks for too much of is told as that")
    func otherErrors() {
        let cases: [(any Error, GuestFailure.Kind, String)] = [
            (GuestStringError.invalidUTF8(address: 1, offset: 2), .trap, "text"),
            (GuestStringError.memory(MemoryAccessError(address: 1, count: 2, memorySize: 0)), .trap, "memory_access"),
            (ExternReferenceError.unknownObject, .trap, "reference"),
            (LimitError(limit: .memoryBytes, requested: 2, allowed: 1), .resources, "limit"),
            (FuelError.unmetered, .mismatch, "fuel"), (LinkError.foreignModule, .mismatch, "link"),
        ]
        for (error, kind, code) in cases {
            let failure = GuestFailure(error)
            #expect(failure.kind == kind)
            #expect(failure.code == code)
            #expect(GuestFailure.codes.contains(code))
        }
    }

    @Test("a call that does not fit is the host's to put right") func mismatches() throws {
        let failure = try failure("(module)")
        #expect(failure.kind == .mismatch)
        #expect(failure.code == "call")
        #expect(failure.level == .error)
    }

    @Test("a full pool is a matter of capacity") func capacity() throws {
        let template = try Engine(.init(pool: PoolConfiguration(slotCount: 1))).compile(text: "(module)").template()
        try template.withInstance { _ in
            do {
                try template.withInstance { _ in }
            } catch {
                let failure = GuestFailure(error)
                #expect(failure.kind == .capacity)
                #expect(failure.code == "pool_exhausted")
                return
            }
            throw NothingThrown()
        }
    }

    @Test("all other errors have a kind too") func others() {
        struct Refusal: Error, CustomStringConvertible { var description: String { "no\nmore" } }
        #expect(GuestFailure(CancellationError()).kind == .cancellation)
        #expect(GuestFailure(MemoryAccessError(address: 1, count: 2, memorySize: 0)).kind == .trap)
        #expect(GuestFailure(PoolError.invalidImage("")).kind == .resources)
        #expect(GuestFailure(LinkError.unknownImport(module: "a", name: "b")).kind == .mismatch)
        #expect(GuestFailure(Trap(code: .unexpectedFault)).kind == .defect)
        let refusal = GuestFailure(Refusal())
        #expect(refusal.kind == .host)
        #expect(refusal.message == #"no\nmore"#)
    }

    @Test("every code is one of those that are listed") func codes() {
        #expect(Set(GuestFailure.codes).count == GuestFailure.codes.count)
        for code in TrapCode.allCases { #expect(GuestFailure.codes.contains(GuestFailure(Trap(code: code)).code)) }
        let others: [any Error] = [
            CancellationError(), MemoryAccessError(address: 0, count: 0, memorySize: 0), PoolError.exhausted(slots: 1),
            PoolError.invalidImage(""), LinkError.unknownImport(module: "", name: ""), CallError.memoryInUse,
            CopyError.memoryInUse, CompileError.compiler(""), NothingThrown(),
        ]
        for error in others { #expect(GuestFailure.codes.contains(GuestFailure(error).code)) }
    }

    @Test("one call logs code, message and backtrace") func logging() throws {
        let handler = InMemoryLogHandler()
        let logger = Logger(label: "test") { _ in handler }
        logger.log(
            guestFailure: Trap(code: .unreachable, backtrace: [.init(functionIndex: 7, functionName: "f", offset: 16)]),
            of: "rules")
        let entry = try #require(handler.entries.first)
        #expect(handler.entries.count == 1)
        #expect(entry.level == .warning)
        #expect(entry.message == "a guest failed")
        #expect(
            entry.metadata == [
                "wasm.guest": "rules", "wasm.failure": "trap.unreachable", "wasm.error": "unreachable",
                "wasm.backtrace": ["f (function 7) at 0x10"],
            ])
        // The handler would show its description, in which names are as the guest has them.
        #expect(entry.error == nil)
    }

    @Test("names of functions cannot forge lines") func forgedNames() throws {
        // A line break, an escape sequence, text that runs from right to left, and a name as long as a novel.
        let name = #"x\0a2026-01-01 critical: all is well\1b[2J\e2\80\ae"# + String(repeating: "y", count: 90_000)
        let failure = try failure(#"(module (func $"\#(name)" (export "f") unreachable))"#)
        let line = try #require(failure.backtrace.first)
        #expect(line.hasPrefix(#"x\n2026-01-01 critical: all is well\u{1B}[2J\u{202E}yyy"#))
        #expect(line.contains("…"))
        #expect(line.utf8.count < 300)
        for scalar in line.unicodeScalars { #expect(scalar.properties.generalCategory != .control) }
    }

    @Test("a backtrace of many frames says how many are left out") func deepBacktraces() throws {
        let failure = try failure(#"(module (func $f (export "f") (call $f) (call $f)))"#)
        #expect(failure.code == "trap.call_stack_exhausted")
        #expect(failure.backtrace.count == Trap.maximumFrames + 1)
        #expect(failure.backtrace.last?.hasPrefix("… and ") == true)
    }
}
