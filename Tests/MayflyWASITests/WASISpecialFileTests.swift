//! Files that are no files: FIFOs, sockets, devices. A host places them; a guest can make none.

import Foundation
import Testing

@testable import MayflyWASI

private let resolutions: [PathResolution] = [.automatic, .walk]

@Suite("WASI: special files")
struct WASISpecialFileTests {
    let directory: TestDirectory

    init() throws { directory = try TestDirectory.withThingsOutside() }

    /// The number of bytes in a FIFO's or device's status, and its type.
    private func type(_ guest: TestGuest, _ path: String, follow: Bool = true) -> FileType? {
        let (error, type) = guest.status(path, follow: follow)
        return error == .success ? type : nil
    }

    @Test("a FIFO is looked at, renamed and removed without anybody waiting", arguments: resolutions)
    func fifo(_ resolution: PathResolution) throws {
        #expect(mkfifo(directory.path("fifo"), 0o600) == 0)
        try directory.link("toFifo", to: "a/../fifo")
        let guest = try directory.guest(resolution)
        for path in ["fifo", "toFifo"] {
            #expect(type(guest, path) == .unknown)
            #expect(guest.use(.setTimes, Array(path.utf8)) == .success)
            #expect(guest.use(.directoryStatus, Array(path.utf8)) == .notdir)
            #expect(guest.open(path, .directory).0 == .notdir)
            // Whoever does not want to wait does not.
            let (error, reader) = guest.open(path, fdFlags: .nonblock)
            #expect(error == .success)
            #expect(guest.read(reader) == (.success, []))
            #expect(guest.call("fd_seek", reader, 0, 0, 64) == .spipe)
            let (writeError, writer) = guest.open(path, rights: Rights.fdWrite.rawValue, fdFlags: .nonblock)
            #expect(writeError == .success)
            #expect(guest.write(writer, "abc") == (.success, 3))
            #expect(guest.read(reader) == (.success, Array("abc".utf8)))
            #expect(guest.read(reader).0 == .again)
            #expect(guest.call("fd_close", reader) == .success)
            // Nobody reads any more: an error, and no signal.
            #expect(guest.write(writer, "abc").0 == .pipe)
            #expect(guest.call("fd_close", writer) == .success)
            #expect(guest.open(path, rights: Rights.fdWrite.rawValue, fdFlags: .nonblock).0 == .nxio)
        }
        #expect(guest.open("fifo", [.create, .exclusive]).0 == .exist)
        #expect(guest.onPaths("path_link", "fifo", "linked") == .success)
        #expect(guest.onPaths("path_rename", "fifo", "moved") == .success)
        #expect(guest.onPath("path_unlink_file", "moved") == .success)
        #expect(guest.onPath("path_unlink_file", "linked") == .success)
    }

    /// Handed from thread to thread by its semaphores.
    private final class Opening: @unchecked Sendable {
        let started = DispatchSemaphore(value: 0)
        let ended = DispatchSemaphore(value: 0)
        var thread = pthread_self()
        var asked = 0
        var error = Errno.success
    }

    @Test("opening a FIFO waits for the other end, until the guest shall stop", arguments: resolutions, [true, false])
    func waitingFifo(_ resolution: PathResolution, _ reads: Bool) throws {
        #expect(mkfifo(directory.path("fifo"), 0o600) == 0)
        // Without SA_RESTART, so that the wait is interrupted.
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        sigaction(SIGUSR2, &action, nil)

        let configuration = try directory.configuration(resolution)
        let opening = Opening()
        let thread = Thread {
            let guest = TestGuest(configuration)
            guest.wasi.isStopRequested = {
                opening.asked += 1
                // Not at the first question: until then the wait goes on.
                return opening.asked > 3
            }
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGUSR2)
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            opening.thread = pthread_self()
            opening.started.signal()
            opening.error = guest.open("fifo", rights: (reads ? Rights.fdRead : .fdWrite).rawValue).0
            opening.ended.signal()
        }
        thread.start()
        opening.started.wait()
        while opening.ended.wait(timeout: .now() + .milliseconds(5)) == .timedOut {
            pthread_kill(opening.thread, SIGUSR2)
        }
        #expect(opening.error == .intr)
        #expect(opening.asked == 4)
    }

    @Test("a socket in the file system is seen and not opened", arguments: resolutions)
    func socketFile(_ resolution: PathResolution) throws {
        // Addresses of sockets are short: it is made here and moved there.
        let name = NSTemporaryDirectory() + "mayfly-\(UInt32.random(in: 0...UInt32.max))"
        var address = sockaddr_un()
        address.sun_family = UInt16(AF_UNIX)
        try withUnsafeMutableBytes(of: &address.sun_path) { path in
            try #require(name.utf8.count < path.count)
            path.copyBytes(from: name.utf8)
        }
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(server) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(server, 1) == 0)
        rename(name, directory.path("socket"))

        let guest = try directory.guest(resolution)
        #expect(type(guest, "socket") == .socketStream)
        for opening in guest.openInAllWays(Array("socket".utf8)) {
            #expect([.nxio, .notdir, .inval, .exist, .isdir].contains(opening.error), "\(opening)")
        }
        #expect(guest.use(.setTimes, Array("socket".utf8)) == .success)
        #expect(guest.onPath("path_unlink_file", "socket") == .success)
    }

    @Test("a device that the host placed inside is opened as what it is", arguments: resolutions)
    func device(_ resolution: PathResolution) throws {
        // The device of /dev/null. Takes a privilege, and a file system that has devices.
        let null = directory.path("null")
        guard mknod(null, S_IFCHR | 0o666, 1 << 8 | 3) == 0 else { return }
        let probe = Glibc.open(null, O_RDWR | O_CLOEXEC)
        guard probe >= 0 else { return }
        close(probe)
        let guest = try directory.guest(resolution)
        #expect(type(guest, "null") == .characterDevice)
        let (error, device) = guest.open("null", rights: TestGuest.readWrite)
        #expect(error == .success)
        #expect(guest.write(device, "abc") == (.success, 3))
        #expect(guest.read(device) == (.success, []))
        #expect(guest.call("fd_filestat_set_size", device, 0) == .inval)
        #expect(guest.call("fd_allocate", device, 0, 1) != .success)
        // No position, so that a C library may take it for a terminal.
        let status = guest.allocate(24)
        #expect(guest.call("fd_fdstat_get", device, UInt64(status)) == .success)
        #expect(guest.load(UInt8.self, at: status) == FileType.characterDevice.rawValue)
        #expect(!Rights(rawValue: guest.load(UInt64.self, at: status + 8)).contains(.fdSeek))
        // In a read-only directory it is read-only.
        let reader = try directory.guest(resolution, access: .readOnly)
        #expect(reader.open("null", rights: TestGuest.readWrite).0 == .notcapable)
        #expect(reader.open("null").0 == .success)
    }

    @Test("no type of file is listed as another", arguments: resolutions)
    func listing(_ resolution: PathResolution) throws {
        #expect(mkfifo(directory.path("fifo"), 0o600) == 0)
        try directory.link("link", to: "../secret")
        let guest = try directory.guest(resolution)
        let types = Dictionary(uniqueKeysWithValues: guest.list(3).map { ($0.name, $0.type) })
        #expect(types["fifo"] == FileType.unknown.rawValue)
        #expect(types["link"] == FileType.symbolicLink.rawValue)
        #expect(types["file"] == FileType.regularFile.rawValue)
        #expect(types["a"] == FileType.directory.rawValue)
        for (name, type) in types where name != ".." {
            #expect(guest.status(name, follow: false).1?.rawValue == type, "\(name)")
        }
    }
}
