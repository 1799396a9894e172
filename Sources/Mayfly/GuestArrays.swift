//! Parts of guest memory: looked at in place, or copied as numbers.
//!
//! Numbers are in little-endian order in guests, and in the only machines that there are, so that copying bytes is all.

public import Runtime

extension Instance {
    /// Looks at `count` bytes of the memory in place, from byte `address` on: nothing is copied.
    ///
    /// Inside, the guest cannot be called, and the other functions that touch the memory must not be used, as in
    /// ``withMemory(_:)``.
    ///
    /// - Throws: `MemoryAccessError` if not all of them lie in the memory; what `body` throws.
    @inlinable
    public borrowing func withBytes<Result>(
        at address: UInt32, count: Int, _ body: (RawSpan) throws -> Result
    ) throws -> Result {
        try store.withBytes(at: address, count: count, body)
    }

    /// Gives access to `count` bytes of the memory in place, from byte `address` on, under the rules of
    /// ``withMemory(_:)``.
    ///
    /// - Throws: `MemoryAccessError` if not all of them lie in the memory; what `body` throws.
    @inlinable
    public borrowing func withMutableBytes<Result>(
        at address: UInt32, count: Int, _ body: (inout MutableRawSpan) throws -> Result
    ) throws -> Result {
        try store.withMutableBytes(at: address, count: count, body)
    }

    /// Copies `count` numbers in little-endian order out of the memory, at any alignment.
    ///
    /// ```swift
    /// let points = try instance.readArray(of: Float.self, at: address, count: 3)
    /// ```
    ///
    /// - Throws: `MemoryAccessError` if not all of them lie in the memory; a negative count never does.
    @inlinable
    public borrowing func readArray<Number: MemoryNumber>(
        of type: Number.Type, at address: UInt32, count: Int
    ) throws(MemoryAccessError) -> [Number] {
        try store.readArray(of: type, at: address, count: count)
    }

    /// Copies numbers into the memory in little-endian order, at any alignment.
    ///
    /// - Throws: `MemoryAccessError`, with nothing written, if not all of them have a place in the memory.
    @inlinable
    public borrowing func writeArray<Number: MemoryNumber>(
        _ numbers: [Number], at address: UInt32
    ) throws(MemoryAccessError) {
        try store.writeBytes(numbers.span.bytes, at: address)
    }
}

extension Caller {
    /// Looks at `count` bytes of the memory in place, from byte `address` on: nothing is copied.
    ///
    /// Inside, the guest cannot be called, and the other functions that touch the memory must not be used, as in
    /// ``withMemory(_:)``.
    ///
    /// - Throws: `MemoryAccessError` if not all of them lie in the memory; what `body` throws.
    @inlinable
    public borrowing func withBytes<Result>(
        at address: UInt32, count: Int, _ body: (RawSpan) throws -> Result
    ) throws -> Result {
        try store.withBytes(at: address, count: count, body)
    }

    /// Gives access to `count` bytes of the memory in place, from byte `address` on, under the rules of
    /// ``withMemory(_:)``.
    ///
    /// - Throws: `MemoryAccessError` if not all of them lie in the memory; what `body` throws.
    @inlinable
    public borrowing func withMutableBytes<Result>(
        at address: UInt32, count: Int, _ body: (inout MutableRawSpan) throws -> Result
    ) throws -> Result {
        try store.withMutableBytes(at: address, count: count, body)
    }

    /// Copies `count` numbers in little-endian order out of the memory, at any alignment.
    ///
    /// ```swift
    /// let points = try caller.readArray(of: Float.self, at: address, count: 3)
    /// ```
    ///
    /// - Throws: `MemoryAccessError` if not all of them lie in the memory; a negative count never does.
    @inlinable
    public borrowing func readArray<Number: MemoryNumber>(
        of type: Number.Type, at address: UInt32, count: Int
    ) throws(MemoryAccessError) -> [Number] {
        try store.readArray(of: type, at: address, count: count)
    }

    /// Copies numbers into the memory in little-endian order, at any alignment.
    ///
    /// - Throws: `MemoryAccessError`, with nothing written, if not all of them have a place in the memory.
    @inlinable
    public borrowing func writeArray<Number: MemoryNumber>(
        _ numbers: [Number], at address: UInt32
    ) throws(MemoryAccessError) {
        try store.writeBytes(numbers.span.bytes, at: address)
    }
}

extension InstanceStore {
    @inlinable
    final func withBytes<Result>(
        at address: UInt32, count: Int, _ body: (RawSpan) throws -> Result
    ) throws -> Result {
        let pointer = try pointer(to: address, count: count)
        control.pointee.memoryBorrows = 1
        defer {
            control.pointee.memoryBorrows = 0
            withExtendedLifetime(self) {}
        }
        return try body(UnsafeRawBufferPointer(start: pointer, count: count).bytes)
    }

    @inlinable
    final func withMutableBytes<Result>(
        at address: UInt32, count: Int, _ body: (inout MutableRawSpan) throws -> Result
    ) throws -> Result {
        let pointer = try pointer(to: address, count: count)
        // As in `withMemory`.
        control.pointee.use.noteEscape()
        control.pointee.memoryBorrows = 1
        defer {
            control.pointee.memoryBorrows = 0
            withExtendedLifetime(self) {}
        }
        noteWrite()
        let buffer = UnsafeMutableRawBufferPointer(start: pointer, count: count)
        var span = buffer.mutableBytes
        return try body(&span)
    }

    @inlinable
    final func readArray<Number: MemoryNumber>(
        of type: Number.Type, at address: UInt32, count: Int
    ) throws(MemoryAccessError) -> [Number] {
        defer { withExtendedLifetime(self) {} }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Number>.stride)
        // What overflows is as far beyond the memory's end as a negative count.
        let source = try bytesToCopy(at: address, count: overflow ? -1 : bytes)
        return [Number](unsafeUninitializedCapacity: count) { target, initialized in
            if count > 0 { UnsafeMutableRawBufferPointer(target).copyMemory(from: UnsafeRawBufferPointer(source)) }
            initialized = count
        }
    }

    /// Guest bytes that exist, and of which the host may make a copy.
    @usableFromInline
    final func bytesToCopy(
        at address: UInt32, count: Int
    ) throws(MemoryAccessError) -> UnsafeBufferPointer<UInt8> {
        let pointer = try pointer(to: address, count: count)
        guard count <= copyAllowance else {
            throw MemoryAccessError(
                address: UInt64(address), count: UInt64(count), memorySize: memoryLength.pointee,
                copyLimit: limits?.copiedBytes)
        }
        noteCopy(count)
        return UnsafeBufferPointer(start: pointer.assumingMemoryBound(to: UInt8.self), count: count)
    }
}
