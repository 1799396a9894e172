//! What the modules of an engine share.

import CPlatform

/// The pools of slots and the numbering of signatures.
public final class EngineCore: Sendable {
    public enum Failure: Error {
        case pool(PoolError)
        case system(operation: String, errno: Int32)
    }

    public let pool: Pool
    /// Of dense slots, if the configuration has them.
    public let densePool: Pool?
    let signatures = SignatureTable()
    /// What a slot of the ordinary pool holds at most.
    let limits: PoolConfiguration
    /// Nanoseconds that a guest runs on before it lets others run, if it was called asynchronously; nil is for ever.
    let timeSlice: UInt64?

    /// Whether the fault handlers are the process's current ones.
    public static var faultHandlersAreCurrent: Bool { mayfly_traps_are_installed() != 0 }

    /// Function types that have an id now.
    public var signatureCount: Int { signatures.count }

    public init(pool configuration: PoolConfiguration, timeSlice: Duration? = nil) throws(Failure) {
        self.timeSlice = timeSlice?.nanoseconds
        do { try TrapHandler.install() } catch {
            throw .system(operation: error.operation, errno: error.errno)
        }
        limits = configuration
        do {
            pool = try Pool(configuration)
            densePool = try configuration.dense.map { dense throws(PoolError) in try Pool(dense, configuration) }
        } catch { throw .pool(error) }
    }
}
