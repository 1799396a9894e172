//! What one guest could do to another, or to the host, through what they share: sockets, streams, signals, descriptors,
//! disks, memory and time.

import Foundation
import Testing

@testable import MayflyWASI

@Suite("WASI: what guests share")
struct WASINeighbourTests {
    private let nonblock = UInt64(DescriptorFlags.nonblock.rawValue)

    /// Two connected sockets, closed with the value.
    private final class SocketPair: Sendable {
        let lent: Int32
        let host: Int32

        init(_ type: __socket_type = SOCK_STREAM) {
            var ends: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, Int32(type.rawValue), 0, &ends) == 0)
            (lent, host) = (ends[0], ends[1])
        }

        deinit {
            close(lent)
            close(host)
        }

        func received() -> String {
            var buffer = [UInt8](repeating: 0, count: 100)
            let count = recv(host, &buffer, 100, Int32(MSG_DONTWAIT))
            return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        }
    }

    /// A TCP socket that listens on an address of this host, closed with the value.
    private final class Listener {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        private var address = sockaddr_in()

        init() {
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            #expect(withAddress { bind(descriptor, $0, size) } == 0)
            #expect(listen(descriptor, 4) == 0)
            #expect(withAddress { getsockname(descriptor, $0, &size) } == 0)
        }

        deinit { close(descriptor) }

        /// - Returns: The client's end, or -1.
        func connect() -> Int32 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            if withAddress({ Glibc.connect(client, $0, size) }) == 0 { return client }
            close(client)
            return -1
        }

        private func withAddress(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
            withUnsafeMutablePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body) }
        }
    }

    /// What a thread of its own does, and found.
    private final class Work<Result>: @unchecked Sendable {
        private let ended = DispatchSemaphore(value: 0)
        private var result: Result?

        init(_ body: @escaping @Sendable () -> Result) {
            Thread { [self] in
                result = body()
                ended.signal()
            }.start()
        }

        func hasEnded(within seconds: Double) -> Bool {
            guard ended.wait(timeout: .now() + seconds) == .success else { return false }
            ended.signal()
            return true
        }

        func value() -> Result {
            ended.wait()
            return result!
        }
    }

    /// Vectors of one buffer each.
    private func vectors(_ guest: TestGuest, _ buffers: [(address: UInt32, count: UInt32)]) -> UInt64 {
        let vectors = guest.allocate(8 * buffers.count)
        for (index, buffer) in buffers.enumerated() {
            guest.store(buffer.address, at: vectors + 8 * UInt32(index))
            guest.store(buffer.count, at: vectors + 8 * UInt32(index) + 4)
        }
        return UInt64(vectors)
    }

    private static func bytes(heldBy pipe: Int32) -> Int32 {
        var count: Int32 = 0
        return ioctl(pipe, UInt(FIONREAD), &count) == 0 ? count : -1
    }

    // MARK: Sockets

    @Test("a socket lent as a stream goes one way, whatever function is used")
    func directionOfSockets() {
        let pair = SocketPair()
        var configuration = WASI.Configuration()
        configuration.standardInput = .descriptor(pair.lent)
        let writer = TestGuest(configuration)
        let text = writer.place("forged")
        let vector = vectors(writer, [(UInt32(text.address), UInt32(text.count))])
        let result = UInt64(writer.allocate(8))
        #expect(writer.call("sock_send", 0, vector, 1, 0, result) == .notsock)
        #expect(pair.received() == "")

        #expect(Glibc.send(pair.host, "secret", 6, 0) == 6)
        configuration = WASI.Configuration()
        configuration.standardOutput = .descriptor(pair.lent)
        let reader = TestGuest(configuration)
        let buffer = reader.allocate(64)
        let place = vectors(reader, [(buffer, 64)])
        #expect(reader.read(1).0 == .badf)
        #expect(reader.call("sock_recv", 1, place, 1, 1, result, result + 4) == .notsock)
    }

    @Test("a guest does not end the output that the host lent it")
    func shutdownOfStreams() {
        let pair = SocketPair()
        var configuration = WASI.Configuration()
        configuration.standardOutput = .descriptor(pair.lent)
        let guest = TestGuest(configuration)
        #expect(guest.call("sock_shutdown", 1, 2) != .success)
        #expect(Glibc.send(pair.lent, "the host's", 10, Int32(MSG_NOSIGNAL)) == 10)
        #expect(TestGuest(configuration).write(1, "a neighbour's") == (.success, 13))
    }

    @Test("a guest does not end a listening socket that its neighbours accept on")
    func shutdownOfListener() throws {
        let listener = Listener()
        var configuration = WASI.Configuration()
        configuration.preopen(socket: listener.descriptor)
        let hostile = TestGuest(configuration)
        let neighbour = TestGuest(configuration)
        _ = hostile.call("sock_shutdown", 3, 1)
        let client = listener.connect()
        defer { close(client) }
        let result = UInt64(neighbour.allocate(4))
        #expect(neighbour.call("fd_fdstat_set_flags", 3, nonblock) == .success)
        #expect(client >= 0)
        #expect(neighbour.call("sock_accept", 3, 0, result) == .success)
    }

    @Test("rights that a listening socket does not pass on are not had back")
    func rightsOfAccepted() throws {
        let listener = Listener()
        var configuration = WASI.Configuration()
        configuration.preopen(socket: listener.descriptor)
        let guest = TestGuest(configuration)
        let passedOn = Rights.socket.subtracting(.fdWrite).rawValue
        #expect(guest.call("fd_fdstat_set_rights", 3, Rights.sockAccept.rawValue, passedOn) == .success)
        let client = listener.connect()
        defer { close(client) }
        try #require(client >= 0)
        let result = guest.allocate(4)
        #expect(guest.call("sock_accept", 3, 0, UInt64(result)) == .success)
        let accepted = UInt64(guest.load(UInt32.self, at: result))
        #expect(guest.write(accepted, "x").0 == .notcapable)

        let status = guest.allocate(24)
        #expect(guest.call("fd_fdstat_get", accepted, UInt64(status)) == .success)
        let reported = Rights(rawValue: guest.load(UInt64.self, at: status + 8))
        #expect(!reported.contains(.fdWrite))
        #expect(guest.call("fd_fdstat_set_rights", accepted, Rights.socket.rawValue, 0) == .notcapable)
        #expect(guest.write(accepted, "x").0 == .notcapable)
    }

    @Test("a message is sent whole or not at all")
    func datagramLimit() {
        let pair = SocketPair(SOCK_DGRAM)
        var configuration = WASI.Configuration()
        configuration.preopen(socket: pair.lent)
        configuration.maximumOutputByteCount = 3
        let guest = TestGuest(configuration)
        let text = guest.place("12345")
        let vector = vectors(guest, [(UInt32(text.address), UInt32(text.count))])
        #expect(guest.call("sock_send", 3, vector, 1, 0, UInt64(guest.allocate(4))) == .nospc)
        #expect(pair.received() == "")
    }

    // MARK: Signals

    @Test("a pipe that breaks in the middle of a write raises no signal")
    func signalOfPartialWrite() {
        let pipe = PipePair()
        var configuration = WASI.Configuration()
        configuration.standardOutput = .descriptor(pipe.writer)
        let given = configuration
        let work = Work { () -> (Errno, UInt32, isRaised: Bool) in
            // Pending instead of deadly, should it come.
            var signal = sigset_t()
            sigemptyset(&signal)
            sigaddset(&signal, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &signal, nil)
            let guest = TestGuest(given)
            let (error, count) = guest.write(1, String(repeating: "x", count: 100_000))
            var noWait = timespec()
            return (error, count, sigtimedwait(&signal, nil, &noWait) == SIGPIPE)
        }
        // The pipe is full, and the guest waits for room for the rest.
        while Self.bytes(heldBy: pipe.reader) < 65536 { usleep(1000) }
        usleep(50_000)
        pipe.closeReader()
        let (error, count, isRaised) = work.value()
        #expect((error, count) == (.success, 65536))
        #expect(!isRaised)
    }

    @Test("a signal that was pending for the host stays pending")
    func pendingSignal() {
        let pipe = PipePair()
        var configuration = WASI.Configuration()
        configuration.standardOutput = .descriptor(pipe.writer)
        pipe.closeReader()
        let given = configuration
        let (error, isPending) = Work { () -> (Errno, Bool) in
            var signal = sigset_t()
            sigemptyset(&signal)
            sigaddset(&signal, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &signal, nil)
            pthread_kill(pthread_self(), SIGPIPE)
            let error = TestGuest(given).write(1, "x").0
            var noWait = timespec()
            return (error, sigtimedwait(&signal, nil, &noWait) == SIGPIPE)
        }.value()
        #expect(error == .pipe)
        #expect(isPending)
    }

    // MARK: Waiting

    @Test("a stream that does not block does not, with much to write either")
    func nonblockingWrite() {
        let pipe = PipePair()
        var configuration = WASI.Configuration()
        configuration.standardOutput = .descriptor(pipe.writer)
        let given = configuration
        let nonblock = nonblock
        let work = Work { () -> Errno in
            let guest = TestGuest(given)
            #expect(guest.call("fd_fdstat_set_flags", 1, nonblock) == .success)
            return guest.write(1, String(repeating: "x", count: 100_000)).0
        }
        let hasEnded = work.hasEnded(within: 2)
        #expect(hasEnded)
        var drained = [UInt8](repeating: 0, count: 65536)
        while !work.hasEnded(within: 0.01) { _ = Glibc.read(pipe.reader, &drained, drained.count) }
        #expect(work.value() == .success)
    }

    // MARK: Limits

    @Test("listings keep as little memory as they count")
    func listingMemory() throws {
        let directory = try TestDirectory()
        let name = String(repeating: "n", count: 200)
        for index in 0..<5000 { close(open(directory.path("\(name)\(index)"), O_CREAT | O_WRONLY, 0o600)) }
        let guest = try directory.guest()
        var held = 0
        for _ in 0..<40 {
            let (error, opened) = guest.open(".", .directory)
            #expect(error == .success)
            let result = UInt64(guest.allocate(4))
            // To the end, then back to the begin and no further than the first entries.
            #expect(guest.call("fd_readdir", opened, 4096, 100, .max, result) == .success)
            #expect(guest.call("fd_readdir", opened, 4096, 100, 0, result) == .success)
            let file = try guest.wasi.descriptors[UInt32(opened)].file
            let bytes = Mirror(reflecting: file).descendant("listing", "some", "bytes") as? [UInt8]
            held += try #require(bytes).capacity
        }
        // 16 MiB in comfort, one listing more, and a little for each.
        #expect(held < 20 << 20)
    }

    @Test("a guest has no more of the host's descriptors than its limit says")
    func descriptorsOfListings() throws {
        let directory = try TestDirectory()
        let limit = 10
        let guest = try directory.guest { $0.maximumDescriptorCount = limit }
        var opened: [UInt64] = [3]
        while case (.success, let descriptor) = guest.open(".", .directory) { opened.append(descriptor) }
        for descriptor in opened { #expect(!guest.list(descriptor).isEmpty) }
        let path = directory.inside.resolvingSymlinksInPath().path
        let held = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
        }
        #expect(held.count <= limit)
    }

    @Test("a guest that may write nothing leaves nothing behind")
    func outputInNames() throws {
        let directory = try TestDirectory()
        let guest = try directory.guest { $0.maximumOutputByteCount = 0 }
        let target = String(repeating: "t", count: 4000)
        var errors: Set<Errno> = []
        for index in 0..<50 { errors.insert(guest.symlink(target, at: "link\(index)")) }
        for index in 0..<50 { errors.insert(guest.onPath("path_create_directory", "directory\(index)")) }
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.inside.path)
        #expect(errors == [.nospc])
        #expect(names.isEmpty)
    }

    @Test("a count of bytes written is no error number in C")
    func countOfNullStream() throws {
        let size = 1 << 32 - 1 << 16
        let start = try #require(
            mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))
        try #require(start != MAP_FAILED)
        defer { munmap(start, size) }
        let memory = GuestMemory(UnsafeMutableRawBufferPointer(start: start, count: size))
        for index in 0..<UInt32(2) { try memory.store(UInt32(size), at: index * 8 + 4) }
        let written = try WASI().fdWrite(memory, 1, 0, 2)
        #expect(Int32(bitPattern: written) >= 0)
    }

    @Test("empty vectors, however many, are not the end of a file")
    func manyEmptyVectors() {
        var configuration = WASI.Configuration()
        configuration.standardInput = .bytes([1, 2, 3])
        let guest = TestGuest(configuration)
        let buffer = guest.allocate(16)
        let place = vectors(
            guest, [(address: UInt32, count: UInt32)](repeating: (buffer, 0), count: 1024) + [(buffer, 16)])
        let result = guest.allocate(4)
        let error = guest.call("fd_read", 0, place, 1025, UInt64(result))
        #expect(error != .success || guest.load(UInt32.self, at: result) == 3)
    }

    // MARK: What a lent stream tells, and what rights mean

    @Test("a stream that is lent has no size and no times")
    func statusOfLentFile() throws {
        let directory = try TestDirectory()
        try directory.write("what the neighbours wrote", to: "log")
        let log = open(directory.path("log"), O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(log) }
        var configuration = WASI.Configuration()
        configuration.standardOutput = .descriptor(log)
        let guest = TestGuest(configuration)
        let status = guest.allocate(64)
        #expect(guest.call("fd_filestat_get", 1, UInt64(status)) == .success)
        #expect(guest.load(UInt64.self, at: status + 32) == 0, "size")
        #expect(guest.load(UInt64.self, at: status + 48) == 0, "modification")
        #expect(guest.load(UInt8.self, at: status + 16) != FileType.regularFile.rawValue)
    }

    @Test("the right to seek includes the right to tell")
    func seekImpliesTell() throws {
        let directory = try TestDirectory()
        try directory.write("text", to: "file")
        let guest = try directory.guest()
        let (_, file) = guest.open("file", rights: TestGuest.readWrite)
        #expect(guest.call("fd_fdstat_set_rights", file, Rights([.fdRead, .fdSeek]).rawValue, 0) == .success)
        let result = UInt64(guest.allocate(8))
        #expect(guest.call("fd_seek", file, 2, 0, result) == .success)
        #expect(guest.call("fd_tell", file, result) == .success)
        #expect(guest.call("fd_seek", file, 0, 1, result) == .success)
    }

    @Test("flags of a directory are set or refused, and the same in memory")
    func flagsOfDirectories() throws {
        let directory = try TestDirectory()
        let guest = try directory.guest { $0.preopen(WASI.FileTree(), as: "/tree") }
        let sync = UInt64(DescriptorFlags([.sync, .rsync, .dsync]).rawValue)
        let inMemory = guest.open(".", in: 4, .directory).descriptor
        #expect(guest.call("fd_fdstat_set_flags", inMemory, sync) == .notsup)
        let opened = guest.open(".", .directory).descriptor
        #expect(guest.call("fd_fdstat_set_flags", opened, sync) == .notsup)
        #expect(guest.call("fd_fdstat_set_flags", 3, sync) == .notsup)
    }

    // MARK: Trees

    @Test("copying a directory takes time in the number of its files")
    func timeOfCopying() throws {
        let directory = try TestDirectory()
        let count = 16_000
        let parts = 32
        try FileManager.default.createDirectory(atPath: directory.path("flat"), withIntermediateDirectories: false)
        for part in 0..<parts {
            try FileManager.default.createDirectory(
                atPath: directory.path("split/\(part)"), withIntermediateDirectories: true)
        }
        for index in 0..<count {
            #expect(Glibc.symlink("t", directory.path("flat/\(index)")) == 0)
            #expect(Glibc.symlink("t", directory.path("split/\(index % parts)/\(index)")) == 0)
        }
        // Of the processor, whatever other tests do meanwhile.
        func seconds(_ name: String) throws -> Double {
            var (start, end) = (timespec(), timespec())
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
            _ = try WASI.FileTree(copying: directory.path(name))
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
            return Double(end.nanoseconds - start.nanoseconds) / 1e9
        }
        _ = try seconds("split")
        let (split, flat) = (try seconds("split"), try seconds("flat"))
        #expect(flat < 2 * split, "\(flat) s in one directory, \(split) s in \(parts)")
    }
}
