//! No path leads a guest out of the directories it was given, whichever way paths are resolved.

import Foundation
import Testing

@testable import MayflyWASI

private let resolutions: [PathResolution] = [.automatic, .walk]

@Suite("WASI: the file system sandbox")
struct WASISandboxTests {
    let directory: TestDirectory

    init() throws {
        directory = try TestDirectory()
        try directory.write("hello", to: "file")
        try directory.write("nested", to: "a/b/c/file")
    }

    /// Every way a path can be used fails with one of these, and nothing outside is told apart from nothing at all.
    private func expectNoEscape(_ guest: TestGuest, _ path: String, sourceLocation: SourceLocation = #_sourceLocation) {
        for follow in [true, false] {
            let (error, text) = guest.contents(path, follow: follow)
            #expect(error != .success, "open \(path)", sourceLocation: sourceLocation)
            #expect(text != TestDirectory.secret, sourceLocation: sourceLocation)
            let created = guest.open(path, follow: follow, .create, rights: TestGuest.readWrite)
            #expect(created.0 != .success, "create \(path)", sourceLocation: sourceLocation)
        }
        #expect(guest.status(path).0 != .success, "status of \(path)", sourceLocation: sourceLocation)
    }

    @Test("a path inside opens, with dots, slashes and links on the way", arguments: resolutions)
    func inside(_ resolution: PathResolution) throws {
        try directory.link("relative", to: "a/b")
        try directory.link("a/up", to: "../file")
        try directory.link("again", to: "relative/c/../../up")
        let guest = try directory.guest(resolution)
        for path in [
            "file", "./file", "a/../file", "a/b/../../file", "a//b/.//../../file", "a/up", "relative/../up", "again",
            "relative/../../file",
        ] {
            #expect(guest.contents(path) == (.success, "hello"), "\(path)")
        }
        #expect(guest.contents("relative/c/file") == (.success, "nested"))
        #expect(guest.contents("relative/c/file", follow: false) == (.success, "nested"))
        #expect(guest.contents("again", follow: false).0 == .loop)
        #expect(guest.status("again") == (.success, .regularFile))
        #expect(guest.status("again", follow: false) == (.success, .symbolicLink))
        #expect(guest.status("relative/", follow: false) == (.success, .directory))
        #expect(guest.status("a/b/..") == (.success, .directory))
        #expect(guest.status(".") == (.success, .directory))
        #expect(guest.contents("file/").0 == .notdir)
        #expect(guest.contents("a/up/").0 == .notdir)
        #expect(guest.contents("nothing").0 == .noent)
        #expect(guest.contents("").0 == .noent)
        #expect(guest.contents("file/x").0 == .notdir)
        // Nothing can be made under a name that only a directory could have.
        for path in ["new/", "a/", "a/new/", "file/"] {
            #expect(guest.open(path, .create).0 == .isdir, "\(path)")
            #expect(guest.open(path, [.create, .exclusive]).0 == .isdir, "\(path)")
        }
        #expect(guest.open("nothing/new/", .create).0 == .noent)
    }

    @Test("absolute paths are refused", arguments: resolutions)
    func absolute(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        let secret = directory.outside.appendingPathComponent("secret").path
        for path in ["/", "/file", "//file", "/etc/passwd", secret] {
            expectNoEscape(guest, path)
            #expect(guest.contents(path).0 == .notcapable, "\(path)")
        }
        #expect(guest.onPath("path_create_directory", directory.outside.path + "/new") == .notcapable)
        #expect(guest.onPaths("path_rename", "file", directory.outside.path + "/file") == .notcapable)
        #expect(guest.onPaths("path_rename", secret, "secret") == .notcapable)
    }

    @Test("parent directories end at the directory given", arguments: resolutions)
    func dotDot(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        for path in [
            "..", "../", "../secret", "../inside/file", "a/../../secret", "a/b/c/../../../../secret", "./.././secret",
        ] {
            expectNoEscape(guest, path)
            #expect(guest.contents(path).0 == .notcapable, "\(path)")
        }
        #expect(guest.onPath("path_unlink_file", "../secret") == .notcapable)
        #expect(guest.onPath("path_remove_directory", "../inside") == .notcapable)
        #expect(guest.onPath("path_create_directory", "a/../../new") == .notcapable)
        #expect(guest.onPaths("path_rename", "file", "../file") == .notcapable)
        #expect(guest.onPaths("path_link", "../secret", "mine") == .notcapable)
        #expect(guest.symlink("file", at: "../link") == .notcapable)
        #expect(guest.readlink("../secret").0 == .notcapable)
        // A last component of dots names no entry that could be made or removed.
        for name in ["..", ".", "a/..", "../..", "a/b/."] {
            #expect(guest.onPath("path_unlink_file", name) != .success, "\(name)")
            #expect(guest.onPath("path_remove_directory", name) != .success, "\(name)")
            #expect(guest.onPath("path_create_directory", name) != .success, "\(name)")
            #expect(guest.onPaths("path_rename", name, "x") != .success, "\(name)")
            #expect(guest.onPaths("path_rename", "a", name) != .success, "\(name)")
            #expect(guest.onPaths("path_link", name, "x") != .success, "\(name)")
            #expect(guest.readlink(name).0 != .success, "\(name)")
        }
    }

    @Test("a directory that was opened is a limit of its own", arguments: resolutions)
    func openedDirectory(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        let (error, opened) = guest.open("a", .directory)
        #expect(error == .success)
        #expect(guest.contents("b/c/file", in: opened) == (.success, "nested"))
        #expect(guest.contents("../file", in: opened).0 == .notcapable)
    }

    @Test("symbolic links that lead out are not followed", arguments: resolutions)
    func links(_ resolution: PathResolution) throws {
        let secret = directory.outside.appendingPathComponent("secret").path
        try directory.link("out", to: "../secret")
        try directory.link("a/out", to: "../../secret")
        try directory.link("absolute", to: secret)
        try directory.link("absoluteInside", to: directory.path("file"))
        try directory.link("parent", to: "..")
        try directory.link("chain", to: "a/out")
        try directory.link("new", to: "../created")
        try directory.link("root", to: "/")
        let guest = try directory.guest(resolution)
        for path in [
            "out", "a/out", "absolute", "absoluteInside", "parent/secret", "a/../parent/secret", "chain", "new",
            "root/etc/passwd", "a/b/../out", "parent/inside/file",
        ] {
            expectNoEscape(guest, path)
            #expect(guest.contents(path).0 == .notcapable, "\(path)")
        }
        #expect(guest.contents("out", follow: false).0 == .loop)
        #expect(!FileManager.default.fileExists(atPath: directory.outside.appendingPathComponent("created").path))
        // A slash after a link makes the kernel follow it, in calls that are told not to.
        for name in ["parent/", "root/", "parent//"] {
            #expect(guest.status(name, follow: false).0 == .notcapable, "\(name)")
            #expect(guest.readlink(name).0 != .success, "\(name)")
            #expect(guest.onPaths("path_link", name, "x") != .success, "\(name)")
            #expect(guest.onPath("path_remove_directory", name) != .success, "\(name)")
            #expect(guest.onPath("path_unlink_file", name) != .success, "\(name)")
        }
        #expect(guest.onPath("path_create_directory", "parent/made") == .notcapable)
        #expect(guest.onPath("path_unlink_file", "parent/secret") == .notcapable)
        #expect(guest.onPaths("path_rename", "file", "parent/file") == .notcapable)
        #expect(guest.onPaths("path_link", "parent/secret", "mine") == .notcapable)
        // The link itself may be looked at and removed.
        #expect(guest.readlink("out") == (.success, "../secret"))
        #expect(guest.onPath("path_unlink_file", "out") == .success)
        #expect(FileManager.default.fileExists(atPath: secret))
    }

    @Test("setting times does not reach through links that lead out", arguments: resolutions)
    func times(_ resolution: PathResolution) throws {
        try directory.link("out", to: "../secret")
        let guest = try directory.guest(resolution)
        let path = guest.place("out")
        let before =
            try FileManager.default.attributesOfItem(
                atPath: directory.outside.appendingPathComponent("secret").path)[.modificationDate] as? Date
        #expect(guest.call("path_filestat_set_times", 3, 1, path.address, path.count, 0, 1, 4) == .notcapable)
        #expect(guest.call("path_filestat_set_times", 3, 0, path.address, path.count, 0, 1, 4) == .success)
        let after =
            try FileManager.default.attributesOfItem(
                atPath: directory.outside.appendingPathComponent("secret").path)[.modificationDate] as? Date
        #expect(before == after)
    }

    @Test("a guest cannot make links that lead the host out", arguments: resolutions)
    func madeLinks(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        #expect(guest.symlink("/etc/passwd", at: "x") == .notcapable)
        #expect(guest.symlink("../secret", at: "y") == .success)
        #expect(guest.contents("y").0 == .notcapable)
        // A hard link to a symbolic link is another symbolic link.
        #expect(guest.onPaths("path_link", "y", "z") == .success)
        #expect(guest.status("z", follow: false) == (.success, .symbolicLink))
        #expect(guest.contents("z").0 == .notcapable)
    }

    @Test("loops and long chains of links end", arguments: resolutions)
    func loops(_ resolution: PathResolution) throws {
        try directory.link("loop", to: "loop")
        try directory.link("ping", to: "pong")
        try directory.link("pong", to: "ping/x")
        try directory.link("link0", to: "file")
        for index in 1...60 { try directory.link("link\(index)", to: "link\(index - 1)") }
        let guest = try directory.guest(resolution)
        for path in ["loop", "loop/x", "ping", "pong", "link60", "link41"] {
            #expect(guest.contents(path).0 == .loop, "\(path)")
            #expect(guest.status(path).0 == .loop, "\(path)")
        }
        #expect(guest.contents("link39") == (.success, "hello"))
        #expect(guest.open("loop", [.create, .exclusive]).0 == .exist)
    }

    @Test("a NUL does not cut a path", arguments: resolutions)
    func nul(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        for path in ["file\0", "\0", "file\0/../../secret", "a\0b"] {
            #expect(guest.contents(path).0 == .inval)
            #expect(guest.onPath("path_unlink_file", path) == .inval)
            #expect(guest.symlink(path, at: "x") == .inval)
        }
        #expect(guest.contents("file") == (.success, "hello"))
    }

    @Test("paths of any length and depth give errors, not crashes", arguments: resolutions)
    func long(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        #expect(guest.contents(String(repeating: "a", count: 4096)).0 == .nametoolong)
        #expect(guest.contents(String(repeating: "a", count: 300)).0 == .nametoolong)
        #expect(guest.contents(String(repeating: "./", count: 2000) + "file") == (.success, "hello"))
        #expect(guest.contents(String(repeating: "a/../", count: 800) + "file") == (.success, "hello"))
        #expect(guest.contents(String(repeating: "a/../", count: 800) + "../secret").0 == .notcapable)
        // Deeper than the walk holds directories open.
        var path = "deep"
        #expect(guest.onPath("path_create_directory", path) == .success)
        for _ in 0..<300 {
            path += "/d"
            let error = guest.onPath("path_create_directory", path)
            #expect(error == .success || resolution == .walk && error == .nametoolong)
            if error != .success { break }
        }
    }

    @Test("the kernel's magic links are not followed", arguments: resolutions)
    func magicLinks(_ resolution: PathResolution) throws {
        let secret = Glibc.open(directory.outside.appendingPathComponent("secret").path, O_RDONLY | O_CLOEXEC)
        defer { close(secret) }
        var configuration = WASI.Configuration()
        configuration.pathResolution = resolution
        try configuration.preopen("/proc/self", as: "/")
        let guest = TestGuest(configuration)
        for path in ["fd/\(secret)", "root/etc/passwd", "cwd/Package.swift", "exe", "task/../fd/\(secret)"] {
            let (error, text) = guest.contents(path)
            #expect(error != .success, "\(path)")
            #expect(text != TestDirectory.secret)
        }
    }

    @Test("replacing a directory by a link while it is walked opens nothing outside", arguments: resolutions)
    func replaceRace(_ resolution: PathResolution) throws {
        // `victim` is a directory with an innocent file of the secret's name, or a link to the directory outside.
        try directory.write("innocent", to: "spare/secret")
        try directory.link("evil", to: "..")
        let spare = directory.path("spare")
        let evil = directory.path("evil")
        let victim = directory.path("victim")
        let guest = try directory.guest(resolution)
        try race {
            rename(spare, victim)
            rename(victim, spare)
            rename(evil, victim)
            rename(victim, evil)
        } attempt: {
            let (error, text) = guest.contents("victim/secret")
            #expect(text != TestDirectory.secret)
            return error == .success
        }
    }

    @Test("moving a directory out while it is walked leads nowhere through its parent", arguments: resolutions)
    func moveRace(_ resolution: PathResolution) throws {
        try directory.write("innocent", to: "a/secret")
        let here = directory.path("a/b")
        let there = directory.outside.appendingPathComponent("b").path
        let guest = try directory.guest(resolution)
        try race {
            rename(here, there)
            rename(there, here)
        } attempt: {
            let (error, text) = guest.contents("a/b/../secret")
            #expect(text != TestDirectory.secret)
            return error == .success
        }
    }

    /// Repeats an attempt while another thread changes the directory under it, until it succeeded often enough for the
    /// two to have met, or long enough.
    private func race(_ change: @escaping @Sendable () -> Void, attempt: () -> Bool) throws {
        let stop = Stop()
        let thread = Thread { while !stop.isSet { change() } }
        thread.start()
        var successes = 0
        let end = Date().addingTimeInterval(2)
        for _ in 0..<20_000 where successes < 3000 && Date() < end {
            if attempt() { successes += 1 }
        }
        stop.set()
        while !thread.isFinished { usleep(1000) }
        #expect(successes > 0)
    }

    @Test("a guest's read-only directory stays as it is", arguments: resolutions)
    func readOnly(_ resolution: PathResolution) throws {
        try directory.link("link", to: "file")
        let guest = try directory.guest(resolution, access: .readOnly)
        #expect(guest.contents("file") == (.success, "hello"))
        #expect(guest.status("a") == (.success, .directory))
        #expect(guest.readlink("link") == (.success, "file"))
        #expect(guest.open("file", rights: TestGuest.readWrite).0 == .notcapable)
        #expect(guest.open("file", .truncate).0 == .notcapable)
        #expect(guest.open("new", .create).0 == .notcapable)
        for call in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
            #expect(guest.onPath(call, "file") == .notcapable, "\(call)")
        }
        #expect(guest.onPaths("path_rename", "file", "x") == .notcapable)
        #expect(guest.onPaths("path_link", "file", "x") == .notcapable)
        #expect(guest.symlink("file", at: "x") == .notcapable)
        let path = guest.place("file")
        #expect(guest.call("path_filestat_set_times", 3, 1, path.address, path.count, 0, 1, 4) == .notcapable)
        // Neither through what is opened in it, one level down included.
        let (_, subdirectory) = guest.open("a", .directory)
        #expect(guest.open("b/c/file", in: subdirectory, rights: TestGuest.readWrite).0 == .notcapable)
        let (_, file) = guest.open("file", rights: TestGuest.readWrite & ~Rights.fdWrite.rawValue)
        #expect(guest.write(file, "x").0 == .notcapable)
        #expect(guest.call("fd_filestat_set_size", file, 0) == .notcapable)
        #expect(guest.call("fd_filestat_set_times", file, 0, 1, 4) == .notcapable)
        #expect(guest.call("fd_allocate", file, 0, 100) == .notcapable)
        #expect(guest.call("fd_filestat_set_times", 3, 0, 1, 4) == .notcapable)
        #expect(guest.contents("file") == (.success, "hello"))
    }
}

private final class Stop: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false
    var isSet: Bool { lock.withLock { value } }
    func set() { lock.withLock { value = true } }
}
