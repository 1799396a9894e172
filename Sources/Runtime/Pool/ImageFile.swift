//! A file whose pages are memories' initial contents: mapped copy-on-write into slots, and read where pages are restored.
//!
//! Images share files: that of a snapshot has the parts of the file it began with that nobody changed, and one of its own for
//! the rest.
//!
//! Invariant: nobody changes the file. A sealed one cannot be changed; of others, whoever provides them says so.

internal import CPlatform
internal import Glibc

final class ImageFile: @unchecked Sendable {
    // Unchecked because of the raw memory, which nobody writes.
    let descriptor: Int32
    /// Where in the file the mapping for reading begins, and how many bytes it has.
    private let start: Int
    private let bytes: Int
    private let view: UnsafeMutableRawPointer

    /// A sealed file in memory.
    ///
    /// - Parameters:
    ///   - bytes: a multiple of the page, not 0.
    ///   - fill: writes to the file, which is all zero.
    init(bytes: Int, _ fill: (Int32) throws(PoolError) -> Void) throws(PoolError) {
        var file: Int32 = -1
        try check(mayfly_image_create("mayfly-image", UInt64(bytes), &file), "memfd_create", "making an image")
        do throws(PoolError) {
            try fill(file)
            try check(mayfly_image_seal(file), "fcntl(F_ADD_SEALS)", "sealing an image")
            view = try Self.map(file, 0, bytes)
        } catch {
            _ = mayfly_image_close(file)
            throw error
        }
        descriptor = file
        start = 0
        self.bytes = bytes
    }

    /// A part of a file that nobody changes as long as this exists.
    ///
    /// - Parameters:
    ///   - descriptor: of the file, for reading. It stays the caller's.
    ///   - range: a multiple of the page in bytes, from one on, not empty, within the file.
    init(_ descriptor: Int32, _ range: Range<Int>) throws(PoolError) {
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        try check(own < 0 ? errno : 0, "fcntl(F_DUPFD_CLOEXEC)", "keeping a snapshot's file open")
        do throws(PoolError) { view = try Self.map(own, range.lowerBound, range.count) } catch {
            _ = mayfly_image_close(own)
            throw error
        }
        self.descriptor = own
        start = range.lowerBound
        bytes = range.count
    }

    private static func map(_ file: Int32, _ offset: Int, _ bytes: Int) throws(PoolError) -> UnsafeMutableRawPointer {
        var view: UnsafeMutableRawPointer?
        try check(mayfly_map_view(bytes, file, UInt64(offset), &view), "mmap", "mapping an image for reading")
        guard let view else { throw .systemCall(name: "mmap", errno: 0, purpose: "mapping an image for reading") }
        return view
    }

    deinit {
        _ = mayfly_unmap(view, bytes)
        _ = mayfly_image_close(descriptor)
    }

    /// Where the bytes from a file's offset on can be read.
    func view(at offset: Int) -> UnsafeRawPointer { UnsafeRawPointer(view + (offset - start)) }
}
