//! Trees in memory as their embedders make and read them.

import Foundation
import Testing

@testable import MayflyWASI

@Suite("WASI: trees in memory as values")
struct FileTreeTests {
    private func expect(
        _ reason: WASI.FileTreeError.Reason, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws -> Void
    ) {
        let error = #expect(throws: WASI.FileTreeError.self, sourceLocation: sourceLocation) { try body() }
        #expect(error?.reason == reason, sourceLocation: sourceLocation)
    }

    @Test("a file has several names, which are the same file until one of them is replaced")
    func hardLinks() throws {
        var tree = WASI.FileTree()
        try tree.addFile("a/one", "text")
        try tree.addHardLink("b/c/two", to: "a/one")
        #expect(tree.paths == ["a/", "a/one", "b/", "b/c/", "b/c/two"])
        #expect(tree.linkCount(of: "a/one") == 2 && tree.linkCount(of: "b/c/two") == 2)
        #expect(tree.byteCount == 4)
        try tree.addFile("a/one", "other")
        #expect(tree.contents(of: "b/c/two") == Array("text".utf8))
        #expect(tree.linkCount(of: "a/one") == 1 && tree.linkCount(of: "b/c/two") == 1)
        for (path, existing, reason) in [
            ("x", "nothing", .missing), ("x", "a", .missing), ("b/c/two", "a/one", .exists), ("b", "a/one", .exists),
            ("a/one/x", "a/one", .notDirectory), ("../x", "a/one", .invalidPath), ("", "a/one", .invalidPath),
        ] as [(String, String, WASI.FileTreeError.Reason)] {
            let before = tree.paths
            do {
                try tree.addHardLink(path, to: existing)
                Issue.record("\(path) was made")
            } catch {
                #expect(error.reason == reason, "\(path)")
            }
            #expect(tree.paths == before)
        }
    }

    @Test("an empty tree has a root and nothing else")
    func empty() {
        let tree = WASI.FileTree()
        #expect(tree.paths == [])
        #expect(tree.byteCount == 0)
        #expect(tree.contains("/"))
        #expect(tree.names(in: "/") == [])
        #expect(!tree.contains(""))
    }

    @Test("files, directories and links are added with the directories on the way")
    func adding() throws {
        var tree = WASI.FileTree()
        try tree.addFile("a/b/file", [1, 2, 3])
        try tree.addFile("/a/text", "text")
        try tree.addDirectory("a/empty/")
        try tree.addDirectory("a")
        try tree.addSymbolicLink("links/up", to: "../a/text")
        #expect(tree.paths == ["a/", "a/b/", "a/b/file", "a/empty/", "a/text", "links/", "links/up"])
        #expect(tree.names(in: "a") == ["b/", "empty/", "text"])
        #expect(tree.names(in: "/a/b/") == ["file"])
        #expect(tree.names(in: "a/text") == nil)
        #expect(tree.contents(of: "/a/b/file") == [1, 2, 3])
        #expect(tree.contents(of: "a/text") == Array("text".utf8))
        #expect(tree.symbolicLinkTarget(of: "links/up") == "../a/text")
        #expect(tree.byteCount == 7)
        #expect(tree.contains("a/b"))
        #expect(tree.contains("a/b/"))
        #expect(!tree.contains("a/text/"))
        // Nothing is followed, and nothing is what it is not.
        #expect(tree.contents(of: "links/up") == nil)
        #expect(tree.contents(of: "a") == nil)
        #expect(tree.symbolicLinkTarget(of: "a/text") == nil)
        #expect(tree.contents(of: "a/text/more") == nil)
        #expect(tree.contents(of: "nothing") == nil)
    }

    @Test("files and links are replaced by their like")
    func replacing() throws {
        var tree = WASI.FileTree()
        try tree.addFile("file", "old")
        try tree.addFile("file", "new")
        try tree.addSymbolicLink("link", to: "old")
        try tree.addSymbolicLink("link", to: "new")
        try tree.addDirectory("directory")
        #expect(tree.contents(of: "file") == Array("new".utf8))
        #expect(tree.symbolicLinkTarget(of: "link") == "new")
        for path in ["directory", "link"] { expect(.exists) { try tree.addFile(path, "") } }
        for path in ["file", "link"] { expect(.exists) { try tree.addDirectory(path) } }
        for path in ["file", "directory"] {
            expect(.exists) { try tree.addSymbolicLink(path, to: "x") }
        }
        #expect(tree.paths == ["directory/", "file", "link"])
    }

    @Test("a name of a file that a guest linked is replaced, the other stays")
    func replacingLinked() throws {
        let volume = TreeVolume()
        try volume.write("old", to: "one")
        try volume.link("one", "two")
        var tree = volume.fileTree()
        try tree.addFile("one", "new")
        #expect(tree.contents(of: "one") == Array("new".utf8))
        #expect(tree.contents(of: "two") == Array("old".utf8))
        #expect(try TreeVolume(tree, byteLimit: 0) { 0 }.status("two").linkCount == 1)
    }

    @Test("a copy is not changed with the original")
    func copies() throws {
        var tree = WASI.FileTree()
        try tree.addFile("a/file", "old")
        let copy = tree
        try tree.addFile("a/file", "new")
        try tree.addFile("a/more", "new")
        #expect(copy.contents(of: "a/file") == Array("old".utf8))
        #expect(copy.paths == ["a/", "a/file"])
    }

    @Test("paths that are none are refused, and nothing is left of them")
    func invalidPaths() throws {
        var tree = WASI.FileTree()
        try tree.addFile("file", "")
        for path in ["", "/", "//a", "a//b", "a/", ".", "..", "a/./b", "a/../b", "a/..", "nul\0"] {
            expect(.invalidPath) { try tree.addFile(path, "") }
            expect(.invalidPath) { try tree.addSymbolicLink(path, to: "x") }
            #expect(tree.contents(of: path) == nil)
        }
        for path in ["", "/", "a//", "//", "."] {
            expect(.invalidPath) { try tree.addDirectory(path) }
        }
        let long = String(repeating: "n", count: 256)
        expect(.nameTooLong) { try tree.addFile("a/\(long)", "") }
        expect(.notDirectory) { try tree.addFile("file/x/y", "") }
        for target in ["", "nul\0", String(repeating: "t", count: 4096)] {
            expect(.invalidTarget) { try tree.addSymbolicLink("a/link", to: target) }
        }
        #expect(tree.paths == ["file"])
        try tree.addFile(String(long.dropLast()), "")
    }

    @Test("errors say which path and why")
    func descriptions() {
        var tree = WASI.FileTree()
        let error = #expect(throws: WASI.FileTreeError.self) { try tree.addFile("a/../b", "") }
        #expect(error?.description == "'a/../b': a component of the path is empty, '.' or '..', or holds a NUL")
    }
}

@Suite("WASI: copies of host directories in memory")
struct FileTreeCopyingTests {
    let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    @Test("files, directories and links are copied, with their times, and links not followed")
    func copying() throws {
        try directory.write("text", to: "a/b/file")
        try directory.write("", to: "empty")
        try directory.link("a/out", to: "../../secret")
        try directory.link("absolute", to: "/etc/passwd")
        try directory.link("dangling", to: "nothing")
        try FileManager.default.createDirectory(atPath: directory.path("none"), withIntermediateDirectories: false)
        let time = Date(timeIntervalSince1970: 1_000_000_000)
        for path in ["a/b/file", "a"] {
            try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: directory.path(path))
        }

        let tree = try WASI.FileTree(copying: directory.inside.path)
        #expect(tree.paths == ["a/", "a/b/", "a/b/file", "a/out", "absolute", "dangling", "empty", "none/"])
        #expect(tree.contents(of: "a/b/file") == Array("text".utf8))
        #expect(tree.contents(of: "empty") == [])
        #expect(tree.symbolicLinkTarget(of: "a/out") == "../../secret")
        #expect(tree.symbolicLinkTarget(of: "absolute") == "/etc/passwd")
        let volume = TreeVolume(tree, byteLimit: 0) { 0 }
        #expect(try volume.status("a/b/file").modificationTime == 1_000_000_000_000_000_000)
        #expect(try volume.status("a").modificationTime == 1_000_000_000_000_000_000)
        #expect(try volume.status("a").linkCount == 3)
        #expect(throws: Errno.notcapable) { try volume.contents("absolute") }
        #expect(throws: Errno.notcapable) { try volume.contents("a/out") }
    }

    @Test("the limit is exact")
    func limit() throws {
        try directory.write("12345", to: "ab/file")
        try directory.link("l", to: "target")
        let count = 5 + 6 + "ab".utf8.count + "file".utf8.count + "l".utf8.count
        #expect(try WASI.FileTree(copying: directory.inside.path, byteLimit: count).byteCount == 5)
        for limit in [count - 1, 6, 0, -1] {
            let error = #expect(throws: WASI.FileTreeError.self) {
                try WASI.FileTree(copying: directory.inside.path, byteLimit: limit)
            }
            #expect(error?.reason == .byteLimit(max(0, limit)))
        }
    }

    @Test("a file that only claims to be large is refused before it is read")
    func sparse() throws {
        try directory.write("", to: "sparse")
        #expect(truncate(directory.path("sparse"), 1 << 40) == 0)
        let error = #expect(throws: WASI.FileTreeError.self) {
            try WASI.FileTree(copying: directory.inside.path)
        }
        #expect(error?.path == directory.path("sparse"))
        #expect(error?.reason == .byteLimit(64 << 20))
    }

    @Test("what is not a file, directory or link is named")
    func otherKinds() throws {
        #expect(mkfifo(directory.path("fifo"), 0o600) == 0)
        let error = #expect(throws: WASI.FileTreeError.self) {
            try WASI.FileTree(copying: directory.inside.path)
        }
        #expect(error?.path == directory.path("fifo"))
        #expect(error?.reason == .unsupportedKind)
    }

    @Test("what is not there or not a directory is named")
    func noDirectory() throws {
        try directory.write("", to: "file")
        for (path, number) in [("file", ENOTDIR), ("nothing", ENOENT)] {
            let error = #expect(throws: WASI.FileTreeError.self) {
                try WASI.FileTree(copying: directory.path(path))
            }
            #expect(error?.path == directory.path(path))
            #expect(error?.reason == .host(number))
        }
    }

    @Test("names that are not Unicode are kept")
    func bytes() throws {
        let name: [CChar] = [97, -1, 98, 0]
        let root = open(directory.inside.path, O_RDONLY | O_DIRECTORY)
        let file = openat(root, name, O_CREAT | O_WRONLY, 0o600)
        #expect(file >= 0)
        close(file)
        close(root)
        let tree = try WASI.FileTree(copying: directory.inside.path)
        #expect(tree.paths == ["a\u{FFFD}b"])
        let volume = TreeVolume(tree, byteLimit: 0) { 0 }
        let status = try volume.status(beneath: TreeVolume.root, [97, 255, 98], follows: false)
        #expect(status.type == .regularFile)
    }

    @Test("descriptors are closed, of trees that are too deep too")
    func depth() throws {
        let open = { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
        try directory.write("", to: repeatElement("d", count: 256).joined(separator: "/") + "/file")
        let before = try open()
        #expect(try WASI.FileTree(copying: directory.inside.path).paths.count == 257)
        try directory.write("", to: repeatElement("d", count: 257).joined(separator: "/") + "/file")
        let error = #expect(throws: WASI.FileTreeError.self) {
            try WASI.FileTree(copying: directory.inside.path)
        }
        #expect(error?.reason == .host(ENAMETOOLONG))
        // Other tests open and close at the same time; leaked directories would be 257.
        #expect(try open() < before + 200)
    }
}
