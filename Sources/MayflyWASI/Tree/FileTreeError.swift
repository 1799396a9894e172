//! Why a tree in memory could not be made or changed.

internal import Glibc

extension WASI {
    /// A ``WASI/FileTree`` could not be made or changed.
    public struct FileTreeError: Error, CustomStringConvertible {
        /// What was wrong.
        public enum Reason: Sendable, Hashable {
            /// A component is empty, `.`, `..`, or holds a NUL.
            case invalidPath
            /// A component has more than 255 bytes.
            case nameTooLong
            /// A component other than the last is not a directory.
            case notDirectory
            /// Something is there already.
            case exists
            /// There is no file or symbolic link.
            case missing
            /// The target is empty, longer than 4095 bytes, or holds a NUL.
            case invalidTarget
            /// Neither a file, nor a directory, nor a symbolic link.
            case unsupportedKind
            /// More than this many bytes.
            case byteLimit(Int)
            /// The host's `errno`.
            case host(Int32)
        }

        /// The path in question: in the host's file system if something was copied from there, else in the tree.
        public let path: String
        /// What was wrong with it.
        public let reason: Reason

        /// What happened, for people.
        public var description: String {
            let problem =
                switch reason {
                case .invalidPath: "a component of the path is empty, '.' or '..', or holds a NUL"
                case .nameTooLong: "a component of the path has more than \(EntryName.maximumCount) bytes"
                case .notDirectory: "the path leads through something that is not a directory"
                case .exists: "something is there already"
                case .missing: "there is no file or symbolic link"
                case .invalidTarget: "the target is empty, too long, or holds a NUL"
                case .unsupportedKind: "neither a file, nor a directory, nor a symbolic link"
                case .byteLimit(let limit): "together with what was copied before more than \(limit) bytes"
                case .host(let error): String(cString: strerror(error))
                }
            return "'\(path)': \(problem)"
        }
    }
}
