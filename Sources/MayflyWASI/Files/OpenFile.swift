//! What a descriptor stands for: an open file description, as POSIX calls it.
//!
//! One class for each kind of thing a guest can have open; what a kind does not override is refused, with the error
//! number given here. Rights are checked before (`WASI+….swift`), so that no kind has to. An open file belongs to one
//! context; what it holds of the host is let go of when it is closed or dropped, whichever comes first.

internal import Glibc

/// Ranges of a guest's memory, checked and translated: read from memory once, never again during the call.
typealias Vectors = UnsafeBufferPointer<iovec>

class OpenFile {
    /// `whence`.
    enum Whence: UInt8 { case start, current, end }

    /// What `poll_oneoff` can wait for.
    enum Direction: UInt8 { case reading = 1, writing }

    /// How it finds out.
    enum Readiness {
        /// It need not wait. The count is of bytes that can be read.
        case now(byteCount: UInt64)
        /// Ask the kernel about this descriptor.
        case whenReady(Int32)
    }

    /// Flags that the guest set where there are no real ones, or none that are the guest's to change.
    final var emulatedFlags: DescriptorFlags = []

    /// The rights that make sense for it.
    var sensibleRights: Rights { .stream }

    /// What is written in one call is one message, which cannot be had in parts.
    var keepsMessages: Bool { false }

    /// Itself, if paths can start here.
    var asDirectory: DirectoryFile? { nil }

    // What concerns it as a whole.

    func type() throws(Errno) -> FileType { .unknown }

    func status() throws(Errno) -> FileStatus { FileStatus(type: try type()) }

    func flags() throws(Errno) -> DescriptorFlags { emulatedFlags }

    func setFlags(_ flags: DescriptorFlags) throws(Errno) { emulatedFlags = flags }

    /// Sets flags where they are not the kernel's, as it would: append and nonblock only, and refuses to change the
    /// others.
    final func emulateFlags(_ flags: DescriptorFlags) throws(Errno) {
        guard emulatedFlags.intersection(.fixed) == flags.intersection(.fixed) else { throw .notsup }
        emulatedFlags = flags
    }

    func setTimes(_ times: Timestamps, for context: WASI) throws(Errno) { throw .badf }

    func setSize(_ size: off_t, for context: WASI) throws(Errno) { throw .inval }

    func synchronize(dataOnly: Bool, for context: WASI) throws(Errno) {}

    func advise(_ offset: off_t, _ length: off_t, _ advice: Int32) throws(Errno) { throw .spipe }

    func allocate(_ offset: off_t, _ length: off_t, for context: WASI) throws(Errno) { throw .spipe }

    // Reading and writing. The results are numbers of bytes; less than asked for is no error.

    func read(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int { throw .badf }

    func write(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int { throw .badf }

    func read(_ vectors: Vectors, at offset: off_t, for context: WASI) throws(Errno) -> Int { throw .spipe }

    func write(_ vectors: Vectors, at offset: off_t, for context: WASI) throws(Errno) -> Int { throw .spipe }

    /// - Returns: The new position, from the start.
    func seek(_ offset: Int64, from whence: Whence) throws(Errno) -> UInt64 { throw .spipe }

    func readiness(_ direction: Direction) throws(Errno) -> Readiness { .now(byteCount: 0) }

    /// Closes it now, so that an error can be told.
    func close() throws(Errno) {}
}

/// What a guest can start a path from.
///
/// Every path is relative to the directory and stays beneath it, however it is resolved.
class DirectoryFile: OpenFile {
    /// What `path_open` asks for.
    struct Request {
        var path: GuestPath
        /// A symbolic link in the last place is followed.
        var follows: Bool
        var openFlags: OpenFlags
        var flags: DescriptorFlags
        var reads: Bool
        var writes: Bool
    }

    /// Of one that the embedder gave: the name the guest knows it by.
    final var preopenName: String?

    override var sensibleRights: Rights { .directory }
    override var asDirectory: DirectoryFile? { self }
    override func type() throws(Errno) -> FileType { .directory }

    override func read(_ vectors: Vectors, for context: WASI) throws(Errno) -> Int { throw .isdir }
    override func read(_ vectors: Vectors, at offset: off_t, for context: WASI) throws(Errno) -> Int { throw .isdir }
    override func write(_ vectors: Vectors, at offset: off_t, for context: WASI) throws(Errno) -> Int { throw .isdir }
    override func seek(_ offset: Int64, from whence: Whence) throws(Errno) -> UInt64 { throw .isdir }
    override func setSize(_ size: off_t, for context: WASI) throws(Errno) { throw .isdir }
    override func advise(_ offset: off_t, _ length: off_t, _ advice: Int32) throws(Errno) { throw .badf }
    override func allocate(_ offset: off_t, _ length: off_t, for context: WASI) throws(Errno) { throw .isdir }

    func open(_ request: Request, for context: WASI) throws(Errno) -> OpenFile { throw .notsup }

    func status(of path: GuestPath, follows: Bool, for context: WASI) throws(Errno) -> FileStatus { throw .notsup }

    func setTimes(
        of path: GuestPath, follows: Bool, _ times: Timestamps, for context: WASI
    ) throws(Errno) { throw .notsup }

    func createDirectory(_ path: GuestPath) throws(Errno) { throw .notsup }

    func removeDirectory(_ path: GuestPath) throws(Errno) { throw .notsup }

    func unlinkFile(_ path: GuestPath) throws(Errno) { throw .notsup }

    func rename(_ path: GuestPath, to target: DirectoryFile, _ newPath: GuestPath) throws(Errno) { throw .notsup }

    /// Makes another name for a file, not through a symbolic link in the last place.
    func link(
        _ path: GuestPath, to target: DirectoryFile, _ newPath: GuestPath, for context: WASI
    ) throws(Errno) { throw .notsup }

    func createSymbolicLink(_ path: GuestPath, to target: GuestPath) throws(Errno) { throw .notsup }

    /// Stores where a symbolic link leads, as far as it fits.
    func readLink(
        _ path: GuestPath, into destination: UnsafeMutableRawBufferPointer, for context: WASI
    ) throws(Errno) -> Int { throw .notsup }

    /// Fills the buffer with entries from a cookie's place on; the last may be cut off.
    ///
    /// - Returns: Bytes filled. Fewer than the buffer holds means that the directory's end was reached.
    func list(
        from cookie: UInt64, into destination: UnsafeMutableRawBufferPointer, for context: WASI
    ) throws(Errno) -> Int { throw .notsup }
}
