//! Sockets that guests are given, and what they accept on them.

import Foundation
import Testing

@testable import MayflyWASI

@Suite("WASI: sockets")
struct WASISocketTests {
    /// A connected pair; the guest's end is lent to it.
    private final class Pair {
        let guest: Int32
        let host: Int32

        init(_ type: __socket_type = SOCK_STREAM) {
            var ends: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, Int32(type.rawValue), 0, &ends) == 0)
            (guest, host) = (ends[0], ends[1])
        }

        deinit {
            close(guest)
            close(host)
        }

        func received() -> String {
            var buffer = [UInt8](repeating: 0, count: 100)
            let count = recv(host, &buffer, 100, Int32(MSG_DONTWAIT))
            return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        }
    }

    private func guest(_ socket: Int32, _ change: (inout WASI.Configuration) -> Void = { _ in }) -> TestGuest {
        var configuration = WASI.Configuration()
        configuration.preopen(socket: socket)
        change(&configuration)
        return TestGuest(configuration)
    }

    private func receive(
        _ guest: TestGuest, _ descriptor: UInt64 = 3, count: Int = 100, flags: UInt64 = 0
    ) -> (Errno, String, flags: UInt16) {
        let buffer = guest.allocate(count)
        let vector = guest.allocate(8)
        let result = guest.allocate(8)
        guest.store(buffer, at: vector)
        guest.store(UInt32(count), at: vector + 4)
        let error = guest.call(
            "sock_recv", descriptor, UInt64(vector), 1, flags, UInt64(result), UInt64(result) + 4)
        guard error == .success else { return (error, "", 0) }
        let bytes = guest.bytes(at: buffer, count: Int(guest.load(UInt32.self, at: result)))
        return (error, String(decoding: bytes, as: UTF8.self), guest.load(UInt16.self, at: result + 4))
    }

    private func send(_ guest: TestGuest, _ text: String, _ descriptor: UInt64 = 3, flags: UInt64 = 0) -> Errno {
        let text = guest.place(text)
        let vector = guest.allocate(8)
        let result = guest.allocate(4)
        guest.store(UInt32(text.address), at: vector)
        guest.store(UInt32(text.count), at: vector + 4)
        return guest.call("sock_send", descriptor, UInt64(vector), 1, flags, UInt64(result))
    }

    @Test("a connected socket sends, receives, peeks, and is read and written as a stream")
    func connected() throws {
        let pair = Pair()
        let guest = guest(pair.guest)
        #expect(send(guest, "question") == .success)
        #expect(pair.received() == "question")
        #expect(Glibc.send(pair.host, "answer", 6, 0) == 6)
        #expect(receive(guest, flags: 1) == (.success, "answer", 0))
        #expect(receive(guest, count: 3) == (.success, "ans", 0))
        #expect(guest.read(3) == (.success, Array("wer".utf8)))
        #expect(guest.write(3, "more") == (.success, 4))
        #expect(pair.received() == "more")
        let status = guest.allocate(24)
        #expect(guest.call("fd_fdstat_get", 3, UInt64(status)) == .success)
        #expect(guest.load(UInt8.self, at: status) == FileType.socketStream.rawValue)
        #expect(guest.call("fd_prestat_get", 3, UInt64(status)) == .badf)
        #expect(guest.call("fd_seek", 3, 0, 0, UInt64(status)) == .spipe)
    }

    @Test("what makes no sense is refused")
    func refused() {
        let pair = Pair()
        let guest = guest(pair.guest)
        #expect(receive(guest, flags: 4).0 == .inval)
        #expect(send(guest, "x", flags: 1) == .inval)
        for how in [0, 4, 7] as [UInt64] { #expect(guest.call("sock_shutdown", 3, how) == .inval) }
        #expect(guest.call("sock_accept", 3, UInt64(DescriptorFlags.append.rawValue), 4096) == .inval)
        #expect(guest.call("sock_accept", 3, 0, 4096) == .inval, "it does not listen")
    }

    @Test("a message longer than its place is cut, and the guest is told")
    func datagrams() {
        let pair = Pair(SOCK_DGRAM)
        let guest = guest(pair.guest)
        #expect(Glibc.send(pair.host, "0123456789", 10, 0) == 10)
        #expect(receive(guest, count: 4) == (.success, "0123", 1))
        let status = guest.allocate(24)
        #expect(guest.call("fd_fdstat_get", 3, UInt64(status)) == .success)
        #expect(guest.load(UInt8.self, at: status) == FileType.socketDatagram.rawValue)
    }

    @Test("shutting down ends one direction or both")
    func shutDown() {
        let pair = Pair()
        let guest = guest(pair.guest)
        #expect(guest.call("sock_shutdown", 3, 2) == .success)
        #expect(send(guest, "x") == .pipe)
        #expect(Glibc.send(pair.host, "in", 2, 0) == 2)
        #expect(receive(guest) == (.success, "in", 0))
        #expect(guest.call("sock_shutdown", 3, 1) == .success)
        #expect(receive(guest) == (.success, "", 0))
        var pending = sigset_t()
        sigpending(&pending)
        #expect(sigismember(&pending, SIGPIPE) == 0)
    }

    @Test("a socket that shall not wait does not, and the host's flags stay")
    func nonblocking() {
        let pair = Pair()
        let guest = guest(pair.guest)
        #expect(guest.call("fd_fdstat_set_flags", 3, UInt64(DescriptorFlags.nonblock.rawValue)) == .success)
        #expect(receive(guest).0 == .again)
        #expect(guest.read(3).0 == .again)
        #expect(fcntl(pair.guest, F_GETFL) & O_NONBLOCK == 0)
    }

    @Test("connections are accepted on a socket that listens, as descriptors of the guest's own")
    func accepting() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        func withAddress(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
            withUnsafeMutablePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body) }
        }
        #expect(withAddress { bind(listener, $0, size) } == 0)
        #expect(listen(listener, 4) == 0)
        #expect(withAddress { getsockname(listener, $0, &size) } == 0)

        let guest = guest(listener)
        #expect(guest.call("fd_fdstat_set_flags", 3, UInt64(DescriptorFlags.nonblock.rawValue)) == .success)
        let result = UInt64(guest.allocate(4))
        #expect(guest.call("sock_accept", 3, 0, result) == .again)
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        #expect(withAddress { connect(client, $0, size) } == 0)
        #expect(guest.call("sock_accept", 3, UInt64(DescriptorFlags.nonblock.rawValue), result) == .success)
        let accepted = UInt64(guest.load(UInt32.self, at: UInt32(result)))
        #expect(accepted == 4)
        #expect(receive(guest, accepted).0 == .again)
        #expect(Glibc.send(client, "hello", 5, 0) == 5)
        let file = try #require(try guest.wasi.descriptors[UInt32(accepted)].file as? HostFile)
        #expect(fcntl(file.descriptor, F_GETFD) & FD_CLOEXEC != 0)
        var request = pollfd(fd: file.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&request, 1, 5000) == 1)
        #expect(receive(guest, accepted).1 == "hello")
        #expect(send(guest, "bye", accepted) == .success)
        var buffer = [UInt8](repeating: 0, count: 10)
        #expect(recv(client, &buffer, 10, 0) == 3)
    }

    @Test("what is accepted is closed with the context, what was given is not")
    func ownership() {
        let pair = Pair()
        var guest: TestGuest? = self.guest(pair.guest)
        #expect(guest!.call("fd_close", 3) == .success)
        #expect(send(guest!, "x") == .badf)
        guest = nil
        #expect(Glibc.send(pair.guest, "still open", 10, 0) == 10)
    }

    @Test("descriptors accepted count, and what is sent counts as output")
    func limits() {
        let pair = Pair()
        let guest = guest(pair.guest) {
            $0.maximumOutputByteCount = 3
            $0.maximumDescriptorCount = 4
        }
        #expect(guest.call("sock_accept", 3, 0, 4096) == .mfile)
        #expect(send(guest, "12345") == .success)
        #expect(pair.received() == "123")
        #expect(send(guest, "4") == .nospc)
    }
}
