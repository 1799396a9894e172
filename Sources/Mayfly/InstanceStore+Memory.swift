//! The host's access to a guest's memory. Every address and size is checked against the memory as it is at that moment.

public import Runtime

/// The types that a host reads from and writes to guest memory: those of which every bit pattern is a value.
///
/// The library's conformances are the complete list.
public protocol MemoryNumber: BitwiseCopyable {}

extension Int8: MemoryNumber {}
extension UInt8: MemoryNumber {}
extension Int16: MemoryNumber {}
extension UInt16: MemoryNumber {}
extension Int32: MemoryNumber {}
extension UInt32: MemoryNumber {}
extension Int64: MemoryNumber {}
extension UInt64: MemoryNumber {}
extension Float: MemoryNumber {}
extension Double: MemoryNumber {}

extension InstanceStore {
    /// The address of guest bytes that exist.
    @inlinable @inline(__always)
    final func pointer(to address: UInt32, count: Int) throws(MemoryAccessError) -> UnsafeMutableRawPointer {
        precondition(
            control.pointee.memoryBorrows == 0, "overlapping accesses to guest memory: inside withMemory, use its span")
        let size = memoryLength.pointee
        // No sum that could overflow: `size` is at most 2^32, and a negative count is a large unsigned one.
        guard UInt64(address) <= size, UInt64(UInt(bitPattern: count)) <= size - UInt64(address) else {
            throw MemoryAccessError(address: UInt64(address), count: UInt64(UInt(bitPattern: count)), memorySize: size)
        }
        return memoryBase + Int(address)
    }

    @inlinable
    final func read<Number: MemoryNumber>(
        _ type: Number.Type, at address: UInt32
    ) throws(MemoryAccessError) -> Number {
        defer { withExtendedLifetime(self) {} }
        return try pointer(to: address, count: MemoryLayout<Number>.size).loadUnaligned(as: Number.self)
    }

    @inlinable
    final func write<Number: MemoryNumber>(_ value: Number, at address: UInt32) throws(MemoryAccessError) {
        defer { withExtendedLifetime(self) {} }
        let pointer = try pointer(to: address, count: MemoryLayout<Number>.size)
        noteWrite()
        pointer.storeBytes(of: value, as: Number.self)
    }

    @usableFromInline
    final func readBytes(at address: UInt32, count: Int) throws(MemoryAccessError) -> [UInt8] {
        defer { withExtendedLifetime(self) {} }
        return [UInt8](try bytesToCopy(at: address, count: count))
    }

    @inlinable
    final func writeBytes(_ bytes: RawSpan, at address: UInt32) throws(MemoryAccessError) {
        defer { withExtendedLifetime(self) {} }
        let pointer = try pointer(to: address, count: bytes.byteCount)
        noteWrite()
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { pointer.copyMemory(from: start, byteCount: source.count) }
        }
    }

    @inlinable
    final func withMemory<Result, Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // The span can be turned into a pointer, which can be used from anywhere, the kernel's asynchronous writes included.
        control.pointee.use.noteEscape()
        return try withMemoryOfThisThread(body)
    }

    /// As `withMemory`, for bodies whose every write, system calls included, is made by the calling thread before they end:
    /// then its page faults tell what they wrote to.
    @inlinable
    final func withMemoryOfThisThread<Result, Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(
            control.pointee.memoryBorrows == 0, "overlapping accesses to guest memory: withMemory inside withMemory")
        control.pointee.memoryBorrows = 1
        defer {
            control.pointee.memoryBorrows = 0
            withExtendedLifetime(self) {}
        }
        noteWrite()
        let buffer = UnsafeMutableRawBufferPointer(start: memoryBase, count: Int(memoryLength.pointee))
        var span = buffer.mutableBytes
        return try body(&span)
    }
}
