//! A guest's linear memory, as one host call sees it.
//!
//! Addresses and lengths come from the guest and are hostile: every access is checked against the size of the memory,
//! in 64-bit arithmetic that a 32-bit address and length cannot overflow. Outside it is `Errno.fault`, never a crash.
//! The value is good for the duration of the call only, for the memory may move or grow when the guest runs again.

struct GuestMemory {
    private let base: UnsafeMutableRawPointer?
    /// Bytes.
    let count: Int

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        base = bytes.baseAddress
        count = bytes.count
    }

    /// The given range of the memory.
    ///
    /// An empty range may lie anywhere up to the end of the memory, as everywhere in WebAssembly.
    func bytes(at address: UInt32, count length: Int) throws(Errno) -> UnsafeMutableRawBufferPointer {
        guard length >= 0, length <= count, Int(address) <= count - length else { throw .fault }
        return UnsafeMutableRawBufferPointer(start: base.map { $0 + Int(address) }, count: length)
    }

    func bytes(at address: UInt32, count length: UInt32) throws(Errno) -> UnsafeMutableRawBufferPointer {
        try bytes(at: address, count: Int(length))
    }

    /// The bytes of an array of `length` records of `stride` bytes. No overflow: both factors have 32 bits at most.
    func records(at address: UInt32, count length: UInt32, stride: Int) throws(Errno) -> UnsafeMutableRawBufferPointer {
        try bytes(at: address, count: Int(length) * stride)
    }

    func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type, at address: UInt32
    ) throws(Errno) -> Value {
        try bytes(at: address, count: MemoryLayout<Value>.size).loadLittleEndian(type, at: 0)
    }

    func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at address: UInt32) throws(Errno) {
        try bytes(at: address, count: MemoryLayout<Value>.size).storeLittleEndian(value, at: 0)
    }
}

extension UnsafeMutableRawBufferPointer {
    func loadLittleEndian<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
        Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }

    func storeLittleEndian<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
}
