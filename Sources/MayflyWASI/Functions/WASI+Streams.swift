//! Reading and writing: fd_read, fd_write, fd_pread, fd_pwrite.
//!
//! A guest's vectors are checked and translated once, and what a call transfers depends on that alone, whatever happens
//! to the guest's memory meanwhile. A transfer may be short, as anywhere in POSIX: of an output only as much is taken
//! as the guest's limit leaves.

internal import Glibc

extension WASI {
    /// Vectors that a call may have; the kernel's `IOV_MAX`, and that of C libraries for WASI.
    static let maximumVectorCount = 1024
    /// Bytes that a call transfers; the kernel's `MAX_RW_COUNT`. What does not fit an i32 looks like an error in C.
    private static let maximumTransfer = 0x7FFF_F000

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
        return try withOutput(memory, at: vectors, count: count, to: descriptor.file) { (vectors) throws(Errno) in
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
        return try withOutput(memory, at: vectors, count: count, to: descriptor.file) { (vectors) throws(Errno) in
            try descriptor.file.write(vectors, at: offset, for: self)
        }
    }

    /// Calls with as much of the guest's vectors as it may still write, and counts what was written.
    func withOutput(
        _ memory: GuestMemory, at address: UInt32, count: UInt32, to file: OpenFile,
        _ body: (Vectors) throws(Errno) -> Int
    ) throws(Errno) -> UInt32 {
        let written = try withVectors(memory, at: address, count: count, limit: remainingOutputByteCount) {
            (vectors, isCut) throws(Errno) in
            // Part of a message is another message.
            if isCut, file.keepsMessages { throw .nospc }
            return try body(vectors)
        }
        remainingOutputByteCount -= Int(written)
        return written
    }

    /// Does something that counts as so much output.
    func counting<Result>(_ byteCount: Int, _ body: () throws(Errno) -> Result) throws(Errno) -> Result {
        guard byteCount <= remainingOutputByteCount else { throw .nospc }
        let result = try body()
        remainingOutputByteCount -= byteCount
        return result
    }

    /// Calls with the guest's vectors, checked and translated, and turns the byte count into a WASI size.
    func withVectors(
        _ memory: GuestMemory, at address: UInt32, count: UInt32, _ body: (Vectors) throws(Errno) -> Int
    ) throws(Errno) -> UInt32 {
        try withVectors(memory, at: address, count: count, limit: .max) { (vectors, _) throws(Errno) in
            try body(vectors)
        }
    }

    /// The same with no more bytes than a limit, and whether there were more.
    ///
    /// - Throws: `nospc` if there is something to transfer and the limit is 0.
    private func withVectors(
        _ memory: GuestMemory, at address: UInt32, count: UInt32, limit: Int,
        _ body: (Vectors, _ isCut: Bool) throws(Errno) -> Int
    ) throws(Errno) -> UInt32 {
        let records = try memory.records(at: address, count: count, stride: 8)
        guard count <= Self.maximumVectorCount else { throw .inval }
        var isCut = false
        var remaining = min(limit, Self.maximumTransfer)
        func vector(_ index: Int) throws(Errno) -> iovec {
            let bytes = try memory.bytes(
                at: records.loadLittleEndian(UInt32.self, at: index * 8),
                count: records.loadLittleEndian(UInt32.self, at: index * 8 + 4))
            if limit == 0, !bytes.isEmpty { throw .nospc }
            let count = min(bytes.count, remaining)
            remaining -= count
            if count < bytes.count { isCut = true }
            return iovec(iov_base: bytes.baseAddress, iov_len: count)
        }
        let transferred: Int
        if count == 1 {
            let single = try vector(0)
            // The pointer is to a local, and good during the call.
            transferred = try withPointer(to: single) { (pointer) throws(Errno) in
                try body(UnsafeBufferPointer(start: pointer, count: 1), isCut)
            }
        } else {
            let buffer = UnsafeMutableBufferPointer<iovec>.allocate(capacity: Int(count))
            defer { buffer.deallocate() }
            for index in 0..<Int(count) { buffer.initializeElement(at: index, to: try vector(index)) }
            transferred = try body(UnsafeBufferPointer(buffer), isCut)
        }
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
