//! WASI's error numbers, and the host's mapped onto them.
//!
//! Every WASI function returns one of these as an i32; raw values are those of `wasi_snapshot_preview1`.

internal import Glibc

/// An error number of WASI 0.1. As a thrown error it becomes the guest's return value.
enum Errno: UInt16, Error {
    case success = 0
    case toobig, acces, addrinuse, addrnotavail, afnosupport, again, already, badf, badmsg, busy
    case canceled, child, connaborted, connrefused, connreset, deadlk, destaddrreq, dom, dquot, exist
    case fault, fbig, hostunreach, idrm, ilseq, inprogress, intr, inval, io, isconn
    case isdir, loop, mfile, mlink, msgsize, multihop, nametoolong, netdown, netreset, netunreach
    case nfile, nobufs, nodev, noent, noexec, nolck, nolink, nomem, nomsg, noprotoopt
    case nospc, nosys, notconn, notdir, notempty, notrecoverable, notsock, notsup, notty, nxio
    case overflow, ownerdead, perm, pipe, proto, protonosupport, prototype, range, rofs, spipe
    case srch, stale, timedout, txtbsy, xdev
    /// A capability is missing: a dropped right, or a path that leaves its directory.
    case notcapable
}

extension Errno {
    /// The WASI number for a host error number.
    init(host: Int32) {
        self =
            switch host {
            case E2BIG: .toobig
            case EACCES: .acces
            case EADDRINUSE: .addrinuse
            case EADDRNOTAVAIL: .addrnotavail
            case EAFNOSUPPORT: .afnosupport
            case EAGAIN: .again
            case EALREADY: .already
            case EBADF: .badf
            case EBADMSG: .badmsg
            case EBUSY: .busy
            case ECANCELED: .canceled
            case ECHILD: .child
            case ECONNABORTED: .connaborted
            case ECONNREFUSED: .connrefused
            case ECONNRESET: .connreset
            case EDEADLK: .deadlk
            case EDESTADDRREQ: .destaddrreq
            case EDOM: .dom
            case EDQUOT: .dquot
            case EEXIST: .exist
            case EFAULT: .fault
            case EFBIG: .fbig
            case EHOSTUNREACH: .hostunreach
            case EIDRM: .idrm
            case EILSEQ: .ilseq
            case EINPROGRESS: .inprogress
            case EINTR: .intr
            case EINVAL: .inval
            case EISCONN: .isconn
            case EISDIR: .isdir
            case ELOOP: .loop
            case EMFILE: .mfile
            case EMLINK: .mlink
            case EMSGSIZE: .msgsize
            case EMULTIHOP: .multihop
            case ENAMETOOLONG: .nametoolong
            case ENETDOWN: .netdown
            case ENETRESET: .netreset
            case ENETUNREACH: .netunreach
            case ENFILE: .nfile
            case ENOBUFS: .nobufs
            case ENODEV: .nodev
            case ENOENT: .noent
            case ENOEXEC: .noexec
            case ENOLCK: .nolck
            case ENOLINK: .nolink
            case ENOMEM: .nomem
            case ENOMSG: .nomsg
            case ENOPROTOOPT: .noprotoopt
            case ENOSPC: .nospc
            case ENOSYS: .nosys
            case ENOTCONN: .notconn
            case ENOTDIR: .notdir
            case ENOTEMPTY: .notempty
            case ENOTRECOVERABLE: .notrecoverable
            case ENOTSOCK: .notsock
            case EOPNOTSUPP: .notsup
            case ENOTTY: .notty
            case ENXIO: .nxio
            case EOVERFLOW: .overflow
            case EOWNERDEAD: .ownerdead
            case EPERM: .perm
            case EPIPE: .pipe
            case EPROTO: .proto
            case EPROTONOSUPPORT: .protonosupport
            case EPROTOTYPE: .prototype
            case ERANGE: .range
            case EROFS: .rofs
            case ESPIPE: .spipe
            case ESRCH: .srch
            case ESTALE: .stale
            case ETIMEDOUT: .timedout
            case ETXTBSY: .txtbsy
            case EXDEV: .xdev
            default: .io
            }
    }

    /// What the last failed call of this thread left in `errno`.
    static var current: Errno { Errno(host: errno) }
}

/// The result of a call that returns -1 and sets `errno` on failure.
@discardableResult
func checked<Result: SignedInteger>(_ result: Result) throws(Errno) -> Result {
    if result < 0 { throw .current }
    return result
}

/// The result of a call that returns a negated error number on failure.
@discardableResult
func unnegated<Result: SignedInteger>(_ result: Result) throws(Errno) -> Result {
    if result < 0 { throw Errno(host: Int32(truncatingIfNeeded: -result)) }
    return result
}
