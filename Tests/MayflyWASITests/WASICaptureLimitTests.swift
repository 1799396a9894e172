//! What a guest has the host keep of its output in one call, where that is limited.

import Mayfly
import MayflyWASI
import Testing

@Suite("WASI: limits of captured output") struct WASICaptureLimitTests {
    /// Writes a number of bytes at a time, to standard output or error, so many times. Returns the last errno, and
    /// leaves at 8 how many bytes were taken.
    private static let guest = """
        (module
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 2)
          (func (export "write") (param $to i32) (param $count i32) (param $times i32) (result i32)
            (local $errno i32)
            (i32.store (i32.const 8) (i32.const 0))
            (loop $again
              (i32.store (i32.const 16) (i32.const 1024))
              (i32.store (i32.const 20) (local.get $count))
              (local.set $errno (call $write (local.get $to) (i32.const 16) (i32.const 1) (i32.const 12)))
              (if (i32.eqz (local.get $errno))
                (then (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 12))))))
              (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
            (local.get $errno)))
        """
    private static let noSpace: Int32 = 51

    private func withGuest(
        _ copiedBytes: Int?, _ body: (borrowing Instance<WASI>) throws -> Void
    ) throws {
        let engine = try Engine(.init(pool: PoolConfiguration(slotCount: 1)))
        var configuration = WASI.Configuration()
        configuration.standardOutput = .capture
        configuration.standardError = .capture(limit: 100)
        var imports = Imports<WASI>()
        imports.defineWASI()
        try engine.compile(text: Self.guest).template(imports: imports).withInstance(
            state: WASI(configuration), limits: ResourceLimits(copiedBytes: copiedBytes), body)
    }

    @Test("a guest that writes on and on is told that the disk is full") func loops() throws {
        try withGuest(1000) { (guest) throws in
            #expect(try guest.call("write", 1, 100, 10) as Int32 == 0)
            #expect(guest.state.takeStandardOutput().count == 1000)
            // The next call has its own.
            #expect(try guest.call("write", 1, 300, 50) as Int32 == Self.noSpace)
            #expect(try guest.read(UInt32.self, at: 8) == 1000)
            #expect(guest.state.takeStandardOutput().count == 1000)
            #expect(try guest.call("write", 1, 65536, 1) as Int32 == 0)
            #expect(try guest.read(UInt32.self, at: 8) == 1000)
            #expect(guest.state.takeStandardOutput().count == 1000)
        }
    }

    @Test("both streams count together, and each keeps its own limit") func streams() throws {
        try withGuest(150) { (guest) throws in
            #expect(try guest.call("write", 2, 200, 1) as Int32 == 0)
            #expect(guest.state.takeStandardError().count == 100)
            #expect(try guest.call("write", 2, 1, 1) as Int32 == Self.noSpace)
            #expect(try guest.call("write", 1, 151, 2) as Int32 == Self.noSpace)
            #expect(guest.state.takeStandardOutput().count == 150)
        }
    }

    @Test("without a limit nothing but the stream's own counts") func unlimited() throws {
        try withGuest(nil) { (guest) throws in
            #expect(try guest.call("write", 1, 65536, 100) as Int32 == 0)
            #expect(guest.state.takeStandardOutput().count == 6_553_600)
        }
    }
}
