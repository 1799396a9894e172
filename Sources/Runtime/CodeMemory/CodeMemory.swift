//! Where a module's machine code lies: written once, then executable, never both at a time.
//!
//! The code is copied into fresh pages, made read-only and executable with one mprotect, and registered with the fault
//! handler. Code in a file is not copied: its pages become executable where they are mapped. `mprotect` takes the
//! process-wide lock of the address space, so a module is published once, as a whole.

import CPlatform
import Compiler
import Glibc

/// Something the operating system refused.
public struct SystemError: Error, Hashable, Sendable {
    public var operation: String
    public var errno: Int32

    public init(operation: String, errno: Int32) {
        self.operation = operation
        self.errno = errno
    }

    /// Throws if the result of a call is an errno, and not 0.
    @inline(__always)
    static func check(_ error: Int32, _ operation: StaticString) throws(SystemError) {
        if error != 0 { throw SystemError(operation: "\(operation)", errno: error) }
    }
}

/// The executable mapping of one module. Unmapped at the end of its life: whoever runs the code keeps this alive.
final class CodeMemory: @unchecked Sendable {
    // Immutable after `init`, which is why this is Sendable.
    let base: UnsafeRawPointer
    /// Bytes of code.
    let count: Int
    private let mappedBytes: Int

    /// Publishes code: functions up to `functionsEnd`, and then stubs. A fault in it continues at `exitOffset`.
    init(text: [UInt8], functionsEnd: UInt32, exitOffset: UInt32) throws(SystemError) {
        count = text.count
        // An empty mapping is not possible, and a module without code still has its stubs.
        mappedBytes = (max(count, 1) + 4095) & ~4095
        guard let address = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            address != MAP_FAILED
        else { throw SystemError(operation: "mapping memory for code", errno: errno) }
        base = UnsafeRawPointer(address)
        text.withUnsafeBytes { address.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(address), byteCount: count) }
        guard mprotect(address, mappedBytes, PROT_READ | PROT_EXEC) == 0 else {
            let failure = SystemError(operation: "making code executable", errno: errno)
            munmap(address, mappedBytes)
            throw failure
        }
        try Self.register(address, count, mappedBytes, functionsEnd, exitOffset)
    }

    /// Takes over the code at a file's end. Where the system does not allow that, the code is copied.
    convenience init(_ file: MappedFile, _ range: Range<Int>, functionsEnd: UInt32, exitOffset: UInt32)
        throws(SystemError)
    {
        if let (base, mappedBytes) = file.takeCode(range) {
            try self.init(base, range.count, mappedBytes, functionsEnd, exitOffset)
        } else {
            try self.init(text: Array(file.bytes[range]), functionsEnd: functionsEnd, exitOffset: exitOffset)
        }
    }

    private init(
        _ address: UnsafeMutableRawPointer, _ count: Int, _ mappedBytes: Int, _ functionsEnd: UInt32,
        _ exitOffset: UInt32
    ) throws(SystemError) {
        self.count = count
        self.mappedBytes = mappedBytes
        base = UnsafeRawPointer(address)
        try Self.register(address, count, mappedBytes, functionsEnd, exitOffset)
    }

    /// Tells the fault handler of executable code; unmaps it if that fails.
    private static func register(
        _ address: UnsafeMutableRawPointer, _ count: Int, _ mappedBytes: Int, _ functionsEnd: UInt32,
        _ exitOffset: UInt32
    ) throws(SystemError) {
        let start = UInt(bitPattern: address)
        let exit = start + UInt(exitOffset)
        let error = mayfly_code_register(
            start, start + UInt(count), start + UInt(functionsEnd), exit, exit + UInt(CompiledCode.exitBytes))
        guard error != 0 else { return }
        munmap(address, mappedBytes)
        throw SystemError(operation: "registering code", errno: error)
    }

    deinit {
        mayfly_code_unregister(UInt(bitPattern: base))
        munmap(UnsafeMutableRawPointer(mutating: base), mappedBytes)
    }

    func address(_ offset: UInt32) -> UnsafeRawPointer { base + Int(offset) }

    /// The offset of an address in the code, if it lies there.
    func offset(_ address: UInt64) -> UInt32? {
        let distance = address &- UInt64(UInt(bitPattern: base))
        return distance < UInt64(count) ? UInt32(distance) : nil
    }
}
