//! A directory of the host as a guest with WASI calls sees it, with the operations of `TreeVolume`: what trees in
//! memory are compared with.

import Foundation
import Testing

@testable import MayflyWASI

final class HostModel {
    private let directory: TestDirectory
    private let guest: TestGuest

    init() throws {
        directory = try TestDirectory()
        guest = try directory.guest()
    }

    static let root: UInt64 = 3
    private static let bufferSize = 4096

    private func check(_ error: Errno) throws(Errno) {
        if error != .success { throw error }
    }

    /// Calls a function that stores a result of this many bytes.
    private func call(_ name: String, storing count: Int, _ arguments: [UInt64]) throws(Errno) -> UInt32 {
        let result = guest.allocate(count)
        try check(guest.call(name, arguments + [UInt64(result)]))
        return result
    }

    private func onPath(_ name: String, _ directory: UInt64, _ path: [UInt8]) throws(Errno) {
        let path = guest.place(path)
        try check(guest.call(name, directory, path.address, path.count))
    }

    private func status(at address: UInt32) -> FileStatus {
        FileStatus(
            inode: guest.load(UInt64.self, at: address + 8),
            type: FileType(rawValue: guest.load(UInt8.self, at: address + 16)) ?? .unknown,
            linkCount: guest.load(UInt64.self, at: address + 24), size: guest.load(UInt64.self, at: address + 32),
            accessTime: guest.load(UInt64.self, at: address + 40),
            modificationTime: guest.load(UInt64.self, at: address + 48),
            changeTime: guest.load(UInt64.self, at: address + 56))
    }

    func open(
        beneath directory: UInt64, _ path: [UInt8], follows: Bool, flags: OpenFlags, writes: Bool
    ) throws(Errno) -> UInt64 {
        let path = guest.place(path)
        let rights: Rights = writes ? [.fdRead, .fdWrite] : .fdRead
        let result = try call(
            "path_open", storing: 4,
            [
                directory, follows ? 1 : 0, path.address, path.count, UInt64(flags.rawValue), rights.rawValue, .max, 0,
            ])
        return UInt64(guest.load(UInt32.self, at: result))
    }

    func release(_ descriptor: UInt64) { _ = guest.call("fd_close", descriptor) }

    func status(of descriptor: UInt64) throws(Errno) -> FileStatus {
        status(at: try call("fd_filestat_get", storing: 64, [descriptor]))
    }

    func status(beneath directory: UInt64, _ path: [UInt8], follows: Bool) throws(Errno) -> FileStatus {
        let path = guest.place(path)
        return status(
            at: try call("path_filestat_get", storing: 64, [directory, follows ? 1 : 0, path.address, path.count]))
    }

    func setTimes(
        beneath directory: UInt64, _ path: [UInt8], follows: Bool, access: UInt64, modification: UInt64
    ) throws(Errno) {
        let path = guest.place(path)
        let flags: TimestampFlags = [.access, .modification]
        try check(
            guest.call(
                "path_filestat_set_times", directory, follows ? 1 : 0, path.address, path.count, access, modification,
                UInt64(flags.rawValue)))
    }

    func createDirectory(beneath directory: UInt64, _ path: [UInt8]) throws(Errno) {
        try onPath("path_create_directory", directory, path)
    }

    func removeDirectory(beneath directory: UInt64, _ path: [UInt8]) throws(Errno) {
        try onPath("path_remove_directory", directory, path)
    }

    func unlinkFile(beneath directory: UInt64, _ path: [UInt8]) throws(Errno) {
        try onPath("path_unlink_file", directory, path)
    }

    func rename(
        beneath oldDirectory: UInt64, _ oldPath: [UInt8], to newDirectory: UInt64, _ newPath: [UInt8]
    ) throws(Errno) {
        let old = guest.place(oldPath)
        let new = guest.place(newPath)
        try check(
            guest.call("path_rename", oldDirectory, old.address, old.count, newDirectory, new.address, new.count))
    }

    func link(
        beneath oldDirectory: UInt64, _ oldPath: [UInt8], to newDirectory: UInt64, _ newPath: [UInt8]
    ) throws(Errno) {
        let old = guest.place(oldPath)
        let new = guest.place(newPath)
        try check(
            guest.call("path_link", oldDirectory, 0, old.address, old.count, newDirectory, new.address, new.count))
    }

    func symlink(_ target: [UInt8], beneath directory: UInt64, _ path: [UInt8]) throws(Errno) {
        let target = guest.place(target)
        let path = guest.place(path)
        try check(
            guest.call("path_symlink", target.address, target.count, directory, path.address, path.count))
    }

    func readlink(beneath directory: UInt64, _ path: [UInt8]) throws(Errno) -> [UInt8] {
        let path = guest.place(path)
        let buffer = guest.allocate(Self.bufferSize)
        let result = try call(
            "path_readlink", storing: 4,
            [directory, path.address, path.count, UInt64(buffer), UInt64(Self.bufferSize)])
        return guest.bytes(at: buffer, count: Int(guest.load(UInt32.self, at: result)))
    }

    func read(_ descriptor: UInt64, at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
        let buffer = guest.allocate(count)
        let vector = guest.allocate(8)
        guest.store(buffer, at: vector)
        guest.store(UInt32(count), at: vector + 4)
        let result = try call("fd_pread", storing: 4, [descriptor, UInt64(vector), 1, offset])
        return guest.bytes(at: buffer, count: Int(guest.load(UInt32.self, at: result)))
    }

    func write(_ descriptor: UInt64, at offset: UInt64, _ bytes: [UInt8]) throws(Errno) -> Int {
        let source = guest.place(bytes)
        let vector = guest.allocate(8)
        guest.store(UInt32(source.address), at: vector)
        guest.store(UInt32(source.count), at: vector + 4)
        let result = try call("fd_pwrite", storing: 4, [descriptor, UInt64(vector), 1, offset])
        return Int(guest.load(UInt32.self, at: result))
    }

    func setSize(of descriptor: UInt64, to size: UInt64) throws(Errno) {
        try check(guest.call("fd_filestat_set_size", descriptor, size))
    }

    func allocate(_ descriptor: UInt64, offset: UInt64, length: UInt64) throws(Errno) {
        try check(guest.call("fd_allocate", descriptor, offset, length))
    }

    /// The names and types in a directory that fits into one buffer.
    func list(_ descriptor: UInt64) throws(Errno) -> [String: FileType] {
        let buffer = guest.allocate(Self.bufferSize)
        let result = try call(
            "fd_readdir", storing: 4, [descriptor, UInt64(buffer), UInt64(Self.bufferSize), 0])
        let end = buffer + guest.load(UInt32.self, at: result)
        var entries: [String: FileType] = [:]
        var address = buffer
        while address < end {
            let count = guest.load(UInt32.self, at: address + 16)
            let name = String(decoding: guest.bytes(at: address + 24, count: Int(count)), as: UTF8.self)
            entries[name] = FileType(rawValue: guest.load(UInt8.self, at: address + 20))
            address += 24 + count
        }
        return entries
    }
}
