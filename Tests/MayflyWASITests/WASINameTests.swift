//! File names of every kind: not Unicode, as long as possible and longer. No crash, and no function that sees another
//! file than the next one does.

import Foundation
import Testing

@testable import MayflyWASI

private let resolutions: [PathResolution] = [.automatic, .walk]

@Suite("WASI: file names")
struct WASINameTests {
    let directory: TestDirectory

    init() throws { directory = try TestDirectory.withThingsOutside() }

    private static let notUnicode: [[UInt8]] = [
        // Continuation bytes alone, beginnings alone, truncated and interrupted sequences.
        [0x80], [0xBF, 0xBF], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xC3, 0x28], [0xE2, 0x28, 0xA1], [0xF0, 0x28],
        // Overlong forms of `/`, `.` and NUL, surrogates, beyond the last code point, bytes of no sequence at all.
        [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xF0, 0x80, 0x80, 0xAF], [0xC0, 0xAE, 0xC0, 0xAE], [0xC0, 0x80],
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE],
        [0xFF], [0xFF, 0xFF, 0xFF, 0xFF],
        // In the midst of what is well-formed.
        Array("before".utf8) + [0xFF] + Array("after".utf8), [0x2E, 0xFF], [0xFF, 0x2E, 0x2E],
        // Odd but Unicode: controls, a byte order mark, a combining character, direction marks.
        [0x01], [0x7F], [0x0A], [0x20], [0xEF, 0xBB, 0xBF], [0xCC, 0x81], [0xE2, 0x80, 0xAE], [0x5C, 0x2E, 0x2E],
        [UInt8](repeating: 0xFF, count: 255),
    ]

    @Test("any bytes are a name, the same for every function", arguments: notUnicode, resolutions)
    func bytes(_ name: [UInt8], _ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory)
        func open(_ path: [UInt8], _ flags: OpenFlags) -> Errno {
            let place = guest.place(path)
            let result = UInt64(guest.allocate(4))
            return guest.call(
                "path_open", 3, 0, place.address, place.count, UInt64(flags.rawValue), TestGuest.readWrite, 0, 0, result
            )
        }
        func isListed(_ directory: UInt64 = 3) -> Bool { guest.list(directory).contains { $0.bytes == name } }

        for use in TestGuest.PathUse.allCases
        where ![.createDirectory, .renameTo, .linkTo, .linkFromFollowing, .symlinkAt].contains(use) {
            #expect(guest.use(use, name) == .noent, "\(use)")
        }
        #expect(open(name, []) == .noent)

        #expect(open(name, [.create, .exclusive]) == .success)
        #expect(isListed())
        #expect(open(name, [.create, .exclusive]) == .exist)
        #expect(guest.use(.status, name) == .success)
        #expect(guest.use(.setTimes, name) == .success)
        #expect(guest.use(.readlink, name) == .inval)
        #expect(guest.use(.directoryStatus, name) == .notdir || name.count == 255)
        #expect(guest.use(.linkFrom, name) == .success)
        #expect(guest.onPath("path_unlink_file", "mine") == .success)
        #expect(guest.use(.renameFrom, name) == .success)
        #expect(!isListed())
        #expect(guest.onPath("path_unlink_file", "mine") == .success)

        #expect(guest.use(.linkTo, name) == .success)
        #expect(isListed())
        #expect(guest.use(.unlink, name) == .success)
        #expect(guest.use(.symlinkAt, name) == .success)
        #expect(isListed())
        #expect(guest.use(.readlink, name) == .success)
        #expect(guest.use(.unlink, name) == .success)
        #expect(guest.use(.createDirectory, name) == .success)
        #expect(isListed())
        #expect(open(name + Array("/file".utf8), [.create, .exclusive]) == .success)
        #expect(open(name + Array("/../file".utf8), []) == .success)
        #expect(open(name + Array("/../../secret".utf8), []) == .notcapable)
        #expect(guest.use(.removeDirectory, name) == .notempty)
        #expect(guest.use(.unlink, name + Array("/file".utf8)) == .success)
        #expect(guest.use(.removeDirectory, name) == .success)
        #expect(!isListed())

        // As the target of a link.
        let target = guest.place(name)
        let link = guest.place("link")
        #expect(guest.call("path_symlink", target.address, target.count, 3, link.address, link.count) == .success)
        let buffer = guest.allocate(256)
        let count = guest.allocate(4)
        #expect(
            guest.call("path_readlink", 3, link.address, link.count, UInt64(buffer), 256, UInt64(count)) == .success)
        #expect(guest.bytes(at: buffer, count: Int(guest.load(UInt32.self, at: count))) == name)
        #expect(open(Array("link/".utf8), []) == .noent)
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }

    @Test("255 bytes are a name, 256 are not, for every function", arguments: resolutions)
    func longNames(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        for prefix in ["", "a/b/", "./", "a/../"] {
            let long = Array((prefix + String(repeating: "n", count: 256)).utf8)
            for use in TestGuest.PathUse.allCases where use != .linkFromFollowing {
                #expect(guest.use(use, long) == .nametoolong, "\(use)")
                #expect(guest.use(use, long + Array("/x".utf8)) == .nametoolong, "\(use)")
            }
            for opening in guest.openInAllWays(long) {
                #expect([.nametoolong, .inval].contains(opening.error), "\(opening)")
            }
            let name = Array(long.dropLast())
            #expect(guest.use(.createDirectory, name) == .success)
            #expect(guest.use(.status, name) == .success)
            #expect(guest.use(.removeDirectory, name) == .success)
        }
        // A link to what is too long is one thing, following it another.
        #expect(guest.symlink(String(repeating: "n", count: 256), at: "link") == .success)
        #expect(guest.contents("link").0 == .nametoolong)
    }

    @Test("4095 bytes are a path, 4096 are not, for every function", arguments: resolutions)
    func longPaths(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory)
        func path(_ count: Int, _ unit: String, _ end: String) -> [UInt8] {
            let filler = String(repeating: unit, count: (count - end.utf8.count) / unit.utf8.count)
            let rest = count - filler.utf8.count - end.utf8.count
            return Array((filler + String(repeating: "/", count: rest) + end).utf8)
        }
        for unit in ["./", "a/../", "a//.././"] {
            let good = path(4095, unit, "file")
            #expect(good.count == 4095)
            #expect(guest.use(.status, good) == .success)
            #expect(guest.use(.setTimes, good) == .success)
            #expect(guest.use(.readlink, good) == .inval)
            #expect(guest.use(.createDirectory, path(4095, unit, "new")) == .success)
            #expect(guest.use(.removeDirectory, path(4095, unit, "new")) == .success)
            #expect(guest.use(.linkFrom, good) == .success)
            #expect(guest.use(.unlink, path(4095, unit, "mine")) == .success)
            // As long, and leading out at its very end.
            for use in TestGuest.PathUse.allCases where use != .linkFromFollowing {
                #expect(guest.use(use, path(4090, unit, "../secret")) == .notcapable, "\(use)")
                for count in [4096, 4097, 5000, 65_536] {
                    #expect(guest.use(use, path(count, unit, "file")) == .nametoolong, "\(use) of \(count)")
                }
            }
            for opening in guest.openInAllWays(path(4090, unit, "../secret")) {
                #expect([.notcapable, .inval].contains(opening.error), "\(opening)")
            }
            for opening in guest.openInAllWays(path(4096, unit, "file")) {
                #expect([.nametoolong, .inval].contains(opening.error), "\(opening)")
            }
        }
        // Each link may be as long again.
        let target = String(decoding: path(4095, "./", "../secret"), as: UTF8.self)
        #expect(guest.symlink(target, at: "link") == .success)
        #expect(guest.contents("link").0 == .notcapable)
        #expect(guest.symlink(target + "x", at: "longer") == .nametoolong)
        #expect(guest.symlink(String(decoding: path(4095, "dot/", "file"), as: UTF8.self), at: "many") == .success)
        #expect(guest.symlink(".", at: "dot") == .success)
        #expect(guest.contents("many").0 == .loop)
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }

    @Test("a NUL anywhere is no part of a path, for every function", arguments: resolutions)
    func nul(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory)
        for path in ["\0", "file\0", "\0file", "fi\0le", "a/\0/file", "a\0/../../secret", "../secret\0", "file\0\0"] {
            for use in TestGuest.PathUse.allCases where use != .linkFromFollowing {
                #expect(guest.use(use, Array(path.utf8)) == .inval, "\(use) of \(path.debugDescription)")
            }
            for opening in guest.openInAllWays(Array(path.utf8)) {
                #expect(opening.error == .inval, "\(path.debugDescription), \(opening)")
            }
            #expect(guest.symlink(path, at: "link") == .inval)
        }
        #expect(guest.contents("file") == (.success, "hello"))
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }
}
