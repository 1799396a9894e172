//! Text and arrays in guest memory: every address and count at the edge, beyond it, wrapping, odd and negative.

import Mayfly
import Testing

private let size = 65536

private func withGuest(_ body: (borrowing Instance<Void>) throws -> Void) throws {
    let text = """
        (module
          (memory (export "memory") 1)
          (data (i32.const 10) "Gr\\c3\\bc\\c3\\9fe\\00after")
          (data (i32.const 100) "ab\\ffcd")
          (data (i32.const 200) "ok\\f0\\9f\\98")
          (data (i32.const 65533) "end")
          (func (export "nothing")))
        """
    try testEngine.get().compile(text: text).template().withInstance(body)
}

private func stringError(_ body: () throws -> Void) -> GuestStringError? {
    do { try body() } catch let error as GuestStringError { return error } catch {
        Issue.record("another error: \(error)")
    }
    return nil
}

private func isOutside(_ body: () throws -> Void) -> Bool {
    do { try body() } catch let error as MemoryAccessError {
        return error.copyLimit == nil
    } catch GuestStringError.memory(let error) { return error.copyLimit == nil } catch {
        Issue.record("another error: \(error)")
    }
    return false
}

/// Addresses and counts of which not all bytes exist.
private let outside: [(address: UInt32, count: Int)] = [
    (65536, 1), (65535, 2), (0, 65537), (65537, 0), (.max, 0), (.max, 1), (.max, .max), (0, .max), (1, .max), (0, -1),
    (0, .min), (65536, -1), (65535, -65535), (4, Int(UInt32.max)), (.max, Int(UInt32.max)), (1, 1 << 32), (8, 1 << 62),
]

@Suite("Text and arrays in guest memory") struct GuestDataTests {
    // MARK: Text

    @Test("text is read and written as UTF-8") func text() throws {
        try withGuest { (guest) throws in
            #expect(try guest.readString(at: 10, count: 7) == "Grüße")
            #expect(try guest.readString(at: 10, count: 0) == "")
            #expect(try guest.readString(at: 65533, count: 3) == "end")
            #expect(try guest.readString(at: 65536, count: 0) == "")
            #expect(try guest.writeString("naïve 🦋", at: 301) == 11)
            #expect(try guest.readString(at: 301, count: 11) == "naïve 🦋")
            #expect(try guest.readBytes(at: 312, count: 1) == [0])
            #expect(try guest.writeString("", at: 65536) == 0)
            #expect(try guest.writeString("ab", at: 65534) == 2)
            #expect(isOutside { try guest.writeString("abc", at: 65534) })
            #expect(try guest.readString(at: 65533, count: 3) == "eab")
            #expect(isOutside { try guest.writeString("", at: 65537) })
            // A string that is not contiguous, and a long one.
            let long = String(repeating: "0123456789", count: 6553)
            #expect(try guest.writeString(String(long.reversed()), at: 0) == 65530)
            #expect(try guest.readString(at: 0, count: 65530) == String(long.reversed()))
        }
    }

    @Test("what is no UTF-8 is refused with its offset, or repaired") func invalidText() throws {
        try withGuest { (guest) throws in
            #expect(
                stringError { _ = try guest.readString(at: 100, count: 5) } == .invalidUTF8(address: 100, offset: 2))
            #expect(try guest.readString(at: 100, count: 2) == "ab")
            #expect(try guest.readRepairedString(at: 100, count: 5) == "ab\u{FFFD}cd")
            // Cut off in the middle of a character.
            #expect(
                stringError { _ = try guest.readString(at: 200, count: 5) } == .invalidUTF8(address: 200, offset: 2))
            #expect(try guest.readRepairedString(at: 200, count: 5) == "ok\u{FFFD}")
            let encodings: [[UInt8]] = [
                [0x80], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88],
            ]
            for bytes in encodings {
                try guest.writeBytes(Array("xyz".utf8) + bytes, at: 400)
                #expect(
                    stringError { _ = try guest.readString(at: 400, count: 3 + bytes.count) }
                        == .invalidUTF8(address: 400, offset: 3))
            }
        }
    }

    @Test("text ends at its 0, within the length allowed") func terminatedText() throws {
        try withGuest { (guest) throws in
            #expect(try guest.readCString(at: 10, maximumBytes: 100) == "Grüße")
            #expect(try guest.readCString(at: 10, maximumBytes: 7) == "Grüße")
            #expect(try guest.readCString(at: 10, maximumBytes: .max) == "Grüße")
            #expect(
                stringError { _ = try guest.readCString(at: 10, maximumBytes: 6) }
                    == .unterminated(address: 10, maximumBytes: 6))
            #expect(try guest.readCString(at: 17, maximumBytes: 0) == "")
            #expect(
                stringError { _ = try guest.readCString(at: 10, maximumBytes: 0) }
                    == .unterminated(address: 10, maximumBytes: 0))
            #expect(
                stringError { _ = try guest.readCString(at: 100, maximumBytes: 50) }
                    == .invalidUTF8(address: 100, offset: 2))
            // No 0 up to the memory's end.
            #expect(isOutside { _ = try guest.readCString(at: 65533, maximumBytes: 3) })
            #expect(isOutside { _ = try guest.readCString(at: 65533, maximumBytes: .max) })
            #expect(
                stringError { _ = try guest.readCString(at: 65533, maximumBytes: 2) }
                    == .unterminated(address: 65533, maximumBytes: 2))
            #expect(isOutside { _ = try guest.readCString(at: 65536, maximumBytes: 1) })
            #expect(isOutside { _ = try guest.readCString(at: 65537, maximumBytes: 0) })
            #expect(isOutside { _ = try guest.readCString(at: 10, maximumBytes: -1) })
            #expect(isOutside { _ = try guest.readCString(at: 10, maximumBytes: .min) })
        }
    }

    // MARK: Everything that is outside

    @Test("nothing outside the memory is touched", arguments: outside) func outsideIsRefused(
        _ place: (address: UInt32, count: Int)
    ) throws {
        let (address, count) = place
        try withGuest { (guest) throws in
            #expect(isOutside { _ = try guest.readBytes(at: address, count: count) })
            #expect(isOutside { _ = try guest.readString(at: address, count: count) })
            #expect(isOutside { _ = try guest.readRepairedString(at: address, count: count) })
            #expect(isOutside { _ = try guest.readArray(of: UInt8.self, at: address, count: count) })
            #expect(isOutside { _ = try guest.readArray(of: Int64.self, at: address, count: count) })
            var isEntered = false
            #expect(isOutside { try guest.withBytes(at: address, count: count) { _ in isEntered = true } })
            #expect(isOutside { try guest.withMutableBytes(at: address, count: count) { _ in isEntered = true } })
            #expect(!isEntered)
            // And nothing stays borrowed.
            try guest.call("nothing")
        }
    }

    @Test("counts whose bytes overflow are refused") func overflowingArrays() throws {
        try withGuest { (guest) throws in
            for count in [Int.max, Int.max / 8 + 1, Int.max / 4, 1 << 61, 1 << 60, Int.min, Int.min / 8, -1, 8193] {
                #expect(isOutside { _ = try guest.readArray(of: Double.self, at: 0, count: count) })
            }
            #expect(try guest.readArray(of: Double.self, at: 0, count: 8192).count == 8192)
            #expect(isOutside { _ = try guest.readArray(of: Double.self, at: 1, count: 8192) })
            #expect(isOutside { try guest.writeArray([UInt16](repeating: 1, count: 4), at: 65529) })
            #expect(try guest.readString(at: 65533, count: 3) == "end")
        }
    }

    // MARK: Arrays and views

    @Test("numbers are read and written at any alignment, in little-endian order") func arrays() throws {
        try withGuest { (guest) throws in
            for address: UInt32 in [500, 501, 502, 503, 507] {
                try guest.writeArray([Int32.min, -1, 0x0102_0304], at: address)
                #expect(try guest.readArray(of: Int32.self, at: address, count: 3) == [.min, -1, 0x0102_0304])
                #expect(try guest.readBytes(at: address + 8, count: 4) == [4, 3, 2, 1])
                #expect(try guest.read(Int32.self, at: address + 4) == -1)
                let floats = [1.5, -.infinity, Double.leastNonzeroMagnitude]
                try guest.writeArray(floats, at: address)
                #expect(try guest.readArray(of: Double.self, at: address, count: 3) == floats)
            }
            #expect(try guest.readArray(of: Int64.self, at: 65536, count: 0) == [])
            try guest.writeArray([Int64](), at: 65536)
            #expect(isOutside { try guest.writeArray([Int64](), at: 65537) })
            try guest.writeArray([UInt64(7)], at: 65528)
            #expect(isOutside { try guest.writeArray([UInt64(7)], at: 65529) })
        }
    }

    @Test("views show the bytes in place, and changes of them are the guest's") func views() throws {
        try withGuest { (guest) throws in
            let sum = try guest.withBytes(at: 100, count: 5) { bytes in
                #expect(bytes.byteCount == 5)
                return (0..<5).reduce(0) { $0 + Int(bytes.unsafeLoad(fromByteOffset: $1, as: UInt8.self)) }
            }
            #expect(sum == 97 + 98 + 255 + 99 + 100)
            try guest.withMutableBytes(at: 101, count: 2) { bytes in
                #expect(bytes.byteCount == 2)
                bytes.storeBytes(of: 0x5958, as: UInt16.self)
            }
            #expect(try guest.readString(at: 100, count: 5) == "aXYcd")
            #expect(try guest.withBytes(at: 65536, count: 0) { $0.byteCount } == 0)
            #expect(try guest.withMutableBytes(at: 65536, count: 0) { $0.byteCount } == 0)
        }
    }

    @Test("the guest cannot be called while a view is open, and can when it is closed, by an error too")
    func exclusivity()
        throws
    {
        struct Stop: Error {}
        try withGuest { (guest) throws in
            _ = try guest.withBytes(at: 0, count: 10) { (_) throws in
                #expect(throws: CallError.memoryInUse) { try guest.call("nothing") }
            }
            try guest.call("nothing")
            #expect(throws: Stop.self) { try guest.withMutableBytes(at: 0, count: 10) { _ in throw Stop() } }
            try guest.call("nothing")
        }
    }

    @Test("what a view wrote is not there for the next tenant") func reset() throws {
        for _ in 0..<5 {
            try withGuest { (guest) throws in
                #expect(try guest.readArray(of: UInt8.self, at: 4096, count: 4) == [0, 0, 0, 0])
                try guest.withMutableBytes(at: 4096, count: 4) { $0.storeBytes(of: .max, as: UInt32.self) }
                try guest.writeArray([UInt8](repeating: 9, count: 8192), at: 16384)
                try guest.writeString("secret", at: 4100)
            }
        }
    }
}
