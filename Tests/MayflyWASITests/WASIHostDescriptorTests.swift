//! Descriptors of the host that a guest is given as its streams: it gets what they are for, and neither their flags nor
//! their life are its own.

import Foundation
import Testing

@testable import MayflyWASI

@Suite("WASI: descriptors passed in")
struct WASIHostDescriptorTests {
    let directory: TestDirectory
    private var secret: String { directory.outside.path + "/secret" }
    /// open(2)'s O_PATH, which Glibc's module leaves out.
    private static let pathOnly: Int32 = 0o10000000

    init() throws { directory = try TestDirectory.withThingsOutside() }

    /// A descriptor of the host, closed with the value.
    private final class Descriptor {
        let number: Int32
        init(_ path: String, _ flags: Int32) {
            number = Glibc.open(path, flags | O_CLOEXEC)
            #expect(number >= 0)
        }
        init(taking number: Int32) { self.number = number }
        deinit { close(number) }

        var isOpen: Bool { fcntl(number, F_GETFD) >= 0 }
        var flags: Int32 { fcntl(number, F_GETFL) }
    }

    private func guest(_ descriptor: Descriptor, _ change: (inout WASI.Configuration) -> Void = { _ in }) throws
        -> TestGuest
    {
        try directory.guest {
            $0.standardInput = .descriptor(descriptor.number)
            $0.standardOutput = .descriptor(descriptor.number)
            $0.standardError = .descriptor(descriptor.number)
            change(&$0)
        }
    }

    /// A vector of one byte, for the functions that the test guest has no shorthand for.
    private func vector(_ guest: TestGuest) -> UInt64 {
        let vector = guest.allocate(16)
        guest.store(vector + 8, at: vector)
        guest.store(UInt32(1), at: vector + 4)
        return UInt64(vector)
    }

    @Test("a directory among the streams is no directory to a guest", arguments: [O_RDONLY, O_RDONLY | pathOnly])
    func directoryAsStream(_ flags: Int32) throws {
        let descriptor = Descriptor(directory.outside.path, flags | O_DIRECTORY)
        let before = OutsideFingerprint(directory)
        let guest = try guest(descriptor)
        for stream in [0, 1, 2] as [UInt64] {
            for path in ["secret", "folder", "folder/kept", "inside/file", "new", ".", "..", "pointer"] {
                for opening in guest.openInAllWays(Array(path.utf8), in: stream) {
                    #expect([.notdir, .inval].contains(opening.error), "\(path), \(opening)")
                }
                for use in TestGuest.PathUse.allCases where use != .linkFromFollowing {
                    #expect(guest.use(use, Array(path.utf8), in: stream) == .notdir, "\(use) of \(path)")
                }
            }
            #expect(guest.call("fd_readdir", stream, 8192, 4096, 0, 4096) == .notdir)
            #expect(guest.call("fd_prestat_get", stream, 4096) == .badf)
            #expect(guest.call("fd_prestat_dir_name", stream, 4096, 64) == .badf)
            #expect(guest.read(stream).0 != .success)
            #expect(guest.write(stream, "x").0 != .success)
            #expect(guest.call("fd_pread", stream, vector(guest), 1, 0, 4096) != .success)
            #expect(guest.call("fd_filestat_set_size", stream, 0) != .success)
            #expect(guest.call("fd_allocate", stream, 0, 1) != .success)
        }
        // Neither under the number of a directory.
        #expect(guest.call("fd_renumber", 0, 3) == .success)
        #expect(guest.open("secret", in: 3).0 == .notdir)
        #expect(guest.call("fd_readdir", 3, 8192, 4096, 0, 4096) == .notdir)
        #expect(guest.call("fd_prestat_get", 3, 4096) == .badf)
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }

    @Test("a file open for one thing only is good for that", arguments: [O_RDONLY, O_WRONLY, pathOnly])
    func accessMode(_ flags: Int32) throws {
        let descriptor = Descriptor(secret, flags)
        let guest = try guest(descriptor)
        let before = OutsideFingerprint(directory)
        #expect(guest.read(0).0 == (flags == O_RDONLY ? .success : .badf))
        #expect(guest.call("fd_pread", 0, vector(guest), 1, 0, 4096) == .spipe)
        #expect(guest.call("fd_readdir", 0, 8192, 4096, 0, 4096) == .notdir)
        if flags == O_WRONLY {
            #expect(guest.write(1, "T") == (.success, 1))
            #expect(try String(contentsOfFile: secret, encoding: .utf8) == "The secret")
            return
        }
        for stream in [0, 1, 2] as [UInt64] {
            #expect(guest.write(stream, "x").0 == .badf)
            #expect(guest.call("fd_pwrite", stream, vector(guest), 1, 0, 4096) == .spipe)
            #expect(guest.call("fd_filestat_set_size", stream, 0) != .success)
            #expect(guest.call("fd_allocate", stream, 0, 100) != .success)
            #expect(OutsideFingerprint(directory).differences(from: before) == [])
        }
    }

    @Test("what is open for reading, or for its path only, keeps its times", arguments: [O_RDONLY, pathOnly])
    func times(_ flags: Int32) throws {
        let descriptor = Descriptor(secret, flags)
        let guest = try guest(descriptor)
        for stream in [0, 1, 2] as [UInt64] {
            let before = OutsideFingerprint(directory)
            #expect(guest.call("fd_filestat_set_times", stream, 1_000_000_000, 2_000_000_000, 5) != .success)
            #expect(OutsideFingerprint(directory).differences(from: before) == [])
        }
    }

    @Test("an input is not written to, and an output not read from, though the host could")
    func direction() throws {
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let given = Descriptor(taking: ends[0])
        let host = Descriptor(taking: ends[1])
        #expect(Glibc.write(host.number, "for the host's eyes", 19) == 19)
        // As a terminal is: one descriptor that could do both.
        let input = try directory.guest { $0.standardInput = .descriptor(given.number) }
        #expect(input.write(0, "x").0 == .badf)
        let output = try directory.guest { $0.standardOutput = .descriptor(given.number) }
        #expect(output.read(1) == (.badf, []))
        // With files it is not only the end that is written to.
        let file = Descriptor(secret, O_RDWR)
        let before = OutsideFingerprint(directory)
        let reader = try directory.guest { $0.standardInput = .descriptor(file.number) }
        #expect(reader.call("fd_pwrite", 0, vector(reader), 1, 0, 4096) == .spipe)
        #expect(reader.call("fd_filestat_set_size", 0, 3) != .success)
        #expect(reader.call("fd_allocate", 0, 0, 100) != .success)
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }

    @Test("a number that is not open fails in every function, and nobody waits for it")
    func closed() throws {
        // Far from the numbers that other tests open and close meanwhile.
        let number: Int32 = 987
        let source = Descriptor(secret, O_RDONLY)
        #expect(dup2(source.number, number) == number)
        close(number)
        for number in [number, -1] {
            let guest = try directory.guest {
                $0.standardInput = .descriptor(number)
                $0.standardOutput = .descriptor(number)
            }
            #expect(guest.read(0).0 == .badf)
            #expect(guest.write(1, "x").0 == .badf)
            #expect(guest.call("fd_pread", 0, vector(guest), 1, 0, 4096) == .spipe)
            #expect(guest.call("fd_pwrite", 1, vector(guest), 1, 0, 4096) == .spipe)
            #expect(guest.call("fd_seek", 0, 0, 0, 4096) == .spipe)
            #expect(guest.call("fd_tell", 0, 4096) == .spipe)
            #expect(guest.call("fd_filestat_get", 0, 4096) == .badf)
            #expect(guest.call("fd_fdstat_get", 0, 4096) == .badf)
            #expect(guest.call("fd_sync", 0) == .badf)
            #expect(guest.call("fd_datasync", 1) == .badf)
            #expect(guest.call("fd_advise", 0, 0, 0, 0) == .spipe)
            #expect(guest.call("fd_allocate", 1, 0, 1) == .spipe)
            #expect(guest.call("fd_filestat_set_size", 1, 1) == .inval)
            #expect(guest.call("fd_filestat_set_times", 1, 0, 0, 5) != .success)
            // Reading it, and a clock so that the test ends.
            let records = guest.allocate(96)
            for word in 0..<UInt32(12) { guest.store(UInt64(0), at: records + word * 8) }
            guest.store(UInt8(1), at: records + 8)
            guest.store(UInt64(7), at: records + 48)
            guest.store(UInt32(1), at: records + 64)
            guest.store(UInt64(200_000_000), at: records + 72)
            let events = guest.allocate(64)
            let count = guest.allocate(4)
            #expect(guest.call("poll_oneoff", UInt64(records), UInt64(events), 2, UInt64(count)) == .success)
            #expect(guest.load(UInt64.self, at: events) == 0)
            #expect(guest.load(UInt16.self, at: events + 8) == Errno.badf.rawValue)
            // It takes its place in the table, and leaves it.
            #expect(guest.call("fd_close", 0) == .success)
            #expect(guest.call("fd_close", 0) == .badf)
        }
    }

    @Test("closing a stream, by whatever function, leaves the host's descriptor open")
    func closing() throws {
        let descriptor = Descriptor(secret, O_RDWR)
        var guest: TestGuest? = try guest(descriptor)
        #expect(guest?.call("fd_close", 0) == .success)
        #expect(guest?.read(0).0 == .badf)
        #expect(descriptor.isOpen)
        // Another over it.
        let opened = guest?.open("file") ?? (.nosys, 0)
        #expect(opened == (.success, 0))
        #expect(guest?.call("fd_renumber", 0, 1) == .success)
        #expect(guest?.read(1).1 == Array("hello".utf8))
        #expect(descriptor.isOpen)
        // It over another, and then that closed.
        let (_, file) = guest?.open("file") ?? (.nosys, 0)
        #expect(guest?.call("fd_renumber", 2, file) == .success)
        #expect(guest?.call("fd_close", file) == .success)
        #expect(descriptor.isOpen)
        guest = nil
        #expect(descriptor.isOpen)
        #expect(try String(contentsOfFile: secret, encoding: .utf8) == TestDirectory.secret)
    }

    @Test("a directory given to several guests outlives each that closes it")
    func closingDirectory() throws {
        let configuration = try directory.configuration()
        for act in [
            { guest in guest.call("fd_close", 3) }, { guest in guest.call("fd_renumber", 0, 3) },
            // Listed before, so that it has a descriptor of its own to close.
            { guest in
                _ = guest.list(3)
                return guest.call("fd_close", 3)
            },
            { guest in
                _ = guest.list(3)
                return guest.call("fd_renumber", 0, 3)
            },
        ] as [(TestGuest) -> Errno] {
            let guest = TestGuest(configuration)
            #expect(act(guest) == .success)
            #expect(guest.contents("file").0 != .success)
            #expect(TestGuest(configuration).contents("file") == (.success, "hello"))
        }
    }

    @Test("a guest's flags are not the host's", arguments: [0, O_APPEND, O_NONBLOCK, O_APPEND | O_NONBLOCK])
    func flags(_ hostFlags: Int32) throws {
        let descriptor = Descriptor(secret, O_RDWR | hostFlags)
        let before = descriptor.flags
        let guest = try guest(descriptor)
        for flags in 0..<UInt64(32) {
            for stream in [0, 1, 2] as [UInt64] {
                _ = guest.call("fd_fdstat_set_flags", stream, flags)
                #expect(descriptor.flags == before)
                #expect(fcntl(descriptor.number, F_GETFD) == FD_CLOEXEC)
            }
        }
        // Nor the other streams', which are the same descriptor of the host.
        #expect(guest.call("fd_fdstat_set_flags", 0, 4) == .success)
        #expect(guest.call("fd_fdstat_set_flags", 1, 0) == .success)
        let status = guest.allocate(24)
        #expect(guest.call("fd_fdstat_get", 0, UInt64(status)) == .success)
        #expect(guest.load(UInt16.self, at: status + 2) == 4)
        #expect(guest.call("fd_fdstat_get", 1, UInt64(status)) == .success)
        #expect(guest.load(UInt16.self, at: status + 2) == 0)
        // A given directory has no flags of its own either.
        #expect(guest.call("fd_fdstat_set_flags", 3, 4) == .success)
        #expect(descriptor.flags == before)
    }

    @Test("what a guest appends to a log goes to its end, whatever it does to position and flags")
    func appending() throws {
        let descriptor = Descriptor(secret, O_WRONLY | O_APPEND)
        let guest = try guest(descriptor)
        #expect(guest.call("fd_fdstat_set_flags", 1, 0) == .success)
        #expect(guest.call("fd_seek", 1, 0, 0, 4096) == .spipe)
        #expect(guest.write(1, "!").0 == .success)
        let bytes = vector(guest)
        guest.store(UInt8(ascii: "?"), at: UInt32(bytes) + 8)
        #expect(guest.call("fd_pwrite", 1, bytes, 1, 0, 4096) == .spipe)
        #expect(guest.call("fd_filestat_set_size", 1, 0) != .success)
        let text = try String(contentsOfFile: secret, encoding: .utf8)
        #expect(text == "the secret!")
    }

    @Test("what a guest is told that it may do with a stream, it may keep, and drop")
    func reportedRights() throws {
        let descriptor = Descriptor(secret, O_RDONLY)
        func rights(_ guest: TestGuest) -> UInt64 {
            let status = guest.allocate(24)
            #expect(guest.call("fd_fdstat_get", 0, UInt64(status)) == .success)
            return guest.load(UInt64.self, at: status + 8)
        }
        let guest = try guest(descriptor)
        let told = rights(guest)
        #expect(guest.call("fd_fdstat_set_rights", 0, told, 0) == .success)
        #expect(guest.call("fd_fdstat_set_rights", 0, 0, 0) == .success)
        #expect(rights(guest) == 0)
        #expect(guest.call("fd_seek", 0, 0, 0, 4096) == .notcapable)
    }

    @Test("dropping a right of a stream holds for the guest that dropped it only")
    func rights() throws {
        let descriptor = Descriptor(secret, O_RDWR)
        let configuration = try directory.configuration()
        var changed = configuration
        changed.standardInput = .descriptor(descriptor.number)
        let guest = TestGuest(changed)
        #expect(guest.call("fd_fdstat_set_rights", 0, 0, 0) == .success)
        #expect(guest.read(0).0 == .notcapable)
        #expect(guest.call("fd_fdstat_set_rights", 0, Rights.fdRead.rawValue, 0) == .notcapable)
        #expect(TestGuest(changed).read(0) == (.success, Array(TestDirectory.secret.utf8)))
    }
}
