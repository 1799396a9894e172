//! Escapes that need somebody to rename or replace something at the right moment, for every function that takes a path.

import Foundation
import Testing

@testable import MayflyWASI

private let resolutions: [PathResolution] = [.automatic, .walk]

@Suite("WASI: escapes while something is renamed", .serialized)
struct WASIEscapeRaceTests {
    let directory: TestDirectory
    private var outside: String { directory.outside.path }

    init() throws {
        directory = try TestDirectory.withThingsOutside()
    }

    /// Something that a guest does to an entry, and what the host does to make it possible again.
    struct Act: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// The entry is in this directory of the guest's. Says whether it was done; records an issue if it shows an
        /// escape.
        let attempt: @Sendable (TestGuest, String) -> Bool
        /// With the directory where it was done, if all is well, and the one inside.
        let restore: @Sendable (Int32, Int32) -> Void

        init(
            _ description: String, restore: @escaping @Sendable (Int32, Int32) -> Void = { _, _ in },
            attempt: @escaping @Sendable (TestGuest, String) -> Bool
        ) {
            testDescription = description
            self.attempt = attempt
            self.restore = restore
        }

        static let all: [Act] = [
            Act("reading a file") { guest, parent in
                let (error, text) = guest.contents("\(parent)/secret")
                #expect(text != TestDirectory.secret)
                return error == .success
            },
            Act("truncating a file") { guest, parent in
                let (error, file) = guest.open("\(parent)/secret", .truncate, rights: TestGuest.readWrite)
                if error == .success { _ = guest.call("fd_close", file) }
                return error == .success
            },
            Act("writing to a file") { guest, parent in
                let (error, file) = guest.open("\(parent)/secret", rights: TestGuest.readWrite)
                guard error == .success else { return false }
                #expect(guest.write(file, "innocent").0 == .success)
                return guest.call("fd_close", file) == .success
            },
            Act("creating a file", restore: { there, _ in unlinkat(there, "new", 0) }) { guest, parent in
                let (error, file) = guest.open("\(parent)/new", [.create, .exclusive], rights: TestGuest.readWrite)
                if error == .success { _ = guest.call("fd_close", file) }
                return error == .success
            },
            Act("asking for the status of a file") { guest, parent in
                let path = guest.place("\(parent)/pointer")
                let result = guest.allocate(64)
                let error = guest.call("path_filestat_get", 3, 0, path.address, path.count, UInt64(result))
                // The size of a link is its target's length.
                #expect(error != .success || guest.load(UInt64.self, at: result + 32) != "secret".utf8.count)
                return error == .success
            },
            Act("setting the times of a file") { guest, parent in
                guest.use(.setTimes, Array("\(parent)/secret".utf8)) == .success
            },
            Act("reading a link") { guest, parent in
                let (error, target) = guest.readlink("\(parent)/pointer")
                #expect(target != "secret")
                return error == .success
            },
            Act("creating a directory", restore: { there, _ in unlinkat(there, "new", AT_REMOVEDIR) }) {
                guest, parent in guest.onPath("path_create_directory", "\(parent)/new") == .success
            },
            Act("removing a directory", restore: { there, _ in mkdirat(there, "empty", 0o700) }) { guest, parent in
                guest.onPath("path_remove_directory", "\(parent)/empty") == .success
            },
            Act("removing a file", restore: { there, inside in linkat(inside, "spareSecret", there, "secret", 0) }) {
                guest, parent in guest.onPath("path_unlink_file", "\(parent)/secret") == .success
            },
            Act("renaming a file away", restore: { there, inside in renameat(inside, "mine", there, "secret") }) {
                guest, parent in guest.onPaths("path_rename", "\(parent)/secret", "mine") == .success
            },
            Act("renaming a file to there", restore: { there, inside in renameat(there, "new", inside, "file") }) {
                guest, parent in guest.onPaths("path_rename", "file", "\(parent)/new") == .success
            },
            Act("linking a file to here", restore: { _, inside in unlinkat(inside, "mine", 0) }) {
                guest, parent in guest.onPaths("path_link", "\(parent)/secret", "mine") == .success
            },
            Act("linking a file to there", restore: { there, _ in unlinkat(there, "new", 0) }) { guest, parent in
                guest.onPaths("path_link", "file", "\(parent)/new") == .success
            },
            Act("making a link", restore: { there, _ in unlinkat(there, "new", 0) }) { guest, parent in
                guest.symlink("file", at: "\(parent)/new") == .success
            },
        ]
    }

    /// Entries with the names of those outside, but innocent.
    private func fill(_ relative: String) throws {
        try directory.write("innocent", to: "\(relative)/secret")
        try directory.write("innocent", to: "\(relative)/folder/kept")
        try FileManager.default.createDirectory(
            atPath: directory.path("\(relative)/empty"), withIntermediateDirectories: true)
        try directory.link("\(relative)/pointer", to: "innocent")
        try directory.write("innocent", to: "spareSecret")
    }

    /// Repeats an attempt while another thread changes something, until it succeeded often enough for the two to have
    /// met, or for a while. Goes on as long as it has never succeeded, on a machine that is busy with other things.
    private func race(_ change: @escaping @Sendable () -> Void, attempt: () -> Bool) {
        let stop = Flag()
        let thread = Thread { while !stop.isSet { change() } }
        thread.start()
        var successes = 0
        let start = Date()
        repeat {
            for _ in 0..<20 where attempt() { successes += 1 }
        } while successes < 400 && -start.timeIntervalSinceNow < (successes > 0 ? 0.2 : 10)
        stop.set()
        while !thread.isFinished { usleep(100) }
        #expect(successes > 0)
    }

    @Test("replacing a directory on the way by a link that leads out", arguments: Act.all, resolutions)
    func replacedDirectory(_ act: Act, _ resolution: PathResolution) throws {
        try fill("spare")
        try directory.link("evil", to: "..")
        let spare = directory.path("spare")
        let evil = directory.path("evil")
        let victim = directory.path("victim")
        let there = Glibc.open(spare, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        let inside = Glibc.open(directory.inside.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer {
            close(there)
            close(inside)
        }
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory)
        race {
            rename(spare, victim)
            rename(victim, spare)
            rename(evil, victim)
            rename(victim, evil)
        } attempt: {
            guard act.attempt(guest, "victim") else { return false }
            act.restore(there, inside)
            return true
        }
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }

    @Test("moving a directory out whose parent is on the way", arguments: Act.all, resolutions)
    func movedDirectory(_ act: Act, _ resolution: PathResolution) throws {
        try fill("a")
        let here = directory.path("a/b")
        let elsewhere = outside + "/b"
        let there = Glibc.open(directory.path("a"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        let inside = Glibc.open(directory.inside.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer {
            close(there)
            close(inside)
        }
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory, without: ["b"], movesEntries: true)
        race {
            rename(here, elsewhere)
            rename(elsewhere, here)
        } attempt: {
            guard act.attempt(guest, "a/b/c/../..") else { return false }
            act.restore(there, inside)
            return true
        }
        let after = OutsideFingerprint(directory, without: ["b"], movesEntries: true)
        #expect(after.differences(from: before) == [])
    }

    /// What a guest does to the last component of a path, following links in it or not.
    struct LastAct: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let attempt: @Sendable (TestGuest, String) -> Bool

        init(_ description: String, _ attempt: @escaping @Sendable (TestGuest, String) -> Bool) {
            testDescription = description
            self.attempt = attempt
        }

        /// Opens with the flags, tries to read and to write, and closes.
        private static func opening(_ description: String, follow: Bool, _ flags: OpenFlags) -> LastAct {
            LastAct(description) { guest, path in
                let (error, file) = guest.open(path, follow: follow, flags, rights: TestGuest.readWrite)
                guard error == .success else { return false }
                #expect(guest.read(file).1 != Array(TestDirectory.secret.utf8))
                #expect(guest.write(file, "x").0 == .success)
                return guest.call("fd_close", file) == .success
            }
        }

        static let all: [LastAct] = [
            opening("opening", follow: true, []), opening("opening without following", follow: false, []),
            opening("truncating", follow: true, .truncate),
            opening("truncating without following", follow: false, .truncate),
            opening("creating", follow: true, .create), opening("creating without following", follow: false, .create),
            opening("creating or truncating", follow: true, [.create, .truncate]),
            LastAct("setting times") { guest, path in guest.use(.setTimes, Array(path.utf8)) == .success },
            LastAct("setting times without following") { guest, path in
                guest.use(.setTimesOfLink, Array(path.utf8)) == .success
            },
            LastAct("asking for the status") { guest, path in
                let place = guest.place(path)
                let result = guest.allocate(64)
                let error = guest.call("path_filestat_get", 3, 1, place.address, place.count, UInt64(result))
                #expect(
                    error != .success || guest.load(UInt64.self, at: result + 32) != TestDirectory.secret.utf8.count)
                return error == .success
            },
            LastAct("linking") { guest, path in
                guard guest.onPaths("path_link", path, "mine") == .success else { return false }
                let (_, text) = guest.contents("mine")
                #expect(text != TestDirectory.secret)
                return guest.onPath("path_unlink_file", "mine") == .success
            },
        ]
    }

    @Test(
        "swapping a file and a link that leads out in the last place", arguments: LastAct.all, resolutions)
    func swappedFile(_ act: LastAct, _ resolution: PathResolution) throws {
        try directory.write("innocent", to: "spare")
        try directory.link("evil", to: "../secret")
        try directory.link("dangling", to: "../new")
        let names = ["spare", "evil", "dangling"].map(directory.path)
        let victim = directory.path("victim")
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory)
        race {
            for name in names {
                rename(name, victim)
                rename(victim, name)
            }
        } attempt: {
            act.attempt(guest, "victim")
        }
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }

    @Test("a second guest that swaps directories and links is as harmless as the host", arguments: resolutions)
    func twoGuests(_ resolution: PathResolution) throws {
        try fill("spare")
        // Made on the thread that uses it.
        let configuration = try directory.configuration(resolution)
        let guest = TestGuest(configuration)
        let before = OutsideFingerprint(directory)
        #expect(guest.symlink("..", at: "evil") == .success)
        let stop = Flag()
        let thread = Thread {
            let accomplice = TestGuest(configuration)
            while !stop.isSet {
                for (old, new) in [("spare", "victim"), ("victim", "spare"), ("evil", "victim"), ("victim", "evil")] {
                    _ = accomplice.onPaths("path_rename", old, new)
                }
            }
        }
        thread.start()
        var successes = 0
        let start = Date()
        repeat {
            let (error, text) = guest.contents("victim/secret")
            #expect(text != TestDirectory.secret)
            if error == .success { successes += 1 }
            if guest.onPath("path_create_directory", "victim/new") == .success {
                rmdir(directory.path("spare/new"))
                rmdir(directory.path("victim/new"))
            }
        } while successes < 1000 && -start.timeIntervalSinceNow < (successes > 0 ? 0.5 : 10)
        stop.set()
        while !thread.isFinished { usleep(100) }
        #expect(successes > 0)
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }

    @Test("what the races would do if paths were resolved naively is noticed")
    func naive() throws {
        // The same dance, with the host's own open(2) in the place of the guest.
        try fill("spare")
        try directory.link("evil", to: "..")
        let spare = directory.path("spare")
        let evil = directory.path("evil")
        let victim = directory.path("victim")
        let before = OutsideFingerprint(directory)
        var escaped = false
        race {
            rename(spare, victim)
            rename(victim, spare)
            rename(evil, victim)
            rename(victim, evil)
        } attempt: {
            if mkdir(victim + "/new", 0o700) == 0 { rmdir(spare + "/new") }
            escaped = escaped || access(outside + "/new", F_OK) == 0
            return escaped
        }
        #expect(escaped)
        #expect(OutsideFingerprint(directory).differences(from: before) != [])
    }
}

private final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false
    var isSet: Bool { lock.withLock { value } }
    func set() { lock.withLock { value = true } }
}
