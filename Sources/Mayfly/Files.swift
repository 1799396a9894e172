//! Reading a whole file, with the C library only.

import Glibc
import Runtime

func readFile(_ path: String) throws(CompileError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .unreadableFile(path: path, errno: errno) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        let count = read(file, &chunk, chunk.count)
        if count == 0 { return bytes }
        guard count > 0 else {
            if errno == EINTR { continue }
            throw .unreadableFile(path: path, errno: errno)
        }
        bytes += chunk[..<count]
    }
}

/// Maps a file, and hands it on with its descriptor; one that cannot be mapped, a pipe for one, is read.
func withFile<Result>(
    at path: String, mapped: (MappedFile, Int32) throws(CompileError) -> Result,
    read: ([UInt8]) throws(CompileError) -> Result
) throws(CompileError) -> Result {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadableFile(path: path, errno: errno) }
    defer { close(descriptor) }
    let file: MappedFile
    do { file = try MappedFile(descriptor: descriptor) } catch { return try read(try readFile(path)) }
    return try mapped(file, descriptor)
}
