//! Arguments, environment, clocks, randomness, exit: what needs no descriptor.

internal import CPlatform
internal import Glibc

/// The guest ended itself, by `proc_exit`.
///
/// Thrown through the call into the guest, whose state is that of a program that has ended: drop it.
/// ``WASI/run(_:)`` turns it into an exit code.
public struct WASIExit: Error, Hashable, CustomStringConvertible {
    /// 0 means success.
    public let code: UInt32

    /// An exit with a code, for host functions that end their guest.
    public init(code: UInt32) { self.code = code }

    /// What happened, for people.
    public var description: String { "the guest exited with code \(code)" }
}

extension WASI {
    /// A list of strings as `args_get` and `environ_get` hand it out.
    enum StringList { case arguments, environment }

    private func strings(_ list: StringList) -> [String] {
        switch list {
        case .arguments: configuration.arguments
        case .environment:
            configuration.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        }
    }

    /// The bytes of a string up to its first NUL.
    private func bytes(_ string: String) -> Substring.UTF8View.SubSequence {
        Substring(string).utf8.prefix { $0 != 0 }
    }

    /// The number of strings, and of their bytes with a NUL after each.
    func sizes(_ list: StringList) throws(Errno) -> (count: UInt32, byteCount: UInt32) {
        let strings = self.strings(list)
        let byteCount = strings.reduce(0) { $0 + bytes($1).count + 1 }
        guard let count = UInt32(exactly: strings.count), let byteCount = UInt32(exactly: byteCount) else {
            throw .overflow
        }
        return (count, byteCount)
    }

    func store(
        _ list: StringList, in memory: GuestMemory, pointers: UInt32, buffer: UInt32
    ) throws(Errno) {
        let strings = self.strings(list)
        let (count, byteCount) = try sizes(list)
        let pointers = try memory.records(at: pointers, count: count, stride: 4)
        let bytes = try memory.bytes(at: buffer, count: byteCount)
        var offset = 0
        for (index, string) in strings.enumerated() {
            // In range: the whole buffer is.
            pointers.storeLittleEndian(buffer &+ UInt32(truncatingIfNeeded: offset), at: index * 4)
            for byte in self.bytes(string) {
                bytes[offset] = byte
                offset += 1
            }
            bytes[offset] = 0
            offset += 1
        }
    }

    private func hostClock(_ clock: UInt32) throws(Errno) -> clockid_t {
        switch clock {
        case 0: CLOCK_REALTIME
        case 1: CLOCK_MONOTONIC
        case 2: CLOCK_PROCESS_CPUTIME_ID
        case 3: CLOCK_THREAD_CPUTIME_ID
        default: throw .inval
        }
    }

    /// Nanoseconds.
    func clockResolution(_ clock: UInt32) throws(Errno) -> UInt64 {
        var time = timespec()
        try checked(clock_getres(try hostClock(clock), &time))
        return time.nanoseconds
    }

    /// Nanoseconds.
    func clockTime(_ clock: UInt32) throws(Errno) -> UInt64 {
        var time = timespec()
        try checked(clock_gettime(try hostClock(clock), &time))
        return time.nanoseconds
    }

    func randomGet(_ memory: GuestMemory, _ address: UInt32, _ count: UInt32) throws(Errno) {
        let destination = try memory.bytes(at: address, count: count)
        var filled = 0
        while filled < destination.count {
            // In pieces, so that a stop request need not wait for 4 GiB.
            let piece = UnsafeMutableRawBufferPointer(
                rebasing: destination[filled..<min(filled + 1 << 20, destination.count)])
            filled += Int(try interruptibleUnnegated { mayfly_random(piece.baseAddress, piece.count) })
            if isStopRequested?() == true { throw .intr }
        }
    }

    func schedYield() throws(Errno) { try checked(sched_yield()) }

    /// No sockets are given to guests: every open descriptor is something else.
    func socketOperation(_ number: UInt32) throws(Errno) {
        _ = try descriptors[number]
        throw .notsock
    }
}

extension timespec {
    /// Since the clock's origin; wraps after 584 years.
    var nanoseconds: UInt64 {
        UInt64(truncatingIfNeeded: tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: tv_nsec)
    }
}
