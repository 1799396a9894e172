//! What a guest is given: arguments, environment, standard streams, directories, time, chance. A value, made once and
//! used for any number of contexts.

extension WASI {
    /// What a guest is given. By default: nothing to read, nowhere to write, no arguments and no directories.
    public struct Configuration: Sendable {
        /// The program's arguments; by custom the first is its name. One that holds a NUL ends there.
        public var arguments: [String] = [] { didSet { hasChanged() } }
        /// The program's environment. Guests see it sorted by name.
        public var environment: [String: String] = [:] { didSet { hasChanged() } }
        /// Descriptor 0. By default at its end.
        public var standardInput: Input = .null { didSet { hasChanged() } }
        /// Descriptor 1. By default what is written vanishes.
        public var standardOutput: Output = .null { didSet { hasChanged() } }
        /// Descriptor 2. By default what is written vanishes.
        public var standardError: Output = .null { didSet { hasChanged() } }
        /// What guests are told of the time. By default what the host is.
        public var clocks: Clocks = .host { didSet { hasChanged() } }
        /// Where random numbers come from. By default from the host's secure source.
        public var randomness: Randomness = .host { didSet { hasChanged() } }
        /// How many descriptors a guest may have open at once, the standard streams and all that is given included.
        ///
        /// Guests share what the process may open (`ulimit -n`, often 1024) with each other and with the process.
        public var maximumDescriptorCount = 128 { didSet { hasChanged() } }
        /// How many bytes a guest may put out in all. By default there is no such bound.
        ///
        /// What it writes counts, to streams, wherever they lead, to files and to sockets; what it has allocated in
        /// files; and for each file, directory, link or new name that it makes 256 bytes and the path's. Beyond it all
        /// that fails as on a full disk.
        public var maximumOutputByteCount = Int.max { didSet { hasChanged() } }

        /// The directories given, in the order in which guests find them (from descriptor 3 on).
        public private(set) var preopens: [Preopen] = [] { didSet { hasChanged() } }
        /// The sockets given, which guests find after the directories.
        public private(set) var sockets: [Int32] = [] { didSet { hasChanged() } }

        var pathResolution = PathResolution.automatic { didSet { hasChanged() } }
        private var cache = BlueprintCache()

        /// Nothing is given.
        public init() {}

        /// What contexts are made from.
        var blueprint: Blueprint { cache.blueprint(of: self) }

        private mutating func hasChanged() { cache = BlueprintCache() }

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
            preopens.append(Preopen(source: .host(directory), guestPath: guestPath, access: access))
        }

        /// Gives a directory tree in memory to the guest.
        ///
        /// Every context sees the tree as it is here. What a guest changes in it is that guest's alone, and is gone
        /// with its context; ``WASI/fileTree(preopenedAs:)`` tells what has become of it.
        ///
        /// - Parameters:
        ///   - tree: What the guest finds.
        ///   - guestPath: The name under which the guest finds it.
        ///   - access: What the guest may do in it.
        ///   - byteLimit: How many bytes the guest may add to what the tree holds, names and a fixed cost for every
        ///     file included. Beyond it writing fails as on a full disk. The host must have up to twice as much memory
        ///     for each guest.
        public mutating func preopen(
            _ tree: FileTree, as guestPath: String, access: Access = .readWrite, byteLimit: Int = 16 << 20
        ) {
            preopens.append(
                Preopen(source: .tree(tree, byteLimit: byteLimit), guestPath: guestPath, access: access))
        }

        /// Gives a socket to the guest: one that listens, whose connections the guest accepts, or a connected one.
        ///
        /// The guest finds it under the number that follows those of the directories and of sockets given before.
        ///
        /// - Parameter socket: A descriptor of the host, which must stay open as long as the guest runs, and is not
        ///   closed.
        public mutating func preopen(socket: Int32) { sockets.append(socket) }
    }

    /// A directory given to a guest.
    public struct Preopen: Sendable {
        /// What the guest finds in it.
        public enum Source: Sendable {
            /// A directory of the host.
            case host(Directory)
            /// A tree in memory, and how many bytes the guest may add to it.
            case tree(FileTree, byteLimit: Int)
        }

        /// What the guest finds in it.
        public let source: Source
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
    }

    /// What guests are told of the time.
    public enum Clocks: Sendable, Hashable {
        /// What the host's clocks say.
        case host
        /// The same for every guest at every run. Time stands still while the guest runs; when it waits, the time
        /// waited for passes at once. The clocks of processor time stay at 0.
        ///
        /// Nanoseconds, the first since 1970.
        case fixed(realtime: UInt64, monotonic: UInt64 = 0)
    }

    /// Where a guest's random numbers come from.
    public enum Randomness: Sendable, Hashable {
        /// The host's secure source, getrandom(2).
        case host
        /// A sequence that depends on the seed alone, the same for every guest. It can be predicted: not for secrets.
        case seeded(UInt64)
    }
}
