//! WASI's functions against their description: types, record layouts, files, streams, waiting.

import Foundation
import Testing
import WasmModule

@testable import MayflyWASI

@Suite("WASI: functions")
struct WASIFunctionTests {
    @Test("every function of wasi_snapshot_preview1 is there with its type")
    func table() {
        // i: i32, I: i64. All return an errno; proc_exit and proc_raise, which may not return, are not in the table.
        let expected = """
            args_get ii|args_sizes_get ii|clock_res_get ii|clock_time_get iIi|environ_get ii|environ_sizes_get ii
            fd_advise iIIi|fd_allocate iII|fd_close i|fd_datasync i|fd_fdstat_get ii|fd_fdstat_set_flags ii
            fd_fdstat_set_rights iII|fd_filestat_get ii|fd_filestat_set_size iI|fd_filestat_set_times iIIi
            fd_pread iiiIi|fd_prestat_dir_name iii|fd_prestat_get ii|fd_pwrite iiiIi|fd_read iiii|fd_readdir iiiIi
            fd_renumber ii|fd_seek iIii|fd_sync i|fd_tell ii|fd_write iiii|path_create_directory iii
            path_filestat_get iiiii|path_filestat_set_times iiiiIIi|path_link iiiiiii|path_open iiiiiIIii
            path_readlink iiiiii|path_remove_directory iii|path_rename iiiiii|path_symlink iiiii|path_unlink_file iii
            poll_oneoff iiii|random_get ii|sched_yield |sock_accept iii|sock_recv iiiiii|sock_send iiiii
            sock_shutdown ii
            """.split { "|\n".contains($0) }.map(String.init)
        let actual = WASIFunction.all.map { function in
            function.name + " " + String(function.parameters.map { $0 == .i32 ? "i" : "I" })
        }
        #expect(actual.sorted() == expected.sorted())
        #expect(WASIFunction.all.allSatisfy { $0.type.results == [.i32] })
    }

    @Test("error numbers are those of the specification")
    func errorNumbers() {
        #expect(Errno.acces.rawValue == 2)
        #expect(Errno.badf.rawValue == 8)
        #expect(Errno.fault.rawValue == 21)
        #expect(Errno.inval.rawValue == 28)
        #expect(Errno.noent.rawValue == 44)
        #expect(Errno.notdir.rawValue == 54)
        #expect(Errno.spipe.rawValue == 70)
        #expect(Errno.notcapable.rawValue == 76)
        #expect(Errno(host: ENOENT) == .noent)
        #expect(Errno(host: ENOTEMPTY) == .notempty)
        #expect(Errno(host: 12345) == .io)
    }

    @Test("arguments and environment lie in memory as C programs expect them")
    func strings() {
        var configuration = WASI.Configuration()
        configuration.arguments = ["program", "", "ünicode", "cut\0off"]
        configuration.environment = ["PATH": "/bin", "HOME": "/", "EMPTY": ""]
        let guest = TestGuest(configuration)
        let sizes = guest.allocate(8)
        #expect(guest.call("args_sizes_get", UInt64(sizes), UInt64(sizes) + 4) == .success)
        #expect(guest.load(UInt32.self, at: sizes) == 4)
        #expect(guest.load(UInt32.self, at: sizes + 4) == 8 + 1 + 9 + 4)
        let pointers = guest.allocate(16)
        let buffer = guest.allocate(22)
        #expect(guest.call("args_get", UInt64(pointers), UInt64(buffer)) == .success)
        let arguments = (0..<4).map { guest.string(at: guest.load(UInt32.self, at: pointers + $0 * 4)) }
        #expect(arguments == ["program", "", "ünicode", "cut"])

        #expect(guest.call("environ_sizes_get", UInt64(sizes), UInt64(sizes) + 4) == .success)
        #expect(guest.load(UInt32.self, at: sizes) == 3)
        #expect(guest.call("environ_get", UInt64(pointers), UInt64(buffer)) == .success)
        let environment = (0..<3).map { guest.string(at: guest.load(UInt32.self, at: pointers + $0 * 4)) }
        #expect(environment == ["EMPTY=", "HOME=/", "PATH=/bin"])
    }

    @Test("standard streams in memory")
    func memoryStreams() {
        var configuration = WASI.Configuration()
        configuration.standardInput = .bytes(Array("some input".utf8))
        configuration.standardOutput = .capture
        configuration.standardError = .capture(limit: 4)
        let guest = TestGuest(configuration)
        #expect(guest.read(0, count: 4) == (.success, Array("some".utf8)))
        #expect(guest.read(0, count: 100) == (.success, Array(" input".utf8)))
        #expect(guest.read(0, count: 100) == (.success, []))
        #expect(guest.write(1, "out ") == (.success, 4))
        #expect(guest.write(1, "put") == (.success, 3))
        #expect(guest.write(2, "error") == (.success, 4))
        #expect(guest.write(2, "more").0 == .nospc)
        #expect(guest.wasi.takeStandardOutput() == Array("out put".utf8))
        #expect(guest.wasi.takeStandardOutput() == [])
        #expect(guest.wasi.takeStandardError() == Array("erro".utf8))
        #expect(guest.write(2, "more").0 == .nospc)
        #expect(guest.write(0, "x").0 == .badf)
        #expect(guest.read(1).0 == .badf)
        #expect(guest.call("fd_seek", 1, 0, 0, 0) == .spipe)
    }

    @Test("without configuration there is nothing to read and output vanishes")
    func nothing() {
        let guest = TestGuest(WASI.Configuration())
        #expect(guest.read(0) == (.success, []))
        #expect(guest.write(1, "x") == (.success, 1))
        #expect(guest.call("fd_prestat_get", 3, 0) == .badf)
        #expect(guest.open("file").0 == .badf)
        #expect(guest.open("file", in: 1).0 == .notdir)
        #expect(guest.wasi.takeStandardOutput() == [])
    }

    @Test("vectors are filled in order, and there are 1024 at most")
    func vectors() throws {
        var configuration = WASI.Configuration()
        configuration.standardOutput = .capture
        let guest = TestGuest(configuration)
        let text = guest.place("abc")
        let vectors = guest.allocate(1025 * 8)
        for index in 0..<UInt32(1025) {
            guest.store(UInt32(text.address) + index % 3, at: vectors + index * 8)
            guest.store(UInt32(1), at: vectors + index * 8 + 4)
        }
        let result = guest.allocate(4)
        #expect(guest.call("fd_write", 1, UInt64(vectors), 1025, UInt64(result)) == .inval)
        #expect(guest.call("fd_write", 1, UInt64(vectors), 1024, UInt64(result)) == .success)
        #expect(guest.load(UInt32.self, at: result) == 1024)
        let output = guest.wasi.takeStandardOutput()
        #expect(output.starts(with: Array("abcabc".utf8)) && output.count == 1024)
        #expect(guest.call("fd_write", 1, UInt64(vectors), 0, UInt64(result)) == .success)
        #expect(guest.load(UInt32.self, at: result) == 0)
    }

    @Test("a file is created, written, read, resized, measured and removed")
    func file() throws {
        let directory = try TestDirectory()
        let guest = try directory.guest()
        let (error, file) = guest.open("file", [.create, .exclusive], rights: TestGuest.readWrite)
        #expect(error == .success)
        #expect(guest.open("file", [.create, .exclusive]).0 == .exist)
        #expect(guest.write(file, "hello world") == (.success, 11))
        let result = guest.allocate(64)
        #expect(guest.call("fd_tell", file, UInt64(result)) == .success)
        #expect(guest.load(UInt64.self, at: result) == 11)
        #expect(guest.call("fd_seek", file, UInt64(bitPattern: -5), 2, UInt64(result)) == .success)
        #expect(guest.load(UInt64.self, at: result) == 6)
        #expect(guest.read(file) == (.success, Array("world".utf8)))
        #expect(guest.call("fd_seek", file, UInt64(bitPattern: -1), 0, UInt64(result)) == .inval)
        #expect(guest.call("fd_seek", file, 0, 3, UInt64(result)) == .inval)
        #expect(guest.call("fd_filestat_set_size", file, 5) == .success)
        #expect(guest.call("fd_filestat_set_size", file, 1 << 63) == .inval)
        #expect(guest.call("fd_allocate", file, 0, 100) == .success)
        #expect(guest.call("fd_allocate", file, 1 << 63, 1) == .inval)
        #expect(guest.call("fd_filestat_set_times", file, 1_000_000_007, 2_000_000_009, 1 | 4) == .success)
        #expect(guest.call("fd_filestat_set_times", file, 0, 0, 3) == .inval)
        #expect(guest.call("fd_filestat_set_times", file, 0, 0, 16) == .inval)
        #expect(guest.call("fd_filestat_get", file, UInt64(result)) == .success)
        #expect(guest.load(UInt8.self, at: result + 16) == FileType.regularFile.rawValue)
        #expect(guest.load(UInt64.self, at: result + 24) == 1)
        #expect(guest.load(UInt64.self, at: result + 32) == 100)
        #expect(guest.load(UInt64.self, at: result + 40) == 1_000_000_007)
        #expect(guest.load(UInt64.self, at: result + 48) == 2_000_000_009)
        #expect(guest.call("fd_sync", file) == .success)
        #expect(guest.call("fd_datasync", file) == .success)
        #expect(guest.call("fd_advise", file, 0, 0, 5) == .success)
        #expect(guest.call("fd_advise", file, 0, 0, 6) == .inval)
        #expect(guest.call("fd_close", file) == .success)
        #expect(guest.call("fd_close", file) == .badf)
        #expect(guest.onPaths("path_rename", "file", "other") == .success)
        #expect(guest.onPath("path_unlink_file", "file") == .noent)
        #expect(guest.onPath("path_remove_directory", "other") == .notdir)
        #expect(guest.onPath("path_unlink_file", "other") == .success)
    }

    @Test("reading and writing at a position leaves the descriptor's own alone")
    func positioned() throws {
        let directory = try TestDirectory()
        try directory.write("0123456789", to: "file")
        let guest = try directory.guest()
        let (_, file) = guest.open("file", rights: TestGuest.readWrite)
        let buffer = guest.place("ab")
        let vector = guest.allocate(8)
        guest.store(UInt32(buffer.address), at: vector)
        guest.store(UInt32(2), at: vector + 4)
        let result = UInt64(guest.allocate(4))
        #expect(guest.call("fd_pwrite", file, UInt64(vector), 1, 4, result) == .success)
        #expect(guest.read(file) == (.success, Array("0123ab6789".utf8)))
        #expect(guest.call("fd_pread", file, UInt64(vector), 1, 8, result) == .success)
        #expect(guest.bytes(at: UInt32(buffer.address), count: 2) == Array("89".utf8))
        #expect(guest.call("fd_pread", file, UInt64(vector), 1, 1 << 63, result) == .inval)
        #expect(guest.call("fd_pread", 3, UInt64(vector), 1, 0, result) == .isdir)
        #expect(guest.call("fd_pread", 0, UInt64(vector), 1, 0, result) == .spipe)
    }

    @Test("what is opened for one thing only is good for that")
    func accessMode() throws {
        let directory = try TestDirectory()
        try directory.write("text", to: "file")
        let guest = try directory.guest()
        let (_, reading) = guest.open("file", rights: Rights.fdRead.rawValue)
        #expect(guest.write(reading, "x").0 == .badf)
        let (_, writing) = guest.open("file", rights: Rights.fdWrite.rawValue)
        #expect(guest.read(writing).0 == .badf)
        let (_, appending) = guest.open("file", rights: TestGuest.readWrite, fdFlags: .append)
        #expect(guest.write(appending, "!") == (.success, 1))
        #expect(guest.contents("file") == (.success, "text!"))
        #expect(guest.open(".", rights: TestGuest.readWrite).0 == .isdir)
        #expect(guest.open("file", .directory).0 == .notdir)
        #expect(guest.open("new", [.create, .directory]).0 == .inval)
        #expect(guest.open("file", OpenFlags(rawValue: 16)).0 == .inval)
        #expect(guest.open("file", fdFlags: DescriptorFlags(rawValue: 32)).0 == .inval)
    }

    @Test("dropped rights are refused, and do not come back")
    func droppedRights() throws {
        let directory = try TestDirectory()
        try directory.write("text", to: "file")
        let guest = try directory.guest()
        let (_, file) = guest.open("file", rights: TestGuest.readWrite)
        let kept = TestGuest.readWrite & ~Rights.fdRead.rawValue
        #expect(guest.call("fd_fdstat_set_rights", file, kept, 0) == .success)
        #expect(guest.read(file).0 == .notcapable)
        #expect(guest.write(file, "x").0 == .success)
        #expect(guest.call("fd_fdstat_set_rights", file, TestGuest.readWrite, 0) == .notcapable)
        let status = guest.allocate(24)
        #expect(guest.call("fd_fdstat_get", file, UInt64(status)) == .success)
        #expect(guest.load(UInt64.self, at: status + 8) == kept)

        let (_, subdirectory) = guest.open(".", .directory, rights: Rights.directory.rawValue)
        let inheriting = Rights.directory.union(.file).subtracting(.fdWrite)
        #expect(
            guest.call("fd_fdstat_set_rights", subdirectory, Rights.directory.rawValue, inheriting.rawValue)
                == .success)
        #expect(guest.open("file", in: subdirectory, rights: TestGuest.readWrite).0 == .notcapable)
        #expect(guest.contents("file", in: subdirectory).0 == .success)
        // Who may not ask for synchronization may not open for it.
        #expect(guest.open("file", in: subdirectory, fdFlags: .sync).0 == .success)
        let unsynchronized = inheriting.subtracting(.fdSync)
        #expect(
            guest.call("fd_fdstat_set_rights", subdirectory, Rights.directory.rawValue, unsynchronized.rawValue)
                == .success)
        #expect(guest.open("file", in: subdirectory, fdFlags: .sync).0 == .notcapable)
        #expect(guest.open("file", in: subdirectory, fdFlags: .dsync).0 == .success)
    }

    @Test("a directory is listed completely through any size of buffer", arguments: [40, 64, 100, 1000, 100_000])
    func readdir(_ size: Int) throws {
        let directory = try TestDirectory()
        let names = Set((0..<50).map { "file-\($0)" })
        for name in names { try directory.write("", to: name) }
        let guest = try directory.guest()
        let buffer = guest.allocate(size)
        let result = guest.allocate(4)
        var listed: [String] = []
        var cookie: UInt64 = 0
        var rounds = 0
        while rounds < 1000 {
            rounds += 1
            #expect(
                guest.call("fd_readdir", 3, UInt64(buffer), UInt64(size), cookie, UInt64(result)) == .success)
            let filled = guest.load(UInt32.self, at: result)
            var offset: UInt32 = 0
            while offset + 24 <= filled {
                let length = guest.load(UInt32.self, at: buffer + offset + 16)
                guard offset + 24 + length <= filled else { break }
                listed.append(
                    String(
                        decoding: guest.bytes(at: buffer + offset + 24, count: Int(length)), as: UTF8.self))
                cookie = guest.load(UInt64.self, at: buffer + offset)
                offset += 24 + length
            }
            if filled < size { break }
        }
        #expect(listed.count == 52)
        #expect(Set(listed) == names.union([".", ".."]))
    }

    @Test("listings tell nothing about what lies above, and survive invented cookies")
    func readdirHostile() throws {
        let directory = try TestDirectory()
        let guest = try directory.guest()
        let buffer = guest.allocate(4096)
        let result = guest.allocate(4)
        #expect(guest.call("fd_readdir", 3, UInt64(buffer), 4096, 0, UInt64(result)) == .success)
        let status = guest.allocate(64)
        #expect(guest.call("fd_filestat_get", 3, UInt64(status)) == .success)
        let inode = guest.load(UInt64.self, at: status + 8)
        // Both entries, "." and "..", have the directory's own inode.
        #expect(guest.load(UInt64.self, at: buffer + 8) == inode)
        let first = 24 + guest.load(UInt32.self, at: buffer + 16)
        #expect(guest.load(UInt64.self, at: buffer + first + 8) == inode)
        for cookie in [1 as UInt64, 77, 1 << 31, 1 << 62, UInt64(Int64.max), 1 << 63, .max] {
            let error = guest.call("fd_readdir", 3, UInt64(buffer), 4096, cookie, UInt64(result))
            #expect(error == .success || error == .inval)
        }
        #expect(guest.call("fd_readdir", 0, UInt64(buffer), 4096, 0, UInt64(result)) == .notdir)
        #expect(guest.call("fd_readdir", 3, UInt64(buffer), 0, 0, UInt64(result)) == .success)
    }

    @Test("two guests list one given directory independently")
    func sharedDirectory() throws {
        let directory = try TestDirectory()
        for index in 0..<20 { try directory.write("", to: "f\(index)") }
        var configuration = WASI.Configuration()
        try configuration.preopen(directory.inside.path, as: "/")
        let guests = [TestGuest(configuration), TestGuest(configuration)]
        for guest in guests + guests {
            let result = guest.allocate(4)
            let buffer = guest.allocate(2000)
            #expect(guest.call("fd_readdir", 3, UInt64(buffer), 2000, 0, UInt64(result)) == .success)
            #expect(guest.load(UInt32.self, at: result) > 20 * 24)
        }
        // One closing its own leaves the other's.
        #expect(guests[0].call("fd_close", 3) == .success)
        #expect(guests[1].status("f0").0 == .success)
    }

    @Test("preopened directories tell their names")
    func prestat() throws {
        let directory = try TestDirectory()
        let guest = try directory.guest { try? $0.preopen(directory.outside.path, as: "/data") }
        let result = guest.allocate(16)
        #expect(guest.call("fd_prestat_get", 4, UInt64(result)) == .success)
        #expect(guest.load(UInt32.self, at: result) == 0)
        #expect(guest.load(UInt32.self, at: result + 4) == 5)
        #expect(guest.call("fd_prestat_dir_name", 4, UInt64(result), 4) == .nametoolong)
        #expect(guest.call("fd_prestat_dir_name", 4, UInt64(result), 5) == .success)
        #expect(guest.bytes(at: result, count: 5) == Array("/data".utf8))
        #expect(guest.call("fd_prestat_get", 0, UInt64(result)) == .badf)
        #expect(guest.call("fd_prestat_get", 5, UInt64(result)) == .badf)
    }

    @Test("renumbering moves a descriptor over another, and only over an open one")
    func renumber() throws {
        let directory = try TestDirectory()
        try directory.write("one", to: "1")
        try directory.write("two", to: "2")
        let guest = try directory.guest()
        let (_, one) = guest.open("1")
        let (_, two) = guest.open("2")
        #expect(guest.call("fd_renumber", one, two) == .success)
        #expect(guest.read(two) == (.success, Array("one".utf8)))
        #expect(guest.call("fd_close", one) == .badf)
        for unused in [one, 5000, UInt64(UInt32.max)] {
            #expect(guest.call("fd_renumber", two, unused) == .badf)
            #expect(guest.call("fd_renumber", unused, two) == .badf)
        }
        #expect(guest.call("fd_renumber", two, two) == .success)
        #expect(guest.open("2").descriptor == one)
    }

    @Test("descriptors end at the limit, and are free again when closed")
    func limit() throws {
        let directory = try TestDirectory()
        try directory.write("", to: "file")
        let guest = try directory.guest { $0.maximumDescriptorCount = 10 }
        for expected in 4..<UInt64(10) { #expect(guest.open("file") == (.success, expected)) }
        #expect(guest.open("file").0 == .mfile)
        #expect(guest.open("new", .create).0 == .mfile)
        #expect(guest.status("new").0 == .noent)
        #expect(guest.call("fd_close", 6) == .success)
        #expect(guest.open("file") == (.success, 6))
        #expect(guest.open("file").0 == .mfile)
    }

    @Test("what the guest opened is closed on exec, and with the context")
    func ownership() throws {
        let directory = try TestDirectory()
        mkfifo(directory.path("fifo"), 0o600)
        var guest: TestGuest? = try directory.guest()
        // A FIFO can be opened for writing without waiting exactly as long as somebody has it open for reading.
        let (error, descriptor) = guest!.open("fifo", rights: TestGuest.readWrite)
        #expect(error == .success)
        let host = (try guest!.wasi.descriptors[UInt32(descriptor)].file as? HostFile)?.descriptor ?? -1
        #expect(fcntl(host, F_GETFD) & FD_CLOEXEC != 0)
        func isOpen() -> Bool {
            let writer = Glibc.open(directory.path("fifo"), O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            if writer >= 0 { close(writer) }
            return writer >= 0
        }
        #expect(isOpen())
        guest = nil
        #expect(!isOpen())
    }

    @Test("a directory that cannot be opened is an error that names it")
    func missingDirectory() {
        var configuration = WASI.Configuration()
        #expect(throws: WASI.DirectoryError.self) { try configuration.preopen("/does/not/exist", as: "/") }
        let error = WASI.DirectoryError(path: "/does/not/exist", errorNumber: ENOENT)
        #expect("\(error)" == "cannot open directory '/does/not/exist': No such file or directory")
    }

    @Test("clocks run, and unknown ones are refused")
    func clocks() {
        let guest = TestGuest(WASI.Configuration())
        let result = guest.allocate(8)
        for clock in 0..<UInt64(4) {
            #expect(guest.call("clock_res_get", clock, UInt64(result)) == .success)
            #expect((1...1_000_000_000).contains(guest.load(UInt64.self, at: result)))
            #expect(guest.call("clock_time_get", clock, 0, UInt64(result)) == .success)
        }
        #expect(guest.call("clock_time_get", 0, 0, UInt64(result)) == .success)
        // Later than this test was written, in nanoseconds.
        #expect(guest.load(UInt64.self, at: result) > 1_700_000_000_000_000_000)
        #expect(guest.call("clock_time_get", 4, 0, UInt64(result)) == .inval)
        #expect(guest.call("clock_res_get", UInt64(UInt32.max), UInt64(result)) == .inval)
    }

    @Test("random bytes fill exactly the buffer")
    func random() {
        let guest = TestGuest(WASI.Configuration())
        let buffer = guest.allocate(64)
        guest.store(UInt64(7), at: buffer + 32)
        let before = guest.bytes(at: buffer, count: 32)
        #expect(guest.call("random_get", UInt64(buffer), 32) == .success)
        #expect(guest.bytes(at: buffer, count: 32) != before)
        #expect(guest.load(UInt64.self, at: buffer + 32) == 7)
        #expect(guest.call("random_get", UInt64(buffer), 0) == .success)
    }

    @Test("what is no socket is told so")
    func noSockets() {
        let guest = TestGuest(WASI.Configuration())
        #expect(guest.call("sock_shutdown", 1, 1) == .notsock)
        #expect(guest.call("sock_recv", 0) == .notsock)
        #expect(guest.call("sock_send", 1) == .notsock)
        #expect(guest.call("sock_accept", 0, 0, 4096) == .notsock)
        #expect(guest.call("sock_recv", 99) == .badf)
        #expect(guest.call("sched_yield") == .success)
    }

    @Test("a raised signal does what it does to a program that does not handle it")
    func signals() {
        #expect(WASI.outcome(ofSignal: 0) == .goesOn(.success))
        #expect(WASI.outcome(ofSignal: 16) == .goesOn(.success), "chld is ignored")
        #expect(WASI.outcome(ofSignal: 6) == .ends(WASIExit(code: 134)), "abrt ends")
        #expect(WASI.outcome(ofSignal: 30) == .ends(WASIExit(code: 158)), "sys ends")
        #expect(WASI.outcome(ofSignal: 18) == .goesOn(.notsup), "stop would be for ever")
        for unknown in [31, 255, .max] as [UInt32] { #expect(WASI.outcome(ofSignal: unknown) == .goesOn(.inval)) }
    }
}
