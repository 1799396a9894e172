//! Opening paths beneath a directory, such that no path leads out of it.
//!
//! The sandbox of the file system rests on this file. Invariants:
//! - every path a guest names is opened through `open(beneath:)` or is one component handed to an `*at` call that does
//!   not follow a symbolic link in it, relative to a descriptor opened here;
//! - `..` never passes the directory, symbolic links are followed only as far as they stay beneath it, absolute ones
//!   never, and neither are the kernel's magic links (`/proc/self/fd/…`);
//! - that holds while others rename and replace what is being walked.
//!
//! The kernel's openat2(2) does all of it in one call. Where it is missing (before Linux 5.6, or forbidden by a seccomp
//! filter) the path is walked one component at a time, and `..` goes back to the directory that the walk came from,
//! never to where the kernel says that the parent lies by now.

internal import CPlatform
internal import Glibc
internal import Synchronization

enum PathResolution {
    /// openat2(2) if the kernel has it, else the walk.
    case automatic
    /// Always the walk.
    case walk

    /// Symbolic links followed in one path before `loop`; the kernel's own bound.
    static let maximumLinks = 40
    /// Directories the walk holds open at once before `nametoolong`. (openat2 has no such bound.)
    static let maximumDepth = 256
    /// Retries of openat2 while something is renamed under it. After that the walk decides.
    private static let maximumRetries = 16

    private static let kernelLacksOpenat2 = Atomic(false)

    /// Opens a path that lies beneath a directory and stays there.
    ///
    /// - Parameters:
    ///   - path: Relative and NUL-terminated.
    ///   - flags: As for open(2). `O_CLOEXEC` and `O_NOCTTY` are added.
    /// - Returns: A descriptor that belongs to the caller.
    /// - Throws: `notcapable` if the path leads out of the directory.
    func open(beneath directory: Int32, _ path: [CChar], flags: Int32, mode: mode_t = 0) throws(Errno) -> Int32 {
        // openat2 refuses other flags beside O_PATH.
        let flags = flags | O_CLOEXEC | (flags & mayfly_o_path == 0 ? O_NOCTTY : 0)
        if self == .automatic, !Self.kernelLacksOpenat2.load(ordering: .relaxed) {
            for _ in 0..<Self.maximumRetries {
                let result = mayfly_openat_beneath(directory, path, flags, mode)
                if result >= 0 { return result }
                switch -result {
                case EXDEV: throw .notcapable
                case EAGAIN where flags & O_NONBLOCK == 0: continue
                case ENOSYS: Self.kernelLacksOpenat2.store(true, ordering: .relaxed)
                // A seccomp filter's answer, or the file's own: the walk finds out.
                case EPERM, EAGAIN: break
                default: throw Errno(host: -result)
                }
                break
            }
        }
        var walk = Walk(root: directory, path: path)
        return try walk.open(flags: flags, mode: mode)
    }

    /// Opens the directory that holds the path's last component.
    func openParent(beneath directory: Int32, of path: GuestPath) throws(Errno) -> ParentDirectory {
        guard let parent = path.parent else { return ParentDirectory(borrowing: directory) }
        return ParentDirectory(owning: try open(beneath: directory, parent, flags: mayfly_o_path | O_DIRECTORY))
    }
}

/// A directory for the duration of one operation: opened for it, or the very directory that the operation started from.
struct ParentDirectory: ~Copyable {
    let descriptor: Int32
    private let isOwned: Bool

    init(owning descriptor: Int32) {
        self.descriptor = descriptor
        isOwned = true
    }

    init(borrowing descriptor: Int32) {
        self.descriptor = descriptor
        isOwned = false
    }

    deinit { if isOwned { close(descriptor) } }
}

/// Resolution component by component.
private struct Walk: ~Copyable {
    private let root: Int32
    /// The directories between the root and where the walk is, innermost last. All owned.
    private var directories: [Int32] = []
    /// What is still to be walked, without terminator. Grows by the targets of symbolic links, which their number
    /// bounds.
    private var pending: ArraySlice<CChar>
    private var linkCount = 0

    private static let slash = CChar(UInt8(ascii: "/"))
    private static let dot: [CChar] = [CChar(UInt8(ascii: ".")), 0]
    private static let dotDot: [CChar] = [CChar(UInt8(ascii: ".")), CChar(UInt8(ascii: ".")), 0]

    init(root: Int32, path: [CChar]) {
        self.root = root
        pending = path.dropLast()
    }

    deinit { for directory in directories { close(directory) } }

    private var current: Int32 { directories.last ?? root }

    mutating func open(flags: Int32, mode: mode_t) throws(Errno) -> Int32 {
        guard let first = pending.first else { throw .noent }
        if first == Self.slash { throw .notcapable }
        let followsLast = flags & O_NOFOLLOW == 0 && flags & (O_CREAT | O_EXCL) != (O_CREAT | O_EXCL)
        while true {
            let (name, mustBeDirectory, isLast) = nextComponent()
            if name == Self.dotDot {
                guard let left = directories.popLast() else { throw .notcapable }
                close(left)
            } else if name != Self.dot {
                if mustBeDirectory {
                    // What is to be made here is a file, and could not be had under a name with a slash.
                    if isLast, flags & O_CREAT != 0 { throw .isdir }
                    guard try enter(name) else { continue }
                } else {
                    if followsLast, try expandLink(name) { continue }
                    if let descriptor = try openLast(name, flags: flags, mode: mode, followsLast: followsLast) {
                        return descriptor
                    }
                    continue
                }
            }
            // Where the walk stands is itself what was asked for.
            if isLast { return try unnegated(mayfly_openat(current, Self.dot, flags, mode)) }
        }
    }

    /// Takes the next component off the pending path. With nothing left it is `.`.
    private mutating func nextComponent() -> (name: [CChar], mustBeDirectory: Bool, isLast: Bool) {
        pending = pending.drop { $0 == Self.slash }
        let name = pending.prefix { $0 != Self.slash }
        let isFollowedBySlash = name.endIndex < pending.endIndex
        pending = pending[name.endIndex...]
        let isLast = pending.allSatisfy { $0 == Self.slash }
        return (name.isEmpty ? Self.dot : name + [0], isFollowedBySlash, isLast)
    }

    /// Goes into a directory. False if the name was a symbolic link, whose target is now pending.
    private mutating func enter(_ name: [CChar]) throws(Errno) -> Bool {
        guard directories.count < PathResolution.maximumDepth else { throw .nametoolong }
        // With O_NOFOLLOW a link fails as not a directory, so nothing is entered that another call looked at before.
        let result = mayfly_openat(current, name, mayfly_o_path | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        if result >= 0 {
            directories.append(result)
            return true
        }
        if result == -ENOTDIR || result == -ELOOP, try expandLink(name) { return false }
        throw Errno(host: -result)
    }

    /// If the name is a symbolic link, puts its target in front of the pending path.
    private mutating func expandLink(_ name: [CChar]) throws(Errno) -> Bool {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlinkat(current, name, &target, target.count)
        if length < 0 {
            // Not a link, or nothing there (yet): whoever opens it will say.
            if errno == EINVAL || errno == ENOENT { return false }
            throw .current
        }
        linkCount += 1
        if linkCount > PathResolution.maximumLinks { throw .loop }
        guard length > 0 else { throw .noent }
        guard length < target.count else { throw .nametoolong }
        if target[0] == Self.slash { throw .notcapable }
        pending = target[..<length] + pending
        return true
    }

    /// Opens the last component, not through a link. Nil if a link came to lie there since the walk looked.
    private mutating func openLast(
        _ name: [CChar], flags: Int32, mode: mode_t, followsLast: Bool
    ) throws(Errno) -> Int32? {
        let result = mayfly_openat(current, name, flags | O_NOFOLLOW, mode)
        var isLink = result == -ELOOP
        if result >= 0 {
            guard followsLast, flags & mayfly_o_path != 0 else { return result }
            // With O_PATH and O_NOFOLLOW a link is opened itself.
            var status = stat()
            isLink = fstat(result, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
            guard isLink else { return result }
            close(result)
        }
        guard isLink, followsLast else { throw Errno(host: -result) }
        linkCount += 1
        if linkCount > PathResolution.maximumLinks { throw .loop }
        pending = name.dropLast() + pending
        return nil
    }
}
