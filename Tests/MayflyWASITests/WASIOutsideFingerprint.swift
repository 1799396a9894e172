//! Everything that a guest must not change, in a form that can be compared.

import Foundation
import Testing

/// A complete record of what lies beside `inside` in a test directory: names, contents, types, permissions, owners,
/// links and times. The time of the last change of status cannot be set back, so nothing that was done to a file is
/// undone in it.
struct OutsideFingerprint: Equatable {
    private(set) var entries: [String: String] = [:]

    /// - Parameters:
    ///   - names: entries beside `inside` that are left out.
    ///   - movesEntries: the test itself moves entries in and out, so that the directory's own times say nothing.
    init(_ directory: TestDirectory, without names: Set<String> = [], movesEntries: Bool = false) {
        record(directory.outside.path, "", isRoot: true, names.union(["inside"]), movesEntries)
    }

    private mutating func record(
        _ root: String, _ path: String, isRoot: Bool, _ excluded: Set<String>, _ movesEntries: Bool
    ) {
        var status = stat()
        guard lstat(root + path, &status) == 0 else {
            entries[path] = "gone"
            return
        }
        var text = "mode \(String(status.st_mode, radix: 8)) owner \(status.st_uid):\(status.st_gid)"
        if !(isRoot && movesEntries) {
            text += " links \(status.st_nlink) size \(status.st_size) inode \(status.st_ino)"
            text += " modified \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
            text += " changed \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            for name in (try? FileManager.default.contentsOfDirectory(atPath: root + path)) ?? [] {
                if isRoot && excluded.contains(name) { continue }
                record(root, path + "/" + name, isRoot: false, excluded, movesEntries)
            }
        case S_IFLNK:
            text += " to " + ((try? FileManager.default.destinationOfSymbolicLink(atPath: root + path)) ?? "?")
        case S_IFREG: text += " with \(FileManager.default.contents(atPath: root + path)?.map { $0 } ?? [])"
        default: break
        }
        entries[path] = text
    }

    /// What is different in another fingerprint, for people. Empty if nothing is.
    func differences(from earlier: OutsideFingerprint) -> [String] {
        Set(entries.keys).union(earlier.entries.keys).sorted().compactMap { path in
            let before = earlier.entries[path]
            let now = entries[path]
            return before == now ? nil : "\(path.isEmpty ? "." : path): \(before ?? "nothing") → \(now ?? "nothing")"
        }
    }
}

@Suite("WASI: the record of what lies outside")
struct OutsideFingerprintTests {
    @Test("every way of touching something outside is noticed")
    func notices() throws {
        let ways: [(String, (String) -> Int32)] = [
            ("creating a file", { close(creat($0 + "/new", 0o600)) }),
            ("creating and removing a file", { close(creat($0 + "/new", 0o600)) + unlink($0 + "/new") }),
            ("creating a directory", { mkdir($0 + "/folder/new", 0o700) }),
            ("removing a directory", { rmdir($0 + "/empty") }),
            ("removing a file", { unlink($0 + "/secret") }),
            ("renaming a file", { rename($0 + "/secret", $0 + "/moved") }),
            ("moving a file in", { rename($0 + "/secret", $0 + "/inside/secret") }),
            ("moving a file out", { rename($0 + "/inside/file", $0 + "/file") }),
            ("linking a file", { link($0 + "/secret", $0 + "/inside/linked") }),
            (
                "linking a file for a moment",
                { link($0 + "/secret", $0 + "/inside/linked") + unlink($0 + "/inside/linked") }
            ),
            ("making a link", { symlink("x", $0 + "/folder/link") }),
            ("truncating a file", { truncate($0 + "/secret", 0) }),
            ("truncating a file to its size", { truncate($0 + "/secret", 10) }),
            ("changing permissions", { chmod($0 + "/folder/kept", 0o777) }),
            ("setting times", { utimensat(AT_FDCWD, $0 + "/secret", nil, 0) }),
            ("setting times of a link", { utimensat(AT_FDCWD, $0 + "/pointer", nil, AT_SYMLINK_NOFOLLOW) }),
            ("opening a file for writing, emptying it", { close(Glibc.open($0 + "/folder/kept", O_WRONLY | O_TRUNC)) }),
        ]
        for (what, act) in ways {
            let directory = try TestDirectory.withThingsOutside()
            let before = OutsideFingerprint(directory)
            #expect(OutsideFingerprint(directory).differences(from: before) == [])
            #expect(act(directory.outside.path) == 0, "\(what)")
            #expect(OutsideFingerprint(directory).differences(from: before) != [], "\(what)")
        }
    }

    @Test("what happens inside is nobody's business")
    func ignoresInside() throws {
        let directory = try TestDirectory.withThingsOutside()
        let before = OutsideFingerprint(directory)
        mkdir(directory.path("new"), 0o700)
        unlink(directory.path("file"))
        #expect(OutsideFingerprint(directory).differences(from: before) == [])
    }
}

extension TestDirectory {
    /// Outside: files, full and empty directories and a link. Inside: a file and nested directories.
    static func withThingsOutside() throws -> TestDirectory {
        let directory = try TestDirectory()
        let outside = directory.outside.path
        mkdir(outside + "/folder", 0o755)
        mkdir(outside + "/empty", 0o755)
        try Data("kept".utf8).write(to: directory.outside.appendingPathComponent("folder/kept"))
        symlink("secret", outside + "/pointer")
        try directory.write("hello", to: "file")
        try directory.write("nested", to: "a/b/c/file")
        // So that whatever happens from here on has another time than what was made here.
        usleep(10_000)
        return directory
    }
}
