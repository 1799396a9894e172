//! Reading and writing: fd_read, fd_write, fd_pread, fd_pwrite.
//!
//! A guest's vectors are checked and translated once, and what a call transfers depends on that alone, whatever happens
//! to the guest's memory meanwhile. A transfer may be short, as anywhere in POSIX: at most 1024 vectors (the kernel's
//! bound) are taken in one call, and of an output only what the guest's limit leaves.

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
            try descriptor.file.read(vectors, for: self)
        }
    }

    func fdWrite(
        _ memory: GuestMemory, _ number: UInt32, _ vectors: UInt32, _ count: UInt32
    ) throws(Errno) -> UInt32 {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdWrite)
        return try withOutput(memory, at: vectors, count: count) { (vectors) throws(Errno) in
            try descriptor.file.write(vectors, for: self)
        }
    }

    func fdPread(
        _ memory: GuestMemory, _ number: UInt32, _ vectors: UInt32, _ count: UInt32, offset: UInt64
    ) throws(Errno) -> UInt32 {
        let descriptor = try descriptors[number]
        try descriptor.require([.fdRead, .fdSeek])
        let offset = try fileOffset(offset)
        return try withVectors(memory, at: vectors, count: count) { (vectors) throws(Errno) in
            try descriptor.file.read(vectors, at: offset, for: self)
        }
    }

    func fdPwrite(
        _ memory: GuestMemory, _ number: UInt32, _ vectors: UInt32, _ count: UInt32, offset: UInt64
    ) throws(Errno) -> UInt32 {
        let descriptor = try descriptors[number]
        try descriptor.require([.fdWrite, .fdSeek])
        let offset = try fileOffset(offset)
        return try withOutput(memory, at: vectors, count: count) { (vectors) throws(Errno) in
            try descriptor.file.write(vectors, at: offset, for: self)
        }
    }

    /// Calls with as much of the guest's vectors as it may still write, and counts what was written.
    func withOutput(
        _ memory: GuestMemory, at address: UInt32, count: UInt32, _ body: (Vectors) throws(Errno) -> Int
    ) throws(Errno) -> UInt32 {
        let written = try withVectors(memory, at: address, count: count, limit: remainingOutputByteCount, body)
        remainingOutputByteCount -= Int(written)
        return written
    }

    /// Calls with the guest's vectors, checked and translated, and turns the byte count into a WASI size.
    ///
    /// - Throws: `nospc` if there is something to transfer and the limit is 0.
    func withVectors(
        _ memory: GuestMemory, at address: UInt32, count: UInt32, limit: Int = .max,
        _ body: (Vectors) throws(Errno) -> Int
    ) throws(Errno) -> UInt32 {
        let records = try memory.records(at: address, count: count, stride: 8)
        var remaining = limit
        func vector(_ index: Int) throws(Errno) -> iovec {
            let bytes = try memory.bytes(
                at: records.loadLittleEndian(UInt32.self, at: index * 8),
                count: records.loadLittleEndian(UInt32.self, at: index * 8 + 4))
            if limit == 0, !bytes.isEmpty { throw .nospc }
            let count = min(bytes.count, remaining)
            remaining -= count
            return iovec(iov_base: bytes.baseAddress, iov_len: count)
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
            if errno != EINTR || isToStop { throw .current }
        }
    }

    /// The same for a call that returns a negated error number.
    func interruptibleUnnegated<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
        while true {
            let result = call()
            if result != -Result(EINTR) || isToStop { return try unnegated(result) }
        }
    }
}
