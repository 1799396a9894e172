//! What the pool can refuse or fail at. A message says what happened, where, and what to do about it.

internal import CPlatform
internal import Glibc

/// What went wrong with slots: their number, their size, or the operating system.
public enum PoolError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A system call failed. `name` as in its manual page, `errno` its error, `purpose` what it was for.
    case systemCall(name: String, errno: Int32, purpose: String)
    /// All slots are in use.
    case exhausted(slots: Int)
    /// A memory's initial size exceeds what a slot offers. Bytes.
    case memoryTooLarge(requested: UInt64, limit: UInt64)
    /// A module's types, tables and globals need more context than a slot offers. Bytes.
    case contextTooLarge(requested: Int, limit: Int)
    /// The initial tables need more elements than a slot offers for all mutable tables together.
    case tableTooLarge(requested: Int, limit: Int)
    /// The description of an image contradicts itself.
    case invalidImage(String)
    /// A value of `PoolConfiguration` cannot work.
    case invalidConfiguration(String)

    /// What happened and what can be done about it, for people.
    public var description: String {
        switch self {
        case .systemCall(let name, let error, let purpose):
            return "\(name) failed while \(purpose): \(Self.message(error)) (errno \(error)).\(Self.advice(error))"
        case .exhausted(let slots):
            return """
                all \(slots) slots of the pool are in use; release instances, limit how many run at once, \
                or raise PoolConfiguration.slotCount
                """
        case .memoryTooLarge(let requested, let limit):
            return """
                the memory starts with \(requested) bytes, \(limit) are allowed; \
                raise PoolConfiguration.maximumMemoryBytes (at most 4 GiB) or the template's memory limit
                """
        case .contextTooLarge(let requested, let limit):
            return """
                the module's types, tables and globals need a context of \(requested) bytes, a slot holds \(limit); \
                raise PoolConfiguration.contextBytes
                """
        case .tableTooLarge(let requested, let limit):
            return """
                the module's tables start with \(requested) elements, a slot holds \(limit); \
                raise PoolConfiguration.tableElements
                """
        case .invalidImage(let reason):
            return "the initial state of an instance is inconsistent: \(reason)"
        case .invalidConfiguration(let reason):
            return "PoolConfiguration: \(reason)"
        }
    }

    private static func message(_ error: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            String(cString: mayfly_error_message(error, buffer.baseAddress!, buffer.count))
        }
    }

    private static func advice(_ error: Int32) -> String {
        switch error {
        case ENOMEM:
            " Memory, the limit on address space (ulimit -v) or the number of mappings (vm.max_map_count) is used up:"
                + " lower PoolConfiguration.slotCount or raise the limit."
        case EMFILE, ENFILE: " Too many open files: raise ulimit -n; each template with data segments holds one."
        case EPERM, EACCES, ENOSYS: " A sandbox (seccomp, container policy) may forbid the call."
        default: ""
        }
    }
}

/// Turns the shims' errno into a thrown error.
@inline(__always)
func check(_ error: Int32, _ name: StaticString, _ purpose: @autoclosure () -> String) throws(PoolError) {
    if error != 0 { throw .systemCall(name: "\(name)", errno: error, purpose: purpose()) }
}
