//! What a guest is given: arguments, environment, standard streams and directories. A value, made once and used for any
//! number of contexts.

extension WASI {
    /// What a guest is given. By default: nothing to read, nowhere to write, no arguments and no directories.
    public struct Configuration: Sendable {
        /// The program's arguments; by custom the first is its name. One that holds a NUL ends there.
        public var arguments: [String] = []
        /// The program's environment. Guests see it sorted by name.
        public var environment: [String: String] = [:]
        /// Descriptor 0. By default at its end.
        public var standardInput: Input = .null { didSet { initialDescriptors = makeInitialDescriptors() } }
        /// Descriptor 1. By default what is written vanishes.
        public var standardOutput: Output = .null { didSet { initialDescriptors = makeInitialDescriptors() } }
        /// Descriptor 2. By default what is written vanishes.
        public var standardError: Output = .null { didSet { initialDescriptors = makeInitialDescriptors() } }
        /// How many descriptors a guest may have open at once, the standard streams and given directories included.
        public var maximumDescriptorCount = 1024

        /// The directories given, in the order in which guests find them (from descriptor 3 on).
        public private(set) var preopens: [Preopen] = [] {
            didSet { initialDescriptors = makeInitialDescriptors() }
        }

        /// What every context's table starts with.
        private(set) var initialDescriptors: [Descriptor?] = []
        var pathResolution = PathResolution.automatic

        /// Nothing is given.
        public init() { initialDescriptors = makeInitialDescriptors() }

        /// Gives a directory to the guest, and all that lies beneath it.
        ///
        /// Nothing outside can be reached through it: not by `..`, not by absolute paths, not by symbolic links.
        ///
        /// - Parameters:
        ///   - hostPath: The directory in the host's file system. It is opened now.
        ///   - guestPath: The name under which the guest finds it.
        ///   - access: What the guest may do in it and beneath it.
        /// - Throws: ``WASI/DirectoryError`` if the directory cannot be opened.
        public mutating func preopen(
            _ hostPath: String, as guestPath: String, access: Access = .readWrite
        ) throws(DirectoryError) {
            preopen(try Directory(path: hostPath), as: guestPath, access: access)
        }

        /// Gives an open directory to the guest, and all that lies beneath it.
        public mutating func preopen(_ directory: Directory, as guestPath: String, access: Access = .readWrite) {
            preopens.append(Preopen(directory: directory, guestPath: guestPath, access: access))
        }
    }

    /// A directory given to a guest.
    public struct Preopen: Sendable {
        /// The open directory.
        public let directory: Directory
        /// The name under which the guest finds it.
        public let guestPath: String
        /// What the guest may do in it and beneath it.
        public let access: Access
    }

    /// What a guest may do in a directory.
    public enum Access: Sendable, Hashable {
        /// Look and read, not create, change or remove.
        case readOnly
        /// All that this process may do.
        case readWrite
    }

    /// Where a guest's standard input comes from.
    public enum Input: Sendable {
        /// At its end from the start.
        case null
        /// The host process's own.
        case inherit
        /// A descriptor of the host, which must stay open as long as the guest runs, and is not closed.
        case descriptor(Int32)
        /// These bytes, then the end.
        case bytes([UInt8])

        var bytes: [UInt8] { if case .bytes(let bytes) = self { bytes } else { [] } }
    }

    /// Where a guest's standard output or standard error goes.
    public enum Output: Sendable {
        /// Nowhere. Writing succeeds.
        case null
        /// The host process's own stream of the same name, unbuffered.
        case inherit
        /// A descriptor of the host, which must stay open as long as the guest runs, and is not closed.
        case descriptor(Int32)
        /// Kept in memory for ``WASI/takeStandardOutput()`` or ``WASI/takeStandardError()``. Beyond the limit (bytes)
        /// writing fails as on a full disk.
        case capture(limit: Int)
        /// Kept in memory, up to 16 MiB.
        public static var capture: Output { .capture(limit: 16 << 20) }

        var captureLimit: Int { if case .capture(let limit) = self { limit } else { 0 } }
    }
}
