//! A directory of the host that guests may be given.
//!
//! Opened once, when a configuration is made, and shared by every context made from it: a context per request costs no
//! system call. Its descriptor is only ever the start of a path; a guest that lists it gets a descriptor of its own.

internal import CPlatform
internal import Glibc

extension WASI {
    /// An open directory of the host, to be given to guests.
    ///
    /// It stays open as long as a configuration or a running guest holds it, whatever becomes of its path meanwhile.
    public final class Directory: Sendable {
        let descriptor: Int32

        /// Opens a directory.
        ///
        /// - Throws: ``WASI/DirectoryError`` if the path does not name a directory that this process may read.
        public init(path: String) throws(DirectoryError) {
            let result =
                path.utf8.contains(0)
                ? -EINVAL : mayfly_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
            if result < 0 { throw DirectoryError(path: path, errorNumber: -result) }
            descriptor = result
        }

        deinit { close(descriptor) }
    }

    /// A directory could not be opened.
    public struct DirectoryError: Error, CustomStringConvertible {
        /// What should have been opened.
        public let path: String
        /// The host's `errno`.
        public let errorNumber: Int32

        /// What happened, for people.
        public var description: String {
            "cannot open directory '\(path)': \(String(cString: strerror(errorNumber)))"
        }
    }
}
