//! Every address and length that a guest hands to WASI, at the edge of the memory, beyond it, wrapping, overlapping: an
//! error number, and nothing done.

import Foundation
import TestSupport
import Testing

@testable import MayflyWASI

@Suite("WASI: addresses and lengths")
struct WASIPointerTests {
    @Test("the table of calls has every function, each argument of its type, and every address with its role")
    func table() {
        // `proc_exit` takes a number only, and does not return: `WASIPointerInstanceTests` calls it.
        #expect(Set(WASICall.all.map(\.name)) == Set(WASIFunction.all.map(\.name)))
        #expect(!WASIFunction.all.contains { $0.name == "proc_exit" })
        for call in WASICall.all {
            let parameters = WASIFunction.all.first { $0.name == call.name }?.parameters ?? []
            #expect(parameters.count == call.arguments.count, "\(call.name)")
            for (parameter, argument) in zip(parameters, call.arguments) {
                if case .value = argument { continue }
                #expect(parameter == .i32, "\(call.name)")
            }
        }
    }

    @Test(
        "at the edge it works, beyond it nothing happens, and no byte elsewhere changes", arguments: WASICall.all,
        TestGuest.Surroundings.allCases)
    func attacks(_ call: WASICall, _ surroundings: TestGuest.Surroundings) throws {
        func makeGuest(_ configuration: WASI.Configuration) -> TestGuest {
            TestGuest(configuration, surroundings: surroundings)
        }
        let control = try WASIControl(call, makeGuest)
        for attack in [.wellFormed] + WASIAttack.all(on: call, memorySize: TestGuest.memorySize) {
            try control.check(call, attack, makeGuest) { guest in
                #expect(guest.redZoneIsIntact, "\(call), \(attack.label)")
            }
        }
    }

    @Test("the checks notice an address that wraps, an effect before a fault, a stray write and a lost result")
    func checksNotice() throws {
        for (fault, name, argument) in [
            (FaultyGuest.Fault.wraps, "clock_time_get", 2), (.actsFirst, "path_create_directory", 1),
            (.actsFirst, "fd_write", 1), (.straysByOne, "fd_tell", 1), (.losesResult, "fd_read", 3),
        ] {
            let call = try #require(WASICall.all.first { $0.name == name })
            let control = try WASIControl(call) { TestGuest($0) }
            let attacks = WASIAttack.all(on: call, memorySize: TestGuest.memorySize)
            let expectation: WASIAttack.Expectation =
                switch fault {
                case .wraps, .actsFirst: .fails(.fault)
                case .straysByOne, .losesResult: .asWellFormed
                }
            let telling = attacks.filter {
                $0.addresses[argument] != nil && $0.counts.isEmpty && $0.expectation == expectation
            }
            for attack in telling.prefix(2) {
                withKnownIssue("\(fault) in \(call), \(attack.label)") {
                    try control.check(call, attack) { FaultyGuest($0, fault) }
                }
            }
        }
    }

    /// A guest whose host is wrong in one way.
    private final class FaultyGuest: WASIGuest {
        enum Fault {
            /// Addresses are taken modulo the size of the memory.
            case wraps
            /// The call is made with good addresses before the bad one is refused.
            case actsFirst
            /// One more byte is changed, after the result.
            case straysByOne
            /// The result is not stored.
            case losesResult
        }

        let guest: TestGuest
        let fault: Fault
        /// The scene opens its descriptors with calls of its own.
        private let ownCalls: Set = ["path_open", "fd_seek", "fd_fdstat_get", "fd_filestat_get"]
        private var isAttacked = false

        init(_ configuration: WASI.Configuration, _ fault: Fault) {
            guest = TestGuest(configuration)
            self.fault = fault
        }

        var wasi: WASI { guest.wasi }
        var memorySize: Int { guest.memorySize }
        func write(_ bytes: [UInt8], at address: Int) { guest.write(bytes, at: address) }
        func read(at address: Int, count: Int) -> [UInt8] { guest.read(at: address, count: count) }

        func call(_ name: String, _ arguments: [UInt64]) -> Errno {
            if isAttacked || ownCalls.contains(name) { return guest.call(name, arguments) }
            isAttacked = true
            switch fault {
            case .wraps:
                // The address is the last argument.
                let size = UInt64(memorySize)
                return guest.call(name, arguments.dropLast() + [min(arguments.last! % size, size - 8)])
            case .actsFirst:
                var good = arguments
                good[1] = 0x100
                if name == "fd_write" {
                    write(littleEndian(UInt32(0x200)) + littleEndian(UInt32(4)), at: 0x100)
                    good[2] = 1
                } else {
                    write(Array("made".utf8), at: 0x100)
                }
                let error = guest.call(name, good)
                return error == .success ? .fault : error
            case .straysByOne:
                let error = guest.call(name, arguments)
                let stray = (Int(arguments[1]) + 8) % memorySize
                write([read(at: stray, count: 1)[0] ^ 0xFF], at: stray)
                return error
            case .losesResult:
                let result = Int(arguments[3])
                let before = read(at: result, count: 4)
                let error = guest.call(name, arguments)
                write(before, at: result)
                return error
            }
        }
    }

    @Test("the attacks reach every address and every length of every call")
    func completeness() {
        for call in WASICall.all {
            let attacks = WASIAttack.all(on: call, memorySize: TestGuest.memorySize)
            for (index, pointer) in call.pointers {
                let onIt = attacks.filter { $0.addresses[index] != nil && $0.counts.isEmpty }
                #expect(onIt.contains { $0.expectation == .asWellFormed }, "\(call)")
                #expect(onIt.contains { $0.expectation == .fails(.fault) }, "\(call)")
                if let count = call.countIndex(of: index) {
                    #expect(attacks.contains { $0.counts[count] == 0 }, "\(call)")
                    #expect(attacks.contains { $0.counts[count] == .max }, "\(call)")
                }
                for vector in pointer.vectorSizes.indices {
                    #expect(attacks.contains { $0.vectors[vector]?.length == .max }, "\(call)")
                }
            }
        }
    }

    @Test("two paths may be the same bytes")
    func samePath() throws {
        let scene = try WASIScene()
        let guest = TestGuest(try scene.configuration(), surroundings: .guardPages)
        // The last bytes of the memory, for both.
        let path = UInt64(guest.memorySize - 4)
        guest.write(Array("file".utf8), at: Int(path))
        let before = WASIMemoryImage(of: guest)
        #expect(guest.call("path_rename", 3, path, 4, 3, path, 4) == .success)
        #expect(guest.call("path_link", 3, 0, path, 4, 3, path, 4) == .exist)
        #expect(guest.call("path_symlink", path, 4, 3, path, 4) == .exist)
        #expect(guest.call("path_unlink_file", 3, path, 4) == .success)
        // A link to itself.
        #expect(guest.call("path_symlink", path, 4, 3, path, 4) == .success)
        #expect(WASIMemoryImage(of: guest).firstDifference(from: before) == nil)
        // Into the path that is read.
        #expect(guest.call("path_readlink", 3, path, 4, path, 4, path - 4) == .success)
        #expect(guest.read(at: Int(path), count: 4) == Array("file".utf8))
        #expect(guest.call("path_readlink", 3, path, 4, path, 4, path) == .success)
        #expect(guest.loadInteger(UInt32.self, at: Int(path)) == 4)
    }

    @Test("a call takes a thousand vectors, none of which is left out, and no more")
    func manyVectors() throws {
        let scene = try WASIScene()
        for (count, bad, expected) in [
            (1024, 1023, Errno.fault), (1024, 0, .fault), (1024, nil, .success), (1025, nil, .inval),
            (2000, 1024, .inval),
        ] as [(Int, Int?, Errno)] {
            for name in ["fd_read", "fd_write"] {
                let guest = TestGuest(try scene.configuration(), surroundings: .guardPages)
                scene.open(for: guest)
                for vector in 0..<count {
                    guest.storeInteger(UInt32(vector == bad ? 0xFFFF_FFFF : 0x100), at: 0x4000 + vector * 8)
                    guest.storeInteger(UInt32(vector == bad ? 1 : 0), at: 0x4004 + vector * 8)
                }
                #expect(guest.call(name, 4, 0x4000, UInt64(count), 0x100) == expected, "\(name) \(count) \(bad ?? -1)")
            }
        }
    }

    @Test("well-formed calls with arguments changed at random", arguments: [1, 2, 3, 4] as [UInt64])
    func fuzz(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let scene = try WASIScene()
        let resolution: PathResolution = seed % 2 == 0 ? .walk : .automatic
        let configuration = try scene.configuration(resolution)
        let size = UInt64(TestGuest.memorySize)
        var guest = TestGuest(configuration)
        scene.open(for: guest)
        for step in 0..<4000 {
            if step % 500 == 499 {
                guest = TestGuest(configuration, surroundings: random.oneIn(2) ? .redZone : .guardPages)
                if access(scene.root + "/file", F_OK) == 0, access(scene.root + "/sub", F_OK) == 0 {
                    scene.open(for: guest)
                }
            }
            let call = random.pick(WASICall.all)
            var attack = WASIAttack.wellFormed
            for (_, pointer) in call.pointers {
                for vector in pointer.vectorSizes.indices where random.oneIn(4) {
                    attack.vectors[vector] = WASIAttack.Vector(
                        base: UInt32(truncatingIfNeeded: random.next() >> UInt64(random.below(64))),
                        length: UInt32(truncatingIfNeeded: random.next() >> UInt64(32 + random.below(32))))
                }
            }
            var arguments = WASILaidOutCall(call, attack, in: guest).arguments
            for index in arguments.indices where random.oneIn(3) {
                arguments[index] =
                    switch random.below(6) {
                    case 0: size - random.next() % 64
                    case 1: random.next() >> UInt64(random.below(64))
                    case 2: random.pick([0, 1, .max, UInt64(UInt32.max), 1 << 31, 1 << 63])
                    case 3: random.next() % size
                    default: random.next() % 12
                    }
            }
            switch call.name {
            case "fd_allocate", "fd_filestat_set_size":
                // Filling the disk is a matter of quotas.
                for index in 1..<arguments.count { arguments[index] &= 0xFFFF }
            case "poll_oneoff": shortenWaits(guest, arguments)
            default: break
            }
            arguments += [UInt64](repeating: 0, count: 10 - arguments.count)
            _ = guest.call(call.name, arguments)
            #expect(guest.redZoneIsIntact, "seed \(seed), step \(step), \(call.name)")
        }
    }

    /// Waiting for a clock for ever is a right of guests, but not of a test. Descriptors are files here, always ready.
    private func shortenWaits(_ guest: TestGuest, _ arguments: [UInt64]) {
        let start = Int(UInt32(truncatingIfNeeded: arguments[0]))
        let count = Int(UInt32(truncatingIfNeeded: arguments[2]))
        guard count <= 4096, start + count * 48 <= guest.memorySize else { return }
        for record in stride(from: start, to: start + count * 48, by: 48) {
            if guest.read(at: record + 8, count: 1) == [0] { guest.storeInteger(UInt64(1000), at: record + 24) }
        }
    }
}
