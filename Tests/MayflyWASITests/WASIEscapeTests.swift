//! Attempts to reach what lies outside of a given directory: every function that takes a path, with every form of path
//! that leads out, under both ways of resolving paths. What lies outside is compared as a whole afterwards.
//!
//! Whatever changes something aims at the test's own directory, so that a sandbox that leaks costs nobody a file.

import Foundation
import Testing

@testable import MayflyWASI

private let resolutions: [PathResolution] = [.automatic, .walk]

extension TestGuest {
    /// Calls a function on one path. Every function that takes a path is here in each way in which it can take one.
    enum PathUse: CaseIterable {
        case status, statusOfLink, setTimes, setTimesOfLink, createDirectory, removeDirectory, unlink
        case renameFrom, renameTo, linkFrom, linkFromFollowing, linkTo, symlinkAt, readlink
        case directoryStatus

        /// Acts on what a symbolic link in the last place leads to.
        var follows: Bool { [.status, .setTimes, .linkFromFollowing, .directoryStatus].contains(self) }
    }

    func use(_ use: PathUse, _ bytes: [UInt8], in directory: UInt64 = 3) -> Errno {
        let path = place(bytes)
        let mine = place("mine")
        let file = place("file")
        let result = UInt64(allocate(64))
        return switch use {
        case .status: call("path_filestat_get", directory, 1, path.address, path.count, result)
        case .statusOfLink: call("path_filestat_get", directory, 0, path.address, path.count, result)
        case .setTimes: call("path_filestat_set_times", directory, 1, path.address, path.count, 1, 2, 5)
        case .setTimesOfLink: call("path_filestat_set_times", directory, 0, path.address, path.count, 1, 2, 5)
        case .createDirectory: call("path_create_directory", directory, path.address, path.count)
        case .removeDirectory: call("path_remove_directory", directory, path.address, path.count)
        case .unlink: call("path_unlink_file", directory, path.address, path.count)
        case .renameFrom:
            call("path_rename", directory, path.address, path.count, 3, mine.address, mine.count)
        case .renameTo: call("path_rename", 3, file.address, file.count, directory, path.address, path.count)
        case .linkFrom:
            call("path_link", directory, 0, path.address, path.count, 3, mine.address, mine.count)
        case .linkFromFollowing:
            call("path_link", directory, 1, path.address, path.count, 3, mine.address, mine.count)
        case .linkTo: call("path_link", 3, 0, file.address, file.count, directory, path.address, path.count)
        case .symlinkAt: call("path_symlink", file.address, file.count, directory, path.address, path.count)
        case .readlink: call("path_readlink", directory, path.address, path.count, result, 64, result + 60)
        case .directoryStatus: self.use(.status, bytes + Array("/.".utf8), in: directory)
        }
    }

    /// What one of all the ways to open a path comes to.
    struct Opening: CustomStringConvertible {
        var follows: Bool
        var flags: OpenFlags
        var rights: Rights
        var descriptorFlags: DescriptorFlags
        var error = Errno.success
        var description: String {
            "follows \(follows), flags \(flags.rawValue), rights \(rights.rawValue), "
                + "descriptor flags \(descriptorFlags.rawValue): \(error)"
        }
    }

    /// Opens a path with every combination of flags, and closes what opens.
    func openInAllWays(_ bytes: [UInt8], in directory: UInt64 = 3) -> [Opening] {
        let path = place(bytes)
        let result = UInt64(allocate(4))
        var openings: [Opening] = []
        for follows in [true, false] {
            for flags in 0..<UInt16(16) {
                for rights in [[], .fdRead, .fdWrite, .file, .fdReaddir] as [Rights] {
                    for descriptorFlags in [.nonblock, [.nonblock, .append]] as [DescriptorFlags] {
                        var opening = Opening(
                            follows: follows, flags: OpenFlags(rawValue: flags), rights: rights,
                            descriptorFlags: descriptorFlags)
                        opening.error = call(
                            "path_open", directory, follows ? 1 : 0, path.address, path.count, UInt64(flags),
                            rights.rawValue, .max, UInt64(descriptorFlags.rawValue), result)
                        if opening.error == .success {
                            _ = call("fd_close", UInt64(load(UInt32.self, at: UInt32(result))))
                        }
                        openings.append(opening)
                    }
                }
            }
        }
        return openings
    }
}

@Suite("WASI: escapes from a directory")
struct WASIEscapeTests {
    let directory: TestDirectory
    private var outside: String { directory.outside.path }

    init() throws {
        directory = try TestDirectory.withThingsOutside()
        try directory.link("parent", to: "..")
        try directory.link("absolute", to: directory.outside.path)
        try directory.link("root", to: "/")
        try directory.link("dot", to: ".")
        // Links through several directories: chain → a/up → ../parent → ..
        try directory.link("a/up", to: "../parent")
        try directory.link("chain", to: "a/up")
        try directory.link("a/b/deep", to: "../../..")
        try directory.link("viaDeep", to: "a/b/deep")
        // Link → link → `..`.
        try directory.link("hop1", to: "hop2")
        try directory.link("hop2", to: "hop3/../..")
        try directory.link("hop3", to: "a")
        try directory.link("slashed", to: "..//")
        try directory.link("dotted", to: "./.././.")
        try directory.link("comesBack", to: "../inside/../")
    }

    /// Paths of the directory outside, that begin in the directory inside.
    private var waysOut: [String] {
        [
            "..", "./..", "../.", "..//", "a/../..", "a/b/c/../../../..", "../inside/..", "a/..//./..", outside,
            "/" + outside, "/proc/self/root" + outside, "parent", "absolute", "root" + outside, "dot/..",
            "dot/dot/parent",
            "chain", "a/up", "a/b/deep", "viaDeep", "hop1", "hop2", "slashed", "dotted", "comesBack",
            "parent/inside/parent", "chain/inside/a/up", "a/b/../up", "parent/.", "parent//", "hop3/b/deep",
        ]
    }

    @Test("no function reaches anything by any path that leads out", arguments: resolutions)
    func waysOut(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory)
        for way in waysOut {
            for target in [
                "secret", "folder", "folder/kept", "empty", "pointer", "new", "folder/new", "folder/", "new/",
            ] {
                let path = way + "/" + target
                for use in TestGuest.PathUse.allCases {
                    let error = guest.use(use, Array(path.utf8))
                    // Following links when linking is not done at all.
                    let expected: Errno = use == .linkFromFollowing ? .inval : .notcapable
                    #expect(error == expected, "\(use) of \(path)")
                }
                for opening in guest.openInAllWays(Array(path.utf8)) {
                    let isSenseless = opening.flags.isSuperset(of: [.create, .directory])
                    #expect(opening.error == (isSenseless ? .inval : .notcapable), "\(path), \(opening)")
                }
            }
            let differences = OutsideFingerprint(directory).differences(from: before)
            #expect(differences == [], "\(way)")
        }
        #expect(FileManager.default.fileExists(atPath: directory.path("file")))
        #expect(!FileManager.default.fileExists(atPath: directory.path("mine")))
    }

    @Test("the same from a directory that the guest opened", arguments: resolutions)
    func waysOutOfOpened(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        let (_, opened) = guest.open("a/b", .directory)
        let before = OutsideFingerprint(directory)
        // Not even the directories between are reached: what was opened is a limit of its own.
        for path in [
            "../up/secret", "../../parent/secret", "../../file", "c/../../b/c/file", "deep/secret", "deep/inside/file",
            "c/../deep/new", "../b/c/file", outside + "/secret",
        ] {
            for use in TestGuest.PathUse.allCases where use != .linkFromFollowing {
                #expect(guest.use(use, Array(path.utf8), in: opened) == .notcapable, "\(use) of \(path)")
            }
            for opening in guest.openInAllWays(Array(path.utf8), in: opened) {
                #expect(opening.error == .notcapable || opening.error == .inval, "\(path), \(opening)")
            }
        }
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
        #expect(guest.contents("c/file", in: opened) == (.success, "nested"))
    }

    @Test("a link in the last place is itself, or leads nowhere", arguments: resolutions)
    func lastLinks(_ resolution: PathResolution) throws {
        let targets = [
            "../secret", "../folder", "../empty", "../pointer", "../new", "../folder/new", outside + "/secret",
            outside + "/new", "a/../../secret", "parent/secret", "chain/new", "absolute/secret", "root" + outside, "..",
            outside,
            "hop1", "../inside/../secret", "viaDeep/folder",
        ]
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory)
        for target in targets {
            for name in ["last", "toLast"] {
                for use in TestGuest.PathUse.allCases {
                    unlink(directory.path("last"))
                    unlink(directory.path("toLast"))
                    unlink(directory.path("mine"))
                    try directory.link("last", to: target)
                    try directory.link("toLast", to: "dot/last")
                    if !FileManager.default.fileExists(atPath: directory.path("file")) {
                        try directory.write("hello", to: "file")
                    }
                    let error = guest.use(use, Array(name.utf8))
                    if use.follows { #expect(error != .success, "\(use) of \(name) → \(target)") }
                    #expect(guest.use(use, Array("\(name)/".utf8)) != .success, "\(use) of \(name)/ → \(target)")
                    #expect(guest.use(use, Array("\(name)/x".utf8)) != .success, "\(use) of \(name)/x → \(target)")
                    if use == .statusOfLink || use == .readlink { #expect(error == .success, "\(use) of \(name)") }
                }
                unlink(directory.path("last"))
                unlink(directory.path("toLast"))
                try directory.link("last", to: target)
                try directory.link("toLast", to: "dot/last")
                for path in [name, name + "/", name + "/.", name + "//"] {
                    for opening in guest.openInAllWays(Array(path.utf8)) {
                        #expect(opening.error != .success, "\(path) → \(target), \(opening)")
                    }
                }
                #expect(OutsideFingerprint(directory).differences(from: before) == [], "\(name) → \(target)")
            }
        }
    }

    @Test("a dangling link creates nothing outside, and inside only what it names", arguments: resolutions)
    func dangling(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory)
        for (index, target) in ["../made", outside + "/made", "a/../../made", "chain/made", "last/made"].enumerated() {
            let name = "dangling\(index)"
            try directory.link(name, to: target)
            try directory.link("to-\(name)", to: name)
            for path in [name, "to-\(name)"] {
                for flags in [.create, [.create, .truncate], [.create, .exclusive]] as [OpenFlags] {
                    let isExclusive = flags.contains(.exclusive)
                    let (error, _) = guest.open(path, flags, rights: TestGuest.readWrite)
                    #expect(error == (isExclusive ? .exist : target == "last/made" ? .noent : .notcapable), "\(path)")
                    let (unfollowed, _) = guest.open(path, follow: false, flags, rights: TestGuest.readWrite)
                    #expect(unfollowed == (isExclusive ? .exist : .loop), "\(path)")
                }
                // What makes an entry finds that there is one.
                #expect(guest.onPath("path_create_directory", path) == .exist)
                #expect(guest.symlink("x", at: path) == .exist)
                #expect(guest.onPaths("path_link", "file", path) == .exist)
            }
        }
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
        // Renaming replaces the link, not what it leads to.
        #expect(guest.onPaths("path_rename", "file", "dangling0") == .success)
        #expect(guest.contents("dangling0", follow: false) == (.success, "hello"))
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
        // One that stays inside works as everywhere.
        try directory.link("good", to: "a/fresh")
        #expect(guest.open("good", [.create, .exclusive]).0 == .exist)
        #expect(guest.open("good", .create, rights: TestGuest.readWrite).0 == .success)
        #expect(FileManager.default.fileExists(atPath: directory.path("a/fresh")))
    }

    @Test("whatever succeeds or fails, no descriptor is left open in the host", arguments: resolutions)
    func descriptors(_ resolution: PathResolution) throws {
        try directory.link("loop", to: "a/../loop")
        mkfifo(directory.path("fifo"), 0o600)
        let configuration = try directory.configuration(resolution)
        let atStart = openDescriptors()
        // The configuration's own.
        #expect(atStart.count == 1)
        var guest: TestGuest? = TestGuest(configuration)
        for path in [
            "file", "a", "a/b/c/file", "a/b/../up/secret", "parent/secret", "loop", "new", "a/b/c/new", "fifo",
            "fifo/x",
            "file/x", "a/b/deep/new", "chain/inside/file", "dot/dot/a/../file", String(repeating: "a/../", count: 800),
            String(repeating: "n", count: 256), "a/b/c/../../../a/b/c/nothing/more", "",
        ] {
            _ = guest?.openInAllWays(Array(path.utf8))
            for use in TestGuest.PathUse.allCases { _ = guest?.use(use, Array(path.utf8)) }
            #expect(openDescriptors() == atStart, "\(path)")
        }
        // With some open, of which one was listed, one renumbered and one closed.
        let opened = (0..<6).map { _ in guest?.open("dot").descriptor ?? 0 }
        #expect(openDescriptors().count == 7)
        _ = guest?.list(opened[0])
        _ = guest?.list(3)
        #expect(guest?.call("fd_renumber", opened[1], opened[2]) == .success)
        #expect(guest?.call("fd_renumber", opened[3], 3) == .success)
        #expect(guest?.call("fd_close", opened[4]) == .success)
        guest = nil
        #expect(openDescriptors() == atStart)
        withExtendedLifetime(configuration) {}
    }

    /// What this process has open in the test's directory.
    private func openDescriptors() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
            return target?.hasPrefix(outside) == true ? name + " " + (target ?? "") : nil
        }.sorted()
    }

    @Test("loops end for every function", arguments: resolutions)
    func loops(_ resolution: PathResolution) throws {
        try directory.link("loop", to: "loop")
        try directory.link("ping", to: "a/pong")
        try directory.link("a/pong", to: "../ping")
        try directory.link("growing", to: "growing/growing")
        try directory.link("far", to: "dot/dot/dot/dot/dot/dot/dot/dot/dot/dot/dot/far")
        let guest = try directory.guest(resolution)
        for path in ["loop", "ping", "a/pong", "growing", "far"] {
            for use in TestGuest.PathUse.allCases where use != .linkFromFollowing {
                let error = guest.use(use, Array("\(path)/x".utf8))
                #expect(error == .loop, "\(use) of \(path)/x")
                if use.follows { #expect(guest.use(use, Array(path.utf8)) == .loop, "\(use) of \(path)") }
            }
            for opening in guest.openInAllWays(Array(path.utf8)) {
                #expect([.loop, .inval, .exist, .notdir].contains(opening.error), "\(path), \(opening)")
            }
        }
    }

    // MARK: What is renamed while a guest holds it

    @Test(
        "a directory moved out while it is open goes on to be all that its descriptor reaches", arguments: resolutions)
    func movedOut(_ resolution: PathResolution) throws {
        try directory.link("a/b/c/up", to: "..")
        try directory.link("a/b/c/out", to: "../../../../secret")
        let guest = try directory.guest(resolution)
        let (_, opened) = guest.open("a/b/c", .directory)
        rename(directory.path("a/b/c"), outside + "/c")
        let before = OutsideFingerprint(directory, without: ["c"])

        // A descriptor is what it was opened as, wherever it lies by now: its own entries stay in reach…
        #expect(guest.contents("file", in: opened) == (.success, "nested"))
        #expect(guest.open("made", in: opened, .create, rights: TestGuest.readWrite).0 == .success)
        #expect(FileManager.default.fileExists(atPath: outside + "/c/made"))
        // … and nothing around it, neither where it lies now nor where it lay.
        for path in [
            "..", "../secret", "../folder/kept", "../inside/file", "up/secret", "up/up/secret", "out", "../../file",
        ] {
            for use in TestGuest.PathUse.allCases where use.follows && use != .linkFromFollowing {
                #expect(guest.use(use, Array(path.utf8), in: opened) == .notcapable, "\(use) of \(path)")
            }
            for opening in guest.openInAllWays(Array(path.utf8), in: opened) {
                #expect(opening.error != .success, "\(path), \(opening)")
            }
        }
        for use in TestGuest.PathUse.allCases where use != .linkFromFollowing {
            #expect(guest.use(use, Array("../secret".utf8), in: opened) == .notcapable, "\(use)")
            #expect(guest.use(use, Array("up/new".utf8), in: opened) == .notcapable, "\(use)")
        }
        // By its path it is gone.
        #expect(guest.contents("a/b/c/file").0 == .noent)
        #expect(guest.contents("c/file").0 == .noent)
        // Listing it names what it holds. What it says about the directory above is about itself.
        let names = guest.list(opened)
        #expect(
            names.filter { $0.name != "." && $0.name != ".." }.map(\.name).sorted() == ["file", "made", "out", "up"])
        #expect(Set(names.filter { $0.name == "." || $0.name == ".." }.map(\.inode)).count == 1)
        #expect(OutsideFingerprint(directory, without: ["c"]).differences(from: before) == [])
    }

    @Test("a given directory that is moved or removed stays the limit", arguments: resolutions)
    func givenDirectoryMoved(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        mkdir(outside + "/folder/place", 0o755)
        rename(directory.inside.path, outside + "/folder/place/inside")
        #expect(guest.contents("file") == (.success, "hello"))
        #expect(guest.contents("../inside/file").0 == .notcapable)
        #expect(guest.contents("../../kept").0 == .notcapable)
        #expect(guest.contents("parent/inside/file").0 == .notcapable)
        try FileManager.default.removeItem(atPath: outside + "/folder/place")
        #expect(guest.contents("file").0 == .noent)
        #expect(guest.open("new", .create).0 == .noent)
        #expect(guest.contents("../secret").0 == .notcapable)
        #expect(guest.onPath("path_create_directory", "new") == .noent)
        #expect(guest.list(3).allSatisfy { $0.name == "." || $0.name == ".." })
    }

    // MARK: Hard links

    @Test("a guest can link files inside, and both names are one file", arguments: resolutions)
    func hardLinks(_ resolution: PathResolution) throws {
        let guest = try directory.guest(resolution)
        let before = OutsideFingerprint(directory)
        #expect(guest.onPaths("path_link", "file", "a/linked") == .success)
        let (_, file) = guest.open("a/linked", rights: TestGuest.readWrite)
        #expect(guest.write(file, "HELL").0 == .success)
        #expect(guest.contents("file") == (.success, "HELLo"))
        #expect(guest.onPath("path_unlink_file", "file") == .success)
        #expect(guest.contents("a/linked") == (.success, "HELLo"))
        // Neither directories, nor what links lead to.
        #expect(guest.onPaths("path_link", "a", "mine") == .perm)
        #expect(guest.onPaths("path_link", "dot", "mine") == .success)
        #expect(guest.status("mine", follow: false) == (.success, .symbolicLink))
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }

    @Test("a hard link that the host placed inside is the file itself, reachable by design", arguments: resolutions)
    func hostHardLink(_ resolution: PathResolution) throws {
        #expect(link(outside + "/secret", directory.path("shared")) == 0)
        let guest = try directory.guest(resolution)
        #expect(guest.contents("shared") == (.success, TestDirectory.secret))
        let (_, file) = guest.open("shared", rights: TestGuest.readWrite)
        #expect(guest.write(file, "THE").0 == .success)
        #expect(try String(contentsOfFile: outside + "/secret", encoding: .utf8) == "THE secret")
        // In a read-only directory it is read-only.
        let reader = try directory.guest(resolution, access: .readOnly)
        #expect(reader.contents("shared") == (.success, "THE secret"))
        #expect(reader.open("shared", rights: TestGuest.readWrite).0 == .notcapable)
        // Removing the name inside leaves the other.
        #expect(guest.onPath("path_unlink_file", "shared") == .success)
        #expect(FileManager.default.fileExists(atPath: outside + "/secret"))
    }

    // MARK: /proc

    @Test("through /proc/self nothing opens that it only points to", arguments: resolutions)
    func procSelf(_ resolution: PathResolution) throws {
        let directoryDescriptor = Glibc.open(outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        let secret = Glibc.open(outside + "/secret", O_RDWR | O_CLOEXEC)
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { for descriptor in [directoryDescriptor, secret] + ends { close(descriptor) } }
        let before = OutsideFingerprint(directory)
        for (given, prefix) in [
            ("/proc/self", ""), ("/proc", "self/"), ("/proc", "thread-self/"), ("/proc", "self/task/../"),
        ] {
            var configuration = WASI.Configuration()
            configuration.pathResolution = resolution
            try configuration.preopen(given, as: "/")
            let guest = TestGuest(configuration)
            // What is a file of /proc itself is inside.
            #expect(guest.open(prefix + "environ").0 == .success)
            // Only looked at, for they are what a broken sandbox had better not empty.
            for path in ["exe", "cwd", "cwd/Package.swift", "root", "root/etc/passwd", "ns/mnt"] {
                #expect(guest.contents(prefix + path).0 != .success, "\(path)")
                #expect(guest.status(prefix + path).0 != .success, "\(path)")
            }
            for path in [
                "fd/\(secret)", "fd/\(directoryDescriptor)/secret", "fd/\(directoryDescriptor)/new",
                "fd/\(directoryDescriptor)/../\(directory.outside.lastPathComponent)/secret", "fd/\(ends[0])",
                "root\(outside)/secret", "root/..\(outside)/secret",
                "cwd/" + String(repeating: "../", count: 32) + outside + "/secret", "ns/../fd/\(secret)",
            ] {
                let path = Array((prefix + path).utf8)
                for opening in guest.openInAllWays(path) {
                    #expect(opening.error != .success, "\(String(decoding: path, as: UTF8.self)), \(opening)")
                }
                for use in TestGuest.PathUse.allCases where use.follows {
                    #expect(guest.use(use, path) != .success, "\(use) of \(String(decoding: path, as: UTF8.self))")
                }
            }
            for path in ["fd/\(directoryDescriptor)/secret", "fd/\(directoryDescriptor)/new", "root\(outside)/secret"] {
                for use in TestGuest.PathUse.allCases {
                    #expect(guest.use(use, Array((prefix + path).utf8)) != .success, "\(use) of \(path)")
                }
            }
        }
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }

    @Test("/dev/fd lists the process's descriptors and opens none", arguments: resolutions)
    func devFd(_ resolution: PathResolution) throws {
        let secret = Glibc.open(outside + "/secret", O_RDWR | O_CLOEXEC)
        defer { close(secret) }
        let before = OutsideFingerprint(directory)
        for (given, path) in [("/dev/fd", "\(secret)"), ("/dev", "fd/\(secret)"), ("/proc/self/fd", "\(secret)")] {
            var configuration = WASI.Configuration()
            configuration.pathResolution = resolution
            try configuration.preopen(given, as: "/", access: .readOnly)
            let guest = TestGuest(configuration)
            for opening in guest.openInAllWays(Array(path.utf8)) {
                #expect(opening.error != .success, "\(given) \(path), \(opening)")
            }
            #expect(guest.status(path).0 != .success)
        }
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }
}
