//! Reading and writing: fd_read, fd_write, fd_pread, fd_pwrite.
//!
//! The kernel reads from and writes to guest memory directly; nothing is copied on the way. A transfer may be short, as
//! anywhere in POSIX: at most 1024 vectors (the kernel's bound) are taken in one call.

internal import Glibc

extension WASI {
    /// Vectors taken in one call; the kernel's `IOV_MAX`.
    static let maximumVectorCount = 1024

    func fdRead(
        _ memory: GuestMemory, _ number: UInt32, _ vectors: UInt32, _ count: UInt32
    ) throws(Errno) -> UInt32 {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdRead)
        return try withVectors(memory, at: vectors, count: count) { (vectors) throws(Errno) in
            switch descriptor.object {
            case .host(let host):
                try requireReadiness(descriptor, host, POLLIN)
                return try interruptible { readv(host, vectors.baseAddress, Int32(vectors.count)) }
            case .null: return 0
            case .input:
                var total = 0
                for vector in vectors { total += input.read(into: vector.bytes) }
                return total
            case .output: throw .badf
            }
        }
    }

    func fdWrite(
        _ memory: GuestMemory, _ number: UInt32, _ vectors: UInt32, _ count: UInt32
    ) throws(Errno) -> UInt32 {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdWrite)
        return try withVectors(memory, at: vectors, count: count) { (vectors) throws(Errno) in
            switch descriptor.object {
            case .host(let host):
                try requireReadiness(descriptor, host, POLLOUT)
                if descriptor.isRegularFile {
                    return try interruptible { writev(host, vectors.baseAddress, Int32(vectors.count)) }
                }
                let mask = BrokenPipeMask()
                do throws(Errno) {
                    return try interruptible { writev(host, vectors.baseAddress, Int32(vectors.count)) }
                } catch {
                    if error == .pipe { mask.discardSignal() }
                    throw error
                }
            case .null: return vectors.reduce(0) { $0 + $1.iov_len }
            case .output(let capture):
                var written = 0
                for vector in vectors where vector.iov_len > 0 {
                    let count = self.capture(vector.bytes, as: capture)
                    written += count
                    if count < vector.iov_len {
                        if written == 0 { throw .nospc }
                        break
                    }
                }
                return written
            case .input: throw .badf
            }
        }
    }

    func fdPread(
        _ memory: GuestMemory, _ number: UInt32, _ vectors: UInt32, _ count: UInt32, offset: UInt64
    ) throws(Errno) -> UInt32 {
        let (descriptor, host) = try positionedFile(number)
        try descriptor.require([.fdRead, .fdSeek])
        let offset = try fileOffset(offset)
        return try withVectors(memory, at: vectors, count: count) { (vectors) throws(Errno) in
            try interruptible { preadv(host, vectors.baseAddress, Int32(vectors.count), offset) }
        }
    }

    func fdPwrite(
        _ memory: GuestMemory, _ number: UInt32, _ vectors: UInt32, _ count: UInt32, offset: UInt64
    ) throws(Errno) -> UInt32 {
        let (descriptor, host) = try positionedFile(number)
        try descriptor.require([.fdWrite, .fdSeek])
        let offset = try fileOffset(offset)
        return try withVectors(memory, at: vectors, count: count) { (vectors) throws(Errno) in
            try interruptible { pwritev(host, vectors.baseAddress, Int32(vectors.count), offset) }
        }
    }

    /// A descriptor that has positions, as far as one can tell without asking the kernel.
    private func positionedFile(_ number: UInt32) throws(Errno) -> (Descriptor, Int32) {
        let descriptor = try descriptors[number]
        guard case .host(let host) = descriptor.object else { throw .spipe }
        if descriptor.isDirectory { throw .isdir }
        return (descriptor, host)
    }

    /// Does for a stream shared with the host process what O_NONBLOCK would do: `again` instead of waiting.
    private func requireReadiness(_ descriptor: Descriptor, _ host: Int32, _ event: Int32) throws(Errno) {
        guard descriptor.emulatedFlags.contains(.nonblock) else { return }
        var request = pollfd(fd: host, events: Int16(event), revents: 0)
        if poll(&request, 1, 0) == 0 { throw .again }
    }

    /// Calls with the guest's vectors, checked and translated, and turns the byte count into a WASI size.
    private func withVectors(
        _ memory: GuestMemory, at address: UInt32, count: UInt32,
        _ body: (UnsafeBufferPointer<iovec>) throws(Errno) -> Int
    ) throws(Errno) -> UInt32 {
        let records = try memory.records(at: address, count: count, stride: 8)
        func vector(_ index: Int) throws(Errno) -> iovec {
            let bytes = try memory.bytes(
                at: records.loadLittleEndian(UInt32.self, at: index * 8),
                count: records.loadLittleEndian(UInt32.self, at: index * 8 + 4))
            return iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        }
        let transferred: Int
        if count == 1 {
            let single = try vector(0)
            // The pointer is to a local, and good during the call.
            transferred = try withPointer(to: single) { (pointer) throws(Errno) in
                try body(UnsafeBufferPointer(start: pointer, count: 1))
            }
        } else {
            let count = min(Int(count), Self.maximumVectorCount)
            let buffer = UnsafeMutableBufferPointer<iovec>.allocate(capacity: count)
            defer { buffer.deallocate() }
            for index in 0..<count { buffer.initializeElement(at: index, to: try vector(index)) }
            transferred = try body(UnsafeBufferPointer(buffer))
        }
        // The kernel transfers less than 2 GiB at a time; so do the streams in memory.
        return UInt32(clamping: transferred)
    }

    private func withPointer<Value, Result>(
        to value: Value, _ body: (UnsafePointer<Value>) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        try withUnsafePointer(to: value, body)
    }

    /// A file offset as the host's calls take it.
    func fileOffset(_ offset: UInt64) throws(Errno) -> off_t {
        guard let offset = off_t(exactly: offset) else { throw .inval }
        return offset
    }

    /// Makes a system call that a signal may interrupt, again and again until it is done or the guest shall stop.
    func interruptible<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
        while true {
            let result = call()
            if result >= 0 { return result }
            if errno != EINTR || isStopRequested?() == true { throw .current }
        }
    }

    /// The same for a call that returns a negated error number.
    func interruptibleUnnegated<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
        while true {
            let result = call()
            if result != -Result(EINTR) || isStopRequested?() == true { return try unnegated(result) }
        }
    }
}

extension iovec {
    fileprivate var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: iov_base, count: iov_len)
    }
}

/// Keeps SIGPIPE from the thread while it writes to a stream: a guest whose reader went away gets an error, and the
/// host process is not killed.
private struct BrokenPipeMask: ~Copyable {
    private var previous = sigset_t()
    private var brokenPipe = sigset_t()

    init() {
        sigemptyset(&brokenPipe)
        sigaddset(&brokenPipe, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &brokenPipe, &previous)
    }

    /// Takes the pending signal away.
    func discardSignal() {
        var noWait = timespec()
        withUnsafePointer(to: brokenPipe) { _ = sigtimedwait($0, nil, &noWait) }
    }

    deinit { withUnsafePointer(to: previous) { _ = pthread_sigmask(SIG_SETMASK, $0, nil) } }
}
