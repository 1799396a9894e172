//! Guests that use a tree in memory against its host: to exhaust memory, time or the stack.

import Testing

@testable import MayflyWASI

@Suite("WASI: hostile use of trees in memory")
struct TreeVolumeHostileTests {
    @Test("directories a quarter of a million deep are made, snapshotted, moved, and removed")
    func depth() throws {
        let depth = 250_000
        let volume = TreeVolume(byteLimit: 1 << 30)
        let name = [UInt8(ascii: "d")]
        var directories = [TreeVolume.root]
        for _ in 0..<depth {
            let directory = directories[directories.count - 1]
            try volume.createDirectory(beneath: directory, name)
            directories.append(
                try volume.open(beneath: directory, name, follows: false, flags: .directory, writes: false))
        }
        let deepest = directories[depth]
        #expect(throws: Errno.inval) {
            try volume.rename(beneath: TreeVolume.root, name, to: deepest, Array("x".utf8))
        }
        #expect(throws: Errno.notempty) {
            try volume.rename(beneath: directories[depth - 1], name, to: TreeVolume.root, name)
        }
        try volume.rename(beneath: directories[depth - 1], name, to: TreeVolume.root, Array("x".utf8))
        try volume.rename(beneath: TreeVolume.root, Array("x".utf8), to: directories[depth - 1], name)

        let tree = volume.fileTree()
        #expect(tree.contains(repeatElement("d", count: depth).joined(separator: "/")))
        // As many as have a path that a guest can name at once.
        #expect(tree.paths.count == 2047)
        do { _ = TreeVolume(tree, byteLimit: 0) { 0 }.fileTree() }

        for index in (1...depth).reversed() {
            try volume.removeDirectory(beneath: directories[index - 1], name)
            volume.release(directories[index])
        }
        #expect(volume.addedByteCount == 0)
        #expect(try volume.listing().count == 2)
    }

    @Test("a deep tree ends with its volume")
    func end() throws {
        let volume = TreeVolume(byteLimit: 1 << 28)
        var directory = TreeVolume.root
        for _ in 0..<200_000 {
            try volume.createDirectory(beneath: directory, [100])
            directory = try volume.open("d", in: directory)
        }
        // Nothing to expect: recursion would have ended the process, here or when the volume goes.
    }

    @Test("the limit is exact, and what is given up can be used again")
    func limit() throws {
        let fileCost = TreeNode.cost + TreeNode.entryCost + 4
        let volume = TreeVolume(byteLimit: fileCost + 100)
        let file = try volume.open("file", .create, writes: true)
        #expect(volume.addedByteCount == fileCost)
        #expect(try volume.write(file, [UInt8](repeating: 1, count: 1000)) == 100)
        #expect(throws: Errno.nospc) { try volume.write(file, at: 100, [1]) }
        #expect(throws: Errno.nospc) { try volume.write(file, at: 1 << 40, [1]) }
        #expect(throws: Errno.nospc) { try volume.setSize(of: file, to: 101) }
        #expect(throws: Errno.nospc) { try volume.allocate(file, offset: 100, length: 1) }
        #expect(throws: Errno.nospc) { try volume.createDirectory("d") }
        #expect(throws: Errno.nospc) { try volume.symlink("t", "l") }
        #expect(throws: Errno.nospc) { try volume.link("file", "l") }
        #expect(throws: Errno.nospc) { try volume.open("new", .create) }
        #expect(volume.addedByteCount == volume.byteLimit)
        #expect(try volume.write(file, at: 50, [UInt8](repeating: 2, count: 1000)) == 50)

        // A name as long is possible, a longer one not.
        try volume.rename("file", "name")
        #expect(throws: Errno.nospc) { try volume.rename("name", "name2") }
        #expect(try volume.listing().keys.sorted() == [".", "..", "name"])

        try volume.setSize(of: file, to: 10)
        #expect(volume.addedByteCount == fileCost + 10)
        #expect(try volume.write(file, at: 20, [UInt8](repeating: 3, count: 1000)) == 80)
        #expect(try volume.contents(file)[10..<21] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])

        try volume.unlink("name")
        #expect(volume.addedByteCount == TreeNode.cost + 100)
        #expect(try volume.contents(file).count == 100)
        volume.release(file)
        #expect(volume.addedByteCount == 0)
    }

    @Test("what is cut off is not kept in reserve")
    func reserve() throws {
        let volume = TreeVolume()
        let file = try volume.open("file", .create, writes: true)
        try volume.write(file, [UInt8](repeating: 1, count: 100_000))
        try volume.setSize(of: file, to: 10)
        #expect(volume.changed[file]?.value.bytes.capacity ?? .max < 100)
    }

    @Test("what the base holds is free, up to its size")
    func baseIsFree() throws {
        var tree = WASI.FileTree()
        try tree.addFile("file", [UInt8](repeating: 1, count: 100))
        let volume = TreeVolume(tree, byteLimit: 10) { 0 }
        let file = try volume.open("file", writes: true)
        #expect(try volume.write(file, [UInt8](repeating: 2, count: 200)) == 110)
        try volume.setSize(of: file, to: 0)
        #expect(volume.addedByteCount == 0)
        #expect(try volume.write(file, [UInt8](repeating: 2, count: 200)) == 110)
        try volume.unlink("file")
        volume.release(file)
        #expect(volume.addedByteCount == 0)
        // Gone, its size is no allowance for others: the base still holds it.
        #expect(throws: Errno.nospc) { try volume.open("file", .create) }
        #expect(tree.contents(of: "file") == [UInt8](repeating: 1, count: 100))
    }

    @Test("absurd offsets are refused before anything is allocated")
    func offsets() throws {
        let volume = TreeVolume(byteLimit: .max)
        let file = try volume.open("file", .create, writes: true)
        let largest = UInt64(Int.max)
        for offset in [largest, largest + 1, .max] {
            #expect(throws: Errno.fbig) { try volume.write(file, at: offset, [1]) }
            #expect(try volume.write(file, at: offset, []) == 0)
            var byte: UInt8 = 0
            #expect(try withUnsafeMutableBytes(of: &byte) { try volume.read(file, at: offset, into: $0) } == 0)
        }
        #expect(throws: Errno.nospc) { try volume.write(file, at: largest - 1, [1]) }
        for size in [largest + 1, .max] {
            #expect(throws: Errno.fbig) { try volume.setSize(of: file, to: size) }
            #expect(throws: Errno.fbig) { try volume.allocate(file, offset: size, length: 1) }
            #expect(throws: Errno.fbig) { try volume.allocate(file, offset: 1, length: size) }
        }
        #expect(throws: Errno.nospc) { try volume.setSize(of: file, to: largest) }
        #expect(throws: Errno.nospc) { try volume.allocate(file, offset: largest - 1, length: 1) }
        #expect(throws: Errno.inval) { try volume.allocate(file, offset: 0, length: 0) }
        #expect(try volume.size(of: file) == 0)
    }

    @Test("100,000 entries are made, found, listed while they go, and removed")
    func manyEntries() throws {
        let count = 100_000
        let volume = TreeVolume(byteLimit: 1 << 28)
        for index in 0..<count { volume.release(try volume.open("\(index)", .create)) }
        #expect(try volume.status("\(count - 1)").type == .regularFile)

        // Every other entry goes before the listing comes to it; what stays is seen exactly once.
        var cookie: UInt64 = 0
        var seen: [String] = []
        var removed = 0
        while true {
            var batch: [String] = []
            try volume.list(TreeVolume.root, from: cookie) { (next, _, _, name) in
                cookie = next
                batch.append(String(decoding: name, as: UTF8.self))
                return batch.count < 1000
            }
            if batch.isEmpty { break }
            seen += batch
            while removed < count, removed < 4 * seen.count {
                if removed % 2 == 1 { try volume.unlink("\(removed)") }
                removed += 1
            }
        }
        #expect(Set(seen).count == seen.count)
        #expect(seen.filter { Int($0).map { $0 % 2 == 0 } ?? true }.count == 2 + count / 2)
        for index in stride(from: 0, to: count, by: 2) { try volume.unlink("\(index)") }
        #expect(volume.addedByteCount == 0)
        #expect(try volume.listing().count == 2)
    }

    @Test("renaming and linking over and over holds nothing that is gone")
    func churn() throws {
        let volume = TreeVolume(byteLimit: 10_000)
        try volume.write("text", to: "0")
        try volume.createDirectory("d")
        let before = volume.addedByteCount
        for index in 0..<200_000 {
            try volume.rename("\(index % 10)", "\((index + 1) % 10)")
            if index % 4 == 0 { try volume.rename("\((index + 1) % 10)", "d/x") }
            if index % 4 == 0 { try volume.rename("d/x", "\((index + 1) % 10)") }
            try volume.link("\((index + 1) % 10)", "link")
            try volume.unlink("link")
        }
        #expect(volume.addedByteCount == before)
        #expect(try volume.contents("0") == "text")
        #expect(try volume.status("0").linkCount == 1)
        let entries = volume.fileTree().nodes[TreeVolume.root]?.entries
        #expect(entries?.slots.count ?? .max <= 5)
    }

    @Test("links are followed 40 times, however they multiply")
    func links() throws {
        let volume = TreeVolume(byteLimit: 1 << 24)
        try volume.write("text", to: "0")
        for index in 1...41 { try volume.symlink("\(index - 1)", "\(index)") }
        #expect(try volume.contents("40") == "text")
        #expect(throws: Errno.loop) { try volume.contents("41") }
        try volume.symlink("loop", "loop")
        try volume.symlink(String(repeating: "many/", count: 800), "many")
        #expect(throws: Errno.loop) { try volume.status("loop/") }
        #expect(throws: Errno.loop) { try volume.status("many/x") }
        #expect(throws: Errno.loop) { try volume.open("loop", .create) }
    }

    @Test("a volume over a tree of 100,000 files costs nothing until it is used")
    func sharing() throws {
        var tree = WASI.FileTree()
        for index in 0..<100_000 { try tree.addFile("\(index % 100)/\(index)", "text") }
        let shared = tree
        for index in 0..<10_000 {
            let volume = TreeVolume(shared, byteLimit: 1000) { 0 }
            try volume.write("other", to: "7/\(index % 1000 * 100 + 7)")
            #expect(volume.changed.count == 1)
        }
        #expect(shared.contents(of: "7/7") == Array("text".utf8))
    }

    @Test("numbers that lead to nothing are bad descriptors")
    func numbers() throws {
        let volume = TreeVolume()
        for inode in [0, 2, 1000, .max] as [UInt64] {
            #expect(throws: Errno.badf) { try volume.status(of: inode) }
            #expect(throws: Errno.badf) { try volume.open("x", in: inode, .create) }
            #expect(throws: Errno.badf) { try volume.list(inode, from: 0) { _, _, _, _ in true } }
            volume.release(inode)
        }
        for cookie in [3, 1000, .max] as [UInt64] {
            try volume.list(TreeVolume.root, from: cookie) { _, _, _, _ in
                Issue.record("an entry beyond the end")
                return true
            }
        }
    }
}
