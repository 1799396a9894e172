//! Guests whose arguments are made to break the host: addresses beyond memory, counts that overflow, random everything.

import Foundation
import TestSupport
import Testing

@testable import MayflyWASI

@Suite("WASI: hostile arguments")
struct WASIHostileTests {
    private let end = UInt64(TestGuest.memorySize)

    @Test("addresses and counts beyond the memory are faults")
    func faults() throws {
        let directory = try TestDirectory()
        try directory.write("text", to: "file")
        let guest = try directory.guest()
        let max = UInt64(UInt32.max)
        let (_, file) = guest.open("file", rights: TestGuest.readWrite)
        for (address, count) in [(end, 1), (end - 7, 1), (0, max), (max, max), (max - 7, 1), (4096, end / 8)]
            as [(UInt64, UInt64)]
        {
            #expect(guest.call("fd_read", file, address, count, 0) == .fault)
            #expect(guest.call("fd_write", file, address, count, 0) == .fault)
            #expect(guest.call("fd_pread", file, address, count, 0, 0) == .fault)
            #expect(guest.call("fd_write", 1, address, count, 0) == .fault)
        }
        // The array lies inside, what it describes does not.
        let vector = guest.allocate(16)
        for (address, count) in [(end, 1), (end - 1, 2), (max, max), (0, max), (1, max), (max, 1)] as [(UInt64, UInt64)]
        {
            guest.store(UInt32(address), at: vector)
            guest.store(UInt32(count), at: vector + 4)
            for function in ["fd_read", "fd_write"] {
                for vectors in [1, 2] as [UInt64] {
                    #expect(guest.call(function, file, UInt64(vector), vectors, 0) == .fault)
                }
            }
        }
        for (address, count) in [(end, 1), (end - 1, 2), (max, max), (0, max)] as [(UInt64, UInt64)] {
            #expect(guest.call("random_get", address, count) == .fault)
            #expect(guest.call("path_unlink_file", 3, address, count) == .fault)
            #expect(guest.call("fd_readdir", 3, address, count, 0, 0) == .fault)
            #expect(guest.call("path_readlink", 3, guest.place("file").address, 4, address, count, 0) == .fault)
            // The name has one byte, whatever the buffer's size.
            #expect(guest.call("fd_prestat_dir_name", 3, address, count) == (address < end ? .success : .fault))
        }
        for address in [end, end - 3, max] {
            #expect(guest.call("args_sizes_get", address, 0) == .fault)
            #expect(guest.call("clock_time_get", 0, 0, address) == .fault)
            #expect(guest.call("fd_fdstat_get", 0, address) == .fault)
            #expect(guest.call("fd_filestat_get", file, address) == .fault)
            #expect(guest.call("fd_tell", file, address) == .fault)
        }
        #expect(guest.redZoneIsIntact)
    }

    @Test("nothing is done whose result has no place")
    func resultsFirst() throws {
        let directory = try TestDirectory()
        let guest = try directory.guest { $0.standardOutput = .capture }
        let path = guest.place("new")
        let create = UInt64(OpenFlags.create.rawValue)
        #expect(guest.call("path_open", 3, 0, path.address, path.count, create, 0, 0, 0, end - 3) == .fault)
        #expect(guest.status("new").0 == .noent)
        let text = guest.place("text")
        let vector = guest.allocate(8)
        guest.store(UInt32(text.address), at: vector)
        guest.store(UInt32(text.count), at: vector + 4)
        #expect(guest.call("fd_write", 1, UInt64(vector), 1, end - 3) == .fault)
        #expect(guest.wasi.takeStandardOutput() == [])
    }

    @Test("the whole of the memory may be used, and its end")
    func edges() {
        let guest = TestGuest(WASI.Configuration())
        #expect(guest.call("random_get", end - 1, 1) == .success)
        #expect(guest.call("random_get", end, 0) == .success)
        #expect(guest.call("clock_time_get", 0, 0, end - 8) == .success)
        #expect(guest.call("clock_time_get", 0, 0, end - 7) == .fault)
        #expect(guest.redZoneIsIntact)
    }

    @Test("a guest without memory gets faults")
    func noMemory() {
        let wasi = WASI()
        let memory = GuestMemory(UnsafeMutableRawBufferPointer(start: nil, count: 0))
        for function in WASIFunction.all where function.name != "sched_yield" {
            let cells = [UInt64](repeating: 1, count: 10)
            #expect(function.call(wasi, memory, cells) != .success || !function.name.contains("get"))
        }
    }

    @Test("random calls neither crash, nor write outside, nor leave the directory", arguments: [1, 2, 3] as [UInt64])
    func fuzz(_ seed: UInt64) throws {
        let directory = try TestDirectory()
        try directory.write("text", to: "file")
        try directory.write("text", to: "sub/file")
        try directory.link("out", to: "../secret")
        try directory.link("parent", to: "..")
        let guest = try directory.guest(seed == 2 ? .walk : .automatic) {
            $0.standardInput = .bytes(Array(repeating: 65, count: 1000))
            $0.standardOutput = .capture
            $0.maximumDescriptorCount = 32
            $0.arguments = ["a", "b"]
        }
        var random = SeededGenerator(seed: seed)
        let paths = [
            "file", "sub", "sub/", "sub/../file", "out", "parent", "parent/secret", "parent/", "..", ".", "new",
            "new/x", "/",
            "sub/../../secret", "x\0y", "",
        ].map { guest.place($0) }
        // Waiting for a clock for ever is a right of guests, but not of this test.
        let functions = WASIFunction.all.filter { $0.name != "poll_oneoff" }
        for _ in 0..<20_000 {
            guard let function = functions.randomElement(using: &random) else { continue }
            var arguments: [UInt64] = []
            while arguments.count < 10 {
                switch random.next() % 8 {
                case 0:
                    if let path = paths.randomElement(using: &random) { arguments += [path.address, path.count] }
                case 1: arguments.append(end - random.next() % 64)
                case 2: arguments.append(random.next() >> (random.next() % 64))
                case 3: arguments.append([0, 1, .max, UInt64(UInt32.max), 1 << 31, 1 << 63][Int(random.next() % 6)])
                case 4: arguments.append(4096 + random.next() % 60_000)
                default: arguments.append(random.next() % 12)
                }
            }
            if function.name == "fd_allocate" || function.name == "fd_filestat_set_size" {
                // Filling the disk is a matter of quotas.
                arguments[1] &= 0xFFFF
                arguments[2] &= 0xFFFF
            }
            _ = function.call(guest.wasi, guest.memory, arguments)
            // The directory stays in reach.
            if (try? guest.wasi.descriptors[3]) == nil { break }
        }
        #expect(guest.redZoneIsIntact, "seed \(seed)")
        let outside = try FileManager.default.contentsOfDirectory(atPath: directory.outside.path).sorted()
        #expect(outside == ["inside", "secret"], "seed \(seed)")
        let secret = try String(contentsOf: directory.outside.appendingPathComponent("secret"), encoding: .utf8)
        #expect(secret == TestDirectory.secret, "seed \(seed)")
    }
}
