//! A tree in memory as a guest uses it. What errors there are is for `TreeVolumeDifferentialTests`; here is what the
//! host cannot be asked: times, sharing, snapshots, and the cases worth reading.

import Testing

@testable import MayflyWASI

@Suite("WASI: trees in memory in use")
struct TreeVolumeTests {
    @Test("what a guest changes, no other guest sees")
    func sharing() throws {
        var tree = WASI.FileTree()
        try tree.addFile("a/file", "old")
        try tree.addFile("a/other", "other")
        let first = TreeVolume(tree, byteLimit: 1 << 20) { 0 }
        let second = TreeVolume(tree, byteLimit: 1 << 20) { 0 }
        try first.write("new", to: "a/file")
        try first.unlink("a/other")
        try first.rename("a", "b")
        #expect(try first.contents("b/file") == "new")
        #expect(try second.contents("a/file") == "old")
        #expect(try second.contents("a/other") == "other")
        #expect(tree.paths == ["a/", "a/file", "a/other"])
        #expect(first.fileTree().paths == ["b/", "b/file"])
        #expect(second.changed.isEmpty)
    }

    @Test("a snapshot stays as it was, and can be the base of further volumes")
    func snapshots() throws {
        let volume = TreeVolume()
        try volume.createDirectory("d")
        try volume.write("one", to: "d/file")
        try volume.link("d/file", "link")
        try volume.symlink("d/file", "symlink")
        let open = try volume.open("gone", .create, writes: true)
        try volume.unlink("gone")
        try volume.write(open, "kept as long as it is open".utf8)
        let tree = volume.fileTree()
        try volume.write("two", to: "d/file")
        #expect(tree.paths == ["d/", "d/file", "link", "symlink"])
        #expect(tree.contents(of: "link") == Array("one".utf8))
        #expect(tree.byteCount == 3)

        let next = TreeVolume(tree, byteLimit: 1 << 20) { 0 }
        #expect(next.addedByteCount == 0)
        try next.write("three", to: "symlink")
        #expect(next.addedByteCount == 2)
        #expect(try next.contents("link") == "three")
        #expect(try next.status("link").linkCount == 2)
        // Numbers of nodes are not used again.
        try next.write("", to: "new")
        #expect(try next.status("new").inode > volume.status(of: open).inode)
        #expect(try volume.contents("link") == "two")
        #expect(String(decoding: try volume.contents(open), as: UTF8.self) == "kept as long as it is open")
    }

    @Test("an unlinked file lives while it is open, as often as it is")
    func unlinked() throws {
        let volume = TreeVolume()
        try volume.write("text", to: "file")
        let file = try volume.open("file")
        volume.retain(file)
        try volume.unlink("file")
        #expect(try volume.status(of: file).linkCount == 0)
        volume.release(file)
        #expect(try volume.contents(file) == Array("text".utf8))
        try volume.write("other", to: "file")
        #expect(try volume.contents("file") == "other")
        volume.release(file)
        #expect(throws: Errno.badf) { try volume.status(of: file) }
        try volume.unlink("file")
        #expect(volume.addedByteCount == 0)
    }

    @Test("of a base's file too, and then it is gone")
    func unlinkedInBase() throws {
        var tree = WASI.FileTree()
        try tree.addFile("file", "text")
        let volume = TreeVolume(tree, byteLimit: 0) { 0 }
        let file = try volume.open("file")
        try volume.unlink("file")
        #expect(try volume.contents(file) == Array("text".utf8))
        volume.release(file)
        #expect(throws: Errno.badf) { try volume.status(of: file) }
        #expect(volume.fileTree().nodes.count == 1)
    }

    @Test("nothing can be done in a removed directory, and it is told from others")
    func removedDirectory() throws {
        let volume = TreeVolume()
        try volume.createDirectory("d")
        let directory = try volume.open("d", .directory)
        try volume.removeDirectory("d")
        #expect(try volume.status(of: directory).linkCount == 0)
        #expect(throws: Errno.noent) { try volume.open("x", in: directory, .create) }
        #expect(throws: Errno.noent) { try volume.createDirectory(beneath: directory, Array("x".utf8)) }
        #expect(throws: Errno.noent) { try volume.list(directory, from: 0) { _, _, _, _ in true } }
        #expect(throws: Errno.notcapable) { try volume.open("..", in: directory) }
        let again = try volume.open(".", in: directory)
        #expect(again == directory)
        volume.release(again)
        volume.release(directory)
        #expect(volume.addedByteCount == 0)
    }

    @Test("no path leads out of the directory it starts in")
    func sandbox() throws {
        var tree = WASI.FileTree()
        try tree.addFile("secret", "secret")
        try tree.addFile("in/a/file", "file")
        try tree.addSymbolicLink("in/out", to: "../secret")
        try tree.addSymbolicLink("in/a/round", to: "../a/file")
        try tree.addSymbolicLink("in/absolute", to: "/secret")
        let volume = TreeVolume(tree, byteLimit: 1 << 20) { 0 }
        let directory = try volume.open("in")
        for path in ["..", "../secret", "a/../../secret", "out", "out/", "absolute", "/", "/secret", "a/../out"] {
            #expect(throws: Errno.notcapable, "\(path)") { try volume.open(path, in: directory) }
        }
        #expect(try volume.contents("in/a/../a/round") == "file")
        #expect(try volume.contents("in/out") == "secret")
        #expect(throws: Errno.notcapable) { try volume.symlink("/secret", "in/new") }
        // Where it lies by now makes no difference.
        let inner = try volume.open("a", in: directory)
        try volume.rename("in/a", "a")
        #expect(throws: Errno.notcapable) { try volume.open("../secret", in: inner) }
        #expect(throws: Errno.noent) { try volume.open("a/../out", in: directory) }
    }

    @Test("trailing slashes mean directories")
    func trailingSlashes() throws {
        let volume = TreeVolume()
        try volume.createDirectory("d//")
        try volume.write("", to: "file")
        try volume.symlink("d", "link")
        #expect(throws: Errno.notdir) { try volume.open("file/") }
        #expect(throws: Errno.isdir) { try volume.open("new/", .create) }
        #expect(throws: Errno.notdir) { try volume.unlink("file/") }
        #expect(throws: Errno.noent) { try volume.symlink("x", "new/") }
        #expect(throws: Errno.exist) { try volume.link("file", "d/") }
        #expect(throws: Errno.notdir) { try volume.rename("file/", "new") }
        #expect(throws: Errno.notdir) { try volume.rename("file", "new/") }
        #expect(throws: Errno.notdir) { try volume.removeDirectory("link/") }
        #expect(try volume.status("link/").type == .directory)
        #expect(try volume.status("link").type == .symbolicLink)
        try volume.rename("d/", "e/")
        try volume.removeDirectory("e/")
    }

    @Test("opening makes a file through a link that leads to nothing, unless it must be new")
    func dangling() throws {
        let volume = TreeVolume()
        try volume.createDirectory("d")
        try volume.symlink("d/target", "link")
        #expect(throws: Errno.noent) { try volume.open("link") }
        #expect(throws: Errno.exist) { try volume.open("link", [.create, .exclusive]) }
        #expect(throws: Errno.loop) { try volume.open("link", .create, follows: false) }
        try volume.write("text", to: "link")
        #expect(try volume.contents("d/target") == "text")
        #expect(throws: Errno.exist) { try volume.open("d/target", [.create, .exclusive]) }
        #expect(throws: Errno.inval) { try volume.open("d", [.create, .directory]) }
    }

    @Test("renaming replaces files and empty directories, and knows what lies in what")
    func renaming() throws {
        let volume = TreeVolume()
        try volume.createDirectory("a")
        try volume.createDirectory("a/b")
        try volume.createDirectory("empty")
        try volume.write("one", to: "one")
        try volume.write("two", to: "two")
        try volume.link("one", "same")
        #expect(throws: Errno.inval) { try volume.rename("a", "a/b/c") }
        #expect(throws: Errno.notempty) { try volume.rename("a/b", "a") }
        #expect(throws: Errno.notempty) { try volume.rename("empty", "a") }
        #expect(throws: Errno.notdir) { try volume.rename("a", "one") }
        #expect(throws: Errno.isdir) { try volume.rename("one", "empty") }
        #expect(throws: Errno.busy) { try volume.rename("a/.", "x") }
        try volume.rename("one", "same")
        #expect(try volume.listing().keys.sorted() == [".", "..", "a", "empty", "one", "same", "two"])
        try volume.rename("one", "two")
        #expect(try volume.contents("two") == "one")
        #expect(try volume.status("two").linkCount == 2)
        try volume.rename("a", "empty")
        #expect(try volume.listing().keys.sorted() == [".", "..", "empty", "same", "two"])
        #expect(try volume.status("empty").linkCount == 3)
        try volume.rename("empty/b", "b")
        #expect(try volume.status("empty").linkCount == 2)
        #expect(try volume.status(beneath: TreeVolume.root, [UInt8(ascii: ".")], follows: true).linkCount == 4)
    }

    @Test("times are set by what POSIX says sets them")
    func times() throws {
        var time: UInt64 = 100
        let volume = TreeVolume(WASI.FileTree(), byteLimit: 1 << 20) { time }
        func times(_ path: String) throws -> [UInt64] {
            let status = try volume.status(path)
            return [status.accessTime, status.modificationTime, status.changeTime]
        }
        #expect(try times(".") == [0, 0, 0])
        let file = try volume.open("file", .create, writes: true)
        #expect(try times("file") == [100, 100, 100])
        #expect(try times(".") == [0, 100, 100])
        time = 200
        try volume.write(file, [1])
        _ = try volume.contents(file)
        #expect(try times("file") == [100, 200, 200])
        #expect(try times(".") == [0, 100, 100])
        time = 300
        try volume.link("file", "link")
        #expect(try times("file") == [100, 200, 300])
        #expect(try times(".") == [0, 300, 300])
        time = 400
        try volume.unlink("link")
        #expect(try times("file") == [100, 200, 400])
        #expect(try times(".") == [0, 400, 400])
        time = 500
        try volume.createDirectory("d")
        time = 600
        try volume.rename("file", "d/file")
        #expect(try times("d/file") == [100, 200, 600])
        #expect(try times("d") == [500, 600, 600])
        #expect(try times(".") == [0, 600, 600])
        time = 700
        try volume.setTimes(of: file, access: 1, modification: nil)
        #expect(try times("d/file") == [1, 200, 700])
        time = 800
        try volume.setTimes(of: file, access: nil, modification: nil)
        #expect(try times("d/file") == [1, 200, 700])
        try volume.setSize(of: file, to: 1)
        #expect(try times("d/file") == [1, 800, 800])
        time = 900
        try volume.write(file, [])
        #expect(try times("d/file") == [1, 800, 800])
        volume.release(try volume.open("d/file", .truncate))
        #expect(try times("d/file") == [1, 900, 900])
    }

    @Test("a listing goes on where it stopped, whatever was made and removed meanwhile")
    func listing() throws {
        let volume = TreeVolume()
        for name in ["a", "b", "c", "d"] { try volume.write("", to: name) }
        func next(after cookie: UInt64) throws -> (UInt64, String)? {
            var result: (UInt64, String)?
            try volume.list(TreeVolume.root, from: cookie) { (next, _, _, name) in
                result = (next, String(decoding: name, as: UTF8.self))
                return false
            }
            return result
        }
        var names: [String] = []
        var cookie: UInt64 = 0
        while let (following, name) = try next(after: cookie) {
            names.append(name)
            cookie = following
            if name == "b" {
                for gone in ["a", "b", "c"] { try volume.unlink(gone) }
                try volume.write("", to: "e")
                try volume.write("", to: "a")
                try volume.rename("a", "d")
            }
        }
        #expect(names == [".", "..", "a", "b", "d", "e"])
    }

    @Test("entries lead to their nodes, '..' to the parent, that of the root to itself")
    func listedNodes() throws {
        let volume = TreeVolume()
        try volume.createDirectory("d")
        try volume.symlink("x", "d/link")
        func entries(_ path: String) throws -> [String: UInt64] {
            let directory = try volume.open(path)
            defer { volume.release(directory) }
            var entries: [String: UInt64] = [:]
            try volume.list(directory, from: 0) { (_, inode, _, name) in
                entries[String(decoding: name, as: UTF8.self)] = inode
                return true
            }
            return entries
        }
        let directory = try volume.status("d").inode
        #expect(try entries(".") == [".": TreeVolume.root, "..": TreeVolume.root, "d": directory])
        let link = try volume.status("d/link").inode
        #expect(try entries("d") == [".": directory, "..": TreeVolume.root, "link": link])
    }

    @Test("a read-only volume refuses every change and nothing else")
    func readOnly() throws {
        var tree = WASI.FileTree()
        try tree.addFile("d/file", "text")
        try tree.addDirectory("empty")
        let volume = TreeVolume(tree, byteLimit: 1 << 20, isReadOnly: true) { 0 }
        let file = try volume.open("d/file")
        #expect(try volume.contents(file) == Array("text".utf8))
        #expect(throws: Errno.rofs) { try volume.write(file, [1]) }
        #expect(throws: Errno.rofs) { try volume.setSize(of: file, to: 0) }
        #expect(throws: Errno.rofs) { try volume.allocate(file, offset: 0, length: 1) }
        #expect(throws: Errno.rofs) { try volume.setTimes(of: file, access: 1, modification: 1) }
        #expect(throws: Errno.rofs) { try volume.open("d/file", writes: true) }
        #expect(throws: Errno.rofs) { try volume.open("d/file", .truncate) }
        #expect(throws: Errno.rofs) { try volume.open("new", .create) }
        #expect(throws: Errno.rofs) { try volume.createDirectory("new") }
        #expect(throws: Errno.rofs) { try volume.removeDirectory("empty") }
        #expect(throws: Errno.rofs) { try volume.unlink("d/file") }
        #expect(throws: Errno.rofs) { try volume.rename("d", "empty") }
        #expect(throws: Errno.rofs) { try volume.link("d/file", "new") }
        #expect(throws: Errno.rofs) { try volume.symlink("d", "new") }
        volume.release(try volume.open("d/file", .create))
        volume.release(file)
        #expect(volume.changed.isEmpty)
        #expect(volume.fileTree().paths == tree.paths)
    }
}
