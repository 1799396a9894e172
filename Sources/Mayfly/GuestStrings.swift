//! Text in guest memory. It is bytes until somebody says how many, and has checked that they are UTF-8; each of these
//! functions copies, and says so by its name.

import Glibc
public import Runtime

/// The bytes that a guest gave out as text are none.
public enum GuestStringError: Error, Hashable, Sendable, CustomStringConvertible {
    /// They do not all lie in the memory, or are more than may be copied.
    case memory(MemoryAccessError)
    /// They are no UTF-8, from a byte on that is counted from the start of the text.
    case invalidUTF8(address: UInt32, offset: Int)
    /// There is no byte of value 0 up to where it must be.
    case unterminated(address: UInt32, maximumBytes: Int)

    /// What happened, for people.
    public var description: String {
        switch self {
        case .memory(let error): "\(error)"
        case .invalidUTF8(let address, let offset):
            "the text at \(address) in guest memory is no UTF-8 from its byte \(offset) on"
        case .unterminated(let address, let maximumBytes):
            "the text at \(address) in guest memory does not end with a 0 within \(maximumBytes) bytes"
        }
    }
}

extension Instance {
    /// Copies text of `count` bytes in UTF-8 out of the memory, from byte `address` on.
    ///
    /// - Throws: `GuestStringError` if not all of them lie in the memory or they are no UTF-8.
    public borrowing func readString(at address: UInt32, count: Int) throws(GuestStringError) -> String {
        try store.readString(at: address, count: count)
    }

    /// Copies text of `count` bytes out of the memory. What is no UTF-8 in it becomes U+FFFD, so that the text may take
    /// up to three times as many bytes.
    ///
    /// - Throws: `MemoryAccessError` if not all of them lie in the memory.
    public borrowing func readRepairedString(
        at address: UInt32, count: Int
    ) throws(MemoryAccessError) -> String {
        try store.readRepairedString(at: address, count: count)
    }

    /// Copies text that ends before a byte of value 0 out of the memory.
    ///
    /// - Parameter maximumBytes: how long the text may be; the 0 comes at the latest after so many bytes.
    /// - Throws: `GuestStringError` if there is no 0 by then or before the memory's end, or the bytes are no UTF-8.
    public borrowing func readCString(
        at address: UInt32, maximumBytes: Int
    ) throws(GuestStringError) -> String {
        try store.readCString(at: address, maximumBytes: maximumBytes)
    }

    /// Copies text into the memory, from byte `address` on, in UTF-8 and with nothing behind it.
    ///
    /// - Returns: how many bytes it takes.
    /// - Throws: `MemoryAccessError`, with nothing written, if not all of them have a place in the memory.
    @discardableResult
    public borrowing func writeString(_ string: String, at address: UInt32) throws(MemoryAccessError) -> Int {
        try store.writeString(string, at: address)
    }
}

extension Caller {
    /// Copies text of `count` bytes in UTF-8 out of the memory, from byte `address` on.
    ///
    /// - Throws: `GuestStringError` if not all of them lie in the memory or they are no UTF-8.
    public borrowing func readString(at address: UInt32, count: Int) throws(GuestStringError) -> String {
        try store.readString(at: address, count: count)
    }

    /// Copies text of `count` bytes out of the memory. What is no UTF-8 in it becomes U+FFFD, so that the text may take
    /// up to three times as many bytes.
    ///
    /// - Throws: `MemoryAccessError` if not all of them lie in the memory.
    public borrowing func readRepairedString(
        at address: UInt32, count: Int
    ) throws(MemoryAccessError) -> String {
        try store.readRepairedString(at: address, count: count)
    }

    /// Copies text that ends before a byte of value 0 out of the memory.
    ///
    /// - Parameter maximumBytes: how long the text may be; the 0 comes at the latest after so many bytes.
    /// - Throws: `GuestStringError` if there is no 0 by then or before the memory's end, or the bytes are no UTF-8.
    public borrowing func readCString(
        at address: UInt32, maximumBytes: Int
    ) throws(GuestStringError) -> String {
        try store.readCString(at: address, maximumBytes: maximumBytes)
    }

    /// Copies text into the memory, from byte `address` on, in UTF-8 and with nothing behind it.
    ///
    /// - Returns: how many bytes it takes.
    /// - Throws: `MemoryAccessError`, with nothing written, if not all of them have a place in the memory.
    @discardableResult
    public borrowing func writeString(_ string: String, at address: UInt32) throws(MemoryAccessError) -> Int {
        try store.writeString(string, at: address)
    }
}

extension InstanceStore {
    final func readString(at address: UInt32, count: Int) throws(GuestStringError) -> String {
        defer { withExtendedLifetime(self) {} }
        return try string(in: try bytesOfText(at: address, count: count), at: address)
    }

    final func readRepairedString(at address: UInt32, count: Int) throws(MemoryAccessError) -> String {
        defer { withExtendedLifetime(self) {} }
        return String(decoding: try bytesToCopy(at: address, count: count), as: UTF8.self)
    }

    final func readCString(at address: UInt32, maximumBytes: Int) throws(GuestStringError) -> String {
        defer { withExtendedLifetime(self) {} }
        let start: UnsafeMutableRawPointer
        do throws(MemoryAccessError) {
            // Refuses a negative number, too.
            start = try pointer(to: address, count: maximumBytes < 0 ? maximumBytes : 0)
        } catch { throw .memory(error) }
        let available = Int(memoryLength.pointee) - Int(address)
        // The 0 as well, if there is so much: no sum that could overflow.
        let searched = maximumBytes < available ? maximumBytes + 1 : available
        guard let end = memchr(start, 0, searched) else {
            if maximumBytes < available { throw .unterminated(address: address, maximumBytes: maximumBytes) }
            throw .memory(
                MemoryAccessError(
                    address: UInt64(address), count: UInt64(available) + 1, memorySize: memoryLength.pointee))
        }
        return try string(in: try bytesOfText(at: address, count: end - start), at: address)
    }

    final func writeString(_ string: String, at address: UInt32) throws(MemoryAccessError) -> Int {
        var string = string
        // Typed errors do not come out of the closure.
        let result = string.withUTF8 { bytes in
            Result { () throws(MemoryAccessError) in try writeBytes(bytes.span.bytes, at: address) }.map { bytes.count }
        }
        return try result.get()
    }

    private func bytesOfText(at address: UInt32, count: Int) throws(GuestStringError) -> UnsafeBufferPointer<UInt8> {
        do throws(MemoryAccessError) { return try bytesToCopy(at: address, count: count) } catch {
            throw .memory(error)
        }
    }

    private func string(
        in bytes: UnsafeBufferPointer<UInt8>, at address: UInt32
    ) throws(GuestStringError) -> String {
        do throws(UTF8.ValidationError) {
            return String(copying: try UTF8Span(validating: bytes.span))
        } catch {
            throw .invalidUTF8(address: address, offset: error.byteOffsets.lowerBound)
        }
    }
}
