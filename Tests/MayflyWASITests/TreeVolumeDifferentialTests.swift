//! Random operations on a tree in memory and on a directory of the host: the same results, errors and state, always.

import TestSupport
import Testing

@testable import MayflyWASI

@Suite("WASI: trees in memory behave as the host's")
struct TreeVolumeDifferentialTests {
    /// Operations per seed.
    static let stepCount = 1500

    @Test("random operations give what the host gives", arguments: [1, 2, 3, 4] as [UInt64])
    func random(_ seed: UInt64) throws {
        print("Differential test of TreeVolume: seed \(seed)")
        let comparison = try Comparison(seed: seed, rebases: seed % 2 == 0)
        for step in 0..<Self.stepCount {
            comparison.step()
            guard comparison.differences.isEmpty else {
                Issue.record("seed \(seed), step \(step): \(comparison.differences.joined(separator: "; "))")
                return
            }
        }
    }
}

/// A volume and a host directory, to which the same is done.
private final class Comparison {
    /// Open in both: for the volume an inode, for the host a descriptor.
    struct Opened {
        let volume: UInt64
        let host: UInt64
        let isDirectory: Bool
        let name: String
    }

    private var random: SeededGenerator
    private var volume: TreeVolume
    private let host: HostModel
    private var opened: [Opened]
    private(set) var differences: [String] = []
    /// The volume is now and then made anew over what it holds, so that operations meet nodes of a base.
    private let rebases: Bool

    init(seed: UInt64, rebases: Bool) throws {
        random = SeededGenerator(seed: seed)
        self.rebases = rebases
        volume = TreeVolume()
        host = try HostModel()
        opened = [Opened(volume: TreeVolume.root, host: HostModel.root, isDirectory: true, name: "root")]
    }

    /// Does something, and looks at everything.
    func step() {
        if rebases, random.oneIn(50) { rebase() }
        switch random.below(22) {
        case 0...4: open()
        case 5, 6: createDirectory()
        case 7: removeDirectory()
        case 8: unlinkFile()
        case 9...12: rename()
        case 13: link()
        case 14, 15: symlink()
        case 16: readlink()
        case 17: status()
        case 18...20: useFile()
        default: close()
        }
        compareState()
    }

    // MARK: Choices

    private func directory() -> Opened {
        let directories = opened.filter(\.isDirectory)
        return random.oneIn(2) ? directories[0] : random.pick(directories)
    }

    private func path() -> [UInt8] {
        let names = ["a", "b", "c", "d", "a", "b", "c", "d", "a", "b", "c", "d", ".", ".."]
        var path = ""
        for index in 0..<[1, 1, 1, 2, 2, 3, 4][random.below(7)] {
            if index > 0 { path += random.oneIn(10) ? "//" : "/" }
            path += random.oneIn(60) ? String(repeating: "n", count: 255 + random.below(2)) : random.pick(names)
        }
        if random.oneIn(6) { path += "/" }
        if random.oneIn(100) { path = "/" + path }
        return Array(path.utf8)
    }

    // MARK: Operations

    /// Does the same on both sides and compares results, which are nil if the operation failed.
    @discardableResult
    private func both<Volume, Host>(
        _ what: String, _ onVolume: () throws(Errno) -> Volume, _ onHost: () throws(Errno) -> Host
    ) -> (Volume, Host)? {
        let volumeResult = Result(catching: onVolume)
        let hostResult = Result(catching: onHost)
        switch (volumeResult, hostResult) {
        case (.success(let volume), .success(let host)):
            return (volume, host)
        case (.failure(let volume), .failure(let host)) where volume == host: break
        default: differences.append("\(what): \(volumeResult), host \(hostResult)")
        }
        return nil
    }

    private func compare<Value: Equatable>(_ what: String, _ volume: Value, _ host: Value) {
        if volume != host { differences.append("\(what): \(volume), host \(host)") }
    }

    private func open() {
        let (directory, path, follows, writes) = (directory(), path(), random.oneIn(2), random.oneIn(2))
        var flags: OpenFlags = []
        if random.oneIn(2) { flags.insert(.create) }
        if random.oneIn(4) { flags.insert(.directory) }
        if random.oneIn(4) { flags.insert(.exclusive) }
        if random.oneIn(4) { flags.insert(.truncate) }
        let name = "\(directory.name):\(String(decoding: path, as: UTF8.self))"
        let result = both(
            "open \(name) \(flags) follows \(follows) writes \(writes)",
            { () throws(Errno) in
                try volume.open(beneath: directory.volume, path, follows: follows, flags: flags, writes: writes)
            },
            { () throws(Errno) in
                try host.open(beneath: directory.host, path, follows: follows, flags: flags, writes: writes)
            })
        guard let (inode, descriptor) = result else { return }
        let isDirectory = (try? volume.status(of: inode).type) == .directory
        if !isDirectory, !writes {
            volume.release(inode)
            host.release(descriptor)
            return
        }
        opened.append(Opened(volume: inode, host: descriptor, isDirectory: isDirectory, name: name))
        if opened.count > 12 { close() }
    }

    private func close() {
        guard opened.count > 1 else { return }
        let closed = opened.remove(at: 1 + random.below(opened.count - 1))
        volume.release(closed.volume)
        host.release(closed.host)
    }

    private func rebase() {
        while opened.count > 1 { close() }
        volume = TreeVolume(volume.fileTree(), byteLimit: volume.byteLimit) { 0 }
    }

    private func onPath(
        _ what: String, _ onVolume: (UInt64, [UInt8]) throws(Errno) -> Void,
        _ onHost: (UInt64, [UInt8]) throws(Errno) -> Void
    ) {
        let (directory, path) = (directory(), path())
        both(
            "\(what) \(directory.name):\(String(decoding: path, as: UTF8.self))",
            { () throws(Errno) in try onVolume(directory.volume, path) },
            { () throws(Errno) in try onHost(directory.host, path) })
    }

    private func onPaths(
        _ what: String, _ onVolume: (UInt64, [UInt8], UInt64, [UInt8]) throws(Errno) -> Void,
        _ onHost: (UInt64, [UInt8], UInt64, [UInt8]) throws(Errno) -> Void
    ) {
        let (old, oldPath, new, newPath) = (directory(), path(), directory(), path())
        both(
            "\(what) \(old.name):\(String(decoding: oldPath, as: UTF8.self))"
                + " to \(new.name):\(String(decoding: newPath, as: UTF8.self))",
            { () throws(Errno) in try onVolume(old.volume, oldPath, new.volume, newPath) },
            { () throws(Errno) in try onHost(old.host, oldPath, new.host, newPath) })
    }

    private func createDirectory() {
        onPath("mkdir", volume.createDirectory(beneath:_:), host.createDirectory(beneath:_:))
    }

    private func removeDirectory() {
        onPath("rmdir", volume.removeDirectory(beneath:_:), host.removeDirectory(beneath:_:))
    }

    private func unlinkFile() {
        onPath("unlink", volume.unlinkFile(beneath:_:), host.unlinkFile(beneath:_:))
    }

    private func rename() {
        onPaths("rename", volume.rename(beneath:_:to:_:), host.rename(beneath:_:to:_:))
    }

    private func link() {
        onPaths("link", volume.link(beneath:_:to:_:), host.link(beneath:_:to:_:))
    }

    private func symlink() {
        let target = path()
        onPath(
            "symlink to \(String(decoding: target, as: UTF8.self)) at",
            { (directory, path) throws(Errno) in try volume.symlink(target, beneath: directory, path) },
            { (directory, path) throws(Errno) in try host.symlink(target, beneath: directory, path) })
    }

    private func readlink() {
        let (directory, path) = (directory(), path())
        let what = "readlink \(directory.name):\(String(decoding: path, as: UTF8.self))"
        let result = both(
            what, { () throws(Errno) in try volume.readlink(beneath: directory.volume, path) },
            { () throws(Errno) in try host.readlink(beneath: directory.host, path) })
        if let result { compare(what, result.0, result.1) }
    }

    private func status() {
        let (directory, path, follows, time) = (directory(), path(), random.oneIn(2), random.next() >> 8)
        let name = "\(directory.name):\(String(decoding: path, as: UTF8.self)), follows \(follows)"
        let result = both(
            "status \(name)",
            { () throws(Errno) in try volume.status(beneath: directory.volume, path, follows: follows) },
            { () throws(Errno) in try host.status(beneath: directory.host, path, follows: follows) })
        guard let result else { return }
        compare("status \(name)", result.0, result.1)
        both(
            "set times \(name)",
            { () throws(Errno) in
                try volume.setTimes(
                    beneath: directory.volume, path, follows: follows, access: time, modification: time / 2)
            },
            { () throws(Errno) in
                try host.setTimes(
                    beneath: directory.host, path, follows: follows, access: time, modification: time / 2)
            })
        let after = both(
            "status \(name)",
            { () throws(Errno) in try volume.status(beneath: directory.volume, path, follows: follows) },
            { () throws(Errno) in try host.status(beneath: directory.host, path, follows: follows) })
        guard let after else { return }
        // The host may have followed the very link on the way, which is an access.
        if after.0.type != .symbolicLink {
            compare("access time \(name)", after.0.accessTime, after.1.accessTime)
        }
        compare("modification time \(name)", after.0.modificationTime, after.1.modificationTime)
    }

    private func useFile() {
        let file = random.pick(opened)
        let (offset, count) = (UInt64(random.below(200)), random.below(100))
        switch random.below(4) {
        case 0, 1:
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let result = both(
                "write \(file.name)",
                { () throws(Errno) in try volume.write(file.volume, at: offset, bytes) },
                { () throws(Errno) in try host.write(file.host, at: offset, bytes) })
            if let result { compare("write \(file.name)", result.0, result.1) }
        case 2:
            both(
                "set size \(file.name)", { () throws(Errno) in try volume.setSize(of: file.volume, to: offset) },
                { () throws(Errno) in try host.setSize(of: file.host, to: offset) })
        default:
            both(
                "allocate \(file.name) \(offset) \(count)",
                { () throws(Errno) in
                    try volume.allocate(file.volume, offset: offset, length: UInt64(count))
                }, { () throws(Errno) in try host.allocate(file.host, offset: offset, length: UInt64(count)) })
        }
    }

    // MARK: State

    private func compare(_ what: String, _ volume: FileStatus, _ host: FileStatus) {
        compare("type of \(what)", volume.type, host.type)
        compare("links of \(what)", volume.linkCount, host.linkCount)
        if volume.type != .directory { compare("size of \(what)", volume.size, host.size) }
    }

    /// Compares all that can be reached and all that is open, and what it counts.
    private func compareState() {
        if !rebases {
            let unlinked = Set(opened.map(\.volume)).filter { (try? volume.status(of: $0).linkCount) == 0 }
            let cost = unlinked.reduce(volume.fileTree().cost) {
                $0 + TreeNode.cost + Int((try? volume.size(of: $1)) ?? 0)
            }
            compare("bytes added", volume.addedByteCount, cost)
        }
        for node in opened {
            let result = both(
                node.name, { () throws(Errno) in try volume.status(of: node.volume) },
                { () throws(Errno) in try host.status(of: node.host) })
            if let result { compare(node.name, result.0, result.1) }
            if node.isDirectory {
                _ = compareListing(node)
            } else {
                compareContents(node)
            }
        }
        var directories = [opened[0]]
        while let directory = directories.popLast() {
            for (name, type) in compareListing(directory) where name != "." && name != ".." {
                compareEntry(Array(name.utf8), type, in: directory, &directories)
            }
            if directory.volume != opened[0].volume {
                volume.release(directory.volume)
                host.release(directory.host)
            }
        }
    }

    private func compareListing(_ directory: Opened) -> [String: FileType] {
        let result = both(
            "list \(directory.name)", { () throws(Errno) in try volume.listing(directory.volume) },
            { () throws(Errno) in try host.list(directory.host) })
        guard let (entries, hostEntries) = result else { return [:] }
        compare("entries of \(directory.name)", entries, hostEntries)
        return entries
    }

    private func compareEntry(
        _ name: [UInt8], _ type: FileType, in directory: Opened, _ directories: inout [Opened]
    ) {
        let path = "\(directory.name)/\(String(decoding: name, as: UTF8.self))"
        let result = both(
            path, { () throws(Errno) in try volume.status(beneath: directory.volume, name, follows: false) },
            { () throws(Errno) in try host.status(beneath: directory.host, name, follows: false) })
        if let result { compare(path, result.0, result.1) }
        if type == .symbolicLink {
            let result = both(
                path, { () throws(Errno) in try volume.readlink(beneath: directory.volume, name) },
                { () throws(Errno) in try host.readlink(beneath: directory.host, name) })
            if let result { compare(path, result.0, result.1) }
            return
        }
        let nodes = both(
            path,
            { () throws(Errno) in
                try volume.open(beneath: directory.volume, name, follows: false, flags: [], writes: false)
            },
            { () throws(Errno) in
                try host.open(beneath: directory.host, name, follows: false, flags: [], writes: false)
            })
        guard let nodes else { return }
        let node = Opened(volume: nodes.0, host: nodes.1, isDirectory: type == .directory, name: path)
        if node.isDirectory {
            directories.append(node)
        } else {
            compareContents(node)
            volume.release(node.volume)
            host.release(node.host)
        }
    }

    private func compareContents(_ file: Opened) {
        let result = both(
            file.name, { () throws(Errno) in try volume.contents(file.volume) },
            { () throws(Errno) in try host.read(file.host, at: 0, count: 4096) })
        if let result { compare(file.name, result.0, result.1) }
    }
}
